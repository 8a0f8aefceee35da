//! Search results: the passages that match, how the query was read, and what to narrow them down
//! to; without a question, the searches that were kept.

mod address;
mod hit;
mod narrow;
mod saved;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

pub use address::Seek;
use hit::HitRow;
use narrow::{Group, Way, above, chosen, groups, orders};
use saved::SavedRow;
pub use saved::{forget, save};

use super::notice::{Done, Notice, Outcome};
use super::rows::Link;
use super::show::{Counted, encode};
use super::{Shell, respond};
use crate::library::search::{MOST_PASSAGES, Request, Results, Spelling};
use crate::library::{Library, SavedSearch};
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;

/// Hits on one page.
const HITS: usize = 20;
/// Passages of one hit: the best, and those to be unfolded.
const PASSAGES: usize = MOST_PASSAGES;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Place {
    cursor: Option<String>,
    /// Somebody is still typing.
    unfinished: bool,
    done: Option<Done>,
}

#[derive(Template)]
#[template(path = "search.html")]
pub struct SearchPage {
    pub shell: Shell,
    pub seek: Seek,
    pub notice: Option<Notice>,
    /// Why the last change could not be made.
    pub problem: Option<String>,
    /// Nothing was asked for: the page tells how to ask.
    pub is_blank: bool,
    pub saved: Vec<SavedRow>,
    pub total: Counted,
    pub milliseconds: String,
    pub read_as: String,
    pub notes: Vec<String>,
    pub spelling: Option<Respelt>,
    pub chosen: Vec<Link>,
    pub above: Option<Link>,
    pub orders: [Way; 4],
    pub groups: Vec<Group>,
    pub hits: Vec<HitRow>,
    pub is_first: bool,
    pub more: Option<String>,
}

/// The same search in other words.
pub struct Respelt {
    sentence: String,
    /// Of the other search, unless these are its results.
    url: Option<String>,
}

pub async fn page(
    app: App,
    Query(seek): Query<Seek>,
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let notice = Outcome {
        done: place.done,
        ..Outcome::default()
    };
    let page = look(&app, seek, place).await?;
    let notice = notice.notice();
    Ok(respond(StatusCode::OK, &SearchPage { notice, ..page }))
}

/// The search's page, saying why it could not be kept.
async fn refuse(
    app: &App,
    status: StatusCode,
    seek: Seek,
    problem: String,
) -> Result<Response, Failure> {
    let page = look(app, seek, Place::default()).await?;
    let problem = Some(problem);
    Ok(respond(status, &SearchPage { problem, ..page }))
}

async fn look(app: &App, seek: Seek, place: Place) -> Result<SearchPage, Failure> {
    let shell = Shell::of(app).searching(seek.q.as_str());
    if seek.is_blank() {
        let saved = app.look(Library::saved_searches).await?;
        return Ok(SearchPage::blank(shell, seek, &saved));
    }
    let is_first = place.cursor.is_none();
    let request = Request {
        limit: HITS,
        cursor: place.cursor,
        is_unfinished: place.unfinished,
        ..seek.request()?
    };
    let results = app.look(move |library| library.search(&request)).await?;
    Ok(SearchPage::new(shell, seek, results, is_first))
}

impl SearchPage {
    pub fn new(shell: Shell, seek: Seek, results: Results, is_first: bool) -> Self {
        let url = seek.url();
        let query = match &results.spelling {
            Some(spelling) if spelling.searched => spelling.query.clone(),
            _ => seek.q.trim().to_owned(),
        };
        let hits = results.hits.into_iter();
        Self {
            total: Counted(results.total, "file"),
            milliseconds: milliseconds(results.milliseconds),
            read_as: results.read_as,
            notes: results.notes,
            spelling: results.spelling.map(|other| Respelt::new(&seek, other)),
            chosen: chosen(&seek),
            above: above(&seek),
            groups: groups(&seek, &results.facets),
            hits: hits.map(|hit| HitRow::new(hit, &query)).collect(),
            is_first,
            more: results
                .next
                .map(|cursor| format!("{url}&cursor={}", encode(&cursor))),
            is_blank: false,
            ..Self::blank(shell, seek, &[])
        }
    }

    pub fn blank(shell: Shell, seek: Seek, saved: &[SavedSearch]) -> Self {
        Self {
            shell,
            notice: None,
            problem: None,
            is_blank: true,
            saved: saved.iter().map(SavedRow::new).collect(),
            total: Counted(0, "file"),
            milliseconds: String::new(),
            read_as: String::new(),
            notes: Vec::new(),
            spelling: None,
            chosen: Vec::new(),
            above: None,
            orders: orders(&seek),
            groups: Vec::new(),
            hits: Vec::new(),
            is_first: true,
            more: None,
            seek,
        }
    }

    fn is_empty(&self) -> bool {
        self.hits.is_empty() && self.is_first
    }
}

impl Respelt {
    fn new(seek: &Seek, spelling: Spelling) -> Self {
        let url = seek.with(|seek| seek.q.clone_from(&spelling.query)).url();
        Self {
            sentence: spelling.sentence,
            url: (!spelling.searched).then_some(url),
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
