//! Compound files (MS-CFB): the documents of Office 97 to 2003, messages of Outlook, and what is
//! encrypted of any Office.

mod doc;
mod msg;
mod padded;
mod ppt;
mod summary;
mod xls;

use std::io::{Cursor, Read, Seek};

use cfb::CompoundFile;
use padded::Padded;

use super::sink::{Sink, Unreadable};
use super::{attachment, office};
pub use msg::unpack as unpack_rtf;
pub use summary::{code_page, narrow};

/// The most that is read of one stream, and of all streams of a file.
const MOST_OF_STREAM: u64 = 128 << 20;
const MOST_OF_ALL: u64 = 256 << 20;

/// A file system in a file.
pub struct Storage<R> {
    file: CompoundFile<Padded<R>>,
    room: u64,
}

impl<R: Read + Seek> Storage<R> {
    pub fn open(reader: R) -> Result<Self, Unreadable> {
        let damaged = |_| Unreadable::Broken("it is damaged or not complete".into());
        let file = Padded::new(reader)
            .and_then(CompoundFile::open)
            .map_err(damaged)?;
        Ok(Self {
            file,
            room: MOST_OF_ALL,
        })
    }

    pub fn has(&self, path: &str) -> bool {
        self.file.exists(path)
    }

    /// A stream's bytes as far as they can be read; nothing if there is no such stream.
    pub fn stream(&mut self, path: &str) -> Option<Vec<u8>> {
        if !self.file.is_stream(path) {
            return None;
        }
        let stream = self.file.open_stream(path).ok()?;
        let most = self.room.min(MOST_OF_STREAM);
        let mut bytes = Vec::with_capacity(stream.len().min(1 << 20) as usize);
        // What came before damage is kept.
        let _ = stream.take(most).read_to_end(&mut bytes);
        self.room -= (bytes.len() as u64).min(self.room);
        Some(bytes)
    }

    /// The names in a folder, in the order of the directory.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = self.file.read_storage(folder).into_iter().flatten();
        entries.map(|entry| entry.name().to_owned()).collect()
    }
}

/// Streams that only one kind of document has, and its media type.
const KINDS: [(&str, &str); 6] = [
    ("/WordDocument", "application/msword"),
    ("/Workbook", "application/vnd.ms-excel"),
    ("/Book", "application/vnd.ms-excel"),
    ("/PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("/__properties_version1.0", "application/vnd.ms-outlook"),
    ("/VisioDocument", "application/vnd.visio"),
];

/// What kind of document a compound file holds.
pub fn media_type<R: Read + Seek>(reader: R) -> Option<&'static str> {
    let storage = Storage::open(reader).ok()?;
    KINDS
        .iter()
        .find(|(stream, _)| storage.has(stream))
        .map(|(_, media_type)| *media_type)
}

pub fn read<R: Read + Seek>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut storage = Storage::open(reader)?;
    if let Some(package) = storage.stream("/EncryptedPackage") {
        let info = storage.stream("/EncryptionInfo").unwrap_or_default();
        let document = office::locked::opened(&info, &package);
        return match document {
            Some(document) => office::read(Cursor::new(document), out),
            None => Err(Unreadable::Encrypted),
        };
    }
    let said = storage
        .stream("/\u{5}SummaryInformation")
        .unwrap_or_default();
    summary::describe(&said, &mut out.details);
    if let Some(document) = storage.stream("/WordDocument") {
        doc::read(&document, summary::page(&said), &mut storage, out)
    } else if let Some(book) = storage
        .stream("/Workbook")
        .or_else(|| storage.stream("/Book"))
    {
        xls::read(&book, out)
    } else if storage.has("/PowerPoint Document") {
        ppt::read(summary::page(&said), &mut storage, out)
    } else if storage.has("/__properties_version1.0") {
        msg::read(&mut storage, out)
    } else if let Some(object) = storage.stream("/\u{1}Ole10Native") {
        native(&object, out);
        Ok(())
    } else if let Some(package) = storage.stream("/Package") {
        attachment::shown("", &package, out);
        Ok(())
    } else {
        Err(Unreadable::Broken(
            "it is no document that this release knows".into(),
        ))
    }
}

/// Reads a file that another document shows as an icon (MS-OLEDS 2.3.6): its name, where it was, and
/// what is in it.
fn native(object: &[u8], out: &mut Sink<'_>) {
    let text = |at: usize| {
        let rest = object.get(at..)?;
        let length = memchr::memchr(0, rest)?;
        Some((summary::narrow(&rest[..length], u16::MAX), at + length + 1))
    };
    let found = text(6).and_then(|(name, at)| {
        let (_, at) = text(at)?;
        // Two numbers, and where it was once more.
        let path = size_at(object, at + 4)?;
        let at = at.checked_add(8)?.checked_add(path)?;
        Some((
            name,
            slice(object, at.checked_add(4)?, size_at(object, at)?),
        ))
    });
    if let Some((name, content)) = found {
        out.paragraph(&name);
        attachment::shown(&name, content, out);
    }
}

/// Little-endian numbers at an offset; nothing beyond the end.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let end = at.checked_add(2)?;
    Some(u16::from_le_bytes(bytes.get(at..end)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let end = at.checked_add(4)?;
    Some(u32::from_le_bytes(bytes.get(at..end)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let end = at.checked_add(8)?;
    Some(u64::from_le_bytes(bytes.get(at..end)?.try_into().ok()?))
}

/// A number that is an offset or a length.
fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    u32_at(bytes, at).and_then(|size| usize::try_from(size).ok())
}

/// `length` bytes from an offset, or what is there of them.
fn slice(bytes: &[u8], at: usize, length: usize) -> &[u8] {
    let at = at.min(bytes.len());
    let end = at.saturating_add(length).min(bytes.len());
    &bytes[at..end]
}

/// UTF-16 as it stands in these files.
pub fn wide(bytes: &[u8]) -> String {
    let units = bytes
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    char::decode_utf16(units)
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}
