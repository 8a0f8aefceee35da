//! What changed lately: the event log, read from where a follower stands.

use rusqlite::Connection;
use serde::Serialize;
use utoipa::ToSchema;

use super::accounts::LeftFolders;
use super::entry::{FileId, Millis};
use super::path::{FilePath, FolderPath};
use super::reach::Reach;
use super::{Library, catalog};
use crate::error::Result;

/// How far things have come, in two numbers that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Number of the last event.
    pub event: u64,
    /// Sequence through which files can be found by search.
    pub searchable: u64,
}

/// One change of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Event {
    /// From 1, one more with each event.
    pub number: u64,
    pub at_ms: Millis,
    /// `stored`, `renamed`, `tagged`, `trashed`, `restored` or `purged`.
    pub kind: String,
    pub id: FileId,
    /// Where the file is now.
    #[schema(value_type = String)]
    pub path: FilePath,
    /// The folder that it left, if it was moved out of another.
    #[schema(value_type = Option<String>)]
    pub left: Option<FolderPath>,
}

/// Events that are kept: many times what a follower is told one by one, and what one change of very
/// many files can take back.
const MAX_EVENTS: u64 = 200_000;
/// Bytes of paths and details in them.
const MAX_EVENT_BYTES: u64 = 64 << 20;
/// Events that go together; each `TRIMMED_EVERY` recorded ones make that many room.
const TRIM_BATCH: u64 = 512;
pub(super) const TRIMMED_EVERY: i64 = 64;

/// Removes the oldest events beyond those that are kept, a batch at most; answers whether there may
/// be more of them.
pub(super) fn trim_events(c: &Connection) -> Result<bool> {
    trim_to(c, MAX_EVENTS, MAX_EVENT_BYTES)
}

fn trim_to(c: &Connection, most: u64, most_bytes: u64) -> Result<bool> {
    let (first, last) = (oldest_event(c)?, catalog::last_event(c)?);
    let sql = "SELECT bytes FROM event_size";
    let bytes: u64 = c.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    let kept = (last + 1).saturating_sub(first);
    let batch = match bytes > most_bytes {
        true => TRIM_BATCH,
        false => kept.saturating_sub(most).min(TRIM_BATCH),
    };
    if batch == 0 || kept == 0 {
        return Ok(false);
    }
    c.prepare_cached("DELETE FROM event WHERE number < ?1")?
        .execute([first + batch])?;
    // What was hidden by those is gone.
    c.prepare_cached("DELETE FROM folder_left WHERE event < ?1")?
        .execute([oldest_event(c)?])?;
    Ok(true)
}

/// Number of the oldest event that is kept; of the next one, if none is.
pub(super) fn oldest_event(c: &Connection) -> Result<u64> {
    let oldest: Option<u64> = c
        .prepare_cached("SELECT min(number) FROM event")?
        .query_row([], |row| row.get(0))?;
    match oldest {
        Some(oldest) => Ok(oldest),
        None => Ok(catalog::last_event(c)? + 1),
    }
}

impl Library {
    /// Whether events after the one with this number are not kept any more.
    pub fn misses_events_after(&self, number: u64) -> Result<bool> {
        let oldest = self.store.sql.read(oldest_event)?;
        Ok(number.saturating_add(1) < oldest)
    }

    /// Removes events beyond those that are kept, in small batches, so that nobody waits for it.
    pub(crate) fn trim_events(&self) -> Result<()> {
        while self.store.sql.write(trim_events)? {}
        Ok(())
    }

    pub fn progress(&self) -> Result<Progress> {
        // Asked for first: what is indexed is never ahead of what happened.
        let searchable = self.searchable_through();
        let event = self.store.sql.read(catalog::last_event)?;
        Ok(Progress { event, searchable })
    }

    /// Whether nothing is out of the viewer's sight.
    pub fn sees_everything(&self) -> Result<bool> {
        self.store.sql.read(|c| Ok(self.reach(c)?.is_everything()))
    }

    /// Of the `limit` events after the one with this number those that the viewer may know of, in
    /// their order, and the number of the last that was looked at.
    pub fn events_after(&self, number: u64, limit: usize) -> Result<(Vec<Event>, u64)> {
        self.store.sql.read(|c| {
            let reach = self.reach(c)?;
            let sees_all = reach.is_everything();
            let left = match sees_all {
                true => None,
                false => Some(LeftFolders::read(c)?),
            };
            let is_hidden =
                |path: &FilePath, number| left.as_ref().is_some_and(|left| left.hide(path, number));
            let mut statement = c.prepare_cached(
                "SELECT number, at_ms, kind, file_id, path, detail FROM event
                 WHERE number > ?1 ORDER BY number LIMIT ?2",
            )?;
            let mut rows = statement.query((number, limit))?;
            let mut events = Vec::new();
            let mut through = number;
            while let Some(row) = rows.next()? {
                let kind: String = row.get(2)?;
                let detail: Option<String> = row.get(5)?;
                let path = FilePath::parse(&row.get::<_, String>(4)?)?;
                let came_from = detail.and_then(|detail| catalog::path_left(&kind, &detail));
                through = row.get(0)?;
                let event = Event {
                    number: through,
                    at_ms: row.get(1)?,
                    left: came_from.as_ref().and_then(|from| folder_left(from, &path)),
                    kind,
                    id: row.get(3)?,
                    path,
                };
                let came_from = match came_from {
                    Some(from) if !is_hidden(&from, through) => Some(from),
                    _ => None,
                };
                if !is_hidden(&event.path, through) {
                    events.extend(event.seen(&reach, came_from));
                }
            }
            Ok((events, through))
        })
    }
}

/// The folder that a file was taken out of, if it was.
fn folder_left(from: &FilePath, now: &FilePath) -> Option<FolderPath> {
    let folder = from.folder();
    (folder != now.folder()).then_some(folder)
}

impl Event {
    /// The event as somebody may know of it: what was moved out of sight is gone, and what was
    /// moved into sight came from nowhere.
    fn seen(self, reach: &Reach, came_from: Option<FilePath>) -> Option<Self> {
        let knew = came_from.filter(|from| reach.may_read(from));
        if reach.may_read(&self.path) {
            let left = self.left.filter(|_| knew.is_some());
            return Some(Self { left, ..self });
        }
        Some(Self {
            kind: "trashed".to_owned(),
            path: knew?,
            left: None,
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Connection {
        let c = Connection::open_in_memory().unwrap();
        for migration in crate::library::MIGRATIONS {
            c.execute_batch(migration.sql).unwrap();
        }
        c
    }

    fn record(c: &Connection, path: &str) {
        let sql = "INSERT INTO event (at_ms, boot, actor, kind, file_id, path, detail)
                   VALUES (0, 1, '', 'renamed', 1, ?1, ?1)";
        c.execute(sql, [path]).unwrap();
    }

    fn trimmed(c: &Connection, most: u64, bytes: u64) -> (u64, u64, u64) {
        while trim_to(c, most, bytes).unwrap() {}
        let sql = "SELECT count(*), (SELECT bytes FROM event_size),
                   (SELECT coalesce(sum(2 * octet_length(path)), 0) FROM event) FROM event";
        c.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
    }

    #[test]
    fn the_oldest_events_go_by_number_and_by_bytes() {
        let c = catalog();
        for _ in 0..2_000 {
            record(&c, "a/b");
        }
        c.execute("INSERT INTO folder_left VALUES ('a', 999), ('b', 1500)", [])
            .unwrap();
        assert_eq!(trimmed(&c, 2_000, 1 << 20), (2_000, 12_000, 12_000));
        assert_eq!(trimmed(&c, 1_000, 1 << 20), (1_000, 6_000, 6_000));
        assert_eq!(oldest_event(&c).unwrap(), 1_001);
        let left: u64 = c
            .query_row("SELECT count(*) FROM folder_left", [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 1);
        for _ in 0..100 {
            record(&c, &"ä".repeat(1_000));
        }
        let (count, counted, bytes) = trimmed(&c, 1_000, 300_000);
        assert_eq!(counted, bytes);
        assert!(bytes <= 300_000 && count < 1_000, "{count} {bytes}");
        let (count, bytes, _) = trimmed(&c, 1_000, 0);
        assert_eq!((count, bytes), (0, 0));
        assert_eq!(oldest_event(&c).unwrap(), 2_101);
    }
}
