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
use crate::store::boots::Sentinel;
use crate::store::index::{Change, Lease};
use crate::store::kv::State;
use crate::store::sync::lock;
use crate::store::{Digest, crash};

/// Most files in one commit of the index.
const BATCH_FILES: usize = 1_000;
/// Contents that are read for one commit, in bytes; one large file may exceed it.
const BATCH_BYTES: u64 = 8 << 20;
/// The same while another process runs, which may have to take over at any moment: a commit that
/// has begun cannot be broken off, so this bounds how long the lease is held after the order to go.
const BATCH_BYTES_IN_COMPANY: u64 = 1 << 20;
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
    /// one will not index any more. Returns at once, and waits for nothing.
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

/// Works through the outbox for one lease, a batch at a time; what [`Worker`] loops.
#[derive(Default)]
pub struct Steps {
    /// Read while the batch before it was being applied: reading and indexing keep two cores
    /// busy, and are strictly in order for each batch.
    ahead: Option<Prepared>,
}

impl Steps {
    /// Whether the next batch is known already.
    fn has_more(&self) -> bool {
        self.ahead.is_some()
    }

    /// Applies the next batch of changes, or fills in missing facts.
    ///
    /// # Errors
    /// After an error the lease is spent: drop it.
    pub fn step(
        &mut self,
        library: &Library,
        lease: &mut Lease,
        stop: &AtomicBool,
    ) -> Result<Step> {
        let after = lease.applied();
        let ahead = self.ahead.take().filter(|ahead| ahead.after == after);
        let Some(batch) = ahead.map_or_else(|| prepare(library, after, stop), |b| Ok(Some(b)))?
        else {
            return Ok(Step::Empty);
        };
        let store = library.store();
        let sentinels = store.boots.pending(&store.sql, &store.index)?;
        if batch.changed.is_empty() && sentinels.is_empty() {
            return refill(library, after, stop);
        }
        let (files, through, more) = (batch.changed.len(), batch.through, batch.more);
        let (applied, ahead) = std::thread::scope(|scope| {
            let applying = scope.spawn(|| apply(library, lease, batch, sentinels));
            let ahead = if more {
                prepare(library, through, stop)
            } else {
                Ok(None)
            };
            let failed = |_| Err(Error::internal("Indexing a batch failed unexpectedly."));
            (applying.join().unwrap_or_else(failed), ahead)
        });
        applied?;
        self.ahead = ahead?;
        Ok(Step::Applied(files))
    }
}

/// A batch whose texts are read and whose facts are kept.
struct Prepared {
    /// The sequence it continues from, and the one it reaches.
    after: u64,
    through: u64,
    /// Whether there is more to do behind it.
    more: bool,
    changed: Vec<Changed>,
    read: Vec<Option<Read>>,
}

/// Reads the next batch; answers nothing when told to stop.
fn prepare(library: &Library, after: u64, stop: &AtomicBool) -> Result<Option<Prepared>> {
    let most_bytes = if library.store().boots.has_company() {
        BATCH_BYTES_IN_COMPANY
    } else {
        BATCH_BYTES
    };
    let changed = library.changed_after(after, BATCH_FILES, most_bytes)?;
    let Some(read) = read_all(library, &changed, stop)? else {
        return Ok(None);
    };
    crash::point("index.extracted");
    let through = changed.last().map_or(after, |last| last.sequence);
    if !changed.is_empty() {
        keep_facts(library, &read, after, through)?;
    }
    crash::point("index.facts_written");
    let entries = changed.iter().filter_map(|changed| changed.entry.as_ref());
    let bytes: u64 = entries.map(|entry| entry.size).sum();
    Ok(Some(Prepared {
        after,
        through,
        more: changed.len() == BATCH_FILES || bytes >= most_bytes,
        changed,
        read,
    }))
}

fn apply(
    library: &Library,
    lease: &mut Lease,
    batch: Prepared,
    sentinels: Vec<Sentinel>,
) -> Result<()> {
    // Each text is dropped as soon as its document is made.
    let documents = batch
        .changed
        .into_iter()
        .zip(batch.read)
        .map(|(changed, read)| match read {
            Some(read) => Change::Put {
                key: changed.file as u64,
                document: library.document(&read.entry, &read.text),
            },
            None => Change::Delete {
                key: changed.file as u64,
            },
        });
    let left = sentinels.iter().cloned().map(Change::Sentinel);
    lease.apply(documents.chain(left), batch.through)?;
    let store = library.store();
    if !sentinels.is_empty() {
        store.boots.indexed(&store.sql, &sentinels)?;
    }
    store.announce();
    Ok(())
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

/// Without the facts store the index goes on; the gap in its progress is filled later.
fn keep_facts(library: &Library, read: &[Option<Read>], after: u64, through: u64) -> Result<()> {
    let kv = &library.store().kv;
    if kv.state() != State::Open {
        return Ok(());
    }
    let mut facts = FactsBatch::new()?;
    for read in read.iter().flatten() {
        if let Some(found) = &read.found {
            facts.put(&read.entry.sha256, read.entry.size, found, &read.text)?;
        }
    }
    facts.note_progress(after, through);
    tolerate_absence(kv.write(facts.into()))
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
    steps: Steps,
    held: Option<Held>,
    /// When the lease was last asked for and found in other hands.
    refused: Option<Instant>,
    told: Instant,
}

/// The lease, with the number under which the ledger knows this term of it.
struct Held {
    lease: Lease,
    term: Option<u64>,
}

impl Indexer {
    fn new(library: Library, stop: Arc<AtomicBool>) -> Self {
        Self {
            library,
            stop,
            steps: Steps::default(),
            held: None,
            refused: None,
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
                Ok(Step::Applied(files)) if files < SMALL_BATCH && !self.steps.has_more() => {
                    self.pause(PACE);
                }
                Ok(Step::Applied(_) | Step::Refilled) => {}
                Err(error) => {
                    tracing::warn!(%error, cause = ?std::error::Error::source(&error), "indexing is interrupted and will be tried again");
                    self.let_go();
                    self.pause(AFTER_FAILURE);
                }
            }
        }
        self.let_go();
    }

    fn turn(&mut self) -> Result<Step> {
        if self
            .held
            .as_ref()
            .is_some_and(|held| !held.lease.is_sound())
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
        let step = self
            .steps
            .step(&self.library, &mut held.lease, &self.stop)?;
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
        Ok(Some(Held { lease, term }))
    }

    /// The lease first: no commit of the catalog is waited for before the next holder can begin.
    fn let_go(&mut self) {
        let Some(Held { lease, term }) = self.held.take() else {
            return;
        };
        let released_ms = lease.release();
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
