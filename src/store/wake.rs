//! The wake-up between processes: one byte written to a file after each commit.
//!
//! A writer calls [`Wake::ring`] once its commit is durable; every process that sleeps in
//! [`Changes::wait`] notices within a fraction of a millisecond by inotify. That is only the
//! fast path: SQLite's `data_version`, polled, is what makes it correct, because it cannot miss
//! a commit of a process that died before ringing.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::inotify;

use super::sync::lock;
use crate::error::{Error, Result};

/// How long a commit of another process can stay unnoticed when its byte did not arrive.
const POLL: Duration = Duration::from_millis(50);

/// The bell: rung after a commit.
pub struct Wake {
    path: PathBuf,
    file: File,
    rung: AtomicU64,
    changes: Changes,
}

/// Counts changes seen, by whichever process; waiting for one costs nothing.
#[derive(Clone, Default)]
pub struct Changes {
    inner: Arc<(Mutex<u64>, Condvar)>,
}

impl Wake {
    pub fn open(root: &Path) -> Result<Self> {
        let path = root.join("wake");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| Error::io("opening", &path, e))?;
        Ok(Self {
            path,
            file,
            rung: AtomicU64::new(0),
            changes: Changes::default(),
        })
    }

    /// Tells every process that something was committed. Cannot fail in a way that matters:
    /// the poll finds what the byte did not announce.
    pub fn ring(&self) {
        let count = self.rung.fetch_add(1, Ordering::Relaxed);
        let _ = self.file.write_all_at(&[count as u8], 0);
        self.changes.announce();
    }

    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    /// Follows the other processes: starts a thread that announces their commits.
    /// `data_version` reads a number that changes with every commit of another connection.
    pub(super) fn watch(
        &self,
        data_version: impl FnMut() -> Option<i64> + Send + 'static,
    ) -> Result<Watch> {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new()
            .name("wake".into())
            .spawn({
                let (stop, path, changes) = (stop.clone(), self.path.clone(), self.changes());
                move || watch(&path, &changes, data_version, &stop)
            })
            .map_err(|e| Error::internal("The wake-up thread could not be started.").because(e))?;
        Ok(Watch {
            stop,
            thread: Some(thread),
        })
    }
}

impl Changes {
    /// A number that grows with each change; take it before looking, pass it to
    /// [`wait`](Self::wait) after, and no change in between is missed.
    pub fn seen(&self) -> u64 {
        *lock(&self.inner.0)
    }

    /// Returns once there was a change after `seen`, or when the time is over.
    pub fn wait(&self, seen: u64, at_most: Duration) -> u64 {
        let (count, changed) = &*self.inner;
        let deadline = Instant::now() + at_most;
        let mut guard = lock(count);
        while *guard == seen {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            guard = changed
                .wait_timeout(guard, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        *guard
    }

    /// Wakes everyone who waits.
    pub fn announce(&self) {
        *lock(&self.inner.0) += 1;
        self.inner.1.notify_all();
    }
}

/// Stops following when dropped.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(
    path: &Path,
    changes: &Changes,
    mut data_version: impl FnMut() -> Option<i64>,
    stop: &AtomicBool,
) {
    let bell = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)
        .ok()
        .filter(|bell| inotify::add_watch(bell, path, inotify::WatchFlags::MODIFY).is_ok());
    if bell.is_none() {
        tracing::warn!("inotify is not available; changes of other processes are polled for");
    }
    let mut last = data_version();
    let mut buffer = [const { std::mem::MaybeUninit::uninit() }; 1024];
    while !stop.load(Ordering::Relaxed) {
        let rung = match &bell {
            Some(bell) => {
                let timeout = Timespec {
                    tv_sec: 0,
                    tv_nsec: POLL.subsec_nanos().into(),
                };
                let mut polled = [PollFd::new(bell, PollFlags::IN)];
                let ready = rustix::event::poll(&mut polled, Some(&timeout)).unwrap_or(0) > 0;
                let mut events = inotify::Reader::new(bell, &mut buffer);
                while ready && events.next().is_ok() {}
                ready
            }
            None => {
                std::thread::sleep(POLL);
                false
            }
        };
        let version = data_version();
        if rung || version != last {
            last = version;
            changes.announce();
        }
    }
}
