//! All nodes are read in pages, whatever happens between two of them.

mod common;

use std::collections::BTreeMap;

use common::{Cluster, gossip, over_both_storages};
use rollbook_core::{
    Admission, Announcement, Hint, Intent, Keypair, PeerId, Random, Session, Signed, Signer,
    Standing, Version, storage::Storage,
};

over_both_storages! {
    pages_of_every_size_hold_all_nodes_once,
    page_goes_on_behind_a_node_that_is_gone,
    node_that_stays_is_seen_once_whatever_happens_to_others,
}

/// How many nodes are made up; as many wait at most.
const STRANGERS: u8 = 8;

fn stranger(number: u8) -> Keypair {
    Keypair::ed25519([100 + number; 32])
}

/// An authority that waits for its operator, and a member.
fn cluster<S: Storage>() -> Cluster<S> {
    let mut cluster = Cluster::with(1, 1, |config| config.admission = Admission::Manual);
    let (now, member) = (cluster.now(), cluster.peer(1));
    cluster.tracker(0).admit(now, &member).expect("an authority");
    cluster.run_until_converged();
    cluster
}

/// A stranger connects and says who it is, in the `seq`th statement that it makes.
fn comes<S: Storage>(cluster: &mut Cluster<S>, number: u8, seq: u32) {
    let (now, keys) = (cluster.now(), stranger(number));
    let said = Announcement {
        session: Session([1; 4]),
        home: Hint::NONE,
        intent: Intent::UP,
        issued_at: 1,
        addresses: heapless::Vec::new(),
        agent: "",
        capabilities: heapless::Vec::new(),
        extra: &[],
    };
    let (network, peer) = ("test".parse().expect("valid"), keys.peer_id());
    let version = Version { epoch: 1, seq };
    let signed = Signed::sign(&network, &keys, &peer, version, &said).expect("bounded");
    cluster.tracker(0).handle_connected(now, &peer);
    cluster.tracker(0).handle_gossip(now, &peer, &gossip(&[signed.to_vec()]));
    cluster.settle();
}

fn all<S: Storage>(cluster: &mut Cluster<S>) -> Vec<PeerId> {
    let now = cluster.now();
    cluster.tracker(0).nodes(now).map(|view| view.peer_id).collect()
}

fn page<S: Storage>(cluster: &mut Cluster<S>, after: Option<&PeerId>, size: usize) -> Vec<PeerId> {
    let now = cluster.now();
    let nodes = cluster.tracker(0).nodes_after(now, after);
    nodes.take(size).map(|view| view.peer_id).collect()
}

fn standing<S: Storage>(cluster: &Cluster<S>, number: u8) -> Option<Standing> {
    cluster.view_of(0, &stranger(number).peer_id()).map(|view| view.standing)
}

fn pages_of_every_size_hold_all_nodes_once<S: Storage>() {
    let mut cluster = cluster::<S>();
    (0..STRANGERS).for_each(|number| comes(&mut cluster, number, 1));
    for number in [2, 5] {
        let (now, peer) = (cluster.now(), stranger(number).peer_id());
        cluster.tracker(0).admit(now, &peer).expect("an authority");
    }
    let whole = all(&mut cluster);
    assert!(whole.is_sorted_by_key(PeerId::order_key), "those that wait are among the others");
    let waiting = (0..STRANGERS).filter(|number| {
        assert!(whole.contains(&stranger(*number).peer_id()));
        standing(&cluster, *number) == Some(Standing::PENDING)
    });
    assert_eq!((waiting.count(), whole.len()), (6, 10));
    for size in 1..=whole.len() + 1 {
        let mut read: Vec<PeerId> = Vec::new();
        loop {
            let page = page(&mut cluster, read.last(), size);
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        assert_eq!(read, whole, "pages of {size}");
    }
}

fn page_goes_on_behind_a_node_that_is_gone<S: Storage>() {
    let mut cluster = cluster::<S>();
    (0..STRANGERS).for_each(|number| comes(&mut cluster, number, 1));
    let whole = all(&mut cluster);
    // Those that wait are given up after a while; nobody was ever told of one more.
    cluster.run(11 * 60 * 1000);
    let left = all(&mut cluster);
    assert_eq!(left.len(), 2);
    let never_seen = stranger(77).peer_id();
    for after in whole.iter().chain([&never_seen]) {
        let behind: Vec<PeerId> =
            left.iter().filter(|peer| peer.order_key() > after.order_key()).copied().collect();
        assert_eq!(page(&mut cluster, Some(after), 99), behind);
    }
}

fn node_that_stays_is_seen_once_whatever_happens_to_others<S: Storage>() {
    let mut random = Random::new(&[7; 32]);
    let mut cluster = cluster::<S>();
    let mut seq = 0;
    for _ in 0..40 {
        let (mut seen, mut last) = (BTreeMap::new(), None);
        let mut there = all(&mut cluster);
        loop {
            let size = 1 + usize::try_from(random.below(3)).expect("small");
            let page = page(&mut cluster, last.as_ref(), size);
            for peer in &page {
                *seen.entry(*peer).or_insert(0) += 1;
            }
            let Some(peer) = page.last() else { break };
            last = Some(*peer);
            // Each comes, is let in, and is taken out again, also if it was the last that was seen.
            let number = u8::try_from(random.below(STRANGERS.into())).expect("few");
            let (now, peer) = (cluster.now(), stranger(number).peer_id());
            match standing(&cluster, number) {
                Some(Standing::PENDING) => {
                    cluster.tracker(0).admit(now, &peer).expect("an authority");
                }
                Some(standing) if standing.admits() => {
                    cluster.tracker(0).remove(now, &peer).expect("an authority");
                }
                Some(_) => {
                    cluster.tracker(0).admit(now, &peer).expect("an authority");
                }
                None => {
                    seq += 1;
                    comes(&mut cluster, number, seq);
                }
            }
            cluster.settle();
            let now_there = all(&mut cluster);
            there.retain(|peer| now_there.contains(peer));
        }
        for peer in there {
            assert_eq!(seen.get(&peer), Some(&1), "{peer} was there all the while");
        }
        assert!(seen.values().all(|times| *times == 1), "nobody is seen twice");
    }
}
