//! The answering side of a walk.
//!
//! Invariants:
//! - nothing is kept from one request to the next: an answer follows from the roll and the request;
//! - an answer's cost is at most the credit, its size at most the room, its work what is granted;
//! - where it stops short, everything before that place is answered.

use super::{
    ALL_CHILDREN,
    part::{List, Part, Parts, Tags, Want},
    range::KeyRange,
    side::{Difference, Pen},
    slot::SlotSet,
    tag::{EMPTY, Tag},
};
use crate::storage::Storage;

/// Where an answer stops short: how many questions are answered before, and before which child of
/// the range that the next one is about.
pub(crate) type Resume = (u16, u8);

/// Answers the questions of a request, whose statements were taken in, as far as it may.
pub(crate) fn answer<S: Storage>(
    request: &Parts<'_>,
    credit: u16,
    pen: &mut Pen<'_, '_, S>,
) -> Option<Resume> {
    let mut answer = Answer { pen, credit: credit.into() };
    // Questions beyond those that can be numbered are not answered; nobody asks so many.
    for (number, question) in (0..u16::MAX).zip(request.questions()) {
        let stopped = match &question {
            Part::Tags(tags) => answer.tags(tags),
            Part::List(list) => answer.list(list).map_err(|Stop| 0),
            Part::Want(want) => answer.want(want).map_err(|Stop| 0),
            Part::Statements(_) => Ok(()),
        };
        if let Err(child) = stopped {
            return Some((number, child));
        }
    }
    None
}

/// There is not enough of credit, room or work to go on.
struct Stop;

struct Answer<'p, 'a, 'o, S: Storage> {
    pen: &'p mut Pen<'a, 'o, S>,
    /// What the rest of the answer may cost.
    credit: usize,
}

impl<S: Storage> Answer<'_, '_, '_, S> {
    /// Answers each child that differs. Where it stops, the error is the child.
    fn tags(&mut self, tags: &Tags<'_>) -> Result<(), u8> {
        tags.iter().try_for_each(|(child, theirs)| {
            self.child(tags.range.child(child), theirs).map_err(|Stop| child)
        })
    }

    fn child(&mut self, range: KeyRange, theirs: Tag) -> Result<(), Stop> {
        let ours = self.pen.side.tag(range, self.pen.work).ok_or(Stop)?;
        if ours == theirs {
            return Ok(());
        }
        if theirs == EMPTY {
            // All that is here is new there.
            let mut places = range.places(self.pen.side.roll);
            return places.try_for_each(|place| self.send(place, SlotSet::ALL));
        }
        self.credit -= self.pen.describe(range, ALL_CHILDREN, self.credit).ok_or(Stop)?;
        Ok(())
    }

    /// Sends what is newer here than in the list, and asks for what is newer there.
    fn list(&mut self, list: &List<'_>) -> Result<(), Stop> {
        self.compare(list.count() + self.pen.side.looking_through(list.range))?;
        if !self.pen.side.knows_which(list) {
            let described = self.pen.describe_children(list.range, ALL_CHILDREN, self.credit);
            self.credit -= described.ok_or(Stop)?;
            return Ok(());
        }
        for Difference { range, mut places, here, there } in self.pen.side.differences(list) {
            self.compare(1)?;
            places.try_for_each(|place| self.send(place, here))?;
            if !there.is_empty() {
                self.credit = self.credit.checked_sub(1).ok_or(Stop)?;
                self.pen.want(range, there).ok_or(Stop)?;
            }
        }
        Ok(())
    }

    /// Sends what is asked for.
    fn want(&mut self, want: &Want) -> Result<(), Stop> {
        let mut places = want.range.places(self.pen.side.roll);
        self.compare(places.len().max(1))?;
        places.try_for_each(|place| self.send(place, want.slots))
    }

    fn send(&mut self, place: usize, slots: SlotSet) -> Result<(), Stop> {
        if self.pen.send(place, slots).is_empty() { Ok(()) } else { Err(Stop) }
    }

    /// Accounts for so many comparisons.
    fn compare(&mut self, count: usize) -> Result<(), Stop> {
        if self.pen.work.spend(count) { Ok(()) } else { Err(Stop) }
    }
}
