//! A selection of files and folders, read at one moment.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, Row};

use super::Library;
use super::catalog::{self, BELOW, bounds};
use super::entry::{FileId, Millis};
use super::path::{FilePath, FolderPath};
use super::reach::{Reach, Right, ways};
use crate::error::{Error, Result};
use crate::store::Digest;

/// What was selected, as it was named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Each with everything below it.
    pub folders: Vec<FolderPath>,
    /// In the trash or not.
    pub files: Vec<FileId>,
    /// And everything that lies in this place when the selection is used.
    pub within: Option<Within>,
}

/// A folder whose contents are selected, and not the folder itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Within {
    pub folder: FolderPath,
    /// Each file below it for itself, instead of what lies directly in it.
    pub flat: bool,
    /// What lies in it and is not selected.
    pub but_files: BTreeSet<FileId>,
    pub but_folders: BTreeSet<FolderPath>,
}

impl Within {
    pub(super) fn takes(&self, id: FileId, path: &FilePath) -> bool {
        !self.but_files.contains(&id) && !is_in_any(path, &self.but_folders)
    }
}

/// A file of a selection, with its content at the moment of selecting.
pub struct Selected<'a> {
    pub id: FileId,
    /// From the root of the library.
    pub whole: &'a str,
    /// From the folder that everything selected lies in.
    pub path: &'a str,
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
    /// Unknown for some of the contents that a former release has stored.
    pub crc32: Option<u32>,
    pub modified_ms: Millis,
}

const COLUMNS: &str = "id, path, sha256, size, modified_ms,
    (SELECT crc32 FROM version WHERE file_id = file.id AND number = file.version)";

impl Library {
    /// Hands every file of a selection to `take`, each once; answers the folder that everything
    /// selected lies in.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) if nothing is selected,
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) if something selected is not there.
    pub fn select(
        &self,
        selection: &Selection,
        mut take: impl FnMut(Selected<'_>) -> Result<()>,
    ) -> Result<FolderPath> {
        let within = selection.within.iter().map(|within| &within.folder);
        let folders: Vec<_> = selection.folders.iter().chain(within).cloned().collect();
        let folders = outermost(&folders);
        let mut ids = selection.files.clone();
        ids.sort_unstable();
        ids.dedup();
        self.store.sql.read(|c| {
            let reach = self.reach(c)?;
            let files = ids.iter().map(|id| path_of(c, *id, &reach));
            let files = files.collect::<Result<Vec<_>>>()?;
            let above = folders.iter().filter_map(FolderPath::parent);
            let above = above.chain(files.iter().map(FilePath::folder));
            let base = match folders.iter().any(FolderPath::is_root) {
                true => FolderPath::default(),
                false => common(above)?,
            };
            let skipped = base.as_str().len() + usize::from(!base.is_root());
            for folder in &folders {
                let within = selection.within.as_ref();
                let within = within.filter(|within| within.folder == *folder);
                each_below(c, folder, &reach, skipped, |file| match within {
                    Some(within) if !within.takes(file.id, &FilePath::parse(file.whole)?) => Ok(()),
                    _ => take(file),
                })?;
            }
            for (id, path) in ids.iter().zip(&files) {
                if !is_below(path, &folders) {
                    let sql = format!("SELECT {COLUMNS} FROM file WHERE id = ?1");
                    c.prepare_cached(&sql)?
                        .query_row([id], |row| Ok(hand_over(row, skipped, &mut take)))??;
                }
            }
            Ok(base)
        })
    }
}

/// Without those that lie in others, in the order of their paths.
pub(super) fn outermost(folders: &[FolderPath]) -> Vec<FolderPath> {
    let mut folders = folders.to_vec();
    folders.sort_unstable();
    folders.dedup();
    let all = folders.clone();
    folders.retain(|folder| {
        let mut above = folder.ancestors().skip(1);
        !above.any(|above| all.binary_search(&above).is_ok())
    });
    folders
}

fn is_in_any(path: &FilePath, folders: &BTreeSet<FolderPath>) -> bool {
    let mut above = ways(path.as_str()).skip(1);
    !folders.is_empty() && above.any(|above| folders.contains(above))
}

pub(super) fn is_below(path: &FilePath, folders: &[FolderPath]) -> bool {
    let folder = path.folder();
    folder
        .ancestors()
        .any(|above| folders.binary_search(&above).is_ok())
}

/// The deepest folder that all of these are or lie in.
fn common(mut folders: impl Iterator<Item = FolderPath>) -> Result<FolderPath> {
    let nothing = "Nothing is selected; name files by id= and folders by folder=.";
    let first = folders.next().ok_or_else(|| Error::invalid(nothing))?;
    Ok(folders.fold(first, |common, folder| {
        let mut shared = common.ancestors();
        shared
            .find(|above| folder.ancestors().any(|other| other == *above))
            .unwrap_or_default()
    }))
}

fn path_of(c: &Connection, id: FileId, reach: &Reach) -> Result<FilePath> {
    let entry = catalog::by_id(c, id)?;
    reach.refuse_unseen(&entry)?;
    Ok(entry.path)
}

fn each_below(
    c: &Connection,
    folder: &FolderPath,
    reach: &Reach,
    skipped: usize,
    mut take: impl FnMut(Selected<'_>) -> Result<()>,
) -> Result<()> {
    let seen = reach.condition(Right::Read, "file.path", 3);
    let sql = format!(
        "SELECT {COLUMNS} FROM file WHERE {BELOW} AND {} ORDER BY path",
        seen.text
    );
    let mut statement = c.prepare_cached(&sql)?;
    let (from, to) = bounds(folder);
    let place = [from, to].map(Value::from).into_iter();
    let parameters = place.chain(seen.parameters);
    let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
    let mut found = 0;
    while let Some(row) = rows.next()? {
        if seen.is_exact || reach.may(Right::Read, row.get_ref(1)?.as_str().unwrap_or_default()) {
            hand_over(row, skipped, &mut take)?;
            found += 1;
        }
    }
    match found {
        0 if folder.is_root() => Err(catalog::no_file()),
        0 => Err(catalog::no_folder(folder)),
        _ => Ok(()),
    }
}

fn hand_over(
    row: &Row<'_>,
    skipped: usize,
    take: &mut impl FnMut(Selected<'_>) -> Result<()>,
) -> Result<()> {
    let path: String = row.get(1)?;
    take(Selected {
        id: row.get(0)?,
        whole: &path,
        path: &path[skipped..],
        sha256: catalog::digest_of(row, 2)?,
        size: row.get(3)?,
        modified_ms: row.get(4)?,
        crc32: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(paths: &[&str]) -> Vec<FolderPath> {
        let parsed = paths.iter().map(|path| FolderPath::parse(path));
        parsed.collect::<Result<_>>().unwrap()
    }

    #[test]
    fn what_lies_in_another_folder_counts_once() {
        assert_eq!(
            outermost(&folders(&["b", "a/c", "a", "a-b", "b"])),
            folders(&["a", "a-b", "b"])
        );
        assert_eq!(outermost(&folders(&["a", ""])), folders(&[""]));
    }

    #[test]
    fn the_common_folder_is_the_deepest() {
        for (given, expected) in [
            (&["a/b/c", "a/b"][..], "a/b"),
            (&["a/b", "a/bc"], "a"),
            (&["a", "b"], ""),
            (&["a/b"], "a/b"),
        ] {
            let found = common(folders(given).into_iter()).unwrap();
            assert_eq!(found.as_str(), expected);
        }
    }
}
