//! One run from its beginning to its end.

use crate::{
    check, faults,
    plan::Plan,
    report::{Failure, Report},
    world::{Violation, World},
};

/// After how many intervals without faults all must be well. A node that reported another machine
/// with its key keeps quiet for ten minutes.
const QUIET_INTERVALS_MAX: u64 = 75;

/// Runs what `plan` says: faults for a while, then quiet until all is well.
pub fn run(plan: &Plan) -> Result<Report, Box<Failure>> {
    let mut world = World::new(plan);
    match run_world(&mut world) {
        Ok(quiet_rounds) => Ok(report(&world, quiet_rounds)),
        Err(violation) => {
            count_disks(&mut world);
            Err(Box::new(Failure { plan: plan.clone(), violation, tally: world.tally }))
        }
    }
}

fn run_world(world: &mut World) -> Result<u64, Violation> {
    world.run_until(world.plan.faults_ms)?;
    if world.plan.fault_every_ms > 0 || world.plan.work_every_ms > 0 {
        faults::heal(world);
    }
    let rounds = rounds_until_well(world, QUIET_INTERVALS_MAX)?;
    check::inspect(world);
    world.violation.clone().map_or(Ok(rounds), Err)
}

/// Runs until nothing differs any more; says after how many intervals.
fn rounds_until_well(world: &mut World, rounds_max: u64) -> Result<u64, Violation> {
    let mut differs = None;
    for round in 1..=rounds_max {
        world.run_until(world.ms + world.plan.interval_ms)?;
        crate::workload::release(world);
        differs = check::differences(world);
        if differs.is_none() {
            return Ok(round);
        }
    }
    let differs = differs.unwrap_or_default();
    Err(Violation { ms: world.ms, what: format!("after {rounds_max} quiet intervals: {differs}") })
}

fn report(world: &World, quiet_rounds: u64) -> Report {
    let mut world_tally = world.tally;
    add_disks(&mut world_tally, world);
    let living = world.nodes.iter().filter(|node| node.is_living());
    let first = living.clone().next().and_then(|node| node.tracker.as_ref());
    let notary = world.notary.borrow();
    let mut trace = world.trace;
    for tracker in world.nodes.iter().filter_map(|node| node.tracker.as_ref()) {
        trace.bytes(&tracker.root());
    }
    Report {
        plan: world.plan.clone(),
        ms: world.ms,
        quiet_rounds,
        running: living.count(),
        roll: first.map_or(0, |tracker| {
            tracker.nodes(rollbook_core::Now { mono_ms: 0, unix_s: 0 }).count()
        }),
        root: first.map(|tracker| tracker.root()).unwrap_or_default(),
        tally: world_tally,
        traffic: world.traffic,
        looks: world.checks.looks,
        counters: world.counted(),
        verified: (notary.verified, notary.remembered),
        trace: trace.value(),
    }
}

fn count_disks(world: &mut World) {
    let mut tally = world.tally;
    add_disks(&mut tally, world);
    world.tally = tally;
}

fn add_disks(tally: &mut crate::tally::Tally, world: &World) {
    for disk in world.nodes.iter().map(|node| &node.disk.tally) {
        tally.writes_failed += disk.writes_failed;
        tally.journals_rewritten += disk.rewritten;
        tally.compactions += disk.compactions;
    }
}
