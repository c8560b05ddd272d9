//! The simulation: its tests, and the replay of one run.

use anyhow::Result;

use crate::report::Outcome;
use crate::run::{cargo, run};

/// The suite `sim`.
pub(crate) fn suite() -> Result<Outcome> {
    run(&mut cargo(&["test", "--locked", "-p", "rollbook-sim"]))?;
    Ok(Outcome::Passed)
}

/// Replays a run, optimised: a thousand nodes are a lot.
pub(crate) fn command(arguments: &[&str]) -> Result<bool> {
    let program = ["run", "--release", "--quiet", "--locked", "-p", "rollbook-sim", "--"];
    run(cargo(&program).args(arguments))?;
    Ok(true)
}
