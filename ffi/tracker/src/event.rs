//! What an application is told.

use core::mem::size_of;

use rollbook_core::Event;

use crate::{
    args::{Plain, SizedOut, now},
    code::{Code, ROLLBOOK_NOTHING},
    handle::{enter, rollbook_tracker_t},
    peer_id::rollbook_peer_id_t,
};

/// A node came online in a session that was not told of, or after it left.
pub const ROLLBOOK_EVENT_JOINED: u8 = 1;
/// A node of which nobody in touch could say is online, in the session that it joined in.
pub const ROLLBOOK_EVENT_RETURNED: u8 = 2;
/// A node left.
pub const ROLLBOOK_EVENT_LEFT: u8 = 3;
/// Nobody in touch can say any more whether a node is here.
pub const ROLLBOOK_EVENT_UNKNOWN: u8 = 4;
/// A node changed what it says of itself.
pub const ROLLBOOK_EVENT_CHANGED: u8 = 5;
/// A node was admitted.
pub const ROLLBOOK_EVENT_ADMITTED: u8 = 6;
/// A node was removed.
pub const ROLLBOOK_EVENT_REMOVED: u8 = 7;
/// A node was banned.
pub const ROLLBOOK_EVENT_BANNED: u8 = 8;
/// No authority vouches for a node any more. It is not in the roll.
pub const ROLLBOOK_EVENT_FORGOTTEN: u8 = 9;
/// A node waits to be admitted.
pub const ROLLBOOK_EVENT_PENDING: u8 = 10;
/// What a node was granted changed.
pub const ROLLBOOK_EVENT_GRANTS_CHANGED: u8 = 11;
/// A writer made two statements with one version: `peer` is whom they are about, `other` the
/// writer.
pub const ROLLBOOK_EVENT_EQUIVOCATION: u8 = 12;
/// This replica and that of `peer` hold different rolls, and find nothing to tell each other.
pub const ROLLBOOK_EVENT_ROOTS_DIFFER: u8 = 13;
/// The replica of `peer` lists none of the authorities that this one does.
pub const ROLLBOOK_EVENT_NOTHING_IN_COMMON: u8 = 14;
/// Somebody else keeps speaking in this node's name: two machines with one key.
pub const ROLLBOOK_EVENT_DUPLICATE_IDENTITY: u8 = 15;
/// An authority is in touch again.
pub const ROLLBOOK_EVENT_AUTHORITY_IN_TOUCH: u8 = 16;
/// An authority was not heard for a lease window.
pub const ROLLBOOK_EVENT_AUTHORITY_LOST: u8 = 17;
/// The list of authorities was replaced.
pub const ROLLBOOK_EVENT_AUTHORITIES_CHANGED: u8 = 18;
/// This node has another home, `peer`, or none.
pub const ROLLBOOK_EVENT_HOME_CHANGED: u8 = 19;
/// This authority lost its journal, or a part of it, and signs nothing until others gave it back.
pub const ROLLBOOK_EVENT_RECOVERING: u8 = 20;
/// This authority has what it said before and signs again.
pub const ROLLBOOK_EVENT_RECOVERED: u8 = 21;
/// There is something that this replica has no room for or cannot check.
pub const ROLLBOOK_EVENT_BECAME_PARTIAL: u8 = 22;
/// This replica has room again, and holds every node.
pub const ROLLBOOK_EVENT_BECAME_WHOLE: u8 = 23;
/// The journal has grown to several times what it holds: time for
/// `rollbook_tracker_snapshot_begin`.
pub const ROLLBOOK_EVENT_COMPACTION_DUE: u8 = 24;
/// Something that this header does not know.
pub const ROLLBOOK_EVENT_OTHER: u8 = 255;

/// A past fact about the roll. What it is about is read from the roll.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_event_t {
    /// One of `ROLLBOOK_EVENT_*`; later versions may have more.
    pub kind: u8,
    /// Zeros.
    pub zero: [u8; 7],
    /// The node that it is about, if it is about one.
    pub peer: rollbook_peer_id_t,
    /// The writer of an equivocation.
    pub other: rollbook_peer_id_t,
}

const _: () = assert!(size_of::<rollbook_event_t>() == 8 + 2 * 48);

// SAFETY: it is made of bytes alone.
unsafe impl Plain for rollbook_event_t {}

impl From<Event> for rollbook_event_t {
    fn from(event: Event) -> rollbook_event_t {
        let (kind, peer, other) = match event {
            Event::Joined { peer } => (ROLLBOOK_EVENT_JOINED, Some(peer), None),
            Event::Returned { peer } => (ROLLBOOK_EVENT_RETURNED, Some(peer), None),
            Event::Left { peer } => (ROLLBOOK_EVENT_LEFT, Some(peer), None),
            Event::Unknown { peer } => (ROLLBOOK_EVENT_UNKNOWN, Some(peer), None),
            Event::Changed { peer } => (ROLLBOOK_EVENT_CHANGED, Some(peer), None),
            Event::Admitted { peer } => (ROLLBOOK_EVENT_ADMITTED, Some(peer), None),
            Event::Removed { peer } => (ROLLBOOK_EVENT_REMOVED, Some(peer), None),
            Event::Banned { peer } => (ROLLBOOK_EVENT_BANNED, Some(peer), None),
            Event::Forgotten { peer } => (ROLLBOOK_EVENT_FORGOTTEN, Some(peer), None),
            Event::Pending { peer } => (ROLLBOOK_EVENT_PENDING, Some(peer), None),
            Event::GrantsChanged { peer } => (ROLLBOOK_EVENT_GRANTS_CHANGED, Some(peer), None),
            Event::Equivocation { writer, subject } => {
                (ROLLBOOK_EVENT_EQUIVOCATION, Some(subject), Some(writer))
            }
            Event::RootsDiffer { peer } => (ROLLBOOK_EVENT_ROOTS_DIFFER, Some(peer), None),
            Event::NothingInCommon { peer } => (ROLLBOOK_EVENT_NOTHING_IN_COMMON, Some(peer), None),
            Event::DuplicateIdentity => (ROLLBOOK_EVENT_DUPLICATE_IDENTITY, None, None),
            Event::AuthorityInTouch { peer } => {
                (ROLLBOOK_EVENT_AUTHORITY_IN_TOUCH, Some(peer), None)
            }
            Event::AuthorityLost { peer } => (ROLLBOOK_EVENT_AUTHORITY_LOST, Some(peer), None),
            Event::AuthoritiesChanged => (ROLLBOOK_EVENT_AUTHORITIES_CHANGED, None, None),
            Event::HomeChanged { home } => (ROLLBOOK_EVENT_HOME_CHANGED, home, None),
            Event::Recovering => (ROLLBOOK_EVENT_RECOVERING, None, None),
            Event::Recovered => (ROLLBOOK_EVENT_RECOVERED, None, None),
            Event::BecamePartial => (ROLLBOOK_EVENT_BECAME_PARTIAL, None, None),
            Event::BecameWhole => (ROLLBOOK_EVENT_BECAME_WHOLE, None, None),
            Event::CompactionDue => (ROLLBOOK_EVENT_COMPACTION_DUE, None, None),
            _ => (ROLLBOOK_EVENT_OTHER, None, None),
        };
        rollbook_event_t { kind, zero: [0; 7], peer: peer.into(), other: other.into() }
    }
}

/// Takes the next thing to tell the application. Several changes of a node between two drains are
/// told as what they come to.
///
/// @param event_size `sizeof *event`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`,
///         `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_poll_event(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    event: *mut rollbook_event_t,
    event_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let mut out = SizedOut::new(event, event_size)?;
            let told = node.started()?.poll_event(now(mono_ms, unix_s));
            out.put(&told.ok_or(Code(ROLLBOOK_NOTHING))?.into());
            Ok(())
        })
    }
}
