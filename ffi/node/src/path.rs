//! Paths as bytes.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::PathBuf};

use rollbook_c::ROLLBOOK_E_ARGUMENT;

use crate::support::{self, Answer, Code};

/// The path at `pointer`: any bytes but zeros; nothing for one of no bytes.
///
/// # Safety
///
/// As for [`support::bytes`].
pub(crate) unsafe fn read(pointer: *const u8, size: usize) -> Answer<Option<PathBuf>> {
    // SAFETY: the caller vouches for it.
    let bytes = unsafe { support::bytes(pointer, size) }?;
    if bytes.contains(&0) {
        return Err(Code(ROLLBOOK_E_ARGUMENT));
    }
    Ok((!bytes.is_empty()).then(|| OsStr::from_bytes(bytes).into()))
}
