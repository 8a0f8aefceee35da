//! `wharfside put` against a real installation, in good weather and bad.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use tempfile::TempDir;
use wharfside::library::Receipt;

use crate::app::TestApp;
use crate::command::{Ended, Process, eventually, run, wharfside};
use crate::proxy::Proxy;

/// Bytes that no two places of have in common, so that a piece in the wrong place is noticed.
fn content(bytes: usize) -> Vec<u8> {
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
