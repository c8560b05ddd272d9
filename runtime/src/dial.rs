//! Whom to dial, and when: the authorities always, and a few other nodes so that members stay
//! connected when the authority dies.
//!
//! Invariants:
//! - a peer that is connected or being dialled is not dialled;
//! - a peer that fails is left alone for longer each time, up to a limit; one that stays connected
//!   for a while starts afresh;
//! - what is remembered about peers other than authorities is bounded.

use std::collections::HashMap;

use rollbook_core::PeerId;

use crate::random::Random;

/// Connections that a node wants in all.
pub(crate) const CONNECTIONS_WANTED: usize = 6;
/// Dials to nodes other than authorities that may be under way at once.
const PEER_DIALS_MAX: usize = 3;
/// Peers other than authorities whose failures are remembered.
const REMEMBERED_MAX: usize = 4096;
/// A connection that lasts this long counts as good.
const GOOD_AFTER_MS: u64 = 10_000;

/// How long to wait after a failure: doubled each time, from the first to the last.
#[derive(Clone, Copy, Debug)]
struct Backoff {
    first_ms: u64,
    last_ms: u64,
}

const PEER_BACKOFF: Backoff = Backoff { first_ms: 5_000, last_ms: 600_000 };
const AUTHORITY_BACKOFF: Backoff = Backoff { first_ms: 500, last_ms: 30_000 };

impl Backoff {
    /// Half of the wait is certain and half is random, so that nodes do not dial in step.
    fn after(self, failures: u32, random: &mut Random) -> u64 {
        let doubled = self.first_ms.saturating_mul(1u64.checked_shl(failures).unwrap_or(u64::MAX));
        let wait = doubled.min(self.last_ms);
        wait / 2 + random.below(wait / 2 + 1)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Idle { not_before_ms: u64 },
    Dialling,
    Connected { since_ms: u64 },
}

#[derive(Clone, Copy, Debug)]
struct Contact {
    link: Link,
    failures: u32,
}

impl Contact {
    const NEW: Contact = Contact { link: Link::Idle { not_before_ms: 0 }, failures: 0 };

    fn is_due(&self, now_ms: u64) -> bool {
        matches!(self.link, Link::Idle { not_before_ms } if not_before_ms <= now_ms)
    }

    fn failed(&mut self, now_ms: u64, backoff: Backoff, random: &mut Random) {
        let not_before_ms = now_ms.saturating_add(backoff.after(self.failures, random));
        self.failures = self.failures.saturating_add(1);
        self.link = Link::Idle { not_before_ms };
    }
}

/// Keeps account of dials and connections.
#[derive(Debug)]
pub(crate) struct Dialler {
    own: PeerId,
    is_authority: bool,
    authorities: HashMap<PeerId, Contact>,
    peers: HashMap<PeerId, Contact>,
    authority_backoff: Backoff,
    random: Random,
}

impl Dialler {
    /// A dialler of the node `own`. An authority that is away is dialled at least every
    /// `patience_ms`.
    pub(crate) fn new(
        own: PeerId,
        authorities: &[PeerId],
        patience_ms: u64,
        random: Random,
    ) -> Dialler {
        let others = authorities.iter().filter(|peer| **peer != own);
        let last_ms = patience_ms.clamp(2 * AUTHORITY_BACKOFF.first_ms, AUTHORITY_BACKOFF.last_ms);
        Dialler {
            own,
            is_authority: authorities.contains(&own),
            authorities: others.map(|peer| (*peer, Contact::NEW)).collect(),
            peers: HashMap::new(),
            authority_backoff: Backoff { last_ms, ..AUTHORITY_BACKOFF },
            random,
        }
    }

    /// Others are authorities now: `listed`. What is known of how they are reached stays.
    pub(crate) fn set_authorities(&mut self, listed: &[PeerId]) {
        self.is_authority = listed.contains(&self.own);
        let mut known = std::mem::take(&mut self.authorities);
        for peer in listed.iter().filter(|peer| **peer != self.own) {
            let contact = known.remove(peer).or_else(|| self.peers.remove(peer));
            self.authorities.insert(*peer, contact.unwrap_or(Contact::NEW));
        }
        self.peers.extend(known);
    }

    /// The peer is being dialled.
    pub(crate) fn dialling(&mut self, peer: &PeerId) {
        self.contact(peer).link = Link::Dialling;
    }

    /// The peer was not reached.
    pub(crate) fn dial_failed(&mut self, peer: &PeerId, now_ms: u64) {
        let backoff = self.backoff(peer);
        let mut random = self.random.clone();
        let contact = self.contact(peer);
        // The peer may have come by itself in the meantime.
        if !matches!(contact.link, Link::Connected { .. }) {
            contact.failed(now_ms, backoff, &mut random);
        }
        self.random = random;
    }

    /// The first connection to the peer is there, whoever dialled.
    pub(crate) fn connected(&mut self, peer: &PeerId, now_ms: u64) {
        self.contact(peer).link = Link::Connected { since_ms: now_ms };
    }

    /// The last connection to the peer is closed.
    pub(crate) fn disconnected(&mut self, peer: &PeerId, now_ms: u64) {
        let backoff = self.backoff(peer);
        let mut random = self.random.clone();
        let contact = self.contact(peer);
        if let Link::Connected { since_ms } = contact.link
            && now_ms.saturating_sub(since_ms) >= GOOD_AFTER_MS
        {
            contact.failures = 0;
        }
        contact.failed(now_ms, backoff, &mut random);
        self.random = random;
    }

    /// The authorities to dial now.
    pub(crate) fn authorities_due(&self, now_ms: u64) -> Vec<PeerId> {
        let due = self.authorities.iter().filter(|(_, contact)| contact.is_due(now_ms));
        due.map(|(peer, _)| *peer).collect()
    }

    /// How many other nodes to dial now, given how many peers are connected.
    pub(crate) fn peers_wanted(&self, connected: usize) -> usize {
        let is_dialling = |contact: &&Contact| contact.link == Link::Dialling;
        let dialling = self.peers.values().filter(is_dialling).count();
        // One that did not answer before is no connection to count on.
        let is_promising = |contact: &&Contact| is_dialling(contact) && contact.failures == 0;
        let promising = self.authorities.values().filter(is_promising).count();
        CONNECTIONS_WANTED
            .saturating_sub(connected + dialling + promising)
            .min(PEER_DIALS_MAX.saturating_sub(dialling))
    }

    /// The same in a search that looks farther than it has to. Without an authority there is no place
    /// where all meet, so even a node with connections enough wants one more then.
    pub(crate) fn far_peers_wanted(&self, connected: usize) -> usize {
        match self.peers_wanted(connected) {
            0 if self.lacks_authority() => self.peers_wanted(CONNECTIONS_WANTED - 1),
            wanted => wanted,
        }
    }

    /// Whether this node is no authority and is connected to none.
    pub(crate) fn lacks_authority(&self) -> bool {
        let is_connected = |contact: &Contact| matches!(contact.link, Link::Connected { .. });
        !self.is_authority && !self.authorities.values().any(is_connected)
    }

    /// Whether the peer, which is no authority, may be dialled now.
    pub(crate) fn may_dial_peer(&self, peer: &PeerId, now_ms: u64) -> bool {
        *peer != self.own
            && !self.authorities.contains_key(peer)
            && self.peers.get(peer).is_none_or(|contact| contact.is_due(now_ms))
    }

    /// When an authority is to be dialled next.
    pub(crate) fn next_authority_ms(&self) -> Option<u64> {
        let idle = self.authorities.values().filter_map(|contact| match contact.link {
            Link::Idle { not_before_ms } => Some(not_before_ms),
            _ => None,
        });
        idle.min()
    }

    fn backoff(&self, peer: &PeerId) -> Backoff {
        match self.authorities.contains_key(peer) {
            true => self.authority_backoff,
            false => PEER_BACKOFF,
        }
    }

    fn contact(&mut self, peer: &PeerId) -> &mut Contact {
        if self.authorities.contains_key(peer) {
            return self.authorities.entry(*peer).or_insert(Contact::NEW);
        }
        if self.peers.len() >= REMEMBERED_MAX && !self.peers.contains_key(peer) {
            self.forget_idle();
        }
        self.peers.entry(*peer).or_insert(Contact::NEW)
    }

    /// Connections are bounded elsewhere, so it is idle peers that fill the memory.
    fn forget_idle(&mut self) {
        self.peers.retain(|_, contact| !matches!(contact.link, Link::Idle { .. }));
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

    fn dialler(authorities: &[PeerId]) -> Dialler {
        Dialler::new(peer(0), authorities, 30_000, Random::seeded(1))
    }

    #[test]
    fn another_list_of_authorities_takes_over_what_is_known_of_them() {
        let [first, second, third] = [1, 2, 3].map(peer);
        let mut dialler = dialler(&[first, second]);
        dialler.connected(&first, 0);
        dialler.connected(&third, 0);
        dialler.set_authorities(&[second, third]);
        assert_eq!(dialler.authorities_due(0), [second], "the third is connected already");
        assert!(!dialler.lacks_authority());
        dialler.disconnected(&first, GOOD_AFTER_MS);
        assert_eq!(dialler.next_authority_ms(), Some(0), "the first is one of many now");
        assert!(dialler.may_dial_peer(&first, u64::MAX));
    }

    #[test]
    fn an_authority_is_dialled_until_it_answers_and_ever_more_rarely() {
        let authority = peer(1);
        let mut dialler = dialler(&[peer(0), authority]);
        let (mut now_ms, mut waits) = (0, Vec::new());
        for _ in 0..12 {
            assert_eq!(dialler.authorities_due(now_ms), [authority]);
            dialler.dialling(&authority);
            assert_eq!(dialler.authorities_due(now_ms), []);
            assert_eq!(dialler.next_authority_ms(), None);
            dialler.dial_failed(&authority, now_ms);
            let next_ms = dialler.next_authority_ms().expect("it is dialled again");
            waits.push(next_ms - now_ms);
            now_ms = next_ms;
        }
        assert!((250..=500).contains(&waits[0]), "{waits:?}");
        assert!((15_000..=30_000).contains(&waits[11]), "{waits:?}");
        dialler.connected(&authority, now_ms);
        assert_eq!(dialler.authorities_due(u64::MAX), []);
        dialler.disconnected(&authority, now_ms + GOOD_AFTER_MS);
        let next_ms = dialler.next_authority_ms().expect("it is dialled again");
        assert!(next_ms <= now_ms + GOOD_AFTER_MS + 500);
    }

    #[test]
    fn a_peer_that_hangs_up_at_once_is_dialled_ever_more_rarely() {
        let mut dialler = dialler(&[]);
        for _ in 0..10 {
            dialler.connected(&peer(1), 0);
            dialler.disconnected(&peer(1), 1);
        }
        assert!(!dialler.may_dial_peer(&peer(1), 200_000));
        assert!(dialler.may_dial_peer(&peer(1), 600_001));
    }

    #[test]
    fn a_node_never_dials_itself_nor_an_authority_as_a_peer() {
        let dialler = dialler(&[peer(1)]);
        assert!(!dialler.may_dial_peer(&peer(0), 0));
        assert!(!dialler.may_dial_peer(&peer(1), 0));
        assert!(dialler.may_dial_peer(&peer(2), 0));
    }

    #[test]
    fn a_member_lacks_an_authority_while_it_is_connected_to_none() {
        assert!(!dialler(&[peer(0), peer(1)]).lacks_authority());
        let mut dialler = dialler(&[peer(1), peer(2)]);
        assert!(dialler.lacks_authority());
        dialler.connected(&peer(3), 0);
        assert!(dialler.lacks_authority());
        dialler.connected(&peer(2), 0);
        assert!(!dialler.lacks_authority());
        dialler.disconnected(&peer(2), 1);
        assert!(dialler.lacks_authority());
    }

    #[test]
    fn a_few_connections_are_wanted() {
        let mut dialler = dialler(&[peer(1)]);
        assert_eq!(dialler.peers_wanted(0), PEER_DIALS_MAX);
        assert_eq!(dialler.peers_wanted(CONNECTIONS_WANTED - 1), 1);
        assert_eq!(dialler.peers_wanted(CONNECTIONS_WANTED + 10), 0);
        dialler.dialling(&peer(2));
        assert_eq!(dialler.peers_wanted(0), PEER_DIALS_MAX - 1);
        dialler.dialling(&peer(1));
        assert_eq!(dialler.peers_wanted(CONNECTIONS_WANTED - 2), 0);
    }

    #[test]
    fn without_an_authority_one_more_is_wanted_now_and_then() {
        let mut dialler = dialler(&[peer(1)]);
        assert_eq!(dialler.far_peers_wanted(0), PEER_DIALS_MAX);
        assert_eq!(dialler.far_peers_wanted(CONNECTIONS_WANTED + 10), 1);
        dialler.dialling(&peer(2));
        assert_eq!(dialler.far_peers_wanted(CONNECTIONS_WANTED), 0);
        dialler.dial_failed(&peer(2), 0);
        dialler.connected(&peer(1), 0);
        assert_eq!(dialler.far_peers_wanted(CONNECTIONS_WANTED), 0);
    }

    #[test]
    fn authorities_that_are_dialled_in_vain_take_no_place() {
        let authorities: Vec<PeerId> = (1..=8).map(peer).collect();
        let mut dialler = dialler(&authorities);
        authorities.iter().for_each(|authority| dialler.dialling(authority));
        assert_eq!(dialler.peers_wanted(0), 0);
        for authority in &authorities {
            dialler.dial_failed(authority, 0);
            dialler.dialling(authority);
        }
        assert_eq!(dialler.peers_wanted(0), PEER_DIALS_MAX);
        assert_eq!(dialler.peers_wanted(CONNECTIONS_WANTED - 1), 1);
    }

    #[test]
    fn memory_of_failures_is_bounded_and_connections_are_not_forgotten() {
        let mut dialler = dialler(&[]);
        dialler.connected(&peer(1), 0);
        for number in 2..6_000 {
            dialler.dial_failed(&peer(number), 0);
        }
        assert!(dialler.peers.len() <= REMEMBERED_MAX);
        assert!(!dialler.may_dial_peer(&peer(1), u64::MAX));
    }
}
