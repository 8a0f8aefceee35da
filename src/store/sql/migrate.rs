//! Expand-only migrations: the release before and the release after run on the same schema.
//!
//! `user_version` counts the migrations applied. `kit_schema.compatible_back_to` names the
//! oldest release (by the number of migrations it knows) that may still run on this file; a
//! release older than that refuses, and touches nothing, even if it was running already. So a
//! migration that ends what an older release needs waits until no older one runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::error::{Error, Kind, Result};
use crate::store::{crash, now_ms, sync_parent};

/// A process that was killed leaves no word of its end; after so long without a sign of life it
/// counts as gone. Three heartbeats.
const SILENCE: Duration = Duration::from_secs(45);
/// Half a copy that is this old was left by a process that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// One step of the schema. Only additions: new tables, new indexes, new columns with a default.
/// Inserts of the release before must stay valid.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    pub sql: &'static str,
    /// How many migrations a release must know at least to run after this one; 0 where any may.
    pub compatible_back_to: u32,
}

/// What was there when the database was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Migrations applied before this start.
    pub version: u32,
    /// Migrations that this start applied.
    pub applied: u32,
}

/// Applies what is missing beyond schema `found`, as [`inspect`] told it.
pub(super) fn run(
    connection: &mut Connection,
    found: u32,
    path: &Path,
    migrations: &[Migration],
    backups: &Path,
) -> Result<Found> {
    let known = migrations.len() as u32;
    if found < known {
        refuse_beside_older(connection, found, migrations)?;
        if found > 0 {
            keep_copy(connection, path, backups, found)?;
            crate::store::crash::point("sql.copied");
        }
        apply(connection, migrations)?;
    }
    Ok(Found {
        version: found,
        applied: known.saturating_sub(found),
    })
}

/// The schema that is there, if it is ours and this release may run on it; changes nothing.
pub(super) fn inspect(connection: &Connection, migrations: &[Migration]) -> Result<Found> {
    let version = admitted(connection, migrations.len() as u32)?;
    refuse_foreign(connection, version)?;
    Ok(Found {
        version,
        applied: 0,
    })
}

/// A database in which somebody else keeps something is not made ours: what our own named would be
/// lost without a word. Ours has tables of the kit since the first start.
fn refuse_foreign(connection: &Connection, version: u32) -> Result<()> {
    let (tables, has_ours): (u32, bool) = connection.query_row(
        "SELECT count(*), coalesce(max(name GLOB 'kit_*'), 0) FROM sqlite_schema WHERE type = 'table'",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let is_new = tables == 0 && version == 0;
    if has_ours || is_new {
        return Ok(());
    }
    let path = connection.path().unwrap_or("The catalog");
    Err(Error::incompatible(format!(
        "{path} is a database of something else: it has tables, and none of Wharfside's. Move it \
         away and put the catalog back from a backup. Nothing was changed."
    )))
}

/// The schema that is there now, if a release that knows `known` migrations may run on it.
///
/// # Errors
/// [`Kind::Incompatible`] if it may not, or not any more.
pub(super) fn admitted(connection: &Connection, known: u32) -> Result<u32> {
    let found = version(connection)?;
    refuse_newer(connection, found, known)?;
    Ok(found)
}

fn version(connection: &Connection) -> Result<u32> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// The first missing migration after which the releases that know only what is there cannot run
/// any more.
pub(super) fn contraction(found: u32, migrations: &[Migration]) -> Option<u32> {
    let missing = migrations.iter().zip(1..).skip(found as usize);
    missing
        .filter(|_| found > 0)
        .find(|(migration, _)| migration.compatible_back_to > found)
        .map(|(_, number)| number)
}

/// Names of the releases that are running, or were until a moment ago.
pub(super) fn running(connection: &Connection) -> Result<Vec<String>> {
    let since = now_ms() - SILENCE.as_millis() as i64;
    let has_ledger: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'kit_boot')",
        [],
        |row| row.get(0),
    )?;
    if !has_ledger {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(
        "SELECT DISTINCT release FROM kit_boot
         WHERE ended_ms IS NULL AND last_seen_ms >= ?1 ORDER BY release",
    )?;
    let releases = statement.query_map([since], |row| row.get(0))?;
    Ok(releases.collect::<rusqlite::Result<_>>()?)
}

/// A release that runs must not lose the schema it works with; this one waits for its end.
fn refuse_beside_older(
    connection: &Connection,
    found: u32,
    migrations: &[Migration],
) -> Result<()> {
    let Some(number) = contraction(found, migrations) else {
        return Ok(());
    };
    let running = running(connection)?;
    if running.is_empty() {
        return Ok(());
    }
    Err(Error::incompatible(format!(
        "Release {} is running and cannot work with the catalog once migration {number} of this \
         release is applied; stop it first (on Dokku: dokku ps:stop APP), then start this one.",
        running.join(" and ")
    )))
}

fn refuse_newer(connection: &Connection, found: u32, known: u32) -> Result<()> {
    if found <= known {
        return Ok(());
    }
    let back_to: Option<u32> = connection
        .query_row(
            "SELECT max(compatible_back_to) FROM kit_schema",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if back_to.is_some_and(|back_to| back_to > known) {
        return Err(Error::incompatible(format!(
            "The catalog was upgraded to schema {found} by a newer release, and this release knows \
             only schema {known}; deploy that release or a later one, or stop every release, put \
             the copy in backups/ from before the upgrade in place of the catalog, and remove \
             catalog.sqlite-wal."
        )));
    }
    Ok(())
}

/// All missing migrations in one transaction, so that a kill leaves the old schema or the new.
fn apply(connection: &mut Connection, migrations: &[Migration]) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have migrated, or an older release started, while this one waited for
    // the lock. An older one that gets no further than this may not write to its ledger any more.
    let found = admitted(&transaction, migrations.len() as u32)?;
    refuse_beside_older(&transaction, found, migrations)?;
    advance(&transaction, found, migrations)?;
    transaction.commit()?;
    Ok(())
}

/// Applies what is missing, inside the caller's transaction.
pub(super) fn advance(c: &Connection, found: u32, migrations: &[Migration]) -> Result<()> {
    c.execute_batch(
        "CREATE TABLE IF NOT EXISTS kit_schema (
             version            INTEGER PRIMARY KEY,
             compatible_back_to INTEGER NOT NULL
         ) STRICT",
    )?;
    for (migration, number) in migrations.iter().zip(1u32..).skip(found as usize) {
        c.execute_batch(migration.sql)
            .map_err(|error| failed(number, error))?;
        c.execute(
            "INSERT INTO kit_schema (version, compatible_back_to) VALUES (?1, ?2)",
            (number, migration.compatible_back_to),
        )?;
        crash::point("sql.migrated");
    }
    if (found as usize) < migrations.len() {
        c.pragma_update(None, "user_version", migrations.len() as u32)?;
    }
    Ok(())
}

fn keep_copy(connection: &Connection, path: &Path, backups: &Path, version: u32) -> Result<()> {
    let stem = path
        .file_stem()
        .and_then(|s| s.to_str())
        .unwrap_or("catalog");
    let target = backups.join(format!("{stem}-before-schema-{}.sqlite", version + 1));
    if target.exists() {
        return Ok(());
    }
    sweep_partial(backups);
    let partial = Partial::beside(&target);
    // Another process may be migrating just now: a copy of what comes after would be none of
    // what was before.
    if snapshot(connection, &partial.0)? == version {
        partial.finish(&target)?;
    }
    Ok(())
}

/// Copies the whole database as of one moment to a new file, durably.
pub(super) fn copy(connection: &Connection, target: &Path) -> Result<()> {
    let partial = Partial::beside(target);
    snapshot(connection, &partial.0)?;
    partial.finish(target)
}

/// Copies the database as of one moment into a new file; answers the schema it has. All pages in
/// one step: between two, a commit of another process would begin the copy anew, for ever beside
/// a busy one.
pub(super) fn snapshot(connection: &Connection, target: &Path) -> Result<u32> {
    let mut copy = Connection::open(target)?;
    // Synced as a whole by whoever keeps it.
    copy.pragma_update(None, "synchronous", "OFF")?;
    {
        let backup = Backup::new(connection, &mut copy)?;
        while backup.step(-1)? != StepResult::Done {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    version(&copy)
}

/// A copy under a temporary name until it is whole, so that a half copy is never mistaken for a
/// backup; dropped unfinished, it is removed.
struct Partial(PathBuf);

impl Partial {
    /// In containers every process may have the same number, so the name has none.
    fn beside(target: &Path) -> Self {
        let unique = uuid::Uuid::new_v4().simple();
        Self(target.with_extension(format!("partial-{unique}")))
    }

    fn finish(self, target: &Path) -> Result<()> {
        let file = std::fs::File::open(&self.0).map_err(|e| Error::io("opening", &self.0, e))?;
        file.sync_all()
            .map_err(|e| Error::io("syncing", &self.0, e))?;
        std::fs::rename(&self.0, target).map_err(|e| Error::io("renaming", &self.0, e))?;
        sync_parent(target)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone already if it was finished.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Half copies that killed processes left; failing to remove one costs only its space.
fn sweep_partial(backups: &Path) {
    let entries = std::fs::read_dir(backups).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let is_partial = name.to_string_lossy().contains(".partial-");
        let age = entry.metadata().and_then(|found| found.modified());
        let age = age.map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
        if is_partial && age.is_ok_and(|age| age > ABANDONED) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The database's own words: whoever wrote the migration needs them.
fn failed(number: u32, error: rusqlite::Error) -> Error {
    let cause = error.to_string();
    let error = Error::from(error);
    match error.kind() {
        Kind::Internal => Error::internal(format!(
            "Migration {number} of the catalog failed: {cause}."
        )),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Sql;
    use super::*;
    use crate::error::Kind;
    use crate::store::wake::Wake;

    const FIRST: Migration = Migration {
        sql: "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",
        compatible_back_to: 0,
    };
    const ADDS: Migration = Migration {
        sql: "ALTER TABLE note ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'",
        compatible_back_to: 1,
    };
    const BREAKS: Migration = Migration {
        sql: "CREATE TABLE other (id INTEGER PRIMARY KEY) STRICT",
        compatible_back_to: 3,
    };

    fn open(dir: &Path, migrations: &[Migration]) -> Result<(Sql, Found)> {
        let wake = Arc::new(Wake::open(dir).unwrap());
        Sql::open(&dir.join("t.sqlite"), migrations, dir, wake, |_| Ok(()))
    }

    #[test]
    fn an_older_release_keeps_working_on_an_expanded_schema() {
        let dir = tempfile::tempdir().unwrap();
        let (old, found) = open(dir.path(), &[FIRST]).unwrap();
        assert_eq!(
            found,
            Found {
                version: 0,
                applied: 1
            }
        );
        let insert =
            |sql: &Sql| sql.write(|c| Ok(c.execute("INSERT INTO note (text) VALUES ('x')", [])?));
        insert(&old).unwrap();
        let (new, found) = open(dir.path(), &[FIRST, ADDS]).unwrap();
        assert_eq!(
            found,
            Found {
                version: 1,
                applied: 1
            }
        );
        insert(&old).unwrap();
        insert(&new).unwrap();
        assert!(dir.path().join("t-before-schema-2.sqlite").exists());
        // A rollback: the older release starts again beside the newer one.
        let (rolled_back, _) = open(dir.path(), &[FIRST]).unwrap();
        let count: i64 = rolled_back
            .read(|c| Ok(c.query_row("SELECT count(*) FROM note", [], |r| r.get(0))?))
            .unwrap();
        assert_eq!(count, 3);
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_copy_of_what_another_process_has_migrated_already_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path(), &[FIRST, ADDS]).unwrap().0.close();
        let path = dir.path().join("t.sqlite");
        let late = Connection::open(&path).unwrap();
        keep_copy(&late, &path, dir.path(), 1).unwrap();
        drop(late);
        let copies = |name: &String| name.contains("before-schema");
        assert_eq!(names(dir.path()).into_iter().find(copies), None);
        let on_time = Connection::open(&path).unwrap();
        keep_copy(&on_time, &path, dir.path(), 2).unwrap();
        let kept = names(dir.path()).into_iter().filter(copies);
        assert_eq!(kept.collect::<Vec<_>>(), ["t-before-schema-3.sqlite"]);
    }

    #[test]
    fn a_busy_writer_does_not_keep_a_copy_from_being_made() {
        let dir = tempfile::tempdir().unwrap();
        let (sql, _) = open(dir.path(), &[FIRST]).unwrap();
        // More pages than are copied while the writer pauses.
        let large = "INSERT INTO note (text) VALUES (hex(zeroblob(8000000)))";
        sql.write(move |c| Ok(c.execute(large, [])?)).unwrap();
        let target = dir.path().join("copy.sqlite");
        std::thread::scope(|scope| {
            let copied = scope.spawn(|| sql.copy_to(&target));
            while !copied.is_finished() {
                sql.write(|c| Ok(c.execute("INSERT INTO note (text) VALUES ('x')", [])?))
                    .unwrap();
            }
            copied.join().unwrap().unwrap();
        });
        let copy = Connection::open(&target).unwrap();
        let sound: String = copy
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(sound, "ok");
        assert!(
            !names(dir.path())
                .iter()
                .any(|name| name.contains("partial"))
        );
    }

    #[test]
    fn p7_a_release_too_old_for_the_schema_refuses_and_touches_nothing() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path(), &[FIRST, ADDS, BREAKS]).unwrap().0.close();
        let before = std::fs::read(dir.path().join("t.sqlite")).unwrap();
        let error = open(dir.path(), &[FIRST]).err().unwrap();
        assert_eq!(error.kind(), Kind::Incompatible);
        assert!(error.sentence().contains("newer release"), "{error}");
        assert_eq!(std::fs::read(dir.path().join("t.sqlite")).unwrap(), before);
    }
}
