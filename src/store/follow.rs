//! The thread that follows the other processes: their commits, their index, how they are; and
//! that gives our own sign of life.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::sync::lock;
use super::wake::{Changes, Wake};
use super::{Blobs, Boots, Index, Kv, Sql, kv};
use crate::error::{Error, Result};

const SWEEP: Duration = Duration::from_secs(10 * 60);
const FOLLOW: Duration = Duration::from_millis(100);

/// The thread; stopped when dropped.
pub(super) struct Follower {
    stop: Arc<AtomicBool>,
    changes: Changes,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Follower {
    pub(super) fn start(followed: Followed, wake: &Wake) -> Result<Self> {
        let reader = followed.sql.reader()?;
        let watch = wake.watch(move || {
            reader
                .pragma_query_value(None, "data_version", |row| row.get(0))
                .ok()
        })?;
        let stop = Arc::new(AtomicBool::new(false));
        let changes = wake.changes();
        let thread = std::thread::Builder::new()
            .name("follower".into())
            .spawn({
                let (stop, changes) = (stop.clone(), changes.clone());
                move || {
                    let _watch = watch;
                    followed.follow(&changes, &stop);
                }
            })
            .map_err(|e| Error::internal("The follower thread could not be started.").because(e))?;
        Ok(Self {
            stop,
            changes,
            thread: std::sync::Mutex::new(Some(thread)),
        })
    }

    /// For a store that is only looked at.
    pub(super) fn absent() -> Self {
        Self {
            stop: Arc::default(),
            changes: Changes::default(),
            thread: std::sync::Mutex::new(None),
        }
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.changes.announce();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic of the follower was logged when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the follower's thread works on.
pub(super) struct Followed {
    pub(super) sql: Sql,
    pub(super) kv: Kv,
    pub(super) index: Index,
    pub(super) boots: Boots,
    pub(super) blobs: Blobs,
    pub(super) grace: Duration,
}

impl Followed {
    fn follow(&self, changes: &Changes, stop: &AtomicBool) {
        let mut swept = Instant::now();
        let mut said = String::new();
        while !stop.load(Ordering::Relaxed) {
            let seen = changes.seen();
            if let Err(error) = self.index.follow() {
                tracing::debug!(%error, "the index could not be refreshed yet");
            }
            if self.kv.state() == kv::State::Open
                && let Err(error) = self.boots.settle(&self.sql, &self.kv)
            {
                tracing::debug!(%error, "this boot's sentinel is not in the facts store yet");
            }
            if let Err(error) = self.boots.pulse(&self.sql)
                && said != error.sentence()
            {
                said = error.sentence().to_owned();
                tracing::warn!(%error, "the boot ledger could not be kept");
            }
            if swept.elapsed() >= SWEEP {
                swept = Instant::now();
                if let Err(error) = self.blobs.sweep_staging(self.grace) {
                    tracing::warn!(%error, "staging/ could not be swept");
                }
            }
            changes.wait(seen, FOLLOW);
        }
    }
}
