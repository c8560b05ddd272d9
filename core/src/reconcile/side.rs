//! What one side of a walk holds, and what both sides do alike: describe a range, compare, send.
//!
//! Invariants:
//! - what is out of scope is as if it were not held: a node of which nothing is in scope is in no
//!   tag and no list, and what is out of scope of others is neither listed, nor compared, nor sent;
//! - looking at what is out of scope is work, too.

use core::ops::Range;

use super::{
    LIST_COUNT_MAX,
    part::{Entry, List, Slot, Slots, Writer, children},
    range::KeyRange,
    slot::{self, SlotSet},
    tag::{self, Salt, Tag, Tagger},
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
    /// Whether there is so much.
    fn allows(&self, amount: usize) -> bool {
        u64::try_from(amount).is_ok_and(|amount| amount <= self.0)
    }

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

/// What a walk is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All statements: both sides list the same authorities.
    Everything,
    /// The decisions and presences of those authorities that both sides list. What nodes say of
    /// themselves is not in it: who admits a node, and so who holds its announcement, may be another
    /// matter on each side.
    InCommon,
}

/// The nodes that a list names, by their places.
type Places = heapless::Vec<usize, LIST_COUNT_MAX>;

/// What one side of a walk holds.
#[derive(Debug)]
pub(crate) struct Side<'a, S: Storage> {
    pub(crate) roll: &'a Roll<S>,
    /// Whose decisions and presences are in scope: the same on both sides.
    pub(crate) authorities: &'a Authorities,
    pub(crate) scope: Scope,
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
    /// Its place here, if it has one. (More than one where nodes have equal order keys. Those of
    /// which nothing is in scope may be between them.)
    pub(crate) places: Range<usize>,
    /// The slots that are newer here.
    pub(crate) here: SlotSet,
    /// The slots that are newer there.
    pub(crate) there: SlotSet,
}

impl<S: Storage> Side<'_, S> {
    /// The tag of what is here in `range`; `None` if that is too much work.
    pub(crate) fn tag(&self, range: KeyRange, work: &mut Work) -> Option<Tag> {
        match self.scope {
            Scope::Everything => {
                let cost = tag::cost(self.roll, range);
                work.spend(1 + cost).then(|| tag::tag(self.roll, range, self.salt))
            }
            Scope::InCommon => self.tag_in_common(range, work),
        }
    }

    /// The same, of what is in scope alone: no digest of that is at hand.
    fn tag_in_common(&self, range: KeyRange, work: &mut Work) -> Option<Tag> {
        let places = range.places(self.roll);
        // What is begun is done to its end, or it would be begun again and again.
        let slots_max = 2 * self.authorities.iter().count();
        if !work.allows(1 + places.len() * (1 + slots_max)) {
            return None;
        }
        let mut tagger = Tagger::new(self.salt);
        let mut cost = 1 + places.len();
        for node in places.map(|place| self.roll.at(place)) {
            for (index, slot) in self.slots(node).enumerate() {
                if index == 0 {
                    tagger.node(node.order_key());
                }
                tagger.slot(slot.number, slot.statement.body());
                cost += 1;
            }
        }
        work.spend(cost).then(|| tagger.finish())
    }

    /// The places in `range` of nodes of which something is in scope.
    fn places(&self, range: KeyRange) -> impl Iterator<Item = usize> {
        range.places(self.roll).filter(|place| self.is_in_scope(self.roll.at(*place)))
    }

    /// Whether something of a node is in scope.
    fn is_in_scope(&self, node: &Node<S>) -> bool {
        self.scope == Scope::Everything || self.slots(node).next().is_some()
    }

    /// What it costs to go over `range` for what is in scope, where that is not everything.
    pub(crate) fn looking_through(&self, range: KeyRange) -> usize {
        match self.scope {
            Scope::Everything => 0,
            Scope::InCommon => range.places(self.roll).len(),
        }
    }

    /// The nodes in `range`, where one list that costs no more than `credit` can name them. `None`
    /// where it cannot, or finding out is too much work.
    fn listable(&self, range: KeyRange, credit: usize, work: &mut Work) -> Option<Places> {
        // So many nodes with one order key are not made by chance: the first of them will do.
        let count_max = if range.is_single() { LIST_COUNT_MAX.min(credit) } else { usize::MAX };
        let mut listed = Places::new();
        for place in range.places(self.roll) {
            if listed.len() == count_max {
                break;
            }
            if self.scope == Scope::InCommon && !work.spend(1) {
                return None;
            }
            if self.is_in_scope(self.roll.at(place)) {
                listed.push(place).ok()?;
            }
        }
        let is_short = list_cost(&listed) <= credit;
        (is_short && self.tells_apart(range, &listed)).then_some(listed)
    }

    /// Whether suffixes tell apart all nodes at `places` in `range`.
    fn tells_apart(&self, range: KeyRange, places: &Places) -> bool {
        let mut suffixes =
            places.iter().map(|place| range.suffix(self.roll.at(*place).order_key()));
        let mut before = None;
        range.has_whole_suffixes() || suffixes.all(|suffix| before.replace(suffix) != Some(suffix))
    }

    /// Whether no node of `list` could be several of those here.
    pub(crate) fn knows_which(&self, list: &List<'_>) -> bool {
        let mut nodes = list.entries().filter_map(|entry| list.range.node(entry.suffix));
        list.range.has_whole_suffixes() || nodes.all(|node| self.places(node).nth(1).is_none())
    }

    /// What differs between a range here and a list of it.
    pub(crate) fn differences<'l>(
        &'l self,
        list: &List<'l>,
    ) -> impl Iterator<Item = Difference> + 'l {
        let range = list.range;
        let suffix = move |place: usize| range.suffix(self.roll.at(place).order_key());
        let mut places = self.places(range).peekable();
        let mut entries = list.entries().peekable();
        core::iter::from_fn(move || {
            loop {
                // Both are in order: the smaller suffix is next, and may be on one side only.
                let here = places.peek().map(|place| suffix(*place));
                let there = entries.peek().map(|entry| entry.suffix);
                let next = here.into_iter().chain(there).min()?;
                let mut held = core::iter::from_fn(|| places.next_if(|p| suffix(*p) == next));
                let (first, last, several) = match (held.next(), held.last()) {
                    (None, _) => (0, None, false),
                    (Some(only), None) => (only, Some(only), false),
                    (Some(first), last) => (first, last, true),
                };
                let held = first..last.map_or(first, |last| last + 1);
                let listed = entries.next_if(|entry| entry.suffix == next);
                let again = entries.next_if(|entry| entry.suffix == next).is_some();
                while entries.next_if(|entry| entry.suffix == next).is_some() {}
                let node = range.node(next).expect("suffixes of a list are checked");
                let found = self.difference(node, held, listed, several || again);
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
        are_several: bool,
    ) -> Difference {
        let (here, there) = match listed {
            _ if places.is_empty() => (SlotSet::NONE, SlotSet::ALL),
            None => (SlotSet::ALL, SlotSet::NONE),
            Some(entry) if !are_several => self.compare(self.roll.at(places.start), &entry.slots),
            // Nodes with one order key: all of them, both ways.
            Some(_) => (SlotSet::ALL, SlotSet::ALL),
        };
        Difference { range, places, here, there }
    }

    /// Which slots of a node are newer here, and which there. Equal versions with different
    /// digests are newer on both sides.
    fn compare(&self, node: &Node<S>, theirs: &Slots<'_>) -> (SlotSet, SlotSet) {
        let mut newer_here = SlotSet::NONE;
        let mut newer_there = theirs.iter().fold(SlotSet::NONE, |set, slot| set | slot.set());
        let held = self.slots(node).map(|filled| (filled.read(self.salt), filled.set()));
        for (ours, slot) in held {
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

    /// What is in scope of a node.
    fn slots<'s>(&'s self, node: &'s Node<S>) -> impl Iterator<Item = Filled<'s>> {
        node.node().statements().filter_map(|held| self.slot(held.statement))
    }

    /// The slot of a statement; `None` where that is out of scope.
    fn slot<'s>(&self, statement: Signed<'s, Any>) -> Option<Filled<'s>> {
        let writer = match statement.kind() {
            Kind::Announcement if self.scope == Scope::InCommon => return None,
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
        if let Some(places) = self.side.listable(range, credit, self.work) {
            if self.whole(|pen| pen.list(range, &places)).is_some() {
                return Some(list_cost(&places));
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

    fn list(&mut self, range: KeyRange, places: &Places) -> Option<()> {
        self.out.list(range, places.len())?;
        places.iter().try_for_each(|place| {
            let node = self.side.roll.at(*place);
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
        let count = side.slots(node).count();
        if !self.work.spend(count) {
            return None;
        }
        self.out.slots(count)?;
        side.slots(node).try_for_each(|slot| self.out.slot(&slot.read(side.salt)))
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

/// What a list of so many nodes costs.
fn list_cost(places: &Places) -> usize {
    places.len().max(1)
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
