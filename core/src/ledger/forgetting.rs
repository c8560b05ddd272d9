//! What counts no more: presences that their authority's horizon voids, statements of authorities
//! that are not listed any more, and nodes for which nobody vouches once these are gone.
//!
//! An authority's presence about itself may hold a *horizon*: its older presences that it has not
//! issued again are void. So what must stay is said in full, and nothing is left behind that says
//! what went. What is void is refused at once. It is dropped a little later, so that what its
//! authority issued again arrives first, whichever way and in whichever order.
//!
//! Invariants:
//! - which horizon counts is what the roll holds of its authority about itself;
//! - what is dropped is a function of what is held: every replica drops the same;
//! - who leaves the roll by it is told to the application one by one.

use super::{Extent, Ledger};
use crate::{
    authorities::Authorities,
    key::{Signer, Verifier},
    limits::AUTHORITIES_MAX,
    peer_id::PeerId,
    statement::{Any, Kind, Presence, Signed},
    storage::Storage,
    time::Now,
    version::Version,
};

/// How far the dropping has come. (Laid out so that the first is all zero bytes, as all tables are.)
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dropping {
    /// There is nothing to drop.
    Nothing,
    /// There may be, since this time; of the input before this one where there is none.
    Noted { since_ms: Option<u64> },
    /// It goes on before this place in the table of nodes.
    Before(usize),
}

/// The horizons of the listed authorities, and what is left to be dropped.
#[derive(Debug)]
pub(super) struct Horizons {
    /// In the order of the list.
    versions: [Version; AUTHORITIES_MAX],
    dropping: Dropping,
}

impl Horizons {
    pub(super) const NONE: Horizons =
        Horizons { versions: [Version::ZERO; AUTHORITIES_MAX], dropping: Dropping::Nothing };

    fn voids(&self, authorities: &Authorities, statement: &Signed<'_, Any>) -> bool {
        let is_void = |place: usize| statement.version() < self.versions[place];
        statement.kind() == Kind::Presence
            && authorities.place_of(statement.writer()).is_some_and(is_void)
    }

    /// Notes the horizon in the presence about itself that is held of an authority. Says whether it
    /// is a greater one.
    fn note(&mut self, authorities: &Authorities, statement: &Signed<'_, Any>) -> bool {
        let Some(writer) = authorities.resolve(statement.writer()) else { return false };
        if statement.kind() != Kind::Presence || statement.subject_bytes() != writer.as_bytes() {
            return false;
        }
        let said = statement.typed::<Presence>().and_then(|signed| signed.read());
        // What comes after it no statement can void.
        let horizon = said
            .and_then(|presence| presence.horizon)
            .filter(|horizon| *horizon <= statement.version())
            .unwrap_or(Version::ZERO);
        let place = authorities.place_of(statement.writer()).expect("it was resolved");
        let is_new = horizon > self.versions[place];
        self.versions[place] = horizon;
        is_new
    }
}

impl<S: Storage, K: Signer + Verifier> Ledger<S, K> {
    /// Whether its authority's horizon voids `statement`.
    pub(crate) fn is_void(&self, statement: &Signed<'_, Any>) -> bool {
        self.horizons.voids(&self.authorities, statement)
    }

    /// Notes the horizon in a statement that was put in the roll, if there is one.
    pub(super) fn note_horizon(&mut self, statement: &Signed<'_, Any>) {
        if self.horizons.note(&self.authorities, statement) {
            self.horizons.dropping = Dropping::Noted { since_ms: None };
        }
    }

    /// Reads the horizons that the roll holds, which is about to be looked through.
    pub(super) fn reread_horizons(&mut self) {
        self.horizons.dropping = Dropping::Nothing;
        self.horizons.versions = [Version::ZERO; AUTHORITIES_MAX];
        for (hint, authority) in self.authorities.iter() {
            let Some(node) = self.roll.get(authority) else { continue };
            for held in node.statements().filter(|held| held.statement.writer() == hint) {
                self.horizons.note(&self.authorities, &held.statement);
            }
        }
    }

    /// Since when there may be something to drop; since now where that was not said yet.
    pub(crate) fn void_since_ms(&self, now_ms: u64) -> Option<u64> {
        match self.horizons.dropping {
            Dropping::Noted { since_ms } => Some(since_ms.unwrap_or(now_ms)),
            _ => None,
        }
    }

    /// Whether there is something to drop, or may be.
    pub(super) fn may_drop(&self) -> bool {
        self.horizons.dropping != Dropping::Nothing
    }

    /// Lets what is void stay for a while from now on: what goes with it is being read.
    pub(crate) fn postpone_drop(&mut self, now: Now) {
        if let Dropping::Noted { since_ms } = &mut self.horizons.dropping {
            *since_ms = Some(now.mono_ms);
        }
    }

    /// Says since when there may be something to drop, where that was not said yet.
    pub(crate) fn date_drop(&mut self, now: Now) {
        if let Dropping::Noted { since_ms: since_ms @ None } = &mut self.horizons.dropping {
            *since_ms = Some(now.mono_ms);
        }
    }

    /// Lets all that is void be dropped, by [`Ledger::drop_next`].
    pub(crate) fn drop_void(&mut self) {
        if matches!(self.horizons.dropping, Dropping::Noted { .. }) {
            self.horizons.dropping = Dropping::Before(self.roll.count());
        }
    }

    /// Drops what is void up to the next node that leaves the roll by it, and says which that is.
    pub(crate) fn drop_next(&mut self) -> Option<PeerId> {
        let Dropping::Before(end) = self.horizons.dropping else { return None };
        // From the end, since a node that is taken out gives its place to the last.
        for index in (0..end.min(self.roll.count())).rev() {
            if let Some(dropped) = self.drop_at(index) {
                self.horizons.dropping = Dropping::Before(index);
                self.counters.nodes_forgotten += 1;
                return Some(dropped);
            }
        }
        self.horizons.dropping = Dropping::Nothing;
        if self.extent == Extent::Fitting && self.roll.has_room() {
            self.extent = Extent::All;
        }
        None
    }

    /// Drops what counts no more of the node at `index`, and the node if nobody vouches for it then.
    pub(super) fn drop_at(&mut self, index: usize) -> Option<PeerId> {
        let Ledger { roll, horizons, authorities, .. } = self;
        let node = roll.node_at(index).expect("within the count");
        let peer = *node.subject();
        let counts = |statement: &Signed<'_, Any>| {
            let is_listed = || authorities.contains(statement.writer());
            statement.kind() == Kind::Announcement
                || (is_listed() && !horizons.voids(authorities, statement))
        };
        if node.statements().all(|held| counts(&held.statement)) && node.is_vouched(authorities) {
            return None;
        }
        roll.retain(&peer, counts);
        if self.is_vouched(&peer) {
            self.follow_standing(&peer);
            return None;
        }
        self.roll.remove(&peer);
        Some(peer)
    }

    /// Replaces the list of authorities. What those said who are not on it any more counts no longer.
    pub(crate) fn set_authorities(&mut self, authorities: Authorities) {
        self.authorities = authorities;
        self.authorities_said = [crate::bucket::Bucket::FULL; AUTHORITIES_MAX];
        self.reread_horizons();
        self.horizons.dropping = Dropping::Before(self.roll.count());
    }
}
