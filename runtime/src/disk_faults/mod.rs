//! What a disk does to a node at the worst moment: every step of everything that is written is
//! cut off, refused or lost once, and nothing that was confirmed is missing afterwards.

mod authority;
mod fake_dir;

use std::{collections::BTreeSet, path::Path};

use authority::{Authority, Confirmed};
use fake_dir::{FakeDir, Fault, FaultKind, Image};

use crate::{
    files,
    identity::{Identity, KeyType},
    journal_owner::{self, Owner},
};

/// All that an authority does to a disk: decisions, things that nobody waits for, compactions
/// that are due and one that is asked for, and the end.
const WORK: [fn(&mut Authority); 9] = [
    |authority| authority.decide(0),
    |authority| authority.announce("one"),
    |authority| authority.decide(1),
    |authority| authority.revoke(0),
    Authority::compact,
    |authority| authority.announce("two"),
    |authority| authority.decide(2),
    |authority| authority.revoke(1),
    Authority::finish,
];

fn new_dir() -> FakeDir {
    let dir = FakeDir::default();
    Authority::prepare(&dir);
    dir
}

/// What was looked at already: the same disk and the same promises come up again and again.
#[derive(Default)]
struct Looked(BTreeSet<(Image, Confirmed)>);

impl Looked {
    /// Looks at all that a kill or a power failure leaves of `dir` now, which had no damage before
    /// if `was_whole`.
    #[track_caller]
    fn at_every_crash(&mut self, dir: &FakeDir, confirmed: &Confirmed, was_whole: bool) {
        if self.0.insert((dir.seen(), confirmed.clone())) {
            let killed = dir.copy();
            nothing_is_missing(&killed, confirmed);
        }
        for (image, in_order) in dir.after_power_failure() {
            if !self.0.insert((image.clone(), confirmed.clone())) {
                continue;
            }
            let authority = nothing_is_missing(&FakeDir::of(&image), confirmed);
            if in_order && was_whole {
                assert_eq!(authority.recovered.damaged, 0, "a crash is no damage: {image:?}");
                assert!(!authority.is_recovering(), "a crash is no loss: {image:?}");
            }
        }
    }

    /// The same after each step since its history was kept.
    #[track_caller]
    fn at_the_history_of(&mut self, dir: &FakeDir, authority: &Authority) {
        let was_whole = authority.recovered.damaged == 0;
        for state in dir.take_history() {
            self.at_every_crash(&state, authority.confirmed_at(state.mark()), was_whole);
        }
    }
}

/// Opens what a crash left, as the next start does: all of `confirmed` is there, and no epoch is
/// used twice.
#[track_caller]
fn nothing_is_missing(dir: &FakeDir, confirmed: &Confirmed) -> Authority {
    let found = dir.seen();
    let authority = Authority::start_after(dir, confirmed).expect("it opens");
    confirmed.is_within(authority.found(), &found);
    assert!(authority.epoch() > confirmed.epoch, "an epoch is used twice");
    authority
}

/// The journal of an authority that worked and was killed, and what was confirmed at which size.
fn real_journal(steps: &[fn(&mut Authority)]) -> (Vec<u8>, Vec<(usize, Confirmed)>) {
    let dir = new_dir();
    let mut authority = Authority::start(&dir).expect("it opens");
    let mut confirmed = Vec::new();
    for step in steps {
        step(&mut authority);
        confirmed.push((dir.seen()[files::JOURNAL].len(), authority.confirmed().clone()));
    }
    (dir.seen()[files::JOURNAL].clone(), confirmed)
}

fn journal_of(bytes: &[u8]) -> FakeDir {
    FakeDir::of(&Image::from([(files::JOURNAL.to_owned(), bytes.to_vec())]))
}

/// The places of the delimiters.
fn delimiters(journal: &[u8]) -> Vec<usize> {
    (0..journal.len()).filter(|place| journal[*place] == 0).collect()
}

#[test]
fn a_real_journal_cut_at_every_byte_keeps_what_was_confirmed_before_the_cut() {
    let (journal, confirmed) = real_journal(&WORK[..4]);
    let header = delimiters(&journal)[0] + 1;
    for cut in 0..=journal.len() {
        let dir = journal_of(&journal[..cut]);
        let before = confirmed.iter().rev().find(|(size, _)| *size <= cut);
        let before = before.map_or_else(Confirmed::default, |(_, confirmed)| confirmed.clone());
        let mut authority = nothing_is_missing(&dir, &before);
        let is_torn = cut > 0 && journal[cut - 1] != 0;
        assert_eq!(authority.recovered.torn > 0, is_torn, "cut {cut}");
        assert_eq!(authority.recovered.damaged, 0, "cut {cut}");
        assert_eq!(authority.is_recovering(), cut < header, "cut {cut}");
        if cut >= header {
            authority.decide(9);
            let authority = nothing_is_missing(&dir, &authority.confirmed().clone());
            assert_eq!((authority.recovered.torn, authority.recovered.damaged), (0, 0));
        }
    }
}

#[test]
fn a_flipped_bit_costs_the_frames_it_touches_and_is_reported() {
    let (journal, _) = real_journal(&WORK[..1]);
    let delimiters = delimiters(&journal);
    for bit in 0..journal.len() * 8 {
        let place = bit / 8;
        let mut damaged = journal.clone();
        damaged[place] ^= 1 << (bit % 8);
        let hit = delimiters.iter().position(|end| place <= *end).expect("it ends in one");
        let hit_last = if delimiters[hit] == place { hit + 1 } else { hit };
        let start = if hit == 0 { 0 } else { delimiters[hit - 1] + 1 };
        let end = delimiters.get(hit_last).map_or(journal.len(), |end| end + 1);
        let rest = [&journal[..start], &journal[end..]].concat();
        let expected = Authority::start(&journal_of(&rest)).expect("it opens");
        let found = Authority::start(&journal_of(&damaged)).expect("it opens");
        assert_eq!(found.found(), expected.found(), "bit {bit}");
        assert_eq!(found.recovered.frames, expected.recovered.frames, "bit {bit}");
        let lost = (damaged.len() - rest.len()) as u64;
        // Without its delimiter the last frame reads as one that was never finished.
        let is_torn = hit_last == delimiters.len();
        let reported = if is_torn { found.recovered.torn } else { found.recovered.damaged };
        assert_eq!(reported, lost, "bit {bit}");
        assert_eq!(found.is_recovering(), !is_torn, "bit {bit}");
    }
}

#[test]
fn a_crash_at_any_step_leaves_all_that_was_confirmed() {
    let dir = new_dir();
    dir.keep_history();
    let mut authority = Authority::start(&dir).expect("it opens");
    WORK.iter().for_each(|step| step(&mut authority));
    let mut looked = Looked::default();
    for state in dir.take_history() {
        let confirmed = authority.confirmed_at(state.mark());
        looked.at_every_crash(&state, confirmed, true);
        // Killed, and what the next run confirms meets a power failure.
        state.keep_history();
        let mut next = nothing_is_missing(&state, confirmed);
        next.decide(4);
        looked.at_the_history_of(&state, &next);
    }
    // The start after it is cut short, too.
    for (image, confirmed) in looked.0.clone() {
        let dir = FakeDir::of(&image);
        dir.keep_history();
        let authority = nothing_is_missing(&dir, &confirmed);
        looked.at_the_history_of(&dir, &authority);
    }
    assert!(looked.0.len() > 100, "{} states", looked.0.len());
}

/// Does all the work on a disk with a fault, and with a disk in order after that. What was
/// confirmed is never missing, and in the end all is confirmed. Says how often the fault was met.
#[track_caller]
fn work_through(fault: Fault, looked: &mut Looked) -> usize {
    let dir = new_dir();
    dir.keep_history();
    dir.set_fault(Some(fault.clone()));
    let started = Authority::start(&dir);
    let mut authority = started.unwrap_or_else(|error| {
        let error = error.to_string();
        assert!(error.starts_with("journal fake/journal: "), "{error}");
        assert!(error.ends_with(&fault.kind.to_string()), "{error}");
        dir.set_fault(None);
        dir.take_history();
        Authority::start(&dir).expect("it opens")
    });
    for step in WORK {
        step(&mut authority);
        if let Some(reason) = authority.fault() {
            assert_eq!(reason, fault.kind.to_string());
        }
        authority.retry();
    }
    dir.set_fault(None);
    authority.retry();
    authority.decide(3);
    authority.finish();
    assert!(authority.is_well() && authority.is_all_confirmed(), "{fault:?}");
    looked.at_the_history_of(&dir, &authority);
    dir.faults_met()
}

/// One step that fails, and from one step on all; and the number of the first.
fn faults(kind: FaultKind) -> impl Iterator<Item = Fault> {
    let dir = new_dir();
    dir.set_fault(None);
    let mut authority = Authority::start(&dir).expect("it opens");
    WORK.iter().for_each(|step| step(&mut authority));
    let steps = dir.steps();
    (0..steps).flat_map(move |first| {
        [first + 1, first + 3, usize::MAX].map(|end| Fault { steps: first..end, kind })
    })
}

#[test]
fn a_disk_that_is_full_at_any_step_costs_nothing_that_was_confirmed() {
    let mut looked = Looked::default();
    for kind in [FaultKind::NoRoom, FaultKind::HalfARoom] {
        let met: usize = faults(kind).map(|fault| work_through(fault, &mut looked)).sum();
        assert!(met > 50, "{met} times {kind}");
    }
}

#[test]
fn a_sync_that_fails_at_any_step_is_never_believed_to_have_been_made_good_by_the_next() {
    let mut looked = Looked::default();
    for kind in [FaultKind::SyncDrops, FaultKind::SyncDoubts, FaultKind::Everything] {
        let met: usize = faults(kind).map(|fault| work_through(fault, &mut looked)).sum();
        assert!(met > 50, "{met} times {kind}");
    }
}

/// After a failed sync the system may show what is not on disk and never will be. A node that is
/// killed then must not be fooled at its next start.
#[test]
fn what_a_failed_sync_left_is_not_taken_for_kept_by_the_next_run() {
    let mut looked = Looked::default();
    let mut restarts = 0;
    for fault in faults(FaultKind::SyncDrops) {
        let dir = new_dir();
        dir.set_fault(Some(fault));
        let Ok(mut authority) = Authority::start(&dir) else { continue };
        for step in WORK {
            step(&mut authority);
            if dir.faults_met() == 0 {
                continue;
            }
            // Killed here; the disk works from now on.
            let dir = dir.copy();
            dir.keep_history();
            let mut next = nothing_is_missing(&dir, authority.confirmed());
            next.decide(4);
            next.finish();
            assert!(next.is_all_confirmed());
            looked.at_the_history_of(&dir, &next);
            restarts += 1;
        }
    }
    assert!(restarts > 50, "{restarts} restarts");
}

#[test]
fn an_identity_that_is_cut_short_leaves_no_key_without_the_first_frame_of_its_journal() {
    let dir = FakeDir::default();
    dir.keep_history();
    let identity = Identity::generate(KeyType::Ed25519).expect("it is made");
    identity.write_in(&dir, Path::new("fake")).expect("there is room");
    let (mut without_key, mut with_key) = (0, 0);
    for state in dir.take_history() {
        let images = state.after_power_failure().into_keys().chain([state.seen()]);
        for image in images {
            let dir = FakeDir::of(&image);
            let owner = journal_owner::owner(&dir).expect("it is read");
            if let Some(key) = image.get(files::KEY) {
                let found = Identity::from_protobuf(key).expect("a key is there whole or not");
                assert_eq!(found.peer_id(), identity.peer_id());
                let header = &image[files::JOURNAL];
                assert!(journal_owner::tests::names(header, &identity.peer_id()));
                with_key += 1;
            } else {
                assert_eq!(owner, Owner::Nobody, "{image:?}");
                // Somebody else's is made there.
                let other = Identity::generate(KeyType::Ed25519).expect("it is made");
                other.write_in(&dir, Path::new("fake")).expect("nobody's journal is replaced");
                let journal = &dir.seen()[files::JOURNAL];
                assert!(journal_owner::tests::names(journal, &other.peer_id()));
                without_key += 1;
            }
        }
    }
    assert!(without_key > 5 && with_key > 1, "{without_key} without, {with_key} with");
}

#[test]
fn a_disk_without_room_refuses_a_new_identity_and_takes_it_later() {
    let identity = Identity::generate(KeyType::Ed25519).expect("it is made");
    let mut refused = 0;
    for kind in [FaultKind::NoRoom, FaultKind::HalfARoom, FaultKind::SyncDrops] {
        for first in 0..8 {
            let dir = FakeDir::default();
            dir.set_fault(Some(Fault { steps: first..usize::MAX, kind }));
            let made = identity.write_in(&dir, Path::new("fake"));
            if dir.faults_met() > 0 {
                let error = made.expect_err("it is not on disk").to_string();
                assert!(error.ends_with(&kind.to_string()), "{error}");
                refused += 1;
            }
            dir.set_fault(None);
            identity.write_in(&dir, Path::new("fake")).expect("there is room");
            assert_eq!(dir.seen().len(), 2, "{:?}", dir.seen().keys());
        }
    }
    assert!(refused > 10, "{refused} refusals");
}
