//! The OpenAPI 3.1 document at `/api/v1/openapi.json`.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;

use crate::web::problem::Problem;
use crate::web::state::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Wharfside",
        description = "Keep files and find them by what they say. Failures are answered as \
                       RFC 9457 problem details (`application/problem+json`).",
        license(name = "MIT", identifier = "MIT")
    ),
    tags(
        (name = "files", description = "Contents, by path"),
        (name = "entries", description = "What the catalog knows about files"),
        (name = "search", description = "Files by their words"),
        (name = "persistence", description = "The proof that nothing was lost")
    ),
    components(schemas(Problem))
)]
pub struct Document;

/// Serves the document of the API's own routes.
pub fn router(description: Description) -> Router<App> {
    let document = Bytes::from(describe(description));
    let serve = move || {
        let document = document.clone();
        async move { ([(CONTENT_TYPE, "application/json")], document) }
    };
    Router::new().route("/api/v1/openapi.json", get(serve))
}

/// The router writes a parameter that spans segments as `{*path}`; OpenAPI knows only `{path}`.
fn describe(mut description: Description) -> String {
    let paths = std::mem::take(&mut description.paths.paths);
    description.paths.paths = paths
        .into_iter()
        .map(|(path, item)| (path.replace("{*", "{"), item))
        .collect();
    description.to_json().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_route() {
        let (_, description) = crate::web::api::described();
        let document: serde_json::Value = serde_json::from_str(&describe(description)).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        for (path, methods) in [
            (
                "/api/v1/files/{path}",
                &["put", "get", "head", "delete"][..],
            ),
            ("/api/v1/entries", &["get"]),
            ("/api/v1/entries/{id}", &["get", "patch"]),
            ("/api/v1/entries/{id}/versions", &["get"]),
            ("/api/v1/search", &["get"]),
            ("/api/v1/persistence", &["get"]),
        ] {
            for method in methods {
                let operation = &document["paths"][path][method];
                assert!(operation["responses"].is_object(), "{method} {path}");
            }
        }
        for schema in ["Entry", "Receipt", "Problem", "Listing", "Results"] {
            assert!(
                document["components"]["schemas"][schema].is_object(),
                "{schema}"
            );
        }
    }
}
