//! The threads of a node.
//!
//! Invariants:
//! - signals of the process are for the program's own threads: the node's take none, so no handler
//!   of the program runs on them, and a write to a connection that was cut, which may raise SIGPIPE,
//!   ends nobody's process;
//! - no signal's disposition is changed.

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
    builder.thread_name("rollbook").on_thread_start(block_signals).enable_all().build()
}

/// Lets the calling thread take no signals from outside.
fn block_signals() {
    let mut all = core::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is filled before anything is taken out of it, and is only read after that.
    // The functions cannot fail on a set and signals that exist.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        for signal in OF_THE_THREAD {
            libc::sigdelset(all.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), core::ptr::null_mut());
    }
}
