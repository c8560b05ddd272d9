//! What each subcommand does, one file each, and the choice between them.

mod decide;
mod doctor;
mod explain;
mod export;
mod identity;
mod import;
mod manual;
mod node;
mod nodes;
mod observe;
mod reload;
mod select;
mod status;
mod watch;

use anyhow::Result;

use crate::cli::Command;
use crate::start;

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::Start(args) => start::run(*args),
        Command::Nodes(args) => nodes::run(&args),
        Command::Node(args) => node::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Select(args) => select::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Observe(args) => observe::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Grant(args) => decide::grant(&args),
        Command::Revoke(args) => decide::revoke(&args),
        Command::Admit(args) => decide::admit(&args),
        Command::Remove(args) => decide::remove(&args),
        Command::Ban(args) => decide::ban(&args),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Identity(args) => identity::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::pages(&args),
    }
}
