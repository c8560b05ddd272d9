//! A journal in memory, in the place of a flash chip.

use embedded_io::{ErrorKind, ErrorType, Write};

/// How many bytes there are.
const SIZE: usize = 64 * 1024;

/// Bytes that are only appended.
pub(crate) struct Flash {
    bytes: [u8; SIZE],
    used: usize,
}

impl Flash {
    pub(crate) const fn new() -> Flash {
        Flash { bytes: [0; SIZE], used: 0 }
    }

    /// What was written.
    pub(crate) fn written(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Forgets what follows the first `size` bytes.
    pub(crate) fn truncate(&mut self, size: usize) {
        self.used = self.used.min(size);
    }
}

impl ErrorType for Flash {
    type Error = ErrorKind;
}

impl Write for Flash {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let room = &mut self.bytes[self.used..];
        let size = bytes.len().min(room.len());
        if size == 0 && !bytes.is_empty() {
            return Err(ErrorKind::OutOfMemory);
        }
        room[..size].copy_from_slice(&bytes[..size]);
        self.used += size;
        Ok(size)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
