//! Storing files and reading them back.

use std::fs::File;

use jiff::Timestamp;
use rusqlite::Connection;

use super::accounts::usage::{self, Coming};
use super::arrivals::{Arrival, Arriving};
use super::catalog::{self, Change};
use super::entry::{Entry, FileContent, FileId, Millis, NewFile, Precondition, Receipt, Version};
use super::path::{FilePath, FolderPath};
use super::text::fold;
use super::{Library, Quota, extract};
use crate::error::{Error, Kind, Result};
use crate::store::blobs::{Blobs, Sealed, Stage};
use crate::store::{Digest, crash};

/// How much of a content's beginning is kept to tell its type.
pub(super) const HEAD: usize = 4096;

/// An upload on its way to disk; dropped unfinished, it leaves nothing.
pub struct Upload {
    stage: Stage,
    head: Vec<u8>,
    library: Library,
    arrival: Arrival,
    /// Where it goes, if that is known: whether its sender can still write there is checked meanwhile.
    folder: Option<FolderPath>,
}

impl Upload {
    /// Names the folder that it goes to.
    pub fn into_folder(self, folder: Option<FolderPath>) -> Self {
        Self { folder, ..self }
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// [`Kind::NoSpace`] once they are more than a quota or the reserve leaves room for,
    /// [`Kind::Forbidden`] once their sender cannot write to the folder any more.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let size = bytes.len() as u64;
        if self.arrival.add(size, self.stage.len() + size) {
            self.check()?;
        }
        let missing = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        self.stage.append(bytes)
    }

    /// What was checked before the first byte is checked again, every few MiB.
    fn check(&mut self) -> Result<()> {
        let library = &self.library;
        let sender = library.viewer.sender();
        library.refuse_without_room(0)?;
        if self.folder.is_some() || library.has_quota(sender) {
            library.store.sql.read(|c| {
                if let Some(folder) = &self.folder {
                    library.reach(c)?.refuse_unwritable(folder)?;
                }
                library.require_quota(c, Coming::counted(sender))
            })?;
        }
        self.arrival.passed();
        Ok(())
    }

    /// Bytes so far.
    #[expect(clippy::len_without_is_empty, reason = "an upload is not a collection")]
    pub fn len(&self) -> u64 {
        self.stage.len()
    }

    /// Every byte so far, in order.
    pub fn read_all(&self, take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.stage.read_all(take)
    }

    /// The content's beginning, and all of it.
    pub(super) fn into_parts(self) -> (Vec<u8>, Stage) {
        (self.head, self.stage)
    }
}

/// A stored content, opened for reading: `file` stays readable even if the content is purged
/// meanwhile.
pub struct Content {
    pub id: FileId,
    pub file: File,
    pub size: u64,
    pub sha256: Digest,
    pub media_type: String,
    pub modified_ms: Millis,
    /// Last segment of the path.
    pub name: String,
}

/// What is known of a stored content without opening it.
#[derive(Clone, Debug)]
pub struct Stored {
    pub id: FileId,
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
    pub media_type: String,
    pub modified_ms: Millis,
    /// Last segment of the path.
    pub name: String,
}

impl Content {
    pub fn file_content(&self) -> FileContent {
        FileContent {
            file: self.id,
            sha256: self.sha256,
        }
    }
}

impl Stored {
    pub fn file_content(&self) -> FileContent {
        FileContent {
            file: self.id,
            sha256: self.sha256,
        }
    }
}

impl Library {
    /// Begins an upload of that many bytes, as far as they are known; nothing of it is visible
    /// before [`add`](Self::add).
    ///
    /// # Errors
    /// [`Kind::NoSpace`] if it would leave less free than is reserved, or goes past a quota.
    pub fn upload(&self, announced: u64) -> Result<Upload> {
        self.refuse_without_room(announced)?;
        let sender = self.viewer.sender();
        let arrival = self.arrivals.begin(Arriving {
            sender,
            upload: None,
            bytes: announced,
        });
        if self.has_quota(sender) {
            let counted = Coming::counted(sender);
            self.store.sql.read(|c| self.require_quota(c, counted))?;
        }
        Ok(Upload {
            stage: self.store.blobs.stage()?,
            head: Vec::new(),
            library: self.clone(),
            arrival,
            folder: None,
        })
    }

    /// Makes an upload durable and visible: a new file, or a new version of the one at the path.
    ///
    /// # Errors
    /// [`Kind::Precondition`] when the stated precondition does not hold, [`Kind::Invalid`] when
    /// the content does not match the announced digest; nothing is stored then.
    pub fn add(&self, upload: Upload, file: NewFile) -> Result<Receipt> {
        let media_type = extract::media_type(file.path.name(), &upload.head);
        let blobs = self.store.blobs.clone();
        let sealed = blobs.seal(upload.stage, file.expected)?;
        crash::point("upload.sealed");
        let (change, quota, digest) = (self.change(), self.limits.quota, sealed.digest);
        let stored = self.store.sql.write(move |c| {
            keep(&blobs, &sealed)?;
            let content = Described::of(&sealed, media_type);
            let path = match file.keep_both {
                true => {
                    let reach = change.reach(c)?;
                    reach.refuse_unwritable(&file.path.folder())?;
                    catalog::free_path(c, &file.path)?
                }
                false => file.path,
            };
            store(c, &path, &content, &file.precondition, quota, &change)
        });
        let receipt = stored.inspect_err(|_| self.discard_refused(digest))?;
        crash::point("upload.committed");
        Ok(receipt)
    }

    /// Any file, in the trash or not.
    pub fn entry(&self, id: FileId) -> Result<Entry> {
        self.store.sql.read(|c| self.seen(c, id))
    }

    fn seen(&self, c: &Connection, id: FileId) -> Result<Entry> {
        let entry = catalog::by_id(c, id)?;
        self.reach(c)?.refuse_unseen(&entry)?;
        Ok(entry)
    }

    /// The live file at a path, if there is one that the viewer may know of.
    fn seen_at(&self, c: &Connection, path: &FilePath) -> Result<Option<Entry>> {
        match self.reach(c)?.may_read(path) {
            true => catalog::live_by_path(c, path),
            false => Ok(None),
        }
    }

    /// The live file at a path.
    pub fn entry_at(&self, path: &FilePath) -> Result<Entry> {
        self.store
            .sql
            .read(|c| self.seen_at(c, path))?
            .ok_or_else(|| no_file_at(path))
    }

    /// The live files at these paths, in the order of the paths; where there is none, it is
    /// left out.
    pub fn present(&self, paths: &[FilePath]) -> Result<Vec<Entry>> {
        self.store.sql.read(|c| {
            let reach = self.reach(c)?;
            let seen = paths.iter().filter(|path| reach.may_read(path));
            seen.filter_map(|path| catalog::live_by_path(c, path).transpose())
                .collect()
        })
    }

    /// The current content of a file, or that of one version.
    pub fn content(&self, id: FileId, version: Option<u32>) -> Result<Content> {
        self.opened(self.stored(id, version)?)
    }

    /// As [`content`](Self::content), without opening it.
    pub fn stored(&self, id: FileId, version: Option<u32>) -> Result<Stored> {
        let (entry, older) = self.store.sql.read(|c| {
            let entry = self.seen(c, id)?;
            let older = match version {
                Some(number) => Some(catalog::version(c, id, number)?.ok_or_else(|| {
                    Error::not_found(format!("File {id} has no version {number}."))
                })?),
                None => None,
            };
            Ok((entry, older))
        })?;
        let name = entry.path.name().to_owned();
        let (sha256, size, media_type, modified_ms) = older.unwrap_or((
            entry.sha256,
            entry.size,
            entry.media_type,
            entry.modified_ms,
        ));
        Ok(Stored {
            id,
            sha256,
            size,
            media_type,
            modified_ms,
            name,
        })
    }

    /// The current content of the live file at a path.
    pub fn content_at(&self, path: &FilePath) -> Result<Content> {
        let sql = "SELECT sha256, size, media_type, modified_ms, id FROM file
                   WHERE path = ?1 AND trashed_ms IS NULL";
        let (sha256, size, media_type, modified_ms, id) = self.store.sql.read(|c| {
            if !self.reach(c)?.may_read(path) {
                return Err(no_file_at(path));
            }
            let mut statement = c.prepare_cached(sql)?;
            let mut rows = statement.query([path.as_str()])?;
            let row = rows.next()?.ok_or_else(|| no_file_at(path))?;
            Ok((
                catalog::digest_of(row, 0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        })?;
        self.opened(Stored {
            id,
            sha256,
            size,
            media_type,
            modified_ms,
            name: path.name().to_owned(),
        })
    }

    fn opened(&self, stored: Stored) -> Result<Content> {
        let Stored {
            id,
            sha256,
            size,
            media_type,
            modified_ms,
            name,
        } = stored;
        Ok(Content {
            id,
            file: self.open_named(&sha256, size)?,
            size,
            sha256,
            media_type,
            modified_ms,
            name,
        })
    }

    /// Opens a content that the catalog names, or did a moment ago: one that is absent or has another size is no wrong
    /// address of the caller's but a loss.
    pub fn open_named(&self, digest: &Digest, size: u64) -> Result<File> {
        let opened = self.store.blobs.open_blob(digest);
        let file = opened.map_err(|error| match error.kind() {
            Kind::NotFound => Error::damaged(format!(
                "The content {digest} is missing on disk; run `wharfside check --deep`."
            ))
            .because(error),
            _ => error,
        })?;
        match file.metadata().map(|found| found.len()) {
            Ok(found) if found != size => Err(Error::damaged(format!(
                "The content {digest} has {found} bytes on disk in place of {size}; run `wharfside check --deep`."
            ))),
            _ => Ok(file),
        }
    }

    /// At most `limit` contents the file has had, newest first, from the one before number `before` on.
    pub fn versions(&self, id: FileId, before: Option<u64>, limit: usize) -> Result<Vec<Version>> {
        self.store.sql.read(|c| {
            self.seen(c, id)?;
            let mut statement = c.prepare_cached(
                "SELECT number, sha256, size, media_type, created_ms FROM version
                 WHERE file_id = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3",
            )?;
            let before = before.and_then(|number| i64::try_from(number).ok());
            let before = before.unwrap_or(i64::MAX);
            let mut rows = statement.query((id, before, limit))?;
            let mut versions = Vec::new();
            while let Some(row) = rows.next()? {
                versions.push(Version {
                    number: row.get(0)?,
                    sha256: catalog::digest_of(row, 1)?,
                    size: row.get(2)?,
                    media_type: row.get(3)?,
                    created_ms: row.get(4)?,
                });
            }
            Ok(versions)
        })
    }

    /// Makes an older content current again, as a new version.
    pub fn restore_version(&self, id: FileId, number: u32) -> Result<Receipt> {
        let (change, quota) = (self.change(), self.limits.quota);
        self.store.sql.write(move |c| {
            let entry = catalog::by_id(c, id)?;
            change.refuse_unwritable(c, &entry)?;
            if entry.trashed_ms.is_some() {
                return Err(Error::conflict(
                    "The file is in the trash; restore it first, then the version.",
                ));
            }
            let (sha256, size, media_type, _) = catalog::version(c, id, number)?
                .ok_or_else(|| Error::not_found(format!("File {id} has no version {number}.")))?;
            let content = Described {
                sha256,
                size,
                crc32: None,
                media_type,
            };
            store(
                c,
                &entry.path,
                &content,
                &Precondition::None,
                quota,
                &change,
            )
        })
    }
}

/// A content as the catalog describes it.
pub(super) struct Described {
    pub(super) sha256: Digest,
    pub(super) size: u64,
    /// If it was taken as the content arrived.
    pub(super) crc32: Option<u32>,
    pub(super) media_type: String,
}

impl Described {
    pub(super) fn of(sealed: &Sealed, media_type: String) -> Self {
        Self {
            sha256: sealed.digest,
            size: sealed.size,
            crc32: sealed.crc32,
            media_type,
        }
    }
}

fn no_file_at(path: &FilePath) -> Error {
    Error::not_found(format!("There is no file at {:?}.", path.as_str()))
}

/// The collector may have removed the blob between its sealing and this transaction; it removes
/// only inside a write transaction of its own, so from here on the blob stays.
pub(super) fn keep(blobs: &Blobs, sealed: &Sealed) -> Result<()> {
    if blobs.contains(&sealed.digest)? {
        return Ok(());
    }
    blobs.restore(sealed)
}

/// The promise's transaction: file row, version, folder counts, event and outbox row.
pub(super) fn store(
    c: &Connection,
    path: &FilePath,
    content: &Described,
    precondition: &Precondition,
    quota: Quota,
    change: &Change,
) -> Result<Receipt> {
    change.reach(c)?.refuse_unwritable(&path.folder())?;
    let present = catalog::live_by_path(c, path)?;
    check(precondition, present.as_ref(), path)?;
    let (id, version) = match present {
        Some(entry) => (entry.id, replace(c, &entry, content, change)?),
        None => {
            catalog::refuse_invisible(c, path)?;
            (create(c, path, content, change)?, 1)
        }
    };
    c.prepare_cached(
        "INSERT INTO version (file_id, number, sha256, size, media_type, created_ms, account_id, crc32)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT id FROM account WHERE sort_name = ?7),
                 coalesce(?8, (SELECT crc32 FROM version WHERE sha256 = ?3 AND crc32 IS NOT NULL LIMIT 1)))",
    )?
    .execute((
        id,
        version,
        content.sha256.as_bytes(),
        content.size,
        &content.media_type,
        change.at_ms,
        change.payer(),
        content.crc32,
    ))?;
    usage::refuse_past(c, id, quota)?;
    let detail = format!("version {version}, sha256 {}", content.sha256);
    catalog::record(c, change, "stored", id, path, Some(&detail))?;
    Ok(Receipt {
        id,
        path: path.clone(),
        version,
        size: content.size,
        sha256: content.sha256,
        sequence: catalog::to_outbox(c, id)?,
        boot: change.boot,
        time: time_of(change.at_ms),
    })
}

fn create(c: &Connection, path: &FilePath, content: &Described, change: &Change) -> Result<FileId> {
    path.require_new()?;
    c.prepare_cached(
        "INSERT INTO file (path, folder, name, sort_name, version, sha256, size, media_type, created_ms,
                           modified_ms, account_id)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?8,
                 (SELECT id FROM account WHERE sort_name = ?9))",
    )?
    .execute((
        path.as_str(),
        path.folder().as_str(),
        path.name(),
        fold(path.name()),
        content.sha256.as_bytes(),
        content.size,
        &content.media_type,
        change.at_ms,
        change.payer(),
    ))?;
    let id = c.last_insert_rowid();
    catalog::count(c, change, &path.folder(), 1, content.size as i64)?;
    Ok(id)
}

fn replace(c: &Connection, entry: &Entry, content: &Described, change: &Change) -> Result<u32> {
    let version = catalog::next_version(c, entry.id)?;
    c.prepare_cached(
        "UPDATE file SET version = ?2, sha256 = ?3, size = ?4, media_type = ?5, modified_ms = ?6
         WHERE id = ?1",
    )?
    .execute((
        entry.id,
        version,
        content.sha256.as_bytes(),
        content.size,
        &content.media_type,
        change.at_ms,
    ))?;
    let growth = content.size as i64 - entry.size as i64;
    catalog::count(c, change, &entry.path.folder(), 0, growth)?;
    Ok(version)
}

fn check(precondition: &Precondition, present: Option<&Entry>, path: &FilePath) -> Result<()> {
    if precondition.holds(present) {
        return Ok(());
    }
    let found = match present {
        Some(entry) => format!("a file with SHA-256 {}", entry.sha256),
        None => "no file".to_owned(),
    };
    Err(Error::new(
        Kind::Precondition,
        format!(
            "The request's precondition does not hold: there is {found} at {:?}.",
            path.as_str()
        ),
    ))
}

pub(super) fn time_of(ms: Millis) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}
