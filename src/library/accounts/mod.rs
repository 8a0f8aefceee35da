//! Accounts: who may sign in, as what, and where their files go.
//!
//! Everything that an account has goes with it in the same transaction: sessions, tokens, links,
//! grants. Its files stay.

pub(super) mod audit;
mod confirmation;
mod downloads;
mod factors;
mod guesses;
mod links;
mod names;
mod passkeys;
mod pauses;
mod rules;
mod secrets;
mod sessions;
mod shares;
mod tokens;
pub(super) mod usage;

use std::fmt;

use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::catalog::Change;
use super::path::FolderPath;
use super::text::fold;
use super::uploads::{Whose, end_all};
use super::viewer::LINK_OF;
use super::{Library, Millis, Right, catalog};
use crate::error::{Error, Kind, Result};

pub use audit::{Audited, Happening, Happenings};
pub use confirmation::unconfirmed;
pub use downloads::{Charge, LinkDownload};
pub use factors::Factor;
pub use guesses::{Guessed, network_of};
pub use links::{Invitation, Invited};
pub use passkeys::{Begun, Ceremony, KeptPasskey, NewPasskey};
pub use pauses::{Pause, Paused};
pub(in crate::library) use rules::LeftFolders;
pub use rules::{FolderRule, Grant};
pub use secrets::Unreadable;
pub use sessions::{NewSession, Session};
pub(in crate::library) use shares::{LINK_IS_VALID, no_link};
pub use shares::{NewShare, Share, Shared};
pub use tokens::{NewToken, Scope, Token};
pub use usage::{Quota, Usage};

pub type AccountId = i64;

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees what others let it see, and changes nothing.
    Reader,
    /// Has a folder of its own, and what others share with it.
    Member,
    /// May everything.
    Owner,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Reader, Self::Member, Self::Owner];

    pub fn word(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Member => "member",
            Self::Owner => "owner",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// An account as it is listed.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub role: Role,
    /// A PHC string; none as long as no password was chosen.
    pub password: Option<String>,
    /// Whether an app for codes is one of its second factors.
    pub has_totp: bool,
    pub passkeys: u64,
    pub quota: Quota,
    pub created_ms: Millis,
}

const COLUMNS: &str = "id, name, role, password, totp IS NOT NULL, quota_bytes, quota_files, \
     created_ms, (SELECT count(*) FROM passkey WHERE account_id = account.id)";

impl Account {
    /// Whether its password alone lets nobody in.
    pub fn has_factor(&self) -> bool {
        self.has_totp || self.passkeys > 0
    }
}

impl Library {
    /// Whether somebody can sign in at all.
    pub fn has_owner(&self) -> Result<bool> {
        self.store.sql.read(has_owner)
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the viewer may everything, or manages accounts.
    pub fn accounts(&self) -> Result<Vec<Account>> {
        self.store.sql.read(|c| {
            if !confirmation::is_account_token(c, &self.viewer)? {
                refuse_others_than_owners(&self.reach(c)?)?;
            }
            let sql = format!("SELECT {COLUMNS} FROM account ORDER BY sort_name");
            let mut statement = c.prepare_cached(&sql)?;
            let mut rows = statement.query([])?;
            let mut accounts = Vec::new();
            while let Some(row) = rows.next()? {
                accounts.push(account_of(row)?);
            }
            Ok(accounts)
        })
    }

    /// The account of that name, case and accents apart; what signing in needs.
    pub fn account_named(&self, name: &str) -> Result<Option<Account>> {
        let folded = fold(name.trim());
        self.store.sql.read(|c| {
            let sql = format!("SELECT {COLUMNS} FROM account WHERE sort_name = ?1");
            one(c, &sql, [folded])
        })
    }

    /// Names of all accounts but the viewer's own: whom one may share with.
    pub fn others(&self) -> Result<Vec<String>> {
        let own = self.viewer.acting().map(|acting| acting.account);
        self.store.sql.read(|c| {
            let sql = "SELECT name FROM account WHERE id IS NOT ?1 ORDER BY sort_name";
            let mut statement = c.prepare_cached(sql)?;
            let names = statement.query_map([own], |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        })
    }

    /// The account with this id.
    pub fn account(&self, id: AccountId) -> Result<Account> {
        self.store.sql.read(|c| by_id(c, id))
    }

    /// Makes an account, and for one that stores files a folder of its own.
    ///
    /// # Errors
    /// [`Kind::Conflict`] for a name that is taken or looks like another, [`Kind::Invalid`] for what is
    /// no name; [`Kind::Forbidden`] and [`Kind::Unconfirmed`] unless the viewer manages accounts, as
    /// for every change of them.
    pub fn add_account(&self, name: &str, role: Role) -> Result<Account> {
        let (name, change) = (names::checked(name)?, self.change());
        self.store.sql.write(move |c| {
            change.require_account_manager(c)?;
            names::refuse_look_alike(c, &name)?;
            let account = create(c, &name, role, None, &change)?;
            audit::note(
                c,
                &change,
                "",
                Happening::AccountAdded,
                &format!("{name}, {role}"),
            )?;
            Ok(account)
        })
    }

    /// Changes what an account is for, and what it may store. What it has already stays.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if nobody would be left who may everything and can sign in.
    pub fn change_account(&self, id: AccountId, role: Role, quota: Quota) -> Result<()> {
        let change = self.change();
        let ended = self.store.sql.write(move |c| {
            change.require_account_manager(c)?;
            let account = by_id(c, id)?;
            c.prepare_cached("UPDATE account SET role = ?2 WHERE id = ?1")?
                .execute((id, role.word()))?;
            refuse_without(c, &account)?;
            usage::set_quota(c, id, quota)?;
            if role == Role::Member {
                give_home(c, id, &account.name)?;
            }
            let subject = format!("{}, {role}", account.name);
            audit::note(c, &change, "", Happening::AccountChanged, &subject)?;
            // Whoever stores nothing any more has nothing on its way either.
            match role {
                Role::Reader => end_all(c, Whose::Account(id, &account.name), change.at_ms),
                Role::Member | Role::Owner => Ok(Vec::new()),
            }
        })?;
        self.remove_bytes(&ended);
        Ok(())
    }

    /// Sets the password of an account and ends all its sessions but the one that asks.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for anybody else's account, [`Kind::Unconfirmed`] if the viewer's session
    /// is not confirmed.
    pub fn set_password(&self, id: AccountId, phc: String, but: Option<i64>) -> Result<()> {
        let change = self.change();
        self.store.sql.write(move |c| {
            change.require_confirmed_by(c, id)?;
            let account = by_id(c, id)?;
            set_password(c, id, &phc, but)?;
            audit::note(c, &change, "", Happening::PasswordSet, &account.name)
        })
    }

    /// Replaces the hash of a password that has been given right, by one of today's strength.
    pub fn rehash_password(&self, id: AccountId, phc: String) -> Result<()> {
        self.store.sql.write(move |c| {
            c.prepare_cached("UPDATE account SET password = ?2 WHERE id = ?1")?
                .execute((id, phc))?;
            Ok(())
        })
    }

    /// Removes an account with everything that lets it in. Its files stay, and so does its folder.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if nobody would be left who may everything.
    pub fn remove_account(&self, id: AccountId) -> Result<()> {
        let change = self.change();
        let ended = self.store.sql.write(move |c| {
            change.require_account_manager(c)?;
            let account = by_id(c, id)?;
            let ended = end_all(c, Whose::Account(id, &account.name), change.at_ms)?;
            // Nobody of the same name is to find what is remembered of them.
            c.prepare_cached(
                "UPDATE upload SET actor = '', key = NULL WHERE actor IN (?1, ?2 || ?1)",
            )?
            .execute((&account.name, LINK_OF))?;
            c.prepare_cached("DELETE FROM saved_search WHERE actor = ?1")?
                .execute([&account.name])?;
            c.prepare_cached("DELETE FROM account WHERE id = ?1")?
                .execute([id])?;
            refuse_without(c, &account)?;
            audit::note(c, &change, "", Happening::AccountRemoved, &account.name)?;
            Ok(ended)
        })?;
        self.remove_bytes(&ended);
        Ok(())
    }

    /// Sees to it that there is an owner of this name with this password.
    pub fn set_owner(&self, name: &str, phc: String) -> Result<()> {
        let (name, change) = (names::checked(name)?, self.change());
        self.store.sql.write(move |c| {
            let sql = format!("SELECT {COLUMNS} FROM account WHERE sort_name = ?1");
            match one(c, &sql, [fold(&name)])? {
                Some(account) => {
                    c.prepare_cached("UPDATE account SET role = 'owner' WHERE id = ?1")?
                        .execute([account.id])?;
                    set_password(c, account.id, &phc, None)?;
                }
                None => drop(create(c, &name, Role::Owner, Some(&phc), &change)?),
            }
            audit::note(c, &change, "", Happening::PasswordSet, &name)
        })
    }
}

fn has_owner(c: &Connection) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM account WHERE role = 'owner')";
    Ok(c.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Called after an account was changed or removed, which is told as it was before: it must not have been
/// the last owner who can sign in.
fn refuse_without(c: &Connection, before: &Account) -> Result<()> {
    let was_able = before.role == Role::Owner && before.password.is_some();
    let sql = "SELECT EXISTS (SELECT 1 FROM account WHERE role = 'owner' AND password IS NOT NULL)";
    let is_left: bool = c.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    match !was_able || is_left {
        true => Ok(()),
        false => Err(Error::conflict(
            "This is the only owner who can sign in; make somebody else an owner first.",
        )),
    }
}

pub(super) fn refuse_others_than_owners(reach: &super::Reach) -> Result<()> {
    match reach.is_everything() {
        true => Ok(()),
        false => Err(confirmation::only_owners()),
    }
}

fn by_id(c: &Connection, id: AccountId) -> Result<Account> {
    let sql = format!("SELECT {COLUMNS} FROM account WHERE id = ?1");
    one(c, &sql, [id])?.ok_or_else(|| Error::not_found("There is no such account."))
}

fn one(c: &Connection, sql: &str, parameters: impl rusqlite::Params) -> Result<Option<Account>> {
    let mut statement = c.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    rows.next()?.map(account_of).transpose()
}

fn account_of(row: &Row<'_>) -> Result<Account> {
    Ok(Account {
        id: row.get(0)?,
        name: row.get(1)?,
        // A role that only a later release knows may least.
        role: Role::parse(&row.get::<_, String>(2)?).unwrap_or(Role::Reader),
        password: row.get(3)?,
        has_totp: row.get(4)?,
        quota: Quota {
            bytes: row.get(5)?,
            files: row.get(6)?,
        },
        created_ms: row.get(7)?,
        passkeys: row.get(8)?,
    })
}

fn create(
    c: &Connection,
    name: &str,
    role: Role,
    password: Option<&str>,
    change: &Change,
) -> Result<Account> {
    c.prepare_cached(
        "INSERT INTO account (name, sort_name, skeleton, role, password, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        name,
        fold(name),
        names::looks(name),
        role.word(),
        password,
        change.at_ms,
    ))
    .map_err(|error| name_taken(error, name))?;
    let id = c.last_insert_rowid();
    if role == Role::Member {
        give_home(c, id, name)?;
    }
    by_id(c, id)
}

fn name_taken(error: rusqlite::Error, name: &str) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => Error::new(
            Kind::Conflict,
            format!("There is an account called {name:?} already; choose another name."),
        ),
        _ => error.into(),
    }
}

/// A folder of its own that nobody has used yet, unless it owns one.
fn give_home(c: &Connection, id: AccountId, name: &str) -> Result<()> {
    if home(c, id)?.is_some() {
        return Ok(());
    }
    let base = FolderPath::parse(name)?;
    let mut folder = base.clone();
    let mut number = 2;
    let is_said = "SELECT EXISTS (SELECT 1 FROM folder_rule WHERE path = ?1)";
    while catalog::is_folder(c, &folder)?
        || c.prepare_cached(is_said)?
            .query_row([folder.as_str()], |row| row.get(0))?
    {
        folder = FolderPath::parse(&format!("{base} ({number})"))?;
        number += 1;
    }
    rules::say(c, &folder, Right::None, None)?;
    rules::grant(c, &folder, id, Right::Own)
}

/// The first folder that an account owns.
fn home(c: &Connection, id: AccountId) -> Result<Option<FolderPath>> {
    let sql = "SELECT path FROM folder_grant WHERE account_id = ?1 AND may = 'own'
               ORDER BY path LIMIT 1";
    let path: Option<String> = c
        .prepare_cached(sql)?
        .query_row([id], |row| row.get(0))
        .optional()?;
    path.map(|path| FolderPath::parse(&path)).transpose()
}

impl Library {
    /// The folder of an account, if it has one.
    pub fn home_of(&self, id: AccountId) -> Result<Option<FolderPath>> {
        self.store.sql.read(|c| home(c, id))
    }

    /// The viewer's own folder, if it has one.
    pub fn home(&self) -> Result<Option<FolderPath>> {
        match self.viewer.acting() {
            Some(acting) => self.store.sql.read(|c| home(c, acting.account)),
            None => Ok(None),
        }
    }
}

fn set_password(c: &Connection, id: AccountId, phc: &str, but: Option<i64>) -> Result<()> {
    c.prepare_cached("UPDATE account SET password = ?2 WHERE id = ?1")?
        .execute((id, phc))?;
    c.prepare_cached("DELETE FROM session WHERE account_id = ?1 AND id IS NOT ?2")?
        .execute((id, but))?;
    c.prepare_cached("DELETE FROM one_time_link WHERE account_id = ?1")?
        .execute([id])?;
    // Whoever was about to give a second factor has given a password that is none any more.
    c.prepare_cached("DELETE FROM ceremony WHERE account_id = ?1")?
        .execute([id])?;
    Ok(())
}

#[cfg(test)]
mod tests;
