//! Creation: `POST /uploads`, with the first bytes or without.

use axum::Json;
use axum::body::{Body, HttpBody};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;

use super::append::{self, OFFSET_OCTET_STREAM, is_offset_octet_stream};
use super::checksum::{self, Checksum};
use super::fields::{Asked, number};
use super::look::{as_sent, expires};
use super::{Door, UPLOAD_CONCAT, UPLOAD_OFFSET};
use crate::library::{NewUpload, Outcome, Purpose, UploadId, UploadState};
use crate::web::patience::body_error;
use crate::web::problem::{self, Failure};
use crate::web::receive::{self, Incoming, refuse_larger};
use crate::web::state::App;

/// A content of at most this many bytes that comes whole with its creation is stored without
/// being staged in pieces first.
const WHOLE: u64 = 8 << 20;

/// `POST /uploads`: 201 with the upload's place; a complete one has its receipt as the body.
pub async fn create(app: App, door: &Door, headers: HeaderMap, body: Body) -> problem::Result {
    let Asked { new, parts } = door.lead(Asked::read(&headers)?)?;
    refuse_larger(new.length.unwrap_or(0), app.config().max_upload)?;
    if let Some(parts) = parts {
        return join(&app, &headers, new, parts).await;
    }
    let sent = Sent::read(&headers, &body)?;
    if let Some(state) = known(&app, &new).await? {
        sent.discard(body).await?;
        return Ok(created(state, Came::Bytes, door));
    }
    door.pass(&app, &new).await?;
    let (state, came) = match sent {
        Sent::All(length) if is_whole(&new, length) => {
            (whole(&app, &headers, new, body).await?, Came::Bytes)
        }
        Sent::Nothing => {
            let begun = app.run(|library| library.begin_upload(new)).await?;
            (begun, Came::Nothing)
        }
        Sent::All(_) | Sent::Some => (begin_with(&app, &headers, new, body).await?, Came::Bytes),
    };
    Ok(created(state, came, door))
}

/// An upload out of others, named as they were written.
async fn join(
    app: &App,
    headers: &HeaderMap,
    new: NewUpload,
    (parts, concat): (Vec<UploadId>, String),
) -> problem::Result {
    if !matches!(number(headers, &CONTENT_LENGTH)?, None | Some(0)) {
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "An upload that is joined from others takes no bytes of its own; send none.",
        ));
    }
    let most = app.config().max_upload;
    let joined = app.run(move |library| library.join_uploads(&parts, concat, new, most));
    Ok(created(joined.await?, Came::Nothing, &Door::Library))
}

/// What a creation brings along.
enum Sent {
    Nothing,
    /// That many bytes.
    All(u64),
    /// As many as come.
    Some,
}

impl Sent {
    fn read(headers: &HeaderMap, body: &Body) -> Result<Self, Failure> {
        let is_typed = is_offset_octet_stream(headers);
        let sent = match number(headers, &CONTENT_LENGTH)? {
            Some(0) => Self::Nothing,
            Some(length) => Self::All(length),
            None if body.is_end_stream() => Self::Nothing,
            None if is_typed => Self::Some,
            // Some clients announce chunks and send none.
            None => Self::Nothing,
        };
        if matches!(sent, Self::Nothing) || is_typed {
            return Ok(sent);
        }
        let got = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "The first bytes of an upload are sent as {OFFSET_OCTET_STREAM}, not as {}.",
                got.unwrap_or("nothing in particular")
            ),
        ))
    }

    /// Reads a small body that is not needed, so that the connection stays in step.
    async fn discard(self, body: Body) -> Result<(), Failure> {
        match self {
            Self::All(length) if length <= WHOLE => {
                let mut chunks = body.into_data_stream();
                while chunks.try_next().await.map_err(body_error)?.is_some() {}
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn is_whole(new: &NewUpload, length: u64) -> bool {
    matches!(new.purpose, Purpose::File(_)) && new.length == Some(length) && length <= WHOLE
}

async fn known(app: &App, new: &NewUpload) -> Result<Option<UploadState>, Failure> {
    let Some(key) = new.key.clone() else {
        return Ok(None);
    };
    let found = app.run(move |library| library.upload_with_key(&key));
    Ok(found.await?)
}

/// Stores a content that comes whole.
async fn whole(
    app: &App,
    headers: &HeaderMap,
    new: NewUpload,
    body: Body,
) -> Result<UploadState, Failure> {
    let checksum = Checksum::announced(headers)?;
    let length = new.length.unwrap_or(0);
    let chunks = body.into_data_stream().map_err(body_error);
    let incoming = Incoming::new(chunks, new.length).announced(length);
    let mut incoming = incoming.into_folder(new.purpose.folder());
    let state = receive::receive(app, &mut incoming, move |library, upload| {
        if let Some(mut checksum) = checksum {
            upload.read_all(|bytes| {
                checksum.update(bytes);
                Ok(())
            })?;
            if !checksum.holds() {
                return Ok(None);
            }
        }
        library.add_whole(upload, new).map(Some)
    });
    let state = state.await?.ok_or_else(checksum::mismatch)?;
    app.metrics().stored(length);
    Ok(state)
}

/// Begins an upload and adds the first bytes of it.
async fn begin_with(
    app: &App,
    headers: &HeaderMap,
    new: NewUpload,
    body: Body,
) -> Result<UploadState, Failure> {
    let state = app.run(|library| library.begin_upload(new)).await?;
    let piece = append::Piece::read(headers, state.offset)?;
    append::add(app, state.id, piece, body).await
}

/// Whether an answer tells how many bytes have arrived.
#[derive(PartialEq)]
enum Came {
    Bytes,
    Nothing,
}

fn created(state: UploadState, came: Came, door: &Door) -> Response {
    let mut response = match &state.outcome {
        Outcome::Stored(receipt) => {
            (StatusCode::CREATED, Json(door.told(receipt.clone()))).into_response()
        }
        Outcome::Open | Outcome::Gone(_) => StatusCode::CREATED.into_response(),
    };
    let headers = response.headers_mut();
    if let Ok(place) = door.location(state.id).try_into() {
        headers.insert(LOCATION, place);
    }
    if came == Came::Bytes || state.offset > 0 {
        headers.insert(UPLOAD_OFFSET, state.offset.into());
    }
    as_sent(headers, UPLOAD_CONCAT, state.concat.as_deref());
    expires(headers, &state);
    response
}
