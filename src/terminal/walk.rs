//! What a `put` is to send: the files that were named, and those inside the folders that were.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::library::{FilePath, FolderPath};

/// A file to be sent.
pub struct Item {
    pub file: PathBuf,
    pub path: FilePath,
    /// Bytes, when it was found.
    pub size: u64,
}

/// What was found, and a sentence for each thing that cannot be sent.
#[derive(Default)]
pub struct Walk {
    pub items: Vec<Item>,
    pub left_out: Vec<String>,
    taken: HashSet<FilePath>,
}

impl Walk {
    /// Links that are named are followed; those inside folders are not, and are left out.
    pub fn of(paths: &[PathBuf], to: &FolderPath) -> Self {
        let mut walk = Self::default();
        for path in paths {
            // "." and "..", and "/", have no name of their own.
            let named = path.canonicalize();
            let name = match (path.file_name(), &named) {
                (Some(name), _) => Some(name),
                (None, Ok(named)) => named.file_name(),
                (None, Err(_)) => None,
            };
            match fs::metadata(path) {
                Ok(facts) if facts.is_dir() => walk.folder(path, &text(name, path), to.as_str()),
                Ok(facts) if facts.is_file() => {
                    walk.file(path, &text(name, path), to.as_str(), facts.len());
                }
                Ok(_) => walk.leave_out(path, "it is no file and no folder"),
                Err(error) => walk.leave_out(path, &error.to_string()),
            }
        }
        walk
    }

    fn folder(&mut self, folder: &Path, name: &Option<String>, into: &str) {
        let Some(name) = name else {
            return self.leave_out(folder, NOT_UTF8);
        };
        let into = if into.is_empty() {
            name.clone()
        } else {
            format!("{into}/{name}")
        };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.leave_out(folder, &error.to_string()),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.leave_out(folder, &error.to_string());
                    continue;
                }
            };
            let path = entry.path();
            let name = entry.file_name().to_str().map(str::to_owned);
            match entry.metadata() {
                Ok(facts) if facts.is_dir() => self.folder(&path, &name, &into),
                Ok(facts) if facts.is_file() => self.file(&path, &name, &into, facts.len()),
                Ok(facts) if facts.is_symlink() => {
                    self.leave_out(&path, "links inside folders are not followed");
                }
                Ok(_) => self.leave_out(&path, "it is no file and no folder"),
                Err(error) => self.leave_out(&path, &error.to_string()),
            }
        }
    }

    fn file(&mut self, file: &Path, name: &Option<String>, into: &str, size: u64) {
        let Some(name) = name else {
            return self.leave_out(file, NOT_UTF8);
        };
        let joined = if into.is_empty() {
            name.clone()
        } else {
            format!("{into}/{name}")
        };
        match FilePath::parse(&joined) {
            Err(error) => self.leave_out(file, error.sentence()),
            Ok(path) if !self.taken.insert(path.clone()) => {
                self.leave_out(file, &format!("another file of this run goes to {path}"));
            }
            Ok(path) => self.items.push(Item {
                file: file.to_owned(),
                path,
                size,
            }),
        }
    }

    fn leave_out(&mut self, path: &Path, why: &str) {
        self.left_out.push(format!("{}: {why}", path.display()));
    }
}

const NOT_UTF8: &str = "its name is not UTF-8; rename it";

fn text(name: Option<&OsStr>, path: &Path) -> Option<String> {
    name.unwrap_or(path.as_os_str()).to_str().map(str::to_owned)
}
