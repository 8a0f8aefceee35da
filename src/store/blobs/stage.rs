//! A content on its way in: written, hashed and pushed towards the disk as it arrives.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Swept, failed};
use crate::error::{Error, Result};
use crate::store::{Digest, crash};

/// How much is written between two pushes towards the disk, in bytes. What is not on disk yet
/// never exceeds twice this, so the sync at the end is short and an upload of any size leaves
/// the machine's memory alone.
const PUSH_BYTES: u64 = 32 * 1024 * 1024;

/// A content on its way in. Dropping it removes it.
pub struct Stage {
    staged: Staged,
    hasher: Sha256,
    /// Bytes since the last push.
    unpushed: u64,
    pusher: Option<Pusher>,
    /// Set for good by a failed write: what is on disk is no longer what was hashed.
    broken: bool,
}

/// A staged file, complete and hashed once `digest` is set by [`Stage::finish`].
pub(super) struct Staged {
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    file: Arc<File>,
    path: PathBuf,
}

impl Stage {
    pub(super) fn create(staging: &Path) -> Result<Self> {
        let path = staging.join(Uuid::new_v4().simple().to_string());
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true).mode(0o640);
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
                file: Arc::new(file),
                path,
            },
            hasher: Sha256::new(),
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

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn finish(mut self) -> Result<Staged> {
        self.usable()?;
        if let Some(pusher) = self.pusher.take() {
            pusher.finish().map_err(|e| self.staged.failed(e))?;
        }
        self.staged.digest = Digest::from_bytes(self.hasher.finalize().into());
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
        (&*self.staged.file)
            .write_all(bytes)
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
            None => Pusher::start(Arc::clone(&self.staged.file))?,
        };
        self.pusher = Some(pusher.push()?);
        Ok(())
    }
}

impl Staged {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| self.failed(e))
    }

    /// The file itself, once it stands under its own name.
    pub fn into_file(self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    fn failed(&self, error: io::Error) -> Error {
        failed("writing", &self.path, error)
    }
}

impl Drop for Staged {
    /// After a rename there is nothing under this name, and names are never used twice.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A thread that writes a large file back while more of it arrives.
///
/// The kernel reports a failed write-back once per open file, to whoever syncs first: what this
/// thread is told must reach the writer, or the sync at the end would answer that all is well.
struct Pusher {
    requests: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Pusher {
    fn start(file: Arc<File>) -> io::Result<Self> {
        // Without room in the channel a push waits for the one before it, which bounds what is
        // not on disk yet.
        let (requests, pushes) = mpsc::sync_channel(0);
        let thread = thread::Builder::new()
            .name("write-back".into())
            .spawn(move || pushes.iter().try_for_each(|()| file.sync_data()))?;
        Ok(Self { requests, thread })
    }

    fn push(self) -> io::Result<Self> {
        match self.requests.send(()) {
            Ok(()) => Ok(self),
            Err(_) => Err(self.finish().err().unwrap_or_else(vanished)),
        }
    }

    fn finish(self) -> io::Result<()> {
        drop(self.requests);
        self.thread.join().unwrap_or_else(|_| Err(vanished()))
    }
}

fn vanished() -> io::Error {
    io::Error::other("the write-back thread ended without a result")
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
