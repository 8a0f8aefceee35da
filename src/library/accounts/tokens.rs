//! API tokens: what a program may in an account's name.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::audit::{self, Happening};
use super::confirmation::own_session;
use super::{AccountId, Role, by_id};
use crate::error::{Error, Result};
use crate::library::uploads::{Whose, end_all};
use crate::library::visible::is_visible;
use crate::library::{FolderPath, Library, Millis, Right};
use crate::store::now_ms;

/// How exactly is noted when a token was used.
const NOTED_MS: Millis = 60 * 1000;
const MAX_NAME_BYTES: usize = 100;
const MOST: u64 = 200;

type Hash = [u8; 32];

/// What a token may at most, in the order of what it may do with files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Read,
    /// Also manages accounts, as its owner does; nothing else has that in it. An older release takes it
    /// for one to read.
    Accounts,
    Write,
    /// Whatever its account may, but for accounts and how people sign in.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 4] = [Self::Read, Self::Accounts, Self::Write, Self::Admin];

    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Accounts => "accounts",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }

    /// What it may do with files.
    pub fn most(self) -> Right {
        match self {
            Self::Read | Self::Accounts => Right::Read,
            Self::Write => Right::Write,
            Self::Admin => Right::Own,
        }
    }
}

/// A token as it is listed; its secret is shown once, when it is made.
#[derive(Clone, Debug)]
pub struct Token {
    pub id: i64,
    pub account: AccountId,
    /// Name of the account.
    pub owner: String,
    pub role: Role,
    pub name: String,
    pub scope: Scope,
    pub folder: Option<FolderPath>,
    pub created_ms: Millis,
    pub expires_ms: Option<Millis>,
    pub used_ms: Option<Millis>,
}

#[derive(Clone, Debug)]
pub struct NewToken {
    pub hash: Hash,
    pub name: String,
    pub scope: Scope,
    pub folder: Option<FolderPath>,
    pub expires_ms: Option<Millis>,
}

const SELECT: &str = "SELECT token.id, account_id, account.name, role, token.name, scope, folder, \
     token.created_ms, expires_ms, used_ms FROM token JOIN account ON account.id = account_id";

impl Library {
    /// Makes a token for the viewer's account.
    ///
    /// # Errors
    /// [`Kind::Unconfirmed`](crate::error::Kind::Unconfirmed) if the viewer's session is not
    /// confirmed; [`Kind::Forbidden`](crate::error::Kind::Forbidden) by a token.
    pub fn add_token(&self, new: NewToken) -> Result<()> {
        let name: String = new.name.trim().nfc().collect();
        if !is_visible(&name) || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "A token needs a name of at most {MAX_NAME_BYTES} bytes that says what it is for."
            )));
        }
        let (account, change) = (self.own_account()?, self.change());
        self.store.sql.write(move |c| {
            change.require_confirmed_by(c, account)?;
            if new.scope == Scope::Accounts {
                refuse_idle(c, account, new.folder.as_ref())?;
            }
            let count = "SELECT count(*) FROM token WHERE account_id = ?1";
            let count: u64 = c
                .prepare_cached(count)?
                .query_row([account], |row| row.get(0))?;
            if count >= MOST {
                return Err(Error::conflict(format!(
                    "There are {MOST} tokens already; revoke one first."
                )));
            }
            c.prepare_cached(
                "INSERT INTO token (hash, account_id, name, scope, folder, created_ms, expires_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                &new.hash[..],
                account,
                &name,
                new.scope.word(),
                new.folder.as_ref().map(FolderPath::as_str),
                change.at_ms,
                new.expires_ms,
            ))?;
            let subject = format!("{name} ({})", new.scope.word());
            audit::note(c, &change, "", Happening::TokenMade, &subject)
        })
    }

    /// The token with this secret, unless it has expired.
    pub fn token(&self, hash: Hash) -> Result<Option<Token>> {
        let at_ms = now_ms();
        let token = self.store.sql.read(|c| {
            let sql = format!("{SELECT} WHERE hash = ?1 AND ifnull(expires_ms > ?2, TRUE)");
            let mut statement = c.prepare_cached(&sql)?;
            let found = statement.query_row((&hash[..], at_ms), |row| Ok(token_of(row)));
            found.optional()?.transpose()
        })?;
        if let Some(token) = token.as_ref()
            && token.used_ms.is_none_or(|used| at_ms - used > NOTED_MS)
        {
            let id = token.id;
            // Whoever only looks does not wait for those who write.
            self.store.sql.write_later(move |c| {
                c.prepare_cached("UPDATE token SET used_ms = ?2 WHERE id = ?1")?
                    .execute((id, at_ms))?;
                Ok(())
            });
        }
        Ok(token)
    }

    /// Whether a token was not revoked meanwhile, and has not expired.
    pub fn token_holds(&self, id: i64) -> Result<bool> {
        self.store.sql.read(|c| {
            let sql = "SELECT EXISTS (SELECT 1 FROM token
                       WHERE id = ?1 AND ifnull(expires_ms > ?2, TRUE))";
            let mut statement = c.prepare_cached(sql)?;
            Ok(statement.query_row((id, now_ms()), |row| row.get(0))?)
        })
    }

    /// The viewer's own, the newest first.
    pub fn tokens(&self) -> Result<Vec<Token>> {
        let account = self.own_account()?;
        self.store.sql.read(|c| {
            let sql = format!("{SELECT} WHERE account_id = ?1 ORDER BY token.id DESC");
            let mut statement = c.prepare_cached(&sql)?;
            let mut rows = statement.query([account])?;
            let mut tokens = Vec::new();
            while let Some(row) = rows.next()? {
                tokens.push(token_of(row)?);
            }
            Ok(tokens)
        })
    }

    /// Revokes one of the viewer's own.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) if it is not one.
    pub fn remove_token(&self, id: i64) -> Result<()> {
        let (account, change) = (self.own_account()?, self.change());
        let ended = self.store.sql.write(move |c| {
            own_session(change.viewer())?;
            let sql = "DELETE FROM token WHERE id = ?1 AND account_id = ?2 RETURNING name";
            let name: Option<String> = c
                .prepare_cached(sql)?
                .query_row((id, account), |row| row.get(0))
                .optional()?;
            let name = name.ok_or_else(|| Error::not_found("There is no such token."))?;
            audit::note(c, &change, "", Happening::TokenRevoked, &name)?;
            end_all(c, Whose::Token(id), change.at_ms)
        })?;
        self.remove_bytes(&ended);
        Ok(())
    }
}

/// A token for accounts that could not manage any.
fn refuse_idle(c: &Connection, account: AccountId, folder: Option<&FolderPath>) -> Result<()> {
    if by_id(c, account)?.role != Role::Owner {
        return Err(Error::forbidden(
            "Only an owner's token can manage accounts.",
        ));
    }
    match folder {
        None => Ok(()),
        Some(_) => Err(Error::invalid(
            "A token that manages accounts is for no folder; leave that field empty.",
        )),
    }
}

fn token_of(row: &rusqlite::Row<'_>) -> Result<Token> {
    let folder: Option<String> = row.get(6)?;
    Ok(Token {
        id: row.get(0)?,
        account: row.get(1)?,
        owner: row.get(2)?,
        role: Role::parse(&row.get::<_, String>(3)?).unwrap_or(Role::Reader),
        name: row.get(4)?,
        // A scope that only a later release knows may least.
        scope: Scope::parse(&row.get::<_, String>(5)?).unwrap_or(Scope::Read),
        folder: folder.as_deref().map(FolderPath::parse).transpose()?,
        created_ms: row.get(7)?,
        expires_ms: row.get(8)?,
        used_ms: row.get(9)?,
    })
}
