//! `api.json`: how the other subcommands find the running node and prove that they may change it.
//!
//! Invariants:
//! * the file is complete whenever it exists: it is written beside its place and renamed
//! * nobody but its owner can read it, from its first byte: it holds the token
//! * a file can outlive its node (`kill -9`), so that readers treat it as a hint and check who
//!   answers

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::client::NodeError;

/// The file's name inside the data directory.
pub(crate) const NAME: &str = "api.json";

/// What a running node tells its own command line.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiFile {
    /// Where the HTTP API answers, without a trailing slash.
    pub(crate) url: String,
    /// What a write has to show.
    pub(crate) token: String,
    /// Who answers there.
    pub(crate) peer_id: String,
    /// Full multiaddresses, each ending in `/p2p/ID`.
    pub(crate) listen: Vec<String>,
}

impl ApiFile {
    /// Writes the file so that a reader sees all of it or none.
    pub(crate) fn write(&self, data_dir: &Path) -> io::Result<()> {
        let temporary = data_dir.join(format!(".{NAME}.{}", std::process::id()));
        let written = write_private(&temporary, &serde_json::to_vec(self)?)
            .and_then(|()| fs::rename(&temporary, path(data_dir)));
        if written.is_err() {
            // The first error is the one to report; what is left of the attempt is only litter.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Reads the file; an error says in one line that no node runs there.
    pub(crate) fn read(data_dir: &Path) -> Result<Self> {
        let path = path(data_dir);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let told = format!(
                    "no node runs in {} (no {NAME} there); start one with `rollbook start`, or \
                     name its directory with --data-dir",
                    data_dir.display()
                );
                return Err(NodeError::NotRunning(told).into());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        serde_json::from_slice(&text).with_context(|| {
            format!(
                "{} is not what a node writes (delete it and start the node again)",
                path.display()
            )
        })
    }

    /// Removes the file if it is still this node's own.
    pub(crate) fn remove(&self, data_dir: &Path) {
        if Self::read(data_dir).is_ok_and(|found| found == *self) {
            // A file that stays is recognised as stale by whoever reads it.
            let _ = fs::remove_file(path(data_dir));
        }
    }
}

impl std::fmt::Debug for ApiFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiFile").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Where the file of a data directory is.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Left over from a node that was killed while it wrote, and had the same process id.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(token: &str) -> ApiFile {
        ApiFile {
            url: "http://127.0.0.1:7656".into(),
            token: token.into(),
            peer_id: "12D3KooWTest".into(),
            listen: vec!["/ip4/127.0.0.1/tcp/7655/p2p/12D3KooWTest".into()],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        sample("a").write(dir.path()).expect("written");
        assert_eq!(ApiFile::read(dir.path()).expect("read"), sample("a"));
        let text = fs::read_to_string(path(dir.path())).expect("text");
        assert!(text.starts_with(r#"{"url":"http://127.0.0.1:7656","token":"a","peerId":"#));
    }

    #[test]
    fn only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a temporary directory");
        // An older, readable file must not pass its permissions on.
        fs::write(path(dir.path()), "{}").expect("written");
        fs::set_permissions(path(dir.path()), fs::Permissions::from_mode(0o644)).expect("set");
        sample("a").write(dir.path()).expect("written");
        let mode = fs::metadata(path(dir.path())).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_reader_never_sees_half_a_file_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        sample("0").write(dir.path()).expect("written");
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 0..50 {
                    let token = round.to_string().repeat(2_000);
                    sample(&token).write(dir.path()).expect("written");
                }
            });
            while !writer.is_finished() {
                ApiFile::read(dir.path()).expect("a whole file");
            }
        });
        let names: Vec<_> = fs::read_dir(dir.path()).expect("listed").collect();
        assert_eq!(names.len(), 1);
    }

    #[test]
    fn a_node_removes_only_its_own_file() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        sample("second").write(dir.path()).expect("written");
        sample("first").remove(dir.path());
        assert!(path(dir.path()).exists());
        sample("second").remove(dir.path());
        assert!(!path(dir.path()).exists());
    }

    #[test]
    fn a_missing_or_damaged_file_is_one_clear_line() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let missing = format!("{:#}", ApiFile::read(dir.path()).expect_err("missing"));
        assert!(missing.starts_with("no node runs in "), "{missing}");
        fs::write(path(dir.path()), "{\"url\":").expect("written");
        let damaged = format!("{:#}", ApiFile::read(dir.path()).expect_err("damaged"));
        assert!(damaged.contains("is not what a node writes"), "{damaged}");
        assert!(!damaged.contains('\n'));
    }
}
