//! The table.

use std::fmt::Write as _;
use std::time::Duration;

use crate::process::Memory;
use crate::rest::{Rest, Share};

/// What was measured.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) asked_for: usize,
    pub(crate) ran: usize,
    pub(crate) interval: Duration,
    /// Whether nobody else used the loopback.
    pub(crate) is_alone: bool,
    /// From the first process until the last was ready.
    pub(crate) ready: Duration,
    /// From the first process until all agreed.
    pub(crate) converged: Duration,
    pub(crate) failed_over: Duration,
    pub(crate) returned: Duration,
    pub(crate) false_departures: usize,
    pub(crate) rest: Rest,
}

impl Figures {
    pub(crate) fn table(&self) -> String {
        let mut text = String::from("| what | figure |\n|---|---|\n");
        for (what, figure) in self.rows() {
            writeln!(text, "| {what} | {figure} |").expect("memory takes all");
        }
        text
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let Rest { member, authority, .. } = &self.rest;
        let ran = match self.ran == self.asked_for {
            true => format!("{}, two authorities among them", self.ran),
            false => format!("{} of {}: more do not fit the memory", self.ran, self.asked_for),
        };
        vec![
            ("processes", ran),
            ("sync interval", format!("{} s", self.interval.as_secs_f64())),
            ("all processes started and ready", seconds(self.ready)),
            ("all hold one roll, all online, after the last was ready", {
                seconds(self.converged.saturating_sub(self.ready))
            }),
            ("all members at home with the second authority after `kill -9` of the first", {
                self.in_intervals(self.failed_over)
            }),
            ("all agree again, after the first was started again", {
                self.in_intervals(self.returned)
            }),
            ("false \"left\" events, at all nodes", self.false_departures.to_string()),
            ("gossip messages per hour at rest, of all nodes", self.gossip_per_hour()),
            ("requests per node and minute at rest", {
                format!("{:.1}", self.per_node(self.rest.requests) * 60.0)
            }),
            ("bytes on the network per node and second at rest", self.bytes_per_second()),
            ("CPU seconds per minute at rest: member", self.cpu_per_minute(member)),
            ("CPU seconds per minute at rest: authority", self.cpu_per_minute(authority)),
            ("memory at rest: member", memory(member.memory)),
            ("memory at rest: authority", memory(authority.memory)),
            ("connections: member", format!("{:.1}", member.connections)),
            ("connections: authority", format!("{:.1}", authority.connections)),
            ("memory per connection, from what authorities have more of both", {
                per_connection(member, authority)
            }),
        ]
    }

    fn in_intervals(&self, time: Duration) -> String {
        let intervals = time.as_secs_f64() / self.interval.as_secs_f64();
        format!("{}, {intervals:.1} intervals", seconds(time))
    }

    /// Of a number counted over the rest and over all nodes: what it is for each in a second.
    fn per_node(&self, count: u64) -> f64 {
        count as f64 / self.ran as f64 / self.rest.lasted.as_secs_f64()
    }

    fn gossip_per_hour(&self) -> String {
        let lasted = self.rest.lasted.as_secs_f64();
        let per_hour = self.rest.gossip as f64 * 3600.0 / lasted;
        format!("{per_hour:.0} ({} in {lasted:.0} s)", self.rest.gossip)
    }

    fn bytes_per_second(&self) -> String {
        let (bytes, packets) = (self.per_node(self.rest.bytes), self.per_node(self.rest.packets));
        let whose = if self.is_alone { "" } else { "; other programs' on this loopback included" };
        format!("{bytes:.0} sent, in {packets:.1} packets{whose}")
    }

    fn cpu_per_minute(&self, share: &Share) -> String {
        format!("{:.3}", share.cpu * 60.0 / self.rest.lasted.as_secs_f64())
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn memory(memory: Memory) -> String {
    format!("{} resident, {} of it private", mebibytes(memory.resident), mebibytes(memory.private))
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Authorities and members hold the same roll; what an authority has more are connections, and the
/// leases of those that come by them.
fn per_connection(member: &Share, authority: &Share) -> String {
    let more = authority.memory.private.saturating_sub(member.memory.private);
    let connections = authority.connections - member.connections;
    match connections >= 1.0 {
        true => format!("{:.0} KiB", more as f64 / 1024.0 / connections),
        false => "-".to_owned(),
    }
}
