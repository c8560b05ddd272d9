//! What walks of one peer may cost the replica that answers them.

use super::side::Work;

/// How much of the roll a peer may have worked over at once.
const ROLLS: u64 = 8;
/// What walks over a small roll cost all the same, in nodes.
const NODES_MIN: u64 = 512;

/// A walk works over the roll a few times. A peer may have that done at once, and a roll's worth
/// more with every interval that passes. Unused, it is all zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    spent: u64,
    /// Up to when that is refilled.
    at_ms: u64,
}

impl Budget {
    pub(crate) const FULL: Budget = Budget { spent: 0, at_ms: 0 };

    /// What may be spent now, with a roll of `count` nodes.
    pub(crate) fn left(&mut self, now_ms: u64, interval_ms: u64, count: usize) -> Work {
        let roll = worth(count);
        let intervals = now_ms.saturating_sub(self.at_ms) / interval_ms.max(1);
        self.at_ms += intervals * interval_ms.max(1);
        self.spent = self.spent.saturating_sub(intervals.saturating_mul(roll));
        Work((ROLLS * roll).saturating_sub(self.spent))
    }

    pub(crate) fn spend(&mut self, amount: u64) {
        self.spent += amount;
    }
}

/// What working once over a roll of `count` nodes costs.
pub(crate) fn worth(count: usize) -> u64 {
    NODES_MIN + u64::try_from(count).unwrap_or(u64::MAX / (2 * ROLLS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_comes_back_with_time_and_no_faster() {
        let mut budget = Budget::FULL;
        let Work(all) = budget.left(10_000, 1_000, 488);
        assert_eq!(all, 8_000);
        budget.spend(all);
        assert_eq!(budget.left(10_999, 1_000, 488), Work(0));
        assert_eq!(budget.left(11_000, 1_000, 488), Work(1_000));
        assert_eq!(budget.left(11_500, 1_000, 488), Work(1_000));
        assert_eq!(budget.left(14_200, 1_000, 488), Work(4_000));
        assert_eq!(budget.left(1 << 40, 1_000, 488), Work(8_000));
    }
}
