//! Guessing slowed down: by account and by address, for all processes together.
//!
//! The first few wrong guesses cost nothing. Then each doubles the time until the next is looked
//! at, up to a bound, so that nobody is shut out for good: of an account that somebody guesses
//! at, its own people wait for a while at most; and where they are signed in already, guesses from
//! elsewhere do not count against them.

use rusqlite::Connection;

use crate::error::{Error, Kind, Result};
use crate::library::text::fold;
use crate::library::{Library, Millis};
use crate::store::now_ms;

/// Wrong guesses that cost nothing.
const FREE: u32 = 5;
const FIRST_MS: Millis = 1_000;
const LONGEST_MS: Millis = 15 * 60 * 1000;
/// After so long without a guess all is forgotten.
const FORGOTTEN_MS: Millis = 24 * 3600 * 1000;
/// Most rows kept: what a flood of addresses can add.
const MOST: u64 = 100_000;

/// Whose guesses are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guessed {
    /// An account, by its folded name, or a link.
    at: String,
    address: String,
}

impl Guessed {
    pub fn at_account(name: &str, address: &str) -> Self {
        Self {
            at: fold(name.trim()),
            address: address.to_owned(),
        }
    }

    pub fn at_link(id: i64, address: &str) -> Self {
        Self {
            // No account has a control character in its name.
            at: format!("link\n{id}"),
            address: address.to_owned(),
        }
    }

    /// What counts against this guess.
    fn keys(&self, c: &Connection) -> Result<[String; 2]> {
        let Self { at, address } = self;
        let sql = "SELECT EXISTS (SELECT 1 FROM session JOIN account ON account.id = account_id
                   WHERE sort_name = ?1 AND address = ?2)";
        let is_known: bool = c
            .prepare_cached(sql)?
            .query_row((at, address), |row| row.get(0))?;
        let at = match is_known {
            true => format!("at {at} from {address}"),
            false => format!("at {at}"),
        };
        Ok([at, format!("from {address}")])
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
                wait = wait.max(wait_of(c, key, at_ms)?);
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
            let [at, from] = guessed.keys(c)?;
            c.prepare_cached("DELETE FROM guess WHERE key = ?1")?
                .execute([at])?;
            take_back(c, &from)
        })
    }

    /// Takes back this one of the address only: a password was right, and a second factor is still to
    /// be guessed at, which must not be free for whoever gives the password in between.
    pub fn guessed_first_half(&self, guessed: &Guessed) -> Result<()> {
        let guessed = guessed.clone();
        self.store.sql.write(move |c| {
            let [_, from] = guessed.keys(c)?;
            take_back(c, &from)
        })
    }
}

fn take_back(c: &Connection, key: &str) -> Result<()> {
    c.prepare_cached("UPDATE guess SET wrong = max(wrong - 1, 0) WHERE key = ?1")?
        .execute([key])?;
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
    let Some(row) = rows.next()? else {
        return Ok(0);
    };
    let (wrong, last_ms): (u32, Millis) = (row.get(0)?, row.get(1)?);
    let pause = pause(wrong);
    // A clock that was set back must not make anybody wait longer.
    let since = (at_ms - last_ms).max(0);
    Ok((pause - since).clamp(0, pause))
}

fn count(c: &Connection, key: &str, at_ms: Millis) -> Result<()> {
    c.prepare_cached("DELETE FROM guess WHERE last_ms < ?1")?
        .execute([at_ms - FORGOTTEN_MS])?;
    c.prepare_cached(
        "INSERT INTO guess (key, wrong, last_ms) SELECT ?1, 1, ?2
         WHERE (SELECT count(*) FROM guess) < ?3 OR EXISTS (SELECT 1 FROM guess WHERE key = ?1)
         ON CONFLICT (key) DO UPDATE SET wrong = wrong + 1, last_ms = excluded.last_ms",
    )?
    .execute((key, at_ms, MOST))?;
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
