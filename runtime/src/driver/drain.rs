//! Carries out what the tracker wants done.

use rollbook_core::{Event, HeapTracker, Now, PeerId};
use tracing::{debug, info, warn};

use super::Driver;
use crate::{event_log::NewEvent, journal_writer::Batch, watch::EventKind};

/// Requests that cannot even be sent fail at once, which may lead to more requests. The tracker
/// waits between attempts; this bounds what it could ask for in one go all the same.
const ROUNDS_MAX: usize = 16;

impl Driver {
    /// Drains the tracker's outputs, in its order.
    pub(super) fn drain(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let now = self.shared.clock.now();
            self.drain_journal();
            self.drain_publications();
            let unsent = self.drain_requests(now);
            self.drain_events(now);
            if unsent.is_empty() {
                break;
            }
            let mut tracker = self.shared.tracker_mut();
            for peer in &unsent {
                tracker.handle_request_failed(now, peer);
            }
        }
        self.answer_waiting();
    }

    fn drain_journal(&mut self) {
        let mut batch = Batch::default();
        let mut tracker = self.shared.tracker_mut();
        while let Some(frame) = tracker.poll_journal(&mut self.buffer) {
            batch.bytes.extend_from_slice(&self.buffer[..frame.len]);
            batch.position = frame.position;
            batch.must_sync |= frame.must_sync;
        }
        drop(tracker);
        if batch.must_sync {
            self.must_sync = batch.position;
        }
        if !batch.bytes.is_empty() {
            self.disk.append(batch);
        }
    }

    fn drain_publications(&mut self) {
        let mut tracker = self.shared.tracker_mut();
        while let Some(size) = tracker.poll_publication(&mut self.buffer) {
            self.shared.meters.gossip.sent(size);
            self.network.publish(&self.buffer[..size]);
        }
    }

    /// Sends requests; returns the peers to whom that was not possible.
    fn drain_requests(&mut self, now: Now) -> Vec<PeerId> {
        let mut unsent = Vec::new();
        let mut tracker = self.shared.tracker_mut();
        while let Some(request) = tracker.poll_request(now, &mut self.buffer) {
            let bytes = self.buffer[..request.len].to_vec();
            if self.network.request(&request.to, bytes) {
                self.shared.meters.sync.sent(request.len);
                self.requests_under_way += 1;
            } else {
                unsent.push(request.to);
            }
        }
        unsent
    }

    fn drain_events(&mut self, now: Now) {
        let mut events = Vec::new();
        let mut compaction_due = false;
        let mut tracker = self.shared.tracker_mut();
        while let Some(event) = tracker.poll_event(now) {
            if event == Event::CompactionDue {
                compaction_due = true;
            }
            if let Some((kind, peer_id)) = told(&event, &tracker) {
                events.push(NewEvent { at: now.unix_s, kind, peer_id });
            }
        }
        drop(tracker);
        for event in &events {
            self.shared.meters.happened(event.kind, event.peer_id);
            log(event);
        }
        if !events.is_empty() {
            self.disk.log(events);
        }
        if compaction_due {
            self.disk.compact();
        }
    }
}

/// What an application is told of an event.
fn told(event: &Event, tracker: &HeapTracker) -> Option<(EventKind, Option<PeerId>)> {
    Some(match event {
        Event::Joined { peer } => (EventKind::Joined, Some(*peer)),
        Event::Returned { peer } => (EventKind::Returned, Some(*peer)),
        Event::Left { peer } => (EventKind::Left, Some(*peer)),
        Event::Unknown { peer } => (EventKind::Unknown, Some(*peer)),
        Event::Changed { peer } => (EventKind::Changed, Some(*peer)),
        Event::Pending { peer } => (EventKind::Pending, Some(*peer)),
        Event::Admitted { peer } => (EventKind::Admitted, Some(*peer)),
        Event::Removed { peer } => (EventKind::Removed, Some(*peer)),
        Event::Banned { peer } => (EventKind::Banned, Some(*peer)),
        Event::Forgotten { peer } => (EventKind::Forgotten, Some(*peer)),
        Event::GrantsChanged { peer } => (EventKind::GrantsChanged, Some(*peer)),
        Event::Equivocation { writer, .. } => (EventKind::Equivocation, Some(*writer)),
        Event::DuplicateIdentity => (EventKind::DuplicateIdentity, Some(*tracker.peer_id())),
        Event::AuthorityInTouch { peer } => (EventKind::AuthorityInTouch, Some(*peer)),
        Event::AuthorityLost { peer } => (EventKind::AuthorityLost, Some(*peer)),
        Event::AuthoritiesChanged => (EventKind::AuthoritiesChanged, None),
        Event::HomeChanged { home } => (EventKind::HomeChanged, *home),
        Event::Recovering => (EventKind::Recovering, Some(*tracker.peer_id())),
        Event::Recovered => (EventKind::Recovered, Some(*tracker.peer_id())),
        Event::BecamePartial => (EventKind::BecamePartial, Some(*tracker.peer_id())),
        Event::BecameWhole => (EventKind::BecameWhole, Some(*tracker.peer_id())),
        Event::RootsDiffer { peer } => (EventKind::RootsDiffer, Some(*peer)),
        Event::NothingInCommon { peer } => (EventKind::NothingInCommon, Some(*peer)),
        _ => return None,
    })
}

fn log(event: &NewEvent) {
    let kind = event.kind.name();
    let peer = event.peer_id.map(tracing::field::display);
    match event.kind {
        EventKind::DuplicateIdentity => {
            warn!(peer, "another machine uses this node's key: stop one of them");
        }
        EventKind::Recovering => {
            warn!(peer, "this authority lost a part of its journal: it recovers before it signs");
        }
        // As loud as its beginning.
        EventKind::Recovered => warn!(peer, "this authority has recovered and signs again"),
        EventKind::NothingInCommon => {
            warn!(
                peer,
                "a node lists none of this node's authorities: one of the two lists is wrong"
            );
        }
        EventKind::AuthoritiesChanged => warn!("another list of authorities is in use"),
        EventKind::BecamePartial => warn!(peer, "this node does not hold every node any more"),
        EventKind::RootsDiffer => {
            warn!(peer, "this node and another hold different rolls and find no difference");
        }
        EventKind::Equivocation => warn!(peer, "a node contradicts itself"),
        EventKind::AuthorityLost | EventKind::HomeChanged | EventKind::AuthorityInTouch => {
            info!(peer, kind, "event");
        }
        _ => debug!(peer, kind, "event"),
    }
}
