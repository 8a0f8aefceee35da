//! tantivy, shared: any number of processes search one index, one at a time writes to it.
//!
//! There is one folder per schema fingerprint, so a release with another schema builds its
//! own beside the old one, which the release before goes on using. Whoever holds the
//! [`Lease`] of a folder is its only writer; the lease is a kernel lock and dies with its
//! holder. Each commit carries the highest sequence it contains, which is where the next
//! holder resumes: applying a change twice is harmless, because it deletes by key, then adds.
//!
//! The folder may vanish or rot at any time. What cannot be opened, fails while it is searched or
//! was changed by somebody else is set aside by the next lease holder and built again from
//! sequence 0. See `index/damage.rs` for how that is noticed, `store/sigbus.rs` and
//! `index/pool.rs` for why the process outlives it.

mod damage;
mod fence;
mod lease;
mod pool;
mod queue;

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tantivy::collector::Count;
use tantivy::directory::error::{OpenDirectoryError, OpenReadError, OpenWriteError};
use tantivy::directory::{Directory, MmapDirectory};
use tantivy::query::TermQuery;
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, STRING, Schema, SchemaBuilder};
use tantivy::tokenizer::TokenizerManager;
use tantivy::{IndexMeta, IndexReader, ReloadPolicy, Searcher, TantivyError, Term};

use damage::{Files, Look, cut_short, is_cut_short};
use fence::{Fence, is_given_up};
pub use lease::{Change, Lease};
pub use pool::outlive_panics;
pub use tantivy;

use super::boots::Sentinel;
use super::sigbus;
use super::sync::lock;
use crate::error::{Error, Kind, Result};

/// Key of a document: what [`Change`] puts and deletes by. Absent from boot sentinels.
pub const KEY: &str = "_key";
/// The word by which a boot's sentinel is found.
pub const BOOT: &str = "_boot";

/// The mark on an index that is well and to be built anew.
const REPLACED: &str = "The search index is to be replaced.";
/// Between two looks at the files of an index in use.
const LOOK: Duration = Duration::from_millis(200);

/// What an app wants indexed.
pub struct Spec {
    /// The app's fields; the kit adds its own.
    pub schema: SchemaBuilder,
    pub tokenizers: TokenizerManager,
    /// Raised when the same text must be indexed differently though the schema is the same.
    pub revision: u32,
}

impl Default for Spec {
    /// No fields but the kit's own.
    fn default() -> Self {
        Self {
            schema: Schema::builder(),
            tokenizers: TokenizerManager::default(),
            revision: 0,
        }
    }
}

/// A handle on the index; clones share one reader.
#[derive(Clone)]
pub struct Index {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    lease_path: PathBuf,
    mark_path: PathBuf,
    schema: Schema,
    key: Field,
    boot: Field,
    tokenizers: TokenizerManager,
    memory: usize,
    opened: Mutex<Option<Opened>>,
    /// Of the lease that this process took last.
    held: Mutex<Option<Fence>>,
    /// Whether there was an index since the start: then one that is missing was taken away.
    had_index: AtomicBool,
    followed: Mutex<Followed>,
    repairs: Mutex<Vec<String>>,
}

struct Opened {
    index: tantivy::Index,
    reader: IndexReader,
    state: Payload,
    signature: Signature,
    files: Files,
    /// Why it cannot be relied on, though its files are whole.
    spoilt: Option<String>,
    /// Faults survived before it was opened.
    faults: u64,
}

/// What [`Index::follow`] remembers.
#[derive(Default)]
struct Followed {
    /// A commit that looked damaged once: it may have been going away at that moment.
    suspect: Option<Signature>,
    looked: Option<Instant>,
}

/// What a commit says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Payload {
    /// Highest sequence applied.
    pub applied: u64,
    /// When the folder was begun, in milliseconds since the epoch: older sentinels are not in it.
    pub born_ms: i64,
}

/// Tells, without opening anything, whether there is something new to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Signature {
    folder_inode: u64,
    meta_inode: u64,
    meta_changed: (i64, i64),
}

impl Index {
    /// Prepares the folder's names and opens what is there; an index that does not exist yet is
    /// made here if no other process is at it.
    pub fn open(root: &Path, spec: Spec, memory: usize) -> Result<Self> {
        let index = Self::attach(root, spec, memory)?;
        if index.refresh().is_err() || !index.is_open() {
            let made = lease::create_or_repair(&index.shared).and_then(|()| index.refresh());
            if let Err(error) = made {
                // An index can be rebuilt, so its want must not keep a release from starting.
                tracing::error!(%error, cause = ?std::error::Error::source(&error), "there is no search index yet");
            }
        }
        Ok(index)
    }

    /// As [`open`](Self::open), but makes and repairs nothing: call [`refresh`](Self::refresh)
    /// to see what is there.
    pub fn attach(root: &Path, spec: Spec, memory: usize) -> Result<Self> {
        let mut builder = spec.schema;
        let key = builder.add_u64_field(KEY, INDEXED | FAST);
        let boot = builder.add_text_field(BOOT, STRING);
        let schema = builder.build();
        let fingerprint = fingerprint(&schema, spec.revision)?;
        let folders = root.join("index");
        let index = Self {
            shared: Arc::new(Shared {
                folder: folders.join(&fingerprint),
                lease_path: root.join(format!("indexer-{fingerprint}.lock")),
                mark_path: root.join(format!("indexer-{fingerprint}.damaged")),
                schema,
                key,
                boot,
                tokenizers: spec.tokenizers,
                memory,
                opened: Mutex::new(None),
                held: Mutex::new(None),
                had_index: AtomicBool::new(false),
                followed: Mutex::default(),
                repairs: Mutex::new(Vec::new()),
            }),
        };
        Ok(index)
    }

    pub fn schema(&self) -> &Schema {
        &self.shared.schema
    }

    /// Where the index lives on disk.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// What was found damaged and set aside since the start, a sentence each.
    pub fn repairs(&self) -> Vec<String> {
        lock(&self.shared.repairs).clone()
    }

    pub fn is_open(&self) -> bool {
        lock(&self.shared.opened).is_some()
    }

    /// What the commit being searched says about itself.
    pub fn payload(&self) -> Payload {
        lock(&self.shared.opened)
            .as_ref()
            .map_or_else(Payload::default, |opened| opened.state)
    }

    /// Looks whether any process committed, and if so follows; costs two `stat` calls otherwise.
    pub fn refresh(&self) -> Result<bool> {
        let mut opened = lock(&self.shared.opened);
        let Some(signature) = self.shared.signature() else {
            return Ok(opened.take().is_some());
        };
        match &mut *opened {
            Some(opened) if opened.signature == signature => return Ok(false),
            Some(opened) if opened.signature.folder_inode == signature.folder_inode => {
                opened.go_on(signature, &self.shared.folder)?;
            }
            _ => *opened = Some(self.shared.open(signature)?),
        }
        Ok(true)
    }

    /// As [`refresh`](Self::refresh), and looks whether what is searched is still what was
    /// written; damage is marked for the lease holder to repair. To be called again and again.
    pub(super) fn follow(&self) -> Result<bool> {
        let mut followed = lock(&self.shared.followed);
        let outcome = self.refresh();
        if let Err(error) = &outcome
            && error.kind() == Kind::Damaged
        {
            let now = self.shared.signature();
            if let Some(signature) = now
                && followed.suspect == now
            {
                self.shared.mark_damaged(signature.folder_inode, error);
            }
            followed.suspect = now;
            return outcome;
        }
        followed.suspect = None;
        if followed.looked.is_none_or(|at| at.elapsed() >= LOOK) {
            self.look()?;
            followed.looked = Some(Instant::now());
        }
        outcome
    }

    /// Looks at the files of the commit being searched.
    fn look(&self) -> Result<()> {
        let (files, signature, spoilt) = match &*lock(&self.shared.opened) {
            Some(opened) => {
                let cut = is_cut_short(opened.faults).then(cut_short);
                let spoilt = opened.spoilt.clone().map(Error::damaged);
                (opened.files.clone(), opened.signature, cut.or(spoilt))
            }
            None => return Ok(()),
        };
        let inode = signature.folder_inode;
        if self.shared.is_marked(inode) {
            return Ok(());
        }
        if let Some(spoilt) = spoilt {
            self.shared.mark_damaged(inode, &spoilt);
            return Ok(());
        }
        let look = files.look(&self.shared.folder);
        // Another commit may have done away with them; it is looked at next time.
        if look == Look::Same || self.shared.signature() != Some(signature) {
            return Ok(());
        }
        if let Look::Harmed(why) = look {
            self.shared.mark_damaged(inode, &Error::damaged(why));
        } else if self.validate()?.is_empty()
            && let Some(opened) = &mut *lock(&self.shared.opened)
        {
            opened.files.accept(&self.shared.folder);
        }
        Ok(())
    }

    /// Runs `f` on what is committed. Damage, seen as an error, as a panic or as a file that was
    /// cut short, is marked for the lease holder to repair.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] while there is no index; [`Kind::Damaged`] if what `f` answered
    /// cannot be relied on.
    pub fn read<T>(&self, f: impl FnOnce(&Searcher) -> Result<T>) -> Result<T> {
        let (searcher, inode, faults) = match &*lock(&self.shared.opened) {
            Some(opened) => (
                opened.reader.searcher(),
                opened.signature.folder_inode,
                opened.faults,
            ),
            None => return Err(Error::unavailable("The search index is being built.")),
        };
        let mut outcome = catch_unwind(AssertUnwindSafe(|| f(&searcher)))
            .unwrap_or_else(|_| Err(Error::damaged("Searching failed inside the index.")));
        // Since the opening, not since the call: the zeros stay where they are.
        if is_cut_short(faults) {
            outcome = Err(cut_short());
        }
        if let Err(error) = &outcome
            && error.kind() == Kind::Damaged
        {
            self.shared.mark_damaged(inode, error);
        }
        outcome
    }

    /// Whether a boot's sentinel is found, by searching for its word.
    pub fn holds(&self, sentinel: &Sentinel) -> Result<bool> {
        let term = Term::from_field_text(self.shared.boot, &sentinel.word());
        self.read(|searcher| {
            let query = TermQuery::new(term, IndexRecordOption::Basic);
            Ok(searcher.search(&query, &Count)? > 0)
        })
    }

    /// Takes the writer's role, if nobody has it.
    pub fn lease(&self) -> Result<Option<Lease>> {
        lease::take(self)
    }

    /// Lets another process have the lease that this one holds, at once: what its writer still does
    /// fails, and changes nothing. The [`Lease`] is worth nothing any more and is to be dropped.
    pub fn give_up_lease(&self) {
        if let Some(fence) = lock(&self.shared.held).take() {
            fence.give_up();
        }
    }

    /// Has the lease holder do away with this index and begin a new one.
    pub fn replace(&self) -> Result<()> {
        let Some(signature) = self.shared.signature() else {
            return Ok(());
        };
        self.shared
            .mark(signature.folder_inode, REPLACED)
            .map_err(|e| Error::io("writing", &self.shared.mark_path, e))
    }

    /// Reads every file of the index and compares it with its checksum; marks and names the bad
    /// ones. Takes as long as reading the folder does.
    pub fn validate(&self) -> Result<Vec<PathBuf>> {
        let Some(signature) = self.shared.signature() else {
            return Ok(Vec::new());
        };
        // A merge may remove files while they are read; real damage is there again.
        let mut bad = self.shared.bad_files()?;
        for _ in 0..2 {
            if bad.is_empty() {
                return Ok(bad);
            }
            std::thread::sleep(Duration::from_millis(200));
            bad = self.shared.bad_files()?;
        }
        if !bad.is_empty() {
            self.shared.mark_damaged(
                signature.folder_inode,
                &Error::damaged("A file of the index does not match its checksum."),
            );
        }
        Ok(bad)
    }
}

impl Shared {
    fn signature(&self) -> Option<Signature> {
        let folder = std::fs::metadata(&self.folder).ok()?;
        let meta = std::fs::metadata(self.folder.join("meta.json")).ok()?;
        Some(Signature {
            folder_inode: folder.ino(),
            meta_inode: meta.ino(),
            meta_changed: (meta.mtime(), meta.mtime_nsec()),
        })
    }

    fn open_index(&self, folder: impl Into<Box<dyn Directory>>) -> Result<tantivy::Index> {
        let mut index = tantivy::Index::open(folder)?;
        if index.schema() != self.schema {
            return Err(Error::damaged(
                "The index has another schema than its folder's name says.",
            ));
        }
        index.set_tokenizers(self.tokenizers.clone());
        Ok(index)
    }

    fn directory(&self) -> Result<MmapDirectory> {
        Ok(MmapDirectory::open(&self.folder).map_err(TantivyError::from)?)
    }

    fn open(&self, signature: Signature) -> Result<Opened> {
        let faults = sigbus::faults();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let index = self.open_index(self.directory()?)?;
            let metas = index.load_metas()?;
            let reader = index
                .reader_builder()
                .reload_policy(ReloadPolicy::Manual)
                .doc_store_cache_num_blocks(4)
                .try_into()?;
            self.had_index.store(true, Ordering::Relaxed);
            let mut files = Files::default();
            files.go_on(&self.folder, metas.list_segment_files());
            Ok(Opened {
                index,
                reader,
                state: payload_in(&metas),
                signature,
                files,
                spoilt: None,
                faults,
            })
        }));
        outcome.unwrap_or_else(|_| Err(Error::damaged("The index cannot be opened.")))
    }

    /// Files that do not match their checksums; the folder itself if that cannot even be asked.
    /// Opened afresh, because an index only knows the files that were there when it was opened.
    fn bad_files(&self) -> Result<Vec<PathBuf>> {
        let asked = catch_unwind(AssertUnwindSafe(|| {
            Ok(self.open_index(self.directory()?)?.validate_checksum()?)
        }));
        match asked.unwrap_or_else(|_| Err(Error::damaged("The index cannot be read."))) {
            Ok(bad) => Ok(bad.into_iter().collect()),
            Err(error) if error.kind() == Kind::Damaged => Ok(vec![self.folder.clone()]),
            Err(error) => Err(error),
        }
    }
}

impl Opened {
    /// Follows to the commit that the folder has now.
    fn go_on(&mut self, signature: Signature, folder: &Path) -> Result<()> {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            // Read before the reload: it may be older than what is searched, never newer.
            let metas = self.index.load_metas()?;
            self.reader.reload()?;
            self.state = payload_in(&metas);
            let harmed = self.files.go_on(folder, metas.list_segment_files());
            self.spoilt = self.spoilt.take().or(harmed);
            self.signature = signature;
            Ok(())
        }));
        outcome.unwrap_or_else(|_| Err(Error::damaged("The index cannot be opened again.")))
    }
}

fn payload_in(metas: &IndexMeta) -> Payload {
    let payload = metas.payload.as_deref();
    payload
        .and_then(|payload| serde_json::from_str(payload).ok())
        .unwrap_or_default()
}

/// The folder's name: the schema, the kit's tokenizer revision and tantivy's format decide
/// whether two releases can share an index.
fn fingerprint(schema: &Schema, revision: u32) -> Result<String> {
    let fields = serde_json::to_vec(schema).map_err(|e| {
        Error::internal("The index schema could not be written as JSON.").because(e)
    })?;
    let mut hasher = Sha256::new();
    hasher.update(&fields);
    hasher.update(revision.to_le_bytes());
    hasher.update(tantivy::INDEX_FORMAT_VERSION.to_le_bytes());
    let digest = super::Digest::from_bytes(hasher.finalize().into());
    Ok(digest.to_string()[..16].to_owned())
}

fn open_lock(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|e| Error::io("opening", path, e))
}

impl From<TantivyError> for Error {
    fn from(error: TantivyError) -> Self {
        if matches!(io_of(&error), Some(io) if is_given_up(io)) {
            let sentence = "Another process writes to the search index now.";
            return Error::unavailable(sentence).because(error);
        }
        let (kind, sentence) = match kind_of(&error) {
            Kind::Damaged => (Kind::Damaged, "The search index is damaged."),
            Kind::NoSpace => (
                Kind::NoSpace,
                "The disk is full; the search index was not written.",
            ),
            Kind::Unavailable => (
                Kind::Unavailable,
                "Another process is writing to the search index.",
            ),
            _ => (Kind::Internal, "The search index failed."),
        };
        Error::new(kind, sentence).because(error)
    }
}

/// What the kernel refused is the machine's fault; whatever else went wrong with a file of the
/// index is in its bytes.
fn kind_of(error: &TantivyError) -> Kind {
    if let Some(io) = io_of(error) {
        return match (io.kind(), io.raw_os_error()) {
            (ErrorKind::StorageFull | ErrorKind::QuotaExceeded, _) => Kind::NoSpace,
            (ErrorKind::NotFound, _) | (_, None) => Kind::Damaged,
            (_, Some(_)) => Kind::Internal,
        };
    }
    match error {
        TantivyError::LockFailure(..) => Kind::Unavailable,
        TantivyError::DataCorruption(_)
        | TantivyError::IncompatibleIndex(_)
        | TantivyError::SchemaError(_)
        | TantivyError::FieldNotFound(_)
        | TantivyError::OpenReadError(_)
        | TantivyError::OpenDirectoryError(_) => Kind::Damaged,
        _ => Kind::Internal,
    }
}

fn io_of(error: &TantivyError) -> Option<&std::io::Error> {
    match error {
        TantivyError::IoError(io)
        | TantivyError::OpenReadError(OpenReadError::IoError { io_error: io, .. })
        | TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { io_error: io, .. })
        | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error: io, .. }) => Some(io),
        _ => None,
    }
}
