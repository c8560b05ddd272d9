//! Peer ids, addresses and keys, as text and as bytes.

use std::string::ToString;

use super::bytes::Bytes;
use crate::{
    EthAddress, PEER_ID_TEXT_MAX, PeerId, PublicKey, is_central_authority,
    limits::ADDRESS_SIZE_MAX, multiaddr,
};

/// A text, then an address, then the bytes of a peer id.
pub(super) fn texts(bytes: &[u8]) -> bool {
    let mut pieces = Bytes::new(bytes);
    let text = core::str::from_utf8(pieces.piece()).ok().and_then(peer_id_of_text);
    let (one, other) = (pieces.piece(), pieces.piece());
    let address = peer_id_of_address(one);
    assert_eq!(is_central_authority(one, other), is_central_authority(other, one));
    assert!(address.is_none() || is_central_authority(one, one));
    let rest = PeerId::from_bytes(pieces.take(bytes.len())).ok();
    let found = [text, address, rest];
    found.iter().flatten().for_each(check_peer_id);
    found.iter().any(Option::is_some)
}

fn peer_id_of_text(text: &str) -> Option<PeerId> {
    let peer_id = text.parse::<PeerId>().ok()?;
    assert_eq!(peer_id.to_text(), text, "a peer id has one text");
    Some(peer_id)
}

fn peer_id_of_address(address: &[u8]) -> Option<PeerId> {
    let named = multiaddr::peer_id(address);
    if multiaddr::is_well_formed(address) {
        assert!(address.len() <= ADDRESS_SIZE_MAX);
    }
    named
}

fn check_peer_id(peer_id: &PeerId) {
    assert_eq!(PeerId::from_bytes(peer_id.as_bytes()).as_ref(), Ok(peer_id));
    let text = peer_id.to_text();
    assert!(text.len() <= PEER_ID_TEXT_MAX);
    assert_eq!(text.parse().as_ref(), Ok(peer_id));
    assert_eq!(peer_id.order_key().to_be_bytes()[..4], peer_id.hint().0);
    let Some(key) = PublicKey::of(peer_id) else {
        assert_eq!(EthAddress::of(peer_id), None);
        return;
    };
    assert_eq!(key.peer_id(), *peer_id, "a key has one peer id");
    let is_secp256k1 = matches!(key, PublicKey::Secp256k1(_));
    let address = EthAddress::of(peer_id);
    assert_eq!(address.is_some(), is_secp256k1 && key.check().is_ok());
    if let Some(address) = address {
        let text = address.to_string();
        let digits = text.strip_prefix("0x").expect("written as hexadecimal");
        assert!(digits.len() == 40 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }
}
