//! Unfinished uploads that are ended by others than their clients: with the link, the token or the
//! account that began them, or by somebody who looks at the list.

use rusqlite::Connection;

use super::UploadId;
use super::row::{self, End};
use crate::error::{Error, Result};
use crate::library::Library;
use crate::library::accounts::AccountId;
use crate::library::entry::Millis;
use crate::library::viewer::LINK_OF;
use crate::store::now_ms;

/// Of whom unfinished uploads end.
#[derive(Clone, Copy, Debug)]
pub(in crate::library) enum Whose<'a> {
    Link(i64),
    Token(i64),
    /// With its name, which is all that earlier releases have written.
    Account(AccountId, &'a str),
}

/// Ends all unfinished uploads of somebody, in the transaction that takes their right away. Their
/// bytes are [removed](Library::remove_bytes) after that.
pub(in crate::library) fn end_all(
    c: &Connection,
    whose: Whose<'_>,
    at_ms: Millis,
) -> Result<Vec<UploadId>> {
    let open =
        |condition: &str| format!("SELECT id FROM upload WHERE ended IS NULL AND {condition}");
    let ids = match whose {
        Whose::Link(id) => ids(c, &open("share_id = ?1"), [id]),
        Whose::Token(id) => ids(c, &open("token_id = ?1"), [id]),
        Whose::Account(id, name) => {
            let of_account =
                "(account_id = ?1 OR (account_id IS NULL AND actor IN (?2, ?3 || ?2)))";
            ids(c, &open(of_account), (id, name, LINK_OF))
        }
    }?;
    for id in &ids {
        row::end(c, *id, End::Terminated, at_ms, 0)?;
    }
    Ok(ids)
}

/// Unfinished uploads that nobody can complete any more: of what began them, nothing is left, or it
/// has expired, or it cannot change anything.
const ORPHANED: &str = "SELECT id FROM upload WHERE ended IS NULL AND (
        (token_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM token
            WHERE token.id = token_id AND ifnull(expires_ms > ?1, TRUE)))
        OR (share_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM share_link
            WHERE share_link.id = share_id
            AND ifnull(iif(sealed IS NULL, expires_ms, sealed_expires_ms) > ?1, TRUE)))
        OR (account_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM account
            WHERE account.id = account_id AND role IN ('member', 'owner'))))";

impl Library {
    /// Ends what nobody can complete any more.
    pub(super) fn end_orphaned_uploads(&self) -> Result<()> {
        let at_ms = now_ms();
        let orphaned = self.store.sql.read(|c| ids(c, ORPHANED, [at_ms]))?;
        if orphaned.is_empty() {
            return Ok(());
        }
        let ended = self.store.sql.write(move |c| {
            // What it was that they have lost may be back.
            let orphaned = ids(c, ORPHANED, [at_ms])?;
            for id in &orphaned {
                row::end(c, *id, End::Terminated, at_ms, 0)?;
            }
            Ok(orphaned)
        })?;
        self.remove_bytes(&ended);
        Ok(())
    }

    /// Removes the bytes of uploads that have ended. Whoever is writing to one at this moment finds out
    /// and removes them; what fails here is made up for by the upkeep.
    pub(in crate::library) fn remove_bytes(&self, ended: &[UploadId]) {
        for id in ended {
            let claimed = self.store.blobs.claim(*id);
            let removed = claimed.and_then(|claim| claim.map_or(Ok(()), |claim| claim.remove()));
            if let Err(error) = removed {
                tracing::warn!(%error, "the bytes of an upload that was ended could not be removed");
            }
        }
    }
}

fn ids(c: &Connection, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<UploadId>> {
    let mut statement = c.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        ids.push(UploadId::try_parse(&id).map_err(|error| {
            Error::damaged("An upload in the catalog has no id.").because(error)
        })?);
    }
    Ok(ids)
}
