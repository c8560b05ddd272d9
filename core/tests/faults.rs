//! Faults that were found once, each as a test that says what must hold instead.

mod common;

use common::{Cluster, INTERVAL_MS, at, keys};
use rollbook_core::{
    Admission, Announcement, AnnouncementFields, Authorities, Config, Event, Grant, Here, Hint,
    ImportOutcome, Imported, Inline, Intent, Keypair, MAX_FRAME, MAX_REQUEST, MAX_RESPONSE,
    NodeEventTracker, Now, PeerId, RecoverError, Session, Signed, Signer, Verdict, Version,
    journal,
    message::{
        self, Cursor, Flags, Hello, LeaseAnswer, Renew, Request, Response, SyncRequest,
        SyncResponse,
    },
    statement::{Kind, StatementError},
};

type Storage = Inline<16, 2048, 8>;
type Tracker = NodeEventTracker<Storage, Keypair>;

fn hello() -> Hello {
    Hello {
        count: 0,
        root: [0; 16],
        authorities: [0; 8],
        flags: Flags::default(),
        in_touch: heapless::Vec::new(),
    }
}

fn request(renew: Option<Renew>) -> Vec<u8> {
    let fields = SyncRequest {
        hello: hello(),
        cursor: Cursor::default(),
        size_max: 16_384,
        renew,
        observations: None,
        statements: &[],
    };
    let mut bytes = vec![0; MAX_REQUEST];
    let size = message::encode(&Request::Sync(fields), &mut bytes).expect("it fits");
    bytes.truncate(size);
    bytes
}

fn granting(acknowledged: Version, in_touch: &[Hint]) -> Vec<u8> {
    let fields = SyncResponse {
        hello: Hello { in_touch: heapless::Vec::from_slice(in_touch).expect("few"), ..hello() },
        cursor: Cursor::default(),
        lease: LeaseAnswer::GRANTED,
        lease_ms: 0,
        acknowledged,
        observed: 0,
        statements: &[],
    };
    let mut bytes = vec![0; MAX_RESPONSE];
    let size = message::encode(&Response::Sync(fields), &mut bytes).expect("it fits");
    bytes.truncate(size);
    bytes
}

fn announcement(agent: &str) -> Announcement<'_> {
    Announcement {
        session: Session([1; 4]),
        home: keys(1).1.hint(),
        intent: Intent::UP,
        issued_at: 1,
        addresses: heapless::Vec::new(),
        agent,
        capabilities: heapless::Vec::new(),
        extra: &[],
    }
}

fn gossip_of(keys: &Keypair, version: Version, agent: &str) -> Vec<u8> {
    let network = "test".parse().expect("valid");
    let said = announcement(agent);
    let signed = Signed::sign(&network, keys, &keys.peer_id(), version, &said).expect("bounded");
    [&[message::FORMAT][..], &signed].concat()
}

/// A started tracker whose epoch is on disk.
fn started(keys: Keypair, authority: &Keypair, now: Now) -> Box<Tracker> {
    let authorities = Authorities::new(&[authority.peer_id()]).expect("distinct");
    let config = Config::new("test".parse().expect("valid"), authorities);
    let mut tracker = Box::new(Tracker::new(config, keys, [7; 32]).expect("valid"));
    tracker.start(now);
    tracker.announce(now, &AnnouncementFields::default()).expect("bounded");
    let (mut frame, mut position) = ([0; MAX_FRAME], 0);
    while let Some(written) = tracker.poll_journal(&mut frame) {
        position = written.position;
    }
    tracker.handle_journal_synced(position);
    tracker
}

fn on_a_large_stack(test: impl FnOnce() + Send + 'static) {
    common::on_a_large_stack(test);
}

#[test]
fn answer_holds_no_announcement_of_an_epoch_that_is_not_on_disk() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 2);
        cluster.run_until_converged();
        cluster.stop(1);
        cluster.hold_next_syncs(1);
        cluster.restart(1);
        let announced = cluster.tracker(1).announced();
        let (own, from, now) = (cluster.peer(1), cluster.peer(2), cluster.now());
        let mut response = vec![0; MAX_RESPONSE];
        let tracker = cluster.tracker(1);
        let size =
            tracker.handle_request(now, &from, &request(None), &mut response).expect("well formed");
        let Response::Sync(answer) =
            message::decode(&response[..size], MAX_RESPONSE).expect("well formed");
        for statement in message::statements(answer.statements) {
            let statement = statement.expect("well formed");
            let is_own = statement.subject() == Some(own)
                && statement.kind() == Kind::Announcement
                && statement.version() == announced;
            assert!(!is_own, "an announcement left before its epoch was on disk");
        }
    });
}

#[test]
fn deadline_is_never_in_the_past_once_it_was_handled() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(2, 1);
        cluster.run(12 * INTERVAL_MS);
        // Home goes on saying that the other authority is in touch.
        cluster.disconnect(1, 2);
        cluster.run(5 * INTERVAL_MS);
        let now = cluster.now();
        cluster.tracker(2).handle_timeout(now);
        cluster.settle();
        assert!(cluster.tracker(2).poll_timeout().expect("it syncs") > now.mono_ms);
    });
}

#[test]
fn member_that_finds_the_pool_full_does_not_ask_in_a_loop() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 0);
        cluster.run(INTERVAL_MS);
        let now = cluster.now();
        for seed in 100..108 {
            let message = gossip_of(&keys(seed).0, Version { epoch: 1, seq: 1 }, "");
            cluster.tracker(0).handle_gossip(now, &message);
        }
        assert_eq!(cluster.tracker(0).counters().pool_taken, 8);
        let (member_keys, member_id) = keys(7);
        let mut member = started(member_keys, &keys(1).0, now);
        member.handle_connected(now, &keys(1).1);
        let (mut asked, mut answer) = (vec![0; MAX_REQUEST], vec![0; MAX_RESPONSE]);
        let mut rounds = 0;
        while let Some(sent) = member.poll_request(now, &mut asked) {
            let size = cluster
                .tracker(0)
                .handle_request(now, &member_id, &asked[..sent.len], &mut answer)
                .expect("well formed");
            member.handle_response(now, &sent.to, &answer[..size]).expect("asked for");
            rounds += 1;
            assert!(rounds < 10, "it asks again and again at one instant");
        }
    });
}

#[test]
fn time_off_is_no_uptime_of_a_member_or_of_the_authority() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 2);
        cluster.run_until_converged();
        cluster.run(10 * INTERVAL_MS);
        let before = [0, 1].map(|of| cluster.view(0, of).expect("in the roll").accumulated_uptime);
        (0..3).for_each(|node| cluster.stop(node));
        cluster.run(3_600_000);
        (0..3).for_each(|node| cluster.restart(node));
        cluster.run_until_converged();
        for (of, before) in [0, 1].into_iter().zip(before) {
            let after = cluster.view(0, of).expect("in the roll").accumulated_uptime;
            assert!(
                after < before + 300,
                "node {of}: {before} s, then an hour off, then {after} s"
            );
        }
    });
}

#[test]
fn node_that_is_gone_is_left_even_if_it_renewed_for_a_session_that_it_never_announced() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 2);
        cluster.run_until_converged();
        let (now, peer) = (cluster.now(), cluster.peer(1));
        let renew =
            Renew { session: Session([0xee; 4]), announced: cluster.tracker(1).announced() };
        let mut response = vec![0; MAX_RESPONSE];
        cluster
            .tracker(0)
            .handle_request(now, &peer, &request(Some(renew)), &mut response)
            .expect("well formed");
        cluster.stop(1);
        cluster.run(6 * INTERVAL_MS);
        assert_eq!(cluster.view(2, 1).expect("in the roll").here, Here::Left);
    });
}

#[test]
fn key_ground_to_an_authoritys_hint_is_not_taken_for_it() {
    on_a_large_stack(|| {
        let (authority, ground) = keys_with_one_hint();
        let (authority_id, ground_id) = (authority.peer_id(), ground.peer_id());
        assert!(authority_id != ground_id && authority_id.hint() == ground_id.hint());
        // Nobody's home, whatever it answers.
        let mut member = started(keys(7).0, &authority, at(0));
        member.handle_connected(at(0), &ground_id);
        let mut asked = vec![0; MAX_REQUEST];
        let later = at(20_000);
        member.handle_timeout(later);
        let sent = member.poll_request(later, &mut asked).expect("a new peer is asked");
        let answer = granting(member.announced(), &[authority_id.hint()]);
        member.handle_response(later, &sent.to, &answer).expect("well formed");
        assert!(member.status(later).degraded);
        assert!(!member.in_touch().contains(authority_id.hint()));
        // And no writer of the authority's.
        let message = gossip_of(&ground, Version { epoch: 4_000_000_000, seq: 9 }, "");
        let mut tracker = {
            let authorities = Authorities::new(&[authority_id]).expect("distinct");
            let config = Config::new("test".parse().expect("valid"), authorities);
            Box::new(Tracker::new(config, authority, [7; 32]).expect("valid"))
        };
        tracker.recover(&journal::Frame::Epoch(5)).expect("own journal");
        tracker.recover(&journal::Frame::Statement(&message[1..])).expect("own journal");
        tracker.start(at(0));
        tracker.announce(at(0), &AnnouncementFields::default()).expect("bounded");
        assert_eq!(tracker.announced().epoch, 6);
    });
}

/// Two keys whose peer ids have one hint: found among some 10,000 by the birthday paradox.
fn keys_with_one_hint() -> (Keypair, Keypair) {
    let keys_of = |number: u32| {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&number.to_le_bytes());
        Keypair::ed25519(seed)
    };
    let mut seen = std::collections::HashMap::new();
    for number in 0u32.. {
        if let Some(other) = seen.insert(keys_of(number).peer_id().hint(), number) {
            return (keys_of(other), keys_of(number));
        }
    }
    unreachable!("hints have 32 bits")
}

#[test]
fn eight_authorities_and_a_request_in_ones_own_name_fit_a_hello() {
    on_a_large_stack(|| {
        let ids: Vec<_> = (1..=8).map(|seed| keys(seed).1).collect();
        let authorities = Authorities::new(&ids).expect("distinct");
        let config = Config::new("test".parse().expect("valid"), authorities);
        let mut tracker = Box::new(Tracker::new(config, keys(1).0, [1; 32]).expect("valid"));
        tracker.start(at(0));
        let mut response = vec![0; MAX_RESPONSE];
        for id in &ids {
            let answered = tracker.handle_request(at(0), id, &request(None), &mut response);
            assert!(answered.is_ok());
        }
    });
}

#[test]
fn degraded_member_that_announces_keeps_its_home() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 2);
        cluster.run_until_converged();
        cluster.stop(0);
        cluster.run(10 * INTERVAL_MS);
        let now = cluster.now();
        let said = AnnouncementFields { agent: "new", ..AnnouncementFields::default() };
        cluster.tracker(1).announce(now, &said).expect("bounded");
        cluster.settle();
        let view = cluster.view(2, 1).expect("in the roll");
        assert_eq!(view.announcement.as_ref().expect("admitted").1.agent, "new");
        assert!(view.is_active() && view.home.is_some());
    });
}

#[test]
fn banned_node_that_waited_is_listed_once() {
    on_a_large_stack(|| {
        let mut cluster =
            Cluster::<Storage>::with(1, 2, |config| config.admission = Admission::Manual);
        cluster.run(4 * INTERVAL_MS);
        let (now, banned, other) = (cluster.now(), cluster.peer(1), cluster.peer(2));
        cluster.tracker(0).admit(now, &other).expect("an authority");
        cluster.tracker(0).ban(now, &banned).expect("an authority");
        cluster.run(4 * INTERVAL_MS);
        for node in [0, 2] {
            let now = cluster.now();
            let listed = cluster.tracker(node).nodes(now).filter(|view| view.peer_id == banned);
            assert_eq!(listed.count(), 1, "node {node}");
        }
    });
}

#[test]
fn peers_that_never_answer_do_not_keep_a_member_from_its_home() {
    let authority = keys(1).0;
    let home = authority.peer_id();
    let authorities = Authorities::new(&[home]).expect("distinct");
    let config = Config::new("test".parse().expect("valid"), authorities);
    type Roomy = NodeEventTracker<Inline<4, 2048, 128>, Keypair>;
    on_a_large_stack(move || {
        let mut member = Box::new(Roomy::new(config, keys(7).0, [7; 32]).expect("valid"));
        member.start(at(0));
        member.announce(at(0), &AnnouncementFields::default()).expect("bounded");
        let (mut frame, mut position) = ([0; MAX_FRAME], 0);
        while let Some(written) = member.poll_journal(&mut frame) {
            position = written.position;
        }
        member.handle_journal_synced(position);
        member.handle_connected(at(0), &home);
        (20..120).for_each(|seed| member.handle_connected(at(0), &keys(seed).1));
        let (mut asked, mut longest_ms, mut last_ms) = (vec![0; MAX_REQUEST], 0, 0);
        for ms in (0..200_000).step_by(100) {
            member.handle_timeout(at(ms));
            while let Some(sent) = member.poll_request(at(ms), &mut asked) {
                if sent.to == home {
                    longest_ms = longest_ms.max(ms - last_ms);
                    last_ms = ms;
                    let answer = granting(member.announced(), &[]);
                    member.handle_response(at(ms), &sent.to, &answer).expect("well formed");
                }
            }
        }
        assert!(last_ms > 180_000 && longest_ms < 3 * INTERVAL_MS / 2, "{longest_ms} ms");
    });
}

#[test]
fn contradiction_that_is_sent_again_is_neither_verified_nor_reported_again() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 2);
        cluster.run_until_converged();
        let now = cluster.now();
        let version = cluster.tracker(1).announced().next().expect("not the last");
        let (smaller, greater) =
            (gossip_of(&keys(2).0, version, "a"), gossip_of(&keys(2).0, version, "b"));
        assert_eq!(cluster.tracker(2).handle_gossip(now, &greater), Verdict::Accept);
        for _ in 0..100 {
            assert_eq!(cluster.tracker(2).handle_gossip(now, &smaller), Verdict::Ignore);
        }
        assert_eq!(cluster.tracker(2).counters().equivocations, 1);
    });
}

#[test]
fn import_does_not_undo_a_revocation() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 1);
        cluster.run_until_converged();
        let (peer, now) = (keys(50).1, cluster.now());
        let history = Imported { first_joined: 1_600_000_000, uptime: 5_000 };
        let authority = cluster.tracker(0);
        authority.import(now, &peer, history, &[Grant::STAKED]).expect("room");
        authority.revoke(now, &peer, Grant::STAKED).expect("admitted");
        let again = authority.import(now, &peer, history, &[Grant::STAKED]);
        assert_eq!(again, Ok(ImportOutcome::Unchanged));
    });
}

#[test]
fn statement_of_the_last_epoch_is_refused_so_that_there_is_always_a_next() {
    let version = Version { epoch: u32::MAX, seq: u32::MAX };
    let message = gossip_of(&keys(2).0, version, "");
    assert_eq!(Signed::parse(&message[1..]).err(), Some(StatementError::Malformed));
}

#[test]
fn what_an_authority_said_that_is_no_longer_configured_is_not_recovered() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(2, 1);
        cluster.run_until_converged();
        let (peer, now) = (cluster.peer(2), cluster.now());
        cluster.tracker(1).grant(now, &peer, Grant::STAKED).expect("an authority");
        cluster.run(2 * INTERVAL_MS);
        let journal = cluster.journal(2).to_vec();
        let config = Config {
            authorities: Authorities::new(&[keys(1).1]).expect("one"),
            ..cluster.config().clone()
        };
        let mut tracker = Box::new(Tracker::new(config, keys(3).0, [9; 32]).expect("valid"));
        let mut reader = journal::Reader::new(&journal[..]);
        while let journal::Next::Frame(frame) = reader.next_frame().expect("a slice") {
            tracker.recover(&frame).expect("own journal");
        }
        tracker.start(at(0));
        assert!(tracker.counters().statements_unknown_writer > 0);
        let view = tracker.node(at(0), &peer).expect("the other authority vouches for it");
        assert!(!view.grants.contains(Grant::STAKED));
    });
}

#[test]
fn padded_size_of_a_statement_is_refused() {
    let message = gossip_of(&keys(2).0, Version { epoch: 1, seq: 1 }, "a longer agent of 48 bytes");
    let [low, rest @ ..] = &message[1..] else { unreachable!("a statement is not empty") };
    assert!(*low < 0x80, "a size of one byte");
    let padded = [&[low | 0x80, 0][..], rest].concat();
    assert!(Signed::parse(&message[1..]).is_ok());
    assert_eq!(Signed::parse(&padded).err(), Some(StatementError::Malformed));
}

#[test]
fn journal_of_an_authority_is_not_taken_by_a_run_that_is_none() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 1);
        cluster.run_until_converged();
        let (peer, now) = (cluster.peer(1), cluster.now());
        cluster.tracker(0).ban(now, &peer).expect("an authority");
        cluster.settle();
        let mistyped = Authorities::new(&[keys(9).1]).expect("one");
        let config = Config { authorities: mistyped, ..cluster.config().clone() };
        let mut tracker = Box::new(Tracker::new(config, keys(1).0, [9; 32]).expect("valid"));
        let mut reader = journal::Reader::new(cluster.journal(0));
        let mut refused = None;
        while let journal::Next::Frame(frame) = reader.next_frame().expect("a slice") {
            refused = refused.or(tracker.recover(&frame).err());
        }
        assert_eq!(refused, Some(RecoverError::NoLongerAuthority));
    });
}

#[test]
fn node_whose_epochs_are_used_up_goes_on_in_the_last_one() {
    on_a_large_stack(|| {
        let authorities = Authorities::new(&[keys(1).1]).expect("one");
        let config = Config::new("test".parse().expect("valid"), authorities);
        let mut tracker = Box::new(Tracker::new(config, keys(1).0, [9; 32]).expect("valid"));
        tracker.recover(&journal::Frame::Epoch(u32::MAX)).expect("own journal");
        tracker.start(at(0));
        tracker.announce(at(0), &AnnouncementFields::default()).expect("bounded");
        assert_eq!(tracker.announced().epoch, u32::MAX - 1);
        assert!(tracker.ban(at(0), &keys(5).1).is_ok());
    });
}

#[test]
fn authority_that_was_silent_for_a_while_makes_nobody_join_again() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 2);
        cluster.run_until_converged();
        let peer = cluster.peer(1);
        cluster.disconnect(0, 2);
        cluster.forget_events();
        cluster.run(5 * INTERVAL_MS);
        assert!(cluster.saw(2, Event::Unknown { peer }));
        cluster.connect_all();
        cluster.run_until_converged();
        assert!(
            cluster.saw(2, Event::Returned { peer }) && !cluster.saw(2, Event::Joined { peer })
        );
    });
}

#[test]
fn member_that_restarts_while_its_authority_is_away_stays_active() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 2);
        cluster.run_until_converged();
        cluster.stop(0);
        cluster.crash_and_restart(1);
        cluster.run(10 * INTERVAL_MS);
        let view = cluster.view(2, 1).expect("in the roll");
        assert_eq!((view.here, view.last_known), (Here::Unknown, Here::Online));
        assert!(view.is_active());
    });
}

#[test]
fn statement_of_a_kind_of_key_that_cannot_be_checked_is_nobodys_fault() {
    let hashed: PeerId = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().expect("valid");
    let genuine = gossip_of(&keys(2).0, Version { epoch: 1, seq: 1 }, "");
    let statement = Signed::parse(&genuine[1..]).expect("just signed");
    let rest = &statement.payload()[2 + keys(2).1.as_bytes().len() + 4..];
    let payload = [&[3, 34][..], hashed.as_bytes(), &hashed.hint().0, rest].concat();
    let size = u8::try_from(payload.len()).expect("short");
    let message = [&[message::FORMAT, size][..], &payload, &[64], &[7; 64]].concat();
    on_a_large_stack(move || {
        let mut tracker = started(keys(7).0, &keys(1).0, at(0));
        assert_eq!(tracker.handle_gossip(at(0), &message), Verdict::Ignore);
        assert_eq!(tracker.counters().statements_unsupported_key, 1);
    });
}
