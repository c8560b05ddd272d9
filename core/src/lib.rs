#![no_std]
#![forbid(unsafe_code)]
//! The roll of a peer-to-peer network as a state machine: who is in it, how each node is reached,
//! what it can do, who vouches for it, and whether it is here now.
//!
//! Everything is a *statement*: a signed, versioned fact by one writer about one node. A node
//! announces itself; authorities decide who belongs to the network and observe who is here. All
//! statements about a node are its [`NodeData`], in which every slot has one writer, so merging is
//! taking the newer version slot by slot, in any order, as often as one likes. What an application
//! reads, [`NodeView`], is a fold of them, computed and never stored.
//!
//! [`NodeEventTracker`] keeps the roll of one node and says what is to be sent and stored; it does
//! no I/O, knows no clock, has no randomness of its own and needs no allocator. Hosted programs and
//! firmware drive the same code, with [`Heap`] or [`Inline`] storage.
//!
//! # The run loop
//!
//! 1. Make a tracker, give it the frames of its journal, start it, announce the node. The journal
//!    of a new identity begins with its header: whoever makes the identity stores that with it, so
//!    that a journal that was lost later is told from one that never was.
//! 2. Hand in what happens: messages, connections, time, commands. Every call takes the time.
//! 3. Then drain the outputs in this order, until each is empty:
//!    1. journal frames: append them; where one is `must_sync`, make the file durable and say so,
//!    2. publications: gossip them,
//!    3. requests: send each, and hand its answer or failure in,
//!    4. events: tell the application.
//!
//!    Where the [`Signer`] leaves signing to a secure element or another process, requests for
//!    signatures come before all of them, since the journal waits for what is to be signed.
//! 4. Sleep until the next input, or until `poll_timeout`, and hand in the time.
//!
//! ```
//! # #[cfg(feature = "alloc")] {
//! use rollbook_core::{
//!     AnnouncementFields, Authorities, Config, Event, HeapTracker, Keypair, MAX_FRAME,
//!     MAX_GOSSIP, MAX_REQUEST, MAX_RESPONSE, Now, Signer, journal,
//! };
//!
//! /// A node with its journal; a file, a socket and a clock in a real program.
//! struct Node {
//!     tracker: HeapTracker,
//!     journal: Vec<u8>,
//! }
//!
//! /// What is stored when an identity is made.
//! fn first_frame(keys: &Keypair) -> Vec<u8> {
//!     let peer_id = keys.peer_id();
//!     let (format, peer_id) = (journal::JOURNAL_FORMAT, peer_id.as_bytes());
//!     let header = journal::Frame::Header { format, peer_id, network: "main" };
//!     let mut stored = Vec::new();
//!     journal::write(&header, &mut stored).unwrap();
//!     stored
//! }
//!
//! /// Step 1.
//! fn start(seed: u8, authority: &Keypair, stored: &[u8], now: Now) -> Node {
//!     let authorities = Authorities::new(&[authority.peer_id()]).unwrap();
//!     let config = Config::new("main".parse().unwrap(), authorities);
//!     let keys = Keypair::ed25519([seed; 32]);
//!     let mut tracker = HeapTracker::new();
//!     tracker.init(config, keys, [seed; 32]).unwrap();
//!     let mut frames = journal::Reader::new(stored);
//!     while let Ok(journal::Next::Frame(frame)) = frames.next_frame() {
//!         tracker.recover(&frame).unwrap();
//!     }
//!     tracker.start(now);
//!     let ip4_tcp = [4, 192, 0, 2, seed, 6, 0x1d, 0xe7];
//!     let said = AnnouncementFields { addresses: &[&ip4_tcp], ..Default::default() };
//!     tracker.announce(now, &said).unwrap();
//!     Node { tracker, journal: stored.to_vec() }
//! }
//!
//! /// Step 3, for a network of two. Gives what the application is told.
//! fn drain(node: &mut Node, peer: &mut Node, now: Now) -> Vec<Event> {
//!     let mut frame = [0; MAX_FRAME];
//!     while let Some(written) = node.tracker.poll_journal(&mut frame) {
//!         node.journal.extend_from_slice(&frame[..written.len]);
//!         if written.must_sync {
//!             // A file would be made durable first.
//!             node.tracker.handle_journal_synced(written.position);
//!         }
//!     }
//!     let mut message = [0; MAX_GOSSIP];
//!     let passed_on_by = *node.tracker.peer_id();
//!     while let Some(len) = node.tracker.poll_publication(&mut message) {
//!         // Pubsub passes the message on only if the verdict is `Accept`.
//!         peer.tracker.handle_gossip(now, &passed_on_by, &message[..len]);
//!     }
//!     let (mut request, mut response) = ([0; MAX_REQUEST], [0; MAX_RESPONSE]);
//!     while let Some(sent) = node.tracker.poll_request(now, &mut request) {
//!         let asking = *node.tracker.peer_id();
//!         let answered =
//!             peer.tracker.handle_request(now, &asking, &request[..sent.len], &mut response);
//!         match answered {
//!             Ok(len) => node.tracker.handle_response(now, &sent.to, &response[..len]).unwrap(),
//!             Err(_) => node.tracker.handle_request_failed(now, &sent.to),
//!         }
//!     }
//!     std::iter::from_fn(|| node.tracker.poll_event(now)).collect()
//! }
//!
//! let mut now = Now { mono_ms: 0, unix_s: 1_790_000_000 };
//! let authority_keys = Keypair::ed25519([1; 32]);
//! let mut authority = start(1, &authority_keys, &first_frame(&authority_keys), now);
//! let mut member = start(2, &authority_keys, &first_frame(&Keypair::ed25519([2; 32])), now);
//! let (authority_id, member_id) = (*authority.tracker.peer_id(), *member.tracker.peer_id());
//! authority.tracker.handle_connected(now, &member_id);
//! member.tracker.handle_connected(now, &authority_id);
//!
//! // Steps 2 to 4, until the member is told that it is in.
//! let mut told = Vec::new();
//! while !told.contains(&Event::Joined { peer: member_id }) {
//!     drain(&mut authority, &mut member, now);
//!     told.extend(drain(&mut member, &mut authority, now));
//!     now.mono_ms += 1_000;
//!     now.unix_s += 1;
//!     authority.tracker.handle_timeout(now);
//!     member.tracker.handle_timeout(now);
//!     assert!(now.mono_ms < 60_000);
//! }
//! assert_eq!(authority.tracker.root(), member.tracker.root());
//!
//! // After a restart the roll is there before anybody was asked.
//! let member = start(2, &authority_keys, &member.journal, now);
//! assert!(member.tracker.node(now, &authority_id).is_some());
//! # }
//! ```
//!
//! # Features
//!
//! * `alloc` (default): [`Heap`] storage. Without it nothing here allocates.
//! * `secp256k1` (default): nodes with secp256k1 keys, and their Ethereum addresses. Without it
//!   their statements cannot be verified.
//!
//! # Bounds
//!
//! Everything that comes from outside is bounded: see [`limits`]. What is dropped on purpose is
//! counted by name: see [`Counters`]. Decoding never allocates and never panics.

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "fuzzing"))]
extern crate std;

mod authorities;
mod authority;
mod bucket;
mod counters;
mod counting;
mod durability;
#[cfg(feature = "secp256k1")]
mod ethereum;
mod event;
mod explanation;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod in_common;
pub mod journal;
mod key;
mod ledger;
pub mod limits;
pub mod message;
pub mod multiaddr;
mod network;
mod newcomers;
mod node_data;
mod observations;
mod peer_id;
mod peers;
mod pool;
mod random;
mod reconcile;
mod record;
mod roll;
mod selection;
mod source;
pub mod statement;
pub mod storage;
mod tallies;
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
pub use explanation::{Explained, Fact};
pub use key::{Keypair, PublicKey, SIGNATURE_SIZE_MAX, Signature, Signer, Verifier, VerifyError};
pub use limits::{
    FRAME_SIZE_MAX as MAX_FRAME, GOSSIP_SIZE_MAX as MAX_GOSSIP, REQUEST_SIZE_MAX as MAX_REQUEST,
    RESPONSE_SIZE_MAX as MAX_RESPONSE, SIGNING_SIZE_MAX as MAX_SIGNING,
};
pub use multiaddr::is_central_authority;
pub use network::{Network, NetworkError};
pub use node_data::{Held, NodeData, Offer};
pub use peer_id::{Hint, PEER_ID_SIZE_MAX, PEER_ID_TEXT_MAX, PeerId, PeerIdError};
pub use random::Random;
pub use roll::{Roll, Root};
pub use selection::{Selected, Wanted};
pub use statement::{
    Announcement, Counted, Decision, Grant, Grants, Imported, Intent, Presence, PresenceState,
    Session, Signed, Standing,
};
#[cfg(feature = "alloc")]
pub use storage::Heap;
pub use storage::Inline;
pub use tallies::{Counter, Tallies};
pub use time::Now;
pub use tracker::{
    AnnounceError, AnnouncementFields, Config, ConfigError, JournalFrame, NodeEventTracker,
    ObserveError, OutgoingRequest, RecoverError, Role, RollOutError, SignatureError,
    SignatureRequest, SnapshotPlace, Status, Verdict,
};
pub use version::Version;
pub use view::{Context, Here, NodeView};

/// A tracker on the heap with keys in memory.
#[cfg(feature = "alloc")]
pub type HeapTracker = NodeEventTracker<Heap, Keypair>;
