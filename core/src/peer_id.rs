//! The libp2p peer id: the name of a node and the key of its record.
//!
//! A peer id is a multihash. Up to 42 bytes of public key are named by the key itself (identity
//! multihash), longer keys by their SHA-256
//! (<https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md>).

use core::{fmt, str::FromStr};

use heapless::Vec;
use sha2::{Digest, Sha256};

/// The most bytes that a peer id has.
pub const PEER_ID_SIZE_MAX: usize = 42;
/// The most characters that a peer id has in base58btc.
pub const PEER_ID_TEXT_MAX: usize = 60;

const MULTIHASH_IDENTITY: u8 = 0x00;
const MULTIHASH_SHA256: u8 = 0x12;

/// A peer id, at most 42 bytes.
#[derive(Clone, Copy)]
pub struct PeerId {
    size: u8,
    bytes: [u8; PEER_ID_SIZE_MAX],
}

/// Why bytes or a text are no peer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerIdError {
    /// The text is not base58btc, or is too long.
    Base58,
    /// The bytes are neither an identity multihash nor a SHA-256 multihash of the right length.
    Multihash,
}

impl fmt::Display for PeerIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PeerIdError::Base58 => "not a peer id: not base58btc text of at most 60 characters",
            PeerIdError::Multihash => "not a peer id: the bytes are not a peer id's multihash",
        })
    }
}

impl core::error::Error for PeerIdError {}

impl PeerId {
    /// Nobody, until somebody is known.
    pub(crate) const NONE: PeerId = PeerId { size: 0, bytes: [0; PEER_ID_SIZE_MAX] };

    /// Checks the form of `bytes`, the multihash. Whether the key in it can sign is another
    /// question: see [`PublicKey::of`](crate::PublicKey::of).
    pub fn from_bytes(bytes: &[u8]) -> Result<PeerId, PeerIdError> {
        let well_formed = match bytes {
            [MULTIHASH_IDENTITY, length, key @ ..] => {
                usize::from(*length) == key.len() && !key.is_empty()
            }
            [MULTIHASH_SHA256, 32, digest @ ..] => digest.len() == 32,
            _ => false,
        };
        if !well_formed || bytes.len() > PEER_ID_SIZE_MAX {
            return Err(PeerIdError::Multihash);
        }
        let mut peer_id = PeerId { size: 0, bytes: [0; PEER_ID_SIZE_MAX] };
        peer_id.bytes[..bytes.len()].copy_from_slice(bytes);
        peer_id.size = u8::try_from(bytes.len()).expect("a peer id has at most 42 bytes");
        Ok(peer_id)
    }

    /// The peer id of a public key in libp2p's protobuf form, if it is short enough to be named by
    /// itself.
    pub(crate) fn of_protobuf_key(protobuf: &[u8]) -> PeerId {
        let mut bytes = Vec::<u8, PEER_ID_SIZE_MAX>::new();
        let length = u8::try_from(protobuf.len()).expect("an elliptic curve key is short");
        bytes
            .extend_from_slice(&[MULTIHASH_IDENTITY, length])
            .and_then(|()| bytes.extend_from_slice(protobuf))
            .expect("an elliptic curve key fits a peer id");
        PeerId::from_bytes(&bytes).expect("just built as an identity multihash")
    }

    /// The multihash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.size)]
    }

    /// The public key's protobuf form, if the id holds it.
    pub(crate) fn protobuf_key(&self) -> Option<&[u8]> {
        match self.as_bytes() {
            [MULTIHASH_IDENTITY, _, key @ ..] => Some(key),
            _ => None,
        }
    }

    /// The position in the roll's order: the first 8 bytes of the SHA-256 of the id, big-endian.
    ///
    /// Peer ids share a prefix and can be ground by whoever makes them; their hashes are spread
    /// evenly, and grinding b bits costs 2^b key generations.
    pub fn order_key(&self) -> u64 {
        PeerId::order_key_of(self.as_bytes())
    }

    /// The same of bytes that may be no peer id.
    pub(crate) fn order_key_of(bytes: &[u8]) -> u64 {
        let digest = Sha256::digest(bytes);
        let mut key = [0; 8];
        key.copy_from_slice(&digest[..8]);
        u64::from_be_bytes(key)
    }

    /// The 4 bytes that stand for this id as a writer in statements: the first 4 of its SHA-256.
    pub fn hint(&self) -> Hint {
        let digest = Sha256::digest(self.as_bytes());
        let mut hint = [0; 4];
        hint.copy_from_slice(&digest[..4]);
        Hint(hint)
    }

    /// The text form in a buffer of its own, without allocation.
    pub fn to_text(&self) -> heapless::String<PEER_ID_TEXT_MAX> {
        let mut buffer = [0u8; PEER_ID_TEXT_MAX];
        let length = bs58::encode(self.as_bytes())
            .onto(&mut buffer[..])
            .expect("42 bytes are at most 58 characters of base58");
        let text = core::str::from_utf8(&buffer[..length]).expect("base58 is ASCII");
        heapless::String::try_from(text).expect("a peer id's text fits")
    }
}

impl PartialEq for PeerId {
    fn eq(&self, other: &PeerId) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for PeerId {}

impl core::hash::Hash for PeerId {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialOrd for PeerId {
    fn partial_cmp(&self, other: &PeerId) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PeerId {
    fn cmp(&self, other: &PeerId) -> core::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_text())
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self})")
    }
}

impl FromStr for PeerId {
    type Err = PeerIdError;

    /// Reads base58btc text, as `12D3KooW...`, `16Uiu2HA...` or `Qm...`.
    fn from_str(text: &str) -> Result<PeerId, PeerIdError> {
        if text.len() > PEER_ID_TEXT_MAX {
            return Err(PeerIdError::Base58);
        }
        let mut buffer = [0u8; PEER_ID_TEXT_MAX];
        let Ok(size) = bs58::decode(text).onto(&mut buffer[..]) else {
            return Err(PeerIdError::Base58);
        };
        PeerId::from_bytes(&buffer[..size])
    }
}

/// A writer in short: the first 4 bytes of the SHA-256 of its peer id.
///
/// There are few authorities, so 4 bytes tell them apart; the full id is in what is signed.
/// All zero stands for nobody.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Hint(pub [u8; 4]);

impl Hint {
    /// Stands for nobody, as the home of a node that has none.
    pub const NONE: Hint = Hint([0; 4]);

    /// Whether this names somebody.
    pub fn is_some(&self) -> bool {
        *self != Hint::NONE
    }
}

impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hint({:08x})", u32::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 3] = [
        "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9",
        "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X",
        "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
    ];

    #[test]
    fn text_and_bytes_round_trip() {
        for text in TEXTS {
            let peer_id: PeerId = text.parse().expect("valid");
            assert_eq!(peer_id.to_text(), text);
            assert_eq!(PeerId::from_bytes(peer_id.as_bytes()), Ok(peer_id));
        }
    }

    #[test]
    fn what_is_no_peer_id_is_refused() {
        for text in ["", "0OIl", "16Uiu2HA", "hello world", &"1".repeat(61), &"z".repeat(60)] {
            assert!(text.parse::<PeerId>().is_err(), "{text:?}");
        }
        assert!(PeerId::from_bytes(&[0; 43]).is_err());
        assert!(PeerId::from_bytes(&[0, 0]).is_err());
        assert!(PeerId::from_bytes(&[0x12, 0x20, 1]).is_err());
    }

    #[test]
    fn every_truncation_and_extension_is_refused() {
        let peer_id: PeerId = TEXTS[0].parse().expect("valid");
        for length in 0..peer_id.as_bytes().len() {
            assert!(PeerId::from_bytes(&peer_id.as_bytes()[..length]).is_err());
        }
    }
}
