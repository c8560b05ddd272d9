//! Who becomes a member: by itself, by a list, by an operator; and what a flood of identities gets.

#![cfg(feature = "alloc")]

mod common;

use common::{Cluster, INTERVAL_MS, at, keys};
use rollbook_core::{
    Admission, Announcement, AnnouncementFields, Authorities, CommandError, Config, Heap, Hint,
    Imported, Inline, Intent, Keypair, MAX_FRAME, MAX_REQUEST, MAX_RESPONSE, NodeEventTracker, Now,
    PeerId, Session, Signed, Signer, Standing, Version,
    message::{
        self, Cursor, Flags, Hello, LeaseAnswer, Renew, Request, Response, SyncRequest,
        SyncResponse,
    },
};

type Tracker = NodeEventTracker<Heap, Keypair>;

const SESSION: Session = Session([1; 4]);
/// A public address, and one behind a router.
const PUBLIC: [u8; 8] = [4, 203, 0, 113, 7, 6, 0x1d, 0xe7];
const PRIVATE: [u8; 8] = [4, 192, 168, 0, 7, 6, 0x1d, 0xe7];

/// Node number `number` of those that are made up.
fn stranger(number: u16) -> (Keypair, PeerId) {
    let mut seed = [0xab; 32];
    seed[..2].copy_from_slice(&number.to_le_bytes());
    let keys = Keypair::ed25519(seed);
    let peer_id = keys.peer_id();
    (keys, peer_id)
}

fn public(network: u8) -> [u8; 8] {
    let mut address = PUBLIC;
    address[3] = network;
    address
}

/// The first of so many authorities, started.
fn authority(count: u8, change: impl FnOnce(&mut Config)) -> Box<Tracker> {
    authority_number(1, count, change)
}

fn authority_number(number: u8, count: u8, change: impl FnOnce(&mut Config)) -> Box<Tracker> {
    let listed: Vec<PeerId> = (1..=count).map(|seed| keys(seed).1).collect();
    let authorities = Authorities::new(&listed).expect("distinct");
    let mut config = Config::new("test".parse().expect("valid"), authorities);
    config.interval_ms = INTERVAL_MS;
    change(&mut config);
    let mut tracker = common::tracker::<Heap>(&config, &keys(number).0, [number; 32]);
    common::recover_header(&mut tracker, &config);
    tracker.start(at(0));
    tracker.announce(at(0), &AnnouncementFields::default()).expect("bounded");
    drain(&mut tracker);
    tracker
}

fn drain(tracker: &mut Tracker) {
    let (mut frame, mut position) = ([0; MAX_FRAME], 0);
    while let Some(written) = tracker.poll_journal(&mut frame) {
        position = written.position;
    }
    tracker.handle_journal_synced(position);
}

fn request(renew: Option<Renew>, statements: &[u8]) -> Vec<u8> {
    let hello = Hello {
        count: 0,
        root: [0; 16],
        authorities: [0; 8],
        flags: Flags::default(),
        in_touch: 0,
        size_max: 16_384,
    };
    let fields =
        SyncRequest { hello, cursor: Cursor::default(), renew, observations: None, statements };
    let mut bytes = vec![0; MAX_REQUEST];
    let size = message::encode(&Request::Sync(fields), &mut bytes).expect("it fits");
    bytes.truncate(size);
    bytes
}

/// Lets a made-up node announce itself with the authority as its home and renew, over a connection
/// from `remote`, if that is known.
fn join(
    tracker: &mut Tracker,
    now: Now,
    number: u16,
    announced: &[u8],
    remote: Option<&[u8]>,
) -> LeaseAnswer {
    let (keys, peer_id) = stranger(number);
    match remote {
        Some(remote) => tracker.handle_connected_from(now, &peer_id, remote),
        None => tracker.handle_connected(now, &peer_id),
    }
    let said = Announcement {
        session: SESSION,
        home: tracker.peer_id().hint(),
        intent: Intent::UP,
        issued_at: 1,
        addresses: heapless::Vec::from_iter([announced]),
        agent: "",
        capabilities: heapless::Vec::new(),
        extra: &[],
    };
    let version = Version { epoch: 2_000_000_000, seq: 1 };
    let network = "test".parse().expect("valid");
    let said = Signed::sign(&network, &keys, &peer_id, version, &said).expect("bounded");
    renew(tracker, now, &peer_id, &said)
}

fn renew(tracker: &mut Tracker, now: Now, peer: &PeerId, statements: &[u8]) -> LeaseAnswer {
    let request = request(Some(Renew { session: SESSION }), statements);
    let mut response = vec![0; MAX_RESPONSE];
    let size = tracker.handle_request(now, peer, &request, &mut response).expect("answered");
    drain(tracker);
    let decoded = message::decode::<Response<'_>>(&response[..size], MAX_RESPONSE);
    let Ok(Response::Sync(SyncResponse { lease, .. })) = decoded else {
        panic!("the answer to a request for changes");
    };
    lease
}

fn online(tracker: &Tracker, now: Now) -> u32 {
    tracker.status(now).online
}

#[test]
fn newcomers_beyond_the_rate_wait_and_come_in_their_turn() {
    let mut tracker = authority(1, |_| ());
    let answers: Vec<LeaseAnswer> =
        (0..1_044).map(|number| join(&mut tracker, at(0), number, &PRIVATE, None)).collect();
    assert!(answers[..1_024].iter().all(|answer| *answer == LeaseAnswer::GRANTED));
    assert!(answers[1_024..].iter().all(|answer| *answer == LeaseAnswer::PENDING));
    assert_eq!(tracker.counters().newcomers_over_rate, 20);
    assert_eq!((tracker.status(at(0)).pending, online(&tracker, at(0))), (20, 1_025));
    // Ten in a second.
    let again = |tracker: &mut Tracker, now| {
        (1_024..1_044)
            .filter(|number| renew(tracker, now, &stranger(*number).1, &[]) == LeaseAnswer::GRANTED)
            .count()
    };
    assert_eq!(again(&mut tracker, at(1_000)), 10);
    // Those that are members by now renew as ever.
    assert_eq!(again(&mut tracker, at(2_000)), 20);
}

#[test]
fn one_part_of_the_network_takes_an_eighth_of_the_places() {
    let mut tracker = authority(1, |config| config.capacity = 64);
    let mut granted = |numbers: std::ops::Range<u16>, announced: &[u8], remote: Option<&[u8]>| {
        numbers
            .filter(|number| {
                join(&mut tracker, at(0), *number, announced, remote) == LeaseAnswer::GRANTED
            })
            .count()
    };
    assert_eq!(granted(0..20, &public(1), None), 8, "by what they announce");
    assert_eq!(granted(20..40, &PRIVATE, Some(&public(2))), 8, "by where they come from");
    assert_eq!(granted(40..50, &public(3), Some(&public(1))), 0, "the connection does not lie");
    assert_eq!(granted(50..60, &public(3), Some(&PRIVATE)), 8, "one that says nothing does");
    // A network of its own is nobody's flood.
    assert_eq!(granted(60..80, &PRIVATE, Some(&PRIVATE)), 20);
    assert_eq!(tracker.counters().newcomers_over_quota, 12 + 12 + 10 + 2);
}

#[test]
fn as_many_of_one_part_may_come_again_in_a_day() {
    let mut tracker = authority(1, |config| config.capacity = 64);
    for number in 0..9 {
        join(&mut tracker, at(0), number, &PUBLIC, None);
    }
    assert_eq!(online(&tracker, at(0)), 9);
    let day_ms = 24 * 60 * 60 * 1000;
    assert_eq!(join(&mut tracker, at(day_ms / 16), 8, &PUBLIC, None), LeaseAnswer::FULL);
    assert_eq!(join(&mut tracker, at(day_ms / 8), 8, &PUBLIC, None), LeaseAnswer::GRANTED);
    assert_eq!(join(&mut tracker, at(day_ms / 8), 9, &PUBLIC, None), LeaseAnswer::FULL);
}

#[test]
fn authorities_that_do_not_hear_each_other_stay_within_the_capacity_together() {
    for number in 1..=2 {
        let mut tracker = authority_number(number, 2, |config| config.capacity = 20);
        let base = 1_000 * u16::from(number);
        let answers: Vec<LeaseAnswer> = (base..base + 15)
            .map(|other| join(&mut tracker, at(0), other, &PRIVATE, None))
            .collect();
        let granted = answers.iter().filter(|answer| **answer == LeaseAnswer::GRANTED).count();
        assert_eq!(granted, 9, "and itself");
        assert!(answers[9..].iter().all(|answer| *answer == LeaseAnswer::FULL));
        assert_eq!(tracker.counters().newcomers_over_share, 6);
        // An operator may go on.
        tracker.admit(at(0), &stranger(base + 10).1).expect("there is room");
        assert_eq!(renew(&mut tracker, at(0), &stranger(base + 10).1, &[]), LeaseAnswer::GRANTED);
    }
}

#[test]
fn commands_and_imports_are_not_limited() {
    let mut tracker = authority(1, |_| ());
    for number in 0..1_200 {
        tracker.admit(at(0), &stranger(number).1).expect("there is room");
        let history = Imported::of(1, 1);
        tracker.import(at(0), &stranger(2_000 + number).1, history, &[]).expect("there is room");
    }
    assert_eq!(tracker.status(at(0)).admitted, 2_401);
    assert_eq!(join(&mut tracker, at(0), 5_000, &PUBLIC, None), LeaseAnswer::GRANTED);
}

#[test]
fn list_lets_in_who_is_on_it_and_others_wait() {
    let mut tracker = authority(1, |config| {
        config.admission = Admission::AllowList;
        config.capacity = 64;
    });
    let listed: Vec<PeerId> = (0..20).map(|number| stranger(number).1).collect();
    tracker.set_allowed(&listed).expect("an authority");
    for number in 0..20 {
        let answer = join(&mut tracker, at(0), number, &PUBLIC, None);
        assert_eq!(answer, LeaseAnswer::GRANTED, "whoever is named, from wherever");
    }
    assert_eq!(join(&mut tracker, at(0), 30, &PUBLIC, None), LeaseAnswer::PENDING);
    assert_eq!(join(&mut tracker, at(0), 31, &PUBLIC, None), LeaseAnswer::PENDING);
    assert_eq!(join(&mut tracker, at(0), 32, &PUBLIC, None), LeaseAnswer::PENDING);
    assert_eq!(tracker.status(at(0)).pending, 3);
    tracker.admit(at(0), &stranger(30).1).expect("an operator may admit others");
    assert_eq!(renew(&mut tracker, at(0), &stranger(30).1, &[]), LeaseAnswer::GRANTED);
    // Another list lets in others, and takes nobody out.
    tracker.set_allowed(&[stranger(31).1]).expect("an authority");
    assert_eq!(renew(&mut tracker, at(0), &stranger(31).1, &[]), LeaseAnswer::GRANTED);
    assert_eq!(renew(&mut tracker, at(0), &stranger(0).1, &[]), LeaseAnswer::GRANTED);
    assert_eq!(renew(&mut tracker, at(0), &stranger(32).1, &[]), LeaseAnswer::PENDING);
    // Nor does it let in who was banned.
    tracker.ban(at(0), &stranger(31).1).expect("it is held");
    assert_eq!(renew(&mut tracker, at(0), &stranger(31).1, &[]), LeaseAnswer::REFUSED);
}

#[test]
fn list_that_cannot_be_used_leaves_the_one_before() {
    let mut tracker = authority(1, |config| config.admission = Admission::AllowList);
    tracker.set_allowed(&[stranger(0).1]).expect("an authority");
    let hashed: PeerId = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().expect("valid");
    let refused = tracker.set_allowed(&[stranger(1).1, hashed]);
    assert_eq!(refused, Err(CommandError::UnsupportedKey));
    assert_eq!(join(&mut tracker, at(0), 0, &PRIVATE, None), LeaseAnswer::GRANTED);
    assert_eq!(join(&mut tracker, at(0), 1, &PRIVATE, None), LeaseAnswer::PENDING);
}

#[test]
fn list_on_inline_storage_is_as_long_as_there_are_leases() {
    common::on_a_large_stack(|| {
        let mut cluster = Cluster::<Inline<8, 1024, 8, 4>>::new(1, 1);
        let peers: Vec<PeerId> = (0..5).map(|number| stranger(number).1).collect();
        assert_eq!(cluster.tracker(0).set_allowed(&peers[..4]), Ok(()));
        assert_eq!(cluster.tracker(0).set_allowed(&peers), Err(CommandError::Full));
        assert_eq!(cluster.tracker(1).set_allowed(&peers), Err(CommandError::NotAuthority));
    });
}

#[test]
fn flood_of_identities_does_not_push_out_a_genuine_node_that_waits() {
    let mut tracker = authority(1, |config| config.admission = Admission::Manual);
    assert_eq!(join(&mut tracker, at(0), 0, &PUBLIC, None), LeaseAnswer::PENDING);
    for number in 1..1_500 {
        let answer = join(&mut tracker, at(0), number, &PUBLIC, None);
        assert_eq!(answer, LeaseAnswer::PENDING);
        if number % 3 == 0 {
            tracker.handle_disconnected(at(0), &stranger(number).1);
        }
    }
    assert_eq!(tracker.status(at(0)).pending, 1_024);
    assert!(tracker.counters().pool_full > 0);
    assert_eq!(tracker.status(at(0)).leases, 1, "its own");
    assert!(tracker.node(at(0), &stranger(0).1).is_some());
    tracker.admit(at(0), &stranger(0).1).expect("there is room");
    let view = tracker.node(at(0), &stranger(0).1).expect("held");
    assert!(view.announcement.is_some(), "it waited");
}

#[test]
fn whoever_takes_no_home_takes_no_lease() {
    let mut tracker = authority(1, |config| config.capacity = 64);
    for number in 0..100 {
        let (keys, peer_id) = stranger(number);
        tracker.handle_connected(at(0), &peer_id);
        let said = Announcement {
            session: SESSION,
            home: Hint::NONE,
            intent: Intent::UP,
            issued_at: 1,
            addresses: heapless::Vec::new(),
            agent: "",
            capabilities: heapless::Vec::new(),
            extra: &[],
        };
        let version = Version { epoch: 2_000_000_000, seq: 1 };
        let network = "test".parse().expect("valid");
        let said = Signed::sign(&network, &keys, &peer_id, version, &said).expect("bounded");
        assert_eq!(renew(&mut tracker, at(0), &peer_id, &said), LeaseAnswer::GRANTED);
    }
    assert_eq!((tracker.status(at(0)).leases, tracker.status(at(0)).admitted), (1, 1));
}

/// How many requests a member sent.
fn requests(cluster: &mut Cluster<Heap>, intervals: u64) -> u64 {
    let before = cluster.tracker(1).counters().requests_sent;
    cluster.run(intervals * INTERVAL_MS);
    cluster.tracker(1).counters().requests_sent - before
}

#[test]
fn member_that_is_told_to_wait_asks_less_often_and_is_here_once_it_is_admitted() {
    let mut cluster = Cluster::<Heap>::with(1, 1, |config| config.admission = Admission::Manual);
    cluster.run(16 * INTERVAL_MS);
    let late = requests(&mut cluster, 32);
    assert!((3..=12).contains(&late), "{late}");
    let peer = cluster.peer(1);
    let now = cluster.now();
    cluster.tracker(0).admit(now, &peer).expect("there is room");
    cluster.run(INTERVAL_MS);
    assert_eq!(cluster.online(0), 2, "it heard of that");
    assert!((8..=12).contains(&requests(&mut cluster, 10)), "as often as any other");
}

#[test]
fn member_that_is_banned_and_admitted_again_asks_at_once() {
    let mut cluster = Cluster::<Heap>::new(1, 2);
    cluster.run_until_converged();
    let (peer, now) = (cluster.peer(1), cluster.now());
    cluster.tracker(0).ban(now, &peer).expect("it is held");
    cluster.run(40 * INTERVAL_MS);
    assert_eq!(cluster.view(2, 1).expect("held").standing, Standing::BANNED);
    let now = cluster.now();
    cluster.tracker(0).admit(now, &peer).expect("it is held");
    // Its session was called left: it is watched for one window.
    cluster.run(4 * INTERVAL_MS);
    assert_eq!(cluster.online(2), 3);
}
