//! Typed tables over redb's bytes, and batches of changes to them.

use std::marker::PhantomData;

use redb::{Database, ReadableDatabase, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::snapshot;
use crate::error::{Error, Kind, Result};

const CHECKSUM: usize = 4;

/// A named table from bytes to `V`. Use a struct with `#[serde(default)]` for values that a
/// later release may extend, or `Vec<u8>` for bytes that are already encoded.
pub struct Table<V> {
    name: &'static str,
    values: PhantomData<fn() -> V>,
}

impl<V> Table<V> {
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            values: PhantomData,
        }
    }

    pub(super) const fn definition(
        &self,
    ) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(self.name)
    }
}

/// A value that can be kept in a [`Table`].
pub trait Stored: Sized {
    fn to_bytes(&self) -> Result<Vec<u8>>;
    fn from_bytes(bytes: &[u8]) -> Result<Self>;
}

/// JSON, so that one release can read what another one wrote with more or fewer fields.
impl<V: Serialize + DeserializeOwned> Stored for Json<V> {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(&self.0)
            .map_err(|e| Error::internal("A value could not be written as JSON.").because(e))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map(Self).map_err(|e| {
            Error::damaged("A value in the facts store is not what it should be.").because(e)
        })
    }
}

/// A value kept as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json<V>(pub V);

impl Stored for Vec<u8> {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.clone())
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Ok(bytes.to_vec())
    }
}

/// What becomes of a key. It is applied again if a commit is retried.
pub(super) enum Change {
    /// The bytes to store, sealed.
    Put(Vec<u8>),
    Remove,
    /// From the payload that is there to the one that will be.
    Update(Update),
    /// Others, if what is there allows them.
    When(Condition, Vec<Operation>),
}

type Condition = Box<dyn Fn(Option<&[u8]>) -> Result<bool> + Send>;
type Update = Box<dyn Fn(Option<&[u8]>) -> Result<Option<Vec<u8>>> + Send>;

pub(super) struct Operation {
    pub(super) table: TableDefinition<'static, &'static [u8], &'static [u8]>,
    pub(super) key: Vec<u8>,
    pub(super) change: Change,
}

/// Changes that are applied together or not at all.
#[derive(Default)]
pub struct Batch {
    pub(super) operations: Vec<Operation>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    pub fn put<V: Stored>(&mut self, table: &Table<V>, key: &[u8], value: &V) -> Result<()> {
        self.push(table, key, Change::Put(seal(&value.to_bytes()?)));
        Ok(())
    }

    pub fn remove<V>(&mut self, table: &Table<V>, key: &[u8]) {
        self.push(table, key, Change::Remove);
    }

    /// Reads and replaces a value under the write lock, so that no update of another process is
    /// lost. Answering `None` removes it.
    pub fn update<V: Stored>(
        &mut self,
        table: &Table<V>,
        key: &[u8],
        f: impl Fn(Option<V>) -> Option<V> + Send + 'static,
    ) {
        let change = move |old: Option<&[u8]>| {
            let old = old.map(V::from_bytes).transpose()?;
            f(old).map(|new| new.to_bytes()).transpose()
        };
        self.push(table, key, Change::Update(Box::new(change)));
    }

    /// Applies `then` only if `holds` says so of the value at a key, under the write lock: so no
    /// other process changes it in between.
    pub fn when<V: Stored>(
        &mut self,
        table: &Table<V>,
        key: &[u8],
        holds: impl Fn(Option<V>) -> bool + Send + 'static,
        then: Batch,
    ) {
        let condition =
            move |found: Option<&[u8]>| Ok(holds(found.map(V::from_bytes).transpose()?));
        self.push(
            table,
            key,
            Change::When(Box::new(condition), then.operations),
        );
    }

    fn push<V>(&mut self, table: &Table<V>, key: &[u8], change: Change) {
        self.operations.push(Operation {
            table: table.definition(),
            key: key.to_vec(),
            change,
        });
    }
}

pub(super) fn seal(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CHECKSUM + payload.len());
    bytes.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

pub(super) fn unseal(bytes: &[u8]) -> Result<&[u8]> {
    match bytes.split_first_chunk::<CHECKSUM>() {
        Some((sum, payload)) if u32::from_le_bytes(*sum) == crc32fast::hash(payload) => Ok(payload),
        _ => Err(Error::damaged(
            "A value in facts.redb does not match its checksum.",
        )),
    }
}

/// Entries checked in one read transaction: the file grows while one is open.
const STRIDE: usize = 500;

pub(super) struct Checked {
    pub(super) entries: u64,
    /// The last key, if there may be more.
    pub(super) last: Option<Vec<u8>>,
}

pub(super) fn check_stride(db: &Database, name: &str, from: &[u8]) -> Result<Checked> {
    let transaction = db.begin_read().map_err(storage)?;
    let definition: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(name);
    let table = transaction.open_table(definition).map_err(storage)?;
    let (mut entries, mut last) = (0, None);
    for pair in table.range(from..).map_err(storage)?.take(STRIDE) {
        let (key, value) = pair.map_err(storage)?;
        unseal(value.value())?;
        entries += 1;
        last = Some(key.value().to_vec());
    }
    Ok(Checked {
        entries,
        last: last.filter(|_| entries == STRIDE as u64),
    })
}

/// Tables that are there.
pub(super) fn names(db: &Database) -> Result<Vec<String>> {
    let transaction = db.begin_read().map_err(storage)?;
    let handles = transaction.list_tables().map_err(storage)?;
    Ok(handles
        .map(|handle| redb::TableHandle::name(&handle).to_owned())
        .collect())
}

pub(super) fn get<V: Stored>(db: &Database, table: &Table<V>, key: &[u8]) -> Result<Option<V>> {
    let transaction = db.begin_read().map_err(storage)?;
    match snapshot::open(&transaction, table)? {
        Some(open) => snapshot::get(&open, key),
        None => Ok(None),
    }
}

pub(super) fn decode<V: Stored>(bytes: &[u8]) -> Result<V> {
    V::from_bytes(unseal(bytes)?)
}

/// Whether redb will answer nothing else until the file is opened again.
pub(super) fn is_spent(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
    matches!(
        cause,
        Some(redb::Error::PreviousIo | redb::Error::DatabaseClosed)
    )
}

/// Translates redb's errors; only what means damaged bytes becomes [`Kind::Damaged`].
pub(super) fn storage(error: impl Into<redb::Error>) -> Error {
    let error = error.into();
    let (kind, sentence) = match &error {
        redb::Error::Io(io) => match io.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => (
                Kind::NoSpace,
                "The disk is full; the facts were not written.",
            ),
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                (Kind::Damaged, "facts.redb is damaged.")
            }
            _ => (Kind::Internal, "facts.redb could not be read or written."),
        },
        redb::Error::Corrupted(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_) => (Kind::Damaged, "facts.redb is damaged."),
        redb::Error::UpgradeRequired(_) => (
            Kind::Damaged,
            "facts.redb has a format that this release no longer reads.",
        ),
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => (
            Kind::Incompatible,
            "Another release holds facts.redb with a lock that this one cannot share; it is free \
             once that release has stopped.",
        ),
        redb::Error::PreviousIo | redb::Error::DatabaseClosed => (
            Kind::Unavailable,
            "facts.redb is being opened again after a failed write.",
        ),
        _ => (Kind::Internal, "The facts store failed."),
    };
    Error::new(kind, sentence).because(error)
}
