//! What handles ask of the driver.

use libp2p::Multiaddr;
use rollbook_core::{Counter, Grant, PeerId};
use tokio::sync::oneshot;

use crate::{
    error::CommandError,
    handle::AnnouncementChange,
    import::{ImportOptions, ImportRecord, ImportReport},
};

/// Where the answer to a command goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, CommandError>>;

/// A command, with where its answer goes.
#[derive(Debug)]
pub(crate) enum Command {
    Announce { change: AnnouncementChange, reply: Reply<()> },
    Operate { peer: PeerId, operation: Operation, reply: Reply<()> },
    SetAuthorities { acting: Vec<Multiaddr>, retired: Vec<PeerId>, reply: Reply<()> },
    SetAllowed { peers: Vec<PeerId>, reply: Reply<()> },
    Observe { peer: PeerId, counter: Counter, count: u32, reply: Reply<()> },
    Import { records: Vec<ImportRecord>, options: ImportOptions, reply: Reply<ImportReport> },
    Leave,
}

/// A decision of an authority's operator about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Admit,
    Ban,
    Remove,
    Grant(Grant),
    Revoke(Grant),
}
