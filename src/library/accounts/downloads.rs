//! Downloads by links with a limit: bytes are charged, and not requests.
//!
//! What goes out of one content to one address within an hour is one use, whole or in pieces. Up to
//! a quarter of a content may go out before a use is taken for it, in all and not to each address:
//! so viewers that ask for the first bytes, and downloads that break off early, take none, and yet
//! nobody collects a content out of such pieces. Within a use, pieces may be asked for again, as
//! their sender never knows what arrived, but never so much that the content goes out twice.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension};

use super::audit::{self, Happening};
use super::shares::{LINK_IS_VALID, Share, no_link, take_uses};
use crate::error::Result;
use crate::library::{Library, Millis};
use crate::store::{Digest, now_ms};

/// How long the pieces of one download may take to be asked for.
const DOWNLOAD_MS: Millis = 3600 * 1000;
/// Most rows for one link of each kind: downloads, and contents of which pieces went out.
const MAX_ROWS: u64 = 1_000;

/// A content that goes out by a link, and to whom.
#[derive(Clone, Debug)]
pub struct LinkDownload {
    pub share: Share,
    pub address: String,
    /// Path of the file, for the log.
    pub subject: String,
    pub sha256: Digest,
    pub size: u64,
}

/// What was charged for an answer, so that what does not go out can be given back.
#[derive(Clone, Debug)]
pub struct Charge {
    place: Place,
    size: u64,
    begun_ms: Millis,
    pub bytes: u64,
}

/// A content on its way to an address.
#[derive(Clone, Debug)]
struct Place {
    link: i64,
    sha256: Digest,
    address: String,
}

/// What went out so far.
struct Progress {
    begun_ms: Millis,
    sent: u64,
    is_use: bool,
}

impl Library {
    /// Charges the parts of a content that are about to go out.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) if that takes a use and none is left, or the
    /// link has ended.
    pub fn charge_download(&self, download: &LinkDownload, parts: &[Range<u64>]) -> Result<Charge> {
        let (download, parts) = (download.clone(), parts.to_vec());
        let change = self.change().begun_by(&download.share.maker());
        self.store.sql.write(move |c| {
            let (charge, is_new_use) = charge(c, &download, &parts, change.at_ms)?;
            if is_new_use {
                let subject = download.share.used_for(&download.subject);
                let (address, kind) = (&download.address, Happening::LinkUsed);
                audit::note(c, &change, address, kind, &subject)?;
            }
            Ok(charge)
        })
    }

    /// Gives back what did not go out of a charge; with the first quarter of the content also the
    /// use that was taken for it.
    ///
    /// # Errors
    /// Those of the catalog.
    pub fn refund_download(&self, charge: &Charge, unsent: u64) -> Result<()> {
        let charge = charge.clone();
        self.store.sql.write(move |c| refund(c, &charge, unsent))
    }

    /// Whether pieces of this content may still go out to an address by a link that is used up,
    /// because they are part of its last use.
    ///
    /// # Errors
    /// Those of the catalog.
    pub fn has_download(&self, link: i64, address: &str, sha256: &Digest) -> Result<bool> {
        self.store.sql.read(|c| {
            let place = Place {
                link,
                sha256: *sha256,
                address: address.to_owned(),
            };
            let found = place.progress(c, now_ms())?;
            Ok(found.is_some_and(|progress| progress.is_use))
        })
    }

    /// Removes what is known of downloads that are over.
    ///
    /// # Errors
    /// Those of the catalog.
    pub fn prune_downloads(&self) -> Result<()> {
        let before = now_ms() - DOWNLOAD_MS;
        let any =
            "SELECT EXISTS (SELECT 1 FROM share_download WHERE address <> '' AND begun_ms < ?1)";
        let any: bool = self.store.sql.read(|c| {
            let mut statement = c.prepare_cached(any)?;
            Ok(statement.query_row([before], |row| row.get(0))?)
        })?;
        if !any {
            return Ok(());
        }
        self.store.sql.write(move |c| {
            let sql = "DELETE FROM share_download WHERE address <> '' AND begun_ms < ?1";
            c.prepare_cached(sql)?.execute([before])?;
            Ok(())
        })
    }
}

/// Bytes of a content that may go out before a use is taken for it: less than all of it, and two
/// at least, which is what viewers try first.
fn free_bytes(size: u64) -> u64 {
    (size / 4).max(2).min(size.saturating_sub(1))
}

/// What bytes are charged to.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// To the use that was taken for what went out before.
    GoesOn,
    /// To what is free.
    Free,
    /// To a new use, of which what went out before is part unless that was one itself.
    NewUse,
}

impl Step {
    fn next(before: &Progress, bytes: u64, size: u64, free: u64) -> Self {
        let is_part = bytes < size;
        match before.is_use {
            true if is_part && before.sent + bytes < size.saturating_mul(2) => Self::GoesOn,
            false if is_part && bytes <= free => Self::Free,
            _ => Self::NewUse,
        }
    }
}

/// Answers the charge, and whether it took a use.
fn charge(
    c: &Connection,
    download: &LinkDownload,
    parts: &[Range<u64>],
    at_ms: Millis,
) -> Result<(Charge, bool)> {
    let place = Place::of(download);
    let left = uses_left(c, place.link, at_ms)?;
    let before = place.progress(c, at_ms)?;
    let is_first = before.is_none();
    let mut now = before.unwrap_or(Progress {
        begun_ms: at_ms,
        sent: 0,
        is_use: false,
    });
    let bytes = parts.iter().map(|part| part.end - part.start).sum();
    let step = Step::next(&now, bytes, download.size, place.free(c, download.size)?);
    match step {
        Step::GoesOn => {}
        Step::Free if left == Some(0) => return Err(no_link()),
        Step::Free => place.add_free(c, bytes, 0, at_ms)?,
        Step::NewUse => {
            take_uses(c, place.link, 1, at_ms)?;
            match now.is_use {
                true => now.sent = 0,
                false => place.add_free(c, 0, now.sent, at_ms)?,
            }
            now.is_use = true;
            // Later than the one before, so that what that did not send is not given back to this.
            now.begun_ms = at_ms.max(now.begun_ms + 1);
        }
    }
    now.sent += bytes;
    if is_first {
        place.make_room(c)?;
    }
    place.store(c, &now)?;
    let charge = Charge {
        place,
        size: download.size,
        begun_ms: now.begun_ms,
        bytes,
    };
    Ok((charge, step == Step::NewUse))
}

fn refund(c: &Connection, charge: &Charge, unsent: u64) -> Result<()> {
    let (place, at_ms) = (&charge.place, now_ms());
    let now = place.progress(c, at_ms)?;
    let Some(mut now) = now.filter(|now| now.begun_ms == charge.begun_ms) else {
        return Ok(());
    };
    now.sent = now.sent.saturating_sub(unsent);
    if !now.is_use {
        place.add_free(c, 0, unsent, at_ms)?;
    } else if now.sent <= place.free(c, charge.size)? {
        place.add_free(c, now.sent, 0, at_ms)?;
        now.is_use = false;
        let sql = "UPDATE share_link SET uses = uses - 1, uses_left = uses_left + 1 WHERE id = ?1";
        c.prepare_cached(sql)?.execute([place.link])?;
    }
    place.store(c, &now)
}

/// The uses that a link has left; none if it has no limit.
///
/// # Errors
/// [`Kind::NotFound`](crate::error::Kind::NotFound) if it has ended.
fn uses_left(c: &Connection, link: i64, at_ms: Millis) -> Result<Option<u64>> {
    let sql = format!("SELECT uses_left FROM share_link WHERE id = ?1 AND {LINK_IS_VALID}");
    let mut statement = c.prepare_cached(&sql)?;
    let found = statement.query_row((link, at_ms), |row| row.get(0));
    found.optional()?.ok_or_else(no_link)
}

impl Place {
    fn of(download: &LinkDownload) -> Self {
        Self {
            link: download.share.id,
            sha256: download.sha256,
            address: download.address.clone(),
        }
    }

    fn digest(&self) -> &[u8] {
        self.sha256.as_bytes()
    }

    fn progress(&self, c: &Connection, at_ms: Millis) -> Result<Option<Progress>> {
        let sql = "SELECT begun_ms, sent, is_use FROM share_download
                   WHERE link_id = ?1 AND sha256 = ?2 AND address = ?3 AND begun_ms > ?4";
        let since = at_ms - DOWNLOAD_MS;
        let mut statement = c.prepare_cached(sql)?;
        let found = statement.query_row((self.link, self.digest(), &self.address, since), |row| {
            Ok(Progress {
                begun_ms: row.get(0)?,
                sent: row.get(1)?,
                is_use: row.get(2)?,
            })
        });
        Ok(found.optional()?)
    }

    fn store(&self, c: &Connection, progress: &Progress) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO share_download
                       (link_id, sha256, address, begun_ms, sent, is_use)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        c.prepare_cached(sql)?.execute((
            self.link,
            self.digest(),
            &self.address,
            progress.begun_ms,
            progress.sent,
            progress.is_use,
        ))?;
        Ok(())
    }

    /// The oldest makes way: what it was charged stays counted.
    fn make_room(&self, c: &Connection) -> Result<()> {
        let sql = "DELETE FROM share_download WHERE link_id = ?1 AND (sha256, address) IN (
                       SELECT sha256, address FROM share_download
                       WHERE link_id = ?1 AND address <> ''
                       ORDER BY begun_ms DESC LIMIT -1 OFFSET ?2)";
        c.prepare_cached(sql)?.execute((self.link, MAX_ROWS - 1))?;
        Ok(())
    }

    /// Bytes of the content that may still go out without a use: none once there are too many
    /// contents of which pieces went out.
    fn free(&self, c: &Connection, size: u64) -> Result<u64> {
        let sql = "SELECT sent FROM share_download
                   WHERE link_id = ?1 AND sha256 = ?2 AND address = ''";
        let mut statement = c.prepare_cached(sql)?;
        let sent = statement.query_row((self.link, self.digest()), |row| row.get::<_, u64>(0));
        if let Some(sent) = sent.optional()? {
            return Ok(free_bytes(size).saturating_sub(sent));
        }
        let sql = "SELECT count(*) FROM share_download WHERE link_id = ?1 AND address = ''";
        let mut statement = c.prepare_cached(sql)?;
        let rows: u64 = statement.query_row([self.link], |row| row.get(0))?;
        Ok(if rows < MAX_ROWS { free_bytes(size) } else { 0 })
    }

    /// Counts bytes that went out without a use, or that became part of one after all.
    fn add_free(&self, c: &Connection, more: u64, fewer: u64, at_ms: Millis) -> Result<()> {
        if more == fewer {
            return Ok(());
        }
        let sql = "INSERT INTO share_download (link_id, sha256, address, begun_ms, sent, is_use)
                   VALUES (?1, ?2, '', ?3, ?4, FALSE)
                   ON CONFLICT (link_id, sha256, address)
                   DO UPDATE SET sent = max(sent + excluded.sent - ?5, 0)";
        let parameters = (self.link, self.digest(), at_ms, more, fewer);
        c.prepare_cached(sql)?.execute(parameters)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As pieces go out one after another: to what each is charged.
    fn charged(size: u64, pieces: &[u64]) -> Vec<Step> {
        let mut now = Progress {
            begun_ms: 0,
            sent: 0,
            is_use: false,
        };
        let mut free = free_bytes(size);
        let charge = |bytes: &u64| {
            let step = Step::next(&now, *bytes, size, free);
            match step {
                Step::GoesOn => {}
                Step::Free => free -= bytes,
                Step::NewUse if now.is_use => now.sent = 0,
                Step::NewUse => now.is_use = true,
            }
            now.sent += bytes;
            step
        };
        pieces.iter().map(charge).collect()
    }

    #[test]
    fn a_use_is_one_content_in_whatever_pieces() {
        use Step::{Free, GoesOn, NewUse};
        assert_eq!(charged(1000, &[1000, 1000]), [NewUse, NewUse]);
        assert_eq!(charged(1000, &[2, 1000]), [Free, NewUse]);
        assert_eq!(charged(1000, &[1000, 600]), [NewUse, GoesOn]);
        let quarters = charged(1000, &[250, 250, 250, 250]);
        assert_eq!(quarters, [Free, NewUse, GoesOn, GoesOn]);
        // All but a byte, again and again, is a use each time after the rest of one.
        let almost = charged(1000, &[999, 999, 999, 999]);
        assert_eq!(almost, [NewUse, GoesOn, NewUse, GoesOn]);
        assert_eq!(charged(0, &[0, 0]), [NewUse, NewUse]);
        assert_eq!(charged(1, &[1]), [NewUse]);
    }

    #[test]
    fn what_is_free_is_never_a_whole_content() {
        for size in [0, 1, 2, 3, 8, 9, 1000] {
            assert!(free_bytes(size) < size.max(1), "{size}");
        }
    }
}
