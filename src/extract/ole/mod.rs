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
use super::{attachment, magic, office};
pub use msg::unpack as unpack_rtf;
pub use summary::{code_page, narrow};

/// The most that is read of one stream, and of all streams of a file.
const MOST_OF_STREAM: u64 = 128 << 20;
const MOST_OF_ALL: u64 = 256 << 20;

/// A file system in a file.
pub struct Storage<R> {
    file: CompoundFile<Padded<R>>,
    /// Of the document that is read: empty, or that of one inside of another. Paths begin there.
    folder: String,
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
            folder: String::new(),
            room: MOST_OF_ALL,
        })
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.folder)
    }

    pub fn has(&self, path: &str) -> bool {
        self.file.exists(self.path(path))
    }

    fn is_folder(&self, path: &str) -> bool {
        self.file.is_storage(self.path(path))
    }

    /// A stream's bytes as far as they can be read; nothing if there is no such stream.
    pub fn stream(&mut self, path: &str) -> Option<Vec<u8>> {
        let path = self.path(path);
        if !self.file.is_stream(&path) {
            return None;
        }
        let stream = self.file.open_stream(&path).ok()?;
        let most = self.room.min(MOST_OF_STREAM);
        let mut bytes = Vec::with_capacity(stream.len().min(1 << 20) as usize);
        // What came before damage is kept.
        let _ = stream.take(most).read_to_end(&mut bytes);
        self.room -= (bytes.len() as u64).min(self.room);
        Some(bytes)
    }

    /// The names in a folder, in the order of the directory.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = self
            .file
            .read_storage(self.path(folder))
            .into_iter()
            .flatten();
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
    document(&mut storage, out)
}

/// Reads the document in a storage's folder, and those inside of it.
fn document<R: Read + Seek>(
    storage: &mut Storage<R>,
    out: &mut Sink<'_>,
) -> Result<(), Unreadable> {
    let said = storage
        .stream("/\u{5}SummaryInformation")
        .unwrap_or_default();
    summary::describe(&said, &mut out.details);
    if let Some(document) = storage.stream("/WordDocument") {
        doc::read(&document, summary::page(&said), storage, out)?;
        objects(storage, out);
        Ok(())
    } else if let Some(book) = storage
        .stream("/Workbook")
        .or_else(|| storage.stream("/Book"))
    {
        xls::read(&book, storage, out)
    } else if storage.has("/PowerPoint Document") {
        ppt::read(summary::page(&said), storage, out)
    } else if storage.has("/__properties_version1.0") {
        msg::read(storage, out)
    } else if let Some(object) = storage.stream("/\u{1}Ole10Native") {
        native(&object, out);
        Ok(())
    } else if let Some(package) = storage
        .stream("/Package")
        .or_else(|| storage.stream("/EmbeddedOdf"))
    {
        attachment::shown("", &package, out);
        Ok(())
    } else if let Some(content) = storage.stream("/CONTENTS").filter(|it| is_known(it)) {
        attachment::shown("", &content, out);
        Ok(())
    } else {
        Err(Unreadable::Broken(
            "it is no document that this release knows".into(),
        ))
    }
}

/// Whether content says what it is; many programs keep what only they know in a stream of this name.
fn is_known(content: &[u8]) -> bool {
    magic::sniff(content).is_some()
}

/// Reads the documents that another one shows, each in a folder of its own: Word's in one for all of
/// them, Excel's beside the workbook.
fn objects<R: Read + Seek>(storage: &mut Storage<R>, out: &mut Sink<'_>) {
    for (folder, prefix) in [("/ObjectPool", "_"), ("", "MBD"), ("", "Embedding ")] {
        let names = storage.names(&format!("{folder}/"));
        for name in names.iter().filter(|name| name.starts_with(prefix)) {
            object(storage, &format!("{folder}/{name}"), out);
        }
    }
}

/// Reads the document in a folder. What cannot be read of it is no fault of the one around it.
fn object<R: Read + Seek>(storage: &mut Storage<R>, folder: &str, out: &mut Sink<'_>) {
    if out.is_full() || !storage.is_folder(folder) {
        return;
    }
    let inside = storage.path(folder);
    let around = std::mem::replace(&mut storage.folder, inside);
    out.inside(|out| {
        let _ = document(storage, out);
    });
    storage.folder = around;
}

/// Reads an object as the first version of OLE keeps it (MS-OLEDS 2.2.5), and RTF to this day.
pub fn embedded(object: &[u8], out: &mut Sink<'_>) {
    let content = first_version(object);
    match content {
        Some((b"Package", content)) => native(&[&[0; 4], content].concat(), out),
        Some((_, content)) => attachment::shown("", content, out),
        None => {
            let at = memchr::memmem::find(object, magic::COMPOUND);
            let content = at.map_or(&[][..], |at| &object[at..]);
            attachment::shown("", content, out);
        }
    }
}

/// The name of an object's class, and its content.
fn first_version(object: &[u8]) -> Option<(&[u8], &[u8])> {
    const EMBEDDED: u32 = 2;
    (u32_at(object, 4)? == EMBEDDED).then_some(())?;
    let mut at = 8;
    let mut strings = [&[][..]; 3];
    for string in &mut strings {
        let length = size_at(object, at)?;
        let content = object.get(at + 4..)?.get(..length)?;
        *string = content.strip_suffix(&[0]).unwrap_or(content);
        at += 4 + length;
    }
    let content = slice(object, at.checked_add(4)?, size_at(object, at)?);
    Some((strings[0], content))
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
