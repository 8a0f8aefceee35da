//! The indexer at work: what an older release knew serves on, and is read again behind the rest.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Worker;
use crate::extract::{Extraction, VERSION, child};
use crate::library::search::Request;
use crate::library::{
    Facts, FactsBatch, FilePath, Generation, Library, Limits, NewFile, Precondition, Read, Receipt,
    Reserve, Settings, plant,
};
use crate::store::kv::{Json, Table};

const FACTS: Table<Json<serde_json::Value>> = Table::new("file_facts");
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

#[test]
fn what_an_older_release_could_not_read_is_read_again_behind_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let library = open(dir.path());
    let files: Vec<Receipt> = (0..FILES)
        .map(|number| {
            put(
                &library,
                &format!("{number}.txt"),
                &format!("harbour {number}"),
            )
        })
        .collect();
    let later = put(&library, "later.txt", "harbour of a later release");
    let read = put(&library, "read.txt", "all of it was read");
    let plant = |file: &Receipt, facts| plant(&library, &file.sha256, facts, read.sequence);
    for file in &files {
        plant(file, name_only(VERSION - 1));
    }
    plant(&later, name_only(VERSION + 1));
    let old = Facts {
        name_only: None,
        ..name_only(VERSION - 1)
    };
    plant(&read, old.clone());

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
        let facts = library.facts(&files[0].file_content()).unwrap().unwrap();
        library.reading_again().unwrap().is_none() && facts.name_only.is_none()
    });
    assert!(
        progress.iter().all(|again| again.total == FILES as u64),
        "{progress:?}"
    );
    for file in &files {
        let facts = library.facts(&file.file_content()).unwrap().unwrap();
        assert_eq!((facts.extractor, facts.words), (VERSION, 2), "{facts:?}");
    }
    let facts = library.facts(&later.file_content()).unwrap().unwrap();
    assert_eq!(facts, name_only(VERSION + 1));
    // What an older release read is not read again.
    let facts = library.facts(&read.file_content()).unwrap().unwrap();
    assert_eq!(facts, old);
    worker.stop();
    library.close();
}

#[test]
fn facts_of_a_later_release_are_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let library = open(dir.path());
    let content = put(&library, "a.txt", "quay").file_content();
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
        facts.put(&content, 4, &read, "quay", 0).unwrap();
        library.store().kv.write(facts.into()).unwrap();
        library.facts(&content).unwrap().unwrap().extractor
    };
    assert_eq!(write(false), 0);
    assert_eq!(write(true), VERSION);
    assert_eq!(write(false), VERSION);
    let mut key = content.sha256.as_bytes().to_vec();
    key.extend(content.file.to_be_bytes());
    let later = serde_json::json!({ "facts": name_only(VERSION + 1) });
    library.store().kv.put(&FACTS, &key, &Json(later)).unwrap();
    assert_eq!(write(true), VERSION + 1);
    let facts = library.facts(&content).unwrap().unwrap();
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

/// Reads on until there is nothing left to do.
fn index(library: &Library) {
    let lease = library.store().index.lease().unwrap().unwrap();
    let mut steps = super::Steps::new(lease);
    while steps.step(library, &Default::default()).unwrap() != super::Step::Empty {}
}

/// Neither what is shown nor when it is shown depends on whether somebody else has the same bytes.
#[test]
fn equal_bytes_of_another_file_are_read_as_if_there_were_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let library = open(dir.path());
    let text = "Subject: a quay\n\nThe mole leans.";
    let first = put(&library, "ada/a.eml", text);
    index(&library);
    let read = || library.readers().standing().read;
    assert_eq!(read(), 1);
    let second = put(&library, "bob/b.txt", text);
    assert_eq!(first.sha256, second.sha256);
    let facts = |file: &Receipt| library.facts(&file.file_content()).unwrap();
    assert!(facts(&first).is_some());
    assert_eq!(facts(&second), None);
    index(&library);
    assert_eq!(read(), 2);
    assert_eq!(facts(&first).unwrap().media_type, "message/rfc822");
    assert_eq!(facts(&second).unwrap().media_type, "text/plain");
    // What the file was read for once serves it on.
    let path = FilePath::parse("bob/moved.txt").unwrap();
    library.rename(second.id, &path).unwrap();
    assert!(facts(&second).is_some());
    index(&library);
    assert_eq!((read(), finds(&library, "leans")), (2, 2));
    library.close();
}

#[test]
fn what_an_earlier_release_read_serves_the_files_that_it_read_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let library = open(dir.path());
    let facts = |file: &Receipt| library.facts(&file.file_content()).unwrap();
    let text = "Subject: a quay\n\nThe mole leans.";
    let old = put(&library, "a.txt", text);
    let other = put(&library, "a.eml", text);
    let known = Facts {
        name_only: None,
        ..name_only(VERSION)
    };
    plant(&library, &old.sha256, known.clone(), other.sequence);
    let new = put(&library, "b.txt", text);
    assert_eq!(facts(&old), Some(known.clone()));
    // One was read as something else, the other not at all.
    assert_eq!((facts(&other), facts(&new)), (None, None));
    index(&library);
    assert_eq!(facts(&old), Some(known));
    assert_eq!(facts(&other).unwrap().media_type, "message/rfc822");
    assert_eq!(facts(&new).unwrap().words, 6);
    assert_eq!(library.readers().standing().read, 2);
    library.close();
}

#[test]
fn what_is_kept_of_a_purged_file_goes_though_another_has_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let library = open(dir.path());
    let (one, other) = (
        put(&library, "a.txt", "quay"),
        put(&library, "b.txt", "quay"),
    );
    index(&library);
    library.trash(one.id).unwrap();
    library.purge(one.id).unwrap();
    index(&library);
    let kept = || library.store().kv.scan(&FACTS, &[], 10).unwrap().len();
    assert_eq!(kept(), 2);
    let (again, last) = library.to_be_read_again(None, 10).unwrap();
    assert_eq!((again, last), (Vec::new(), None));
    assert_eq!(kept(), 1);
    assert!(library.facts(&other.file_content()).unwrap().is_some());
    library.close();
}
