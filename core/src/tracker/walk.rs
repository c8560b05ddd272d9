//! Walks over the rolls: when one begins, and what becomes of it.
//!
//! Invariants:
//! - one walk is under way at a time, and never keeps a sync waiting;
//! - a walk ends: it has so much work, so much time and so many steps that lead nowhere;
//! - what may not be shown yet is not sent.

use sha2::{Digest, Sha256};

use super::{NodeEventTracker, OutgoingRequest};
use crate::{
    authorities::Authorities,
    event::Event,
    in_common,
    key::{Signer, Verifier},
    limits::{AUTHORITIES_MAX, RESPONSE_SIZE_MAX},
    message::{
        self, Flags, HEADER_SIZE_MAX, Hello, MessageError, Request, Response, WalkRequest,
        WalkResponse,
    },
    peer_id::PeerId,
    peers::Peer,
    reconcile::{self, Parts, Pen, Salt, Scope, Side, Walk, Work, Writer},
    roll::Root,
    source::Way,
    storage::Storage,
    time::Now,
};

/// How often the initiator of a walk works over its roll at most.
const ROLLS_MAX: u64 = 32;
/// How many intervals a walk takes at most.
const INTERVALS_MAX: u64 = 60;
/// How many answers in a row may lead to no statement.
const BARREN_MAX: u8 = 64;
/// How many answers of a walk may get nowhere at all; after each, an interval passes.
const IDLE_MAX: u8 = 8;
/// The longest pause between walks with a peer from whom nothing is learned: 2 to this intervals.
const PAUSE_MAX: u8 = 6;
/// After how many fruitless walks in a row that is an alarm.
const FRUITLESS_ALARM: u8 = 2;

/// What a walk is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// The rolls: both replicas list the same authorities.
    Everything,
    /// The decisions and presences of the authorities that both list, one bit each among those of
    /// this replica.
    InCommon(u8),
}

impl Over {
    /// Whose decisions and presences it is over.
    fn listed(self, authorities: &Authorities) -> Authorities {
        match self {
            Over::Everything => authorities.clone(),
            Over::InCommon(bits) => in_common::subset(authorities, bits),
        }
    }

    fn scope(self) -> Scope {
        match self {
            Over::Everything => Scope::Everything,
            Over::InCommon(_) => Scope::InCommon,
        }
    }

    /// How many rolls' worth of work going over it once is at most.
    fn worth(self, count: usize) -> u64 {
        match self {
            Over::Everything => reconcile::worth(count),
            // Each statement is looked at, two of each authority.
            Over::InCommon(bits) => {
                let slots = 2 * usize::try_from(bits.count_ones()).unwrap_or(AUTHORITIES_MAX);
                reconcile::worth(count.saturating_mul(1 + slots))
            }
        }
    }
}

/// The walk that is under way, if one is.
#[derive(Debug)]
pub(super) struct Walking<S: Storage> {
    walk: Walk<S>,
    with: Option<PeerId>,
    over: Over,
    /// The hashes of this replica's authorities and the peer's at its beginning.
    lists: ([u8; 8], [u8; 8]),
    salt: Salt,
    work: Work,
    /// The last step that was taken.
    step: u8,
    /// When the next step may be taken.
    next_ms: u64,
    /// When it is given up.
    end_ms: u64,
    /// The roots of this roll and the peer's at its beginning.
    roots: (Root, Root),
    /// Whether a statement of the peer's was taken in.
    took: bool,
    /// Whether the peer found anything to differ.
    differed: bool,
    barren: u8,
    idle: u8,
    /// What salts are made from: a secret of this run, and how many were made.
    secret: [u8; 32],
    salts: u64,
}

impl<S: Storage> Walking<S> {
    pub(super) const fn new() -> Walking<S> {
        Walking {
            walk: Walk::new(),
            with: None,
            over: Over::Everything,
            lists: ([0; 8], [0; 8]),
            salt: [0; 16],
            work: Work(0),
            step: 0,
            next_ms: 0,
            end_ms: 0,
            roots: ([0; 16], [0; 16]),
            took: false,
            differed: false,
            barren: 0,
            idle: 0,
            secret: [0; 32],
            salts: 0,
        }
    }

    /// Nobody else can tell the salts in advance: they decide which differences are seen.
    pub(super) fn init(&mut self, seed: &[u8; 32]) {
        self.secret = Sha256::new().chain_update(b"salts").chain_update(seed).finalize().into();
    }

    /// The last step that was taken.
    pub(super) fn step(&self) -> u8 {
        self.step
    }

    fn next_salt(&mut self) -> Salt {
        self.salts += 1;
        let hasher = Sha256::new().chain_update(self.secret);
        let hash = hasher.chain_update(self.salts.to_be_bytes()).finalize();
        let mut salt = Salt::default();
        salt.copy_from_slice(&hash[..16]);
        salt
    }
}

impl<S: Storage, K: Signer + Verifier> NodeEventTracker<S, K> {
    /// Whether this replica answers walks: it holds every node, and has all that it ever had.
    pub(super) fn reconciles(&self) -> bool {
        !self.ledger.is_partial() && !self.authority.is_recovering()
    }

    /// Whether a walk between this replica and who says `hello` can make the rolls equal.
    pub(super) fn is_comparable(&self, hello: &Hello) -> bool {
        !self.ledger.is_partial()
            && !hello.flags.contains(Flags::PARTIAL)
            && hello.authorities == self.ledger.authorities.set_hash()
    }

    /// What walks with a peer that answers them are over; `None` where it does not, or there is
    /// nothing that both can hold.
    fn walks_over(&self, peer: &PeerId) -> Option<Over> {
        let peer = self.peers.get(peer).filter(|peer| peer.reconciles)?;
        let ours = self.ledger.authorities.set_hash();
        if peer.authorities == ours {
            return Some(Over::Everything);
        }
        let bits = peer.in_common.bits(ours, peer.authorities);
        (bits != 0).then_some(Over::InCommon(bits))
    }

    /// Begins a walk with `from`, whose root differs, unless one is under way or it is too soon.
    pub(super) fn begin_walk(&mut self, now: Now, from: &PeerId, their_root: Root) {
        let is_under_way = self.walking.with.is_some_and(|with| self.peers.is_connected(&with));
        let Some(over) = self.walks_over(from) else { return };
        let Some(peer) = self.peers.get_mut(from) else { return };
        let lists = (self.ledger.authorities.set_hash(), peer.authorities);
        // What walks between other lists came to says nothing about this one.
        let is_too_soon = now.mono_ms < peer.next_walk_ms && peer.walked == lists;
        if is_under_way || is_too_soon {
            return;
        }
        peer.walked = lists;
        peer.next_walk_ms = now.mono_ms + self.interval_ms;
        let walking = &mut self.walking;
        walking.salt = walking.next_salt();
        walking.walk.begin();
        walking.with = Some(*from);
        walking.over = over;
        walking.lists = lists;
        walking.work = Work(ROLLS_MAX * over.worth(self.ledger.roll.count()));
        walking.next_ms = now.mono_ms;
        walking.end_ms = now.mono_ms + INTERVALS_MAX * self.interval_ms;
        walking.roots = (self.ledger.roll.root(), their_root);
        (walking.took, walking.differed) = (false, false);
        (walking.barren, walking.idle) = (0, 0);
        self.ledger.counters.walks_begun += 1;
    }

    /// Whether a walk is under way.
    pub(super) fn is_walking(&self) -> bool {
        self.walking.with.is_some()
    }

    /// Whether the walk under way is with `peer`.
    pub(super) fn walks_with(&self, peer: &PeerId) -> bool {
        self.walking.with == Some(*peer)
    }

    /// When the next step of a walk is due.
    pub(super) fn next_step_ms(&self) -> Option<u64> {
        let peer = self.peers.get(&self.walking.with?)?;
        (self.ledger.durability.epoch_durable() && peer.asked_ms.is_none())
            .then_some(self.walking.next_ms)
    }

    /// Writes the request for the next step of the walk under way.
    pub(super) fn poll_step(&mut self, now: Now, out: &mut [u8]) -> Option<OutgoingRequest> {
        if self.next_step_ms()? > now.mono_ms {
            return None;
        }
        self.ledger.roll.refresh_root();
        let to = self.walking.with?;
        let peer = self.peers.get(&to)?;
        let over = self.walking.over;
        let is_other = self.walks_over(&to) != Some(over);
        if is_other || self.ledger.is_partial() || now.mono_ms >= self.walking.end_ms {
            self.give_walk_up(now);
            return None;
        }
        let list = in_common::list_for(peer.authorities, &self.ledger.authorities);
        let start = HEADER_SIZE_MAX + list.len();
        let bound = peer.size_max().min(out.len());
        let room = out.get_mut(start..bound)?;
        let listed = over.listed(&self.ledger.authorities);
        let (salt, visible) = (self.walking.salt, self.may_show());
        // What an authority that recovers knows of others is not lost with it; what is its own would
        // come back as an echo, from who had nothing of it, and end the recovery.
        let withheld = self.ledger.withholds().then(|| *self.ledger.own());
        let Walking { walk, work, .. } = &mut self.walking;
        let side = Side {
            roll: &self.ledger.roll,
            authorities: &listed,
            scope: over.scope(),
            salt: &salt,
            visible,
            withheld: withheld.as_ref(),
        };
        let mut pen = Pen { side: &side, work, out: Writer::new(room) };
        let written = walk.write(&mut pen).map(|()| pen.out.used());
        let size = match written {
            Ok(0) => {
                // What was left to be sent may not be shown, or is here no more.
                self.end_walk(now, self.walking.roots.1);
                return None;
            }
            Ok(size) => size,
            Err(reconcile::Broken) => {
                self.give_walk_up(now);
                return None;
            }
        };
        self.walking.step = self.walking.step.wrapping_add(1);
        let (step, credit) = (self.walking.step, self.walking.walk.credit());
        let fields = WalkRequest { step, salt, credit, authorities: &list, parts: &[] };
        let len = message::encode_around(&Request::Walk(fields), start..start + size, out)?;
        let peer = self.peers.get_mut(&to)?;
        peer.asked_ms = Some(now.mono_ms);
        peer.is_walk_asked = true;
        self.ledger.counters.requests_sent += 1;
        Some(OutgoingRequest { to, len })
    }

    /// Answers a step of `from`'s walk.
    pub(super) fn handle_walk_request(
        &mut self,
        now: Now,
        from: &PeerId,
        walk: &WalkRequest<'_>,
        response: &mut [u8],
    ) -> Result<usize, MessageError> {
        let parts = Parts::parse(walk.parts)?;
        let theirs = in_common::read_list(walk.authorities)?;
        self.refresh_in_touch(now);
        for statements in parts.statements() {
            // Whatever becomes of them, the request is answered.
            self.take_statements(now, from, Way::Exchange, statements);
        }
        let hello = self.hello();
        let count = self.ledger.roll.count();
        let (serves, interval_ms) = (self.reconciles(), self.interval_ms);
        let ours = &self.ledger.authorities;
        let listed = theirs.as_ref().map(|theirs| in_common::in_common(ours, theirs));
        let (scope, listed) = match &listed {
            Some(listed) => (Scope::InCommon, listed),
            None => (Scope::Everything, ours),
        };
        let is_nothing = listed.iter().next().is_none();
        self.ledger.counters.nothing_in_common += u64::from(is_nothing);
        // Who is not known to agree on what there is to hold gets nothing.
        let agrees = |peer: &&mut Peer| {
            peer.holds_all
                && match scope {
                    Scope::Everything => peer.authorities == ours.set_hash(),
                    Scope::InCommon => !is_nothing,
                }
        };
        let peer = self.peers.get_mut(from).filter(|peer| serves && agrees(peer));
        let size_max = peer.as_ref().map_or(RESPONSE_SIZE_MAX, |peer| peer.size_max());
        let granted = peer.map_or(Work(0), |peer| peer.walks.left(now.mono_ms, interval_ms, count));
        let mut work = granted;
        let bound = size_max.min(response.len());
        let room = response.get_mut(HEADER_SIZE_MAX..bound).ok_or(MessageError::Size)?;
        let side = Side {
            roll: &self.ledger.roll,
            authorities: listed,
            scope,
            salt: &walk.salt,
            visible: self.may_show(),
            withheld: None,
        };
        let mut pen = Pen { side: &side, work: &mut work, out: Writer::new(room) };
        let resume = reconcile::answer(&parts, walk.credit, &mut pen);
        let size = pen.out.used();
        if let Some(peer) = self.peers.get_mut(from) {
            peer.walks.spend(granted.0 - work.0);
        }
        if size == 0 && resume == Some((0, 0)) {
            self.ledger.counters.walks_over_budget += 1;
        }
        let shown = self.may_show();
        let fields = WalkResponse { step: walk.step, hello, shown, resume, parts: &[] };
        let head = Response::Walk(fields);
        let body = HEADER_SIZE_MAX..HEADER_SIZE_MAX + size;
        message::encode_around(&head, body, response).ok_or(MessageError::Size)
    }

    /// Takes in the answer to a step.
    pub(super) fn handle_walk_response(
        &mut self,
        now: Now,
        from: &PeerId,
        response: &WalkResponse<'_>,
    ) -> Result<(), MessageError> {
        if !self.walks_with(from) {
            // It was given up since.
            return Ok(());
        }
        let parts = Parts::parse(response.parts)?;
        self.note_heard(now, from);
        self.note_hello(from, &response.hello);
        self.refresh_in_touch(now);
        let lists = (self.ledger.authorities.set_hash(), response.hello.authorities);
        if lists != self.walking.lists {
            // One of the two got another list meanwhile.
            self.give_walk_up(now);
            return Ok(());
        }
        let (asked, sent) = (self.walking.walk.asked(), self.walking.walk.sent_in_step());
        let got_on = self.walking.walk.settle(response.resume).map_err(broken)?;
        let mut took = false;
        for statements in parts.statements() {
            let taken = self.take_statements(now, from, Way::Exchange, statements);
            if taken.left_over {
                return Err(MessageError::OverBudget);
            }
            if taken.malformed || taken.forged {
                return Err(MessageError::Malformed);
            }
            took |= taken.advanced;
        }
        self.ledger.roll.refresh_root();
        let walking = &mut self.walking;
        walking.took |= took;
        walking.differed |= !response.parts.is_empty();
        walking.barren = if took || sent { 0 } else { walking.barren + 1 };
        let is_idle = asked > 0 && !got_on && !took;
        walking.idle += u8::from(is_idle);
        walking.next_ms = now.mono_ms + if is_idle { self.interval_ms } else { 0 };
        let (salt, over) = (walking.salt, walking.over);
        let listed = over.listed(&self.ledger.authorities);
        let side = Side {
            roll: &self.ledger.roll,
            authorities: &listed,
            scope: over.scope(),
            salt: &salt,
            visible: 0,
            withheld: None,
        };
        let is_worthwhile = walking.barren < BARREN_MAX && walking.idle < IDLE_MAX;
        let read = walking.walk.read(&side, &parts, &mut walking.work);
        let is_over = walking.walk.is_done();
        let is_equal = response.hello.root == self.ledger.roll.root();
        if is_equal && self.peers.get(from).is_some_and(|peer| peer.holds_all) {
            self.note_read(from, response.shown);
            self.note_equal(now, from, &response.hello);
        } else if is_over && read.is_ok() {
            self.end_walk(now, response.hello.root);
        } else if read.is_err() || !is_worthwhile {
            self.give_walk_up(now);
        }
        Ok(())
    }

    /// Where both hold the same, all that `from` shows is read.
    fn note_read(&mut self, from: &PeerId, shown: u64) {
        if let Some(peer) = self.peers.get_mut(from) {
            peer.cursor.since = peer.cursor.since.max(shown);
            peer.cursor.after = peer.cursor.after.max(peer.cursor.since);
        }
    }

    /// Ends a walk with nothing left to be done and roots that still differ: something changed
    /// meanwhile, or the peer keeps something back, or one of the two is wrong about what it holds;
    /// or they list other authorities, so that roots say nothing.
    fn end_walk(&mut self, now: Now, their_root: Root) {
        let Some(with) = self.walking.with.take() else { return };
        self.ledger.drop_void();
        let moved = self.walking.took || self.walking.walk.sent();
        let is_fruitless = !moved && self.walking.roots == (self.ledger.roll.root(), their_root);
        self.walking.walk.end();
        self.pause(now, &with);
        if self.walking.over == Over::Everything {
            self.look_again(&with);
            self.note_fruitless(&with, is_fruitless);
        } else if moved || self.walking.differed {
            self.look_again(&with);
            self.ledger.counters.walks_fruitless += u64::from(is_fruitless);
        } else if let Some(peer) = self.peers.get_mut(&with) {
            // Nothing differs that both can hold. Others are looked at first.
            peer.equal_ms = now.mono_ms;
        }
    }

    /// Notes a walk over everything that found nothing to move although the roots differ. Two of
    /// them in a row are an alarm.
    fn note_fruitless(&mut self, with: &PeerId, is_fruitless: bool) {
        let shows_all = self.may_show() == self.ledger.roll.head();
        self.ledger.counters.walks_fruitless += u64::from(is_fruitless);
        let Some(peer) = self.peers.get_mut(with) else { return };
        peer.fruitless = if is_fruitless { peer.fruitless.saturating_add(1) } else { 0 };
        if peer.fruitless >= FRUITLESS_ALARM && shows_all && !peer.is_alarmed {
            peer.is_alarmed = true;
            self.ledger.counters.roots_differ += 1;
            self.notify(Event::RootsDiffer { peer: *with });
        }
    }

    /// Gives the walk under way up: the peer is gone, breaks the rules, or it takes too much.
    pub(super) fn give_walk_up(&mut self, now: Now) {
        let Some(with) = self.walking.with.take() else { return };
        self.walking.walk.end();
        self.ledger.drop_void();
        self.ledger.counters.walks_given_up += 1;
        self.pause(now, &with);
        self.look_again(&with);
    }

    /// Lets another walk with `peer` follow in an interval at the earliest; later each time that
    /// nothing was learned.
    fn pause(&mut self, now: Now, peer: &PeerId) {
        let wait_ms = self.random.jittered(self.interval_ms);
        let took = self.walking.took;
        let Some(peer) = self.peers.get_mut(peer) else { return };
        peer.pauses = if took { 0 } else { (peer.pauses + 1).min(PAUSE_MAX) };
        peer.next_walk_ms = now.mono_ms + (wait_ms << peer.pauses);
    }

    /// Asks `peer` after the pause whether the roots still differ.
    fn look_again(&mut self, peer: &PeerId) {
        let Some(peer) = self.peers.get_mut(peer) else { return };
        peer.next_sync_ms = peer.next_sync_ms.min(peer.next_walk_ms);
    }

    /// This replica and `from` hold the same.
    pub(super) fn note_equal(&mut self, now: Now, from: &PeerId, hello: &Hello) {
        if self.walks_with(from) {
            self.walking.with = None;
            self.walking.walk.end();
        }
        if let Some(peer) = self.peers.get_mut(from) {
            peer.note_equal(now.mono_ms);
        }
        if self.authority.is_recovering() && self.is_whole(from, hello) {
            self.end_recovery(now);
        }
    }

    /// The last change that others may see.
    fn may_show(&self) -> u64 {
        self.ledger.durability.visible(self.ledger.roll.head())
    }
}

fn broken(_: reconcile::Broken) -> MessageError {
    MessageError::Malformed
}
