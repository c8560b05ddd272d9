//! Where results go: standard output, which may close at any time, or a file that is replaced
//! completely or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::table::harmless;

/// Writes a result to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes a result to standard output as it is.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// Writes a result and the end of the line to standard output.
pub(crate) fn print_line(text: &str) -> Result<()> {
    print(&format!("{text}\n"))
}

/// True if an error only says that the reader of our output has gone (`rollbook nodes | head`).
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// An error with its causes, as one line that is harmless to a terminal.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Many errors name their cause themselves.
        if !line.ends_with(&cause) {
            let gap = if line.is_empty() { "" } else { ": " };
            line.push_str(gap);
            line.push_str(&cause);
        }
    }
    harmless(&line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Replaces a file: its old content stays until the new one is complete and on disk.
///
/// What is not a file (a pipe, a terminal, `/dev/stdout`) is written to directly.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let attempt = match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => write_directly(path, bytes),
        // Through a link, so that the link stays and its target is replaced.
        Ok(_) => fs::canonicalize(path).and_then(|target| rename_over(&target, bytes)),
        Err(_) => rename_over(path, bytes),
    };
    attempt.with_context(|| format!("cannot write {}", path.display()))
}

fn write_directly(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(bytes)
}

fn rename_over(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = beside(path);
    let written = write_synced(&temporary, path, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to report; what is left of the attempt is only litter.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_synced(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    if let Ok(old) = fs::metadata(path) {
        file.set_permissions(old.permissions())?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("roll.json");
        for text in ["first, and longer", "second"] {
            replace(&path, text.as_bytes()).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("read"), text);
        }
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_link_stays_a_link_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, "old").expect("written");
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).expect("set");
        symlink(&target, &link).expect("linked");
        replace(&link, b"new").expect("written");
        assert!(fs::symlink_metadata(&link).expect("metadata").is_symlink());
        assert_eq!(fs::read_to_string(&target).expect("read"), "new");
        let mode = fs::metadata(&target).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_missing_directory_is_a_clear_error() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let error = replace(&dir.path().join("none/roll.json"), b"x").expect_err("no directory");
        assert!(format!("{error:#}").starts_with("cannot write "), "{error:#}");
    }

    #[test]
    fn an_error_is_one_line_that_says_nothing_twice() {
        let cause = || io::Error::other("the disk\nis full");
        let named = anyhow::Error::from(cause()).context("journal: the disk\nis full");
        assert_eq!(one_line(&named), "journal: the disk is full");
        let plain = anyhow::Error::from(cause()).context("journal\u{1b}[2J");
        assert_eq!(one_line(&plain), "journal\u{fffd}[2J: the disk is full");
    }

    #[test]
    fn a_closed_pipe_is_recognised_under_its_context() {
        let error = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(is_closed_pipe(&error.context("writing")));
        assert!(!is_closed_pipe(&anyhow::anyhow!("another")));
    }
}
