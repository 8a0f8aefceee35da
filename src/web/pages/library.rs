//! The library: what lies in a folder, and where new files go in.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::notice::{Done, Notice, Outcome};
use super::persistence::Mark;
use super::request::{Asked, At};
use super::rows::{Crumbs, Link, Rows};
use super::show::{Counted, Size, encode, folder_url};
use super::{PAGE_LENGTH, Shell, respond};
use crate::error::Result;
use crate::library::{self, FileId, FolderPath, Library, Listing, Sort, Verdict};
use crate::web::problem::Failure;
use crate::web::state::App;

/// Files named as stored last on the first page of the library.
const RECENT: usize = 8;

#[derive(Default, Deserialize)]
pub struct Asking {
    #[serde(default)]
    sort: Sort,
    cursor: Option<String>,
    done: Option<Done>,
    file: Option<FileId>,
}

#[derive(Template)]
#[template(path = "library.html")]
pub struct LibraryPage {
    pub shell: Shell,
    pub notice: Option<Notice>,
    /// Why the last change could not be made.
    pub problem: Option<String>,
    pub crumbs: Crumbs,
    pub path: String,
    pub folders: Vec<FolderRow>,
    pub files: Rows,
    pub orders: [Order; 3],
    pub is_first: bool,
    /// The first page of this list.
    pub start: String,
    pub more: Option<String>,
    pub recent: Rows,
    /// How the stores stand; said on the first page of the library alone.
    pub health: Option<Health>,
}

pub struct Health {
    mark: Mark,
    sentence: String,
}

pub struct FolderRow {
    link: Link,
    files: Counted,
    size: Size,
}

/// A way to order files, as a link unless it is the current one.
pub struct Order {
    url: String,
    label: &'static str,
    current: bool,
}

pub async fn root(
    State(app): State<App>,
    Asked(asking): Asked<Asking>,
) -> Result<Response, Failure> {
    show(&app, FolderPath::default(), asking).await
}

pub async fn folder(
    State(app): State<App>,
    At(folder): At<String>,
    Asked(asking): Asked<Asking>,
) -> Result<Response, Failure> {
    show(&app, FolderPath::parse(&folder)?, asking).await
}

async fn show(app: &App, folder: FolderPath, asking: Asking) -> Result<Response, Failure> {
    let shell = Shell::new(app.release());
    let page = app
        .run(move |library| LibraryPage::read(library, shell, &folder, &asking))
        .await?;
    Ok(respond(StatusCode::OK, &page))
}

/// The folder's page, saying why a change to it could not be made.
pub async fn refuse(
    app: &App,
    status: StatusCode,
    folder: FolderPath,
    problem: String,
) -> Result<Response, Failure> {
    let shell = Shell::new(app.release());
    let asking = Asking::default();
    let page = app
        .run(move |library| LibraryPage::read(library, shell, &folder, &asking))
        .await?;
    Ok(respond(
        status,
        &LibraryPage {
            problem: Some(problem),
            ..page
        },
    ))
}

impl LibraryPage {
    fn read(library: &Library, shell: Shell, folder: &FolderPath, asking: &Asking) -> Result<Self> {
        let cursor = asking.cursor.as_deref();
        let listing = library.list(folder, asking.sort, cursor, PAGE_LENGTH)?;
        // Where everything is in sight anyway, the newest files need no list of their own.
        let in_sight = listing.folders.is_empty() && listing.next.is_none();
        let recent = match (folder.is_root(), cursor, in_sight) {
            (true, None, false) => library.recent(RECENT)?,
            _ => Vec::new(),
        };
        let outcome = Outcome {
            done: asking.done,
            file: asking.file,
        };
        let health = match (folder.is_root(), cursor) {
            (true, None) => Some(Health::from(library.persistence()?.verdict)),
            _ => None,
        };
        let page = Self::new(shell, &listing, &recent, asking.sort, cursor.is_none());
        Ok(Self {
            notice: outcome.notice(),
            health,
            ..page
        })
    }

    pub fn new(
        shell: Shell,
        listing: &Listing,
        recent: &[library::Entry],
        sort: Sort,
        is_first: bool,
    ) -> Self {
        let url = folder_url(&listing.folder);
        Self {
            shell: shell.in_folder(listing.folder.as_str()),
            notice: None,
            problem: None,
            crumbs: Crumbs::to_folder(&listing.folder),
            path: listing.folder.as_str().to_owned(),
            folders: listing.folders.iter().map(FolderRow::new).collect(),
            files: Rows::new(&listing.files),
            orders: Order::all(&url, sort),
            is_first,
            more: listing
                .next
                .as_ref()
                .map(|cursor| format!("{url}?sort={}&cursor={}", word(sort), encode(cursor))),
            recent: Rows::with_folders(recent),
            start: url,
            health: None,
        }
    }

    /// Nothing lies here, and nothing did before this page of the list.
    fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.files.is_empty() && self.is_first
    }
}

impl From<Verdict> for Health {
    fn from(verdict: Verdict) -> Self {
        Self {
            mark: Mark::from(verdict.grade),
            sentence: verdict.sentence,
        }
    }
}

impl FolderRow {
    fn new(folder: &library::Folder) -> Self {
        Self {
            link: Link::folder(&folder.path),
            files: Counted(folder.files, "file"),
            size: Size(folder.bytes),
        }
    }
}

impl Order {
    fn all(url: &str, current: Sort) -> [Self; 3] {
        [
            (Sort::Name, "name"),
            (Sort::Time, "newest"),
            (Sort::Size, "largest"),
        ]
        .map(|(sort, label)| Self {
            url: format!("{url}?sort={}", word(sort)),
            label,
            current: sort == current,
        })
    }
}

/// As it stands in the address.
fn word(sort: Sort) -> &'static str {
    match sort {
        Sort::Name => "name",
        Sort::Time => "time",
        Sort::Size => "size",
    }
}
