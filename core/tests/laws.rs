//! The laws of merging, exhaustively on a small domain and by chance on a larger one.

#![cfg(feature = "alloc")]

use proptest::prelude::*;
use rollbook_core::{
    Announcement, Decision, Heap, Keypair, NodeData, Offer, PeerId, Presence, Roll, Session,
    Signed, Signer, Version,
    statement::{Any, Fields, Intent, Register, RegisterId, StatementBytes},
};

type Node = NodeData<heapless::Vec<u8, 2048>>;

fn keys(seed: u8) -> Keypair {
    Keypair::ed25519([seed; 32])
}

fn sign<'a, T: Fields<'a>>(writer: u8, version: Version, fields: &T) -> StatementBytes {
    let network = "test".parse().expect("valid");
    let subject = keys(1).peer_id();
    Signed::sign(&network, &keys(writer), &subject, version, fields).expect("bounded")
}

fn announcement(version: Version, variant: u8) -> StatementBytes {
    let fields = Announcement {
        session: Session([variant; 4]),
        home: keys(2).peer_id().hint(),
        intent: Intent::UP,
        issued_at: 0,
        addresses: heapless::Vec::new(),
        agent: "",
        capabilities: heapless::Vec::new(),
        extra: &[],
    };
    sign(1, version, &fields)
}

fn decision(writer: u8, version: Version, value: u8) -> StatementBytes {
    let mut fields = Decision::default();
    assert!(fields.set(Register { id: RegisterId(1), value, stamp: 1 }));
    sign(writer, version, &fields)
}

fn presence(writer: u8, version: Version, variant: u8) -> StatementBytes {
    sign(writer, version, &Presence { session: Session([variant; 4]), ..Presence::default() })
}

/// Every statement of the domain: of each writer's slots, two versions with two payloads each, so
/// that older, newer, same and contradicting all occur.
fn slots() -> Vec<Vec<StatementBytes>> {
    let versions = [(1, 0), (1, 1), (2, 0), (2, 1)];
    let at = |(seq, variant): (u32, u8)| (Version { epoch: 1, seq }, variant);
    vec![
        versions.map(at).map(|(version, variant)| announcement(version, variant)).into(),
        versions.map(at).map(|(version, variant)| decision(2, version, variant)).into(),
        versions.map(at).map(|(version, variant)| presence(3, version, variant)).into(),
    ]
}

fn parse(bytes: &StatementBytes) -> Signed<'_, Any> {
    Signed::parse(bytes).expect("just signed")
}

fn node(statements: &[&StatementBytes]) -> Node {
    let mut node = Node::new(keys(1).peer_id());
    for statement in statements {
        node.put(&parse(statement), 0).expect("room");
    }
    node
}

/// Every node of the domain: each slot empty or holding one of its statements.
fn domain() -> Vec<Node> {
    let slots = slots();
    let mut nodes = vec![Vec::new()];
    for slot in &slots {
        nodes = nodes
            .into_iter()
            .flat_map(|chosen: Vec<&StatementBytes>| {
                let with = slot.iter().map({
                    let chosen = chosen.clone();
                    move |statement| [&chosen[..], &[statement]].concat()
                });
                with.chain([chosen.clone()]).collect::<Vec<_>>()
            })
            .collect();
    }
    nodes.iter().map(|chosen| node(chosen)).collect()
}

fn merged(a: &Node, b: &Node) -> Node {
    let mut result = a.clone();
    result.merge(b).expect("room");
    result
}

#[test]
fn merge_is_commutative_idempotent_and_monotone_on_the_whole_domain() {
    let domain = domain();
    assert_eq!(domain.len(), 125);
    for a in &domain {
        assert!(merged(a, a) == *a, "idempotent");
        for b in &domain {
            let ab = merged(a, b);
            assert!(ab == merged(b, a), "commutative");
            for held in a.statements().chain(b.statements()) {
                let offer = ab.offer(&held.statement);
                assert!(!offer.advances(), "monotone: {offer:?}");
            }
        }
    }
}

#[test]
fn merge_is_associative_on_the_whole_domain() {
    let domain = domain();
    // One slot decides nothing in another, so nodes that differ in one slot cover the triples.
    for slot in slots() {
        let nodes: Vec<Node> =
            slot.iter().map(|statement| node(&[statement])).chain([node(&[])]).collect();
        for a in &nodes {
            for b in &nodes {
                for c in &nodes {
                    assert!(merged(&merged(a, b), c) == merged(a, &merged(b, c)));
                }
            }
        }
    }
    for window in domain.windows(3) {
        let [a, b, c] = window else { unreachable!("windows of three") };
        assert!(merged(&merged(a, b), c) == merged(a, &merged(b, c)));
    }
}

#[test]
fn offer_says_what_put_does() {
    for slot in slots() {
        for held in &slot {
            for offered in &slot {
                let mut node = node(&[held]);
                let before = node.clone();
                let offer = node.offer(&parse(offered));
                assert_eq!(node.put(&parse(offered), 0), Ok(offer));
                assert_eq!(node == before, !offer.advances());
                let contradicts =
                    held != offered && parse(held).version() == parse(offered).version();
                assert_eq!(matches!(offer, Offer::Equivocation { .. }), contradicts);
            }
        }
    }
}

#[test]
fn normalise_commutes_with_merge() {
    for a in domain() {
        for statement in slots().iter().flatten() {
            let b = node(&[statement]);
            let mut merged_first = merged(&a, &b);
            merged_first.normalise(false);
            let mut normalised_first = a.clone();
            normalised_first.normalise(false);
            normalised_first.merge(&b).expect("room");
            normalised_first.normalise(false);
            assert!(merged_first == normalised_first);
        }
    }
}

#[test]
fn signatures_decide_nothing() {
    let statement = announcement(Version { epoch: 1, seq: 1 }, 0);
    let mut resigned = statement.clone();
    *resigned.last_mut().expect("not empty") ^= 1;
    assert_eq!(node(&[&statement]).offer(&parse(&resigned)), Offer::Same);
    assert!(node(&[&statement]) == node(&[&resigned]));
}

proptest! {
    #[test]
    fn any_order_and_repetition_of_statements_ends_alike(
        picks in proptest::collection::vec((0usize..3, 0usize..4), 0..20),
        shuffle in any::<u64>(),
    ) {
        let slots = slots();
        let statements: Vec<&StatementBytes> =
            picks.iter().map(|(slot, choice)| &slots[*slot][*choice]).collect();
        let mut shuffled = statements.clone();
        let mut state = shuffle;
        for end in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            shuffled.swap(end, (state >> 33) as usize % (end + 1));
        }
        let twice: Vec<&StatementBytes> =
            shuffled.iter().chain(&statements).copied().collect();
        prop_assert!(node(&statements) == node(&shuffled));
        prop_assert!(node(&statements) == node(&twice));
    }
}

/// Nodes that the roll of the test below may hold.
const SUBJECTS: u8 = 24;
const VERSIONS: u32 = 3;

/// What may be put in: of each subject an announcement and two writers' presences, in a few
/// versions, by their places.
struct Domain {
    peers: Vec<PeerId>,
    statements: Vec<StatementBytes>,
}

impl Domain {
    fn new() -> Domain {
        let network = "test".parse().expect("valid");
        let peers: Vec<PeerId> = (0..SUBJECTS).map(|seed| keys(100 + seed).peer_id()).collect();
        let mut statements = Vec::new();
        for (seed, peer) in (100..).zip(&peers) {
            for seq in 1..=VERSIONS {
                let version = Version { epoch: 1, seq };
                let said = Announcement {
                    session: Session([1; 4]),
                    home: keys(2).peer_id().hint(),
                    intent: Intent::UP,
                    issued_at: 0,
                    addresses: heapless::Vec::new(),
                    // So that a newer one may be shorter.
                    agent: &"agent"[..(seq as usize * 3) % 5],
                    capabilities: heapless::Vec::new(),
                    extra: &[],
                };
                let own = Signed::sign(&network, &keys(seed), peer, version, &said);
                statements.push(own.expect("bounded"));
                for writer in [2, 3] {
                    let seen = Presence::default();
                    let seen = Signed::sign(&network, &keys(writer), peer, version, &seen);
                    statements.push(seen.expect("bounded"));
                }
            }
        }
        Domain { peers, statements }
    }
}

fn roll(capacity: usize) -> Roll<Heap> {
    let mut roll = Roll::new();
    roll.set_capacity(capacity);
    roll
}

/// Checks `roll` against one that is made anew of what `expected` says.
fn check(roll: &Roll<Heap>, expected: &[NodeData<Vec<u8>>], domain: &Domain) {
    let mut fresh = self::roll(usize::MAX);
    for node in expected {
        for held in node.statements() {
            fresh.put(&held.statement).expect("room");
        }
        // What is left of a node when all is dropped is a node still.
        assert!(roll.get(node.subject()).is_some_and(|held| held == node));
    }
    let count = expected.len();
    assert_eq!(roll.count(), count);
    let mut listed: Vec<PeerId> = roll.iter().map(|node| *node.subject()).collect();
    assert_eq!(listed.len(), count);
    assert!(listed.is_sorted_by_key(|peer| (peer.order_key(), *peer)));
    listed.dedup();
    assert_eq!(listed.len(), count);
    for peer in &domain.peers {
        let is_held = expected.iter().any(|node| node.subject() == peer);
        assert_eq!(roll.get(peer).is_some(), is_held);
    }
    if expected.iter().all(|node| !node.is_empty()) {
        assert_eq!(roll.size(), fresh.size());
        assert_eq!(roll.root(), fresh.root());
    }
}

proptest! {
    #[test]
    fn roll_is_as_one_made_anew_after_any_changes_and_removals(
        steps in proptest::collection::vec((0u8..8, any::<proptest::sample::Index>()), 0..80),
        capacity in 1usize..30,
    ) {
        let domain = Domain::new();
        let mut roll = roll(capacity);
        let mut expected: Vec<NodeData<Vec<u8>>> = Vec::new();
        for (what, which) in steps {
            let peer = which.get(&domain.peers);
            match what {
                0 => {
                    roll.remove(peer);
                    expected.retain(|node| node.subject() != peer);
                }
                1 => {
                    roll.normalise(peer, false);
                    for node in expected.iter_mut().filter(|node| node.subject() == peer) {
                        node.normalise(false);
                    }
                }
                2 => roll.refresh_root(),
                _ => {
                    let statement = parse(which.get(&domain.statements));
                    let subject = statement.subject().expect("it has one");
                    let known = expected.iter_mut().find(|node| *node.subject() == subject);
                    let may = known.is_some() || roll.count() < capacity;
                    let head = roll.head();
                    prop_assert_eq!(roll.put(&statement).is_ok(), may);
                    match known {
                        Some(node) => {
                            let offer = node.put(&statement, 0).expect("room");
                            prop_assert_eq!(roll.head() - head, u64::from(offer.advances()));
                        }
                        None if may => {
                            let mut node = NodeData::new(subject);
                            node.put(&statement, 0).expect("room");
                            expected.push(node);
                        }
                        None => {}
                    }
                }
            }
            check(&roll, &expected, &domain);
        }
    }
}
