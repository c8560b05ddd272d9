//! Which nodes are chosen, in which order, and why a node is seen as it is.

mod common;

use std::cmp::Ordering;

use common::{Cluster, INTERVAL_MS};
use rollbook_core::{
    AnnouncementFields, Counter, Fact, Grant, Here, Inline, PeerId, PresenceState, Random,
    Selected, Standing, Tallies, Wanted, statement::Kind,
};

type Storage = Inline<16, 2048, 8, 32>;

const WORKER: Wanted<'_> = Wanted { capability: "worker", grant: None };

fn choose(cluster: &mut Cluster<Storage>, wanted: &Wanted<'_>, limit: usize) -> Vec<Selected> {
    let now = cluster.now();
    let mut best = vec![None; limit];
    let count = cluster.tracker(0).select(now, wanted, &mut best);
    let best: Vec<Selected> = best.into_iter().flatten().collect();
    assert_eq!(best.len(), count);
    best
}

fn numbers(cluster: &mut Cluster<Storage>, wanted: &Wanted<'_>, limit: usize) -> Vec<usize> {
    let chosen = choose(cluster, wanted, limit);
    let number = |peer: PeerId| (0..8).find(|node| cluster.peer(*node) == peer);
    chosen.iter().map(|node| number(node.peer_id).expect("one of the cluster")).collect()
}

fn node(seed: u8, here: Here, tallies: Tallies) -> Selected {
    Selected { peer_id: common::keys(seed).1, here, tallies }
}

/// The order of the tracker that Rollbook replaces, as its code goes: whether `a` comes before `b`.
fn reference(a: &Selected, b: &Selected) -> bool {
    let (one, other) = (&a.tallies, &b.tallies);
    if one.last(Counter::SUCCESSES) != other.last(Counter::SUCCESSES) {
        return one.last(Counter::SUCCESSES) > other.last(Counter::SUCCESSES);
    }
    if one.count(Counter::SUCCESSES) != other.count(Counter::SUCCESSES) {
        return one.count(Counter::SUCCESSES) > other.count(Counter::SUCCESSES);
    }
    let now = 1_800_000_000;
    let since = |tallies: &Tallies| match tallies.last(Counter::TIMEOUTS) {
        0 => u64::MAX,
        last => now - last,
    };
    if since(one) != since(other) {
        return since(one) > since(other);
    }
    if one.count(Counter::TIMEOUTS) != other.count(Counter::TIMEOUTS) {
        return one.count(Counter::TIMEOUTS) < other.count(Counter::TIMEOUTS);
    }
    if one.last(Counter::NOT_FOUND) != other.last(Counter::NOT_FOUND) {
        return one.last(Counter::NOT_FOUND) < other.last(Counter::NOT_FOUND);
    }
    a.peer_id.to_string() < b.peer_id.to_string()
}

#[test]
fn each_rule_decides_where_those_before_it_do_not() {
    const AT: u64 = 1_790_000_000;
    let none = Tallies::default();
    let (good, late, nothing) = (Counter::SUCCESSES, Counter::TIMEOUTS, Counter::NOT_FOUND);
    let base = none.with(good, 5, AT).with(late, 2, AT - 50).with(nothing, 1, AT - 60);
    for (better, worse) in [
        (none.with(good, 1, AT + 1).with(late, 99, AT), base),
        (base.with(good, 6, AT).with(late, 99, AT), base),
        (base.with(late, 99, AT - 51), base),
        (base.with(late, 0, 0), base),
        (base.with(late, 1, AT - 50).with(nothing, 9, AT), base),
        (base.with(nothing, 9, AT - 61), base),
        (base.with(nothing, 0, 0), base),
        (base, none),
    ] {
        // Whatever their names are.
        for (one, other) in [(1, 2), (2, 1)] {
            let better = node(one, Here::Online, better);
            let worse = node(other, Here::Online, worse);
            assert_eq!(better.compare(&worse), Ordering::Less);
            assert_eq!(worse.compare(&better), Ordering::Greater);
            // One that is online comes before a better one that may not be.
            let away = Selected { here: Here::Unknown, ..better };
            assert_eq!(worse.compare(&away), Ordering::Less);
        }
    }
}

#[test]
fn order_is_that_of_the_tracker_that_it_replaces() {
    let mut random = Random::new(&[7; 32]);
    let mut nodes: Vec<Selected> = (0..200u8)
        .map(|seed| {
            let mut tallies = Tallies::default();
            for counter in [Counter::SUCCESSES, Counter::TIMEOUTS, Counter::NOT_FOUND] {
                // Few values, so that all rules are needed.
                let last = [0, 1_790_000_000, 1_790_000_001];
                let chosen = usize::try_from(random.below(3)).expect("small");
                tallies = tallies.with(counter, random.below(3), last[chosen]);
            }
            node(seed, Here::Online, tallies)
        })
        .collect();
    nodes.sort_by(|one, other| one.compare(other));
    for (place, node) in nodes.iter().enumerate() {
        assert!(nodes[place + 1..].iter().all(|later| reference(node, later)));
    }
}

#[test]
fn who_is_here_and_able_is_selected_in_the_same_order_everywhere() {
    let mut cluster = Cluster::<Storage>::with(1, 4, |config| config.tallies_interval_ms = 1_000);
    cluster.run_until_converged();
    let now = cluster.now();
    for (of, count) in [(1, 1), (2, 3), (3, 2)] {
        let peer = cluster.peer(of);
        cluster.tracker(0).observe(now, &peer, Counter::SUCCESSES, count).expect("there is room");
    }
    cluster.run(5 * INTERVAL_MS);
    let first_four = numbers(&mut cluster, &WORKER, 4);
    assert_eq!(first_four[..3], [2, 3, 1]);
    assert_eq!(numbers(&mut cluster, &WORKER, 2), [2, 3]);
    assert_eq!(numbers(&mut cluster, &WORKER, 10).len(), 5, "the authority works, too");
    assert_eq!(numbers(&mut cluster, &WORKER, 0), [0; 0]);
    for other in 1..5 {
        let mut best = [None; 4];
        let now = cluster.now();
        cluster.tracker(other).select(now, &WORKER, &mut best);
        let chosen = best.map(|node| node.expect("there are enough").peer_id);
        assert_eq!(
            chosen.to_vec(),
            first_four.iter().map(|n| cluster.peer(*n)).collect::<Vec<_>>()
        );
    }

    let now = cluster.now();
    let peer = cluster.peer(3);
    cluster.tracker(0).grant(now, &peer, Grant::STAKED).expect("an authority");
    let staked = Wanted { grant: Some(Grant::STAKED), ..WORKER };
    assert_eq!(numbers(&mut cluster, &staked, 4), [3]);
    let peer = cluster.peer(2);
    cluster.tracker(0).ban(now, &peer).expect("an authority");
    assert_eq!(numbers(&mut cluster, &WORKER, 2), [3, 1]);
    cluster.tracker(3).announce(now, &AnnouncementFields::default()).expect("bounded");
    cluster.settle();
    assert_eq!(numbers(&mut cluster, &WORKER, 1), [1], "it says no more that it can");
}

#[test]
fn who_left_is_not_selected_and_who_may_be_here_comes_last() {
    let mut cluster = Cluster::<Storage>::with(2, 3, |config| config.tallies_interval_ms = 1_000);
    cluster.run_until_converged();
    let (now, peer) = (cluster.now(), cluster.peer(2));
    cluster.tracker(0).observe(now, &peer, Counter::SUCCESSES, 9).expect("there is room");
    cluster.run(5 * INTERVAL_MS);
    assert_eq!(numbers(&mut cluster, &WORKER, 1), [2]);
    let now = cluster.now();
    cluster.tracker(3).leave(now);
    cluster.run(INTERVAL_MS);
    assert!(!numbers(&mut cluster, &WORKER, 8).contains(&3), "it left");
    // The home of all is gone, and nobody else can say who is here.
    cluster.stop(0);
    cluster.run(3 * INTERVAL_MS);
    let now = cluster.now();
    let mut best = [None; 8];
    let count = cluster.tracker(4).select(now, &WORKER, &mut best);
    let chosen: Vec<(PeerId, Here)> =
        best[..count].iter().flatten().map(|node| (node.peer_id, node.here)).collect();
    let first_unknown = chosen.iter().position(|(_, here)| *here == Here::Unknown);
    let after = first_unknown.map_or(&[][..], |place| &chosen[place..]);
    assert!(after.iter().all(|(_, here)| *here == Here::Unknown), "{chosen:?}");
    assert!(chosen.iter().any(|(peer, _)| *peer == cluster.peer(2)), "{chosen:?}");
    assert!(!chosen.iter().any(|(peer, _)| *peer == cluster.peer(3)), "{chosen:?}");
}

#[test]
fn every_fact_is_explained_by_its_statement() {
    let mut cluster = Cluster::<Storage>::new(2, 1);
    cluster.run_until_converged();
    let (now, peer) = (cluster.now(), cluster.peer(2));
    cluster.tracker(0).grant(now, &peer, Grant::STAKED).expect("an authority");
    cluster.run(2 * INTERVAL_MS);
    cluster.tracker(1).revoke(now, &peer, Grant::STAKED).expect("an authority");
    cluster.run(2 * INTERVAL_MS);
    let (first, second) = (cluster.peer(0), cluster.peer(1));
    let announced = cluster.tracker(2).announced();
    let facts: Vec<_> = cluster.tracker(0).explain(&peer).collect();

    let staked: Vec<_> =
        facts.iter().filter(|said| matches!(said.fact, Fact::Grant(Grant::STAKED, _))).collect();
    let said = |by| staked.iter().find(|said| said.writer == by).expect("each decided");
    assert_eq!((said(first).stamp, said(first).counts), (Some(1), false));
    assert_eq!((said(second).stamp, said(second).counts), (Some(2), true));
    assert_eq!(said(second).fact, Fact::Grant(Grant::STAKED, false));

    let agent = facts.iter().find(|said| said.fact == Fact::Agent("test/1")).expect("announced");
    assert_eq!((agent.kind, agent.writer, agent.version), (Kind::Announcement, peer, announced));
    assert!(agent.counts && agent.stamp.is_none());
    assert!(facts.iter().any(|said| said.fact == Fact::Capability("worker")));
    assert!(facts.iter().any(|said| said.fact == Fact::Home(Some(first))));
    let seen = facts.iter().find(|said| matches!(said.fact, Fact::Presence(..)));
    let seen = seen.expect("its home saw it");
    assert_eq!((seen.kind, seen.writer, seen.counts), (Kind::Presence, first, true));
    assert!(matches!(seen.fact, Fact::Presence(PresenceState::ONLINE, _, _)));

    let now = cluster.now();
    cluster.tracker(0).ban(now, &peer).expect("an authority");
    let facts: Vec<_> = cluster.tracker(0).explain(&peer).collect();
    let banned = facts.iter().find(|said| said.fact == Fact::Standing(Standing::BANNED));
    assert!(banned.is_some_and(|said| said.counts && said.writer == first));
    assert!(facts.iter().all(|said| said.kind != Kind::Announcement), "it says nothing any more");
    let stranger = common::keys(99).1;
    assert_eq!(cluster.tracker(0).explain(&stranger).count(), 0);
    assert_eq!(cluster.tracker(0).equivocations(&peer).count(), 0);
}
