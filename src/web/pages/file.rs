//! One file: what it is, its versions, and what can be done with it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::notice::{Done, Notice, Outcome};
use super::request::At;
use super::rows::{Crumbs, Link};
use super::show::{Counted, Moment, Size, kind, name};
use super::{Shell, respond};
use crate::error::Result;
use crate::library::{Entry, Facts, FileId, Library, Version};
use crate::web::input::Query;
use crate::web::known_facts::known_facts;
use crate::web::preview::{Media, Opening, Preview, Shape};
use crate::web::problem::Failure;
use crate::web::state::App;

/// Versions on one page.
const MAX_VERSIONS: usize = 100;

#[derive(Template)]
#[template(path = "file.html")]
pub struct FilePage {
    pub shell: Shell,
    pub notice: Option<Notice>,
    pub problem: Option<Problem>,
    pub crumbs: Crumbs,
    pub id: FileId,
    pub name: String,
    pub media_type: String,
    pub kind: String,
    pub size: Size,
    pub sha256: String,
    pub created: Moment,
    pub modified: Moment,
    pub trashed: Option<Moment>,
    pub is_searchable: bool,
    /// Once search has come this far, the file is found.
    pub sequence: u64,
    pub text: Text,
    pub details: Vec<(&'static str, String)>,
    pub preview: Preview,
    pub tags: Vec<Link>,
    /// Number of the current one.
    pub version: u32,
    pub versions: Vec<VersionRow>,
    /// The number before which there are more.
    pub older: Option<u32>,
    /// What the forms hold: the current values, or those that were refused.
    pub path_field: String,
    pub tags_field: String,
}

/// A change that could not be made, beside the field that it came from.
#[derive(Clone)]
pub struct Problem {
    pub field: Field,
    pub sentence: String,
    /// What was typed, so that it need not be typed again.
    pub typed: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Path,
    Tags,
    /// A button.
    None,
}

/// What search knows of the content.
pub enum Text {
    /// It has not been read yet, or what was read cannot be shown now.
    Waiting,
    Words {
        words: Counted,
        truncated: bool,
        /// Why the text ends before the content does.
        note: Option<String>,
    },
    /// Found by its name alone, with the reason.
    NameOnly(String),
}

pub struct VersionRow {
    number: u32,
    kind: String,
    size: Size,
    stored: Moment,
    sha256: String,
    /// Enough of the digest to tell versions apart.
    short: String,
}

/// What the address says besides which file.
#[derive(Deserialize)]
pub struct Asking {
    done: Option<Done>,
    file: Option<FileId>,
    /// What was searched for, to be marked.
    q: Option<String>,
    page: Option<u32>,
    part: Option<String>,
    /// Versions before this number.
    before: Option<u64>,
}

impl Asking {
    fn taken_apart(self) -> (Outcome, Opening) {
        let outcome = Outcome {
            done: self.done,
            file: self.file,
            ..Outcome::default()
        };
        let opening = Opening {
            query: self.q.unwrap_or_default(),
            page: self.page,
            part: self.part,
        };
        (outcome, opening)
    }
}

pub async fn page(
    app: App,
    At(id): At<FileId>,
    Query(asking): Query<Asking>,
) -> Result<Response, Failure> {
    let before = asking.before;
    let (outcome, opening) = asking.taken_apart();
    let page = read(&app, id, opening, before).await?;
    Ok(respond(
        StatusCode::OK,
        &FilePage {
            notice: outcome.notice(),
            ..page
        },
    ))
}

/// The file's page, saying why a change could not be made.
pub async fn refuse(
    app: &App,
    status: StatusCode,
    id: FileId,
    problem: Problem,
) -> Result<Response, Failure> {
    let page = read(app, id, Opening::default(), None).await?;
    Ok(respond(status, &page.refusing(problem)))
}

async fn read(app: &App, id: FileId, opening: Opening, before: Option<u64>) -> Result<FilePage> {
    let shell = Shell::of(app).searching(&opening.query);
    let page = app.look(move |library| FilePage::read(library, shell, id, &opening, before));
    let mut page = page.await?;
    page.preview.format(app).await;
    Ok(page)
}

impl FilePage {
    fn read(
        library: &Library,
        shell: Shell,
        id: FileId,
        opening: &Opening,
        before: Option<u64>,
    ) -> Result<Self> {
        let entry = library.entry(id)?;
        let versions = library.versions(id, before, MAX_VERSIONS)?;
        let facts = known_facts(library, &entry.file_content());
        let is_searchable = entry.sequence <= library.searchable_through();
        let preview = Preview::of(library, &entry, facts.as_ref(), opening)?;
        let page = Self::new(shell, &entry, &versions, facts, is_searchable);
        Ok(Self { preview, ..page })
    }

    pub fn new(
        shell: Shell,
        entry: &Entry,
        versions: &[Version],
        facts: Option<Facts>,
        is_searchable: bool,
    ) -> Self {
        let folder = entry.path.folder();
        Self {
            shell: shell.in_folder(folder.as_str()),
            notice: None,
            problem: None,
            crumbs: Crumbs::inside(&folder, entry.path.name()),
            id: entry.id,
            name: name(entry.path.name()),
            media_type: entry.media_type.clone(),
            kind: kind(&entry.media_type),
            size: Size(entry.size),
            sha256: entry.sha256.to_string(),
            created: Moment(entry.created_ms),
            modified: Moment(entry.modified_ms),
            trashed: entry.trashed_ms.map(Moment),
            is_searchable,
            sequence: entry.sequence,
            details: facts.as_ref().map(said).unwrap_or_default(),
            text: Text::new(facts),
            preview: Preview::default(),
            tags: entry.tags.iter().map(|tag| Link::tag(tag)).collect(),
            version: entry.version,
            older: older_than(versions),
            versions: versions.iter().map(VersionRow::new).collect(),
            path_field: entry.path.to_string(),
            tags_field: entry.tags.join(", "),
        }
    }

    pub fn refusing(mut self, problem: Problem) -> Self {
        match problem.field {
            Field::Path => self.path_field.clone_from(&problem.typed),
            Field::Tags => self.tags_field.clone_from(&problem.typed),
            Field::None => {}
        }
        self.problem = Some(problem);
        self
    }

    fn problem_with(&self, field: Field) -> Option<&str> {
        let problem = self
            .problem
            .as_ref()
            .filter(|problem| problem.field == field);
        problem.map(|problem| problem.sentence.as_str())
    }
}

/// If a page is full of versions, more may follow.
fn older_than(versions: &[Version]) -> Option<u32> {
    let last = versions.last().map(|version| version.number);
    last.filter(|number| versions.len() == MAX_VERSIONS && *number > 1)
}

/// What a content says about itself, line by line.
fn said(facts: &Facts) -> Vec<(&'static str, String)> {
    let details = &facts.details;
    let text = |value: &Option<String>| value.as_deref().map(name);
    let pixels = details.width.zip(details.height);
    let place = details.latitude.zip(details.longitude);
    let lines = [
        ("Title", text(&details.title)),
        ("By", text(&details.author)),
        ("Album", text(&details.album)),
        (
            "Dated",
            text(&details.date).map(|date| date.replace('T', " ")),
        ),
        ("Pages", details.pages.map(|pages| pages.to_string())),
        (
            "Pixels",
            pixels.map(|(width, height)| format!("{width} × {height}")),
        ),
        (
            "Read by OCR",
            facts.recognised.filter(|pages| *pages > 0).map(|pages| {
                let of = Counted(pages.into(), "page");
                format!("{of}; some words may be wrong")
            }),
        ),
        ("Length", details.milliseconds.map(length)),
        ("Camera", text(&details.camera)),
        (
            "Taken at",
            place.map(|(north, east)| format!("{north:.5}, {east:.5}")),
        ),
    ];
    let said = lines.into_iter();
    said.filter_map(|(what, value)| Some((what, value?)))
        .collect()
}

/// Hours are told only where there are some.
fn length(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

impl Text {
    fn new(facts: Option<Facts>) -> Self {
        match facts {
            None => Self::Waiting,
            Some(Facts {
                name_only: Some(reason),
                ..
            }) => Self::NameOnly(reason),
            Some(facts) => Self::Words {
                words: Counted(facts.words, "word"),
                truncated: facts.truncated,
                note: facts.note,
            },
        }
    }
}

impl VersionRow {
    fn new(version: &Version) -> Self {
        let sha256 = version.sha256.to_string();
        Self {
            number: version.number,
            kind: kind(&version.media_type),
            size: Size(version.size),
            stored: Moment(version.created_ms),
            short: sha256.chars().take(12).collect(),
            sha256,
        }
    }
}
