//! Uploads as rows of the catalog. Everything here runs inside a caller's transaction.

use rusqlite::Connection;

use super::bounds;
use super::principal::Principal;
use super::{Destination, IfPresent, NewUpload, Purpose, UploadId};
use crate::error::{Error, Kind, Result};
use crate::library::catalog::{self, Change};
use crate::library::entry::{Millis, Receipt};
use crate::library::files::time_of;
use crate::library::path::FilePath;
use crate::library::viewer::Viewer;
use crate::store::Digest;

/// Most uploads that may be unfinished at a time.
pub(super) const MOST_OPEN: u64 = 5_000;

pub(super) const COLUMNS: &str = "id, key, actor, path, if_present, expected, length, metadata, concat, created_ms, \
     sha256, last_piece, ended, ended_ms, file_id, version, sequence, boot, account_id, token_id, share_id";

/// Of uploads that an earlier release began through a link, it is not known which.
const SAME_LINK: &str = "(share_id IS ?3 OR (share_id IS NULL AND account_id IS NULL))";

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub id: UploadId,
    pub key: Option<String>,
    pub actor: String,
    pub principal: Principal,
    pub path: Option<FilePath>,
    pub if_present: IfPresent,
    pub expected: Option<Digest>,
    pub length: Option<u64>,
    pub metadata: Option<String>,
    pub concat: Option<String>,
    pub created_ms: Millis,
    pub sha256: Option<Digest>,
    pub last_piece: Option<u64>,
    pub end: Option<End>,
    pub ended_ms: Option<Millis>,
    pub stored: Stored,
}

/// What only a stored one has.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    file_id: Option<i64>,
    version: Option<u32>,
    sequence: Option<u64>,
    boot: Option<u64>,
}

/// How an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Stored,
    /// Its bytes are part of another.
    Joined,
    Expired,
    Terminated,
}

impl End {
    const ALL: [Self; 4] = [Self::Stored, Self::Joined, Self::Expired, Self::Terminated];

    pub fn word(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Joined => "joined",
            Self::Expired => "expired",
            Self::Terminated => "terminated",
        }
    }

    pub fn sentence(self) -> &'static str {
        match self {
            Self::Stored => "This upload is complete and its file stored.",
            Self::Joined => "This part was joined with others; nothing is left of it.",
            Self::Expired => "Nobody went on with this upload, and it was removed; begin it again.",
            Self::Terminated => "This upload was ended before it was complete; begin it again.",
        }
    }
}

impl Row {
    pub fn new(id: UploadId, viewer: &Viewer, new: NewUpload, now_ms: Millis) -> Self {
        let (destination, concat) = match new.purpose {
            Purpose::File(destination) => (Some(destination), None),
            Purpose::Part => (None, Some("partial".to_owned())),
        };
        let (path, if_present, expected) = match destination {
            Some(Destination {
                path,
                if_present,
                expected,
            }) => (Some(path), if_present, expected),
            None => (None, IfPresent::default(), None),
        };
        Self {
            id,
            key: new.key,
            actor: viewer.name().to_owned(),
            principal: Principal::from_viewer(viewer),
            path,
            if_present,
            expected,
            length: new.length,
            metadata: new.metadata,
            concat,
            created_ms: now_ms,
            sha256: None,
            last_piece: None,
            end: None,
            ended_ms: None,
            stored: Stored::default(),
        }
    }

    pub fn is_file(&self) -> bool {
        self.path.is_some()
    }

    /// Whether it is made of parts, and takes no bytes of its own.
    pub fn is_joined(&self) -> bool {
        let concat = self.concat.as_deref().unwrap_or_default();
        concat.starts_with("final")
    }

    /// Whether a file is to be stored once this many bytes are there.
    pub fn completes_at(&self, bytes: u64) -> bool {
        self.is_file() && self.length == Some(bytes)
    }

    /// Whether a piece is the one that completed the upload.
    pub fn is_last_piece(&self, offset: u64, bytes: Option<u64>) -> bool {
        let Some((length, bytes)) = self.length.zip(bytes) else {
            return false;
        };
        let begins = offset == length || Some(offset) == self.last_piece;
        begins && offset.checked_add(bytes) == Some(length)
    }

    pub fn receipt(&self) -> Result<Receipt> {
        let stored = &self.stored;
        let receipt = || {
            Some(Receipt {
                id: stored.file_id?,
                path: self.path.clone()?,
                version: stored.version?,
                size: self.length?,
                sha256: self.sha256?,
                sequence: stored.sequence?,
                boot: stored.boot?,
                time: time_of(self.ended_ms?),
            })
        };
        receipt().ok_or_else(|| Error::damaged("A stored upload has no receipt in the catalog."))
    }
}

/// One of the viewer's: through a link, one that was begun through it.
pub(super) fn by_id(c: &Connection, id: UploadId, viewer: &Viewer) -> Result<Row> {
    let sql = format!("SELECT {COLUMNS} FROM upload WHERE id = ?1 AND actor = ?2 AND {SAME_LINK}");
    let id = id.simple().to_string();
    one(c, &sql, (id, viewer.name(), viewer.link()))?.ok_or_else(absent)
}

fn absent() -> Error {
    Error::not_found("There is no such upload; it may have ended long ago. Begin it again.")
}

/// Whoever's it is.
pub(super) fn any(c: &Connection, id: UploadId) -> Result<Row> {
    let sql = format!("SELECT {COLUMNS} FROM upload WHERE id = ?1");
    one(c, &sql, [id.simple().to_string()])?.ok_or_else(absent)
}

pub(super) fn by_key(c: &Connection, key: &str, viewer: &Viewer) -> Result<Option<Row>> {
    let sql = format!("SELECT {COLUMNS} FROM upload WHERE key = ?1 AND actor = ?2 AND {SAME_LINK}");
    one(c, &sql, (key, viewer.name(), viewer.link()))
}

/// Every unfinished upload, the oldest first.
pub(super) fn open(c: &Connection) -> Result<Vec<Row>> {
    open_before(c, Millis::MAX)
}

/// The unfinished uploads that were begun before a moment, the oldest first.
pub(super) fn open_before(c: &Connection, at_ms: Millis) -> Result<Vec<Row>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM upload WHERE ended IS NULL AND created_ms < ?1 ORDER BY created_ms"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query([at_ms])?;
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        open.push(row_of(row)?);
    }
    Ok(open)
}

pub(super) fn count_open(c: &Connection) -> Result<u64> {
    let sql = "SELECT count(*) FROM upload WHERE ended IS NULL";
    Ok(c.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Adds a row, unless its key is known: then answers the one it belongs to. Where too many are
/// unfinished, the `idle` ones make room.
pub(super) fn begin(c: &Connection, row: Row, idle: &[UploadId], change: &Change) -> Result<Row> {
    if let Some(known) = known(c, &row, change.viewer())? {
        return Ok(known);
    }
    if let Some(path) = &row.path {
        let reach = change.reach(c)?;
        reach.refuse_unwritable(&path.folder())?;
        if catalog::live_by_path(c, path)?.is_none() {
            path.require_new()?;
        }
        catalog::refuse_invisible(c, path)?;
    }
    refuse_skipped(c, &row)?;
    for id in idle {
        end(c, *id, End::Expired, row.created_ms, 0)?;
    }
    bounds::require_room(c, row.principal)?;
    if count_open(c)? >= MOST_OPEN {
        return Err(Error::unavailable(format!(
            "{MOST_OPEN} uploads are unfinished, which is the most; finish or end some, or wait until they expire."
        )));
    }
    insert(c, &row)?;
    Ok(row)
}

/// The row that has the same key.
pub(super) fn known(c: &Connection, row: &Row, viewer: &Viewer) -> Result<Option<Row>> {
    match &row.key {
        Some(key) => by_key(c, key, viewer),
        None => Ok(None),
    }
}

pub(super) fn refuse_skipped(c: &Connection, row: &Row) -> Result<()> {
    let Some(path) = row
        .path
        .as_ref()
        .filter(|_| row.if_present == IfPresent::Skip)
    else {
        return Ok(());
    };
    match catalog::live_by_path(c, path)? {
        None => Ok(()),
        Some(_) => Err(Error::new(
            Kind::Precondition,
            format!(
                "There is a file at {:?} already, and this upload was to be skipped then.",
                path.as_str()
            ),
        )),
    }
}

pub(super) fn insert(c: &Connection, row: &Row) -> Result<()> {
    let inserted = c
        .prepare_cached(
            "INSERT INTO upload (id, key, actor, path, if_present, expected, length, metadata, concat, created_ms,
                                 account_id, token_id, share_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (key) DO NOTHING",
        )?
        .execute((
            row.id.simple().to_string(),
            &row.key,
            &row.actor,
            row.path.as_ref().map(FilePath::as_str),
            word(row.if_present),
            row.expected.as_ref().map(|digest| &digest.as_bytes()[..]),
            row.length,
            &row.metadata,
            &row.concat,
            row.created_ms,
            row.principal.account,
            row.principal.token,
            row.principal.link,
        ))?;
    bounds::trim_ended(c, row)?;
    match inserted {
        1 => Ok(()),
        _ => Err(Error::conflict(
            "The upload's key belongs to somebody else's; make up another one.",
        )),
    }
}

pub(super) fn set_length(c: &Connection, row: Row) -> Result<Row> {
    c.prepare_cached("UPDATE upload SET length = ?2 WHERE id = ?1")?
        .execute((row.id.simple().to_string(), row.length))?;
    Ok(row)
}

pub(super) fn set_hashed(c: &Connection, row: &Row) -> Result<()> {
    c.prepare_cached("UPDATE upload SET sha256 = ?2, last_piece = ?3 WHERE id = ?1")?
        .execute((
            row.id.simple().to_string(),
            row.sha256.as_ref().map(|digest| &digest.as_bytes()[..]),
            row.last_piece,
        ))?;
    Ok(())
}

/// Notes what was answered; the path may be another one than was asked for.
pub(super) fn set_stored(
    c: &Connection,
    row: Row,
    receipt: &Receipt,
    at_ms: Millis,
) -> Result<Row> {
    c.prepare_cached(
        "UPDATE upload SET ended = 'stored', ended_ms = ?2, path = ?3, sha256 = ?4, length = ?5, file_id = ?6,
                           version = ?7, sequence = ?8, boot = ?9, metadata = NULL
         WHERE id = ?1",
    )?
    .execute((
        row.id.simple().to_string(),
        at_ms,
        receipt.path.as_str(),
        &receipt.sha256.as_bytes()[..],
        receipt.size,
        receipt.id,
        receipt.version,
        receipt.sequence,
        receipt.boot,
    ))?;
    Ok(Row {
        end: Some(End::Stored),
        ended_ms: Some(at_ms),
        path: Some(receipt.path.clone()),
        metadata: None,
        sha256: Some(receipt.sha256),
        length: Some(receipt.size),
        stored: Stored {
            file_id: Some(receipt.id),
            version: Some(receipt.version),
            sequence: Some(receipt.sequence),
            boot: Some(receipt.boot),
        },
        ..row
    })
}

/// Ends an upload without a file of its own.
pub(super) fn end(c: &Connection, id: UploadId, end: End, at_ms: Millis, freed: u64) -> Result<()> {
    c.prepare_cached(
        "UPDATE upload SET ended = ?2, ended_ms = ?3, freed = ?4, metadata = NULL, concat = NULL
         WHERE id = ?1 AND ended IS NULL",
    )?
    .execute((id.simple().to_string(), end.word(), at_ms, freed))?;
    Ok(())
}

/// Nothing is known of an upload any more.
pub(super) fn forget(c: &Connection, id: UploadId) -> Result<()> {
    c.prepare_cached("DELETE FROM upload WHERE id = ?1")?
        .execute([id.simple().to_string()])?;
    Ok(())
}

fn one(c: &Connection, sql: &str, parameters: impl rusqlite::Params) -> Result<Option<Row>> {
    let mut statement = c.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    rows.next()?.map(row_of).transpose()
}

pub(super) fn row_of(row: &rusqlite::Row<'_>) -> Result<Row> {
    let digest = |column| -> Result<Option<Digest>> {
        let bytes: Option<Vec<u8>> = row.get(column)?;
        bytes.map(|bytes| Digest::from_slice(&bytes)).transpose()
    };
    let path: Option<String> = row.get(3)?;
    let ended: Option<String> = row.get(12)?;
    Ok(Row {
        id: UploadId::try_parse(&row.get::<_, String>(0)?).map_err(unreadable)?,
        key: row.get(1)?,
        actor: row.get(2)?,
        path: path.as_deref().map(FilePath::parse).transpose()?,
        if_present: if_present(&row.get::<_, String>(4)?),
        expected: digest(5)?,
        length: row.get(6)?,
        metadata: row.get(7)?,
        concat: row.get(8)?,
        created_ms: row.get(9)?,
        sha256: digest(10)?,
        last_piece: row.get(11)?,
        // An end that only a later release knows is an end.
        end: ended.map(|word| {
            let known = End::ALL.into_iter().find(|end| end.word() == word);
            known.unwrap_or(End::Terminated)
        }),
        ended_ms: row.get(13)?,
        stored: Stored {
            file_id: row.get(14)?,
            version: row.get(15)?,
            sequence: row.get(16)?,
            boot: row.get(17)?,
        },
        principal: Principal {
            account: row.get(18)?,
            token: row.get(19)?,
            link: row.get(20)?,
        },
    })
}

fn unreadable(error: uuid::Error) -> Error {
    Error::damaged("A row of the catalog is not what this release writes.").because(error)
}

fn word(if_present: IfPresent) -> &'static str {
    match if_present {
        IfPresent::Version => "version",
        IfPresent::KeepBoth => "keep-both",
        IfPresent::Skip => "skip",
    }
}

fn if_present(word: &str) -> IfPresent {
    match word {
        "keep-both" => IfPresent::KeepBoth,
        "skip" => IfPresent::Skip,
        _ => IfPresent::Version,
    }
}
