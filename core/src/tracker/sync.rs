//! Synchronisation with one peer at a time: what is asked, what is answered, when it is asked next.

use super::{NodeEventTracker, REPAIR_INTERVALS};
use crate::{
    authorities::InTouch,
    key::{Signer, Verifier},
    limits::RESPONSE_SIZE_MAX,
    message::{self, Cursor, Flags, Hello, LeaseAnswer, Page, Response, SyncRequest, SyncResponse},
    peer_id::PeerId,
    peers::{NEVER, PATIENCE_MIN},
    roll::ChangeReader,
    storage::Storage,
    time::Now,
    version::Version,
};

/// Bytes of a response that its statements do not take.
const RESPONSE_HEADER_MAX: usize = 256;

impl<S: Storage, K: Signer + Verifier> NodeEventTracker<S, K> {
    /// Writes the answer to `from`'s request: what it does not hold yet, as far as it fits.
    pub(super) fn answer(
        &mut self,
        from: &PeerId,
        request: &SyncRequest<'_>,
        lease: LeaseAnswer,
        response: &mut [u8],
    ) -> Option<usize> {
        let hello = self.hello();
        let head = self.ledger.roll.head();
        let visible = self.ledger.durability.visible(head);
        let equal = hello.root == request.hello.root && hello.count == request.hello.count;
        let known_run = request.cursor.incarnation == self.incarnation
            && request.cursor.after <= head
            && request.cursor.since <= request.cursor.after;
        let mut reader = match (equal && visible == head, known_run) {
            (true, _) => ChangeReader::from(head, head),
            (false, true) => ChangeReader::from(request.cursor.since, request.cursor.after),
            (false, false) => ChangeReader::default(),
        };
        let room = response
            .len()
            .min(RESPONSE_SIZE_MAX)
            .saturating_sub(RESPONSE_HEADER_MAX)
            .min(usize::try_from(request.size_max).unwrap_or(usize::MAX));
        let mut bytes = [0u8; RESPONSE_SIZE_MAX - RESPONSE_HEADER_MAX];
        let mut page = Page::new(&mut bytes[..room]);
        self.fill_page(&mut reader, visible, &mut page);
        let acknowledged =
            self.ledger.announcement_of(from).map_or(Version::ZERO, |held| held.version());
        let statements = page.used();
        let response_fields = Response::Sync(SyncResponse {
            hello,
            cursor: Cursor {
                incarnation: self.incarnation,
                since: reader.since(),
                after: reader.after(),
            },
            lease,
            lease_ms: u32::try_from(self.window_ms()).unwrap_or(u32::MAX),
            acknowledged,
            observed: 0,
            statements: &bytes[..statements],
        });
        message::encode(&response_fields, response)
    }

    /// Fills `page` with what `reader` wants, whole nodes at a time, up to the change `visible`.
    fn fill_page(&self, reader: &mut ChangeReader, visible: u64, page: &mut Page<'_>) {
        loop {
            let Some((index, entry)) = reader.peek(&self.ledger.roll) else {
                reader.complete();
                return;
            };
            if entry.changed() > visible {
                return;
            }
            let start = page.used();
            for held in entry.node().statements().filter(|held| reader.wants(held)) {
                if !page.push(held.statement.wire()) {
                    page.truncate(start);
                    return;
                }
            }
            reader.pass(index, entry);
        }
    }

    /// Notes how far `from` is read, and whether both hold the same now.
    pub(super) fn note_cursor(&mut self, now: Now, from: &PeerId, response: &SyncResponse<'_>) {
        let complete = response.cursor.since == response.cursor.after;
        let announced = self.ledger.announced();
        self.ledger.roll.refresh_root();
        let equal = response.hello.root == self.ledger.roll.root();
        let Some(peer) = self.peers.get_mut(from) else { return };
        let read_on = peer.cursor.incarnation != response.cursor.incarnation
            || peer.cursor.after < response.cursor.after;
        peer.cursor = response.cursor;
        peer.acknowledged = response.acknowledged;
        if equal {
            peer.mismatches = 0;
            peer.patience = PATIENCE_MIN;
        } else if complete {
            peer.mismatches = peer.mismatches.saturating_add(1);
            if peer.mismatches >= peer.patience {
                peer.mismatches = 0;
                peer.patience = peer.patience.saturating_mul(2);
                peer.cursor = Cursor::default();
                self.ledger.counters.full_transfers += 1;
            }
        }
        let more = !complete && read_on;
        // What was announced since this was asked is sent at once; what was sent and not taken in
        // is sent again in its turn.
        let unsent = response.lease == LeaseAnswer::GRANTED && peer.pushed < announced;
        self.schedule_after(now, from, more || unsent);
    }

    /// Notes what became of the renewal that went along.
    pub(super) fn note_lease(&mut self, now: Now, from: &PeerId, response: &SyncResponse<'_>) {
        if self.authority.is_some() || !self.ledger.authorities.contains_peer(from) {
            return;
        }
        match response.lease {
            LeaseAnswer::GRANTED => {
                let authorities = &self.ledger.authorities;
                let in_touch: InTouch = response
                    .hello
                    .in_touch
                    .iter()
                    .copied()
                    .filter(|hint| authorities.contains(*hint))
                    .collect();
                self.home.answered(now, *from, in_touch);
                let announced_home = self
                    .ledger
                    .announcement()
                    .and_then(|signed| signed.read())
                    .map(|announcement| announcement.home);
                if announced_home.is_some_and(|home| home != from.hint()) {
                    self.announce_again(now);
                }
            }
            LeaseAnswer::PENDING
            | LeaseAnswer::REFUSED
            | LeaseAnswer::FULL
            | LeaseAnswer::RECOVERING => {
                self.home.refused(*from);
            }
            _ => {}
        }
    }

    /// The request to `to` came to nothing.
    pub(super) fn fail_request(&mut self, now: Now, to: &PeerId) {
        let home = self.home_target();
        let Some(peer) = self.peers.get_mut(to) else { return };
        if peer.asked_ms.take().is_none() {
            return;
        }
        // What was sent along did not arrive.
        peer.pushed = Version::ZERO;
        self.ledger.counters.requests_failed += 1;
        self.schedule_after(now, to, false);
        // A lease outlives several losses if home is asked again soon.
        if home == Some(*to) {
            self.sync_with_home_at(now.mono_ms + self.interval_ms / 4);
        }
    }

    /// Lets one of the connected peers be asked now, so that partitions heal past the authorities.
    pub(super) fn ask_random_peer(&mut self, now: Now) {
        let count = u64::try_from(self.peers.count()).unwrap_or(u64::MAX);
        let chosen = usize::try_from(self.random.below(count)).unwrap_or(0);
        if let Some(peer) = self.peers.iter_mut().nth(chosen) {
            peer.next_sync_ms = peer.next_sync_ms.min(now.mono_ms);
        }
    }

    /// Lets the exchange with the authority that this node renews with happen no later than
    /// `at_ms`.
    pub(super) fn sync_with_home_at(&mut self, at_ms: u64) {
        let Some(target) = self.home_target() else { return };
        if let Some(peer) = self.peers.get_mut(&target) {
            peer.next_sync_ms = peer.next_sync_ms.min(at_ms);
        }
    }

    /// The authority that this node renews with, or asks for a lease.
    pub(super) fn home_target(&self) -> Option<PeerId> {
        if self.authority.is_some() {
            return None;
        }
        self.home.target(&self.ledger.authorities, |peer| self.peers.is_connected(peer))
    }

    /// How long an answer may take.
    pub(super) fn answer_ms(&self) -> u64 {
        self.interval_ms.clamp(1_000, 10_000)
    }

    /// After two intervals without an answer a home is given up.
    pub(super) fn home_patience_ms(&self) -> u64 {
        2 * self.interval_ms + self.interval_ms / 5
    }

    /// Says when `peer` is asked next: at once where there is more to read.
    pub(super) fn schedule_after(&mut self, now: Now, peer: &PeerId, at_once: bool) {
        let is_home = self.home_target() == Some(*peer);
        let among_authorities =
            self.authority.is_some() && self.ledger.authorities.contains_peer(peer);
        let wait_ms = if at_once {
            0
        } else if is_home || among_authorities {
            self.random.jittered(self.interval_ms)
        } else if self.ledger.authorities.contains_peer(peer) {
            // Another authority than home: now and then, so that what home cannot pass on arrives.
            self.random.jittered(REPAIR_INTERVALS * self.interval_ms)
        } else {
            NEVER - now.mono_ms
        };
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.next_sync_ms = now.mono_ms + wait_ms;
        }
    }

    /// What this replica says of itself.
    pub(super) fn hello(&mut self) -> Hello {
        self.ledger.roll.refresh_root();
        let flags = match self.authority {
            Some(_) => Flags::AUTHORITY,
            None => Flags::default(),
        };
        let direct = self
            .heard
            .iter()
            .filter(|(_, heard_ms)| self.last_ms.saturating_sub(*heard_ms) < self.window_ms())
            .map(|(hint, _)| *hint);
        let own = self.authority.is_some().then(|| self.ledger.own_hint());
        Hello {
            count: u32::try_from(self.ledger.roll.count()).unwrap_or(u32::MAX),
            root: self.ledger.roll.root(),
            authorities: self.ledger.authorities.set_hash(),
            flags,
            in_touch: match self.authority {
                Some(_) => direct.chain(own).collect::<InTouch>().into_vec(),
                // Only what a home says of authorities counts.
                None => heapless::Vec::new(),
            },
        }
    }
}
