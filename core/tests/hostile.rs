//! What comes from outside, bent in every way: nothing panics, nothing unsigned is believed, and a
//! damaged journal costs only what was damaged.

mod common;

use common::{Cluster, INTERVAL_MS, at, keys};
use rollbook_core::{
    AnnouncementFields, Authorities, Config, Inline, Keypair, MAX_RESPONSE, NodeEventTracker,
    Verdict,
    journal::{Next, Reader},
    message,
};

type Storage = Inline<16, 2048, 8>;
type Tracker = NodeEventTracker<Storage, Keypair>;

/// A fresh member of the cluster's network that has heard nothing yet.
fn stranger() -> Box<Tracker> {
    let authorities = Authorities::new(&[keys(1).1]).expect("distinct");
    let config = Config::new("test".parse().expect("valid"), authorities);
    Box::new(Tracker::new(config, keys(7).0, [7; 32]).expect("a valid configuration"))
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
            let _ = tracker.handle_gossip(now, &message);
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
        assert_eq!(tracker.handle_gossip(at(0), &message), Verdict::Accept);
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
            let mut tracker = Box::new(
                Tracker::new(cluster.config().clone(), keys(1).0, [9; 32]).expect("valid"),
            );
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
        let mut tracker =
            Box::new(Tracker::new(cluster.config().clone(), keys(1).0, [9; 32]).expect("valid"));
        let mut reader = Reader::new(&snapshot[..size]);
        while let Next::Frame(frame) = reader.next_frame().expect("a slice does not fail") {
            tracker.recover(&frame).expect("own journal");
        }
        assert_eq!(tracker.root(), cluster.tracker(0).root());
        assert!(size <= cluster.journal(0).len());
    });
}
