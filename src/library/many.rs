//! Changing many files at once: all of a selection, or nothing of it. Only tags are added in steps,
//! between which others get their turn.

use std::ops::RangeInclusive;

use rusqlite::Connection;

use super::accounts::{Happening, audit};
use super::arranging::{
    checked_tags, end, live, move_file, park, put_aside, put_back, tag, trashed,
};
use super::catalog::{self, Change};
use super::entry::{Entry, FileId};
use super::news::oldest_event;
use super::path::{FilePath, FolderPath};
use super::selecting::{Selection, Within, is_below, outermost};
use super::{IfPresent, Library};
use crate::error::{Error, Kind, Result};

/// Tags that are added in one transaction, of all files together.
const TAGS_AT_ONCE: usize = 2_000;

/// What a change did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    pub files: u64,
    /// Numbers of the events that tell of it, all of them and no others; empty if nothing changed, and
    /// for tags, between whose events may be those of others.
    pub events: RangeInclusive<u64>,
}

impl Library {
    /// Moves live files and folders into a folder; each keeps its name.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if a name is taken there, unless both are
    /// to be kept; [`Kind::Invalid`] for a folder that would come to
    /// lie in itself. Then nothing was moved.
    pub fn move_all(
        &self,
        selection: &Selection,
        to: &FolderPath,
        if_present: IfPresent,
    ) -> Result<Changes> {
        let (selection, to) = (selection.clone(), to.clone());
        self.change_many(move |c, change| {
            let (folders, ids) = named(c, &selection, change)?;
            if let Some(folder) = folders
                .iter()
                .find(|folder| to.ancestors().any(|above| above == **folder))
            {
                return Err(Error::invalid(format!(
                    "{:?} cannot be moved into itself; choose a folder outside it.",
                    folder.as_str()
                )));
            }
            catalog::refuse_invisible_folder(c, &to)?;
            let (moves, places) = planned(c, &folders, &ids, &to, change)?;
            let mut moving = change.begin_move(c)?;
            for Place { from, to, .. } in &places {
                moving.require_folder(c, from, to)?;
                change.end_links_of_empty(c, to)?;
            }
            for (_, entry) in moves
                .iter()
                .filter(|(_, entry)| !is_below(&entry.path, &folders))
            {
                moving.require_file(c, entry.path.name(), &entry.path.folder(), &to)?;
            }
            // Files of one folder may take each other's paths on the way.
            let together = moves.iter().map(|(_, entry)| entry);
            park(c, together.filter(|entry| is_below(&entry.path, &folders)))?;
            change.add_up_counts();
            for (path, entry) in &moves {
                let path = match if_present {
                    IfPresent::KeepBoth => &catalog::free_path(c, path)?,
                    IfPresent::Version | IfPresent::Skip => path,
                };
                move_file(c, entry, path, change)?;
            }
            change.write_counts(c)?;
            for Place {
                from,
                to,
                was_there,
            } in &places
            {
                change.move_links(c, from, to, *was_there)?;
                change.move_rules(c, from, to)?;
            }
            moving.finish(c)?;
            Ok(moves.len())
        })
    }

    /// Gives the one file or folder of a selection another name, where it is.
    ///
    /// # Errors
    /// [`Kind::Invalid`] if it is not one, or for what is no name;
    /// [`Kind::Conflict`] if the name is taken there.
    pub fn rename_chosen(&self, selection: &Selection, name: &str) -> Result<u64> {
        let Selection { files, folders, .. } = selection;
        if name.contains('/') {
            return Err(Error::invalid(format!(
                "{name:?} has a slash in it, which no name may have; Move puts files elsewhere."
            )));
        }
        match (&files[..], &folders[..], &selection.within) {
            ([id], [], None) => {
                let folder = self.entry(*id)?.path.folder();
                self.rename(*id, &folder.join(name)?)?;
                Ok(1)
            }
            ([], [folder], None) => {
                let above = folder.parent().unwrap_or_default();
                let to = FolderPath::parse(above.join(name)?.as_str())?;
                let target = to.clone();
                let is_taken = self
                    .store
                    .sql
                    .read(|c| self.reach(c)?.sees_folder(c, &target))?;
                if is_taken && to != *folder {
                    return Err(Error::conflict(format!(
                        "There is a folder {name:?} already; choose another name, or move what lies in this one there."
                    )));
                }
                self.rename_folder(folder, &to)
            }
            _ => Err(Error::invalid(
                "Only one thing can be renamed at a time; choose one file or one folder.",
            )),
        }
    }

    /// Adds tags to live files, and to every file in the folders. They are added in steps; a file that
    /// goes meanwhile is left out.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for what cannot be a tag, or too many; then
    /// none was added.
    pub fn tag_all(&self, selection: &Selection, tags: &[String]) -> Result<Changes> {
        let added = checked_tags(tags)?;
        if added.is_empty() {
            return Err(Error::invalid(
                "No tag is given; write one, or several with commas between them.",
            ));
        }
        let change = self.change();
        let ids = self.store.sql.read(|c| {
            let (_, entries) = everything(c, selection, &change)?;
            for entry in &entries {
                change.refuse_unwritable(c, entry)?;
                with_tags(entry, &added)?;
            }
            Ok(entries.iter().map(|entry| entry.id).collect::<Vec<_>>())
        })?;
        let mut files = 0;
        for ids in ids.chunks((TAGS_AT_ONCE / added.len()).max(1)) {
            let (ids, added) = (ids.to_vec(), added.clone());
            let step = self.change_many(move |c, change| {
                let mut tagged = 0;
                for id in ids {
                    let entry = match live(c, id, change) {
                        Ok(entry) => entry,
                        Err(error) if is_gone(&error) => continue,
                        Err(error) => return Err(error),
                    };
                    tag(c, &entry, &with_tags(&entry, &added)?, change)?;
                    tagged += 1;
                }
                Ok(tagged)
            })?;
            files += step.files;
        }
        Ok(Changes {
            files,
            events: 0..=0,
        })
    }

    /// Moves live files, and every file in the folders, to the trash.
    pub fn trash_all(&self, selection: &Selection) -> Result<Changes> {
        let selection = selection.clone();
        self.change_many(move |c, change| {
            let (folders, entries) = everything(c, &selection, change)?;
            change.add_up_counts();
            for entry in &entries {
                put_aside(c, entry, change)?;
            }
            change.write_counts(c)?;
            for folder in &folders {
                change.end_links_of_empty(c, folder)?;
            }
            note_many(c, change, Happening::Deleted, &entries)?;
            Ok(entries.len())
        })
    }

    /// Puts trashed files back to their paths.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if a path is taken by now.
    pub fn restore_all(&self, ids: &[FileId]) -> Result<Changes> {
        let ids = chosen(ids)?;
        self.change_many(move |c, change| {
            change.add_up_counts();
            for id in &ids {
                put_back(c, &trashed(c, *id, change)?, change)?;
            }
            change.write_counts(c)?;
            Ok(ids.len())
        })
    }

    /// Ends trashed files for good, with all their versions.
    pub fn purge_all(&self, ids: &[FileId]) -> Result<Changes> {
        let ids = chosen(ids)?;
        self.change_many(move |c, change| {
            let entries = ids.iter().map(|id| trashed(c, *id, change));
            let entries = entries.collect::<Result<Vec<_>>>()?;
            for entry in &entries {
                end(c, entry, change)?;
            }
            note_many(c, change, Happening::Purged, &entries)?;
            Ok(ids.len())
        })
    }

    /// Puts back what these events moved to the trash, as far as it is still there.
    ///
    /// # Errors
    /// As [`restore_all`](Self::restore_all).
    pub fn undo_trash(&self, events: RangeInclusive<u64>) -> Result<Changes> {
        self.change_many(move |c, change| {
            if (*events.start()).max(1) < oldest_event(c)? {
                return Err(Error::conflict(
                    "Too much has happened since to take this back at once; restore the files from the trash.",
                ));
            }
            let sql = format!(
                "SELECT {} FROM {} WHERE file.trashed_ms IS NOT NULL AND file.id IN
                 (SELECT file_id FROM event WHERE number BETWEEN ?1 AND ?2 AND kind = 'trashed')",
                catalog::ENTRY,
                catalog::FROM
            );
            let mut entries = catalog::entries(c, &sql, (events.start(), events.end()))?;
            // Of what others deleted out of sight, nothing is told.
            let reach = change.reach(c)?;
            entries.retain(|entry| reach.refuse_unseen(entry).is_ok());
            change.add_up_counts();
            for entry in &entries {
                put_back(c, entry, change)?;
            }
            change.write_counts(c)?;
            Ok(entries.len())
        })
    }

    /// Runs a change in one transaction; nobody else's events come between its own.
    fn change_many(
        &self,
        work: impl FnOnce(&Connection, &Change) -> Result<usize> + Send + 'static,
    ) -> Result<Changes> {
        let change = self.change();
        self.store.sql.write_large(move |c| {
            let before = catalog::last_event(c)?;
            let files = work(c, &change)? as u64;
            Ok(Changes {
                files,
                events: before + 1..=catalog::last_event(c)?,
            })
        })
    }
}

/// The tags of a file and more.
fn with_tags(entry: &Entry, added: &[String]) -> Result<Vec<String>> {
    let both: Vec<String> = entry.tags.iter().chain(added).cloned().collect();
    checked_tags(&both)
}

/// Whether a file was purged or deleted meanwhile.
fn is_gone(error: &Error) -> bool {
    matches!(error.kind(), Kind::NotFound | Kind::Conflict)
}

/// Where a folder goes, and whether something was there before.
struct Place {
    from: FolderPath,
    to: FolderPath,
    was_there: bool,
}

/// Files of a move with their new paths, and its folders.
type Planned = (Vec<(FilePath, Entry)>, Vec<Place>);

/// What becomes of each file and folder of a move; what stays where it is is left out.
fn planned(
    c: &Connection,
    folders: &[FolderPath],
    ids: &[FileId],
    to: &FolderPath,
    change: &Change,
) -> Result<Planned> {
    let (mut moves, mut places) = (Vec::new(), Vec::new());
    for folder in folders {
        let above = folder.as_str().len() - folder.name().len();
        for entry in change.below(c, folder)? {
            moves.push((to.join(&entry.path.as_str()[above..])?, entry));
        }
        let target = FolderPath::parse(to.join(folder.name())?.as_str())?;
        if target != *folder {
            places.push(Place {
                was_there: catalog::is_folder(c, &target)?,
                from: folder.clone(),
                to: target,
            });
        }
    }
    for entry in selected(c, ids, folders, change)? {
        moves.push((to.join(entry.path.name())?, entry));
    }
    moves.retain(|(path, entry)| *path != entry.path);
    Ok((moves, places))
}

/// One line of the audit log for all of them.
fn note_many(c: &Connection, change: &Change, kind: Happening, entries: &[Entry]) -> Result<()> {
    let subject = match entries {
        [] => return Ok(()),
        [one] => one.path.to_string(),
        [first, others @ ..] => format!("{} and {} more", first.path, others.len()),
    };
    audit::note(c, change, "", kind, &subject)
}

/// The folders and files of a selection that is not empty, the folders each once.
fn named(
    c: &Connection,
    selection: &Selection,
    change: &Change,
) -> Result<(Vec<FolderPath>, Vec<FileId>)> {
    let (mut folders, mut ids) = (selection.folders.clone(), selection.files.clone());
    if let Some(within) = &selection.within {
        let Within { folder, flat, .. } = within;
        for entry in change.below(c, folder)? {
            if !within.takes(entry.id, &entry.path) {
                continue;
            }
            match folder.child_towards(&entry.path).filter(|_| !flat) {
                Some(child) if folders.last() == Some(&child) => {}
                Some(child) => folders.push(child),
                None => ids.push(entry.id),
            }
        }
    }
    let folders = outermost(&folders);
    if folders.iter().any(FolderPath::is_root) {
        return Err(Error::invalid(
            "The whole library cannot be changed at once; choose files or folders in it.",
        ));
    }
    if folders.is_empty() && ids.is_empty() {
        return Err(nothing_chosen());
    }
    Ok((folders, ids))
}

fn chosen(ids: &[FileId]) -> Result<Vec<FileId>> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    match ids.is_empty() {
        true => Err(nothing_chosen()),
        false => Ok(ids),
    }
}

fn nothing_chosen() -> Error {
    Error::invalid("Nothing is chosen; tick the files that this is about.")
}

/// The files that were chosen by themselves, and are not in a folder that was chosen as well.
fn selected(
    c: &Connection,
    ids: &[FileId],
    folders: &[FolderPath],
    change: &Change,
) -> Result<Vec<Entry>> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let entries = ids.into_iter().map(|id| live(c, id, change));
    let mut entries = entries.collect::<Result<Vec<_>>>()?;
    entries.retain(|entry| !is_below(&entry.path, folders));
    Ok(entries)
}

/// The folders of a selection, and all files in it.
fn everything(
    c: &Connection,
    selection: &Selection,
    change: &Change,
) -> Result<(Vec<FolderPath>, Vec<Entry>)> {
    let (folders, ids) = named(c, selection, change)?;
    let mut entries = selected(c, &ids, &folders, change)?;
    for folder in &folders {
        entries.extend(change.below(c, folder)?);
    }
    Ok((folders, entries))
}

#[cfg(test)]
mod tests;
