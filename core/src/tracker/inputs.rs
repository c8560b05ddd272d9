//! What happens to a node: messages, connections, time.

use super::{NodeEventTracker, REPAIR_INTERVALS};
use crate::{
    authorities::InTouch,
    key::{Signer, Verifier},
    ledger::{Finding, Taken},
    limits::{GOSSIP_SIZE_MAX, REQUEST_SIZE_MAX, RESPONSE_SIZE_MAX},
    message::{
        self, Cursor, Flags, Hello, LeaseAnswer, MessageError, Page, Renew, Request, Response,
        SyncRequest, SyncResponse,
    },
    peer_id::PeerId,
    peers::{NEVER, PATIENCE_MIN},
    roll::ChangeReader,
    statement::{Intent, Kind, PresenceState, StatementError},
    storage::Storage,
    time::Now,
    version::Version,
};

/// Bytes of a response that its statements do not take.
const RESPONSE_HEADER_MAX: usize = 256;
/// How many findings of one message are acted on.
const FINDINGS_MAX: usize = 8;

/// What pubsub is to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Pass it on: it advanced the roll.
    Accept,
    /// Neither pass it on nor hold it against the sender: it held nothing new.
    Ignore,
    /// Hold it against the sender: it is malformed or forged.
    Reject,
}

impl<S: Storage, K: Signer + Verifier> NodeEventTracker<S, K> {
    /// A gossip message arrived, from whomever.
    pub fn handle_gossip(&mut self, now: Now, message: &[u8]) -> Verdict {
        self.advance(now);
        let verdict = match message {
            _ if message.len() > GOSSIP_SIZE_MAX => Verdict::Reject,
            [message::FORMAT, statements @ ..] => self.take_gossip(now, statements),
            _ => Verdict::Reject,
        };
        let counters = &mut self.ledger.counters;
        match verdict {
            Verdict::Accept => counters.gossip_accepted += 1,
            Verdict::Ignore => counters.gossip_ignored += 1,
            Verdict::Reject => counters.gossip_rejected += 1,
        }
        verdict
    }

    fn take_gossip(&mut self, now: Now, statements: &[u8]) -> Verdict {
        let taken = self.take_statements(now, statements);
        if taken.malformed || taken.forged {
            Verdict::Reject
        } else if taken.advanced {
            Verdict::Accept
        } else {
            Verdict::Ignore
        }
    }

    /// A request arrived from `from`, as the transport authenticated it. Writes the answer into
    /// `response` and says how long it is; [`RESPONSE_SIZE_MAX`] bytes always suffice.
    pub fn handle_request(
        &mut self,
        now: Now,
        from: &PeerId,
        request: &[u8],
        response: &mut [u8],
    ) -> Result<usize, MessageError> {
        self.advance(now);
        let request = match message::decode(request, REQUEST_SIZE_MAX) {
            Ok(Request::Sync(request)) => request,
            Err(error) => {
                self.ledger.counters.requests_rejected += 1;
                return Err(error);
            }
        };
        self.note_heard(now, from);
        self.refresh_in_touch(now);
        if request.hello.authorities != self.config.authorities.set_hash() {
            self.ledger.counters.authorities_differ += 1;
        }
        self.take_statements(now, request.statements);
        let lease = match (&mut self.authority, request.renew) {
            (Some(authority), Some(renew)) => authority.renew(&mut self.ledger, now, from, renew),
            _ => LeaseAnswer::NONE,
        };
        let size = self.answer(from, &request, lease, response);
        self.ledger.counters.requests_answered += 1;
        size.ok_or(MessageError::Size)
    }

    fn answer(
        &mut self,
        from: &PeerId,
        request: &SyncRequest<'_>,
        lease: LeaseAnswer,
        response: &mut [u8],
    ) -> Option<usize> {
        let hello = self.hello();
        let visible = self.ledger.durability.visible(self.ledger.roll.head());
        let head = self.ledger.roll.head();
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
        let mut page = Page::new(&mut bytes[..room.min(RESPONSE_SIZE_MAX - RESPONSE_HEADER_MAX)]);
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

    /// The answer to this node's request to `from` arrived.
    pub fn handle_response(
        &mut self,
        now: Now,
        from: &PeerId,
        response: &[u8],
    ) -> Result<(), MessageError> {
        self.advance(now);
        let asked = self.peers.get_mut(from).and_then(|peer| peer.asked_ms.take());
        if asked.is_none() {
            self.ledger.counters.responses_rejected += 1;
            return Ok(());
        }
        let response = match message::decode(response, RESPONSE_SIZE_MAX) {
            Ok(Response::Sync(response)) => response,
            Err(error) => {
                self.ledger.counters.responses_rejected += 1;
                self.schedule_after(now, from, false);
                return Err(error);
            }
        };
        self.note_heard(now, from);
        let taken = self.take_statements(now, response.statements);
        if taken.malformed || taken.forged {
            // What else it says is not believed either; it is asked again in its turn.
            self.ledger.counters.responses_rejected += 1;
            self.schedule_after(now, from, false);
            return Err(MessageError::Malformed);
        }
        self.note_lease(now, from, &response);
        self.refresh_in_touch(now);
        self.note_cursor(now, from, &response);
        Ok(())
    }

    fn note_cursor(&mut self, now: Now, from: &PeerId, response: &SyncResponse<'_>) {
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

    fn note_lease(&mut self, now: Now, from: &PeerId, response: &SyncResponse<'_>) {
        if self.authority.is_some() || !self.config.authorities.contains_peer(from) {
            return;
        }
        match response.lease {
            LeaseAnswer::GRANTED => {
                let authorities = &self.config.authorities;
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

    /// The request to `to` failed: it could not be sent or was not answered.
    pub fn handle_request_failed(&mut self, now: Now, to: &PeerId) {
        self.advance(now);
        self.fail_request(now, to);
    }

    fn fail_request(&mut self, now: Now, to: &PeerId) {
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
            self.sync_with_home_at(now.mono_ms + self.config.interval_ms / 4);
        }
    }

    /// The first connection to `peer` was made.
    pub fn handle_connected(&mut self, now: Now, peer: &PeerId) {
        self.advance(now);
        if *peer == *self.ledger.own() {
            return;
        }
        let is_authority = self.config.authorities.contains_peer(peer);
        // Whoever is asked at once by many is asked over an interval instead.
        let wait_ms = if is_authority { 0 } else { self.random.below(self.config.interval_ms) };
        if self.peers.connect(*peer, is_authority, now.mono_ms + wait_ms).is_err() {
            self.ledger.counters.peers_no_room += 1;
        }
    }

    /// The last connection to `peer` was closed.
    pub fn handle_disconnected(&mut self, now: Now, peer: &PeerId) {
        self.advance(now);
        self.peers.disconnect(peer);
    }

    /// Time passed: call it no later than [`NodeEventTracker::poll_timeout`] says.
    pub fn handle_timeout(&mut self, now: Now) {
        self.advance(now);
    }

    /// All journal frames up to `position` are durable.
    pub fn handle_journal_synced(&mut self, position: u64) {
        self.ledger.durability.synced(position);
    }

    /// Brings everything that depends on time up to `now`, first thing in every input.
    pub(super) fn advance(&mut self, now: Now) {
        let slept = now.mono_ms.saturating_sub(self.last_ms) >= self.window_ms();
        self.last_ms = self.last_ms.max(now.mono_ms);
        if let Some(authority) = &mut self.authority {
            if slept {
                authority.forgive(now);
            }
            authority.lapse(&mut self.ledger, now);
            authority.note_alive(now.unix_s);
            if now.mono_ms >= self.next_own_renewal_ms {
                self.next_own_renewal_ms = now.mono_ms + self.config.interval_ms;
                self.renew_own(now);
            }
        }
        while let Some(peer) = self.peers.overdue(now.mono_ms, self.answer_ms()) {
            self.fail_request(now, &peer);
        }
        if self.home.give_up(now, self.home_patience_ms()) {
            self.sync_with_home_at(now.mono_ms);
        }
        if now.mono_ms >= self.next_repair_ms {
            self.next_repair_ms = now.mono_ms + self.random.jittered(self.repair_interval_ms());
            self.ask_random_peer(now);
        }
        self.ledger.counters.pool_expired += self.ledger.pool.expire(now.mono_ms);
        self.refresh_in_touch(now);
    }

    /// An authority is its own home.
    pub(super) fn renew_own(&mut self, now: Now) {
        let own = *self.ledger.own();
        let renew = Renew { session: self.session, announced: self.ledger.announced() };
        if let (Some(authority), Some(_)) = (&mut self.authority, self.ledger.announcement()) {
            authority.renew(&mut self.ledger, now, &own, renew);
        }
    }

    fn ask_random_peer(&mut self, now: Now) {
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
        self.home.target(&self.config.authorities, |peer| self.peers.is_connected(peer))
    }

    /// How long an answer may take.
    pub(super) fn answer_ms(&self) -> u64 {
        self.config.interval_ms.clamp(1_000, 10_000)
    }

    /// After two intervals without an answer a home is given up.
    pub(super) fn home_patience_ms(&self) -> u64 {
        2 * self.config.interval_ms + self.config.interval_ms / 5
    }

    /// Says when `peer` is asked next: at once where there is more to read.
    fn schedule_after(&mut self, now: Now, peer: &PeerId, at_once: bool) {
        let is_home = self.home_target() == Some(*peer);
        let among_authorities =
            self.authority.is_some() && self.config.authorities.contains_peer(peer);
        let wait_ms = if at_once {
            0
        } else if is_home || among_authorities {
            self.random.jittered(self.config.interval_ms)
        } else if self.config.authorities.contains_peer(peer) {
            // Another authority than home: now and then, so that what home cannot pass on arrives.
            self.random.jittered(REPAIR_INTERVALS * self.config.interval_ms)
        } else {
            NEVER - now.mono_ms
        };
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.next_sync_ms = now.mono_ms + wait_ms;
        }
    }

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
            authorities: self.config.authorities.set_hash(),
            flags,
            in_touch: match self.authority {
                Some(_) => direct.chain(own).collect::<InTouch>().into_vec(),
                // Only what a home says of authorities counts.
                None => heapless::Vec::new(),
            },
        }
    }

    fn take_statements(&mut self, now: Now, bytes: &[u8]) -> TakenStatements {
        let mut taken = TakenStatements::default();
        let mut findings = heapless::Vec::<Finding, FINDINGS_MAX>::new();
        let mut announcing = heapless::Vec::<PeerId, FINDINGS_MAX>::new();
        for statement in message::statements(bytes) {
            let statement = match statement {
                Ok(statement) => statement,
                // A later version's: it is nothing that this one could use or pass on.
                Err(StatementError::UnknownKind) => {
                    self.ledger.counters.statements_unknown_kind += 1;
                    continue;
                }
                Err(_) => {
                    taken.malformed = true;
                    break;
                }
            };
            let outcome = self.ledger.take(&statement, now, &mut |finding| {
                // More contradictions in one message are counted and not reported.
                let _ = findings.push(finding);
            });
            match outcome {
                Taken::Advanced => taken.advanced = true,
                Taken::Waits => taken.waits = true,
                Taken::Ignored => {}
                Taken::Forged => {
                    taken.forged = true;
                    break;
                }
            }
            let announces = statement.kind() == Kind::Announcement
                && matches!(outcome, Taken::Advanced | Taken::Waits);
            if let (true, Some(subject)) = (announces, statement.subject()) {
                if announcing.is_full() {
                    self.observe_all(now, &mut announcing);
                }
                announcing.push(subject).expect("there is room for one more");
            }
        }
        self.observe_all(now, &mut announcing);
        for finding in findings {
            self.note_finding(now, finding);
        }
        if taken.advanced && self.is_called_left() {
            self.announce_again(now);
        }
        taken
    }

    /// Whether home says of this node's newest announcement, which means to be here, that its
    /// session left. It lives, so it refutes that.
    fn is_called_left(&self) -> bool {
        let Some(signed) = self.ledger.announcement() else { return false };
        let Some(said) = signed.read() else { return false };
        let slot = self
            .ledger
            .roll
            .get(self.ledger.own())
            .and_then(|node| node.presence(said.home)?.read());
        said.intent != Intent::LEAVING
            && slot.is_some_and(|presence| {
                presence.state == PresenceState::LEFT
                    && presence.session == said.session
                    && presence.rests_on >= signed.version()
            })
    }

    /// An authority looks at what its members announced: a leave, another session, a refutation.
    fn observe_all(&mut self, now: Now, announcing: &mut heapless::Vec<PeerId, FINDINGS_MAX>) {
        if let Some(authority) = &mut self.authority {
            for peer in announcing.iter() {
                // Without room it is looked at again at the node's next renewal.
                let _ = authority.observe(&mut self.ledger, now, peer);
            }
        }
        announcing.clear();
    }
}

/// What became of the statements of one message.
#[derive(Default)]
struct TakenStatements {
    advanced: bool,
    waits: bool,
    forged: bool,
    malformed: bool,
}
