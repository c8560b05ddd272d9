//! Mutations of a corpus: what a fuzzer does without looking into the program.

use rollbook_core::Random;

/// Values that are often at an edge of something.
const EDGES: [u8; 8] = [0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff];
/// An input that grows past this is cut.
const SIZE_MAX: usize = 20_000;

/// Makes one input after the other, always the same ones from the same seed and corpus.
pub(crate) struct Mutator<'a> {
    random: Random,
    inputs: &'a [Vec<u8>],
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(seed: u64, inputs: &'a [Vec<u8>]) -> Mutator<'a> {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Mutator { random: Random::new(&bytes), inputs }
    }

    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut bytes = match self.below(16) {
            0 => self.random_bytes(300),
            _ => self.any_input().to_vec(),
        };
        for _ in 0..=self.below(4) {
            self.mutate(&mut bytes);
        }
        bytes.truncate(SIZE_MAX);
        bytes
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            *bytes = self.random_bytes(16);
            return;
        }
        let place = self.below(bytes.len());
        match self.below(10) {
            0 => bytes[place] ^= 1 << self.below(8),
            1 => bytes[place] = EDGES[self.below(EDGES.len())],
            2 => bytes[place] = bytes[place].wrapping_add(1),
            3 => bytes[place] = bytes[place].wrapping_sub(1),
            4 => bytes.truncate(place),
            5 => {
                let range = self.range(bytes.len());
                bytes.drain(range);
            }
            6 => {
                // A piece once more, somewhere.
                let piece = bytes[self.range(bytes.len())].to_vec();
                bytes.splice(place..place, piece);
            }
            7 => {
                let inserted = self.random_bytes(8);
                bytes.splice(place..place, inserted);
            }
            8 => {
                // A piece of another input in the place of one here.
                let other = self.any_input();
                let piece = other[self.range(other.len())].to_vec();
                let range = self.range(bytes.len());
                bytes.splice(range, piece);
            }
            _ => {
                // This one's beginning and another's end.
                let other = self.any_input();
                let cut = self.below(other.len() + 1);
                bytes.truncate(place);
                bytes.extend_from_slice(&other[cut..]);
            }
        }
    }

    fn any_input(&mut self) -> &'a [u8] {
        &self.inputs[self.below(self.inputs.len())]
    }

    /// A range within `size`, short ones more often.
    fn range(&mut self, size: usize) -> core::ops::Range<usize> {
        let start = self.below(size + 1);
        let longest = size - start;
        let length = match self.below(2) {
            0 => self.below(longest.min(16) + 1),
            _ => self.below(longest + 1),
        };
        start..start + length
    }

    fn random_bytes(&mut self, size_max: usize) -> Vec<u8> {
        let size = 1 + self.below(size_max);
        (0..size).map(|_| self.random.number().to_le_bytes()[0]).collect()
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("small");
        usize::try_from(self.random.below(bound)).expect("below a usize")
    }
}
