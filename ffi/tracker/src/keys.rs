//! Who signs: a key in memory, or somebody outside.

use rollbook_core::{Keypair, PeerId, PublicKey, Signature, Signer, Verifier, VerifyError};

use crate::code::{Answer, Code, ROLLBOOK_E_ARGUMENT, ROLLBOOK_E_KEY, ROLLBOOK_E_PEER_ID};

/// The 32 bytes of the seed of an ed25519 key (RFC 8032).
pub const ROLLBOOK_KEY_ED25519: u8 = 1;
/// The 32 bytes of the scalar of a secp256k1 key.
pub const ROLLBOOK_KEY_SECP256K1: u8 = 2;
/// A private key of either kind as libp2p stores it: protobuf, as `MarshalPrivateKey` of go-libp2p
/// gives it.
pub const ROLLBOOK_KEY_LIBP2P: u8 = 3;
/// A peer id, whose key is elsewhere, a secure element or another process: signatures are asked
/// for by `rollbook_tracker_poll_signature`.
pub const ROLLBOOK_KEY_OUTSIDE: u8 = 4;

/// The fields of libp2p's private key message: its type, and the bytes of the key. See
/// <https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md>.
const PROTOBUF_ED25519: [u8; 2] = [0x08, 1];
const PROTOBUF_SECP256K1: [u8; 2] = [0x08, 2];
/// The tag of the bytes.
const PROTOBUF_DATA: u8 = 0x12;

/// Signs for one node, or leaves that to others; verifies for all.
#[derive(Debug)]
pub(crate) enum Keys {
    Held(Keypair),
    Outside(PeerId),
}

impl Keys {
    /// The key of a kind that a caller hands in.
    pub(crate) fn of(kind: u8, bytes: &[u8]) -> Answer<Keys> {
        match kind {
            ROLLBOOK_KEY_ED25519 => ed25519(bytes).map(Keys::Held),
            ROLLBOOK_KEY_SECP256K1 => secp256k1(bytes).map(Keys::Held),
            ROLLBOOK_KEY_LIBP2P => libp2p(bytes).map(Keys::Held),
            ROLLBOOK_KEY_OUTSIDE => PeerId::from_bytes(bytes)
                .map(Keys::Outside)
                .map_err(|_why| Code(ROLLBOOK_E_PEER_ID)),
            _ => Err(Code(ROLLBOOK_E_ARGUMENT)),
        }
    }
}

fn ed25519(seed: &[u8]) -> Answer<Keypair> {
    let seed = seed.try_into().map_err(|_another_size| Code(ROLLBOOK_E_KEY))?;
    Ok(Keypair::ed25519(seed))
}

#[cfg(feature = "secp256k1")]
fn secp256k1(scalar: &[u8]) -> Answer<Keypair> {
    let scalar = scalar.try_into().map_err(|_another_size| Code(ROLLBOOK_E_KEY))?;
    Keypair::secp256k1(scalar).map_err(|_out_of_range| Code(ROLLBOOK_E_KEY))
}

#[cfg(not(feature = "secp256k1"))]
fn secp256k1(_scalar: &[u8]) -> Answer<Keypair> {
    Err(Code(ROLLBOOK_E_KEY))
}

/// A key in protobuf. Of ed25519 there are two forms: the seed with the public key, and with the
/// public key once more behind it.
fn libp2p(bytes: &[u8]) -> Answer<Keypair> {
    let bad = Code(ROLLBOOK_E_KEY);
    let (kind, data) = bytes.split_first_chunk::<2>().ok_or(bad)?;
    let [PROTOBUF_DATA, size, data @ ..] = data else { return Err(bad) };
    if usize::from(*size) != data.len() {
        return Err(bad);
    }
    match *kind {
        PROTOBUF_ED25519 => {
            let (seed, public) = data.split_first_chunk::<32>().ok_or(bad)?;
            let keys = ed25519(seed)?;
            let PublicKey::Ed25519(own) = keys.public_key() else { return Err(bad) };
            let is_own = matches!(public.len(), 32 | 64)
                && public.chunks_exact(32).all(|public| public == own);
            if is_own { Ok(keys) } else { Err(bad) }
        }
        PROTOBUF_SECP256K1 => secp256k1(data),
        _ => Err(bad),
    }
}

impl Signer for Keys {
    fn peer_id(&self) -> PeerId {
        match self {
            Keys::Held(keys) => keys.peer_id(),
            Keys::Outside(peer_id) => *peer_id,
        }
    }

    fn sign(&self, message: &[u8]) -> Signature {
        match self {
            Keys::Held(keys) => keys.sign(message),
            // The tracker asks for it.
            Keys::Outside(_) => Signature::new(),
        }
    }
}

impl Verifier for Keys {
    fn verify(&self, writer: &PeerId, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        PublicKey::of(writer).ok_or(VerifyError::UnsupportedKey)?.verify(message, signature)
    }
}
