//! The native module of the Python package `rollbook`: private, small, and without opinions. What
//! Python programs use, with defaults, types and documentation, is in `python/py/rollbook`.
//!
//! Invariants:
//! * every class is frozen and guards its state by a lock, so it is safe with and without the GIL;
//! * no lock is held while Python runs: what Python gets is made after the lock is given back;
//! * nothing waits, or takes longer than a few microseconds, with the GIL held;
//! * no thread of the network ever runs Python;
//! * a panic becomes an exception like any other.

mod begin;
mod bytes;
mod error;
mod keys;
mod logging;
mod names;
mod node;
mod outputs;
mod settings;
mod statement;
mod tracker;
mod views;
mod wait;
mod watch;

use pyo3::prelude::*;

/// The native module.
#[pymodule]
mod _native {
    #[cfg(debug_assertions)]
    #[pymodule_export]
    use crate::error::panic_for_a_test;
    #[pymodule_export]
    use crate::keys::{
        Keypair, eth_address, is_central_authority, multiaddr_from_bytes, multiaddr_to_bytes,
        peer_id_from_bytes, peer_id_of_key, peer_id_to_bytes, public_key_of, verify, writer_hint,
    };
    #[pymodule_export]
    use crate::logging::{set_log_level, stop_logging, take_log_records};
    #[pymodule_export]
    use crate::node::Node;
    #[pymodule_export]
    use crate::statement::{decode_statement, envelope, new_journal, read_journal};
    #[pymodule_export]
    use crate::tracker::Tracker;
    #[pymodule_export]
    use crate::watch::Watch;

    /// The version of the package.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
