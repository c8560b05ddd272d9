//! The roll in pages.
//!
//! Invariants:
//! - nodes are ordered by a key and then by their peer id, so no two are equal, and a cursor is a
//!   place in that order rather than a count: who joins or goes moves nobody to another page;
//! - uptimes are compared as they were when the first page was asked for, so those of nodes that
//!   are online do not grow past a cursor;
//! - a page costs one look at every node and the memory of one page.

use std::{collections::BinaryHeap, fmt, str::FromStr};

use rollbook_core::{HeapTracker, Now, PeerId};

use crate::{
    grants::GrantNames,
    view::{Filter, NodeView},
};

/// What nodes are ordered by; of equal ones the peer id decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    /// The peer id alone.
    #[default]
    PeerId,
    /// When they joined for the first time; unknown is first.
    FirstJoined,
    /// When they joined last; unknown is first.
    LastJoined,
    /// When the newest statement about them was issued; unknown is first.
    LastUpdated,
    /// How long they have been here in all their sessions.
    Uptime,
}

/// Which nodes of the roll to return, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Which nodes.
    pub filter: Filter,
    /// In which order.
    pub sort: SortKey,
    /// The greatest first.
    pub descending: bool,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// How many at most.
    pub limit: usize,
}

/// Some nodes of the roll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePage {
    /// The nodes in their order.
    pub nodes: Vec<NodeView>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// A place in the order of nodes. Its text is `KEY.TIME.PEER`, for the program that made it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    key: u64,
    /// As of when uptimes are compared.
    as_of: u64,
    peer_id: PeerId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.key, self.as_of, self.peer_id)
    }
}

/// A text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not where a page ended")]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Cursor, NotACursor> {
        let mut parts = text.splitn(3, '.');
        let mut next = || parts.next().ok_or(NotACursor);
        let (key, as_of, peer_id) = (next()?, next()?, next()?);
        let number = |text: &str| text.parse().map_err(|_none| NotACursor);
        Ok(Cursor {
            key: number(key)?,
            as_of: number(as_of)?,
            peer_id: peer_id.parse().map_err(|_none| NotACursor)?,
        })
    }
}

/// Where a node stands in an order; the first of a page is the least.
type Place = (u64, PeerId);

/// The page that is asked for.
pub(crate) fn of(
    tracker: &HeapTracker,
    now: Now,
    request: &PageRequest,
    names: &GrantNames,
) -> NodePage {
    // A time ahead of the clock is none that this node gave.
    let as_of = request.after.map_or(now.unix_s, |after| after.as_of.min(now.unix_s));
    let then = Now { unix_s: as_of, ..now };
    let after = request.after.map(|after| (after.key, after.peer_id));
    let follows = |place: &Place| {
        after.is_none_or(|after| match request.descending {
            true => *place < after,
            false => *place > after,
        })
    };
    let places = tracker
        .nodes(then)
        .filter(|seen| request.filter.selects(seen, names))
        .map(|seen| (key(&seen, request.sort), seen.peer_id))
        .filter(follows);
    // One more than the page, to know whether another follows.
    let wanted = request.limit.saturating_add(1);
    let mut places = match request.descending {
        true => first(places.map(std::cmp::Reverse), wanted).into_iter().map(|r| r.0).collect(),
        false => first(places, wanted),
    };
    let more = places.len() > request.limit;
    places.truncate(request.limit);
    let last = places.last().filter(|_| more);
    let next = last.map(|(key, peer_id)| Cursor { key: *key, as_of, peer_id: *peer_id });
    let nodes = places.iter().filter_map(|(_, peer)| tracker.node(now, peer));
    NodePage { nodes: nodes.map(|seen| NodeView::of(&seen, names)).collect(), next }
}

fn key(seen: &rollbook_core::NodeView<'_>, sort: SortKey) -> u64 {
    match sort {
        SortKey::PeerId => 0,
        SortKey::FirstJoined => seen.first_joined.unwrap_or(0),
        SortKey::LastJoined => seen.last_joined.unwrap_or(0),
        SortKey::LastUpdated => seen.last_updated.unwrap_or(0),
        SortKey::Uptime => seen.accumulated_uptime,
    }
}

/// The `count` least, in their order.
fn first<T: Ord>(items: impl Iterator<Item = T>, count: usize) -> Vec<T> {
    let mut kept = BinaryHeap::new();
    for item in items {
        if kept.len() < count {
            kept.push(item);
        } else if let Some(mut greatest) = kept.peek_mut()
            && item < *greatest
        {
            *greatest = item;
        }
    }
    kept.into_sorted_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";

    #[test]
    fn the_least_are_kept_in_their_order() {
        let items = [5, 1, 4, 1, 3, 9];
        for count in 0..8 {
            let mut all = items.to_vec();
            all.sort_unstable();
            all.truncate(count);
            assert_eq!(first(items.into_iter(), count), all, "{count}");
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_is_written_and_nothing_else_is_one() {
        let text = format!("7.1736940000.{PEER}");
        let cursor: Cursor = text.parse().expect("it is one");
        assert_eq!(cursor.to_string(), text);
        for text in ["", "7", "7.1", "7.1.", "x.1.a", "-1.1.a", &format!("1.{PEER}"), PEER] {
            assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text}");
        }
    }
}
