//! Statements and journals as bytes: what is in them, for those who look by themselves.

use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict},
};
use rollbook_core::{
    Announcement, Decision, Network, Presence, Signed,
    journal::{self, Frame, Next},
    statement::{Any, Kind},
};

use crate::{
    bytes::Octets,
    error::{Failure, guarded},
    keys,
};

/// Reads one signed statement. Its signature is not checked.
#[pyfunction]
pub(crate) fn decode_statement<'py>(py: Python<'py>, data: Octets) -> PyResult<Bound<'py, PyDict>> {
    guarded(|| {
        let signed = Signed::<Any>::parse(&data).map_err(Failure::from)?;
        let subject = signed.subject().map(|subject| subject.to_string());
        let (payload, signature) = (signed.payload().to_bytes(), signature_of(&data, &signed));
        let parts = PyDict::new(py);
        parts.set_item("kind", kind_name(signed.kind()))?;
        parts.set_item("subject", subject)?;
        parts.set_item("writer_hint", PyBytes::new(py, &signed.writer().0))?;
        parts.set_item("epoch", signed.version().epoch)?;
        parts.set_item("seq", signed.version().seq)?;
        parts.set_item("payload", PyBytes::new(py, &payload))?;
        parts.set_item("signature", PyBytes::new(py, signature))?;
        parts.set_item("fields", fields(py, signed)?)?;
        Ok(parts)
    })
}

/// What stands last on the wire, behind its size.
fn signature_of<'a>(wire: &'a [u8], signed: &Signed<'_, Any>) -> &'a [u8] {
    let size_of_size = if signed.payload().size() < 1 << 7 { 1 } else { 2 };
    &wire[size_of_size + signed.payload().size() + 1..]
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Decision => "decision",
        Kind::Presence => "presence",
        Kind::Announcement => "announcement",
    }
}

fn fields<'py>(py: Python<'py>, signed: Signed<'_, Any>) -> PyResult<Bound<'py, PyDict>> {
    let unreadable = || Failure::new("MALFORMED", "Malformed", "malformed statement");
    match signed.kind() {
        Kind::Announcement => {
            let typed = signed.typed::<Announcement<'_>>().ok_or_else(unreadable)?;
            announcement(py, &typed.read().ok_or_else(unreadable)?)
        }
        Kind::Decision => {
            let typed = signed.typed::<Decision>().ok_or_else(unreadable)?;
            decision(py, &typed.read().ok_or_else(unreadable)?)
        }
        Kind::Presence => {
            let typed = signed.typed::<Presence>().ok_or_else(unreadable)?;
            presence(py, &typed.read().ok_or_else(unreadable)?)
        }
    }
}

fn announcement<'py>(py: Python<'py>, said: &Announcement<'_>) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    let addresses: Vec<_> = said.addresses.iter().map(|bytes| PyBytes::new(py, bytes)).collect();
    fields.set_item("session", said.session.to_string())?;
    fields.set_item("home", PyBytes::new(py, &said.home.0))?;
    fields.set_item("intent", said.intent.0)?;
    fields.set_item("issued_at", said.issued_at)?;
    fields.set_item("addresses", addresses)?;
    fields.set_item("agent", said.agent)?;
    fields.set_item("capabilities", said.capabilities.to_vec())?;
    fields.set_item("extra", PyBytes::new(py, said.extra))?;
    Ok(fields)
}

fn decision<'py>(py: Python<'py>, decided: &Decision) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    let registers = decided.registers.iter();
    let registers: Vec<_> = registers.map(|held| (held.id.0, held.value, held.stamp)).collect();
    fields.set_item("issued_at", decided.issued_at)?;
    fields.set_item("registers", registers)?;
    Ok(fields)
}

fn presence<'py>(py: Python<'py>, seen: &Presence) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    let version = |version: rollbook_core::Version| (version.epoch, version.seq);
    let tallies = seen.tallies.iter().map(|tally| (tally.counter, tally.count, tally.last));
    let imported = seen.imported.map(|history| {
        let counted = history.counted.map(|counted| (counted.count, counted.last)).to_vec();
        (history.first_joined, history.uptime, counted)
    });
    fields.set_item("session", seen.session.to_string())?;
    fields.set_item("state", seen.state.0)?;
    fields.set_item("rests_on", version(seen.rests_on))?;
    fields.set_item("first_joined", seen.first_joined)?;
    fields.set_item("joined", seen.joined)?;
    fields.set_item("left", seen.left)?;
    fields.set_item("uptime", seen.uptime)?;
    fields.set_item("issued_at", seen.issued_at)?;
    fields.set_item("imported", imported)?;
    fields.set_item("horizon", seen.horizon.map(version))?;
    fields.set_item("tallies", tallies.collect::<Vec<_>>())?;
    fields.set_item("counted_from", seen.counted_from)?;
    Ok(fields)
}

/// The bytes that a writer signs for a statement's payload in a network.
#[pyfunction]
pub(crate) fn envelope<'py>(
    py: Python<'py>,
    network: &str,
    writer: &str,
    payload: Octets,
) -> PyResult<Bound<'py, PyBytes>> {
    let network: Network = network.parse().map_err(Failure::from)?;
    let writer = keys::peer(writer)?;
    if payload.len() > rollbook_core::limits::PAYLOAD_SIZE_MAX {
        return Err(Failure::argument("the payload of a statement is not so long").into());
    }
    guarded(|| {
        let bytes = rollbook_core::statement::envelope(&network, &writer, &payload);
        Ok(PyBytes::new(py, &bytes))
    })
}

/// The journal of an identity that was just made: its first frame.
#[pyfunction]
#[pyo3(signature = (peer_id, network = ""))]
pub(crate) fn new_journal<'py>(
    py: Python<'py>,
    peer_id: &str,
    network: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let peer_id = keys::peer(peer_id)?;
    if !network.is_empty() {
        network.parse::<Network>().map_err(Failure::from)?;
    }
    let (format, peer_id) = (journal::JOURNAL_FORMAT, peer_id.as_bytes());
    let header = Frame::Header { format, peer_id, network };
    let mut bytes = Vec::new();
    journal::write(&header, &mut bytes)
        .map_err(|_memory_takes_all| Failure::argument("the header of a journal is not so long"))?;
    Ok(PyBytes::new(py, &bytes))
}

/// A journal as Python reads it: its frames, and how many bytes were damaged, and torn at the end.
type JournalParts<'py> = (Vec<(&'static str, Bound<'py, PyAny>)>, u64, u64);

/// Reads a journal past any damage.
#[pyfunction]
pub(crate) fn read_journal<'py>(py: Python<'py>, data: Octets) -> PyResult<JournalParts<'py>> {
    guarded(|| {
        let (mut frames, mut damaged, mut torn) = (Vec::new(), 0, 0);
        let mut reader = journal::Reader::new(&data[..]);
        loop {
            match reader.next_frame() {
                Ok(Next::Frame(frame)) => frames.push(frame_parts(py, &frame)?),
                Ok(Next::Damaged { size }) => damaged += size,
                Ok(Next::TornTail { size }) => torn = size,
                Ok(Next::End) => return Ok((frames, damaged, torn)),
                Err(never) => match never {},
            }
        }
    })
}

fn frame_parts<'py>(
    py: Python<'py>,
    frame: &Frame<'_>,
) -> PyResult<(&'static str, Bound<'py, PyAny>)> {
    Ok(match frame {
        Frame::Header { format, peer_id, network } => {
            let parts = (*format, PyBytes::new(py, peer_id), *network);
            ("header", parts.into_pyobject(py)?.into_any())
        }
        Frame::Epoch(epoch) => ("epoch", epoch.into_pyobject(py)?.into_any()),
        Frame::Statement(bytes) => ("statement", PyBytes::new(py, bytes).into_any()),
        Frame::Alive(unix_s) => ("alive", unix_s.into_pyobject(py)?.into_any()),
        Frame::Observed { observer, session, number, totals } => {
            let observer = PyBytes::new(py, observer);
            let totals = PyBytes::new(py, totals);
            let parts = (observer, session.to_string(), *number, totals);
            ("observed", parts.into_pyobject(py)?.into_any())
        }
        _ => ("other", py.None().into_bound(py)),
    })
}
