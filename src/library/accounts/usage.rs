//! Quotas: how much an account, and everybody together, may have stored.
//!
//! Counted by triggers in the transactions that store and purge, so two uploads at once cannot both
//! take what is left. Older versions and the trash count, because they take room, and so does metadata
//! beyond an [allowance](METADATA_ALLOWANCE): a file of one byte is not free, nor is a long name.

use std::collections::HashMap;
use std::time::SystemTime;

use rusqlite::Connection;
use serde::Serialize;

use super::AccountId;
use crate::error::{Error, Kind, Result};
use crate::library::arrivals::Sender;
use crate::library::uploads::millis;
use crate::library::viewer::LINK_OF;
use crate::library::{Library, Millis, UploadId};
use crate::store::now_ms;

/// Everybody together.
const ALL: AccountId = 0;

/// Most bytes and files; nothing is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    pub bytes: Option<u64>,
    pub files: Option<u64>,
}

/// What is stored, older versions and the trash included, and metadata beyond the allowance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    pub bytes: u64,
    pub files: u64,
}

/// Bytes of names and other metadata that count against no quota.
const METADATA_ALLOWANCE: u64 = 1 << 20;
/// An upload without news for so long counts as much as has arrived of it, no longer as much as was
/// announced.
const ANNOUNCEMENT_LASTS_MS: Millis = 10 * 60 * 1000;
/// What others announced and did not send yet counts up to this part of a quota: or whoever has a
/// link could take all that is left, without a byte.
const OTHERS_SHARE: u64 = 4;

/// Bytes that come, beyond those that are [arriving](crate::library::arrivals).
#[derive(Clone, Copy, Debug)]
pub(in crate::library) struct Coming {
    pub sender: Sender,
    pub bytes: u64,
    /// The upload that they are all of, so that it does not count twice.
    pub upload: Option<UploadId>,
}

impl Coming {
    /// Nothing but what is counted as arriving.
    pub(in crate::library) fn counted(sender: Sender) -> Self {
        Self {
            sender,
            bytes: 0,
            upload: None,
        }
    }
}

/// Bytes of unfinished uploads.
#[derive(Clone, Copy, Debug, Default)]
struct Begun {
    arrived: u64,
    /// Of the rest, what was announced a while ago at most.
    announced: u64,
}

impl Library {
    /// What counts against the quota of an account.
    pub fn usage(&self, id: AccountId) -> Result<Usage> {
        self.store.sql.read(|c| counted(c, id))
    }

    /// Whether there is a quota that what this sender stores counts against.
    pub(in crate::library) fn has_quota(&self, sender: Sender) -> bool {
        sender.account.is_some() || self.limits.quota.bytes.is_some()
    }

    /// Refuses an upload that goes past a quota, before and while its bytes travel. What others have
    /// begun to send counts, or by many unfinished ones each could take all that is left.
    ///
    /// # Errors
    /// [`Kind::NoSpace`] naming the quota.
    pub(in crate::library) fn require_quota(&self, c: &Connection, coming: Coming) -> Result<()> {
        let all = self.limits.quota;
        if let Some(most) = all.bytes {
            let begun = self.begun(c, None, coming)?;
            let others = |group: &Sender| group.account != coming.sender.account;
            let bytes = bytes_begun(&begun, others, most).saturating_add(coming.bytes);
            refuse(counted(c, ALL)?, only(bytes), all, "This installation")?;
        }
        let Some(id) = coming.sender.account else {
            return Ok(());
        };
        let own = quota(c, id)?;
        let Some(most) = own.bytes else { return Ok(()) };
        let begun = self.begun(c, Some(id), coming)?;
        let others = |group: &Sender| *group != coming.sender;
        let bytes = bytes_begun(&begun, others, most).saturating_add(coming.bytes);
        refuse(counted(c, id)?, only(bytes), own, "Your account")
    }

    /// What is unfinished of all, or of an account with its links, by who sends it.
    fn begun(
        &self,
        c: &Connection,
        account: Option<AccountId>,
        coming: Coming,
    ) -> Result<HashMap<Sender, Begun>> {
        let mut begun: HashMap<Sender, Begun> = HashMap::new();
        let mut in_flight = HashMap::new();
        for arriving in self.arrivals.all() {
            match arriving.upload {
                Some(id) => drop(in_flight.insert(id, arriving.bytes)),
                None if account.is_none() || arriving.sender.account == account => {
                    let counted = begun.entry(arriving.sender).or_default();
                    counted.arrived = counted.arrived.saturating_add(arriving.bytes);
                }
                None => {}
            }
        }
        for row in open_rows(c, account)? {
            if coming.upload == Some(row.id) {
                continue;
            }
            let row = row.counted(self.store.blobs.on_disk(row.id)?, in_flight.get(&row.id));
            let counted = begun.entry(row.0).or_default();
            counted.arrived = counted.arrived.saturating_add(row.1.arrived);
            counted.announced = counted.announced.saturating_add(row.1.announced);
        }
        Ok(begun)
    }
}

/// An unfinished upload, as far as it matters to quotas.
struct OpenRow {
    id: UploadId,
    length: Option<u64>,
    created_ms: Millis,
    sender: Sender,
}

impl OpenRow {
    fn counted(
        &self,
        on_disk: Option<(u64, SystemTime)>,
        in_flight: Option<&u64>,
    ) -> (Sender, Begun) {
        let (arrived, last_ms) = match on_disk {
            Some((bytes, modified)) => (bytes, millis(modified)),
            None => (0, self.created_ms),
        };
        let is_recent = now_ms().saturating_sub(last_ms) <= ANNOUNCEMENT_LASTS_MS;
        let length = self.length.filter(|_| is_recent || in_flight.is_some());
        let whole = length.max(in_flight.copied()).unwrap_or_default();
        let begun = Begun {
            arrived,
            announced: whole.saturating_sub(arrived),
        };
        (self.sender, begun)
    }
}

/// Rows that a release wrote which knows names only are found by the name.
fn open_rows(c: &Connection, account: Option<AccountId>) -> Result<Vec<OpenRow>> {
    let of_one = "account_id = ?1 OR (account_id IS NULL AND actor IN
                  (SELECT name FROM account WHERE id = ?1
                   UNION ALL SELECT ?2 || name FROM account WHERE id = ?1))";
    let sql = format!(
        "SELECT id, length, created_ms, share_id, coalesce(account_id, (SELECT account.id FROM account
                WHERE upload.actor IN (account.name, ?2 || account.name)))
         FROM upload WHERE ended IS NULL AND ({})",
        account.map_or("?1 IS NULL", |_| of_one)
    );
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query((account, LINK_OF))?;
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        open.push(OpenRow {
            id: UploadId::try_parse(&id).map_err(|error| {
                Error::damaged("An upload in the catalog has no id.").because(error)
            })?,
            length: row.get(1)?,
            created_ms: row.get(2)?,
            sender: Sender {
                account: row.get(4)?,
                link: row.get(3)?,
            },
        });
    }
    Ok(open)
}

/// All that has arrived, and what was announced: by `others`, up to their share of the quota.
fn bytes_begun(
    begun: &HashMap<Sender, Begun>,
    others: impl Fn(&Sender) -> bool,
    quota: u64,
) -> u64 {
    let (mut counted, mut of_others) = (0_u64, 0_u64);
    for (sender, begun) in begun {
        counted = counted.saturating_add(begun.arrived);
        match others(sender) {
            true => of_others = of_others.saturating_add(begun.announced),
            false => counted = counted.saturating_add(begun.announced),
        }
    }
    counted.saturating_add(of_others.min(quota / OTHERS_SHARE))
}

fn only(bytes: u64) -> Usage {
    Usage { bytes, files: 0 }
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

/// Called after a file got a longer name or more tags, which count against whoever stored the file.
pub(in crate::library) fn require_metadata_room(c: &Connection, file: i64) -> Result<()> {
    let sql = "SELECT account_id FROM file WHERE id = ?1";
    let payer: Option<AccountId> = c.prepare_cached(sql)?.query_row([file], |row| row.get(0))?;
    let Some(id) = payer else { return Ok(()) };
    // Whoever is past a quota anyway goes on arranging things within the allowance.
    match metadata(c, id)? > METADATA_ALLOWANCE {
        true => refuse(
            counted(c, id)?,
            Usage::default(),
            quota(c, id)?,
            "Whoever stored this",
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
