//! What a cluster comes to once nothing is wrong any more: one roll everywhere, and everybody who
//! lives is online.

use rollbook_core::{Grants, Here, PeerId, Root, Standing, Version};

use crate::world::World;

/// What all replicas must agree on about a node.
type Seen = (PeerId, Standing, Grants, Here, Option<PeerId>, Version);

/// The first thing that is not as it must be after quiet; `None` once all is.
pub(crate) fn differences(world: &World) -> Option<String> {
    let honest: Vec<usize> =
        (0..world.nodes.len()).filter(|at| world.nodes[*at].is_living()).collect();
    let first = *honest.first()?;
    let root = |at: usize| -> Root { tracker(world, at).root() };
    let expected = root(first);
    if let Some(other) = honest.iter().find(|at| root(**at) != expected) {
        let differ = honest.iter().filter(|at| root(**at) != expected).count();
        return Some(format!("nodes {first} and {other} hold different rolls, {differ} in all"));
    }
    let roll = seen(world, first);
    if let Some(wrong) = presences(world, first, &honest) {
        return Some(wrong);
    }
    let online = tracker(world, first).status(world.now(first)).online;
    for at in honest {
        // Whoever is kept out has no home, and nobody who tells it which authorities are in touch.
        let own = tracker(world, at).node(world.now(at), &world.nodes[at].peer);
        if own.is_none_or(|own| !own.standing.admits()) {
            continue;
        }
        if world.checks.is_watched(at) {
            let other = seen(world, at);
            let differs = roll.iter().zip(&other).find(|(one, other)| one != other);
            if let Some((one, other)) = differs {
                let about = &world.by_peer.get(&one.0);
                return Some(format!(
                    "of node {about:?}, node {first} sees {one:?}, node {at} {other:?}"
                ));
            }
        }
        if tracker(world, at).status(world.now(at)).online != online {
            return Some(format!("nodes {first} and {at} see different numbers online"));
        }
    }
    None
}

/// Whether all that live hold the same roll, and all nodes are in it.
pub(crate) fn agree(world: &World) -> bool {
    let living = world.nodes.iter().filter(|node| node.is_living());
    let mut trackers = living.filter_map(|node| node.tracker.as_ref());
    let Some(first) = trackers.next() else { return false };
    let root = first.root();
    if trackers.clone().count() + 1 < world.nodes.len()
        || trackers.any(|other| other.root() != root)
    {
        return false;
    }
    let status = first.status(world.nodes[0].now(world.ms));
    usize::try_from(status.admitted).is_ok_and(|admitted| admitted == world.nodes.len())
}

/// Everybody who lives and belongs to the network is online, and nobody else is.
fn presences(world: &World, first: usize, honest: &[usize]) -> Option<String> {
    let view = |at: usize| tracker(world, first).node(world.now(first), &world.nodes[at].peer);
    for at in 0..world.nodes.len() {
        let seen = view(at);
        let standing = seen.as_ref().map_or(Standing::PENDING, |seen| seen.standing);
        let here = seen.map_or(Here::Unknown, |seen| seen.here);
        // Two machines with one key count as the one that is honest.
        let lives = honest.iter().any(|other| world.nodes[*other].peer == world.nodes[at].peer);
        if lives && standing == Standing::PENDING && !world.plan.manual {
            return Some(format!("node {at} lives and was never let in"));
        }
        if lives && standing.admits() && here != Here::Online {
            return Some(format!("node {at} lives and is {here:?}"));
        }
        if !(lives && standing.admits()) && here == Here::Online {
            return Some(format!("node {at} does not live, or is kept out, and is online"));
        }
    }
    None
}

fn tracker(world: &World, at: usize) -> &crate::adapter::Tracker {
    world.nodes[at].tracker.as_ref().expect("it lives")
}

fn seen(world: &World, at: usize) -> Vec<Seen> {
    let views = tracker(world, at).nodes(world.now(at));
    views
        .filter(|view| view.standing != Standing::PENDING)
        .map(|view| {
            let announced = view.announcement.as_ref().map_or(Version::ZERO, |said| said.0);
            (view.peer_id, view.standing, view.grants, view.here, view.home, announced)
        })
        .collect()
}
