//! Who has to wait because of wrong guesses, as owners see it and end it.

use rusqlite::{Connection, OptionalExtension};

use super::audit::{self, Happening};
use super::guesses::{FREE, LONGEST_MS, rest};
use super::refuse_others_than_owners;
use crate::error::{Error, Result};
use crate::library::{Library, Millis};
use crate::store::now_ms;

/// Most that are listed; a flood of addresses must not make a page that nobody can load.
const MAX_LISTED: usize = 200;
/// What is looked at to list them: pauses that are over are among it.
const MAX_READ: usize = 5_000;

/// Guesses that have to wait.
#[derive(Clone, Debug)]
pub struct Pause {
    /// Its key, a hash.
    pub id: String,
    pub paused: Paused,
    /// Wrong guesses until now.
    pub wrong: u32,
    /// None if an earlier release counted them.
    pub since_ms: Option<Millis>,
    pub until_ms: Millis,
}

/// What they are at, or where they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paused {
    /// By the name that is tried.
    Account {
        name: String,
        /// Whether there is such an account.
        exists: bool,
        /// Only from there, where the account's own people are signed in.
        address: Option<String>,
    },
    /// A link with a password, by what it is called.
    Link(String),
    /// An address, or a network of IPv6.
    Network(String),
    /// Counted by an earlier release, which stored a hash alone.
    Unknown,
}

impl Paused {
    /// As the audit log has it.
    fn subject(&self) -> String {
        match self {
            Self::Account { name, address, .. } => match address {
                Some(address) => format!("account {name} from {address}"),
                None => format!("account {name}"),
            },
            Self::Link(name) => format!("link {name}"),
            Self::Network(address) => format!("address {address}"),
            Self::Unknown => "an account or address".to_owned(),
        }
    }
}

impl Library {
    /// Whose guesses have to wait now, the latest first.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](crate::error::Kind::Forbidden) unless the viewer may everything.
    pub fn pauses(&self) -> Result<Vec<Pause>> {
        let at_ms = now_ms();
        self.store.sql.read(|c| {
            refuse_others_than_owners(&self.reach(c)?)?;
            let mut statement = c.prepare_cached(
                "SELECT key, kind, shown, wrong, last_ms, since_ms FROM guess
                 WHERE last_ms > ?1 AND wrong >= ?2 ORDER BY last_ms DESC LIMIT ?3",
            )?;
            let mut rows = statement.query((at_ms - LONGEST_MS, FREE, MAX_READ))?;
            let mut pauses = Vec::new();
            while let Some(row) = rows.next()?
                && pauses.len() < MAX_LISTED
            {
                let (wrong, last_ms) = (row.get(3)?, row.get(4)?);
                let rest = rest(wrong, last_ms, at_ms);
                if rest > 0 {
                    pauses.push(Pause {
                        id: row.get(0)?,
                        paused: paused(c, row.get(1)?, row.get(2)?)?,
                        wrong,
                        since_ms: row.get(5)?,
                        until_ms: at_ms + rest,
                    });
                }
            }
            Ok(pauses)
        })
    }

    /// Ends a pause: the next guess is looked at at once, and the first few cost nothing again. As it
    /// helps whoever guesses, it takes the same as changing accounts.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) if it is over;
    /// [`Kind::Forbidden`](crate::error::Kind::Forbidden) unless the viewer manages accounts, and has
    /// confirmed that lately.
    pub fn lift_pause(&self, id: String) -> Result<()> {
        let change = self.change();
        self.store.sql.write(move |c| {
            change.reach(c)?;
            change.require_account_manager(c)?;
            let sql = "SELECT kind, shown, wrong, last_ms FROM guess WHERE key = ?1";
            let known: Option<(Option<String>, Option<String>, u32, Millis)> = c
                .prepare_cached(sql)?
                .query_row([&id], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })
                .optional()?;
            // Guesses that need not wait are counted on: whoever guesses must not begin anew.
            let running = known.filter(|(.., wrong, last_ms)| {
                *wrong >= FREE && rest(*wrong, *last_ms, change.at_ms) > 0
            });
            let (kind, shown, ..) = running
                .ok_or_else(|| Error::not_found("There is no such pause; it may be over."))?;
            c.prepare_cached("DELETE FROM guess WHERE key = ?1")?
                .execute([&id])?;
            let subject = paused(c, kind, shown)?.subject();
            audit::note(c, &change, "", Happening::PauseLifted, &subject)
        })
    }
}

fn paused(c: &Connection, kind: Option<String>, shown: Option<String>) -> Result<Paused> {
    let (Some(kind), Some(shown)) = (kind, shown) else {
        return Ok(Paused::Unknown);
    };
    Ok(match kind.as_str() {
        "account" => account(c, &shown, None)?,
        "account-address" => match shown.split_once('\n') {
            Some((name, address)) => account(c, name, Some(address))?,
            None => Paused::Unknown,
        },
        "link" => Paused::Link(link(c, &shown)?),
        "network" => Paused::Network(shown),
        // What only a later release knows.
        _ => Paused::Unknown,
    })
}

/// Stored is the folded name that was tried.
fn account(c: &Connection, folded: &str, address: Option<&str>) -> Result<Paused> {
    let sql = "SELECT name FROM account WHERE sort_name = ?1";
    let known: Option<String> = c
        .prepare_cached(sql)?
        .query_row([folded], |row| row.get(0))
        .optional()?;
    Ok(Paused::Account {
        exists: known.is_some(),
        name: known.unwrap_or_else(|| folded.to_owned()),
        address: address.map(str::to_owned),
    })
}

fn link(c: &Connection, id: &str) -> Result<String> {
    let sql = "SELECT name FROM share_link WHERE id = ?1 AND name <> ''";
    let name: Option<String> = c
        .prepare_cached(sql)?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(name.unwrap_or_else(|| format!("number {id}")))
}
