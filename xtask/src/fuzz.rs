//! Fuzzing: a short run on any toolchain, and libFuzzer where it can be had.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::report::{Outcome, Report};
use crate::run::{cargo, in_ci, output, root, run, target};

/// For how long each target is fuzzed unless something else is asked for.
const SECONDS: u64 = 60;
/// Where the shells of the targets are.
const SHELLS: &str = "fuzz/fuzz_targets";

/// What the command was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked<'a> {
    target: Option<&'a str>,
    seconds: u64,
}

/// The `fuzz` command; says whether nothing failed.
pub(crate) fn fuzz(arguments: &[&str]) -> Result<bool> {
    let asked = parse(arguments)?;
    let targets = choose(&names()?, asked.target)?;
    let mut report = Report::new(in_ci());
    report.task("short run", short);
    report.task("libFuzzer", || long(&targets, asked.seconds));
    Ok(report.finish())
}

/// The corpus and its mutations, then whether the shells compile.
pub(crate) fn short() -> Result<Outcome> {
    let test = ["test", "--locked", "-p", "rollbook-core", "--features", "fuzzing"];
    run(cargo(&test).args(["--test", "fuzz"]))?;
    // Without libFuzzer itself, which is C++.
    let shells = ["check", "--locked", "--manifest-path", "fuzz/Cargo.toml"];
    let mut check = cargo(&shells);
    check.args(["--no-default-features", "--target-dir"]).arg(target().join("fuzz"));
    run(&mut check)?;
    Ok(Outcome::Passed)
}

/// What libFuzzer finds in so many seconds of each target.
fn long(targets: &[String], seconds: u64) -> Result<Outcome> {
    if output(nightly().arg("--version")).is_none() {
        let what = "no nightly toolchain: rustup toolchain install nightly";
        return Ok(Outcome::Skipped(what.to_owned()));
    }
    if output(nightly().args(["fuzz", "--version"])).is_none() {
        return Ok(Outcome::Skipped("no cargo-fuzz: cargo install cargo-fuzz".to_owned()));
    }
    for name in targets {
        // What it finds goes into a folder of its own: the corpus in the tree is small.
        let found = target().join("fuzz-corpus").join(name);
        fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
        let mut fuzz = nightly();
        fuzz.args(["fuzz", "run", "--fuzz-dir", "fuzz", name]).arg(&found);
        fuzz.arg(root().join("fuzz/corpus").join(name));
        fuzz.args(["--", &format!("-max_total_time={seconds}"), "-max_len=20000"]);
        run(&mut fuzz)?;
    }
    Ok(Outcome::Passed)
}

/// Cargo of the nightly toolchain, which libFuzzer's instrumentation needs.
fn nightly() -> Command {
    let mut rustup = Command::new("rustup");
    rustup.args(["run", "nightly", "cargo"]);
    rustup
}

fn parse<'a>(arguments: &[&'a str]) -> Result<Asked<'a>> {
    let mut asked = Asked { target: None, seconds: SECONDS };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match *argument {
            "--seconds" => {
                let value = rest.next().copied().unwrap_or_default();
                let Ok(seconds) = value.parse() else {
                    bail!("'{value}' is no number of seconds");
                };
                asked.seconds = seconds;
            }
            name if asked.target.is_none() && !name.starts_with('-') => asked.target = Some(name),
            other => bail!("'fuzz' does not take '{other}'; see 'cargo xtask help'"),
        }
    }
    Ok(asked)
}

/// The names of all targets.
fn names() -> Result<Vec<String>> {
    let entries = fs::read_dir(root().join(SHELLS)).with_context(|| format!("no {SHELLS}"))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort_unstable();
    Ok(names)
}

/// The one that was asked for, or all.
fn choose(names: &[String], asked: Option<&str>) -> Result<Vec<String>> {
    match asked {
        None => Ok(names.to_vec()),
        Some(name) if names.iter().any(|known| known == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("no fuzz target '{name}'; there are {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_and_a_time_may_stand_in_any_order() {
        let asked = Asked { target: Some("calls"), seconds: 5 };
        assert_eq!(parse(&["calls", "--seconds", "5"]).expect("right"), asked);
        assert_eq!(parse(&["--seconds", "5", "calls"]).expect("right"), asked);
        assert_eq!(parse(&[]).expect("right"), Asked { target: None, seconds: SECONDS });
        assert!(parse(&["calls", "texts"]).is_err() && parse(&["--seconds"]).is_err());
    }

    #[test]
    fn no_name_means_every_target_that_has_a_shell() {
        let names = names().expect("there are shells");
        assert!(names.len() >= 7 && names.iter().any(|name| name == "calls"));
        assert_eq!(choose(&names, None).expect("all"), names);
    }
}
