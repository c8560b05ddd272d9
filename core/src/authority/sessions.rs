//! Where a session is at home: what an authority says when one comes, leaves, or moves.

use super::CentralAuthority;
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
        let Ok(place) = self.find(peer) else { return Ok(()) };
        let lease = self.leases[place];
        if lease.session != session {
            return Ok(());
        }
        let mut presence = self.presence_to_issue(ledger, peer);
        let same_session = presence.session == session;
        // Where it was at home since this authority last said that it is here.
        let since = if same_session { presence.rests_on } else { Version::ZERO };
        let elsewhere = elsewhere(ledger, peer, session, since);
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
        let moved = elsewhere.filter(|there| there.goes_on(session));
        let is_back = moved.is_none() && presence.goes_on(session);
        if let Some(there) = moved {
            presence.joined = there.joined;
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
        if !home.is_some() || presence.state != PresenceState::ONLINE {
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
        if presence.state != PresenceState::ONLINE {
            return None;
        }
        presence.issued_at = now.unix_s;
        let announcement = ledger.announcement_of(peer);
        let said = announcement.and_then(|signed| Some((signed.version(), signed.read()?)));
        let is_current = presence.session == session;
        let is_elsewhere = said.as_ref().is_some_and(|(_, said)| {
            said.session == session && said.home.is_some() && said.home != ledger.own_hint()
        });
        if is_current && is_elsewhere {
            // Whatever it rested on, it is the new home that counts from then on.
            let there = elsewhere(ledger, peer, session, presence.rests_on);
            presence.count_until(there.map_or(left_unix, |it| it.counted_from.min(left_unix)));
            presence.state = PresenceState::MOVED;
            return Some(presence);
        }
        presence.close(lease.filter(|_| !is_current).map_or(left_unix, |lease| lease.earlier_unix));
        presence.state = PresenceState::LEFT;
        if let Some((version, _)) = said {
            presence.rests_on = version;
        }
        Some(presence)
    }

    pub(super) fn drop_lease(&mut self, peer: &PeerId) {
        if let Ok(place) = self.find(peer) {
            self.leases.remove_at(place);
        }
    }
}

/// What another authority said last of `session`, about an announcement after `since`.
fn elsewhere<S: Storage, K: Signer + Verifier>(
    ledger: &Ledger<S, K>,
    peer: &PeerId,
    session: Session,
    since: Version,
) -> Option<Presence> {
    let others = ledger.roll.get(peer)?.presences().filter(|signed| {
        signed.writer() != ledger.own_hint() && ledger.authorities.contains(signed.writer())
    });
    let about = others.filter_map(|signed| signed.read());
    about
        .filter(|presence| presence.session == session && presence.rests_on > since)
        .max_by_key(|presence| presence.rests_on)
}
