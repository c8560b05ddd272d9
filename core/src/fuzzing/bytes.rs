//! Reads choices from a fuzzer's bytes. Past their end every choice is the first.

/// What is left of the bytes.
#[derive(Debug)]
pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Bytes<'a> {
        Bytes(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    /// A number below `bound`, which is at most 256.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Whether something rare is to happen: once in 16 times.
    pub(super) fn seldom(&mut self) -> bool {
        self.byte() >= 0xf0
    }

    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.byte())
    }

    pub(super) fn u32(&mut self) -> u32 {
        match self.below(4) {
            0 => u32::from(self.byte()),
            1 => u32::MAX - u32::from(self.byte()),
            2 => u32::MAX / 2 - 2 + u32::from(self.byte()),
            _ => u32::from_le_bytes(self.array()),
        }
    }

    /// Small numbers, great ones, and those at the edges of what a number holds.
    pub(super) fn u64(&mut self) -> u64 {
        match self.below(5) {
            0 => u64::from(self.byte()),
            1 => u64::MAX - u64::from(self.byte()),
            2 => u64::MAX / 2 - 2 + u64::from(self.byte()),
            3 => 1_790_000_000 + u64::from(self.byte()) * 60,
            _ => u64::from_le_bytes(self.array()),
        }
    }

    /// Up to `size` bytes, as many as are left.
    pub(super) fn take(&mut self, size: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(size.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A chosen number of bytes, at most `size_max`.
    pub(super) fn take_up_to(&mut self, size_max: usize) -> &'a [u8] {
        let size = self.below(size_max + 1);
        self.take(size)
    }

    /// A piece whose size comes first, in two bytes.
    pub(super) fn piece(&mut self) -> &'a [u8] {
        let size = usize::from(u16::from_be_bytes(self.array()));
        self.take(size)
    }
}
