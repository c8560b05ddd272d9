//! A walk between two rolls: every message of it, and parts that are none.

use rollbook_core::{
    Announcement, AnnouncementFields, Authorities, Config, HeapTracker, Hint, Intent, Keypair,
    MAX_FRAME, MAX_REQUEST, MAX_RESPONSE, Now, PeerId, Presence, PresenceState, Session, Signed,
    Signer, Verdict, Version,
    journal::{Frame, JOURNAL_FORMAT},
    message::{
        self, Cursor, FORMAT, Flags, Hello, MessageError, Request, Response, SyncRequest,
        WalkRequest, WalkResponse,
    },
    statement::{Decision, Register, RegisterId, StatementBytes},
};
use serde::{Deserialize, Serialize};

use crate::{
    golden::{Hex, golden},
    keys::{NETWORK, Who, network},
};

const NOW: Now = Now { mono_ms: 1_000_000, unix_s: 1_790_000_000 };
/// How many nodes the two rolls hold together.
const NODES: u8 = 40;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    about: String,
    /// In the order of their peer ids' bytes.
    authorities: Vec<String>,
    /// All statements of the one who asks, in its roll's order.
    asking: Vec<Hex>,
    /// And of the one who answers.
    answering: Vec<Hex>,
    steps: Vec<StepVector>,
    /// Of both rolls in the end.
    root: Hex,
    /// Parts that make a request malformed.
    refused: Vec<RefusedVector>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StepVector {
    salt: Hex,
    request: Hex,
    response: Hex,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RefusedVector {
    name: String,
    parts: Hex,
}

fn sign<'a, T: rollbook_core::statement::Fields<'a>>(
    keys: &Keypair,
    about: &PeerId,
    seq: u32,
    fields: &T,
) -> StatementBytes {
    let version = Version { epoch: 1_790_000_000, seq };
    Signed::sign(&network(), keys, about, version, fields).expect("bounded")
}

fn announcement(keys: &Keypair, seq: u32, agent: &str) -> StatementBytes {
    let fields = Announcement {
        session: Session([1; 4]),
        home: Hint::NONE,
        intent: Intent::UP,
        issued_at: NOW.unix_s,
        addresses: Default::default(),
        agent,
        capabilities: Default::default(),
        extra: &[],
    };
    sign(keys, &keys.peer_id(), seq, &fields)
}

fn presence(writer: Who, about: &PeerId, seq: u32, uptime: u64) -> StatementBytes {
    let fields = Presence { state: PresenceState::ONLINE, uptime, ..Presence::default() };
    sign(&writer.keys(), about, seq, &fields)
}

fn decision(writer: Who, about: &PeerId, seq: u32) -> StatementBytes {
    let admitted = Register { id: RegisterId(0), value: 0x80, stamp: 1 };
    let mut fields = Decision { issued_at: NOW.unix_s, registers: Default::default() };
    assert!(fields.set(admitted));
    sign(&writer.keys(), about, seq, &fields)
}

/// What the asking and the answering side hold about one of the nodes.
fn held(number: u8) -> [Vec<StatementBytes>; 2] {
    let keys = Keypair::ed25519([100 + number; 32]);
    let peer = keys.peer_id();
    let (first, second) = (Who::FirstAuthority, Who::SecondAuthority);
    let both = || vec![presence(first, &peer, 10, 0), announcement(&keys, 10, "")];
    let (mut asking, mut answering) = (both(), both());
    match number {
        3 => asking.clear(),
        11 => answering.clear(),
        19 => asking[1] = announcement(&keys, 11, "newer"),
        27 => answering[1] = announcement(&keys, 12, "newest"),
        30 => asking.push(decision(second, &peer, 13)),
        35 => {
            // An authority that contradicts itself.
            asking.push(presence(second, &peer, 14, 1));
            answering.push(presence(second, &peer, 14, 2));
        }
        _ => {}
    }
    [asking, answering]
}

fn authorities() -> Authorities {
    let listed = [Who::FirstAuthority.peer_id(), Who::SecondAuthority.peer_id()];
    Authorities::new(&listed).expect("two authorities")
}

/// A member that holds these statements.
fn member(who: Who, seed: u8, statements: &[StatementBytes]) -> HeapTracker {
    let config = Config::new(network(), authorities());
    let mut tracker = HeapTracker::new();
    tracker.init(config, who.keys(), [seed; 32]).expect("a valid configuration");
    let peer = who.peer_id();
    let (format, peer_id) = (JOURNAL_FORMAT, peer.as_bytes());
    tracker.recover(&Frame::Header { format, peer_id, network: NETWORK }).expect("own journal");
    tracker.start(NOW);
    tracker.announce(NOW, &AnnouncementFields::default()).expect("bounded");
    let (mut frame, mut position) = ([0; MAX_FRAME], 0);
    while let Some(written) = tracker.poll_journal(&mut frame) {
        position = written.position;
    }
    tracker.handle_journal_synced(position);
    let from = Who::FirstAuthority.peer_id();
    for statement in statements {
        let gossip = [&[FORMAT][..], statement].concat();
        assert_eq!(tracker.handle_gossip(NOW, &from, &gossip), Verdict::Accept);
    }
    tracker
}

fn statements_of(tracker: &HeapTracker) -> Vec<Hex> {
    let mut journal = Vec::new();
    tracker.snapshot(&mut journal).expect("a vector takes all");
    let mut reader = rollbook_core::journal::Reader::new(&journal[..]);
    let mut statements = Vec::new();
    while let rollbook_core::journal::Next::Frame(frame) = reader.next_frame().expect("a slice") {
        if let Frame::Statement(bytes) = frame {
            statements.push(Hex::of(bytes));
        }
    }
    statements
}

/// Lets the one ask until both hold the same; keeps the steps of walks.
fn walk(asking: &mut HeapTracker, answering: &mut HeapTracker) -> Vec<StepVector> {
    let (one, other) = (*asking.peer_id(), *answering.peer_id());
    asking.handle_connected(NOW, &other);
    answering.handle_connected(NOW, &one);
    let (mut request, mut response) = (vec![0; MAX_REQUEST], vec![0; MAX_RESPONSE]);
    let (mut steps, mut now) = (Vec::new(), NOW);
    while asking.root() != answering.root() {
        let Some(sent) = asking.poll_request(now, &mut request) else {
            now.mono_ms = asking.poll_timeout().expect("it asks sooner or later");
            asking.handle_timeout(now);
            continue;
        };
        let request = &request[..sent.len];
        let size = answering.handle_request(now, &one, request, &mut response).expect("answered");
        let response = &response[..size];
        asking.handle_response(now, &other, response).expect("understood");
        let asked = message::decode(request, MAX_REQUEST).expect("well formed");
        if let Request::Walk(WalkRequest { salt, .. }) = asked {
            let (request, response) = (Hex::of(request), Hex::of(response));
            steps.push(StepVector { salt: Hex::of(&salt), request, response });
        }
    }
    steps
}

fn refused() -> Vec<RefusedVector> {
    let case =
        |name: &str, parts: &[u8]| RefusedVector { name: name.to_owned(), parts: Hex::of(parts) };
    let entry = |suffix: [u8; 4]| [&suffix[..], &[0]].concat();
    let list = |bits: &[u8], entries: &[[u8; 4]]| {
        let count = u8::try_from(entries.len()).expect("few");
        let entries: Vec<u8> = entries.iter().flat_map(|suffix| entry(*suffix)).collect();
        [&[1][..], bits, &[count], &entries].concat()
    };
    let many: Vec<[u8; 4]> = (0..17).map(|number| [number, 0, 0, 0]).collect();
    vec![
        case("a part of an unknown kind", &[4]),
        case("tags cut short", &[0, 0, 0, 1, 9, 9, 9]),
        case("tags of a range without children", &[&[0, 64][..], &[7; 8], &[0, 0]].concat()),
        case("bits that are no multiple of four", &[2, 6, 0, 0, 0, 1]),
        case("more bits than a key has", &[&[2, 68][..], &[0; 9], &[0, 0, 1]].concat()),
        case("a prefix with further bits", &[2, 4, 0x1f, 0, 0, 1]),
        case("a list of seventeen", &list(&[0], &many)),
        case("a list that is out of order", &list(&[0], &[[2, 0, 0, 0], [1, 0, 0, 0]])),
        case("a list that names a node twice", &list(&[0], &[[1, 0, 0, 0], [1, 0, 0, 0]])),
        case("a suffix beyond the key", &list(&[&[60][..], &[0; 8]].concat(), &[[0x08, 0, 0, 0]])),
        case("a slot that there is not", &[1, 0, 1, 0, 0, 0, 1, 1, 17, 1, 1, 0, 0]),
        case("eighteen slots", &[1, 0, 1, 0, 0, 0, 1, 18]),
        case("a want cut short", &[2, 0, 0, 0]),
        case("a statement cut short", &[3, 5, 1, 2]),
    ]
}

#[test]
fn walk_is_as_in_the_file() {
    let both: Vec<[Vec<StatementBytes>; 2]> = (0..NODES).map(held).collect();
    let of = |side: usize| -> Vec<StatementBytes> {
        both.iter().flat_map(|held| held[side].iter().cloned()).collect()
    };
    let mut asking = member(Who::Node, 1, &of(0));
    let mut answering = member(Who::EthereumNode, 2, &of(1));
    let mut listed = [Who::FirstAuthority.peer_id(), Who::SecondAuthority.peer_id()];
    listed.sort_unstable();
    let computed = File {
        about: "All messages of a walk between two rolls that differ in six nodes, in every way \
                there is; then parts that make a request malformed."
            .to_owned(),
        authorities: listed.iter().map(ToString::to_string).collect(),
        asking: statements_of(&asking),
        answering: statements_of(&answering),
        steps: walk(&mut asking, &mut answering),
        root: Hex::of(&asking.root()),
        refused: refused(),
    };
    let file = golden("walk.json", &computed);
    assert_eq!(file, computed);
    assert!(file.steps.len() > 1);
    for step in &file.steps {
        let again = |encoded: Option<usize>, out: &[u8]| Hex::of(&out[..encoded.expect("fits")]);
        let mut out = vec![0; MAX_RESPONSE];
        let request = message::decode::<Request<'_>>(&step.request.0, MAX_REQUEST);
        let request = request.expect("well formed");
        assert_eq!(again(message::encode(&request, &mut out), &out), step.request);
        let response = message::decode::<Response<'_>>(&step.response.0, MAX_RESPONSE);
        let response = response.expect("well formed");
        assert_eq!(again(message::encode(&response, &mut out), &out), step.response);
        let (Request::Walk(request), Response::Walk(response)) = (request, response) else {
            panic!("steps of a walk");
        };
        assert_eq!(request.salt, step.salt.array());
        let WalkResponse { step: answered, .. } = response;
        assert_eq!(request.step, answered);
    }
}

#[test]
fn malformed_parts_are_refused() {
    let mut tracker = member(Who::Node, 1, &[]);
    let from = Who::Stranger.peer_id();
    tracker.handle_connected(NOW, &from);
    let mut out = vec![0; MAX_RESPONSE];
    let hello = Hello {
        count: 0,
        root: [0; 16],
        authorities: authorities().set_hash(),
        flags: Flags::RECONCILES,
        in_touch: 0,
        size_max: 0,
    };
    let cursor = Cursor::default();
    let fields = SyncRequest { hello, cursor, renew: None, observations: None, statements: &[] };
    let mut request = vec![0; MAX_REQUEST];
    let size = message::encode(&Request::Sync(fields), &mut request).expect("it fits");
    tracker.handle_request(NOW, &from, &request[..size], &mut out).expect("well formed");
    let walk = |parts: &[u8]| {
        let fields = WalkRequest { step: 1, salt: [5; 16], credit: 9, parts };
        let mut request = vec![0; MAX_REQUEST];
        let size = message::encode(&Request::Walk(fields), &mut request).expect("it fits");
        request.truncate(size);
        request
    };
    for refused in refused() {
        let request = walk(&refused.parts.0);
        let answered = tracker.handle_request(NOW, &from, &request, &mut out);
        assert_eq!(answered, Err(MessageError::Malformed), "{}", refused.name);
    }
    for parts in [&[][..], &[1, 0, 0], &[3], &[3, 0, 3, 0]] {
        assert!(tracker.handle_request(NOW, &from, &walk(parts), &mut out).is_ok(), "{parts:?}");
    }
}
