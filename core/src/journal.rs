//! The journal's frames: what a node must not forget, in a form that survives a torn write.
//!
//! A frame is postcard, then a CRC-32, then COBS with a zero as delimiter:
//!
//! ```text
//! COBS( kind (1) | body | CRC-32/ISO-HDLC of both, little-endian (4) ) | 0
//! ```
//!
//! Zero bytes stand nowhere but at the end of a frame, so a reader finds the next frame after any
//! damage. Merging is order-free and idempotent, and so is replay: a torn tail, a duplicate or a
//! lost frame costs only itself.

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc, Table};
use embedded_io::{Read, Write};
use serde::{Deserialize, Serialize};

use crate::{
    limits::{FRAME_SIZE_MAX, STATEMENT_SIZE_MAX},
    statement::Session,
};

/// The format of journals that this version writes and reads.
pub const JOURNAL_FORMAT: u8 = 1;

/// How many bytes are taken at once, each by a table of 1 KiB: devices have little room.
const CRC_LANES: usize = if cfg!(feature = "alloc") { 16 } else { 1 };
static CRC: Crc<u32, Table<CRC_LANES>> = Crc::<u32, Table<CRC_LANES>>::new(&CRC_32_ISO_HDLC);
const CRC_SIZE: usize = 4;
const BODY_SIZE_MAX: usize = STATEMENT_SIZE_MAX + 16;

/// One frame of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// The first frame: whose journal this is. The journal of an authority that recovers from a
    /// loss has none until that is over.
    Header {
        /// [`JOURNAL_FORMAT`] of the writer.
        format: u8,
        /// The peer id of the node.
        peer_id: &'a [u8],
        /// The network that it is in; empty in the journal of an identity that was made and not
        /// started yet.
        network: &'a str,
    },
    /// The epoch of a boot, on disk before its first use.
    Epoch(u32),
    /// A signed statement as on the wire.
    Statement(&'a [u8]),
    /// An authority was here at this time, in unix seconds: the end of the sessions that it last
    /// saw, should it not see them again.
    Alive(u64),
    /// The last observation batch that an authority counted of an observer, and what it came to.
    Observed {
        /// The peer id of the observer; empty where there are only totals.
        observer: &'a [u8],
        /// Its session.
        session: Session,
        /// The number of the batch.
        number: u32,
        /// What the counters that grew stand at now: [`Total`](crate::message::Total)s one after
        /// the other.
        totals: &'a [u8],
    },
}

/// Why a frame could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// `out` is too small; [`FRAME_SIZE_MAX`] bytes always suffice.
    OutTooSmall,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the buffer for a journal frame is smaller than {FRAME_SIZE_MAX} bytes")
    }
}

impl core::error::Error for EncodeError {}

/// Writes `frame` with its delimiter into `out`; says how many bytes it takes.
pub fn encode(frame: &Frame<'_>, out: &mut [u8]) -> Result<usize, EncodeError> {
    let too_small = |_| EncodeError::OutTooSmall;
    let mut plain = [0u8; BODY_SIZE_MAX + CRC_SIZE];
    let size = postcard::to_slice(frame, &mut plain[..BODY_SIZE_MAX])
        .map_err(|_statements_are_bounded| EncodeError::OutTooSmall)?
        .len();
    let checksum = CRC.checksum(&plain[..size]).to_le_bytes();
    plain[size..size + CRC_SIZE].copy_from_slice(&checksum);
    let end = out.len().checked_sub(1).ok_or(EncodeError::OutTooSmall)?;
    let stuffed =
        cobs::try_encode(&plain[..size + CRC_SIZE], &mut out[..end]).map_err(too_small)?;
    out[stuffed] = 0;
    Ok(stuffed + 1)
}

/// Reads what stood between two delimiters, in place. `None` where it is damaged.
fn decode(stuffed: &mut [u8]) -> Option<Frame<'_>> {
    let size = cobs::decode_in_place(stuffed).ok()?;
    let (body, checksum) = stuffed.get(..size)?.split_last_chunk::<CRC_SIZE>()?;
    if CRC.checksum(body).to_le_bytes() != *checksum {
        return None;
    }
    postcard::from_bytes(body).ok()
}

/// What a journal holds next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// A whole frame.
    Frame(Frame<'a>),
    /// Damaged bytes before the next delimiter, skipped.
    Damaged {
        /// How many bytes.
        size: u64,
    },
    /// The end, after bytes of a frame that was never finished.
    TornTail {
        /// How many bytes.
        size: u64,
    },
    /// The end.
    End,
}

/// Reads a journal frame by frame, past any damage.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    chunk: [u8; 256],
    chunk_start: usize,
    chunk_end: usize,
    frame: [u8; FRAME_SIZE_MAX],
    /// How many bytes were read up to the last delimiter.
    position: u64,
}

impl<R: Read> Reader<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Reader<R> {
        Reader {
            input,
            chunk: [0; 256],
            chunk_start: 0,
            chunk_end: 0,
            frame: [0; FRAME_SIZE_MAX],
            position: 0,
        }
    }

    /// The size of all frames read, damaged ones included: where a torn tail begins.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Reads on to the next delimiter.
    pub fn next_frame(&mut self) -> Result<Next<'_>, R::Error> {
        let mut size = 0u64;
        let mut kept = 0;
        let delimited = loop {
            if self.chunk_start == self.chunk_end {
                self.chunk_start = 0;
                self.chunk_end = self.input.read(&mut self.chunk)?;
                if self.chunk_end == 0 {
                    break false;
                }
            }
            let unread = &self.chunk[self.chunk_start..self.chunk_end];
            let delimiter = unread.iter().position(|byte| *byte == 0);
            let part = &unread[..delimiter.unwrap_or(unread.len())];
            // A frame over its bound is damaged: its bytes are counted and not kept.
            if let Some(place) = self.frame.get_mut(kept..kept + part.len()) {
                place.copy_from_slice(part);
            }
            kept = kept.saturating_add(part.len());
            let taken = part.len() + usize::from(delimiter.is_some());
            self.chunk_start += taken;
            size += taken as u64;
            if delimiter.is_some() {
                break true;
            }
        };
        if !delimited {
            return Ok(if size == 0 { Next::End } else { Next::TornTail { size } });
        }
        self.position += size;
        let Some(stuffed) = self.frame.get_mut(..kept) else {
            return Ok(Next::Damaged { size });
        };
        Ok(decode(stuffed).map_or(Next::Damaged { size }, Next::Frame))
    }
}

/// Writes `frame` to `output`; says how many bytes it took.
pub fn write<W: Write>(frame: &Frame<'_>, output: &mut W) -> Result<u64, W::Error> {
    let mut bytes = [0u8; FRAME_SIZE_MAX];
    let size = encode(frame, &mut bytes).expect("FRAME_SIZE_MAX bytes hold any frame");
    output.write_all(&bytes[..size])?;
    Ok(size as u64)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn frames() -> Vec<Frame<'static>> {
        std::vec![
            Frame::Header { format: JOURNAL_FORMAT, peer_id: b"\0\x01x", network: "main" },
            Frame::Epoch(7),
            Frame::Statement(&[0; STATEMENT_SIZE_MAX]),
            Frame::Statement(b"\0\0statement\0"),
            Frame::Observed {
                observer: b"\0\x01y",
                session: Session([1; 4]),
                number: 3,
                totals: b"\x03\0\x01z\0\x05\x09",
            },
            Frame::Epoch(u32::MAX),
        ]
    }

    fn journal() -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for frame in frames() {
            write(&frame, &mut bytes).expect("a vector takes all");
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    /// The places in `frames()` of the frames that `bytes` holds whole, and what was skipped.
    fn read(bytes: &[u8]) -> (Vec<usize>, u64) {
        let (mut found, mut skipped) = (Vec::new(), 0);
        let mut reader = Reader::new(bytes);
        loop {
            match reader.next_frame().expect("a slice does not fail") {
                Next::Frame(frame) => found.push(
                    frames().iter().position(|known| *known == frame).expect("no frame made up"),
                ),
                Next::Damaged { size } => skipped += size,
                Next::TornTail { size } => return (found, skipped + size),
                Next::End => return (found, skipped),
            }
        }
    }

    #[test]
    fn journal_cut_at_every_byte_keeps_the_whole_frames() {
        let (bytes, ends) = journal();
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let torn = cut - ends[..whole].last().copied().unwrap_or(0);
            assert_eq!(read(&bytes[..cut]), ((0..whole).collect(), torn as u64), "cut {cut}");
        }
    }

    #[test]
    fn flipped_bit_costs_at_most_the_frames_that_it_touches() {
        let (bytes, ends) = journal();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let hit = ends.iter().position(|end| bit / 8 < *end).expect("inside the journal");
            let (found, skipped) = read(&damaged);
            let untouched = |frame: &usize| *frame != hit && *frame != hit + 1;
            let expected: Vec<usize> = (0..frames().len()).filter(untouched).collect();
            let kept: Vec<usize> = found.iter().copied().filter(untouched).collect();
            assert_eq!(kept, expected, "bit {bit}");
            assert!(!found.contains(&hit) && skipped > 0, "bit {bit}");
        }
    }

    #[test]
    fn frame_over_its_bound_is_skipped_whole() {
        let mut bytes = std::vec![1u8; 5 * FRAME_SIZE_MAX];
        bytes.push(0);
        write(&Frame::Epoch(7), &mut bytes).expect("a vector takes all");
        assert_eq!(read(&bytes), (std::vec![1], 5 * FRAME_SIZE_MAX as u64 + 1));
    }
}
