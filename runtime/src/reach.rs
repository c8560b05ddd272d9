//! How far an address reaches, and so which addresses a node announces and dials.
//!
//! The rule: a node has a reach, that of the narrowest address it announces. Of the addresses that
//! others announced it dials those that reach as far or farther. Two nodes of one machine, or of one
//! private network, so find each other, and a node in the public network tries neither: what
//! `10.0.0.7` or `127.0.0.1` is there, nobody knows.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use libp2p::{Multiaddr, multiaddr::Protocol};
use serde::{Deserialize, Serialize};

use crate::addresses::ip;

/// From where an address can be reached, the narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// From the same machine.
    Loopback,
    /// From the same private network.
    Private,
    /// From everywhere.
    Public,
}

impl Reach {
    /// The reach of an address. A name is meant for everybody until it is resolved. None of one
    /// that means no other node, or another one on each link.
    pub(crate) fn of(address: &Multiaddr) -> Option<Reach> {
        match address.iter().next()? {
            Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) => Some(Reach::Public),
            _ => Reach::of_ip(ip(address)?),
        }
    }

    fn of_ip(ip: IpAddr) -> Option<Reach> {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Reach::of_ip4(ip),
            IpAddr::V6(ip) => Reach::of_ip6(ip),
        }
    }

    fn of_ip4(ip: Ipv4Addr) -> Option<Reach> {
        let [first, second, ..] = ip.octets();
        // 0.0.0.0/8 is "this network"; 240.0.0.0/4 is reserved and holds broadcast.
        if first == 0 || first >= 240 || ip.is_multicast() || ip.is_link_local() {
            return None;
        }
        // Between a provider and its customers, and in overlays.
        let is_shared = first == 100 && second & 0xc0 == 64;
        Some(match ip {
            ip if ip.is_loopback() => Reach::Loopback,
            ip if ip.is_private() || is_shared => Reach::Private,
            _ => Reach::Public,
        })
    }

    fn of_ip6(ip: Ipv6Addr) -> Option<Reach> {
        if ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() {
            return None;
        }
        Some(match ip {
            ip if ip.is_loopback() => Reach::Loopback,
            ip if ip.is_unique_local() => Reach::Private,
            _ => Reach::Public,
        })
    }

    /// Whether a node of this reach dials an address that another one announced.
    pub(crate) fn dials(self, address: &Multiaddr) -> bool {
        Reach::of(address).is_some_and(|reach| reach >= self)
    }

    /// The reach of a node that announces `announced`, unless one was `chosen`. Where it announces
    /// nothing, its authorities' addresses say where the network is.
    pub(crate) fn of_node<'a>(
        chosen: Option<Reach>,
        announced: &[Multiaddr],
        authorities: impl Iterator<Item = &'a Multiaddr>,
    ) -> Reach {
        let narrowest = || announced.iter().filter_map(Reach::of).min();
        let by_authorities = || authorities.filter_map(Reach::of).min();
        chosen.or_else(narrowest).or_else(by_authorities).unwrap_or(Reach::Public)
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reach::Loopback => "loopback",
            Reach::Private => "private",
            Reach::Public => "public",
        })
    }
}

impl FromStr for Reach {
    type Err = UnknownReach;

    fn from_str(text: &str) -> Result<Reach, UnknownReach> {
        [Reach::Loopback, Reach::Private, Reach::Public]
            .into_iter()
            .find(|reach| reach.to_string() == text)
            .ok_or(UnknownReach)
    }
}

/// The text names no reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reach is `loopback`, `private` or `public`")]
pub struct UnknownReach;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().expect("it is an address")
    }

    fn node(chosen: Option<Reach>, announced: &[&str], authorities: &[&str]) -> Reach {
        let announced: Vec<Multiaddr> = announced.iter().map(|text| address(text)).collect();
        let authorities: Vec<Multiaddr> = authorities.iter().map(|text| address(text)).collect();
        Reach::of_node(chosen, &announced, authorities.iter())
    }

    const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/1";
    const PRIVATE: &str = "/ip4/10.0.0.7/tcp/1";
    const PUBLIC: &str = "/ip4/8.8.8.8/tcp/1";
    const NAME: &str = "/dns4/node.example/tcp/1";

    #[test]
    fn every_kind_of_address_has_its_reach() {
        for (text, reach) in [
            ("/ip4/127.9.9.9/tcp/1", Some(Reach::Loopback)),
            ("/ip6/::1/tcp/1", Some(Reach::Loopback)),
            ("/ip6/::ffff:127.0.0.1/tcp/1", Some(Reach::Loopback)),
            ("/ip4/10.255.0.1/udp/1/quic-v1", Some(Reach::Private)),
            ("/ip4/172.31.0.1/tcp/1", Some(Reach::Private)),
            ("/ip4/192.168.1.5/tcp/1", Some(Reach::Private)),
            ("/ip4/100.64.0.1/tcp/1", Some(Reach::Private)),
            ("/ip6/fd00::1/tcp/1", Some(Reach::Private)),
            ("/ip6/::ffff:10.0.0.1/tcp/1", Some(Reach::Private)),
            ("/ip4/172.32.0.1/tcp/1", Some(Reach::Public)),
            ("/ip4/100.128.0.1/tcp/1", Some(Reach::Public)),
            ("/ip6/2a00::1/tcp/1", Some(Reach::Public)),
            ("/dns/node.example/tcp/1", Some(Reach::Public)),
            ("/ip4/0.0.0.0/tcp/1", None),
            ("/ip4/0.1.2.3/tcp/1", None),
            ("/ip6/::/tcp/1", None),
            ("/ip4/169.254.169.254/tcp/80", None),
            ("/ip6/fe80::1/tcp/1", None),
            ("/ip4/224.0.0.251/udp/5353/quic-v1", None),
            ("/ip4/255.255.255.255/tcp/1", None),
            ("/ip6/ff02::fb/tcp/1", None),
            ("/memory/7", None),
        ] {
            assert_eq!(Reach::of(&address(text)), reach, "{text}");
        }
    }

    #[test]
    fn a_node_dials_what_reaches_as_far_as_itself_or_farther() {
        for (reach, dialled) in [
            (Reach::Loopback, &[LOOPBACK, PRIVATE, PUBLIC, NAME][..]),
            (Reach::Private, &[PRIVATE, PUBLIC, NAME]),
            (Reach::Public, &[PUBLIC, NAME]),
        ] {
            for text in [LOOPBACK, PRIVATE, PUBLIC, NAME] {
                assert_eq!(reach.dials(&address(text)), dialled.contains(&text), "{reach} {text}");
            }
            assert!(!reach.dials(&address("/ip4/169.254.169.254/tcp/80")));
        }
    }

    #[test]
    fn a_node_has_the_reach_of_the_narrowest_address_that_it_announces() {
        assert_eq!(node(None, &[LOOPBACK], &[PUBLIC]), Reach::Loopback);
        assert_eq!(node(None, &[PUBLIC, PRIVATE], &[]), Reach::Private);
        assert_eq!(node(None, &[PUBLIC], &[PRIVATE]), Reach::Public);
        assert_eq!(node(None, &[NAME], &[]), Reach::Public);
    }

    #[test]
    fn who_announces_nothing_goes_by_its_authorities() {
        assert_eq!(node(None, &[], &[PUBLIC, PRIVATE]), Reach::Private);
        assert_eq!(node(None, &[], &[NAME]), Reach::Public);
        assert_eq!(node(None, &[], &[]), Reach::Public);
    }

    #[test]
    fn a_chosen_reach_counts_whatever_is_announced() {
        assert_eq!(node(Some(Reach::Public), &[LOOPBACK], &[]), Reach::Public);
        assert_eq!(node(Some(Reach::Private), &[NAME], &[PUBLIC]), Reach::Private);
    }

    #[test]
    fn a_reach_is_read_by_its_name() {
        for reach in [Reach::Loopback, Reach::Private, Reach::Public] {
            assert_eq!(reach.to_string().parse(), Ok(reach));
        }
        assert_eq!("everywhere".parse::<Reach>(), Err(UnknownReach));
    }
}
