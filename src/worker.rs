//! The indexer: what changed becomes text and facts, then searchable.
//!
//! One process at a time does this, the holder of the index's lease; every process runs this
//! thread and takes over when the lease is free. For each batch the order is fixed: facts are
//! committed, then the index with the batch's highest sequence as its payload. Killed in
//! between, the next holder repeats the batch, which changes nothing that was done.
//!
//! There is no state to lose: what is left to do is what the outbox holds beyond the sequence
//! in the index, and what facts are missing below it.

mod again;
mod batch;
mod scans;
mod steps;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use again::Again;
pub use steps::{Step, Steps};

use crate::error::{Error, Kind, Result};
use crate::library::Library;
use crate::store::sync::lock;

/// A commit costs some fsyncs, so a trickle of uploads shares one every so often.
const PACE: Duration = Duration::from_millis(100);
/// Batches below this many files wait for [`PACE`].
const SMALL_BATCH: usize = 64;
/// How often the lease is tried for, and the outbox looked at without being woken.
const POLL: Duration = Duration::from_millis(50);
const AFTER_FAILURE: Duration = Duration::from_secs(1);
const PROGRESS: Duration = Duration::from_secs(5);

/// The indexer's thread in this process.
pub struct Worker {
    stop: Arc<AtomicBool>,
    library: Library,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    pub fn start(library: Library) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new()
            .name("indexer".into())
            .spawn({
                let (library, stop) = (library.clone(), stop.clone());
                move || Indexer::new(library, stop).run()
            })
            .map_err(|e| Error::internal("The indexer could not be started.").because(e))?;
        Ok(Self {
            stop,
            library,
            thread: std::sync::Mutex::new(Some(thread)),
        })
    }

    /// Gives the lease up at once, for another process to take; this one will not index any more.
    /// The step at hand fails without having changed anything.
    pub fn release_lease(&self) {
        self.stop.store(true, Ordering::Relaxed);
        let store = self.library.store();
        store.index.give_up_lease();
        store.announce();
    }

    /// Gives the lease up and waits until the indexer has ended.
    pub fn stop(&self) {
        self.release_lease();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // A panic of the indexer was logged when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Indexer {
    library: Library,
    stop: Arc<AtomicBool>,
    /// As long as this process has the lease.
    held: Option<Held>,
    /// When the lease was last asked for and found in other hands.
    refused: Option<Instant>,
    told: Instant,
}

/// The lease, with the number under which the ledger knows this term of it.
struct Held {
    steps: Steps,
    again: Again,
    term: Option<u64>,
}

impl Indexer {
    fn new(library: Library, stop: Arc<AtomicBool>) -> Self {
        Self {
            library,
            stop,
            held: None,
            refused: None,
            told: Instant::now(),
        }
    }

    fn run(mut self) {
        let mut has_warmed = false;
        let changes = self.library.store().changes();
        while !self.stop.load(Ordering::Relaxed) {
            // Taken before looking, so that no change between looking and waiting is missed.
            let seen = changes.seen();
            let outcome = self.turn();
            // What children are kept from is told even if no document comes; the lease is asked for
            // before that, because another release may be waiting to be followed.
            if !std::mem::replace(&mut has_warmed, true)
                && let Err(error) = self.library.readers().warm()
            {
                tracing::warn!(%error, "documents cannot be read now");
            }
            match outcome {
                Ok(Step::Empty) => {
                    changes.wait(seen, POLL);
                }
                Ok(Step::Applied(files)) if files < SMALL_BATCH && !self.has_more() => {
                    self.pause(PACE);
                }
                Ok(Step::Applied(_) | Step::Refilled) => {}
                Err(_) if self.stop.load(Ordering::Relaxed) => {}
                Err(error) => {
                    tracing::warn!(%error, cause = ?std::error::Error::source(&error), "indexing is interrupted and will be tried again");
                    self.let_go();
                    self.pause(AFTER_FAILURE);
                }
            }
        }
        self.let_go();
    }

    fn has_more(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.steps.has_more())
    }

    fn turn(&mut self) -> Result<Step> {
        // A release that is not ready, and may never be again, must not keep the lease from others.
        if let Err(error) = self.library.store().fitness()
            && error.kind() == Kind::Incompatible
        {
            self.let_go();
            return Ok(Step::Empty);
        }
        if self
            .held
            .as_ref()
            .is_some_and(|held| !held.steps.is_sound())
        {
            self.let_go();
            self.library.store().boots.index_changed();
        }
        if self.held.is_none() {
            self.held = self.take()?;
        }
        let Some(held) = &mut self.held else {
            return Ok(Step::Empty);
        };
        let step = held.steps.step(&self.library, &self.stop)?;
        // Told to stop, a step leaves behind what must not be committed.
        if step == Step::Empty && !self.stop.load(Ordering::Relaxed) {
            held.again.turn(&self.library, &mut held.steps)?;
        }
        self.tell(step);
        Ok(step)
    }

    /// Takes the lease if it is free. It is not used before the ledger knows of it, so that the
    /// ledger has the holders in their order; a ledger that cannot be written to is no reason to
    /// leave everything unsearchable, though.
    fn take(&mut self) -> Result<Option<Held>> {
        let store = self.library.store();
        let asked = Instant::now();
        let refused = self.refused.take();
        let Some(lease) = store.index.lease()? else {
            self.refused = Some(asked);
            return Ok(None);
        };
        let waited = refused.map(|refused| lease.taken_at().saturating_duration_since(refused));
        tracing::info!(applied = lease.applied(), ?waited, "index lease taken");
        store.boots.index_changed();
        let term = match store.boots.lease_taken(&store.sql, &lease, waited) {
            Ok(term) => Some(term),
            Err(error) => {
                tracing::warn!(%error, "who holds the index lease could not be noted");
                None
            }
        };
        Ok(Some(Held {
            steps: Steps::new(lease),
            again: Again::new(),
            term,
        }))
    }

    /// The lease first, if it was not given up before: no commit of the catalog is waited for before the next holder can begin.
    fn let_go(&mut self) {
        let Some(Held { steps, term, again }) = self.held.take() else {
            return;
        };
        drop(again);
        let released_ms = steps.release();
        let store = self.library.store();
        store.announce();
        tracing::info!("index lease released");
        let Some(term) = term else { return };
        if let Err(error) = store.boots.lease_released(&store.sql, term, released_ms) {
            tracing::warn!(%error, "the end of holding the index lease could not be noted");
        }
    }

    /// A line now and then while there is a lot to do.
    fn tell(&mut self, step: Step) {
        if step == Step::Empty || self.told.elapsed() < PROGRESS {
            return;
        }
        self.told = Instant::now();
        if let Ok(waiting) = self.library.waiting() {
            tracing::info!(waiting, "indexing");
        }
    }

    /// Sleeps, but not past the order to stop.
    fn pause(&self, length: Duration) {
        let end = Instant::now() + length;
        let changes = self.library.store().changes();
        while !self.stop.load(Ordering::Relaxed) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            changes.wait(changes.seen(), left);
        }
    }
}

#[cfg(test)]
mod tests;
