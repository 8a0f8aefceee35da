//! What must hold of every path, and of every query ([`query`]).

use super::path::{FilePath, FolderPath, MAX_PATH_BYTES, MAX_SEGMENT_BYTES};
pub use super::search::fuzzing::query;
use crate::error::Kind;

/// A path as somebody wrote it: it is refused with a sentence, or it stays in the library, fits
/// everywhere, and is taken apart and put together again without a change.
pub fn path(data: &[u8]) {
    let Ok(written) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(folder) = FolderPath::typed(written) {
        check_folder(&folder);
    }
    if let Ok(folder) = FolderPath::parse(written) {
        check_folder(&folder);
    }
    match FilePath::parse(written) {
        Ok(file) => check_file(&file),
        Err(error) => {
            assert_eq!(error.kind(), Kind::Invalid);
            assert!(error.sentence().len() <= 8 * MAX_PATH_BYTES.min(written.len()) + 256);
        }
    }
}

fn check_folder(folder: &FolderPath) {
    if !folder.is_root() {
        check_segments(folder.as_str());
    }
    let again = FolderPath::parse(folder.as_str());
    assert_eq!(again.as_ref().ok(), Some(folder), "it is read differently");
    let slashed = FolderPath::parse(&format!("{folder}/"));
    assert_eq!(slashed.ok().as_ref(), Some(folder), "a slash changes it");

    let above: Vec<FolderPath> = folder.ancestors().collect();
    assert!(above.last().is_some_and(FolderPath::is_root));
    let depth = folder.as_str().split_terminator('/').count();
    assert_eq!(above.len(), depth + 1);
}

fn check_file(file: &FilePath) {
    check_segments(file.as_str());
    let again = FilePath::parse(file.as_str());
    assert_eq!(again.as_ref().ok(), Some(file), "it is read differently");

    let folder = file.folder();
    check_folder(&folder);
    let joined = folder.join(file.name());
    assert_eq!(joined.ok().as_ref(), Some(file), "it is joined differently");
    let towards = FolderPath::default().child_towards(file);
    assert_eq!(towards.is_none(), folder.is_root());
    if let Some(first) = towards {
        assert_eq!(Some(first.as_str()), file.as_str().split('/').next());
    }
    check_numbered(file);
}

/// Another name is found for whatever has one, unless the whole path leaves no room.
fn check_numbered(file: &FilePath) {
    const LONGEST_NUMBER: usize = " (4294967295)".len();
    for number in [2, u32::MAX] {
        match file.numbered(number) {
            Ok(numbered) => {
                check_segments(numbered.as_str());
                assert_eq!(numbered.folder(), file.folder());
                assert_ne!(&numbered, file);
                assert!(numbered.name().contains(&format!(" ({number})")));
            }
            Err(error) => {
                let length = file.as_str().len();
                assert!(length + LONGEST_NUMBER > MAX_PATH_BYTES, "{error}");
            }
        }
    }
}

fn check_segments(path: &str) {
    assert!(path.len() <= MAX_PATH_BYTES);
    for segment in path.split('/') {
        assert!(!matches!(segment, "" | "." | ".."), "{segment:?}");
        assert!(segment.len() <= MAX_SEGMENT_BYTES);
        assert!(!segment.contains(char::is_control), "{segment:?}");
        assert_eq!(segment.trim(), segment);
    }
}
