//! A content on its way in: written, hashed and pushed towards the disk as it arrives.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::hashing::Hasher;
use super::push::{PUSH_BYTES, Pusher};
use super::{Swept, failed, read_range};
use crate::error::{Error, Result};
use crate::store::{Digest, crash, modes};

/// A content on its way in. Dropping it removes it.
pub struct Stage {
    staged: Staged,
    hasher: Hasher,
    /// Bytes since the last push.
    unpushed: u64,
    pusher: Option<Pusher<()>>,
    /// Set for good by a failed write: what is on disk is no longer what was hashed.
    broken: bool,
}

/// A staged file, complete and hashed.
pub struct Staged {
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    pub crc32: Option<u32>,
    pub(super) file: Arc<File>,
    pub(super) path: PathBuf,
    /// Whether the file stays if this is dropped before it has its own name.
    pub(super) outlives: bool,
}

impl Stage {
    pub(super) fn create(staging: &Path) -> Result<Self> {
        let path = staging.join(Uuid::new_v4().simple().to_string());
        let open = || {
            let mut options = OpenOptions::new();
            options
                .read(true)
                .write(true)
                .create_new(true)
                .mode(modes::FILE);
            options.open(&path)
        };
        let file = match open() {
            // Somebody tidied up; nothing in it was to be kept.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(staging).map_err(|e| failed("creating", staging, e))?;
                open()
            }
            opened => opened,
        };
        let file = file.map_err(|e| failed("creating", &path, e))?;
        file.lock().map_err(|e| failed("locking", &path, e))?;
        crash::point("blob.staged");
        Ok(Self {
            staged: Staged {
                digest: Digest::from_bytes([0; 32]),
                size: 0,
                crc32: None,
                file: Arc::new(file),
                path,
                outlives: false,
            },
            hasher: Hasher::new(),
            unpushed: 0,
            pusher: None,
            broken: false,
        })
    }

    /// Adds bytes. After an error the content can only be dropped.
    ///
    /// # Errors
    /// [`Kind::NoSpace`](crate::error::Kind::NoSpace) if the disk is full.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.usable()?;
        let written = self.write(bytes);
        if written.is_err() {
            self.broken = true;
            // Others may need the space before the caller gets round to dropping this.
            let _ = self.staged.file.set_len(0);
        }
        written
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.staged.size
    }

    /// Every byte so far, in order.
    pub fn read_all(&self, take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Staged {
            file, path, size, ..
        } = &self.staged;
        read_range(file, path, 0..*size, take)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn finish(mut self) -> Result<Staged> {
        self.usable()?;
        if let Some(pusher) = self.pusher.take() {
            pusher.finish().map_err(|e| self.staged.failed(e))?;
        }
        (self.staged.digest, self.staged.crc32) = self.hasher.finish();
        Ok(self.staged)
    }

    fn usable(&self) -> Result<()> {
        match self.broken {
            false => Ok(()),
            true => Err(Error::internal(
                "A content whose writing failed was written to again, instead of being dropped.",
            )),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.staged
            .file
            .write_all_at(bytes, self.staged.size)
            .map_err(|e| self.staged.failed(e))?;
        self.hasher.update(bytes);
        self.staged.size += bytes.len() as u64;
        self.unpushed += bytes.len() as u64;
        if self.unpushed >= PUSH_BYTES {
            self.unpushed = 0;
            self.push().map_err(|e| self.staged.failed(e))?;
        }
        crash::point("blob.appended");
        Ok(())
    }

    fn push(&mut self) -> io::Result<()> {
        let pusher = match self.pusher.take() {
            Some(pusher) => pusher,
            None => Pusher::start(Arc::clone(&self.staged.file), Ok, || {})?,
        };
        self.pusher = Some(pusher.push(())?);
        Ok(())
    }
}

impl Staged {
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) if it is not the `expected` content.
    pub fn refuse_other_than(&self, expected: Option<Digest>) -> Result<()> {
        match expected.filter(|expected| *expected != self.digest) {
            None => Ok(()),
            Some(expected) => Err(Error::invalid(format!(
                "The content was announced with SHA-256 {expected}, but what arrived has {}; nothing was kept.",
                self.digest
            ))),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| self.failed(e))
    }

    /// The file itself, once it stands under its own name.
    pub(super) fn into_file(self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    fn failed(&self, error: io::Error) -> Error {
        failed("writing", &self.path, error)
    }
}

impl Drop for Staged {
    /// After a rename there is nothing under this name, and names are never used twice.
    fn drop(&mut self) {
        if !self.outlives {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// See [`Blobs::sweep_staging`](super::Blobs::sweep_staging).
pub(super) fn sweep(staging: &Path, older_than: Duration) -> Result<Swept> {
    let mut swept = Swept::default();
    let mut first_failure = None;
    let listed = fs::read_dir(staging).map_err(|e| failed("listing", staging, e))?;
    for entry in listed {
        let path = entry.map_err(|e| failed("listing", staging, e))?.path();
        match sweep_one(&path, older_than) {
            Ok(Some(bytes)) => {
                swept.files += 1;
                swept.bytes += bytes;
            }
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                first_failure.get_or_insert_with(|| failed("sweeping", &path, error));
            }
        }
    }
    first_failure.map_or(Ok(swept), Err)
}

/// The bytes that were freed; `None` if the file is somebody's, or young.
fn sweep_one(path: &Path, older_than: Duration) -> io::Result<Option<u64>> {
    let facts = fs::symlink_metadata(path)?;
    // A time in the future (the clock was set back) counts as young.
    let age = SystemTime::now()
        .duration_since(facts.modified()?)
        .unwrap_or_default();
    if !facts.is_file() || age < older_than {
        return Ok(None);
    }
    let file = File::open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    fs::remove_file(path)?;
    Ok(Some(facts.len()))
}
