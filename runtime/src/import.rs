//! Taking over what another system knew about nodes.

use serde::{Deserialize, Serialize};

/// What another system knew about one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportRecord {
    /// The node, as text: a bad one is reported and skipped.
    pub peer_id: String,
    /// Where it was reached: hints for dialling, kept on this node only.
    #[serde(default)]
    pub multiaddrs: Vec<String>,
    /// When it joined for the first time, in unix seconds; 0 if not known.
    #[serde(default)]
    pub first_joined: u64,
    /// How long it was here.
    #[serde(default)]
    pub accumulated_uptime_seconds: u64,
    /// Whether it was staked.
    #[serde(default)]
    pub is_staked: bool,
    /// Whether it was a validator.
    #[serde(default)]
    pub is_validator: bool,
}

/// How to import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Take over the stake and validator flags, which the other system did not verify.
    pub trust_grants: bool,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// Records that changed the roll.
    pub imported: u64,
    /// Records that the roll held already.
    pub unchanged: u64,
    /// Records whose uptime was longer than the time since they joined, and was cut to it.
    pub clamped: u64,
    /// Grants taken over.
    pub grants_taken: u64,
    /// Grants left out, because the import did not ask to trust them.
    pub grants_left_out: u64,
    /// Records of nodes that the roll has banned or removed.
    pub not_admitted: u64,
    /// Records that could not be used.
    pub invalid: Vec<InvalidRecord>,
}

/// A record that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvalidRecord {
    /// The peer id as it stood in the record.
    pub peer_id: String,
    /// Why.
    pub reason: String,
}
