//! What goes wrong in masa-oracle's tracker of nodes, and must not here: see `docs/masa-faults.md`.

mod common;

use common::{Cluster, INTERVAL_MS, keys};
use rollbook_core::{
    Announcement, AnnouncementFields, Event, Grant, Here, Hint, Imported, Inline, Intent, Keypair,
    MAX_FRAME, MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE, Now, PeerId, Presence, PresenceState,
    Session, Signed, Signer, Verdict, Version,
    message::{
        self, Cursor, Flags, Hello, LeaseAnswer, Request, Response, SyncRequest, SyncResponse,
    },
};

type Storage = Inline<16, 4096, 16, 16>;
type Nodes = Cluster<Storage>;

/// Seconds at the beginning of the year 2100.
const YEAR_2100: u64 = 4_102_444_800;

/// A cluster that holds one roll, on a stack that has room for it.
fn with_cluster(members: usize, test: impl FnOnce(&mut Nodes) + Send + 'static) {
    common::on_a_large_stack(move || {
        let mut cluster = Nodes::new(1, members);
        cluster.run_until_converged();
        cluster.run(8 * INTERVAL_MS);
        test(&mut cluster);
    });
}

/// Lets `node` say something else of itself, and drains no more than its journal.
fn say(cluster: &mut Nodes, node: usize, now: Now, agent: &str) {
    let fields = AnnouncementFields { agent, ..AnnouncementFields::default() };
    let tracker = cluster.tracker(node);
    tracker.announce(now, &fields).expect("bounded");
    let (mut frame, mut position) = ([0; MAX_FRAME], 0);
    while let Some(written) = tracker.poll_journal(&mut frame) {
        position = written.position;
    }
    tracker.handle_journal_synced(position);
}

/// The next gossip message of `node`.
fn publication(cluster: &mut Nodes, node: usize) -> Option<Vec<u8>> {
    let mut message = [0; MAX_GOSSIP];
    let size = cluster.tracker(node).poll_publication(&mut message)?;
    Some(message[..size].to_vec())
}

/// What `node` says anew, as it gossips it.
fn said(cluster: &mut Nodes, node: usize, agent: &str) -> Vec<u8> {
    let now = cluster.now();
    say(cluster, node, now, agent);
    publication(cluster, node).expect("an admitted node gossips what it says")
}

fn agent_of(cluster: &Nodes, node: usize, of: usize) -> String {
    let view = cluster.view(node, of).expect("in the roll");
    view.announcement.expect("it announced itself").1.agent.to_owned()
}

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

fn request_with(statements: &[u8]) -> Vec<u8> {
    let fields = SyncRequest {
        hello: hello(),
        cursor: Cursor::default(),
        renew: None,
        observations: None,
        statements,
    };
    encoded(&Request::Sync(fields))
}

fn response_with(statements: &[u8]) -> Vec<u8> {
    let fields = SyncResponse {
        hello: hello(),
        cursor: Cursor::default(),
        lease: LeaseAnswer::NONE,
        acknowledged: Version::ZERO,
        observed: 0,
        authorities: &[],
        statements,
    };
    encoded(&Response::Sync(fields))
}

fn encoded(message: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = vec![0; MAX_RESPONSE];
    let size = message::encode(message, &mut bytes).expect("it fits");
    bytes.truncate(size);
    bytes
}

/// Answers the next request of `node` with these statements; says whether it took them.
fn respond(cluster: &mut Nodes, node: usize, statements: &[u8]) -> bool {
    let unix_s = cluster.now().unix_s;
    let tracker = cluster.tracker(node);
    for _ in 0..100 {
        let mono_ms = tracker.poll_timeout().expect("a member always waits for something");
        let later = Now { mono_ms, unix_s };
        tracker.handle_timeout(later);
        if let Some(sent) = tracker.poll_request(later, &mut [0; MAX_REQUEST]) {
            return tracker.handle_response(later, &sent.to, &response_with(statements)).is_ok();
        }
    }
    panic!("it asks nobody")
}

#[test]
fn every_gossip_message_is_handled_once_and_in_the_instant_of_its_arrival() {
    with_cluster(6, |cluster| {
        let messages: Vec<_> = (1..6).map(|node| said(cluster, node, "new")).collect();
        let (now, from) = (cluster.now(), cluster.peer(0));
        let before = cluster.tracker(6).counters().gossip_accepted;
        for message in &messages {
            let verdict = cluster.tracker(6).handle_gossip(now, &from, message);
            assert_eq!(verdict, Verdict::Accept);
        }
        assert_eq!(cluster.tracker(6).counters().gossip_accepted, before + 5);
        assert!((1..6).all(|node| agent_of(cluster, 6, node) == "new"));
    });
}

#[test]
fn facts_arrive_though_all_gossip_is_lost() {
    with_cluster(3, |cluster| {
        cluster.lose_gossip();
        let (now, peer) = (cluster.now(), cluster.peer(1));
        let fields = AnnouncementFields { agent: "new", ..AnnouncementFields::default() };
        cluster.tracker(1).announce(now, &fields).expect("bounded");
        cluster.tracker(0).grant(now, &peer, Grant::STAKED).expect("an authority");
        cluster.run(3 * INTERVAL_MS);
        for node in [0, 2, 3] {
            assert_eq!(agent_of(cluster, node, 1), "new", "node {node}");
            let view = cluster.view(node, 1).expect("in the roll");
            assert!(view.grants.contains(Grant::STAKED), "node {node}");
        }
    });
}

#[test]
fn what_is_known_is_not_passed_on_and_what_others_said_is_not_published_again() {
    with_cluster(2, |cluster| {
        let message = said(cluster, 1, "new");
        let (now, from) = (cluster.now(), cluster.peer(1));
        assert_eq!(cluster.tracker(2).handle_gossip(now, &from, &message), Verdict::Accept);
        assert_eq!(publication(cluster, 2), None);
        for _ in 0..3 {
            assert_eq!(cluster.tracker(2).handle_gossip(now, &from, &message), Verdict::Ignore);
            assert_eq!(publication(cluster, 2), None);
        }
    });
}

#[test]
fn uptime_is_not_counted_again_however_often_all_is_synchronised() {
    common::on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::with(1, 2, |config| config.interval_ms = 600_000);
        cluster.run_until_converged();
        cluster.run(7_200_000);
        let joined = cluster.view(0, 1).and_then(|view| view.last_joined).expect("it joined");
        for _ in 0..22 {
            // Who starts again reads everything again.
            cluster.crash_and_restart(2);
            cluster.run(3_600_000);
        }
        let elapsed = cluster.now().unix_s - joined;
        assert!(elapsed > 23 * 3_600);
        for node in 0..3 {
            let view = cluster.view(node, 1).expect("in the roll");
            assert_eq!((view.here, view.uptime), (Here::Online, elapsed), "node {node}");
            assert_eq!(view.accumulated_uptime, elapsed, "node {node}");
        }
    });
}

#[test]
fn node_that_never_joined_has_no_uptime_but_what_was_imported() {
    with_cluster(1, |cluster| {
        let now = cluster.now();
        let (admitted, imported) = (keys(60).1, keys(61).1);
        let history = Imported::of(0, 77);
        cluster.tracker(0).admit(now, &admitted).expect("an authority");
        cluster.tracker(0).import(now, &imported, history, &[]).expect("an authority");
        cluster.run(2 * INTERVAL_MS);
        for (peer, uptime) in [(admitted, 0), (imported, 77)] {
            let view = cluster.view_of(1, &peer).expect("in the roll");
            assert_eq!((view.uptime, view.accumulated_uptime), (0, uptime));
        }
    });
}

#[test]
fn change_of_one_node_moves_what_that_node_said_and_no_table() {
    with_cluster(7, |cluster| {
        let peer = cluster.peer(3);
        let before = cluster.exchange_log().len();
        let message = said(cluster, 3, "new");
        cluster.lose_gossip();
        cluster.run(7 * INTERVAL_MS);
        assert!((0..8).all(|node| agent_of(cluster, node, 3) == "new"));
        let mut moved = 0;
        for answer in cluster.exchange_log()[before..].chunks(2).map(|pair| &pair[1]) {
            let answer = message::decode(answer, MAX_RESPONSE).expect("an honest answer");
            let Response::Sync(answer) = answer else { panic!("nothing is reconciled here") };
            for statement in message::statements(answer.statements) {
                assert_eq!(statement.expect("well formed").subject(), Some(peer));
            }
            moved += answer.statements.len();
        }
        assert!(moved > 0 && moved <= 2 * 8 * message.len(), "{moved} bytes");
    });
}

#[test]
fn older_word_replaces_nothing_by_gossip_or_sync_whatever_its_node_is_granted() {
    for is_granted in [false, true] {
        with_cluster(2, move |cluster| {
            let (now, peer) = (cluster.now(), cluster.peer(1));
            if is_granted {
                cluster.tracker(0).grant(now, &peer, Grant::STAKED).expect("an authority");
                cluster.run(2 * INTERVAL_MS);
            }
            let (older, newer) = (said(cluster, 1, "older"), said(cluster, 1, "newer"));
            let (now, from) = (cluster.now(), cluster.peer(0));
            let tracker = cluster.tracker(2);
            assert_eq!(tracker.handle_gossip(now, &from, &newer), Verdict::Accept);
            assert_eq!(tracker.handle_gossip(now, &from, &older), Verdict::Ignore);
            let request = request_with(&older[1..]);
            tracker
                .handle_request(now, &from, &request, &mut [0; MAX_RESPONSE])
                .expect("well formed");
            assert!(respond(cluster, 2, &older[1..]));
            assert_eq!(agent_of(cluster, 2, 1), "newer");
            let view = cluster.view(2, 1).expect("in the roll");
            assert_eq!(view.grants.contains(Grant::STAKED), is_granted);
        });
    }
}

#[test]
fn everything_that_a_known_node_says_anew_arrives_as_it_said_it() {
    with_cluster(2, |cluster| {
        let (now, peer) = (cluster.now(), cluster.peer(1));
        let addresses: [&[u8]; 2] = [&[4, 10, 0, 0, 9, 6, 0, 9], &[4, 10, 0, 0, 8, 0x91, 2, 0, 8]];
        let fields = AnnouncementFields {
            addresses: &addresses,
            agent: "its-own/2",
            capabilities: &["scraper", "relay"],
            extra: b"more",
        };
        cluster.tracker(1).announce(now, &fields).expect("bounded");
        cluster.tracker(0).grant(now, &peer, Grant::VALIDATOR).expect("an authority");
        cluster.settle();
        for node in 0..3 {
            let view = cluster.view(node, 1).expect("in the roll");
            assert!(view.grants.contains(Grant::VALIDATOR), "node {node}");
            let said = view.announcement.expect("it announced itself").1;
            assert_eq!(said.addresses[..], addresses, "node {node}");
            assert_eq!((said.agent, said.extra), ("its-own/2", &b"more"[..]), "node {node}");
            assert_eq!(said.capabilities[..], ["scraper", "relay"], "node {node}");
            assert_eq!(agent_of(cluster, node, 2), "test/1", "another's stays its own");
        }
    });
}

#[test]
fn nobody_who_lives_is_called_left_however_long_nothing_changes() {
    with_cluster(5, |cluster| {
        cluster.forget_events();
        let told = cluster.gossip_log().len();
        cluster.run(360 * INTERVAL_MS);
        assert_eq!(cluster.gossip_log().len(), told);
        for node in 0..6 {
            assert_eq!(cluster.online(node), 6, "node {node}");
            for peer in (0..6).map(|of| cluster.peer(of)) {
                assert!(!cluster.saw(node, Event::Left { peer }));
                assert!(!cluster.saw(node, Event::Unknown { peer }));
            }
        }
    });
}

/// Signs that `subject` left, as `keys`.
fn left_by(keys: &Keypair, subject: &PeerId) -> Vec<u8> {
    let presence = Presence { state: PresenceState::LEFT, ..Presence::default() };
    let (network, version) = ("test".parse().expect("valid"), Version { epoch: 9, seq: 9 });
    let signed = Signed::sign(&network, keys, subject, version, &presence).expect("bounded");
    [&[message::FORMAT][..], &signed].concat()
}

#[test]
fn word_about_somebody_unknown_makes_no_record() {
    with_cluster(2, |cluster| {
        let (now, from) = (cluster.now(), cluster.peer(1));
        let before = (cluster.tracker(2).root(), cluster.tracker(2).nodes(now).count());
        let message = left_by(&keys(2).0, &keys(60).1);
        assert_eq!(cluster.tracker(2).handle_gossip(now, &from, &message), Verdict::Ignore);
        let after = (cluster.tracker(2).root(), cluster.tracker(2).nodes(now).count());
        assert_eq!(before, after);
        // One that an authority admits before it came has none of what it would say itself.
        cluster.tracker(0).admit(now, &keys(60).1).expect("an authority");
        cluster.settle();
        let view = cluster.view_of(2, &keys(60).1).expect("in the roll");
        assert!(view.announcement.is_none() && !view.is_active());
    });
}

#[test]
fn node_that_is_called_left_keeps_what_it_said_of_itself() {
    with_cluster(2, |cluster| {
        cluster.stop(1);
        cluster.run(6 * INTERVAL_MS);
        for node in [0, 2] {
            let view = cluster.view(node, 1).expect("in the roll");
            assert_eq!(view.here, Here::Left, "node {node}");
            let said = view.announcement.expect("kept").1;
            assert!(said.addresses.len() == 1 && said.agent == "test/1", "node {node}");
        }
    });
}

#[test]
fn every_record_of_a_page_is_that_of_its_own_node() {
    with_cluster(7, |cluster| {
        cluster.stop(7);
        cluster.lose_gossip();
        let address = |node: usize| [4, 10, 0, 0, node.to_le_bytes()[0], 6, 0, 1];
        for node in 0..7 {
            let (now, own) = (cluster.now(), address(node));
            let agent = format!("agent/{node}");
            let fields = AnnouncementFields {
                addresses: &[&own],
                agent: &agent,
                ..AnnouncementFields::default()
            };
            cluster.tracker(node).announce(now, &fields).expect("bounded");
        }
        cluster.run(3 * INTERVAL_MS);
        let before = cluster.exchange_log().len();
        // With less than half of the roll it is sent pages, and no walk is worth it.
        cluster.lose_disk(7);
        cluster.restart(7);
        cluster.run(3 * INTERVAL_MS);
        let records = |answer: &Vec<u8>| match message::decode(answer, MAX_RESPONSE) {
            Ok(Response::Sync(answer)) => message::statements(answer.statements).count(),
            _ => 0,
        };
        let answers = cluster.exchange_log()[before..].chunks(2).map(|pair| &pair[1]);
        assert!(answers.map(records).max() >= Some(6), "a page of many");
        for node in 0..7 {
            let view = cluster.view(7, node).expect("in the roll");
            assert_eq!(view.peer_id, cluster.peer(node));
            let said = view.announcement.expect("it announced itself").1;
            assert_eq!(said.addresses[..], [&address(node)[..]], "node {node}");
            assert_eq!(said.agent, format!("agent/{node}"));
        }
    });
}

#[test]
fn largest_record_keeps_no_other_from_arriving() {
    for loses_gossip in [false, true] {
        with_cluster(4, move |cluster| {
            if loses_gossip {
                cluster.lose_gossip();
            }
            let name = [&[0x36, 94][..], &[b'a'; 94]].concat();
            let now = cluster.now();
            let large = AnnouncementFields {
                addresses: &[&name, &name, &name, &name],
                agent: "a text of forty-eight bytes, the most that fit..",
                capabilities: &[],
                extra: &[7; 64],
            };
            assert_eq!(large.agent.len(), 48);
            cluster.tracker(1).announce(now, &large).expect("bounded");
            for node in [0, 2, 3, 4] {
                say(cluster, node, now, "new");
            }
            cluster.run(3 * INTERVAL_MS);
            for node in 0..5 {
                assert_eq!(agent_of(cluster, node, 1), large.agent, "node {node}");
                assert!([0, 2, 3, 4].iter().all(|of| agent_of(cluster, node, *of) == "new"));
            }
        });
    }
}

#[test]
fn joining_is_gossiped_with_what_the_node_says_of_itself() {
    common::on_a_large_stack(|| {
        let mut cluster = Nodes::new(1, 2);
        cluster.run_until_converged();
        let joining = cluster.peer(2);
        let mut told = cluster.gossip_log().iter().filter(|told| {
            let statements = message::statements(&told[1..]).filter_map(Result::ok);
            statements.filter(|statement| statement.subject() == Some(joining)).count() == 2
        });
        assert!(told.next().is_some(), "its presence and its announcement in one message");
    });
}

#[test]
fn connections_that_come_and_go_make_nobody_leave_or_join() {
    with_cluster(2, |cluster| {
        cluster.forget_events();
        let joined = cluster.view(2, 1).and_then(|view| view.last_joined);
        for _ in 0..20 {
            cluster.disconnect(0, 1);
            cluster.disconnect(1, 2);
            cluster.run(INTERVAL_MS / 5);
            cluster.connect_all();
            // The transport may say so of each of several connections.
            let (now, peer) = (cluster.now(), cluster.peer(1));
            cluster.tracker(0).handle_connected(now, &peer);
            cluster.run(INTERVAL_MS / 5);
        }
        let peer = cluster.peer(1);
        for node in [0, 2] {
            let told = [Event::Left { peer }, Event::Joined { peer }, Event::Unknown { peer }];
            assert!(told.into_iter().all(|event| !cluster.saw(node, event)), "node {node}");
            assert_eq!(cluster.view(node, 1).and_then(|view| view.last_joined), joined);
        }
    });
}

#[test]
fn inputs_wait_for_nobody_who_reads_the_outputs() {
    with_cluster(2, |cluster| {
        let (now, from) = (cluster.now(), cluster.peer(1));
        // Nothing is polled while all this happens.
        for seed in 30..130 {
            cluster.tracker(2).handle_connected(now, &keys(seed).1);
        }
        for number in 0..5 {
            let message = said(cluster, 1, &format!("agent/{number}"));
            let verdict = cluster.tracker(2).handle_gossip(now, &from, &message);
            assert_eq!(verdict, Verdict::Accept);
        }
        assert_eq!(agent_of(cluster, 2, 1), "agent/4");
        // What there is to tell does not pile up either.
        let tracker = cluster.tracker(2);
        let told = std::iter::from_fn(|| tracker.poll_event(now)).take(100);
        let changes = told.filter(|event| *event == Event::Changed { peer: from });
        assert_eq!(changes.count(), 1);
    });
}

#[test]
fn peer_that_was_never_there_can_go_and_fail_and_answer() {
    with_cluster(1, |cluster| {
        let (now, root) = (cluster.now(), cluster.tracker(1).root());
        let stranger = keys(60).1;
        let tracker = cluster.tracker(1);
        tracker.handle_disconnected(now, &stranger);
        tracker.handle_request_failed(now, &stranger);
        assert!(tracker.handle_response(now, &stranger, &response_with(&[])).is_ok());
        assert_eq!(tracker.root(), root);
    });
}

#[test]
fn nobody_says_anything_in_anothers_name_by_any_way() {
    with_cluster(3, |cluster| {
        let said = Announcement {
            session: Session([1; 4]),
            home: Hint::NONE,
            intent: Intent::LEAVING,
            issued_at: YEAR_2100,
            addresses: heapless::Vec::new(),
            agent: "forged",
            capabilities: heapless::Vec::new(),
            extra: &[],
        };
        let network = "test".parse().expect("valid");
        let (version, liar) = (Version { epoch: 4_000_000_000, seq: 1 }, keys(4).0);
        let (now, from) = (cluster.now(), liar.peer_id());
        // About a third node, and about the receiver's own.
        for subject in [cluster.peer(1), cluster.peer(2)] {
            let mut forged = Vec::new();
            // In its own name about another; in the other's name, which takes the other's key.
            forged.push(Signed::sign(&network, &liar, &subject, version, &said).expect("bounded"));
            let honest = Signed::sign(&network, &liar, &from, version, &said).expect("bounded");
            let honest = Signed::parse(&honest).expect("well formed").payload().to_bytes();
            let rest = &honest[2 + from.as_bytes().len() + 4..];
            let head = [3, u8::try_from(subject.as_bytes().len()).expect("short")];
            let payload = [&head[..], subject.as_bytes(), &subject.hint().0, rest].concat();
            let signature = liar.sign(&payload);
            let size = u8::try_from(payload.len()).expect("short");
            let signed = [&[size][..], &payload, &[64], &signature].concat();
            forged.push(heapless::Vec::from_slice(&signed).expect("bounded"));
            // And that it left, which its home alone may say.
            forged.push(heapless::Vec::from_slice(&left_by(&liar, &subject)[1..]).expect("short"));
            for (case, statement) in forged.iter().enumerate() {
                let root = cluster.tracker(2).root();
                let message = [&[message::FORMAT][..], statement].concat();
                let verdict = cluster.tracker(2).handle_gossip(now, &from, &message);
                assert_ne!(verdict, Verdict::Accept, "case {case}");
                let request = request_with(statement);
                let _ =
                    cluster.tracker(2).handle_request(now, &from, &request, &mut [0; MAX_RESPONSE]);
                let _ = respond(cluster, 2, statement);
                assert_eq!(cluster.tracker(2).root(), root, "case {case}");
            }
        }
        assert_eq!(agent_of(cluster, 2, 1), "test/1");
        assert_eq!(agent_of(cluster, 2, 2), "test/1");
    });
}

#[test]
fn time_of_a_wrong_clock_decides_nothing() {
    with_cluster(2, |cluster| {
        let now = cluster.now();
        let wrong = Now { unix_s: YEAR_2100, ..now };
        say(cluster, 1, wrong, "in 2100");
        let first = publication(cluster, 1).expect("it is gossiped");
        let second = said(cluster, 1, "today");
        let from = cluster.peer(1);
        for (message, agent) in [(first, "in 2100"), (second, "today")] {
            let verdict = cluster.tracker(2).handle_gossip(now, &from, &message);
            assert_eq!((verdict, agent_of(cluster, 2, 1).as_str()), (Verdict::Accept, agent));
        }
    });
}

#[test]
fn two_changes_at_one_instant_are_in_order() {
    with_cluster(2, |cluster| {
        let (first, second) = (said(cluster, 1, "first"), said(cluster, 1, "second"));
        let (now, from) = (cluster.now(), cluster.peer(1));
        for node in [0, 2] {
            let mut order = [&first, &second];
            order.rotate_left(node % 4 / 2);
            for message in order {
                let verdict = cluster.tracker(node).handle_gossip(now, &from, message);
                assert_ne!(verdict, Verdict::Reject);
            }
            assert_eq!(agent_of(cluster, node, 1), "second", "node {node}");
        }
    });
}

#[test]
fn any_number_of_made_up_identities_take_no_place_in_the_roll() {
    with_cluster(2, |cluster| {
        let (now, from) = (cluster.now(), cluster.peer(1));
        let root = cluster.tracker(2).root();
        let network = "test".parse().expect("valid");
        for number in 0u16..300 {
            let mut seed = [0xee; 32];
            seed[..2].copy_from_slice(&number.to_le_bytes());
            let made_up = Keypair::ed25519(seed);
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
            let version = Version { epoch: 1, seq: 1 };
            let signed = Signed::sign(&network, &made_up, &made_up.peer_id(), version, &said);
            let message = [&[message::FORMAT][..], &signed.expect("bounded")].concat();
            assert_ne!(
                cluster.tracker(2).handle_gossip(now, &from, &message),
                Verdict::Accept,
                "nobody passes it on"
            );
        }
        assert_eq!(cluster.tracker(2).root(), root);
        assert!(cluster.tracker(2).nodes(now).count() <= 3 + 16, "as many as may wait");
    });
}

#[test]
fn node_that_left_is_not_among_the_active_ones() {
    with_cluster(3, |cluster| {
        let now = cluster.now();
        cluster.tracker(1).leave(now);
        cluster.settle();
        cluster.stop(2);
        cluster.run(6 * INTERVAL_MS);
        let now = cluster.now();
        let active: Vec<PeerId> = cluster
            .tracker(3)
            .nodes(now)
            .filter(|view| view.is_active())
            .map(|view| view.peer_id)
            .collect();
        let mut expected = [cluster.peer(0), cluster.peer(3)];
        expected.sort_unstable_by_key(PeerId::order_key);
        assert_eq!(active, expected);
    });
}

#[test]
fn nodes_are_listed_in_one_order_on_every_replica_whatever_changes() {
    with_cluster(5, |cluster| {
        let listed = |cluster: &mut Nodes, node: usize| -> Vec<PeerId> {
            let now = cluster.now();
            cluster.tracker(node).nodes(now).map(|view| view.peer_id).collect()
        };
        let before = listed(cluster, 0);
        assert_eq!(before.len(), 6);
        for changed in [4, 1, 5] {
            let now = cluster.now();
            say(cluster, changed, now, "new");
            cluster.run(INTERVAL_MS);
            assert!((0..6).all(|node| listed(cluster, node) == before));
        }
    });
}

#[test]
fn pages_that_are_read_while_nodes_change_miss_none() {
    with_cluster(5, |cluster| {
        let (now, from) = (cluster.now(), keys(60).1);
        let mut cursor = Cursor::default();
        let mut read = std::collections::BTreeMap::new();
        for page in 0.. {
            assert!(page < 100, "it goes on for ever");
            let fields = SyncRequest {
                hello: hello(),
                cursor,
                renew: None,
                observations: None,
                statements: &[],
            };
            // Room for a node or two.
            let (request, mut answer) = (encoded(&Request::Sync(fields)), [0; 600]);
            let size = cluster
                .tracker(0)
                .handle_request(now, &from, &request, &mut answer)
                .expect("well formed");
            let answer = message::decode(&answer[..size], MAX_RESPONSE).expect("an honest answer");
            let Response::Sync(answer) = answer else { panic!("it was not asked to reconcile") };
            for statement in message::statements(answer.statements) {
                let statement = statement.expect("well formed");
                let slot = (statement.subject(), statement.kind(), statement.writer());
                read.insert(slot, statement.version());
            }
            cursor = answer.cursor;
            if cursor.since == cursor.after {
                assert!(page > 2, "several pages");
                break;
            }
            if page < 4 {
                // A node that was read already, or not yet, changes.
                let message = said(cluster, 1 + page % 3, &format!("page {page}"));
                let peer = cluster.peer(1 + page % 3);
                cluster.tracker(0).handle_gossip(now, &peer, &message);
            }
        }
        for node in 0..6 {
            let (peer, view) = (cluster.peer(node), cluster.view(0, node).expect("in the roll"));
            let said = view.announcement.expect("it announced itself").0;
            let slot = (Some(peer), rollbook_core::statement::Kind::Announcement, peer.hint());
            assert_eq!(read.get(&slot), Some(&said), "node {node}");
        }
    });
}
