//! Peer ids and addresses as the Go network spells them.

use rollbook::{Multiaddr, PeerId};

/// Longest address that is looked at, in bytes of text; real ones have fewer than 200.
const ADDRESS_TEXT_MAX: usize = 1024;

/// The peer id in Rollbook's spelling, or why it is none.
pub(super) fn peer_id(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("has no peer id".to_owned());
    }
    text.parse::<PeerId>().map(|peer| peer.to_string()).map_err(|error| error.to_string())
}

/// The address in its usual spelling, or nothing if it is none.
pub(super) fn address(text: &str) -> Option<String> {
    (text.len() <= ADDRESS_TEXT_MAX).then_some(())?;
    let address: Multiaddr = text.parse().ok()?;
    (!address.is_empty()).then(|| address.to_string())
}
