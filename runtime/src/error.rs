//! Errors: one enum per public operation, each variant one line that says what to do.

use std::path::PathBuf;

use libp2p::Multiaddr;

use crate::identity::IdentityError;

/// Why a node did not start. Nothing runs afterwards, and the lock is free again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data directory cannot be made or entered.
    #[error("data directory {}: {source}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process runs a node there.
    #[error("data directory {} is in use{}: stop that node or choose another with --data-dir",
        path.display(), by_process(*process))]
    DirInUse {
        /// The directory.
        path: PathBuf,
        /// The other process, if it left its number.
        process: Option<u32>,
    },
    /// The key file cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The network's name is not allowed.
    #[error("network `{name}`: {reason}")]
    Network {
        /// The name.
        name: String,
        /// What is allowed.
        reason: String,
    },
    /// An authority's address does not say who is there.
    #[error("authority address {0} must end in /p2p/ID, the authority's peer id")]
    AuthorityWithoutPeerId(Multiaddr),
    /// An authority's peer id cannot write statements.
    #[error("authority address {0}: its peer id has no ed25519 or secp256k1 key")]
    AuthorityKey(Multiaddr),
    /// A setting is out of its range.
    #[error("{0}")]
    Config(String),
    /// The node cannot listen there.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// Why not; a port in use is said here.
        reason: String,
    },
    /// The network stack cannot be set up.
    #[error("network stack: {0}")]
    Transport(String),
    /// The journal cannot be opened, read or written.
    #[error("journal {}: {source}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The journal is of another identity or network.
    #[error("journal {} is of another identity or network: restore the identity.key that belongs \
        to it, or move the journal away to start without it", path.display())]
    ForeignJournal {
        /// The file.
        path: PathBuf,
    },
    /// The journal holds what this node issued as an authority, and it is none now.
    #[error("{} holds what this node issued as an authority, and it is not among the authorities \
        given: list it too, or move that file away to go on without what it issued",
        path.display())]
    NoLongerAuthority {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no frame of a journal.
    #[error("{} is not a journal, or is damaged from its first frame on: restore it from a \
        backup, or move it away to start without it", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// The roll in the journal is larger than the configured capacity.
    #[error("journal {} holds more nodes than the capacity of this node", path.display())]
    JournalTooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The event log cannot be opened.
    #[error("event log {}: {source}", path.display())]
    EventLog {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(String),
}

fn by_process(process: Option<u32>) -> String {
    process.map_or_else(String::new, |process| format!(" by process {process}"))
}

/// Why a command had no effect, or none that is safe yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// This node is no authority. Nothing changed.
    #[error("this node is not an authority: give the command to one")]
    NotAuthority,
    /// There is no grant of that name. Nothing changed.
    #[error("no grant is named `{0}`: staked, validator, a configured name, or app0 and so on")]
    UnknownGrant(String),
    /// There is no counter of that name. Nothing changed.
    #[error("no counter is named `{0}`: successes, timeouts, not-found, or app0 to app4")]
    UnknownCounter(String),
    /// The roll does not know the node. Nothing changed.
    #[error("the roll does not know this node")]
    UnknownNode,
    /// The node is this node or another authority, which the command does not apply to. Nothing
    /// changed.
    #[error("an authority cannot be admitted, banned or removed")]
    IsAuthority,
    /// The peer id's key cannot sign. Nothing changed.
    #[error("the peer id has no ed25519 or secp256k1 key, or a weak one")]
    UnsupportedKey,
    /// The roll is at its capacity. Nothing changed.
    #[error("the roll is full")]
    Full,
    /// The authority lost its journal, or a part of it. Nothing changed.
    #[error(
        "this authority lost a part of its journal and decides nothing until others gave it \
        back: `rollbook status` says what to do"
    )]
    Recovering,
    /// What is to be announced is too long or too much. Nothing changed.
    #[error("cannot announce this: {0}")]
    Announcement(String),
    /// The disk does not take writes. A command given before that was known may be in memory and
    /// takes effect once the disk takes writes again; one given after it changed nothing.
    #[error("not on disk: {0}")]
    Disk(String),
    /// The command was refused for another reason. Nothing changed.
    #[error("refused: {0}")]
    Refused(String),
    /// The node has stopped. Whether the command took effect is not known.
    #[error("the node has stopped")]
    Stopped,
}

/// Why a node ended other than by being told to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A fault in this software.
    #[error("the node ended by a fault of its own: {0}")]
    Panicked(String),
    /// The tokio runtime that the node ran on was shut down before the node.
    #[error("the node was cut off: its runtime ended before it")]
    Aborted,
    /// The last writes did not reach the disk. Nothing that was acknowledged is lost.
    #[error("the node ended, and its last changes are not on disk: {0}")]
    Disk(String),
}
