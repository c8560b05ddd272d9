//! What a tracker wants done, taken out in batches.

use pyo3::{prelude::*, types::PyBytes};
use rollbook_core::{HeapTracker, Now, PeerId};

use crate::names;

/// A frame as Python has it: its bytes, its position, whether it must be durable.
type FrameParts<'py> = (Bound<'py, PyBytes>, u64, bool);
/// A request as Python has it: to whom, and its bytes.
type RequestParts<'py> = (String, Bound<'py, PyBytes>);
/// An event as Python has it: its name, and the node that it is about.
type EventParts = (&'static str, Option<String>);
/// Frames, publications, requests and events.
pub(crate) type OutputParts<'py> =
    (Vec<FrameParts<'py>>, Vec<Bound<'py, PyBytes>>, Vec<RequestParts<'py>>, Vec<EventParts>);

/// A frame of the journal.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    pub(crate) position: u64,
    pub(crate) must_sync: bool,
}

/// What is to be done, in the order in which it is to be done.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    pub(crate) frames: Vec<Frame>,
    pub(crate) publications: Vec<Vec<u8>>,
    pub(crate) requests: Vec<(PeerId, Vec<u8>)>,
    pub(crate) events: Vec<(&'static str, Option<PeerId>)>,
}

impl Outputs {
    /// Takes at most `count_max` of each sort; `buffer` holds any message.
    pub(crate) fn take(
        tracker: &mut HeapTracker,
        now: Now,
        count_max: usize,
        buffer: &mut [u8],
    ) -> Outputs {
        let mut outputs = Outputs::default();
        while outputs.frames.len() < count_max
            && let Some(frame) = tracker.poll_journal(buffer)
        {
            let bytes = buffer[..frame.len].to_vec();
            let (position, must_sync) = (frame.position, frame.must_sync);
            outputs.frames.push(Frame { bytes, position, must_sync });
        }
        while outputs.publications.len() < count_max
            && let Some(size) = tracker.poll_publication(buffer)
        {
            outputs.publications.push(buffer[..size].to_vec());
        }
        while outputs.requests.len() < count_max
            && let Some(request) = tracker.poll_request(now, buffer)
        {
            outputs.requests.push((request.to, buffer[..request.len].to_vec()));
        }
        let own = *tracker.peer_id();
        while outputs.events.len() < count_max
            && let Some(event) = tracker.poll_event(now)
        {
            outputs.events.push(names::told(&event, &own));
        }
        outputs
    }

    /// As Python has them.
    pub(crate) fn parts<'py>(&self, py: Python<'py>) -> OutputParts<'py> {
        let bytes = |bytes: &Vec<u8>| PyBytes::new(py, bytes);
        let frame = |frame: &Frame| (bytes(&frame.bytes), frame.position, frame.must_sync);
        let request = |(to, message): &(PeerId, Vec<u8>)| (to.to_string(), bytes(message));
        let event = |(kind, peer): &(&'static str, Option<PeerId>)| {
            (*kind, peer.map(|peer| peer.to_string()))
        };
        (
            self.frames.iter().map(frame).collect(),
            self.publications.iter().map(bytes).collect(),
            self.requests.iter().map(request).collect(),
            self.events.iter().map(event).collect(),
        )
    }
}
