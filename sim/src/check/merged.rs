//! What two replicas hold of a node merges alike in either order, and again changes nothing.

use std::{collections::BTreeMap, rc::Rc};

use rollbook_core::{Authorities, NodeData, PeerId};

use crate::{
    sheet::{Sheet, Slot},
    world::World,
};

/// Merges two replicas of those that are watched.
pub(crate) fn look(world: &mut World) {
    let watched: Vec<usize> = (0..world.nodes.len())
        .filter(|at| world.nodes[*at].tracker.is_some() && world.checks.is_watched(*at))
        .collect();
    let (Some(one), Some(other)) =
        (world.dice.pick(&watched).copied(), world.dice.pick(&watched).copied())
    else {
        return;
    };
    let held = |at: usize| {
        let watch = world.checks.watches[at].as_ref().expect("it is watched");
        watch.holding.by_subject()
    };
    let (one_holds, other_holds) = (held(one), held(other));
    let list = &world.lists[world.nodes[one].list];
    let mut count = 0;
    let mut broken = None;
    for subject in one_holds.keys().chain(other_holds.keys()) {
        let a = node(subject, one_holds.get(subject));
        let b = node(subject, other_holds.get(subject));
        count += 1;
        if !merges_alike(&a, &b, list) {
            broken = Some(format!("what nodes {one} and {other} hold of {subject} merges unlike"));
        }
    }
    world.checks.looks.merges += count;
    if let Some(broken) = broken {
        world.violate(broken);
    }
}

fn node(subject: &PeerId, held: Option<&BTreeMap<Slot, Rc<Sheet>>>) -> NodeData<Vec<u8>> {
    let mut node = NodeData::new(*subject);
    for sheet in held.iter().flat_map(|held| held.values()) {
        let statement = sheet.statement.as_ref().expect("slots hold statements");
        node.put(&statement.signed(), 0).expect("memory takes all");
    }
    node
}

fn merges_alike(a: &NodeData<Vec<u8>>, b: &NodeData<Vec<u8>>, list: &Authorities) -> bool {
    let merged = |one: &NodeData<Vec<u8>>, other: &NodeData<Vec<u8>>| {
        let mut merged = one.clone();
        merged.merge(other).expect("memory takes all");
        merged
    };
    let (mut ab, mut ba) = (merged(a, b), merged(b, a));
    let is_idempotent = merged(&ab, b) == ab && merged(&ab, a) == ab;
    let is_commutative = ab == ba;
    let admits = ab.standing(list).admits();
    ab.normalise(admits);
    ba.normalise(admits);
    is_idempotent && is_commutative && ab == ba
}
