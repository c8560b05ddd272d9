//! Members and authorities that change their home: what is counted, said and told.

mod common;

use common::{Cluster, INTERVAL_MS, over_both_storages};
use rollbook_core::{Event, Here, NodeView, storage::Storage};

const INTERVAL_S: u64 = INTERVAL_MS / 1000;
/// Two authorities and three members.
const FIRST: usize = 0;
const SECOND: usize = 1;
const MEMBER: usize = 2;
const COUNT: usize = 5;

over_both_storages! {
    members_of_a_dead_authority_take_the_other_within_two_intervals,
    dead_authority_is_called_left_and_nobody_else,
    move_is_no_join_and_counts_nothing_twice,
    move_there_and_back_is_counted_once_by_each,
    move_back_to_who_never_knew_of_it_is_counted_once,
    node_that_restarts_at_another_home_joins_anew,
    node_without_any_authority_is_degraded_and_keeps_its_roll,
    silent_home_is_given_up_though_it_stays_connected,
    authority_is_its_own_home_while_it_is_alone,
    move_costs_each_node_one_statement_by_its_new_home,
}

fn started<S: Storage>() -> Cluster<S> {
    let mut cluster = Cluster::<S>::new(2, COUNT - 2);
    cluster.run_until_converged();
    // Authorities take each other as their homes, members the first.
    cluster.run(3 * INTERVAL_MS);
    for member in MEMBER..COUNT {
        assert_eq!(cluster.home(member), Some(cluster.peer(FIRST)));
    }
    cluster.forget_events();
    cluster
}

fn times(view: NodeView<'_>) -> (Option<u64>, u64, u64) {
    (view.last_joined, view.uptime, view.accumulated_uptime)
}

fn members_of_a_dead_authority_take_the_other_within_two_intervals<S: Storage>() {
    let mut cluster = started::<S>();
    cluster.stop(FIRST);
    cluster.run(2 * INTERVAL_MS);
    for member in MEMBER..COUNT {
        assert_eq!(cluster.home(member), Some(cluster.peer(SECOND)));
        for observer in SECOND..COUNT {
            let view = cluster.view(observer, member).expect("in the roll");
            assert_eq!(view.here, Here::Online, "{member} at {observer}");
            assert_eq!(view.home, Some(cluster.peer(SECOND)));
        }
    }
}

fn silent_home_is_given_up_though_it_stays_connected<S: Storage>() {
    let mut cluster = started::<S>();
    cluster.freeze(FIRST);
    cluster.run(3 * INTERVAL_MS);
    for member in MEMBER..COUNT {
        assert_eq!(cluster.home(member), Some(cluster.peer(SECOND)));
    }
}

fn dead_authority_is_called_left_and_nobody_else<S: Storage>() {
    let mut cluster = started::<S>();
    cluster.stop(FIRST);
    cluster.run(20 * INTERVAL_MS);
    for observer in SECOND..COUNT {
        assert_eq!(cluster.view(observer, FIRST).expect("in the roll").here, Here::Left);
        for other in 0..COUNT {
            let left = Event::Left { peer: cluster.peer(other) };
            assert_eq!(cluster.saw(observer, left), other == FIRST, "{observer} of {other}");
        }
    }
    cluster.forget_events();
    cluster.restart(FIRST);
    cluster.run_until_converged();
    cluster.run(10 * INTERVAL_MS);
    for observer in 0..COUNT {
        for other in 0..COUNT {
            let peer = cluster.peer(other);
            assert!(!cluster.saw(observer, Event::Left { peer }), "{observer} of {other}");
        }
    }
}

fn move_is_no_join_and_counts_nothing_twice<S: Storage>() {
    let mut cluster = started::<S>();
    let (joined, ..) = cluster.view(FIRST, MEMBER).map(times).expect("in the roll");
    cluster.run(20 * INTERVAL_MS);
    cluster.stop(FIRST);
    cluster.run(20 * INTERVAL_MS);
    let check = |cluster: &Cluster<S>, uncounted_s: u64| {
        let since = cluster.now().unix_s - joined.expect("it joined");
        let (now_joined, uptime, accumulated) =
            cluster.view(SECOND, MEMBER).map(times).expect("in the roll");
        assert_eq!((now_joined, uptime), (joined, since));
        assert!(accumulated <= since && accumulated + uncounted_s >= since, "{accumulated}");
    };
    check(&cluster, 3 * INTERVAL_S);
    cluster.restart(FIRST);
    cluster.run_until_converged();
    cluster.run(20 * INTERVAL_MS);
    // The first writes down once a minute that it is here, and counts no more than it knows.
    check(&cluster, 60 + 3 * INTERVAL_S);
    for observer in SECOND..COUNT {
        let joined = Event::Joined { peer: cluster.peer(MEMBER) };
        assert!(!cluster.saw(observer, joined), "{observer} was told of a join");
    }
}

fn move_there_and_back_is_counted_once_by_each<S: Storage>() {
    let mut cluster = started::<S>();
    let (joined, ..) = cluster.view(FIRST, MEMBER).map(times).expect("in the roll");
    cluster.stop(FIRST);
    cluster.run(20 * INTERVAL_MS);
    cluster.restart(FIRST);
    cluster.run(20 * INTERVAL_MS);
    assert_eq!(cluster.home(MEMBER), Some(cluster.peer(SECOND)), "it stays where it is");
    cluster.stop(SECOND);
    cluster.run(20 * INTERVAL_MS);
    assert_eq!(cluster.home(MEMBER), Some(cluster.peer(FIRST)));
    let since = cluster.now().unix_s - joined.expect("it joined");
    let seen = cluster.view(FIRST, MEMBER).map(times).expect("in the roll");
    assert_eq!((seen.0, seen.1), (joined, since));
    assert!(seen.2 <= since && seen.2 + 6 * INTERVAL_S >= since, "{} of {since}", seen.2);
}

fn move_back_to_who_never_knew_of_it_is_counted_once<S: Storage>() {
    let mut cluster = started::<S>();
    let (joined, ..) = cluster.view(FIRST, MEMBER).map(times).expect("in the roll");
    // The two authorities, and the first and this member, do not hear each other for a while.
    cluster.disconnect(FIRST, MEMBER);
    for other in SECOND..COUNT {
        cluster.disconnect(FIRST, other);
    }
    cluster.run(12 * INTERVAL_MS);
    assert_eq!(cluster.home(MEMBER), Some(cluster.peer(SECOND)));
    cluster.stop(SECOND);
    cluster.connect_all();
    cluster.run(12 * INTERVAL_MS);
    assert_eq!(cluster.home(MEMBER), Some(cluster.peer(FIRST)));
    let since = cluster.now().unix_s - joined.expect("it joined");
    let seen = cluster.view(MEMBER, MEMBER).map(times).expect("in the roll");
    assert!(seen.2 <= since && seen.2 + 8 * INTERVAL_S >= since, "{} of {since}", seen.2);
    cluster.restart(SECOND);
    cluster.run_until_converged();
    cluster.run(12 * INTERVAL_MS);
    let since = cluster.now().unix_s - joined.expect("it joined");
    for observer in 0..COUNT {
        let seen = cluster.view(observer, MEMBER).map(times).expect("in the roll");
        assert!(seen.2 <= since && seen.2 + 8 * INTERVAL_S >= since, "{} of {since}", seen.2);
    }
}

fn node_that_restarts_at_another_home_joins_anew<S: Storage>() {
    let mut cluster = started::<S>();
    cluster.run(10 * INTERVAL_MS);
    cluster.stop(FIRST);
    cluster.stop(MEMBER);
    cluster.run(10 * INTERVAL_MS);
    let restarted = cluster.now().unix_s;
    cluster.restart(MEMBER);
    cluster.run_until_converged();
    let seen = cluster.view(SECOND, MEMBER).map(|view| (view.home, view.last_joined));
    let (home, last_joined) = seen.expect("in the roll");
    assert_eq!(home, Some(cluster.peer(SECOND)));
    assert!(last_joined >= Some(restarted));
    let joined = Event::Joined { peer: cluster.peer(MEMBER) };
    assert!(cluster.saw(SECOND, joined));
    // The first comes back, and says that the session before it left.
    cluster.restart(FIRST);
    cluster.run_until_converged();
    cluster.run(10 * INTERVAL_MS);
    let view = cluster.view(SECOND, MEMBER).expect("in the roll");
    assert_eq!(view.here, Here::Online);
    assert!(view.last_left.is_some_and(|left| left < restarted), "{:?}", view.last_left);
}

fn node_without_any_authority_is_degraded_and_keeps_its_roll<S: Storage>() {
    let mut cluster = started::<S>();
    cluster.stop(FIRST);
    cluster.stop(SECOND);
    cluster.run(10 * INTERVAL_MS);
    for member in MEMBER..COUNT {
        let now = cluster.now();
        let status = cluster.tracker(member).status(now);
        assert!(status.degraded && status.home.is_none());
        assert_eq!((status.admitted, status.unknown), (5, 5));
        assert!(cluster.saw(member, Event::HomeChanged { home: None }));
    }
    cluster.restart(SECOND);
    cluster.run(3 * INTERVAL_MS);
    let now = cluster.now();
    assert!((MEMBER..COUNT).all(|member| !cluster.tracker(member).status(now).degraded));
}

fn authority_is_its_own_home_while_it_is_alone<S: Storage>() {
    let mut cluster = started::<S>();
    assert_eq!(cluster.home(FIRST), Some(cluster.peer(SECOND)));
    assert_eq!(cluster.home(SECOND), Some(cluster.peer(FIRST)));
    cluster.stop(FIRST);
    cluster.run(4 * INTERVAL_MS);
    assert_eq!(cluster.home(SECOND), Some(cluster.peer(SECOND)));
    let seen = cluster.view(MEMBER, SECOND).map(|view| (view.here, view.home));
    assert_eq!(seen, Some((Here::Online, Some(cluster.peer(SECOND)))));
    cluster.restart(FIRST);
    cluster.run_until_converged();
    cluster.run(2 * INTERVAL_MS);
    assert_eq!(cluster.home(SECOND), Some(cluster.peer(FIRST)));
    assert_eq!(cluster.home(FIRST), Some(cluster.peer(SECOND)));
}

fn move_costs_each_node_one_statement_by_its_new_home<S: Storage>() {
    let mut cluster = started::<S>();
    cluster.stop(FIRST);
    let before = cluster.gossip_log().len();
    cluster.run(3 * INTERVAL_MS);
    // One for each member and for the second, which is its own home now.
    let published = cluster.gossip_log().len() - before;
    assert!(published < COUNT, "{published} messages");
}
