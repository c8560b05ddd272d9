//! Finds addresses for whom the dialler wants to reach, and dials them.

use std::collections::HashMap;

use libp2p::Multiaddr;
use rollbook_core::PeerId;
use tokio::sync::mpsc;
use tracing::debug;

use super::Driver;
use crate::{
    addresses::{is_dialable, split_peer_id},
    dial::{CONNECTIONS_WANTED, Dialler},
    hints::Hints,
    random::Random,
    resolve::{is_name, resolve},
};

/// How often other nodes are looked for while there are too few connections; in a network that
/// synchronises more often than that, more often.
const SEARCH_MS: u64 = 2_000;
const SEARCH_MS_MIN: u64 = 250;
/// The same in a large roll, which takes a while to go through.
const SEARCH_LARGE_MS: u64 = 10_000;
const LARGE: usize = 2_000;
/// Addresses of one peer that are dialled at once.
const ADDRESSES_DIALLED_MAX: usize = 16;

/// Addresses that are ready to be dialled.
#[derive(Debug)]
pub(crate) struct Resolved {
    peer: PeerId,
    addresses: Vec<Multiaddr>,
}

/// Whom to reach, and by which addresses.
#[derive(Debug)]
pub(crate) struct Connector {
    dialler: Dialler,
    /// The configured addresses of the authorities.
    authorities: HashMap<PeerId, Vec<Multiaddr>>,
    pub(super) hints: Hints,
    resolved: mpsc::Sender<Resolved>,
    random: Random,
    search_ms: u64,
    search_due_ms: u64,
    /// Whether connections are still too few to stop searching.
    searching: bool,
}

impl Connector {
    pub(crate) fn new(
        dialler: Dialler,
        authorities: HashMap<PeerId, Vec<Multiaddr>>,
        hints: Hints,
        resolved: mpsc::Sender<Resolved>,
        interval_ms: u64,
        random: Random,
    ) -> Connector {
        Connector {
            dialler,
            authorities,
            hints,
            resolved,
            random,
            search_ms: interval_ms.clamp(SEARCH_MS_MIN, SEARCH_MS),
            search_due_ms: 0,
            searching: true,
        }
    }

    pub(super) fn connected(&mut self, peer: &PeerId, now_ms: u64) {
        self.dialler.connected(peer, now_ms);
    }

    pub(super) fn disconnected(&mut self, peer: &PeerId, now_ms: u64) {
        self.dialler.disconnected(peer, now_ms);
        self.searching = true;
    }

    pub(super) fn dial_failed(&mut self, peer: &PeerId, now_ms: u64) {
        self.dialler.dial_failed(peer, now_ms);
    }

    /// When there is somebody to dial or to look for.
    pub(super) fn due_ms(&self) -> Option<u64> {
        let search = self.searching.then_some(self.search_due_ms);
        self.dialler.next_authority_ms().into_iter().chain(search).min()
    }
}

impl Driver {
    /// Dials the authorities that are due, and other nodes if connections are few.
    pub(super) fn dial(&mut self) {
        if self.leaving.is_some() {
            return;
        }
        let now_ms = self.shared.clock.mono_ms();
        for authority in self.connector.dialler.authorities_due(now_ms) {
            let mut addresses =
                self.connector.authorities.get(&authority).cloned().unwrap_or_default();
            addresses.extend(self.announced_addresses(&authority));
            self.dial_peer(authority, addresses);
        }
        if self.connector.searching && self.connector.search_due_ms <= now_ms {
            self.search();
        }
    }

    /// Picks a few random nodes that are here, or were when last heard of: first those that
    /// announced where they are reached, then those of which an import said so.
    fn search(&mut self) {
        let now = self.shared.clock.now();
        self.connector.search_due_ms = now.mono_ms.saturating_add(self.connector.search_ms);
        let connected = self.network.peer_count();
        let mut wanted = self.connector.dialler.peers_wanted(connected);
        self.connector.searching = connected < CONNECTIONS_WANTED;
        if wanted == 0 {
            return;
        }
        let tracker = self.shared.tracker();
        let mut seen_count = 0;
        let Connector { dialler, hints, random, .. } = &mut self.connector;
        let candidates = tracker
            .nodes(now)
            .inspect(|_| seen_count += 1)
            .filter(|seen| seen.standing.admits() && seen.is_active())
            .filter(|seen| dialler.may_dial_peer(&seen.peer_id, now.mono_ms))
            .map(|seen| seen.peer_id);
        let mut chosen = random.choose(candidates, wanted);
        wanted -= chosen.len();
        let hinted = hints
            .iter()
            .map(|(peer, _)| *peer)
            .filter(|peer| dialler.may_dial_peer(peer, now.mono_ms) && !chosen.contains(peer))
            .filter(|peer| {
                let standing = tracker.node(now, peer).map(|seen| seen.standing);
                standing.is_none_or(|standing| standing.admits())
            });
        let hinted = random.choose(hinted, wanted);
        drop(tracker);
        chosen.extend(hinted);
        if seen_count > LARGE {
            self.connector.search_due_ms = now.mono_ms.saturating_add(SEARCH_LARGE_MS);
        }
        for peer in chosen {
            let mut addresses = self.announced_addresses(&peer);
            if addresses.is_empty() {
                addresses = self.connector.hints.of(&peer).to_vec();
            }
            self.dial_peer(peer, addresses);
        }
    }

    fn announced_addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        let tracker = self.shared.tracker();
        let seen = tracker.node(self.shared.clock.now(), peer);
        let announcement = seen.as_ref().and_then(|seen| seen.announcement.as_ref());
        announcement
            .iter()
            .flat_map(|(_, said)| &said.addresses)
            .filter_map(|bytes| Multiaddr::try_from(bytes.to_vec()).ok())
            .collect()
    }

    fn dial_peer(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        self.connector.dialler.dialling(&peer);
        let mut ready: Vec<Multiaddr> = Vec::new();
        for address in addresses {
            let (address, _) = split_peer_id(address);
            if is_dialable(&address) && !ready.contains(&address) {
                ready.push(address);
            }
        }
        ready.truncate(ADDRESSES_DIALLED_MAX);
        if !ready.iter().any(is_name) {
            return self.dial_resolved(Resolved { peer, addresses: ready });
        }
        let resolved = self.connector.resolved.clone();
        tokio::spawn(async move {
            let addresses = resolve(ready).await;
            // The node may have ended in the meantime.
            let _ = resolved.send(Resolved { peer, addresses }).await;
        });
    }

    pub(super) fn dial_resolved(&mut self, Resolved { peer, addresses }: Resolved) {
        debug!(%peer, ?addresses, "dialling");
        // The peer may have connected by itself while a name was resolved.
        if self.network.is_connected(&peer) {
            return self.connector.connected(&peer, self.shared.clock.mono_ms());
        }
        if addresses.is_empty() || !self.network.dial(&peer, addresses) {
            self.connector.dial_failed(&peer, self.shared.clock.mono_ms());
        }
    }
}
