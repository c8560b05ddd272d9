//! Reading the roll. It is in memory: a read waits for neither the network nor the disk.

use rollbook_c::{
    ROLLBOOK_E_ARGUMENT, ROLLBOOK_NOTHING, ROLLBOOK_SELECT_MAX, rollbook_fact_t, rollbook_node_t,
};
use rollbook_core::{Selected, Wanted};

use crate::{
    handle::{enter, rollbook_runtime_t},
    support::{self, Code, Out, SizedOut, SizedRow},
};

/// Reads a node, those that wait to be admitted included.
///
/// @param seen_size `sizeof *seen`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` for a node that is not known, `ROLLBOOK_E_NULL`,
///         `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_UNSUPPORTED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_get(
    runtime: *mut rollbook_runtime_t,
    peer: *const u8,
    peer_size: usize,
    seen: *mut rollbook_node_t,
    seen_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let peer = support::peer_id(peer, peer_size)?;
            let mut out = SizedOut::new(seen, seen_size)?;
            let read = node.handle.look(|tracker, now| {
                tracker.node(now, &peer).map(|view| rollbook_node_t::from(&view))
            });
            out.put(&read.ok_or(Code(ROLLBOOK_NOTHING))?);
            Ok(())
        })
    }
}

/// Reads nodes in the roll's order, then those that wait to be admitted: a page of them. Whoever
/// asks for one page after another, each behind the last node of the one before, sees every node
/// that stays as it is exactly once, whatever happens in between.
///
/// @param after the node behind which the page begins; NULL and 0 for the first page
/// @param seen a row of `capacity` structures; the node waits while they are filled in, so some
///        hundred at a time are enough
/// @param seen_size `sizeof *seen`
/// @param count takes how many were read: fewer than `capacity` at the end
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_UNSUPPORTED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_nodes(
    runtime: *mut rollbook_runtime_t,
    after: *const u8,
    after_size: usize,
    seen: *mut rollbook_node_t,
    seen_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let after = match after_size {
                0 => None,
                size => Some(support::peer_id(after, size)?),
            };
            let mut row = SizedRow::new(seen, seen_size, capacity)?;
            let mut count = Out::new(count)?;
            let read = node.handle.look(|tracker, now| {
                let views = tracker.nodes_after(now, after.as_ref()).take(capacity);
                views.enumerate().map(|(index, view)| row.put(index, &(&view).into())).count()
            });
            count.put(read);
            Ok(())
        })
    }
}

/// Reads the nodes that can do something, the most reliable first: those that are online, then
/// those that can be reached while nobody can tell whether they are here. Never one that left.
///
/// @param capability what they say they can do, in UTF-8
/// @param granted what they must have been granted, one of `ROLLBOOK_GRANT_*`; 0 for nothing
/// @param seen a row of `capacity` structures, at most `ROLLBOOK_SELECT_MAX`
/// @param seen_size `sizeof *seen`
/// @param count takes how many were selected
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_ARGUMENT`,
///         `ROLLBOOK_E_UNSUPPORTED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_select(
    runtime: *mut rollbook_runtime_t,
    capability: *const u8,
    capability_size: usize,
    granted: u8,
    seen: *mut rollbook_node_t,
    seen_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let capability = support::text(capability, capability_size)?;
            let grant = match granted {
                0 => None,
                number => Some(support::grant(number)?),
            };
            let mut row = SizedRow::new(seen, seen_size, capacity)?;
            let mut count = Out::new(count)?;
            let mut best = [const { None::<Selected> }; ROLLBOOK_SELECT_MAX];
            let best = best.get_mut(..capacity).ok_or(Code(ROLLBOOK_E_ARGUMENT))?;
            let read = node.handle.look(|tracker, now| {
                let selected = tracker.select(now, &Wanted { capability, grant }, best);
                let nodes = best.iter().take(selected).flatten();
                let views = nodes.filter_map(|selected| tracker.node(now, &selected.peer_id));
                views.enumerate().map(|(index, view)| row.put(index, &(&view).into())).count()
            });
            count.put(read);
            Ok(())
        })
    }
}

/// Reads one of the facts that are known of a node, with the statement that it stands in. The facts
/// may change between two calls.
///
/// @param index from 0
/// @param fact_size `sizeof *fact`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` behind the last one, `ROLLBOOK_E_NULL`,
///         `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_UNSUPPORTED`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_explain(
    runtime: *mut rollbook_runtime_t,
    peer: *const u8,
    peer_size: usize,
    index: u32,
    fact: *mut rollbook_fact_t,
    fact_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let peer = support::peer_id(peer, peer_size)?;
            let mut out = SizedOut::new(fact, fact_size)?;
            let index = usize::try_from(index).map_err(|_too_large| Code(ROLLBOOK_NOTHING))?;
            let fact = node.handle.look(|tracker, _now| {
                tracker.explain(&peer).nth(index).map(|known| rollbook_fact_t::from(&known))
            });
            out.put(&fact.ok_or(Code(ROLLBOOK_NOTHING))?);
            Ok(())
        })
    }
}
