//! Many values of one moment, for the price of one read transaction.

use std::marker::PhantomData;
use std::sync::Arc;

use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableError};

use super::keeper::Keeper;
use super::table::{self, Stored, Table};
use crate::error::Result;

/// What the store held at one moment; see [`Kv::snapshot`](super::Kv::snapshot).
pub struct Snapshot {
    // Before the database, so that it ends first.
    transaction: ReadTransaction,
    database: Arc<Database>,
    keeper: Arc<Keeper>,
}

impl Snapshot {
    pub(super) fn of(keeper: &Arc<Keeper>) -> Result<Self> {
        let database = keeper.database()?;
        let transaction = keeper.guard(|| database.begin_read().map_err(table::storage))?;
        Ok(Self {
            transaction,
            database,
            keeper: keeper.clone(),
        })
    }

    pub fn view<V: Stored>(&self, table: &Table<V>) -> Result<View<V>> {
        Ok(View {
            open: self.keeper.guard(|| open(&self.transaction, table))?,
            _database: self.database.clone(),
            keeper: self.keeper.clone(),
            values: PhantomData,
        })
    }
}

/// One table of a [`Snapshot`], which it may outlive.
pub struct View<V> {
    /// Absent while nothing was ever written to it.
    open: Option<Open>,
    _database: Arc<Database>,
    keeper: Arc<Keeper>,
    values: PhantomData<fn() -> V>,
}

impl<V: Stored> View<V> {
    /// The value at a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<V>> {
        match &self.open {
            Some(open) => self.keeper.guard(|| get(open, key)),
            None => Ok(None),
        }
    }
}

pub(super) type Open = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Nothing if the table does not exist yet.
pub(super) fn open<V>(transaction: &ReadTransaction, table: &Table<V>) -> Result<Option<Open>> {
    match transaction.open_table(table.definition()) {
        Ok(open) => Ok(Some(open)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(table::storage(error)),
    }
}

pub(super) fn get<V: Stored>(open: &Open, key: &[u8]) -> Result<Option<V>> {
    let found = ReadableTable::get(open, key).map_err(table::storage)?;
    found.map(|guard| table::decode(guard.value())).transpose()
}
