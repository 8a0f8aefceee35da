//! Garbage collection: a blob goes only when nothing names it.
//!
//! Safe beside any number of writing processes, because (1) a blob must be older than the grace
//! period, which each upload of its content begins anew; (2) whether it is named is checked again
//! inside the write transaction that removes it; and (3) an upload checks, inside the transaction
//! that names a blob, that it is still there, and puts it back if not.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension};

use super::Library;
use crate::error::Result;
use crate::store::blobs::{BlobEntry, Blobs, Found};
use crate::store::{Digest, crash, now_ms, sql};

/// A content that was once named is collected after the grace period; one that is found without
/// a name waits this many times longer, because a catalog restored from an older copy names
/// fewer, and the newer copy may yet be found.
const FOUND_WAITS: u32 = 168;
/// Blobs looked at between two pauses of a full walk.
const STRIDE: usize = 256;

impl Library {
    /// Removes contents that have had no name for `grace`; answers how many and their bytes.
    pub fn collect(&self, grace: Duration) -> Result<(u64, u64)> {
        let before_ms = now_ms() - grace.as_millis() as i64;
        let candidates = self.store.sql.read(|c| {
            let mut statement =
                c.prepare_cached("SELECT sha256 FROM unnamed WHERE since_ms <= ?1")?;
            let rows = statement.query_map([before_ms], |row| row.get::<_, Vec<u8>>(0))?;
            rows.map(|bytes| Digest::from_slice(&bytes?))
                .collect::<Result<Vec<_>>>()
        })?;
        let (mut count, mut bytes) = (0, 0);
        for digest in candidates {
            let blobs = self.store.blobs.clone();
            let removed = self
                .store
                .sql
                .write(move |c| remove_if_unnamed(c, &blobs, &digest, grace))?;
            if let Some(size) = removed {
                count += 1;
                bytes += size;
                self.forget_facts(&digest)?;
            }
        }
        Ok((count, bytes))
    }

    /// Removes a content that got its name and was refused then, unless anybody else has it: nothing
    /// of what was refused takes room. What fails here is made up for by the walk over all contents.
    pub(super) fn discard_refused(&self, digest: Digest) {
        let blobs = self.store.blobs.clone();
        let discarded = self.store.sql.write(move |c| {
            if is_named(c, &digest)? || is_awaited(c, &digest)? {
                return Ok(false);
            }
            blobs.remove(&digest)
        });
        if let Err(error) = discarded {
            tracing::warn!(%error, %digest, "a content that was refused could not be removed");
        }
    }

    /// Walks all blobs for those that a killed upload left without a name, and notes them for
    /// [`collect`](Self::collect). Pauses often; `go_on` may end it early.
    pub fn find_unnamed(&self, grace: Duration, go_on: impl Fn() -> bool) -> Result<()> {
        let mut stride = Vec::with_capacity(STRIDE);
        for entry in self.store.blobs.iter() {
            let BlobEntry {
                digest, modified, ..
            } = match entry {
                Ok(Found::Blob(entry)) => entry,
                Ok(Found::Foreign(_)) => continue,
                Err(error) => {
                    tracing::warn!(%error, "an entry in blobs/ could not be read");
                    continue;
                }
            };
            if is_older(modified, grace) {
                stride.push(digest);
            }
            if stride.len() == STRIDE {
                self.note_unnamed(std::mem::take(&mut stride), grace)?;
                std::thread::sleep(Duration::from_millis(5));
                if !go_on() {
                    return Ok(());
                }
            }
        }
        self.note_unnamed(stride, grace)
    }

    fn note_unnamed(&self, digests: Vec<Digest>, grace: Duration) -> Result<()> {
        let unnamed = self.store.sql.read(|c| {
            let mut unnamed = Vec::new();
            for digest in &digests {
                if !is_named(c, digest)? {
                    unnamed.push(*digest);
                }
            }
            Ok(unnamed)
        })?;
        if unnamed.is_empty() {
            return Ok(());
        }
        let extra = grace * (FOUND_WAITS - 1);
        let since_ms = now_ms() + extra.as_millis() as i64;
        self.store.sql.write(move |c| {
            let mut insert = c.prepare_cached(
                "INSERT OR IGNORE INTO unnamed (sha256, since_ms) VALUES (?1, ?2)",
            )?;
            for digest in unnamed {
                insert.execute((digest.as_bytes(), since_ms))?;
            }
            Ok(())
        })
    }
}

/// Invariant: runs inside a write transaction, so no other process can name the blob meanwhile.
fn remove_if_unnamed(
    c: &Connection,
    blobs: &Blobs,
    digest: &Digest,
    grace: Duration,
) -> Result<Option<u64>> {
    let forget = |c: &Connection| -> Result<()> {
        c.prepare_cached("DELETE FROM unnamed WHERE sha256 = ?1")?
            .execute([digest.as_bytes()])?;
        Ok(())
    };
    if is_named(c, digest)? || !blobs.contains(digest)? {
        forget(c)?;
        return Ok(None);
    }
    if !is_older(blobs.modified(digest)?, grace) {
        return Ok(None);
    }
    let size = blobs
        .open_blob(digest)?
        .metadata()
        .map_or(0, |found| found.len());
    blobs.remove(digest)?;
    crash::point("collect.removed");
    forget(c)?;
    Ok(Some(size))
}

pub(super) fn is_named(c: &Connection, digest: &Digest) -> Result<bool> {
    let sql = "SELECT 1 FROM version WHERE sha256 = ?1 LIMIT 1";
    let named: Option<i64> = c
        .prepare_cached(sql)?
        .query_row([digest.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(named.is_some() || sql::names_blob(c, digest)?)
}

/// Whether an unfinished upload has this content, or it had a name lately and is kept for a while.
fn is_awaited(c: &Connection, digest: &Digest) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM upload WHERE ended IS NULL AND sha256 = ?1)
               OR EXISTS (SELECT 1 FROM unnamed WHERE sha256 = ?1)";
    Ok(c.prepare_cached(sql)?
        .query_row([digest.as_bytes()], |row| row.get(0))?)
}

/// A clock that was set back makes blobs look young, never old.
fn is_older(modified: SystemTime, age: Duration) -> bool {
    SystemTime::now()
        .duration_since(modified)
        .is_ok_and(|since| since >= age)
}
