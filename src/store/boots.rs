//! The self-check: every start leaves a sentinel in all four stores, and reads back those that
//! earlier starts left, the way the app reads its data.
//!
//! | store | the sentinel | read back by |
//! |---|---|---|
//! | filesystem | `boots/<n>.json` and a blob | opening, and re-hashing the blob |
//! | SQLite | a row of `kit_boot` | a query |
//! | redb | an entry of table `boot` | a key look-up |
//! | tantivy | a document with one word | a search |
//!
//! A number is given by SQLite, so it is unique among processes and never used twice. The index's
//! sentinel is written by whoever holds the lease, and so arrives a moment later.
//!
//! The ledger also tells how the boots followed each other: when each was ready, when it was told
//! to go, how it [ended](Ending), whom it ran [beside](Overlap), and how the index lease went
//! from one to the next ([`Term`]).

mod file;
mod neighbours;
mod proof;
mod record;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(super) use file::latest as latest_file;
use neighbours::Neighbours;
pub use proof::{ProofState, StoreProof};
pub(in crate::store) use record::Beside;
pub use record::{Boot, Ending, HandOver, Overlap, Sentinel, Term};

use super::kv::{Json, Table};
use super::sql::ledger::{self, Beat, overlap, term};
use super::sync::lock;
use super::{Blobs, Index, Kv, Lease, Sql, now_ms};
use crate::error::{Error, Result};

const IN_KV: Table<Json<Sentinel>> = Table::new("boot");
/// Between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The same while an overlap is young, so that the ledger is exact to about this.
const IN_COMPANY: Duration = Duration::from_secs(1);
/// Longer than a deploy overlaps: whoever stays together for longer is meant to.
const YOUNG: Duration = Duration::from_secs(3 * 60);
/// Least time between two looks at the others: a query, and a try of one lock for each of them.
const LOOK: Duration = Duration::from_millis(50);

/// This process's boot, and the ledger of all.
#[derive(Clone)]
pub struct Boots {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    current: Boot,
    sentinel: Sentinel,
    /// When the file was begun that has the sentinel; 0 until one does.
    in_kv: AtomicI64,
    indexed_through: AtomicU64,
    served: AtomicU64,
    has_company: AtomicBool,
    /// Milliseconds since the epoch; 0 until then.
    ready_ms: AtomicI64,
    told_ms: AtomicI64,
    pulse: Mutex<Pulse>,
    /// While it is held, the others know that this process lives. Absent when only looking.
    _alive: Option<File>,
}

/// When this process last looked at the others and last told of itself.
#[derive(Default)]
struct Pulse {
    neighbours: Neighbours,
    looked: Option<Instant>,
    beaten: Option<Instant>,
    /// When it was ready and when told to go, as the ledger has it.
    noted: (Option<i64>, Option<i64>),
}

impl Boots {
    /// Gives this start its number and leaves its sentinels in the catalog, the filesystem and
    /// the blobs. The other two follow by [`settle`](Self::settle) and [`pending`](Self::pending).
    /// `started_ms` is when the start began, in milliseconds since the epoch.
    pub fn record(
        root: &Path,
        release: &str,
        started_ms: i64,
        sql: &Sql,
        blobs: &Blobs,
    ) -> Result<Self> {
        let folder = root.join("boots");
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("creating", &folder, e))?;
        let token = uuid::Uuid::new_v4().simple().to_string();
        let mut current = Boot::here(release, started_ms);
        let taken = latest_file(&folder)?;
        current.number = sql.write({
            let (boot, token) = (current.clone(), token.clone());
            move |c| ledger::insert(c, &boot, &token, taken)
        })?;
        super::crash::point("boot.numbered");
        let sentinel = Sentinel {
            number: current.number,
            token,
        };
        let alive = file::write(&folder, &current, &sentinel)?;
        super::crash::point("boot.recorded");
        let mut stage = blobs.stage()?;
        stage.append(sentinel.content().as_bytes())?;
        let blob = blobs.seal(stage, None)?.digest;
        let number = current.number;
        sql.write(move |c| ledger::note_blob(c, number, &blob))?;
        super::crash::point("boot.sealed");
        Ok(Self::of(folder, current, sentinel, Some(alive)))
    }

    /// The ledger without a boot of one's own, for whoever only looks: its number is the one
    /// that the next start would get, and nothing is left anywhere.
    pub fn observe(root: &Path, release: &str, sql: &Sql) -> Result<Self> {
        let mut current = Boot::here(release, now_ms());
        current.number = sql.read(ledger::latest)? + 1;
        let sentinel = Sentinel {
            number: current.number,
            token: String::new(),
        };
        Ok(Self::of(root.join("boots"), current, sentinel, None))
    }

    fn of(folder: PathBuf, current: Boot, sentinel: Sentinel, alive: Option<File>) -> Self {
        Self {
            shared: Arc::new(Shared {
                folder,
                current,
                sentinel,
                in_kv: AtomicI64::new(0),
                indexed_through: AtomicU64::new(0),
                served: AtomicU64::new(0),
                has_company: AtomicBool::new(false),
                ready_ms: AtomicI64::new(0),
                told_ms: AtomicI64::new(0),
                pulse: Mutex::default(),
                _alive: alive,
            }),
        }
    }

    /// This boot as it was when it began.
    pub fn current(&self) -> &Boot {
        &self.shared.current
    }

    /// Leaves the sentinel in the key-value store once that is open, and again if that was begun
    /// anew; does nothing otherwise.
    pub fn settle(&self, sql: &Sql, kv: &Kv) -> Result<()> {
        let born_ms = kv.born_ms()?.max(1);
        if self.shared.in_kv.load(Ordering::Relaxed) == born_ms {
            return Ok(());
        }
        let sentinel = &self.shared.sentinel;
        kv.put(
            &IN_KV,
            &sentinel.number.to_be_bytes(),
            &Json(sentinel.clone()),
        )?;
        let number = sentinel.number;
        sql.write(move |c| ledger::note_in_kv(c, number, born_ms))?;
        self.shared.in_kv.store(born_ms, Ordering::Relaxed);
        Ok(())
    }

    /// Sentinels of recent boots that the index does not hold yet; for the lease holder to add.
    pub fn pending(&self, sql: &Sql, index: &Index) -> Result<Vec<Sentinel>> {
        let through = self.shared.indexed_through.load(Ordering::Relaxed);
        let born_ms = index.payload().born_ms;
        let recent = sql.read(|c| ledger::sentinels(c, through, born_ms))?;
        let mut missing = Vec::new();
        for sentinel in &recent {
            if !index.holds(sentinel)? {
                missing.push(sentinel.clone());
            }
        }
        if missing.is_empty()
            && let Some(newest) = recent.first()
        {
            self.shared
                .indexed_through
                .store(newest.number, Ordering::Relaxed);
        }
        Ok(missing)
    }

    /// Notes which sentinels the index now holds durably, so that their absence means loss.
    pub fn indexed(&self, sql: &Sql, index: &Index, sentinels: &[Sentinel]) -> Result<()> {
        let numbers: Vec<u64> = sentinels.iter().map(|sentinel| sentinel.number).collect();
        let born_ms = index.payload().born_ms;
        sql.write(move |c| ledger::note_in_index(c, &numbers, born_ms))
    }

    /// The index was replaced: its sentinels have to be looked for again.
    pub fn index_changed(&self) {
        self.shared.indexed_through.store(0, Ordering::Relaxed);
    }

    // ---- this boot's life

    /// One more request was answered, or whatever the app calls a piece of work for others.
    pub fn count_served(&self) {
        self.shared.served.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether another process was at work on this directory when it was last looked at, about a
    /// tenth of a second ago.
    pub fn has_company(&self) -> bool {
        self.shared.has_company.load(Ordering::Relaxed)
    }

    /// Whether a process of another release is at work on this directory.
    ///
    /// # Errors
    /// As of [`pulse`](Self::pulse).
    pub fn is_beside_another_release(&self, sql: &Sql) -> Result<bool> {
        self.pulse(sql)?;
        let living = lock(&self.shared.pulse).neighbours.numbers();
        let release = &self.shared.current.release;
        for number in living {
            let other = sql.read(|c| ledger::release_of(c, number))?;
            if other.as_ref() != Some(release) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// This process does from now on what it is there for. Noted a moment later.
    pub fn ready(&self) {
        note_once(&self.shared.ready_ms);
    }

    /// This process was told to go. Noted a moment later, so that nothing waits for it.
    pub fn told(&self) {
        note_once(&self.shared.told_ms);
    }

    /// Looks how the others are and gives a sign of life, each when it is time to; for a thread
    /// to call several times a second.
    ///
    /// # Errors
    /// Those of the catalog and of the folder `boots/`. What could not be done is tried again
    /// when it is next due.
    pub fn pulse(&self, sql: &Sql) -> Result<()> {
        let shared = &*self.shared;
        let mut pulse = lock(&shared.pulse);
        let mut looked = Ok(false);
        if is_over(pulse.looked, LOOK) {
            pulse.looked = Some(Instant::now());
            let served = shared.served.load(Ordering::Relaxed);
            looked = pulse
                .neighbours
                .look(&shared.folder, &shared.current, served, sql);
            let has_company = pulse.neighbours.youngest().is_some();
            shared.has_company.store(has_company, Ordering::Relaxed);
        }
        let is_news = self.signs() != pulse.noted || matches!(looked, Ok(true));
        if is_news || is_over(pulse.beaten, pulse.pace()) {
            pulse.beaten = Some(Instant::now());
            let beat = self.beat(&pulse);
            pulse.noted = (beat.ready_ms, beat.told_ms);
            sql.write(move |c| ledger::beat(c, &beat))?;
            pulse.neighbours.noted();
        }
        looked.map(drop)
    }

    /// The orderly end.
    pub fn end(&self, sql: &Sql) -> Result<()> {
        let last = self.beat(&lock(&self.shared.pulse));
        sql.write(move |c| ledger::end(c, &last))
    }

    fn beat(&self, pulse: &Pulse) -> Beat {
        let (ready_ms, told_ms) = self.signs();
        Beat {
            number: self.shared.current.number,
            ready_ms,
            told_ms,
            beside: pulse.neighbours.beside(),
        }
    }

    /// When this boot was ready, and when it was told to go.
    fn signs(&self) -> (Option<i64>, Option<i64>) {
        let read = |at: &AtomicI64| Some(at.load(Ordering::Relaxed)).filter(|ms| *ms != 0);
        (read(&self.shared.ready_ms), read(&self.shared.told_ms))
    }

    // ---- the index lease

    /// Notes that this boot holds the lease, and answers the number of its term. `waited` is the
    /// time since another process was last found holding it; absent if none was.
    pub fn lease_taken(&self, sql: &Sql, lease: &Lease, waited: Option<Duration>) -> Result<u64> {
        let (number, taken_ms) = (self.shared.current.number, lease.taken_ms());
        let place = lease.place();
        let waited_ms = waited.map(|waited| i64::try_from(waited.as_millis()).unwrap_or(i64::MAX));
        sql.write(move |c| term::begin(c, number, &place, taken_ms, waited_ms))
    }

    /// Notes when the lease was let go, as [`Lease::release`] answered it.
    pub fn lease_released(&self, sql: &Sql, term: u64, released_ms: i64) -> Result<()> {
        sql.write(move |c| term::end(c, term, released_ms))
    }

    // ---- what the ledger tells

    /// The latest boots, newest first.
    pub fn list(&self, sql: &Sql, limit: u32) -> Result<Vec<Boot>> {
        sql.read(|c| ledger::list(c, limit))
    }

    /// The overlaps of boot `from` and of those after it, latest first.
    pub fn overlaps(&self, sql: &Sql, from: u64) -> Result<Vec<Overlap>> {
        sql.read(|c| overlap::list(c, from))
    }

    /// The terms in which boot `from` and those after it held the index lease, latest first.
    pub fn terms(&self, sql: &Sql, from: u64) -> Result<Vec<Term>> {
        sql.read(|c| term::list(c, from))
    }

    /// Reads back what earlier boots left in every store.
    pub fn verify(
        &self,
        sql: &Sql,
        kv: &Kv,
        index: &Index,
        blobs: &Blobs,
    ) -> Result<Vec<StoreProof>> {
        let Shared {
            folder, current, ..
        } = &*self.shared;
        proof::verify(folder, current.number, sql, kv, index, blobs)
    }
}

impl Pulse {
    fn pace(&self) -> Duration {
        match self.neighbours.youngest() {
            Some(age) if age < YOUNG => IN_COMPANY,
            _ => HEARTBEAT,
        }
    }
}

fn is_over(since: Option<Instant>, pause: Duration) -> bool {
    since.is_none_or(|since| since.elapsed() >= pause)
}

/// The first time counts.
fn note_once(at: &AtomicI64) {
    let _ = at.compare_exchange(0, now_ms(), Ordering::Relaxed, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
