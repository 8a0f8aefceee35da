//! Bad input gets a clear sentence, and nothing is lost.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::app::{TestApp, encode};
use crate::command::{Ended, Process, run, wharfside};
use crate::uploads::{MULTIPART, multipart};

/// `serve` with an environment in which it must not start.
fn refused(environment: &[(&str, &str)]) -> Ended {
    let directory = TempDir::new().unwrap();
    let mut command = wharfside(["serve"]);
    command
        .env("STORAGE_DIR", directory.path())
        .env("PORT", "0");
    for (name, value) in environment {
        command.env(name, value);
    }
    let ended = run(command, "");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(ended.stdout, "");
    ended
}

#[test]
fn a_bad_variable_stops_the_start_with_its_name() {
    for (name, value) in [
        ("PORT", "http"),
        ("HOST", "nowhere"),
        ("HOST", "0.0.0.0"),
        ("ADMIN_PASSWORD", "password123"),
        ("TRUSTED_PROXIES", "everywhere"),
        ("QUOTA_FILES", "many"),
        ("MAX_UPLOAD_BYTES", "much"),
        ("LOG", "a=b=c"),
        ("WHARFSIDE_STORGE_DIR", "/x"),
    ] {
        // Of this machine only, where nobody says otherwise.
        let ended = refused(&[("ACCESS", "local"), (name, value)]);
        assert!(
            ended.stderr.contains(name),
            "{name}={value}: {}",
            ended.stderr
        );
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = refused(&[("PORT", &port)]);
    assert!(ended.stderr.contains(&port), "{}", ended.stderr);
}

#[test]
fn p7_a_storage_directory_that_cannot_be_used_is_refused_with_the_remedy() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("a-file");
    fs::write(&file, b"not a directory").unwrap();
    let below = file.join("below");
    for path in [&file, &below] {
        let mut command = wharfside(["check"]);
        command.env("STORAGE_DIR", path);
        let ended = run(command, "");
        assert_ne!(ended.code, Some(0), "{ended:?}");
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("a-file"), "{said}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"not a directory");
}

#[test]
fn p7_a_file_where_a_folder_should_be_is_told_and_left() {
    let mut app = TestApp::start();
    let receipt = app.put("kept.txt", b"dunnage");
    assert_eq!(app.stop(), Some(0));
    for folder in ["blobs", "staging", "boots", "backups"] {
        let path = app.directory().join(folder);
        let aside = app.directory().join(format!("{folder}.aside"));
        fs::rename(&path, &aside).unwrap();
        fs::write(&path, b"precious").unwrap();
        let mut refused = Process::start(serve(app.directory()));
        let line = refused.wait_line("the refusal", |line| {
            let told = line.contains(folder) && !line.contains("listening");
            told.then(|| line.to_owned())
        });
        let told = format!(
            "{} is a file, where Wharfside keeps a folder",
            path.display()
        );
        assert!(line.contains(&told), "{line}");
        refused.kill9();
        let mut check = wharfside(["check"]);
        check.env("STORAGE_DIR", app.directory());
        let checked = run(check, "");
        assert_eq!(checked.code, Some(1), "{checked:?}");
        assert!(checked.stdout.contains(&told), "{checked:?}");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
    }
    app.start_again();
    app.assert_keeps(&receipt, b"dunnage", "dunnage");
}

#[test]
fn p7_a_catalog_that_is_gone_or_somebody_elses_is_told_and_left() {
    let mut app = TestApp::start();
    let receipt = app.put("kept.txt", b"dunnage");
    assert_eq!(app.stop(), Some(0));
    let catalog = app.directory().join("catalog.sqlite");
    let aside = app.directory().join("catalog.aside");
    fs::rename(&catalog, &aside).unwrap();
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("is missing or empty", |_| {}),
        ("is missing or empty", |path| fs::write(path, b"").unwrap()),
        ("is missing or empty", |path| {
            rusqlite::Connection::open(path)
                .and_then(|c| c.execute_batch("VACUUM"))
                .unwrap();
        }),
        ("is a database of something else", |path| {
            rusqlite::Connection::open(path)
                .and_then(|c| c.execute_batch("CREATE TABLE theirs (x)"))
                .unwrap();
        }),
    ];
    for (sentence, damage) in damages {
        let _ = fs::remove_file(&catalog);
        damage(&catalog);
        let before = fs::read(&catalog).ok();
        for arguments in [
            &["check"][..],
            &["check", "--deep"],
            &["check", "--preflight"],
        ] {
            let mut check = wharfside(arguments);
            check.env("STORAGE_DIR", app.directory());
            let ended = run(check, "");
            assert_eq!(ended.code, Some(1), "{arguments:?}: {ended:?}");
            assert!(ended.stdout.contains(sentence), "{arguments:?}: {ended:?}");
        }
        let mut refused = Process::start(serve(app.directory()));
        refused.wait_line("the refusal", |line| line.contains(sentence).then_some(()));
        refused.kill9();
        assert_eq!(fs::read(&catalog).ok(), before, "{sentence}");
    }
    fs::rename(&aside, &catalog).unwrap();
    app.start_again();
    app.assert_keeps(&receipt, b"dunnage", "dunnage");
}

fn serve(directory: &Path) -> Command {
    let mut command = wharfside(["serve"]);
    command.env("STORAGE_DIR", directory).env("PORT", "0");
    command
}

#[test]
fn p7_a_directory_that_is_not_writable_is_told_with_the_remedy() {
    // Root writes everywhere: the kernel refuses only others, so there the app runs as nobody.
    let directory = TempDir::new().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let binary = env!("CARGO_BIN_EXE_wharfside");
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", binary]);
        command
    } else {
        Command::new(binary)
    };
    command
        .arg("check")
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("STORAGE_DIR", directory.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let ended = run(command, "");
    assert_ne!(ended.code, Some(0), "{ended:?}");
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(
        said.contains("chown") || said.contains("writable"),
        "{said}"
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn hostile_paths_are_refused_with_a_sentence() {
    let app = TestApp::start();
    let long = "x".repeat(256);
    let deep = vec!["abcdefg"; 600].join("%2F");
    for (path, word) in [
        ("a/%2E%2E/b", "not allowed"),
        ("..%2Fetc%2Fpasswd", "not allowed"),
        ("a//b", "empty part"),
        ("nul%00byte", "control"),
        ("tab%09", "control"),
        ("%20blank", "blank"),
        ("trailing%20", "blank"),
        ("%EF%BB%BFmark", "blank"),
        ("no%FFutf8", ""),
        (&long, "255"),
        (&deep, "4096"),
    ] {
        let answer = app.call("PUT", &format!("/api/v1/files/{path}"), &[], Some(b"x"));
        let sentence = answer.problem(400);
        assert!(sentence.contains(word), "{path}: {sentence}");
    }
    assert_eq!(app.persistence()["totals"]["files"], 0);
}

#[test]
fn wrong_routes_methods_and_parameters_get_problems() {
    let app = TestApp::start();
    app.fetch("/api/v1/nothing").problem(404);
    let answer = app.call("POST", "/api/v1/entries", &[], Some(b""));
    answer.problem(405);
    assert!(
        answer.header("allow").contains("GET"),
        "{:?}",
        answer.headers
    );
    for target in [
        "/api/v1/entries?limit=many",
        "/api/v1/entries?sort=colour",
        "/api/v1/entries?cursor=%00made-up",
        "/api/v1/entries?folder=a%2F..%2Fb",
        "/api/v1/entries?fodler=a",
        "/api/v1/entries/not-a-number",
        "/api/v1/search?q=a&limit=-1",
        "/api/v1/search?q=a&cursor=made-up",
        "/api/v1/search?q=a&cursor=ffc00000:0:0",
    ] {
        let sentence = app.fetch(target).problem(400);
        assert!(sentence.ends_with('.'), "{target}: {sentence}");
    }
    let id = app.put("a.txt", b"a").id;
    app.patch(id, json!({ "paht": "b.txt" })).problem(400);
    app.patch(id, json!({ "version": 7 })).problem(404);
    let broken = app.call(
        "PATCH",
        &format!("/api/v1/entries/{id}"),
        &[("content-type", "application/json")],
        Some(b"{\"path\":"),
    );
    broken.problem(400);
}

#[test]
fn ids_that_are_no_numbers_or_too_large_are_told() {
    let app = TestApp::start();
    for target in [
        "/api/v1/entries/first",
        "/api/v1/entries/9223372036854775808",
        "/api/v1/entries/9223372036854775808/versions",
        "/thumbnail/-9223372036854775809",
    ] {
        let sentence = app.fetch(target).problem(400);
        assert!(
            sentence.contains("a whole number below 2^63"),
            "{target}: {sentence}"
        );
    }
    app.fetch("/api/v1/entries/9223372036854775807")
        .problem(404);
}

#[test]
fn a_json_body_that_is_no_object_is_told_and_changes_nothing() {
    let app = TestApp::start();
    let id = app.put("a.txt", b"a").id;
    // The fields of a change, and of a question, without their names.
    for body in [
        json!(["b.txt", null, null, null]),
        json!(["", ["a.txt"]]),
        json!(null),
        json!(1),
    ] {
        for answer in [
            app.patch(id, body.clone()),
            app.post_json("/api/v1/entries/lookup", &body),
        ] {
            let sentence = answer.problem(400);
            assert!(sentence.contains("one JSON object"), "{body}: {sentence}");
        }
    }
    assert_eq!(app.entry(id)["path"], "a.txt");
}

#[test]
fn malformed_multipart_is_told() {
    let app = TestApp::start();
    let accept = ("accept", "application/json");
    let post = |content_type: &str, body: &[u8]| {
        app.call(
            "POST",
            "/upload",
            &[("content-type", content_type), accept],
            Some(body),
        )
    };
    let whole = multipart(&[("file", Some("a.txt"), b"flotsam")]);
    post("multipart/form-data", &whole).problem(400);
    post(MULTIPART.1, b"no boundary in here").problem(400);
    post(MULTIPART.1, b"--quay\r\nrubbish\r\n\r\nx\r\n--quay--\r\n").problem(400);
    post("application/json", b"{}").problem(415);
    assert_eq!(app.get("a.txt").status, 404);
    // What came whole before the break is kept and named; the torn file is not.
    let mut torn = multipart(&[
        ("file", Some("whole.txt"), b"flotsam"),
        ("file", Some("torn.txt"), b"jetsam"),
    ]);
    torn.truncate(torn.len() - 14);
    let answer = post(MULTIPART.1, &torn);
    assert_eq!(app.get("torn.txt").status, 404);
    if answer.status == 200 {
        assert_eq!(answer.json()["receipts"][0]["path"], "whole.txt");
        assert!(!answer.json()["failures"].as_array().unwrap().is_empty());
        assert_eq!(app.get("whole.txt").body, b"flotsam");
    } else {
        answer.problem(400);
    }
    app.assert_sound();
}

#[test]
fn a_file_in_a_form_without_a_usable_name_is_told_and_the_others_are_stored() {
    let app = TestApp::start();
    let post = |parts: &[(&[u8], &[u8])]| {
        let mut body = Vec::new();
        for (name, bytes) in parts {
            body.extend_from_slice(b"--quay\r\ncontent-disposition: form-data; name=\"f\"; ");
            body.extend_from_slice(&[name, &b"\r\n\r\n"[..], bytes, b"\r\n"].concat());
        }
        body.extend_from_slice(b"--quay--\r\n");
        app.call(
            "POST",
            "/upload",
            &[MULTIPART, ("accept", "application/json")],
            Some(&body),
        )
    };
    let good: (&[u8], &[u8]) = (b"filename=\"good.txt\"", b"flotsam");
    for (name, word) in [
        (&b"filename=\"caf\xe9.txt\""[..], "UTF-8"),
        (b"filename=\"\"", "no name"),
    ] {
        let answer = post(&[good, (name, b"jetsam")]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json();
        assert_eq!(answer["receipts"].as_array().unwrap().len(), 1, "{answer}");
        let detail = answer["failures"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{detail}");
        let alone = post(&[(name, b"jetsam")]);
        assert_eq!(alone.json()["failures"].as_array().unwrap().len(), 1);
        alone.problem(400);
    }
    let answer = post(&[good, (b"filename=\"\"", b"")]);
    assert_eq!(answer.json()["failures"], json!([]));
    let answer = post(&[(b"filename*=UTF-8''na%C3%AFve.txt", b"ligan")]);
    assert_eq!(answer.json()["receipts"][0]["path"], "na\u{ef}ve.txt");
}

#[test]
fn a_cursor_of_another_list_is_refused() {
    let app = TestApp::start();
    for n in 0..4 {
        app.put(&format!("{n}.txt"), b"ballast");
    }
    let page = app.json("/api/v1/entries?sort=time&limit=2");
    let next = page["next"].as_str().unwrap();
    app.json(&format!("/api/v1/entries?sort=time&limit=2&cursor={next}"));
    for sort in ["name", "size"] {
        let answer = app.fetch(&format!("/api/v1/entries?sort={sort}&cursor={next}"));
        let sentence = answer.problem(400);
        assert!(sentence.contains("another sort order"), "{sentence}");
    }
}

#[test]
fn absurd_lengths_are_refused_and_the_rest_goes_on() {
    let app = TestApp::start();
    let header = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    let answer = app.raw(header.as_bytes());
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    let many = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n",
        "x: y\r\n".repeat(5000)
    );
    let answer = app.raw(many.as_bytes());
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    let target = format!(
        "GET /api/v1/search?q={} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "x".repeat(100_000)
    );
    let answer = app.raw(target.as_bytes());
    assert!(
        answer.is_empty()
            || answer.starts_with("HTTP/1.1 414")
            || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    for nonsense in [
        "\0\0\0\0\r\n\r\n",
        "HELO mail\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let answer = app.raw(nonsense.as_bytes());
        assert!(
            answer.is_empty()
                || answer.starts_with("HTTP/1.1 4")
                || answer.starts_with("HTTP/1.1 5"),
            "{answer}"
        );
    }
    // A connection that never says anything is no reason to stop.
    let mut silent = app.connect();
    silent.write_all(b"GET").unwrap();
    assert_eq!(app.fetch("/health/live").status, 200);
    let long = app.fetch(&format!("/api/v1/search?q={}", encode(&"ä".repeat(1000))));
    assert!(long.json()["notes"].is_array(), "{}", long.text());
}

#[test]
fn lengths_that_lie_store_nothing() {
    let app = TestApp::start();
    for head in [
        "content-length: 3\r\ncontent-length: 5",
        "content-length: -1",
        "content-length: 18446744073709551616",
        "content-length: 3\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked, gzip",
    ] {
        let answer = app.raw(
            format!("PUT /api/v1/files/lie.txt HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{head}\r\n\r\nZZZ").as_bytes(),
        );
        assert!(
            answer.is_empty()
                || answer.starts_with("HTTP/1.1 4")
                || answer.starts_with("HTTP/1.1 5"),
            "{head}: {answer}"
        );
    }
    // Longer than announced: the announced part is the file, the rest is no request.
    let answer = app.raw(
        b"PUT /api/v1/files/long.txt HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nkeelhaul\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(app.get("long.txt").body, b"keel");
    assert_eq!(app.get("lie.txt").status, 404);
}

#[test]
fn a_head_that_stays_half_sent_is_ended_and_an_idle_connection_is_not() {
    let app = TestApp::with(&[("STALL_SECONDS", "1")]);
    let ask = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut idle = app.connect();
    for begun in [
        &b"GET /health/live HT"[..],
        b"GET /health/live HTTP/1.1\r\nhost: loc",
    ] {
        let mut half = app.connect();
        half.set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        half.write_all(begun).unwrap();
        let mut answer = Vec::new();
        half.read_to_end(&mut answer).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), "");
    }
    // By now it has said nothing for longer than a head may take.
    idle.write_all(ask).unwrap();
    let mut answer = String::new();
    idle.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn heads_beyond_our_limits_are_told_what_was_wrong() {
    let app = TestApp::start();
    let with = |fields: &str| {
        app.raw(
            format!(
                "GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{fields}\r\n"
            )
            .as_bytes(),
        )
    };
    let long = with(&format!("x-long: {}\r\n", "x".repeat(200_000)));
    assert!(long.starts_with("HTTP/1.1 431"), "{long}");
    assert!(long.contains("The headers are"), "{long}");
    let many: String = (0..150).map(|n| format!("x-{n}: {n}\r\n")).collect();
    assert!(with(&many).starts_with("HTTP/1.1 200"));
}
