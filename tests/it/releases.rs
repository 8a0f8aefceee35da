//! P5, P7: old beside new, over what every earlier release left behind.
//!
//! `fixtures/` holds a directory as each schema's last release left it; see the README there.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::json;
use wharfside::library::MIGRATIONS;

use crate::app::{Directory, TestApp};
use crate::command::eventually;
use crate::overlap::lease::holders;
use crate::uploads::sha256_hex;

/// Else the fixture's trash is purged once it is old enough.
const KEEP_TRASH: (&str, &str) = ("TRASH_DAYS", "1000000");

/// A file that must be in a fixture.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    id: i64,
    path: String,
    /// Of each version, the oldest first.
    sha256: Vec<String>,
    tags: Vec<String>,
    trashed: bool,
    /// A word that only this file has.
    word: String,
}

struct Fixture {
    folder: PathBuf,
    schema: usize,
}

impl Fixture {
    /// All there are, the oldest first.
    fn all() -> Vec<Self> {
        let folders = fs::read_dir(fixtures()).unwrap();
        let mut all: Vec<Self> = folders
            .filter_map(|entry| {
                let folder = entry.unwrap().path();
                let name = folder.file_name().unwrap().to_str().unwrap();
                let number = name.strip_prefix("schema-")?.split('-').next()?;
                let schema = number.parse().unwrap();
                Some(Self { folder, schema })
            })
            .collect();
        all.sort_by_key(|fixture| fixture.schema);
        all
    }

    fn kept(&self) -> Vec<Kept> {
        let text = fs::read_to_string(self.folder.join("kept.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// A directory of its own with what the fixture holds.
    fn unpack(&self) -> std::sync::Arc<Directory> {
        let directory = Directory::new();
        copy(&self.folder.join("storage"), directory.path());
        directory
    }
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures")
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Everything that the release of the fixture promised, held by whoever answers now.
fn assert_kept(app: &TestApp, kept: &[Kept]) {
    for file in kept {
        let entry = app.entry(file.id);
        assert_eq!(entry["path"], file.path.as_str());
        assert_eq!(entry["trashed_ms"].is_null(), !file.trashed, "{entry}");
        assert_eq!(entry["tags"], json!(file.tags));
        for (digest, number) in file.sha256.iter().zip(1..) {
            let target = format!("/download/{}?version={number}", file.id);
            assert_eq!(&sha256_hex(&app.fetch(&target).body), digest, "{target}");
        }
        if file.trashed {
            assert_eq!(app.found(&file.word), [""; 0]);
        } else {
            app.wait_searchable(&file.path, &file.word);
        }
    }
}

#[test]
fn every_schema_but_the_newest_has_its_fixture() {
    let all = Fixture::all();
    let numbers: Vec<usize> = all.iter().map(|fixture| fixture.schema).collect();
    let newest = *numbers.last().expect("a fixture");
    assert!(
        MIGRATIONS.len() <= newest + 1,
        "schema {} came out without a fixture: see tests/it/fixtures/README.md",
        newest + 1
    );
    for schema in 1..=newest {
        assert!(numbers.contains(&schema), "the fixture of {schema} is gone");
    }
    for fixture in all {
        assert!(!fixture.kept().is_empty());
        let catalog = fixture.folder.join("storage/catalog.sqlite");
        let catalog = Connection::open_with_flags(
            format!("file:{}?immutable=1", catalog.display()),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_URI,
        )
        .unwrap();
        assert_eq!(schema_of(&catalog), fixture.schema);
    }
}

fn schema_of(catalog: &Connection) -> usize {
    catalog
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn this_release_takes_over_what_every_earlier_one_left() {
    for fixture in Fixture::all() {
        let mut app = TestApp::on(fixture.unpack(), &[KEEP_TRASH]);
        let kept = fixture.kept();
        assert_kept(&app, &kept);
        let proofs = app.persistence();
        for store in proofs["stores"].as_array().unwrap() {
            assert_ne!(store["state"], "missing", "{proofs}");
        }
        let receipt = app.put("later/now.txt", b"gangway");
        app.wait_indexed();
        app.assert_sound();
        app.restart("again");
        assert_kept(&app, &kept);
        app.assert_keeps(&receipt, b"gangway", "gangway");
        app.assert_sound();
    }
}

#[test]
fn p7_a_release_that_runs_says_so_when_its_schema_is_closed_to_it() {
    let app = TestApp::start();
    let receipt = app.put("kept.txt", b"mainmast");
    app.wait_searchable("kept.txt", "mainmast");
    let catalog = Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    catalog
        .busy_timeout(std::time::Duration::from_secs(10))
        .unwrap();
    let version = schema_of(&catalog);
    catalog
        .execute_batch(
            "BEGIN IMMEDIATE;
             INSERT INTO kit_schema (version, compatible_back_to) VALUES (900, 900);
             PRAGMA user_version = 900; COMMIT;",
        )
        .unwrap();
    let answer = app.fetch("/health/ready");
    assert_eq!(answer.status, 503);
    let reason = answer.json()["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("newer release"), "{reason}");
    assert_eq!(app.fetch("/health/live").status, 200);
    let events = |catalog: &Connection| -> u64 {
        let sql = "SELECT count(*) FROM event";
        catalog.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = events(&catalog);
    eventually("the index to be let go", || {
        holders(app.directory()).is_empty().then_some(())
    });
    let sentence = app.put_with("new.txt", &[], b"mizzen").problem(503);
    assert!(sentence.contains("newer release"), "{sentence}");
    assert!(app.delete("kept.txt").status >= 500);
    assert_eq!(events(&catalog), before, "it wrote all the same");
    assert_eq!(app.get("kept.txt").body, b"mainmast");
    catalog
        .execute_batch(&format!(
            "BEGIN IMMEDIATE; DELETE FROM kit_schema WHERE version = 900;
             PRAGMA user_version = {version}; COMMIT;"
        ))
        .unwrap();
    assert_eq!(app.fetch("/health/ready").status, 200);
    app.put("new.txt", b"mizzen");
    app.assert_keeps(&receipt, b"mainmast", "mainmast");
    app.assert_sound();
}

#[cfg(feature = "crash-points")]
mod with_the_next {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::command::eventually;

    const NEXT: (&str, &str) = ("WHARFSIDE_PRETEND", "next");

    /// Uploads through one process until told to stop; every answer must be a receipt.
    fn write(app: &TestApp, name: &str, stop: &AtomicBool) -> Vec<(String, String)> {
        let mut written = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let n = written.len();
            let (path, word) = (format!("{name}/{n}.txt"), format!("{name}{n}cargo"));
            app.put(&path, word.as_bytes());
            written.push((path, word));
        }
        written
    }

    fn assert_found(app: &TestApp, written: &[(String, String)]) {
        for (path, word) in written {
            assert_eq!(app.get(path).body, word.as_bytes());
            app.wait_searchable(path, word);
        }
    }

    #[test]
    fn p5_old_and_new_serve_one_directory_and_a_rollback_works() {
        for fixture in Fixture::all() {
            let kept = fixture.kept();
            let old_environment = [("GIT_REV", "old"), KEEP_TRASH];
            let mut old = TestApp::on(fixture.unpack(), &old_environment);
            let schema = MIGRATIONS.len();
            let stop = AtomicBool::new(false);
            let (new, written) = thread::scope(|scope| {
                let by_old = scope.spawn(|| write(&old, "old", &stop));
                let started = eventually("some writes before the migration", || {
                    (old.persistence()["totals"]["files"].as_u64()? > 20).then(|| {
                        let directory = old.share_directory();
                        TestApp::on(directory, &[("GIT_REV", "new"), KEEP_TRASH, NEXT])
                    })
                });
                let by_new = {
                    let (new, stop) = (&started, &stop);
                    thread::scope(|inner| {
                        let by_new = inner.spawn(move || write(new, "new", stop));
                        let before = old.persistence()["totals"]["files"].as_u64().unwrap();
                        eventually("writes of both after it", || {
                            let files = old.persistence()["totals"]["files"].as_u64()?;
                            (files > before + 40).then_some(())
                        });
                        stop.store(true, Ordering::Relaxed);
                        by_new.join().unwrap()
                    })
                };
                let written = [by_old.join().unwrap(), by_new];
                (started, written)
            });
            let mut new = new;
            for written in &written {
                assert!(!written.is_empty());
                for app in [&old, &new] {
                    assert_found(app, written);
                }
            }
            for app in [&old, &new] {
                assert_kept(app, &kept);
            }
            let directory = old.directory().to_owned();
            let open = |name: &str| Connection::open(directory.join(name)).unwrap();
            assert_eq!(schema_of(&open("catalog.sqlite")), schema + 1);
            let copy = format!("backups/catalog-before-schema-{}.sqlite", schema + 1);
            assert_eq!(schema_of(&open(&copy)), schema);
            assert!(indexes(&directory) >= 2, "one index for each release");

            // The new one goes, the old one goes on: alone, and started afresh.
            assert_eq!(new.stop(), Some(0));
            let alone = old.put("rollback/alone.txt", b"belaying");
            old.assert_keeps(&alone, b"belaying", "belaying");
            old.restart("old-again");
            let afresh = old.put("rollback/afresh.txt", b"marlinspike");
            old.assert_keeps(&afresh, b"marlinspike", "marlinspike");
            assert_kept(&old, &kept);
            for written in &written {
                assert_found(&old, written);
            }
            old.wait_indexed();
            old.assert_sound();
            // And forward again: what was written meanwhile is in the newer index, too.
            new.start_again();
            new.assert_keeps(&afresh, b"marlinspike", "marlinspike");
            assert_kept(&new, &kept);
        }
    }

    fn indexes(directory: &Path) -> usize {
        let entries = fs::read_dir(directory.join("index")).unwrap();
        entries
            .filter(|entry| entry.as_ref().unwrap().path().join("meta.json").exists())
            .count()
    }

    #[test]
    fn p7_a_release_that_ends_older_ones_waits_for_them() {
        let mut old = TestApp::with(&[("GIT_REV", "a1b2c3")]);
        let receipt = old.put("kept.txt", b"foresail");
        let contract = [("GIT_REV", "new"), ("WHARFSIDE_PRETEND", "contract")];
        let mut new = TestApp::begin(old.share_directory(), &contract);
        let waits = |app: &TestApp, says: &str| {
            eventually("the reason", || {
                let answer = app.fetch("/health/ready");
                assert_eq!(answer.status, 503, "{}", answer.text());
                let reason = answer.json()["reason"].as_str()?.to_owned();
                reason.contains(says).then_some(reason)
            })
        };
        let reason = waits(&new, "a1b2c3 is running");
        assert!(reason.contains("stop it first"), "{reason}");
        assert_eq!(new.fetch("/health/live").status, 200);
        // The one that runs has not noticed.
        old.put("more.txt", b"forecastle");
        assert_eq!(old.fetch("/health/ready").status, 200);
        assert_eq!(old.stop(), Some(0));
        new.wait_ready();
        new.assert_keeps(&receipt, b"foresail", "foresail");
        // There is no way back but the copy, and the older release says so.
        let rolled_back = TestApp::begin(old.share_directory(), &[("GIT_REV", "a1b2c3")]);
        let reason = waits(&rolled_back, "newer release");
        assert!(reason.contains("backups/"), "{reason}");
        new.put("still.txt", b"serving");
        drop(rolled_back);
        assert_eq!(new.stop(), Some(0));
        let catalog = new.directory().join("catalog.sqlite");
        fs::remove_file(&catalog).unwrap();
        let next = wharfside::library::MIGRATIONS.len() + 1;
        let copy = format!("backups/catalog-before-schema-{next}.sqlite");
        let copy = new.directory().join(copy);
        fs::rename(copy, catalog).unwrap();
        old.start_again();
        old.assert_keeps(&receipt, b"foresail", "foresail");
        assert_eq!(old.get("more.txt").body, b"forecastle");
    }
}

/// Writes the fixture of the present schema; only where there is none.
#[test]
#[ignore = "writes into the repository: see tests/it/fixtures/README.md"]
fn leave_a_fixture_behind() {
    let folder = fixtures().join(format!("schema-{}", MIGRATIONS.len()));
    assert!(!folder.exists(), "a fixture is never changed: {folder:?}");
    let mut app = TestApp::with(&[("GIT_REV", "fixture")]);
    let kept = fill(&app);
    app.wait_indexed();
    assert_kept(&app, &kept);
    app.restart("fixture-again");
    app.persistence();
    app.wait_indexed();
    assert_eq!(app.stop(), Some(0));

    let storage = folder.join("storage");
    copy(app.directory(), &storage);
    // Rebuilt from the rest; too large to keep.
    fs::remove_file(storage.join("facts.redb")).unwrap();
    // Where it was made is nobody's business.
    let catalog = Connection::open(storage.join("catalog.sqlite")).unwrap();
    catalog
        .execute_batch(
            "UPDATE kit_boot SET host = 'harbour'; VACUUM; PRAGMA wal_checkpoint(TRUNCATE);",
        )
        .unwrap();
    drop(catalog);
    for entry in fs::read_dir(storage.join("boots")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(mut boot) = serde_json::from_slice::<serde_json::Value>(&fs::read(&path).unwrap())
        else {
            continue;
        };
        boot["host"] = "harbour".into();
        fs::write(&path, serde_json::to_vec_pretty(&boot).unwrap()).unwrap();
    }
    let text = serde_json::to_string_pretty(&kept).unwrap();
    fs::write(folder.join("kept.json"), text + "\n").unwrap();
}

/// A little of everything that a catalog can hold.
fn fill(app: &TestApp) -> Vec<Kept> {
    let mut kept = Vec::new();
    let mut put = |path: &str, versions: &[&str], word: &str| {
        let mut id = 0;
        let mut sha256 = Vec::new();
        for text in versions {
            let receipt = app.put(path, text.as_bytes());
            id = receipt.id;
            sha256.push(receipt.sha256.to_string());
        }
        kept.push(Kept {
            id,
            path: path.to_owned(),
            sha256,
            tags: Vec::new(),
            trashed: false,
            word: word.to_owned(),
        });
    };
    put("readme.txt", &["The quay at dawn: hawsers."], "hawsers");
    put(
        "plans/route.md",
        &[
            "# Route\n\nBy day.",
            "# Route\n\nBy night, past the lightvessel.",
        ],
        "lightvessel",
    );
    put("plans/2026/cargo.csv", &["item,tons\nhemp,12\n"], "hemp");
    put(
        "Überfahrt/Möwe & Söhne.txt",
        &["Die Möwen folgen dem Kutter."],
        "kutter",
    );
    put(
        "港口/航海日誌 🚢.txt",
        &["The log of the barquentine."],
        "barquentine",
    );
    put("old/manifest.txt", &["Sunk: one quern."], "quern");
    put(
        "old/list.json",
        &["{\"sunk\": [\"astrolabe\"]}"],
        "astrolabe",
    );
    put("empty.txt", &[""], "empty");
    for (path, tags) in [
        ("plans/route.md", vec!["2026", "secret"]),
        ("Überfahrt/Möwe & Söhne.txt", vec!["Vögel"]),
    ] {
        let file = kept.iter_mut().find(|file| file.path == path).unwrap();
        assert_eq!(app.patch(file.id, json!({ "tags": tags })).status, 200);
        file.tags = tags.into_iter().map(str::to_owned).collect();
    }
    let moved = kept.iter_mut().find(|file| file.path == "old/list.json");
    let moved = moved.unwrap();
    moved.path = "found/list.json".to_owned();
    let renamed = app.patch(moved.id, json!({ "path": moved.path }));
    assert_eq!(renamed.status, 200);
    let trashed = kept.iter_mut().find(|file| file.path == "old/manifest.txt");
    trashed.unwrap().trashed = true;
    assert_eq!(app.delete("old/manifest.txt").status, 200);
    let purged = app.put("gone/for good.txt", b"jettisoned");
    assert_eq!(app.delete("gone/for good.txt").status, 200);
    let target = format!("/files/{}/purge", purged.id);
    assert_eq!(app.call("POST", &target, &[], Some(b"")).status, 303);
    kept
}
