//! Statements: signed, versioned facts by one writer about one node.
//!
//! A statement's payload is kept as the bytes that were signed; decoding it is a view. The payload
//! is a fixed prefix (kind, subject, writer, version) and then the fields of its kind, flat. New
//! fields go at the end, and a decoder ignores what follows those that it knows.
//!
//! On the wire and in the journal a statement is
//!
//! ```text
//! varint payload size | payload | signature size (1 byte) | signature
//! payload: kind (1) | subject size (1) | subject | writer hint (4) | varint epoch | varint seq | fields
//! ```

mod announcement;
mod decision;
mod envelope;
mod presence;
mod signed;

pub use announcement::{Announcement, Intent, Session};
pub use decision::{Decision, Grant, Grants, Register, RegisterId, Standing};
pub use envelope::envelope;
pub use presence::{Counted, Imported, Presence, PresenceState, Tally};
pub use signed::{Any, Fields, Kind, Payload, Signed, StatementBytes, StatementError};
