//! Which addresses a node says it is reached by, and the peer id at an address's end.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use libp2p::{Multiaddr, multiaddr::Protocol};
use rollbook_core::{
    PeerId,
    limits::{ADDRESS_SIZE_MAX, ADDRESSES_MAX},
};

use crate::reach::Reach;

/// The peer id as the core has it; `None` if its form is not supported.
pub(crate) fn core_peer_id(peer: &libp2p::PeerId) -> Option<PeerId> {
    PeerId::from_bytes(&peer.to_bytes()).ok()
}

/// The peer id as libp2p has it.
pub(crate) fn network_peer_id(peer: &PeerId) -> libp2p::PeerId {
    libp2p::PeerId::from_bytes(peer.as_bytes()).expect("both accept the same multihashes")
}

/// Takes `/p2p/ID` off an address's end.
pub(crate) fn split_peer_id(mut address: Multiaddr) -> (Multiaddr, Option<libp2p::PeerId>) {
    match address.pop() {
        Some(Protocol::P2p(peer)) => (address, Some(peer)),
        Some(other) => (address.with(other), None),
        None => (address, None),
    }
}

/// The address with `/p2p/ID` at its end.
pub(crate) fn with_peer_id(address: &Multiaddr, peer: &PeerId) -> Multiaddr {
    address.clone().with(Protocol::P2p(network_peer_id(peer)))
}

/// Where a node is reached, as it was configured and as the system says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a> {
    /// How others reach it, if not by what it listens on.
    pub(crate) external: &'a [Multiaddr],
    /// Where it was to listen.
    pub(crate) configured: &'a [Multiaddr],
    /// Where it listens.
    pub(crate) listening: &'a BTreeSet<Multiaddr>,
    /// The narrowest addresses to announce, if its operator chose.
    pub(crate) reach: Option<Reach>,
}

/// The addresses to announce: the external ones, and of those that the node listens on the ones that
/// its operator chose by their reach. If nothing was chosen: external ones alone, if there are any;
/// else those that reach farthest, and loopback only of a node that was told to listen on nothing
/// else. Link-local ones never: they mean another node on each link. The order does not depend on
/// when an address was found, so that the announcement does not change without need.
pub(crate) fn to_announce(places: &Places<'_>) -> Vec<Multiaddr> {
    let external_reach = places.external.iter().filter_map(Reach::of).min();
    let narrowest = places.reach.or_else(|| match places.external {
        [] => farthest(places),
        _ => external_reach,
    });
    // External addresses stand for all that reach as far.
    let is_announced = |reach: &Reach| {
        narrowest.is_some_and(|narrowest| *reach >= narrowest)
            && external_reach.is_none_or(|external| *reach < external)
    };
    let mut listening: Vec<(Reach, &Multiaddr)> = places
        .listening
        .iter()
        .filter_map(|address| Some((Reach::of(address)?, address)))
        .filter(|(reach, _)| is_announced(reach))
        .collect();
    // If not all fit, those that reach farthest are of most use.
    listening.sort_by_key(|(reach, _)| std::cmp::Reverse(*reach));
    let listening = listening.into_iter().map(|(_, address)| address);
    bounded(places.external.iter().chain(listening).cloned())
}

/// The reach of the addresses that a node announces which nobody chose for.
fn farthest(places: &Places<'_>) -> Option<Reach> {
    let farthest = places.listening.iter().filter_map(Reach::of).max();
    let everywhere = places.configured.iter().filter_map(ip).any(|ip| ip.is_unspecified());
    // A machine without a network is not reached at all.
    farthest.filter(|reach| *reach > Reach::Loopback || !everywhere)
}

/// Whether an address can be that of another node.
pub(crate) fn is_dialable(address: &Multiaddr) -> bool {
    !address.is_empty() && !ip(address).is_some_and(|ip| ip.is_unspecified() || ip.is_multicast())
}

/// The first eight addresses that fit an announcement, without a peer id.
fn bounded(addresses: impl Iterator<Item = Multiaddr>) -> Vec<Multiaddr> {
    let mut taken: Vec<Multiaddr> = Vec::new();
    for address in addresses {
        let (address, _) = split_peer_id(address);
        if address.len() <= ADDRESS_SIZE_MAX && !address.is_empty() && !taken.contains(&address) {
            taken.push(address);
        }
        if taken.len() == ADDRESSES_MAX {
            break;
        }
    }
    taken
}

/// The socket of an address that begins with an IP and a TCP port.
pub(crate) fn tcp_socket(address: &Multiaddr) -> Option<SocketAddr> {
    match address.iter().nth(1)? {
        Protocol::Tcp(port) => Some(SocketAddr::new(ip(address)?, port)),
        _ => None,
    }
}

/// The IP address that an address begins with.
pub(crate) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<Multiaddr> {
        texts.iter().map(|text| text.parse().expect("it is an address")).collect()
    }

    fn announced_by(
        reach: Option<Reach>,
        external: &[&str],
        configured: &str,
        listening: &[&str],
    ) -> Vec<String> {
        let places = Places {
            external: &addresses(external),
            configured: &addresses(&[configured]),
            listening: &addresses(listening).into_iter().collect(),
            reach,
        };
        to_announce(&places).iter().map(Multiaddr::to_string).collect()
    }

    fn announced(external: &[&str], configured: &str, listening: &[&str]) -> Vec<String> {
        announced_by(None, external, configured, listening)
    }

    const PEER: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
    const ALL: &str = "/ip4/0.0.0.0/tcp/1";
    const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/1";
    const LINK: &str = "/ip6/fe80::1/tcp/1";
    const PRIVATE: &str = "/ip4/10.0.0.7/tcp/1";
    const PUBLIC: &str = "/ip4/8.8.8.8/tcp/1";

    #[test]
    fn loopback_is_announced_by_a_node_that_listens_on_nothing_else() {
        assert_eq!(announced(&[], "/ip4/127.0.0.1/tcp/0", &[LOOPBACK]), [LOOPBACK]);
        assert_eq!(announced(&[], ALL, &[LOOPBACK, PRIVATE, LINK]), [PRIVATE]);
        assert_eq!(announced(&[], ALL, &[LOOPBACK]), [""; 0]);
    }

    #[test]
    fn a_node_with_a_public_address_announces_no_other() {
        assert_eq!(announced(&[], ALL, &[LOOPBACK, PRIVATE, LINK, PUBLIC]), [PUBLIC]);
    }

    #[test]
    fn external_addresses_replace_all_others() {
        let external = format!("/ip4/8.8.8.8/tcp/7/p2p/{PEER}");
        assert_eq!(announced(&[&external], ALL, &[PRIVATE]), ["/ip4/8.8.8.8/tcp/7"]);
    }

    #[test]
    fn a_chosen_reach_says_which_are_announced() {
        let listening = [LOOPBACK, LINK, PRIVATE, PUBLIC];
        for (reach, expected) in [
            (Reach::Loopback, &[PUBLIC, PRIVATE, LOOPBACK][..]),
            (Reach::Private, &[PUBLIC, PRIVATE]),
            (Reach::Public, &[PUBLIC]),
        ] {
            assert_eq!(announced_by(Some(reach), &[], ALL, &listening), expected, "{reach}");
        }
        assert_eq!(announced_by(Some(Reach::Public), &[], ALL, &[PRIVATE]), [""; 0]);
    }

    #[test]
    fn a_chosen_reach_adds_nearer_addresses_to_external_ones() {
        let listening = [LOOPBACK, PRIVATE, PUBLIC];
        for external in ["/ip4/9.9.9.9/tcp/7", "/dns4/node.example/tcp/7"] {
            let private = announced_by(Some(Reach::Private), &[external], ALL, &listening);
            assert_eq!(private, [external, PRIVATE]);
            let public = announced_by(Some(Reach::Public), &[external], ALL, &listening);
            assert_eq!(public, [external]);
        }
    }

    #[test]
    fn at_most_eight_are_announced_and_public_ones_first() {
        let mut listening: Vec<String> =
            (0..20).map(|host| format!("/ip4/10.0.0.{host}/tcp/1")).collect();
        listening.push(PUBLIC.to_owned());
        let listening: Vec<&str> = listening.iter().map(String::as_str).collect();
        let announced = announced_by(Some(Reach::Private), &[], ALL, &listening);
        assert_eq!(announced.len(), ADDRESSES_MAX);
        assert_eq!(announced.first().map(String::as_str), Some(PUBLIC));
    }

    #[test]
    fn a_peer_id_is_taken_off_and_put_back() {
        let full: Multiaddr =
            format!("/ip4/1.2.3.4/tcp/5/p2p/{PEER}").parse().expect("it is an address");
        let (bare, peer) = split_peer_id(full.clone());
        let peer = core_peer_id(&peer.expect("it has one")).expect("it is supported");
        assert_eq!(bare.to_string(), "/ip4/1.2.3.4/tcp/5");
        assert_eq!(peer.to_string(), PEER);
        assert_eq!(with_peer_id(&bare, &peer), full);
        assert_eq!(split_peer_id(bare.clone()), (bare, None));
    }
}
