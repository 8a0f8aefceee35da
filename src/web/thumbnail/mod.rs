//! `/thumbnail/{id}`: small pictures of files, made when somebody first looks.

mod making;

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, LAST_MODIFIED,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use utoipa::IntoParams;

pub use making::Thumbnails;

use super::conditions::{Conditions, Validators, Verdict};
use super::disposition::CONTENT_POLICY;
use super::download::set;
use super::input::{Path, Query};
use super::problem::{self, Failure, Problem};
use super::state::App;
use crate::error::{Error, Kind, Result};
use crate::library::{FileId, Library, Picture, Stored, Thumbnail, can_have_thumbnail};
use crate::store::Digest;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// The current one when it is absent.
    #[param(maximum = 4294967295u32)]
    version: Option<u32>,
}

/// Where the thumbnail of a file's version is, if there can be one.
pub fn address(id: FileId, version: u32, media_type: &str) -> Option<String> {
    can_have_thumbnail(media_type).then(|| format!("/thumbnail/{id}?version={version}"))
}

/// Gives a file's thumbnail
///
/// A JPEG or PNG of at most 400 pixels, upright: a picture made smaller, or the first page of a PDF
/// document. It is made when it is first asked for.
#[utoipa::path(
    method(get, head),
    path = "/thumbnail/{id}",
    operation_id = "getThumbnail",
    tag = "files",
    params(
        ("id" = i64, Path),
        Which,
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of thumbnails that the client has"),
    ),
    responses(
        (status = 200, content_type = "image/*", description = "The thumbnail", headers(
            ("ETag" = String, description = "Changes with the content, and with the way thumbnails are made"),
        )),
        (status = 304, description = "The client has it"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such file, or no thumbnail of it, and why"),
        (status = 412, body = Problem, content_type = "application/problem+json", description = "The condition does not hold"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "It is still being made; try again"),
    )
)]
pub async fn get(
    app: App,
    method: Method,
    Path(id): Path<FileId>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> problem::Result {
    let found = app.look(move |library| find(library, id, which.version));
    let (content, known) = found.await?;
    let thumbnail = match known {
        Some(known) => known,
        None => app.thumbnails().make(&app, &content).await?,
    };
    let is_head = method == Method::HEAD;
    respond(&content, thumbnail, &Conditions::of(&headers), is_head)
}

/// The content, and its thumbnail if that is kept.
fn find(
    library: &Library,
    id: FileId,
    version: Option<u32>,
) -> Result<(Stored, Option<Thumbnail>)> {
    let content = library.stored(id, version)?;
    if !can_have_thumbnail(&content.media_type) {
        return Err(Error::not_found(format!(
            "There is no thumbnail of this file, because it is {}; PDF documents and BMP, GIF, ICO, JPEG, PNG, TIFF and WebP pictures have one.",
            content.media_type
        )));
    }
    let known = match library.thumbnail(&content.file_content()) {
        Ok(known) => known,
        // Without the facts store it is made, and not kept.
        Err(error) if error.kind() == Kind::Unavailable => None,
        Err(error) => {
            tracing::warn!(kind = ?error.kind(), %error, "answering without kept thumbnails");
            None
        }
    };
    Ok((content, known))
}

fn respond(
    content: &Stored,
    thumbnail: Thumbnail,
    conditions: &Conditions,
    is_head: bool,
) -> problem::Result {
    let validators = Validators::new(tag(content, thumbnail.maker), content.modified_ms);
    let picture = thumbnail.picture.map_err(Error::not_found)?;
    let mut response = match conditions.weigh(&validators) {
        Verdict::Failed => return Err(changed()),
        Verdict::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Verdict::Proceed => shown(picture, is_head),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let policy = HeaderValue::from_static(CONTENT_POLICY);
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    set(headers, ETAG, validators.etag());
    if let Some(date) = validators.last_modified() {
        set(headers, LAST_MODIFIED, date);
    }
    Ok(response)
}

fn shown(picture: Picture, is_head: bool) -> Response {
    let length = picture.bytes.len();
    let body = match is_head {
        true => Body::empty(),
        false => Body::from(picture.bytes),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static(picture.coding.media_type());
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
    response
}

/// What was made of equal contents in the same way is the same.
fn tag(content: &Stored, maker: u32) -> Digest {
    let made = Sha256::new()
        .chain_update(b"thumbnail")
        .chain_update(maker.to_le_bytes())
        .chain_update(content.sha256.as_bytes());
    Digest::from_bytes(made.finalize().into())
}

fn changed() -> Failure {
    Failure::new(
        StatusCode::PRECONDITION_FAILED,
        "The thumbnail has changed: it is not the one that the request names.",
    )
}
