//! What a cluster sends in which nothing changes, as the page `docs/quiet.md`: no gossip, and the
//! exchanges that renew leases and compare rolls.

use std::fmt::Write as _;

use crate::{
    check,
    plan::Plan,
    world::{Traffic, Violation, World},
};

/// Members and the two authorities.
const NODES: [usize; 3] = [8, 22, 64];
const AUTHORITIES: usize = 2;
/// Intervals until all hold one roll, at most.
const ROUNDS_MAX: u64 = 60;
/// Intervals that pass before it is counted: everybody hears everybody's root.
const SETTLING: u64 = 12;
const HOUR_MS: u64 = 60 * 60 * 1_000;

/// What was sent while nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// All nodes.
    pub nodes: u64,
    /// For how long, in virtual hours.
    pub hours: u64,
    /// Gossip messages that nodes made until all had come to one roll.
    pub published_before: u64,
    /// Gossip messages that nodes made after that.
    pub published: u64,
    /// Gossip messages that were sent over a link.
    pub gossip: u64,
    /// Exchanges in which a lease was renewed.
    pub renewals: u64,
    /// Nodes that renew a lease with another.
    pub leases: u64,
    /// Bytes of a renewal, both ways, for each lease and second, in hundredths.
    pub renewal_centibytes: u64,
    /// Bytes of all exchanges, those with other authorities and with random peers too, for each
    /// node and second, in hundredths.
    pub exchange_centibytes: u64,
}

/// Lets a cluster of `nodes` converge, and then `hours` pass in which nothing changes.
pub fn measure(nodes: usize, hours: u64) -> Result<Quiet, Violation> {
    let mut plan = Plan::calm(1, nodes, 0);
    plan.authorities = AUTHORITIES;
    let mut world = World::new(&plan);
    for round in 1.. {
        world.run_until(round * plan.interval_ms)?;
        if check::agree(&world) && check::differences(&world).is_none() {
            break;
        }
        if round == ROUNDS_MAX {
            let what = format!("{nodes} nodes do not agree after {ROUNDS_MAX} intervals");
            return Err(Violation { ms: world.ms, what });
        }
    }
    world.run_until(world.ms + SETTLING * plan.interval_ms)?;
    let (before, counted) = (world.traffic, world.counted());
    world.run_until(world.ms + hours * HOUR_MS)?;
    if let Some(what) = check::differences(&world) {
        return Err(Violation { ms: world.ms, what });
    }
    let (nodes, after) = (nodes as u64, world.traffic);
    let leases = lease_count(&world);
    let per_second = |bytes: u64, count: u64| 100 * bytes / (count * hours * HOUR_MS / 1_000);
    let exchanged = |traffic: Traffic| traffic.requests.1 + traffic.responses.1;
    Ok(Quiet {
        nodes,
        hours,
        published_before: counted.gossip_sent,
        published: world.counted().gossip_sent - counted.gossip_sent,
        gossip: after.gossip.0 - before.gossip.0,
        renewals: after.renewals.0 - before.renewals.0,
        leases,
        renewal_centibytes: per_second(after.renewals.1 - before.renewals.1, leases),
        exchange_centibytes: per_second(exchanged(after) - exchanged(before), nodes),
    })
}

/// How many nodes have another one as their home.
fn lease_count(world: &World) -> u64 {
    let has_lease = |at: &usize| {
        let tracker = world.nodes[*at].tracker.as_ref().expect("all run");
        let home = tracker.status(world.now(*at)).home;
        home.is_some_and(|home| home != world.nodes[*at].peer)
    };
    (0..world.nodes.len()).filter(has_lease).count() as u64
}

/// The whole page, and what it was made from.
pub fn page() -> Result<(String, Vec<Quiet>), Violation> {
    let mut page = String::from(HEAD);
    let mut all = Vec::new();
    for nodes in NODES {
        let quiet = measure(nodes, 6)?;
        let Quiet { nodes, hours, published, gossip, leases, renewals, .. } = quiet;
        let bytes = [quiet.renewal_centibytes, quiet.exchange_centibytes]
            .map(|bytes| format!("{}.{:02}", bytes / 100, bytes % 100));
        writeln!(
            page,
            "| {nodes} | {hours} | {published} | {gossip} | {leases} | {renewals} | {} | {} |",
            bytes[0], bytes[1]
        )
        .expect("memory takes all");
        all.push(quiet);
    }
    Ok((page, all))
}

const HEAD: &str = "\
# Quiet

What a network sends in which nothing changes. Leases are renewed and rolls compared, and that is all:
whoever is here stays here without a word about it. Simulated with two authorities among the nodes, the
default interval of 10 seconds, and seed 1; a test compares this page with what the code does, and
`ROLLBOOK_WRITE_SNAPSHOTS=1 cargo test -p rollbook-sim --test quiet` writes it anew. How the simulation
works is said in [simulation.md](simulation.md); what real processes send, with the transport's
encryption, headers and signs of life, is in [performance.md](performance.md).

* **published**: gossip messages that any node made, and that were passed over any link, after all had
  come to one roll
* **leases**: nodes that renew one with another node; **renewals**: how often they did
* **renewals: bytes**: of requests and responses together, as the tracker hands them out, for each lease
  and second. A node sends half of it and receives the other half
* **all exchanges: bytes**: the same for each node, with the exchanges with the other authority and with
  a random peer, each once a minute

| nodes | hours | published | passed on | leases | renewals | renewals: bytes | all exchanges: bytes |
|---|---|---|---|---|---|---|---|
";
