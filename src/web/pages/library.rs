//! The library: what lies in a folder, and where new files go in.

use askama::Template;
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::notice::{Done, Notice, Outcome};
use super::request::At;
use super::rows::{Crumbs, Link, Rows};
use super::show::{Counted, Size, encode, name};
use super::standing::{Health, Standing};
use super::view::{View, Way};
use super::{PAGE_LENGTH, Shell, respond};
use crate::error::{Kind, Result};
use crate::library::{self, Entry, FileId, FolderPath, From, Library, Listing, Right, Sort};
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;

/// Files named as stored last on the first page of the library.
const RECENT: usize = 8;

#[derive(Default, Deserialize)]
pub struct Asking {
    #[serde(default)]
    pub sort: Sort,
    #[serde(default)]
    pub reverse: bool,
    #[serde(default)]
    pub flat: bool,
    #[serde(default)]
    pub grid: bool,
    pub cursor: Option<String>,
    /// Rows before the page; what scrolling asks for.
    pub offset: Option<u64>,
    pub done: Option<Done>,
    pub file: Option<FileId>,
    pub files: Option<u64>,
    pub first: Option<u64>,
    pub last: Option<u64>,
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
    /// Where files go that are stored from here; none where the viewer may store nothing.
    pub into: Option<String>,
    pub may_write: bool,
    pub view: View,
    pub folders: Vec<FolderRow>,
    pub files: Rows,
    pub orders: [Way; 3],
    pub depths: [Way; 2],
    pub shapes: [Way; 2],
    pub is_first: bool,
    /// The first page of this list.
    pub start: String,
    pub more: Option<String>,
    /// What the whole list has, where this is not all of it.
    pub whole: Option<Whole>,
    pub recent: Rows,
    /// How the stores stand; said on the first page of the library alone.
    pub health: Option<Health>,
}

pub struct FolderRow {
    link: Link,
    path: String,
    files: Counted,
    size: Size,
}

/// How long a list is that is shown in parts.
pub struct Whole {
    /// Rows of a part.
    step: usize,
    rows: u64,
    files: Counted,
}

pub async fn root(
    app: App,
    Extension(standing): Extension<Standing>,
    Query(asking): Query<Asking>,
) -> Result<Response, Failure> {
    // Whoever cannot do anything about it need not know where files lie.
    let tells = asking.is_first() && app.visitor().administers();
    let found = Found::look(&app, FolderPath::default(), asking).await?;
    let health = if tells {
        standing.look(&app).await
    } else {
        None
    };
    let page = LibraryPage::new(Shell::of(&app), found);
    Ok(respond(StatusCode::OK, &LibraryPage { health, ..page }))
}

pub async fn folder(
    app: App,
    At(folder): At<String>,
    Query(asking): Query<Asking>,
) -> Result<Response, Failure> {
    let found = Found::look(&app, FolderPath::parse(&folder)?, asking).await?;
    let page = LibraryPage::new(Shell::of(&app), found);
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
    view: View,
    problem: String,
) -> Result<Response, Failure> {
    let found = Found::look(app, folder, Asking::like(view)).await?;
    let page = LibraryPage::new(Shell::of(app), found);
    Ok(respond(
        status,
        &LibraryPage {
            problem: Some(problem),
            ..page
        },
    ))
}

impl Asking {
    pub fn like(view: View) -> Self {
        let View {
            sort,
            reverse,
            flat,
            grid,
        } = view;
        Self {
            sort,
            reverse,
            flat,
            grid,
            ..Self::default()
        }
    }

    fn view(&self) -> View {
        View {
            sort: self.sort,
            reverse: self.reverse,
            flat: self.flat,
            grid: self.grid,
        }
    }

    fn is_first(&self) -> bool {
        self.cursor.is_none() && self.offset.unwrap_or(0) == 0
    }

    fn from(&self) -> From<'_> {
        match self.offset {
            Some(rows) => From::Offset(rows),
            None => From::Cursor(self.cursor.as_deref()),
        }
    }

    fn outcome(&self) -> Outcome {
        Outcome {
            done: self.done,
            file: self.file,
            files: self.files,
            first: self.first,
            last: self.last,
        }
    }
}

/// What was asked for, and what lies there.
pub struct Found {
    pub asking: Asking,
    pub listing: Listing,
    /// Counted only where a page does not show it all.
    pub rows: Option<library::Rows>,
    pub recent: Vec<Entry>,
    /// Where the viewer may store files: here, or else in his own folder.
    pub into: Option<FolderPath>,
}

impl Found {
    async fn look(app: &App, folder: FolderPath, asking: Asking) -> Result<Self> {
        app.look(move |library| Self::read(library, folder, asking))
            .await
    }

    fn read(library: &Library, folder: FolderPath, asking: Asking) -> Result<Self> {
        let sorting = asking.view().sorting();
        let listed = match asking.flat {
            true => library.list_deep(&folder, sorting, asking.from(), PAGE_LENGTH),
            false => library.list(&folder, sorting, asking.from(), PAGE_LENGTH),
        };
        let mut listing = match listed {
            Err(error) if error.kind() == Kind::NotFound => Listing {
                folder,
                folders: Vec::new(),
                files: Vec::new(),
                next: None,
            },
            listing => listing?,
        };
        if listing.next.is_none() && asking.is_first() && !asking.flat {
            let waiting = library.waiting_folders(&listing.folder)?;
            listing.folders.extend(waiting);
        }
        let is_start = listing.folder.is_root() && asking.is_first() && !asking.flat;
        // Where everything is in sight anyway, or too much is, the newest files need no list of
        // their own.
        let recent = match is_start && listing.next.is_none() && !listing.folders.is_empty() {
            true => library.recent(RECENT)?,
            false => Vec::new(),
        };
        let rows = match listing.next.is_some() || !asking.is_first() {
            true => Some(library.rows_in(&listing.folder, asking.flat)?),
            false => None,
        };
        let into = match library.right(&listing.folder)? >= Right::Write {
            true => Some(listing.folder.clone()),
            false if listing.folder.is_root() => library.home()?,
            false => None,
        };
        Ok(Self {
            asking,
            listing,
            rows,
            recent,
            into,
        })
    }
}

impl LibraryPage {
    pub fn new(shell: Shell, found: Found) -> Self {
        let Found {
            asking,
            listing,
            rows,
            recent,
            into,
        } = found;
        let (view, folder) = (asking.view(), &listing.folder);
        let start = view.of(folder);
        let mark = if start.contains('?') { '&' } else { '?' };
        Self {
            shell: shell.in_folder(folder.as_str()),
            notice: asking.outcome().notice(),
            problem: None,
            crumbs: Crumbs::to_folder(folder),
            path: folder.as_str().to_owned(),
            may_write: into.as_ref() == Some(folder),
            into: into.map(|into| into.as_str().to_owned()),
            view,
            folders: listing
                .folders
                .iter()
                .map(|folder| FolderRow::new(folder, view))
                .collect(),
            files: Rows::to_choose_from(&listing.files, view),
            orders: Way::orders(folder, view),
            depths: Way::depths(folder, view),
            shapes: Way::shapes(folder, view),
            is_first: asking.is_first(),
            more: listing
                .next
                .map(|cursor| format!("{start}{mark}cursor={}", encode(&cursor))),
            start,
            whole: rows.map(Whole::new),
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
    fn new(folder: &library::Folder, view: View) -> Self {
        Self {
            link: Link {
                url: view.of(&folder.path),
                name: name(folder.path.name()),
            },
            path: folder.path.as_str().to_owned(),
            files: Counted(folder.files, "file"),
            size: Size(folder.bytes),
        }
    }
}

impl Whole {
    fn new(rows: library::Rows) -> Self {
        Self {
            step: PAGE_LENGTH,
            rows: rows.folders + rows.files,
            files: Counted(rows.files, "file"),
        }
    }
}
