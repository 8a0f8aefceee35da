//! Folders and selections as one archive, read back by `unzip` and by Python.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::app::{Answer, TestApp, encode};
use crate::tus::client as tus;
use crate::uploads::{MULTIPART, multipart};

const FOLDER: &str = "reports/2026";
const FILES: [(&str, &[u8]); 5] = [
    ("reports/2026/überblick.txt", b"harbour dues"),
    ("reports/2026/🚢/ships.txt", b"three"),
    ("reports/2026/🚢/deep/er/empty.txt", b""),
    ("reports/2026/..\\evil.txt", b"harmless"),
    ("reports/2027/next.txt", b"another folder"),
];

fn filled() -> TestApp {
    let app = TestApp::start();
    for (path, bytes) in FILES {
        app.put(path, bytes);
    }
    app
}

fn archive(answer: &Answer) -> (TempDir, std::path::PathBuf) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/zip");
    assert_eq!(
        answer.header("content-length"),
        answer.body.len().to_string()
    );
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("archive.zip");
    fs::write(&path, &answer.body).unwrap();
    (directory, path)
}

/// Names and contents, as Python reads them after comparing every checksum.
fn listed(answer: &Answer) -> Vec<(String, String)> {
    let (_directory, path) = archive(answer);
    let script = "import json, sys, zipfile\n\
        archive = zipfile.ZipFile(sys.argv[1])\n\
        assert archive.testzip() is None\n\
        assert all(info.external_attr >> 16 == 0o100644 for info in archive.infolist())\n\
        print(json.dumps([(name, archive.read(name).decode()) for name in archive.namelist()]))";
    let mut command = Command::new("python3");
    let done = command.args(["-c", script]).arg(path).output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    serde_json::from_slice(&done.stdout).unwrap()
}

fn names(answer: &Answer) -> Vec<String> {
    listed(answer).into_iter().map(|(name, _)| name).collect()
}

fn modified(path: &Path) -> std::time::SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn a_folder_arrives_with_its_names_bytes_and_times() {
    let app = filled();
    let answer = app.fetch(&format!("/download.zip?folder={}", encode(FOLDER)));
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"2026.zip\""
    );
    assert_eq!(
        listed(&answer),
        [
            ("2026/.._evil.txt", "harmless"),
            ("2026/überblick.txt", "harbour dues"),
            ("2026/🚢/deep/er/empty.txt", ""),
            ("2026/🚢/ships.txt", "three"),
        ]
        .map(|(name, bytes)| (name.to_owned(), bytes.to_owned()))
    );
    let (directory, path) = archive(&answer);
    let mut command = Command::new("unzip");
    command
        .arg("-q")
        .arg(&path)
        .arg("-d")
        .arg(directory.path())
        .env("LC_ALL", "C.UTF-8");
    let done = command.output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let unpacked = directory.path().join("2026/überblick.txt");
    assert_eq!(fs::read(&unpacked).unwrap(), FILES[0].1);
    let age = modified(&path).duration_since(modified(&unpacked));
    assert!(age.unwrap().as_secs() < 120, "the time is not in UTC");
}

#[test]
fn a_selection_begins_at_the_common_folder() {
    let app = filled();
    let id = app.put("reports/2027/sub/a.txt", b"a").id;
    let one = app.fetch(&format!("/download.zip?id={id}"));
    assert_eq!(names(&one), ["a.txt"]);
    let form = format!("folder=reports%2F2026%2F%F0%9F%9A%A2&id={id}&id={id}&folder=reports/2026");
    let post = app.call(
        "POST",
        "/download.zip",
        &[("content-type", "application/x-www-form-urlencoded")],
        Some(form.as_bytes()),
    );
    assert_eq!(names(&post)[4..], ["2027/sub/a.txt"]);
    let all = app.fetch("/download.zip?folder=");
    assert_eq!(names(&all).len(), FILES.len() + 1);
    assert!(
        all.header("content-disposition")
            .contains("\"wharfside.zip\"")
    );
}

#[test]
fn a_file_and_the_one_that_took_its_place_both_arrive() {
    let app = TestApp::start();
    let old = app.put("a.txt", b"old").id;
    assert_eq!(app.delete("a.txt").status, 200);
    let new = app.put("a.txt", b"new").id;
    let both = app.fetch(&format!("/download.zip?id={old}&id={new}"));
    assert_eq!(names(&both), ["a.txt", "a (2).txt"]);
}

#[test]
fn head_tells_the_length_and_wrong_selections_are_named() {
    let app = filled();
    let target = format!("/download.zip?folder={}", encode(FOLDER));
    let head = app.call("HEAD", &target, &[], None);
    assert!(head.body.is_empty());
    assert_eq!(
        head.header("content-length"),
        app.fetch(&target).body.len().to_string()
    );
    for (query, status, word) in [
        ("", 400, "Nothing is selected"),
        ("?id=x", 400, "\"x\" is no id"),
        ("?file=1", 400, "\"file\" selects nothing"),
        ("?folder=../etc", 400, "not allowed"),
        ("?id=4711", 404, "4711"),
        ("?folder=absent", 404, "\"absent\""),
        ("?folder=reports&id=4711", 404, "4711"),
    ] {
        let sentence = app.fetch(&format!("/download.zip{query}")).problem(status);
        assert!(sentence.contains(word), "{query}: {sentence}");
    }
}

#[test]
fn a_content_that_is_gone_breaks_the_answer_off() {
    let app = TestApp::start();
    app.put("a.bin", &[1; 600 << 10]);
    let gone = app.put("b.bin", &[2; 600 << 10]).sha256.to_string();
    let blob = format!("blobs/{}/{}/{gone}", &gone[..2], &gone[2..4]);
    fs::remove_file(app.directory().join(blob)).unwrap();
    let answer = app
        .raw(b"GET /download.zip?folder= HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:.200}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(body.len() < 1200 << 10, "{} bytes", body.len());
    assert!(!answer.contains("PK\x05\x06"), "the archive has an end");
}

/// Reads an archive as programs do that get it through a pipe: each record in turn, and what follows
/// by what the record says. Answers names and contents.
const FROM_A_PIPE: &str = "
import json, struct, sys, zlib
pipe, found = sys.stdin.buffer, []
while (head := pipe.read(30))[:4] == b'PK\\x03\\x04':
    flags, method, crc, packed, size, name, extra = struct.unpack('<HH4xIIIHH', head[6:])
    assert flags == 1 << 11 and method == 0 and packed == size, (flags, method, packed, size)
    name = pipe.read(name).decode()
    pipe.read(extra)
    content = pipe.read(size)
    assert zlib.crc32(content) == crc, name
    found.append((name, content.decode()))
assert head[:4] == b'PK\\x01\\x02', head
print(json.dumps(found))
";

fn piped(answer: &Answer) -> Vec<(String, String)> {
    let mut command = Command::new("python3");
    command.args(["-c", FROM_A_PIPE]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let written = child.stdin.take().unwrap().write_all(&answer.body);
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{written:?}");
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Uploads of every kind: at once, by a form, in pieces that other releases have a part in.
#[test]
fn checksums_stand_before_contents_however_they_came() {
    let mut app = filled();
    let form = multipart(&[("file", Some("form.txt"), b"by a form")]);
    let answer = app.call("POST", "/upload", &[MULTIPART], Some(&form));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let upload = tus::begin(&app, "pieces.txt", 12);
    assert_eq!(tus::patch(&app, &upload, 0, b"in ").status, 204);
    app.kill9();
    app.start_again();
    assert_eq!(tus::patch(&app, &upload, 3, b"pieces ok").status, 204);
    let first = app.put("twice.txt", b"one");
    app.put("twice.txt", b"two");
    assert_eq!(app.patch(first.id, json!({ "version": 1 })).status, 200);
    let answer = app.fetch("/download.zip?folder=");
    let piped = piped(&answer);
    assert_eq!(piped, listed(&answer));
    assert_eq!(piped.len(), FILES.len() + 3);
    for (name, content) in [
        ("form.txt", "by a form"),
        ("pieces.txt", "in pieces ok"),
        ("twice.txt", "one"),
    ] {
        assert!(
            piped.contains(&(name.to_owned(), content.to_owned())),
            "{piped:?}"
        );
    }
}

#[test]
fn an_archive_that_broke_off_goes_on() {
    let app = filled();
    app.put("large.bin", &[7; 1 << 20]);
    let target = "/download.zip?folder=";
    let whole = app.fetch(target);
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let etag = whole.header("etag").to_owned();
    let part = |headers: &[(&str, &str)]| app.call("GET", target, headers, None);
    let length = whole.body.len();
    let rest = part(&[("range", "bytes=100-"), ("if-range", &etag)]);
    assert_eq!(rest.status, 206, "{}", rest.text());
    assert_eq!(
        rest.header("content-range"),
        format!("bytes 100-{}/{length}", length - 1)
    );
    assert!(rest.body == whole.body[100..]);
    let end = part(&[("range", "bytes=-70")]);
    assert!(end.body == whole.body[length - 70..]);
    // Several parts, and a part of what it was before, are answered with the whole.
    for headers in [
        &[("range", "bytes=0-9,900-909")][..],
        &[("range", "bytes=100-"), ("if-range", "\"other\"")],
    ] {
        let answer = part(headers);
        assert_eq!(
            (answer.status, answer.body.len()),
            (200, length),
            "{headers:?}"
        );
    }
    assert_eq!(part(&[("range", &format!("bytes={length}-"))]).status, 416);
    assert_eq!(part(&[("if-none-match", &etag)]).status, 304);
    app.put("another.txt", b"another");
    assert_eq!(
        part(&[("range", "bytes=100-"), ("if-range", &etag)]).status,
        200
    );
    assert_eq!(part(&[("if-match", &etag)]).status, 412);
}

#[test]
fn memory_stays_small_while_a_gigabyte_travels() {
    const PART: usize = 64 << 20;
    let mut app = TestApp::start();
    let bytes: Vec<u8> = (0..PART).map(|n| (n >> 8) as u8).collect();
    for n in 0..16 {
        app.put(&format!("large/{n}.bin"), &bytes);
    }
    let pid = app.process().pid();
    // The peak counts from here (proc(5)).
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    let before = app.memory("VmRSS:");
    let mut stream = app.connect();
    let request =
        b"GET /download.zip?folder=large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let (mut buffer, mut got) = (vec![0; 1 << 20], 0);
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            read => got += read,
        }
    }
    assert!(got > 16 * PART, "{got} bytes");
    let grown = app.memory("VmHWM:").saturating_sub(before);
    assert!(grown < 32 << 10, "it grew by {grown} KiB");
}
