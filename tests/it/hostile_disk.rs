//! What somebody learns who reads the directory or the logs, or asks how the app is.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::app::{Directory, TestApp};
use crate::command::{WHARFSIDE, eventually};
use crate::passkeys::{ask, code_of, second, with_app};
use crate::people::Credentials;
use crate::releases::{copy, fixtures};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER_KEY: &str = "fedcba9876543210fedcba9876543210";
/// So that the upkeep works at once.
const AT_ONCE: (&str, &str) = ("GRACE_MINUTES", "0");

/// The binary as a platform without any umask starts it.
fn without_umask(folder: &Path) -> PathBuf {
    let script = folder.join("wharfside");
    fs::write(
        &script,
        format!("#!/bin/sh\numask 000\nexec {WHARFSIDE} \"$@\"\n"),
    )
    .unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    script
}

/// The directory and all below it, with their permission bits.
fn modes(root: &Path) -> Vec<(PathBuf, u32)> {
    let mut all = vec![(root.to_owned(), fs::metadata(root).unwrap().mode() & 0o777)];
    for entry in fs::read_dir(root).unwrap().flatten() {
        match entry.metadata() {
            Ok(facts) if facts.is_dir() => all.extend(modes(&entry.path())),
            Ok(facts) => all.push((entry.path(), facts.mode() & 0o777)),
            // What is gone is open to nobody.
            Err(_) => {}
        }
    }
    all
}

fn open_to_everybody(root: &Path) {
    for (path, mode) in modes(root) {
        fs::set_permissions(path, Permissions::from_mode(mode | 0o077)).unwrap();
    }
}

fn assert_closed(all: &[(PathBuf, u32)]) {
    for (path, mode) in all {
        assert_eq!(mode & 0o077, 0, "{} {mode:o}", path.display());
    }
}

#[test]
fn nobody_else_on_the_machine_reads_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = TestApp::out_of(&without_umask(folder.path()));
    app.put("a/b.txt", b"words");
    let begin = [("tus-resumable", "1.0.0"), ("upload-length", "100000")];
    let begin = [&begin[..], &[("upload-metadata", "filename YQ==")]].concat();
    let upload = app.call("POST", "/uploads", &begin, Some(b""));
    let piece = [
        ("tus-resumable", "1.0.0"),
        ("upload-offset", "0"),
        ("content-type", "application/offset+octet-stream"),
    ];
    let sent = app.call(
        "PATCH",
        upload.header("location"),
        &piece,
        Some(&[7; 50_000]),
    );
    assert_eq!(sent.status, 204, "{}", sent.text());
    app.wait_searchable("a/b.txt", "words");
    let all = modes(app.directory());
    for name in [
        "catalog.sqlite-wal",
        "facts.redb",
        "index",
        "staging",
        "boots",
        "wharfside.json",
    ] {
        let is_there = all.iter().any(|(path, _)| path.ends_with(name));
        assert!(is_there, "no {name}: {all:?}");
    }
    assert_closed(&all);

    // What was open is closed by the next start, which says so; the check says so before.
    assert_eq!(app.stop(), Some(0));
    open_to_everybody(app.directory());
    let before = app.operate(&["check"]);
    assert!(
        before
            .stdout
            .contains("lets other users of this machine read"),
        "{before:?}"
    );
    app.start_again();
    assert!(
        app.said()
            .contains("other users of this machine could read it"),
        "{}",
        app.said()
    );
    let entries = fs::read_dir(app.directory()).unwrap().flatten();
    let entries: Vec<_> = entries.map(|entry| entry.path()).collect();
    let right_inside =
        |(path, _): &(PathBuf, u32)| path == app.directory() || entries.contains(path);
    let all = modes(app.directory());
    assert_closed(&all.into_iter().filter(right_inside).collect::<Vec<_>>());
    let after = app.operate(&["check"]);
    assert!(!after.stdout.contains("other users"), "{after:?}");
    assert_eq!(app.get("a/b.txt").body, b"words");
}

#[test]
fn copies_made_before_migrations_are_closed_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::new();
    copy(&fixtures().join("schema-3/storage"), directory.path());
    open_to_everybody(directory.path());
    let app = TestApp::on_out_of(&without_umask(folder.path()), directory, &[]);
    let copies = modes(&app.directory().join("backups"));
    assert!(copies.len() > 1, "{copies:?}");
    assert_closed(&copies);
    assert_closed(&[(app.directory().to_owned(), 0o700)]);
}

/// Every byte of the files right inside the directory, where secrets could be.
fn bytes(app: &TestApp) -> Vec<u8> {
    let files = fs::read_dir(app.directory()).unwrap().flatten();
    let files = files.filter(|entry| entry.path().is_file());
    files
        .flat_map(|entry| fs::read(entry.path()).unwrap())
        .collect()
}

fn has(bytes: &[u8], secret: &[u8]) -> bool {
    memchr::memmem::find(bytes, secret).is_some()
}

fn catalog(app: &TestApp) -> Connection {
    Connection::open(app.directory().join("catalog.sqlite")).unwrap()
}

/// As if no code had been given yet, right or wrong.
fn forget_tries(app: &TestApp) {
    let forget = "UPDATE account SET totp_step = NULL; DELETE FROM guess;";
    eventually("the catalog to be free", || {
        catalog(app).execute_batch(forget).ok()
    });
}

/// Signs in with the code that the app shows, as if none had been used.
fn sign_in_by_code(app: &TestApp, secret: &wharfside::auth::totp::SharedSecret) -> (u16, String) {
    forget_tries(app);
    let answer = second(app, &ask(app, "Olga"), &[("code", &code_of(secret))]);
    let session = answer.header("set-cookie").contains("wharfside=");
    assert_eq!(session, answer.status == 303);
    (answer.status, answer.text())
}

#[test]
fn a_copy_of_the_directory_has_no_secret_that_is_good_for_anything() {
    let (app, olga) = TestApp::with_owner(&[("SECRET_KEY", KEY)]);
    let id = app.store("a.txt", &olga, b"the letter").to_string();
    let link = app.link(&olga, &[("kind", "file"), ("file", &id), ("days", "2")]);
    let (secret, _) = with_app(&app, &olga);
    let copied = bytes(&app);
    assert!(!has(&copied, &link.as_bytes()[3..]) && !has(&copied, secret.bytes()));
    assert!(!has(&copied, secret.text().as_bytes()));
    // All of it works as it did.
    assert_eq!(sign_in_by_code(&app, &secret).0, 303);
    assert_eq!(app.fetch(&format!("{link}/get")).body, b"the letter");
    assert!(app.look("/links", &olga).text().contains(&link));
    let drop = app.link(&olga, &[("kind", "drop"), ("folder", "in"), ("uses", "2")]);
    let form = b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nz\r\n--x--\r\n";
    let kind = ("content-type", "multipart/form-data; boundary=x");
    let dropped = app.call("POST", &format!("{drop}/drop"), &[kind], Some(form));
    assert_eq!(dropped.status, 200, "{}", dropped.text());
    let begin = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", "1"),
        ("upload-metadata", "filename Zw=="),
        ("content-type", "application/offset+octet-stream"),
    ];
    let sent = app.call("POST", &format!("{drop}/uploads"), &begin, Some(b"z"));
    assert_eq!(sent.status, 201, "{}", sent.text());
    // What stands in the place of the secret opens nothing, in no release.
    let stored: String = catalog(&app)
        .query_row("SELECT secret FROM share_link WHERE id = 1", (), |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(
        app.fetch(&format!("/s/{}", crate::app::encode(&stored)))
            .status,
        404
    );
    let as_before = "SELECT count(*) FROM share_link
                     WHERE secret = ?1 AND ifnull(expires_ms > 1, TRUE)";
    let found: u64 = catalog(&app)
        .query_row(as_before, [&stored], |row| row.get(0))
        .unwrap();
    assert_eq!(found, 0);
    // It still expires.
    let expire = "UPDATE share_link SET sealed_expires_ms = 1 WHERE id = 1";
    eventually("the catalog to be free", || {
        catalog(&app).execute(expire, ()).ok()
    });
    assert_eq!(app.fetch(&link).status, 404);
}

#[test]
fn without_its_key_nobody_gets_around_the_second_factor() {
    let (mut app, olga) = TestApp::with_owner(&[("SECRET_KEY", KEY), AT_ONCE]);
    let id = app.store("a.txt", &olga, b"the letter").to_string();
    let link = app.link(&olga, &[("kind", "file"), ("file", &id)]);
    let (secret, recovery) = with_app(&app, &olga);
    for key in ["", OTHER_KEY] {
        assert_eq!(app.stop(), Some(0));
        app.set("SECRET_KEY", key);
        app.start_again();
        eventually("the log to say so", || {
            app.said().contains("SECRET_KEY_PREVIOUS").then_some(())
        });
        let (status, page) = sign_in_by_code(&app, &secret);
        assert!(
            status == 422 && page.contains("key of this installation"),
            "{status} {page}"
        );
        // Links are found by their hashes, and cannot be shown again.
        assert_eq!(app.fetch(&format!("{link}/get")).body, b"the letter");
        let links = app.look("/links", &olga).text();
        assert!(
            !links.contains(&link) && links.contains("cannot be shown"),
            "{links}"
        );
        let check = app.operate(&["check"]);
        assert!(
            check.stdout.contains("1 second factors and 1 links"),
            "{check:?}"
        );
    }
    forget_tries(&app);
    let by_recovery = second(&app, &ask(&app, "Olga"), &[("code", &recovery)]);
    assert_eq!(by_recovery.status, 303);
    // A key that follows another reads what that has sealed, and seals it again.
    assert_eq!(app.stop(), Some(0));
    app.set("SECRET_KEY_PREVIOUS", KEY);
    app.start_again();
    assert_eq!(sign_in_by_code(&app, &secret).0, 303);
    eventually("everything to be sealed again", || {
        app.said()
            .contains("were sealed with the key")
            .then_some(())
    });
    assert_eq!(app.stop(), Some(0));
    app.set("SECRET_KEY_PREVIOUS", "");
    app.start_again();
    assert_eq!(sign_in_by_code(&app, &secret).0, 303);
    assert!(app.look("/links", &olga).text().contains(&link));
}

#[test]
fn what_was_stored_before_there_was_a_key_is_sealed_and_goes_on() {
    let (mut app, olga) = TestApp::with_owner(&[AT_ONCE]);
    let id = app.store("a.txt", &olga, b"the letter").to_string();
    let link = app.link(&olga, &[("kind", "file"), ("file", &id)]);
    let (secret, _) = with_app(&app, &olga);
    // As a release from before left it.
    let before = "UPDATE share_link SET hash = NULL";
    eventually("the catalog to be free", || {
        catalog(&app).execute(before, ()).ok()
    });
    assert_eq!(app.fetch(&link).status, 200);
    assert_eq!(app.stop(), Some(0));
    let stored = bytes(&app);
    assert!(has(&stored, &link.as_bytes()[3..]) && has(&stored, secret.bytes()));
    app.set("SECRET_KEY", KEY);
    app.start_again();
    eventually("it to be sealed", || {
        app.said()
            .contains("were sealed with the key")
            .then_some(())
    });
    // Neither the catalog nor its log has the plain secrets any more.
    let stored = bytes(&app);
    assert!(!has(&stored, &link.as_bytes()[3..]) && !has(&stored, secret.bytes()));
    let plain =
        "SELECT count(*) FROM share_link, account WHERE sealed IS NULL OR length(totp) = 20";
    let plain: u64 = catalog(&app)
        .query_row(plain, (), |row| row.get(0))
        .unwrap();
    assert_eq!(plain, 0);
    assert_eq!(app.fetch(&format!("{link}/get")).body, b"the letter");
    assert_eq!(sign_in_by_code(&app, &secret).0, 303);
    assert!(app.look("/links", &olga).text().contains(&link));
}

#[test]
fn no_spelling_of_a_secret_is_logged() {
    for format in ["json", "text"] {
        let (app, olga) = TestApp::with_owner(&[("LOG", "debug"), ("LOG_FORMAT", format)]);
        let id = app.store("a.txt", &olga, b"x").to_string();
        let link = app.link(&olga, &[("kind", "file"), ("file", &id)]);
        let (secret, rest) = (&link[3..], &link[6..]);
        let token = app.token(&olga, "read", "", "");
        let token = token.0[0].1.trim_start_matches("Bearer ");
        let encoded: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let twice = encoded.replace('%', "%25");
        for target in [
            format!("//s/{secret}"),
            format!("/%73/{secret}"),
            format!("/S/{secret}/get"),
            format!("/s//{secret}"),
            format!("/./s/{secret}"),
            format!("/x/s/{secret}"),
            format!("/s/{}", secret.to_uppercase()),
            format!("/x/{encoded}"),
            format!("/x/{twice}"),
            format!("/x/wl%5F{rest}"),
            format!("/x/%57L_{rest}"),
            format!("/browse/{secret}?q={secret}"),
            format!("/search?q={secret}"),
            format!("/api/v1/files/{token}"),
            format!("/api/v1/entries?folder={token}"),
            format!("/api/v1/entries/{token}"),
            format!("/sign-in?next=/s/{secret}"),
        ] {
            for method in ["GET", "POST"] {
                app.raw(
                    format!(
                        "{method} {target} HTTP/1.1\r\nhost: {secret}\r\nreferer: http://a/s/{secret}\r\n\
                         user-agent: {token}\r\nx-request-id: {secret}\r\ncontent-length: 0\r\n\
                         cookie: wharfside={token}\r\nconnection: close\r\n\r\n"
                    )
                    .as_bytes(),
                );
            }
        }
        app.fetch("/no/such/page");
        eventually("the last of them to be logged", || {
            app.said().contains("/no/such/page").then_some(())
        });
        let said = app.said();
        let shown = percent_encoding::percent_decode_str(&said)
            .decode_utf8_lossy()
            .into_owned();
        let shown = percent_encoding::percent_decode_str(&shown)
            .decode_utf8_lossy()
            .to_lowercase();
        for secret in [rest, &token[3..]] {
            let part = &secret.to_lowercase()[8..24];
            assert!(!shown.contains(part), "{format}: {said}");
        }
        assert!(said.contains("wl_***"), "{said}");
    }
}

#[test]
fn readiness_has_figures_for_owners_only() {
    let (app, olga) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    app.store("a.txt", &olga, b"x");
    let all = app.token(&olga, "admin", "", "");
    let reads = app.token(&olga, "read", "", "");
    let of_mia = app.token(&mia, "admin", "", "");
    for by in [Credentials::none(), mia, reads, of_mia] {
        let answer = app.look("/health/ready", &by);
        assert_eq!(answer.status, 200);
        let ready = answer.json();
        let fields: Vec<_> = ready.as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, ["reason", "status", "stores"]);
        for store in ready["stores"].as_array().unwrap() {
            let fields: Vec<_> = store.as_object().unwrap().keys().cloned().collect();
            assert_eq!(fields, ["ok", "store"], "{ready}");
        }
    }
    for by in [olga, all] {
        let ready = app.look_json("/health/ready", &by);
        assert_eq!(ready["boot"], 1);
        assert!(ready["release"].is_string(), "{ready}");
        let stores = ready["stores"].to_string();
        assert!(stores.contains("at sequence"), "{stores}");
    }
}

#[test]
fn without_its_contents_a_release_is_not_ready_and_tells_strangers_no_path() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (blobs, aside) = (app.directory().join("blobs"), app.directory().join("aside"));
    fs::rename(&blobs, &aside).unwrap();
    let ready = |by: &Credentials| app.look("/health/ready", by);
    let told = eventually("it not to be ready", || {
        Some(ready(&Credentials::none())).filter(|answer| answer.status == 503)
    });
    assert_eq!(told.json()["status"], "unavailable");
    assert_eq!(told.json()["reason"], "The store blobs cannot be read.");
    let root = app.directory().display().to_string();
    assert!(!told.text().contains(&root), "{}", told.text());
    let reason = ready(&olga).json()["reason"].to_string();
    assert!(reason.contains("blobs: "), "{reason}");
    fs::rename(&aside, &blobs).unwrap();
    eventually("it to be ready again", || {
        (ready(&Credentials::none()).status == 200).then_some(())
    });
}
