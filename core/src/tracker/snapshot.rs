//! A compacted journal of all that a tracker holds, frame by frame.
//!
//! It may be taken in one go, or with inputs handled between two frames. For the second, a place in
//! it names what was written last and nothing in memory, so nodes and statements may come and go.
//!
//! Invariants:
//! - once the end was reached, what was written and the frames that came out of the journal since
//!   the first call hold all that the tracker holds;
//! - a batch of observations is in it with its number and its totals, or not at all.

use super::NodeEventTracker;
use crate::{
    journal::{self, Frame, JOURNAL_FORMAT},
    key::{Signer, Verifier},
    limits::{FRAME_SIZE_MAX, OBSERVATIONS_MAX, TOTAL_SIZE_MAX},
    node_data::Held,
    peer_id::{Hint, PeerId},
    roll::ChangeReader,
    statement::{Any, Kind, Session, Signed},
    storage::Storage,
};

/// How far a snapshot has come: see [`NodeEventTracker::snapshot_next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPlace {
    stage: Stage,
    /// The last change before the first frame.
    head: u64,
}

impl SnapshotPlace {
    /// Before the first frame.
    pub const START: SnapshotPlace = SnapshotPlace { stage: Stage::Header, head: 0 };
}

/// What is written next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Header,
    Epoch,
    Alive,
    /// The statement behind this slot, in the roll's order.
    Statements(Option<(PeerId, Kind, Hint)>),
    /// The totals of the node behind the one with this order key.
    Totals(Option<u64>),
    /// The last batch of the observer behind this one.
    Observers(Option<(PeerId, Session)>),
    /// The batch that is counted and in no frame of the journal yet.
    Unwritten,
    /// What changed since the first frame and is in no frame of the journal yet.
    Changes(ChangeReader),
    End,
}

impl<S: Storage, K: Signer + Verifier> NodeEventTracker<S, K> {
    /// Writes the next frame of a compacted journal into `out` and says its size; `None` at the end.
    /// [`FRAME_SIZE_MAX`] bytes always suffice; in fewer a frame may find no room, which reads as a
    /// size of 0, and waits.
    ///
    /// Inputs may be handled between two calls. Frames that [`NodeEventTracker::poll_journal`] gives
    /// out after the first call belong behind the snapshot, those from before it are in it; at the
    /// end, both together are all that is held, whatever still waits to be given out. While an
    /// authority recovers, its journal has no header.
    ///
    /// A statement whose signature is still to be made reads as a size of 0 too: it has taken the
    /// place of one that may be on disk, so there is no whole journal without it.
    pub fn snapshot_next(&self, place: &mut SnapshotPlace, out: &mut [u8]) -> Option<usize> {
        loop {
            let mut next = *place;
            let written = self.write_stage(&mut next, out);
            match written {
                Some(Ok(len)) => {
                    *place = next;
                    return Some(len);
                }
                Some(Err(Waits)) => return Some(0),
                None if next.stage == Stage::End => {
                    *place = next;
                    return None;
                }
                None => *place = next,
            }
        }
    }

    /// Writes a whole compacted journal to `out`; says its size in bytes. Frames given out before
    /// it are in it, those given out after it belong behind it. While an authority recovers, its
    /// journal has no header.
    ///
    /// While a statement in the roll waits for its signature nothing is written, and the size is 0:
    /// see [`NodeEventTracker::snapshot_next`].
    pub fn snapshot<W: embedded_io::Write>(&self, out: &mut W) -> Result<u64, W::Error> {
        let (mut place, mut frame) = (SnapshotPlace::START, [0; FRAME_SIZE_MAX]);
        let mut size = 0;
        if self.next_unsigned_in_roll().is_some() {
            return Ok(0);
        }
        while let Some(len) = self.snapshot_next(&mut place, &mut frame) {
            out.write_all(&frame[..len])?;
            size += len as u64;
        }
        Ok(size)
    }

    /// Writes a frame, if there is another one in this stage, and goes past it; else goes on to the
    /// next stage.
    fn write_stage(&self, place: &mut SnapshotPlace, out: &mut [u8]) -> Option<Written> {
        match place.stage {
            Stage::Header => {
                *place = SnapshotPlace { stage: Stage::Epoch, head: self.ledger.roll.head() };
                let frame = Frame::Header {
                    format: JOURNAL_FORMAT,
                    peer_id: self.ledger.own().as_bytes(),
                    network: self.ledger.network.as_str(),
                };
                (!self.authority.is_recovering()).then(|| encode(&frame, out))
            }
            Stage::Epoch => {
                place.stage = Stage::Alive;
                Some(encode(&Frame::Epoch(self.ledger.epoch()), out))
            }
            Stage::Alive => {
                place.stage = Stage::Statements(None);
                let alive = self.authority.alive_unix();
                (alive > 0).then(|| encode(&Frame::Alive(alive), out))
            }
            Stage::Statements(last) => self.write_statement(place, last, out),
            Stage::Totals(last) => self.write_totals(place, last, out),
            Stage::Observers(last) => {
                let next = self.authority.counting.observer_after(last);
                place.stage = next.map_or(Stage::Unwritten, |(key, _)| Stage::Observers(Some(key)));
                next.map(|(_, frame)| encode(&frame, out))
            }
            Stage::Unwritten => {
                let read = (self.journal.since(), self.journal.after());
                let [since, after] = [read.0, read.1].map(|change| change.max(place.head));
                place.stage = Stage::Changes(ChangeReader::from(since, after));
                let mut totals = [0; OBSERVATIONS_MAX * TOTAL_SIZE_MAX];
                let frame = self.authority.counting.unwritten_frame(&self.ledger, &mut totals)?;
                Some(encode(&frame, out))
            }
            Stage::Changes(mut reader) => {
                let next = reader.next_statement(&self.ledger.roll, u64::MAX);
                place.stage = next.map_or(Stage::End, |_| Stage::Changes(reader));
                let (_, held) = next?;
                Some(encode_statement(&held.statement, out))
            }
            Stage::End => None,
        }
    }

    fn write_statement(
        &self,
        place: &mut SnapshotPlace,
        last: Option<(PeerId, Kind, Hint)>,
        out: &mut [u8],
    ) -> Option<Written> {
        let roll = &self.ledger.roll;
        let (within, behind) = match last.map(|(peer, ..)| roll.place_of(&peer)) {
            Some(Ok(place)) => (Some(roll.at(place).node()), place + 1),
            Some(Err(place)) => (None, place),
            None => (None, 0),
        };
        let slot = last.map(|(_, kind, writer)| (kind, writer));
        let is_unwritten =
            |held: &Held<'_>| Some((held.statement.kind(), held.statement.writer())) > slot;
        let next = within.and_then(|node| node.statements().find(is_unwritten)).or_else(|| {
            let mut nodes = (behind..roll.count()).map(|place| roll.at(place).node());
            nodes.find_map(|node| node.statements().next())
        });
        let Some(Held { statement, .. }) = next else {
            place.stage = Stage::Totals(None);
            return None;
        };
        let subject = statement.subject().expect("a statement in the roll has a subject");
        place.stage = Stage::Statements(Some((subject, statement.kind(), statement.writer())));
        Some(encode_statement(&statement, out))
    }

    fn write_totals(
        &self,
        place: &mut SnapshotPlace,
        last: Option<u64>,
        out: &mut [u8],
    ) -> Option<Written> {
        let mut totals = [0; OBSERVATIONS_MAX * TOTAL_SIZE_MAX];
        let next = self.authority.counting.totals_after(&self.ledger, last, &mut totals);
        let Some((subject, frame)) = next else {
            place.stage = Stage::Observers(None);
            return None;
        };
        place.stage = Stage::Totals(Some(subject));
        Some(encode(&frame, out))
    }
}

/// The frame cannot be written for now.
struct Waits;

/// The size of a frame that was written.
type Written = Result<usize, Waits>;

fn encode(frame: &Frame<'_>, out: &mut [u8]) -> Written {
    journal::encode(frame, out).map_err(|_too_small| Waits)
}

fn encode_statement(statement: &Signed<'_, Any>, out: &mut [u8]) -> Written {
    if statement.is_unsigned() {
        return Err(Waits);
    }
    encode(&Frame::Statement(&statement.wire()), out)
}
