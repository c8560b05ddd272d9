//! Random numbers for choices that need to be spread, not secret.

use crate::error::StartError;

/// The core's generator, seeded by the system.
#[derive(Clone, Debug)]
pub(crate) struct Random(rollbook_core::Random);

impl Random {
    /// Seeded by the system.
    pub(crate) fn new() -> Result<Random, StartError> {
        Ok(Random(rollbook_core::Random::new(&bytes()?)))
    }

    #[cfg(test)]
    pub(crate) fn seeded(seed: u8) -> Random {
        Random(rollbook_core::Random::new(&[seed; 32]))
    }

    /// A number below `bound`; 0 if that is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// Chooses `count` of `candidates`, each with the same chance.
    pub(crate) fn choose<T>(
        &mut self,
        candidates: impl Iterator<Item = T>,
        count: usize,
    ) -> Vec<T> {
        let mut chosen: Vec<T> = Vec::with_capacity(count);
        for (seen, candidate) in (1u64..).zip(candidates) {
            if chosen.len() < count {
                chosen.push(candidate);
                continue;
            }
            let place = usize::try_from(self.below(seen)).unwrap_or(usize::MAX);
            if let Some(slot) = chosen.get_mut(place) {
                *slot = candidate;
            }
        }
        chosen
    }
}

/// Random bytes from the system, fit for keys and seeds.
pub(crate) fn bytes<const SIZE: usize>() -> Result<[u8; SIZE], StartError> {
    let mut bytes = [0; SIZE];
    getrandom::fill(&mut bytes).map_err(|error| StartError::Random(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_is_chosen_now_and_then() {
        let mut random = Random::seeded(1);
        let mut counts = [0u32; 10];
        for _ in 0..1_000 {
            for chosen in random.choose(0..10, 3) {
                counts[chosen] += 1;
            }
        }
        assert!(counts.iter().all(|count| (200..400).contains(count)), "{counts:?}");
        assert_eq!(random.choose(0..2, 3), [0, 1]);
    }
}
