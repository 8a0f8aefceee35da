//! What all folders say of themselves, read from the catalog once and shared until somebody changes it.
//!
//! The catalog holds a random revision that triggers renew with each change of a rule or a grant, by
//! whatever release. A transaction reads the revision first; a cached set with the same revision is
//! what that transaction would read itself.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use rusqlite::Connection;

use super::accounts::AccountId;
use super::memory::Memory;
use super::path::FolderPath;
use super::reach::{Reach, Right};
use crate::error::{Error, Kind, Result};
use crate::store::sync::lock;

/// Reaches kept beside the rules: enough for everybody who is active at a time.
const MAX_REACHES: usize = 64;

/// Changes of rules by one account: as many at once as it can have rules, and some a second. After each
/// one, everybody's next request reads all rules again.
const CHANGES_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(1_199);
const CHANGES_A_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// What one folder says.
pub(super) struct Rule {
    pub everyone: Right,
    pub grants: Vec<(AccountId, Right)>,
}

/// All rules, ancestors before descendants.
#[derive(Default)]
pub(super) struct RuleSet(BTreeMap<FolderPath, Rule>);

/// On whose behalf, and within what limits, a reach is computed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    /// None for somebody without an account.
    pub account: Option<AccountId>,
    /// What everybody may in folders about which nothing is said.
    pub everyone: Right,
    /// What may be done at most.
    pub most: Right,
    /// The only folder that may be reached, if there is one.
    pub within: Option<FolderPath>,
}

/// The rules as they were last read, and the reaches that follow from them.
pub struct RuleCache {
    latest: Mutex<Latest>,
    memory: Arc<Memory>,
    reaches: AtomicU64,
    changes: DefaultKeyedRateLimiter<AccountId>,
}

impl Default for RuleCache {
    fn default() -> Self {
        let pace = Quota::per_second(CHANGES_A_SECOND).allow_burst(CHANGES_AT_ONCE);
        Self {
            latest: Mutex::default(),
            memory: Arc::default(),
            reaches: AtomicU64::default(),
            changes: RateLimiter::keyed(pace),
        }
    }
}

#[derive(Default)]
struct Latest {
    revision: Vec<u8>,
    rules: Arc<RuleSet>,
    reaches: HashMap<Scope, Reach>,
}

impl RuleCache {
    /// Counts a change of rules by an account.
    ///
    /// # Errors
    /// [`Kind::TooMany`] if they come faster than anybody makes them for themselves.
    pub(super) fn require_pace(&self, account: AccountId) -> Result<()> {
        let Err(until) = self.changes.check_key(&account) else {
            return Ok(());
        };
        let seconds = until
            .wait_time_from(DefaultClock::default().now())
            .as_secs()
            + 1;
        let message = format!("You change permissions too often; try again in {seconds} s.");
        Err(Error::new(Kind::TooMany, message).after(seconds))
    }

    /// The rules as this transaction sees them.
    pub(super) fn rules(&self, c: &Connection) -> Result<Arc<RuleSet>> {
        let revision = revision(c)?;
        let latest = lock(&self.latest);
        if latest.revision == revision {
            return Ok(latest.rules.clone());
        }
        drop(latest);
        let rules = Arc::new(RuleSet::read(c)?);
        *lock(&self.latest) = Latest {
            revision,
            rules: rules.clone(),
            reaches: HashMap::new(),
        };
        Ok(rules)
    }

    /// What may be reached within a scope, as this transaction sees the rules.
    pub(super) fn reach(&self, c: &Connection, scope: Scope) -> Result<Reach> {
        let rules = self.rules(c)?;
        {
            let latest = lock(&self.latest);
            if Arc::ptr_eq(&latest.rules, &rules)
                && let Some(reach) = latest.reaches.get(&scope)
            {
                return Ok(reach.clone());
            }
        }
        let id = self.reaches.fetch_add(1, Relaxed);
        let reach = Reach::of(&rules, &scope).remembering(id, self.memory.clone());
        let mut latest = lock(&self.latest);
        if Arc::ptr_eq(&latest.rules, &rules) {
            if latest.reaches.len() >= MAX_REACHES {
                latest.reaches.clear();
            }
            latest.reaches.insert(scope, reach.clone());
        }
        Ok(reach)
    }
}

impl RuleSet {
    fn read(c: &Connection) -> Result<Self> {
        let mut statement = c.prepare_cached(
            "SELECT rule.path, rule.everyone, given.account_id, given.may FROM folder_rule AS rule
             LEFT JOIN folder_grant AS given ON given.path = rule.path",
        )?;
        let mut rows = statement.query([])?;
        let mut all: BTreeMap<FolderPath, Rule> = BTreeMap::new();
        // A word that this release does not know allows nothing.
        let right = |word: Option<String>| word.and_then(|word| Right::parse(&word));
        while let Some(row) = rows.next()? {
            let folder = FolderPath::parse(&row.get::<_, String>(0)?)?;
            let everyone = right(row.get(1)?).unwrap_or_default();
            let rule = all.entry(folder).or_insert(Rule {
                everyone,
                grants: Vec::new(),
            });
            if let Some(account) = row.get(2)? {
                rule.grants
                    .push((account, right(row.get(3)?).unwrap_or_default()));
            }
        }
        Ok(Self(all))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&FolderPath, &Rule)> {
        self.0.iter()
    }

    /// The rules at a folder and below it, ancestors first.
    pub fn at_or_below(&self, folder: &FolderPath) -> impl Iterator<Item = (&FolderPath, &Rule)> {
        let own = self.0.get_key_value(folder);
        own.into_iter().chain(self.below(folder))
    }

    /// The rules strictly below a folder, ancestors first.
    pub fn below(&self, folder: &FolderPath) -> impl Iterator<Item = (&FolderPath, &Rule)> {
        super::reach::range_below(&self.0, folder)
    }

    /// The nearest folder at or above a path that says something.
    pub fn nearest(&self, folder: &FolderPath) -> Option<&FolderPath> {
        let mut ways = super::reach::ways(folder.as_str());
        ways.find_map(|way| Some(self.0.get_key_value(way)?.0))
    }

    /// The accounts that own a folder, by it or by one above it.
    pub fn owners(&self, folder: &FolderPath) -> Vec<AccountId> {
        let rules = super::reach::ways(folder.as_str()).filter_map(|way| self.0.get(way));
        let grants = rules.flat_map(|rule| &rule.grants);
        let mut owners: Vec<_> = grants
            .filter(|(_, right)| *right == Right::Own)
            .map(|(account, _)| *account)
            .collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }
}

#[cfg(test)]
impl FromIterator<(FolderPath, Rule)> for RuleSet {
    fn from_iter<T: IntoIterator<Item = (FolderPath, Rule)>>(rules: T) -> Self {
        Self(rules.into_iter().collect())
    }
}

impl Rule {
    pub fn granted(&self, account: Option<AccountId>) -> Right {
        let own = self.grants.iter().filter(|(to, _)| Some(*to) == account);
        own.map(|(_, right)| *right).max().unwrap_or_default()
    }
}

fn revision(c: &Connection) -> Result<Vec<u8>> {
    let sql = "SELECT revision FROM folder_rule_revision";
    Ok(c.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_changes_rules_in_a_loop_is_slowed_down_and_nobody_else() {
        let cache = RuleCache::default();
        assert!((0..1_000).all(|_| cache.require_pace(1).is_ok()));
        let refused = (0..1_000)
            .find_map(|_| cache.require_pace(1).err())
            .unwrap();
        assert_eq!(refused.kind(), Kind::TooMany);
        assert!(refused.retry_after().is_some());
        assert!(cache.require_pace(2).is_ok());
    }
}
