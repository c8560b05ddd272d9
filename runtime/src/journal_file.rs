//! The journal as a file: append, sync, replace as a whole; and reading it back at the start.
//!
//! Invariants:
//! - a whole frame on disk stays there until a new file that holds its meaning is on disk in its
//!   place;
//! - appending starts behind the last delimiter, so a torn tail never runs into a new frame.

use std::{
    fs,
    io::{self, BufReader, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use rollbook_core::journal::{Frame, Next, Reader};
use tracing::warn;

use crate::files;

/// A peer id and a network's name, with what is around them.
const FIRST_FRAME_SIZE_MAX: u64 = 128;

/// What a journal is written to. Tests put a faulty one here.
pub(crate) trait Medium: Send {
    /// Writes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once everything that was appended is on disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Puts `bytes` in place of everything, atomically, and returns once that is on disk. After
    /// an error all is as before.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// How many bytes it holds.
    fn size(&self) -> u64;
}

/// The file `journal` in the data directory.
#[derive(Debug)]
pub(crate) struct JournalFile {
    dir: PathBuf,
    file: fs::File,
    size: u64,
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
    /// Bytes of a last frame that was never finished, cut off.
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

impl JournalFile {
    /// Opens the journal in `dir`, or makes an empty one, and gives its frames to `apply` in
    /// order. Only a torn tail is ever cut off, and only if no frame was refused.
    pub(crate) fn open<E>(
        dir: &Path,
        mut apply: impl FnMut(&Frame<'_>) -> Result<(), E>,
    ) -> Result<(JournalFile, Recovered), OpenError<E>> {
        let path = dir.join(files::JOURNAL);
        let created = !path.try_exists()?;
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)?;
        if created {
            files::sync_dir(dir)?;
        }
        // A device or a pipe might have no end.
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file").into());
        }
        // A new journal that was not finished: the old one stands.
        files::remove_if_there(&dir.join(files::JOURNAL_NEW))?;
        let mut recovered = Recovered { created, ..Recovered::default() };
        let mut reader = Reader::new(Std(BufReader::new(&file)));
        loop {
            match reader.next_frame()? {
                Next::Frame(frame) => {
                    apply(&frame).map_err(OpenError::Refused)?;
                    recovered.frames += 1;
                }
                Next::Damaged { size } => recovered.damaged += size,
                Next::TornTail { size } => recovered.torn += size,
                Next::End => break,
            }
        }
        let size = reader.position();
        if recovered.torn > 0 && !recovered.is_no_journal() {
            warn!(bytes = recovered.torn, "the journal ends in a torn frame: cut off");
            file.set_len(size)?;
            file.sync_all()?;
        }
        file.seek(io::SeekFrom::Start(size))?;
        Ok((JournalFile { dir: dir.to_owned(), file, size }, recovered))
    }
}

impl Medium for JournalFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let new = self.dir.join(files::JOURNAL_NEW);
        let written = write_new(&new, bytes);
        let file = match written {
            Ok(file) => file,
            Err(error) => {
                // A full disk needs the room; if this fails too, the next attempt overwrites it.
                let _ = fs::remove_file(&new);
                return Err(error);
            }
        };
        fs::rename(&new, self.dir.join(files::JOURNAL))?;
        // From here on the name leads to the new file, whether or not that is durable yet.
        self.file = file;
        self.size = bytes.len() as u64;
        files::sync_dir(&self.dir)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<fs::File> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(file)
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
    use rollbook_core::{journal, limits::FRAME_SIZE_MAX};

    use super::*;

    fn epoch(number: u32) -> Vec<u8> {
        let mut out = [0; FRAME_SIZE_MAX];
        let size = journal::encode(&Frame::Epoch(number), &mut out).expect("it fits");
        out[..size].to_vec()
    }

    fn open(dir: &Path) -> (JournalFile, Recovered, Vec<u32>) {
        let mut epochs = Vec::new();
        let (file, recovered) = JournalFile::open(dir, |frame| match frame {
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
    fn a_file_of_something_else_is_left_alone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join(files::JOURNAL);
        for content in [&b"#!/bin/sh\0 this is no journal"[..], &[b'x'; 5_000]] {
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
        let refused = JournalFile::open(dir.path(), |_| Err("foreign"));
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
