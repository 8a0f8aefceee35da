//! What an archive holds: about a hundred bytes a file, and all that its length depends on.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;

use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization;

use super::record::{Crc32, End, Entry};
use crate::error::Result;
use crate::library::{FilePath, Library, Selected, Selection};
use crate::store::Digest;

/// As many digits as any number of a name has.
const WIDEST_NUMBER: u32 = 9_999_999;

#[derive(Default)]
pub struct Contents {
    /// Of the whole archive.
    name: String,
    /// Every file's, one after the other.
    names: String,
    rows: Vec<Row>,
}

struct Row {
    name_end: usize,
    sha256: Digest,
    size: u64,
    /// Since the Unix epoch.
    seconds: i64,
    crc32: Crc32,
}

impl Contents {
    /// Reads a selection as it is at this moment.
    ///
    /// # Errors
    /// Those of [`Library::select`].
    pub fn select(library: &Library, selection: &Selection) -> Result<Self> {
        let mut contents = Self::default();
        let mut taken = Taken::default();
        let base = library.select(selection, |file| {
            contents.push(&taken.name(file.path)?, &file);
            Ok(())
        })?;
        let within = selection.within.iter().map(|within| &within.folder);
        let folders: Vec<_> = selection.folders.iter().chain(within).collect();
        let only = match (&folders[..], &selection.files[..]) {
            ([folder], []) => folder.name().to_owned(),
            ([], [_]) => contents.names.clone(),
            _ => base.name().to_owned(),
        };
        contents.name = match only.is_empty() {
            true => "wharfside".to_owned(),
            false => only,
        };
        Ok(contents)
    }

    pub(super) fn push(&mut self, name: &str, file: &Selected<'_>) {
        self.names.push_str(name);
        self.rows.push(Row {
            name_end: self.names.len(),
            sha256: file.sha256,
            size: file.size,
            seconds: file.modified_ms.div_euclid(1000),
            crc32: file.crc32.map_or(Crc32::Following(0), Crc32::Stated),
        });
    }

    /// Without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The file at a place, its record to begin at `offset`. Not beyond [`len`](Self::len).
    pub fn entry(&self, at: usize, offset: u64) -> Entry<'_> {
        let row = &self.rows[at];
        let begin = at.checked_sub(1).map_or(0, |at| self.rows[at].name_end);
        Entry {
            name: &self.names[begin..row.name_end],
            size: row.size,
            seconds: row.seconds,
            crc32: row.crc32,
            offset,
        }
    }

    pub fn sha256(&self, at: usize) -> &Digest {
        &self.rows[at].sha256
    }

    /// The checksum of a file that has gone by.
    ///
    /// # Errors
    /// If it is not the one that was stated before.
    pub fn set_crc32(&mut self, at: usize, found: u32) -> io::Result<()> {
        let known = &mut self.rows[at].crc32;
        match known {
            Crc32::Stated(stated) if *stated != found => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a stored content has changed",
            )),
            Crc32::Stated(_) => Ok(()),
            Crc32::Following(value) => {
                *value = found;
                Ok(())
            }
        }
    }

    /// Whether every byte of the archive is known from what is here and the contents alone, so that
    /// any part of it can be written without the rest.
    pub fn is_known(&self) -> bool {
        let mut rows = self.rows.iter();
        rows.all(|row| matches!(row.crc32, Crc32::Stated(_)))
    }

    /// Stands for the archive's bytes: others have another one.
    pub fn digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        let mut begin = 0;
        for row in &self.rows {
            let name = &self.names.as_bytes()[begin..row.name_end];
            begin = row.name_end;
            hasher.update((name.len() as u64).to_le_bytes());
            hasher.update(name);
            hasher.update(row.sha256.as_bytes());
            hasher.update(row.seconds.to_le_bytes());
            hasher.update([u8::from(matches!(row.crc32, Crc32::Stated(_)))]);
        }
        Digest::from_bytes(hasher.finalize().into())
    }

    /// The archive's trailer, which knows where everything before it lies.
    pub fn end(&self) -> End {
        let (mut offset, mut directory) = (0, 0);
        for at in 0..self.len() {
            let entry = self.entry(at, offset);
            offset += entry.span();
            directory += entry.central_len();
        }
        End {
            entries: self.len() as u64,
            directory,
            offset,
        }
    }

    /// Bytes of the whole archive.
    pub fn archive_len(&self) -> u64 {
        let end = self.end();
        end.offset + end.directory + end.len()
    }
}

/// The names given so far to files, and to the folders above them, as hashes of what is the same name
/// to file systems that ignore case: two that are taken for one only cost a number.
#[derive(Default)]
struct Taken {
    hasher: RandomState,
    files: HashSet<u64>,
    folders: HashSet<u64>,
    /// The number that the next file of a name gets, so that many of one name are not tried out.
    numbers: HashMap<u64, u32>,
}

impl Taken {
    /// The name under which a file is unpacked nowhere but below the chosen place, and alone: two
    /// of one path are a file in the trash and the one that has come in its place. No file can be
    /// unpacked beside a folder of its name, which a library may have.
    fn name(&mut self, path: &str) -> Result<String> {
        let plain = self.beside_files(harmless(path))?;
        let mut name = plain.clone();
        let mut taken = self.key(&name);
        while self.folders.contains(&taken) || !self.files.insert(taken) {
            let plain = FilePath::parse(&plain)?;
            // Long names lose their ends to a number, so several can become one.
            let key = self.key(plain.numbered(WIDEST_NUMBER)?.as_str());
            let number = self.numbers.entry(key).or_insert(2);
            name = plain.numbered(*number)?.into();
            *number += 1;
            taken = self.key(&name);
        }
        let above: Vec<u64> = self.keys_above(&name).map(|(_, key)| key).collect();
        self.folders.extend(above);
        Ok(name)
    }

    fn key(&self, name: &str) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(folded(name).as_bytes());
        hasher.finish()
    }

    /// The keys of the folders above a name, each with where its own name ends, the outermost first. One
    /// look at each letter: names are long, and there are many.
    fn keys_above<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (usize, u64)> + 'a {
        let mut hasher = self.hasher.build_hasher();
        let mut end = 0;
        let ends = name.match_indices('/').map(|(at, _)| at);
        ends.map(move |at| {
            // A slash is composed with nothing, so parts can be folded by themselves.
            hasher.write(folded(&name[end..at]).as_bytes());
            end = at;
            (at, hasher.clone().finish())
        })
    }

    /// The same inside another folder, if there is a file where its own would be.
    fn beside_files(&self, name: String) -> Result<String> {
        let mut above = self.keys_above(&name);
        match above.find(|(_, key)| self.files.contains(key)) {
            Some((at, _)) => {
                let folder = FilePath::parse(&name[..at])?.numbered(2)?;
                Ok(format!("{folder}{}", &name[at..]))
            }
            None => {
                drop(above);
                Ok(name)
            }
        }
    }
}

fn folded(name: &str) -> String {
    match name.is_ascii() {
        true => name.to_ascii_lowercase(),
        false => name.nfc().flat_map(char::to_lowercase).collect(),
    }
}

/// A library's path is relative and without `..`, but Windows takes more characters for separators,
/// drives and wildcards, and some names for devices; it drops dots and blanks at the end.
fn harmless(path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(harmless_part).collect();
    parts.join("/")
}

fn harmless_part(part: &str) -> String {
    let is_harmful =
        |c: char| c.is_control() || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let mut name = part.replace(is_harmful, "_");
    let kept = name.trim_end_matches(['.', ' ']).len();
    let dropped = name[kept..].chars().count();
    name.replace_range(kept.., &"_".repeat(dropped));
    match is_device(&name) {
        true => format!("_{name}"),
        false => name,
    }
}

/// Whether Windows takes a name for a device, whatever its case and extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_uppercase();
    let numbered = stem.strip_prefix("COM").or(stem.strip_prefix("LPT"));
    let is_digit = |rest: &str| {
        matches!(rest, "\u{b9}" | "\u{b2}" | "\u{b3}")
            || rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_digit())
    };
    matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || numbered.is_some_and(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for (path, name) in [
            ("a/b.txt", "a/b.txt"),
            ("..\\..\\evil.exe", ".._.._evil.exe"),
            ("C:/evil.exe", "C_/evil.exe"),
            ("12:30.txt", "12_30.txt"),
            ("ä:b", "ä_b"),
            ("what? <all> | \"none\"*.txt", "what_ _all_ _ _none__.txt"),
            ("con", "_con"),
            ("a/Nul.tar.gz", "a/_Nul.tar.gz"),
            ("com1 .txt", "_com1 .txt"),
            ("lpt\u{b2}", "_lpt\u{b2}"),
            ("console/communal.txt", "console/communal.txt"),
            ("etc./and so on... /x. .", "etc_/and so on____/x___"),
            ("tab\there", "tab_here"),
        ] {
            assert_eq!(harmless(path), name);
        }
    }

    #[test]
    fn many_names_that_become_one_are_counted_on() {
        let mut taken = Taken::default();
        let names: HashSet<String> = (0..20_000)
            .map(|n| {
                let written: String = (0..15)
                    .map(|bit| if n >> bit & 1 == 0 { '?' } else { '*' })
                    .collect();
                taken.name(&written).unwrap()
            })
            .collect();
        assert_eq!(names.len(), 20_000);
        assert!(names.contains("_______________ (20000)"));
    }

    #[test]
    fn long_names_that_lose_their_ends_to_a_number_are_counted_on() {
        let mut taken = Taken::default();
        let mut names = HashSet::new();
        for n in 0..5_000 {
            for first in ['?', '*'] {
                let written = format!("{first}{}{n:04}", "a".repeat(250));
                assert!(names.insert(taken.name(&written).unwrap()));
            }
        }
    }

    #[test]
    fn what_is_above_a_name_is_known_by_the_key_of_its_own() {
        let taken = Taken::default();
        for name in ["a/b/c", "Gr\u{fc}n/GRU\u{308}N/\u{308}x/y", "a"] {
            for (at, key) in taken.keys_above(name) {
                assert_eq!(key, taken.key(&name[..at]), "{name}");
            }
        }
        assert_eq!(taken.keys_above("a/b/c").count(), 2);
    }

    #[test]
    fn names_are_taken_once() {
        let mut taken = Taken::default();
        let mut name = |path: &str| taken.name(path).unwrap();
        assert_eq!(name("a/b.txt"), "a/b.txt");
        assert_eq!(name("a/b.txt"), "a/b (2).txt");
        assert_eq!(name("a\\b.txt"), "a_b.txt");
        assert_eq!(name("a/b.txt"), "a/b (3).txt");
        // A folder called as a file before it, and a file called as a folder before it.
        assert_eq!(name("c"), "c");
        assert_eq!(name("c/d.txt"), "c (2)/d.txt");
        assert_eq!(name("c/e.txt"), "c (2)/e.txt");
        assert_eq!(name("a"), "a (2)");
        // The same to file systems that ignore case, or how a letter is composed.
        assert_eq!(name("A/B.TXT"), "A/B (4).TXT");
        assert_eq!(name("Gr\u{fc}n.txt"), "Gr\u{fc}n.txt");
        assert_eq!(name("GRU\u{308}N.txt"), "GR\u{dc}N (2).txt");
    }
}
