//! Quotas: how much an account, and everybody together, may have stored.
//!
//! Counted by triggers in the transactions that store and purge, so two uploads at once cannot both
//! take what is left. Older versions and the trash count, because they take room, and so does metadata
//! beyond an [allowance](METADATA_ALLOWANCE): a file of one byte is not free, nor is a long name.

use rusqlite::Connection;
use serde::Serialize;

use super::AccountId;
use crate::error::{Error, Kind, Result};
use crate::library::viewer::LINK_OF;
use crate::library::{Library, UploadId};

/// Everybody together.
const ALL: AccountId = 0;

/// Most bytes and files; nothing is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    pub bytes: Option<u64>,
    pub files: Option<u64>,
}

/// What is stored, older versions and the trash included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    pub bytes: u64,
    pub files: u64,
}

/// Bytes of names and other metadata that count against no quota.
const METADATA_ALLOWANCE: u64 = 1 << 20;

impl Library {
    /// What an account has stored.
    pub fn usage(&self, id: AccountId) -> Result<Usage> {
        self.store.sql.read(|c| usage(c, id))
    }

    /// Refuses an upload that would go past a quota, before its bytes travel. What others have begun to
    /// send counts, or by many unfinished ones each could take all that is left.
    ///
    /// # Errors
    /// [`Kind::NoSpace`] naming the quota.
    pub fn refuse_past_quota(&self, bytes: u64) -> Result<()> {
        let all = self.limits.quota;
        let own = self.viewer.acting().map(|acting| acting.account);
        if own.is_none() && all == Quota::default() {
            return Ok(());
        }
        self.store.sql.read(|c| {
            let coming = |begun: u64| Usage {
                bytes: bytes.saturating_add(begun),
                files: 0,
            };
            if all.bytes.is_some() {
                let coming = coming(self.begun_bytes(c, None)?);
                refuse(counted(c, ALL)?, coming, all, "This installation")?;
            }
            let Some(id) = own else { return Ok(()) };
            let own = quota(c, id)?;
            if own.bytes.is_none() {
                return Ok(());
            }
            let name = super::by_id(c, id)?.name;
            let coming = coming(self.begun_bytes(c, Some(&name))?);
            refuse(counted(c, id)?, coming, own, "Your account")
        })
    }

    /// Bytes of unfinished uploads, all of them or an account's: as many as were announced, or else
    /// as have come.
    fn begun_bytes(&self, c: &Connection, name: Option<&str>) -> Result<u64> {
        let mut statement = c.prepare_cached(
            "SELECT id, length FROM upload
             WHERE ended IS NULL AND (?1 IS NULL OR actor IN (?1, ?2 || ?1))",
        )?;
        let mut rows = statement.query((name, LINK_OF))?;
        let mut begun = 0_u64;
        while let Some(row) = rows.next()? {
            let length: Option<u64> = row.get(1)?;
            begun = begun.saturating_add(match length {
                Some(length) => length,
                None => {
                    let id: String = row.get(0)?;
                    let id = UploadId::try_parse(&id).map_err(|error| {
                        Error::damaged("An upload in the catalog has no id.").because(error)
                    })?;
                    self.store.blobs.arrived(id)?.bytes
                }
            });
        }
        Ok(begun)
    }
}

/// Limits what an account may store.
pub(super) fn set_quota(c: &Connection, id: AccountId, quota: Quota) -> Result<()> {
    // More than SQLite can count to is no limit that anybody reaches.
    let most = |limit: Option<u64>| limit.map(|limit| limit.min(i64::MAX as u64));
    c.prepare_cached("UPDATE account SET quota_bytes = ?2, quota_files = ?3 WHERE id = ?1")?
        .execute((id, most(quota.bytes), most(quota.files)))?;
    Ok(())
}

/// Called in the transaction that stored a content, after it was counted.
pub(in crate::library) fn refuse_past(c: &Connection, file: i64, all: Quota) -> Result<()> {
    let nothing = Usage::default();
    if all != Quota::default() {
        refuse(counted(c, ALL)?, nothing, all, "This installation")?;
    }
    let sql = "SELECT account_id FROM version WHERE file_id = ?1 ORDER BY number DESC LIMIT 1";
    let payer: Option<AccountId> = c.prepare_cached(sql)?.query_row([file], |row| row.get(0))?;
    match payer {
        Some(id) => refuse(
            counted(c, id)?,
            nothing,
            quota(c, id)?,
            "Whoever stores this",
        ),
        None => Ok(()),
    }
}

fn refuse(stored: Usage, coming: Usage, quota: Quota, whose: &str) -> Result<()> {
    if let Some(most) = quota.bytes
        && stored.bytes.saturating_add(coming.bytes) > most
    {
        return Err(Error::new(
            Kind::NoSpace,
            format!(
                "{whose} may store {most} bytes, older versions, the trash and long names included; delete something for good first."
            ),
        ));
    }
    match quota.files {
        Some(most) if stored.files + coming.files > most => Err(Error::new(
            Kind::NoSpace,
            format!(
                "{whose} may store {most} files, the trash included; delete some for good first."
            ),
        )),
        _ => Ok(()),
    }
}

/// Called after files were moved, with what their names took before.
pub(in crate::library) fn refuse_longer_names(
    c: &Connection,
    id: AccountId,
    before: u64,
) -> Result<()> {
    match metadata(c, id)? > before {
        true => refuse(
            counted(c, id)?,
            Usage::default(),
            quota(c, id)?,
            "Your account",
        ),
        false => Ok(()),
    }
}

/// Bytes that the catalog takes for what an account stored.
pub(in crate::library) fn metadata(c: &Connection, id: AccountId) -> Result<u64> {
    let mut statement =
        c.prepare_cached("SELECT max(bytes, 0) FROM metadata_usage WHERE account_id = ?1")?;
    let mut rows = statement.query([id])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?.unwrap_or(0))
}

/// What counts against a quota.
fn counted(c: &Connection, id: AccountId) -> Result<Usage> {
    let stored = usage(c, id)?;
    Ok(Usage {
        bytes: stored.bytes + metadata(c, id)?.saturating_sub(METADATA_ALLOWANCE),
        ..stored
    })
}

fn usage(c: &Connection, id: AccountId) -> Result<Usage> {
    let mut statement = c.prepare_cached("SELECT bytes, files FROM usage WHERE account_id = ?1")?;
    let mut rows = statement.query([id])?;
    Ok(match rows.next()? {
        Some(row) => Usage {
            bytes: row.get(0)?,
            files: row.get(1)?,
        },
        None => Usage::default(),
    })
}

fn quota(c: &Connection, id: AccountId) -> Result<Quota> {
    let mut statement =
        c.prepare_cached("SELECT quota_bytes, quota_files FROM account WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    Ok(match rows.next()? {
        Some(row) => Quota {
            bytes: row.get(0)?,
            files: row.get(1)?,
        },
        None => Quota::default(),
    })
}
