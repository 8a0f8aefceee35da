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

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::kv::{Json, Table};
use super::sql::ledger::{self, Earlier};
use super::{Blobs, Digest, Index, Kv, Sql, now_ms};
use crate::error::{Error, Kind, Result};

const IN_KV: Table<Json<Sentinel>> = Table::new("boot");
/// Earlier boots that are read back at each check, besides the very first one.
const CHECKED: u32 = 10;

/// One start of a release on this directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Boot {
    pub number: u64,
    pub release: String,
    pub host: String,
    pub pid: u32,
    pub started_ms: i64,
    /// The last sign of life, at most some seconds before its end.
    pub last_seen_ms: i64,
    /// Absent while it runs, and for ever if it was killed.
    pub ended_ms: Option<i64>,
}

impl Boot {
    /// This process, not yet numbered.
    fn here(release: &str) -> Self {
        let now_ms = now_ms();
        Self {
            number: 0,
            release: release.to_owned(),
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            pid: std::process::id(),
            started_ms: now_ms,
            last_seen_ms: now_ms,
            ended_ms: None,
        }
    }
}

/// What a boot leaves behind: a number and a word nobody else could have written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentinel {
    pub number: u64,
    pub token: String,
}

impl Sentinel {
    /// The word under which the index finds it.
    pub fn word(&self) -> String {
        format!("boot{}x{}", self.number, self.token)
    }

    fn content(&self) -> String {
        format!("wharfside boot {}\n{}\n", self.number, self.token)
    }
}

/// What could be read back from one store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct StoreProof {
    /// `blobs`, `boots`, `catalog`, `facts` or `index`.
    pub store: &'static str,
    pub state: ProofState,
    /// The oldest earlier boot whose sentinel was read back.
    pub written_by: Option<Boot>,
    /// How many boots there were since, this one included.
    pub boots_ago: u64,
    pub sentence: String,
}

impl StoreProof {
    fn older_catalog(boot: u64) -> Self {
        Self {
            store: "catalog",
            state: ProofState::Missing,
            written_by: None,
            boots_ago: 0,
            sentence: format!(
                "Boot {boot} left its mark in boots/, but is not in the catalog: the catalog is an older copy, and what was stored since is not in it."
            ),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProofState {
    /// Every sentinel that should be there was read back.
    Proven,
    /// There was no boot before this one.
    First,
    /// The store was built anew after the previous boot, and holds what was written since.
    Rebuilt,
    /// A sentinel that should be there is not.
    Missing,
    /// The store cannot be asked at the moment.
    Unavailable,
}

/// This process's boot, and the ledger of all.
#[derive(Clone)]
pub struct Boots {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    current: Boot,
    sentinel: Sentinel,
    in_kv: AtomicBool,
    indexed_through: AtomicU64,
}

impl Boots {
    /// Gives this start its number and leaves its sentinels in the catalog, the filesystem and
    /// the blobs. The other two follow by [`settle`](Self::settle) and [`pending`](Self::pending).
    pub fn record(root: &Path, release: &str, sql: &Sql, blobs: &Blobs) -> Result<Self> {
        let folder = root.join("boots");
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("creating", &folder, e))?;
        let token = uuid::Uuid::new_v4().simple().to_string();
        let mut current = Boot::here(release);
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
        write_file(&folder, &current, &sentinel)?;
        super::crash::point("boot.recorded");
        let mut stage = blobs.stage()?;
        stage.append(sentinel.content().as_bytes())?;
        let blob = blobs.seal(stage, None)?.digest;
        let number = current.number;
        sql.write(move |c| ledger::note_blob(c, number, &blob))?;
        super::crash::point("boot.sealed");
        Ok(Self::of(folder, current, sentinel))
    }

    /// The ledger without a boot of one's own, for whoever only looks: its number is the one
    /// that the next start would get, and nothing is left anywhere.
    pub fn observe(root: &Path, release: &str, sql: &Sql) -> Result<Self> {
        let mut current = Boot::here(release);
        current.number = sql.read(ledger::latest)? + 1;
        let sentinel = Sentinel {
            number: current.number,
            token: String::new(),
        };
        Ok(Self::of(root.join("boots"), current, sentinel))
    }

    fn of(folder: PathBuf, current: Boot, sentinel: Sentinel) -> Self {
        Self {
            shared: Arc::new(Shared {
                folder,
                current,
                sentinel,
                in_kv: AtomicBool::new(false),
                indexed_through: AtomicU64::new(0),
            }),
        }
    }

    pub fn current(&self) -> &Boot {
        &self.shared.current
    }

    /// Leaves the sentinel in the key-value store once that is open; does nothing afterwards.
    pub fn settle(&self, sql: &Sql, kv: &Kv) -> Result<()> {
        if self.shared.in_kv.load(Ordering::Relaxed) {
            return Ok(());
        }
        let sentinel = &self.shared.sentinel;
        kv.put(
            &IN_KV,
            &sentinel.number.to_be_bytes(),
            &Json(sentinel.clone()),
        )?;
        let number = sentinel.number;
        sql.write(move |c| ledger::note_in_kv(c, number))?;
        self.shared.in_kv.store(true, Ordering::Relaxed);
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
    pub fn indexed(&self, sql: &Sql, sentinels: &[Sentinel]) -> Result<()> {
        let numbers: Vec<u64> = sentinels.iter().map(|sentinel| sentinel.number).collect();
        sql.write(move |c| ledger::note_in_index(c, &numbers))
    }

    /// The index was replaced: its sentinels have to be looked for again.
    pub fn index_changed(&self) {
        self.shared.indexed_through.store(0, Ordering::Relaxed);
    }

    /// A sign of life.
    pub fn beat(&self, sql: &Sql) -> Result<()> {
        let number = self.shared.current.number;
        sql.write(move |c| ledger::beat(c, number))
    }

    /// The orderly end.
    pub fn end(&self, sql: &Sql) -> Result<()> {
        let number = self.shared.current.number;
        sql.write(move |c| ledger::end(c, number))
    }

    /// The latest boots, newest first.
    pub fn list(&self, sql: &Sql, limit: u32) -> Result<Vec<Boot>> {
        sql.read(|c| ledger::list(c, limit))
    }

    /// Reads back what earlier boots left in every store.
    pub fn verify(
        &self,
        sql: &Sql,
        kv: &Kv,
        index: &Index,
        blobs: &Blobs,
    ) -> Result<Vec<StoreProof>> {
        verify_before(
            &self.shared.folder,
            self.shared.current.number,
            sql,
            kv,
            index,
            blobs,
        )
    }
}

fn verify_before(
    folder: &Path,
    before: u64,
    sql: &Sql,
    kv: &Kv,
    index: &Index,
    blobs: &Blobs,
) -> Result<Vec<StoreProof>> {
    let earlier = sql.read(|c| ledger::earlier(c, before, CHECKED))?;
    let index_born_ms = index.payload().born_ms;
    Ok(vec![
        prove("blobs", before, &earlier, |one| match &one.blob {
            Some(digest) => same(read_blob(blobs, digest)? == one.sentinel.content()),
            None => Ok(Found::NotExpected),
        }),
        prove("boots", before, &earlier, |one| match &one.blob {
            Some(_) => same(read_file(folder, one.boot.number)?.as_ref() == Some(&one.sentinel)),
            None => Ok(Found::NotExpected),
        }),
        match unknown_boot(folder, before, &earlier)? {
            Some(boot) => StoreProof::older_catalog(boot),
            None => prove("catalog", before, &earlier, |_| Ok(Found::Same)),
        },
        prove("facts", before, &earlier, |one| {
            let key = one.sentinel.number.to_be_bytes();
            match kv.get(&IN_KV, &key)? {
                Some(Json(found)) => same(found == one.sentinel),
                None if !one.in_kv => Ok(Found::NotExpected),
                None if one.boot.last_seen_ms < kv.born_ms()? => Ok(Found::Rebuilt),
                None => Ok(Found::Lost),
            }
        }),
        prove("index", before, &earlier, |one| {
            if index.holds(&one.sentinel)? {
                Ok(Found::Same)
            } else if !one.in_index {
                Ok(Found::NotExpected)
            } else if one.boot.last_seen_ms < index_born_ms {
                Ok(Found::Rebuilt)
            } else {
                Ok(Found::Lost)
            }
        }),
    ])
}

enum Found {
    Same,
    Lost,
    /// That boot was killed before it got there.
    NotExpected,
    /// The store was begun anew after that boot had ended.
    Rebuilt,
}

fn same(equal: bool) -> Result<Found> {
    Ok(if equal { Found::Same } else { Found::Lost })
}

/// The latest boot that left a file but is not in the ledger: the catalog is an older copy.
fn unknown_boot(folder: &Path, before: u64, earlier: &[Earlier]) -> Result<Option<u64>> {
    let known: Vec<u64> = earlier.iter().map(|one| one.boot.number).collect();
    let numbers = file_numbers(folder)?;
    let recent = numbers.filter(|&n| n < before && n + u64::from(CHECKED) >= before);
    Ok(recent.filter(|number| !known.contains(number)).max())
}

/// Highest number of a boot that left a file; 0 if none did.
pub(super) fn latest_file(folder: &Path) -> Result<u64> {
    Ok(file_numbers(folder)?.max().unwrap_or(0))
}

fn file_numbers(folder: &Path) -> Result<impl Iterator<Item = u64>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io("reading", folder, error)),
    };
    Ok(entries.into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_suffix(".json")?.parse().ok()
    }))
}

/// Asks one store for each earlier sentinel, oldest first; the first loss ends it.
fn prove(
    store: &'static str,
    before: u64,
    earlier: &[Earlier],
    find: impl Fn(&Earlier) -> Result<Found>,
) -> StoreProof {
    let mut proof = StoreProof {
        store,
        state: ProofState::First,
        written_by: None,
        boots_ago: 0,
        sentence: "Nothing from an earlier boot to read back yet.".into(),
    };
    for one in earlier {
        let boot = &one.boot;
        let (state, sentence) = match find(one) {
            Ok(Found::NotExpected) => continue,
            Ok(Found::Same) => {
                if proof.written_by.is_none() {
                    proof.boots_ago = before - boot.number;
                    proof.written_by = Some(boot.clone());
                }
                (ProofState::Proven, "Read back.".to_owned())
            }
            Ok(Found::Rebuilt) => (
                ProofState::Rebuilt,
                format!(
                    "Built anew after boot {}; nothing older is in it.",
                    boot.number
                ),
            ),
            Err(error) if !matches!(error.kind(), Kind::NotFound | Kind::Damaged) => {
                (ProofState::Unavailable, error.sentence().to_owned())
            }
            Ok(Found::Lost) | Err(_) => (
                ProofState::Missing,
                format!(
                    "What boot {} (release {}) wrote is not there any more.",
                    boot.number, boot.release
                ),
            ),
        };
        proof.state = state;
        proof.sentence = sentence;
        if matches!(state, ProofState::Missing | ProofState::Unavailable) {
            break;
        }
    }
    if let (ProofState::Proven, Some(boot)) = (proof.state, &proof.written_by) {
        let when = since(now_ms() - boot.started_ms, proof.boots_ago);
        proof.sentence = format!(
            "Written by release {} {when}, read back by this one.",
            boot.release
        );
    }
    proof
}

/// `41 days and 17 deploys ago`; the days are left out of the first one.
fn since(age_ms: i64, boots: u64) -> String {
    let count = |n: u64, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    match u64::try_from(age_ms / 86_400_000).unwrap_or(0) {
        0 => format!("{} ago", count(boots, "deploy")),
        days => format!("{} and {} ago", count(days, "day"), count(boots, "deploy")),
    }
}

#[derive(Serialize, Deserialize)]
struct BootFile {
    #[serde(flatten)]
    boot: Boot,
    token: String,
}

fn write_file(folder: &Path, boot: &Boot, sentinel: &Sentinel) -> Result<()> {
    let content = BootFile {
        boot: boot.clone(),
        token: sentinel.token.clone(),
    };
    let bytes = serde_json::to_vec_pretty(&content)
        .map_err(|e| Error::internal("A boot could not be written as JSON.").because(e))?;
    super::write_durably(&folder.join(format!("{}.json", boot.number)), &bytes)
}

fn read_file(folder: &Path, number: u64) -> Result<Option<Sentinel>> {
    let path = folder.join(format!("{number}.json"));
    let bytes = std::fs::read(&path).map_err(|e| Error::io("reading", &path, e))?;
    Ok(serde_json::from_slice::<BootFile>(&bytes)
        .ok()
        .map(|file| Sentinel {
            number: file.boot.number,
            token: file.token,
        }))
}

fn read_blob(blobs: &Blobs, digest: &Digest) -> Result<String> {
    let mut text = String::new();
    let mut file = blobs.open_blob(digest)?;
    std::io::Read::read_to_string(&mut file, &mut text)
        .map_err(|e| Error::damaged("A boot's blob cannot be read.").because(e))?;
    Ok(text)
}
