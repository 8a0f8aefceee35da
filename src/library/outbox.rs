//! The outbox: what changed, in one order for all processes, for every index to follow.

use super::Library;
use super::catalog::{self, ENTRY, FROM};
use super::entry::{Entry, FileContent, FileId};
use super::facts;
use crate::error::Result;
use crate::store::Store;

/// A file that changed after the sequence that was asked for.
#[derive(Clone, Debug)]
pub struct Changed {
    pub sequence: u64,
    pub file: FileId,
    /// Nothing if the file was purged.
    pub entry: Option<Entry>,
}

impl Library {
    /// The next changes after a sequence, oldest first: at most `limit` files, and no more
    /// once their contents add up to `bytes`.
    pub fn changed_after(&self, sequence: u64, limit: usize, bytes: u64) -> Result<Vec<Changed>> {
        let sql = format!(
            "SELECT {ENTRY}, outbox.file_id
             FROM outbox LEFT JOIN file ON file.id = outbox.file_id
             WHERE outbox.sequence > ?1 ORDER BY outbox.sequence LIMIT ?2"
        );
        self.store.sql.read(|c| {
            let mut statement = c.prepare_cached(&sql)?;
            let mut rows = statement.query((sequence, limit))?;
            let (mut changes, mut total) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let entry = match row.get::<_, Option<FileId>>(0)? {
                    Some(_) => Some(catalog::entry_of(row)?),
                    None => None,
                };
                total += entry.as_ref().map_or(0, |entry| entry.size);
                changes.push(Changed {
                    sequence: row.get(9)?,
                    file: row.get(11)?,
                    entry,
                });
                if total >= bytes {
                    break;
                }
            }
            Ok(changes)
        })
    }

    /// The live file of which this is the current content.
    pub(crate) fn live_with(&self, content: &FileContent) -> Result<Option<Entry>> {
        let sql = format!(
            "SELECT {ENTRY} FROM {FROM}
             WHERE file.id = ?1 AND file.sha256 = ?2 AND file.trashed_ms IS NULL"
        );
        let key = (content.file, *content.sha256.as_bytes());
        let found = self.store.sql.read(|c| catalog::entries(c, &sql, key))?;
        Ok(found.into_iter().next())
    }

    /// Whether the file has this content, or had it as a version that is kept.
    pub(crate) fn has_content(&self, content: &FileContent) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM version WHERE sha256 = ?1 AND file_id = ?2)";
        self.store.sql.read(|c| {
            let mut statement = c.prepare_cached(sql)?;
            let key = (content.sha256.as_bytes(), content.file);
            Ok(statement.query_row(key, |row| row.get(0))?)
        })
    }

    /// Highest sequence given so far, by any process.
    pub fn last_sequence(&self) -> Result<u64> {
        self.store.sql.read(catalog::last_sequence)
    }

    /// Highest sequence that the search index has applied: a file is searchable once this has
    /// reached its sequence.
    pub fn searchable_through(&self) -> u64 {
        self.store.index.payload().applied
    }

    /// Number of files that an index follows, purged ones it must forget included.
    pub fn changes(&self) -> Result<u64> {
        self.store
            .sql
            .read(|c| Ok(c.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))?))
    }

    /// Number of changes the index has yet to apply.
    pub fn waiting(&self) -> Result<u64> {
        let through = self.searchable_through();
        self.store.sql.read(|c| {
            let sql = "SELECT count(*) FROM outbox WHERE sequence > ?1";
            Ok(c.prepare_cached(sql)?
                .query_row([through], |row| row.get(0))?)
        })
    }

    /// Drops the rows of purged files that this index has passed, when it is the only one.
    pub(crate) fn prune_outbox(&self) -> Result<()> {
        let folder = self.store.index.folder();
        let others = folder.parent().and_then(|all| std::fs::read_dir(all).ok());
        let alone = others.is_some_and(|entries| {
            entries.flatten().all(|entry| {
                let name = entry.file_name();
                Some(name.as_os_str()) == folder.file_name()
                    || name.to_string_lossy().contains(".bad-")
            })
        });
        if !alone {
            return Ok(());
        }
        let through = self.searchable_through();
        self.store.sql.write(move |c| {
            c.execute(
                "DELETE FROM outbox WHERE sequence <= ?1
                 AND NOT EXISTS (SELECT 1 FROM file WHERE file.id = outbox.file_id)",
                [through],
            )?;
            Ok(())
        })
    }
}

/// What followed the outbox further than the outbox goes has followed another catalog: one that
/// was replaced by an older copy. It begins again. Answers what was done, a sentence each.
pub(super) fn rewind(store: &Store) -> Result<Vec<String>> {
    // Read before the outbox: another process may be moving all three on.
    let applied = store.index.payload().applied;
    let known = facts::progress(&store.kv);
    let last = store.sql.read(catalog::last_sequence)?;
    let mut done = Vec::new();
    if applied > last {
        store.index.replace()?;
        done.push(
            "The search index was ahead of the catalog, which is an older copy; it is being rebuilt."
                .to_owned(),
        );
    }
    if known > last {
        facts::begin_again(&store.kv)?;
        done.push(
            "The facts were ahead of the catalog, which is an older copy; they are being completed."
                .to_owned(),
        );
    }
    Ok(done)
}
