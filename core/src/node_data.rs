//! All statements about one node, and how two such sets become one.
//!
//! `NodeData` is a product of slots, one per kind and writer, and each slot has one writer. It is
//! held as one row of bytes, the statements as they were signed, sorted by slot:
//!
//! ```text
//! ( change number, 8 bytes little-endian | statement as on the wire )*
//! ```
//!
//! The change number is this replica's own (see `roll`): it is no part of what replicas agree on.
//!
//! Invariants:
//! - every statement is well formed, about this subject, and in a slot of its own;
//! - slots are in order of kind, then writer;
//! - a slot's rank (version, then payload) never falls.

use core::cmp::Ordering;

use crate::{
    limits::STATEMENT_SIZE_MAX,
    peer_id::{Hint, PeerId},
    statement::{Announcement, Any, Decision, Fields, Kind, Presence, Signed},
    storage::{Buffer, Full},
};

const CHANGE_SIZE: usize = size_of::<u64>();

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
        let Some((_, _, held)) = self.find(statement.kind(), statement.writer()) else {
            return Offer::New;
        };
        match statement.version().cmp(&held.statement.version()) {
            Ordering::Greater => Offer::Newer,
            Ordering::Less => Offer::Older,
            Ordering::Equal => match statement.payload().cmp(held.statement.payload()) {
                Ordering::Equal => Offer::Same,
                difference => Offer::Equivocation { wins: difference == Ordering::Greater },
            },
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
        let (start, removed) = match self.find(statement.kind(), statement.writer()) {
            Some((start, size, held)) => {
                debug_assert!(statement.rank() > held.statement.rank());
                (start, size)
            }
            None => (self.place_of(statement.kind(), statement.writer()), 0),
        };
        let mut record = heapless::Vec::<u8, { CHANGE_SIZE + STATEMENT_SIZE_MAX }>::new();
        record.extend_from_slice(&changed.to_le_bytes()).map_err(|_too_long| Full)?;
        record.extend_from_slice(statement.wire()).map_err(|_too_long| Full)?;
        self.bytes.splice(start, removed, &record)?;
        Ok(offer)
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
        let Some((start, size, _)) = self.find_kind(Kind::Announcement) else {
            return false;
        };
        self.bytes.splice(start, size, &[]).expect("removing bytes needs no room");
        true
    }

    /// The statements in slot order.
    pub fn statements(&self) -> impl Iterator<Item = Held<'_>> {
        self.places().map(|(_, _, held)| held)
    }

    /// What the node says of itself.
    pub fn announcement(&self) -> Option<Signed<'_, Announcement<'_>>> {
        self.find_kind(Kind::Announcement)?.2.statement.typed()
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
        self.find(T::KIND, writer)?.2.statement.typed()
    }

    fn find_kind(&self, kind: Kind) -> Option<(usize, usize, Held<'_>)> {
        self.places().find(|(_, _, held)| held.statement.kind() == kind)
    }

    fn find(&self, kind: Kind, writer: Hint) -> Option<(usize, usize, Held<'_>)> {
        self.places()
            .find(|(_, _, held)| held.statement.kind() == kind && held.statement.writer() == writer)
    }

    /// Where a statement of an empty slot belongs.
    fn place_of(&self, kind: Kind, writer: Hint) -> usize {
        self.places()
            .find(|(_, _, held)| (held.statement.kind(), held.statement.writer()) > (kind, writer))
            .map_or(self.bytes.len(), |(start, _, _)| start)
    }

    /// Each statement with the place and size of its bytes.
    fn places(&self) -> impl Iterator<Item = (usize, usize, Held<'_>)> {
        let mut start = 0;
        core::iter::from_fn(move || {
            let (number, rest) = self.bytes[start..].split_first_chunk::<CHANGE_SIZE>()?;
            let (statement, after) =
                Signed::take_unchecked(rest).expect("only well-formed statements are put in");
            let place = start;
            start = self.bytes.len() - after.len();
            let held = Held { changed: u64::from_le_bytes(*number), statement };
            Some((place, start - place, held))
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
