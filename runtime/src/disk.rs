//! The thread that writes to disk, so that nothing else waits for it.
//!
//! Everything that has queued up is written in one go and synced at most once (group commit).
//! Invariant: jobs are carried out in the order in which they were given.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc as tokio_mpsc;
use tracing::{info, warn};

use crate::{
    event_log::{EventFile, NewEvent},
    hints,
    journal_file::Medium,
    journal_writer::{Batch, JournalWriter},
};

/// Bytes of frames that may wait. Beyond that the driver takes nothing from the network.
const QUEUE_SIZE_MAX: usize = 8 * 1024 * 1024;
/// A batch is no longer than this, so that a stream of frames does not hold up its first ones.
const BATCH_SIZE_MAX: usize = 1024 * 1024;

enum Job {
    Frames(Batch),
    Events(Vec<NewEvent>),
    Hints(Vec<u8>),
    Compact,
    Finish,
}

/// What the thread says after each batch of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DiskReport {
    /// All frames up to this position are on disk.
    pub(crate) synced: u64,
    /// The size of the journal.
    pub(crate) journal_bytes: u64,
    /// Why the journal cannot be written at the moment.
    pub(crate) fault: Option<String>,
    /// How long the disk took for what it had to confirm, if there was anything.
    pub(crate) sync_took: Option<Duration>,
    /// The last report.
    pub(crate) finished: bool,
}

/// The driver's end of the thread.
#[derive(Debug)]
pub(crate) struct Disk {
    jobs: mpsc::Sender<Job>,
    queued: Arc<AtomicUsize>,
}

impl Disk {
    /// Starts the thread. Reports come on the channel that is returned; its end without a last
    /// report means that the thread broke.
    pub(crate) fn start<M: Medium + 'static>(
        dir: PathBuf,
        journal: JournalWriter<M>,
        events: EventFile,
    ) -> std::io::Result<(Disk, tokio_mpsc::UnboundedReceiver<DiskReport>)> {
        let (jobs, inbox) = mpsc::channel();
        let (reports, outbox) = tokio_mpsc::unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let worker = Worker {
            dir,
            journal,
            events,
            event_fault: false,
            inbox,
            reports,
            queued: Arc::clone(&queued),
            retry_at: None,
            sync_took: None,
        };
        thread::Builder::new().name("rollbook-disk".to_owned()).spawn(|| worker.run())?;
        Ok((Disk { jobs, queued }, outbox))
    }

    /// Appends frames to the journal.
    pub(crate) fn append(&self, batch: Batch) {
        self.queued.fetch_add(batch.bytes.len(), Ordering::Relaxed);
        self.send(Job::Frames(batch));
    }

    /// Appends events to the log, which shows them to readers.
    pub(crate) fn log(&self, events: Vec<NewEvent>) {
        self.send(Job::Events(events));
    }

    /// Replaces the file of dial hints.
    pub(crate) fn write_hints(&self, json: Vec<u8>) {
        self.send(Job::Hints(json));
    }

    /// Compacts the journal.
    pub(crate) fn compact(&self) {
        self.send(Job::Compact);
    }

    /// Brings everything to disk and ends the thread after a last report.
    pub(crate) fn finish(&self) {
        self.send(Job::Finish);
    }

    /// Whether the thread keeps up. When it does again, a report comes.
    pub(crate) fn has_room(&self) -> bool {
        self.queued.load(Ordering::Relaxed) < QUEUE_SIZE_MAX
    }

    fn send(&self, job: Job) {
        // The thread outlives this unless it broke, which the end of its reports tells.
        let _ = self.jobs.send(job);
    }
}

struct Worker<M> {
    dir: PathBuf,
    journal: JournalWriter<M>,
    events: EventFile,
    event_fault: bool,
    inbox: mpsc::Receiver<Job>,
    reports: tokio_mpsc::UnboundedSender<DiskReport>,
    queued: Arc<AtomicUsize>,
    retry_at: Option<Instant>,
    /// Since the last report.
    sync_took: Option<Duration>,
}

impl<M: Medium> Worker<M> {
    fn run(mut self) {
        let mut finished = false;
        while !finished {
            match self.next_job() {
                Next::Job(job) => finished = self.take_batch(job),
                Next::Retry => self.journal.compact(),
                // The driver is gone without a word: bring to disk what there is.
                Next::Gone => {
                    self.journal.sync();
                    finished = true;
                }
            }
            self.plan_retry();
            let report = DiskReport {
                synced: self.journal.synced(),
                journal_bytes: self.journal.size(),
                fault: self.journal.fault().map(str::to_owned),
                sync_took: self.sync_took.take(),
                finished,
            };
            // Nobody listens any more if the driver is gone.
            let _ = self.reports.send(report);
        }
    }

    fn next_job(&self) -> Next {
        let Some(retry_at) = self.retry_at else {
            return self.inbox.recv().map_or(Next::Gone, Next::Job);
        };
        match self.inbox.recv_timeout(retry_at.saturating_duration_since(Instant::now())) {
            Ok(job) => Next::Job(job),
            Err(mpsc::RecvTimeoutError::Timeout) => Next::Retry,
            Err(mpsc::RecvTimeoutError::Disconnected) => Next::Gone,
        }
    }

    fn plan_retry(&mut self) {
        let wait: Option<Duration> = self.journal.retry_after();
        self.retry_at = match (wait, self.retry_at) {
            (None, _) => None,
            // A retry that is still to come stands, whatever else happens.
            (Some(_), Some(at)) if at > Instant::now() => Some(at),
            (Some(wait), _) => Some(Instant::now() + wait),
        };
    }

    /// Carries out `first` and what has queued up behind it. Says whether it was the end.
    fn take_batch(&mut self, first: Job) -> bool {
        let mut frames = Batch::default();
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Frames(batch) => {
                    frames.bytes.extend_from_slice(&batch.bytes);
                    frames.position = batch.position;
                    frames.must_sync |= batch.must_sync;
                    if frames.bytes.len() >= BATCH_SIZE_MAX {
                        break;
                    }
                }
                Job::Events(events) => self.log(&events),
                Job::Hints(json) => self.write_hints(&json),
                Job::Compact => {
                    self.write(&mut frames);
                    self.journal.compact();
                }
                Job::Finish => {
                    self.write(&mut frames);
                    self.journal.sync();
                    if let Err(error) = self.events.sync() {
                        warn!(%error, "the event log is not on disk");
                    }
                    return true;
                }
            }
            next = self.inbox.try_recv().ok();
        }
        self.write(&mut frames);
        false
    }

    fn write(&mut self, frames: &mut Batch) {
        let frames = std::mem::take(frames);
        if frames.bytes.is_empty() {
            return;
        }
        let begun = Instant::now();
        self.journal.append(&frames);
        if frames.must_sync {
            self.sync_took = Some(begun.elapsed());
        }
        self.queued.fetch_sub(frames.bytes.len(), Ordering::Relaxed);
    }

    fn log(&mut self, events: &[NewEvent]) {
        match self.events.append(events) {
            Ok(()) if self.event_fault => {
                self.event_fault = false;
                info!("the event log is written again");
            }
            Ok(()) => {}
            // Said once: a full disk has many events.
            Err(error) if !self.event_fault => {
                self.event_fault = true;
                warn!(%error, "the event log cannot be written");
            }
            Err(_) => {}
        }
    }

    fn write_hints(&self, json: &[u8]) {
        if let Err(error) = hints::write(&self.dir, json) {
            warn!(%error, "dial hints not written");
        }
    }
}

enum Next {
    Job(Job),
    Retry,
    Gone,
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::{journal_file::ReplaceError, watch::EventKind};

    /// Accepts nothing until it is told to.
    struct Flaky(Arc<AtomicUsize>);

    impl Flaky {
        fn answer(&self) -> io::Result<()> {
            let failing = |left: usize| left.checked_sub(1);
            match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, failing) {
                Ok(_) => Err(io::Error::from(io::ErrorKind::StorageFull)),
                Err(_) => Ok(()),
            }
        }
    }

    impl Medium for Flaky {
        fn append(&mut self, _: &[u8]) -> io::Result<()> {
            self.answer()
        }
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
        fn replace(&mut self, _: &[u8]) -> Result<(), ReplaceError> {
            self.answer().map_err(ReplaceError::Kept)
        }
        fn size(&self) -> u64 {
            0
        }
    }

    fn start(
        dir: &tempfile::TempDir,
        failures: usize,
    ) -> (Disk, tokio_mpsc::UnboundedReceiver<DiskReport>, Arc<crate::event_log::EventLog>) {
        let flaky = Flaky(Arc::new(AtomicUsize::new(failures)));
        let journal = JournalWriter::new(flaky, Box::new(Vec::new));
        let events = EventFile::open(dir.path()).expect("it opens");
        let log = events.log();
        let (disk, reports) =
            Disk::start(dir.path().to_owned(), journal, events).expect("a thread starts");
        (disk, reports, log)
    }

    fn frame(position: u64) -> Batch {
        Batch { bytes: vec![1], position, must_sync: true }
    }

    #[test]
    fn everything_is_done_before_the_last_report() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (disk, mut reports, log) = start(&dir, 0);
        for position in 1..=100 {
            disk.append(frame(position));
        }
        disk.log(vec![NewEvent { at: 1, kind: EventKind::Joined, peer_id: None }]);
        disk.compact();
        disk.finish();
        let mut synced = 0;
        loop {
            let report = reports.blocking_recv().expect("a last report comes");
            assert!(report.synced >= synced);
            synced = report.synced;
            if report.finished {
                break;
            }
        }
        assert_eq!((synced, log.newest()), (100, 1));
        assert!(disk.has_room());
    }

    #[test]
    fn a_failed_write_is_reported_and_made_good_without_being_asked() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (disk, mut reports, _) = start(&dir, 1);
        disk.append(frame(1));
        let report = reports.blocking_recv().expect("a report comes");
        assert_eq!(report.synced, 0);
        assert!(report.fault.is_some());
        let report = reports.blocking_recv().expect("a report of the retry comes");
        assert_eq!((report.synced, report.fault), (1, None));
    }

    #[test]
    fn a_driver_that_vanishes_ends_the_thread() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (disk, mut reports, _) = start(&dir, 0);
        disk.append(frame(1));
        drop(disk);
        let mut last = None;
        while let Some(report) = reports.blocking_recv() {
            last = Some(report);
        }
        assert!(last.is_some_and(|last| last.finished && last.synced == 1));
    }
}
