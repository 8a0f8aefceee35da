//! Searches kept under a name, each for whoever saved it.

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

use super::Library;
use super::entry::Millis;
use super::text::fold;
use super::viewer::Viewer;
use super::visible::is_visible;
use crate::error::{Error, Result};

/// Longest name, in bytes of UTF-8.
const MAX_NAME_BYTES: usize = 100;
/// Longest search, in bytes: an address that every browser and proxy takes.
const MAX_SEARCH_BYTES: usize = 8 << 10;
/// Most searches kept: what a person can still look through.
const MAX_SAVED: u64 = 200;

/// A search under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SavedSearch {
    pub id: i64,
    pub name: String,
    /// As it stands behind the question mark of the page's address.
    pub search: String,
    pub created_ms: Millis,
}

impl Library {
    /// All of the viewer's, by name.
    pub fn saved_searches(&self) -> Result<Vec<SavedSearch>> {
        if self.viewer.is_limited() {
            return Ok(Vec::new());
        }
        self.store.sql.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT id, name, search, created_ms FROM saved_search
                 WHERE actor = ?1 ORDER BY sort_name",
            )?;
            let rows = statement.query_map([self.viewer.name()], |row| {
                Ok(SavedSearch {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    search: row.get(2)?,
                    created_ms: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Keeps a search; one of the same name, case and accents apart, is replaced.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) for a name that cannot be one,
    /// [`Kind::Conflict`](crate::error::Kind::Conflict) if too many are kept already.
    pub fn save_search(&self, name: &str, search: &str) -> Result<()> {
        let name = checked_name(name)?;
        if search.len() > MAX_SEARCH_BYTES {
            return Err(Error::invalid(format!(
                "The search is {} bytes long; {MAX_SEARCH_BYTES} is the most that can be saved.",
                search.len()
            )));
        }
        let (search, change) = (search.to_owned(), self.change());
        self.store.sql.write(move |c| {
            let folded = key(&name, &change.actor);
            let sql = "SELECT count(*) FROM saved_search WHERE sort_name <> ?1 AND actor = ?2";
            let others: u64 = c
                .prepare_cached(sql)?
                .query_row((&folded, &change.actor), |row| row.get(0))?;
            if others >= MAX_SAVED {
                return Err(Error::conflict(format!(
                    "{MAX_SAVED} searches are saved already; remove one first."
                )));
            }
            c.prepare_cached(
                "INSERT INTO saved_search (name, sort_name, search, actor, created_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (sort_name) DO UPDATE SET name = excluded.name,
                 search = excluded.search, actor = excluded.actor, created_ms = excluded.created_ms",
            )?
            .execute((&name, &folded, &search, &change.actor, change.at_ms))?;
            Ok(())
        })
    }

    /// Forgets a search; one that is not there is forgotten already.
    pub fn forget_search(&self, id: i64) -> Result<()> {
        let change = self.change();
        self.store.sql.write(move |c| {
            c.prepare_cached("DELETE FROM saved_search WHERE id = ?1 AND actor = ?2")?
                .execute((id, &change.actor))?;
            Ok(())
        })
    }
}

/// There is one of each name, for each who saves; those from before there were accounts have
/// nobody's name in theirs.
fn key(name: &str, actor: &str) -> String {
    match actor == Viewer::ANYONE.name() {
        true => fold(name),
        false => format!("{}\n{actor}", fold(name)),
    }
}

fn checked_name(name: &str) -> Result<String> {
    let name: String = name.trim().nfc().collect();
    if name.is_empty() {
        return Err(Error::invalid("A saved search needs a name."));
    }
    if !is_visible(&name) || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "{name:?} cannot be the name of a search; use up to {MAX_NAME_BYTES} bytes that can be seen, without control characters."
        )));
    }
    Ok(name)
}
