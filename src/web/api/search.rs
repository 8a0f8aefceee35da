//! `/api/v1/search`: files by their words.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::entries::page_size;
use crate::error::{Error, Result};
use crate::library::FolderPath;
use crate::library::search::{MOST_PASSAGES, Narrowing, Order, Request, Results};
use crate::web::input::Query;
use crate::web::problem::{self, Problem};
use crate::web::state::App;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Words {
    /// Such as `harbour "quiet water" -crane type:pdf after:2025`. Empty for everything that
    /// `folder` and the filters let through.
    q: String,
    /// Only inside this folder, at any depth.
    folder: Option<String>,
    /// Only of this type, as `facets.types` tells them: `pdf`, `document`, `image` and so on.
    r#type: Option<String>,
    /// Only with this tag; case and accents do not matter.
    tag: Option<String>,
    /// Only stored in this year (UTC).
    year: Option<String>,
    /// Only of this size, as `facets.sizes` tells them, such as `1MB-10MB`.
    size: Option<String>,
    /// The order; by relevance when it is absent.
    #[serde(default)]
    sort: Order,
    /// Hits on a page, from 1 to 100; 20 when it is absent.
    limit: Option<usize>,
    /// Passages of each file, from 1 to 5; 2 when it is absent.
    passages: Option<usize>,
    /// Whether the last word may be the beginning of one, as while somebody is typing.
    #[serde(default)]
    unfinished: bool,
    /// Whether to answer with the results of `spelling` where the query has none.
    #[serde(default)]
    fuzzy: bool,
    /// `next` of the page before, in the same order.
    cursor: Option<String>,
}

impl Words {
    fn request(self) -> Result<Request> {
        let usual = Request::default();
        Ok(Request {
            folder: self.folder.as_deref().map(FolderPath::parse).transpose()?,
            narrowing: Narrowing::parse(
                self.r#type.as_deref(),
                self.tag.as_deref(),
                self.year.as_deref(),
                self.size.as_deref(),
            )?,
            order: self.sort,
            limit: page_size(self.limit, DEFAULT_LIMIT, MAX_LIMIT)?,
            passages: match self.passages {
                None => usual.passages,
                Some(count @ 1..=MOST_PASSAGES) => count,
                Some(count) => {
                    return Err(Error::invalid(format!(
                        "passages is {count}, but must be from 1 to {MOST_PASSAGES}."
                    )));
                }
            },
            is_unfinished: self.unfinished,
            is_fuzzy: self.fuzzy,
            cursor: self.cursor,
            query: self.q,
        })
    }
}

/// Searches
///
/// A query that is not well-formed still searches; `read_as` and `notes` say how it was read.
/// `facets` count all matches, each as if no value of its own were asked for. `spelling`, if there
/// is one, is the query with words that files have.
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
    let request = words.request()?;
    Ok(Json(
        app.look(move |library| library.search(&request)).await?,
    ))
}
