//! SQLite, shared: any number of readers, one writer thread per process that commits in groups.
//!
//! Two processes may write to one catalog because every write is `BEGIN IMMEDIATE` in WAL mode
//! with a busy handler of ours, and because every migration only adds. `synchronous=FULL` makes
//! a commit durable before [`Sql::write`] returns. Memory-mapped I/O stays off: with several
//! writing processes it is not safe.
//!
//! ```text
//! write(f) ──queue──▶ writer thread: BEGIN IMMEDIATE
//!                       savepoint f1 … savepoint fn      (one failing undoes itself only)
//!                     COMMIT (one fsync for all) ──▶ wake the other processes ──▶ answers
//! read(f)  ──▶ a pooled read-only connection, one snapshot per call
//! ```

pub(in crate::store) mod ledger;
mod migrate;
mod rehearse;
mod shape;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

pub use ledger::names_blob;
pub use migrate::{Found, Migration};
pub use rehearse::{Survey, Trial};
pub use rusqlite;

use super::sync::lock;
use super::wake::Wake;
use crate::error::{Error, Kind, Result};

/// Pages of cache per connection, in KiB; several connections live at once.
const CACHE_KIB: i64 = 1024;
/// Connections kept for reuse; more may be open for a moment.
const POOLED_READERS: usize = 8;

/// A handle on one SQLite database; clones share the writer thread and the readers.
#[derive(Clone)]
pub struct Sql {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    /// How many migrations this release knows.
    known: u32,
    readers: Mutex<Vec<Connection>>,
    writer: writer::Writer,
}

impl Sql {
    /// Opens or creates the database, brings its schema up to this release's, and starts the
    /// writer. Copies of the file are kept in `backups` before each migration. `admit` is asked
    /// about the schema's version before anything is changed.
    ///
    /// # Errors
    /// [`Kind::Incompatible`] when the schema on disk does not allow this release any more,
    /// [`Kind::Damaged`] when the file is not a database, [`Kind::NoSpace`], [`Kind::Unavailable`]
    /// when another process keeps it locked; what `admit` answers.
    pub fn open(
        path: &Path,
        migrations: &[Migration],
        backups: &Path,
        wake: Arc<Wake>,
        admit: impl FnOnce(u32) -> Result<()>,
    ) -> Result<(Self, Found)> {
        let mut connection = connect(path)?;
        // Before anything is changed, be it only the journal's mode.
        let found = migrate::inspect(&connection, migrations)?;
        admit(found.version)?;
        enter_wal_mode(&connection)?;
        let found = migrate::run(&mut connection, found.version, path, migrations, backups)?;
        let known = migrations.len() as u32;
        Ok((Self::start(path, connection, wake, known)?, found))
    }

    fn start(path: &Path, connection: Connection, wake: Arc<Wake>, known: u32) -> Result<Self> {
        let shared = Shared {
            path: path.to_owned(),
            known,
            readers: Mutex::new(Vec::new()),
            writer: writer::Writer::start(connection, wake, known)?,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Opens a database that a release has made, without changing its schema.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if there is none, [`Kind::Incompatible`] as for [`open`](Self::open), and
    /// what `admit` answers.
    pub fn attach(
        path: &Path,
        migrations: &[Migration],
        wake: Arc<Wake>,
        admit: impl FnOnce(u32) -> Result<()>,
    ) -> Result<(Self, Found)> {
        if !path.exists() {
            return Err(Error::not_found(
                "There is no catalog in the storage directory.",
            ));
        }
        let connection = connect(path)?;
        let found = migrate::inspect(&connection, migrations)?;
        admit(found.version)?;
        let known = migrations.len() as u32;
        Ok((Self::start(path, connection, wake, known)?, found))
    }

    /// Runs `f` inside a write transaction and returns once its effects are durable. If `f`
    /// fails, or panics, nothing of it is kept; its neighbours in the group are not affected.
    ///
    /// # Errors
    /// What `f` returned, or why the transaction could not be committed.
    pub fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.shared.writer.write(false, f)
    }

    /// As [`write`](Self::write), for a change of many rows: in a transaction of its own, so that its
    /// cost grows with them and no faster.
    pub fn write_large<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.shared.writer.write(true, f)
    }

    /// As [`write`](Self::write), without waiting for it: for what may as well not be kept. A failure is
    /// logged.
    pub fn write_later(&self, f: impl FnOnce(&Connection) -> Result<()> + Send + 'static) {
        self.shared.writer.write_later(f);
    }

    /// Runs `f` on a read-only connection, inside one snapshot: everything it reads is of the
    /// same moment, and includes every write acknowledged before, by any process.
    pub fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let pooled = lock(&self.shared.readers).pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => connect_read_only(&self.shared.path)?,
        };
        connection.prepare_cached("BEGIN")?.execute([])?;
        let result = f(&connection);
        connection.prepare_cached("COMMIT")?.execute([])?;
        let mut readers = lock(&self.shared.readers);
        if readers.len() < POOLED_READERS {
            readers.push(connection);
        }
        result
    }

    /// Writes the log back into the database, so that what was replaced is in neither. Where a reader is in
    /// the way for long, as much of it as can be.
    pub fn checkpoint(&self) -> Result<()> {
        let connection = connect(&self.shared.path)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Copies the whole database, as of one moment, to a new file.
    pub fn copy_to(&self, target: &Path) -> Result<()> {
        migrate::copy(&connect_read_only(&self.shared.path)?, target)
    }

    /// Whether this release may still write: a newer one may have closed the schema to it.
    ///
    /// # Errors
    /// [`Kind::Incompatible`] with the remedy if it may not.
    pub fn admitted(&self) -> Result<()> {
        self.read(|c| migrate::admitted(c, self.shared.known).map(drop))
    }

    /// A read-only connection of the caller's own, for long work or for following changes.
    pub fn reader(&self) -> Result<Connection> {
        connect_read_only(&self.shared.path)
    }

    /// Waits for queued writes and stops the writer; later writes are [`Kind::Unavailable`].
    ///
    /// If nobody else has the database open, its log is worked off and gone afterwards, so that
    /// the file alone is the whole database. Only a connection that may write does that, so the
    /// writer's has to be the last.
    pub fn close(&self) {
        lock(&self.shared.readers).clear();
        self.shared.writer.stop();
        lock(&self.shared.readers).clear();
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    prepare(&mut connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Triggers make SQLite note how to undo a statement. In a file for temporary data, that would fail
    // where a container has nothing writable but its storage directory.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // What is replaced or deleted can be a secret; zeros over it cost no further page.
    connection.query_row("PRAGMA secure_delete = FAST", [], |_| Ok(()))?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    Ok(connection)
}

fn connect_read_only(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    prepare(&mut connection)?;
    Ok(connection)
}

fn prepare(connection: &mut Connection) -> Result<()> {
    connection.busy_handler(Some(wait_while_busy))?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// SQLite's own busy timeout backs off to 100 ms steps; a writer next door holds the lock for
/// about one fsync, so short steps first make the wait a third as long.
fn wait_while_busy(attempt: i32) -> bool {
    const SHORT_STEPS: i32 = 66;
    const LONG_STEPS: i32 = 5_000;
    if attempt < SHORT_STEPS {
        let jitter = u64::from(std::process::id()) * 31 % 150 + (attempt as u64 * 37) % 150;
        std::thread::sleep(Duration::from_micros(150 + jitter));
    } else {
        std::thread::sleep(Duration::from_millis(1));
    }
    attempt < SHORT_STEPS + LONG_STEPS
}

/// Changing the journal mode ignores the busy handler, so it is only asked for when it is not
/// yet `wal`, and asked again while another process is doing the same.
fn enter_wal_mode(connection: &Connection) -> Result<()> {
    for attempt in 0.. {
        let mode: rusqlite::Result<String> =
            connection.pragma_query_value(None, "journal_mode", |row| row.get(0));
        if matches!(mode.as_deref(), Ok("wal")) {
            return Ok(());
        }
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Ok(()) => {}
            Err(error) if is_busy(&error) && attempt < 500 => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let (kind, sentence) = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => (Kind::NoSpace, "The disk is full; nothing was changed."),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
                Kind::Unavailable,
                "Another process kept the catalog locked for too long; try again.",
            ),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (
                Kind::Damaged,
                "The catalog on disk is damaged; restore it from a backup.",
            ),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => (
                Kind::Internal,
                "The catalog could not be opened for writing; check the owner of the storage directory.",
            ),
            _ => (Kind::Internal, "The catalog failed."),
        };
        Error::new(kind, sentence).because(error)
    }
}
