//! The node's clocks: the only place that reads them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rollbook_core::Now;
use tokio::time::Instant;

/// Counts milliseconds since it was made, and knows the wall clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn new() -> Clock {
        Clock { start: Instant::now() }
    }

    /// Now, by both clocks. A wall clock before 1970 counts as 1970.
    pub(crate) fn now(&self) -> Now {
        let unix_s =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Now { mono_ms: self.mono_ms(), unix_s }
    }

    /// Milliseconds by the clock that never goes back.
    pub(crate) fn mono_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// When the clock will show `mono_ms`.
    pub(crate) fn instant(&self, mono_ms: u64) -> Instant {
        // A deadline beyond what the system can count is a very long time away.
        const FAR: Duration = Duration::from_secs(86_400 * 365);
        self.start.checked_add(Duration::from_millis(mono_ms)).unwrap_or_else(|| self.start + FAR)
    }
}
