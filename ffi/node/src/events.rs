//! What an application is told, one event after another.
//!
//! Invariants:
//! - the log of events is the node's; here is the place of the last event that was taken from it,
//!   so nothing is queued and nothing overflows;
//! - the descriptor is readable exactly while an event can be taken, or the node has stopped.

use core::mem::size_of;
use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rollbook::{EventKind, NodeHandle, NumberedEvent, Watch};
use rollbook_c::{
    ROLLBOOK_E_CLOSED, ROLLBOOK_EVENT_ADMITTED, ROLLBOOK_EVENT_AUTHORITIES_CHANGED,
    ROLLBOOK_EVENT_AUTHORITY_IN_TOUCH, ROLLBOOK_EVENT_AUTHORITY_LOST, ROLLBOOK_EVENT_BANNED,
    ROLLBOOK_EVENT_BECAME_PARTIAL, ROLLBOOK_EVENT_BECAME_WHOLE, ROLLBOOK_EVENT_CHANGED,
    ROLLBOOK_EVENT_DUPLICATE_IDENTITY, ROLLBOOK_EVENT_EQUIVOCATION, ROLLBOOK_EVENT_FORGOTTEN,
    ROLLBOOK_EVENT_GRANTS_CHANGED, ROLLBOOK_EVENT_HOME_CHANGED, ROLLBOOK_EVENT_JOINED,
    ROLLBOOK_EVENT_LEFT, ROLLBOOK_EVENT_NOTHING_IN_COMMON, ROLLBOOK_EVENT_OTHER,
    ROLLBOOK_EVENT_PENDING, ROLLBOOK_EVENT_RECOVERED, ROLLBOOK_EVENT_RECOVERING,
    ROLLBOOK_EVENT_REMOVED, ROLLBOOK_EVENT_RETURNED, ROLLBOOK_EVENT_ROOTS_DIFFER,
    ROLLBOOK_EVENT_UNKNOWN, ROLLBOOK_NOTHING, rollbook_peer_id_t,
};

use crate::{
    handle::{enter, rollbook_runtime_t, time_to_wait},
    support::{Answer, Code, Out, Plain, SizedOut},
    wakeup::Wakeup,
};

/// How many of a node's newest events can be read.
pub const ROLLBOOK_EVENTS_KEPT: u32 = 10_000;

/// A past fact about the roll, with its place in this node's sequence of events. What it is about is
/// read from the roll.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_runtime_event_t {
    /// Its number: counts up by one, also across restarts of the node.
    pub id: u64,
    /// When this node saw it, in unix seconds.
    pub at: u64,
    /// How many events before it were lost, since they were not read in time: 0 as a rule. A program
    /// that lost some reads the roll anew.
    pub lost: u64,
    /// The node that it is about, if it is about one.
    pub peer: rollbook_peer_id_t,
    /// One of `ROLLBOOK_EVENT_*`; later versions may have more.
    pub kind: u8,
    /// Zeros.
    pub zero: [u8; 7],
}

const _: () = assert!(size_of::<rollbook_runtime_event_t>() == 3 * 8 + 48 + 8);

// SAFETY: it is made of integers and rows of them, without padding, as is asserted.
unsafe impl Plain for rollbook_runtime_event_t {}

/// Where the program is in the node's events.
pub(crate) struct Events {
    place: Mutex<Place>,
    changed: Condvar,
}

struct Place {
    /// The number of the last event that was taken, or is known to be lost.
    seen: u64,
    /// The number of the newest event.
    newest: u64,
    /// No event follows the newest.
    is_closed: bool,
    wakeup: Wakeup,
}

impl Place {
    fn is_due(&self) -> bool {
        self.seen < self.newest
    }

    /// Lets the descriptor say what is.
    fn show(&mut self) {
        self.wakeup.set(self.is_due() || self.is_closed);
    }
}

impl Events {
    /// The events of a node from now on, and what has to run for them.
    pub(crate) fn new(
        node: &NodeHandle,
    ) -> io::Result<(Arc<Events>, impl Future<Output = ()> + use<>)> {
        let newest = node.status().last_event;
        let place = Place { seen: newest, newest, is_closed: false, wakeup: Wakeup::new()? };
        let events = Arc::new(Events { place: Mutex::new(place), changed: Condvar::new() });
        let follow = follow(Arc::clone(&events), node.watch(Some(newest)));
        Ok((events, follow))
    }

    /// Whatever a panic left behind is a place all the same.
    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the place, and wakes everybody.
    fn change(&self, change: impl FnOnce(&mut Place)) {
        let mut place = self.place();
        change(&mut place);
        place.show();
        drop(place);
        self.changed.notify_all();
    }

    /// Waits for an event.
    fn wait(&self, timeout_ms: u32) -> Answer {
        let until = time_to_wait(timeout_ms).map(|time| Instant::now() + time);
        let mut place = self.place();
        loop {
            if place.is_due() {
                return Ok(());
            }
            if place.is_closed {
                return Err(Code(ROLLBOOK_E_CLOSED));
            }
            place = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => return Err(Code(ROLLBOOK_NOTHING)),
                Some(left) => {
                    let waited = self.changed.wait_timeout(place, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(place).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Waits until no event follows those that there are.
    pub(crate) fn await_end(&self, time_max: Duration) {
        let is_open = |place: &mut Place| !place.is_closed;
        let waited = self.changed.wait_timeout_while(self.place(), time_max, is_open);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes the next event, and says how many before it were lost.
    fn next(&self, node: &NodeHandle) -> Answer<(NumberedEvent, u64)> {
        let mut place = self.place();
        let is_closed = place.is_closed;
        let none = || Code(if is_closed { ROLLBOOK_E_CLOSED } else { ROLLBOOK_NOTHING });
        if !place.is_due() {
            return Err(none());
        }
        let page = node.events(place.seen, 1);
        let event = *page.events.first().ok_or_else(none)?;
        place.seen = event.id;
        place.show();
        Ok((event, page.lost))
    }
}

/// Notes each event that comes, until the node has stopped.
async fn follow(events: Arc<Events>, mut watch: Watch) {
    while let Some(event) = watch.next().await {
        // Of lost ones the next event tells.
        if let Ok(event) = event {
            events.change(|place| place.newest = event.id);
        }
    }
    events.change(|place| place.is_closed = true);
}

/// Waits until `rollbook_runtime_next_event` has an event. Several threads may wait; an event wakes
/// all of them, and one of them gets it.
///
/// @param timeout_ms how long at most; 0 only looks, `ROLLBOOK_FOREVER` waits as long as it takes
/// @return `ROLLBOOK_OK`; `ROLLBOOK_NOTHING` where none came in that time; `ROLLBOOK_E_CLOSED` once
///         the node has stopped and every event was taken
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_wait(
    runtime: *mut rollbook_runtime_t,
    timeout_ms: u32,
) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe { enter(runtime, |node| node.events.wait(timeout_ms)) }
}

/// Takes the next event. It does not wait. The first one is the first that happened after the start
/// had returned; what happened before is in the roll by then.
///
/// @param event_size `sizeof *event`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING`, `ROLLBOOK_E_NULL`, `ROLLBOOK_E_UNSUPPORTED`;
///         `ROLLBOOK_E_CLOSED` once the node has stopped and every event was taken
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_next_event(
    runtime: *mut rollbook_runtime_t,
    event: *mut rollbook_runtime_event_t,
    event_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            let mut out = SizedOut::new(event, event_size)?;
            let (event, lost) = node.events.next(&node.handle)?;
            out.put(&rollbook_runtime_event_t {
                id: event.id,
                at: event.at,
                lost,
                peer: event.peer_id.into(),
                kind: kind(event.kind),
                zero: [0; 7],
            });
            Ok(())
        })
    }
}

/// Goes to another place in the events: the next one is the one that follows number `after`, of this
/// run or an earlier one. A node keeps its newest `ROLLBOOK_EVENTS_KEPT`; how many are gone, the
/// first event says.
///
/// @param after the number of the last event that the program knows; 0 for all that are kept; a
///        number that is still to come stands for the newest
/// @return `ROLLBOOK_OK`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_seek_event(
    runtime: *mut rollbook_runtime_t,
    after: u64,
) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe {
        enter(runtime, |node| {
            node.events.change(|place| place.seen = after.min(place.newest));
            Ok(())
        })
    }
}

/// A descriptor for `poll`, `select`, `epoll` or `kqueue`: readable while
/// `rollbook_runtime_next_event` has an event, and once the node has stopped. It belongs to the
/// node: the program only waits on it, and neither reads from it nor closes it. It ends with
/// `rollbook_runtime_free`.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_NULL`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_descriptor(
    runtime: *mut rollbook_runtime_t,
    descriptor: *mut i32,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(runtime, |node| {
            Out::new(descriptor)?.put(node.events.place().wakeup.descriptor());
            Ok(())
        })
    }
}

fn kind(kind: EventKind) -> u8 {
    match kind {
        EventKind::Joined => ROLLBOOK_EVENT_JOINED,
        EventKind::Returned => ROLLBOOK_EVENT_RETURNED,
        EventKind::Left => ROLLBOOK_EVENT_LEFT,
        EventKind::Unknown => ROLLBOOK_EVENT_UNKNOWN,
        EventKind::Changed => ROLLBOOK_EVENT_CHANGED,
        EventKind::Pending => ROLLBOOK_EVENT_PENDING,
        EventKind::Admitted => ROLLBOOK_EVENT_ADMITTED,
        EventKind::Removed => ROLLBOOK_EVENT_REMOVED,
        EventKind::Banned => ROLLBOOK_EVENT_BANNED,
        EventKind::Forgotten => ROLLBOOK_EVENT_FORGOTTEN,
        EventKind::GrantsChanged => ROLLBOOK_EVENT_GRANTS_CHANGED,
        EventKind::Equivocation => ROLLBOOK_EVENT_EQUIVOCATION,
        EventKind::DuplicateIdentity => ROLLBOOK_EVENT_DUPLICATE_IDENTITY,
        EventKind::AuthorityInTouch => ROLLBOOK_EVENT_AUTHORITY_IN_TOUCH,
        EventKind::AuthorityLost => ROLLBOOK_EVENT_AUTHORITY_LOST,
        EventKind::AuthoritiesChanged => ROLLBOOK_EVENT_AUTHORITIES_CHANGED,
        EventKind::HomeChanged => ROLLBOOK_EVENT_HOME_CHANGED,
        EventKind::Recovering => ROLLBOOK_EVENT_RECOVERING,
        EventKind::Recovered => ROLLBOOK_EVENT_RECOVERED,
        EventKind::BecamePartial => ROLLBOOK_EVENT_BECAME_PARTIAL,
        EventKind::BecameWhole => ROLLBOOK_EVENT_BECAME_WHOLE,
        EventKind::RootsDiffer => ROLLBOOK_EVENT_ROOTS_DIFFER,
        EventKind::NothingInCommon => ROLLBOOK_EVENT_NOTHING_IN_COMMON,
        _ => ROLLBOOK_EVENT_OTHER,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_of_event_has_a_code_of_its_own() {
        let codes: BTreeSet<u8> = EventKind::ALL.map(kind).into();
        assert_eq!(codes.len(), EventKind::ALL.len());
        assert!(!codes.contains(&ROLLBOOK_EVENT_OTHER));
    }
}
