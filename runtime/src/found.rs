//! Nodes that were found on the local network: for this node to dial, for as long as they are heard.
//!
//! Invariant: bounded in nodes and in addresses of each, whoever shouts on the local network.

use std::collections::BTreeMap;

use libp2p::Multiaddr;
use rollbook_core::{PeerId, limits::ADDRESSES_MAX};

use crate::addresses::split_peer_id;

/// Nodes of one local network that are worth dialling.
const NODES_MAX: usize = 256;

/// Addresses by node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found(BTreeMap<PeerId, Vec<Multiaddr>>);

impl Found {
    /// A node was heard of at an address.
    pub(crate) fn add(&mut self, peer: PeerId, address: Multiaddr) {
        if self.0.len() >= NODES_MAX && !self.0.contains_key(&peer) {
            return;
        }
        let (address, _) = split_peer_id(address);
        let known = self.0.entry(peer).or_default();
        if known.len() < ADDRESSES_MAX && !known.contains(&address) {
            known.push(address);
        }
    }

    /// A node was not heard of at an address for a while.
    pub(crate) fn remove(&mut self, peer: &PeerId, address: Multiaddr) {
        let (address, _) = split_peer_id(address);
        if let Some(known) = self.0.get_mut(peer) {
            known.retain(|other| *other != address);
            if known.is_empty() {
                self.0.remove(peer);
            }
        }
    }

    /// The addresses of one node.
    pub(crate) fn of(&self, peer: &PeerId) -> &[Multiaddr] {
        self.0.get(peer).map_or(&[], Vec::as_slice)
    }

    /// All that are known.
    pub(crate) fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.0.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u16) -> PeerId {
        let mut bytes = [0; 34];
        bytes[..2].copy_from_slice(&[0x12, 32]);
        bytes[2..4].copy_from_slice(&number.to_be_bytes());
        PeerId::from_bytes(&bytes).expect("it has the form of a hash")
    }

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/10.0.0.1/tcp/{port}").parse().expect("it is an address")
    }

    #[test]
    fn a_node_is_known_while_one_of_its_addresses_is() {
        let mut found = Found::default();
        found.add(peer(1), crate::addresses::with_peer_id(&address(1), &peer(1)));
        found.add(peer(1), address(1));
        found.add(peer(1), address(2));
        assert_eq!(found.of(&peer(1)), [address(1), address(2)]);
        found.remove(&peer(1), address(1));
        assert_eq!(found.peers().collect::<Vec<_>>(), [peer(1)]);
        found.remove(&peer(1), address(2));
        found.remove(&peer(2), address(2));
        assert_eq!(found, Found::default());
    }

    #[test]
    fn who_shouts_fills_no_memory() {
        let mut found = Found::default();
        for number in 0..2_000 {
            found.add(peer(number), address(1));
            found.add(peer(0), address(number));
        }
        assert_eq!(found.peers().count(), NODES_MAX);
        assert_eq!(found.of(&peer(0)).len(), ADDRESSES_MAX);
    }
}
