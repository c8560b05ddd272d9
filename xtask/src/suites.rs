//! The test suites and how they are run.

use std::process::Command;

use anyhow::{Result, bail};

use crate::report::{Outcome, Report};
use crate::run::{cargo, in_ci, run, target};
use crate::{api, check, clib, freestanding, fuzz, go, python, setup, sim};

/// A part of the tests that can be run by itself.
struct Suite {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<Outcome>,
}

/// All suites, in the order in which they run: what breaks most, and soonest, comes first.
const SUITES: [Suite; 15] = [
    Suite { name: "core", about: "the state machine, with each set of its features", run: core },
    Suite {
        name: "freestanding",
        about: "the core in a program without std and allocator; what it takes",
        run: freestanding::suite,
    },
    Suite { name: "fuzz", about: "a short run of every fuzz target", run: fuzz::short },
    Suite {
        name: "sim",
        about: "whole clusters in virtual time, from their seeds",
        run: sim::suite,
    },
    Suite { name: "runtime", about: "the driver: network, files, Rust API", run: runtime },
    Suite { name: "node", about: "the binary's own parts, import and export", run: node },
    Suite { name: "tests", about: "real nodes in many processes", run: tests },
    Suite { name: "c", about: "the C libraries, from C", run: clib::suite },
    Suite { name: "go", about: "the Go modules, alone and on libp2p hosts", run: go::suite },
    Suite {
        name: "api",
        about: "the HTTP API against its own description, by made-up requests",
        run: api::suite,
    },
    Suite {
        name: "python",
        about: "the Python package: types, stubs, tests, packaging",
        run: python::suite,
    },
    Suite { name: "alerts", about: "the alert rules, by promtool", run: alerts },
    Suite {
        name: "architecture",
        about: "who may depend on whom; xtask itself",
        run: architecture,
    },
    Suite { name: "docs", about: "Rust documentation, links between pages", run: check::docs },
    Suite { name: "deny", about: "licences and bans of dependencies", run: check::deny },
];

/// The suites for the usage text.
pub(crate) fn list() -> String {
    SUITES.iter().map(|suite| format!("  {:<14}{}\n", suite.name, suite.about)).collect()
}

/// The `test` command: sets up, then runs the named suites or all. Says whether nothing failed.
pub(crate) fn test(names: &[&str]) -> Result<bool> {
    let suites = choose(names)?;
    // What could not be installed is skipped by the suite that needs it, which says so.
    setup::prepare(false);
    let mut report = Report::new(in_ci());
    for suite in suites {
        report.task(suite.name, suite.run);
    }
    Ok(report.finish())
}

/// The suites of these names in their own order, or all.
fn choose(names: &[&str]) -> Result<Vec<&'static Suite>> {
    for name in names {
        if !SUITES.iter().any(|suite| suite.name == *name) {
            bail!("no suite '{name}'; the suites are:\n{}", list());
        }
    }
    let chosen = |suite: &&Suite| names.is_empty() || names.contains(&suite.name);
    Ok(SUITES.iter().filter(chosen).collect())
}

fn core() -> Result<Outcome> {
    for features in check::CORE_FEATURES {
        run(cargo(&["test", "--locked", "-p", "rollbook-core"]).args(features))?;
    }
    Ok(Outcome::Passed)
}

fn runtime() -> Result<Outcome> {
    run(&mut cargo(&["test", "--locked", "-p", "rollbook"]))?;
    Ok(Outcome::Passed)
}

fn node() -> Result<Outcome> {
    run(&mut cargo(&["test", "--locked", "-p", "rollbook-node"]))?;
    Ok(Outcome::Passed)
}

fn tests() -> Result<Outcome> {
    run(&mut cargo(&["build", "--locked", "-p", "rollbook-node"]))?;
    let binary = target().join("debug").join("rollbook");
    let mut test = cargo(&["test", "--locked", "-p", "rollbook-tests"]);
    run(test.env("ROLLBOOK_BIN", binary))?;
    Ok(Outcome::Passed)
}

/// Whether the rules are well formed, and say what they should of made-up figures.
fn alerts() -> Result<Outcome> {
    let Some(program) = setup::promtool() else {
        return Ok(Outcome::Skipped("promtool is not installed: cargo xtask setup --yes".into()));
    };
    run(Command::new(program).args(["check", "rules", "contrib/alerts.yml"]))?;
    run(Command::new(program).args(["test", "rules", "contrib/alerts.test.yml"]))?;
    Ok(Outcome::Passed)
}

fn architecture() -> Result<Outcome> {
    run(&mut cargo(&["test", "--locked", "-p", "xtask"]))?;
    Ok(Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(chosen: &[&str]) -> Vec<&'static str> {
        choose(chosen).expect("the names are right").iter().map(|suite| suite.name).collect()
    }

    #[test]
    fn no_name_means_all_suites() {
        assert_eq!(names(&[]).len(), SUITES.len());
    }

    #[test]
    fn suites_run_once_and_in_their_own_order() {
        assert_eq!(names(&["deny", "core", "deny"]), ["core", "deny"]);
    }

    #[test]
    fn an_unknown_suite_is_an_error_that_lists_them() {
        let error = choose(&["core", "unit"]).err().expect("there is no such suite").to_string();
        assert!(error.contains("no suite 'unit'"), "{error}");
        assert!(SUITES.iter().all(|suite| error.contains(suite.name)), "{error}");
    }
}
