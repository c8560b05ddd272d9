//! What an application sees of a node.

use core::mem::size_of;

use rollbook_core::{Here, NodeView};

use crate::{
    announcement::rollbook_announcement_t,
    args::{self, Out, Plain, SizedOut, SizedRow, now},
    authority::rollbook_tally_t,
    code::{Code, ROLLBOOK_NOTHING},
    commands::ROLLBOOK_COUNTERS,
    handle::{enter, rollbook_tracker_t},
    peer_id::{ethereum_address, rollbook_peer_id_t},
};

/// The node waits for a decision or a first vouching.
pub const ROLLBOOK_STANDING_PENDING: u8 = 0x00;
/// The node was taken off the roll; it may be admitted again.
pub const ROLLBOOK_STANDING_REMOVED: u8 = 0x01;
/// The node is kept out.
pub const ROLLBOOK_STANDING_BANNED: u8 = 0x02;
/// The node belongs to the network. Codes with this bit that a program does not know admit too.
pub const ROLLBOOK_STANDING_ADMITTED: u8 = 0x80;

/// Nobody in touch can say whether the node is here.
pub const ROLLBOOK_HERE_UNKNOWN: u8 = 0;
/// The node is here.
pub const ROLLBOOK_HERE_ONLINE: u8 = 1;
/// The node left.
pub const ROLLBOOK_HERE_LEFT: u8 = 2;

/// What an application sees of a node. Times are unix seconds by the clocks of those who say them,
/// 0 where there is none.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_node_t {
    /// When it first joined.
    pub first_joined: u64,
    /// When it last joined.
    pub last_joined: u64,
    /// When it last left.
    pub last_left: u64,
    /// The newest time of issue in its statements: shown, never compared.
    pub last_updated: u64,
    /// How long the running session lasts, in seconds; 0 unless it is online.
    pub uptime: u64,
    /// The sum of its sessions at all authorities, history included, in seconds.
    pub accumulated_uptime: u64,
    /// What others counted about it, by counter.
    pub tallies: [rollbook_tally_t; ROLLBOOK_COUNTERS],
    /// The node.
    pub peer_id: rollbook_peer_id_t,
    /// The authority that it names as its home.
    pub home: rollbook_peer_id_t,
    /// The version of its announcement: the epoch and the number in it.
    pub epoch: u32,
    /// See `epoch`.
    pub seq: u32,
    /// What it was granted: bit n for the grant of number n.
    pub grants: u32,
    /// The run that it announced.
    pub session: [u8; 4],
    /// Its Ethereum address, where its key is of secp256k1.
    pub ethereum_address: [u8; 20],
    /// One of `ROLLBOOK_STANDING_*`, or a later code.
    pub standing: u8,
    /// One of `ROLLBOOK_HERE_*`.
    pub here: u8,
    /// What was last known of it, one of `ROLLBOOK_HERE_*`.
    pub last_known: u8,
    /// 1 where it is admitted and online, or last known online while nobody in touch can say.
    pub is_active: u8,
    /// 1 where there is an announcement.
    pub has_announcement: u8,
    /// 1 where there is an Ethereum address.
    pub has_ethereum_address: u8,
    /// Zeros.
    pub zero: [u8; 10],
    /// What it says of itself.
    pub announcement: rollbook_announcement_t,
}

const _: () = assert!(
    size_of::<rollbook_node_t>()
        == 6 * 8 + 8 * 16 + 2 * 48 + 4 * 4 + 20 + 16 + size_of::<rollbook_announcement_t>()
);

// SAFETY: it is made of integers and rows of them, without padding, as is asserted.
unsafe impl Plain for rollbook_node_t {}

impl From<&NodeView<'_>> for rollbook_node_t {
    fn from(view: &NodeView<'_>) -> rollbook_node_t {
        let address = ethereum_address(&view.peer_id);
        let mut node = rollbook_node_t {
            first_joined: view.first_joined.unwrap_or(0),
            last_joined: view.last_joined.unwrap_or(0),
            last_left: view.last_left.unwrap_or(0),
            last_updated: view.last_updated.unwrap_or(0),
            uptime: view.uptime,
            accumulated_uptime: view.accumulated_uptime,
            tallies: [rollbook_tally_t::default(); ROLLBOOK_COUNTERS],
            peer_id: (&view.peer_id).into(),
            home: view.home.into(),
            epoch: 0,
            seq: 0,
            grants: view.grants.iter().fold(0, |bits, grant| bits | 1 << grant.register().0),
            session: view.session().map_or([0; 4], |session| session.0),
            ethereum_address: address.unwrap_or([0; 20]),
            standing: view.standing.0,
            here: here(view.here),
            last_known: here(view.last_known),
            is_active: u8::from(view.is_active()),
            has_announcement: u8::from(view.announcement.is_some()),
            has_ethereum_address: u8::from(address.is_some()),
            zero: [0; 10],
            announcement: rollbook_announcement_t::EMPTY,
        };
        for (counter, count, last) in view.tallies.iter() {
            node.tallies[usize::from(counter.number())] = rollbook_tally_t { count, last };
        }
        if let Some((version, said)) = &view.announcement {
            (node.epoch, node.seq) = (version.epoch, version.seq);
            node.announcement.fill(said);
        }
        node
    }
}

fn here(here: Here) -> u8 {
    match here {
        Here::Unknown => ROLLBOOK_HERE_UNKNOWN,
        Here::Online => ROLLBOOK_HERE_ONLINE,
        Here::Left => ROLLBOOK_HERE_LEFT,
    }
}

/// Reads a node, those that wait to be admitted included.
///
/// @param seen_size `sizeof *seen`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` for a node that is not known, `ROLLBOOK_E_NULL`,
///         `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_get(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    peer: *const u8,
    peer_size: usize,
    seen: *mut rollbook_node_t,
    seen_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let peer = args::peer_id(peer, peer_size)?;
            let mut out = SizedOut::new(seen, seen_size)?;
            let view = node.started()?.node(now(mono_ms, unix_s), &peer);
            out.put(&(&view.ok_or(Code(ROLLBOOK_NOTHING))?).into());
            Ok(())
        })
    }
}

/// Reads nodes in the roll's order, those that wait to be admitted among them: a page of them. Whoever
/// asks for one page after another, each behind the last node of the one before, sees every node
/// that stays as it is exactly once, whatever happens in between.
///
/// @param after the node behind which the page begins; NULL and 0 for the first page
/// @param seen a row of `capacity` structures
/// @param seen_size `sizeof *seen`
/// @param count takes how many were read: fewer than `capacity` at the end
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_UNSUPPORTED`,
///         `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_nodes(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    after: *const u8,
    after_size: usize,
    seen: *mut rollbook_node_t,
    seen_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let after = match after_size {
                0 => None,
                size => Some(args::peer_id(after, size)?),
            };
            let mut row = SizedRow::new(seen, seen_size, capacity)?;
            let mut count = Out::new(count)?;
            let tracker = node.started()?;
            let views = tracker.nodes_after(now(mono_ms, unix_s), after.as_ref());
            let mut read = 0;
            for view in views.take(row.capacity()) {
                row.put(read, &(&view).into());
                read += 1;
            }
            count.put(read);
            Ok(())
        })
    }
}
