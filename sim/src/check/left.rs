//! Nobody who lives and is connected is called left for longer than it takes to refute that.

use std::collections::BTreeMap;

use rollbook_core::{Here, PeerId};

use crate::world::World;

/// How many intervals it may take after the last thing that went wrong: a lease lapses in four,
/// the node learns of it and refutes it in one, all others hear of that in another, and messages
/// are lost.
const INTERVALS_MAX: u64 = 12;

/// Looks at what `at` says of all who live; says of how many. `left` holds since when it calls each left while
/// nothing was wrong.
pub(crate) fn look(
    left: &mut BTreeMap<PeerId, u64>,
    world: &World,
    at: usize,
) -> Result<u64, String> {
    let mut count = 0;
    let Some(calm_since_ms) = calm_since(world).filter(|_| world.nodes[at].is_living()) else {
        left.clear();
        return Ok(0);
    };
    let calm_since_ms = calm_since_ms.max(world.nodes[at].disturbed_ms);
    let tracker = world.nodes[at].tracker.as_ref().expect("it lives");
    for (number, node) in world.nodes.iter().enumerate().filter(|(_, node)| node.is_living()) {
        count += 1;
        let view = tracker.node(world.now(at), &node.peer);
        let is_left = view.is_some_and(|view| view.standing.admits() && view.here == Here::Left);
        if !is_left {
            left.remove(&node.peer);
            continue;
        }
        let since_ms = *left.entry(node.peer).or_insert(world.ms);
        let since_ms = since_ms.max(calm_since_ms).max(node.disturbed_ms);
        let lasts_ms = world.ms.saturating_sub(since_ms);
        if lasts_ms > INTERVALS_MAX * world.plan.interval_ms {
            return Err(format!("node {number} lives and is called left for {lasts_ms} ms"));
        }
    }
    Ok(count)
}

/// Since when nothing is wrong with the network or an authority; `None` if something is.
fn calm_since(world: &World) -> Option<u64> {
    let mut since_ms = world.disturbed_ms;
    for authority in world.nodes.iter().filter(|node| node.is_authority) {
        since_ms = since_ms.max(authority.tracker.as_ref().map(|_| authority.disturbed_ms)?);
    }
    (since_ms <= world.ms).then_some(since_ms)
}
