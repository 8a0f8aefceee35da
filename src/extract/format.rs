//! Which reader a media type gets, or why it has none.

use encoding_rs::Encoding;

use super::{MAX_TEXT_BYTES, charset, html, magic, xml};

/// The formats that this release reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prose, logs, source code: read as it stands.
    Plain,
    Markdown,
    /// Cells with a delimiter between them: CSV and its relatives.
    Table,
    /// JSON, and sequences of it.
    Json,
    Html,
    Xml,
    /// XML whose attributes are geometry.
    Svg,
    Pdf,
    Rtf,
    Mail,
    /// Office Open XML.
    Office,
    /// Compound files: the older Office, and what is encrypted of any.
    Compound,
    OpenDocument,
    Epub,
    Picture,
    /// Sound and video.
    Recording,
    Zip,
    SevenZip,
    Tar,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Format {
    /// The reader for content of this type that begins with `head`, or the sentence that tells
    /// people why there is none.
    pub fn of(media_type: &str, head: &[u8]) -> Result<Self, &'static str> {
        if let Some(format) = binary(media_type, head) {
            return Ok(format);
        }
        if let Some(reason) = unread(media_type) {
            return Err(reason);
        }
        if !charset::is_text(head) {
            return Err("The content looks like binary data; the file is found by its name.");
        }
        Ok(match media_type {
            "text/html" | "application/xhtml+xml" => Self::Html,
            "image/svg+xml" => Self::Svg,
            "text/xml" | "application/xml" => Self::Xml,
            "application/json" | "application/json5" | "application/x-ndjson" => Self::Json,
            "text/csv" | "text/tab-separated-values" => Self::Table,
            "text/markdown" | "text/x-markdown" => Self::Markdown,
            other if other.ends_with("+xml") => Self::Xml,
            other if other.ends_with("+json") => Self::Json,
            _ => Self::Plain,
        })
    }

    /// How many bytes of UTF-8 are worth reading for [`MAX_TEXT_BYTES`] of text: twice as many
    /// where a good part of a document is markup.
    pub fn input_limit(self) -> usize {
        match self {
            Self::Json | Self::Html | Self::Xml | Self::Svg => 2 * MAX_TEXT_BYTES,
            _ => MAX_TEXT_BYTES,
        }
    }

    /// The encoding that a document claims for itself.
    pub fn declared_encoding(self, head: &[u8]) -> Option<&'static Encoding> {
        match self {
            Self::Html => html::declared_encoding(head),
            Self::Xml | Self::Svg => xml::declared_encoding(head),
            _ => None,
        }
    }
}

/// The reader for a type whose content is not text.
fn binary(media_type: &str, head: &[u8]) -> Option<Format> {
    let (family, subtype) = media_type.split_once('/')?;
    Some(match (family, subtype) {
        // Whatever a name makes of them: what is encrypted of any Office is a compound file.
        _ if head.starts_with(magic::COMPOUND) => Format::Compound,
        ("application", "pdf") => Format::Pdf,
        ("application" | "text", "rtf") => Format::Rtf,
        ("message", "rfc822") => Format::Mail,
        ("application", "epub+zip") => Format::Epub,
        ("application", subtype) if is_open_document(subtype) => Format::OpenDocument,
        ("application", subtype) if is_office(subtype) => Format::Office,
        ("image", "svg+xml" | "x-xpixmap" | "x-xbitmap") => return None,
        ("image", _) => Format::Picture,
        ("audio", "midi" | "x-mpegurl" | "mpegurl") => return None,
        ("audio" | "video", _) => Format::Recording,
        ("application", "x-tar") => Format::Tar,
        ("application", "x-7z-compressed") => Format::SevenZip,
        ("application", "gzip") => Format::Gzip,
        ("application", "x-bzip2") => Format::Bzip2,
        ("application", "x-xz") => Format::Xz,
        ("application", "zstd") => Format::Zstd,
        _ if head.starts_with(magic::ZIP) => Format::Zip,
        _ => return None,
    })
}

/// Why a type whose content is never text is not read.
fn unread(media_type: &str) -> Option<&'static str> {
    let (family, subtype) = media_type.split_once('/')?;
    Some(match (family, subtype) {
        ("audio", "midi") => "Notes hold no text to read; the file is found by its name.",
        ("font", _) => "A font holds no text to read; the file is found by its name.",
        ("application", "postscript") => {
            "This release reads no PostScript; the file is found by its name."
        }
        ("application", "vnd.rar") => {
            "This release does not read what a RAR archive lists; the file is found by its name."
        }
        ("application", subtype) if is_archive(subtype) => {
            "This release does not look inside archives of this kind; the file is found by its name."
        }
        _ => return None,
    })
}

fn is_open_document(subtype: &str) -> bool {
    // The flat variants are XML text.
    subtype.starts_with("vnd.oasis.opendocument") && !subtype.ends_with("xml")
}

fn is_office(subtype: &str) -> bool {
    let is_named = subtype == "msword"
        || subtype.starts_with("vnd.ms-word")
        || subtype.starts_with("vnd.ms-excel")
        || subtype.starts_with("vnd.ms-powerpoint")
        || subtype.starts_with("vnd.openxmlformats-officedocument");
    is_named && !subtype.ends_with("+xml")
}

fn is_archive(subtype: &str) -> bool {
    matches!(subtype, "zip" | "vnd.debian.binary-package")
}
