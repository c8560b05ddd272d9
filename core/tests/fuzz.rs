//! A short run of every fuzz target: the corpus in `fuzz/corpus`, then mutations of it, always the
//! same ones.
//!
//! What fails is written to a file that the message names. Put into the target's corpus, it is
//! tried first from then on. `ROLLBOOK_FUZZ_SEED` and `ROLLBOOK_FUZZ_ROUNDS` try others and more;
//! `ROLLBOOK_WRITE_CORPUS=1` writes the seeds of the corpus anew, after a format was changed on
//! purpose.

mod common;
mod fuzz_support;

use std::{fs, panic::catch_unwind, path::PathBuf};

use fuzz_support::{corpus, mutate::Mutator};
use rollbook_core::fuzzing::{self, TARGETS};

/// The seed of the mutations.
const SEED: u64 = 1;

fn from_environment(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |value| value.parse().expect("a number"))
}

/// Runs the corpus of `target`, then `rounds` mutations of it.
fn short_run(target: &str, rounds: u64) {
    let inputs = corpus::read(target);
    let taken = inputs.iter().filter(|(name, bytes)| try_one(target, bytes, name)).count();
    assert!(taken > 0, "nothing in the corpus of {target} is more than refused: it is out of date");
    let seed = from_environment("ROLLBOOK_FUZZ_SEED", SEED);
    let rounds = rounds * from_environment("ROLLBOOK_FUZZ_ROUNDS", 1);
    let inputs: Vec<Vec<u8>> = inputs.into_iter().map(|(_, bytes)| bytes).collect();
    let mut mutator = Mutator::new(seed, &inputs);
    for round in 0..rounds {
        try_one(target, &mutator.next(), &format!("seed {seed}, round {round}"));
    }
}

/// Runs one input; on failure it is kept. Says whether it was more than refused.
fn try_one(target: &str, bytes: &[u8], origin: &str) -> bool {
    let outcome = catch_unwind(|| fuzzing::run(target, bytes));
    outcome.unwrap_or_else(|_its_message_was_printed| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(target);
        let file = folder.join(format!("failure-{:016x}", corpus::name_of(bytes)));
        fs::create_dir_all(&folder).and_then(|()| fs::write(&file, bytes)).expect("it is written");
        panic!("fuzz target {target} fails on {} ({origin})", file.display());
    })
}

#[test]
fn requests_are_answered_or_refused() {
    short_run("request", 1_500);
}

#[test]
fn responses_are_taken_or_refused() {
    short_run("response", 1_500);
}

#[test]
fn gossip_is_taken_or_refused() {
    short_run("gossip", 1_500);
}

#[test]
fn statements_have_one_form() {
    short_run("statement", 20_000);
}

#[test]
fn journals_are_recovered_as_far_as_they_go() {
    short_run("journal", 2_000);
}

#[test]
fn calls_in_any_order_keep_the_invariants() {
    short_run("calls", 500);
}

#[test]
fn texts_are_read_or_refused() {
    short_run("texts", 20_000);
}

#[test]
fn every_target_has_a_shell_a_corpus_and_a_run_here() {
    let folder = corpus::fuzz_folder();
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("fuzz has a manifest");
    let runs = include_str!("fuzz.rs");
    for target in TARGETS {
        let name = target.name;
        let shell = folder.join("fuzz_targets").join(format!("{name}.rs"));
        let shell = fs::read_to_string(shell).expect("each target has a shell");
        assert!(shell.contains(&format!("fuzzing::run(\"{name}\", bytes)")), "{name}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(runs.contains(&format!("short_run(\"{name}\"")), "{name}");
    }
}

#[test]
fn seeds_of_the_corpus_are_there_and_none_is_large() {
    corpus::write_seeds_if_asked();
    for target in TARGETS {
        let inputs = corpus::read(target.name);
        assert!(!inputs.is_empty(), "{} has no corpus", target.name);
        let size: usize = inputs.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(size < 300_000, "the corpus of {} has {size} bytes", target.name);
    }
}
