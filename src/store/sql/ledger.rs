//! The boot ledger: one row per start, with what it noted about its sentinels.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::Result;
use crate::store::boots::{Boot, Sentinel};
use crate::store::{Digest, now_ms};

/// An earlier boot with what it noted about its sentinels.
pub(in crate::store) struct Earlier {
    pub(in crate::store) boot: Boot,
    pub(in crate::store) sentinel: Sentinel,
    /// Set after the blob and the file in `boots/` were durable.
    pub(in crate::store) blob: Option<Digest>,
    pub(in crate::store) in_kv: bool,
    pub(in crate::store) in_index: bool,
}

/// Creates the ledger's table; part of every catalog on this kit.
pub(in crate::store) fn create_table(c: &Connection) -> Result<()> {
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
         ) STRICT",
    )?;
    Ok(())
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
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        (
            number,
            token,
            &boot.release,
            &boot.host,
            boot.pid,
            boot.started_ms,
        ),
    )?;
    Ok(c.last_insert_rowid() as u64)
}

pub(in crate::store) fn note_blob(c: &Connection, number: u64, blob: &Digest) -> Result<()> {
    let sql = "UPDATE kit_boot SET blob = ?2 WHERE number = ?1";
    c.execute(sql, (number, blob.as_bytes()))?;
    Ok(())
}

pub(in crate::store) fn note_in_kv(c: &Connection, number: u64) -> Result<()> {
    c.execute("UPDATE kit_boot SET in_kv = 1 WHERE number = ?1", [number])?;
    Ok(())
}

pub(in crate::store) fn note_in_index(c: &Connection, numbers: &[u64]) -> Result<()> {
    let mut note = c.prepare_cached("UPDATE kit_boot SET in_index = 1 WHERE number = ?1")?;
    for number in numbers {
        note.execute([number])?;
    }
    Ok(())
}

pub(in crate::store) fn beat(c: &Connection, number: u64) -> Result<()> {
    let sql = "UPDATE kit_boot SET last_seen_ms = ?2 WHERE number = ?1";
    c.execute(sql, (number, now_ms()))?;
    Ok(())
}

pub(in crate::store) fn end(c: &Connection, number: u64) -> Result<()> {
    let sql = "UPDATE kit_boot SET last_seen_ms = ?2, ended_ms = ?2 WHERE number = ?1";
    c.execute(sql, (number, now_ms()))?;
    Ok(())
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
    let mut statement = c.prepare_cached(
        "SELECT number, release, host, pid, started_ms, last_seen_ms, ended_ms
         FROM kit_boot ORDER BY number DESC LIMIT ?1",
    )?;
    let rows = statement.query_map([limit], boot_of)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The very first boot and up to `count` before number `before`, oldest first.
pub(in crate::store) fn earlier(c: &Connection, before: u64, count: u32) -> Result<Vec<Earlier>> {
    let mut statement = c.prepare_cached(
        "SELECT number, release, host, pid, started_ms, last_seen_ms, ended_ms,
                token, blob, in_kv, in_index
         FROM kit_boot
         WHERE number < ?1 AND (number >= ?1 - ?2
            OR number = (SELECT min(number) FROM kit_boot))
         ORDER BY number",
    )?;
    let mut rows = statement.query((before, count))?;
    let mut earlier = Vec::new();
    while let Some(row) = rows.next()? {
        let boot = boot_of(row)?;
        let blob: Option<Vec<u8>> = row.get(8)?;
        earlier.push(Earlier {
            sentinel: Sentinel {
                number: boot.number,
                token: row.get(7)?,
            },
            boot,
            blob: blob.map(|bytes| Digest::from_slice(&bytes)).transpose()?,
            in_kv: row.get(9)?,
            in_index: row.get(10)?,
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
    Ok(Boot {
        number: row.get(0)?,
        release: row.get(1)?,
        host: row.get(2)?,
        pid: row.get(3)?,
        started_ms: row.get(4)?,
        last_seen_ms: row.get(5)?,
        ended_ms: row.get(6)?,
    })
}
