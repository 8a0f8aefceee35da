//! Archives of made-up contents: their length is the one that was told, and others can read them.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::library::Selected;
use crate::store::Digest;
use crate::web::read_body::Source;

const DIGEST: Digest = Digest::from_bytes([7; 32]);

/// Of contents whose checksum nobody took.
fn contents(files: &[(String, u64, i64)]) -> Contents {
    with_checksums(files, |_| None)
}

/// Of contents that are all zeros.
fn known_contents(files: &[(String, u64, i64)]) -> Contents {
    with_checksums(files, |size| Some(crc32fast::hash(&vec![0; size as usize])))
}

fn with_checksums(files: &[(String, u64, i64)], crc32: impl Fn(u64) -> Option<u32>) -> Contents {
    let mut contents = Contents::default();
    for (path, size, modified_ms) in files {
        let file = Selected {
            id: 0,
            whole: path,
            path,
            sha256: DIGEST,
            size: *size,
            crc32: crc32(*size),
            modified_ms: *modified_ms,
        };
        contents.push(path, &file);
    }
    contents
}

fn hole(size: u64) -> Result<File> {
    let file = tempfile::tempfile().unwrap();
    file.set_len(size).unwrap();
    Ok(file)
}

fn whole(contents: Contents) -> impl Source {
    let all = 0..contents.archive_len();
    Archive::part(contents, |_: &Digest, size| hole(size), all).unwrap()
}

fn read(mut archive: impl Source) -> Vec<u8> {
    let mut read = Vec::new();
    loop {
        let bytes = archive.read_chunk().unwrap();
        if bytes.is_empty() {
            return read;
        }
        read.extend_from_slice(&bytes);
    }
}

fn python(script: &str, archive: &Path) -> String {
    let mut command = Command::new("python3");
    let done = command.args(["-c", script]).arg(archive).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    String::from_utf8(done.stdout).unwrap()
}

/// Writes an archive, leaving holes where there are only zeros.
fn write(contents: Contents, path: &Path) {
    let told = contents.archive_len();
    let mut archive = whole(contents);
    let mut file = File::create(path).unwrap();
    loop {
        let bytes = archive.read_chunk().unwrap();
        if bytes.is_empty() {
            break;
        }
        match bytes.iter().all(|byte| *byte == 0) {
            true => drop(file.seek(SeekFrom::Current(bytes.len() as i64)).unwrap()),
            false => file.write_all(&bytes).unwrap(),
        }
    }
    assert_eq!(file.stream_position().unwrap(), told);
}

#[test]
fn more_than_32_bits_of_bytes_can_be_read_by_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.zip");
    let large = (1 << 32) + 5;
    let files = [("large.bin", large), ("behind/small.bin", 3)];
    write(
        contents(&files.map(|(name, size)| (name.to_owned(), size, 1_795_396_841_000))),
        &path,
    );
    let script = "import sys, zipfile\n\
        archive = zipfile.ZipFile(sys.argv[1])\n\
        print([(i.filename, i.file_size, i.date_time) for i in archive.infolist()], archive.read('behind/small.bin'))";
    assert_eq!(
        python(script, &path).trim(),
        "[('large.bin', 4294967301, (2026, 11, 23, 1, 20, 40)), \
         ('behind/small.bin', 3, (2026, 11, 23, 1, 20, 40))] b'\\x00\\x00\\x00'"
    );
    let unzip = Command::new("unzip")
        .args(["-p"])
        .arg(&path)
        .arg("behind/small.bin")
        .output()
        .unwrap();
    assert_eq!(unzip.stdout, [0; 3], "{unzip:?}");
}

#[test]
fn more_than_16_bits_of_files_can_be_read_by_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("many.zip");
    let files: Vec<_> = (0..70_000)
        .map(|n| (format!("{n}.txt"), 0, 1_795_396_841_000))
        .collect();
    let many = contents(&files);
    let told = many.archive_len();
    let mut archive = whole(many);
    let mut file = File::create(&path).unwrap();
    let mut written = 0;
    loop {
        let bytes = archive.read_chunk().unwrap();
        if bytes.is_empty() {
            break;
        }
        written += bytes.len() as u64;
        file.write_all(&bytes).unwrap();
    }
    assert_eq!(written, told);
    let script = "import sys, zipfile\n\
        archive = zipfile.ZipFile(sys.argv[1])\n\
        print(len(archive.namelist()), archive.read('69999.txt'))";
    assert_eq!(python(script, &path).trim(), "70000 b''");
}

#[test]
fn a_content_that_is_gone_ends_the_archive_in_an_error() {
    let files = [("gone".to_owned(), 5, 0)];
    let gone = contents(&files);
    let all = 0..gone.archive_len();
    let missing = |_: &Digest, _| Err(Error::damaged("The content is missing."));
    let mut archive = Archive::part(gone, missing, all).unwrap();
    assert!(archive.read_chunk().is_err());
}

#[test]
fn a_content_that_has_changed_ends_the_archive_in_an_error() {
    let files = [("changed".to_owned(), 5, 0)];
    let mut archive = whole(with_checksums(&files, |_| Some(7)));
    assert!(archive.read_chunk().is_err());
}

#[test]
fn archives_of_other_bytes_have_other_digests() {
    let file = |name: &str, size| [(name.to_owned(), size, 0)];
    let digests = [
        known_contents(&file("a", 1)).digest(),
        known_contents(&file("b", 1)).digest(),
        contents(&file("a", 1)).digest(),
        known_contents(&[("a".to_owned(), 1, 2_000)]).digest(),
        known_contents(&[("a".to_owned(), 1, 0), ("b".to_owned(), 1, 0)]).digest(),
    ];
    for (at, digest) in digests.iter().enumerate() {
        assert!(!digests[..at].contains(digest), "{at}");
    }
    assert_eq!(known_contents(&file("a", 1)).digest(), digests[0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn an_archive_has_the_length_that_was_told(
        files in proptest::collection::vec(("[a-zß/ ]{1,300}", 0u64..1_200_000, any::<i64>()), 0..8),
        is_known in any::<bool>(),
    ) {
        let contents = match is_known {
            true => known_contents(&files),
            false => contents(&files),
        };
        let told = contents.archive_len();
        prop_assert_eq!(read(whole(contents)).len() as u64, told);
    }

    #[test]
    fn a_part_is_what_the_whole_has_there(
        files in proptest::collection::vec(("[a-z/]{1,40}", 0u64..700_000, 0..i64::MAX), 0..6),
        ends in proptest::collection::vec(any::<proptest::sample::Index>(), 2),
        inside in 0u64..200,
    ) {
        let all = read(whole(known_contents(&files)));
        let mut ends = ends.into_iter().map(|end| end.index(all.len() + 1) as u64);
        let (one, other) = (ends.next().unwrap(), ends.next().unwrap());
        let length = all.len() as u64;
        // Anywhere, and close to both ends, where the records are.
        for part in [one.min(other)..one.max(other), inside.min(length)..length, length.saturating_sub(inside)..length] {
            let open = |_: &Digest, size| hole(size);
            let archive = Archive::part(known_contents(&files), open, part.clone()).unwrap();
            let expected = &all[part.start as usize..part.end as usize];
            prop_assert!(read(archive) == expected, "{part:?} of {length}");
        }
    }
}
