//! Extractors whose refusals are sentences: path, query and JSON of a request.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::patience;
use super::problem::Failure;
use crate::error::Error;

/// Largest JSON document that is read, in bytes.
const MAX_JSON_BYTES: usize = 1 << 20;

/// The variable parts of the address.
pub struct Path<T>(pub T);

/// The query string, every parameter known.
pub struct Query<T>(pub T);

/// A JSON body, an object.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(reason)) => {
                Err(misread(reason.into_kind()).into())
            }
            Err(other) => Err(Failure::from(
                Error::internal("A route without parameters asks for some.").because(other),
            )),
        }
    }
}

fn misread(kind: ErrorKind) -> Error {
    Error::invalid(match kind {
        ErrorKind::ParseErrorAtKey { value, .. }
        | ErrorKind::ParseErrorAtIndex { value, .. }
        | ErrorKind::ParseError { value, .. } => {
            format!("\"{value}\" in the address is no id; an id is a whole number below 2^63.")
        }
        ErrorKind::InvalidUtf8InPathParam { .. } => {
            "The address is not valid UTF-8 once its percent signs are decoded.".to_owned()
        }
        other => format!("The address is not understood: {other}."),
    })
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(QueryRejection::FailedToDeserializeQueryString(reason)) => {
                let reason = std::error::Error::source(&reason)
                    .map_or_else(|| reason.body_text(), ToString::to_string);
                Err(Error::invalid(format!("The query is not understood: {reason}.")).into())
            }
            Err(other) => {
                Err(Error::invalid(format!("The query is not understood: {other}.")).into())
            }
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        if !is_json(request.headers()) {
            return Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be JSON, sent as Content-Type: application/json.",
            ));
        }
        let bytes = patience::collect(request.into_body(), MAX_JSON_BYTES).await?;
        if !begins_an_object(&bytes) {
            let sentence = "The body must be one JSON object, which begins with a brace.";
            return Err(Error::invalid(sentence).into());
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|reason| {
            Error::invalid(format!("The JSON is not understood: {reason}.")).into()
        })
    }
}

/// An array of values without their names would be read as well.
fn begins_an_object(json: &[u8]) -> bool {
    json.trim_ascii_start().starts_with(b"{")
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|media| media.trim().to_ascii_lowercase())
        .is_some_and(|media| media == "application/json" || media.ends_with("+json"))
}
