//! What was begun by something that is taken away meanwhile: nothing more is stored or read by it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::app::{Answer, TestApp, encode, file};
use crate::command::eventually;
use crate::people::Credentials;

/// More than is collected before anything is staged.
const PIECE: usize = 300 << 10;

/// A request whose body is on its way.
struct InFlight<'a> {
    app: &'a TestApp,
    stream: TcpStream,
}

impl<'a> InFlight<'a> {
    fn begin(app: &'a TestApp, method: &str, target: &str, by: &Credentials, kind: &str) -> Self {
        let mut stream = app.connect();
        let mut head = format!(
            "{method} {target} HTTP/1.1\r\nhost: {}\r\ncontent-type: {kind}\r\n\
             transfer-encoding: chunked\r\nconnection: close\r\n",
            app.address()
        );
        for (name, value) in &by.0 {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        Self { app, stream }
    }

    fn send(&mut self, bytes: &[u8]) -> &mut Self {
        // A server that refused before closes while we still write; its answer is what counts.
        let _ = write!(self.stream, "{:x}\r\n", bytes.len());
        let _ = self.stream.write_all(bytes);
        let _ = self.stream.write_all(b"\r\n");
        self
    }

    /// Sends a piece, and waits until some of it lies in `staging/`.
    fn send_and_wait(&mut self, bytes: &[u8]) -> &mut Self {
        self.send(bytes);
        eventually("bytes are staged", || (staged(self.app) > 0).then_some(()));
        self
    }

    /// Ends the body; answers status and text.
    fn end(mut self) -> (u16, String) {
        let _ = self.stream.write_all(b"0\r\n\r\n");
        let mut answer = Vec::new();
        let _ = self.stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (
            status.unwrap_or_else(|| panic!("no answer: {text:?}")),
            text,
        )
    }
}

fn staged(app: &TestApp) -> u64 {
    let mut bytes = 0;
    let mut folders = vec![app.directory().join("staging")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => bytes += found.len(),
                // It went on to its own name meanwhile.
                Err(_) => {}
            }
        }
    }
    bytes
}

/// Ends whatever acts: each way is a sentence, and what it is done to.
fn revoke(app: &TestApp, olga: &Credentials, by: &Credentials, how: &str) -> Credentials {
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let mia = |sql: &str| assert!(catalog.execute(sql, []).unwrap() > 0, "{sql}");
    match how {
        "signed out" => assert_eq!(app.send("/sign-out", by, &[]).status, 303),
        "all sessions ended" => mia(
            "DELETE FROM session WHERE account_id = (SELECT id FROM account WHERE name = 'Mia')",
        ),
        "session expired" => mia(
            "UPDATE session SET expires_ms = 1 WHERE account_id = (SELECT id FROM account WHERE name = 'Mia')",
        ),
        "token revoked" => mia("DELETE FROM token"),
        "token expired" => mia("UPDATE token SET expires_ms = 1"),
        "account removed" => drop(crate::people::user(app.directory(), &["remove", "Mia"], "")),
        "made a reader" => mia("UPDATE account SET role = 'reader' WHERE name = 'Mia'"),
        "taken off" => app.share("team", olga, "none", "Mia", "none"),
        "only to read" => app.share("team", olga, "none", "Mia", "read"),
        other => panic!("{other}"),
    }
    by.clone()
}

const WAYS: &[(&str, u16)] = &[
    ("signed out", 401),
    ("all sessions ended", 401),
    ("session expired", 401),
    ("token revoked", 401),
    ("token expired", 401),
    ("account removed", 401),
    ("made a reader", 403),
    ("taken off", 403),
    ("only to read", 403),
];

fn acting(app: &TestApp, how: &str) -> Credentials {
    let mia = app.let_in("Mia", "member");
    match how.starts_with("token") {
        true => app.token(&mia, "write", "", ""),
        false => mia,
    }
}

#[test]
fn a_put_in_flight_stores_nothing_by_what_was_taken_away() {
    for (how, status) in WAYS {
        let (app, olga) = TestApp::with_owner(&[]);
        let by = acting(&app, how);
        app.store("team/old.txt", &olga, b"as it was");
        app.share("team", &olga, "none", "Mia", "write");
        let mut put = InFlight::begin(&app, "PUT", &file("team/old.txt"), &by, "text/plain");
        put.send_and_wait(&[b'x'; PIECE]);
        revoke(&app, &olga, &by, how);
        put.send(&[b'y'; PIECE]);
        let (got, text) = put.end();
        assert_eq!(got, *status, "{how}: {text}");
        assert_eq!(
            app.look(&file("team/old.txt"), &olga).text(),
            "as it was",
            "{how}"
        );
        eventually("nothing is left staged", || {
            (staged(&app) == 0).then_some(())
        });
    }
}

#[test]
fn the_rest_of_a_form_in_flight_is_not_stored_by_what_was_taken_away() {
    for (how, _) in WAYS {
        let (app, olga) = TestApp::with_owner(&[]);
        let by = acting(&app, how);
        app.share("team", &olga, "none", "Mia", "write");
        let part = |name: &str| {
            format!(
                "--x\r\ncontent-disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n"
            )
        };
        let kind = "multipart/form-data; boundary=x";
        let mut form = InFlight::begin(&app, "POST", "/upload", &by, kind);
        let folder = "--x\r\ncontent-disposition: form-data; name=\"folder\"\r\n\r\nteam\r\n";
        form.send(format!("{folder}{}first\r\n{}", part("1.txt"), part("2.txt")).as_bytes());
        eventually("the first part is stored", || {
            (app.look(&file("team/1.txt"), &olga).status == 200).then_some(())
        });
        revoke(&app, &olga, &by, how);
        form.send(b"second\r\n--x--\r\n");
        let (_, text) = form.end();
        assert!(text.contains("2.txt"), "{how}: {text}");
        assert_eq!(app.look(&file("team/2.txt"), &olga).status, 404, "{how}");
    }
}

#[test]
fn files_dropped_by_a_link_in_flight_are_not_stored_once_it_has_ended() {
    for how in ["revoked", "expired", "its maker is a reader"] {
        let (app, olga) = TestApp::with_owner(&[]);
        let mia = app.let_in("Mia", "member");
        let link = app.link(&mia, &[("kind", "drop"), ("folder", "Mia/in")]);
        let kind = "multipart/form-data; boundary=x";
        let mut form = InFlight::begin(
            &app,
            "POST",
            &format!("{link}/drop"),
            &Credentials::none(),
            kind,
        );
        let head = "--x\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n\r\n";
        form.send(head.as_bytes()).send_and_wait(&[b'x'; PIECE]);
        let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
        let change = match how {
            "revoked" => "DELETE FROM share_link",
            "expired" => "UPDATE share_link SET expires_ms = 1",
            _ => "UPDATE account SET role = 'reader' WHERE name = 'Mia'",
        };
        catalog.execute(change, []).unwrap();
        form.send(b"\r\n--x--\r\n");
        let (status, text) = form.end();
        assert_eq!(status, 404, "{how}: {text}");
        assert_eq!(app.look(&file("Mia/in/a.bin"), &olga).status, 404, "{how}");
    }
}

/// Begins a download and reads its head and a little more; answers what is left to read.
fn begin_reading(app: &TestApp, target: &str, by: &Credentials) -> (BufReader<TcpStream>, u64) {
    let mut stream = app.connect();
    let mut head = format!(
        "GET {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
        app.address()
    );
    for (name, value) in &by.0 {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            return (reader, length);
        }
    }
}

#[test]
fn long_downloads_and_archives_break_off_once_what_asked_for_them_has_ended() {
    let (app, _) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    // Larger than what the kernel's buffers take in before anybody reads.
    let bytes = vec![b'x'; 96 << 20];
    let id = app.store("Mia/large.bin", &mia, &bytes);
    let link = app.link(&mia, &[("kind", "folder"), ("folder", "Mia")]);
    let token = app.token(&mia, "read", "", "");
    let archive = format!("/download.zip?folder={}", encode("Mia"));
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    for (target, by, end) in [
        (
            format!("/download/{id}"),
            &token,
            "UPDATE token SET expires_ms = 1",
        ),
        (archive, &mia, "UPDATE session SET expires_ms = 1"),
        (
            format!("{link}/get/large.bin"),
            &Credentials::none(),
            "UPDATE share_link SET expires_ms = 1",
        ),
        (
            format!("{link}/zip"),
            &Credentials::none(),
            "UPDATE share_link SET expires_ms = 1",
        ),
    ] {
        let table = end.split(' ').nth(1).unwrap();
        let again = format!("UPDATE {table} SET expires_ms = 9999999999999");
        catalog.execute(&again, []).unwrap();
        let (mut reader, length) = begin_reading(&app, &target, by);
        assert!(length >= bytes.len() as u64, "{target}: {length}");
        let mut some = vec![0; 1 << 20];
        reader.read_exact(&mut some).unwrap();
        catalog.execute(end, []).unwrap();
        let mut rest = 0;
        loop {
            match reader.read(&mut some) {
                Ok(0) | Err(_) => break,
                Ok(read) => rest += read as u64,
            }
        }
        assert!(rest + (1 << 20) < length, "{target} went on to its end");
        catalog.execute(&again, []).unwrap();
        let (mut reader, length) = begin_reading(&app, &target, by);
        assert_eq!(
            std::io::copy(&mut reader, &mut std::io::sink()).unwrap(),
            length,
            "{target}"
        );
    }
}

#[test]
fn the_last_piece_of_an_upload_is_not_kept_by_a_session_that_has_ended() {
    let (app, olga) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let metadata = crate::tus::client::metadata(&[("filename", "Mia/a.txt")]);
    let mut headers = vec![
        ("tus-resumable", "1.0.0"),
        ("upload-length", "10"),
        ("upload-metadata", metadata.as_str()),
    ];
    headers.extend(mia.0.iter().map(|(name, value)| (*name, value.as_str())));
    let upload = app.call("POST", "/uploads", &headers, None);
    let place = upload.header("location").to_owned();
    let mut stream = app.connect();
    let mut head = format!(
        "PATCH {place} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/offset+octet-stream\r\n\
         tus-resumable: 1.0.0\r\nupload-offset: 0\r\ncontent-length: 10\r\nconnection: close\r\n",
        app.address()
    );
    for (name, value) in &mia.0 {
        head += &format!("{name}: {value}\r\n");
    }
    stream
        .write_all(format!("{head}\r\n01234").as_bytes())
        .unwrap();
    eventually("bytes are staged", || (staged(&app) >= 5).then_some(()));
    revoke(&app, &olga, &mia, "all sessions ended");
    stream.write_all(b"56789").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    // Asked by the account itself, nothing of the piece is there.
    let again = app.sign_in("Mia");
    let mut headers = vec![("tus-resumable", "1.0.0")];
    headers.extend(again.0.iter().map(|(name, value)| (*name, value.as_str())));
    let state = app.call("HEAD", &place, &headers, None);
    assert_eq!(state.header("upload-offset"), "0");
    assert_eq!(app.look(&file("Mia/a.txt"), &olga).status, 404);
}

/// Begins an upload in somebody's name.
fn create(
    app: &TestApp,
    by: &Credentials,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> Answer {
    let mut all = vec![
        ("tus-resumable", "1.0.0"),
        ("content-type", "application/offset+octet-stream"),
    ];
    all.extend(headers);
    all.extend(by.0.iter().map(|(name, value)| (*name, value.as_str())));
    app.call("POST", "/uploads", &all, body)
}

#[test]
fn parts_that_are_named_again_add_little() {
    let (app, _) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let call = |headers: &[(&str, &str)], body: Option<&[u8]>| create(&app, &mia, headers, body);
    let part = call(
        &[("upload-concat", "partial"), ("upload-length", "1048576")],
        Some(&vec![b'p'; 1 << 20]),
    );
    assert_eq!(part.status, 201, "{}", part.text());
    let place = part.header("location");
    let metadata = crate::tus::client::metadata(&[("filename", "Mia/a.txt")]);
    let often = format!("final;{}", [place].repeat(66).join(" "));
    let refused = call(
        &[("upload-concat", &often), ("upload-metadata", &metadata)],
        None,
    );
    assert_eq!(refused.status, 400, "{}", refused.text());
    let text = refused.text();
    assert!(text.contains("named more than once"), "{text}");
    assert_eq!(app.look("/api/v1/files/Mia/a.txt", &mia).status, 404);
}

#[test]
fn what_is_joined_counts_against_the_quota_before_it_is_copied() {
    let (app, _) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let sql = "UPDATE account SET quota_bytes = 3000000 WHERE name = 'Mia'";
    assert_eq!(catalog.execute(sql, []).unwrap(), 1);
    let call = |headers: &[(&str, &str)], body: Option<&[u8]>| create(&app, &mia, headers, body);
    let headers = [("upload-concat", "partial"), ("upload-length", "1000000")];
    let part = call(&headers, Some(&vec![b'p'; 1_000_000]));
    assert_eq!(part.status, 201, "{}", part.text());
    let place = part.header("location");
    let metadata = crate::tus::client::metadata(&[("filename", "Mia/a.txt")]);
    let join = |times: usize| {
        let concat = format!("final;{}", [place].repeat(times).join(" "));
        let headers = [("upload-concat", &*concat), ("upload-metadata", &*metadata)];
        call(&headers, None)
    };
    let refused = join(4);
    assert_eq!(refused.status, 507, "{}", refused.text());
    // Nothing was copied for it: the part alone is there, and fits.
    assert_eq!(join(1).status, 201);
    assert_eq!(
        app.look("/api/v1/files/Mia/a.txt", &mia).body.len(),
        1_000_000
    );
}

#[test]
fn a_form_that_is_refused_again_and_again_ends() {
    let (app, olga) = TestApp::with_owner(&[]);
    let link = app.link(&olga, &[("kind", "drop"), ("folder", "in")]);
    let name = "y".repeat(1_000);
    let part =
        format!("--x\r\ncontent-disposition: form-data; name=f; filename=\"{name}\"\r\n\r\nx\r\n");
    let form = part.repeat(500) + "--x--\r\n";
    let headers = [("content-type", "multipart/form-data; boundary=x")];
    let answer = app.call(
        "POST",
        &format!("{link}/drop"),
        &headers,
        Some(form.as_bytes()),
    );
    assert_eq!(answer.status, 400, "{}", answer.text());
    let mine: Vec<(&str, &str)> = olga
        .0
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let answer = app.call(
        "POST",
        "/upload",
        &[&headers[..], &mine].concat(),
        Some(form.as_bytes()),
    );
    let problem = answer.json();
    let failures = problem["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 100);
    assert!(failures[0]["detail"].as_str().unwrap().chars().count() <= 301);
}
