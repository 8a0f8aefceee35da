//! What folders say: for everybody, and for named people.

use std::collections::HashMap;

use rusqlite::Connection;

use super::AccountId;
use super::audit::{self, Happening};
use crate::error::{Error, Result};
use crate::library::catalog::{self, Change};
use crate::library::reach::ways;
use crate::library::text::fold;
use crate::library::{FilePath, FolderPath, Library, Right};

/// What a folder says of itself.
#[derive(Clone, Debug)]
pub struct FolderRule {
    pub folder: FolderPath,
    /// Whether that is said here; otherwise it is what a folder above says.
    pub is_own: bool,
    /// The folder that says it, if any does.
    pub said_by: Option<FolderPath>,
    pub everyone: Right,
    pub grants: Vec<Grant>,
    /// What the viewer may in it.
    pub may: Right,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub name: String,
    pub may: Right,
}

/// Most people that a folder can name.
const MOST_GRANTS: usize = 500;
/// Most folders that one account can have say something; an owner, who does it for everybody, more.
const MAX_RULES: u64 = 1_000;
const MAX_RULES_OF_OWNERS: u64 = 10_000;

impl Library {
    /// What a folder says, or the nearest above it that says something.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) for a folder that the viewer may not
    /// know of.
    pub fn folder_rule(&self, folder: &FolderPath) -> Result<FolderRule> {
        self.store.sql.read(|c| {
            let reach = self.reach(c)?;
            if reach.right(folder) < Right::Read {
                return Err(crate::library::catalog::no_folder(folder));
            }
            let mut rule = FolderRule {
                folder: folder.clone(),
                is_own: false,
                said_by: None,
                everyone: self.viewer.everyone,
                grants: Vec::new(),
                may: reach.right(folder),
            };
            for above in folder.ancestors() {
                if let Some(everyone) = everyone(c, &above)? {
                    rule.is_own = above == *folder;
                    rule.everyone = everyone;
                    // Who else has a share is for those to know who give it.
                    if rule.may >= Right::Own {
                        rule.grants = grants(c, &above)?;
                    }
                    rule.said_by = Some(above);
                    break;
                }
            }
            Ok(rule)
        })
    }

    /// Lets a folder say what everybody may in it, and these people. Who owns it goes on doing so.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](crate::error::Kind::Forbidden) unless the viewer owns the folder,
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) for a name that nobody has.
    pub fn set_folder_rule(
        &self,
        folder: &FolderPath,
        everyone: Right,
        grants: &[Grant],
    ) -> Result<()> {
        if grants.len() > MOST_GRANTS {
            return Err(Error::invalid(format!(
                "A folder can be shared with {MOST_GRANTS} people at most."
            )));
        }
        let (folder, grants, change) = (folder.clone(), grants.to_vec(), self.change());
        self.store.sql.write(move |c| {
            refuse_others_than_its_own(c, &change, &folder)?;
            folder.require_new()?;
            if self::everyone(c, &folder)?.is_none() {
                catalog::refuse_invisible_folder(c, &folder)?;
            }
            refuse_too_many(c, &change, &folder)?;
            say(c, &folder, everyone.min(Right::Write), change.account())?;
            c.prepare_cached("DELETE FROM folder_grant WHERE path = ?1 AND may <> 'own'")?
                .execute([folder.as_str()])?;
            for given in grants.iter().filter(|given| given.may != Right::None) {
                let id = account_called(c, &given.name)?;
                grant(c, &folder, id, given.may.min(Right::Write))?;
            }
            note(c, &change, &folder, everyone, &grants)
        })
    }

    /// Lets a folder say nothing of itself: what is said above it counts again.
    ///
    /// # Errors
    /// As [`set_folder_rule`](Self::set_folder_rule); a folder of somebody's own always says so.
    pub fn forget_folder_rule(&self, folder: &FolderPath) -> Result<()> {
        let (folder, change) = (folder.clone(), self.change());
        self.store.sql.write(move |c| {
            refuse_others_than_its_own(c, &change, &folder)?;
            change.require_rule_pace(c)?;
            c.prepare_cached(
                "DELETE FROM folder_rule WHERE path = ?1 AND NOT EXISTS
                 (SELECT 1 FROM folder_grant AS given WHERE given.path = ?1 AND may = 'own')",
            )?
            .execute([folder.as_str()])?;
            audit::note(
                c,
                &change,
                "",
                Happening::FolderShared,
                &shown(&folder, "as above"),
            )
        })
    }
}

impl Change {
    /// What folders say moves with them, as far as the viewer sees those folders, and with it what was
    /// deleted out of them: left behind, it would be for whoever may see what lies there next. Where
    /// the new place says something already, that stays.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::error::Kind::Conflict) if the viewer would lose sight of what it
    /// moves.
    pub(in crate::library) fn move_rules(
        &self,
        c: &Connection,
        from: &FolderPath,
        to: &FolderPath,
    ) -> Result<()> {
        if from == to {
            return Ok(());
        }
        let mut moved = Vec::new();
        {
            let mut statement = c.prepare_cached(
                "SELECT path FROM folder_rule WHERE path = ?1 OR path >= ?2 AND path < ?3",
            )?;
            let (first, last) = crate::library::catalog::bounds(from);
            let mut rows = statement.query((from.as_str(), first, last))?;
            while let Some(row) = rows.next()? {
                moved.push(FolderPath::parse(&row.get::<_, String>(0)?)?);
            }
        }
        let reach = self.reach(c)?;
        moved.retain(|path| reach.right(path) >= Right::Read);
        self.move_trash(c, from, to)?;
        for path in &moved {
            let target = format!("{to}{}", &path.as_str()[from.as_str().len()..]);
            c.prepare_cached("UPDATE OR IGNORE folder_rule SET path = ?2 WHERE path = ?1")?
                .execute((path.as_str(), &target))?;
        }
        if !moved.is_empty() {
            // What is said there next was never meant for what happened there before.
            c.prepare_cached(
                "INSERT INTO folder_left (path, event) VALUES (?1, ?2)
                 ON CONFLICT (path) DO UPDATE SET event = excluded.event",
            )?
            .execute((from.as_str(), crate::library::catalog::last_event(c)?))?;
        }
        match moved.is_empty() || self.reach_now(c)?.right(to) >= Right::Read {
            true => Ok(()),
            false => Err(Error::conflict(format!(
                "You would not see {:?} any more at its new place; choose another one.",
                from.as_str()
            ))),
        }
    }
}

impl Change {
    fn move_trash(&self, c: &Connection, from: &FolderPath, to: &FolderPath) -> Result<()> {
        let reach = self.reach(c)?;
        let mut found = Vec::new();
        {
            let mut statement = c.prepare_cached(
                "SELECT id, path FROM file
                 WHERE trashed_ms IS NOT NULL AND path >= ?1 AND path < ?2",
            )?;
            let mut rows = statement.query(crate::library::catalog::bounds(from))?;
            while let Some(row) = rows.next()? {
                let path = FilePath::parse(&row.get::<_, String>(1)?)?;
                found.push((row.get::<_, i64>(0)?, path));
            }
        }
        found.retain(|(_, path)| reach.right(&path.folder()) >= Right::Read);
        let mut moved = c.prepare_cached("UPDATE file SET path = ?2, folder = ?3 WHERE id = ?1")?;
        for (id, path) in found {
            let path = to.join(&path.as_str()[from.as_str().len() + 1..])?;
            moved.execute((id, path.as_str(), path.folder().as_str()))?;
        }
        Ok(())
    }
}

/// Folders whose rules went elsewhere, each with the last event of the place as it was.
pub(in crate::library) struct LeftFolders(HashMap<String, u64>);

impl LeftFolders {
    pub(in crate::library) fn read(c: &Connection) -> Result<Self> {
        let mut statement = c.prepare_cached("SELECT path, event FROM folder_left")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self(rows.collect::<std::result::Result<_, _>>()?))
    }

    /// Whether an event tells of a place as it was before its rules went elsewhere.
    pub(in crate::library) fn hide(&self, path: &FilePath, event: u64) -> bool {
        let is_left = |folder: &str| self.0.get(folder).is_some_and(|last| *last >= event);
        !self.0.is_empty() && ways(path.as_str()).skip(1).any(is_left)
    }
}

fn refuse_others_than_its_own(c: &Connection, change: &Change, folder: &FolderPath) -> Result<()> {
    let reach = change.reach(c)?;
    if reach.right(folder) >= Right::Own {
        return Ok(());
    }
    match reach.right(folder) >= Right::Read {
        true => Err(Error::forbidden(format!(
            "Only whoever owns {:?} can say who may see it.",
            folder.as_str()
        ))),
        false => Err(crate::library::catalog::no_folder(folder)),
    }
}

/// Each rule makes looking a little slower for all, so nobody makes any number of them.
fn refuse_too_many(c: &Connection, change: &Change, folder: &FolderPath) -> Result<()> {
    change.require_rule_pace(c)?;
    let most = match change.reach(c)?.is_everything() {
        true => MAX_RULES_OF_OWNERS,
        false => MAX_RULES,
    };
    let sql = "SELECT count(*) FROM folder_rule WHERE account_id = ?1 AND path <> ?2";
    let made: u64 = c
        .prepare_cached(sql)?
        .query_row((change.account(), folder.as_str()), |row| row.get(0))?;
    match made >= most {
        true => Err(Error::conflict(format!(
            "You have set permissions of {most} folders, which is the most; let some follow the folder above again."
        ))),
        false => Ok(()),
    }
}

fn note(
    c: &Connection,
    change: &Change,
    folder: &FolderPath,
    everyone: Right,
    grants: &[Grant],
) -> Result<()> {
    let named = grants.iter().filter(|given| given.may != Right::None);
    let named = named.map(|given| format!(", {}: {}", given.name, given.may.word()));
    let said = format!("everyone: {}{}", everyone.word(), named.collect::<String>());
    audit::note(
        c,
        change,
        "",
        Happening::FolderShared,
        &shown(folder, &said),
    )
}

fn shown(folder: &FolderPath, said: &str) -> String {
    format!("/{folder} ({said})")
}

fn everyone(c: &Connection, folder: &FolderPath) -> Result<Option<Right>> {
    let mut statement = c.prepare_cached("SELECT everyone FROM folder_rule WHERE path = ?1")?;
    let mut rows = statement.query([folder.as_str()])?;
    let word: Option<String> = rows.next()?.map(|row| row.get(0)).transpose()?;
    Ok(word.map(|word| Right::parse(&word).unwrap_or_default()))
}

fn grants(c: &Connection, folder: &FolderPath) -> Result<Vec<Grant>> {
    let mut statement = c.prepare_cached(
        "SELECT name, may FROM folder_grant JOIN account ON account.id = account_id
         WHERE path = ?1 ORDER BY sort_name",
    )?;
    let mut rows = statement.query([folder.as_str()])?;
    let mut grants = Vec::new();
    while let Some(row) = rows.next()? {
        grants.push(Grant {
            name: row.get(0)?,
            may: Right::parse(&row.get::<_, String>(1)?).unwrap_or_default(),
        });
    }
    Ok(grants)
}

fn account_called(c: &Connection, name: &str) -> Result<AccountId> {
    let mut statement = c.prepare_cached("SELECT id FROM account WHERE sort_name = ?1")?;
    let mut rows = statement.query([fold(name.trim())])?;
    match rows.next()? {
        Some(row) => Ok(row.get(0)?),
        None => Err(Error::invalid(format!(
            "There is no account called {name:?}."
        ))),
    }
}

pub(super) fn say(
    c: &Connection,
    folder: &FolderPath,
    everyone: Right,
    by: Option<AccountId>,
) -> Result<()> {
    c.prepare_cached(
        "INSERT INTO folder_rule (path, everyone, account_id) VALUES (?1, ?2, ?3)
         ON CONFLICT (path) DO UPDATE SET everyone = excluded.everyone",
    )?
    .execute((folder.as_str(), everyone.word(), by))?;
    Ok(())
}

/// Who owns the folder goes on owning it.
pub(super) fn grant(c: &Connection, folder: &FolderPath, id: AccountId, may: Right) -> Result<()> {
    c.prepare_cached(
        "INSERT INTO folder_grant (path, account_id, may) VALUES (?1, ?2, ?3)
         ON CONFLICT (path, account_id) DO NOTHING",
    )?
    .execute((folder.as_str(), id, may.word()))?;
    Ok(())
}
