//! Pages for people: rendered on the server, whole without JavaScript, better with it.
//!
//! Each page is a struct beside its handler and a template of the same name. Changes are form
//! posts that answer with a redirect, so that going back or reloading repeats nothing.

pub mod error;
pub mod request;

mod change;
mod file;
mod library;
mod notice;
mod persistence;
mod rows;
mod search;
mod selected;
mod show;
mod standing;
mod starts;
mod timeline;
mod trash;
mod view;

#[cfg(test)]
mod tests;

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

pub use show::{encode, folder_url};

use crate::error::Error;
use crate::web::assets::{LINKS, Links};
use crate::web::compress;
use crate::web::problem::Failure;
use crate::web::state::App;

/// Files on one page of a listing: a page of them stays below its 60 KB.
const PAGE_LENGTH: usize = 50;

/// All pages and the forms on them.
pub fn router() -> Router<App> {
    Router::new()
        .route("/", get(library::root))
        .route("/browse/", get(library::root))
        .route("/browse/{*folder}", get(library::folder))
        .route("/search", get(search::page))
        .route("/searches", post(search::save))
        .route("/searches/{id}/remove", post(search::forget))
        .route("/files/{id}", get(file::page))
        .route("/trash", get(trash::page))
        .route("/persistence", get(persistence::page))
        .route("/selection", post(selected::change))
        .route("/selection/undo", post(selected::undo))
        .route("/folders/rename", post(change::rename_folder))
        .route("/files/{id}/rename", post(change::rename))
        .route("/files/{id}/tags", post(change::tags))
        .route("/files/{id}/trash", post(change::trash))
        .route("/files/{id}/restore", post(change::restore))
        .route("/files/{id}/purge", post(change::purge))
        .route(
            "/files/{id}/versions/{number}/restore",
            post(change::restore_version),
        )
        .layer(Extension(standing::Standing::default()))
}

/// What the layout needs of every page.
struct Shell {
    links: &'static Links,
    /// What the search box holds.
    query: String,
    /// Where files dropped on this page go; empty for the root.
    folder: String,
    release: String,
}

impl Shell {
    fn new(release: &str) -> Self {
        Self {
            links: &LINKS,
            query: String::new(),
            folder: String::new(),
            release: release.to_owned(),
        }
    }

    fn in_folder(self, folder: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            ..self
        }
    }

    fn searching(self, query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            ..self
        }
    }
}

/// A rendered page; a browser may show it again but asks first.
fn respond(status: StatusCode, page: &impl Template) -> Response {
    const HEADERS: [(HeaderName, &str); 2] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
    ];
    match page.render() {
        Ok(html) => (status, HEADERS, Extension(compress::Page), html).into_response(),
        Err(cause) => {
            Failure::from(Error::internal("A page could not be rendered.").because(cause))
                .into_response()
        }
    }
}
