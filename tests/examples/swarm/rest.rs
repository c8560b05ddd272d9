//! What a swarm takes in which nothing changes.
//!
//! While it is measured no node is asked anything: what is counted is the nodes' own doing.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rollbook_tests::{RunningNode, Swarm};

use crate::options::Options;
use crate::process::{self, Memory};
use crate::watch;

/// How often it is waited for another lease until nobody says anything any more.
const SETTLING_MAX: u32 = 30;

/// What it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    pub(crate) lasted: Duration,
    /// Gossip messages of all nodes.
    pub(crate) gossip: u64,
    /// Requests of all nodes.
    pub(crate) requests: u64,
    /// Over the loopback, of all nodes.
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    pub(crate) member: Share,
    pub(crate) authority: Share,
}

/// What one node takes, on average over those of its kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// Of a core, in seconds.
    pub(crate) cpu: f64,
    pub(crate) memory: Memory,
    pub(crate) connections: f64,
}

pub(crate) fn measure(swarm: &Swarm, options: &Options) -> Result<Rest> {
    settle(swarm, options)?;
    let [gossip, requests] = ["gossip_sent", "requests_sent"].map(|counter| swarm.sum(counter));
    let cpu = |nodes: &[RunningNode]| -> Result<f64> {
        nodes.iter().map(|node| process::cpu_seconds(node.process_id())).sum()
    };
    // The answers to the last questions are on their way.
    watch::pass(Duration::from_secs(1));
    let start = Instant::now();
    let before = process::loopback()?;
    let cpu_before = [cpu(&swarm.members)?, cpu(&swarm.authorities)?];
    watch::pass(options.rest);
    let after = process::loopback()?;
    let cpu_after = [cpu(&swarm.members)?, cpu(&swarm.authorities)?];
    let lasted = start.elapsed();
    let share = |nodes: &[RunningNode], which: usize| -> Result<Share> {
        let count = nodes.len() as f64;
        Ok(Share {
            cpu: (cpu_after[which] - cpu_before[which]) / count,
            memory: average_memory(nodes)?,
            connections: connections(nodes)? as f64 / count,
        })
    };
    Ok(Rest {
        lasted,
        member: share(&swarm.members, 0)?,
        authority: share(&swarm.authorities, 1)?,
        gossip: swarm.sum("gossip_sent") - gossip,
        requests: swarm.sum("requests_sent") - requests,
        bytes: after.bytes - before.bytes,
        packets: after.packets - before.packets,
    })
}

/// Waits until nobody has gossiped for the length of a lease.
fn settle(swarm: &Swarm, options: &Options) -> Result<()> {
    let mut sent = swarm.sum("gossip_sent");
    for _ in 0..SETTLING_MAX {
        watch::pass(options.lease());
        let now = swarm.sum("gossip_sent");
        if now == sent {
            return Ok(());
        }
        sent = now;
    }
    ensure!(false, "they still gossip after {SETTLING_MAX} leases in which nothing changed");
    Ok(())
}

fn average_memory(nodes: &[RunningNode]) -> Result<Memory> {
    let mut sum = Memory::default();
    for node in nodes {
        let memory = process::memory(node.process_id())?;
        sum.resident += memory.resident;
        sum.private += memory.private;
    }
    let count = nodes.len() as u64;
    Ok(Memory { resident: sum.resident / count, private: sum.private / count })
}

fn connections(nodes: &[RunningNode]) -> Result<u64> {
    nodes.iter().map(|node| Ok(watch::status(node)?["connections"].as_u64().unwrap_or(0))).sum()
}
