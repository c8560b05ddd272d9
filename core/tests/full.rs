//! Rolls without room: for another node, or for more about one that is held.

#![cfg(feature = "alloc")]

mod common;

use common::{Cluster, INTERVAL_MS, keys};
use rollbook_core::{
    AnnouncementFields, CommandError, Event, Grant, Heap, Here, Imported, Inline, Keypair,
    MAX_REQUEST, NodeEventTracker, Now, PeerId, Standing,
    message::{self, Flags, Request},
    storage::{Full, Storage},
};

const HISTORY: Imported = Imported::of(1_600_000_000, 5_000);

/// Room for what a node says of itself and for a presence, but for a decision beside them only
/// where the node says little.
type Tight = Inline<8, 360, 8, 8>;

type Tracker<S> = NodeEventTracker<S, Keypair>;
type Command<S> = fn(&mut Tracker<S>, Now, &PeerId) -> Result<(), CommandError>;

fn admit<S: Storage>(
    tracker: &mut Tracker<S>,
    now: Now,
    peer: &PeerId,
) -> Result<(), CommandError> {
    tracker.admit(now, peer).map(|_| ())
}

fn remove<S: Storage>(
    tracker: &mut Tracker<S>,
    now: Now,
    peer: &PeerId,
) -> Result<(), CommandError> {
    tracker.remove(now, peer).map(|_| ())
}

fn ban<S: Storage>(tracker: &mut Tracker<S>, now: Now, peer: &PeerId) -> Result<(), CommandError> {
    tracker.ban(now, peer).map(|_| ())
}

fn grant<S: Storage>(
    tracker: &mut Tracker<S>,
    now: Now,
    peer: &PeerId,
) -> Result<(), CommandError> {
    tracker.grant(now, peer, Grant::STAKED).map(|_| ())
}

fn import<S: Storage>(
    tracker: &mut Tracker<S>,
    now: Now,
    peer: &PeerId,
) -> Result<(), CommandError> {
    tracker.import(now, peer, HISTORY, &[Grant::VALIDATOR]).map(|_| ())
}

/// Runs every test over both kinds of storage.
macro_rules! over_both_storages {
    ($($name:ident,)+) => {
        mod on_heap {
            $(#[test] fn $name() { super::$name::<super::Heap>(); })+
        }
        mod inline {
            $(#[test] fn $name() {
                super::common::on_a_large_stack(super::$name::<super::Inline<4, 1024, 8, 4>>);
            })+
        }
    };
}

over_both_storages! {
    roll_at_capacity_refuses_other_nodes_and_loses_nothing,
    nodes_of_a_roll_at_capacity_are_changed_as_ever,
    member_that_meets_a_full_roll_becomes_partial_and_says_so,
    place_that_is_let_go_can_be_taken,
}

/// An authority, two members and one imported node, which take all four places.
fn full_cluster<S: Storage>() -> Cluster<S> {
    let mut cluster = Cluster::<S>::with(1, 2, |config| config.capacity = 4);
    cluster.run_until_converged();
    let now = cluster.now();
    import(cluster.tracker(0), now, &keys(50).1).expect("there is room");
    cluster.run(2 * INTERVAL_MS);
    cluster
}

fn roll_at_capacity_refuses_other_nodes_and_loses_nothing<S: Storage>() {
    let mut cluster = full_cluster::<S>();
    let commands: [Command<S>; 3] = [admit, ban, import];
    for command in commands {
        let answer =
            cluster.assert_changes_nothing(0, |tracker, now| command(tracker, now, &keys(60).1));
        assert_eq!(answer, Err(CommandError::Full));
    }
    let root = cluster.tracker(0).root();
    cluster.run(10 * INTERVAL_MS);
    cluster.crash_and_restart(0);
    cluster.run(10 * INTERVAL_MS);
    assert_eq!(cluster.recovered_root(0), root);
    for node in 0..3 {
        assert_eq!(cluster.online(node), 3, "node {node}");
        assert!(cluster.view_of(node, &keys(50).1).is_some());
        let now = cluster.now();
        assert!(!cluster.tracker(node).status(now).partial);
    }
}

fn nodes_of_a_roll_at_capacity_are_changed_as_ever<S: Storage>() {
    let mut cluster = full_cluster::<S>();
    let peer = cluster.peer(1);
    let commands: [Command<S>; 6] = [grant, import, remove, ban, admit, grant];
    for command in commands {
        let now = cluster.now();
        command(cluster.tracker(0), now, &peer).expect("it is held");
        cluster.run(INTERVAL_MS);
    }
    let now = cluster.now();
    let fields = AnnouncementFields { agent: "changed/1", ..AnnouncementFields::default() };
    cluster.tracker(1).announce(now, &fields).expect("bounded");
    cluster.run(6 * INTERVAL_MS);
    for node in 0..3 {
        let view = cluster.view(node, 1).expect("held");
        assert_eq!(view.announcement.expect("admitted").1.agent, "changed/1");
        assert!(view.grants.contains(Grant::STAKED));
    }
}

fn member_that_meets_a_full_roll_becomes_partial_and_says_so<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 3);
    cluster.run_until_converged();
    cluster.reconfigure(3, |config| config.capacity = 2);
    cluster.run(8 * INTERVAL_MS);
    assert!(cluster.saw(3, Event::BecamePartial));
    let now = cluster.now();
    assert!(cluster.tracker(3).status(now).partial);
    assert!(!cluster.tracker(0).status(now).partial);
    assert!(cluster.tracker(3).counters().statements_no_room > 0);
    let says_so = cluster.exchange_log().iter().any(|bytes| {
        let Ok(Request::Sync(request)) = message::decode::<Request<'_>>(bytes, MAX_REQUEST) else {
            return false;
        };
        request.hello.flags.contains(Flags::PARTIAL)
    });
    assert!(says_so);
    // It is online for all others, who hold every node.
    for node in 0..3 {
        assert_eq!(cluster.online(node), 4, "node {node}");
    }
    assert!(cluster.view(3, 0).is_some() && cluster.view(3, 3).is_some());
}

fn place_that_is_let_go_can_be_taken<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 3);
    cluster.run_until_converged();
    cluster.reconfigure(3, |config| {
        config.capacity = 3;
        config.partial = true;
    });
    let [first, second] = [1, 2].map(|node| cluster.peer(node));
    assert_eq!(cluster.tracker(3).hold(&first), Ok(()));
    cluster.run(2 * INTERVAL_MS);
    assert_eq!(cluster.tracker(3).hold(&second), Err(Full));
    assert_eq!(cluster.view(3, 1).expect("held").here, Here::Online);
    cluster.tracker(3).release(&first);
    assert_eq!(cluster.tracker(3).hold(&second), Ok(()));
    cluster.run(2 * INTERVAL_MS);
    assert!(cluster.view(3, 1).is_none());
    assert_eq!(cluster.view(3, 2).expect("held").here, Here::Online);
}

/// An authority and a member that says as much of itself as `size`, at most 112.
fn tight_cluster(size: usize) -> Cluster<Tight> {
    let mut cluster = Cluster::<Tight>::new(1, 1);
    cluster.run_until_converged();
    say(&mut cluster, size);
    cluster.run(2 * INTERVAL_MS);
    cluster
}

fn say(cluster: &mut Cluster<Tight>, size: usize) {
    let now = cluster.now();
    let agent = "a".repeat(size.min(48));
    let extra = vec![7; size.saturating_sub(48)];
    let fields =
        AnnouncementFields { agent: &agent, extra: &extra, ..AnnouncementFields::default() };
    cluster.tracker(1).announce(now, &fields).expect("bounded");
}

#[test]
fn command_without_room_for_all_of_it_does_nothing_of_it() {
    common::on_a_large_stack(|| {
        let commands: [Command<Tight>; 4] = [grant, import, remove, ban];
        for command in commands {
            let (mut done, mut refused) = (0, 0);
            for size in (0..=112).step_by(8) {
                let mut cluster = tight_cluster(size);
                let (now, peer) = (cluster.now(), cluster.peer(1));
                if command(tight_cluster(size).tracker(0), now, &peer).is_ok() {
                    done += 1;
                    continue;
                }
                refused += 1;
                let answer =
                    cluster.assert_changes_nothing(0, |tracker, now| command(tracker, now, &peer));
                assert_eq!(answer, Err(CommandError::Full), "{size}");
                cluster.run(6 * INTERVAL_MS);
                assert_eq!(cluster.online(0), 2, "its lease goes on");
            }
            assert!(done > 2 && refused > 2, "{done} done, {refused} refused");
        }
    });
}

#[test]
fn room_made_by_saying_less_is_used_in_the_versions_that_were_not() {
    common::on_a_large_stack(|| {
        let (mut asked, mut left_alone) = (tight_cluster(112), tight_cluster(112));
        let peer = asked.peer(1);
        let commands: [Command<Tight>; 4] = [grant, import, remove, ban];
        for command in commands {
            let answer =
                asked.assert_changes_nothing(0, |tracker, now| command(tracker, now, &peer));
            assert_eq!(answer, Err(CommandError::Full));
        }
        for cluster in [&mut asked, &mut left_alone] {
            say(cluster, 0);
            cluster.run(2 * INTERVAL_MS);
            let now = cluster.now();
            import(cluster.tracker(0), now, &peer).expect("there is room");
            ban(cluster.tracker(0), now, &peer).expect("there is room");
        }
        // Payloads hold versions.
        assert_eq!(asked.tracker(0).root(), left_alone.tracker(0).root());
    });
}

#[test]
fn room_made_by_removal_is_used_for_the_next_decisions() {
    common::on_a_large_stack(|| {
        let mut cluster = tight_cluster(0);
        let (now, peer) = (cluster.now(), cluster.peer(1));
        let before = cluster.tracker(0).status(now).roll_bytes;
        remove(cluster.tracker(0), now, &peer).expect("there is room");
        assert!(cluster.tracker(0).status(now).roll_bytes < before);
        ban(cluster.tracker(0), now, &peer).expect("there is room");
        admit(cluster.tracker(0), now, &peer).expect("there is room");
        for grant in Grant::all() {
            cluster.tracker(0).grant(now, &peer, grant).expect("there is room");
        }
        assert_eq!(cluster.view(0, 1).expect("held").standing, Standing::ADMITTED);
        assert_eq!(cluster.view(0, 1).expect("held").grants.iter().count(), Grant::all().count());
    });
}
