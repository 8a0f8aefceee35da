//! Second factors: the secret that an app shares, the last code that was taken, recovery codes.
//!
//! Invariant: they change only in a session that is [confirmed](super::confirmation).

use rusqlite::Connection;

use super::audit::{self, Happening};
use super::secrets::{open_totp, seal_totp};
use super::{AccountId, by_id};
use crate::error::{Error, Kind, Result};
use crate::library::Library;
use crate::library::sealing::Opened;

type Hash = [u8; 32];

/// What an app shares with an account.
#[derive(Clone, Debug)]
pub struct Factor {
    pub secret: Vec<u8>,
    /// The step whose code was taken last.
    pub last_step: Option<u64>,
}

impl Library {
    /// What the app of an account shares with it, if it has one.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] if the key is missing with which it was sealed: without it no code
    /// can be checked, so none is right.
    pub fn factor(&self, id: AccountId) -> Result<Option<Factor>> {
        let stored: Option<(Vec<u8>, Option<u64>)> = self.store.sql.read(|c| {
            let sql = "SELECT totp, totp_step FROM account WHERE id = ?1 AND totp IS NOT NULL";
            let mut statement = c.prepare_cached(sql)?;
            let mut rows = statement.query([id])?;
            Ok(match rows.next()? {
                Some(row) => Some((row.get(0)?, row.get(1)?)),
                None => None,
            })
        })?;
        let Some((stored, last_step)) = stored else {
            return Ok(None);
        };
        match open_totp(&self.keys, id, &stored)? {
            Opened::Plain(secret) => Ok(Some(Factor { secret, last_step })),
            Opened::KeyMissing => {
                tracing::error!(
                    account = id,
                    "a code could not be checked: set SECRET_KEY, or SECRET_KEY_PREVIOUS, to the key with which the second factor was sealed"
                );
                Err(no_key())
            }
        }
    }

    /// Asks for the code of an app from now on; `codes` are the hashes of the recovery codes.
    pub fn add_factor(&self, secret: Vec<u8>, step: u64, codes: Vec<Hash>) -> Result<()> {
        let (id, change) = (self.own_account()?, self.change());
        let secret = seal_totp(&self.keys, id, &secret)?;
        self.store.sql.write(move |c| {
            change.require_confirmed_by(c, id)?;
            c.prepare_cached("UPDATE account SET totp = ?2, totp_step = ?3 WHERE id = ?1")?
                .execute((id, secret, step))?;
            keep_codes(c, id, &codes)?;
            audit::note(c, &change, "", Happening::FactorAdded, &change.actor)
        })
    }

    /// Does without the app from now on. With the last second factor go the recovery codes.
    pub fn remove_factor(&self) -> Result<()> {
        let (id, change) = (self.own_account()?, self.change());
        self.store.sql.write(move |c| {
            change.require_confirmed_by(c, id)?;
            c.prepare_cached("UPDATE account SET totp = NULL, totp_step = NULL WHERE id = ?1")?
                .execute([id])?;
            let account = by_id(c, id)?;
            if !account.has_factor() {
                forget_codes(c, id)?;
            }
            audit::note(c, &change, "", Happening::FactorRemoved, &account.name)
        })
    }

    /// Makes recovery codes of the viewer's account void, and these good in their place.
    ///
    /// # Errors
    /// [`Kind::Conflict`] for an account that has no second factor.
    pub fn replace_codes(&self, codes: Vec<Hash>) -> Result<()> {
        let (id, change) = (self.own_account()?, self.change());
        self.store.sql.write(move |c| {
            change.require_confirmed_by(c, id)?;
            let account = by_id(c, id)?;
            if !account.has_factor() {
                return Err(Error::conflict(
                    "Without a second factor there is nothing to recover from.",
                ));
            }
            keep_codes(c, id, &codes)?;
            audit::note(c, &change, "", Happening::CodesMade, &account.name)
        })
    }

    /// How many recovery codes an account has left.
    pub fn codes_left(&self, id: AccountId) -> Result<u64> {
        self.store.sql.read(|c| {
            let sql = "SELECT count(*) FROM recovery_code WHERE account_id = ?1";
            Ok(c.prepare_cached(sql)?.query_row([id], |row| row.get(0))?)
        })
    }

    /// Takes the code of a step, once: of two requests with the same code, in whichever processes,
    /// one is told so.
    pub fn take_step(&self, id: AccountId, step: u64) -> Result<bool> {
        self.store.sql.write(move |c| {
            let sql = "UPDATE account SET totp_step = ?2
                       WHERE id = ?1 AND ifnull(totp_step < ?2, TRUE)";
            Ok(c.prepare_cached(sql)?.execute((id, step))? == 1)
        })
    }

    /// Takes a recovery code, once.
    pub fn take_recovery_code(&self, id: AccountId, code: Hash) -> Result<bool> {
        self.store.sql.write(move |c| {
            let sql = "DELETE FROM recovery_code WHERE account_id = ?1 AND hash = ?2";
            Ok(c.prepare_cached(sql)?.execute((id, &code[..]))? == 1)
        })
    }
}

fn no_key() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "Codes of the app cannot be checked at the moment, because the key of this installation has changed. \
         Use a recovery code or a passkey, or ask an owner for a link to sign in.",
    )
}

pub(super) fn keep_codes(c: &Connection, id: AccountId, codes: &[Hash]) -> Result<()> {
    forget_codes(c, id)?;
    let sql = "INSERT INTO recovery_code (account_id, hash) VALUES (?1, ?2)";
    let mut insert = c.prepare_cached(sql)?;
    for code in codes {
        insert.execute((id, &code[..]))?;
    }
    Ok(())
}

pub(super) fn forget_codes(c: &Connection, id: AccountId) -> Result<()> {
    c.prepare_cached("DELETE FROM recovery_code WHERE account_id = ?1")?
        .execute([id])?;
    Ok(())
}
