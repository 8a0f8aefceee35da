//! What binary content says about itself in its first bytes.

use super::signed;

/// What compound files (MS-CFB) begin with.
pub const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// What ZIP archives begin with that are not empty.
pub const ZIP: &[u8] = b"PK\x03\x04";

/// Signatures as offset, bytes and media type. They come from the formats' own specifications;
/// each is long or odd enough that no text begins with it.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!PS-", "application/postscript"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"8BPS\0\x01", "image/vnd.adobe.photoshop"),
    (8, b"WEBPVP8", "image/webp"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (8, b"WAVEfmt", "audio/wav"),
    (8, b"AIFF", "audio/aiff"),
    (8, b"AIFC", "audio/aiff"),
    (0, b"wvpk", "audio/x-wavpack"),
    (8, b"AVI LIST", "video/x-msvideo"),
    (0, b"fLaC\0", "audio/flac"),
    (0, b"ID3\x02", "audio/mpeg"),
    (0, b"ID3\x03", "audio/mpeg"),
    (0, b"ID3\x04", "audio/mpeg"),
    (0, b"MThd\0\0", "audio/midi"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\0\0\x01\xba", "video/mpeg"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (
        0,
        b"!<arch>\ndebian-binary",
        "application/vnd.debian.binary-package",
    ),
    (0, b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\0asm\x01\0\0\0", "application/wasm"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"OTTO\0", "font/otf"),
    (0, b"\0\x01\0\0\0", "font/ttf"),
];

/// The media type that a binary's first bytes prove; `None` for text and for the unknown.
pub fn sniff(head: &[u8]) -> Option<&'static str> {
    let signed = SIGNATURES
        .iter()
        .find(|(offset, bytes, _)| head.get(*offset..).is_some_and(|at| at.starts_with(bytes)))
        .map(|(_, _, media_type)| *media_type);
    signed.or_else(|| container(head))
}

/// Readers look for the beginning of a PDF in so many bytes.
const HEADER_BYTES: usize = 1024;

/// The same of documents with something before them that their readers pass over: blanks, a byte
/// order mark, and the head of a mail or an answer of a server before a PDF. A text that is only
/// about such documents has no objects in it.
pub fn sniff_behind(head: &[u8]) -> Option<&'static str> {
    let begin = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    if begin.starts_with(b"{\\rtf") {
        return Some("application/rtf");
    }
    if is_pdf_without_header(begin) {
        return Some("application/pdf");
    }
    let within = &head[..head.len().min(HEADER_BYTES)];
    let at = memchr::memmem::find(within, b"%PDF-")?;
    let before = at.checked_sub(1).and_then(|before| head.get(before));
    let begins_line = matches!(before, Some(b'\n' | b'\r')) || begin.starts_with(b"%PDF-");
    let version = head.get(at + 5..at + 8)?;
    let is_version = version[0].is_ascii_digit() && version[1] == b'.';
    let objects = memchr::memmem::find(&head[at..], b" obj");
    (begins_line && is_version && objects.is_some()).then_some("application/pdf")
}

/// Whether the objects of a PDF follow where its header should be, but for comments.
fn is_pdf_without_header(begin: &[u8]) -> bool {
    let is_line_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let mut lines = begin
        .split(is_line_end)
        .filter(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"%"));
    // A header can have lost its first bytes.
    let mut lines = lines.by_ref().skip_while(|line| {
        let is_version = memchr::memmem::find(&line[..line.len().min(8)], b"DF-1.").is_some();
        is_version && line.len() < 16
    });
    let first = lines.next().unwrap_or_default();
    let mut words = first
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let mut is_number = || {
        let word = words.next().unwrap_or_default();
        !word.is_empty() && word.iter().all(u8::is_ascii_digit)
    };
    let is_object = is_number() && is_number();
    let word = words.next().and_then(|word| word.strip_prefix(b"obj"));
    let is_begun = word.is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric));
    let has = |what: &[u8]| memchr::memmem::find(begin, what).is_some();
    is_object && is_begun && has(b"<<") && (has(b"endobj") || has(b"stream"))
}

/// Formats that share a container tell themselves apart inside it.
fn container(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(ZIP) {
        Some(zip(head))
    } else if head.starts_with(COMPOUND) {
        Some("application/x-ole-storage")
    } else if head.get(4..8) == Some(b"ftyp") {
        iso_media(head)
    } else if head.starts_with(b"\x1a\x45\xdf\xa3") {
        Some(match contains(head, b"webm", 64) {
            true => "video/webm",
            false => "video/x-matroska",
        })
    } else if head.starts_with(b"OggS\0") {
        Some(match contains(head, b"theora", 64) {
            true => "video/ogg",
            false => "audio/ogg",
        })
    } else if signed::begins(head) {
        Some("application/pkcs7-mime")
    } else if is_bzip2(head) {
        Some("application/x-bzip2")
    } else if head.starts_with(b"BM") && head.get(6..10) == Some(&[0; 4]) {
        Some("image/bmp")
    } else {
        None
    }
}

/// The size of its blocks, as a digit, stands between the signature and the first block (which
/// begins with the digits of pi) or the end (which begins with those of its root).
fn is_bzip2(head: &[u8]) -> bool {
    let rest = head.strip_prefix(b"BZh").and_then(<[u8]>::split_first);
    rest.is_some_and(|(size, rest)| {
        let begins = rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17rE8P\x90");
        size.is_ascii_digit() && begins
    })
}

/// OpenDocument and EPUB put their type uncompressed into the first entry, Office Open XML the
/// kind of document into the first entries' names.
fn zip(head: &[u8]) -> &'static str {
    const DECLARED: &[(&[u8], &str)] = &[
        (b"application/epub+zip", "application/epub+zip"),
        (
            b"application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.text",
        ),
        (
            b"application/vnd.oasis.opendocument.spreadsheet",
            "application/vnd.oasis.opendocument.spreadsheet",
        ),
        (
            b"application/vnd.oasis.opendocument.presentation",
            "application/vnd.oasis.opendocument.presentation",
        ),
        (
            b"application/vnd.oasis.opendocument.graphics",
            "application/vnd.oasis.opendocument.graphics",
        ),
        (
            b"application/vnd.oasis.opendocument.formula",
            "application/vnd.oasis.opendocument.formula",
        ),
        (
            b"application/vnd.oasis.opendocument.chart",
            "application/vnd.oasis.opendocument.chart",
        ),
        (
            b"application/vnd.sun.xml.writer",
            "application/vnd.sun.xml.writer",
        ),
        (
            b"application/vnd.sun.xml.calc",
            "application/vnd.sun.xml.calc",
        ),
        (
            b"application/vnd.sun.xml.impress",
            "application/vnd.sun.xml.impress",
        ),
        (
            b"application/vnd.sun.xml.draw",
            "application/vnd.sun.xml.draw",
        ),
        (
            b"application/vnd.adobe.indesign-idml-package",
            "application/vnd.adobe.indesign-idml-package",
        ),
    ];
    let declared = head
        .get(30..)
        .and_then(|entry| entry.strip_prefix(b"mimetype"));
    if let Some(declared) = declared {
        return DECLARED
            .iter()
            .find(|(name, _)| declared.starts_with(name))
            .map_or("application/zip", |(_, media_type)| media_type);
    }
    let office = contains(head, b"[Content_Types].xml", head.len())
        || contains(head, b"_rels/.rels", head.len());
    OFFICE
        .iter()
        .find(|(folder, _)| office && contains(head, folder.as_bytes(), head.len()))
        .map_or("application/zip", |(_, media_type)| media_type)
}

/// The folder that only one kind of Office Open XML has, and its media type.
const OFFICE: &[(&str, &str)] = &[
    (
        "word/",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (
        "xl/",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    (
        "ppt/",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("visio/", "application/vnd.ms-visio.drawing"),
];

/// What the names of all entries of a ZIP archive say that its beginning did not.
pub fn of_entries<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let mut office = false;
    let mut found = None;
    names.find_map(|name| {
        // Pages, Numbers and Keynote keep their parts in files of this kind, or did in one of these.
        let is_iwork = name.ends_with(".iwa") || matches!(name, "index.apxl" | "Index.zip");
        if is_iwork {
            return Some("application/x-iwork");
        }
        office |= name == "[Content_Types].xml";
        let folder = OFFICE.iter().find(|(folder, _)| name.starts_with(folder));
        found = found.or(folder.map(|(_, media_type)| *media_type));
        found.filter(|_| office)
    })
}

/// ISO/IEC 14496-12: the major brand names the format, or the brands behind it that it is compatible
/// with, where it is one that several formats share. A format that no brand names is not known.
fn iso_media(head: &[u8]) -> Option<&'static str> {
    let size = head
        .first_chunk()
        .map_or(0, |size| u32::from_be_bytes(*size) as usize);
    let end = size.clamp(12, head.len().max(12));
    let major: &[u8; 4] = head.get(8..)?.first_chunk()?;
    let compatible = head.get(16..end).unwrap_or_default();
    let compatible = || compatible.chunks_exact(4);
    if matches!(major, b"mif1" | b"mif2" | b"msf1" | b"miaf") {
        let found = compatible().find_map(|brand| image_brand(brand));
        return Some(found.unwrap_or("image/heif"));
    }
    // Segments for streaming are sound or video; only other brands tell which.
    let is_shared = matches!(
        major,
        b"dash" | b"msdh" | b"msix" | b"iso5" | b"iso6" | b"cmfc"
    );
    let sound = || compatible().find_map(|brand| audio_brand(brand));
    if let Some(sound) = is_shared.then(sound).flatten() {
        return Some(sound);
    }
    image_brand(major)
        .or_else(|| audio_brand(major))
        .or_else(|| video_brand(major))
        .or_else(|| compatible().find_map(image_brand))
        .or_else(|| compatible().find_map(audio_brand))
        .or_else(|| compatible().find_map(video_brand))
}

fn image_brand(brand: &[u8]) -> Option<&'static str> {
    Some(match brand {
        b"avif" | b"avis" | b"avio" => "image/avif",
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" => {
            "image/heic"
        }
        b"crx " => "image/x-canon-cr3",
        b"jp2 " | b"jpx " | b"jpm " => "image/jp2",
        b"jxl " => "image/jxl",
        _ => return None,
    })
}

fn audio_brand(brand: &[u8]) -> Option<&'static str> {
    Some(match brand {
        b"M4A " | b"M4B " | b"M4P " | b"F4A " | b"F4B " | b"cmfa" => "audio/mp4",
        b"aax " | b"aaxc" => "audio/vnd.audible.aax",
        _ => return None,
    })
}

fn video_brand(brand: &[u8]) -> Option<&'static str> {
    Some(match brand {
        b"qt  " => "video/quicktime",
        [b'3', b'g', b'2', _] => "video/3gpp2",
        [b'3', b'g', _, _] => "video/3gpp",
        b"mjp2" => "video/mj2",
        [b'i', b's', b'o', b'm' | b'2'..=b'9' | b'a'..=b'c'] => "video/mp4",
        b"mp41" | b"mp42" | b"mp71" | b"avc1" | b"hvc1" | b"av01" | b"M4V " | b"M4VH" | b"M4VP"
        | b"F4V " | b"F4P " | b"MSNV" | b"NDSC" | b"NDSH" | b"NDSM" | b"XAVC" | b"dash"
        | b"msdh" | b"msix" | b"cmfc" | b"cmfs" | b"cmfv" | b"mmp4" | b"dby1" => "video/mp4",
        _ => return None,
    })
}

fn contains(head: &[u8], needle: &[u8], within: usize) -> bool {
    memchr::memmem::find(&head[..head.len().min(within)], needle).is_some()
}
