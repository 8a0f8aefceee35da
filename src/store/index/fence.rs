//! The lease's lock, and the directory that a writer works in while it is held.
//!
//! Whoever is told to go must let another process index at once, but a writer cannot be broken
//! off: it may be in the middle of a large document, of a commit or of a merge. So the lock is not
//! tied to the writer's end. It is given up together with the permission to change the directory:
//! every change of it is made under one mutex with the lock, and refused from then on. What the
//! writer still does fails, and is for the next holder to do again.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, INDEX_WRITER_LOCK, Lock, MmapDirectory,
    TerminatingWrite, WatchCallback, WatchHandle, WritePtr,
};

use crate::store::sync::lock;
use crate::store::{crash, now_ms};

/// The lock of a lease until it is given up; clones share it.
#[derive(Clone)]
pub(super) struct Fence(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// The same, for those who need not hold the lease while they look.
    is_given_up: AtomicBool,
}

enum State {
    Held(#[expect(dead_code, reason = "held for its lock, which ends with it")] File),
    /// When, in milliseconds since the epoch: after the last change, before the lock was let go.
    GivenUp(i64),
}

impl Fence {
    pub fn new(locked: File) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State::Held(locked)),
            is_given_up: AtomicBool::new(false),
        }))
    }

    /// Lets another process have the lease; waits for the one change of the directory that may be
    /// under way. Answers when that was, the first time.
    pub fn give_up(&self) -> i64 {
        self.0.is_given_up.store(true, Ordering::Relaxed);
        let mut state = lock(&self.0.state);
        if let State::GivenUp(at) = *state {
            return at;
        }
        crash::point("lease.releasing");
        let at = now_ms();
        *state = State::GivenUp(at);
        at
    }

    /// As long as the answer lives, the lease stays held.
    fn pass(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = lock(&self.0.state);
        match *state {
            State::Held(_) => Ok(state),
            State::GivenUp(_) => Err(io::Error::other(GivenUp)),
        }
    }

    pub fn is_given_up(&self) -> bool {
        self.0.is_given_up.load(Ordering::Relaxed)
    }

    fn look(&self) -> io::Result<()> {
        match self.is_given_up() {
            true => Err(io::Error::other(GivenUp)),
            false => Ok(()),
        }
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Fence")
    }
}

/// Why the directory could not be changed.
#[derive(Debug)]
struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the lease was given up")
    }
}

impl std::error::Error for GivenUp {}

/// Whether a change failed only because the lease was given up.
pub(super) fn is_given_up(error: &io::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error.is::<GivenUp>() {
            return true;
        }
        source = match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    false
}

/// The folder of an index, to be changed only behind its [`Fence`].
#[derive(Clone, Debug)]
pub(super) struct FencedDirectory {
    folder: MmapDirectory,
    fence: Fence,
}

impl FencedDirectory {
    pub fn new(folder: MmapDirectory, fence: Fence) -> Self {
        Self { folder, fence }
    }
}

impl Directory for FencedDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.folder.get_file_handle(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.folder.exists(path)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.folder.atomic_read(path)
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.folder.watch(callback)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        let refused = |error| DeleteError::IoError {
            io_error: Arc::new(error),
            filepath: path.to_owned(),
        };
        let _held = self.fence.pass().map_err(refused)?;
        self.folder.delete(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let failed = |error| OpenWriteError::wrap_io_error(error, path.to_owned());
        let _held = self.fence.pass().map_err(failed)?;
        let file = self.folder.open_write(path)?;
        let file = FencedFile {
            // The buffer is around it again below.
            file: file.into_inner().map_err(|e| failed(e.into_error()))?,
            fence: self.fence.clone(),
        };
        Ok(BufWriter::new(Box::new(file)))
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        let _held = self.fence.pass()?;
        self.folder.atomic_write(path, data)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.folder.sync_directory()
    }

    /// The engine's own lock against a second writer lives until the writer has ended; the lease
    /// does what it is for.
    fn acquire_lock(&self, wanted: &Lock) -> Result<DirectoryLock, LockError> {
        if wanted.filepath == INDEX_WRITER_LOCK.filepath {
            return Ok(DirectoryLock::from(Box::new(PathBuf::new())));
        }
        self.folder.acquire_lock(wanted)
    }
}

/// A new file of a segment, which nothing names before a commit. Giving the lease up need not
/// wait for its bytes: it is refused only so that the writer ends sooner.
struct FencedFile {
    file: Box<dyn TerminatingWrite + Send + Sync>,
    fence: Fence,
}

impl Write for FencedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.fence.look()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl TerminatingWrite for FencedFile {
    fn terminate_ref(&mut self, token: AntiCallToken) -> io::Result<()> {
        self.fence.look()?;
        self.file.terminate_ref(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::index::{Change, Index, Spec};

    fn fenced(folder: &Path) -> (FencedDirectory, Fence) {
        let fence = Fence::new(tempfile::tempfile().unwrap());
        let folder = MmapDirectory::open(folder).unwrap();
        (FencedDirectory::new(folder, fence.clone()), fence)
    }

    #[test]
    fn nothing_is_changed_any_more_once_the_lease_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let (directory, fence) = fenced(folder.path());
        let meta = Path::new("meta.json");
        directory.atomic_write(meta, b"ours").unwrap();
        let mut begun = directory.open_write(Path::new("begun")).unwrap();

        let at = fence.give_up();
        assert!(is_given_up(
            &directory.atomic_write(meta, b"late").unwrap_err()
        ));
        assert!(directory.delete(meta).is_err());
        assert!(directory.open_write(Path::new("late")).is_err());
        begun.write_all(b"late").unwrap();
        assert!(is_given_up(&begun.terminate().unwrap_err()));

        assert_eq!(directory.atomic_read(meta).unwrap(), b"ours");
        assert!(!folder.path().join("late").exists());
        assert_eq!(fence.give_up(), at, "it is given up once");
    }

    #[test]
    fn a_change_under_way_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (_, fence) = fenced(folder.path());
        let under_way = fence.pass().unwrap();
        std::thread::scope(|scope| {
            let giving_up = scope.spawn(|| fence.give_up());
            assert!(!giving_up.is_finished());
            drop(under_way);
            assert!(giving_up.join().unwrap() > 0);
        });
        assert!(fence.pass().is_err());
    }

    #[test]
    fn the_next_holder_begins_while_the_last_ones_writer_is_still_at_it() {
        let root = tempfile::tempdir().unwrap();
        let open = || Index::open(root.path(), Spec::default(), 15_000_000).unwrap();
        let (old, new) = (open(), open());
        let put = |key| Change::Put {
            key,
            document: Default::default(),
        };
        let mut first = old.lease().unwrap().unwrap();
        first.apply([put(1)], 1).unwrap();
        first.add([put(2)]).unwrap();
        assert!(new.lease().unwrap().is_none());

        old.give_up_lease();
        let mut second = new.lease().unwrap().unwrap();
        assert_eq!(second.applied(), 1);
        second.apply([put(3)], 3).unwrap();

        assert!(first.commit(2).is_err());
        assert!(first.release() <= second.taken_ms());
        new.refresh().unwrap();
        assert_eq!(new.payload().applied, 3);
        let documents = new.read(|searcher| Ok(searcher.num_docs())).unwrap();
        assert_eq!(documents, 2);
        assert!(new.validate().unwrap().is_empty());
    }

    #[test]
    fn a_lock_whose_file_was_removed_is_worth_nothing() {
        let root = tempfile::tempdir().unwrap();
        let index = Index::open(root.path(), Spec::default(), 15_000_000).unwrap();
        let lease = index.lease().unwrap().unwrap();
        assert!(lease.is_sound());
        let entries = std::fs::read_dir(root.path()).unwrap().flatten();
        let locks = entries.filter(|entry| entry.path().extension().is_some_and(|e| e == "lock"));
        for entry in locks {
            std::fs::remove_file(entry.path()).unwrap();
        }
        assert!(!lease.is_sound());
    }
}
