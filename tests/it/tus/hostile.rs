//! Bad input: each is answered with what was wrong, and nothing is lost.

use std::io::Write;

use super::client::{OCTETS, begin, create, head, metadata, offset, patch, patch_with};
use crate::app::TestApp;
use crate::command::eventually;

#[test]
fn absurd_lengths_are_refused() {
    let app = TestApp::start();
    for (length, status) in [
        ("9223372036854775808", 400),
        ("9223372036854775807", 507),
        ("18446744073709551616", 400),
        ("-1", 400),
        ("1e3", 400),
        ("", 400),
    ] {
        let answer = create(&app, &[("Upload-Length", length)], None);
        assert!(!answer.problem(status).is_empty(), "{length}");
    }
    let upload = begin(&app, "a.txt", 3);
    for wrong in ["-1", "x", "9223372036854775808"] {
        let headers = [("Upload-Offset", wrong), OCTETS, ("Tus-Resumable", "1.0.0")];
        assert_eq!(
            app.call("PATCH", &upload, &headers, Some(b"abc")).status,
            400
        );
    }
}

#[test]
fn a_piece_past_the_declared_length_leaves_nothing() {
    let app = TestApp::start();
    let upload = begin(&app, "short.txt", 4);
    assert!(
        patch(&app, &upload, 0, b"longer")
            .problem(413)
            .contains("4 bytes")
    );
    assert_eq!(offset(&app, &upload), 0);
    // The same without a length, so that it is noticed only on the way.
    let chunked = format!(
        "PATCH {upload} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: application/offset+octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
    );
    assert!(app.raw(chunked.as_bytes()).starts_with("HTTP/1.1 413"));
    assert_eq!(offset(&app, &upload), 0);
    assert_eq!(patch(&app, &upload, 0, b"fine").status, 204);
}

#[test]
fn hostile_metadata_is_told_apart() {
    let app = TestApp::start();
    let with = |value: &str| {
        create(
            &app,
            &[("Upload-Length", "1"), ("Upload-Metadata", value)],
            None,
        )
    };
    assert!(with("filename !!!").problem(400).contains("base64"));
    assert!(
        with("filename YQ==,filename YQ==")
            .problem(400)
            .contains("once")
    );
    assert!(with(" YQ==, ").problem(400).contains("key"));
    assert!(with("filename /w==").problem(400).contains("UTF-8"));
    for name in [
        "../../etc/passwd",
        "a/../b",
        "a//b",
        "nul\u{0}",
        " blank",
        "line\nbreak",
        "..",
    ] {
        for key in ["filename", "relativePath", "folder"] {
            let pairs = match key {
                "folder" => vec![(key, name), ("filename", "x")],
                _ => vec![(key, name)],
            };
            let answer = with(&metadata(&pairs));
            assert!(!answer.problem(400).is_empty(), "{key} {name:?}");
        }
    }
    assert!(
        with(&metadata(&[("filename", "a"), ("sha256", "abc")]))
            .problem(400)
            .contains("SHA-256")
    );
    assert!(
        with(&metadata(&[("filename", "a"), ("key", "short")]))
            .problem(400)
            .contains("key")
    );
    assert_eq!(
        with(&metadata(&[("filename", "ok"), ("anything", "else")])).status,
        201
    );
    assert!(app.entries("").is_empty());
}

#[test]
fn ids_of_garbage_name_nothing() {
    let app = TestApp::start();
    for id in [
        "x",
        "../uploads",
        "00000000000000000000000000000000",
        "%00",
        "a%2Fb",
        "0",
    ] {
        let upload = format!("/uploads/{id}");
        assert_eq!(head(&app, &upload).status, 404, "{id}");
        assert_eq!(patch(&app, &upload, 0, b"x").status, 404, "{id}");
    }
}

#[test]
fn a_piece_that_breaks_off_keeps_what_came() {
    let app = TestApp::start();
    let upload = begin(&app, "cut.txt", 10);
    let mut connection = app.connect();
    write!(
        connection,
        "PATCH {upload} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: 10\r\n\r\n01234"
    )
    .unwrap();
    connection.flush().unwrap();
    // Another piece while this one is on its way: one of them writes.
    eventually("the piece is being written", || {
        (offset(&app, &upload) == 5).then_some(())
    });
    assert_eq!(patch(&app, &upload, 5, b"56789").status, 423);
    drop(connection);
    let last = eventually("the piece is let go", || {
        let answer = patch(&app, &upload, 5, b"56789");
        (answer.status != 423).then_some(answer)
    });
    assert_eq!(last.status, 204);
    assert_eq!(app.get("cut.txt").text(), "0123456789");
}

#[test]
fn a_checked_piece_that_breaks_off_is_not_kept() {
    let app = TestApp::start();
    let upload = begin(&app, "cut.txt", 10);
    let mut connection = app.connect();
    write!(
        connection,
        "PATCH {upload} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Upload-Checksum: sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: 10\r\n\r\n01234"
    )
    .unwrap();
    drop(connection);
    let answer = eventually("the piece is let go", || {
        let answer = patch(&app, &upload, 0, b"0123456789");
        (answer.status != 423).then_some(answer)
    });
    assert_eq!(answer.status, 204);
    assert_eq!(app.get("cut.txt").text(), "0123456789");
}

#[test]
fn a_reserve_refuses_before_any_byte_travels() {
    let app = TestApp::with(&[("STORAGE_RESERVE", "1000TB")]);
    let answer = create(&app, &[("Upload-Length", "1")], None);
    assert!(answer.problem(507).contains("STORAGE_RESERVE"));
    let put = app.put_with("plain.txt", &[], b"x");
    assert_eq!(put.status, 507);
}

#[test]
fn a_digest_that_was_announced_holds_for_the_whole() {
    let app = TestApp::start();
    let digest = "0".repeat(64);
    let named = metadata(&[("filename", "pinned.txt"), ("sha256", &digest)]);
    let headers = [("Upload-Length", "4"), ("Upload-Metadata", &*named)];
    let upload = create(&app, &headers, None).header("location").to_owned();
    assert_eq!(patch_with(&app, &upload, 0, b"ab", &[]).status, 204);
    assert!(
        patch(&app, &upload, 2, b"cd")
            .problem(400)
            .contains(&digest)
    );
    assert_eq!(head(&app, &upload).status, 410);
    assert!(app.entries("").is_empty());
}
