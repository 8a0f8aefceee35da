//! Rows of the catalog: how they are read, and the writes that several operations share.
//!
//! Everything here runs inside a caller's transaction.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use super::accounts::AccountId;
use super::entry::{Entry, FileId, Millis};
use super::news::{TRIMMED_EVERY, trim_events};
use super::path::{FilePath, FolderPath};
use super::reach::Reach;
use super::rule_set::{RuleCache, RuleSet};
use super::text::fold;
use super::viewer::{LINK_OF, Viewer};
use super::visible::is_visible;
use crate::error::{Error, Kind, Result};
use crate::store::{Digest, now_ms};

/// The columns that [`entry_of`] reads, in its order.
pub(super) const ENTRY: &str = "file.id, file.path, file.version, file.size, file.sha256, \
     file.media_type, file.created_ms, file.modified_ms, file.trashed_ms, outbox.sequence, \
     (SELECT group_concat(tag, char(10)) FROM tag WHERE tag.file_id = file.id)";

/// The tables that [`ENTRY`] needs.
pub(super) const FROM: &str = "file JOIN outbox ON outbox.file_id = file.id";

/// Who makes a change, when, under which boot.
///
/// Invariant: it is used in one transaction only, from which it has what its viewer may.
#[derive(Clone)]
pub(super) struct Change {
    viewer: Arc<Viewer>,
    rules: Arc<RuleCache>,
    reach: OnceCell<Reach>,
    /// What is yet to be added to the counts of folders, while it is added up.
    uncounted: RefCell<Option<Counts>>,
    /// Who is named in the event log.
    pub(super) actor: String,
    pub(super) at_ms: Millis,
    pub(super) boot: u64,
}

impl Change {
    pub(super) fn new(viewer: Arc<Viewer>, rules: Arc<RuleCache>, boot: u64) -> Self {
        Self {
            actor: viewer.name().to_owned(),
            viewer,
            rules,
            reach: OnceCell::new(),
            uncounted: RefCell::new(None),
            at_ms: now_ms(),
            boot,
        }
    }

    /// Called where rules change.
    ///
    /// # Errors
    /// [`Kind::TooMany`] for a member who changes them in a loop.
    pub(super) fn require_rule_pace(&self, c: &Connection) -> Result<()> {
        match self.account() {
            Some(account) if !self.reach(c)?.is_everything() => self.rules.require_pace(account),
            _ => Ok(()),
        }
    }

    /// In the name of whoever began it.
    pub(super) fn begun_by(self, actor: &str) -> Self {
        Self {
            actor: actor.to_owned(),
            ..self
        }
    }

    /// On whose behalf it is made.
    pub(super) fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// Folded name of the account whose quota it counts against: of a link its maker's.
    pub(super) fn payer(&self) -> String {
        let name = self.actor.strip_prefix(LINK_OF).unwrap_or(&self.actor);
        fold(name)
    }

    /// The account that acts, if one does.
    pub(super) fn account(&self) -> Option<AccountId> {
        self.viewer.acting().map(|acting| acting.account)
    }

    /// Where the request comes from; empty for what is done on the machine itself.
    pub(super) fn address(&self) -> String {
        let from = self.viewer.from.map(|address| address.to_string());
        from.unwrap_or_default()
    }

    pub(super) fn reach(&self, c: &Connection) -> Result<&Reach> {
        if let Some(reach) = self.reach.get() {
            return Ok(reach);
        }
        let reach = self.viewer.reach(c, &self.rules)?;
        Ok(self.reach.get_or_init(|| reach))
    }

    /// What all folders say, after what this transaction has changed of it.
    pub(super) fn rules(&self, c: &Connection) -> Result<Arc<RuleSet>> {
        self.rules.rules(c)
    }

    /// As [`reach`](Self::reach), after what this transaction has changed of it.
    pub(super) fn reach_now(&self, c: &Connection) -> Result<Reach> {
        self.viewer.reach(c, &self.rules)
    }

    /// # Errors
    /// [`Kind::NotFound`] if the viewer may not know of the file, [`Kind::Forbidden`] if it may
    /// not change what is beside it.
    pub(super) fn refuse_unwritable(&self, c: &Connection, entry: &Entry) -> Result<()> {
        let reach = self.reach(c)?;
        reach.refuse_unseen(entry)?;
        reach.refuse_unwritable(&entry.path.folder())
    }
}

pub(super) fn entry_of(row: &Row<'_>) -> Result<Entry> {
    let tags: Option<String> = row.get(10)?;
    Ok(Entry {
        id: row.get(0)?,
        path: FilePath::parse(&row.get::<_, String>(1)?).map_err(unreadable)?,
        version: row.get(2)?,
        size: row.get(3)?,
        sha256: digest_of(row, 4)?,
        media_type: row.get(5)?,
        created_ms: row.get(6)?,
        modified_ms: row.get(7)?,
        trashed_ms: row.get(8)?,
        sequence: row.get(9)?,
        tags: tags.map_or_else(Vec::new, |tags| {
            tags.split('\n').map(str::to_owned).collect()
        }),
    })
}

pub(super) fn digest_of(row: &Row<'_>, column: usize) -> Result<Digest> {
    Digest::from_slice(&row.get::<_, Vec<u8>>(column)?).map_err(unreadable)
}

fn unreadable(error: Error) -> Error {
    Error::damaged("A row of the catalog is not what this release writes.").because(error)
}

pub(super) fn by_id(c: &Connection, id: FileId) -> Result<Entry> {
    one(
        c,
        &format!("SELECT {ENTRY} FROM {FROM} WHERE file.id = ?1"),
        id,
    )?
    .ok_or_else(|| no_id(id))
}

pub(super) fn no_id(id: FileId) -> Error {
    Error::not_found(format!("There is no file with id {id}."))
}

pub(super) fn live_by_path(c: &Connection, path: &FilePath) -> Result<Option<Entry>> {
    let sql =
        format!("SELECT {ENTRY} FROM {FROM} WHERE file.path = ?1 AND file.trashed_ms IS NULL");
    one(c, &sql, path.as_str())
}

fn one(c: &Connection, sql: &str, key: impl rusqlite::ToSql) -> Result<Option<Entry>> {
    let mut statement = c.prepare_cached(sql)?;
    let mut rows = statement.query([key])?;
    rows.next()?.map(entry_of).transpose()
}

/// The live files with [`bounds`] as parameters.
pub(super) const BELOW: &str = "file.trashed_ms IS NULL AND file.path >= ?1 AND file.path < ?2";

/// '0' is the character after '/', so this range is every path that starts with "folder/".
/// Below the root is everything.
pub(super) fn bounds(folder: &FolderPath) -> (String, String) {
    match folder.is_root() {
        // No path is empty, and none begins with what is no character.
        true => (String::new(), char::MAX.to_string()),
        false => (format!("{folder}/"), format!("{folder}0")),
    }
}

/// The live files below a folder.
///
/// # Errors
/// [`Kind::NotFound`] if there are none: a folder is there as long as something is in it.
pub(super) fn below(c: &Connection, folder: &FolderPath) -> Result<Vec<Entry>> {
    let sql = format!("SELECT {ENTRY} FROM {FROM} WHERE {BELOW} ORDER BY file.path");
    let found = entries(c, &sql, bounds(folder))?;
    match found.is_empty() {
        true if folder.is_root() => Err(no_file()),
        true => Err(no_folder(folder)),
        false => Ok(found),
    }
}

/// Whether a live file lies below a folder.
pub(super) fn is_folder(c: &Connection, folder: &FolderPath) -> Result<bool> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM file WHERE {BELOW})");
    let mut statement = c.prepare_cached(&sql)?;
    Ok(statement.query_row(bounds(folder), |row| row.get(0))?)
}

pub(super) fn no_file() -> Error {
    Error::not_found("There is no file in the library yet.")
}

pub(super) fn no_folder(folder: &FolderPath) -> Error {
    Error::not_found(format!("There is no folder {:?}.", folder.as_str()))
}

/// Collects what a statement with [`ENTRY`] columns finds.
pub(super) fn entries(
    c: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<Entry>> {
    let mut statement = c.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(entry_of(row)?);
    }
    Ok(found)
}

/// Refuses a path with a part that nobody sees, unless what is called so is there already: names from
/// before go on working, and no new one is added.
///
/// # Errors
/// [`Kind::Invalid`] naming the part.
pub(super) fn refuse_invisible(c: &Connection, path: &FilePath) -> Result<()> {
    if is_visible(path.name()) || live_by_path(c, path)?.is_some() {
        return refuse_invisible_folder(c, &path.folder());
    }
    Err(invisible(path.name()))
}

/// The same of a folder.
///
/// # Errors
/// As [`refuse_invisible`].
pub(super) fn refuse_invisible_folder(c: &Connection, folder: &FolderPath) -> Result<()> {
    if folder.as_str().split('/').all(is_visible) {
        return Ok(());
    }
    for folder in folder.ancestors().filter(|folder| !folder.is_root()) {
        if !is_visible(folder.name()) && !is_folder(c, &folder)? {
            return Err(invisible(folder.name()));
        }
    }
    Ok(())
}

fn invisible(name: &str) -> Error {
    Error::invalid(format!(
        "{name:?} shows nothing on the screen; use a name with a visible character."
    ))
}

/// Moves the file to the end of the outbox and answers its new sequence.
pub(super) fn to_outbox(c: &Connection, id: FileId) -> Result<u64> {
    c.prepare_cached("INSERT OR REPLACE INTO outbox (file_id) VALUES (?1)")?
        .execute([id])?;
    Ok(c.last_insert_rowid() as u64)
}

pub(super) fn record(
    c: &Connection,
    change: &Change,
    kind: &str,
    id: FileId,
    path: &FilePath,
    detail: Option<&str>,
) -> Result<()> {
    c.prepare_cached(
        "INSERT INTO event (at_ms, boot, actor, kind, file_id, path, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((
        change.at_ms,
        change.boot,
        &change.actor,
        kind,
        id,
        path.as_str(),
        detail,
    ))?;
    if c.last_insert_rowid() % TRIMMED_EVERY == 0 {
        trim_events(c)?;
    }
    Ok(())
}

/// Adds to a folder and all above it. Invariant: called in the transaction that makes the
/// difference true.
pub(super) fn count(
    c: &Connection,
    change: &Change,
    folder: &FolderPath,
    files: i64,
    bytes: i64,
) -> Result<()> {
    if let Some(counts) = &mut *change.uncounted.borrow_mut() {
        add(counts, folder.clone(), (files, bytes));
        return Ok(());
    }
    for folder in folder.ancestors() {
        count_one(c, change, &folder, files, bytes)?;
    }
    Ok(())
}

/// Folders that one change can move, delete or restore; some thousand files in ordinary libraries have
/// far fewer.
const MAX_FOLDERS_AT_ONCE: usize = 20_000;

/// Files and bytes to be added to folders, without those above.
type Counts = BTreeMap<FolderPath, (i64, i64)>;

fn add(counts: &mut Counts, folder: FolderPath, (files, bytes): (i64, i64)) {
    let (all_files, all_bytes) = counts.entry(folder).or_default();
    *all_files += files;
    *all_bytes += bytes;
}

impl Change {
    /// From here on counts of folders are added up until they are [written](Self::write_counts): for
    /// many files in deep folders, the folders above would be written once for each.
    pub(super) fn add_up_counts(&self) {
        self.uncounted.replace(Some(Counts::new()));
    }

    /// # Errors
    /// [`Kind::Invalid`] for so many folders, by anybody but owners, that others would wait long.
    pub(super) fn write_counts(&self, c: &Connection) -> Result<()> {
        let counts = self.uncounted.take().unwrap_or_default();
        let mut with_above = Counts::new();
        for (folder, more) in counts {
            for above in folder.ancestors() {
                add(&mut with_above, above, more);
            }
        }
        if with_above.len() > MAX_FOLDERS_AT_ONCE && !self.reach(c)?.is_everything() {
            return Err(Error::invalid(format!(
                "This changes more than {MAX_FOLDERS_AT_ONCE} folders at once; choose fewer of them at a time."
            )));
        }
        for (folder, (files, bytes)) in with_above {
            if (files, bytes) != (0, 0) {
                count_one(c, self, &folder, files, bytes)?;
            }
        }
        Ok(())
    }
}

fn count_one(
    c: &Connection,
    change: &Change,
    folder: &FolderPath,
    files: i64,
    bytes: i64,
) -> Result<()> {
    let counted = c
        .prepare_cached("UPDATE folder SET files = files + ?2, bytes = bytes + ?3 WHERE path = ?1")?
        .execute((folder.as_str(), files, bytes))?;
    if counted == 0 {
        c.prepare_cached(
            "INSERT INTO folder (path, parent, sort_name, files, bytes, account_id)
             VALUES (?1, ?2, ?3, ?4, ?5, (SELECT id FROM account WHERE sort_name = ?6))",
        )?
        .execute((
            folder.as_str(),
            folder.parent().map(String::from),
            fold(folder.name()),
            files,
            bytes,
            change.payer(),
        ))?;
    }
    if files < 0 {
        c.prepare_cached("DELETE FROM folder WHERE path = ?1 AND files <= 0")?
            .execute([folder.as_str()])?;
    }
    Ok(())
}

/// Current number of the newest version of a file.
pub(super) fn next_version(c: &Connection, id: FileId) -> Result<u32> {
    let sql = "SELECT max(number) FROM version WHERE file_id = ?1";
    let newest: Option<u32> = c.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
    Ok(newest.unwrap_or(0) + 1)
}

/// The content of one version: digest, size, media type and time.
pub(super) fn version(
    c: &Connection,
    id: FileId,
    number: u32,
) -> Result<Option<(Digest, u64, String, Millis)>> {
    let sql = "SELECT sha256, size, media_type, created_ms FROM version
               WHERE file_id = ?1 AND number = ?2";
    let mut statement = c.prepare_cached(sql)?;
    let mut rows = statement.query((id, number))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some((
        digest_of(row, 0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
    )))
}

/// Numbers that are tried one after the other for a file that is to be kept beside another.
const TRIED_IN_TURN: u32 = 16;
/// The largest number that such a file gets.
const MAX_NUMBER: u32 = 1_000_000;

/// The path itself, or `name (2).ext`, `name (3).ext` and so on: the first that is free, or, of many, one
/// that follows a taken one. That takes few look-ups however many are taken: many files of one name can
/// be kept in one transaction.
pub(super) fn free_path(c: &Connection, path: &FilePath) -> Result<FilePath> {
    let is_free = |path: &FilePath| Ok::<_, Error>(live_by_path(c, path)?.is_none());
    if is_free(path)? {
        return Ok(path.clone());
    }
    for number in 2..=TRIED_IN_TURN {
        let candidate = path.numbered(number)?;
        if is_free(&candidate)? {
            return Ok(candidate);
        }
    }
    let (mut taken, mut free) = (TRIED_IN_TURN, 2 * TRIED_IN_TURN);
    while !is_free(&path.numbered(free)?)? {
        (taken, free) = (free, 2 * free);
        if free > MAX_NUMBER {
            // Somebody has taken just the numbers that are tried.
            let number = uuid::Uuid::new_v4().as_u128() as u32 % MAX_NUMBER;
            return path.numbered(MAX_NUMBER + number);
        }
    }
    while free - taken > 1 {
        let middle = taken + (free - taken) / 2;
        match is_free(&path.numbered(middle)?)? {
            true => free = middle,
            false => taken = middle,
        }
    }
    path.numbered(free)
}

/// A unique-path violation is the caller's conflict; everything else stays what it is.
pub(super) fn path_taken(error: rusqlite::Error, path: &str) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => Error::new(
            Kind::Conflict,
            format!(
                "There is already a file at {path:?}; choose another path, or delete or rename that file first."
            ),
        ),
        _ => error.into(),
    }
}

/// Highest sequence given so far.
pub(super) fn last_sequence(c: &Connection) -> Result<u64> {
    last_number(c, "outbox")
}

/// Number of the last event.
pub(super) fn last_event(c: &Connection) -> Result<u64> {
    last_number(c, "event")
}

fn last_number(c: &Connection, table: &str) -> Result<u64> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
    Ok(c.prepare_cached(sql)?
        .query_row([table], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

/// How a `renamed` event says in its detail where the file came from.
const CAME_FROM: &str = "from ";

pub(super) fn came_from(path: &FilePath) -> String {
    format!("{CAME_FROM}{path}")
}

/// Where an event says that its file was before, if it does.
pub(super) fn path_left(kind: &str, detail: &str) -> Option<FilePath> {
    let before = detail
        .strip_prefix(CAME_FROM)
        .filter(|_| kind == "renamed")?;
    FilePath::parse(before).ok()
}
