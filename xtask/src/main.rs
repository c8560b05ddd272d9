#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]
//! The project's own commands: `cargo xtask setup | test | check | footprint | sim | swarm`.

mod api;
#[cfg(test)]
mod architecture;
mod bench;
mod check;
mod clib;
#[cfg(test)]
mod faults;
mod footprint;
mod freestanding;
mod fuzz;
mod glibc;
mod go;
mod header;
mod links;
#[cfg(test)]
mod named_tests;
mod page;
mod python;
mod report;
mod run;
mod setup;
mod sim;
mod suites;
mod swarm;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// Shown by `cargo xtask help`; the suites are listed below it.
const USAGE: &str = "\
Usage:
  cargo xtask setup [--yes]    put the tools that the tests need under target/tools; system
                               packages are installed only with --yes or CI=true
  cargo xtask test [SUITE]...  set up, then run these suites, or all of them
  cargo xtask bench core [PART]...
                               print the core's figures; with --write, into docs/performance.md
  cargo xtask bench go [--write]
                               print what calls cost from Go; with --write, into docs/go.md
  cargo xtask bench python [--write]
                               print the figures of the Python package; with --write, into
                               docs/python.md
  cargo xtask fuzz [TARGET] [--seconds N]
                               look for inputs that break the core: the short run of the tests,
                               then, with a nightly toolchain and cargo-fuzz, N seconds (60) of
                               each target or of this one
  cargo xtask check            formatting, lints, documentation and dependencies
  cargo xtask footprint [--write]
                               what the core takes on a device: memory, stack and code; with
                               --write into docs/footprint.md
  cargo xtask install [--prefix DIR] [--destdir DIR] [--library rollbook] [--profile NAME]
                               the C libraries with headers and pkg-config files, under /usr/local
  cargo xtask firmware --out DIR [--nodes 32] [--leases 0] [--peers 4] [--statement-bytes 768]
                       [--no-secp256k1] [--target NAME]
                               the tracker's C library for a device without an allocator
  cargo xtask firmware --sizes [--write]
                               what such libraries take; with --write into docs/c.md
  cargo xtask dist c           the C libraries as a tarball under target/dist
  cargo xtask dist go          the Go modules, with the library in them, as a module proxy under
                               target/dist/go
  cargo xtask go-lib           the library where the Go module of this checkout looks for it
  cargo xtask dist python      a wheel of the Python package that needs no compiler where it is
                               installed, in target/dist/python
  cargo xtask header           make the C headers in include/ from the crates in ffi/
  cargo xtask sim --seed N [--nodes M | --memory-gib G] [--minutes V]
                               replay a simulated cluster: docs/simulation.md says more
  cargo xtask swarm [--nodes N] [--interval 10s] [--rest 120s] [--memory-gib 20] [--write]
                               run N (500) real nodes on this machine, kill an authority and
                               start it again; with --write, into docs/performance.md
  cargo xtask help             this text

Suites:
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run_command(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs the command; says whether all went well.
fn run_command(arguments: &[String]) -> Result<bool> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}{}", suites::list());
            Ok(true)
        }
        ["setup"] => setup::run(false),
        ["setup", "--yes"] => setup::run(true),
        ["test", names @ ..] => suites::test(names),
        ["bench", "core", rest @ ..] => bench::core(rest),
        ["bench", "python", rest @ ..] => python::bench(rest),
        ["fuzz", rest @ ..] => fuzz::fuzz(rest),
        ["check"] => check::run_all(),
        ["install", rest @ ..] => clib::install(rest).map(|()| true),
        ["bench", "go", rest @ ..] => go::bench(rest).map(|()| true),
        ["go-lib"] => go::library().map(|()| true),
        ["dist", "go"] => go::dist().map(|()| true),
        ["dist", "c", rest @ ..] => clib::dist(rest).map(|()| true),
        ["dist", "python", rest @ ..] => python::dist(rest),
        ["firmware", rest @ ..] => clib::firmware(rest).map(|()| true),
        ["header"] => header::write().map(|()| true),
        ["footprint"] => footprint::command(false),
        ["footprint", "--write"] => footprint::command(true),
        ["sim", arguments @ ..] => sim::command(arguments),
        ["swarm", arguments @ ..] => swarm::command(arguments),
        [
            command @ ("bench" | "setup" | "check" | "dist" | "footprint" | "header" | "help"),
            rest @ ..,
        ] => {
            bail!("'{command}' does not take '{}'; see 'cargo xtask help'", rest.join(" "))
        }
        [command, ..] => bail!("no command '{command}'; see 'cargo xtask help'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        run_command(&arguments).expect_err("the arguments are wrong").to_string()
    }

    #[test]
    fn wrong_arguments_are_named() {
        assert!(error_of(&["frobnicate"]).contains("no command 'frobnicate'"));
        assert!(error_of(&["setup", "--no"]).contains("'setup' does not take '--no'"));
        assert!(error_of(&["fuzz", "--seconds", "x"]).contains("'x' is no number of seconds"));
        assert!(error_of(&["fuzz", "--second"]).contains("'fuzz' does not take '--second'"));
        assert!(error_of(&["fuzz", "no-such"]).contains("no fuzz target 'no-such'"));
        assert!(error_of(&["check", "core"]).contains("'check' does not take 'core'"));
        assert!(error_of(&["bench", "python", "x"]).contains("takes only '--write'"));
        assert!(error_of(&["dist", "nothing"]).contains("'dist' does not take 'nothing'"));
        assert!(error_of(&["dist", "python", "now"]).contains("does not take 'now'"));
        assert!(error_of(&["footprint", "-w"]).contains("'footprint' does not take '-w'"));
    }
}
