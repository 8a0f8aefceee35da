//! Pieces: `PATCH /uploads/{id}`.
//!
//! Bytes go to disk as they come, one buffer being hashed and written while the next one fills;
//! whatever ends the request, those that came are kept, unless a checksum was announced for them.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio::time::timeout;

use super::checksum::{self, Checksum};
use super::fields::number;
use super::look::expires;
use super::{Door, UPLOAD_LENGTH, UPLOAD_OFFSET, refuse_gone, upload_id};
use crate::error::{Error, Result};
use crate::library::{Library, Outcome, Resumed, UploadId, UploadState, Writing};
use crate::web::digest_fields::{self, REPR_DIGEST};
use crate::web::patience::body_error;
use crate::web::problem::{self, Failure};
use crate::web::receive::refuse_larger;
use crate::web::state::{App, blocking};

pub const OFFSET_OCTET_STREAM: &str = "application/offset+octet-stream";
/// Bytes that cross to the blocking pool together, unless one read brings more: two reads.
const BUFFER: usize = 126 << 10;
/// How long bytes wait for others to cross with: what has not crossed dies with this process.
const LINGER: Duration = Duration::from_millis(10);

/// `PATCH /uploads/{id}`: 204 once the bytes are written; if they are the last, once the file is
/// durable.
pub async fn patch(
    app: App,
    door: &Door,
    id: String,
    headers: HeaderMap,
    body: Body,
) -> problem::Result {
    let id = upload_id(&id)?;
    if !is_offset_octet_stream(&headers) {
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("A piece of an upload is sent as Content-Type: {OFFSET_OCTET_STREAM}."),
        ));
    }
    let offset = number(&headers, &UPLOAD_OFFSET)?.ok_or_else(|| {
        Error::invalid("A piece needs Upload-Offset: how many bytes of the upload lie before it.")
    })?;
    let piece = Piece::read(&headers, offset)?;
    refuse_larger(piece.length.unwrap_or(0), app.config().max_upload)?;
    match add(&app, id, piece, body).await {
        Ok(state) => Ok(answer(&state, door)),
        Err(failure) => {
            let failure = door.refusal(failure);
            Ok(refusal(&app, id, failure).await)
        }
    }
}

/// A piece that is not taken still tells how long the upload is kept.
async fn refusal(app: &App, id: UploadId, failure: Failure) -> Response {
    let mut response = failure.into_response();
    let state = app.run(move |library| library.upload_state(id));
    if let Ok(state) = state.await {
        expires(response.headers_mut(), &state);
    }
    response
}

pub fn is_offset_octet_stream(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(OFFSET_OCTET_STREAM))
}

/// What a request says about its bytes.
pub struct Piece {
    offset: u64,
    bytes: Option<u64>,
    /// Of the whole upload, where it is said only now.
    length: Option<u64>,
    checksum: Option<Checksum>,
}

impl Piece {
    pub fn read(headers: &HeaderMap, offset: u64) -> Result<Self, Failure> {
        Ok(Self {
            offset,
            bytes: number(headers, &CONTENT_LENGTH)?,
            length: number(headers, &UPLOAD_LENGTH)?,
            checksum: Checksum::announced(headers)?,
        })
    }
}

/// Adds a piece to an upload; answers how it stands then.
pub async fn add(
    app: &App,
    id: UploadId,
    piece: Piece,
    body: Body,
) -> Result<UploadState, Failure> {
    let Piece {
        offset,
        bytes,
        length,
        checksum,
    } = piece;
    let resumed = app.run(move |library| library.resume_upload(id, offset, bytes, length));
    let writing = match resumed.await? {
        Resumed::Writing(writing) => writing,
        Resumed::Known(state) => {
            drain(body, checksum).await?;
            return Ok(state);
        }
        Resumed::Closed(state) => {
            refuse_gone(&state)?;
            return Err(Failure::new(
                StatusCode::FORBIDDEN,
                "This upload is joined from its parts; it takes no bytes of its own.",
            ));
        }
    };
    let desk = Desk {
        library: app.library()?,
        writing,
        checksum,
        most: app
            .config()
            .max_upload
            .map(|most| most.saturating_sub(offset)),
    };
    let chunks = body.into_data_stream().map_err(body_error);
    let (desk, came) = desk.write_all(chunks).await?;
    let state = app.blocking(move || Ok(desk.close(came))).await??;
    if let Outcome::Stored(receipt) = &state.outcome {
        app.metrics().stored(receipt.size);
    }
    Ok(state)
}

/// A piece that is known takes its bytes again, so that the connection stays in step.
async fn drain(body: Body, mut checksum: Option<Checksum>) -> Result<(), Failure> {
    let mut chunks = body.into_data_stream().map_err(body_error);
    while let Some(bytes) = chunks.try_next().await? {
        if let Some(checksum) = &mut checksum {
            checksum.update(&bytes);
        }
    }
    match checksum.is_none_or(Checksum::holds) {
        true => Ok(()),
        false => Err(checksum::mismatch()),
    }
}

/// An upload in the hands of a request. While it is worked on, it belongs to the blocking pool,
/// which is where it ends if the request is dropped.
struct Desk {
    library: Library,
    writing: Box<Writing>,
    checksum: Option<Checksum>,
    /// Bytes that this installation takes beyond the offset.
    most: Option<u64>,
}

/// A desk, and how it went.
type Written = (Desk, Result<()>);

impl Desk {
    async fn write_all<S>(self, mut chunks: S) -> Result<Written>
    where
        S: Stream<Item = Result<Bytes>> + Unpin,
    {
        let mut working = blocking(move || Ok(self.begin()));
        loop {
            let (buffer, then) = gather(&mut chunks).await;
            let (desk, written) = working.await?;
            if written.is_err() {
                return Ok((desk, written));
            }
            working = blocking(move || Ok(desk.write(&buffer)));
            match then {
                Then::More => {}
                Then::End => return working.await,
                Then::Broken(error) => {
                    let (desk, written) = working.await?;
                    return Ok((desk, written.and(Err(error))));
                }
            }
        }
    }

    fn begin(mut self) -> Written {
        let begun = match self.checksum {
            Some(_) => self.writing.begin_unverified(),
            None => Ok(()),
        };
        (self, begun)
    }

    fn write(mut self, buffer: &[Bytes]) -> Written {
        let written = buffer.iter().try_for_each(|bytes| {
            let size = bytes.len() as u64;
            if let Err(error) = refuse_larger(size, self.most) {
                return self.writing.reject().and(Err(error));
            }
            self.most = self.most.map(|most| most - size);
            if let Some(checksum) = &mut self.checksum {
                checksum.update(bytes);
            }
            self.writing.append(bytes)
        });
        (self, written)
    }

    /// Puts the upload down, however the request went.
    fn close(mut self, came: Result<()>) -> Result<UploadState, Failure> {
        let is_right = match self.checksum.take() {
            None => true,
            Some(checksum) => came.is_ok() && checksum.holds(),
        };
        match is_right {
            true => self.writing.accept(),
            false => self.writing.reject()?,
        }
        let state = self.library.pause_upload(*self.writing);
        came?;
        match is_right {
            true => Ok(state?),
            false => Err(checksum::mismatch()),
        }
    }
}

enum Then {
    More,
    End,
    Broken(Error),
}

/// The next bytes, as many as cross together. Those before a failure are among them.
async fn gather<S>(chunks: &mut S) -> (Vec<Bytes>, Then)
where
    S: Stream<Item = Result<Bytes>> + Unpin,
{
    let mut buffer = Vec::new();
    let mut bytes = 0;
    while bytes < BUFFER {
        let next = match bytes {
            0 => chunks.next().await,
            _ => match timeout(LINGER, chunks.next()).await {
                Ok(next) => next,
                Err(_) => break,
            },
        };
        match next {
            Some(Ok(chunk)) => {
                bytes += chunk.len();
                buffer.push(chunk);
            }
            Some(Err(error)) => return (buffer, Then::Broken(error)),
            None => return (buffer, Then::End),
        }
    }
    (buffer, Then::More)
}

fn answer(state: &UploadState, door: &Door) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(UPLOAD_OFFSET, state.offset.into());
    expires(headers, state);
    if let Outcome::Stored(receipt) = &state.outcome {
        let place = format!("/api/v1/entries/{}", receipt.id);
        let place = HeaderValue::try_from(place).ok();
        if let Some(place) = place.filter(|_| door.tells_where()) {
            headers.insert(CONTENT_LOCATION, place);
        }
        headers.insert(REPR_DIGEST, digest_fields::field(&receipt.sha256));
    }
    response
}
