//! The roll with its rules: whose statements are taken in, and the pen for this node's own.
//!
//! Invariants:
//! - nothing is in the roll whose signature was not checked, made here, or read from the journal;
//! - a statement is compared before it is verified: only what would change the roll is;
//! - all own statements are numbered from one sequence, within an epoch that no earlier run used.

use heapless::Deque;

use crate::{
    authorities::Authorities,
    counters::Counters,
    durability::Durability,
    key::{Signer, Verifier, VerifyError},
    network::Network,
    node_data::{NodeData, Offer},
    peer_id::{Hint, PeerId},
    pool::Pool,
    roll::Roll,
    statement::{Announcement, Any, Fields, Intent, Kind, Signed, Standing, StatementBytes},
    storage::{Full, Storage},
    time::Now,
    version::Version,
};

/// The last epoch that statements are made in.
const EPOCH_MAX: u32 = u32::MAX - 1;
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
    /// Its writer did not sign it.
    Forged,
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
    keys: K,
    own: PeerId,
    own_hint: Hint,
    /// The version of the last own statement.
    version: Version,
    /// This node's announcement, which is in the roll only while it is admitted.
    announcement: StatementBytes,
    announced: Version,
    /// The writers that contradicted themselves lately: where, and in which version. A losing half
    /// that is sent again is neither verified nor reported again.
    contradictions: Deque<(Hint, PeerId, Version), CONTRADICTIONS_MAX>,
}

impl<S: Storage, K: Signer + Verifier> Ledger<S, K> {
    pub(crate) fn new(
        network: Network,
        authorities: Authorities,
        capacity: usize,
        keys: K,
    ) -> Ledger<S, K> {
        let own = keys.peer_id();
        Ledger {
            network,
            authorities,
            roll: Roll::new(capacity),
            pool: Pool::new(),
            durability: Durability::default(),
            counters: Counters::default(),
            keys,
            own,
            own_hint: own.hint(),
            version: Version::ZERO,
            announcement: StatementBytes::new(),
            announced: Version::ZERO,
            contradictions: Deque::new(),
        }
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

    /// The epoch that own statements are made in.
    pub(crate) fn epoch(&self) -> u32 {
        self.version.epoch
    }

    /// Begins an epoch above every one that was used, and above `floor`.
    pub(crate) fn begin_epoch(&mut self, floor: u32) {
        let epoch = self.version.epoch.max(floor);
        // Whose epochs are used up goes on in the last one: its numbers still rise.
        if epoch < EPOCH_MAX {
            self.version = Version { epoch: epoch + 1, seq: 0 };
            self.durability.epoch_changed();
        }
    }

    /// Notes an epoch that an earlier run used.
    pub(crate) fn note_epoch(&mut self, epoch: u32) {
        self.version = self.version.max(Version { epoch: epoch.min(EPOCH_MAX), seq: 0 });
    }

    /// This node's announcement, once it made one.
    pub(crate) fn announcement(&self) -> Option<Signed<'_, Announcement<'_>>> {
        Signed::parse(&self.announcement).ok()?.typed()
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
    pub(crate) fn take(
        &mut self,
        statement: &Signed<'_, Any>,
        now: Now,
        found: &mut impl FnMut(Finding),
    ) -> Taken {
        let subject = statement.subject().expect("a parsed statement has a peer id as subject");
        let writer = match statement.kind() {
            Kind::Announcement => subject,
            Kind::Decision | Kind::Presence => {
                let Some(writer) = self.authorities.resolve(statement.writer()) else {
                    self.counters.statements_unknown_writer += 1;
                    return Taken::Ignored;
                };
                *writer
            }
        };
        if statement.kind() == Kind::Announcement {
            let standing = self.standing(&subject);
            if standing == Standing::PENDING {
                return self.let_wait(subject, statement, now);
            }
            if !standing.admits() {
                self.counters.statements_not_admitted += 1;
                return Taken::Ignored;
            }
        }
        let offer = self.roll.get(&subject).map_or(Offer::New, |node| node.offer(statement));
        match offer {
            Offer::Same => {
                self.counters.statements_known += 1;
                return Taken::Ignored;
            }
            Offer::Older => {
                self.counters.statements_older += 1;
                return Taken::Ignored;
            }
            Offer::New | Offer::Newer | Offer::Equivocation { .. } => {}
        }
        let contradiction = (statement.writer(), subject, statement.version());
        if offer == (Offer::Equivocation { wins: false })
            && self.contradictions.iter().any(|known| *known == contradiction)
        {
            return Taken::Ignored;
        }
        if let Err(unverified) = self.verify(statement, &writer) {
            return unverified;
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
            self.begin_epoch(0);
            found(Finding::Claimed);
        }
        if !offer.advances() {
            return Taken::Ignored;
        }
        match self.put(statement) {
            Ok(_) => {
                self.counters.statements_taken += 1;
                Taken::Advanced
            }
            Err(Full) => {
                self.counters.statements_no_room += 1;
                Taken::Ignored
            }
        }
    }

    fn verify(&mut self, statement: &Signed<'_, Any>, writer: &PeerId) -> Result<(), Taken> {
        match statement.verify(&self.network, writer, &self.keys) {
            Ok(()) => Ok(()),
            // Others can check it: whoever passed it on did nothing wrong.
            Err(VerifyError::UnsupportedKey) => {
                self.counters.statements_unsupported_key += 1;
                Err(Taken::Ignored)
            }
            Err(_) => {
                self.counters.statements_bad_signature += 1;
                Err(Taken::Forged)
            }
        }
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
        self.roll.put(statement).map(|_offer| ())
    }

    /// Brings the roll into the form that every replica gives it, once after a replay: drops the
    /// nodes for which nobody vouches any more and what the fold has no use for.
    pub(crate) fn normalise_all(&mut self) {
        // From the end, since a node that is taken out gives its place to the last.
        for index in (0..self.roll.count()).rev() {
            let node = self.roll.node_at(index).expect("within the count");
            let peer = *node.subject();
            if node.is_vouched(&self.authorities) {
                let admitted = node.standing(&self.authorities).admits();
                self.roll.normalise(&peer, admitted);
            } else {
                self.roll.remove(&peer);
            }
        }
    }

    fn put(&mut self, statement: &Signed<'_, Any>) -> Result<Offer, Full> {
        let subject = statement.subject().expect("a parsed statement has a peer id as subject");
        let before = self.roll.get(&subject).map(|node| node.offer(statement));
        let offer = self.roll.put(statement)?;
        debug_assert!(before.is_none_or(|before| before == offer));
        let standing = self.standing(&subject);
        self.roll.normalise(&subject, standing.admits());
        if standing.admits() {
            self.let_in(&subject);
        } else if standing != Standing::PENDING {
            self.pool.remove(&subject);
        }
        Ok(offer)
    }

    /// Brings in what an admitted node says of itself, if it waited outside.
    fn let_in(&mut self, peer: &PeerId) {
        if let Some(waiting) = self.pool.remove(peer) {
            for held in waiting.statements() {
                // A statement that fits the pool fits the roll, where its node is now.
                let _ = self.roll.put(&held.statement);
            }
        }
        if *peer == self.own {
            self.settle_own_announcement();
        }
    }

    fn settle_own_announcement(&mut self) {
        let Ok(announcement) = Signed::parse(&self.announcement) else { return };
        // Where it has no room the node is known by what others say of it.
        let offer = self.roll.put(&announcement);
        if offer.is_ok_and(Offer::advances) && !self.durability.epoch_durable() {
            self.durability.own_statement(self.roll.head());
        }
    }

    fn let_wait(&mut self, subject: PeerId, announcement: &Signed<'_, Any>, now: Now) -> Taken {
        if subject == self.own || !self.pool.is_news(&subject, announcement) {
            return Taken::Ignored;
        }
        if self.pool.get(&subject).is_none() && !self.pool.has_room() {
            self.counters.pool_full += 1;
            return Taken::Ignored;
        }
        if let Err(unverified) = self.verify(announcement, &subject) {
            return unverified;
        }
        match self.pool.put(subject, announcement, now.mono_ms) {
            Ok(()) => {
                self.counters.pool_taken += 1;
                Taken::Waits
            }
            Err(Full) => {
                self.counters.pool_full += 1;
                Taken::Ignored
            }
        }
    }

    /// Makes an own statement about `subject` and puts it in the roll; says by which change.
    pub(crate) fn write<'a, T: Fields<'a>>(
        &mut self,
        subject: &PeerId,
        fields: &T,
    ) -> Result<u64, Full> {
        let version = self.next_version().ok_or(Full)?;
        let bytes =
            Signed::sign(&self.network, &self.keys, subject, version, fields).ok_or(Full)?;
        let statement = Signed::parse(&bytes).expect("a statement made here is well formed");
        self.put(&statement)?;
        let change = self.roll.head();
        self.durability.own_statement(change);
        Ok(change)
    }

    /// Makes this node's next announcement. It enters the roll once the node is admitted.
    pub(crate) fn announce(&mut self, fields: &Announcement<'_>) -> Result<(), Full> {
        let version = self.next_version().ok_or(Full)?;
        let own = self.own;
        let bytes = Signed::sign(&self.network, &self.keys, &own, version, fields).ok_or(Full)?;
        self.announcement = bytes;
        self.announced = version;
        if self.standing(&own).admits() {
            self.settle_own_announcement();
        }
        Ok(())
    }

    /// Announces again with another home, intent or only another version.
    pub(crate) fn announce_again(
        &mut self,
        now: Now,
        change: impl FnOnce(&mut Hint, &mut Intent),
    ) -> Result<(), Full> {
        let bytes = self.announcement.clone();
        let Some(mut fields) = Signed::parse(&bytes)
            .ok()
            .and_then(Signed::typed::<Announcement<'_>>)
            .and_then(|signed| signed.read())
        else {
            return Ok(());
        };
        change(&mut fields.home, &mut fields.intent);
        fields.issued_at = now.unix_s;
        self.announce(&fields)
    }

    /// The version of the next own statement; `None` once all are used up.
    fn next_version(&mut self) -> Option<Version> {
        let version = self.version.next().filter(|version| version.epoch <= EPOCH_MAX)?;
        if version.epoch != self.version.epoch {
            self.durability.epoch_changed();
        }
        self.version = version;
        Some(version)
    }
}
