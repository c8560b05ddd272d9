//! The asking side of a walk: a stack of what is still to be done.
//!
//! Each step of the stack is a piece of work in one range. A request does what it can from the top
//! of the stack down: it sends statements, whose steps are then done, and asks questions, whose
//! steps wait for the answer. An answer takes its questions' steps off the top, and puts what it
//! leads to in their place: so the walk goes down first, and the stack stays small.
//!
//! Invariants:
//! - the questions of a request are, in order, those of the steps from the top down, whatever
//!   happens to the roll before they are answered;
//! - an answer adds at most its cost, and one step where it stops short; the credit of a request
//!   leaves room for both, and for one way down to the last bit beside;
//! - a peer that does not keep to this is found [`Broken`].

use super::{
    ALL_CHILDREN,
    part::{List, Part, Parts, Tags, Want, children},
    range::KeyRange,
    responder::Resume,
    side::{Pen, Side, TAGS_COST, Work},
    slot::SlotSet,
    tag::EMPTY,
};
use crate::storage::{Full, List as _, Storage};

/// Steps that are never granted as credit. With no more than the least credit a walk goes down one
/// range at a time, and every 8 bits of the way down add three steps at most: what to compare,
/// what to ask again of one of its children, and what to send.
const RESERVE: usize = 64 / 8 * 3 + 2;
/// How many questions are asked at once before it is known how many can be answered.
const WINDOW_FIRST: u16 = 64;
/// The least credit: tags can always be given.
const CREDIT_MIN: usize = TAGS_COST;

/// The other side does not do its part, or the walk is too much work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// A piece of work. A range is given by the first `bits` bits of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Describe these children of a range as one question.
    Ask { prefix: u64, bits: u8, children: u16 },
    /// Describe each of these children of a range as a question of its own.
    Compare { prefix: u64, bits: u8, children: u16 },
    /// Send all of these children of a range, from the order key `from` on.
    Send { from: u64, bits: u8, children: u16 },
    /// Send these slots of a node, then ask for those.
    Node { prefix: u64, bits: u8, here: SlotSet, there: SlotSet },
}

const _: () = assert!(size_of::<Step>() == 16);

/// What is still to be done.
#[derive(Debug)]
pub(crate) struct Walk<S: Storage> {
    stack: S::PerWalk<Step>,
    /// How many questions the last request asked.
    asked: u16,
    /// How many questions the next one asks at most: as many as could be answered of the last, and
    /// twice that where those were all. So few are asked in vain.
    window: u16,
    /// Whether statements were sent at all, and with the last request.
    sent: bool,
    sent_in_step: bool,
}

impl<S: Storage> Walk<S> {
    /// Nothing is to be done.
    pub(crate) const fn new() -> Walk<S> {
        Walk {
            stack: <S::PerWalk<Step> as crate::storage::List<Step>>::EMPTY,
            asked: 0,
            window: 0,
            sent: false,
            sent_in_step: false,
        }
    }

    /// Begins with the whole roll.
    pub(crate) fn begin(&mut self) {
        self.end();
        self.window = WINDOW_FIRST;
        let (prefix, bits) = (KeyRange::ALL.prefix(), KeyRange::ALL.bits());
        self.stack
            .insert_at(0, Step::Ask { prefix, bits, children: ALL_CHILDREN })
            .expect("an empty stack has room");
    }

    /// Gives up what is still to be done.
    pub(crate) fn end(&mut self) {
        self.truncate(0);
        self.asked = 0;
        self.sent = false;
    }

    /// Whether nothing is left to be done.
    pub(crate) fn is_done(&self) -> bool {
        self.stack.is_empty()
    }

    /// How many questions the last request asked.
    pub(crate) fn asked(&self) -> u16 {
        self.asked
    }

    /// How many steps are left.
    #[cfg(all(test, feature = "alloc"))]
    pub(super) fn depth(&self) -> usize {
        self.stack.len()
    }

    /// Whether statements were sent.
    pub(crate) fn sent(&self) -> bool {
        self.sent
    }

    /// Whether the last request sent any.
    pub(crate) fn sent_in_step(&self) -> bool {
        self.sent_in_step
    }

    /// How much an answer may cost.
    pub(crate) fn credit(&self) -> u16 {
        let credit = self.room().saturating_sub(RESERVE).max(CREDIT_MIN);
        u16::try_from(credit).unwrap_or(u16::MAX)
    }

    fn room(&self) -> usize {
        S::WALK_MAX.min(self.stack.capacity_max()) - self.stack.len()
    }

    /// Writes the next request's parts: what there is to send and to ask, as far as there is room.
    pub(crate) fn write(&mut self, pen: &mut Pen<'_, '_, S>) -> Result<(), Broken> {
        (self.asked, self.sent_in_step) = (0, false);
        let mut index = self.stack.len();
        while index > 0 {
            index -= 1;
            let is_written = match self.stack[index] {
                Step::Ask { prefix, bits, children } => {
                    self.ask(KeyRange::around(prefix, bits), children, pen)
                }
                Step::Compare { prefix, bits, children: set } => {
                    let range = KeyRange::around(prefix, bits);
                    children(set).all(|child| self.ask(range.child(child), ALL_CHILDREN, pen))
                }
                Step::Send { from, bits, children } => {
                    self.send_range(index, (from, bits, children), pen)
                }
                Step::Node { prefix, bits, here, there } => {
                    let range = KeyRange::around(prefix, bits);
                    self.write_node(index, range, (here, there), pen)
                }
            };
            if !is_written {
                break;
            }
        }
        // What is sent is done. (Where nothing at all could be written there is no going on.)
        self.pop_done();
        if pen.out.used() > 0 || self.is_done() { Ok(()) } else { Err(Broken) }
    }

    fn ask(&mut self, range: KeyRange, children: u16, pen: &mut Pen<'_, '_, S>) -> bool {
        let is_asked =
            self.asked < self.window && pen.describe(range, children, usize::MAX).is_some();
        self.asked += u16::from(is_asked);
        is_asked
    }

    fn send_range(
        &mut self,
        index: usize,
        (mut from, bits, mut set): (u64, u8, u16),
        pen: &mut Pen<'_, '_, S>,
    ) -> bool {
        let range = KeyRange::around(from, bits);
        while let Some(child) = children(set).next() {
            let places = range.child(child).places(pen.side.roll);
            let start = places.start.max(pen.side.roll.places(from, 64).start);
            let unsent = (start..places.end)
                .map(|place| (place, self.send(place, SlotSet::ALL, pen)))
                .find(|(_, unsent)| !unsent.is_empty());
            if let Some((place, here)) = unsent {
                // It goes on behind this node, the rest of which goes first.
                let prefix = pen.side.roll.at(place).order_key();
                if place + 1 < places.end {
                    from = pen.side.roll.at(place + 1).order_key();
                } else {
                    set &= set - 1;
                }
                self.stack[index] = Step::Send { from, bits, children: set };
                self.insert(index + 1, Step::Node { prefix, bits: 64, here, there: SlotSet::NONE });
                return false;
            }
            set &= set - 1;
        }
        self.stack[index] = Step::Send { from, bits, children: set };
        true
    }

    fn write_node(
        &mut self,
        index: usize,
        range: KeyRange,
        (here, there): (SlotSet, SlotSet),
        pen: &mut Pen<'_, '_, S>,
    ) -> bool {
        let (prefix, bits) = (range.prefix(), range.bits());
        let places = range.places(pen.side.roll);
        let here = places.fold(SlotSet::NONE, |unsent, place| unsent | self.send(place, here, pen));
        self.stack[index] = Step::Node { prefix, bits, here, there };
        if !here.is_empty() || there.is_empty() {
            return here.is_empty();
        }
        let is_asked = self.asked < self.window && pen.want(range, there).is_some();
        self.asked += u16::from(is_asked);
        is_asked
    }

    fn send(&mut self, place: usize, slots: SlotSet, pen: &mut Pen<'_, '_, S>) -> SlotSet {
        let before = pen.out.used();
        let unsent = pen.send(place, slots);
        self.sent_in_step |= pen.out.used() > before;
        self.sent |= self.sent_in_step;
        unsent
    }

    /// Takes the answered questions off the stack. Says whether the answer got any further.
    pub(crate) fn settle(&mut self, resume: Option<Resume>) -> Result<bool, Broken> {
        let (answered, child) = resume.unwrap_or((self.asked, 0));
        if answered > self.asked || child >= 16 || (answered == self.asked && resume.is_some()) {
            return Err(Broken);
        }
        self.window = match resume {
            Some(_) => answered.max(1),
            None => self.window.saturating_mul(2),
        };
        let mut left = answered;
        loop {
            self.pop_done();
            if left == 0 {
                break;
            }
            match self.stack.last_mut() {
                Some(Step::Ask { children, .. }) => *children = 0,
                Some(Step::Compare { children, .. }) => *children &= *children - 1,
                Some(Step::Node { here: SlotSet::NONE, there, .. }) => *there = SlotSet::NONE,
                Some(Step::Node { .. } | Step::Send { .. }) | None => return Err(Broken),
            }
            left -= 1;
        }
        Ok(self.skip_children(child)? || answered > 0)
    }

    /// Takes the children before `child` out of the question that is next.
    fn skip_children(&mut self, child: u8) -> Result<bool, Broken> {
        let rest = ALL_CHILDREN << child;
        if child == 0 {
            return Ok(false);
        }
        match self.stack.last_mut() {
            Some(Step::Ask { children, .. }) => {
                let before = *children;
                *children &= rest;
                Ok(*children != before)
            }
            // That question goes on as a step of its own.
            Some(Step::Compare { prefix, bits, children: set }) => {
                let first = children(*set).next().ok_or(Broken)?;
                let range = KeyRange::around(*prefix, *bits).child(first);
                *set &= *set - 1;
                let (prefix, bits) = (range.prefix(), range.bits());
                self.push(Step::Ask { prefix, bits, children: rest })?;
                Ok(true)
            }
            _ => Err(Broken),
        }
    }

    /// Puts what an answer leads to on the stack, after its statements were taken in.
    pub(crate) fn read(
        &mut self,
        side: &Side<'_, S>,
        answer: &Parts<'_>,
        work: &mut Work,
    ) -> Result<(), Broken> {
        answer.questions().try_for_each(|part| match &part {
            // Nothing was asked, so there is nothing to answer.
            _ if self.asked == 0 => Err(Broken),
            Part::Tags(tags) => self.read_tags(side, tags, work),
            Part::List(list) => self.read_list(side, list, work),
            Part::Want(want) => self.read_want(side, want, work),
            Part::Statements(_) => Ok(()),
        })
    }

    fn read_tags(
        &mut self,
        side: &Side<'_, S>,
        tags: &Tags<'_>,
        work: &mut Work,
    ) -> Result<(), Broken> {
        let (mut differ, mut lacked) = (0, 0);
        for (child, theirs) in tags.iter() {
            if side.tag(tags.range.child(child), work).ok_or(Broken)? == theirs {
                continue;
            }
            *(if theirs == EMPTY { &mut lacked } else { &mut differ }) |= 1 << child;
        }
        let (prefix, bits) = (tags.range.prefix(), tags.range.bits());
        if differ != 0 {
            self.push(Step::Compare { prefix, bits, children: differ })?;
        }
        if lacked != 0 {
            self.push(Step::Send { from: prefix, bits, children: lacked })?;
        }
        Ok(())
    }

    fn read_list(
        &mut self,
        side: &Side<'_, S>,
        list: &List<'_>,
        work: &mut Work,
    ) -> Result<(), Broken> {
        let (range, limit) = (list.range, list.count().max(1));
        let (prefix, bits) = (range.prefix(), range.bits());
        if list.count() == 0 && !range.is_single() {
            return self.push(Step::Send { from: prefix, bits, children: ALL_CHILDREN });
        }
        if !work.spend(side.looking_through(range)) {
            return Err(Broken);
        }
        let knows_which = side.knows_which(list);
        let (depth, mut count, mut differ) = (self.stack.len(), 0, 0);
        for difference in side.differences(list) {
            if !work.spend(1) {
                return Err(Broken);
            }
            count += 1;
            let node = difference.range;
            differ |= 1 << range.child_of(node.prefix());
            let (prefix, bits) = (node.prefix(), node.bits());
            if count <= limit {
                let (here, there) = (difference.here, difference.there);
                self.push(Step::Node { prefix, bits, there, here })?;
            }
        }
        // More than the list accounts for, or nobody knows what: one level further down.
        if (count > limit || !knows_which) && !range.is_single() {
            self.truncate(depth);
            self.push(Step::Compare { prefix, bits, children: differ })?;
        }
        Ok(())
    }

    fn read_want(
        &mut self,
        side: &Side<'_, S>,
        want: &Want,
        work: &mut Work,
    ) -> Result<(), Broken> {
        // It is about one node, or it will be paid for.
        if !work.spend(want.range.places(side.roll).len()) {
            return Err(Broken);
        }
        let (prefix, bits) = (want.range.prefix(), want.range.bits());
        self.push(Step::Node { prefix, bits, here: want.slots, there: SlotSet::NONE })
    }

    fn push(&mut self, step: Step) -> Result<(), Broken> {
        // Beyond the credit.
        if self.room() == 0 {
            return Err(Broken);
        }
        let end = self.stack.len();
        self.stack.insert_at(end, step).map_err(|Full| Broken)
    }

    /// As [`Walk::push`] further down; given up where there is no room, for another walk to find.
    fn insert(&mut self, index: usize, step: Step) {
        if self.room() > 0 {
            let _ = self.stack.insert_at(index, step);
        }
    }

    /// Takes off the top what is done.
    fn pop_done(&mut self) {
        while let Some(top) = self.stack.last() {
            let is_done = match top {
                Step::Ask { children, .. }
                | Step::Compare { children, .. }
                | Step::Send { children, .. } => *children == 0,
                Step::Node { here, there, .. } => (*here | *there).is_empty(),
            };
            if !is_done {
                return;
            }
            self.truncate(self.stack.len() - 1);
        }
    }

    fn truncate(&mut self, count: usize) {
        while self.stack.len() > count {
            self.stack.swap_remove_at(self.stack.len() - 1);
        }
    }
}
