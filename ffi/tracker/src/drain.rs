//! All outputs at once, for callers to whom each call costs something.

use core::mem::size_of;

use rollbook_core::Now;

use crate::{
    args::{Buffer, now},
    event::rollbook_event_t,
    handle::{enter, rollbook_tracker_t},
    outputs::{
        ROLLBOOK_FRAME_SIZE_MAX, ROLLBOOK_GOSSIP_SIZE_MAX, ROLLBOOK_REQUEST_SIZE_MAX,
        ROLLBOOK_SIGNING_SIZE_MAX, id_of,
    },
    peer_id::rollbook_peer_id_t,
    storage::Tracker,
};

/// Something to sign; `number` is its id. See `rollbook_tracker_poll_signature`.
pub const ROLLBOOK_OUTPUT_SIGNATURE: u8 = 1;
/// A journal frame; `number` is its position. See `rollbook_tracker_poll_journal`.
pub const ROLLBOOK_OUTPUT_JOURNAL: u8 = 2;
/// A gossip message. See `rollbook_tracker_poll_publication`.
pub const ROLLBOOK_OUTPUT_PUBLICATION: u8 = 3;
/// A request to `peer`. See `rollbook_tracker_poll_request`.
pub const ROLLBOOK_OUTPUT_REQUEST: u8 = 4;
/// An event: the data is a `rollbook_event_t`. See `rollbook_tracker_poll_event`.
pub const ROLLBOOK_OUTPUT_EVENT: u8 = 5;

/// The room that `rollbook_tracker_drain` needs: for the largest output.
pub const ROLLBOOK_DRAIN_SIZE_MIN: usize = 8264;

/// The beginning of an output, aligned to 8 bytes from the beginning of the buffer. Its data
/// follows, then zeros up to the next one.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_output_t {
    /// From here to the next output, in bytes.
    pub size: u32,
    /// The bytes of data.
    pub data_size: u32,
    /// What names it, by its kind.
    pub number: u64,
    /// One of `ROLLBOOK_OUTPUT_*`.
    pub kind: u8,
    /// 1 where something waits for this frame to be durable.
    pub must_sync: u8,
    /// Zeros.
    pub zero: [u8; 6],
    /// To whom a request goes.
    pub peer: rollbook_peer_id_t,
}

const HEAD_SIZE: usize = size_of::<rollbook_output_t>();
const ALIGNMENT: usize = 8;

const _: () = assert!(HEAD_SIZE == 72);
const _: () = assert!(ROLLBOOK_DRAIN_SIZE_MIN == HEAD_SIZE + ROLLBOOK_REQUEST_SIZE_MAX);

/// Takes what is to be done, as much as there is room for, in the order in which it is to be done:
/// what to sign, journal frames, publications, requests, events. All of it is taken when nothing
/// was used. It is to be called again after `rollbook_tracker_handle_journal_synced` and
/// `rollbook_tracker_handle_signature`, which let out what waited.
///
/// @param out room for `ROLLBOOK_DRAIN_SIZE_MIN` bytes at least, aligned as a `uint64_t` where it
///        is read as structures
/// @param size takes how much of it is used: whole outputs, each a `rollbook_output_t` with its data
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_BUFSIZE`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_drain(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
    out: *mut u8,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let mut out = Buffer::new(out, capacity, size, ROLLBOOK_DRAIN_SIZE_MIN)?;
            let used = drain(node.started()?, now(mono_ms, unix_s), out.bytes);
            out.put_used(used);
            Ok(())
        })
    }
}

/// Writes outputs into `out`; says how many bytes they take.
fn drain(tracker: &mut Tracker, now: Now, out: &mut [u8]) -> usize {
    let mut used = 0;
    while let Some((head, data)) = room(&mut out[used..], ROLLBOOK_SIGNING_SIZE_MAX) {
        let Some(asked) = tracker.poll_signature(data) else { break };
        let number = id_of(asked.version);
        used +=
            close(head, data, asked.len, Head { number, ..Head::of(ROLLBOOK_OUTPUT_SIGNATURE) });
    }
    while let Some((head, data)) = room(&mut out[used..], ROLLBOOK_FRAME_SIZE_MAX) {
        let Some(frame) = tracker.poll_journal(data) else { break };
        let (number, must_sync) = (frame.position, frame.must_sync);
        let filled = Head { number, must_sync, ..Head::of(ROLLBOOK_OUTPUT_JOURNAL) };
        used += close(head, data, frame.len, filled);
    }
    while let Some((head, data)) = room(&mut out[used..], ROLLBOOK_GOSSIP_SIZE_MAX) {
        let Some(len) = tracker.poll_publication(data) else { break };
        used += close(head, data, len, Head::of(ROLLBOOK_OUTPUT_PUBLICATION));
    }
    while let Some((head, data)) = room(&mut out[used..], ROLLBOOK_REQUEST_SIZE_MAX) {
        let Some(sent) = tracker.poll_request(now, data) else { break };
        let peer = (&sent.to).into();
        used += close(head, data, sent.len, Head { peer, ..Head::of(ROLLBOOK_OUTPUT_REQUEST) });
    }
    while let Some((head, data)) = room(&mut out[used..], size_of::<rollbook_event_t>()) {
        let Some(event) = tracker.poll_event(now) else { break };
        let event = rollbook_event_t::from(event);
        let ids = [event.peer, event.other].map(|id| (id.size, id.bytes));
        let mut at = 8;
        data[..8].fill(0);
        data[0] = event.kind;
        for (size, bytes) in ids {
            data[at] = size;
            data[at + 1..at + 48].copy_from_slice(&bytes);
            at += 48;
        }
        used += close(head, data, at, Head::of(ROLLBOOK_OUTPUT_EVENT));
    }
    used
}

/// What stands before the data besides its size.
struct Head {
    kind: u8,
    must_sync: bool,
    number: u64,
    peer: rollbook_peer_id_t,
}

impl Head {
    fn of(kind: u8) -> Head {
        Head { kind, must_sync: false, number: 0, peer: rollbook_peer_id_t::NONE }
    }
}

/// Room for an output of `size` bytes of data: that of its head, and that of the data.
fn room(out: &mut [u8], size: usize) -> Option<(&mut [u8; HEAD_SIZE], &mut [u8])> {
    let (head, data) = out.split_first_chunk_mut::<HEAD_SIZE>()?;
    (data.len() >= size).then_some((head, data))
}

/// Ends an output; says how many bytes it takes.
fn close(head: &mut [u8; HEAD_SIZE], data: &mut [u8], data_size: usize, filled: Head) -> usize {
    // At the end of the buffer there may be no room for the last zeros: then nothing follows.
    let padded = data_size.next_multiple_of(ALIGNMENT).min(data.len());
    data[data_size..padded].fill(0);
    let size = HEAD_SIZE + padded;
    let number = |size: usize| u32::try_from(size).expect("an output is bounded").to_ne_bytes();
    head.fill(0);
    head[..4].copy_from_slice(&number(size));
    head[4..8].copy_from_slice(&number(data_size));
    head[8..16].copy_from_slice(&filled.number.to_ne_bytes());
    head[16] = filled.kind;
    head[17] = u8::from(filled.must_sync);
    head[24] = filled.peer.size;
    head[25..].copy_from_slice(&filled.peer.bytes);
    size
}
