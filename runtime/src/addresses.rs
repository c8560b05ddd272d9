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

/// The addresses to announce: the external ones if any are configured, else those that the node
/// listens on. Loopback is announced only by a node that listens on nothing else, link-local
/// never: neither means the same on another machine. The order does not depend on when an
/// address was found, so that the announcement does not change without need.
pub(crate) fn to_announce(
    external: &[Multiaddr],
    configured: &[Multiaddr],
    listening: &BTreeSet<Multiaddr>,
) -> Vec<Multiaddr> {
    if !external.is_empty() {
        return bounded(external.iter().cloned());
    }
    let everywhere = configured.iter().filter_map(ip).any(|ip| ip.is_unspecified());
    let beyond: BTreeSet<&Multiaddr> =
        listening.iter().filter(|address| reaches_beyond(address)).collect();
    if beyond.is_empty() && !everywhere {
        return bounded(listening.iter().filter(|address| !is_link_local(address)).cloned());
    }
    // Public addresses first: if not all fit, those are of most use.
    let mut sorted: Vec<&Multiaddr> = beyond.into_iter().collect();
    sorted.sort_by_key(|address| ip(address).is_some_and(is_private));
    bounded(sorted.into_iter().cloned())
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

fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    }
}

fn reaches_beyond(address: &Multiaddr) -> bool {
    !ip(address).is_some_and(|ip| ip.is_loopback()) && !is_link_local(address)
}

fn is_link_local(address: &Multiaddr) -> bool {
    match ip(address) {
        Some(IpAddr::V4(ip)) => ip.is_link_local(),
        Some(IpAddr::V6(ip)) => ip.is_unicast_link_local(),
        None => false,
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<Multiaddr> {
        texts.iter().map(|text| text.parse().expect("it is an address")).collect()
    }

    fn announced(external: &[&str], configured: &[&str], listening: &[&str]) -> Vec<String> {
        let listening = addresses(listening).into_iter().collect();
        to_announce(&addresses(external), &addresses(configured), &listening)
            .iter()
            .map(Multiaddr::to_string)
            .collect()
    }

    const PEER: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    #[test]
    fn loopback_is_announced_by_a_node_that_listens_on_nothing_else() {
        let loopback = "/ip4/127.0.0.1/tcp/1";
        assert_eq!(announced(&[], &["/ip4/127.0.0.1/tcp/0"], &[loopback]), [loopback]);
        let listening = [loopback, "/ip4/10.0.0.7/tcp/1", "/ip6/fe80::1/tcp/1"];
        let on_all = announced(&[], &["/ip4/0.0.0.0/tcp/0"], &listening);
        assert_eq!(on_all, ["/ip4/10.0.0.7/tcp/1"]);
        assert_eq!(announced(&[], &["/ip4/0.0.0.0/tcp/0"], &[loopback]), [""; 0]);
    }

    #[test]
    fn external_addresses_replace_all_others() {
        let external = format!("/ip4/8.8.8.8/tcp/7/p2p/{PEER}");
        let listening = ["/ip4/10.0.0.7/tcp/1"];
        let external = announced(&[&external], &["/ip4/0.0.0.0/tcp/1"], &listening);
        assert_eq!(external, ["/ip4/8.8.8.8/tcp/7"]);
    }

    #[test]
    fn at_most_eight_are_announced_and_public_ones_first() {
        let mut listening: Vec<String> =
            (0..20).map(|host| format!("/ip4/10.0.0.{host}/tcp/1")).collect();
        listening.push("/ip4/8.8.8.8/tcp/1".to_owned());
        let listening: Vec<&str> = listening.iter().map(String::as_str).collect();
        let announced = announced(&[], &["/ip4/0.0.0.0/tcp/1"], &listening);
        assert_eq!(announced.len(), ADDRESSES_MAX);
        assert_eq!(announced.first().map(String::as_str), Some("/ip4/8.8.8.8/tcp/1"));
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
