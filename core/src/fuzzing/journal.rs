//! Journals: whatever the bytes are, what can be recovered of them is a roll that a snapshot
//! carries over whole.

use std::vec::Vec;

use super::{bytes::Bytes, rig};
use crate::{
    AnnouncementFields, MAX_FRAME, RecoverError,
    journal::{self, Frame, Next, Reader},
    storage::{Heap, Inline, Storage},
};

/// A journal: as its bytes are, or of frames whose checksums are put right, so that what is in
/// them is looked at too.
pub(super) fn journal(bytes: &[u8]) -> bool {
    let mut choices = Bytes::new(bytes);
    let kind = choices.byte();
    let journal =
        if kind & 1 == 0 { choices.take(bytes.len()).to_vec() } else { framed(&mut choices) };
    check_reader(&journal);
    let actor = usize::from(kind >> 1) % 3;
    match kind >> 3 & 1 {
        0 => check_recovery::<Heap>(&journal, actor),
        _ => check_recovery::<Inline<4, 1024, 2>>(&journal, actor),
    }
}

/// A journal of the frames whose bodies the bytes hold, each after its size.
fn framed(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut journal = Vec::new();
    let mut out = [0; MAX_FRAME];
    while !bytes.is_empty() {
        let body = bytes.piece();
        let Ok(frame) = postcard::from_bytes::<Frame<'_>>(body) else { continue };
        if let Ok(size) = journal::encode(&frame, &mut out) {
            journal.extend_from_slice(&out[..size]);
        }
    }
    journal
}

/// Every byte is accounted for, and every frame that is read is the same after it was written.
fn check_reader(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let (mut position, mut torn) = (0, 0);
    loop {
        match reader.next_frame().expect("a slice does not fail") {
            Next::Frame(frame) => {
                let mut out = [0; MAX_FRAME];
                let size = journal::encode(&frame, &mut out).expect("what was read can be written");
                let mut again = Reader::new(&out[..size]);
                assert_eq!(again.next_frame(), Ok(Next::Frame(frame)));
            }
            Next::Damaged { size } => assert!(size > 0),
            Next::TornTail { size } => {
                torn = size;
                break;
            }
            Next::End => break,
        }
        assert!(reader.position() > position, "it reads on");
        position = reader.position();
    }
    assert_eq!(reader.position() + torn, u64::try_from(bytes.len()).expect("small"));
}

/// Says whether anything was recovered.
fn check_recovery<S: Storage>(journal: &[u8], actor: usize) -> bool {
    let mut config = rig::config(2);
    config.capacity = 4;
    let mut tracker = rig::tracker::<S>(&config, actor, 1);
    let errors = rig::replay(&mut tracker, journal);
    if !errors.contains(&RecoverError::Full) {
        let root = tracker.root();
        rig::replay(&mut tracker, journal);
        assert_eq!(tracker.root(), root, "a journal that is read twice gives another roll");
    }
    tracker.start(rig::START);

    let before = tracker.root();
    let snapshot = rig::snapshot(&tracker);
    let mut copy = rig::tracker::<S>(&config, actor, 2);
    assert_eq!(rig::replay(&mut copy, &snapshot), [], "a snapshot is read whole");
    assert_eq!(copy.root(), before);
    copy.start(rig::START);
    assert_eq!(copy.root(), before, "a snapshot holds nothing that the start drops");

    let said = AnnouncementFields::default();
    tracker.announce(rig::START, &said).expect("bounded");
    let mut frame = [0; MAX_FRAME];
    while tracker.poll_journal(&mut frame).is_some() {}
    tracker.handle_timeout(rig::START);
    let recovered = tracker.nodes(rig::START).count();
    recovered > 0
}
