//! What somebody gets out of a link that has a number of uses.

use std::io::{Read, Write};

use rusqlite::Connection;

use crate::app::{Answer, TestApp};
use crate::command::eventually;
use crate::people::Credentials;

const FORM: &[u8] =
    b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nz\r\n--x--\r\n";

/// Method, target and headers.
type Request<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// A file of that many bytes, and a link to it.
fn with_link(app: &TestApp, by: &Credentials, size: usize, uses: &str) -> (Vec<u8>, String) {
    let bytes: Vec<u8> = (0..size).map(|n| (n * 7 % 251) as u8).collect();
    let id = app.store("a.bin", by, &bytes).to_string();
    let link = app.link(by, &[("kind", "file"), ("file", &id), ("uses", uses)]);
    (bytes, format!("{link}/get"))
}

fn get(app: &TestApp, target: &str, headers: &[(&str, &str)]) -> Answer {
    app.call("GET", target, headers, None)
}

#[test]
fn a_link_that_is_used_up_is_nothing_to_anybody() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (bytes, file) = with_link(&app, &olga, 1000, "1");
    app.store("docs/b.txt", &olga, b"deep");
    let fields = [("kind", "folder"), ("folder", "docs"), ("uses", "1")];
    let folder = app.link(&olga, &fields);
    let fields = [("kind", "drop"), ("folder", "in"), ("uses", "1")];
    let drop = app.link(&olga, &fields);
    assert_eq!(get(&app, &file, &[]).body, bytes);
    assert_eq!(get(&app, &format!("{folder}/get/b.txt"), &[]).body, b"deep");
    let kind = ("content-type", "multipart/form-data; boundary=x");
    let dropped = app.call("POST", &format!("{drop}/drop"), &[kind], Some(FORM));
    assert_eq!(dropped.status, 200);

    let etag = format!("\"{}\"", crate::uploads::sha256_hex(&bytes));
    let page = file.trim_end_matches("/get");
    let upload = [("tus-resumable", "1.0.0"), ("upload-length", "1")];
    let metadata = [&upload[..], &[("upload-metadata", "filename Zw==")]].concat();
    let elsewhere = [("range", "bytes=500-"), ("x-forwarded-for", "203.0.113.9")];
    let nothing: [Request<'_>; 18] = [
        ("GET", page, &[]),
        ("HEAD", page, &[]),
        (
            "POST",
            page,
            &[("content-type", "application/x-www-form-urlencoded")],
        ),
        ("GET", &file, &[]),
        ("HEAD", &file, &[]),
        ("HEAD", &file, &[("range", "bytes=500-")]),
        ("GET", &file, &[("if-none-match", &etag)]),
        (
            "GET",
            &file,
            &[("if-none-match", "*"), ("range", "bytes=500-")],
        ),
        (
            "GET",
            &file,
            &[("if-match", "\"x\""), ("range", "bytes=500-")],
        ),
        ("GET", &file, &[("range", "bytes=5000-")]),
        (
            "GET",
            &file,
            &[("range", "bytes=500-"), ("if-range", "\"x\"")],
        ),
        ("GET", &file, &elsewhere),
        ("GET", &folder, &[]),
        ("GET", &format!("{folder}/in/sub"), &[]),
        ("HEAD", &format!("{folder}/get/b.txt"), &[]),
        ("GET", &format!("{folder}/get/none.txt"), &[]),
        ("GET", &format!("{folder}/zip"), &[]),
        ("HEAD", &format!("{folder}/zip"), &[]),
    ];
    let mut refusals = Vec::new();
    for (method, target, headers) in nothing {
        let body: Option<&[u8]> = (method == "POST").then_some(b"password=x");
        let answer = app.call(method, target, headers, body);
        assert_eq!(answer.status, 404, "{method} {target} {headers:?}");
        for header in ["etag", "repr-digest", "content-range", "last-modified"] {
            assert_eq!(answer.header(header), "", "{method} {target} {headers:?}");
        }
        if method == "GET" {
            refusals.push(answer.json()["detail"].clone());
        }
    }
    // Nor do the refusals tell one from the other.
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    for (method, target, headers, body) in [
        ("GET", drop.clone(), &[][..], None),
        ("POST", format!("{drop}/drop"), &[kind][..], Some(FORM)),
        (
            "POST",
            format!("{drop}/uploads"),
            &metadata[..],
            Some(&b""[..]),
        ),
        (
            "HEAD",
            format!("{drop}/uploads/{}", "0".repeat(32)),
            &upload[..1],
            None,
        ),
    ] {
        let answer = app.call(method, &target, headers, body);
        assert_eq!(answer.status, 404, "{method} {target}");
    }
}

#[test]
fn the_rest_is_of_the_content_that_was_begun() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (bytes, file) = with_link(&app, &olga, 1000, "1");
    let rest = [("range", "bytes=900-")];
    assert_eq!(get(&app, &file, &[]).status, 200);
    assert_eq!(get(&app, &file, &rest).body, bytes[900..]);
    let newer = vec![1; 1000];
    app.store("a.bin", &olga, &newer);
    for headers in [
        &rest[..],
        &[rest[0], ("if-range", "\"x\"")],
        &[("if-range", "\"x\"")],
    ] {
        let answer = get(&app, &file, headers);
        assert_eq!(answer.status, 404, "{headers:?}");
    }
    app.store("a.bin", &olga, &bytes);
    assert_eq!(get(&app, &file, &rest).body, bytes[900..]);
}

#[test]
fn what_gives_no_content_takes_no_use() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (bytes, file) = with_link(&app, &olga, 100_000, "1");
    let etag = format!("\"{}\"", crate::uploads::sha256_hex(&bytes));
    for (headers, status) in [
        (&[("if-none-match", etag.as_str())][..], 304),
        (&[("if-match", "\"x\"")], 412),
        (&[("range", "bytes=100000-")], 416),
        (&[("sec-purpose", "prefetch")], 503),
        (&[("sec-purpose", "prefetch;prerender")], 503),
        (&[("range", "bytes=0-1")], 206),
        (&[("range", "bytes=0-1023")], 206),
        (&[], 200),
        (&[], 404),
    ] {
        let answer = get(&app, &file, headers);
        assert_eq!(answer.status, status, "{headers:?}");
        let is_left = app.call("HEAD", &file, &[], None).status == 200;
        assert_eq!(is_left, !matches!(status, 200 | 404), "{headers:?}");
    }
}

#[test]
fn the_pieces_of_one_viewer_are_one_use_in_whichever_process() {
    let (app, olga) = TestApp::with_owner(&[]);
    let other = app.second("other");
    let (bytes, file) = with_link(&app, &olga, 1000, "2");
    let mut whole = Vec::new();
    for (app, range) in [
        (&app, "bytes=0-299"),
        (&other, "bytes=300-599"),
        (&app, "bytes=600-899"),
        (&other, "bytes=900-"),
    ] {
        whole.extend(get(app, &file, &[("range", range)]).body);
    }
    assert_eq!(whole, bytes);
    assert!(app.look("/links", &olga).text().contains("used 1 times"));
    // Again and again, each use gives less than two contents.
    let mut sent = whole.len();
    for _ in 0..20 {
        for app in [&app, &other] {
            let answer = get(app, &file, &[("range", "bytes=1-")]);
            if answer.status == 206 {
                sent += answer.body.len();
            }
        }
    }
    assert!((1999..4000).contains(&sent), "{sent}");
    assert_eq!(get(&app, &file, &[("range", "bytes=1-")]).status, 404);
}

#[test]
fn nobody_puts_a_content_together_out_of_what_is_free() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (_, file) = with_link(&app, &olga, 1000, "2");
    let statuses: Vec<_> = (0..10)
        .map(|n| {
            let address = format!("203.0.113.{n}");
            let range = format!("bytes={}-{}", n * 100, n * 100 + 99);
            let headers = [("x-forwarded-for", address.as_str()), ("range", &range)];
            get(&app, &file, &headers).status
        })
        .collect();
    // Two pieces are free, and two are the uses.
    let expected = [[206; 4].as_slice(), &[404; 6]].concat();
    assert_eq!(statuses, expected);
}

#[test]
fn many_at_once_get_no_more_than_the_uses() {
    let (app, olga) = TestApp::with_owner(&[]);
    let other = app.second("other");
    let (_, file) = with_link(&app, &olga, 200_000, "3");
    let right: usize = std::thread::scope(|scope| {
        let gets = (0..16).map(|n| {
            let (app, file) = ([&app, &other][n % 2], &file);
            scope.spawn(move || {
                let address = format!("203.0.113.{n}");
                let headers = [("x-forwarded-for", address.as_str())];
                usize::from(get(app, file, &headers).status == 200)
            })
        });
        let gets: Vec<_> = gets.collect();
        gets.into_iter().map(|get| get.join().unwrap()).sum()
    });
    assert_eq!(right, 3);
}

#[test]
fn a_download_that_breaks_off_at_its_beginning_takes_no_use() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (bytes, file) = with_link(&app, &olga, 64 << 20, "1");
    let mut stream = app.connect();
    write!(stream, "GET {file} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut first = [0; 1024];
    stream.read_exact(&mut first).unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200"));
    // While it lasts, it is a use.
    assert_eq!(app.call("HEAD", &file, &[], None).status, 404);
    drop(stream);
    eventually("the use to be given back", || {
        (app.call("HEAD", &file, &[], None).status == 200).then_some(())
    });
    assert!(get(&app, &file, &[]).body == bytes);
    assert_eq!(get(&app, &file, &[]).status, 404);
}

/// What is kept to count by has its bounds, and ends with the link.
#[test]
fn what_downloads_leave_behind_is_bounded() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (_, file) = with_link(&app, &olga, 1000, "");
    assert_eq!(get(&app, &file, &[]).status, 200);
    let catalog = Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    catalog
        .busy_timeout(std::time::Duration::from_secs(10))
        .unwrap();
    let fill = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1500)
                INSERT INTO share_download (link_id, sha256, address, begun_ms, sent, is_use)
                SELECT 1, randomblob(32), 'x', begun_ms - n, 1, TRUE FROM n, share_download";
    catalog.execute(fill, ()).unwrap();
    let rows = || -> u64 {
        let sql = "SELECT count(*) FROM share_download WHERE address <> ''";
        catalog.query_row(sql, (), |row| row.get(0)).unwrap()
    };
    assert_eq!(rows(), 1501);
    let elsewhere = [("x-forwarded-for", "203.0.113.9")];
    assert_eq!(get(&app, &file, &elsewhere).status, 200);
    assert_eq!(rows(), 1000);
    assert_eq!(app.send("/links/1/revoke", &olga, &[]).status, 303);
    assert_eq!(rows(), 0);
}
