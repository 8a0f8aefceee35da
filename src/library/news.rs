//! What changed lately: the event log, read from where a follower stands.

use serde::Serialize;
use utoipa::ToSchema;

use super::accounts::FoldersLeft;
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

impl Library {
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
            let left = match reach.is_everything() {
                true => None,
                false => Some(FoldersLeft::read(c)?),
            };
            let was_left =
                |path: &FilePath, number| left.as_ref().is_some_and(|left| left.had(path, number));
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
                let came_from = came_from.filter(|from| !was_left(from, through));
                if !was_left(&event.path, through) {
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
