//! Replicas that do not hold every node, in networks that are larger than they are.

mod common;

use common::{Cluster, INTERVAL_MS, at, keys};
use rollbook_core::{
    Announcement, AnnouncementFields, Authorities, CommandError, Config, ConfigError, Event, Here,
    Hint, Inline, Intent, Keypair, MAX_FRAME, MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE,
    NodeEventTracker, PeerId, Presence, PresenceState, Root, Session, Signed, Signer, Standing,
    Verdict, Version, message, storage::Full,
};

type Storage = Inline<16, 2048, 16, 16>;
/// A device with room for itself, the authority and two others.
type Device = NodeEventTracker<Inline<4, 1024, 4>, Keypair>;

/// An authority and eleven members, of which the last has four places.
fn cluster_of_twelve(partial: bool) -> Cluster<Storage> {
    let mut cluster = Cluster::<Storage>::new(1, 11);
    cluster.run_until_converged();
    cluster.reconfigure(11, |config| {
        config.capacity = 4;
        config.partial = partial;
    });
    cluster
}

/// The nodes that `node` holds.
fn held(cluster: &mut Cluster<Storage>, node: usize) -> Vec<usize> {
    let now = cluster.now();
    let peers: Vec<PeerId> = (0..12).map(|node| cluster.peer(node)).collect();
    let tracker = cluster.tracker(node);
    let held = peers.iter().enumerate().filter(|(_, peer)| tracker.node(now, peer).is_some());
    held.map(|(node, _)| node).collect()
}

fn here(cluster: &Cluster<Storage>, node: usize, of: usize) -> Option<Here> {
    cluster.view(node, of).map(|view| view.here)
}

fn assert_others_are_whole(cluster: &mut Cluster<Storage>, online: u32) {
    let roots: Vec<Root> = (0..11).map(|node| cluster.tracker(node).root()).collect();
    assert!(roots.iter().all(|root| *root == roots[0]));
    assert!((0..11).all(|node| cluster.online(node) == online));
}

#[test]
fn partial_replica_holds_itself_the_authorities_and_what_it_is_told_to() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster_of_twelve(true);
        let [third, fourth, fifth] = [3, 4, 5].map(|node| cluster.peer(node));
        let tracker = cluster.tracker(11);
        assert_eq!(tracker.hold(&third), Ok(()));
        assert_eq!(tracker.hold(&fourth), Ok(()));
        assert_eq!(tracker.hold(&fourth), Ok(()), "once is enough");
        assert_eq!(tracker.hold(&fifth), Err(Full));
        cluster.run(4 * INTERVAL_MS);
        assert_eq!(held(&mut cluster, 11), [0, 3, 4, 11]);
        for of in [0, 3, 4, 11] {
            assert_eq!(here(&cluster, 11, of), Some(Here::Online), "{of}");
        }
        assert_others_are_whole(&mut cluster, 12);
        assert!(cluster.tracker(11).status(at(0)).partial);
        assert!(cluster.tracker(11).counters().statements_out_of_scope > 0);

        // What happens to them is heard.
        let now = cluster.now();
        cluster.tracker(3).leave(now);
        cluster.run(INTERVAL_MS);
        assert_eq!(here(&cluster, 11, 3), Some(Here::Left));
        // One is let go for another, which is fetched at once.
        cluster.tracker(11).release(&fourth);
        assert_eq!(held(&mut cluster, 11), [0, 3, 11]);
        assert_eq!(cluster.tracker(11).hold(&fifth), Ok(()));
        cluster.settle();
        assert_eq!(held(&mut cluster, 11), [0, 3, 5, 11]);
        assert_eq!(here(&cluster, 11, 5), Some(Here::Online));
        // The authority and itself are not let go.
        let (authority, own) = (cluster.peer(0), cluster.peer(11));
        cluster.tracker(11).release(&authority);
        cluster.tracker(11).release(&own);
        assert_eq!(held(&mut cluster, 11), [0, 3, 5, 11]);
    });
}

#[test]
fn home_of_a_partial_replica_is_not_disturbed() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster_of_twelve(true);
        cluster.run(4 * INTERVAL_MS);
        cluster.forget_sizes();
        let before: Vec<u64> =
            (0..12).map(|node| cluster.tracker(node).counters().statements_taken).collect();
        let root = cluster.tracker(0).root();
        cluster.run(40 * INTERVAL_MS);
        let after: Vec<u64> =
            (0..12).map(|node| cluster.tracker(node).counters().statements_taken).collect();
        assert_eq!(before, after);
        assert_eq!(cluster.tracker(0).root(), root);
        // Nobody sends everything again because the roots differ.
        for node in 0..12 {
            let counters = *cluster.tracker(node).counters();
            assert_eq!(counters.walks_begun, 0, "node {node}");
            assert_eq!(counters.verifications_over_budget, 0, "node {node}");
        }
        let (_, largest_response) = cluster.largest_exchange();
        assert!(largest_response < 100, "{largest_response} bytes");
    });
}

#[test]
fn restarted_partial_replica_takes_back_what_it_is_to_hold() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster_of_twelve(true);
        let third = cluster.peer(3);
        cluster.tracker(11).hold(&third).expect("there is room");
        cluster.run(4 * INTERVAL_MS);
        cluster.crash_and_restart(11);
        cluster.run(4 * INTERVAL_MS);
        assert_eq!(held(&mut cluster, 11), [0, 11]);
        cluster.tracker(11).hold(&third).expect("there is room");
        cluster.run(INTERVAL_MS);
        assert_eq!(held(&mut cluster, 11), [0, 3, 11]);
        assert_others_are_whole(&mut cluster, 12);
    });
}

#[test]
fn member_without_room_for_all_becomes_partial_and_says_so() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster_of_twelve(false);
        cluster.run(4 * INTERVAL_MS);
        assert!(cluster.saw(11, Event::BecamePartial));
        let kept = held(&mut cluster, 11);
        assert_eq!(kept.len(), 4);
        assert!(kept.contains(&0) && kept.contains(&11), "{kept:?}");
        assert_others_are_whole(&mut cluster, 12);
        // What it is told to hold takes the place of what it happens to hold.
        let other = (1..11).find(|node| !kept.contains(node)).expect("there are more than four");
        let peer = cluster.peer(other);
        let before = cluster.tracker(11).counters().nodes_given_up;
        cluster.tracker(11).hold(&peer).expect("there is room");
        cluster.run(INTERVAL_MS);
        let kept = held(&mut cluster, 11);
        assert!(kept.contains(&0) && kept.contains(&11) && kept.contains(&other), "{kept:?}");
        assert_eq!(cluster.tracker(11).counters().nodes_given_up, before + 1);
        // A journal that holds more than there is room for is no reason not to start.
        cluster.crash_and_restart(11);
        cluster.run(4 * INTERVAL_MS);
        let kept = held(&mut cluster, 11);
        assert!(kept.contains(&0) && kept.contains(&11), "{kept:?}");
        assert_others_are_whole(&mut cluster, 12);
    });
}

#[test]
fn gossip_about_others_is_neither_kept_nor_passed_on() {
    common::on_a_large_stack(|| {
        let mut cluster = cluster_of_twelve(true);
        cluster.run(4 * INTERVAL_MS);
        let now = cluster.now();
        let fields = AnnouncementFields { agent: "other/1", ..AnnouncementFields::default() };
        cluster.tracker(5).announce(now, &fields).expect("bounded");
        let mut message = vec![0; MAX_GOSSIP];
        while cluster.tracker(5).poll_journal(&mut [0; MAX_FRAME]).is_some() {}
        let size = cluster.tracker(5).poll_publication(&mut message).expect("it says so");
        let from = cluster.peer(5);
        let (whole, partial) = (6, 11);
        let tracker = cluster.tracker(partial);
        assert_eq!(tracker.handle_gossip(now, &from, &message[..size]), Verdict::Ignore);
        let tracker = cluster.tracker(whole);
        assert_eq!(tracker.handle_gossip(now, &from, &message[..size]), Verdict::Accept);
    });
}

#[test]
fn authority_cannot_be_partial() {
    common::on_a_large_stack(|| {
        let authorities = Authorities::new(&[keys(1).1]).expect("distinct");
        let mut config = Config::new("test".parse().expect("valid"), authorities);
        config.partial = true;
        let mut tracker = Box::new(Device::new());
        let made = tracker.init(config, keys(1).0, [1; 32]);
        assert_eq!(made, Err(ConfigError::PartialAuthority));
    });
}

#[test]
fn authority_without_room_stays_whole_and_checks_nothing_in_vain() {
    common::on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::with(2, 6, |config| config.capacity = 4);
        cluster.run(4 * INTERVAL_MS);
        for node in 0..2 {
            let status = cluster.tracker(node).status(at(0));
            assert!(!status.partial && status.admitted <= 4);
        }
        let now = cluster.now();
        // Newcomers get no more than an authority's share; an operator may give the rest away.
        let strangers = (50..).map(|seed| keys(seed).1);
        let full = strangers.map(|peer| cluster.tracker(0).admit(now, &peer)).find(Result::is_err);
        assert_eq!(full, Some(Err(CommandError::Full)));
        let (other, from) = (keys(2).0, cluster.peer(1));
        let said = signed(&other, &keys(99).1, &Presence::default());
        let message = [&[message::FORMAT][..], &said].concat();
        let before = *cluster.tracker(0).counters();
        for _ in 0..1_000 {
            cluster.tracker(0).handle_gossip(now, &from, &message);
        }
        let after = *cluster.tracker(0).counters();
        assert_eq!(after.statements_no_room, before.statements_no_room + 1_000);
        assert_eq!(after.verifications_over_budget, 0);
    });
}

fn signed<'a>(
    keys: &Keypair,
    about: &PeerId,
    fields: &impl rollbook_core::statement::Fields<'a>,
) -> Vec<u8> {
    let network = "test".parse().expect("valid");
    let version = Version { epoch: 2_000_000_000, seq: 1 };
    Signed::sign(&network, keys, about, version, fields).expect("bounded").to_vec()
}

#[test]
fn member_that_cannot_check_a_kind_of_key_in_use_becomes_partial() {
    common::on_a_large_stack(|| {
        let authorities = Authorities::new(&[keys(1).1]).expect("distinct");
        let config = Config::new("test".parse().expect("valid"), authorities);
        let mut tracker = common::tracker::<Storage>(&config, &keys(7).0, [7; 32]);
        tracker.start(at(0));
        let hashed: PeerId =
            "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().expect("valid");
        let state = PresenceState::ONLINE;
        let presence = signed(&keys(1).0, &hashed, &Presence { state, ..Presence::default() });
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
        let announced = Signed::sign(
            &config.network,
            &Hashed(hashed),
            &hashed,
            Version { epoch: 1, seq: 1 },
            &said,
        );
        let announced = announced.expect("bounded");
        let message = |statements: &[u8]| [&[message::FORMAT][..], statements].concat();
        let from = keys(1).1;
        // Whoever nobody vouches for may be anybody's invention.
        tracker.handle_gossip(at(0), &from, &message(&announced));
        assert!(!tracker.status(at(0)).partial);
        assert_eq!(tracker.handle_gossip(at(0), &from, &message(&presence)), Verdict::Accept);
        assert_eq!(tracker.handle_gossip(at(0), &from, &message(&announced)), Verdict::Ignore);
        assert!(tracker.status(at(0)).partial);
        assert_eq!(tracker.node(at(0), &hashed).expect("held").standing, Standing::ADMITTED);
    });
}

/// A key of a kind that nobody here knows.
struct Hashed(PeerId);

impl Signer for Hashed {
    fn peer_id(&self) -> PeerId {
        self.0
    }

    fn sign(&self, _message: &[u8]) -> rollbook_core::Signature {
        rollbook_core::Signature::from_slice(&[7; 64]).expect("64 bytes fit")
    }
}

/// A device beside a cluster, connected to its authority.
struct Beside {
    device: Box<Device>,
    heard: usize,
}

impl Beside {
    /// Lets the device do what there is to do, and hear what was gossiped meanwhile.
    fn drain(&mut self, cluster: &mut Cluster<Storage>) {
        let (now, home) = (cluster.now(), cluster.peer(0));
        let own = *self.device.peer_id();
        self.device.handle_timeout(now);
        for message in &cluster.gossip_log()[self.heard..] {
            assert_ne!(self.device.handle_gossip(now, &home, message), Verdict::Reject);
        }
        self.heard = cluster.gossip_log().len();
        let mut frame = [0; MAX_FRAME];
        while let Some(written) = self.device.poll_journal(&mut frame) {
            self.device.handle_journal_synced(written.position);
        }
        let mut message = [0; MAX_GOSSIP];
        while let Some(size) = self.device.poll_publication(&mut message) {
            for node in 0..11 {
                cluster.tracker(node).handle_gossip(now, &own, &message[..size]);
            }
        }
        let mut request = [0; MAX_REQUEST];
        let mut response = vec![0; MAX_RESPONSE];
        while let Some(sent) = self.device.poll_request(now, &mut request) {
            assert_eq!(sent.to, home);
            let request = &request[..sent.len];
            let size = cluster.tracker(0).handle_request(now, &own, request, &mut response);
            let size = size.expect("an honest request is answered");
            self.device.handle_response(now, &home, &response[..size]).expect("an honest answer");
        }
        while self.device.poll_event(now).is_some() {}
    }
}

#[test]
fn device_with_four_places_follows_its_own_in_a_network_of_twelve() {
    common::on_a_large_stack(|| {
        let mut cluster = Cluster::<Storage>::new(1, 10);
        cluster.run_until_converged();
        let mut config = cluster.config().clone();
        config.partial = true;
        let mut device = Box::new(Device::new());
        device.init(config.clone(), keys(50).0, [50; 32]).expect("a valid configuration");
        common::recover_header(&mut device, &config);
        let watched = [cluster.peer(3), cluster.peer(4)];
        for peer in &watched {
            device.hold(peer).expect("there is room");
        }
        assert_eq!(device.hold(&cluster.peer(5)), Err(Full));
        device.start(cluster.now());
        device.announce(cluster.now(), &AnnouncementFields::default()).expect("bounded");
        let (own, home, now) = (keys(50).1, cluster.peer(0), cluster.now());
        device.handle_connected(now, &home);
        cluster.tracker(0).handle_connected(now, &own);
        let mut beside = Beside { device, heard: cluster.gossip_log().len() };
        let pass = |cluster: &mut Cluster<Storage>, beside: &mut Beside, seconds: u64| {
            for _ in 0..seconds {
                cluster.run(1_000);
                beside.drain(cluster);
            }
        };
        pass(&mut cluster, &mut beside, 60);
        let now = cluster.now();
        for peer in watched.iter().chain([&own, &home]) {
            let view = beside.device.node(now, peer).expect("held");
            assert_eq!(view.here, Here::Online, "{peer}");
        }
        assert_eq!(beside.device.nodes(now).count(), 4);
        assert_eq!(beside.device.counters().statements_no_room, 0);
        for node in 0..11 {
            assert_eq!(cluster.online(node), 12, "node {node}");
        }
        // A quiet network stays quiet: its home is asked once an interval and has nothing to say.
        let before = *beside.device.counters();
        pass(&mut cluster, &mut beside, 300);
        let after = *beside.device.counters();
        assert!(after.requests_sent - before.requests_sent <= 34);
        assert_eq!(after.statements_taken, before.statements_taken);
        assert_eq!(after.statements_out_of_scope, before.statements_out_of_scope);
        cluster.stop(4);
        pass(&mut cluster, &mut beside, 60);
        let view = beside.device.node(cluster.now(), &watched[1]).expect("held");
        assert_eq!(view.here, Here::Left);
    });
}
