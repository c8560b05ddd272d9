//! The roll of a peer-to-peer network on tokio and libp2p.
//!
//! A [`Node`] joins a network, keeps the roll of all nodes in memory and on disk, and follows it as
//! it changes. Its [`NodeHandle`] reads the roll, which never waits for the network, follows events,
//! and gives commands. What the roll means and how it is kept is in [`rollbook_core`]; this crate
//! gives it a network, files and a clock.
//!
//! ```no_run
//! use rollbook::{Filter, Node};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // Without an authority, a node is its own.
//! let authority = "/dns4/roll.example.org/tcp/7655/p2p/\
//!     12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
//! let node = Node::builder()
//!     .data_dir("roll".into())
//!     .authorities(vec![authority.parse()?])
//!     .capabilities(vec!["scraper".to_owned()])
//!     .start()
//!     .await?;
//!
//! let online = Filter { online: true, ..Filter::default() };
//! for seen in node.list(&online) {
//!     println!("{} {:?}", seen.peer_id, seen.multiaddrs);
//! }
//! let mut watch = node.watch(None);
//! while let Some(event) = watch.next().await {
//!     println!("{event:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Files
//!
//! | file | holds |
//! |---|---|
//! | `identity.key` | the private key, in libp2p's protobuf form; only its owner can read it |
//! | `journal` | the roll |
//! | `events` | the newest 10,000 events, a JSON object a line |
//! | `hints` | where imported nodes were once reached, as JSON; only where there was an import |
//! | `lock` | held locked while a node runs |

mod addresses;
mod clock;
mod codec;
mod command;
mod data_dir;
mod dial;
mod disk;
#[cfg(test)]
mod disk_faults;
mod driver;
mod error;
mod event_log;
mod explanation;
mod files;
mod found;
mod grants;
mod handle;
mod hints;
mod identity;
mod import;
mod journal_file;
mod journal_owner;
mod journal_writer;
mod key_file;
mod lock;
mod measures;
mod network;
mod node;
mod page;
mod random;
mod reach;
mod resolve;
mod settings;
mod shared;
mod start;
mod status;
mod store;
mod text;
mod view;
mod watch;

pub use error::{CommandError, RunError, StartError};
pub use explanation::{EquivocationView, Explanation, FactView};
pub use handle::{AnnouncementChange, NodeHandle};
pub use identity::{Identity, IdentityError, KeyType, UnknownKeyType};
pub use import::{ImportOptions, ImportRecord, ImportReport, InvalidRecord};
pub use libp2p::Multiaddr;
pub use measures::{Measures, SYNC_BOUNDS_S, SyncTimes, Traffic};
pub use node::{Admission, Node, NodeBuilder, UnknownAdmission};
pub use page::{Cursor, NodePage, NotACursor, PageRequest, SortKey};
#[cfg(feature = "metrics")]
pub use prometheus_client::registry::Registry;
pub use reach::{Reach, UnknownReach};
pub use rollbook_core::{EthAddress, PeerId, PeerIdError};
pub use status::{AuthorityStatus, NodeCounts, Role, Status};
pub use view::{Filter, NodeView, Presence, Standing, TallyView};
pub use watch::{EventKind, EventPage, Lagged, NumberedEvent, Watch};
