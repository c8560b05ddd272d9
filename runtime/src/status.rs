//! What a node says of itself to its operator.

use std::collections::BTreeMap;

use libp2p::Multiaddr;
use rollbook_core::PeerId;
use serde::{Deserialize, Serialize};

use crate::text;

/// What a node is in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Its peer id is in the configured list of authorities.
    Authority,
    /// Any other node.
    Member,
}

impl From<rollbook_core::Role> for Role {
    fn from(role: rollbook_core::Role) -> Role {
        match role {
            rollbook_core::Role::Authority => Role::Authority,
            rollbook_core::Role::Member => Role::Member,
        }
    }
}

/// One configured authority, as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuthorityStatus {
    /// The authority.
    #[serde(with = "text::peer_id")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub peer_id: PeerId,
    /// Whether this node, or its home, heard it within the last lease window.
    pub in_touch: bool,
    /// Whether it retired: it is nobody's home and signs nothing new.
    #[serde(default)]
    pub retired: bool,
}

/// How many nodes of each sort the roll has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NodeCounts {
    /// Admitted nodes.
    pub total: u64,
    /// Admitted nodes that are online.
    pub online: u64,
    /// Admitted nodes that have left.
    pub left: u64,
    /// Admitted nodes of which it is not known whether they are here.
    pub unknown: u64,
    /// Nodes that no authority vouches for yet.
    pub pending: u64,
    /// Removed nodes.
    pub removed: u64,
    /// Banned nodes.
    pub banned: u64,
}

impl From<&rollbook_core::Status> for NodeCounts {
    fn from(status: &rollbook_core::Status) -> NodeCounts {
        NodeCounts {
            total: status.admitted.into(),
            online: status.online.into(),
            left: status.left.into(),
            unknown: status.unknown.into(),
            pending: status.pending.into(),
            removed: status.removed.into(),
            banned: status.banned.into(),
        }
    }
}

/// The state of one node, as `NodeHandle::status` returns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// This node.
    #[serde(with = "text::peer_id")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub peer_id: PeerId,
    /// The name of its network.
    pub network: String,
    /// Authority or member.
    pub role: Role,
    /// The authority that this node renews its lease with.
    #[serde(with = "text::peer_id_or_null")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub home: Option<PeerId>,
    /// True while a node has no home.
    pub degraded: bool,
    /// True while an authority that lost its journal, or a part of it, signs nothing and takes no
    /// command: until another replica gave back what it said.
    pub recovering: bool,
    /// True while an authority takes itself to be cut off, since many of its members went silent at
    /// once: it calls nobody left, and others do not take it to be in touch.
    #[serde(default)]
    pub isolated: bool,
    /// The configured authorities.
    pub authorities: Vec<AuthorityStatus>,
    /// The size of the roll.
    pub nodes: NodeCounts,
    /// The root of the roll, in hex: equal on two nodes that hold the same roll.
    pub root: String,
    /// The size of all statements in the roll.
    #[serde(default)]
    pub roll_bytes: u64,
    /// How many sessions this authority knows to be here.
    #[serde(default)]
    pub leases: u64,
    /// The size of the journal file.
    pub journal_bytes: u64,
    /// Why the journal cannot be written at the moment; what changes is in memory only then.
    #[serde(default)]
    pub journal_fault: Option<String>,
    /// How many peers are connected.
    pub connections: u32,
    /// The addresses that this node listens on, ending in `/p2p/ID`.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub listen: Vec<Multiaddr>,
    /// What was counted since the start: messages, drops by reason, and so on.
    pub counters: BTreeMap<String, u64>,
    /// The version of this software.
    pub version: String,
    /// The number that the system gave the process this node runs in.
    #[serde(default)]
    pub process_id: u32,
    /// When this node was started, in unix seconds.
    pub started_at: u64,
    /// The number of the newest event.
    pub last_event: u64,
    /// What an operator should look at: a failing disk, a key without its journal.
    pub warnings: Vec<String>,
}
