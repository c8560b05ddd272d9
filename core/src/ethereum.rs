//! The Ethereum address of a secp256k1 node: computed from its peer id, never trusted.

use core::fmt;

use sha3::{Digest, Keccak256};

use crate::{key::PublicKey, peer_id::PeerId};

/// An Ethereum address. Displayed with EIP-55's mixed-case checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthAddress(pub [u8; 20]);

impl EthAddress {
    /// The address of the key in `peer_id`; `None` unless that is a valid secp256k1 key.
    ///
    /// It is the last 20 bytes of the Keccak-256 of the uncompressed public key without its
    /// leading byte.
    pub fn of(peer_id: &PeerId) -> Option<EthAddress> {
        let Some(PublicKey::Secp256k1(key)) = PublicKey::of(peer_id) else {
            return None;
        };
        let key = crate::key::secp256k1_key(&key).ok()?;
        let point = key.to_sec1_point(false);
        let digest = Keccak256::digest(&point.as_bytes()[1..]);
        let mut address = [0; 20];
        address.copy_from_slice(&digest[12..]);
        Some(EthAddress(address))
    }
}

impl PeerId {
    /// The Ethereum address of the same key, if it is a secp256k1 key.
    pub fn eth_address(&self) -> Option<EthAddress> {
        EthAddress::of(self)
    }
}

impl fmt::Display for EthAddress {
    /// `0x` and 40 hexadecimal digits; a letter is upper case where the matching digit of the
    /// Keccak-256 of the lower-case text is 8 or more (EIP-55).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let mut text = [0u8; 40];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        let digest = Keccak256::digest(text);
        for (index, letter) in text.iter_mut().enumerate() {
            let byte = digest[index / 2];
            let digit = if index % 2 == 0 { byte >> 4 } else { byte & 15 };
            if digit >= 8 {
                letter.make_ascii_uppercase();
            }
        }
        f.write_str("0x")?;
        f.write_str(core::str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn addresses_of_live_nodes_are_computed_from_their_peer_ids() {
        for (peer_id, address) in [
            (
                "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9",
                "0xfcf04285bf18a18Db4f346E28bfe3914B9776eF7",
            ),
            (
                "16Uiu2HAm9P1PDBVktwivMPrT839zWNFdX9hyJ7VYmshrTsutrcus",
                "0x45161D2799A089Ea1f27A52DFBbB614F4b0c17c6",
            ),
            (
                "16Uiu2HAm9Nkz9kEMnL1YqPTtXZHQZ1E9rhquwSqKNsUViqTojLZt",
                "0xD25BEc1B8C90415A0b24C468cA1845eEB2929364",
            ),
        ] {
            let peer_id = peer_id.parse().expect("a live node's id");
            assert_eq!(EthAddress::of(&peer_id).expect("secp256k1").to_string(), address);
        }
    }

    #[test]
    fn ed25519_node_has_no_address() {
        let peer_id = "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X".parse();
        assert_eq!(EthAddress::of(&peer_id.expect("valid")), None);
    }
}
