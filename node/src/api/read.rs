//! Reads: answered from memory, never waiting for the network or the disk.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use rollbook::{Explanation, NodeHandle, NodeView, PeerId, Status};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiError;
use super::error::{AboutOne, AnyRequest};
use super::query::{NodesQuery, SelectQuery};

/// A page of the roll.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct NodesAnswer {
    /// The nodes in the order that was asked for.
    pub(crate) nodes: Vec<NodeView>,
    /// What to give as `after` for the next page; null on the last.
    pub(crate) next: Option<String>,
}

/// The roll, page by page.
#[utoipa::path(
    get, path = "/api/v1/nodes", tag = "read", params(NodesQuery),
    responses(
        (status = 200, description = "A page of the roll", body = NodesAnswer),
        AnyRequest, AboutOne,
    )
)]
pub(crate) async fn nodes(
    State(node): State<NodeHandle>,
    query: Result<Query<NodesQuery>, QueryRejection>,
) -> Result<Json<NodesAnswer>, ApiError> {
    let page = node.page(&query?.0.into_request()?)?;
    let next = page.next.map(|next| next.to_string());
    Ok(Json(NodesAnswer { nodes: page.nodes, next }))
}

/// One node.
#[utoipa::path(
    get, path = "/api/v1/nodes/{peerId}", tag = "read",
    params(("peerId" = String, Path, description = "The node's peer id",
        example = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9")),
    responses(
        (status = 200, description = "The node", body = NodeView), AnyRequest, AboutOne,
    )
)]
pub(crate) async fn node(
    State(node): State<NodeHandle>,
    peer: Result<Path<String>, PathRejection>,
) -> Result<Json<NodeView>, ApiError> {
    let peer = parse_peer(&peer?.0)?;
    node.get(&peer).map(Json).ok_or_else(|| unknown(&peer))
}

/// Why a node is seen as it is: each fact with the statement that it stands in.
#[utoipa::path(
    get, path = "/api/v1/nodes/{peerId}/explain", tag = "read",
    params(("peerId" = String, Path, description = "The node's peer id",
        example = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9")),
    responses(
        (status = 200, description = "Every fact that is known of it", body = Explanation),
        AnyRequest, AboutOne,
    )
)]
pub(crate) async fn explain(
    State(node): State<NodeHandle>,
    peer: Result<Path<String>, PathRejection>,
) -> Result<Json<Explanation>, ApiError> {
    let peer = parse_peer(&peer?.0)?;
    node.explain(&peer).map(Json).ok_or_else(|| unknown(&peer))
}

/// The nodes to ask for something, the most reliable first.
#[utoipa::path(
    get, path = "/api/v1/select", tag = "read", params(SelectQuery),
    responses(
        (status = 200, description = "The most reliable nodes", body = Vec<NodeView>),
        AnyRequest, AboutOne,
    )
)]
pub(crate) async fn select(
    State(node): State<NodeHandle>,
    query: Result<Query<SelectQuery>, QueryRejection>,
) -> Result<Json<Vec<NodeView>>, ApiError> {
    let Query(query) = query?;
    let limit = query.limit()?;
    Ok(Json(node.select(&query.capability, query.grant.as_deref(), limit)?))
}

/// This node's own state: role, home, counts, root, counters of everything that was dropped.
#[utoipa::path(
    get, path = "/api/v1/status", tag = "read",
    responses((status = 200, description = "The state", body = Status), AnyRequest)
)]
pub(crate) async fn status(State(node): State<NodeHandle>) -> Json<Status> {
    Json(node.status())
}

/// Reads a peer id from a path.
pub(crate) fn parse_peer(text: &str) -> Result<PeerId, ApiError> {
    text.parse().map_err(|error| ApiError::bad_request(format!("{text:?}: {error}")))
}

fn unknown(peer: &PeerId) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("the roll has no node {peer}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_peer_id_is_a_bad_request() {
        let error = parse_peer("../status").expect_err("refused");
        assert_eq!(error.status, StatusCode::BAD_REQUEST);
        assert!(error.message.contains("not a peer id"), "{}", error.message);
    }
}
