//! How damage to an index in use is noticed, and how its lease holder is told.
//!
//! Bytes that are read wrong show as an error, as a panic, or as nothing at all. So beside what
//! reading finds, the files themselves are watched: tantivy never changes one once it is
//! committed, and whatever has another length or time than before was changed by somebody else.
//!
//! The lease holder is told by the mark, a file beside the index that names the folder it is
//! about by its inode: a mark that comes late never hits the folder that was built instead.

use std::collections::{HashMap, HashSet};
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Shared;
use crate::error::Error;
use crate::store::sigbus;

/// The files of one commit, as they were when they were first seen.
#[derive(Clone, Default)]
pub(super) struct Files {
    seen: HashMap<PathBuf, Arc<Seen>>,
}

struct Seen {
    print: Print,
    /// Kept open, because a merge reads a file and then removes it: what was done to it before
    /// is in what was merged. Absent only where no more files can be opened.
    file: Option<File>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Print {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl From<Metadata> for Print {
    fn from(found: Metadata) -> Self {
        Self {
            inode: found.ino(),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        }
    }
}

impl Seen {
    fn at(path: &Path) -> Option<Self> {
        let file = File::open(path).ok();
        let found = match &file {
            Some(file) => file.metadata(),
            None => std::fs::metadata(path),
        };
        Some(Self {
            print: found.ok()?.into(),
            file,
        })
    }

    /// Whether it was written to, wherever it is now.
    fn is_changed(&self) -> bool {
        let now = self.file.as_ref().and_then(|file| file.metadata().ok());
        now.is_some_and(|now| Print::from(now) != self.print)
    }
}

/// What became of the files.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    Same,
    /// Written to, but perhaps with the same bytes.
    Touched,
    /// One is gone or has another length.
    Harmed(String),
}

impl Files {
    /// Goes on to another commit. What both have in common stays as it was first seen; names that
    /// a commit lists but does not have (a segment without deletes) are left out. Answers if one
    /// that is left behind was written to: its bytes may be in what replaces it.
    pub(super) fn go_on(&mut self, folder: &Path, names: HashSet<PathBuf>) -> Option<String> {
        let mut harmed = None;
        self.seen.retain(|name, seen| {
            let stays = names.contains(name);
            if !stays && seen.is_changed() {
                harmed = Some(said(name, "was written to before it was merged"));
            }
            stays
        });
        for name in names {
            if !self.seen.contains_key(&name)
                && let Some(seen) = Seen::at(&folder.join(&name))
            {
                self.seen.insert(name, Arc::new(seen));
            }
        }
        harmed
    }

    pub(super) fn look(&self, folder: &Path) -> Look {
        let mut look = Look::Same;
        for (name, seen) in &self.seen {
            let now = std::fs::metadata(folder.join(name)).map(Print::from);
            match now {
                Ok(now) if now == seen.print => {}
                Ok(now) if now.length == seen.print.length => look = Look::Touched,
                Ok(_) => {
                    return Look::Harmed(said(name, "has another length than it was written with"));
                }
                Err(_) => return Look::Harmed(said(name, "is gone")),
            }
        }
        look
    }

    /// Takes what is there now for what it should be.
    pub(super) fn accept(&mut self, folder: &Path) {
        for (name, seen) in &mut self.seen {
            if let Some(found) = Seen::at(&folder.join(name)) {
                *seen = Arc::new(found);
            }
        }
    }
}

fn said(name: &Path, what: &str) -> String {
    format!("The index file {} {what}.", name.display())
}

/// What a reader must not go on with: zeros in place of a file's end.
pub(super) fn cut_short() -> Error {
    Error::damaged("A file of the search index was cut short while it was in use.")
}

/// Whether zeros may have been read since there had been `before` faults.
pub(super) fn is_cut_short(before: u64) -> bool {
    sigbus::faults() != before
}

impl Shared {
    /// Has the lease holder set the folder with this inode aside.
    pub(super) fn mark_damaged(&self, folder_inode: u64, error: &Error) {
        if self.is_marked(folder_inode) {
            return;
        }
        tracing::warn!(reason = %error, "search index damaged; it will be rebuilt");
        if let Err(failed) = self.mark(folder_inode, error.sentence()) {
            tracing::error!(error = %failed, "the damaged index could not be marked");
        }
    }

    pub(super) fn mark(&self, folder_inode: u64, why: &str) -> std::io::Result<()> {
        std::fs::write(&self.mark_path, format!("{folder_inode}\n{why}"))
    }

    /// Why the folder with this inode is not to be used any more, if so. A mark that names no
    /// folder is about whichever is there.
    pub(super) fn marked(&self, folder_inode: u64) -> Option<String> {
        let mark = std::fs::read_to_string(&self.mark_path).ok()?;
        let about = mark
            .split_once('\n')
            .and_then(|(inode, why)| Some((inode.parse::<u64>().ok()?, why)));
        match about {
            Some((inode, why)) => (inode == folder_inode).then(|| why.to_owned()),
            None => Some("The search index was found damaged.".to_owned()),
        }
    }

    pub(super) fn is_marked(&self, folder_inode: u64) -> bool {
        self.marked(folder_inode).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_somebody_else_did_to_a_file_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let names = || HashSet::from(["a.term".into(), "a.store".into(), "a.0.del".into()]);
        fs::write(dir.path().join("a.term"), b"terms").unwrap();
        fs::write(dir.path().join("a.store"), b"store").unwrap();
        let mut files = Files::default();
        files.go_on(dir.path(), names());
        assert_eq!(files.look(dir.path()), Look::Same);

        let term = fs::File::options()
            .write(true)
            .open(dir.path().join("a.term"))
            .unwrap();
        term.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        // Known from the commit before, so it is not taken for what it is now.
        assert_eq!(files.go_on(dir.path(), names()), None);
        assert_eq!(files.look(dir.path()), Look::Touched);
        files.accept(dir.path());
        assert_eq!(files.look(dir.path()), Look::Same);

        term.set_len(2).unwrap();
        assert!(matches!(files.look(dir.path()), Look::Harmed(why) if why.contains("a.term")));
        files.accept(dir.path());
        fs::remove_file(dir.path().join("a.store")).unwrap();
        assert!(matches!(files.look(dir.path()), Look::Harmed(why) if why.contains("a.store")));
    }

    #[test]
    fn what_was_merged_after_somebody_wrote_to_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let names = || HashSet::from(["a.term".into(), "b.term".into()]);
        let mut files = Files::default();
        for (harm, told) in [(false, false), (true, true)] {
            fs::write(dir.path().join("a.term"), b"terms").unwrap();
            fs::write(dir.path().join("b.term"), b"terms").unwrap();
            files.go_on(dir.path(), names());
            if harm {
                fs::write(dir.path().join("b.term"), b"noise").unwrap();
            }
            fs::remove_file(dir.path().join("a.term")).unwrap();
            fs::remove_file(dir.path().join("b.term")).unwrap();
            let left = files.go_on(dir.path(), HashSet::new());
            assert_eq!(left.is_some_and(|why| why.contains("b.term")), told);
        }
    }
}
