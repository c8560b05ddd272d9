//! What the program wants of its own node.

use rollbook_core::{Counter, ObserveError};

use crate::{
    args::{self, now},
    code::{Code, ROLLBOOK_E_ARGUMENT, ROLLBOOK_E_FULL, ROLLBOOK_E_UNKNOWN_NODE, ROLLBOOK_NOTHING},
    handle::{enter, rollbook_tracker_t},
};

/// The node did what it was asked to do.
pub const ROLLBOOK_COUNTER_SUCCESSES: u8 = 0;
/// The node did not answer in time.
pub const ROLLBOOK_COUNTER_TIMEOUTS: u8 = 1;
/// The node answered that there is nothing to find.
pub const ROLLBOOK_COUNTER_NOT_FOUND: u8 = 2;
/// The first of five counters that mean what the application says.
pub const ROLLBOOK_COUNTER_APP: u8 = 3;
/// How many counters there are.
pub const ROLLBOOK_COUNTERS: usize = 8;

/// Says that this node stops. What is left to do is to drain the outputs, and to wait a moment for
/// `rollbook_tracker_is_leave_acknowledged`.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_leave(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe {
        enter(tracker, |node| {
            node.started()?.leave(now(mono_ms, unix_s));
            Ok(())
        })
    }
}

/// Whether an authority holds this node's newest announcement, or nobody is there to hold it.
///
/// @return `ROLLBOOK_OK` if so, else `ROLLBOOK_NOTHING`; `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_is_leave_acknowledged(
    tracker: *mut rollbook_tracker_t,
) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe {
        enter(tracker, |node| {
            let is_acknowledged = node.started()?.is_leave_acknowledged();
            if is_acknowledged { Ok(()) } else { Err(Code(ROLLBOOK_NOTHING)) }
        })
    }
}

/// Counts something about another node: `counter` grew by `count`. It is handed to the home, which
/// publishes what all observers say; what was not acknowledged when this node stops is lost.
///
/// @param counter below `ROLLBOOK_COUNTERS`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_STATE`,
///         `ROLLBOOK_E_ARGUMENT` for another counter or this node itself,
///         `ROLLBOOK_E_UNKNOWN_NODE`, `ROLLBOOK_E_FULL` where too much waits
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_observe(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    peer: *const u8,
    peer_size: usize,
    counter: u8,
    count: u32,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let peer = args::peer_id(peer, peer_size)?;
            let counter = Counter::new(counter).ok_or(Code(ROLLBOOK_E_ARGUMENT))?;
            let noted = node.started()?.observe(now(mono_ms, unix_s), &peer, counter, count);
            noted.map_err(|why| {
                Code(match why {
                    ObserveError::UnknownPeer => ROLLBOOK_E_UNKNOWN_NODE,
                    ObserveError::Full => ROLLBOOK_E_FULL,
                    _ => ROLLBOOK_E_ARGUMENT,
                })
            })
        })
    }
}

/// Lets a partial replica hold a node, beside itself and the authorities, and fetches what is known
/// of it. Said before the journal is given back, what that holds of the node is taken back. A
/// replica that is not partial notes it for when it becomes so.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_FULL`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_hold(
    tracker: *mut rollbook_tracker_t,
    peer: *const u8,
    peer_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let peer = args::peer_id(peer, peer_size)?;
            node.tracker.hold(&peer).map_err(|_full| Code(ROLLBOOK_E_FULL))
        })
    }
}

/// Takes `rollbook_tracker_hold` back: a partial replica forgets the node.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_release(
    tracker: *mut rollbook_tracker_t,
    peer: *const u8,
    peer_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let peer = args::peer_id(peer, peer_size)?;
            node.tracker.release(&peer);
            Ok(())
        })
    }
}
