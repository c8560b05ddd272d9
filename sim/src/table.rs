//! How fast, and at what price, a cluster comes to one roll: nodes and loss against rounds, bytes
//! and redundancy, as the page `docs/convergence.md`.
//!
//! A loss of efficiency passes every other test.

use std::fmt::Write as _;

use rollbook_core::Counters;

use crate::{
    check,
    plan::Plan,
    report::add_counters,
    world::{Violation, World},
};

const NODES: [usize; 3] = [8, 32, 128];
/// In permille, of messages and so twice that of exchanges.
const LOSS: [u64; 3] = [0, 50, 200];
/// Parts of an interval that rounds are told in.
const PARTS: u64 = 10;
/// For how many intervals the halves do not hear each other.
const APART: u64 = 12;
/// How many intervals lie between the cold start and the partition.
const SETTLING: u64 = 6;
const ROUNDS_MAX: u64 = 60;

/// What it took to come to one roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    /// Tenths of an interval.
    tenths: u64,
    bytes_per_node: u64,
    /// Statements received, in hundredths of those that were new.
    redundancy: u64,
}

/// The whole page.
pub fn page() -> Result<String, Violation> {
    let mut page = String::from(HEAD);
    for nodes in NODES {
        for loss in LOSS {
            let (cold, healed) = measure(nodes, loss)?;
            let mut row = format!("| {nodes} | {} % ", loss / 10);
            for cost in [cold, healed] {
                let Cost { tenths, bytes_per_node, redundancy } = cost;
                let rounds = format!("{}.{}", tenths / PARTS, tenths % PARTS);
                let redundancy = format!("{}.{:02}", redundancy / 100, redundancy % 100);
                write!(row, "| {rounds} | {bytes_per_node} | {redundancy} ")
                    .expect("memory takes all");
            }
            page.push_str(&row);
            page.push_str("|\n");
        }
    }
    Ok(page)
}

const HEAD: &str = "\
# Convergence

How many sync intervals it takes until all replicas hold the same roll and everybody is in it, what
each node sends for that, and how many statements arrive for each one that is new. Simulated with
three authorities among the nodes and seed 1; a test compares this page with what the code does, and
`ROLLBOOK_WRITE_SNAPSHOTS=1 cargo test -p rollbook-sim --test convergence` writes it anew. How
the simulation works is said in [simulation.md](simulation.md).

* **cold start**: all nodes start within half an interval, nobody knows anybody
* **healed**: two halves have not heard each other for 12 intervals, and a fifth of the nodes said
  something new in each; counted from the moment they do
* **loss**: of single messages. An exchange is two, and gossip is not repeated here as a real mesh
  would repeat it

| nodes | loss | cold start: intervals | bytes per node | redundancy | healed: intervals | bytes per node | redundancy |
|---|---|---|---|---|---|---|---|
";

fn measure(nodes: usize, loss: u64) -> Result<(Cost, Cost), Violation> {
    let mut world = World::new(&Plan::calm(1, nodes, loss));
    let cold = cost_of_agreement(&mut world)?;
    // Everybody is online before it begins, and where messages are lost soon again is not.
    world.run_until(world.ms + SETTLING * world.plan.interval_ms)?;
    let side: Vec<bool> = (0..nodes).map(|node| node % 2 == 0).collect();
    let other: Vec<bool> = side.iter().map(|is_in| !is_in).collect();
    let apart_until_ms = world.ms + APART * world.plan.interval_ms;
    world.network.cut(world.ms, side.clone(), other.clone(), apart_until_ms);
    world.network.cut(world.ms, other, side, apart_until_ms);
    world.disturbed_ms = apart_until_ms;
    world.run_until(world.ms + world.plan.interval_ms)?;
    for node in (0..nodes).step_by(5) {
        crate::workload::say(&mut world, node, format!("sim/{node}"));
    }
    world.run_until(apart_until_ms)?;
    Ok((cold, cost_of_agreement(&mut world)?))
}

/// Runs until all hold the same roll with everybody in it.
fn cost_of_agreement(world: &mut World) -> Result<Cost, Violation> {
    let (start, sent, counted) = (world.ms, world.sent(), world.counted());
    for tenths in 1..=ROUNDS_MAX * PARTS {
        world.run_until(start + tenths * world.plan.interval_ms / PARTS)?;
        if check::agree(world) {
            let now = world.counted();
            let new = now.statements_taken - counted.statements_taken;
            let old = (now.statements_known - counted.statements_known)
                + (now.statements_older - counted.statements_older);
            return Ok(Cost {
                tenths,
                bytes_per_node: (world.sent() - sent) / world.nodes.len() as u64,
                redundancy: 100 * (new + old) / new.max(1),
            });
        }
    }
    let what = format!("{} nodes do not agree after {ROUNDS_MAX} intervals", world.nodes.len());
    Err(Violation { ms: world.ms, what })
}

impl World {
    fn sent(&self) -> u64 {
        self.traffic.gossip.1 + self.traffic.requests.1 + self.traffic.responses.1
    }

    /// What all trackers have counted so far.
    pub(crate) fn counted(&self) -> Counters {
        let mut counters = self.ended;
        for tracker in self.nodes.iter().filter_map(|node| node.tracker.as_ref()) {
            add_counters(&mut counters, tracker.counters());
        }
        counters
    }
}
