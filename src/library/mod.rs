//! The app's domain: files with paths, versions, tags and trash, found by what they say.

mod entry;
mod path;
pub mod search;
pub mod text;

use std::fs::File;
use std::time::Duration;

pub use entry::{
    Entry, FileId, Folder, Listing, Millis, NewFile, Precondition, Receipt, Sort, Version,
};
pub use path::{FilePath, FolderPath, MAX_PATH_BYTES, MAX_SEGMENT_BYTES};

use crate::error::Result;
use crate::store::Digest;

/// A cheap handle on the library; clones share everything.
#[derive(Clone)]
pub struct Library {}

/// An upload on its way to disk.
pub struct Upload {}

impl Upload {
    pub fn append(&mut self, _bytes: &[u8]) -> Result<()> {
        todo!()
    }
    /// Bytes so far.
    pub fn len(&self) -> u64 {
        todo!()
    }
}

/// A stored content, opened for reading; `file` is positioned at 0 and stays readable even if
/// the content is purged meanwhile.
pub struct Content {
    pub file: File,
    pub size: u64,
    pub sha256: Digest,
    pub media_type: String,
    pub modified_ms: Millis,
    /// Last segment of the path.
    pub name: String,
}

/// A cursor-paged list.
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl Library {
    /// Begins an upload; nothing is visible until [`add`](Self::add).
    pub fn upload(&self) -> Result<Upload> {
        todo!()
    }
    /// Makes an upload durable and visible. The receipt's `version` is 1 for a new file.
    pub fn add(&self, _upload: Upload, _file: NewFile) -> Result<Receipt> {
        todo!()
    }
    /// Whether the file is in the trash or not, it is found by id.
    pub fn entry(&self, _id: FileId) -> Result<Entry> {
        todo!()
    }
    /// The live file at a path.
    pub fn entry_at(&self, _path: &FilePath) -> Result<Entry> {
        todo!()
    }
    /// The current content, or that of one version.
    pub fn content(&self, _id: FileId, _version: Option<u32>) -> Result<Content> {
        todo!()
    }
    /// Content of the live file at a path, in one look-up.
    pub fn content_at(&self, _path: &FilePath) -> Result<Content> {
        todo!()
    }
    pub fn list(
        &self,
        _folder: &FolderPath,
        _sort: Sort,
        _cursor: Option<&str>,
        _limit: usize,
    ) -> Result<Listing> {
        todo!()
    }
    /// The files stored last, newest first.
    pub fn recent(&self, _limit: usize) -> Result<Vec<Entry>> {
        todo!()
    }
    /// Newest first.
    pub fn versions(&self, _id: FileId) -> Result<Vec<Version>> {
        todo!()
    }
    /// Makes an older content current again, as a new version.
    pub fn restore_version(&self, _id: FileId, _number: u32, _actor: &str) -> Result<Receipt> {
        todo!()
    }
    /// Conflict if the path is taken.
    pub fn rename(&self, _id: FileId, _to: &FilePath, _actor: &str) -> Result<Entry> {
        todo!()
    }
    /// Moves every file below `from`; answers how many. Conflict (and nothing moved) if any
    /// target is taken.
    pub fn rename_folder(&self, _from: &FolderPath, _to: &FolderPath, _actor: &str) -> Result<u64> {
        todo!()
    }
    /// Replaces the tags.
    pub fn set_tags(&self, _id: FileId, _tags: &[String], _actor: &str) -> Result<Entry> {
        todo!()
    }
    pub fn trash(&self, _id: FileId, _actor: &str) -> Result<Entry> {
        todo!()
    }
    /// Puts a trashed file back; Conflict if its path was taken meanwhile.
    pub fn restore(&self, _id: FileId, _actor: &str) -> Result<Entry> {
        todo!()
    }
    /// Ends a trashed file for good, with all its versions.
    pub fn purge(&self, _id: FileId, _actor: &str) -> Result<()> {
        todo!()
    }
    /// Purges everything that has been in the trash for longer than `age`; answers how many.
    pub fn purge_older_than(&self, _age: Duration, _actor: &str) -> Result<u64> {
        todo!()
    }
    /// The trash, most recently deleted first.
    pub fn trashed(&self, _cursor: Option<&str>, _limit: usize) -> Result<Page<Entry>> {
        todo!()
    }
    /// What is known about a content: whether its words could be read, and why not.
    pub fn facts(&self, _digest: &Digest) -> Result<Option<Facts>> {
        todo!()
    }
    pub fn search(&self, _request: &search::Request) -> Result<search::Results> {
        todo!()
    }
    /// Highest sequence that the search index has applied: a file is searchable once this has
    /// reached its sequence.
    pub fn searchable_through(&self) -> u64 {
        todo!()
    }
}

/// What extraction found out about one content, by digest. A later release may add fields.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Facts {
    /// Version of the extractor that read it.
    pub extractor: u32,
    /// Bytes of the content.
    pub size: u64,
    pub media_type: String,
    /// How the text was encoded, e.g. `windows-1252`, when it is text.
    pub encoding: Option<String>,
    /// Number of words that can be searched.
    pub words: u64,
    /// Whether the text goes on beyond what is indexed.
    pub truncated: bool,
    /// Why only the name is searchable, in words for a person; absent when the text is.
    pub name_only: Option<String>,
}

impl Default for Facts {
    fn default() -> Self {
        Self { extractor: 0, size: 0, media_type: "application/octet-stream".into(), encoding: None, words: 0, truncated: false, name_only: None }
    }
}
