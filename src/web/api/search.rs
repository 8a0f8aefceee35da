//! `/api/v1/search`: files by their words.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::entries::page_size;
use crate::library::FolderPath;
use crate::library::search::{Request, Results};
use crate::web::input::Query;
use crate::web::problem::{self, Problem};
use crate::web::state::App;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Words {
    /// Such as `harbour "quiet water" -crane type:pdf after:2025`.
    q: String,
    /// Only inside this folder.
    folder: Option<String>,
    /// Hits on a page, from 1 to 100; 20 when it is absent.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Searches
///
/// A query that is not well-formed still searches; `read_as` and `notes` say how it was read.
#[utoipa::path(
    get,
    path = "/api/v1/search",
    operation_id = "search",
    tag = "search",
    params(Words),
    responses(
        (status = 200, body = Results),
        (status = 400, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn search(
    State(app): State<App>,
    Query(words): Query<Words>,
) -> problem::Result<Json<Results>> {
    let request = Request {
        query: words.q,
        folder: words.folder.as_deref().map(FolderPath::parse).transpose()?,
        limit: page_size(words.limit, DEFAULT_LIMIT, MAX_LIMIT)?,
        cursor: words.cursor,
    };
    Ok(Json(
        app.look(move |library| library.search(&request)).await?,
    ))
}
