//! A file's path inside the library: what is allowed, and how it is taken apart.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};

/// Longest segment, in bytes of UTF-8: what every common filesystem can also store on export.
pub const MAX_SEGMENT_BYTES: usize = 255;
/// Longest path, in bytes of UTF-8.
pub const MAX_PATH_BYTES: usize = 4096;
/// Most folders that a new file may lie in, one in another. What an earlier release stored deeper goes on
/// opening.
pub const MAX_DEPTH: usize = 64;
/// What follows a name's last dot is its ending up to so many bytes, the dot among them; more is a part
/// of the name.
const MAX_ENDING_BYTES: usize = 64;

/// A valid library path such as `reports/2026/q3.pdf`: one or more segments joined by `/`,
/// without a leading or trailing slash, in Unicode NFC (so that a name typed on one system is
/// found on another).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FilePath(String);

/// A valid folder path; the empty string is the library's root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FolderPath(String);

impl FilePath {
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) with a sentence that names the offending
    /// segment and what would be right.
    pub fn parse(input: &str) -> Result<Self> {
        if input.is_empty() {
            return Err(Error::invalid("The path is empty; a file needs a name."));
        }
        normalise(input).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn folder(&self) -> FolderPath {
        match self.0.rsplit_once('/') {
            Some((folder, _)) => FolderPath(folder.to_owned()),
            None => FolderPath::default(),
        }
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// Required of a name that is given anew; what is stored already is only parsed.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) for a file in more than 64 folders.
    pub fn require_new(&self) -> Result<()> {
        require_depth(self.folder().as_str())
    }

    /// The same with a number before its ending, as in `minutes (2).txt`; a name that would be
    /// too long loses the end of its stem.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) if the whole path becomes too long.
    pub fn numbered(&self, number: u32) -> Result<Self> {
        let name = self.name();
        let is_ending = |at: &usize| *at > 0 && name.len() - at <= MAX_ENDING_BYTES;
        let dot = name.rfind('.').filter(is_ending).unwrap_or(name.len());
        let (stem, ending) = name.split_at(dot);
        let tail = format!(" ({number}){ending}");
        let most = MAX_SEGMENT_BYTES.saturating_sub(tail.len());
        let stem = &stem[..stem.floor_char_boundary(most)];
        self.folder().join(&format!("{}{tail}", stem.trim_end()))
    }
}

impl FolderPath {
    /// From a field that a person typed into: slashes and space around it mean nothing.
    ///
    /// # Errors
    /// As [`FilePath::parse`], but empty input is the root.
    pub fn typed(input: &str) -> Result<Self> {
        Self::parse(input.trim().trim_matches('/'))
    }

    /// Accepts one trailing slash, because that is how people write folders.
    ///
    /// # Errors
    /// As [`FilePath::parse`], but empty input is the root.
    pub fn parse(input: &str) -> Result<Self> {
        let input = input.strip_suffix('/').unwrap_or(input);
        if input.is_empty() {
            return Ok(Self::default());
        }
        normalise(input).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// As [`FilePath::require_new`].
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) for a folder that lies deeper than that.
    pub fn require_new(&self) -> Result<()> {
        require_depth(&self.0)
    }

    /// The last segment; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// The folder above, or nothing for the root.
    pub fn parent(&self) -> Option<FolderPath> {
        if self.is_root() {
            return None;
        }
        Some(FolderPath(
            self.0
                .rsplit_once('/')
                .map_or(String::new(), |(parent, _)| parent.to_owned()),
        ))
    }

    /// This folder and every folder above it, the root last.
    pub fn ancestors(&self) -> impl Iterator<Item = FolderPath> {
        std::iter::successors(Some(self.clone()), FolderPath::parent)
    }

    /// The folder directly in this one that a file below it lies in, unless the file itself lies
    /// directly in this one.
    pub fn child_towards(&self, below: &FilePath) -> Option<FolderPath> {
        let folder = below.folder();
        let mut ways = folder.ancestors();
        ways.find(|way| way.parent().as_ref() == Some(self))
    }

    /// The path of `relative` inside this folder.
    pub fn join(&self, relative: &str) -> Result<FilePath> {
        if self.is_root() {
            FilePath::parse(relative)
        } else {
            FilePath::parse(&format!("{}/{relative}", self.0))
        }
    }
}

fn normalise(input: &str) -> Result<String> {
    let path: String = input.nfc().collect();
    if path.len() > MAX_PATH_BYTES {
        return Err(Error::invalid(format!(
            "The path is {} bytes long; {MAX_PATH_BYTES} is the most.",
            path.len()
        )));
    }
    for segment in path.split('/') {
        check_segment(segment)?;
    }
    Ok(path)
}

fn require_depth(folder: &str) -> Result<()> {
    let depth = folder.split('/').filter(|name| !name.is_empty()).count();
    match depth > MAX_DEPTH {
        true => Err(Error::invalid(format!(
            "The path goes {depth} folders deep; {MAX_DEPTH} is the most for a new name."
        ))),
        false => Ok(()),
    }
}

/// White space, and what takes no space at all.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200B}' | '\u{2060}' | '\u{FEFF}')
}

fn check_segment(segment: &str) -> Result<()> {
    let problem = if segment.is_empty() {
        "The path has an empty part; write it without a leading, trailing or doubled slash."
            .to_owned()
    } else if segment == "." || segment == ".." {
        format!("\"{segment}\" is not allowed in a path; name the folder itself.")
    } else if segment.chars().any(char::is_control) {
        format!("{segment:?} contains a control character; use printable characters only.")
    } else if segment.trim_matches(is_blank) != segment {
        format!("{segment:?} begins or ends with a blank; remove it.")
    } else if segment.len() > MAX_SEGMENT_BYTES {
        let start: String = segment.chars().take(24).collect();
        format!(
            "The part of the path that begins with {start:?} is {} bytes long; {MAX_SEGMENT_BYTES} is the most.",
            segment.len()
        )
    } else {
        return Ok(());
    };
    Err(Error::invalid(problem))
}

macro_rules! string_like {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(input: String) -> Result<Self> {
                Self::parse(&input)
            }
        }

        impl From<$name> for String {
            fn from(path: $name) -> String {
                path.0
            }
        }
    };
}

string_like!(FilePath);
string_like!(FolderPath);

/// Folders are ordered like their text, so a map of them can be searched by a part of a path.
impl Borrow<str> for FolderPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_taken_apart() {
        let path = FilePath::parse("reports/2026/q3 überblick.pdf").unwrap();
        assert_eq!(path.folder().as_str(), "reports/2026");
        assert_eq!(path.name(), "q3 überblick.pdf");
        let above: Vec<_> = path.folder().ancestors().map(String::from).collect();
        assert_eq!(above, ["reports/2026", "reports", ""]);
        assert_eq!(
            FilePath::parse("a").unwrap().folder(),
            FolderPath::default()
        );
    }

    #[test]
    fn decomposed_names_become_composed() {
        assert_eq!(FilePath::parse("u\u{308}.txt").unwrap().as_str(), "ü.txt");
    }

    #[test]
    fn hostile_paths_are_refused_with_a_sentence() {
        let long = "x".repeat(256);
        let deep = format!("{}y", "abcdefg/".repeat(512));
        for (bad, word) in [
            ("", "empty"),
            ("/etc/passwd", "empty part"),
            ("a//b", "empty part"),
            ("a/", "empty part"),
            ("..", "not allowed"),
            ("a/../b", "not allowed"),
            ("a/./b", "not allowed"),
            ("nul\0", "control"),
            ("tab\there", "control"),
            (" a", "blank"),
            ("a /b", "blank"),
            ("\u{FEFF}a", "blank"),
            ("a\u{200B}", "blank"),
            (long.as_str(), "255"),
            (deep.as_str(), "4096"),
        ] {
            let error = FilePath::parse(bad).unwrap_err();
            assert!(error.sentence().contains(word), "{bad:?}: {error}");
        }
        assert!(FilePath::parse(&"é".repeat(127)).is_ok());
    }

    #[test]
    fn every_name_can_be_numbered() {
        let numbered = |path: &str| FilePath::parse(path).unwrap().numbered(2).unwrap();
        let long = |letter: &str| format!("a/notes.{}", letter.repeat(248));
        assert_eq!(numbered("a/b.tar.gz").as_str(), "a/b.tar (2).gz");
        assert_eq!(numbered("a/.hidden").as_str(), "a/.hidden (2)");
        // So long an ending leaves no room for a number before it.
        let cut = format!("a/notes.{} (2)", "x".repeat(245));
        assert_eq!(numbered(&long("x")[..long("x").len() - 1]).as_str(), cut);
    }

    #[test]
    fn only_new_names_have_a_bound_on_their_depth() {
        let deep = |folders: usize| format!("{}x", "a/".repeat(folders));
        FilePath::parse(&deep(MAX_DEPTH))
            .unwrap()
            .require_new()
            .unwrap();
        let deeper = FilePath::parse(&deep(MAX_DEPTH + 1)).unwrap();
        assert!(
            deeper
                .require_new()
                .unwrap_err()
                .sentence()
                .contains("65 folders deep")
        );
        assert!(deeper.folder().require_new().is_err());
        assert!(FolderPath::default().require_new().is_ok());
    }

    #[test]
    fn a_folder_may_end_in_a_slash() {
        assert_eq!(FolderPath::parse("a/b/").unwrap().as_str(), "a/b");
        assert!(FolderPath::parse("").unwrap().is_root());
        assert!(FolderPath::parse("/").unwrap().is_root());
    }
}
