//! The central authority: issues decisions and presences, and keeps the leases they rest on.
//!
//! It is an accelerator and a judge, not a store that others must reach: what it issues are
//! statements like any other, which every replica holds and can check.
//!
//! Invariants:
//! - it writes only its own slots, and a presence only about a node that it admits;
//! - a lease lives in memory and in monotonic time; only transitions become statements;
//! - leases are sorted by peer id, one per node, each of a node that is vouched for;
//! - of the nodes that it lets in by itself, it stays within its share of the capacity.

mod forgetting;
mod suspicion;

use forgetting::Forgetting;
use suspicion::{Conclusion, Silence, Suspicion};

use crate::{
    counting::{Answer, Counting},
    key::{PublicKey, Signer, Verifier},
    ledger::Ledger,
    message::{LeaseAnswer, ObservationBatch, Renew},
    multiaddr::Prefix,
    newcomers::{Newcomers, TooMany},
    node_data::NodeData,
    peer_id::{Hint, PeerId},
    statement::{
        Announcement, Decision, Grant, Imported, Intent, Presence, PresenceState, Register,
        RegisterId, Session, Standing,
    },
    storage::{Buffer, Full, List, Storage},
    time::Now,
    version::Version,
};

/// Who becomes a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// Whoever renews a lease: at a limited rate, a limited number of nodes whose public addresses
    /// begin alike, and up to this authority's share of the capacity.
    #[default]
    Open,
    /// Whoever is on a list ([`set_allowed`](crate::NodeEventTracker::set_allowed)) and renews a
    /// lease, and whom an operator admits.
    AllowList,
    /// Whom an operator admits.
    Manual,
}

/// Why a command was not carried out. What it was to decide is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// This node is not one of its configured authorities.
    NotAuthority,
    /// The roll has no room: for another node, or for more about this one.
    Full,
    /// An authority cannot be removed or banned.
    SubjectIsAuthority,
    /// The node is not in the roll and does not wait to be.
    UnknownPeer,
    /// The node does not belong to the network: admit it first.
    NotAdmitted,
    /// This authority lost its journal, or a part of it, and signs nothing until it has what it
    /// said from others, or its operator vouches that there is nothing.
    Recovering,
    /// The node's key cannot sign statements, or is weak.
    UnsupportedKey,
}

impl core::fmt::Display for CommandError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            CommandError::NotAuthority => "this node is not an authority of its network",
            CommandError::Full => "the roll is full",
            CommandError::SubjectIsAuthority => "an authority cannot be removed or banned",
            CommandError::UnknownPeer => "no such node in the roll",
            CommandError::UnsupportedKey => "the peer id has no key that can sign, or a weak one",
            CommandError::Recovering => {
                "this authority lost a part of its journal and waits until others gave it back"
            }
            CommandError::NotAdmitted => "the node is not admitted: admit it first",
        })
    }
}

impl core::error::Error for CommandError {}

/// The change that a command made: durable once [`NodeEventTracker::durable`] has come to it.
///
/// [`NodeEventTracker::durable`]: crate::NodeEventTracker::durable
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receipt(pub u64);

/// What an import of one node's history did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportOutcome {
    /// History or grants were taken over.
    Taken(Receipt),
    /// All of it was known.
    Unchanged,
    /// The node is removed or banned: nothing was taken over.
    NotAdmitted,
}

/// An authority's knowledge that a session is here until some time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    peer: PeerId,
    session: Session,
    /// When the session was first seen here, since which it is watched without a break.
    watched_from_ms: u64,
    /// When it was last renewed.
    renewed_ms: u64,
    /// The same by the wall clock: when the session was last known to be here.
    renewed_unix: u64,
    /// When the session before it was last known to be here.
    earlier_unix: u64,
}

/// Whether a node acts as an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acts {
    /// It is none.
    No,
    /// It is one, and has forgotten what it said: it signs nothing.
    Recovering,
    /// It is one.
    Yes,
}

/// The part of a tracker that issues decisions and presences.
///
/// It writes to the tracker's roll, so its commands are the tracker's: a node is added by
/// [`admit`](crate::NodeEventTracker::admit), updated by [`grant`](crate::NodeEventTracker::grant)
/// and [`revoke`](crate::NodeEventTracker::revoke), read by
/// [`node`](crate::NodeEventTracker::node), taken out by
/// [`remove`](crate::NodeEventTracker::remove) and [`ban`](crate::NodeEventTracker::ban). Leases
/// follow from the requests that are handled.
#[derive(Debug)]
pub struct CentralAuthority<S: Storage> {
    acts: Acts,
    admission: Admission,
    /// How long a lease lasts after a renewal.
    window_ms: u64,
    /// How much longer until a lapsed lease becomes a statement.
    grace_ms: u64,
    leases: S::PerLease<Lease>,
    /// Whom it lets in by a list, sorted.
    allowed: S::PerLease<PeerId>,
    /// Whom it let in by itself of late.
    newcomers: Newcomers<S>,
    /// How many places of its share are taken, and when that is counted anew.
    places_taken: usize,
    next_count_ms: u64,
    /// Not after the first lease lapses: looked at again then.
    next_lapse_ms: u64,
    /// That it is cut off, and not those gone whose leases lapse.
    suspicion: Suspicion,
    /// How far it has come with forgetting the long gone.
    forgetting: Forgetting,
    /// Until when by the wall clock this or an earlier run is known to have been here.
    alive_unix: u64,
    /// The same of earlier runs only.
    resumed_unix: u64,
    /// What it counts of what others observe.
    pub(crate) counting: Counting<S>,
}

impl<S: Storage> CentralAuthority<S> {
    /// One that does not act; see [`CentralAuthority::init`].
    pub(crate) const fn new() -> CentralAuthority<S> {
        CentralAuthority {
            acts: Acts::No,
            admission: Admission::Open,
            window_ms: 0,
            grace_ms: 0,
            leases: <S::PerLease<Lease> as List<Lease>>::EMPTY,
            allowed: <S::PerLease<PeerId> as List<PeerId>>::EMPTY,
            newcomers: Newcomers::new(),
            places_taken: 0,
            next_count_ms: 0,
            next_lapse_ms: 0,
            suspicion: Suspicion::NONE,
            forgetting: Forgetting::IDLE,
            alive_unix: 0,
            resumed_unix: 0,
            counting: Counting::new(),
        }
    }

    /// Makes it act.
    pub(crate) fn init(&mut self, admission: Admission, window_ms: u64, grace_ms: u64) {
        self.acts = Acts::Yes;
        self.admission = admission;
        self.window_ms = window_ms;
        self.grace_ms = grace_ms;
        self.next_lapse_ms = u64::MAX;
    }

    /// Replaces the list of whom it lets in.
    pub(crate) fn set_allowed(&mut self, peers: &[PeerId]) -> Result<(), CommandError> {
        if self.acts == Acts::No {
            return Err(CommandError::NotAuthority);
        }
        peers.iter().try_for_each(check_key)?;
        if peers.len() > self.allowed.capacity_max() {
            return Err(CommandError::Full);
        }
        self.allowed.clear();
        for peer in peers {
            let end = self.allowed.len();
            self.allowed.insert_at(end, *peer).map_err(|Full| CommandError::Full)?;
        }
        self.allowed.sort_unstable();
        Ok(())
    }

    /// Whether this node is an authority.
    pub(crate) fn is_configured(&self) -> bool {
        self.acts != Acts::No
    }

    /// Whether it signs nothing until it has back what it said before.
    pub fn is_recovering(&self) -> bool {
        self.acts == Acts::Recovering
    }

    /// Whether it is an authority that signs.
    pub(crate) fn acts(&self) -> bool {
        self.acts == Acts::Yes
    }

    /// The authority, if it is one that signs.
    pub(crate) fn acting(&mut self) -> Option<&mut CentralAuthority<S>> {
        self.acts().then_some(self)
    }

    /// The authority, to carry out a command.
    pub(crate) fn commanded(&mut self) -> Result<&mut CentralAuthority<S>, CommandError> {
        match self.acts {
            Acts::No => Err(CommandError::NotAuthority),
            Acts::Recovering => Err(CommandError::Recovering),
            Acts::Yes => Ok(self),
        }
    }

    /// Signs nothing from now on.
    pub(crate) fn begin_recovery(&mut self) {
        self.counting.forget();
        self.forgetting = Forgetting::IDLE;
        self.acts = Acts::Recovering;
    }

    /// Signs again.
    pub(crate) fn end_recovery(&mut self) {
        self.acts = Acts::Yes;
    }

    /// Whether so many of its members went silent at once that it takes itself to be cut off. It
    /// calls nobody left then, and is not in touch.
    pub fn is_isolated(&self) -> bool {
        self.suspicion.is_raised()
    }

    /// Notes until when an earlier run was here.
    pub(crate) fn note_alive(&mut self, unix_s: u64) {
        self.alive_unix = self.alive_unix.max(unix_s);
    }

    /// Until when this or an earlier run is known to have been here.
    pub(crate) fn alive_unix(&self) -> u64 {
        self.alive_unix
    }

    /// Says of its members that they moved, with what is counted of them, and does not act any more.
    pub(crate) fn retire<K: Signer + Verifier>(&mut self, ledger: &mut Ledger<S, K>, now: Now) {
        for index in 0..self.leases.len() {
            let lease = self.leases[index];
            let mut presence = self.presence_to_issue(ledger, &lease.peer);
            if presence.goes_on(lease.session) && presence.state == PresenceState::ONLINE {
                presence.count_until(lease.renewed_unix);
                presence.state = PresenceState::MOVED;
                presence.issued_at = now.unix_s;
                // It takes the place of another one, so there is room.
                let _ = ledger.write(&lease.peer, &presence);
            }
        }
        self.publish(ledger, now, u64::MAX);
        self.acts = Acts::No;
        self.leases.clear();
        self.allowed.clear();
        (self.suspicion, self.forgetting) = (Suspicion::NONE, Forgetting::IDLE);
    }

    /// How many sessions are known to be here.
    pub fn lease_count(&self) -> usize {
        self.leases.len()
    }

    /// Starts a run.
    pub(crate) fn resume<K: Signer + Verifier>(&mut self, ledger: &Ledger<S, K>, now: Now) {
        // A clock that once ran ahead is not believed for ever.
        self.resumed_unix = self.alive_unix.min(now.unix_s);
        self.alive_unix = self.resumed_unix;
        self.counting.resume(now);
        self.watch_all(ledger, now);
    }

    /// Gives everyone who is called online here and is not watched one full window: it was this
    /// authority that was away, or forgot what it had said.
    pub(crate) fn watch_all<K: Signer + Verifier>(&mut self, ledger: &Ledger<S, K>, now: Now) {
        let own = ledger.own_hint();
        for node in ledger.roll.iter().filter(|node| node.subject() != ledger.own()) {
            let Some(presence) = node.presence(own).and_then(|signed| signed.read()) else {
                continue;
            };
            let is_watched = self.find(node.subject()).is_ok();
            if presence.state == PresenceState::ONLINE && !is_watched {
                let lease = Lease {
                    peer: *node.subject(),
                    session: presence.session,
                    watched_from_ms: now.mono_ms,
                    renewed_ms: now.mono_ms,
                    renewed_unix: self.resumed_unix.max(presence.joined),
                    earlier_unix: 0,
                };
                // A lease fits for each node of the roll.
                let _ = self.insert(lease);
            }
        }
    }

    /// Gives every lease one full window from now: this authority slept, or was cut off.
    pub(crate) fn forgive(&mut self, now: Now) {
        for lease in self.leases.iter_mut() {
            lease.renewed_ms = now.mono_ms;
            lease.watched_from_ms = lease.watched_from_ms.max(now.mono_ms);
        }
        self.next_lapse_ms = now.mono_ms + self.window_ms;
    }

    /// Answers a renewal of a node whose connection comes from a public address with `prefix`, if
    /// that is known, and issues a presence where it is a transition.
    pub(crate) fn renew<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
        prefix: Option<Prefix>,
        renew: Renew,
    ) -> LeaseAnswer {
        let standing = ledger.standing(peer);
        if standing != Standing::PENDING {
            if !standing.admits() {
                ledger.counters.leases_refused += 1;
                return LeaseAnswer::REFUSED;
            }
            return self.go_on(ledger, now, peer, renew);
        }
        let said = ledger.announcement_of(peer).and_then(|signed| signed.read());
        let prefix = prefix.or_else(|| {
            said.as_ref().and_then(|said| said.addresses.iter().find_map(|at| Prefix::of(at)))
        });
        let comes_here = said.as_ref().is_some_and(|said| {
            said.home == ledger.own_hint()
                && said.session == renew.session
                && said.intent != Intent::LEAVING
        });
        let is_held = said.is_some();
        drop(said);
        if let Err(answer) = self.may_come(ledger, now, peer, prefix) {
            ledger.pool.refresh(peer, now.mono_ms);
            return answer;
        }
        if !is_held || !ledger.roll.has_room() {
            return LeaseAnswer::FULL;
        }
        if !comes_here {
            // It takes this authority as its home now, and says so next.
            return LeaseAnswer::GRANTED;
        }
        let answer = self.go_on(ledger, now, peer, renew);
        if !ledger.is_vouched(peer) {
            self.drop_lease(peer);
        } else if peer != ledger.own() {
            self.places_taken += 1;
            let places = u64::try_from(share(ledger)).unwrap_or(u64::MAX);
            self.newcomers.note(places, prefix, now);
        }
        answer
    }

    /// Whether a node may come for which nobody vouches, and else what it is told.
    fn may_come<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
        prefix: Option<Prefix>,
    ) -> Result<(), LeaseAnswer> {
        match self.admission {
            _ if ledger.authorities.contains_peer(peer) => return Ok(()),
            Admission::Open => {}
            // Whom an operator names needs no other reason.
            Admission::AllowList if self.allowed.binary_search(peer).is_ok() => return Ok(()),
            Admission::AllowList | Admission::Manual => return Err(LeaseAnswer::PENDING),
        }
        if !self.has_place(ledger, now) {
            ledger.counters.newcomers_over_share += 1;
            return Err(LeaseAnswer::FULL);
        }
        let places = u64::try_from(share(ledger)).unwrap_or(u64::MAX);
        match self.newcomers.may_come(places, prefix, now) {
            Ok(()) => Ok(()),
            Err(TooMany::Alike) => {
                ledger.counters.newcomers_over_quota += 1;
                Err(LeaseAnswer::FULL)
            }
            Err(TooMany::AtOnce) => {
                ledger.counters.newcomers_over_rate += 1;
                Err(LeaseAnswer::PENDING)
            }
        }
    }

    /// Whether this authority has not used up its share of the places: as many as there are for each
    /// of the authorities, so that all together stay within the capacity though none knows yet what
    /// the others do.
    fn has_place<K: Signer + Verifier>(&mut self, ledger: &Ledger<S, K>, now: Now) -> bool {
        let share = share(ledger);
        if ledger.roll.count() < share {
            return true;
        }
        if now.mono_ms >= self.next_count_ms {
            self.next_count_ms = now.mono_ms.saturating_add(self.window_ms);
            let own = ledger.own_hint();
            let taken = ledger.roll.iter().filter(|node| is_first_voucher(*node, own));
            self.places_taken = taken.count();
        }
        self.places_taken < share
    }

    /// Renews the lease of a node that belongs to the network, or is about to.
    fn go_on<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
        renew: Renew,
    ) -> LeaseAnswer {
        let known = self.find(peer).ok().map(|place| self.leases[place]);
        if known.is_none() && ledger.announcement_of(peer).is_none() {
            // It has to send its announcement again.
            return LeaseAnswer::FULL;
        }
        let lease = Lease {
            peer: *peer,
            session: renew.session,
            watched_from_ms: match known {
                Some(lease) if lease.session == renew.session => lease.watched_from_ms,
                _ => now.mono_ms,
            },
            renewed_ms: now.mono_ms,
            renewed_unix: now.unix_s,
            earlier_unix: match known {
                Some(lease) if lease.session == renew.session => lease.earlier_unix,
                // The session that is still called online may be one further back.
                Some(lease) if lease.session != self.presence(ledger, peer).session => {
                    lease.earlier_unix
                }
                Some(lease) => lease.renewed_unix,
                None => self.resumed_unix,
            },
        };
        if self.insert(lease).is_err() {
            return LeaseAnswer::FULL;
        }
        if known.is_none() {
            ledger.counters.leases_granted += 1;
        }
        match self.observe(ledger, now, peer) {
            Ok(()) => LeaseAnswer::GRANTED,
            Err(Full) => LeaseAnswer::FULL,
        }
    }

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
    fn end<K: Signer + Verifier>(
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
    fn departure<K: Signer + Verifier>(
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

    fn drop_lease(&mut self, peer: &PeerId) {
        if let Ok(place) = self.find(peer) {
            self.leases.remove_at(place);
        }
    }

    /// Turns leases that lapsed into statements, unless so many do at once that it may be this
    /// authority that is cut off. `hears_authority`: whether another one was heard within a window.
    pub(crate) fn lapse<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        hears_authority: bool,
    ) {
        if now.mono_ms < self.next_lapse_ms {
            return;
        }
        let silence = self.silence(ledger.own(), now, hears_authority);
        match self.suspicion.look(now, silence, self.window_ms) {
            Conclusion::Gone => {}
            Conclusion::CutOff => {
                self.next_lapse_ms = now.mono_ms + self.grace_ms;
                return;
            }
            Conclusion::Back => return self.forgive(now),
        }
        let life_ms = self.window_ms + self.grace_ms;
        // From the end, since each that lapses is taken out.
        for index in (0..self.leases.len()).rev() {
            let lease = self.leases[index];
            if now.mono_ms.saturating_sub(lease.renewed_ms) < life_ms {
                continue;
            }
            ledger.counters.leases_lapsed += 1;
            // Only what is in the roll is called left, and replacing it needs no more room.
            let _ = self.end(ledger, now, &lease.peer, lease.session, lease.renewed_unix);
        }
        let first = self.leases.iter().map(|lease| lease.renewed_ms).min();
        self.next_lapse_ms = first.map_or(u64::MAX, |renewed_ms| renewed_ms + life_ms);
    }

    /// How many of the others are silent. Those who went silent together are within an interval of
    /// each other, which is the grace: the first of them lapses when the last was silent for a window.
    fn silence(&self, own: &PeerId, now: Now, hears_authority: bool) -> Silence {
        let others = || self.leases.iter().filter(|lease| lease.peer != *own);
        let is_silent =
            |lease: &&Lease| now.mono_ms.saturating_sub(lease.renewed_ms) >= self.window_ms;
        let (leases, silent) = (others().count(), others().filter(is_silent).count());
        Silence { leases, silent, hears_authority }
    }

    /// When [`CentralAuthority::lapse`] has something to do, at the earliest.
    pub(crate) fn next_lapse_ms(&self) -> Option<u64> {
        (self.acts() && self.next_lapse_ms != u64::MAX).then_some(self.next_lapse_ms)
    }

    /// When [`CentralAuthority::publish_tallies`] has something to do, at the earliest.
    pub(crate) fn next_tallies_ms(&self) -> Option<u64> {
        let due_ms = self.counting.next_due_ms();
        (self.acts() && due_ms != u64::MAX).then_some(due_ms)
    }

    /// Adds a node: decides that it belongs to the network.
    pub(crate) fn add<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
    ) -> Result<Receipt, CommandError> {
        check_key(peer)?;
        let admitted = (RegisterId::STANDING, Standing::ADMITTED.0);
        let decision = decision(ledger, now, peer, [admitted])?;
        issue(ledger, peer, None, decision).map(Receipt)
    }

    /// Takes a node off the roll, or keeps it out.
    pub(crate) fn remove<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
        standing: Standing,
    ) -> Result<Receipt, CommandError> {
        check_key(peer)?;
        if ledger.authorities.acts(peer) {
            return Err(CommandError::SubjectIsAuthority);
        }
        if standing == Standing::REMOVED && ledger.node(peer).is_none() {
            return Err(CommandError::UnknownPeer);
        }
        // Its session is closed while it is still admitted, so its uptime is not lost.
        let session = self.find(peer).ok().map(|place| self.leases[place].session);
        let departure =
            session.and_then(|session| self.departure(ledger, now, peer, session, now.unix_s));
        let decision = decision(ledger, now, peer, [(RegisterId::STANDING, standing.0)])?;
        let change = issue(ledger, peer, departure, decision)?;
        self.drop_lease(peer);
        Ok(Receipt(change))
    }

    /// Updates what a node is granted.
    pub(crate) fn update<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
        grant: Grant,
        granted: bool,
    ) -> Result<Receipt, CommandError> {
        if ledger.node(peer).is_none() {
            return Err(CommandError::UnknownPeer);
        }
        if !ledger.standing(peer).admits() {
            return Err(CommandError::NotAdmitted);
        }
        let register = (grant.register(), u8::from(granted));
        let decision = decision(ledger, now, peer, [register])?;
        issue(ledger, peer, None, decision).map(Receipt)
    }

    /// Takes over a node's history, and grants, from before Rollbook. It makes nobody online, and
    /// taking the same over again changes nothing.
    pub(crate) fn import<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        peer: &PeerId,
        history: Imported,
        grants: &[Grant],
    ) -> Result<ImportOutcome, CommandError> {
        check_key(peer)?;
        let standing = ledger.standing(peer);
        if standing != Standing::PENDING && !standing.admits() {
            return Ok(ImportOutcome::NotAdmitted);
        }
        let mut presence = self.presence(ledger, peer);
        let merged = presence.imported.map_or(history, |known| known.merged(history));
        presence.imported = Some(merged);
        presence.issued_at = now.unix_s;
        // Another authority's import of the same counts as well: the fold takes the maximum.
        let presence = (!self.is_history_known(ledger, peer, merged)).then_some(presence);
        let node = ledger.roll.get(peer);
        // What an operator decided stands, whatever the file says.
        let is_open = |id| node.and_then(|node| node.register(id, &ledger.authorities)).is_none();
        let granted = grants.iter().map(|grant| grant.register()).filter(|id| is_open(*id));
        let decision = decision(ledger, now, peer, granted.map(|id| (id, 1)))?;
        if presence.is_none() && decision.is_none() {
            return Ok(ImportOutcome::Unchanged);
        }
        issue(ledger, peer, presence, decision).map(|change| ImportOutcome::Taken(Receipt(change)))
    }

    fn is_history_known<K: Signer + Verifier>(
        &self,
        ledger: &Ledger<S, K>,
        peer: &PeerId,
        history: Imported,
    ) -> bool {
        let Some(node) = ledger.roll.get(peer) else { return false };
        node.presences()
            .filter(|signed| ledger.authorities.contains(signed.writer()))
            .filter_map(|signed| signed.read()?.imported)
            .any(|known| known.merged(history) == known)
    }

    /// What this authority last issued about `peer`.
    fn presence<K: Signer + Verifier>(&self, ledger: &Ledger<S, K>, peer: &PeerId) -> Presence {
        ledger
            .roll
            .get(peer)
            .and_then(|node| node.presence(ledger.own_hint()))
            .and_then(|signed| signed.read())
            .unwrap_or_default()
    }

    /// The same, with what was counted since: to be issued again.
    fn presence_to_issue<K: Signer + Verifier>(
        &self,
        ledger: &Ledger<S, K>,
        peer: &PeerId,
    ) -> Presence {
        let mut presence = self.presence(ledger, peer);
        self.counting.fill(ledger, peer, &mut presence);
        presence
    }

    /// Counts a batch of observations; says up to which number all is counted and durable.
    pub(crate) fn count<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
        observer: &PeerId,
        batch: &ObservationBatch<'_>,
    ) -> u32 {
        match self.counting.count(ledger, now, observer, batch) {
            Answer::Observed(number) => return number,
            Answer::NoRoom(_) => self.publish(ledger, now, u64::MAX),
        }
        match self.counting.count(ledger, now, observer, batch) {
            Answer::Observed(number) => number,
            Answer::NoRoom(number) => {
                ledger.counters.observations_no_room += 1;
                number
            }
        }
    }

    /// Issues presences for their tallies alone, of the nodes of which some are due.
    pub(crate) fn publish_tallies<K: Signer + Verifier>(
        &mut self,
        ledger: &mut Ledger<S, K>,
        now: Now,
    ) {
        if now.mono_ms >= self.counting.next_due_ms() {
            self.publish(ledger, now, now.mono_ms);
        }
    }

    /// Issues presences for the tallies that are due by `due_ms`.
    fn publish<K: Signer + Verifier>(&mut self, ledger: &mut Ledger<S, K>, now: Now, due_ms: u64) {
        if self.counting.is_unwritten() {
            return;
        }
        let before = ledger.version();
        let mut last = None;
        while let Some(subject) = self.counting.next_due(last, due_ms) {
            last = Some(subject);
            let Some(peer) = ledger.roll.subject_with(subject).copied() else {
                self.counting.settle(subject);
                continue;
            };
            let mut presence = self.presence(ledger, &peer);
            let is_news = self.counting.fill_all(subject, &mut presence);
            presence.issued_at = now.unix_s;
            let admits = ledger.standing(&peer).admits();
            if !is_news || (admits && ledger.write(&peer, &presence).is_ok()) {
                self.counting.settle(subject);
            } else {
                self.counting.postpone(subject, now);
            }
        }
        self.counting.refresh_due();
        ledger.note_quiet(before, ledger.version());
    }

    fn find(&self, peer: &PeerId) -> Result<usize, usize> {
        self.leases.binary_search_by(|lease| lease.peer.cmp(peer))
    }

    fn insert(&mut self, lease: Lease) -> Result<(), Full> {
        let lapse_ms = lease.renewed_ms + self.window_ms + self.grace_ms;
        match self.find(&lease.peer) {
            Ok(place) => self.leases[place] = lease,
            Err(place) => self.leases.insert_at(place, lease)?,
        }
        self.next_lapse_ms = self.next_lapse_ms.min(lapse_ms);
        Ok(())
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

/// How many places one authority gives to nodes by itself.
fn share<S: Storage, K: Signer + Verifier>(ledger: &Ledger<S, K>) -> usize {
    (ledger.roll.capacity() / ledger.authorities.acting_count().max(1)).max(1)
}

/// Whether `authority` is the one of all whose presences are held that knows the node for longest.
/// Which it was counts only for the shares of authorities.
fn is_first_voucher(node: &NodeData<impl Buffer>, authority: Hint) -> bool {
    let first = node
        .presences()
        .filter_map(|signed| Some((signed.read()?.first_joined, signed.writer())))
        .filter(|(first_joined, _)| *first_joined > 0)
        .min();
    first.is_some_and(|(_, writer)| writer == authority)
}

/// Only a node that can sign belongs to a network: anything verifies under a weak key.
fn check_key(peer: &PeerId) -> Result<(), CommandError> {
    let key = PublicKey::of(peer).ok_or(CommandError::UnsupportedKey)?;
    key.check().map_err(|_which| CommandError::UnsupportedKey)
}

/// This authority's decision about `peer` with other values in some registers, under a stamp above
/// every one that was seen for the node. None where the decisions come to the same already.
fn decision<S: Storage, K: Signer + Verifier>(
    ledger: &Ledger<S, K>,
    now: Now,
    peer: &PeerId,
    values: impl IntoIterator<Item = (RegisterId, u8)>,
) -> Result<Option<Decision>, CommandError> {
    let node = ledger.roll.get(peer);
    let held = |id| Some(node?.register(id, &ledger.authorities)?.value);
    let mut changed = values.into_iter().filter(|(id, value)| held(*id) != Some(*value)).peekable();
    if changed.peek().is_none() {
        return Ok(None);
    }
    let mut decision: Decision = node
        .and_then(|node| node.decision(ledger.own_hint()))
        .and_then(|signed| signed.read())
        .unwrap_or_default();
    let stamp_max = node.map_or(0, |node| node.stamp_max(&ledger.authorities));
    let stamp = stamp_max.checked_add(1).ok_or(CommandError::Full)?;
    if !changed.all(|(id, value)| decision.set(Register { id, value, stamp })) {
        return Err(CommandError::Full);
    }
    decision.issued_at = now.unix_s;
    Ok(Some(decision))
}

/// Issues what there is of a presence and a decision, in this order, all or nothing. Says up to
/// which change the roll holds it.
fn issue<S: Storage, K: Signer + Verifier>(
    ledger: &mut Ledger<S, K>,
    peer: &PeerId,
    presence: Option<Presence>,
    decision: Option<Decision>,
) -> Result<u64, CommandError> {
    let issued = match (presence, decision) {
        (None, None) => Ok(ledger.roll.head()),
        (Some(presence), None) => ledger.write(peer, &presence),
        (None, Some(decision)) => ledger.write(peer, &decision),
        (Some(presence), Some(decision)) => ledger.write_both(peer, &presence, &decision),
    };
    issued.map_err(|Full| CommandError::Full)
}
