//! The pages in a real browser: what a person does with them.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use crate::app::TestApp;
use crate::browser::Browser;
use crate::command::eventually;

/// Files of a person's, outside the library.
fn desk() -> TempDir {
    let desk = TempDir::new().unwrap();
    fs::write(
        desk.path().join("letter.txt"),
        "The figurehead needs paint.",
    )
    .unwrap();
    fs::write(
        desk.path().join("Größe & Maß.md"),
        "# Cordage\n\nTwelve fathoms of manila.",
    )
    .unwrap();
    fs::create_dir_all(desk.path().join("voyage/day 1")).unwrap();
    fs::write(
        desk.path().join("voyage/day 1/log.txt"),
        "Doldrums, and a petrel.",
    )
    .unwrap();
    desk
}

#[test]
fn chromium_uploads_by_form_finds_and_deletes() {
    let app = TestApp::start();
    let desk = desk();
    let browser = Browser::open();
    browser.go(&app.url("/"));
    browser.wait_text("Nothing is stored yet");
    browser.choose_files(
        "input[type=file][multiple]",
        &[
            &desk.path().join("letter.txt"),
            &desk.path().join("Größe & Maß.md"),
        ],
    );
    browser.wait_text("searchable");
    eventually("both files", || (app.entries("").len() == 2).then_some(()));
    app.wait_searchable("letter.txt", "figurehead");
    app.wait_searchable("Größe & Maß.md", "manila");

    browser.type_into("#q", "fathoms\u{E007}");
    // The library's own page names it as well.
    eventually("the search to be shown", || {
        browser.url().contains("/search?q=fathoms").then_some(())
    });
    browser.wait_text("Größe & Maß.md");
    assert_eq!(
        browser.run(
            "return document.querySelector('mark').textContent",
            json!([])
        ),
        "fathoms"
    );
    browser.click("main a[href*='/files/']");
    browser.wait_text("sha256sum");
    browser.click("form[action$='/trash'] button");
    eventually("the file to be in the trash", || {
        (app.entries("") == ["letter.txt"]).then_some(())
    });
    browser.go(&app.url("/trash"));
    browser.wait_text("Größe & Maß.md");
    browser.click("form[action$='/restore'] button");
    eventually("the file to be back", || {
        (app.entries("").len() == 2).then_some(())
    });
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn chromium_uploads_by_form_without_scripts() {
    let app = TestApp::start();
    let desk = desk();
    let browser = Browser::open();
    browser.disable_scripts();
    browser.go(&app.url("/"));
    browser.type_into("#upload input[name=folder]", "plain");
    browser.choose_files(
        "input[type=file][multiple]",
        &[&desk.path().join("letter.txt")],
    );
    browser.click("#upload button");
    eventually("the folder's page", || {
        browser.url().ends_with("/browse/plain").then_some(())
    });
    browser.wait_text("letter.txt");
    assert_eq!(
        app.get("plain/letter.txt").text(),
        "The figurehead needs paint."
    );
}

#[test]
fn chromium_uploads_by_drop_and_keeps_folders() {
    let app = TestApp::start();
    let desk = desk();
    let browser = Browser::open();
    browser.go(&app.url("/"));
    browser.wait_text("Nothing is stored yet");
    browser.drop_files(&[&desk.path().join("letter.txt"), &desk.path().join("voyage")]);
    eventually("the dropped file", || {
        (app.entries("") == ["letter.txt"]).then_some(())
    });
    eventually("the dropped folder", || {
        (app.entries("voyage/day 1") == ["voyage/day 1/log.txt"]).then_some(())
    });
    browser.wait_text("stored");
    browser.wait_text("searchable");
    app.wait_searchable("voyage/day 1/log.txt", "petrel");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn chromium_sees_after_a_restart_what_the_release_before_wrote() {
    let mut app = TestApp::with(&[("GIT_REV", "a1b2c3")]);
    app.put("kept.txt", b"scrimshaw");
    app.wait_searchable("kept.txt", "scrimshaw");
    app.restart("d4e5f6");
    app.persistence();
    let browser = Browser::open();
    browser.go(&app.url("/persistence"));
    browser.wait_text("a1b2c3");
    browser.wait_text("d4e5f6");
    let proofs = browser.run(
        "return document.querySelector('.proofs').innerText",
        json!([]),
    );
    let proofs = proofs.as_str().unwrap();
    for engine in ["Contents", "SQLite", "redb", "tantivy"] {
        assert!(proofs.contains(engine), "{engine} is not named:\n{proofs}");
    }
    assert!(
        proofs.matches("a1b2c3").count() >= 4,
        "not every store names the release:\n{proofs}"
    );
    browser.go(&app.url("/search?q=scrimshaw"));
    browser.wait_text("kept.txt");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn chromium_runs_nothing_that_was_uploaded() {
    let app = TestApp::start();
    app.put(
        "<img src=x onerror=alert(1)>.txt",
        b"<script>document.title = 'taken'</script> binnacle",
    );
    app.wait_indexed();
    let browser = Browser::open();
    for target in [
        "/",
        "/search?q=binnacle",
        "/search?q=%3Cscript%3Edocument.title%3D1%3C/script%3E",
    ] {
        browser.go(&app.url(target));
        let title = browser.run("return document.title", json!([]));
        assert!(
            title.as_str().unwrap().contains("Wharfside"),
            "{target}: {title}"
        );
        assert_eq!(
            browser.run(
                "return document.querySelectorAll('main img').length",
                json!([])
            ),
            0,
            "{target}"
        );
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn chromium_pages_are_light_and_still() {
    let app = TestApp::start();
    for n in 0..60 {
        app.put(
            &format!("folder {}/file {n}.txt", n % 7),
            format!("freight {n}").as_bytes(),
        );
    }
    app.wait_indexed();
    let browser = Browser::open();
    for target in [
        "/",
        "/browse/folder%201",
        "/search?q=freight",
        "/trash",
        "/persistence",
    ] {
        browser.go(&app.url(target));
        let bytes = browser.run(
            "return performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))
                 .reduce((sum, entry) => sum + entry.encodedBodySize, 0)",
            json!([]),
        );
        let bytes = bytes.as_f64().unwrap();
        assert!(
            bytes > 0.0 && bytes <= 60_000.0,
            "{target} takes {bytes} bytes to load"
        );
        let shift = browser.run(
            "let sum = 0;
             const add = (list) => { for (const entry of list) sum += entry.value; };
             const observer = new PerformanceObserver((list) => add(list.getEntries()));
             observer.observe({ type: 'layout-shift', buffered: true });
             return new Promise((done) => {
                 // Two frames: one may be in the making, the next has everything that is known.
                 requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => {
                     add(observer.takeRecords());
                     done(sum);
                 })));
             })",
            json!([]),
        );
        assert_eq!(shift.as_f64(), Some(0.0), "{target} shifts");
    }
}
