//! Waiting for the network's threads from a thread of Python's.
//!
//! Futures are polled on the thread that waits, without the GIL, and in short steps: after each of
//! them Python may raise what Ctrl-C left behind. A future that is given up is dropped.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use pyo3::prelude::*;

use crate::error::{Failure, guarded};

/// How long Ctrl-C goes unnoticed at most.
const STEP: Duration = Duration::from_millis(50);
/// Longer than anybody waits: what is beyond it is for ever.
const LONGEST_S: f64 = 1e9;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Until when to wait; `None` is for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// So many seconds from now.
    pub(crate) fn after(timeout: Option<f64>) -> Result<Deadline, Failure> {
        let Some(seconds) = timeout else { return Ok(Deadline(None)) };
        if seconds.is_nan() {
            return Err(Failure::argument("the timeout is not a number"));
        }
        if seconds > LONGEST_S {
            return Ok(Deadline(None));
        }
        Ok(Deadline(Some(Instant::now() + Duration::from_secs_f64(seconds.max(0.0)))))
    }

    /// How long to wait before looking around.
    pub(crate) fn step(self) -> Duration {
        self.0.map_or(STEP, |end| end.saturating_duration_since(Instant::now()).min(STEP))
    }

    pub(crate) fn is_over(self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }
}

/// Polls until it is ready, or a step is over.
pub(crate) fn poll_for<F: Future>(mut future: Pin<&mut F>, step: Duration) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let end = Instant::now() + step;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}

/// Waits for a future; a deadline that passes first is an error. `op` is what is waited for.
pub(crate) fn wait<F: Future + Send>(
    py: Python<'_>,
    op: &str,
    future: F,
    deadline: Deadline,
    is_given_up: impl Fn() -> bool,
) -> PyResult<F::Output>
where
    F::Output: Send,
{
    let mut future = pin!(future);
    loop {
        let polled = guarded(|| Ok(py.detach(|| poll_for(future.as_mut(), deadline.step()))))?;
        if let Some(output) = polled {
            return Ok(output);
        }
        py.check_signals()?;
        if is_given_up() {
            return Err(Failure::closed("node").into());
        }
        if deadline.is_over() {
            let message = format!("{op} took longer than it was given");
            return Err(Failure::new("TIMEOUT", "Timeout", message).into());
        }
    }
}
