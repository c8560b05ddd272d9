//! What nodes count about others arrives in the roll once, whatever happens on the way.

mod common;

use common::{Cluster, INTERVAL_MS, handing_over, over_both_storages};
use rollbook_core::{
    Counter, MAX_RESPONSE, ObserveError, Tallies,
    message::{self, Observation, Request, Response},
    storage::Storage,
};

/// After how long authorities publish here.
const PUBLISH_MS: u64 = 10 * 60 * 1000;

over_both_storages! {
    what_is_observed_is_published_in_time_and_seen_by_all,
    totals_travel_with_a_transition,
    totals_are_not_gossiped,
    observers_of_several_authorities_are_summed,
    authority_counts_what_it_observed_itself,
    replayed_request_counts_nothing,
    request_of_an_earlier_session_counts_nothing,
    unanswered_batch_is_kept_for_its_authority_through_failover,
    restarted_observer_counts_on_and_nothing_twice,
    batch_is_acknowledged_when_it_is_on_disk,
    batch_whose_frame_was_lost_is_counted_again,
    counted_and_not_published_survives_a_crash_of_the_authority,
    counted_and_not_published_survives_a_compaction,
    authority_that_lost_its_disk_counts_no_batch_twice,
    flood_by_one_observer_is_cut,
    unknown_counters_and_own_praise_count_for_nothing,
    who_is_not_admitted_counts_for_nothing,
    removed_node_is_published_when_it_is_back,
    more_than_fits_is_refused_and_nothing_is_lost,
}

fn tallies<S: Storage>(cluster: &Cluster<S>, node: usize, of: usize) -> Tallies {
    cluster.view(node, of).map(|view| view.tallies).unwrap_or_default()
}

fn successes<S: Storage>(cluster: &Cluster<S>, node: usize, of: usize) -> u64 {
    tallies(cluster, node, of).count(Counter::SUCCESSES)
}

fn observe<S: Storage>(cluster: &mut Cluster<S>, node: usize, of: usize, count: u32) {
    let (now, peer) = (cluster.now(), cluster.peer(of));
    cluster.tracker(node).observe(now, &peer, Counter::SUCCESSES, count).expect("there is room");
}

fn converged<S: Storage>(authorities: usize, members: usize) -> Cluster<S> {
    let mut cluster = Cluster::with(authorities, members, |config| {
        config.tallies_interval_ms = PUBLISH_MS;
    });
    cluster.run_until_converged();
    cluster
}

/// Lets all be handed over and published, and brings it to everyone.
fn publish<S: Storage>(cluster: &mut Cluster<S>) {
    cluster.run(PUBLISH_MS + 10 * INTERVAL_MS);
}

fn batch(bytes: &[u8]) -> Option<(u32, Vec<u8>)> {
    match message::decode(bytes, MAX_RESPONSE) {
        Ok(Request::Sync(request)) => {
            request.observations.map(|batch| (batch.number, batch.observations.to_vec()))
        }
        _ => None,
    }
}

/// The requests so far that hold observations.
fn requests_with_batches<S: Storage>(cluster: &Cluster<S>) -> Vec<Vec<u8>> {
    let log = cluster.exchange_log().iter().step_by(2);
    log.filter(|request| batch(request).is_some()).cloned().collect()
}

/// `from` asks `to`; says which batch is acknowledged.
fn ask<S: Storage>(cluster: &mut Cluster<S>, from: usize, to: usize, request: &[u8]) -> u32 {
    let (now, from) = (cluster.now(), cluster.peer(from));
    let mut response = vec![0; MAX_RESPONSE];
    let answered = cluster.tracker(to).handle_request(now, &from, request, &mut response);
    let size = answered.expect("it is answered");
    cluster.settle();
    match message::decode(&response[..size], MAX_RESPONSE).expect("it is well formed") {
        Response::Sync(answer) => answer.observed,
        Response::Walk(_) => panic!("nobody asked for a walk"),
    }
}

fn what_is_observed_is_published_in_time_and_seen_by_all<S: Storage>() {
    let mut cluster = converged::<S>(1, 3);
    let (now, peer) = (cluster.now(), cluster.peer(3));
    for (observer, counter, count) in [
        (1, Counter::SUCCESSES, 3),
        (1, Counter::SUCCESSES, 2),
        (2, Counter::SUCCESSES, 10),
        (2, Counter::TIMEOUTS, 1),
        (1, Counter::app(4).expect("one of five"), 7),
    ] {
        cluster.tracker(observer).observe(now, &peer, counter, count).expect("there is room");
    }
    cluster.run(PUBLISH_MS - INTERVAL_MS);
    assert_eq!(tallies(&cluster, 1, 3), Tallies::default(), "it waits for a transition");
    assert_eq!(cluster.tracker(1).observations_waiting(), 0, "it is acknowledged long since");
    cluster.run(5 * INTERVAL_MS);
    for node in 0..4 {
        let seen = tallies(&cluster, node, 3);
        assert_eq!(seen.count(Counter::SUCCESSES), 15);
        assert_eq!(seen.last(Counter::SUCCESSES), now.unix_s);
        assert_eq!(seen.count(Counter::TIMEOUTS), 1);
        assert_eq!(seen.iter().map(|(_, count, _)| count).sum::<u64>(), 23);
    }
    cluster.run_until_converged();
}

fn totals_travel_with_a_transition<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    observe(&mut cluster, 1, 2, 4);
    cluster.run(3 * INTERVAL_MS);
    assert_eq!(successes(&cluster, 0, 2), 0);
    cluster.crash_and_restart(2);
    cluster.run_until_converged();
    assert_eq!(successes(&cluster, 1, 2), 4, "a new session is published with them");
}

fn totals_are_not_gossiped<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    observe(&mut cluster, 1, 2, 4);
    let gossip = cluster.gossip_log().len();
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 1, 2), 4);
    assert_eq!(cluster.gossip_log().len(), gossip, "synchronisation brings them");
}

fn observers_of_several_authorities_are_summed<S: Storage>() {
    let mut cluster = converged::<S>(2, 3);
    // The second member has the other authority as its home.
    cluster.disconnect(0, 3);
    cluster.run(6 * INTERVAL_MS);
    assert_eq!(cluster.view(3, 3).expect("itself").home, Some(cluster.peer(1)));
    observe(&mut cluster, 2, 4, 5);
    observe(&mut cluster, 3, 4, 6);
    publish(&mut cluster);
    for node in 0..5 {
        assert_eq!(successes(&cluster, node, 4), 11, "node {node}");
    }
}

fn authority_counts_what_it_observed_itself<S: Storage>() {
    let mut cluster = converged::<S>(1, 1);
    observe(&mut cluster, 0, 1, 5);
    cluster.run(3 * INTERVAL_MS);
    assert_eq!(cluster.tracker(0).observations_waiting(), 0);
    cluster.crash_and_restart(0);
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 1, 1), 5);
    let (now, own) = (cluster.now(), cluster.peer(0));
    let refused = cluster.tracker(0).observe(now, &own, Counter::SUCCESSES, 1);
    assert_eq!(refused, Err(ObserveError::Own));
    let stranger = common::keys(99).1;
    let refused = cluster.tracker(0).observe(now, &stranger, Counter::SUCCESSES, 1);
    assert_eq!(refused, Err(ObserveError::UnknownPeer));
}

fn replayed_request_counts_nothing<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    for _ in 0..3 {
        observe(&mut cluster, 1, 2, 2);
        cluster.run(3 * INTERVAL_MS);
    }
    let requests = requests_with_batches(&cluster);
    assert!(requests.len() > 3, "each is sent until it is acknowledged");
    for request in requests.iter().chain(requests.iter().rev()) {
        assert_eq!(ask(&mut cluster, 1, 0, request), 3);
    }
    cluster.crash_and_restart(0);
    for request in &requests {
        assert_eq!(ask(&mut cluster, 1, 0, request), 3, "an earlier run counted it");
    }
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 1, 2), 6);
}

fn request_of_an_earlier_session_counts_nothing<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    observe(&mut cluster, 1, 2, 2);
    cluster.run(3 * INTERVAL_MS);
    cluster.crash_and_restart(1);
    cluster.run(INTERVAL_MS);
    let refused = cluster.tracker(0).counters().observations_refused;
    for request in requests_with_batches(&cluster) {
        assert_eq!(ask(&mut cluster, 1, 0, &request), 0);
    }
    assert!(cluster.tracker(0).counters().observations_refused > refused);
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 1, 2), 2);
}

fn unanswered_batch_is_kept_for_its_authority_through_failover<S: Storage>() {
    let mut cluster = converged::<S>(2, 2);
    // The home takes the batch and is gone before it says so.
    cluster.hold_syncs(0, true);
    observe(&mut cluster, 2, 3, 7);
    cluster.run(3 * INTERVAL_MS);
    assert_eq!(cluster.tracker(2).observations_waiting(), 7);
    let sent = requests_with_batches(&cluster);
    cluster.disconnect(0, 2);
    cluster.run(6 * INTERVAL_MS);
    assert_eq!(cluster.view(2, 2).expect("itself").home, Some(cluster.peer(1)));
    observe(&mut cluster, 2, 3, 1);
    cluster.run(6 * INTERVAL_MS);
    assert_eq!(cluster.tracker(2).observations_waiting(), 7, "the other one counted the rest");
    let other: Vec<_> = requests_with_batches(&cluster).split_off(sent.len());
    assert!(other.iter().all(|request| batch(request) != batch(&sent[0])));
    cluster.hold_syncs(0, false);
    cluster.connect_all();
    cluster.run(10 * INTERVAL_MS);
    assert_eq!(cluster.tracker(2).observations_waiting(), 0, "it is asked though no home any more");
    publish(&mut cluster);
    for node in 0..4 {
        assert_eq!(successes(&cluster, node, 3), 8, "node {node}");
    }
}

fn restarted_observer_counts_on_and_nothing_twice<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    for _ in 0..4 {
        observe(&mut cluster, 1, 2, 3);
        cluster.run(3 * INTERVAL_MS);
        assert_eq!(cluster.tracker(1).observations_waiting(), 0);
        cluster.crash_and_restart(1);
        cluster.run(3 * INTERVAL_MS);
    }
    // What was not handed over is lost with the run.
    observe(&mut cluster, 1, 2, 100);
    cluster.crash_and_restart(1);
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 1, 2), 12);
}

fn batch_is_acknowledged_when_it_is_on_disk<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    cluster.hold_syncs(0, true);
    observe(&mut cluster, 1, 2, 3);
    cluster.run(5 * INTERVAL_MS);
    assert_eq!(cluster.tracker(1).observations_waiting(), 3);
    cluster.hold_syncs(0, false);
    cluster.run(2 * INTERVAL_MS);
    assert_eq!(cluster.tracker(1).observations_waiting(), 0);
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 1, 2), 3);
}

fn batch_whose_frame_was_lost_is_counted_again<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    cluster.hold_syncs(0, true);
    let durable = cluster.journal(0).to_vec();
    observe(&mut cluster, 1, 2, 3);
    cluster.run(2 * INTERVAL_MS);
    // The power fails: all that was written since is lost.
    cluster.stop(0);
    cluster.set_journal(0, &durable);
    cluster.hold_syncs_of_stopped(0, false);
    cluster.restart(0);
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 1, 2), 3);
    assert_eq!(cluster.tracker(1).observations_waiting(), 0);
}

fn counted_and_not_published_survives_a_crash_of_the_authority<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    let mut total = 0;
    for count in 1..=5 {
        observe(&mut cluster, 1, 2, count);
        total += u64::from(count);
        cluster.run(3 * INTERVAL_MS);
        cluster.crash_and_restart(0);
        cluster.run(INTERVAL_MS);
    }
    assert_eq!(successes(&cluster, 0, 2), 0, "nothing was published");
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 1, 2), total);
    cluster.crash_and_restart(0);
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 1, 2), total, "what is published is not added again");
}

fn counted_and_not_published_survives_a_compaction<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    observe(&mut cluster, 1, 2, 5);
    cluster.run(3 * INTERVAL_MS);
    let mut snapshot = Vec::new();
    cluster.tracker(0).snapshot(&mut snapshot).expect("a vector takes all");
    cluster.stop(0);
    cluster.set_journal(0, &snapshot);
    cluster.restart(0);
    for request in requests_with_batches(&cluster) {
        assert_eq!(ask(&mut cluster, 1, 0, &request), 1);
    }
    observe(&mut cluster, 1, 2, 1);
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 1, 2), 6);
}

fn authority_that_lost_its_disk_counts_no_batch_twice<S: Storage>() {
    let mut cluster = converged::<S>(1, 3);
    observe(&mut cluster, 1, 2, 5);
    cluster.run(3 * INTERVAL_MS);
    // It is published, and everybody knows.
    cluster.crash_and_restart(2);
    cluster.run_until_converged();
    assert_eq!(successes(&cluster, 3, 2), 5);
    let requests = requests_with_batches(&cluster);
    cluster.stop(0);
    cluster.lose_disk(0);
    cluster.restart(0);
    cluster.run_until_converged();
    for request in &requests {
        ask(&mut cluster, 1, 0, request);
    }
    observe(&mut cluster, 1, 2, 1);
    cluster.run(3 * INTERVAL_MS);
    observe(&mut cluster, 1, 2, 1);
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 3, 2), 7, "the batches after the one in doubt count");
    assert_eq!(cluster.tracker(1).observations_waiting(), 0);
}

fn flood_by_one_observer_is_cut<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    let (subject, session) = (cluster.peer(2), cluster.tracker(1).session());
    let seen = Observation { subject: subject.as_bytes(), counter: 0, count: u32::MAX, last: 0 };
    let batches = 1_000;
    for number in 1..=batches {
        ask(&mut cluster, 1, 0, &handing_over(session, number, &[seen; 3]));
    }
    let counters = *cluster.tracker(0).counters();
    assert!(counters.observations_over_rate > 900, "{counters:?}");
    publish(&mut cluster);
    let counted = successes(&cluster, 1, 2);
    assert_eq!(counted, 4 * 10_000, "four batches at once, each cut");
    // A batch with more entries than allowed is none.
    let session = cluster.tracker(1).session();
    ask(&mut cluster, 1, 0, &handing_over(session, 2_000, &[seen; 11]));
    assert_eq!(cluster.tracker(0).counters().observations_refused, 1);
}

fn unknown_counters_and_own_praise_count_for_nothing<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    let session = cluster.tracker(1).session();
    let (own, other, stranger) = (cluster.peer(1), cluster.peer(2), common::keys(99).1);
    let about = |subject, counter| Observation { subject, counter, count: 3, last: u64::MAX };
    let seen = [
        about(own.as_bytes(), 0),
        about(stranger.as_bytes(), 0),
        about(&[1, 2, 3], 0),
        about(other.as_bytes(), 8),
        about(other.as_bytes(), 7),
    ];
    ask(&mut cluster, 1, 0, &handing_over(session, 1, &seen));
    assert_eq!(cluster.tracker(0).counters().observations_dropped, 12);
    let now = cluster.now();
    publish(&mut cluster);
    assert_eq!(tallies(&cluster, 1, 1), Tallies::default());
    let counter = Counter::new(7).expect("the last");
    assert_eq!(tallies(&cluster, 1, 2).iter().collect::<Vec<_>>(), [(counter, 3, now.unix_s)]);
}

fn who_is_not_admitted_counts_for_nothing<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    let (now, observer) = (cluster.now(), cluster.peer(1));
    let session = cluster.tracker(1).session();
    let subject = cluster.peer(2);
    let seen = Observation { subject: subject.as_bytes(), counter: 0, count: 3, last: 0 };
    cluster.tracker(0).ban(now, &observer).expect("an authority");
    ask(&mut cluster, 1, 0, &handing_over(session, 1, &[seen]));
    // Nor does a node that was never heard of.
    let stranger = common::keys(99).1;
    let mut response = vec![0; MAX_RESPONSE];
    let request = handing_over(session, 1, &[seen]);
    let tracker = cluster.tracker(0);
    tracker.handle_request(now, &stranger, &request, &mut response).expect("it is answered");
    assert_eq!(cluster.tracker(0).counters().observations_refused, 2);
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 2, 2), 0);
}

fn removed_node_is_published_when_it_is_back<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    let (now, subject) = (cluster.now(), cluster.peer(2));
    observe(&mut cluster, 1, 2, 3);
    cluster.tracker(0).remove(now, &subject).expect("an authority");
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 0, 2), 0, "an authority vouches for nobody who is removed");
    let now = cluster.now();
    cluster.tracker(0).admit(now, &subject).expect("an authority");
    publish(&mut cluster);
    assert_eq!(successes(&cluster, 1, 2), 3);
}

fn more_than_fits_is_refused_and_nothing_is_lost<S: Storage>() {
    let mut cluster = converged::<S>(1, 8);
    let mut observed = [0u64; 9];
    for round in 0..12 {
        for observer in 1..9 {
            for (of, total) in observed.iter_mut().enumerate().skip(1) {
                let (now, peer) = (cluster.now(), cluster.peer(of));
                let counter = Counter::new(round % 8).expect("below 8");
                let noted = cluster.tracker(observer).observe(now, &peer, counter, 1);
                match noted {
                    Ok(()) => *total += 1,
                    Err(error) if of == observer => assert_eq!(error, ObserveError::Own),
                    Err(error) => assert_eq!(error, ObserveError::Full),
                }
            }
        }
        cluster.run(INTERVAL_MS);
    }
    publish(&mut cluster);
    publish(&mut cluster);
    for (of, total) in observed.iter().enumerate().skip(1) {
        let counted: u64 = tallies(&cluster, 0, of).iter().map(|(_, count, _)| count).sum();
        assert_eq!(counted, *total, "node {of}");
    }
}
