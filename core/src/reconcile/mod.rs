//! Range reconciliation: what two rolls differ in, at the cost of the differences.
//!
//! A *walk* goes down the order of the rolls as down a tree whose nodes are *ranges*: all order
//! keys with a common prefix. The initiator says what it holds in a range, as short salted *tags*
//! of its 16 children or, where it holds few nodes, as a *list* of their versions. The responder
//! says the same of each child that differs, or what the initiator lacks. In the end both have
//! sent each other the statements that are newer, and the roots of their rolls, which are strong,
//! say whether they hold the same. Tags only lead the way: two that are equal by chance cost
//! another walk with another salt, and nothing is lost.
//!
//! The responder keeps no state (`responder`). The initiator keeps a stack of bounded size
//! (`walk`), and tells the responder how much an answer may add to it. Both are pure: what goes in
//! are rolls and bytes.
//!
//! # Parts
//!
//! Requests and responses of a walk are made of parts, one after the other:
//!
//! ```text
//! Tags       00 | range | children (2 bytes, big-endian) | a tag (4 bytes) for each of them
//! List       01 | range | count (1 byte, at most 16) | count * ( suffix (4 bytes) | slots )
//! Want       02 | range | slots wanted (3 bytes, big-endian)
//! Statements 03 | statements, as on the wire, one after the other | 00, or the end of the message
//!
//! range      bits (1 byte, a multiple of 4, at most 64) | prefix (the bytes that hold the bits)
//! slots      count (1 byte, at most 17) | count * ( code (1 byte) | version | digest (2 bytes) )
//! ```
//!
//! - **Tags** speaks of those children of its range, of 4 bits more each, whose bits are set in
//!   `children`, the lowest for the first child. A tag is zero exactly where a child is empty.
//! - **List** names all nodes of its range, in order. A suffix is the 32 bits after the range's
//!   prefix. No two are equal, unless the order keys are, so nodes with long common prefixes are
//!   spoken of in tags until a list tells them apart.
//! - **Want** speaks of one node, by the prefix of its order key, and asks for what is in those of
//!   its slots whose bits are set.
//! - **Slots** are those of a node that are not empty. A slot's number, its code and its bit, is
//!   the place of the writer among the sorted authorities, for a decision; 8 more for a presence; 16
//!   for the announcement. A digest is of the payload behind its subject, salted: of equal versions
//!   with different digests both are sent.
//!
//! - **Statements** end where one would begin with 00, which none does.
//!
//! # Scope
//!
//! Two sides whose lists of authorities are the same walk over everything. Where they are not, a
//! walk is over the decisions and presences of those that both list: what else a roll holds is as if
//! it were not there, slots are numbered by the places among those authorities, and tags are over
//! what is in scope of each node, for which no digests are at hand. It ends where nothing in scope
//! differs; roots say nothing then.
//!
//! All but statements are questions in a request and answers in a response. What an answer may
//! add to the initiator's stack is its *cost*: that of tags 2, of a list its count but at least 1,
//! of a want 1, of statements 0. The costs of a response are at most the request's credit.

mod budget;
mod part;
mod range;
mod responder;
mod side;
mod slot;
mod tag;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use budget::{Budget, worth};
pub(crate) use part::{Parts, Writer};
pub(crate) use responder::answer;
pub(crate) use side::{Pen, Scope, Side, Work};
pub(crate) use tag::Salt;
pub(crate) use walk::{Broken, Walk};

/// The most nodes that a list names.
const LIST_COUNT_MAX: usize = 16;
/// All children of a range.
const ALL_CHILDREN: u16 = u16::MAX;
