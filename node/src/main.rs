//! The `rollbook` binary: runs a node, and talks to a running one.
//!
//! Invariants:
//! * whatever fails ends in one line on standard error and a status other than 0
//! * results go to standard output, everything else to standard error

mod allow_list;
mod api;
mod api_file;
mod cli;
mod client;
mod colour;
mod commands;
mod config;
mod exit;
mod first_screen;
mod layers;
mod masa;
mod output;
mod progress;
mod reload;
mod signals;
mod start;
mod table;
mod time;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let Err(error) = commands::run(cli::Cli::parse().command) else {
        return ExitCode::SUCCESS;
    };
    if output::is_closed_pipe(&error) {
        // Whoever read our output has seen enough.
        return ExitCode::SUCCESS;
    }
    let line = output::one_line(&error);
    // With standard error closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "error: {line}");
    exit::code(&error).into()
}
