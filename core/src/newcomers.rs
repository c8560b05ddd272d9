//! How many new nodes an authority vouches for by itself, and from where.
//!
//! Identities cost nothing, so who comes first is no reason to give a flood all places. Addresses
//! cost something.
//!
//! Invariants:
//! - bounded: of prefixes that are not among those counted, less came than of those that are;
//! - who is turned down uses nothing up.

use crate::{
    bucket::Bucket,
    limits::{NEWCOMERS, PREFIXES_MAX, newcomers_alike},
    multiaddr::Prefix,
    storage::{List, Storage},
    time::Now,
};

/// Why a new node has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMany {
    /// New nodes come too fast.
    AtOnce,
    /// Too many came from addresses that begin as its does.
    Alike,
}

/// What came of one prefix.
#[derive(Debug)]
struct Alike {
    prefix: Prefix,
    came: Bucket,
}

/// The new nodes of late.
#[derive(Debug)]
pub(crate) struct Newcomers<S: Storage> {
    came: Bucket,
    alike: S::PerLease<Alike>,
}

impl<S: Storage> Newcomers<S> {
    pub(crate) const fn new() -> Newcomers<S> {
        Newcomers { came: Bucket::FULL, alike: <S::PerLease<Alike> as List<Alike>>::EMPTY }
    }

    /// Whether a node whose public address begins with `prefix`, if it has one, may come now to an
    /// authority with so many places in all.
    pub(crate) fn may_come(
        &self,
        places: u64,
        prefix: Option<Prefix>,
        now: Now,
    ) -> Result<(), TooMany> {
        let alike = prefix.and_then(|prefix| self.alike.iter().find(|a| a.prefix == prefix));
        if alike.is_some_and(|alike| !alike.came.has_token(newcomers_alike(places), now)) {
            return Err(TooMany::Alike);
        }
        if self.came.has_token(NEWCOMERS, now) { Ok(()) } else { Err(TooMany::AtOnce) }
    }

    /// Notes that a node came, which [may](Newcomers::may_come).
    pub(crate) fn note(&mut self, places: u64, prefix: Option<Prefix>, now: Now) {
        self.came.take_token(NEWCOMERS, now);
        let Some(prefix) = prefix else { return };
        let rate = newcomers_alike(places);
        if let Some(alike) = self.alike.iter_mut().find(|alike| alike.prefix == prefix) {
            return alike.came.take_token(rate, now);
        }
        let mut came = Bucket::FULL;
        came.take_token(rate, now);
        if self.alike.len() >= PREFIXES_MAX.min(self.alike.capacity_max()) {
            let least = self.alike.iter().enumerate().min_by_key(|(_, a)| a.came.full_us());
            let Some((place, _)) = least else { return };
            self.alike.swap_remove_at(place);
        }
        let end = self.alike.len();
        // There is room for one more.
        let _ = self.alike.insert_at(end, Alike { prefix, came });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Inline;

    fn at(mono_ms: u64) -> Now {
        Now { mono_ms, unix_s: 0 }
    }

    fn prefix(number: u16) -> Option<Prefix> {
        let [a, b] = number.to_be_bytes();
        Prefix::of(&[4, 20, a, b, 1, 6, 0, 1])
    }

    /// Room for four prefixes; of each, two nodes at once.
    fn newcomers() -> Newcomers<Inline<4, 64, 4, 4>> {
        Newcomers::new()
    }

    #[test]
    fn one_prefix_has_its_part_and_others_theirs() {
        let mut newcomers = newcomers();
        for _ in 0..2 {
            assert_eq!(newcomers.may_come(16, prefix(1), at(0)), Ok(()));
            newcomers.note(16, prefix(1), at(0));
        }
        assert_eq!(newcomers.may_come(16, prefix(1), at(0)), Err(TooMany::Alike));
        assert_eq!(newcomers.may_come(16, prefix(2), at(0)), Ok(()));
        assert_eq!(newcomers.may_come(16, None, at(0)), Ok(()));
        let half_a_day = at(12 * 60 * 60 * 1000);
        assert_eq!(newcomers.may_come(16, prefix(1), half_a_day), Ok(()));
    }

    #[test]
    fn prefix_of_which_the_most_came_is_not_forgotten_for_others() {
        let mut newcomers = newcomers();
        newcomers.note(16, prefix(1), at(0));
        newcomers.note(16, prefix(1), at(0));
        for number in 2..100 {
            newcomers.note(16, prefix(number), at(0));
        }
        assert_eq!(newcomers.may_come(16, prefix(1), at(0)), Err(TooMany::Alike));
        assert_eq!(newcomers.alike.len(), 4);
    }

    #[test]
    fn more_than_the_burst_wait_wherever_they_are() {
        let mut newcomers = newcomers();
        let mut came = 0;
        while newcomers.may_come(16, None, at(0)).is_ok() {
            newcomers.note(16, None, at(0));
            came += 1;
        }
        assert_eq!(came, 1_024);
        assert_eq!(newcomers.may_come(16, prefix(1), at(50)), Err(TooMany::AtOnce));
        assert_eq!(newcomers.may_come(16, prefix(1), at(100)), Ok(()));
    }
}
