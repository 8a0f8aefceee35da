//! Formatted texts: short files as they were meant to be seen, kept in the key-value store. Each is
//! made when somebody first looks, and again by a release that makes better ones or when it is to be
//! made differently; that one cost too much is kept, too, so that nothing is tried for ever.
//!
//! They may be lost at any time: whoever looks next has them made.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::entry::{Entry, FileContent};
use super::facts::of_digest;
use super::{Facts, Library};
use crate::error::Result;
use crate::extract::child::Document;
use crate::extract::preview::{FORMATTER_VERSION, Formatting, MAX_TEXT_BYTES};
use crate::store::kv::{Batch, Json, Table};
use crate::store::{Digest, Kv};

pub use crate::extract::preview::{Style, decoded};

const PREVIEWS: Table<Json<FormattedText>> = Table::new("file_previews");

/// A text that can be formatted, and how.
#[derive(Clone, Debug)]
pub struct Formattable {
    pub content: FileContent,
    size: u64,
    name: String,
    formatting: Formatting,
}

/// What came of formatting. A later release may add fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FormattedText {
    /// Version of what made it.
    formatter: u32,
    formatting: Option<Formatting>,
    /// Absent if it cost too much: then the text is shown as it stands.
    pub html: Option<String>,
}

impl Formattable {
    /// How a text file is formatted; nothing if it is long, or shown as it stands.
    pub fn of(entry: &Entry, facts: Option<&Facts>) -> Option<Self> {
        if entry.size > MAX_TEXT_BYTES {
            return None;
        }
        let name = entry.path.name();
        Some(Self {
            content: entry.file_content(),
            size: entry.size,
            formatting: Formatting {
                style: Style::of(name, &entry.media_type)?,
                // As it is taken to be before the file had its turn.
                encoding: facts
                    .and_then(|facts| facts.encoding.clone())
                    .filter(|encoding| encoding != "UTF-8"),
            },
            name: name.to_owned(),
        })
    }

    pub fn style(&self) -> &Style {
        &self.formatting.style
    }
}

impl Library {
    /// What formatting a text came to; nothing as long as nobody looked.
    pub fn formatted_text(&self, text: &Formattable) -> Result<Option<FormattedText>> {
        let found = self.store.kv.get(&PREVIEWS, &text.content.key())?;
        let is_current = |kept: &FormattedText| {
            kept.formatter >= FORMATTER_VERSION
                && kept.formatting.as_ref() == Some(&text.formatting)
        };
        Ok(found.map(|Json(kept)| kept).filter(is_current))
    }

    /// Formats a text within so long, without keeping it.
    ///
    /// # Errors
    /// [`Kind::Busy`](crate::error::Kind::Busy) and [`Kind::Unavailable`](crate::error::Kind::Unavailable)
    /// when it has to be tried again, others when the content cannot be read.
    pub fn format_text(&self, text: &Formattable, most: Duration) -> Result<FormattedText> {
        let document = Document {
            file: &self.open_named(&text.content.sha256, text.size)?,
            size: text.size,
            name: &text.name,
            media_type: "text/plain",
        };
        let html = self.readers().format(&document, &text.formatting, most)?;
        Ok(FormattedText {
            formatter: FORMATTER_VERSION,
            formatting: Some(text.formatting.clone()),
            html,
        })
    }

    /// Keeps a formatted text, unless its file is purged meanwhile or a later release has made one.
    pub fn keep_formatted_text(&self, content: &FileContent, made: &FormattedText) -> Result<()> {
        let (mut put, mut batch) = (Batch::default(), Batch::default());
        put.put(&PREVIEWS, &content.key(), &Json(made.clone()))?;
        let formatter = made.formatter;
        let is_no_later = move |known: Option<Json<FormattedText>>| {
            known.is_none_or(|Json(known)| known.formatter <= formatter)
        };
        batch.when(&PREVIEWS, &content.key(), is_no_later, put);
        self.store.kv.write(batch)?;
        // Whoever purges removes the file first and this then: one of the two sees the other.
        if self.has_content(content)? {
            return Ok(());
        }
        let mut gone = Batch::default();
        forget(content, &mut gone);
        self.store.kv.write(gone)
    }
}

/// Together with all that is known of a file's content.
pub(super) fn forget(content: &FileContent, batch: &mut Batch) {
    batch.remove(&PREVIEWS, &content.key());
}

/// The same for all files.
pub(super) fn forget_all(kv: &Kv, digest: &Digest, batch: &mut Batch) -> Result<()> {
    for (content, _) in of_digest(kv, &PREVIEWS, digest)? {
        forget(&content, batch);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::tests::Bench;

    #[test]
    fn a_formatted_text_is_kept_for_its_file_and_for_how_it_was_made() {
        let bench = Bench::new();
        let library = &bench.library;
        let (one, other) = (
            bench.put("a.rs", "fn a() {}"),
            bench.put("b.rs", "fn a() {}"),
        );
        let text = |id| Formattable::of(&library.entry(id).unwrap(), None).unwrap();
        let kept = |text: &Formattable| library.formatted_text(text).unwrap();
        let first = text(one.id);
        assert_eq!(kept(&first), None);
        let made = library
            .format_text(&first, Duration::from_secs(60))
            .unwrap();
        assert!(made.html.as_ref().unwrap().contains("s-function"));
        library.keep_formatted_text(&first.content, &made).unwrap();
        assert_eq!(kept(&first), Some(made.clone()));
        // Equal bytes of another file are no business of this one's.
        assert_eq!(kept(&text(other.id)), None);
        // Neither is what was made by another grammar.
        library
            .rename(one.id, &crate::library::FilePath::parse("a.c").unwrap())
            .unwrap();
        assert_eq!(kept(&text(one.id)), None);
        // One that was on its way while its file was purged.
        library.trash(one.id).unwrap();
        library.purge(one.id).unwrap();
        library.keep_formatted_text(&first.content, &made).unwrap();
        assert_eq!(kept(&first), None);
    }
}
