//! A descriptor that can be waited on beside others: readable while there is something to do.
//!
//! It is one end of a pair of sockets, and what makes it readable is a single byte in it, so neither
//! end ever has to wait.

use std::{
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, RawFd},
        unix::net::UnixStream,
    },
};

/// Readable or not.
#[derive(Debug)]
pub(crate) struct Wakeup {
    inside: UnixStream,
    outside: UnixStream,
    is_set: bool,
}

impl Wakeup {
    /// Not readable yet.
    pub(crate) fn new() -> io::Result<Wakeup> {
        let (inside, outside) = UnixStream::pair()?;
        inside.set_nonblocking(true)?;
        outside.set_nonblocking(true)?;
        Ok(Wakeup { inside, outside, is_set: false })
    }

    /// What a program waits on.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.outside.as_raw_fd()
    }

    /// Makes it readable, or no longer so.
    pub(crate) fn set(&mut self, wanted: bool) {
        if wanted == self.is_set {
            return;
        }
        self.is_set = wanted;
        // Neither waits nor fails, unless the program took the byte away: then it waits in vain.
        let _ = match wanted {
            true => self.inside.write(&[1]),
            false => self.outside.read(&mut [0]),
        };
    }
}
