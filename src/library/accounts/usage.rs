//! Quotas: how much an account, and everybody together, may have stored.
//!
//! Counted by triggers in the transactions that store and purge, so two uploads at once cannot both
//! take what is left. Older versions and the trash count, because they take room.

use rusqlite::Connection;
use serde::Serialize;

use super::audit::{self, Happening};
use super::{AccountId, refuse_others_than_owners};
use crate::error::{Error, Kind, Result};
use crate::library::Library;

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

impl Library {
    /// What an account has stored.
    pub fn usage(&self, id: AccountId) -> Result<Usage> {
        self.store.sql.read(|c| usage(c, id))
    }

    /// Limits what an account may store. What it has already stays.
    pub fn set_quota(&self, id: AccountId, quota: Quota) -> Result<()> {
        let change = self.change();
        // More than SQLite can count to is no limit that anybody reaches.
        let most = |limit: Option<u64>| limit.map(|limit| limit.min(i64::MAX as u64));
        let quota = Quota {
            bytes: most(quota.bytes),
            files: most(quota.files),
        };
        self.store.sql.write(move |c| {
            refuse_others_than_owners(change.reach(c)?)?;
            let account = super::by_id(c, id)?;
            c.prepare_cached(
                "UPDATE account SET quota_bytes = ?2, quota_files = ?3 WHERE id = ?1",
            )?
            .execute((id, quota.bytes, quota.files))?;
            audit::note(c, &change, "", Happening::AccountChanged, &account.name)
        })
    }

    /// Refuses an upload that would go past a quota, before its bytes travel.
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
            let coming = Usage { bytes, files: 0 };
            refuse(usage(c, ALL)?, coming, all, "This installation")?;
            match own {
                Some(id) => refuse(usage(c, id)?, coming, quota(c, id)?, "Your account"),
                None => Ok(()),
            }
        })
    }
}

/// Called in the transaction that stored a content, after it was counted.
pub(in crate::library) fn refuse_past(c: &Connection, file: i64, all: Quota) -> Result<()> {
    let nothing = Usage::default();
    if all != Quota::default() {
        refuse(usage(c, ALL)?, nothing, all, "This installation")?;
    }
    let sql = "SELECT account_id FROM file WHERE id = ?1";
    let owner: Option<AccountId> = c.prepare_cached(sql)?.query_row([file], |row| row.get(0))?;
    match owner {
        Some(id) => refuse(
            usage(c, id)?,
            nothing,
            quota(c, id)?,
            "The account that this file belongs to",
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
                "{whose} may store {most} bytes, older versions and the trash included; delete something for good first."
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
