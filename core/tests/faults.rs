//! Faults that were found once, each as a test that says what must hold instead.

mod common;

use std::collections::VecDeque;

use common::{Cluster, INTERVAL_MS, at, keys};
use rollbook_core::{
    Admission, Announcement, AnnouncementFields, Authorities, CommandError, Config, Event, Grant,
    Here, ImportOutcome, Imported, Inline, Intent, Keypair, MAX_FRAME, MAX_REQUEST, MAX_RESPONSE,
    NodeEventTracker, Now, PeerId, Presence, PresenceState, RecoverError, Session, Signed, Signer,
    Standing, Verdict, Version, journal,
    message::{
        self, Cursor, Flags, Hello, LeaseAnswer, Renew, Request, Response, SyncRequest,
        SyncResponse,
    },
    statement::{Kind, StatementError},
};

type Storage = Inline<16, 2048, 8, 16>;
type Tracker = NodeEventTracker<Storage, Keypair>;

fn hello() -> Hello {
    Hello {
        count: 0,
        root: [0; 16],
        authorities: [0; 8],
        flags: Flags::default(),
        in_touch: 0,
        size_max: 16_384,
    }
}

fn request(renew: Option<Renew>) -> Vec<u8> {
    let fields = SyncRequest {
        hello: hello(),
        cursor: Cursor::default(),
        renew,
        observations: None,
        statements: &[],
    };
    let mut bytes = vec![0; MAX_REQUEST];
    let size = message::encode(&Request::Sync(fields), &mut bytes).expect("it fits");
    bytes.truncate(size);
    bytes
}

/// An answer of somebody who trusts `authority` and says that it is in touch.
fn granting(acknowledged: Version, authority: &PeerId) -> Vec<u8> {
    let authorities = Authorities::new(&[*authority]).expect("one").set_hash();
    let fields = SyncResponse {
        hello: Hello { authorities, in_touch: 1, ..hello() },
        cursor: Cursor::default(),
        lease: LeaseAnswer::GRANTED,
        acknowledged,
        observed: 0,
        authorities: &[],
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
    let mut tracker = common::tracker::<Storage>(&config, &keys, [7; 32]);
    common::recover_header(&mut tracker, &config);
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
        let answer = message::decode(&response[..size], MAX_RESPONSE).expect("well formed");
        let Response::Sync(answer) = answer else { panic!("another answer") };
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
            let (keys, from) = keys(seed);
            let message = gossip_of(&keys, Version { epoch: 1, seq: 1 }, "");
            cluster.tracker(0).handle_gossip(now, &from, &message);
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
        let renew = Renew { session: Session([0xee; 4]) };
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
        let answer = granting(member.announced(), &authority_id);
        member.handle_response(later, &sent.to, &answer).expect("well formed");
        assert!(member.status(later).degraded);
        assert!(!member.in_touch().contains(authority_id.hint()));
        // And no writer of the authority's.
        let message = gossip_of(&ground, Version { epoch: 4_000_000_000, seq: 9 }, "");
        let mut tracker = {
            let authorities = Authorities::new(&[authority_id]).expect("distinct");
            let config = Config::new("test".parse().expect("valid"), authorities);
            let mut tracker = common::tracker::<Storage>(&config, &authority, [7; 32]);
            common::recover_header(&mut tracker, &config);
            tracker
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
        let mut tracker = common::tracker::<Storage>(&config, &keys(1).0, [1; 32]);
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
    on_a_large_stack(move || {
        let mut member = common::tracker::<Inline<4, 2048, 128>>(&config, &keys(7).0, [7; 32]);
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
                    let answer = granting(member.announced(), &home);
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
        let (now, from) = (cluster.now(), cluster.peer(1));
        let version = cluster.tracker(1).announced().next().expect("not the last");
        let (smaller, greater) =
            (gossip_of(&keys(2).0, version, "a"), gossip_of(&keys(2).0, version, "b"));
        assert_eq!(cluster.tracker(2).handle_gossip(now, &from, &greater), Verdict::Accept);
        for _ in 0..100 {
            assert_eq!(cluster.tracker(2).handle_gossip(now, &from, &smaller), Verdict::Ignore);
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
        let history = Imported::of(1_600_000_000, 5_000);
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
        let mut tracker = common::tracker::<Storage>(&config, &keys(3).0, [9; 32]);
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
        let mut tracker = common::tracker::<Storage>(&config, &keys(1).0, [9; 32]);
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
        let mut tracker = common::tracker::<Storage>(&config, &keys(1).0, [9; 32]);
        common::recover_header(&mut tracker, &config);
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
    let rest = &statement.payload().to_bytes()[2 + keys(2).1.as_bytes().len() + 4..];
    let payload = [&[3, 34][..], hashed.as_bytes(), &hashed.hint().0, rest].concat();
    let size = u8::try_from(payload.len()).expect("short");
    let message = [&[message::FORMAT, size][..], &payload, &[64], &[7; 64]].concat();
    on_a_large_stack(move || {
        let mut tracker = started(keys(7).0, &keys(1).0, at(0));
        assert_eq!(tracker.handle_gossip(at(0), &keys(1).1, &message), Verdict::Ignore);
        assert_eq!(tracker.counters().statements_unsupported_key, 1);
    });
}

/// An authority that decided something, loses its disk and starts again with the same key.
fn cluster_whose_authority_lost_its_journal() -> Cluster<Storage> {
    let mut cluster = Cluster::<Storage>::new(1, 2);
    cluster.run_until_converged();
    let (peer, now) = (cluster.peer(2), cluster.now());
    cluster.tracker(0).ban(now, &peer).expect("an authority");
    cluster.run_until_banned_everywhere(2);
    cluster.stop(0);
    cluster.lose_disk(0);
    cluster
}

#[test]
fn authority_that_lost_its_journal_signs_nothing_until_others_gave_it_back() {
    on_a_large_stack(|| {
        let mut cluster = cluster_whose_authority_lost_its_journal();
        cluster.forget_events();
        cluster.restart_alone(0);
        let now = cluster.now();
        assert!(cluster.tracker(0).status(now).recovering);
        assert!(cluster.saw(0, Event::Recovering));
        let peer = cluster.peer(1);
        assert_eq!(cluster.tracker(0).ban(now, &peer), Err(CommandError::Recovering));
        cluster.run(10 * INTERVAL_MS);
        assert!(cluster.tracker(0).status(now).recovering, "nobody gave anything back");
        assert!(cluster.tracker(0).node(now, &peer).is_none());

        cluster.connect_all();
        cluster.run(2 * INTERVAL_MS);
        let now = cluster.now();
        assert!(!cluster.tracker(0).status(now).recovering);
        assert!(cluster.saw(0, Event::Recovered));
        assert_eq!(cluster.view(0, 2).expect("held").standing, Standing::BANNED);
        assert!(cluster.tracker(0).ban(now, &peer).is_ok());
        cluster.run(2 * INTERVAL_MS);
        assert_eq!(cluster.view(1, 1).expect("held").standing, Standing::BANNED);
        assert_eq!(cluster.tracker(0).counters().equivocations, 0);
    });
}

#[test]
fn recovering_authority_refuses_renewals_and_its_operator_can_end_that() {
    on_a_large_stack(|| {
        let authorities = Authorities::new(&[keys(1).1]).expect("one");
        let config = Config::new("test".parse().expect("valid"), authorities);
        let mut tracker = common::tracker::<Storage>(&config, &keys(1).0, [9; 32]);
        common::recover_header(&mut tracker, &config);
        tracker.note_damage();
        tracker.start(at(0));
        tracker.announce(at(0), &AnnouncementFields::default()).expect("bounded");
        let mut message = [0; rollbook_core::MAX_GOSSIP];
        assert!(tracker.status(at(0)).recovering);
        assert_eq!(tracker.poll_publication(&mut message), None);
        assert_eq!(tracker.ban(at(0), &keys(5).1), Err(CommandError::Recovering));
        let before = tracker.announced();
        tracker.end_recovery(at(0));
        assert!(!tracker.status(at(0)).recovering);
        assert!(tracker.announced().epoch > before.epoch);
        assert!(tracker.ban(at(0), &keys(5).1).is_ok());
    });
}

/// Whether a journal says whose it is.
fn has_header(journal: &[u8]) -> bool {
    let mut reader = journal::Reader::new(journal);
    loop {
        match reader.next_frame().expect("a slice does not fail") {
            journal::Next::Frame(journal::Frame::Header { .. }) => return true,
            journal::Next::Frame(_) => {}
            _ => return false,
        }
    }
}

#[test]
fn authority_that_restarts_before_it_has_recovered_recovers_still() {
    on_a_large_stack(|| {
        let mut cluster = cluster_whose_authority_lost_its_journal();
        for _ in 0..2 {
            cluster.restart_alone(0);
            let now = cluster.now();
            assert!(cluster.tracker(0).status(now).recovering);
            assert!(!has_header(cluster.journal(0)));
            let mut compacted = Vec::new();
            cluster.tracker(0).snapshot(&mut compacted).expect("a vector takes all");
            assert!(!has_header(&compacted));
            cluster.stop(0);
        }
        cluster.restart(0);
        cluster.run(2 * INTERVAL_MS);
        let now = cluster.now();
        assert!(!cluster.tracker(0).status(now).recovering);
        assert!(has_header(cluster.journal(0)));
        cluster.stop(0);
        cluster.restart_alone(0);
        assert!(!cluster.tracker(0).status(now).recovering, "that is over");
    });
}

#[test]
fn header_of_an_identity_that_was_just_made_fits_every_network() {
    on_a_large_stack(|| {
        let authorities = Authorities::new(&[keys(1).1]).expect("one");
        let config = Config::new("test".parse().expect("valid"), authorities);
        let mut tracker = common::tracker::<Storage>(&config, &keys(1).0, [9; 32]);
        let peer_id = keys(1).1;
        let header = |network| journal::Frame::Header {
            format: journal::JOURNAL_FORMAT,
            peer_id: peer_id.as_bytes(),
            network,
        };
        tracker.recover(&header("")).expect("of no network yet");
        assert_eq!(tracker.recover(&header("other")), Err(RecoverError::ForeignNetwork));
        tracker.start(at(0));
        assert!(!tracker.status(at(0)).recovering);
        let mut frame = [0; MAX_FRAME];
        let first = tracker.poll_journal(&mut frame).expect("a frame");
        let mut reader = journal::Reader::new(&frame[..first.len]);
        let read = reader.next_frame().expect("a slice does not fail");
        assert_eq!(read, journal::Next::Frame(header("test")), "from now on it is in one");
    });
}

#[test]
fn epochs_that_damage_may_have_swallowed_are_not_used_again() {
    on_a_large_stack(|| {
        let authorities = Authorities::new(&[keys(1).1]).expect("one");
        let config = Config::new("test".parse().expect("valid"), authorities);
        let now = at(1_000);
        let epoch = |damaged: bool| {
            let mut tracker = common::tracker::<Storage>(&config, &keys(2).0, [9; 32]);
            common::recover_header(&mut tracker, &config);
            tracker.recover(&journal::Frame::Epoch(5)).expect("own journal");
            if damaged {
                tracker.note_damage();
            }
            tracker.start(now);
            tracker.announce(now, &AnnouncementFields::default()).expect("bounded");
            tracker.announced().epoch
        };
        assert_eq!(epoch(false), 6);
        assert_eq!(u64::from(epoch(true)), now.unix_s + 1);
    });
}

#[test]
fn recovering_authority_does_not_recover_from_its_own_echo() {
    on_a_large_stack(|| {
        let mut cluster = cluster_whose_authority_lost_its_journal();
        // The authority has something left: what a member said of itself and the ban are lost.
        let banned = cluster.peer(2);
        let (one, other) = (cluster.journal(1).to_vec(), cluster.peer(1));
        cluster.set_journal(0, &only_about(&one, &other));
        cluster.stop(1);
        cluster.stop(2);
        cluster.lose_disk(1);
        cluster.restart_alone(0);
        cluster.restart(1);
        cluster.run(20 * INTERVAL_MS);
        let now = cluster.now();
        assert!(cluster.tracker(0).status(now).recovering, "nobody else knows more than it does");

        cluster.restart(2);
        cluster.run(20 * INTERVAL_MS);
        let now = cluster.now();
        assert!(!cluster.tracker(0).status(now).recovering);
        let view = cluster.tracker(0).node(now, &banned).expect("held");
        assert_eq!(view.standing, Standing::BANNED);
    });
}

/// The statements about one node in a journal, without a header.
fn only_about(journal: &[u8], peer: &PeerId) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut reader = journal::Reader::new(journal);
    while let journal::Next::Frame(frame) = reader.next_frame().expect("a slice does not fail") {
        let journal::Frame::Statement(bytes) = frame else { continue };
        if Signed::parse(bytes).expect("whole").subject().as_ref() == Some(peer) {
            journal::write(&frame, &mut kept).expect("a vector takes all");
        }
    }
    kept
}

#[test]
fn node_whose_clone_is_gone_claims_its_place_back_after_the_pause() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 2);
        cluster.run_until_converged();
        let clone = cluster.add_clone_of(1);
        cluster.run(40 * INTERVAL_MS);
        cluster.stop(clone);
        // The clone has the last word: it speaks in an epoch that nobody else will reach.
        let (now, last) = (cluster.now(), Version { epoch: 3_000_000_000, seq: 1 });
        for epoch in (0..8).map(|more| last.epoch + 16 * more) {
            let message = gossip_of(&keys(2).0, Version { epoch, ..last }, "clone");
            for node in 0..3 {
                let from = cluster.peer(0);
                cluster.tracker(node).handle_gossip(now, &from, &message);
            }
        }
        cluster.settle();
        assert_ne!(cluster.view(1, 1).expect("in the roll").here, Here::Online);
        cluster.run(65 * INTERVAL_MS);
        for node in 0..3 {
            assert_eq!(cluster.view(node, 1).expect("in the roll").here, Here::Online);
        }
    });
}

/// The ends of the frames of a journal.
fn frame_ends(journal: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut reader = journal::Reader::new(journal);
    while let journal::Next::Frame(_) = reader.next_frame().expect("a slice does not fail") {
        ends.push(usize::try_from(reader.position()).expect("it is in memory"));
    }
    ends
}

#[test]
fn authority_that_crashes_as_its_recovery_ends_has_all_of_it_or_recovers_still() {
    on_a_large_stack(|| {
        let mut cluster = cluster_whose_authority_lost_its_journal();
        cluster.restart(0);
        cluster.run(2 * INTERVAL_MS);
        let now = cluster.now();
        assert!(!cluster.tracker(0).status(now).recovering);
        let whole = cluster.journal(0).to_vec();
        let banned = cluster.peer(2);
        let mut recovered = 0;
        for end in frame_ends(&whole) {
            let mut tracker = common::tracker::<Storage>(cluster.config(), &keys(1).0, [9; 32]);
            let mut reader = journal::Reader::new(&whole[..end]);
            while let journal::Next::Frame(frame) = reader.next_frame().expect("a slice") {
                tracker.recover(&frame).expect("own journal");
            }
            tracker.start(now);
            if !tracker.status(now).recovering {
                let view = tracker.node(now, &banned).expect("it was given back");
                assert_eq!(view.standing, Standing::BANNED, "cut at {end}");
                recovered += 1;
            }
        }
        assert!(recovered > 0, "the whole journal is one");
    });
}

#[test]
fn home_that_passes_on_too_much_that_is_of_no_use_stays_home() {
    on_a_large_stack(|| {
        let (authority, now) = (keys(1), at(0));
        let mut tracker = started(keys(7).0, &authority.0, now);
        tracker.handle_connected(now, &authority.1);
        let mut buffer = [0; MAX_REQUEST];
        for interval in 0..10 {
            let now = at(interval * INTERVAL_MS);
            tracker.handle_timeout(now);
            while tracker.poll_request(now, &mut buffer).is_some() {
                // What it passes on of others is wrong, and more than is looked at.
                for seq in 1..400 {
                    let mut message = gossip_of(&keys(20).0, Version { epoch: 9, seq }, "");
                    *message.last_mut().expect("not empty") ^= 1;
                    tracker.handle_gossip(now, &authority.1, &message);
                }
                let news = gossip_of(&keys(21).0, Version { epoch: 9, seq: 1 }, "");
                let fields = SyncResponse {
                    hello: hello(),
                    cursor: Cursor::default(),
                    lease: LeaseAnswer::GRANTED,
                    acknowledged: tracker.announced(),
                    observed: 0,
                    authorities: &[],
                    statements: &news[1..],
                };
                let mut response = vec![0; MAX_RESPONSE];
                let size = message::encode(&Response::Sync(fields), &mut response);
                let size = size.expect("it fits");
                let taken_in = tracker.handle_response(now, &authority.1, &response[..size]);
                assert_eq!(taken_in, Err(message::MessageError::OverBudget));
            }
            assert_eq!(tracker.status(now).home, Some(authority.1), "interval {interval}");
        }
    });
}

#[cfg(feature = "alloc")]
#[test]
#[should_panic(expected = "initialised before")]
fn journal_is_not_given_to_a_tracker_that_is_nobody_yet() {
    let statement = gossip_of(&keys(2).0, Version { epoch: 1, seq: 1 }, "");
    let mut tracker = Box::new(NodeEventTracker::<rollbook_core::Heap, Keypair>::new());
    let _ = tracker.recover(&journal::Frame::Statement(&statement[1..]));
}

#[test]
fn tracker_whose_configuration_was_refused_can_be_given_another() {
    on_a_large_stack(|| {
        let authorities = Authorities::new(&[keys(1).1]).expect("one");
        let valid = Config::new("test".parse().expect("valid"), authorities);
        let mut tracker = Box::new(Tracker::new());
        let refused = [
            Config { interval_ms: 0, ..valid.clone() },
            Config { message_size_max: 1, ..valid.clone() },
            Config { partial: true, ..valid.clone() },
        ];
        for config in refused {
            assert!(tracker.init(config, keys(1).0, [9; 32]).is_err());
        }
        tracker.init(valid.clone(), keys(1).0, [9; 32]).expect("valid");
        let mut fresh = common::tracker::<Storage>(&valid, &keys(1).0, [9; 32]);
        for tracker in [&mut tracker, &mut fresh] {
            common::recover_header(tracker, &valid);
            tracker.start(at(0));
            tracker.announce(at(0), &AnnouncementFields::default()).expect("bounded");
        }
        assert_eq!(format!("{tracker:?}"), format!("{fresh:?}"));
    });
}

#[test]
fn presence_that_an_authority_had_forgotten_lapses_like_any_other() {
    on_a_large_stack(|| {
        let mut tracker = started(keys(1).0, &keys(1).0, at(0));
        let (gone_keys, gone) = keys(9);
        let network = "test".parse().expect("valid");
        let version = Version { epoch: 1, seq: 1 };
        let session = Session([1; 4]);
        let state = PresenceState::ONLINE;
        let presence = Presence { session, state, rests_on: version, ..Presence::default() };
        let said = Signed::sign(&network, &keys(1).0, &gone, version, &presence).expect("bounded");
        let announced = gossip_of(&gone_keys, version, "");
        let message = [&[message::FORMAT][..], &said, &announced[1..]].concat();
        assert_eq!(tracker.handle_gossip(at(0), &keys(2).1, &message), Verdict::Accept);
        let here = |tracker: &Tracker, ms| tracker.node(at(ms), &gone).map(|view| view.here);
        assert_eq!(here(&tracker, 0), Some(Here::Online));
        tracker.handle_timeout(at(2 * INTERVAL_MS));
        tracker.handle_timeout(at(4 * INTERVAL_MS + 1));
        assert_eq!(here(&tracker, 4 * INTERVAL_MS + 1), Some(Here::Left));
    });
}

#[test]
fn member_whose_renewals_two_authorities_grant_stays_with_one_of_them() {
    on_a_large_stack(|| {
        let (first, second) = (keys(1).1, keys(2).1);
        let authorities = Authorities::new(&[first, second]).expect("distinct");
        let config = Config::new("test".parse().expect("valid"), authorities);
        let mut member = common::tracker::<Storage>(&config, &keys(7).0, [7; 32]);
        member.start(at(0));
        member.announce(at(0), &AnnouncementFields::default()).expect("bounded");
        let (mut frame, mut asked) = ([0; MAX_FRAME], vec![0; MAX_REQUEST]);
        while let Some(written) = member.poll_journal(&mut frame) {
            member.handle_journal_synced(written.position);
        }
        member.handle_connected(at(0), &first);
        member.handle_connected(at(0), &second);
        // The first falls silent, is asked again and again, and is given up with a renewal still
        // under way; so the second has one too.
        let mut renewals = VecDeque::new();
        for ms in (0..40_000).step_by(100) {
            member.handle_timeout(at(ms));
            while let Some(sent) = member.poll_request(at(ms), &mut asked) {
                let request = message::decode(&asked[..sent.len], MAX_REQUEST);
                let Ok(Request::Sync(request)) = request else { panic!("a member syncs") };
                let answer = granting(member.announced(), &sent.to);
                match request.renew {
                    Some(_) if ms > 18_000 => renewals.push_back(sent.to),
                    Some(_) if ms > 0 => member.handle_request_failed(at(ms), &sent.to),
                    None => member.handle_request_failed(at(ms), &sent.to),
                    _ => member.handle_response(at(ms), &sent.to, &answer).expect("well formed"),
                }
            }
            if renewals.contains(&first) && renewals.contains(&second) {
                break;
            }
        }
        assert_eq!(renewals, [first, second], "both are asked");
        // The first is slow, so its answer comes last.
        renewals.rotate_left(1);
        let (now, said) = (at(23_000), member.announced());
        for _ in 0..100 {
            let Some(answering) = renewals.pop_front() else { break };
            let answer = granting(member.announced(), &answering);
            member.handle_response(now, &answering, &answer).expect("well formed");
            while let Some(sent) = member.poll_request(now, &mut asked) {
                renewals.push_back(sent.to);
            }
        }
        assert!(member.announced().seq <= said.seq + 1, "{} after {said}", member.announced());
    });
}

#[test]
fn stranger_cannot_end_the_recovery_of_an_authority() {
    on_a_large_stack(|| {
        let mut cluster = cluster_whose_authority_lost_its_journal();
        cluster.restart_alone(0);
        let (now, stranger, config) = (cluster.now(), keys(40).1, cluster.config().clone());
        let old = only_about(cluster.journal(1), &cluster.peer(1));
        let mut statements = Vec::new();
        let mut reader = journal::Reader::new(&old[..]);
        while let journal::Next::Frame(journal::Frame::Statement(bytes)) =
            reader.next_frame().expect("a slice")
        {
            statements.extend_from_slice(bytes);
        }
        let tracker = cluster.tracker(0);
        tracker.handle_connected(now, &stranger);
        let mut buffer = [0; MAX_REQUEST];
        for turn in 0..4 {
            let now = at(1_000_000 + turn * 2 * INTERVAL_MS);
            tracker.handle_timeout(now);
            while tracker.poll_request(now, &mut buffer).is_some() {
                let fields = SyncResponse {
                    hello: Hello {
                        root: tracker.root(),
                        authorities: config.authorities.set_hash(),
                        ..hello()
                    },
                    cursor: Cursor::default(),
                    lease: LeaseAnswer::NONE,
                    acknowledged: Version::ZERO,
                    observed: 0,
                    authorities: &[],
                    statements: &statements,
                };
                let mut response = vec![0; MAX_RESPONSE];
                let size = message::encode(&Response::Sync(fields), &mut response);
                let size = size.expect("it fits");
                tracker.handle_response(now, &stranger, &response[..size]).expect("well formed");
            }
        }
        assert!(tracker.node(now, &keys(2).1).is_some(), "what is genuine is taken");
        assert!(tracker.status(now).recovering);
    });
}

#[test]
fn recovering_authority_gives_others_what_it_alone_holds_of_somebody_else() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 2);
        cluster.run_until_converged();
        let (now, version) = (cluster.now(), cluster.tracker(1).announced());
        let later = Version { epoch: version.epoch + 5, seq: 1 };
        (0..3).for_each(|node| cluster.stop(node));
        cluster.lose_disk(0);
        cluster.restart_alone(0);
        // What a member said last reached the authority, and then the member was gone.
        let (peer, message) = (cluster.peer(1), gossip_of(&keys(2).0, later, "last words"));
        cluster.tracker(0).handle_gossip(now, &peer, &message);
        cluster.restart(2);
        cluster.run(20 * INTERVAL_MS);
        let now = cluster.now();
        assert!(!cluster.tracker(0).status(now).recovering);
        let view = cluster.view(2, 1).expect("held");
        assert_eq!(view.announcement.expect("admitted").1.agent, "last words");
    });
}

#[test]
fn decision_that_lets_an_announcement_in_is_not_shown_before_it_is_on_disk() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::with(1, 0, |config| {
            config.admission = Admission::Manual;
        });
        cluster.run(INTERVAL_MS);
        let (stranger_keys, stranger) = keys(100);
        let message = gossip_of(&stranger_keys, Version { epoch: 1, seq: 1 }, "");
        let now = cluster.now();
        cluster.hold_syncs(0, true);
        let authority = cluster.tracker(0);
        authority.handle_gossip(now, &stranger, &message);
        assert_eq!(authority.counters().pool_taken, 1);
        let before = authority.durable();
        let receipt = authority.admit(now, &stranger).expect("there is room");
        cluster.settle();
        assert_eq!(cluster.tracker(0).durable(), before);
        cluster.hold_syncs(0, false);
        assert!(cluster.tracker(0).durable() >= receipt.0);
    });
}

#[test]
fn authority_that_holds_what_nobody_else_does_recovers_and_tells_it() {
    on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 2);
        cluster.run_until_converged();
        cluster.disconnect(0, 1);
        cluster.disconnect(0, 2);
        let (now, peer) = (cluster.now(), cluster.peer(2));
        cluster.tracker(0).grant(now, &peer, Grant::STAKED).expect("there is room");
        cluster.settle();
        cluster.stop(0);
        // A frame in the middle cannot be read: the header is such a one.
        let journal = only_about(cluster.journal(0), &peer);
        cluster.set_journal(0, &journal);
        cluster.restart(0);
        let now = cluster.now();
        assert!(cluster.tracker(0).status(now).recovering);
        cluster.run(20 * INTERVAL_MS);
        let now = cluster.now();
        assert!(!cluster.tracker(0).status(now).recovering);
        assert!(cluster.view(1, 2).expect("held").grants.contains(Grant::STAKED));
    });
}

/// An authority that granted one thing, forgot it, and granted another; and its first grant.
fn cluster_whose_authority_decided_twice() -> (Cluster<Storage>, Vec<u8>) {
    let mut cluster = Cluster::<Storage>::new(1, 2);
    cluster.run_until_converged();
    let (peer, now) = (cluster.peer(2), cluster.now());
    // What is said last before the disk is lost reaches nobody.
    cluster.disconnect(0, 1);
    cluster.disconnect(0, 2);
    cluster.tracker(0).grant(now, &peer, Grant::STAKED).expect("there is room");
    cluster.settle();
    let first = decision_about(cluster.journal(0), &peer);
    cluster.stop(0);
    cluster.lose_disk(0);
    cluster.restart(0);
    cluster.run(20 * INTERVAL_MS);
    let now = cluster.now();
    assert!(!cluster.tracker(0).status(now).recovering);
    cluster.tracker(0).grant(now, &peer, Grant::VALIDATOR).expect("there is room");
    cluster.run(INTERVAL_MS);
    (cluster, first)
}

/// The last decision about a node in a journal, as gossip.
fn decision_about(journal: &[u8], peer: &PeerId) -> Vec<u8> {
    let about = only_about(journal, peer);
    let mut last = Vec::new();
    let mut reader = journal::Reader::new(&about[..]);
    while let journal::Next::Frame(journal::Frame::Statement(bytes)) =
        reader.next_frame().expect("a slice does not fail")
    {
        if Signed::parse(bytes).expect("whole").kind() == Kind::Decision {
            last = [&[message::FORMAT][..], bytes].concat();
        }
    }
    last
}

#[test]
fn decision_that_its_authority_had_forgotten_is_merged_when_it_turns_up() {
    on_a_large_stack(|| {
        let (mut cluster, first) = cluster_whose_authority_decided_twice();
        let (now, from) = (cluster.now(), cluster.peer(1));
        let verdict = cluster.tracker(0).handle_gossip(now, &from, &first);
        assert_eq!(verdict, Verdict::Accept);
        cluster.settle();
        cluster.run(INTERVAL_MS);
        for node in 0..3 {
            let grants = cluster.view(node, 2).expect("held").grants;
            assert!(grants.contains(Grant::STAKED) && grants.contains(Grant::VALIDATOR), "{node}");
        }
        assert_eq!(cluster.tracker(0).counters().own_statements_merged, 1);
        // Once is enough.
        let (now, head) = (cluster.now(), cluster.tracker(0).root());
        assert_eq!(cluster.tracker(0).handle_gossip(now, &from, &first), Verdict::Ignore);
        assert_eq!(cluster.tracker(0).root(), head);
    });
}

#[test]
fn decisions_that_turn_up_one_after_the_other_while_an_authority_recovers_are_merged() {
    on_a_large_stack(|| {
        let (mut cluster, first) = cluster_whose_authority_decided_twice();
        cluster.stop(0);
        cluster.lose_disk(0);
        cluster.restart_alone(0);
        let (now, from) = (cluster.now(), cluster.peer(1));
        cluster.tracker(0).handle_gossip(now, &from, &first);
        cluster.connect_all();
        cluster.run(20 * INTERVAL_MS);
        let now = cluster.now();
        assert!(!cluster.tracker(0).status(now).recovering);
        for node in 0..3 {
            let grants = cluster.view(node, 2).expect("held").grants;
            assert!(grants.contains(Grant::STAKED) && grants.contains(Grant::VALIDATOR), "{node}");
        }
    });
}
