//! A content that arrives in pieces: over many requests, by whichever process takes the next one,
//! through kills, redeploys and power cuts.
//!
//! ```text
//! <root>/staging/pieces/<name>         the bytes so far; their number is the offset
//! <root>/staging/pieces/<name>.state   how far they can be trusted, and their hash up to there
//! ```
//!
//! Architecture invariants:
//! - Whoever writes holds a lock (flock) on the state file, from [`Blobs::claim`] until the claim
//!   is dropped; the kernel lets go of it when its process dies.
//! - Bytes are only ever added at the end. They count as soon as they are written, so a process
//!   that is killed loses none; those behind the latest checkpoint are hashed again when the
//!   content is taken up, which is never more than one piece, or [`PUSH_BYTES`].
//! - After the machine went down, only bytes that were synced count.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

use super::checkpoint::{Checkpoint, Slot, kernel_boot};
use super::push::{PUSH_BYTES, Pusher};
use super::stage::Staged;
use super::{Blobs, failed, read_range, sync_dir};
use crate::error::{Error, Result};
use crate::store::{crash, modes};

/// What a content in pieces is called until it is complete.
pub type PiecesName = Uuid;

/// How much of a content is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Bytes that count: where the next piece begins.
    pub bytes: u64,
    /// When the last of them came; `None` if none ever did.
    pub last: Option<SystemTime>,
}

/// The right to write one content; nobody else has it until this is dropped.
pub struct Claim {
    state: Arc<File>,
    /// Of the bytes.
    path: PathBuf,
    boot: Uuid,
}

/// A content that is being added to. Dropped, it stays as it is and can be taken up again.
pub struct Pieces {
    claim: Claim,
    file: Arc<File>,
    now: Checkpoint,
    /// Where this piece began.
    began: Checkpoint,
    /// Whether it counts only once it is accepted.
    is_unverified: bool,
    /// Brings what is there to the disk. One that is dropped goes on for a moment, beside whoever
    /// takes the content up next.
    pusher: Option<Pusher<Checkpoint>>,
}

impl Blobs {
    /// Takes the right to write a content; `None` while somebody else has it.
    pub fn claim(&self, name: PiecesName) -> Result<Option<Claim>> {
        Claim::take(self.pieces_path(name), kernel_boot())
    }

    /// How much of a content is here; nobody is kept from adding to it meanwhile.
    pub fn arrived(&self, name: PiecesName) -> Result<Arrived> {
        look(&self.pieces_path(name), kernel_boot())
    }

    /// Bytes of a content that lie on the disk, whether they count yet or not, and when the last of
    /// them came; `None` if none ever did. Cheaper than [`arrived`](Self::arrived).
    pub fn on_disk(&self, name: PiecesName) -> Result<Option<(u64, SystemTime)>> {
        let path = self.pieces_path(name);
        match fs::metadata(&path).and_then(|facts| Ok((facts.len(), facts.modified()?))) {
            Ok((0, _)) => Ok(None),
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("inspecting", &path, error)),
        }
    }

    /// Every content in pieces of which there is anything on disk, and when that was last written.
    pub fn in_pieces(&self) -> Result<Vec<(PiecesName, SystemTime)>> {
        let dir = &self.0.pieces;
        let mut found = Vec::new();
        let listed = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            listed => listed.map_err(|e| failed("listing", dir, e))?,
        };
        for entry in listed {
            let path = entry.map_err(|e| failed("listing", dir, e))?.path();
            let name = path.file_stem().and_then(|stem| stem.to_str());
            let Some(name) = name.and_then(|stem| PiecesName::try_parse(stem).ok()) else {
                continue;
            };
            // What went meanwhile is nobody's concern.
            if let Ok(modified) = fs::metadata(&path).and_then(|facts| facts.modified()) {
                found.push((name, modified));
            }
        }
        Ok(found)
    }

    fn pieces_path(&self, name: PiecesName) -> PathBuf {
        self.0.pieces.join(name.simple().to_string())
    }
}

impl Claim {
    fn take(path: PathBuf, boot: Uuid) -> Result<Option<Self>> {
        let at = state_path(&path);
        loop {
            let state = open_in_folder(&at)?;
            match state.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(failed("locking", &at, error)),
            }
            // Whoever had the lock before may have removed the file: then it guards nothing.
            if is_named(&state, &at) {
                let state = Arc::new(state);
                return Ok(Some(Self { state, path, boot }));
            }
        }
    }

    /// Takes the content up where it stands.
    pub fn resume(self) -> Result<Pieces> {
        let file = open(&self.path).map_err(|e| failed("opening", &self.path, e))?;
        let file = Arc::new(file);
        let length = length(&file, &self.path)?;
        let from = trusted(&self.state, &self.path, length, self.boot)?;
        let end = if from.tail_counts {
            length
        } else {
            from.offset
        };
        if end < length {
            file.set_len(end)
                .map_err(|e| failed("cutting", &self.path, e))?;
        }
        let mut pieces = Pieces {
            file,
            began: from.clone(),
            now: from,
            is_unverified: false,
            pusher: None,
            claim: self,
        };
        pieces.now.boot = pieces.claim.boot;
        pieces.now.tail_counts = true;
        pieces.catch_up(end)?;
        pieces.began = pieces.now.clone();
        pieces.note(Slot::Latest, &pieces.now)?;
        Ok(pieces)
    }

    /// Ends the content: what is left of it is removed.
    pub fn remove(self) -> Result<()> {
        for path in [&self.path, &state_path(&self.path)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("removing", path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read(&self, slot: Slot) -> Result<Option<Checkpoint>> {
        let read = Checkpoint::read(&self.state, slot);
        read.map_err(|e| failed("reading", &self.path, e))
    }
}

impl Pieces {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`Kind::NoSpace`](crate::error::Kind::NoSpace) if the disk is full; what was there before
    /// stays.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        // Not within a piece that may yet be taken back: what is pushed is there to stay.
        if !self.is_unverified && self.now.offset - self.now.pushed >= PUSH_BYTES {
            self.push()?;
        }
        if let Err(error) = self.file.write_all_at(bytes, self.now.offset) {
            // Others may need the space before anyone comes back to this.
            let _ = self.file.set_len(self.now.offset);
            return Err(self.failed("writing", error));
        }
        self.now.hasher.update(bytes);
        self.now.offset += bytes.len() as u64;
        crash::point("pieces.appended");
        Ok(())
    }

    /// Bytes so far.
    pub fn offset(&self) -> u64 {
        self.now.offset
    }

    /// What is added from here on counts only once it was [accepted](Self::accept), also if this
    /// process dies.
    pub fn begin_unverified(&mut self) -> Result<()> {
        if self.now.offset - self.now.pushed >= PUSH_BYTES {
            self.push()?;
        }
        self.began = self.now.clone();
        let mark = Checkpoint {
            tail_counts: false,
            ..self.now.clone()
        };
        self.note(Slot::Latest, &mark)?;
        self.is_unverified = true;
        Ok(())
    }

    /// What was added unverified is right.
    pub fn accept(&mut self) {
        self.is_unverified = false;
    }

    /// The piece is wrong: all of it is taken back.
    pub fn take_back(&mut self) -> Result<()> {
        self.is_unverified = false;
        if self.now.pushed > self.began.offset {
            // What is durable must not be the hash of bytes that go.
            self.settle_pushes()?;
            self.note(Slot::Durable, &self.began)?;
            self.began.pushed = self.began.offset;
        }
        self.now = self.began.clone();
        let cut = self.file.set_len(self.now.offset);
        cut.map_err(|e| self.failed("cutting", e))
    }

    /// Every byte so far, in order.
    pub fn read_all(&self, take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        read_range(&self.file, &self.claim.path, 0..self.now.offset, take)
    }

    /// Puts the content down: whoever takes it up next has nothing to hash again.
    pub fn pause(mut self) -> Result<Claim> {
        self.drop_unverified()?;
        if self.now.offset - self.durable()? >= 2 * PUSH_BYTES {
            self.settle_pushes()?;
        }
        self.note(Slot::Latest, &self.now)?;
        crash::point("pieces.paused");
        Ok(self.claim.another())
    }

    /// The content is complete. Its claim is given back, to be held until the world knows.
    pub fn finish(mut self) -> Result<(Staged, Claim)> {
        self.drop_unverified()?;
        self.settle_pushes()?;
        self.note(Slot::Latest, &self.now)?;
        self.claim.refuse_void()?;
        let (digest, crc32) = self.now.hasher.clone().finish();
        let staged = Staged {
            digest,
            crc32,
            size: self.now.offset,
            file: Arc::clone(&self.file),
            path: self.claim.path.clone(),
            outlives: true,
        };
        Ok((staged, self.claim.another()))
    }

    /// Hashes what came after the checkpoint.
    fn catch_up(&mut self, end: u64) -> Result<()> {
        let hasher = &mut self.now.hasher;
        read_range(
            &self.file,
            &self.claim.path,
            self.now.offset..end,
            |bytes| {
                hasher.update(bytes);
                Ok(())
            },
        )?;
        self.now.offset = end;
        Ok(())
    }

    fn drop_unverified(&mut self) -> Result<()> {
        match self.is_unverified {
            true => self.take_back(),
            false => Ok(()),
        }
    }

    fn push(&mut self) -> Result<()> {
        if self.now.pushed == 0 {
            // The first bytes that are to survive need a name that does.
            sync_dir(self.claim.path.parent().unwrap_or(Path::new(".")))?;
        }
        let pusher = match self.pusher.take() {
            Some(pusher) => pusher,
            None => self.start_pusher()?,
        };
        self.now.pushed = self.now.offset;
        let pushing = pusher.push(self.now.clone());
        self.pusher = Some(pushing.map_err(|e| self.failed("writing", e))?);
        self.note(Slot::Latest, &self.now)
    }

    /// A failed push makes the state void, so that nobody goes on behind lost bytes.
    fn start_pusher(&self) -> Result<Pusher<Checkpoint>> {
        let at = state_path(&self.claim.path);
        // Not the claim's own: a push may outlast it, and would keep its lock.
        let state = OpenOptions::new().write(true).open(&at);
        let state = state.map_err(|e| self.failed("opening", e))?;
        let done = move |pushed: Checkpoint| pushed.write(&state, Slot::Durable);
        let started = Pusher::start(Arc::clone(&self.file), done, move || {
            let _ = fs::remove_file(&at);
        });
        started.map_err(|e| self.failed("writing", e))
    }

    fn settle_pushes(&mut self) -> Result<()> {
        match self.pusher.take() {
            Some(pusher) => pusher.finish().map_err(|e| self.failed("writing", e)),
            None => Ok(()),
        }
    }

    /// Bytes that would survive a power cut.
    fn durable(&self) -> Result<u64> {
        let point = self.claim.read(Slot::Durable)?;
        Ok(point.map_or(0, |point| point.offset.min(self.now.offset)))
    }

    fn note(&self, slot: Slot, point: &Checkpoint) -> Result<()> {
        let written = point.write(&self.claim.state, slot);
        written.map_err(|e| self.failed("writing", e))
    }

    fn failed(&self, doing: &str, error: io::Error) -> Error {
        failed(doing, &self.claim.path, error)
    }
}

impl Claim {
    /// # Errors
    /// If a push has failed, whoever made it: the bytes in memory may not be those on the disk.
    fn refuse_void(&self) -> Result<()> {
        match is_named(&self.state, &state_path(&self.path)) {
            true => Ok(()),
            false => Err(Error::internal(
                "An upload could not be written to the disk; it begins again.",
            )),
        }
    }

    /// The lock belongs to the open file, so it is held until the last of these is dropped.
    fn another(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            path: self.path.clone(),
            boot: self.boot,
        }
    }
}

/// The folder is made by the first content that needs it.
fn open_in_folder(path: &Path) -> Result<File> {
    let opened = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder).map_err(|e| failed("creating", folder, e))?;
            sync_dir(folder.parent().unwrap_or(Path::new(".")))?;
            open(path)
        }
        opened => opened,
    };
    opened.map_err(|e| failed("opening", path, e))
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(modes::FILE).open(path)
}

/// Whether a name still stands for an open file.
fn is_named(file: &File, path: &Path) -> bool {
    matches!((file.metadata(), fs::metadata(path)), (Ok(a), Ok(b)) if a.ino() == b.ino())
}

fn state_path(path: &Path) -> PathBuf {
    path.with_extension("state")
}

fn length(file: &File, path: &Path) -> Result<u64> {
    let facts = file.metadata().map_err(|e| failed("inspecting", path, e))?;
    Ok(facts.len())
}

/// The point from which to go on, given how many bytes are there.
fn trusted(state: &File, path: &Path, length: u64, boot: Uuid) -> Result<Checkpoint> {
    let read = |slot| Checkpoint::read(state, slot).map_err(|e| failed("reading", path, e));
    let fits = |point: &Checkpoint| point.offset <= length;
    if let Some(latest) = read(Slot::Latest)?.filter(|latest| latest.boot == boot && fits(latest)) {
        return Ok(latest);
    }
    let durable = read(Slot::Durable)?.filter(fits);
    Ok(Checkpoint {
        tail_counts: false,
        ..durable.unwrap_or_else(|| Checkpoint::start(boot))
    })
}

fn look(path: &Path, boot: Uuid) -> Result<Arrived> {
    const NOTHING: Arrived = Arrived {
        bytes: 0,
        last: None,
    };
    let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let facts = match fs::metadata(path) {
        Ok(facts) => facts,
        Err(error) if absent(&error) => return Ok(NOTHING),
        Err(error) => return Err(failed("inspecting", path, error)),
    };
    let at = state_path(path);
    let state = match File::open(&at) {
        Ok(state) => state,
        Err(error) if absent(&error) => return Ok(NOTHING),
        Err(error) => return Err(failed("opening", &at, error)),
    };
    let point = trusted(&state, path, facts.len(), boot)?;
    Ok(Arrived {
        bytes: if point.tail_counts {
            facts.len()
        } else {
            point.offset
        },
        last: facts.modified().ok(),
    })
}

#[cfg(test)]
mod tests;
