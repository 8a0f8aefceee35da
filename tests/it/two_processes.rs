//! P4, P6, P7: two releases on one directory, and those that cannot run there.

use std::fs;

use rusqlite::Connection;

use crate::app::{Directory, TestApp, errors};
use crate::command::eventually;

#[test]
fn p4_two_processes_see_each_others_writes_and_find_them() {
    let one = TestApp::with(&[("GIT_REV", "one")]);
    let two = one.second("two");
    for (here, there, name) in [(&one, &two, "halyard"), (&two, &one, "topsail")] {
        let path = format!("{name}.txt");
        let receipt = here.put(&path, name.as_bytes());
        // At once: no waiting before the bytes, the name and the listing.
        assert_eq!(there.get(&path).body, name.as_bytes());
        assert!(there.entries("").contains(&path));
        there.assert_keeps(&receipt, name.as_bytes(), name);
        here.wait_searchable(&path, name);
    }
    let numbers = [&one, &two].map(|app| app.persistence()["boot"]["number"].as_u64().unwrap());
    assert_ne!(numbers[0], numbers[1]);
    one.assert_sound();
}

#[test]
fn p6_when_the_indexer_dies_another_takes_over() {
    let mut one = TestApp::with(&[("GIT_REV", "one")]);
    one.put("first.txt", b"caulking");
    one.wait_searchable("first.txt", "caulking");
    let mut two = one.second("two");
    one.kill9();
    two.put("second.txt", b"oakum");
    two.wait_searchable("second.txt", "oakum");
    let three = two.second("three");
    assert_eq!(two.stop(), Some(0));
    three.put("third.txt", b"pitch");
    three.wait_searchable("third.txt", "pitch");
    three.assert_sound();
}

#[test]
fn p7_a_newer_storage_format_is_refused_and_left_untouched() {
    let mut app = TestApp::start();
    let receipt = app.put("kept.txt", b"mizzen");
    let marker = app.directory().join("wharfside.json");
    let ours = fs::read_to_string(&marker).unwrap();
    let mut newer: serde_json::Value = serde_json::from_str(&ours).unwrap();
    newer["format"] = 99.into();
    fs::write(&marker, newer.to_string()).unwrap();
    let refused = TestApp::begin(app.share_directory(), &[("GIT_REV", "old")]);
    let sentence = eventually("the refusal", || {
        let answer = refused.fetch("/health/ready");
        assert_eq!(answer.status, 503);
        let reason = answer.json()["reason"].as_str()?.to_owned();
        reason.contains("99").then_some(reason)
    });
    assert!(sentence.ends_with('.'), "{sentence}");
    assert_eq!(refused.fetch("/health/live").status, 200);
    assert_eq!(refused.get("kept.txt").status, 503);
    // The release that runs goes on.
    app.put("more.txt", b"bowsprit");
    assert_eq!(app.get("kept.txt").body, b"mizzen");
    drop(refused);
    assert_eq!(fs::read_to_string(&marker).unwrap(), newer.to_string());
    fs::write(&marker, ours).unwrap();
    assert_eq!(app.stop(), Some(0));
    app.start_again();
    app.assert_keeps(&receipt, b"mizzen", "mizzen");
    app.assert_sound();
}

#[test]
fn p7_a_newer_schema_is_refused_and_left_untouched() {
    let mut app = TestApp::start();
    let receipt = app.put("kept.txt", b"mainsail");
    app.wait_indexed();
    assert_eq!(app.stop(), Some(0));
    // What a release from the future leaves behind that this one must not run beside.
    let catalog = Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let version: u32 = catalog
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    catalog
        .execute_batch(
            "INSERT INTO kit_schema (version, compatible_back_to) VALUES (900, 900);
             PRAGMA user_version = 900;",
        )
        .unwrap();
    let refused = TestApp::begin(app.share_directory(), &[]);
    let reason = eventually("the refusal", || {
        let answer = refused.fetch("/health/ready");
        assert_eq!(answer.status, 503);
        let reason = answer.json()["reason"].as_str()?.to_owned();
        reason.contains("900").then_some(reason)
    });
    assert!(reason.contains("release"), "{reason}");
    assert!(!errors(&app.operate(&["check", "--json"])).is_empty());
    drop(refused);
    catalog
        .execute_batch(&format!(
            "DELETE FROM kit_schema WHERE version = 900; PRAGMA user_version = {version};"
        ))
        .unwrap();
    drop(catalog);
    app.start_again();
    app.assert_keeps(&receipt, b"mainsail", "mainsail");
    app.assert_sound();
}

#[test]
fn p7_a_foreign_directory_is_refused_and_left_untouched() {
    for (name, content) in [
        ("wharfside.json", "{\"name\":\"my-web-project\"}"),
        ("index.html", "<p>somebody else's</p>"),
    ] {
        let directory = Directory::new();
        fs::write(directory.path().join(name), content).unwrap();
        let refused = TestApp::begin(directory.clone(), &[]);
        let reason = eventually("the refusal", || {
            let answer = refused.fetch("/health/ready");
            assert_eq!(answer.status, 503);
            let reason = answer.json()["reason"].as_str()?.to_owned();
            reason.contains("wharfside.json").then_some(reason)
        });
        assert!(reason.contains("STORAGE_DIR"), "{reason}");
        assert_eq!(refused.fetch("/health/live").status, 200);
        drop(refused);
        let left: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, [name]);
        assert_eq!(
            fs::read_to_string(directory.path().join(name)).unwrap(),
            content
        );
    }
}
