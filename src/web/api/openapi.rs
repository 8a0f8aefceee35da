//! The OpenAPI 3.1 document at `/api/v1/openapi.json`.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;

use crate::library::Sort;
use crate::library::search::Order;
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
        (name = "events", description = "Changes as they happen"),
        (name = "search", description = "Files by their words"),
        (name = "persistence", description = "The proof that nothing was lost")
    ),
    components(schemas(Problem, Order, Sort))
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
    let mut document = serde_json::to_value(&description).unwrap_or_default();
    tell_of_access(&mut document);
    document.to_string()
}

/// What every operation may answer before it is looked at, and how one is let in.
fn tell_of_access(document: &mut Value) {
    let refusals = [
        (
            "401",
            "Nothing that lets in was shown, or it is worth nothing any more",
        ),
        ("403", "Whoever asks may look, but not do that"),
        (
            "429",
            "Too much of it lately; `Retry-After` says when to try again",
        ),
    ];
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    let items = document["paths"].as_object_mut();
    let operations = items
        .into_iter()
        .flat_map(|paths| paths.values_mut())
        .filter_map(Value::as_object_mut)
        .flat_map(|item| item.values_mut());
    for operation in operations {
        let Some(responses) = operation["responses"].as_object_mut() else {
            continue;
        };
        for (status, description) in refusals {
            let content = json!({ "application/problem+json": { "schema": schema } });
            let refusal = json!({ "description": description, "content": content });
            responses.entry(status).or_insert(refusal);
        }
    }
    document["components"]["securitySchemes"] = json!({
        "token": { "type": "http", "scheme": "bearer", "description": "An API token, made on the account's page" },
    });
    // Where everybody is let in, nothing has to be shown.
    document["security"] = json!([{ "token": [] }, {}]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> serde_json::Value {
        let (_, description) = crate::web::api::described();
        serde_json::from_str(&describe(description)).unwrap()
    }

    #[test]
    fn storing_a_file_names_its_headers_and_every_way_to_fail() {
        let put = &document()["paths"]["/api/v1/files/{path}"]["put"];
        for status in [200, 201, 400, 401, 403, 408, 412, 413, 415, 429, 503, 507] {
            assert!(put["responses"][status.to_string()].is_object(), "{status}");
        }
        let parameters = put["parameters"].as_array().unwrap();
        for header in ["If-Match", "If-None-Match", "Repr-Digest", "Content-Digest"] {
            let named = |parameter: &serde_json::Value| {
                parameter["name"] == header && parameter["in"] == "header"
            };
            assert!(parameters.iter().any(named), "{header}");
        }
    }

    #[test]
    fn every_schema_that_is_referred_to_is_there() {
        let document = document();
        let report = &document["paths"]["/api/v1/persistence"]["get"]["responses"]["200"];
        let schema = &report["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/Persistence");
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            let schema = &document["components"]["schemas"][name];
            assert!(schema.is_object(), "{name}");
        }
    }

    #[test]
    fn the_document_names_every_route() {
        let document = document();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        for (path, methods) in [
            (
                "/api/v1/files/{path}",
                &["put", "get", "head", "delete"][..],
            ),
            ("/api/v1/entries", &["get"]),
            ("/api/v1/entries/lookup", &["post"]),
            ("/api/v1/entries/{id}", &["get", "patch"]),
            ("/api/v1/entries/{id}/versions", &["get"]),
            ("/api/v1/events", &["get"]),
            ("/api/v1/search", &["get"]),
            ("/thumbnail/{id}", &["get", "head"]),
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
