//! Writes: an operator's commands. Each is answered once it is on disk.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use rollbook::{
    CommandError, ImportOptions, ImportRecord, ImportReport, NodeHandle, NodeView, PeerId,
};
use serde::{Deserialize, Serialize};

use super::ApiError;
use super::read::parse_peer;

type PeerPath = Result<Path<String>, PathRejection>;
type GrantPath = Result<Path<(String, String)>, PathRejection>;
/// The node as it is after the command.
type Answer = Result<Json<Option<NodeView>>, ApiError>;

/// The body of an import.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ImportRequest {
    #[serde(default)]
    pub(crate) trust_grants: bool,
    pub(crate) records: Vec<ImportRecord>,
}

pub(crate) async fn admit(State(node): State<NodeHandle>, peer: PeerPath) -> Answer {
    let peer = parse_peer(&peer?.0)?;
    answer(&node, &peer, node.admit(&peer).await)
}

pub(crate) async fn ban(State(node): State<NodeHandle>, peer: PeerPath) -> Answer {
    let peer = parse_peer(&peer?.0)?;
    answer(&node, &peer, node.ban(&peer).await)
}

pub(crate) async fn remove(State(node): State<NodeHandle>, peer: PeerPath) -> Answer {
    let peer = parse_peer(&peer?.0)?;
    answer(&node, &peer, node.remove(&peer).await)
}

pub(crate) async fn grant(State(node): State<NodeHandle>, path: GrantPath) -> Answer {
    let Path((peer, name)) = path?;
    let peer = parse_peer(&peer)?;
    answer(&node, &peer, node.grant(&peer, &name).await)
}

pub(crate) async fn revoke(State(node): State<NodeHandle>, path: GrantPath) -> Answer {
    let Path((peer, name)) = path?;
    let peer = parse_peer(&peer)?;
    answer(&node, &peer, node.revoke(&peer, &name).await)
}

/// How often something is counted.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ObserveQuery {
    count: Option<u32>,
}

pub(crate) async fn observe(
    State(node): State<NodeHandle>,
    path: GrantPath,
    query: Result<Query<ObserveQuery>, QueryRejection>,
) -> Answer {
    let Path((peer, counter)) = path?;
    let peer = parse_peer(&peer)?;
    let count = query?.0.count.unwrap_or(1);
    answer(&node, &peer, node.observe(&peer, &counter, count).await)
}

pub(crate) async fn import(
    State(node): State<NodeHandle>,
    request: Result<Json<ImportRequest>, JsonRejection>,
) -> Result<Json<ImportReport>, ApiError> {
    let Json(ImportRequest { trust_grants, records }) = request?;
    Ok(Json(node.import(records, ImportOptions { trust_grants }).await?))
}

fn answer(node: &NodeHandle, peer: &PeerId, outcome: Result<(), CommandError>) -> Answer {
    outcome?;
    Ok(Json(node.get(peer)))
}
