//! An authority on a fake disk: the real tracker, journal and writer, driven as the driver does.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use rollbook_core::{
    AnnouncementFields, Authorities, Config, Grant, HeapTracker, Keypair, MAX_FRAME, MAX_GOSSIP,
    Now, PeerId, Receipt, Signed, Signer as _, Version,
    journal::{Frame, Next, Reader},
    statement::Kind,
};

use super::fake_dir::FakeDir;
use crate::{
    error::StartError,
    journal_file::{JournalFile, Recovered},
    journal_owner,
    journal_writer::{Batch, JournalWriter},
    store::open_journal,
};

const STARTED_UNIX: u64 = 1_800_000_000;
const TIME_BETWEEN_STARTS: u64 = 1_000;

/// What an authority said: the version of each of its decisions and presences, by subject.
pub(super) type Said = BTreeMap<(PeerId, Kind), Version>;

/// What must never be lost again.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Confirmed {
    /// What was said, and shown to others.
    pub(super) said: Said,
    /// The last epoch in which anything was said.
    pub(super) epoch: u32,
}

impl Confirmed {
    /// Whether nothing of this is missing in `held`.
    #[track_caller]
    pub(super) fn is_within(&self, held: &Said, context: &dyn std::fmt::Debug) {
        for (slot, version) in &self.said {
            let found = held.get(slot);
            assert!(found >= Some(version), "{slot:?}: {version:?} became {found:?}: {context:?}");
        }
    }
}

fn keys(seed: u8) -> Keypair {
    Keypair::ed25519([seed; 32])
}

/// Somebody to decide about.
pub(super) fn peer(number: u8) -> PeerId {
    keys(100 + number).peer_id()
}

/// A tracker with nothing in it.
fn empty_tracker() -> HeapTracker {
    let authorities = Authorities::new(&[keys(1).peer_id()]).expect("one");
    let config = Config::new("test".parse().expect("a name"), authorities);
    let mut tracker = HeapTracker::new();
    tracker.init(config, keys(1), [7; 32]).expect("a valid configuration");
    tracker
}

/// What a tracker holds of its own, as its snapshot says.
fn said_by(tracker: &HeapTracker) -> Said {
    let mut journal = Vec::new();
    tracker.snapshot(&mut journal).expect("memory takes all");
    let mut said = Said::new();
    let mut reader = Reader::new(&journal[..]);
    while let Next::Frame(frame) = reader.next_frame().expect("memory is read") {
        let Frame::Statement(bytes) = frame else { continue };
        let statement = Signed::parse(bytes).expect("it was written by this version");
        if statement.kind() != Kind::Announcement {
            let subject = statement.subject().expect("it was written by this version");
            said.insert((subject, statement.kind()), statement.version());
        }
    }
    said
}

/// A running authority.
pub(super) struct Authority {
    dir: FakeDir,
    tracker: Arc<Mutex<HeapTracker>>,
    writer: JournalWriter<JournalFile<FakeDir>>,
    started_unix: u64,
    mono_ms: u64,
    epoch: u32,
    /// Decisions that are not on disk yet, and all that was said up to each.
    waiting: Vec<(Receipt, Said)>,
    /// What was confirmed after each step, the last of which the disk's history is marked with.
    marks: Vec<Confirmed>,
    /// What the journal held at the start.
    found: Said,
    /// What reading it found.
    pub(super) recovered: Recovered,
}

impl Authority {
    /// Makes the journal of a new identity.
    pub(super) fn prepare(dir: &FakeDir) {
        journal_owner::begin(dir, &keys(1).peer_id()).expect("there is room");
    }

    /// Opens what is in `dir` and starts, as a node does.
    pub(super) fn start(dir: &FakeDir) -> Result<Authority, StartError> {
        Authority::start_after(dir, &Confirmed::default())
    }

    /// As [`Authority::start`], a while after a run that confirmed this.
    pub(super) fn start_after(dir: &FakeDir, before: &Confirmed) -> Result<Authority, StartError> {
        let started_unix = STARTED_UNIX.max(before.epoch.into()) + TIME_BETWEEN_STARTS;
        dir.set_mark(0);
        let mut tracker = empty_tracker();
        let (journal, recovered) = open_journal(dir.clone(), Path::new("fake"), &mut tracker)?;
        if recovered.damaged > 0 {
            tracker.note_damage();
        }
        let now = Now { mono_ms: 0, unix_s: started_unix };
        // A command that repeats what was found is answered at once.
        let found = Confirmed { said: said_by(&tracker), epoch: before.epoch };
        tracker.start(now);
        tracker.announce(now, &AnnouncementFields::default()).expect("it is bounded");
        let tracker = Arc::new(Mutex::new(tracker));
        let in_memory = Arc::clone(&tracker);
        let snapshot = move || {
            let mut bytes = Vec::new();
            let tracker = in_memory.lock().expect("no test panics while it reads");
            tracker.snapshot(&mut bytes).expect("memory takes all");
            bytes
        };
        let mut authority = Authority {
            dir: dir.clone(),
            tracker,
            writer: JournalWriter::new(journal, Box::new(snapshot)),
            started_unix,
            mono_ms: 0,
            epoch: 0,
            waiting: Vec::new(),
            marks: vec![before.clone()],
            found: found.said.clone(),
            recovered,
        };
        authority.mark(found);
        authority.drain();
        Ok(authority)
    }

    fn mark(&mut self, confirmed: Confirmed) {
        if self.marks.last() != Some(&confirmed) {
            self.dir.set_mark(self.marks.len());
            self.marks.push(confirmed);
        }
    }

    fn now(&mut self) -> Now {
        self.mono_ms += 1_000;
        Now { mono_ms: self.mono_ms, unix_s: self.started_unix + self.mono_ms / 1_000 }
    }

    pub(super) fn tracker(&self) -> MutexGuard<'_, HeapTracker> {
        self.tracker.lock().expect("no test panics while it reads")
    }

    pub(super) fn is_recovering(&self) -> bool {
        let now = Now { mono_ms: self.mono_ms, unix_s: self.started_unix };
        self.tracker().status(now).recovering
    }

    /// What is confirmed by now.
    pub(super) fn confirmed(&self) -> &Confirmed {
        self.marks.last().expect("the start is marked")
    }

    /// What the journal held at the start.
    pub(super) fn found(&self) -> &Said {
        &self.found
    }

    /// What was confirmed at that point of the disk's history.
    pub(super) fn confirmed_at(&self, mark: usize) -> &Confirmed {
        &self.marks[mark]
    }

    /// The epoch of this run.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(super) fn fault(&self) -> Option<&str> {
        self.writer.fault()
    }

    /// Admits a node and grants it something: two decisions, the second in place of the first.
    pub(super) fn decide(&mut self, number: u8) {
        let now = self.now();
        self.tracker().admit(now, &peer(number)).expect("an authority");
        let granted = self.tracker().grant(now, &peer(number), Grant::STAKED);
        self.decided(granted.expect("it is admitted"));
    }

    /// Takes the grant back: another version of the same decision.
    pub(super) fn revoke(&mut self, number: u8) {
        let now = self.now();
        let revoked = self.tracker().revoke(now, &peer(number), Grant::STAKED);
        self.decided(revoked.expect("it is admitted"));
    }

    fn decided(&mut self, receipt: Receipt) {
        let said = said_by(&self.tracker());
        self.waiting.push((receipt, said));
        self.drain();
    }

    /// Says something that others hold too, and nobody waits for.
    pub(super) fn announce(&mut self, agent: &str) {
        let now = self.now();
        let said = AnnouncementFields { agent, ..AnnouncementFields::default() };
        self.tracker().announce(now, &said).expect("it is bounded");
        self.tracker().handle_timeout(now);
        self.drain();
    }

    /// Tries again what failed, as the disk's thread does after a while.
    pub(super) fn retry(&mut self) {
        if self.writer.retry_after().is_some() {
            self.compact();
        }
    }

    /// Whether there is nothing to be tried again.
    pub(super) fn is_well(&self) -> bool {
        self.writer.fault().is_none() && self.writer.retry_after().is_none()
    }

    /// Whether all that was said is confirmed.
    pub(super) fn is_all_confirmed(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn compact(&mut self) {
        self.writer.compact();
        self.note_synced();
    }

    /// Stops in order.
    pub(super) fn finish(&mut self) {
        self.writer.sync();
        self.note_synced();
    }

    fn drain(&mut self) {
        let mut buffer = [0; MAX_FRAME];
        let mut batch = Batch::default();
        {
            let mut tracker = self.tracker.lock().expect("no test panics while it writes");
            while let Some(frame) = tracker.poll_journal(&mut buffer) {
                let bytes = &buffer[..frame.len];
                batch.bytes.extend_from_slice(bytes);
                batch.position = frame.position;
                batch.must_sync |= frame.must_sync;
                if let Next::Frame(Frame::Epoch(epoch)) =
                    Reader::new(bytes).next_frame().expect("memory is read")
                {
                    self.epoch = epoch;
                }
            }
        }
        if !batch.bytes.is_empty() {
            self.writer.append(&batch);
        }
        self.note_synced();
    }

    fn note_synced(&mut self) {
        let shared = Arc::clone(&self.tracker);
        let mut tracker = shared.lock().expect("no test panics while it writes");
        tracker.handle_journal_synced(self.writer.synced());
        let mut confirmed = self.confirmed().clone();
        let mut message = [0; MAX_GOSSIP];
        while tracker.poll_publication(&mut message).is_some() {
            confirmed.epoch = self.epoch;
        }
        let durable = tracker.durable();
        drop(tracker);
        // As commands are answered.
        for (_, said) in self.waiting.extract_if(.., |(receipt, _)| receipt.0 <= durable) {
            confirmed.said.extend(said);
        }
        self.mark(confirmed);
    }
}
