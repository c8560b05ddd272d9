//! What an operator was told is on disk is there, and stays.

use rollbook_core::{PeerId, Receipt, Version, statement::Kind};

use crate::{sheet::Slot, world::World};

/// What operators wait for, and what they were promised.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    orders: Vec<Order>,
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Order {
    authority: usize,
    subject: PeerId,
    receipt: Receipt,
    /// The version of the decision that it made, once that was written.
    version: Option<Version>,
}

/// An authority holds at least this version of its decision about a node.
#[derive(Debug)]
struct Kept {
    authority: usize,
    subject: PeerId,
    version: Version,
}

impl Promises {
    pub(crate) fn order(&mut self, authority: usize, subject: PeerId, receipt: Receipt) {
        self.orders.push(Order { authority, subject, receipt, version: None });
    }

    /// What was not confirmed before the end of a run never will be.
    pub(crate) fn forget_orders(&mut self, authority: usize) {
        self.orders.retain(|order| order.authority != authority);
    }

    /// The authority lost its disk.
    pub(crate) fn forget(&mut self, authority: usize) {
        self.kept.retain(|kept| kept.authority != authority);
    }
}

/// Confirms what is on disk, and looks whether it is.
pub(crate) fn settle(world: &mut World, at: usize) {
    if !world.nodes[at].is_authority || world.checks.promises.orders.is_empty() {
        return;
    }
    let Some(tracker) = &world.nodes[at].tracker else { return };
    let durable = tracker.durable();
    let mut orders = std::mem::take(&mut world.checks.promises.orders);
    // An order is written in the very step in which it is given.
    for order in orders.iter_mut().filter(|order| order.authority == at) {
        order.version = order.version.or_else(|| held(world, at, order.subject));
    }
    let (done, waiting): (Vec<Order>, Vec<Order>) =
        orders.into_iter().partition(|order| order.authority == at && order.receipt.0 <= durable);
    world.checks.promises.orders = waiting;
    for order in done {
        world.tally.acknowledged += 1;
        if let Some(version) = order.version {
            confirm(world, at, order.subject, version);
        }
    }
}

fn confirm(world: &mut World, at: usize, subject: PeerId, version: Version) {
    let slot = slot(world, at, subject);
    let frames = world.nodes[at].disk.durable().iter();
    let statements = frames.filter_map(|sheet| sheet.statement.as_ref());
    let on_disk = statements.filter(|held| held.slot == slot).map(|held| held.version).max();
    if on_disk < Some(version) {
        world.violate(format!(
            "node {at} confirms its decision {version} about {subject}, and {on_disk:?} is on disk"
        ));
    }
    let promises = &mut world.checks.promises.kept;
    promises.retain(|kept| (kept.authority, kept.subject) != (at, subject));
    promises.push(Kept { authority: at, subject, version });
}

/// Looks whether an authority still holds what it promised.
pub(crate) fn look(world: &mut World, at: usize) {
    let mut broken = None;
    let mut count = 0;
    for kept in &world.checks.promises.kept {
        if kept.authority == at {
            count += 1;
            let now = held(world, at, kept.subject);
            if now < Some(kept.version) {
                broken = Some(format!(
                    "node {at} confirmed its decision {} about {}, and holds {now:?}",
                    kept.version, kept.subject
                ));
            }
        }
    }
    world.checks.looks.promises += count;
    if let Some(broken) = broken {
        world.violate(broken);
    }
}

fn slot(world: &World, at: usize, subject: PeerId) -> Slot {
    Slot { subject, kind: Kind::Decision, writer: world.nodes[at].peer.hint() }
}

fn held(world: &World, at: usize, subject: PeerId) -> Option<Version> {
    world.checks.watches[at].as_ref()?.holding.version(&slot(world, at, subject))
}
