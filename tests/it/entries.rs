//! Listing, renaming, tags, trash and versions through the JSON API.

use serde_json::json;
use wharfside::library::Receipt;

use crate::app::TestApp;
use crate::command::eventually;

#[test]
fn folders_are_derived_and_pages_are_complete() {
    let app = TestApp::start();
    let mut names: Vec<String> = (0..10).map(|n| format!("logs/day {n}.txt")).collect();
    for name in &names {
        app.put(name, name.as_bytes());
    }
    app.put("logs/old/ancient.txt", b"12345");
    app.put("logs/older/than/that.txt", b"1234567");
    names.sort();
    assert_eq!(app.entries("logs"), names);
    let first = app.json("/api/v1/entries?folder=logs&limit=3");
    assert_eq!(first["folders"].as_array().unwrap().len(), 2, "{first}");
    assert_eq!(first["folders"][0]["path"], "logs/old");
    assert_eq!(first["folders"][1]["files"], 1);
    assert_eq!(first["folders"][1]["bytes"], 7);
    let root = app.json("/api/v1/entries");
    assert_eq!(root["folders"][0]["files"], 12);
    // The two folders count among the three, and the newest file follows them.
    let by_time = app.json("/api/v1/entries?folder=logs&sort=time&limit=3");
    assert_eq!(by_time["files"].as_array().unwrap().len(), 1, "{by_time}");
    assert_eq!(by_time["files"][0]["path"], "logs/day 9.txt");
    let folders = app.json("/api/v1/entries?folder=logs&limit=1");
    assert_eq!(folders["folders"].as_array().unwrap().len(), 1, "{folders}");
    assert_eq!(folders["files"], json!([]));
    assert!(folders["next"].is_string(), "{folders}");
}

#[test]
fn many_paths_are_looked_up_at_once() {
    let app = TestApp::start();
    app.put("voyage/log.txt", b"fair wind");
    app.put("voyage/day 1/\u{fc}ber.txt", b"doldrums");
    app.put("log.txt", b"elsewhere");
    let gone = app.put("voyage/gone.txt", b"overboard");
    app.patch(gone.id, json!({ "trashed": true }));
    let asked = json!({
        "folder": "voyage",
        "paths": ["day 1/u\u{308}ber.txt", "gone.txt", "never.txt", "log.txt"],
    });
    let answer = app.post_json("/api/v1/entries/lookup", &asked);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let present = &answer.json()["present"];
    assert_eq!(present[0]["path"], "voyage/day 1/\u{fc}ber.txt");
    assert_eq!(present[1]["path"], "voyage/log.txt");
    assert_eq!(present[1]["size"], 9);
    assert_eq!(present.as_array().unwrap().len(), 2, "{present}");
    let hostile = json!({ "folder": "voyage", "paths": ["log.txt", "a/../../b"] });
    let problem = app
        .post_json("/api/v1/entries/lookup", &hostile)
        .problem(400);
    assert!(problem.contains("a/../../b"), "{problem}");
    let many = json!({ "paths": vec!["x"; 1001] });
    app.post_json("/api/v1/entries/lookup", &many).problem(400);
    let large = json!({ "paths": ["x".repeat(2 << 20)] });
    app.post_json("/api/v1/entries/lookup", &large).problem(413);
}

#[test]
fn a_rename_keeps_the_file_and_finds_it_by_its_new_name() {
    let app = TestApp::start();
    let receipt = app.put("draft.txt", b"mooring rights");
    app.put("taken.txt", b"other");
    app.wait_searchable("draft.txt", "mooring");
    app.patch(receipt.id, json!({ "path": "taken.txt" }))
        .problem(409);
    app.patch(receipt.id, json!({ "path": "a/../b" }))
        .problem(400);
    let answer = app.patch(receipt.id, json!({ "path": "treaties/harbourmaster.txt" }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(app.get("draft.txt").status, 404);
    assert_eq!(
        app.get("treaties/harbourmaster.txt").body,
        b"mooring rights"
    );
    app.wait_searchable("treaties/harbourmaster.txt", "harbourmaster");
    app.wait_searchable("treaties/harbourmaster.txt", "mooring folder:treaties");
    app.assert_sound();
}

#[test]
fn tags_are_kept_and_searched() {
    let app = TestApp::start();
    let id = app.put("bill.txt", b"freight").id;
    app.put("other.txt", b"freight");
    let answer = app.patch(id, json!({ "tags": ["Paid", "2026"] }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    app.wait_searchable("bill.txt", "tag:paid freight");
    assert_eq!(app.found("tag:paid"), ["bill.txt"]);
}

#[test]
fn the_trash_gives_back_what_was_deleted() {
    let app = TestApp::start();
    let receipt = app.put("goods/crate.txt", b"nutmeg and mace");
    app.wait_searchable("goods/crate.txt", "nutmeg");
    let deleted = app.delete("goods/crate.txt");
    assert!(matches!(deleted.status, 200 | 204), "{}", deleted.text());
    app.assert_absent("goods/crate.txt", "nutmeg");
    assert!(app.entry(receipt.id)["trashed_ms"].is_i64());
    app.delete("goods/crate.txt").problem(404);
    let restored = app.patch(receipt.id, json!({ "trashed": false }));
    assert_eq!(restored.status, 200, "{}", restored.text());
    app.assert_keeps(&receipt, b"nutmeg and mace", "nutmeg");
}

#[test]
fn an_older_version_comes_back_as_a_new_one() {
    let app = TestApp::start();
    let first = app.put("plan.txt", b"sail at dawn");
    app.put("plan.txt", b"sail at dusk");
    let answer = app.patch(first.id, json!({ "version": 1 }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let entry = app.entry(first.id);
    assert_eq!(entry["version"], 3);
    assert_eq!(app.get("plan.txt").body, b"sail at dawn");
    app.wait_searchable("plan.txt", "dawn");
}

#[test]
fn a_content_goes_only_when_nothing_names_it() {
    let mut app = TestApp::with(&[("GRACE_MINUTES", "0")]);
    let one = app.put("one.txt", b"shared ballast");
    let two = app.put("two.txt", b"shared ballast");
    let hex = one.sha256.to_string();
    let blob = app
        .directory()
        .join("blobs")
        .join(&hex[..2])
        .join(&hex[2..4])
        .join(&hex);
    let purge = |app: &TestApp, receipt: &Receipt| {
        assert!(app.delete(receipt.path.as_str()).status < 300);
        let target = format!("/files/{}/purge", receipt.id);
        assert_eq!(app.call("POST", &target, &[], Some(b"")).status, 303);
        assert_eq!(
            app.fetch(&format!("/api/v1/entries/{}", receipt.id)).status,
            404
        );
    };
    purge(&app, &one);
    // A start collects what may go.
    app.restart("next");
    app.assert_keeps(&two, b"shared ballast", "ballast");
    purge(&app, &two);
    app.restart("after-that");
    eventually("the content to go", || (!blob.exists()).then_some(()));
    // Nothing remembers it: the same content can come again.
    let again = app.put("again.txt", b"shared ballast");
    app.assert_keeps(&again, b"shared ballast", "ballast");
    app.assert_sound();
}

#[test]
fn the_api_describes_itself() {
    let app = TestApp::start();
    let document = app.json("/api/v1/openapi.json");
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    for (path, methods) in [
        ("/api/v1/files/", &["put", "get", "head", "delete"][..]),
        ("/api/v1/entries", &["get"]),
        ("/api/v1/entries/lookup", &["post"]),
        ("/api/v1/entries/{id}", &["get", "patch"]),
        ("/api/v1/entries/{id}/versions", &["get"]),
        ("/api/v1/search", &["get"]),
        ("/api/v1/persistence", &["get"]),
    ] {
        let described = paths
            .iter()
            .find(|(described, _)| {
                *described == path || (path.ends_with('/') && described.starts_with(path))
            })
            .unwrap_or_else(|| panic!("{path} is not described"));
        for method in methods {
            assert!(described.1[*method].is_object(), "{method} {path}");
        }
    }
}
