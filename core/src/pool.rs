//! Nodes that nobody vouches for yet, outside the roll.
//!
//! Invariants:
//! - bounded: full means refuse, never push out;
//! - what waits here has a valid signature and is in no root, no cursor and no journal.

use crate::{
    node_data::NodeData,
    peer_id::PeerId,
    statement::{Any, Signed},
    storage::{Full, List, Storage},
};

/// How long an announcement waits that nobody repeats.
const WAIT_MS: u64 = 10 * 60 * 1000;

/// A node that waits.
#[derive(Debug)]
pub(crate) struct Waiting<S: Storage> {
    node: NodeData<S::Statements>,
    heard_ms: u64,
    reported: bool,
}

/// The nodes that wait.
#[derive(Debug)]
pub(crate) struct Pool<S: Storage>(S::PerPeer<Waiting<S>>);

impl<S: Storage> Pool<S> {
    pub(crate) fn new() -> Pool<S> {
        Pool(S::PerPeer::default())
    }

    /// What the node waits with.
    pub(crate) fn get(&self, peer: &PeerId) -> Option<&NodeData<S::Statements>> {
        self.0.iter().map(|waiting| &waiting.node).find(|node| node.subject() == peer)
    }

    /// All that wait.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &NodeData<S::Statements>> {
        self.0.iter().map(|waiting| &waiting.node)
    }

    /// Whether `announcement` is newer than what waits.
    pub(crate) fn is_news(&self, peer: &PeerId, announcement: &Signed<'_, Any>) -> bool {
        self.get(peer).is_none_or(|node| node.offer(announcement).advances())
    }

    /// Whether a node that does not wait yet would find room.
    pub(crate) fn has_room(&self) -> bool {
        self.0.len() < S::WAITING_MAX.min(self.0.capacity_max())
    }

    /// Lets a node wait, or its newer announcement take the place of the older one.
    pub(crate) fn put(
        &mut self,
        peer: PeerId,
        announcement: &Signed<'_, Any>,
        now_ms: u64,
    ) -> Result<(), Full> {
        if let Some(waiting) = self.0.iter_mut().find(|waiting| *waiting.node.subject() == peer) {
            waiting.heard_ms = now_ms;
            return waiting.node.put(announcement, 0).map(|_offer| ());
        }
        if !self.has_room() {
            return Err(Full);
        }
        let mut node = NodeData::new(peer);
        node.put(announcement, 0)?;
        let end = self.0.len();
        self.0.insert_at(end, Waiting { node, heard_ms: now_ms, reported: false })
    }

    /// Notes that the node is still there.
    pub(crate) fn refresh(&mut self, peer: &PeerId, now_ms: u64) {
        if let Some(waiting) = self.0.iter_mut().find(|waiting| waiting.node.subject() == peer) {
            waiting.heard_ms = now_ms;
        }
    }

    /// Takes the node out.
    pub(crate) fn remove(&mut self, peer: &PeerId) -> Option<NodeData<S::Statements>> {
        let place = self.0.iter().position(|waiting| waiting.node.subject() == peer)?;
        Some(self.0.swap_remove_at(place).node)
    }

    /// Gives up those not heard for a while; says how many.
    pub(crate) fn expire(&mut self, now_ms: u64) -> u64 {
        let mut expired = 0;
        let overdue = |waiting: &Waiting<S>| now_ms.saturating_sub(waiting.heard_ms) >= WAIT_MS;
        while let Some(place) = self.0.iter().position(overdue) {
            self.0.swap_remove_at(place);
            expired += 1;
        }
        expired
    }

    /// When the first of them is given up.
    pub(crate) fn next_expiry_ms(&self) -> Option<u64> {
        self.0.iter().map(|waiting| waiting.heard_ms.saturating_add(WAIT_MS)).min()
    }

    /// A node that the application was not told of yet; it is now.
    pub(crate) fn next_unreported(&mut self) -> Option<PeerId> {
        let waiting = self.0.iter_mut().find(|waiting| !waiting.reported)?;
        waiting.reported = true;
        Some(*waiting.node.subject())
    }
}
