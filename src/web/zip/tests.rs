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

fn contents(files: &[(String, u64, i64)]) -> Contents {
    let mut contents = Contents::default();
    for (path, size, modified_ms) in files {
        let file = Selected {
            id: 0,
            whole: path,
            path,
            sha256: DIGEST,
            size: *size,
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
    let mut archive = Archive::new(contents, |_: &Digest, size| hole(size));
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
    let mut archive = Archive::new(many, |_: &Digest, size| hole(size));
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
    let mut archive = Archive::new(contents(&files), |_: &Digest, _| {
        Err(Error::damaged("The content is missing."))
    });
    assert!(archive.read_chunk().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn an_archive_has_the_length_that_was_told(
        files in proptest::collection::vec(("[a-zß/ ]{1,300}", 0u64..1_200_000, any::<i64>()), 0..8)
    ) {
        let contents = contents(&files);
        let told = contents.archive_len();
        let mut archive = Archive::new(contents, |_: &Digest, size| hole(size));
        let mut written = 0;
        loop {
            let bytes = archive.read_chunk().unwrap();
            if bytes.is_empty() {
                break;
            }
            written += bytes.len() as u64;
        }
        prop_assert_eq!(written, told);
    }
}
