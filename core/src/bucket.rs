//! Token buckets: how often something may happen, in bursts and in the long run.

use crate::time::Now;

/// How often: `burst` at once, and one more with every period that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    burst: u64,
    period_us: u64,
}

impl Rate {
    /// `burst` at once, then one every `period_us` microseconds.
    pub(crate) const fn new(burst: u64, period_us: u64) -> Rate {
        Rate { burst, period_us }
    }
}

/// A bucket of tokens, kept as the time at which it is full again. So one that was never used is
/// zero, and nothing has to fill it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bucket {
    full_us: u64,
}

impl Bucket {
    /// One with all its tokens.
    pub(crate) const FULL: Bucket = Bucket { full_us: 0 };

    /// One with `tokens` of its tokens.
    pub(crate) fn holding(tokens: u64, rate: Rate, now: Now) -> Bucket {
        let missing_us = rate.burst.saturating_sub(tokens).saturating_mul(rate.period_us);
        Bucket { full_us: micros(now).saturating_add(missing_us) }
    }

    /// Whether there is a token left.
    pub(crate) fn has_token(&self, rate: Rate, now: Now) -> bool {
        let missing_us = self.full_us.saturating_sub(micros(now));
        let missing_max_us = rate.burst.saturating_mul(rate.period_us);
        // More than all can only be missing where a clock went back.
        missing_us > missing_max_us || missing_us + rate.period_us <= missing_max_us
    }

    /// When it is full again: the later, the more was taken out.
    pub(crate) fn full_us(&self) -> u64 {
        self.full_us
    }

    /// Takes out a token, of which there is [one](Bucket::has_token).
    pub(crate) fn take_token(&mut self, rate: Rate, now: Now) {
        let now_us = micros(now);
        let missing_max_us = rate.burst.saturating_mul(rate.period_us);
        if self.full_us.saturating_sub(now_us) > missing_max_us {
            self.full_us = 0;
        }
        self.full_us = self.full_us.max(now_us).saturating_add(rate.period_us);
    }
}

fn micros(now: Now) -> u64 {
    now.mono_ms.saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate::new(4, 500_000);

    fn at(mono_ms: u64) -> Now {
        Now { mono_ms, unix_s: 0 }
    }

    /// How many tokens can be had at once.
    fn drain(bucket: &mut Bucket, now: Now) -> u64 {
        let mut taken = 0;
        while bucket.has_token(RATE, now) {
            bucket.take_token(RATE, now);
            taken += 1;
        }
        taken
    }

    #[test]
    fn burst_is_let_through_and_then_one_in_each_period() {
        let mut bucket = Bucket::FULL;
        assert_eq!(drain(&mut bucket, at(0)), 4);
        assert_eq!(drain(&mut bucket, at(499)), 0);
        assert_eq!(drain(&mut bucket, at(500)), 1);
        assert_eq!(drain(&mut bucket, at(1_750)), 2);
        assert_eq!(drain(&mut bucket, at(2_000)), 1, "what is left of a period counts");
    }

    #[test]
    fn waiting_for_ever_fills_it_and_no_more() {
        let mut bucket = Bucket::FULL;
        drain(&mut bucket, at(0));
        assert_eq!(drain(&mut bucket, at(1 << 40)), 4);
    }

    #[test]
    fn bucket_that_begins_with_a_part_fills_up() {
        assert_eq!(drain(&mut Bucket::holding(3, RATE, at(900)), at(900)), 3);
        assert_eq!(drain(&mut Bucket::holding(1, RATE, at(900)), at(1_400)), 2);
        assert_eq!(drain(&mut Bucket::holding(1, RATE, at(900)), at(9_000)), 4);
        assert_eq!(drain(&mut Bucket::holding(5, RATE, at(0)), at(0)), 4);
    }

    #[test]
    fn clock_that_goes_back_keeps_nothing_out() {
        let mut bucket = Bucket::FULL;
        assert_eq!(drain(&mut bucket, at(1_000_000)), 4);
        assert_eq!(drain(&mut bucket, at(1_000)), 4);
        assert_eq!(drain(&mut bucket, at(1_500)), 1);
    }
}
