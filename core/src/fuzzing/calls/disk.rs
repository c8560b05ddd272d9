//! The journal of the tracker under test: what was written, what of it is durable, and what a
//! crash leaves.

use std::{
    collections::{BTreeSet, VecDeque},
    vec::Vec,
};

use super::World;
use crate::{
    AnnouncementFields, MAX_FRAME, RecoverError, Version,
    fuzzing::{bytes::Bytes, rig},
    journal::{Frame, Next, Reader},
    statement::Signed,
    storage::Storage,
};

/// What has been written.
#[derive(Debug, Default)]
pub(super) struct Disk {
    journal: Vec<u8>,
    /// Frames that a crash may take, by position, with the size of the journal behind each.
    unsynced: VecDeque<(u64, usize)>,
    durable_size: usize,
    /// The payloads of all statements that are durable.
    pub(super) durable: BTreeSet<Vec<u8>>,
    /// The last epoch that is durable.
    pub(super) durable_epoch: u32,
}

impl Disk {
    /// One with this journal.
    pub(super) fn of(journal: Vec<u8>) -> Disk {
        let mut disk = Disk::default();
        disk.replace(journal);
        disk
    }

    fn append(&mut self, frame: &[u8], position: u64) {
        self.journal.extend_from_slice(frame);
        assert!(self.unsynced.back().is_none_or(|(last, _)| *last < position), "positions rise");
        self.unsynced.push_back((position, self.journal.len()));
    }

    /// Makes the first `count` frames durable; says up to which position.
    fn sync(&mut self, count: usize) -> Option<u64> {
        let count = count.min(self.unsynced.len());
        let (position, size) = self.unsynced.drain(..count).next_back()?;
        self.note_durable(self.durable_size, size);
        Some(position)
    }

    fn note_durable(&mut self, start: usize, end: usize) {
        let mut reader = Reader::new(&self.journal[start..end]);
        while let Ok(Next::Frame(frame)) = reader.next_frame() {
            match frame {
                Frame::Statement(wire) => {
                    let statement = Signed::parse(wire).expect("written by the tracker");
                    self.durable.insert(statement.payload().to_bytes().to_vec());
                }
                Frame::Epoch(epoch) => {
                    assert!(epoch >= self.durable_epoch, "epochs rise");
                    self.durable_epoch = epoch;
                }
                _ => {}
            }
        }
        self.durable_size = end;
    }

    /// The whole journal is replaced by a durable one.
    fn replace(&mut self, journal: Vec<u8>) {
        self.journal = journal;
        self.unsynced.clear();
        self.durable_epoch = 0;
        self.note_durable(0, self.journal.len());
    }
}

impl<S: Storage> World<S> {
    /// Takes the next frame, if `out` has room for it.
    pub(super) fn drain_frame(&mut self, out: &mut [u8]) -> bool {
        let Some(frame) = self.tracker.poll_journal(out) else { return false };
        self.disk.append(&out[..frame.len], frame.position);
        true
    }

    pub(super) fn drain_journal(&mut self) {
        self.drain(|world| world.drain_frame(&mut [0; MAX_FRAME]));
    }

    /// Makes some of what was written durable.
    pub(super) fn sync_disk(&mut self, count: u8) {
        let all = if count == u8::MAX { usize::MAX } else { usize::from(count) };
        if let Some(position) = self.disk.sync(all) {
            self.tracker.handle_journal_synced(position);
        }
    }

    pub(super) fn compact(&mut self) {
        self.drain_journal();
        self.sync_disk(u8::MAX);
        self.disk.replace(rig::snapshot(&self.tracker));
    }

    /// Starts again with what is durable, and seldom with all or part of what is not.
    pub(super) fn crash(&mut self, bytes: &mut Bytes<'_>) {
        let more = if bytes.seldom() { usize::from(bytes.byte()) * 8 } else { 0 };
        let kept = (self.disk.durable_size + more).min(self.disk.journal.len());
        self.disk.journal.truncate(kept);
        self.restart(false);
    }

    /// Ends the run and begins the next one. What others were shown is still there; after an
    /// orderly end, everything.
    pub(super) fn restart(&mut self, orderly: bool) {
        let held = self.slots();
        let mut after_orderly_end = false;
        self.taken += self.tracker.counters().statements_taken;
        self.starts = self.starts.wrapping_add(1);
        let mut tracker = rig::tracker::<S>(&self.config, self.actor, self.starts);
        let errors = rig::replay(&mut tracker, &self.disk.journal);
        assert!(errors.iter().all(|error| *error == RecoverError::Full), "{errors:?}");
        tracker.start(self.now);
        if errors.is_empty() {
            after_orderly_end = orderly && !self.was_partial;
        } else {
            // What has no room any more is had again from others.
            self.shown.clear();
        }
        self.tracker = tracker;
        self.asked.clear();
        self.held.clear();
        // What a crash left is written over from its last whole frame on.
        let whole = rig::whole_frames(&self.disk.journal);
        self.disk.journal.truncate(whole);
        let left = core::mem::take(&mut self.disk.journal);
        self.disk.replace(left);
        if after_orderly_end {
            self.check_recovered(&held);
        }
        self.check_shown();
        self.check_epoch_is_new();
    }

    fn check_epoch_is_new(&mut self) {
        if self.tracker.announce(self.now, &AnnouncementFields::default()).is_err() {
            // Its key was used for the last version that there is.
            let is_last = |(version, _): &(Version, Vec<u8>)| version.epoch == u32::MAX - 1;
            let is_used_up = self.disk.durable_epoch == u32::MAX - 1;
            assert!(is_used_up || self.slots().values().any(is_last), "it cannot be announced");
            return;
        }
        let epoch = self.tracker.announced().epoch;
        let is_last = epoch == u32::MAX - 1;
        assert!(is_last || epoch > self.disk.durable_epoch, "epoch {epoch} was used before");
        let shown = self.shown.values().map(|version| version.epoch).max().unwrap_or(0);
        assert!(is_last || epoch > shown, "epoch {epoch} was used up to {shown}");
    }
}
