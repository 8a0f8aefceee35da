//! The indexer at work: what an older release knew serves on, and is read again behind the rest.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Worker;
use crate::extract::{Extraction, VERSION, child};
use crate::library::search::Request;
use crate::library::{
    Facts, FactsBatch, FilePath, Generation, Library, Limits, NewFile, Precondition, Read, Receipt,
    Reserve, Settings,
};
use crate::store::Digest;
use crate::store::kv::{Batch, Json, Table};

const FACTS: Table<Json<Facts>> = Table::new("facts");
const FILES: usize = 12;

fn open(root: &Path) -> Library {
    Library::open(&Settings {
        root: root.to_owned(),
        release: "test".into(),
        index_memory: 16 << 20,
        facts_cache: 4 << 20,
        grace: Duration::ZERO,
        uploads: Limits {
            expiry: Duration::from_secs(3600),
            reserve: Reserve::Bytes(0),
            quota: crate::library::Quota::default(),
        },
        keys: crate::library::SealingKeys::default(),
        everyone: crate::library::Right::None,
        extraction: child::tests::options(),
        generation: Generation::CURRENT,
    })
    .unwrap()
}

fn put(library: &Library, path: &str, text: &str) -> Receipt {
    let mut upload = library.upload(0).unwrap();
    upload.append(text.as_bytes()).unwrap();
    let file = NewFile {
        path: FilePath::parse(path).unwrap(),
        precondition: Precondition::None,
        expected: None,
        keep_both: false,
    };
    library.add(upload, file).unwrap()
}

fn finds(library: &Library, query: &str) -> usize {
    let request = Request {
        query: query.into(),
        limit: 50,
        ..Request::default()
    };
    library.search(&request).unwrap().hits.len()
}

fn eventually(what: &str, mut ask: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ask() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a release left behind that knew of no text in it.
fn name_only(extractor: u32) -> Facts {
    Facts {
        extractor,
        size: 7,
        media_type: "text/plain".into(),
        name_only: Some("This release reads none of it yet.".into()),
        ..Facts::default()
    }
}

fn plant(library: &Library, digest: &Digest, facts: Facts) {
    let mut batch = Batch::default();
    batch.put(&FACTS, digest.as_bytes(), &Json(facts)).unwrap();
    library.store().kv.write(batch).unwrap();
}

#[test]
fn what_an_older_release_could_not_read_is_read_again_behind_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let library = open(dir.path());
    let digests: Vec<Digest> = (0..FILES)
        .map(|number| {
            put(
                &library,
                &format!("{number}.txt"),
                &format!("harbour {number}"),
            )
        })
        .map(|receipt| receipt.sha256)
        .collect();
    for digest in &digests {
        plant(&library, digest, name_only(VERSION - 1));
    }
    let later = put(&library, "later.txt", "harbour of a later release");
    plant(&library, &later.sha256, name_only(VERSION + 1));
    let read = put(&library, "read.txt", "all of it was read");
    let old = Facts {
        name_only: None,
        ..name_only(VERSION - 1)
    };
    plant(&library, &read.sha256, old.clone());

    let worker = Worker::start(library.clone()).unwrap();
    let mut progress = Vec::new();
    eventually("the old contents to be found by their words", || {
        // All of them are searchable at once by what was known, and stay so.
        progress.extend(library.reading_again().unwrap());
        finds(&library, "harbour") == FILES
    });
    put(&library, "new.txt", "a new quay");
    eventually("a new file", || finds(&library, "quay") == 1);
    eventually("the end of reading again", || {
        let facts = library.facts(&digests[0]).unwrap().unwrap();
        library.reading_again().unwrap().is_none() && facts.name_only.is_none()
    });
    assert!(
        progress.iter().all(|again| again.total == FILES as u64),
        "{progress:?}"
    );
    for digest in &digests {
        let facts = library.facts(digest).unwrap().unwrap();
        assert_eq!((facts.extractor, facts.words), (VERSION, 2), "{facts:?}");
    }
    let facts = library.facts(&later.sha256).unwrap().unwrap();
    assert_eq!(facts, name_only(VERSION + 1));
    // What an older release read is not read again.
    let facts = library.facts(&read.sha256).unwrap().unwrap();
    assert_eq!(facts, old);
    worker.stop();
    library.close();
}

#[test]
fn facts_of_a_later_release_are_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let library = open(dir.path());
    let digest = put(&library, "a.txt", "quay").sha256;
    let write = |is_whole| {
        let read = Read {
            recognised: None,
            extraction: Extraction {
                media_type: "text/plain".into(),
                ..Extraction::default()
            },
            is_whole,
        };
        let mut facts = FactsBatch::new().unwrap();
        facts.put(&digest, 4, &read, "quay", 0).unwrap();
        library.store().kv.write(facts.into()).unwrap();
        library.facts(&digest).unwrap().unwrap().extractor
    };
    assert_eq!(write(false), 0);
    assert_eq!(write(true), VERSION);
    assert_eq!(write(false), VERSION);
    plant(&library, &digest, name_only(VERSION + 1));
    assert_eq!(write(true), VERSION + 1);
    let facts = library.facts(&digest).unwrap().unwrap();
    assert_eq!(facts.passages, 0);
    library.close();
}

/// However much the documents of a batch hold, only so much of it is in memory at once.
#[test]
fn a_batch_ends_where_its_texts_become_too_many() {
    let dir = tempfile::tempdir().unwrap();
    let library = open(dir.path());
    for number in 0..8 {
        let text = format!("harbour{number} ").repeat(400_000);
        put(&library, &format!("{number}.txt"), &text);
    }
    let go_on = Default::default();
    let batch = super::batch::prepare(&library, 0, u64::MAX, &go_on)
        .unwrap()
        .unwrap();
    assert!(batch.more);
    assert!(
        (4..8).contains(&batch.changed.len()),
        "{}",
        batch.changed.len()
    );
    let rest = super::batch::prepare(&library, batch.through, u64::MAX, &go_on)
        .unwrap()
        .unwrap();
    assert!(!rest.more);
    assert_eq!(batch.changed.len() + rest.changed.len(), 8);
    library.close();
}
