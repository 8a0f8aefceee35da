//! Bytes and a name become a media type and text that a search can find.
//!
//! [`extract`] reads a file from its start, decides what it is ([`media_type`]), decodes it whatever
//! its character encoding, and keeps what a person would read in it. Formats that this release
//! cannot read give no text and one sentence that says so.
//!
//! # What hostile content can and cannot do
//!
//! Every scanner here walks its input once, keeps no stack, and never looks back: time is linear in
//! what was read, and nesting costs nothing. At most [`MAX_TEXT_BYTES`] times two is read of text in
//! 8-bit encodings (times four of UTF-32) and as much decoded, so memory stays within six times
//! [`MAX_TEXT_BYTES`]. No content is an error: only the disk is.

mod charset;
pub mod child;
mod decode;
mod entity;
mod flow;
mod format;
mod html;
mod json;
mod magic;
mod markdown;
mod markup;
mod media;
mod plain;
mod sink;
mod table;
mod xml;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

pub use media::media_type;
pub use sink::{Details, Found, PAGE_BREAK, Sink, Unreadable};

use crate::error::{Error, Result};
use flow::Flow;
use format::Format;

/// Stored with what was extracted; raised when a release reads more, or reads it better.
pub const VERSION: u32 = 1;

/// The most text, in bytes of UTF-8, that is kept of one file.
pub const MAX_TEXT_BYTES: usize = 16 << 20;

/// How much of a file's beginning decides its media type; an upload looks at as much.
pub const MEDIA_TYPE_BYTES: usize = 4 << 10;

/// How much of a file's beginning decides whether it is text at all, and in which wide encoding.
const HEAD_BYTES: usize = 64 << 10;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extraction {
    /// `type/subtype` without parameters.
    pub media_type: String,
    /// The character encoding that the text was decoded from, by its WHATWG name (or `UTF-32LE`,
    /// `UTF-32BE`); `None` where nothing was decoded.
    pub encoding: Option<String>,
    /// At most [`MAX_TEXT_BYTES`] of text: lines end in `\n`, pages of what has pages are separated
    /// by [`PAGE_BREAK`], and besides those and `\t` it holds no control characters. Not normalised.
    pub text: String,
    /// The file says more than `text` holds.
    pub truncated: bool,
    /// Why there is no text, as a sentence for people.
    pub name_only: Option<String>,
    /// Why `text` ends before the file does, as a sentence for people, if not by its length.
    pub note: Option<String>,
    /// What the file says about itself besides its text.
    pub details: Details,
}

/// Reads `file` from its start, whatever its position, and extracts its text. `size` is its length
/// in bytes as far as known (a hint for memory), `name` its last path segment.
///
/// # Errors
///
/// Only when reading fails; content of any kind gives an [`Extraction`].
pub fn extract(file: &mut File, size: u64, name: &str) -> Result<Extraction> {
    let mut text = String::new();
    let mut found = stream(file, size, name, &mut |found| {
        if let Found::Text(piece) = found {
            text.push_str(piece);
        }
    })?;
    found.text = text;
    Ok(found)
}

/// As [`extract`], passing on each piece as it is found, so that all of them are kept when a later
/// one takes too long; the answer's `text` stays empty.
///
/// # Errors
///
/// As [`extract`].
pub fn stream(
    file: &mut File,
    size: u64,
    name: &str,
    pass_on: &mut dyn FnMut(Found<'_>),
) -> Result<Extraction> {
    let mut bytes = Vec::with_capacity(size.min(HEAD_BYTES as u64) as usize);
    file.rewind()
        .and_then(|()| file.take(HEAD_BYTES as u64).read_to_end(&mut bytes))
        .map_err(|error| Error::io("reading", Path::new(name), error))?;

    let media_type = media_type(name, &bytes[..bytes.len().min(MEDIA_TYPE_BYTES)]);
    pass_on(Found::MediaType(&media_type));
    let format = match Format::of(&media_type, &bytes) {
        Ok(format) => format,
        Err(reason) => return Ok(Extraction::name_only(media_type, reason)),
    };

    let limit = format.input_limit();
    let read = decode::rest(file, size, bytes, limit)
        .map_err(|error| Error::io("reading", Path::new(name), error))?;
    let declared = format.declared_encoding(&read.bytes);
    let decoded = read.decode(declared, limit);
    let (text, cut) = format.text(decoded.text);
    if !text.is_empty() {
        pass_on(Found::Text(&text));
    }
    Ok(Extraction {
        media_type,
        encoding: Some(decoded.encoding.to_owned()),
        truncated: decoded.truncated || cut,
        ..Extraction::default()
    })
}

impl Extraction {
    fn name_only(media_type: String, reason: &str) -> Self {
        Self {
            media_type,
            name_only: Some(reason.to_owned()),
            ..Self::default()
        }
    }
}

impl Format {
    /// The text of a decoded document, and whether it had to be cut.
    fn text(&self, decoded: String) -> (String, bool) {
        let text = match self {
            Self::Plain => plain::clean(decoded),
            Self::Markdown => markdown::text(plain::clean(decoded)),
            Self::Table => table::text(&plain::clean(decoded)),
            Self::Json => plain::clean(json::text(decoded)),
            Self::Html => flowing(&decoded, html::text),
            Self::Xml => flowing(&decoded, xml::text),
            Self::Svg => flowing(&decoded, xml::drawing_text),
        };
        cut(text)
    }
}

fn flowing(document: &str, text: fn(&str, &mut Flow)) -> String {
    let mut flow = Flow::new(MAX_TEXT_BYTES);
    text(document, &mut flow);
    flow.into_text()
}

fn cut(mut text: String) -> (String, bool) {
    if text.len() <= MAX_TEXT_BYTES {
        return (text, false);
    }
    let mut end = MAX_TEXT_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    (text, true)
}

#[cfg(test)]
mod tests;
