//! Time, as callers hand it in: the core has no clock of its own.

/// Now, by both clocks of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds by a clock that never goes back, from any start. Leases and intervals live by
    /// it.
    pub mono_ms: u64,
    /// Seconds since 1970 by the wall clock. It seeds the first epoch and is shown to people; it
    /// never decides anything between statements.
    pub unix_s: u64,
}
