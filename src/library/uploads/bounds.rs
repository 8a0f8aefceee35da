//! What one account or link can leave unfinished, and how much is remembered of what has ended.

use rusqlite::Connection;

use super::principal::Principal;
use super::row::Row;
use crate::error::{Error, Kind, Result};

/// Most unfinished uploads of an account, those through its links apart: far below what all together
/// can have, so that nobody takes it all.
pub(super) const MAX_OPEN_OF_ACCOUNT: u64 = 500;
/// The same of all links of an account together, and of each.
pub(super) const MAX_OPEN_OF_LINKS: u64 = 500;
pub(super) const MAX_OPEN_OF_LINK: u64 = 100;

/// Ends that are remembered of an account, of a link, and where everybody is let in.
pub(super) const MAX_ENDED_OF_ACCOUNT: u64 = 500;
const MAX_ENDED_OF_LINK: u64 = 100;
const MAX_ENDED_OF_ANYONE: u64 = 5_000;
/// Finding which ends are too many takes a while, so it is not done at each beginning.
const TRIMMED_EVERY: u8 = 32;

/// # Errors
/// [`Kind::TooMany`] if whoever begins an upload has as many unfinished ones as one can have.
pub(super) fn require_room(c: &Connection, by: Principal) -> Result<()> {
    match (by.account, by.link) {
        (None, None) => Ok(()),
        (Some(account), None) => {
            let open = open(c, "account_id = ?1 AND share_id IS NULL", [account])?;
            require_fewer(open, MAX_OPEN_OF_ACCOUNT)
        }
        (account, Some(link)) => {
            let of_all = open(c, "account_id = ?1 AND share_id IS NOT NULL", [account])?;
            require_fewer(of_all, MAX_OPEN_OF_LINKS)?;
            let of_one = open(c, "account_id IS ?1 AND share_id = ?2", (account, link))?;
            require_fewer(of_one, MAX_OPEN_OF_LINK)
        }
    }
}

fn open(c: &Connection, condition: &str, parameters: impl rusqlite::Params) -> Result<u64> {
    let sql = format!("SELECT count(*) FROM upload WHERE ended IS NULL AND {condition}");
    let mut statement = c.prepare_cached(&sql)?;
    Ok(statement.query_row(parameters, |row| row.get(0))?)
}

fn require_fewer(open: u64, most: u64) -> Result<()> {
    match open < most {
        true => Ok(()),
        false => Err(Error::new(
            Kind::TooMany,
            format!(
                "{most} uploads are unfinished here, which is the most; finish or end some, or wait until they expire."
            ),
        )),
    }
}

/// Drops the oldest ends of whoever begins an upload, beyond those that are remembered. Which
/// beginnings do so follows from their ids, which nobody can choose.
pub(super) fn trim_ended(c: &Connection, row: &Row) -> Result<()> {
    if !row.id.as_bytes()[0].is_multiple_of(TRIMMED_EVERY) {
        return Ok(());
    }
    let by = row.principal;
    let kept = match (by.account, by.link) {
        (_, Some(_)) => MAX_ENDED_OF_LINK,
        (Some(_), None) => MAX_ENDED_OF_ACCOUNT,
        (None, None) => MAX_ENDED_OF_ANYONE,
    };
    c.prepare_cached(
        "DELETE FROM upload WHERE id IN (SELECT id FROM upload
             WHERE ended IS NOT NULL AND account_id IS ?1 AND share_id IS ?2
             ORDER BY ended_ms DESC LIMIT -1 OFFSET ?3)",
    )?
    .execute((by.account, by.link, kept))?;
    Ok(())
}
