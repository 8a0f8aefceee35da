//! How an upload stands: `HEAD`, and `GET` for its receipt; and its end before time: `DELETE`.

use std::time::{Duration, UNIX_EPOCH};

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;

use super::door::{Door, Told};
use super::{
    UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH, UPLOAD_EXPIRES, UPLOAD_LENGTH, UPLOAD_METADATA,
    UPLOAD_OFFSET, refuse_gone, upload_id,
};
use crate::library::{FilePath, Outcome, UploadState};
use crate::web::problem::{self, Failure};
use crate::web::state::App;

/// An upload as JSON; no part of the protocol.
#[derive(Serialize)]
pub struct Shown {
    id: String,
    offset: u64,
    length: Option<u64>,
    path: Option<FilePath>,
    /// When it is removed unless bytes arrive before, in milliseconds since the epoch.
    expires_ms: Option<i64>,
    /// Once its file is stored.
    receipt: Option<Told>,
}

/// `HEAD /uploads/{id}`: where to go on.
pub async fn head(app: App, id: String) -> problem::Result {
    let state = state(&app, &id).await?;
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(UPLOAD_OFFSET, state.offset.into());
    match state.length {
        Some(length) => headers.insert(UPLOAD_LENGTH, length.into()),
        None => headers.insert(UPLOAD_DEFER_LENGTH, HeaderValue::from_static("1")),
    };
    as_sent(headers, UPLOAD_METADATA, state.metadata.as_deref());
    as_sent(headers, UPLOAD_CONCAT, state.concat.as_deref());
    expires(headers, &state);
    Ok(response)
}

/// `GET /uploads/{id}`: the same for programs, with the receipt once there is one.
pub async fn get(app: App, door: &Door, id: String) -> problem::Result {
    let state = state(&app, &id).await?;
    let shown = Shown {
        id: state.id.simple().to_string(),
        offset: state.offset,
        length: state.length,
        path: state.path.filter(|_| door.tells_where()),
        expires_ms: matches!(state.outcome, Outcome::Open).then_some(state.expires_ms),
        receipt: match state.outcome {
            Outcome::Stored(receipt) => Some(door.told(receipt)),
            Outcome::Open | Outcome::Gone(_) => None,
        },
    };
    let headers = [(CACHE_CONTROL, "no-store")];
    Ok((headers, Json(shown)).into_response())
}

/// `DELETE /uploads/{id}`: ends an upload. The file of a complete one stays: it is the library's,
/// and has a trash of its own.
pub async fn delete(app: App, id: String) -> problem::Result {
    let id = upload_id(&id)?;
    let ended = app.run(move |library| {
        let before = library.upload_state(id)?;
        library.terminate_upload(id)?;
        Ok(before)
    });
    refuse_gone(&ended.await?)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn state(app: &App, id: &str) -> Result<UploadState, Failure> {
    let id = upload_id(id)?;
    // Not with the look-ups: an upload that is complete but not stored is stored now.
    let state = app.run(move |library| library.upload_state(id)).await?;
    refuse_gone(&state)?;
    Ok(state)
}

/// Says when an unfinished upload is removed.
pub fn expires(headers: &mut HeaderMap, state: &UploadState) {
    if !matches!(state.outcome, Outcome::Open) {
        return;
    }
    let since = Duration::from_millis(state.expires_ms.max(0).unsigned_abs());
    let date = httpdate::fmt_http_date(UNIX_EPOCH + since);
    as_sent(headers, UPLOAD_EXPIRES, Some(&date));
}

pub fn as_sent(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
        headers.insert(name, value);
    }
}
