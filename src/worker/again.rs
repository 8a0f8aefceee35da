//! Reading again, behind everything else: contents that took too long when it was their turn, those
//! that an earlier release could not read, and scans, where this host recognises text.
//!
//! One content at a time, in a child that nobody else wants, with a rest after each. What is known
//! until then serves on. The new text goes into the facts first and into the index after that, so
//! whoever finds a file by its words is told what was read. Until the index has it, the facts go on
//! saying that the content is to be read again: killed in between, it is read once more. There is no
//! other state: what is left to do is what the facts tell.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use super::batch::read_blob;
use super::scans::recognised;
use super::steps::Steps;
use crate::error::{Error, Result};
use crate::extract::{self, child::Turn};
use crate::library::{self, Entry, FactsBatch, FileContent, Library, Read};
use crate::store::crash;
use crate::store::index::Change;

/// After a content, as long as it took, within these.
const LEAST_REST: Duration = Duration::from_millis(20);
const MOST_REST: Duration = Duration::from_secs(5);
/// After a content that could not be read now.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Facts looked at in one turn.
const STRIDE: usize = 500;
/// Contents that are noted in one look through the facts; another look finds the rest.
const MOST_NOTED: usize = 100_000;
/// A release beside this one may have left something to read again.
const LOOK_AGAIN: Duration = Duration::from_secs(600);

/// Texts that are put into the index together: a commit costs more than a document.
const MOST_TEXT: usize = 8 << 20;
const MOST_WAIT: Duration = Duration::from_secs(2);

/// What is left to read again, as long as the lease is held.
pub(super) struct Again {
    /// Contents that were not waited for, and behind them new scans; those come first.
    deferred: VecDeque<FileContent>,
    noted: VecDeque<FileContent>,
    look: Look,
    progress: library::Again,
    job: Option<Job>,
    rest_until: Instant,
    read: Vec<Done>,
    oldest: Instant,
}

/// How far the facts are looked through.
enum Look {
    Behind(Option<FileContent>),
    Over(Instant),
}

/// A content that is being read. Dropped, it is given up.
struct Job {
    content: FileContent,
    began: Instant,
    stop: Arc<AtomicBool>,
    outcome: Receiver<Result<Read>>,
}

struct Done {
    content: FileContent,
    read: Read,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Again {
    pub(super) fn new() -> Self {
        Self {
            deferred: VecDeque::new(),
            noted: VecDeque::new(),
            look: Look::Behind(None),
            progress: library::Again::default(),
            job: None,
            rest_until: Instant::now(),
            read: Vec::new(),
            oldest: Instant::now(),
        }
    }

    /// Goes on a little; called when there is nothing else to do.
    pub(super) fn turn(&mut self, library: &Library, steps: &mut Steps) -> Result<()> {
        self.defer(library, steps.take_deferred())?;
        self.take_outcome();
        if self.is_time_to_put() {
            self.put(library, steps)?;
        }
        if self.job.is_none() && self.rest_until <= Instant::now() {
            self.job = self.begin_next(library)?;
        }
        self.look_on(library)
    }

    /// What somebody will look for by its words comes before scans, each of which takes seconds.
    fn defer(&mut self, library: &Library, contents: Vec<FileContent>) -> Result<()> {
        for content in contents {
            let facts = library.facts(&content)?;
            match facts.is_some_and(|facts| facts.is_read()) {
                true => self.deferred.push_back(content),
                false => self.deferred.push_front(content),
            }
        }
        Ok(())
    }

    fn take_outcome(&mut self) {
        let Some(job) = &self.job else { return };
        let outcome = match job.outcome.try_recv() {
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => Err(Error::internal(
                "Reading a content again failed unexpectedly.",
            )),
            Ok(outcome) => outcome,
        };
        let (content, took) = (job.content, job.began.elapsed());
        self.job = None;
        match outcome {
            Ok(read) => {
                if self.read.is_empty() {
                    self.oldest = Instant::now();
                }
                self.read.push(Done { content, read });
                self.rest_until = Instant::now() + took.clamp(LEAST_REST, MOST_REST);
            }
            Err(error) => {
                tracing::debug!(%error, digest = %content.sha256, "a content will be read again later");
                self.deferred.push_back(content);
                self.rest_until = Instant::now() + AFTER_FAILURE;
            }
        }
    }

    fn is_time_to_put(&self) -> bool {
        let bytes = || self.read.iter().map(|done| done.read.extraction.text.len());
        let is_last = self.job.is_none() && self.deferred.is_empty() && self.noted.is_empty();
        !self.read.is_empty()
            && (is_last
                || self.oldest.elapsed() >= MOST_WAIT
                || bytes().sum::<usize>() >= MOST_TEXT)
    }

    /// Into the facts, then into the index, then for good.
    fn put(&mut self, library: &Library, steps: &mut Steps) -> Result<()> {
        let mut facts = FactsBatch::new()?;
        let mut documents = Vec::new();
        for Done { content, read } in &mut self.read {
            let before = library.facts(content)?;
            let lost_before = before.as_ref().and_then(|before| before.lost);
            let lost = &mut read.extraction.lost;
            *lost = lost.map(|lost| lost.after(lost_before));
            let size = before.as_ref().map_or(0, |before| before.size);
            let passages = before.map_or(0, |before| before.passages);
            let text = &read.extraction.text;
            facts.put_ahead(content, size, read, text, passages)?;
            if let Some(entry) = library.live_with(content)? {
                documents.push(Change::Put {
                    key: entry.id as u64,
                    document: library.document(&entry, text),
                });
            }
        }
        library.store().kv.write(facts.into())?;
        crash::point("again.facts_written");
        steps.put_again(library, documents)?;
        crash::point("again.indexed");
        library.note_indexed(self.read.iter().map(|done| done.content))?;
        self.count(library, self.read.len() as u64)?;
        self.read.clear();
        Ok(())
    }

    /// Deferred contents count only where an earlier life left them.
    fn count(&mut self, library: &Library, read: u64) -> Result<()> {
        if self.progress.done >= self.progress.total {
            return Ok(());
        }
        self.progress.done = (self.progress.done + read).min(self.progress.total);
        if self.noted.is_empty() && self.job.is_none() {
            self.progress.done = self.progress.total;
        }
        library.note_again(self.progress)
    }

    /// The next content that a live file has: others are of old versions, and can wait until they
    /// are current again.
    fn begin_next(&mut self, library: &Library) -> Result<Option<Job>> {
        let means = library.readers().means();
        while let Some(content) = self.next() {
            let is_due = library
                .facts(&content)?
                .is_none_or(|facts| facts.is_to_be_read_again(means));
            match library.live_with(&content)? {
                Some(entry) if is_due => return Job::begin(library, entry).map(Some),
                _ => self.count(library, 1)?,
            }
        }
        Ok(None)
    }

    /// What is noted waits until all of it is counted.
    fn next(&mut self) -> Option<FileContent> {
        let deferred = self.deferred.pop_front();
        deferred.or_else(|| match self.look {
            Look::Over(_) => self.noted.pop_front(),
            Look::Behind(_) => None,
        })
    }

    /// Looks through some more of the facts.
    fn look_on(&mut self, library: &Library) -> Result<()> {
        match self.look {
            Look::Over(since) if since.elapsed() >= LOOK_AGAIN && self.noted.is_empty() => {
                self.look = Look::Behind(None);
            }
            Look::Over(_) => {}
            Look::Behind(after) => {
                let (found, last) = library.to_be_read_again(after.as_ref(), STRIDE)?;
                let is_new = |content: &FileContent| !self.is_at_hand(content);
                let found: Vec<FileContent> = found.into_iter().filter(is_new).collect();
                self.noted.extend(found);
                let is_over = last.is_none() || self.noted.len() >= MOST_NOTED;
                self.look = match is_over {
                    true => Look::Over(Instant::now()),
                    false => Look::Behind(last),
                };
                if is_over {
                    self.plan(library)?;
                }
            }
        }
        Ok(())
    }

    fn is_at_hand(&self, content: &FileContent) -> bool {
        self.deferred.contains(content)
            || self.job.as_ref().is_some_and(|job| job.content == *content)
            || self.read.iter().any(|done| done.content == *content)
    }

    /// A release that was stopped in the middle of it goes on counting where it stood.
    fn plan(&mut self, library: &Library) -> Result<()> {
        let left = self.noted.len() as u64;
        let before = library.reading_again()?;
        let done = before
            .filter(|before| before.extractor == extract::VERSION)
            .map_or(0, |before| before.done);
        self.progress = library::Again {
            extractor: extract::VERSION,
            done,
            total: done + left,
        };
        if left == 0 && before.is_none() {
            return Ok(());
        }
        tracing::info!(contents = left, "contents are read again");
        library.note_again(self.progress)
    }
}

impl Job {
    fn begin(library: &Library, entry: Entry) -> Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let (answer, outcome) = sync_channel(1);
        let content = entry.file_content();
        std::thread::Builder::new()
            .name("read-again".into())
            .spawn({
                let (library, stop) = (library.clone(), stop.clone());
                move || {
                    let stop = || stop.load(Ordering::Relaxed);
                    let read = read_blob(&library, &entry, Turn::Later, &stop)
                        .and_then(|read| recognised(&library, &entry, read, &stop));
                    // Whoever gave it up does not listen.
                    let _ = answer.send(read);
                }
            })
            .map_err(|e| Error::unavailable("No thread to read a content again.").because(e))?;
        Ok(Self {
            content,
            began: Instant::now(),
            stop,
            outcome,
        })
    }
}
