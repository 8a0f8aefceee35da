//! Search results: the passages that match, and how the query was read.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::rows::Link;
use super::show::{Counted, Moment, Size, encode, file_url, kind, name, search_url};
use super::{Shell, respond};
use crate::library::search::{Hit, Request, Results};
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;

/// Hits on one page.
const HITS: usize = 20;

#[derive(Deserialize)]
pub struct Asking {
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "search.html")]
pub struct SearchPage {
    pub shell: Shell,
    /// Nothing was asked for: the page explains how to ask.
    pub is_blank: bool,
    pub total: Counted,
    pub milliseconds: String,
    pub read_as: String,
    pub notes: Vec<String>,
    pub hits: Vec<HitRow>,
    pub is_first: bool,
    pub more: Option<String>,
}

pub struct HitRow {
    url: String,
    name: String,
    folder: Link,
    kind: String,
    size: Size,
    stored: Moment,
    tags: Vec<Link>,
    /// Escaped by the search itself, which alone puts `<mark>` in.
    snippets: Vec<String>,
}

pub async fn page(
    State(app): State<App>,
    Query(Asking { q, cursor }): Query<Asking>,
) -> Result<Response, Failure> {
    let shell = Shell::new(app.release()).searching(q.as_str());
    if q.trim().is_empty() {
        return Ok(respond(StatusCode::OK, &SearchPage::blank(shell)));
    }
    let is_first = cursor.is_none();
    let request = Request {
        query: q,
        folder: None,
        limit: HITS,
        cursor,
    };
    let results = app.look(move |library| library.search(&request)).await?;
    Ok(respond(
        StatusCode::OK,
        &SearchPage::new(shell, results, is_first),
    ))
}

impl SearchPage {
    pub fn new(shell: Shell, results: Results, is_first: bool) -> Self {
        let url = search_url(&shell.query);
        Self {
            shell,
            is_blank: false,
            total: Counted(results.total, "file"),
            milliseconds: milliseconds(results.milliseconds),
            read_as: results.read_as,
            notes: results.notes,
            hits: results.hits.into_iter().map(HitRow::new).collect(),
            is_first,
            more: results
                .next
                .map(|cursor| format!("{url}&cursor={}", encode(&cursor))),
        }
    }

    pub fn blank(shell: Shell) -> Self {
        Self {
            shell,
            is_blank: true,
            total: Counted(0, "file"),
            milliseconds: String::new(),
            read_as: String::new(),
            notes: Vec::new(),
            hits: Vec::new(),
            is_first: true,
            more: None,
        }
    }
}

impl HitRow {
    fn new(hit: Hit) -> Self {
        let entry = hit.entry;
        Self {
            url: file_url(entry.id),
            name: name(entry.path.name()),
            folder: Link::whole_path(&entry.path.folder()),
            kind: kind(&entry.media_type),
            size: Size(entry.size),
            stored: Moment(entry.modified_ms),
            tags: entry.tags.iter().map(|tag| Link::tag(tag)).collect(),
            snippets: hit.snippets,
        }
    }
}

fn milliseconds(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.1}\u{a0}ms")
    } else {
        format!("{value:.0}\u{a0}ms")
    }
}
