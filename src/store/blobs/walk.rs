//! The walk over all contents, in the order of their digests.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::vec;

use super::failed;
use crate::error::Result;
use crate::store::Digest;

/// One stored content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobEntry {
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// When it was last sealed.
    pub modified: SystemTime,
}

/// What stands below `blobs/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Blob(BlobEntry),
    /// Nothing of ours: a wrong name, a wrong place, or no regular file.
    Foreign(PathBuf),
}

/// See [`Blobs::iter`](super::Blobs::iter).
pub struct Walk {
    /// The sorted rest of each directory that the walk is in, outermost first.
    levels: Vec<Level>,
    /// The first step: listing the outermost directory.
    start: Option<PathBuf>,
}

struct Level {
    dir: PathBuf,
    names: vec::IntoIter<OsString>,
}

/// Directories above a content, `blobs/` included.
const DEPTH: usize = 3;

impl Walk {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            levels: Vec::with_capacity(DEPTH),
            start: Some(root.to_owned()),
        }
    }

    fn enter(&mut self, dir: PathBuf) -> Result<()> {
        let list = || -> io::Result<Vec<OsString>> {
            fs::read_dir(&dir)?
                .map(|entry| Ok(entry?.file_name()))
                .collect()
        };
        let mut names = list().map_err(|e| failed("listing", &dir, e))?;
        names.sort_unstable();
        let names = names.into_iter();
        self.levels.push(Level { dir, names });
        Ok(())
    }

    /// What a name on the innermost level is; `None` if it is a directory to enter, now entered,
    /// or was removed meanwhile.
    fn look(&mut self, dir: &Path, name: OsString) -> Result<Option<Found>> {
        let path = dir.join(&name);
        let facts = match fs::symlink_metadata(&path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("inspecting", &path, error)),
        };
        let name = name.to_str().unwrap_or_default();
        if self.levels.len() < DEPTH {
            if facts.is_dir() && is_shelf(name) {
                return self.enter(path).map(|()| None);
            }
        } else if let Some(digest) = digest_at(dir, name).filter(|_| facts.is_file()) {
            return Ok(Some(Found::Blob(BlobEntry {
                digest,
                size: facts.len(),
                modified: facts
                    .modified()
                    .map_err(|e| failed("inspecting", &path, e))?,
            })));
        }
        Ok(Some(Found::Foreign(path)))
    }
}

impl Iterator for Walk {
    type Item = Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(root) = self.start.take()
            && let Err(error) = self.enter(root)
        {
            return Some(Err(error));
        }
        loop {
            let level = self.levels.last_mut()?;
            let Some(name) = level.names.next() else {
                self.levels.pop();
                continue;
            };
            let dir = level.dir.clone();
            if let Some(item) = self.look(&dir, name).transpose() {
                return Some(item);
            }
        }
    }
}

fn is_shelf(name: &str) -> bool {
    name.len() == 2
        && name
            .bytes()
            .all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

/// The digest that a file in `ab/cd` is named by, if it is in its place.
fn digest_at(dir: &Path, name: &str) -> Option<Digest> {
    let digest: Digest = name.parse().ok()?;
    // Parsing forgives upper case; a place on disk has one spelling only.
    let lower_case = digest.to_string() == name;
    let place = Path::new(&name[..2]).join(&name[2..4]);
    (lower_case && dir.ends_with(place)).then_some(digest)
}
