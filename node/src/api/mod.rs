//! The HTTP API on the loopback address: reads for anybody on this machine, writes with the token.
//!
//! | route | does |
//! |---|---|
//! | `GET /api/v1/nodes` | the roll; `?online`, `?all`, `?capability=NAME` |
//! | `GET /api/v1/nodes/{peerId}` | one node |
//! | `GET /api/v1/nodes/{peerId}/explain` | why it is seen so: facts with their statements |
//! | `GET /api/v1/select` | the most reliable nodes: `?capability=NAME`, `&grant=NAME`, `&limit=N` |
//! | `GET /api/v1/status` | this node's own state |
//! | `GET /api/v1/events` | server-sent events; `?after=ID` or `Last-Event-ID` resumes |
//! | `POST /api/v1/nodes/{peerId}/admit`, `/ban`, `/remove` | an operator's decision |
//! | `POST`, `DELETE /api/v1/nodes/{peerId}/grants/{name}` | gives or takes back a grant |
//! | `POST /api/v1/nodes/{peerId}/observations/{counter}` | counts; `?count=N` |
//! | `POST /api/v1/import` | takes over what another system knew |
//! | `GET /healthz` | `ok` |
//!
//! Invariants:
//! * a request that does not name the loopback address reaches no handler (DNS rebinding)
//! * every answer but `ok` and the event stream is JSON, errors included: `{"error":"..."}`
//! * no answer allows another origin to read it (no CORS headers)

mod error;
mod events;
mod guard;
mod read;
mod write;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use rollbook::NodeHandle;

use self::error::ApiError;
pub(crate) use self::guard::Token;
pub(crate) use self::write::ImportRequest;

/// Every answer says who gave it, so that a stale `api.json` is noticed.
pub(crate) const PEER_ID_HEADER: &str = "rollbook-peer-id";

const IMPORT_SIZE_MAX: usize = 8 << 20;
const BODY_SIZE_MAX: usize = 4 << 10;

/// What the handlers share.
#[derive(Clone)]
struct Api {
    node: NodeHandle,
    token: Token,
    peer_id: HeaderValue,
}

impl FromRef<Api> for NodeHandle {
    fn from_ref(api: &Api) -> Self {
        api.node.clone()
    }
}

/// All routes of a running node.
pub(crate) fn router(node: NodeHandle, token: Token) -> Router {
    let peer_id = HeaderValue::try_from(node.peer_id().to_string()).expect("base58 is plain text");
    let api = Api { node, token, peer_id };
    let writes = Router::new()
        .route("/api/v1/nodes/{peer}/admit", post(write::admit))
        .route("/api/v1/nodes/{peer}/ban", post(write::ban))
        .route("/api/v1/nodes/{peer}/remove", post(write::remove))
        .route("/api/v1/nodes/{peer}/grants/{name}", post(write::grant).delete(write::revoke))
        .route("/api/v1/nodes/{peer}/observations/{counter}", post(write::observe))
        .route("/api/v1/import", post(write::import).layer(DefaultBodyLimit::max(IMPORT_SIZE_MAX)))
        .route_layer(from_fn_with_state(api.token.clone(), guard::require_token));
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/api/v1/nodes", get(read::nodes))
        .route("/api/v1/nodes/{peer}", get(read::node))
        .route("/api/v1/nodes/{peer}/explain", get(read::explain))
        .route("/api/v1/select", get(read::select))
        .route("/api/v1/status", get(read::status))
        .route("/api/v1/events", get(events::events))
        .merge(writes)
        .fallback(|| async { ApiError::new(StatusCode::NOT_FOUND, "no such resource") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "no such method on this resource")
        })
        .layer(DefaultBodyLimit::max(BODY_SIZE_MAX))
        .layer(from_fn(guard::require_loopback))
        .layer(map_response_with_state(api.peer_id.clone(), mark))
        .with_state(api)
}

async fn mark(
    axum::extract::State(peer_id): axum::extract::State<HeaderValue>,
    mut response: Response,
) -> Response {
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static(PEER_ID_HEADER), peer_id);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
