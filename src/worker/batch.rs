//! A batch of changes: its files read, their texts and facts made.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Kind, Result};
use crate::extract::{self, Extraction};
use crate::library::{Changed, Entry, FactsBatch, Library};
use crate::store::crash;
use crate::store::index::Change;

/// Most files that are read together.
pub(super) const BATCH_FILES: usize = 1_000;

/// A batch whose texts are read.
pub(super) struct Prepared {
    /// The sequence it reaches.
    pub through: u64,
    /// Whether there is more to do behind it.
    pub more: bool,
    pub changed: Vec<Changed>,
    read: Vec<Option<Read>>,
    pub facts: Option<FactsBatch>,
}

/// Reads the next batch, of at most so many bytes unless it is one file; answers nothing when told to stop.
pub(super) fn prepare(
    library: &Library,
    after: u64,
    most_bytes: u64,
    stop: &AtomicBool,
) -> Result<Option<Prepared>> {
    let changed = library.changed_after(after, BATCH_FILES, most_bytes)?;
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
        more: changed.len() == BATCH_FILES || bytes >= most_bytes,
        changed,
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
pub(super) fn extract_blob(library: &Library, entry: &Entry) -> Result<Extraction> {
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
            name_only: Some("The stored content cannot be read; ask the operator to run \"wharfside check --deep\".".into()),
            ..Extraction::default()
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
