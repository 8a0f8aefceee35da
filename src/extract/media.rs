//! The media type of a file, from its first bytes and its name.

use super::{charset, magic, xml};

/// Extensions whose registered type is not what people keep under them.
const PREFERRED: &[(&str, &str)] = &[
    ("cts", "text/x-typescript"),
    ("ipynb", "application/x-ipynb+json"),
    ("jsonl", "application/x-ndjson"),
    ("mbox", "application/mbox"),
    ("mts", "text/x-typescript"),
    ("key", "application/vnd.apple.keynote"),
    ("ndjson", "application/x-ndjson"),
    ("numbers", "application/vnd.apple.numbers"),
    ("pages", "application/vnd.apple.pages"),
    ("properties", "text/x-java-properties"),
    ("ts", "text/x-typescript"),
    ("tsx", "text/x-typescript"),
    ("vsdm", "application/vnd.ms-visio.drawing"),
    ("vsdx", "application/vnd.ms-visio.drawing"),
    ("vstx", "application/vnd.ms-visio.drawing"),
];

/// The media type, as `type/subtype` without parameters, of a file called `name` that begins with
/// `head` (its first [`MEDIA_TYPE_BYTES`](super::MEDIA_TYPE_BYTES), or all of it).
///
/// Signatures of binary formats outrank the name, the name outranks everything else, and a name
/// that promises text over binary content (or sound and pictures over text) is not believed.
pub fn media_type(name: &str, head: &[u8]) -> String {
    let named = by_name(name);
    let found = match magic::sniff(head).or_else(|| magic::sniff_behind(head)) {
        Some(sniffed) => named
            .filter(|named| refines(named, sniffed))
            .unwrap_or(sniffed),
        None if head.is_empty() => named.unwrap_or("text/plain"),
        None if charset::is_text(head) => named
            .filter(|named| may_be_text(named))
            .or_else(|| markup(head))
            .or_else(|| message(head))
            .unwrap_or("text/plain"),
        None => named
            .filter(|named| !must_be_text(named))
            .unwrap_or("application/octet-stream"),
    };
    found.to_owned()
}

/// What the extension stands for.
fn by_name(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    PREFERRED
        .iter()
        .find(|(preferred, _)| preferred.eq_ignore_ascii_case(extension))
        .map(|(_, media_type)| *media_type)
        .or_else(|| mime_guess::from_ext(extension).first_raw())
}

/// Whether a name says more about a container than its signature does.
fn refines(named: &str, sniffed: &str) -> bool {
    match sniffed {
        "application/zip" => {
            named.ends_with("+zip")
                || named.ends_with("java-archive")
                || named.ends_with("package-archive")
                || named.starts_with("application/vnd.")
        }
        "application/x-ole-storage" => {
            named == "application/msword"
                || named.starts_with("application/vnd.ms-")
                || named.starts_with("application/vnd.visio")
        }
        "application/pkcs7-mime" => matches!(
            named,
            "application/pkcs7-signature" | "application/x-pkcs7-certificates"
        ),
        "audio/mp4" => named == "audio/m4a",
        "video/mp4" => matches!(named, "audio/mp4" | "audio/m4a" | "video/quicktime"),
        "image/heif" => named == "image/heic",
        _ => false,
    }
}

/// Whether text may carry this type; a type that always has a signature may not.
fn may_be_text(named: &str) -> bool {
    let (family, subtype) = named.split_once('/').unwrap_or((named, ""));
    match family {
        "audio" => subtype.ends_with("mpegurl"),
        "image" => matches!(subtype, "svg+xml" | "x-xpixmap" | "x-xbitmap"),
        "video" | "font" => false,
        "application" => {
            let opaque = matches!(
                subtype,
                "octet-stream"
                    | "pdf"
                    | "rtf"
                    | "postscript"
                    | "msword"
                    | "x-msdownload"
                    | "gzip"
                    | "zstd"
                    | "x-xz"
                    | "x-7z-compressed"
            );
            let vendor = subtype.starts_with("vnd.")
                && !subtype.ends_with("xml")
                && !subtype.ends_with("json");
            !opaque && !vendor && !subtype.contains("zip") && !subtype.contains("archive")
        }
        _ => true,
    }
}

/// Whether this type is never given to binary content.
fn must_be_text(named: &str) -> bool {
    named.starts_with("text/")
        || named.ends_with("json")
        || named.ends_with("xml")
        || named.ends_with("javascript")
}

/// Recognises markup by how documents begin, for files whose name says nothing.
fn markup(head: &[u8]) -> Option<&'static str> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let mut head = head.trim_ascii_start();
    while let Some(comment) = head.strip_prefix(b"<!--") {
        let end = memchr::memmem::find(comment, b"-->")?;
        head = comment[end + 3..].trim_ascii_start();
    }
    let begins = |with: &str| begins_with(head, with);
    let mentions = |what: &str| memchr::memmem::find(head, what.as_bytes()).is_some();
    if begins("<!doctype html") || begins("<html") || begins("<head>") {
        Some("text/html")
    } else if begins("<svg") || begins("<!doctype svg") {
        Some("image/svg+xml")
    } else if begins("<?xml") {
        Some(match (mentions("<html"), mentions("<svg")) {
            (true, _) => "application/xhtml+xml",
            (_, true) => "image/svg+xml",
            _ => "application/xml",
        })
    } else {
        has_known_root(head).then_some("application/xml")
    }
}

fn begins_with(head: &[u8], with: &str) -> bool {
    head.get(..with.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
}

/// Whether a document type, or the tag of a root, says that this is XML.
fn has_known_root(head: &[u8]) -> bool {
    const DOCUMENT_TYPE: &str = "<!DOCTYPE ";
    let declared = begins_with(head, DOCUMENT_TYPE).then(|| &head[DOCUMENT_TYPE.len()..]);
    let Some(tag) = declared.or_else(|| head.strip_prefix(b"<")) else {
        return false;
    };
    let end = memchr::memchr2(b'>', b'[', tag).unwrap_or(tag.len());
    let Ok(tag) = std::str::from_utf8(&tag[..end]) else {
        return false;
    };
    let tag = tag.replace(['\n', '\r', '\t'], " ");
    let name = tag.split([' ', '/']).next().unwrap_or_default();
    xml::is_root(name, &tag)
}

/// Recognises a message by the headers that it begins with, for files whose name says nothing.
fn message(head: &[u8]) -> Option<&'static str> {
    const FIRST: [&str; 9] = [
        "Return-Path:",
        "Received:",
        "Delivered-To:",
        "MIME-Version:",
        "Message-ID:",
        "Date:",
        "From:",
        "Subject:",
        "X-",
    ];
    let begins = |line: &[u8], with: &str| {
        line.get(..with.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    };
    let lines = || {
        head.split(|byte| *byte == b'\n')
            .take_while(|line| line.len() > 1)
    };
    let first = lines().next()?;
    let has = |name: &str| lines().any(|line| begins(line, name));
    // A file of messages begins with a line that says who sent the first one, and when.
    if begins(first, "From ") {
        let rest = &head[first.len() + 1..];
        return message(rest).map(|_| "application/mbox");
    }
    let is_message = FIRST.iter().any(|name| begins(first, name))
        && has("From:")
        && (has("Subject:") || has("To:"))
        && (has("Date:") || has("Message-ID:"));
    // Programs that save pages say nothing about who sent them.
    let is_page = has("MIME-Version:") && has("Content-Type: multipart/");
    (is_message || is_page).then_some("message/rfc822")
}

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn signatures_outrank_names() {
        assert_eq!(media_type("notes.txt", b"%PDF-1.7\n"), "application/pdf");
        assert_eq!(media_type("a.html", b"\x89PNG\r\n\x1a\n\0\0"), "image/png");
        assert_eq!(media_type("x", b"RIFF\x10\0\0\0WEBPVP8 "), "image/webp");
        assert_eq!(media_type("x", b"\0\0\0\x20ftypavif\0"), "image/avif");
        assert_eq!(media_type("x", b"\0\0\0\x20ftypisom\0"), "video/mp4");
        assert_eq!(media_type("x.mp3", b"ID3\x04\0\0"), "audio/mpeg");
        assert_eq!(media_type("x.txt", b"\x1f\x8b\x08\0"), "application/gzip");
    }

    #[test]
    fn brands_tell_media_apart() {
        let brands = |major: &str, compatible: &str| {
            let size = (16 + compatible.len() as u32).to_be_bytes();
            [
                &size[..],
                b"ftyp",
                major.as_bytes(),
                &[0; 4],
                compatible.as_bytes(),
                b"\0\0\0\x08moov",
            ]
            .concat()
        };
        for (name, major, compatible, expected) in [
            ("x", "crx ", "crx isom", "image/x-canon-cr3"),
            ("x.mp4", "crx ", "isom", "image/x-canon-cr3"),
            ("x", "heis", "mif1heis", "image/heic"),
            ("x", "heim", "", "image/heic"),
            ("x", "mif1", "mif1avifmiaf", "image/avif"),
            ("x", "mif1", "mif1heic", "image/heic"),
            ("x", "mif1", "mif1", "image/heif"),
            ("x", "msf1", "msf1avis", "image/avif"),
            ("x.m4a", "dash", "iso6mp41", "audio/m4a"),
            ("x", "dash", "iso6M4A ", "audio/mp4"),
            ("x.mp4", "dash", "iso6mp41", "video/mp4"),
            ("x", "iso5", "iso6mp41", "video/mp4"),
            ("x", "3g2a", "", "video/3gpp2"),
            ("x", "3gp6", "", "video/3gpp"),
            ("x", "qt  ", "", "video/quicktime"),
            ("x", "ZZZZ", "isom", "video/mp4"),
            ("x", "ZZZZ", "YYYY", "application/octet-stream"),
            ("x.heic", "ZZZZ", "YYYY", "image/heic"),
        ] {
            let found = media_type(name, &brands(major, compatible));
            assert_eq!(found, expected, "{name} {major} {compatible}");
        }
        // What stands behind the box is no brand.
        assert_eq!(
            media_type("x", b"\0\0\0\x10ftypmif1\0\0\0\0avif"),
            "image/heif"
        );
    }

    #[test]
    fn containers_are_told_apart() {
        let entry = |name: &[u8]| [b"PK\x03\x04".as_slice(), &[0; 26], name].concat();
        let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        let word = entry(b"[Content_Types].xml..PK..word/document.xml");
        assert_eq!(media_type("letter", &word), docx);
        let epub = entry(b"mimetypeapplication/epub+zipPK");
        assert_eq!(media_type("book.zip", &epub), "application/epub+zip");
        assert_eq!(media_type("a.zip", &entry(b"a.txt")), "application/zip");
        let jar = media_type("a.jar", &entry(b"META-INF/"));
        assert_eq!(jar, "application/java-archive");
        assert_eq!(
            media_type("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0"),
            "application/msword"
        );
    }

    #[test]
    fn names_decide_between_texts() {
        assert_eq!(media_type("a.md", b"# Title"), "text/markdown");
        assert_eq!(media_type("A.HTM", b"hello"), "text/html");
        assert_eq!(media_type("a.csv", b"a,b"), "text/csv");
        assert_eq!(media_type("main.rs", b"fn main() {}"), "text/x-rust");
        assert_eq!(media_type("app.ts", b"let a = 1"), "text/x-typescript");
        assert_eq!(media_type("events.jsonl", b"{}"), "application/x-ndjson");
        assert_eq!(media_type("page.txt", b"<!doctype html>"), "text/plain");
    }

    #[test]
    fn a_name_that_cannot_be_true_is_not_believed() {
        assert_eq!(media_type("go.mod", b"module example\n"), "text/plain");
        assert_eq!(media_type("fake.png", b"just words\n"), "text/plain");
        assert_eq!(media_type("fake.pdf", b"just words\n"), "text/plain");
        let noise = b"\0\x01\x02\x03\xff\xfe\xfd\x00";
        assert_eq!(media_type("a.txt", noise), "application/octet-stream");
        assert_eq!(media_type("a.json", noise), "application/octet-stream");
    }

    #[test]
    fn content_decides_where_the_name_is_silent() {
        assert_eq!(media_type("README", b"Read me.\n"), "text/plain");
        assert_eq!(media_type("index", b"\n<!DOCTYPE HTML><p>"), "text/html");
        let svg = b"<?xml version='1.0'?><svg/>";
        assert_eq!(media_type("logo", svg), "image/svg+xml");
        assert_eq!(media_type("data", b"<?xml?><a/>"), "application/xml");
        for root in [
            "<opml version='2.0'>",
            "<tt xml:lang='' xmlns='urn:x'>",
            "<any\n  xmlns='urn:x'>",
            "<a:any xmlns:a='urn:x'/>",
            "<!-- one --><!DOCTYPE tmx SYSTEM \"tmx14.dtd\">\n<tmx>",
            "<!DOCTYPE book [\n<!ENTITY a 'b'>]>",
            "<FictionBook>",
        ] {
            assert_eq!(
                media_type("a", root.as_bytes()),
                "application/xml",
                "{root}"
            );
            assert_eq!(media_type("a.txt", root.as_bytes()), "text/plain", "{root}");
        }
        for text in [
            "<tt>code</tt>: see",
            "<any>",
            "<",
            "<Ada> hello",
            "<!DOCTYPE",
        ] {
            assert_eq!(media_type("a", text.as_bytes()), "text/plain", "{text}");
        }
        assert_eq!(media_type("empty", b""), "text/plain");
        assert_eq!(media_type("empty.json", b""), "application/json");
        assert_eq!(media_type("utf16", b"h\0e\0l\0l\0o\0"), "text/plain");
        let message = b"Received: by x\r\n\tfor y\r\nFrom: a@b\r\nTo: c@d\r\nDate: today\r\n\r\nHi";
        assert_eq!(media_type("1", message), "message/rfc822");
        assert_eq!(
            media_type("1", b"From: here\nTo: there\n\nDate: none"),
            "text/plain"
        );
    }
}
