//! An authority of which many members go silent at once.
#![cfg(feature = "alloc")]

mod common;

use common::{Cluster, INTERVAL_MS};
use rollbook_core::{
    Event, Heap, Here, Session,
    message::{self, Cursor, Flags, Hello, Renew, Request, SyncRequest, WalkRequest},
};

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

fn renewal(session: Session) -> Vec<u8> {
    let fields = SyncRequest {
        hello: Hello {
            count: 0,
            root: [0; 16],
            authorities: [0; 8],
            flags: Flags::default(),
            in_touch: 0,
            size_max: 16_384,
        },
        cursor: Cursor::default(),
        renew: Some(Renew { session }),
        observations: None,
        statements: &[],
    };
    let mut bytes = vec![0; 1024];
    let size = message::encode(&Request::Sync(fields), &mut bytes).expect("short");
    bytes.truncate(size);
    bytes
}

#[test]
fn who_asked_for_a_lease_and_stayed_elsewhere_is_not_missed() {
    let mut cluster = started(2, 10);
    let homes: Vec<_> = (2..12).map(|member| cluster.home(member)).collect();
    assert!(homes.iter().all(|home| *home == Some(cluster.peer(0))));
    for member in 2..12 {
        let session = cluster.view(1, member).expect("held").session().expect("announced");
        let (now, from) = (cluster.now(), cluster.peer(member));
        let mut out = vec![0; 16_384];
        cluster.tracker(1).handle_request(now, &from, &renewal(session), &mut out).expect("fine");
    }
    cluster.settle();
    let mut isolated = 0;
    for _ in 0..20 {
        cluster.run(INTERVAL_MS);
        let now = cluster.now();
        isolated += usize::from(cluster.tracker(1).status(now).isolated);
    }
    assert_eq!(isolated, 0, "intervals of 20 in which it takes itself to be cut off");
}

#[test]
fn walk_of_an_isolated_authority_does_not_put_it_in_touch() {
    let mut cluster = started(2, 10);
    // Whoever dies together, and the two authorities go on.
    (2..12).for_each(|member| cluster.stop(member));
    cluster.run(6 * INTERVAL_MS);
    let now = cluster.now();
    assert!(cluster.tracker(0).status(now).isolated);
    let first = cluster.peer(0);
    assert!(!cluster.tracker(1).in_touch().contains(first.hint()));
    let fields = WalkRequest { step: 1, salt: [1; 16], credit: 8, authorities: &[], parts: &[] };
    let mut bytes = vec![0; 1024];
    let size = message::encode(&Request::Walk(fields), &mut bytes).expect("short");
    let mut out = vec![0; 16_384];
    cluster.tracker(1).handle_request(now, &first, &bytes[..size], &mut out).expect("fine");
    assert!(!cluster.tracker(1).in_touch().contains(first.hint()));
}
