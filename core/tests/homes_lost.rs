//! Homes that die, one after the other or at a bad time: what is counted, and who is gone.
#![cfg(feature = "alloc")]

mod common;

use common::{Cluster, INTERVAL_MS, gossip, keys, signed};
use rollbook_core::{Announcement, Event, Heap, Here, Intent, Version, message};

#[test]
fn two_homes_that_die_in_a_row_count_once() {
    let mut cluster = Cluster::<Heap>::started(3, 2);
    let member = 3;
    let joined = cluster.view(member, member).expect("held").last_joined.expect("joined");
    cluster.run(20 * INTERVAL_MS);
    for authority in [0, 1] {
        assert_eq!(cluster.home(member), Some(cluster.peer(authority)));
        cluster.stop(authority);
        cluster.run(60 * INTERVAL_MS);
    }
    assert_eq!(cluster.home(member), Some(cluster.peer(2)));
    let since = cluster.now().unix_s - joined;
    let view = cluster.view(member, member).expect("held");
    assert_eq!(view.here, Here::Online);
    assert!(view.accumulated_uptime <= since, "{} of {since}", view.accumulated_uptime);
}

#[test]
fn session_that_moves_on_and_back_counts_once() {
    let mut cluster = Cluster::<Heap>::started(3, 2);
    let member = 3;
    let joined = cluster.view(member, member).expect("held").last_joined.expect("joined");
    for other in 1..5 {
        cluster.disconnect(0, other);
    }
    cluster.run(60 * INTERVAL_MS);
    assert_eq!(cluster.home(member), Some(cluster.peer(1)));
    cluster.stop(1);
    cluster.run(60 * INTERVAL_MS);
    assert_eq!(cluster.home(member), Some(cluster.peer(2)));
    cluster.stop(2);
    cluster.connect_all();
    cluster.run(12 * INTERVAL_MS);
    assert_eq!(cluster.home(member), Some(cluster.peer(0)));
    cluster.restart(1);
    cluster.restart(2);
    cluster.run_until_converged();
    cluster.run(12 * INTERVAL_MS);
    let since = cluster.now().unix_s - joined;
    let view = cluster.view(member, member).expect("held");
    assert!(view.accumulated_uptime <= since, "{} of {since}", view.accumulated_uptime);
}

#[test]
fn downtime_before_a_start_that_was_cut_short_is_not_counted() {
    let mut cluster = Cluster::<Heap>::started(1, 2);
    cluster.run(20 * INTERVAL_MS);
    let joined = cluster.view(0, 1).expect("held").last_joined.expect("joined");
    let power_cut = cluster.now().unix_s;
    for node in [1, 2, 0] {
        cluster.stop(node);
    }
    cluster.run(1000 * INTERVAL_MS);
    cluster.restart_alone(0);
    cluster.run(INTERVAL_MS);
    cluster.crash_and_restart(0);
    cluster.run(20 * INTERVAL_MS);
    let view = cluster.view(0, 1).expect("held");
    assert_eq!(view.here, Here::Left);
    let counted = view.accumulated_uptime;
    assert!(counted <= power_cut - joined + 60, "{counted} of {}", power_cut - joined);
}

#[test]
fn what_others_counted_meanwhile_is_not_counted_again() {
    let mut cluster = Cluster::<Heap>::started(3, 2);
    let member = 3;
    let joined = cluster.view(member, member).expect("held").last_joined.expect("joined");
    cluster.stop(0);
    cluster.run(60 * INTERVAL_MS);
    cluster.stop(1);
    cluster.run(60 * INTERVAL_MS);
    cluster.restart_alone(0);
    cluster.run(INTERVAL_MS);
    cluster.crash_and_restart(0);
    cluster.restart(1);
    cluster.run_until_converged();
    cluster.run(40 * INTERVAL_MS);
    let since = cluster.now().unix_s - joined;
    let view = cluster.view(member, member).expect("held");
    assert!(view.accumulated_uptime <= since, "{} of {since}", view.accumulated_uptime);
}

#[test]
fn who_dies_after_a_refutation_is_called_left_again() {
    let mut cluster = Cluster::<Heap>::started(1, 3);
    let member = 1;
    for other in [0, 2, 3] {
        cluster.disconnect(member, other);
    }
    cluster.run(6 * INTERVAL_MS);
    assert_eq!(cluster.view(0, member).expect("held").here, Here::Left);
    cluster.connect_all();
    cluster.run(INTERVAL_MS);
    assert_eq!(cluster.view(0, member).expect("held").here, Here::Unknown);
    cluster.stop(member);
    cluster.run(1000 * INTERVAL_MS);
    for observer in [0, 2] {
        let view = cluster.view(observer, member).expect("held");
        assert!(!view.is_active(), "{:?}, last known {:?}", view.here, view.last_known);
    }
}

#[test]
fn whose_last_announcement_came_late_is_called_left_again() {
    let mut cluster = Cluster::<Heap>::started(1, 3);
    let member = 1;
    cluster.disconnect(member, 0);
    // The gossip of it does not reach its home before it is called left.
    cluster.disconnect(2, 0);
    cluster.disconnect(3, 0);
    cluster.run(INTERVAL_MS);
    let now = cluster.now();
    let fields = rollbook_core::AnnouncementFields {
        addresses: &[],
        agent: "test/2",
        capabilities: &[],
        extra: &[],
    };
    cluster.tracker(member).announce(now, &fields).expect("bounded");
    cluster.settle();
    cluster.stop(member);
    cluster.run(8 * INTERVAL_MS);
    assert_eq!(cluster.view(0, member).expect("held").here, Here::Left);
    cluster.connect_all();
    cluster.run(1000 * INTERVAL_MS);
    let view = cluster.view(0, member).expect("held");
    assert!(!view.is_active(), "{:?}, last known {:?}", view.here, view.last_known);
}

#[test]
fn who_announces_nobody_as_its_home_is_not_here_for_ever() {
    let mut cluster = Cluster::<Heap>::started(1, 3);
    let member = 1;
    let (session, was) = {
        let view = cluster.view(0, member).expect("held");
        let (version, said) = view.announcement.expect("announced");
        (said.session, version)
    };
    cluster.stop(member);
    let fields = Announcement {
        session,
        home: keys(99).1.hint(),
        intent: Intent::UP,
        issued_at: 1,
        addresses: heapless::Vec::new(),
        agent: "x",
        capabilities: heapless::Vec::new(),
        extra: &[],
    };
    let peer = cluster.peer(member);
    let said = signed(2, &peer, Version { epoch: was.epoch, seq: was.seq + 1 }, &fields);
    cluster.gossip_to(0, 2, &gossip(&[said]));
    cluster.run(1000 * INTERVAL_MS);
    let view = cluster.view(0, member).expect("held");
    assert!(!view.is_active(), "{:?}, last known {:?}", view.here, view.last_known);
}

#[test]
fn who_died_before_its_home_retired_is_called_left() {
    let mut cluster = Cluster::<Heap>::started(2, 3);
    let member = 2;
    cluster.stop(member);
    cluster.run(2 * INTERVAL_MS);
    for node in [0, 1, 3, 4] {
        cluster.set_authorities(node, &[1], &[0]);
    }
    cluster.run(1000 * INTERVAL_MS);
    let view = cluster.view(1, member).expect("held");
    assert!(!view.is_active(), "{:?}, last known {:?}", view.here, view.last_known);
}

#[test]
fn retiring_authority_tells_nothing_before_it_is_on_disk() {
    let mut cluster = Cluster::<Heap>::started(2, 3);
    cluster.hold_syncs(0, true);
    cluster.set_authorities(0, &[1], &[0]);
    let before = cluster.gossip_log().len();
    cluster.run(10 * INTERVAL_MS);
    let said = cluster.gossip_log()[before..].iter().flat_map(|message| {
        message::statements(&message[1..])
            .filter_map(Result::ok)
            .map(|s| s.writer())
            .collect::<Vec<_>>()
    });
    let first = cluster.peer(0).hint();
    assert_eq!(said.filter(|writer| *writer == first).count(), 0);
}

#[test]
fn who_restarted_as_its_home_retires_is_not_here_for_ever() {
    let mut cluster = Cluster::<Heap>::started(2, 3);
    let member = 2;
    // Its announcement of the new session does not arrive any more.
    cluster.stop(member);
    cluster.run(2 * INTERVAL_MS);
    for node in [0, 1, 3, 4] {
        cluster.set_authorities(node, &[1], &[0]);
    }
    cluster.run(300 * INTERVAL_MS);
    let left = Event::Left { peer: cluster.peer(member) };
    assert!(cluster.saw(1, left), "{:?}", cluster.view(1, member).map(|v| (v.here, v.last_known)));
}

#[test]
fn observations_under_way_when_the_observer_becomes_an_authority_are_counted() {
    use rollbook_core::Counter;
    let mut cluster = Cluster::<Heap>::started(1, 3);
    let (observer, about) = (1, 2);
    let (now, peer) = (cluster.now(), cluster.peer(about));
    cluster.tracker(observer).observe(now, &peer, Counter::TIMEOUTS, 7).expect("room");
    cluster.freeze(0);
    cluster.run(2 * INTERVAL_MS);
    cluster.stop(0);
    for node in [1, 2, 3] {
        cluster.set_authorities(node, &[0, 1], &[]);
    }
    let authorities =
        rollbook_core::Authorities::new(&[cluster.peer(0), cluster.peer(1)]).expect("distinct");
    cluster.restart_with(0, &authorities);
    cluster.run_until_converged();
    cluster.run(500 * INTERVAL_MS);
    let view = cluster.view(3, about).expect("held");
    let count = view.tallies.count(Counter::TIMEOUTS);
    assert_eq!(count, 7);
}
