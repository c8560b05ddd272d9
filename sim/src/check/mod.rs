//! The rules that every run keeps, looked after from outside: what is written here knows neither
//! what users did nor what went wrong, only what nodes put into their journals, tell their
//! applications, and answer when asked.
//!
//! After each step, for the node that it touched: `held` (what is believed is signed, versions
//! rise, no decision is undone), `promised` (what was acknowledged is on disk and stays), and that
//! nothing is overdue. At intervals: `told` (events lead to the same roll), `left` (nobody is
//! called left for long while it lives), `merged` (two replicas merge alike in either order).
//! After quiet: `quiet`.

mod held;
mod left;
mod merged;
mod promised;
mod quiet;
mod told;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use rollbook_core::{Event, Hint, PeerId, Receipt};

use crate::{adapter::Tracker, sheet::Sheet, world::World};
use held::{Holding, Undone};
use promised::Promises;
pub(crate) use quiet::{agree, differences};
use told::Told;

/// What is known of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    watches: Vec<Option<Watch>>,
    promises: Promises,
    /// Nodes that an authority's key was misused about: what is decided about them is not that
    /// authority's doing.
    tainted: BTreeSet<PeerId>,
    /// Authorities that lost their disk.
    forgetful: BTreeSet<Hint>,
    /// How often each rule was looked at, so that a report shows that it was.
    pub(crate) looks: Looks,
}

/// How often rules were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// Statements taken in by some node.
    pub statements: u64,
    /// Rolls compared with what their journals and events say.
    pub rolls: u64,
    /// Pairs of a node that lives and one that sees it.
    pub living: u64,
    /// Nodes merged from two replicas.
    pub merges: u64,
    /// Decisions that were found again after they were acknowledged.
    pub promises: u64,
}

/// What is known of one node's run.
#[derive(Debug, Default)]
struct Watch {
    holding: Holding,
    told: BTreeMap<PeerId, Told>,
    left: BTreeMap<PeerId, u64>,
}

impl Checks {
    /// A node is added; few are watched in a large cluster.
    pub(crate) fn add(&mut self, is_watched: bool) {
        self.watches.push(is_watched.then(Watch::default));
    }

    pub(crate) fn is_watched(&self, node: usize) -> bool {
        self.watches[node].is_some()
    }
}

/// Lets `rule` look at what is known of `at`, and end the run.
fn watch(
    world: &mut World,
    at: usize,
    rule: impl FnOnce(&mut Watch, &World) -> Result<(), String>,
) {
    let Some(mut watch) = world.checks.watches[at].take() else { return };
    if let Err(broken) = rule(&mut watch, world) {
        world.violate(format!("node {at}: {broken}"));
    }
    world.checks.watches[at] = Some(watch);
}

/// A run began with this journal.
/// It holds what is in `snapshot`, and has said nothing yet.
pub(crate) fn started(world: &mut World, at: usize, image: &[u8], snapshot: &[u8]) {
    if !world.checks.is_watched(at) {
        return;
    }
    let recovered = world.library.sheets(image);
    let snapshot = world.library.sheets(snapshot);
    watch(world, at, |watch, world| {
        watch.holding = Holding::of(&snapshot);
        watch.left.clear();
        watch.told = told::roll(world, at);
        watch.holding.holds_all(&recovered, &world.lists[world.nodes[at].list])
    });
    promised::look(world, at);
}

/// A run ended.
pub(crate) fn ended(world: &mut World, at: usize) {
    world.checks.promises.forget_orders(at);
}

/// What was on a node's disk is gone.
pub(crate) fn disk_lost(world: &mut World, at: usize) {
    world.checks.promises.forget(at);
    if world.nodes[at].is_authority {
        let hint = world.nodes[at].peer.hint();
        world.checks.forgetful.insert(hint);
    }
}

/// A node put a frame into its journal.
pub(crate) fn written(world: &mut World, at: usize, sheet: &Rc<Sheet>) {
    let Some(statement) = &sheet.statement else { return };
    world.checks.looks.statements += 1;
    if !statement.is_signed {
        let slot = statement.slot;
        world.violate(format!("node {at} believes what nobody signed: {slot:?}"));
    }
    let mut forgotten = 0;
    watch(world, at, |watch, world| {
        let list = &world.lists[world.nodes[at].list];
        match watch.holding.take(sheet, list, &world.checks.forgetful)? {
            Undone::Broken(undone) if !world.checks.tainted.contains(&statement.slot.subject) => {
                return Err(undone);
            }
            Undone::Forgotten => forgotten += 1,
            Undone::Broken(_) | Undone::Nothing => {}
        }
        Ok(())
    });
    world.tally.decisions_forgotten += forgotten;
}

/// A node told its application something.
pub(crate) fn told(world: &mut World, at: usize, tracker: &Tracker, event: &Event) {
    watch(world, at, |watch, world| {
        told::take(&mut watch.told, tracker, world.now(at), event);
        Ok(())
    });
}

/// A node has done all that it wanted to.
pub(crate) fn settled(world: &mut World, at: usize) {
    promised::settle(world, at);
}

/// A node was given the time, and did what was due.
pub(crate) fn rested(world: &mut World, at: usize) {
    let Some(tracker) = &world.nodes[at].tracker else { return };
    let now_ms = world.now(at).mono_ms;
    if tracker.poll_timeout().is_some_and(|deadline_ms| deadline_ms <= now_ms) {
        world.violate(format!("node {at} is due again at the very time that it was woken"));
    }
}

/// An operator was given a receipt.
pub(crate) fn ordered(world: &mut World, at: usize, subject: PeerId, receipt: Receipt) {
    world.checks.promises.order(at, subject, receipt);
}

/// An authority's key was misused about a node.
pub(crate) fn tainted(world: &mut World, subject: PeerId) {
    world.checks.tainted.insert(subject);
}

/// Whether anybody else who is watched holds what this node said as an authority.
pub(crate) fn is_word_held(world: &World, of: usize) -> bool {
    let writer = world.nodes[of].peer.hint();
    let others = (0..world.nodes.len()).filter(|at| *at != of);
    let running = others.filter(|at| world.nodes[*at].tracker.is_some());
    let mut watches = running.filter_map(|at| world.checks.watches[at].as_ref());
    watches.any(|watch| watch.holding.has_word_of(writer))
}

/// Looks at every watched node.
pub(crate) fn inspect(world: &mut World) {
    for at in 0..world.nodes.len() {
        if world.nodes[at].tracker.is_none() || !world.checks.is_watched(at) {
            continue;
        }
        // What is not signed is not written: there is nothing to compare with.
        let snapshot = snapshot(world, at);
        world.checks.looks.rolls += 1;
        let mut living = 0;
        watch(world, at, |watch, world| {
            if let Some(snapshot) = &snapshot {
                watch.holding.is_all_of(snapshot)?;
            }
            told::compare(&watch.told, &told::roll(world, at))?;
            living = left::look(&mut watch.left, world, at)?;
            Ok(())
        });
        world.checks.looks.living += living;
        promised::look(world, at);
    }
    merged::look(world);
}

/// What a node would write to a new journal, if it could.
fn snapshot(world: &mut World, at: usize) -> Option<Vec<Rc<Sheet>>> {
    let mut bytes = Vec::new();
    let tracker = world.nodes[at].tracker.as_ref().expect("it runs");
    let size = tracker.snapshot(&mut bytes).expect("memory takes all");
    (size > 0).then(|| world.library.sheets(&bytes))
}
