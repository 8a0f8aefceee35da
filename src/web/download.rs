//! Downloads: one look-up, one crossing, and every way in which HTTP lets a client ask for less.

use std::iter;
use std::ops::Range;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LAST_MODIFIED, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::conditions::{Conditions, Validators, Verdict};
use super::digest_fields::{self, CONTENT_DIGEST, REPR_DIGEST};
use super::disposition::{CONTENT_POLICY, disposition, viewed};
use super::file_body::{Piece, file_body, length};
use super::input::{Path, Query};
use super::known_facts::known_facts;
use super::metered_body::metered;
use super::preview;
use super::problem::{self, Failure};
use super::range::{Wanted, wanted};
use super::state::App;
use crate::error::Result;
use crate::library::{Content, FileId, Library, LinkDownload, PDF, Share};

/// What a client asks of a content, before the content is known.
pub struct Asked {
    head: bool,
    conditions: Conditions,
    range: Option<String>,
    /// More parts of a content than this are answered with the whole.
    max_parts: usize,
    /// Whether it is for the browser's own viewer.
    is_viewed: bool,
    by_link: Option<ByLink>,
}

/// What is asked for, as conditions and ranges see it.
pub struct Representation {
    pub validators: Validators,
    /// Bytes.
    pub size: u64,
}

impl Representation {
    fn of(content: &Content) -> Self {
        Self {
            validators: Validators::new(content.sha256, content.modified_ms),
            size: content.size,
        }
    }
}

/// A link by which a content is asked for, and from where.
struct ByLink {
    share: Share,
    address: String,
    /// Path of the file, for the log.
    subject: String,
}

impl Asked {
    pub fn new(method: &Method, headers: &HeaderMap) -> Self {
        let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
        Self {
            head: method == Method::HEAD,
            conditions: Conditions::of(headers),
            // A range is defined for GET alone.
            range: range.filter(|_| method == Method::GET).map(str::to_owned),
            max_parts: usize::MAX,
            is_viewed: false,
            by_link: None,
        }
    }

    /// The same by a link, whose uses it takes.
    pub fn by_link(self, share: Share, address: String, subject: String) -> Self {
        Self {
            by_link: Some(ByLink {
                share,
                address,
                subject,
            }),
            ..self
        }
    }

    fn by_a_viewer(self) -> Self {
        Self {
            is_viewed: true,
            ..self
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    version: Option<u32>,
}

/// `GET|HEAD /download/{id}?version=`: the current content, or that of one version.
pub async fn download(
    app: App,
    method: Method,
    Path(id): Path<FileId>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> problem::Result {
    let asked = Asked::new(&method, &headers);
    answer(&app, asked, move |library| {
        library.content(id, which.version)
    })
    .await
}

/// `GET|HEAD /shown/{id}?version=`: a drawing or a document, for the browser's own viewers; any
/// other type as [`download`] answers it.
pub async fn shown(
    app: App,
    method: Method,
    Path(id): Path<FileId>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> problem::Result {
    let asked = Asked::new(&method, &headers).by_a_viewer();
    answer(&app, asked, move |library| {
        library.content(id, which.version)
    })
    .await
}

/// Answers with the content that `find` finds.
pub async fn answer(
    app: &App,
    asked: Asked,
    find: impl FnOnce(&Library) -> Result<Content> + Send + 'static,
) -> problem::Result {
    let sender = app.clone();
    let is_charged = asked.by_link.is_some();
    let work = move |library: &Library| {
        let content = find(library)?;
        let is_document = asked.is_viewed && content.media_type == PDF;
        let facts = match is_document || content.media_type.starts_with("text/") {
            true => known_facts(library, &content.file_content()),
            false => None,
        };
        // A viewer would run what scripts it has.
        let is_closed = is_document && preview::why_closed(facts.as_ref()).is_some();
        let asked = Asked {
            is_viewed: asked.is_viewed && !is_closed,
            ..asked
        };
        let encoding = facts.and_then(|facts| facts.encoding);
        let of = Representation::of(&content);
        asked.charged(&sender, library, &of, || {
            respond(&sender, content, encoding.as_deref(), &asked)
        })
    };
    // Who only looks must not wait for who writes.
    Ok(match is_charged {
        true => app.run(work).await?,
        false => app.look(work).await?,
    })
}

impl Asked {
    pub fn is_head(&self) -> bool {
        self.head
    }

    /// The same for what is answered in so many parts at most; none is the whole.
    pub fn limit_parts(self, max: usize) -> Self {
        Self {
            range: self.range.filter(|_| max > 0),
            max_parts: max,
            ..self
        }
    }

    pub fn verdict(&self, of: &Representation) -> (Verdict, Wanted) {
        let range = self.range.as_deref();
        let range = range.filter(|_| self.conditions.range_holds(&of.validators));
        let wanted = match range.map(|range| wanted(range, of.size)) {
            Some(Wanted::Parts(parts)) if parts.len() > self.max_parts => Wanted::Whole,
            wanted => wanted.unwrap_or(Wanted::Whole),
        };
        (self.conditions.weigh(&of.validators), wanted)
    }

    /// The parts of it that the answer has; none for one without a content.
    fn parts(&self, of: &Representation) -> Option<Vec<Range<u64>>> {
        match self.verdict(of) {
            (Verdict::Proceed, Wanted::Whole) if !self.head => {
                Some(iter::once(0..of.size).collect())
            }
            (Verdict::Proceed, Wanted::Parts(parts)) => Some(parts),
            _ => None,
        }
    }

    /// What `respond` answers, charged to the link that asked, if one did. By one that is used up,
    /// nothing is answered but more of what is part of its last use.
    pub fn charged(
        &self,
        app: &App,
        library: &Library,
        of: &Representation,
        respond: impl FnOnce() -> Result<Response>,
    ) -> Result<Response> {
        let Some(ByLink {
            share,
            address,
            subject,
        }) = &self.by_link
        else {
            return respond();
        };
        let (parts, sha256) = (self.parts(of), of.validators.sha256);
        if share.is_used_up()
            && (parts.is_none() || !library.has_download(share.id, address, &sha256)?)
        {
            return Err(Share::is_over());
        }
        let Some(parts) = parts else {
            return respond();
        };
        let download = LinkDownload {
            share: share.clone(),
            address: address.clone(),
            subject: subject.clone(),
            sha256,
            size: of.size,
        };
        let charge = library.charge_download(&download, &parts)?;
        match respond() {
            Ok(response) => Ok(response.map(|body| metered(app, charge, body))),
            Err(error) => {
                library.refund_download(&charge, charge.bytes)?;
                Err(error)
            }
        }
    }
}

/// The whole answer for a content. Blocks: it reads the beginning of the file.
fn respond(app: &App, content: Content, encoding: Option<&str>, asked: &Asked) -> Result<Response> {
    let of = Representation::of(&content);
    let size = content.size;
    let headers = describe(&content, encoding, &of.validators, asked.is_viewed);
    let (status, body) = match asked.verdict(&of) {
        (Verdict::Failed, _) => return Ok(changed().into_response()),
        (Verdict::NotModified, _) => (StatusCode::NOT_MODIFIED, Body::empty()),
        (Verdict::Proceed, Wanted::Unsatisfiable) => return Ok(beyond(size)),
        (Verdict::Proceed, Wanted::Whole) => return whole(app, content, headers, asked.head),
        (Verdict::Proceed, Wanted::Parts(parts)) => return partial(app, content, headers, &parts),
    };
    let mut response = (status, body).into_response();
    *response.headers_mut() = headers;
    // Neither describes an answer that has no content.
    response.headers_mut().remove(CONTENT_TYPE);
    response.headers_mut().remove(CONTENT_DISPOSITION);
    Ok(response)
}

pub fn changed() -> Failure {
    Failure::new(
        StatusCode::PRECONDITION_FAILED,
        "The file has changed: its content is not the one that the request names.",
    )
}

pub fn beyond(size: u64) -> Response {
    let failure = Failure::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        format!("The range lies beyond the file's end; it has {size} bytes."),
    );
    let mut response = failure.into_response();
    set(
        response.headers_mut(),
        CONTENT_RANGE,
        format!("bytes */{size}"),
    );
    response
}

/// The headers that describe a content, however much of it is sent.
fn describe(
    content: &Content,
    encoding: Option<&str>,
    validators: &Validators,
    is_viewed: bool,
) -> HeaderMap {
    let Content {
        media_type, name, ..
    } = content;
    let viewed = is_viewed.then(|| viewed(media_type, name)).flatten();
    let (shown, policy) =
        viewed.unwrap_or_else(|| (disposition(media_type, encoding, name), CONTENT_POLICY));
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(CONTENT_TYPE, shown.content_type);
    headers.insert(CONTENT_DISPOSITION, shown.content_disposition);
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(REPR_DIGEST, digest_fields::field(&content.sha256));
    set(&mut headers, ETAG, validators.etag());
    if let Some(date) = validators.last_modified() {
        set(&mut headers, LAST_MODIFIED, date);
    }
    headers
}

pub fn set(headers: &mut HeaderMap, name: axum::http::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

fn whole(app: &App, content: Content, mut headers: HeaderMap, head: bool) -> Result<Response> {
    headers.insert(CONTENT_LENGTH, content.size.into());
    let body = if head {
        Body::empty()
    } else {
        headers.insert(CONTENT_DIGEST, digest_fields::field(&content.sha256));
        file_body(app, content.file, vec![Piece::File(0..content.size)])?
    };
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    Ok(response)
}

fn partial(
    app: &App,
    content: Content,
    mut headers: HeaderMap,
    parts: &[Range<u64>],
) -> Result<Response> {
    let size = content.size;
    let pieces = match parts {
        [part] => {
            set(&mut headers, CONTENT_RANGE, content_range(part, size));
            vec![Piece::File(part.clone())]
        }
        parts => {
            let boundary = uuid::Uuid::new_v4().simple().to_string();
            let kind = headers.remove(CONTENT_TYPE);
            set(
                &mut headers,
                CONTENT_TYPE,
                format!("multipart/byteranges; boundary={boundary}"),
            );
            byteranges(parts, size, kind.as_ref(), &boundary)
        }
    };
    headers.insert(CONTENT_LENGTH, length(&pieces).into());
    let mut response = Response::new(file_body(app, content.file, pieces)?);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    *response.headers_mut() = headers;
    Ok(response)
}

pub fn content_range(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end - 1)
}

/// The parts as `multipart/byteranges` (RFC 9110, section 14.6).
fn byteranges(
    parts: &[Range<u64>],
    size: u64,
    kind: Option<&HeaderValue>,
    boundary: &str,
) -> Vec<Piece> {
    let kind = kind
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("application/octet-stream");
    let mut pieces = Vec::with_capacity(parts.len() * 2 + 1);
    for part in parts {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {}\r\n\r\n",
            content_range(part, size)
        );
        pieces.push(Piece::Text(Bytes::from(head)));
        pieces.push(Piece::File(part.clone()));
    }
    pieces.push(Piece::Text(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    pieces
}

#[cfg(test)]
mod tests;
