//! Which reader a media type gets, or why it has none.

use encoding_rs::Encoding;

use super::{MAX_TEXT_BYTES, charset, html, xml};

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
}

impl Format {
    /// The reader for content of this type that begins with `head`, or the sentence that tells
    /// people why there is none.
    pub fn of(media_type: &str, head: &[u8]) -> Result<Self, &'static str> {
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
            Self::Plain | Self::Markdown | Self::Table => MAX_TEXT_BYTES,
            Self::Json | Self::Html | Self::Xml | Self::Svg => 2 * MAX_TEXT_BYTES,
        }
    }

    /// The encoding that a document claims for itself.
    pub fn declared_encoding(self, head: &[u8]) -> Option<&'static Encoding> {
        match self {
            Self::Html => html::declared_encoding(head),
            Self::Xml | Self::Svg => xml::declared_encoding(head),
            Self::Plain | Self::Markdown | Self::Table | Self::Json => None,
        }
    }
}

/// Why a type whose content is never text is not read.
fn unread(media_type: &str) -> Option<&'static str> {
    let (family, subtype) = media_type.split_once('/')?;
    Some(match (family, subtype) {
        ("image", "svg+xml" | "x-xpixmap" | "x-xbitmap") => return None,
        ("image", _) => "This release reads no text in images yet; the file is found by its name.",
        ("audio", _) => "A sound recording holds no text to read; the file is found by its name.",
        ("video", _) => "This release reads no videos; the file is found by its name.",
        ("font", _) => "A font holds no text to read; the file is found by its name.",
        ("application", "pdf") => {
            "This release reads no PDF documents yet; the file is found by its name."
        }
        ("application", "postscript" | "rtf" | "epub+zip") => {
            "This release reads no documents of this kind yet; the file is found by its name."
        }
        ("application", subtype) if is_office(subtype) => {
            "This release reads no office documents yet; the file is found by its name."
        }
        ("application", subtype) if is_archive(subtype) => {
            "This release does not look inside archives; the file is found by its name."
        }
        _ => return None,
    })
}

fn is_office(subtype: &str) -> bool {
    // The flat variants of OpenDocument are XML text, and are read.
    if subtype.ends_with("xml") {
        return false;
    }
    subtype == "msword"
        || subtype == "x-ole-storage"
        || subtype.starts_with("vnd.ms-")
        || subtype.starts_with("vnd.openxmlformats-officedocument")
        || subtype.starts_with("vnd.oasis.opendocument")
}

fn is_archive(subtype: &str) -> bool {
    matches!(
        subtype,
        "zip"
            | "gzip"
            | "zstd"
            | "x-tar"
            | "x-bzip2"
            | "x-xz"
            | "x-7z-compressed"
            | "vnd.rar"
            | "java-archive"
            | "vnd.android.package-archive"
            | "vnd.debian.binary-package"
    )
}
