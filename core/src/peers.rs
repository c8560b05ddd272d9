//! The connected peers, and how far each is read.
//!
//! Invariants:
//! - at most one request per peer is under way;
//! - a cursor never runs ahead of what was taken in from that peer.

use crate::{
    authorities::Authorities,
    bucket::Bucket,
    in_common::InCommon,
    limits::{
        MESSAGE_SIZE_MAX, REQUEST_SIZE_MAX, RESPONSE_SIZE_MAX, VERIFICATIONS,
        VERIFICATIONS_AT_FIRST,
    },
    message::{Cursor, Flags, Hello},
    multiaddr::Prefix,
    peer_id::PeerId,
    reconcile::Budget,
    storage::{Full, List, Storage},
    time::Now,
    version::Version,
};

/// How many requests to others than authorities are under way at once.
const IN_FLIGHT_MAX: usize = 8;
/// Stands for "not before something calls for it".
pub(crate) const NEVER: u64 = u64::MAX;

/// A connected peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) peer_id: PeerId,
    /// Of the address that it is connected from, where that is public.
    pub(crate) prefix: Option<Prefix>,
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
    /// The answer under way is to be read, and then everything from the beginning.
    pub(crate) reread: bool,
    /// The signatures that may be checked on its behalf.
    verifications: Bucket,
    /// Whether it gave this authority back something that it had said.
    pub(crate) gave_back: bool,
    /// When it last held the same as this replica; 0 for never.
    pub(crate) equal_ms: u64,
    /// The hash of its authorities, as it said last.
    pub(crate) authorities: [u8; 8],
    /// Whether it, and this replica, hold every node.
    pub(crate) holds_all: bool,
    /// Whether it answers walks, too.
    pub(crate) reconciles: bool,
    /// What there is in common where its authorities are others.
    pub(crate) in_common: InCommon,
    /// Whether the application was told that there is nothing.
    pub(crate) is_told_apart: bool,
    /// The largest message that it takes; 0 until it said.
    size_max: u32,
    /// Whether the request under way is a step of a walk.
    pub(crate) is_walk_asked: bool,
    /// When the next walk with it may begin.
    pub(crate) next_walk_ms: u64,
    /// The hashes of this replica's authorities and of its, at the last one.
    pub(crate) walked: ([u8; 8], [u8; 8]),
    /// How often in a row that was put off.
    pub(crate) pauses: u8,
    /// How many walks in a row moved nothing and left the roots different.
    pub(crate) fruitless: u8,
    /// Whether the application was told so.
    pub(crate) is_alarmed: bool,
    /// What its walks may cost here.
    pub(crate) walks: Budget,
}

impl Peer {
    /// The largest message that is sent to it.
    pub(crate) fn size_max(&self) -> usize {
        match usize::try_from(self.size_max) {
            Ok(0) => REQUEST_SIZE_MAX,
            // What everybody takes is not asked for.
            size_max => size_max.unwrap_or(usize::MAX).clamp(RESPONSE_SIZE_MAX, MESSAGE_SIZE_MAX),
        }
    }

    /// Notes what it says of itself.
    pub(crate) fn note_hello(&mut self, hello: &Hello, is_partial_here: bool) {
        self.size_max = hello.size_max.max(1);
        self.authorities = hello.authorities;
        self.holds_all = !is_partial_here && !hello.flags.contains(Flags::PARTIAL);
        self.reconciles = self.holds_all && hello.flags.contains(Flags::RECONCILES);
    }

    /// Brings what is known of it in line with another list of authorities here.
    pub(crate) fn follow_authorities(&mut self, authorities: &Authorities) {
        self.is_authority = authorities.acts(&self.peer_id);
        self.is_told_apart = false;
        (self.mismatches, self.pauses, self.fruitless) = (0, 0, 0);
    }

    /// Notes that it holds the same as this replica.
    pub(crate) fn note_equal(&mut self, now_ms: u64) {
        self.equal_ms = now_ms;
        (self.mismatches, self.pauses, self.fruitless) = (0, 0, 0);
        self.is_alarmed = false;
    }
}

/// The connected peers.
#[derive(Debug)]
pub(crate) struct Peers<S: Storage> {
    peers: S::PerPeer<Peer>,
    /// The signatures that may be checked on behalf of all who are not among them.
    verifications_of_others: Bucket,
}

impl<S: Storage> Peers<S> {
    pub(crate) const fn new() -> Peers<S> {
        Peers {
            peers: <S::PerPeer<Peer> as List<Peer>>::EMPTY,
            verifications_of_others: Bucket::FULL,
        }
    }

    /// Where a peer is, until one is connected or disconnected.
    pub(crate) fn place(&self, peer_id: &PeerId) -> Option<usize> {
        self.peers.iter().position(|peer| peer.peer_id == *peer_id)
    }

    /// Whether the peer at `place` is an authority.
    pub(crate) fn is_authority(&self, place: Option<usize>) -> bool {
        place.and_then(|place| self.peers.get(place)).is_some_and(|peer| peer.is_authority)
    }

    /// The signatures that may be checked on behalf of the peer at `place`.
    pub(crate) fn verifications(&self, place: Option<usize>) -> &Bucket {
        match place.and_then(|place| self.peers.get(place)) {
            Some(peer) => &peer.verifications,
            None => &self.verifications_of_others,
        }
    }

    pub(crate) fn verifications_mut(&mut self, place: Option<usize>) -> &mut Bucket {
        match place.and_then(|place| self.peers.get_mut(place)) {
            Some(peer) => &mut peer.verifications,
            None => &mut self.verifications_of_others,
        }
    }

    pub(crate) fn note_gave_back(&mut self, place: Option<usize>) {
        if let Some(peer) = place.and_then(|place| self.peers.get_mut(place)) {
            peer.gave_back = true;
        }
    }

    /// Lets everything that the authorities hold be read again, from the beginning.
    pub(crate) fn reread_authorities(&mut self) {
        for peer in self.peers.iter_mut().filter(|peer| peer.is_authority) {
            peer.cursor = Cursor::default();
            peer.reread = peer.asked_ms.is_some();
            peer.next_sync_ms = 0;
        }
    }

    pub(crate) fn connect(
        &mut self,
        peer_id: PeerId,
        is_authority: bool,
        now: Now,
        next_sync_ms: u64,
    ) -> Result<(), Full> {
        if self.get_mut(&peer_id).is_some() {
            return Ok(());
        }
        if self.peers.len() >= S::PEERS_MAX {
            // An authority takes the place of somebody else: without one a node is nowhere.
            let other = self.peers.iter().position(|peer| !peer.is_authority);
            let other = other.filter(|_| is_authority).ok_or(Full)?;
            self.peers.swap_remove_at(other);
        }
        let end = self.peers.len();
        let peer = Peer {
            peer_id,
            prefix: None,
            cursor: Cursor::default(),
            acknowledged: Version::ZERO,
            asked_ms: None,
            is_authority,
            pushed: Version::ZERO,
            next_sync_ms,
            mismatches: 0,
            reread: false,
            verifications: Bucket::holding(VERIFICATIONS_AT_FIRST, VERIFICATIONS, now),
            gave_back: false,
            equal_ms: 0,
            authorities: [0; 8],
            holds_all: false,
            reconciles: false,
            in_common: InCommon::NOTHING,
            is_told_apart: false,
            size_max: 0,
            is_walk_asked: false,
            next_walk_ms: 0,
            walked: ([0; 8], [0; 8]),
            pauses: 0,
            fruitless: 0,
            is_alarmed: false,
            walks: Budget::FULL,
        };
        self.peers.insert_at(end, peer)
    }

    pub(crate) fn disconnect(&mut self, peer_id: &PeerId) {
        if let Some(place) = self.peers.iter().position(|peer| peer.peer_id == *peer_id) {
            self.peers.swap_remove_at(place);
        }
    }

    pub(crate) fn get(&self, peer_id: &PeerId) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.peer_id == *peer_id)
    }

    pub(crate) fn get_mut(&mut self, peer_id: &PeerId) -> Option<&mut Peer> {
        self.peers.iter_mut().find(|peer| peer.peer_id == *peer_id)
    }

    pub(crate) fn is_connected(&self, peer_id: &PeerId) -> bool {
        self.get(peer_id).is_some()
    }

    pub(crate) fn count(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.peers.iter_mut()
    }

    /// The peer to ask next: an authority first, then whose request is due for the longest time.
    pub(crate) fn next_due(&mut self, now_ms: u64) -> Option<&mut Peer> {
        let asks_enough = self.asks_enough();
        self.peers
            .iter_mut()
            .filter(|peer| peer.asked_ms.is_none() && peer.next_sync_ms <= now_ms)
            .filter(|peer| peer.is_authority || !asks_enough)
            .min_by_key(|peer| (!peer.is_authority, peer.next_sync_ms))
    }

    /// When something about a peer is due: the end of waiting for an answer or, if requests can be
    /// sent, the next one.
    pub(crate) fn next_deadline_ms(&self, can_ask: bool, answer_ms: u64) -> Option<u64> {
        let asks_enough = self.asks_enough();
        self.peers
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
        self.peers.iter().filter(under_way).count() >= IN_FLIGHT_MAX
    }

    /// A peer whose answer has taken longer than it may.
    pub(crate) fn overdue(&self, now_ms: u64, answer_ms: u64) -> Option<PeerId> {
        self.peers
            .iter()
            .find(|peer| {
                peer.asked_ms.is_some_and(|asked_ms| now_ms.saturating_sub(asked_ms) >= answer_ms)
            })
            .map(|peer| peer.peer_id)
    }
}
