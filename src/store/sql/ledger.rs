//! The boot ledger: one row per start, with what it noted about its sentinels and its own life.
//!
//! Two releases share these tables, so what a later release adds has to leave the statements of
//! the one before valid: columns that may be absent, and tables of their own.

pub(in crate::store) mod overlap;
pub(in crate::store) mod term;

use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::Result;
use crate::store::boots::{Beside, Boot, Ending, Sentinel};
use crate::store::{Digest, now_ms};

/// An earlier boot with what it noted about its sentinels.
pub(in crate::store) struct Earlier {
    pub(in crate::store) boot: Boot,
    pub(in crate::store) sentinel: Sentinel,
    /// Set after the blob and the file in `boots/` were durable.
    pub(in crate::store) blob: Option<Digest>,
    /// When the facts file that holds it was begun, in milliseconds since the epoch; 0 if none
    /// does, 1 if that was not noted.
    pub(in crate::store) in_kv: i64,
    /// The same for the index.
    pub(in crate::store) in_index: i64,
}

/// A boot of which no end is noted.
pub(in crate::store) struct Open {
    pub(in crate::store) number: u64,
    pub(in crate::store) started_ms: i64,
    pub(in crate::store) last_seen_ms: i64,
    /// Whether it keeps the lock on its file for as long as it lives.
    pub(in crate::store) locked: bool,
}

/// A sign of life.
pub(in crate::store) struct Beat {
    pub(in crate::store) number: u64,
    pub(in crate::store) ready_ms: Option<i64>,
    pub(in crate::store) told_ms: Option<i64>,
    pub(in crate::store) beside: Vec<Beside>,
}

/// The columns that [`boot_of`] reads, in its order.
const BOOT: &str = "number, release, host, pid, started_ms, last_seen_ms, ended_ms, \
     ready_ms, told_ms, ending";
/// The same of a ledger that no release with these columns has opened yet.
const BOOT_BEFORE: &str = "number, release, host, pid, started_ms, last_seen_ms, ended_ms, \
     NULL, NULL, NULL";

/// Columns that the first releases did not know.
const ADDED: [(&str, &str); 4] = [
    ("ready_ms", "INTEGER"),
    ("told_ms", "INTEGER"),
    ("ending", "TEXT"),
    ("locked", "INTEGER NOT NULL DEFAULT 0"),
];

/// Creates the ledger's tables, or adds what a ledger of an earlier release lacks; part of every
/// catalog on this kit.
pub(in crate::store) fn create_tables(c: &Connection) -> Result<()> {
    c.execute_batch(
        "CREATE TABLE IF NOT EXISTS kit_boot (
             number       INTEGER PRIMARY KEY AUTOINCREMENT,
             token        TEXT NOT NULL,
             release      TEXT NOT NULL,
             host         TEXT NOT NULL,
             pid          INTEGER NOT NULL,
             started_ms   INTEGER NOT NULL,
             last_seen_ms INTEGER NOT NULL,
             ended_ms     INTEGER,
             blob         BLOB,
             in_kv        INTEGER NOT NULL DEFAULT 0,
             in_index     INTEGER NOT NULL DEFAULT 0
         ) STRICT;
         CREATE INDEX IF NOT EXISTS kit_boot_open ON kit_boot (number) WHERE ended_ms IS NULL;",
    )?;
    for (column, declaration) in ADDED {
        if !has_column(c, column)? {
            c.execute_batch(&format!(
                "ALTER TABLE kit_boot ADD COLUMN {column} {declaration}"
            ))?;
        }
    }
    overlap::create_table(c)?;
    term::create_table(c)
}

fn has_column(c: &Connection, column: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('kit_boot') WHERE name = ?1)";
    Ok(c.prepare_cached(sql)?
        .query_row([column], |row| row.get(0))?)
}

/// Whoever only looks may find a ledger that this release has not extended yet.
fn boot_columns(c: &Connection) -> Result<&'static str> {
    let (last, _) = ADDED[ADDED.len() - 1];
    Ok(if has_column(c, last)? {
        BOOT
    } else {
        BOOT_BEFORE
    })
}

/// Whether a blob is a boot's sentinel.
pub fn names_blob(c: &Connection, digest: &Digest) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM kit_boot WHERE blob = ?1)";
    Ok(c.prepare_cached(sql)?
        .query_row([digest.as_bytes()], |row| row.get(0))?)
}

/// Answers the number given: one never used, in the ledger or (should the ledger be an older
/// copy) up to `taken`.
pub(in crate::store) fn insert(
    c: &Connection,
    boot: &Boot,
    token: &str,
    taken: u64,
) -> Result<u64> {
    let number = (latest(c)? < taken).then_some(taken + 1);
    c.execute(
        "INSERT INTO kit_boot (number, token, release, host, pid, started_ms, last_seen_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            number,
            token,
            &boot.release,
            &boot.host,
            boot.pid,
            boot.started_ms,
            boot.last_seen_ms,
        ),
    )?;
    Ok(c.last_insert_rowid() as u64)
}

/// The blob and the file are durable, and the file's lock is held.
pub(in crate::store) fn note_blob(c: &Connection, number: u64, blob: &Digest) -> Result<()> {
    let sql = "UPDATE kit_boot SET blob = ?2, locked = 1 WHERE number = ?1";
    c.execute(sql, (number, blob.as_bytes()))?;
    Ok(())
}

/// `born_ms` tells which file it is in: another one may take its place.
pub(in crate::store) fn note_in_kv(c: &Connection, number: u64, born_ms: i64) -> Result<()> {
    let sql = "UPDATE kit_boot SET in_kv = ?2 WHERE number = ?1";
    c.execute(sql, (number, born_ms.max(1)))?;
    Ok(())
}

pub(in crate::store) fn note_in_index(c: &Connection, numbers: &[u64], born_ms: i64) -> Result<()> {
    let mut note = c.prepare_cached("UPDATE kit_boot SET in_index = ?2 WHERE number = ?1")?;
    for number in numbers {
        note.execute((number, born_ms.max(1)))?;
    }
    Ok(())
}

/// Whoever can say that it lives has not ended, whatever others concluded.
pub(in crate::store) fn beat(c: &Connection, beat: &Beat) -> Result<()> {
    c.prepare_cached(
        "UPDATE kit_boot SET last_seen_ms = ?2, ready_ms = ?3, told_ms = ?4,
                ended_ms = NULL, ending = NULL
         WHERE number = ?1",
    )?
    .execute((beat.number, now_ms(), beat.ready_ms, beat.told_ms))?;
    overlap::note(c, beat.number, &beat.beside)
}

/// The orderly end, which is also the last sign of life.
pub(in crate::store) fn end(c: &Connection, last: &Beat) -> Result<()> {
    beat(c, last)?;
    c.execute(
        "UPDATE kit_boot SET ended_ms = last_seen_ms, ending = ?2 WHERE number = ?1",
        (last.number, Ending::Drained.word()),
    )?;
    Ok(())
}

/// Notes the end of another boot that is gone without having noted it itself; answers how it
/// ended, unless that was noted in the meantime. `alive_ms` is when it was last seen alive.
pub(in crate::store) fn end_of(
    c: &Connection,
    number: u64,
    alive_ms: i64,
) -> Result<Option<Ending>> {
    let open: Option<Option<i64>> = c
        .query_row(
            "SELECT told_ms FROM kit_boot WHERE number = ?1 AND ended_ms IS NULL",
            [number],
            |row| row.get(0),
        )
        .optional()?;
    let Some(told_ms) = open else { return Ok(None) };
    let ending = match told_ms {
        Some(_) => Ending::Killed,
        None => Ending::Crashed,
    };
    c.execute(
        "UPDATE kit_boot SET ended_ms = max(last_seen_ms, coalesce(told_ms, 0), ?2), ending = ?3
         WHERE number = ?1",
        (number, alive_ms, ending.word()),
    )?;
    Ok(Some(ending))
}

/// Every boot but this one of which no end is noted, oldest first.
pub(in crate::store) fn open(c: &Connection, besides: u64) -> Result<Vec<Open>> {
    let mut statement = c.prepare_cached(
        "SELECT number, started_ms, last_seen_ms, locked FROM kit_boot
         WHERE ended_ms IS NULL AND number <> ?1 ORDER BY number",
    )?;
    let rows = statement.query_map([besides], |row| {
        Ok(Open {
            number: row.get(0)?,
            started_ms: row.get(1)?,
            last_seen_ms: row.get(2)?,
            locked: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// When a boot ended, if that is noted.
pub(in crate::store) fn ended_ms(c: &Connection, number: u64) -> Result<Option<i64>> {
    let sql = "SELECT ended_ms FROM kit_boot WHERE number = ?1";
    let ended: Option<Option<i64>> = c.query_row(sql, [number], |row| row.get(0)).optional()?;
    Ok(ended.flatten())
}

/// The release of a boot, if the ledger knows it.
pub(in crate::store) fn release_of(c: &Connection, number: u64) -> Result<Option<String>> {
    let sql = "SELECT release FROM kit_boot WHERE number = ?1";
    Ok(c.query_row(sql, [number], |row| row.get(0)).optional()?)
}

/// Sentinels of the latest boots after number `after` that were alive at `alive_ms`, newest first.
pub(in crate::store) fn sentinels(
    c: &Connection,
    after: u64,
    alive_ms: i64,
) -> Result<Vec<Sentinel>> {
    let mut statement = c.prepare_cached(
        "SELECT number, token FROM kit_boot
         WHERE number > ?1 AND last_seen_ms >= ?2 ORDER BY number DESC LIMIT 20",
    )?;
    let rows = statement.query_map((after, alive_ms), |row| {
        Ok(Sentinel {
            number: row.get(0)?,
            token: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The latest boots, newest first.
pub(in crate::store) fn list(c: &Connection, limit: u32) -> Result<Vec<Boot>> {
    let columns = boot_columns(c)?;
    let mut statement = c.prepare_cached(&format!(
        "SELECT {columns} FROM kit_boot ORDER BY number DESC LIMIT ?1"
    ))?;
    let rows = statement.query_map([limit], boot_of)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The very first boot and up to `count` before number `before`, oldest first.
pub(in crate::store) fn earlier(c: &Connection, before: u64, count: u32) -> Result<Vec<Earlier>> {
    let columns = boot_columns(c)?;
    let mut statement = c.prepare_cached(&format!(
        "SELECT {columns}, token, blob, in_kv, in_index
         FROM kit_boot
         WHERE number < ?1 AND (number >= ?1 - ?2
            OR number = (SELECT min(number) FROM kit_boot))
         ORDER BY number"
    ))?;
    let mut rows = statement.query((before, count))?;
    let mut earlier = Vec::new();
    while let Some(row) = rows.next()? {
        let boot = boot_of(row)?;
        let blob: Option<Vec<u8>> = row.get(11)?;
        earlier.push(Earlier {
            sentinel: Sentinel {
                number: boot.number,
                token: row.get(10)?,
            },
            boot,
            blob: blob.map(|bytes| Digest::from_slice(&bytes)).transpose()?,
            in_kv: row.get(12)?,
            in_index: row.get(13)?,
        });
    }
    Ok(earlier)
}

/// Highest boot number given so far.
pub(in crate::store) fn latest(c: &Connection) -> Result<u64> {
    let sql = "SELECT max(number) FROM kit_boot";
    let latest: Option<Option<u64>> = c.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(latest.flatten().unwrap_or(0))
}

fn boot_of(row: &Row<'_>) -> rusqlite::Result<Boot> {
    let ended_ms: Option<i64> = row.get(6)?;
    let ending: Option<String> = row.get(9)?;
    Ok(Boot {
        number: row.get(0)?,
        release: row.get(1)?,
        host: row.get(2)?,
        pid: row.get(3)?,
        started_ms: row.get(4)?,
        ready_ms: row.get(7)?,
        told_ms: row.get(8)?,
        last_seen_ms: row.get(5)?,
        ended_ms,
        ending: match ending {
            Some(word) => Ending::of(&word),
            // Releases that noted no more than the time noted only orderly ends.
            None => ended_ms.map(|_| Ending::Drained),
        },
    })
}
