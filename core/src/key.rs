//! Keys: who can sign, and how a signature is checked against a peer id.
//!
//! Both kinds of key are checked strictly, so that one signature has one form: ed25519 by
//! RFC 8032 with small-order keys refused, secp256k1 as ECDSA over SHA-256 with low `s` and
//! strict DER. Signing and verifying are traits, so that a secure element may do either.

use core::fmt;

use ed25519_dalek::Signer as _;

use crate::peer_id::PeerId;

/// The most bytes that a signature has: DER of two 33-byte integers.
pub const SIGNATURE_SIZE_MAX: usize = 72;

/// A signature, at most 72 bytes.
pub type Signature = heapless::Vec<u8, SIGNATURE_SIZE_MAX>;

const PROTOBUF_ED25519: [u8; 4] = [0x08, 0x01, 0x12, 0x20];
const PROTOBUF_SECP256K1: [u8; 4] = [0x08, 0x02, 0x12, 0x21];

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// The peer id names a hash of its key, or a kind of key that is not supported here.
    UnsupportedKey,
    /// The key is no point of its curve, or is of small order (anything verifies under it).
    WeakKey,
    /// The signature is malformed, not in its one accepted form, or not this key's.
    BadSignature,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VerifyError::UnsupportedKey => "the peer id's kind of key is not supported",
            VerifyError::WeakKey => "the peer id's key is weak or invalid",
            VerifyError::BadSignature => "the signature is not valid",
        })
    }
}

impl core::error::Error for VerifyError {}

/// Signs for one node.
pub trait Signer {
    /// The peer id whose signatures these are.
    fn peer_id(&self) -> PeerId;
    /// Signs `message`. An empty signature says that it is made elsewhere: it is asked for by
    /// [`poll_signature`](crate::NodeEventTracker::poll_signature).
    fn sign(&self, message: &[u8]) -> Signature;
}

/// Checks signatures of any node.
pub trait Verifier {
    /// Checks that `signature` over `message` is that of `writer`.
    fn verify(&self, writer: &PeerId, message: &[u8], signature: &[u8]) -> Result<(), VerifyError>;
}

/// The public key inside a peer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKey {
    /// The 32 bytes of an ed25519 key.
    Ed25519([u8; 32]),
    /// The 33 bytes of a compressed secp256k1 key.
    Secp256k1([u8; 33]),
}

impl PublicKey {
    /// The key that `peer_id` holds; `None` if it is the hash of a key, or of another kind.
    pub fn of(peer_id: &PeerId) -> Option<PublicKey> {
        let protobuf = peer_id.protobuf_key()?;
        if let Some(key) = protobuf.strip_prefix(&PROTOBUF_ED25519) {
            return key.try_into().ok().map(PublicKey::Ed25519);
        }
        let key = protobuf.strip_prefix(&PROTOBUF_SECP256K1)?;
        key.try_into().ok().map(PublicKey::Secp256k1)
    }

    /// The peer id that holds this key.
    pub fn peer_id(&self) -> PeerId {
        let mut protobuf = heapless::Vec::<u8, 40>::new();
        let filled = match self {
            PublicKey::Ed25519(key) => protobuf
                .extend_from_slice(&PROTOBUF_ED25519)
                .and_then(|()| protobuf.extend_from_slice(key)),
            PublicKey::Secp256k1(key) => protobuf
                .extend_from_slice(&PROTOBUF_SECP256K1)
                .and_then(|()| protobuf.extend_from_slice(key)),
        };
        filled.expect("a prefix of 4 and a key of 33 bytes fit");
        PeerId::of_protobuf_key(&protobuf)
    }

    /// Checks `signature` over `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        match self {
            PublicKey::Ed25519(key) => verify_ed25519(key, message, signature),
            #[cfg(feature = "secp256k1")]
            PublicKey::Secp256k1(key) => verify_secp256k1(key, message, signature),
            #[cfg(not(feature = "secp256k1"))]
            PublicKey::Secp256k1(_) => Err(VerifyError::UnsupportedKey),
        }
    }

    /// Whether the key is one that signatures may count under: a point of its curve, and not of
    /// small order.
    pub fn check(&self) -> Result<(), VerifyError> {
        match self {
            PublicKey::Ed25519(key) => match ed25519_dalek::VerifyingKey::from_bytes(key) {
                Ok(key) if !key.is_weak() => Ok(()),
                _ => Err(VerifyError::WeakKey),
            },
            #[cfg(feature = "secp256k1")]
            PublicKey::Secp256k1(key) => secp256k1_key(key).map(|_| ()),
            #[cfg(not(feature = "secp256k1"))]
            PublicKey::Secp256k1(_) => Err(VerifyError::UnsupportedKey),
        }
    }
}

fn verify_ed25519(key: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
    let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(key) else {
        return Err(VerifyError::WeakKey);
    };
    if key.is_weak() {
        return Err(VerifyError::WeakKey);
    }
    let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else {
        return Err(VerifyError::BadSignature);
    };
    key.verify_strict(message, &signature).map_err(|_mismatch| VerifyError::BadSignature)
}

/// A key in SEC 1's compressed form, which is the one that libp2p writes. The library reads its
/// compact form too (tag 5), which would give one key two peer ids.
#[cfg(feature = "secp256k1")]
pub(crate) fn secp256k1_key(key: &[u8; 33]) -> Result<k256::ecdsa::VerifyingKey, VerifyError> {
    if !matches!(key[0], 2 | 3) {
        return Err(VerifyError::WeakKey);
    }
    k256::ecdsa::VerifyingKey::from_sec1_bytes(key).map_err(|_no_point| VerifyError::WeakKey)
}

#[cfg(feature = "secp256k1")]
fn verify_secp256k1(key: &[u8; 33], message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
    use k256::ecdsa::signature::Verifier as _;
    let key = secp256k1_key(key)?;
    let Ok(signature) = k256::ecdsa::Signature::from_der(signature) else {
        return Err(VerifyError::BadSignature);
    };
    // Of the two signatures that any signature gives, (r, s) and (r, n - s), one counts.
    if signature.normalize_s() != signature {
        return Err(VerifyError::BadSignature);
    }
    key.verify(message, &signature).map_err(|_mismatch| VerifyError::BadSignature)
}

/// A secret key in memory; signs for its node and verifies for all.
#[derive(Clone)]
#[non_exhaustive]
pub enum Keypair {
    /// An ed25519 key.
    Ed25519(ed25519_dalek::SigningKey),
    /// A secp256k1 key.
    #[cfg(feature = "secp256k1")]
    Secp256k1(k256::ecdsa::SigningKey),
}

impl Keypair {
    /// The ed25519 key of a 32-byte seed (RFC 8032, section 5.1.5).
    pub fn ed25519(seed: [u8; 32]) -> Keypair {
        Keypair::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// The secp256k1 key of a 32-byte scalar; `WeakKey` if that is zero or not below the order.
    #[cfg(feature = "secp256k1")]
    pub fn secp256k1(scalar: [u8; 32]) -> Result<Keypair, VerifyError> {
        k256::ecdsa::SigningKey::from_slice(&scalar)
            .map(Keypair::Secp256k1)
            .map_err(|_out_of_range| VerifyError::WeakKey)
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        match self {
            Keypair::Ed25519(key) => PublicKey::Ed25519(key.verifying_key().to_bytes()),
            #[cfg(feature = "secp256k1")]
            Keypair::Secp256k1(key) => {
                let point = key.verifying_key().to_sec1_point(true);
                let bytes = point.as_bytes().try_into();
                PublicKey::Secp256k1(bytes.expect("a compressed point has 33 bytes"))
            }
        }
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keypair({})", self.peer_id())
    }
}

impl Signer for Keypair {
    fn peer_id(&self) -> PeerId {
        self.public_key().peer_id()
    }

    fn sign(&self, message: &[u8]) -> Signature {
        let signature = match self {
            Keypair::Ed25519(key) => Signature::from_slice(&key.sign(message).to_bytes()),
            #[cfg(feature = "secp256k1")]
            Keypair::Secp256k1(key) => {
                let signature: k256::ecdsa::Signature = key.sign(message);
                Signature::from_slice(signature.normalize_s().to_der().as_bytes())
            }
        };
        signature.expect("a signature has at most 72 bytes")
    }
}

impl Verifier for Keypair {
    fn verify(&self, writer: &PeerId, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        PublicKey::of(writer).ok_or(VerifyError::UnsupportedKey)?.verify(message, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ed25519() -> Keypair {
        Keypair::ed25519([7; 32])
    }

    /// The order of the ed25519 base point, little-endian: `s + order` verifies where `s` is not
    /// checked to be reduced.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];

    #[test]
    fn own_signature_verifies_and_any_flipped_bit_does_not() {
        let keys = ed25519();
        let signature = keys.sign(b"message");
        let writer = keys.peer_id();
        assert_eq!(keys.verify(&writer, b"message", &signature), Ok(()));
        assert!(keys.verify(&writer, b"massage", &signature).is_err());
        for bit in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(keys.verify(&writer, b"message", &flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn unreduced_ed25519_signature_is_refused() {
        let keys = ed25519();
        let mut signature = keys.sign(b"message");
        let mut carry = 0u16;
        for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
            carry += u16::from(*byte) + u16::from(order);
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        assert_eq!(
            keys.verify(&keys.peer_id(), b"message", &signature),
            Err(VerifyError::BadSignature)
        );
    }

    #[test]
    fn small_order_key_is_weak() {
        let mut identity_point = [0; 32];
        identity_point[0] = 1;
        let key = PublicKey::Ed25519(identity_point);
        assert_eq!(key.check(), Err(VerifyError::WeakKey));
        let mut signature = [0; 64];
        signature[0] = 1;
        assert_eq!(key.verify(b"anything", &signature), Err(VerifyError::WeakKey));
    }

    #[test]
    fn hashed_peer_id_cannot_sign() {
        let peer_id = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().expect("valid");
        assert_eq!(
            ed25519().verify(&peer_id, b"message", &[0; 64]),
            Err(VerifyError::UnsupportedKey)
        );
    }

    #[cfg(feature = "secp256k1")]
    #[test]
    fn high_s_and_loose_der_are_refused() {
        let keys = Keypair::secp256k1([7; 32]).expect("a scalar in range");
        let signature = keys.sign(b"message");
        let writer = keys.peer_id();
        assert_eq!(keys.verify(&writer, b"message", &signature), Ok(()));

        let parsed = k256::ecdsa::Signature::from_der(&signature).expect("own signature");
        let (r, s) = parsed.split_scalars();
        let high = k256::ecdsa::Signature::from_scalars(r, -s).expect("valid scalars").to_der();
        assert_eq!(
            keys.verify(&writer, b"message", high.as_bytes()),
            Err(VerifyError::BadSignature)
        );

        let mut padded = signature.clone();
        padded.push(0).expect("fits");
        assert_eq!(keys.verify(&writer, b"message", &padded), Err(VerifyError::BadSignature));
        assert!(Keypair::secp256k1([0; 32]).is_err());
        assert!(Keypair::secp256k1([0xff; 32]).is_err());
    }

    #[cfg(feature = "secp256k1")]
    #[test]
    fn key_in_compact_form_is_refused() {
        let keys = Keypair::secp256k1([7; 32]).expect("a scalar in range");
        let PublicKey::Secp256k1(mut key) = keys.public_key() else { unreachable!("secp256k1") };
        assert_eq!(PublicKey::Secp256k1(key).check(), Ok(()));
        for tag in [0, 1, 4, 5, 6, 7] {
            key[0] = tag;
            assert_eq!(PublicKey::Secp256k1(key).check(), Err(VerifyError::WeakKey), "{tag}");
        }
    }

    #[test]
    fn peer_id_of_an_ed25519_key_starts_with_12d3koow() {
        assert!(ed25519().peer_id().to_text().starts_with("12D3KooW"));
        assert_eq!(PublicKey::of(&ed25519().peer_id()), Some(ed25519().public_key()));
    }
}
