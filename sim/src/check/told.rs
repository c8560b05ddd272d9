//! Events lead an application to the same roll as looking at all of it.

use std::collections::BTreeMap;

use rollbook_core::{Event, Grants, Here, Now, PeerId, Standing, Version};

use crate::{adapter::Tracker, world::World};

/// What an application knows of a node that reads it again only when it is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    admits: bool,
    is_banned: bool,
    grants: Grants,
    here: Here,
    announced: Version,
}

/// What is known of a node before anything was told.
fn nothing() -> Told {
    Told {
        admits: false,
        is_banned: false,
        grants: Grants::default(),
        here: Here::Unknown,
        announced: Version::ZERO,
    }
}

/// All nodes that belong to the roll, as they read now.
pub(crate) fn roll(world: &World, at: usize) -> BTreeMap<PeerId, Told> {
    let tracker = world.nodes[at].tracker.as_ref().expect("it runs");
    let views = tracker.nodes(world.now(at));
    views
        .filter(|view| view.standing != Standing::PENDING)
        .map(|view| {
            let told = Told {
                admits: view.standing.admits(),
                is_banned: view.standing == Standing::BANNED,
                grants: view.grants,
                here: view.here,
                announced: view.announcement.map_or(Version::ZERO, |(version, _)| version),
            };
            (view.peer_id, told)
        })
        .collect()
}

/// Takes in what an application was told.
pub(crate) fn take(known: &mut BTreeMap<PeerId, Told>, tracker: &Tracker, now: Now, event: &Event) {
    let announced = |peer: &PeerId| {
        let view = tracker.node(now, peer);
        view.and_then(|view| view.announcement).map_or(Version::ZERO, |(version, _)| version)
    };
    let mut about = |peer: &PeerId, change: &dyn Fn(&mut Told)| {
        change(known.entry(*peer).or_insert_with(nothing));
    };
    match event {
        Event::Joined { peer } | Event::Returned { peer } => about(peer, &|told| {
            told.here = Here::Online;
            told.announced = announced(peer);
        }),
        Event::Left { peer } => about(peer, &|told| told.here = Here::Left),
        Event::Unknown { peer } => about(peer, &|told| told.here = Here::Unknown),
        Event::Changed { peer } => about(peer, &|told| told.announced = announced(peer)),
        Event::Admitted { peer } => about(peer, &|told| {
            told.admits = true;
            told.is_banned = false;
        }),
        Event::Removed { peer } => about(peer, &|told| {
            told.admits = false;
            told.is_banned = false;
        }),
        Event::Banned { peer } => about(peer, &|told| {
            told.admits = false;
            told.is_banned = true;
        }),
        Event::GrantsChanged { peer } => about(peer, &|told| {
            told.grants = tracker.node(now, peer).map(|view| view.grants).unwrap_or_default();
        }),
        Event::Forgotten { peer } => {
            known.remove(peer);
        }
        _ => {}
    }
}

/// Compares what was told with what is.
pub(crate) fn compare(
    told: &BTreeMap<PeerId, Told>,
    roll: &BTreeMap<PeerId, Told>,
) -> Result<(), String> {
    for peer in told.keys().chain(roll.keys()) {
        let (told, is) = (told.get(peer), roll.get(peer));
        if told != is {
            return Err(format!("{peer} reads {is:?}, and the application was told {told:?}"));
        }
    }
    Ok(())
}
