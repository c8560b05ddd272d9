#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]
//! Replays a run of a simulation: see `docs/simulation.md`.

use std::process::ExitCode;

use rollbook_sim::{FitError, Plan, run, run_as_many_as_fit};

const USAGE: &str = "\
Usage: rollbook-sim --seed N [--nodes M | --memory-gib G] [--minutes V]

  --seed N          decides everything; alone, also how many nodes there are
  --nodes M         a cluster of M nodes
  --memory-gib G    as many nodes as fit; says how many those are
  --minutes V       virtual minutes with faults (10; with --memory-gib 1)
";

/// What the arguments ask for.
struct Asked {
    seed: u64,
    nodes: Option<u64>,
    memory_gib: Option<u64>,
    minutes: Option<u64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(asked) = read(&arguments) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let ended = match asked.memory_gib {
        Some(gib) => fit(&asked, gib),
        None => replay(&asked),
    };
    match ended {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprint!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn replay(asked: &Asked) -> Result<String, String> {
    let mut plan = match asked.nodes {
        None => Plan::small(asked.seed),
        Some(nodes) => Plan::faulty(asked.seed, usize::try_from(nodes).unwrap_or(usize::MAX)),
    };
    if let Some(minutes) = asked.minutes {
        plan.faults_ms = minutes * 60_000;
    }
    run(&plan).map(|report| report.to_string()).map_err(|failure| failure.to_string())
}

fn fit(asked: &Asked, gib: u64) -> Result<String, String> {
    let faults_ms = asked.minutes.unwrap_or(1) * 60_000;
    match run_as_many_as_fit(asked.seed, gib << 30, faults_ms) {
        Ok(fit) => {
            let nodes = fit.report.plan.nodes as u64;
            let per_node = fit.peak_bytes / (nodes * nodes);
            Ok(format!(
                "{}replicas        {nodes} in {gib} GiB\npeak memory     {} MiB, {per_node} bytes \
                 for each node at each replica\n",
                fit.report,
                fit.peak_bytes >> 20
            ))
        }
        Err(FitError::Unmeasured) => {
            Err("this system does not say how much memory is taken\n".into())
        }
        Err(FitError::Broken(failure)) => Err(failure.to_string()),
    }
}

fn read(arguments: &[String]) -> Option<Asked> {
    const NAMES: [&str; 4] = ["--seed", "--nodes", "--memory-gib", "--minutes"];
    let mut values = [None; NAMES.len()];
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return None };
        let place = NAMES.iter().position(|known| known == name)?;
        values[place] = Some(value.parse::<u64>().ok()?);
    }
    let [seed, nodes, memory_gib, minutes] = values;
    let is_clear = nodes.is_none() || memory_gib.is_none();
    let asked = Asked { seed: seed?, nodes, memory_gib, minutes };
    (is_clear && asked.nodes != Some(0)).then_some(asked)
}
