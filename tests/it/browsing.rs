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
const ENTER: &str = "\u{E007}";
const HOME: &str = "\u{E011}";
const END: &str = "\u{E010}";
const SHIFT_END: &str = "\u{E008}\u{E010}";
const CONTROL_A: &str = "\u{E009}a";
const F2: &str = "\u{E032}";

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
fn chromium_chooses_everything_in_a_folder_longer_than_the_page() {
    let app = TestApp::start();
    for n in 0..120 {
        app.put(&format!("long/{n:03}.txt"), n.to_string().as_bytes());
    }
    let browser = Browser::open();
    browser.go(&app.url("/browse/long"));
    browser.wait_text("120\u{a0}files");
    let loaded = number(&browser, "document.querySelectorAll('.tick').length");
    assert!(loaded < 120, "{loaded}");
    browser.press(&[DOWN]);
    browser.press(&[CONTROL_A]);
    browser.wait_text("All chosen");
    browser.click("#selection [name=do][value=trash]");
    browser.wait_text("120\u{a0}files moved to the trash");
    assert!(app.entries("long").is_empty());
    browser.click(".notice button");
    browser.wait_text("120\u{a0}files restored");
    // All but some; and what lies between two rows, in sight or not.
    browser.go(&app.url("/browse/long"));
    browser.click("[aria-label='Choose 000.txt']");
    browser.click("[data-everything]");
    browser.wait_text("All chosen");
    browser.click("[aria-label='Choose 000.txt']");
    browser.click("[aria-label='Choose 007.txt']");
    browser.wait_text("All chosen but 2");
    browser.click("#selection [name=do][value=trash]");
    browser.wait_text("118\u{a0}files moved");
    assert_eq!(app.entries("long"), ["long/000.txt", "long/007.txt"]);
    browser.click(".notice button");
    browser.wait_text("118\u{a0}files restored");
    browser.go(&app.url("/browse/long"));
    browser.press(&[DOWN, END]);
    eventually("the last row to have the focus", || {
        let focused = browser.run("return document.activeElement.textContent", json!([]));
        (focused == "119.txt").then_some(())
    });
    browser.press(&[HOME, SHIFT_END]);
    browser.wait_text("120 chosen");
}

#[test]
fn chromium_keeps_what_is_chosen_while_a_list_grows_and_shrinks() {
    let app = TestApp::start();
    for n in 0..50 {
        app.put(&format!("list/{n:02}.txt"), b"x");
    }
    let browser = Browser::open();
    browser.go(&app.url("/browse/list"));
    browser.click("[aria-label='Choose 03.txt']");
    browser.click("[aria-label='Choose 07.txt']");
    browser.wait_text("2 chosen");
    // One more is one more than a page has.
    for n in 50..70 {
        app.put(&format!("list/{n:02}.txt"), b"x");
    }
    browser.wait_text("70\u{a0}files");
    browser.wait_text("2 chosen");
    browser.press(&[END]);
    browser.press(&[DOWN, END]);
    eventually("the last of them to have the focus", || {
        let focused = browser.run("return document.activeElement.textContent", json!([]));
        (focused == "69.txt").then_some(())
    });
    for n in 40..70 {
        app.delete(&format!("list/{n:02}.txt"));
    }
    eventually("the list to be short again", || {
        let rows = "document.querySelectorAll('#listing [data-row]').length";
        (number(&browser, rows) == 40).then_some(())
    });
    browser.wait_text("2 chosen");
}

#[test]
fn chromium_renames_from_the_list() {
    let app = app_with(&["folder/a.txt", "folder/deep/b.txt"]);
    let browser = Browser::open();
    browser.go(&app.url("/browse/folder"));
    browser.press(&[DOWN, DOWN, F2]);
    browser.type_keys("renamed");
    browser.press(&[ENTER]);
    browser.wait_text("Renamed.");
    wait_entries(&app, "folder", &["folder/renamed.txt"]);
    browser.click("[aria-label='Choose the folder deep']");
    browser.press(&[F2]);
    browser.type_keys("deeper");
    browser.press(&[ENTER]);
    browser.wait_text("Renamed.");
    wait_entries(&app, "folder/deeper", &["folder/deeper/b.txt"]);
}

#[test]
fn chromium_drags_rows_onto_folders() {
    let app = app_with(&["here/a.txt", "here/b.txt", "here/to/c.txt"]);
    let browser = Browser::open();
    browser.go(&app.url("/browse/here"));
    browser.click("[aria-label='Choose a.txt']");
    browser.click("[aria-label='Choose b.txt']");
    browser.drag(
        "[data-row]:has([aria-label='Choose a.txt'])",
        "[data-folder='here/to']",
    );
    browser.wait_text("2\u{a0}files moved.");
    wait_entries(
        &app,
        "here/to",
        &["here/to/a.txt", "here/to/b.txt", "here/to/c.txt"],
    );
    // One that is not chosen goes alone; a crumb is a folder, too.
    browser.go(&app.url("/browse/here/to"));
    browser.drag(
        "[data-row]:has([aria-label='Choose c.txt'])",
        ".crumbs a[href='/']",
    );
    browser.wait_text("1\u{a0}file moved.");
    wait_entries(&app, "", &["c.txt"]);
}

#[test]
fn chromium_follows_the_trash_a_file_and_a_search() {
    let app = app_with(&["harbour/quay.txt"]);
    app.wait_searchable("harbour/quay.txt", "quay");
    let id = app.json("/api/v1/entries?folder=harbour")["files"][0]["id"]
        .as_i64()
        .unwrap();
    let browser = Browser::open();
    browser.go(&app.url(&format!("/files/{id}")));
    browser.wait_text("durable");
    app.put("harbour/quay.txt", b"a later quay");
    browser.wait_text("12\u{a0}B");
    // Whoever types goes on typing.
    browser.type_into("#tags", "mine");
    app.patch(id, json!({ "tags": ["theirs"] }));
    browser.wait_text("theirs");
    let typed = browser.run("return document.getElementById('tags').value", json!([]));
    assert_eq!(typed, "mine");
    browser.go(&app.url("/trash"));
    browser.wait_text("The trash is empty");
    app.delete("harbour/quay.txt");
    browser.wait_text("harbour/quay.txt");
    browser.go(&app.url("/search?q=quay"));
    browser.wait_text("Nothing found");
    app.put("quay.txt", b"a new quay");
    browser.wait_text("1\u{a0}file");
    browser.wait_text("a new quay");
}

#[test]
fn chromium_takes_photos_and_picks_files_on_any_page() {
    let app = app_with(&["albums/x.txt"]);
    let desk = TempDir::new().unwrap();
    let photo = write(&desk, "image.jpg", b"\xff\xd8\xff a photo");
    let browser = Browser::open();
    browser.go(&app.url("/browse/albums"));
    // A phone's camera gives each photo the same name.
    browser.choose_files("input[capture]", &[&photo]);
    let stored = eventually("the photo", || {
        let stored = app.entries("albums");
        stored.iter().find(|path| path.contains("Photo ")).cloned()
    });
    assert!(stored.ends_with(".jpg"), "{stored}");
    // On a page without a form, the key makes a picker of its own.
    browser.go(&app.url("/persistence"));
    browser.run(
        "HTMLInputElement.prototype.click = function () { window.picker = this; document.body.append(this); this.id = 'picker'; }",
        json!([]),
    );
    browser.press(&["u"]);
    let file = write(&desk, "from anywhere.txt", b"anywhere");
    browser.choose_files("#picker", &[&file]);
    assert_stored_once(&app, "from anywhere.txt", b"anywhere");
}

#[test]
fn chromium_shows_hostile_names_as_they_are() {
    let names = [
        "<img src=x onerror=window.isHacked=1>.txt",
        "\"><script>window.isHacked=1<.txt",
        "' onfocus=window.isHacked=1 x='.txt",
        "{{7*7}} %3Cb%3E &amp;.txt",
        "\u{202e}txt.exe",
    ];
    let app = app_with(&names);
    let browser = Browser::open();
    browser.go(&app.url("/"));
    let shown = browser.run(
        "return [...document.querySelectorAll('#listing .name a bdi')].map((place) => place.textContent).sort()",
        json!([]),
    );
    // What would turn the rest of the line round is shown as a character that cannot be shown.
    let mut expected = names.map(|name| name.replace('\u{202e}', "\u{fffd}"));
    expected.sort_unstable();
    assert_eq!(shown, json!(expected));
    for name in expected {
        browser.run(
            "const [name] = arguments;
             [...document.querySelectorAll('.tick input')]
               .find((box) => box.getAttribute('aria-label') === `Choose ${name}`).click();",
            json!([name]),
        );
    }
    browser.press(&["?"]);
    browser.press(&[ESCAPE]);
    browser.run(
        "document.querySelector('#selection [name=tags]').closest('details').open = true",
        json!([]),
    );
    browser.type_into("#selection [name=tags]", "<b>tag</b>");
    browser.click("#selection [name=do][value=tag]");
    browser.wait_text("tagged.");
    browser.wait_text("<b>tag</b>");
    browser.press(&[DOWN, " "]);
    browser.wait_text("Download");
    assert_eq!(
        browser.run("return window.isHacked ?? null", json!([])),
        Value::Null
    );
    assert_eq!(browser.complaints(), [""; 0]);
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
