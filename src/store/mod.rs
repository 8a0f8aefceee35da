//! The kit: four embedded engines made durable, and safe to share between two releases.
//!
//! It knows nothing of files, folders or users; `examples/guestbook.rs` is a different app on
//! the same kit. A tour, from the ground up:
//!
//! - [`mount`]: what the directory really is, and what to do if it will not last.
//! - [`blobs`]: contents on the filesystem, named by their SHA-256, never changed once there.
//! - [`sql`]: SQLite for what must not be lost. [`Sql::write`] returns when it is durable.
//! - [`kv`]: redb for what can be rebuilt or may expire.
//! - [`index`]: tantivy for finding. Everyone searches; the holder of the [`Lease`] writes.
//! - [`boots`]: sentinels in all four, read back by the next start.
//! - [`rehearse`]: a start tried beside a running release, without changing anything.
//! - [`wake`]: how one process learns at once that another committed.
//!
//! ```no_run
//! use wharfside::store::{Options, Store, index, sql::Migration};
//! # fn main() -> wharfside::error::Result<()> {
//! let (store, report) = Store::open(Options {
//!     root: "./storage".as_ref(),
//!     release: "a1b2c3",
//!     migrations: &[Migration {
//!         sql: "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",
//!         compatible_back_to: 0,
//!     }],
//!     index: index::Spec::default(),
//!     index_memory: 16 << 20,
//!     kv_cache: 8 << 20,
//!     staging_grace: std::time::Duration::from_secs(3600),
//! })?;
//! store.sql.write(|c| Ok(c.execute("INSERT INTO note (text) VALUES ('hello')", [])?))?;
//! println!("boot {}, repaired: {:?}", store.boots.current().number, report.repairs);
//! store.close();
//! # Ok(())
//! # }
//! ```
//!
//! Durability, argued by cases. *Killed at any instruction*: blobs appear by rename after their
//! bytes are synced; SQLite, redb and tantivy commit atomically; flocks die with their holder.
//! *Power lost*: what was answered had been fsynced, the directory entry included. *Disk full*:
//! the write fails, its traces are removed, and nothing that was there is touched. Assumed: a
//! local filesystem on one host, whose fsync does what it says.

pub mod blobs;
pub mod boots;
pub mod crash;
mod digest;
mod fitness;
mod follow;
mod identity;
pub mod index;
pub mod kv;
mod modes;
pub mod mount;
pub mod rehearse;
mod sigbus;
pub mod sql;
pub(crate) mod sync;
pub mod wake;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use blobs::Blobs;
pub use boots::Boots;
pub use digest::Digest;
pub use identity::Identity;
pub use index::{Index, Lease};
pub use kv::Kv;
pub use modes::restrict_umask;
pub use mount::{Finding, Mount, Severity};
pub use rehearse::Rehearsal;
pub use sql::Sql;

use crate::error::{Error, Result};
use follow::{Followed, Follower};
use wake::{Changes, Wake};

/// Name and version of each engine in this build.
pub fn engines() -> [(&'static str, &'static str); 3] {
    let tantivy = index::tantivy::version_string();
    [
        ("SQLite", sql::rusqlite::version()),
        ("redb", env!("WHARFSIDE_REDB_VERSION")),
        // Its index format tells whether two releases can share an index.
        (
            "tantivy",
            tantivy.strip_prefix("tantivy v").unwrap_or(tantivy),
        ),
    ]
}

/// Folders right inside the directory.
pub const FOLDERS: &[&str] = &["blobs", "staging", "boots", "backups"];
/// Files right inside the directory that are opened before anything could set them aside.
pub const FILES: &[&str] = &["wharfside.json", "wake", "catalog.sqlite"];

/// How long a start waits for the facts store before it goes on without.
const KV_PATIENCE: Duration = Duration::from_millis(1500);

/// What a store is opened with.
pub struct Options<'a> {
    /// The directory that outlives releases.
    pub root: &'a Path,
    /// Name of this release, for the boot ledger.
    pub release: &'a str,
    pub migrations: &'a [sql::Migration],
    pub index: index::Spec,
    /// Bytes for the index writer; at least 15 MB.
    pub index_memory: usize,
    /// Bytes of redb's cache.
    pub kv_cache: usize,
    /// Age below which leftovers in `staging/` are left alone, locked or not.
    pub staging_grace: Duration,
}

/// The open stores. Clones share everything.
#[derive(Clone)]
pub struct Store {
    pub identity: Identity,
    pub mount: Arc<Mount>,
    pub blobs: Blobs,
    pub sql: Sql,
    pub kv: Kv,
    pub index: Index,
    pub boots: Boots,
    wake: Arc<Wake>,
    follower: Arc<Follower>,
}

/// What an open found, repaired and rebuilt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub schema: sql::Found,
    /// One sentence each; empty when there was nothing to do.
    pub repairs: Vec<String>,
    /// That the directory was open to other users of the machine, if it was.
    pub restricted: Option<String>,
    /// What earlier boots left, read back by this start.
    pub proofs: Vec<boots::StoreProof>,
}

impl Store {
    /// Opens everything, in the order that keeps a killed start harmless: the directory's
    /// identity, blobs, the catalog (migrated), the facts, the index, and last the boot that
    /// claims all of them are there.
    ///
    /// # Errors
    /// [`Kind::Incompatible`](crate::error::Kind::Incompatible) when this release cannot run on this directory; what is there is untouched.
    pub fn open(options: Options<'_>) -> Result<(Self, Report)> {
        let started_ms = now_ms();
        let root = options.root;
        let mut mount = Mount::prepare(root)?;
        refuse_blocked(&mount)?;
        let restricted = modes::restrict(root)?;
        if restricted.is_some() {
            mount = Mount::inspect(root)?;
        }
        let identity = Identity::establish(root)?;
        let backups = root.join("backups");
        std::fs::create_dir_all(&backups).map_err(|e| Error::io("creating", &backups, e))?;
        let wake = Arc::new(Wake::open(root)?);
        let blobs = Blobs::open(root)?;
        let grace = options.staging_grace;
        let swept = blobs.sweep_staging(grace)?;
        let catalog = root.join("catalog.sqlite");
        let expected = Expected::of(root, &catalog, options.migrations)?;
        let admit = |version| expected.admit(version);
        let (sql, schema) = Sql::open(&catalog, options.migrations, &backups, wake.clone(), admit)?;
        sql.write(sql::ledger::create_tables)?;
        let kv = Kv::open(root, options.kv_cache)?;
        if let Err(error) = sigbus::survive_below(&root.join("index")) {
            tracing::warn!(%error, "an index file that is cut short will end this process");
        }
        let index = Index::open(root, options.index, options.index_memory)?;
        kv.wait_open(KV_PATIENCE);
        let boots = Boots::record(root, options.release, started_ms, &sql, &blobs)?;
        let followed = Followed {
            sql: sql.clone(),
            kv: kv.clone(),
            index: index.clone(),
            boots: boots.clone(),
            blobs: blobs.clone(),
            grace,
        };
        let follower = Follower::start(followed, &wake)?;
        let mut repairs = kv.repairs();
        repairs.extend(index.repairs());
        if swept.files > 0 {
            repairs.push(format!(
                "{} abandoned uploads ({} bytes) were removed from staging/.",
                swept.files, swept.bytes
            ));
        }
        let store = Self {
            identity,
            mount: Arc::new(mount),
            blobs,
            sql,
            kv,
            index,
            boots,
            wake,
            follower: Arc::new(follower),
        };
        let proofs = store.verify()?;
        let report = Report {
            schema,
            repairs,
            restricted,
            proofs,
        };
        Ok((store, report))
    }

    /// Opens what is there to look at it: no boot, no migration, no repair, no sweeping.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) where no release has started yet.
    pub fn attach(options: Options<'_>) -> Result<(Self, Report)> {
        let root = options.root;
        let mount = Mount::inspect(root)?;
        refuse_blocked(&mount)?;
        let catalog = root.join("catalog.sqlite");
        let identity = Identity::look(root)?;
        let expected = Expected::of(root, &catalog, options.migrations)?;
        let identity = identity.filter(|_| catalog.exists()).ok_or_else(|| {
            Error::not_found(format!("No release has started on {} yet.", root.display()))
        })?;
        let wake = Arc::new(Wake::open(root)?);
        let blobs = Blobs::open(root)?;
        let admit = |version| expected.admit(version);
        let (sql, schema) = Sql::attach(&catalog, options.migrations, wake.clone(), admit)?;
        let kv = Kv::attach(root, options.kv_cache)?;
        let index = Index::attach(root, options.index, options.index_memory)?;
        kv.wait_open(KV_PATIENCE);
        let boots = Boots::observe(root, options.release, &sql)?;
        let repairs = index
            .refresh()
            .err()
            .map(|error| error.sentence().to_owned());
        let store = Self {
            identity,
            mount: Arc::new(mount),
            blobs,
            sql,
            kv,
            index,
            boots,
            wake,
            follower: Arc::new(Follower::absent()),
        };
        let report = Report {
            schema,
            repairs: repairs.into_iter().collect(),
            restricted: None,
            proofs: Vec::new(),
        };
        Ok((store, report))
    }

    /// Closes what was [attached](Self::attach); the ledger is not told.
    pub fn detach(&self) {
        self.kv.close();
        self.sql.close();
    }

    /// Reads back what earlier boots wrote, store by store.
    pub fn verify(&self) -> Result<Vec<boots::StoreProof>> {
        self.boots
            .verify(&self.sql, &self.kv, &self.index, &self.blobs)
    }

    /// Counts commits of any process; see [`Changes::wait`].
    pub fn changes(&self) -> Changes {
        self.wake.changes()
    }

    /// Tells every process to look at the index again.
    pub fn announce(&self) {
        self.wake.ring();
    }

    /// Notes the orderly end in the ledger, then closes in reverse order of opening.
    pub fn close(&self) {
        self.follower.stop();
        if let Err(error) = self.boots.end(&self.sql) {
            tracing::warn!(%error, "the end of this boot could not be noted");
        }
        self.detach();
    }
}

/// # Errors
/// [`Kind::Incompatible`](crate::error::Kind::Incompatible) if something of the wrong kind has one
/// of our names.
fn refuse_blocked(mount: &Mount) -> Result<()> {
    match mount.in_the_way(FOLDERS, FILES) {
        Some(finding) => Err(Error::incompatible(finding.sentence)),
        None => Ok(()),
    }
}

/// What a directory had before. A catalog that is gone must not be taken for one that never was:
/// an empty one would name none of the blobs, and they would be collected.
struct Expected<'a> {
    catalog: &'a Path,
    /// The latest start that left its mark; 0 if none did.
    booted: u64,
    /// Whether a catalog in use has a schema above 0.
    has_schema: bool,
}

impl<'a> Expected<'a> {
    /// # Errors
    /// [`Kind::Incompatible`](crate::error::Kind::Incompatible) if the catalog's file is gone.
    fn of(root: &Path, catalog: &'a Path, migrations: &[sql::Migration]) -> Result<Self> {
        let expected = Self {
            catalog,
            booted: boots::latest_file(&root.join("boots"))?,
            has_schema: !migrations.is_empty(),
        };
        let has_bytes = std::fs::metadata(catalog).is_ok_and(|found| found.len() > 0);
        match expected.booted > 0 && !has_bytes {
            true => Err(expected.lost()),
            false => Ok(expected),
        }
    }

    /// # Errors
    /// [`Kind::Incompatible`](crate::error::Kind::Incompatible) if the catalog, of schema
    /// `version`, is a new one in the place of one that is gone.
    fn admit(&self, version: u32) -> Result<()> {
        match self.booted > 0 && self.has_schema && version == 0 {
            true => Err(self.lost()),
            false => Ok(()),
        }
    }

    fn lost(&self) -> Error {
        Error::incompatible(format!(
            "{} is missing or empty, though {} starts have left their mark in this directory; \
             restore it from a backup (backups/ holds the copies made before upgrades). Nothing was changed.",
            self.catalog.display(),
            self.booted
        ))
    }
}

/// Makes a file's name durable: fsync of the directory it is in.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::File::open(parent)
        .and_then(|directory| directory.sync_all())
        .map_err(|e| Error::io("syncing", parent, e))
}

/// The latest bad file or folder is evidence; the ones before it only fill the disk.
pub(crate) fn forget_older(kept: &Path, prefix: &str) {
    let Some(Ok(entries)) = kept.parent().map(std::fs::read_dir) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(prefix) || path == kept {
            continue;
        }
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        if let Err(error) = removed {
            tracing::warn!(%error, path = %path.display(), "what was set aside before could not be removed");
        }
    }
}

/// Writes a small file so that it is there whole or not at all, and stays.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = path.with_extension(format!("partial-{}", uuid::Uuid::new_v4().simple()));
    let written = std::fs::File::create_new(&partial).and_then(|mut file| {
        std::io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        let _ = std::fs::remove_file(&partial);
        return Err(Error::io("writing", path, error));
    }
    std::fs::rename(&partial, path).map_err(|e| Error::io("renaming", &partial, e))?;
    sync_parent(path)
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |age| age.as_millis() as i64)
}
