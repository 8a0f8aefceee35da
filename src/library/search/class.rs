//! What a file is to a person who looks for one: a PDF, a spreadsheet, a picture.

use serde::Serialize;
use utoipa::ToSchema;

/// Kinds of files that people tell apart. Each file is of exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Pdf,
    Document,
    Spreadsheet,
    Presentation,
    Book,
    Mail,
    Web,
    Text,
    Code,
    Data,
    Image,
    Audio,
    Video,
    Archive,
    Other,
}

impl Class {
    pub const ALL: [Self; 15] = [
        Self::Pdf,
        Self::Document,
        Self::Spreadsheet,
        Self::Presentation,
        Self::Book,
        Self::Mail,
        Self::Web,
        Self::Text,
        Self::Code,
        Self::Data,
        Self::Image,
        Self::Audio,
        Self::Video,
        Self::Archive,
        Self::Other,
    ];

    /// Of a file with this media type and name. A name tells programs from other texts, which
    /// media types hardly do.
    pub fn of(media_type: &str, name: &str) -> Self {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let ending = ending.to_ascii_lowercase();
        by_type(&essence).unwrap_or_else(|| {
            let (group, subtype) = essence.split_once('/').unwrap_or_default();
            match group {
                "image" => Self::Image,
                "audio" => Self::Audio,
                "video" => Self::Video,
                "message" => Self::Mail,
                "text" if is_program(&ending) || subtype.starts_with("x-") => Self::Code,
                "text" => Self::Text,
                "font" => Self::Other,
                _ if subtype.ends_with("+xml") || subtype.ends_with("+json") => Self::Data,
                _ if is_program(&ending) => Self::Code,
                _ => Self::Other,
            }
        })
    }

    /// As addresses, queries and the API write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Document => "document",
            Self::Spreadsheet => "spreadsheet",
            Self::Presentation => "presentation",
            Self::Book => "book",
            Self::Mail => "mail",
            Self::Web => "web",
            Self::Text => "text",
            Self::Code => "code",
            Self::Data => "data",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Archive => "archive",
            Self::Other => "other",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }
}

fn by_type(essence: &str) -> Option<Class> {
    let subtype = essence.strip_prefix("application/").unwrap_or(essence);
    Some(match subtype {
        "pdf" => Class::Pdf,
        // What is left of an office document that a password protects.
        "msword" | "rtf" | "text/rtf" | "vnd.apple.pages" | "x-ole-storage" => Class::Document,
        "vnd.ms-excel" | "vnd.apple.numbers" | "text/csv" | "text/tab-separated-values" => {
            Class::Spreadsheet
        }
        "vnd.ms-powerpoint" | "vnd.apple.keynote" => Class::Presentation,
        "epub+zip" | "x-mobipocket-ebook" | "vnd.amazon.ebook" => Class::Book,
        "vnd.ms-outlook" | "mbox" => Class::Mail,
        "text/html" | "xhtml+xml" => Class::Web,
        "text/plain" | "text/markdown" => return None,
        "javascript" | "x-javascript" | "typescript" | "x-sh" | "x-python" | "x-perl" | "x-php"
        | "x-ruby" | "sql" | "x-tex" | "x-latex" | "text/javascript" | "text/css" => Class::Code,
        "json" | "xml" | "text/xml" | "yaml" | "x-yaml" | "text/yaml" | "text/x-yaml" | "toml"
        | "text/x-toml" | "x-ndjson" => Class::Data,
        "zip"
        | "gzip"
        | "x-gzip"
        | "x-tar"
        | "x-bzip2"
        | "x-xz"
        | "zstd"
        | "x-7z-compressed"
        | "vnd.rar"
        | "x-rar-compressed"
        | "java-archive"
        | "vnd.debian.binary-package"
        | "x-rpm" => Class::Archive,
        _ if subtype.starts_with("vnd.openxmlformats-officedocument.")
            || subtype.starts_with("vnd.oasis.opendocument.")
            || subtype.starts_with("vnd.ms-") =>
        {
            return office(subtype);
        }
        _ => return None,
    })
}

fn office(subtype: &str) -> Option<Class> {
    let has = |part| subtype.contains(part);
    if has("wordprocessingml") || has("opendocument.text") || has("ms-word") {
        Some(Class::Document)
    } else if has("spreadsheet") || has("ms-excel") {
        Some(Class::Spreadsheet)
    } else if has("presentation") || has("ms-powerpoint") {
        Some(Class::Presentation)
    } else if has("opendocument.graphics") || has("opendocument.image") {
        Some(Class::Image)
    } else {
        None
    }
}

/// Endings of programs, scripts and their build files that are kept as plain text.
fn is_program(ending: &str) -> bool {
    matches!(
        ending,
        "asm"
            | "awk"
            | "bash"
            | "bat"
            | "c"
            | "cc"
            | "clj"
            | "cmake"
            | "cpp"
            | "cs"
            | "css"
            | "cxx"
            | "d"
            | "dart"
            | "diff"
            | "el"
            | "erl"
            | "ex"
            | "exs"
            | "f90"
            | "fs"
            | "go"
            | "gradle"
            | "h"
            | "hpp"
            | "hs"
            | "java"
            | "jl"
            | "js"
            | "jsx"
            | "kt"
            | "lisp"
            | "lua"
            | "m4"
            | "mjs"
            | "ml"
            | "nim"
            | "patch"
            | "php"
            | "pl"
            | "pm"
            | "ps1"
            | "py"
            | "r"
            | "rb"
            | "rs"
            | "scala"
            | "scss"
            | "sh"
            | "sql"
            | "swift"
            | "tcl"
            | "ts"
            | "tsx"
            | "vb"
            | "vim"
            | "zig"
            | "zsh"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_what_people_call_them() {
        const OOXML: &str = "application/vnd.openxmlformats-officedocument";
        for (media_type, name, class) in [
            ("application/pdf", "a.pdf", Class::Pdf),
            (
                &format!("{OOXML}.wordprocessingml.document"),
                "a.docx",
                Class::Document,
            ),
            (
                &format!("{OOXML}.spreadsheetml.sheet"),
                "a.xlsx",
                Class::Spreadsheet,
            ),
            (
                &format!("{OOXML}.presentationml.slideshow"),
                "a.ppsx",
                Class::Presentation,
            ),
            (
                "application/vnd.oasis.opendocument.text",
                "a.odt",
                Class::Document,
            ),
            (
                "application/vnd.ms-excel.sheet.macroenabled.12",
                "a.xlsm",
                Class::Spreadsheet,
            ),
            ("application/msword", "a.doc", Class::Document),
            ("text/csv", "a.csv", Class::Spreadsheet),
            ("application/epub+zip", "a.epub", Class::Book),
            ("message/rfc822", "a.eml", Class::Mail),
            ("Text/HTML; charset=utf-8", "a.html", Class::Web),
            ("text/plain", "notes.txt", Class::Text),
            ("text/markdown", "notes.md", Class::Text),
            ("text/plain; charset=utf-8", "main.rs", Class::Code),
            ("text/x-rust", "main.rs", Class::Code),
            ("application/json", "a.json", Class::Data),
            ("image/svg+xml", "a.svg", Class::Image),
            ("application/atom+xml", "feed", Class::Data),
            ("audio/mpeg", "a.mp3", Class::Audio),
            ("video/mp4", "a.mp4", Class::Video),
            ("application/zip", "a.zip", Class::Archive),
            ("application/octet-stream", "a.bin", Class::Other),
            ("", "", Class::Other),
        ] {
            assert_eq!(Class::of(media_type, name), class, "{media_type} {name}");
        }
    }

    #[test]
    fn each_class_has_a_word_of_its_own() {
        for class in Class::ALL {
            assert_eq!(Class::from_word(class.word()), Some(class));
        }
        assert_eq!(Class::from_word("PDF"), None);
    }
}
