//! What `wharfside check` asks of the library: its own view, read whole, for comparison.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::catalog;
use super::entry::{FileContent, FileId};
use super::{Library, Settings, collecting, finding};
use crate::error::Result;
use crate::store::index::tantivy::Searcher;
use crate::store::{Digest, Store};

/// Who names a content, and how large it is said to be.
#[derive(Clone, Debug)]
pub struct Named {
    pub size: u64,
    /// A path, for people.
    pub by: String,
}

/// Live files, split by whether the index should know their latest change.
#[derive(Clone, Debug, Default)]
pub struct Live {
    pub settled: HashMap<FileId, String>,
    /// Files with a change that the index has yet to apply, live or not.
    pub changing: HashSet<FileId>,
}

impl Library {
    /// Opens what is there to look at it, and only that; see [`Store::attach`].
    ///
    /// # Errors
    /// Those of [`Store::attach`].
    pub fn attach(settings: &Settings) -> Result<Self> {
        let (fields, spec) = finding::index(settings.generation.index_revision);
        let (store, report) = Store::attach(settings.options(spec))?;
        Ok(Self::of(store, fields, settings, report))
    }

    /// Closes a library that was [attached](Self::attach).
    pub fn detach(&self) {
        self.readers.close();
        self.store.detach();
    }

    /// What is wrong with the catalog in itself, a sentence each.
    pub fn catalog_problems(&self) -> Result<Vec<String>> {
        self.store.sql.read(|c| {
            let mut problems = texts(
                c,
                "SELECT * FROM pragma_quick_check WHERE quick_check <> 'ok'",
            )?;
            problems.extend(texts(
                c,
                "SELECT 'file ' || id || ' has no row in the outbox.' FROM file
                 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE file_id = file.id)",
            )?);
            problems.extend(texts(
                c,
                "SELECT 'file ' || id || ' has no version ' || version || '.' FROM file
                 WHERE NOT EXISTS (SELECT 1 FROM version
                     WHERE file_id = file.id AND number = file.version AND sha256 = file.sha256)",
            )?);
            problems.extend(folder_problems(c)?);
            Ok(problems)
        })
    }

    /// Every content that a version or a boot names.
    pub fn named_contents(&self) -> Result<HashMap<Digest, Named>> {
        self.store.sql.read(|c| {
            let mut statement = c.prepare(
                "SELECT version.sha256, version.size, file.path
                 FROM version JOIN file ON file.id = version.file_id",
            )?;
            let mut rows = statement.query([])?;
            let mut named = HashMap::new();
            while let Some(row) = rows.next()? {
                let by = Named {
                    size: row.get(1)?,
                    by: row.get(2)?,
                };
                named.insert(catalog::digest_of(row, 0)?, by);
            }
            Ok(named)
        })
    }

    /// Whether a content is named now.
    pub fn names(&self, digest: &Digest) -> Result<bool> {
        self.store.sql.read(|c| collecting::is_named(c, digest))
    }

    /// How far the index has come, and the files it holds, in no order.
    pub fn indexed_files(&self) -> Result<(u64, Vec<FileId>)> {
        self.store.index.refresh()?;
        let applied = self.searchable_through();
        Ok((applied, self.store.index.read(ids_in)?))
    }

    /// Files whose latest change is at most `applied` are settled. Ask after the index, so that
    /// what is settled here had not changed when the index was asked.
    pub fn live_files(&self, applied: u64) -> Result<Live> {
        self.store.sql.read(|c| {
            let mut statement = c.prepare(
                "SELECT outbox.file_id, outbox.sequence, file.path, file.trashed_ms
                 FROM outbox LEFT JOIN file ON file.id = outbox.file_id",
            )?;
            let mut rows = statement.query([])?;
            let mut live = Live::default();
            while let Some(row) = rows.next()? {
                let id = row.get(0)?;
                let sequence: u64 = row.get(1)?;
                let path: Option<String> = row.get(2)?;
                let trashed: Option<i64> = row.get(3)?;
                if sequence > applied {
                    live.changing.insert(id);
                } else if let (Some(path), None) = (path, trashed) {
                    live.settled.insert(id, path);
                }
            }
            Ok(live)
        })
    }

    /// Live files that should have facts, but have none.
    pub fn files_without_facts(&self) -> Result<Vec<String>> {
        let through = self.facts_through()?;
        let contents = self.store.sql.read(|c| {
            let mut statement = c.prepare(
                "SELECT file.sha256, file.path, file.id FROM file JOIN outbox ON outbox.file_id = file.id
                 WHERE file.trashed_ms IS NULL AND outbox.sequence <= ?1",
            )?;
            let mut rows = statement.query([through])?;
            let mut contents = Vec::new();
            while let Some(row) = rows.next()? {
                let content = FileContent {
                    file: row.get(2)?,
                    sha256: catalog::digest_of(row, 0)?,
                };
                contents.push((content, row.get::<_, String>(1)?));
            }
            Ok(contents)
        })?;
        let mut without = Vec::new();
        for (content, path) in contents {
            if self.facts(&content)?.is_none() && self.has_content(&content)? {
                without.push(path);
            }
        }
        Ok(without)
    }
}

/// What a folder counts at any depth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    files: i64,
    bytes: i64,
}

/// Folders that count something else than what lies in them, in order of their paths.
fn folder_problems(c: &rusqlite::Connection) -> Result<Vec<String>> {
    let found = found_below_folders(c)?;
    let mut counted: HashMap<String, Counts> = HashMap::new();
    let mut statement = c.prepare("SELECT path, files, bytes FROM folder")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (files, bytes) = (row.get(1)?, row.get(2)?);
        counted.insert(row.get(0)?, Counts { files, bytes });
    }
    let folders: BTreeSet<&String> = found.keys().chain(counted.keys()).collect();
    let of = |all: &HashMap<String, Counts>, path| all.get(path).copied().unwrap_or_default();
    Ok(folders
        .into_iter()
        .map(|path| (path, of(&counted, path), of(&found, path)))
        .filter(|(_, said, real)| said != real)
        .map(|(path, said, real)| {
            format!(
                "folder {path:?} counts {} files of {} bytes, but has {} of {} bytes.",
                said.files, said.bytes, real.files, real.bytes
            )
        })
        .collect())
}

/// Every folder that a live file's path names, with what lies below it. The paths alone are
/// asked, because everything else is derived from them.
fn found_below_folders(c: &rusqlite::Connection) -> Result<HashMap<String, Counts>> {
    let mut found: HashMap<String, Counts> = HashMap::new();
    let mut statement = c.prepare("SELECT path, size FROM file WHERE trashed_ms IS NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (path, bytes): (String, i64) = (row.get(0)?, row.get(1)?);
        let mut above = path.as_str();
        while !above.is_empty() {
            above = above.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !found.contains_key(above) {
                found.insert(above.to_owned(), Counts::default());
            }
            if let Some(counts) = found.get_mut(above) {
                counts.files += 1;
                counts.bytes += bytes;
            }
        }
    }
    Ok(found)
}

fn texts(c: &rusqlite::Connection, sql: &str) -> Result<Vec<String>> {
    let mut statement = c.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}

fn ids_in(searcher: &Searcher) -> Result<Vec<FileId>> {
    let mut ids = Vec::new();
    for segment in searcher.segment_readers() {
        let column = segment.fast_fields().i64(super::search::ID)?;
        ids.extend(segment.doc_ids_alive().filter_map(|doc| column.first(doc)));
    }
    Ok(ids)
}
