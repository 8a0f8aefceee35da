//! Bytes and a name become a media type, text that a search can find, and a small picture.
//!
//! [`extract`] reads a file from its start, decides what it is ([`media_type`]), decodes it whatever
//! its character encoding, and keeps what a person would read in it. Formats that this release
//! cannot read give no text and one sentence that says so.
//!
//! # What hostile content can and cannot do
//!
//! Scanners of our own walk their input once, keep no stack, and never look back: time is linear in
//! what was read, and nesting costs nothing. At most [`MAX_TEXT_BYTES`] times two is read of text in
//! 8-bit encodings (times four of UTF-32) and as much decoded. Of a document's parts no more is
//! inflated than bounds beside each reader allow, and of its text no more is kept than
//! [`MAX_TEXT_BYTES`]. Libraries promise less: one may panic, loop, or ask for memory without end,
//! which is why documents are read in a process of their own. No content is an error: only the disk is.

mod archive;
mod asides;
mod attachment;
mod cells;
mod charset;
pub mod child;
mod content_lines;
mod decode;
mod entity;
mod epub;
mod field;
mod flow;
mod format;
mod html;
mod image;
mod json;
mod magic;
mod mail;
mod markdown;
mod markup;
mod media;
pub mod ocr;
mod office;
mod ole;
mod opendocument;
mod package;
mod pdf;
mod plain;
pub mod preview;
mod properties;
mod published;
mod recording;
mod rtf;
mod signed;
mod sink;
mod source;
mod subtitles;
mod table;
mod thumbnail;
mod translations;
mod xml;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

pub use media::media_type;
pub use ocr::Ocr;
pub use sink::{Details, Found, PAGE_BREAK};
pub use thumbnail::{Coding, MAKER, Picture, is_drawable};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use flow::Flow;
use format::Format;
use sink::{Sink, Unreadable};
use source::Source;

/// Stored with what was extracted; raised when a release reads more, or reads it better.
pub const VERSION: u32 = 4;

/// Whether this release reads more, or reads it better, in a content of this type and encoding than
/// the extractor of an earlier version; [`VERSION`] says which is this one.
pub fn reads_more(media_type: &str, encoding: Option<&str>, extractor: u32) -> bool {
    let (family, subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
    let is_changed = match family {
        // What looked like it may be something else.
        "video" => subtype == "mp4",
        "image" => subtype == "heic",
        "audio" | "font" => false,
        "text" => {
            let is_plain = encoding.is_none_or(|encoding| encoding == "UTF-8");
            let is_markup = matches!(
                subtype,
                "html"
                    | "xml"
                    | "vcard"
                    | "x-vcard"
                    | "calendar"
                    | "rtf"
                    | "x-java-properties"
                    | "x-opml"
            );
            is_markup || !is_plain
        }
        _ => true,
    };
    extractor < 4 && is_changed
}

/// The media type of a PDF document.
pub const PDF: &str = "application/pdf";

/// The most text, in bytes of UTF-8, that is kept of one file.
pub const MAX_TEXT_BYTES: usize = 16 << 20;

/// Larger documents of formats that have to be in memory as a whole are not read.
const MAX_DOCUMENT_BYTES: u64 = 256 << 20;

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
    /// Pages of a PDF, from 0, of which only a picture tells what they say.
    pub scans: Vec<u32>,
    /// What it cost its reader, if another try might end otherwise.
    pub lost: Option<Lost>,
}

/// How reading a file ended before its end, for reasons that lie outside of the file as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lost {
    /// It took longer than so many seconds.
    Slow { seconds: u64 },
    /// It took more than so many bytes of memory.
    Memory { bytes: u64 },
    /// So many times whoever read it was killed.
    Killed { times: u32 },
}

/// Whoever reads a file may be killed so often before it is left alone.
const MOST_KILLED: u32 = 3;

impl Lost {
    /// Whether it may be read to its end with so many seconds and bytes of memory.
    pub fn may_end_otherwise(self, seconds: u64, memory: u64) -> bool {
        match self {
            Self::Slow { seconds: before } => seconds > before,
            Self::Memory { bytes } => memory > bytes,
            Self::Killed { times } => times < MOST_KILLED,
        }
    }

    /// The same after what was lost before.
    pub fn after(self, before: Option<Self>) -> Self {
        match (self, before) {
            (Self::Killed { times }, Some(Self::Killed { times: before })) => Self::Killed {
                times: times + before,
            },
            _ => self,
        }
    }
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
    let failed = |error| Error::io("reading", Path::new(name), error);
    let mut source = Source::new(file);
    let head = head(&mut source, size).map_err(failed)?;
    let mut media_type = media_type(name, &head[..head.len().min(MEDIA_TYPE_BYTES)]);
    // What the beginning did not say, the directories of these do.
    let inside = match media_type.as_str() {
        "application/zip" => package::media_type(BufReader::new(&mut source)),
        _ if head.starts_with(magic::COMPOUND) => ole::media_type(BufReader::new(&mut source)),
        _ => None,
    };
    if let Some(inside) = inside {
        media_type = inside.to_owned();
    }
    pass_on(Found::MediaType(&media_type));
    // Nothing is wrong with an empty file, whatever it is called.
    if head.is_empty() {
        return Ok(Extraction {
            media_type,
            ..Extraction::default()
        });
    }
    let format = match Format::of(&media_type, &head) {
        Ok(format) => format,
        Err(reason) => return Ok(Extraction::name_only(media_type, reason.to_owned())),
    };

    let mut any = false;
    let mut note = |found: Found<'_>| {
        any |= matches!(found, Found::Text(_));
        pass_on(found);
    };
    let mut sink = Sink::new(MAX_TEXT_BYTES, &mut note);
    let outcome = read_from(BufReader::new(&mut source), size, format, &mut sink);
    let finished = sink.finish();
    if let Some(error) = source.into_error() {
        return Err(failed(error));
    }
    let mut extraction = Extraction {
        media_type,
        truncated: finished.is_truncated,
        details: finished.details,
        scans: finished.scans,
        ..Extraction::default()
    };
    match outcome {
        Ok(encoding) => {
            extraction.encoding = encoding.map(str::to_owned);
            extraction.note = match finished.why_cut {
                Some(why) => Some(Unreadable::Broken(why.into()).note()),
                None => only_names(&extraction.media_type, format).map(str::to_owned),
            };
        }
        // What was read before the damage is worth more than a sentence about it.
        Err(unreadable) if any => {
            extraction.truncated = true;
            extraction.note = Some(unreadable.note());
        }
        Err(unreadable) => extraction.name_only = Some(unreadable.sentence()),
    }
    Ok(extraction)
}

/// What people are told of a document that is an archive of parts which this release does not know.
fn only_names(media_type: &str, format: Format) -> Option<&'static str> {
    let is_document =
        media_type.starts_with("application/vnd.") && !media_type.ends_with("-archive");
    (format == Format::Zip && is_document).then_some(
        "Contents readable in part only: of documents of this kind, this release reads the names of their parts.",
    )
}

fn head<R: Read + Seek>(source: &mut R, size: u64) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(size.min(HEAD_BYTES as u64) as usize);
    source.rewind()?;
    source.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Reads a file of a known format from its start. Answers the encoding it was decoded from, if it is
/// text.
fn read_from<R: Read + Seek>(
    mut reader: R,
    size: u64,
    format: Format,
    out: &mut Sink<'_>,
) -> Result<Option<&'static str>, Unreadable> {
    let unreadable = |_| Unreadable::Broken("it cannot be read to its end".into());
    reader.rewind().map_err(unreadable)?;
    match format {
        Format::Pdf => pdf::read(whole(reader, size)?, out)?,
        Format::Rtf => rtf::read(&whole(reader, size)?, out)?,
        Format::Mail => mail::read(&whole(reader, size)?, out)?,
        Format::Signed => signed::read(&whole(reader, size)?, out)?,
        Format::Tnef => mail::tnef::read(&whole(reader, size)?, out)?,
        Format::Office | Format::OpenDocument | Format::Epub | Format::Iwork | Format::Idml
            if !is_archive(&mut reader) =>
        {
            return Err(Unreadable::Broken(
                "it is of a kind that this release does not know".into(),
            ));
        }
        Format::Office => office::read(reader, out)?,
        Format::Compound => ole::read(reader, out)?,
        Format::OpenDocument => opendocument::read(reader, out)?,
        Format::Epub => epub::read(reader, out)?,
        Format::Iwork => published::iwork(reader, out)?,
        Format::Idml => published::idml(reader, out)?,
        Format::Picture => image::read(BufReader::new(reader), out)?,
        Format::Recording => recording::read(reader, out)?,
        Format::Zip => archive::zip(reader, out)?,
        Format::Tar => archive::tar(reader, out)?,
        Format::SevenZip => archive::seven_zip(reader, out)?,
        Format::Gzip => archive::gzip(reader, out)?,
        Format::Bzip2 => archive::bzip2(reader, out)?,
        Format::Xz => archive::xz(reader, out)?,
        Format::Zstd => archive::zstd(reader, out)?,
        text => {
            return Ok(Some(
                read_text(reader, size, text, out).map_err(unreadable)?,
            ));
        }
    }
    Ok(None)
}

/// Whether what should be a ZIP archive begins like one. What Word was before 1993 does not.
fn is_archive<R: Read + Seek>(reader: &mut R) -> bool {
    let mut first = [0; magic::ZIP.len()];
    let read = reader.read_exact(&mut first).and_then(|()| reader.rewind());
    read.is_ok() && first == *magic::ZIP
}

/// A document that can only be read when all of it is there.
fn whole<R: Read>(reader: R, size: u64) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::with_capacity(size.min(MAX_DOCUMENT_BYTES) as usize);
    let read = reader.take(MAX_DOCUMENT_BYTES + 1).read_to_end(&mut bytes);
    match read {
        Err(_) => Err(Unreadable::Broken("it cannot be read to its end".into())),
        Ok(length) if length as u64 > MAX_DOCUMENT_BYTES => Err(Unreadable::Broken(format!(
            "it is larger than the {} MiB that this release reads of such a document",
            MAX_DOCUMENT_BYTES >> 20
        ))),
        Ok(_) => Ok(bytes),
    }
}

fn read_text<R: Read>(
    mut reader: R,
    size: u64,
    format: Format,
    out: &mut Sink<'_>,
) -> io::Result<&'static str> {
    let mut head = Vec::with_capacity(size.min(HEAD_BYTES as u64) as usize);
    reader
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    let limit = format.input_limit();
    let mut read = decode::rest(reader, size, head, limit)?;
    if format == Format::ContentLines {
        read.unfold();
    }
    let declared = format.declared_encoding(&read.bytes);
    let decoded = read.decode(declared, limit);
    let is_markup = limit > MAX_TEXT_BYTES;
    format.write(decoded.text, out);
    if decoded.is_before_binary {
        out.cut_because("behind its text there is something else");
    } else if decoded.truncated && is_markup && !out.is_full() {
        out.cut_because("it has more markup than this release reads");
    } else if decoded.truncated {
        out.cut();
    }
    Ok(decoded.encoding)
}

impl Extraction {
    fn name_only(media_type: String, reason: String) -> Self {
        Self {
            media_type,
            name_only: Some(reason),
            ..Self::default()
        }
    }
}

impl Format {
    /// Appends the text of a decoded document.
    fn write(self, decoded: String, out: &mut Sink<'_>) {
        let dialect = match self {
            Self::Xml => xml::dialect(&decoded),
            _ => None,
        };
        match dialect {
            Some(xml::Dialect::OpenDocument) => opendocument::flat(&decoded, out),
            Some(xml::Dialect::Word) => office::docx::text(&decoded, out),
            _ => out.text(&self.text(decoded)),
        }
    }

    /// The text of a decoded document.
    fn text(self, decoded: String) -> String {
        match self {
            Self::Markdown => markdown::text(plain::clean(decoded)),
            Self::Table => table::text(&plain::clean(decoded)),
            Self::Json => plain::clean(json::text(decoded)),
            Self::Html => flowing(&decoded, html::text),
            Self::Xml => flowing(&decoded, xml::text),
            Self::Svg => flowing(&decoded, xml::drawing_text),
            Self::ContentLines => plain::clean(content_lines::text(&decoded)),
            Self::Subtitles => plain::clean(subtitles::text(&decoded)),
            Self::Properties => plain::clean(properties::text(&decoded)),
            Self::Translations => plain::clean(translations::text(&decoded)),
            _ => plain::clean(decoded),
        }
    }
}

fn flowing(document: &str, text: fn(&str, &mut Flow)) -> String {
    let mut flow = Flow::new(MAX_TEXT_BYTES);
    text(document, &mut flow);
    flow.into_text()
}

#[cfg(test)]
mod tests;
