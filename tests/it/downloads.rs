//! Downloads: ranges, conditions, names, and safety from what was uploaded.

use crate::app::{TestApp, file};

#[test]
fn ranges_give_exactly_what_was_asked_for() {
    let app = TestApp::start();
    let bytes: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    app.put("numbers.bin", &bytes);
    for (range, from, to) in [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=199990-", 199_990, 199_999),
        ("bytes=-5", 199_995, 199_999),
        ("bytes=199000-900000", 199_000, 199_999),
        ("bytes=-900000", 0, 199_999),
    ] {
        let answer = app.get_with("numbers.bin", &[("range", range)]);
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(
            answer.header("content-range"),
            format!("bytes {from}-{to}/200000")
        );
        assert_eq!(answer.body, &bytes[from..=to], "{range}");
    }
    let beyond = app.get_with("numbers.bin", &[("range", "bytes=200000-")]);
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), "bytes */200000");
    for ignored in ["bytes=5-2", "lines=1-2", "bytes=a-b"] {
        let answer = app.get_with("numbers.bin", &[("range", ignored)]);
        assert!(
            matches!(answer.status, 200 | 416),
            "{ignored}: {}",
            answer.status
        );
    }
}

#[test]
fn several_ranges_come_as_parts() {
    let app = TestApp::start();
    let letters = b"abcdefghijklmnopqrstuvwxyz".repeat(1000);
    app.put("letters.txt", &letters);
    let answer = app.get_with("letters.txt", &[("range", "bytes=0-1, 25998-25999")]);
    assert_eq!(answer.status, 206);
    let parts = "multipart/byteranges; boundary=";
    assert!(
        answer.header("content-type").starts_with(parts),
        "{:?}",
        answer.headers
    );
    let text = answer.text();
    assert!(
        text.contains("\r\n\r\nab\r\n") && text.contains("\r\n\r\nyz\r\n"),
        "{text}"
    );
    assert!(text.contains("bytes 25998-25999/26000"), "{text}");
    assert_eq!(answer.header("content-length"), text.len().to_string());
    let many: Vec<String> = (0..2000).map(|n| format!("{n}-{}", n + 20_000)).collect();
    let abuse = app.get_with(
        "letters.txt",
        &[("range", &format!("bytes={}", many.join(",")))],
    );
    assert!(
        matches!(abuse.status, 200 | 206 | 416 | 431),
        "{}",
        abuse.status
    );
    assert!(
        abuse.body.len() <= letters.len() + 1000,
        "{} bytes for a file of 26,000",
        abuse.body.len()
    );
}

#[test]
fn conditions_save_the_transfer() {
    let app = TestApp::start();
    let receipt = app.put("note.txt", b"stevedore");
    let plain = app.get_dated("note.txt");
    let etag = format!("\"{}\"", receipt.sha256);
    assert_eq!(plain.header("etag"), etag);
    let modified = plain.header("last-modified").to_owned();
    assert!(modified.ends_with(" GMT"), "{modified}");
    let status = |name: &str, value: &str| app.get_with("note.txt", &[(name, value)]).status;
    assert_eq!(status("if-none-match", &etag), 304);
    assert_eq!(status("if-none-match", &format!("W/{etag}")), 304);
    assert_eq!(status("if-none-match", "\"other\""), 200);
    assert_eq!(status("if-modified-since", &modified), 304);
    assert_eq!(
        status("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
        200
    );
    assert_eq!(status("if-match", "\"other\""), 412);
    assert_eq!(
        status("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
        412
    );
    let if_range = |tag: &str| {
        app.get_with("note.txt", &[("range", "bytes=0-3"), ("if-range", tag)])
            .status
    };
    assert_eq!(if_range(&etag), 206);
    assert_eq!(if_range("\"other\""), 200);
}

#[test]
fn head_says_what_get_would() {
    let app = TestApp::start();
    app.put("note.txt", b"stevedore");
    let get = app.get_dated("note.txt");
    let head = app.call("HEAD", &file("note.txt"), &[], None);
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    for name in [
        "content-length",
        "content-type",
        "etag",
        "last-modified",
        "accept-ranges",
    ] {
        assert_eq!(head.header(name), get.header(name), "{name}");
        assert!(!get.header(name).is_empty(), "{name}");
    }
    assert_eq!(app.call("HEAD", &file("absent.txt"), &[], None).status, 404);
}

#[test]
fn uploaded_content_cannot_act_in_the_browser() {
    let app = TestApp::start();
    let script = b"<!doctype html><script>alert(document.domain)</script>";
    for path in [
        "evil.html",
        "evil.svg",
        "evil.xml",
        "evil.xhtml",
        "evil",
        "evil.htm.js",
    ] {
        let id = app.put(path, script).id;
        for answer in [app.get(path), app.fetch(&format!("/download/{id}"))] {
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert!(
                answer.header("content-security-policy").contains("sandbox"),
                "{path}"
            );
            let inline = !answer
                .header("content-disposition")
                .starts_with("attachment");
            let plain = answer.header("content-type").starts_with("text/plain");
            assert!(!inline || plain, "{path}: {:?}", answer.headers);
        }
    }
}

#[test]
fn names_survive_the_download_header() {
    let app = TestApp::start();
    app.put("folder/Überfahrt \"1\"; 50%.bin", b"\0\x01\x02");
    let answer = app.get("folder/Überfahrt \"1\"; 50%.bin");
    let disposition = answer.header("content-disposition");
    assert!(
        disposition.starts_with("attachment; filename="),
        "{disposition}"
    );
    assert!(
        disposition.contains("filename*=UTF-8''%C3%9Cberfahrt%20%221%22%3B%2050%25.bin"),
        "{disposition}"
    );
}
