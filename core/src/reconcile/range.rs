//! Ranges of the roll's order: all order keys with a common prefix.

use core::ops::Range;

use crate::{roll::Roll, storage::Storage};

/// How many bits longer a child's prefix is.
const CHILD_BITS: u8 = 4;
/// How many bits of an order key a list gives.
const SUFFIX_BITS: u8 = 32;
const KEY_BITS: u8 = 64;

/// The order keys that begin with the first `bits` bits of `prefix`, whose other bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyRange {
    prefix: u64,
    bits: u8,
}

impl KeyRange {
    /// All of them.
    pub(crate) const ALL: KeyRange = KeyRange { prefix: 0, bits: 0 };

    /// `None` where the bits are no multiple of 4 up to 64, or the prefix has others.
    pub(crate) fn new(prefix: u64, bits: u8) -> Option<KeyRange> {
        let range = KeyRange { prefix, bits };
        let is_form = bits <= KEY_BITS && bits.is_multiple_of(CHILD_BITS);
        (is_form && range.after_prefix(prefix) == 0).then_some(range)
    }

    /// The range of so many bits that holds `key`.
    pub(crate) fn around(key: u64, bits: u8) -> KeyRange {
        let beyond = u64::MAX.checked_shr(bits.into()).unwrap_or(0);
        KeyRange { prefix: key & !beyond, bits }
    }

    pub(crate) fn prefix(self) -> u64 {
        self.prefix
    }

    pub(crate) fn bits(self) -> u8 {
        self.bits
    }

    /// Whether it holds but one order key, and so has no children.
    pub(crate) fn is_single(self) -> bool {
        self.bits == KEY_BITS
    }

    /// Whether nodes with equal suffixes in a list of it have equal order keys.
    pub(crate) fn has_whole_suffixes(self) -> bool {
        self.bits + SUFFIX_BITS >= KEY_BITS
    }

    /// One of the 16 parts of a range that is not single.
    pub(crate) fn child(self, child: u8) -> KeyRange {
        let bits = self.bits + CHILD_BITS;
        KeyRange { prefix: self.prefix | u64::from(child) << (KEY_BITS - bits), bits }
    }

    /// Which child holds `key`, which this range holds.
    pub(crate) fn child_of(self, key: u64) -> u8 {
        self.after_prefix(key).to_be_bytes()[0] >> CHILD_BITS
    }

    /// What a list of this range says of `key`: the bits after the prefix.
    pub(crate) fn suffix(self, key: u64) -> [u8; 4] {
        let [a, b, c, d, ..] = self.after_prefix(key).to_be_bytes();
        [a, b, c, d]
    }

    /// The range of a node, by its suffix; `None` where that has bits beyond those of a key.
    pub(crate) fn node(self, suffix: [u8; 4]) -> Option<KeyRange> {
        let after = u64::from(u32::from_be_bytes(suffix)) << SUFFIX_BITS;
        let key = self.prefix | after.checked_shr(self.bits.into()).unwrap_or(0);
        (self.suffix(key) == suffix)
            .then(|| KeyRange { prefix: key, bits: (self.bits + SUFFIX_BITS).min(KEY_BITS) })
    }

    /// The places of its nodes in the roll's order.
    pub(crate) fn places<S: Storage>(self, roll: &Roll<S>) -> Range<usize> {
        roll.places(self.prefix, self.bits.into())
    }

    fn after_prefix(self, key: u64) -> u64 {
        key.checked_shl(self.bits.into()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: u64 = 0x0123_4567_89ab_cdef;

    #[test]
    fn key_is_in_one_child_at_every_depth() {
        let mut range = KeyRange::ALL;
        for nibble in 0..16 {
            assert!(!range.is_single());
            assert_eq!(range.child_of(KEY), nibble);
            range = range.child(range.child_of(KEY));
            assert_eq!(range, KeyRange::around(KEY, range.bits()));
            assert_eq!(KeyRange::new(range.prefix(), range.bits()), Some(range));
        }
        assert!(range.is_single());
        assert_eq!(range.prefix(), KEY);
    }

    #[test]
    fn suffix_leads_back_to_the_node() {
        for bits in (0..=64).step_by(4) {
            let range = KeyRange::around(KEY, bits);
            let node = range.node(range.suffix(KEY)).expect("a suffix of a key");
            assert_eq!(node, KeyRange::around(KEY, (bits + 32).min(64)));
        }
    }

    #[test]
    fn bits_beyond_are_refused() {
        assert_eq!(KeyRange::new(1, 60), None);
        assert_eq!(KeyRange::new(1, 0), None);
        assert_eq!(KeyRange::new(0, 3), None);
        assert_eq!(KeyRange::new(0, 68), None);
        assert_eq!(KeyRange::around(KEY, 60).node([0, 0, 0, 1]), None);
        assert_eq!(KeyRange::around(KEY, 64).node([0x80, 0, 0, 0]), None);
    }
}
