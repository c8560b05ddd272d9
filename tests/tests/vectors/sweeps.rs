//! Every truncation and every flipped bit of every vector: nothing panics, nothing forged counts.

use rollbook_core::{
    MAX_REQUEST, MAX_RESPONSE, PeerId, Signed, Verifier,
    journal::{Next, Reader},
    message::{self, Request, Response},
};

use crate::{
    frames,
    keys::{Who, network},
    message_cases, statement_cases,
};

/// `bytes` cut at every byte.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..bytes.len()).map(|size| &bytes[..size])
}

/// `bytes` with every single bit flipped.
fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

/// Whether a replica that knows `writer` would believe `wire`.
fn counts(wire: &[u8], writer: &PeerId, verifier: &impl Verifier) -> bool {
    let Ok(signed) = Signed::parse(wire) else { return false };
    // An announcement is checked under its own subject, whoever that has become.
    let subject = signed.subject().expect("parsed");
    [*writer, subject].iter().any(|writer| signed.verify(&network(), writer, verifier).is_ok())
}

#[test]
fn changed_statement_never_verifies() {
    let verifier = Who::Node.keys();
    for statement in statement_cases::all() {
        let writer = statement.writer.parse().expect("valid");
        let wire = &statement.wire.0;
        assert!(counts(wire, &writer, &verifier), "{}", statement.name);
        for cut in cuts(wire) {
            assert!(Signed::parse(cut).is_err(), "{}: {} bytes", statement.name, cut.len());
        }
        for (flipped, bit) in flips(wire).zip(0..) {
            assert!(!counts(&flipped, &writer, &verifier), "{}: bit {bit}", statement.name);
        }
    }
}

/// Reads a message as deep as it goes.
fn read(read_as: &str, bytes: &[u8]) -> Option<usize> {
    let statements = |bytes: &[u8]| message::statements(bytes).filter(Result::is_ok).count();
    match read_as {
        "request" => {
            let request = message::decode(bytes, MAX_REQUEST).ok()?;
            let Request::Sync(request) = request else { return Some(0) };
            Some(statements(request.statements))
        }
        "response" => {
            let response = message::decode(bytes, MAX_RESPONSE).ok()?;
            let Response::Sync(response) = response else { return Some(0) };
            Some(statements(response.statements))
        }
        _ => Some(statements(bytes.get(1..)?)),
    }
}

#[test]
fn damaged_message_never_panics() {
    for (read_as, bytes) in message_cases::all() {
        assert!(read(read_as, &bytes).is_some());
        for cut in cuts(&bytes) {
            let found = read(read_as, cut);
            assert!(read_as == "gossip" || found.is_none(), "{read_as}: {} bytes", cut.len());
        }
        for flipped in flips(&bytes) {
            // What it is now, if anything, is for the signatures to say.
            let _ = read(read_as, &flipped);
        }
    }
}

#[test]
fn damaged_frame_is_never_read() {
    for frame in frames::frames() {
        for cut in cuts(&frame.bytes.0) {
            let mut reader = Reader::new(cut);
            let next = reader.next_frame().expect("a slice does not fail");
            let size = cut.len() as u64;
            let expected = if cut.is_empty() { Next::End } else { Next::TornTail { size } };
            assert_eq!(next, expected, "{}", frame.name);
        }
        for (flipped, bit) in flips(&frame.bytes.0).zip(0..) {
            let mut reader = Reader::new(&flipped[..]);
            loop {
                match reader.next_frame().expect("a slice does not fail") {
                    Next::Frame(found) => panic!("{}: bit {bit}: {found:?}", frame.name),
                    Next::Damaged { .. } => {}
                    Next::TornTail { .. } | Next::End => break,
                }
            }
        }
    }
}
