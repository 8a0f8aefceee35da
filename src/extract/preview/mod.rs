//! A short text as it was meant to be seen: Markdown as the page that it means, source code in colours.
//!
//! What formats a text are libraries that a few hundred bytes can keep busy for seconds. So it is done
//! where documents are read, in a child, and what a child answers is [checked](is_inert) before it
//! comes near a page.

mod code;
mod inert;
mod markdown;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use encoding_rs::{Encoding, UTF_8};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

pub use inert::is_inert;

/// Stored with what was made; raised when a release formats more texts, or better.
pub const FORMATTER_VERSION: u32 = 1;

/// Longer texts are not formatted.
pub const MAX_TEXT_BYTES: u64 = 64 << 10;

/// What of a formatted text has more bytes is not shown: some ten times those of its text.
pub const MAX_HTML_BYTES: usize = 1 << 20;

/// How a text is to be formatted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formatting {
    pub style: Style,
    /// The encoding that the whole text was read in; UTF-8 where that is not known.
    pub encoding: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// Paragraphs and headings.
    Markdown,
    /// Lines as they stand, in the colours of the grammar that files with this ending have.
    Code(String),
}

impl Style {
    /// The style of a text file; nothing if it is shown as it stands.
    pub fn of(name: &str, media_type: &str) -> Option<Self> {
        match media_type {
            "text/markdown" | "text/x-markdown" => Some(Self::Markdown),
            "text/csv" | "text/tab-separated-values" => None,
            _ => code::ending(name).map(|ending| Self::Code(ending.to_owned())),
        }
    }
}

/// Formats a text; nothing if that cannot be had at a fair price.
///
/// # Errors
/// Only when reading fails.
pub fn format(file: &mut File, formatting: &Formatting) -> Result<Option<String>> {
    let failed = |error| Error::io("reading", Path::new("a text"), error);
    let mut bytes = Vec::new();
    file.rewind().map_err(failed)?;
    file.take(MAX_TEXT_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let text = decoded(&bytes, formatting.encoding.as_deref());
    let html = match &formatting.style {
        Style::Markdown => Some(markdown::html(&text)),
        Style::Code(ending) => code::html(ending, &text),
    };
    Ok(html.filter(|html| html.len() <= MAX_HTML_BYTES))
}

/// Bytes of a text as text; what cannot be one is shown as a replacement character. `encoding` is the
/// one that the whole was read in.
pub fn decoded(bytes: &[u8], encoding: Option<&str>) -> String {
    let encoding = encoding.and_then(|name| Encoding::for_label(name.as_bytes()));
    let (text, _) = encoding.unwrap_or(UTF_8).decode_with_bom_removal(bytes);
    text.replace("\r\n", "\n")
}
