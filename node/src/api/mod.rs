//! The HTTP API: reads, writes with the token, events, metrics.
//!
//! The routes and what they take and answer are in `docs/openapi.json`, which is made from the
//! handlers here (`openapi`) and served by every node.
//!
//! Invariants:
//! * on the loopback address, a request that does not name it reaches no handler (DNS rebinding);
//!   beyond it, a request without the token reaches no handler
//! * a write needs the token everywhere
//! * every answer but `ok`, metrics and the event stream is JSON, errors included:
//!   `{"error":"..."}`
//! * no answer allows another origin to read it, except to those that the operator named
//! * every answer is bounded: the roll and the events come in pages

mod error;
mod events;
mod guard;
mod health;
mod masa;
mod metrics;
mod openapi;
mod query;
mod rate;
mod read;
mod server;
mod write;

#[cfg(test)]
mod limits_tests;
#[cfg(test)]
mod masa_tests;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response_with_state};
use axum::response::Response;
use axum::routing::get;
use rollbook::NodeHandle;

use crate::reload::Source;
use tower_http::cors::{AllowOrigin, CorsLayer};

use self::error::ApiError;
use self::events::Readers;
use self::guard::Access;
pub(crate) use self::guard::Token;
pub(crate) use self::query::SELECT_LIMIT;
use self::rate::Rates;
pub(crate) use self::server::{Limits, Server};
pub(crate) use self::write::ImportRequest;

/// Every answer says who gave it, so that a stale `api.json` is noticed.
pub(crate) const PEER_ID_HEADER: &str = "rollbook-peer-id";

const IMPORT_SIZE_MAX: usize = 8 << 20;
const BODY_SIZE_MAX: usize = 4 << 10;

/// How the API is served.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What a write must show, and beyond loopback every request.
    pub(crate) token: Token,
    /// Whether it answers on other addresses than that of loopback.
    pub(crate) beyond_loopback: bool,
    /// Origins whose pages may read answers.
    pub(crate) allowed_origins: Vec<HeaderValue>,
    /// Whether the Go network's routes are served too.
    pub(crate) masa: bool,
    /// Requests that one address may make in a second.
    pub(crate) rate: u32,
    /// Where the settings came from that can be read anew.
    pub(crate) source: Option<Source>,
}

/// What the handlers share.
#[derive(Clone)]
struct Api {
    node: NodeHandle,
    peer_id: HeaderValue,
    readers: Readers,
    source: Option<Source>,
}

impl FromRef<Api> for NodeHandle {
    fn from_ref(api: &Api) -> Self {
        api.node.clone()
    }
}

impl FromRef<Api> for Readers {
    fn from_ref(api: &Api) -> Self {
        api.readers.clone()
    }
}

impl FromRef<Api> for Option<Source> {
    fn from_ref(api: &Api) -> Self {
        api.source.clone()
    }
}

/// All routes of a running node.
pub(crate) fn router(node: NodeHandle, options: Options) -> Router {
    let peer_id = HeaderValue::try_from(node.peer_id().to_string()).expect("base58 is plain text");
    let api = Api { node, peer_id, readers: Readers::default(), source: options.source };
    let access = Access::new(options.token, options.beyond_loopback);
    let (described, _) = openapi::routes(&access).split_for_parts();
    let mut routes = described.route("/api/v1/openapi.json", get(openapi::serve));
    if options.masa {
        routes = routes.merge(masa::routes());
    }
    let routes = routes
        .fallback(|| async { ApiError::new(StatusCode::NOT_FOUND, "no such resource") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "no such method on this resource")
        })
        .layer(DefaultBodyLimit::max(BODY_SIZE_MAX))
        .layer(from_fn(guard::require_patience))
        .layer(from_fn_with_state(access, guard::require_access))
        .layer(from_fn_with_state(Rates::new(options.rate), rate::require_rate));
    let routes = match options.allowed_origins.is_empty() {
        true => routes,
        false => routes.layer(cors(options.allowed_origins)),
    };
    routes.layer(map_response_with_state(api.peer_id.clone(), mark)).with_state(api)
}

/// What browsers let pages of these origins do.
fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([HeaderName::from_static(PEER_ID_HEADER)])
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
