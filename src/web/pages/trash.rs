//! The trash: what can still be brought back.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::notice::{Done, Notice, Outcome};
use super::show::{Counted, Moment, Size, encode, file_url, name};
use super::{PAGE_LENGTH, Shell, respond};
use crate::library::{Entry, FileId, Page};
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;

#[derive(Deserialize)]
pub struct Asking {
    cursor: Option<String>,
    done: Option<Done>,
    files: Option<u64>,
}

#[derive(Template)]
#[template(path = "trash.html")]
pub struct TrashPage {
    pub shell: Shell,
    pub notice: Option<Notice>,
    pub rows: Vec<Row>,
    pub days: Counted,
    pub is_first: bool,
    pub more: Option<String>,
}

pub struct Row {
    id: FileId,
    url: String,
    path: String,
    size: Size,
    trashed: Option<Moment>,
}

pub async fn page(app: App, Query(asking): Query<Asking>) -> Result<Response, Failure> {
    let outcome = Outcome {
        done: asking.done,
        files: asking.files,
        ..Outcome::default()
    };
    let is_first = asking.cursor.is_none();
    let trashed = app
        .look(move |library| library.trashed(asking.cursor.as_deref(), PAGE_LENGTH))
        .await?;
    let days = app.config().trash.as_secs() / 86_400;
    let shell = Shell::of(&app);
    let page = TrashPage::new(shell, trashed, days, is_first);
    Ok(respond(
        StatusCode::OK,
        &TrashPage {
            notice: outcome.notice(),
            ..page
        },
    ))
}

impl TrashPage {
    pub fn new(shell: Shell, trashed: Page<Entry>, days: u64, is_first: bool) -> Self {
        Self {
            shell,
            notice: None,
            rows: trashed.items.iter().map(Row::new).collect(),
            days: Counted(days, "day"),
            is_first,
            more: trashed
                .next
                .map(|cursor| format!("/trash?cursor={}", encode(&cursor))),
        }
    }
}

impl Row {
    fn new(entry: &Entry) -> Self {
        Self {
            id: entry.id,
            url: file_url(entry.id),
            path: name(entry.path.as_str()),
            size: Size(entry.size),
            trashed: entry.trashed_ms.map(Moment),
        }
    }
}
