//! What releases before this one kept of contents by their digest alone, so that whoever stored the
//! same bytes was told at once what somebody else's file says. It serves files that such a release
//! has read, and no others.

use rusqlite::OptionalExtension;

use super::super::search::Passages;
use super::{Facts, decompress};
use crate::error::Result;
use crate::library::{FileContent, Library};
use crate::store::kv::{Batch, Json, Snapshot, Table, View};
use crate::store::{Digest, Kv};

pub(super) const FACTS: Table<Json<Facts>> = Table::new("facts");
const PASSAGES: Table<Vec<u8>> = Table::new("passages");
const TEXT: Table<Vec<u8>> = Table::new("text");
const THUMBNAILS: Table<Vec<u8>> = Table::new("thumbnails");
/// Every content up to this sequence has its facts here.
pub(super) const THROUGH: &[u8] = b"facts_through";

/// What is kept of a content, whichever file of those that have it was read.
pub(super) fn facts(kv: &Kv, digest: &Digest) -> Result<Option<Facts>> {
    let found = kv.get(&FACTS, digest.as_bytes())?;
    Ok(found.map(|Json(facts)| facts))
}

/// The facts of a file that an earlier release has read, and read as what the file is.
pub(super) fn facts_of(library: &Library, content: &FileContent) -> Result<Option<Facts>> {
    let through = super::progress_at(&library.store.kv, THROUGH)?;
    if through == 0 {
        return Ok(None);
    }
    let sql = "SELECT outbox.sequence, file.media_type
               FROM file JOIN outbox ON outbox.file_id = file.id
               WHERE file.id = ?1 AND file.sha256 = ?2";
    let (file, digest) = (content.file, content.sha256);
    let found: Option<(u64, String)> = library.store.sql.read(|c| {
        let mut statement = c.prepare_cached(sql)?;
        let row = statement.query_row((file, digest.as_bytes()), |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        Ok(row.optional()?)
    })?;
    match found {
        // Others' contents are not even looked for.
        Some((sequence, media_type)) if sequence <= through => {
            let facts = facts(&library.store.kv, &content.sha256)?;
            Ok(facts.filter(|facts| facts.media_type == media_type))
        }
        _ => Ok(None),
    }
}

/// The texts of these contents.
pub(super) struct Texts {
    passages: View<Vec<u8>>,
    text: View<Vec<u8>>,
}

impl Texts {
    pub(super) fn of(snapshot: &Snapshot) -> Result<Self> {
        Ok(Self {
            passages: snapshot.view(&PASSAGES)?,
            text: snapshot.view(&TEXT)?,
        })
    }

    pub(super) fn passages(&self, digest: &Digest) -> Result<Option<Passages>> {
        let bytes = self.passages.get(digest.as_bytes())?;
        bytes.map(|bytes| Passages::from_bytes(&bytes)).transpose()
    }

    pub(super) fn passage(&self, digest: &Digest, number: u32) -> Result<Option<String>> {
        let found = self.text.get(&passage_key(digest, number))?;
        found.map(|bytes| decompress(&bytes)).transpose()
    }
}

/// Forgets a content that no file has any more.
pub(super) fn forget(kv: &Kv, digest: &Digest, batch: &mut Batch) -> Result<()> {
    let passages = facts(kv, digest)?.map_or(0, |facts| facts.passages);
    batch.remove(&FACTS, digest.as_bytes());
    batch.remove(&PASSAGES, digest.as_bytes());
    batch.remove(&THUMBNAILS, digest.as_bytes());
    for number in 0..passages {
        batch.remove(&TEXT, &passage_key(digest, number));
    }
    Ok(())
}

fn passage_key(digest: &Digest, number: u32) -> [u8; 36] {
    let mut key = [0; 36];
    key[..32].copy_from_slice(digest.as_bytes());
    key[32..].copy_from_slice(&number.to_be_bytes());
    key
}

#[cfg(test)]
pub(crate) mod tests;
