//! Uploads from pages that are reloaded, closed and opened again: what is not stored yet goes on by
//! itself in the page that comes next, once; and leaving is asked about only where that cannot be.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use serde_json::json;
use tempfile::TempDir;

use crate::app::TestApp;
use crate::browser::Browser;
use crate::command::eventually;
use crate::proxy::Proxy;
use crate::weather::{PICK, assert_stored_once, content, sha256, wait_held, write};

const MIB: u64 = 1 << 20;

/// More than a page keeps of one file that it has no handle for.
const TOO_LARGE_TO_KEEP: usize = 65 << 20;

/// A browser at a proxy that lets no more than that many bytes through until it is released.
fn held_after(bytes: u64) -> (TestApp, Proxy, Browser) {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address());
    proxy.manners.most.store(256 << 10, Relaxed);
    proxy.manners.holds.store(bytes, Relaxed);
    let browser = Browser::open();
    browser.go(&proxy.url("/"));
    (app, proxy, browser)
}

fn release(proxy: &Proxy) {
    proxy.manners.holds.store(0, Relaxed);
}

/// Whether somebody who leaves the page now is asked whether they mean it.
fn asks(browser: &Browser) -> bool {
    let goes = "return dispatchEvent(new Event('beforeunload', { cancelable: true }))";
    browser.run(goes, json!([])) == false
}

fn wait_kept(browser: &Browser) {
    eventually("the page to be left without a question", || {
        (!asks(browser)).then_some(())
    });
}

fn state(browser: &Browser) -> String {
    let state = "return document.querySelector('.tray .state')?.textContent ?? 'no row'";
    browser.run(state, json!([])).as_str().unwrap().to_owned()
}

fn wait_state(browser: &Browser, part: &str) {
    let mut last = String::new();
    eventually(&format!("{part:?} in a row"), || {
        last = state(browser);
        last.contains(part).then_some(())
    });
}

fn wait_nothing_open(app: &TestApp) {
    eventually("no upload to be open", || {
        (app.persistence()["uploads"]["open"] == 0).then_some(())
    });
}

#[test]
fn chromium_goes_on_with_a_large_file_after_a_reload() {
    let (app, proxy, browser) = held_after(6 * MIB);
    let desk = TempDir::new().unwrap();
    let bytes = content(16 << 20);
    let file = write(&desk, "large.bin", &bytes);
    browser.choose_files(PICK, &[&file]);
    wait_held(&proxy);
    wait_kept(&browser);
    browser.reload();
    wait_state(&browser, "sending");
    release(&proxy);
    assert_stored_once(&app, "large.bin", &bytes);
    browser.wait_text("1 stored");
    // It went on where it stood; only pieces that were on their way came twice.
    let again = proxy.manners.passed.load(Relaxed) - 16 * MIB;
    assert!(again < 3 * MIB, "{again} bytes were sent again");
    wait_nothing_open(&app);
    assert_eq!(app.persistence()["uploads"]["expired"], 0);
    // What is stored is nothing to go on with.
    wait_kept(&browser);
}

#[test]
fn chromium_goes_on_with_many_small_files_after_a_reload() {
    let (app, proxy, browser) = held_after(60 << 10);
    let desk = TempDir::new().unwrap();
    let content_of = |n: usize| content(1024 + n);
    let files: Vec<PathBuf> = (0..200)
        .map(|n| write(&desk, &format!("{n:03}.bin"), &content_of(n)))
        .collect();
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    browser.choose_files(PICK, &files);
    wait_held(&proxy);
    wait_kept(&browser);
    browser.reload();
    release(&proxy);
    let listed = eventually("all 200 to be stored", || {
        let listing = app.json("/api/v1/entries?limit=1000");
        let files = listing["files"].as_array().unwrap().clone();
        (files.len() == 200).then_some(files)
    });
    for (n, file) in listed.iter().enumerate() {
        assert_eq!(file["path"], format!("{n:03}.bin"));
        assert_eq!(file["sha256"], sha256(&content_of(n)), "{n}");
    }
    eventually("the page to have nothing left", || {
        let text = browser.text();
        (text.contains("stored and searchable") && !text.contains("not stored")).then_some(())
    });
    // Not one of them came twice.
    let listing = app.json("/api/v1/entries?limit=1000");
    let files = listing["files"].as_array().unwrap();
    assert_eq!(files.len(), 200);
    assert!(files.iter().all(|file| file["version"] == 1));
    wait_nothing_open(&app);
}

#[test]
fn chromium_keeps_a_paused_upload_paused_after_a_reload() {
    let (app, proxy, browser) = held_after(3 * MIB);
    let desk = TempDir::new().unwrap();
    let bytes = content(8 << 20);
    let file = write(&desk, "paused.bin", &bytes);
    browser.choose_files(PICK, &[&file]);
    wait_held(&proxy);
    browser.click("[aria-label='Pause paused.bin']");
    wait_state(&browser, "paused");
    wait_kept(&browser);
    browser.reload();
    wait_state(&browser, "paused");
    release(&proxy);
    browser.click("[aria-label='Resume all']");
    assert_stored_once(&app, "paused.bin", &bytes);
    browser.wait_text("1 stored");
}

#[test]
fn chromium_takes_over_only_what_no_other_tab_looks_after() {
    let (app, proxy, browser) = held_after(3 * MIB);
    let desk = TempDir::new().unwrap();
    let bytes = content(8 << 20);
    let first = write(&desk, "first.bin", &bytes);
    browser.choose_files(PICK, &[&first]);
    wait_held(&proxy);
    wait_kept(&browser);
    let (tab, other) = browser.new_tab();
    browser.switch_to(&other);
    browser.go(&proxy.url("/"));
    let second = write(&desk, "second.bin", &content(7 << 20));
    browser.choose_files(PICK, &[&second]);
    browser.wait_text("second.bin");
    wait_kept(&browser);
    // The other tab's stay with it; its own come back.
    browser.reload();
    browser.wait_text("second.bin");
    assert!(!browser.text().contains("first.bin"));
    // What a closed tab leaves goes on in the next page.
    browser.close_tab();
    browser.switch_to(&tab);
    assert!(!browser.text().contains("second.bin"));
    browser.reload();
    browser.wait_text("second.bin");
    browser.wait_text("first.bin");
    release(&proxy);
    assert_stored_once(&app, "first.bin", &bytes);
    assert_stored_once(&app, "second.bin", &content(7 << 20));
    wait_nothing_open(&app);
}

#[test]
fn chromium_asks_before_it_leaves_only_what_it_cannot_keep() {
    let (app, proxy, browser) = held_after(2 * MIB);
    let desk = TempDir::new().unwrap();
    assert!(!asks(&browser));
    let bytes = content(TOO_LARGE_TO_KEEP);
    let file = write(&desk, "film.bin", &bytes);
    browser.choose_files(PICK, &[&file]);
    wait_held(&proxy);
    assert!(asks(&browser));
    browser.run("window.isLeft = true; location.reload()", json!([]));
    browser.dismiss_question();
    wait_state(&browser, "there; choose this file again to go on");
    assert!(!asks(&browser));
    release(&proxy);
    browser.choose_files(PICK, &[&file]);
    assert_stored_once(&app, "film.bin", &bytes);
    let again = proxy.manners.passed.load(Relaxed) - bytes.len() as u64;
    assert!(again < 2 * MIB, "{again} bytes were sent again");
    browser.wait_text("1 stored");
    assert!(!browser.text().contains("choose this file again"));
    wait_nothing_open(&app);
}

#[test]
fn chromium_names_what_was_neither_sent_nor_kept() {
    let (app, proxy, browser) = held_after(2 * MIB);
    let desk = TempDir::new().unwrap();
    // Two large ones are on their way at a time: the others have not begun.
    let bytes = content(TOO_LARGE_TO_KEEP);
    let files = ["a.bin", "b.bin", "c.bin", "d.bin"].map(|name| write(&desk, name, &bytes));
    browser.choose_files(PICK, &files.each_ref().map(PathBuf::as_path));
    wait_held(&proxy);
    eventually("all of them to be noted, and where two are", || {
        let noted = "return new Promise((done) => {
          indexedDB.open('wharfside.uploads').onsuccess = ({ target: { result } }) => {
            result.transaction('uploads').objectStore('uploads').getAll().onsuccess = ({ target }) => {
              result.close();
              done(target.result.map(({ path, url }) => url ? 'begun' : path).sort());
            };
          };
        })";
        let expected = json!(["begun", "begun", "c.bin", "d.bin"]);
        (browser.run(noted, json!([])) == expected).then_some(())
    });
    // What is sent after that need not go in hundreds of small pieces, as through that proxy.
    browser.run("localStorage.clear(); location.reload()", json!([]));
    browser.dismiss_question();
    browser.wait_text("4 files were not sent when the page was left.");
    browser.wait_text("4 to choose again");
    browser.wait_text("not sent yet; choose this file again");
    assert!(!asks(&browser));
    proxy.manners.most.store(0, Relaxed);
    release(&proxy);
    let dismiss = "[aria-label='Dismiss all of these files']";
    browser.run(PLACES, json!([dismiss]));
    browser.choose_files(PICK, &[&files[3]]);
    assert_stored_once(&app, "d.bin", &bytes);
    browser.wait_text("3 to choose again");
    browser.wait_text("1 stored and searchable");
    // Whoever is about to press it does so while the row of a file grows.
    let places = browser.run("return [...window.places]", json!([]));
    assert_eq!(places.as_array().unwrap().len(), 1, "{places}");
    browser.click(dismiss);
    wait_nothing_open(&app);
    browser.reload();
    wait_kept(&browser);
    assert_eq!(state(&browser), "no row");
    assert_eq!(app.entries(""), ["d.bin"]);
}

/// Notes wherever an element is seen from now on, as pairs of coordinates.
const PLACES: &str = r"
    window.places = new Set();
    const look = () => {
      const { x, y } = document.querySelector(arguments[0])?.getBoundingClientRect() ?? {};
      if (y !== undefined) window.places.add(`${x} ${y}`);
      requestAnimationFrame(look);
    };
    look();
";

/// A server that cannot be asked which names are taken, until the page is told otherwise.
const AWAY: &str = r"
    const ask = window.fetch;
    window.fetch = (url, ...more) => {
      const isAway = String(url).includes('lookup') && !sessionStorage.isBack;
      return isAway ? Promise.reject(new TypeError('away')) : ask(url, ...more);
    };
";

#[test]
fn chromium_asks_about_names_also_after_a_reload() {
    let app = TestApp::start();
    app.put("taken.txt", b"old");
    let desk = TempDir::new().unwrap();
    let files = ["taken.txt", "free.txt"].map(|name| write(&desk, name, b"new"));
    let browser = Browser::open();
    browser.before_each_page(AWAY);
    browser.go(&app.url("/"));
    browser.choose_files(PICK, &files.each_ref().map(PathBuf::as_path));
    browser.wait_text("It goes on by itself");
    wait_kept(&browser);
    browser.reload();
    browser.wait_text("It goes on by itself");
    browser.run("sessionStorage.isBack = 'yes'", json!([]));
    browser.wait_text("This name is taken");
    assert_stored_once(&app, "free.txt", b"new");
    browser.click("[aria-label='New version: taken.txt']");
    eventually("the new version", || {
        (app.get("taken.txt").body == b"new").then_some(())
    });
    browser.wait_text("2 stored");
}

#[test]
fn chromium_ends_what_is_not_chosen_again() {
    let (app, proxy, browser) = held_after(2 * MIB);
    let desk = TempDir::new().unwrap();
    let file = write(&desk, "film.bin", &content(TOO_LARGE_TO_KEEP));
    browser.choose_files(PICK, &[&file]);
    wait_held(&proxy);
    browser.run("location.reload()", json!([]));
    browser.dismiss_question();
    wait_state(&browser, "choose this file again");
    release(&proxy);
    browser.click("[aria-label='Dismiss film.bin']");
    wait_nothing_open(&app);
    assert!(app.entries("").is_empty());
    assert!(!browser.text().contains("film.bin"));
}

/// Gives dropped files handles out of the page's own file system, which lets it read them at any
/// time; a page with `?asks` has to be allowed to first, by a question that no test can answer.
const HANDLES: &str = r"
    DataTransferItem.prototype.getAsFileSystemHandle = async function () {
      const file = this.getAsFile();
      const handle = await (await navigator.storage.getDirectory()).getFileHandle(file.name, { create: true });
      const writable = await handle.createWritable();
      await writable.write(file);
      await writable.close();
      localStorage.setItem(file.name, file.lastModified);
      return handle;
    };
    // A copy is as old as what it was made of.
    const { getFile } = FileSystemFileHandle.prototype;
    FileSystemFileHandle.prototype.getFile = async function () {
      const copy = await getFile.call(this);
      return new File([copy], this.name, { lastModified: Number(localStorage.getItem(this.name)) });
    };
    window.isAllowed = !location.search.includes('asks');
    FileSystemHandle.prototype.queryPermission = async () => window.isAllowed ? 'granted' : 'prompt';
    FileSystemHandle.prototype.requestPermission = async () => {
      window.isAllowed = navigator.userActivation.isActive;
    };
";

#[test]
fn chromium_keeps_a_dropped_file_of_any_size() {
    let (app, proxy, browser) = held_after(2 * MIB);
    let desk = TempDir::new().unwrap();
    let bytes = content(TOO_LARGE_TO_KEEP);
    let file = write(&desk, "dropped.bin", &bytes);
    browser.drop_files(&[&file]);
    wait_held(&proxy);
    wait_kept(&browser);
    browser.reload();
    wait_state(&browser, "waiting for your permission to read it again");
    assert!(!asks(&browser));
    // Choosing it again is as good as allowing it.
    release(&proxy);
    browser.choose_files(PICK, &[&file]);
    assert_stored_once(&app, "dropped.bin", &bytes);
    browser.wait_text("1 stored");
    wait_nothing_open(&app);
}

#[test]
fn chromium_goes_on_with_dropped_files_that_it_may_read() {
    let (app, proxy, browser) = held_after(2 * MIB);
    let desk = TempDir::new().unwrap();
    browser.before_each_page(HANDLES);
    browser.go(&proxy.url("/"));
    let bytes = content(TOO_LARGE_TO_KEEP);
    let file = write(&desk, "dropped.bin", &bytes);
    browser.drop_files(&[&file]);
    wait_held(&proxy);
    wait_kept(&browser);
    browser.reload();
    wait_state(&browser, "sending");
    // And with a page that has to ask first.
    browser.go(&proxy.url("/?asks"));
    wait_state(&browser, "waiting for your permission to read it again");
    release(&proxy);
    browser.click("[aria-label='Go on dropped.bin']");
    assert_stored_once(&app, "dropped.bin", &bytes);
    browser.wait_text("1 stored");
}

#[test]
fn chromium_says_which_files_were_changed_or_removed_meanwhile() {
    let (app, proxy, browser) = held_after(4 * MIB);
    let desk = TempDir::new().unwrap();
    browser.before_each_page(HANDLES);
    browser.go(&proxy.url("/"));
    let files = ["changed.bin", "removed.bin"].map(|name| write(&desk, name, &content(6 << 20)));
    browser.drop_files(&files.each_ref().map(PathBuf::as_path));
    wait_held(&proxy);
    wait_kept(&browser);
    browser.run(
        "return (async () => {
           const folder = await navigator.storage.getDirectory();
           const writable = await (await folder.getFileHandle('changed.bin')).createWritable();
           await writable.write('something else');
           await writable.close();
           await folder.removeEntry('removed.bin');
         })()",
        json!([]),
    );
    browser.reload();
    browser.wait_text("It was changed since; choose it again to send it as it is now.");
    browser.wait_text("The browser cannot read it any more; it may have been moved or removed.");
    browser.wait_text("2 not stored");
    release(&proxy);
    wait_nothing_open(&app);
    assert!(app.entries("").is_empty());
    // They are over: nothing is left of them in the page after that.
    browser.reload();
    wait_kept(&browser);
    assert_eq!(state(&browser), "no row");
}
