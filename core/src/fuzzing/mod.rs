//! What the fuzz targets run: each takes any bytes, and panics where something is wrong.
//!
//! They live here so that they change with the code that they look into. The shells in `fuzz/`
//! call them with what a fuzzer makes up; `tests/fuzz.rs` calls them with the corpus and with
//! mutations of it.

mod bytes;
mod calls;
mod journal;
mod messages;
mod parts;
mod rig;
mod statements;
mod texts;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of its shell in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Runs it. Says whether the bytes held what the target is about, or were only refused: a
    /// corpus of which everything is refused is out of date.
    pub run: fn(&[u8]) -> bool,
}

/// All targets.
pub const TARGETS: [Target; 7] = [
    Target { name: "request", run: messages::request },
    Target { name: "response", run: messages::response },
    Target { name: "gossip", run: messages::gossip },
    Target { name: "statement", run: statements::statement },
    Target { name: "journal", run: journal::journal },
    Target { name: "calls", run: calls::calls },
    Target { name: "texts", run: texts::texts },
];

/// Runs the target of this name.
///
/// # Panics
///
/// Where something is wrong with what the target looks into, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) -> bool {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target's name").run)(bytes)
}
