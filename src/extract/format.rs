//! Which reader a media type gets, or why it has none.

use encoding_rs::Encoding;

use super::{MAX_TEXT_BYTES, charset, html, magic, translations, xml};

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
    /// Lines of fields that go on in the next line: vCard, iCalendar.
    ContentLines,
    /// Subtitles with their times and looks (ASS, SSA).
    Subtitles,
    /// Settings of Java programs.
    Properties,
    /// Words of programs in other languages (gettext, Apple).
    Translations,
    Pdf,
    Rtf,
    Mail,
    /// What Outlook packs a message's attachments in.
    Tnef,
    /// What is signed as a whole: `.p7m`.
    Signed,
    /// Office Open XML.
    Office,
    /// Compound files: the older Office, and what is encrypted of any.
    Compound,
    OpenDocument,
    Epub,
    /// Pages, Numbers and Keynote.
    Iwork,
    /// InDesign's markup.
    Idml,
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
            "text/xml" | "application/xml" | "text/x-opml" => Self::Xml,
            "application/json" | "application/json5" | "application/x-ndjson" => Self::Json,
            "text/csv" | "text/tab-separated-values" => Self::Table,
            "text/vcard" | "text/x-vcard" | "text/directory" | "text/calendar"
            | "text/x-vcalendar" => Self::ContentLines,
            "text/x-java-properties" => Self::Properties,
            _ if begins_with_text(head, b"BEGIN:VC") => Self::ContentLines,
            _ if begins_with_text(head, b"[Script Info]") => Self::Subtitles,
            "text/plain" if translations::begins(head) => Self::Translations,
            "text/markdown" | "text/x-markdown" => Self::Markdown,
            other if other.ends_with("+xml") => Self::Xml,
            other if other.ends_with("+json") => Self::Json,
            _ => Self::Plain,
        })
    }

    /// Whether its content is decoded as a whole before it is read.
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::Plain
                | Self::Markdown
                | Self::Table
                | Self::Json
                | Self::Html
                | Self::Xml
                | Self::Svg
                | Self::ContentLines
                | Self::Subtitles
                | Self::Properties
                | Self::Translations
        )
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
            Self::Translations => translations::declared_encoding(head),
            _ => None,
        }
    }
}

/// Whether a text begins so, in an encoding that has ASCII.
fn begins_with_text(head: &[u8], text: &[u8]) -> bool {
    let head = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    head.get(..text.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(text))
}

/// The reader for a type whose content is not text.
fn binary(media_type: &str, head: &[u8]) -> Option<Format> {
    let (family, subtype) = media_type.split_once('/')?;
    Some(match (family, subtype) {
        // Whatever a name makes of them: what is encrypted of any Office is a compound file.
        _ if head.starts_with(magic::COMPOUND) => Format::Compound,
        ("application", "pdf") => Format::Pdf,
        ("application" | "text", "rtf") => Format::Rtf,
        ("message", "rfc822") | ("application", "mbox") => Format::Mail,
        ("application", "ms-tnef" | "vnd.ms-tnef") => Format::Tnef,
        ("application", "pkcs7-mime") => Format::Signed,
        ("application", "epub+zip") => Format::Epub,
        ("application", subtype) if is_iwork(subtype) => Format::Iwork,
        ("application", "vnd.adobe.indesign-idml-package") => Format::Idml,
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
        ("application", "pkcs7-signature" | "x-pkcs7-certificates") => {
            "A signature holds no text to read; the file is found by its name."
        }
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
    let is_flat = subtype.ends_with("xml");
    // OpenOffice and StarOffice wrote nearly the same before there was a standard.
    let is_earlier = subtype.starts_with("vnd.sun.xml.");
    is_earlier || (subtype.starts_with("vnd.oasis.opendocument") && !is_flat)
}

fn is_iwork(subtype: &str) -> bool {
    matches!(
        subtype,
        "x-iwork" | "vnd.apple.pages" | "vnd.apple.numbers" | "vnd.apple.keynote"
    )
}

fn is_office(subtype: &str) -> bool {
    let is_named = subtype == "msword"
        || subtype.starts_with("vnd.ms-word")
        || subtype.starts_with("vnd.ms-excel")
        || subtype.starts_with("vnd.ms-powerpoint")
        || subtype.starts_with("vnd.ms-visio")
        || subtype.starts_with("vnd.openxmlformats-officedocument");
    is_named && !subtype.ends_with("+xml")
}

fn is_archive(subtype: &str) -> bool {
    matches!(subtype, "zip" | "vnd.debian.binary-package")
}
