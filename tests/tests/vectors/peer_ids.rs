//! Peer ids: text, bytes, and what is computed from them.

use rollbook_core::{PeerId, PublicKey};
use serde::{Deserialize, Serialize};

use crate::{
    golden::{Hex, golden},
    keys::{KeyVector, Who, keys},
};

/// Peer ids of live secp256k1 nodes, whose Ethereum addresses are known from elsewhere.
const LIVE: [(&str, &str); 3] = [
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
];
/// An ed25519 key, and the hash of an RSA key.
const OTHERS: [&str; 2] = [
    "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X",
    "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
];

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    about: String,
    keys: Vec<KeyVector>,
    /// In the roll's order.
    peer_ids: Vec<PeerIdVector>,
    refused_texts: Vec<RefusedText>,
    refused_bytes: Vec<RefusedBytes>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PeerIdVector {
    text: String,
    bytes: Hex,
    hint: Hex,
    /// The order key as 8 bytes, big-endian.
    order_key: Hex,
    /// `ed25519` or `secp256k1`; null where the id holds no such key.
    key_type: Option<String>,
    public_key: Option<Hex>,
    eth_address: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RefusedText {
    text: String,
    error: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RefusedBytes {
    name: String,
    bytes: Hex,
    error: String,
}

fn describe(peer_id: &PeerId) -> PeerIdVector {
    let (key_type, public_key) = match PublicKey::of(peer_id) {
        Some(PublicKey::Ed25519(key)) => (Some("ed25519"), Some(Hex::of(&key))),
        Some(PublicKey::Secp256k1(key)) => (Some("secp256k1"), Some(Hex::of(&key))),
        _ => (None, None),
    };
    PeerIdVector {
        text: peer_id.to_string(),
        bytes: Hex::of(peer_id.as_bytes()),
        hint: Hex::of(&peer_id.hint().0),
        order_key: Hex::of(&peer_id.order_key().to_be_bytes()),
        key_type: key_type.map(str::to_owned),
        public_key,
        eth_address: peer_id.eth_address().map(|address| address.to_string()),
    }
}

/// A peer id of an identity multihash over `key`, whatever that is.
fn of_key(key: &[u8]) -> PeerId {
    let size = u8::try_from(key.len()).expect("a short key");
    PeerId::from_bytes(&[&[0, size], key].concat()).expect("a short key")
}

fn file() -> File {
    let texts = LIVE.iter().map(|(text, _)| *text).chain(OTHERS);
    let mut peer_ids: Vec<PeerId> = texts.map(|text| text.parse().expect("valid")).collect();
    peer_ids.extend(Who::ALL.map(Who::peer_id));
    // No key that can sign: the shortest and the longest there are, and a key with more behind it.
    peer_ids.push(of_key(&[7]));
    peer_ids.push(of_key(&[0xff; 40]));
    peer_ids.push(of_key(&[&[0x08, 0x01, 0x12, 0x20][..], &[9; 33]].concat()));
    peer_ids.sort_by_key(|peer_id| (peer_id.order_key(), *peer_id));

    let long = "1".repeat(61);
    let cid = "bafzaajaiaejcbzdibmxyzdjbbehgvizh6g5tikvy47mshdy3gwbruvzjg5nmvb6w";
    let texts = ["", "0OIl", "16Uiu2HA", "hello world", &long, cid, "12D3KooW ", "QmYyQSo1c1Ym"];
    let bytes: [(&str, Vec<u8>); 9] = [
        ("empty", vec![]),
        ("no length", vec![0]),
        ("an empty key", vec![0, 0]),
        ("a key cut short", [&[0, 36][..], &[8; 35]].concat()),
        ("a key with a byte too many", [&[0, 36][..], &[8; 37]].concat()),
        ("a key of 41 bytes", [&[0, 41][..], &[8; 41]].concat()),
        ("a SHA-256 cut short", [&[0x12, 32][..], &[8; 31]].concat()),
        ("a SHA-256 of another length", [&[0x12, 20][..], &[8; 20]].concat()),
        ("another hash function", [&[0x13, 32][..], &[8; 32]].concat()),
    ];
    File {
        about:
            "Peer ids as base58btc text and as bytes (multihash), with hint, order key, key and \
                Ethereum address; in the roll's order. Then texts and bytes that are none."
                .to_owned(),
        keys: keys(),
        peer_ids: peer_ids.iter().map(describe).collect(),
        refused_texts: texts
            .into_iter()
            .map(|text| RefusedText {
                text: text.to_owned(),
                error: format!("{:?}", text.parse::<PeerId>().expect_err("no peer id")),
            })
            .collect(),
        refused_bytes: bytes
            .into_iter()
            .map(|(name, bytes)| RefusedBytes {
                name: name.to_owned(),
                error: format!("{:?}", PeerId::from_bytes(&bytes).expect_err("no peer id")),
                bytes: Hex(bytes),
            })
            .collect(),
    }
}

#[test]
fn peer_ids_are_as_in_the_file() {
    let file = golden("peer_ids.json", &file());
    for vector in &file.peer_ids {
        let of_text: PeerId = vector.text.parse().expect("valid");
        let of_bytes = PeerId::from_bytes(&vector.bytes.0).expect("valid");
        assert_eq!(of_text, of_bytes);
        assert_eq!(describe(&of_text), *vector);
        assert!(of_text.order_key().to_be_bytes().starts_with(&vector.hint.0));
    }
    for (text, address) in LIVE {
        let vector = file.peer_ids.iter().find(|vector| vector.text == text).expect("it is there");
        assert_eq!(vector.eth_address.as_deref(), Some(address));
    }
}
