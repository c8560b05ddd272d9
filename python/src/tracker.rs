//! The core's state machine for Python: inputs in, outputs out in batches, no I/O.
//!
//! Invariants:
//! * calls that do not fit the state are refused before they reach the core, which would panic;
//! * times are bounded, so that sums of them are.

use std::sync::Mutex;

use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict, PyList},
};
use rollbook::{EquivocationView, Explanation, FactView, NodeView};
use rollbook_core::{
    AnnouncementFields, Config, Counted, HeapTracker, ImportOutcome, Imported, Now, PeerId,
    Receipt, Wanted, limits::GOSSIP_SIZE_MAX,
};

use crate::{
    begin,
    bytes::Octets,
    error::{Failure, guarded},
    keys::{self, Keypair},
    names::{self, GrantNames},
    outputs::{OutputParts, Outputs},
    views,
};

/// No clock shows more: thousands of years in milliseconds.
const TIME_MAX: u64 = 1 << 52;
/// How many nodes are selected at most.
const SELECT_MAX: usize = 10_000;

/// A tracker that is not closed.
struct Open {
    tracker: Box<HeapTracker>,
    started: bool,
    /// Room for the largest message.
    buffer: Vec<u8>,
}

impl Open {
    fn running(&mut self) -> Result<&mut HeapTracker, Failure> {
        match self.started {
            true => Ok(&mut self.tracker),
            false => Err(Failure::state("the tracker is not started")),
        }
    }

    fn waiting(&mut self) -> Result<&mut HeapTracker, Failure> {
        match self.started {
            false => Ok(&mut self.tracker),
            true => Err(Failure::state("the tracker is started already")),
        }
    }
}

/// The roll of one node as a state machine.
#[pyclass(frozen, module = "rollbook._native")]
pub(crate) struct Tracker {
    open: Mutex<Option<Open>>,
    own: PeerId,
    grants: GrantNames,
}

/// What an import did, as Python knows it: the receipt of what was taken over, or its name.
type Imports = (&'static str, Option<u64>);

/// Both clocks.
fn now(mono_ms: u64, unix_s: u64) -> Result<Now, Failure> {
    match mono_ms <= TIME_MAX && unix_s <= TIME_MAX {
        true => Ok(Now { mono_ms, unix_s }),
        false => Err(Failure::argument("no clock shows such a time")),
    }
}

impl Tracker {
    /// Does something with the tracker, without the GIL.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut Open) -> Result<T, Failure> + Send,
    ) -> PyResult<T> {
        let act = move || {
            let mut open = self.open.lock().map_err(|_poisoned| Failure::poisoned())?;
            act(open.as_mut().ok_or_else(|| Failure::closed("tracker"))?)
        };
        guarded(|| Ok(py.detach(act)?))
    }

    /// The same with a tracker that runs.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut HeapTracker) -> Result<T, Failure> + Send,
    ) -> PyResult<T> {
        self.with(py, |open| act(open.running()?))
    }

    /// A node as an application sees it.
    fn seen(&self, seen: &rollbook_core::NodeView<'_>) -> NodeView {
        let mut view = NodeView::from(seen);
        self.grants.rename(&mut view.grants);
        view
    }
}

#[pymethods]
impl Tracker {
    #[new]
    #[pyo3(signature = (keys, authorities, retired, network, interval_ms, capacity, admission,
        grant_names, partial, compaction_floor, message_size_max, tallies_interval_ms, seed))]
    #[allow(clippy::too_many_arguments, reason = "the package names them, with their defaults")]
    fn new(
        keys: &Bound<'_, Keypair>,
        authorities: Vec<String>,
        retired: Vec<String>,
        network: &str,
        interval_ms: u64,
        capacity: u32,
        admission: &str,
        grant_names: Vec<String>,
        partial: bool,
        compaction_floor: u64,
        message_size_max: u32,
        tallies_interval_ms: u64,
        seed: Option<Octets>,
    ) -> PyResult<Tracker> {
        guarded(|| {
            let keys = keys.get().keys.clone();
            let own = rollbook_core::Signer::peer_id(&keys);
            let list = begin::list_of(&own, &authorities, &retired)?;
            let config = Config {
                interval_ms,
                capacity,
                admission: names::admission_of_name(admission)?,
                partial,
                compaction_floor,
                tallies_interval_ms: tallies_interval_ms.min(TIME_MAX),
                message_size_max,
                ..Config::new(network.parse().map_err(Failure::from)?, list)
            };
            let grants = GrantNames::new(grant_names)?;
            let mut tracker = Box::new(HeapTracker::new());
            tracker.init(config, keys, begin::seed_of(seed)?).map_err(Failure::from)?;
            let buffer = vec![0; message_size_max as usize];
            let open = Open { tracker, started: false, buffer };
            Ok(Tracker { open: Mutex::new(Some(open)), own, grants })
        })
    }

    #[getter]
    fn peer_id(&self) -> String {
        self.own.to_string()
    }

    /// Gives the roll's memory back; whatever is called later is refused.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        guarded(|| {
            Ok(py.detach(|| {
                let mut open = self.open.lock().map_err(|_poisoned| Failure::poisoned())?;
                *open = None;
                Ok::<(), Failure>(())
            })?)
        })
    }

    #[getter]
    fn closed(&self, py: Python<'_>) -> PyResult<bool> {
        guarded(|| {
            Ok(py.detach(|| {
                let open = self.open.lock().map_err(|_poisoned| Failure::poisoned())?;
                Ok::<bool, Failure>(open.is_none())
            })?)
        })
    }

    /// Takes back a journal, or a part of one that ends with a frame: how many frames it had, how
    /// many of them hold statements of later versions, and how many bytes were damaged or torn.
    fn recover(&self, py: Python<'_>, journal: Octets) -> PyResult<(u64, u64, u64, u64)> {
        self.with(py, |open| begin::recover(open.waiting()?, &journal))
    }

    fn note_damage(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |open| {
            open.waiting()?.note_damage();
            Ok(())
        })
    }

    fn start(&self, py: Python<'_>, mono_ms: u64, unix_s: u64) -> PyResult<()> {
        let now = now(mono_ms, unix_s)?;
        self.with(py, |open| {
            open.waiting()?.start(now);
            open.started = true;
            Ok(())
        })
    }

    #[getter]
    fn started(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, |open| Ok(open.started))
    }

    fn end_recovery(&self, py: Python<'_>, mono_ms: u64, unix_s: u64) -> PyResult<()> {
        let now = now(mono_ms, unix_s)?;
        self.run(py, |tracker| {
            tracker.end_recovery(now);
            Ok(())
        })
    }

    #[allow(clippy::too_many_arguments, reason = "the package names them, with their defaults")]
    fn announce(
        &self,
        py: Python<'_>,
        mono_ms: u64,
        unix_s: u64,
        addresses: Vec<String>,
        agent: String,
        capabilities: Vec<String>,
        extra: Octets,
    ) -> PyResult<()> {
        let now = now(mono_ms, unix_s)?;
        let addresses = keys::multiaddrs(&addresses)?;
        self.run(py, |tracker| {
            let addresses: Vec<Vec<u8>> = addresses
                .iter()
                .map(|address| begin::without_peer_id(address, tracker.peer_id()))
                .collect();
            let addresses: Vec<&[u8]> = addresses.iter().map(Vec::as_slice).collect();
            let capabilities: Vec<&str> = capabilities.iter().map(String::as_str).collect();
            let fields = AnnouncementFields {
                addresses: &addresses,
                agent: &agent,
                capabilities: &capabilities,
                extra: &extra,
            };
            Ok(tracker.announce(now, &fields)?)
        })
    }

    fn leave(&self, py: Python<'_>, mono_ms: u64, unix_s: u64) -> PyResult<()> {
        let now = now(mono_ms, unix_s)?;
        self.run(py, |tracker| {
            tracker.leave(now);
            Ok(())
        })
    }

    fn is_leave_acknowledged(&self, py: Python<'_>) -> PyResult<bool> {
        self.run(py, |tracker| Ok(tracker.is_leave_acknowledged()))
    }

    fn handle_gossip(
        &self,
        py: Python<'_>,
        mono_ms: u64,
        unix_s: u64,
        sender: &str,
        message: Octets,
    ) -> PyResult<&'static str> {
        let (now, sender) = (now(mono_ms, unix_s)?, keys::peer(sender)?);
        self.run(py, |tracker| {
            Ok(names::verdict_name(tracker.handle_gossip(now, &sender, &message)))
        })
    }

    fn handle_request<'py>(
        &self,
        py: Python<'py>,
        mono_ms: u64,
        unix_s: u64,
        sender: &str,
        message: Octets,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (now, sender) = (now(mono_ms, unix_s)?, keys::peer(sender)?);
        let response = self.with(py, |open| {
            open.running()?;
            let response = &mut open.buffer;
            let size = open.tracker.handle_request(now, &sender, &message, response)?;
            Ok(response[..size].to_vec())
        })?;
        Ok(PyBytes::new(py, &response))
    }

    fn handle_response(
        &self,
        py: Python<'_>,
        mono_ms: u64,
        unix_s: u64,
        sender: &str,
        message: Octets,
    ) -> PyResult<()> {
        let (now, sender) = (now(mono_ms, unix_s)?, keys::peer(sender)?);
        self.run(py, |tracker| Ok(tracker.handle_response(now, &sender, &message)?))
    }

    fn handle_request_failed(
        &self,
        py: Python<'_>,
        mono_ms: u64,
        unix_s: u64,
        peer: &str,
    ) -> PyResult<()> {
        let (now, peer) = (now(mono_ms, unix_s)?, keys::peer(peer)?);
        self.run(py, |tracker| {
            tracker.handle_request_failed(now, &peer);
            Ok(())
        })
    }

    fn handle_connected(
        &self,
        py: Python<'_>,
        mono_ms: u64,
        unix_s: u64,
        peer: &str,
        remote: Option<&str>,
    ) -> PyResult<()> {
        let (now, peer) = (now(mono_ms, unix_s)?, keys::peer(peer)?);
        let remote = remote.map(keys::multiaddr).transpose()?;
        self.run(py, |tracker| {
            match remote {
                Some(remote) => tracker.handle_connected_from(now, &peer, &remote.to_vec()),
                None => tracker.handle_connected(now, &peer),
            }
            Ok(())
        })
    }

    fn handle_disconnected(
        &self,
        py: Python<'_>,
        mono_ms: u64,
        unix_s: u64,
        peer: &str,
    ) -> PyResult<()> {
        let (now, peer) = (now(mono_ms, unix_s)?, keys::peer(peer)?);
        self.run(py, |tracker| {
            tracker.handle_disconnected(now, &peer);
            Ok(())
        })
    }

    fn handle_timeout(&self, py: Python<'_>, mono_ms: u64, unix_s: u64) -> PyResult<()> {
        let now = now(mono_ms, unix_s)?;
        self.run(py, |tracker| {
            tracker.handle_timeout(now);
            Ok(())
        })
    }

    fn handle_journal_synced(&self, py: Python<'_>, position: u64) -> PyResult<()> {
        self.run(py, |tracker| {
            tracker.handle_journal_synced(position);
            Ok(())
        })
    }

    /// At most so many of each: frames, publications, requests, events.
    fn drain<'py>(
        &self,
        py: Python<'py>,
        mono_ms: u64,
        unix_s: u64,
        count_max: usize,
    ) -> PyResult<OutputParts<'py>> {
        let now = now(mono_ms, unix_s)?;
        let outputs = self.with(py, |open| {
            open.running()?;
            Ok(Outputs::take(&mut open.tracker, now, count_max, &mut open.buffer))
        })?;
        Ok(outputs.parts(py))
    }

    fn next_timeout_ms(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        self.run(py, |tracker| Ok(tracker.poll_timeout()))
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.run(py, |tracker| {
            let mut bytes = Vec::new();
            tracker
                .snapshot(&mut bytes)
                .map_err(|_memory_takes_all| Failure::new("MEMORY", "Memory", "out of memory"))?;
            Ok(bytes)
        })?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn node<'py>(
        &self,
        py: Python<'py>,
        mono_ms: u64,
        unix_s: u64,
        peer: &str,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (now, peer) = (now(mono_ms, unix_s)?, keys::peer(peer)?);
        let seen = self
            .run(py, |tracker| Ok(tracker.node(now, &peer).as_ref().map(|seen| self.seen(seen))))?;
        seen.map(|seen| views::node_view(py, seen)).transpose()
    }

    fn nodes<'py>(
        &self,
        py: Python<'py>,
        mono_ms: u64,
        unix_s: u64,
    ) -> PyResult<Bound<'py, PyList>> {
        let now = now(mono_ms, unix_s)?;
        let seen =
            self.run(py, |tracker| Ok(tracker.nodes(now).map(|seen| self.seen(&seen)).collect()))?;
        views::node_views(py, seen)
    }

    fn select<'py>(
        &self,
        py: Python<'py>,
        mono_ms: u64,
        unix_s: u64,
        capability: &str,
        grant: Option<&str>,
        limit: usize,
    ) -> PyResult<Bound<'py, PyList>> {
        let now = now(mono_ms, unix_s)?;
        let grant = grant.map(|name| self.grants.of_name(name)).transpose()?;
        let wanted = Wanted { capability, grant };
        let seen = self.run(py, |tracker| {
            let mut best = vec![None; limit.min(SELECT_MAX)];
            tracker.select(now, &wanted, &mut best);
            let selected = best.iter().flatten();
            let views = selected.filter_map(|selected| tracker.node(now, &selected.peer_id));
            Ok(views.map(|seen| self.seen(&seen)).collect())
        })?;
        views::node_views(py, seen)
    }

    /// Why a node is seen as it is, in the JSON form of the HTTP API; nothing if it is not known.
    fn explain(&self, py: Python<'_>, peer: &str) -> PyResult<Option<String>> {
        let peer = keys::peer(peer)?;
        self.run(py, |tracker| {
            let facts: Vec<_> = tracker.explain(&peer).map(|said| FactView::from(&said)).collect();
            if facts.is_empty() {
                return Ok(None);
            }
            let equivocations = tracker.equivocations(&peer).map(EquivocationView::from).collect();
            views::json(&Explanation { facts, equivocations }).map(Some)
        })
    }

    /// The opaque bytes in what a node announces.
    fn extra<'py>(
        &self,
        py: Python<'py>,
        mono_ms: u64,
        unix_s: u64,
        peer: &str,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let (now, peer) = (now(mono_ms, unix_s)?, keys::peer(peer)?);
        let extra = self.run(py, |tracker| {
            let seen = tracker.node(now, &peer);
            Ok(seen.and_then(|seen| seen.announcement.map(|(_, said)| said.extra.to_vec())))
        })?;
        Ok(extra.map(|extra| PyBytes::new(py, &extra)))
    }

    fn status<'py>(
        &self,
        py: Python<'py>,
        mono_ms: u64,
        unix_s: u64,
    ) -> PyResult<Bound<'py, PyDict>> {
        let now = now(mono_ms, unix_s)?;
        let status = self.run(py, |tracker| Ok(tracker.status(now)))?;
        views::status_parts(py, &status)
    }

    fn counters(&self, py: Python<'_>) -> PyResult<Vec<(&'static str, u64)>> {
        self.run(py, |tracker| Ok(tracker.counters().iter().collect()))
    }

    fn root<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let root = self.run(py, |tracker| Ok(tracker.root()))?;
        Ok(PyBytes::new(py, &root))
    }

    fn session(&self, py: Python<'_>) -> PyResult<String> {
        self.with(py, |open| Ok(open.tracker.session().to_string()))
    }

    /// The peer ids of the authorities: those that act, then those that retired.
    fn authorities(&self, py: Python<'_>) -> PyResult<(Vec<String>, Vec<String>)> {
        self.with(py, |open| {
            let list = open.tracker.authorities();
            let acting = list.acting().map(|(_, peer)| peer.to_string()).collect();
            Ok((acting, list.retired().map(ToString::to_string).collect()))
        })
    }

    /// A hash of the set of authorities, which goes with each message.
    fn authorities_hash<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let hash = self.with(py, |open| Ok(open.tracker.authorities().set_hash()))?;
        Ok(PyBytes::new(py, &hash))
    }

    fn durable(&self, py: Python<'_>) -> PyResult<u64> {
        self.run(py, |tracker| Ok(tracker.durable()))
    }

    fn admit(&self, py: Python<'_>, mono_ms: u64, unix_s: u64, peer: &str) -> PyResult<u64> {
        let (now, peer) = (now(mono_ms, unix_s)?, keys::peer(peer)?);
        self.run(py, |tracker| Ok(number(tracker.admit(now, &peer)?)))
    }

    fn ban(&self, py: Python<'_>, mono_ms: u64, unix_s: u64, peer: &str) -> PyResult<u64> {
        let (now, peer) = (now(mono_ms, unix_s)?, keys::peer(peer)?);
        self.run(py, |tracker| Ok(number(tracker.ban(now, &peer)?)))
    }

    fn remove(&self, py: Python<'_>, mono_ms: u64, unix_s: u64, peer: &str) -> PyResult<u64> {
        let (now, peer) = (now(mono_ms, unix_s)?, keys::peer(peer)?);
        self.run(py, |tracker| Ok(number(tracker.remove(now, &peer)?)))
    }

    fn set_grant(
        &self,
        py: Python<'_>,
        mono_ms: u64,
        unix_s: u64,
        peer: &str,
        grant: &str,
        granted: bool,
    ) -> PyResult<u64> {
        let (now, peer) = (now(mono_ms, unix_s)?, keys::peer(peer)?);
        let grant = self.grants.of_name(grant)?;
        self.run(py, |tracker| {
            Ok(number(match granted {
                true => tracker.grant(now, &peer, grant)?,
                false => tracker.revoke(now, &peer, grant)?,
            }))
        })
    }

    fn observe(
        &self,
        py: Python<'_>,
        mono_ms: u64,
        unix_s: u64,
        peer: &str,
        counter: &str,
        count: u32,
    ) -> PyResult<()> {
        let (now, peer) = (now(mono_ms, unix_s)?, keys::peer(peer)?);
        let counter = names::counter_of_name(counter)?;
        self.run(py, |tracker| Ok(tracker.observe(now, &peer, counter, count)?))
    }

    fn observations_waiting(&self, py: Python<'_>) -> PyResult<u64> {
        self.run(py, |tracker| Ok(tracker.observations_waiting()))
    }

    #[allow(clippy::too_many_arguments, reason = "the package names them, with their defaults")]
    fn import_history(
        &self,
        py: Python<'_>,
        mono_ms: u64,
        unix_s: u64,
        peer: &str,
        first_joined: u64,
        uptime_seconds: u64,
        counted: [(u64, u64); 3],
        grants: Vec<String>,
    ) -> PyResult<Imports> {
        let (now, peer) = (now(mono_ms, unix_s)?, keys::peer(peer)?);
        let grants: Result<Vec<_>, _> =
            grants.iter().map(|name| self.grants.of_name(name)).collect();
        let grants = grants?;
        let counted = counted.map(|(count, last)| Counted { count, last });
        let history = Imported { counted, ..Imported::of(first_joined, uptime_seconds) };
        self.run(py, |tracker| {
            Ok(match tracker.import(now, &peer, history, &grants)? {
                ImportOutcome::Taken(receipt) => ("taken", Some(receipt.0)),
                ImportOutcome::NotAdmitted => ("notAdmitted", None),
                _ => ("unchanged", None),
            })
        })
    }

    fn set_allowed(&self, py: Python<'_>, peers: Vec<String>) -> PyResult<()> {
        let peers = keys::peers(&peers)?;
        self.run(py, |tracker| Ok(tracker.set_allowed(&peers)?))
    }

    fn set_authorities(
        &self,
        py: Python<'_>,
        mono_ms: u64,
        unix_s: u64,
        authorities: Vec<String>,
        retired: Vec<String>,
        admission: &str,
    ) -> PyResult<()> {
        let now = now(mono_ms, unix_s)?;
        let admission = names::admission_of_name(admission)?;
        let list = begin::list_of(&self.own, &authorities, &retired)?;
        self.run(py, |tracker| Ok(tracker.set_authorities(now, list, admission)?))
    }

    fn hold(&self, py: Python<'_>, peer: &str) -> PyResult<()> {
        let peer = keys::peer(peer)?;
        self.with(py, |open| {
            let full = |_full| Failure::new("FULL", "Full", "no room for another node to hold");
            open.tracker.hold(&peer).map_err(full)
        })
    }

    fn release(&self, py: Python<'_>, peer: &str) -> PyResult<()> {
        let peer = keys::peer(peer)?;
        self.with(py, |open| {
            open.tracker.release(&peer);
            Ok(())
        })
    }
}

fn number(receipt: Receipt) -> u64 {
    receipt.0
}

// A gossip message finds room in the smallest buffer that there may be.
const _: () = assert!(GOSSIP_SIZE_MAX <= rollbook_core::limits::RESPONSE_SIZE_MAX);
