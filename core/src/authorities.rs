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

/// The configured authorities, in the order in which members try them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    listed: Vec<(Hint, PeerId), AUTHORITIES_MAX>,
    /// It goes with every message, so it is computed once.
    set_hash: [u8; 8],
}

impl Authorities {
    /// Checks a list of peer ids.
    pub fn new(peer_ids: &[PeerId]) -> Result<Authorities, AuthoritiesError> {
        if peer_ids.is_empty() {
            return Err(AuthoritiesError::Empty);
        }
        let mut authorities = Vec::<(Hint, PeerId), AUTHORITIES_MAX>::new();
        for peer_id in peer_ids {
            let hint = peer_id.hint();
            if !hint.is_some() || authorities.iter().any(|(other, _)| *other == hint) {
                return Err(AuthoritiesError::Indistinct);
            }
            authorities
                .push((hint, *peer_id))
                .map_err(|_one_too_many| AuthoritiesError::TooMany)?;
        }
        Ok(Authorities { set_hash: set_hash(&authorities), listed: authorities })
    }

    /// The peer id of the authority that `hint` stands for.
    pub fn resolve(&self, hint: Hint) -> Option<&PeerId> {
        self.listed.iter().find(|(listed, _)| *listed == hint).map(|(_, peer_id)| peer_id)
    }

    /// Whether `hint` stands for one of them.
    pub fn contains(&self, hint: Hint) -> bool {
        self.resolve(hint).is_some()
    }

    /// Whether `peer_id` is one of them.
    pub fn contains_peer(&self, peer_id: &PeerId) -> bool {
        self.listed.iter().any(|(_, listed)| listed == peer_id)
    }

    /// All of them in the configured order.
    pub fn iter(&self) -> impl Iterator<Item = (Hint, &PeerId)> {
        self.listed.iter().map(|(hint, peer_id)| (*hint, peer_id))
    }

    /// The first 8 bytes of the SHA-256 of the sorted peer ids: equal where two replicas trust the
    /// same authorities.
    pub fn set_hash(&self) -> [u8; 8] {
        self.set_hash
    }
}

/// See [`Authorities::set_hash`].
fn set_hash(authorities: &[(Hint, PeerId)]) -> [u8; 8] {
    let mut sorted: Vec<&PeerId, AUTHORITIES_MAX> =
        authorities.iter().map(|(_, peer_id)| peer_id).collect();
    sorted.sort_unstable();
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

    /// All of them, as they travel.
    pub(crate) fn into_vec(self) -> Vec<Hint, AUTHORITIES_MAX> {
        self.0
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
    fn lists_that_cannot_be_used_are_refused() {
        let [a, b, _] = peers();
        assert_eq!(Authorities::new(&[]), Err(AuthoritiesError::Empty));
        assert_eq!(Authorities::new(&[a, b, a]), Err(AuthoritiesError::Indistinct));
        let many: std::vec::Vec<PeerId> =
            (0..9).map(|seed| Keypair::ed25519([seed; 32]).peer_id()).collect();
        assert_eq!(Authorities::new(&many), Err(AuthoritiesError::TooMany));
    }
}
