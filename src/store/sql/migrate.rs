//! Expand-only migrations: the release before and the release after run on the same schema.
//!
//! `user_version` counts the migrations applied. `kit_schema.compatible_back_to` names the
//! oldest release (by the number of migrations it knows) that may still run on this file; a
//! release older than that refuses, and touches nothing.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::error::{Error, Result};

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

pub(super) fn run(
    connection: &mut Connection,
    path: &Path,
    migrations: &[Migration],
    backups: &Path,
) -> Result<Found> {
    let known = migrations.len() as u32;
    let found = version(connection)?;
    refuse_newer(connection, found, known)?;
    if found < known {
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

/// As [`run`], but leaves the schema as it is.
pub(super) fn inspect(connection: &Connection, migrations: &[Migration]) -> Result<Found> {
    let found = version(connection)?;
    refuse_newer(connection, found, migrations.len() as u32)?;
    Ok(Found {
        version: found,
        applied: 0,
    })
}

fn version(connection: &Connection) -> Result<u32> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
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
             only schema {known}; deploy that release or a later one, or restore the copy in \
             backups/ that was made before the upgrade."
        )));
    }
    Ok(())
}

/// All missing migrations in one transaction, so that a kill leaves the old schema or the new.
fn apply(connection: &mut Connection, migrations: &[Migration]) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have migrated while this one waited for the lock.
    let found = version(&transaction)? as usize;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS kit_schema (
             version            INTEGER PRIMARY KEY,
             compatible_back_to INTEGER NOT NULL
         ) STRICT",
    )?;
    for (at, migration) in migrations.iter().enumerate().skip(found) {
        transaction.execute_batch(migration.sql)?;
        transaction.execute(
            "INSERT INTO kit_schema (version, compatible_back_to) VALUES (?1, ?2)",
            (at as u32 + 1, migration.compatible_back_to),
        )?;
        crate::store::crash::point("sql.migrated");
    }
    if found < migrations.len() {
        transaction.pragma_update(None, "user_version", migrations.len() as u32)?;
    }
    transaction.commit()?;
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
    copy(connection, &target)
}

/// Copies page by page into a temporary name, renamed when whole, so that a half copy is never
/// mistaken for a backup.
pub(super) fn copy(connection: &Connection, target: &Path) -> Result<()> {
    let partial = target.with_extension(format!("partial-{}", std::process::id()));
    let mut copy = Connection::open(&partial)?;
    {
        let backup = Backup::new(connection, &mut copy)?;
        loop {
            match backup.step(1024)? {
                StepResult::Done => break,
                StepResult::More => {}
                _ => std::thread::sleep(std::time::Duration::from_millis(5)),
            }
        }
    }
    drop(copy);
    let file = std::fs::File::open(&partial).map_err(|e| Error::io("opening", &partial, e))?;
    file.sync_all()
        .map_err(|e| Error::io("syncing", &partial, e))?;
    std::fs::rename(&partial, target).map_err(|e| Error::io("renaming", &partial, e))?;
    super::super::sync_parent(target)
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
        Sql::open(&dir.join("t.sqlite"), migrations, dir, wake)
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
