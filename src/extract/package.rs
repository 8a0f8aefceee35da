//! Documents that are ZIP archives of parts: their XML as text, inflated within bounds.

use std::collections::HashMap;
use std::io::{Read, Seek};

use encoding_rs::Encoding;
use zip::ZipArchive;
use zip::result::ZipError;

use super::charset::Charset;
use super::sink::Unreadable;
use super::{charset, magic, xml};

/// The most that is inflated of one part, and of all parts of a document: more than documents
/// have, and little enough for a bomb to be over soon.
const MOST_OF_PART: u64 = 64 << 20;
const MOST_OF_ALL: u64 = 256 << 20;

/// Bytes of names that tell in which encoding they are.
const MAX_GUESSED: usize = 16 << 10;

/// A document's parts by name.
pub struct Package<R> {
    archive: ZipArchive<R>,
    /// Where a part is, by its name as [`key`] makes it.
    places: HashMap<String, usize>,
    room: u64,
    is_cut: bool,
}

/// Why a document with a part that is cut is not read to its end, in words that follow a colon.
pub const TOO_LARGE: &str = "unpacked it is larger than this release reads of such a document";

impl<R: Read + Seek> Package<R> {
    pub fn open(reader: R) -> Result<Self, Unreadable> {
        let archive = ZipArchive::new(reader).map_err(|error| Unreadable::Broken(why(&error)))?;
        let places = names(&archive)
            .enumerate()
            .map(|(place, name)| (key(&name), place))
            .collect();
        Ok(Self {
            archive,
            places,
            room: MOST_OF_ALL,
            is_cut: false,
        })
    }

    pub fn has(&self, name: &str) -> bool {
        self.places.contains_key(&key(name))
    }

    /// Whether a part, or all of them, were longer than what is inflated.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The parts whose names begin so, in the order of the archive.
    pub fn names_in(&self, folder: &str) -> Vec<String> {
        let mut found: Vec<(&String, &usize)> = self
            .places
            .iter()
            .filter(|(name, _)| name.starts_with(folder))
            .collect();
        found.sort_by_key(|(_, place)| **place);
        found.into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// A part as text; nothing if there is none, or none that can be read. What is damaged or too
    /// long is read as far as it goes.
    pub fn part(&mut self, name: &str) -> Option<String> {
        let bytes = self.bytes(name)?;
        let encoding = match charset::evident(&bytes) {
            Some((charset::Charset::Web(encoding), _)) => Some(encoding),
            _ => xml::declared_encoding(&bytes),
        };
        Some(text(bytes, encoding))
    }

    /// A part as it stands; as far as it goes if it is damaged or too long.
    pub fn bytes(&mut self, name: &str) -> Option<Vec<u8>> {
        let index = *self.places.get(&key(name))?;
        let part = self.archive.by_index(index).ok()?;
        let most = self.room.min(MOST_OF_PART);
        let mut bytes = Vec::with_capacity(part.size().min(1 << 20) as usize);
        // What came before damage is kept.
        let _ = part.take(most).read_to_end(&mut bytes);
        self.is_cut |= bytes.len() as u64 == most;
        self.room -= (bytes.len() as u64).min(self.room);
        Some(bytes)
    }
}

fn text(bytes: Vec<u8>, encoding: Option<&'static Encoding>) -> String {
    match encoding {
        Some(encoding) if encoding != encoding_rs::UTF_8 => encoding.decode(&bytes).0.into_owned(),
        _ => String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

/// What kind of document an archive is, if its beginning did not say.
pub fn media_type<R: Read + Seek>(reader: R) -> Option<&'static str> {
    let archive = ZipArchive::new(reader).ok()?;
    let names: Vec<String> = names(&archive).collect();
    magic::of_entries(names.iter().map(String::as_str))
}

/// The names of all entries, in the order of the archive's directory. Those that are not in UTF-8 are
/// in whatever the computer used that made the archive, and all of them in the same.
pub fn names<R: Read + Seek>(archive: &ZipArchive<R>) -> impl Iterator<Item = String> {
    let mut foreign = Vec::new();
    let is_foreign = |raw: &[u8]| std::str::from_utf8(raw).is_err();
    for raw in archive.file_names_raw().filter(|raw| is_foreign(raw)) {
        if foreign.len() < MAX_GUESSED {
            foreign.extend_from_slice(raw);
            foreign.push(b'\n');
        }
    }
    // The specification has code page 437 for all of them; its letters are those of 850.
    let guessed = match foreign.is_empty() {
        true => Charset::Dos,
        false => charset::guess_names(&foreign),
    };
    archive
        .file_names_raw()
        .map(move |raw| match std::str::from_utf8(raw) {
            Ok(name) => name.to_owned(),
            Err(_) => match guessed {
                Charset::Web(encoding) => encoding.decode_without_bom_handling(raw).0.into_owned(),
                _ => charset::decode_dos(raw),
            },
        })
}

/// Writers differ in case, in slashes, and in whether a path begins with one.
fn key(name: &str) -> String {
    name.trim_start_matches(['/', '\\'])
        .replace('\\', "/")
        .to_lowercase()
}

/// What is wrong with an archive.
pub fn why(error: &ZipError) -> String {
    match error {
        ZipError::Io(_) => "it cannot be read to its end".into(),
        _ => "it is damaged or not complete".into(),
    }
}

/// Where a part's reference to another leads: relative to the folder it stands in.
pub fn resolve(from: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut folders: Vec<&str> = from.split('/').collect();
    folders.pop();
    for step in target.split('/') {
        match step {
            "." | "" => {}
            ".." => {
                folders.pop();
            }
            step => folders.push(step),
        }
    }
    folders.join("/")
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn references_lead_from_their_folder() {
        assert_eq!(
            resolve("ppt/slides/slide1.xml", "../notes/a.xml"),
            "ppt/notes/a.xml"
        );
        assert_eq!(resolve("word/document.xml", "/word/a.xml"), "word/a.xml");
        assert_eq!(resolve("content.opf", "./a/../../b.xhtml"), "b.xhtml");
    }
}
