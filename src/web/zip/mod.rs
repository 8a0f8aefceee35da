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
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Method};
use axum::response::Response;

use self::archive::Archive;
use self::contents::Contents;
use super::disposition::named;
use super::input::Query;
use super::pages::request::Sent;
use super::problem;
use super::read_body::read_body;
use super::selection::{Fields, selection};
use super::state::App;
use crate::error::{Error, Result};
use crate::library::{Happening, Library, Selection};

/// `GET|HEAD /download.zip?folder=&id=`. Each field may be repeated; the empty folder is the
/// whole library.
pub async fn get(app: App, method: Method, Query(fields): Query<Fields>) -> problem::Result {
    let (selection, others) = selection(fields)?;
    if let Some((name, _)) = others.first() {
        let sentence = "files are named by id= and folders by folder=.";
        return Err(Error::invalid(format!("{name:?} selects nothing; {sentence}")).into());
    }
    answer(app, selection, method == Method::HEAD).await
}

/// `POST /download.zip`: the same fields as a form, for those that are too many for an address;
/// what else the form can do is of no interest.
pub async fn post(app: App, Sent(fields): Sent<Fields>) -> problem::Result {
    let (selection, _) = selection(fields)?;
    answer(app, selection, false).await
}

pub async fn answer(app: App, selection: Selection, head: bool) -> problem::Result {
    let sender = app.clone();
    let address = app.visitor().origin.address.to_string();
    let response = app.run(move |library| {
        let contents = Contents::select(library, &selection)?;
        if !head {
            library.note(Happening::Exported, contents.name(), &address)?;
        }
        respond(&sender, library, contents, head)
    });
    Ok(response.await?)
}

/// Blocks: it reads the beginning of the first file.
fn respond(app: &App, library: &Library, contents: Contents, head: bool) -> Result<Response> {
    let length = contents.archive_len();
    let shown = named("attachment", &format!("{}.zip", contents.name()));
    let body = if head {
        Body::empty()
    } else {
        let library = library.clone();
        let open = move |digest: &_, size| library.open_named(digest, size);
        read_body(app, Archive::new(contents, open), length)?
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(CONTENT_DISPOSITION, shown);
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

#[cfg(test)]
mod tests;
