//! The description of the API, made from the handlers. `docs/openapi.json` is what it says.

use std::sync::LazyLock;

use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::guard::{self, Access};
use super::{Api, IMPORT_SIZE_MAX, events, health, metrics, read, write};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rollbook",
        description = "The roll of a peer-to-peer network, as a running node holds it.\n\nA node \
            answers on the loopback address unless it is told otherwise. Where, and with which \
            token writes are made, stands in `api.json` in its data directory. A node that answers \
            beyond loopback demands the token for everything. Requests are limited in number and \
            size, connections in number and patience; what is refused is answered with a status \
            and `{\"error\": \"...\"}`.",
        license(name = "MIT OR Apache-2.0"),
    ),
    modifiers(&Token),
    tags(
        (name = "read", description = "Answered from memory: never waits for network or disk."),
        (name = "write", description = "An operator's commands: answered once they are on disk."),
        (name = "watch", description = "Is it here, is it well, what happens."),
    )
)]
struct Description;

/// Adds the one way to show who one is.
struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("token", bearer);
        // What the package is licensed under and who wrote it is for its registry.
        openapi.info.contact = None;
    }
}

/// All routes with their descriptions.
pub(super) fn routes(access: &Access) -> OpenApiRouter<Api> {
    let writes = OpenApiRouter::new()
        .routes(routes!(write::admit))
        .routes(routes!(write::ban))
        .routes(routes!(write::remove))
        .routes(routes!(write::grant, write::revoke))
        .routes(routes!(write::observe))
        .routes(routes!(write::reload))
        .routes(routes!(write::import).layer(DefaultBodyLimit::max(IMPORT_SIZE_MAX)))
        .route_layer(from_fn_with_state(access.clone(), guard::require_token));
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(read::nodes))
        .routes(routes!(read::node))
        .routes(routes!(read::explain))
        .routes(routes!(read::select))
        .routes(routes!(read::status))
        .routes(routes!(events::events))
        .routes(routes!(events::log))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
        .merge(writes)
}

/// The whole description.
fn document() -> utoipa::openapi::OpenApi {
    let nobody = Access::nobody();
    routes(&nobody).split_for_parts().1
}

/// The description, made once.
pub(super) async fn serve() -> impl IntoResponse {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| document().to_json().expect("a description is JSON"));
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    /// Set to write the file anew instead of comparing it.
    const WRITE: &str = "ROLLBOOK_WRITE_OPENAPI";

    #[test]
    fn the_file_in_the_documentation_is_what_the_code_says() {
        let made = document().to_pretty_json().expect("a description is JSON") + "\n";
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(FILE, &made).expect("the file can be written");
        }
        let kept = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(made == kept, "docs/openapi.json is not what the code says: run with {WRITE}=1");
    }

    #[test]
    fn every_operation_says_what_it_answers_and_whether_it_needs_the_token() {
        let text = document().to_json().expect("JSON");
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        assert!(paths.len() > 14, "{paths:?}");
        for (path, operations) in paths {
            for (method, operation) in operations.as_object().expect("operations") {
                let name = format!("{method} {path}");
                assert!(operation["summary"].is_string(), "{name} has no summary");
                let answers = operation["responses"].as_object().expect("answers");
                assert!(answers.contains_key("200") && answers.contains_key("429"), "{name}");
                let is_write = ["post", "delete"].contains(&method.as_str());
                assert_eq!(operation.get("security").is_some(), is_write, "{name}");
                assert!(answers.contains_key("401"), "{name}");
            }
        }
    }
}
