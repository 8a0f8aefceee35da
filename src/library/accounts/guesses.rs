//! Guessing slowed down: by account and by address, for all processes together.
//!
//! The first few wrong guesses cost nothing. Then each doubles the time until the next is looked
//! at, up to a bound, so that nobody is shut out for good: of an account that somebody guesses
//! at, its own people wait for a while at most; and where they are signed in already, guesses from
//! elsewhere do not count against them.

use std::net::{IpAddr, Ipv6Addr};

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Kind, Result};
use crate::library::text::fold;
use crate::library::{Library, Millis};
use crate::store::{Digest, now_ms};

/// Wrong guesses that cost nothing.
pub(super) const FREE: u32 = 5;
const FIRST_MS: Millis = 1_000;
pub(super) const LONGEST_MS: Millis = 15 * 60 * 1000;
/// After so long without a guess all is forgotten.
const FORGOTTEN_MS: Millis = 24 * 3600 * 1000;
/// What is shown of a name that is guessed at, in bytes.
const MAX_SHOWN: usize = 120;
/// Most rows kept: what a flood of addresses can add.
const MOST: u64 = 100_000;
/// Rows that make room together.
const MADE_ROOM_FOR: u64 = 1_000;

/// Whose guesses are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guessed {
    at: At,
    address: IpAddr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    /// By its folded name; there may be none.
    Account(String),
    Link(i64),
    /// What cannot be guessed at all, but tried very often.
    Nothing,
}

impl Guessed {
    pub fn at_account(name: &str, address: IpAddr) -> Self {
        let at = At::Account(fold(name.trim()));
        Self { at, address }
    }

    pub fn at_link(id: i64, address: IpAddr) -> Self {
        let at = At::Link(id);
        Self { at, address }
    }

    pub fn from_address(address: IpAddr) -> Self {
        let at = At::Nothing;
        Self { at, address }
    }

    /// What counts against this guess: first what it is at, if it is at something, and last the
    /// address.
    fn keys(&self, c: &Connection) -> Result<Vec<Key>> {
        let (address, network) = (
            self.address.to_string(),
            network_of(self.address).to_string(),
        );
        let mut keys = Vec::new();
        match &self.at {
            At::Account(name) if is_signed_in(c, name, &address)? => {
                let parts = ["account", name, "from", &address];
                let shown = format!("{name}\n{address}");
                keys.push(Key::new(&parts, "account-address", &shown));
            }
            At::Account(name) => keys.push(Key::new(&["account", name], "account", name)),
            At::Link(id) => {
                let id = id.to_string();
                keys.push(Key::new(&["link", &id], "link", &id));
            }
            At::Nothing => {}
        }
        keys.push(Key::new(&["from", &network], "network", &network));
        Ok(keys)
    }
}

/// Under which guesses are counted, and what owners are shown of it.
struct Key {
    hash: String,
    /// Says how to read what is shown: a name that is tried can be anything.
    kind: &'static str,
    shown: String,
}

impl Key {
    fn new(parts: &[&str], kind: &'static str, shown: &str) -> Self {
        Self {
            hash: key(parts),
            kind,
            shown: shown[..shown.floor_char_boundary(MAX_SHOWN)].to_owned(),
        }
    }
}

/// A key of the same length for names of any length, and another for each list of parts.
fn key(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    Digest::from_bytes(hasher.finalize().into()).to_string()
}

/// Guesses from elsewhere do not count against whoever is signed in already.
fn is_signed_in(c: &Connection, name: &str, address: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM session JOIN account ON account.id = account_id
               WHERE sort_name = ?1 AND address = ?2)";
    Ok(c.prepare_cached(sql)?
        .query_row((name, address), |row| row.get(0))?)
}

/// Whoever has one address of an IPv6 network has all of its last 64 bits.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

impl Library {
    /// Counts a guess as wrong until it is [known to be right](Self::guessed_right): so of many at
    /// once, none is looked at for free.
    ///
    /// # Errors
    /// [`Kind::TooMany`] if it comes too soon after wrong ones.
    pub fn guess(&self, guessed: &Guessed) -> Result<()> {
        let guessed = guessed.clone();
        let at_ms = now_ms();
        self.store.sql.write(move |c| {
            let keys = guessed.keys(c)?;
            let mut wait = 0;
            for key in &keys {
                wait = wait.max(wait_of(c, &key.hash, at_ms)?);
            }
            if wait > 0 {
                return Err(too_soon(wait));
            }
            keys.iter().try_for_each(|key| count(c, key, at_ms))
        })
    }

    /// Takes back what was counted: all of it at what was guessed at, and this one of the address.
    /// Who knows one password must not get others' guesses for free by giving it in between.
    pub fn guessed_right(&self, guessed: &Guessed) -> Result<()> {
        let guessed = guessed.clone();
        self.store.sql.write(move |c| {
            let keys = guessed.keys(c)?;
            if let [at, _] = &keys[..] {
                c.prepare_cached("DELETE FROM guess WHERE key = ?1")?
                    .execute([&at.hash])?;
            }
            take_back(c, &keys)
        })
    }

    /// Takes back this one of the address only: a password was right, and a second factor is still to
    /// be guessed at, which must not be free for whoever gives the password in between.
    pub fn guessed_first_half(&self, guessed: &Guessed) -> Result<()> {
        let guessed = guessed.clone();
        self.store
            .sql
            .write(move |c| take_back(c, &guessed.keys(c)?))
    }
}

/// Takes back one guess of the address, which is the last of the keys.
fn take_back(c: &Connection, keys: &[Key]) -> Result<()> {
    c.prepare_cached("UPDATE guess SET wrong = max(wrong - 1, 0) WHERE key = ?1")?
        .execute([keys.last().map(|key| &key.hash)])?;
    Ok(())
}

/// How long wrong guesses keep the next one waiting.
fn pause(wrong: u32) -> Millis {
    match wrong.checked_sub(FREE) {
        None => 0,
        Some(more) => (FIRST_MS << more.min(20)).min(LONGEST_MS),
    }
}

fn wait_of(c: &Connection, key: &str, at_ms: Millis) -> Result<Millis> {
    let mut statement = c.prepare_cached("SELECT wrong, last_ms FROM guess WHERE key = ?1")?;
    let mut rows = statement.query([key])?;
    match rows.next()? {
        Some(row) => Ok(rest(row.get(0)?, row.get(1)?, at_ms)),
        None => Ok(0),
    }
}

/// What is left of the pause after the last wrong guess.
pub(super) fn rest(wrong: u32, last_ms: Millis, at_ms: Millis) -> Millis {
    let pause = pause(wrong);
    // A clock that was set back must not make anybody wait longer.
    let since = (at_ms - last_ms).max(0);
    (pause - since).clamp(0, pause)
}

fn count(c: &Connection, key: &Key, at_ms: Millis) -> Result<()> {
    c.prepare_cached("DELETE FROM guess WHERE last_ms < ?1")?
        .execute([at_ms - FORGOTTEN_MS])?;
    c.prepare_cached(
        "INSERT INTO guess (key, wrong, last_ms, kind, shown) VALUES (?1, 1, ?2, ?3, ?4)
         ON CONFLICT (key) DO UPDATE SET wrong = wrong + 1, last_ms = excluded.last_ms,
         kind = excluded.kind, shown = excluded.shown,
         since_ms = CASE WHEN wrong >= ?5 AND since_ms IS NOT NULL THEN since_ms
                         WHEN wrong + 1 >= ?5 THEN excluded.last_ms END",
    )?
    .execute((&key.hash, at_ms, key.kind, &key.shown, FREE))?;
    let sql = "SELECT count(*) FROM guess";
    let kept: u64 = c.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    if kept > MOST {
        // Whoever fills the table pushes out his own first guesses, not what is guessed at often.
        c.prepare_cached(
            "DELETE FROM guess WHERE key IN
             (SELECT key FROM guess WHERE key <> ?1 ORDER BY wrong, last_ms LIMIT ?2)",
        )?
        .execute((&key.hash, MADE_ROOM_FOR))?;
    }
    Ok(())
}

fn too_soon(wait: Millis) -> Error {
    let seconds = wait.div_euclid(1000) + 1;
    Error::new(
        Kind::TooMany,
        format!("That was wrong too often; try again in {seconds} s."),
    )
    .after(seconds as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        assert_eq!([0, 4, 5, 6, 7].map(pause), [0, 0, 1_000, 2_000, 4_000]);
        assert_eq!(pause(u32::MAX), LONGEST_MS);
    }
}
