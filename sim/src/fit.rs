//! How many full replicas fit a machine's memory, found by running them.
//!
//! Each of n replicas holds n nodes, so memory grows as the square of n: two small runs give the
//! curve, and the large one is the proof.

use std::fs;

use crate::{
    plan::Plan,
    report::{Failure, Report},
    run::run,
};

/// The sizes of the two runs that give the curve.
const SMALL: [usize; 2] = [200, 400];
/// Percent of the memory that the large run is planned to take. The tables of a replica double when
/// they are full, so just after that each node takes half as much again as just before.
const SHARE: u64 = 60;

/// A run of as many replicas as fit.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The large run.
    pub report: Report,
    /// The most memory that the process ever took, in bytes.
    pub peak_bytes: u64,
}

/// Why it is not known how many fit.
#[derive(Debug)]
pub enum FitError {
    /// The system does not say how much memory a process took.
    Unmeasured,
    /// A run broke a rule.
    Broken(Box<Failure>),
}

/// Runs as many replicas as fit `bytes` of memory, with faults for `faults_ms`.
pub fn run_as_many_as_fit(seed: u64, bytes: u64, faults_ms: u64) -> Result<Fit, FitError> {
    let plan = |nodes: usize| {
        let mut plan = Plan::faulty(seed, nodes);
        plan.faults_ms = faults_ms;
        plan.watched = 0;
        plan
    };
    let mut peaks = [0; SMALL.len()];
    for (nodes, peak) in SMALL.into_iter().zip(&mut peaks) {
        run(&plan(nodes)).map_err(FitError::Broken)?;
        *peak = peak_bytes().ok_or(FitError::Unmeasured)?;
    }
    let report = run(&plan(count_for(bytes, peaks))).map_err(FitError::Broken)?;
    Ok(Fit { report, peak_bytes: peak_bytes().ok_or(FitError::Unmeasured)? })
}

/// How many replicas take `bytes`, where the small runs took `peaks`.
fn count_for(bytes: u64, peaks: [u64; SMALL.len()]) -> usize {
    let squares = SMALL.map(|nodes| (nodes * nodes) as u64);
    let per_square = ((peaks[1].saturating_sub(peaks[0])) / (squares[1] - squares[0])).max(1);
    let fixed = peaks[0].saturating_sub(per_square * squares[0]);
    let room = (bytes / 100 * SHARE).saturating_sub(fixed);
    usize::try_from((room / per_square).isqrt()).expect("a square root of 64 bits is small").max(8)
}

/// The most memory that this process ever took.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_times_the_memory_takes_twice_as_many() {
        let peaks = [200 * 200 * 500, 400 * 400 * 500];
        let (one, four) = (count_for(1 << 32, peaks), count_for(1 << 34, peaks));
        assert!((2 * one).abs_diff(four) <= 2, "{one} and {four}");
        assert!((one * one * 500) as u64 <= 1 << 32);
    }
}
