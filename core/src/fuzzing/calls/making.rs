//! Statements and messages made of a fuzzer's choices: signed by the keys that are known, so that
//! they are believed, and seldom bent.

use std::{vec, vec::Vec};

use super::World;
use crate::{
    Authorities, Counted, Imported, MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE, PeerId, Session,
    Version,
    fuzzing::{
        bytes::Bytes,
        parts::some_parts,
        rig::{self, ACTOR_COUNT, actors},
    },
    limits::{ADDRESSES_MAX, CAPABILITIES_MAX, EXTRA_SIZE_MAX, REGISTERS_MAX},
    message::{
        self, Cursor, Flags, Hello, LeaseAnswer, ObservationBatch, Renew, Request, Response,
        SyncRequest, SyncResponse, WalkRequest, WalkResponse,
    },
    peer_id::Hint,
    statement::{
        Announcement, Decision, Intent, Kind, Presence, PresenceState, Register, RegisterId,
        Signed, Tally,
    },
    storage::Storage,
};

/// Words that announcements are made of.
const WORDS: [&str; 6] =
    ["worker", "a", "ü", "scraper", "", "a-name-of-more-than-thirty-two-bytes"];
/// Addresses that announcements are made of: two that are well formed, two that are not.
const ADDRESSES: [&[u8]; 4] =
    [&[4, 10, 0, 0, 1, 6, 0x1d, 0xe7], &[4, 127, 0, 0, 1, 0x91, 2, 0, 9], &[4, 1], &[0xff; 96]];

/// One of the nodes with keys, or seldom any peer id at all.
pub(super) fn peer(bytes: &mut Bytes<'_>) -> PeerId {
    if !bytes.seldom() {
        return actors()[bytes.below(ACTOR_COUNT)].peer_id;
    }
    // A hashed key, of which there are many.
    let mut multihash = [0; 34];
    multihash[..2].copy_from_slice(&[0x12, 0x20]);
    multihash[33] = bytes.byte();
    PeerId::from_bytes(&multihash).expect("the form of a hashed key")
}

pub(super) fn session(bytes: &mut Bytes<'_>) -> Session {
    Session([bytes.byte() % 3; 4])
}

pub(super) fn hint(bytes: &mut Bytes<'_>) -> Hint {
    match bytes.below(5) {
        0 => Hint::NONE,
        1 => Hint(bytes.array()),
        2 => actors()[1].hint,
        _ => actors()[0].hint,
    }
}

pub(super) fn words<'a, const N: usize>(
    bytes: &mut Bytes<'_>,
    words: &[&'a str],
) -> heapless::Vec<&'a str, N> {
    (0..bytes.below(N.min(4))).map(|_| words[bytes.below(words.len())]).collect()
}

pub(super) fn addresses(bytes: &mut Bytes<'_>) -> heapless::Vec<&'static [u8], ADDRESSES_MAX> {
    (0..bytes.below(ADDRESSES_MAX)).map(|_| ADDRESSES[bytes.below(ADDRESSES.len())]).collect()
}

pub(super) fn imported(bytes: &mut Bytes<'_>) -> Imported {
    let mut counted = || Counted { count: bytes.u64(), last: bytes.u64() };
    let counted = [counted(), counted(), counted()];
    Imported { first_joined: bytes.u64(), uptime: bytes.u64(), counted }
}

impl<S: Storage> World<S> {
    /// Some statements, one after the other.
    pub(super) fn statements(&mut self, bytes: &mut Bytes<'_>, size_max: usize) -> Vec<u8> {
        let mut all = Vec::new();
        for _ in 0..=bytes.below(4) {
            let statement = self.statement(bytes);
            if all.len() + statement.len() <= size_max {
                all.extend(statement);
            }
        }
        all
    }

    fn statement(&mut self, bytes: &mut Bytes<'_>) -> Vec<u8> {
        let kind = [Kind::Announcement, Kind::Decision, Kind::Presence][bytes.below(3)];
        // Others than authorities decide nothing.
        let writers = if kind == Kind::Announcement || bytes.seldom() { ACTOR_COUNT } else { 2 };
        let writer = &actors()[bytes.below(writers)];
        let subject = if kind == Kind::Announcement { writer.peer_id } else { peer(bytes) };
        let version = self.version(bytes, kind, writer.hint, &subject);
        let network = rig::network();
        let signed = match kind {
            Kind::Announcement => {
                let said = self.announcement(bytes);
                Signed::sign(&network, &writer.keys, &subject, version, &said)
            }
            Kind::Decision => {
                Signed::sign(&network, &writer.keys, &subject, version, &decision(bytes))
            }
            Kind::Presence => {
                Signed::sign(&network, &writer.keys, &subject, version, &presence(bytes))
            }
        };
        // What is too large for a payload cannot be signed.
        let mut wire = signed.map(|signed| signed.to_vec()).unwrap_or_default();
        if bytes.seldom() && !wire.is_empty() {
            let place = usize::from(u16::from_le_bytes(bytes.array())) % wire.len();
            wire[place] ^= bytes.byte() | 1;
        } else if let Ok(statement) = Signed::parse(&wire) {
            self.made_elsewhere.insert(statement.payload().to_bytes().to_vec());
        }
        wire
    }

    /// Small versions, those at the edges, and those around what is held already.
    fn version(
        &self,
        bytes: &mut Bytes<'_>,
        kind: Kind,
        writer: Hint,
        subject: &PeerId,
    ) -> Version {
        let held = self.held.get(&(*subject, kind, writer)).map(|(version, _)| *version);
        match (bytes.below(5), held) {
            (0, _) => Version { epoch: bytes.u32(), seq: bytes.u32() },
            (1, _) => self.tracker.announced(),
            (2, Some(held)) => held,
            (3, Some(held)) => held.next().unwrap_or(held),
            _ => Version { epoch: u32::from(bytes.byte()), seq: u32::from(bytes.byte()) },
        }
    }

    fn announcement<'a>(&self, bytes: &mut Bytes<'a>) -> Announcement<'a> {
        Announcement {
            session: if bytes.seldom() { self.tracker.session() } else { session(bytes) },
            home: hint(bytes),
            intent: Intent(if bytes.seldom() { bytes.byte() } else { 0 }),
            issued_at: bytes.u64(),
            addresses: addresses(bytes),
            agent: WORDS[bytes.below(WORDS.len())],
            capabilities: words::<CAPABILITIES_MAX>(bytes, &WORDS),
            extra: bytes.take_up_to(EXTRA_SIZE_MAX + 1),
        }
    }

    pub(super) fn gossip_message(&mut self, bytes: &mut Bytes<'_>) -> Vec<u8> {
        let statements = self.statements(bytes, MAX_GOSSIP - 1);
        [&[message::FORMAT][..], &statements].concat()
    }

    /// The authorities that a sender lists: their hash, and what goes along where they are others
    /// than here.
    fn list(&self, bytes: &mut Bytes<'_>) -> ([u8; 8], Vec<u8>) {
        if !bytes.seldom() {
            return (self.config.authorities.set_hash(), vec![]);
        }
        let mut peers: Vec<PeerId> =
            (0..=bytes.below(4)).map(|_| actors()[bytes.below(ACTOR_COUNT)].peer_id).collect();
        peers.sort_unstable();
        peers.dedup();
        let hash = Authorities::new(&peers).map_or([0; 8], |listed| listed.set_hash());
        let sized = peers.iter().map(|peer| {
            let size = u8::try_from(peer.as_bytes().len()).expect("at most 42 bytes");
            [&[size], peer.as_bytes()].concat()
        });
        let mut list = sized.collect::<Vec<_>>().concat();
        if bytes.seldom() {
            let place = usize::from(bytes.byte()) % list.len();
            list[place] ^= bytes.byte();
        }
        (hash, list)
    }

    fn hello(&self, bytes: &mut Bytes<'_>, authorities: [u8; 8]) -> Hello {
        Hello {
            count: bytes.u32(),
            root: if bytes.flag() { self.tracker.root() } else { [bytes.byte(); 16] },
            authorities,
            flags: Flags(u16::from_le_bytes(bytes.array())),
            in_touch: bytes.byte(),
            size_max: if bytes.flag() { u32::MAX } else { bytes.u32() },
        }
    }

    /// The last cursor that the tracker gave out, or another.
    fn cursor(&self, bytes: &mut Bytes<'_>) -> Cursor {
        match bytes.below(3) {
            0 => self.cursor,
            1 => Cursor { since: bytes.u64(), after: bytes.u64(), ..self.cursor },
            _ => {
                let since = u64::from(bytes.byte());
                let after = since + u64::from(bytes.below(3) > 0);
                Cursor { incarnation: [bytes.byte(); 4], since, after }
            }
        }
    }

    pub(super) fn request_message(&mut self, bytes: &mut Bytes<'_>) -> Vec<u8> {
        let (authorities, _) = self.list(bytes);
        let hello = self.hello(bytes, authorities);
        let cursor = self.cursor(bytes);
        let renew = (!bytes.seldom()).then(|| Renew { session: session(bytes) });
        let batch = bytes.seldom().then(|| ObservationBatch {
            session: session(bytes),
            number: bytes.u32(),
            observations: bytes.take_up_to(200),
        });
        let statements = self.statements(bytes, MAX_REQUEST / 2);
        let fields =
            SyncRequest { hello, cursor, renew, observations: batch, statements: &statements };
        encode(&Request::Sync(fields), MAX_REQUEST)
    }

    fn parts(&mut self, bytes: &mut Bytes<'_>) -> Vec<u8> {
        let order_keys = actors().each_ref().map(|actor| actor.peer_id.order_key());
        let mut parts = some_parts(bytes, &order_keys, |bytes| self.statement(bytes));
        parts.truncate(MAX_REQUEST / 2);
        parts
    }

    pub(super) fn walk_request_message(&mut self, bytes: &mut Bytes<'_>) -> Vec<u8> {
        let (salt, credit) = ([bytes.byte() & 1; 16], u16::from_be_bytes(bytes.array()) >> 4);
        let (step, parts) = (bytes.byte() & 7, self.parts(bytes));
        let (_, list) = self.list(bytes);
        let fields = WalkRequest { step, salt, credit, authorities: &list, parts: &parts };
        encode(&Request::Walk(fields), MAX_REQUEST)
    }

    pub(super) fn walk_response_message(&mut self, bytes: &mut Bytes<'_>) -> Vec<u8> {
        let (authorities, _) = self.list(bytes);
        let hello = self.hello(bytes, authorities);
        let shown = if bytes.flag() { u64::from(bytes.byte()) } else { bytes.u64() };
        let resume = bytes.seldom().then(|| (u16::from(bytes.byte() % 4), bytes.byte() % 17));
        let (step, parts) = (bytes.byte() & 7, self.parts(bytes));
        let fields = WalkResponse { step, hello, shown, resume, parts: &parts };
        encode(&Response::Walk(fields), MAX_RESPONSE)
    }

    pub(super) fn response_message(&mut self, bytes: &mut Bytes<'_>) -> Vec<u8> {
        let (authorities, list) = self.list(bytes);
        let hello = self.hello(bytes, authorities);
        let cursor = self.cursor(bytes);
        let lease = LeaseAnswer(bytes.byte() % 7);
        let acknowledged = match bytes.below(3) {
            0 => self.tracker.announced(),
            1 => Version { epoch: bytes.u32(), seq: bytes.u32() },
            _ => Version::ZERO,
        };
        let statements = self.statements(bytes, MAX_RESPONSE / 2);
        let fields = SyncResponse {
            hello,
            cursor,
            lease,
            acknowledged,
            observed: bytes.u32(),
            authorities: &list,
            statements: &statements,
        };
        encode(&Response::Sync(fields), MAX_RESPONSE)
    }
}

fn decision(bytes: &mut Bytes<'_>) -> Decision {
    let mut decision = Decision { issued_at: bytes.u64(), ..Decision::default() };
    for _ in 0..=bytes.below(REGISTERS_MAX) % 4 {
        let id = RegisterId(if bytes.seldom() { bytes.byte() } else { bytes.byte() % 4 });
        let value = match bytes.below(6) {
            0 => bytes.byte(),
            1 => 1,
            2 => 2,
            3 => 0,
            _ => 0x80,
        };
        let stamp = if bytes.seldom() { bytes.u32() } else { u32::from(bytes.byte() % 8) };
        // There is room for each of a few.
        let _ = decision.set(Register { id, value, stamp });
    }
    decision
}

fn presence(bytes: &mut Bytes<'_>) -> Presence {
    let time = |bytes: &mut Bytes<'_>| {
        if bytes.seldom() { bytes.u64() } else { 1_790_000_000 + u64::from(bytes.byte()) }
    };
    let mut tallies = heapless::Vec::new();
    for counter in 0..bytes.byte() % 4 {
        let tally = Tally { counter, count: bytes.u64(), last: bytes.u64() };
        tallies.push(tally).expect("a few");
    }
    let version =
        |bytes: &mut Bytes<'_>| Version { epoch: bytes.u32(), seq: u32::from(bytes.byte()) };
    Presence {
        session: session(bytes),
        state: PresenceState(bytes.byte() % 5),
        rests_on: version(bytes),
        first_joined: time(bytes),
        joined: time(bytes),
        left: if bytes.flag() { time(bytes) } else { 0 },
        uptime: bytes.u64(),
        issued_at: time(bytes),
        imported: bytes.seldom().then(|| imported(bytes)),
        horizon: bytes.seldom().then(|| version(bytes)),
        tallies,
        counted_from: time(bytes),
    }
}

fn encode<T: serde::Serialize>(message: &T, size_max: usize) -> Vec<u8> {
    let mut bytes = vec![0; size_max];
    let size = message::encode(message, &mut bytes).expect("its parts are bounded");
    bytes.truncate(size);
    bytes
}
