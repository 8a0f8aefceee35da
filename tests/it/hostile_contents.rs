//! Contents that somebody stores to make the server slow, or to learn from it what others have.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::Value;

use crate::app::TestApp;
use crate::command::eventually;

fn metric(app: &TestApp, name: &str) -> u64 {
    let text = app.fetch("/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
        .parse()
        .unwrap()
}

/// Texts that children of this process have formatted.
fn formatted(app: &TestApp) -> u64 {
    metric(app, "wharfside_extract_previews_total")
}

/// A few bytes on which a grammar spends seconds.
fn bomb() -> Vec<u8> {
    let mut bytes = b"(".to_vec();
    bytes.resize(998, b'_');
    bytes
}

/// Waits until it is kept what came of formatting: then a process that starts does not try it.
fn wait_kept(app: &TestApp, page: &str) {
    eventually("what came of formatting to be kept", || {
        let other = app.second("another");
        assert_eq!(other.fetch(page).status, 200);
        (formatted(&other) == 0).then_some(())
    });
}

/// Each of them would keep a thread of the server busy for an hour, or end the process.
#[test]
fn what_is_hostile_to_format_costs_a_child_and_is_tried_once() {
    let app = TestApp::with(&[("EXTRACT_WORKERS", "1"), ("EXTRACT_MEMORY", "128MiB")]);
    let misdeeds = ["abort", "panic", "hoard", "overflow", "loop", "sleep"];
    for (number, misdeed) in misdeeds.iter().enumerate() {
        for ending in ["rs", "md"] {
            let text = format!("preview-misdeed {misdeed} <b>{ending}</b>");
            let id = app.put(&format!("{misdeed}.{ending}"), text.as_bytes()).id;
            app.wait_indexed();
            let page = format!("/files/{id}");
            let text = app.fetch(&page).text();
            assert!(
                text.contains(&format!("preview-misdeed {misdeed}")),
                "{text}"
            );
            assert!(!text.contains("<b>"), "{text}");
            let done = 2 * number as u64 + u64::from(ending == "md") + 1;
            eventually("it to be given up", || {
                (formatted(&app) == done).then_some(())
            });
            app.fetch(&page);
            assert_eq!(formatted(&app), done, "{misdeed} is not tried again");
            if misdeed == &"sleep" {
                wait_kept(&app, &page);
            }
        }
    }
    app.put("last.txt", b"quiet water");
    app.wait_searchable("last.txt", "quiet");
    app.assert_sound();
}

/// Whoever looks at others' pages meanwhile is answered while those of the attack still run.
#[test]
fn a_flood_of_hostile_previews_keeps_nobody_waiting() {
    let app = TestApp::with(&[("EXTRACT_WORKERS", "1")]);
    let files: Vec<i64> = (0..24)
        .map(|number| {
            let text = format!("preview-misdeed sleep {number}");
            app.put(&format!("{number}.rs"), text.as_bytes()).id
        })
        .collect();
    app.wait_indexed();
    let (waiting, answered) = (AtomicUsize::new(files.len()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for id in &files {
            let (app, waiting) = (&app, &waiting);
            scope.spawn(move || {
                let page = app.fetch(&format!("/files/{id}"));
                assert_eq!(page.status, 200);
                assert!(page.text().contains("preview-misdeed sleep"));
                waiting.fetch_sub(1, Relaxed);
            });
        }
        while waiting.load(Relaxed) > 0 {
            assert_eq!(app.fetch("/").status, 200);
            // At most one of them is given up by then: the others are formatted one by one.
            if waiting.load(Relaxed) > 0 && formatted(&app) <= 1 {
                answered.fetch_add(1, Relaxed);
            }
        }
    });
    assert!(answered.load(Relaxed) > 0);
}

#[test]
fn a_bomb_for_grammars_is_shown_as_it_stands() {
    let app = TestApp::start();
    let bytes = bomb();
    for ending in ["cs", "java", "php", "ts", "rb", "sql"] {
        let id = app.put(&format!("bomb.{ending}"), &bytes).id;
        app.wait_indexed();
        let page = app.fetch(&format!("/files/{id}"));
        assert_eq!(page.status, 200);
        assert!(page.text().contains(&"_".repeat(997)), "{ending}");
    }
    let code = app.put("a.rs", b"fn main() { /* a quay */ }").id;
    app.wait_indexed();
    eventually("code in colours", || {
        let page = app.fetch(&format!("/files/{code}")).text();
        page.contains("s-comment").then_some(())
    });
}

/// As what somebody's file is read is decided by nobody else, and not by who came first.
#[test]
fn storing_the_same_bytes_first_as_mail_does_not_make_a_text_unreadable() {
    let app = TestApp::start();
    let bytes = b"harbour dues are paid at noon";
    let mail = app.put("mallory/a.eml", bytes);
    app.wait_indexed();
    let text = app.put("ada/a.txt", bytes);
    app.wait_searchable("ada/a.txt", "harbour dues");
    assert_eq!(mail.sha256, text.sha256);
    let media_type = |id: i64| app.entry(id)["facts"]["media_type"].clone();
    assert_eq!(media_type(mail.id), "message/rfc822");
    assert_eq!(media_type(text.id), "text/plain");
    assert_eq!(app.entry(text.id)["facts"]["name_only"], Value::Null);
    // Each was read for itself, so neither answer nor time tells of the other.
    assert_eq!(metric(&app, "wharfside_extract_documents_total"), 2);
    app.assert_sound();
}
