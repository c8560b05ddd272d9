//! The connected peers, and how far each is read.
//!
//! Invariants:
//! - at most one request per peer is under way;
//! - a cursor never runs ahead of what was taken in from that peer.

use crate::{
    message::Cursor,
    peer_id::PeerId,
    storage::{Full, List, Storage},
    version::Version,
};

/// How many requests to others than authorities are under way at once.
const IN_FLIGHT_MAX: usize = 8;
/// After how many complete answers with unequal roots everything is read again, at first.
pub(crate) const PATIENCE_MIN: u8 = 3;
/// Stands for "not before something calls for it".
pub(crate) const NEVER: u64 = u64::MAX;

/// A connected peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) peer_id: PeerId,
    /// Where to go on reading its changes.
    pub(crate) cursor: Cursor,
    /// The version of this node's announcement that it holds.
    pub(crate) acknowledged: Version,
    /// When the request under way was sent.
    pub(crate) asked_ms: Option<u64>,
    /// Authorities are asked whatever else is under way.
    pub(crate) is_authority: bool,
    /// The version of this node's announcement that was sent along last.
    pub(crate) pushed: Version,
    /// When to ask it next.
    pub(crate) next_sync_ms: u64,
    /// How often in a row everything was read and the roots still differed.
    pub(crate) mismatches: u8,
    /// After how many of these everything is read again; doubled each time that did not help.
    pub(crate) patience: u8,
}

/// The connected peers.
#[derive(Debug)]
pub(crate) struct Peers<S: Storage>(S::PerPeer<Peer>);

impl<S: Storage> Peers<S> {
    pub(crate) fn new() -> Peers<S> {
        Peers(S::PerPeer::default())
    }

    pub(crate) fn connect(
        &mut self,
        peer_id: PeerId,
        is_authority: bool,
        next_sync_ms: u64,
    ) -> Result<(), Full> {
        if self.get_mut(&peer_id).is_some() {
            return Ok(());
        }
        if self.0.len() >= S::PEERS_MAX {
            // An authority takes the place of somebody else: without one a node is nowhere.
            let other = self.0.iter().position(|peer| !peer.is_authority);
            let other = other.filter(|_| is_authority).ok_or(Full)?;
            self.0.swap_remove_at(other);
        }
        let end = self.0.len();
        let peer = Peer {
            peer_id,
            cursor: Cursor::default(),
            acknowledged: Version::ZERO,
            asked_ms: None,
            is_authority,
            pushed: Version::ZERO,
            next_sync_ms,
            mismatches: 0,
            patience: PATIENCE_MIN,
        };
        self.0.insert_at(end, peer)
    }

    pub(crate) fn disconnect(&mut self, peer_id: &PeerId) {
        if let Some(place) = self.0.iter().position(|peer| peer.peer_id == *peer_id) {
            self.0.swap_remove_at(place);
        }
    }

    pub(crate) fn get(&self, peer_id: &PeerId) -> Option<&Peer> {
        self.0.iter().find(|peer| peer.peer_id == *peer_id)
    }

    pub(crate) fn get_mut(&mut self, peer_id: &PeerId) -> Option<&mut Peer> {
        self.0.iter_mut().find(|peer| peer.peer_id == *peer_id)
    }

    pub(crate) fn is_connected(&self, peer_id: &PeerId) -> bool {
        self.get(peer_id).is_some()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.0.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.0.iter_mut()
    }

    /// The peer to ask next: an authority first, then whose request is due for the longest time.
    pub(crate) fn next_due(&mut self, now_ms: u64) -> Option<&mut Peer> {
        let asks_enough = self.asks_enough();
        self.0
            .iter_mut()
            .filter(|peer| peer.asked_ms.is_none() && peer.next_sync_ms <= now_ms)
            .filter(|peer| peer.is_authority || !asks_enough)
            .min_by_key(|peer| (!peer.is_authority, peer.next_sync_ms))
    }

    /// When something about a peer is due: the end of waiting for an answer or, if requests can be
    /// sent, the next one.
    pub(crate) fn next_deadline_ms(&self, can_ask: bool, answer_ms: u64) -> Option<u64> {
        let asks_enough = self.asks_enough();
        self.0
            .iter()
            .filter_map(|peer| match peer.asked_ms {
                Some(asked_ms) => Some(asked_ms.saturating_add(answer_ms)),
                None if can_ask && (peer.is_authority || !asks_enough) => Some(peer.next_sync_ms),
                None => None,
            })
            .min()
            .filter(|deadline| *deadline != NEVER)
    }

    fn asks_enough(&self) -> bool {
        let under_way = |peer: &&Peer| peer.asked_ms.is_some() && !peer.is_authority;
        self.0.iter().filter(under_way).count() >= IN_FLIGHT_MAX
    }

    /// A peer whose answer has taken longer than it may.
    pub(crate) fn overdue(&self, now_ms: u64, answer_ms: u64) -> Option<PeerId> {
        self.0
            .iter()
            .find(|peer| {
                peer.asked_ms.is_some_and(|asked_ms| now_ms.saturating_sub(asked_ms) >= answer_ms)
            })
            .map(|peer| peer.peer_id)
    }
}
