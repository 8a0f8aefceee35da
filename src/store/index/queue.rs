//! Documents on their way to the index writer: bounded by their bytes, because the writer's own
//! queue counts documents, and ten thousand of them may be a gigabyte.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tantivy::TantivyDocument;
use tantivy::schema::Field;
use tantivy::schema::document::{Document, Value};

use crate::error::{Error, Result};
use crate::store::sync::lock;

/// Bytes of text that may wait; a single larger document may exceed it.
const MOST: usize = 4 << 20;
/// How long the writer may take none before it counts as dead. One document takes a second at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// What may still be queued; clones share it.
#[derive(Clone, Default)]
pub(super) struct Room(Arc<Shared>);

#[derive(Default)]
struct Shared {
    taken: Mutex<usize>,
    given_back: Condvar,
    forgotten: AtomicBool,
}

impl Room {
    /// Nothing will be committed any more: what still waits need not be read, and the writer is
    /// done with it at once.
    pub fn forget(&self) {
        self.0.forgotten.store(true, Ordering::Relaxed);
    }

    /// Waits until there is room for the document.
    pub fn admit(&self, document: TantivyDocument) -> Result<Queued> {
        let bytes = bytes_of(&document);
        let mut taken = lock(&self.0.taken);
        while *taken > 0 && *taken + bytes > MOST {
            let waited = self.0.given_back.wait_timeout(taken, PATIENCE);
            let (guard, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() {
                return Err(Error::internal(
                    "The index writer takes no documents any more.",
                ));
            }
            taken = guard;
        }
        *taken += bytes;
        drop(taken);
        let place = Place {
            room: self.clone(),
            bytes,
        };
        Ok(Queued(Box::new(Waiting { document, place })))
    }
}

/// A document that gives its room back when the writer takes it up, or drops it.
///
/// As small as a pointer: the writer's queue has places for forty thousand of them, in memory from
/// the start, for as long as the lease is held.
pub(super) struct Queued(Box<Waiting>);

struct Waiting {
    document: TantivyDocument,
    place: Place,
}

struct Place {
    room: Room,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        *lock(&self.room.0.taken) -= self.bytes;
        self.room.0.given_back.notify_one();
    }
}

impl Document for Queued {
    type Value<'a> = <TantivyDocument as Document>::Value<'a>;
    type FieldsValuesIter<'a> = <TantivyDocument as Document>::FieldsValuesIter<'a>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        self.0.document.iter_fields_and_values()
    }

    fn into_tantivy_document(self) -> TantivyDocument {
        let Waiting { document, place } = *self.0;
        match place.room.0.forgotten.load(Ordering::Relaxed) {
            true => TantivyDocument::default(),
            false => document,
        }
    }
}

fn bytes_of(document: &TantivyDocument) -> usize {
    let texts = document.field_values();
    texts
        .filter_map(|(_, value): (Field, _)| value.as_str().map(str::len))
        .sum()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn document(bytes: usize) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        document.add_text(Field::from_field_id(0), "x".repeat(bytes));
        document
    }

    #[test]
    fn what_does_not_fit_waits_until_there_is_room() {
        let room = Room::default();
        let huge = room.admit(document(MOST + 1)).unwrap();
        let (admitted, told) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| admitted.send(room.admit(document(1)).is_ok()));
            assert!(told.try_recv().is_err());
            let _taken_up = huge.into_tantivy_document();
            assert_eq!(told.recv(), Ok(true));
        });
        assert_eq!(*lock(&room.0.taken), 0);
    }

    #[test]
    fn what_is_dropped_unread_gives_its_room_back() {
        let room = Room::default();
        drop(room.admit(document(10)).unwrap());
        assert_eq!(*lock(&room.0.taken), 0);
    }
}
