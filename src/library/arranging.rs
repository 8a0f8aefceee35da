//! Changing what is there: rename, move, tag, delete, restore, purge.

use std::time::Duration;

use rusqlite::Connection;
use unicode_normalization::UnicodeNormalization;

use super::Library;
use super::accounts::{Happening, audit, usage};
use super::catalog::{self, Change, path_taken};
use super::entry::{Entry, FileId};
use super::path::{FilePath, FolderPath};
use super::text::fold;
use super::visible::is_visible;
use crate::error::{Error, Result};

/// Longest tag, in bytes of UTF-8.
const MAX_TAG_BYTES: usize = 100;
/// Most tags on one file.
const MAX_TAGS: usize = 50;
/// Files purged in one transaction, so that other writers get their turn.
const PURGED_AT_ONCE: usize = 200;

impl Library {
    /// Gives a live file another path.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::error::Kind::Conflict) if the path is taken.
    pub fn rename(&self, id: FileId, to: &FilePath) -> Result<Entry> {
        let (to, change) = (to.clone(), self.change());
        self.store.sql.write(move |c| {
            let entry = live(c, id, &change)?;
            if entry.path != to {
                let mut moving = change.begin_move(c)?;
                moving.require_file(c, entry.path.name(), &entry.path.folder(), &to.folder())?;
                match entry.path.name() == to.name() {
                    true => catalog::refuse_invisible_folder(c, &to.folder())?,
                    false => catalog::refuse_invisible(c, &to)?,
                }
                move_file(c, &entry, &to, &change)?;
                moving.finish(c)?;
            }
            catalog::by_id(c, id)
        })
    }

    /// Moves every live file below `from` to the same place below `to`; all or none. Answers
    /// how many were moved.
    pub fn rename_folder(&self, from: &FolderPath, to: &FolderPath) -> Result<u64> {
        let (from, to, change) = (from.clone(), to.clone(), self.change());
        if from.is_root() {
            return Err(Error::invalid(
                "The whole library cannot be renamed; choose a folder.",
            ));
        }
        if to.ancestors().any(|above| above == from) && to != from {
            return Err(Error::invalid(format!(
                "{:?} cannot be moved into itself; choose a folder outside it.",
                from.as_str()
            )));
        }
        self.store.sql.write_large(move |c| {
            let entries = change.below(c, &from)?;
            if from == to {
                return Ok(0);
            }
            let mut moving = change.begin_move(c)?;
            moving.require_folder(c, &from, &to)?;
            let was_there = catalog::is_folder(c, &to)?;
            change.end_links_of_empty(c, &to)?;
            catalog::refuse_invisible_folder(c, &to)?;
            park(c, &entries)?;
            change.add_up_counts();
            for entry in &entries {
                let relative = &entry.path.as_str()[from.as_str().len() + 1..];
                move_file(c, entry, &to.join(relative)?, &change)?;
            }
            change.write_counts(c)?;
            change.move_links(c, &from, &to, was_there)?;
            change.move_rules(c, &from, &to)?;
            moving.finish(c)?;
            Ok(entries.len() as u64)
        })
    }

    /// Replaces a file's tags.
    pub fn set_tags(&self, id: FileId, tags: &[String]) -> Result<Entry> {
        let tags = checked_tags(tags)?;
        let change = self.change();
        self.store.sql.write(move |c| {
            tag(c, &live(c, id, &change)?, &tags, &change)?;
            catalog::by_id(c, id)
        })
    }

    /// Moves a file to the trash; its path is free again.
    pub fn trash(&self, id: FileId) -> Result<Entry> {
        let change = self.change();
        self.store.sql.write(move |c| {
            let entry = live(c, id, &change)?;
            put_aside(c, &entry, &change)?;
            audit::note(c, &change, "", Happening::Deleted, entry.path.as_str())?;
            catalog::by_id(c, id)
        })
    }

    /// Puts a trashed file back to its path.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::error::Kind::Conflict) if another file has taken the path.
    pub fn restore(&self, id: FileId) -> Result<Entry> {
        let change = self.change();
        self.store.sql.write(move |c| {
            put_back(c, &trashed(c, id, &change)?, &change)?;
            catalog::by_id(c, id)
        })
    }

    /// Ends a trashed file for good, with all its versions.
    pub fn purge(&self, id: FileId) -> Result<()> {
        let change = self.change();
        self.store.sql.write(move |c| {
            let entry = trashed(c, id, &change)?;
            audit::note(c, &change, "", Happening::Purged, entry.path.as_str())?;
            end(c, &entry, &change)
        })
    }

    /// Purges what has been in the trash for longer than `age`; answers how many files.
    pub fn purge_older_than(&self, age: Duration) -> Result<u64> {
        let before_ms = self.change().at_ms - age.as_millis() as i64;
        let mut purged = 0;
        loop {
            let change = self.change();
            let batch = self.store.sql.write(move |c| {
                let sql = format!(
                    "SELECT {} FROM {} WHERE file.trashed_ms <= ?1 ORDER BY file.trashed_ms LIMIT ?2",
                    catalog::ENTRY,
                    catalog::FROM
                );
                let entries = catalog::entries(c, &sql, (before_ms, PURGED_AT_ONCE))?;
                for entry in &entries {
                    end(c, entry, &change)?;
                }
                Ok(entries.len())
            })?;
            purged += batch as u64;
            if batch < PURGED_AT_ONCE {
                return Ok(purged);
            }
        }
    }
}

pub(super) fn live(c: &Connection, id: FileId, change: &Change) -> Result<Entry> {
    let entry = catalog::by_id(c, id)?;
    change.reach(c)?.refuse_unseen(&entry)?;
    if entry.trashed_ms.is_some() {
        return Err(Error::conflict(
            "The file is in the trash; restore it first.",
        ));
    }
    Ok(entry)
}

pub(super) fn trashed(c: &Connection, id: FileId, change: &Change) -> Result<Entry> {
    let entry = catalog::by_id(c, id)?;
    change.refuse_unwritable(c, &entry)?;
    if entry.trashed_ms.is_none() {
        return Err(Error::conflict("The file is not in the trash."));
    }
    Ok(entry)
}

/// Replaces the tags of a live file; they are [checked](checked_tags).
pub(super) fn tag(c: &Connection, entry: &Entry, tags: &[String], change: &Change) -> Result<()> {
    change.refuse_unwritable(c, entry)?;
    c.prepare_cached("DELETE FROM tag WHERE file_id = ?1")?
        .execute([entry.id])?;
    let mut insert = c.prepare_cached("INSERT INTO tag (file_id, tag) VALUES (?1, ?2)")?;
    for tag in tags {
        insert.execute((entry.id, tag))?;
    }
    if tags.len() > entry.tags.len() || tags.iter().any(|tag| !entry.tags.contains(tag)) {
        usage::require_metadata_room(c, entry.id)?;
    }
    let tags = tags.join(", ");
    catalog::record(c, change, "tagged", entry.id, &entry.path, Some(&tags))?;
    catalog::to_outbox(c, entry.id)?;
    Ok(())
}

/// A live file goes to the trash.
pub(super) fn put_aside(c: &Connection, entry: &Entry, change: &Change) -> Result<()> {
    change.refuse_unwritable(c, entry)?;
    c.prepare_cached("UPDATE file SET trashed_ms = ?2 WHERE id = ?1")?
        .execute((entry.id, change.at_ms))?;
    catalog::count(c, change, &entry.path.folder(), -1, -(entry.size as i64))?;
    catalog::record(c, change, "trashed", entry.id, &entry.path, None)?;
    catalog::to_outbox(c, entry.id)?;
    Ok(())
}

/// A trashed file comes back to its path.
pub(super) fn put_back(c: &Connection, entry: &Entry, change: &Change) -> Result<()> {
    change.refuse_unwritable(c, entry)?;
    c.prepare_cached("UPDATE file SET trashed_ms = NULL WHERE id = ?1")?
        .execute([entry.id])
        .map_err(|error| path_taken(error, entry.path.as_str()))?;
    catalog::count(c, change, &entry.path.folder(), 1, entry.size as i64)?;
    catalog::record(c, change, "restored", entry.id, &entry.path, None)?;
    catalog::to_outbox(c, entry.id)?;
    Ok(())
}

/// Frees the paths of files, so that those which move together may take each other's. Invariant:
/// no [`FilePath`] has a control character, so no file is in the way here, and the transaction
/// gives each file a path again.
pub(super) fn park<'a>(c: &Connection, entries: impl IntoIterator<Item = &'a Entry>) -> Result<()> {
    let mut park = c.prepare_cached("UPDATE file SET path = char(1) || id WHERE id = ?1")?;
    for entry in entries {
        park.execute([entry.id])?;
    }
    Ok(())
}

pub(super) fn move_file(
    c: &Connection,
    entry: &Entry,
    to: &FilePath,
    change: &Change,
) -> Result<()> {
    change.refuse_unwritable(c, entry)?;
    change.reach(c)?.refuse_unwritable(&to.folder())?;
    to.require_new()?;
    c.prepare_cached(
        "UPDATE file SET path = ?2, folder = ?3, name = ?4, sort_name = ?5 WHERE id = ?1",
    )?
    .execute((
        entry.id,
        to.as_str(),
        to.folder().as_str(),
        to.name(),
        fold(to.name()),
    ))
    .map_err(|error| path_taken(error, to.as_str()))?;
    if to.as_str().len() > entry.path.as_str().len() {
        usage::require_metadata_room(c, entry.id)?;
    }
    let bytes = entry.size as i64;
    catalog::count(c, change, &entry.path.folder(), -1, -bytes)?;
    catalog::count(c, change, &to.folder(), 1, bytes)?;
    let detail = catalog::came_from(&entry.path);
    catalog::record(c, change, "renamed", entry.id, to, Some(&detail))?;
    catalog::to_outbox(c, entry.id)?;
    Ok(())
}

/// Invariant: the outbox row stays, so that every index learns that the file is gone.
pub(super) fn end(c: &Connection, entry: &Entry, change: &Change) -> Result<()> {
    change.refuse_unwritable(c, entry)?;
    c.prepare_cached(
        "INSERT INTO unnamed (sha256, since_ms)
         SELECT DISTINCT sha256, ?2 FROM version WHERE file_id = ?1
         ON CONFLICT (sha256) DO UPDATE SET since_ms = excluded.since_ms",
    )?
    .execute((entry.id, change.at_ms))?;
    c.prepare_cached("DELETE FROM file WHERE id = ?1")?
        .execute([entry.id])?;
    catalog::record(c, change, "purged", entry.id, &entry.path, None)?;
    catalog::to_outbox(c, entry.id)?;
    Ok(())
}

pub(super) fn checked_tags(tags: &[String]) -> Result<Vec<String>> {
    let mut checked: Vec<String> = Vec::new();
    for tag in tags {
        let tag: String = tag.trim().nfc().collect();
        if !is_visible(&tag) {
            continue;
        }
        if tag.len() > MAX_TAG_BYTES || tag.chars().any(|c| c.is_control() || c == ',') {
            return Err(Error::invalid(format!(
                "{tag:?} cannot be a tag; use up to {MAX_TAG_BYTES} bytes without commas or control characters."
            )));
        }
        checked.push(tag);
    }
    checked.sort();
    checked.dedup();
    if checked.len() > MAX_TAGS {
        return Err(Error::invalid(format!(
            "{} tags are too many; {MAX_TAGS} is the most for one file.",
            checked.len()
        )));
    }
    Ok(checked)
}
