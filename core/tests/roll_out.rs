//! Another list of authorities while nodes run: one is added, retired, taken off the list.

mod common;

use common::{Cluster, INTERVAL_MS, keys, over_both_storages};
use rollbook_core::{
    Admission, Authorities, CommandError, Event, Grant, Here, Imported, PeerId, Role, RollOutError,
    Standing, storage::Storage,
};

over_both_storages! {
    member_becomes_an_authority_without_a_restart,
    retired_authority_is_nobodys_home_and_what_it_said_counts,
    retired_authority_starts_again_as_a_member,
    who_is_taken_off_the_list_counts_no_more,
    lists_that_cannot_be_used_change_nothing,
    same_list_changes_nothing,
}

/// Two authorities and four members.
const FIRST: usize = 0;
const SECOND: usize = 1;
const MEMBER: usize = 2;
const THIRD: usize = 5;
const COUNT: usize = 6;

fn started<S: Storage>() -> Cluster<S> {
    let mut cluster = Cluster::<S>::new(2, COUNT - 2);
    cluster.run_until_converged();
    cluster.run(3 * INTERVAL_MS);
    cluster
}

/// Gives all who run another list, one after the other.
fn roll_out<S: Storage>(cluster: &mut Cluster<S>, acting: &[usize], retired: &[usize]) {
    for node in 0..COUNT {
        cluster.set_authorities(node, acting, retired);
        cluster.run(INTERVAL_MS);
    }
    cluster.run_until_converged();
}

fn role<S: Storage>(cluster: &mut Cluster<S>, node: usize) -> Role {
    let now = cluster.now();
    cluster.tracker(node).status(now).role
}

fn member_becomes_an_authority_without_a_restart<S: Storage>() {
    let mut cluster = started::<S>();
    cluster.forget_events();
    roll_out(&mut cluster, &[FIRST, SECOND, THIRD], &[]);
    assert_eq!(role(&mut cluster, THIRD), Role::Authority);
    let (now, member) = (cluster.now(), cluster.peer(MEMBER));
    cluster.tracker(THIRD).grant(now, &member, Grant::STAKED).expect("it decides");
    cluster.run(2 * INTERVAL_MS);
    for node in 0..COUNT {
        assert!(cluster.view(node, MEMBER).expect("held").grants.contains(Grant::STAKED));
        assert!(cluster.saw(node, Event::AuthoritiesChanged));
    }
    cluster.stop(FIRST);
    cluster.stop(SECOND);
    cluster.run(6 * INTERVAL_MS);
    for node in MEMBER..COUNT {
        assert_eq!(cluster.home(node), Some(cluster.peer(THIRD)));
        assert_eq!(cluster.online(node), u32::try_from(COUNT - 2).expect("few"));
    }
    for observer in MEMBER..COUNT {
        for other in MEMBER..COUNT {
            let peer = cluster.peer(other);
            assert!(!cluster.saw(observer, Event::Left { peer }), "{observer} of {other}");
        }
    }
}

fn retired_authority_is_nobodys_home_and_what_it_said_counts<S: Storage>() {
    let mut cluster = started::<S>();
    let (now, member) = (cluster.now(), cluster.peer(MEMBER));
    cluster.tracker(FIRST).grant(now, &member, Grant::VALIDATOR).expect("it decides");
    cluster.run(20 * INTERVAL_MS);
    let before = cluster.view(SECOND, MEMBER).map(|view| (view.last_joined, view.uptime));
    let (joined, uptime) = before.expect("held");
    cluster.forget_events();
    roll_out(&mut cluster, &[SECOND], &[FIRST]);
    assert_eq!(role(&mut cluster, FIRST), Role::Member);
    for node in 0..COUNT {
        assert_eq!(cluster.home(node), Some(cluster.peer(SECOND)), "home of {node}");
        let view = cluster.view(node, MEMBER).expect("held");
        assert!(view.grants.contains(Grant::VALIDATOR));
        assert_eq!((view.last_joined, view.here), (joined, Here::Online), "a move is no join");
        assert!(view.uptime >= uptime && view.accumulated_uptime + 60 >= view.uptime);
        assert!(!cluster.saw(node, Event::Left { peer: member }));
    }
    let now = cluster.now();
    let refused = cluster.tracker(FIRST).grant(now, &member, Grant::STAKED);
    assert_eq!(refused, Err(CommandError::NotAuthority));
    // It can be removed like anybody else now.
    let first = cluster.peer(FIRST);
    cluster.tracker(SECOND).remove(now, &first).expect("it is no authority any more");
}

fn retired_authority_starts_again_as_a_member<S: Storage>() {
    let mut cluster = started::<S>();
    let (now, member) = (cluster.now(), cluster.peer(MEMBER));
    cluster.tracker(FIRST).grant(now, &member, Grant::VALIDATOR).expect("it decides");
    roll_out(&mut cluster, &[SECOND], &[FIRST]);
    cluster.stop(FIRST);
    cluster.run(10 * INTERVAL_MS);
    assert_eq!(cluster.view(SECOND, FIRST).expect("held").here, Here::Left);
    cluster.restart(FIRST);
    cluster.run_until_converged();
    assert_eq!(role(&mut cluster, FIRST), Role::Member);
    assert!(cluster.view(FIRST, MEMBER).expect("held").grants.contains(Grant::VALIDATOR));
}

fn who_is_taken_off_the_list_counts_no_more<S: Storage>() {
    let mut cluster = started::<S>();
    let (now, member) = (cluster.now(), cluster.peer(MEMBER));
    // Nobody but the first vouches for this one.
    let (_, imported) = keys(99);
    let history = Imported::of(5, 5);
    cluster.tracker(FIRST).import(now, &imported, history, &[]).expect("it decides");
    cluster.tracker(FIRST).grant(now, &member, Grant::VALIDATOR).expect("it decides");
    cluster.run(2 * INTERVAL_MS);
    cluster.stop(FIRST);
    cluster.forget_events();
    for node in SECOND..COUNT {
        cluster.set_authorities(node, &[SECOND], &[]);
        assert!(cluster.view_of(node, &imported).is_none());
        assert!(cluster.saw(node, Event::Forgotten { peer: imported }));
    }
    cluster.run_until_converged();
    for node in SECOND..COUNT {
        let view = cluster.view(node, MEMBER).expect("the second vouches for it");
        assert_eq!((view.standing, view.here), (Standing::ADMITTED, Here::Online));
        assert!(!view.grants.contains(Grant::VALIDATOR));
    }
    // What is left of its word in the journals stays without effect.
    cluster.stop(MEMBER);
    cluster.restart(MEMBER);
    cluster.run_until_converged();
    assert!(cluster.view_of(MEMBER, &imported).is_none());
}

fn lists_that_cannot_be_used_change_nothing<S: Storage>() {
    let mut cluster = started::<S>();
    let (now, root) = (cluster.now(), cluster.tracker(FIRST).root());
    let list = |ids: &[PeerId]| Authorities::new(ids).expect("distinct");
    let without = list(&[cluster.peer(SECOND)]);
    let refused = cluster.tracker(FIRST).set_authorities(now, without, Admission::Open);
    assert_eq!(refused, Err(RollOutError::NoLongerAuthority));
    let weak = PeerId::from_bytes(&[
        0, 36, 8, 1, 18, 32, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
    let with_weak = list(&[cluster.peer(FIRST), weak.expect("of its form")]);
    let refused = cluster.tracker(FIRST).set_authorities(now, with_weak, Admission::Open);
    assert!(matches!(refused, Err(RollOutError::Key(_))), "{refused:?}");
    assert_eq!(cluster.tracker(FIRST).root(), root);
    assert_eq!(role(&mut cluster, FIRST), Role::Authority);
}

fn same_list_changes_nothing<S: Storage>() {
    let mut cluster = started::<S>();
    cluster.forget_events();
    let before = cluster.gossip_log().len();
    for node in 0..COUNT {
        cluster.set_authorities(node, &[FIRST, SECOND], &[]);
    }
    cluster.run(3 * INTERVAL_MS);
    assert_eq!(cluster.gossip_log().len(), before);
    assert!(!cluster.saw(MEMBER, Event::AuthoritiesChanged));
}
