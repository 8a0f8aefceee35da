//! What an older release relies on in a schema, and whether it is still there.
//!
//! It reads and writes with explicit column lists and upserts on unique keys. So tables, columns,
//! their types and the unique keys must stay; nothing new may be compulsory.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::error::Result;

/// Rows of each table that are written again as the older release writes them.
const REWRITTEN: u32 = 200;

/// Tables by name, as far as older releases use them.
pub(super) struct Shape(BTreeMap<String, Table>);

struct Table {
    columns: BTreeMap<String, Column>,
    unique: BTreeSet<String>,
}

#[derive(Clone, PartialEq, Eq)]
struct Column {
    kind: String,
    required: bool,
    has_default: bool,
    /// Place in the primary key, from 1.
    key: u32,
    generated: bool,
}

impl Shape {
    pub(super) fn of(c: &Connection) -> Result<Self> {
        let mut statement = c.prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table'
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )?;
        let names = statement.query_map([], |row| row.get::<_, String>(0))?;
        let mut tables = BTreeMap::new();
        for name in names {
            let name = name?;
            let table = Table {
                columns: columns(c, &name)?,
                unique: unique(c, &name)?,
            };
            tables.insert(name, table);
        }
        Ok(Self(tables))
    }

    /// What a release that was written for this shape misses in `after`, a sentence each.
    pub(super) fn missing_in(&self, after: &Self) -> Vec<String> {
        let mut missing = Vec::new();
        for (name, table) in &self.0 {
            match after.0.get(name) {
                Some(after) => table.missing_in(name, after, &mut missing),
                None => missing.push(format!("the table {name} is gone")),
            }
        }
        missing
    }

    /// Tries, in a transaction that is undone, whether rows that are there could be added as the
    /// older release adds them: new constraints show themselves here. A sentence each where not.
    pub(super) fn refused_in(&self, c: &Connection) -> Result<Vec<String>> {
        let mut refused = Vec::new();
        for (name, table) in &self.0 {
            let columns = table.written();
            c.execute_batch("SAVEPOINT rewrite")?;
            let rewritten = c.execute_batch(&format!(
                "CREATE TEMP TABLE rewritten AS SELECT {columns} FROM main.{name} LIMIT {REWRITTEN};
                 DELETE FROM main.{name};
                 INSERT INTO main.{name} ({columns}) SELECT {columns} FROM temp.rewritten;",
                name = quoted(name),
            ));
            c.execute_batch("ROLLBACK TO rewrite; RELEASE rewrite")?;
            if let Err(error) = rewritten {
                refused.push(format!("a row can no longer be added to {name}: {error}"));
            }
        }
        Ok(refused)
    }
}

impl Table {
    fn missing_in(&self, name: &str, after: &Self, missing: &mut Vec<String>) {
        for (column, was) in &self.columns {
            let of = format!("{name}.{column}");
            match after.columns.get(column) {
                None => missing.push(format!("the column {of} is gone")),
                Some(is) if is.kind != was.kind => missing.push(format!(
                    "the column {of} was {} and is {} now",
                    was.kind, is.kind
                )),
                Some(is) if is.key != was.key || is.generated != was.generated => {
                    missing.push(format!("the column {of} has another role in its table"));
                }
                Some(is) if is.required && !was.required => {
                    missing.push(format!("the column {of} must have a value now"));
                }
                Some(is) if was.has_default && !is.has_default && is.required => {
                    missing.push(format!("the column {of} has no default any more"));
                }
                Some(_) => {}
            }
        }
        for (column, is) in &after.columns {
            let is_new = !self.columns.contains_key(column);
            if is_new && is.required && !is.has_default && !is.generated {
                missing.push(format!(
                    "the new column {name}.{column} must have a value, and has no default"
                ));
            }
        }
        for key in self.unique.difference(&after.unique) {
            missing.push(format!("{name} is not unique by {key} any more"));
        }
        for key in after.unique.difference(&self.unique) {
            missing.push(format!("{name} must be unique by {key} now"));
        }
    }

    /// The columns that can be written, as a list.
    fn written(&self) -> String {
        let written = self.columns.iter().filter(|(_, column)| !column.generated);
        let names: Vec<String> = written.map(|(name, _)| quoted(name)).collect();
        names.join(", ")
    }
}

fn columns(c: &Connection, table: &str) -> Result<BTreeMap<String, Column>> {
    let mut statement = c.prepare(
        "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden
         FROM pragma_table_xinfo(?1)",
    )?;
    let columns = statement.query_map([table], |row| {
        let kind: String = row.get(1)?;
        let key: u32 = row.get(4)?;
        // SQLite numbers the rows of a table by a column that is its integer key.
        let numbered = key == 1 && kind.eq_ignore_ascii_case("INTEGER");
        let column = Column {
            required: row.get(2)?,
            has_default: row.get::<_, bool>(3)? || numbered,
            generated: row.get::<_, u32>(5)? > 1,
            kind,
            key,
        };
        Ok((row.get(0)?, column))
    })?;
    Ok(columns.collect::<rusqlite::Result<_>>()?)
}

/// The columns of each unique index, with the condition under which it holds.
fn unique(c: &Connection, table: &str) -> Result<BTreeSet<String>> {
    let mut statement = c.prepare(
        "SELECT (SELECT group_concat(coalesce(name, 'an expression'), ', ')
                 FROM pragma_index_info(list.name)),
                (SELECT substr(sql, instr(upper(sql), ' WHERE ')) FROM sqlite_schema
                 WHERE sqlite_schema.name = list.name AND list.partial)
         FROM pragma_index_list(?1) AS list WHERE list.\"unique\"",
    )?;
    let keys = statement.query_map([table], |row| {
        let columns: String = row.get(0)?;
        let condition: Option<String> = row.get(1)?;
        Ok(format!("({columns}){}", condition.unwrap_or_default()))
    })?;
    Ok(keys.collect::<rusqlite::Result<_>>()?)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "
        CREATE TABLE note (
            id     INTEGER PRIMARY KEY AUTOINCREMENT,
            path   TEXT NOT NULL,
            colour TEXT,
            length INTEGER GENERATED ALWAYS AS (length(path))
        ) STRICT;
        CREATE UNIQUE INDEX note_path ON note (path) WHERE colour IS NULL;
        CREATE TABLE word (word TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
        INSERT INTO note (path, colour) VALUES ('a', NULL), ('a', 'red'), ('b', 'red');
        INSERT INTO word VALUES ('sea');";

    /// What the release before misses after a change.
    fn misses(change: &str) -> Vec<String> {
        let c = Connection::open_in_memory().unwrap();
        c.execute_batch(BEFORE).unwrap();
        let before = Shape::of(&c).unwrap();
        c.execute_batch(change).unwrap();
        let mut missing = before.missing_in(&Shape::of(&c).unwrap());
        if missing.is_empty() {
            missing = before.refused_in(&c).unwrap();
            let rows: u32 = c
                .query_row("SELECT count(*) FROM note", [], |row| row.get(0))
                .unwrap();
            assert_eq!(rows, 3, "the trial was not undone");
        }
        missing
    }

    #[test]
    fn additions_are_what_an_older_release_can_live_with() {
        for change in [
            "",
            "ALTER TABLE note ADD COLUMN size INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE note ADD COLUMN size INTEGER",
            "CREATE TABLE other (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
            "CREATE INDEX note_colour ON note (colour)",
        ] {
            assert_eq!(misses(change), [""; 0], "{change}");
        }
    }

    #[test]
    fn what_it_would_stumble_over_is_named() {
        for (change, says) in [
            ("DROP TABLE word", "the table word is gone"),
            ("ALTER TABLE note RENAME TO notes", "the table note is gone"),
            (
                "ALTER TABLE note RENAME COLUMN colour TO tint",
                "the column note.colour is gone",
            ),
            (
                "DROP TABLE word; CREATE TABLE word (word BLOB NOT NULL PRIMARY KEY)",
                "the column word.word was TEXT and is BLOB now",
            ),
            (
                "DROP TABLE word; CREATE TABLE word (word TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL)",
                "the new column word.n must have a value, and has no default",
            ),
            (
                "DROP TABLE word; CREATE TABLE word (word TEXT NOT NULL)",
                "the column word.word has another role",
            ),
            ("DROP INDEX note_path", "note is not unique by (path) WHERE"),
            (
                "CREATE UNIQUE INDEX note_key ON note (path, id)",
                "note must be unique by (path, id) now",
            ),
            (
                "CREATE TABLE stricter (id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL,
                     colour TEXT CHECK (colour <> 'red'), length INTEGER GENERATED ALWAYS AS (length(path))) STRICT;
                 DROP TABLE note; ALTER TABLE stricter RENAME TO note;
                 CREATE UNIQUE INDEX note_path ON note (path) WHERE colour IS NULL;
                 PRAGMA ignore_check_constraints = ON;
                 INSERT INTO note (path, colour) VALUES ('a', NULL), ('a', 'red'), ('b', 'red');
                 PRAGMA ignore_check_constraints = OFF",
                "a row can no longer be added to note: CHECK constraint failed",
            ),
        ] {
            let missing = misses(change);
            assert!(
                missing.iter().any(|sentence| sentence.contains(says)),
                "{change}: {missing:?}"
            );
        }
    }
}
