//! Uploads that nobody goes on with: counted, and removed after a while.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use utoipa::ToSchema;

use super::bounds;
use super::principal::Principal;
use super::row::{self, End, MOST_OPEN, Row};
use super::{UploadId, millis};
use crate::error::{Kind, Result};
use crate::library::Library;
use crate::library::entry::Millis;
use crate::store::now_ms;

/// An upload without a single byte makes room for others after this long.
const IDLE_WITHOUT_BYTES: Duration = Duration::from_secs(10 * 60);
/// After this long it is removed. A proxy may keep back the first piece until it has all of it.
pub(super) const EXPIRY_WITHOUT_BYTES: Duration = Duration::from_secs(30 * 60);
/// A complete upload that was not stored is left to its client for this long.
const LEFT_TO_ITS_CLIENT: Duration = Duration::from_secs(60);

/// Uploads on their way, and those that nobody went on with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Unfinished {
    /// Uploads that can be continued.
    pub open: u64,
    /// Their bytes so far.
    pub bytes: u64,
    /// Since when the one that waited longest has got nothing, in milliseconds since the epoch.
    pub idle_since_ms: Option<Millis>,
    /// Those that expired lately, for as long as that is remembered.
    pub expired: u64,
    /// Bytes that this has freed.
    pub freed: u64,
}

impl Library {
    pub fn unfinished_uploads(&self) -> Result<Unfinished> {
        let (open, expired, freed) = self.store.sql.read(|c| {
            let sql =
                "SELECT count(*), coalesce(sum(freed), 0) FROM upload WHERE ended = 'expired'";
            let (expired, freed) = c
                .prepare_cached(sql)?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((row::open(c)?, expired, freed))
        })?;
        let mut unfinished = Unfinished {
            open: open.len() as u64,
            expired,
            freed,
            ..Unfinished::default()
        };
        for row in &open {
            let (bytes, last_ms) = self.idle_since(row)?;
            unfinished.bytes += bytes;
            let since = unfinished
                .idle_since_ms
                .map_or(last_ms, |least| least.min(last_ms));
            unfinished.idle_since_ms = Some(since);
        }
        Ok(unfinished)
    }

    /// Removes what nobody went on with, stores what is complete and was never stored, and
    /// forgets ends that are long past; answers how many expired.
    pub fn expire_uploads(&self) -> Result<u64> {
        let expiry = self.limits.expiry;
        let mut expired = 0;
        self.end_orphaned_uploads()?;
        let open = self.store.sql.read(row::open)?;
        for row in &open {
            let (bytes, last_ms) = self.idle_since(row)?;
            if (row.completes_at(bytes) || row.sha256.is_some())
                && is_past(last_ms, LEFT_TO_ITS_CLIENT)
            {
                self.complete_abandoned(row.id)?;
            }
            if is_past(last_ms, self.kept_for(row, bytes)) && self.expire(row.clone())? {
                expired += 1;
            }
        }
        self.forget_ended(expiry)?;
        self.remove_strays(&open, expiry)?;
        Ok(expired)
    }

    /// How long an upload with so many bytes is kept after the last of them.
    pub(super) fn kept_for(&self, row: &Row, bytes: u64) -> Duration {
        // Once it is hashed, its bytes have their own name.
        match (bytes, row.sha256) {
            (0, None) => self.limits.expiry.min(EXPIRY_WITHOUT_BYTES),
            _ => self.limits.expiry,
        }
    }

    /// Where nearly too many are unfinished: those that never got a byte, and are idle.
    pub(super) fn idle_uploads_if_crowded(&self) -> Result<Vec<UploadId>> {
        let by = Principal::from_viewer(&self.viewer);
        let is_crowded = self.store.sql.read(|c| {
            let has_room = bounds::require_room(c, by);
            Ok(has_room.is_err() || row::count_open(c)? >= MOST_OPEN)
        })?;
        if !is_crowded {
            return Ok(Vec::new());
        }
        let before_ms = now_ms() - IDLE_WITHOUT_BYTES.as_millis() as Millis;
        let mut idle = Vec::new();
        for row in self.store.sql.read(|c| row::open_before(c, before_ms))? {
            let (bytes, last_ms) = self.idle_since(&row)?;
            if bytes == 0 && is_past(last_ms, IDLE_WITHOUT_BYTES) {
                idle.push(row.id);
            }
        }
        Ok(idle)
    }

    /// Bytes of an upload, and when it last got any, or was begun.
    fn idle_since(&self, row: &Row) -> Result<(u64, Millis)> {
        let arrived = self.store.blobs.arrived(row.id)?;
        Ok((arrived.bytes, arrived.last.map_or(row.created_ms, millis)))
    }

    /// Whether it was removed: not while somebody writes to it.
    fn expire(&self, row: Row) -> Result<bool> {
        let Some(claim) = self.store.blobs.claim(row.id)? else {
            return Ok(false);
        };
        let row = self.store.sql.read(|c| row::any(c, row.id))?;
        let (bytes, last_ms) = self.idle_since(&row)?;
        if row.end.is_some() || !is_past(last_ms, self.kept_for(&row, bytes)) {
            return Ok(false);
        }
        self.end_without_file(row, claim, End::Expired)?;
        Ok(true)
    }

    fn complete_abandoned(&self, id: UploadId) -> Result<()> {
        match self.complete(id) {
            Err(error) if matches!(error.kind(), Kind::Internal | Kind::Damaged) => Err(error),
            // What was refused has ended, and what is for later is tried later.
            _ => Ok(()),
        }
    }

    fn forget_ended(&self, expiry: Duration) -> Result<()> {
        let before_ms = now_ms() - expiry.as_millis() as i64;
        self.store.sql.write(move |c| {
            c.prepare_cached("DELETE FROM upload WHERE ended IS NOT NULL AND ended_ms < ?1")?
                .execute([before_ms])?;
            Ok(())
        })
    }

    /// Bytes that no open upload names, left by a kill between an end and their removal, or by a
    /// request that was writing them then.
    fn remove_strays(&self, open: &[Row], expiry: Duration) -> Result<()> {
        let named: HashSet<UploadId> = open.iter().map(|row| row.id).collect();
        for (id, modified) in self.store.blobs.in_pieces()? {
            if named.contains(&id) {
                continue;
            }
            let Some(claim) = self.store.blobs.claim(id)? else {
                continue;
            };
            let is_over = match self.store.sql.read(|c| row::any(c, id)) {
                Ok(row) => row.end.is_some(),
                Err(error) if error.kind() == Kind::NotFound => is_past(millis(modified), expiry),
                Err(error) => return Err(error),
            };
            if is_over {
                claim.remove()?;
            }
        }
        Ok(())
    }
}

/// Whether a moment is more than `age` ago. One in the future, because the clock was set back,
/// is not.
fn is_past(at_ms: Millis, age: Duration) -> bool {
    millis(SystemTime::now()).saturating_sub(at_ms) > age.as_millis() as Millis
}
