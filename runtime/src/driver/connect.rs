//! Finds addresses for whom the dialler wants to reach, and dials them.

use std::collections::{BTreeSet, HashMap};

use libp2p::Multiaddr;
use rollbook_core::{NodeView, PeerId};
use tokio::sync::mpsc;
use tracing::debug;

use super::Driver;
use crate::{
    addresses::{is_dialable, split_peer_id},
    dial::{CONNECTIONS_WANTED, Dialler},
    found::Found,
    hints::Hints,
    random::Random,
    reach::Reach,
    resolve::{is_name, resolve},
};

/// How often other nodes are looked for while there are too few connections; in a network that
/// synchronises more often than that, more often.
const SEARCH_MS: u64 = 2_000;
const SEARCH_MS_MIN: u64 = 250;
/// The same in a large roll, which takes a while to go through.
const SEARCH_LARGE_MS: u64 = 10_000;
const LARGE: usize = 2_000;
/// In one search of so many a node looks farther than it has to: for those that left, which may be
/// back, and without an authority for one more than it needs. Each may belong to a part of the network
/// that nobody here is connected to.
const SEARCHES_PER_FAR: u32 = 15;
/// Addresses of one peer that are dialled at once.
const ADDRESSES_DIALLED_MAX: usize = 16;

/// The addresses of a peer, to be dialled.
#[derive(Debug, Default)]
struct Addresses {
    /// The operator's own, and those that were heard on the local network.
    trusted: Vec<Multiaddr>,
    /// What others said: it is dialled only as far as the node's own addresses reach.
    told: Vec<Multiaddr>,
}

/// Addresses without names, ready to be dialled.
#[derive(Debug)]
pub(crate) struct Resolved {
    peer: PeerId,
    addresses: Addresses,
}

/// Which addresses that others told are dialled.
#[derive(Clone, Copy, Debug)]
struct Rule<'a> {
    reach: Reach,
    /// Where this node itself is.
    own: &'a BTreeSet<Multiaddr>,
}

impl Rule<'_> {
    fn allows(&self, address: &Multiaddr) -> bool {
        self.reach.dials(address) && !self.own.contains(address)
    }
}

/// Whom to reach, and by which addresses.
#[derive(Debug)]
pub(crate) struct Connector {
    dialler: Dialler,
    /// The configured addresses of the authorities.
    authorities: HashMap<PeerId, Vec<Multiaddr>>,
    pub(super) hints: Hints,
    found: Found,
    resolved: mpsc::Sender<Resolved>,
    random: Random,
    /// How many searches there were.
    searches: u32,
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
            found: Found::default(),
            resolved,
            random,
            searches: 0,
            search_ms: interval_ms.clamp(SEARCH_MS_MIN, SEARCH_MS),
            search_due_ms: 0,
            searching: true,
        }
    }

    /// Another list of authorities counts: all that act, and by which addresses.
    pub(super) fn set_authorities(
        &mut self,
        listed: &[PeerId],
        addresses: Vec<(PeerId, Vec<Multiaddr>)>,
    ) {
        self.dialler.set_authorities(listed);
        self.authorities = addresses.into_iter().collect();
        self.searching = true;
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

    /// All configured addresses of authorities.
    fn configured(&self) -> impl Iterator<Item = &Multiaddr> {
        self.authorities.values().flatten()
    }

    /// Nodes were heard of on the local network.
    pub(super) fn found(&mut self, nodes: Vec<(PeerId, Multiaddr)>) {
        for (peer, address) in nodes {
            self.found.add(peer, address);
        }
    }

    /// Nodes were not heard of on the local network for a while.
    pub(super) fn lost(&mut self, nodes: Vec<(PeerId, Multiaddr)>) {
        for (peer, address) in nodes {
            self.found.remove(&peer, address);
        }
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
            let mut addresses = self.addresses_of(&authority);
            let configured = self.connector.authorities.get(&authority).cloned();
            addresses.trusted.splice(..0, configured.unwrap_or_default());
            self.dial_peer(authority, addresses);
        }
        if self.connector.searching && self.connector.search_due_ms <= now_ms {
            self.search();
        }
    }

    /// Dials a few random nodes, if there are too few connections; now and then without an authority
    /// also if there are enough.
    fn search(&mut self) {
        let now_ms = self.shared.clock.mono_ms();
        let Connector { dialler, searches, .. } = &mut self.connector;
        *searches = searches.wrapping_add(1);
        let is_far = searches.is_multiple_of(SEARCHES_PER_FAR);
        let connected = self.network.peer_count();
        let lacks_authority = dialler.lacks_authority();
        let wanted = match is_far {
            true => dialler.far_peers_wanted(connected),
            false => dialler.peers_wanted(connected),
        };
        self.connector.search_due_ms = now_ms.saturating_add(self.connector.search_ms);
        self.connector.searching = connected < CONNECTIONS_WANTED || lacks_authority;
        if wanted == 0 {
            return;
        }
        let gone_wanted = if connected == 0 { wanted } else { usize::from(is_far) };
        for peer in self.choose(wanted, gone_wanted) {
            let mut addresses = self.addresses_of(&peer);
            if addresses.trusted.is_empty() && addresses.told.is_empty() {
                addresses.told = self.connector.hints.of(&peer).to_vec();
            }
            self.dial_peer(peer, addresses);
        }
    }

    /// Picks nodes to dial: first those that are here, or were when last heard of, and announced
    /// where they are reached; then those on the local network; then those of which an import said
    /// where they are. Those that left are the last resort, and at most `gone_wanted`: where all nodes
    /// were stopped and are started again, everybody may hold that everybody left.
    fn choose(&mut self, wanted: usize, gone_wanted: usize) -> Vec<PeerId> {
        let now = self.shared.clock.now();
        let rule = Rule {
            reach: self.announcer.reach(&self.network, self.connector.configured()),
            own: self.network.listening(),
        };
        let tracker = self.shared.tracker();
        let Connector { dialler, hints, found, random, .. } = &mut self.connector;
        let may_dial = |peer: &PeerId| dialler.may_dial_peer(peer, now.mono_ms);
        let may_dial_seen = |seen: &NodeView<'_>| {
            seen.standing.admits()
                && may_dial(&seen.peer_id)
                && announced(seen).any(|address| rule.allows(&address))
        };
        let mut seen_count = 0;
        let here = tracker
            .nodes(now)
            .inspect(|_| seen_count += 1)
            .filter(|seen| seen.is_active() && may_dial_seen(seen))
            .map(|seen| seen.peer_id);
        let mut chosen = random.choose(here, wanted);
        let is_admitted = |peer: &PeerId| {
            let standing = tracker.node(now, peer).map(|seen| seen.standing);
            standing.is_none_or(|standing| standing.admits())
        };
        let hinted = hints.iter().filter(|(_, all)| all.iter().any(|hint| rule.allows(hint)));
        let hinted: Vec<PeerId> = hinted.map(|(peer, _)| *peer).collect();
        for peers in [found.peers().collect(), hinted] {
            let others = peers
                .into_iter()
                .filter(|peer| may_dial(peer) && !chosen.contains(peer) && is_admitted(peer));
            let others = random.choose(others, wanted - chosen.len());
            chosen.extend(others);
        }
        let gone_wanted = gone_wanted.min(wanted - chosen.len());
        if gone_wanted > 0 {
            let gone = tracker.nodes(now).filter(|seen| !seen.is_active() && may_dial_seen(seen));
            let gone = gone.map(|seen| seen.peer_id).filter(|peer| !chosen.contains(peer));
            let gone = random.choose(gone, gone_wanted);
            chosen.extend(gone);
        }
        if seen_count > LARGE {
            self.connector.search_due_ms = now.mono_ms.saturating_add(SEARCH_LARGE_MS);
        }
        chosen
    }

    /// What is known of where a peer is, beside what is configured.
    fn addresses_of(&self, peer: &PeerId) -> Addresses {
        let tracker = self.shared.tracker();
        let seen = tracker.node(self.shared.clock.now(), peer);
        Addresses {
            trusted: self.connector.found.of(peer).to_vec(),
            told: seen.iter().flat_map(announced).collect(),
        }
    }

    fn dial_peer(&mut self, peer: PeerId, addresses: Addresses) {
        self.connector.dialler.dialling(&peer);
        let addresses = Addresses { trusted: bare(addresses.trusted), told: bare(addresses.told) };
        if !addresses.trusted.iter().chain(&addresses.told).any(is_name) {
            return self.dial_resolved(Resolved { peer, addresses });
        }
        let resolved = self.connector.resolved.clone();
        tokio::spawn(async move {
            let addresses = Addresses {
                trusted: resolve(addresses.trusted).await,
                told: resolve(addresses.told).await,
            };
            // The node may have ended in the meantime.
            let _ = resolved.send(Resolved { peer, addresses }).await;
        });
    }

    pub(super) fn dial_resolved(&mut self, Resolved { peer, addresses }: Resolved) {
        let rule = Rule {
            reach: self.announcer.reach(&self.network, self.connector.configured()),
            own: self.network.listening(),
        };
        let trusted = addresses.trusted.into_iter().filter(is_dialable);
        // A name may stand for any address: what it is resolved to counts.
        let told = addresses.told.into_iter().filter(|address| rule.allows(address));
        let mut ready: Vec<Multiaddr> = Vec::new();
        for address in trusted.chain(told) {
            if !ready.contains(&address) {
                ready.push(address);
            }
        }
        ready.truncate(ADDRESSES_DIALLED_MAX);
        debug!(%peer, addresses = ?ready, "dialling");
        // The peer may have connected by itself while a name was resolved.
        if self.network.is_connected(&peer) {
            return self.connector.connected(&peer, self.shared.clock.mono_ms());
        }
        if ready.is_empty() || !self.network.dial(&peer, ready) {
            self.connector.dial_failed(&peer, self.shared.clock.mono_ms());
        }
    }
}

/// The addresses that a node announced.
fn announced(seen: &NodeView<'_>) -> impl Iterator<Item = Multiaddr> {
    let announcement = seen.announcement.iter();
    announcement
        .flat_map(|(_, said)| &said.addresses)
        .filter_map(|bytes| Multiaddr::try_from(bytes.to_vec()).ok())
}

/// The addresses without peer ids, no more than are dialled.
fn bare(addresses: Vec<Multiaddr>) -> Vec<Multiaddr> {
    let bare = addresses.into_iter().map(|address| split_peer_id(address).0);
    bare.take(ADDRESSES_DIALLED_MAX).collect()
}
