//! What can be read of a node's state. Nothing here changes anything or waits for anything.

use super::NodeEventTracker;
use crate::{
    authorities::{Authorities, InTouch},
    authority::CentralAuthority,
    counters::Counters,
    explanation::{Explained, explain},
    key::{Signer, Verifier},
    peer_id::PeerId,
    roll::Root,
    selection::{self, Selected, Wanted},
    statement::{Session, Standing},
    storage::Storage,
    time::Now,
    version::Version,
    view::{Here, NodeView},
};

/// What a node is to its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One of its configured authorities.
    Authority,
    /// Any other.
    Member,
}

/// A node's state in figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it is to its network.
    pub role: Role,
    /// The authority that it renews its lease with; for an authority that knows of no other, itself.
    pub home: Option<PeerId>,
    /// It is an authority that signs nothing until it has back what it said before.
    pub recovering: bool,
    /// It is an authority of which so many members went silent at once that it takes itself to be
    /// cut off: it calls nobody left, and is not in touch.
    pub isolated: bool,
    /// It does not hold every node.
    pub partial: bool,
    /// It has no home, so nobody vouches that it is here.
    pub degraded: bool,
    /// Nodes that belong to the network.
    pub admitted: u32,
    /// Of these: nodes that are online.
    pub online: u32,
    /// Of these: nodes that left.
    pub left: u32,
    /// Of these: nodes of which nobody in touch can say.
    pub unknown: u32,
    /// Nodes that wait to be admitted.
    pub pending: u32,
    /// Removed nodes.
    pub removed: u32,
    /// Banned nodes.
    pub banned: u32,
    /// The digest of the roll: equal rolls have equal roots.
    pub root: Root,
    /// The size of all statements in the roll, in bytes.
    pub roll_bytes: u64,
    /// Sessions that this authority knows to be here.
    pub leases: u32,
}

impl<S: Storage, K: Signer + Verifier> NodeEventTracker<S, K> {
    /// This node.
    pub fn peer_id(&self) -> &PeerId {
        self.ledger.own()
    }

    /// This run of this node.
    pub fn session(&self) -> Session {
        self.session
    }

    /// The version of its newest announcement.
    pub fn announced(&self) -> Version {
        self.ledger.announced()
    }

    /// The configured authorities.
    pub fn authorities(&self) -> &Authorities {
        &self.ledger.authorities
    }

    /// The authorities in touch.
    pub fn in_touch(&self) -> &InTouch {
        &self.in_touch
    }

    /// The authority part, if this node is one.
    pub fn authority(&self) -> Option<&CentralAuthority<S>> {
        self.authority.is_configured().then_some(&self.authority)
    }

    /// One node, those that wait to be admitted included.
    pub fn node(&self, now: Now, peer: &PeerId) -> Option<NodeView<'_>> {
        Some(self.ledger.node(peer)?.view(&self.view_context(now)))
    }

    /// All nodes in the roll's order, those that wait to be admitted among them.
    pub fn nodes(&self, now: Now) -> impl Iterator<Item = NodeView<'_>> {
        self.nodes_after(now, None)
    }

    /// The nodes that follow `after` in the roll's order, those that wait to be admitted among them;
    /// all of them without one. To read them in pages, give the last peer id of a page for the next.
    ///
    /// A node's place in the order follows from its peer id alone. So `after` need not be held any
    /// more, and whatever happens between two pages, a node that is there all the while is seen
    /// exactly once, also one that is admitted meanwhile.
    pub fn nodes_after<'a>(
        &'a self,
        now: Now,
        after: Option<&PeerId>,
    ) -> impl Iterator<Item = NodeView<'a>> + use<'a, S, K> {
        let (roll, pool) = (&self.ledger.roll, &self.ledger.pool);
        let start = after.map_or(0, |peer| match roll.place_of(peer) {
            Ok(place) => place + 1,
            Err(place) => place,
        });
        let after = after.map(|peer| (peer.order_key(), peer));
        let mut held = (start..roll.count()).map(|place| roll.at(place)).peekable();
        let mut waiting = pool.iter_after(after).peekable();
        let mut next = move || {
            let is_held_first = match (held.peek(), waiting.peek()) {
                (Some(held), Some((order_key, node))) => {
                    (held.order_key(), held.node().subject()) < (*order_key, node.subject())
                }
                (held, _) => held.is_some(),
            };
            if is_held_first {
                held.next().map(|entry| entry.node())
            } else {
                waiting.next().map(|(_, node)| node)
            }
        };
        core::iter::from_fn(move || Some(next()?.view(&self.view_context(now))))
    }

    /// Puts the nodes that are wanted into `best`, the most reliable first, and says how many there
    /// are, at most as many as it has places. Looks at every node.
    ///
    /// They are admitted and online, then those that can be reached while nobody in touch can say
    /// whether they are here: connected with this node, or last known online and with an address.
    /// [`Selected::compare`] says what is more reliable.
    pub fn select(&self, now: Now, wanted: &Wanted<'_>, best: &mut [Option<Selected>]) -> usize {
        let context = self.view_context(now);
        let nodes = self.ledger.roll.iter().filter_map(|node| {
            let peer = node.subject();
            let is_connected = peer == self.ledger.own() || self.peers.is_connected(peer);
            Selected::of(&node.view(&context), wanted, is_connected)
        });
        selection::select(nodes, best)
    }

    /// Why a node is seen as it is: every fact that is known of it with the statement that it stands
    /// in. Nothing for a node that is not known.
    pub fn explain(&self, peer: &PeerId) -> impl Iterator<Item = Explained<'_>> {
        let node = self.ledger.node(peer);
        node.into_iter().flat_map(|node| explain(node, &self.ledger.authorities))
    }

    /// The writers that contradicted themselves about `peer` lately, and in which version.
    pub fn equivocations(&self, peer: &PeerId) -> impl Iterator<Item = (PeerId, Version)> {
        self.ledger.contradictions_about(*peer)
    }

    /// The digest of the roll: equal rolls have equal roots.
    pub fn root(&self) -> Root {
        self.ledger.roll.root()
    }

    /// How often each thing happened since the start.
    pub fn counters(&self) -> &Counters {
        &self.ledger.counters
    }

    /// Up to which [`Receipt`](crate::Receipt) commands are on disk.
    pub fn durable(&self) -> u64 {
        self.ledger.durability.durable(self.ledger.roll.head())
    }

    /// The authority that this node renews its lease with; for one that knows of no other, itself.
    pub(super) fn home_now(&self) -> Option<PeerId> {
        let own = self.authority.is_configured().then(|| *self.ledger.own());
        self.home.current().or(own)
    }

    /// The state in figures. Looks at every node.
    pub fn status(&self, now: Now) -> Status {
        let is_authority = self.authority.is_configured();
        let home = self.home_now();
        let mut status = Status {
            role: if is_authority { Role::Authority } else { Role::Member },
            home,
            recovering: self.authority.is_recovering(),
            isolated: self.authority.is_isolated(),
            partial: self.ledger.is_partial(),
            degraded: home.is_none(),
            admitted: 0,
            online: 0,
            left: 0,
            unknown: 0,
            pending: 0,
            removed: 0,
            banned: 0,
            root: self.root(),
            roll_bytes: self.ledger.roll.size(),
            leases: u32::try_from(self.authority.lease_count()).unwrap_or(u32::MAX),
        };
        for view in self.nodes(now) {
            match view.standing {
                Standing::PENDING => status.pending += 1,
                Standing::BANNED => status.banned += 1,
                standing if !standing.admits() => status.removed += 1,
                _ => {
                    status.admitted += 1;
                    match view.here {
                        Here::Online => status.online += 1,
                        Here::Left => status.left += 1,
                        Here::Unknown => status.unknown += 1,
                    }
                }
            }
        }
        status
    }
}
