//! The OpenAPI 3.1 document at `/api/v1/openapi.json`.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;

use super::described;
use super::events::News;
use crate::config::{Access, BasePath};
use crate::library::Sort;
use crate::library::search::{Class, Order, SizeClass};
use crate::web::access::is_for_everybody;
use crate::web::problem::Problem;
use crate::web::state::App;
use crate::web::visitor::base_path;

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
    components(schemas(Problem, News, Class, Order, SizeClass, Sort))
)]
pub struct Document;

/// What every operation may answer: status, description, and the header that such an answer has
/// besides.
const REFUSALS: &[(&str, &str, Option<&str>)] = &[
    (
        "400",
        "The address, the query, a header or the body is not understood",
        None,
    ),
    (
        "401",
        "Nothing that lets in was shown, or it is worth nothing any more",
        Some("WWW-Authenticate"),
    ),
    ("403", "Whoever asks may look, but not do that", None),
    ("414", "The address is too long", None),
    (
        "421",
        "The installation serves its own machine only, under no other name",
        None,
    ),
    (
        "429",
        "Too much of it lately; `Retry-After` says when to try again",
        Some("Retry-After"),
    ),
    ("431", "The headers are too long", None),
    (
        "500",
        "Something went wrong on the other side, whose log tells more under the request id",
        None,
    ),
    (
        "503",
        "The stores are not open yet, or busy; try again",
        Some("Retry-After"),
    ),
];

/// Serves the document of the API's own routes. It is made when it is first asked for: a start
/// would take longer, and keep what hardly anybody wants.
pub fn router(access: Access) -> Router<App> {
    let made = Arc::new(OnceLock::<Bytes>::new());
    let serve = async move |app: App, request: Request| {
        let make = |base: &BasePath| Bytes::from(describe(&described().1, access, base));
        let base = base_path(&app, &request.into_parts().0);
        let document = match base.is_root() {
            true => made.get_or_init(|| make(&base)).clone(),
            false => make(&base),
        };
        ([(CONTENT_TYPE, "application/json")], document)
    };
    Router::new().route("/api/v1/openapi.json", get(serve))
}

fn describe(description: &Description, access: Access, base: &BasePath) -> String {
    let mut document = serde_json::to_value(description).unwrap_or_default();
    if !base.is_root() {
        document["servers"] = json!([{ "url": base.as_str() }]);
    }
    let described = document["paths"].as_object_mut().map(std::mem::take);
    let mut paths = Map::new();
    for (route, mut item) in described.unwrap_or_default() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            tell_of_access(operation, access, method, &route);
            tell_of_refusals(operation);
            let parameters = operation.get_mut("parameters");
            let parameters = parameters.and_then(Value::as_array_mut);
            parameters.into_iter().flatten().for_each(deny_null);
        }
        // The router writes a parameter that spans segments as `{*path}`; OpenAPI knows only `{path}`.
        paths.insert(route.replace("{*", "{"), item);
    }
    document["paths"] = paths.into();
    document["components"]["responses"] = refusals();
    document["components"]["securitySchemes"] = json!({
        "token": { "type": "http", "scheme": "bearer", "description": "An API token, made on the account's page" },
    });
    document.to_string()
}

/// How one is let in; where everybody is, nothing has to be shown.
fn tell_of_access(operation: &mut Value, access: Access, method: &str, route: &str) {
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap_or_default();
    operation["security"] = match is_for_everybody(access, &method, route) {
        true => json!([{ "token": [] }, {}]),
        false => json!([{ "token": [] }]),
    };
}

fn tell_of_refusals(operation: &mut Value) {
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    for (status, ..) in REFUSALS {
        let reference = format!("#/components/responses/{status}");
        responses
            .entry(*status)
            .or_insert(json!({ "$ref": reference }));
    }
}

fn refusals() -> Value {
    let response = |(status, description, header): &(&str, &str, Option<&str>)| {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let content = json!({ "application/problem+json": { "schema": schema } });
        let mut response = json!({ "description": description, "content": content });
        if let Some(header) = header {
            let always = json!({ "required": true, "schema": { "type": "string" } });
            response["headers"] = json!({ *header: always });
        }
        (status.to_string(), response)
    };
    REFUSALS.iter().map(response).collect()
}

/// An `Option` is a parameter that can be left out; none of them can say "null".
fn deny_null(parameter: &mut Value) {
    if let Some(kind) = parameter.pointer_mut("/schema/type")
        && kind[1] == "null"
    {
        *kind = kind[0].take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document_where(access: Access) -> Value {
        let (_, description) = described();
        serde_json::from_str(&describe(&description, access, &BasePath::default())).unwrap()
    }

    fn document() -> Value {
        document_where(Access::Private)
    }

    #[test]
    fn who_has_to_show_a_token_is_as_the_installation_serves() {
        let needs_token = |access, path: &str, method: &str| {
            let document = document_where(access);
            let security = &document["paths"][path][method]["security"];
            assert_eq!(security[0], json!({ "token": [] }));
            security[1] != json!({})
        };
        let files = "/api/v1/files/{path}";
        for method in ["get", "head", "put", "delete"] {
            assert!(needs_token(Access::Private, files, method));
            assert!(!needs_token(Access::Open, files, method));
        }
        assert!(!needs_token(Access::PublicRead, files, "get"));
        assert!(needs_token(Access::PublicRead, files, "put"));
    }

    #[test]
    fn parameters_are_left_out_but_never_null() {
        let document = document();
        let get = &document["paths"]["/api/v1/files/{path}"]["get"];
        let range = &get["parameters"][1];
        assert_eq!(range["name"], "Range");
        assert_eq!(range["required"], false);
        assert_eq!(range["schema"], json!({ "type": "string" }));
    }

    #[test]
    fn what_narrows_a_search_is_named_as_it_is_read() {
        let document = document();
        let words = |schema: &str| document["components"]["schemas"][schema]["enum"].clone();
        assert_eq!(words("Class"), json!(Class::ALL.map(Class::word)));
        assert_eq!(
            words("SizeClass"),
            json!(SizeClass::ALL.map(SizeClass::word))
        );
    }

    #[test]
    fn storing_a_file_names_its_headers_and_every_way_to_fail() {
        let put = &document()["paths"]["/api/v1/files/{path}"]["put"];
        for status in [
            200, 201, 400, 401, 403, 408, 412, 413, 414, 415, 421, 429, 431, 500, 503, 507,
        ] {
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
    fn everything_that_is_referred_to_is_there() {
        let document = document();
        let report = &document["paths"]["/api/v1/persistence"]["get"]["responses"]["200"];
        let schema = &report["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/Persistence");
        let text = document.to_string();
        for reference in text.split("\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(
                document.pointer(pointer).is_some_and(Value::is_object),
                "{pointer}"
            );
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
