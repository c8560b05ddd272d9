//! Pseudo-random numbers from the caller's seed: for jitter and choice of peers, and the names of
//! a run. Nothing here needs to be unpredictable.

use sha2::{Digest, Sha256};

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Not seeded yet.
    pub(crate) const UNSEEDED: Random = Random(0);

    /// Seeded by the caller.
    pub fn new(seed: &[u8; 32]) -> Random {
        let digest = Sha256::digest(seed);
        let mut state = [0; 8];
        state.copy_from_slice(&digest[..8]);
        Random(u64::from_le_bytes(state))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, or 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or(0)
    }

    /// `interval` with up to a tenth added or taken off, so that nodes do not move in step.
    pub(crate) fn jittered(&mut self, interval: u64) -> u64 {
        interval - interval / 10 + self.below(interval / 5 + 1)
    }
}
