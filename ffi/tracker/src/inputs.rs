//! What happens to a node: messages, connections, time.

use rollbook_core::{SignatureError, Verdict, Version, message::MessageError};

use crate::{
    args::{self, Buffer, Out, now},
    code::{Code, ROLLBOOK_E_MALFORMED, ROLLBOOK_E_SIGNATURE, ROLLBOOK_NOTHING},
    handle::{enter, rollbook_tracker_t},
    outputs::ROLLBOOK_RESPONSE_SIZE_MAX,
};

/// Pass the message on: it advanced the roll.
pub const ROLLBOOK_ACCEPT: u8 = 0;
/// Neither pass the message on nor hold it against the sender: it held nothing new.
pub const ROLLBOOK_IGNORE: u8 = 1;
/// Hold the message against the sender: it is malformed or forged.
pub const ROLLBOOK_REJECT: u8 = 2;

/// Begins the run, after the journal was given back: takes the next epoch, whose frame comes out of
/// `rollbook_tracker_poll_journal` first.
///
/// @param mono_ms milliseconds by a clock that never goes back, from any start, in every call
/// @param unix_s seconds since 1970 by the wall clock, in every call. It seeds the first epoch and
///        is shown to people; it never decides anything between statements
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE` where it was started before
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_start(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe {
        enter(tracker, |node| {
            let node = node.before_start()?;
            if node.recovered.damaged_bytes > 0 {
                node.tracker.note_damage();
            }
            node.tracker.start(now(mono_ms, unix_s));
            node.is_started = true;
            Ok(())
        })
    }
}

/// Takes in a gossip message, whoever wrote it.
///
/// @param from the connected peer that passed it on, as the transport authenticated it
/// @param verdict takes `ROLLBOOK_ACCEPT`, `ROLLBOOK_IGNORE` or `ROLLBOOK_REJECT`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_handle_gossip(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    from: *const u8,
    from_size: usize,
    message: *const u8,
    message_size: usize,
    verdict: *mut u8,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let from = args::peer_id(from, from_size)?;
            let message = args::bytes(message, message_size)?;
            let mut out = Out::new(verdict)?;
            let verdict = node.started()?.handle_gossip(now(mono_ms, unix_s), &from, message);
            out.put(match verdict {
                Verdict::Accept => ROLLBOOK_ACCEPT,
                Verdict::Ignore => ROLLBOOK_IGNORE,
                Verdict::Reject => ROLLBOOK_REJECT,
            });
            Ok(())
        })
    }
}

/// Takes in a request of the protocol of synchronisation and writes its answer.
///
/// @param from who asks, as the transport authenticated it
/// @param response room for `ROLLBOOK_RESPONSE_SIZE_MAX` bytes, apart from the request; more is
///        used where the peer takes more
/// @param response_size takes the size of the answer
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_BUFSIZE`,
///         `ROLLBOOK_E_STATE`; `ROLLBOOK_E_ARGUMENT` where the answer would be written over the
///         request; `ROLLBOOK_E_MALFORMED` for what is no request: nothing is answered
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_handle_request(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    from: *const u8,
    from_size: usize,
    request: *const u8,
    request_size: usize,
    response: *mut u8,
    response_capacity: usize,
    response_size: *mut usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let from = args::peer_id(from, from_size)?;
            let size = ROLLBOOK_RESPONSE_SIZE_MAX;
            let mut out = Buffer::new(response, response_capacity, response_size, size)?;
            args::apart((request, request_size), (response, response_capacity))?;
            let request = args::bytes(request, request_size)?;
            let tracker = node.started()?;
            let answered = tracker.handle_request(now(mono_ms, unix_s), &from, request, out.bytes);
            out.put_used(answered.map_err(malformed)?);
            Ok(())
        })
    }
}

/// Takes in the answer to this node's request to `from`.
///
/// @return `ROLLBOOK_OK`, also for an answer that nobody waits for any more: it is counted and
///         nothing else; `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_STATE`;
///         `ROLLBOOK_E_MALFORMED` for what is no answer, or one of a peer that had too much checked in
///         vain of late: the request has failed, and is made again in its turn
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_handle_response(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    from: *const u8,
    from_size: usize,
    response: *const u8,
    response_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let from = args::peer_id(from, from_size)?;
            let response = args::bytes(response, response_size)?;
            let tracker = node.started()?;
            tracker.handle_response(now(mono_ms, unix_s), &from, response).map_err(malformed)
        })
    }
}

/// Notes that the request to `peer` failed: it could not be sent or was not answered.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_handle_request_failed(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    peer: *const u8,
    peer_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let peer = args::peer_id(peer, peer_size)?;
            node.started()?.handle_request_failed(now(mono_ms, unix_s), &peer);
            Ok(())
        })
    }
}

/// Notes the first connection to a peer.
///
/// @param remote the binary multiaddr that it is connected from, where that is known; of none, NULL
///        and 0. One address counts for one place, whatever the peer announces
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_handle_connected(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    peer: *const u8,
    peer_size: usize,
    remote: *const u8,
    remote_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let peer = args::peer_id(peer, peer_size)?;
            let remote = args::bytes(remote, remote_size)?;
            let tracker = node.started()?;
            match remote {
                [] => tracker.handle_connected(now(mono_ms, unix_s), &peer),
                remote => tracker.handle_connected_from(now(mono_ms, unix_s), &peer, remote),
            }
            Ok(())
        })
    }
}

/// Notes that the last connection to a peer was closed.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_handle_disconnected(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    peer: *const u8,
    peer_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let peer = args::peer_id(peer, peer_size)?;
            node.started()?.handle_disconnected(now(mono_ms, unix_s), &peer);
            Ok(())
        })
    }
}

/// Notes that time passed: to be called no later than `rollbook_tracker_poll_timeout` says.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_handle_timeout(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe {
        enter(tracker, |node| {
            node.started()?.handle_timeout(now(mono_ms, unix_s));
            Ok(())
        })
    }
}

/// Notes that all journal frames up to `position` are durable.
///
/// @return `ROLLBOOK_OK`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_handle_journal_synced(
    tracker: *mut rollbook_tracker_t,
    position: u64,
) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe {
        enter(tracker, |node| {
            node.tracker.handle_journal_synced(position);
            Ok(())
        })
    }
}

/// Takes in the signature that `rollbook_tracker_poll_signature` asked for: of ed25519 the 64 bytes,
/// of secp256k1 ECDSA over SHA-256 with low s in DER.
///
/// @param id as `rollbook_tracker_poll_signature` gave it
/// @return `ROLLBOOK_OK`; `ROLLBOOK_NOTHING` where the statement was superseded meanwhile;
///         `ROLLBOOK_E_SIGNATURE` where it is not this node's over these bytes: they are asked for
///         again; `ROLLBOOK_E_NULL`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_handle_signature(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    id: u64,
    signature: *const u8,
    signature_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let signature = args::bytes(signature, signature_size)?;
            let tracker = node.started()?;
            let taken = tracker.handle_signature(now(mono_ms, unix_s), version_of(id), signature);
            taken.map_err(|why| {
                Code(match why {
                    SignatureError::NotAwaited => ROLLBOOK_NOTHING,
                    _ => ROLLBOOK_E_SIGNATURE,
                })
            })
        })
    }
}

/// Notes that the signature of that id could not be made: it is asked for again.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_handle_signature_failed(
    tracker: *mut rollbook_tracker_t,
    id: u64,
) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe {
        enter(tracker, |node| {
            node.started()?.handle_signature_failed(version_of(id));
            Ok(())
        })
    }
}

/// The version of the statement that a signature was asked for.
fn version_of(id: u64) -> Version {
    let [e0, e1, e2, e3, s0, s1, s2, s3] = id.to_be_bytes();
    Version {
        epoch: u32::from_be_bytes([e0, e1, e2, e3]),
        seq: u32::from_be_bytes([s0, s1, s2, s3]),
    }
}

/// A message that was refused.
fn malformed(_why: MessageError) -> Code {
    Code(ROLLBOOK_E_MALFORMED)
}
