//! What a run came to, for people.

use std::fmt;

use rollbook_core::Counters;

use crate::{
    check::Looks,
    plan::Plan,
    tally::Tally,
    world::{Traffic, Violation},
};

/// A run that kept every rule.
#[derive(Clone, Debug)]
pub struct Report {
    /// What it was to be.
    pub plan: Plan,
    /// How long it took, in virtual milliseconds.
    pub ms: u64,
    /// How many intervals after the last fault all rolls were equal and everybody was seen.
    pub quiet_rounds: u64,
    /// Nodes that ran at the end.
    pub running: usize,
    /// Nodes in the roll at the end.
    pub roll: usize,
    /// The root that all of them had in the end.
    pub root: rollbook_core::Root,
    /// How often each fault struck.
    pub tally: Tally,
    /// What was sent.
    pub traffic: Traffic,
    /// How often rules were looked at.
    pub looks: Looks,
    /// What all trackers counted.
    pub counters: Counters,
    /// Signatures checked, and checks whose result was known from another node.
    pub verified: (u64, u64),
    /// Two runs of one plan have the same.
    pub trace: u64,
}

/// A run that broke a rule.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What it was to be.
    pub plan: Plan,
    /// What broke.
    pub violation: Violation,
    /// How often each fault had struck.
    pub tally: Tally,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} broke a rule; again: {}", self.plan.seed, self.plan.command())?;
        writeln!(f, "at {} ms: {}", self.violation.ms, self.violation.what)?;
        write_tally(f, &self.tally)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        writeln!(f, "seed {}: {} nodes, {} authorities", plan.seed, plan.nodes, plan.authorities)?;
        write_tally(f, &self.tally)?;
        let Traffic { gossip, requests, responses, renewals } = self.traffic;
        let bytes = gossip.1 + requests.1 + responses.1;
        writeln!(f, "virtual time    {} s", self.ms / 1_000)?;
        writeln!(f, "gossip          {} messages over links, {} bytes", gossip.0, gossip.1)?;
        writeln!(f, "requests        {} of {} bytes", requests.0, requests.1)?;
        writeln!(f, "responses       {} of {} bytes", responses.0, responses.1)?;
        writeln!(f, "renewals        {} of {} bytes, answers included", renewals.0, renewals.1)?;
        writeln!(f, "bytes per node  {}", bytes / self.plan.nodes.max(1) as u64)?;
        writeln!(f, "signatures      {} checked, {} known", self.verified.0, self.verified.1)?;
        writeln!(f, "rules           {:?}", self.looks)?;
        writeln!(f, "trace           {:016x}", self.trace)?;
        writeln!(f, "quiet after     {} intervals", self.quiet_rounds)?;
        writeln!(f, "roots           equal at {} nodes, {} in the roll", self.running, self.roll)
    }
}

fn write_tally(f: &mut fmt::Formatter<'_>, tally: &Tally) -> fmt::Result {
    for (name, count) in tally.iter() {
        writeln!(f, "  {name:<26}{count:>10}")?;
    }
    Ok(())
}

/// Adds one tracker's counters to a sum.
pub(crate) fn add_counters(sum: &mut Counters, more: &Counters) {
    // The sum of what a run needs to say; names that come later need no line here.
    sum.statements_taken += more.statements_taken;
    sum.statements_known += more.statements_known;
    sum.statements_older += more.statements_older;
    sum.gossip_sent += more.gossip_sent;
    sum.walks_begun += more.walks_begun;
    sum.walks_given_up += more.walks_given_up;
    sum.walks_fruitless += more.walks_fruitless;
    sum.walks_over_budget += more.walks_over_budget;
    sum.requests_sent += more.requests_sent;
    sum.requests_failed += more.requests_failed;
    sum.statements_bad_signature += more.statements_bad_signature;
    sum.equivocations += more.equivocations;
}
