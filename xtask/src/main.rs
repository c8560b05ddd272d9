#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]
//! The project's own commands: `cargo xtask setup | test | check`.

#[cfg(test)]
mod architecture;
mod check;
mod links;
mod report;
mod run;
mod setup;
mod suites;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// Shown by `cargo xtask help`; the suites are listed below it.
const USAGE: &str = "\
Usage:
  cargo xtask setup [--yes]    put the tools that the tests need under target/tools; system
                               packages are installed only with --yes or CI=true
  cargo xtask test [SUITE]...  set up, then run these suites, or all of them
  cargo xtask check            formatting, lints, documentation and dependencies
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
        ["check"] => check::run_all(),
        [command @ ("setup" | "check" | "help"), rest @ ..] => {
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
        assert!(error_of(&["check", "core"]).contains("'check' does not take 'core'"));
    }
}
