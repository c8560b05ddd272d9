//! How a tracker begins: its authorities, the seed of its run, its journal, and how it is reached.

use rollbook_core::{
    Authorities, HeapTracker, PeerId,
    journal::{self, Next},
};

use crate::{bytes::Octets, error::Failure, keys};

/// Before a peer id in the bytes of an address.
const P2P: [u8; 2] = [0xa5, 0x03];

/// The list of authorities; without any, a node is its own.
pub(crate) fn list_of(
    own: &PeerId,
    authorities: &[String],
    retired: &[String],
) -> Result<Authorities, Failure> {
    let acting = match authorities {
        [] => vec![*own],
        authorities => keys::peers(authorities)?,
    };
    Ok(Authorities::with_retired(&acting, &keys::peers(retired)?)?)
}

/// The seed of this run: what is handed in, or of random numbers of the system.
pub(crate) fn seed_of(given: Option<Octets>) -> Result<[u8; 32], Failure> {
    let mut seed = [0; 32];
    match given {
        Some(given) => given[..]
            .try_into()
            .map_err(|_size| Failure::argument("the seed of a run has 32 bytes")),
        None => {
            let no_random =
                |error| Failure::new("IO", "Random", format!("no random numbers: {error}"));
            getrandom::fill(&mut seed).map_err(no_random)?;
            Ok(seed)
        }
    }
}

/// An announced address does not repeat whose it is.
pub(crate) fn without_peer_id(address: &rollbook::Multiaddr, own: &PeerId) -> Vec<u8> {
    let bytes = address.to_vec();
    let own = own.as_bytes();
    let size = u8::try_from(own.len()).expect("a peer id has at most 42 bytes");
    let end = [&P2P[..], &[size], own].concat();
    bytes.strip_suffix(&end[..]).map_or(bytes.clone(), <[u8]>::to_vec)
}

/// Takes a journal back: how many frames it had, how many of them this version cannot read, and how
/// many bytes were damaged or torn.
pub(crate) fn recover(
    tracker: &mut HeapTracker,
    bytes: &[u8],
) -> Result<(u64, u64, u64, u64), Failure> {
    let (mut frames, mut skipped, mut damaged, mut torn) = (0, 0, 0, 0);
    let mut reader = journal::Reader::new(bytes);
    loop {
        match reader.next_frame() {
            Ok(Next::Frame(frame)) => match tracker.recover(&frame) {
                Ok(()) => frames += 1,
                Err(rollbook_core::RecoverError::Statement(_)) => skipped += 1,
                Err(error) => return Err(error.into()),
            },
            Ok(Next::Damaged { size }) => {
                damaged += size;
                tracker.note_damage();
            }
            Ok(Next::TornTail { size }) => torn = size,
            Ok(Next::End) => return Ok((frames, skipped, damaged, torn)),
            Err(never) => match never {},
        }
        if torn > 0 {
            return Ok((frames, skipped, damaged, torn));
        }
    }
}
