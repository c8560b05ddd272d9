//! Walks between two rolls, whose replicas have the same list of authorities or other ones: every
//! message of them, and parts and lists that are none.

use rollbook_core::{
    Announcement, AnnouncementFields, Authorities, Config, HeapTracker, Hint, Intent, Keypair,
    MAX_FRAME, MAX_REQUEST, MAX_RESPONSE, Now, PeerId, Presence, PresenceState, Session, Signed,
    Signer, Verdict, Version,
    journal::{Frame, JOURNAL_FORMAT},
    message::{
        self, Cursor, FORMAT, Flags, Hello, MessageError, Request, Response, SyncRequest,
        SyncResponse, WalkRequest, WalkResponse,
    },
    statement::{Decision, Kind, Register, RegisterId, StatementBytes},
};
use serde::{Deserialize, Serialize};

use crate::{
    golden::{Hex, golden},
    keys::{NETWORK, Who, network},
    messages::listed,
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
    /// Between replicas with other lists.
    in_common: InCommon,
    /// Parts that make a request malformed.
    refused: Vec<RefusedVector>,
    /// Lists of authorities that make a request malformed.
    lists_refused: Vec<RefusedListVector>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct InCommon {
    about: String,
    /// Of the one who asks, in the order of their peer ids' bytes.
    authorities_asking: Vec<String>,
    /// And of the one who answers.
    authorities_answering: Vec<String>,
    asking: Vec<Hex>,
    answering: Vec<Hex>,
    steps: Vec<StepVector>,
    /// What both hold in the end of what was in scope.
    both: Vec<Hex>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RefusedListVector {
    name: String,
    authorities: Hex,
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

/// What the two sides hold about one of the nodes where they list other authorities: of the
/// authority that both list, and of one of their own.
fn held_by_other_lists(number: u8) -> [Vec<StatementBytes>; 2] {
    let keys = Keypair::ed25519([100 + number; 32]);
    let peer = keys.peer_id();
    let [(_, own), (both, other)] = OTHER_LISTS;
    let side = |own| {
        vec![presence(both, &peer, 10, 0), presence(own, &peer, 10, 0), announcement(&keys, 10, "")]
    };
    let (mut asking, mut answering) = (side(own), side(other));
    match number {
        3 => drop(asking.remove(0)),
        7 => drop(answering.remove(0)),
        // Of no concern.
        11 => asking[2] = announcement(&keys, 11, "newer"),
        12 => asking.push(decision(own, &peer, 11)),
        15 => asking[0] = presence(both, &peer, 12, 1),
        19 => answering.push(decision(both, &peer, 13)),
        _ => {}
    }
    [asking, answering]
}

/// The authorities that the asking and the answering side list; one of them is the same.
const OTHER_LISTS: [(Who, Who); 2] =
    [(Who::SecondAuthority, Who::FirstAuthority), (Who::SecondAuthority, Who::Stranger)];

fn authorities() -> Authorities {
    list_of((Who::FirstAuthority, Who::SecondAuthority))
}

fn list_of((one, other): (Who, Who)) -> Authorities {
    Authorities::new(&[one.peer_id(), other.peer_id()]).expect("two authorities")
}

fn sorted(authorities: &Authorities) -> Vec<PeerId> {
    let mut listed: Vec<PeerId> = authorities.iter().map(|(_, peer_id)| *peer_id).collect();
    listed.sort_unstable();
    listed
}

/// A member that holds these statements.
fn member(
    who: Who,
    seed: u8,
    authorities: Authorities,
    statements: &[StatementBytes],
) -> HeapTracker {
    let config = Config::new(network(), authorities);
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

/// An answer without the statements that are read by cursor.
fn without_changes(response: &[u8]) -> Vec<u8> {
    match message::decode(response, MAX_RESPONSE).expect("well formed") {
        Response::Sync(answer) => {
            let mut out = vec![0; MAX_RESPONSE];
            let answer = Response::Sync(SyncResponse { statements: &[], ..answer });
            let size = message::encode(&answer, &mut out).expect("it fits");
            out.truncate(size);
            out
        }
        Response::Walk(_) => response.to_vec(),
    }
}

/// Lets the one ask until both hold the same, or until it finds that nothing differs that both can
/// hold, though nothing is read by cursor; keeps the steps of walks.
fn walk(asking: &mut HeapTracker, answering: &mut HeapTracker) -> Vec<StepVector> {
    let is_list_same = asking.authorities().set_hash() == answering.authorities().set_hash();
    let (one, other) = (*asking.peer_id(), *answering.peer_id());
    asking.handle_connected(NOW, &other);
    answering.handle_connected(NOW, &one);
    let (mut request, mut response) = (vec![0; MAX_REQUEST], vec![0; MAX_RESPONSE]);
    let (mut steps, mut now) = (Vec::new(), NOW);
    let mut has_found_nothing = false;
    while asking.root() != answering.root() && !has_found_nothing {
        let Some(sent) = asking.poll_request(now, &mut request) else {
            now.mono_ms = asking.poll_timeout().expect("it asks sooner or later");
            asking.handle_timeout(now);
            continue;
        };
        let request = &request[..sent.len];
        let size = answering.handle_request(now, &one, request, &mut response).expect("answered");
        let response = match is_list_same {
            true => response[..size].to_vec(),
            false => without_changes(&response[..size]),
        };
        asking.handle_response(now, &other, &response).expect("understood");
        let answer = message::decode(&response, MAX_RESPONSE).expect("well formed");
        has_found_nothing = matches!(answer, Response::Walk(walk) if walk.parts.is_empty());
        let asked = message::decode(request, MAX_REQUEST).expect("well formed");
        if let Request::Walk(WalkRequest { salt, .. }) = asked {
            let (request, response) = (Hex::of(request), Hex::of(&response));
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

fn lists_refused() -> Vec<RefusedListVector> {
    let case = |name: &str, peers: &[&[u8]]| RefusedListVector {
        name: name.to_owned(),
        authorities: Hex(listed(&peers.iter().map(|peer| Hex::of(peer)).collect::<Vec<_>>())),
    };
    let mut nine: Vec<PeerId> =
        (0..9).map(|seed| Keypair::ed25519([200 + seed; 32]).peer_id()).collect();
    nine.sort_unstable();
    let nine: Vec<&[u8]> = nine.iter().map(PeerId::as_bytes).collect();
    let mut cut = case("cut short", &nine[..2]);
    cut.authorities.0.pop();
    vec![
        case("nine authorities", &nine),
        case("an authority listed twice", &[nine[0], nine[0]]),
        case("out of order", &[nine[1], nine[0]]),
        case("no peer id", &[&[7; 20]]),
        case("an empty peer id", &[&[]]),
        cut,
    ]
}

/// A walk between two replicas of which each lists an authority that the other does not.
fn walk_over_what_is_in_common() -> InCommon {
    let both: Vec<[Vec<StatementBytes>; 2]> = (0..NODES).map(held_by_other_lists).collect();
    let of = |side: usize| -> Vec<StatementBytes> {
        both.iter().flat_map(|held| held[side].iter().cloned()).collect()
    };
    let lists = OTHER_LISTS.map(list_of);
    let mut asking = member(Who::Node, 1, lists[0].clone(), &of(0));
    let mut answering = member(Who::EthereumNode, 2, lists[1].clone(), &of(1));
    let in_scope = |tracker: &HeapTracker| -> Vec<Hex> {
        let is_in_scope = |wire: &Hex| {
            let statement = Signed::parse(&wire.0).expect("well formed");
            statement.kind() != Kind::Announcement
                && statement.writer() == Who::SecondAuthority.hint()
        };
        statements_of(tracker).into_iter().filter(is_in_scope).collect()
    };
    let texts = |list: &Authorities| sorted(list).iter().map(ToString::to_string).collect();
    let computed = InCommon {
        about: "All messages of two walks between replicas with other lists of authorities, over \
                the decisions and presences of the one that both list: the first makes them \
                equal, the second finds nothing."
            .to_owned(),
        authorities_asking: texts(&lists[0]),
        authorities_answering: texts(&lists[1]),
        asking: statements_of(&asking),
        answering: statements_of(&answering),
        steps: walk(&mut asking, &mut answering),
        both: in_scope(&asking),
    };
    assert_eq!(in_scope(&answering), computed.both);
    assert_ne!(asking.root(), answering.root());
    computed
}

#[test]
fn walk_is_as_in_the_file() {
    let both: Vec<[Vec<StatementBytes>; 2]> = (0..NODES).map(held).collect();
    let of = |side: usize| -> Vec<StatementBytes> {
        both.iter().flat_map(|held| held[side].iter().cloned()).collect()
    };
    let mut asking = member(Who::Node, 1, authorities(), &of(0));
    let mut answering = member(Who::EthereumNode, 2, authorities(), &of(1));
    let computed = File {
        about: "All messages of a walk between two rolls that differ in six nodes, in every way \
                there is, and of one between replicas with other lists of authorities; then parts \
                and lists that make a request malformed."
            .to_owned(),
        authorities: sorted(&authorities()).iter().map(ToString::to_string).collect(),
        asking: statements_of(&asking),
        answering: statements_of(&answering),
        steps: walk(&mut asking, &mut answering),
        root: Hex::of(&asking.root()),
        in_common: walk_over_what_is_in_common(),
        refused: refused(),
        lists_refused: lists_refused(),
    };
    let file = golden("walk.json", &computed);
    assert_eq!(file, computed);
    assert!(file.steps.len() > 1);
    assert!(file.in_common.steps.len() > 2);
    for step in file.steps.iter().chain(&file.in_common.steps) {
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
    let mut tracker = member(Who::Node, 1, authorities(), &[]);
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
    let walk_with = |authorities: &[u8], parts: &[u8]| {
        let fields = WalkRequest { step: 1, salt: [5; 16], credit: 9, authorities, parts };
        let mut request = vec![0; MAX_REQUEST];
        let size = message::encode(&Request::Walk(fields), &mut request).expect("it fits");
        request.truncate(size);
        request
    };
    let walk = |parts: &[u8]| walk_with(&[], parts);
    for refused in lists_refused() {
        let request = walk_with(&refused.authorities.0, &[]);
        let answered = tracker.handle_request(NOW, &from, &request, &mut out);
        assert_eq!(answered, Err(MessageError::Malformed), "{}", refused.name);
    }
    for refused in refused() {
        let request = walk(&refused.parts.0);
        let answered = tracker.handle_request(NOW, &from, &request, &mut out);
        assert_eq!(answered, Err(MessageError::Malformed), "{}", refused.name);
    }
    for parts in [&[][..], &[1, 0, 0], &[3], &[3, 0, 3, 0]] {
        assert!(tracker.handle_request(NOW, &from, &walk(parts), &mut out).is_ok(), "{parts:?}");
    }
}
