//! What the driver and the handles share.
//!
//! Invariants:
//! - only the driver changes the tracker; handles read it, and hold the lock for one read;
//! - nothing here waits for the network or the disk.

use std::{
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use libp2p::Multiaddr;
use rollbook_core::{HeapTracker, PeerId, Wanted};
use tokio::sync::watch;

use crate::{
    clock::Clock,
    error::{CommandError, RunError},
    event_log::EventLog,
    explanation::{EquivocationView, Explanation, FactView},
    grants::GrantNames,
    measures::{Measures, Meters},
    page::{self, NodePage, PageRequest},
    status::{AuthorityStatus, NodeCounts, Status},
    view::{Filter, NodeView},
};

/// What an operator can do about an authority that recovers.
const ISOLATED: &str = "many members went silent at once, so this authority takes itself to be cut off \
                        and calls nobody left: look at its network";
const RECOVERING: &str = "this authority lost its journal, or a part of it, and signs nothing until \
    another node with the whole roll gave back what it had signed: let it reach the others, or \
    start it with --fresh if there are none and nothing that it signed is left";

/// How a node ended; `None` while it runs.
pub(crate) type Outcome = Option<Result<(), RunError>>;

/// State of a node that its handles read.
pub(crate) struct Shared {
    pub(crate) peer_id: PeerId,
    pub(crate) network: String,
    pub(crate) data_dir: PathBuf,
    pub(crate) grants: GrantNames,
    pub(crate) clock: Clock,
    pub(crate) started_at: u64,
    pub(crate) events: Arc<EventLog>,
    pub(crate) outcome: watch::Receiver<Outcome>,
    /// What was found at the start and holds until the end.
    pub(crate) warnings: Vec<String>,
    /// What this node counts of its own work.
    pub(crate) meters: Meters,
    /// The figures of libp2p itself.
    #[cfg(feature = "metrics")]
    pub(crate) registry: Arc<crate::Registry>,
    tracker: RwLock<HeapTracker>,
    figures: Figures,
}

/// What the driver lets the handles know beside the roll.
#[derive(Debug, Default)]
struct Figures {
    listen: RwLock<Vec<Multiaddr>>,
    fault: RwLock<Option<String>>,
    connections: AtomicU32,
    journal_bytes: AtomicU64,
}

/// What `Shared` is made from.
pub(crate) struct SharedParts {
    pub(crate) network: String,
    pub(crate) data_dir: PathBuf,
    pub(crate) grants: GrantNames,
    pub(crate) clock: Clock,
    pub(crate) events: Arc<EventLog>,
    pub(crate) outcome: watch::Receiver<Outcome>,
    pub(crate) warnings: Vec<String>,
    pub(crate) tracker: HeapTracker,
    #[cfg(feature = "metrics")]
    pub(crate) registry: Arc<crate::Registry>,
}

impl Shared {
    pub(crate) fn new(parts: SharedParts) -> Shared {
        Shared {
            peer_id: *parts.tracker.peer_id(),
            network: parts.network,
            data_dir: parts.data_dir,
            grants: parts.grants,
            clock: parts.clock,
            started_at: parts.clock.now().unix_s,
            events: parts.events,
            outcome: parts.outcome,
            warnings: parts.warnings,
            meters: Meters::default(),
            #[cfg(feature = "metrics")]
            registry: parts.registry,
            tracker: RwLock::new(parts.tracker),
            figures: Figures::default(),
        }
    }

    /// The tracker for a read. A driver that panicked leaves a roll that is still worth reading.
    pub(crate) fn tracker(&self) -> RwLockReadGuard<'_, HeapTracker> {
        self.tracker.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tracker for a change: the driver's alone.
    pub(crate) fn tracker_mut(&self) -> RwLockWriteGuard<'_, HeapTracker> {
        self.tracker.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_listen(&self, addresses: Vec<Multiaddr>) {
        *self.figures.listen.write().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    pub(crate) fn set_fault(&self, fault: Option<String>) {
        *self.figures.fault.write().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    pub(crate) fn set_connections(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.figures.connections.store(count, Ordering::Relaxed);
    }

    pub(crate) fn set_journal_bytes(&self, bytes: u64) {
        self.figures.journal_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Why the journal cannot be written at the moment.
    pub(crate) fn fault(&self) -> Option<String> {
        self.figures.fault.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.figures.listen.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn get(&self, peer: &PeerId) -> Option<NodeView> {
        let tracker = self.tracker();
        Some(NodeView::of(&tracker.node(self.clock.now(), peer)?, &self.grants))
    }

    pub(crate) fn list(&self, filter: &Filter) -> Vec<NodeView> {
        let tracker = self.tracker();
        tracker
            .nodes(self.clock.now())
            .filter(|seen| filter.selects(seen, &self.grants))
            .map(|seen| NodeView::of(&seen, &self.grants))
            .collect()
    }

    pub(crate) fn page(&self, request: &PageRequest) -> Result<NodePage, CommandError> {
        if let Some(name) = &request.filter.grant {
            self.grants.of_name(name)?;
        }
        Ok(page::of(&self.tracker(), self.clock.now(), request, &self.grants))
    }

    pub(crate) fn measures(&self) -> Measures {
        self.meters.read()
    }

    pub(crate) fn select(
        &self,
        capability: &str,
        grant: Option<&str>,
        limit: usize,
    ) -> Result<Vec<NodeView>, CommandError> {
        let grant = grant.map(|name| self.grants.of_name(name)).transpose()?;
        let now = self.clock.now();
        let tracker = self.tracker();
        let count_max = tracker.nodes(now).count();
        let mut best = vec![None; limit.min(count_max)];
        tracker.select(now, &Wanted { capability, grant }, &mut best);
        let views = best.iter().flatten().filter_map(|node| tracker.node(now, &node.peer_id));
        Ok(views.map(|seen| NodeView::of(&seen, &self.grants)).collect())
    }

    pub(crate) fn explain(&self, peer: &PeerId) -> Option<Explanation> {
        let tracker = self.tracker();
        tracker.node(self.clock.now(), peer)?;
        Some(Explanation {
            facts: tracker.explain(peer).map(|said| FactView::of(&said, &self.grants)).collect(),
            equivocations: tracker.equivocations(peer).map(EquivocationView::of).collect(),
        })
    }

    pub(crate) fn status(&self) -> Status {
        let tracker = self.tracker();
        let status = tracker.status(self.clock.now());
        let in_touch = tracker.in_touch();
        Status {
            peer_id: self.peer_id,
            network: self.network.clone(),
            role: status.role.into(),
            home: status.home,
            degraded: status.degraded,
            recovering: status.recovering,
            isolated: status.isolated,
            authorities: tracker
                .authorities()
                .iter()
                .map(|(hint, peer)| AuthorityStatus {
                    peer_id: *peer,
                    in_touch: in_touch.contains(hint),
                    retired: !tracker.authorities().acts(peer),
                })
                .collect(),
            nodes: NodeCounts::from(&status),
            root: hex::encode(status.root),
            roll_bytes: status.roll_bytes,
            leases: status.leases.into(),
            journal_bytes: self.figures.journal_bytes.load(Ordering::Relaxed),
            journal_fault: self.fault(),
            connections: self.figures.connections.load(Ordering::Relaxed),
            listen: self.listen_addresses(),
            counters: tracker
                .counters()
                .iter()
                .map(|(name, count)| (name.to_owned(), count))
                .collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process_id: std::process::id(),
            started_at: self.started_at,
            last_event: self.events.newest(),
            warnings: self
                .warnings
                .iter()
                .cloned()
                .chain(status.recovering.then(|| RECOVERING.to_owned()))
                .chain(status.isolated.then(|| ISOLATED.to_owned()))
                .chain(self.fault_warning())
                .collect(),
        }
    }

    fn fault_warning(&self) -> Option<String> {
        let fault = self.fault()?;
        Some(format!("the journal cannot be written, changes are in memory only: {fault}"))
    }

    pub(crate) async fn stopped(&self) -> Result<(), RunError> {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await.map(|ended| ended.clone()) {
            Ok(Some(ended)) => ended,
            // The driver's task vanished without a word: the runtime that it ran on is gone.
            _ => Err(RunError::Aborted),
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("peer_id", &self.peer_id)
            .field("network", &self.network)
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}
