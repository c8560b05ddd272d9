//! What this node says of itself: its addresses as they change, and what its application sets.

use libp2p::Multiaddr;
use rollbook_core::{AnnounceError, AnnouncementFields, HeapTracker, Now};
use tracing::{debug, warn};

use super::Driver;
use crate::{
    addresses::{Places, to_announce, with_peer_id},
    command::Reply,
    error::CommandError,
    handle::AnnouncementChange,
    network::Network,
    reach::Reach,
};

/// Addresses come and go in bursts, as interfaces do.
const QUIET_MS: u64 = 500;

/// What to announce, and when next.
#[derive(Clone, Debug)]
pub(crate) struct Announcer {
    /// The listen addresses that were configured.
    configured: Vec<Multiaddr>,
    /// The narrowest addresses to announce, if that was chosen.
    reach: Option<Reach>,
    said: Said,
    due_ms: Option<u64>,
}

/// What the application says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) external: Vec<Multiaddr>,
    pub(crate) agent: String,
    pub(crate) capabilities: Vec<String>,
}

impl Announcer {
    pub(crate) fn new(configured: Vec<Multiaddr>, reach: Option<Reach>, said: Said) -> Announcer {
        Announcer { configured, reach, said, due_ms: None }
    }

    /// How far the node's own addresses reach.
    pub(super) fn reach<'a>(
        &self,
        network: &Network,
        authorities: impl Iterator<Item = &'a Multiaddr>,
    ) -> Reach {
        Reach::of_node(self.reach, &self.addresses(network), authorities)
    }

    fn addresses(&self, network: &Network) -> Vec<Multiaddr> {
        to_announce(&Places {
            external: &self.said.external,
            configured: &self.configured,
            listening: network.listening(),
            reach: self.reach,
        })
    }

    /// The addresses that the node listens on are others.
    pub(super) fn changed(&mut self, now_ms: u64) {
        self.due_ms.get_or_insert(now_ms.saturating_add(QUIET_MS));
    }

    pub(super) fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }

    /// Announces what is configured and where the node is reached now. The tracker says nothing
    /// anew if that is what it said last.
    pub(crate) fn announce(
        &self,
        now: Now,
        tracker: &mut HeapTracker,
        network: &mut Network,
    ) -> Result<(), AnnounceError> {
        let addresses = self.addresses(network);
        let bytes: Vec<&[u8]> = addresses.iter().map(AsRef::as_ref).collect();
        let capabilities: Vec<&str> = self.said.capabilities.iter().map(String::as_str).collect();
        tracker.announce(
            now,
            &AnnouncementFields {
                addresses: &bytes,
                agent: &self.said.agent,
                capabilities: &capabilities,
                extra: &[],
            },
        )?;
        network.set_external_addresses(&addresses);
        Ok(())
    }
}

impl Said {
    fn with(&self, change: AnnouncementChange) -> Said {
        Said {
            external: change.external_addresses.unwrap_or_else(|| self.external.clone()),
            agent: change.agent.unwrap_or_else(|| self.agent.clone()),
            capabilities: change.capabilities.unwrap_or_else(|| self.capabilities.clone()),
        }
    }
}

impl Driver {
    /// Announces again after the addresses changed.
    pub(super) fn announce_addresses(&mut self) {
        self.announcer.due_ms = None;
        // Who is leaving has said its last word.
        if self.leaving.is_some() {
            return;
        }
        let now = self.shared.clock.now();
        let mut tracker = self.shared.tracker_mut();
        if let Err(error) = self.announcer.announce(now, &mut tracker, &mut self.network) {
            warn!(%error, "addresses not announced");
        }
    }

    /// Changes what the application says. If that cannot be announced, all stays as it was.
    pub(super) fn change_announcement(&mut self, change: AnnouncementChange, reply: Reply<()>) {
        let now = self.shared.clock.now();
        let said = self.announcer.said.with(change);
        let announcer = Announcer { said, ..self.announcer.clone() };
        let mut tracker = self.shared.tracker_mut();
        let announced = announcer.announce(now, &mut tracker, &mut self.network);
        drop(tracker);
        let answer = match announced {
            Ok(()) => {
                self.announcer = announcer;
                Ok(())
            }
            Err(error) => Err(CommandError::Announcement(error.to_string())),
        };
        // Whoever no longer waits for the answer does not need it.
        let _ = reply.send(answer);
    }

    /// Shows handles where the node listens.
    pub(super) fn show_listen(&self) {
        let own = &self.shared.peer_id;
        let listening = self.network.listening();
        let addresses: Vec<Multiaddr> =
            listening.iter().map(|address| with_peer_id(address, own)).collect();
        debug!(?addresses, "listening");
        self.shared.set_listen(addresses);
    }
}
