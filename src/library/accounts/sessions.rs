//! Sessions: signed in, in one browser, until signed out or not seen for long.

use rusqlite::OptionalExtension;

use super::audit::{self, Happening};
use super::confirmation::{self, own_session};
use super::{AccountId, Role};
use crate::error::{Error, Result};
use crate::library::{Library, Millis};
use crate::store::now_ms;

/// How long a session lasts that is not used.
const VALID_MS: Millis = 30 * 24 * 3600 * 1000;
/// How exactly is noted when a session was used: a look at a page should not cost a commit.
const NOTED_MS: Millis = 3600 * 1000;
/// Sessions of one account; the ones that were not used for longest make room for new ones.
const MAX_SESSIONS: u64 = 100;
/// Longest name of a browser that is kept, in bytes.
const MAX_AGENT: usize = 200;

type Hash = [u8; 32];

/// Somebody signed in.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: i64,
    pub account: AccountId,
    pub name: String,
    pub role: Role,
    pub created_ms: Millis,
    pub seen_ms: Millis,
    pub expires_ms: Millis,
    /// Where it was begun.
    pub address: String,
    /// What the browser called itself then.
    pub agent: String,
    /// When password and second factor were given last.
    confirmed_ms: Option<Millis>,
    /// Whether it lasts longer by having been asked for just now.
    pub is_renewed: bool,
}

impl Session {
    /// Whether password and second factor were given within the last minutes.
    pub fn is_confirmed(&self) -> bool {
        confirmation::counts(self.confirmed_ms, now_ms())
    }
}

pub struct NewSession<'a> {
    pub account: AccountId,
    pub hash: Hash,
    pub address: &'a str,
    pub agent: &'a str,
    /// How it was proven, for the log: `password`, `passkey`, …
    pub by: &'a str,
    /// Whether that was the password and, if the account has one, the second factor.
    pub is_confirmed: bool,
}

const COLUMNS: &str = "session.id, account_id, name, role, session.created_ms, seen_ms, expires_ms, \
     address, agent, confirmed_ms";
const FROM: &str = "session JOIN account ON account.id = account_id";

impl Library {
    pub fn begin_session(&self, new: &NewSession<'_>) -> Result<()> {
        let (account, hash, change) = (new.account, new.hash, self.change());
        let is_confirmed = new.is_confirmed;
        let (address, by) = (new.address.to_owned(), new.by.to_owned());
        let agent = new.agent[..new.agent.floor_char_boundary(MAX_AGENT)].to_owned();
        self.store.sql.write(move |c| {
            let at_ms = change.at_ms;
            c.prepare_cached("DELETE FROM session WHERE expires_ms < ?1")?
                .execute([at_ms])?;
            let name = super::by_id(c, account)?.name;
            c.prepare_cached(
                "INSERT INTO session (hash, account_id, created_ms, seen_ms, expires_ms, address, agent,
                                      confirmed_ms)
                 VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                &hash[..],
                account,
                at_ms,
                at_ms + VALID_MS,
                &address,
                agent,
                is_confirmed.then_some(at_ms),
            ))?;
            c.prepare_cached(
                "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE account_id = ?1
                 ORDER BY seen_ms DESC, id DESC LIMIT -1 OFFSET ?2)",
            )?
            .execute((account, MAX_SESSIONS))?;
            let change = change.begun_by(&name);
            audit::note(c, &change, &address, Happening::SignedIn, &by)
        })
    }

    /// The session with this secret, unless it has ended.
    pub fn session(&self, hash: Hash) -> Result<Option<Session>> {
        let at_ms = now_ms();
        let mut session = self.store.sql.read(|c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM {FROM} WHERE session.hash = ?1 AND expires_ms >= ?2"
            );
            let mut statement = c.prepare_cached(&sql)?;
            Ok(statement
                .query_row((&hash[..], at_ms), session_of)
                .optional()?)
        })?;
        if let Some(session) = session.as_mut()
            && at_ms - session.seen_ms > NOTED_MS
        {
            self.note_seen(session.id, at_ms);
            session.is_renewed = true;
        }
        Ok(session)
    }

    /// Whether a session has not ended meanwhile.
    pub fn session_holds(&self, id: i64) -> Result<bool> {
        self.store.sql.read(|c| {
            let sql = "SELECT EXISTS (SELECT 1 FROM session WHERE id = ?1 AND expires_ms >= ?2)";
            let mut statement = c.prepare_cached(sql)?;
            Ok(statement.query_row((id, now_ms()), |row| row.get(0))?)
        })
    }

    /// Whoever only looks does not wait for those who write.
    fn note_seen(&self, id: i64, at_ms: Millis) {
        self.store.sql.write_later(move |c| {
            c.prepare_cached("UPDATE session SET seen_ms = ?2, expires_ms = ?3 WHERE id = ?1")?
                .execute((id, at_ms, at_ms + VALID_MS))?;
            Ok(())
        });
    }

    /// The viewer's own, the one seen last first.
    pub fn sessions(&self) -> Result<Vec<Session>> {
        let Some(acting) = self.viewer.acting() else {
            return Ok(Vec::new());
        };
        self.store.sql.read(|c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM {FROM} WHERE account_id = ?1 AND expires_ms >= ?2
                 ORDER BY seen_ms DESC, session.id DESC"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let sessions = statement.query_map((acting.account, now_ms()), session_of)?;
            Ok(sessions.collect::<Result<_, _>>()?)
        })
    }

    /// Ends one of the viewer's own sessions.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) if it is not one;
    /// [`Kind::Unconfirmed`](crate::error::Kind::Unconfirmed) for another than the one that asks, if
    /// that is not confirmed.
    pub fn end_session(&self, id: i64) -> Result<()> {
        let (account, change) = (self.own_account()?, self.change());
        self.store.sql.write(move |c| {
            if own_session(change.viewer())?.1 != id {
                change.require_confirmed_by(c, account)?;
            }
            let ended = c
                .prepare_cached("DELETE FROM session WHERE id = ?1 AND account_id = ?2")?
                .execute((id, account))?;
            match ended {
                0 => Err(Error::not_found(
                    "There is no such session; it may have ended.",
                )),
                _ => audit::note(c, &change, "", Happening::SignedOut, ""),
            }
        })
    }

    /// Ends all of the viewer's sessions but the one that asks.
    pub fn end_sessions(&self, but: Option<i64>) -> Result<u64> {
        let (account, change) = (self.own_account()?, self.change());
        self.store.sql.write(move |c| {
            change.require_confirmed_by(c, account)?;
            let ended = c
                .prepare_cached("DELETE FROM session WHERE account_id = ?1 AND id IS NOT ?2")?
                .execute((account, but))?;
            audit::note(c, &change, "", Happening::SessionsEnded, &ended.to_string())?;
            Ok(ended as u64)
        })
    }

    /// The account that the viewer acts for.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](crate::error::Kind::Forbidden) if there is none.
    pub(super) fn own_account(&self) -> Result<AccountId> {
        match self.viewer.acting() {
            Some(acting) => Ok(acting.account),
            None => Err(Error::forbidden(
                "Only somebody with an account can do that.",
            )),
        }
    }
}

fn session_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        account: row.get(1)?,
        name: row.get(2)?,
        role: Role::parse(&row.get::<_, String>(3)?).unwrap_or(Role::Reader),
        created_ms: row.get(4)?,
        seen_ms: row.get(5)?,
        expires_ms: row.get(6)?,
        address: row.get(7)?,
        agent: row.get(8)?,
        confirmed_ms: row.get(9)?,
        is_renewed: false,
    })
}
