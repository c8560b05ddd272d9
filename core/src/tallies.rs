//! What nodes count about others: eight counters for each node.
//!
//! An observer counts and hands over, its home adds up and publishes, and the fold sums over the
//! authorities. See `observations` for the one side and `counting` for the other.

use crate::{limits::TALLIES_MAX, statement::Tally};

/// Which of a node's eight counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter(u8);

impl Counter {
    /// The node did what it was asked to do.
    pub const SUCCESSES: Counter = Counter(0);
    /// The node did not answer in time.
    pub const TIMEOUTS: Counter = Counter(1);
    /// The node answered that there is nothing to find.
    pub const NOT_FOUND: Counter = Counter(2);
    /// How many counters the application names.
    pub const APP_COUNT: u8 = 5;

    /// The counter of this number; `None` from 8 on.
    pub const fn new(number: u8) -> Option<Counter> {
        if (number as usize) < TALLIES_MAX { Some(Counter(number)) } else { None }
    }

    /// The application's counter number `index`, from 0; `None` from 5 on.
    pub const fn app(index: u8) -> Option<Counter> {
        if index < Counter::APP_COUNT { Some(Counter(3 + index)) } else { None }
    }

    /// Its number, below 8.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// All counters there are.
    pub fn all() -> impl Iterator<Item = Counter> {
        (0..3 + Counter::APP_COUNT).map(Counter)
    }

    fn place(self) -> usize {
        usize::from(self.0)
    }
}

/// What was counted about a node: how often, and when last, by counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies([(u64, u64); TALLIES_MAX]);

impl Tallies {
    /// How often.
    pub fn count(&self, counter: Counter) -> u64 {
        self.0[counter.place()].0
    }

    /// When last, in unix seconds; 0 for never.
    pub fn last(&self, counter: Counter) -> u64 {
        self.0[counter.place()].1
    }

    /// Those that are not zero, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Counter, u64, u64)> {
        Counter::all()
            .map(|counter| (counter, self.count(counter), self.last(counter)))
            .filter(|(_, count, _)| *count > 0)
    }

    /// The same with another count and time in one counter.
    #[must_use]
    pub fn with(mut self, counter: Counter, count: u64, last: u64) -> Tallies {
        self.0[counter.place()] = (count, last);
        self
    }

    /// Adds what another authority counted. Counters that this version does not know mean nothing.
    pub(crate) fn add(&mut self, tally: &Tally) {
        if let Some(counter) = Counter::new(tally.counter) {
            let (count, last) = &mut self.0[counter.place()];
            *count = count.saturating_add(tally.count);
            *last = tally.last.max(*last);
        }
    }
}
