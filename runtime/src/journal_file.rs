//! The journal as a file: append, sync, replace as a whole; and reading it back at the start.
//!
//! Invariants:
//! - a whole frame on disk stays there until a new file that holds its meaning is on disk in its
//!   place;
//! - appending starts behind the last whole frame, so a torn tail never runs into a new one;
//! - what was read at the start is on disk under its name, not only in the system's memory;
//! - what a failed sync may have left is cut off: a later run would read it from the system's
//!   memory, and take for kept what never reaches the disk.

use std::io::{self, BufReader, Seek as _, Write as _};

use rollbook_core::journal::{Frame, Next, Reader};
use tracing::warn;

use crate::{
    data_dir::{self, DataDir, DirFile as _, MODE_COMMON},
    files,
};

/// A peer id and a network's name, with what is around them.
const FIRST_FRAME_SIZE_MAX: u64 = 128;
/// A bit that is flipped makes one empty frame at most; nobody writes any.
const EMPTY_FRAMES_UNWRITTEN: u32 = 2;

/// What a journal is written to. Tests put a faulty one here.
pub(crate) trait Medium: Send {
    /// Writes at the end. After an error nothing may be appended any more.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once everything that was appended is on disk. After an error nothing may be
    /// appended any more.
    fn sync(&mut self) -> io::Result<()>;
    /// Puts `bytes` in place of everything, atomically, and returns once that is on disk.
    fn replace(&mut self, bytes: &[u8]) -> Result<(), ReplaceError>;
    /// How many bytes it holds.
    fn size(&self) -> u64;
}

/// Why a journal is not replaced, or not for sure.
#[derive(Debug)]
pub(crate) enum ReplaceError {
    /// All is as before.
    Kept(io::Error),
    /// A crash may leave the one or the other: nothing may be appended.
    Unsure(io::Error),
}

/// The file `journal` in the data directory.
#[derive(Debug)]
pub(crate) struct JournalFile<D: DataDir> {
    dir: D,
    file: D::File,
    size: u64,
    /// How much of it is on disk.
    synced_size: u64,
}

/// What reading a journal found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// There was no file.
    pub(crate) created: bool,
    /// Whole frames.
    pub(crate) frames: u64,
    /// Bytes of damaged frames that were skipped.
    pub(crate) damaged: u64,
    /// Bytes of a last write that was never finished, cut off.
    pub(crate) torn: u64,
}

impl Recovered {
    /// Whether the file has content, but none of a journal's: more than a first frame, which says
    /// whose journal it is, cut short.
    pub(crate) fn is_no_journal(&self) -> bool {
        self.frames == 0 && (self.damaged > 0 || self.torn > FIRST_FRAME_SIZE_MAX)
    }
}

/// Why a journal was not read to its end.
#[derive(Debug)]
pub(crate) enum OpenError<E> {
    /// The file could not be opened or read.
    Io(io::Error),
    /// A frame was refused.
    Refused(E),
}

impl<E> From<io::Error> for OpenError<E> {
    fn from(error: io::Error) -> OpenError<E> {
        OpenError::Io(error)
    }
}

impl<D: DataDir> JournalFile<D> {
    /// Opens the journal in `dir`, or makes an empty one, and gives its frames to `apply` in
    /// order. Only a torn tail is ever cut off, and only if no frame was refused.
    pub(crate) fn open<E>(
        dir: D,
        apply: impl FnMut(&Frame<'_>) -> Result<(), E>,
    ) -> Result<(JournalFile<D>, Recovered), OpenError<E>> {
        let (mut file, created) = match dir.open(files::JOURNAL)? {
            Some(file) => (file, false),
            None => (dir.create(files::JOURNAL, MODE_COMMON)?, true),
        };
        // A new journal that was not finished: the old one stands.
        dir.remove(files::JOURNAL_NEW)?;
        let (recovered, size) = read_frames(&mut file, apply)?;
        let recovered = Recovered { created, ..recovered };
        if !recovered.is_no_journal() {
            if recovered.torn > 0 {
                warn!(bytes = recovered.torn, "the journal ends in a torn frame: cut off");
                file.set_len(size)?;
            }
            // The run before may have been killed before it did this.
            file.sync()?;
            dir.sync()?;
        }
        file.seek(io::SeekFrom::Start(size))?;
        Ok((JournalFile { dir, file, size, synced_size: size }, recovered))
    }

    /// Cuts off what may not be on disk. A disk that does not even take that is left as it is.
    fn cut_back(&mut self) {
        if let Err(error) = self.file.set_len(self.synced_size) {
            warn!(%error, "the end of the journal cannot be cut off");
        }
        self.size = self.synced_size;
    }
}

/// Reads a journal; says what it holds, and where its last frame ends.
pub(crate) fn read_frames<E>(
    file: &mut impl io::Read,
    mut apply: impl FnMut(&Frame<'_>) -> Result<(), E>,
) -> Result<(Recovered, u64), OpenError<E>> {
    let mut recovered = Recovered::default();
    let mut reader = Reader::new(Std(BufReader::new(file)));
    let mut tail = Tail::default();
    loop {
        match reader.next_frame()? {
            Next::Frame(frame) => {
                apply(&frame).map_err(OpenError::Refused)?;
                recovered.frames += 1;
                recovered.damaged += tail.damaged;
                tail = Tail { start: reader.position(), ..Tail::default() };
            }
            Next::Damaged { size } => tail.damaged(size),
            Next::TornTail { size } => recovered.torn = size,
            Next::End => break,
        }
    }
    // Without a frame before it, it is some other file.
    if tail.is_unwritten && recovered.frames > 0 {
        recovered.torn += tail.damaged;
        return Ok((recovered, tail.start));
    }
    recovered.damaged += tail.damaged;
    Ok((recovered, reader.position()))
}

/// What lies behind the last whole frame.
///
/// Some file systems make a file longer before they write what is to be there: after a crash it
/// ends in zeros, which read as empty frames. Such an end was never confirmed to anybody.
#[derive(Debug, Default)]
struct Tail {
    start: u64,
    damaged: u64,
    empty_frames: u32,
    is_unwritten: bool,
}

impl Tail {
    fn damaged(&mut self, size: u64) {
        self.damaged += size;
        self.empty_frames = if size == 1 { self.empty_frames + 1 } else { 0 };
        self.is_unwritten |= self.empty_frames >= EMPTY_FRAMES_UNWRITTEN;
    }
}

impl<D: DataDir> Medium for JournalFile<D> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync().inspect_err(|_| self.cut_back())?;
        self.synced_size = self.size;
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> Result<(), ReplaceError> {
        let file = data_dir::write_whole(&self.dir, files::JOURNAL_NEW, MODE_COMMON, bytes)
            .map_err(ReplaceError::Kept)?;
        self.dir.rename(files::JOURNAL_NEW, files::JOURNAL).map_err(ReplaceError::Unsure)?;
        // From here on the name leads to the new file, whether or not that is durable yet.
        self.file = file;
        self.size = bytes.len() as u64;
        self.synced_size = self.size;
        self.dir.sync().map_err(ReplaceError::Unsure)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// A standard reader as the core reads.
struct Std<R>(R);

impl<R> embedded_io::ErrorType for Std<R> {
    type Error = io::Error;
}

impl<R: io::Read> embedded_io::Read for Std<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(out) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use rollbook_core::{journal, limits::FRAME_SIZE_MAX};

    use super::*;
    use crate::data_dir::OsDir;

    fn epoch(number: u32) -> Vec<u8> {
        let mut out = [0; FRAME_SIZE_MAX];
        let size = journal::encode(&Frame::Epoch(number), &mut out).expect("it fits");
        out[..size].to_vec()
    }

    fn open(dir: &Path) -> (JournalFile<OsDir>, Recovered, Vec<u32>) {
        let mut epochs = Vec::new();
        let (file, recovered) = JournalFile::open(OsDir::at(dir), |frame| match frame {
            Frame::Epoch(number) => {
                epochs.push(*number);
                Ok(())
            }
            _ => Err("no epoch"),
        })
        .expect("it opens");
        (file, recovered, epochs)
    }

    #[test]
    fn what_was_appended_is_read_again() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (mut file, recovered, _) = open(dir.path());
        assert!(recovered.created);
        file.append(&[epoch(1), epoch(2)].concat()).expect("it is written");
        file.sync().expect("it is synced");
        let (file, recovered, epochs) = open(dir.path());
        assert_eq!(epochs, [1, 2]);
        assert_eq!(recovered, Recovered { frames: 2, ..Recovered::default() });
        assert_eq!(file.size(), [epoch(1), epoch(2)].concat().len() as u64);
    }

    #[test]
    fn a_torn_tail_is_cut_off_and_never_runs_into_a_new_frame() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join(files::JOURNAL);
        let whole = [epoch(1), epoch(2)].concat();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).expect("it is written");
            let (mut file, recovered, epochs) = open(dir.path());
            assert_eq!(recovered.frames, epochs.len() as u64);
            file.append(&epoch(3)).expect("it is written");
            let (_, recovered, again) = open(dir.path());
            assert_eq!(again, [epochs, vec![3]].concat());
            assert_eq!((recovered.damaged, recovered.torn), (0, 0));
        }
    }

    #[test]
    fn damage_costs_only_the_frames_it_touches() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut bytes = [epoch(1), epoch(2), epoch(3)].concat();
        let middle = epoch(1).len() + 2;
        bytes[middle] ^= 0x10;
        fs::write(dir.path().join(files::JOURNAL), &bytes).expect("it is written");
        let (_, recovered, epochs) = open(dir.path());
        assert_eq!(epochs, [1, 3]);
        assert_eq!(recovered.damaged, epoch(2).len() as u64);
    }

    #[test]
    fn an_end_that_was_never_written_is_torn_and_not_damaged() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join(files::JOURNAL);
        let whole = epoch(1);
        for zeros in 3..20 {
            for (before, behind) in [(0, 0), (5, 0), (0, 5), (5, 5)] {
                let tail = [vec![b'x'; before], vec![0; zeros], vec![b'x'; behind]].concat();
                fs::write(&path, [&whole[..], &tail].concat()).expect("it is written");
                let (mut file, recovered, _) = open(dir.path());
                let torn = tail.len() as u64;
                assert_eq!(recovered, Recovered { frames: 1, torn, ..Recovered::default() });
                file.append(&epoch(3)).expect("it is written");
                assert_eq!(open(dir.path()).2, [1, 3]);
            }
        }
        // What is written behind it shows that it was confirmed.
        fs::write(&path, [&whole[..], &[0; 9], &epoch(2)].concat()).expect("it is written");
        let (_, recovered, epochs) = open(dir.path());
        assert_eq!((recovered.damaged, recovered.torn, epochs), (9, 0, vec![1, 2]));
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join(files::JOURNAL);
        let script = &b"#!/bin/sh\0 this is no journal"[..];
        for content in [script, b"#!/bin/sh\n\0\0\0\0", &[b'x'; 5_000], &[0; 10]] {
            fs::write(&path, content).expect("it is written");
            let (_, recovered, _) = open(dir.path());
            assert!(recovered.is_no_journal());
            assert_eq!(fs::read(&path).expect("it is read"), content);
        }
    }

    #[test]
    fn a_refused_frame_stops_the_reading_and_changes_nothing() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let content = [epoch(1), b"torn".to_vec()].concat();
        fs::write(dir.path().join(files::JOURNAL), &content).expect("it is written");
        let refused = JournalFile::open(OsDir::at(dir.path()), |_| Err("foreign"));
        assert!(matches!(refused, Err(OpenError::Refused("foreign"))));
        assert_eq!(fs::read(dir.path().join(files::JOURNAL)).expect("it is read"), content);
    }

    #[test]
    fn a_replaced_journal_is_appended_to() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join(files::JOURNAL_NEW), b"unfinished").expect("it is written");
        let (mut file, _, _) = open(dir.path());
        assert!(!dir.path().join(files::JOURNAL_NEW).exists());
        file.append(&[epoch(1), epoch(2)].concat()).expect("it is written");
        file.replace(&epoch(2)).expect("it is replaced");
        file.append(&epoch(3)).expect("it is written");
        assert_eq!(open(dir.path()).2, [2, 3]);
    }
}
