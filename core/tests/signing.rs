//! Signatures that are made elsewhere: late, wrong, not at all, or of what counts no more.

mod common;

use common::{Cluster, INTERVAL_MS, Keys, over_both_storages};
use rollbook_core::{
    AnnouncementFields, Event, Grant, Here, Keypair, MAX_FRAME, MAX_SIGNING, PeerId, Random,
    Receipt, Signature, SignatureError, Signed, Signer, SnapshotPlace, Verifier, VerifyError,
    Version,
    journal::{Frame, Next, Reader},
    storage::Storage,
};

over_both_storages! {
    network_that_signs_elsewhere_is_like_any_other,
    late_signature_holds_back_what_it_is_of_and_nothing_else,
    what_was_signed_before_is_not_held_back_by_what_is_not,
    command_that_another_takes_in_before_it_is_signed_is_acknowledged_with_that,
    signature_that_failed_is_asked_for_again,
    wrong_signature_changes_nothing_and_is_asked_for_again,
    signature_of_a_superseded_announcement_is_not_wanted,
    member_that_is_late_with_its_announcement_joins_with_it,
    leases_are_renewed_while_a_newer_announcement_is_not_signed,
    command_that_is_not_signed_at_a_crash_was_not_acknowledged,
    authority_whose_signer_is_away_for_long_alarms_nobody,
    snapshot_waits_for_a_signature,
    snapshot_that_is_written_while_signatures_come_holds_all,
    request_that_finds_no_room_waits,
    whatever_becomes_of_signatures_nothing_acknowledged_is_lost,
}

/// Keys in a secure element, as far as a tracker can tell.
#[derive(Clone)]
struct Outside(Keypair);

impl Signer for Outside {
    fn peer_id(&self) -> PeerId {
        self.0.peer_id()
    }

    fn sign(&self, _: &[u8]) -> Signature {
        Signature::new()
    }
}

impl Verifier for Outside {
    fn verify(&self, writer: &PeerId, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        self.0.verify(writer, message, signature)
    }
}

impl Keys for Outside {
    fn of(keys: Keypair) -> Outside {
        Outside(keys)
    }

    fn sign_elsewhere(&self, message: &[u8]) -> Signature {
        self.0.sign(message)
    }
}

type Nodes<S> = Cluster<S, Outside>;

fn converged<S: Storage>(authorities: usize, members: usize) -> Nodes<S> {
    let mut cluster = Nodes::<S>::with_keys(authorities, members, |_| ());
    cluster.run_until_converged();
    cluster.forget_events();
    cluster
}

/// The statements in a journal, each signed by its writer.
fn statements<S: Storage>(cluster: &Nodes<S>, journal: &[u8]) -> Vec<Vec<u8>> {
    let (mut reader, mut statements) = (Reader::new(journal), Vec::new());
    loop {
        match reader.next_frame().expect("a slice does not fail") {
            Next::Frame(Frame::Statement(bytes)) => statements.push(bytes.to_vec()),
            Next::Frame(_) => {}
            Next::End => break,
            damaged => panic!("an undamaged journal reads as {damaged:?}"),
        }
    }
    for bytes in &statements {
        let signed = Signed::parse(bytes).expect("well formed");
        let mut peers = (1..=16).map(|seed| common::keys(seed).1);
        let writer = peers.find(|peer| peer.hint() == signed.writer()).expect("one of them");
        let network = &cluster.config().network;
        assert_eq!(signed.verify(network, &writer, &common::keys(1).0), Ok(()));
    }
    statements
}

/// What left was signed by who wrote it: everybody checked that, and nobody found otherwise.
fn assert_honest<S: Storage>(cluster: &mut Nodes<S>) {
    for node in 0..cluster.count() {
        let counters = cluster.tracker(node).counters();
        assert_eq!(counters.statements_bad_signature, 0, "node {node}");
        assert_eq!((counters.gossip_rejected, counters.responses_rejected), (0, 0), "node {node}");
        let journal = cluster.journal(node).to_vec();
        assert!(!statements(cluster, &journal).is_empty());
    }
}

fn grant<S: Storage>(cluster: &mut Nodes<S>, of: usize, grant: Grant) -> Receipt {
    let (now, peer) = (cluster.now(), cluster.peer(of));
    let receipt = cluster.tracker(0).grant(now, &peer, grant).expect("an authority");
    cluster.settle();
    receipt
}

fn is_granted<S: Storage>(cluster: &Nodes<S>, node: usize, of: usize, grant: Grant) -> bool {
    cluster.view(node, of).is_some_and(|view| view.grants.contains(grant))
}

fn is_durable<S: Storage>(cluster: &mut Nodes<S>, receipt: Receipt) -> bool {
    cluster.tracker(0).durable() >= receipt.0
}

fn say<S: Storage>(cluster: &mut Nodes<S>, node: usize, agent: &str) -> Version {
    let now = cluster.now();
    let said = AnnouncementFields { agent, ..Default::default() };
    cluster.tracker(node).announce(now, &said).expect("bounded");
    let version = cluster.tracker(node).announced();
    cluster.settle();
    version
}

fn agent<S: Storage>(cluster: &Nodes<S>, node: usize, of: usize) -> String {
    let view = cluster.view(node, of).expect("it is held");
    view.announcement.map(|(_, said)| said.agent.to_string()).unwrap_or_default()
}

fn network_that_signs_elsewhere_is_like_any_other<S: Storage>() {
    let mut cluster = converged::<S>(2, 3);
    let receipt = grant(&mut cluster, 3, Grant::STAKED);
    assert!(is_durable(&mut cluster, receipt));
    cluster.run(3 * INTERVAL_MS);
    assert!((0..5).all(|node| is_granted(&cluster, node, 3, Grant::STAKED)));
    let now = cluster.now();
    cluster.tracker(4).leave(now);
    cluster.settle();
    assert!(cluster.tracker(4).is_leave_acknowledged());
    cluster.stop(4);
    cluster.stop(0);
    cluster.run(10 * INTERVAL_MS);
    for node in 1..4 {
        assert_eq!(cluster.view(node, 4).map(|view| view.here), Some(Here::Left));
        assert_eq!(cluster.home(node), Some(cluster.peer(1)), "it moved");
        assert_eq!(cluster.online(node), 3);
    }
    cluster.restart(0);
    cluster.restart(4);
    cluster.run_until_converged();
    assert_honest(&mut cluster);
}

fn late_signature_holds_back_what_it_is_of_and_nothing_else<S: Storage>() {
    let mut cluster = converged::<S>(1, 3);
    let lapsed = cluster.tracker(0).counters().leases_lapsed;
    cluster.hold_signatures(0, true);
    let receipt = grant(&mut cluster, 2, Grant::STAKED);
    let written = |cluster: &Nodes<S>| statements(cluster, cluster.journal(0)).len();
    let before = written(&cluster);
    cluster.run(6 * INTERVAL_MS);
    assert!(!is_durable(&mut cluster, receipt));
    assert_eq!(written(&cluster), before, "the journal waits");
    assert!(is_granted(&cluster, 0, 2, Grant::STAKED), "it is decided here");
    for node in 0..4 {
        assert_eq!(cluster.online(node), 4, "leases are renewed");
        assert!(node == 0 || !is_granted(&cluster, node, 2, Grant::STAKED));
    }
    assert_eq!(cluster.tracker(0).counters().leases_lapsed, lapsed);
    // What others say arrives, and is passed on by them.
    say(&mut cluster, 1, "news/1");
    cluster.run(INTERVAL_MS);
    assert!((0..4).all(|node| agent(&cluster, node, 1) == "news/1"));
    cluster.hold_signatures(0, false);
    cluster.run(2 * INTERVAL_MS);
    assert!(is_durable(&mut cluster, receipt));
    assert!((0..4).all(|node| is_granted(&cluster, node, 2, Grant::STAKED)));
    cluster.run_until_converged();
    assert_honest(&mut cluster);
}

fn what_was_signed_before_is_not_held_back_by_what_is_not<S: Storage>() {
    let mut cluster = converged::<S>(1, 3);
    cluster.hold_signatures(0, true);
    let receipts = [1, 2, 3].map(|node| grant(&mut cluster, node, Grant::STAKED));
    for signed in 0..3 {
        for (place, receipt) in receipts.iter().enumerate() {
            assert_eq!(is_durable(&mut cluster, *receipt), place < signed, "{place} of {signed}");
            let (node, of) = (1 + signed % 3, place + 1);
            assert_eq!(is_granted(&cluster, node, of, Grant::STAKED), place < signed);
        }
        let (version, bytes) = cluster.to_sign(0).expect("one at a time");
        let (now, signature) = (cluster.now(), cluster.signature(0, &bytes));
        let taken = cluster.tracker(0).handle_signature(now, version, &signature);
        assert_eq!(taken, Ok(()));
        cluster.run(2 * INTERVAL_MS);
    }
    assert!(is_durable(&mut cluster, receipts[2]));
    cluster.hold_signatures(0, false);
    cluster.run_until_converged();
    assert_honest(&mut cluster);
}

fn command_that_another_takes_in_before_it_is_signed_is_acknowledged_with_that<S: Storage>() {
    let mut cluster = converged::<S>(1, 3);
    cluster.hold_signatures(0, true);
    let first = grant(&mut cluster, 1, Grant::STAKED);
    let other = grant(&mut cluster, 2, Grant::STAKED);
    // It says what the first one did, and takes its place.
    let second = grant(&mut cluster, 1, Grant::VALIDATOR);
    let receipts = [first, other, second];
    assert!(receipts.iter().all(|receipt| !is_durable(&mut cluster, *receipt)));
    cluster.run(INTERVAL_MS);
    assert!(receipts.iter().all(|receipt| !is_durable(&mut cluster, *receipt)));
    assert!((1..4).all(|node| !is_granted(&cluster, node, 1, Grant::STAKED)));
    cluster.hold_signatures(0, false);
    cluster.run(INTERVAL_MS);
    assert!(receipts.iter().all(|receipt| is_durable(&mut cluster, *receipt)));
    cluster.crash_and_restart(0);
    assert!(
        is_granted(&cluster, 0, 1, Grant::STAKED) && is_granted(&cluster, 0, 1, Grant::VALIDATOR)
    );
    cluster.run_until_converged();
    assert_honest(&mut cluster);
}

fn signature_that_failed_is_asked_for_again<S: Storage>() {
    let mut cluster = converged::<S>(1, 1);
    cluster.hold_signatures(0, true);
    let receipt = grant(&mut cluster, 1, Grant::STAKED);
    let asked = cluster.to_sign(0).expect("it was asked for");
    let mut out = [0; MAX_SIGNING];
    assert_eq!(cluster.tracker(0).poll_signature(&mut out), None, "it is under way");
    cluster.tracker(0).handle_signature_failed(Version::ZERO);
    assert_eq!(cluster.tracker(0).poll_signature(&mut out), None, "that was another one");
    cluster.tracker(0).handle_signature_failed(asked.0);
    let request = cluster.tracker(0).poll_signature(&mut out).expect("it is asked for again");
    assert_eq!((request.version, &out[..request.len]), (asked.0, &asked.1[..]));
    cluster.tracker(0).handle_signature_failed(asked.0);
    cluster.hold_signatures(0, false);
    cluster.settle();
    assert!(is_durable(&mut cluster, receipt));
    assert!(!cluster.tracker(0).awaits_signature());
    assert_honest(&mut cluster);
}

fn wrong_signature_changes_nothing_and_is_asked_for_again<S: Storage>() {
    let mut cluster = converged::<S>(1, 1);
    cluster.hold_signatures(0, true);
    let receipt = grant(&mut cluster, 1, Grant::STAKED);
    let (version, bytes) = cluster.to_sign(0).expect("it was asked for");
    let right = cluster.signature(0, &bytes);
    let of_another_message = cluster.signature(0, b"another message");
    let of_another_key = cluster.signature(1, &bytes);
    let mut flipped = right.clone();
    flipped[40] ^= 4;
    let mut longer = right.clone();
    longer.push(0).expect("there is room");
    let not_signed = [0; 72];
    let too_long = [1; 200];
    let wrong: [&[u8]; 8] = [
        &of_another_message,
        &of_another_key,
        &flipped,
        &longer,
        &right[..63],
        &not_signed,
        &too_long,
        &[],
    ];
    for signature in wrong {
        let now = cluster.now();
        let (root, durable) = (cluster.tracker(0).root(), cluster.tracker(0).durable());
        let written = cluster.journal(0).len();
        let taken = cluster.tracker(0).handle_signature(now, version, signature);
        assert_eq!(taken, Err(SignatureError::Invalid(VerifyError::BadSignature)));
        let again = cluster.tracker(0).handle_signature(now, version, signature);
        assert_eq!(again, Err(SignatureError::NotAwaited), "it is to be asked for again");
        cluster.settle();
        assert_eq!(cluster.to_sign(0), Some((version, bytes.clone())));
        assert_eq!(cluster.tracker(0).root(), root);
        assert_eq!(cluster.tracker(0).durable(), durable);
        assert_eq!(cluster.journal(0).len(), written);
    }
    let now = cluster.now();
    for other in [Version::ZERO, version.next().expect("not the last")] {
        let taken = cluster.tracker(0).handle_signature(now, other, &right);
        assert_eq!(taken, Err(SignatureError::NotAwaited));
    }
    assert_eq!(cluster.tracker(0).handle_signature(now, version, &right), Ok(()));
    let twice = cluster.tracker(0).handle_signature(now, version, &right);
    assert_eq!(twice, Err(SignatureError::NotAwaited));
    cluster.settle();
    assert!(is_durable(&mut cluster, receipt));
    assert_honest(&mut cluster);
}

fn signature_of_a_superseded_announcement_is_not_wanted<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    cluster.hold_signatures(1, true);
    let first = say(&mut cluster, 1, "first/1");
    let asked = cluster.to_sign(1).expect("it was asked for");
    assert_eq!(asked.0, first);
    // The one that is awaited counts no more: the next is asked for at once.
    let second = say(&mut cluster, 1, "second/1");
    let next = cluster.to_sign(1).expect("it was asked for");
    assert_eq!(next.0, second);
    let (now, late) = (cluster.now(), cluster.signature(1, &asked.1));
    let taken = cluster.tracker(1).handle_signature(now, first, &late);
    assert_eq!(taken, Err(SignatureError::NotAwaited));
    cluster.run(2 * INTERVAL_MS);
    assert!([0, 2].iter().all(|node| agent(&cluster, *node, 1) == "test/1"));
    cluster.hold_signatures(1, false);
    cluster.run(INTERVAL_MS);
    assert!((0..3).all(|node| agent(&cluster, node, 1) == "second/1"));
    cluster.run_until_converged();
    assert_honest(&mut cluster);
}

fn member_that_is_late_with_its_announcement_joins_with_it<S: Storage>() {
    for is_new in [true, false] {
        let mut cluster = converged::<S>(1, 3);
        cluster.stop(3);
        cluster.run(6 * INTERVAL_MS);
        cluster.hold_next_signatures(3);
        if is_new {
            cluster.replace(3, common::keys(9).0);
        } else {
            cluster.restart(3);
        }
        let peer = cluster.peer(3);
        cluster.run(6 * INTERVAL_MS);
        assert!(cluster.view(0, 3).is_none_or(|view| view.here != Here::Online));
        let leases = cluster.tracker(0).authority().map(|authority| authority.lease_count());
        assert_eq!(leases, Some(3), "who said nothing asks for nothing");
        cluster.forget_events();
        cluster.hold_signatures(3, false);
        cluster.run(INTERVAL_MS);
        assert_eq!(cluster.view(0, 3).map(|view| view.here), Some(Here::Online), "{is_new}");
        assert_eq!(cluster.times_seen(0, Event::Joined { peer }), 1);
        assert_honest(&mut cluster);
    }
}

fn leases_are_renewed_while_a_newer_announcement_is_not_signed<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    cluster.hold_signatures(1, true);
    say(&mut cluster, 1, "newer/1");
    cluster.run(20 * INTERVAL_MS);
    let peer = cluster.peer(1);
    assert!((0..3).all(|node| cluster.online(node) == 3));
    assert!((0..3).all(|node| cluster.times_seen(node, Event::Left { peer }) == 0));
    // It is not asked more often for that.
    let asked = cluster.tracker(1).counters().requests_sent;
    cluster.run(20 * INTERVAL_MS);
    let asked = cluster.tracker(1).counters().requests_sent - asked;
    assert!((18..40).contains(&asked), "{asked} requests in 20 intervals");
    cluster.hold_signatures(1, false);
    cluster.run(INTERVAL_MS);
    assert!((0..3).all(|node| agent(&cluster, node, 1) == "newer/1"));
    assert_honest(&mut cluster);
}

fn command_that_is_not_signed_at_a_crash_was_not_acknowledged<S: Storage>() {
    let mut cluster = converged::<S>(1, 2);
    let kept = grant(&mut cluster, 1, Grant::STAKED);
    assert!(is_durable(&mut cluster, kept));
    cluster.hold_signatures(0, true);
    let lost = grant(&mut cluster, 1, Grant::VALIDATOR);
    cluster.run(INTERVAL_MS);
    assert!(!is_durable(&mut cluster, lost));
    let late = cluster.to_sign(0).expect("it was asked for");
    cluster.crash_and_restart(0);
    assert!(is_granted(&cluster, 0, 1, Grant::STAKED));
    assert!(!is_granted(&cluster, 0, 1, Grant::VALIDATOR));
    // The signature that comes too late is of nothing that is held.
    let (now, signature) = (cluster.now(), cluster.signature(0, &late.1));
    let taken = cluster.tracker(0).handle_signature(now, late.0, &signature);
    assert_eq!(taken, Err(SignatureError::NotAwaited));
    // Signed and not on disk is not acknowledged either.
    cluster.hold_signatures(0, false);
    cluster.run_until_converged();
    cluster.hold_syncs(0, true);
    let written = grant(&mut cluster, 1, Grant::VALIDATOR);
    assert!(!cluster.tracker(0).awaits_signature());
    assert!(!is_durable(&mut cluster, written));
    cluster.hold_syncs(0, false);
    assert!(is_durable(&mut cluster, written));
    cluster.crash_and_restart(0);
    assert!(is_granted(&cluster, 0, 1, Grant::VALIDATOR));
    cluster.run_until_converged();
    assert_honest(&mut cluster);
}

fn authority_whose_signer_is_away_for_long_alarms_nobody<S: Storage>() {
    let mut cluster = converged::<S>(2, 3);
    cluster.hold_signatures(0, true);
    let receipt = grant(&mut cluster, 3, Grant::STAKED);
    cluster.run(200 * INTERVAL_MS);
    for node in 0..5 {
        let alarms = cluster.told(node, |event| matches!(event, Event::RootsDiffer { .. }));
        assert_eq!(alarms, 0, "node {node}");
        assert_eq!(cluster.online(node), 5, "node {node}");
    }
    cluster.hold_signatures(0, false);
    cluster.run_until_converged();
    assert!(is_durable(&mut cluster, receipt));
    assert!((0..5).all(|node| is_granted(&cluster, node, 3, Grant::STAKED)));
    assert_honest(&mut cluster);
}

fn snapshot_waits_for_a_signature<S: Storage>() {
    let mut cluster = converged::<S>(1, 3);
    grant(&mut cluster, 2, Grant::STAKED);
    cluster.hold_signatures(0, true);
    // It takes the place of a decision that is on disk.
    grant(&mut cluster, 2, Grant::VALIDATOR);
    let tracker = cluster.tracker(0);
    let mut whole = Vec::new();
    assert_eq!(tracker.snapshot(&mut whole), Ok(0));
    assert!(whole.is_empty());
    let (mut place, mut written, mut frame) = (SnapshotPlace::START, Vec::new(), [0; MAX_FRAME]);
    let mut go_on = |cluster: &mut Nodes<S>, written: &mut Vec<u8>| {
        while let Some(len) = cluster.tracker(0).snapshot_next(&mut place, &mut frame) {
            if len == 0 {
                return false;
            }
            written.extend_from_slice(&frame[..len]);
        }
        true
    };
    assert!(!go_on(&mut cluster, &mut written), "it waits");
    let before = written.len();
    assert!(!go_on(&mut cluster, &mut written) && written.len() == before);
    cluster.hold_signatures(0, false);
    cluster.settle();
    // What changes behind the place where it has come to waits as well.
    cluster.hold_signatures(0, true);
    say(&mut cluster, 0, "first/1");
    let size = cluster.journal(0).len();
    assert!(!go_on(&mut cluster, &mut written), "it waits for that one too");
    cluster.hold_signatures(0, false);
    cluster.settle();
    assert!(go_on(&mut cluster, &mut written));
    assert!(!statements(&cluster, &written).is_empty());
    written.extend_from_slice(&cluster.journal(0)[size..]);
    let root = cluster.tracker(0).root();
    cluster.stop(0);
    cluster.set_journal(0, &written);
    cluster.restart(0);
    assert_eq!(cluster.recovered_root(0), root);
    assert!(is_granted(&cluster, 0, 2, Grant::VALIDATOR));
    cluster.run_until_converged();
    assert_honest(&mut cluster);
}

fn snapshot_that_is_written_while_signatures_come_holds_all<S: Storage>() {
    let mut random = Random::new(&[9; 32]);
    let mut cluster = converged::<S>(1, 4);
    let mut waited = 0;
    for _ in 0..30 {
        cluster.hold_signatures(0, true);
        let (mut place, mut written) = (SnapshotPlace::START, Vec::new());
        let (before, mut frame) = (cluster.journal(0).len(), [0; MAX_FRAME]);
        let mut steps = 0;
        while let Some(len) = cluster.tracker(0).snapshot_next(&mut place, &mut frame) {
            written.extend_from_slice(&frame[..len]);
            waited += usize::from(len == 0);
            steps += 1;
            // Less and less happens, so that there is an end.
            if random.below(20) > steps {
                let of = 1 + usize::try_from(random.below(4)).expect("few");
                grant(&mut cluster, of, [Grant::STAKED, Grant::VALIDATOR][of % 2]);
                let (now, peer) = (cluster.now(), cluster.peer(of));
                cluster.tracker(0).revoke(now, &peer, Grant::STAKED).expect("an authority");
            }
            sign_at_random(&mut cluster, 0, &mut random);
        }
        let root = cluster.tracker(0).root();
        written.extend_from_slice(&cluster.journal(0)[before..]);
        cluster.hold_signatures(0, false);
        cluster.stop(0);
        cluster.set_journal(0, &written);
        cluster.restart(0);
        assert_eq!(cluster.recovered_root(0), root);
        cluster.run_until_converged();
    }
    assert!(waited > 30, "{waited}");
    assert_honest(&mut cluster);
}

fn request_that_finds_no_room_waits<S: Storage>() {
    let mut cluster = converged::<S>(1, 1);
    cluster.hold_signatures(0, true);
    let (now, peer) = (cluster.now(), cluster.peer(1));
    let tracker = cluster.tracker(0);
    tracker.grant(now, &peer, Grant::STAKED).expect("an authority");
    let mut out = [0; MAX_SIGNING];
    let mut room = 0;
    let request = loop {
        if let Some(request) = tracker.poll_signature(&mut out[..room]) {
            break request;
        }
        room += 1;
    };
    assert_eq!(request.len, room);
    assert!(room > 100);
}

/// A signer that does as it likes.
fn sign_at_random<S: Storage>(cluster: &mut Nodes<S>, node: usize, random: &mut Random) {
    let Some((version, bytes)) = cluster.to_sign(node) else { return };
    let now = cluster.now();
    match random.below(6) {
        0 => cluster.tracker(node).handle_signature_failed(version),
        1 => {
            let wrong = cluster.signature(node, b"something else");
            let taken = cluster.tracker(node).handle_signature(now, version, &wrong);
            assert!(taken.is_err());
        }
        2 => {}
        _ => {
            let right = cluster.signature(node, &bytes);
            let taken = cluster.tracker(node).handle_signature(now, version, &right);
            // It came already, or counts no more.
            assert!(matches!(taken, Ok(()) | Err(SignatureError::NotAwaited)), "{taken:?}");
        }
    }
    cluster.settle();
}

fn whatever_becomes_of_signatures_nothing_acknowledged_is_lost<S: Storage>() {
    let mut random = Random::new(&[5; 32]);
    let mut cluster = converged::<S>(2, 3);
    let mut acknowledged = 0;
    for round in 0..12 {
        (0..5).for_each(|node| cluster.hold_signatures(node, random.below(3) > 0));
        // What was decided last about each of the members, as far as that is acknowledged.
        let mut decided: Vec<(usize, bool, Receipt)> = Vec::new();
        for _ in 0..60 {
            let node = usize::try_from(random.below(5)).expect("few");
            let now = cluster.now();
            match random.below(5) {
                0 => {
                    let (of, staked) = (2 + node % 3, random.below(2) == 0);
                    let peer = cluster.peer(of);
                    let authority = cluster.tracker(0);
                    let receipt = if staked {
                        authority.grant(now, &peer, Grant::STAKED)
                    } else {
                        authority.revoke(now, &peer, Grant::STAKED)
                    };
                    // It may not be taken in that the node belongs to the network.
                    decided.extend(receipt.ok().map(|receipt| (of, staked, receipt)));
                }
                1 => drop(say(&mut cluster, node, ["a/1", "b/1"][node % 2])),
                2 => cluster.run(random.below(INTERVAL_MS)),
                _ => sign_at_random(&mut cluster, node, &mut random),
            }
            cluster.settle();
        }
        let durable = cluster.tracker(0).durable();
        let last: Vec<Option<(usize, bool, Receipt)>> =
            (2..5).map(|of| decided.iter().rfind(|(about, ..)| *about == of).copied()).collect();
        cluster.crash_and_restart(0);
        for (of, staked, receipt) in last.into_iter().flatten() {
            if receipt.0 <= durable {
                acknowledged += 1;
                assert_eq!(is_granted(&cluster, 0, of, Grant::STAKED), staked, "round {round}");
            }
        }
        (0..5).for_each(|node| cluster.hold_signatures(node, false));
        cluster.run(INTERVAL_MS);
        cluster.run_until_converged();
        assert_honest(&mut cluster);
    }
    assert!(acknowledged > 5, "{acknowledged}");
}
