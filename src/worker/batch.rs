//! A batch of changes: its files read, their texts and facts made.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::extract::Extraction;
use crate::extract::child::{Document, Reading, Turn};
use crate::library::{Changed, Entry, FactsBatch, FileContent, Known, Library, Read};
use crate::store::crash;
use crate::store::index::Change;

/// Most files that are read together.
pub(super) const BATCH_FILES: usize = 1_000;

/// Texts in a batch at most, in bytes, apart from those that are being read when that is reached:
/// a small document may hold a large text.
const BATCH_TEXT: usize = 16 << 20;

/// How long others wait for a document. One that takes longer is found by its name and by what was
/// read until then, and read behind everything else ([`Again`](super::again::Again)).
pub(super) const TURN: Duration = Duration::from_secs(1);

/// A batch whose texts are read.
pub(super) struct Prepared {
    /// The sequence it reaches.
    pub through: u64,
    /// Whether there is more to do behind it.
    pub more: bool,
    pub changed: Vec<Changed>,
    read: Vec<Option<Indexed>>,
    pub facts: Option<FactsBatch>,
    /// Contents that took too long to be read now.
    pub deferred: Vec<FileContent>,
}

/// Reads the next batch, of at most so many bytes unless it is one file; answers nothing when told to stop.
pub(super) fn prepare(
    library: &Library,
    after: u64,
    most_bytes: u64,
    stop: &AtomicBool,
) -> Result<Option<Prepared>> {
    let mut changed = library.changed_after(after, BATCH_FILES, most_bytes)?;
    let found = changed.len();
    let Some(read) = read_all(library, &changed, stop)? else {
        return Ok(None);
    };
    changed.truncate(read.len());
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
        more: read.len() < found || changed.len() == BATCH_FILES || bytes >= most_bytes,
        changed,
        deferred: deferred(library, &read),
        read,
        facts,
    }))
}

/// Each text is dropped as soon as its document is made.
pub(super) fn documents(library: &Library, batch: Prepared) -> impl Iterator<Item = Change> {
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
struct Indexed {
    entry: Entry,
    text: String,
    found: Option<Read>,
    /// Whether its own turn is noted.
    is_noted: bool,
}

/// Reads the batch, several files at once; nothing for files that are gone. It ends early when the
/// texts become too many, with those that come first. Answers nothing at all when told to stop.
fn read_all(
    library: &Library,
    changed: &[Changed],
    stop: &AtomicBool,
) -> Result<Option<Vec<Option<Indexed>>>> {
    let (next, bytes, failed) = Default::default();
    let reader = Reader {
        library,
        changed,
        stop,
        next,
        bytes,
        failed,
    };
    // Texts that are known need a core each, others a child.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.max(library.readers().workers()).min(changed.len());
    let outcomes: Vec<Result<_>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| reader.run())).collect();
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
    if stop.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let mut read = Vec::with_capacity(changed.len());
    for outcome in outcomes {
        read.extend(outcome?);
    }
    read.sort_unstable_by_key(|(place, _)| *place);
    Ok(Some(read.into_iter().map(|(_, read)| read).collect()))
}

/// What the threads that read a batch share.
struct Reader<'a> {
    library: &'a Library,
    changed: &'a [Changed],
    stop: &'a AtomicBool,
    /// Whoever takes a place reads it, so those that are read have no gap.
    next: AtomicUsize,
    bytes: AtomicUsize,
    failed: AtomicBool,
}

impl Reader<'_> {
    fn run(&self) -> Result<Vec<(usize, Option<Indexed>)>> {
        let mut read = Vec::new();
        while !self.is_over() {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(changed) = self.changed.get(place) else {
                break;
            };
            let indexed = match &changed.entry {
                Some(entry) if entry.trashed_ms.is_none() => Some(self.read_one(entry)?),
                _ => None,
            };
            let bytes = indexed.as_ref().map_or(0, |indexed| indexed.text.len());
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
            read.push((place, indexed));
        }
        Ok(read)
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
            || self.failed.load(Ordering::Relaxed)
            || self.bytes.load(Ordering::Relaxed) >= BATCH_TEXT
    }

    /// What any release found out of this very file serves until it is
    /// [read again](super::again::Again): a rebuilt index must not wait for every document to be read.
    /// A file that has not had its turn is read even if another one has the same bytes: it would else
    /// be searchable sooner, and tell that.
    fn read_one(&self, entry: &Entry) -> Result<Indexed> {
        let content = entry.file_content();
        // Without the facts store the content itself is read again.
        if let Ok(Some(Known { facts, is_noted })) = self.library.known(&content)
            && let Ok(Some(text)) = self.library.text(&content, &facts)
        {
            return Ok(Indexed {
                entry: entry.clone(),
                text,
                found: None,
                is_noted,
            });
        }
        let stop = || self.stop.load(Ordering::Relaxed);
        let mut found = read_blob(self.library, entry, Turn::Now(TURN), &stop)
            .inspect_err(|_| self.failed.store(true, Ordering::Relaxed))?;
        Ok(Indexed {
            entry: entry.clone(),
            text: std::mem::take(&mut found.extraction.text),
            found: Some(found),
            is_noted: false,
        })
    }
}

/// A content that cannot be read must not hold up all others: it is found by its name, and the
/// failure is told once, here, and by `check --deep`.
///
/// # Errors
/// What says nothing about the content: it is to be tried again.
pub(super) fn read_blob(
    library: &Library,
    entry: &Entry,
    turn: Turn,
    stop: &dyn Fn() -> bool,
) -> Result<Read> {
    let opened = library.store().blobs.open_blob(&entry.sha256);
    let outcome = opened.and_then(|file| {
        let document = Document {
            file: &file,
            size: entry.size,
            name: entry.path.name(),
            media_type: &entry.media_type,
        };
        library.readers().read(&document, turn, stop)
    });
    let (extraction, is_whole) = match outcome {
        Ok(Reading::Done(found)) => (found, true),
        Ok(Reading::Unfinished(found)) => (found, false),
        Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Busy) => return Err(error),
        Err(error) => {
            tracing::error!(%error, file = entry.id, sha256 = %entry.sha256, "a stored content cannot be read");
            let found = Extraction {
                media_type: entry.media_type.clone(),
                name_only: Some("The stored content cannot be read; ask the operator to run \"wharfside check --deep\".".into()),
                ..Extraction::default()
            };
            (found, true)
        }
    };
    Ok(Read {
        extraction,
        is_whole,
        recognised: None,
    })
}

fn deferred(library: &Library, read: &[Option<Indexed>]) -> Vec<FileContent> {
    let unfinished = read.iter().flatten().filter(|indexed| {
        let found = indexed.found.as_ref();
        found.is_some_and(|found| is_unfinished(library, found))
    });
    unfinished
        .map(|indexed| indexed.entry.file_content())
        .collect()
}

/// Whether there is more to find in a content: it goes on, or holds scans.
pub(super) fn is_unfinished(library: &Library, found: &Read) -> bool {
    !found.is_whole || (library.readers().recognises() && !found.scans().is_empty())
}

fn facts_of(read: &[Option<Indexed>], after: u64, through: u64) -> Result<FactsBatch> {
    let mut facts = FactsBatch::new()?;
    for indexed in read.iter().flatten() {
        let content = indexed.entry.file_content();
        match &indexed.found {
            Some(found) => facts.put(&content, indexed.entry.size, found, &indexed.text, 0)?,
            None if !indexed.is_noted => facts.note_turn(&content),
            None => {}
        }
    }
    facts.note_progress(after, through);
    Ok(facts)
}
