//! P4: what one process acknowledged is in the other's next answer, and found by the other's
//! search within a second, whoever holds the lease.

use std::time::{Duration, Instant};

use serde_json::json;

use super::alone;
use super::lease::holders;
use crate::app::TestApp;
use crate::command::eventually;

const WITHIN: Duration = Duration::from_secs(1);

#[test]
fn p4_what_one_acknowledged_is_in_the_others_next_answer() {
    let _alone = alone();
    let one = TestApp::with(&[("GIT_REV", "one")]);
    let two = one.second("two");
    for n in 0..300 {
        let (here, there) = if n % 2 == 0 {
            (&one, &two)
        } else {
            (&two, &one)
        };
        let folder = format!("folder{}", n / 6);
        let path = format!("{folder}/{n}.txt");
        let bytes = format!("ketch{n}");
        let receipt = here.put(&path, bytes.as_bytes());
        assert_eq!(there.get(&path).body, bytes.as_bytes());
        assert!(there.entries(&folder).contains(&path), "{path}");
        if n % 3 == 0 {
            let to = format!("{folder}/{n}-moved.txt");
            assert_eq!(here.patch(receipt.id, json!({ "path": to })).status, 200);
            assert_eq!(there.get(&path).status, 404);
            assert_eq!(there.entry(receipt.id)["path"], to);
        } else if n % 5 == 0 {
            here.delete(&path);
            assert_eq!(there.get(&path).status, 404);
            assert!(!there.entries(&folder).contains(&path), "{path}");
        }
    }
}

#[test]
fn p4_uploads_of_one_are_found_by_the_other_within_a_second_whoever_indexes() {
    let _alone = alone();
    let mut one = TestApp::with(&[("GIT_REV", "one")]);
    one.put("first.txt", b"first");
    one.wait_searchable("first.txt", "first");
    let mut two = one.second("two");
    assert_found_in_time(&mut one, &mut two, "early");
    assert_eq!(one.stop(), Some(0));
    let mut three = two.second("three");
    assert_found_in_time(&mut two, &mut three, "late");
}

/// The first of both is the indexer.
fn assert_found_in_time(indexer: &mut TestApp, other: &mut TestApp, when: &str) {
    let pid = indexer.process().pid();
    let directory = indexer.directory().to_owned();
    eventually("the lease to be taken", || {
        holders(&directory).contains(&pid).then_some(())
    });
    let mut longest = Duration::ZERO;
    for n in 0..30 {
        let (here, there) = if n % 2 == 0 {
            (&*indexer, &*other)
        } else {
            (&*other, &*indexer)
        };
        let word = format!("{when}brig{n}");
        let path = format!("{word}.txt");
        here.put(&path, word.as_bytes());
        let since = Instant::now();
        there.wait_searchable(&path, &word);
        longest = longest.max(since.elapsed());
    }
    println!("found after {longest:?} at most");
    assert!(longest <= WITHIN, "one was found only after {longest:?}");
    assert!(holders(&directory).contains(&pid), "the lease moved");
}
