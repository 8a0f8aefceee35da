//! One sync for everyone who waits for one: group commit on the filesystem itself.
//!
//! Whoever arrives while no sync runs leads: it runs syncfs(2), which makes every name and every
//! byte written before it durable, and reports write-back errors (Linux 5.8 and later). Whoever
//! arrives meanwhile waits for the next one, which one of them leads for all.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::store::{now_ms, sync::lock};

/// syncfs also waits for what everyone else has written to this filesystem. When that takes
/// longer than this, each file is synced by itself for a while.
const SLOW: Duration = Duration::from_millis(60);
const AVOIDED_MS: i64 = 10_000;

/// Error numbers are kept, because one failure is told to many.
type Outcome = Result<(), i32>;

pub(super) struct Group {
    filesystem: File,
    state: Mutex<State>,
    changed: Condvar,
    /// Until when syncfs is avoided, in milliseconds since the epoch.
    avoided_until_ms: AtomicI64,
}

#[derive(Default)]
struct State {
    running: bool,
    /// The sync that has not begun yet.
    next: Arc<OnceLock<Outcome>>,
}

impl Group {
    /// `filesystem` is any open file or directory on it.
    pub fn new(filesystem: File) -> Self {
        Self {
            filesystem,
            state: Mutex::default(),
            changed: Condvar::new(),
            avoided_until_ms: AtomicI64::new(0),
        }
    }

    /// Whether [`sync`](Self::sync) was quick lately; if not, sync what you need by itself.
    pub fn is_quick(&self) -> bool {
        let until = self.avoided_until_ms.load(Ordering::Relaxed);
        let now = now_ms();
        // A clock that was set back must not avoid syncfs for ever.
        now >= until || until - now > AVOIDED_MS
    }

    /// Makes everything durable that was written, renamed or made before the call.
    pub fn sync(&self) -> io::Result<()> {
        let mut state = lock(&self.state);
        let mine = Arc::clone(&state.next);
        loop {
            if let Some(outcome) = mine.get() {
                return told(outcome);
            }
            if !state.running {
                break;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        // Nobody syncs, so mine has not begun: lead it, for all who hold it too.
        state.running = true;
        state.next = Arc::default();
        drop(state);
        let began = Instant::now();
        let outcome = rustix::fs::syncfs(&self.filesystem).map_err(rustix::io::Errno::raw_os_error);
        if began.elapsed() > SLOW {
            self.avoided_until_ms
                .store(now_ms() + AVOIDED_MS, Ordering::Relaxed);
        }
        let result = told(&outcome);
        let _ = mine.set(outcome);
        lock(&self.state).running = false;
        self.changed.notify_all();
        result
    }
}

fn told(outcome: &Outcome) -> io::Result<()> {
    outcome.map_err(io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn everyone_who_waits_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        let group = Group::new(File::open(dir.path()).unwrap());
        let answered = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        group.sync().unwrap();
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(answered.into_inner(), 160);
    }

    #[test]
    fn slowness_is_forgotten_also_when_the_clock_is_set_back() {
        let dir = tempfile::tempdir().unwrap();
        let group = Group::new(File::open(dir.path()).unwrap());
        assert!(group.is_quick());
        group
            .avoided_until_ms
            .store(now_ms() + 5_000, Ordering::Relaxed);
        assert!(!group.is_quick());
        group
            .avoided_until_ms
            .store(now_ms() + 500_000, Ordering::Relaxed);
        assert!(group.is_quick());
    }
}
