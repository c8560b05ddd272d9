//! What an operator decides, on an authority, and another list of authorities.

use core::mem::size_of;

use rollbook_core::{
    CommandError, Counted, Grant, ImportOutcome, Imported, Now, PeerId, Receipt, RollOutError,
};

use crate::{
    args::{self, Out, Plain, now, read_sized},
    code::{
        Answer, Code, ROLLBOOK_E_ARGUMENT, ROLLBOOK_E_DAMAGED, ROLLBOOK_E_FULL,
        ROLLBOOK_E_IS_AUTHORITY, ROLLBOOK_E_KEY, ROLLBOOK_E_NO_LONGER_AUTHORITY,
        ROLLBOOK_E_NOT_ADMITTED, ROLLBOOK_E_NOT_AUTHORITY, ROLLBOOK_E_PARTIAL,
        ROLLBOOK_E_RECOVERING, ROLLBOOK_E_UNKNOWN_NODE, ROLLBOOK_NOTHING,
    },
    config::{admission, list},
    guard::{Told, rollbook_error_t, telling},
    handle::{Node, enter, rollbook_tracker_t},
    peer_id::rollbook_peer_id_t,
    storage::Tracker,
};

/// The node has a stake.
pub const ROLLBOOK_GRANT_STAKED: u8 = 1;
/// The node validates for others.
pub const ROLLBOOK_GRANT_VALIDATOR: u8 = 2;
/// The first of 13 grants that mean what the application says.
pub const ROLLBOOK_GRANT_APP: u8 = 3;
/// The number of the last grant.
pub const ROLLBOOK_GRANT_LAST: u8 = 15;

/// Decides that a node belongs to the network.
///
/// @param receipt takes the number of the change: the decision is on disk, and acknowledged, once
///        `rollbook_tracker_durable` has come to it. May be NULL
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_KEY`,
///         `ROLLBOOK_E_NOT_AUTHORITY`, `ROLLBOOK_E_RECOVERING`, `ROLLBOOK_E_FULL`,
///         `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_admit(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    peer: *const u8,
    peer_size: usize,
    receipt: *mut u64,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        decide(tracker, now(mono_ms, unix_s), (peer, peer_size), receipt, |tracker, now, peer| {
            tracker.admit(now, peer)
        })
    }
}

/// Keeps a node out of the network until it is admitted.
///
/// @param receipt as of `rollbook_tracker_admit`
/// @return as `rollbook_tracker_admit`; `ROLLBOOK_E_IS_AUTHORITY`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_ban(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    peer: *const u8,
    peer_size: usize,
    receipt: *mut u64,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        decide(tracker, now(mono_ms, unix_s), (peer, peer_size), receipt, |tracker, now, peer| {
            tracker.ban(now, peer)
        })
    }
}

/// Takes a node off the roll until it is admitted.
///
/// @param receipt as of `rollbook_tracker_admit`
/// @return as `rollbook_tracker_admit`; `ROLLBOOK_E_IS_AUTHORITY`, `ROLLBOOK_E_UNKNOWN_NODE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_remove(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    peer: *const u8,
    peer_size: usize,
    receipt: *mut u64,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        decide(tracker, now(mono_ms, unix_s), (peer, peer_size), receipt, |tracker, now, peer| {
            tracker.remove(now, peer)
        })
    }
}

/// Grants something to a node.
///
/// @param grant one of `ROLLBOOK_GRANT_*`, up to `ROLLBOOK_GRANT_LAST`
/// @param receipt as of `rollbook_tracker_admit`
/// @return as `rollbook_tracker_admit`; `ROLLBOOK_E_UNKNOWN_NODE`, `ROLLBOOK_E_NOT_ADMITTED`,
///         `ROLLBOOK_E_ARGUMENT`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_grant(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    peer: *const u8,
    peer_size: usize,
    grant: u8,
    receipt: *mut u64,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe { grants(tracker, now(mono_ms, unix_s), (peer, peer_size), grant, receipt, true) }
}

/// Revokes a grant.
///
/// @param grant as of `rollbook_tracker_grant`
/// @param receipt as of `rollbook_tracker_admit`
/// @return as `rollbook_tracker_grant`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_revoke(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    peer: *const u8,
    peer_size: usize,
    grant: u8,
    receipt: *mut u64,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe { grants(tracker, now(mono_ms, unix_s), (peer, peer_size), grant, receipt, false) }
}

/// Gives or takes a grant.
///
/// # Safety
///
/// As for the functions above.
unsafe fn grants(
    tracker: *mut rollbook_tracker_t,
    now: Now,
    peer: (*const u8, usize),
    number: u8,
    receipt: *mut u64,
    granted: bool,
) -> i32 {
    let decision = |tracker: &mut Tracker, now: Now, peer: &PeerId| {
        let grant = grant(number)?;
        let decided = match granted {
            true => tracker.grant(now, peer, grant),
            false => tracker.revoke(now, peer, grant),
        };
        decided.map_err(|why| refused(&why))
    };
    // SAFETY: the caller vouches for it.
    unsafe { decide_with(tracker, now, peer, receipt, decision) }
}

/// Makes a decision about a peer.
///
/// # Safety
///
/// As for the functions above.
unsafe fn decide(
    tracker: *mut rollbook_tracker_t,
    now: Now,
    peer: (*const u8, usize),
    receipt: *mut u64,
    decision: impl FnOnce(&mut Tracker, Now, &PeerId) -> Result<Receipt, CommandError>,
) -> i32 {
    let decision = |tracker: &mut Tracker, now: Now, peer: &PeerId| {
        decision(tracker, now, peer).map_err(|why| refused(&why))
    };
    // SAFETY: the caller vouches for it.
    unsafe { decide_with(tracker, now, peer, receipt, decision) }
}

/// As above, of one that may fail for another reason too.
///
/// # Safety
///
/// As for the functions above.
unsafe fn decide_with(
    tracker: *mut rollbook_tracker_t,
    now: Now,
    peer: (*const u8, usize),
    receipt: *mut u64,
    decision: impl FnOnce(&mut Tracker, Now, &PeerId) -> Answer<Receipt>,
) -> i32 {
    // SAFETY: the caller vouches for it.
    unsafe {
        enter(tracker, |node| {
            let peer = args::peer_id(peer.0, peer.1)?;
            let out = Out::wanted(receipt)?;
            let Receipt(change) = decision(node.started()?, now, &peer)?;
            if let Some(mut out) = out {
                out.put(change);
            }
            Ok(())
        })
    }
}

/// The grant of a number.
pub fn grant(number: u8) -> Answer<Grant> {
    let grant = match number {
        ROLLBOOK_GRANT_STAKED => Some(Grant::STAKED),
        ROLLBOOK_GRANT_VALIDATOR => Some(Grant::VALIDATOR),
        number => number.checked_sub(ROLLBOOK_GRANT_APP).and_then(Grant::app),
    };
    grant.ok_or(Code(ROLLBOOK_E_ARGUMENT))
}

fn refused(why: &CommandError) -> Code {
    Code(match why {
        CommandError::NotAuthority => ROLLBOOK_E_NOT_AUTHORITY,
        CommandError::SubjectIsAuthority => ROLLBOOK_E_IS_AUTHORITY,
        CommandError::UnknownPeer => ROLLBOOK_E_UNKNOWN_NODE,
        CommandError::NotAdmitted => ROLLBOOK_E_NOT_ADMITTED,
        CommandError::Recovering => ROLLBOOK_E_RECOVERING,
        CommandError::UnsupportedKey => ROLLBOOK_E_KEY,
        _ => ROLLBOOK_E_FULL,
    })
}

/// What was counted about a node: how often, and when last, in unix seconds; 0 for never.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct rollbook_tally_t {
    /// How often.
    pub count: u64,
    /// When last.
    pub last: u64,
}

/// A node's history from before Rollbook.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct rollbook_history_t {
    /// When it first joined, in unix seconds; 0 if that is not known.
    pub first_joined: u64,
    /// For how long it was here in all, in seconds.
    pub uptime: u64,
    /// The grants that it had: bit n for the grant of number n. They are taken over, unverified.
    pub grants: u64,
    /// What was counted about it: successes, timeouts, nothing found.
    pub counted: [rollbook_tally_t; 3],
}

const _: () = assert!(size_of::<rollbook_history_t>() == 3 * 8 + 3 * 16);

// SAFETY: it is made of integers of one size.
unsafe impl Plain for rollbook_history_t {}

/// Takes over a node's history from before Rollbook. It makes nobody online, and taking the same
/// over again, here or at another authority, changes nothing.
///
/// @param history_size `sizeof *history`
/// @param receipt as of `rollbook_tracker_admit`
/// @return as `rollbook_tracker_admit`; `ROLLBOOK_NOTHING` where all of it was known,
///         `ROLLBOOK_E_NOT_ADMITTED` for a node that is removed or banned, `ROLLBOOK_E_ARGUMENT`,
///         `ROLLBOOK_E_UNSUPPORTED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_import(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    peer: *const u8,
    peer_size: usize,
    history: *const rollbook_history_t,
    history_size: usize,
    receipt: *mut u64,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        let decision = |tracker: &mut Tracker, now: Now, peer: &PeerId| {
            let history = read_sized(history, history_size)?;
            import(tracker, now, peer, &history)
        };
        decide_with(tracker, now(mono_ms, unix_s), (peer, peer_size), receipt, decision)
    }
}

fn import(
    tracker: &mut Tracker,
    now: Now,
    peer: &PeerId,
    history: &rollbook_history_t,
) -> Answer<Receipt> {
    let mut granted = heapless::Vec::<Grant, 15>::new();
    for number in 0..64 {
        if history.grants & 1 << number != 0 {
            granted.push(grant(number)?).expect("there are 15 grants");
        }
    }
    let counted = history.counted.map(|tally| Counted { count: tally.count, last: tally.last });
    let imported = Imported { counted, ..Imported::of(history.first_joined, history.uptime) };
    match tracker.import(now, peer, imported, &granted).map_err(|why| refused(&why))? {
        ImportOutcome::Taken(receipt) => Ok(receipt),
        ImportOutcome::Unchanged => Err(Code(ROLLBOOK_NOTHING)),
        _ => Err(Code(ROLLBOOK_E_NOT_ADMITTED)),
    }
}

/// Up to which receipt commands are on disk.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_durable(
    tracker: *mut rollbook_tracker_t,
    receipt: *mut u64,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let mut out = Out::new(receipt)?;
            out.put(node.started()?.durable());
            Ok(())
        })
    }
}

/// Replaces the list of whom this authority lets in under `ROLLBOOK_ADMISSION_ALLOW_LIST`. It is no
/// part of the journal: it is set again at each start, before or after it.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_NOT_AUTHORITY`,
///         `ROLLBOOK_E_FULL` for more than there can be leases: nothing changed
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_set_allowed(
    tracker: *mut rollbook_tracker_t,
    peers: *const rollbook_peer_id_t,
    peer_count: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let peers = args::values(peers, peer_count)?;
            set_allowed(&mut node.tracker, peers)
        })
    }
}

#[cfg(feature = "std")]
fn set_allowed(tracker: &mut Tracker, peers: &[rollbook_peer_id_t]) -> Answer {
    let peers = peers.iter().map(rollbook_peer_id_t::read).collect::<Answer<Vec<PeerId>>>()?;
    tracker.set_allowed(&peers).map_err(|why| refused(&why))
}

/// On a device the list is copied onto the stack, so it is short.
#[cfg(not(feature = "std"))]
fn set_allowed(tracker: &mut Tracker, peers: &[rollbook_peer_id_t]) -> Answer {
    let mut read = heapless::Vec::<PeerId, 64>::new();
    for peer in peers {
        read.push(peer.read()?).map_err(|_one_too_many| Code(ROLLBOOK_E_FULL))?;
    }
    tracker.set_allowed(&read).map_err(|why| refused(&why))
}

/// Replaces the list of authorities, in which this node may become one, or retire. What
/// authorities said who are not on it any more counts no longer. Nodes need not have the same list
/// at the same time.
///
/// @param acting those that act, in the order in which a member tries them; `acting_count` of them
/// @param retired those that did; `retired_count` of them; NULL for none
/// @param admission_kind one of `ROLLBOOK_ADMISSION_*`, for a node that becomes an authority
/// @param error takes what is wrong, with the list above all; may be NULL
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_CONFIG`, `ROLLBOOK_E_PEER_ID`,
///         `ROLLBOOK_E_KEY`, `ROLLBOOK_E_PARTIAL`, `ROLLBOOK_E_NO_LONGER_AUTHORITY`,
///         `ROLLBOOK_E_RECOVERING`, `ROLLBOOK_E_DAMAGED`, `ROLLBOOK_E_ARGUMENT`,
///         `ROLLBOOK_E_STATE`: the list before it stays in use
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_set_authorities(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    acting: *const rollbook_peer_id_t,
    acting_count: usize,
    retired: *const rollbook_peer_id_t,
    retired_count: usize,
    admission_kind: u8,
    error: *mut rollbook_error_t,
) -> i32 {
    let set = |node: &mut Node, told: &mut Told| {
        // SAFETY: the caller's pointers, as described.
        let (acting, retired) =
            unsafe { (args::values(acting, acting_count)?, args::values(retired, retired_count)?) };
        let admission = admission(admission_kind).ok_or(Code(ROLLBOOK_E_ARGUMENT))?;
        let tracker = node.started()?;
        let replaced = list(acting, retired).and_then(|authorities| {
            let replaced = tracker.set_authorities(now(mono_ms, unix_s), authorities, admission);
            replaced.map_err(not_rolled_out)
        });
        replaced.map_err(|failed| told.tell(failed))
    };
    // SAFETY: the caller's pointers, as described.
    unsafe { telling(error, |told| enter(tracker, |node| set(node, told))) }
}

fn not_rolled_out(why: RollOutError) -> rollbook_error_t {
    let code = match why {
        RollOutError::Key(_) => ROLLBOOK_E_KEY,
        RollOutError::Partial => ROLLBOOK_E_PARTIAL,
        RollOutError::NoLongerAuthority => ROLLBOOK_E_NO_LONGER_AUTHORITY,
        RollOutError::Recovering => ROLLBOOK_E_RECOVERING,
        _ => ROLLBOOK_E_DAMAGED,
    };
    rollbook_error_t::new(Code(code), 0, why)
}

/// Ends the recovery of an authority whose operator vouches that it never said anything that it
/// does not hold. It ends by itself once its roll equals that of another replica that holds what
/// this authority said.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_end_recovery(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe {
        enter(tracker, |node| {
            node.started()?.end_recovery(now(mono_ms, unix_s));
            Ok(())
        })
    }
}
