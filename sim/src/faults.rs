//! What goes wrong: strikes at random, and undoes what it did after a while.
//!
//! Invariant: when faults are over everything is healed, and nothing strikes any more.

use rollbook_core::Signer as _;

use crate::{
    node::Role,
    world::{Happening, World},
};

/// How long a node keeps quiet that has reported another one with its key.
const CLAIM_PAUSE_MS: u64 = 10 * 60_000;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Crash,
    MemberDisk,
    AuthorityDisk,
    AuthorityOutage,
    FullDisk,
    SlowDisk,
    ClockStep,
    Suspend,
    Slowdown,
    Partition,
    AsymmetricPartition,
    Storm,
    Spike,
    Rollout,
    Clone,
    Hostile,
}

/// How often each strikes, beside the others.
const FAULTS: [(Fault, u64); 16] = [
    (Fault::Crash, 8),
    (Fault::MemberDisk, 3),
    (Fault::AuthorityDisk, 1),
    (Fault::AuthorityOutage, 2),
    (Fault::FullDisk, 3),
    (Fault::SlowDisk, 3),
    (Fault::ClockStep, 3),
    (Fault::Suspend, 4),
    (Fault::Slowdown, 3),
    (Fault::Partition, 2),
    (Fault::AsymmetricPartition, 3),
    (Fault::Storm, 2),
    (Fault::Spike, 2),
    (Fault::Rollout, 1),
    (Fault::Clone, 1),
    (Fault::Hostile, 3),
];

/// The end of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undo {
    DiskHasRoom(usize),
    DiskIsFast(usize),
    NodeIsFast(usize),
    CloneGoes(usize),
    HostileGoes(usize),
    /// The roll-out comes to the node with this number.
    RolloutReaches(usize),
}

/// Lets one fault strike, and plans the next.
pub(crate) fn strike(world: &mut World) {
    if world.is_quiet {
        return;
    }
    let every_ms = world.plan.fault_every_ms;
    let wait_ms = world.fault_dice.between(every_ms / 4, every_ms * 7 / 4);
    world.queue.push(world.ms + wait_ms, Happening::Fault);
    let total = FAULTS.iter().map(|(_, weight)| weight).sum();
    let mut drawn = world.fault_dice.below(total);
    for (fault, weight) in FAULTS {
        if drawn < weight {
            return begin(world, fault);
        }
        drawn -= weight;
    }
}

fn begin(world: &mut World, fault: Fault) {
    let now_ms = world.ms;
    match fault {
        Fault::Crash => {
            let Some(node) = running(world, |_| true) else { return };
            let is_power_cut = world.fault_dice.chance(600);
            world.crash(node, is_power_cut);
            start_within(world, node, 200, 90_000);
        }
        Fault::MemberDisk => lose_disk(world, false),
        Fault::AuthorityDisk => lose_disk(world, true),
        Fault::AuthorityOutage => {
            let Some(node) = running(world, |node| node.is_authority) else { return };
            world.crash(node, false);
            world.tally.authority_outages += 1;
            start_within(world, node, 60_000, 400_000);
        }
        Fault::FullDisk => {
            let Some(node) = running(world, |node| !node.disk.is_full) else { return };
            world.nodes[node].disk.is_full = true;
            world.tally.disks_full += 1;
            undo_within(world, node, Undo::DiskHasRoom(node), 5_000, 120_000);
        }
        Fault::SlowDisk => {
            let Some(node) = running(world, |_| true) else { return };
            world.nodes[node].disk.sync_ms = world.fault_dice.between(200, 8_000);
            world.tally.disks_slow += 1;
            undo_within(world, node, Undo::DiskIsFast(node), 10_000, 120_000);
        }
        Fault::ClockStep => {
            let Some(node) = running(world, |_| true) else { return };
            let range_s: u64 = [60, 3_600, 86_400, 400_000_000][world.fault_dice.index(4)];
            let step = world.fault_dice.below(2 * range_s);
            let step = i64::try_from(step).expect("small") - i64::try_from(range_s).expect("small");
            world.nodes[node].wall_offset_s = step;
            world.tally.clock_steps += 1;
        }
        Fault::Suspend => {
            let Some(node) = running(world, |node| node.busy_until_ms <= now_ms) else { return };
            let sleep_ms = world.fault_dice.between(1_000, 200_000);
            world.tally.suspends += 1;
            let stands_still = world.fault_dice.chance(300);
            let sleeper = &mut world.nodes[node];
            sleeper.busy_until_ms = now_ms + sleep_ms;
            // Some systems' monotonic clocks do not count it. Nothing looks at the clock before
            // the node wakes, when it shows what it showed before.
            if stands_still {
                sleeper.mono_origin_ms -= sleep_ms;
            }
            world.disturb(node, now_ms + sleep_ms);
        }
        Fault::Slowdown => {
            let Some(node) = running(world, |_| true) else { return };
            world.nodes[node].slow_ms = world.fault_dice.between(5, 400);
            world.tally.slowdowns += 1;
            undo_within(world, node, Undo::NodeIsFast(node), 10_000, 120_000);
        }
        Fault::Partition => {
            world.tally.partitions += 1;
            partition(world, true);
        }
        Fault::AsymmetricPartition => {
            world.tally.asymmetric_partitions += 1;
            partition(world, false);
        }
        Fault::Storm => {
            let until_ms = now_ms + world.fault_dice.between(5_000, 60_000);
            let loss = world.fault_dice.between(200, 900);
            world.network.storm = Some((until_ms, loss));
            world.disturbed_ms = world.disturbed_ms.max(until_ms);
            world.tally.storms += 1;
        }
        Fault::Spike => {
            let until_ms = now_ms + world.fault_dice.between(5_000, 60_000);
            world.network.spike_until_ms = until_ms;
            world.disturbed_ms = world.disturbed_ms.max(until_ms + 6_000);
            world.tally.spikes += 1;
        }
        Fault::Rollout => begin_rollout(world),
        Fault::Clone => begin_clone(world),
        Fault::Hostile => crate::hostile::begin(world),
    }
}

/// A running honest node that `fits`.
pub(crate) fn running(
    world: &mut World,
    fits: impl Fn(&crate::node::Node) -> bool,
) -> Option<usize> {
    let fitting: Vec<usize> = (0..world.nodes.len())
        .filter(|node| {
            let node = &world.nodes[*node];
            node.is_living() && fits(node)
        })
        .collect();
    world.fault_dice.pick(&fitting).copied()
}

fn start_within(world: &mut World, node: usize, low_ms: u64, high_ms: u64) {
    let start_ms = world.ms + world.fault_dice.between(low_ms, high_ms);
    world.queue.push(start_ms, Happening::Start { node });
}

fn undo_within(world: &mut World, node: usize, undo: Undo, low_ms: u64, high_ms: u64) {
    let until_ms = world.ms + world.fault_dice.between(low_ms, high_ms);
    world.queue.push(until_ms, Happening::Undo(undo));
    world.disturb(node, until_ms);
}

fn lose_disk(world: &mut World, of_authority: bool) {
    let Some(node) = running(world, |node| node.is_authority == of_authority) else { return };
    world.crash(node, true);
    world.nodes[node].disk.wipe();
    crate::check::disk_lost(world, node);
    match of_authority {
        true => world.tally.authority_disks_lost += 1,
        // Who has no key's journal makes one; an authority's is known to have been there.
        false => {
            world.tally.member_disks_lost += 1;
            world.make_identity(node);
        }
    }
    start_within(world, node, 1_000, 60_000);
}

/// Lets one side of the cluster hear nothing of the other.
fn partition(world: &mut World, is_symmetric: bool) {
    let count = world.nodes.len();
    let share = world.fault_dice.between(50, 500);
    let side: Vec<bool> = (0..count).map(|_| world.fault_dice.chance(share)).collect();
    let other: Vec<bool> = side.iter().map(|is_in| !is_in).collect();
    let until_ms = world.ms + world.fault_dice.between(5_000, 150_000);
    world.network.cut(world.ms, side.clone(), other.clone(), until_ms);
    if is_symmetric {
        world.network.cut(world.ms, other, side.clone(), until_ms);
    }
    // It takes a while until a connection over which nothing comes is given up.
    let gives_up = world.fault_dice.chance(700);
    for node in 0..count {
        world.disturb(node, until_ms);
        let links: Vec<(usize, u64)> =
            world.nodes[node].links.iter().map(|(other, link)| (*other, *link)).collect();
        for (other, link) in links {
            let crosses = side.get(node) != side.get(other);
            let notice_ms = world.ms + world.fault_dice.between(10_000, 40_000);
            if crosses && gives_up && notice_ms < until_ms {
                world.queue.push(notice_ms, Happening::LinkLost { node, other, link });
            }
        }
    }
}

/// A new authority begins, and one node after the other is told of it.
fn begin_rollout(world: &mut World) {
    if world.tally.rollouts > 0 || world.plan.authorities >= 8 {
        return;
    }
    world.tally.rollouts += 1;
    let keys = world.added_keys();
    let added = world.add(Role::Honest, keys, 1);
    world.nodes[added].is_authority = true;
    world.make_identity(added);
    for other in 0..added {
        if world.nodes[other].role == Role::Honest {
            world.want(added, other, other < world.plan.authorities);
        }
    }
    world.queue.push(world.ms, Happening::Start { node: added });
    for node in 0..added {
        let wait_ms = world.fault_dice.between(1_000, 240_000);
        world.queue.push(world.ms + wait_ms, Happening::Undo(Undo::RolloutReaches(node)));
    }
}

/// A second machine starts with the key of a member, and an empty disk or a copy of its journal.
fn begin_clone(world: &mut World) {
    let Some(node) = running(world, |node| !node.is_authority) else { return };
    world.tally.clones += 1;
    let keys = world.nodes[node].keys.clone();
    let list = world.nodes[node].list;
    let copies = world.fault_dice.chance(500);
    let clone = world.add(Role::Clone, keys, list);
    world.make_identity(clone);
    if copies {
        let copied = world.nodes[node].disk.durable().to_vec();
        world.nodes[clone].disk = crate::disk::Disk::with(copied);
    }
    world.wire(clone);
    world.queue.push(world.ms, Happening::Start { node: clone });
    let until_ms = world.ms + world.fault_dice.between(20_000, 200_000);
    world.queue.push(until_ms, Happening::Undo(Undo::CloneGoes(clone)));
    // Until the node it is a clone of has claimed its name back.
    world.disturb(node, u64::MAX);
}

/// Ends a fault.
pub(crate) fn undo(world: &mut World, undo: Undo) {
    match undo {
        Undo::DiskHasRoom(node) => world.nodes[node].disk.is_full = false,
        Undo::DiskIsFast(node) => world.nodes[node].disk.sync_ms = 5,
        Undo::NodeIsFast(node) => world.nodes[node].slow_ms = 0,
        Undo::CloneGoes(clone) => {
            if world.nodes[clone].tracker.is_some() {
                world.crash(clone, false);
            }
            world.nodes[clone].wanted.clear();
            // Whoever reported a duplicate of itself keeps quiet for a while.
            let peer = world.nodes[clone].peer;
            let original = world.by_peer[&peer][0];
            world.nodes[original].disturbed_ms = world.ms + CLAIM_PAUSE_MS;
        }
        Undo::HostileGoes(node) => crate::hostile::end(world, node),
        Undo::RolloutReaches(node) => {
            let state = &mut world.nodes[node];
            if state.list == 1 || state.role != Role::Honest {
                return;
            }
            state.list = 1;
            if state.tracker.is_some() {
                world.crash(node, false);
                world.queue.push(world.ms + 500, Happening::Start { node });
            }
        }
    }
}

/// Ends all that is wrong, and what users do: the cluster is left to itself.
pub(crate) fn heal(world: &mut World) {
    let now_ms = world.ms;
    world.is_quiet = true;
    world.network.heal();
    world.disturbed_ms = now_ms;
    // Whoever sleeps wakes in its time: a clock that stands still must not be seen to go back.
    for node in &mut world.nodes {
        node.disturbed_ms = now_ms.max(node.busy_until_ms);
    }
    for node in 0..world.nodes.len() {
        match world.nodes[node].role {
            Role::Hostile => crate::hostile::end(world, node),
            Role::Clone => undo(world, Undo::CloneGoes(node)),
            Role::Honest => {
                for ends in
                    [Undo::DiskHasRoom(node), Undo::DiskIsFast(node), Undo::NodeIsFast(node)]
                {
                    undo(world, ends);
                }
                if world.tally.rollouts > 0 {
                    undo(world, Undo::RolloutReaches(node));
                }
                if world.nodes[node].tracker.is_none() && !world.nodes[node].has_left {
                    world.queue.push(world.ms + 500, Happening::Start { node });
                }
            }
        }
    }
    // Whoever should be connected is, soon.
    for one in 0..world.nodes.len() {
        for other in world.nodes[one].wanted.clone() {
            let wait_ms = world.dice.between(600, 2_000);
            world.queue.push(world.ms + wait_ms, Happening::Connect { one, other });
        }
    }
}

impl World {
    /// The keys of the authority that a roll-out adds: the last that were drawn.
    fn added_keys(&self) -> crate::notary::Keys {
        let mut dice = crate::dice::Dice::new(self.plan.seed, "world");
        let mut seed = [0; 32];
        for _ in 0..=self.plan.nodes {
            seed = dice.seed();
        }
        let keys = crate::notary::Keys::new(rollbook_core::Keypair::ed25519(seed), &self.notary);
        debug_assert!(self.lists[1].contains_peer(&keys.peer_id()));
        keys
    }
}
