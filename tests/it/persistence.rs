//! P1, P3, P8 and the self-check: what one boot writes, the next reads back from all four stores.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::app::TestApp;
use crate::command::eventually;

fn stores(persistence: &Value) -> Vec<(String, String)> {
    persistence["stores"]
        .as_array()
        .unwrap()
        .iter()
        .map(|proof| (text(&proof["store"]), text(&proof["state"])))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The proof of one store.
fn proof<'a>(persistence: &'a Value, store: &str) -> &'a Value {
    let proofs = persistence["stores"].as_array().unwrap();
    proofs
        .iter()
        .find(|proof| proof["store"] == store)
        .unwrap_or_else(|| panic!("no proof of {store}: {persistence}"))
}

/// What a start found, repaired or rebuilt.
fn repairs(persistence: &Value) -> Vec<String> {
    persistence["repairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(text)
        .collect()
}

/// Whether a start tells that something had to be repaired or rebuilt.
fn tells_of_repair(persistence: &Value) -> bool {
    !repairs(persistence).is_empty()
        || stores(persistence)
            .iter()
            .any(|(_, state)| state == "rebuilt")
}

#[test]
fn the_next_release_reads_back_what_this_one_wrote() {
    let mut app = TestApp::with(&[("GIT_REV", "a1b2c3")]);
    let first = app.persistence();
    assert!(
        stores(&first).iter().all(|(_, state)| state == "first"),
        "{first}"
    );
    let receipt = app.put("kept.txt", b"ballast");
    // Its mark is in the index from the first commit on; who is told to go makes none any more.
    app.wait_searchable("kept.txt", "ballast");
    app.restart("d4e5f6");
    let second = app.persistence();
    assert_eq!(second["boot"]["release"], "d4e5f6");
    assert_eq!(
        second["boot"]["number"].as_u64(),
        first["boot"]["number"].as_u64().map(|n| n + 1)
    );
    for store in ["blobs", "catalog", "facts", "index"] {
        let proof = proof(&second, store);
        assert_eq!(proof["state"], "proven", "{store}: {proof}");
        assert_eq!(proof["written_by"]["release"], "a1b2c3", "{store}: {proof}");
    }
    assert_eq!(second["boots"].as_array().unwrap().len(), 2);
    assert!(second["boots"][1]["ended_ms"].is_i64(), "{second}");
    app.assert_keeps(&receipt, b"ballast", "ballast");
}

#[test]
fn p1_what_was_acknowledged_survives_kill_9() {
    let mut app = TestApp::start();
    let mut receipts = Vec::new();
    for n in 0..20 {
        let text = format!("keel{n} timber");
        receipts.push((app.put(&format!("ship/{n}.txt"), text.as_bytes()), text));
    }
    app.kill9();
    app.start_again();
    for (receipt, text) in &receipts {
        app.assert_keeps(receipt, text.as_bytes(), text.split(' ').next().unwrap());
    }
    app.assert_sound();
}

#[test]
fn p8_a_second_recovery_has_nothing_to_do() {
    let mut app = TestApp::start();
    app.put("a.txt", b"anchor");
    app.wait_indexed();
    app.kill9();
    fs::remove_file(app.directory().join("facts.redb")).unwrap();
    fs::write(index_meta(app.directory()), b"").unwrap();
    app.start_again();
    app.wait_searchable("a.txt", "anchor");
    let first = app.persistence();
    assert!(tells_of_repair(&first), "{first}");
    app.wait_indexed();
    app.restart("next");
    let second = app.persistence();
    assert_eq!(repairs(&second), [""; 0], "{second}");
    app.restart("after-that");
    assert_eq!(repairs(&app.persistence()), [""; 0]);
    app.assert_sound();
}

fn index_meta(directory: &Path) -> PathBuf {
    let folder = fs::read_dir(directory.join("index"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.join("meta.json").exists())
        .expect("an index folder");
    folder.join("meta.json")
}

type Ruin = fn(&Path);

/// What can become of a file.
const RUINS: [(&str, Ruin); 4] = [
    ("removed", |path| {
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }),
    ("of zero bytes", |path| {
        each_file(path, &|file| fs::write(file, b"").unwrap())
    }),
    ("truncated", |path| {
        each_file(path, &|file| {
            let bytes = fs::read(file).unwrap();
            fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        });
    }),
    ("noise", |path| {
        each_file(path, &|file| {
            let length = fs::metadata(file).unwrap().len();
            let noise: Vec<u8> = (0..length)
                .map(|n| (n.wrapping_mul(2_654_435_761) >> 7) as u8)
                .collect();
            fs::write(file, noise).unwrap();
        });
    }),
];

fn each_file(path: &Path, ruin: &dyn Fn(&Path)) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            each_file(&entry.unwrap().path(), ruin);
        }
    } else {
        ruin(path);
    }
}

fn survives_ruin(what: &str) {
    let mut app = TestApp::start();
    let first = app.put("cargo/first.txt", b"sextant");
    let second = app.put("cargo/second.html", b"<p>The <b>astrolabe</b> of brass</p>");
    app.wait_indexed();
    for (how, ruin) in RUINS {
        app.kill9();
        let path = app.directory().join(what);
        ruin(&path);
        app.start_again();
        app.assert_keeps(&first, b"sextant", "sextant");
        app.assert_keeps(
            &second,
            b"<p>The <b>astrolabe</b> of brass</p>",
            "astrolabe",
        );
        eventually(&format!("a snippet after {what} was {how}"), || {
            let answer = app.search("astrolabe");
            let snippet = answer["hits"][0]["snippets"][0].as_str()?;
            snippet.contains("<mark>astrolabe</mark>").then_some(())
        });
        let third = app.put(
            &format!("cargo/{how}.txt"),
            format!("after {how}").as_bytes(),
        );
        app.wait_searchable(third.path.as_str(), how);
        app.wait_indexed();
        app.assert_sound();
        let persistence = app.persistence();
        assert!(tells_of_repair(&persistence), "{what} {how}: {persistence}");
    }
}

#[test]
fn p3_the_facts_may_be_lost_or_damaged() {
    survives_ruin("facts.redb");
}

#[test]
fn p3_the_index_may_be_lost_or_damaged() {
    survives_ruin("index");
}

#[test]
fn p3_a_bad_facts_file_is_set_aside_and_not_destroyed() {
    let mut app = TestApp::start();
    app.put("a.txt", b"anchor");
    app.kill9();
    fs::write(app.directory().join("facts.redb"), b"these are no facts").unwrap();
    app.start_again();
    app.wait_searchable("a.txt", "anchor");
    let aside = fs::read_dir(app.directory())
        .unwrap()
        .map(|entry| entry.unwrap())
        .find(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("facts.redb.bad-")
        })
        .expect("facts.redb.bad-*");
    assert_eq!(fs::read(aside.path()).unwrap(), b"these are no facts");
}

#[test]
fn p8_reindex_builds_the_index_anew_once_while_the_app_runs() {
    let mut app = TestApp::start();
    for n in 0..30 {
        app.put(&format!("{n}.txt"), format!("barrel {n}").as_bytes());
    }
    app.wait_indexed();
    // Beside somebody who stores all the time, which it must not wait for.
    let stop = AtomicBool::new(false);
    let ended = thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                app.put(&format!("more/{n}.txt"), b"tun");
            }
        });
        let ended = app.operate(&["reindex"]);
        stop.store(true, Ordering::Relaxed);
        ended
    });
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    eventually("all thirty to be found", || {
        (app.search("barrel")["total"] == 30).then_some(())
    });
    app.put("later.txt", b"barrel later");
    app.wait_searchable("later.txt", "later");
    app.assert_sound();
    app.restart("again");
    assert_eq!(app.persistence()["repairs"], serde_json::json!([]));
}
