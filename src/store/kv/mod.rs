//! redb, shared by processes: facts that can be rebuilt and state that may be lost.
//!
//! A commit here costs two or three fsyncs and waits for the other process's, so nothing that a
//! client waits for may depend on one. Opening and beginning a write can block for as long as
//! another process holds redb's locks, so both happen on threads of their own: while the file is
//! not open, every call answers [`Kind::Unavailable`](crate::error::Kind::Unavailable) at once.
//!
//! Each value carries a CRC-32, because redb trusts its pages once the file is open. A value
//! that does not match, an error that means damage, or a panic inside redb has one consequence:
//! every process lets go of the file, one of them sets it aside as `facts.redb.bad-<time>` and
//! makes a new one. See `kv/keeper.rs` for how two processes never end up on different files.

mod keeper;
mod snapshot;
mod table;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redb::{Database, ReadableDatabase};

pub use keeper::State;
pub use snapshot::{Snapshot, View};
pub use table::{Batch, Json, Stored, Table};
pub use writer::Pending;

use crate::error::{Error, Result};
use keeper::Keeper;

const KIT: Table<Json<i64>> = Table::new("kit");
const BORN: &[u8] = b"born_ms";

/// A handle on the shared key-value file; clones share it.
#[derive(Clone)]
pub struct Kv {
    keeper: Arc<Keeper>,
    writer: Arc<writer::Writer>,
}

impl Kv {
    /// Begins to open `<root>/facts.redb` with at most `cache` bytes of cache; see
    /// [`wait_open`](Self::wait_open).
    pub fn open(root: &Path, cache: usize) -> Result<Self> {
        Self::start(root, cache, true)
    }

    /// As [`open`](Self::open), but makes and repairs nothing.
    pub fn attach(root: &Path, cache: usize) -> Result<Self> {
        Self::start(root, cache, false)
    }

    fn start(root: &Path, cache: usize, repairs_files: bool) -> Result<Self> {
        let keeper = Keeper::start(root, cache, repairs_files)?;
        let writer = Arc::new(writer::Writer::start(keeper.clone())?);
        Ok(Self { keeper, writer })
    }

    /// Waits up to `patience` for the file to be open. If it is not by then, that is no error: see
    /// [`state`](Self::state).
    pub fn wait_open(&self, patience: Duration) {
        self.keeper.wait_open(patience);
    }

    pub fn state(&self) -> State {
        self.keeper.state()
    }

    /// What was found damaged and set aside since the start, a sentence each.
    pub fn repairs(&self) -> Vec<String> {
        self.keeper.repairs()
    }

    /// When the file was begun, in milliseconds since the epoch: it holds nothing older.
    pub fn born_ms(&self) -> Result<i64> {
        self.keeper.with(born)
    }

    /// The value at a key.
    pub fn get<V: Stored>(&self, table: &Table<V>, key: &[u8]) -> Result<Option<V>> {
        self.keeper.with(|db| table::get(db, table, key))
    }

    /// What the store holds now, for many reads. Keep it for a moment only: as long as there is
    /// one, the file grows, and cannot be set aside if it is damaged.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::of(&self.keeper)
    }

    /// Up to `limit` pairs from `from` on, in key order. Keep `limit` small: a read transaction
    /// that stays open makes the file grow.
    pub fn scan<V: Stored>(
        &self,
        table: &Table<V>,
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, V)>> {
        self.keeper.with(|db| {
            let transaction = db.begin_read().map_err(table::storage)?;
            let Some(open) = snapshot::open(&transaction, table)? else {
                return Ok(Vec::new());
            };
            let mut pairs = Vec::new();
            for pair in redb::ReadableTable::range(&open, from..)
                .map_err(table::storage)?
                .take(limit)
            {
                let (key, value) = pair.map_err(table::storage)?;
                pairs.push((key.value().to_vec(), table::decode(value.value())?));
            }
            Ok(pairs)
        })
    }

    /// Reads every entry against its checksum, a few at a time, as long as `go_on` says so;
    /// answers how many were read. Damage is marked by being read.
    pub fn validate(&self, go_on: impl Fn() -> bool) -> Result<u64> {
        self.keeper.validate(go_on)
    }

    /// Applies a batch atomically; durable when this returns. Batches queued at the same time
    /// share a commit.
    pub fn write(&self, batch: Batch) -> Result<()> {
        self.queue(batch)?.wait()
    }

    /// Begins to [`write`](Self::write) a batch; what is queued later is durable no sooner.
    pub fn queue(&self, batch: Batch) -> Result<Pending> {
        self.writer.queue(batch)
    }

    /// Stores one value; see [`write`](Self::write).
    pub fn put<V: Stored>(&self, table: &Table<V>, key: &[u8], value: &V) -> Result<()> {
        let mut batch = Batch::default();
        batch.put(table, key, value)?;
        self.write(batch)
    }

    /// Lets queued writes finish and closes the file.
    pub fn close(&self) {
        self.writer.stop();
        self.keeper.stop();
    }
}

fn born(db: &Database) -> Result<i64> {
    Ok(table::get(db, &KIT, BORN)?.map_or(0, |Json(born_ms)| born_ms))
}

fn closed() -> Error {
    Error::unavailable("The facts store is closed; this process is stopping.")
}
