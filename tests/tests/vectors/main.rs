//! Golden vectors: the bytes of every statement, message and frame, as JSON files for all
//! languages under `tests/vectors`.
//!
//! The vectors are computed here from fixed seeds and compared with the files byte for byte; every
//! vector is also decoded from its file and encoded again. `ROLLBOOK_WRITE_VECTORS=1 cargo test -p
//! rollbook-tests --test vectors` writes the files anew: do that only for a format that changes on
//! purpose.

mod envelope;
mod frames;
mod golden;
mod keys;
mod layout;
mod merge;
mod message_cases;
mod messages;
mod peer_ids;
mod refused;
mod root;
mod signatures;
mod sizes;
mod statement_cases;
mod statements;
mod sweeps;
mod view;
mod walk;
