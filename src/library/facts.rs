//! What extraction found out about a file's content, kept in the key-value store, with the text in
//! compressed passages, so that a snippet reads a few kilobytes of a long text.
//!
//! It is kept for each file by itself, whoever else has the same bytes: from when that file was read
//! in its turn, by its own name. So neither what is shown nor how soon it is there tells anybody that
//! the bytes were known already, and nobody decides as what another's file is read. What a file has
//! once been read for serves it on: when it is moved or tagged, when an older version of it comes
//! back, and when the index is rebuilt.

mod shared;

use std::cell::RefCell;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zstd::bulk::{Compressor, Decompressor};

use super::Library;
use super::search::{self, Passages};
use super::{FileContent, previews, thumbnails};
use crate::error::{Error, Result};
use crate::extract::child::Means;
use crate::extract::ocr::pages_without_text;
use crate::extract::{self, Details, Extraction, Lost, PDF};
use crate::store::kv::{Batch, Json, Stored, Table, View};
use crate::store::{Digest, Kv};

const FACTS: Table<Json<Kept>> = Table::new("file_facts");
/// Where the passages of a text begin; see [`Passages::to_bytes`].
const PASSAGES: Table<Vec<u8>> = Table::new("file_passages");
/// The file's content and the big-endian number of the passage, to its text, compressed.
const TEXT: Table<Vec<u8>> = Table::new("file_text");
const PROGRESS: Table<Json<u64>> = Table::new("progress");
/// Every file up to this sequence has its facts.
const THROUGH: &[u8] = b"file_facts_through";

/// How far contents have been read again, under this one key.
const AGAIN: Table<Json<Again>> = Table::new("again");
const NOTED: &[u8] = b"noted";

/// In place of the extractor's version, as long as a content is not read to its end, or the index
/// does not have what was read: older than any.
const UNFINISHED: u32 = 0;

const COMPRESSION: i32 = 1;

/// Entries that are read at once.
const STRIDE: usize = 100;

/// What is known about one content. A later release may add fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Facts {
    /// Version of the extractor that read it; 0 while it is not read to its end, or the index does
    /// not have its text.
    pub extractor: u32,
    /// Bytes of the content.
    pub size: u64,
    pub media_type: String,
    /// How the text was encoded, such as `windows-1252`, when it is text.
    pub encoding: Option<String>,
    /// Number of words that can be searched.
    pub words: u64,
    /// Number of passages the text is kept in.
    pub passages: u32,
    /// Whether the text goes on beyond what is indexed.
    pub truncated: bool,
    /// Why only the name is searchable, in words for a person; absent when the text is.
    pub name_only: Option<String>,
    /// Why the text ends before the content does, in words for a person, if not by its length.
    pub note: Option<String>,
    /// What the content says about itself besides its text.
    pub details: Details,
    /// What it cost its reader, if another try might end otherwise.
    pub lost: Option<Lost>,
    /// Pages of which only a picture can tell what they say, 1 for a picture; absent where an earlier
    /// release read it.
    pub scans: Option<u32>,
    /// How many of those optical character recognition read; absent while it was not tried.
    pub recognised: Option<u32>,
}

/// What a file's turn left behind. A later release may add fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// Absent where an earlier release has read the file: its facts are [`shared`].
    facts: Option<Facts>,
}

/// What is known about a file.
pub(crate) struct Known {
    pub facts: Facts,
    /// Whether the file's own turn is noted, and not only followed from that of an earlier release.
    pub is_noted: bool,
}

impl Facts {
    /// Whether it was read to its end, apart from scans, and the index has its text.
    pub(crate) fn is_read(&self) -> bool {
        self.extractor != UNFINISHED
    }

    /// Whether there is more to be got out of the content with these means: it was not read to its
    /// end, or an older extractor got nothing, or not all, out of it, or it was lost for want of what
    /// there is more of now, or there are scans in it that can be recognised. What was recognised
    /// elsewhere is not given up by a host that cannot.
    pub(crate) fn is_to_be_read_again(&self, means: Means) -> bool {
        let is_recognised = self.recognised.is_some_and(|pages| pages > 0);
        if self.is_read() && is_recognised && !means.recognises {
            return false;
        }
        let is_unknown = self.media_type == PDF && self.details.scripts.is_none();
        let lacks = self.name_only.is_some() || self.note.is_some() || is_unknown;
        let may_be_scanned = match self.scans {
            Some(pages) => pages > 0,
            None => extract::is_drawable(&self.media_type),
        };
        let was_lost = self
            .lost
            .is_some_and(|lost| lost.may_end_otherwise(means.seconds, means.memory));
        !self.is_read()
            || (self.extractor < extract::VERSION && (lacks || self.is_read_better()))
            || (means.recognises && self.recognised.is_none() && may_be_scanned)
            || was_lost
    }

    /// Whether this release reads more in a content of this kind than the one that read it.
    fn is_read_better(&self) -> bool {
        extract::reads_more(&self.media_type, self.encoding.as_deref(), self.extractor)
    }
}

/// How far contents that could not be read before, or not well, have been read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Again {
    /// Version of the extractor that reads them.
    pub extractor: u32,
    pub done: u64,
    pub total: u64,
}

impl Library {
    /// What is known about a file's content; nothing while the file waits for its turn.
    pub fn facts(&self, content: &FileContent) -> Result<Option<Facts>> {
        Ok(self.known(content)?.map(|known| known.facts))
    }

    pub(crate) fn known(&self, content: &FileContent) -> Result<Option<Known>> {
        let kv = &self.store.kv;
        let (facts, is_noted) = match kv.get(&FACTS, &content.key())? {
            Some(Json(Kept { facts: Some(facts) })) => (Some(facts), true),
            Some(Json(Kept { facts: None })) => (shared::facts(kv, &content.sha256)?, true),
            None => (shared::facts_of(self, content)?, false),
        };
        Ok(facts.map(|facts| Known { facts, is_noted }))
    }

    /// Contents that are to be read again, among the next `stride` ones after one of them, and the
    /// last of those if there may be more. What is kept of files that are gone is forgotten.
    pub(crate) fn to_be_read_again(
        &self,
        after: Option<&FileContent>,
        stride: usize,
    ) -> Result<(Vec<FileContent>, Option<FileContent>)> {
        // The key after another is that one with a zero byte.
        let from = after.map(|content| [content.key().as_slice(), &[0]].concat());
        let (kv, means) = (&self.store.kv, self.readers().means());
        let kept = kv.scan(&FACTS, &from.unwrap_or_default(), stride)?;
        let last = kept.last().filter(|_| kept.len() == stride);
        let last = last
            .map(|(key, _)| FileContent::from_key(key))
            .transpose()?;
        let (mut found, mut ended) = (Vec::new(), Batch::default());
        for (key, Json(kept)) in kept {
            let content = FileContent::from_key(&key)?;
            if !self.has_content(&content)? {
                forget(&content, &kept, &mut ended);
                continue;
            }
            let facts = match kept.facts {
                Some(facts) => Some(facts),
                None => shared::facts(kv, &content.sha256)?,
            };
            if facts.is_none_or(|facts| facts.is_to_be_read_again(means)) {
                found.push(content);
            }
        }
        if !ended.is_empty() {
            kv.write(ended)?;
        }
        Ok((found, last))
    }

    /// Notes that the index has the texts of contents whose facts were put
    /// [ahead](FactsBatch::put_ahead) of it.
    pub(crate) fn note_indexed(
        &self,
        contents: impl IntoIterator<Item = FileContent>,
    ) -> Result<()> {
        let mut batch = Batch::default();
        for content in contents {
            batch.update(&FACTS, &content.key(), |known: Option<Json<Kept>>| {
                let Json(mut kept) = known?;
                if let Some(facts) = &mut kept.facts
                    && !facts.is_read()
                {
                    facts.extractor = extract::VERSION;
                }
                Some(Json(kept))
            });
        }
        self.store.kv.write(batch)
    }

    /// How reading again goes on, whichever process does it; nothing if there is nothing of it left.
    pub fn reading_again(&self) -> Result<Option<Again>> {
        let found = self.store.kv.get(&AGAIN, NOTED)?;
        Ok(found
            .map(|Json(again)| again)
            .filter(|again| again.done < again.total))
    }

    pub(crate) fn note_again(&self, again: Again) -> Result<()> {
        self.store.kv.put(&AGAIN, NOTED, &Json(again))
    }

    /// The texts of all contents, as they are now.
    pub(super) fn texts(&self) -> Result<Texts> {
        let snapshot = self.store.kv.snapshot()?;
        Ok(Texts {
            facts: snapshot.view(&FACTS)?,
            passages: snapshot.view(&PASSAGES)?,
            text: snapshot.view(&TEXT)?,
            shared: shared::Texts::of(&snapshot)?,
        })
    }

    /// The whole text as it was extracted, if it is kept.
    pub(crate) fn text(&self, content: &FileContent, facts: &Facts) -> Result<Option<String>> {
        let texts = self.texts()?;
        let Some(kept) = texts.of(self, content)? else {
            return Ok(None);
        };
        let mut text = String::new();
        for number in 0..facts.passages {
            match kept.passage(number)? {
                Some(passage) => text.push_str(&passage),
                None => return Ok(None),
            }
        }
        Ok(Some(text))
    }

    /// Up to which sequence every file has its facts.
    pub(crate) fn facts_through(&self) -> Result<u64> {
        progress_at(&self.store.kv, THROUGH)
    }

    /// Forgets a content that no file has any more.
    pub(super) fn forget_facts(&self, digest: &Digest) -> Result<()> {
        let kv = &self.store.kv;
        let mut batch = Batch::default();
        // Without the facts store there is nothing to forget, and a rebuild forgets anyway.
        let Ok(kept) = of_digest(kv, &FACTS, digest) else {
            return Ok(());
        };
        for (content, Json(kept)) in kept {
            forget(&content, &kept, &mut batch);
        }
        thumbnails::forget_all(kv, digest, &mut batch)?;
        previews::forget_all(kv, digest, &mut batch)?;
        shared::forget(kv, digest, &mut batch)?;
        kv.write(batch)
    }
}

/// All that is kept of a file's content.
fn forget(content: &FileContent, kept: &Kept, batch: &mut Batch) {
    let passages = kept.facts.as_ref().map_or(0, |facts| facts.passages);
    thumbnails::forget(content, batch);
    previews::forget(content, batch);
    batch.remove(&FACTS, &content.key());
    batch.remove(&PASSAGES, &content.key());
    for number in 0..passages {
        batch.remove(&TEXT, &passage_key(content, number));
    }
}

/// What a table has of a content, for each file.
pub(super) fn of_digest<V: Stored>(
    kv: &Kv,
    table: &Table<V>,
    digest: &Digest,
) -> Result<Vec<(FileContent, V)>> {
    let mut found = Vec::new();
    let mut from = digest.as_bytes().to_vec();
    loop {
        let pairs = kv.scan(table, &from, STRIDE)?;
        let count = pairs.len();
        for (key, value) in pairs {
            if !key.starts_with(digest.as_bytes()) {
                return Ok(found);
            }
            from = [key.as_slice(), &[0]].concat();
            found.push((FileContent::from_key(&key)?, value));
        }
        if count < STRIDE {
            return Ok(found);
        }
    }
}

/// The texts of all contents at one moment; to be kept as shortly as a
/// [`Snapshot`](crate::store::kv::Snapshot).
pub(super) struct Texts {
    facts: View<Json<Kept>>,
    passages: View<Vec<u8>>,
    text: View<Vec<u8>>,
    shared: shared::Texts,
}

/// The text of one file.
pub(super) struct Text<'a> {
    texts: &'a Texts,
    content: FileContent,
    is_shared: bool,
}

impl Texts {
    /// The text of a file, if the file had its turn.
    pub(super) fn of(&self, library: &Library, content: &FileContent) -> Result<Option<Text<'_>>> {
        let is_shared = match self.facts.get(&content.key())? {
            Some(Json(kept)) => kept.facts.is_none(),
            None if shared::facts_of(library, content)?.is_some() => true,
            None => return Ok(None),
        };
        Ok(Some(Text {
            texts: self,
            content: *content,
            is_shared,
        }))
    }
}

impl Text<'_> {
    /// Where its passages begin.
    pub(super) fn passages(&self) -> Result<Option<Passages>> {
        if self.is_shared {
            return self.texts.shared.passages(&self.content.sha256);
        }
        let bytes = self.texts.passages.get(&self.content.key())?;
        bytes.map(|bytes| Passages::from_bytes(&bytes)).transpose()
    }

    pub(super) fn passage(&self, number: u32) -> Result<Option<String>> {
        if self.is_shared {
            return self.texts.shared.passage(&self.content.sha256, number);
        }
        let found = self.texts.text.get(&passage_key(&self.content, number))?;
        found.map(|bytes| decompress(&bytes)).transpose()
    }
}

fn progress_at(kv: &Kv, key: &[u8]) -> Result<u64> {
    Ok(kv.get(&PROGRESS, key)?.map_or(0, |Json(through)| through))
}

/// Up to which sequence every file has its facts, as far as the store can tell and whichever release
/// noted it.
pub(super) fn progress(kv: &Kv) -> u64 {
    let of = |key| progress_at(kv, key).unwrap_or_default();
    of(THROUGH).max(of(shared::THROUGH))
}

pub(super) fn begin_again(kv: &Kv) -> Result<()> {
    let mut batch = Batch::default();
    for key in [THROUGH, shared::THROUGH] {
        batch.put(&PROGRESS, key, &Json(0))?;
    }
    kv.write(batch)
}

/// What was found in a content.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub extraction: Extraction,
    /// Whether it was read to its end, be that a failure.
    pub is_whole: bool,
    /// See [`Facts::recognised`].
    pub recognised: Option<u32>,
}

impl Read {
    /// Pages, from 0, of which only a picture can tell what they say. Where the content was cut off,
    /// nobody knows what is behind it.
    pub(crate) fn scans(&self) -> Vec<u32> {
        let Extraction {
            media_type,
            truncated,
            name_only,
            details,
            scans,
            ..
        } = &self.extraction;
        match *truncated || name_only.is_some() {
            true => Vec::new(),
            false => pages_without_text(media_type, scans, details),
        }
    }
}

/// Facts and texts on their way into the store, in one commit.
pub(crate) struct FactsBatch {
    batch: Batch,
    compressor: Compressor<'static>,
}

impl FactsBatch {
    pub(crate) fn new() -> Result<Self> {
        let compressor = Compressor::new(COMPRESSION)
            .map_err(|e| Error::internal("The compressor could not be started.").because(e))?;
        Ok(Self {
            batch: Batch::default(),
            compressor,
        })
    }

    /// Adds a content's facts and its text, which may have been taken out of `read`, unless a
    /// later extractor's are there. `passages` is how many the text had that is there.
    pub(crate) fn put(
        &mut self,
        content: &FileContent,
        size: u64,
        read: &Read,
        text: &str,
        passages: u32,
    ) -> Result<()> {
        let extractor = match read.is_whole {
            true => extract::VERSION,
            false => UNFINISHED,
        };
        let facts = facts_of(read, extractor, size);
        self.add(content, facts, text, passages, extractor)
    }

    /// The same for a content that was read to its end and whose text the index has yet to get: it
    /// is to be read again until that is [noted](Library::note_indexed).
    pub(crate) fn put_ahead(
        &mut self,
        content: &FileContent,
        size: u64,
        read: &Read,
        text: &str,
        passages: u32,
    ) -> Result<()> {
        let facts = facts_of(read, UNFINISHED, size);
        self.add(content, facts, text, passages, extract::VERSION)
    }

    fn add(
        &mut self,
        content: &FileContent,
        mut facts: Facts,
        text: &str,
        passages: u32,
        extractor: u32,
    ) -> Result<()> {
        let mut batch = Batch::default();
        let split = search::split(text);
        for (number, range) in split.ranges.into_iter().enumerate() {
            let compressed = self
                .compressor
                .compress(&text.as_bytes()[range])
                .map_err(|e| Error::internal("A text could not be compressed.").because(e))?;
            batch.put(&TEXT, &passage_key(content, number as u32), &compressed)?;
        }
        facts.words = split.words;
        facts.passages = split.passages.len() as u32;
        for number in facts.passages..passages {
            batch.remove(&TEXT, &passage_key(content, number));
        }
        batch.put(&PASSAGES, &content.key(), &split.passages.to_bytes())?;
        let kept = Kept { facts: Some(facts) };
        batch.put(&FACTS, &content.key(), &Json(kept))?;
        // A release that is older than the one beside it must not take back what that one found.
        let is_no_later = move |known: Option<Json<Kept>>| {
            let known = known.and_then(|Json(kept)| kept.facts);
            known.is_none_or(|known| known.extractor <= extractor)
        };
        self.batch.when(&FACTS, &content.key(), is_no_later, batch);
        Ok(())
    }

    /// Notes the turn of a file that an earlier release has read.
    pub(crate) fn note_turn(&mut self, content: &FileContent) {
        let noted = |known: Option<Json<Kept>>| Some(known.unwrap_or(Json(Kept::default())));
        self.batch.update(&FACTS, &content.key(), noted);
    }

    /// Notes that all files from `after` to `through` have their facts, if that continues
    /// what was noted before; a gap stays open until it is filled.
    pub(crate) fn note_progress(&mut self, after: u64, through: u64) {
        self.batch.update(&PROGRESS, THROUGH, move |noted| {
            let Json(noted) = noted.unwrap_or(Json(0));
            let continued = noted >= after;
            Some(Json(if continued { noted.max(through) } else { noted }))
        });
    }
}

impl From<FactsBatch> for Batch {
    fn from(facts: FactsBatch) -> Batch {
        facts.batch
    }
}

/// What was found in a content, apart from what splitting its text tells.
fn facts_of(read: &Read, extractor: u32, size: u64) -> Facts {
    let extraction = &read.extraction;
    Facts {
        extractor,
        size,
        media_type: extraction.media_type.clone(),
        encoding: extraction.encoding.clone(),
        truncated: extraction.truncated,
        name_only: extraction.name_only.clone(),
        note: extraction.note.clone(),
        details: extraction.details.clone(),
        lost: extraction.lost,
        scans: Some(read.scans().len() as u32),
        recognised: read.recognised,
        ..Facts::default()
    }
}

fn passage_key(content: &FileContent, number: u32) -> Vec<u8> {
    [content.key().as_slice(), &number.to_be_bytes()].concat()
}

/// A context costs more to make than a passage to decompress, so each thread keeps one.
fn decompress(bytes: &[u8]) -> Result<String> {
    thread_local! {
        static CONTEXT: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    }
    let damaged = || Error::damaged("A text in facts.redb cannot be decompressed.");
    let text = CONTEXT.with_borrow_mut(|context| {
        let context = match context {
            Some(context) => context,
            None => context.insert(Decompressor::new().map_err(|e| damaged().because(e))?),
        };
        let most = search::MAX_PASSAGE_BYTES;
        context
            .decompress(bytes, most)
            .map_err(|e| damaged().because(e))
    })?;
    String::from_utf8(text).map_err(|e| damaged().because(e))
}

#[cfg(test)]
pub(crate) use shared::tests::plant;

#[cfg(test)]
mod tests {
    use super::*;

    const WITH: Means = Means {
        seconds: 20,
        memory: 512 << 20,
        recognises: true,
    };
    const WITHOUT: Means = Means {
        recognises: false,
        ..WITH
    };

    #[test]
    fn contents_that_are_read_better_now_are_read_again() {
        let of = |media_type: &str, encoding: Option<&str>, extractor| Facts {
            extractor,
            media_type: media_type.into(),
            encoding: encoding.map(str::to_owned),
            details: Details {
                scripts: Some(false),
                ..Details::default()
            },
            scans: Some(0),
            ..Facts::default()
        };
        for (media_type, encoding) in [
            ("application/pdf", None),
            ("message/rfc822", None),
            ("application/zip", None),
            ("text/html", Some("UTF-8")),
            ("text/plain", Some("windows-1252")),
            ("video/mp4", None),
        ] {
            let facts = |extractor| of(media_type, encoding, extractor);
            assert!(facts(3).is_to_be_read_again(WITHOUT), "{media_type}");
            let now = facts(extract::VERSION);
            assert!(!now.is_to_be_read_again(WITHOUT), "{media_type}");
        }
        for (media_type, encoding) in [("text/plain", Some("UTF-8")), ("image/png", None)] {
            assert!(!of(media_type, encoding, 3).is_to_be_read_again(WITHOUT));
        }
    }

    #[test]
    fn scans_are_read_again_where_they_can_be_and_never_given_up() {
        let read = Facts {
            extractor: extract::VERSION,
            media_type: "application/pdf".into(),
            scans: Some(2),
            details: Details {
                scripts: Some(false),
                ..Details::default()
            },
            ..Facts::default()
        };
        assert!(read.is_to_be_read_again(WITH) && !read.is_to_be_read_again(WITHOUT));
        let without = Facts {
            scans: Some(0),
            ..read.clone()
        };
        assert!(!without.is_to_be_read_again(WITH));
        let by_an_earlier_release = Facts {
            scans: None,
            ..read.clone()
        };
        assert!(by_an_earlier_release.is_to_be_read_again(WITH));
        let recognised = Facts {
            extractor: extract::VERSION - 1,
            note: Some("Contents readable in part only.".into()),
            recognised: Some(1),
            ..read
        };
        assert!(recognised.is_to_be_read_again(WITH) && !recognised.is_to_be_read_again(WITHOUT));
    }
}
