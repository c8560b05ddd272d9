//! What a node measures of its own work, for its operator's graphs.
//!
//! Invariants:
//! - every figure only grows while the node runs, and begins at zero with each start;
//! - measuring never waits: counts are atomic, and a lock is held for a few instructions.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rollbook_core::PeerId;

use crate::watch::EventKind;

/// Upper bounds of the classes in [`SyncTimes`], in seconds; what is above the last is in none.
pub const SYNC_BOUNDS_S: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Bytes of messages, without what the transport adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that came.
    pub bytes_in: u64,
    /// Bytes that went.
    pub bytes_out: u64,
}

/// How long the disk took to confirm what had to be on it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SyncTimes {
    /// How often.
    pub count: u64,
    /// How long in all, in seconds.
    pub sum_s: f64,
    /// How often within each of [`SYNC_BOUNDS_S`] and above the one before it.
    pub classes: [u64; SYNC_BOUNDS_S.len()],
}

/// What a node counted of its own work since its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures {
    /// How often each kind of event happened, by its name.
    pub events: BTreeMap<&'static str, u64>,
    /// Messages by gossip.
    pub gossip: Traffic,
    /// Requests and responses of synchronisation.
    pub sync: Traffic,
    /// How often a home was replaced by another one.
    pub failovers: u64,
    /// How long the journal's syncs took.
    pub journal_syncs: SyncTimes,
}

/// Counts bytes in both directions.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Meter {
    pub(crate) fn received(&self, size: usize) {
        self.bytes_in.fetch_add(size as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, size: usize) {
        self.bytes_out.fetch_add(size as u64, Ordering::Relaxed);
    }

    fn read(&self) -> Traffic {
        Traffic {
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
        }
    }
}

/// Where the driver counts.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    pub(crate) gossip: Meter,
    pub(crate) sync: Meter,
    events: Mutex<Events>,
    journal_syncs: Mutex<SyncTimes>,
}

#[derive(Debug, Default)]
struct Events {
    by_kind: BTreeMap<&'static str, u64>,
    last_home: Option<PeerId>,
    failovers: u64,
}

impl Meters {
    /// An event happened, about this node or authority.
    pub(crate) fn happened(&self, kind: EventKind, about: Option<PeerId>) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        *events.by_kind.entry(kind.name()).or_default() += 1;
        let (EventKind::HomeChanged, Some(home)) = (kind, about) else { return };
        // Losing a home and having the same again is no failover, nor is the first.
        if events.last_home.is_some_and(|last| last != home) {
            events.failovers += 1;
        }
        events.last_home = Some(home);
    }

    /// The disk confirmed what had to be on it.
    pub(crate) fn journal_synced(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut times = self.journal_syncs.lock().unwrap_or_else(PoisonError::into_inner);
        times.count += 1;
        times.sum_s += seconds;
        if let Some(class) = SYNC_BOUNDS_S.iter().position(|bound| seconds <= *bound) {
            times.classes[class] += 1;
        }
    }

    pub(crate) fn read(&self) -> Measures {
        // What never happened is a figure too.
        let mut by_kind: BTreeMap<_, _> =
            EventKind::ALL.iter().map(|kind| (kind.name(), 0)).collect();
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        by_kind.extend(&events.by_kind);
        Measures {
            events: by_kind,
            gossip: self.gossip.read(),
            sync: self.sync.read(),
            failovers: events.failovers,
            journal_syncs: *self.journal_syncs.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Option<PeerId> {
        Some(text.parse().expect("a peer id"))
    }

    #[test]
    fn only_another_home_is_a_failover() {
        let one = peer("16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9");
        let other = peer("16Uiu2HAm9Nkz9kEMnL1YqPTtXZHQZ1E9rhquwSqKNsUViqTojLZt");
        let meters = Meters::default();
        for home in [one, None, one, other, None, one] {
            meters.happened(EventKind::HomeChanged, home);
        }
        let read = meters.read();
        assert_eq!((read.failovers, read.events["homeChanged"]), (2, 6));
        assert_eq!(read.events["joined"], 0, "what never happened is shown");
    }

    #[test]
    fn each_sync_is_in_one_class_and_the_slowest_in_none() {
        let meters = Meters::default();
        for ms in [0, 1, 2, 30, 60_000] {
            meters.journal_synced(Duration::from_millis(ms));
        }
        let times = meters.read().journal_syncs;
        assert_eq!(times.count, 5);
        assert_eq!(times.classes, [2, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert!(times.sum_s > 60.0);
    }
}
