//! Folders as a viewer sees them: with nothing of what it may not know of, in the counts either.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use rusqlite::Connection;

use super::catalog::Change;
use super::entry::{Entry, Folder};
use super::path::FolderPath;
use super::reach::{Reach, Right};
use super::{Library, catalog, listing::Rows};
use crate::error::Result;

/// What is seen of the folders right inside another, as far as that is not the same for all of them.
#[derive(Debug)]
pub(super) struct Children {
    /// Whether those are seen of which nothing is said, here or below them.
    is_open: bool,
    /// Those of which something is seen, or could be, as they are seen.
    said: BTreeMap<FolderPath, Folder>,
    /// Those in which files lie, and none is seen.
    hidden: BTreeSet<FolderPath>,
}

/// Files and bytes, as differences that add up to what is seen.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    files: i64,
    bytes: i64,
}

/// Fewer turns are cheaper to look at than to remember.
const MIN_REMEMBERED: usize = 50;

impl Reach {
    /// What is seen of a folder, at any depth: all that lies in it if it is open, less what lies where
    /// reading ends below, and more what lies where it begins again.
    pub(super) fn folder(&self, c: &Connection, path: &FolderPath) -> Result<Folder> {
        let mut terms = self.crossings(path, Right::Read);
        if self.right(path) >= Right::Read {
            terms.push((path, true));
        }
        let mut sum = Sum::default();
        stored(c, &terms, |_, files, bytes| {
            sum.files += files;
            sum.bytes += bytes;
        })?;
        Ok(sum.of(path.clone()))
    }

    /// As [`children_now`](Self::children_now), which is remembered until something changes.
    pub(super) fn children(&self, c: &Connection, folder: &FolderPath) -> Result<Arc<Children>> {
        let event = catalog::last_event(c)?;
        if let Some(children) = self.remembered(folder, event) {
            return Ok(children);
        }
        let children = Arc::new(self.children_now(c, folder)?);
        if children.said.len() + children.hidden.len() >= MIN_REMEMBERED {
            self.remember(folder, event, children.clone());
        }
        Ok(children)
    }

    fn children_now(&self, c: &Connection, folder: &FolderPath) -> Result<Children> {
        let is_open = self.right(folder) >= Right::Read;
        let turned = self.children_with_turns(folder);
        let mut terms = self.crossings(folder, Right::Read);
        // All that lies in each, to tell those in which nothing is seen from those that are not there.
        let crossed: HashSet<&str> = terms.iter().map(|(path, _)| path.as_str()).collect();
        let whole = turned
            .iter()
            .filter(|child| is_open && !crossed.contains(child.as_str()));
        terms.extend(whole.map(|child| (child, true)));
        let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
        stored(c, &terms, |path, files, bytes| {
            let sum = sums.entry(child_of(folder, path)).or_default();
            // Where reading ends right in an open folder, all of it was left out from the start.
            let is_closed_child = is_open && files < 0 && child_of(folder, path) == path;
            if !is_closed_child {
                sum.files += files;
                sum.bytes += bytes;
            }
        })?;
        let mut children = Children {
            is_open,
            said: BTreeMap::new(),
            hidden: BTreeSet::new(),
        };
        for child in &turned {
            let sum = sums.get(child.as_str());
            let seen = sum.copied().unwrap_or_default().of(child.clone());
            if sum.is_some() && seen.files == 0 {
                children.hidden.insert(child.clone());
            }
            if self.may_know(child) {
                children.said.insert(child.clone(), seen);
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
            let children = reach.children(c, folder)?;
            let said = children.said.values();
            Ok(said.filter(|child| child.files == 0).cloned().collect())
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
    /// Whether a folder right inside an open one is seen.
    pub(super) fn shows(&self, path: &str) -> bool {
        !self.hidden.contains(path)
    }

    /// All folders that are seen right inside a closed one; of an open one, only the catalog knows.
    pub(super) fn of_closed(&self) -> Option<impl Iterator<Item = &Folder>> {
        let seen = self.said.values().filter(|seen| seen.files > 0);
        (!self.is_open).then_some(seen)
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
        let children = self.children(c, folder)?;
        if let Some(seen) = children.of_closed() {
            return Ok(seen.count() as u64);
        }
        let sql = "SELECT count(*) FROM folder WHERE parent = ?1";
        let all: u64 = c
            .prepare_cached(sql)?
            .query_row([folder.as_str()], |row| row.get(0))?;
        Ok(all.saturating_sub(children.hidden.len() as u64))
    }
}

impl Sum {
    fn of(self, path: FolderPath) -> Folder {
        Folder {
            path,
            files: self.files.max(0) as u64,
            bytes: self.bytes.max(0) as u64,
        }
    }
}

/// The part of a path below a folder that names what lies right in it.
fn child_of<'a>(folder: &FolderPath, path: &'a str) -> &'a str {
    let skipped = folder.as_str().len() + usize::from(!folder.is_root());
    let end = path[skipped..].find('/');
    &path[..end.map_or(path.len(), |at| skipped + at)]
}

/// Hands what lies in each of these folders to `take`, as far as they are there: positive for those
/// that are marked, negative for the others.
fn stored<'a>(
    c: &Connection,
    folders: &[(&'a FolderPath, bool)],
    mut take: impl FnMut(&'a str, i64, i64),
) -> Result<()> {
    let mut statement = c.prepare_cached("SELECT files, bytes FROM folder WHERE path = ?1")?;
    for (path, is_added) in folders {
        let mut rows = statement.query([path.as_str()])?;
        if let Some(row) = rows.next()? {
            let (files, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
            let sign = if *is_added { 1 } else { -1 };
            take(path.as_str(), sign * files, sign * bytes);
        }
    }
    Ok(())
}
