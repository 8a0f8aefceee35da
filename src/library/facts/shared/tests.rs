//! What an earlier release left behind, for tests.

use super::super::PROGRESS;
use super::*;

/// Facts of an earlier release, which had come as far as that sequence.
pub(crate) fn plant(library: &Library, digest: &Digest, facts: Facts, through: u64) {
    let mut batch = Batch::default();
    batch.put(&FACTS, digest.as_bytes(), &Json(facts)).unwrap();
    batch.put(&PROGRESS, THROUGH, &Json(through)).unwrap();
    library.store.kv.write(batch).unwrap();
}
