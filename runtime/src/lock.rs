//! The lock of a data directory: one node at a time.

use std::{
    fs::{self, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
};

use crate::files;

/// Held as long as this value lives; the system releases it when the process ends in any way.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: fs::File,
}

impl DirLock {
    /// Takes the lock of `dir`; `None` if another process (or another node in this one) has it.
    pub(crate) fn take(dir: &Path) -> io::Result<Option<DirLock>> {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(dir.join(files::LOCK))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // The number is a hint for whoever finds the directory in use.
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Some(DirLock { _file: file }))
    }

    /// The process that holds the lock of `dir`, as it wrote it.
    pub(crate) fn holder(dir: &Path) -> Option<u32> {
        let file = fs::File::open(dir.join(files::LOCK)).ok()?;
        let mut text = String::new();
        file.take(32).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_locked_once() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let lock = DirLock::take(dir.path()).expect("the file opens").expect("it is free");
        assert!(DirLock::take(dir.path()).expect("the file opens").is_none());
        assert_eq!(DirLock::holder(dir.path()), Some(std::process::id()));
        drop(lock);
        assert!(DirLock::take(dir.path()).expect("the file opens").is_some());
    }

    #[test]
    fn a_stale_lock_file_does_not_lock() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join(files::LOCK), "4294967295\n").expect("a file is written");
        assert!(DirLock::take(dir.path()).expect("the file opens").is_some());
    }
}
