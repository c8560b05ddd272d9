//! What can be seen without a node: its directory, its key, the room that is left.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Finding;

/// Compacting writes the roll once more beside the old journal; this leaves room for much else.
const FREE_MIN: u64 = 256 << 20;
/// With so little a compaction of a large roll may fail.
const FREE_LEAST: u64 = 16 << 20;
const MIB: u64 = 1 << 20;

pub(super) fn look(data_dir: &Path) -> Vec<Finding> {
    let shown = data_dir.display();
    match fs::metadata(data_dir) {
        Ok(found) if found.is_dir() => vec![key(data_dir), free(data_dir)],
        Ok(_) => vec![Finding::wrong(
            "directory",
            format!("{shown} is not a directory"),
            "name the data directory with --data-dir",
        )],
        Err(error) => vec![Finding::wrong(
            "directory",
            format!("{shown}: {error}"),
            "name the data directory with --data-dir; a node makes it at its first start",
        )],
    }
}

fn key(data_dir: &Path) -> Finding {
    let (key, journal) = (data_dir.join("identity.key"), data_dir.join("journal"));
    let mode = match fs::metadata(&key) {
        Ok(found) => found.permissions().mode() & 0o777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::look(
                "key",
                "there is no key yet",
                "none is needed before the first start; if there was one, restore it from a backup",
            );
        }
        Err(error) => {
            let advice = "run doctor as the user that the node runs as";
            return Finding::wrong("key", format!("{}: {error}", key.display()), advice);
        }
    };
    if mode & 0o077 != 0 {
        return Finding::wrong(
            "key",
            format!(
                "others can read {} (mode {mode:o}): whoever has it is this node",
                key.display()
            ),
            format!("chmod 600 {}", key.display()),
        );
    }
    match journal.exists() {
        true => Finding::ok("key", "the key is there, for its owner alone, and so is the journal"),
        false => Finding::look(
            "key",
            "there is a key without its journal",
            "an authority recovers from others what it had signed; if there never was a journal, \
             start it with --fresh",
        ),
    }
}

fn free(data_dir: &Path) -> Finding {
    let found = match rustix::fs::statvfs(data_dir) {
        Ok(found) => found,
        Err(error) => {
            let advice = "look whether the file system is in order";
            return Finding::wrong("disk", error.to_string(), advice);
        }
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let journal = fs::metadata(data_dir.join("journal")).map_or(0, |found| found.len());
    room(free, journal)
}

fn room(free: u64, journal: u64) -> Finding {
    let told = format!("{} MiB free, the journal has {} MiB", free / MIB, journal / MIB);
    let advice = "make room: a journal that cannot be written keeps changes in memory only";
    match free {
        free if free < FREE_LEAST.max(journal) => Finding::wrong("disk", told, advice),
        free if free < FREE_MIN => Finding::look("disk", told, advice),
        _ => Finding::ok("disk", told),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn room_is_judged_by_what_a_compaction_takes() {
        for (free, journal, state) in [
            (1 << 40, MIB, State::Ok),
            (100 * MIB, MIB, State::Look),
            (100 * MIB, 101 * MIB, State::Wrong),
            (MIB, 0, State::Wrong),
        ] {
            assert_eq!(room(free, journal).state, state, "{free} {journal}");
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_wrong() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let state = || key(dir.path()).state;
        assert_eq!(state(), State::Look, "none yet");
        let path = dir.path().join("identity.key");
        fs::write(&path, "x").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        assert_eq!(state(), State::Wrong);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        assert_eq!(state(), State::Look, "no journal");
        fs::write(dir.path().join("journal"), "x").expect("written");
        assert_eq!(state(), State::Ok);
        assert_eq!(look(&path)[0].state, State::Wrong, "a file is no directory");
        assert_eq!(look(Path::new("/nonexistent/x"))[0].state, State::Wrong);
    }
}
