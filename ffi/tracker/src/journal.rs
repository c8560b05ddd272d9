//! The journal: given back before the start, and written anew as a whole.

use core::mem::size_of;

use rollbook_core::{
    RecoverError, SnapshotPlace,
    journal::{self, Frame, JOURNAL_FORMAT, Next, Reader},
};

use crate::{
    args::{self, Buffer, Out, Plain, SizedOut},
    code::{
        Answer, Code, ROLLBOOK_E_FOREIGN, ROLLBOOK_E_FORMAT, ROLLBOOK_E_FULL,
        ROLLBOOK_E_NO_LONGER_AUTHORITY, ROLLBOOK_E_STATE, ROLLBOOK_NOTHING,
    },
    guard::guard,
    handle::{Node, enter, rollbook_tracker_t},
    outputs::ROLLBOOK_FRAME_SIZE_MAX,
};

/// What was found in a journal so far.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct rollbook_recovered_t {
    /// Whole frames.
    pub frames: u64,
    /// Of these: statements that this version cannot read, of a later one. Others hold them too.
    pub unread: u64,
    /// Of these: statements that a partial replica left out, as it does what it has no room for.
    pub no_room: u64,
    /// Bytes of damaged frames that were skipped. An authority of which some are damaged recovers
    /// first.
    pub damaged_bytes: u64,
}

const _: () = assert!(size_of::<rollbook_recovered_t>() == 4 * 8);

// SAFETY: it is made of integers of one size.
unsafe impl Plain for rollbook_recovered_t {}

/// Writes what a journal begins with, to be stored when an identity is made: whose journal it is.
/// So a journal that was lost later is told from one that never was.
///
/// @param out room for `ROLLBOOK_FRAME_SIZE_MAX` bytes
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_BUFSIZE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_journal_begin(
    peer_id: *const u8,
    peer_id_size: usize,
    out: *mut u8,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        // SAFETY: the caller's pointers, as described.
        let (peer_id, mut out) = unsafe {
            let peer_id = args::peer_id(peer_id, peer_id_size)?;
            (peer_id, Buffer::new(out, capacity, size, ROLLBOOK_FRAME_SIZE_MAX)?)
        };
        let header =
            Frame::Header { format: JOURNAL_FORMAT, peer_id: peer_id.as_bytes(), network: "" };
        let len = journal::encode(&header, out.bytes).expect("a header fits a frame");
        out.put_used(len);
        Ok(())
    })
}

/// Gives the tracker a part of its journal, before the start: any number of bytes, in order. Whole
/// frames of it are taken; what is behind the last of them belongs in front of the next part. What
/// is behind the last frame of all was never finished: the next frame is appended in its place.
///
/// Of `ROLLBOOK_FRAME_SIZE_MAX` bytes or more something is taken, unless they are no frame and have
/// no end. Where the journal goes on behind them, they are damage: they are skipped, and
/// `rollbook_tracker_note_damage` says so.
///
/// Where it fails, the frames before the one that was refused were taken, and `used` says where
/// that one begins.
///
/// @param used takes how many bytes were taken
/// @param recovered takes what was found so far, in all parts; may be NULL
/// @param recovered_size `sizeof *recovered`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_STATE`, `ROLLBOOK_E_UNSUPPORTED`,
///         `ROLLBOOK_E_FORMAT`, `ROLLBOOK_E_FOREIGN`, `ROLLBOOK_E_NO_LONGER_AUTHORITY`;
///         `ROLLBOOK_E_FULL` where an authority has no room
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_recover(
    tracker: *mut rollbook_tracker_t,
    part: *const u8,
    part_size: usize,
    used: *mut usize,
    recovered: *mut rollbook_recovered_t,
    recovered_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let part = args::bytes(part, part_size)?;
            let mut used = Out::new(used)?;
            used.put(0);
            let recovered = match recovered.is_null() {
                true => None,
                false => Some(SizedOut::new(recovered, recovered_size)?),
            };
            let node = node.before_start()?;
            let (taken, answer) = recover(node, part);
            used.put(taken);
            if let Some(mut recovered) = recovered {
                recovered.put(&node.recovered);
            }
            answer
        })
    }
}

/// Gives the tracker the whole frames in `part`; says how many bytes were taken.
fn recover(node: &mut Node, part: &[u8]) -> (usize, Answer) {
    let mut frames = Reader::new(part);
    let mut taken = 0;
    loop {
        let next = match frames.next_frame() {
            Ok(next) => next,
            Err(never) => match never {},
        };
        let answer = match next {
            Next::Frame(frame) => take(node, &frame),
            Next::Damaged { size } => {
                node.recovered.damaged_bytes += size;
                Ok(())
            }
            Next::TornTail { .. } | Next::End => return (taken, Ok(())),
        };
        if answer.is_err() {
            return (taken, answer);
        }
        taken = usize::try_from(frames.position()).expect("no more than there is in memory");
    }
}

/// Gives the tracker a frame.
fn take(node: &mut Node, frame: &Frame<'_>) -> Answer {
    let left_out = |node: &Node| {
        let counters = node.tracker.counters();
        counters.statements_no_room + counters.statements_out_of_scope
    };
    let before = left_out(node);
    let refused = match node.tracker.recover(frame) {
        Ok(()) => {
            // A partial replica goes on without.
            node.recovered.no_room += left_out(node) - before;
            None
        }
        Err(RecoverError::Statement(_)) => {
            node.recovered.unread += 1;
            None
        }
        Err(why) => Some(why),
    };
    match refused {
        None => {
            node.recovered.frames += 1;
            Ok(())
        }
        Some(RecoverError::ForeignPeer | RecoverError::ForeignNetwork) => {
            Err(Code(ROLLBOOK_E_FOREIGN))
        }
        Some(RecoverError::NoLongerAuthority) => Err(Code(ROLLBOOK_E_NO_LONGER_AUTHORITY)),
        Some(RecoverError::Full) => Err(Code(ROLLBOOK_E_FULL)),
        Some(_) => Err(Code(ROLLBOOK_E_FORMAT)),
    }
}

/// Notes, before the start, that a part of the journal could not even be read: an authority
/// recovers first. Damage that `rollbook_tracker_recover` found is noted by itself.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_note_damage(tracker: *mut rollbook_tracker_t) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe {
        enter(tracker, |node| {
            node.before_start()?.tracker.note_damage();
            Ok(())
        })
    }
}

/// Begins a compacted journal of all that the tracker holds. One is under way at a time: another
/// beginning gives the one before up.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_snapshot_begin(tracker: *mut rollbook_tracker_t) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe {
        enter(tracker, |node| {
            node.started()?;
            node.snapshot = Some(SnapshotPlace::START);
            Ok(())
        })
    }
}

/// Writes the next part of a compacted journal. Other calls may come in between: the frames that
/// `rollbook_tracker_poll_journal` gives out after the first part belong behind the last one. All
/// parts together, with these frames behind them, take the place of the journal, once all of it is
/// durable.
///
/// @param out room for `ROLLBOOK_FRAME_SIZE_MAX` bytes at least; it is filled with whole frames
/// @param size takes how much of it is used: 0 where a statement waits for its signature
///        (`ROLLBOOK_KEY_OUTSIDE`), and the call is to be repeated once that came
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` when all of it was written, `ROLLBOOK_E_NULL`,
///         `ROLLBOOK_E_BUFSIZE`, `ROLLBOOK_E_STATE` where none was begun
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_snapshot_next(
    tracker: *mut rollbook_tracker_t,
    out: *mut u8,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let mut out = Buffer::new(out, capacity, size, ROLLBOOK_FRAME_SIZE_MAX)?;
            let place = node.snapshot.as_mut().ok_or(Code(ROLLBOOK_E_STATE))?;
            let mut used = 0;
            while out.bytes.len() - used >= ROLLBOOK_FRAME_SIZE_MAX {
                match node.tracker.snapshot_next(place, &mut out.bytes[used..]) {
                    // A signature is waited for.
                    Some(0) => break,
                    Some(len) => used += len,
                    // The end is told when nothing comes before it.
                    None if used > 0 => break,
                    None => {
                        node.snapshot = None;
                        return Err(Code(ROLLBOOK_NOTHING));
                    }
                }
            }
            out.put_used(used);
            Ok(())
        })
    }
}
