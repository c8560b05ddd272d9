//! The roll with its rules: whose statements are taken in, and the pen for this node's own.
//!
//! Invariants:
//! - nothing is in the roll whose signature was not checked, made here, or read from the journal;
//! - a statement is compared before it is verified: only what would change the roll is;
//! - all own statements are numbered from one sequence, within an epoch that no earlier run used.

mod extent;
mod forgetting;
mod pen;

use heapless::Deque;

use extent::Extent;
use forgetting::Horizons;

use crate::{
    authorities::Authorities,
    bucket::{Bucket, Rate},
    counters::Counters,
    durability::Durability,
    key::{Signer, Verifier, VerifyError},
    limits::{ANNOUNCEMENTS, AUTHORITIES_MAX, authority_rate},
    network::Network,
    node_data::{NodeData, Offer},
    peer_id::{Hint, PeerId},
    pool::{Pool, Refused},
    roll::Roll,
    source::Source,
    statement::{Announcement, Any, Decision, Kind, Presence, Signed, Standing, StatementBytes},
    storage::{Full, List, Storage},
    time::Now,
    tracker::Config,
    version::Version,
};

/// How many ranges of quiet statements are remembered. They are read at once, but for those that
/// wait for the disk.
const QUIET_MAX: usize = 8;
/// How many contradictions are remembered.
const CONTRADICTIONS_MAX: usize = 16;

/// What became of an offered statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It advanced the roll.
    Advanced,
    /// Its node waits in the pool now.
    Waits,
    /// It was not needed, or is not wanted here.
    Ignored,
    /// Its writer's kind of key cannot be checked here. Others can: whoever passed it on did
    /// nothing wrong.
    Unsupported,
    /// Its writer says more by gossip than it may: it was not looked at.
    OverRate,
    /// No more signatures are checked for who handed it in: neither it nor what follows it was
    /// looked at.
    OverBudget,
    /// Its form is wrong.
    Malformed,
    /// Its writer did not sign it.
    Forged,
}

/// What an authority said in two statements of which neither holds all of it.
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one call, and there may be no allocator to box a part of it"
)]
#[derive(Debug)]
enum Recalled {
    Decision(Decision),
    Presence(Presence),
}

/// Something that happened while statements were taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    Equivocation {
        writer: PeerId,
        subject: PeerId,
    },
    /// Somebody made a statement in this node's name that is as new as its newest.
    Claimed,
    /// This authority said something that it had forgotten.
    Remembered,
}

/// The statements that this replica holds, and the keys that write its own.
#[derive(Debug)]
pub(crate) struct Ledger<S: Storage, K> {
    pub(crate) network: Network,
    pub(crate) authorities: Authorities,
    pub(crate) roll: Roll<S>,
    pub(crate) pool: Pool<S>,
    pub(crate) durability: Durability,
    pub(crate) counters: Counters,
    /// One, once it is said whose it is. (Unlike an `Option`, all zero bytes until then.)
    keys: heapless::Vec<K, 1>,
    own: PeerId,
    own_hint: Hint,
    /// The version of the last own statement.
    version: Version,
    /// This node's announcement, which is in the roll only while it is admitted.
    announcement: StatementBytes,
    announced: Version,
    /// Whether an announcement of this run was signed.
    has_spoken: bool,
    /// It signs nothing for others yet: it may have forgotten what it said before.
    withholds: bool,
    /// How much of the roll it holds.
    extent: Extent,
    /// The order keys of the nodes that it was told to hold, sorted.
    wanted: S::PerNode<u64>,
    /// What their own horizons make of the presences of the authorities.
    horizons: Horizons,
    /// What is taken by gossip of what each authority says, in the configured order.
    authorities_said: [Bucket; AUTHORITIES_MAX],
    authority_rate: Rate,
    /// Own statements that say nothing new, and so are not gossiped: above the first version, and up
    /// to the second.
    quiet: Deque<(Version, Version), QUIET_MAX>,
    /// The writers that contradicted themselves lately: where, and in which version. A losing half
    /// that is sent again is neither verified nor reported again.
    contradictions: Deque<(Hint, PeerId, Version), CONTRADICTIONS_MAX>,
}

impl<S: Storage, K: Signer + Verifier> Ledger<S, K> {
    /// An empty one without keys; see [`Ledger::init`].
    pub(crate) const fn new() -> Ledger<S, K> {
        Ledger {
            network: Network::NONE,
            authorities: Authorities::NONE,
            roll: Roll::new(),
            pool: Pool::new(),
            durability: Durability::new(),
            counters: Counters::ZERO,
            keys: heapless::Vec::new(),
            own: PeerId::NONE,
            own_hint: Hint::NONE,
            version: Version::ZERO,
            announcement: StatementBytes::new(),
            announced: Version::ZERO,
            has_spoken: false,
            withholds: false,
            extent: Extent::All,
            wanted: <S::PerNode<u64> as List<u64>>::EMPTY,
            horizons: Horizons::NONE,
            authorities_said: [Bucket::FULL; AUTHORITIES_MAX],
            authority_rate: Rate::new(0, 0),
            quiet: Deque::new(),
            contradictions: Deque::new(),
        }
    }

    /// Says whose it is.
    pub(crate) fn init(&mut self, config: Config, keys: K) {
        let capacity = config.capacity.into();
        self.authority_rate = authority_rate(capacity, config.interval_ms);
        self.network = config.network;
        self.authorities = config.authorities;
        self.extent = if config.partial { Extent::Some } else { Extent::All };
        self.roll.set_capacity(usize::try_from(capacity).unwrap_or(usize::MAX));
        self.own = keys.peer_id();
        self.own_hint = self.own.hint();
        assert!(self.keys.push(keys).is_ok(), "it is said once");
    }

    /// Whether it was said whose it is.
    pub(crate) fn is_init(&self) -> bool {
        !self.keys.is_empty()
    }

    fn keys(&self) -> &K {
        self.keys.first().expect("a tracker is initialised before it is used")
    }

    /// This node.
    pub(crate) fn own(&self) -> &PeerId {
        &self.own
    }

    /// This node as a writer.
    pub(crate) fn own_hint(&self) -> Hint {
        self.own_hint
    }

    /// The version of this node's newest announcement.
    pub(crate) fn announced(&self) -> Version {
        self.announced
    }

    /// The version of the last own statement.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// The epoch that own statements are made in.
    pub(crate) fn epoch(&self) -> u32 {
        self.version.epoch
    }

    /// This node's announcement, once it made one.
    pub(crate) fn announcement(&self) -> Option<Signed<'_, Announcement<'_>>> {
        Signed::parse(&self.announcement).ok()?.typed()
    }

    /// Whether an announcement of this run was signed, whichever is the newest.
    pub(crate) fn has_spoken(&self) -> bool {
        self.has_spoken
    }

    /// What is known of a node, in the roll or in the pool.
    pub(crate) fn node(&self, peer: &PeerId) -> Option<&NodeData<S::Statements>> {
        self.roll.get(peer).or_else(|| self.pool.get(peer))
    }

    /// The newest announcement of `peer` that is held anywhere.
    pub(crate) fn announcement_of(&self, peer: &PeerId) -> Option<Signed<'_, Announcement<'_>>> {
        if *peer == self.own {
            return self.announcement();
        }
        self.node(peer)?.announcement()
    }

    /// Whether this node is the writer. The hint alone does not tell: others can be ground to have
    /// the same.
    pub(crate) fn is_own(&self, statement: &Signed<'_, Any>) -> bool {
        match statement.kind() {
            Kind::Announcement => statement.subject_bytes() == self.own.as_bytes(),
            Kind::Decision | Kind::Presence => {
                self.authorities.resolve(statement.writer()) == Some(&self.own)
            }
        }
    }

    /// Whether `peer` belongs to the network.
    pub(crate) fn standing(&self, peer: &PeerId) -> Standing {
        self.roll.get(peer).map_or(Standing::PENDING, |node| node.standing(&self.authorities))
    }

    pub(crate) fn is_vouched(&self, peer: &PeerId) -> bool {
        self.roll.get(peer).is_some_and(|node| node.is_vouched(&self.authorities))
    }

    /// Takes `statement` in if it would advance the roll and its writer signed it.
    ///
    /// What is known or older is told from what is news at once: nothing else of it is looked at.
    pub(crate) fn take(
        &mut self,
        statement: &Signed<'_, Any>,
        now: Now,
        source: &mut Source<'_, S>,
        found: &mut impl FnMut(Finding),
    ) -> Taken {
        let is_announcement = statement.kind() == Kind::Announcement;
        if !is_announcement && !self.authorities.contains(statement.writer()) {
            self.counters.statements_unknown_writer += 1;
            return Taken::Ignored;
        }
        if self.is_void(statement) {
            self.counters.statements_void += 1;
            return Taken::Ignored;
        }
        let held = self.roll.locate(statement);
        let offer = held.map_or(Offer::New, |entry| entry.node().offer(statement));
        match offer {
            Offer::Same => {
                self.note_given_back(statement, source);
                self.counters.statements_known += 1;
                return Taken::Ignored;
            }
            Offer::Older if self.recalled(statement, offer).is_none() => {
                self.counters.statements_older += 1;
                return Taken::Ignored;
            }
            Offer::New | Offer::Older | Offer::Newer | Offer::Equivocation { .. } => {}
        }
        let held = self.roll.locate(statement);
        let is_held = held.is_some();
        let standing =
            held.map_or(Standing::PENDING, |entry| entry.node().standing(&self.authorities));
        if statement.check().is_err() {
            return Taken::Malformed;
        }
        let subject = statement.subject().expect("a statement that is checked has a subject");
        if self.is_partial() && !is_held && !self.must_hold(&subject) {
            self.counters.statements_out_of_scope += 1;
            return Taken::Ignored;
        }
        match standing {
            _ if !is_announcement => self.take_news(statement, offer, now, source, found),
            Standing::PENDING => self.let_wait(subject, statement, now, source),
            standing if standing.admits() => self.take_news(statement, offer, now, source, found),
            _ => {
                self.counters.statements_not_admitted += 1;
                Taken::Ignored
            }
        }
    }

    /// Takes in a statement that is not older than what its slot holds, nor the same.
    fn take_news(
        &mut self,
        statement: &Signed<'_, Any>,
        offer: Offer,
        now: Now,
        source: &mut Source<'_, S>,
        found: &mut impl FnMut(Finding),
    ) -> Taken {
        let subject = statement.subject().expect("a statement that is checked has a subject");
        let writer = match statement.kind() {
            Kind::Announcement => subject,
            Kind::Decision | Kind::Presence => {
                *self.authorities.resolve(statement.writer()).expect("it was looked for before")
            }
        };
        let contradiction = (statement.writer(), subject, statement.version());
        if offer == (Offer::Equivocation { wins: false })
            && self.contradictions.iter().any(|known| *known == contradiction)
        {
            return Taken::Ignored;
        }
        // Whoever does not become partial by it need not know whether it is true.
        if !self.may_become_partial() && !self.would_fit(&subject, &[*statement]) {
            self.counters.statements_no_room += 1;
            self.drop_void();
            return Taken::Ignored;
        }
        if source.is_gossip() && !self.may_say(statement, now) {
            return Taken::OverRate;
        }
        if let Err(unverified) = self.verify(statement, &writer, now, source) {
            // The network has nodes of whom this replica cannot hold what all others do.
            if unverified == Taken::Unsupported {
                self.become_partial(Extent::Some);
            }
            return unverified;
        }
        if source.is_gossip() {
            self.note_said(statement, now);
        }
        if let Offer::Equivocation { .. } = offer {
            self.counters.equivocations += 1;
            if self.contradictions.is_full() {
                self.contradictions.pop_front();
            }
            self.contradictions.push_back(contradiction).expect("there is room for one more");
            found(Finding::Equivocation { writer, subject });
        }
        if writer == self.own && statement.version() >= self.version {
            self.counters.own_statements_met += 1;
            self.version = statement.version();
            // What was forgotten is expected to turn up; what is said next comes after all of it.
            if !self.withholds {
                self.begin_epoch(0);
                found(Finding::Claimed);
            }
        }
        self.note_given_back(statement, source);
        let recalled = self.recalled(statement, offer);
        let mut advanced = offer.advances() && self.keep(&subject, statement);
        if let Some(recalled) = recalled {
            advanced |= self.say_all(&subject, &recalled, now);
        }
        // Two that work together could change what one says of itself for as long as they like.
        let is_due = source.is_gossip() || source.is_authority() || self.is_seldom(statement, now);
        source.note_verified(statement, advanced && is_due, now);
        if advanced && writer == self.own && statement.kind() != Kind::Announcement {
            found(Finding::Remembered);
        }
        if advanced { Taken::Advanced } else { Taken::Ignored }
    }

    /// What this authority said about a node in the statement that is held and in another one, if the
    /// newer of the two lacks something: it had forgotten the older one then.
    fn recalled(&self, other: &Signed<'_, Any>, offer: Offer) -> Option<Recalled> {
        let is_mine = other.kind() != Kind::Announcement && self.is_own(other);
        if !is_mine || !self.authorities.acts(&self.own) {
            return None;
        }
        let held = self.roll.get(&other.subject()?)?;
        match other.kind() {
            Kind::Announcement => None,
            Kind::Decision => {
                let (held, other) = (held.decision(self.own_hint)?.read()?, other.typed()?.read()?);
                let (mut newer, older): (Decision, Decision) =
                    if offer.advances() { (other, held) } else { (held, other) };
                newer.recall(&older).then_some(Recalled::Decision(newer))
            }
            Kind::Presence => {
                let (held, other) = (held.presence(self.own_hint)?.read()?, other.typed()?.read()?);
                let (mut newer, older): (Presence, Presence) =
                    if offer.advances() { (other, held) } else { (held, other) };
                newer.recall(&older).then_some(Recalled::Presence(newer))
            }
        }
    }

    /// Says in one statement what was in two. Says whether there was room for it.
    fn say_all(&mut self, subject: &PeerId, recalled: &Recalled, now: Now) -> bool {
        if self.withholds {
            // What an earlier run said in the epoch of what was met is not all known.
            self.begin_epoch(0);
        }
        let said = match recalled {
            Recalled::Decision(decision) => {
                self.write(subject, &Decision { issued_at: now.unix_s, ..decision.clone() })
            }
            Recalled::Presence(presence) => {
                self.write(subject, &Presence { issued_at: now.unix_s, ..presence.clone() })
            }
        };
        self.counters.own_statements_merged += u64::from(said.is_ok());
        said.is_ok()
    }

    /// Notes who holds what this node said as an authority, while it does not know that itself.
    fn note_given_back(&self, statement: &Signed<'_, Any>, source: &mut Source<'_, S>) {
        if self.withholds && statement.kind() != Kind::Announcement && self.is_own(statement) {
            source.note_gave_back();
        }
    }

    /// Puts `statement` in the roll if there is room, or room is made for it.
    fn keep(&mut self, subject: &PeerId, statement: &Signed<'_, Any>) -> bool {
        let mut put = self.put(statement);
        if put.is_err() {
            if self.may_drop() {
                // There is room when that is dropped, and what is lost now is found then.
                self.drop_void();
            } else {
                self.become_partial(Extent::Fitting);
            }
            if self.make_room(subject) {
                put = self.put(statement);
            }
        }
        match put {
            Ok(_) => self.counters.statements_taken += 1,
            Err(Full) => self.counters.statements_no_room += 1,
        }
        put.is_ok()
    }

    /// Checks the signature of `statement`, on behalf of who handed it in.
    fn verify(
        &mut self,
        statement: &Signed<'_, Any>,
        writer: &PeerId,
        now: Now,
        source: &mut Source<'_, S>,
    ) -> Result<(), Taken> {
        if !source.may_verify(now) {
            self.counters.verifications_over_budget += 1;
            return Err(Taken::OverBudget);
        }
        match statement.verify(&self.network, writer, self.keys()) {
            Ok(()) => Ok(()),
            Err(VerifyError::UnsupportedKey) => {
                self.counters.statements_unsupported_key += 1;
                Err(Taken::Unsupported)
            }
            Err(_) => {
                self.counters.statements_bad_signature += 1;
                source.note_verified(statement, false, now);
                Err(Taken::Forged)
            }
        }
    }

    /// Whether the writer of `statement` says no more by gossip than it may.
    fn may_say(&mut self, statement: &Signed<'_, Any>, now: Now) -> bool {
        let may = self.said(statement).is_none_or(|(said, rate)| said.has_token(rate, now));
        self.counters.gossip_over_rate += u64::from(!may);
        may
    }

    /// Notes that its writer did make `statement`: what others make up in its name is not its.
    fn note_said(&mut self, statement: &Signed<'_, Any>, now: Now) {
        if let Some((said, rate)) = self.said(statement) {
            said.take_token(rate, now);
        }
    }

    /// Whether a node says no more of itself than it may by gossip, whichever way it came. What
    /// authorities say is not counted: all of it may have to be transferred at once.
    fn is_seldom(&mut self, statement: &Signed<'_, Any>, now: Now) -> bool {
        if statement.kind() != Kind::Announcement {
            return true;
        }
        let may = self.said(statement).is_none_or(|(said, rate)| said.has_token(rate, now));
        if may {
            self.note_said(statement, now);
        }
        may
    }

    /// What is taken by gossip of the writer of `statement`, if anything is held of it.
    fn said(&mut self, statement: &Signed<'_, Any>) -> Option<(&mut Bucket, Rate)> {
        if statement.kind() != Kind::Announcement {
            let writer = statement.writer();
            let place = self.authorities.place_of(writer)?;
            return Some((&mut self.authorities_said[place], self.authority_rate));
        }
        let said = match self.roll.locate(statement) {
            Some(entry) => Some(&mut entry.said),
            None => self.pool.said(statement.subject_bytes()),
        };
        said.map(|said| (said, ANNOUNCEMENTS))
    }

    /// Who contradicted itself about `peer` lately, and in which version.
    pub(crate) fn contradictions_about(
        &self,
        peer: PeerId,
    ) -> impl Iterator<Item = (PeerId, Version)> {
        let about = self.contradictions.iter().filter(move |(_, subject, _)| *subject == peer);
        about.filter_map(move |(writer, _, version)| {
            let authority = self.authorities.resolve(*writer).copied();
            let own = (*writer == peer.hint()).then_some(peer);
            Some((own.or(authority)?, *version))
        })
    }

    /// Whether this node issued a statement of the journal as an authority.
    pub(crate) fn was_issued_here(&self, statement: &Signed<'_, Any>) -> bool {
        statement.kind() != Kind::Announcement && statement.writer() == self.own_hint
    }

    /// Puts a statement of the journal back, unverified: it was verified before it was written.
    pub(crate) fn recover(&mut self, statement: &Signed<'_, Any>) -> Result<(), Full> {
        if self.is_own(statement) {
            self.version = self.version.max(statement.version());
        }
        // An authority that is no longer configured counts for nothing, and others do not hold
        // what it said.
        let counts =
            statement.kind() == Kind::Announcement || self.authorities.contains(statement.writer());
        if !counts {
            self.counters.statements_unknown_writer += 1;
            return Ok(());
        }
        if self.is_void(statement) {
            self.counters.statements_void += 1;
            return Ok(());
        }
        let subject = statement.subject().expect("a parsed statement has a peer id as subject");
        if self.is_partial() && !self.must_hold(&subject) && self.roll.get(&subject).is_none() {
            self.counters.statements_out_of_scope += 1;
            return Ok(());
        }
        let mut put = self.roll.put(statement);
        if put.is_err() && self.may_drop() {
            // What was forgotten is still in the journal, and in the way.
            self.normalise_all();
            put = self.roll.put(statement);
        }
        if put.is_ok_and(Offer::advances) {
            self.note_horizon(statement);
        }
        if put.is_err() {
            self.become_partial(Extent::Fitting);
            if self.make_room(&subject) {
                put = self.roll.put(statement);
            }
        }
        // What a partial replica has no room for others hold.
        self.counters.statements_no_room += u64::from(put.is_err());
        if self.is_partial() { Ok(()) } else { put.map(|_offer| ()) }
    }

    /// Brings the roll into the form that every replica gives it, once after a replay: drops the
    /// nodes for which nobody vouches any more and what the fold has no use for.
    pub(crate) fn normalise_all(&mut self) {
        self.reread_horizons();
        // From the end, since a node that is taken out gives its place to the last.
        for index in (0..self.roll.count()).rev() {
            if self.drop_at(index).is_none() {
                let peer = *self.roll.node_at(index).expect("it was not taken out").subject();
                let admitted = self.standing(&peer).admits();
                self.roll.normalise(&peer, admitted);
            }
        }
    }

    fn put(&mut self, statement: &Signed<'_, Any>) -> Result<Offer, Full> {
        let subject = statement.subject().expect("a parsed statement has a peer id as subject");
        let before = self.roll.get(&subject).map(|node| node.offer(statement));
        let offer = self.roll.put(statement)?;
        debug_assert!(before.is_none_or(|before| before == offer));
        if offer.advances() {
            self.note_horizon(statement);
        }
        self.follow_standing(&subject);
        Ok(offer)
    }

    /// Gives roll and pool the form that the standing of `peer` asks for, once statements about it
    /// were put in.
    fn follow_standing(&mut self, peer: &PeerId) {
        let standing = self.standing(peer);
        self.roll.normalise(peer, standing.admits());
        if standing.admits() {
            self.let_in(peer);
        } else if standing != Standing::PENDING {
            self.pool.remove(peer);
        }
    }

    /// Brings in what an admitted node says of itself, if it waited outside.
    fn let_in(&mut self, peer: &PeerId) {
        if let Some(waiting) = self.pool.remove(peer) {
            for held in waiting.statements() {
                // Where it has no room beside what vouches for the node, that alone is held.
                let put = self.roll.put(&held.statement);
                self.counters.statements_no_room += u64::from(put.is_err());
            }
        }
        if *peer == self.own {
            self.settle_own_announcement();
        }
    }

    /// Keeps own statements back until [`Ledger::speak`].
    pub(crate) fn withhold(&mut self) {
        self.withholds = true;
    }

    /// Whether own statements are kept back.
    pub(crate) fn withholds(&self) -> bool {
        self.withholds
    }

    /// Speaks again, in an epoch after everything that was met of an earlier life.
    pub(crate) fn speak(&mut self) {
        self.withholds = false;
        self.begin_epoch(0);
    }

    /// Whether the roll holds a decision or presence by this node.
    pub(crate) fn holds_own(&self) -> bool {
        self.roll.iter().any(|node| {
            node.decision(self.own_hint).is_some() || node.presence(self.own_hint).is_some()
        })
    }

    fn settle_own_announcement(&mut self) {
        if self.withholds {
            return;
        }
        let Ok(announcement) = Signed::parse(&self.announcement) else { return };
        // Where it has no room the node is known by what others say of it.
        let may_leave = self.durability.epoch_durable() && !announcement.is_unsigned();
        let offer = self.roll.put(&announcement);
        if offer.is_ok_and(Offer::advances) && !may_leave {
            let change = self.roll.head();
            self.durability.own_statement(change, change);
        }
    }

    fn let_wait(
        &mut self,
        subject: PeerId,
        announcement: &Signed<'_, Any>,
        now: Now,
        source: &mut Source<'_, S>,
    ) -> Taken {
        if subject == self.own || !self.pool.is_news(&subject, announcement) {
            return Taken::Ignored;
        }
        let introducer = source.introducer_of(&subject);
        match self.pool.room_for(&subject, introducer) {
            Ok(()) => {}
            Err(Refused::Full) => {
                self.counters.pool_full += 1;
                return Taken::Ignored;
            }
            Err(Refused::OverQuota) => {
                self.counters.pool_over_quota += 1;
                return Taken::Ignored;
            }
        }
        if source.is_gossip() && !self.may_say(announcement, now) {
            return Taken::OverRate;
        }
        if let Err(unverified) = self.verify(announcement, &subject, now, source) {
            return unverified;
        }
        // Who finds a place is worth a check, and there are so many places for each introducer; what
        // it says again before it is let in is not.
        let is_new = self.pool.get(&subject).is_none();
        let put = self.pool.put(subject, announcement, introducer, now.mono_ms);
        source.note_verified(announcement, is_new && put.is_ok(), now);
        match put {
            Ok(()) => {
                if source.is_gossip() {
                    self.note_said(announcement, now);
                }
                self.counters.pool_taken += 1;
                Taken::Waits
            }
            Err(Full) => {
                self.counters.pool_full += 1;
                Taken::Ignored
            }
        }
    }
}
