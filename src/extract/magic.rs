//! What binary content says about itself in its first bytes.

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

/// Formats that share a container tell themselves apart inside it.
fn container(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(ZIP) {
        Some(zip(head))
    } else if head.starts_with(COMPOUND) {
        Some("application/x-ole-storage")
    } else if head.get(4..8) == Some(b"ftyp") {
        head.get(8..12).map(iso_media)
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
];

/// What the names of all entries of a ZIP archive say that its beginning did not.
pub fn of_entries<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let mut office = false;
    let mut found = None;
    names.find_map(|name| {
        office |= name == "[Content_Types].xml";
        let folder = OFFICE.iter().find(|(folder, _)| name.starts_with(folder));
        found = found.or(folder.map(|(_, media_type)| *media_type));
        found.filter(|_| office)
    })
}

/// ISO/IEC 14496-12: the major brand names the format.
fn iso_media(brand: &[u8]) -> &'static str {
    match brand {
        b"avif" | b"avis" => "image/avif",
        b"heic" | b"heix" | b"mif1" | b"msf1" => "image/heic",
        b"qt  " => "video/quicktime",
        b"M4A " | b"M4B " => "audio/mp4",
        b"3gp4" | b"3gp5" | b"3gp6" => "video/3gpp",
        _ => "video/mp4",
    }
}

fn contains(head: &[u8], needle: &[u8], within: usize) -> bool {
    memchr::memmem::find(&head[..head.len().min(within)], needle).is_some()
}
