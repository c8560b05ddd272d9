//! The record of one node that an application reads.

use libp2p::Multiaddr;
use rollbook_core::PeerId;
use serde::{Deserialize, Serialize};

use crate::text;

/// Whether a node belongs to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// No authority vouches for it yet.
    Pending,
    /// It belongs.
    Admitted,
    /// An authority's operator banned it.
    Banned,
    /// An authority's operator removed it.
    Removed,
}

/// Whether a node is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Presence {
    /// Its home says that it is here, and its home is in touch.
    Online,
    /// It left.
    Left,
    /// Nobody can tell at the moment.
    Unknown,
}

/// One node, as the roll knows it now. Times are unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeView {
    /// The node.
    #[serde(with = "text::peer_id")]
    pub peer_id: PeerId,
    /// How it is reached, without the trailing `/p2p/ID`.
    pub multiaddrs: Vec<Multiaddr>,
    /// The software it says it runs; empty while it is not known.
    pub agent: String,
    /// What it says it can do.
    pub capabilities: Vec<String>,
    /// Whether it belongs.
    pub standing: Standing,
    /// Whether it has the `staked` grant.
    pub is_staked: bool,
    /// Whether it has the `validator` grant.
    pub is_validator: bool,
    /// The names of all its grants.
    pub grants: Vec<String>,
    /// Whether it is here.
    pub presence: Presence,
    /// Online, or unknown and last known online.
    pub is_active: bool,
    /// The authority it renews its lease with.
    #[serde(with = "text::peer_id_or_null")]
    pub home: Option<PeerId>,
    /// Its current run, in hex.
    pub session: Option<String>,
    /// When it joined for the first time.
    pub first_joined: Option<u64>,
    /// When it joined last.
    pub last_joined: Option<u64>,
    /// When it left last.
    pub last_left: Option<u64>,
    /// When the newest statement about it was issued.
    pub last_updated: Option<u64>,
    /// How long it has been here in this session.
    pub uptime_seconds: u64,
    /// How long it has been here in all its sessions.
    pub accumulated_uptime_seconds: u64,
    /// The Ethereum address of its key, if it is a secp256k1 key.
    pub eth_address: Option<String>,
    /// The epoch of its announcement.
    pub epoch: Option<u32>,
    /// The sequence number of its announcement within the epoch.
    pub seq: Option<u32>,
}

/// Which nodes `NodeHandle::list` returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only nodes that are online.
    pub online: bool,
    /// Removed and banned nodes as well.
    pub all: bool,
    /// Only nodes that announce this capability.
    pub capability: Option<String>,
}
