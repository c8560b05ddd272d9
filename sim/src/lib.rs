//! Whole clusters of trackers in virtual time, on one machine and from one seed.
//!
//! A run is made of a world (nodes, their disks and clocks, the network between them, and the queue
//! of what happens), of what goes wrong (`faults`, `hostile`), of what users do (`workload`), and of
//! the rules that hold all the same (`check`), which know nothing of the other two. One number, the
//! seed, decides all that is left to chance, so that a run that breaks a rule can be run again.
//!
//! See `docs/simulation.md`.

mod adapter;
mod check;
mod dice;
mod disk;
mod faults;
mod fit;
mod hostile;
mod network;
mod node;
mod notary;
mod plan;
mod queue;
pub mod quiet;
mod report;
mod run;
mod sheet;
pub mod table;
mod tally;
mod trace;
mod workload;
mod world;

pub use check::Looks;
pub use fit::{Fit, FitError, run_as_many_as_fit};
pub use plan::Plan;
pub use report::{Failure, Report};
pub use run::run;
pub use tally::Tally;
pub use trace::Trace;
pub use world::{Traffic, Violation};
