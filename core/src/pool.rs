//! Nodes that nobody vouches for yet, outside the roll.
//!
//! Invariants:
//! - bounded: full means refuse, never push out. Nodes that are connected may use all places, and
//!   those that others introduce a part, each introducer a small one;
//! - what waits here has a valid signature and is in no root, no cursor and no journal;
//! - those who wait are in the roll's order, by the hash of the peer id, then the id.

use crate::{
    bucket::Bucket,
    limits::{WAITING_BY_ONE, WAITING_INTRODUCED},
    node_data::NodeData,
    peer_id::{Hint, PeerId},
    statement::{Any, Signed},
    storage::{Full, List, Storage},
};

/// How long an announcement waits that nobody repeats.
const WAIT_MS: u64 = 10 * 60 * 1000;

/// A node that waits.
#[derive(Debug)]
pub(crate) struct Waiting<S: Storage> {
    node: NodeData<S::Statements>,
    order_key: u64,
    heard_ms: u64,
    reported: bool,
    /// Who spoke of it first; nobody if it is connected.
    introducer: Hint,
    /// What is taken by gossip of what it says of itself.
    said: Bucket,
}

impl<S: Storage> Waiting<S> {
    fn place_in_order(&self) -> (u64, &PeerId) {
        (self.order_key, self.node.subject())
    }
}

/// Why another node cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// All places are taken.
    Full,
    /// Those are that nodes have which are not connected, or its introducer's.
    OverQuota,
}

/// The nodes that wait.
#[derive(Debug)]
pub(crate) struct Pool<S: Storage> {
    waiting: S::PerPeer<Waiting<S>>,
    /// None is given up before this.
    next_expiry_ms: u64,
}

impl<S: Storage> Pool<S> {
    pub(crate) const fn new() -> Pool<S> {
        Pool { waiting: <S::PerPeer<Waiting<S>> as List<Waiting<S>>>::EMPTY, next_expiry_ms: 0 }
    }

    /// What the node waits with.
    pub(crate) fn get(&self, peer: &PeerId) -> Option<&NodeData<S::Statements>> {
        self.waiting.iter().map(|waiting| &waiting.node).find(|node| node.subject() == peer)
    }

    /// Those that follow `after` in the roll's order, each with its order key; all without one.
    pub(crate) fn iter_after<'a>(
        &'a self,
        after: Option<(u64, &PeerId)>,
    ) -> impl Iterator<Item = (u64, &'a NodeData<S::Statements>)> + use<'a, S> {
        let start = after.map_or(0, |after| {
            self.waiting.partition_point(|waiting| waiting.place_in_order() <= after)
        });
        self.waiting[start..].iter().map(|waiting| (waiting.order_key, &waiting.node))
    }

    /// Whether `announcement` is newer than what waits.
    pub(crate) fn is_news(&self, peer: &PeerId, announcement: &Signed<'_, Any>) -> bool {
        self.get(peer).is_none_or(|node| node.offer(announcement).advances())
    }

    /// Whether `peer` would find room: it waits already, or there is a place for another that
    /// `introducer` speaks of.
    pub(crate) fn room_for(&self, peer: &PeerId, introducer: Hint) -> Result<(), Refused> {
        let places = S::WAITING_MAX.min(self.waiting.capacity_max());
        if self.get(peer).is_some() {
            Ok(())
        } else if self.waiting.len() >= places {
            Err(Refused::Full)
        } else if introducer.is_some() && !self.has_introduced_room(places, introducer) {
            Err(Refused::OverQuota)
        } else {
            Ok(())
        }
    }

    fn has_introduced_room(&self, places: usize, introducer: Hint) -> bool {
        let count = |is: &dyn Fn(Hint) -> bool| {
            self.waiting.iter().filter(|waiting| is(waiting.introducer)).count()
        };
        count(&|by| by.is_some()) < places / WAITING_INTRODUCED
            && count(&|by| by == introducer) < (places / WAITING_BY_ONE).max(1)
    }

    /// Lets a node wait for which there is [room](Pool::room_for), or its newer announcement take
    /// the place of the older one.
    pub(crate) fn put(
        &mut self,
        peer: PeerId,
        announcement: &Signed<'_, Any>,
        introducer: Hint,
        now_ms: u64,
    ) -> Result<(), Full> {
        if let Some(waiting) = self.get_mut(peer.as_bytes()) {
            waiting.heard_ms = now_ms;
            return waiting.node.put(announcement, 0).map(|_offer| ());
        }
        let mut node = NodeData::new(peer);
        node.put(announcement, 0)?;
        let order_key = peer.order_key();
        let place =
            self.waiting.partition_point(|waiting| waiting.place_in_order() < (order_key, &peer));
        let is_first = self.waiting.is_empty();
        let waiting = Waiting {
            node,
            order_key,
            heard_ms: now_ms,
            reported: false,
            introducer,
            said: Bucket::FULL,
        };
        self.waiting.insert_at(place, waiting)?;
        if is_first {
            self.next_expiry_ms = now_ms.saturating_add(WAIT_MS);
        }
        Ok(())
    }

    /// Notes that the node is connected: it needs nobody to introduce it.
    pub(crate) fn connected(&mut self, peer: &PeerId) {
        if let Some(waiting) = self.get_mut(peer.as_bytes()) {
            waiting.introducer = Hint::NONE;
        }
    }

    /// Notes that the node is not connected any more: it waits on if there is a place for such
    /// nodes, so nobody can fill the pool by connecting under one name after the other. Says
    /// whether it does.
    pub(crate) fn disconnected(&mut self, peer: &PeerId) -> bool {
        let places = S::WAITING_MAX.min(self.waiting.capacity_max());
        let own_hint = peer.hint();
        let has_room = self.has_introduced_room(places, own_hint);
        match self.get_mut(peer.as_bytes()) {
            Some(waiting) if !waiting.introducer.is_some() && has_room => {
                waiting.introducer = own_hint;
                true
            }
            Some(waiting) if !waiting.introducer.is_some() => {
                self.remove(peer);
                false
            }
            _ => true,
        }
    }

    /// What is taken by gossip of what the node says of itself, if it waits.
    pub(crate) fn said(&mut self, peer: &[u8]) -> Option<&mut Bucket> {
        self.get_mut(peer).map(|waiting| &mut waiting.said)
    }

    fn get_mut(&mut self, peer: &[u8]) -> Option<&mut Waiting<S>> {
        self.waiting.iter_mut().find(|waiting| waiting.node.subject().as_bytes() == peer)
    }

    /// Notes that the node is still there.
    pub(crate) fn refresh(&mut self, peer: &PeerId, now_ms: u64) {
        if let Some(waiting) = self.get_mut(peer.as_bytes()) {
            waiting.heard_ms = now_ms;
        }
    }

    /// Takes the node out.
    pub(crate) fn remove(&mut self, peer: &PeerId) -> Option<NodeData<S::Statements>> {
        let place = self.waiting.iter().position(|waiting| waiting.node.subject() == peer)?;
        Some(self.waiting.remove_at(place).node)
    }

    /// Gives up those not heard for a while; says how many.
    pub(crate) fn expire(&mut self, now_ms: u64) -> u64 {
        if self.waiting.is_empty() || now_ms < self.next_expiry_ms {
            return 0;
        }
        let mut expired = 0;
        let overdue = |waiting: &Waiting<S>| now_ms.saturating_sub(waiting.heard_ms) >= WAIT_MS;
        while let Some(place) = self.waiting.iter().position(overdue) {
            self.waiting.remove_at(place);
            expired += 1;
        }
        let heard_ms = self.waiting.iter().map(|waiting| waiting.heard_ms);
        self.next_expiry_ms = heard_ms.min().unwrap_or(0).saturating_add(WAIT_MS);
        expired
    }

    /// When the first of them may have to be given up.
    pub(crate) fn next_expiry_ms(&self) -> Option<u64> {
        (!self.waiting.is_empty()).then_some(self.next_expiry_ms)
    }

    /// A node that the application was not told of yet; it is now.
    pub(crate) fn next_unreported(&mut self) -> Option<PeerId> {
        let waiting = self.waiting.iter_mut().find(|waiting| !waiting.reported)?;
        waiting.reported = true;
        Some(*waiting.node.subject())
    }
}
