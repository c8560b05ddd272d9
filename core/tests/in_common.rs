//! Replicas with other lists of authorities, as while a longer list is rolled out: what both can
//! hold becomes equal by walks, and nothing else is mistaken for a difference.

#![cfg(feature = "alloc")]

mod common;

use common::{Cluster, INTERVAL_MS, at, keys};
use rollbook_core::{
    Authorities, Config, Event, Grant, Heap, Keypair, MAX_FRAME, MAX_REQUEST, MAX_RESPONSE,
    NodeEventTracker, PeerId, Standing,
    message::{
        self, Cursor, Flags, Hello, LeaseAnswer, MessageError, Request, Response, SyncRequest,
        SyncResponse, WalkRequest, WalkResponse,
    },
};

/// The authorities A and B, and C, which some list already.
const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
/// Members with the shorter list.
const OLD: [usize; 2] = [3, 4];
/// Members with the longer one.
const NEW: [usize; 2] = [5, 6];

fn list(nodes: &[usize]) -> Authorities {
    let peers: Vec<PeerId> =
        nodes.iter().map(|node| keys(u8::try_from(node + 1).expect("few")).1).collect();
    Authorities::new(&peers).expect("distinct")
}

/// Seven nodes, all connected. A and two members list A and B; B, C and two members list C, too.
fn half_rolled_out() -> Cluster<Heap> {
    let mut cluster = Cluster::<Heap>::new(2, 5);
    cluster.run_until_converged();
    for node in [B, C].into_iter().chain(NEW) {
        cluster.restart_with(node, &list(&[A, B, C]));
    }
    cluster.run(20 * INTERVAL_MS);
    cluster
}

fn walks_begun(cluster: &mut Cluster<Heap>) -> u64 {
    (A..=6).map(|node| cluster.tracker(node).counters().walks_begun).sum()
}

fn is_granted(cluster: &Cluster<Heap>, node: usize, of: usize, grant: Grant) -> bool {
    cluster.view(node, of).expect("in the roll").grants.contains(grant)
}

fn assert_no_alarm(cluster: &mut Cluster<Heap>) {
    for node in A..=6 {
        for peer in (A..=6).map(|other| cluster.peer(other)) {
            assert!(!cluster.saw(node, Event::RootsDiffer { peer }), "node {node}");
            assert!(!cluster.saw(node, Event::NothingInCommon { peer }), "node {node}");
        }
        assert_eq!(cluster.tracker(node).counters().nothing_in_common, 0);
    }
}

#[test]
fn decisions_of_common_authorities_reach_the_other_half_by_walks_alone() {
    let mut cluster = half_rolled_out();
    cluster.lose_gossip();
    cluster.lose_changes(true);
    let now = cluster.now();
    let (old, new) = (cluster.peer(OLD[0]), cluster.peer(NEW[0]));
    cluster.tracker(A).grant(now, &new, Grant::STAKED).expect("an authority");
    cluster.tracker(B).grant(now, &old, Grant::STAKED).expect("an authority");
    cluster.tracker(C).grant(now, &old, Grant::VALIDATOR).expect("an authority");
    cluster.run(150 * INTERVAL_MS);
    for node in A..=6 {
        assert!(is_granted(&cluster, node, NEW[0], Grant::STAKED), "A's word at node {node}");
        assert!(is_granted(&cluster, node, OLD[0], Grant::STAKED), "B's word at node {node}");
        let holds_c = ![A, OLD[0], OLD[1]].contains(&node);
        let hears_c = is_granted(&cluster, node, OLD[0], Grant::VALIDATOR);
        assert_eq!(hears_c, holds_c, "C's word at node {node}");
        let unknown = cluster.tracker(node).counters().statements_unknown_writer;
        assert!(unknown < 100, "what nobody can hold is not sent for ever: {unknown}");
    }
    assert_no_alarm(&mut cluster);
    // When everybody has the longer list, all hold the same.
    cluster.lose_changes(false);
    for node in [A].into_iter().chain(OLD) {
        cluster.restart_with(node, &list(&[A, B, C]));
    }
    cluster.run_until_converged();
    for node in A..=6 {
        assert!(is_granted(&cluster, node, OLD[0], Grant::VALIDATOR), "C's word at node {node}");
    }
    assert_no_alarm(&mut cluster);
}

#[test]
fn member_that_was_away_finds_what_it_missed_whoever_runs_still() {
    let mut cluster = half_rolled_out();
    cluster.lose_gossip();
    cluster.stop(NEW[0]);
    let (now, peer) = (cluster.now(), cluster.peer(OLD[1]));
    cluster.tracker(A).grant(now, &peer, Grant::STAKED).expect("an authority");
    cluster.run(20 * INTERVAL_MS);
    // Those that are left have the other list, and what they changed counts as read.
    cluster.lose_changes(true);
    for node in [A, B, C, NEW[1]] {
        cluster.stop(node);
    }
    cluster.restart(NEW[0]);
    assert!(!is_granted(&cluster, NEW[0], OLD[1], Grant::STAKED));
    cluster.run(50 * INTERVAL_MS);
    assert!(is_granted(&cluster, NEW[0], OLD[1], Grant::STAKED));
}

#[test]
fn replicas_that_agree_in_all_they_can_hold_look_again_seldom_and_in_one_exchange() {
    let mut cluster = half_rolled_out();
    cluster.run(300 * INTERVAL_MS);
    assert_ne!(cluster.tracker(OLD[0]).root(), cluster.tracker(NEW[0]).root());
    let (walks, messages) = (walks_begun(&mut cluster), cluster.exchange_log().len());
    let intervals = 1_000;
    cluster.run(intervals * INTERVAL_MS);
    // Three nodes have the shorter list, four the longer one; a pause is 64 intervals, a tenth more
    // or less.
    let most = 2 * 3 * 4 * (intervals / 57 + 1);
    let walks = walks_begun(&mut cluster) - walks;
    assert!((20..=most).contains(&walks), "{walks} of {most}");
    let mut steps = 0;
    for pair in cluster.exchange_log()[messages..].chunks(2) {
        if let Ok(Response::Walk(answer)) = message::decode(&pair[1], MAX_RESPONSE) {
            assert!(answer.parts.is_empty() && pair[0].len() + pair[1].len() < 1_000);
            steps += 1;
        }
    }
    assert_eq!(steps, walks);
    let fruitless: u64 = (A..=6).map(|n| cluster.tracker(n).counters().walks_fruitless).sum();
    assert_eq!(fruitless, 0);
    assert_no_alarm(&mut cluster);
}

#[test]
fn lists_travel_only_where_they_differ() {
    let mut cluster = half_rolled_out();
    let before = cluster.exchange_log().len();
    let (now, peer) = (cluster.now(), cluster.peer(OLD[1]));
    cluster.tracker(A).grant(now, &peer, Grant::STAKED).expect("an authority");
    cluster.run(20 * INTERVAL_MS);
    let (mut with, mut without) = (0, 0);
    for pair in cluster.exchange_log()[before..].chunks(2) {
        let asked = message::decode(&pair[0], MAX_REQUEST).expect("well formed");
        let answer = message::decode(&pair[1], MAX_RESPONSE).expect("well formed");
        let (Request::Sync(asked), Response::Sync(answer)) = (asked, answer) else { continue };
        let differ = asked.hello.authorities != answer.hello.authorities;
        assert_eq!(!answer.authorities.is_empty(), differ);
        *(if differ { &mut with } else { &mut without }) += 1;
    }
    assert!(with > 10 && without > 10, "{with} with and {without} without");
    let longer = list(&[A, B, C]);
    for node in [A].into_iter().chain(OLD) {
        cluster.restart_with(node, &longer);
    }
    cluster.run_until_converged();
    let before = cluster.exchange_log().len();
    cluster.run(20 * INTERVAL_MS);
    for message in &cluster.exchange_log()[before..] {
        assert!(message.len() < 128, "{} bytes", message.len());
    }
}

#[test]
fn recovery_does_not_end_by_who_has_another_list() {
    let mut cluster = Cluster::<Heap>::new(2, 3);
    cluster.run_until_converged();
    cluster.stop(A);
    cluster.lose_disk(A);
    cluster.restart_with(A, &list(&[A, B, C]));
    cluster.run(60 * INTERVAL_MS);
    let now = cluster.now();
    assert!(cluster.tracker(A).status(now).recovering);
    // Even though it has back all that there is.
    let root = cluster.tracker(B).root();
    assert_eq!(cluster.tracker(A).root(), root);
    cluster.restart_with(A, &list(&[A, B]));
    cluster.run(60 * INTERVAL_MS);
    let now = cluster.now();
    assert!(!cluster.tracker(A).status(now).recovering);
}

#[test]
fn replicas_with_nothing_in_common_do_not_walk_and_say_so_once_for_each_run() {
    let mut cluster = Cluster::<Heap>::new(1, 3);
    cluster.run_until_converged();
    cluster.stop(3);
    for node in [2, 3] {
        cluster.reconfigure(node, |config| config.authorities = list(&[3]));
    }
    cluster.run(100 * INTERVAL_MS);
    let told = |cluster: &Cluster<Heap>, node, of| {
        let event = Event::NothingInCommon { peer: cluster.peer(of) };
        cluster.times_seen(node, event)
    };
    for (node, of) in [(0, 2), (0, 3), (1, 2), (2, 0), (2, 1), (3, 0)] {
        assert_eq!(told(&cluster, node, of), 1, "node {node} of {of}");
    }
    for (node, of) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
        assert_eq!(told(&cluster, node, of), 0, "node {node} of {of}");
    }
    // Another connection is none of its runs, and another run is.
    cluster.disconnect(0, 3);
    cluster.run(INTERVAL_MS);
    cluster.connect_all();
    cluster.run(50 * INTERVAL_MS);
    assert_eq!((told(&cluster, 0, 3), told(&cluster, 3, 0)), (1, 1));
    cluster.crash_and_restart(3);
    cluster.run(50 * INTERVAL_MS);
    assert_eq!(told(&cluster, 0, 3), 2);
    let before = cluster.exchange_log().len();
    cluster.run(50 * INTERVAL_MS);
    for pair in cluster.exchange_log()[before..].chunks(2) {
        let asked = message::decode(&pair[0], MAX_REQUEST).expect("well formed");
        assert!(!matches!(asked, Request::Walk(walk) if !walk.authorities.is_empty()));
    }
    for node in 0..4 {
        assert!(cluster.tracker(node).counters().nothing_in_common > 0);
        let now = cluster.now();
        assert_eq!(cluster.tracker(node).status(now).online, 2, "each half goes on");
        assert_eq!(cluster.view(node, node).map(|own| own.standing), Some(Standing::ADMITTED));
    }
}

type Tracker = NodeEventTracker<Heap, Keypair>;

/// A member whose authority is not there, connected with a peer.
fn connected_with(peer: &PeerId) -> Box<Tracker> {
    let config = Config::new("test".parse().expect("valid"), list(&[A, B]));
    let mut tracker = common::tracker::<Heap>(&config, &keys(7).0, [7; 32]);
    common::recover_header(&mut tracker, &config);
    tracker.start(at(0));
    let (mut frame, mut position) = ([0; MAX_FRAME], 0);
    while let Some(written) = tracker.poll_journal(&mut frame) {
        position = written.position;
    }
    tracker.handle_journal_synced(position);
    tracker.handle_connected(at(0), peer);
    tracker
}

/// A list as it travels.
fn as_bytes(authorities: &Authorities) -> Vec<u8> {
    let mut peers: Vec<&PeerId> = authorities.iter().map(|(_, peer)| peer).collect();
    peers.sort_unstable();
    peers.iter().flat_map(|peer| [&[38], peer.as_bytes()].concat()).collect()
}

fn hello(authorities: &Authorities, root: [u8; 16]) -> Hello {
    Hello {
        count: 9,
        root,
        authorities: authorities.set_hash(),
        flags: Flags::RECONCILES,
        in_touch: 0,
        size_max: 16_384,
    }
}

fn encoded<T: serde::Serialize>(message: &T) -> Vec<u8> {
    let mut bytes = vec![0; MAX_RESPONSE];
    let size = message::encode(message, &mut bytes).expect("it fits");
    bytes.truncate(size);
    bytes
}

fn sync_response(hello: Hello, authorities: &[u8]) -> Vec<u8> {
    encoded(&Response::Sync(SyncResponse {
        hello,
        cursor: Cursor { incarnation: [7; 4], since: 5, after: 5 },
        lease: LeaseAnswer::NONE,
        acknowledged: rollbook_core::Version::ZERO,
        observed: 0,
        authorities,
        statements: &[],
    }))
}

/// Asks `peer` in its turn, and hands over what `answer` makes of the request.
fn ask(
    tracker: &mut Tracker,
    ms: &mut u64,
    answer: impl Fn(&Request<'_>) -> Vec<u8>,
) -> Result<(), MessageError> {
    let mut request = vec![0; MAX_REQUEST];
    loop {
        let now = at(*ms);
        tracker.handle_timeout(now);
        if let Some(sent) = tracker.poll_request(now, &mut request) {
            let asked = message::decode(&request[..sent.len], MAX_REQUEST).expect("well formed");
            return tracker.handle_response(now, &sent.to, &answer(&asked));
        }
        *ms = tracker.poll_timeout().expect("it asks").saturating_sub(at(0).mono_ms);
    }
}

/// Lists that nobody can have, by name.
fn bent_lists() -> Vec<(&'static str, Vec<u8>)> {
    let (ours, nine) = (as_bytes(&list(&[A, B])), (10..19).map(|seed| keys(seed).1));
    let mut nine: Vec<PeerId> = nine.collect();
    nine.sort_unstable();
    let nine = nine.iter().flat_map(|peer| [&[38], peer.as_bytes()].concat()).collect();
    vec![
        ("too many", nine),
        ("one twice", as_bytes(&list(&[A])).repeat(2)),
        ("garbage", vec![5, 1, 2, 3, 4, 5]),
        ("cut short", ours[..ours.len() - 1].to_vec()),
        ("a size beyond", vec![255]),
    ]
}

#[test]
fn bent_list_makes_an_answer_malformed() {
    let peer = keys(66).1;
    for (name, bytes) in bent_lists() {
        let mut tracker = connected_with(&peer);
        let taken =
            ask(&mut tracker, &mut 0, |_| sync_response(hello(&list(&[A]), [1; 16]), &bytes));
        assert_eq!(taken, Err(MessageError::Malformed), "{name}");
    }
    // As does one that is not that of the hello.
    let mut tracker = connected_with(&peer);
    let other = as_bytes(&list(&[B, C]));
    let taken = ask(&mut tracker, &mut 0, |_| sync_response(hello(&list(&[A]), [1; 16]), &other));
    assert_eq!(taken, Err(MessageError::Malformed));
    let told = core::iter::from_fn(|| tracker.poll_event(at(0)));
    assert_eq!(told.filter(|event| *event == Event::NothingInCommon { peer }).count(), 0);
}

#[test]
fn bent_list_makes_a_step_malformed() {
    let peer = keys(66).1;
    let mut tracker = connected_with(&peer);
    let mut response = vec![0; MAX_RESPONSE];
    let mut request_with = |authorities: &[u8]| {
        let fields = WalkRequest { step: 1, salt: [3; 16], credit: 900, authorities, parts: &[] };
        tracker.handle_request(at(0), &peer, &encoded(&Request::Walk(fields)), &mut response)
    };
    for (name, bytes) in bent_lists() {
        assert_eq!(request_with(&bytes), Err(MessageError::Malformed), "{name}");
    }
    assert!(request_with(&as_bytes(&list(&[A, C]))).is_ok());
}

#[test]
fn liar_who_has_another_list_each_time_is_told_of_once_and_not_walked_with() {
    let peer = keys(66).1;
    let mut tracker = connected_with(&peer);
    let (mut ms, mut told) = (0, 0);
    for seed in 20..80 {
        let theirs = Authorities::new(&[keys(seed).1]).expect("one");
        let answer = sync_response(hello(&theirs, [seed; 16]), &as_bytes(&theirs));
        ask(&mut tracker, &mut ms, |asked| {
            assert!(matches!(asked, Request::Sync(_)));
            answer.clone()
        })
        .expect("well formed");
        let events = core::iter::from_fn(|| tracker.poll_event(at(ms)));
        told += events.filter(|event| *event == Event::NothingInCommon { peer }).count();
    }
    assert_eq!(told, 1);
    assert_eq!(tracker.counters().walks_begun, 0);
    assert_eq!(tracker.counters().nothing_in_common, 60);
}

#[test]
fn walk_ends_where_the_other_has_another_list_all_at_once() {
    let peer = keys(66).1;
    let mut tracker = connected_with(&peer);
    let (theirs, other) = (list(&[A, C]), list(&[A, B, C]));
    let mut ms = 0;
    while tracker.counters().walks_begun == 0 {
        let answer = sync_response(hello(&theirs, [1; 16]), &as_bytes(&theirs));
        ask(&mut tracker, &mut ms, |_| answer.clone()).expect("well formed");
    }
    ask(&mut tracker, &mut ms, |asked| {
        let Request::Walk(walk) = asked else { panic!("a walk began") };
        assert_eq!(walk.authorities, as_bytes(&list(&[A, B])));
        // An empty list of everything: all is to be sent.
        let (step, parts, hello) = (walk.step, &[1, 0, 0][..], hello(&other, [1; 16]));
        encoded(&Response::Walk(WalkResponse { step, hello, shown: 5, resume: None, parts }))
    })
    .expect("well formed");
    assert_eq!(tracker.counters().walks_given_up, 1);
}

#[test]
fn step_of_who_lists_no_common_authority_is_not_answered() {
    let mut cluster = half_rolled_out();
    let (now, from) = (cluster.now(), keys(99).1);
    cluster.tracker(A).handle_connected(now, &from);
    let mut response = vec![0; MAX_RESPONSE];
    // Tags of all children of the whole roll, which differ from anybody's.
    let parts = [&[0, 0, 0xff, 0xff][..], &[0xa5; 64]].concat();
    let mut parts_answered = |tracker: &mut Tracker, theirs: &Authorities| {
        let statements = &[][..];
        let (cursor, hello) = (Cursor::default(), hello(theirs, [1; 16]));
        let sync = SyncRequest { hello, cursor, renew: None, observations: None, statements };
        let sync = encoded(&Request::Sync(sync));
        tracker.handle_request(now, &from, &sync, &mut response).expect("well formed");
        let authorities = &as_bytes(theirs)[..];
        let walk = WalkRequest { step: 1, salt: [3; 16], credit: 900, authorities, parts: &parts };
        let walk = encoded(&Request::Walk(walk));
        let size = tracker.handle_request(now, &from, &walk, &mut response).expect("well formed");
        let answer = message::decode(&response[..size], MAX_RESPONSE).expect("well formed");
        let Response::Walk(answer) = answer else { panic!("another answer") };
        answer.parts.len()
    };
    let tracker = cluster.tracker(A);
    assert_eq!(parts_answered(tracker, &list(&[3, 4])), 0);
    assert!(tracker.counters().nothing_in_common > 0);
    assert!(parts_answered(tracker, &list(&[B, 3])) > 0);
}
