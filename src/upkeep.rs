//! Chores that every process does in the background: expire abandoned uploads, purge old trash,
//! collect unnamed contents, take checksums that a former release did not, read the index and the facts against their checksums.
//!
//! All of them are safe to do in two processes at once, and none of them is ever waited for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::library::Library;
use crate::store::sync::lock;

/// Between two rounds of the cheap chores.
const ROUND: Duration = Duration::from_secs(10 * 60);
/// Between two walks over everything.
const DEEP: Duration = Duration::from_secs(24 * 3600);
/// A start has better things to do than to walk the disk.
const FIRST: Duration = Duration::from_secs(20);

/// The chores' thread in this process.
pub struct Upkeep {
    stop: Arc<(AtomicBool, Mutex<()>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Upkeep {
    /// `trash` is how long deleted files are kept, `grace` how long unnamed contents are.
    pub fn start(library: Library, trash: Duration, grace: Duration) -> Result<Self> {
        let stop: Arc<(AtomicBool, Mutex<()>, Condvar)> = Arc::default();
        let thread = std::thread::Builder::new()
            .name("upkeep".into())
            .spawn({
                let stop = stop.clone();
                move || run(&library, trash, grace, &stop)
            })
            .map_err(|e| Error::internal("The upkeep thread could not be started.").because(e))?;
        Ok(Self {
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub fn stop(&self) {
        self.stop.0.store(true, Ordering::Relaxed);
        self.stop.2.notify_all();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // A panic of the chores was logged when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(
    library: &Library,
    trash: Duration,
    grace: Duration,
    stop: &(AtomicBool, Mutex<()>, Condvar),
) {
    let stopped = || stop.0.load(Ordering::Relaxed);
    let mut deep: Option<Instant> = None;
    let mut last_checksum = None;
    let mut wait = FIRST.min(grace);
    while !stopped() {
        let guard = lock(&stop.1);
        if !stopped() {
            let _ = stop.2.wait_timeout(guard, wait);
        }
        wait = ROUND;
        if stopped() {
            return;
        }
        if deep.is_none_or(|done| done.elapsed() >= DEEP) {
            deep = Some(Instant::now());
            last_checksum = None;
            told(
                "contents without a name could not be looked for",
                library.find_unnamed(grace, || !stopped()),
            );
            told(
                "the index could not be validated",
                library.store().index.validate().map(drop),
            );
            told(
                "the facts could not be validated",
                library.store().kv.validate(|| !stopped()).map(drop),
            );
        }
        told(
            "unfinished uploads could not be looked through",
            library.expire_uploads().map(drop),
        );
        told(
            "old trash could not be purged",
            library.purge_older_than(trash).map(drop),
        );
        told(
            "unnamed contents could not be collected",
            library.collect(grace).map(drop),
        );
        told(
            "secrets could not be sealed",
            library.seal_secrets().map(|sealed| {
                if sealed > 0 {
                    tracing::info!(
                        sealed,
                        "secrets from before were sealed with the key; copies in backups/ and elsewhere \
                         still have them as they were: delete those that are not needed"
                    );
                }
            }),
        );
        told(
            "checksums for archives could not be taken",
            library
                .fill_checksums(&mut last_checksum, || !stopped())
                .map(|filled| {
                    if filled > 0 {
                        tracing::info!(
                            filled,
                            "contents were read to know their CRC-32 for archives"
                        );
                    }
                }),
        );
        told(
            "downloads by links could not be pruned",
            library.prune_downloads(),
        );
        told("the outbox could not be pruned", library.prune_outbox());
        told("old events could not be trimmed", library.trim_events());
    }
}

fn told(what: &str, outcome: Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "{what}");
    }
}
