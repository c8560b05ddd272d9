//! What two lists of authorities have in common, and how a list travels.
//!
//! A list travels as its sorted peer ids, each after one byte with its size: the bytes that its
//! hash is over. It does so only where the hashes of two replicas differ.

use heapless::Vec;

use crate::{
    authorities::Authorities,
    limits::{AUTHORITIES_MAX, AUTHORITIES_SIZE_MAX},
    message::MessageError,
    peer_id::PeerId,
};

/// A list as it travels.
pub(crate) type ListBytes = Vec<u8, AUTHORITIES_SIZE_MAX>;

/// The hash of a list of authorities.
type SetHash = [u8; 8];

/// What this replica and a peer with another list have in common. All zero is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InCommon {
    /// The hashes of this replica's list and the peer's for which this was found.
    lists: (SetHash, SetHash),
    /// The authorities that both list, one bit each: the lowest for the first of this replica's
    /// sorted peer ids.
    bits: u8,
}

impl InCommon {
    pub(crate) const NOTHING: InCommon = InCommon { lists: ([0; 8], [0; 8]), bits: 0 };

    /// Notes the peer's list, as it says that it is.
    pub(crate) fn note(&mut self, ours: &Authorities, theirs: &Authorities) {
        let lists = (ours.set_hash(), theirs.set_hash());
        if self.lists != lists {
            *self = InCommon { lists, bits: bits(ours, theirs) };
        }
    }

    /// The authorities that both list; none where it is not known for these two lists.
    pub(crate) fn bits(&self, ours: SetHash, theirs: SetHash) -> u8 {
        if self.lists == (ours, theirs) { self.bits } else { 0 }
    }
}

/// Those of `ours` that `theirs` lists, too.
fn bits(ours: &Authorities, theirs: &Authorities) -> u8 {
    let both = ours.iter().filter(|(_, peer_id)| theirs.contains_peer(peer_id));
    ours.in_touch_bits(&both.map(|(hint, _)| hint).collect())
}

/// The authorities that both list: numbered alike on both sides, as they are sorted. None where
/// there are none.
pub(crate) fn in_common(ours: &Authorities, theirs: &Authorities) -> Authorities {
    subset(ours, bits(ours, theirs))
}

/// The authorities that `bits` stand for.
pub(crate) fn subset(authorities: &Authorities, bits: u8) -> Authorities {
    let chosen = authorities.of_bits(bits);
    let chosen = chosen.as_slice().iter().filter_map(|hint| authorities.resolve(*hint));
    let chosen: Vec<PeerId, AUTHORITIES_MAX> = chosen.copied().collect();
    Authorities::new(&chosen).unwrap_or(Authorities::NONE)
}

/// A list as it travels to who has another one; nothing where both are the same.
pub(crate) fn list_for(theirs: SetHash, authorities: &Authorities) -> ListBytes {
    if theirs == authorities.set_hash() { ListBytes::new() } else { list(authorities) }
}

/// A list as it travels.
pub(crate) fn list(authorities: &Authorities) -> ListBytes {
    let mut sorted: Vec<&PeerId, AUTHORITIES_MAX> =
        authorities.iter().map(|(_, peer_id)| peer_id).collect();
    sorted.sort_unstable();
    let mut bytes = ListBytes::new();
    for peer_id in sorted {
        let size = u8::try_from(peer_id.as_bytes().len()).expect("at most 42 bytes");
        bytes.push(size).expect("a list has room for all that can be listed");
        bytes
            .extend_from_slice(peer_id.as_bytes())
            .expect("a list has room for all that can be listed");
    }
    bytes
}

/// Reads a list that travelled: `None` where none did. Whether the keys in it can sign is left open,
/// since only those that this replica lists itself count.
pub(crate) fn read_list(mut bytes: &[u8]) -> Result<Option<Authorities>, MessageError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut listed = Vec::<PeerId, AUTHORITIES_MAX>::new();
    while let Some((size, rest)) = bytes.split_first() {
        let (peer_id, rest) =
            rest.split_at_checked((*size).into()).ok_or(MessageError::Malformed)?;
        let peer_id = PeerId::from_bytes(peer_id).map_err(|_no_peer_id| MessageError::Malformed)?;
        if listed.last().is_some_and(|before| *before >= peer_id) {
            return Err(MessageError::Malformed);
        }
        listed.push(peer_id).map_err(|_one_too_many| MessageError::Malformed)?;
        bytes = rest;
    }
    // Two that cannot be told apart by what stands for them are nobody's list.
    Authorities::new(&listed).map(Some).map_err(|_unusable| MessageError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Keypair, Signer};

    fn peer(seed: u8) -> PeerId {
        Keypair::ed25519([seed; 32]).peer_id()
    }

    fn authorities(seeds: &[u8]) -> Authorities {
        let peers: Vec<PeerId, AUTHORITIES_MAX> = seeds.iter().map(|seed| peer(*seed)).collect();
        Authorities::new(&peers).expect("distinct")
    }

    /// These peer ids as they travel, sorted or not.
    fn listed(peers: &[&[u8]]) -> std::vec::Vec<u8> {
        let sized = peers.iter().flat_map(|peer| {
            let size = u8::try_from(peer.len()).expect("short");
            core::iter::once(size).chain(peer.iter().copied())
        });
        sized.collect()
    }

    #[test]
    fn list_travels_as_the_bytes_that_its_hash_is_over() {
        let all = authorities(&[5, 1, 8, 3, 2, 7, 4, 6]);
        for authorities in [authorities(&[2, 1]), authorities(&[1]), all] {
            let bytes = list(&authorities);
            let read = read_list(&bytes).expect("well formed").expect("not empty");
            assert_eq!(read.set_hash(), authorities.set_hash());
            assert_eq!(list_for([0; 8], &authorities), bytes);
            assert!(list_for(authorities.set_hash(), &authorities).is_empty());
            let hash = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
            assert_eq!(hash[..8], authorities.set_hash());
        }
        assert_eq!(read_list(&[]), Ok(None));
    }

    #[test]
    fn lists_that_nobody_can_have_are_malformed() {
        let mut peers: std::vec::Vec<PeerId> = (1..=9).map(peer).collect();
        peers.sort_unstable();
        let bytes: std::vec::Vec<&[u8]> = peers.iter().map(PeerId::as_bytes).collect();
        assert!(read_list(&listed(&bytes[..8])).is_ok());
        let (one, other) = colliding();
        assert!(one.hint() == other.hint() && one < other);
        let cut = listed(&bytes[..2]);
        for (name, bytes) in [
            ("nine", listed(&bytes)),
            ("one twice", listed(&[bytes[0], bytes[0]])),
            ("out of order", listed(&[bytes[1], bytes[0]])),
            ("no peer id", listed(&[bytes[0], &[9; 20]])),
            ("an empty peer id", listed(&[&[]])),
            ("cut short", cut[..cut.len() - 1].to_vec()),
            ("followed by something", [&listed(&bytes[..2])[..], &[0]].concat()),
            ("two that the same bytes stand for", listed(&[one.as_bytes(), other.as_bytes()])),
        ] {
            assert_eq!(read_list(&bytes), Err(MessageError::Malformed), "{name}");
        }
    }

    /// Two peer ids, the smaller one first, with the same 4 bytes to stand for them.
    fn colliding() -> (PeerId, PeerId) {
        let mut seen = std::collections::HashMap::new();
        for number in 0u32.. {
            let mut key = [7; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            let peer_id = crate::key::PublicKey::Ed25519(key).peer_id();
            if let Some(other) = seen.insert(peer_id.hint(), peer_id) {
                return (other.min(peer_id), other.max(peer_id));
            }
        }
        unreachable!("there are more numbers than hints to find two by")
    }

    #[test]
    fn weak_keys_in_a_list_do_no_harm() {
        // Of small order: nobody can be configured to trust it.
        let weak = crate::key::PublicKey::Ed25519([0; 32]).peer_id();
        assert!(crate::key::PublicKey::of(&weak).is_some_and(|key| key.check().is_err()));
        let mut peers = [weak, peer(1)];
        peers.sort_unstable();
        let theirs = read_list(&listed(&[peers[0].as_bytes(), peers[1].as_bytes()]));
        let theirs = theirs.expect("well formed").expect("not empty");
        let both = in_common(&authorities(&[1, 2]), &theirs);
        assert_eq!(both, authorities(&[1]));
    }

    #[test]
    fn both_sides_number_what_they_have_in_common_alike() {
        for (ours, theirs, both) in [
            (&[1, 2][..], &[3, 2, 1][..], &[1, 2][..]),
            (&[4, 1, 2, 3], &[5, 3, 6, 1, 7, 8], &[1, 3]),
            (&[1], &[2], &[]),
        ] {
            let (ours, theirs) = (authorities(ours), authorities(theirs));
            let (here, there) = (in_common(&ours, &theirs), in_common(&theirs, &ours));
            assert_eq!(here.iter().count(), both.len());
            for hint in both.iter().map(|seed| peer(*seed).hint()) {
                assert!(here.index_of(hint).is_some_and(|index| index < 8));
                assert_eq!(here.index_of(hint), there.index_of(hint));
            }
        }
    }

    #[test]
    fn retired_authorities_are_in_common_too() {
        let ours = Authorities::with_retired(&[peer(1)], &[peer(2)]).expect("distinct");
        let read = read_list(&list(&ours)).expect("well formed").expect("not empty");
        assert_eq!(read.set_hash(), ours.set_hash());
        assert_eq!(in_common(&ours, &authorities(&[3, 2])), authorities(&[2]));
        assert_eq!(in_common(&authorities(&[3, 2]), &ours), authorities(&[2]));
    }

    #[test]
    fn what_is_in_common_is_of_two_lists_and_no_others() {
        let (ours, theirs, other) = (authorities(&[1, 2]), authorities(&[2]), authorities(&[1, 3]));
        let mut known = InCommon::NOTHING;
        known.note(&ours, &theirs);
        let bits = known.bits(ours.set_hash(), theirs.set_hash());
        assert_eq!(subset(&ours, bits), authorities(&[2]));
        assert_eq!(known.bits(ours.set_hash(), other.set_hash()), 0);
        known.note(&ours, &other);
        assert_eq!(subset(&ours, known.bits(ours.set_hash(), other.set_hash())), authorities(&[1]));
        assert_eq!(known.bits(other.set_hash(), theirs.set_hash()), 0);
    }
}
