//! What a tracker shows of its state, to see that something left all as it was.

use rollbook_core::{MAX_FRAME, MAX_GOSSIP, Now, storage::Storage};

use super::{Cluster, Tracker};

impl<S: Storage> Cluster<S> {
    /// Asks something of `node` that must leave all as it was: what it holds, shows and counts, its
    /// journal, gossip and events.
    #[track_caller]
    pub(crate) fn assert_changes_nothing<R>(
        &mut self,
        node: usize,
        ask: impl FnOnce(&mut Tracker<S>, Now) -> R,
    ) -> R {
        self.settle();
        let now = self.now();
        let tracker = self.tracker(node);
        let before = picture(tracker, now);
        let answer = ask(tracker, now);
        assert_eq!(picture(tracker, now), before);
        assert!(tracker.poll_journal(&mut [0; MAX_FRAME]).is_none(), "a frame");
        assert!(tracker.poll_publication(&mut [0; MAX_GOSSIP]).is_none(), "gossip");
        assert!(tracker.poll_event(now).is_none(), "an event");
        answer
    }
}

/// All that can be read of a tracker.
fn picture<S: Storage>(tracker: &Tracker<S>, now: Now) -> String {
    let nodes: Vec<_> = tracker.nodes(now).collect();
    let leases = tracker.authority().map(|authority| authority.lease_count());
    let (status, counters, durable) = (tracker.status(now), tracker.counters(), tracker.durable());
    format!("{status:?}\n{nodes:?}\n{counters:?}\n{durable} {leases:?} {}", tracker.announced())
}
