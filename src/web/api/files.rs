//! `/api/v1/files/<path>`: contents by path, for `curl` and programs.

use axum::Json;
use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;

use crate::error::{Error, Kind, Result};
use crate::library::{Entry, FilePath, Library, NewFile, Precondition, Receipt};
use crate::web::conditions::{Conditions, Validators, Verdict};
use crate::web::digest_fields::announced;
use crate::web::download::{self, Asked};
use crate::web::input::Path;
use crate::web::legacy_digests::{self, Verified};
use crate::web::pages::encode;
use crate::web::patience::body_error;
use crate::web::problem::{self, Failure, Problem};
use crate::web::receive::{self, Incoming, refuse_larger};
use crate::web::state::App;

/// Stores a file
///
/// The body is the content. A path that is taken gets a new version. With `Repr-Digest` or
/// `Content-Digest` (RFC 9530, sha-256) a content that arrives altered is refused; so it is with the
/// older `Content-MD5`, `Digest` and `OC-Checksum`. Whatever is refused leaves nothing behind.
#[utoipa::path(
    put,
    path = "/api/v1/files/{*path}",
    operation_id = "storeFile",
    tag = "files",
    params(
        ("path" = String, Path, description = "Such as `reports/2026/q3.pdf`"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if nothing is at the path"),
        ("If-Match" = Option<String>, Header, description = "Only if the current content has one of these entity tags"),
        ("Repr-Digest" = Option<String>, Header, description = "`sha-256=:BASE64:` of the content; sha-256 must be among the algorithms"),
        ("Content-Digest" = Option<String>, Header, description = "As `Repr-Digest`: contents are sent without coding, so that both mean the same bytes"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 201, body = Receipt, description = "A new file, durably stored", headers(
            ("ETag" = String, description = "The SHA-256 in quotes"),
            ("Location" = String, description = "Where the content is"),
        )),
        (status = 200, body = Receipt, description = "A new version of a file, durably stored", headers(
            ("ETag" = String, description = "The SHA-256 in quotes"),
        )),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The path, a header or the body is malformed, or the content is not the one announced"),
        (status = 408, body = Problem, content_type = "application/problem+json", description = "The body stopped arriving"),
        (status = 412, body = Problem, content_type = "application/problem+json", description = "The condition does not hold"),
        (status = 413, body = Problem, content_type = "application/problem+json", description = "Larger than this installation accepts"),
        (status = 415, body = Problem, content_type = "application/problem+json", description = "The content is coded"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "The stores are not open yet, or busy; try again"),
        (status = 507, body = Problem, content_type = "application/problem+json", description = "The disk is full"),
    )
)]
pub async fn put(
    app: App,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> problem::Result {
    refuse_what_is_no_plain_content(&headers)?;
    refuse_larger(announced_length(&headers), app.config().max_upload)?;
    let file = NewFile {
        path: FilePath::parse(&path)?,
        precondition: Conditions::of(&headers).of_a_put()?,
        expected: announced(&headers)?,
        keep_both: false,
    };
    let checks = legacy_digests::announced(&headers)?;
    refuse_early(&app, &file).await?;
    let chunks = body.into_data_stream().map_err(body_error);
    let chunks = Verified::new(chunks, checks);
    let incoming = Incoming::new(chunks, app.config().max_upload);
    let mut incoming = incoming.announced(announced_length(&headers));
    let receipt = receive::store(&app, &mut incoming, file).await?;
    Ok(stored(receipt))
}

/// Gives a file's content
///
/// Honours ranges and conditions (RFC 9110).
#[utoipa::path(
    method(get, head),
    path = "/api/v1/files/{*path}",
    operation_id = "getFile",
    tag = "files",
    params(
        ("path" = String, Path, description = "Such as `reports/2026/q3.pdf`"),
        ("Range" = Option<String>, Header, description = "`bytes=…`, one or several ranges"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of contents that the client has"),
    ),
    responses(
        (status = 200, content_type = "*/*", description = "The content", headers(
            ("ETag" = String, description = "The SHA-256 in quotes"),
            ("Repr-Digest" = String, description = "RFC 9530"),
        )),
        (status = 206, content_type = "*/*", description = "The ranges asked for"),
        (status = 304, description = "The client has it"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The path is malformed"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such file"),
        (status = 412, body = Problem, content_type = "application/problem+json", description = "The condition does not hold"),
        (status = 416, body = Problem, content_type = "application/problem+json", description = "None of the ranges is in the content"),
    )
)]
pub async fn get(
    app: App,
    method: Method,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> problem::Result {
    let path = FilePath::parse(&path)?;
    let asked = Asked::new(&method, &headers);
    download::answer(&app, asked, move |library| library.content_at(&path)).await
}

/// Moves a file to the trash
#[utoipa::path(
    delete,
    path = "/api/v1/files/{*path}",
    operation_id = "trashFile",
    tag = "files",
    params(("path" = String, Path, description = "Such as `reports/2026/q3.pdf`")),
    responses(
        (status = 200, body = Entry, description = "It is in the trash, from where its id restores it"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The path is malformed"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such file"),
        (status = 412, body = Problem, content_type = "application/problem+json", description = "The condition does not hold"),
        (status = 507, body = Problem, content_type = "application/problem+json", description = "The disk is full"),
    )
)]
pub async fn delete(
    app: App,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> problem::Result<Json<Entry>> {
    let path = FilePath::parse(&path)?;
    let conditions = Conditions::of(&headers);
    let entry = app.run(move |library| {
        let entry = library.entry_at(&path)?;
        match conditions.weigh(&Validators::new(entry.sha256, entry.modified_ms)) {
            Verdict::Proceed => library.trash(entry.id),
            Verdict::NotModified | Verdict::Failed => Err(not_as_named(&path)),
        }
    });
    Ok(Json(entry.await?))
}

/// We keep what we are sent: a coded or partial content would be stored as something that
/// its sender did not mean.
fn refuse_what_is_no_plain_content(headers: &HeaderMap) -> Result<(), Failure> {
    if headers.contains_key(CONTENT_RANGE) {
        let sentence = "A PUT stores whole files; send the content without Content-Range.";
        return Err(Error::invalid(sentence).into());
    }
    match headers.get(CONTENT_ENCODING) {
        Some(coding) if coding != "identity" => Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Contents are stored as they arrive; send the file without Content-Encoding.",
        )),
        _ => Ok(()),
    }
}

fn announced_length(headers: &HeaderMap) -> u64 {
    headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

/// A precondition that fails already saves its client the body. What counts is checked again
/// when the upload is committed.
async fn refuse_early(app: &App, file: &NewFile) -> Result<()> {
    if file.precondition == Precondition::None {
        return Ok(());
    }
    let (path, precondition) = (file.path.clone(), file.precondition.clone());
    app.run(move |library| {
        if holds(library, &path, &precondition)? {
            Ok(())
        } else {
            Err(not_as_named(&path))
        }
    })
    .await
}

fn holds(library: &Library, path: &FilePath, precondition: &Precondition) -> Result<bool> {
    match library.entry_at(path) {
        Ok(entry) => Ok(precondition.holds(Some(&entry))),
        Err(error) if error.kind() == Kind::NotFound => Ok(precondition.holds(None)),
        Err(error) => Err(error),
    }
}

fn not_as_named(path: &FilePath) -> Error {
    Error::new(
        Kind::Precondition,
        format!(
            "What is at \"{path}\" now is not what the request's condition names; nothing was changed."
        ),
    )
}

fn stored(receipt: Receipt) -> Response {
    let mut headers = HeaderMap::new();
    let mut set = |name, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    set(ETAG, format!("\"{}\"", receipt.sha256));
    let status = if receipt.version == 1 {
        set(
            LOCATION,
            format!("/api/v1/files/{}", encode(receipt.path.as_str())),
        );
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    (status, headers, Json(receipt)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(version: u32) -> Receipt {
        Receipt {
            id: 7,
            path: FilePath::parse("año/a b.txt").unwrap(),
            version,
            size: 0,
            sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
                .parse()
                .unwrap(),
            sequence: 1,
            boot: 1,
            time: "2026-01-01T00:00:00Z".into(),
        }
    }

    #[test]
    fn a_new_file_has_a_place_and_a_new_version_only_a_tag() {
        let new = stored(receipt(1));
        assert_eq!(new.status(), StatusCode::CREATED);
        assert_eq!(new.headers()[LOCATION], "/api/v1/files/a%C3%B1o/a%20b.txt");
        let version = stored(receipt(2));
        assert_eq!(version.status(), StatusCode::OK);
        assert!(!version.headers().contains_key(LOCATION));
        assert!(
            version.headers()[ETAG]
                .to_str()
                .unwrap()
                .starts_with("\"e3b0c442")
        );
    }

    #[test]
    fn only_plain_contents_are_stored() {
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            refuse_what_is_no_plain_content(&headers).map_err(|failure| failure.status())
        };
        assert_eq!(
            with("content-encoding", "gzip"),
            Err(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        );
        assert_eq!(
            with("content-range", "bytes 0-1/2"),
            Err(StatusCode::BAD_REQUEST)
        );
        assert_eq!(with("content-encoding", "identity"), Ok(()));
    }
}
