//! The indexer's work under one lease, a step at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::batch::{BATCH_FILES, Prepared, TURN, documents, is_unfinished, prepare, read_blob};
use crate::error::{Error, Kind, Result};
use crate::extract::child::Turn;
use crate::library::{FactsBatch, FileContent, Library};
use crate::store::crash;
use crate::store::index::{Change, Lease};
use crate::store::kv::{Pending, State};

/// How long a commit is put off while there is more to do: each one costs some fsyncs, ends a
/// segment that will have to be merged, and lets the writer stand still.
const COMMIT: Duration = Duration::from_secs(1);
/// The same while another process runs, which may have to take over at any moment.
const COMMIT_IN_COMPANY: Duration = Duration::from_millis(200);

/// Contents in a batch at most, in bytes; one large file may exceed it.
const BATCH_BYTES: u64 = 8 << 20;
/// The same while another process runs, which may have to take over at any moment.
const BATCH_BYTES_IN_COMPANY: u64 = 1 << 20;
/// Contents in the first batch under a lease, in bytes. It is committed at once and each further
/// one may be larger, so that something comes of every lease, however soon the next one is taken.
const FIRST_BATCH_BYTES: u64 = 64 << 10;
const GROWTH: u64 = 4;

/// How long missing facts are filled in before it is looked for changes again.
const REFILL: Duration = Duration::from_millis(500);

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

/// Works through the outbox under one lease, a batch at a time; what [`Worker`](super::Worker) loops.
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
    /// Contents that the next batch may have, in bytes.
    batch_bytes: u64,
    /// Contents that were not waited for, until somebody asks for them.
    deferred: Vec<FileContent>,
}

impl Steps {
    pub fn new(lease: Lease) -> Self {
        Self {
            reached: lease.applied(),
            lease,
            uncommitted: None,
            ahead: None,
            facts: None,
            batch_bytes: FIRST_BATCH_BYTES,
            deferred: Vec::new(),
        }
    }

    /// Whether the lease still is worth something; see [`Lease::is_sound`].
    pub fn is_sound(&self) -> bool {
        self.lease.is_sound()
    }

    /// Contents that were not read to their end since this was asked.
    pub(super) fn take_deferred(&mut self) -> Vec<FileContent> {
        std::mem::take(&mut self.deferred)
    }

    /// Puts documents anew that are in the index already. Invariant: called after a step that found
    /// nothing to do, so nothing half added is committed with them.
    pub(super) fn put_again(
        &mut self,
        library: &Library,
        documents: impl IntoIterator<Item = Change>,
    ) -> Result<()> {
        self.lease.apply(documents, self.reached)?;
        library.store().announce();
        Ok(())
    }

    /// Whether the next batch is known already.
    pub(super) fn has_more(&self) -> bool {
        self.ahead.is_some()
    }

    /// Gives the lease up; see [`Lease::release`]. What was not committed is forgotten, and is
    /// for the next holder to do again.
    pub(super) fn release(self) -> i64 {
        self.lease.release()
    }

    /// Applies the next batch of changes, or fills in missing facts.
    ///
    /// # Errors
    /// After an error the lease is spent: drop it.
    pub fn step(&mut self, library: &Library, stop: &AtomicBool) -> Result<Step> {
        let batch = match self.ahead.take() {
            Some(batch) => batch,
            None => match prepare(library, self.reached, self.batch_bytes, stop)? {
                Some(batch) => batch,
                None => return Ok(Step::Empty),
            },
        };
        let store = library.store();
        let is_idle = batch.changed.is_empty() && self.uncommitted.is_none();
        if is_idle && store.boots.pending(&store.sql, &store.index)?.is_empty() {
            return self.refill(library, stop);
        }
        let (files, more) = (batch.changed.len(), batch.more);
        let is_first = self.batch_bytes == FIRST_BATCH_BYTES;
        let (most_bytes, most_time) = match store.boots.has_company() {
            true => (BATCH_BYTES_IN_COMPANY, COMMIT_IN_COMPANY),
            false => (BATCH_BYTES, COMMIT),
        };
        self.batch_bytes = most_bytes.min(self.batch_bytes * GROWTH);
        let began = *self.uncommitted.get_or_insert_with(Instant::now);
        self.add(library, batch, stop)?;
        if stop.load(Ordering::Relaxed) {
            return Ok(Step::Empty);
        }
        if !more || is_first || began.elapsed() >= most_time {
            self.commit(library)?;
        }
        Ok(Step::Applied(files))
    }

    /// Told to stop, it leaves the batch half added: nothing may be committed then.
    fn add(&mut self, library: &Library, mut batch: Prepared, stop: &AtomicBool) -> Result<()> {
        self.settle_facts()?;
        self.facts = begin_facts(library, batch.facts.take())?;
        self.deferred.append(&mut batch.deferred);
        let (through, more, most_bytes) = (batch.through, batch.more, self.batch_bytes);
        let lease = &mut self.lease;
        let go_on = |_: &Change| !stop.load(Ordering::Relaxed);
        let (added, ahead) = std::thread::scope(|scope| {
            let adding = scope.spawn(|| lease.add(documents(library, batch).take_while(go_on)));
            let ahead = if more {
                prepare(library, through, most_bytes, stop)
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
            store.boots.indexed(&store.sql, &store.index, &sentinels)?;
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

    /// After the facts were rebuilt: reads again, a few at a time, what the index already holds.
    fn refill(&mut self, library: &Library, stop: &AtomicBool) -> Result<Step> {
        let kv = &library.store().kv;
        let noted = match library.facts_through() {
            Ok(noted) if noted < self.reached => noted,
            _ => return Ok(Step::Empty),
        };
        let mut changed = library.changed_after(noted, BATCH_FILES, BATCH_BYTES)?;
        changed.retain(|changed| changed.sequence <= self.reached);
        let end = Instant::now() + REFILL;
        let stop = || stop.load(Ordering::Relaxed);
        let mut facts = FactsBatch::new()?;
        let mut through = changed.is_empty().then_some(self.reached);
        for changed in &changed {
            if through.is_some() && Instant::now() >= end {
                break;
            }
            let Some(entry) = &changed.entry else {
                through = Some(changed.sequence);
                continue;
            };
            let content = entry.file_content();
            let known = library.known(&content)?;
            if known.as_ref().is_some_and(|known| !known.is_noted) {
                facts.note_turn(&content);
            }
            if known.is_none() {
                let found = match read_blob(library, entry, Turn::Now(TURN), &stop) {
                    Err(_) if stop() => return Ok(Step::Empty),
                    other => other?,
                };
                facts.put(&content, entry.size, &found, &found.extraction.text, 0)?;
                let is_unfinished = is_unfinished(library, &found);
                self.deferred.extend(is_unfinished.then_some(content));
            }
            through = Some(changed.sequence);
        }
        facts.note_progress(noted, through.unwrap_or(noted));
        kv.write(facts.into())?;
        Ok(Step::Refilled)
    }
}

/// Without the facts store the index goes on; the gap in its progress is filled later.
fn begin_facts(library: &Library, facts: Option<FactsBatch>) -> Result<Option<Pending>> {
    let kv = &library.store().kv;
    match facts {
        Some(facts) if kv.state() == State::Open => kv.queue(facts.into()).map(Some),
        _ => Ok(None),
    }
}

fn tolerate_absence(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Damaged) => Ok(()),
        other => other,
    }
}
