//! All statements about one node, and how two such sets become one.
//!
//! `NodeData` is a product of slots, one per kind and writer, and each slot has one writer. It is
//! held as one row of bytes, the statements as they were signed but for the subject (see `record`),
//! sorted by slot. Each has a change number beside it, which is this replica's own (see `roll`): it
//! is no part of what replicas agree on.
//!
//! Invariants:
//! - every statement is well formed, about this subject, and in a slot of its own;
//! - slots are in order of kind, then writer;
//! - a slot's rank (version, then payload) never falls.

use core::{cmp::Ordering, ops::Range};

use crate::{
    peer_id::{Hint, PeerId},
    record::Record,
    statement::{Announcement, Any, Decision, Fields, Kind, Presence, Signed},
    storage::{Buffer, Full},
    version::Version,
};

/// All statements about one node: at most one announcement, and at most one decision and one
/// presence per authority.
#[derive(Clone, Debug)]
pub struct NodeData<B> {
    subject: PeerId,
    bytes: B,
}

/// How an offered statement stands to the one in its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// The slot is empty.
    New,
    /// Of a greater version.
    Newer,
    /// The very statement that the slot holds.
    Same,
    /// Of a smaller version.
    Older,
    /// Of the same version with another payload: its writer contradicts itself. The greater
    /// payload stands, on every replica.
    Equivocation {
        /// Whether the offered one is the greater.
        wins: bool,
    },
}

impl Offer {
    /// Whether taking the statement in would change the slot.
    pub fn advances(self) -> bool {
        matches!(self, Offer::New | Offer::Newer | Offer::Equivocation { wins: true })
    }
}

/// A statement in its place.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// When this replica took it in, as a number in its sequence of changes.
    pub changed: u64,
    /// The statement.
    pub statement: Signed<'a, Any>,
}

impl<B: Buffer> NodeData<B> {
    /// Nothing about `subject` yet.
    pub fn new(subject: PeerId) -> NodeData<B> {
        NodeData { subject, bytes: B::default() }
    }

    /// The node that this is about.
    pub fn subject(&self) -> &PeerId {
        &self.subject
    }

    /// Whether there is no statement.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How `statement` stands to the one in its slot. Nothing is verified for that: only what
    /// advances the slot is worth a signature check.
    #[must_use]
    pub fn offer(&self, statement: &Signed<'_, Any>) -> Offer {
        debug_assert_eq!(statement.subject_bytes(), self.subject.as_bytes());
        let slot = (statement.kind(), statement.writer());
        let Some((_, record)) = self.records().find(|(_, record)| record.slot() == slot) else {
            return Offer::New;
        };
        // What is offered is mostly known.
        if statement.body() == record.body() {
            return Offer::Same;
        }
        match statement.version().cmp(&record.statement(&self.subject).version()) {
            Ordering::Greater => Offer::Newer,
            Ordering::Less => Offer::Older,
            Ordering::Equal => Offer::Equivocation { wins: statement.body() > record.body() },
        }
    }

    /// Puts `statement` in its slot if it [advances](Offer::advances) it, as change number
    /// `changed`. Says how it stood.
    pub fn put(&mut self, statement: &Signed<'_, Any>, changed: u64) -> Result<Offer, Full> {
        assert_eq!(statement.subject_bytes(), self.subject.as_bytes(), "it is about this node");
        let offer = self.offer(statement);
        if !offer.advances() {
            return Ok(offer);
        }
        debug_assert!(
            self.find((statement.kind(), statement.writer()))
                .is_none_or(|held| statement.rank() > held.rank())
        );
        let place = self.place(statement);
        let record = Record::encode(statement, changed);
        self.bytes.splice(place.start, place.len(), &record)?;
        Ok(offer)
    }

    /// Puts a signature in the place of the one that was still to be made, of the statement in
    /// `version` by this node's holder. It takes no more room.
    pub(crate) fn put_signature(&mut self, version: Version, signature: &[u8]) {
        let found = self.records().find_map(|(place, record)| {
            let statement = record.statement(&self.subject);
            let is_meant = statement.version() == version && statement.is_unsigned();
            is_meant.then(|| {
                (place, Record::encode(&statement.with_signature(signature), record.changed))
            })
        });
        if let Some((place, record)) = found {
            let put = self.bytes.splice(place.start, place.len(), &record);
            put.expect("a signature has at most the size of what stood for it");
        }
    }

    /// The statement in `version` whose signature is still to be made.
    pub(crate) fn unsigned(&self, version: Version) -> Option<Signed<'_, Any>> {
        let mut statements = self.statements().map(|held| held.statement);
        statements.find(|statement| statement.version() == version && statement.is_unsigned())
    }

    /// How many more bytes of statements find room.
    pub(crate) fn room(&self) -> usize {
        self.bytes.capacity_max() - self.bytes.len()
    }

    /// Whether all of `statements`, each of another slot, can be put in one after the other.
    pub(crate) fn has_room_for(&self, statements: &[Signed<'_, Any>]) -> bool {
        let mut size = self.bytes.len();
        statements.iter().all(|statement| {
            size = size - self.place(statement).len() + Record::size(statement);
            size <= self.bytes.capacity_max()
        })
    }

    /// Takes the greater statement slot by slot: commutative, associative, idempotent, and no
    /// slot's rank falls. Says whether anything changed.
    pub fn merge(&mut self, other: &NodeData<impl Buffer>) -> Result<bool, Full> {
        let mut changed = false;
        for held in other.statements() {
            changed |= self.put(&held.statement, held.changed)?.advances();
        }
        Ok(changed)
    }

    /// Drops what the fold has no use for: the announcement of a node whose standing does not
    /// admit it. So nothing old can bring it back. Says whether anything was dropped.
    pub fn normalise(&mut self, admitted: bool) -> bool {
        if admitted {
            return false;
        }
        let places = self.records().find(|(_, record)| record.kind == Kind::Announcement);
        let Some((place, _)) = places else { return false };
        self.bytes.splice(place.start, place.len(), &[]).expect("removing bytes needs no room");
        true
    }

    /// Drops the statements that `keeps` does not want. Says whether there were any.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&Signed<'_, Any>) -> bool) -> bool {
        let mut dropped = false;
        loop {
            let unwanted = |record: &Record<'_>| !keeps(&record.statement(&self.subject));
            let found = self.records().find(|(_, record)| unwanted(record)).map(|(place, _)| place);
            let Some(place) = found else { return dropped };
            let removed = self.bytes.splice(place.start, place.len(), &[]);
            removed.expect("removing bytes needs no room");
            dropped = true;
        }
    }

    /// The statements in slot order.
    pub fn statements(&self) -> impl Iterator<Item = Held<'_>> {
        self.records().map(|(_, record)| Held {
            changed: record.changed,
            statement: record.statement(&self.subject),
        })
    }

    /// What the node says of itself.
    pub fn announcement(&self) -> Option<Signed<'_, Announcement<'_>>> {
        let mut records = self.records().map(|(_, record)| record);
        let record = records.find(|record| record.kind == Kind::Announcement)?;
        record.statement(&self.subject).typed()
    }

    /// What `writer` decided.
    pub fn decision(&self, writer: Hint) -> Option<Signed<'_, Decision>> {
        self.slot(writer)
    }

    /// What `writer` observed.
    pub fn presence(&self, writer: Hint) -> Option<Signed<'_, Presence>> {
        self.slot(writer)
    }

    /// The decisions of all writers.
    pub fn decisions(&self) -> impl Iterator<Item = Signed<'_, Decision>> {
        self.statements().filter_map(|held| held.statement.typed())
    }

    /// The presences of all writers.
    pub fn presences(&self) -> impl Iterator<Item = Signed<'_, Presence>> {
        self.statements().filter_map(|held| held.statement.typed())
    }

    fn slot<'a, T: Fields<'a>>(&'a self, writer: Hint) -> Option<Signed<'a, T>> {
        self.find((T::KIND, writer))?.typed()
    }

    fn find(&self, slot: (Kind, Hint)) -> Option<Signed<'_, Any>> {
        let mut records = self.records().map(|(_, record)| record);
        Some(records.find(|record| record.slot() == slot)?.statement(&self.subject))
    }

    /// Where `statement` belongs: what its slot takes up, or nothing between two others.
    fn place(&self, statement: &Signed<'_, Any>) -> Range<usize> {
        let slot = (statement.kind(), statement.writer());
        match self.records().find(|(_, record)| record.slot() >= slot) {
            Some((place, record)) if record.slot() == slot => place,
            Some((place, _)) => place.start..place.start,
            None => self.bytes.len()..self.bytes.len(),
        }
    }

    /// Each record with the place of its bytes.
    fn records(&self) -> impl Iterator<Item = (Range<usize>, Record<'_>)> {
        let mut start = 0;
        core::iter::from_fn(move || {
            let rest = &self.bytes[start..];
            if rest.is_empty() {
                return None;
            }
            let (record, after) = Record::take(rest).expect("only whole records are put in");
            let place = start..self.bytes.len() - after.len();
            start = place.end;
            Some((place, record))
        })
    }
}

impl<A: Buffer, B: Buffer> PartialEq<NodeData<B>> for NodeData<A> {
    /// Same subject and same payloads: what replicas agree on. Signatures and change numbers are
    /// no part of it.
    fn eq(&self, other: &NodeData<B>) -> bool {
        self.subject == other.subject
            && self
                .statements()
                .map(|held| held.statement.payload())
                .eq(other.statements().map(|held| held.statement.payload()))
    }
}
