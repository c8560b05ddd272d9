//! The state of a node: in figures, its addresses, and what its operator should look at.

use core::mem::size_of;

use rollbook::Status;
use rollbook_c::{ROLLBOOK_E_BUFSIZE, ROLLBOOK_NOTHING, rollbook_peer_id_t, rollbook_status_t};

use crate::{
    handle::{Node, enter, rollbook_runtime_t},
    support::{Answer, Buffer, Code, Out, Plain, SizedOut, SizedRow},
};

/// What a running node has beside its roll, in figures.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_figures_t {
    /// When it was started, in unix seconds.
    pub started_at: u64,
    /// The number of its newest event; 0 before the first.
    pub last_event: u64,
    /// The size of the journal's file, in bytes.
    pub journal_bytes: u64,
    /// How many peers are connected.
    pub connections: u32,
    /// How many warnings there are: see `rollbook_runtime_warning`.
    pub warnings: u32,
    /// 1: the journal cannot be written at the moment, and what changes is in memory only.
    pub has_journal_fault: u8,
    /// Zeros.
    pub zero: [u8; 7],
}

const _: () = assert!(size_of::<rollbook_figures_t>() == 3 * 8 + 2 * 4 + 8);

// SAFETY: it is made of integers and rows of them, without padding, as is asserted.
unsafe impl Plain for rollbook_figures_t {}

/// An authority, as this node sees it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_authority_seen_t {
    /// The authority.
    pub peer_id: rollbook_peer_id_t,
    /// 1: this node, or its home, heard it within the last lease window.
    pub in_touch: u8,
    /// 1: it retired. It is nobody's home and signs nothing new.
    pub retired: u8,
    /// Zeros.
    pub zero: [u8; 6],
}

const _: () = assert!(size_of::<rollbook_authority_seen_t>() == 48 + 8);

// SAFETY: it is made of bytes alone.
unsafe impl Plain for rollbook_authority_seen_t {}

/// Reads the state of the roll in figures, how many nodes there are of each sort among them. Looks
/// at every node.
///
/// @param status_size `sizeof *status`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_status(
    runtime: *mut rollbook_runtime_t,
    status: *mut rollbook_status_t,
    status_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let mut out = SizedOut::new(status, status_size)?;
            out.put(&node.handle.look(rollbook_status_t::of));
            Ok(())
        })
    }
}

/// This node.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_peer_id(
    runtime: *mut rollbook_runtime_t,
    peer_id: *mut rollbook_peer_id_t,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            Out::new(peer_id)?.put((&node.handle.peer_id()).into());
            Ok(())
        })
    }
}

/// Reads what a running node has beside its roll, in figures.
///
/// @param figures_size `sizeof *figures`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_figures(
    runtime: *mut rollbook_runtime_t,
    figures: *mut rollbook_figures_t,
    figures_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let mut out = SizedOut::new(figures, figures_size)?;
            out.put(&(&node.handle.status()).into());
            Ok(())
        })
    }
}

impl From<&Status> for rollbook_figures_t {
    fn from(status: &Status) -> rollbook_figures_t {
        rollbook_figures_t {
            started_at: status.started_at,
            last_event: status.last_event,
            journal_bytes: status.journal_bytes,
            connections: status.connections,
            warnings: u32::try_from(status.warnings.len()).unwrap_or(u32::MAX),
            has_journal_fault: u8::from(status.journal_fault.is_some()),
            zero: [0; 7],
        }
    }
}

/// Reads the authorities, in the order in which they are listed, then the retired ones.
///
/// @param seen a row of `capacity` structures; `ROLLBOOK_AUTHORITIES_MAX` are enough
/// @param seen_size `sizeof *seen`
/// @param count takes how many were read
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_authorities(
    runtime: *mut rollbook_runtime_t,
    seen: *mut rollbook_authority_seen_t,
    seen_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let mut row = SizedRow::new(seen, seen_size, capacity)?;
            let mut count = Out::new(count)?;
            let authorities = node.handle.status().authorities;
            let read = authorities.iter().take(capacity).enumerate().map(|(index, authority)| {
                row.put(
                    index,
                    &rollbook_authority_seen_t {
                        peer_id: (&authority.peer_id).into(),
                        in_touch: u8::from(authority.in_touch),
                        retired: u8::from(authority.retired),
                        zero: [0; 6],
                    },
                );
            });
            count.put(read.count());
            Ok(())
        })
    }
}

/// Writes one of the addresses that this node listens on, as others may be given it: text that ends
/// in `/p2p/ID`, without a zero at its end. Port 0 has become the port that was taken.
///
/// @param index from 0
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` behind the last one, `ROLLBOOK_E_NULL`,
///         `ROLLBOOK_E_BUFSIZE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_listen_address(
    runtime: *mut rollbook_runtime_t,
    index: u32,
    text: *mut u8,
    text_capacity: usize,
    text_size: *mut usize,
) -> i32 {
    let address = |node: &Node| nth(&node.handle.listen_addresses(), index);
    // SAFETY: the caller's pointers, as described.
    unsafe { enter(runtime, |node| put_text(address(node), text, text_capacity, text_size)) }
}

/// Writes one of the things that an operator should look at, a failing disk or a key without its
/// journal: a sentence, without a zero at its end.
///
/// @param index from 0
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` behind the last one, `ROLLBOOK_E_NULL`,
///         `ROLLBOOK_E_BUFSIZE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_warning(
    runtime: *mut rollbook_runtime_t,
    index: u32,
    text: *mut u8,
    text_capacity: usize,
    text_size: *mut usize,
) -> i32 {
    let warning = |node: &Node| nth(&node.handle.status().warnings, index);
    // SAFETY: the caller's pointers, as described.
    unsafe { enter(runtime, |node| put_text(warning(node), text, text_capacity, text_size)) }
}

/// The text of one of several.
fn nth<T: ToString>(all: &[T], index: u32) -> Option<String> {
    all.get(usize::try_from(index).ok()?).map(ToString::to_string)
}

/// Writes a text, if there is one, into a buffer of the caller.
///
/// # Safety
///
/// As for [`Buffer::new`].
unsafe fn put_text(
    written: Option<String>,
    text: *mut u8,
    capacity: usize,
    size: *mut usize,
) -> Answer {
    let written = written.ok_or(Code(ROLLBOOK_NOTHING))?;
    // SAFETY: the caller vouches for it.
    let mut out = unsafe { Buffer::new(text, capacity, size, written.len()) }?;
    let place = out.bytes.get_mut(..written.len()).ok_or(Code(ROLLBOOK_E_BUFSIZE))?;
    place.copy_from_slice(written.as_bytes());
    out.put_used(written.len());
    Ok(())
}
