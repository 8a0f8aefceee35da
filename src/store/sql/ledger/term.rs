//! Who held the index lease, term by term, and how it went from one holder to the next.
//!
//! A row holds what its holder knew by itself; how a term began is concluded from two
//! neighbouring rows when they are read, because the holder before may note its end a moment
//! after the next one noted its beginning.
//!
//! Invariant: `taken_ms` is read off the clock *after* the kernel gave the lock and before the
//! index is opened, `released_ms` after the writer is gone and *before* the lock is let go. So
//! no commit of the index falls outside of a term, and terms of one index that do not intersect
//! prove that there was one writer at each instant, though the rows themselves are written
//! afterwards: the lock must not wait for a commit of the catalog. Rows of one index are in the
//! order in which the lock was held, because a holder does not begin before its row is there.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::error::Result;
use crate::store::boots::{Ending, HandOver, Term};

/// Rows that are kept, the latest ones.
const KEPT: u64 = 500;
/// A holder that let go this long before the next one took over was not the one that the next
/// one waited for: a release that keeps no record held the lease in between.
const FORGOTTEN_MS: i64 = 1_000;

pub(super) fn create_table(c: &Connection) -> Result<()> {
    c.execute_batch(
        "CREATE TABLE IF NOT EXISTS kit_lease (
             term        INTEGER PRIMARY KEY AUTOINCREMENT,
             place       TEXT NOT NULL,
             boot        INTEGER NOT NULL,
             taken_ms    INTEGER NOT NULL,
             waited_ms   INTEGER,
             released_ms INTEGER
         ) STRICT",
    )?;
    Ok(())
}

/// Notes that `boot` holds the lease of the index at `place`, and answers the term's number.
/// `waited_ms` is the time since somebody else was last found holding it.
pub(in crate::store) fn begin(
    c: &Connection,
    boot: u64,
    place: &str,
    taken_ms: i64,
    waited_ms: Option<i64>,
) -> Result<u64> {
    c.execute(
        "INSERT INTO kit_lease (boot, place, taken_ms, waited_ms) VALUES (?1, ?2, ?3, ?4)",
        (boot, place, taken_ms, waited_ms),
    )?;
    let term = c.last_insert_rowid() as u64;
    let old = term.saturating_sub(KEPT);
    c.execute("DELETE FROM kit_lease WHERE term <= ?1", [old])?;
    Ok(term)
}

pub(in crate::store) fn end(c: &Connection, term: u64, released_ms: i64) -> Result<()> {
    let sql = "UPDATE kit_lease SET released_ms = ?2 WHERE term = ?1";
    c.execute(sql, (term, released_ms))?;
    Ok(())
}

struct Row {
    term: Term,
    waited_ms: Option<i64>,
    told_ms: Option<i64>,
    ending: Option<String>,
}

/// The terms of boot `from` and of those after it, the latest first.
pub(in crate::store) fn list(c: &Connection, from: u64) -> Result<Vec<Term>> {
    let mut statement = c.prepare_cached(
        "SELECT kit_lease.boot, place, taken_ms, released_ms, waited_ms, told_ms, ending
         FROM kit_lease LEFT JOIN kit_boot ON kit_boot.number = kit_lease.boot
         ORDER BY term",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Row {
            term: Term {
                boot: row.get(0)?,
                index: row.get(1)?,
                taken_ms: row.get(2)?,
                released_ms: row.get(3)?,
                how: HandOver::Free,
                previous: None,
                after_ms: None,
            },
            waited_ms: row.get(4)?,
            told_ms: row.get(5)?,
            ending: row.get(6)?,
        })
    })?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    conclude(&mut rows);
    let terms = rows.into_iter().rev().map(|row| row.term);
    Ok(terms.filter(|term| term.boot >= from).collect())
}

/// `rows` come oldest first.
fn conclude(rows: &mut [Row]) {
    let mut latest: HashMap<String, usize> = HashMap::new();
    for at in 0..rows.len() {
        let before = latest.insert(rows[at].term.index.clone(), at);
        let Some(waited_ms) = rows[at].waited_ms else {
            continue;
        };
        let taken_ms = rows[at].term.taken_ms;
        let held_ms = taken_ms - waited_ms;
        let before = before.map(|before| &mut rows[before]).filter(|before| {
            let released_ms = before.term.released_ms;
            released_ms.is_none_or(|released_ms| released_ms + FORGOTTEN_MS >= held_ms)
        });
        let (how, previous, after_ms) = match before {
            None => (HandOver::Unrecorded, None, waited_ms),
            Some(before) => {
                let ending = before.ending.as_deref().and_then(Ending::of);
                let died = matches!(ending, Some(Ending::Killed | Ending::Crashed));
                let (how, since_ms) = match before.term.released_ms {
                    Some(released_ms) => {
                        let told_ms = before.told_ms.unwrap_or(released_ms);
                        (HandOver::Released, told_ms.min(released_ms))
                    }
                    None if died => (HandOver::Died, held_ms),
                    None => (HandOver::Released, held_ms),
                };
                before.term.released_ms.get_or_insert(held_ms);
                (how, Some(before.term.boot), taken_ms - since_ms)
            }
        };
        let term = &mut rows[at].term;
        (term.how, term.previous) = (how, previous);
        // The clock may have been set back in between.
        term.after_ms = Some(after_ms.max(0).unsigned_abs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Connection {
        let c = Connection::open_in_memory().unwrap();
        super::super::create_tables(&c).unwrap();
        for _ in 1..=4 {
            c.execute_batch(
                "INSERT INTO kit_boot (token, release, host, pid, started_ms, last_seen_ms)
                 VALUES ('t', 'r', 'h', 1, 0, 0)",
            )
            .unwrap();
        }
        c
    }

    fn ended(c: &Connection, boot: u64, told_ms: Option<i64>, ending: &str) {
        let sql = "UPDATE kit_boot SET told_ms = ?2, ended_ms = 1, ending = ?3 WHERE number = ?1";
        c.execute(sql, (boot, told_ms, ending)).unwrap();
    }

    /// How the latest term began: how, after whom, after how many milliseconds.
    fn latest(c: &Connection) -> (HandOver, Option<u64>, Option<u64>) {
        let term = list(c, 0).unwrap().remove(0);
        (term.how, term.previous, term.after_ms)
    }

    #[test]
    fn a_free_lease_was_handed_over_by_nobody() {
        let c = ledger();
        begin(&c, 1, "a", 1_000, None).unwrap();
        assert_eq!(latest(&c), (HandOver::Free, None, None));
    }

    #[test]
    fn a_hand_over_is_counted_from_the_order_to_go() {
        let c = ledger();
        let term = begin(&c, 1, "a", 1_000, None).unwrap();
        begin(&c, 2, "a", 9_080, Some(50)).unwrap();
        // The one before has not noted yet that it let go.
        assert_eq!(latest(&c), (HandOver::Released, Some(1), Some(50)));
        end(&c, term, 9_075).unwrap();
        ended(&c, 1, Some(9_000), "drained");
        assert_eq!(latest(&c), (HandOver::Released, Some(1), Some(80)));
    }

    #[test]
    fn a_death_is_known_as_closely_as_the_next_one_looked() {
        let c = ledger();
        begin(&c, 1, "a", 1_000, None).unwrap();
        ended(&c, 1, None, "crashed");
        begin(&c, 2, "a", 9_080, Some(50)).unwrap();
        assert_eq!(latest(&c), (HandOver::Died, Some(1), Some(50)));
        assert_eq!(list(&c, 0).unwrap()[1].released_ms, Some(9_030));
    }

    #[test]
    fn the_clock_may_be_set_back() {
        let c = ledger();
        let term = begin(&c, 1, "a", 9_000, None).unwrap();
        end(&c, term, 9_900).unwrap();
        begin(&c, 2, "a", 2_000, Some(50)).unwrap();
        assert_eq!(latest(&c), (HandOver::Released, Some(1), Some(0)));
    }

    #[test]
    fn a_release_without_records_may_have_held_it_in_between() {
        let c = ledger();
        let term = begin(&c, 1, "a", 1_000, None).unwrap();
        end(&c, term, 2_000).unwrap();
        begin(&c, 3, "a", 900_000, Some(40)).unwrap();
        assert_eq!(latest(&c), (HandOver::Unrecorded, None, Some(40)));
    }

    #[test]
    fn each_index_has_a_lease_of_its_own() {
        let c = ledger();
        begin(&c, 1, "old", 1_000, None).unwrap();
        begin(&c, 2, "new", 1_500, None).unwrap();
        begin(&c, 3, "old", 2_000, Some(30)).unwrap();
        assert_eq!(latest(&c).1, Some(1));
    }

    #[test]
    fn only_the_latest_are_kept() {
        let c = ledger();
        for n in 0..KEPT + 20 {
            begin(&c, 1, "a", n as i64, None).unwrap();
        }
        assert_eq!(list(&c, 0).unwrap().len(), KEPT as usize);
        assert_eq!(list(&c, 2).unwrap().len(), 0);
    }
}
