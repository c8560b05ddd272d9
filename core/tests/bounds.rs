//! The bounds on what others can make a replica do: who waits, what is checked, what is held.

#![cfg(feature = "alloc")]

mod common;

use common::{Cluster, INTERVAL_MS, at, gossip, keys};
use rollbook_core::{
    Announcement, AnnouncementFields, Authorities, Config, Heap, Hint, Inline, Intent, Keypair,
    MAX_FRAME, MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE, NodeEventTracker, Now, PeerId, Presence,
    PresenceState, Session, Signed, Signer, Verdict, Version,
    message::{self, Cursor, Flags, Hello, Renew, Request, SyncRequest},
    statement::Fields,
};

/// Room for 40 nodes, 16 of which wait.
type Storage = Inline<40, 1024, 16, 40>;
type Tracker = NodeEventTracker<Storage, Keypair>;

/// Node number `number` of those that are made up.
fn stranger(number: u16) -> (Keypair, PeerId) {
    let mut seed = [0xaa; 32];
    seed[..2].copy_from_slice(&number.to_le_bytes());
    let keys = Keypair::ed25519(seed);
    let peer_id = keys.peer_id();
    (keys, peer_id)
}

fn sign<'a, T: Fields<'a>>(keys: &Keypair, about: &PeerId, seq: u32, fields: &T) -> Vec<u8> {
    let network = "test".parse().expect("valid");
    let version = Version { epoch: 2_000_000_000, seq };
    Signed::sign(&network, keys, about, version, fields).expect("bounded").to_vec()
}

fn fields() -> Announcement<'static> {
    Announcement {
        session: Session([1; 4]),
        home: Hint::NONE,
        intent: Intent::UP,
        issued_at: 1,
        addresses: heapless::Vec::new(),
        agent: "",
        capabilities: heapless::Vec::new(),
        extra: &[],
    }
}

fn announcement(keys: &Keypair, seq: u32) -> Vec<u8> {
    sign(keys, &keys.peer_id(), seq, &fields())
}

/// What authority 1 says of a node.
fn presence(about: &PeerId, seq: u32) -> Vec<u8> {
    let presence = Presence { state: PresenceState::ONLINE, ..Presence::default() };
    sign(&keys(1).0, about, seq, &presence)
}

/// The same with the last byte of the last signature bent.
fn forged(statement: &[u8]) -> Vec<u8> {
    let mut bent = statement.to_vec();
    *bent.last_mut().expect("not empty") ^= 1;
    bent
}

/// A member of a network of one authority, which is number 1.
fn member(change: impl FnOnce(&mut Config)) -> Box<Tracker> {
    let authorities = Authorities::new(&[keys(1).1]).expect("distinct");
    let mut config = Config::new("test".parse().expect("valid"), authorities);
    config.interval_ms = INTERVAL_MS;
    config.capacity = 40;
    change(&mut config);
    let mut tracker = common::tracker::<Storage>(&config, &keys(7).0, [7; 32]);
    tracker.start(at(0));
    tracker
}

/// A member in whose roll are the authority and the made-up nodes below `count`.
fn member_of(count: u16) -> Box<Tracker> {
    let mut tracker = member(|_| ());
    for number in 0..count {
        let (keys, peer_id) = stranger(number);
        let message = gossip(&[presence(&peer_id, 1), announcement(&keys, 1)]);
        let verdict = tracker.handle_gossip(at(0), &common::keys(1).1, &message);
        assert_eq!(verdict, Verdict::Accept);
    }
    tracker
}

fn later(seconds: u64) -> Now {
    at(seconds * 1000)
}

#[test]
fn flood_of_identities_by_one_peer_does_not_keep_a_connected_newcomer_out() {
    common::on_a_large_stack(|| {
        let mut tracker = member(|_| ());
        let flooders = [20, 21, 22, 23].map(|seed| keys(seed).1);
        for number in 0..200 {
            let from = flooders[usize::from(number) % 4];
            let message = gossip(&[announcement(&stranger(number).0, 1)]);
            assert_eq!(tracker.handle_gossip(at(0), &from, &message), Verdict::Ignore);
        }
        let counters = *tracker.counters();
        assert_eq!(counters.pool_taken, 4, "one of 16 places for each who introduces");
        assert_eq!(counters.pool_over_quota, 196);
        assert!(counters.statements_bad_signature == 0 && counters.pool_full == 0);
        // Whoever stands at the door itself may have any place that is left.
        for number in 300..312 {
            let (keys, peer_id) = stranger(number);
            tracker.handle_connected(at(0), &peer_id);
            let message = gossip(&[announcement(&keys, 1)]);
            // Even where somebody else is the first to speak of it.
            let from = if number % 2 == 0 { peer_id } else { flooders[0] };
            tracker.handle_gossip(at(0), &from, &message);
            assert!(tracker.node(at(0), &peer_id).is_some(), "{number}");
        }
        let (keys, peer_id) = stranger(400);
        tracker.handle_gossip(at(0), &peer_id, &gossip(&[announcement(&keys, 1)]));
        assert_eq!(tracker.counters().pool_full, 1, "full means refuse");
        assert!(tracker.node(at(0), &stranger(0).1).is_some(), "nobody is pushed out");
    });
}

#[test]
fn introduced_nodes_have_half_of_the_places() {
    common::on_a_large_stack(|| {
        let mut tracker = member(|_| ());
        for number in 0..40 {
            let from = stranger(1_000 + number).1;
            tracker.handle_gossip(at(0), &from, &gossip(&[announcement(&stranger(number).0, 1)]));
        }
        assert_eq!((tracker.counters().pool_taken, tracker.counters().pool_over_quota), (8, 32));
        // After a while those that nobody speaks of any more are given up.
        tracker.handle_timeout(later(601));
        assert_eq!(tracker.counters().pool_expired, 8);
        assert_eq!(tracker.nodes(later(601)).count(), 0);
    });
}

#[test]
fn pool_is_not_filled_by_connecting_under_one_name_after_the_other() {
    common::on_a_large_stack(|| {
        let mut tracker = member(|_| ());
        for number in 0..100 {
            let (keys, peer_id) = stranger(number);
            tracker.handle_connected(at(0), &peer_id);
            tracker.handle_gossip(at(0), &peer_id, &gossip(&[announcement(&keys, 1)]));
            tracker.handle_disconnected(at(0), &peer_id);
        }
        assert_eq!(tracker.nodes(at(0)).count(), 8);
        let counters = tracker.counters();
        assert_eq!((counters.pool_full, counters.pool_over_quota), (0, 92));
    });
}

#[test]
fn flood_by_one_writer_costs_a_burst_of_verifications_and_ends() {
    common::on_a_large_stack(|| {
        let mut tracker = member_of(3);
        let writer = stranger(1).0;
        let taken = |tracker: &mut Tracker, now: Now, seqs: std::ops::Range<u32>| {
            let before = tracker.counters().statements_taken;
            for seq in seqs {
                // Through ten peers, each of which does nothing wrong.
                let from = stranger(1_000 + u16::try_from(seq % 10).expect("below ten")).1;
                tracker.handle_gossip(now, &from, &gossip(&[announcement(&writer, seq)]));
            }
            tracker.counters().statements_taken - before
        };
        let burst = taken(&mut tracker, at(0), 2..1_000);
        assert!((6..=8).contains(&burst), "{burst}");
        assert!(tracker.counters().gossip_over_rate > 900);
        assert_eq!(tracker.counters().verifications_over_budget, 0, "it is nobody else's fault");
        // Another writer is heard, and this one again after a while.
        let other = gossip(&[announcement(&stranger(2).0, 2)]);
        assert_eq!(tracker.handle_gossip(at(0), &keys(1).1, &other), Verdict::Accept);
        assert_eq!(taken(&mut tracker, later(10), 1_000..1_100), 1);
        assert_eq!(taken(&mut tracker, later(30), 1_100..1_200), 2);
        assert_eq!(taken(&mut tracker, later(10_000), 1_200..1_300), 8);
    });
}

#[test]
fn what_others_make_up_in_a_writers_name_does_not_silence_it() {
    common::on_a_large_stack(|| {
        let mut tracker = member_of(3);
        let writer = stranger(1).0;
        for seq in 100..200 {
            let made_up = gossip(&[forged(&announcement(&writer, seq))]);
            let verdict = tracker.handle_gossip(at(0), &keys(20).1, &made_up);
            assert_eq!(verdict, Verdict::Reject);
        }
        let genuine = gossip(&[announcement(&writer, 2)]);
        assert_eq!(tracker.handle_gossip(at(0), &keys(21).1, &genuine), Verdict::Accept);
    });
}

#[test]
fn forged_statements_by_one_peer_do_not_stop_anothers() {
    common::on_a_large_stack(|| {
        let mut tracker = member_of(3);
        let (forger, honest) = (keys(20).1, keys(21).1);
        tracker.handle_connected(at(0), &forger);
        tracker.handle_connected(at(0), &honest);
        let mut rejected = 0;
        for seq in 0..1_000 {
            let writer = stranger(u16::try_from(seq % 3).expect("below three")).0;
            let made_up = gossip(&[forged(&announcement(&writer, 100 + seq))]);
            match tracker.handle_gossip(at(0), &forger, &made_up) {
                Verdict::Reject => rejected += 1,
                verdict => assert_eq!(verdict, Verdict::Ignore),
            }
        }
        assert_eq!(rejected, 32, "no more signatures are checked for it");
        let counters = *tracker.counters();
        assert_eq!(counters.statements_bad_signature, 32);
        assert_eq!(counters.verifications_over_budget, 1_000 - 32);
        // Of the forger nothing is taken, not even what is genuine; of others everything is.
        let genuine = gossip(&[announcement(&stranger(1).0, 2)]);
        assert_eq!(tracker.handle_gossip(at(0), &forger, &genuine), Verdict::Ignore);
        assert_eq!(tracker.handle_gossip(at(0), &honest, &genuine), Verdict::Accept);
        // After a while it may be wrong again.
        let genuine = gossip(&[announcement(&stranger(2).0, 2)]);
        assert_eq!(tracker.handle_gossip(later(1), &forger, &genuine), Verdict::Accept);
    });
}

#[test]
fn peers_that_are_not_connected_share_what_is_checked_for_them() {
    common::on_a_large_stack(|| {
        let mut tracker = member_of(1);
        let made_up = gossip(&[forged(&announcement(&stranger(0).0, 100))]);
        for number in 0..300 {
            tracker.handle_gossip(at(0), &stranger(1_000 + number).1, &made_up);
        }
        assert_eq!(tracker.counters().statements_bad_signature, 256);
        let connected = keys(21).1;
        tracker.handle_connected(at(0), &connected);
        let genuine = gossip(&[announcement(&stranger(0).0, 2)]);
        assert_eq!(tracker.handle_gossip(at(0), &connected, &genuine), Verdict::Accept);
    });
}

#[test]
fn transfer_of_what_is_new_costs_its_sender_nothing() {
    common::on_a_large_stack(|| {
        let mut tracker = member(|config| config.capacity = 40);
        let from = keys(1).1;
        tracker.handle_connected(at(0), &from);
        for seq in 1..20 {
            for number in 0..20 {
                let news = gossip(&[presence(&stranger(number).1, 1_000 * seq)]);
                let verdict = tracker.handle_gossip(later(u64::from(seq)), &from, &news);
                assert_ne!(verdict, Verdict::Reject);
            }
        }
        let counters = tracker.counters();
        assert_eq!(counters.verifications_over_budget, 0);
        // Its rate as a writer is that of 40 nodes that all change, four times over.
        assert!(counters.statements_taken > 160, "{counters:?}");
        assert!(counters.gossip_over_rate > 0);
    });
}

#[test]
fn members_of_a_cluster_are_never_over_a_bound() {
    common::on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::with(2, 8, |config| config.capacity = 40);
        cluster.run_until_converged();
        for _ in 0..3 {
            cluster.crash_and_restart(5);
            cluster.run_until_converged();
        }
        for node in 0..10 {
            let counters = cluster.tracker(node).counters();
            assert_eq!(counters.gossip_over_rate, 0, "node {node}");
            assert_eq!(counters.verifications_over_budget, 0, "node {node}");
            assert_eq!(counters.pool_over_quota, 0, "node {node}");
        }
    });
}

#[test]
fn two_that_work_together_get_no_more_checked_than_one() {
    common::on_a_large_stack(|| {
        let mut tracker = member_of(1);
        let (writer, from) = (stranger(0).0, keys(20).1);
        tracker.handle_connected(at(0), &from);
        for request in 0..200u32 {
            let statements: Vec<Vec<u8>> =
                (2..22).map(|seq| announcement(&writer, 20 * request + seq)).collect();
            let bytes = exchange(&statements.concat());
            let mut response = vec![0; MAX_RESPONSE];
            tracker.handle_request(at(0), &from, &bytes, &mut response).expect("well formed");
        }
        let counters = tracker.counters();
        assert!(counters.statements_taken < 300, "{}", counters.statements_taken);
        assert!(counters.verifications_over_budget > 0);
    });
}

fn sync_request() -> SyncRequest<'static> {
    SyncRequest {
        hello: Hello {
            count: 0,
            root: [0; 16],
            authorities: [0; 8],
            flags: Flags::default(),
            in_touch: 0,
            size_max: 16_384,
        },
        cursor: Cursor::default(),
        renew: None,
        observations: None,
        statements: &[],
    }
}

/// A request that brings `statements`.
fn exchange(statements: &[u8]) -> Vec<u8> {
    let fields = SyncRequest { statements, ..sync_request() };
    let mut bytes = vec![0; MAX_REQUEST];
    let size = message::encode(&Request::Sync(fields), &mut bytes).expect("it fits");
    bytes.truncate(size);
    bytes
}

#[test]
fn connecting_again_buys_few_checks() {
    common::on_a_large_stack(|| {
        let mut tracker = member_of(1);
        let (forger, honest) = (keys(20).1, keys(21).1);
        for seq in 0..2_000 {
            if seq % 500 == 0 {
                tracker.handle_disconnected(at(0), &forger);
                tracker.handle_connected(at(0), &forger);
            }
            let made_up = gossip(&[forged(&announcement(&stranger(0).0, 100 + seq))]);
            tracker.handle_gossip(at(0), &forger, &made_up);
        }
        assert!(tracker.counters().statements_bad_signature <= 4 * 32);
        // Nor does it cost others anything.
        tracker.handle_connected(at(0), &honest);
        let genuine = gossip(&[announcement(&stranger(0).0, 2)]);
        assert_eq!(tracker.handle_gossip(at(0), &honest, &genuine), Verdict::Accept);
    });
}

#[test]
fn five_hundred_nodes_that_join_at_once_are_all_admitted() {
    let (authority, now) = (keys(1), at(0));
    let authorities = Authorities::new(&[authority.1]).expect("one");
    let mut config = Config::new("test".parse().expect("valid"), authorities);
    config.capacity = 501;
    let start = |keys: &Keypair| {
        let mut tracker = common::tracker::<Heap>(&config, keys, [7; 32]);
        common::recover_header(&mut tracker, &config);
        tracker.start(now);
        tracker.announce(now, &AnnouncementFields::default()).expect("bounded");
        tracker
    };
    let mut tracker = start(&authority.0);
    let mut other = start(&keys(2).0);
    other.handle_connected(now, &authority.1);
    let drain = |tracker: &mut NodeEventTracker<Heap, Keypair>| {
        let (mut frame, mut position) = ([0; MAX_FRAME], 0);
        while let Some(written) = tracker.poll_journal(&mut frame) {
            position = written.position;
        }
        tracker.handle_journal_synced(position);
    };
    drain(&mut tracker);
    let session = Session([1; 4]);
    for number in 0..499 {
        let (keys, peer_id) = stranger(number);
        tracker.handle_connected(now, &peer_id);
        let said = Announcement { home: authority.1.hint(), ..fields() };
        let fields = SyncRequest {
            renew: Some(Renew { session }),
            statements: &sign(&keys, &peer_id, 1, &said),
            ..sync_request()
        };
        let mut bytes = vec![0; MAX_REQUEST];
        let size = message::encode(&Request::Sync(fields), &mut bytes).expect("it fits");
        let mut response = vec![0; MAX_RESPONSE];
        tracker.handle_request(now, &peer_id, &bytes[..size], &mut response).expect("answered");
    }
    assert_eq!(tracker.status(now).online, 500);
    // All of it in one go.
    drain(&mut tracker);
    let mut message = [0; MAX_GOSSIP];
    while let Some(size) = tracker.poll_publication(&mut message) {
        let verdict = other.handle_gossip(now, &authority.1, &message[..size]);
        assert_eq!(verdict, Verdict::Accept);
    }
    assert_eq!(other.root(), tracker.root());
    assert_eq!(other.counters().pool_taken, 0);
}
