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

mod commands;
mod forgetting;
mod sessions;
mod suspicion;

use commands::check_key;
pub use commands::{CommandError, ImportOutcome, Receipt};
use forgetting::Forgetting;
use suspicion::{Conclusion, Silence, Suspicion};

use crate::{
    counting::{Answer, Counting},
    key::{Signer, Verifier},
    ledger::Ledger,
    message::{LeaseAnswer, ObservationBatch, Renew},
    multiaddr::Prefix,
    newcomers::{Newcomers, TooMany},
    node_data::NodeData,
    peer_id::{Hint, PeerId},
    statement::{Intent, Presence, PresenceState, Session, Standing},
    storage::{Buffer, Full, List, Storage},
    time::Now,
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
    /// It is none, or a retired one.
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
    /// Not before this is it written down that this run is here: until then sessions may be called
    /// online that are known of from an earlier run only, or from before this one slept.
    settled_ms: u64,
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
            settled_ms: 0,
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

    /// Notes that this run is here.
    pub(crate) fn note_here(&mut self, now: Now) {
        if now.mono_ms >= self.settled_ms && !self.is_isolated() {
            self.note_alive(now.unix_s);
        }
    }

    /// Until when this or an earlier run is known to have been here.
    pub(crate) fn alive_unix(&self) -> u64 {
        self.alive_unix
    }

    /// Says of its members that they moved, with what is counted of them, and does not act any more.
    pub(crate) fn retire<K: Signer + Verifier>(&mut self, ledger: &mut Ledger<S, K>, now: Now) {
        for index in 0..self.leases.len() {
            let lease = self.leases[index];
            let silent_ms = now.mono_ms.saturating_sub(lease.renewed_ms);
            let mut presence = self.presence_to_issue(ledger, &lease.peer);
            let is_here = presence.state == PresenceState::ONLINE
                && presence.session == lease.session
                && silent_ms < self.grace_ms + self.grace_ms / 2;
            let last_word = if is_here {
                self.move_on(ledger, &lease.peer, &mut presence, lease.renewed_unix);
                Some(Presence { issued_at: now.unix_s, ..presence })
            } else {
                // Nobody else could say so later.
                self.departure(ledger, now, &lease.peer, lease.session, lease.renewed_unix)
            };
            if let Some(presence) = last_word {
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
        self.settled_ms = now.mono_ms + self.window_ms + self.grace_ms;
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
            let said =
                node.announcement().and_then(|signed| Some((signed.version(), signed.read()?)));
            let is_refuted = said.is_some_and(|(version, said)| {
                said.home == own && presence.is_refuted_by(said.session, version)
            });
            let may_be_here = presence.state == PresenceState::ONLINE || is_refuted;
            if may_be_here && self.find(node.subject()).is_err() {
                // A lease fits for each node of the roll.
                let _ = self.watch(node.subject(), presence.session, now);
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
        self.settled_ms = now.mono_ms + self.window_ms + self.grace_ms;
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
        let said = ledger.announcement_of(peer).and_then(|signed| signed.read());
        let home = said.map(|said| said.home);
        if known.is_none() && home.is_none() {
            // It has to send its announcement again.
            return LeaseAnswer::FULL;
        }
        if home.is_some_and(|home| home != ledger.own_hint()) {
            // It takes this authority as its home now, and says so next.
            return LeaseAnswer::GRANTED;
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
