//! The newest events, in memory for readers and in a file for after a restart.
//!
//! Invariants:
//! - numbers count up by one, also across restarts;
//! - a reader sees an event only after it was handed to the file, so a process that is killed
//!   gives no number twice (a machine that loses power may: the file is not synced);
//! - memory and file are bounded: `KEPT_MAX` events, and twice as many lines.

use std::{
    collections::VecDeque,
    fs,
    io::{self, BufRead as _, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rollbook_core::PeerId;
use tokio::sync::watch;

use crate::{
    files,
    watch::{EventKind, NumberedEvent},
};

/// How many events are kept.
pub(crate) const KEPT_MAX: usize = 10_000;
/// A line is about 120 bytes; a file with longer lines is none of ours.
const LINE_SIZE_MAX: u64 = 512;

/// An event before it has its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewEvent {
    pub(crate) at: u64,
    pub(crate) kind: EventKind,
    pub(crate) peer_id: Option<PeerId>,
}

/// What readers wait on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Newest {
    /// The number of the newest event, 0 before the first.
    pub(crate) id: u64,
    /// No event follows.
    pub(crate) closed: bool,
}

/// Some events after a number.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many are gone.
    pub(crate) lost: u64,
    /// Those that follow.
    pub(crate) events: VecDeque<NumberedEvent>,
}

/// The events in memory, shared with readers.
#[derive(Debug)]
pub(crate) struct EventLog {
    kept: Mutex<VecDeque<NumberedEvent>>,
    newest: watch::Sender<Newest>,
}

impl EventLog {
    fn new(kept: VecDeque<NumberedEvent>) -> EventLog {
        let id = kept.back().map_or(0, |event| event.id);
        EventLog {
            kept: Mutex::new(kept),
            newest: watch::Sender::new(Newest { id, closed: false }),
        }
    }

    /// Says that no event follows.
    pub(crate) fn close(&self) {
        self.newest.send_modify(|newest| newest.closed = true);
    }

    /// The number of the newest event.
    pub(crate) fn newest(&self) -> u64 {
        self.newest.borrow().id
    }

    /// Wakes a reader at every change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Newest> {
        self.newest.subscribe()
    }

    /// At most `count_max` events that follow number `after`.
    pub(crate) fn after(&self, after: u64, count_max: usize) -> Page {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = kept.front() else { return Page::default() };
        let lost = first.id.saturating_sub(after.saturating_add(1));
        let start = kept.partition_point(|event| event.id <= after);
        Page { lost, events: kept.range(start..).take(count_max).copied().collect() }
    }

    fn publish(&self, events: &[NumberedEvent]) {
        let Some(last) = events.last() else { return };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(events);
        let excess = kept.len().saturating_sub(KEPT_MAX);
        kept.drain(..excess);
        drop(kept);
        self.newest.send_modify(|newest| newest.id = last.id);
    }
}

/// The file of the log, one JSON object a line.
#[derive(Debug)]
pub(crate) struct EventFile {
    dir: PathBuf,
    file: fs::File,
    line_count: usize,
    log: Arc<EventLog>,
}

impl EventFile {
    /// Reads what an earlier run left; a torn last line, or any other that is none, is skipped.
    pub(crate) fn open(dir: &Path) -> io::Result<EventFile> {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(dir.join(files::EVENTS))?;
        let (kept, line_count) = read_lines(&mut file)?;
        start_new_line(&mut file)?;
        let log = Arc::new(EventLog::new(kept));
        Ok(EventFile { dir: dir.to_owned(), file, line_count, log })
    }

    /// The events in memory.
    pub(crate) fn log(&self) -> Arc<EventLog> {
        Arc::clone(&self.log)
    }

    /// Numbers the events, writes them, and shows them to readers. They are shown even if the
    /// file cannot be written: then they do not outlive the process.
    pub(crate) fn append(&mut self, events: &[NewEvent]) -> io::Result<()> {
        let first = self.log.newest() + 1;
        let numbered: Vec<NumberedEvent> = (first..)
            .zip(events)
            .map(|(id, event)| NumberedEvent {
                id,
                at: event.at,
                kind: event.kind,
                peer_id: event.peer_id,
            })
            .collect();
        let written = self.write(&numbered);
        self.log.publish(&numbered);
        written?;
        if self.line_count > 2 * KEPT_MAX { self.compact() } else { Ok(()) }
    }

    /// Hands everything to the disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn write(&mut self, events: &[NumberedEvent]) -> io::Result<()> {
        self.file.write_all(&lines(events))?;
        self.line_count += events.len();
        Ok(())
    }

    fn compact(&mut self) -> io::Result<()> {
        let kept: Vec<NumberedEvent> = self.log.after(0, KEPT_MAX).events.into();
        let new = self.dir.join(files::EVENTS_NEW);
        let mut file = fs::File::create(&new)?;
        file.write_all(&lines(&kept))?;
        fs::rename(&new, self.dir.join(files::EVENTS))?;
        self.file = file;
        self.line_count = kept.len();
        Ok(())
    }
}

fn lines(events: &[NumberedEvent]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(events.len() * 128);
    for event in events {
        serde_json::to_writer(&mut bytes, event).expect("an event has a JSON form");
        bytes.push(b'\n');
    }
    bytes
}

/// The newest events of a file, and how many lines it has.
fn read_lines(file: &mut fs::File) -> io::Result<(VecDeque<NumberedEvent>, usize)> {
    let mut reader = io::BufReader::new(file);
    let mut kept = VecDeque::<NumberedEvent>::new();
    let mut line_count = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(LINE_SIZE_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok((kept, line_count));
        }
        line_count += 1;
        // A last line without its end is torn, even if it happens to be whole.
        if line.last() != Some(&b'\n') {
            continue;
        }
        let Ok(event) = serde_json::from_slice::<NumberedEvent>(&line) else { continue };
        // Numbers that do not count up would break resuming by number.
        if kept.back().is_some_and(|last| event.id <= last.id) {
            continue;
        }
        kept.push_back(event);
        if kept.len() > KEPT_MAX {
            kept.pop_front();
        }
    }
}

/// Cuts a torn last line off, so that new lines start on a line of their own.
fn start_new_line(file: &mut fs::File) -> io::Result<()> {
    let size = file.metadata()?.len();
    let tail_size = size.min(LINE_SIZE_MAX);
    file.seek(io::SeekFrom::Start(size - tail_size))?;
    let mut tail = Vec::new();
    file.take(tail_size).read_to_end(&mut tail)?;
    let torn = tail.iter().rev().take_while(|byte| **byte != b'\n').count() as u64;
    if torn < tail_size || torn == size {
        file.set_len(size - torn)?;
        file.seek(io::SeekFrom::Start(size - torn))?;
    } else {
        // No line of ours is that long: it is ended, not cut.
        file.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(at: u64) -> NewEvent {
        NewEvent { at, kind: EventKind::Joined, peer_id: None }
    }

    fn ids(page: &Page) -> Vec<u64> {
        page.events.iter().map(|event| event.id).collect()
    }

    #[test]
    fn numbers_go_on_after_a_restart() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut file = EventFile::open(dir.path()).expect("it opens");
        file.append(&[joined(1), joined(2)]).expect("it is written");
        drop(file);
        let mut file = EventFile::open(dir.path()).expect("it opens");
        file.append(&[joined(3)]).expect("it is written");
        assert_eq!(ids(&file.log().after(0, 10)), [1, 2, 3]);
        assert_eq!(ids(&file.log().after(2, 10)), [3]);
        assert_eq!(ids(&file.log().after(0, 2)), [1, 2]);
        assert_eq!(ids(&file.log().after(9, 2)), [0; 0]);
    }

    #[test]
    fn a_file_cut_at_any_byte_keeps_its_whole_lines() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut file = EventFile::open(dir.path()).expect("it opens");
        file.append(&[joined(1), joined(2), joined(3)]).expect("it is written");
        let path = dir.path().join(files::EVENTS);
        let whole = fs::read(&path).expect("it is read");
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).expect("it is written");
            let mut file = EventFile::open(dir.path()).expect("it opens");
            let kept = whole[..cut].iter().filter(|byte| **byte == b'\n').count() as u64;
            assert_eq!(file.log().newest(), kept);
            file.append(&[joined(4)]).expect("it is written");
            let again = EventFile::open(dir.path()).expect("it opens");
            assert_eq!(again.log().newest(), kept + 1);
        }
    }

    #[test]
    fn a_file_of_something_else_is_passed_over() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join(files::EVENTS), vec![0xff; 5000]).expect("it is written");
        let mut file = EventFile::open(dir.path()).expect("it opens");
        file.append(&[joined(1)]).expect("it is written");
        assert_eq!(EventFile::open(dir.path()).expect("it opens").log().newest(), 1);
    }

    #[test]
    fn the_file_and_the_memory_stay_bounded() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut file = EventFile::open(dir.path()).expect("it opens");
        let batch: Vec<NewEvent> = (0..1_500).map(joined).collect();
        for _ in 0..20 {
            file.append(&batch).expect("it is written");
            assert!(file.line_count <= 2 * KEPT_MAX + batch.len());
        }
        let page = file.log().after(0, usize::MAX);
        assert_eq!((page.lost, page.events.len()), (20_000, KEPT_MAX));
        drop(file);
        let again = EventFile::open(dir.path()).expect("it opens");
        assert_eq!(again.log().after(0, usize::MAX), page);
    }
}
