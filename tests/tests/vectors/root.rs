//! The root of a roll, and the hash of a set of authorities: what two replicas compare first.

use rollbook_core::{
    Authorities, Heap, Keypair, PeerId, PresenceState, Roll, Root, Signed, Signer,
};
use serde::{Deserialize, Serialize};

use crate::{
    golden::{Hex, golden},
    keys::{KeyVector, Who, keys, network},
    layout::Layout,
    merge::{about_node, says},
    statement_cases::{announcement, bare_announcement, decision, presence, version},
    statements::{Fields, StatementVector},
};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    about: String,
    keys: Vec<KeyVector>,
    rolls: Vec<RollVector>,
    authority_sets: Vec<SetVector>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RollVector {
    name: String,
    /// All statements, in any order.
    statements: Vec<Hex>,
    /// The peer ids in the roll's order.
    nodes: Vec<String>,
    root: Hex,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SetVector {
    authorities: Vec<String>,
    hash: Hex,
}

fn roll_of<'a>(statements: impl IntoIterator<Item = &'a Hex>) -> Roll<Heap> {
    let mut roll = Roll::new();
    roll.set_capacity(100);
    for statement in statements {
        let signed = Signed::parse(&statement.0).expect("well formed");
        roll.put(&signed).expect("it has room");
    }
    roll
}

fn case(name: &str, statements: &[Hex]) -> RollVector {
    let roll = roll_of(statements);
    let nodes = roll.iter().map(|node| node.subject().to_string()).collect();
    let root: Root = roll.root();
    let statements = statements.to_vec();
    RollVector { name: name.to_owned(), statements, nodes, root: Hex::of(&root) }
}

/// The bare announcement of the ed25519 key of that seed.
fn bare(seed: u8) -> Hex {
    let keys = Keypair::ed25519([seed; 32]);
    let who = keys.peer_id();
    let payload = Layout::prefix(3, who.as_bytes(), &who.hint().0, version(1))
        .announcement(&bare_announcement());
    let envelope = rollbook_core::statement::envelope(&network(), &who, &payload.0);
    Hex(Layout::statement(&payload.0, &keys.sign(&envelope)))
}

/// The first two seeds whose nodes come into one bucket.
fn neighbours() -> (u8, u8) {
    let bucket = |seed: u8| Keypair::ed25519([seed; 32]).peer_id().order_key() >> 56;
    let buckets: Vec<u64> = (0..=255).map(bucket).collect();
    (10..=255)
        .find_map(|seed| {
            let same = |other: &u8| buckets[usize::from(*other)] == buckets[usize::from(seed)];
            (10..seed).find(same).map(|other| (other, seed))
        })
        .expect("256 nodes do not all have buckets of their own")
}

fn rolls() -> Vec<RollVector> {
    let first = Who::FirstAuthority;
    let said = says(101, announcement(first));
    let node = [
        about_node(first, version(417), Fields::Decision(decision(&[(0, 0x80, 1), (1, 1, 2)]))),
        about_node(first, version(418), Fields::Presence(presence(PresenceState::ONLINE))),
        about_node(
            Who::SecondAuthority,
            version(3),
            Fields::Presence(presence(PresenceState::MOVED)),
        ),
        said.clone(),
    ];
    let signed = Signed::parse(&said.0).expect("well formed");
    let resigned = Hex(Layout::statement(&signed.payload().to_bytes(), &[9; 64]));
    let hashed: PeerId = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().expect("valid");
    let about_hashed = Fields::Decision(decision(&[(0, 0x80, 1)]));
    let about_hashed =
        StatementVector::new("", first, &hashed, version(420), about_hashed, &[]).wire;
    let (one, other) = neighbours();
    let neighbours = [bare(one), bare(other)];
    let several = [&node[..], &[about_hashed], &neighbours].concat();
    vec![
        case("empty", &[]),
        case("one node, one statement", &[said]),
        case("one node, one statement with another signature", &[resigned]),
        case("one node, four statements", &node),
        case("two nodes in one bucket", &neighbours),
        case("four nodes", &several),
    ]
}

fn sets() -> Vec<SetVector> {
    let (first, second) = (Who::FirstAuthority, Who::SecondAuthority);
    let sets = [vec![first], vec![first, second], vec![second, first]];
    let sets = sets.into_iter().map(|set| {
        let authorities: Vec<PeerId> = set.into_iter().map(Who::peer_id).collect();
        let hash = Authorities::new(&authorities).expect("distinct").set_hash();
        SetVector {
            authorities: authorities.iter().map(ToString::to_string).collect(),
            hash: Hex::of(&hash),
        }
    });
    sets.collect()
}

#[test]
fn roots_are_as_in_the_file() {
    let computed = File {
        about: "Rolls with their order and their root; then sets of authorities with their hash."
            .to_owned(),
        keys: keys(),
        rolls: rolls(),
        authority_sets: sets(),
    };
    let file = golden("root.json", &computed);
    for vector in &file.rolls {
        assert_eq!(case(&vector.name, &vector.statements), *vector);
        // The order in which statements come in does not matter.
        let mut backwards = roll_of(vector.statements.iter().rev());
        assert_eq!(backwards.root()[..], vector.root.0, "{}", vector.name);
        backwards.refresh_root();
        assert_eq!(backwards.root()[..], vector.root.0, "{}", vector.name);
    }
    let root_of = |place: usize| &file.rolls[place].root;
    assert_eq!(root_of(1), root_of(2), "signatures are no part of the root");
    let [_, one, other] = &file.authority_sets[..] else { panic!("three sets") };
    assert_eq!(one.hash, other.hash, "the order of authorities is no part of their hash");
}
