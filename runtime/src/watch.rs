//! Numbered events, and the reader that follows them.

use std::{collections::VecDeque, sync::Arc};

use rollbook_core::PeerId;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    event_log::{EventLog, Newest},
    text,
};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum EventKind {
    /// A node came, in a session that was not told of yet.
    Joined,
    /// A node is known to be here again, in the session in which it had joined.
    Returned,
    /// A node left.
    Left,
    /// It is no longer known whether a node is here.
    Unknown,
    /// What a node says of itself changed.
    Changed,
    /// A node that no authority vouches for announced itself.
    Pending,
    /// A node was admitted.
    Admitted,
    /// A node was removed.
    Removed,
    /// A node was banned.
    Banned,
    /// A node is not in the roll any more: it was gone for long, or whoever vouched for it is not an
    /// authority any more.
    Forgotten,
    /// A node's grants changed.
    GrantsChanged,
    /// A writer contradicted itself about a node.
    Equivocation,
    /// Another machine uses this node's key.
    DuplicateIdentity,
    /// An authority was heard again.
    AuthorityInTouch,
    /// An authority was not heard for a lease window.
    AuthorityLost,
    /// The list of authorities was replaced.
    AuthoritiesChanged,
    /// This node's home is another one, or none.
    HomeChanged,
    /// This authority lost its journal, or a part of it, and signs nothing for now.
    Recovering,
    /// This authority has back what it had signed, and signs again.
    Recovered,
    /// This node has no room for every node, or cannot check what one says: it does not hold all.
    BecamePartial,
    /// This node holds every node again.
    BecameWhole,
    /// This node and another one hold different rolls, and find nothing to tell each other.
    RootsDiffer,
    /// Another node of the network lists none of the authorities that this one does.
    NothingInCommon,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [EventKind; 23] = [
        EventKind::Joined,
        EventKind::Returned,
        EventKind::Left,
        EventKind::Unknown,
        EventKind::Changed,
        EventKind::Pending,
        EventKind::Admitted,
        EventKind::Removed,
        EventKind::Banned,
        EventKind::Forgotten,
        EventKind::GrantsChanged,
        EventKind::Equivocation,
        EventKind::DuplicateIdentity,
        EventKind::AuthorityInTouch,
        EventKind::AuthorityLost,
        EventKind::AuthoritiesChanged,
        EventKind::HomeChanged,
        EventKind::Recovering,
        EventKind::Recovered,
        EventKind::BecamePartial,
        EventKind::BecameWhole,
        EventKind::RootsDiffer,
        EventKind::NothingInCommon,
    ];

    /// The name of the kind, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Joined => "joined",
            EventKind::Returned => "returned",
            EventKind::Left => "left",
            EventKind::Unknown => "unknown",
            EventKind::Changed => "changed",
            EventKind::Pending => "pending",
            EventKind::Admitted => "admitted",
            EventKind::Removed => "removed",
            EventKind::Banned => "banned",
            EventKind::Forgotten => "forgotten",
            EventKind::GrantsChanged => "grantsChanged",
            EventKind::Equivocation => "equivocation",
            EventKind::DuplicateIdentity => "duplicateIdentity",
            EventKind::AuthorityInTouch => "authorityInTouch",
            EventKind::AuthorityLost => "authorityLost",
            EventKind::AuthoritiesChanged => "authoritiesChanged",
            EventKind::HomeChanged => "homeChanged",
            EventKind::Recovering => "recovering",
            EventKind::Recovered => "recovered",
            EventKind::BecamePartial => "becamePartial",
            EventKind::BecameWhole => "becameWhole",
            EventKind::RootsDiffer => "rootsDiffer",
            EventKind::NothingInCommon => "nothingInCommon",
        }
    }
}

/// One event, with its place in this node's sequence of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NumberedEvent {
    /// Counts up by one; goes on after a restart.
    pub id: u64,
    /// When this node saw it, in unix seconds.
    pub at: u64,
    /// What happened.
    pub kind: EventKind,
    /// The node that it is about.
    #[serde(with = "text::peer_id_or_null")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub peer_id: Option<PeerId>,
}

/// Some of a node's events, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventPage {
    /// The events, without a gap between them.
    pub events: Vec<NumberedEvent>,
    /// How many events before the first of them are no longer kept.
    pub lost: u64,
    /// After which event the next page begins; null if this was the last.
    pub next: Option<u64>,
}

/// A reader was too slow, or resumed too late: events are gone that it has not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{lost} events were lost")]
pub struct Lagged {
    /// How many.
    pub lost: u64,
}

/// How many events a reader takes from the log at a time.
const PAGE_MAX: usize = 64;

/// Follows a node's events. Readers hold nothing up: one that is slower than the log is long is
/// told how many events it lost.
#[derive(Debug)]
pub struct Watch {
    log: Arc<EventLog>,
    newest: watch::Receiver<Newest>,
    page: VecDeque<NumberedEvent>,
    /// The number of the last event that was taken from the log, or is known to be lost.
    seen: u64,
}

impl Watch {
    /// A reader of what follows event `after`, or of what happens from now on.
    pub(crate) fn new(log: Arc<EventLog>, after: Option<u64>) -> Watch {
        let newest = log.subscribe();
        let last = newest.borrow().id;
        // A number from the future is of another log: follow this one from here.
        let seen = after.map_or(last, |after| after.min(last));
        Watch { log, newest, page: VecDeque::new(), seen }
    }

    /// The next event, or how many were lost before it; `None` once the node has stopped. Nothing
    /// is lost if the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Result<NumberedEvent, Lagged>> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Some(Ok(event));
            }
            let newest = *self.newest.borrow_and_update();
            let page = self.log.after(self.seen, PAGE_MAX);
            let lost = page.lost;
            self.seen += lost;
            self.page = page.events;
            if let Some(last) = self.page.back() {
                self.seen = last.id;
            }
            if lost > 0 {
                return Some(Err(Lagged { lost }));
            }
            if !self.page.is_empty() {
                continue;
            }
            if newest.closed || self.newest.changed().await.is_err() {
                return None;
            }
        }
    }
}

/// At most `limit` events that follow number `after`.
pub(crate) fn page(log: &EventLog, after: u64, limit: usize) -> EventPage {
    let page = log.after(after, limit);
    let events: Vec<_> = page.events.into();
    let last = events.last().map(|event| event.id);
    EventPage { events, lost: page.lost, next: last.filter(|last| *last < log.newest()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_log::{EventFile, KEPT_MAX, NewEvent};

    fn events(count: usize) -> Vec<NewEvent> {
        vec![NewEvent { at: 1, kind: EventKind::Joined, peer_id: None }; count]
    }

    #[tokio::test]
    async fn a_reader_sees_what_follows_and_then_the_end() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut file = EventFile::open(dir.path()).expect("it opens");
        file.append(&events(3)).expect("it is written");
        let mut live = Watch::new(file.log(), None);
        let mut resumed = Watch::new(file.log(), Some(1));
        file.append(&events(1)).expect("it is written");
        file.log().close();
        assert_eq!(live.next().await.map(|event| event.map(|event| event.id)), Some(Ok(4)));
        assert_eq!(live.next().await, None);
        for id in 2..=4 {
            assert_eq!(resumed.next().await.map(|event| event.map(|event| event.id)), Some(Ok(id)));
        }
        assert_eq!(resumed.next().await, None);
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_how_many_it_lost() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut file = EventFile::open(dir.path()).expect("it opens");
        let mut slow = Watch::new(file.log(), None);
        file.append(&events(KEPT_MAX + 5)).expect("it is written");
        assert_eq!(slow.next().await, Some(Err(Lagged { lost: 5 })));
        assert_eq!(slow.next().await.map(|event| event.map(|event| event.id)), Some(Ok(6)));
    }

    #[test]
    fn a_waiting_reader_is_woken() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut file = EventFile::open(dir.path()).expect("it opens");
        let mut watch = Watch::new(file.log(), Some(77));
        let runtime =
            tokio::runtime::Builder::new_current_thread().build().expect("a runtime is built");
        let reader = std::thread::spawn(move || runtime.block_on(watch.next()));
        file.append(&events(1)).expect("it is written");
        let event = reader.join().expect("it ends");
        assert_eq!(event.map(|event| event.map(|event| event.id)), Some(Ok(1)));
    }

    #[test]
    fn pages_follow_each_other_to_the_newest_event() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut file = EventFile::open(dir.path()).expect("it opens");
        assert_eq!(page(&file.log(), 0, 2), EventPage::default());
        file.append(&events(KEPT_MAX + 3)).expect("it is written");
        let first = page(&file.log(), 0, 2);
        assert_eq!((first.lost, first.next, first.events.len()), (3, Some(5), 2));
        let last = page(&file.log(), (KEPT_MAX + 1) as u64, 5);
        assert_eq!((last.lost, last.next, last.events.len()), (0, None, 2));
        assert_eq!(page(&file.log(), u64::MAX, 5), EventPage::default());
    }

    #[test]
    fn names_are_those_in_json() {
        for kind in EventKind::ALL {
            let json = serde_json::to_string(&kind).expect("it has a JSON form");
            assert_eq!(json, format!("\"{}\"", kind.name()));
        }
    }
}
