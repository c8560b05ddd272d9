//! Waiting for what the whole swarm comes to.
//!
//! Nodes are asked one after the other, and each until it has come so far: asking costs the cores
//! that the nodes run on. So the times are upper bounds.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use rollbook_tests::{RunningNode, Swarm};
use serde_json::Value;

/// It only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const PAUSE: Duration = Duration::from_millis(50);
/// How many events a node keeps.
const EVENTS_KEPT: u64 = 10_000;

/// Waits until all that run hold one roll in which `online` are online, and have a home. Says how
/// long after `since` that was.
pub(crate) fn converge(swarm: &Swarm, online: usize, since: Instant) -> Result<Duration> {
    loop {
        let what = "all hold one roll and have a home";
        await_all(swarm.running(), what, |status| {
            status["nodes"]["online"] == online && status["degraded"] == false
        })?;
        let statuses = swarm.running().map(status).collect::<Result<Vec<Value>>>()?;
        let roots: BTreeSet<&str> = statuses.iter().filter_map(|it| it["root"].as_str()).collect();
        if roots.len() == 1 && statuses.iter().all(|it| it["nodes"]["online"] == online) {
            return Ok(since.elapsed());
        }
        ensure!(since.elapsed() < PATIENCE, "there are still {} different rolls", roots.len());
        pass(PAUSE);
    }
}

/// Waits until the home of all members is authority number `authority`.
pub(crate) fn all_at_home(swarm: &Swarm, authority: usize, since: Instant) -> Result<Duration> {
    let home = swarm.authorities[authority].peer_id();
    await_all(swarm.members.iter(), "the other authority is home", |status| {
        status["home"] == home && status["degraded"] == false
    })?;
    Ok(since.elapsed())
}

fn await_all<'a>(
    nodes: impl Iterator<Item = &'a RunningNode>,
    what: &str,
    condition: impl Fn(&Value) -> bool,
) -> Result<()> {
    let start = Instant::now();
    for node in nodes {
        loop {
            let status = status(node)?;
            if condition(&status) {
                break;
            }
            if start.elapsed() >= PATIENCE {
                bail!("not within {} s: {what}; at last: {status}", PATIENCE.as_secs());
            }
            pass(PAUSE);
        }
    }
    Ok(())
}

pub(crate) fn status(node: &RunningNode) -> Result<Value> {
    node.api().get("/api/v1/status").map_err(|error| anyhow!("a node does not answer: {error}"))
}

/// Lets time pass in which nothing is asked.
pub(crate) fn pass(time: Duration) {
    std::thread::sleep(time);
}

/// How often nodes were told that somebody left who did not.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    pub(crate) count: usize,
    /// The last event of each node that was looked at.
    seen: HashMap<String, u64>,
}

impl Departures {
    /// Looks at what came since it was looked at last; of `dead` it is true that it left.
    pub(crate) fn look(&mut self, swarm: &Swarm, dead: Option<&str>) -> Result<()> {
        for node in swarm.running() {
            let seen = self.seen.entry(node.peer_id().to_owned()).or_default();
            let last = node.last_event();
            ensure!(last - *seen <= EVENTS_KEPT, "{} events are more than are kept", last - *seen);
            let events = node.events_after(*seen);
            *seen = events.last().map_or(*seen, |event| event.id);
            let left = events.iter().filter(|event| event.kind == "left");
            self.count += left.filter(|event| event.peer_id.as_deref() != dead).count();
        }
        Ok(())
    }
}
