//! `/download.zip`: files and folders as one archive, written while it travels.
//!
//! The selection is read at one moment, which gives every name and size and so the archive's
//! exact length; contents are opened one after the other as their turn comes. Because a content
//! is never changed and outlives its last name by a grace period, what was selected arrives even
//! if it is replaced or purged meanwhile. One that is gone nonetheless breaks the answer off:
//! a torn archive is never passed off as a whole one.
//!
//! The writer is our own. What writes archives for Rust (`zip`, `async_zip`, `rawzip`) neither
//! tells an archive's length beforehand nor lets go of what it has written of the directory; the
//! three records and two trailers that stored contents need are less code than a way around that.

mod archive;
mod contents;
mod record;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use self::archive::Archive;
use self::contents::Contents;
use super::conditions::{Validators, Verdict};
use super::disposition::named;
use super::download::{Asked, Representation, beyond, changed, content_range, set};
use super::input::Query;
use super::pages::request::Sent;
use super::problem;
use super::range::Wanted;
use super::read_body::read_body;
use super::selection::{Fields, selection};
use super::state::App;
use crate::error::{Error, Result};
use crate::library::{Happening, Library, Selection};

/// `GET|HEAD /download.zip?folder=&id=`. Each field may be repeated; the empty folder is the
/// whole library.
pub async fn get(
    app: App,
    method: Method,
    Query(fields): Query<Fields>,
    headers: HeaderMap,
) -> problem::Result {
    let (selection, others) = selection(fields)?;
    if let Some((name, _)) = others.first() {
        let sentence = "files are named by id= and folders by folder=.";
        return Err(Error::invalid(format!("{name:?} selects nothing; {sentence}")).into());
    }
    answer(app, selection, Asked::new(&method, &headers)).await
}

/// `POST /download.zip`: the same fields as a form, for those that are too many for an address;
/// what else the form can do is of no interest.
pub async fn post(
    app: App,
    method: Method,
    headers: HeaderMap,
    Sent(fields): Sent<Fields>,
) -> problem::Result {
    let (selection, _) = selection(fields)?;
    answer(app, selection, Asked::new(&method, &headers)).await
}

pub async fn answer(app: App, selection: Selection, asked: Asked) -> problem::Result {
    let sender = app.clone();
    let address = app.visitor().origin.address.to_string();
    let selected = app.look(move |library| Contents::select(library, &selection));
    let contents = selected.await?;
    let response = app.run(move |library| {
        if !asked.is_head() {
            library.note(Happening::Exported, contents.name(), &address)?;
        }
        // Where a part begins is known only if every byte before it is. No program asks for several.
        let asked = asked.limit_parts(usize::from(contents.is_known()));
        let of = Representation {
            validators: Validators::undated(contents.digest()),
            size: contents.archive_len(),
        };
        asked.charged(&sender, library, &of, || {
            respond(&sender, library, contents, &of, &asked)
        })
    });
    Ok(response.await?)
}

/// Blocks: it reads the beginning of the first file.
fn respond(
    app: &App,
    library: &Library,
    contents: Contents,
    of: &Representation,
    asked: &Asked,
) -> Result<Response> {
    let mut headers = describe(&contents, of);
    let library = library.clone();
    let open = move |digest: &_, size| library.open_named(digest, size);
    let (status, length, body) = match asked.verdict(of) {
        (Verdict::Failed, _) => return Ok(changed().into_response()),
        (Verdict::Proceed, Wanted::Unsatisfiable) => return Ok(beyond(of.size)),
        (Verdict::NotModified, _) => {
            headers.remove(CONTENT_TYPE);
            headers.remove(CONTENT_DISPOSITION);
            (StatusCode::NOT_MODIFIED, None, Body::empty())
        }
        (Verdict::Proceed, wanted) => {
            let (status, part) = match wanted {
                Wanted::Parts(parts) => (StatusCode::PARTIAL_CONTENT, parts.into_iter().next()),
                _ => (StatusCode::OK, None),
            };
            if let Some(part) = &part {
                set(&mut headers, CONTENT_RANGE, content_range(part, of.size));
            }
            let part = part.unwrap_or(0..of.size);
            let length = part.end - part.start;
            let body = match asked.is_head() {
                true => Body::empty(),
                false => read_body(app, Archive::part(contents, open, part)?, length)?,
            };
            (status, Some(length), body)
        }
    };
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    let mut response = (status, body).into_response();
    *response.headers_mut() = headers;
    Ok(response)
}

fn describe(contents: &Contents, of: &Representation) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    let name = format!("{}.zip", contents.name());
    headers.insert(CONTENT_DISPOSITION, named("attachment", &name));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let ranges = match contents.is_known() {
        true => "bytes",
        false => "none",
    };
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static(ranges));
    set(&mut headers, ETAG, of.validators.etag());
    headers
}

#[cfg(test)]
mod tests;
