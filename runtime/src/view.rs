//! The record of one node that an application reads.

use libp2p::Multiaddr;
use rollbook_core::{Counter, EthAddress, Here, PeerId};
use serde::{Deserialize, Serialize};

use crate::{grants::GrantNames, text};

/// Whether a node belongs to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

impl Standing {
    pub(crate) fn of(standing: rollbook_core::Standing) -> Standing {
        match standing {
            // Codes that this version does not know still say whether they admit.
            standing if standing.admits() => Standing::Admitted,
            rollbook_core::Standing::PENDING => Standing::Pending,
            rollbook_core::Standing::BANNED => Standing::Banned,
            _ => Standing::Removed,
        }
    }

    /// Its name, as in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Standing::Pending => "pending",
            Standing::Admitted => "admitted",
            Standing::Banned => "banned",
            Standing::Removed => "removed",
        }
    }
}

/// Before the number of a counter that the application names.
const UNNAMED_COUNTER: &str = "app";

/// The name of a counter: `successes`, `timeouts`, `not-found`, `app0` to `app4`.
pub(crate) fn counter_name(counter: Counter) -> String {
    match counter {
        Counter::SUCCESSES => "successes".to_owned(),
        Counter::TIMEOUTS => "timeouts".to_owned(),
        Counter::NOT_FOUND => "not-found".to_owned(),
        counter => format!("{UNNAMED_COUNTER}{}", counter.number() - 3),
    }
}

/// The counter of that name.
pub(crate) fn counter_of_name(name: &str) -> Option<Counter> {
    Counter::all().find(|counter| counter_name(*counter) == name)
}

/// What others counted about a node in one counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TallyView {
    /// The counter's name: `successes`, `timeouts`, `not-found`, `app0` to `app4`.
    pub counter: String,
    /// How often.
    pub count: u64,
    /// When last, in unix seconds.
    pub last: u64,
}

/// Whether a node is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum Presence {
    /// Its home says that it is here, and its home is in touch.
    Online,
    /// It left.
    Left,
    /// Nobody can tell at the moment.
    Unknown,
}

impl Presence {
    fn of(here: Here) -> Presence {
        match here {
            Here::Online => Presence::Online,
            Here::Left => Presence::Left,
            Here::Unknown => Presence::Unknown,
        }
    }
}

/// One node, as the roll knows it now. Times are unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NodeView {
    /// The node.
    #[serde(with = "text::peer_id")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub peer_id: PeerId,
    /// How it is reached, without the trailing `/p2p/ID`.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
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
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
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
    /// What others counted about it, without what was never counted.
    #[serde(default)]
    pub tallies: Vec<TallyView>,
}

impl NodeView {
    /// What the core sees, in the application's terms.
    pub(crate) fn of(seen: &rollbook_core::NodeView<'_>, names: &GrantNames) -> NodeView {
        let (version, announcement) =
            seen.announcement.as_ref().map(|(version, said)| (version, said)).unzip();
        NodeView {
            peer_id: seen.peer_id,
            // Addresses of protocols that are not known here cannot be shown either.
            multiaddrs: announcement
                .iter()
                .flat_map(|announcement| &announcement.addresses)
                .filter_map(|address| Multiaddr::try_from(address.to_vec()).ok())
                .collect(),
            agent: announcement
                .map(|announcement| announcement.agent.to_owned())
                .unwrap_or_default(),
            capabilities: announcement
                .iter()
                .flat_map(|announcement| &announcement.capabilities)
                .map(|name| (*name).to_owned())
                .collect(),
            standing: Standing::of(seen.standing),
            is_staked: seen.grants.contains(rollbook_core::Grant::STAKED),
            is_validator: seen.grants.contains(rollbook_core::Grant::VALIDATOR),
            grants: names.names(seen.grants),
            presence: Presence::of(seen.here),
            is_active: seen.is_active(),
            home: seen.home,
            session: seen.session().map(|session| session.to_string()),
            first_joined: seen.first_joined,
            last_joined: seen.last_joined,
            last_left: seen.last_left,
            last_updated: seen.last_updated,
            uptime_seconds: seen.uptime,
            accumulated_uptime_seconds: seen.accumulated_uptime,
            eth_address: EthAddress::of(&seen.peer_id).map(|address| address.to_string()),
            epoch: version.map(|version| version.epoch),
            seq: version.map(|version| version.seq),
            tallies: seen
                .tallies
                .iter()
                .map(|(counter, count, last)| {
                    let counter = counter_name(counter);
                    TallyView { counter, count, last }
                })
                .collect(),
        }
    }
}

/// For who drives the core alone: the application's grants go by their numbers, as `app0`.
impl From<&rollbook_core::NodeView<'_>> for NodeView {
    fn from(seen: &rollbook_core::NodeView<'_>) -> NodeView {
        NodeView::of(seen, &GrantNames::default())
    }
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
    /// Only nodes that have the grant of this name.
    pub grant: Option<String>,
    /// Only nodes of this standing; without `all` as well.
    pub standing: Option<Standing>,
    /// Only nodes of this presence.
    pub presence: Option<Presence>,
    /// Only nodes whose home is this authority.
    pub home: Option<PeerId>,
}

impl Filter {
    /// Whether it selects a node.
    pub(crate) fn selects(&self, seen: &rollbook_core::NodeView<'_>, names: &GrantNames) -> bool {
        let standing = Standing::of(seen.standing);
        // A name that no grant has selects nobody.
        let has =
            |name: &String| names.of_name(name).is_ok_and(|grant| seen.grants.contains(grant));
        let can = |wanted: &String| {
            seen.announcement
                .as_ref()
                .is_some_and(|(_, said)| said.capabilities.contains(&wanted.as_str()))
        };
        let belongs = matches!(standing, Standing::Admitted | Standing::Pending);
        self.standing.map_or(self.all || belongs, |wanted| wanted == standing)
            && (!self.online || seen.here == Here::Online)
            && self.presence.is_none_or(|wanted| wanted == Presence::of(seen.here))
            && self.home.is_none_or(|wanted| seen.home == Some(wanted))
            && self.grant.as_ref().is_none_or(has)
            && self.capability.as_ref().is_none_or(can)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_documented_keys_in_their_order() {
        let peer_id = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";
        let view = NodeView {
            peer_id: peer_id.parse().expect("it is a peer id"),
            multiaddrs: vec!["/ip4/10.0.0.1/tcp/1".parse().expect("it is an address")],
            agent: "agent/1".to_owned(),
            capabilities: vec!["scrape".to_owned()],
            standing: Standing::Admitted,
            is_staked: true,
            is_validator: false,
            grants: vec!["staked".to_owned()],
            presence: Presence::Unknown,
            is_active: true,
            home: None,
            session: Some("01020304".to_owned()),
            first_joined: Some(1),
            last_joined: Some(2),
            last_left: None,
            last_updated: Some(3),
            uptime_seconds: 4,
            accumulated_uptime_seconds: 5,
            eth_address: None,
            epoch: Some(6),
            seq: Some(7),
            tallies: vec![TallyView { counter: "successes".to_owned(), count: 8, last: 9 }],
        };
        let json = serde_json::to_string(&view).expect("it has a JSON form");
        assert_eq!(
            json,
            format!(
                r#"{{"peerId":"{peer_id}","multiaddrs":["/ip4/10.0.0.1/tcp/1"],"agent":"agent/1","#
            ) + r#""capabilities":["scrape"],"standing":"admitted","isStaked":true,"#
                + r#""isValidator":false,"grants":["staked"],"presence":"unknown","#
                + r#""isActive":true,"home":null,"session":"01020304","firstJoined":1,"#
                + r#""lastJoined":2,"lastLeft":null,"lastUpdated":3,"uptimeSeconds":4,"#
                + r#""accumulatedUptimeSeconds":5,"ethAddress":null,"epoch":6,"seq":7,"#
                + r#""tallies":[{"counter":"successes","count":8,"last":9}]}"#
        );
        assert_eq!(serde_json::from_str::<NodeView>(&json).expect("it is read again"), view);
    }
}
