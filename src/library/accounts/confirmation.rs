//! Confirming: what decides who can sign in takes more than a session that was left open.
//!
//! Whoever changes accounts, passwords, factors, tokens or other sessions has given password and, if
//! there is one, second factor within the last minutes. A token does none of that, except that one
//! with the scope `accounts` manages accounts.

use rusqlite::{Connection, OptionalExtension};

use super::audit::{self, Happening};
use super::{AccountId, Role, Scope};
use crate::error::{Error, Kind, Result};
use crate::library::catalog::Change;
use crate::library::viewer::Who;
use crate::library::{Acting, Credential, Library, Millis, Viewer};
use crate::store::now_ms;

/// How long password and second factor count once they were given.
const CONFIRMED_MS: Millis = 10 * 60 * 1000;

/// Whether what was given then still counts. A clock that was set back makes nothing count for longer.
pub(super) fn counts(confirmed_ms: Option<Millis>, at_ms: Millis) -> bool {
    confirmed_ms.is_some_and(|confirmed| (0..=CONFIRMED_MS).contains(&(at_ms - confirmed)))
}

impl Library {
    /// Notes that password and second factor of the viewer's session were given just now.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] if the session has ended.
    pub fn confirm_session(&self) -> Result<()> {
        let change = self.change();
        self.store.sql.write(move |c| {
            let (acting, id) = own_session(change.viewer())?;
            let confirmed = c
                .prepare_cached(
                    "UPDATE session SET confirmed_ms = ?3 WHERE id = ?1 AND account_id = ?2",
                )?
                .execute((id, acting.account, change.at_ms))?;
            match confirmed {
                0 => Err(has_ended()),
                _ => audit::note(c, &change, "", Happening::Confirmed, &acting.name),
            }
        })
    }
}

impl Change {
    /// For what changes how somebody signs in, or who else is signed in.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless it is a session or the machine itself, [`Kind::Unconfirmed`] if
    /// password and second factor were not given lately.
    pub(super) fn require_confirmed(&self, c: &Connection) -> Result<()> {
        require_no_link(self.viewer())?;
        match &self.viewer().who {
            Who::Everything(_) => Ok(()),
            _ => {
                let (acting, id) = own_session(self.viewer())?;
                require_confirmed(c, acting, id)
            }
        }
    }

    /// The same, and that it is about the account that asks.
    ///
    /// # Errors
    /// As of [`require_confirmed`](Self::require_confirmed).
    pub(super) fn require_confirmed_by(&self, c: &Connection, account: AccountId) -> Result<()> {
        self.require_confirmed(c)?;
        match self.viewer().acting() {
            Some(acting) if acting.account != account => {
                Err(Error::forbidden("This is somebody else's account."))
            }
            _ => Ok(()),
        }
    }

    /// For adding, changing and removing accounts, and links that choose passwords.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless it is an owner's session, a token of an owner's with the scope
    /// `accounts`, or the machine itself; [`Kind::Unconfirmed`] as of
    /// [`require_confirmed`](Self::require_confirmed).
    pub(super) fn require_account_manager(&self, c: &Connection) -> Result<()> {
        require_no_link(self.viewer())?;
        let acting = match &self.viewer().who {
            Who::Everything(_) => return Ok(()),
            Who::Account(acting) if is_owner(c, acting)? => acting,
            Who::Account(_) | Who::Nobody => return Err(only_owners()),
        };
        match acting.credential {
            Credential::Session(id) => require_confirmed(c, acting, id),
            Credential::Token(id) if manages_accounts(c, acting, id)? => Ok(()),
            Credential::Token(_) | Credential::Account => Err(Error::forbidden(
                "Accounts are changed by an owner in the browser, or by an owner's token with the scope accounts.",
            )),
        }
    }
}

/// Whether the viewer acts by a token that manages accounts.
pub(super) fn is_account_token(c: &Connection, viewer: &Viewer) -> Result<bool> {
    match &viewer.who {
        Who::Account(acting) => match acting.credential {
            Credential::Token(id) => Ok(is_owner(c, acting)? && manages_accounts(c, acting, id)?),
            Credential::Session(_) | Credential::Account => Ok(false),
        },
        Who::Everything(_) | Who::Nobody => Ok(false),
    }
}

/// A link is for files, whoever made it.
fn require_no_link(viewer: &Viewer) -> Result<()> {
    match viewer.link {
        None => Ok(()),
        Some(_) => Err(Error::forbidden("A link does not change accounts.")),
    }
}

/// The session that the viewer acts by.
///
/// # Errors
/// [`Kind::Forbidden`] if it is none.
pub(super) fn own_session(viewer: &Viewer) -> Result<(&Acting, i64)> {
    let acting = viewer.acting();
    match acting.map(|acting| (acting, acting.credential)) {
        Some((acting, Credential::Session(id))) => Ok((acting, id)),
        _ => Err(Error::forbidden(
            "This takes a browser that is signed in, not a token or a link.",
        )),
    }
}

fn require_confirmed(c: &Connection, acting: &Acting, session: i64) -> Result<()> {
    let at_ms = now_ms();
    let sql = "SELECT confirmed_ms FROM session
               WHERE id = ?1 AND account_id = ?2 AND expires_ms >= ?3";
    let confirmed: Option<Option<Millis>> = c
        .prepare_cached(sql)?
        .query_row((session, acting.account, at_ms), |row| row.get(0))
        .optional()?;
    match counts(confirmed.ok_or_else(has_ended)?, at_ms) {
        true => Ok(()),
        false => Err(unconfirmed()),
    }
}

fn manages_accounts(c: &Connection, acting: &Acting, token: i64) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM token WHERE id = ?1 AND account_id = ?2 AND scope = ?3
               AND folder IS NULL AND ifnull(expires_ms > ?4, TRUE))";
    let parameters = (token, acting.account, Scope::Accounts.word(), now_ms());
    let mut statement = c.prepare_cached(sql)?;
    Ok(statement.query_row(parameters, |row| row.get(0))?)
}

fn is_owner(c: &Connection, acting: &Acting) -> Result<bool> {
    let sql = "SELECT role FROM account WHERE id = ?1";
    let mut statement = c.prepare_cached(sql)?;
    let role: Option<String> = statement
        .query_row([acting.account], |row| row.get(0))
        .optional()?;
    Ok(role.as_deref() == Some(Role::Owner.word()))
}

pub(super) fn only_owners() -> Error {
    Error::forbidden("Only an owner may do that.")
}

/// What somebody is told whose session is not confirmed.
pub fn unconfirmed() -> Error {
    Error::new(
        Kind::Unconfirmed,
        "Confirm first that it is you: give your password, and your second factor if you have one, at \
         /account/confirm; then do this again.",
    )
}

fn has_ended() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "The session has ended; sign in again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_counts_for_some_minutes() {
        let now = 1_000_000_000;
        assert!(counts(Some(now), now));
        assert!(counts(Some(now - CONFIRMED_MS), now));
        assert!(!counts(Some(now - CONFIRMED_MS - 1), now));
        // A clock that was set back.
        assert!(!counts(Some(now + 1), now));
        assert!(!counts(None, now));
    }
}
