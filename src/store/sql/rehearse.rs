//! What a start of this release would do to the database, tried on a copy beside a running one.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::shape::Shape;
use super::{Migration, Sql, ledger, migrate, prepare};
use crate::error::Result;

/// Rows of a broken reference that are named; the rest is counted.
const NAMED: usize = 5;

/// A database that is there, as a release sees it before it touches it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Migrations applied; 0 where there is no database yet.
    pub version: u32,
    /// Migrations that this release would apply.
    pub missing: u32,
    pub bytes: u64,
    /// The missing migration after which older releases cannot run any more.
    pub contraction: Option<u32>,
    /// Releases that are running, or were until a moment ago.
    pub running: Vec<String>,
}

/// What trying showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// Time to apply the missing migrations; zero where none was missing.
    pub migrated_in: Duration,
    /// What is wrong with the database in itself, before or after, a sentence each.
    pub problems: Vec<String>,
    /// What releases that know only the schema of before would miss, a sentence each.
    pub missed: Vec<String>,
}

impl Sql {
    /// Looks at the database at `path`, which need not exist, and changes nothing.
    ///
    /// # Errors
    /// [`Kind::Incompatible`](crate::error::Kind::Incompatible) when a newer release has closed
    /// it to this one, [`Kind::Damaged`](crate::error::Kind::Damaged) when it is none.
    pub fn survey(path: &Path, migrations: &[Migration]) -> Result<Survey> {
        let known = migrations.len() as u32;
        if !path.exists() {
            return Ok(Survey {
                missing: known,
                ..Survey::default()
            });
        }
        let connection = look_at(path)?;
        let version = migrate::inspect(&connection, migrations)?.version;
        Ok(Survey {
            version,
            missing: known.saturating_sub(version),
            bytes: connection.query_row(
                "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
                [],
                |row| row.get(0),
            )?,
            contraction: migrate::contraction(version, migrations),
            running: migrate::running(&connection)?,
        })
    }

    /// What is wrong with the database at `path` in itself, a sentence each.
    pub fn problems(path: &Path) -> Result<Vec<String>> {
        problems(&look_at(path)?)
    }

    /// Applies the missing migrations to a copy in the folder `scratch`, which the caller made
    /// and removes, and checks it before and after.
    ///
    /// # Errors
    /// Those of the migrations, and of a database that cannot be read.
    pub fn rehearse(path: &Path, migrations: &[Migration], scratch: &Path) -> Result<Trial> {
        let survey = Self::survey(path, migrations)?;
        let mut trial = Trial::default();
        let target = scratch.join("catalog.sqlite");
        if survey.version > 0 {
            migrate::snapshot(&look_at(path)?, &target)?;
        }
        let mut copy = super::connect(&target)?;
        trial.problems = problems(&copy)?;
        if !trial.problems.is_empty() {
            return Ok(trial);
        }
        let before = Shape::of(&copy)?;
        let started = Instant::now();
        let transaction = copy.transaction()?;
        migrate::advance(&transaction, survey.version, migrations)?;
        ledger::create_tables(&transaction)?;
        transaction.commit()?;
        trial.migrated_in = started.elapsed();
        trial.problems = problems(&copy)?;
        trial.missed = before.missing_in(&Shape::of(&copy)?);
        if trial.missed.is_empty() {
            // Rows are taken out and put back, whatever refers to them.
            copy.pragma_update(None, "foreign_keys", "OFF")?;
            trial.missed = before.refused_in(&copy)?;
        }
        Ok(trial)
    }
}

/// A connection that leaves everything as it finds it. One that may not write leaves SQLite's
/// two files beside the database behind if they were not there; one that may removes them, but
/// would also empty a log that a killed process left.
fn look_at(path: &Path) -> Result<Connection> {
    let log = path.with_extension("sqlite-wal");
    let may_write = if log.exists() {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    };
    let flags = may_write | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    prepare(&mut connection)?;
    connection.pragma_update(None, "query_only", "ON")?;
    Ok(connection)
}

/// What SQLite finds wrong: pages, indexes, rows that refer to nothing.
fn problems(c: &Connection) -> Result<Vec<String>> {
    let texts = |sql: &str| -> Result<Vec<String>> {
        let mut statement = c.prepare(sql)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let mut problems =
        texts("SELECT quick_check FROM pragma_quick_check WHERE quick_check <> 'ok'")?;
    let dangling = texts(
        "SELECT 'a row of ' || \"table\" || ' refers to a row of ' || parent || ' that is not there'
         FROM pragma_foreign_key_check",
    )?;
    let more = dangling.len().saturating_sub(NAMED);
    problems.extend(dangling.into_iter().take(NAMED));
    if more > 0 {
        problems.push(format!("{more} more rows refer to nothing"));
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::error::Kind;
    use crate::store::rehearse::Scratch;
    use crate::store::wake::Wake;

    const FIRST: Migration = Migration {
        sql: "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",
        compatible_back_to: 0,
    };

    fn step(sql: &'static str, compatible_back_to: u32) -> Migration {
        Migration {
            sql,
            compatible_back_to,
        }
    }

    /// A database with a row, open as a running release has it.
    fn running(dir: &Path) -> Sql {
        let wake = Arc::new(Wake::open(dir).unwrap());
        let (sql, _) = Sql::open(&dir.join("t.sqlite"), &[FIRST], dir, wake, |_| Ok(())).unwrap();
        for text in ["one", "two"] {
            sql.write(move |c| Ok(c.execute("INSERT INTO note (text) VALUES (?1)", [text])?))
                .unwrap();
        }
        sql
    }

    fn rehearse(dir: &Path, next: Migration) -> Result<Trial> {
        let scratch = Scratch::within(dir)?;
        Sql::rehearse(&dir.join("t.sqlite"), &[FIRST, next], scratch.path())
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_only_adds_passes_and_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let sql = running(dir.path());
        let before = names(dir.path());
        let adds = step(
            "ALTER TABLE note ADD COLUMN colour TEXT NOT NULL DEFAULT ''",
            1,
        );
        let trial = rehearse(dir.path(), adds).unwrap();
        assert_eq!(
            (trial.problems.len(), trial.missed.len()),
            (0, 0),
            "{trial:?}"
        );
        assert!(trial.migrated_in > Duration::ZERO);
        assert_eq!(names(dir.path()), before);
        let version: u32 = sql
            .read(|c| Ok(c.pragma_query_value(None, "user_version", |row| row.get(0))?))
            .unwrap();
        assert_eq!(version, 1);
    }

    #[test]
    fn a_database_that_nobody_has_open_is_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        running(dir.path()).close();
        let path = dir.path().join("t.sqlite");
        let (before, bytes) = (names(dir.path()), std::fs::read(&path).unwrap());
        let survey = Sql::survey(&path, &[FIRST]).unwrap();
        assert_eq!((survey.version, survey.missing), (1, 0));
        assert_eq!(survey.bytes, bytes.len() as u64);
        assert_eq!(Sql::problems(&path).unwrap(), [""; 0]);
        let adds = step("CREATE TABLE other (id INTEGER PRIMARY KEY) STRICT", 1);
        rehearse(dir.path(), adds).unwrap();
        assert_eq!(names(dir.path()), before);
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn what_fails_or_breaks_the_older_release_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let _sql = running(dir.path());
        let before = names(dir.path());
        let error = rehearse(
            dir.path(),
            step("CREATE UNIQUE INDEX u ON note (length(text))", 1),
        );
        let sentence = error.unwrap_err().to_string();
        assert!(sentence.contains("Migration 2"), "{sentence}");
        assert!(sentence.contains("UNIQUE constraint failed"), "{sentence}");
        let breaks = step("ALTER TABLE note RENAME COLUMN text TO body", 1);
        let trial = rehearse(dir.path(), breaks).unwrap();
        assert!(
            trial
                .missed
                .contains(&"the column note.text is gone".to_owned()),
            "{trial:?}"
        );
        assert_eq!(names(dir.path()), before);
    }

    #[test]
    fn nothing_is_there_yet() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("none.sqlite");
        let survey = Sql::survey(&path, &[FIRST]).unwrap();
        assert_eq!((survey.version, survey.missing, survey.bytes), (0, 1, 0));
        let scratch = Scratch::within(dir.path()).unwrap();
        let trial = Sql::rehearse(&path, &[FIRST], scratch.path()).unwrap();
        assert_eq!(
            (trial.problems.len(), trial.missed.len()),
            (0, 0),
            "{trial:?}"
        );
        assert!(!path.exists());
    }

    #[test]
    fn p7_a_release_that_runs_writes_no_more_once_its_schema_is_closed_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let old = running(dir.path());
        old.admitted().unwrap();
        let wake = Arc::new(Wake::open(dir.path()).unwrap());
        let closes = step("ALTER TABLE note RENAME COLUMN text TO body", 2);
        let path = dir.path().join("t.sqlite");
        let (new, _) = Sql::open(&path, &[FIRST, closes], dir.path(), wake, |_| Ok(())).unwrap();
        let count = |sql: &Sql| {
            sql.read(|c| Ok(c.query_row("SELECT count(*) FROM note", [], |row| row.get(0))?))
        };
        let before: u32 = count(&new).unwrap();
        let refused = old.write(|c| Ok(c.execute("DELETE FROM note", [])?));
        assert_eq!(refused.unwrap_err().kind(), Kind::Incompatible);
        assert_eq!(old.admitted().unwrap_err().kind(), Kind::Incompatible);
        assert_eq!(count(&new).unwrap(), before);
        new.admitted().unwrap();
        let written = new.write(|c| Ok(c.execute("DELETE FROM note", [])?));
        assert_eq!(written.unwrap(), 2);
    }

    #[test]
    fn what_ends_an_older_release_waits_until_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let old = running(dir.path());
        old.write(|c| {
            ledger::create_tables(c)?;
            c.execute(
                "INSERT INTO kit_boot (token, release, host, pid, started_ms, last_seen_ms)
                 VALUES ('t', 'a1b2', 'h', 1, ?1, ?1)",
                [crate::store::now_ms()],
            )?;
            Ok(())
        })
        .unwrap();
        let path = dir.path().join("t.sqlite");
        let closes = step("CREATE TABLE other (id INTEGER PRIMARY KEY) STRICT", 2);
        let open = || {
            let wake = Arc::new(Wake::open(dir.path()).unwrap());
            Sql::open(&path, &[FIRST, closes], dir.path(), wake, |_| Ok(()))
        };
        let error = open().err().unwrap();
        assert_eq!(error.kind(), Kind::Incompatible);
        assert!(
            error.sentence().contains("Release a1b2 is running"),
            "{error}"
        );
        let survey = Sql::survey(&path, &[FIRST, closes]).unwrap();
        assert_eq!(survey.contraction, Some(2));
        assert_eq!(survey.running, ["a1b2"]);
        old.write(|c| Ok(c.execute("UPDATE kit_boot SET ended_ms = 1", [])?))
            .unwrap();
        open().unwrap();
    }
}
