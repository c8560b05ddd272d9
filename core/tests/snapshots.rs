//! A compacted journal that is written while things happen holds all that is held, with the frames
//! that were written meanwhile.

mod common;

use std::collections::BTreeMap;

use common::{Cluster, INTERVAL_MS, handing_over, keys, over_both_storages, tracker};
use rollbook_core::{
    AnnouncementFields, Counter, Grant, Keypair, MAX_FRAME, MAX_RESPONSE, NodeEventTracker, PeerId,
    Random, Root, Signed, SnapshotPlace,
    journal::{Frame, Next, Reader},
    message::{self, Observation},
    statement::Presence,
    storage::Storage,
};

over_both_storages! {
    snapshot_with_what_was_written_meanwhile_holds_all,
    snapshot_frame_by_frame_is_the_snapshot_in_one_go,
    small_buffer_holds_a_snapshot_up_and_loses_nothing,
    snapshot_goes_on_behind_nodes_that_are_given_up,
    batch_that_comes_at_any_frame_is_in_a_snapshot_with_its_number_or_not_at_all,
}

type Tracker<S> = NodeEventTracker<S, Keypair>;

/// The frames of a journal are handed to `each`.
fn read(journal: &[u8], mut each: impl FnMut(&Frame<'_>)) {
    let mut reader = Reader::new(journal);
    loop {
        match reader.next_frame().expect("a slice does not fail") {
            Next::Frame(frame) => each(&frame),
            Next::End => return,
            damaged => panic!("an undamaged journal reads as {damaged:?}"),
        }
    }
}

/// What authority 0 counted of each node, published or not, by the subject's bytes and the counter;
/// and the last batch of each session of an observer.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    totals: BTreeMap<(Vec<u8>, u8), u64>,
    batches: BTreeMap<(Vec<u8>, [u8; 4]), u32>,
}

fn counted<S: Storage>(tracker: &Tracker<S>) -> Counted {
    let (mut journal, mut counted) = (Vec::new(), Counted::default());
    tracker.snapshot(&mut journal).expect("a vector takes all");
    let raise = |totals: &mut BTreeMap<(Vec<u8>, u8), u64>, key, count: u64| {
        let held = totals.entry(key).or_insert(0);
        *held = count.max(*held);
    };
    read(&journal, |frame| match frame {
        Frame::Statement(bytes) => {
            let signed = Signed::parse(bytes).expect("well formed");
            let subject = signed.subject_bytes().to_vec();
            let presence = signed
                .typed::<Presence>()
                .filter(|signed| signed.writer() == tracker.peer_id().hint());
            let presence = presence.and_then(|signed| signed.read()).unwrap_or_default();
            for tally in &presence.tallies {
                raise(&mut counted.totals, (subject.clone(), tally.counter), tally.count);
            }
        }
        Frame::Observed { observer, session, number, totals } => {
            for total in message::totals(totals).map(|total| total.expect("well formed")) {
                raise(&mut counted.totals, (total.subject.to_vec(), total.counter), total.count);
            }
            if !observer.is_empty() {
                let last = counted.batches.entry((observer.to_vec(), session.0)).or_insert(0);
                *last = (*last).max(*number);
            }
        }
        _ => {}
    });
    counted
}

/// What a node starts with that finds `journal` on its disk.
fn replay<S: Storage>(cluster: &Cluster<S>, node: u8, journal: &[u8]) -> (Root, Counted) {
    let mut tracker = tracker::<S>(cluster.config(), &keys(node + 1).0, [99; 32]);
    read(journal, |frame| tracker.recover(frame).expect("own journal"));
    tracker.start(cluster.now());
    (tracker.root(), counted(&tracker))
}

/// Writes what there is of a snapshot from `place` on, at most `frames`. Says whether that was all.
fn go_on<S: Storage>(
    tracker: &Tracker<S>,
    place: &mut SnapshotPlace,
    frames: u64,
    written: &mut Vec<u8>,
) -> bool {
    let mut frame = [0; MAX_FRAME];
    for _ in 0..frames {
        let Some(len) = tracker.snapshot_next(place, &mut frame) else { return true };
        assert!(len > 0, "it suffices");
        written.extend_from_slice(&frame[..len]);
    }
    false
}

/// Something happens, and is drained or not.
fn happen<S: Storage>(cluster: &mut Cluster<S>, random: &mut Random) {
    let (now, nodes) = (cluster.now(), cluster.count());
    let number = usize::try_from(random.below(nodes as u64)).expect("few");
    let peer = match random.below(3) {
        // Made up, and at any place in the order.
        0 => keys(100 + u8::try_from(random.below(6)).expect("few")).1,
        _ => cluster.peer(number),
    };
    match random.below(8) {
        0 => drop(cluster.tracker(0).grant(now, &peer, Grant::STAKED).ok()),
        1 => drop(cluster.tracker(0).revoke(now, &peer, Grant::STAKED).ok()),
        2 => drop(cluster.tracker(0).admit(now, &peer).ok()),
        3 if number > 1 => drop(cluster.tracker(0).ban(now, &peer).ok()),
        4 => {
            let count = u32::try_from(random.below(9)).expect("small");
            let _ = cluster.tracker(number).observe(now, &peer, Counter::SUCCESSES, count);
            // Its own observations an authority counts at once.
            cluster.tracker(0).handle_timeout(now);
        }
        5 => {
            let agent = ["a/1", "b/2", "c/3"][usize::try_from(random.below(3)).expect("few")];
            let said = AnnouncementFields { agent, ..Default::default() };
            cluster.tracker(number).announce(now, &said).expect("bounded");
        }
        6 => cluster.settle(),
        _ => cluster.run(random.below(INTERVAL_MS)),
    }
}

fn snapshot_with_what_was_written_meanwhile_holds_all<S: Storage>() {
    let mut cluster = Cluster::<S>::with(2, 4, |config| config.tallies_interval_ms = 15_000);
    cluster.run_until_converged();
    let mut random = Random::new(&[3; 32]);
    let (mut meanwhile, mut totals) = (0, 0);
    for round in 0..150 {
        let (mut place, mut written) = (SnapshotPlace::START, Vec::new());
        let pace = 1 + random.below(9);
        let before = cluster.journal(0).len();
        while !go_on(cluster.tracker(0), &mut place, pace, &mut written) {
            (0..random.below(4)).for_each(|_| happen(&mut cluster, &mut random));
        }
        meanwhile += cluster.journal(0).len() - before;
        written.extend_from_slice(&cluster.journal(0)[before..]);
        let (root, recovered) = replay(&cluster, 0, &written);
        assert_eq!(root, cluster.tracker(0).root(), "round {round}");
        let held = counted(cluster.tracker(0));
        assert_eq!(recovered.totals, held.totals, "round {round}");
        for (session, number) in &held.batches {
            assert_eq!(recovered.batches.get(session), Some(number), "round {round}");
        }
        totals += held.totals.len();
    }
    assert!(meanwhile > 10_000 && totals > 100, "{meanwhile} bytes, {totals} totals");
}

fn snapshot_frame_by_frame_is_the_snapshot_in_one_go<S: Storage>() {
    let mut cluster = Cluster::<S>::new(2, 3);
    cluster.run_until_converged();
    let (now, peer) = (cluster.now(), cluster.peer(3));
    // With what is in no frame of the journal yet, which is written once.
    cluster.tracker(0).observe(now, &peer, Counter::SUCCESSES, 3).expect("there is room");
    cluster.tracker(0).handle_timeout(now);
    cluster.tracker(0).grant(now, &peer, Grant::STAKED).expect("an authority");
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let size = cluster.tracker(0).snapshot(&mut one).expect("a vector takes all");
    assert_eq!(one.len() as u64, size);
    let mut place = SnapshotPlace::START;
    while !go_on(cluster.tracker(0), &mut place, 1, &mut other) {}
    assert_eq!(one, other);
    assert!(go_on(cluster.tracker(0), &mut place, 1, &mut other), "it stays at the end");
    let mut statements = Vec::new();
    read(&one, |frame| {
        if let Frame::Statement(bytes) = frame {
            statements.push(bytes.to_vec());
        }
    });
    let count = statements.len();
    statements.sort_unstable();
    statements.dedup();
    assert_eq!(statements.len(), count, "each is in it once");
}

fn small_buffer_holds_a_snapshot_up_and_loses_nothing<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 2);
    cluster.run_until_converged();
    let (mut whole, mut written) = (Vec::new(), Vec::new());
    let tracker = cluster.tracker(0);
    tracker.snapshot(&mut whole).expect("a vector takes all");
    let (mut place, mut frame, mut room) = (SnapshotPlace::START, [0; MAX_FRAME], 0);
    while let Some(len) = tracker.snapshot_next(&mut place, &mut frame[..room]) {
        written.extend_from_slice(&frame[..len]);
        room = if len == 0 { room + 1 } else { 0 };
    }
    assert_eq!(written, whole);
}

fn snapshot_goes_on_behind_nodes_that_are_given_up<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 5);
    cluster.run_until_converged();
    cluster.reconfigure(5, |config| config.partial = true);
    let held: Vec<PeerId> = (1..5).map(|node| cluster.peer(node)).collect();
    for given_up in &held {
        for peer in &held {
            cluster.tracker(5).hold(peer).expect("there is room");
        }
        cluster.run(3 * INTERVAL_MS);
        let tracker = cluster.tracker(5);
        assert!(held.iter().all(|peer| tracker.node(common::at(0), peer).is_some()));
        let (mut place, mut written) = (SnapshotPlace::START, Vec::new());
        let speaks_of_it = |journal: &[u8]| {
            let mut speaks = false;
            read(journal, |frame| {
                speaks |= matches!(frame, Frame::Statement(bytes)
                    if Signed::parse(bytes).expect("valid").subject() == Some(*given_up));
            });
            speaks
        };
        while !speaks_of_it(&written) {
            assert!(!go_on(tracker, &mut place, 1, &mut written));
        }
        tracker.release(given_up);
        while !go_on(tracker, &mut place, 1, &mut written) {}
        for peer in held.iter().filter(|peer| *peer != given_up) {
            let mut statements = 0;
            read(&written, |frame| {
                statements += usize::from(matches!(frame, Frame::Statement(bytes)
                    if Signed::parse(bytes).expect("valid").subject() == Some(*peer)));
            });
            assert_eq!(statements, 2, "what it announced, and its presence");
        }
    }
}

fn batch_that_comes_at_any_frame_is_in_a_snapshot_with_its_number_or_not_at_all<S: Storage>() {
    let mut cluster = Cluster::<S>::new(1, 3);
    cluster.run_until_converged();
    let (observer, subject) = (cluster.peer(1), cluster.peer(2));
    let session = cluster.view(0, 1).and_then(|view| view.session()).expect("it announced");
    let mut number = 0;
    let mut frames = 0;
    loop {
        // The one before it is in the journal.
        cluster.run(INTERVAL_MS);
        let (mut place, mut written) = (SnapshotPlace::START, Vec::new());
        if go_on(cluster.tracker(0), &mut place, frames, &mut written) {
            break;
        }
        number += 1;
        let seen = [Observation { subject: subject.as_bytes(), counter: 0, count: 2, last: 1 }];
        let (now, request) = (cluster.now(), handing_over(session, number, &seen));
        let answered =
            cluster.tracker(0).handle_request(now, &observer, &request, &mut vec![0; MAX_RESPONSE]);
        answered.expect("it is answered");
        while !go_on(cluster.tracker(0), &mut place, 1, &mut written) {}
        let key = |peer: &PeerId| peer.as_bytes().to_vec();
        let (_, recovered) = replay(&cluster, 0, &written);
        let has = (
            recovered.batches.get(&(key(&observer), session.0)).copied(),
            recovered.totals.get(&(key(&subject), 0)).copied(),
        );
        let expected = |number: u32| (Some(number), Some(2 * u64::from(number)));
        assert!(
            has == expected(number) || (number > 1 && has == expected(number - 1)),
            "{has:?} after {frames} frames, of {number} batches"
        );
        frames += 1;
    }
    assert!(frames > 8, "{frames}");
}
