//! Errors on their way to a client: the one mapping from kinds to statuses, as RFC 9457 problem
//! details for programs and as a plain page for people.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Kind};

/// A request that failed. Handlers answer `Result<_, Failure>` and use `?`.
///
/// As a response it is only a status with the failure attached: whoever knows the request,
/// [`render`], gives it the body that its client prefers.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    sentence: Cow<'static, str>,
    cause: Option<Error>,
    /// See [`Problem::failures`].
    failures: Option<serde_json::Value>,
}

pub type Result<T = Response, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure that is about HTTP alone; others come from an [`Error`].
    pub fn new(status: StatusCode, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            sentence: sentence.into(),
            cause: None,
            failures: None,
        }
    }

    /// Tells a program of each part that failed.
    pub fn with_failures(mut self, failures: impl Serialize) -> Self {
        self.failures = serde_json::to_value(failures).ok();
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The same, as `change` makes it of its error, if it comes from one.
    pub fn changed(self, change: impl FnOnce(Error) -> Error) -> Self {
        match self.cause {
            Some(error) => change(error).into(),
            None => self,
        }
    }

    /// What the client is told.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// Writes what the client is not told to the log, under the current request's span.
    pub fn log(&self) {
        let Some(error) = &self.cause else { return };
        match error.kind() {
            Kind::Internal | Kind::Damaged => {
                tracing::error!(kind = ?error.kind(), cause = causes(error), "{error}");
            }
            Kind::NoSpace => tracing::warn!(cause = causes(error), "{error}"),
            kind => tracing::debug!(?kind, cause = causes(error), "{error}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let sentence = match error.kind() {
            Kind::Internal => {
                "Something went wrong on this side; it is logged under the request id.".into()
            }
            Kind::Damaged => "What is stored here is damaged, and is logged under the request id; \
                 whoever runs this installation finds more with `wharfside check --deep`."
                .into(),
            _ => error.sentence().to_owned().into(),
        };
        Self {
            status: status(error.kind()),
            sentence,
            cause: Some(error),
            failures: None,
        }
    }
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden | Kind::Unconfirmed => StatusCode::FORBIDDEN,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Precondition => StatusCode::PRECONDITION_FAILED,
        Kind::Busy => StatusCode::LOCKED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Stalled => StatusCode::REQUEST_TIMEOUT,
        Kind::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
        Kind::Unavailable | Kind::Incompatible => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Damaged | Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn causes(error: &Error) -> Option<String> {
    let first = std::error::Error::source(error)?;
    let chain = std::iter::successors(Some(first), |cause| cause.source());
    Some(
        chain
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": "),
    )
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Some(seconds) = self.cause.as_ref().and_then(Error::retry_after) {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// An RFC 9457 problem.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: String,
    pub status: u16,
    /// One sentence: what was wrong and what would be right.
    pub detail: String,
    /// Path of the request.
    pub instance: String,
    /// Under which the installation's log tells more.
    pub request_id: String,
    /// Of an upload of several files: why each was not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub failures: Option<serde_json::Value>,
}

/// What must be known of a request to answer its failure.
pub struct Asked {
    pub uri: Uri,
    pub wants_page: bool,
}

impl Asked {
    pub fn new(uri: &Uri, headers: &HeaderMap) -> Self {
        let api = uri.path().starts_with("/api/");
        Self {
            uri: uri.clone(),
            wants_page: !api && prefers_html(headers),
        }
    }
}

/// Gives a failed response its body, and logs what caused it; other responses pass unchanged.
pub fn render(response: Response, asked: &Asked, request_id: &str) -> Response {
    let status = response.status();
    let failure = response.extensions().get::<Arc<Failure>>().cloned();
    let failure = match failure {
        Some(failure) => {
            failure.log();
            failure
        }
        None if bare_error(&response) => Arc::new(Failure::new(status, explain(status))),
        None => return response,
    };
    let title = status.canonical_reason().unwrap_or("Error");
    let body = if asked.wants_page {
        super::pages::error::render(status, title, &failure.sentence, request_id)
    } else {
        problem_json(&failure, title, asked, request_id)
    };
    let (mut parts, _) = response.into_parts();
    let (rendered, body) = body.into_parts();
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    parts.headers.extend(rendered.headers);
    parts.extensions.extend(rendered.extensions);
    Response::from_parts(parts, body)
}

fn problem_json(failure: &Failure, title: &str, asked: &Asked, id: &str) -> Response {
    let status = failure.status;
    let problem = Problem {
        kind: "about:blank",
        title: title.to_owned(),
        status: status.as_u16(),
        detail: failure.sentence.clone().into_owned(),
        instance: asked.uri.path().to_owned(),
        request_id: id.to_owned(),
        failures: failure.failures.clone(),
    };
    // The address in it may be a secret.
    let mut response = (status, [(CACHE_CONTROL, "no-store")], Json(problem)).into_response();
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    response
}

/// An error that the framework made by itself: plain text or nothing, and no failure attached.
fn bare_error(response: &Response) -> bool {
    let status = response.status();
    let plain = response
        .headers()
        .get(CONTENT_TYPE)
        .is_none_or(|value| value.as_bytes().starts_with(b"text/plain"));
    (status.is_client_error() || status.is_server_error()) && plain
}

fn explain(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is nothing at this address.",
        StatusCode::METHOD_NOT_ALLOWED => {
            "This address does not take that method; the Allow header lists those it takes."
        }
        StatusCode::PAYLOAD_TOO_LARGE => "The body is larger than this address accepts.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "This address does not take a body of that type.",
        status if status.is_client_error() => "The request could not be understood.",
        _ => "Something went wrong on this side; it is logged under the request id.",
    }
}

/// Whether `Accept` puts `text/html` before JSON. Programs that accept anything (`*/*`) or say
/// nothing get JSON.
pub fn prefers_html(headers: &HeaderMap) -> bool {
    let (mut html, mut json) = (0.0_f32, 0.0_f32);
    for value in headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
    {
        for range in value.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts
                .find_map(|parameter| parameter.strip_prefix("q="))
                .map_or(1.0, |q| q.parse().unwrap_or(0.0));
            match media.as_str() {
                "text/html" | "application/xhtml+xml" => html = html.max(quality),
                "application/json" | "application/problem+json" => json = json.max(quality),
                _ => {}
            }
        }
    }
    html > 0.0 && html >= json
}
