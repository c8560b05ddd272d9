//! Why a node is seen as it is.

use core::mem::size_of;

use rollbook_core::{Explained, Fact, Version};

use crate::{
    args::{self, Plain, SizedOut},
    code::{Code, ROLLBOOK_NOTHING},
    handle::{enter, rollbook_tracker_t},
    peer_id::rollbook_peer_id_t,
    statement::kind_of,
};

/// Whether it belongs to the network: `value` is the standing.
pub const ROLLBOOK_FACT_STANDING: u8 = 1;
/// A grant, whose number is in `number`: `value` is 1 or 0.
pub const ROLLBOOK_FACT_GRANT: u8 = 2;
/// Its run, in `bytes`.
pub const ROLLBOOK_FACT_SESSION: u8 = 3;
/// The authority that it names as its home, in `bytes`; none, or one that is not configured, is
/// none.
pub const ROLLBOOK_FACT_HOME: u8 = 4;
/// Whether it means to stay: `value` is 0 for staying and 1 for leaving.
pub const ROLLBOOK_FACT_INTENT: u8 = 5;
/// The software that it runs, in `bytes`.
pub const ROLLBOOK_FACT_AGENT: u8 = 6;
/// How it is reached: a binary multiaddr in `bytes`.
pub const ROLLBOOK_FACT_ADDRESS: u8 = 7;
/// What it can do: a name in `bytes`.
pub const ROLLBOOK_FACT_CAPABILITY: u8 = 8;
/// What an authority last saw of the session in `bytes`: `number` is 1 for online, 2 for left, 3 for
/// moved; `value` is the epoch and `other` the number of the announcement that it rests on.
pub const ROLLBOOK_FACT_PRESENCE: u8 = 9;
/// When it first joined there, in unix seconds.
pub const ROLLBOOK_FACT_FIRST_JOINED: u8 = 10;
/// When it last joined there.
pub const ROLLBOOK_FACT_JOINED: u8 = 11;
/// When it last left there.
pub const ROLLBOOK_FACT_LEFT: u8 = 12;
/// For how long it was there in its ended sessions, in seconds.
pub const ROLLBOOK_FACT_UPTIME: u8 = 13;
/// Its history from before Rollbook: `value` is when it first joined, `other` for how long it was
/// here.
pub const ROLLBOOK_FACT_IMPORTED: u8 = 14;
/// What others counted about it: `number` is the counter, `value` how often, `other` when last.
pub const ROLLBOOK_FACT_TALLY: u8 = 15;
/// Something that this header does not know.
pub const ROLLBOOK_FACT_OTHER: u8 = 255;

/// A fact about a node, and the statement that it stands in.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rollbook_fact_t {
    /// What is said, by the kind of fact.
    pub value: u64,
    /// The same.
    pub other: u64,
    /// The version of the statement: of statements of one writer the greatest stands.
    pub epoch: u32,
    /// See `epoch`.
    pub seq: u32,
    /// The stamp of what was decided, 0 for what was not: of several authorities the greatest
    /// counts.
    pub stamp: u32,
    /// One of `ROLLBOOK_FACT_*`.
    pub fact: u8,
    /// The kind of statement, one of `ROLLBOOK_STATEMENT_*`.
    pub statement: u8,
    /// 1 where what an application sees has it from here.
    pub counts: u8,
    /// What is said, by the kind of fact.
    pub number: u8,
    /// Who says it.
    pub writer: rollbook_peer_id_t,
    /// How many bytes there are.
    pub size: u8,
    /// What is said, by the kind of fact.
    pub bytes: [u8; 103],
}

const _: () = assert!(size_of::<rollbook_fact_t>() == 2 * 8 + 3 * 4 + 4 + 48 + 104);

// SAFETY: it is made of integers and rows of them, without padding, as is asserted.
unsafe impl Plain for rollbook_fact_t {}

/// Reads one of the facts that are known of a node.
///
/// @param index from 0
/// @param fact_size `sizeof *fact`
/// @return `ROLLBOOK_OK`, `ROLLBOOK_NOTHING` behind the last one, `ROLLBOOK_E_NULL`,
///         `ROLLBOOK_E_PEER_ID`, `ROLLBOOK_E_UNSUPPORTED`, `ROLLBOOK_E_STATE`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_tracker_explain(
    tracker: *mut rollbook_tracker_t,
    peer: *const u8,
    peer_size: usize,
    index: u32,
    fact: *mut rollbook_fact_t,
    fact_size: usize,
) -> i32 {
    // SAFETY: the caller's pointers, as described.
    unsafe {
        enter(tracker, |node| {
            let peer = args::peer_id(peer, peer_size)?;
            let mut out = SizedOut::new(fact, fact_size)?;
            let index = usize::try_from(index).map_err(|_too_large| Code(ROLLBOOK_NOTHING))?;
            let known = node.started()?.explain(&peer).nth(index);
            out.put(&(&known.ok_or(Code(ROLLBOOK_NOTHING))?).into());
            Ok(())
        })
    }
}

impl From<&Explained<'_>> for rollbook_fact_t {
    fn from(known: &Explained<'_>) -> rollbook_fact_t {
        let said = Said::of(&known.fact);
        let mut fact = rollbook_fact_t {
            value: said.value,
            other: said.other,
            epoch: known.version.epoch,
            seq: known.version.seq,
            stamp: known.stamp.unwrap_or(0),
            fact: said.kind,
            statement: kind_of(known.kind),
            counts: u8::from(known.counts),
            number: said.number,
            writer: (&known.writer).into(),
            size: u8::try_from(said.bytes.len()).expect("what a statement holds is bounded"),
            bytes: [0; 103],
        };
        fact.bytes[..said.bytes.len()].copy_from_slice(said.bytes);
        fact
    }
}

/// What a fact says.
#[derive(Default)]
struct Said<'a> {
    kind: u8,
    number: u8,
    value: u64,
    other: u64,
    bytes: &'a [u8],
}

impl<'a> Said<'a> {
    fn of(fact: &'a Fact<'_>) -> Said<'a> {
        let of = |kind: u8| Said { kind, ..Said::default() };
        let value = |kind: u8, value: u64| Said { value, ..of(kind) };
        let bytes = |kind: u8, bytes: &'a [u8]| Said { bytes, ..of(kind) };
        match fact {
            Fact::Standing(standing) => value(ROLLBOOK_FACT_STANDING, standing.0.into()),
            Fact::Grant(grant, granted) => {
                Said { number: grant.register().0, ..value(ROLLBOOK_FACT_GRANT, (*granted).into()) }
            }
            Fact::Session(session) => bytes(ROLLBOOK_FACT_SESSION, &session.0),
            Fact::Home(home) => {
                bytes(ROLLBOOK_FACT_HOME, home.as_ref().map_or(&[], |home| home.as_bytes()))
            }
            Fact::Intent(intent) => value(ROLLBOOK_FACT_INTENT, intent.0.into()),
            Fact::Agent(agent) => bytes(ROLLBOOK_FACT_AGENT, agent.as_bytes()),
            Fact::Address(address) => bytes(ROLLBOOK_FACT_ADDRESS, address),
            Fact::Capability(name) => bytes(ROLLBOOK_FACT_CAPABILITY, name.as_bytes()),
            Fact::Presence(state, session, Version { epoch, seq }) => Said {
                number: state.0,
                value: (*epoch).into(),
                other: (*seq).into(),
                ..bytes(ROLLBOOK_FACT_PRESENCE, &session.0)
            },
            Fact::FirstJoined(time) => value(ROLLBOOK_FACT_FIRST_JOINED, *time),
            Fact::Joined(time) => value(ROLLBOOK_FACT_JOINED, *time),
            Fact::Left(time) => value(ROLLBOOK_FACT_LEFT, *time),
            Fact::Uptime(seconds) => value(ROLLBOOK_FACT_UPTIME, *seconds),
            Fact::Imported(history) => Said {
                other: history.uptime,
                ..value(ROLLBOOK_FACT_IMPORTED, history.first_joined)
            },
            Fact::Tally(tally) => Said {
                number: tally.counter,
                other: tally.last,
                ..value(ROLLBOOK_FACT_TALLY, tally.count)
            },
            _ => of(ROLLBOOK_FACT_OTHER),
        }
    }
}
