//! Which keys and signatures count. Implementations differ in the corners, and replicas must not:
//! what one takes in, all must.

use rollbook_core::{Keypair, PeerId, PublicKey, Signer, Verifier, VerifyError};
use serde::{Deserialize, Serialize};

use crate::{
    golden::{Hex, from_hex, golden},
    keys::{KeyVector, Who, keys},
};

const MESSAGE: &[u8] = b"rollbook";

/// The order of ed25519's base point, little-endian.
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
/// The order of secp256k1's base point, big-endian.
const SECP256K1_ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

/// The eight points of small order, and six more ways to write some of them.
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

/// `node`'s signature made with the identity point as `R`: the equation holds, and holds for
/// whoever leaves out the check of `R`.
const SMALL_ORDER_R: &str = "0100000000000000000000000000000000000000000000000000000000000000\
                             504a76f8e43f7892168c11dadf34ee2dcf11ac5979ebac9193cd19d07ae49d06";
/// `node`'s key plus a point of order 8.
const MIXED_ORDER_KEY: &str = "9ea3f11f5bd34f0cd7147fd0a436c088f624c6100c1df6a53c0a29e05d60cea0";
/// A signature under that key for which the equation without cofactor holds.
const MIXED_ORDER_VALID: &str = "5866666666666666666666666666666666666666666666666666666666666666\
                                 32fb3c832e745e751fd93755d426755cecbb9bc733e3d424be85f9a3ad56bd00";
/// One for which only the equation with cofactor holds.
const MIXED_ORDER_COFACTORED: &str = "c9a3f86aae465f0e56513864510f3997561fa2c9e85ea21dc2292309f3cd6022\
     5c981802a6733bdcfcf2bd895f12fa17d18064a81b425589d3b78f9fdc45f30b";

/// ECDSA over secp256k1 and SHA-256 with nonces of RFC 6979, as other implementations publish it:
/// the scalar 1, two messages, `r` and `s`.
const RFC_6979: [(&[u8], &str, &str); 2] = [
    (
        b"Satoshi Nakamoto",
        "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8",
        "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5",
    ),
    (
        b"All those moments will be lost in time, like tears in rain. Time to die...",
        "8600dbd41e348fe5c9465ab92d23e3db8b98b873beecd930736488696438cb6b",
        "547fe64427496db33bf66019dacbf0039c04199abb0122918601db38a72cfc21",
    ),
];

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    about: String,
    keys: Vec<KeyVector>,
    checked_keys: Vec<CheckedKey>,
    signatures: Vec<SignatureVector>,
}

/// Whether statements of a key may count at all.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CheckedKey {
    name: String,
    key_type: String,
    public_key: Hex,
    peer_id: String,
    error: Option<String>,
}

/// Whether a signature counts.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SignatureVector {
    name: String,
    peer_id: String,
    message: Hex,
    signature: Hex,
    error: Option<String>,
}

fn unhex(text: &str) -> Vec<u8> {
    from_hex(text).expect("hexadecimal digits")
}

fn ed25519(text: &str) -> PublicKey {
    PublicKey::Ed25519(Hex(unhex(text)).array())
}

fn named(result: Result<(), VerifyError>) -> Option<String> {
    result.err().map(|error| format!("{error:?}"))
}

fn verify(peer_id: &PeerId, message: &[u8], signature: &[u8]) -> Option<String> {
    named(Who::Node.keys().verify(peer_id, message, signature))
}

/// `signature` with the group's order added to `s`.
pub(crate) fn unreduced(signature: &[u8]) -> Vec<u8> {
    let mut unreduced = signature.to_vec();
    let mut carry = 0u16;
    for (byte, order) in unreduced[32..].iter_mut().zip(unhex(ED25519_ORDER)) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    unreduced
}

/// `r` and `s` of a DER signature, without leading zeros.
fn split_der(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let integer = |at: usize| {
        assert_eq!(der[at], 2, "an integer");
        let size = usize::from(der[at + 1]);
        let bytes = &der[at + 2..at + 2 + size];
        (bytes.strip_prefix(&[0]).unwrap_or(bytes).to_vec(), at + 2 + size)
    };
    let (r, next) = integer(2);
    let (s, _) = integer(next);
    (r, s)
}

/// An unsigned integer in DER.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes[0] & 0x80 == 0 { &[] } else { &[0] };
    let size = u8::try_from(sign.len() + bytes.len()).expect("an integer is short");
    [&[2, size], sign, bytes].concat()
}

fn sequence(integers: &[Vec<u8>]) -> Vec<u8> {
    let content = integers.concat();
    let size = u8::try_from(content.len()).expect("a signature is short");
    [&[0x30, size], &content[..]].concat()
}

/// The other signature that every signature gives: `n - s` in place of `s`.
pub(crate) fn high_s(der: &[u8]) -> Vec<u8> {
    let (r, s) = split_der(der);
    let mut difference = unhex(SECP256K1_ORDER);
    let mut borrow = 0i16;
    for (byte, subtrahend) in difference.iter_mut().rev().zip(s.iter().rev().chain([&0; 32])) {
        let value = i16::from(*byte) - i16::from(*subtrahend) - borrow;
        borrow = i16::from(value < 0);
        *byte = value.to_le_bytes()[0];
    }
    sequence(&[integer(&r), integer(&difference)])
}

/// A DER signature with a needless zero before `r`.
pub(crate) fn loose_der(der: &[u8]) -> Vec<u8> {
    let (r, s) = split_der(der);
    let padded = [&[0], &r[..]].concat();
    let padded = if r[0] & 0x80 == 0 { padded } else { [&[0], &padded[..]].concat() };
    let size = u8::try_from(padded.len()).expect("an integer is short");
    sequence(&[[&[2, size], &padded[..]].concat(), integer(&s)])
}

fn checked_keys() -> Vec<CheckedKey> {
    let check = |name: &str, key: PublicKey| {
        let (key_type, public_key) = match key {
            PublicKey::Ed25519(key) => ("ed25519", Hex::of(&key)),
            PublicKey::Secp256k1(key) => ("secp256k1", Hex::of(&key)),
            _ => unreachable!("there are two kinds of keys"),
        };
        CheckedKey {
            name: name.to_owned(),
            key_type: key_type.to_owned(),
            public_key,
            peer_id: key.peer_id().to_string(),
            error: named(key.check()),
        }
    };
    let mut keys = vec![
        check("ed25519", Who::Node.keys().public_key()),
        check("plus a point of order 8", ed25519(MIXED_ORDER_KEY)),
        check("no point of the curve", PublicKey::Ed25519([2; 32])),
    ];
    keys.extend(SMALL_ORDER.map(|key| check("of small order", ed25519(key))));

    let PublicKey::Secp256k1(key) = Who::EthereumNode.keys().public_key() else {
        unreachable!("it is a secp256k1 key");
    };
    let with = |tag: u8, x: &[u8]| PublicKey::Secp256k1(Hex([&[tag], x].concat()).array());
    keys.push(check("secp256k1", PublicKey::Secp256k1(key)));
    keys.push(check("the other point of the same x", with(key[0] ^ 1, &key[1..])));
    for tag in [0, 1, 4, 5, 6, 7] {
        keys.push(check("with another tag than 2 and 3", with(tag, &key[1..])));
    }
    keys.push(check("no point of the curve", with(2, &[5; 32])));
    keys.push(check("x over the field's prime", with(2, &[0xff; 32])));
    keys
}

fn signatures() -> Vec<SignatureVector> {
    let case = |name: &str, peer_id: PeerId, message: &[u8], signature: Vec<u8>| SignatureVector {
        name: name.to_owned(),
        peer_id: peer_id.to_string(),
        message: Hex::of(message),
        error: verify(&peer_id, message, &signature),
        signature: Hex(signature),
    };
    let node = Who::Node.peer_id();
    let good = Who::Node.keys().sign(MESSAGE).to_vec();
    let mixed = ed25519(MIXED_ORDER_KEY).peer_id();
    let identity_point = ed25519(SMALL_ORDER[0]).peer_id();
    let anything = [unhex(SMALL_ORDER[0]), vec![0; 32]].concat();
    let mut cases = vec![
        case("ed25519", node, MESSAGE, good.clone()),
        case("of no bytes", node, b"", Who::Node.keys().sign(b"").to_vec()),
        case("of another message", node, b"rollbook.", good.clone()),
        case("of another node", Who::Stranger.peer_id(), MESSAGE, good.clone()),
        case("s + L", node, MESSAGE, unreduced(&good)),
        case("R of small order", node, MESSAGE, unhex(SMALL_ORDER_R)),
        case("under a key of small order", identity_point, MESSAGE, anything),
        case("mixed order, no cofactor needed", mixed, MESSAGE, unhex(MIXED_ORDER_VALID)),
        case("mixed order, cofactor needed", mixed, MESSAGE, unhex(MIXED_ORDER_COFACTORED)),
        case("cut short", node, MESSAGE, good[..63].to_vec()),
        case("a byte too many", node, MESSAGE, [&good[..], &[0]].concat()),
        case("empty", node, MESSAGE, vec![]),
    ];

    let one = Keypair::secp256k1(Hex(unhex(&format!("{:064x}", 1))).array()).expect("in range");
    for (message, _, _) in RFC_6979 {
        cases.push(case("secp256k1", one.peer_id(), message, one.sign(message).to_vec()));
    }
    let node = Who::EthereumNode.peer_id();
    let good = Who::EthereumNode.keys().sign(MESSAGE).to_vec();
    let (r, s) = split_der(&good);
    let order = unhex(SECP256K1_ORDER);
    let long_length = [&[0x30, 0x81], &good[1..]].concat();
    cases.extend([
        case("secp256k1", node, MESSAGE, good.clone()),
        case("of another message", node, b"rollbook.", good.clone()),
        case("high s", node, MESSAGE, high_s(&good)),
        case("a needless zero before r", node, MESSAGE, loose_der(&good)),
        case("a length in the long form", node, MESSAGE, long_length),
        case("a byte too many", node, MESSAGE, [&good[..], &[0]].concat()),
        case("cut short", node, MESSAGE, good[..good.len() - 1].to_vec()),
        case("r = 0", node, MESSAGE, sequence(&[vec![2, 1, 0], integer(&s)])),
        case("s = 0", node, MESSAGE, sequence(&[integer(&r), vec![2, 1, 0]])),
        case("r = n", node, MESSAGE, sequence(&[integer(&order), integer(&s)])),
        case("r and s without DER", node, MESSAGE, [r, s].concat()),
        case("empty", node, MESSAGE, vec![]),
    ]);
    let hashed = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().expect("valid");
    cases.push(case("a peer id that is a hash", hashed, MESSAGE, good));
    cases
}

fn file() -> File {
    File {
        about: "Public keys and signatures over plain messages, with the error that they meet; \
                null where they count."
            .to_owned(),
        keys: keys(),
        checked_keys: checked_keys(),
        signatures: signatures(),
    }
}

#[test]
fn keys_and_signatures_count_as_in_the_file() {
    let file = golden("signatures.json", &file());
    for vector in &file.checked_keys {
        let peer_id: PeerId = vector.peer_id.parse().expect("valid");
        let key = PublicKey::of(&peer_id).expect("the id holds a key");
        assert_eq!(named(key.check()), vector.error, "{}", vector.name);
        assert_eq!(key.peer_id(), peer_id);
    }
    for vector in &file.signatures {
        let peer_id: PeerId = vector.peer_id.parse().expect("valid");
        let error = verify(&peer_id, &vector.message.0, &vector.signature.0);
        assert_eq!(error, vector.error, "{}", vector.name);
    }
    let good = ["ed25519", "of no bytes", "mixed order, no cofactor needed", "secp256k1"];
    for vector in &file.signatures {
        assert_eq!(vector.error.is_none(), good.contains(&&vector.name[..]), "{}", vector.name);
    }
}

#[test]
fn secp256k1_nonces_are_those_of_rfc_6979() {
    let one = Keypair::secp256k1(Hex(unhex(&format!("{:064x}", 1))).array()).expect("in range");
    for (message, r, s) in RFC_6979 {
        let expected = sequence(&[integer(&unhex(r)), integer(&unhex(s))]);
        assert_eq!(one.sign(message)[..], expected);
    }
}
