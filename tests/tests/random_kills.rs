//! Kills, leaves and decisions in an order that nobody chose: after each round all hold one roll,
//! with every decision that was acknowledged.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};

use rollbook_tests::{Network, RunningNode};
use serde_json::Value;

const MEMBERS: usize = 6;
const ROUNDS: usize = 8;
const STEPS_MAX: u64 = 6;

/// Numbers from a seed (SplitMix64).
struct Random(u64);

impl Random {
    /// From `ROLLBOOK_TEST_SEED`, to repeat a run, or else from the system.
    fn new() -> Random {
        let given = std::env::var("ROLLBOOK_TEST_SEED").ok();
        let given = given.map(|text| text.parse().expect("the seed is a number"));
        Random(given.unwrap_or_else(|| RandomState::new().hash_one("seed")))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).expect("it is below a count")
    }
}

/// What happened, for whoever has to understand a failure.
#[derive(Default)]
struct Story(Vec<String>);

impl Drop for Story {
    #[allow(clippy::print_stdout, reason = "the test's output is shown if it fails")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.0.join("\n"));
        }
    }
}

#[test]
fn whatever_is_killed_in_whatever_order_all_come_to_hold_one_roll() {
    let mut random = Random::new();
    let mut story = Story(vec![format!("ROLLBOOK_TEST_SEED={}", random.0)]);
    let mut network = Network::start(MEMBERS);
    let mut decided: BTreeMap<String, bool> = BTreeMap::new();
    let joined: BTreeMap<String, Value> = network
        .all()
        .map(|node| {
            let view = node.view(node.peer_id()).expect("itself");
            (node.peer_id().to_owned(), view["firstJoined"].clone())
        })
        .collect();
    for round in 0..ROUNDS {
        let (mut authority_runs, mut stopped) = (true, Vec::new());
        for _ in 0..=random.below(STEPS_MAX) {
            let member = random.index(MEMBERS);
            let id = network.members[member].peer_id().to_owned();
            match random.below(8) {
                0 if authority_runs => {
                    story.0.push(format!("{round}: the authority is killed"));
                    network.authority.kill9();
                    authority_runs = false;
                }
                1..=3 if !stopped.contains(&member) => {
                    story.0.push(format!("{round}: {id} is killed"));
                    network.members[member].kill9();
                    stopped.push(member);
                }
                4 if !stopped.contains(&member) => {
                    story.0.push(format!("{round}: {id} leaves"));
                    assert!(network.members[member].terminate().success());
                    stopped.push(member);
                }
                _ if authority_runs => {
                    let granted = random.below(2) == 0;
                    let action = if granted { "grant" } else { "revoke" };
                    story.0.push(format!("{round}: {action} {id}"));
                    network.authority.cli([action, &id, "staked"]).success();
                    decided.insert(id, granted);
                }
                _ => {}
            }
        }
        if !authority_runs {
            network.authority.spawn_child();
        }
        stopped.iter().for_each(|member| network.members[*member].spawn_child());
        if !authority_runs {
            network.authority.await_ready();
        }
        stopped.iter().for_each(|member| network.members[*member].await_ready());
        story.0.push(format!("{round}: all run"));
        network.converge();
        network.all().for_each(|node| holds(node, &decided, &joined));
    }
}

#[track_caller]
fn holds(node: &RunningNode, decided: &BTreeMap<String, bool>, joined: &BTreeMap<String, Value>) {
    for (peer, first_joined) in joined {
        let view = node.view(peer).expect("it is in the roll");
        assert_eq!(view["firstJoined"], *first_joined, "on {}: {view}", node.peer_id());
        let granted = decided.get(peer).copied().unwrap_or(false);
        assert_eq!(view["isStaked"], granted, "on {}: {view}", node.peer_id());
    }
}
