//! Writes the journal, and knows what is on disk and what to do when the disk fails.
//!
//! Invariants:
//! - `synced` never goes back, and is only ever what the disk has confirmed;
//! - after a failed write or sync nothing more goes to the old file: the system may have dropped
//!   its pages, and its end may be torn. A new file is written from memory instead, where
//!   everything still is;
//! - a compaction that fails before it touched the old file costs nothing: that one goes on.

use std::{io, time::Duration};

use tracing::{error, info, warn};

use crate::journal_file::{Medium, ReplaceError};

const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LAST: Duration = Duration::from_secs(30);

/// A whole journal of what is in memory now.
pub(crate) type Snapshot = Box<dyn Fn() -> Vec<u8> + Send>;

/// Frames that were not written together yet.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Their bytes.
    pub(crate) bytes: Vec<u8>,
    /// The position of the last of them.
    pub(crate) position: u64,
    /// Whether somebody waits for one of them to be on disk.
    pub(crate) must_sync: bool,
}

/// The journal's writer.
pub(crate) struct JournalWriter<M> {
    medium: M,
    snapshot: Snapshot,
    /// The position of the last frame that was handed over.
    position: u64,
    synced: u64,
    fault: Option<Fault>,
    /// When to try a compaction again that failed, with nothing else the matter.
    compact_after: Option<Duration>,
}

#[derive(Debug)]
struct Fault {
    reason: String,
    retry_after: Duration,
}

impl<M: Medium> JournalWriter<M> {
    pub(crate) fn new(medium: M, snapshot: Snapshot) -> JournalWriter<M> {
        JournalWriter { medium, snapshot, position: 0, synced: 0, fault: None, compact_after: None }
    }

    /// Appends frames, and brings them to disk if they must be there.
    pub(crate) fn append(&mut self, batch: &Batch) {
        debug_assert!(batch.position >= self.position, "frames come in order");
        self.position = batch.position;
        // What is not written now is in memory, and so in the file that will replace this one.
        if self.fault.is_some() {
            return;
        }
        let written = match batch.must_sync {
            true => self.medium.append(&batch.bytes).and_then(|()| self.medium.sync()),
            false => self.medium.append(&batch.bytes),
        };
        match written {
            Ok(()) if batch.must_sync => self.synced = self.position,
            Ok(()) => {}
            Err(error) => self.failed(&error),
        }
    }

    /// Writes a new journal that holds what is in memory, in place of the old one. This is also
    /// how a failed journal is brought back.
    pub(crate) fn compact(&mut self) {
        // The frames up to here were taken from memory, so the snapshot holds what they say.
        let position = self.position;
        let size_before = self.medium.size();
        match self.medium.replace(&(self.snapshot)()) {
            Ok(()) => {
                let size = self.medium.size();
                info!(size_before, size, "journal compacted");
                self.synced = position;
                self.compact_after = None;
                if self.fault.take().is_some() {
                    info!("the journal is on disk again");
                }
            }
            Err(ReplaceError::Kept(error)) if self.fault.is_none() => {
                let retry_after = next_wait(self.compact_after);
                warn!(%error, ?retry_after, "the journal cannot be compacted: it only grows");
                self.compact_after = Some(retry_after);
            }
            Err(ReplaceError::Kept(error) | ReplaceError::Unsure(error)) => self.failed(&error),
        }
    }

    /// Brings everything to disk, whether or not it must be there.
    pub(crate) fn sync(&mut self) {
        if self.fault.is_some() {
            return self.compact();
        }
        match self.medium.sync() {
            Ok(()) => self.synced = self.position,
            Err(error) => self.failed(&error),
        }
    }

    /// The position up to which all frames are on disk.
    pub(crate) fn synced(&self) -> u64 {
        self.synced
    }

    /// The size of the journal.
    pub(crate) fn size(&self) -> u64 {
        self.medium.size()
    }

    /// Why nothing is written at the moment.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.as_ref().map(|fault| fault.reason.as_str())
    }

    /// When to try again by `compact`.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.fault.as_ref().map(|fault| fault.retry_after).or(self.compact_after)
    }

    fn failed(&mut self, cause: &io::Error) {
        let retry_after = next_wait(self.fault.as_ref().map(|fault| fault.retry_after));
        error!(%cause, ?retry_after, "the journal cannot be written: changes are in memory only");
        self.fault = Some(Fault { reason: cause.to_string(), retry_after });
    }
}

fn next_wait(last: Option<Duration>) -> Duration {
    last.map_or(RETRY_FIRST, |last| (last * 2).min(RETRY_LAST))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A disk that shows what a crash would leave.
    #[derive(Clone, Debug, Default)]
    struct Disk(Arc<Mutex<Content>>);

    #[derive(Debug, Default)]
    struct Content {
        written: Vec<u8>,
        durable: Vec<u8>,
        fails: bool,
        sync_fails: bool,
        syncs: usize,
    }

    impl Disk {
        fn with<T>(&self, f: impl FnOnce(&mut Content) -> T) -> T {
            f(&mut self.0.lock().expect("no test panics while it writes"))
        }
    }

    fn full() -> io::Error {
        io::Error::from(io::ErrorKind::StorageFull)
    }

    impl Medium for Disk {
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.with(|disk| {
                // A full disk takes a part.
                let taken = if disk.fails { bytes.len() / 2 } else { bytes.len() };
                disk.written.extend(&bytes[..taken]);
                if disk.fails { Err(full()) } else { Ok(()) }
            })
        }

        fn sync(&mut self) -> io::Result<()> {
            self.with(|disk| {
                disk.syncs += 1;
                if disk.sync_fails {
                    return Err(full());
                }
                disk.durable = disk.written.clone();
                Ok(())
            })
        }

        fn replace(&mut self, bytes: &[u8]) -> Result<(), ReplaceError> {
            self.with(|disk| {
                if disk.fails {
                    return Err(ReplaceError::Kept(full()));
                }
                disk.written = bytes.to_vec();
                disk.durable = bytes.to_vec();
                Ok(())
            })
        }

        fn size(&self) -> u64 {
            self.with(|disk| disk.written.len() as u64)
        }
    }

    fn writer(disk: &Disk, memory: &Arc<Mutex<Vec<u8>>>) -> JournalWriter<Disk> {
        let memory = Arc::clone(memory);
        let snapshot = move || memory.lock().expect("no test panics while it writes").clone();
        JournalWriter::new(disk.clone(), Box::new(snapshot))
    }

    fn batch(bytes: &[u8], position: u64, must_sync: bool) -> Batch {
        Batch { bytes: bytes.to_vec(), position, must_sync }
    }

    #[test]
    fn only_what_must_be_on_disk_is_synced() {
        let disk = Disk::default();
        let mut writer = writer(&disk, &Arc::default());
        writer.append(&batch(b"a", 1, false));
        assert_eq!((writer.synced(), disk.with(|disk| disk.syncs)), (0, 0));
        writer.append(&batch(b"b", 2, true));
        assert_eq!((writer.synced(), disk.with(|disk| disk.syncs)), (2, 1));
        writer.append(&batch(b"c", 3, false));
        writer.sync();
        assert_eq!(writer.synced(), 3);
        assert_eq!(disk.with(|disk| disk.durable.clone()), b"abc");
    }

    #[test]
    fn compaction_keeps_the_frames_that_came_meanwhile() {
        let disk = Disk::default();
        let memory = Arc::new(Mutex::new(b"AB".to_vec()));
        let mut writer = writer(&disk, &memory);
        writer.append(&batch(b"aab", 3, false));
        writer.compact();
        writer.append(&batch(b"c", 4, true));
        assert_eq!(disk.with(|disk| disk.durable.clone()), b"ABc");
        assert_eq!(writer.synced(), 4);
    }

    #[test]
    fn a_compaction_without_room_leaves_the_old_journal_in_use() {
        let disk = Disk::default();
        let memory = Arc::new(Mutex::new(b"AB".to_vec()));
        let mut writer = writer(&disk, &memory);
        writer.append(&batch(b"aab", 1, true));
        disk.with(|disk| disk.fails = true);
        writer.compact();
        writer.compact();
        assert_eq!((writer.fault(), writer.retry_after()), (None, Some(2 * RETRY_FIRST)));
        disk.with(|disk| disk.fails = false);
        writer.append(&batch(b"c", 2, true));
        assert_eq!(writer.synced(), 2);
        assert_eq!(disk.with(|disk| disk.durable.clone()), b"aabc");
        writer.compact();
        assert_eq!((writer.fault(), writer.retry_after()), (None, None));
        assert_eq!(disk.with(|disk| disk.durable.clone()), b"AB");
    }

    #[test]
    fn a_full_disk_loses_nothing_that_was_acknowledged() {
        let disk = Disk::default();
        let memory = Arc::new(Mutex::new(Vec::new()));
        let mut writer = writer(&disk, &memory);
        writer.append(&batch(b"aaaa", 1, true));
        disk.with(|disk| disk.fails = true);
        writer.append(&batch(b"bbbb", 2, true));
        assert_eq!(writer.synced(), 1);
        assert!(writer.fault().is_some());
        assert!(disk.with(|disk| disk.durable.clone()).starts_with(b"aaaa"));
        let written = disk.with(|disk| disk.written.clone());
        writer.append(&batch(b"cccc", 3, true));
        writer.compact();
        writer.compact();
        assert_eq!(disk.with(|disk| disk.written.clone()), written, "nothing behind a torn end");
        assert_eq!((writer.synced(), writer.retry_after()), (1, Some(4 * RETRY_FIRST)));
    }

    #[test]
    fn a_disk_with_room_again_gets_everything() {
        let disk = Disk::default();
        let memory = Arc::new(Mutex::new(b"abc".to_vec()));
        let mut writer = writer(&disk, &memory);
        disk.with(|disk| disk.fails = true);
        writer.append(&batch(b"bbbb", 2, true));
        writer.append(&batch(b"cccc", 3, false));
        disk.with(|disk| disk.fails = false);
        writer.compact();
        assert_eq!((writer.synced(), writer.fault(), writer.retry_after()), (3, None, None));
        assert_eq!(disk.with(|disk| disk.durable.clone()), b"abc");
    }

    #[test]
    fn after_a_failed_sync_the_old_file_is_not_trusted() {
        let disk = Disk::default();
        let memory = Arc::new(Mutex::new(b"ab".to_vec()));
        let mut writer = writer(&disk, &memory);
        disk.with(|disk| disk.sync_fails = true);
        writer.append(&batch(b"a", 1, true));
        assert_eq!(writer.synced(), 0);
        // A second sync that succeeds would prove nothing about the first one's pages.
        disk.with(|disk| disk.sync_fails = false);
        writer.append(&batch(b"b", 2, true));
        assert_eq!(writer.synced(), 0);
        writer.sync();
        assert_eq!(writer.synced(), 2);
        assert_eq!(disk.with(|disk| disk.durable.clone()), b"ab");
    }
}
