//! What the library answers about files: entries, versions, listings, receipts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path::{FilePath, FolderPath};
use crate::error::{Error, Result};
use crate::store::Digest;

const DIGEST_BYTES: usize = 32;
const KEY_BYTES: usize = DIGEST_BYTES + size_of::<FileId>();

/// A file's identity: it stays through renames, moves and new versions.
pub type FileId = i64;

/// A point in time as milliseconds since the Unix epoch.
pub type Millis = i64;

/// A file as the catalog knows it; content facts are those of its current version.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Entry {
    pub id: FileId,
    #[schema(value_type = String)]
    pub path: FilePath,
    /// Number of the current version, from 1.
    pub version: u32,
    /// Bytes.
    pub size: u64,
    #[schema(value_type = String)]
    pub sha256: Digest,
    pub media_type: String,
    /// When the first version was stored.
    pub created_ms: Millis,
    /// When the current version was stored.
    pub modified_ms: Millis,
    /// When it was moved to the trash, if it was.
    pub trashed_ms: Option<Millis>,
    pub tags: Vec<String>,
    /// Place in the order of all changes; the file is searchable once the index has applied it.
    pub sequence: u64,
}

/// A content as one file's: what is kept of it is that file's own, whoever else has the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileContent {
    pub file: FileId,
    pub sha256: Digest,
}

impl Entry {
    pub fn file_content(&self) -> FileContent {
        FileContent {
            file: self.id,
            sha256: self.sha256,
        }
    }
}

impl FileContent {
    /// The digest comes first, so that a content is found for all files that have it.
    pub(super) fn key(&self) -> [u8; KEY_BYTES] {
        let mut key = [0; KEY_BYTES];
        key[..DIGEST_BYTES].copy_from_slice(self.sha256.as_bytes());
        key[DIGEST_BYTES..].copy_from_slice(&self.file.to_be_bytes());
        key
    }

    /// # Errors
    /// [`Kind::Damaged`](crate::error::Kind::Damaged) if these are not the bytes of [`key`](Self::key).
    pub(super) fn from_key(key: &[u8]) -> Result<Self> {
        let damaged = || Error::damaged("A key in facts.redb is not that of a file's content.");
        let (sha256, file) = key.split_at_checked(DIGEST_BYTES).ok_or_else(damaged)?;
        let file = file.try_into().map_err(|_| damaged())?;
        Ok(Self {
            file: FileId::from_be_bytes(file),
            sha256: Digest::from_slice(sha256)?,
        })
    }
}

/// One stored content of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Version {
    pub number: u32,
    pub size: u64,
    #[schema(value_type = String)]
    pub sha256: Digest,
    pub media_type: String,
    pub created_ms: Millis,
}

/// A folder inside another, with what lies in it at any depth.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Folder {
    #[schema(value_type = String)]
    pub path: FolderPath,
    pub files: u64,
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// Case and accents do not matter.
    #[default]
    Name,
    /// Newest first.
    Time,
    /// Largest first.
    Size,
}

/// An order of files, and which of its ends comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sorting {
    pub by: Sort,
    /// The other end first: from Z to A, the oldest, the smallest.
    pub reversed: bool,
}

impl From<Sort> for Sorting {
    fn from(by: Sort) -> Self {
        Self {
            by,
            reversed: false,
        }
    }
}

/// A page of a folder: its subfolders by name, and once they are all listed, its files.
#[derive(Clone, Debug)]
pub struct Listing {
    pub folder: FolderPath,
    pub folders: Vec<Folder>,
    pub files: Vec<Entry>,
    /// Pass back to get the next page; absent on the last one.
    pub next: Option<String>,
}

/// The answer to an upload: proof of what was stored, checked later by `wharfside smoke verify`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    pub id: FileId,
    #[schema(value_type = String)]
    pub path: FilePath,
    pub version: u32,
    pub size: u64,
    #[schema(value_type = String)]
    pub sha256: Digest,
    pub sequence: u64,
    /// Number of the boot that answered.
    pub boot: u64,
    /// RFC 3339, UTC.
    pub time: String,
}

impl Receipt {
    pub fn file_content(&self) -> FileContent {
        FileContent {
            file: self.id,
            sha256: self.sha256,
        }
    }
}

/// What an upload asks for.
#[derive(Clone, Debug)]
pub struct NewFile {
    pub path: FilePath,
    /// What must hold of the path at the moment of the commit.
    pub precondition: Precondition,
    /// Digest that the client announced; a mismatch stores nothing.
    pub expected: Option<Digest>,
    /// Whether it gets a free name beside a file that is there, instead of a new version of it.
    pub keep_both: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    #[default]
    None,
    /// `If-None-Match: *`: nothing may be at the path.
    Absent,
    /// `If-Match: *`: something must be at the path.
    Present,
    /// `If-Match: "<digest>", …`: the current content must be one of these.
    Content(Vec<Digest>),
    /// `If-Unmodified-Since`: what is at the path, if anything, must be from this very second, in
    /// milliseconds since the epoch: an older file that was moved there was never seen.
    UnmodifiedSince(Millis),
}

impl Precondition {
    /// Whether it holds for what is at the path.
    pub fn holds(&self, present: Option<&Entry>) -> bool {
        match (self, present) {
            (Self::None, _) => true,
            (Self::Absent, present) => present.is_none(),
            (Self::Present, present) => present.is_some(),
            (Self::Content(digests), Some(entry)) => digests.contains(&entry.sha256),
            (Self::Content(_), None) => false,
            (Self::UnmodifiedSince(at), Some(entry)) => entry.modified_ms / 1000 == at / 1000,
            // RFC 9110, 13.1.4: without a date to compare with, it is not asked for.
            (Self::UnmodifiedSince(_), None) => true,
        }
    }
}
