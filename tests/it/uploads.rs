//! Uploads: what is acknowledged is kept, what is not leaves no trace.

use std::io::{Read, Write};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::app::{TestApp, file};
use crate::command::eventually;

pub fn sha256_hex(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    wharfside::store::Digest::from_bytes(digest).to_string()
}

#[test]
fn a_receipt_says_what_was_stored() {
    let app = TestApp::start();
    let answer = app.put_with("notes/hello.txt", &[], b"hello quayside");
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("location"), file("notes/hello.txt"));
    let receipt = answer.receipt();
    assert_eq!(receipt.path.as_str(), "notes/hello.txt");
    assert_eq!(receipt.version, 1);
    assert_eq!(receipt.size, 14);
    assert_eq!(receipt.sha256.to_string(), sha256_hex(b"hello quayside"));
    assert_eq!(
        receipt.boot,
        app.persistence()["boot"]["number"].as_u64().unwrap()
    );
    assert!(receipt.time.ends_with('Z'), "{}", receipt.time);
    app.assert_keeps(&receipt, b"hello quayside", "quayside");
}

#[test]
fn a_taken_path_gets_a_new_version() {
    let app = TestApp::start();
    let first = app.put("plan.txt", b"first draft");
    let answer = app.put_with("plan.txt", &[], b"second draft");
    assert_eq!(answer.status, 200);
    let second = answer.receipt();
    assert_eq!((second.id, second.version), (first.id, 2));
    assert!(second.sequence > first.sequence);
    assert_eq!(app.get("plan.txt").body, b"second draft");
    let versions = app.json(&format!("/api/v1/entries/{}/versions", first.id));
    let numbers: Vec<_> = list(&versions)
        .iter()
        .map(|v| v["number"].clone())
        .collect();
    assert_eq!(numbers, [json!(2), json!(1)]);
    let old = app.fetch(&format!("/download/{}?version=1", first.id));
    assert_eq!(old.body, b"first draft");
}

/// The versions, whether the answer is a list or an object that holds one.
fn list(answer: &Value) -> &Vec<Value> {
    answer
        .as_array()
        .or_else(|| answer["versions"].as_array())
        .unwrap()
}

#[test]
fn every_kind_of_name_and_size_comes_back() {
    let app = TestApp::start();
    let big: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_le_bytes).collect();
    let long = format!("{}.txt", "长".repeat(80));
    for (path, bytes) in [
        ("empty.txt", &b""[..]),
        ("one byte", b"x"),
        ("Überfahrt/Möwe & Söhne/50% #1?+=&;.txt", b"names are free"),
        ("港口/航海日誌 🚢.txt", "港".as_bytes()),
        ("dots/...hidden", b"not a parent"),
        (long.as_str(), b"240 bytes of name"),
        ("big/numbers.bin", &big),
    ] {
        let receipt = app.put(path, bytes);
        assert_eq!(receipt.path.as_str(), path);
        assert_eq!(receipt.sha256.to_string(), sha256_hex(bytes));
        let answer = app.get(path);
        assert!(answer.status == 200 && answer.body == bytes, "{path}");
    }
}

#[test]
fn equal_contents_are_stored_once() {
    let app = TestApp::start();
    let bytes = vec![7; 200_000];
    // A boot writes a content of its own.
    let before = blobs(app.directory());
    app.put("a.bin", &bytes);
    app.put("b.bin", &bytes);
    let totals = &app.persistence()["totals"];
    assert_eq!(totals["files"], 2);
    assert_eq!(totals["bytes"], 400_000);
    assert_eq!(blobs(app.directory()), before + 1);
    app.assert_sound();
}

/// How many contents lie in the directory.
pub fn blobs(directory: &std::path::Path) -> usize {
    let mut found = 0;
    let mut folders = vec![directory.join("blobs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found += 1;
            }
        }
    }
    found
}

/// How many uploads are in flight, or were left behind.
pub fn staged(app: &TestApp) -> usize {
    std::fs::read_dir(app.directory().join("staging"))
        .unwrap()
        .count()
}

#[test]
fn preconditions_protect_what_is_there() {
    let app = TestApp::start();
    let receipt = app.put("only.txt", b"mine");
    let etag = format!("\"{}\"", receipt.sha256);
    let stale = format!("\"{}\"", sha256_hex(b"something else"));
    app.put_with("only.txt", &[("if-none-match", "*")], b"theirs")
        .problem(412);
    app.put_with("only.txt", &[("if-match", &stale)], b"theirs")
        .problem(412);
    let long_ago = ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT");
    app.put_with("only.txt", &[long_ago], b"theirs")
        .problem(412);
    app.put_with("new.txt", &[("if-match", "*")], b"theirs")
        .problem(412);
    assert_eq!(app.get("only.txt").body, b"mine");
    assert_eq!(app.get("new.txt").status, 404);
    assert_eq!(
        app.put_with("only.txt", &[("if-match", &etag)], b"next")
            .status,
        200
    );
    assert_eq!(
        app.put_with("new.txt", &[("if-none-match", "*")], b"new")
            .status,
        201
    );
}

#[test]
fn a_digest_that_was_sent_is_verified() {
    let app = TestApp::start();
    let right = "sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:"; // of "hello world"
    for header in ["repr-digest", "content-digest"] {
        let wrong = app.put_with("digest.txt", &[(header, right)], b"hello w0rld");
        let sentence = wrong.problem(400);
        assert!(sentence.contains("SHA-256"), "{sentence}");
        assert_eq!(app.get("digest.txt").status, 404);
        let malformed = app.put_with("digest.txt", &[(header, "sha-256=abc")], b"hello world");
        malformed.problem(400);
    }
    let unknown = app.put_with(
        "other.txt",
        &[("repr-digest", "crc32c=:AAAA:")],
        b"hello world",
    );
    let sentence = unknown.problem(400);
    assert!(sentence.contains("sha-256"), "{sentence}");
    assert_eq!(app.get("other.txt").status, 404);
    let answer = app.put_with("digest.txt", &[("repr-digest", right)], b"hello world");
    assert_eq!(answer.status, 201);
    assert_eq!(app.get("digest.txt").header("repr-digest"), right);
    eventually("staging to be empty", || (staged(&app) == 0).then_some(()));
}

#[test]
fn p2_a_body_that_breaks_off_stores_nothing() {
    let app = TestApp::start();
    for head in [
        "PUT /api/v1/files/torn.txt HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5000000\r\n\r\n",
        "PUT /api/v1/files/torn.txt HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nfffff\r\n",
    ] {
        let mut stream = app.connect();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&[b'x'; 300_000]).unwrap();
        eventually("the upload to be under way", || {
            (staged(&app) > 0).then_some(())
        });
        drop(stream);
        eventually("staging to be empty", || (staged(&app) == 0).then_some(()));
    }
    app.assert_absent("torn.txt", "torn");
    app.assert_sound();
}

#[test]
fn p2_an_upload_in_flight_is_invisible() {
    let app = TestApp::start();
    let mut stream = app.connect();
    stream
        .write_all(b"PUT /api/v1/files/slow/lighter.txt HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 300007\r\n\r\nbollard")
        .unwrap();
    stream.write_all(&vec![b' '; 200_000]).unwrap();
    eventually("the upload to be under way", || {
        (staged(&app) > 0).then_some(())
    });
    assert_eq!(app.get("slow/lighter.txt").status, 404);
    assert_eq!(app.found("bollard"), [""; 0]);
    assert_eq!(app.json("/api/v1/entries?folder=")["folders"], json!([]));
    stream.write_all(&vec![b' '; 100_000]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    app.wait_searchable("slow/lighter.txt", "bollard");
}

#[test]
fn a_client_that_stalls_is_ended_and_one_that_is_slow_is_not() {
    let app = TestApp::with(&[("STALL_SECONDS", "1")]);
    let mut stream = app.connect();
    stream
        .write_all(
            b"PUT /api/v1/files/stalled.txt HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\nx",
        )
        .unwrap();
    let mut answer = String::new();
    // The connection may also simply be closed once the answer is out.
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer:?}");
    assert_eq!(app.get("stalled.txt").status, 404);

    let mut stream = app.connect();
    stream
        .write_all(b"PUT /api/v1/files/slow.txt HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 8\r\n\r\n")
        .unwrap();
    // Together longer than the limit; the point is progress, so here time has to pass.
    for byte in b"unhurted" {
        std::thread::sleep(Duration::from_millis(300));
        stream.write_all(&[*byte]).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer:?}");
    eventually("staging to be empty", || (staged(&app) == 0).then_some(()));
}

#[test]
fn the_size_limit_is_enforced_before_and_while_reading() {
    let app = TestApp::with(&[("MAX_UPLOAD_BYTES", "100KB")]);
    assert_eq!(app.put_with("fits.bin", &[], &[1; 100_000]).status, 201);
    // Nothing of the body is sent: the answer must not wait for it.
    let answer = app.raw(
        b"PUT /api/v1/files/huge.bin HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 100001\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let mut chunked =
        b"PUT /api/v1/files/huge.bin HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    for _ in 0..3 {
        chunked.extend_from_slice(b"c350\r\n");
        chunked.extend_from_slice(&[1; 50_000]);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let answer = app.raw(&chunked);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(app.get("huge.bin").status, 404);
    eventually("staging to be empty", || (staged(&app) == 0).then_some(()));
}

#[test]
fn expect_continue_keeps_a_refused_body_at_home() {
    let app = TestApp::with(&[("MAX_UPLOAD_BYTES", "1KB")]);
    let ask = |length: usize| {
        let mut stream = app.connect();
        let head = format!(
            "PUT /api/v1/files/a.bin HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        String::from_utf8_lossy(&start).into_owned()
    };
    assert_eq!(ask(1000), "HTTP/1.1 100");
    assert_eq!(ask(1001), "HTTP/1.1 413");
}

/// A multipart body (RFC 7578): `(field, file name, bytes)`.
pub fn multipart(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, name, bytes) in parts {
        let name = name.map_or(String::new(), |name| format!("; filename=\"{name}\""));
        body.extend_from_slice(
            format!("--quay\r\ncontent-disposition: form-data; name=\"{field}\"{name}\r\n\r\n")
                .as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--quay--\r\n");
    body
}

pub const MULTIPART: (&str, &str) = ("content-type", "multipart/form-data; boundary=quay");

#[test]
fn a_form_stores_many_files_and_folders() {
    let app = TestApp::start();
    let body = multipart(&[
        ("folder", None, b"arrivals"),
        ("file", Some("first.txt"), b"capstan"),
        ("file", Some("holiday/second.txt"), b"windlass"),
        ("path", None, b"deep/er/third.txt"),
        ("file", Some("third.txt"), b"halyard"),
    ]);
    let answer = app.call(
        "POST",
        "/upload",
        &[MULTIPART, ("accept", "application/json")],
        Some(&body),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["receipts"].as_array().unwrap().len(), 3, "{answer}");
    assert_eq!(answer["failures"], json!([]));
    assert_eq!(app.get("arrivals/first.txt").body, b"capstan");
    assert_eq!(app.get("arrivals/holiday/second.txt").body, b"windlass");
    assert_eq!(app.get("arrivals/deep/er/third.txt").body, b"halyard");
    let page = app.call(
        "POST",
        "/upload",
        &[MULTIPART, ("accept", "text/html")],
        Some(&body),
    );
    assert_eq!(
        (page.status, page.header("location")),
        (303, "/browse/arrivals")
    );
}

#[test]
fn a_form_from_another_site_is_refused() {
    let app = TestApp::start();
    let body = multipart(&[("file", Some("planted.txt"), b"barnacle")]);
    for headers in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://elsewhere.example"),
    ] {
        let answer = app.call("POST", "/upload", &[MULTIPART, headers], Some(&body));
        assert_eq!(answer.status, 403, "{headers:?}: {}", answer.text());
    }
    assert_eq!(app.get("planted.txt").status, 404);
}
