//! Checks of a node's settings that need more than their types.

use libp2p::Multiaddr;
use rollbook_core::{
    Authorities, AuthoritiesError, PeerId, PublicKey,
    limits::{
        ADDRESS_SIZE_MAX, ADDRESSES_MAX, AGENT_SIZE_MAX, AUTHORITIES_MAX, CAPABILITIES_MAX,
        CAPABILITY_SIZE_MAX,
    },
};

use crate::{
    addresses::{core_peer_id, split_peer_id},
    error::StartError,
};

/// The addresses of each authority, in the order in which the authorities were given.
pub(crate) fn group_by_peer(
    addresses: &[Multiaddr],
) -> Result<Vec<(PeerId, Vec<Multiaddr>)>, StartError> {
    let mut grouped: Vec<(PeerId, Vec<Multiaddr>)> = Vec::new();
    for full in addresses {
        let (address, peer) = split_peer_id(full.clone());
        let peer = peer.ok_or_else(|| StartError::AuthorityWithoutPeerId(full.clone()))?;
        let key_error = || StartError::AuthorityKey(full.clone());
        let peer = core_peer_id(&peer).ok_or_else(key_error)?;
        let key = PublicKey::of(&peer).ok_or_else(key_error)?;
        key.check().map_err(|_unusable| key_error())?;
        match grouped.iter_mut().find(|(known, _)| *known == peer) {
            Some((_, known)) => known.push(address),
            None => grouped.push((peer, vec![address])),
        }
    }
    if grouped.len() > AUTHORITIES_MAX {
        let error = format!("at most {AUTHORITIES_MAX} authorities can be configured");
        return Err(StartError::Config(error));
    }
    Ok(grouped)
}

/// The list of authorities of the node `own`: those that act, itself where none is given, and those
/// that retired.
pub(crate) fn authorities(
    own: &PeerId,
    acting: &[(PeerId, Vec<Multiaddr>)],
    retired: &[PeerId],
) -> Result<Authorities, AuthoritiesError> {
    let acting: Vec<PeerId> = match acting {
        [] => vec![*own],
        acting => acting.iter().map(|(peer, _)| *peer).collect(),
    };
    Authorities::with_retired(&acting, retired)
}

pub(crate) fn check_external(addresses: &[Multiaddr]) -> Result<(), StartError> {
    if addresses.len() > ADDRESSES_MAX {
        let error = format!("at most {ADDRESSES_MAX} external addresses can be announced");
        return Err(StartError::Config(error));
    }
    let too_long = |address: &&Multiaddr| address.len() > ADDRESS_SIZE_MAX;
    match addresses.iter().find(too_long) {
        Some(address) => {
            Err(StartError::Config(format!("the external address {address} is too long")))
        }
        None => Ok(()),
    }
}

/// What the node is to say of itself, checked before anything is opened.
pub(crate) fn check_announced(agent: &str, capabilities: &[String]) -> Result<(), StartError> {
    if agent.len() > AGENT_SIZE_MAX {
        return Err(too_long("--agent", agent, AGENT_SIZE_MAX));
    }
    if capabilities.len() > CAPABILITIES_MAX {
        let error = format!("--capability: at most {CAPABILITIES_MAX} can be announced");
        return Err(StartError::Config(error));
    }
    match capabilities.iter().find(|name| name.is_empty() || name.len() > CAPABILITY_SIZE_MAX) {
        Some(name) if name.is_empty() => {
            Err(StartError::Config("--capability: a name is empty".to_owned()))
        }
        Some(name) => Err(too_long("--capability", name, CAPABILITY_SIZE_MAX)),
        None => Ok(()),
    }
}

/// A build may be without what a setting switches on.
pub(crate) fn check_built_in(mdns: bool) -> Result<(), StartError> {
    if mdns && !cfg!(feature = "mdns") {
        return Err(StartError::Config("--mdns: this build is without mDNS".to_owned()));
    }
    Ok(())
}

fn too_long(flag: &str, text: &str, size_max: usize) -> StartError {
    let start: String = text.chars().take(16).collect();
    StartError::Config(format!(
        "{flag}: {start:?} and what follows is too long: it has {} bytes, and at most {size_max} \
         can be announced",
        text.len()
    ))
}

/// An address of this node that names another one is a mistake.
pub(crate) fn check_own_addresses(addresses: &[Multiaddr], own: &PeerId) -> Result<(), StartError> {
    for address in addresses {
        let (_, named) = split_peer_id(address.clone());
        if named.is_some_and(|named| core_peer_id(&named) != Some(*own)) {
            let error = format!("the external address {address} names another node than {own}");
            return Err(StartError::Config(error));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    fn addresses(texts: &[String]) -> Vec<Multiaddr> {
        texts.iter().map(|text| text.parse().expect("it is an address")).collect()
    }

    #[test]
    fn several_addresses_of_one_authority_are_one_authority() {
        let given = addresses(&[
            format!("/ip4/10.0.0.1/tcp/1/p2p/{PEER}"),
            format!("/ip4/10.0.0.1/udp/1/quic-v1/p2p/{PEER}"),
        ]);
        let grouped = group_by_peer(&given).expect("they name it");
        assert_eq!(grouped.len(), 1);
        assert_eq!(grouped[0].1.len(), 2);
    }

    #[test]
    fn what_is_too_long_to_be_announced_is_refused_by_its_name() {
        let name = |size: usize| "x".repeat(size);
        assert!(check_announced(&name(48), &vec![name(32); 12]).is_ok());
        for (agent, capabilities, flag) in [
            (name(49), Vec::new(), "--agent: "),
            (name(1), vec![name(33)], "--capability: "),
            (name(1), vec![name(0)], "--capability: "),
            (name(1), vec![name(1); 13], "--capability: at most 12"),
        ] {
            let error = check_announced(&agent, &capabilities).expect_err("too much").to_string();
            assert!(error.starts_with(flag) && error.len() < 120, "{error}");
        }
    }

    #[test]
    fn mdns_is_refused_by_a_build_without_it() {
        assert!(check_built_in(false).is_ok());
        let refused = check_built_in(true).map_err(|error| error.to_string());
        let expected = "--mdns: this build is without mDNS".to_owned();
        assert_eq!(refused, if cfg!(feature = "mdns") { Ok(()) } else { Err(expected) });
    }

    #[test]
    fn an_authority_without_a_usable_peer_id_is_refused() {
        let bare = addresses(&["/ip4/10.0.0.1/tcp/1".to_owned()]);
        let error = group_by_peer(&bare).expect_err("it names nobody");
        assert!(error.to_string().contains("must end in /p2p/ID"), "{error}");
        let rsa = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
        let rsa = addresses(&[format!("/ip4/10.0.0.1/tcp/1/p2p/{rsa}")]);
        assert!(matches!(group_by_peer(&rsa), Err(StartError::AuthorityKey(_))));
    }
}
