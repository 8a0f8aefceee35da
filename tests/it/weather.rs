//! The browser's uploader in bad weather: proxies that cut, refuse and fail, releases that die, and
//! people who change their minds. Whatever happens, each file ends up whole, once.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use wharfside::store::Digest;

use crate::app::TestApp;
use crate::browser::Browser;
use crate::command::eventually;
use crate::proxy::Proxy;

pub const PICK: &str = "input[type=file][multiple]";

/// Bytes that no two places of have in common, so that a piece in the wrong place is noticed.
pub fn content(bytes: usize) -> Vec<u8> {
    let words =
        (0..bytes as u64 / 8 + 1).flat_map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    words.take(bytes).collect()
}

/// As sha256sum prints it.
pub fn sha256(bytes: &[u8]) -> String {
    Digest::from_bytes(Sha256::digest(bytes).into()).to_string()
}

pub fn write(desk: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = desk.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

pub fn assert_stored_once(app: &TestApp, path: &str, bytes: &[u8]) {
    let listed = eventually(path, || {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let listing = app
            .fetch(&format!("/api/v1/entries?folder={folder}"))
            .json();
        let files = listing["files"].as_array()?;
        files.iter().find(|file| file["path"] == path).cloned()
    });
    let digest = sha256(bytes);
    assert_eq!(listed["sha256"], digest);
    assert_eq!(listed["version"], 1);
    assert!(app.get(path).body == bytes, "{path} differs");
}

#[test]
fn chromium_uploads_through_a_proxy_that_cuts_at_one_mebibyte() {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address());
    proxy.manners.most.store(1 << 20, Relaxed);
    let desk = TempDir::new().unwrap();
    let bytes = content(12 << 20);
    let file = write(&desk, "film.bin", &bytes);
    let browser = Browser::open();
    browser.go(&proxy.url("/"));
    browser.choose_files(PICK, &[&file]);
    assert_stored_once(&app, "film.bin", &bytes);
    browser.wait_text("1 stored and searchable");
    // It tried larger pieces, was told, and does not try again, not even after a reload.
    let refused = proxy.manners.refused.load(Relaxed);
    assert!(refused > 0);
    browser.go(&proxy.url("/"));
    let bytes = content(5 << 20);
    let file = write(&desk, "second.bin", &bytes);
    browser.choose_files(PICK, &[&file]);
    assert_stored_once(&app, "second.bin", &bytes);
    assert_eq!(proxy.manners.refused.load(Relaxed), refused);
}

#[test]
fn chromium_waits_for_a_server_that_is_away_and_goes_on() {
    let mut app = TestApp::start();
    let proxy = Proxy::before(app.address());
    proxy.manners.most.store(256 << 10, Relaxed);
    let desk = TempDir::new().unwrap();
    let bytes = content(16 << 20);
    let file = write(&desk, "long.bin", &bytes);
    let browser = Browser::open();
    browser.go(&proxy.url("/"));
    proxy.manners.holds.store(8 << 20, Relaxed);
    browser.choose_files(PICK, &[&file]);
    eventually("half of it", || staged(&app, 4 << 20).then_some(()));
    proxy.manners.down.store(true, Relaxed);
    proxy.manners.holds.store(0, Relaxed);
    // The release dies meanwhile, and another one takes its place.
    let port = app.address().rsplit_once(':').unwrap().1.to_owned();
    app.kill9();
    browser.wait_text("It goes on by itself");
    app.set("PORT", &port);
    app.start_again();
    proxy.manners.down.store(false, Relaxed);
    assert_stored_once(&app, "long.bin", &bytes);
    browser.wait_text("1 stored");
}

#[test]
fn chromium_uploads_through_connections_that_break() {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address());
    let desk = TempDir::new().unwrap();
    let bytes = content(9 << 20);
    let mut files = vec![write(&desk, "large.bin", &bytes)];
    files.extend(
        (0..20).map(|n| write(&desk, &format!("{n}.txt"), format!("small {n}").as_bytes())),
    );
    let browser = Browser::open();
    browser.go(&proxy.url("/"));
    proxy.manners.resets.store(3, Relaxed);
    browser.choose_files(
        PICK,
        &files.iter().map(PathBuf::as_path).collect::<Vec<_>>(),
    );
    assert_stored_once(&app, "large.bin", &bytes);
    for n in 0..20 {
        assert_stored_once(&app, &format!("{n}.txt"), format!("small {n}").as_bytes());
    }
    browser.wait_text("21 stored");
}

#[test]
fn chromium_pauses_resumes_and_cancels() {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address());
    proxy.manners.most.store(256 << 10, Relaxed);
    let desk = TempDir::new().unwrap();
    let bytes = content(4 << 20);
    let file = write(&desk, "paused.bin", &bytes);
    let browser = Browser::open();
    browser.go(&proxy.url("/"));
    proxy.manners.holds.store(2 << 20, Relaxed);
    browser.choose_files(PICK, &[&file]);
    wait_held(&proxy);
    browser.click("[aria-label='Pause paused.bin']");
    eventually("the upload to be paused", || {
        let state = "return document.querySelector('.tray .state')?.textContent";
        (browser.run(state, json!([])) == "paused").then_some(())
    });
    proxy.manners.holds.store(0, Relaxed);
    browser.click("[aria-label='Resume paused.bin']");
    assert_stored_once(&app, "paused.bin", &bytes);

    let file = write(&desk, "cancelled.bin", &content(4 << 20));
    let passed = proxy.manners.passed.load(Relaxed);
    proxy.manners.holds.store(passed + (2 << 20), Relaxed);
    browser.choose_files(PICK, &[&file]);
    wait_held(&proxy);
    browser.click("[aria-label='Cancel cancelled.bin']");
    eventually("nothing is left of it", || {
        (app.persistence()["uploads"]["open"] == 0).then_some(())
    });
    assert_eq!(app.entries(""), ["paused.bin"]);
}

#[test]
fn chromium_pauses_between_two_pieces() {
    let app = TestApp::start();
    let desk = TempDir::new().unwrap();
    let bytes = content(4 << 20);
    let file = write(&desk, "between.bin", &bytes);
    let browser = Browser::open();
    browser.go(&app.url("/"));
    // Each piece is hashed before it is sent: nothing is on its way while that takes.
    browser.run(
        "const digest = crypto.subtle.digest.bind(crypto.subtle);
         const open = new Promise((done) => { window.open_gate = done; });
         crypto.subtle.digest = async (...what) => {
           window.isHashing = true;
           await open;
           return digest(...what);
         };",
        json!([]),
    );
    browser.choose_files(PICK, &[&file]);
    eventually("a piece to be hashed", || {
        (browser.run("return window.isHashing", json!([])) == true).then_some(())
    });
    browser.click("[aria-label='Pause between.bin']");
    browser.run("window.open_gate()", json!([]));
    browser.click("[aria-label='Resume between.bin']");
    assert_stored_once(&app, "between.bin", &bytes);
}

#[test]
fn chromium_tries_again_for_as_long_as_a_proxy_fails() {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address());
    let desk = TempDir::new().unwrap();
    let bytes = content(3 << 20);
    let files = [
        write(&desk, "large.bin", &bytes),
        write(&desk, "small.txt", b"small"),
    ];
    let browser = Browser::open();
    browser.go(&proxy.url("/"));
    // Both were admitted, and something of the large one has arrived.
    proxy.manners.holds.store(1 << 20, Relaxed);
    browser.choose_files(PICK, &files.each_ref().map(PathBuf::as_path));
    wait_held(&proxy);
    proxy.manners.down.store(true, Relaxed);
    proxy.manners.holds.store(0, Relaxed);
    eventually("many tries in vain", || {
        (proxy.manners.failed.load(Relaxed) >= 6).then_some(())
    });
    browser.wait_text("It goes on by itself");
    assert!(!app.entries("").contains(&"large.bin".to_owned()));
    proxy.manners.down.store(false, Relaxed);
    assert_stored_once(&app, "large.bin", &bytes);
    assert_stored_once(&app, "small.txt", b"small");
    browser.wait_text("2 stored");
}

#[test]
fn chromium_asks_about_names_once_the_server_is_back() {
    let app = TestApp::start();
    app.put("live/taken.txt", b"old");
    let proxy = Proxy::before(app.address());
    let desk = TempDir::new().unwrap();
    let files = ["taken.txt", "free.txt", "cancelled.txt"].map(|name| write(&desk, name, b"new"));
    let browser = Browser::open();
    browser.go(&proxy.url("/browse/live"));
    proxy.manners.down.store(true, Relaxed);
    browser.choose_files(PICK, &files.each_ref().map(PathBuf::as_path));
    browser.wait_text("It goes on by itself");
    browser.click("[aria-label='Cancel cancelled.txt']");
    proxy.manners.down.store(false, Relaxed);
    browser.wait_text("This name is taken");
    assert_stored_once(&app, "live/free.txt", b"new");
    assert_eq!(app.get("live/taken.txt").body, b"old");
    browser.click("[aria-label='Keep both: taken.txt']");
    assert_stored_once(&app, "live/taken (2).txt", b"new");
    assert_eq!(app.get("live/taken.txt").body, b"old");
    assert!(!app.entries("live").contains(&"cancelled.txt".to_owned()));
}

#[test]
fn chromium_asks_what_becomes_of_names_that_are_taken() {
    let app = TestApp::start();
    for name in ["a.txt", "b.txt", "c.txt"] {
        app.put(name, b"old");
    }
    let desk = TempDir::new().unwrap();
    let files = ["a.txt", "b.txt", "c.txt", "free.txt"].map(|name| write(&desk, name, b"new"));
    let browser = Browser::open();
    browser.go(&app.url("/"));
    browser.choose_files(PICK, &files.each_ref().map(PathBuf::as_path));
    browser.wait_text("3 names are taken");
    eventually("what is free goes on", || {
        app.entries("")
            .contains(&"free.txt".to_owned())
            .then_some(())
    });
    browser.click("[aria-label='Skip: a.txt']");
    browser.click("[aria-label='Keep both: all']");
    eventually("both are kept", || {
        let all = [
            "a.txt",
            "b (2).txt",
            "b.txt",
            "c (2).txt",
            "c.txt",
            "free.txt",
        ];
        (app.entries("") == all).then_some(())
    });
    assert_eq!(app.get("a.txt").text(), "old");
    assert_eq!(app.get("b (2).txt").text(), "new");
}

#[test]
fn chromium_hashes_by_hand_where_the_browser_does_not() {
    let app = TestApp::start();
    let browser = Browser::open();
    browser.go(&app.url("/"));
    let script = browser.run(
        "return [...document.querySelectorAll('link[rel=modulepreload]')].map((link) => link.href).find((href) => href.includes('/sha256.'))",
        json!([]),
    );
    for length in [0_usize, 55, 56, 63, 64, 65, 1000, (1 << 20) + 65] {
        let digest = browser.run(
            "return import(arguments[0]).then(({ byHand }) => byHand(Uint8Array.from({ length: arguments[1] }, (_, n) => n * 7)))
                .then((digest) => Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join(''))",
            json!([script, length]),
        );
        let bytes: Vec<u8> = (0..length).map(|n| (n * 7) as u8).collect();
        assert_eq!(digest, sha256(&bytes), "{length}");
    }
}

/// Until a piece cannot get on; then nothing that is being sent can be complete.
pub fn wait_held(proxy: &Proxy) {
    eventually("a piece to be held", || {
        (proxy.manners.held.load(Relaxed) > 0).then_some(())
    });
}

/// Whether at least that many bytes of unfinished uploads are there.
fn staged(app: &TestApp, bytes: u64) -> bool {
    app.persistence()["uploads"]["bytes"].as_u64().unwrap() >= bytes
}
