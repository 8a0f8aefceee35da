//! Contents on the filesystem: each a file named by its SHA-256, never changed once it is there.
//!
//! ```text
//! <root>/blobs/ab/cd/abcd…   64 hex digits, as sha256sum prints them
//! <root>/staging/<uuid>      on its way in
//! <root>/staging/pieces/…    on its way in over many requests, processes and starts
//! ```
//!
//! The way in is [`Blobs::stage`] → [`Stage::append`] → [`Blobs::seal`]. When `seal` returns, the
//! bytes, the name and every directory above it survive a power cut, by what fsync(2) and
//! syncfs(2) promise and not by the habits of one filesystem.
//!
//! Architecture invariants:
//! - A name in `blobs/` appears only by rename of a whole file, and goes only by unlink.
//! - A name that is there is only ever taken over by an equal file that is synced already. So
//!   bytes that were durable under a name stay durable.
//! - A name that was never sealed means nothing: after a power cut it may stand for torn bytes.
//!   Whoever seals that content again replaces them, and nobody else may trust the name: the
//!   catalog names a digest only after its `seal` has returned.
//! - Directories below `blobs/` are never removed by us, so one whose entry is durable stays so.
//! - A staged file is locked (flock) by its writer for as long as it is written. The kernel
//!   drops the lock when the writer dies, so a lock that can be had means an orphan.
//! - What arrives in pieces is staged in a folder below, where no sweep by age alone touches it;
//!   see [`Pieces`].
//!
//! Seals at the same time share one sync (`blobs/group.rs`): a new content costs two flushes less than
//! syncing the file, its directory and the directory above one after the other.

mod checkpoint;
mod group;
mod hashing;
mod pieces;
mod push;
mod shelves;
mod stage;
mod walk;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use pieces::{Arrived, Claim, Pieces, PiecesName};
pub use stage::{Stage, Staged};
pub use walk::{BlobEntry, Found, Walk};

use self::group::Group;
use self::hashing::Hasher;
use self::shelves::Shelves;
use super::{Digest, crash};
use crate::error::{Error, Kind, Result};

/// Contents up to this size leave their bytes to the shared sync; larger ones bring theirs to
/// the disk first, so that nobody else waits for them.
const SHARED_BYTES: u64 = 256 * 1024;
/// How much is read at once when a content is hashed or copied, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// A handle on the blobs of one directory; clones share everything.
#[derive(Clone)]
pub struct Blobs(Arc<Inner>);

struct Inner {
    shelves: Shelves,
    staging: PathBuf,
    pieces: PathBuf,
    group: Group,
}

/// A content that is durable under its name.
///
/// It keeps the bytes alive until it is dropped, even if the name is removed: whoever commits a
/// row that names the content calls [`Blobs::restore`] in the same transaction.
#[derive(Debug)]
pub struct Sealed {
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// Unknown if a release that keeps none had a part in receiving it.
    pub crc32: Option<u32>,
    file: Arc<File>,
}

impl Sealed {
    /// The first bytes, at most `most` of them.
    pub fn head(&self, most: usize) -> Result<Vec<u8>> {
        let mut head = vec![0; most];
        let mut filled = 0;
        while filled < most {
            match self.file.read_at(&mut head[filled..], filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let path = PathBuf::from(self.digest.to_string());
                    return Err(failed("reading", &path, error));
                }
            }
        }
        head.truncate(filled);
        Ok(head)
    }
}

/// What reading a content again has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    Intact {
        /// Bytes.
        size: u64,
        crc32: Option<u32>,
    },
    /// The bytes are not those that gave the content its name.
    Damaged {
        found: Digest,
        /// Bytes.
        size: u64,
    },
}

/// A filesystem's size, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    pub total: u64,
    pub free: u64,
}

/// What a sweep of `staging/` has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Blobs {
    /// Opens the blobs below `root`, which must exist; creates `blobs/` and `staging/`.
    ///
    /// # Errors
    /// [`Kind::Incompatible`] if the two are on different filesystems: a rename, which is what
    /// makes a content appear whole, does not cross from one to another.
    pub fn open(root: &Path) -> Result<Self> {
        let (blobs, staging) = (root.join("blobs"), root.join("staging"));
        let pieces = staging.join("pieces");
        for dir in [&blobs, &staging] {
            fs::create_dir_all(dir).map_err(|e| failed("creating", dir, e))?;
        }
        sync_dir(root)?;
        let device = |dir: &Path| {
            fs::metadata(dir)
                .map(|facts| facts.dev())
                .map_err(|e| failed("inspecting", dir, e))
        };
        if device(&blobs)? != device(&staging)? {
            return Err(Error::incompatible(format!(
                "{} and {} are on different filesystems; mount one filesystem over the directory that holds both.",
                blobs.display(),
                staging.display()
            )));
        }
        let filesystem = File::open(&blobs).map_err(|e| failed("opening", &blobs, e))?;
        Ok(Self(Arc::new(Inner {
            shelves: Shelves::new(blobs),
            staging,
            pieces,
            group: Group::new(filesystem),
        })))
    }

    /// Whether both directories are still there: a quick look, for readiness.
    pub fn check(&self) -> Result<()> {
        for dir in [self.0.shelves.root(), self.0.staging.as_path()] {
            fs::metadata(dir).map_err(|e| failed("inspecting", dir, e))?;
        }
        Ok(())
    }

    /// How large the filesystem is, and how much of it this process may still fill.
    pub fn space(&self) -> Result<Space> {
        let root = self.0.shelves.root();
        let told = rustix::fs::statvfs(root).map_err(|e| failed("inspecting", root, e.into()))?;
        Ok(Space {
            total: told.f_blocks.saturating_mul(told.f_frsize),
            free: told.f_bavail.saturating_mul(told.f_frsize),
        })
    }

    /// Begins a content; it is nowhere to be seen until it is sealed.
    pub fn stage(&self) -> Result<Stage> {
        Stage::create(&self.0.staging)
    }

    /// Makes a staged content durable under its digest.
    ///
    /// If the content is there already, its file is replaced by this equal one in one step:
    /// there is still one blob, its age starts again, and should the old bytes have decayed
    /// since, they are mended.
    ///
    /// # Errors
    /// [`Kind::Invalid`] if it is not the `expected` content, [`Kind::NoSpace`] if the disk is
    /// full; nothing is kept then.
    pub fn seal(&self, stage: Stage, expected: Option<Digest>) -> Result<Sealed> {
        let staged = stage.finish()?;
        staged.refuse_other_than(expected)?;
        self.settle(staged)
    }

    /// As [`seal`](Self::seal), for a content that is complete and hashed.
    pub fn settle(&self, staged: Staged) -> Result<Sealed> {
        let (digest, size, crc32) = (staged.digest, staged.size, staged.crc32);
        crash::point("blob.written");
        let shelves = &self.0.shelves;
        let is_first = size <= SHARED_BYTES && shelves.place_new(staged.path(), &digest)?;
        if !is_first {
            staged.sync()?;
            crash::point("blob.synced");
            shelves.place(staged.path(), &digest)?;
        }
        if self.0.group.is_quick() {
            let name = shelves.root();
            self.0
                .group
                .sync()
                .map_err(|e| failed("syncing", name, e))?;
        } else {
            staged.sync()?;
            shelves.sync(&digest)?;
        }
        crash::point("blob.durable");
        let file = staged.into_file();
        Ok(Sealed {
            digest,
            size,
            crc32,
            file,
        })
    }

    /// Takes over a content that stands under its name since a writer died between naming it and
    /// telling anyone: its bytes are read again and made durable. `None` if it is not here, or
    /// not what its name says.
    pub fn adopt(&self, digest: &Digest) -> Result<Option<Sealed>> {
        if !self.contains(digest)? {
            return Ok(None);
        }
        let Verified::Intact { size, crc32 } = self.verify(digest, |_| {})? else {
            return Ok(None);
        };
        let path = self.0.shelves.path(digest);
        let file = self.open_blob(digest)?;
        file.sync_all().map_err(|e| failed("syncing", &path, e))?;
        self.0.shelves.sync(digest)?;
        Ok(Some(Sealed {
            digest: *digest,
            size,
            crc32,
            file: Arc::new(file),
        }))
    }

    /// Puts the content back, durably, if its name was removed since it was sealed.
    ///
    /// Cheap when nothing happened. A name that another writer has put there meanwhile is made
    /// durable, because that writer may not have come so far.
    pub fn restore(&self, sealed: &Sealed) -> Result<()> {
        let path = self.0.shelves.path(&sealed.digest);
        match (fs::metadata(&path), sealed.file.metadata()) {
            (Ok(named), Ok(held)) if named.ino() == held.ino() => return Ok(()),
            (Ok(_), Ok(_)) => return self.0.shelves.sync(&sealed.digest),
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => {}
            (Err(error), _) | (_, Err(error)) => return Err(failed("inspecting", &path, error)),
        }
        let mut stage = self.stage()?;
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match sealed.file.read_at(&mut buffer, stage.len()) {
                Ok(0) => break,
                Ok(read) => stage.append(&buffer[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("reading", &path, error)),
            }
        }
        let restored = self.seal(stage, None)?;
        if restored.digest != sealed.digest {
            self.remove(&restored.digest)?;
            return Err(Error::damaged(format!(
                "The content {} was removed and could not be put back: its bytes now have SHA-256 {}.",
                sealed.digest, restored.digest
            )));
        }
        Ok(())
    }

    /// A content for reading, from any offset; it stays readable if it is removed meanwhile.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if it is not here.
    pub fn open_blob(&self, digest: &Digest) -> Result<File> {
        let path = self.0.shelves.path(digest);
        File::open(&path).map_err(|e| absent_or_failed("opening", digest, &path, e))
    }

    pub fn contains(&self, digest: &Digest) -> Result<bool> {
        match self.modified(digest) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == Kind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// When the content was last sealed: what a grace period counts from.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if it is not here.
    pub fn modified(&self, digest: &Digest) -> Result<SystemTime> {
        let path = self.0.shelves.path(digest);
        fs::metadata(&path)
            .and_then(|facts| facts.modified())
            .map_err(|e| absent_or_failed("inspecting", digest, &path, e))
    }

    /// Reads a content and compares it with its name; `progress` is told the bytes of each step.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if it is not here, [`Kind::Damaged`] if the disk cannot read it.
    pub fn verify(&self, digest: &Digest, mut progress: impl FnMut(u64)) -> Result<Verified> {
        let mut file = self.open_blob(digest)?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; READ_BYTES];
        let mut size = 0;
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let sentence = format!("The disk cannot read content {digest}: {error}.");
                    return Err(Error::damaged(sentence).because(error));
                }
            };
            hasher.update(&buffer[..read]);
            size += read as u64;
            progress(read as u64);
        }
        let (found, crc32) = hasher.finish();
        Ok(if found == *digest {
            Verified::Intact { size, crc32 }
        } else {
            Verified::Damaged { found, size }
        })
    }

    /// Removes a content, durably; whether there was one.
    pub fn remove(&self, digest: &Digest) -> Result<bool> {
        self.0.shelves.remove(digest)
    }

    /// Walks all contents in the order of their digests, one directory in memory at a time.
    /// Contents that come or go during the walk may or may not be seen.
    pub fn iter(&self) -> Walk {
        Walk::new(self.0.shelves.root())
    }

    /// Removes staged files that no living process writes and that were last written more than
    /// `older_than` ago. The age is what protects a file between its creation and its lock.
    ///
    /// # Errors
    /// The first file that could not be removed, after all others were.
    pub fn sweep_staging(&self, older_than: Duration) -> Result<Swept> {
        stage::sweep(&self.0.staging, older_than)
    }
}

/// A failed step of ours. A file that vanished under us is a fault, not something that a client
/// asked for in vain; a full disk is told without naming our paths, for it reaches clients.
fn failed(doing: &str, path: &Path, error: io::Error) -> Error {
    let plain = Error::io(doing, path, error);
    match plain.kind() {
        Kind::NoSpace => Error::new(
            Kind::NoSpace,
            "The disk of the storage directory is full, so nothing was kept of this content; free some space and send it again.",
        )
        .because(plain),
        Kind::NotFound => Error::internal(plain.sentence().to_owned()).because(plain),
        _ => plain,
    }
}

fn absent_or_failed(doing: &str, digest: &Digest, path: &Path, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        Error::not_found(format!("No content with SHA-256 {digest} is stored here."))
    } else {
        failed(doing, path, error)
    }
}

/// Hands over the bytes of a staged file, in order.
fn read_range(
    file: &File,
    path: &Path,
    range: std::ops::Range<u64>,
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut at = range.start;
    let mut buffer = vec![0; READ_BYTES.min((range.end - at) as usize)];
    while at < range.end {
        let most = (range.end - at).min(buffer.len() as u64) as usize;
        match file.read_at(&mut buffer[..most], at) {
            Ok(0) => {
                let sentence = "A content became shorter while it was read on its way in.";
                return Err(Error::internal(sentence));
            }
            Ok(read) => {
                take(&buffer[..read])?;
                at += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed("reading", path, error)),
        }
    }
    Ok(())
}

/// Makes the names in a directory durable (fsync(2) on the directory).
fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir)
        .and_then(|handle| handle.sync_all())
        .map_err(|e| failed("syncing", dir, e))
}

#[cfg(test)]
mod tests;
