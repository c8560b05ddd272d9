//! Whether the node is here, and whether it is of use.

use axum::extract::State;
use axum::http::StatusCode;
use rollbook::{NodeHandle, Status};

use super::ApiError;
use super::error::AnyRequest;

/// Whether the node is here.
#[utoipa::path(
    get, path = "/healthz", tag = "watch",
    responses((status = 200, description = "`ok`", body = String), AnyRequest)
)]
pub(crate) async fn alive() -> &'static str {
    "ok"
}

/// Whether the node is of use: it has a home, its disk works, and it does not recover. The refusal
/// says what is wrong.
#[utoipa::path(
    get, path = "/readyz", tag = "watch",
    responses((status = 200, description = "`ready`", body = String), AnyRequest)
)]
pub(crate) async fn ready(State(node): State<NodeHandle>) -> Result<&'static str, ApiError> {
    let reasons = unready(&node.status());
    match reasons.is_empty() {
        true => Ok("ready"),
        false => Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, reasons.join("; "))),
    }
}

/// Why a node is of no use at the moment. A warning that only tells of the past is no reason.
fn unready(status: &Status) -> Vec<String> {
    let mut reasons = Vec::new();
    if status.recovering {
        reasons.push("this authority recovers what it had signed".to_owned());
    }
    if status.isolated {
        reasons.push("this authority takes itself to be cut off".to_owned());
    }
    if status.degraded {
        reasons.push("no authority is this node's home".to_owned());
    }
    if let Some(fault) = &status.journal_fault {
        reasons.push(format!("the journal cannot be written: {fault}"));
    }
    reasons
}
