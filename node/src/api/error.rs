//! What a request is refused with: a status and `{"error":"..."}`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rollbook::CommandError;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// A refusal, in one line for people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

/// Why a request was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Refusal {
    /// The reason, in one line for people.
    error: String,
}

/// What any request may be refused with.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "only their descriptions are used")]
pub(crate) enum AnyRequest {
    /// The request is malformed: its `Host`, its path, its query or its body.
    #[response(status = 400)]
    Malformed(#[to_schema] Refusal),
    /// The token is missing or wrong.
    #[response(status = 401)]
    NoToken(#[to_schema] Refusal),
    /// The `Host` is not the loopback address.
    #[response(status = 403)]
    ForeignHost(#[to_schema] Refusal),
    /// The request took too long to come or to be answered.
    #[response(status = 408)]
    TooSlow(#[to_schema] Refusal),
    /// More requests than one address may make.
    #[response(status = 429)]
    TooMany(#[to_schema] Refusal),
    /// The headers are too large.
    #[response(status = 431)]
    HeadersTooLarge(#[to_schema] Refusal),
    /// The node is stopping, or too many connections are open.
    #[response(status = 503)]
    Unavailable(#[to_schema] Refusal),
}

/// What a request about one node may be refused with, beside the rest.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "only their descriptions are used")]
pub(crate) enum AboutOne {
    /// The roll has no such node, or there is no grant or counter of that name.
    #[response(status = 404)]
    Unknown(#[to_schema] Refusal),
}

/// What a command may be refused with, beside the rest.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "only their descriptions are used")]
pub(crate) enum Command {
    /// This node is no authority, recovers, or the node that it is about is an authority.
    #[response(status = 409)]
    NotHere(#[to_schema] Refusal),
    /// The command is understood and cannot be carried out.
    #[response(status = 422)]
    Refused(#[to_schema] Refusal),
    /// The roll or the disk is full.
    #[response(status = 507)]
    Full(#[to_schema] Refusal),
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Refusal { error: self.message })).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<CommandError> for ApiError {
    fn from(error: CommandError) -> Self {
        let status = match &error {
            CommandError::NotAuthority | CommandError::Recovering => StatusCode::CONFLICT,
            CommandError::IsAuthority => StatusCode::CONFLICT,
            CommandError::UnknownNode | CommandError::UnknownGrant(_) => StatusCode::NOT_FOUND,
            CommandError::UnknownCounter(_) => StatusCode::NOT_FOUND,
            CommandError::Full | CommandError::Disk(_) => StatusCode::INSUFFICIENT_STORAGE,
            CommandError::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, error.to_string())
    }
}
