//! Pieces that several pages show: rows of files, the way to a folder, links to tags.

use askama::Template;
use askama::filters::HtmlSafe;

use super::show::{Moment, Size, file_url, folder_url, kind, name, search_url};
use super::view::View;
use crate::library::{Entry, FileId, FolderPath};
use crate::web::thumbnail;

/// A link and what it is called.
pub struct Link {
    pub url: String,
    pub name: String,
}

impl Link {
    pub fn folder(folder: &FolderPath) -> Self {
        let label = if folder.is_root() {
            "Library"
        } else {
            folder.name()
        };
        Self {
            url: folder_url(folder),
            name: name(label),
        }
    }

    /// Called by its whole path.
    pub fn whole_path(folder: &FolderPath) -> Self {
        let label = if folder.is_root() {
            "Library"
        } else {
            folder.as_str()
        };
        Self {
            url: folder_url(folder),
            name: name(label),
        }
    }

    pub fn tag(tag: &str) -> Self {
        Self {
            url: search_url(&format!("tag:\"{tag}\"")),
            name: name(tag),
        }
    }
}

/// A list of files.
#[derive(Template)]
#[template(path = "parts/rows.html")]
pub struct Rows {
    rows: Vec<Row>,
    /// Whether files can be ticked.
    can_choose: bool,
    is_grid: bool,
}

struct Row {
    id: FileId,
    url: String,
    name: String,
    /// Shown where the files come from different folders.
    folder: Option<Link>,
    kind: String,
    size: Size,
    stored: Moment,
    tags: Vec<Link>,
    /// What stands for the file in a grid: its ending, or a picture of it if there is one.
    ending: String,
    picture: Option<String>,
}

/// Pictures that have no thumbnail stand for themselves in a grid, up to this size.
const SMALL_PICTURE: u64 = 1 << 20;

impl HtmlSafe for Rows {}

impl Rows {
    /// Files of a folder, to be ticked; with their folders where they come from below it.
    pub fn to_choose_from(entries: &[Entry], view: View) -> Self {
        let rows = match view.flat {
            true => Self::with_folders(entries).rows,
            false => entries.iter().map(|entry| Row::new(entry, None)).collect(),
        };
        Self {
            rows,
            can_choose: true,
            is_grid: view.grid,
        }
    }

    /// Files from anywhere, each with the folder it lies in.
    pub fn with_folders(entries: &[Entry]) -> Self {
        let row = |entry: &Entry| Row::new(entry, Some(Link::whole_path(&entry.path.folder())));
        Self {
            rows: entries.iter().map(row).collect(),
            can_choose: false,
            is_grid: false,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Row {
    fn new(entry: &Entry, folder: Option<Link>) -> Self {
        let ending = entry
            .path
            .name()
            .rsplit_once('.')
            .map_or("", |(_, end)| end);
        Self {
            id: entry.id,
            ending: name(&ending.chars().take(5).collect::<String>()),
            picture: picture(entry),
            url: file_url(entry.id),
            name: name(entry.path.name()),
            folder,
            kind: kind(&entry.media_type),
            size: Size(entry.size),
            stored: Moment(entry.modified_ms),
            tags: entry.tags.iter().map(|tag| Link::tag(tag)).collect(),
        }
    }
}

fn picture(entry: &Entry) -> Option<String> {
    let Entry { id, version, .. } = entry;
    let is_small = entry.size <= SMALL_PICTURE;
    let itself = || match entry.media_type.as_str() {
        "image/avif" if is_small => Some(format!("/download/{id}?version={version}")),
        "image/svg+xml" if is_small => Some(format!("/shown/{id}?version={version}")),
        _ => None,
    };
    thumbnail::address(*id, *version, &entry.media_type).or_else(itself)
}

/// The folders above something, the root first.
#[derive(Template)]
#[template(path = "parts/crumbs.html")]
pub struct Crumbs {
    above: Vec<Link>,
    /// The last step, which is the page itself.
    here: String,
}

impl HtmlSafe for Crumbs {}

impl Crumbs {
    /// The way to a folder, which is the last step.
    pub fn to_folder(folder: &FolderPath) -> Self {
        let mut steps = links_down_to(folder);
        let here = steps.pop().map(|link| link.name).unwrap_or_default();
        Self { above: steps, here }
    }

    /// The way to a file.
    pub fn inside(folder: &FolderPath, file: &str) -> Self {
        Self {
            above: links_down_to(folder),
            here: name(file),
        }
    }
}

fn links_down_to(folder: &FolderPath) -> Vec<Link> {
    let mut links: Vec<_> = folder
        .ancestors()
        .map(|folder| Link::folder(&folder))
        .collect();
    links.reverse();
    links
}
