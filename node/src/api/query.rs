//! What requests ask for in their query, and its bounds.

use rollbook::{Cursor, Filter, PageRequest, PeerId, Presence, SortKey, Standing};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use utoipa::IntoParams;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::ApiError;

/// How many nodes a page has at most, and unless it is said.
pub(crate) const NODES_LIMIT_MAX: usize = 1_000;
/// How many events a page has at most, and unless it is said.
pub(crate) const EVENTS_LIMIT_MAX: usize = 1_000;
/// How many nodes are selected unless it is said.
pub(crate) const SELECT_LIMIT: usize = 10;

/// Which nodes to return, in which order.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NodesQuery {
    /// Only nodes that are online. `true`, `1` and the bare name switch it on.
    #[param(schema_with = switch_words)]
    #[serde(deserialize_with = "switch")]
    online: bool,
    /// Removed and banned nodes as well.
    #[param(schema_with = switch_words)]
    #[serde(deserialize_with = "switch")]
    all: bool,
    /// Only nodes that announce this capability.
    capability: Option<String>,
    /// Only nodes that have the grant of this name.
    grant: Option<String>,
    /// Only nodes of this standing.
    #[param(inline)]
    standing: Option<Standing>,
    /// Only nodes of this presence.
    #[param(inline)]
    presence: Option<Presence>,
    /// Only nodes whose home is the authority of this peer id.
    #[param(value_type = Option<String>)]
    #[serde(deserialize_with = "peer_id")]
    home: Option<PeerId>,
    /// What to order by; `-` before it puts the greatest first. A node whose key changes between
    /// two pages may be missed or seen twice; ordered by `peerId` none ever is.
    #[param(inline)]
    sort: Option<Sort>,
    /// The `next` of the page before.
    after: Option<String>,
    /// How many nodes at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// What to order nodes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
pub(crate) enum Sort {
    #[serde(rename = "peerId")]
    PeerId,
    #[serde(rename = "-peerId")]
    PeerIdDown,
    #[serde(rename = "firstJoined")]
    FirstJoined,
    #[serde(rename = "-firstJoined")]
    FirstJoinedDown,
    #[serde(rename = "lastJoined")]
    LastJoined,
    #[serde(rename = "-lastJoined")]
    LastJoinedDown,
    #[serde(rename = "lastUpdated")]
    LastUpdated,
    #[serde(rename = "-lastUpdated")]
    LastUpdatedDown,
    #[serde(rename = "uptime")]
    Uptime,
    #[serde(rename = "-uptime")]
    UptimeDown,
}

impl Sort {
    fn parts(self) -> (SortKey, bool) {
        match self {
            Self::PeerId => (SortKey::PeerId, false),
            Self::PeerIdDown => (SortKey::PeerId, true),
            Self::FirstJoined => (SortKey::FirstJoined, false),
            Self::FirstJoinedDown => (SortKey::FirstJoined, true),
            Self::LastJoined => (SortKey::LastJoined, false),
            Self::LastJoinedDown => (SortKey::LastJoined, true),
            Self::LastUpdated => (SortKey::LastUpdated, false),
            Self::LastUpdatedDown => (SortKey::LastUpdated, true),
            Self::Uptime => (SortKey::Uptime, false),
            Self::UptimeDown => (SortKey::Uptime, true),
        }
    }
}

impl NodesQuery {
    /// The page that is asked for.
    pub(super) fn into_request(self) -> Result<PageRequest, ApiError> {
        let (sort, descending) = self.sort.unwrap_or(Sort::PeerId).parts();
        let after = |text: String| {
            text.parse::<Cursor>()
                .map_err(|error| ApiError::bad_request(format!("after: {text:?}: {error}")))
        };
        Ok(PageRequest {
            filter: Filter {
                online: self.online,
                all: self.all,
                capability: self.capability,
                grant: self.grant,
                standing: self.standing,
                presence: self.presence,
                home: self.home,
            },
            sort,
            descending,
            after: self.after.map(after).transpose()?,
            limit: bounded(self.limit, NODES_LIMIT_MAX, NODES_LIMIT_MAX)?,
        })
    }
}

/// Which nodes to select.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SelectQuery {
    /// What the nodes must announce that they can do.
    pub(super) capability: String,
    /// Only nodes that have the grant of this name.
    pub(super) grant: Option<String>,
    /// How many nodes at most; 10 unless it is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

impl SelectQuery {
    pub(super) fn limit(&self) -> Result<usize, ApiError> {
        bounded(self.limit, SELECT_LIMIT, NODES_LIMIT_MAX)
    }
}

/// Where to begin.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// The number of the last event that is known; without it, events from now on.
    after: Option<u64>,
}

impl EventsQuery {
    pub(super) fn after(&self) -> Result<Option<u64>, ApiError> {
        self.after.map(event_number).transpose()
    }
}

/// Which events of the log to return.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// The number of the last event that is known; without it, from the oldest that is kept.
    #[serde(default)]
    after: u64,
    /// How many events at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

impl LogQuery {
    pub(super) fn after(&self) -> Result<u64, ApiError> {
        event_number(self.after)
    }

    pub(super) fn limit(&self) -> Result<usize, ApiError> {
        bounded(self.limit, EVENTS_LIMIT_MAX, EVENTS_LIMIT_MAX)
    }
}

/// How often something is counted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ObserveQuery {
    /// How often; 1 unless it is said.
    pub(super) count: Option<u32>,
}

/// Numbers of events are those of JSON's readers: 63 bits.
fn event_number(number: u64) -> Result<u64, ApiError> {
    i64::try_from(number).map(|_| number).map_err(|_too_great| {
        ApiError::bad_request(format!("after: {number} is not the number of an event"))
    })
}

fn bounded(given: Option<usize>, default: usize, max: usize) -> Result<usize, ApiError> {
    match given.unwrap_or(default) {
        limit if (1..=max).contains(&limit) => Ok(limit),
        limit => Err(ApiError::bad_request(format!("limit: {limit} is not from 1 to {max}"))),
    }
}

/// How a switch is described.
fn switch_words() -> Object {
    let words = ["true", "false", "1", "0", ""];
    let object = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words));
    object.description(Some("`true`, `1` and the bare name switch it on")).build()
}

/// `?online`, `?online=true` and `?online=1` switch on.
fn switch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "" | "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        other => Err(D::Error::custom(format_args!("{other:?} is neither true nor false"))),
    }
}

fn peer_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PeerId>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = text.parse();
    parsed.map(Some).map_err(|error| D::Error::custom(format_args!("{text:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;
    use axum::http::StatusCode;

    use super::*;

    const PEER: &str = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9";

    fn query(text: &str) -> Result<NodesQuery, ApiError> {
        let uri = format!("http://127.0.0.1/api/v1/nodes?{text}").parse().expect("a URI");
        Query::try_from_uri(&uri).map(|Query(query)| query).map_err(ApiError::from)
    }

    #[test]
    fn switches_may_be_bare() {
        for text in ["online&all", "online=1&all=true", "online=&all="] {
            let both = NodesQuery { online: true, all: true, ..NodesQuery::default() };
            assert_eq!(query(text), Ok(both), "{text}");
        }
        assert_eq!(query(""), Ok(NodesQuery::default()));
        assert_eq!(query("online=false&all=0"), Ok(NodesQuery::default()));
    }

    #[test]
    fn every_part_of_a_query_reaches_the_request() {
        let text = format!(
            "capability=storage&grant=staked&standing=banned&presence=left&home={PEER}\
             &sort=-uptime&after=7.8.{PEER}&limit=9"
        );
        let request = query(&text).and_then(NodesQuery::into_request).expect("parsed");
        assert_eq!(request.filter.capability.as_deref(), Some("storage"));
        assert_eq!(request.filter.grant.as_deref(), Some("staked"));
        assert_eq!(request.filter.standing, Some(Standing::Banned));
        assert_eq!(request.filter.presence, Some(Presence::Left));
        assert_eq!(request.filter.home.map(|home| home.to_string()).as_deref(), Some(PEER));
        assert_eq!((request.sort, request.descending, request.limit), (SortKey::Uptime, true, 9));
        assert_eq!(request.after.map(|at| at.to_string()), Some(format!("7.8.{PEER}")));
        let default = query("").and_then(NodesQuery::into_request).expect("parsed");
        assert_eq!((default.sort, default.limit), (SortKey::PeerId, NODES_LIMIT_MAX));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "online=maybe",
            "onlin",
            "capability=a&capability=b",
            "limit=-1",
            "limit=0",
            "limit=1001",
            "limit=99999999999999999999999",
            "limit=ten",
            "sort=name",
            "sort=",
            "standing=good",
            "presence=here",
            "home=abc",
            "after=abc",
            "after=",
        ] {
            let error = query(text).and_then(NodesQuery::into_request).expect_err("refused");
            assert_eq!(error.status, StatusCode::BAD_REQUEST, "{text}");
            assert!(!error.message.contains('\n') && !error.message.is_empty());
        }
    }
}
