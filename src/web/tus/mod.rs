//! Resumable uploads at `/uploads`, by the tus protocol 1.0.0
//! (<https://tus.io/protocols/resumable-upload>), with the extensions that [`EXTENSIONS`] names.
//!
//! Any process that shares the directory takes any request of any upload. The answer to the
//! request that completes one is given after its file is durable and catalogued, like that to
//! a plain PUT.

mod append;
mod checksum;
mod create;
mod door;
mod fields;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod look;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::header::ALLOW;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use super::input::Path;
use super::problem::{self, Failure};
use super::state::App;
use crate::error::Error;
use crate::library::{Outcome, UploadId, UploadState};

pub use door::{Door, Dropping};

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: HeaderValue = HeaderValue::from_static(
    "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination,concatenation",
);

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// The methods that each of the two addresses takes.
const ON_ALL: HeaderValue = HeaderValue::from_static("OPTIONS, POST");
const ON_ONE: HeaderValue = HeaderValue::from_static("OPTIONS, HEAD, GET, PATCH, DELETE");

pub fn router() -> Router<App> {
    let routes = Router::new()
        .route("/uploads", any(all))
        // Some clients add the slash themselves.
        .route("/uploads/", any(all))
        .route("/uploads/{id}", any(one));
    speaking(routes)
}

/// The same, for whatever else leads to them.
pub fn speaking(routes: Router<App>) -> Router<App> {
    routes.layer(from_fn(speak))
}

async fn all(app: App, method: Method, headers: HeaderMap, body: Body) -> problem::Result {
    answer_all(app, Door::Library, method, headers, body).await
}

async fn one(
    app: App,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> problem::Result {
    answer_one(app, Door::Library, id, method, headers, body).await
}

/// `/uploads`.
pub async fn answer_all(
    app: App,
    door: Door,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> problem::Result {
    let answer = match method {
        Method::POST => create::create(app, &door, headers, body).await,
        Method::OPTIONS => Ok(options(&app, ON_ALL)),
        _ => Ok(wrong_method(ON_ALL)),
    };
    answer.map_err(|failure| door.refusal(failure))
}

/// `/uploads/{id}`.
pub async fn answer_one(
    app: App,
    door: Door,
    id: String,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> problem::Result {
    let answer = match method {
        Method::HEAD => look::head(app, id).await,
        Method::GET => look::get(app, &door, id).await,
        Method::PATCH => append::patch(app, &door, id, headers, body).await,
        Method::DELETE => look::delete(app, id).await,
        Method::OPTIONS => Ok(options(&app, ON_ONE)),
        _ => Ok(wrong_method(ON_ONE)),
    };
    answer.map_err(|failure| door.refusal(failure))
}

fn wrong_method(takes: HeaderValue) -> Response {
    ([(ALLOW, takes)], super::wrong_method()).into_response()
}

/// The method that a request means, for clients and proxies that know no others than GET and POST;
/// whatever its own is (<https://tus.io/protocols/resumable-upload#x-http-method-override>).
///
/// Invariant: it is asked for before anybody is admitted, so what is allowed is what is meant.
pub fn meant_method(request: &Parts) -> Option<Method> {
    let route = request.extensions.get::<MatchedPath>()?.as_str();
    if !route.ends_with("/uploads") && !route.ends_with("/uploads/{id}") {
        return None;
    }
    let meant = request.headers.get(METHOD_OVERRIDE)?;
    Method::from_bytes(meant.as_bytes()).ok()
}

/// Refuses requests of another version of the protocol, and names ours in every answer.
async fn speak(request: Request, next: Next) -> Response {
    // A GET is no part of the protocol, and an OPTIONS is how a client learns the version.
    let is_free = matches!(*request.method(), Method::GET | Method::OPTIONS);
    let version = request.headers().get(TUS_RESUMABLE);
    let mut response = if is_free || version == Some(&VERSION) {
        next.run(request).await
    } else {
        let refusal = Failure::new(
            StatusCode::PRECONDITION_FAILED,
            "This server speaks version 1.0.0 of the tus protocol; say so with Tus-Resumable: 1.0.0.",
        );
        ([(TUS_VERSION, VERSION)], refusal).into_response()
    };
    response.headers_mut().insert(TUS_RESUMABLE, VERSION);
    response
}

/// What this server understands.
fn options(app: &App, takes: HeaderValue) -> Response {
    let algorithms = HeaderValue::from_static(checksum::ALGORITHMS);
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(TUS_VERSION, VERSION);
    headers.insert(TUS_EXTENSION, EXTENSIONS);
    headers.insert(TUS_CHECKSUM_ALGORITHM, algorithms);
    headers.insert(ALLOW, takes);
    if let Some(most) = app.config().max_upload {
        headers.insert(TUS_MAX_SIZE, most.into());
    }
    response
}

/// An id from an address; what cannot be one names nothing.
fn upload_id(text: &str) -> Result<UploadId, Failure> {
    let id = Some(text).filter(|text| text.len() == 32);
    id.and_then(|text| UploadId::try_parse(text).ok())
        .ok_or_else(|| Error::not_found("There is no such upload.").into())
}

/// Nothing can be asked of an upload that ended without a file.
fn refuse_gone(state: &UploadState) -> Result<(), Failure> {
    match state.outcome {
        Outcome::Gone(sentence) => Err(Failure::new(StatusCode::GONE, sentence)),
        Outcome::Open | Outcome::Stored(_) => Ok(()),
    }
}
