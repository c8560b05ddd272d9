//! The threads of a node.
//!
//! Invariants:
//! - signals of the process are for the program's own threads: the node's take none, so no handler
//!   of the program runs on them, and a write to a connection that was cut, which may raise SIGPIPE,
//!   ends nobody's process;
//! - no signal's disposition is changed.

use core::mem::MaybeUninit;
use std::io;

use tokio::runtime::{Builder, Runtime};

/// What a fault of the thread itself raises: blocked, it would end the process without a trace.
const OF_THE_THREAD: [libc::c_int; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGABRT];

/// Threads for one node: `count` of them, or one for each processor where that is 0. Threads that
/// these make take no signals either.
pub(crate) fn start(count: u32) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(count) = usize::try_from(count).ok().filter(|count| *count > 0) {
        builder.worker_threads(count);
    }
    builder.thread_name("rollbook").enable_all();
    // A thread begins with what the one that makes it takes, so there is no moment in which it takes
    // more. Those that the first ones make are made as these are.
    let _blocked = Blocked::new();
    builder.build()
}

/// While it is there, the calling thread takes no signals from outside.
struct Blocked {
    /// Which ones it did not take before.
    before: libc::sigset_t,
}

impl Blocked {
    fn new() -> Blocked {
        let mut all = MaybeUninit::<libc::sigset_t>::zeroed();
        let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: the sets are valid for writing, and any bits are one. The functions cannot fail on
        // sets and signals that exist.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            for signal in OF_THE_THREAD {
                libc::sigdelset(all.as_mut_ptr(), signal);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr());
            Blocked { before: before.assume_init() }
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the set is one, and nothing is asked for.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, core::ptr::null_mut());
        }
    }
}
