#![no_std]
#![forbid(unsafe_code)]
//! The roll of a peer-to-peer network as a state machine.

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod authorities;
mod authority;
mod counters;
mod durability;
#[cfg(feature = "secp256k1")]
mod ethereum;
mod event;
pub mod journal;
mod key;
mod ledger;
pub mod limits;
pub mod message;
pub mod multiaddr;
mod network;
mod node_data;
mod peer_id;
mod peers;
mod pool;
mod random;
mod roll;
pub mod statement;
pub mod storage;
mod time;
mod tracker;
mod version;
mod view;

pub use authorities::{Authorities, AuthoritiesError, InTouch};
pub use authority::{Admission, CentralAuthority, CommandError, ImportOutcome, Receipt};
pub use counters::Counters;
#[cfg(feature = "secp256k1")]
pub use ethereum::EthAddress;
pub use event::Event;
pub use key::{Keypair, PublicKey, SIGNATURE_SIZE_MAX, Signature, Signer, Verifier, VerifyError};
pub use limits::{
    FRAME_SIZE_MAX as MAX_FRAME, GOSSIP_SIZE_MAX as MAX_GOSSIP, REQUEST_SIZE_MAX as MAX_REQUEST,
    RESPONSE_SIZE_MAX as MAX_RESPONSE,
};
pub use multiaddr::is_central_authority;
pub use network::{Network, NetworkError};
pub use node_data::{Held, NodeData, Offer};
pub use peer_id::{Hint, PEER_ID_SIZE_MAX, PEER_ID_TEXT_MAX, PeerId, PeerIdError};
pub use roll::{Roll, Root};
pub use statement::{
    Announcement, Decision, Grant, Grants, Imported, Intent, Presence, PresenceState, Session,
    Signed, Standing,
};
#[cfg(feature = "alloc")]
pub use storage::Heap;
pub use storage::Inline;
pub use time::Now;
pub use tracker::{
    AnnounceError, AnnouncementFields, Config, ConfigError, JournalFrame, NodeEventTracker,
    OutgoingRequest, RecoverError, Role, Status, Verdict,
};
pub use version::Version;
pub use view::{Context, Here, NodeView};

/// A tracker on the heap with keys in memory.
#[cfg(feature = "alloc")]
pub type HeapTracker = NodeEventTracker<Heap, Keypair>;
