//! Links that let somebody choose a password, once: the first owner, or whoever an owner lets in.

use rusqlite::{Connection, OptionalExtension};

use super::audit::{self, Happening};
use super::{Account, AccountId, Role, by_id, create, has_owner, names, set_password};
use crate::error::{Error, Kind, Result};
use crate::library::catalog::Change;
use crate::library::{Library, Millis};
use crate::store::now_ms;

/// How long a link can be used.
const VALID_MS: Millis = 3 * 24 * 3600 * 1000;

/// SHA-256 of a secret.
type Hash = [u8; 32];

/// Whom a link lets in.
#[derive(Clone, Debug)]
pub enum Invitation {
    /// The first owner, who chooses a name as well.
    Owner,
    Account(Account),
}

/// Who was let in.
#[derive(Clone, Debug)]
pub struct Invited {
    pub id: AccountId,
    pub name: String,
}

impl Library {
    /// Makes a link by which the first owner comes in. Those made before work, too, until one is
    /// used: of two releases that start, each may log one.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if there is an owner already.
    pub fn make_setup_link(&self, hash: Hash) -> Result<()> {
        let change = self.change();
        self.store.sql.write(move |c| {
            change.require_account_manager(c)?;
            if has_owner(c)? {
                return Err(Error::conflict(
                    "There is an owner already; `wharfside user passwd <name>` makes a link to choose another password.",
                ));
            }
            insert(c, hash, None, change.at_ms)
        })
    }

    /// Makes a link by which somebody chooses the password of an account; earlier ones are void.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for one's own account: such a link lets in without the second factor.
    pub fn make_password_link(&self, id: AccountId, hash: Hash) -> Result<()> {
        let change = self.change();
        self.store.sql.write(move |c| {
            change.require_account_manager(c)?;
            let account = by_id(c, id)?;
            refuse_oneself(&change, id)?;
            c.prepare_cached("DELETE FROM one_time_link WHERE account_id = ?1")?
                .execute([id])?;
            insert(c, hash, Some(id), change.at_ms)?;
            audit::note(c, &change, "", Happening::PasswordLinkMade, &account.name)
        })
    }

    /// Whom a link lets in, if it can still be used.
    pub fn invitation(&self, hash: Hash) -> Result<Option<Invitation>> {
        self.store.sql.read(|c| invitation(c, hash, now_ms()))
    }

    /// Uses a link up: makes the first owner, or sets the password that was chosen and ends
    /// all sessions of the account. `name` is the owner's.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if the link cannot be used any more.
    pub fn accept(&self, hash: Hash, name: &str, phc: String, address: &str) -> Result<Invited> {
        let (name, address, change) = (name.to_owned(), address.to_owned(), self.change());
        self.store.sql.write(move |c| {
            let invitation = invitation(c, hash, change.at_ms)?.ok_or_else(used_up)?;
            c.prepare_cached("DELETE FROM one_time_link WHERE hash = ?1")?
                .execute([&hash[..]])?;
            let (account, happening) = match invitation {
                Invitation::Owner => {
                    let name = names::checked(&name)?;
                    names::refuse_look_alike(c, &name)?;
                    let owner = create(c, &name, Role::Owner, Some(&phc), &change)?;
                    (owner, Happening::OwnerMade)
                }
                Invitation::Account(account) => {
                    set_password(c, account.id, &phc, None)?;
                    (account, Happening::PasswordSet)
                }
            };
            let change = change.begun_by(&account.name);
            audit::note(c, &change, &address, happening, &account.name)?;
            Ok(Invited {
                id: account.id,
                name: account.name,
            })
        })
    }
}

fn refuse_oneself(change: &Change, id: AccountId) -> Result<()> {
    match change.viewer().acting() {
        Some(acting) if acting.account == id => Err(Error::forbidden(
            "Nobody can make a link for their own account: change the password on your account page, ask \
             another owner, or run `wharfside user passwd` on the machine.",
        )),
        _ => Ok(()),
    }
}

fn insert(c: &Connection, hash: Hash, id: Option<AccountId>, at_ms: Millis) -> Result<()> {
    c.prepare_cached("DELETE FROM one_time_link WHERE expires_ms < ?1")?
        .execute([at_ms])?;
    c.prepare_cached(
        "INSERT INTO one_time_link (hash, account_id, created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((&hash[..], id, at_ms, at_ms + VALID_MS))?;
    Ok(())
}

fn invitation(c: &Connection, hash: Hash, at_ms: Millis) -> Result<Option<Invitation>> {
    let sql = "SELECT account_id FROM one_time_link WHERE hash = ?1 AND expires_ms >= ?2";
    let found: Option<Option<AccountId>> = c
        .prepare_cached(sql)?
        .query_row((&hash[..], at_ms), |row| row.get(0))
        .optional()?;
    Ok(match found {
        None => None,
        // Whoever was first is the owner; another link from before must not make a second one.
        Some(None) if has_owner(c)? => None,
        Some(None) => Some(Invitation::Owner),
        Some(Some(id)) => Some(Invitation::Account(by_id(c, id)?)),
    })
}

fn used_up() -> Error {
    Error::new(
        Kind::NotFound,
        "This link has been used or has expired; ask for another one.",
    )
}
