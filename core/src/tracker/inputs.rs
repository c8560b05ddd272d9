//! What happens to a node: messages, connections, time.

use super::NodeEventTracker;
use crate::{
    authorities::Authorities,
    authority::CentralAuthority,
    in_common,
    key::{Signer, Verifier},
    ledger::{Finding, Ledger, Taken},
    limits::{GOSSIP_SIZE_MAX, OBSERVATION_SIZE_MAX, OBSERVATIONS_MAX},
    message::{
        self, LeaseAnswer, MessageError, ObservationBatch, Renew, Request, Response, SyncRequest,
        SyncResponse,
    },
    multiaddr::Prefix,
    peer_id::PeerId,
    source::{Source, Way},
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
    /// A gossip message arrived, whoever wrote it. `from` is the connected peer that passed it on,
    /// as the transport authenticated it.
    pub fn handle_gossip(&mut self, now: Now, from: &PeerId, message: &[u8]) -> Verdict {
        self.advance(now);
        let verdict = match message {
            _ if message.len() > GOSSIP_SIZE_MAX => Verdict::Reject,
            [message::FORMAT, statements @ ..] => self.take_gossip(now, from, statements),
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

    fn take_gossip(&mut self, now: Now, from: &PeerId, statements: &[u8]) -> Verdict {
        let taken = self.take_statements(now, from, Way::Gossip, statements);
        if taken.malformed || taken.forged {
            Verdict::Reject
        } else if taken.advanced && !taken.left_over {
            Verdict::Accept
        } else {
            Verdict::Ignore
        }
    }

    /// A request arrived from `from`, as the transport authenticated it. Writes the answer into
    /// `response` and says how long it is. [`RESPONSE_SIZE_MAX`](crate::limits::RESPONSE_SIZE_MAX)
    /// bytes always suffice; more are used where the peer takes more.
    pub fn handle_request(
        &mut self,
        now: Now,
        from: &PeerId,
        request: &[u8],
        response: &mut [u8],
    ) -> Result<usize, MessageError> {
        self.advance(now);
        let answered = match message::decode(request, self.message_size_max()) {
            Ok(Request::Sync(request)) => self.handle_sync_request(now, from, &request, response),
            Ok(Request::Walk(walk)) => self.handle_walk_request(now, from, &walk, response),
            Err(error) => Err(error),
        };
        let counters = &mut self.ledger.counters;
        match answered {
            Ok(_) => counters.requests_answered += 1,
            Err(_) => counters.requests_rejected += 1,
        }
        answered
    }

    fn handle_sync_request(
        &mut self,
        now: Now,
        from: &PeerId,
        request: &SyncRequest<'_>,
        response: &mut [u8],
    ) -> Result<usize, MessageError> {
        self.note_heard(now, from);
        self.note_hello(from, &request.hello);
        self.refresh_in_touch(now);
        if request.hello.authorities != self.ledger.authorities.set_hash() {
            self.ledger.counters.authorities_differ += 1;
        }
        // Whatever becomes of them, the request is answered.
        self.take_statements(now, from, Way::Exchange, request.statements);
        let is_recovering = self.authority.is_recovering();
        let lease = match (self.authority.acting(), request.renew) {
            (Some(authority), Some(renew)) => {
                let prefix = self.peers.get(from).and_then(|peer| peer.prefix);
                authority.renew(&mut self.ledger, now, from, prefix, renew)
            }
            (None, Some(_)) if is_recovering => LeaseAnswer::RECOVERING,
            _ => LeaseAnswer::NONE,
        };
        let observed = match (self.authority.acting(), &request.observations) {
            (Some(authority), Some(batch)) => authority.count(&mut self.ledger, now, from, batch),
            _ => 0,
        };
        self.answer(from, request, (lease, observed), response).ok_or(MessageError::Size)
    }

    /// The answer to this node's request to `from` arrived.
    pub fn handle_response(
        &mut self,
        now: Now,
        from: &PeerId,
        response: &[u8],
    ) -> Result<(), MessageError> {
        self.advance(now);
        let decoded = message::decode(response, self.message_size_max());
        let step = self.walking.step();
        let peer = self.peers.get_mut(from).filter(|peer| {
            // The answer to an earlier request may be late.
            let is_asked_for = match &decoded {
                Ok(Response::Sync(_)) => !peer.is_walk_asked,
                Ok(Response::Walk(answer)) => peer.is_walk_asked && answer.step == step,
                Err(_) => true,
            };
            is_asked_for && peer.asked_ms.is_some()
        });
        let Some(peer) = peer else {
            self.ledger.counters.responses_rejected += 1;
            return Ok(());
        };
        peer.asked_ms = None;
        let is_step = core::mem::take(&mut peer.is_walk_asked);
        let taken_in = match decoded {
            Ok(Response::Sync(answer)) => self.handle_sync_response(now, from, &answer),
            Ok(Response::Walk(answer)) => self.handle_walk_response(now, from, &answer),
            Err(error) => Err(error),
        };
        if taken_in.is_err() {
            // It is asked again in its turn.
            self.ledger.counters.responses_rejected += 1;
            if is_step && self.walks_with(from) {
                self.give_walk_up(now);
            }
            self.schedule_after(now, from, false);
        }
        taken_in
    }

    fn handle_sync_response(
        &mut self,
        now: Now,
        from: &PeerId,
        response: &SyncResponse<'_>,
    ) -> Result<(), MessageError> {
        let theirs = self.list_in(response)?;
        self.note_heard(now, from);
        self.note_hello(from, &response.hello);
        if let Some(theirs) = theirs {
            self.note_list(now, from, &theirs, response.cursor.incarnation);
        }
        let taken = self.take_statements(now, from, Way::Exchange, response.statements);
        if taken.left_over {
            // Nothing is wrong with the answer, and a home that answers is there.
            self.note_lease(now, from, response);
            return Err(MessageError::OverBudget);
        }
        if taken.malformed || taken.forged {
            // What else it says is not believed either.
            return Err(MessageError::Malformed);
        }
        self.note_lease(now, from, response);
        self.observations.acknowledged(from.hint(), response.observed);
        self.refresh_in_touch(now);
        self.note_cursor(now, from, response);
        Ok(())
    }

    /// The list of authorities in a response, where that is another than this replica's.
    fn list_in(&self, response: &SyncResponse<'_>) -> Result<Option<Authorities>, MessageError> {
        let theirs = in_common::read_list(response.authorities)?;
        if theirs.as_ref().is_some_and(|list| list.set_hash() != response.hello.authorities) {
            return Err(MessageError::Malformed);
        }
        let ours = self.ledger.authorities.set_hash();
        Ok(theirs.filter(|theirs| theirs.set_hash() != ours))
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
        self.ledger.pool.connected(peer);
        let is_authority = self.ledger.authorities.acts(peer);
        // Whoever is asked at once by many is asked over an interval instead.
        let is_urgent = is_authority || self.authority.is_recovering();
        let wait_ms = if is_urgent { 0 } else { self.random.below(self.interval_ms) };
        if self.peers.connect(*peer, is_authority, now, now.mono_ms + wait_ms).is_err() {
            self.ledger.counters.peers_no_room += 1;
        }
    }

    /// As [`NodeEventTracker::handle_connected`], where it is known which binary multiaddr the peer
    /// is connected from: one address counts for one place, whatever the peer announces.
    pub fn handle_connected_from(&mut self, now: Now, peer: &PeerId, remote: &[u8]) {
        self.handle_connected(now, peer);
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.prefix = Prefix::of(remote);
        }
    }

    /// The last connection to `peer` was closed.
    pub fn handle_disconnected(&mut self, now: Now, peer: &PeerId) {
        self.advance(now);
        self.peers.disconnect(peer);
        if !self.ledger.pool.disconnected(peer) {
            self.ledger.counters.pool_over_quota += 1;
        }
        if self.walks_with(peer) {
            self.give_walk_up(now);
        }
        if self.home.current() == Some(*peer) {
            // Unless it is back by then, another authority is asked for a lease. Not by all at once.
            let wait_ms = self.interval_ms / 4 + self.random.below(self.interval_ms / 2);
            self.sync_with_home_at(now.mono_ms + wait_ms);
        }
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
        // Whoever left the roll and was not told of by now has to be found out.
        while self.ledger.drop_next().is_some() {
            self.ledger.counters.notices_lost += 1;
        }
        let slept = now.mono_ms.saturating_sub(self.last_ms) >= self.window_ms();
        self.last_ms = self.last_ms.max(now.mono_ms);
        let others = self.ledger.authorities.acting_count().saturating_sub(1);
        let heard = self.heard_within_window().count();
        let (hears_authority, hears_all) = (heard > 0, heard >= others);
        if let Some(authority) = self.authority.acting() {
            if slept {
                authority.forgive(now);
            }
            authority.lapse(&mut self.ledger, now, hears_authority);
            authority.publish_tallies(&mut self.ledger, now);
            authority.forget(&mut self.ledger, now, hears_all);
            authority.note_here(now);
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
            if self.authority.acts() {
                // Until another authority answers, its home is itself.
                self.announce_again(now);
            }
        }
        if now.mono_ms >= self.next_repair_ms {
            self.next_repair_ms = now.mono_ms + self.random.jittered(self.repair_interval_ms());
            self.ask_some_peer(now);
        }
        self.claim_after_pause(now);
        self.drop_void(now);
        self.ledger.counters.pool_expired += self.ledger.pool.expire(now.mono_ms);
        self.refresh_in_touch(now);
    }

    /// Lets what is void be dropped an interval after that was heard, or when the walk is over.
    fn drop_void(&mut self, now: Now) {
        self.ledger.date_drop(now);
        if self.drop_due_ms().is_some_and(|due_ms| now.mono_ms >= due_ms) {
            if self.is_walking() { self.ledger.postpone_drop(now) } else { self.ledger.drop_void() }
        }
    }

    /// When what is void is dropped.
    pub(super) fn drop_due_ms(&self) -> Option<u64> {
        self.ledger.void_since_ms(self.last_ms).map(|since_ms| since_ms + self.interval_ms)
    }

    /// An authority that has no other home is its own.
    pub(super) fn renew_own(&mut self, now: Now) {
        let own = *self.ledger.own();
        let renew = Renew { session: self.session };
        if let (Some(authority), Some(_)) = (self.authority.acting(), self.ledger.announcement()) {
            if self.home.current().is_none() {
                authority.renew(&mut self.ledger, now, &own, None, renew);
            } else {
                // It says that it moved, as of anybody else, where it did not yet.
                let _ = authority.observe(&mut self.ledger, now, &own);
            }
        }
        self.hand_over_own(now);
    }

    /// An authority counts what it observed itself as it does what others did.
    fn hand_over_own(&mut self, now: Now) {
        let (own, hint, session) = (*self.ledger.own(), self.ledger.own_hint(), self.session);
        let Some(authority) = self.authority.acting() else { return };
        let Some(number) = self.observations.batch_for(hint, true) else { return };
        let mut bytes = [0; OBSERVATIONS_MAX * OBSERVATION_SIZE_MAX];
        let size = self.observations.write(hint, &self.ledger.roll, &mut bytes);
        let batch = ObservationBatch { session, number, observations: &bytes[..size] };
        let observed = authority.count(&mut self.ledger, now, &own, &batch);
        self.observations.acknowledged(hint, observed);
    }

    pub(super) fn take_statements(
        &mut self,
        now: Now,
        from: &PeerId,
        way: Way,
        bytes: &[u8],
    ) -> TakenStatements {
        let mut taken = TakenStatements::default();
        let mut findings = heapless::Vec::<Finding, FINDINGS_MAX>::new();
        let mut announcing = heapless::Vec::<PeerId, FINDINGS_MAX>::new();
        let mut remembered = false;
        let was_admitted = self.home.is_turned_down() && self.is_admitted();
        let mut source = Source::new(&mut self.peers, from, way);
        for statement in message::offered(bytes) {
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
            let outcome = self.ledger.take(&statement, now, &mut source, &mut |finding| {
                remembered |= finding == Finding::Remembered;
                if finding != Finding::Remembered {
                    // More contradictions in one message are counted and not reported.
                    let _ = findings.push(finding);
                }
            });
            match outcome {
                Taken::Advanced => taken.advanced = true,
                Taken::Waits | Taken::Ignored | Taken::Unsupported => {}
                Taken::OverRate => taken.left_over = true,
                Taken::OverBudget => {
                    taken.left_over = true;
                    break;
                }
                Taken::Malformed => {
                    taken.malformed = true;
                    break;
                }
                Taken::Forged => {
                    taken.forged = true;
                    break;
                }
            }
            let announces = statement.kind() == Kind::Announcement
                && matches!(outcome, Taken::Advanced | Taken::Waits);
            if announces && let Some(subject) = statement.subject() {
                if announcing.is_full() {
                    observe_all(&mut self.authority, &mut self.ledger, now, &mut announcing);
                }
                announcing.push(subject).expect("there is room for one more");
            }
        }
        observe_all(&mut self.authority, &mut self.ledger, now, &mut announcing);
        if remembered {
            self.remembered_ms = now.mono_ms;
            if let Some(authority) = self.authority.acting() {
                authority.watch_all(&self.ledger, now);
            }
        }
        for finding in findings {
            self.note_finding(now, finding);
        }
        if taken.advanced && self.is_called_left() {
            self.announce_again(now);
        }
        if self.home.is_turned_down() && !was_admitted && self.is_admitted() {
            self.home.forget_refusals();
            self.sync_with_home_at(now.mono_ms);
        }
        taken
    }

    /// Whether this node belongs to the network.
    fn is_admitted(&self) -> bool {
        self.ledger.standing(self.ledger.own()).admits()
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
}

/// An authority looks at what its members announced: a leave, another session, a refutation.
fn observe_all<S: Storage, K: Signer + Verifier>(
    authority: &mut CentralAuthority<S>,
    ledger: &mut Ledger<S, K>,
    now: Now,
    announcing: &mut heapless::Vec<PeerId, FINDINGS_MAX>,
) {
    if let Some(authority) = authority.acting() {
        for peer in announcing.iter() {
            // Without room it is looked at again at the node's next renewal.
            let _ = authority.observe(ledger, now, peer);
        }
    }
    announcing.clear();
}

/// What became of the statements of one message.
#[derive(Default)]
pub(super) struct TakenStatements {
    pub(super) advanced: bool,
    /// Something was not looked at that might have advanced the roll.
    pub(super) left_over: bool,
    pub(super) forged: bool,
    pub(super) malformed: bool,
}
