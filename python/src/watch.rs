//! Follows the events of a node: in batches, and by a descriptor that becomes readable.

use std::{
    io::Write as _,
    os::{fd::IntoRawFd as _, unix::net::UnixStream},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use pyo3::prelude::*;
use rollbook::{Lagged, NodeHandle, NumberedEvent};
use tokio::{runtime::Handle, task::AbortHandle};

use crate::{
    error::{Failure, guarded},
    wait::{self, Deadline},
};

/// How an event reaches Python: number, time, kind, node.
type EventParts = (u64, u64, &'static str, Option<String>);

/// A reader of a node's events. It holds nothing up: one that is too slow is told what it lost.
#[pyclass(frozen, module = "rollbook._native")]
pub(crate) struct Watch {
    watch: Mutex<rollbook::Watch>,
    handle: NodeHandle,
    runtime: Handle,
    /// The node was closed.
    closed: Arc<AtomicBool>,
    /// No event follows.
    ended: AtomicBool,
    waker: Mutex<Option<AbortHandle>>,
}

/// Some events that came, how many were lost before them, and whether these are the last.
#[derive(Default)]
struct Batch {
    events: Vec<NumberedEvent>,
    lost: u64,
    ended: bool,
}

impl Watch {
    pub(crate) fn new(
        handle: NodeHandle,
        runtime: Handle,
        closed: Arc<AtomicBool>,
        after: Option<u64>,
    ) -> Watch {
        Watch {
            watch: Mutex::new(handle.watch(after)),
            handle,
            runtime,
            closed,
            ended: AtomicBool::new(false),
            waker: Mutex::new(None),
        }
    }

    /// Waits for the first event, and takes those that are there besides it.
    async fn batch(watch: &mut rollbook::Watch, count_max: usize) -> Batch {
        let mut batch = Batch::default();
        let mut next = watch.next().await;
        loop {
            match next {
                None => batch.ended = true,
                Some(Err(Lagged { lost })) => batch.lost = lost,
                Some(Ok(event)) => batch.events.push(event),
            }
            // What was lost comes before what follows it.
            if batch.ended || batch.lost > 0 || batch.events.len() >= count_max {
                return batch;
            }
            next = match ready(watch.next()).await {
                Some(next) => next,
                None => return batch,
            };
        }
    }
}

/// What a future gives at once; nothing if it would have to wait.
async fn ready<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[pymethods]
impl Watch {
    /// Waits for events: the events, how many were lost before them, and whether the node ended.
    /// Nothing where the time is over first.
    #[pyo3(signature = (count_max, timeout))]
    fn take(
        &self,
        py: Python<'_>,
        count_max: usize,
        timeout: Option<f64>,
    ) -> PyResult<(Vec<EventParts>, u64, bool)> {
        let deadline = Deadline::after(timeout)?;
        let mut batch = None;
        while batch.is_none() && !self.ended.load(Ordering::Acquire) {
            // The lock is given back after each step, so that several threads may wait in turn.
            batch = guarded(|| {
                let taken = py.detach(|| {
                    let mut watch = self.watch.lock().map_err(|_poisoned| Failure::poisoned())?;
                    let batch = pin!(Watch::batch(&mut watch, count_max.max(1)));
                    Ok::<_, Failure>(wait::poll_for(batch, deadline.step()))
                });
                Ok(taken?)
            })?;
            if batch.is_none() {
                // What was taken already would be lost by an exception.
                py.check_signals()?;
            }
            let is_closed = self.closed.load(Ordering::Acquire);
            if batch.is_none() && is_closed {
                batch = Some(Batch { ended: true, ..Batch::default() });
            } else if deadline.is_over() {
                break;
            }
        }
        let ended_before = self.ended.load(Ordering::Acquire);
        let batch = batch.unwrap_or(Batch { ended: ended_before, ..Batch::default() });
        if batch.ended {
            self.ended.store(true, Ordering::Release);
        }
        let parts = |event: &NumberedEvent| {
            let peer_id = event.peer_id.map(|peer| peer.to_string());
            (event.id, event.at, event.kind.name(), peer_id)
        };
        Ok((batch.events.iter().map(parts).collect(), batch.lost, batch.ended))
    }

    /// A descriptor, the caller's to close, that becomes readable whenever there may be something to
    /// take, and at the end of the node.
    fn wake_descriptor(&self) -> PyResult<i32> {
        guarded(|| {
            let io = |error: std::io::Error| Failure::new("IO", "Io", format!("wake-up: {error}"));
            let (ours, theirs) = UnixStream::pair().map_err(io)?;
            ours.set_nonblocking(true).map_err(io)?;
            theirs.set_nonblocking(true).map_err(io)?;
            let mut news = self.handle.watch(None);
            let waking = self.runtime.spawn(async move {
                let mut ours = ours;
                // A full pipe wakes as well as one more byte would.
                while news.next().await.is_some() && keeps_open(ours.write(&[1])) {}
            });
            let mut waker = self.waker.lock().map_err(|_poisoned| Failure::poisoned())?;
            if let Some(earlier) = waker.replace(waking.abort_handle()) {
                earlier.abort();
            }
            Ok(theirs.into_raw_fd())
        })
    }

    /// Whether no event follows.
    #[getter]
    fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Ends this reader; whoever waits is told that nothing follows.
    fn close(&self) {
        self.ended.store(true, Ordering::Release);
        if let Ok(mut waker) = self.waker.lock()
            && let Some(waking) = waker.take()
        {
            waking.abort();
        }
    }
}

/// Whether the other side still reads.
fn keeps_open(written: std::io::Result<usize>) -> bool {
    match written {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.close();
    }
}
