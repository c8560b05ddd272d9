//! Real nodes in real processes: what the tests of this crate start, ask, stop and kill.
//!
//! Invariants:
//! - a process that was started here ends here: it is killed with what holds it;
//! - nothing waits by sleeping for a time: conditions are awaited, with a generous bound;
//! - ports and folders come from the system, so that tests run beside each other.

mod api;
mod binary;
mod forge;
mod go_records;
mod netns;
mod network;
mod output;
mod raw_http;
mod readme;
mod running_node;
mod setup;
mod swarm;
mod terminal;
mod tmpfs;
mod wait;

pub use api::{Api, Event};
pub use binary::{binary, command};
pub use forge::{Forger, append_statement, forged_grant};
pub use go_records::{GoRecord, keypair, peer_id};
pub use netns::{Lan, Machine, Namespace};
pub use network::Network;
pub use output::{Finished, RunningCommand, identity, refusal, run};
pub use raw_http::{RawAnswer, raw_request};
pub use readme::{Block, Page};
pub use running_node::RunningNode;
pub use setup::Setup;
pub use swarm::Swarm;
pub use terminal::on_terminal;
pub use tmpfs::Tmpfs;
pub use wait::{PATIENCE, eventually};
