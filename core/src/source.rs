//! Who handed statements in, by which way, and how much checking of signatures that is worth.

use crate::{
    limits::VERIFICATIONS,
    peer_id::{Hint, PeerId},
    peers::Peers,
    statement::{Any, Kind, Signed},
    storage::Storage,
    time::Now,
};

/// By which way statements came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Passed on from whomever: its writers are held to their rates.
    Gossip,
    /// In a request or a response.
    Exchange,
}

/// The peer that handed statements in.
#[derive(Debug)]
pub(crate) struct Source<'a, S: Storage> {
    peers: &'a mut Peers<S>,
    /// Where it is among the peers.
    place: Option<usize>,
    from: &'a PeerId,
    way: Way,
}

impl<'a, S: Storage> Source<'a, S> {
    pub(crate) fn new(peers: &'a mut Peers<S>, from: &'a PeerId, way: Way) -> Source<'a, S> {
        Source { place: peers.place(from), peers, from, way }
    }

    pub(crate) fn is_gossip(&self) -> bool {
        self.way == Way::Gossip
    }

    /// Whether it is an authority, connected as such.
    pub(crate) fn is_authority(&self) -> bool {
        self.peers.is_authority(self.place)
    }

    /// Whether another signature may be checked on the peer's behalf.
    pub(crate) fn may_verify(&self, now: Now) -> bool {
        self.peers.verifications(self.place).has_token(VERIFICATIONS, now)
    }

    /// Notes that `statement` was checked on the peer's behalf. What advances the roll, and comes no
    /// more often than it may, is free, unless it is of the peer's own making.
    pub(crate) fn note_verified(&mut self, statement: &Signed<'_, Any>, advanced: bool, now: Now) {
        let is_its_own = statement.kind() == Kind::Announcement
            && statement.subject_bytes() == self.from.as_bytes();
        if !advanced || is_its_own {
            self.peers.verifications_mut(self.place).take_token(VERIFICATIONS, now);
        }
    }

    /// Notes that the peer holds something that this authority said.
    pub(crate) fn note_gave_back(&mut self) {
        self.peers.note_gave_back(self.place);
    }

    /// Who brings `subject` to this node's notice: nobody but itself where it is connected.
    pub(crate) fn introducer_of(&self, subject: &PeerId) -> Hint {
        if subject == self.from || self.peers.is_connected(subject) {
            Hint::NONE
        } else {
            self.from.hint()
        }
    }
}
