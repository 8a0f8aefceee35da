//! Pieces that several pages show: rows of files, the way to a folder, links to tags.

use askama::Template;
use askama::filters::HtmlSafe;

use super::show::{Moment, Size, file_url, folder_url, kind, name, search_url};
use crate::library::{Entry, FolderPath};

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
pub struct Rows(Vec<Row>);

struct Row {
    url: String,
    name: String,
    /// Shown where the files come from different folders.
    folder: Option<Link>,
    kind: String,
    size: Size,
    stored: Moment,
    tags: Vec<Link>,
}

impl HtmlSafe for Rows {}

impl Rows {
    /// Files of one folder.
    pub fn new(entries: &[Entry]) -> Self {
        Self(entries.iter().map(|entry| Row::new(entry, None)).collect())
    }

    /// Files from anywhere, each with the folder it lies in.
    pub fn with_folders(entries: &[Entry]) -> Self {
        let row = |entry: &Entry| Row::new(entry, Some(Link::whole_path(&entry.path.folder())));
        Self(entries.iter().map(row).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Row {
    fn new(entry: &Entry, folder: Option<Link>) -> Self {
        Self {
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
