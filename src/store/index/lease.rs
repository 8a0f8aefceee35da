//! The writer's role: taken by at most one process, given up by dropping it.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{DocId, IndexWriter, TantivyDocument, Term};

use super::damage::{cut_short, is_cut_short};
use super::fence::{Fence, FencedDirectory};
use super::queue::{Queued, Room};
use super::{Index, Payload, REPLACED, Shared, open_lock, payload_in, pool};
use crate::error::{Error, Kind, Result};
use crate::store::boots::Sentinel;
use crate::store::sync::lock;
use crate::store::{crash, forget_older, now_ms, sigbus, sync_parent};

/// Share of deleted documents at which a segment is merged to reclaim their space.
const DELETED_BEFORE_MERGE: f32 = 0.2;
/// Segments of one size that make a merge.
const SEGMENTS_BEFORE_MERGE: usize = 8;
/// Segments below this many documents count as one size, so that tiny commits merge early.
const SMALLEST_LAYER: DocId = 2_000;

/// Bytes that a writing thread needs at least.
const LEAST_MEMORY: usize = 15_000_000;
const MOST_WRITERS: usize = 2;

/// A change to one document. Applying it twice is harmless.
pub enum Change {
    Put {
        key: u64,
        document: TantivyDocument,
    },
    Delete {
        key: u64,
    },
    /// A boot's proof that it wrote to this store.
    Sentinel(Sentinel),
}

/// The only writer of the index, until it is given up or dropped.
///
/// Invariant: made from an index that was opened *after* the lock was taken. A writer made
/// from an older one would overwrite the list of managed files from stale memory and leak
/// files for ever.
pub struct Lease {
    shared: Arc<Shared>,
    index: Index,
    writer: Writer,
    room: Room,
    payload: Payload,
    taken: (Instant, i64),
    fence: Fence,
    /// Of the file that is locked: one in its place is another lock.
    lock_inode: u64,
}

/// The engine's writer. Its threads may outlive the lease: the [`Fence`] keeps what they still do
/// from the next holder.
struct Writer {
    /// Absent only while this is dropped.
    engine: Option<IndexWriter<Queued>>,
    shared: Arc<Shared>,
    /// Of the folder that it writes to.
    folder_inode: u64,
    /// Faults and panics survived before there was this writer.
    faults: u64,
    panics: u64,
    fence: Fence,
}

impl Writer {
    /// # Errors
    /// [`Kind::Damaged`] if nothing that is written from now on could be relied on. Committing
    /// would even wait for ever once the engine's thread is lost.
    fn engine(&mut self) -> Result<&mut IndexWriter<Queued>> {
        match (self.harm(), &mut self.engine) {
            (None, Some(engine)) => Ok(engine),
            (harm, _) => Err(harm.unwrap_or_else(pool::lost)),
        }
    }

    /// Why what was written by it cannot be relied on: merges and deletes read the segments, too.
    fn harm(&self) -> Option<Error> {
        if pool::panics() != self.panics {
            Some(pool::lost())
        } else if is_cut_short(self.faults) {
            Some(cut_short())
        } else {
            None
        }
    }

    fn tell_harm(&self) {
        if let Some(harm) = self.harm() {
            self.shared.mark_damaged(self.folder_inode, &harm);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            // Queued behind what is under way, which may yet lose its thread. Its own outcome is of
            // no interest.
            if !self.fence.is_given_up() {
                let _ = pool::wait(engine.garbage_collect_files(), self.panics);
            }
            if pool::panics() != self.panics {
                // Dropping it would join threads that wait for the lost one. What it holds is the
                // folder that is about to be set aside.
                std::mem::forget(engine);
            }
        }
        self.tell_harm();
        self.fence.give_up();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.room.forget();
    }
}

impl Lease {
    /// When the lock was taken.
    pub fn taken_at(&self) -> Instant {
        self.taken.0
    }

    /// The same in milliseconds since the epoch: after the lock was taken, and before anything
    /// was done with it.
    pub fn taken_ms(&self) -> i64 {
        self.taken.1
    }

    /// Name of the index's folder, which has a lease of its own.
    pub fn place(&self) -> String {
        name_of(&self.shared.folder)
    }

    /// Ends the writer and lets another process have the lease, unless it [was given
    /// up](Index::give_up_lease) before; answers when, in milliseconds since the epoch: after the
    /// last change of the index, and before the lock was let go.
    pub fn release(self) -> i64 {
        let fence = self.fence.clone();
        drop(self);
        fence.give_up()
    }

    /// Highest sequence that is durably in the index.
    pub fn applied(&self) -> u64 {
        self.payload.applied
    }

    /// Whether the folder is still the one this lease writes to, and not marked as damaged, and
    /// the lock's file still the one that others would lock. If not, drop the lease and take it
    /// again: that repairs.
    pub fn is_sound(&self) -> bool {
        self.writer.tell_harm();
        let lock_file = std::fs::metadata(&self.shared.lease_path);
        if !lock_file.is_ok_and(|found| found.ino() == self.lock_inode) {
            return false;
        }
        let inode = self.writer.folder_inode;
        let found = self.shared.signature();
        found.is_some_and(|found| found.folder_inode == inode) && !self.shared.is_marked(inode)
    }

    /// Applies the changes and [commits](Self::commit).
    ///
    /// # Errors
    /// After an error the lease is spent: drop it.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = Change>, through: u64) -> Result<()> {
        self.add(changes)?;
        self.commit(through)
    }

    /// Hands changes to the writer, waiting while it has enough to do. They are found, and last,
    /// only after a [`commit`](Self::commit); without one they are forgotten.
    ///
    /// # Errors
    /// After an error the lease is spent: drop it.
    pub fn add(&mut self, changes: impl IntoIterator<Item = Change>) -> Result<()> {
        let writer = self.writer.engine()?;
        for change in changes {
            match change {
                Change::Put { key, mut document } => {
                    writer.delete_term(Term::from_field_u64(self.shared.key, key));
                    document.add_u64(self.shared.key, key);
                    writer.add_document(self.room.admit(document)?)?;
                }
                Change::Delete { key } => {
                    writer.delete_term(Term::from_field_u64(self.shared.key, key));
                }
                Change::Sentinel(sentinel) => {
                    let word = sentinel.word();
                    writer.delete_term(Term::from_field_text(self.shared.boot, &word));
                    let mut document = TantivyDocument::default();
                    document.add_text(self.shared.boot, &word);
                    writer.add_document(self.room.admit(document)?)?;
                }
            }
        }
        crash::point("index.added");
        Ok(())
    }

    /// Commits all that was added, which is everything up to sequence `through`: durable and
    /// visible to this process when it returns, and to others as soon as they
    /// [`refresh`](Index::refresh).
    ///
    /// # Errors
    /// After an error the lease is spent: drop it.
    pub fn commit(&mut self, through: u64) -> Result<()> {
        self.payload.applied = through;
        let payload = serde_json::to_string(&self.payload).map_err(|e| {
            Error::internal("The commit's payload could not be written.").because(e)
        })?;
        let panics = self.writer.panics;
        let mut commit = self.writer.engine()?.prepare_commit()?;
        commit.set_payload(&payload);
        crash::point("index.prepared");
        pool::wait(commit.commit_future(), panics)?;
        crash::point("index.committed");
        self.index.refresh()?;
        Ok(())
    }
}

/// Takes the lease if it is free, repairing or creating the index where needed.
pub(super) fn take(index: &Index) -> Result<Option<Lease>> {
    let shared = index.shared.clone();
    let Some(held) = try_lock(&shared.lease_path)? else {
        return Ok(None);
    };
    let taken = (Instant::now(), now_ms());
    let lock_inode = held
        .metadata()
        .map_err(|e| Error::io("inspecting", &shared.lease_path, e))?
        .ino();
    let (faults, panics) = (sigbus::faults(), pool::panics());
    ensure(&shared)?;
    let fence = Fence::new(held);
    let fenced = FencedDirectory::new(shared.directory()?, fence.clone());
    let fresh = shared.open_index(fenced)?;
    let payload = payload_in(&fresh.load_metas()?);
    let threads = writers(shared.memory);
    let options = IndexWriterOptions::builder()
        .num_worker_threads(threads)
        .num_merge_threads(1)
        .memory_budget_per_thread(shared.memory / threads)
        .build();
    let writer: IndexWriter<Queued> = fresh.writer_with_options(options)?;
    let mut merges = LogMergePolicy::default();
    merges.set_min_num_segments(SEGMENTS_BEFORE_MERGE);
    merges.set_min_layer_size(SMALLEST_LAYER);
    merges.set_del_docs_ratio_before_merge(DELETED_BEFORE_MERGE);
    writer.set_merge_policy(Box::new(merges));
    let folder_inode = match shared.signature() {
        Some(signature) => signature.folder_inode,
        None => {
            return Err(Error::unavailable(
                "The search index vanished while it was opened.",
            ));
        }
    };
    index.refresh()?;
    *lock(&shared.held) = Some(fence.clone());
    crash::point("lease.taken");
    Ok(Some(Lease {
        index: index.clone(),
        writer: Writer {
            engine: Some(writer),
            shared: shared.clone(),
            folder_inode,
            faults,
            panics,
            fence: fence.clone(),
        },
        shared,
        room: Room::default(),
        payload,
        taken,
        fence,
        lock_inode,
    }))
}

/// Threads that write segments: as many as the memory is enough for, each needing its own.
fn writers(memory: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (memory / LEAST_MEMORY).clamp(1, cores.min(MOST_WRITERS))
}

/// At start: makes a missing index and repairs a damaged one, unless another process is at it.
pub(super) fn create_or_repair(shared: &Shared) -> Result<()> {
    if let Some(_held) = try_lock(&shared.lease_path)? {
        ensure(shared)?;
    }
    Ok(())
}

/// Invariant: the caller holds the lease's lock.
fn ensure(shared: &Shared) -> Result<()> {
    if shared.mark_path.exists() {
        // A mark may have come after the folder that it is about was set aside.
        let found = std::fs::metadata(&shared.folder).ok();
        match found.and_then(|found| shared.marked(found.ino())) {
            Some(why) if why == REPLACED => remove(shared)?,
            Some(why) => set_aside(shared, &Error::damaged(why))?,
            None => {}
        }
        std::fs::remove_file(&shared.mark_path)
            .map_err(|e| Error::io("removing", &shared.mark_path, e))?;
    }
    match shared.signature().map(|signature| shared.open(signature)) {
        Some(Ok(_)) => return Ok(()),
        Some(Err(error)) if error.kind() != Kind::Damaged => return Err(error),
        Some(Err(error)) => set_aside(shared, &error)?,
        // A folder without meta.json: creation was killed, or somebody deleted parts of it.
        None if shared.folder.exists() && !is_empty(&shared.folder) => {
            set_aside(
                shared,
                &Error::damaged("The search index has lost its meta.json."),
            )?;
        }
        None if shared.had_index.load(Ordering::Relaxed) => {
            tracing::warn!("the search index was taken away; it is begun anew");
            lock(&shared.repairs).push("The search index was gone and is being rebuilt.".into());
        }
        None => {}
    }
    create(shared)
}

fn create(shared: &Shared) -> Result<()> {
    make_room(shared)?;
    std::fs::create_dir_all(&shared.folder)
        .map_err(|e| Error::io("creating", &shared.folder, e))?;
    sync_parent(&shared.folder)?;
    let mut index = tantivy::Index::create_in_dir(&shared.folder, shared.schema.clone())?;
    index.set_tokenizers(shared.tokenizers.clone());
    let mut writer: IndexWriter = index.writer_with_num_threads(1, shared.memory)?;
    let payload = Payload {
        applied: 0,
        born_ms: now_ms(),
    };
    let payload = serde_json::to_string(&payload)
        .map_err(|e| Error::internal("The commit's payload could not be written.").because(e))?;
    let mut commit = writer.prepare_commit()?;
    commit.set_payload(&payload);
    commit.commit()?;
    crash::point("index.created");
    Ok(())
}

/// Does away with an index that nothing is wrong with.
fn remove(shared: &Shared) -> Result<()> {
    let aside = move_aside(shared)?;
    tracing::info!("the search index is built anew, as it was asked for");
    std::fs::remove_dir_all(&aside).map_err(|e| Error::io("removing", &aside, e))
}

fn move_aside(shared: &Shared) -> Result<PathBuf> {
    let name = name_of(&shared.folder);
    let aside = shared
        .folder
        .with_file_name(format!("{name}.bad-{}", now_ms()));
    std::fs::rename(&shared.folder, &aside)
        .map_err(|e| Error::io("renaming", &shared.folder, e))?;
    sync_parent(&shared.folder)?;
    shared.had_index.store(false, Ordering::Relaxed);
    forget_older(&aside, &format!("{name}.bad-"));
    Ok(aside)
}

fn set_aside(shared: &Shared, why: &Error) -> Result<()> {
    if !shared.folder.exists() {
        return Ok(());
    }
    let aside = move_aside(shared)?;
    let name = name_of(&aside);
    tracing::warn!(reason = %why, aside = %name, "search index set aside");
    lock(&shared.repairs).push(format!(
        "{why} It was set aside as index/{name} and is being rebuilt."
    ));
    Ok(())
}

/// A file where the folder of all indexes should be is moved out of the way.
fn make_room(shared: &Shared) -> Result<()> {
    let Some(folders) = shared.folder.parent() else {
        return Ok(());
    };
    if folders.is_dir() || !folders.exists() {
        return Ok(());
    }
    let aside = folders.with_file_name(format!("index.bad-{}", now_ms()));
    std::fs::rename(folders, &aside).map_err(|e| Error::io("renaming", folders, e))?;
    tracing::warn!(aside = %aside.display(), "a file named index was set aside");
    let sentence = format!(
        "index was not a folder; it was set aside as {}.",
        aside.display()
    );
    lock(&shared.repairs).push(sentence);
    Ok(())
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = open_lock(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(Error::io("locking", path, e)),
    }
}
