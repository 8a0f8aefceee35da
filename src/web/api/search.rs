//! `/api/v1/search`: files by their words.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::entries::page_size;
use super::pictured::Pictured;
use crate::error::{Error, Result};
use crate::library::FolderPath;
use crate::library::search::{
    Class, Facets, Hit, MOST_PASSAGES, Narrowing, Order, Request, Results, SizeClass, Snippet,
    Spelling,
};
use crate::web::input::Query;
use crate::web::problem;
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
    #[param(value_type = Option<Class>)]
    r#type: Option<String>,
    /// Only with this tag; case and accents do not matter.
    tag: Option<String>,
    /// Only stored in this year (UTC).
    #[param(value_type = Option<u16>, minimum = 1970, maximum = 2200)]
    year: Option<String>,
    /// Only of this size, as `facets.sizes` tells them, such as `1MB-10MB`.
    #[param(value_type = Option<SizeClass>)]
    size: Option<String>,
    /// The order; by relevance when it is absent.
    #[serde(default)]
    sort: Order,
    /// Hits on a page, from 1 to 100; 20 when it is absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// Passages of each file, from 1 to 5; 2 when it is absent.
    #[param(minimum = 1, maximum = 5)]
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
        (status = 200, body = Answer),
    )
)]
pub async fn search(app: App, Query(words): Query<Words>) -> problem::Result<Json<Answer>> {
    let request = words.request()?;
    let results = app.look(move |library| library.search(&request)).await?;
    Ok(Json(results.into()))
}

/// What was found.
#[derive(Serialize, ToSchema)]
#[schema(as = Results)]
pub struct Answer {
    total: u64,
    hits: Vec<Found>,
    /// How the query was read, in words.
    read_as: String,
    /// What could not be understood and was taken as plain words, one sentence each.
    notes: Vec<String>,
    /// Counted over all matches.
    facets: Facets,
    /// Another way to write the query, with words that files have; on the first page only.
    spelling: Option<Spelling>,
    /// Pass back to get the next page; absent on the last one.
    next: Option<String>,
    milliseconds: f64,
}

/// A file that was found.
#[derive(Serialize, ToSchema)]
#[schema(as = Hit)]
pub struct Found {
    #[serde(flatten)]
    entry: Pictured,
    /// The file's name as passages are: escaped, with matches marked.
    marked_name: String,
    /// 0 where matches are not ordered by relevance.
    score: f32,
    /// The best passages: HTML-escaped text in which matches are wrapped in `<mark>`.
    snippets: Vec<String>,
    /// The same with the pages that they stand on.
    passages: Vec<Snippet>,
}

impl From<Results> for Answer {
    fn from(results: Results) -> Self {
        Self {
            total: results.total,
            hits: results.hits.into_iter().map(Found::from).collect(),
            read_as: results.read_as,
            notes: results.notes,
            facets: results.facets,
            spelling: results.spelling,
            next: results.next,
            milliseconds: results.milliseconds,
        }
    }
}

impl From<Hit> for Found {
    fn from(hit: Hit) -> Self {
        Self {
            entry: hit.entry.into(),
            marked_name: hit.marked_name,
            score: hit.score,
            snippets: hit.snippets,
            passages: hit.passages,
        }
    }
}
