//! How fast text comes out of files: MB of input per second and core, by format; and how long a PDF
//! and a Word document of ten pages take.
//!
//! `cargo bench --bench extract` measures generated documents; `cargo bench --bench extract --
//! FOLDER` measures the files of a folder, by media type.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use wharfside::extract::extract;
use zip::write::{SimpleFileOptions, ZipWriter};

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
    let fastest = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        File::create(&path)
            .and_then(|mut file| file.write_all(content))
            .expect("a document is written");
        let fastest = (0..ROUNDS).map(|_| time(&path).0).min();
        fastest.unwrap_or_default()
    };
    for (name, content) in documents() {
        report(name, content.len() as u64, fastest(name, &content));
    }
    for (name, content) in [("ten-pages.pdf", pdf()), ("ten-pages.docx", docx())] {
        let (kilobytes, fastest) = (content.len() as f64 / 1e3, fastest(name, &content));
        println!("{name:<44} {kilobytes:>9.1} kB {fastest:>9.2?}");
    }
}

const PAGES: usize = 10;
const LINES: usize = 50;

/// Lines that differ, as those of documents do.
fn lines(page: usize) -> impl Iterator<Item = String> {
    let first = page * LINES;
    (first..first + LINES).map(|line| {
        format!(
            "{line}. The goods of ship {} stay on wharf {} until called for.",
            line * 7,
            line % 9
        )
    })
}

/// As programs write them: the text of a page compressed, a width for each character.
fn pdf() -> Vec<u8> {
    let widths = ["500"; 95].join(" ");
    let pages = (0..PAGES).map(|page| 4 + 2 * page);
    let kids: Vec<String> = pages.clone().map(|page| format!("{page} 0 R")).collect();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Count {PAGES} /Kids [{}] >>", kids.join(" ")).into_bytes(),
        format!("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /FirstChar 32 /LastChar 126 /Widths [{widths}] >>").into_bytes(),
    ];
    for (page, object) in pages.enumerate() {
        let text: String = lines(page)
            .map(|line| format!("({line}) Tj T*\n"))
            .collect();
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        write!(packed, "BT /F 10 Tf 12 TL 50 780 Td\n{text}ET").expect("room in memory");
        let packed = packed.finish().expect("room in memory");
        objects.push(format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {} 0 R /Resources << /Font << /F 3 0 R >> >> >>", object + 1).into_bytes());
        let head = format!(
            "<< /Filter /FlateDecode /Length {} >>\nstream\n",
            packed.len()
        );
        objects.push([head.as_bytes(), &packed, b"\nendstream"].concat());
    }
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{} 0 obj\n", number + 1).bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let end = format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{}\n%%EOF\n",
        objects.len() + 1,
        file.len()
    );
    file.extend(table.bytes().chain(end.bytes()));
    file
}

/// A run with its properties for each half of a line, as an editor leaves them.
fn docx() -> Vec<u8> {
    let run = |text: &str| {
        format!(
            "<w:r><w:rPr><w:rFonts w:ascii=\"Arial\"/><w:sz w:val=\"20\"/></w:rPr><w:t xml:space=\"preserve\">{text}</w:t></w:r>"
        )
    };
    let paragraph = |line: String| {
        let (one, two) = line.split_at(line.len() / 2);
        format!(
            "<w:p w:rsidR=\"00A1\"><w:pPr><w:pStyle w:val=\"Body\"/></w:pPr>{}{}</w:p>",
            run(one),
            run(two)
        )
    };
    let body: String = (0..PAGES).flat_map(lines).map(paragraph).collect();
    let mut package = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, part) in [
        ("[Content_Types].xml", "<Types/>".to_owned()),
        ("_rels/.rels", "<Relationships><Relationship Id=\"1\" Type=\"http://x/officeDocument\" Target=\"word/document.xml\"/></Relationships>".to_owned()),
        ("word/document.xml", format!("<w:document><w:body>{body}</w:body></w:document>")),
    ] {
        let begun = package.start_file(name, SimpleFileOptions::default());
        begun.expect("room in memory");
        package.write_all(part.as_bytes()).expect("room in memory");
    }
    package.finish().expect("room in memory").into_inner()
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
