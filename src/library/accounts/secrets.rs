//! Secrets of accounts and links as they are stored: sealed where the environment has a key.
//!
//! Rows from before there was a key, or of a previous one, are sealed by the upkeep once no other
//! release is at work: the one from before sealing would neither check codes nor find links.

use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use super::AccountId;
use crate::error::Result;
use crate::library::sealing::{Opened, SealingKeys};
use crate::library::{Library, Millis};

/// The first schema that has sealed secrets.
const SCHEMA: u32 = 5;
/// Rows that one transaction seals.
const BATCH_SIZE: usize = 100;

type Hash = [u8; 32];

/// By what a link is found.
pub(super) fn link_hash(secret: &str) -> Hash {
    Sha256::digest(secret).into()
}

/// What the secret of an account's app is sealed for.
fn totp_context(id: AccountId) -> Vec<u8> {
    format!("totp {id}").into_bytes()
}

fn link_context(hash: &Hash) -> Vec<u8> {
    [b"link ", &hash[..]].concat()
}

/// The columns of a link that have to do with its secret.
pub(super) struct LinkColumns {
    pub secret: String,
    pub hash: Hash,
    pub sealed: Option<Vec<u8>>,
    pub expires_ms: Option<Millis>,
    pub sealed_expires_ms: Option<Millis>,
}

impl LinkColumns {
    pub(super) fn new(
        keys: &SealingKeys,
        secret: &str,
        expires_ms: Option<Millis>,
    ) -> Result<Self> {
        let hash = link_hash(secret);
        if !keys.can_seal() {
            return Ok(Self {
                secret: secret.to_owned(),
                hash,
                sealed: None,
                expires_ms,
                sealed_expires_ms: None,
            });
        }
        Ok(Self {
            secret: format!("sealed {}", uuid::Uuid::new_v4().simple()),
            hash,
            sealed: Some(keys.seal(&link_context(&hash), secret.as_bytes())?),
            expires_ms: Some(0),
            sealed_expires_ms: expires_ms,
        })
    }
}

/// The secret of a link to be shown again; none if its key is missing.
pub(super) fn shown_secret(
    keys: &SealingKeys,
    plain: Option<String>,
    hash: Option<Hash>,
    sealed: Option<Vec<u8>>,
) -> Option<String> {
    let (Some(hash), Some(sealed)) = (hash, sealed) else {
        return plain;
    };
    match keys.open(&link_context(&hash), &sealed) {
        Ok(Opened::Plain(secret)) => String::from_utf8(secret).ok(),
        Ok(Opened::KeyMissing) => None,
        Err(error) => {
            tracing::error!(%error, "the secret of a link cannot be read");
            None
        }
    }
}

pub(super) fn seal_totp(keys: &SealingKeys, id: AccountId, secret: &[u8]) -> Result<Vec<u8>> {
    keys.seal(&totp_context(id), secret)
}

pub(super) fn open_totp(keys: &SealingKeys, id: AccountId, stored: &[u8]) -> Result<Opened> {
    keys.open(&totp_context(id), stored)
}

/// Secrets that the keys of the environment do not open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unreadable {
    /// Second factors whose codes cannot be checked.
    pub factors: u64,
    /// Links that still open and cannot be shown again.
    pub links: u64,
}

impl Unreadable {
    /// What is wrong and what to do; nothing if all can be read.
    pub fn message(&self) -> Option<String> {
        if *self == Self::default() {
            return None;
        }
        Some(format!(
            "{} second factors and {} links were sealed with a key that is neither SECRET_KEY nor SECRET_KEY_PREVIOUS. \
             Codes of those apps are refused and those links cannot be shown again, though they still open. \
             Set the key again; if it is lost, people sign in with a passkey, a recovery code or a link from \
             `wharfside user passwd`, and set up their app and their links anew.",
            self.factors, self.links
        ))
    }
}

impl Library {
    /// Counts the secrets that cannot be read.
    ///
    /// # Errors
    /// Those of the catalog.
    pub fn unreadable_secrets(&self) -> Result<Unreadable> {
        let count = |c: &Connection, sql: &str| -> Result<u64> {
            let stored: Vec<Vec<u8>> = rows(c, sql, (), |row| row.get(0))?;
            let unreadable = stored.iter().filter(|stored| !self.keys.can_open(stored));
            Ok(unreadable.count() as u64)
        };
        let schema = &self.report.schema;
        if schema.version + schema.applied < SCHEMA {
            return Ok(Unreadable::default());
        }
        self.store.sql.read(|c| {
            Ok(Unreadable {
                factors: count(c, "SELECT totp FROM account WHERE totp IS NOT NULL")?,
                links: count(c, "SELECT sealed FROM share_link WHERE sealed IS NOT NULL")?,
            })
        })
    }

    /// Seals what was stored before there was this key. Answers how many secrets were sealed.
    ///
    /// # Errors
    /// Those of the catalog.
    pub fn seal_secrets(&self) -> Result<u64> {
        if self
            .store
            .boots
            .is_beside_another_release(&self.store.sql)?
        {
            return Ok(0);
        }
        let sealed = self.seal_factors()? + self.seal_links()?;
        if sealed > 0 {
            // What they replaced must not stay in the file until the log is next written back.
            self.store.sql.checkpoint()?;
        }
        Ok(sealed)
    }

    fn seal_factors(&self) -> Result<u64> {
        let unsealed = self.store.sql.read(|c| {
            let sql = "SELECT id, totp FROM account WHERE totp IS NOT NULL";
            let found = rows(c, sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
            let ids = found
                .into_iter()
                .filter_map(|(id, totp): (AccountId, Vec<u8>)| {
                    self.keys.needs_sealing(&totp).then_some(id)
                });
            Ok(ids.collect::<Vec<_>>())
        })?;
        if unsealed.is_empty() {
            return Ok(0);
        }
        let keys = self.keys.clone();
        self.store.sql.write(move |c| {
            let sealed = unsealed.iter().map(|id| seal_factor(c, &keys, *id));
            sealed.sum::<Result<u64>>()
        })
    }

    fn seal_links(&self) -> Result<u64> {
        let unsealed = self.store.sql.read(|c| {
            let sql = "SELECT id, sealed FROM share_link";
            let found = rows(c, sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
            let ids = found
                .into_iter()
                .filter_map(|(id, sealed): (i64, Option<Vec<u8>>)| {
                    let needs = match sealed {
                        Some(sealed) => self.keys.needs_sealing(&sealed),
                        None => self.keys.can_seal(),
                    };
                    needs.then_some(id)
                });
            Ok(ids.collect::<Vec<_>>())
        })?;
        let batches = unsealed.chunks(BATCH_SIZE).map(|ids| {
            let (keys, ids) = (self.keys.clone(), ids.to_vec());
            self.store.sql.write(move |c| {
                ids.iter()
                    .map(|id| seal_link(c, &keys, *id))
                    .sum::<Result<u64>>()
            })
        });
        batches.sum::<Result<u64>>()
    }
}

/// Answers how many were sealed: 0 if it is gone meanwhile, or cannot be read.
fn seal_factor(c: &Connection, keys: &SealingKeys, id: AccountId) -> Result<u64> {
    let sql = "SELECT totp FROM account WHERE id = ?1 AND totp IS NOT NULL";
    let found: Vec<Vec<u8>> = rows(c, sql, [id], |row| row.get(0))?;
    let opened = found.first().map(|stored| open_totp(keys, id, stored));
    let Some(Ok(Opened::Plain(secret))) = opened else {
        return Ok(0);
    };
    let totp = seal_totp(keys, id, &secret)?;
    let sql = "UPDATE account SET totp = ?2 WHERE id = ?1";
    Ok(c.prepare_cached(sql)?.execute((id, totp))? as u64)
}

/// As [`seal_factor`], for a link.
fn seal_link(c: &Connection, keys: &SealingKeys, id: i64) -> Result<u64> {
    let sql = "SELECT secret, hash, sealed, iif(sealed IS NULL, expires_ms, sealed_expires_ms)
               FROM share_link WHERE id = ?1";
    let found = rows(c, sql, [id], |row| {
        let secret = shown_secret(keys, row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((secret, row.get::<_, Option<Millis>>(3)?))
    })?;
    let Some((Some(secret), expires_ms)) = found.into_iter().next() else {
        return Ok(0);
    };
    let columns = LinkColumns::new(keys, &secret, expires_ms)?;
    let sql = "UPDATE share_link SET secret = ?2, hash = ?3, sealed = ?4, expires_ms = ?5,
               sealed_expires_ms = ?6 WHERE id = ?1";
    let changed = c.prepare_cached(sql)?.execute((
        id,
        columns.secret,
        columns.hash,
        columns.sealed,
        columns.expires_ms,
        columns.sealed_expires_ms,
    ))?;
    Ok(changed as u64)
}

/// All rows of a query, read before anything is changed.
fn rows<T>(
    c: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = c.prepare_cached(sql)?;
    let found = statement.query_map(parameters, read)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::library::tests::settings;
    use crate::library::{FolderPath, NewShare, Right, Settings, Shared};

    #[test]
    fn nothing_is_sealed_while_another_release_is_at_work() {
        let dir = tempfile::tempdir().unwrap();
        let before = Library::open(&settings(dir.path(), "before")).unwrap();
        let secret = "wl_secret".to_owned();
        let link = NewShare {
            secret: secret.clone(),
            shared: Shared::Folder(FolderPath::parse("").unwrap()),
            name: String::new(),
            password: None,
            expires_ms: None,
            uses: None,
        };
        before.share(link).unwrap();
        let keyed = Settings {
            keys: SealingKeys::new(Some(&"k".repeat(32)), None).unwrap(),
            ..settings(dir.path(), "after")
        };
        let after = Library::open(&keyed).unwrap();
        assert_eq!(after.seal_secrets().unwrap(), 0);
        assert!(before.share_with(&secret, Right::Own).is_ok());
        before.close();
        drop(before);
        let deadline = Instant::now() + Duration::from_secs(60);
        while after.seal_secrets().unwrap() == 0 {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(after.seal_secrets().unwrap(), 0);
        assert!(after.share_with(&secret, Right::Own).is_ok());
        let shown = after.shares().unwrap();
        assert_eq!(shown[0].secret.as_deref(), Some(secret.as_str()));
        after.close();
    }
}
