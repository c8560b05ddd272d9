//! The slots of a node by number.

use core::ops::{BitOr, BitOrAssign};

use crate::{limits::AUTHORITIES_MAX, statement::Kind};

/// How many slots a node has: one announcement, and two for each authority.
pub(super) const SLOT_COUNT: u8 = 17;
const _: () = assert!(1 + 2 * AUTHORITIES_MAX == SLOT_COUNT as usize);

/// The number of a slot, below [`SLOT_COUNT`]. `writer` is the place of its writer among the sorted
/// authorities.
pub(super) fn number(kind: Kind, writer: u8) -> u8 {
    match kind {
        Kind::Decision => writer,
        Kind::Presence => 8 + writer,
        Kind::Announcement => 16,
    }
}

/// Some slots of a node, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SlotSet([u8; 3]);

impl SlotSet {
    pub(crate) const NONE: SlotSet = SlotSet([0; 3]);
    pub(crate) const ALL: SlotSet = SlotSet([1, 0xff, 0xff]);

    /// One slot.
    pub(super) fn of(number: u8) -> SlotSet {
        SlotSet::from_bits(1 << number)
    }

    pub(super) fn contains(self, number: u8) -> bool {
        self.bits() & 1 << number != 0
    }

    pub(super) fn remove(&mut self, other: SlotSet) {
        *self = SlotSet::from_bits(self.bits() & !other.bits());
    }

    pub(crate) fn is_empty(self) -> bool {
        self == SlotSet::NONE
    }

    /// As on the wire. Bits of no slot mean nothing.
    pub(super) fn from_bytes(bytes: [u8; 3]) -> SlotSet {
        SlotSet([bytes[0] & 1, bytes[1], bytes[2]])
    }

    pub(super) fn to_bytes(self) -> [u8; 3] {
        self.0
    }

    fn bits(self) -> u32 {
        let [a, b, c] = self.0;
        u32::from_be_bytes([0, a, b, c])
    }

    fn from_bits(bits: u32) -> SlotSet {
        let [_, a, b, c] = bits.to_be_bytes();
        SlotSet([a, b, c])
    }
}

impl BitOr for SlotSet {
    type Output = SlotSet;

    fn bitor(self, other: SlotSet) -> SlotSet {
        SlotSet::from_bits(self.bits() | other.bits())
    }
}

impl BitOrAssign for SlotSet {
    fn bitor_assign(&mut self, other: SlotSet) {
        *self = *self | other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_bit_of_its_own() {
        let kinds = [Kind::Decision, Kind::Presence];
        let of_authorities = kinds.into_iter().flat_map(|kind| (0..8).map(move |i| (kind, i)));
        let mut all = SlotSet::NONE;
        for (kind, writer) in of_authorities.chain([(Kind::Announcement, 0)]) {
            let number = number(kind, writer);
            assert!(number < SLOT_COUNT && !all.contains(number));
            all |= SlotSet::of(number);
            assert!(all.contains(number));
        }
        assert_eq!(all, SlotSet::ALL);
        assert_eq!(SlotSet::from_bytes([0xff; 3]), SlotSet::ALL);
        assert_eq!(SlotSet::from_bytes(all.to_bytes()), all);
    }
}
