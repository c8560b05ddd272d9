//! What a node wants done, one thing at a time. `drain` takes all of it at once.

use rollbook_core::{
    MAX_FRAME, MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE, Version, limits::SIGNING_SIZE_MAX,
};

use crate::{
    args::{Buffer, Out, now},
    code::{Code, ROLLBOOK_NOTHING},
    handle::{enter, rollbook_tracker_t},
    peer_id::rollbook_peer_id_t,
};

/// The most bytes of a journal frame.
pub const ROLLBOOK_FRAME_SIZE_MAX: usize = 1024;
/// The most bytes of a gossip message.
pub const ROLLBOOK_GOSSIP_SIZE_MAX: usize = 4096;
/// The bytes of a request that always suffice.
pub const ROLLBOOK_REQUEST_SIZE_MAX: usize = 8192;
/// The bytes of a response that always suffice.
pub const ROLLBOOK_RESPONSE_SIZE_MAX: usize = 16384;
/// The most bytes that are to be signed.
pub const ROLLBOOK_SIGNING_SIZE_MAX: usize = 832;

const _: () = assert!(ROLLBOOK_FRAME_SIZE_MAX == MAX_FRAME);
const _: () = assert!(ROLLBOOK_GOSSIP_SIZE_MAX == MAX_GOSSIP);
const _: () = assert!(ROLLBOOK_REQUEST_SIZE_MAX == MAX_REQUEST);
const _: () = assert!(ROLLBOOK_RESPONSE_SIZE_MAX == MAX_RESPONSE);
const _: () = assert!(ROLLBOOK_SIGNING_SIZE_MAX == SIGNING_SIZE_MAX);

/// Writes what is to be signed next, where the key is outside (`ROLLBOOK_KEY_OUTSIDE`). The
/// signature comes back by `rollbook_tracker_handle_signature` or
/// `rollbook_tracker_handle_signature_failed`; until then nothing else is asked for, and what
/// depends on it waits.
///
/// @param out room for `ROLLBOOK_SIGNING_SIZE_MAX` bytes
/// @param id takes what names it
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`,
///         `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_poll_signature(
    tracker: *mut rollbook_tracker_t,
    out: *mut u8,
    capacity: usize,
    size: *mut usize,
    id: *mut u64,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let mut id = Out::new(id)?;
            let mut out = Buffer::new(out, capacity, size, ROLLBOOK_SIGNING_SIZE_MAX)?;
            let asked = node.started()?.poll_signature(out.bytes).ok_or(Code(ROLLBOOK_NOTHING))?;
            out.put_used(asked.len);
            id.put(id_of(asked.version));
            Ok(())
        })
    }
}

/// What names a signature that is asked for.
pub(crate) fn id_of(version: Version) -> u64 {
    u64::from(version.epoch) << 32 | u64::from(version.seq)
}

/// Writes the next frame of the journal, to be appended to it.
///
/// @param out room for `ROLLBOOK_FRAME_SIZE_MAX` bytes
/// @param position takes its number, for `rollbook_tracker_handle_journal_synced`
/// @param must_sync takes 1 where something waits for it to be durable
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`,
///         `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_poll_journal(
    tracker: *mut rollbook_tracker_t,
    out: *mut u8,
    capacity: usize,
    size: *mut usize,
    position: *mut u64,
    must_sync: *mut u8,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let (mut position, mut must_sync) = (Out::new(position)?, Out::new(must_sync)?);
            let mut out = Buffer::new(out, capacity, size, ROLLBOOK_FRAME_SIZE_MAX)?;
            let frame = node.started()?.poll_journal(out.bytes).ok_or(Code(ROLLBOOK_NOTHING))?;
            out.put_used(frame.len);
            position.put(frame.position);
            must_sync.put(u8::from(frame.must_sync));
            Ok(())
        })
    }
}

/// Writes the next gossip message.
///
/// @param out room for `ROLLBOOK_GOSSIP_SIZE_MAX` bytes
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`,
///         `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_poll_publication(
    tracker: *mut rollbook_tracker_t,
    out: *mut u8,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let mut out = Buffer::new(out, capacity, size, ROLLBOOK_GOSSIP_SIZE_MAX)?;
            let len = node.started()?.poll_publication(out.bytes).ok_or(Code(ROLLBOOK_NOTHING))?;
            out.put_used(len);
            Ok(())
        })
    }
}

/// Writes the next request and says to whom. Its answer comes back by
/// `rollbook_tracker_handle_response` or `rollbook_tracker_handle_request_failed`.
///
/// @param out room for `ROLLBOOK_REQUEST_SIZE_MAX` bytes; more is used where the peer takes more
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`,
///         `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_poll_request(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    to: *mut rollbook_peer_id_t,
    out: *mut u8,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let mut to = Out::new(to)?;
            let mut out = Buffer::new(out, capacity, size, ROLLBOOK_REQUEST_SIZE_MAX)?;
            let sent = node.started()?.poll_request(now(mono_ms, unix_s), out.bytes);
            let sent = sent.ok_or(Code(ROLLBOOK_NOTHING))?;
            out.put_used(sent.len);
            to.put((&sent.to).into());
            Ok(())
        })
    }
}

/// When `rollbook_tracker_handle_timeout` is to be called at the latest.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` where nothing waits for a time, `ROLLBOOK_E_NULL`,
///         `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_poll_timeout(
    tracker: *mut rollbook_tracker_t,
    mono_ms: *mut u64,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let mut out = Out::new(mono_ms)?;
            out.put(node.started()?.poll_timeout().ok_or(Code(ROLLBOOK_NOTHING))?);
            Ok(())
        })
    }
}
