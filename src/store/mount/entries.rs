//! What lies in the directory, and whether this process can use it as its owner can.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD};
use rustix::io::Errno;

use super::{Finding, Mount, Severity};
use crate::error::{Error, Result};

/// Entries that are named; the rest is counted.
const NAMED: usize = 3;

/// An entry and what stands in the way of using it.
struct Closed {
    path: PathBuf,
    facts: Metadata,
}

impl Mount {
    /// Whether every file and folder near the top is open to this process: a lock file that root
    /// made cannot be taken by anyone else. Contents below `blobs/` are not walked.
    ///
    /// # Errors
    /// When the directory cannot be listed at all.
    pub fn closed(&self) -> Result<Option<Finding>> {
        let mut closed = Vec::new();
        look(Path::new(&self.path), 0, &mut closed)?;
        Ok(self.finding_of(&closed))
    }

    /// A file under one of the names at the top that are folders' own, or a folder under one that
    /// is a file's.
    pub fn in_the_way(&self, folders: &[&str], files: &[&str]) -> Option<Finding> {
        let root = Path::new(&self.path);
        let of_the_wrong_kind = |name: &&str, is_folder: bool| {
            let path = root.join(name);
            let found = fs::metadata(&path).ok()?;
            (found.is_dir() != is_folder).then_some(path)
        };
        let sentence = if let Some(path) = folders
            .iter()
            .find_map(|name| of_the_wrong_kind(name, true))
        {
            format!(
                "{} is a file, where Wharfside keeps a folder; move it away, or bring the folder back from a backup.",
                path.display()
            )
        } else {
            let path = files
                .iter()
                .find_map(|name| of_the_wrong_kind(name, false))?;
            format!(
                "{} is a folder, where Wharfside keeps a file; move it away, or bring the file back from a backup.",
                path.display()
            )
        };
        Some(Finding {
            severity: Severity::Error,
            sentence,
            remedy: None,
        })
    }

    fn finding_of(&self, closed: &[Closed]) -> Option<Finding> {
        let first = closed.first()?;
        let names: Vec<String> = closed
            .iter()
            .take(NAMED)
            .map(|one| one.path.display().to_string())
            .collect();
        let more = match closed.len() - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let it = match closed.len() {
            1 => "It",
            _ => "The first",
        };
        Some(Finding {
            severity: Severity::Error,
            sentence: format!(
                "{}{more} cannot be used by this process, which runs as {}:{}. {it} belongs to {}:{} (mode {:04o}): a command was run as another user.",
                names.join(", "),
                self.uid,
                self.gid,
                first.facts.uid(),
                first.facts.gid(),
                first.facts.mode() & 0o7777
            ),
            remedy: Some(self.give_to_us()),
        })
    }
}

/// The top, what is in its folders, and what is in theirs.
fn look(folder: &Path, depth: u32, closed: &mut Vec<Closed>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // Closed, which is found already, or removed meanwhile by a running release.
        Err(_) if depth > 0 => return Ok(()),
        Err(error) => return Err(Error::io("reading", folder, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("reading", folder, e))?;
        let (name, path) = (entry.file_name(), entry.path());
        // What a filesystem or a person keeps beside ours is not used.
        let ours = name != "lost+found" && !name.to_string_lossy().starts_with('.');
        let Ok(facts) = fs::metadata(&path) else {
            continue;
        };
        if depth == 0 && !ours {
            continue;
        }
        if !is_open(&path, &facts, depth) {
            closed.push(Closed {
                path: path.clone(),
                facts: facts.clone(),
            });
        }
        if facts.is_dir() && depth < 2 && !folder.ends_with("blobs") {
            look(&path, depth + 1, closed)?;
        }
    }
    Ok(())
}

fn is_open(path: &Path, facts: &Metadata, depth: u32) -> bool {
    let needed = match facts.is_dir() {
        true => Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK,
        // Below the top, files are replaced, never written to again.
        false if depth > 0 => Access::READ_OK,
        false => Access::READ_OK | Access::WRITE_OK,
    };
    match rustix::fs::accessat(CWD, path, needed, AtFlags::EACCESS) {
        Err(error) => error == Errno::NOENT,
        Ok(()) => true,
    }
}
