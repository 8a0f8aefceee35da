//! Folders as a viewer sees them: with nothing of what it may not know of, in the counts either.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use rusqlite::Connection;

use super::catalog::Change;
use super::entry::{Entry, Folder};
use super::path::FolderPath;
use super::reach::{Reach, Right};
use super::text::fold;
use super::{Library, catalog, listing::Rows};
use crate::error::Result;

/// What is seen of the folders right inside another, as far as that is not the same for all of them.
#[derive(Debug)]
pub(super) struct Children {
    /// Those of which something is seen, or could be, as they are seen.
    said: BTreeMap<FolderPath, Folder>,
    /// Those in which files lie, and none is seen.
    hidden: BTreeSet<FolderPath>,
    /// All that are seen, by name, where that is known.
    shown: Option<Vec<Shown>>,
    /// All that is seen of the folder itself.
    whole: Folder,
}

/// A folder at its place in an order by name.
#[derive(Debug)]
struct Shown {
    sort_name: String,
    folder: Folder,
}

/// Files and bytes, as differences that add up to what is seen.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    files: i64,
    bytes: i64,
}

/// Fewer folders that say something are cheaper to look at than to remember.
const MIN_REMEMBERED: usize = 50;
/// A folder with more in it is listed from the catalog each time, past what is hidden.
const MAX_SHOWN: usize = 20_000;

impl Reach {
    /// What is seen of a folder, at any depth: all that lies in it if it is open, less what lies where
    /// reading ends below, and more what lies where it begins again.
    pub(super) fn folder(&self, c: &Connection, path: &FolderPath) -> Result<Folder> {
        let mut terms = self.crossings(path, Right::Read);
        if self.right(path) >= Right::Read {
            terms.push((path, true));
        }
        let mut sum = Sum::default();
        stored(c, &terms, |_, _, files, bytes| sum.add(files, bytes))?;
        Ok(sum.of(path.clone()))
    }

    /// What is seen right inside a folder; where much is said, it is remembered until something changes.
    pub(super) fn children(&self, c: &Connection, folder: &FolderPath) -> Result<Arc<Children>> {
        let Some((id, memory)) = self.memory() else {
            return Ok(self.children_now(c, folder)?.into());
        };
        let event = catalog::last_event(c)?;
        if let Some(children) = memory.recall(*id, folder, event) {
            return Ok(children);
        }
        let mut children = self.children_now(c, folder)?;
        let is_remembered = self.below(folder).nth(MIN_REMEMBERED).is_some();
        if is_remembered {
            children.look_at_shown(c, folder)?;
        }
        let children = Arc::new(children);
        if is_remembered {
            memory.remember(*id, folder, event, &children);
        }
        Ok(children)
    }

    fn children_now(&self, c: &Connection, folder: &FolderPath) -> Result<Children> {
        let is_open = self.right(folder) >= Right::Read;
        let turned = self.children_with_turns(folder);
        let mut terms = self.crossings(folder, Right::Read);
        let crossings = terms.len();
        // All that lies in each, to tell those in which nothing is seen from those that are not there.
        let crossed: HashSet<&str> = terms.iter().map(|(path, _)| path.as_str()).collect();
        let others = turned.iter();
        let others = others.filter(|child| is_open && !crossed.contains(child.as_str()));
        terms.extend(others.map(|child| (child, true)));
        if is_open {
            terms.push((folder, true));
        }
        let (mut whole, mut sums) = (Sum::default(), BTreeMap::<&str, Sum>::new());
        stored(c, &terms, |at, path, files, bytes| {
            if at < crossings || path == folder.as_str() {
                whole.add(files, bytes);
            }
            if path == folder.as_str() {
                return;
            }
            let child = child_of(folder, path);
            let sum = sums.entry(child).or_default();
            // Where reading ends right in an open folder, all of the child was left out from the start.
            if !(is_open && files < 0 && child == path) {
                sum.add(files, bytes);
            }
        })?;
        let (mut said, mut hidden) = (BTreeMap::new(), BTreeSet::new());
        for child in &turned {
            let sum = sums.get(child.as_str());
            let seen = sum.copied().unwrap_or_default().of(child.clone());
            if sum.is_some() && seen.files == 0 {
                hidden.insert(child.clone());
            }
            if self.may_know(child) {
                said.insert(child.clone(), seen);
            }
        }
        let mut children = Children {
            said,
            hidden,
            shown: None,
            whole: whole.of(folder.clone()),
        };
        if !is_open {
            let seen = children.said.values().filter(|seen| seen.files > 0);
            children.shown = Some(by_name(seen.cloned().collect()));
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

    /// How much is remembered with it.
    pub(super) fn rows(&self) -> usize {
        let shown = self.shown.as_ref().map_or(0, Vec::len);
        self.said.len() + self.hidden.len() + shown
    }

    /// Looks once at all folders right inside, so that a page of those that are seen is a part of a list.
    fn look_at_shown(&mut self, c: &Connection, folder: &FolderPath) -> Result<()> {
        if self.shown.is_some() {
            return Ok(());
        }
        let mut statement =
            c.prepare_cached("SELECT path, files, bytes FROM folder WHERE parent = ?1 LIMIT ?2")?;
        let mut rows = statement.query((folder.as_str(), MAX_SHOWN + 1))?;
        let (mut looked, mut shown) = (0, Vec::new());
        while let Some(row) = rows.next()? {
            looked += 1;
            if self.shows(row.get_ref(0)?.as_str().unwrap_or_default()) {
                shown.push(self.seen(Folder {
                    path: FolderPath::parse(&row.get::<_, String>(0)?)?,
                    files: row.get(1)?,
                    bytes: row.get(2)?,
                }));
            }
        }
        if looked <= MAX_SHOWN {
            self.shown = Some(by_name(shown));
        }
        Ok(())
    }

    /// A page of those that are seen, by name and behind `last` or `offset` others, where all are known.
    pub(super) fn page(
        &self,
        rises: bool,
        last: Option<&FolderPath>,
        limit: usize,
        offset: u64,
    ) -> Option<Vec<Folder>> {
        let all = self.shown.as_ref()?;
        let place = |shown: &Shown, last: &FolderPath| {
            let key = (shown.sort_name.as_str(), &shown.folder.path);
            key.cmp(&(fold(last.name()).as_str(), last))
        };
        let rest = match last {
            None => &all[..],
            Some(last) if rises => &all[all.partition_point(|shown| place(shown, last).is_le())..],
            Some(last) => &all[..all.partition_point(|shown| place(shown, last).is_lt())],
        };
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let folders = rest.iter().map(|shown| shown.folder.clone());
        Some(match rises {
            true => folders.skip(offset).take(limit).collect(),
            false => folders.rev().skip(offset).take(limit).collect(),
        })
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
            let files = self.children(c, folder)?.whole.files;
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
        if let Some(shown) = &children.shown {
            return Ok(shown.len() as u64);
        }
        let sql = "SELECT count(*) FROM folder WHERE parent = ?1";
        let all: u64 = c
            .prepare_cached(sql)?
            .query_row([folder.as_str()], |row| row.get(0))?;
        Ok(all.saturating_sub(children.hidden.len() as u64))
    }
}

fn by_name(folders: Vec<Folder>) -> Vec<Shown> {
    let mut all: Vec<Shown> = folders
        .into_iter()
        .map(|folder| Shown {
            sort_name: fold(folder.path.name()),
            folder,
        })
        .collect();
    all.sort_by(|a, b| (&a.sort_name, &a.folder.path).cmp(&(&b.sort_name, &b.folder.path)));
    all
}

impl Sum {
    fn add(&mut self, files: i64, bytes: i64) {
        self.files += files;
        self.bytes += bytes;
    }

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

/// Hands what lies in each of these folders to `take`, with its place among them, as far as they are
/// there: positive for those that are marked, negative for the others.
fn stored<'a>(
    c: &Connection,
    folders: &[(&'a FolderPath, bool)],
    mut take: impl FnMut(usize, &'a str, i64, i64),
) -> Result<()> {
    let mut statement = c.prepare_cached("SELECT files, bytes FROM folder WHERE path = ?1")?;
    for (at, (path, is_added)) in folders.iter().enumerate() {
        let mut rows = statement.query([path.as_str()])?;
        if let Some(row) = rows.next()? {
            let (files, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
            let sign = if *is_added { 1 } else { -1 };
            take(at, path.as_str(), sign * files, sign * bytes);
        }
    }
    Ok(())
}
