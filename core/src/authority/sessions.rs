//! Where a session is at home: what an authority says when one comes, leaves, or moves.

use super::{CentralAuthority, Lease};
use crate::{
    key::{Signer, Verifier},
    ledger::Ledger,
    peer_id::{Hint, PeerId},
    statement::{Announcement, Intent, Presence, PresenceState, Session},
    storage::{Full, List, Storage},
    time::Now,
    version::Version,
};

impl<S: Storage> CentralAuthority<S> {
    /// Issues a presence where what `peer` announces and its lease make a transition.
    pub(crate) fn observe<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
    ) -> Result<(), Full> {
        let Some(signed) = ledger.announcement_of(peer) else { return Ok(()) };
        let version = signed.version();
        let Some(Announcement { session, home, intent, .. }) = signed.read() else {
            return Ok(());
        };
        if home != ledger.own_hint() {
            return self.hand_over(ledger, now, peer, home);
        }
        if intent == Intent::LEAVING {
            return self.end(ledger, now, peer, session, now.unix_s);
        }
        let mut presence = self.presence_to_issue(ledger, peer);
        let Ok(place) = self.find(peer) else {
            if presence.is_refuted_by(session, version) {
                // Whether it lives is not known: it gets a window to say so again.
                return self.watch(peer, session, now);
            }
            return Ok(());
        };
        let lease = self.leases[place];
        if lease.session != session {
            return Ok(());
        }
        let same_session = presence.session == session;
        // Where it was at home since this authority last said that it is here.
        let since = if same_session { presence.rests_on } else { Version::ZERO };
        let elsewhere = Elsewhere::of(ledger, peer, session, since);
        match (presence.state, &elsewhere) {
            (PresenceState::ONLINE, None) if same_session => return Ok(()),
            // It was called left while it lived: it is watched for one full window first.
            (PresenceState::LEFT, None)
                if same_session
                    && now.mono_ms.saturating_sub(lease.watched_from_ms) < self.window_ms =>
            {
                return Ok(());
            }
            // It was away for a while, of which this authority did not know.
            (PresenceState::ONLINE, Some(there)) if same_session => {
                presence.count_until(there.counted_from.min(lease.renewed_unix));
            }
            (PresenceState::ONLINE, _) => presence.close(lease.earlier_unix),
            _ => {}
        }
        let moved = elsewhere.map(|there| there.last).filter(|last| last.goes_on(session));
        let is_back = moved.is_none() && presence.goes_on(session);
        if let Some(there) = moved {
            // A clock elsewhere that runs ahead is not believed.
            presence.joined = there.joined.min(now.unix_s);
        } else if !is_back {
            presence.joined = now.unix_s;
        }
        presence.session = session;
        presence.state = PresenceState::ONLINE;
        presence.rests_on = version;
        presence.counted_from = now.unix_s;
        if presence.first_joined == 0 {
            presence.first_joined = now.unix_s;
        }
        presence.issued_at = now.unix_s;
        ledger.write(peer, &presence).map(|_change| ())
    }

    /// Says of a node that announces another home, and that this authority calls online, that it
    /// moved there.
    fn hand_over<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
        home: Hint,
    ) -> Result<(), Full> {
        let presence = self.presence(ledger, peer);
        // Somebody who is no authority cannot be a home: the lease lapses, as of anybody who is gone.
        if !ledger.authorities.contains(home) || presence.state != PresenceState::ONLINE {
            return Ok(());
        }
        match self.find(peer).map(|place| self.leases[place]) {
            Ok(lease) => self.end(ledger, now, peer, lease.session, lease.renewed_unix),
            Err(_) => self.end(ledger, now, peer, presence.session, self.resumed_unix),
        }
    }

    /// Ends a node's lease at once, and says that its session left, or moved, or that the one before
    /// it left that is still called online.
    pub(super) fn end<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
        session: Session,
        left_unix: u64,
    ) -> Result<(), Full> {
        let departure = self.departure(ledger, now, peer, session, left_unix);
        self.drop_lease(peer);
        match departure {
            Some(presence) => ledger.write(peer, &presence).map(|_change| ()),
            None => Ok(()),
        }
    }

    /// What says that `session` left or moved, or that the one before it left that is still called
    /// online; nothing where none is.
    pub(super) fn departure<K: Signer + Verifier>(
        &self,
        ledger: &Ledger<S, K>,
        now: Now,
        peer: &PeerId,
        session: Session,
        left_unix: u64,
    ) -> Option<Presence> {
        let lease = self.find(peer).ok().map(|place| self.leases[place]);
        let mut presence = self.presence_to_issue(ledger, peer);
        let announcement = ledger.announcement_of(peer);
        let said = announcement.and_then(|signed| Some((signed.version(), signed.read()?)));
        let is_current = presence.session == session;
        presence.issued_at = now.unix_s;
        if presence.state != PresenceState::ONLINE {
            // It refuted that it left, and did not come back.
            let (version, said) = said?;
            let is_gone =
                said.home == ledger.own_hint() && presence.is_refuted_by(said.session, version);
            presence.rests_on = version;
            return is_gone.then_some(presence);
        }
        let is_elsewhere = said.as_ref().is_some_and(|(_, said)| {
            said.session == session
                && said.home != ledger.own_hint()
                && ledger.authorities.contains(said.home)
        });
        if is_current && is_elsewhere {
            self.move_on(ledger, peer, &mut presence, left_unix);
            return Some(presence);
        }
        presence.close(lease.filter(|_| !is_current).map_or(left_unix, |lease| lease.earlier_unix));
        presence.state = PresenceState::LEFT;
        if let Some((version, _)) = said {
            presence.rests_on = version;
        }
        Some(presence)
    }

    /// Says that the session of a presence moved, last seen here at `left_unix`. Whatever it rested
    /// on, it is the new home that counts from then on.
    pub(super) fn move_on<K: Signer + Verifier>(
        &self,
        ledger: &Ledger<S, K>,
        peer: &PeerId,
        presence: &mut Presence,
        left_unix: u64,
    ) {
        let there = Elsewhere::of(ledger, peer, presence.session, presence.rests_on);
        presence.count_until(there.map_or(left_unix, |it| it.counted_from.min(left_unix)));
        presence.state = PresenceState::MOVED;
    }

    /// Holds a lease for a session that was not renewed: it has one window to be.
    pub(super) fn watch(&mut self, peer: &PeerId, session: Session, now: Now) -> Result<(), Full> {
        self.insert(Lease {
            peer: *peer,
            session,
            watched_from_ms: now.mono_ms,
            renewed_ms: now.mono_ms,
            renewed_unix: self.resumed_unix,
            earlier_unix: 0,
        })
    }

    pub(super) fn drop_lease(&mut self, peer: &PeerId) {
        if let Ok(place) = self.find(peer) {
            self.leases.remove_at(place);
        }
    }
}

/// Where a session was at home besides here, since an announcement.
struct Elsewhere {
    /// Since when the first of these homes counts it.
    counted_from: u64,
    /// What the last of them said.
    last: Presence,
}

impl Elsewhere {
    /// What other authorities say of `session`, resting on announcements after `since`.
    fn of<S: Storage, K: Signer + Verifier>(
        ledger: &Ledger<S, K>,
        peer: &PeerId,
        session: Session,
        since: Version,
    ) -> Option<Elsewhere> {
        let others = || {
            let listed = ledger.roll.get(peer).into_iter().flat_map(|node| {
                node.presences().filter(|signed| {
                    signed.writer() != ledger.own_hint()
                        && ledger.authorities.contains(signed.writer())
                })
            });
            listed
                .filter_map(|signed| signed.read())
                .filter(move |said| said.session == session && said.rests_on > since)
        };
        let counted_from = others().map(|presence| presence.counted_from).min()?;
        let last = others().max_by_key(|presence| presence.rests_on)?;
        Some(Elsewhere { counted_from, last })
    }
}
