//! Which nodes to ask for something: those that can do it and are here, the most reliable first.
//!
//! The order is a pure function of the views, so replicas that see the same choose the same.

use core::cmp::{Ordering, Reverse};

use crate::{
    peer_id::PeerId,
    statement::Grant,
    tallies::{Counter, Tallies},
    view::{Here, NodeView},
};

/// What a node must be to be selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// What it says it can do.
    pub capability: &'a str,
    /// What it was granted, if that matters.
    pub grant: Option<Grant>,
}

/// A node that was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The node.
    pub peer_id: PeerId,
    /// Online, or unknown.
    pub here: Here,
    /// What others counted about it.
    pub tallies: Tallies,
}

impl Selected {
    /// The node, if it is what is wanted: admitted, able, and online, or reachable while nobody in
    /// touch can say. Never one that left.
    pub fn of(view: &NodeView<'_>, wanted: &Wanted<'_>, is_connected: bool) -> Option<Selected> {
        let (_, said) = view.announcement.as_ref()?;
        let is_reachable =
            is_connected || (view.last_known == Here::Online && !said.addresses.is_empty());
        let is_here = match view.here {
            Here::Online => true,
            Here::Unknown => is_reachable && view.last_known != Here::Left,
            Here::Left => false,
        };
        let fits = view.standing.admits()
            && said.capabilities.contains(&wanted.capability)
            && wanted.grant.is_none_or(|grant| view.grants.contains(grant));
        (is_here && fits).then_some(Selected {
            peer_id: view.peer_id,
            here: view.here,
            tallies: view.tallies,
        })
    }

    /// The better one is less. Who is online comes first; then the first of these that differs
    /// decides: the later last success, more successes, the earlier last timeout (never is the
    /// earliest), fewer timeouts, the earlier time of nothing found, the lesser peer id as text.
    pub fn compare(&self, other: &Selected) -> Ordering {
        let key = |node: &Selected| {
            let tallies = &node.tallies;
            (
                node.here != Here::Online,
                Reverse(tallies.last(Counter::SUCCESSES)),
                Reverse(tallies.count(Counter::SUCCESSES)),
                tallies.last(Counter::TIMEOUTS),
                tallies.count(Counter::TIMEOUTS),
                tallies.last(Counter::NOT_FOUND),
            )
        };
        let by_text = || self.peer_id.to_text().cmp(&other.peer_id.to_text());
        key(self).cmp(&key(other)).then_with(by_text)
    }
}

/// Puts the best of `nodes` into `best`, in order; says how many there are.
pub(crate) fn select(
    nodes: impl Iterator<Item = Selected>,
    best: &mut [Option<Selected>],
) -> usize {
    best.fill(None);
    let mut count = 0;
    for node in nodes {
        let is_better =
            |held: &Option<Selected>| held.is_none_or(|held| node.compare(&held) == Ordering::Less);
        let Some(place) = best.iter().position(is_better) else { continue };
        best[place..].rotate_right(1);
        best[place] = Some(node);
        count = (count + 1).min(best.len());
    }
    count
}
