//! What is known or older costs no memory.
#![cfg(feature = "alloc")]

mod counting;

use counting::{Counting, allocations, authority, now, peer, statements, with_nodes};
use rollbook_core::{NodeData, Offer, Signed, Signer, Verdict, message};

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often `what` allocates.
fn allocations_of(what: impl FnOnce()) -> u64 {
    let before = allocations();
    what();
    allocations() - before
}

#[test]
fn known_and_older_gossip_allocates_nothing() {
    let mut tracker = with_nodes(500);
    let from = authority(1).peer_id();
    tracker.handle_connected(now(), &from);
    let messages: Vec<Vec<u8>> = (0..500)
        .map(|number| {
            let (known, older) = (statements(number, 2).concat(), statements(number, 1).concat());
            [&[message::FORMAT][..], &known, &older].concat()
        })
        .collect();
    let count = allocations_of(|| {
        for message in &messages {
            assert_eq!(tracker.handle_gossip(now(), &from, message), Verdict::Ignore);
        }
    });
    assert_eq!(count, 0);
    let counters = tracker.counters();
    assert_eq!((counters.statements_known, counters.statements_older), (2_000, 2_000));
}

#[test]
fn putting_and_merging_what_is_known_or_older_allocates_nothing() {
    let mut known = NodeData::<Vec<u8>>::new(peer(7));
    let mut older = NodeData::<Vec<u8>>::new(peer(7));
    let count = allocations_of(|| {
        for (node, seq) in [(&mut known, 2), (&mut older, 1)] {
            for bytes in statements(7, seq) {
                let statement = Signed::parse(&bytes).expect("made here");
                assert_eq!(node.put(&statement, 1), Ok(Offer::New));
            }
        }
    });
    assert!(count > 0, "what is new is stored");
    let bytes = [statements(7, 2), statements(7, 1)].concat();
    let count = allocations_of(|| {
        for bytes in &bytes {
            let statement = Signed::parse(bytes).expect("made here");
            let offer = known.put(&statement, 2).expect("nothing is stored");
            assert!(matches!(offer, Offer::Same | Offer::Older));
        }
        let itself = known.merge(&older).expect("nothing is stored");
        assert!(!itself, "the older one adds nothing");
    });
    assert_eq!(count, 0);
}
