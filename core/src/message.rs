//! The messages between nodes. Each begins with a format byte; then postcard, bounded.
//!
//! Statements travel as they were signed, one after the other, in a field of bytes.

use core::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    limits::OBSERVATIONS_MAX,
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
    /// There is more in it to check than its sender has left after what it wasted.
    OverBudget,
}

impl core::fmt::Display for MessageError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            MessageError::Format => "message of an unknown format",
            MessageError::Size => "message over its size bound",
            MessageError::Malformed => "malformed message",
            MessageError::OverBudget => "message of a sender that wasted too many signature checks",
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
    /// The authorities that it heard directly within one lease window, one bit each, the lowest for
    /// the first of the sorted peer ids. Means something only to who has the same authorities.
    pub in_touch: u8,
    /// The largest message that it takes, in bytes.
    pub size_max: u32,
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
#[serde(from = "CursorOnWire", into = "CursorOnWire")]
pub struct Cursor {
    /// Drawn anew at each start; a cursor of another run means "from the beginning".
    pub incarnation: [u8; 4],
    /// Up to which change everything was read.
    pub since: u64,
    /// How far the reader has come from there.
    pub after: u64,
}

/// A cursor as it travels. Whoever has read everything is at one place, which is said once: that is
/// what a renewal says.
#[derive(Serialize, Deserialize)]
struct CursorOnWire {
    incarnation: [u8; 4],
    since: u64,
    /// How much further `after` is. It wraps around, so that any two numbers can be said: what
    /// makes no sense is told from what does where it is read.
    ahead: u64,
}

impl From<Cursor> for CursorOnWire {
    fn from(cursor: Cursor) -> CursorOnWire {
        let Cursor { incarnation, since, after } = cursor;
        CursorOnWire { incarnation, since, ahead: after.wrapping_sub(since) }
    }
}

impl From<CursorOnWire> for Cursor {
    fn from(read: CursorOnWire) -> Cursor {
        let CursorOnWire { incarnation, since, ahead } = read;
        Cursor { incarnation, since, after: since.wrapping_add(ahead) }
    }
}

/// A member asks its home to go on knowing that it is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// The session that is here.
    pub session: Session,
}

/// What an observer counted about others since its last batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservationBatch<'a> {
    /// The observer's session.
    pub session: Session,
    /// The batch's number in that session at that authority, from 1.
    pub number: u32,
    /// What was counted: [`Observation`]s one after the other.
    pub observations: &'a [u8],
}

impl<'a> ObservationBatch<'a> {
    /// What was counted. More observations than are allowed are malformed.
    pub fn iter(&self) -> impl Iterator<Item = Result<Observation<'a>, MessageError>> {
        each(self.observations).enumerate().map(|(index, observation)| {
            if index < OBSERVATIONS_MAX { observation } else { Err(MessageError::Malformed) }
        })
    }
}

/// One counter of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// "Where do our rolls differ?" Only to who [reconciles](Flags::RECONCILES).
    Walk(WalkRequest<'a>),
}

/// The request for changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRequest<'a> {
    /// What the asking replica holds.
    pub hello: Hello,
    /// Where it stopped reading the answering one.
    pub cursor: Cursor,
    /// To its home only.
    pub renew: Option<Renew>,
    /// To its home only.
    #[serde(borrow)]
    pub observations: Option<ObservationBatch<'a>>,
    /// Its own announcement, until that is acknowledged.
    pub statements: &'a [u8],
}

/// The request to compare two rolls range by range: one step of a walk. What its parts are is said
/// in `docs/protocol.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkRequest<'a> {
    /// Which step it is, counted over all walks; it begins again after 255.
    pub step: u8,
    /// Of the hashes in this walk, in all its steps.
    pub salt: [u8; 16],
    /// How much the answer may give to remember.
    pub credit: u16,
    /// The asking replica's authorities, where the answering one's are others: then the walk is over
    /// the decisions and presences of those that both list. Sorted peer ids, each after its size.
    pub authorities: &'a [u8],
    /// Questions about ranges, and statements that the answering replica lacks.
    pub parts: &'a [u8],
}

/// What a replica answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response<'a> {
    /// To [`Request::Sync`].
    #[serde(borrow)]
    Sync(SyncResponse<'a>),
    /// To [`Request::Walk`].
    Walk(WalkResponse<'a>),
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
    /// The version of the asking node's announcement that the answering one holds.
    pub acknowledged: Version,
    /// The last observation batch of this session that is counted.
    pub observed: u32,
    /// The answering replica's authorities, where the asking one's are others: sorted peer ids, each
    /// after its size.
    pub authorities: &'a [u8],
    /// What changed.
    pub statements: &'a [u8],
}

/// The answer to one step of a walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkResponse<'a> {
    /// Of the request.
    pub step: u8,
    /// What the answering replica holds, now that it took in the statements of the request.
    pub hello: Hello,
    /// Up to which of its changes it shows: where the roots are equal, the asking replica has read
    /// as far.
    pub shown: u64,
    /// Where the answer stops short: how many questions are answered, and up to which child of the
    /// range the next one is. None where all are.
    pub resume: Option<(u16, u8)>,
    /// Answers, and statements that the asking replica lacks.
    pub parts: &'a [u8],
}

/// What became of a renewal. Unknown codes read as [`LeaseAnswer::NONE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseAnswer(pub u8);

impl LeaseAnswer {
    /// None was asked for, or the replica is no authority.
    pub const NONE: LeaseAnswer = LeaseAnswer(0);
    /// The authority knows that the session is here.
    pub const GRANTED: LeaseAnswer = LeaseAnswer(1);
    /// The node waits: for an operator to admit it, or for its turn where many come at once.
    pub const PENDING: LeaseAnswer = LeaseAnswer(2);
    /// The node is removed or banned.
    pub const REFUSED: LeaseAnswer = LeaseAnswer(3);
    /// The authority has lost its journal and signs nothing yet.
    pub const RECOVERING: LeaseAnswer = LeaseAnswer(4);
    /// The authority has no place for another node, or for another from its part of the network; or
    /// its announcement is not held there and has to be sent along.
    pub const FULL: LeaseAnswer = LeaseAnswer(5);
}

/// Writes `observation` to the front of `out`. `None` if that is too small.
pub fn encode_observation(observation: &Observation<'_>, out: &mut [u8]) -> Option<usize> {
    Some(postcard::to_slice(observation, out).ok()?.len())
}

/// What an authority counted in one counter of one node in all: in its journal, as an
/// [`Observation`] with a longer count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total<'a> {
    /// The peer id of the node.
    pub subject: &'a [u8],
    /// Which counter.
    pub counter: u8,
    /// How often.
    pub count: u64,
    /// When last, in unix seconds.
    pub last: u64,
}

/// Writes `total` to the front of `out`. `None` if that is too small.
pub fn encode_total(total: &Total<'_>, out: &mut [u8]) -> Option<usize> {
    Some(postcard::to_slice(total, out).ok()?.len())
}

/// Reads totals that stand one after the other.
pub fn totals(bytes: &[u8]) -> impl Iterator<Item = Result<Total<'_>, MessageError>> {
    each(bytes)
}

/// Reads what stands one after the other; ends behind what cannot be read.
fn each<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> impl Iterator<Item = Result<T, MessageError>> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (read, after) = match postcard::take_from_bytes(rest) {
            Ok((read, after)) => (Ok(read), after),
            Err(_malformed) => (Err(MessageError::Malformed), &[][..]),
        };
        rest = after;
        Some(read)
    })
}

/// Writes `message` after the format byte. `None` if `out` is too small.
pub fn encode<T: Serialize>(message: &T, out: &mut [u8]) -> Option<usize> {
    let (format, body) = out.split_first_mut()?;
    *format = FORMAT;
    Some(1 + postcard::to_slice(message, body).ok()?.len())
}

/// Bytes of a request or response that its last field does not take, nor a list of authorities.
pub(crate) const HEADER_SIZE_MAX: usize = 128;

/// Writes a message whose last field is bytes that stand in `out` already, at `body`. `head` is the
/// message with that field empty.
pub(crate) fn encode_around(
    head: &impl Serialize,
    body: Range<usize>,
    out: &mut [u8],
) -> Option<usize> {
    let (header, _) = out.split_at_mut_checked(body.start)?;
    // Without the size of the empty field.
    let head_size = encode(head, header)? - 1;
    let size = u32::try_from(body.len()).ok()?;
    let size_size = postcard::to_slice(&size, &mut header[head_size..]).ok()?.len();
    let start = head_size + size_size;
    let end = start + body.len();
    out.copy_within(body, start);
    Some(end)
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

/// As [`statements`], but whether the subjects are peer ids and the fields can be read is left open
/// ([`Signed::check`]): of most statements nothing else is needed than what tells that they are
/// known.
pub(crate) fn offered(
    bytes: &[u8],
) -> impl Iterator<Item = Result<Signed<'_, Any>, StatementError>> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let taken = match Signed::take(rest) {
            // What follows it is read.
            Err(StatementError::UnknownKind) => Signed::split(rest).and_then(|(_, after)| {
                rest = after;
                Err(StatementError::UnknownKind)
            }),
            Ok((statement, after)) => {
                rest = after;
                Ok(statement)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = taken
            && error != StatementError::UnknownKind
        {
            rest = &[];
        }
        Some(taken)
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
