//! The files of a data directory, as far as it matters what of them is left after a crash.
//!
//! What is done through this door is repeated in the tests on a directory that knows, after every
//! step, what a crash could leave.

use std::{
    fs,
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// A file that only its owner can read.
pub(crate) const MODE_PRIVATE: u32 = 0o600;
/// A file that whoever the process's mask lets can read.
pub(crate) const MODE_COMMON: u32 = 0o666;

/// A directory.
pub(crate) trait DataDir: Send {
    /// An open file in it.
    type File: DirFile;

    /// Opens a file to read and write; `None` if there is none.
    fn open(&self, name: &str) -> io::Result<Option<Self::File>>;
    /// Makes an empty file, in place of one that may be there.
    fn create(&self, name: &str, mode: u32) -> io::Result<Self::File>;
    /// Gives a file another name, in place of one that may have it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file that may be there.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Returns once all names (new, renamed, removed files) are on disk.
    fn sync(&self) -> io::Result<()>;
}

/// A file in a directory.
pub(crate) trait DirFile: Read + Write + Seek + Send {
    /// Returns once everything that was written is on disk. After an error the system may have
    /// dropped what was to be written and never try again, while reads still show it.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file off.
    fn set_len(&mut self, size: u64) -> io::Result<()>;
}

/// Writes a whole file and returns once its content is on disk; its name need not be. After an
/// error it is gone.
pub(crate) fn write_whole<D: DataDir>(
    dir: &D,
    name: &str,
    mode: u32,
    bytes: &[u8],
) -> io::Result<D::File> {
    let write = || {
        let mut file = dir.create(name, mode)?;
        file.write_all(bytes)?;
        file.sync()?;
        Ok(file)
    };
    write().inspect_err(|_| {
        // A full disk needs the room; if this fails too, the next attempt replaces it.
        let _ = dir.remove(name);
    })
}

/// A directory of the operating system.
#[derive(Clone, Debug)]
pub(crate) struct OsDir(PathBuf);

impl OsDir {
    /// The directory at `path`.
    pub(crate) fn at(path: impl Into<PathBuf>) -> OsDir {
        OsDir(path.into())
    }

    /// Makes the directory at `path` and those above it, on disk by name.
    pub(crate) fn make(path: &Path) -> io::Result<OsDir> {
        let missing: Vec<&Path> = path
            .ancestors()
            .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
            .collect();
        fs::create_dir_all(path)?;
        for above in missing.iter().rev().filter_map(|dir| dir.parent()) {
            let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
            // Where it may be written and not read, this cannot be asked for.
            let _ = OsDir::at(above).sync();
        }
        Ok(OsDir::at(path))
    }
}

impl DataDir for OsDir {
    type File = fs::File;

    fn open(&self, name: &str) -> io::Result<Option<fs::File>> {
        match fs::OpenOptions::new().read(true).write(true).open(self.0.join(name)) {
            // A device or a pipe might have no end.
            Ok(file) if !file.metadata()?.is_file() => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"))
            }
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self, name: &str, mode: u32) -> io::Result<fs::File> {
        // Not by opening what is there: it may have another mode, or another name elsewhere.
        self.remove(name)?;
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(mode).open(self.0.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.0.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.0)?.sync_all()
    }
}

impl DirFile for fs::File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }

    fn set_len(&mut self, size: u64) -> io::Result<()> {
        fs::File::set_len(self, size)
    }
}
