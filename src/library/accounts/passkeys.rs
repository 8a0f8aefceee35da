//! Passkeys of accounts, and what was begun and is finished by another request.

use rusqlite::{Connection, OptionalExtension, Row};

use super::audit::{self, Happening};
use super::factors::{forget_codes, keep_codes};
use super::{AccountId, by_id};
use crate::error::{Error, Kind, Result};
use crate::library::visible::is_visible;
use crate::library::{Library, Millis};
use crate::store::now_ms;

/// Most that an account may have.
const MOST: u32 = 20;
/// Longest name that is kept, in bytes.
const MAX_NAME: usize = 100;
/// Most that may be under way: what a flood of sign-ins that nobody finishes can add.
const MOST_BEGUN: u32 = 10_000;

type Hash = [u8; 32];

/// A passkey as it is listed. What lets it be checked is `auth`'s to read.
#[derive(Clone, Debug)]
pub struct KeptPasskey {
    pub id: i64,
    pub account: AccountId,
    pub name: String,
    pub state: Vec<u8>,
    pub created_ms: Millis,
    pub used_ms: Option<Millis>,
}

pub struct NewPasskey {
    /// What its device calls it.
    pub credential: Vec<u8>,
    pub state: Vec<u8>,
    /// What its owner calls it.
    pub name: String,
    /// Hashes of recovery codes, for an account that had no second factor.
    pub codes: Vec<Hash>,
}

/// What was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceremony {
    /// Making a passkey.
    Registration,
    /// Signing in with a passkey alone.
    SignIn,
    /// Proving a second factor, after the password was right.
    SecondFactor,
    /// Proving it to confirm a session, after the password was right once more.
    Confirmation,
}

impl Ceremony {
    fn word(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::SignIn => "sign-in",
            Self::SecondFactor => "second-factor",
            Self::Confirmation => "confirmation",
        }
    }
}

/// What was left for whoever finishes it.
#[derive(Clone, Debug)]
pub struct Begun {
    /// None for signing in with a passkey alone: whose it is comes out at the end.
    pub account: Option<AccountId>,
    pub state: Vec<u8>,
}

const COLUMNS: &str = "id, account_id, name, state, created_ms, used_ms";

impl Library {
    /// Keeps what was begun, under the hash of a secret that whoever finishes it will show.
    pub fn begin_ceremony(
        &self,
        kind: Ceremony,
        hash: Hash,
        begun: Begun,
        valid_ms: Millis,
    ) -> Result<()> {
        let at_ms = now_ms();
        self.store.sql.write(move |c| {
            c.prepare_cached("DELETE FROM ceremony WHERE expires_ms < ?1")?
                .execute([at_ms])?;
            c.prepare_cached(
                "INSERT INTO ceremony (hash, account_id, kind, state, expires_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                &hash[..],
                begun.account,
                kind.word(),
                begun.state,
                at_ms + valid_ms,
            ))?;
            // Those make way first that a stranger can begin.
            c.prepare_cached(
                "DELETE FROM ceremony WHERE hash IN (
                     SELECT hash FROM ceremony ORDER BY account_id IS NULL, expires_ms DESC
                     LIMIT -1 OFFSET ?1)",
            )?
            .execute([MOST_BEGUN])?;
            Ok(())
        })
    }

    /// What was begun, once: of two requests that finish the same, in whichever processes, one gets it.
    pub fn take_ceremony(&self, kind: Ceremony, hash: Hash) -> Result<Option<Begun>> {
        let at_ms = now_ms();
        self.store.sql.write(move |c| {
            let sql = "DELETE FROM ceremony WHERE hash = ?1 AND kind = ?2 AND expires_ms >= ?3
                       RETURNING account_id, state";
            let mut statement = c.prepare_cached(sql)?;
            let taken = statement.query_row((&hash[..], kind.word(), at_ms), |row| {
                Ok(Begun {
                    account: row.get(0)?,
                    state: row.get(1)?,
                })
            });
            Ok(taken.optional()?)
        })
    }

    /// Those of an account, the oldest first.
    pub fn passkeys(&self, account: AccountId) -> Result<Vec<KeptPasskey>> {
        self.store.sql.read(|c| {
            let sql = format!("SELECT {COLUMNS} FROM passkey WHERE account_id = ?1 ORDER BY id");
            let mut statement = c.prepare_cached(&sql)?;
            let passkeys = statement.query_map([account], passkey_of)?;
            Ok(passkeys.collect::<Result<_, _>>()?)
        })
    }

    /// The one that its device calls so.
    pub fn passkey(&self, credential: &[u8]) -> Result<Option<KeptPasskey>> {
        self.store.sql.read(|c| {
            let sql = format!("SELECT {COLUMNS} FROM passkey WHERE credential = ?1");
            let mut statement = c.prepare_cached(&sql)?;
            Ok(statement.query_row([credential], passkey_of).optional()?)
        })
    }

    /// Adds a passkey to the viewer's account.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if it is somebody's already, or the account has as many as it may.
    pub fn add_passkey(&self, new: NewPasskey) -> Result<()> {
        let (account, change) = (self.own_account()?, self.change());
        let name = checked_name(&new.name)?;
        self.store.sql.write(move |c| {
            change.require_confirmed_by(c, account)?;
            if count(c, account)? >= MOST {
                return Err(Error::conflict(format!(
                    "An account has at most {MOST} passkeys; remove one that is not used."
                )));
            }
            c.prepare_cached(
                "INSERT INTO passkey (account_id, credential, state, name, created_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((account, new.credential, new.state, &name, change.at_ms))
            .map_err(taken)?;
            if !new.codes.is_empty() {
                keep_codes(c, account, &new.codes)?;
            }
            audit::note(c, &change, "", Happening::PasskeyAdded, &name)
        })
    }

    /// Keeps what a passkey is like after it was used.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] if it was removed meanwhile.
    pub fn passkey_used(&self, id: i64, state: Vec<u8>) -> Result<()> {
        let at_ms = now_ms();
        self.store.sql.write(move |c| {
            let sql = "UPDATE passkey SET state = ?2, used_ms = ?3 WHERE id = ?1";
            match c.prepare_cached(sql)?.execute((id, state, at_ms))? {
                1 => Ok(()),
                _ => Err(Error::new(
                    Kind::Unauthenticated,
                    "The passkey was removed; sign in with your password.",
                )),
            }
        })
    }

    /// Removes one of the viewer's own; with the last second factor go its recovery codes.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if it is not one.
    pub fn remove_passkey(&self, id: i64) -> Result<()> {
        let (account, change) = (self.own_account()?, self.change());
        self.store.sql.write(move |c| {
            change.require_confirmed_by(c, account)?;
            let sql = "DELETE FROM passkey WHERE id = ?1 AND account_id = ?2 RETURNING name";
            let name: Option<String> = c
                .prepare_cached(sql)?
                .query_row((id, account), |row| row.get(0))
                .optional()?;
            let name = name.ok_or_else(|| {
                Error::not_found("There is no such passkey; it may have been removed.")
            })?;
            if !by_id(c, account)?.has_factor() {
                forget_codes(c, account)?;
            }
            audit::note(c, &change, "", Happening::PasskeyRemoved, &name)
        })
    }
}

fn count(c: &Connection, account: AccountId) -> Result<u32> {
    let sql = "SELECT count(*) FROM passkey WHERE account_id = ?1";
    Ok(c.prepare_cached(sql)?
        .query_row([account], |row| row.get(0))?)
}

fn taken(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => {
            Error::conflict("This passkey belongs to an account already; make another one.")
        }
        _ => error.into(),
    }
}

fn checked_name(name: &str) -> Result<String> {
    let name = match name.trim() {
        "" => "Passkey",
        name => name,
    };
    if !is_visible(name) || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "The name of a passkey has up to {MAX_NAME} bytes that can be seen, in one line."
        )));
    }
    Ok(name.to_owned())
}

fn passkey_of(row: &Row<'_>) -> rusqlite::Result<KeptPasskey> {
    Ok(KeptPasskey {
        id: row.get(0)?,
        account: row.get(1)?,
        name: row.get(2)?,
        state: row.get(3)?,
        created_ms: row.get(4)?,
        used_ms: row.get(5)?,
    })
}
