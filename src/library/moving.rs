//! What a move takes along, and who may let it: rules, links and tokens belong to a folder, and must not
//! come to lie where whoever moves them could not have made them.

use rusqlite::Connection;

use super::accounts::{Happening, audit, usage};
use super::catalog::{self, Change, bounds};
use super::path::FolderPath;
use super::reach::{Reach, Right};
use super::rule_set::RuleSet;
use super::uploads::{Whose, end_all};
use crate::error::{Error, Result};

/// Files and folders on their way out of some folders into others, in one transaction.
pub(super) struct Move<'a> {
    change: &'a Change,
    rules: std::sync::Arc<RuleSet>,
    /// The first thing that others see from now on, or do not see any more, and how many there are.
    seen_otherwise: Option<(String, u64)>,
    /// Bytes of metadata that counted against whoever moves, before.
    metadata: u64,
}

impl Change {
    /// Begins a move; asked for before anything of it was done.
    pub(super) fn begin_move(&self, c: &Connection) -> Result<Move<'_>> {
        Ok(Move {
            change: self,
            rules: self.rules(c)?,
            seen_otherwise: None,
            metadata: match self.account() {
                Some(account) => usage::metadata(c, account)?,
                None => 0,
            },
        })
    }
}

impl Move<'_> {
    /// # Errors
    /// [`Kind::Forbidden`](crate::error::Kind::Forbidden) if the file would leave what others own, by
    /// somebody who does not own both folders.
    pub fn require_file(
        &mut self,
        c: &Connection,
        name: &str,
        from: &FolderPath,
        to: &FolderPath,
    ) -> Result<()> {
        let change = self.change;
        let reach = change.reach(c)?;
        // Whether it may be changed at all is said first, and as of anything else.
        reach.refuse_unwritable(from)?;
        reach.refuse_unwritable(to)?;
        if self.leaves_an_owner(from, to) {
            require_both(reach, from, to, "What lies there belongs to others.")?;
        }
        if self.rules.nearest(from) != self.rules.nearest(to) {
            self.is_seen_otherwise(format!("/{from}/{name} → /{to}"));
        }
        Ok(())
    }

    /// The same of a whole folder, which takes along what is said in it. What the viewer may not know
    /// of stays where it is, and so does what is said of that.
    pub fn require_folder(
        &mut self,
        c: &Connection,
        from: &FolderPath,
        to: &FolderPath,
    ) -> Result<()> {
        let change = self.change;
        let reach = change.reach(c)?;
        let carries_rules = {
            let mut said = self.rules.at_or_below(from).map(|(folder, _)| folder);
            said.any(|folder| reach.right(folder) >= Right::Read)
        };
        if carries_rules {
            change.require_rule_pace(c)?;
            let why = "It has its own permissions, or a folder in it has.";
            require_both(reach, from, to, why)?;
        }
        if self.leaves_an_owner(from, to) {
            require_both(reach, from, to, "What lies there belongs to others.")?;
        }
        if carries_rules || self.rules.nearest(from) != self.rules.nearest(to) {
            self.is_seen_otherwise(format!("/{from} → /{to}"));
        }
        Ok(())
    }

    /// Whether somebody other than whoever moves owns the one place and not the other.
    fn leaves_an_owner(&self, from: &FolderPath, to: &FolderPath) -> bool {
        let there = self.rules.owners(to);
        let left = self.rules.owners(from).into_iter();
        let mut left = left.filter(|owner| !there.contains(owner));
        left.any(|owner| Some(owner) != self.change.account())
    }

    fn is_seen_otherwise(&mut self, what: String) {
        match &mut self.seen_otherwise {
            Some((_, count)) => *count += 1,
            None => self.seen_otherwise = Some((what, 1)),
        }
    }

    /// Notes that others see something else from now on, if they do.
    ///
    /// # Errors
    /// [`Kind::NoSpace`](crate::error::Kind::NoSpace) if the new names go past the quota of whoever
    /// moves.
    pub fn finish(self, c: &Connection) -> Result<()> {
        if let Some(account) = self.change.account() {
            usage::refuse_longer_names(c, account, self.metadata)?;
        }
        let Some((first, count)) = self.seen_otherwise else {
            return Ok(());
        };
        let subject = match count {
            1 => first,
            many => format!("{first}, and {} more", many - 1),
        };
        audit::note(c, self.change, "", Happening::Moved, &subject)
    }
}

fn require_both(reach: &Reach, from: &FolderPath, to: &FolderPath, why: &str) -> Result<()> {
    match [from, to]
        .into_iter()
        .find(|folder| reach.right(folder) < Right::Own)
    {
        None => Ok(()),
        Some(folder) => Err(Error::forbidden(format!(
            "To move this you must own both folders, and you do not own {:?}. {why} \
             Download it and store it anew, or ask an owner to move it.",
            folder.as_str()
        ))),
    }
}

impl Change {
    /// Takes links and tokens along with a folder that was moved to `to`; `was_there` is whether
    /// something was there before. Where two folders become one, those for the moved one end: they would
    /// show more than they were made for. Those for what is out of the viewer's sight stay, as that does.
    pub(super) fn move_links(
        &self,
        c: &Connection,
        from: &FolderPath,
        to: &FolderPath,
        was_there: bool,
    ) -> Result<()> {
        if was_there {
            return self.end_links(c, from, |_| Ok(true));
        }
        let reach = self.reach(c)?.clone();
        for table in ["share_link", "token"] {
            for (id, folder) in at_or_below(c, table, from)? {
                if reach.right(&folder) < Right::Read {
                    continue;
                }
                let target = format!("{to}{}", &folder.as_str()[from.as_str().len()..]);
                let sql = format!("UPDATE {table} SET folder = ?2 WHERE id = ?1");
                c.prepare_cached(&sql)?.execute((id, target))?;
            }
        }
        Ok(())
    }

    /// Ends links and tokens for a folder, and for those in it, as far as nothing is left in theirs. Called
    /// before another folder takes such a place.
    pub(super) fn end_links_of_empty(&self, c: &Connection, folder: &FolderPath) -> Result<()> {
        self.end_links(c, folder, |of| Ok(!catalog::is_folder(c, of)?))
    }

    fn end_links(
        &self,
        c: &Connection,
        folder: &FolderPath,
        ends: impl Fn(&FolderPath) -> Result<bool>,
    ) -> Result<()> {
        let (is_ended, reach) = (ends, self.reach(c)?.clone());
        let ends = [
            ("share_link", Happening::LinkRevoked),
            ("token", Happening::TokenRevoked),
        ];
        for (table, happening) in ends {
            for (id, of) in at_or_below(c, table, folder)? {
                if reach.right(&of) < Right::Read || !is_ended(&of)? {
                    continue;
                }
                // Their bytes go with the next round of the upkeep.
                let whose = match happening {
                    Happening::LinkRevoked => Whose::Link(id),
                    _ => Whose::Token(id),
                };
                end_all(c, whose, self.at_ms)?;
                let sql = format!("DELETE FROM {table} WHERE id = ?1");
                c.prepare_cached(&sql)?.execute([id])?;
                let subject = format!("/{of} (the folder is gone)");
                audit::note(c, self, "", happening, &subject)?;
            }
        }
        Ok(())
    }
}

/// Links, or tokens, for a folder and those in it.
fn at_or_below(c: &Connection, table: &str, folder: &FolderPath) -> Result<Vec<(i64, FolderPath)>> {
    let (from, to) = bounds(folder);
    let sql =
        format!("SELECT id, folder FROM {table} WHERE folder = ?1 OR folder >= ?2 AND folder < ?3");
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query((folder.as_str(), from, to))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, FolderPath::parse(&row.get::<_, String>(1)?)?));
    }
    Ok(found)
}
