//! Reads: answered from memory, never waiting for the network or the disk.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use rollbook::{Explanation, Filter, NodeHandle, NodeView, PeerId, Status};
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::ApiError;

/// Which nodes to return.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NodesQuery {
    #[serde(deserialize_with = "switch")]
    online: bool,
    #[serde(deserialize_with = "switch")]
    all: bool,
    capability: Option<String>,
}

pub(crate) async fn nodes(
    State(node): State<NodeHandle>,
    query: Result<Query<NodesQuery>, QueryRejection>,
) -> Result<Json<Vec<NodeView>>, ApiError> {
    let Query(NodesQuery { online, all, capability }) = query?;
    Ok(Json(node.list(&Filter { online, all, capability })))
}

pub(crate) async fn node(
    State(node): State<NodeHandle>,
    peer: Result<Path<String>, PathRejection>,
) -> Result<Json<NodeView>, ApiError> {
    let peer = parse_peer(&peer?.0)?;
    let found = node.get(&peer).map(Json);
    found
        .ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, format!("the roll has no node {peer}")))
}

/// Which nodes to select.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SelectQuery {
    capability: String,
    grant: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn select(
    State(node): State<NodeHandle>,
    query: Result<Query<SelectQuery>, QueryRejection>,
) -> Result<Json<Vec<NodeView>>, ApiError> {
    let Query(SelectQuery { capability, grant, limit }) = query?;
    let limit = limit.unwrap_or(crate::cli::SELECT_LIMIT);
    Ok(Json(node.select(&capability, grant.as_deref(), limit)?))
}

pub(crate) async fn explain(
    State(node): State<NodeHandle>,
    peer: Result<Path<String>, PathRejection>,
) -> Result<Json<Explanation>, ApiError> {
    let peer = parse_peer(&peer?.0)?;
    let found = node.explain(&peer).map(Json);
    found
        .ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, format!("the roll has no node {peer}")))
}

pub(crate) async fn status(State(node): State<NodeHandle>) -> Json<Status> {
    Json(node.status())
}

/// Reads a peer id from a path.
pub(crate) fn parse_peer(text: &str) -> Result<PeerId, ApiError> {
    text.parse().map_err(|error| ApiError::bad_request(format!("{text:?}: {error}")))
}

/// `?online`, `?online=true` and `?online=1` switch on.
fn switch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "" | "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        other => Err(D::Error::custom(format_args!("{other:?} is neither true nor false"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<NodesQuery, ApiError> {
        let uri = format!("http://127.0.0.1/api/v1/nodes?{text}").parse().expect("a URI");
        Query::try_from_uri(&uri).map(|Query(query)| query).map_err(ApiError::from)
    }

    #[test]
    fn switches_may_be_bare() {
        for text in ["online&all", "online=1&all=true", "online=&all="] {
            let both = NodesQuery { online: true, all: true, capability: None };
            assert_eq!(query(text), Ok(both), "{text}");
        }
        assert_eq!(query(""), Ok(NodesQuery::default()));
        assert_eq!(query("online=false&all=0"), Ok(NodesQuery::default()));
        let storage = query("capability=storage").expect("parsed");
        assert_eq!(storage.capability.as_deref(), Some("storage"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in ["online=maybe", "onlin", "capability=a&capability=b"] {
            let error = query(text).expect_err("refused");
            assert_eq!(error.status, StatusCode::BAD_REQUEST, "{text}");
        }
    }

    #[test]
    fn a_bad_peer_id_is_a_bad_request() {
        let error = parse_peer("../status").expect_err("refused");
        assert_eq!(error.status, StatusCode::BAD_REQUEST);
        assert!(error.message.contains("not a peer id"), "{}", error.message);
    }
}
