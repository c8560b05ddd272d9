//! Two rolls and nothing else: whatever they differ in, a walk makes them equal.

#![cfg(feature = "alloc")]

mod scoped;

use std::{println, vec, vec::Vec};

use super::{
    Broken, Parts, Pen, Scope, Side, Walk, Work, Writer, answer,
    part::{Part, Slot},
    range::KeyRange,
    responder::Resume,
    slot::SlotSet,
};
use crate::{
    authorities::Authorities,
    in_common,
    key::{PublicKey, Signature, Signer},
    message::{self, Flags, HEADER_SIZE_MAX, Hello, Request, Response, WalkRequest, WalkResponse},
    network::Network,
    peer_id::PeerId,
    random::Random,
    roll::Roll,
    statement::{
        Announcement, Decision, Fields, Intent, Presence, PresenceState, Session, Signed,
        StatementBytes,
    },
    storage::{Heap, Storage},
    version::Version,
};

/// On the heap, with walks that remember as little as inline ones do.
#[derive(Debug)]
struct Narrow;

impl Storage for Narrow {
    type Statements = Vec<u8>;
    type PerNode<T: core::fmt::Debug> = Vec<T>;
    type PerPeer<T: core::fmt::Debug> = Vec<T>;
    type PerLease<T: core::fmt::Debug> = Vec<T>;
    type PerWalk<T: core::fmt::Debug> = Vec<T>;
    const WAITING_MAX: usize = 0;
    const PEERS_MAX: usize = 0;
    const WALK_MAX: usize = 64;
}

/// Signs nothing: rolls do not look at signatures.
struct Unsigned(PeerId);

impl Signer for Unsigned {
    fn peer_id(&self) -> PeerId {
        self.0
    }

    fn sign(&self, _message: &[u8]) -> Signature {
        Signature::from_slice(&[0x5a; 64]).expect("64 bytes")
    }
}

/// A node whose order key is `key` here, though the hash of its id is another: keys with long
/// common prefixes cannot be made in a test.
fn node(key: u64, number: u64) -> PeerId {
    let mut public = [0; 32];
    public[..8].copy_from_slice(&key.to_be_bytes());
    public[8..16].copy_from_slice(&number.to_be_bytes());
    PublicKey::Ed25519(public).peer_id()
}

fn key_of(peer: &PeerId) -> u64 {
    let bytes = peer.as_bytes();
    u64::from_be_bytes(bytes[bytes.len() - 32..][..8].try_into().expect("8 bytes"))
}

fn authority(number: u64) -> PeerId {
    node(u64::MAX, number)
}

fn authorities() -> Authorities {
    Authorities::new(&[authority(1), authority(2)]).expect("two")
}

fn sign<'a, T: Fields<'a>>(
    writer: PeerId,
    subject: &PeerId,
    seq: u32,
    fields: &T,
) -> StatementBytes {
    let network: Network = "main".parse().expect("a name");
    let version = Version { epoch: 1_790_000_000, seq };
    Signed::sign(&network, &Unsigned(writer), subject, version, fields).expect("bounded")
}

fn announcement(subject: &PeerId, seq: u32, agent: &str) -> StatementBytes {
    let (first, second) = ([4, 192, 0, 2, 7, 6, 0x1d, 0xe7], [4, 10, 0, 0, 7, 6, 0x1d, 0xe7]);
    let fields = Announcement {
        session: Session([1; 4]),
        home: authority(1).hint(),
        intent: Intent::UP,
        issued_at: 1_790_000_000,
        addresses: [&first[..], &second].into_iter().collect(),
        agent,
        capabilities: ["worker", "storage"].into_iter().collect(),
        extra: &[],
    };
    sign(*subject, subject, seq, &fields)
}

fn presence(writer: u64, subject: &PeerId, seq: u32, uptime: u64) -> StatementBytes {
    let fields = Presence {
        session: Session([1; 4]),
        state: PresenceState::ONLINE,
        joined: 1_790_000_000,
        first_joined: 1_790_000_000,
        issued_at: 1_790_000_000,
        uptime,
        ..Presence::default()
    };
    sign(authority(writer), subject, seq, &fields)
}

fn decision(writer: u64, subject: &PeerId, seq: u32) -> StatementBytes {
    let fields = Decision { issued_at: 1_790_000_000, registers: heapless::Vec::new() };
    sign(authority(writer), subject, seq, &fields)
}

fn put<S: Storage>(roll: &mut Roll<S>, wire: &[u8]) -> bool {
    let statement = Signed::parse(wire).expect("well formed");
    let subject = statement.subject().expect("well formed");
    roll.put_at(key_of(&subject), subject, &statement).expect("room").advances()
}

fn roll<S: Storage>(statements: impl IntoIterator<Item = StatementBytes>) -> Roll<S> {
    let mut roll = Roll::new();
    roll.set_capacity(1 << 20);
    statements.into_iter().for_each(|wire| {
        put(&mut roll, &wire);
    });
    roll.refresh_root();
    roll
}

fn statements<S: Storage>(roll: &Roll<S>) -> Vec<StatementBytes> {
    let held = roll.iter().flat_map(|node| node.statements());
    held.map(|held| held.statement.wire()).collect()
}

/// What it took to make two rolls equal.
#[derive(Debug, Default)]
struct Figures {
    walks: u64,
    /// Exchanges of a request and a response.
    exchanges: usize,
    /// Bytes of all messages, both ways.
    bytes: usize,
    /// Statements, and their bytes.
    sent: usize,
    sent_bytes: usize,
    /// Statements that the other side held, or a newer one.
    redundant: usize,
    depth_max: usize,
    /// Work of the initiator and of the responder.
    work: (u64, u64),
}

impl Figures {
    fn take<S: Storage>(&mut self, roll: &mut Roll<S>, message: &[u8], parts: &Parts<'_>) {
        self.bytes += message.len();
        for wire in parts.statements() {
            self.sent_bytes += wire.len();
            for statement in message::statements(wire) {
                self.sent += 1;
                let wire = statement.expect("well formed").wire();
                self.redundant += usize::from(!put(roll, &wire));
            }
        }
        roll.refresh_root();
    }

    fn digest_bytes(&self) -> usize {
        self.bytes - self.sent_bytes
    }
}

const WORK: u64 = 1 << 40;

fn side<'a, S: Storage>(
    roll: &'a Roll<S>,
    authorities: &'a Authorities,
    salt: &'a [u8; 16],
) -> Side<'a, S> {
    Side { roll, authorities, scope: Scope::Everything, salt, visible: u64::MAX, withheld: None }
}

fn hello<S: Storage>(roll: &Roll<S>) -> Hello {
    Hello {
        count: u32::try_from(roll.count()).expect("few"),
        root: roll.root(),
        authorities: authorities().set_hash(),
        flags: Flags::RECONCILES,
        in_touch: 3,
        size_max: 16 * 1024,
    }
}

/// Answers a request as a peer that holds `roll`, in a message of at most `frame` bytes.
fn respond<S: Storage>(
    own: &Authorities,
    roll: &mut Roll<S>,
    request: &[u8],
    frame: usize,
    figures: &mut Figures,
) -> Vec<u8> {
    let decoded = message::decode(request, frame).expect("well formed");
    let Request::Walk(walk) = decoded else { panic!("it walks") };
    let parts = Parts::parse(walk.parts).expect("well formed");
    figures.take(roll, request, &parts);
    let mut work = Work(WORK);
    let (resume, parts) = answer_with(own, roll, &walk, &mut work, frame);
    figures.work.1 += WORK - work.0;
    let head = WalkResponse {
        step: walk.step,
        hello: hello(roll),
        shown: roll.head(),
        resume,
        parts: &parts,
    };
    let mut response = vec![0; frame];
    let size = message::encode(&Response::Walk(head), &mut response).expect("it fits");
    response.truncate(size);
    response
}

/// The parts of an answer.
fn answer_with<S: Storage>(
    own: &Authorities,
    roll: &Roll<S>,
    walk: &WalkRequest<'_>,
    work: &mut Work,
    frame: usize,
) -> (Option<Resume>, Vec<u8>) {
    let theirs = in_common::read_list(walk.authorities).expect("well formed");
    let (listed, scope) = listed(own, theirs.as_ref().unwrap_or(own));
    let side = Side { scope, ..side(roll, &listed, &walk.salt) };
    let mut room = vec![0; frame - HEADER_SIZE_MAX];
    let mut pen = Pen { side: &side, work, out: Writer::new(&mut room) };
    let resume = answer(&Parts::parse(walk.parts).expect("well formed"), walk.credit, &mut pen);
    let size = pen.out.used();
    room.truncate(size);
    (resume, room)
}

/// Whose statements a walk between these lists is over, and what else.
fn listed(ours: &Authorities, theirs: &Authorities) -> (Authorities, Scope) {
    match ours.set_hash() == theirs.set_hash() {
        true => (ours.clone(), Scope::Everything),
        false => (in_common::in_common(ours, theirs), Scope::InCommon),
    }
}

/// The next request of a walk; `None` where nothing is left to be done.
fn ask<S: Storage>(
    (ours, theirs): (&Authorities, &Authorities),
    walk: &mut Walk<S>,
    roll: &Roll<S>,
    salt: [u8; 16],
    work: &mut Work,
    frame: usize,
) -> Result<Option<Vec<u8>>, Broken> {
    let (listed, scope) = listed(ours, theirs);
    let side = Side { scope, ..side(roll, &listed, &salt) };
    let list = in_common::list_for(theirs.set_hash(), ours);
    let start = HEADER_SIZE_MAX + list.len();
    let mut request = vec![0; frame];
    let mut pen = Pen { side: &side, work, out: Writer::new(&mut request[start..]) };
    walk.write(&mut pen)?;
    let size = pen.out.used();
    if size == 0 {
        return Ok(None);
    }
    let credit = walk.credit();
    let head = WalkRequest { step: 1, salt, credit, authorities: &list, parts: &[] };
    let size = message::encode_around(&Request::Walk(head), start..start + size, &mut request);
    request.truncate(size.expect("it fits"));
    Ok(Some(request))
}

/// One walk over messages of at most `frame` bytes, between replicas with these lists.
fn walk_once<S: Storage, T: Storage>(
    lists: (&Authorities, &Authorities),
    ours: &mut Roll<S>,
    theirs: &mut Roll<T>,
    frame: usize,
    figures: &mut Figures,
) -> Result<(), Broken> {
    figures.walks += 1;
    let salt = (0xabcd_u128 << 64 | u128::from(figures.walks)).to_le_bytes();
    let (listed, scope) = listed(lists.0, lists.1);
    let mut walk = Walk::<S>::new();
    let mut work = Work(WORK);
    walk.begin();
    while !walk.is_done() {
        let Some(request) = ask(lists, &mut walk, ours, salt, &mut work, frame)? else { break };
        let response = respond(lists.1, theirs, &request, frame, figures);
        let decoded = message::decode(&response, frame).expect("well formed");
        let Response::Walk(fields) = decoded else { panic!("it walks") };
        let parts = Parts::parse(fields.parts).expect("well formed");
        let got_on = walk.settle(fields.resume)?;
        let sent = figures.sent;
        figures.take(ours, &response, &parts);
        assert!(got_on || figures.sent > sent || walk.asked() == 0, "an answer is of some use");
        let side = Side { scope, ..side(ours, &listed, &salt) };
        walk.read(&side, &parts, &mut work)?;
        figures.exchanges += 1;
        assert!(figures.exchanges < 10_000, "it comes to an end");
        figures.depth_max = figures.depth_max.max(walk.depth());
    }
    figures.work.0 += WORK - work.0;
    Ok(())
}

/// Walks until both hold the same, which is what both held together.
fn reconcile<S: Storage, T: Storage>(
    ours: &mut Roll<S>,
    theirs: &mut Roll<T>,
    frame: usize,
) -> Figures {
    let together: Roll<Heap> = roll(statements(ours).into_iter().chain(statements(theirs)));
    let (mut figures, same) = (Figures::default(), authorities());
    while ours.root() != theirs.root() {
        walk_once((&same, &same), ours, theirs, frame, &mut figures).expect("both do their part");
        assert!(figures.walks <= 4, "{figures:?}");
    }
    assert_eq!(ours.root(), together.root());
    figures
}

/// A few statements about the node with this key.
fn statements_of(subject: PeerId, seq: u32) -> Vec<StatementBytes> {
    vec![
        presence(1, &subject, seq, 0),
        decision(1, &subject, seq + 1),
        announcement(&subject, seq, "rollbook/0.1.0"),
    ]
}

/// Two rolls of some `n` nodes that differ in `d` of them, in every way there is.
fn differing(random: &mut Random, n: u64, d: u64) -> (Vec<StatementBytes>, Vec<StatementBytes>) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let step = n / d.max(1);
    for number in 0..n {
        let subject = node(random.number(), number);
        let common = statements_of(subject, 10);
        let differs = d > 0 && number % step == 0 && number / step < d;
        let way = if differs { random.below(8) } else { 8 };
        match way {
            0 => ours.extend(common),
            1 => theirs.extend(common),
            way => {
                ours.extend(common.iter().cloned());
                theirs.extend(common);
                match way {
                    2 | 3 => ours.push(announcement(&subject, 11, "rollbook/0.1.1")),
                    4 => theirs.push(announcement(&subject, 12, "rollbook/0.1.2")),
                    5 => theirs.push(presence(2, &subject, 13, 7)),
                    6 => {
                        ours.push(presence(1, &subject, 14, 1));
                        theirs.push(decision(1, &subject, 15));
                    }
                    7 => {
                        // A writer that contradicts itself.
                        ours.push(presence(2, &subject, 16, 1));
                        theirs.push(presence(2, &subject, 16, 2));
                    }
                    _ => {}
                }
            }
        }
    }
    (ours, theirs)
}

fn header() {
    println!(
        "     n      d    frame steps | exchanges walks   digest statements  again depth  work / n"
    );
}

fn row<S: Storage>(n: u64, d: u64, frame: usize, figures: &Figures) {
    let per_node = |work: u64| (10 * work / n) as f64 / 10.0;
    println!(
        "{n:>6} {d:>6} {frame:>8} {:>5} | {:>9} {:>5} {:>8} {:>10} {:>6} {:>5}  {:.1} {:.1}",
        S::WALK_MAX,
        figures.exchanges,
        figures.walks,
        figures.digest_bytes(),
        figures.sent_bytes,
        figures.redundant,
        figures.depth_max,
        per_node(figures.work.0),
        per_node(figures.work.1),
    );
}

/// Makes two rolls equal, and prints what it took.
fn reconciled<S: Storage>(
    (n, d): (u64, u64),
    (ours, theirs): &(Vec<StatementBytes>, Vec<StatementBytes>),
    frame: usize,
) -> Figures {
    let mut ours = roll::<S>(ours.iter().cloned());
    let mut theirs = roll::<Heap>(theirs.iter().cloned());
    let figures = reconcile(&mut ours, &mut theirs, frame);
    row::<S>(n, d, frame, &figures);
    figures
}

/// Prints a table of what it takes; run with `--nocapture` to see it.
#[test]
fn rolls_that_differ_in_any_way_become_equal_in_messages_of_any_size() {
    header();
    let mut random = Random::new(&[1; 32]);
    for n in [10, 100, 1_000] {
        for d in [0, 1, 10, 100, n].into_iter().filter(|d| *d <= n) {
            let rolls = differing(&mut random, n, d);
            for frame in [600, 1_200, 16 << 10] {
                reconciled::<Narrow>((n, d), &rolls, frame);
            }
            for frame in [16 << 10, 1 << 20] {
                let figures = reconciled::<Heap>((n, d), &rolls, frame);
                let budget = 8 * (n + 512);
                assert!(figures.work.0 <= budget && figures.work.1 <= budget, "{figures:?}");
                if d == 0 {
                    assert_eq!(figures.bytes, 0);
                }
                if (n, d) == (1_000, 1) {
                    // Beside an exchange of under 64 bytes each way that shows that roots differ.
                    assert!(figures.bytes < 1_000 - 128, "{figures:?}");
                }
            }
        }
    }
}

#[test]
fn what_only_one_side_holds_moves_whichever_side_asks() {
    header();
    let mut random = Random::new(&[2; 32]);
    let n = 700;
    let all: Vec<StatementBytes> =
        (0..n).flat_map(|number| statements_of(node(random.number(), number), 10)).collect();
    for rolls in [(all.clone(), vec![]), (vec![], all.clone()), (all[..3].to_vec(), all)] {
        for frame in [1_200, 16 << 10] {
            let figures = reconciled::<Narrow>((n, n), &rolls, frame);
            assert_eq!(figures.redundant, 0);
        }
        let figures = reconciled::<Heap>((n, n), &rolls, 1 << 20);
        assert_eq!(figures.redundant, 0);
        assert!(figures.digest_bytes() < 4_000, "{figures:?}");
    }
}

#[test]
fn nodes_with_long_common_prefixes_are_told_apart() {
    header();
    let mut random = Random::new(&[3; 32]);
    for (shared_bits, count) in [(20, 100), (36, 60), (40, 60), (60, 14)] {
        let (mut ours, mut theirs) = differing(&mut random, 200, 3);
        let prefix = KeyRange::around(random.number(), shared_bits / 4 * 4).prefix();
        for number in 0..count {
            let key = prefix | random.number() >> shared_bits;
            let key = if shared_bits == 60 { prefix | number } else { key };
            let common = statements_of(node(key, 1_000 + number), 10);
            ours.extend(common.iter().filter(|_| number % 3 != 1).cloned());
            theirs.extend(common.into_iter().filter(|_| number % 3 != 2));
        }
        for frame in [600, 1_200, 16 << 10] {
            reconciled::<Narrow>((200, count), &(ours.clone(), theirs.clone()), frame);
        }
        reconciled::<Heap>((200, count), &(ours, theirs), 1 << 20);
    }
}

#[test]
fn nodes_with_equal_suffixes_or_even_order_keys_become_equal_too() {
    let mut random = Random::new(&[4; 32]);
    for round in 0..100 {
        let n = 1 + random.below(40);
        let (mut ours, mut theirs) = differing(&mut random, n, n / 2);
        // A few nodes each with few keys, or with few suffixes of them.
        for number in 0..1 + random.below(6) {
            let key = 0x1234_5678 << 32 | random.below(3) << (random.below(2) * 20);
            let versions = [(); 2].map(|()| 10 + u32::try_from(random.below(3)).expect("small"));
            let subject = node(key, 1_000 + number);
            let held = versions.map(|seq| statements_of(subject, seq));
            let [one, other] = held;
            ours.extend(one.into_iter().filter(|_| random.below(4) > 0).collect::<Vec<_>>());
            theirs.extend(other.into_iter().filter(|_| random.below(4) > 0).collect::<Vec<_>>());
        }
        let mut ours = roll::<Narrow>(ours);
        let mut theirs = roll::<Heap>(theirs);
        let figures = reconcile(&mut ours, &mut theirs, 16 << 10);
        assert!(figures.walks <= 4, "round {round}: {figures:?}");
    }
}

#[test]
fn statement_that_may_not_be_shown_is_not_sent() {
    let subject = node(7, 7);
    let theirs: Roll<Heap> = roll([presence(1, &subject, 10, 0), presence(2, &subject, 10, 0)]);
    let authorities = authorities();
    let own = authority(1);
    for (visible, withheld, sent) in
        [(u64::MAX, None, 2), (2, None, 2), (1, None, 1), (0, None, 0), (2, Some(&own), 1)]
    {
        let side = Side { visible, withheld, ..side(&theirs, &authorities, &[0; 16]) };
        let mut room = [0; 1_000];
        let mut pen = Pen { side: &side, work: &mut Work(100), out: Writer::new(&mut room) };
        assert!(pen.send(0, SlotSet::ALL).is_empty());
        let size = pen.out.used();
        let parts = Parts::parse(&room[..size]).expect("just written");
        assert_eq!(parts.statements().flat_map(message::statements).count(), sent);
    }
}

/// The requests and responses of a walk between rolls that differ.
fn messages_of_a_walk() -> (Roll<Narrow>, Roll<Heap>, Vec<Vec<u8>>) {
    let (ours, theirs) = differing(&mut Random::new(&[5; 32]), 300, 60);
    let (mut ours, mut theirs) = (roll::<Narrow>(ours), roll::<Heap>(theirs));
    let before = (statements(&ours), statements(&theirs));
    let (mut messages, mut figures) = (vec![], Figures::default());
    let mut walk = Walk::new();
    walk.begin();
    let authorities = authorities();
    while !walk.is_done() {
        let mut work = Work(WORK);
        let lists = (&authorities, &authorities);
        let request = ask(lists, &mut walk, &ours, [9; 16], &mut work, 2_000).expect("honest");
        let Some(request) = request else { break };
        let response = respond(&authorities, &mut theirs, &request, 2_000, &mut figures);
        let decoded = message::decode(&response, 2_000).expect("well formed");
        let Response::Walk(fields) = decoded else { panic!("it walks") };
        let parts = Parts::parse(fields.parts).expect("well formed");
        walk.settle(fields.resume).expect("honest");
        figures.take(&mut ours, &response, &parts);
        walk.read(&side(&ours, &authorities, &[9; 16]), &parts, &mut work).expect("honest");
        messages.extend([request, response]);
    }
    (roll(before.0), roll(before.1), messages)
}

#[test]
fn bent_requests_never_panic_and_cost_no_more_than_is_granted() {
    let (_, theirs, messages) = messages_of_a_walk();
    let mut random = Random::new(&[6; 32]);
    let (mut answered, mut over_budget) = (0, 0);
    for round in 0..20_000 {
        let mut request = messages[index(&mut random, messages.len() / 2) * 2].clone();
        for _ in 0..random.below(4) {
            let place = index(&mut random, request.len());
            request[place] = random.number().to_le_bytes()[0];
        }
        let Ok(Request::Walk(walk)) = message::decode(&request, 2_000) else { continue };
        if Parts::parse(walk.parts).is_err() || in_common::read_list(walk.authorities).is_err() {
            continue;
        }
        answered += 1;
        let granted = if round % 2 == 0 { 8 * 300 } else { random.below(300) };
        let mut work = Work(granted);
        let frame = HEADER_SIZE_MAX + index(&mut random, 2_000);
        let own = authorities();
        let (resume, parts) = answer_with(&own, &theirs, &walk, &mut work, frame);
        over_budget += u32::from(resume.is_some());
        let parts = Parts::parse(&parts).expect("an answer is well formed");
        assert!(cost(&parts) <= walk.credit.into());
    }
    assert!(answered > 1_000 && over_budget > 100, "{answered} {over_budget}");
}

fn cost(parts: &Parts<'_>) -> usize {
    let cost = |part: Part<'_>| match part {
        Part::Tags(_) => 2,
        Part::List(list) => list.count().max(1),
        Part::Want(_) => 1,
        Part::Statements(_) => 0,
    };
    parts.iter().map(cost).sum()
}

fn index(random: &mut Random, bound: usize) -> usize {
    let bound = u64::try_from(bound).expect("small");
    usize::try_from(random.below(bound)).expect("below a usize")
}

#[test]
fn bent_answers_never_panic_and_never_keep_a_walk_going() {
    let (ours, _, messages) = messages_of_a_walk();
    let mut random = Random::new(&[7; 32]);
    let authorities = authorities();
    let (mut broken, mut done) = (0, 0);
    for _ in 0..2_000 {
        let mut walk = Walk::<Narrow>::new();
        walk.begin();
        let mut work = Work(8 * 300);
        let end = loop {
            let lists = (&authorities, &authorities);
            match ask(lists, &mut walk, &ours, [9; 16], &mut work, 2_000) {
                Ok(Some(_request)) => {}
                end => break end.map(|_| ()),
            }
            let mut response = messages[index(&mut random, messages.len() / 2) * 2 + 1].clone();
            for _ in 0..random.below(3) {
                let place = index(&mut random, response.len());
                response[place] = random.number().to_le_bytes()[0];
            }
            let Ok(Response::Walk(fields)) = message::decode(&response, 2_000) else {
                break Err(Broken);
            };
            let Ok(parts) = Parts::parse(fields.parts) else { break Err(Broken) };
            let side = side(&ours, &authorities, &[9; 16]);
            let read = walk.settle(fields.resume).and_then(|_| walk.read(&side, &parts, &mut work));
            if read.is_err() {
                break read;
            }
        };
        *(if end.is_ok() { &mut done } else { &mut broken }) += 1;
    }
    assert!(broken > 100 && done > 10, "{broken} {done}");
}

#[test]
fn liar_that_finds_all_to_differ_for_ever_runs_out_of_work() {
    let (ours, _, _) = messages_of_a_walk();
    let mut random = Random::new(&[8; 32]);
    let authorities = authorities();
    let mut walk = Walk::<Heap>::new();
    let ours = roll::<Heap>(statements(&ours));
    let (mut work, mut exchanges) = (Work(8 * 300), 0);
    walk.begin();
    let lists = (&authorities, &authorities);
    while let Ok(Some(_request)) = ask(lists, &mut walk, &ours, [9; 16], &mut work, 16 << 10) {
        exchanges += 1;
        let mut room = [0; 1_000];
        let mut out = Writer::new(&mut room);
        let bits = u8::try_from(random.below(15) * 4).expect("at most 60");
        let range = KeyRange::around(random.number(), bits);
        if random.below(2) == 0 {
            out.tags(range, 0xffff).expect("room");
            (0..16).for_each(|_| out.tag([random.number().to_le_bytes()[0]; 4]).expect("room"));
        } else {
            out.list(range, 1).expect("room");
            out.suffix(range.suffix(random.number() >> 32 << 32)).expect("room");
            out.slots(1).expect("room");
            let version = Version { epoch: u32::MAX - 1, seq: 1 };
            out.slot(&Slot { number: 16, version, digest: [0; 2] }).expect("room");
        }
        let size = out.used();
        let Ok(parts) = Parts::parse(&room[..size]) else { continue };
        let side = side(&ours, &authorities, &[9; 16]);
        if walk.settle(None).and_then(|_| walk.read(&side, &parts, &mut work)).is_err() {
            break;
        }
    }
    assert!((10..10_000).contains(&exchanges), "{exchanges}");
}

#[test]
fn random_bytes_are_no_parts_or_well_formed_ones() {
    let mut random = Random::new(&[10; 32]);
    let mut well_formed = 0;
    for _ in 0..200_000 {
        let size = index(&mut random, 40);
        let bytes: Vec<u8> = (0..size)
            .map(|_| random.number().to_le_bytes()[0] & [0xff, 0x0c][index(&mut random, 2)])
            .collect();
        if let Ok(parts) = Parts::parse(&bytes) {
            well_formed += 1;
            for part in parts.iter() {
                match part {
                    Part::Tags(tags) => assert!(tags.iter().count() <= 16),
                    Part::List(list) => assert_eq!(list.entries().count(), list.count()),
                    Part::Want(_) | Part::Statements(_) => {}
                }
            }
        }
    }
    assert!(well_formed > 1_000, "{well_formed}");
}
