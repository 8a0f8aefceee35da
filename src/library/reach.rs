//! What a viewer may: the one place that decides, from what folders say of themselves.
//!
//! A folder says what everybody may in it and what named people may; that counts for everything
//! below, up to folders that say something themselves. Only `own` goes through such folders: who
//! owns a folder owns all below it. About the root, silence means what the installation lets
//! everybody do, which is nothing unless it was opened on purpose.
//!
//! A link reaches what its maker owns at that moment, from the folder that it opens downward, and
//! stops at folders that say something themselves, unless they let everybody do the same.
//!
//! Invariant: a reach is read in the transaction that it is used in, and so are the session, token or
//! link that it is for, so nobody acts on rights that were taken away before.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

use super::accounts::{LINK_IS_VALID, Scope as TokenScope, no_link};
use super::catalog::{self, bounds};
use super::entry::Entry;
use super::memory::{Memory, ReachId};
use super::path::{FilePath, FolderPath};
use super::rule_set::{RuleCache, RuleSet, Scope};
use super::viewer::{Acting, Credential, LinkId, Viewer, Who};
use crate::error::{Error, Kind, Result};
use crate::store::now_ms;

/// What may be done in a folder, each including those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Clone, Debug)]
pub struct Reach(Arc<Turns>);

#[derive(Debug)]
struct Turns {
    all: BTreeMap<FolderPath, Right>,
    memory: Option<(ReachId, Arc<Memory>)>,
}

impl From<BTreeMap<FolderPath, Right>> for Reach {
    fn from(all: BTreeMap<FolderPath, Right>) -> Self {
        Self(Arc::new(Turns { all, memory: None }))
    }
}

impl Viewer {
    /// What it may, as the catalog says at this moment.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] if its session or token has ended, [`Kind::NotFound`] if its link
    /// has, or its maker could not make it any more.
    pub(super) fn reach(&self, c: &Connection, rules: &RuleCache) -> Result<Reach> {
        let reach = match &self.who {
            Who::Everything(_) => Reach::everything(),
            Who::Nobody => {
                let scope = Scope {
                    account: None,
                    everyone: self.everyone,
                    most: Right::Read,
                    within: None,
                };
                rules.reach(c, scope)?
            }
            Who::Account(acting) => acting.reach(c, self.everyone, rules)?,
        };
        match self.link {
            Some(link) => reach.through_link(c, link, rules),
            None => Ok(reach),
        }
    }
}

impl Acting {
    fn reach(&self, c: &Connection, everyone: Right, rules: &RuleCache) -> Result<Reach> {
        let Some((role, most, within)) = self.standing(c)? else {
            return Err(self.ended());
        };
        let role = match role.as_str() {
            "owner" => return Ok(Reach::everything().limited(most, within.as_ref())),
            "member" => Right::Own,
            _ => Right::Read,
        };
        let scope = Scope {
            account: Some(self.account),
            everyone,
            most: role.min(most),
            within,
        };
        rules.reach(c, scope)
    }

    /// The account's role, and the most that may be done by the credential and where; nothing if
    /// the account or the credential is gone.
    fn standing(&self, c: &Connection) -> Result<Option<(String, Right, Option<FolderPath>)>> {
        let (sql, id) = match self.credential {
            Credential::Account => ("SELECT role, NULL, NULL FROM account WHERE id = ?1", 0),
            Credential::Session(id) => (
                "SELECT role, NULL, NULL FROM account JOIN session ON session.account_id = account.id
                 WHERE account.id = ?1 AND session.id = ?2 AND expires_ms >= ?3",
                id,
            ),
            Credential::Token(id) => (
                "SELECT role, scope, folder FROM account JOIN token ON token.account_id = account.id
                 WHERE account.id = ?1 AND token.id = ?2 AND ifnull(expires_ms > ?3, TRUE)",
                id,
            ),
        };
        let mut statement = c.prepare_cached(sql)?;
        statement.raw_bind_parameter(1, self.account)?;
        if !matches!(self.credential, Credential::Account) {
            statement.raw_bind_parameter(2, id)?;
            statement.raw_bind_parameter(3, now_ms())?;
        }
        let mut rows = statement.raw_query();
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let folder: Option<String> = row.get(2)?;
        let (most, within) = match self.credential {
            Credential::Token(_) => {
                let scope = TokenScope::parse(&row.get::<_, String>(1)?);
                let most = scope.unwrap_or(TokenScope::Read).most();
                (most, folder.as_deref().map(FolderPath::parse).transpose()?)
            }
            Credential::Account | Credential::Session(_) => (self.most, self.within.clone()),
        };
        Ok(Some((row.get(0)?, most, within)))
    }

    fn ended(&self) -> Error {
        Error::new(
            Kind::Unauthenticated,
            match self.credential {
                Credential::Token(_) => {
                    "The token was revoked or has expired; nothing was changed."
                }
                Credential::Account | Credential::Session(_) => {
                    "Your session has ended; nothing was changed. Sign in and try again."
                }
            },
        )
    }
}

/// What a link opens, and the most that may be done by it.
fn opened(c: &Connection, link: LinkId) -> Result<Option<(FolderPath, Right)>> {
    let sql = format!(
        "SELECT kind, coalesce(share_link.folder, file.folder) FROM share_link
         LEFT JOIN file ON file.id = file_id AND trashed_ms IS NULL
         WHERE share_link.id = ?1 AND {LINK_IS_VALID}"
    );
    let found: Option<(String, Option<String>)> = c
        .prepare_cached(&sql)?
        .query_row((link, now_ms()), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((kind, Some(folder))) = found else {
        return Ok(None);
    };
    let most = match kind.as_str() {
        "drop" => Right::Write,
        _ => Right::Read,
    };
    Ok(Some((FolderPath::parse(&folder)?, most)))
}

/// A path and all above it, the root last.
pub(super) fn ways(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| match path.rfind('/') {
        Some(at) => Some(&path[..at]),
        None if path.is_empty() => None,
        None => Some(""),
    })
}

/// What a map of folders says about those strictly below one, in the order of their paths.
pub(super) fn range_below<'a, T>(
    map: &'a BTreeMap<FolderPath, T>,
    folder: &FolderPath,
) -> impl Iterator<Item = (&'a FolderPath, &'a T)> + use<'a, T> {
    let (from, to) = bounds(folder);
    // The root's own entry is empty, and nothing else is.
    let from: Bound<&str> = match folder.is_root() {
        true => Bound::Excluded(""),
        false => Bound::Included(from.as_str()),
    };
    map.range::<str, _>((from, Bound::Excluded(to.as_str())))
}

fn nearest(map: &BTreeMap<FolderPath, Right>, folder: &str) -> Right {
    ways(folder)
        .find_map(|way| map.get(way).copied())
        .unwrap_or_default()
}

impl Reach {
    pub fn everything() -> Self {
        Self::only(FolderPath::default(), Right::Own)
    }

    /// Nothing but what may be done from one folder downward.
    fn only(folder: FolderPath, right: Right) -> Self {
        let mut all = BTreeMap::from([(FolderPath::default(), Right::None)]);
        all.insert(folder, right);
        all.into()
    }

    /// What follows from the rules for an account, or for everybody.
    pub(super) fn of(rules: &RuleSet, scope: &Scope) -> Self {
        let mut all = BTreeMap::from([(FolderPath::default(), scope.everyone)]);
        for (folder, rule) in rules.iter() {
            let above = match folder.parent() {
                Some(parent) => nearest(&all, parent.as_str()),
                None => Right::None,
            };
            let right = match above {
                Right::Own => Right::Own,
                _ => rule.everyone.max(rule.granted(scope.account)),
            };
            if right != above || folder.is_root() {
                all.insert(folder.clone(), right);
            }
        }
        Self::from(all).limited(scope.most, scope.within.as_ref())
    }

    /// Nothing more than `most`, and nothing outside of `within`.
    fn limited(self, most: Right, within: Option<&FolderPath>) -> Self {
        let inside = match within {
            Some(folder) => self.within(folder),
            None => self,
        };
        match most {
            Right::Own => inside,
            _ => inside.at_most(most),
        }
    }

    fn at_most(&self, most: Right) -> Self {
        let lowered = self.0.all.iter();
        let lowered = lowered.map(|(folder, right)| (folder.clone(), most.min(*right)));
        lowered.collect::<BTreeMap<_, _>>().into()
    }

    /// Nothing outside of `folder`.
    fn within(&self, folder: &FolderPath) -> Self {
        let inside = range_below(&self.0.all, folder);
        let mut all: BTreeMap<_, _> = inside
            .map(|(folder, right)| (folder.clone(), *right))
            .collect();
        all.insert(FolderPath::default(), Right::None);
        all.insert(folder.clone(), self.right(folder));
        all.into()
    }

    /// What the maker of a link, whose reach this is, opens by it to whoever has it.
    fn through_link(&self, c: &Connection, link: LinkId, rules: &RuleCache) -> Result<Self> {
        let opened = opened(c, link)?;
        let opened = opened.filter(|(folder, _)| self.right(folder) >= Right::Own);
        let (base, most) = opened.ok_or_else(no_link)?;
        let mut all = BTreeMap::from([(FolderPath::default(), Right::None)]);
        all.insert(base.clone(), most);
        for (folder, rule) in rules.rules(c)?.below(&base) {
            // Once it has stopped it goes no further: what is below was closed with what is above.
            let is_open = ways(folder.as_str())
                .skip(1)
                .find_map(|way| all.get(way))
                .is_some_and(|right| *right == most);
            if is_open && rule.everyone.min(self.right(folder)) < most {
                all.insert(folder.clone(), Right::None);
            }
        }
        Ok(all.into())
    }

    pub fn is_everything(&self) -> bool {
        self.0.all.len() == 1 && self.0.all.values().all(|right| *right == Right::Own)
    }

    /// What may be done with files right in a folder.
    pub fn right(&self, folder: &FolderPath) -> Right {
        nearest(&self.0.all, folder.as_str())
    }

    pub fn may_read(&self, path: &FilePath) -> bool {
        self.may(Right::Read, path.as_str())
    }

    /// Whether at least that may be done with a file.
    pub(super) fn may(&self, least: Right, path: &str) -> bool {
        let folder = path.rfind('/').map_or("", |at| &path[..at]);
        self.is_everything() || nearest(&self.0.all, folder) >= least
    }

    /// Whether there is any folder in which something can be stored.
    pub(super) fn can_write_somewhere(&self) -> bool {
        self.0.all.values().any(|right| *right >= Right::Write)
    }

    /// Whether a folder may be known of: something in it may be read, or could be.
    pub fn may_know(&self, folder: &FolderPath) -> bool {
        self.right(folder) >= Right::Read
            || self.below(folder).any(|(_, right)| right >= Right::Read)
    }

    /// Whether something is said of the folder itself, so that it is there without files.
    pub(super) fn says(&self, folder: &FolderPath) -> bool {
        let said = self.0.all.get(folder);
        said.is_some_and(|right| *right >= Right::Read)
    }

    /// Where it changes strictly below a folder, in the order of paths.
    pub(super) fn below(&self, folder: &FolderPath) -> impl Iterator<Item = (&FolderPath, Right)> {
        range_below(&self.0.all, folder).map(|(path, right)| (path, *right))
    }

    /// The folders right inside another at which, or below which, something changes.
    pub(super) fn children_with_turns(&self, folder: &FolderPath) -> BTreeSet<FolderPath> {
        let skipped = folder.as_str().len() + usize::from(!folder.is_root());
        let mut children = BTreeSet::new();
        for (path, _) in self.below(folder) {
            let path = path.as_str();
            let end = path[skipped..]
                .find('/')
                .map_or(path.len(), |at| skipped + at);
            if !children.contains(&path[..end]) {
                let way = FolderPath::parse(&path[..end]);
                children.extend(way);
            }
        }
        children
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

    /// A condition in SQL that is true of the paths with which at least that may be done, its
    /// parameters from `?first` on. Where that would name too many folders, it is true of all paths, and
    /// whoever asks looks at each. Invariant: its depth grows with the logarithm of the number of
    /// folders, because SQLite bounds it.
    pub(super) fn condition(&self, least: Right, column: &str, first: usize) -> Condition {
        if self.0.all.len() > MAX_TERMS {
            return Condition {
                text: "TRUE".to_owned(),
                parameters: Vec::new(),
                is_exact: false,
            };
        }
        let mut sql = Ranges {
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
        Condition {
            text: if is_open { format!("NOT {any}") } else { any },
            parameters: sql.parameters,
            is_exact: true,
        }
    }

    /// The folders at which reading begins or ends, by how often it did so on the way there: those of
    /// the first level turn what the root says, those of the second lie in them, and so on.
    pub(super) fn levels(&self) -> Vec<Vec<FolderPath>> {
        let mut levels = Vec::new();
        let mut level = self.turns(&FolderPath::default(), Right::Read);
        while !level.is_empty() {
            let next = level.iter().flat_map(|turn| self.turns(turn, Right::Read));
            let next = next.collect();
            levels.push(std::mem::replace(&mut level, next));
        }
        levels
    }

    /// The folders below `folder` where what may be done crosses `least`, and whether it rises there.
    pub(super) fn crossings(&self, folder: &FolderPath, least: Right) -> Vec<(&FolderPath, bool)> {
        let mut crossings = Vec::new();
        for (path, right) in self.below(folder) {
            let above = ways(path.as_str()).nth(1).unwrap_or_default();
            let is_open = right >= least;
            if is_open != (nearest(&self.0.all, above) >= least) {
                crossings.push((path, is_open));
            }
        }
        crossings
    }

    /// The same, which remembers what was seen of folders.
    pub(super) fn remembering(self, id: ReachId, memory: Arc<Memory>) -> Self {
        // Called on a reach that was just made, so nothing is copied.
        let all =
            Arc::try_unwrap(self.0).map_or_else(|shared| shared.all.clone(), |turns| turns.all);
        Self(Arc::new(Turns {
            all,
            memory: Some((id, memory)),
        }))
    }

    /// Where it is remembered what was seen of folders, if that is worth it.
    pub(super) fn memory(&self) -> Option<&(ReachId, Arc<Memory>)> {
        self.0.memory.as_ref()
    }

    /// The folders nearest below `folder` where what may be done crosses `least`.
    pub(super) fn turns(&self, folder: &FolderPath, least: Right) -> Vec<FolderPath> {
        let is_open = self.right(folder) >= least;
        let mut turns: BTreeSet<FolderPath> = BTreeSet::new();
        for (path, right) in self.below(folder) {
            if (right >= least) == is_open {
                continue;
            }
            let mut above = ways(path.as_str()).skip(1);
            if !above.any(|above| turns.contains(above)) {
                turns.insert(path.clone());
            }
        }
        turns.into_iter().collect()
    }
}

/// Folders of which a condition in SQL speaks at most: SQLite tries them one by one for each row.
const MAX_TERMS: usize = 200;

/// Which paths are let through, as SQL.
pub(super) struct Condition {
    pub text: String,
    pub parameters: Vec<Value>,
    /// Whether it lets nothing else through.
    pub is_exact: bool,
}

struct Ranges<'a> {
    least: Right,
    column: &'a str,
    first: usize,
    parameters: Vec<Value>,
}

impl Ranges<'_> {
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
    use super::super::accounts::AccountId;
    use super::super::rule_set::Rule;
    use super::*;

    fn folder(path: &str) -> FolderPath {
        FolderPath::parse(path).unwrap()
    }

    const ADA: AccountId = 1;

    fn rule(path: &str, everyone: Right, granted: Right) -> (FolderPath, Rule) {
        let grants = vec![(ADA, granted)];
        (folder(path), Rule { everyone, grants })
    }

    fn of(rules: Vec<(FolderPath, Rule)>, everyone: Right) -> Reach {
        let scope = Scope {
            account: Some(ADA),
            everyone,
            most: Right::Own,
            within: None,
        };
        Reach::of(&rules.into_iter().collect(), &scope)
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
                let sql = reach.condition(Right::Read, "?1", 2);
                let text = &sql.text;
                let mut statement = c.prepare(&format!("SELECT {text} AND ?1 <> ''")).unwrap();
                for name in ["", "a", "a/b", "a/b/c", "a/b/c/d", "a-b", "a0", "a/0", "b"] {
                    let path = folder(name).join("file").unwrap();
                    let given = [Value::from(path.as_str().to_owned())];
                    let all = given.into_iter().chain(sql.parameters.iter().cloned());
                    let all = rusqlite::params_from_iter(all);
                    let passes: bool = statement.query_row(all, |row| row.get(0)).unwrap();
                    assert_eq!(passes, reach.may_read(&path), "{path} {text}");
                }
            }
        }
    }

    #[test]
    fn as_many_folders_as_a_condition_takes_are_not_too_deep() {
        let c = Connection::open_in_memory().unwrap();
        let rules = (1..MAX_TERMS).map(|n| rule(&format!("f{n}"), Right::Read, Right::None));
        let reach = of(rules.collect(), Right::None);
        let sql = reach.condition(Right::Read, "'f199/x'", 1);
        assert!(sql.is_exact);
        let all = rusqlite::params_from_iter(sql.parameters);
        let text = format!("SELECT {}", sql.text);
        assert!(
            c.query_row(&text, all, |row| row.get::<_, bool>(0))
                .unwrap()
        );
    }

    #[test]
    fn levels_alternate_on_the_way_down() {
        let reach = of(
            vec![
                rule("a", Right::Read, Right::None),
                rule("a/b", Right::None, Right::None),
                rule("a/b/c", Right::Write, Right::None),
                rule("a/d", Right::Write, Right::None),
                rule("e", Right::None, Right::None),
            ],
            Right::None,
        );
        let levels = reach.levels();
        let levels: Vec<Vec<&str>> = levels
            .iter()
            .map(|level| level.iter().map(FolderPath::as_str).collect())
            .collect();
        assert_eq!(levels, [["a"], ["a/b"], ["a/b/c"]]);
    }
}
