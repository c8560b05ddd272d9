#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]
//! Two authorities and many members, each a process of its own on loopback: what they take at rest,
//! and what becomes of them when one authority is killed and comes back. Printed as a table.
//!
//! `cargo xtask swarm` builds it and gives it a network of its own.

mod figures;
mod options;
mod process;
mod rest;
mod watch;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use rollbook_tests::{Setup, Swarm};

use self::figures::Figures;
use self::options::Options;
use self::watch::Departures;

/// Open files of a process beside one for each connection.
const FILES_BESIDE: u64 = 256;
/// How many nodes' memory stands for that of all while they start.
const SAMPLE: usize = 8;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match Options::parse(&arguments).and_then(|options| run(&options)) {
        Ok(figures) if figures.false_departures == 0 => {
            print!("{}", figures.table());
            ExitCode::SUCCESS
        }
        Ok(figures) => {
            print!("{}", figures.table());
            eprintln!("error: nodes that live were called left");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Figures> {
    let files = process::files_max()?;
    let needed = options.nodes as u64 + FILES_BESIDE;
    ensure!(files >= needed, "{needed} open files are needed, and {files} allowed: ulimit -n");
    let (mut swarm, start) = start(options)?;
    let count = swarm.members.len() + 2;
    let ready = start.elapsed();
    let converged = watch::converge(&swarm, count, start)?;
    eprintln!("{count} nodes hold one roll after {:.1} s", converged.as_secs_f64());
    let mut departures = Departures::default();
    departures.look(&swarm, None)?;
    let rest = rest::measure(&swarm, options)?;

    let killed = swarm.authorities[0].peer_id().to_owned();
    swarm.authorities[0].kill9();
    let failed_over = watch::all_at_home(&swarm, 1, Instant::now())?;
    eprintln!("all are with the other authority after {:.1} s", failed_over.as_secs_f64());
    // It stays away for as long as it takes until everybody would have been called left.
    let without = watch::converge(&swarm, count - 1, Instant::now())?;
    watch::pass(options.lease());
    eprintln!("all agree without it after {:.1} s", (failed_over + without).as_secs_f64());
    let back = Instant::now();
    swarm.authorities[0].start_again();
    let returned = watch::converge(&swarm, count, back)?;
    eprintln!("all agree with it again after {:.1} s", returned.as_secs_f64());
    departures.look(&swarm, Some(&killed))?;
    Ok(Figures {
        asked_for: options.nodes,
        ran: count,
        interval: options.interval,
        is_alone: options.is_alone,
        ready,
        converged,
        failed_over,
        returned,
        false_departures: departures.count,
        rest,
    })
}

/// Starts as many as are asked for and fit the memory; the moment is that of the first process.
fn start(options: &Options) -> Result<(Swarm, Instant)> {
    let room = options.memory.min(process::available_memory()?) / 100 * options::MEMORY_SHARE;
    let connections = (options.nodes + 64).max(1024).to_string();
    let setup = Setup::slow()
        .with("sync-interval", &format!("{}ms", options.interval.as_millis()))
        .with("max-connections", &connections);
    let start = Instant::now();
    let swarm = Swarm::start_while(options.nodes - 2, &setup, |members| {
        // Those that came last hold the most already. To ask all of them would slow them down.
        let newest = &members[members.len().saturating_sub(SAMPLE)..];
        let taken: u64 = newest
            .iter()
            .filter_map(|member| process::memory(member.process_id()).ok())
            .map(|memory| memory.private)
            .sum();
        let taken = taken / newest.len().max(1) as u64 * members.len() as u64;
        eprint!("\r{} of {} nodes are ready", members.len() + 2, options.nodes);
        taken < room
    });
    eprintln!("\r{} of {} nodes are ready", swarm.members.len() + 2, options.nodes);
    Ok((swarm, start))
}
