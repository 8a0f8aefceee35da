//! Unfinished uploads for people to look at and to end: everybody their own, owners all.

use super::row::{self, End, Row};
use super::{UploadId, millis};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::library::entry::Millis;
use crate::library::path::FilePath;
use crate::library::reach::Reach;
use crate::store::now_ms;
use rusqlite::{Connection, OptionalExtension};

/// Most uploads of a list.
const MAX_LISTED: usize = 200;

/// An unfinished upload as it is listed.
#[derive(Clone, Debug)]
pub struct OpenUpload {
    pub id: UploadId,
    /// Where it goes, unless it is a part.
    pub path: Option<FilePath>,
    /// Bytes that have arrived.
    pub bytes: u64,
    pub length: Option<u64>,
    /// Whoever began it: an account, or a link of one.
    pub by: String,
    /// Name of the token or the link that it was begun by.
    pub through: Option<String>,
    pub begun_ms: Millis,
    /// When the last byte came.
    pub last_ms: Option<Millis>,
}

impl Library {
    /// The viewer's unfinished uploads, those by their tokens and through their links included; all for
    /// whoever can do everything. The oldest first, and how many more there are.
    pub fn open_uploads(&self) -> Result<(Vec<OpenUpload>, usize)> {
        let (rows, more) = self.store.sql.read(|c| {
            let reach = self.reach(c)?;
            let mut rows = row::open(c)?;
            rows.retain(|row| self.can_end(row, &reach));
            let more = rows.len().saturating_sub(MAX_LISTED);
            rows.truncate(MAX_LISTED);
            let named = rows.into_iter().map(|row| Ok((through(c, &row)?, row)));
            Ok((named.collect::<Result<Vec<_>>>()?, more))
        })?;
        let listed = rows.into_iter().map(|(through, row)| {
            let on_disk = self.store.blobs.on_disk(row.id)?;
            Ok(OpenUpload {
                id: row.id,
                bytes: on_disk.map_or(0, |(bytes, _)| bytes),
                last_ms: on_disk.map(|(_, last)| millis(last)),
                path: row.path,
                length: row.length,
                by: row.actor,
                through,
                begun_ms: row.created_ms,
            })
        });
        Ok((listed.collect::<Result<_>>()?, more))
    }

    /// Ends an unfinished upload of the viewer's, or for whoever can do everything, any. A request that
    /// is writing to it is refused within the next few MiB.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) if it is not one.
    pub fn end_open_upload(&self, id: UploadId) -> Result<()> {
        let library = self.clone();
        self.store.sql.write(move |c| {
            let row = row::any(c, id)?;
            if row.end.is_some() || !library.can_end(&row, &library.reach(c)?) {
                return Err(Error::not_found(
                    "There is no such unfinished upload; it may have ended.",
                ));
            }
            row::end(c, id, End::Terminated, now_ms(), 0)
        })?;
        self.remove_bytes(&[id]);
        Ok(())
    }

    fn can_end(&self, row: &Row, reach: &Reach) -> bool {
        let is_own = self.viewer.acting().is_some_and(|acting| {
            acting.is_whole()
                && (row.principal.account == Some(acting.account) || row.actor == acting.name)
        });
        is_own || reach.is_everything()
    }
}

/// What the token or the link is called.
fn through(c: &Connection, row: &Row) -> Result<Option<String>> {
    let (sql, id) = match (row.principal.token, row.principal.link) {
        (Some(token), _) => ("SELECT name FROM token WHERE id = ?1", token),
        (None, Some(link)) => ("SELECT name FROM share_link WHERE id = ?1", link),
        (None, None) => return Ok(None),
    };
    let mut statement = c.prepare_cached(sql)?;
    Ok(statement.query_row([id], |row| row.get(0)).optional()?)
}
