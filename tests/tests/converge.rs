//! Nodes that start find each other and hold one roll.

use std::fmt;
use std::time::{Duration, Instant};

use rollbook_tests::{Network, RunningNode, Setup, eventually, identity};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// What a node's JSON has, in this order.
const KEYS: [&str; 22] = [
    "peerId",
    "multiaddrs",
    "agent",
    "capabilities",
    "standing",
    "isStaked",
    "isValidator",
    "grants",
    "presence",
    "isActive",
    "home",
    "session",
    "firstJoined",
    "lastJoined",
    "lastLeft",
    "lastUpdated",
    "uptimeSeconds",
    "accumulatedUptimeSeconds",
    "ethAddress",
    "epoch",
    "seq",
    "tallies",
];
/// From the last start to the same roll on all, with the defaults.
const CONVERGED_WITHIN: Duration = Duration::from_secs(5);
/// The machine may be busy with something else once, or twice.
const ATTEMPTS: usize = 3;

/// The keys of a JSON object, in their order.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[test]
fn an_authority_and_four_members_hold_the_same_roll_within_five_seconds() {
    let mut times = Vec::new();
    for _ in 0..ATTEMPTS {
        let network = Network::start_with(4, Setup::slow());
        let start = Instant::now();
        network.converge();
        times.push(start.elapsed());
        every_node_shows_the_documented_keys(&network);
        if start.elapsed() < CONVERGED_WITHIN {
            return;
        }
    }
    panic!("an authority and four members took {times:?} to hold the same roll");
}

fn every_node_shows_the_documented_keys(network: &Network) {
    for node in network.all() {
        let text = node.cli(["nodes", "--json"]).success();
        let shown: Vec<Keys> = serde_json::from_str(&text).expect("an array of objects");
        assert_eq!(shown.len(), 5, "{text}");
        for Keys(keys) in shown {
            assert_eq!(keys, KEYS);
        }
        let text = node.cli(["node", network.authority.peer_id(), "--json"]).success();
        let Keys(keys) = serde_json::from_str(&text).expect("an object");
        assert_eq!(keys, KEYS);
    }
}

#[test]
fn the_roll_says_the_same_on_every_node() {
    let network = Network::start(3);
    Network::agree(&network.all().collect::<Vec<_>>());
    for subject in network.all() {
        let expected = network.authority.view(subject.peer_id()).expect("it is in the roll");
        for node in network.all() {
            let mut found = node.view(subject.peer_id()).expect("it is in the roll");
            // These two go on counting between two reads.
            for running in ["uptimeSeconds", "accumulatedUptimeSeconds"] {
                found[running] = expected[running].clone();
            }
            assert_eq!(found, expected, "on {}", node.peer_id());
        }
        assert_eq!(expected["standing"], "admitted");
        assert_eq!(expected["isActive"], true);
        assert_eq!(expected["home"], network.authority.peer_id());
        let full = format!(
            "{}/p2p/{}",
            expected["multiaddrs"][0].as_str().expect("an address"),
            subject.peer_id()
        );
        assert_eq!(subject.listen(), [full]);
    }
    let roles = network.all().map(|node| node.status()["role"].as_str().map(str::to_owned));
    let roles: Vec<String> = roles.map(|role| role.expect("a text")).collect();
    assert_eq!(roles, ["authority", "member", "member", "member"]);
}

#[test]
fn nodes_meet_over_quic_as_well_as_over_tcp() {
    let quic = "/ip4/127.0.0.1/udp/0/quic-v1".to_owned();
    let both = [quic.clone(), "/ip4/127.0.0.1/tcp/0".to_owned()];
    let authority = RunningNode::start(Setup::new().listening(&both));
    assert_eq!(authority.listen().len(), 2, "{:?}", authority.listen());
    let by_quic = authority.listen().iter().find(|address| address.contains("/quic-v1/"));
    let by_quic = Setup::new().with("authority", by_quic.expect("it listens on both"));
    let by_quic = RunningNode::start(by_quic.listening(&[quic]));
    let by_both = RunningNode::start(Setup::new().member_of(&authority));
    let network = Network { authority, members: vec![by_quic, by_both] };
    network.converge();
    let subject = network.members[0].peer_id();
    network.authority.cli(["grant", subject, "staked"]).success();
    network.all_see("a grant", subject, |view| view["isStaked"] == true);
}

#[test]
fn what_a_node_says_of_itself_is_seen_and_filtered_by() {
    let authority = RunningNode::start(Setup::new());
    let setup = Setup::new().member_of(&authority);
    let storing = setup
        .clone()
        .with("capability", "storage")
        .with("capability", "relay")
        .with("agent", "tester/7")
        .with("key-type", "secp256k1")
        .with("external-address", "/dns4/node.example/tcp/4001");
    let storing = RunningNode::start(storing);
    let plain = RunningNode::start(setup);
    for node in [&authority, &storing, &plain] {
        let view = node.await_presence(storing.peer_id(), "online");
        assert_eq!(view["agent"], "tester/7");
        assert_eq!(view["capabilities"], serde_json::json!(["storage", "relay"]));
        assert_eq!(view["multiaddrs"], serde_json::json!(["/dns4/node.example/tcp/4001"]));
        let address = view["ethAddress"].as_str().expect("of a secp256k1 key");
        assert!(address.starts_with("0x") && address.len() == 42, "{address}");
        node.await_presence(plain.peer_id(), "online");
        let text = node.cli(["nodes", "--json", "--capability", "storage"]).success();
        let found: Vec<serde_json::Value> = serde_json::from_str(&text).expect("an array");
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0]["peerId"], storing.peer_id());
    }
    let table = plain.cli(["nodes", "--online"]).success();
    assert_eq!(table.lines().count(), 4, "a head and three nodes: {table}");
    assert!(table.contains("storage,relay") && table.contains("tester/7"), "{table}");
}

#[test]
fn a_second_authority_of_the_list_is_one_too() {
    let (first_dir, second_dir) = (tempfile::tempdir(), tempfile::tempdir());
    let first_dir = first_dir.expect("a temporary folder");
    let second_dir = second_dir.expect("a temporary folder");
    let (first_id, id) = (identity(first_dir.path()), identity(second_dir.path()));
    // Both lists must name both: the second learns the first's port, the first needs none.
    let nowhere = "/ip4/127.0.0.1/tcp/1/p2p/";
    let first = Setup::new().with("authority", &format!("{nowhere}{first_id}"));
    let first = first.with("authority", &format!("{nowhere}{id}"));
    let first = RunningNode::start_in(first_dir.path(), first);
    let second = Setup::new().with("authority", &first.listen()[0]);
    let second = second.with("authority", &format!("{nowhere}{id}"));
    let second = RunningNode::start_in(second_dir.path(), second);
    for (node, other) in [(&first, &second), (&second, &first)] {
        let status = node.await_status("both authorities are in touch", |status| {
            let authorities = status["authorities"].as_array().expect("an array");
            authorities.iter().all(|authority| authority["inTouch"] == true)
        });
        assert_eq!(status["role"], "authority");
        assert_eq!(status["authorities"].as_array().expect("an array").len(), 2);
        node.await_presence(other.peer_id(), "online");
    }
    let granted = second.cli(["grant", first.peer_id(), "staked"]).success();
    assert!(granted.contains("staked"), "{granted}");
    first.await_view("the other's grant", first.peer_id(), |view| view["isStaked"] == true);
    eventually("equal rolls", || match first.root() == second.root() {
        true => Ok(()),
        false => Err(format!("{} {}", first.status(), second.status())),
    });
}
