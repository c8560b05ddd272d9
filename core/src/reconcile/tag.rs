//! Short salted hashes that lead a walk.
//!
//! The salt is the initiator's and new for each walk, so nobody else can make nodes whose tags or
//! digests are equal in it. They need not withstand the peer of the walk itself: it could hide a
//! difference by saying nothing.

use crate::{roll::Roll, storage::Storage};

use super::range::KeyRange;

/// The key of all hashes of one walk.
pub(crate) type Salt = [u8; 16];
/// Of the nodes in a range.
pub(crate) type Tag = [u8; 4];
/// Of what a slot holds.
pub(crate) type Digest = [u8; 2];

/// The tag of a range without nodes, and of no other.
pub(crate) const EMPTY: Tag = [0; 4];

/// Up to how many bits a range is hashed by the digests of its buckets.
const BUCKET_BITS: u8 = 8;

/// The tag of what `roll` holds in `range`.
pub(crate) fn tag<S: Storage>(roll: &Roll<S>, range: KeyRange, salt: &Salt) -> Tag {
    let places = range.places(roll);
    if places.is_empty() {
        return EMPTY;
    }
    let mut hash = SipHash::new(salt);
    match buckets(range) {
        Some(buckets) => buckets.for_each(|bucket| hash.write(&roll.bucket(bucket)[..])),
        None => places.for_each(|place| hash.write(&roll.at(place).digest()[..])),
    }
    tag_of(hash)
}

/// The tag of a range that is not empty.
fn tag_of(hash: SipHash) -> Tag {
    let [a, b, c, d, ..] = hash.finish(&[]).to_le_bytes();
    match [a, b, c, d] {
        EMPTY => [1, 0, 0, 0],
        tag => tag,
    }
}

/// The tag of nodes of which only some statements count, made node by node, in the roll's order.
pub(crate) struct Tagger<'a> {
    salt: &'a Salt,
    hash: SipHash,
    is_empty: bool,
}

impl<'a> Tagger<'a> {
    pub(crate) fn new(salt: &'a Salt) -> Tagger<'a> {
        Tagger { salt, hash: SipHash::new(salt), is_empty: true }
    }

    /// A node, before what its slots hold. One without any is not to be named.
    pub(crate) fn node(&mut self, order_key: u64) {
        self.is_empty = false;
        self.hash.write(&order_key.to_be_bytes());
    }

    /// What a slot holds: the payload from its writer on.
    pub(crate) fn slot(&mut self, number: u8, body: &[u8]) {
        self.hash.write(&[number, 0, 0, 0, 0, 0, 0, 0]);
        self.hash.write(&SipHash::new(self.salt).finish(body).to_le_bytes());
    }

    pub(crate) fn finish(self) -> Tag {
        if self.is_empty { EMPTY } else { tag_of(self.hash) }
    }
}

/// How many digests are hashed for the tag of `range`.
pub(crate) fn cost<S: Storage>(roll: &Roll<S>, range: KeyRange) -> usize {
    buckets(range).map_or_else(|| range.places(roll).len(), |buckets| buckets.len())
}

/// The buckets that a range of few bits is made of.
fn buckets(range: KeyRange) -> Option<core::ops::Range<usize>> {
    let count = 1 << BUCKET_BITS.checked_sub(range.bits())?;
    let first = usize::from(range.prefix().to_be_bytes()[0]);
    Some(first..first + count)
}

/// The digest of a payload from its writer on: what it is about and of which kind is known.
pub(crate) fn digest(body: &[u8], salt: &Salt) -> Digest {
    let [a, b, ..] = SipHash::new(salt).finish(body).to_le_bytes();
    [a, b]
}

/// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
struct SipHash {
    state: [u64; 4],
    size: u8,
}

impl SipHash {
    fn new(salt: &Salt) -> SipHash {
        let [low, high] = [0, 8].map(|at| word(&salt[at..at + 8]));
        let state = [
            low ^ 0x736f_6d65_7073_6575,
            high ^ 0x646f_7261_6e64_6f6d,
            low ^ 0x6c79_6765_6e65_7261,
            high ^ 0x7465_6462_7974_6573,
        ];
        SipHash { state, size: 0 }
    }

    /// Takes in whole words of 8 bytes.
    fn write(&mut self, words: &[u8]) {
        debug_assert!(words.len().is_multiple_of(8));
        for bytes in words.chunks_exact(8) {
            self.size = self.size.wrapping_add(8);
            self.take(word(bytes));
        }
    }

    /// Takes in the last bytes, however many.
    fn finish(mut self, last: &[u8]) -> u64 {
        let (words, rest) = last.split_at(last.len() & !7);
        self.write(words);
        let mut end = [0; 8];
        end[..rest.len()].copy_from_slice(rest);
        end[7] = rest.iter().fold(self.size, |size, _| size.wrapping_add(1));
        self.take(word(&end));
        self.state[2] ^= 0xff;
        (0..4).for_each(|_| self.round());
        self.state.into_iter().fold(0, |hash, word| hash ^ word)
    }

    fn take(&mut self, word: u64) {
        self.state[3] ^= word;
        self.round();
        self.round();
        self.state[0] ^= word;
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.state;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.state = [a, b, c, d];
    }
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("8 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_that_of_its_authors_vectors() {
        let salt: Salt = core::array::from_fn(|index| u8::try_from(index).expect("16"));
        let message: [u8; 64] = core::array::from_fn(|index| u8::try_from(index).expect("64"));
        for (size, hash) in [
            (0, 0x726f_db47_dd0e_0e31_u64),
            (1, 0x74f8_39c5_93dc_67fd),
            (7, 0xab02_00f5_8b01_d137),
            (8, 0x93f5_f579_9a93_2462),
            (15, 0xa129_ca61_49be_45e5),
            (63, 0x958a_324c_eb06_4572),
        ] {
            assert_eq!(SipHash::new(&salt).finish(&message[..size]), hash, "{size} bytes");
            let (words, rest) = message[..size].split_at(size & !7);
            let mut pieces = SipHash::new(&salt);
            pieces.write(words);
            assert_eq!(pieces.finish(rest), hash, "{size} bytes in pieces");
        }
    }
}
