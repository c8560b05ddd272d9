//! Synchronisation with one peer at a time: what is asked, what is answered, when it is asked next.

use super::{NodeEventTracker, REPAIR_INTERVALS};
use crate::{
    authorities::{Authorities, InTouch},
    event::Event,
    in_common,
    key::{Signer, Verifier},
    limits::RESPONSE_SIZE_MAX,
    message::{
        self, Cursor, Flags, HEADER_SIZE_MAX, Hello, LeaseAnswer, Page, Response, SyncRequest,
        SyncResponse,
    },
    peer_id::PeerId,
    peers::{NEVER, Peer},
    roll::ChangeReader,
    statement::{Kind, Presence},
    storage::Storage,
    time::Now,
    version::Version,
};

/// After how many complete answers with unequal roots it is found out what differs.
const MISMATCHES_MAX: u8 = 2;
/// For how many intervals an authority that recovers waits for more that it had said.
const RECOVERY_INTERVALS: u64 = 6;

impl<S: Storage, K: Signer + Verifier> NodeEventTracker<S, K> {
    /// Writes the answer to `from`'s request: what it does not hold yet, as far as it fits.
    pub(super) fn answer(
        &mut self,
        from: &PeerId,
        request: &SyncRequest<'_>,
        (lease, observed): (LeaseAnswer, u32),
        response: &mut [u8],
    ) -> Option<usize> {
        let hello = self.hello();
        let head = self.ledger.roll.head();
        let visible = self.ledger.durability.visible(head);
        let partial = hello.flags.with(request.hello.flags).contains(Flags::PARTIAL);
        let equal =
            !partial && hello.root == request.hello.root && hello.count == request.hello.count;
        let known_run = request.cursor.incarnation == self.incarnation
            && request.cursor.after <= head
            && request.cursor.since <= request.cursor.after;
        // Who holds about as much finds out what differs by a walk, and reads on from here.
        let jumps = self.reconciles()
            && self.is_comparable(&request.hello)
            && request.hello.flags.contains(Flags::RECONCILES)
            && request.hello.count.saturating_mul(2) >= hello.count;
        let mut reader = match (equal && visible == head, known_run, jumps) {
            (true, _, _) => ChangeReader::from(head, head),
            (false, true, _) => ChangeReader::from(request.cursor.since, request.cursor.after),
            (false, false, true) => ChangeReader::from(visible, visible),
            (false, false, false) => ChangeReader::START,
        };
        let size_max = self.peers.get(from).map_or(RESPONSE_SIZE_MAX, Peer::size_max);
        let bound = response.len().min(size_max);
        let list = in_common::list_for(request.hello.authorities, &self.ledger.authorities);
        let start = HEADER_SIZE_MAX + list.len();
        let mut page = Page::new(response.get_mut(start..bound)?);
        // Who had nothing but what an authority has left would be taken for one who has it all.
        if !self.authority.is_recovering() {
            if !known_run && !equal {
                self.fill_horizons(visible, &mut page);
            }
            self.fill_page(&mut reader, visible, &mut page);
        }
        let acknowledged =
            self.ledger.announcement_of(from).map_or(Version::ZERO, |held| held.version());
        let end = start + page.used();
        let head = Response::Sync(SyncResponse {
            hello,
            cursor: Cursor {
                incarnation: self.incarnation,
                since: reader.since(),
                after: reader.after(),
            },
            lease,
            acknowledged,
            observed,
            authorities: &list,
            statements: &[],
        });
        message::encode_around(&head, start..end, response)
    }

    /// Fills `page` with what authorities say of themselves, where that makes room: who was away for
    /// long may not have any for what comes after.
    fn fill_horizons(&self, visible: u64, page: &mut Page<'_>) {
        for (hint, authority) in self.ledger.authorities.iter() {
            let Some(node) = self.ledger.roll.get(authority) else { continue };
            let mut said = node.statements().filter(|held| {
                let presence = held.statement.typed::<Presence>().and_then(|signed| signed.read());
                held.statement.writer() == hint
                    && held.changed <= visible
                    && presence.is_some_and(|presence| presence.horizon.is_some())
            });
            if let Some(held) = said.next() {
                // A page has room for so few.
                let _ = page.push(&held.statement.wire());
            }
        }
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
                if !page.push(&held.statement.wire()) {
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
        // The root of a replica that does not hold every node says nothing.
        let partial = self.ledger.is_partial() || response.hello.flags.contains(Flags::PARTIAL);
        let equal = !partial && response.hello.root == self.ledger.roll.root();
        if equal {
            self.note_equal(now, from, &response.hello);
        }
        if complete && !self.is_walking() {
            self.ledger.drop_void();
        }
        if complete && self.is_read_through(now, from, &response.hello) {
            self.end_recovery(now);
        }
        let is_short = !self.says_more_than_horizons(response.statements);
        let Some(peer) = self.peers.get_mut(from) else { return };
        let is_other_run = peer.cursor.incarnation != response.cursor.incarnation;
        let read_on = is_other_run || peer.cursor.after < response.cursor.after;
        let reread = core::mem::take(&mut peer.reread);
        peer.cursor = if reread { Cursor::default() } else { response.cursor };
        peer.acknowledged = response.acknowledged;
        if !equal && complete && peer.reconciles {
            peer.mismatches = peer.mismatches.saturating_add(1);
            // What differs is neither on its way nor going to be: it was changed before.
            let jumped = is_other_run && is_short;
            if jumped || peer.mismatches >= MISMATCHES_MAX {
                self.begin_walk(now, from, response.hello.root);
            }
        }
        let Some(peer) = self.peers.get_mut(from) else { return };
        let more = reread || (!complete && read_on);
        // What was announced since this was asked is sent at once; what was sent and not taken in
        // is sent again in its turn.
        let unsent = response.lease == LeaseAnswer::GRANTED && peer.pushed < announced;
        self.schedule_after(now, from, more || unsent);
    }

    /// Whether `statements` are of more than authorities, each about itself.
    fn says_more_than_horizons(&self, statements: &[u8]) -> bool {
        message::offered(statements).flatten().any(|statement| {
            let about = self.ledger.authorities.resolve(statement.writer());
            statement.kind() != Kind::Presence || statement.subject() != about.copied()
        })
    }

    /// Whether a replica with the same root as this one can tell what this authority said before it
    /// lost its journal: one of the network, since anybody can say that it holds the same.
    pub(super) fn is_whole(&self, from: &PeerId, hello: &Hello) -> bool {
        let may_lack = [Flags::RECOVERING, Flags::PARTIAL];
        hello.authorities == self.ledger.authorities.set_hash()
            && !may_lack.iter().any(|flag| hello.flags.contains(*flag))
            && self.ledger.holds_own()
            && (self.ledger.authorities.contains_peer(from) || self.ledger.standing(from).admits())
    }

    /// Whether an authority that recovers has learned what it can from `from`, of whom it has read
    /// all, and from everybody else: the rolls need not be equal, since it may hold what nobody else
    /// does, and tells nobody before it has recovered.
    fn is_read_through(&self, now: Now, from: &PeerId, hello: &Hello) -> bool {
        let wait_ms = RECOVERY_INTERVALS * self.interval_ms;
        self.authority.is_recovering()
            && self.peers.get(from).is_some_and(|peer| peer.gave_back)
            && self.is_whole(from, hello)
            && now.mono_ms.saturating_sub(self.remembered_ms) >= wait_ms
    }

    /// Notes what became of the renewal that went along.
    pub(super) fn note_lease(&mut self, now: Now, from: &PeerId, response: &SyncResponse<'_>) {
        if self.authority.is_recovering() || !self.ledger.authorities.acts(from) {
            return;
        }
        match response.lease {
            // Two may be asked while one of them is slow. Whoever took both would announce itself to
            // one after the other, each time in the name of the answer before.
            LeaseAnswer::GRANTED if self.has_other_home(from) => {}
            LeaseAnswer::GRANTED => {
                let authorities = &self.ledger.authorities;
                let in_touch = if response.hello.authorities == authorities.set_hash() {
                    authorities.of_bits(response.hello.in_touch)
                } else {
                    InTouch::NONE
                };
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
            LeaseAnswer::PENDING | LeaseAnswer::REFUSED | LeaseAnswer::FULL => {
                self.home.turned_down(*from);
            }
            LeaseAnswer::RECOVERING => self.home.refused(*from),
            _ => {}
        }
    }

    /// Whether this node is at home with another authority than `peer`, and connected with it.
    fn has_other_home(&self, peer: &PeerId) -> bool {
        let home = self.home.current();
        home.is_some_and(|home| home != *peer && self.peers.is_connected(&home))
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
        if core::mem::take(&mut peer.is_walk_asked) && self.walks_with(to) {
            self.give_walk_up(now);
        }
        self.schedule_after(now, to, false);
        // A lease outlives several losses if home is asked again soon.
        if home == Some(*to) {
            self.sync_with_home_at(now.mono_ms + self.interval_ms / 4);
        }
    }

    /// Lets one of the connected peers be asked now, so that partitions heal past the authorities:
    /// any of them, and every other time the one longest not known to hold the same.
    pub(super) fn ask_some_peer(&mut self, now: Now) {
        self.repairs_oldest = !self.repairs_oldest;
        let count = u64::try_from(self.peers.count()).unwrap_or(u64::MAX);
        let chosen = usize::try_from(self.random.below(count)).unwrap_or(0);
        let peer = if self.repairs_oldest {
            self.peers.iter_mut().min_by_key(|peer| peer.equal_ms)
        } else {
            self.peers.iter_mut().nth(chosen)
        };
        if let Some(peer) = peer {
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
        if self.authority.is_recovering() {
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
            self.authority.is_configured() && self.ledger.authorities.acts(peer);
        let wait_ms = if at_once {
            0
        } else if is_home {
            self.random.jittered(self.home.intervals() * self.interval_ms)
        } else if among_authorities || self.authority.is_recovering() {
            self.random.jittered(self.interval_ms)
        } else if self.ledger.authorities.acts(peer) {
            // Another authority than home: now and then, so that what home cannot pass on arrives.
            self.random.jittered(REPAIR_INTERVALS * self.interval_ms)
        } else if self.peers.get(peer).is_some_and(|peer| peer.mismatches == 1) {
            // To tell what is on its way from what is missing.
            self.random.jittered(self.interval_ms)
        } else {
            NEVER - now.mono_ms
        };
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.next_sync_ms = now.mono_ms + wait_ms;
        }
    }

    /// Notes what `from` says of itself.
    pub(super) fn note_hello(&mut self, from: &PeerId, hello: &Hello) {
        if self.says_isolated(from, hello) {
            self.heard.retain(|(hint, _)| *hint != from.hint());
        }
        let is_partial = self.ledger.is_partial();
        if let Some(peer) = self.peers.get_mut(from) {
            peer.note_hello(hello, is_partial);
        }
    }

    /// Whether an authority says that it is not in touch itself.
    fn says_isolated(&self, from: &PeerId, hello: &Hello) -> bool {
        let authorities = &self.ledger.authorities;
        let says_so = !authorities.of_bits(hello.in_touch).contains(from.hint());
        hello.authorities == authorities.set_hash()
            && hello.flags.contains(Flags::AUTHORITY)
            && says_so
    }

    /// Notes the list of authorities of a peer that has another one than this replica. Where they
    /// have nothing in common, that is told once for each run of the peer, which `run` names.
    pub(super) fn note_list(
        &mut self,
        now: Now,
        from: &PeerId,
        theirs: &Authorities,
        run: [u8; 4],
    ) {
        let ours = &self.ledger.authorities;
        let Some(peer) = self.peers.get_mut(from) else { return };
        peer.in_common.note(ours, theirs);
        if peer.in_common.bits(ours.set_hash(), theirs.set_hash()) != 0 {
            return;
        }
        // There is nothing to find out about it.
        peer.equal_ms = now.mono_ms;
        self.ledger.counters.nothing_in_common += 1;
        let is_told = core::mem::replace(&mut peer.is_told_apart, true);
        if is_told || self.runs_apart.contains(&run) {
            return;
        }
        if self.runs_apart.is_full() {
            self.runs_apart.remove(0);
        }
        self.runs_apart.push(run).expect("there is room for one more");
        self.notify(Event::NothingInCommon { peer: *from });
    }

    /// What this replica says of itself.
    pub(super) fn hello(&mut self) -> Hello {
        self.ledger.roll.refresh_root();
        let mut flags = Flags::default();
        if self.authority.is_configured() {
            flags = flags.with(Flags::AUTHORITY);
        }
        if self.authority.is_recovering() {
            flags = flags.with(Flags::RECOVERING);
        }
        if self.ledger.is_partial() {
            flags = flags.with(Flags::PARTIAL);
        }
        if self.reconciles() && !self.is_mute() {
            flags = flags.with(Flags::RECONCILES);
        }
        Hello {
            count: u32::try_from(self.ledger.roll.count()).unwrap_or(u32::MAX),
            root: self.ledger.roll.root(),
            authorities: self.ledger.authorities.set_hash(),
            flags,
            // Only what a home says of authorities counts.
            in_touch: if self.authority.is_configured() {
                self.ledger.authorities.in_touch_bits(&self.directly_in_touch().collect())
            } else {
                0
            },
            size_max: self.message_size_max,
        }
    }

    /// The largest message that this replica takes.
    pub(super) fn message_size_max(&self) -> usize {
        usize::try_from(self.message_size_max).unwrap_or(usize::MAX)
    }
}
