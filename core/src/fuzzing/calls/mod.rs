//! Sequences of calls on one tracker: the bytes are a small program of inputs, commands and polls,
//! in any order, at any time. After every step the invariants of `checks` are asserted.

mod checks;
mod disk;
mod making;

use std::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec,
    vec::Vec,
};

use self::disk::Disk;
use super::{
    bytes::Bytes,
    rig::{self, ACTOR_COUNT, START, Tracker, actors},
};
use crate::{
    Admission, AnnouncementFields, Config, Grant, Hint, MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE, Now,
    PeerId, Verdict, Version,
    limits::{CAPABILITIES_MAX, EXTRA_SIZE_MAX},
    message::{self, Cursor, Request, Response},
    statement::Kind,
    storage::{Heap, Inline, Storage},
};

/// More steps than this are not taken.
const STEPS_MAX: usize = 400;

/// A program of calls. Says whether the tracker took something in and answered somebody.
pub(super) fn calls(bytes: &[u8]) -> bool {
    let mut bytes = Bytes::new(bytes);
    match bytes.below(4) {
        0 => World::<Inline<4, 1024, 3, 4>>::new(&mut bytes).run(&mut bytes),
        1 => World::<Inline<8, 4096, 16, 4>>::new(&mut bytes).run(&mut bytes),
        _ => World::<Heap>::new(&mut bytes).run(&mut bytes),
    }
}

/// A subject, a kind and a writer.
type Slot = (PeerId, Kind, Hint);
/// Version and payload by slot.
type Slots = BTreeMap<Slot, (Version, Vec<u8>)>;

/// One tracker, its disk, and what its surroundings know.
struct World<S: Storage> {
    config: Config,
    /// Which of the actors it is.
    actor: usize,
    tracker: Box<Tracker<S>>,
    now: Now,
    starts: u8,
    disk: Disk,
    /// Whom it asked and not heard from, and whether it was a step of a walk.
    asked: Vec<(PeerId, bool)>,
    /// The last cursor that it gave out.
    cursor: Cursor,
    /// The payloads of all statements that were made here and not by it.
    made_elsewhere: BTreeSet<Vec<u8>>,
    /// What it held when looked at last.
    held: Slots,
    /// The newest of its own statements that others saw, by subject and kind.
    shown: BTreeMap<(PeerId, Kind), Version>,
    /// How many statements were taken in before the present run.
    taken: u64,
    answered: bool,
    /// It did not hold every node: what it gave up is not missed.
    was_partial: bool,
}

impl<S: Storage> World<S> {
    fn new(bytes: &mut Bytes<'_>) -> World<S> {
        let authorities = 1 + bytes.below(2);
        let actor = [0, 0, 2, ACTOR_COUNT - 1][bytes.below(4)];
        let mut config = rig::config(authorities);
        config.interval_ms = [10_000, 10, 24 * 60 * 60 * 1000][bytes.below(3)];
        config.capacity = [16, 3][bytes.below(2)];
        config.admission = [Admission::Open, Admission::Manual][bytes.below(2)];
        config.compaction_floor = 2_000;
        config.partial = actor >= 2 && bytes.seldom();
        let mut tracker = rig::tracker(&config, actor, 0);
        // Seldom its journal is lost, and was not empty.
        let journal = if bytes.seldom() { Vec::new() } else { rig::new_journal(actor) };
        assert_eq!(rig::replay(&mut tracker, &journal), []);
        tracker.start(START);
        World {
            config,
            actor,
            tracker,
            now: START,
            starts: 0,
            disk: Disk::of(journal),
            asked: Vec::new(),
            cursor: Cursor::default(),
            made_elsewhere: BTreeSet::new(),
            held: Slots::new(),
            shown: BTreeMap::new(),
            taken: 0,
            answered: false,
            was_partial: false,
        }
    }

    fn run(mut self, bytes: &mut Bytes<'_>) -> bool {
        let mut steps = 0;
        while !bytes.is_empty() && steps < STEPS_MAX {
            self.step(bytes);
            self.check_bounds();
            steps += 1;
        }
        self.settle();
        self.look();
        rig::check_roll(&self.tracker, &self.config);
        self.restart(true);
        self.taken > 0 && self.answered
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.below(20) {
            0 => self.pass_time(bytes),
            1 => self.tracker.handle_connected(self.now, &making::peer(bytes)),
            2 => self.tracker.handle_disconnected(self.now, &making::peer(bytes)),
            3 => self.gossip(bytes),
            4 | 5 => {
                let message = match bytes.below(4) {
                    0 => self.walk_request_message(bytes),
                    _ => self.request_message(bytes),
                };
                self.request(bytes, &message);
            }
            6 | 7 => self.respond(bytes),
            8 => self.anything(bytes),
            9 => self.tracker.handle_request_failed(self.now, &making::peer(bytes)),
            10 => self.sync_disk(bytes.byte()),
            11 => self.announce(bytes),
            12 => self.leave_or_compact(bytes),
            13 => self.command(bytes),
            14 => self.poll(bytes),
            15 => self.settle(),
            16 if bytes.seldom() => self.crash(bytes),
            18 => self.hold(bytes),
            17 if bytes.seldom() => self.tracker.end_recovery(self.now),
            _ => self.look(),
        }
    }

    fn pass_time(&mut self, bytes: &mut Bytes<'_>) {
        let interval_ms = self.config.interval_ms;
        let jump_ms = match bytes.below(8) {
            0 => 1,
            1 => u64::from(bytes.byte()),
            2 => interval_ms,
            3 => 3 * interval_ms,
            4 => 10 * 60 * 1000,
            5 => u64::from(bytes.u32()),
            6 => 1 << 40,
            // As far as it sleeps.
            _ => self.tracker.poll_timeout().unwrap_or(0).saturating_sub(self.now.mono_ms),
        };
        self.now.mono_ms = (self.now.mono_ms + jump_ms).min(1 << 60);
        // The wall clock goes on as well, but for the times when somebody sets it.
        self.now.unix_s = match bytes.seldom() {
            true => bytes.u64(),
            false => self.now.unix_s.saturating_add(jump_ms / 1000),
        };
        self.tracker.handle_timeout(self.now);
    }

    fn gossip(&mut self, bytes: &mut Bytes<'_>) {
        let from = making::peer(bytes);
        let message = self.gossip_message(bytes);
        self.tracker.handle_timeout(self.now);
        let before = self.tracker.root();
        let verdict = self.tracker.handle_gossip(self.now, &from, &message);
        let changed = self.tracker.root() != before;
        assert!(verdict != Verdict::Accept || changed, "accepted, and nothing is new");
    }

    /// Bytes that need not be a message.
    fn anything(&mut self, bytes: &mut Bytes<'_>) {
        let message = bytes.take(64);
        let (now, from) = (self.now, making::peer(bytes));
        let _ = self.tracker.handle_gossip(now, &from, message);
        self.request(bytes, message);
        let _ = self.tracker.handle_response(now, &from, message);
    }

    fn request(&mut self, bytes: &mut Bytes<'_>, message: &[u8]) {
        let from = making::peer(bytes);
        let room = if bytes.seldom() { bytes.u32() as usize % 600 } else { MAX_RESPONSE };
        let mut response = vec![0; room];
        let Ok(size) = self.tracker.handle_request(self.now, &from, message, &mut response) else {
            return;
        };
        assert!(size <= room);
        self.answered = true;
        match message::decode(&response[..size], MAX_RESPONSE).expect("well formed") {
            Response::Sync(answer) => {
                self.cursor = answer.cursor;
                self.see(answer.statements);
            }
            Response::Walk(answer) => self.see_parts(answer.parts),
        }
    }

    fn respond(&mut self, bytes: &mut Bytes<'_>) {
        // Seldom somebody who was not asked, or with what was not asked for.
        let (from, is_walk) = match self.asked.is_empty() || bytes.seldom() {
            true => (making::peer(bytes), bytes.flag()),
            false => self.asked.swap_remove(bytes.below(256) % self.asked.len()),
        };
        let message = match is_walk {
            true => self.walk_response_message(bytes),
            false => self.response_message(bytes),
        };
        let _ = self.tracker.handle_response(self.now, &from, &message);
    }

    fn announce(&mut self, bytes: &mut Bytes<'_>) {
        let addresses = making::addresses(bytes);
        let capabilities = making::words::<CAPABILITIES_MAX>(bytes, &["worker", "scraper", ""]);
        let fields = AnnouncementFields {
            addresses: &addresses,
            agent: ["agent/1", "agent/2"][bytes.below(2)],
            capabilities: &capabilities,
            extra: bytes.take_up_to(EXTRA_SIZE_MAX + 1),
        };
        let before = self.tracker.announced();
        let announced = self.tracker.announce(self.now, &fields);
        assert!(announced.is_ok() || self.tracker.announced() >= before);
    }

    fn hold(&mut self, bytes: &mut Bytes<'_>) {
        let peer = making::peer(bytes);
        if bytes.flag() {
            let _ = self.tracker.hold(&peer);
        } else {
            self.tracker.release(&peer);
        }
    }

    fn leave_or_compact(&mut self, bytes: &mut Bytes<'_>) {
        if bytes.seldom() {
            self.tracker.leave(self.now);
        } else {
            self.compact();
        }
        let _ = self.tracker.is_leave_acknowledged();
    }

    fn command(&mut self, bytes: &mut Bytes<'_>) {
        let (now, peer) = (self.now, making::peer(bytes));
        let grant = Grant::all().nth(bytes.below(15)).expect("there are 15");
        let tracker = &mut self.tracker;
        let receipt = match bytes.below(6) {
            0 | 1 => tracker.admit(now, &peer),
            2 => tracker.ban(now, &peer),
            3 => tracker.remove(now, &peer),
            4 => tracker.grant(now, &peer, grant),
            _ => tracker.revoke(now, &peer, grant),
        };
        let is_authority = self.config.authorities.contains_peer(&actors()[self.actor].peer_id);
        assert!(receipt.is_err() || is_authority);
        if bytes.seldom() {
            let _ = self.tracker.import(now, &peer, making::imported(bytes), &[grant]);
        }
    }

    /// Polls once each, with buffers of any size.
    fn poll(&mut self, bytes: &mut Bytes<'_>) {
        let room = usize::from(bytes.byte()) * 4;
        let mut out = vec![0; room];
        self.drain_frame(&mut out);
        if let Some(size) = self.tracker.poll_publication(&mut out) {
            self.see(&out[1..size]);
        }
        self.poll_request(&mut out);
        let _ = self.tracker.poll_event(self.now);
    }

    /// Drains all outputs in the stated order and makes the journal durable.
    fn settle(&mut self) {
        self.drain_journal();
        self.sync_disk(u8::MAX);
        self.tracker.handle_timeout(self.now);
        self.drain_journal();
        self.sync_disk(u8::MAX);
        self.drain(|world| {
            let mut out = [0; MAX_GOSSIP];
            let Some(size) = world.tracker.poll_publication(&mut out) else { return false };
            world.see(&out[1..size]);
            true
        });
        self.drain(|world| world.poll_request(&mut [0; MAX_REQUEST]));
        self.drain(|world| world.tracker.poll_event(world.now).is_some());
        self.check_deadline();
    }

    /// An output that can be drained comes to an end.
    fn drain(&mut self, mut next: impl FnMut(&mut World<S>) -> bool) {
        let polls = (0..2_000).take_while(|_| next(self)).count();
        assert!(polls < 2_000, "it goes on for ever");
    }

    fn poll_request(&mut self, out: &mut [u8]) -> bool {
        let Some(sent) = self.tracker.poll_request(self.now, out) else { return false };
        let is_walk = match message::decode(&out[..sent.len], MAX_REQUEST).expect("well formed") {
            Request::Sync(request) => {
                self.see(request.statements);
                false
            }
            Request::Walk(request) => {
                self.see_parts(request.parts);
                true
            }
        };
        self.asked.retain(|(peer, _)| *peer != sent.to);
        self.asked.push((sent.to, is_walk));
        true
    }
}
