//! The whole router, asked without a network.

mod router;
mod stored;

use axum::body::Body;
use axum::http::{HeaderMap, Method};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::config::Config;

struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answered {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// An application whose library is not open.
fn app() -> App {
    App::new(Config::from_vars([("ACCESS".to_owned(), "local".to_owned())]).unwrap())
}

async fn ask(app: &App, request: Request) -> Answered {
    let response = router(app.clone()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answered {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

fn request(method: Method, uri: &str, headers: &[(&str, &str)]) -> Request {
    with_body(method, uri, headers, Body::empty())
}

fn with_body(
    method: Method,
    uri: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request {
    let mut request = axum::http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

fn get(uri: &str) -> Request {
    request(Method::GET, uri, &[])
}
