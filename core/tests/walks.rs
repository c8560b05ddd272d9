//! Walks over whole trackers: rolls that differ become equal past the authorities and at the cost
//! of the differences, and nobody is kept busy by who does not do his part.

#![cfg(feature = "alloc")]

mod common;

use common::{Cluster, INTERVAL_MS, at, keys};
use rollbook_core::{
    AnnouncementFields, Authorities, Config, Event, Grant, Heap, Imported, Keypair, MAX_FRAME,
    MAX_REQUEST, MAX_RESPONSE, NodeEventTracker, PeerId,
    message::{
        self, Cursor, Flags, Hello, LeaseAnswer, Request, Response, SyncRequest, SyncResponse,
        WalkRequest, WalkResponse,
    },
};

type Tracker = NodeEventTracker<Heap, Keypair>;

/// A node that nobody runs.
fn stranger(number: u16) -> PeerId {
    let mut seed = [0xee; 32];
    seed[..2].copy_from_slice(&number.to_le_bytes());
    rollbook_core::Signer::peer_id(&Keypair::ed25519(seed))
}

/// A cluster of one authority whose roll holds so many nodes that nobody runs.
fn cluster_of(members: usize, strangers: u16) -> Cluster<Heap> {
    let mut cluster = Cluster::<Heap>::with(1, members, |config| config.capacity = 10_000);
    cluster.run_until_converged();
    for number in 0..strangers {
        let history = Imported::of(1_600_000_000, 5_000);
        let now = cluster.now();
        let imported = cluster.tracker(0).import(now, &stranger(number), history, &[]);
        assert!(imported.is_ok());
        if number % 50 == 49 {
            cluster.settle();
        }
    }
    cluster.run(INTERVAL_MS);
    let root = cluster.tracker(0).root();
    (0..=members).for_each(|node| assert_eq!(cluster.tracker(node).root(), root, "node {node}"));
    cluster
}

/// The bytes of all requests and responses after the first `before`.
fn bytes_after(cluster: &Cluster<Heap>, before: usize) -> usize {
    cluster.exchange_log()[before..].iter().map(Vec::len).sum()
}

#[test]
fn restarted_home_costs_its_members_what_changed_and_not_the_roll() {
    let mut cluster = cluster_of(2, 1_000);
    cluster.lose_gossip();
    let now = cluster.now();
    let roll_bytes = cluster.tracker(0).status(now).roll_bytes;
    cluster.stop(0);
    let before = cluster.exchange_log().len();
    cluster.restart(0);
    cluster.run_until_converged();
    let counters = *cluster.tracker(1).counters();
    assert!(counters.walks_begun > 0 && counters.walks_given_up == 0);
    let bytes = bytes_after(&cluster, before);
    assert!(bytes < 5_000 && roll_bytes > 100_000, "{bytes} bytes for a roll of {roll_bytes}");
}

#[test]
fn replicas_that_never_read_each_other_heal_without_an_authority() {
    let mut cluster = cluster_of(3, 200);
    cluster.lose_gossip();
    // One is cut off; the others hear of a grant and of a node that changed; then nobody is left
    // who could tell it but they.
    cluster.stop(1);
    let (now, peer) = (cluster.now(), cluster.peer(2));
    cluster.tracker(0).grant(now, &peer, Grant::STAKED).expect("an authority");
    let said = AnnouncementFields { agent: "changed", ..AnnouncementFields::default() };
    cluster.tracker(3).announce(now, &said).expect("bounded");
    cluster.run(20 * INTERVAL_MS);
    assert!(cluster.view(3, 2).expect("in the roll").grants.contains(Grant::STAKED));
    cluster.stop(0);
    let before = cluster.exchange_log().len();
    cluster.restart(1);
    cluster.run(20 * INTERVAL_MS);
    assert!(cluster.view(1, 2).expect("in the roll").grants.contains(Grant::STAKED));
    assert_eq!(
        cluster.view(1, 3).expect("in the roll").announcement.expect("admitted").1.agent,
        "changed"
    );
    let root = cluster.tracker(1).root();
    assert!(cluster.tracker(2).root() == root && cluster.tracker(3).root() == root);
    let bytes = bytes_after(&cluster, before);
    assert!(bytes < 15_000, "{bytes} bytes");
}

#[test]
fn one_difference_in_a_thousand_is_found_in_under_a_thousand_bytes() {
    let mut cluster = cluster_of(2, 1_000);
    cluster.lose_gossip();
    let now = cluster.now();
    let said = AnnouncementFields { agent: "changed", ..AnnouncementFields::default() };
    cluster.tracker(1).announce(now, &said).expect("bounded");
    // Only the other member is left to be told, in a new run that knows nobody's changes.
    cluster.stop(0);
    cluster.stop(2);
    let before = cluster.exchange_log().len();
    cluster.restart(2);
    while cluster.tracker(1).root() != cluster.tracker(2).root() {
        cluster.run(INTERVAL_MS / 100);
        assert!(cluster.now().mono_ms < now.mono_ms + 50 * INTERVAL_MS);
    }
    let walked: usize = cluster.exchange_log()[before..]
        .chunks(2)
        .filter(|pair| {
            let answer = message::decode(&pair[1], MAX_RESPONSE).expect("well formed");
            matches!(answer, Response::Walk(_))
        })
        .flatten()
        .map(Vec::len)
        .sum();
    let equal_or_not = 2 * 64;
    assert!(walked > 0 && walked + equal_or_not < 1_000, "{walked} bytes");
}

#[test]
fn messages_are_as_large_as_their_reader_takes_and_no_larger() {
    let mut cluster = cluster_of(1, 500);
    let (now, from) = (cluster.now(), keys(99).1);
    cluster.tracker(0).handle_connected(now, &from);
    let mut response = vec![0; 200_000];
    for (size_max, least, most) in
        [(0, 15_000, 16_384), (16_384, 15_000, 16_384), (40_000, 38_000, 40_000)]
    {
        let hello = Hello { size_max, ..hello(&cluster.config().authorities.clone(), 0, [1; 16]) };
        let request = sync_request(hello);
        let size = cluster
            .tracker(0)
            .handle_request(now, &from, &request, &mut response)
            .expect("well formed");
        assert!((least..=most).contains(&size), "{size} of {size_max}");
    }
    // Nor larger than the room for it.
    let hello =
        Hello { size_max: 40_000, ..hello(&cluster.config().authorities.clone(), 0, [1; 16]) };
    let request = sync_request(hello);
    let room = &mut response[..20_000];
    let size = cluster.tracker(0).handle_request(now, &from, &request, room);
    assert!((18_000..=20_000).contains(&size.expect("room")));
}

fn hello(authorities: &Authorities, count: u32, root: [u8; 16]) -> Hello {
    Hello {
        count,
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

fn sync_request(hello: Hello) -> Vec<u8> {
    let cursor = Cursor::default();
    let fields = SyncRequest { hello, cursor, renew: None, observations: None, statements: &[] };
    encoded(&Request::Sync(fields))
}

fn sync_response(hello: Hello, lease: LeaseAnswer) -> Vec<u8> {
    let cursor = Cursor { incarnation: [7; 4], since: 5, after: 5 };
    let acknowledged = rollbook_core::Version { epoch: u32::MAX - 1, seq: 1 };
    let fields = SyncResponse {
        hello,
        cursor,
        lease,
        acknowledged,
        observed: 0,
        authorities: &[],
        statements: &[],
    };
    encoded(&Response::Sync(fields))
}

/// Tags of all 16 children of the whole roll, all of which differ from anybody's.
fn tags_of_nothing_real() -> Vec<u8> {
    let mut parts = vec![0, 0, 0xff, 0xff];
    parts.extend([0xa5; 64]);
    parts
}

#[test]
fn walks_of_a_peer_cost_no_more_than_it_is_granted() {
    let mut cluster = cluster_of(1, 1_000);
    let (now, from) = (cluster.now(), keys(99).1);
    let parts = tags_of_nothing_real();
    let walk = encoded(&Request::Walk(WalkRequest {
        step: 1,
        salt: [3; 16],
        credit: 900,
        authorities: &[],
        parts: &parts,
    }));
    let authorities = cluster.config().authorities.clone();
    let mut response = vec![0; MAX_RESPONSE];
    let mut steps_answered = |cluster: &mut Cluster<Heap>, now, from: &PeerId, steps| {
        let mut answered = 0;
        for _ in 0..steps {
            let size = cluster
                .tracker(0)
                .handle_request(now, from, &walk, &mut response)
                .expect("well formed");
            let answer = message::decode(&response[..size], MAX_RESPONSE).expect("well formed");
            let Response::Walk(answer) = answer else { panic!("another answer") };
            assert_eq!(answer.step, 1);
            answered += usize::from(!answer.parts.is_empty());
            assert!(!answer.parts.is_empty() || answer.resume == Some((0, 0)));
        }
        answered
    };
    // A stranger, and one who did not say hello.
    assert_eq!(steps_answered(&mut cluster, now, &from, 10), 0);
    cluster.tracker(0).handle_connected(now, &from);
    assert_eq!(steps_answered(&mut cluster, now, &from, 10), 0);
    let request = sync_request(hello(&authorities, 900, [1; 16]));
    let mut room = vec![0; MAX_RESPONSE];
    cluster.tracker(0).handle_request(now, &from, &request, &mut room).expect("well formed");
    // Each answer works over the buckets of the whole roll, and over the tags of each child.
    let answered = steps_answered(&mut cluster, now, &from, 100);
    assert!((10..30).contains(&answered), "{answered}");
    assert!(cluster.tracker(0).counters().walks_over_budget >= 70);
    // Another is not kept from its walks, and later it goes on.
    let other = keys(98).1;
    cluster.tracker(0).handle_connected(now, &other);
    cluster.tracker(0).handle_request(now, &other, &request, &mut room).expect("well formed");
    assert!(steps_answered(&mut cluster, now, &other, 5) == 5);
    let later = at(now.mono_ms - at(0).mono_ms + INTERVAL_MS);
    let answered = steps_answered(&mut cluster, later, &from, 100);
    assert!((1..5).contains(&answered), "{answered}");
}

/// What a peer answers to a step of a walk: the fields but for step and hello.
type Lie = fn(&WalkRequest<'_>, u64) -> (Option<(u16, u8)>, Vec<u8>);

/// A member with its home, which is honest, and a peer that lies in walks and whose root is
/// another each time or always the same. Gives how often home was asked, how many steps were
/// taken, and whether an alarm was raised, in so many intervals.
fn lied_to(lie: Lie, intervals: u64, is_root_fixed: bool) -> (u64, u64, Box<Tracker>, Vec<Event>) {
    let (home, liar) = (keys(1).1, keys(66).1);
    let authorities = Authorities::new(&[home]).expect("distinct");
    let config = Config::new("test".parse().expect("valid"), authorities.clone());
    let mut tracker = common::tracker::<Heap>(&config, &keys(7).0, [7; 32]);
    common::recover_header(&mut tracker, &config);
    tracker.start(at(0));
    tracker.announce(at(0), &AnnouncementFields::default()).expect("bounded");
    let (mut frame, mut position) = ([0; MAX_FRAME], 0);
    while let Some(written) = tracker.poll_journal(&mut frame) {
        position = written.position;
    }
    tracker.handle_journal_synced(position);
    tracker.handle_connected(at(0), &home);
    tracker.handle_connected(at(0), &liar);
    let (mut home_asked, mut steps, mut ms) = (0, 0u64, 0);
    let (mut request, mut events) = (vec![0; MAX_REQUEST], vec![]);
    while ms < intervals * INTERVAL_MS {
        let mut at_once = 0;
        while let Some(sent) = tracker.poll_request(at(ms), &mut request) {
            at_once += 1;
            assert!(at_once < 10_000, "it asks again and again at one instant");
            let asked = message::decode(&request[..sent.len], MAX_REQUEST).expect("well formed");
            let root = if is_root_fixed { [1; 16] } else { [steps.to_le_bytes()[0]; 16] };
            let answer = match asked {
                Request::Sync(_) if sent.to == home => {
                    home_asked += 1;
                    let hello = hello(&authorities, 0, tracker.root());
                    sync_response(hello, LeaseAnswer::GRANTED)
                }
                Request::Sync(_) => sync_response(hello(&authorities, 9, root), LeaseAnswer::NONE),
                Request::Walk(walk) => {
                    assert_eq!(sent.to, liar);
                    steps += 1;
                    let (resume, parts) = lie(&walk, steps);
                    let hello = hello(&authorities, 9, root);
                    let (step, parts) = (walk.step, &parts[..]);
                    encoded(&Response::Walk(WalkResponse { step, hello, shown: 5, resume, parts }))
                }
            };
            // What is no answer to what was asked is refused, and no harm is done.
            let _ = tracker.handle_response(at(ms), &sent.to, &answer);
        }
        events.extend(core::iter::from_fn(|| tracker.poll_event(at(ms))));
        let next_ms = tracker.poll_timeout().expect("it syncs").saturating_sub(at(0).mono_ms);
        assert!(next_ms > ms, "a deadline in the past");
        ms = next_ms;
        tracker.handle_timeout(at(ms));
    }
    (home_asked, steps, tracker, events)
}

/// No lie keeps a member from its home, nor busy for longer than this.
fn assert_goes_on(lie: Lie, steps_max: u64) -> (Box<Tracker>, Vec<Event>) {
    let intervals = 500;
    let (home_asked, steps, tracker, events) = lied_to(lie, intervals, true);
    assert!(home_asked > 9 * intervals / 10, "home was asked {home_asked} times");
    assert!((1..steps_max).contains(&steps), "{steps} steps");
    let (home_asked, steps, ..) = lied_to(lie, intervals, false);
    assert!(home_asked > 9 * intervals / 10, "home was asked {home_asked} times");
    assert!((1..steps_max).contains(&steps), "{steps} steps");
    (tracker, events)
}

#[test]
fn liar_who_finds_no_difference_is_asked_ever_less_and_raises_an_alarm_once() {
    let (tracker, events) = assert_goes_on(|_, _| (None, vec![]), 20);
    let liar = keys(66).1;
    let alarms = events.iter().filter(|event| **event == Event::RootsDiffer { peer: liar });
    assert_eq!(alarms.count(), 1);
    assert!(tracker.counters().walks_fruitless > 1);
}

#[test]
fn liar_who_never_gets_anywhere_is_given_up() {
    let (tracker, events) = assert_goes_on(|_, _| (Some((0, 0)), vec![]), 200);
    assert!(tracker.counters().walks_given_up > 1);
    assert!(!events.contains(&Event::RootsDiffer { peer: keys(66).1 }), "it may be overworked");
}

#[test]
fn liar_who_always_wants_everything_does_not_get_it_for_ever() {
    // An empty list of the whole roll.
    assert_goes_on(|_, _| (None, vec![1, 0, 0]), 100);
}

#[test]
fn liar_who_finds_all_to_differ_does_not_keep_a_walk_going() {
    let lie: Lie = |_, step| {
        let mut parts = tags_of_nothing_real();
        parts[4..8].copy_from_slice(&step.to_le_bytes()[..4]);
        (None, parts)
    };
    assert_goes_on(lie, 4_000);
}

#[test]
fn liar_who_breaks_the_rules_is_given_up() {
    for lie in [
        (|_, _| (Some((7, 0)), vec![])) as Lie,
        |_, _| (Some((0, 200)), vec![]),
        |_, _| (None, vec![9]),
        |_, _| (None, [1, 0, 1, 0, 0, 0, 0, 0].repeat(40)),
    ] {
        let (tracker, _) = assert_goes_on(lie, 1_000);
        assert!(tracker.counters().walks_given_up > 0);
    }
}

#[test]
fn late_answer_to_an_earlier_request_is_none_to_this_one() {
    let (_, _, mut tracker, _) = lied_to(|_, _| (None, vec![]), 1, true);
    let liar = keys(66).1;
    let authorities = tracker.authorities().clone();
    let mut request = vec![0; MAX_REQUEST];
    let mut now = at(2 * INTERVAL_MS);
    let walk = |step| {
        let hello = hello(&authorities, 9, [1; 16]);
        let fields = WalkResponse { step, hello, shown: 5, resume: None, parts: &[] };
        encoded(&Response::Walk(fields))
    };
    let step = loop {
        tracker.handle_timeout(now);
        let Some(sent) = tracker.poll_request(now, &mut request) else {
            now.mono_ms += INTERVAL_MS;
            continue;
        };
        match message::decode(&request[..sent.len], MAX_REQUEST).expect("well formed") {
            Request::Walk(walk) => break walk.step,
            Request::Sync(_) => {
                let root = if sent.to == liar { [1; 16] } else { tracker.root() };
                let answer = sync_response(hello(&authorities, 9, root), LeaseAnswer::NONE);
                tracker.handle_response(now, &sent.to, &answer).expect("asked for");
            }
        }
    };
    let rejected = tracker.counters().responses_rejected;
    let sync = sync_response(hello(&authorities, 9, [1; 16]), LeaseAnswer::NONE);
    for late in [walk(step.wrapping_sub(1)), sync] {
        assert_eq!(tracker.handle_response(now, &liar, &late), Ok(()));
    }
    assert_eq!(tracker.counters().responses_rejected, rejected + 2);
    let fruitless = tracker.counters().walks_fruitless;
    tracker.handle_response(now, &liar, &walk(step)).expect("asked for");
    assert_eq!(tracker.counters().walks_fruitless, fruitless + 1);
}
