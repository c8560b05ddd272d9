//! Two sets of statements about one node, and what they are together.

use rollbook_core::{
    Authorities, NodeData, PeerId, PresenceState, Signed, Standing, storage::Buffer,
};
use serde::{Deserialize, Serialize};

use crate::{
    golden::{Hex, golden},
    keys::{KeyVector, Who, keys},
    layout::Layout,
    statement_cases::{AT, announced, announcement, decision, presence, version},
    statements::{AnnouncementVector, Fields, StatementVector, VersionVector},
};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    about: String,
    keys: Vec<KeyVector>,
    authorities: Vec<String>,
    pairs: Vec<PairVector>,
}

/// Statements are as on the wire, in the order of their slots: kind, then writer.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PairVector {
    name: String,
    subject: String,
    a: Vec<Hex>,
    b: Vec<Hex>,
    /// `b` merged into `a`.
    merged: Vec<Hex>,
    /// Whether that changed `a`.
    changed: bool,
    /// What is left of `merged` when what the fold has no use for is dropped.
    normalised: Vec<Hex>,
}

type Node = NodeData<Vec<u8>>;

fn authorities() -> Authorities {
    let authorities = [Who::FirstAuthority, Who::SecondAuthority].map(Who::peer_id);
    Authorities::new(&authorities).expect("two authorities")
}

/// What these statements are together.
pub(crate) fn node(subject: PeerId, statements: &[Hex]) -> Node {
    let mut node = Node::new(subject);
    for (statement, changed) in statements.iter().zip(1..) {
        let signed = Signed::parse(&statement.0).expect("well formed");
        node.put(&signed, changed).expect("memory takes all");
    }
    node
}

fn wires(node: &NodeData<impl Buffer>) -> Vec<Hex> {
    node.statements().map(|held| Hex::of(&held.statement.wire())).collect()
}

fn pair(name: &str, a: &[Hex], b: &[Hex]) -> PairVector {
    let subject = Who::Node.peer_id();
    let (a, b) = (node(subject, a), node(subject, b));
    let mut merged = a.clone();
    let changed = merged.merge(&b).expect("memory takes all");
    let mut normalised = merged.clone();
    normalised.normalise(merged.standing(&authorities()).admits());
    PairVector {
        name: name.to_owned(),
        subject: subject.to_string(),
        a: wires(&a),
        b: wires(&b),
        merged: wires(&merged),
        changed,
        normalised: wires(&normalised),
    }
}

pub(crate) fn says(seq: u32, said: AnnouncementVector) -> Hex {
    announced("", Who::Node, version(seq), said).wire
}

/// A statement of an authority about the node.
pub(crate) fn about_node(who: Who, version: VersionVector, fields: Fields) -> Hex {
    StatementVector::new("", who, &Who::Node.peer_id(), version, fields, &[]).wire
}

fn decides(who: Who, seq: u32, standing: Standing, stamp: u32) -> Hex {
    about_node(who, version(seq), Fields::Decision(decision(&[(0, standing.0, stamp)])))
}

fn sees(who: Who, version: VersionVector, state: PresenceState) -> Hex {
    about_node(who, version, Fields::Presence(presence(state)))
}

fn pairs() -> Vec<PairVector> {
    let (first, second) = (Who::FirstAuthority, Who::SecondAuthority);
    let typical = announcement(first);
    let moved = AnnouncementVector { issued_at: AT + 1, ..announcement(second) };
    let old = says(101, typical.clone());
    let new = says(102, moved.clone());
    let contradiction = says(101, moved);
    let online = sees(first, version(417), PresenceState::ONLINE);
    let left = sees(first, version(418), PresenceState::LEFT);
    let later_boot = VersionVector { epoch: version(0).epoch + 1, seq: 1 };
    let again = sees(first, later_boot, PresenceState::ONLINE);
    let seconds = sees(second, version(5), PresenceState::MOVED);
    let admits = decides(first, 419, Standing::ADMITTED, 1);
    let bans = decides(second, 6, Standing::BANNED, 2);
    // The same payload with another signature, as randomised signing gives. Nothing is verified
    // in a merge.
    let signed = Signed::parse(&old.0).expect("well formed");
    let resigned = Hex(Layout::statement(&signed.payload().to_bytes(), &[9; 64]));
    let pair_of = |name: &str, a: &[&Hex], b: &[&Hex]| {
        let owned = |side: &[&Hex]| side.iter().map(|hex| (*hex).clone()).collect::<Vec<Hex>>();
        pair(name, &owned(a), &owned(b))
    };
    vec![
        pair_of("nothing and something", &[], &[&old, &online]),
        pair_of("something and nothing", &[&old, &online], &[]),
        pair_of("the same twice", &[&old, &online], &[&old, &online]),
        pair_of("different slots", &[&old], &[&admits, &online, &seconds]),
        pair_of("the newer announcement stands", &[&old, &left], &[&new, &online]),
        pair_of("the older one changes nothing", &[&new, &left], &[&old, &online]),
        pair_of("the epoch outranks the sequence number", &[&left], &[&again]),
        pair_of("each authority has slots of its own", &[&admits, &online], &[&bans, &seconds]),
        pair_of("a contradiction: the greater payload stands", &[&old], &[&contradiction]),
        pair_of("a contradiction, the other way round", &[&contradiction], &[&old]),
        pair_of("signatures are not compared", &[&old, &admits], &[&resigned]),
        pair_of("a banned node has no announcement", &[&old, &admits], &[&new, &bans]),
    ]
}

#[test]
fn pairs_merge_as_in_the_file() {
    let computed = File {
        about: "Pairs of statements about one node, and the two merged. Statements are as on the \
                wire, in the order of their slots."
            .to_owned(),
        keys: keys(),
        authorities: authorities().iter().map(|(_, peer_id)| peer_id.to_string()).collect(),
        pairs: pairs(),
    };
    let file = golden("merge.json", &computed);
    for vector in &file.pairs {
        assert_eq!(pair(&vector.name, &vector.a, &vector.b), *vector);
        // In any order: the same payloads.
        let subject = vector.subject.parse().expect("valid");
        let merged = node(subject, &vector.merged);
        let mut other_way_round = node(subject, &vector.b);
        other_way_round.merge(&node(subject, &vector.a)).expect("memory takes all");
        assert_eq!(merged, other_way_round, "{}", vector.name);
        let mut once_more = merged.clone();
        assert_eq!(once_more.merge(&node(subject, &vector.b)), Ok(false), "{}", vector.name);
    }
}
