#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![allow(
    non_camel_case_types,
    non_upper_case_globals,
    reason = "these are the names that C programs use"
)]
#![allow(unsafe_code, reason = "this is where pointers of other languages are taken in")]
#![allow(clippy::missing_safety_doc, reason = "all have the one contract that is described here")]
//! The C ABI of the tracker: `librollbook` and `include/rollbook.h`.
//!
//! The header is made from this crate by `cargo xtask header`, so the comments here are the ones
//! that C programmers read; how to use it all is in `docs/c.md`. Nothing here decides anything: a
//! function takes its arguments in, calls the core, and puts the result out.
//!
//! # Safety
//!
//! Of every function: a pointer is NULL, or valid for what its description says is read or written
//! there, for the time of the call; a handle was made by this library and has not been ended. The
//! rules are in the header in the words of its readers (`xtask/src/header/rollbook.txt`).
//!
//! Invariants:
//! - every function that takes a handle runs behind `handle::enter`, every other one behind
//!   `guard::guard`: NULL, a foreign handle and a panic are answers, not undefined behaviour;
//! - an error changes nothing, but where its description says otherwise;
//! - nothing is kept that a caller's pointer points to, and no memory changes hands;
//! - only integers of fixed width cross, in structures without padding. What comes in as a code is
//!   checked; an unknown one is an answer too.

mod announcement;
mod args;
mod authority;
mod code;
mod commands;
mod config;
mod drain;
mod event;
mod explain;
mod guard;
mod handle;
mod inputs;
mod journal;
mod keys;
mod multiaddr;
mod node;
mod outputs;
mod peer_id;
#[cfg(not(any(feature = "std", test)))]
mod port;
mod select;
mod statement;
mod status;
mod storage;
mod version;

pub use announcement::*;
pub use authority::*;
pub use code::*;
pub use commands::*;
pub use config::*;
pub use drain::*;
pub use event::*;
pub use explain::*;
pub use guard::*;
pub use handle::*;
pub use inputs::*;
pub use journal::*;
pub use keys::*;
pub use multiaddr::*;
pub use node::*;
pub use outputs::*;
pub use peer_id::*;
pub use select::*;
pub use statement::*;
pub use status::*;
pub use version::*;

/// How arguments are taken in, results put out and faults caught: for the library of a whole node,
/// which has the same conventions. No Rust API for anybody else.
#[doc(hidden)]
pub mod support {
    pub use crate::{
        announcement::fields,
        args::{Buffer, Out, Plain, SizedOut, SizedRow, bytes, peer_id, read_sized, text, values},
        authority::grant,
        code::{Answer, Code},
        guard::{caught, guard, number},
    };
}
