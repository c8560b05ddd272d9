//! Binary multiaddrs (<https://github.com/multiformats/multiaddr>), as far as the roll reads them:
//! whether one is well formed, and which peer it names.
//!
//! Their text form is the business of hosted programs.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::{limits::ADDRESS_SIZE_MAX, peer_id::PeerId};

const IP4: u32 = 4;
const IP6: u32 = 41;
const P2P: u32 = 421;
const P2P_CIRCUIT: u32 = 290;

/// The part of a public IP address that one party commonly holds as a whole: of an IPv4 address the
/// first 24 bits, of an IPv6 address the first 48.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(u64);

impl Prefix {
    /// The prefix of the address that `address` begins with. None where that is no public IP
    /// address, or only that of a relay.
    pub(crate) fn of(address: &[u8]) -> Option<Prefix> {
        let (code, value, mut rest) = component(address)?;
        while !rest.is_empty() {
            let (code, _, after) = component(rest)?;
            if code == P2P_CIRCUIT {
                return None;
            }
            rest = after;
        }
        match code {
            IP4 => Prefix::of_ip4(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?)),
            IP6 => Prefix::of_ip6(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?)),
            _ => None,
        }
    }

    fn of_ip4(address: Ipv4Addr) -> Option<Prefix> {
        let [a, b, c, _] = address.octets();
        let is_shared = a == 100 && b & 0xc0 == 64;
        let is_local = a == 0
            || address.is_private()
            || address.is_loopback()
            || address.is_link_local()
            || is_shared;
        (!is_local).then(|| Prefix(u64::from_be_bytes([4, 0, 0, 0, 0, a, b, c])))
    }

    fn of_ip6(address: Ipv6Addr) -> Option<Prefix> {
        if let Some(address) = address.to_ipv4_mapped() {
            return Prefix::of_ip4(address);
        }
        let is_local = address.is_unspecified()
            || address.is_loopback()
            || address.is_unique_local()
            || address.is_unicast_link_local();
        let [a, b, c, d, e, f, ..] = address.octets();
        (!is_local).then(|| Prefix(u64::from_be_bytes([6, 0, a, b, c, d, e, f])))
    }
}

/// How the value of a protocol is measured.
enum ValueSize {
    Fixed(usize),
    Prefixed,
}

/// The protocols of <https://github.com/multiformats/multiaddr/blob/master/protocols.csv> that
/// libp2p addresses are made of; `None` for others.
fn value_size(code: u32) -> Option<ValueSize> {
    Some(match code {
        // ip4, tcp, dccp, ip6, ipcidr, udp, sctp
        4 => ValueSize::Fixed(4),
        6 | 33 | 132 | 273 => ValueSize::Fixed(2),
        41 => ValueSize::Fixed(16),
        43 => ValueSize::Fixed(1),
        // ip6zone, dns, dns4, dns6, dnsaddr, unix, p2p, garlic64, garlic32, sni, http-path, certhash
        42 | 53..=56 | 400 | P2P | 446 | 447 | 449 | 466 | 481 => ValueSize::Prefixed,
        // onion, onion3
        444 => ValueSize::Fixed(12),
        445 => ValueSize::Fixed(37),
        // p2p-circuit, webrtc-direct, webrtc, udt, utp, tls, noise, quic, quic-v1, webtransport,
        // http, https, ws, wss, plaintextv2
        275 | 276 | 280 | 281 | 290 | 301 | 302 | 443 | 448 | 454 | 460 | 461 | 465 | 477 | 478
        | 479 | 480 | 7367777 => ValueSize::Fixed(0),
        // memory
        777 => ValueSize::Fixed(8),
        _ => return None,
    })
}

/// The components of a binary multiaddr, each its protocol's code and its value; `None` as the
/// last item where the bytes are malformed or a protocol is unknown.
fn components(address: &[u8]) -> impl Iterator<Item = Option<(u32, &[u8])>> {
    let mut rest = Some(address);
    core::iter::from_fn(move || {
        let bytes = rest.take()?;
        if bytes.is_empty() {
            return None;
        }
        let component = component(bytes);
        rest = component.map(|(_, _, after)| after);
        Some(component.map(|(code, value, _)| (code, value)))
    })
}

fn component(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (code, bytes) = postcard::take_from_bytes::<u32>(bytes).ok()?;
    let (size, bytes) = match value_size(code)? {
        ValueSize::Fixed(size) => (size, bytes),
        ValueSize::Prefixed => {
            let (size, bytes) = postcard::take_from_bytes::<u32>(bytes).ok()?;
            (usize::try_from(size).ok()?, bytes)
        }
    };
    let (value, after) = bytes.split_at_checked(size)?;
    Some((code, value, after))
}

/// Whether `address` is one or more whole components of known protocols within the size bound.
pub fn is_well_formed(address: &[u8]) -> bool {
    !address.is_empty()
        && address.len() <= ADDRESS_SIZE_MAX
        && components(address).all(|component| component.is_some())
}

/// The peer that `address` names: its last `/p2p/` component. `None` if it has none or is
/// malformed.
pub fn peer_id(address: &[u8]) -> Option<PeerId> {
    let mut named = None;
    for component in components(address) {
        let (code, value) = component?;
        if code == P2P {
            named = Some(PeerId::from_bytes(value).ok()?);
        }
    }
    named
}

/// Whether the node at `node_addr` is the authority at `authority_addr`: whether both name the
/// same peer.
///
/// Where a node is reached says nothing about who it is, so addresses without a `/p2p/` component
/// are never an authority's.
pub fn is_central_authority(node_addr: &[u8], authority_addr: &[u8]) -> bool {
    match (peer_id(node_addr), peer_id(authority_addr)) {
        (Some(node), Some(authority)) => node == authority,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::key::{Keypair, Signer};

    const IP4_TCP: [u8; 8] = [4, 127, 0, 0, 1, 6, 0x1d, 0xe7];

    fn with_peer(address: &[u8], peer: &PeerId) -> Vec<u8> {
        let mut bytes = address.to_vec();
        bytes.extend_from_slice(&[0xa5, 0x03, u8::try_from(peer.as_bytes().len()).expect("short")]);
        bytes.extend_from_slice(peer.as_bytes());
        bytes
    }

    #[test]
    fn authority_is_known_by_peer_id_not_by_place() {
        let authority = Keypair::ed25519([1; 32]).peer_id();
        let other = Keypair::ed25519([2; 32]).peer_id();
        let elsewhere = [4, 10, 0, 0, 9, 0x91, 0x02, 0, 9, 0xcd, 0x03];
        let at = with_peer(&IP4_TCP, &authority);
        assert!(is_central_authority(&with_peer(&elsewhere, &authority), &at));
        assert!(!is_central_authority(&with_peer(&IP4_TCP, &other), &at));
        assert!(!is_central_authority(&IP4_TCP, &at));
        assert!(!is_central_authority(&IP4_TCP, &IP4_TCP));
    }

    fn ip4(octets: [u8; 4]) -> Vec<u8> {
        [&[4][..], &octets, &[6, 0x1d, 0xe7]].concat()
    }

    fn ip6(text: &str) -> Vec<u8> {
        let address: Ipv6Addr = text.parse().expect("an address");
        [&[41][..], &address.octets(), &[6, 0x1d, 0xe7]].concat()
    }

    #[test]
    fn prefix_is_that_of_a_public_address() {
        let prefix = Prefix::of(&ip4([192, 0, 2, 7]));
        assert!(prefix.is_some());
        assert_eq!(prefix, Prefix::of(&ip4([192, 0, 2, 200])));
        assert_ne!(prefix, Prefix::of(&ip4([192, 0, 3, 7])));
        assert_eq!(prefix, Prefix::of(&ip6("::ffff:192.0.2.9")));
        let prefix = Prefix::of(&ip6("2001:db8:1:2::3"));
        assert!(prefix.is_some());
        assert_eq!(prefix, Prefix::of(&ip6("2001:db8:1:ffff::1")));
        assert_ne!(prefix, Prefix::of(&ip6("2001:db8:2::")));
    }

    #[test]
    fn local_relayed_and_named_addresses_have_no_prefix() {
        for octets in [[127, 0, 0, 1], [10, 1, 2, 3], [172, 16, 0, 1], [192, 168, 0, 1]] {
            assert_eq!(Prefix::of(&ip4(octets)), None);
        }
        for octets in [[169, 254, 0, 1], [100, 64, 0, 1], [100, 127, 0, 1], [0, 0, 0, 0]] {
            assert_eq!(Prefix::of(&ip4(octets)), None);
        }
        for text in ["::1", "::", "fe80::1", "fd00::1", "::ffff:10.0.0.1"] {
            assert_eq!(Prefix::of(&ip6(text)), None, "{text}");
        }
        let relayed = [&ip4([192, 0, 2, 7])[..], &[0xa2, 0x02]].concat();
        assert_eq!(Prefix::of(&relayed), None);
        assert_eq!(Prefix::of(&[54, 1, b'a', 6, 0, 1]), None, "a name");
        assert_eq!(Prefix::of(&[4, 192, 0, 2, 7, 6, 0]), None, "cut short");
        assert_eq!(Prefix::of(&[]), None);
    }

    #[test]
    fn address_cut_anywhere_inside_a_component_is_malformed() {
        let peer = Keypair::ed25519([1; 32]).peer_id();
        let address = with_peer(&IP4_TCP, &peer);
        for length in 0..address.len() {
            let whole_components = matches!(length, 5 | 8);
            assert_eq!(is_well_formed(&address[..length]), whole_components, "{length}");
        }
        assert!(is_well_formed(&address));
        assert!(!is_well_formed(&[0xff; 10]));
    }
}
