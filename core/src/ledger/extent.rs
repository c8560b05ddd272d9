//! How much of the roll a replica holds: a partial one gives nodes up for those that it must hold.

use super::Ledger;
use crate::{
    key::{Signer, Verifier},
    node_data::NodeData,
    peer_id::PeerId,
    roll::ChangeReader,
    statement::{Any, Signed},
    storage::{Full, List, Storage},
};

/// How much of the roll a replica holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every node.
    All,
    /// What found room. Every node again, once others are forgotten.
    Fitting,
    /// Itself, the authorities, what it was told to hold, and what it held before.
    Some,
}

impl<S: Storage, K: Signer + Verifier> Ledger<S, K> {
    /// Whether this replica does not hold every node.
    pub(crate) fn is_partial(&self) -> bool {
        self.extent != Extent::All
    }

    /// A member that meets what it cannot hold becomes partial. An authority is one that others
    /// rely on.
    pub(super) fn may_become_partial(&self) -> bool {
        !self.is_partial() && !self.authorities.acts(&self.own)
    }

    pub(super) fn become_partial(&mut self, extent: Extent) {
        if self.may_become_partial() {
            self.extent = extent;
        }
    }

    /// Whether a partial replica holds `peer`, whatever else it holds.
    pub(super) fn must_hold(&self, peer: &PeerId) -> bool {
        *peer == self.own
            || self.authorities.contains_peer(peer)
            || self.wanted.binary_search(&peer.order_key()).is_ok()
    }

    /// Lets a partial replica hold `peer`. Says whether it has to be fetched.
    pub(crate) fn want(&mut self, peer: &PeerId) -> Result<bool, Full> {
        if self.must_hold(peer) {
            return Ok(false);
        }
        let always = self.authorities.iter().filter(|(_, peer)| **peer != self.own).count() + 1;
        if always + self.wanted.len() >= self.roll.capacity() {
            return Err(Full);
        }
        let order_key = peer.order_key();
        let place = self.wanted.partition_point(|wanted| *wanted < order_key);
        self.wanted.insert_at(place, order_key)?;
        Ok(self.is_partial() && self.roll.get(peer).is_none())
    }

    /// Takes back [`Ledger::want`].
    pub(crate) fn let_go(&mut self, peer: &PeerId) {
        if let Ok(place) = self.wanted.binary_search(&peer.order_key()) {
            self.wanted.remove_at(place);
        }
        if self.is_partial() && !self.must_hold(peer) {
            self.roll.remove(peer);
            self.pool.remove(peer);
        }
    }

    /// Whether there is room for all of `statements`, each of another slot, or would be made. Places
    /// for what a partial replica must hold were counted when it was told.
    pub(super) fn would_fit(&self, subject: &PeerId, statements: &[Signed<'_, Any>]) -> bool {
        match self.roll.get(subject) {
            Some(node) => node.has_room_for(statements),
            None => {
                let node = NodeData::<S::Statements>::new(*subject);
                (self.is_partial() || self.roll.has_room()) && node.has_room_for(statements)
            }
        }
    }

    /// Gives up, for a node that a partial replica must hold, the one that changed the longest ago
    /// of those that it need not. Says whether it did.
    pub(super) fn make_room(&mut self, subject: &PeerId) -> bool {
        let is_needed = self.is_partial() && self.must_hold(subject);
        if !is_needed || self.roll.has_room() || self.roll.get(subject).is_some() {
            return false;
        }
        let mut reader = ChangeReader::START;
        while let Some((index, entry)) = reader.peek(&self.roll) {
            let peer = *entry.node().subject();
            if !self.must_hold(&peer) {
                self.roll.remove(&peer);
                self.counters.nodes_given_up += 1;
                return true;
            }
            reader.pass(index, entry);
        }
        false
    }
}
