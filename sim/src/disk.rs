//! A node's disk: what is written, what is durable, and what a crash leaves.
//!
//! It does what the runtime's journal writer does: frames that queue up are written in one go and
//! synced at most once; after a failed write nothing more goes to the old file, and a new one is
//! written from memory, again and again until the disk takes it.
//!
//! Invariants:
//! - the first `durable` frames of `file` survive whatever happens to the node;
//! - `synced` is only ever what the disk has confirmed;
//! - at most one job is under way; what comes meanwhile waits.

use std::rc::Rc;

use crate::{dice::Dice, sheet::Sheet};

const RETRY_FIRST_MS: u64 = 1_000;
const RETRY_LAST_MS: u64 = 30_000;

/// Frames that wait to be written.
#[derive(Debug, Default)]
struct Batch {
    frames: Vec<Rc<Sheet>>,
    position: u64,
    must_sync: bool,
}

/// What the disk is doing.
#[derive(Debug)]
enum Job {
    /// Bringing to disk what is written.
    Sync { position: u64, ends_ms: u64 },
    /// Writing a new journal in the place of the old one.
    Replace { frames: Vec<Rc<Sheet>>, position: u64, ends_ms: u64 },
}

/// What there is to do for the disk now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// A journal of all that is in memory, for [`Disk::replace`].
    Snapshot,
    /// Nothing before this time.
    Wait(u64),
    /// Nothing at all.
    Nothing,
}

/// What happened to a disk, for the tally.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DiskTally {
    pub(crate) writes_failed: u64,
    pub(crate) rewritten: u64,
    pub(crate) compactions: u64,
}

/// What a crash did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    pub(crate) frames_lost: u64,
    pub(crate) is_torn: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Disk {
    file: Vec<Rc<Sheet>>,
    durable: usize,
    /// A frame that was written in part.
    torn: Vec<u8>,
    waiting: Batch,
    job: Option<Job>,
    compaction_due: bool,
    /// After a failed write: when to try again, and how long to wait after that.
    fault: Option<(u64, u64)>,
    position: u64,
    synced: u64,
    /// It takes nothing more.
    pub(crate) is_full: bool,
    /// How long a sync takes.
    pub(crate) sync_ms: u64,
    pub(crate) tally: DiskTally,
}

impl Disk {
    /// A disk that holds these frames.
    pub(crate) fn with(frames: Vec<Rc<Sheet>>) -> Disk {
        Disk { durable: frames.len(), file: frames, sync_ms: 5, ..Disk::default() }
    }

    /// Takes frames of the tracker.
    pub(crate) fn append(&mut self, frame: Rc<Sheet>, position: u64, must_sync: bool) {
        self.waiting.frames.push(frame);
        self.waiting.position = position;
        self.waiting.must_sync |= must_sync;
    }

    /// The tracker asked for a new journal.
    pub(crate) fn compact(&mut self) {
        self.compaction_due = true;
    }

    /// Begins what there is to do, and ends what is done by `now_ms`.
    pub(crate) fn work(&mut self, now_ms: u64) -> Want {
        loop {
            match &self.job {
                Some(Job::Sync { ends_ms, .. } | Job::Replace { ends_ms, .. })
                    if *ends_ms > now_ms =>
                {
                    return Want::Wait(*ends_ms);
                }
                Some(_) => self.finish(now_ms),
                None => {
                    self.write_waiting(now_ms);
                    if self.job.is_some() {
                        continue;
                    }
                    return match self.fault {
                        Some((retry_ms, _)) if retry_ms > now_ms => Want::Wait(retry_ms),
                        Some(_) => Want::Snapshot,
                        None if self.compaction_due => Want::Snapshot,
                        None => Want::Nothing,
                    };
                }
            }
        }
    }

    fn write_waiting(&mut self, now_ms: u64) {
        let batch = std::mem::take(&mut self.waiting);
        if batch.frames.is_empty() {
            return;
        }
        self.position = batch.position;
        // What is not written now is in memory, and so in the file that will replace this one.
        if self.fault.is_some() {
            return;
        }
        if self.is_full {
            // A full disk takes a part.
            let half = batch.frames.len() / 2;
            self.file.extend(batch.frames[..half].iter().cloned());
            let next = &batch.frames[half].bytes;
            self.torn = next[..next.len() / 2].to_vec();
            return self.failed(now_ms);
        }
        self.file.extend(batch.frames);
        if batch.must_sync {
            let ends_ms = now_ms + self.sync_ms;
            self.job = Some(Job::Sync { position: batch.position, ends_ms });
        }
    }

    /// Writes a journal of all that is in memory in the place of the old one.
    pub(crate) fn replace(&mut self, now_ms: u64, frames: Vec<Rc<Sheet>>) {
        assert!(self.job.is_none(), "it was asked for between two jobs");
        let (position, ends_ms) = (self.position, now_ms + 2 * self.sync_ms);
        self.job = Some(Job::Replace { frames, position, ends_ms });
    }

    fn finish(&mut self, now_ms: u64) {
        match self.job.take() {
            Some(_) if self.is_full => self.failed(now_ms),
            Some(Job::Sync { position, .. }) => {
                self.durable = self.file.len();
                self.synced = position;
            }
            Some(Job::Replace { frames, position, .. }) => {
                self.durable = frames.len();
                self.file = frames;
                self.torn.clear();
                self.synced = position;
                self.compaction_due = false;
                match self.fault.take() {
                    Some(_) => self.tally.rewritten += 1,
                    None => self.tally.compactions += 1,
                }
            }
            None => {}
        }
    }

    fn failed(&mut self, now_ms: u64) {
        self.tally.writes_failed += 1;
        let wait_ms = self.fault.map_or(RETRY_FIRST_MS, |(_, last)| (2 * last).min(RETRY_LAST_MS));
        self.fault = Some((now_ms + wait_ms, wait_ms));
    }

    /// The position up to which all frames are durable.
    pub(crate) fn synced(&self) -> u64 {
        self.synced
    }

    /// The disk does not take what it is given for now.
    pub(crate) fn has_fault(&self) -> bool {
        self.fault.is_some()
    }

    /// The frames that no crash takes away.
    pub(crate) fn durable(&self) -> &[Rc<Sheet>] {
        &self.file[..self.durable]
    }

    /// The node is gone. Where it lost its power, what was written and not synced is there up to
    /// any byte; where it was only killed, all that was written is.
    pub(crate) fn crash(&mut self, is_power_cut: bool, dice: &mut Dice) -> Crash {
        let mut crash = Crash { frames_lost: 0, is_torn: false };
        if is_power_cut && self.durable < self.file.len() {
            let kept = self.durable + dice.index(self.file.len() - self.durable + 1);
            crash.frames_lost = (self.file.len() - kept) as u64;
            if let Some(cut) = self.file.get(kept) {
                self.torn = cut.bytes[..dice.index(cut.bytes.len())].to_vec();
            }
            self.file.truncate(kept);
        }
        crash.is_torn = !self.torn.is_empty();
        *self = Disk {
            file: std::mem::take(&mut self.file),
            durable: self.durable,
            torn: std::mem::take(&mut self.torn),
            is_full: self.is_full,
            sync_ms: self.sync_ms,
            tally: self.tally,
            ..Disk::default()
        };
        crash
    }

    /// The bytes that the node finds at its next start. A torn tail is cut off.
    pub(crate) fn open(&mut self) -> Vec<u8> {
        let frames = self.file.iter().flat_map(|sheet| sheet.bytes.iter().copied());
        let image = frames.chain(self.torn.drain(..)).collect();
        self.durable = self.file.len();
        image
    }

    /// All is gone.
    pub(crate) fn wipe(&mut self) {
        *self = Disk { sync_ms: self.sync_ms, tally: self.tally, ..Disk::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(text: &[u8]) -> Rc<Sheet> {
        Rc::new(Sheet { bytes: text.into(), statement: None })
    }

    #[test]
    fn only_what_must_be_on_disk_is_waited_for() {
        let mut disk = Disk::with(Vec::new());
        disk.append(sheet(b"a\0"), 1, false);
        assert_eq!(disk.work(0), Want::Nothing);
        assert_eq!((disk.synced(), disk.durable().len()), (0, 0));
        disk.append(sheet(b"b\0"), 2, true);
        assert_eq!(disk.work(0), Want::Wait(5));
        disk.append(sheet(b"c\0"), 3, true);
        assert_eq!(disk.work(5), Want::Wait(10));
        assert_eq!((disk.synced(), disk.durable().len()), (2, 2));
    }

    #[test]
    fn a_full_disk_tears_a_frame_and_is_rewritten_when_there_is_room() {
        let mut disk = Disk::with(vec![sheet(b"old\0")]);
        disk.is_full = true;
        disk.append(sheet(b"abcd\0"), 1, true);
        assert_eq!(disk.work(0), Want::Wait(RETRY_FIRST_MS));
        assert_eq!(disk.work(RETRY_FIRST_MS), Want::Snapshot);
        disk.replace(RETRY_FIRST_MS, vec![sheet(b"new\0")]);
        assert_eq!(disk.work(RETRY_FIRST_MS + 10), Want::Wait(3 * RETRY_FIRST_MS + 10));
        disk.is_full = false;
        assert_eq!(disk.work(4_000), Want::Snapshot);
        disk.replace(4_000, vec![sheet(b"new\0")]);
        assert_eq!(disk.work(4_010), Want::Nothing);
        assert_eq!(disk.synced(), 1);
        assert_eq!(disk.open(), b"new\0");
    }

    #[test]
    fn a_power_cut_keeps_what_is_durable_and_any_part_of_the_rest() {
        let mut lengths = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let mut disk = Disk::with(vec![sheet(b"old\0")]);
            disk.append(sheet(b"abc\0"), 1, false);
            disk.append(sheet(b"def\0"), 2, false);
            disk.work(0);
            disk.crash(true, &mut Dice::new(seed, "test"));
            let image = disk.open();
            assert!(b"old\0abc\0def\0".starts_with(&image) && image.starts_with(b"old\0"));
            lengths.insert(image.len());
        }
        assert!(lengths.len() > 5, "{lengths:?}");
    }
}
