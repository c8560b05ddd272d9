//! What this node's application or operator asks of it.

use core::fmt;

use super::NodeEventTracker;
use crate::{
    authority::{CommandError, ImportOutcome, Receipt},
    key::{Signer, Verifier},
    limits::{ADDRESSES_MAX, CAPABILITIES_MAX},
    peer_id::{Hint, PeerId},
    statement::{Announcement, Grant, Imported, Intent, Standing},
    storage::{Full, Storage},
    tallies::Counter,
    time::Now,
};

/// What a node says of itself besides what Rollbook adds.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnnouncementFields<'a> {
    /// Binary multiaddrs without the trailing peer id, at most 8 of at most 96 bytes.
    pub addresses: &'a [&'a [u8]],
    /// The software that it runs, at most 48 bytes.
    pub agent: &'a str,
    /// What it can do, at most 12 names of at most 32 bytes.
    pub capabilities: &'a [&'a str],
    /// Opaque bytes of the application, at most 64.
    pub extra: &'a [u8],
}

/// Why an announcement cannot be made. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnnounceError {
    /// There are too many addresses or capabilities.
    TooMany,
    /// A part, or all of it together, is over its bound in bytes.
    TooLong,
    /// An address is no binary multiaddr.
    Address,
}

impl fmt::Display for AnnounceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AnnounceError::TooMany => {
                write!(f, "more than {ADDRESSES_MAX} addresses or {CAPABILITIES_MAX} capabilities")
            }
            AnnounceError::TooLong => f.write_str("the announcement, or a part of it, is too long"),
            AnnounceError::Address => f.write_str("an address is no multiaddr"),
        }
    }
}

impl core::error::Error for AnnounceError {}

/// Why nothing was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObserveError {
    /// What a node says of itself is in its announcement.
    Own,
    /// The node is not in the roll.
    UnknownPeer,
    /// Too much waits to be acknowledged. Try again when an authority is in touch.
    Full,
}

impl fmt::Display for ObserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ObserveError::Own => "a node counts nothing about itself",
            ObserveError::UnknownPeer => "no such node in the roll",
            ObserveError::Full => "too many observations wait to be acknowledged",
        })
    }
}

impl core::error::Error for ObserveError {}

impl<S: Storage, K: Signer + Verifier> NodeEventTracker<S, K> {
    /// Says what this node is. Where it is what it said last, nothing happens.
    pub fn announce(
        &mut self,
        now: Now,
        fields: &AnnouncementFields<'_>,
    ) -> Result<(), AnnounceError> {
        assert!(self.started, "a node announces itself after the start");
        self.advance(now);
        let announcement = Announcement {
            session: self.session,
            home: self.announced_home(),
            intent: Intent::UP,
            issued_at: now.unix_s,
            addresses: heapless::Vec::from_slice(fields.addresses)
                .map_err(|_capacity| AnnounceError::TooMany)?,
            agent: fields.agent,
            capabilities: heapless::Vec::from_slice(fields.capabilities)
                .map_err(|_capacity| AnnounceError::TooMany)?,
            extra: fields.extra,
        };
        if !announcement.is_bounded() {
            return Err(AnnounceError::TooLong);
        }
        if !fields.addresses.iter().all(|address| crate::multiaddr::is_well_formed(address)) {
            return Err(AnnounceError::Address);
        }
        let said = self.ledger.announcement().and_then(|signed| signed.read());
        let unchanged = said.is_some_and(|said| {
            Announcement { issued_at: said.issued_at, ..announcement.clone() } == said
        });
        if unchanged {
            return Ok(());
        }
        self.ledger.announce(&announcement).map_err(|Full| AnnounceError::TooLong)?;
        self.after_announcement(now);
        Ok(())
    }

    /// Announces again with the home of now, in a version of its own.
    pub(super) fn announce_again(&mut self, now: Now) {
        let announced_home = self.announced_home();
        // What was announced before fits with another home too.
        let _ = self.ledger.announce_again(now, |home, _| *home = announced_home);
        self.after_announcement(now);
    }

    /// Says that this node stops. What is left to do is to drain the outputs, and to wait a moment
    /// for [`NodeEventTracker::is_leave_acknowledged`].
    pub fn leave(&mut self, now: Now) {
        self.advance(now);
        let _ = self.ledger.announce_again(now, |_, intent| *intent = Intent::LEAVING);
        self.after_announcement(now);
        if let Some(authority) = self.authority.acting() {
            let own = *self.ledger.own();
            // The own slot exists already and is only replaced.
            let _ = authority.observe(&mut self.ledger, now, &own);
        }
    }

    /// Whether an authority holds this node's newest announcement, or nobody is there to hold it.
    pub fn is_leave_acknowledged(&self) -> bool {
        let announced = self.ledger.announced();
        let mut authorities =
            self.peers.iter().filter(|peer| self.ledger.authorities.acts(&peer.peer_id)).peekable();
        authorities.peek().is_none() || authorities.any(|peer| peer.acknowledged >= announced)
    }

    /// The home to announce: the one that answers, else an authority's own self. A member's home that
    /// went silent stays announced until another has answered.
    pub(super) fn announced_home(&self) -> Hint {
        let announced = || {
            // In this run, or in the one before it.
            let held = || self.ledger.roll.get(self.ledger.own())?.announcement();
            let said = self.ledger.announcement().or_else(held).and_then(|signed| signed.read());
            let home = said.map_or(Hint::NONE, |said| said.home);
            if self.ledger.authorities.acts_as(home) { home } else { Hint::NONE }
        };
        match self.home.current() {
            Some(home) => home.hint(),
            None if self.authority.is_configured() => self.ledger.own_hint(),
            None => announced(),
        }
    }

    fn after_announcement(&mut self, now: Now) {
        self.renew_own(now);
        self.sync_with_home_at(now.mono_ms);
    }

    /// Lets a partial replica hold a node, beside itself and the authorities, and fetches what is
    /// known of it. Said before the journal is replayed, what that holds of the node is taken back.
    /// A replica that is not partial notes it for when it becomes so.
    pub fn hold(&mut self, peer: &PeerId) -> Result<(), Full> {
        if self.ledger.want(peer)? {
            self.peers.reread_authorities();
        }
        Ok(())
    }

    /// Takes [`NodeEventTracker::hold`] back: a partial replica forgets the node.
    pub fn release(&mut self, peer: &PeerId) {
        self.ledger.let_go(peer);
    }

    /// Replaces the list of whom this authority lets in under [`Admission::AllowList`]: at most as
    /// many as it can hold leases. Who is not on it any more stays in the roll until it is removed.
    /// The list is no part of the journal: it is set again at each start.
    ///
    /// [`Admission::AllowList`]: crate::Admission::AllowList
    pub fn set_allowed(&mut self, peers: &[PeerId]) -> Result<(), CommandError> {
        self.authority.set_allowed(peers)
    }

    /// Counts something about another node: `counter` grew by `count`. It is handed to the home,
    /// which adds up and publishes what all observers say; what was not acknowledged when this node
    /// stops is lost.
    pub fn observe(
        &mut self,
        now: Now,
        peer: &PeerId,
        counter: Counter,
        count: u32,
    ) -> Result<(), ObserveError> {
        self.advance(now);
        if peer == self.ledger.own() {
            return Err(ObserveError::Own);
        }
        if self.ledger.roll.get(peer).is_none() {
            return Err(ObserveError::UnknownPeer);
        }
        if count == 0 {
            return Ok(());
        }
        self.observations
            .note(peer.order_key(), counter, count, now.unix_s)
            .map_err(|Full| ObserveError::Full)
    }

    /// How much of what this node counted about others no authority has acknowledged.
    pub fn observations_waiting(&self) -> u64 {
        self.observations.waiting()
    }

    /// Decides that a node belongs to the network.
    pub fn admit(&mut self, now: Now, peer: &PeerId) -> Result<Receipt, CommandError> {
        self.advance(now);
        let authority = self.authority.commanded()?;
        authority.add(&mut self.ledger, now, peer)
    }

    /// Keeps a node out of the network until it is admitted.
    pub fn ban(&mut self, now: Now, peer: &PeerId) -> Result<Receipt, CommandError> {
        self.expel(now, peer, Standing::BANNED)
    }

    /// Takes a node off the roll until it is admitted.
    pub fn remove(&mut self, now: Now, peer: &PeerId) -> Result<Receipt, CommandError> {
        self.expel(now, peer, Standing::REMOVED)
    }

    fn expel(
        &mut self,
        now: Now,
        peer: &PeerId,
        standing: Standing,
    ) -> Result<Receipt, CommandError> {
        self.advance(now);
        let authority = self.authority.commanded()?;
        authority.remove(&mut self.ledger, now, peer, standing)
    }

    /// Grants something to a node.
    pub fn grant(
        &mut self,
        now: Now,
        peer: &PeerId,
        grant: Grant,
    ) -> Result<Receipt, CommandError> {
        self.set_grant(now, peer, grant, true)
    }

    /// Revokes a grant.
    pub fn revoke(
        &mut self,
        now: Now,
        peer: &PeerId,
        grant: Grant,
    ) -> Result<Receipt, CommandError> {
        self.set_grant(now, peer, grant, false)
    }

    fn set_grant(
        &mut self,
        now: Now,
        peer: &PeerId,
        grant: Grant,
        granted: bool,
    ) -> Result<Receipt, CommandError> {
        self.advance(now);
        let authority = self.authority.commanded()?;
        authority.update(&mut self.ledger, now, peer, grant, granted)
    }

    /// Takes over a node's history, and grants, from before Rollbook. It makes nobody online, and
    /// taking the same over again, here or at another authority, changes nothing.
    pub fn import(
        &mut self,
        now: Now,
        peer: &PeerId,
        history: Imported,
        grants: &[Grant],
    ) -> Result<ImportOutcome, CommandError> {
        self.advance(now);
        let authority = self.authority.commanded()?;
        authority.import(&mut self.ledger, now, peer, history, grants)
    }
}
