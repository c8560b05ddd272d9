//! The end of a node: says that it leaves, brings everything to disk, and stops.

use std::time::Duration;

use tracing::{info, warn};

use super::{Driver, disk_thread_broke};
use crate::{disk::DiskReport, error::RunError};

/// How long others have to take note.
const SAYING_MS: u64 = 2_000;
/// Once they have, how long the last messages have to get out.
const LINGER_MS: u64 = 100;
/// How long the disk has to take the last writes.
const DISK_TIMEOUT: Duration = Duration::from_secs(10);

/// A node that is about to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    /// When it stops, whether or not others took note.
    until_ms: u64,
    /// Whether they did.
    heard: bool,
}

impl Leaving {
    /// When to look again.
    pub(super) fn next_ms(&self) -> u64 {
        self.until_ms
    }
}

impl Driver {
    /// Says that this node leaves.
    pub(super) fn begin_leaving(&mut self) {
        if self.leaving.is_some() {
            return;
        }
        let now = self.shared.clock.now();
        info!("leaving");
        self.leaving = Some(Leaving { until_ms: now.mono_ms + SAYING_MS, heard: false });
        // What is not imported yet is not answered either: its handle is told that the node
        // stopped.
        self.imports.clear();
        self.shared.tracker_mut().leave(now);
    }

    /// Whether the node has nothing more to say, or nobody to say it to.
    pub(super) fn has_left(&mut self) -> bool {
        let now_ms = self.shared.clock.mono_ms();
        let said = self.is_leave_said();
        let Some(leaving) = &mut self.leaving else { return false };
        if said && !leaving.heard {
            leaving.heard = true;
            leaving.until_ms = leaving.until_ms.min(now_ms + LINGER_MS);
        }
        now_ms >= leaving.until_ms
    }

    fn is_leave_said(&self) -> bool {
        // While the disk fails, what depends on it is not said, and cannot be waited for.
        let on_disk = self.synced >= self.must_sync || self.shared.fault().is_some();
        on_disk && self.requests_under_way == 0 && self.shared.tracker().is_leave_acknowledged()
    }

    /// Brings everything to disk. The network is gone when this returns.
    pub(super) async fn finish(mut self) -> Result<(), RunError> {
        self.commands.close();
        self.disk.finish();
        self.network.close().await;
        let report = match tokio::time::timeout(DISK_TIMEOUT, self.last_report()).await {
            Ok(report) => report.ok_or_else(disk_thread_broke)?,
            Err(_elapsed) => return Err(RunError::Disk("the disk does not answer".to_owned())),
        };
        self.handle_disk(report.clone());
        self.answer_waiting();
        match report.fault {
            None => Ok(()),
            Some(reason) => {
                warn!(reason, "stopped with changes that are not on disk");
                Err(RunError::Disk(reason))
            }
        }
    }

    async fn last_report(&mut self) -> Option<DiskReport> {
        loop {
            let report = self.reports.recv().await?;
            if report.finished {
                return Some(report);
            }
        }
    }
}
