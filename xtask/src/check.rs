//! What is checked without running the project's code: format, lints, documentation,
//! dependencies.

use std::process::Command;

use anyhow::Result;

use crate::report::{Outcome, Report};
use crate::run::{cargo, in_ci, root, run};
use crate::{freestanding, links, setup};

/// The sets of features in which the core is checked and tested by itself: built together with
/// the other crates it always has all of them.
pub(crate) const CORE_FEATURES: [&[&str]; 4] = [
    &[],
    &["--no-default-features"],
    &["--no-default-features", "--features", "alloc"],
    &["--no-default-features", "--features", "secp256k1"],
];

/// The sets of features of the C library for devices, and of its own tests. Of those for devices the
/// library alone: tests have a standard library.
pub(crate) const C_FEATURES: [&[&str]; 3] = [
    &["--no-default-features"],
    &["--no-default-features", "--features", "secp256k1"],
    &["--features", "faults"],
];

/// The `check` command; says whether nothing failed.
pub(crate) fn run_all() -> Result<bool> {
    setup::prepare(false);
    let mut report = Report::new(in_ci());
    report.task("format", format);
    report.task("clippy", clippy);
    report.task("docs", docs);
    report.task("deny", deny);
    Ok(report.finish())
}

fn format() -> Result<Outcome> {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    run(&mut cargo(&["fmt", "--check", "--manifest-path", freestanding::MANIFEST]))?;
    Ok(Outcome::Passed)
}

fn clippy() -> Result<Outcome> {
    const DENY: [&str; 3] = ["--", "-D", "warnings"];
    run(cargo(&["clippy", "--locked", "--workspace", "--all-targets"]).args(DENY))?;
    for features in CORE_FEATURES {
        let mut core = cargo(&["clippy", "--locked", "-p", "rollbook-core", "--all-targets"]);
        run(core.args(features).args(DENY))?;
    }
    let fuzzing = ["clippy", "--locked", "-p", "rollbook-core", "--all-targets"];
    run(cargo(&fuzzing).args(["--features", "fuzzing"]).args(DENY))?;
    // Everything else has two features, QUIC and mDNS, which are on above.
    let mut without = cargo(&["clippy", "--locked", "-p", "rollbook-node", "--all-targets"]);
    run(without.arg("--no-default-features").args(DENY))?;
    for features in C_FEATURES {
        let mut tracker = cargo(&["clippy", "--locked", "-p", "rollbook-c", "--lib"]);
        run(tracker.args(features).args(DENY))?;
    }
    // The program without std makes calls of one kernel on one kind of processor.
    if freestanding::unsupported().is_none() {
        for features in freestanding::FEATURES {
            run(freestanding::cargo_on_it("clippy").args(features).args(DENY))?;
        }
    }
    Ok(Outcome::Passed)
}

/// The documentation of all libraries without a warning, and no broken link between pages.
pub(crate) fn docs() -> Result<Outcome> {
    // Binaries are left out: the node's has the name of the runtime's library.
    let mut doc = cargo(&["doc", "--locked", "--workspace", "--no-deps", "--lib"]);
    run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    let broken = links::broken(root())?;
    if !broken.is_empty() {
        return Ok(Outcome::Failed(format!("broken links:\n  {}", broken.join("\n  "))));
    }
    Ok(Outcome::Passed)
}

/// Licences, bans and sources. Advisories need a database from the network: `deny.toml` lists
/// those that matter instead.
pub(crate) fn deny() -> Result<Outcome> {
    let Some(program) = setup::cargo_deny() else {
        return Ok(Outcome::Skipped("cargo-deny is not installed: cargo xtask setup".to_owned()));
    };
    let mut deny = Command::new(program);
    run(deny.args(["--locked", "--workspace", "check", "bans", "licenses", "sources"]))?;
    Ok(Outcome::Passed)
}
