//! What users and operators do: nodes change what they say, leave and come back; authorities decide
//! and import.

use rollbook_core::{CommandError, Grant, ImportOutcome, Imported, PeerId, Receipt};

use crate::{
    node::Node,
    world::{Happening, World},
};

/// Does one thing, and plans the next.
pub(crate) fn work(world: &mut World) {
    if world.is_quiet {
        return;
    }
    let every_ms = world.plan.work_every_ms;
    let wait_ms = world.work_dice.between(every_ms / 4, every_ms * 7 / 4);
    world.queue.push(world.ms + wait_ms, Happening::Work);
    match world.work_dice.below(100) {
        0..30 => change(world),
        30..40 => leave(world),
        40..95 => decide(world),
        _ => import(world),
    }
}

/// A node that can be given a command now.
fn awake(world: &mut World, fits: impl Fn(&Node) -> bool) -> Option<usize> {
    let fitting: Vec<usize> = (0..world.nodes.len())
        .filter(|at| {
            let node = &world.nodes[*at];
            node.is_living() && node.busy_until_ms <= world.ms && fits(node)
        })
        .collect();
    world.work_dice.pick(&fitting).copied()
}

fn change(world: &mut World) {
    let Some(at) = awake(world, |_| true) else { return };
    let number = world.work_dice.below(1_000);
    let extra_size = world.work_dice.index(65);
    let extra = world.work_dice.bytes(extra_size);
    let now = world.now(at);
    let node = &mut world.nodes[at];
    node.said.agent = format!("sim/{number}");
    node.said.capability =
        if number.is_multiple_of(3) { String::new() } else { format!("cap{number}") };
    node.said.extra = extra;
    let tracker = node.tracker.as_mut().expect("it runs");
    node.said.with(|fields| tracker.announce(now, fields)).expect("it is bounded");
    world.tally.changes += 1;
    world.settle(at);
}

/// A node that runs changes its agent.
pub(crate) fn say(world: &mut World, at: usize, agent: String) {
    let now = world.now(at);
    let node = &mut world.nodes[at];
    let Some(tracker) = node.tracker.as_mut() else { return };
    node.said.agent = agent;
    node.said.with(|fields| tracker.announce(now, fields)).expect("it is bounded");
    world.settle(at);
}

fn leave(world: &mut World) {
    let Some(at) = awake(world, |node| !node.is_authority) else { return };
    let now = world.now(at);
    let node = &mut world.nodes[at];
    node.has_left = true;
    node.tracker.as_mut().expect("it runs").leave(now);
    let run = node.run;
    world.tally.leaves += 1;
    world.settle(at);
    let stop_ms = world.ms + world.work_dice.between(0, 2_000);
    world.queue.push(stop_ms, Happening::Leave { node: at, run });
    if world.work_dice.chance(800) {
        let start_ms = stop_ms + world.work_dice.between(1, 150_000);
        world.queue.push(start_ms, Happening::Start { node: at });
        world.tally.joins += 1;
    }
}

/// An authority whose disk takes what it decides, and somebody to decide about.
fn operator(world: &mut World) -> Option<(usize, PeerId)> {
    let at = awake(world, |node| node.is_authority && !node.disk.has_fault())?;
    let subject = world.work_dice.index(world.nodes.len());
    Some((at, world.nodes[subject].peer))
}

fn decide(world: &mut World) {
    let Some((at, subject)) = operator(world) else { return };
    let now = world.now(at);
    let grants: Vec<Grant> = Grant::all().take(4).collect();
    let grant = *world.work_dice.pick(&grants).expect("there are some");
    let drawn = world.work_dice.below(100);
    let waits = world.nodes[at].tracker.as_ref().expect("it runs").node(now, &subject);
    let waits = waits.is_none_or(|view| !view.standing.admits());
    let tracker = world.nodes[at].tracker.as_mut().expect("it runs");
    let decided = match drawn {
        // Whoever was put out is let in again, mostly.
        _ if waits && drawn < 80 => tracker.admit(now, &subject),
        0..40 => tracker.grant(now, &subject, grant),
        40..75 => tracker.revoke(now, &subject, grant),
        75..85 => tracker.admit(now, &subject),
        85..93 => tracker.remove(now, &subject),
        _ => tracker.ban(now, &subject),
    };
    note(world, at, subject, decided);
}

fn note(world: &mut World, at: usize, subject: PeerId, decided: Result<Receipt, CommandError>) {
    if let Ok(receipt) = decided {
        world.tally.decisions += 1;
        crate::check::ordered(world, at, subject, receipt);
    }
    world.settle(at);
}

fn import(world: &mut World) {
    let Some((at, subject)) = operator(world) else { return };
    let now = world.now(at);
    let history =
        Imported::of(world.work_dice.between(1, 1_700_000_000), world.work_dice.below(100_000_000));
    let tracker = world.nodes[at].tracker.as_mut().expect("it runs");
    let imported = tracker.import(now, &subject, history, &[Grant::STAKED]);
    world.tally.imports += 1;
    match imported {
        Ok(ImportOutcome::Taken(receipt)) => note(world, at, subject, Ok(receipt)),
        _ => world.settle(at),
    }
}

/// The operator of an authority that lost its disk lets it go on where nobody who runs could give
/// anything back.
pub(crate) fn release(world: &mut World) {
    for at in 0..world.nodes.len() {
        let now = world.now(at);
        let Some(tracker) = world.nodes[at].tracker.as_ref() else { continue };
        let is_recovering = world.nodes[at].is_authority && tracker.status(now).recovering;
        if is_recovering && !crate::check::is_word_held(world, at) {
            let tracker = world.nodes[at].tracker.as_mut().expect("it runs");
            tracker.end_recovery(now);
            world.tally.recoveries_by_hand += 1;
            world.settle(at);
        }
    }
}
