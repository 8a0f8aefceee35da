//! What a viewer may: the one place that decides, from what folders say of themselves.
//!
//! A folder says what everybody may in it and what named people may; that counts for everything
//! below, up to folders that say something themselves. Only `own` goes through such folders: who
//! owns a folder owns all below it. About the root, silence means what the installation lets
//! everybody do, which is nothing unless it was opened on purpose.
//!
//! Invariant: a reach is read in the transaction that it is used in, so nobody acts on rights that
//! were taken away before.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::catalog::{self, bounds};
use super::entry::Entry;
use super::path::{FilePath, FolderPath};
use super::viewer::{Acting, Viewer, Who};
use crate::error::{Error, Result};

/// What may be done in a folder, each including those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    #[default]
    None,
    Read,
    /// Add, change, move and delete files.
    Write,
    /// Also say who else may.
    Own,
}

impl Right {
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
            Self::Own => "own",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::None, Self::Read, Self::Write, Self::Own];
        all.into_iter().find(|right| right.word() == word)
    }
}

/// Folders at which what a viewer may changes, and what it may from there on downward.
///
/// Invariant: the root is among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach(BTreeMap<FolderPath, Right>);

impl Viewer {
    /// What it may, as the catalog says at this moment.
    pub(super) fn reach(&self, c: &Connection) -> Result<Reach> {
        match &self.who {
            Who::Everything(_) => Ok(Reach::everything()),
            Who::Nobody => {
                Ok(Reach::from_rules(rules(c, None)?, self.everyone).at_most(Right::Read))
            }
            Who::Account(acting) => acting.reach(c, self.everyone),
        }
    }
}

impl Acting {
    fn reach(&self, c: &Connection, everyone: Right) -> Result<Reach> {
        let role: Option<String> = {
            let mut statement = c.prepare_cached("SELECT role FROM account WHERE id = ?1")?;
            let mut rows = statement.query([self.account])?;
            rows.next()?.map(|row| row.get(0)).transpose()?
        };
        let reach = match role.as_deref() {
            Some("owner") => Reach::everything(),
            Some("member") => Reach::from_rules(rules(c, Some(self))?, everyone),
            Some(_) => Reach::from_rules(rules(c, Some(self))?, everyone).at_most(Right::Read),
            None => Reach::nothing(),
        };
        let reach = match &self.within {
            Some(folder) => reach.within(folder),
            None => reach,
        };
        Ok(reach.at_most(self.most))
    }
}

/// What a folder says to one viewer.
struct Rule {
    folder: FolderPath,
    everyone: Right,
    granted: Right,
}

fn rules(c: &Connection, acting: Option<&Acting>) -> Result<Vec<Rule>> {
    let mut statement = c.prepare_cached(
        "SELECT rule.path, rule.everyone, may FROM folder_rule AS rule
         LEFT JOIN folder_grant AS given ON given.path = rule.path AND given.account_id = ?1",
    )?;
    let mut rows = statement.query([acting.map(|acting| acting.account)])?;
    let mut rules = Vec::new();
    let right = |word: Option<String>| word.and_then(|word| Right::parse(&word));
    while let Some(row) = rows.next()? {
        rules.push(Rule {
            folder: FolderPath::parse(&row.get::<_, String>(0)?)?,
            // A word that this release does not know allows nothing.
            everyone: right(row.get(1)?).unwrap_or_default(),
            granted: right(row.get(2)?).unwrap_or_default(),
        });
    }
    Ok(rules)
}

impl Reach {
    pub fn everything() -> Self {
        Self(BTreeMap::from([(FolderPath::default(), Right::Own)]))
    }

    pub fn nothing() -> Self {
        Self(BTreeMap::from([(FolderPath::default(), Right::None)]))
    }

    fn from_rules(rules: Vec<Rule>, everyone: Right) -> Self {
        let owned: Vec<FolderPath> = rules
            .iter()
            .filter(|rule| rule.granted == Right::Own)
            .map(|rule| rule.folder.clone())
            .collect();
        let is_owned = |folder: &FolderPath| folder.ancestors().any(|above| owned.contains(&above));
        let mut all = BTreeMap::from([(FolderPath::default(), everyone)]);
        for rule in rules {
            let right = match is_owned(&rule.folder) {
                true => Right::Own,
                false => rule.granted.max(rule.everyone),
            };
            all.insert(rule.folder, right);
        }
        Self(all).without_repetitions()
    }

    /// Only the folders at which something changes: of hundreds of others' folders, none is left.
    fn without_repetitions(self) -> Self {
        let above = |folder: &FolderPath| folder.parent().map(|above| self.right(&above));
        let turns = self.0.iter();
        let turns = turns.filter(|(folder, right)| above(folder) != Some(**right));
        Self(
            turns
                .map(|(folder, right)| (folder.clone(), *right))
                .collect(),
        )
    }

    fn at_most(mut self, most: Right) -> Self {
        for right in self.0.values_mut() {
            *right = most.min(*right);
        }
        self
    }

    /// Nothing outside of `folder`.
    fn within(mut self, folder: &FolderPath) -> Self {
        let there = self.right(folder);
        self.0
            .retain(|other, _| other.ancestors().any(|above| above == *folder));
        if !folder.is_root() {
            self.0.insert(FolderPath::default(), Right::None);
        }
        self.0.insert(folder.clone(), there);
        self
    }

    pub fn is_everything(&self) -> bool {
        self.0.len() == 1 && self.0.values().all(|right| *right == Right::Own)
    }

    /// What may be done with files right in a folder.
    pub fn right(&self, folder: &FolderPath) -> Right {
        let mut above = folder.ancestors();
        let said = above.find_map(|folder| self.0.get(&folder).copied());
        said.unwrap_or_default()
    }

    pub fn may_read(&self, path: &FilePath) -> bool {
        self.is_everything() || self.right(&path.folder()) >= Right::Read
    }

    /// Whether a folder may be known of: something in it may be read, or could be.
    pub fn may_know(&self, folder: &FolderPath) -> bool {
        self.right(folder) >= Right::Read
            || self.below(folder).any(|(_, right)| right >= Right::Read)
    }

    /// Whether something is said of the folder itself, so that it is there without files.
    pub(super) fn says(&self, folder: &FolderPath) -> bool {
        self.0
            .get(folder)
            .is_some_and(|right| *right >= Right::Read)
    }

    /// Where it changes strictly below a folder, in the order of paths.
    fn below<'a>(
        &'a self,
        folder: &'a FolderPath,
    ) -> impl Iterator<Item = (&'a FolderPath, Right)> {
        // Paths below sort behind the folder itself, among some that only begin like it.
        let all = self.0.range((Bound::Excluded(folder), Bound::Unbounded));
        let start = folder.as_str();
        let rest = all.take_while(move |(path, _)| path.as_str().starts_with(start));
        let is_below = move |path: &FolderPath| {
            folder.is_root() || path.as_str().as_bytes().get(start.len()) == Some(&b'/')
        };
        rest.filter(move |(path, _)| is_below(path))
            .map(|(path, right)| (path, *right))
    }

    /// The folders nearest below another at which reading begins or ends.
    pub fn readable_from(&self, folder: &FolderPath) -> Vec<FolderPath> {
        self.turns(folder, Right::Read)
    }

    /// The folders right inside another at which, or below which, something changes.
    pub(super) fn children_with_turns(&self, folder: &FolderPath) -> BTreeSet<FolderPath> {
        let child = |path: &FolderPath| {
            let mut way = path.ancestors();
            way.find(|way| way.parent().as_ref() == Some(folder))
        };
        self.below(folder)
            .filter_map(|(path, _)| child(path))
            .collect()
    }

    /// # Errors
    /// [`Kind::NotFound`](crate::error::Kind::NotFound), as of what is not there.
    pub(super) fn refuse_unseen(&self, entry: &Entry) -> Result<()> {
        let least = match entry.trashed_ms {
            None => Right::Read,
            // What somebody deleted is for those to look at who may put it back.
            Some(_) => Right::Write,
        };
        match self.is_everything() || self.right(&entry.path.folder()) >= least {
            true => Ok(()),
            false => Err(catalog::no_id(entry.id)),
        }
    }

    /// # Errors
    /// [`Kind::Forbidden`](crate::error::Kind::Forbidden), the same whether something is there or
    /// not.
    pub(super) fn refuse_unwritable(&self, folder: &FolderPath) -> Result<()> {
        if self.is_everything() || self.right(folder) >= Right::Write {
            return Ok(());
        }
        Err(Error::forbidden(match folder.is_root() {
            true => "You may not change what lies outside of your folders.".to_owned(),
            false => format!("You may not change what is in {:?}.", folder.as_str()),
        }))
    }

    /// A condition in SQL that is true of the paths with which at least that may be done, and its
    /// parameters from `?first` on. Invariant: its depth grows with the logarithm of the number
    /// of folders, because SQLite bounds it.
    pub(super) fn condition(
        &self,
        least: Right,
        column: &str,
        first: usize,
    ) -> (String, Vec<Value>) {
        let mut sql = Condition {
            least,
            column,
            first,
            parameters: Vec::new(),
        };
        let root = FolderPath::default();
        let is_open = self.right(&root) >= least;
        let turns = self.turns(&root, least);
        let parts = turns.iter().map(|turn| sql.inside(self, turn)).collect();
        let any = either(parts);
        let text = if is_open { format!("NOT {any}") } else { any };
        (text, sql.parameters)
    }

    /// The folders nearest below `folder` where what may be done crosses `least`.
    pub(super) fn turns(&self, folder: &FolderPath, least: Right) -> Vec<FolderPath> {
        let is_open = self.right(folder) >= least;
        let mut turns = BTreeSet::new();
        for (path, right) in self.below(folder) {
            let is_inside = path.ancestors().skip(1).any(|above| turns.contains(&above));
            if (right >= least) != is_open && !is_inside {
                turns.insert(path.clone());
            }
        }
        turns.into_iter().collect()
    }
}

struct Condition<'a> {
    least: Right,
    column: &'a str,
    first: usize,
    parameters: Vec<Value>,
}

impl Condition<'_> {
    /// Below `folder`, except where it turns again.
    fn inside(&mut self, reach: &Reach, folder: &FolderPath) -> String {
        let (from, to) = bounds(folder);
        let at = self.first + self.parameters.len();
        self.parameters.extend([Value::from(from), Value::from(to)]);
        let column = self.column;
        let range = format!("{column} >= ?{at} AND {column} < ?{}", at + 1);
        let turns = reach.turns(folder, self.least);
        if turns.is_empty() {
            return format!("({range})");
        }
        let parts = turns.iter().map(|turn| self.inside(reach, turn)).collect();
        format!("({range} AND NOT {})", either(parts))
    }
}

/// Joined in halves, so that no side is deeper than the other.
fn either(mut parts: Vec<String>) -> String {
    match parts.len() {
        0 => "FALSE".to_owned(),
        1 => parts.remove(0),
        many => {
            let rest = parts.split_off(many / 2);
            format!("({} OR {})", either(parts), either(rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &str) -> FolderPath {
        FolderPath::parse(path).unwrap()
    }

    fn rule(path: &str, everyone: Right, granted: Right) -> Rule {
        Rule {
            folder: folder(path),
            everyone,
            granted,
        }
    }

    fn of(rules: Vec<Rule>, everyone: Right) -> Reach {
        Reach::from_rules(rules, everyone)
    }

    #[test]
    fn the_nearest_folder_that_says_something_counts() {
        let reach = of(
            vec![
                rule("team", Right::Read, Right::None),
                rule("team/secret", Right::None, Right::None),
                rule("team/secret/open", Right::None, Right::Write),
            ],
            Right::None,
        );
        for (path, right) in [
            ("", Right::None),
            ("teams", Right::None),
            ("team", Right::Read),
            ("team/a/b", Right::Read),
            ("team/secret", Right::None),
            ("team/secret/x", Right::None),
            ("team/secret/open/y", Right::Write),
        ] {
            assert_eq!(reach.right(&folder(path)), right, "{path:?}");
        }
        assert!(reach.may_know(&folder("team/secret")));
        assert!(!reach.may_know(&folder("team/secret/x")));
        assert!(!reach.may_know(&folder("teams")));
    }

    #[test]
    fn who_owns_a_folder_owns_all_below_it() {
        let reach = of(
            vec![
                rule("ada", Right::None, Right::Own),
                rule("ada/shared", Right::Read, Right::None),
            ],
            Right::None,
        );
        assert_eq!(reach.right(&folder("ada/shared/x")), Right::Own);
        assert_eq!(
            reach.clone().at_most(Right::Read).right(&folder("ada")),
            Right::Read
        );
    }

    #[test]
    fn what_is_limited_to_a_folder_reaches_nothing_else() {
        let reach = of(
            vec![
                rule("a/b/c", Right::None, Right::None),
                rule("z", Right::Read, Right::None),
            ],
            Right::Read,
        );
        let reach = reach.within(&folder("a/b"));
        for (path, right) in [
            ("", Right::None),
            ("a", Right::None),
            ("a/b", Right::Read),
            ("a/b/d", Right::Read),
            ("a/b/c", Right::None),
            ("z", Right::None),
        ] {
            assert_eq!(reach.right(&folder(path)), right, "{path:?}");
        }
    }

    /// Every path is let through by the condition exactly if it may be read.
    #[test]
    fn the_condition_says_the_same() {
        let c = Connection::open_in_memory().unwrap();
        let names = ["a", "a/b", "a/b/c", "a-b", "a0", "b"];
        let rules = |bits: u32| {
            let rules = names
                .iter()
                .enumerate()
                .filter(|(at, _)| bits >> at & 1 == 1);
            let right = |at: usize| match bits >> (6 + at) & 1 {
                1 => Right::Read,
                _ => Right::None,
            };
            rules
                .map(|(at, name)| rule(name, right(at), Right::None))
                .collect::<Vec<_>>()
        };
        for bits in 0..1 << 12 {
            for everyone in [Right::None, Right::Read] {
                let reach = of(rules(bits), everyone);
                let (sql, parameters) = reach.condition(Right::Read, "?1", 2);
                let mut statement = c.prepare(&format!("SELECT {sql} AND ?1 <> ''")).unwrap();
                for name in ["", "a", "a/b", "a/b/c", "a/b/c/d", "a-b", "a0", "a/0", "b"] {
                    let path = folder(name).join("file").unwrap();
                    let given = [Value::from(path.as_str().to_owned())];
                    let all = given.into_iter().chain(parameters.iter().cloned());
                    let all = rusqlite::params_from_iter(all);
                    let passes: bool = statement.query_row(all, |row| row.get(0)).unwrap();
                    assert_eq!(passes, reach.may_read(&path), "{path} {sql}");
                }
            }
        }
    }

    #[test]
    fn thousands_of_folders_are_not_too_deep() {
        let c = Connection::open_in_memory().unwrap();
        let rules = (0..5_000).map(|n| rule(&format!("f{n}"), Right::Read, Right::None));
        let reach = of(rules.collect(), Right::None);
        let (sql, parameters) = reach.condition(Right::Read, "'f4999/x'", 1);
        let all = rusqlite::params_from_iter(parameters);
        let passes: bool = c
            .query_row(&format!("SELECT {sql}"), all, |row| row.get(0))
            .unwrap();
        assert!(passes);
    }
}
