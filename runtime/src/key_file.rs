//! The file `identity.key`.
//!
//! Invariant: it appears whole, readable by its owner only, and is on disk before it is used.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use crate::{
    data_dir::{self, DataDir, MODE_PRIVATE},
    files,
    identity::IdentityError,
};

/// A key file is a few dozen bytes; what is longer is something else.
const KEY_FILE_SIZE_MAX: u64 = 4096;

/// The bytes of a key file that only its owner can read; `None` if there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, IdentityError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_error(path, source)),
    };
    if !metadata.is_file() || metadata.len() > KEY_FILE_SIZE_MAX {
        let reason = "it is not a small file".to_owned();
        return Err(IdentityError::Content { path: path.to_owned(), reason });
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::TooOpen { path: path.to_owned(), mode });
    }
    fs::read(path).map(Some).map_err(|source| io_error(path, source))
}

/// Writes a temporary file and renames it, so that a crash leaves a whole key or none.
pub(crate) fn write<D: DataDir>(dir: &D, bytes: &[u8]) -> io::Result<()> {
    data_dir::write_whole(dir, files::KEY_NEW, MODE_PRIVATE, bytes)?;
    // Under the directory's lock, and after a look: nothing is replaced here.
    dir.rename(files::KEY_NEW, files::KEY)?;
    dir.sync()
}

/// What the system said about a key file.
pub(crate) fn io_error(path: &Path, source: io::Error) -> IdentityError {
    IdentityError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        Identity::open_or_create(dir.path(), None).expect("it is made");
        let path = dir.path().join(files::KEY);
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
        set_mode(&path, 0o640);
        let error = Identity::open(dir.path()).expect_err("others can read it");
        let chmod = format!("run `chmod 600 {}`", path.display());
        assert!(error.to_string().ends_with(&chmod), "{error}");
        set_mode(&path, 0o400);
        assert!(Identity::open(dir.path()).is_ok());
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_kept() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join(files::KEY);
        for content in [&b""[..], b"no key", &[0; 5000], &[8, 0, 18, 1, 7]] {
            fs::write(&path, content).expect("it is written");
            set_mode(&path, 0o600);
            let error = Identity::open_or_create(dir.path(), None).expect_err("it is no key");
            assert!(matches!(error, IdentityError::Content { .. }), "{error}");
            assert_eq!(fs::read(&path).expect("it is read"), content);
        }
    }
}
