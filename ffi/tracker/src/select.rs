//! Which nodes to ask for something.

use rollbook_core::{Grant, Selected, Wanted};

use crate::{
    args::{self, Out, SizedRow, now},
    authority::grant,
    code::{Code, ROLLBOOK_E_ARGUMENT},
    handle::{enter, rollbook_tracker_t},
    node::rollbook_node_t,
};

/// The most nodes that are selected at once.
pub const ROLLBOOK_SELECT_MAX: usize = 64;

/// Reads the nodes that can do something, the most reliable first: those that are online, then
/// those that can be reached while nobody can tell whether they are here. Never one that left.
///
/// @param capability what they say they can do, in UTF-8
/// @param granted what they must have been granted, one of `ROLLBOOK_GRANT_*`; 0 for nothing
/// @param seen a row of `capacity` structures, at most `ROLLBOOK_SELECT_MAX`
/// @param seen_size `sizeof *seen`
/// @param count takes how many were selected
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UTF8`, `ROLLBOOK_E_ARGUMENT`,
///         `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_select(
    tracker: *mut rollbook_tracker_t,
    mono_ms: u64,
    unix_s: u64,
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
        enter(tracker, |node| {
            let capability = args::text(capability, capability_size)?;
            let granted: Option<Grant> = match granted {
                0 => None,
                number => Some(grant(number)?),
            };
            let mut row = SizedRow::new(seen, seen_size, capacity)?;
            let mut count = Out::new(count)?;
            let mut best = [const { None::<Selected> }; ROLLBOOK_SELECT_MAX];
            let best = best.get_mut(..row.capacity()).ok_or(Code(ROLLBOOK_E_ARGUMENT))?;
            let (tracker, now) = (node.started()?, now(mono_ms, unix_s));
            let selected = tracker.select(now, &Wanted { capability, grant: granted }, best);
            let nodes = best.iter().take(selected).flatten();
            let views = nodes.filter_map(|selected| tracker.node(now, &selected.peer_id));
            let mut read = 0;
            for view in views {
                row.put(read, &(&view).into());
                read += 1;
            }
            count.put(read);
            Ok(())
        })
    }
}
