//! What comes from outside, bent in every way: nothing panics, nothing unsigned is believed, and a
//! damaged journal costs only what was damaged.

mod common;

use common::{Cluster, INTERVAL_MS, at, keys};
use rollbook_core::{
    Announcement, AnnouncementFields, Authorities, Config, Grant, Hint, Inline, Intent, Keypair,
    MAX_FRAME, MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE, NodeEventTracker, Session, Signed, Signer,
    Verdict, Version,
    journal::{Next, Reader},
    message::{self, Cursor, Flags, Hello, Renew, Request, SyncRequest},
};

type Storage = Inline<16, 2048, 8, 16>;
type Tracker = NodeEventTracker<Storage, Keypair>;

/// A fresh member of the cluster's network that has heard nothing yet.
fn stranger() -> Box<Tracker> {
    let authorities = Authorities::new(&[keys(1).1]).expect("distinct");
    let config = Config::new("test".parse().expect("valid"), authorities);
    common::tracker(&config, &keys(7).0, [7; 32])
}

/// A small generator, so that a failure names its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0 >> 33
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("small");
        usize::try_from(self.next() % bound).expect("below a usize")
    }

    fn bytes(&mut self, size_max: u64) -> Vec<u8> {
        let size = self.next() % size_max;
        (0..size).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

#[test]
fn random_and_bent_messages_never_panic_and_change_nothing() {
    common::on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 2);
        cluster.run_until_converged();
        let root = cluster.tracker(1).root();
        let genuine: Vec<Vec<u8>> =
            cluster.gossip_log().iter().chain(cluster.exchange_log()).cloned().collect();
        assert!(genuine.len() > 5);
        let mut random = Random(42);
        let mut response = vec![0; MAX_RESPONSE];
        for round in 0..20_000 {
            let mut message = if round % 2 == 0 {
                let mut random_bytes = random.bytes(300);
                random_bytes.insert(0, message::FORMAT);
                random_bytes
            } else {
                let chosen = random.below(genuine.len());
                genuine[chosen].clone()
            };
            for _ in 0..=random.next() % 3 {
                let place = random.below(message.len());
                message[place] = random.next().to_le_bytes()[0];
            }
            if random.below(4) == 0 {
                message.truncate(random.below(message.len()));
            }
            let (now, from) = (cluster.now(), cluster.peer(2));
            let tracker = cluster.tracker(1);
            let _ = tracker.handle_gossip(now, &from, &message);
            let _ = tracker.handle_request(now, &from, &message, &mut response);
            let _ = tracker.handle_response(now, &from, &message);
        }
        let counters = *cluster.tracker(1).counters();
        assert!(counters.gossip_rejected > 1_000 && counters.requests_rejected > 1_000);
        assert_eq!(cluster.tracker(1).root(), root);
    });
}

#[test]
fn statement_of_an_unknown_kind_is_skipped_and_the_others_are_taken() {
    common::on_a_large_stack(|| {
        let cluster = {
            let mut cluster = Cluster::<Storage>::new(1, 1);
            cluster.run_until_converged();
            cluster
        };
        let genuine = cluster.gossip_log().first().expect("there was gossip");
        let later_kind = [&[3, 99, 0, 0][..], &[2, 7, 7]].concat();
        let message = [&[message::FORMAT][..], &later_kind, &genuine[1..]].concat();
        let mut tracker = stranger();
        assert_eq!(tracker.handle_gossip(at(0), &keys(1).1, &message), Verdict::Accept);
        assert_eq!(tracker.counters().statements_unknown_kind, 1);
    });
}

#[test]
fn journal_cut_at_every_byte_is_recovered_as_far_as_it_goes() {
    common::on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 2);
        cluster.run_until_converged();
        cluster.run(2 * INTERVAL_MS);
        let journal = cluster.journal(0).to_vec();
        let whole_root = cluster.tracker(0).root();
        let mut recovered_nodes = 0;
        for cut in 0..=journal.len() {
            let mut tracker = common::tracker::<Storage>(cluster.config(), &keys(1).0, [9; 32]);
            let mut reader = Reader::new(&journal[..cut]);
            while let Next::Frame(frame) = reader.next_frame().expect("a slice does not fail") {
                tracker.recover(&frame).expect("own journal");
            }
            if cut == journal.len() {
                assert_eq!(tracker.root(), whole_root);
            }
            tracker.start(at(0));
            let said = AnnouncementFields::default();
            tracker.announce(at(0), &said).expect("bounded");
            let count = tracker.nodes(at(0)).count();
            assert!(count >= recovered_nodes, "a longer journal never holds less");
            recovered_nodes = count;
        }
        assert_eq!(recovered_nodes, 3);
    });
}

#[test]
fn snapshot_is_a_journal_of_the_same_roll() {
    common::on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 3);
        cluster.run_until_converged();
        let mut snapshot = [0u8; 16 * 1024];
        let mut room = &mut snapshot[..];
        let size = cluster.tracker(0).snapshot(&mut room).expect("room");
        let size = usize::try_from(size).expect("small");
        let mut tracker = common::tracker::<Storage>(cluster.config(), &keys(1).0, [9; 32]);
        let mut reader = Reader::new(&snapshot[..size]);
        while let Next::Frame(frame) = reader.next_frame().expect("a slice does not fail") {
            tracker.recover(&frame).expect("own journal");
        }
        assert_eq!(tracker.root(), cluster.tracker(0).root());
        assert!(size <= cluster.journal(0).len());
    });
}

#[test]
fn buffer_that_is_too_small_for_a_publication_loses_nothing() {
    common::on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 1);
        cluster.run_until_converged();
        let (now, peer) = (cluster.now(), cluster.peer(1));
        let authority = cluster.tracker(0);
        authority.grant(now, &peer, Grant::STAKED).expect("an authority");
        let (mut frame, mut position) = ([0; MAX_FRAME], 0);
        while let Some(written) = authority.poll_journal(&mut frame) {
            position = written.position;
        }
        authority.handle_journal_synced(position);
        let mut out = [0; MAX_GOSSIP];
        for size in 0..100 {
            assert_eq!(authority.poll_publication(&mut out[..size]), None, "{size} bytes");
        }
        assert!(authority.poll_publication(&mut out).is_some());
    });
}

/// A renewal by `keys`, with an announcement that names no home if it sends one along.
fn renewal(keys: &Keypair, announces: bool) -> Vec<u8> {
    let said = Announcement {
        session: Session([1; 4]),
        home: Hint::NONE,
        intent: Intent::UP,
        issued_at: 1,
        addresses: heapless::Vec::new(),
        agent: "",
        capabilities: heapless::Vec::new(),
        extra: &[],
    };
    let (network, version) = ("test".parse().expect("valid"), Version { epoch: 1, seq: 1 });
    let signed = Signed::sign(&network, keys, &keys.peer_id(), version, &said).expect("bounded");
    let hello = Hello {
        count: 0,
        root: [0; 16],
        authorities: [0; 8],
        flags: Flags::default(),
        in_touch: 0,
        size_max: 16_384,
    };
    let fields = SyncRequest {
        hello,
        cursor: Cursor::default(),
        renew: Some(Renew { session: Session([1; 4]) }),
        observations: None,
        statements: if announces { &signed } else { &[] },
    };
    let mut bytes = vec![0; MAX_REQUEST];
    let size = message::encode(&Request::Sync(fields), &mut bytes).expect("it fits");
    bytes.truncate(size);
    bytes
}

#[test]
fn who_renews_and_never_joins_takes_no_memory_for_ever() {
    common::on_a_large_stack(|| {
        let authority = keys(1).0;
        let authorities = Authorities::new(&[authority.peer_id()]).expect("one");
        let config = Config::new("test".parse().expect("valid"), authorities);
        let mut tracker = common::tracker::<Inline<16, 2048, 8, 64>>(&config, &authority, [1; 32]);
        common::recover_header(&mut tracker, &config);
        tracker.start(at(0));
        let (mut idlers, mut response) = (Vec::new(), vec![0; MAX_RESPONSE]);
        // New ones come each quarter of an hour, and all of them renew all the time.
        for step in 0..450 {
            if step % 45 == 0 {
                let seed = u8::try_from(idlers.len()).expect("few");
                idlers.extend((0..4).map(|number| Keypair::ed25519([100 + seed + number; 32])));
            }
            let newest = idlers.len() - 4;
            for (number, idler) in idlers.iter().enumerate() {
                let request = renewal(idler, step % 45 == 0 && number >= newest);
                let answered = tracker.handle_request(
                    at(step * 20_000),
                    &idler.peer_id(),
                    &request,
                    &mut response,
                );
                assert!(answered.is_ok());
            }
        }
        assert_eq!(idlers.len(), 40);
        let status = tracker.status(at(450 * 20_000));
        assert!(status.leases <= 8, "{} leases of nodes that nobody knows", status.leases);
    });
}
