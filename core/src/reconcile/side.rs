//! What one side of a walk holds, and what both sides do alike: describe a range, compare, send.

use core::ops::Range;

use super::{
    LIST_COUNT_MAX,
    part::{Entry, List, Slot, Slots, Writer, children},
    range::KeyRange,
    slot::{self, SlotSet},
    tag::{self, Salt, Tag},
};
use crate::{
    authorities::Authorities,
    node_data::Held,
    peer_id::PeerId,
    roll::{Entry as Node, Roll},
    statement::{Any, Kind, Signed},
    storage::Storage,
};

/// What may still be done for somebody: digests hashed, nodes compared, statements sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work(pub(crate) u64);

impl Work {
    /// Takes so much, if there is so much.
    #[must_use]
    pub(crate) fn spend(&mut self, amount: usize) -> bool {
        match u64::try_from(amount).ok().and_then(|amount| self.0.checked_sub(amount)) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

/// What tags may add to the initiator's stack: what to compare, and what to send.
pub(super) const TAGS_COST: usize = 2;

/// What one side of a walk holds.
#[derive(Debug)]
pub(crate) struct Side<'a, S: Storage> {
    pub(crate) roll: &'a Roll<S>,
    /// The same on both sides.
    pub(crate) authorities: &'a Authorities,
    pub(crate) salt: &'a Salt,
    /// The last change that may be shown.
    pub(crate) visible: u64,
    /// The writer whose statements are kept back, if there is one.
    pub(crate) withheld: Option<&'a PeerId>,
}

/// How a node here stands to what the other side says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) range: KeyRange,
    /// Its place here, if it has one. (More than one where nodes have equal order keys.)
    pub(crate) places: Range<usize>,
    /// The slots that are newer here.
    pub(crate) here: SlotSet,
    /// The slots that are newer there.
    pub(crate) there: SlotSet,
}

impl<S: Storage> Side<'_, S> {
    /// The tag of what is here in `range`; `None` if that is too much work.
    pub(crate) fn tag(&self, range: KeyRange, work: &mut Work) -> Option<Tag> {
        let cost = tag::cost(self.roll, range);
        work.spend(1 + cost).then(|| tag::tag(self.roll, range, self.salt))
    }

    /// Whether suffixes tell apart all nodes at `places` in `range`.
    fn tells_apart(&self, range: KeyRange, places: Range<usize>) -> bool {
        let mut suffixes = places.map(|place| range.suffix(self.roll.at(place).order_key()));
        let mut before = None;
        range.has_whole_suffixes() || suffixes.all(|suffix| before.replace(suffix) != Some(suffix))
    }

    /// Whether no node of `list` could be several of those here.
    pub(crate) fn knows_which(&self, list: &List<'_>) -> bool {
        let mut nodes = list.entries().filter_map(|entry| list.range.node(entry.suffix));
        list.range.has_whole_suffixes() || nodes.all(|node| node.places(self.roll).len() <= 1)
    }

    /// What differs between a range here and a list of it.
    pub(crate) fn differences<'l>(
        &'l self,
        list: &List<'l>,
    ) -> impl Iterator<Item = Difference> + 'l {
        let range = list.range;
        let suffix = move |place: usize| range.suffix(self.roll.at(place).order_key());
        let mut places = range.places(self.roll);
        let mut entries = list.entries().peekable();
        core::iter::from_fn(move || {
            loop {
                // Both are in order: the smaller suffix is next, and may be on one side only.
                let here = places.clone().next().map(suffix);
                let there = entries.peek().map(|entry| entry.suffix);
                let next = here.into_iter().chain(there).min()?;
                let start = places.start;
                places.start += places.clone().take_while(|place| suffix(*place) == next).count();
                let listed = entries.next_if(|entry| entry.suffix == next);
                let again = entries.next_if(|entry| entry.suffix == next).is_some();
                while entries.next_if(|entry| entry.suffix == next).is_some() {}
                let node = range.node(next).expect("suffixes of a list are checked");
                let found = self.difference(node, start..places.start, listed, again);
                if !(found.here | found.there).is_empty() {
                    return Some(found);
                }
            }
        })
    }

    fn difference(
        &self,
        range: KeyRange,
        places: Range<usize>,
        listed: Option<Entry<'_>>,
        again: bool,
    ) -> Difference {
        let (here, there) = match (places.len(), listed) {
            (0, _) => (SlotSet::NONE, SlotSet::ALL),
            (_, None) => (SlotSet::ALL, SlotSet::NONE),
            (1, Some(entry)) if !again => self.compare(self.roll.at(places.start), &entry.slots),
            // Nodes with one order key: all of them, both ways.
            _ => (SlotSet::ALL, SlotSet::ALL),
        };
        Difference { range, places, here, there }
    }

    /// Which slots of a node are newer here, and which there. Equal versions with different
    /// digests are newer on both sides.
    fn compare(&self, node: &Node<S>, theirs: &Slots<'_>) -> (SlotSet, SlotSet) {
        let mut newer_here = SlotSet::NONE;
        let mut newer_there = theirs.iter().fold(SlotSet::NONE, |set, slot| set | slot.set());
        let held = node.node().statements().filter_map(|held| self.slot(held.statement));
        for (ours, slot) in held.map(|filled| (filled.read(self.salt), filled.set())) {
            let theirs = theirs.iter().find(|theirs| theirs.number == ours.number);
            let is_newer = |slot: &Slot, than: &Slot| {
                slot.version > than.version
                    || (slot.version == than.version && slot.digest != than.digest)
            };
            if theirs.is_none_or(|theirs| is_newer(&ours, &theirs)) {
                newer_here |= slot;
            }
            if theirs.is_some_and(|theirs| !is_newer(&theirs, &ours)) {
                newer_there.remove(slot);
            }
        }
        (newer_here, newer_there)
    }

    fn may_show(&self, held: &Held<'_>) -> bool {
        let is_withheld = self.withheld.is_some_and(|writer| match held.statement.kind() {
            Kind::Announcement => held.statement.subject_bytes() == writer.as_bytes(),
            Kind::Decision | Kind::Presence => {
                self.authorities.resolve(held.statement.writer()) == Some(writer)
            }
        });
        held.changed <= self.visible && !is_withheld
    }

    /// The slot of a statement. `None` of a writer who is no authority: the roll holds none of
    /// theirs.
    fn slot<'s>(&self, statement: Signed<'s, Any>) -> Option<Filled<'s>> {
        let writer = match statement.kind() {
            Kind::Announcement => 0,
            Kind::Decision | Kind::Presence => self.authorities.index_of(statement.writer())?,
        };
        Some(Filled { number: slot::number(statement.kind(), writer), statement })
    }
}

/// Writes the parts of one message of one side.
#[derive(Debug)]
pub(crate) struct Pen<'a, 'o, S: Storage> {
    pub(crate) side: &'a Side<'a, S>,
    pub(crate) work: &'a mut Work,
    pub(crate) out: Writer<'o>,
}

impl<S: Storage> Pen<'_, '_, S> {
    /// Writes what is here in `range`, of the children in `spoken_of`: a list where that is short,
    /// else tags. Gives its cost, which is at most `credit`; `None` if there is not enough of
    /// credit, room or work.
    pub(crate) fn describe(
        &mut self,
        range: KeyRange,
        spoken_of: u16,
        credit: usize,
    ) -> Option<usize> {
        let mut places = range.places(self.side.roll);
        if range.is_single() {
            // So many nodes with one order key are not made by chance: the first of them will do.
            places.end = places.end.min(places.start + LIST_COUNT_MAX.min(credit));
        }
        let list_cost = places.len().max(1);
        let is_short = places.len() <= LIST_COUNT_MAX && list_cost <= credit;
        if is_short && self.side.tells_apart(range, places.clone()) {
            if self.whole(|pen| pen.list(range, places)).is_some() {
                return Some(list_cost);
            }
            // A list that no message takes gives way to tags, any other waits for the next one.
            if self.out.used() > 0 {
                return None;
            }
        }
        self.describe_children(range, spoken_of, credit)
    }

    /// As [`Pen::describe`], by tags whatever is there.
    pub(crate) fn describe_children(
        &mut self,
        range: KeyRange,
        spoken_of: u16,
        credit: usize,
    ) -> Option<usize> {
        if range.is_single() || credit < TAGS_COST {
            return None;
        }
        self.whole(|pen| pen.tags(range, spoken_of))?;
        Some(TAGS_COST)
    }

    fn list(&mut self, range: KeyRange, mut places: Range<usize>) -> Option<()> {
        self.out.list(range, places.len())?;
        places.try_for_each(|place| {
            let node = self.side.roll.at(place);
            self.out.suffix(range.suffix(node.order_key()))?;
            self.slots(node)
        })
    }

    fn tags(&mut self, range: KeyRange, spoken_of: u16) -> Option<()> {
        self.out.tags(range, spoken_of)?;
        children(spoken_of)
            .try_for_each(|child| self.out.tag(self.side.tag(range.child(child), self.work)?))
    }

    /// Asks for slots of the node in `range`.
    pub(crate) fn want(&mut self, range: KeyRange, slots: SlotSet) -> Option<()> {
        self.whole(|pen| pen.out.want(range, slots))
    }

    fn slots(&mut self, node: &Node<S>) -> Option<()> {
        let side = self.side;
        let slots = || node.node().statements().filter_map(|held| side.slot(held.statement));
        let count = slots().count();
        if !self.work.spend(count) {
            return None;
        }
        self.out.slots(count)?;
        slots().try_for_each(|slot| self.out.slot(&slot.read(side.salt)))
    }

    /// Writes the statements in `slots` of the node at `place`. Gives those for which there was not
    /// enough of room or work.
    pub(crate) fn send(&mut self, place: usize, slots: SlotSet) -> SlotSet {
        let mut unsent = SlotSet::NONE;
        let side = self.side;
        for held in side.roll.at(place).node().statements() {
            let Some(slot) = side.slot(held.statement) else { continue };
            if !slots.contains(slot.number) || !side.may_show(&held) {
                continue;
            }
            // In order: what vouches for a node goes before what it says of itself.
            let is_over = !unsent.is_empty() || !self.work.spend(1);
            // One that an empty message does not take is given up.
            let is_sent =
                !is_over && self.whole(|pen| pen.out.statement(&held.statement)).is_some();
            if is_over || (!is_sent && self.out.used() > 0) {
                unsent |= slot.set();
            }
        }
        unsent
    }

    /// Writes what `part` writes, or nothing if that says `None`.
    fn whole(&mut self, part: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let before = self.out.mark();
        let written = part(self);
        if written.is_none() {
            self.out.rewind(before);
        }
        written
    }
}

/// A statement with the number of its slot.
#[derive(Clone, Copy)]
struct Filled<'a> {
    number: u8,
    statement: Signed<'a, Any>,
}

impl Filled<'_> {
    fn set(&self) -> SlotSet {
        SlotSet::of(self.number)
    }

    /// As it is listed.
    fn read(&self, salt: &Salt) -> Slot {
        let digest = tag::digest(self.statement.body(), salt);
        Slot { number: self.number, version: self.statement.version(), digest }
    }
}
