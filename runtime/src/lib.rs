//! The roll of a peer-to-peer network on tokio and libp2p.

mod command;
mod error;
mod event_log;
mod files;
mod grants;
mod handle;
mod identity;
mod import;
mod lock;
mod node;
mod shared;
mod start;
mod status;
mod text;
mod view;
mod watch;

pub use error::{CommandError, RunError, StartError};
pub use handle::{AnnouncementChange, NodeHandle};
pub use identity::{Identity, IdentityError, KeyType, UnknownKeyType};
pub use import::{ImportOptions, ImportRecord, ImportReport, InvalidRecord};
pub use libp2p::Multiaddr;
pub use node::{Admission, Node, NodeBuilder, UnknownAdmission};
pub use rollbook_core::{EthAddress, PeerId, PeerIdError};
pub use status::{AuthorityStatus, NodeCounts, Role, Status};
pub use view::{Filter, NodeView, Presence, Standing};
pub use watch::{EventKind, Lagged, NumberedEvent, Watch};
