//! The one thread that writes: everything queued while it was busy goes into its next commit.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::migrate;
use crate::error::{Error, Result};
use crate::store::sync::lock;
use crate::store::wake::Wake;

/// Most writes in one commit: bounds how long the first of a group waits.
const GROUP: usize = 128;
/// Writes that may wait; beyond it callers block, which is what slows clients down.
const QUEUE: usize = 1024;

type Outcome = Result<Box<dyn Any + Send>>;
type Work = Box<dyn FnOnce(&Connection) -> Outcome + Send>;

struct Job {
    work: Work,
    /// Touches so much that it gets a transaction to itself.
    is_large: bool,
    answer: SyncSender<Outcome>,
}

/// Writes that nobody waits for, at once; more are left out.
const MAX_LATER: usize = 64;

pub(super) struct Writer {
    later: Arc<AtomicUsize>,
    queue: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// `known` is how many migrations this release knows.
    pub(super) fn start(connection: Connection, wake: Arc<Wake>, known: u32) -> Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("sql-writer".into())
            .spawn(move || run(&connection, &jobs, &wake, known))
            .map_err(|e| {
                Error::internal("The catalog's writer could not be started.").because(e)
            })?;
        Ok(Self {
            later: Arc::default(),
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) fn write<T: Send + 'static>(
        &self,
        is_large: bool,
        f: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let closed = || Error::unavailable("The catalog is closed; this process is stopping.");
        let (answer, outcome) = sync_channel(1);
        let job = Job {
            work: Box::new(move |connection| f(connection).map(|value| Box::new(value) as _)),
            is_large,
            answer,
        };
        let queue = lock(&self.queue).clone().ok_or_else(closed)?;
        queue.send(job).map_err(|_| closed())?;
        drop(queue);
        let value = outcome.recv().map_err(|_| closed())??;
        value
            .downcast()
            .map(|value| *value)
            .map_err(|_| Error::internal("A write answered with a value of another type."))
    }

    /// As [`write`](Self::write), without waiting for the outcome.
    pub(super) fn write_later(&self, f: impl FnOnce(&Connection) -> Result<()> + Send + 'static) {
        let Some(waiting) = Waiting::count(&self.later) else {
            return;
        };
        let work = move |connection: &Connection| {
            let _waiting = waiting;
            let written = f(connection);
            if let Err(error) = &written {
                tracing::warn!(%error, "a write that nobody waits for failed");
            }
            written.map(|()| Box::new(()) as _)
        };
        let (answer, _) = sync_channel(1);
        let job = Job {
            work: Box::new(work),
            is_large: false,
            answer,
        };
        if let Some(queue) = lock(&self.queue).clone() {
            // A full queue has more important things.
            let _ = queue.try_send(job);
        }
    }

    /// Lets the queued writes finish, then ends the thread.
    pub(super) fn stop(&self) {
        lock(&self.queue).take();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic of the writer was logged when it happened.
            let _ = thread.join();
        }
    }
}

/// One of the writes that nobody waits for, until it is done or given up.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    /// `None` if there are as many as there may be.
    fn count(all: &Arc<AtomicUsize>) -> Option<Self> {
        let before = all.fetch_add(1, Ordering::Relaxed);
        let counted = Self(Arc::clone(all));
        (before < MAX_LATER).then_some(counted)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(connection: &Connection, jobs: &Receiver<Job>, wake: &Wake, known: u32) {
    let mut next = jobs.recv().ok();
    while let Some(first) = next.take() {
        let is_alone = first.is_large;
        let mut group = vec![first];
        while !is_alone && group.len() < GROUP {
            match jobs.try_recv() {
                Ok(large) if large.is_large => {
                    next = Some(large);
                    break;
                }
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        commit(connection, group, wake, known);
        next = next.or_else(|| jobs.recv().ok());
    }
    // Leaves a small WAL behind for the next start; failing is harmless.
    let _ = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
}

/// Invariant: nobody is answered with success before COMMIT has returned.
///
/// Invariant: nothing is written to a schema that a newer release has closed to this one, even if
/// that happened while this one ran. Asked inside the transaction, so it cannot happen after.
fn commit(connection: &Connection, group: Vec<Job>, wake: &Wake, known: u32) {
    let begun = connection.execute_batch("BEGIN IMMEDIATE");
    let admitted = begun
        .map_err(Error::from)
        .and_then(|()| migrate::admitted(connection, known));
    if let Err(error) = admitted {
        if !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        return fail(group.into_iter().map(|job| job.answer), &error);
    }
    let mut done = Vec::with_capacity(group.len());
    let is_alone = group.len() == 1;
    for job in group {
        let outcome = match is_alone {
            true => run_alone(connection, job.work),
            false => run_one(connection, job.work),
        };
        match outcome {
            Ok(value) => done.push((job.answer, value)),
            // An error that ended the whole transaction (a full disk does) ends the group.
            Err(error) if connection.is_autocommit() => {
                fail(done.into_iter().map(|(answer, _)| answer), &error);
                let _ = job.answer.send(Err(error));
                return;
            }
            Err(error) => {
                let _ = job.answer.send(Err(error));
            }
        }
    }
    match connection.execute_batch("COMMIT") {
        Ok(()) => {
            wake.ring();
            for (answer, value) in done {
                let _ = answer.send(Ok(value));
            }
        }
        Err(error) => {
            let _ = connection.execute_batch("ROLLBACK");
            fail(done.into_iter().map(|(answer, _)| answer), &error.into());
        }
    }
}

fn caught(connection: &Connection, work: Work) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or_else(|_| {
        Err(Error::internal(
            "A write to the catalog failed unexpectedly; nothing of it was kept.",
        ))
    })
}

/// Without a savepoint, whose journal each statement goes through from its beginning: the cost of many
/// statements would grow with their square.
fn run_alone(connection: &Connection, work: Work) -> Outcome {
    let outcome = caught(connection, work);
    if connection.is_autocommit() {
        return outcome.and_then(|_| Err(Error::internal("The catalog's transaction was lost.")));
    }
    if outcome.is_err() {
        connection.execute_batch("ROLLBACK")?;
    }
    outcome
}

fn run_one(connection: &Connection, work: Work) -> Outcome {
    connection.prepare_cached("SAVEPOINT one")?.execute([])?;
    let outcome = caught(connection, work);
    if connection.is_autocommit() {
        return outcome.and_then(|_| Err(Error::internal("The catalog's transaction was lost.")));
    }
    if outcome.is_err() {
        connection.prepare_cached("ROLLBACK TO one")?.execute([])?;
    }
    connection.prepare_cached("RELEASE one")?.execute([])?;
    outcome
}

fn fail(answers: impl Iterator<Item = SyncSender<Outcome>>, error: &Error) {
    for answer in answers {
        let same = Error::new(error.kind(), error.sentence());
        let _ = answer.send(Err(same));
    }
}
