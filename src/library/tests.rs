//! The library as a whole: stored, found, changed, opened again.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::search::Request;
use super::*;
use crate::error::Kind;
use crate::store::boots::ProofState;
use crate::worker::{Step, Steps};

pub(super) struct Bench {
    dir: tempfile::TempDir,
    pub(super) library: Library,
}

impl Bench {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let library = open(dir.path(), "first");
        Self { dir, library }
    }

    fn reopen(self, release: &str) -> Self {
        self.library.close();
        drop(self.library);
        let library = open(self.dir.path(), release);
        Self {
            dir: self.dir,
            library,
        }
    }

    pub(super) fn put(&self, path: &str, text: &str) -> Receipt {
        self.try_put(path, text, Precondition::None).unwrap()
    }

    fn try_put(&self, path: &str, text: &str, precondition: Precondition) -> Result<Receipt> {
        let mut upload = self.library.upload(0)?;
        upload.append(text.as_bytes())?;
        let file = NewFile {
            path: FilePath::parse(path)?,
            precondition,
            expected: None,
            keep_both: false,
        };
        self.library.add(upload, file)
    }

    pub(super) fn index(&self) {
        let lease = self
            .library
            .store
            .index
            .lease()
            .unwrap()
            .expect("the lease is free");
        let go_on = AtomicBool::new(false);
        let mut steps = Steps::new(lease);
        while steps.step(&self.library, &go_on).unwrap() != Step::Empty {}
    }

    fn find(&self, query: &str) -> Vec<String> {
        let request = Request {
            query: query.into(),
            limit: 20,
            ..Request::default()
        };
        let results = self.library.search(&request).unwrap();
        results
            .hits
            .into_iter()
            .map(|hit| hit.entry.path.into())
            .collect()
    }

    pub(super) fn folder(&self, path: &str) -> Listing {
        self.library
            .list(&FolderPath::parse(path).unwrap(), Sort::Name, None, 100)
            .unwrap()
    }
}

pub(super) fn settings(root: &Path, release: &str) -> Settings {
    Settings {
        root: root.to_owned(),
        release: release.into(),
        index_memory: 16 << 20,
        facts_cache: 4 << 20,
        grace: Duration::ZERO,
        uploads: Limits {
            expiry: Duration::from_secs(3600),
            reserve: Reserve::Bytes(0),
            quota: crate::library::Quota::default(),
        },
        keys: SealingKeys::default(),
        everyone: crate::library::Right::None,
        extraction: crate::extract::child::tests::options(),
        generation: Generation::CURRENT,
    }
}

fn open(root: &Path, release: &str) -> Library {
    Library::open(&settings(root, release)).unwrap()
}

#[test]
fn what_one_release_stored_the_next_one_finds_and_proves() {
    let bench = Bench::new();
    let receipt = bench.put("notes/sea.txt", "A quiet harbour in the evening.");
    bench.put("notes/land.txt", "Mountains, no water at all.");
    bench.index();
    assert_eq!(bench.find("harbour"), ["notes/sea.txt"]);

    let bench = bench.reopen("second");
    assert_eq!(bench.library.boot(), 2);
    assert_eq!(bench.find("harbour"), ["notes/sea.txt"]);
    let entry = bench.library.entry(receipt.id).unwrap();
    assert_eq!((entry.sha256, entry.size), (receipt.sha256, receipt.size));
    let report = bench.library.persistence().unwrap();
    for proof in &report.stores {
        assert_eq!(proof.state, ProofState::Proven, "{proof:?}");
        assert_eq!(proof.written_by.as_ref().unwrap().release, "first");
    }
    assert_eq!(report.totals.files, 2);
    assert_eq!(report.repairs, Vec::<String>::new());
}

#[test]
fn snippets_show_the_passage_with_its_matches() {
    let bench = Bench::new();
    let long = format!(
        "{} <b>needle</b> {}",
        "hay ".repeat(9000),
        "stack ".repeat(9000)
    );
    bench.put("long.txt", &long);
    bench.index();
    let request = Request {
        query: "needle".into(),
        limit: 1,
        ..Request::default()
    };
    let results = bench.library.search(&request).unwrap();
    let snippet = &results.hits[0].snippets[0];
    assert!(
        snippet.contains("&lt;b&gt;<mark>needle</mark>"),
        "{snippet}"
    );
}

#[test]
fn a_taken_path_gets_versions_and_each_can_come_back() {
    let bench = Bench::new();
    let first = bench.put("a.txt", "one");
    let second = bench.put("a.txt", "two two");
    assert_eq!((first.id, second.version), (second.id, 2));
    let restored = bench.library.restore_version(first.id, 1).unwrap();
    assert_eq!((restored.version, restored.sha256), (3, first.sha256));
    assert_eq!(bench.library.versions(first.id, None, 10).unwrap().len(), 3);
    let content = bench.library.content(first.id, Some(2)).unwrap();
    assert_eq!(std::io::read_to_string(content.file).unwrap(), "two two");
    bench.index();
    assert_eq!(bench.find("one"), ["a.txt"]);
    assert!(bench.find("two").is_empty());
}

#[test]
fn preconditions_are_decided_at_the_commit() {
    let bench = Bench::new();
    let first = bench.try_put("a", "1", Precondition::Absent).unwrap();
    for (precondition, holds) in [
        (Precondition::Absent, false),
        (Precondition::Present, true),
        (Precondition::Content(vec![first.sha256]), false),
    ] {
        let outcome = bench.try_put("a", "2", precondition.clone());
        match outcome {
            Ok(_) => assert!(holds, "{precondition:?}"),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Precondition);
                assert!(!holds, "{precondition:?}");
            }
        }
    }
}

#[test]
fn folders_follow_their_files() {
    let bench = Bench::new();
    let deep = bench.put("a/b/c.txt", "12345");
    bench.put("a/d.txt", "1");
    let root = bench.folder("");
    assert_eq!((root.folders[0].files, root.folders[0].bytes), (2, 6));
    let moved = bench
        .library
        .rename_folder(
            &FolderPath::parse("a/b").unwrap(),
            &FolderPath::parse("z").unwrap(),
        )
        .unwrap();
    assert_eq!(moved, 1);
    assert_eq!(
        bench.library.entry(deep.id).unwrap().path.as_str(),
        "z/c.txt"
    );
    assert!(bench.folder("a").folders.is_empty());
    bench.library.trash(deep.id).unwrap();
    assert_eq!(bench.folder("").folders.len(), 1);
    bench.library.restore(deep.id).unwrap();
    assert_eq!(bench.folder("z").files.len(), 1);
    bench.index();
    assert_eq!(bench.find("folder:z c"), ["z/c.txt"]);
}

#[test]
fn a_folder_moves_onto_the_place_of_its_own_files() {
    let bench = Bench::new();
    let deep = bench.put("n/n/z", "deep");
    let flat = bench.put("n/z", "flat");
    bench.put("beside/n/z", "another");
    let path = |id| String::from(bench.library.entry(id).unwrap().path);
    let rename = |from: &str, to: &str| {
        let (from, to) = (FolderPath::parse(from), FolderPath::parse(to));
        bench.library.rename_folder(&from.unwrap(), &to.unwrap())
    };
    assert_eq!(rename("n", "").unwrap(), 2);
    assert_eq!((path(deep.id), path(flat.id)), ("n/z".into(), "z".into()));
    assert_eq!(bench.library.catalog_problems().unwrap(), [""; 0]);

    let error = rename("beside", "").unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.sentence().contains("\"n/z\""), "{}", error.sentence());
    assert_eq!(
        bench.folder("beside/n").files[0].path.as_str(),
        "beside/n/z"
    );
    assert_eq!((path(deep.id), path(flat.id)), ("n/z".into(), "z".into()));
    assert_eq!(bench.library.catalog_problems().unwrap(), [""; 0]);
}

#[test]
fn every_folder_is_audited_by_files_and_bytes() {
    let bench = Bench::new();
    for path in ["a/x", "a0", "a!", "a/b/c/x", "a/b/y", "é/x"] {
        bench.put(path, "four");
    }
    let trashed = bench.put("gone/x", "four");
    bench.library.trash(trashed.id).unwrap();
    let problems = || bench.library.catalog_problems().unwrap();
    assert_eq!(problems(), [""; 0]);
    let write = |sql: &'static str| {
        let outcome = bench.library.store.sql.write(|c| Ok(c.execute(sql, [])?));
        assert_eq!(outcome.unwrap(), 1, "{sql}");
    };
    write("UPDATE folder SET bytes = 5 WHERE path = 'a/b/c'");
    write(
        "INSERT INTO folder (path, parent, sort_name, files, bytes) VALUES ('gone', '', 'gone', 1, 4)",
    );
    write("DELETE FROM folder WHERE path = 'é'");
    assert_eq!(
        problems(),
        [
            "folder \"a/b/c\" counts 1 files of 5 bytes, but has 1 of 4 bytes.",
            "folder \"gone\" counts 1 files of 4 bytes, but has 0 of 0 bytes.",
            "folder \"é\" counts 0 files of 0 bytes, but has 1 of 4 bytes.",
        ]
    );
}

#[test]
fn the_trash_frees_the_path_and_purging_ends_the_content() {
    let bench = Bench::new();
    let old = bench.put("a.txt", "the old content");
    bench.library.trash(old.id).unwrap();
    let new = bench.put("a.txt", "the new content");
    assert_ne!(old.id, new.id);
    let conflict = bench.library.restore(old.id).unwrap_err();
    assert_eq!(conflict.kind(), Kind::Conflict);
    bench.index();
    assert_eq!(bench.find("content").len(), 1);
    bench.library.purge(old.id).unwrap();
    let (removed, bytes) = bench.library.collect(Duration::ZERO).unwrap();
    assert_eq!((removed, bytes), (1, old.size));
    assert!(!bench.library.store.blobs.contains(&old.sha256).unwrap());
    assert!(bench.library.store.blobs.contains(&new.sha256).unwrap());
}

#[test]
fn only_what_has_been_in_the_trash_for_long_is_purged() {
    let bench = Bench::new();
    let (old, young, live) = (
        bench.put("old", "1"),
        bench.put("young", "2"),
        bench.put("live", "3"),
    );
    let day = Duration::from_secs(24 * 60 * 60);
    for file in [&old, &young] {
        bench.library.trash(file.id).unwrap();
    }
    let purge = || bench.library.purge_older_than(30 * day).unwrap();
    assert_eq!(purge(), 0);
    let (id, back) = (old.id, 31 * day.as_millis() as i64);
    let sql = "UPDATE file SET trashed_ms = trashed_ms - ?2 WHERE id = ?1";
    let moved = bench
        .library
        .store()
        .sql
        .write(move |c| Ok(c.execute(sql, (id, back))?));
    assert_eq!(moved.unwrap(), 1);
    assert_eq!(purge(), 1);
    assert_eq!(
        bench.library.entry(old.id).unwrap_err().kind(),
        Kind::NotFound
    );
    assert!(bench.library.entry(young.id).unwrap().trashed_ms.is_some());
    assert!(bench.library.content(live.id, None).is_ok());
    assert_eq!(bench.library.collect(Duration::ZERO).unwrap(), (1, 1));
    assert_eq!(purge(), 0);
}

#[test]
fn a_trash_of_more_than_one_batch_is_purged_whole() {
    let bench = Bench::new();
    let sql = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 450)
               INSERT INTO file (path, folder, name, sort_name, version, sha256, size, media_type,
                                 created_ms, modified_ms, trashed_ms)
               SELECT 'f' || n, '', 'f' || n, 'f' || n, 1, zeroblob(32), 0, 'text/plain', 1, 1, 1 FROM n";
    let outbox = "INSERT INTO outbox (file_id) SELECT id FROM file";
    let filled = bench.library.store().sql.write(move |c| {
        c.execute(sql, [])?;
        Ok(c.execute(outbox, [])?)
    });
    assert_eq!(filled.unwrap(), 450);
    assert_eq!(bench.library.purge_older_than(Duration::ZERO).unwrap(), 450);
    assert!(bench.library.trashed(None, 1).unwrap().items.is_empty());
}

#[test]
fn a_content_that_is_named_elsewhere_outlives_a_purge() {
    let bench = Bench::new();
    let one = bench.put("one.txt", "shared");
    let two = bench.put("two.txt", "shared");
    assert_eq!(one.sha256, two.sha256);
    bench.library.trash(one.id).unwrap();
    bench.library.purge(one.id).unwrap();
    assert_eq!(bench.library.collect(Duration::ZERO).unwrap(), (0, 0));
    assert!(bench.library.content(two.id, None).is_ok());
}

#[test]
fn a_killed_uploads_blob_is_found_and_collected_but_no_boots() {
    let bench = Bench::new();
    let mut stage = bench.library.store.blobs.stage().unwrap();
    stage.append(b"never named").unwrap();
    let orphan = bench.library.store.blobs.seal(stage, None).unwrap().digest;
    let bench = bench.reopen("second");
    bench.library.find_unnamed(Duration::ZERO, || true).unwrap();
    assert_eq!(bench.library.collect(Duration::ZERO).unwrap().0, 1);
    assert!(!bench.library.store.blobs.contains(&orphan).unwrap());
    let stores = bench.library.store.verify().unwrap();
    assert!(
        stores
            .iter()
            .all(|proof| proof.state != ProofState::Missing),
        "{stores:?}"
    );
}

#[test]
fn tags_are_checked_kept_and_found() {
    let bench = Bench::new();
    let file = bench.put("a.txt", "x");
    let tags = [
        "Tax".to_owned(),
        " 2026 ".to_owned(),
        "Tax".to_owned(),
        String::new(),
    ];
    let entry = bench.library.set_tags(file.id, &tags).unwrap();
    assert_eq!(entry.tags, ["2026", "Tax"]);
    assert!(bench.library.set_tags(file.id, &["a,b".into()]).is_err());
    bench.index();
    assert_eq!(bench.find("tag:tax"), ["a.txt"]);
}

#[test]
fn lists_are_paged_without_loss_in_every_order() {
    let bench = Bench::new();
    for n in 0..25 {
        bench.put(
            &format!("f/{}.txt", ["b", "A", "c"][n % 3].repeat(n + 1)),
            &"x".repeat(n % 7),
        );
    }
    let orders = [Sort::Name, Sort::Time, Sort::Size].map(Sorting::from);
    let reversed = orders.map(|order| Sorting {
        reversed: true,
        ..order
    });
    for sort in orders.into_iter().chain(reversed) {
        let folder = FolderPath::parse("f").unwrap();
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = bench
                .library
                .list(&folder, sort, cursor.as_deref(), 4)
                .unwrap();
            seen.extend(page.files.into_iter().map(|entry| entry.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 25, "{sort:?}");
    }
    let error = bench
        .library
        .list(&FolderPath::default(), Sort::Name, Some("junk"), 4);
    assert_eq!(error.unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn folders_are_paged_before_files_by_one_cursor() {
    let bench = Bench::new();
    let folders = ["alpha", "Beta", "Élan", "epsilon", "zeta"];
    for folder in folders {
        bench.put(&format!("top/{folder}/x"), "x");
    }
    for file in ["a", "b", "c"] {
        bench.put(&format!("top/{file}"), file);
    }
    let top = FolderPath::parse("top").unwrap();
    let sorted = ["alpha", "Beta", "Élan", "epsilon", "zeta", "a", "b", "c"];
    let mut backwards = sorted;
    backwards[..5].reverse();
    backwards[5..].reverse();
    let reversed = Sorting {
        by: Sort::Name,
        reversed: true,
    };
    let forward = Sorting::from(Sort::Name);
    let orders = [(forward, sorted), (reversed, backwards)];
    for ((order, sorted), limit) in orders
        .into_iter()
        .flat_map(|order| (1..=9).map(move |limit| (order, limit)))
    {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = bench
                .library
                .list(&top, order, cursor.as_deref(), limit)
                .unwrap();
            let rows = page.folders.len() + page.files.len();
            assert!(rows == limit || (rows < limit && rows > 0 && page.next.is_none()));
            seen.extend(
                page.folders
                    .iter()
                    .map(|folder| folder.path.name().to_owned()),
            );
            seen.extend(page.files.iter().map(|file| file.path.name().to_owned()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, sorted, "{limit}");
    }
}

#[test]
fn names_are_sorted_without_case_and_accents() {
    let bench = Bench::new();
    for path in [
        "zebra.txt",
        "Éclair.txt",
        "apple.txt",
        "Ärger.txt",
        "eagle.txt",
        "from/x",
    ] {
        bench.put(path, "x");
    }
    let moved = bench.put("from/zz.txt", "x");
    let to = FilePath::parse("Ösen.txt").unwrap();
    bench.library.rename(moved.id, &to).unwrap();
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = bench
            .library
            .list(&FolderPath::default(), Sort::Name, cursor.as_deref(), 1)
            .unwrap();
        seen.extend(page.files.into_iter().map(|entry| String::from(entry.path)));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let sorted = [
        "apple.txt",
        "Ärger.txt",
        "eagle.txt",
        "Éclair.txt",
        "Ösen.txt",
        "zebra.txt",
    ];
    assert_eq!(seen, sorted);
}

#[test]
fn p3_index_and_facts_are_rebuilt_from_the_rest() {
    for damage in ["delete", "empty", "truncate", "noise"] {
        let bench = Bench::new();
        bench.put("sea.txt", "A quiet harbour.");
        bench.index();
        let root = bench.dir.path().to_owned();
        bench.library.close();
        let Bench { dir, library } = bench;
        drop(library);
        harm(&root.join("facts.redb"), damage);
        for entry in std::fs::read_dir(root.join("index")).unwrap() {
            for file in std::fs::read_dir(entry.unwrap().path()).unwrap() {
                harm(&file.unwrap().path(), damage);
            }
        }
        let bench = Bench {
            library: open(&root, "second"),
            dir,
        };
        bench.index();
        assert_eq!(bench.find("harbour"), ["sea.txt"], "{damage}");
        let request = Request {
            query: "harbour".into(),
            limit: 1,
            ..Request::default()
        };
        let hits = bench.library.search(&request).unwrap().hits;
        assert!(
            hits[0].snippets[0].contains("<mark>harbour</mark>"),
            "{damage}: {hits:?}"
        );
        let report = bench.library.persistence().unwrap();
        let rebuilt = |store: &str| {
            let proof = report.stores.iter().find(|proof| proof.store == store);
            proof.map(|proof| proof.state) == Some(ProofState::Rebuilt)
        };
        assert!(
            rebuilt("facts") && rebuilt("index"),
            "{damage}: {:?}",
            report.stores
        );
        if damage != "delete" {
            assert_eq!(report.repairs.len(), 2, "{damage}: {:?}", report.repairs);
        }
        // P8: the next start has nothing to do.
        let bench = bench.reopen("third");
        assert_eq!(
            bench.library.report().repairs,
            Vec::<String>::new(),
            "{damage}"
        );
        assert_eq!(bench.find("harbour"), ["sea.txt"], "{damage}");
    }
}

#[test]
fn p3_damage_to_the_segments_alone_is_healed_stopped_or_running() {
    for damage in ["empty", "truncate", "noise"] {
        let bench = Bench::new();
        bench.put("sea.txt", "A quiet harbour.");
        bench.index();
        let folder = bench.library.store.index.folder().to_owned();
        bench.library.close();
        let dir = bench.dir;
        drop(bench.library);
        harm_segments(&folder, damage);
        let bench = Bench {
            library: open(dir.path(), "second"),
            dir,
        };
        bench.index();
        assert_eq!(bench.find("harbour"), ["sea.txt"], "{damage}");
    }
    // Truncating a file that is in use is tried on processes of their own.
    let bench = Bench::new();
    bench.put("sea.txt", "A quiet harbour.");
    bench.index();
    harm_segments(bench.library.store.index.folder(), "overwrite");
    let bad = bench.library.store.index.validate().unwrap();
    assert!(!bad.is_empty());
    bench.index();
    assert_eq!(bench.find("harbour"), ["sea.txt"]);
    assert_eq!(bench.library.store.index.repairs().len(), 1);
}

fn harm_segments(folder: &Path, how: &str) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".json") && !name.ends_with(".lock") {
            harm(&path, how);
        }
    }
}

#[test]
fn a_lost_catalog_is_not_taken_for_a_new_library() {
    for how in ["delete", "empty"] {
        let bench = Bench::new();
        let stored = bench.put("sea.txt", "A quiet harbour.");
        bench.library.close();
        let dir = bench.dir;
        drop(bench.library);
        for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
            let path = dir.path().join(name);
            if path.exists() {
                harm(&path, how);
            }
        }
        let error = Library::open(&settings(dir.path(), "second"))
            .err()
            .unwrap();
        assert_eq!(error.kind(), Kind::Incompatible, "{how}");
        assert!(error.sentence().contains("catalog.sqlite"), "{error}");
        let name = stored.sha256.to_string();
        let blob = dir
            .path()
            .join("blobs")
            .join(&name[..2])
            .join(&name[2..4])
            .join(&name);
        assert!(blob.exists(), "{how}");
    }
}

#[test]
fn an_older_catalog_is_told_and_what_followed_the_newer_one_begins_again() {
    let bench = Bench::new();
    bench.put("sea.txt", "A quiet harbour.");
    let copy = bench.dir.path().join("copy.sqlite");
    bench.library.store.sql.copy_to(&copy).unwrap();
    let bench = bench.reopen("second");
    for n in 0..5 {
        bench.put(&format!("later{n}.txt"), "Forgotten by the older catalog.");
    }
    bench.index();
    bench.library.close();
    let dir = bench.dir;
    drop(bench.library);
    for name in ["catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    std::fs::rename(&copy, dir.path().join("catalog.sqlite")).unwrap();

    let bench = Bench {
        library: open(dir.path(), "third"),
        dir,
    };
    assert_eq!(bench.library.boot(), 3, "numbers are never used twice");
    assert_eq!(bench.library.report().repairs.len(), 2);
    let catalog = &bench.library.report().proofs[2];
    assert_eq!(
        (catalog.store, catalog.state),
        ("catalog", ProofState::Missing)
    );
    bench.put("new.txt", "A mizzenmast.");
    bench.index();
    assert_eq!(bench.find("mizzenmast"), ["new.txt"]);
    assert_eq!(bench.find("harbour"), ["sea.txt"]);
    assert!(bench.find("forgotten").is_empty());
}

fn harm(path: &Path, how: &str) {
    match how {
        "delete" => std::fs::remove_file(path).unwrap(),
        "empty" => std::fs::write(path, b"").unwrap(),
        "truncate" => {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }
        "overwrite" => {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            let length = file.metadata().unwrap().len() as usize;
            std::os::unix::fs::FileExt::write_all_at(&file, &vec![0xA5; length], 0).unwrap();
        }
        _ => {
            let length = std::fs::metadata(path).unwrap().len() as usize;
            let noise: Vec<u8> = (0..length).map(|n| (n * 7919 % 251) as u8).collect();
            std::fs::write(path, noise).unwrap();
        }
    }
}
