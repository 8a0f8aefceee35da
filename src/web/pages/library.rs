//! The library: what lies in a folder, and where new files go in.

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::notice::{Done, Notice, Outcome};
use super::request::At;
use super::rows::{Crumbs, Link, Rows};
use super::show::{Counted, Size, encode, folder_url};
use super::standing::{Health, Standing};
use super::{PAGE_LENGTH, Shell, respond};
use crate::error::{Kind, Result};
use crate::library::{self, Entry, FileId, FolderPath, Library, Listing, Sort};
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;

/// Files named as stored last on the first page of the library.
const RECENT: usize = 8;

#[derive(Default, Deserialize)]
pub struct Asking {
    #[serde(default)]
    pub sort: Sort,
    pub cursor: Option<String>,
    pub done: Option<Done>,
    pub file: Option<FileId>,
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
    Extension(standing): Extension<Standing>,
    Query(asking): Query<Asking>,
) -> Result<Response, Failure> {
    let is_first = asking.cursor.is_none();
    let found = Found::look(&app, FolderPath::default(), asking).await?;
    let health = if is_first {
        standing.look(&app).await
    } else {
        None
    };
    let page = LibraryPage::new(Shell::new(app.release()), found);
    Ok(respond(StatusCode::OK, &LibraryPage { health, ..page }))
}

pub async fn folder(
    State(app): State<App>,
    At(folder): At<String>,
    Query(asking): Query<Asking>,
) -> Result<Response, Failure> {
    let found = Found::look(&app, FolderPath::parse(&folder)?, asking).await?;
    let page = LibraryPage::new(Shell::new(app.release()), found);
    // Still a page to work with: a file stored from it makes the folder.
    let status = if page.is_empty() {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    };
    Ok(respond(status, &page))
}

/// The folder's page, saying why a change to it could not be made.
pub async fn refuse(
    app: &App,
    status: StatusCode,
    folder: FolderPath,
    problem: String,
) -> Result<Response, Failure> {
    let found = Found::look(app, folder, Asking::default()).await?;
    let page = LibraryPage::new(Shell::new(app.release()), found);
    Ok(respond(
        status,
        &LibraryPage {
            problem: Some(problem),
            ..page
        },
    ))
}

/// What was asked for, and what lies there.
pub struct Found {
    pub asking: Asking,
    pub listing: Listing,
    pub recent: Vec<Entry>,
}

impl Found {
    async fn look(app: &App, folder: FolderPath, asking: Asking) -> Result<Self> {
        app.look(move |library| Self::read(library, folder, asking))
            .await
    }

    fn read(library: &Library, folder: FolderPath, asking: Asking) -> Result<Self> {
        let cursor = asking.cursor.as_deref();
        let listing = match library.list(&folder, asking.sort, cursor, PAGE_LENGTH) {
            Err(error) if error.kind() == Kind::NotFound => Listing {
                folder,
                folders: Vec::new(),
                files: Vec::new(),
                next: None,
            },
            listing => listing?,
        };
        // Where everything is in sight anyway, the newest files need no list of their own.
        let in_sight = listing.folders.is_empty() && listing.next.is_none();
        let recent = match (listing.folder.is_root(), cursor, in_sight) {
            (true, None, false) => library.recent(RECENT)?,
            _ => Vec::new(),
        };
        Ok(Self {
            asking,
            listing,
            recent,
        })
    }
}

impl LibraryPage {
    pub fn new(shell: Shell, found: Found) -> Self {
        let Found {
            asking,
            listing,
            recent,
        } = found;
        let url = folder_url(&listing.folder);
        let outcome = Outcome {
            done: asking.done,
            file: asking.file,
        };
        let order = word(asking.sort);
        Self {
            shell: shell.in_folder(listing.folder.as_str()),
            notice: outcome.notice(),
            problem: None,
            crumbs: Crumbs::to_folder(&listing.folder),
            path: listing.folder.as_str().to_owned(),
            folders: listing.folders.iter().map(FolderRow::new).collect(),
            files: Rows::new(&listing.files),
            orders: Order::all(&url, asking.sort),
            is_first: asking.cursor.is_none(),
            more: listing
                .next
                .map(|cursor| format!("{url}?sort={order}&cursor={}", encode(&cursor))),
            start: format!("{url}?sort={order}"),
            recent: Rows::with_folders(&recent),
            health: None,
        }
    }

    /// What must be seen before anything is stored.
    fn alarm(&self) -> Option<&Health> {
        self.health.as_ref().filter(|health| !health.mark.is_good())
    }

    fn all_clear(&self) -> Option<&Health> {
        self.health.as_ref().filter(|health| health.mark.is_good())
    }

    /// Nothing lies here, and nothing did before this page of the list.
    fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.files.is_empty() && self.is_first
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
