//! The names of the files in a data directory.

/// The node's private key.
pub(crate) const KEY: &str = "identity.key";
/// A private key that is being written.
pub(crate) const KEY_NEW: &str = "identity.key.new";
/// The roll.
pub(crate) const JOURNAL: &str = "journal";
/// A compacted journal that is being written.
pub(crate) const JOURNAL_NEW: &str = "journal.new";
/// The newest events.
pub(crate) const EVENTS: &str = "events";
/// An event log that is being written.
pub(crate) const EVENTS_NEW: &str = "events.new";
/// Addresses of imported nodes.
pub(crate) const HINTS: &str = "hints";
/// Addresses of imported nodes that are being written.
pub(crate) const HINTS_NEW: &str = "hints.new";
/// Held locked while a node runs.
pub(crate) const LOCK: &str = "lock";
