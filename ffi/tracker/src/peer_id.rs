//! Peer ids: bytes, text, and what is in them.

use rollbook_core::{
    PEER_ID_SIZE_MAX, PEER_ID_TEXT_MAX, PeerId, PublicKey, SIGNATURE_SIZE_MAX, Signer as _,
};

use crate::{
    args::{self, Buffer, Out, Plain},
    code::{
        Answer, Code, ROLLBOOK_E_ARGUMENT, ROLLBOOK_E_KEY, ROLLBOOK_E_PEER_ID,
        ROLLBOOK_E_SIGNATURE, ROLLBOOK_NOTHING,
    },
    guard::guard,
    keys::Keys,
};

/// The most bytes of a peer id.
pub const ROLLBOOK_PEER_ID_SIZE_MAX: usize = 42;
/// The most bytes of a peer id as text.
pub const ROLLBOOK_PEER_ID_TEXT_MAX: usize = 60;
/// The most bytes of a signature.
pub const ROLLBOOK_SIGNATURE_SIZE_MAX: usize = 72;

const _: () = assert!(ROLLBOOK_PEER_ID_SIZE_MAX == PEER_ID_SIZE_MAX);
const _: () = assert!(ROLLBOOK_PEER_ID_TEXT_MAX == PEER_ID_TEXT_MAX);
const _: () = assert!(ROLLBOOK_SIGNATURE_SIZE_MAX == SIGNATURE_SIZE_MAX);

/// A peer id: the multihash of a public key, or with the key in it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct rollbook_peer_id_t {
    /// How many bytes it has, at most `ROLLBOOK_PEER_ID_SIZE_MAX`; 0 for nobody.
    pub size: u8,
    /// The bytes, then zeros.
    pub bytes: [u8; 47],
}

// SAFETY: it is made of bytes alone.
unsafe impl Plain for rollbook_peer_id_t {}

impl rollbook_peer_id_t {
    /// Nobody.
    pub(crate) const NONE: rollbook_peer_id_t = rollbook_peer_id_t { size: 0, bytes: [0; 47] };

    /// The peer id in it.
    pub fn read(&self) -> Answer<PeerId> {
        let bytes = self.bytes.get(..self.size.into()).ok_or(Code(ROLLBOOK_E_PEER_ID))?;
        PeerId::from_bytes(bytes).map_err(|_why| Code(ROLLBOOK_E_PEER_ID))
    }
}

impl From<&PeerId> for rollbook_peer_id_t {
    fn from(peer_id: &PeerId) -> rollbook_peer_id_t {
        let mut plain = rollbook_peer_id_t::NONE;
        let bytes = peer_id.as_bytes();
        plain.bytes[..bytes.len()].copy_from_slice(bytes);
        plain.size = u8::try_from(bytes.len()).expect("at most 42 bytes");
        plain
    }
}

impl From<Option<PeerId>> for rollbook_peer_id_t {
    fn from(peer_id: Option<PeerId>) -> rollbook_peer_id_t {
        peer_id.as_ref().map_or(rollbook_peer_id_t::NONE, rollbook_peer_id_t::from)
    }
}

/// Reads a peer id as text: base58btc, as libp2p writes it.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_PEER_ID`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_peer_id_parse(
    text: *const u8,
    text_size: usize,
    peer_id: *mut rollbook_peer_id_t,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointers, as described.
        let (text, mut out) = unsafe { (args::text(text, text_size)?, Out::new(peer_id)?) };
        let read: PeerId = text.parse().map_err(|_why| Code(ROLLBOOK_E_PEER_ID))?;
        out.put((&read).into());
        Ok(())
    })
}

/// Checks that bytes are a peer id, and takes them.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_peer_id_from_bytes(
    bytes: *const u8,
    size: usize,
    peer_id: *mut rollbook_peer_id_t,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointers, as described.
        let (read, mut out) = unsafe { (args::peer_id(bytes, size)?, Out::new(peer_id)?) };
        out.put((&read).into());
        Ok(())
    })
}

/// Writes a peer id as text, without a zero at its end.
///
/// @param text room for `ROLLBOOK_PEER_ID_TEXT_MAX` bytes
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`, `ROLLBOOK_E_PEER_ID`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_peer_id_text(
    peer_id: *const u8,
    peer_id_size: usize,
    text: *mut u8,
    text_capacity: usize,
    text_size: *mut usize,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointers, as described.
        let (peer_id, mut out) = unsafe {
            let peer_id = args::peer_id(peer_id, peer_id_size)?;
            (peer_id, Buffer::new(text, text_capacity, text_size, ROLLBOOK_PEER_ID_TEXT_MAX)?)
        };
        let written = peer_id.to_text();
        out.bytes[..written.len()].copy_from_slice(written.as_bytes());
        out.put_used(written.len());
        Ok(())
    })
}

/// The peer id of a private key.
///
/// @param key_kind one of `ROLLBOOK_KEY_*`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_ARGUMENT`, `ROLLBOOK_E_KEY`,
///         `ROLLBOOK_E_PEER_ID`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_peer_id_of_key(
    key_kind: u8,
    key: *const u8,
    key_size: usize,
    peer_id: *mut rollbook_peer_id_t,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointers, as described.
        let (key, mut out) = unsafe { (args::bytes(key, key_size)?, Out::new(peer_id)?) };
        out.put((&Keys::of(key_kind, key)?.peer_id()).into());
        Ok(())
    })
}

/// Signs `message`, as `rollbook_verify` checks it.
///
/// @param key_kind one of `ROLLBOOK_KEY_*`, with the key in memory
/// @param signature room for `ROLLBOOK_SIGNATURE_SIZE_MAX` bytes
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`, `ROLLBOOK_E_KEY`,
///         `ROLLBOOK_E_ARGUMENT` for a key that is outside
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_sign(
    key_kind: u8,
    key: *const u8,
    key_size: usize,
    message: *const u8,
    message_size: usize,
    signature: *mut u8,
    signature_capacity: usize,
    signature_size: *mut usize,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointers, as described.
        let (key, message) =
            unsafe { (args::bytes(key, key_size)?, args::bytes(message, message_size)?) };
        let Keys::Held(keys) = Keys::of(key_kind, key)? else {
            return Err(Code(ROLLBOOK_E_ARGUMENT));
        };
        let (signed, size) = (keys.sign(message), ROLLBOOK_SIGNATURE_SIZE_MAX);
        // SAFETY: the caller's pointers, as described. What was read is not looked at any more.
        let mut out = unsafe { Buffer::new(signature, signature_capacity, signature_size, size) }?;
        out.bytes[..signed.len()].copy_from_slice(&signed);
        out.put_used(signed.len());
        Ok(())
    })
}

/// Checks that a signature over `message` is that of the key in a peer id: ed25519 strictly, and
/// secp256k1 as ECDSA over SHA-256 with low s in strict DER.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_KEY` where the id
///         holds no key that can be checked, or a weak one, `ROLLBOOK_E_SIGNATURE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_verify(
    peer_id: *const u8,
    peer_id_size: usize,
    message: *const u8,
    message_size: usize,
    signature: *const u8,
    signature_size: usize,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointers, as described.
        let (peer_id, message, signature) = unsafe {
            (
                args::peer_id(peer_id, peer_id_size)?,
                args::bytes(message, message_size)?,
                args::bytes(signature, signature_size)?,
            )
        };
        let key = PublicKey::of(&peer_id).ok_or(Code(ROLLBOOK_E_KEY))?;
        key.check().map_err(|_why| Code(ROLLBOOK_E_KEY))?;
        key.verify(message, signature).map_err(|_why| Code(ROLLBOOK_E_SIGNATURE))
    })
}

/// The Ethereum address of a peer id with a secp256k1 key, computed from it: 20 bytes.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` for other keys, or where the library was built without
///         them; `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_ethereum_address(
    peer_id: *const u8,
    peer_id_size: usize,
    address: *mut u8,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointers, as described.
        let (peer_id, mut out) = unsafe {
            (args::peer_id(peer_id, peer_id_size)?, Out::new(address.cast::<[u8; 20]>())?)
        };
        out.put(ethereum_address(&peer_id).ok_or(Code(ROLLBOOK_NOTHING))?);
        Ok(())
    })
}

/// The Ethereum address of a peer id, where it has one.
#[cfg(feature = "secp256k1")]
pub(crate) fn ethereum_address(peer_id: &PeerId) -> Option<[u8; 20]> {
    rollbook_core::EthAddress::of(peer_id).map(|address| address.0)
}

#[cfg(not(feature = "secp256k1"))]
pub(crate) fn ethereum_address(_peer_id: &PeerId) -> Option<[u8; 20]> {
    None
}
