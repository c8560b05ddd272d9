//! An authority of which many members go silent at once.
#![cfg(feature = "alloc")]

mod common;

use common::{Cluster, INTERVAL_MS};
use rollbook_core::{Event, Heap, Here};

/// Members of one authority.
const MEMBERS: usize = 10;

fn started(authorities: usize, members: usize) -> Cluster<Heap> {
    let mut cluster = Cluster::with(authorities, members, |config| config.capacity = 64);
    cluster.run_until_converged();
    cluster.run(3 * INTERVAL_MS);
    cluster.forget_events();
    cluster
}

fn isolated(cluster: &mut Cluster<Heap>, node: usize) -> bool {
    let now = cluster.now();
    cluster.tracker(node).status(now).isolated
}

/// Which of the nodes `observer` called left.
fn called_left(cluster: &Cluster<Heap>, observer: usize) -> usize {
    let left = |other: &usize| cluster.saw(observer, Event::Left { peer: cluster.peer(*other) });
    (0..cluster.count()).filter(left).count()
}

#[test]
fn authority_that_is_cut_off_calls_nobody_left_and_is_not_in_touch() {
    let mut cluster = started(1, MEMBERS);
    for member in 1..=MEMBERS {
        cluster.disconnect(0, member);
    }
    cluster.run(200 * INTERVAL_MS);
    assert!(isolated(&mut cluster, 0));
    assert_eq!(called_left(&cluster, 0), 0);
    assert!(cluster.tracker(0).in_touch().as_slice().is_empty());
    let seen = cluster.view(0, 1).map(|view| (view.here, view.last_known));
    assert_eq!(seen, Some((Here::Unknown, Here::Online)));
    cluster.connect_all();
    cluster.run_until_converged();
    assert!(!isolated(&mut cluster, 0));
    for observer in 0..=MEMBERS {
        assert_eq!(called_left(&cluster, observer), 0);
        let peer = cluster.peer(1);
        assert!(!cluster.saw(observer, Event::Joined { peer }), "it never left");
    }
}

#[test]
fn many_who_die_at_once_are_called_left_after_some_windows_where_others_go_on() {
    let mut cluster = started(1, MEMBERS);
    let dead = 1..=8;
    dead.clone().for_each(|member| cluster.stop(member));
    cluster.run(6 * INTERVAL_MS);
    assert!(isolated(&mut cluster, 0));
    assert_eq!(called_left(&cluster, 0), 0);
    // Whoever renews with it is told that it is not sure of itself.
    assert_ne!(cluster.view(9, 10).expect("in the roll").here, Here::Online);
    cluster.run(10 * INTERVAL_MS);
    assert!(!isolated(&mut cluster, 0));
    assert_eq!(called_left(&cluster, 0), dead.count());
    assert_eq!(cluster.view(9, 10).expect("in the roll").here, Here::Online);
}

#[test]
fn few_who_die_at_once_are_called_left_in_time() {
    let mut cluster = started(1, MEMBERS);
    (1..=7).for_each(|member| cluster.stop(member));
    cluster.run(5 * INTERVAL_MS);
    assert!(!isolated(&mut cluster, 0));
    assert_eq!(called_left(&cluster, 0), 7);
}

#[test]
fn members_that_an_authority_lost_to_another_are_not_called_left() {
    // Whoever hears of the second first makes that its home: of so many, enough have the first.
    let count = 2 + 3 * MEMBERS;
    let mut cluster = started(2, count - 2);
    for other in 1..count {
        cluster.disconnect(0, other);
    }
    cluster.run(30 * INTERVAL_MS);
    assert!(isolated(&mut cluster, 0));
    assert_eq!(called_left(&cluster, 0), 0);
    for member in 2..count {
        assert_eq!(cluster.home(member), Some(cluster.peer(1)));
    }
    cluster.connect_all();
    cluster.run_until_converged();
    assert!(!isolated(&mut cluster, 0));
    assert_eq!(called_left(&cluster, 0), 0);
}
