//! Horizons that turn up late, are forgotten, or come from a clock without sense.
#![cfg(feature = "alloc")]

mod common;

use common::{Cluster, INTERVAL_MS, gossip, keys, signed};
use rollbook_core::{
    Event, Grant, Heap, Here, Imported, Presence, PresenceState, Session, Verdict, Version,
};

fn gone(at: u64) -> Presence {
    Presence {
        session: Session([7; 4]),
        state: PresenceState::LEFT,
        first_joined: at,
        joined: at,
        counted_from: at,
        left: at,
        issued_at: at,
        ..Presence::default()
    }
}

const fn version(epoch: u32, seq: u32) -> Version {
    Version { epoch, seq }
}

#[test]
fn horizon_that_nobody_holds_any_more_binds_nobody() {
    let mut cluster = Cluster::<Heap>::started(1, 2);
    cluster.stop(0);
    let (first, gone_peer) = (cluster.peer(0), keys(77).1);
    let about = signed(1, &gone_peer, version(4_000_000_000, 3), &gone(1_000));
    let with = Presence { horizon: Some(version(4_000_000_000, 5)), ..gone(2_000) };
    let with = signed(1, &first, version(4_000_000_000, 9), &with);
    // As by an authority that lost its disk and got back what is older than the horizon.
    let without = signed(1, &first, version(4_000_000_001, 1), &gone(2_000));
    let one = [&with, &without, &about];
    let other = [&about, &without, &with];
    for statement in one {
        cluster.gossip_to(1, 2, &gossip(std::slice::from_ref(statement)));
    }
    for statement in other {
        cluster.gossip_to(2, 1, &gossip(std::slice::from_ref(statement)));
    }
    cluster.run(200 * INTERVAL_MS);
    let held = [1, 2].map(|node| cluster.view_of(node, &gone_peer).is_some());
    let roots = [1, 2].map(|node| cluster.tracker(node).root());
    assert!(held[0] == held[1] && roots[0] == roots[1], "{held:?}");
}

#[test]
fn horizon_that_was_forgotten_and_turns_up_binds_its_authority_too() {
    let mut cluster = Cluster::<Heap>::started(1, 2);
    let (first, gone_peer) = (cluster.peer(0), keys(77).1);
    let about = signed(1, &gone_peer, version(5, 3), &gone(1_000));
    let with = Presence { horizon: Some(version(5, 5)), ..gone(2_000) };
    let with = signed(1, &first, version(5, 9), &with);
    cluster.gossip_to(0, 1, &gossip(&[about]));
    cluster.run(3 * INTERVAL_MS);
    assert!((0..3).all(|node| cluster.view_of(node, &gone_peer).is_some()));
    let verdict = cluster.gossip_to(0, 1, &gossip(&[with]));
    assert_eq!(verdict, Verdict::Accept);
    cluster.run(200 * INTERVAL_MS);
    let held = [0, 1, 2].map(|node| cluster.view_of(node, &gone_peer).is_some());
    let alarms = cluster.told(1, |event| matches!(event, Event::RootsDiffer { .. }));
    assert_eq!(held, [false; 3], "roots differ: {alarms}");
}

#[test]
fn times_at_the_end_of_time_do_no_harm() {
    let mut cluster = Cluster::<Heap>::with(2, 1, |config| config.capacity = 16);
    cluster.run(6 * INTERVAL_MS);
    for seed in 0..12 {
        let subject = keys(100 + seed).1;
        let now = cluster.now();
        let history = Imported::of(1 + u64::from(seed), 1);
        cluster.tracker(0).import(now, &subject, history, &[]).expect("room");
        if seed < 4 {
            let presence = gone(if seed == 0 { 1 } else { u64::MAX });
            let said = signed(2, &subject, version(5, 3 + u32::from(seed)), &presence);
            cluster.gossip_to(0, 1, &gossip(&[said]));
        }
    }
    cluster.run(60 * INTERVAL_MS);
}

#[test]
fn who_has_room_once_the_void_is_dropped_never_becomes_partial() {
    let mut cluster = Cluster::<Heap>::with(1, 2, |config| config.capacity = 6);
    cluster.run_until_converged();
    let first = cluster.peer(0);
    let old: Vec<_> = (0..3)
        .map(|seed| signed(1, &keys(100 + seed).1, version(5, 1 + u32::from(seed)), &gone(1_000)))
        .collect();
    cluster.gossip_to(1, 2, &gossip(&old));
    cluster.forget_events();
    let now = cluster.now();
    assert_eq!(cluster.tracker(1).nodes(now).count(), 6);
    let with = Presence { horizon: Some(version(4_000_000_000, 1)), ..gone(2_000) };
    let mut page = vec![signed(1, &first, version(4_000_000_000, 2), &with)];
    page.extend((0..2).map(|seed| {
        signed(1, &keys(110 + seed).1, version(4_000_000_000, 3 + u32::from(seed)), &gone(1_000))
    }));
    cluster.gossip_to(1, 2, &gossip(&page));
    assert!(!cluster.saw(1, Event::BecamePartial));
}

#[test]
fn who_lives_with_another_authority_is_not_forgotten() {
    let mut cluster = Cluster::<Heap>::with(2, 3, |config| config.capacity = 16);
    cluster.run_until_converged();
    cluster.run(3 * INTERVAL_MS);
    let member = 2;
    let (now, peer) = (cluster.now(), cluster.peer(member));
    let history = Imported::of(1_000, 1_000_000);
    cluster.tracker(0).import(now, &peer, history, &[]).expect("room");
    for seed in 0..10 {
        let peer = keys(100 + seed).1;
        cluster.tracker(0).admit(now, &peer).expect("room");
        cluster.tracker(0).grant(now, &peer, Grant::STAKED).expect("it decides");
    }
    cluster.run(100 * INTERVAL_MS);
    let before = cluster.view(1, member).expect("held");
    let (joined, uptime, here) = (before.first_joined, before.accumulated_uptime, before.here);
    drop(before);
    assert_eq!((joined, here), (Some(1_000), Here::Online));
    // The first hears nobody for half an hour.
    for other in 1..5 {
        cluster.disconnect(0, other);
    }
    cluster.run(180 * INTERVAL_MS);
    assert_eq!(cluster.view(1, member).expect("held").here, Here::Online);
    cluster.connect_all();
    cluster.run(20 * INTERVAL_MS);
    for observer in [0, 1, 3] {
        let after = cluster.view(observer, member).expect("held");
        assert_eq!(after.here, Here::Online);
        assert_eq!(after.first_joined, joined, "history at {observer}");
        assert!(after.accumulated_uptime >= uptime, "{} after {uptime}", after.accumulated_uptime);
    }
}
