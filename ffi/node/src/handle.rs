//! The handle of a running node: shared by any number of calls, freed when none is in it.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::{
    future::Future,
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, sync_channel},
    },
    time::Duration,
};

use rollbook::{CommandError, NodeHandle, RunError};
use rollbook_c::{
    ROLLBOOK_E_ARGUMENT, ROLLBOOK_E_BUSY, ROLLBOOK_E_CLOSED, ROLLBOOK_E_CONFIG, ROLLBOOK_E_FULL,
    ROLLBOOK_E_HANDLE, ROLLBOOK_E_IO, ROLLBOOK_E_IS_AUTHORITY, ROLLBOOK_E_KEY,
    ROLLBOOK_E_NOT_AUTHORITY, ROLLBOOK_E_NULL, ROLLBOOK_E_PANIC, ROLLBOOK_E_POISONED,
    ROLLBOOK_E_RECOVERING, ROLLBOOK_E_TIMEOUT, ROLLBOOK_E_UNKNOWN_NODE, ROLLBOOK_OK,
};
use tokio::runtime::Runtime;

use crate::{
    events::Events,
    support::{Answer, Code, caught, number},
};

/// A running node: a tracker with a network, files, a clock and threads of its own.
///
/// A handle may be used by any thread, and by several at the same time. Only
/// `rollbook_runtime_free` wants to be alone.
#[allow(missing_debug_implementations, reason = "it stands for memory of another form")]
pub struct rollbook_runtime_t {
    _private: [u8; 0],
}

/// A time to wait that does not end.
pub const ROLLBOOK_FOREVER: u32 = 0xffff_ffff;

/// How long `rollbook_runtime_free` waits at most for a node to leave: longer than a node takes
/// whose disk works.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(10);
/// How long the node's threads are waited for, once it has left: none has much to do.
const THREADS_TIME_MAX: Duration = Duration::from_secs(2);

/// What the upper half of a live handle's state is. Foreign and freed ones have another, in most
/// cases. The lower half counts the calls that are under way.
const MAGIC: u64 = 0x524f_4c4c_0000_0000;
const CALLS: u64 = 0xffff_ffff;

/// What a pointer to a handle points to.
#[repr(C)]
pub(crate) struct Handle {
    state: AtomicU64,
    is_poisoned: AtomicBool,
    node: Node,
}

/// A node with what the calls of C need to know of it.
pub(crate) struct Node {
    pub(crate) handle: NodeHandle,
    pub(crate) events: Arc<Events>,
    pub(crate) runtime: Runtime,
}

impl Handle {
    /// A handle on the heap, with no call under way.
    pub(crate) fn boxed(node: Node) -> *mut rollbook_runtime_t {
        let state = AtomicU64::new(MAGIC);
        let handle = Handle { state, is_poisoned: AtomicBool::new(false), node };
        Box::into_raw(Box::new(handle)).cast()
    }
}

impl Node {
    /// Does `work` on the node's threads and waits for what it gives, at most `timeout_ms`. Work
    /// that takes longer is given up where it stands.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        timeout_ms: u32,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Answer<T> {
        let (result_in, result) = sync_channel(1);
        let task = self.runtime.spawn(async move {
            // Whoever no longer waits does not need it.
            let _ = result_in.send(work.await);
        });
        let waited = match time_to_wait(timeout_ms) {
            Some(time) => result.recv_timeout(time),
            None => result.recv().map_err(|_gone| RecvTimeoutError::Disconnected),
        };
        waited.map_err(|why| match why {
            RecvTimeoutError::Timeout => {
                task.abort();
                Code(ROLLBOOK_E_TIMEOUT)
            }
            // The threads outlive every call, so the work itself failed.
            RecvTimeoutError::Disconnected => Code(ROLLBOOK_E_PANIC),
        })
    }

    /// Gives the node a command and waits until it is carried out.
    pub(crate) fn command<T: Send + 'static, W>(
        &self,
        timeout_ms: u32,
        command: impl FnOnce(NodeHandle) -> W,
    ) -> Answer<Result<T, CommandError>>
    where
        W: Future<Output = Result<T, CommandError>> + Send + 'static,
    {
        self.run(timeout_ms, command(self.handle.clone()))
    }

    /// Lets the node leave; says how it ended, if it has within `timeout_ms`.
    fn stop(&self, timeout_ms: u32) -> Answer {
        let leaving = self.handle.clone();
        // Whether anybody waits or not: what has begun to leave leaves.
        self.runtime.spawn(async move { leaving.leave().await });
        let stopped = self.handle.clone();
        let ended = self.run(timeout_ms, async move { stopped.stopped().await })?;
        // Who is told that it has stopped sees that of the events too.
        self.events.await_end(THREADS_TIME_MAX);
        ended.map_err(|why| {
            Code(match why {
                RunError::Panicked(_) => ROLLBOOK_E_PANIC,
                RunError::Disk(_) => ROLLBOOK_E_IO,
                _ => ROLLBOOK_E_CLOSED,
            })
        })
    }
}

/// How long to wait; nothing for as long as it takes.
pub(crate) fn time_to_wait(timeout_ms: u32) -> Option<Duration> {
    (timeout_ms != ROLLBOOK_FOREVER).then(|| Duration::from_millis(timeout_ms.into()))
}

/// The code of a command that was not carried out.
pub(crate) fn refused(why: &CommandError) -> Code {
    Code(match why {
        CommandError::NotAuthority => ROLLBOOK_E_NOT_AUTHORITY,
        CommandError::UnknownGrant(_) | CommandError::UnknownCounter(_) => ROLLBOOK_E_ARGUMENT,
        CommandError::UnknownNode => ROLLBOOK_E_UNKNOWN_NODE,
        CommandError::IsAuthority => ROLLBOOK_E_IS_AUTHORITY,
        CommandError::UnsupportedKey => ROLLBOOK_E_KEY,
        CommandError::Full | CommandError::Announcement(_) => ROLLBOOK_E_FULL,
        CommandError::Recovering => ROLLBOOK_E_RECOVERING,
        CommandError::Disk(_) => ROLLBOOK_E_IO,
        CommandError::Stopped => ROLLBOOK_E_CLOSED,
        _ => ROLLBOOK_E_CONFIG,
    })
}

/// Runs the body of a function on the node of `handle`, beside others, and never after a panic.
///
/// # Safety
///
/// `handle` is NULL, or points to memory that can be read and written, in which a handle is or was.
pub(crate) unsafe fn enter(
    handle: *mut rollbook_runtime_t,
    body: impl FnOnce(&Node) -> Answer,
) -> i32 {
    // SAFETY: the caller vouches for it.
    let handle = match unsafe { entered(handle) } {
        Ok(handle) => handle,
        Err(Code(code)) => return code,
    };
    let answer = if handle.is_poisoned.load(Ordering::Acquire) {
        ROLLBOOK_E_POISONED
    } else {
        caught(|| body(&handle.node)).map_or(ROLLBOOK_E_PANIC, number)
    };
    if answer == ROLLBOOK_E_PANIC {
        handle.is_poisoned.store(true, Ordering::Release);
    }
    handle.state.fetch_sub(1, Ordering::Release);
    answer
}

/// The handle, with one call more under way: it stays until that is taken back.
///
/// # Safety
///
/// As for [`enter`].
unsafe fn entered<'a>(handle: *mut rollbook_runtime_t) -> Answer<&'a Handle> {
    // SAFETY: the caller vouches for it.
    let state = unsafe { state(handle) }?;
    let entered = state.fetch_update(Ordering::Acquire, Ordering::Relaxed, |state| {
        (state & !CALLS == MAGIC && state & CALLS < CALLS).then_some(state + 1)
    });
    match entered {
        // SAFETY: a live handle is a whole one, and from now on it is not freed.
        Ok(_) => Ok(unsafe { &*handle.cast::<Handle>() }),
        Err(_) => Err(Code(ROLLBOOK_E_HANDLE)),
    }
}

/// The state of what may be a handle.
///
/// # Safety
///
/// As for [`enter`].
unsafe fn state<'a>(handle: *mut rollbook_runtime_t) -> Answer<&'a AtomicU64> {
    let handle = handle.cast::<Handle>();
    if handle.is_null() {
        return Err(Code(ROLLBOOK_E_NULL));
    }
    if !handle.is_aligned() {
        return Err(Code(ROLLBOOK_E_HANDLE));
    }
    // SAFETY: it is aligned, and the caller vouches that it can be read; any bits are a state.
    Ok(unsafe { &*core::ptr::addr_of!((*handle).state) })
}

/// Says that this node leaves, brings everything to disk and stops: within a few seconds, where the
/// disk works. Calls of other threads that wait for events or commands then return. The roll can
/// still be read, as it was. To stop a node that has stopped does nothing, and says again how it
/// ended: also of one that ended by itself.
///
/// @param timeout_ms how long to wait for it; a node that has not stopped by then goes on stopping,
///        and the function may be called again to wait for more. `ROLLBOOK_FOREVER` waits until it
///        has stopped
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_TIMEOUT`; `ROLLBOOK_E_IO` where its last changes did not reach
///         the disk (nothing that was acknowledged is lost)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_stop(
    runtime: *mut rollbook_runtime_t,
    timeout_ms: u32,
) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe { enter(runtime, |node| node.stop(timeout_ms)) }
}

/// Frees a handle, once no call of another thread is in it and none begins any more. A node that
/// runs is stopped first, as by `rollbook_runtime_stop`, for at most some ten seconds. NULL is no
/// error and does nothing.
///
/// @return `ROLLBOOK_OK`, `ROLLBOOK_E_HANDLE`; `ROLLBOOK_E_BUSY` where another call has not
///         returned: nothing happened. Anything else says how the node stopped, as of
///         `rollbook_runtime_stop`: the handle is freed all the same
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_free(runtime: *mut rollbook_runtime_t) -> i32 {
    if runtime.is_null() {
        return ROLLBOOK_OK;
    }
    // SAFETY: the caller's pointer, as described.
    let state = match unsafe { state(runtime) } {
        Ok(state) => state,
        Err(Code(code)) => return code,
    };
    match state.compare_exchange(MAGIC, 0, Ordering::Acquire, Ordering::Relaxed) {
        Ok(_) => {}
        Err(state) if state & !CALLS == MAGIC => return ROLLBOOK_E_BUSY,
        Err(_) => return ROLLBOOK_E_HANDLE,
    }
    // SAFETY: it was live, no call is in it, and from now on none comes in.
    let handle = unsafe { Box::from_raw(runtime.cast::<Handle>()) };
    caught(|| end(handle.node)).map_or(ROLLBOOK_E_PANIC, number)
}

/// Stops a node, and ends its threads.
fn end(node: Node) -> Answer {
    let leave_ms = u32::try_from(LEAVE_TIME_MAX.as_millis()).unwrap_or(ROLLBOOK_FOREVER);
    let stopped = node.stop(leave_ms);
    let Node { handle, events, runtime } = node;
    drop((handle, events));
    runtime.shutdown_timeout(THREADS_TIME_MAX);
    stopped
}

/// Panics inside a call with this handle, for tests of what happens then.
///
/// # Safety
///
/// As for every function that takes a handle.
#[cfg(feature = "faults")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rollbook_runtime_panic(runtime: *mut rollbook_runtime_t) -> i32 {
    // SAFETY: the caller's pointer, as described.
    unsafe { enter(runtime, |_node| panic!("asked for by a test")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::rollbook_runtime_start_toml;

    #[test]
    fn a_handle_is_not_freed_while_a_call_is_in_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let toml = format!("data-dir = {:?}\nlisten = \"/ip4/127.0.0.1/tcp/0\"\n", dir.path());
        let mut runtime = core::ptr::null_mut();
        let no_error = core::ptr::null_mut();
        // SAFETY: the pointers are of what is here, and the handle is freed once.
        unsafe {
            let (text, size) = (toml.as_ptr(), toml.len());
            let started = rollbook_runtime_start_toml(text, size, &mut runtime, no_error);
            assert_eq!(started, ROLLBOOK_OK);
            let entered = enter(runtime, |_node| {
                assert_eq!(rollbook_runtime_free(runtime), ROLLBOOK_E_BUSY);
                assert_eq!(rollbook_runtime_stop(runtime, ROLLBOOK_FOREVER), ROLLBOOK_OK);
                Ok(())
            });
            assert_eq!(entered, ROLLBOOK_OK);
            assert_eq!(rollbook_runtime_free(runtime), ROLLBOOK_OK);
        }
    }
}
