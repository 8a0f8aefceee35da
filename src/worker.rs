//! The indexer: what changed becomes text and facts, then searchable.
//!
//! One process at a time does this, the holder of the index's lease; every process runs this
//! thread and takes over when the lease is free. For each batch the order is fixed: facts are
//! committed, then the index with the batch's highest sequence as its payload. Killed in
//! between, the next holder repeats the batch, which changes nothing that was done.
//!
//! There is no state to lose: what is left to do is what the outbox holds beyond the sequence
//! in the index, and what facts are missing below it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::extract::{self, Extraction};
use crate::library::{Changed, Entry, FactsBatch, Library};
use crate::store::index::{Change, Lease};
use crate::store::kv::{Pending, State};
use crate::store::sync::lock;
use crate::store::{Digest, crash};

/// Most files that are read together.
const BATCH_FILES: usize = 1_000;
/// Contents that are read together, in bytes; one large file may exceed it.
const BATCH_BYTES: u64 = 8 << 20;
/// How long a commit is put off while there is more to do: each one costs some fsyncs, ends a
/// segment that will have to be merged, and lets the writer stand still.
const COMMIT: Duration = Duration::from_secs(1);
/// A commit costs some fsyncs, so a trickle of uploads shares one every so often.
const PACE: Duration = Duration::from_millis(100);
/// Batches below this many files wait for [`PACE`].
const SMALL_BATCH: usize = 64;
/// How often the lease is tried for, and the outbox looked at without being woken.
const POLL: Duration = Duration::from_millis(50);
const AFTER_FAILURE: Duration = Duration::from_secs(1);
const NICENESS: i32 = 5;
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

    /// Gives the lease up as soon as the step at hand allows, for another process to take; this
    /// one will not index any more. Returns at once.
    pub fn release_lease(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.library.store().changes().announce();
    }

    /// Gives the lease up and waits until it is free.
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

/// What a step found to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: the index holds everything, with its facts.
    Empty,
    /// This many changes were made searchable.
    Applied(usize),
    /// Facts that were missing were read again.
    Refilled,
}

/// Works through the outbox under one lease, a batch at a time; what [`Worker`] loops.
///
/// Three things go on at once: reading the next batch, writing the facts of this one, and
/// adding its documents to the index. A commit waits for all of them, so that what it tells of is
/// there.
pub struct Steps {
    lease: Lease,
    /// Highest sequence that was added; durable from the next commit on.
    reached: u64,
    /// Since when something was added that is not committed.
    uncommitted: Option<Instant>,
    ahead: Option<Prepared>,
    facts: Option<Pending>,
}

impl Steps {
    pub fn new(lease: Lease) -> Self {
        Self {
            reached: lease.applied(),
            lease,
            uncommitted: None,
            ahead: None,
            facts: None,
        }
    }

    /// Whether the lease still is worth something; see [`Lease::is_sound`].
    pub fn is_sound(&self) -> bool {
        self.lease.is_sound()
    }

    /// Applies the next batch of changes, or fills in missing facts.
    ///
    /// # Errors
    /// After an error the lease is spent: drop it.
    pub fn step(&mut self, library: &Library, stop: &AtomicBool) -> Result<Step> {
        let batch = match self.ahead.take() {
            Some(batch) => batch,
            None => match prepare(library, self.reached, stop)? {
                Some(batch) => batch,
                None => return Ok(Step::Empty),
            },
        };
        let store = library.store();
        let is_idle = batch.changed.is_empty() && self.uncommitted.is_none();
        if is_idle && store.boots.pending(&store.sql, &store.index)?.is_empty() {
            return refill(library, self.reached, stop);
        }
        let (files, more) = (batch.changed.len(), batch.more);
        self.add(library, batch, stop)?;
        let waited = self.uncommitted.get_or_insert_with(Instant::now).elapsed();
        if !more || waited >= COMMIT {
            self.commit(library)?;
        }
        Ok(Step::Applied(files))
    }

    fn add(&mut self, library: &Library, mut batch: Prepared, stop: &AtomicBool) -> Result<()> {
        self.settle_facts()?;
        self.facts = begin_facts(library, batch.facts.take())?;
        let (through, more) = (batch.through, batch.more);
        let lease = &self.lease;
        let (added, ahead) = std::thread::scope(|scope| {
            let adding = scope.spawn(|| lease.add(documents(library, batch)));
            let ahead = if more {
                prepare(library, through, stop)
            } else {
                Ok(None)
            };
            let failed = |_| Err(Error::internal("Indexing a batch failed unexpectedly."));
            (adding.join().unwrap_or_else(failed), ahead)
        });
        added?;
        self.reached = through;
        self.ahead = ahead?;
        Ok(())
    }

    fn commit(&mut self, library: &Library) -> Result<()> {
        self.settle_facts()?;
        crash::point("index.facts_written");
        let store = library.store();
        let sentinels = store.boots.pending(&store.sql, &store.index)?;
        self.lease
            .add(sentinels.iter().cloned().map(Change::Sentinel))?;
        self.lease.commit(self.reached)?;
        self.uncommitted = None;
        if !sentinels.is_empty() {
            store.boots.indexed(&store.sql, &sentinels)?;
        }
        store.announce();
        Ok(())
    }

    fn settle_facts(&mut self) -> Result<()> {
        match self.facts.take() {
            Some(facts) => tolerate_absence(facts.wait()),
            None => Ok(()),
        }
    }
}

/// A batch whose texts are read.
struct Prepared {
    /// The sequence it reaches.
    through: u64,
    /// Whether there is more to do behind it.
    more: bool,
    changed: Vec<Changed>,
    read: Vec<Option<Read>>,
    facts: Option<FactsBatch>,
}

/// Reads the next batch; answers nothing when told to stop.
fn prepare(library: &Library, after: u64, stop: &AtomicBool) -> Result<Option<Prepared>> {
    let changed = library.changed_after(after, BATCH_FILES, BATCH_BYTES)?;
    let Some(read) = read_all(library, &changed, stop)? else {
        return Ok(None);
    };
    crash::point("index.extracted");
    let through = changed.last().map_or(after, |last| last.sequence);
    let facts = match changed.is_empty() {
        false => Some(facts_of(&read, after, through)?),
        true => None,
    };
    let entries = changed.iter().filter_map(|changed| changed.entry.as_ref());
    let bytes: u64 = entries.map(|entry| entry.size).sum();
    Ok(Some(Prepared {
        through,
        more: changed.len() == BATCH_FILES || bytes >= BATCH_BYTES,
        changed,
        read,
        facts,
    }))
}

/// Each text is dropped as soon as its document is made.
fn documents(library: &Library, batch: Prepared) -> impl Iterator<Item = Change> {
    let read = batch.changed.into_iter().zip(batch.read);
    read.map(|(changed, read)| match read {
        Some(read) => Change::Put {
            key: changed.file as u64,
            document: library.document(&read.entry, &read.text),
        },
        None => Change::Delete {
            key: changed.file as u64,
        },
    })
}

/// A live file with its text, and what was newly found out about its content.
struct Read {
    entry: Entry,
    text: String,
    found: Option<Extraction>,
}

/// Reads the batch on all cores; nothing for files that are gone. Answers nothing at all when
/// told to stop.
fn read_all(
    library: &Library,
    changed: &[Changed],
    stop: &AtomicBool,
) -> Result<Option<Vec<Option<Read>>>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = changed.len().div_ceil(threads).max(1);
    let read_share = |share: &[Changed]| -> Result<Vec<Option<Read>>> {
        let mut read = Vec::with_capacity(share.len());
        for changed in share {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            read.push(match &changed.entry {
                Some(entry) if entry.trashed_ms.is_none() => Some(read_one(library, entry)?),
                _ => None,
            });
        }
        Ok(read)
    };
    let shares: Vec<Result<Vec<Option<Read>>>> = std::thread::scope(|scope| {
        let running: Vec<_> = changed
            .chunks(share)
            .map(|share| scope.spawn(move || read_share(share)))
            .collect();
        let failed = |_| {
            Err(Error::internal(
                "Reading a file for the index failed unexpectedly.",
            ))
        };
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(failed))
            .collect()
    });
    let mut read = Vec::with_capacity(changed.len());
    for share in shares {
        read.extend(share?);
    }
    Ok((read.len() == changed.len()).then_some(read))
}

fn read_one(library: &Library, entry: &Entry) -> Result<Read> {
    let known = match library.current_facts(&entry.sha256) {
        Ok(Some(facts)) => library.text(&entry.sha256, &facts).unwrap_or_default(),
        // Without the facts store the content itself is read again.
        _ => None,
    };
    if let Some(text) = known {
        return Ok(Read {
            entry: entry.clone(),
            text,
            found: None,
        });
    }
    let mut found = extract_blob(library, entry)?;
    Ok(Read {
        entry: entry.clone(),
        text: std::mem::take(&mut found.text),
        found: Some(found),
    })
}

/// A content that cannot be read must not hold up all others: it is found by its name, and the
/// failure is told once, here, and by `check --deep`.
fn extract_blob(library: &Library, entry: &Entry) -> Result<Extraction> {
    let opened = library.store().blobs.open_blob(&entry.sha256);
    let outcome =
        opened.and_then(|mut file| extract::extract(&mut file, entry.size, entry.path.name()));
    outcome.or_else(|error| {
        if error.kind() == Kind::Unavailable {
            return Err(error);
        }
        tracing::error!(%error, file = entry.id, sha256 = %entry.sha256, "a stored content cannot be read");
        Ok(Extraction {
            media_type: entry.media_type.clone(),
            encoding: None,
            text: String::new(),
            truncated: false,
            name_only: Some("The stored content cannot be read; ask the operator to run \"wharfside check --deep\".".into()),
        })
    })
}

fn facts_of(read: &[Option<Read>], after: u64, through: u64) -> Result<FactsBatch> {
    let mut facts = FactsBatch::new()?;
    for read in read.iter().flatten() {
        if let Some(found) = &read.found {
            facts.put(&read.entry.sha256, read.entry.size, found, &read.text)?;
        }
    }
    facts.note_progress(after, through);
    Ok(facts)
}

/// Without the facts store the index goes on; the gap in its progress is filled later.
fn begin_facts(library: &Library, facts: Option<FactsBatch>) -> Result<Option<Pending>> {
    let kv = &library.store().kv;
    match facts {
        Some(facts) if kv.state() == State::Open => kv.queue(facts.into()).map(Some),
        _ => Ok(None),
    }
}

/// After the facts were rebuilt: reads again, a few at a time, what the index already holds.
fn refill(library: &Library, applied: u64, stop: &AtomicBool) -> Result<Step> {
    let kv = &library.store().kv;
    let noted = match library.facts_through() {
        Ok(noted) if noted < applied => noted,
        _ => return Ok(Step::Empty),
    };
    let mut changed = library.changed_after(noted, BATCH_FILES, BATCH_BYTES)?;
    changed.retain(|changed| changed.sequence <= applied);
    let through = changed.last().map_or(applied, |last| last.sequence);
    let mut facts = FactsBatch::new()?;
    let mut seen: Vec<Digest> = Vec::new();
    for entry in changed.iter().filter_map(|changed| changed.entry.as_ref()) {
        if stop.load(Ordering::Relaxed) {
            return Ok(Step::Empty);
        }
        if library.current_facts(&entry.sha256)?.is_none() && !seen.contains(&entry.sha256) {
            let found = extract_blob(library, entry)?;
            facts.put(&entry.sha256, entry.size, &found, &found.text)?;
            seen.push(entry.sha256);
        }
    }
    facts.note_progress(noted, through);
    kv.write(facts.into())?;
    Ok(Step::Refilled)
}

fn tolerate_absence(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Damaged) => Ok(()),
        other => other,
    }
}

struct Indexer {
    library: Library,
    stop: Arc<AtomicBool>,
    /// As long as this process has the lease.
    steps: Option<Steps>,
    told: Instant,
}

impl Indexer {
    fn new(library: Library, stop: Arc<AtomicBool>) -> Self {
        Self {
            library,
            stop,
            steps: None,
            told: Instant::now(),
        }
    }

    fn run(mut self) {
        // On Linux this is the thread's own niceness, which the threads it starts inherit: whoever
        // waits for an answer goes first. Not being allowed to is no reason to stop.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        let changes = self.library.store().changes();
        while !self.stop.load(Ordering::Relaxed) {
            // Taken before looking, so that no change between looking and waiting is missed.
            let seen = changes.seen();
            match self.turn() {
                Ok(Step::Empty) => {
                    changes.wait(seen, POLL);
                }
                Ok(Step::Applied(files)) if files < SMALL_BATCH => self.pause(PACE),
                Ok(Step::Applied(_) | Step::Refilled) => {}
                Err(error) => {
                    tracing::warn!(%error, cause = ?std::error::Error::source(&error), "indexing is interrupted and will be tried again");
                    self.steps = None;
                    self.pause(AFTER_FAILURE);
                }
            }
        }
        if self.steps.take().is_some() {
            tracing::info!("index lease released");
            self.library.store().announce();
        }
    }

    fn turn(&mut self) -> Result<Step> {
        if self.steps.as_ref().is_some_and(|steps| !steps.is_sound()) {
            self.steps = None;
            self.library.store().boots.index_changed();
        }
        if self.steps.is_none()
            && let Some(lease) = self.library.store().index.lease()?
        {
            tracing::info!(applied = lease.applied(), "index lease taken");
            self.library.store().boots.index_changed();
            self.steps = Some(Steps::new(lease));
        }
        let Some(steps) = &mut self.steps else {
            return Ok(Step::Empty);
        };
        let step = steps.step(&self.library, &self.stop)?;
        self.tell(step);
        Ok(step)
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
