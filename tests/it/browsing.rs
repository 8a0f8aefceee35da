//! The library in a real browser: choosing, moving, deleting and taking it back, long lists, what
//! others change, and uploads that go on while somebody looks around.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::app::TestApp;
use crate::browser::Browser;
use crate::command::eventually;
use crate::proxy::Proxy;
use crate::weather::{PICK, assert_stored_once, content, wait_held, write};

const DOWN: &str = "\u{E015}";
const SHIFT_DOWN: &str = "\u{E008}\u{E015}";
const DELETE: &str = "\u{E017}";
const ESCAPE: &str = "\u{E00C}";

fn app_with(paths: &[&str]) -> TestApp {
    let app = TestApp::start();
    for path in paths {
        app.put(path, path.as_bytes());
    }
    app
}

fn wait_entries(app: &TestApp, folder: &str, expected: &[&str]) {
    let mut last = Vec::new();
    eventually(&format!("{expected:?} in {folder:?}"), || {
        last = app.entries(folder);
        (last == expected).then_some(())
    });
}

fn number(browser: &Browser, script: &str) -> u64 {
    let found = browser.run(&format!("return {script}"), json!([]));
    found.as_u64().unwrap()
}

#[test]
fn chromium_deletes_with_the_keyboard_and_takes_it_back() {
    let app = app_with(&["a.txt", "b.txt", "c.txt"]);
    let browser = Browser::open();
    browser.go(&app.url("/"));
    browser.run("window.isSame = true", json!([]));
    browser.press(&[DOWN, SHIFT_DOWN]);
    browser.wait_text("2 chosen");
    browser.press(&[DELETE]);
    browser.wait_text("moved to the trash");
    wait_entries(&app, "", &["c.txt"]);
    browser.click(".notice button");
    browser.wait_text("restored");
    wait_entries(&app, "", &["a.txt", "b.txt", "c.txt"]);
    assert_eq!(browser.run("return window.isSame", json!([])), true);
    browser.press(&[DOWN, " "]);
    browser.wait_text("Download");
    assert_eq!(
        number(&browser, "document.querySelectorAll('dialog').length"),
        1
    );
    browser.press(&[ESCAPE, "?"]);
    browser.wait_text("Keyboard shortcuts\n");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn chromium_moves_and_tags_what_is_chosen() {
    let app = app_with(&["a.txt", "b.txt", "to/b.txt", "old/deep/c.txt"]);
    let browser = Browser::open();
    browser.go(&app.url("/"));
    for name in ["a.txt", "b.txt"] {
        browser.click(&format!("[aria-label='Choose {name}']"));
    }
    browser.click("[aria-label='Choose the folder old']");
    browser.wait_text("3 chosen");
    browser.run(
        "document.querySelector('#selection [name=to]').closest('details').open = true",
        json!([]),
    );
    browser.type_into("#selection [name=to]", "to");
    browser.click("#selection [name=do][value=move]");
    // One name is taken there: nothing moves, and the page says what to do.
    browser.wait_text("tick \"keep both\"");
    assert_eq!(app.entries(""), ["a.txt", "b.txt"]);
    browser.click("[aria-label='Choose b.txt']");
    browser.run(
        "document.querySelector('#selection [name=to]').closest('details').open = true",
        json!([]),
    );
    browser.type_into("#selection [name=to]", "to");
    browser.click("#selection [name=both]");
    browser.click("#selection [name=do][value=move]");
    browser.wait_text("moved.");
    wait_entries(&app, "to", &["to/b (2).txt", "to/b.txt"]);
    browser.go(&app.url("/browse/to"));
    browser.click("[aria-label='Choose b.txt']");
    browser.run(
        "document.querySelector('#selection [name=tags]').closest('details').open = true",
        json!([]),
    );
    browser.type_into("#selection [name=tags]", "berth, tide");
    browser.click("#selection [name=do][value=tag]");
    browser.wait_text("tagged.");
    let listing = app.json("/api/v1/entries?folder=to");
    assert_eq!(listing["files"][1]["tags"], json!(["berth", "tide"]));
}

#[test]
fn chromium_deletes_what_is_ticked_without_scripts() {
    let app = app_with(&["a.txt", "b.txt", "folder/c.txt"]);
    let browser = Browser::open();
    browser.disable_scripts();
    browser.go(&app.url("/"));
    browser.click("[aria-label='Choose a.txt']");
    browser.click("[aria-label='Choose the folder folder']");
    browser.click("#selection [name=do][value=trash]");
    wait_entries(&app, "", &["b.txt"]);
    browser.click(".notice button");
    wait_entries(&app, "", &["a.txt", "b.txt"]);
    wait_entries(&app, "folder", &["folder/c.txt"]);
    browser.click("[aria-label='Choose b.txt']");
    browser.click("#selection [name=do][value=trash]");
    wait_entries(&app, "", &["a.txt"]);
    browser.go(&app.url("/trash"));
    browser.click("[aria-label='Choose b.txt']");
    browser.click("#selection [name=do][value=restore]");
    wait_entries(&app, "", &["a.txt", "b.txt"]);
}

#[test]
fn chromium_shows_what_another_process_changes() {
    let app = app_with(&["first.txt"]);
    let other = app.second("next");
    let browser = Browser::open();
    browser.go(&app.url("/"));
    browser.wait_text("first.txt");
    browser.click("[aria-label='Choose first.txt']");
    let receipt = other.put("by another.txt", b"spinnaker");
    browser.wait_text("by another.txt");
    // What somebody was about to do is not disturbed.
    browser.wait_text("1 chosen");
    other.patch(receipt.id, json!({ "trashed": true }));
    eventually("the file to leave the page", || {
        (!browser.text().contains("by another.txt")).then_some(())
    });
}

#[test]
fn chromium_scrolls_through_a_long_folder_and_keeps_what_is_ticked() {
    let app = TestApp::start();
    for n in 0..430 {
        app.put(&format!("long/{n:03}.txt"), b"x");
    }
    let browser = Browser::open();
    browser.go(&app.url("/browse/long"));
    browser.wait_text("430");
    browser.click("[aria-label='Choose 007.txt']");
    let last = "[...document.querySelectorAll('.block')].at(-1).scrollIntoView({ block: 'end' })";
    eventually("the last row", || {
        browser.run(last, json!([]));
        browser.text().contains("429.txt").then_some(())
    });
    browser.click("[aria-label='Choose 429.txt']");
    browser.wait_text("2 chosen");
    browser.click("#selection [name=do][value=trash]");
    browser.wait_text("moved to the trash");
    let rows = app.json("/api/v1/entries?folder=long&limit=1000");
    let names: Vec<&Value> = rows["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| &file["path"])
        .collect();
    assert_eq!(names.len(), 428);
    assert!(!names.contains(&&json!("long/007.txt")) && !names.contains(&&json!("long/429.txt")));
    // Below a folder, and as a grid.
    browser.go(&app.url("/?flat=true&grid=true&reverse=true"));
    browser.wait_text("428.txt");
}

#[test]
fn chromium_keeps_sending_while_somebody_looks_around() {
    let app = app_with(&["folder/a.txt"]);
    let proxy = Proxy::before(app.address());
    proxy.manners.most.store(256 << 10, Relaxed);
    let desk = TempDir::new().unwrap();
    let bytes = content(6 << 20);
    let file = write(&desk, "long.bin", &bytes);
    let browser = Browser::open();
    browser.go(&proxy.url("/"));
    proxy.manners.holds.store(2 << 20, Relaxed);
    browser.choose_files(PICK, &[&file]);
    wait_held(&proxy);
    browser.run("window.isSame = true", json!([]));
    browser.click("main a[href='/browse/folder']");
    browser.wait_text("a.txt");
    browser.click("a[href='/trash']");
    browser.wait_text("The trash is empty");
    browser.click("a[href='/']");
    browser.wait_text("Order by");
    assert_eq!(browser.run("return window.isSame", json!([])), true);
    proxy.manners.holds.store(0, Relaxed);
    assert_stored_once(&app, "long.bin", &bytes);
    browser.wait_text("1 stored and searchable");
}

/// axe-core, as its users have it; `tests/clients/install` brings it.
fn axe() -> String {
    let installed = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/target/clients/node_modules/axe-core/axe.min.js"
    );
    std::fs::read_to_string(Path::new(installed))
        .expect("axe-core is missing; run tests/clients/install (scripts/test does)")
}

#[test]
fn needs_npm_axe_core_finds_no_violation_on_any_page_in_chromium() {
    let app = app_with(&["a.txt", "folder/b.md", "c.txt"]);
    let id = app.put("d.txt", b"capstan").id;
    app.wait_searchable("d.txt", "capstan");
    app.delete("c.txt");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    app.call("POST", "/searches", &form, Some(b"name=Work&q=capstan"));
    let (axe, browser) = (axe(), Browser::open());
    let check = |page: &str| {
        browser.run(&axe, json!([]));
        let found = browser.run(
            "return axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
               .then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`))",
            json!([]),
        );
        assert_eq!(found, json!([]), "{page}");
    };
    for page in [
        "/".to_owned(),
        "/?grid=true&flat=true".into(),
        "/browse/folder".into(),
        "/browse/nothing".into(),
        format!("/files/{id}"),
        "/search".into(),
        "/search?q=capstan".into(),
        "/search?q=nothing".into(),
        "/search?q=capstna".into(),
        "/search?q=capstan&type=book&folder=folder".into(),
        "/search?folder=folder&sort=name".into(),
        "/trash".into(),
        "/persistence".into(),
        "/no/such/page".into(),
    ] {
        browser.go(&app.url(&page));
        eventually("the page", || {
            (browser.run("return document.readyState", json!([])) == "complete").then_some(())
        });
        check(&page);
    }
    browser.narrow();
    browser.go(&app.url("/search?q=capstan&type=text"));
    browser.click(".facets summary");
    check("what to narrow down to, unfolded on a phone");
    browser.go(&app.url("/"));
    browser.click("[aria-label='Choose a.txt']");
    check("a choice");
    browser.press(&[ESCAPE, "?"]);
    browser.wait_text("Keyboard shortcuts\n");
    check("the list of keys");
    browser.press(&[ESCAPE]);
    let desk = TempDir::new().unwrap();
    browser.choose_files(
        PICK,
        &[&write(&desk, "e.txt", b"e"), &write(&desk, "a.txt", b"new")],
    );
    browser.wait_text("This name is taken");
    check("the list of uploads");
}
