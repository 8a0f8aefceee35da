//! Who may open the facts file, and what happens when it is damaged.
//!
//! All rules hang on two files beside it:
//!
//! - `facts.lock`: held shared (flock) by every process that has the file open, and exclusively
//!   by the one that creates it or sets it aside. So a file is never replaced under a process
//!   that uses it, and two processes never use different files.
//! - `facts.damaged`: written by a process that read damaged bytes. Everyone who has the file
//!   open sees it within a tick, closes and lets go; whoever gets the exclusive lock first sets
//!   the file aside, makes a new one and removes the mark.
//!
//! Somebody else may write into the file while it is open. The keeper looks for that at each tick:
//! at what kind of file it is, at its header by reading a little, and at everything in it once it
//! has become shorter.
//!
//! The keeper's thread is the only one that opens the file, because opening waits without limit
//! while another process is frozen inside a write.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redb::{Builder, ConcurrencyMode, Database};

use super::table::{self, storage};
use crate::error::{Error, Kind, Result};
use crate::store::sync::lock;
use crate::store::{crash, forget_older, now_ms, sync_parent};

/// How often the keeper looks for the mark and for a file that was replaced.
const TICK: Duration = Duration::from_millis(100);
/// How often it tries again to get what another process holds.
const RETRY: Duration = Duration::from_millis(50);

/// Whether the facts store can be used, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    /// Not yet, or not at the moment; the sentence says what is waited for.
    Waiting(String),
    /// Another release holds the file in a way that excludes this one until it has stopped.
    Barred(String),
    Closed,
}

pub(super) struct Keeper {
    path: PathBuf,
    lock_path: PathBuf,
    mark_path: PathBuf,
    cache: usize,
    /// Whether a missing file is made and a damaged one set aside, or only reported.
    repairs_files: bool,
    database: Mutex<Option<Arc<Database>>>,
    state: Mutex<State>,
    changed: Condvar,
    repairs: Mutex<Vec<String>>,
    /// Whether there was a file since the start: then one that is missing was taken away.
    had_file: AtomicBool,
    /// Set when redb refuses to go on with this handle after a failed read or write.
    spent: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The shared lock and the identity of the file that was opened under it.
struct Held {
    _lock: File,
    inode: u64,
    /// As it was at the last look.
    length: u64,
}

impl Keeper {
    pub(super) fn start(root: &Path, cache: usize, repairs_files: bool) -> Result<Arc<Self>> {
        let keeper = Arc::new(Self {
            path: root.join("facts.redb"),
            lock_path: root.join("facts.lock"),
            mark_path: root.join("facts.damaged"),
            cache,
            repairs_files,
            database: Mutex::new(None),
            state: Mutex::new(State::Waiting("The facts store is being opened.".into())),
            changed: Condvar::new(),
            repairs: Mutex::new(Vec::new()),
            had_file: AtomicBool::new(false),
            spent: AtomicBool::new(false),
            thread: Mutex::new(None),
        });
        let thread = std::thread::Builder::new()
            .name("kv-keeper".into())
            .spawn({
                let keeper = keeper.clone();
                move || keeper.run()
            })
            .map_err(|e| {
                Error::internal("The facts store's thread could not be started.").because(e)
            })?;
        *lock(&keeper.thread) = Some(thread);
        Ok(keeper)
    }

    pub(super) fn state(&self) -> State {
        lock(&self.state).clone()
    }

    pub(super) fn repairs(&self) -> Vec<String> {
        lock(&self.repairs).clone()
    }

    pub(super) fn wait_open(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut state = lock(&self.state);
        while matches!(*state, State::Waiting(_)) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
    }

    /// Runs `f` on the open database, [guarded](Self::guard).
    pub(super) fn with<T>(&self, f: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        let database = self.database()?;
        self.guard(|| f(&database))
    }

    /// The open database. Not to be kept for long: it can only be let go of when nobody has it.
    pub(super) fn database(&self) -> Result<Arc<Database>> {
        lock(&self.database)
            .clone()
            .ok_or_else(|| match self.state() {
                State::Waiting(reason) | State::Barred(reason) => Error::unavailable(reason),
                _ => super::closed(),
            })
    }

    /// Damage that `f` meets, seen as an error or as a panic, is marked.
    pub(super) fn guard<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let outcome = catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|_| {
            Err(Error::damaged(
                "Reading facts.redb failed inside the engine.",
            ))
        });
        if let Err(error) = &outcome {
            if error.kind() == Kind::Damaged {
                self.mark_damaged(error);
            }
            if table::is_spent(error) {
                self.spent.store(true, Ordering::Relaxed);
            }
        }
        outcome
    }

    pub(super) fn stop(&self) {
        self.set_state(State::Closed);
        if let Some(thread) = lock(&self.thread).take() {
            // Opening may be stuck behind a frozen process; the thread must not hold up the exit.
            let deadline = Instant::now() + Duration::from_millis(500);
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        lock(&self.database).take();
    }

    fn run(&self) {
        while !self.is_closed() {
            match self.try_open() {
                Ok(mut held) => {
                    self.spent.store(false, Ordering::Relaxed);
                    self.set_state(State::Open);
                    while !self.is_closed() && self.is_sound(&mut held) {
                        self.pause(TICK);
                    }
                    self.set_state(State::Waiting("The facts store is being rebuilt.".into()));
                    self.close_database();
                    drop(held);
                }
                Err(error) => {
                    let why = error.sentence().to_owned();
                    self.set_state(match error.kind() {
                        Kind::Incompatible => State::Barred(why),
                        _ => State::Waiting(why),
                    });
                    self.pause(RETRY);
                }
            }
        }
    }

    /// Returns once the reads and the commit in flight are over and the file is closed: only
    /// then may the shared lock go.
    fn close_database(&self) {
        let Some(mut database) = lock(&self.database).take() else {
            return;
        };
        loop {
            match Arc::try_unwrap(database) {
                Ok(last) => {
                    if catch_unwind(AssertUnwindSafe(|| drop(last))).is_err() {
                        tracing::warn!("closing the damaged facts store failed inside the engine");
                    }
                    return;
                }
                Err(shared) => database = shared,
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn try_open(&self) -> Result<Held> {
        if !self.path.exists() || self.mark_path.exists() {
            self.make_anew()?;
        }
        let shared = self.lock_file()?;
        shared.try_lock_shared().map_err(|_| {
            Error::unavailable("Another process is creating or repairing the facts store.")
        })?;
        // Checked again under the lock: the file cannot change its identity from here on.
        let found = match std::fs::metadata(&self.path) {
            Ok(found) if is_plausible(&found) && !self.mark_path.exists() => found,
            Ok(found) if !is_plausible(&found) => {
                drop(shared);
                self.set_aside_if_alone(&Error::damaged("facts.redb is empty or no file."))?;
                return Err(Error::unavailable("The facts store is being rebuilt."));
            }
            _ => return Err(Error::unavailable("The facts store is being rebuilt.")),
        };
        match open_database(&self.path, self.cache) {
            Ok(database) => {
                *lock(&self.database) = Some(Arc::new(database));
                self.had_file.store(true, Ordering::Relaxed);
                Ok(Held {
                    _lock: shared,
                    inode: found.ino(),
                    length: found.len(),
                })
            }
            Err(error) if error.kind() == Kind::Damaged => {
                drop(shared);
                self.set_aside_if_alone(&error)?;
                Err(Error::unavailable("The facts store is being rebuilt."))
            }
            Err(error) => Err(error),
        }
    }

    /// Still the file that was opened, unmarked, and readable.
    fn is_sound(&self, held: &mut Held) -> bool {
        let Ok(found) = std::fs::metadata(&self.path) else {
            return false;
        };
        if found.ino() != held.inode || !is_plausible(&found) {
            return false;
        }
        let shorter = found.len() < held.length;
        held.length = found.len();
        // What is read wrong is marked where it is read. Nobody may be reading, so a little is
        // read here; redb makes the file shorter at times, and only then is it worth reading all.
        let read = self.with(super::born).map(drop);
        if let Err(error) = read.and_then(|()| match shorter {
            true => self.validate(|| !self.is_closed()).map(drop),
            false => Ok(()),
        }) {
            tracing::debug!(%error, "the facts store cannot be read");
        }
        !self.mark_path.exists() && !self.spent.load(Ordering::Relaxed)
    }

    /// Reads every entry against its checksum, a few at a time, as long as `go_on` says so;
    /// answers how many were read.
    pub(super) fn validate(&self, go_on: impl Fn() -> bool) -> Result<u64> {
        let mut entries = 0;
        for name in &self.with(table::names)? {
            let mut from = Vec::new();
            while go_on() {
                let checked = self.with(|db| table::check_stride(db, name, &from))?;
                entries += checked.entries;
                match checked.last {
                    // The smallest key after the last one read.
                    Some(mut last) => {
                        last.push(0);
                        from = last;
                    }
                    None => break,
                }
            }
        }
        Ok(entries)
    }

    /// Whoever reads it, the releases that run, or the next to start, set it aside.
    fn mark_damaged(&self, error: &Error) {
        if let Err(failed) = std::fs::write(&self.mark_path, error.sentence()) {
            tracing::error!(error = %failed, "the damaged facts store could not be marked");
        }
    }

    fn make_anew(&self) -> Result<()> {
        self.exclusively(|| {
            if self.mark_path.exists() {
                self.set_aside(&Error::damaged(
                    "A process read damaged bytes from facts.redb.",
                ))?;
                std::fs::remove_file(&self.mark_path)
                    .map_err(|e| Error::io("removing", &self.mark_path, e))?;
            }
            if self.path.exists() {
                return Ok(());
            }
            if self.had_file.swap(false, Ordering::Relaxed) {
                tracing::warn!("the facts store was taken away; it is begun anew");
                lock(&self.repairs).push("facts.redb was gone and is being rebuilt.".into());
            }
            self.create()
        })
    }

    /// Only for a file that would not open: if another process has it open, it is that one's
    /// release that can read it, and nothing is touched.
    fn set_aside_if_alone(&self, why: &Error) -> Result<()> {
        self.exclusively(|| {
            let still_bad = match std::fs::metadata(&self.path) {
                Ok(found) => {
                    !is_plausible(&found)
                        || open_database(&self.path, self.cache)
                            .is_err_and(|e| e.kind() == Kind::Damaged)
                }
                Err(_) => false,
            };
            if still_bad {
                self.set_aside(why)?;
                self.create()?;
            }
            Ok(())
        })
    }

    fn exclusively<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        if !self.repairs_files {
            return Err(Error::unavailable(
                "facts.redb is missing or damaged; the next start of a release rebuilds it.",
            ));
        }
        let file = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => f(),
            Err(TryLockError::WouldBlock) => Err(Error::unavailable(
                "Another process has the facts store open; waiting for it to let go.",
            )),
            Err(TryLockError::Error(e)) => Err(Error::io("locking", &self.lock_path, e)),
        }
    }

    fn set_aside(&self, why: &Error) -> Result<()> {
        if !self.path.exists() {
            return Ok(());
        }
        let aside = self
            .path
            .with_file_name(format!("facts.redb.bad-{}", now_ms()));
        std::fs::rename(&self.path, &aside).map_err(|e| Error::io("renaming", &self.path, e))?;
        sync_parent(&self.path)?;
        self.had_file.store(false, Ordering::Relaxed);
        forget_older(&aside, "facts.redb.bad-");
        let name = aside
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        tracing::warn!(reason = %why, aside = %name, "facts store set aside");
        lock(&self.repairs).push(format!(
            "{why} It was set aside as {name} and is being rebuilt."
        ));
        Ok(())
    }

    /// A kill during creation would leave a file that redb refuses, so it is made under another
    /// name and appears whole.
    fn create(&self) -> Result<()> {
        let fresh = self.path.with_file_name("facts.redb.new");
        if fresh.exists() {
            std::fs::remove_file(&fresh).map_err(|e| Error::io("removing", &fresh, e))?;
        }
        let database = builder(self.cache).create(&fresh).map_err(storage)?;
        super::writer::note_birth(&database)?;
        drop(database);
        let file = File::open(&fresh).map_err(|e| Error::io("opening", &fresh, e))?;
        file.sync_all()
            .map_err(|e| Error::io("syncing", &fresh, e))?;
        crash::point("kv.created");
        std::fs::rename(&fresh, &self.path).map_err(|e| Error::io("renaming", &fresh, e))?;
        sync_parent(&self.path)
    }

    fn lock_file(&self) -> Result<File> {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.lock_path)
            .map_err(|e| Error::io("opening", &self.lock_path, e))
    }

    fn set_state(&self, new: State) {
        let mut state = lock(&self.state);
        if *state != State::Closed {
            *state = new;
        }
        self.changed.notify_all();
    }

    fn is_closed(&self) -> bool {
        *lock(&self.state) == State::Closed
    }

    /// Sleeps, but not past [`stop`](Self::stop).
    fn pause(&self, at_most: Duration) {
        let state = lock(&self.state);
        if *state != State::Closed {
            let _ = self.changed.wait_timeout(state, at_most);
        }
    }
}

fn is_plausible(found: &Metadata) -> bool {
    found.is_file() && found.len() > 0
}

fn builder(cache: usize) -> Builder {
    let mut builder = Builder::new();
    builder
        .set_cache_size(cache)
        .set_concurrency_mode(ConcurrencyMode::MultiWriter);
    builder
}

/// A damaged file can make redb panic instead of failing; both mean the same here.
fn open_database(path: &Path, cache: usize) -> Result<Database> {
    catch_unwind(AssertUnwindSafe(|| builder(cache).open(path)))
        .map_err(|_| Error::damaged("facts.redb cannot be opened."))?
        .map_err(storage)
}
