//! What the network's threads have to say, for `logging` of Python.
//!
//! They put lines into a bounded queue and go on; a thread of Python takes them out. So nobody waits
//! for the GIL who holds a lock, and nothing is lost silently: what finds no room is counted.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    sync::{
        Condvar, Mutex, Once, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use pyo3::prelude::*;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    subscriber::Interest,
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt as _},
};

use crate::error::guarded;

/// How many lines wait at most.
const LINES_MAX: usize = 1024;
/// The crates whose lines are of interest.
const TARGET: &str = "rollbook";
/// How long a reader waits before it looks whether it is to stop.
const STEP: Duration = Duration::from_millis(200);

/// The levels of Python and those of tracing, the quietest first.
const LEVELS: [(u8, Level); 5] = [
    (40, Level::ERROR),
    (30, Level::WARN),
    (20, Level::INFO),
    (10, Level::DEBUG),
    (5, Level::TRACE),
];

/// How many of `LEVELS` are on.
static LEVELS_ON: AtomicUsize = AtomicUsize::new(0);
static LINES_LOST: AtomicU64 = AtomicU64::new(0);
static LINES: Mutex<Lines> = Mutex::new(Lines { waiting: VecDeque::new(), is_stopped: false });
static ARRIVED: Condvar = Condvar::new();

/// A line: its level as Python has it, its module, its text.
type Line = (u8, &'static str, String);

struct Lines {
    waiting: VecDeque<Line>,
    is_stopped: bool,
}

struct Bridge;

impl<S: Subscriber> Layer<S> for Bridge {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The level may change at any time.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let count = LEVELS_ON.load(Ordering::Relaxed);
        let is_on = LEVELS[..count].iter().any(|(_, level)| level == metadata.level());
        is_on && metadata.target().starts_with(TARGET)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let count = LEVELS_ON.load(Ordering::Relaxed);
        let loudest = count.checked_sub(1).map(|last| LevelFilter::from_level(LEVELS[last].1));
        Some(loudest.unwrap_or(LevelFilter::OFF))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let level = LEVELS.iter().find(|(_, level)| level == metadata.level());
        let Some((level, _)) = level else { return };
        let mut text = Text(String::new());
        event.record(&mut text);
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.waiting.len() >= LINES_MAX || lines.is_stopped {
            LINES_LOST.fetch_add(1, Ordering::Relaxed);
            return;
        }
        lines.waiting.push_back((*level, metadata.target(), text.0));
        drop(lines);
        ARRIVED.notify_one();
    }
}

/// The message, then the fields.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let space = if self.0.is_empty() { "" } else { " " };
        let written = match field.name() {
            "message" => {
                let rest = std::mem::take(&mut self.0);
                let space = if rest.is_empty() { "" } else { " " };
                write!(self.0, "{value:?}{space}{rest}")
            }
            name => write!(self.0, "{space}{name}={value:?}"),
        };
        // Memory takes all.
        let _ = written;
    }
}

/// Says what is to be logged from now on: lines of this level of Python's and above; 0 is nothing.
#[pyfunction]
pub(crate) fn set_log_level(level: u8) -> PyResult<()> {
    static INSTALLED: Once = Once::new();
    guarded(|| {
        let count = match level {
            0 => 0,
            level => LEVELS.iter().filter(|(known, _)| *known >= level).count(),
        };
        LEVELS_ON.store(count, Ordering::Relaxed);
        LINES.lock().unwrap_or_else(PoisonError::into_inner).is_stopped = false;
        INSTALLED.call_once(|| {
            // Nobody else in this module sets one.
            let _ = tracing::subscriber::set_global_default(Registry::default().with(Bridge));
        });
        tracing::callsite::rebuild_interest_cache();
        Ok(())
    })
}

/// Waits a moment for lines: those that came, how many were lost so far, and whether to go on.
#[pyfunction]
pub(crate) fn take_log_records(py: Python<'_>) -> PyResult<(Vec<Line>, u64, bool)> {
    guarded(|| {
        Ok(py.detach(|| {
            let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
            let is_idle = |lines: &mut Lines| lines.waiting.is_empty() && !lines.is_stopped;
            let waited = ARRIVED.wait_timeout_while(lines, STEP, is_idle);
            let (mut lines, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let taken = lines.waiting.drain(..).collect();
            (taken, LINES_LOST.load(Ordering::Relaxed), !lines.is_stopped)
        }))
    })
}

/// Lets whoever takes lines end.
#[pyfunction]
pub(crate) fn stop_logging() {
    LEVELS_ON.store(0, Ordering::Relaxed);
    LINES.lock().unwrap_or_else(PoisonError::into_inner).is_stopped = true;
    ARRIVED.notify_all();
}
