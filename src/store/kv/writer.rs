//! The one thread that writes to redb: one commit for everything that was queued.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redb::{Database, ReadableTable, WriteTransaction};

use super::keeper::Keeper;
use super::table::{Batch, Change, Json, Operation, Stored, seal, storage, unseal};
use crate::error::{Error, Result};
use crate::store::sync::lock;
use crate::store::{crash, now_ms};

/// redb's write lock is unfair; a pause after each commit lets the other process in.
const PAUSE: Duration = Duration::from_millis(5);
const GROUP: usize = 256;

struct Job {
    batch: Batch,
    answer: SyncSender<Result<()>>,
}

/// A write that is under way.
#[must_use = "nothing is known of it before it was waited for"]
pub struct Pending(Receiver<Result<()>>);

impl Pending {
    /// Waits until the write is durable.
    ///
    /// # Errors
    /// Why it was not made; nothing of it is kept then.
    pub fn wait(self) -> Result<()> {
        self.0.recv().map_err(|_| super::closed())?
    }
}

pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<Job>>>,
}

impl Writer {
    pub(super) fn start(keeper: Arc<Keeper>) -> Result<Self> {
        let (queue, jobs) = sync_channel(GROUP);
        std::thread::Builder::new()
            .name("kv-writer".into())
            .spawn(move || run(&keeper, &jobs))
            .map_err(|e| Error::internal("The facts writer could not be started.").because(e))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
        })
    }

    pub(super) fn queue(&self, batch: Batch) -> Result<Pending> {
        let (answer, outcome) = sync_channel(1);
        let queue = lock(&self.queue).clone().ok_or_else(super::closed)?;
        queue
            .send(Job { batch, answer })
            .map_err(|_| super::closed())?;
        Ok(Pending(outcome))
    }

    /// Ends the thread after the queued writes. It is not joined: `begin_write` cannot be
    /// cancelled, and a frozen process next door must not hold up our exit.
    pub(super) fn stop(&self) {
        lock(&self.queue).take();
    }
}

fn run(keeper: &Keeper, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP - 1));
        let together = commit(keeper, group.iter().map(|job| &job.batch));
        match together {
            Ok(()) => answer_all(group, || Ok(())),
            // One batch may have spoilt it for the others: each gets a commit of its own.
            Err(_) if group.len() > 1 => {
                for job in group {
                    let alone = commit(keeper, std::iter::once(&job.batch));
                    let _ = job.answer.send(alone);
                }
            }
            Err(error) => answer_all(group, || Err(Error::new(error.kind(), error.sentence()))),
        }
        std::thread::sleep(PAUSE);
    }
}

fn answer_all(group: Vec<Job>, outcome: impl Fn() -> Result<()>) {
    for job in group {
        let _ = job.answer.send(outcome());
    }
}

fn commit<'a>(keeper: &Keeper, batches: impl Iterator<Item = &'a Batch>) -> Result<()> {
    keeper.with(|db| {
        let transaction = db.begin_write().map_err(storage)?;
        for batch in batches {
            apply(&transaction, &batch.operations)?;
        }
        crash::point("kv.written");
        transaction.commit().map_err(storage)
    })
}

fn apply(transaction: &WriteTransaction, operations: &[Operation]) -> Result<()> {
    for operation in operations {
        let mut table = transaction.open_table(operation.table).map_err(storage)?;
        let key = operation.key.as_slice();
        let old = || -> Result<Option<Vec<u8>>> {
            let found = table.get(key).map_err(storage)?;
            let payload = found.map(|guard| unseal(guard.value()).map(<[u8]>::to_vec));
            payload.transpose()
        };
        let new = match &operation.change {
            Change::Put(sealed) => {
                table.insert(key, sealed.as_slice()).map_err(storage)?;
                continue;
            }
            Change::When(condition, then) => {
                let holds = condition(old()?.as_deref())?;
                // A table is open once at a time.
                drop(table);
                if holds {
                    apply(transaction, then)?;
                }
                continue;
            }
            Change::Remove => None,
            Change::Update(update) => update(old()?.as_deref())?,
        };
        match new {
            Some(payload) => table.insert(key, seal(&payload).as_slice()),
            None => table.remove(key),
        }
        .map_err(storage)?;
    }
    Ok(())
}

/// Into a new file: when it was begun, because it cannot hold anything older.
pub(super) fn note_birth(database: &Database) -> Result<()> {
    let transaction = database.begin_write().map_err(storage)?;
    {
        let mut table = transaction
            .open_table(super::KIT.definition())
            .map_err(storage)?;
        let payload = Json(now_ms()).to_bytes()?;
        table
            .insert(super::BORN, seal(&payload).as_slice())
            .map_err(storage)?;
    }
    transaction.commit().map_err(storage)
}
