//! What happens to a node: messages, connections, time.

use super::NodeEventTracker;
use crate::{
    key::{Signer, Verifier},
    ledger::{Finding, Taken},
    limits::{GOSSIP_SIZE_MAX, REQUEST_SIZE_MAX, RESPONSE_SIZE_MAX},
    message::{self, LeaseAnswer, MessageError, Renew, Request, Response},
    peer_id::PeerId,
    statement::{Intent, Kind, PresenceState, StatementError},
    storage::Storage,
    time::Now,
};

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
        if request.hello.authorities != self.ledger.authorities.set_hash() {
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

    /// The request to `to` failed: it could not be sent or was not answered.
    pub fn handle_request_failed(&mut self, now: Now, to: &PeerId) {
        self.advance(now);
        self.fail_request(now, to);
    }

    /// The first connection to `peer` was made.
    pub fn handle_connected(&mut self, now: Now, peer: &PeerId) {
        self.advance(now);
        if *peer == *self.ledger.own() {
            return;
        }
        let is_authority = self.ledger.authorities.contains_peer(peer);
        // Whoever is asked at once by many is asked over an interval instead.
        let wait_ms = if is_authority { 0 } else { self.random.below(self.interval_ms) };
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
                self.next_own_renewal_ms = now.mono_ms + self.interval_ms;
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
                Taken::Waits | Taken::Ignored => {}
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
    forged: bool,
    malformed: bool,
}
