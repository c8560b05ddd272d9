//! The state of a node in figures.

use core::mem::size_of;

use rollbook_core::{NodeEventTracker, Now, Role, Signer, Verifier, storage::Storage};

use crate::{
    args::{Out, Plain, SizedOut, now},
    code::{Code, ROLLBOOK_NOTHING},
    handle::{enter, rollbook_tracker_t},
    peer_id::rollbook_peer_id_t,
};

/// Any node that is not an authority.
pub const ROLLBOOK_ROLE_MEMBER: u8 = 0;
/// One of its configured authorities.
pub const ROLLBOOK_ROLE_AUTHORITY: u8 = 1;

/// The state of a node in figures.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_status_t {
    /// The size of all statements in the roll, in bytes.
    pub roll_bytes: u64,
    /// How much of what this node counted about others no authority has acknowledged.
    pub observations_waiting: u64,
    /// Nodes that belong to the network.
    pub admitted: u32,
    /// Of these: nodes that are online.
    pub online: u32,
    /// Of these: nodes that left.
    pub left: u32,
    /// Of these: nodes of which nobody in touch can say.
    pub unknown: u32,
    /// Nodes that wait to be admitted.
    pub pending: u32,
    /// Removed nodes.
    pub removed: u32,
    /// Banned nodes.
    pub banned: u32,
    /// Sessions that this authority knows to be here.
    pub leases: u32,
    /// This node.
    pub peer_id: rollbook_peer_id_t,
    /// The authority that it renews its lease with; for one that knows of no other, itself.
    pub home: rollbook_peer_id_t,
    /// The digest of the roll: equal rolls have equal roots.
    pub root: [u8; 16],
    /// This run of the node.
    pub session: [u8; 4],
    /// One of `ROLLBOOK_ROLE_*`.
    pub role: u8,
    /// 1: it is an authority that signs nothing until it has back what it said before.
    pub recovering: u8,
    /// 1: it is an authority that takes itself to be cut off.
    pub isolated: u8,
    /// 1: it does not hold every node.
    pub partial: u8,
    /// 1: it has no home, so nobody vouches that it is here.
    pub degraded: u8,
    /// Zeros.
    pub zero: [u8; 7],
}

const _: () = assert!(size_of::<rollbook_status_t>() == 2 * 8 + 8 * 4 + 2 * 48 + 16 + 4 + 12);

// SAFETY: it is made of integers and rows of them, without padding, as is asserted.
unsafe impl Plain for rollbook_status_t {}

impl rollbook_status_t {
    /// The state of a tracker.
    pub fn of<S: Storage, K: Signer + Verifier>(
        tracker: &NodeEventTracker<S, K>,
        now: Now,
    ) -> rollbook_status_t {
        let status = tracker.status(now);
        rollbook_status_t {
            roll_bytes: status.roll_bytes,
            observations_waiting: tracker.observations_waiting(),
            admitted: status.admitted,
            online: status.online,
            left: status.left,
            unknown: status.unknown,
            pending: status.pending,
            removed: status.removed,
            banned: status.banned,
            leases: status.leases,
            peer_id: tracker.peer_id().into(),
            home: status.home.into(),
            root: status.root,
            session: tracker.session().0,
            role: match status.role {
                Role::Authority => ROLLBOOK_ROLE_AUTHORITY,
                Role::Member => ROLLBOOK_ROLE_MEMBER,
            },
            recovering: u8::from(status.recovering),
            isolated: u8::from(status.isolated),
            partial: u8::from(status.partial),
            degraded: u8::from(status.degraded),
            zero: [0; 7],
        }
    }
}

/// Reads the state in figures. Looks at every node.
///
/// @param status_size `sizeof *status`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_status(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    status: *mut rollbook_status_t,
    status_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let mut out = SizedOut::new(status, status_size)?;
            out.put(&rollbook_status_t::of(node.started()?, now(mono_ms, unix_s)));
            Ok(())
        })
    }
}

/// This node.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_peer_id(
    tracker: *mut rollbook_tracker_t,
    peer_id: *mut rollbook_peer_id_t,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let mut out = Out::new(peer_id)?;
            out.put(node.tracker.peer_id().into());
            Ok(())
        })
    }
}

/// The digest of the roll, 16 bytes: equal rolls have equal roots.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_root(
    tracker: *mut rollbook_tracker_t,
    root: *mut u8,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let mut out = Out::new(root.cast::<[u8; 16]>())?;
            out.put(node.started()?.root());
            Ok(())
        })
    }
}

/// One of the counters of what happened since the start, what was dropped on purpose included.
///
/// @param index from 0
/// @param name takes its name, which is static and has no zero at its end
/// @param name_size takes the size of the name
/// @param value takes how often it happened
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` behind the last one, `ROLLBOOK_E_NULL`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_counter(
    tracker: *mut rollbook_tracker_t,
    index: u32,
    name: *mut *const u8,
    name_size: *mut usize,
    value: *mut u64,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let (mut name, mut name_size) = (Out::new(name)?, Out::new(name_size)?);
            let mut value = Out::new(value)?;
            let index = usize::try_from(index).map_err(|_too_large| Code(ROLLBOOK_NOTHING))?;
            let counter = node.tracker.counters().iter().nth(index);
            let (known, count) = counter.ok_or(Code(ROLLBOOK_NOTHING))?;
            name.put(known.as_ptr());
            name_size.put(known.len());
            value.put(count);
            Ok(())
        })
    }
}
