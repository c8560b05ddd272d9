//! The messages between nodes. Each begins with a format byte; then postcard, bounded.
//!
//! Statements travel as they were signed, one after the other, in a field of bytes.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::{
    limits::{AUTHORITIES_MAX, OBSERVATIONS_MAX},
    peer_id::Hint,
    roll::Root,
    statement::{Any, Session, Signed, StatementError},
    version::Version,
};

/// The first byte of every message.
pub const FORMAT: u8 = 1;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageError {
    /// Empty, or of a format that this version does not know.
    Format,
    /// Larger than its kind may be.
    Size,
    /// Cut short or not of its form.
    Malformed,
}

impl core::fmt::Display for MessageError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            MessageError::Format => "message of an unknown format",
            MessageError::Size => "message over its size bound",
            MessageError::Malformed => "malformed message",
        })
    }
}

impl core::error::Error for MessageError {}

/// What a replica says of itself in every exchange. Equal roots mean equal rolls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// How many nodes it holds.
    pub count: u32,
    /// The digest of all payloads that it holds.
    pub root: Root,
    /// A hash of the sorted peer ids of its authorities.
    pub authorities: [u8; 8],
    /// What it is, as bits: see [`Flags`].
    pub flags: Flags,
    /// The authorities that it heard directly within one lease window.
    pub in_touch: Vec<Hint, AUTHORITIES_MAX>,
}

/// What a replica is. Unknown bits mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flags(pub u16);

impl Flags {
    /// It is one of its own configured authorities.
    pub const AUTHORITY: Flags = Flags(1);
    /// An authority that lost its journal and signs nothing yet.
    pub const RECOVERING: Flags = Flags(1 << 1);
    /// It does not hold every node: its root says nothing.
    pub const PARTIAL: Flags = Flags(1 << 2);
    /// It answers range reconciliation.
    pub const RECONCILES: Flags = Flags(1 << 3);

    /// Whether all bits of `other` are set.
    pub fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets of bits.
    #[must_use]
    pub fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// A place in the sequence of changes of one run of a replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Drawn anew at each start; a cursor of another run means "from the beginning".
    pub incarnation: [u8; 8],
    /// Up to which change everything was read.
    pub since: u64,
    /// How far the reader has come from there.
    pub after: u64,
}

/// A member asks its home to go on knowing that it is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// The session that is here.
    pub session: Session,
    /// The version of its newest announcement.
    pub announced: Version,
}

/// What an observer counted about others since its last batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservationBatch<'a> {
    /// The observer's session.
    pub session: Session,
    /// The batch's number in that session at that authority, from 1.
    pub number: u32,
    /// What was counted.
    #[serde(borrow)]
    pub observations: Vec<Observation<'a>, OBSERVATIONS_MAX>,
}

/// One counter of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation<'a> {
    /// The peer id of the node.
    pub subject: &'a [u8],
    /// Which counter.
    pub counter: u8,
    /// By how much it grew.
    pub count: u32,
    /// When it last grew, in unix seconds.
    pub last: u64,
}

/// What a replica asks of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// "Changes of yours since my cursor, and here is what changed about me."
    #[serde(borrow)]
    Sync(SyncRequest<'a>),
}

/// The request for changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRequest<'a> {
    /// What the asking replica holds.
    pub hello: Hello,
    /// Where it stopped reading the answering one.
    pub cursor: Cursor,
    /// The most bytes of statements that it takes at once.
    pub size_max: u32,
    /// To its home only.
    pub renew: Option<Renew>,
    /// To its home only.
    #[serde(borrow)]
    pub observations: Option<ObservationBatch<'a>>,
    /// Its own announcement, until that is acknowledged.
    pub statements: &'a [u8],
}

/// What a replica answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response<'a> {
    /// To [`Request::Sync`].
    #[serde(borrow)]
    Sync(SyncResponse<'a>),
}

/// The answer with changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncResponse<'a> {
    /// What the answering replica holds.
    pub hello: Hello,
    /// Where to go on. Where that is the end, `since` equals `after`.
    pub cursor: Cursor,
    /// What became of the renewal.
    pub lease: LeaseAnswer,
    /// How long the lease lasts from now, in milliseconds.
    pub lease_ms: u32,
    /// The version of the asking node's announcement that the answering one holds.
    pub acknowledged: Version,
    /// The last observation batch of this session that is counted.
    pub observed: u32,
    /// What changed.
    pub statements: &'a [u8],
}

/// What became of a renewal. Unknown codes read as [`LeaseAnswer::NONE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseAnswer(pub u8);

impl LeaseAnswer {
    /// None was asked for, or the replica is no authority.
    pub const NONE: LeaseAnswer = LeaseAnswer(0);
    /// The authority knows that the session is here.
    pub const GRANTED: LeaseAnswer = LeaseAnswer(1);
    /// The node waits for an operator to admit it.
    pub const PENDING: LeaseAnswer = LeaseAnswer(2);
    /// The node is removed or banned.
    pub const REFUSED: LeaseAnswer = LeaseAnswer(3);
    /// The authority has lost its journal and signs nothing yet.
    pub const RECOVERING: LeaseAnswer = LeaseAnswer(4);
    /// The authority has no room for another node.
    pub const FULL: LeaseAnswer = LeaseAnswer(5);
}

/// Writes `message` after the format byte. `None` if `out` is too small.
pub fn encode<T: Serialize>(message: &T, out: &mut [u8]) -> Option<usize> {
    let (format, body) = out.split_first_mut()?;
    *format = FORMAT;
    Some(1 + postcard::to_slice(message, body).ok()?.len())
}

/// Reads a message of at most `size_max` bytes.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], size_max: usize) -> Result<T, MessageError> {
    if bytes.len() > size_max {
        return Err(MessageError::Size);
    }
    let [FORMAT, body @ ..] = bytes else {
        return Err(MessageError::Format);
    };
    postcard::from_bytes(body).map_err(|_malformed| MessageError::Malformed)
}

/// Reads statements that stand one after the other. One of an unknown kind is an error of its own,
/// after which the others follow; where the bytes cannot be split any further it ends.
pub fn statements(bytes: &[u8]) -> impl Iterator<Item = Result<Signed<'_, Any>, StatementError>> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        match Signed::split(rest) {
            Ok((statement, after)) => {
                rest = after;
                Some(Signed::parse(statement))
            }
            Err(error) => {
                rest = &[];
                Some(Err(error))
            }
        }
    })
}

/// Collects statements up to a size: refuses what would exceed it.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    bytes: &'a mut [u8],
    used: usize,
}

impl<'a> Page<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Page<'a> {
        Page { bytes, used: 0 }
    }

    /// Appends `statement`; `false`, with nothing changed, if it does not fit.
    #[must_use]
    pub(crate) fn push(&mut self, statement: &[u8]) -> bool {
        match self.bytes.get_mut(self.used..self.used + statement.len()) {
            Some(place) => {
                place.copy_from_slice(statement);
                self.used += statement.len();
                true
            }
            None => false,
        }
    }

    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Takes back what was pushed after `used`.
    pub(crate) fn truncate(&mut self, used: usize) {
        debug_assert!(used <= self.used);
        self.used = used;
    }
}
