//! Whole clusters of trackers in one process and in virtual time, the same suite over storage on
//! the heap and inline.

mod common;

use common::{Cluster, INTERVAL_MS, over_both_storages};
use rollbook_core::{
    Admission, AnnouncementFields, CommandError, Event, Grant, Here, ImportOutcome, Imported,
    NodeView, PublicKey, Session, Standing, Verdict, storage::Storage,
};

over_both_storages! {
    members_join_and_everyone_holds_the_same_roll,
    grant_is_seen_on_all,
    graceful_leave_is_seen_as_such,
    silent_node_is_called_left_after_window_and_grace,
    restarted_member_is_the_same_node_in_a_new_session,
    restarted_authority_calls_nobody_left,
    all_restart_and_hold_the_same_roll,
    member_that_was_away_catches_up,
    node_called_left_while_it_lives_refutes_it,
    removed_node_disappears_and_comes_back_only_by_admission,
    manual_admission_lets_nodes_wait,
    replayed_statements_change_nothing_and_are_counted,
    gossip_that_is_garbage_or_forged_is_rejected,
    member_cannot_decide,
    imported_history_makes_nobody_online_and_counts_once,
    nothing_leaves_before_the_epoch_is_on_disk,
    decision_is_held_back_until_it_is_on_disk,
    unchanged_roll_costs_no_gossip,
    full_roll_is_an_error_and_not_a_panic,
    uptime_is_counted_by_session,
    sync_of_equal_rolls_is_under_64_bytes_each_way,
    sync_of_equal_rolls_is_as_small_with_eight_authorities,
    two_nodes_with_one_key_are_reported,
}

fn members_join_and_everyone_holds_the_same_roll<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 4);
    cluster.run_until_converged();
    for node in 0..5 {
        assert_eq!(cluster.online(node), 5, "node {node}");
        for other in 0..5 {
            let view = cluster.view(node, other).expect("in the roll");
            assert_eq!(view.here, Here::Online);
            assert_eq!(view.standing, Standing::ADMITTED);
            assert_eq!(view.home, Some(cluster.peer(0)));
        }
    }
}

fn grant_is_seen_on_all<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 3);
    cluster.run_until_converged();
    let (now, peer) = (cluster.now(), cluster.peer(2));
    cluster.tracker(0).grant(now, &peer, Grant::STAKED).expect("an authority");
    cluster.run(2 * INTERVAL_MS);
    for node in 0..4 {
        let view = cluster.view(node, 2).expect("in the roll");
        assert!(view.grants.contains(Grant::STAKED));
        assert!(!view.grants.contains(Grant::VALIDATOR));
        assert!(cluster.saw(node, Event::GrantsChanged { peer }), "node {node}");
    }
    let now = cluster.now();
    cluster.tracker(0).revoke(now, &peer, Grant::STAKED).expect("an authority");
    cluster.run(2 * INTERVAL_MS);
    for node in 0..4 {
        assert!(!cluster.view(node, 2).expect("in the roll").grants.contains(Grant::STAKED));
    }
}

fn graceful_leave_is_seen_as_such<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 3);
    cluster.run_until_converged();
    let now = cluster.now();
    cluster.tracker(2).leave(now);
    cluster.settle();
    assert!(cluster.tracker(2).is_leave_acknowledged());
    cluster.stop(2);
    cluster.run(INTERVAL_MS * 2);
    let peer = cluster.peer(2);
    for node in [0, 1, 3] {
        let view = cluster.view(node, 2).expect("in the roll");
        assert_eq!(view.here, Here::Left, "node {node}");
        assert!(view.last_left.is_some());
        assert!(cluster.saw(node, Event::Left { peer }));
    }
}

fn silent_node_is_called_left_after_window_and_grace<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 3);
    cluster.run_until_converged();
    cluster.stop(2);
    cluster.run(3 * INTERVAL_MS);
    assert_eq!(cluster.view(0, 2).expect("in the roll").here, Here::Online, "flap damping");
    cluster.run(3 * INTERVAL_MS);
    for node in [0, 1, 3] {
        assert_eq!(cluster.view(node, 2).expect("in the roll").here, Here::Left, "node {node}");
    }
    assert_eq!(cluster.online(0), 3, "nobody else is called left");
}

fn restarted_member_is_the_same_node_in_a_new_session<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 2);
    cluster.run_until_converged();
    let read = |view: NodeView<'_>| (view.session(), view.first_joined);
    let (session, first_joined) = cluster.view(0, 1).map(read).expect("in the roll");
    cluster.run(10 * INTERVAL_MS);
    cluster.crash_and_restart(1);
    cluster.run_until_converged();
    for node in 0..3 {
        let view = cluster.view(node, 1).expect("in the roll");
        assert_ne!(view.session(), session);
        assert_eq!(view.first_joined, first_joined);
        assert!(view.last_joined > first_joined);
        assert!(view.accumulated_uptime >= 10 * INTERVAL_MS / 1000);
        assert_eq!(view.here, Here::Online);
    }
}

fn restarted_authority_calls_nobody_left<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 3);
    cluster.run_until_converged();
    cluster.stop(0);
    cluster.run(20 * INTERVAL_MS);
    for node in 1..4 {
        assert!(cluster.tracker(node).status(common::at(0)).degraded);
        let view = cluster.view(node, 1).expect("in the roll");
        assert_eq!((view.here, view.last_known), (Here::Unknown, Here::Online));
    }
    cluster.forget_events();
    cluster.restart(0);
    cluster.run_until_converged();
    cluster.run(6 * INTERVAL_MS);
    for node in 0..4 {
        assert_eq!(cluster.online(node), 4, "node {node}");
        for other in 0..4 {
            let peer = cluster.peer(other);
            assert!(!cluster.saw(node, Event::Left { peer }), "{node} called {other} left");
        }
    }
}

fn all_restart_and_hold_the_same_roll<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 3);
    cluster.run_until_converged();
    let (now, peer) = (cluster.now(), cluster.peer(3));
    cluster.tracker(0).grant(now, &peer, Grant::VALIDATOR).expect("an authority");
    cluster.run(2 * INTERVAL_MS);
    let root = cluster.tracker(0).root();
    for node in 0..4 {
        cluster.stop(node);
    }
    for node in 0..4 {
        cluster.restart(node);
    }
    for node in 0..4 {
        assert_eq!(cluster.recovered_root(node), root, "node {node} recovered another roll");
    }
    cluster.run_until_converged();
    for node in 0..4 {
        assert_eq!(cluster.online(node), 4);
        assert!(cluster.view(node, 3).expect("in the roll").grants.contains(Grant::VALIDATOR));
    }
}

fn member_that_was_away_catches_up<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 3);
    cluster.run_until_converged();
    cluster.stop(1);
    let (now, peer) = (cluster.now(), cluster.peer(2));
    cluster.tracker(0).grant(now, &peer, Grant::STAKED).expect("an authority");
    let now = cluster.now();
    let fields = AnnouncementFields { agent: "renamed", ..AnnouncementFields::default() };
    cluster.tracker(3).announce(now, &fields).expect("bounded");
    cluster.run(6 * INTERVAL_MS);
    cluster.restart(1);
    cluster.run_until_converged();
    assert!(cluster.view(1, 2).expect("in the roll").grants.contains(Grant::STAKED));
    let (_, said) = cluster.view(1, 3).expect("in the roll").announcement.expect("admitted");
    assert_eq!(said.agent, "renamed");
}

fn node_called_left_while_it_lives_refutes_it<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 2);
    cluster.run_until_converged();
    cluster.disconnect(0, 1);
    cluster.disconnect(1, 2);
    cluster.run(6 * INTERVAL_MS);
    assert_eq!(cluster.view(2, 1).expect("in the roll").here, Here::Left);
    cluster.connect_all();
    cluster.run(2 * INTERVAL_MS);
    let read = |view: NodeView<'_>| (view.here, view.last_known);
    let here = cluster.view(2, 1).map(read).expect("in the roll");
    assert_eq!(here, (Here::Unknown, Here::Online), "refuted");
    cluster.run(5 * INTERVAL_MS);
    for node in 0..3 {
        assert_eq!(cluster.online(node), 3, "node {node}");
    }
}

fn removed_node_disappears_and_comes_back_only_by_admission<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 3);
    cluster.run_until_converged();
    let (now, peer) = (cluster.now(), cluster.peer(2));
    cluster.tracker(0).remove(now, &peer).expect("an authority");
    cluster.run(3 * INTERVAL_MS);
    let now = cluster.now();
    let fields = AnnouncementFields { agent: "back again", ..AnnouncementFields::default() };
    cluster.tracker(2).announce(now, &fields).expect("bounded");
    cluster.run(8 * INTERVAL_MS);
    for node in [0, 1, 3] {
        let view = cluster.view(node, 2).expect("the decision stays");
        assert_eq!(view.standing, Standing::REMOVED);
        assert!(view.announcement.is_none() && !view.is_active(), "node {node}");
        assert!(cluster.saw(node, Event::Removed { peer }));
    }
    let now = cluster.now();
    cluster.tracker(0).admit(now, &peer).expect("an authority");
    cluster.run_until_converged();
    for node in 0..4 {
        let view = cluster.view(node, 2).expect("in the roll");
        assert_eq!(view.here, Here::Online, "node {node}");
        assert_eq!(view.announcement.expect("admitted").1.agent, "back again");
    }
}

fn manual_admission_lets_nodes_wait<S: Storage>() {
    let mut cluster = Cluster::<S>::with(1, 2, |config| config.admission = Admission::Manual);
    cluster.run(4 * INTERVAL_MS);
    let peer = cluster.peer(1);
    assert_eq!(cluster.view(0, 1).expect("waits").standing, Standing::PENDING);
    assert!(cluster.saw(0, Event::Pending { peer }));
    assert!(cluster.view(2, 1).is_none_or(|view| view.standing == Standing::PENDING));
    let now = cluster.now();
    assert_eq!(
        cluster.tracker(0).grant(now, &peer, Grant::STAKED),
        Err(CommandError::NotAdmitted),
        "a grant does not admit"
    );
    cluster.tracker(0).admit(now, &peer).expect("an authority");
    let other = cluster.peer(2);
    cluster.tracker(0).admit(now, &other).expect("an authority");
    cluster.run_until_converged();
    assert_eq!(cluster.online(1), 3);
}

fn replayed_statements_change_nothing_and_are_counted<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 2);
    cluster.run_until_converged();
    cluster.run(2 * INTERVAL_MS);
    let gossip = cluster.gossip_log().to_vec();
    assert!(!gossip.is_empty());
    let root = cluster.tracker(2).root();
    let (now, from) = (cluster.now(), cluster.peer(0));
    for message in &gossip {
        assert_eq!(cluster.tracker(2).handle_gossip(now, &from, message), Verdict::Ignore);
    }
    assert_eq!(cluster.tracker(2).root(), root);
    let counters = *cluster.tracker(2).counters();
    assert!(counters.gossip_ignored >= gossip.len() as u64);
    assert!(counters.statements_known + counters.statements_older > 0);
}

fn gossip_that_is_garbage_or_forged_is_rejected<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 2);
    cluster.run_until_converged();
    // The authority's first words vouch for itself: whoever hears them can take them in.
    let genuine = cluster.gossip_log().first().expect("there was gossip").clone();
    // To a node that has heard none of it, so that every statement would be news.
    let mut fresh = Cluster::<S>::new(1, 2);
    let (now, from) = (fresh.now(), fresh.peer(0));
    for bit in 0..genuine.len() * 8 {
        let mut forged = genuine.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(
            fresh.tracker(1).handle_gossip(now, &from, &forged),
            Verdict::Accept,
            "bit {bit}"
        );
    }
    for garbage in [&[][..], &[0], &[1, 0xff, 0xff], &[2; 100], &[1; 5000]] {
        assert_eq!(fresh.tracker(1).handle_gossip(now, &from, garbage), Verdict::Reject);
    }
    let counters = *fresh.tracker(1).counters();
    assert!(counters.statements_bad_signature > 0 && counters.gossip_rejected > 5);
    let mut untouched = Cluster::<S>::new(1, 2);
    assert_eq!(untouched.tracker(1).handle_gossip(now, &from, &genuine), Verdict::Accept);
}

fn member_cannot_decide<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 1);
    cluster.run_until_converged();
    let (now, peer) = (cluster.now(), cluster.peer(0));
    assert_eq!(cluster.tracker(1).admit(now, &peer), Err(CommandError::NotAuthority));
    assert_eq!(
        cluster.tracker(1).grant(now, &peer, Grant::STAKED),
        Err(CommandError::NotAuthority)
    );
    assert_eq!(cluster.tracker(0).remove(now, &peer), Err(CommandError::SubjectIsAuthority));
    let unknown = common::keys(99).1;
    assert_eq!(cluster.tracker(0).remove(now, &unknown), Err(CommandError::UnknownPeer));
    let identity_point = [&[1][..], &[0; 31]].concat();
    let weak = PublicKey::Ed25519(identity_point.try_into().expect("32 bytes")).peer_id();
    assert_eq!(cluster.tracker(0).admit(now, &weak), Err(CommandError::UnsupportedKey));
}

fn imported_history_makes_nobody_online_and_counts_once<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 2);
    cluster.run_until_converged();
    let stranger = common::keys(50).1;
    let history = Imported::of(1_600_000_000, 5_000);
    let now = cluster.now();
    let outcome = cluster.tracker(0).import(now, &stranger, history, &[Grant::STAKED]);
    assert!(matches!(outcome, Ok(ImportOutcome::Taken(_))));
    cluster.run(2 * INTERVAL_MS);
    for node in 0..3 {
        let view = cluster.view_of(node, &stranger).expect("in the roll");
        assert_eq!(view.here, Here::Unknown);
        assert!(!view.is_active());
        assert_eq!(view.first_joined, Some(1_600_000_000));
        assert_eq!(view.accumulated_uptime, 5_000);
        assert!(view.grants.contains(Grant::STAKED));
    }
    let now = cluster.now();
    let again = cluster.tracker(0).import(now, &stranger, history, &[Grant::STAKED]);
    assert_eq!(again, Ok(ImportOutcome::Unchanged));
    let shorter = Imported::of(1_700_000_000, 10);
    let again = cluster.tracker(0).import(now, &stranger, shorter, &[]);
    assert_eq!(again, Ok(ImportOutcome::Unchanged));
}

fn nothing_leaves_before_the_epoch_is_on_disk<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 1);
    cluster.hold_syncs(1, true);
    cluster.run(5 * INTERVAL_MS);
    assert_eq!(cluster.tracker(1).counters().requests_sent, 0);
    assert!(cluster.view(0, 1).is_none());
    cluster.hold_syncs(1, false);
    cluster.run_until_converged();
    assert_eq!(cluster.online(0), 2);
}

fn decision_is_held_back_until_it_is_on_disk<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 2);
    cluster.run_until_converged();
    cluster.hold_syncs(0, true);
    let (now, peer) = (cluster.now(), cluster.peer(1));
    let receipt = cluster.tracker(0).grant(now, &peer, Grant::STAKED).expect("an authority");
    cluster.run(4 * INTERVAL_MS);
    assert!(cluster.tracker(0).durable() < receipt.0);
    assert!(!cluster.view(2, 1).expect("in the roll").grants.contains(Grant::STAKED));
    cluster.hold_syncs(0, false);
    cluster.run(2 * INTERVAL_MS);
    assert!(cluster.tracker(0).durable() >= receipt.0);
    assert!(cluster.view(2, 1).expect("in the roll").grants.contains(Grant::STAKED));
}

fn unchanged_roll_costs_no_gossip<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 3);
    cluster.run_until_converged();
    cluster.run(6 * INTERVAL_MS);
    let sent = cluster.gossip_log().len();
    cluster.run(200 * INTERVAL_MS);
    assert_eq!(cluster.gossip_log().len(), sent);
}

fn full_roll_is_an_error_and_not_a_panic<S: Storage>() {
    let mut cluster = Cluster::<S>::with(1, 1, |config| config.capacity = 4);
    cluster.run_until_converged();
    let history = Imported::of(1, 1);
    let now = cluster.now();
    for seed in 60..62 {
        let stranger = common::keys(seed).1;
        assert!(cluster.tracker(0).import(now, &stranger, history, &[]).is_ok());
    }
    let one_too_many = common::keys(62).1;
    assert_eq!(
        cluster.tracker(0).import(now, &one_too_many, history, &[]),
        Err(CommandError::Full)
    );
    cluster.run(3 * INTERVAL_MS);
    assert_eq!(cluster.tracker(1).root(), cluster.tracker(0).root());
}

fn uptime_is_counted_by_session<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 1);
    cluster.run_until_converged();
    let start = cluster.view(0, 1).expect("in the roll").last_joined.expect("joined");
    cluster.run(30 * INTERVAL_MS);
    let read = |view: NodeView<'_>| (view.uptime, view.accumulated_uptime);
    let (running, accumulated) = cluster.view(0, 1).map(read).expect("in the roll");
    assert_eq!(running, cluster.now().unix_s - start);
    assert_eq!(accumulated, running);
    cluster.stop(1);
    cluster.run(10 * INTERVAL_MS);
    let left = cluster.view(0, 1).expect("in the roll");
    assert_eq!(left.uptime, 0);
    let counted = left.accumulated_uptime;
    assert!(counted + 2 * INTERVAL_MS / 1000 >= running && counted <= running);
    assert_eq!(left.last_left, Some(start + counted), "left when it was last heard");
}

fn sync_of_equal_rolls_is_under_64_bytes_each_way<S: Storage>() {
    assert_sync_of_equal_rolls_is_small(Cluster::<S>::new(1, 3));
}

fn sync_of_equal_rolls_is_as_small_with_eight_authorities<S: Storage>() {
    assert_sync_of_equal_rolls_is_small(Cluster::<S>::new(8, 1));
}

fn assert_sync_of_equal_rolls_is_small<S: Storage>(mut cluster: Cluster<S>) {
    cluster.run_until_converged();
    // Until every authority has acknowledged what each node says of itself.
    cluster.run(20 * INTERVAL_MS);
    cluster.forget_sizes();
    cluster.run(10 * INTERVAL_MS);
    let (request, response) = cluster.largest_exchange();
    assert!(request > 0 && request < 64, "request of {request} bytes");
    assert!(response > 0 && response < 64, "response of {response} bytes");
}

fn two_nodes_with_one_key_are_reported<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 2);
    cluster.run_until_converged();
    let clone = cluster.add_clone_of(1);
    cluster.run(40 * INTERVAL_MS);
    let reported =
        cluster.saw(1, Event::DuplicateIdentity) || cluster.saw(clone, Event::DuplicateIdentity);
    assert!(reported);
    assert_ne!(cluster.tracker(1).session(), Session::default());
}
