//! How fast text comes out of files: MB of input per second and core, by format.
//!
//! `cargo bench --bench extract` measures generated documents; `cargo bench --bench extract --
//! FOLDER` measures the files of a folder, by media type.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wharfside::extract::extract;

/// The fastest counts: it is the one that other processes disturbed least.
const ROUNDS: usize = 15;

fn main() {
    let folder = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    match folder {
        Some(folder) => measure_folder(Path::new(&folder)),
        None => measure_generated(),
    }
}

fn measure_generated() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in documents() {
        let path = folder.path().join(name);
        File::create(&path)
            .and_then(|mut file| file.write_all(&content))
            .expect("a document is written");
        let fastest = (0..ROUNDS).map(|_| time(&path).0).min();
        report(name, content.len() as u64, fastest.unwrap_or_default());
    }
}

fn documents() -> Vec<(&'static str, Vec<u8>)> {
    let prose = "Ships come and go; the goods stay on the wharf until they are called for.\n";
    let accents = "Où est passé le garçon de café ? Déjà l'été s'achève près du château.\n";
    let page = "<div class=\"entry\"><h2><a href=\"/goods/1?a=b&amp;c=d\">Goods &amp; wares</a></h2>\n\
        <p>Ships come and <em>go</em>; the goods stay on the wharf until\n they are called for.</p></div>\n";
    let record = "{\"name\":\"Caf\\u00e9 du port\",\"lines\":\"one\\ntwo\",\"tons\":[1,2,3]},\n";
    let row = "1024,\"Doe, Jane\",harbour,2026-03-01,\"said \"\"aye\"\"\"\n";
    let windows = prose.replace('\n', "\r\n");
    let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(accents);
    let long = |part: &[u8]| part.repeat((8 << 20) / part.len());
    vec![
        ("ascii.txt", long(prose.as_bytes())),
        ("windows-line-ends.txt", long(windows.as_bytes())),
        ("utf-8.txt", long(accents.as_bytes())),
        ("windows-1252.txt", long(&latin)),
        ("page.html", long(page.as_bytes())),
        ("document.xml", long(page.as_bytes())),
        ("records.json", long(record.as_bytes())),
        ("table.csv", long(row.as_bytes())),
        ("notes.md", long(prose.replace("go;", "_go_;").as_bytes())),
    ]
}

fn measure_folder(folder: &Path) {
    let mut by_type: BTreeMap<String, (u64, Duration, usize)> = BTreeMap::new();
    for path in files(folder) {
        time(&path);
        let (duration, media_type) = time(&path);
        let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let total = by_type.entry(media_type).or_default();
        *total = (total.0 + size, total.1 + duration, total.2 + 1);
    }
    for (media_type, (bytes, duration, count)) in by_type {
        report(&format!("{media_type} ({count})"), bytes, duration);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}

fn time(path: &Path) -> (Duration, String) {
    let mut file = File::open(path).expect("a readable file");
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let start = Instant::now();
    let found = extract(&mut file, size, &name).expect("a readable file");
    let duration = start.elapsed();
    std::hint::black_box(&found.text);
    (duration, found.media_type)
}

fn report(what: &str, bytes: u64, duration: Duration) {
    let megabytes = bytes as f64 / 1e6;
    let speed = megabytes / duration.as_secs_f64();
    println!("{what:<44} {megabytes:>9.1} MB {speed:>9.0} MB/s");
}
