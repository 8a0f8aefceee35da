//! `wharfside put` against a real installation, in good weather and bad.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::Value;
use tempfile::TempDir;
use wharfside::library::Receipt;

use crate::app::TestApp;
use crate::command::{Ended, Process, eventually, run, wharfside};
use crate::proxy::Proxy;

/// Bytes that no two places of have in common, so that a piece in the wrong place is noticed.
pub fn content(bytes: usize) -> Vec<u8> {
    let words =
        (0..bytes as u64 / 8 + 1).flat_map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    words.take(bytes).collect()
}

fn command(url: &str, file: &Path, more: &[&str]) -> std::process::Command {
    let mut command = wharfside(["put", "--server", url]);
    command.args(more).arg(file);
    command
}

fn put(url: &str, file: &Path, more: &[&str]) -> Ended {
    run(command(url, file, more), "")
}

#[test]
fn a_folder_is_put_with_its_structure_and_only_once() {
    let app = TestApp::start();
    let desk = TempDir::new().unwrap();
    let photos = desk.path().join("photos");
    fs::create_dir_all(photos.join("2026")).unwrap();
    for n in 0..300 {
        fs::write(photos.join(format!("2026/{n}.txt")), format!("small {n}")).unwrap();
    }
    fs::write(photos.join("empty"), "").unwrap();
    let first = put(&app.url(""), &photos, &["--to", "a/b", "--json"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let receipts = first.stdout.lines().map(serde_json::from_str::<Receipt>);
    assert_eq!(receipts.map(Result::unwrap).count(), 301);
    assert_eq!(app.get("a/b/photos/2026/7.txt").body, b"small 7");
    fs::write(photos.join("2026/7.txt"), "changed").unwrap();
    let again = put(&app.url(""), &photos, &["--to", "a/b"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stdout.contains("stored a/b/photos/2026/7.txt\n"));
    assert!(again.stderr.contains("1 stored (7 B), 300 there already"));
    assert_eq!(app.get("a/b/photos/2026/7.txt").body, b"changed");
    // For a program, what is there already is told as what was stored.
    let told = put(&app.url(""), &photos, &["--to", "a/b", "--json"]).stdout;
    let paths = told.lines().map(|line| {
        let told: Value = serde_json::from_str(line).unwrap();
        assert_eq!(told["sha256"].as_str().unwrap().len(), 64);
        told["path"].as_str().unwrap().to_owned()
    });
    assert_eq!(paths.collect::<HashSet<_>>().len(), 301);
}

#[test]
fn what_cannot_be_put_is_named_and_the_rest_goes_on() {
    let app = TestApp::start();
    let desk = TempDir::new().unwrap();
    for name in [" blank", "new\nline", "fine.txt"] {
        fs::write(desk.path().join(name), name).unwrap();
    }
    std::os::unix::fs::symlink("fine.txt", desk.path().join("link")).unwrap();
    let ended = put(&app.url(""), desk.path(), &[]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stdout.lines().count(), 1);
    for word in [" blank", "new\\nline", "link: links inside folders"] {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    let nobody = put("http://127.0.0.1:1", desk.path(), &[]);
    assert_eq!((nobody.code, nobody.stdout.as_str()), (Some(2), ""));
}

#[test]
fn it_goes_through_a_proxy_that_cuts_and_connections_that_break() {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address());
    proxy.manners.most.store(1 << 20, Relaxed);
    proxy.manners.resets.store(3, Relaxed);
    let desk = TempDir::new().unwrap();
    let (file, bytes) = (desk.path().join("film.bin"), content(9 << 20));
    fs::write(&file, &bytes).unwrap();
    let ended = put(&proxy.url("/"), &file, &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(app.get("film.bin").body == bytes);
    assert_eq!(app.json("/api/v1/entries")["files"][0]["version"], 1);
}

#[test]
fn killed_and_run_again_it_goes_on_where_it_stood() {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address());
    proxy.manners.most.store(64 << 10, Relaxed);
    let desk = TempDir::new().unwrap();
    let (file, bytes) = (desk.path().join("long.bin"), content(24 << 20));
    fs::write(&file, &bytes).unwrap();
    let mut first = Process::start(command(&proxy.url(""), &file, &[]));
    let arrived = || app.persistence()["uploads"]["bytes"].as_u64();
    eventually("some of it", || arrived().filter(|bytes| *bytes > 1 << 20));
    first.kill9();
    let before = arrived().unwrap();
    let second = Process::start(command(&proxy.url(""), &file, &[]));
    eventually("more of it", || arrived().filter(|bytes| *bytes > before));
    assert_eq!(app.persistence()["uploads"]["open"], 1);
    proxy.manners.most.store(0, Relaxed);
    second.wait_line("its end", |line| line.contains("1 stored").then_some(()));
    assert!(app.get("long.bin").body == bytes);
    // Deleted, it is stored anew, though the server remembers the upload.
    app.delete("long.bin");
    assert_eq!(put(&app.url(""), &file, &[]).code, Some(0));
    assert!(app.get("long.bin").body == bytes);
}

#[test]
fn both_are_kept_only_once() {
    let app = TestApp::start();
    let desk = TempDir::new().unwrap();
    let file = desk.path().join("a.txt");
    app.put("a.txt", b"theirs");
    let keep = |content: &str| {
        fs::write(&file, content).unwrap();
        let ended = put(&app.url(""), &file, &["--if-present", "keep-both"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.stdout
    };
    assert_eq!(keep("mine"), "stored a (2).txt\n");
    assert_eq!(keep("mine"), "there already: a (2).txt\n");
    assert_eq!(keep("more of mine"), "stored a (3).txt\n");
    assert_eq!(keep("mine"), "there already: a (2).txt\n");
    assert_eq!(
        app.json("/api/v1/entries")["files"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(app.get("a.txt").body, b"theirs");
}

#[test]
fn a_server_that_is_away_is_waited_for() {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address());
    let desk = TempDir::new().unwrap();
    let (file, bytes) = (desk.path().join("a.bin"), content(3 << 20));
    fs::write(&file, &bytes).unwrap();
    proxy.manners.down.store(true, Relaxed);
    let waiting = Process::start(command(&proxy.url(""), &file, &[]));
    waiting.wait_line("that it waits", |line| {
        line.starts_with("Waiting; it goes on by itself")
            .then_some(())
    });
    let failed = proxy.manners.failed.load(Relaxed);
    assert!(failed >= 3, "{failed} attempts");
    proxy.manners.down.store(false, Relaxed);
    waiting.wait_line("that it goes on", |line| {
        (line == "It goes on.").then_some(())
    });
    waiting.wait_line("its end", |line| line.contains("1 stored").then_some(()));
    assert!(app.get("a.bin").body == bytes);
}

#[test]
fn a_file_that_changes_on_its_way_is_not_stored_torn() {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address());
    let desk = TempDir::new().unwrap();
    let file = desk.path().join("a.bin");
    fs::write(&file, content(6 << 20)).unwrap();
    proxy.manners.holds.store(3 << 20, Relaxed);
    let sending = Process::start(command(&proxy.url(""), &file, &[]));
    let held = || proxy.manners.held.load(Relaxed);
    eventually("a piece that waits", || (held() > 0).then_some(()));
    // In place, so that it is the same file with the same size.
    let newer: Vec<u8> = content(6 << 20).into_iter().rev().collect();
    fs::write(&file, &newer).unwrap();
    proxy.manners.holds.store(0, Relaxed);
    sending.wait_line("its refusal", |line| {
        line.contains("a.bin: It changed while").then_some(())
    });
    sending.wait_line("its end", |line| {
        line.contains("1 not stored").then_some(())
    });
    assert_eq!(app.get("a.bin").status, 404);
    assert_eq!(put(&app.url(""), &file, &[]).code, Some(0));
    assert!(app.get("a.bin").body == newer);
}

#[test]
fn a_misspelt_variable_stops_it() {
    let desk = TempDir::new().unwrap();
    let mut command = command("http://127.0.0.1:1", desk.path(), &[]);
    command.env("WHARFSIDE_SEVRER", "http://127.0.0.1:2");
    let ended = run(command, "");
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("WHARFSIDE_SEVRER"),
        "{}",
        ended.stderr
    );
}
