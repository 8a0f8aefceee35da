//! Unfinished uploads: whose they are, how far they have come, and a button that ends each.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::notice::{Done, Notice, Outcome};
use super::request::At;
use super::show::{Counted, Moment, Size, name};
use super::{Shell, respond};
use crate::library::{OpenUpload, UploadId};
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;

#[derive(Deserialize)]
pub struct UnfinishedQuery {
    done: Option<Done>,
}

#[derive(Template)]
#[template(path = "unfinished.html")]
struct UnfinishedPage {
    shell: Shell,
    notice: Option<Notice>,
    uploads: Vec<UploadRow>,
    /// Those that are not listed.
    more: Option<Counted>,
}

struct UploadRow {
    id: String,
    path: String,
    by: String,
    through: Option<String>,
    bytes: Size,
    length: Option<Size>,
    begun: Moment,
    last: Option<Moment>,
}

pub async fn page(
    app: App,
    Query(UnfinishedQuery { done }): Query<UnfinishedQuery>,
) -> Result<Response, Failure> {
    let (uploads, more) = app.look(|library| library.open_uploads()).await?;
    let outcome = Outcome {
        done,
        ..Outcome::default()
    };
    let page = UnfinishedPage {
        shell: Shell::of(&app),
        notice: outcome.notice(),
        uploads: uploads.into_iter().map(UploadRow::new).collect(),
        more: (more > 0).then_some(Counted(more as u64, "upload")),
    };
    Ok(respond(StatusCode::OK, &page))
}

pub async fn end(app: App, At(id): At<UploadId>) -> Result<Response, Failure> {
    app.run(move |library| library.end_open_upload(id)).await?;
    Ok(Redirect::to(&Done::UploadEnded.on("/unfinished")).into_response())
}

impl UploadRow {
    fn new(upload: OpenUpload) -> Self {
        Self {
            id: upload.id.simple().to_string(),
            path: match upload.path {
                Some(path) => name(path.as_str()),
                None => "Part of a file".to_owned(),
            },
            by: name(&upload.by),
            through: upload.through.as_deref().map(name),
            bytes: Size(upload.bytes),
            length: upload.length.map(Size),
            begun: Moment(upload.begun_ms),
            last: upload.last_ms.map(Moment),
        }
    }
}
