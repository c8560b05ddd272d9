//! Makes the records that Python reads: frozen dataclasses of the package, of plain values.

use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyDict, PyList, PyString, PyTuple},
};
use rollbook::{NodeView, Presence, Standing};
use rollbook_core::{Role, Status};

use crate::error::Failure;

/// The fields of `rollbook.NodeView`, in the order in which they are handed over.
const FIELDS: [&str; 22] = [
    "peer_id",
    "multiaddrs",
    "agent",
    "capabilities",
    "standing",
    "is_staked",
    "is_validator",
    "grants",
    "presence",
    "is_active",
    "home",
    "session",
    "first_joined",
    "last_joined",
    "last_left",
    "last_updated",
    "uptime_seconds",
    "accumulated_uptime_seconds",
    "eth_address",
    "epoch",
    "seq",
    "tallies",
];

/// The classes of the package that views are made of.
struct Classes {
    node_view: Py<PyAny>,
    tally: Py<PyAny>,
    /// In the order of the enumerations here.
    standings: [Py<PyAny>; 4],
    presences: [Py<PyAny>; 3],
    no_items: Py<PyTuple>,
}

impl Classes {
    fn load(py: Python<'_>) -> PyResult<Classes> {
        let types = py.import("rollbook._types")?;
        let node_view = types.getattr("NodeView")?;
        let fields: Vec<String> = node_view.getattr("__match_args__")?.extract()?;
        assert!(fields == FIELDS, "NodeView of the package has the fields {fields:?}");
        let (standing, presence) = (types.getattr("Standing")?, types.getattr("Presence")?);
        let member = |of: &Bound<'_, PyAny>, name: &str| PyResult::Ok(of.getattr(name)?.unbind());
        Ok(Classes {
            node_view: node_view.unbind(),
            tally: types.getattr("Tally")?.unbind(),
            standings: [
                member(&standing, "PENDING")?,
                member(&standing, "ADMITTED")?,
                member(&standing, "BANNED")?,
                member(&standing, "REMOVED")?,
            ],
            presences: [
                member(&presence, "ONLINE")?,
                member(&presence, "LEFT")?,
                member(&presence, "UNKNOWN")?,
            ],
            no_items: PyTuple::empty(py).unbind(),
        })
    }

    fn get(py: Python<'_>) -> PyResult<&Classes> {
        static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();
        CLASSES.get_or_try_init(py, || Classes::load(py))
    }

    fn standing(&self, standing: Standing) -> &Py<PyAny> {
        &self.standings[match standing {
            Standing::Pending => 0,
            Standing::Admitted => 1,
            Standing::Banned => 2,
            Standing::Removed => 3,
        }]
    }

    fn presence(&self, presence: Presence) -> &Py<PyAny> {
        &self.presences[match presence {
            Presence::Online => 0,
            Presence::Left => 1,
            Presence::Unknown => 2,
        }]
    }

    fn texts<'py>(
        &self,
        py: Python<'py>,
        texts: impl ExactSizeIterator<Item = String>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if texts.len() == 0 {
            return Ok(self.no_items.bind(py).clone().into_any());
        }
        // Few names are said by many nodes: each of them is one object.
        let texts = texts.map(|text| PyString::intern(py, &text));
        Ok(PyTuple::new(py, texts)?.into_any())
    }

    fn view<'py>(&self, py: Python<'py>, seen: NodeView) -> PyResult<Bound<'py, PyAny>> {
        let addresses = seen.multiaddrs.iter().map(ToString::to_string);
        let addresses: Vec<_> = addresses.map(|address| PyString::new(py, &address)).collect();
        let tallies: PyResult<Vec<_>> = seen
            .tallies
            .iter()
            .map(|tally| self.tally.bind(py).call1((&tally.counter, tally.count, tally.last)))
            .collect();
        let number = |number: Option<u64>| number.into_pyobject(py);
        let values: [Bound<'py, PyAny>; FIELDS.len()] = [
            seen.peer_id.to_text().as_str().into_pyobject(py)?.into_any(),
            PyTuple::new(py, addresses)?.into_any(),
            PyString::intern(py, &seen.agent).into_any(),
            self.texts(py, seen.capabilities.into_iter())?,
            self.standing(seen.standing).bind(py).clone(),
            seen.is_staked.into_pyobject(py)?.to_owned().into_any(),
            seen.is_validator.into_pyobject(py)?.to_owned().into_any(),
            self.texts(py, seen.grants.into_iter())?,
            self.presence(seen.presence).bind(py).clone(),
            seen.is_active.into_pyobject(py)?.to_owned().into_any(),
            seen.home
                .map(|home| PyString::intern(py, &home.to_text()))
                .into_pyobject(py)?
                .into_any(),
            seen.session.into_pyobject(py)?.into_any(),
            number(seen.first_joined)?.into_any(),
            number(seen.last_joined)?.into_any(),
            number(seen.last_left)?.into_any(),
            number(seen.last_updated)?.into_any(),
            seen.uptime_seconds.into_pyobject(py)?.into_any(),
            seen.accumulated_uptime_seconds.into_pyobject(py)?.into_any(),
            seen.eth_address.into_pyobject(py)?.into_any(),
            seen.epoch.into_pyobject(py)?.into_any(),
            seen.seq.into_pyobject(py)?.into_any(),
            PyTuple::new(py, tallies?)?.into_any(),
        ];
        self.node_view.bind(py).call1(PyTuple::new(py, values)?)
    }
}

/// One node.
pub(crate) fn node_view<'py>(py: Python<'py>, seen: NodeView) -> PyResult<Bound<'py, PyAny>> {
    Classes::get(py)?.view(py, seen)
}

/// Several nodes in a list.
pub(crate) fn node_views<'py>(
    py: Python<'py>,
    nodes: Vec<NodeView>,
) -> PyResult<Bound<'py, PyList>> {
    let classes = Classes::get(py)?;
    let views: PyResult<Vec<_>> = nodes.into_iter().map(|seen| classes.view(py, seen)).collect();
    PyList::new(py, views?)
}

/// A tracker's state in figures, by the names of `rollbook.TrackerStatus`.
pub(crate) fn status_parts<'py>(py: Python<'py>, status: &Status) -> PyResult<Bound<'py, PyDict>> {
    let role = match status.role {
        Role::Authority => "authority",
        Role::Member => "member",
    };
    let parts = PyDict::new(py);
    parts.set_item("role", role)?;
    parts.set_item("home", status.home.map(|home| home.to_string()))?;
    parts.set_item("recovering", status.recovering)?;
    parts.set_item("isolated", status.isolated)?;
    parts.set_item("partial", status.partial)?;
    parts.set_item("degraded", status.degraded)?;
    parts.set_item("admitted", status.admitted)?;
    parts.set_item("online", status.online)?;
    parts.set_item("left", status.left)?;
    parts.set_item("unknown", status.unknown)?;
    parts.set_item("pending", status.pending)?;
    parts.set_item("removed", status.removed)?;
    parts.set_item("banned", status.banned)?;
    parts.set_item("root", PyBytes::new(py, &status.root))?;
    parts.set_item("roll_bytes", status.roll_bytes)?;
    parts.set_item("leases", status.leases)?;
    Ok(parts)
}

/// A whole answer as JSON, for the package to read.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(value);
    text.map_err(|error| Failure::new("PANIC", "Json", format!("it has no JSON form: {error}")))
}
