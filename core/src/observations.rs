//! The observer's side: what this node counted about others and no authority has acknowledged.
//!
//! Invariants:
//! - a batch that was handed to an authority is that one's until it is acknowledged, whoever is
//!   the home meanwhile: another authority never sees it;
//! - a batch has the same number and counts each time that it is sent;
//! - bounded: full means refuse.

use crate::{
    limits::{AUTHORITIES_MAX, BATCH_COUNT_MAX, OBSERVATIONS_MAX, OBSERVATIONS_WAITING_MAX},
    message::{Observation, encode_observation},
    peer_id::Hint,
    roll::Roll,
    storage::{Full, List, Storage},
    tallies::Counter,
};

/// One counter of one node.
#[derive(Debug)]
struct Seen {
    /// The node's order key.
    subject: u64,
    /// When it last grew, in unix seconds.
    last: u64,
    /// How much is not acknowledged.
    count: u32,
    /// Of this: what the batch under way holds.
    sent: u32,
    /// The authority that the batch is for; nobody where it is in none.
    to: Hint,
    counter: Counter,
}

/// What was counted and not acknowledged.
#[derive(Debug)]
pub(crate) struct Observations<S: Storage> {
    seen: S::PerNode<Seen>,
    /// The number of the last batch for each authority.
    batches: heapless::Vec<(Hint, u32), AUTHORITIES_MAX>,
}

impl<S: Storage> Observations<S> {
    /// Nothing.
    pub(crate) const fn new() -> Observations<S> {
        Observations {
            seen: <S::PerNode<Seen> as List<Seen>>::EMPTY,
            batches: heapless::Vec::new(),
        }
    }

    /// Counts.
    pub(crate) fn note(
        &mut self,
        subject: u64,
        counter: Counter,
        count: u32,
        last: u64,
    ) -> Result<(), Full> {
        let is_it = |seen: &&mut Seen| {
            seen.subject == subject && seen.counter == counter && !seen.to.is_some()
        };
        if let Some(seen) = self.seen.iter_mut().find(is_it) {
            seen.count = seen.count.checked_add(count).ok_or(Full)?;
            seen.last = seen.last.max(last);
            return Ok(());
        }
        let end = self.seen.len();
        if end >= OBSERVATIONS_WAITING_MAX {
            return Err(Full);
        }
        self.seen.insert_at(end, Seen { subject, last, count, sent: 0, to: Hint::NONE, counter })
    }

    /// How many counts are not acknowledged.
    pub(crate) fn waiting(&self) -> u64 {
        self.seen.iter().map(|seen| u64::from(seen.count)).sum()
    }

    /// The number of the batch for `to`: the one that is under way or, if `may_begin`, the next.
    pub(crate) fn batch_for(&mut self, to: Hint, may_begin: bool) -> Option<u32> {
        if self.seen.iter().any(|seen| seen.to == to) {
            return self.number(to);
        }
        if !may_begin || self.seen.iter().all(|seen| seen.to.is_some()) {
            return None;
        }
        let number = self.number(to).unwrap_or(0).checked_add(1)?;
        match self.batches.iter_mut().find(|(hint, _)| *hint == to) {
            Some((_, last)) => *last = number,
            None => self.batches.push((to, number)).ok()?,
        }
        let mut room = BATCH_COUNT_MAX;
        let free = self.seen.iter_mut().filter(|seen| !seen.to.is_some());
        for seen in free.take(OBSERVATIONS_MAX) {
            if room == 0 {
                break;
            }
            seen.to = to;
            seen.sent = seen.count.min(room);
            room -= seen.sent;
        }
        Some(number)
    }

    fn number(&self, to: Hint) -> Option<u32> {
        self.batches.iter().find(|(hint, _)| *hint == to).map(|(_, number)| *number)
    }

    /// Writes the batch for `to`, without what is about nodes that left the roll; says its size.
    pub(crate) fn write(&self, to: Hint, roll: &Roll<S>, out: &mut [u8]) -> usize {
        let mut size = 0;
        for seen in self.seen.iter().filter(|seen| seen.to == to) {
            let Some(subject) = roll.subject_with(seen.subject) else { continue };
            let observation = Observation {
                subject: subject.as_bytes(),
                counter: seen.counter.number(),
                count: seen.sent,
                last: seen.last,
            };
            size += encode_observation(&observation, &mut out[size..])
                .expect("a batch has room for as many observations as it may hold");
        }
        size
    }

    /// Gives up what is under way to who does not act any more. Whether it was counted is not known.
    pub(crate) fn give_up(&mut self, acts: impl Fn(Hint) -> bool) {
        for index in (0..self.seen.len()).rev() {
            let to = self.seen[index].to;
            if to.is_some() && !acts(to) {
                self.seen.remove_at(index);
            }
        }
        self.batches.retain(|(hint, _)| acts(*hint));
    }

    /// `by` has counted the batches up to number `observed`.
    pub(crate) fn acknowledged(&mut self, by: Hint, observed: u32) {
        if self.number(by).is_none_or(|number| observed < number) {
            return;
        }
        for index in (0..self.seen.len()).rev() {
            let seen = &mut self.seen[index];
            if seen.to != by {
                continue;
            }
            seen.count -= seen.sent;
            (seen.sent, seen.to) = (0, Hint::NONE);
            if seen.count == 0 {
                self.seen.remove_at(index);
            }
        }
    }
}
