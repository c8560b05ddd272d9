//! Replicas that do not hold every node.

#![cfg(feature = "alloc")]

mod common;

use common::{INTERVAL_MS, at, keys};
use rollbook_core::{
    Admission, AnnouncementFields, Authorities, Config, Event, Heap, Keypair, MAX_FRAME,
    MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE, NodeEventTracker, PeerId, Standing, Verdict,
    journal::{Next, Reader},
};

type Tracker = NodeEventTracker<Heap, Keypair>;

/// An authority and a member with little room, connected to each other.
struct Pair {
    ms: u64,
    config: Config,
    authority: Box<Tracker>,
    member: Box<Tracker>,
    journal: Vec<u8>,
}

impl Pair {
    fn new(change: impl FnOnce(&mut Config)) -> Pair {
        let authorities = Authorities::new(&[keys(1).1]).expect("one");
        let mut config = Config::new("test".parse().expect("valid"), authorities);
        config.interval_ms = INTERVAL_MS;
        config.admission = Admission::Open;
        let authority = common::tracker::<Heap>(&config, &keys(1).0, [1; 32]);
        change(&mut config);
        let member = common::tracker::<Heap>(&config, &keys(2).0, [2; 32]);
        let mut pair = Pair { ms: 0, config, authority, member, journal: Vec::new() };
        common::recover_header(&mut pair.authority, &pair.config);
        for tracker in [&mut pair.authority, &mut pair.member] {
            tracker.start(at(0));
            tracker.announce(at(0), &AnnouncementFields::default()).expect("bounded");
        }
        pair.connect();
        pair
    }

    fn connect(&mut self) {
        let now = at(self.ms);
        self.authority.handle_connected(now, &keys(2).1);
        self.member.handle_connected(now, &keys(1).1);
    }

    fn run(&mut self, intervals: u64) {
        for _ in 0..intervals {
            self.exchange();
            self.ms += 2 * INTERVAL_MS;
            self.authority.handle_timeout(at(self.ms));
            self.member.handle_timeout(at(self.ms));
        }
        self.exchange();
    }

    /// Journals and requests of both, until there are none. No gossip.
    fn exchange(&mut self) {
        let now = at(self.ms);
        loop {
            sync(&mut self.authority, &mut Vec::new());
            sync(&mut self.member, &mut self.journal);
            let asked = ask(&mut self.member, &mut self.authority, now)
                | ask(&mut self.authority, &mut self.member, now);
            if !asked {
                return;
            }
        }
    }

    fn holds(&self, peer: &PeerId) -> bool {
        self.member.node(at(self.ms), peer).is_some()
    }

    /// Kills the member and starts it with what it has on disk.
    fn restart_member(&mut self, held: &[PeerId]) {
        let now = at(self.ms);
        self.authority.handle_disconnected(now, &keys(2).1);
        self.member = common::tracker::<Heap>(&self.config, &keys(2).0, [3; 32]);
        for peer in held {
            self.member.hold(peer).expect("room");
        }
        let mut reader = Reader::new(&self.journal[..]);
        while let Next::Frame(frame) = reader.next_frame().expect("a slice does not fail") {
            self.member.recover(&frame).expect("own journal");
        }
        self.member.start(now);
        self.member.announce(now, &AnnouncementFields::default()).expect("bounded");
    }
}

fn sync(tracker: &mut Tracker, journal: &mut Vec<u8>) {
    let (mut frame, mut position) = ([0; MAX_FRAME], 0);
    while let Some(written) = tracker.poll_journal(&mut frame) {
        journal.extend_from_slice(&frame[..written.len]);
        position = written.position;
    }
    tracker.handle_journal_synced(position);
}

fn ask(asks: &mut Tracker, answers: &mut Tracker, now: rollbook_core::Now) -> bool {
    let mut request = [0; MAX_REQUEST];
    let Some(sent) = asks.poll_request(now, &mut request) else { return false };
    let mut response = vec![0; MAX_RESPONSE];
    let from = *asks.peer_id();
    let size = answers
        .handle_request(now, &from, &request[..sent.len], &mut response)
        .expect("well formed");
    asks.handle_response(now, &sent.to, &response[..size]).expect("well formed");
    true
}

fn others(count: u8) -> Vec<PeerId> {
    (0..count).map(|seed| keys(100 + seed).1).collect()
}

fn admit(pair: &mut Pair, peers: &[PeerId]) {
    for peer in peers {
        pair.authority.admit(at(pair.ms), peer).expect("an authority");
    }
}

#[test]
fn partial_replica_gets_and_forgets_what_it_is_told_to_hold_as_often_as_it_is_told() {
    let mut pair = Pair::new(|config| (config.capacity, config.partial) = (4, true));
    let others = others(60);
    admit(&mut pair, &others);
    pair.run(3);
    assert!(pair.holds(&keys(1).1) && pair.holds(&keys(2).1));
    assert_eq!(pair.member.nodes(at(pair.ms)).count(), 2);
    for turn in 0..5 {
        for peer in &others[turn..turn + 2] {
            pair.member.hold(peer).expect("room for two");
        }
        assert!(pair.member.hold(&others[50]).is_err(), "not for a third");
        pair.run(1);
        assert!(pair.holds(&others[turn]) && pair.holds(&others[turn + 1]), "turn {turn}");
        for peer in others.iter().chain(&[keys(1).1, keys(2).1]) {
            pair.member.release(peer);
        }
        assert_eq!(pair.member.nodes(at(pair.ms)).count(), 2);
        assert!(pair.holds(&keys(1).1) && pair.holds(&keys(2).1), "nor itself, nor authorities");
    }
    // The authority holds all, and nothing that it knows not from itself.
    assert_eq!(pair.authority.nodes(at(pair.ms)).count(), 62);
    assert_eq!(pair.authority.counters().walks_begun, 0);
}

#[test]
fn held_node_is_followed_and_taken_back_from_the_journal() {
    let mut pair = Pair::new(|config| (config.capacity, config.partial) = (4, true));
    let others = others(20);
    admit(&mut pair, &others);
    pair.member.hold(&others[7]).expect("room");
    pair.run(3);
    pair.authority.ban(at(pair.ms), &others[7]).expect("an authority");
    pair.run(2);
    let banned = |pair: &Pair| {
        let view = pair.member.node(at(pair.ms), &others[7]).expect("held");
        view.standing == Standing::BANNED
    };
    assert!(banned(&pair));
    pair.restart_member(&[others[7]]);
    assert!(banned(&pair) && pair.holds(&keys(1).1) && pair.holds(&keys(2).1));
    pair.connect();
    pair.run(2);
    assert_eq!(pair.member.nodes(at(pair.ms)).count(), 3);
}

#[test]
fn member_of_a_network_that_is_too_large_holds_itself_authorities_and_what_it_is_told() {
    let mut pair = Pair::new(|config| config.capacity = 6);
    let others = others(40);
    admit(&mut pair, &others);
    // It is noted before the member knows that it has to choose.
    pair.member.hold(&others[39]).expect("room");
    pair.run(3);
    let mut events = Vec::new();
    while let Some(event) = pair.member.poll_event(at(pair.ms)) {
        events.push(event);
    }
    assert!(events.contains(&Event::BecamePartial));
    let must = [keys(1).1, keys(2).1, others[39]];
    assert!(must.iter().all(|peer| pair.holds(peer)));
    // What it gave up comes back when it is asked for.
    for peer in &others[..3] {
        pair.member.hold(peer).expect("room");
    }
    pair.run(2);
    assert!(must.iter().chain(&others[..3]).all(|peer| pair.holds(peer)));
    assert_eq!(pair.member.nodes(at(pair.ms)).count(), 6);
    let held = [others[39], others[0], others[1], others[2]];
    pair.restart_member(&held);
    pair.connect();
    pair.run(2);
    assert!(must.iter().chain(&held).all(|peer| pair.holds(peer)));
    let mut told = 0;
    while pair.member.poll_event(at(pair.ms)).is_some() {
        told += 1;
        assert!(told < 1_000);
    }
}

#[test]
fn gossip_of_what_it_does_not_hold_costs_a_partial_replica_nothing_and_its_sender_nothing() {
    let mut pair = Pair::new(|config| (config.capacity, config.partial) = (4, true));
    pair.run(3);
    let before = *pair.member.counters();
    admit(&mut pair, &others(100));
    sync(&mut pair.authority, &mut Vec::new());
    let mut message = [0; MAX_GOSSIP];
    while let Some(size) = pair.authority.poll_publication(&mut message) {
        let now = at(pair.ms);
        let verdict = pair.member.handle_gossip(now, &keys(1).1, &message[..size]);
        assert_eq!(verdict, Verdict::Ignore);
    }
    let counters = pair.member.counters();
    assert!(counters.statements_out_of_scope >= before.statements_out_of_scope + 100);
    assert_eq!(counters.gossip_over_rate, 0);
    assert_eq!(counters.statements_taken, before.statements_taken);
}
