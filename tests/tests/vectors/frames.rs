//! The journal: every kind of frame, and journals with damage in them.

use rollbook_core::{
    Session,
    journal::{self, Frame, JOURNAL_FORMAT, Next, Reader},
    limits::FRAME_SIZE_MAX,
};
use serde::{Deserialize, Serialize};

use crate::{
    golden::{Hex, golden},
    keys::{KeyVector, NETWORK, Who, keys},
    layout::Layout,
    statement_cases::{self, AT, EPOCH, SESSION},
};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    about: String,
    keys: Vec<KeyVector>,
    frames: Vec<FrameVector>,
    journals: Vec<JournalVector>,
}

/// A frame.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FrameVector {
    pub(crate) name: String,
    fields: FrameFields,
    /// Kind and fields.
    body: Hex,
    /// CRC-32/ISO-HDLC of the body, little-endian.
    crc: Hex,
    /// Body and checksum after COBS, and the delimiter.
    pub(crate) bytes: Hex,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FrameFields {
    Header { format: u8, peer_id: String, network: String },
    Epoch(u32),
    Statement(Hex),
    Alive(u64),
    Observed { observer: Option<String>, session: Hex, number: u32, totals: Vec<TotalVector> },
}

/// What an authority counted in one counter of one node in all.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TotalVector {
    subject: String,
    counter: u8,
    count: u64,
    last: u64,
}

impl TotalVector {
    fn encode(&self) -> Vec<u8> {
        let subject: rollbook_core::PeerId = self.subject.parse().expect("valid");
        let layout = Layout::default().counted(subject.as_bytes()).byte(self.counter);
        layout.varint(self.count).varint(self.last).0
    }
}

fn totals_of(totals: &[TotalVector]) -> Vec<u8> {
    totals.iter().flat_map(TotalVector::encode).collect()
}

/// A whole file, and what is found in it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct JournalVector {
    name: String,
    bytes: Hex,
    /// The places in `frames` of those that are found.
    frames: Vec<usize>,
    damaged_bytes: u64,
    torn_bytes: u64,
}

/// The frame that the fields say, for as long as its parts live.
fn with_frame<R>(fields: &FrameFields, f: impl FnOnce(&Frame<'_>) -> R) -> R {
    let bytes_of = |peer_id: &str| {
        let peer_id: rollbook_core::PeerId = peer_id.parse().expect("valid");
        peer_id.as_bytes().to_vec()
    };
    match fields {
        FrameFields::Header { format, peer_id, network } => {
            f(&Frame::Header { format: *format, peer_id: &bytes_of(peer_id), network })
        }
        FrameFields::Epoch(epoch) => f(&Frame::Epoch(*epoch)),
        FrameFields::Statement(wire) => f(&Frame::Statement(&wire.0)),
        FrameFields::Alive(time) => f(&Frame::Alive(*time)),
        FrameFields::Observed { observer, session, number, totals } => f(&Frame::Observed {
            observer: &observer.as_deref().map(bytes_of).unwrap_or_default(),
            session: Session(session.array()),
            number: *number,
            totals: &totals_of(totals),
        }),
    }
}

/// Bit by bit, as in the definition: polynomial 0x04c11db7 reflected, all ones before and after.
fn crc_32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1));
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, byte)
}

/// What COBS stands for.
fn unstuff(stuffed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = stuffed;
    while let Some((code, after)) = rest.split_first() {
        assert_ne!(*code, 0, "no zero but the delimiter");
        let (block, after) = after.split_at(usize::from(*code) - 1);
        plain.extend_from_slice(block);
        if *code != 0xff && !after.is_empty() {
            plain.push(0);
        }
        rest = after;
    }
    plain
}

/// The fields by the layout in `docs/format.md`.
fn body(fields: &FrameFields) -> Vec<u8> {
    let peer = |layout: Layout, peer_id: &str| {
        let peer_id: rollbook_core::PeerId = peer_id.parse().expect("valid");
        layout.counted(peer_id.as_bytes())
    };
    match fields {
        FrameFields::Header { format, peer_id, network } => {
            peer(Layout::default().byte(0).byte(*format), peer_id).counted(network.as_bytes())
        }
        FrameFields::Epoch(epoch) => Layout::default().byte(1).varint((*epoch).into()),
        FrameFields::Statement(wire) => Layout::default().byte(2).counted(&wire.0),
        FrameFields::Alive(time) => Layout::default().byte(3).varint(*time),
        FrameFields::Observed { observer, session, number, totals } => {
            let layout = match observer {
                Some(observer) => peer(Layout::default().byte(4), observer),
                None => Layout::default().byte(4).varint(0),
            };
            layout.raw(&session.0).varint((*number).into()).counted(&totals_of(totals))
        }
    }
    .0
}

fn frame(name: &str, fields: FrameFields) -> FrameVector {
    let mut out = [0; FRAME_SIZE_MAX];
    let size = with_frame(&fields, |frame| journal::encode(frame, &mut out)).expect("it fits");
    let body = body(&fields);
    let crc = crc_32(&body).to_le_bytes();
    FrameVector {
        name: name.to_owned(),
        fields,
        body: Hex(body),
        crc: Hex::of(&crc),
        bytes: Hex::of(&out[..size]),
    }
}

pub(crate) fn frames() -> Vec<FrameVector> {
    let statements = statement_cases::all();
    let statement = |name: &str| {
        let found = statements.iter().find(|statement| statement.name == name);
        FrameFields::Statement(found.expect("a statement of the vectors").wire.clone())
    };
    let total = |who: Who, counter: u8, count: u64| TotalVector {
        subject: who.peer_id().to_string(),
        counter,
        count,
        last: AT,
    };
    vec![
        frame(
            "header",
            FrameFields::Header {
                format: JOURNAL_FORMAT,
                peer_id: Who::FirstAuthority.peer_id().to_string(),
                network: NETWORK.to_owned(),
            },
        ),
        frame("epoch", FrameFields::Epoch(EPOCH)),
        frame("epoch 0", FrameFields::Epoch(0)),
        frame("epoch, the last", FrameFields::Epoch(u32::MAX)),
        frame("statement", statement("announcement, typical")),
        frame("statement, the largest", statement("announcement, maximal")),
        frame("statement with zeros", statement("presence, minimal")),
        frame("alive", FrameFields::Alive(AT)),
        frame(
            "observed",
            FrameFields::Observed {
                observer: Some(Who::Node.peer_id().to_string()),
                session: Hex::of(&SESSION),
                number: 300,
                totals: vec![total(Who::EthereumNode, 0, 70_000), total(Who::Stranger, 2, 1)],
            },
        ),
        frame(
            "observed, only a total",
            FrameFields::Observed {
                observer: None,
                session: Hex::of(&[0; 4]),
                number: 0,
                totals: vec![total(Who::Node, 1, u64::MAX)],
            },
        ),
        frame(
            "header, made with an identity",
            FrameFields::Header {
                format: JOURNAL_FORMAT,
                peer_id: Who::FirstAuthority.peer_id().to_string(),
                network: String::new(),
            },
        ),
    ]
}

/// The places of the frames that are found in `bytes`, and the damaged and the torn bytes.
fn read(bytes: &[u8], frames: &[FrameVector]) -> (Vec<usize>, u64, u64) {
    let (mut places, mut damaged, mut torn) = (Vec::new(), 0, 0);
    let mut reader = Reader::new(bytes);
    loop {
        match reader.next_frame().expect("a slice does not fail") {
            Next::Frame(found) => {
                let is = |vector: &FrameVector| with_frame(&vector.fields, |frame| *frame == found);
                places.push(frames.iter().position(is).expect("no frame is made up"));
            }
            Next::Damaged { size } => damaged += size,
            Next::TornTail { size } => torn += size,
            Next::End => return (places, damaged, torn),
        }
    }
}

fn journals(frames: &[FrameVector]) -> Vec<JournalVector> {
    let bytes = |places: &[usize]| -> Vec<u8> {
        places.iter().flat_map(|place| frames[*place].bytes.0.clone()).collect()
    };
    let journal = |name: &str, bytes: Vec<u8>| {
        let (places, damaged_bytes, torn_bytes) = read(&bytes, frames);
        let bytes = Hex(bytes);
        JournalVector { name: name.to_owned(), bytes, frames: places, damaged_bytes, torn_bytes }
    };
    let whole = bytes(&[0, 1, 4, 7]);
    let mut flipped = whole.clone();
    flipped[frames[0].bytes.0.len() + 2] ^= 0x10;
    // A lost delimiter costs the frames on both of its sides.
    let mut joined = whole.clone();
    joined.remove(frames[0].bytes.0.len() - 1);
    let wrong_crc = [&[frames[1].body.0.clone(), vec![0, 1, 2, 3]].concat()[..]].concat();
    let wrong_crc = [stuff(&wrong_crc), whole.clone()].concat();
    let later_body = Layout::default().byte(9).varint(1).0;
    let later = [&later_body[..], &crc_32(&later_body).to_le_bytes()].concat();
    let too_long = [vec![1; FRAME_SIZE_MAX + 1], vec![0], bytes(&[1])].concat();
    vec![
        journal("empty", vec![]),
        journal("whole", whole.clone()),
        journal("cut inside the last frame", whole[..whole.len() - 3].to_vec()),
        journal("cut before the last delimiter", whole[..whole.len() - 1].to_vec()),
        journal("a flipped bit", flipped),
        journal("a lost delimiter", joined),
        journal("a wrong checksum", wrong_crc),
        journal("an empty frame", [&[0][..], &whole].concat()),
        journal("a frame of an unknown kind", [stuff(&later), whole].concat()),
        journal("a frame over its bound", too_long),
    ]
}

/// COBS of what has no runs of 254 bytes, with the delimiter.
fn stuff(plain: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::new();
    for block in plain.split(|byte| *byte == 0) {
        stuffed.push(u8::try_from(block.len() + 1).expect("a short block"));
        stuffed.extend_from_slice(block);
    }
    stuffed.push(0);
    stuffed
}

#[test]
fn frames_are_as_in_the_file() {
    let frames = frames();
    let computed = File {
        about: "Frames of the journal: fields, body, checksum, and the whole as in the file. Then \
                journals with damage, and the frames that are found in them."
            .to_owned(),
        keys: keys(),
        journals: journals(&frames),
        frames,
    };
    let file = golden("frames.json", &computed);
    assert_eq!(file, computed);
    for vector in &file.frames {
        let (delimiter, stuffed) = vector.bytes.0.split_last().expect("not empty");
        assert_eq!(*delimiter, 0);
        assert_eq!(unstuff(stuffed), [&vector.body.0[..], &vector.crc.0].concat());
        let (places, damaged, torn) = read(&vector.bytes.0, std::slice::from_ref(vector));
        assert_eq!((places, damaged, torn), (vec![0], 0, 0), "{}", vector.name);
        let mut out = [0; FRAME_SIZE_MAX];
        let size = with_frame(&vector.fields, |frame| journal::encode(frame, &mut out));
        assert_eq!(out[..size.expect("it fits")], vector.bytes.0, "{}", vector.name);
    }
    for vector in &file.journals {
        let (places, damaged, torn) = read(&vector.bytes.0, &file.frames);
        assert_eq!(places, vector.frames, "{}", vector.name);
        assert_eq!((damaged, torn), (vector.damaged_bytes, vector.torn_bytes), "{}", vector.name);
    }
}
