//! Whether an authority takes its members to be gone, or itself to be cut off.
//!
//! Where many leases go silent at once it is mostly the authority that lost its network, and whoever
//! calls them left makes a partition look like a mass departure. So it waits, and says meanwhile
//! that it is not in touch. (The idea is that of the self-preservation mode of Netflix's Eureka.)
//!
//! Invariants:
//! - while it hears nobody, nobody is called left;
//! - while it hears anybody, it waits for a bounded time.

use crate::time::Now;

/// So many leases and more are many.
pub(super) const SILENT_MIN: usize = 8;
/// Many is also at least one of so many leases.
const SILENT_SHARE: usize = 2;
/// For how many lease windows it waits once it hears somebody.
const WINDOWS_MAX: u64 = 3;

/// How the leases stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Silence {
    /// Sessions that are known to be here, this authority's own not counted.
    pub(super) leases: usize,
    /// Of these: not heard of for a whole window.
    pub(super) silent: usize,
    /// Whether another authority was heard within a window.
    pub(super) hears_authority: bool,
}

impl Silence {
    fn is_odd(&self) -> bool {
        self.silent >= SILENT_MIN && self.silent * SILENT_SHARE >= self.leases
    }

    fn hears_anybody(&self) -> bool {
        self.hears_authority || self.silent < self.leases
    }
}

/// What it makes of leases that lapse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conclusion {
    /// Whose they are is gone.
    Gone,
    /// It is itself that is cut off.
    CutOff,
    /// It was, and is not any more: the others get time to come back.
    Back,
}

/// What an authority suspects of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspicion {
    /// Since when it suspects that it is cut off, and hears somebody nonetheless.
    since_ms: Option<u64>,
}

impl Suspicion {
    pub(super) const NONE: Suspicion = Suspicion { since_ms: None };

    /// Whether it suspects itself.
    pub(super) fn is_raised(&self) -> bool {
        self.since_ms.is_some()
    }

    /// Looks at how the leases stand.
    pub(super) fn look(&mut self, now: Now, silence: Silence, window_ms: u64) -> Conclusion {
        if !silence.is_odd() {
            return match self.since_ms.take() {
                Some(_) => Conclusion::Back,
                None => Conclusion::Gone,
            };
        }
        let since_ms = match self.since_ms {
            Some(since_ms) if silence.hears_anybody() => since_ms,
            _ => now.mono_ms,
        };
        let waited = now.mono_ms.saturating_sub(since_ms) >= WINDOWS_MAX * window_ms;
        self.since_ms = (!waited).then_some(since_ms);
        if waited { Conclusion::Gone } else { Conclusion::CutOff }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_MS: u64 = 30_000;

    fn look(suspicion: &mut Suspicion, at_ms: u64, leases: usize, silent: usize) -> Conclusion {
        let now = Now { mono_ms: at_ms, unix_s: 0 };
        let silence = Silence { leases, silent, hears_authority: false };
        suspicion.look(now, silence, WINDOW_MS)
    }

    #[test]
    fn few_and_a_small_share_are_believed() {
        let mut suspicion = Suspicion::NONE;
        let few = SILENT_MIN - 1;
        assert_eq!(look(&mut suspicion, 0, few, few), Conclusion::Gone);
        assert_eq!(look(&mut suspicion, 0, 100, 49), Conclusion::Gone);
        assert!(!suspicion.is_raised());
    }

    #[test]
    fn who_hears_nobody_waits_for_as_long_as_it_takes() {
        let mut suspicion = Suspicion::NONE;
        for window in 0..1_000 {
            assert_eq!(look(&mut suspicion, window * WINDOW_MS, 10, 10), Conclusion::CutOff);
            assert!(suspicion.is_raised());
        }
        assert_eq!(look(&mut suspicion, 1_000 * WINDOW_MS, 10, 7), Conclusion::Back);
        assert!(!suspicion.is_raised());
    }

    #[test]
    fn who_hears_some_waits_for_so_many_windows_from_then_on() {
        let mut suspicion = Suspicion::NONE;
        for (window, silent) in [(0, 10), (100, 10), (101, 8), (99 + WINDOWS_MAX, 8)] {
            let conclusion = look(&mut suspicion, window * WINDOW_MS, 10, silent);
            assert_eq!(conclusion, Conclusion::CutOff);
        }
        let end_ms = (100 + WINDOWS_MAX) * WINDOW_MS;
        assert_eq!(look(&mut suspicion, end_ms, 10, 8), Conclusion::Gone);
        assert!(!suspicion.is_raised(), "they are called left, and it is in touch again");
    }

    #[test]
    fn another_authority_that_is_heard_ends_the_wait_in_time() {
        let mut suspicion = Suspicion::NONE;
        let silence = Silence { leases: 10, silent: 10, hears_authority: true };
        let at = |mono_ms| Now { mono_ms, unix_s: 0 };
        assert_eq!(suspicion.look(at(0), silence, WINDOW_MS), Conclusion::CutOff);
        let end = at(WINDOWS_MAX * WINDOW_MS);
        assert_eq!(suspicion.look(end, silence, WINDOW_MS), Conclusion::Gone);
    }
}
