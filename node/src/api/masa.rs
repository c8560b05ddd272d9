//! The Go network's routes to read node data, in its bytes and without its panics, for programs
//! that know no others. Served only where the operator says so.
//!
//! | route | body |
//! |---|---|
//! | `GET /api/v1/node/data` (`?pageNbr=N`, `&pageSize=N`) | `{"data":[..],"pageNbr":0,"success":true,"total":1,"totalRecords":2}` |
//! | `GET /api/v1/node/data/{peerId}` | `{"data":{..},"success":true}` |
//! | `GET /api/v1/peers` | `{"data":[{"peerId":".."}],"success":true,"totalCount":2}` |
//! | `GET /api/v1/peer/addresses` | `{"data":[{"peerAddress":"..","peerId":".."}],"success":true,"totalCount":2}` |
//!
//! As there, a number that is none counts as not given. Other than there, a page past the end is
//! empty, a negative number is refused, a page has at most [`PAGE_SIZE_MAX`] records, the order is
//! the same at each request, and a node without an address is left out where addresses are listed.

use std::collections::HashMap;

use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rollbook::{Filter, NodeHandle, NodeView};

use super::Api;
use crate::masa::{ExportNode, go_record, go_string};

const PAGE_SIZE: usize = 25;
const PAGE_SIZE_MAX: usize = 1_000;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/node/data", get(page))
        .route("/api/v1/node/data/{peer}", get(one))
        .route("/api/v1/peers", get(peers))
        .route("/api/v1/peer/addresses", get(addresses))
}

/// What the Go network's server answers with.
fn answer(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}

fn refusal(status: StatusCode, message: &str) -> Response {
    let message = go_string(message);
    answer(status, format!("{{\"message\":{message},\"success\":false}}"))
}

/// All nodes, in the Go network's order: by the time of the last update.
fn nodes(node: &NodeHandle) -> Vec<NodeView> {
    let mut nodes = node.list(&Filter::default());
    nodes.sort_by_key(|node| (node.last_updated, node.peer_id));
    nodes
}

fn list(items: impl Iterator<Item = String>) -> (String, usize) {
    let items: Vec<_> = items.collect();
    (format!("[{}]", items.join(",")), items.len())
}

async fn page(
    State(node): State<NodeHandle>,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Response {
    let query = query.map(|Query(query)| query).unwrap_or_default();
    let number = |name: &str, default: usize| {
        let given = query.get(name).and_then(|text| text.parse::<i64>().ok());
        given.map_or(Ok(default), usize::try_from)
    };
    let (Ok(page_number), Ok(size @ 1..)) = (number("pageNbr", 0), number("pageSize", PAGE_SIZE))
    else {
        return refusal(StatusCode::BAD_REQUEST, "pageNbr and pageSize must be positive");
    };
    let size = size.min(PAGE_SIZE_MAX);
    let nodes = nodes(&node);
    let record_count = nodes.len();
    let page_count = record_count.div_ceil(size);
    let shown = nodes.into_iter().skip(page_number.saturating_mul(size)).take(size);
    let (data, _) = list(shown.map(|node| go_record(ExportNode::from(node))));
    answer(
        StatusCode::OK,
        format!(
            "{{\"data\":{data},\"pageNbr\":{page_number},\"success\":true,\"total\":{page_count},\
             \"totalRecords\":{record_count}}}"
        ),
    )
}

async fn one(
    State(node): State<NodeHandle>,
    peer: Result<Path<String>, PathRejection>,
) -> Response {
    let found = peer.ok().and_then(|Path(text)| node.get(&text.parse().ok()?));
    match found {
        Some(found) => {
            let data = go_record(ExportNode::from(found));
            answer(StatusCode::OK, format!("{{\"data\":{data},\"success\":true}}"))
        }
        None => refusal(StatusCode::NOT_FOUND, "Node not found"),
    }
}

async fn peers(State(node): State<NodeHandle>) -> Response {
    let peers = nodes(&node).into_iter();
    counted(peers.map(|node| format!("{{\"peerId\":\"{}\"}}", node.peer_id)))
}

async fn addresses(State(node): State<NodeHandle>) -> Response {
    let nodes = nodes(&node).into_iter();
    counted(nodes.filter_map(|node| {
        let address = go_string(&node.multiaddrs.first()?.to_string());
        Some(format!("{{\"peerAddress\":{address},\"peerId\":\"{}\"}}", node.peer_id))
    }))
}

fn counted(items: impl Iterator<Item = String>) -> Response {
    let (data, count) = list(items);
    let body = format!("{{\"data\":{data},\"success\":true,\"totalCount\":{count}}}");
    answer(StatusCode::OK, body)
}
