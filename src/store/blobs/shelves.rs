//! The two levels of directories that contents stand in, and what it takes to make a name durable.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, RenameFlags};

use super::{failed, sync_dir};
use crate::error::Result;
use crate::store::{Digest, crash};

const FIRST: usize = 1 << 8;
const SECOND: usize = 1 << 16;

/// `blobs/` with its directories `ab/cd`, made when the first content needs them.
pub(super) struct Shelves {
    root: PathBuf,
    /// Whether this process has synced the entry of each `ab`, then of each `ab/cd`. That a
    /// directory exists proves nothing: another process may have made it an instant ago.
    durable: Box<[AtomicBool]>,
}

impl Shelves {
    pub fn new(root: PathBuf) -> Self {
        let durable = (0..FIRST + SECOND).map(|_| AtomicBool::new(false));
        Self {
            root,
            durable: durable.collect(),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a content stands, whether it is there or not.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        let mut path = self.root.join(&name[..2]);
        path.push(&name[2..4]);
        path.push(name);
        path
    }

    /// Renames a file to its place, which may be taken only by a file that is synced.
    pub fn place(&self, staged: &Path, digest: &Digest) -> Result<()> {
        let path = self.path(digest);
        self.on_shelf(digest, || fs::rename(staged, &path))?
            .map_err(|e| failed("naming", &path, e))?;
        crash::point("blob.renamed");
        Ok(())
    }

    /// Renames a file to its place unless there is one already; answers whether it did. Where
    /// the filesystem cannot do that in one step, it does not.
    pub fn place_new(&self, staged: &Path, digest: &Digest) -> Result<bool> {
        let path = self.path(digest);
        let renamed = self.on_shelf(digest, || {
            let flags = RenameFlags::NOREPLACE;
            rustix::fs::renameat_with(CWD, staged, CWD, &path, flags).map_err(io::Error::from)
        })?;
        match renamed {
            Ok(()) => {
                crash::point("blob.renamed");
                Ok(true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::AlreadyExists
                        | io::ErrorKind::InvalidInput
                        | io::ErrorKind::Unsupported
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed("naming", &path, error)),
        }
    }

    /// Builds the shelf if that is what was missing.
    fn on_shelf(
        &self,
        digest: &Digest,
        rename: impl Fn() -> io::Result<()>,
    ) -> Result<io::Result<()>> {
        match rename() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.build_shelf(digest)?;
                Ok(rename())
            }
            renamed => Ok(renamed),
        }
    }

    /// Makes the name of a content durable, and those of the directories above it unless they
    /// are known to be.
    pub fn sync(&self, digest: &Digest) -> Result<()> {
        let shelf = self.shelf(digest);
        sync_dir(&shelf)?;
        let (first, second) = Self::slots(digest);
        if !self.durable[second].load(Ordering::Acquire) {
            sync_dir(shelf.parent().unwrap_or(&self.root))?;
            self.durable[second].store(true, Ordering::Release);
        }
        if !self.durable[first].load(Ordering::Acquire) {
            sync_dir(&self.root)?;
            self.durable[first].store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Removes a content, durably; whether there was one.
    pub fn remove(&self, digest: &Digest) -> Result<bool> {
        let path = self.path(digest);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("removing", &path, error)),
        }
        crash::point("blob.removed");
        sync_dir(&self.shelf(digest))?;
        crash::point("blob.forgotten");
        Ok(true)
    }

    fn shelf(&self, digest: &Digest) -> PathBuf {
        let mut path = self.path(digest);
        path.pop();
        path
    }

    fn build_shelf(&self, digest: &Digest) -> Result<()> {
        let (first, second) = Self::slots(digest);
        for slot in [first, second] {
            self.durable[slot].store(false, Ordering::Release);
        }
        let shelf = self.shelf(digest);
        fs::create_dir_all(&shelf).map_err(|e| failed("creating", &shelf, e))?;
        crash::point("blob.shelved");
        Ok(())
    }

    fn slots(digest: &Digest) -> (usize, usize) {
        let [first, second, ..] = *digest.as_bytes();
        let (first, second) = (usize::from(first), usize::from(second));
        (first, FIRST + first * FIRST + second)
    }
}
