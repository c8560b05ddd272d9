//! The configured authorities, and which of them are in touch.

use core::fmt;

use heapless::Vec;
use sha2::{Digest, Sha256};

use crate::{
    limits::AUTHORITIES_MAX,
    peer_id::{Hint, PeerId},
};

/// Why a list of authorities cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthoritiesError {
    /// A roll has at least one authority.
    Empty,
    /// There are more than 8.
    TooMany,
    /// Two of them are the same, or cannot be told apart by the 4 bytes that stand for them.
    Indistinct,
}

impl fmt::Display for AuthoritiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthoritiesError::Empty => f.write_str("no authority is configured"),
            AuthoritiesError::TooMany => write!(f, "more than {AUTHORITIES_MAX} authorities"),
            AuthoritiesError::Indistinct => f.write_str("an authority is listed twice"),
        }
    }
}

impl core::error::Error for AuthoritiesError {}

/// The configured authorities, in the order in which members try them, then the retired ones: nobody's
/// home, they sign nothing new, and what they signed still counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// Those that act, then the retired ones.
    listed: Vec<(Hint, PeerId), AUTHORITIES_MAX>,
    /// How many of them act.
    acting: u8,
    /// The places in the list, in the order of the peer ids.
    sorted: Vec<u8, AUTHORITIES_MAX>,
    /// It goes with every message, so it is computed once.
    set_hash: [u8; 8],
}

impl Authorities {
    /// None, until they are configured.
    pub(crate) const NONE: Authorities =
        Authorities { listed: Vec::new(), acting: 0, sorted: Vec::new(), set_hash: [0; 8] };

    /// Checks a list of peer ids.
    pub fn new(peer_ids: &[PeerId]) -> Result<Authorities, AuthoritiesError> {
        Authorities::with_retired(peer_ids, &[])
    }

    /// Checks a list of the peer ids of authorities that act, and one of those that did.
    pub fn with_retired(
        acting: &[PeerId],
        retired: &[PeerId],
    ) -> Result<Authorities, AuthoritiesError> {
        if acting.is_empty() {
            return Err(AuthoritiesError::Empty);
        }
        let mut authorities = Vec::<(Hint, PeerId), AUTHORITIES_MAX>::new();
        for peer_id in acting.iter().chain(retired) {
            let hint = peer_id.hint();
            if !hint.is_some() || authorities.iter().any(|(other, _)| *other == hint) {
                return Err(AuthoritiesError::Indistinct);
            }
            authorities
                .push((hint, *peer_id))
                .map_err(|_one_too_many| AuthoritiesError::TooMany)?;
        }
        let mut sorted: Vec<u8, AUTHORITIES_MAX> = (0..).take(authorities.len()).collect();
        sorted.sort_unstable_by_key(|place| authorities[usize::from(*place)].1);
        let set_hash = set_hash(sorted.iter().map(|place| &authorities[usize::from(*place)].1));
        let acting = u8::try_from(acting.len()).expect("no more than can be listed");
        Ok(Authorities { listed: authorities, acting, sorted, set_hash })
    }

    /// The peer id of the authority that `hint` stands for.
    pub fn resolve(&self, hint: Hint) -> Option<&PeerId> {
        self.listed.iter().find(|(listed, _)| *listed == hint).map(|(_, peer_id)| peer_id)
    }

    /// The place in the list of the authority that `hint` stands for.
    pub(crate) fn place_of(&self, hint: Hint) -> Option<usize> {
        self.listed.iter().position(|(listed, _)| *listed == hint)
    }

    /// Whether `hint` stands for one of them.
    pub fn contains(&self, hint: Hint) -> bool {
        self.resolve(hint).is_some()
    }

    /// Whether `peer_id` is one of them.
    pub fn contains_peer(&self, peer_id: &PeerId) -> bool {
        self.listed.iter().any(|(_, listed)| listed == peer_id)
    }

    /// Those that act, in the configured order.
    pub fn acting(&self) -> impl Iterator<Item = (Hint, &PeerId)> {
        self.iter().take(self.acting_count())
    }

    /// Those that do not act any more.
    pub fn retired(&self) -> impl Iterator<Item = &PeerId> {
        self.iter().skip(self.acting_count()).map(|(_, peer_id)| peer_id)
    }

    /// Whether `peer_id` is one of those that act.
    pub fn acts(&self, peer_id: &PeerId) -> bool {
        self.acting().any(|(_, acting)| acting == peer_id)
    }

    /// Whether `hint` stands for one of those that act.
    pub(crate) fn acts_as(&self, hint: Hint) -> bool {
        self.acting().any(|(acting, _)| acting == hint)
    }

    /// All of them: those that act in the configured order, then the others.
    pub fn iter(&self) -> impl Iterator<Item = (Hint, &PeerId)> {
        self.listed.iter().map(|(hint, peer_id)| (*hint, peer_id))
    }

    /// How many of them act.
    pub(crate) fn acting_count(&self) -> usize {
        usize::from(self.acting)
    }

    /// The place of `hint` among the sorted peer ids: names an authority in a byte to those who
    /// trust the same ones.
    pub(crate) fn index_of(&self, hint: Hint) -> Option<u8> {
        let listed = self.place_of(hint)?;
        let index = self.sorted.iter().position(|place| usize::from(*place) == listed);
        index.and_then(|index| u8::try_from(index).ok())
    }

    /// Those of them that are in touch, one bit each: the lowest for the first of the sorted peer
    /// ids.
    pub fn in_touch_bits(&self, in_touch: &InTouch) -> u8 {
        let indices = in_touch.as_slice().iter().filter_map(|hint| self.index_of(*hint));
        indices.fold(0, |bits, index| bits | 1 << index)
    }

    /// The authorities that `bits` stand for.
    pub fn of_bits(&self, bits: u8) -> InTouch {
        let set = self.sorted.iter().enumerate().filter(|(index, _)| bits & 1 << index != 0);
        set.map(|(_, place)| self.listed[usize::from(*place)].0).collect()
    }

    /// The first 8 bytes of the SHA-256 of the sorted peer ids: equal where two replicas trust the
    /// same authorities.
    pub fn set_hash(&self) -> [u8; 8] {
        self.set_hash
    }
}

/// See [`Authorities::set_hash`].
fn set_hash<'a>(sorted: impl Iterator<Item = &'a PeerId>) -> [u8; 8] {
    let mut hasher = Sha256::new();
    for peer_id in sorted {
        hasher.update([u8::try_from(peer_id.as_bytes().len()).expect("at most 42 bytes")]);
        hasher.update(peer_id.as_bytes());
    }
    let mut hash = [0; 8];
    hash.copy_from_slice(&hasher.finalize()[..8]);
    hash
}

/// The authorities in touch: those that this replica, or its home, has heard directly within one
/// lease window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InTouch(Vec<Hint, AUTHORITIES_MAX>);

impl InTouch {
    pub(crate) const NONE: InTouch = InTouch(Vec::new());

    /// Adds one; more than there can be authorities are not kept.
    pub fn insert(&mut self, hint: Hint) {
        // Sorted, so that two sets of the same are equal.
        if let Err(place) = self.0.binary_search(&hint) {
            // Only configured authorities are inserted, and no more than fit are configured.
            let _ = self.0.insert(place, hint);
        }
    }

    /// Whether `hint` is in touch.
    pub fn contains(&self, hint: Hint) -> bool {
        self.0.contains(&hint)
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Hint] {
        &self.0
    }
}

impl FromIterator<Hint> for InTouch {
    fn from_iter<I: IntoIterator<Item = Hint>>(hints: I) -> InTouch {
        let mut in_touch = InTouch::default();
        hints.into_iter().for_each(|hint| in_touch.insert(hint));
        in_touch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Keypair, Signer};

    fn peers() -> [PeerId; 3] {
        [1, 2, 3].map(|seed| Keypair::ed25519([seed; 32]).peer_id())
    }

    #[test]
    fn set_hash_does_not_depend_on_the_configured_order() {
        let [a, b, c] = peers();
        let one = Authorities::new(&[a, b, c]).expect("distinct");
        let other = Authorities::new(&[c, a, b]).expect("distinct");
        assert_eq!(one.set_hash(), other.set_hash());
        assert_ne!(one.set_hash(), Authorities::new(&[a, b]).expect("distinct").set_hash());
    }

    #[test]
    fn retired_authorities_are_listed_and_do_not_act() {
        let [a, b, c] = peers();
        let authorities = Authorities::with_retired(&[a, b], &[c]).expect("distinct");
        assert!(authorities.contains_peer(&c) && !authorities.acts(&c));
        assert!(authorities.acts(&a) && authorities.acts(&b));
        assert_eq!(authorities.acting_count(), 2);
        assert_eq!(authorities.retired().collect::<std::vec::Vec<_>>(), [&c]);
        // Replicas agree about what counts, whoever has heard already that it is retired.
        let before = Authorities::new(&[a, b, c]).expect("distinct");
        assert_eq!(authorities.set_hash(), before.set_hash());
        assert_eq!(Authorities::with_retired(&[], &[a]), Err(AuthoritiesError::Empty));
        assert_eq!(Authorities::with_retired(&[a], &[a]), Err(AuthoritiesError::Indistinct));
    }

    #[test]
    fn authorities_in_touch_are_bits_in_an_order_that_all_share() {
        let [a, b, c] = peers();
        let one = Authorities::new(&[a, b, c]).expect("distinct");
        let other = Authorities::new(&[c, a, b]).expect("distinct");
        for bits in 0..8 {
            let in_touch = one.of_bits(bits);
            assert_eq!(in_touch.as_slice().len(), usize::try_from(bits.count_ones()).expect("few"));
            assert_eq!(other.in_touch_bits(&in_touch), bits);
        }
        assert_eq!(one.of_bits(0xf8), InTouch::NONE);
    }

    #[test]
    fn lists_that_cannot_be_used_are_refused() {
        let [a, b, _] = peers();
        assert_eq!(Authorities::new(&[]), Err(AuthoritiesError::Empty));
        assert_eq!(Authorities::new(&[a, b, a]), Err(AuthoritiesError::Indistinct));
        let many: std::vec::Vec<PeerId> =
            (0..9).map(|seed| Keypair::ed25519([seed; 32]).peer_id()).collect();
        assert_eq!(Authorities::new(&many), Err(AuthoritiesError::TooMany));
    }
}
