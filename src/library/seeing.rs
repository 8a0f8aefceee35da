//! Folders as a viewer sees them: with nothing of what it may not know of, in the counts either.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::catalog::Change;
use super::entry::{Entry, Folder};
use super::path::FolderPath;
use super::reach::{Reach, Right};
use super::{Library, catalog, listing::Rows};
use crate::error::Result;

/// Which folders right inside another are seen, as far as that is not the same for all.
pub(super) struct Children {
    /// Whether those are seen of which nothing is said, here or below them.
    is_open: bool,
    /// Those of which something is, as they are seen.
    said: BTreeMap<FolderPath, Folder>,
    /// Those of which nothing is seen, whatever lies in them.
    closed: Vec<FolderPath>,
}

impl Reach {
    /// What is seen of a folder, at any depth.
    pub(super) fn folder(&self, c: &Connection, path: &FolderPath) -> Result<Folder> {
        let is_open = self.right(path) >= Right::Read;
        let mut seen = match is_open {
            true => stored(c, path)?,
            false => empty(path),
        };
        for turn in self.turns(path, Right::Read) {
            let below = self.folder(c, &turn)?;
            if is_open {
                let all = stored(c, &turn)?;
                seen.files = seen.files.saturating_sub(all.files - below.files);
                seen.bytes = seen.bytes.saturating_sub(all.bytes - below.bytes);
            } else {
                seen.files += below.files;
                seen.bytes += below.bytes;
            }
        }
        Ok(seen)
    }

    pub(super) fn children(&self, c: &Connection, folder: &FolderPath) -> Result<Children> {
        let mut children = Children {
            is_open: self.right(folder) >= Right::Read,
            said: BTreeMap::new(),
            closed: Vec::new(),
        };
        for child in self.children_with_turns(folder) {
            match self.may_know(&child) {
                true => {
                    let seen = self.folder(c, &child)?;
                    children.said.insert(child, seen);
                }
                false => children.closed.push(child),
            }
        }
        Ok(children)
    }

    /// The live files below a folder that may be read.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) if there are none.
    pub(super) fn files_below(&self, c: &Connection, folder: &FolderPath) -> Result<Vec<Entry>> {
        if !self.is_everything() && !self.may_know(folder) {
            return Err(catalog::no_folder(folder));
        }
        let mut entries = catalog::below(c, folder)?;
        entries.retain(|entry| self.may_read(&entry.path));
        match entries.is_empty() {
            true => Err(catalog::no_folder(folder)),
            false => Ok(entries),
        }
    }

    /// Whether a viewer sees any file below a folder.
    pub(super) fn sees_folder(&self, c: &Connection, folder: &FolderPath) -> Result<bool> {
        match self.is_everything() {
            true => catalog::is_folder(c, folder),
            false => Ok(self.folder(c, folder)?.files > 0),
        }
    }
}

impl Library {
    /// What the viewer may do with files right in a folder.
    pub fn right(&self, folder: &FolderPath) -> Result<Right> {
        self.store.sql.read(|c| Ok(self.reach(c)?.right(folder)))
    }

    /// Folders right inside another that are there for the viewer though nothing lies in them yet:
    /// his own, and those that were shared with him.
    pub fn waiting_folders(&self, folder: &FolderPath) -> Result<Vec<Folder>> {
        self.store.sql.read(|c| {
            let reach = self.reach(c)?;
            let said = reach.children(c, folder)?.said.into_values();
            Ok(said.filter(|child| child.files == 0).collect())
        })
    }
}

impl Change {
    /// The live files below a folder that the viewer may read.
    pub(super) fn below(&self, c: &Connection, folder: &FolderPath) -> Result<Vec<Entry>> {
        self.reach(c)?.files_below(c, folder)
    }
}

impl Children {
    /// A condition in SQL on rows of `folder`, and its one parameter, `?at`.
    pub(super) fn condition(&self, at: usize) -> (String, Value) {
        let turned = self.said.values();
        let turned = turned.filter(|folder| (folder.files > 0) != self.is_open);
        let turned = turned.map(|folder| &folder.path);
        let closed = self.closed.iter().filter(|_| self.is_open);
        let paths: Vec<&FolderPath> = turned.chain(closed).collect();
        let not = if self.is_open { "NOT " } else { "" };
        // One parameter, so that the statement is the same however many they are.
        let paths = serde_json::Value::from_iter(paths.into_iter().map(FolderPath::as_str));
        (
            format!("path {not}IN (SELECT value FROM json_each(?{at}))"),
            paths.to_string().into(),
        )
    }

    /// The folder as it is seen.
    pub(super) fn seen(&self, folder: Folder) -> Folder {
        let said = self.said.get(&folder.path);
        said.cloned().unwrap_or(folder)
    }
}

impl Reach {
    /// Rows of the whole listing of a folder.
    pub(super) fn rows(&self, c: &Connection, folder: &FolderPath, deep: bool) -> Result<Rows> {
        if deep {
            let files = self.folder(c, folder)?.files;
            return Ok(Rows { folders: 0, files });
        }
        let files = match self.right(folder) >= Right::Read {
            true => {
                let sql = "SELECT count(*) FROM file WHERE folder = ?1 AND trashed_ms IS NULL";
                c.prepare_cached(sql)?
                    .query_row([folder.as_str()], |row| row.get(0))?
            }
            false => 0,
        };
        Ok(Rows {
            folders: self.count_children(c, folder)?,
            files,
        })
    }

    pub(super) fn count_children(&self, c: &Connection, folder: &FolderPath) -> Result<u64> {
        let (condition, more) = self.children(c, folder)?.condition(2);
        let sql = format!("SELECT count(*) FROM folder WHERE parent = ?1 AND {condition}");
        Ok(c.prepare_cached(&sql)?
            .query_row((folder.as_str(), more), |row| row.get(0))?)
    }
}

fn empty(path: &FolderPath) -> Folder {
    Folder {
        path: path.clone(),
        files: 0,
        bytes: 0,
    }
}

fn stored(c: &Connection, path: &FolderPath) -> Result<Folder> {
    let mut statement = c.prepare_cached("SELECT files, bytes FROM folder WHERE path = ?1")?;
    let mut rows = statement.query([path.as_str()])?;
    Ok(match rows.next()? {
        Some(row) => Folder {
            path: path.clone(),
            files: row.get(0)?,
            bytes: row.get(1)?,
        },
        None => empty(path),
    })
}
