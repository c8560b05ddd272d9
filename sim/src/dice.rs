//! All chance in a simulation, from its seed. Each use has a stream of its own, so that a change of
//! one (another fault, say) does not move the others.

use rollbook_core::Random;

/// A stream of chance.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Random);

impl Dice {
    /// The stream `name` of the run with `seed`.
    pub(crate) fn new(seed: u64, name: &str) -> Dice {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let name = name.as_bytes();
        assert!(name.len() <= 24, "streams have short names");
        bytes[8..8 + name.len()].copy_from_slice(name);
        Dice(Random::new(&bytes))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.number()
    }

    /// A number below `bound`, 0 where that is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// A place in a row of `count`.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).expect("below a usize")
    }

    /// Comes true `permille` times of a thousand.
    pub(crate) fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of `items`, `None` where there are none.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// 32 bytes, for a key or for a tracker's own chance.
    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        for part in seed.chunks_mut(8) {
            part.copy_from_slice(&self.number().to_le_bytes());
        }
        seed
    }

    /// So many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.number().to_le_bytes()[0]).collect()
    }
}
