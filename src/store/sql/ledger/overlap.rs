//! Overlaps: each process counts for itself what it served while another one lived.

use rusqlite::Connection;

use crate::error::Result;
use crate::store::boots::{Beside, Overlap};

/// Rows that are kept, the latest ones.
const KEPT: u32 = 500;

/// A row is written by `boot` only, and says what it knows about its time beside `other`.
pub(super) fn create_table(c: &Connection) -> Result<()> {
    c.execute_batch(
        "CREATE TABLE IF NOT EXISTS kit_overlap (
             boot     INTEGER NOT NULL,
             other    INTEGER NOT NULL,
             began_ms INTEGER NOT NULL,
             last_ms  INTEGER NOT NULL,
             requests INTEGER NOT NULL,
             PRIMARY KEY (boot, other)
         ) STRICT, WITHOUT ROWID",
    )?;
    Ok(())
}

/// Writes how `boot` stands beside others. A new row makes room for itself.
pub(super) fn note(c: &Connection, boot: u64, beside: &[Beside]) -> Result<()> {
    if beside.is_empty() {
        return Ok(());
    }
    let mut note = c.prepare_cached(
        "INSERT INTO kit_overlap (boot, other, began_ms, last_ms, requests)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (boot, other)
         DO UPDATE SET last_ms = excluded.last_ms, requests = excluded.requests",
    )?;
    for one in beside {
        note.execute((boot, one.other, one.began_ms, one.last_ms, one.requests))?;
    }
    c.prepare_cached(
        "DELETE FROM kit_overlap WHERE (boot, other) IN (
             SELECT boot, other FROM kit_overlap
             ORDER BY max(boot, other) DESC, boot DESC, other DESC LIMIT -1 OFFSET ?1)",
    )?
    .execute([KEPT])?;
    Ok(())
}

/// What both sides noted, for pairs whose later boot is `from` or after; the latest first.
pub(in crate::store) fn list(c: &Connection, from: u64) -> Result<Vec<Overlap>> {
    let mut statement = c.prepare_cached(
        "SELECT min(boot, other) AS older, max(boot, other) AS newer,
                min(began_ms), max(last_ms),
                sum(requests) FILTER (WHERE boot < other),
                sum(requests) FILTER (WHERE boot > other)
         FROM kit_overlap WHERE max(boot, other) >= ?1
         GROUP BY older, newer ORDER BY newer DESC, older DESC",
    )?;
    let rows = statement.query_map([from], |row| {
        Ok(Overlap {
            older: row.get(0)?,
            newer: row.get(1)?,
            began_ms: row.get(2)?,
            last_ms: row.get(3)?,
            older_requests: row.get(4)?,
            newer_requests: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Connection {
        let c = Connection::open_in_memory().unwrap();
        create_table(&c).unwrap();
        c
    }

    fn beside(other: u64, requests: u64) -> Beside {
        Beside {
            other,
            began_ms: 1_000,
            last_ms: 1_000 + requests as i64,
            requests,
        }
    }

    #[test]
    fn both_sides_of_an_overlap_become_one() {
        let c = table();
        note(&c, 7, &[beside(8, 10)]).unwrap();
        note(&c, 8, &[beside(7, 3)]).unwrap();
        note(&c, 7, &[beside(8, 12)]).unwrap();
        note(&c, 9, &[beside(8, 5)]).unwrap();
        let pair = |older, newer, last_ms, older_requests, newer_requests| Overlap {
            older,
            newer,
            began_ms: 1_000,
            last_ms,
            older_requests,
            newer_requests,
        };
        assert_eq!(
            list(&c, 0).unwrap(),
            [
                pair(8, 9, 1_005, None, Some(5)),
                pair(7, 8, 1_012, Some(12), Some(3))
            ]
        );
        assert_eq!(list(&c, 9).unwrap().len(), 1);
    }

    #[test]
    fn only_the_latest_are_kept() {
        let c = table();
        let last = u64::from(KEPT) + 40;
        for boot in 2..=last {
            note(&c, boot, &[beside(boot - 1, 1)]).unwrap();
        }
        let kept = list(&c, 0).unwrap();
        assert_eq!(kept.len(), KEPT as usize);
        assert_eq!(kept[0].newer, last);
    }
}
