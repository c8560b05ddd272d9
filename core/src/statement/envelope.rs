//! What is signed: libp2p's signed-envelope form
//! (<https://github.com/libp2p/specs/blob/master/RFC/0002-signed-envelopes.md>), so that Go and
//! JavaScript nodes make and check statements with calls that they have.

use heapless::Vec;

use crate::{limits::SIGNING_SIZE_MAX, network::Network, peer_id::PeerId};

/// The payload type of a statement's envelope.
const PAYLOAD_TYPE: &[u8] = b"/rollbook/statement/1";
/// What stands before the network's name in the envelope's domain.
const DOMAIN_PREFIX: &[u8] = b"/rollbook/";

/// The bytes that `writer` signs for `payload` in `network`.
///
/// The domain names the network and the envelope's payload begins with the writer's full peer id,
/// so neither a statement of another network nor one whose writer's hint collides can pass.
///
/// ```text
/// varint size | "/rollbook/" network | varint size | "/rollbook/statement/1"
///             | varint size | writer size (1) | writer | payload
/// ```
pub fn envelope(network: &Network, writer: &PeerId, payload: &[u8]) -> Vec<u8, SIGNING_SIZE_MAX> {
    let mut bytes = Vec::new();
    let mut append = |part: &[u8]| {
        bytes.extend_from_slice(part).expect("the parts of an envelope are bounded");
    };
    let name = network.as_str().as_bytes();
    append(&varint(DOMAIN_PREFIX.len() + name.len()));
    append(DOMAIN_PREFIX);
    append(name);
    append(&varint(PAYLOAD_TYPE.len()));
    append(PAYLOAD_TYPE);
    let writer = writer.as_bytes();
    append(&varint(1 + writer.len() + payload.len()));
    append(&varint(writer.len()));
    append(writer);
    append(payload);
    bytes
}

/// `value` as an unsigned LEB128 varint of up to two bytes.
fn varint(value: usize) -> Vec<u8, 2> {
    let value = u16::try_from(value).expect("the parts of an envelope are bounded");
    let [low, _] = (value & 0x7f).to_le_bytes();
    let [high, rest] = (value >> 7).to_le_bytes();
    debug_assert!(rest == 0 && high < 0x80, "sizes below 2^14");
    if high == 0 {
        Vec::from_slice(&[low]).expect("one byte fits")
    } else {
        Vec::from_slice(&[low | 0x80, high]).expect("two bytes fit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_length_prefixed() {
        let writer: PeerId =
            "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X".parse().expect("valid");
        let payload = [9; 200];
        let bytes = envelope(&"main".parse().expect("valid"), &writer, &payload);
        let mut expected = std::vec::Vec::new();
        expected.extend_from_slice(b"\x0e/rollbook/main\x15/rollbook/statement/1");
        expected.extend_from_slice(&[(239 & 0x7f) | 0x80, 1, 38]);
        expected.extend_from_slice(writer.as_bytes());
        expected.extend_from_slice(&payload);
        assert_eq!(bytes[..], expected);
    }
}
