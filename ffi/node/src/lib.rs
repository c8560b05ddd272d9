#![allow(non_camel_case_types, reason = "these are the names that C programs use")]
#![allow(unsafe_code, reason = "this is where pointers of other languages are taken in")]
#![allow(clippy::missing_safety_doc, reason = "all have the one contract that is described here")]
//! The C ABI of a whole node: `librollbook_node` and `include/rollbook_node.h`.
//!
//! The library holds everything that `librollbook` does, the functions of the tracker included, and
//! a node that runs by itself beside it: with the network, the files, the clock and the threads of
//! the runtime. The header is made from this crate by `cargo xtask header`, so the comments here are
//! the ones that C programmers read; how to use it all is in `docs/c-node.md`. Nothing here decides
//! anything: a function takes its arguments in, asks the runtime, and puts the result out.
//!
//! # Safety
//!
//! Of every function: a pointer is NULL, or valid for what its description says is read or written
//! there, for the time of the call; a handle was made by this library and has not been freed. The
//! rules are in the header in the words of its readers (`xtask/src/header/rollbook_node.txt`).
//!
//! Invariants:
//! - every function that takes a handle runs behind `handle::enter`, every other one behind
//!   `guard`: NULL, a foreign handle and a panic are answers, not undefined behaviour;
//! - a handle is not freed while a call is in it, so calls share it without a lock;
//! - the caller's threads wait and do nothing else: sockets and files are used by threads of the
//!   node, which take no signals of the process (module `threads`);
//! - nothing is kept that a caller's pointer points to, and no memory changes hands.

// What the tracker's library exports is exported here too.
pub use rollbook_c;
use rollbook_c::support;

mod commands;
mod decisions;
mod events;
mod figures;
mod handle;
mod import;
mod path;
mod roll;
mod settings;
mod start;
mod threads;
mod toml_text;
mod wakeup;

pub use commands::*;
pub use decisions::*;
pub use events::*;
pub use figures::*;
pub use handle::*;
pub use import::*;
pub use roll::*;
pub use settings::*;
pub use start::*;
