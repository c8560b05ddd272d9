//! A node of the network inside a Python process, on a tokio runtime of its own.
//!
//! Invariants:
//! * reads are answered from memory; whatever waits can be interrupted by Ctrl-C;
//! * once the node is closed nothing of it waits any more: its watches end;
//! * a process that was forked from the node's own has no part in it.

use std::{
    path::PathBuf,
    process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use pyo3::{
    prelude::*,
    types::{PyDict, PyList},
};
use rollbook::{
    AnnouncementChange, CommandError, Cursor, ImportOptions, ImportRecord, NodeHandle, PageRequest,
    PeerId,
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    error::{Failure, guarded},
    keys::{multiaddrs, peer, peers},
    settings::{FilterParts, builder, sort_of},
    views,
    wait::{self, Deadline},
    watch::Watch,
};

/// The network needs little; more threads would only take the program's processors.
const THREADS: usize = 2;
/// How long a node that was forgotten has to say that it leaves.
const LEAVING_MAX: Duration = Duration::from_secs(5);

/// A running node.
#[pyclass(frozen, module = "rollbook._native")]
pub(crate) struct Node {
    handle: NodeHandle,
    runtime: Mutex<Option<Runtime>>,
    closed: Arc<AtomicBool>,
    process: u32,
}

impl Node {
    /// The handle, unless the node is closed or another process's.
    fn handle(&self) -> Result<&NodeHandle, Failure> {
        if self.process != process::id() {
            return Err(Failure::state(
                "the node runs in the process that this one was forked from",
            ));
        }
        match self.closed.load(Ordering::Acquire) {
            true => Err(Failure::closed("node")),
            false => Ok(&self.handle),
        }
    }

    /// Reads something, without the GIL: the driver may hold the roll's lock for a moment.
    fn read<T: Send>(
        &self,
        py: Python<'_>,
        read: impl FnOnce(&NodeHandle) -> Result<T, Failure> + Send,
    ) -> PyResult<T> {
        let handle = self.handle()?;
        guarded(|| Ok(py.detach(|| read(handle))?))
    }

    /// Gives a command and waits until it is carried out.
    fn command<T: Send>(
        &self,
        py: Python<'_>,
        op: &str,
        timeout: Option<f64>,
        command: impl Future<Output = Result<T, CommandError>> + Send,
    ) -> PyResult<T> {
        self.handle()?;
        let deadline = Deadline::after(timeout)?;
        let is_closed = || self.closed.load(Ordering::Acquire);
        Ok(wait::wait(py, op, command, deadline, is_closed)?.map_err(Failure::from)?)
    }

    /// Ends the runtime without waiting for it.
    fn shut_down(&self) {
        self.closed.store(true, Ordering::Release);
        let runtime = self.runtime.lock().map(|mut runtime| runtime.take());
        let Ok(Some(runtime)) = runtime else { return };
        if self.process == process::id() {
            runtime.shutdown_background();
        } else {
            // Its threads are not in this process: nothing of it can be ended here.
            std::mem::forget(runtime);
        }
    }
}

#[pymethods]
impl Node {
    /// Starts a node; what is not in the settings has its default.
    #[staticmethod]
    fn start(py: Python<'_>, settings: &Bound<'_, PyDict>, timeout: Option<f64>) -> PyResult<Node> {
        let deadline = Deadline::after(timeout)?;
        let builder = builder(settings)?;
        let mut threads = Builder::new_multi_thread();
        threads.worker_threads(THREADS).thread_name("rollbook").enable_all();
        let runtime = threads
            .build()
            .map_err(|error| Failure::new("IO", "Threads", format!("no threads: {error}")))?;
        let started = runtime.spawn(builder.start());
        let waited = wait::wait(py, "start", started, deadline, || false);
        let handle = match waited {
            Ok(Ok(Ok(handle))) => handle,
            failed => {
                runtime.shutdown_background();
                return Err(match failed {
                    Ok(Ok(Err(error))) => Failure::from(error).into(),
                    Ok(Err(error)) => Failure::new("PANIC", "Panic", error.to_string()).into(),
                    Err(error) => error,
                    Ok(Ok(Ok(_))) => unreachable!("it is taken above"),
                });
            }
        };
        Ok(Node {
            handle,
            runtime: Mutex::new(Some(runtime)),
            closed: Arc::new(AtomicBool::new(false)),
            process: process::id(),
        })
    }

    /// Says that the node leaves, waits until it has stopped, and ends its threads. After the time
    /// is over they are ended all the same, and the error says so.
    fn close(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        if self.process != process::id() || self.closed.load(Ordering::Acquire) {
            self.shut_down();
            return Ok(());
        }
        let deadline = Deadline::after(timeout)?;
        let ended = async {
            self.handle.leave().await;
            self.handle.stopped().await
        };
        let ended = wait::wait(py, "close", ended, deadline, || false);
        self.shut_down();
        ended?.map_err(|error| Failure::new("IO", "Run", error.to_string()))?;
        Ok(())
    }

    /// Ends the node at once and without a word, as if its process were killed.
    fn abort(&self) {
        self.shut_down();
    }

    #[getter]
    fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    #[getter]
    fn peer_id(&self) -> String {
        self.handle.peer_id().to_string()
    }

    #[getter]
    fn data_dir(&self) -> PathBuf {
        self.handle.data_dir().to_owned()
    }

    fn listen_addresses(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.read(py, |node| Ok(node.listen_addresses().iter().map(ToString::to_string).collect()))
    }

    fn get<'py>(&self, py: Python<'py>, peer_id: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let peer_id = peer(peer_id)?;
        let seen = self.read(py, |node| Ok(node.get(&peer_id)))?;
        seen.map(|seen| views::node_view(py, seen)).transpose()
    }

    fn nodes<'py>(&self, py: Python<'py>, filter: FilterParts) -> PyResult<Bound<'py, PyList>> {
        let filter = filter.filter()?;
        let nodes = self.read(py, |node| Ok(node.list(&filter)))?;
        views::node_views(py, nodes)
    }

    fn page<'py>(
        &self,
        py: Python<'py>,
        filter: FilterParts,
        sort: &str,
        after: Option<&str>,
        limit: usize,
    ) -> PyResult<(Bound<'py, PyList>, Option<String>)> {
        let (sort, descending) = sort_of(sort)?;
        let wrong = |error| Failure::argument(format!("after: {error}"));
        let after = after.map(|text| text.parse::<Cursor>().map_err(wrong)).transpose()?;
        let filter = filter.filter()?;
        let request = PageRequest { filter, sort, descending, after, limit: limit.max(1) };
        let page = self.read(py, |node| Ok(node.page(&request)?))?;
        let next = page.next.map(|next| next.to_string());
        Ok((views::node_views(py, page.nodes)?, next))
    }

    fn select<'py>(
        &self,
        py: Python<'py>,
        capability: &str,
        grant: Option<&str>,
        limit: usize,
    ) -> PyResult<Bound<'py, PyList>> {
        let nodes = self.read(py, |node| Ok(node.select(capability, grant, limit)?))?;
        views::node_views(py, nodes)
    }

    fn explain(&self, py: Python<'_>, peer_id: &str) -> PyResult<Option<String>> {
        let peer_id = peer(peer_id)?;
        self.read(py, |node| node.explain(&peer_id).as_ref().map(views::json).transpose())
    }

    fn status(&self, py: Python<'_>) -> PyResult<String> {
        self.read(py, |node| views::json(&node.status()))
    }

    fn events(&self, py: Python<'_>, after: u64, limit: usize) -> PyResult<String> {
        self.read(py, |node| views::json(&node.events(after, limit)))
    }

    /// Follows the events after a number, or from now on.
    fn watch(&self, after: Option<u64>) -> PyResult<Watch> {
        let handle = self.handle()?.clone();
        let runtime = self.runtime.lock().map_err(|_poisoned| Failure::poisoned())?;
        let runtime = runtime.as_ref().ok_or_else(|| Failure::closed("node"))?;
        let closed = Arc::clone(&self.closed);
        guarded(|| Ok(Watch::new(handle, runtime.handle().clone(), closed, after)))
    }

    fn announce(
        &self,
        py: Python<'_>,
        capabilities: Option<Vec<String>>,
        agent: Option<String>,
        external_addresses: Option<Vec<String>>,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let external_addresses = external_addresses.as_deref().map(multiaddrs).transpose()?;
        let change = AnnouncementChange { capabilities, agent, external_addresses };
        self.command(py, "announce", timeout, self.handle.announce(change))
    }

    /// One of an authority's decisions: `admit`, `ban` or `remove`.
    fn decide(
        &self,
        py: Python<'_>,
        decision: &str,
        peer_id: &str,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let (node, peer_id): (&NodeHandle, PeerId) = (&self.handle, peer(peer_id)?);
        match decision {
            "admit" => self.command(py, decision, timeout, node.admit(&peer_id)),
            "ban" => self.command(py, decision, timeout, node.ban(&peer_id)),
            "remove" => self.command(py, decision, timeout, node.remove(&peer_id)),
            _ => Err(Failure::argument("the decision is `admit`, `ban` or `remove`").into()),
        }
    }

    fn set_grant(
        &self,
        py: Python<'_>,
        peer_id: &str,
        name: &str,
        granted: bool,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let peer_id = peer(peer_id)?;
        match granted {
            true => self.command(py, "grant", timeout, self.handle.grant(&peer_id, name)),
            false => self.command(py, "revoke", timeout, self.handle.revoke(&peer_id, name)),
        }
    }

    fn observe(
        &self,
        py: Python<'_>,
        peer_id: &str,
        counter: &str,
        count: u32,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let peer_id = peer(peer_id)?;
        self.command(py, "observe", timeout, self.handle.observe(&peer_id, counter, count))
    }

    fn set_allowed(
        &self,
        py: Python<'_>,
        allowed: Vec<String>,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let allowed = peers(&allowed)?;
        self.command(py, "set_allowed", timeout, self.handle.set_allowed(allowed))
    }

    fn set_authorities(
        &self,
        py: Python<'_>,
        authorities: Vec<String>,
        retired: Vec<String>,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let (acting, retired) = (multiaddrs(&authorities)?, peers(&retired)?);
        let command = self.handle.set_authorities(acting, retired);
        self.command(py, "set_authorities", timeout, command)
    }

    /// Takes over records in the JSON form of the HTTP API; the report is JSON.
    fn import_records(
        &self,
        py: Python<'_>,
        records: &str,
        trust_grants: bool,
        timeout: Option<f64>,
    ) -> PyResult<String> {
        let wrong = |error| Failure::argument(format!("records: {error}"));
        let records: Vec<ImportRecord> = serde_json::from_str(records).map_err(wrong)?;
        let options = ImportOptions { trust_grants };
        let report = self.command(py, "import", timeout, self.handle.import(records, options))?;
        Ok(views::json(&report)?)
    }
}

impl Drop for Node {
    /// A node that nobody holds any more leaves by itself, on a thread of its own: whoever drops it
    /// must not wait.
    fn drop(&mut self) {
        let is_ours = self.process == process::id() && !self.closed.load(Ordering::Acquire);
        let runtime = self.runtime.lock().map(|mut runtime| runtime.take());
        let Some(runtime) = runtime.ok().flatten().filter(|_| is_ours) else {
            self.shut_down();
            return;
        };
        let handle = self.handle.clone();
        let leaving = move || {
            runtime.block_on(async {
                // Whether it said all that it had to say makes no difference now.
                let _ = tokio::time::timeout(LEAVING_MAX, handle.leave()).await;
            });
            runtime.shutdown_background();
        };
        // Without a thread the runtime is dropped, which ends the node at once.
        let _ = std::thread::Builder::new().name("rollbook-leaves".to_owned()).spawn(leaving);
    }
}
