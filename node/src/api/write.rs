//! Writes: an operator's commands. Each is answered once it is on disk.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use rollbook::{
    CommandError, ImportOptions, ImportRecord, ImportReport, NodeHandle, NodeView, PeerId, Status,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiError;
use super::error::{AboutOne, AnyRequest, Command};
use super::query::ObserveQuery;
use super::read::parse_peer;
use crate::reload::Source;

type PeerPath = Result<Path<String>, PathRejection>;
type GrantPath = Result<Path<(String, String)>, PathRejection>;
/// The node as it is after the command.
type Answer = Result<Json<Option<NodeView>>, ApiError>;

/// What another system knew.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ImportRequest {
    /// Take over stake and validator flags, although nobody verified them there.
    #[serde(default)]
    pub(crate) trust_grants: bool,
    /// A record for each node.
    pub(crate) records: Vec<ImportRecord>,
}

/// Admits a node: one that is pending, or was removed or banned.
#[utoipa::path(
    post, path = "/api/v1/nodes/{peerId}/admit", tag = "write", security(("token" = [])),
    params(("peerId" = String, Path, description = "The node's peer id",
        example = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9")),
    responses(
        (status = 200, description = "The node after it; null if nothing is known of it", body = Option<NodeView>),
        AnyRequest, AboutOne, Command,
    )
)]
pub(crate) async fn admit(State(node): State<NodeHandle>, peer: PeerPath) -> Answer {
    let peer = parse_peer(&peer?.0)?;
    answer(&node, &peer, node.admit(&peer).await)
}

/// Bans a node from the network.
#[utoipa::path(
    post, path = "/api/v1/nodes/{peerId}/ban", tag = "write", security(("token" = [])),
    params(("peerId" = String, Path, description = "The node's peer id",
        example = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9")),
    responses(
        (status = 200, description = "The node after it; null if nothing is known of it", body = Option<NodeView>),
        AnyRequest, AboutOne, Command,
    )
)]
pub(crate) async fn ban(State(node): State<NodeHandle>, peer: PeerPath) -> Answer {
    let peer = parse_peer(&peer?.0)?;
    answer(&node, &peer, node.ban(&peer).await)
}

/// Removes a node from the network.
#[utoipa::path(
    post, path = "/api/v1/nodes/{peerId}/remove", tag = "write", security(("token" = [])),
    params(("peerId" = String, Path, description = "The node's peer id",
        example = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9")),
    responses(
        (status = 200, description = "The node after it; null if nothing is known of it", body = Option<NodeView>),
        AnyRequest, AboutOne, Command,
    )
)]
pub(crate) async fn remove(State(node): State<NodeHandle>, peer: PeerPath) -> Answer {
    let peer = parse_peer(&peer?.0)?;
    answer(&node, &peer, node.remove(&peer).await)
}

/// Gives a node a grant.
#[utoipa::path(
    post, path = "/api/v1/nodes/{peerId}/grants/{name}", tag = "write", security(("token" = [])),
    params(("peerId" = String, Path, description = "The node's peer id",
        example = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9"),
        ("name" = String, Path, description = "`staked`, `validator`, or a name of the network's own",
            example = "staked")),
    responses(
        (status = 200, description = "The node after it; null if nothing is known of it", body = Option<NodeView>),
        AnyRequest, AboutOne, Command,
    )
)]
pub(crate) async fn grant(State(node): State<NodeHandle>, path: GrantPath) -> Answer {
    let Path((peer, name)) = path?;
    let peer = parse_peer(&peer)?;
    answer(&node, &peer, node.grant(&peer, &name).await)
}

/// Takes a grant back.
#[utoipa::path(
    delete, path = "/api/v1/nodes/{peerId}/grants/{name}", tag = "write", security(("token" = [])),
    params(("peerId" = String, Path, description = "The node's peer id",
        example = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9"),
        ("name" = String, Path, description = "`staked`, `validator`, or a name of the network's own",
            example = "staked")),
    responses(
        (status = 200, description = "The node after it; null if nothing is known of it", body = Option<NodeView>),
        AnyRequest, AboutOne, Command,
    )
)]
pub(crate) async fn revoke(State(node): State<NodeHandle>, path: GrantPath) -> Answer {
    let Path((peer, name)) = path?;
    let peer = parse_peer(&peer)?;
    answer(&node, &peer, node.revoke(&peer, &name).await)
}

/// Counts something about another node.
#[utoipa::path(
    post, path = "/api/v1/nodes/{peerId}/observations/{counter}", tag = "write", security(("token" = [])),
    params(("peerId" = String, Path, description = "The node's peer id",
        example = "16Uiu2HAmMNfDWyMNNF12gKv6bdMDVa1rMat3S3riqtUpNHHbdJp9"),
        ("counter" = String, Path, description = "`successes`, `timeouts`, `not-found`, `app0` to `app4`",
            example = "successes"),
        ObserveQuery),
    responses(
        (status = 200, description = "The node after it; null if nothing is known of it", body = Option<NodeView>),
        AnyRequest, AboutOne, Command,
    )
)]
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

/// Reads the authorities and the allow-list anew, as SIGHUP does.
#[utoipa::path(
    post, path = "/api/v1/reload", tag = "write", security(("token" = [])),
    responses(
        (status = 200, description = "The state of the node after it", body = Status),
        AnyRequest, Command,
    )
)]
pub(crate) async fn reload(
    State(node): State<NodeHandle>,
    State(source): State<Option<Source>>,
) -> Result<Json<Status>, ApiError> {
    let refused = |error: &anyhow::Error| CommandError::Refused(format!("{error:#}"));
    let source = source.ok_or_else(|| CommandError::Refused("there is nothing to read".into()))?;
    source.reload(&node).await.map_err(|error| refused(&error))?;
    Ok(Json(node.status()))
}

/// Takes over what another system knew. The same again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/import", tag = "write", security(("token" = [])),
    request_body = ImportRequest,
    responses(
        (status = 200, description = "What came of it", body = ImportReport),
        (status = 413, description = "The body is too large", body = super::error::Refusal),
        (status = 415, description = "The body is not said to be JSON", body = super::error::Refusal),
        AnyRequest, Command,
    )
)]
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
