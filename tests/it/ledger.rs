//! P6 and the boot ledger: who ran beside whom, what each served, how the index lease was handed
//! over and how each boot ended, as the next release tells it.

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;

use crate::app::{TestApp, errors};
use crate::command::eventually;

/// P6: another process has the index this long after its holder was told to go, or died.
const HAND_OVER_MS: u64 = 2_000;

/// A boot, by its number.
fn boot(persistence: &Value, number: u64) -> &Value {
    let boots = persistence["boots"].as_array().unwrap();
    let found = boots.iter().find(|boot| boot["number"] == number);
    found.unwrap_or_else(|| panic!("no boot {number}: {persistence}"))
}

/// The overlap of two boots, once it is noted.
fn overlap(persistence: &Value, older: u64, newer: u64) -> Option<&Value> {
    let overlaps = persistence["overlaps"].as_array().unwrap();
    overlaps
        .iter()
        .find(|overlap| overlap["older"] == older && overlap["newer"] == newer)
}

/// The first term in which a boot held the index lease.
fn term(persistence: &Value, boot: u64) -> Option<&Value> {
    let terms = persistence["lease"].as_array().unwrap();
    terms.iter().rfind(|term| term["boot"] == boot)
}

/// Waits until both have noted that they are not alone; what is asked of either from here on is
/// counted.
fn wait_met(app: &TestApp) {
    eventually("both to have noted the overlap", || {
        let persistence = app.persistence();
        let overlap = overlap(&persistence, 1, 2)?;
        (overlap["older_requests"].is_u64() && overlap["newer_requests"].is_u64()).then_some(())
    });
}

/// Waits until boot 1 has noted what it served; killed before, it would have lost a second of it.
fn wait_counted(app: &TestApp, requests: u64) {
    eventually("the requests to be noted", || {
        let persistence = app.persistence();
        (overlap(&persistence, 1, 2)?["older_requests"] == requests).then_some(())
    });
}

fn wait_ended(app: &TestApp, number: u64, how: &str) -> Value {
    eventually(&format!("boot {number} to be found {how}"), || {
        let persistence = app.persistence();
        let ending = boot(&persistence, number)["ending"].as_str()?.to_owned();
        assert_eq!(ending, how, "{persistence}");
        Some(persistence)
    })
}

/// Waits until a boot has the index, and from whom it is sure.
fn wait_handed_over(app: &TestApp, number: u64, how: &str) -> Value {
    eventually(&format!("boot {number} to hold the index"), || {
        let persistence = app.persistence();
        (term(&persistence, number)?["how"] == how).then_some(persistence)
    })
}

/// No two terms of one index intersect: there was one writer at each instant.
fn assert_one_holder(persistence: &Value) {
    let terms = persistence["lease"].as_array().unwrap();
    for (later, earlier) in terms.iter().zip(terms.iter().skip(1)) {
        assert_eq!(later["index"], earlier["index"], "{persistence}");
        let (taken, released) = (
            later["taken_ms"].as_i64().unwrap(),
            earlier["released_ms"].as_i64().unwrap(),
        );
        assert!(released <= taken, "{persistence}");
    }
}

/// The boot that took over did so from boot 1, soon enough.
fn assert_handed_over(persistence: &Value, number: u64) {
    let term = term(persistence, number).unwrap();
    assert_eq!(term["previous"], 1, "{persistence}");
    let after_ms = term["after_ms"].as_u64().unwrap();
    assert!(after_ms <= HAND_OVER_MS, "{persistence}");
    assert_one_holder(persistence);
}

fn ms(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no time: {value}"))
}

#[test]
fn p6_a_release_that_drains_is_recorded_with_whom_it_overlapped() {
    let mut old = TestApp::with(&[("GIT_REV", "old"), ("DRAIN_SECONDS", "1")]);
    for n in 0..3 {
        old.put(&format!("alone/{n}.txt"), b"capstan");
    }
    let new = old.second("new");
    wait_met(&new);
    for n in 0..5 {
        old.put(&format!("old/{n}.txt"), b"windlass");
    }
    for n in 0..7 {
        new.put(&format!("new/{n}.txt"), b"davit");
    }
    old.process().signal(Signal::TERM);
    assert_eq!(old.process().wait_exit().code(), Some(0));
    wait_ended(&new, 1, "drained");
    let told = wait_handed_over(&new, 2, "released");
    assert_handed_over(&told, 2);
    assert_eq!(term(&told, 1).unwrap()["how"], "free");

    let one = boot(&told, 1);
    assert!(
        ms(&one["started_ms"]) <= ms(&one["ready_ms"])
            && ms(&one["ready_ms"]) <= ms(&one["told_ms"])
            && ms(&one["told_ms"]) + 900 <= ms(&one["ended_ms"]),
        "{one}"
    );
    let ended = eventually("the end of the overlap", || {
        let persistence = new.persistence();
        let overlap = overlap(&persistence, 1, 2)?;
        (overlap["last_ms"] == one["ended_ms"]).then(|| overlap.clone())
    });
    assert_eq!(ended["older_requests"], 5, "{ended}");
    assert!(ended["newer_requests"].as_u64().unwrap() > 7, "{ended}");
    assert_eq!(ended["began_ms"], boot(&told, 2)["started_ms"]);
    // What it serves alone is not counted as served in company.
    new.put("later.txt", b"bollard");
    assert_eq!(overlap(&new.persistence(), 1, 2), Some(&ended));
    new.assert_sound();
}

#[test]
fn p6_a_release_that_is_ended_while_it_drains_was_killed() {
    let mut old = TestApp::with(&[("GIT_REV", "old"), ("DRAIN_SECONDS", "60")]);
    let new = old.second("new");
    wait_met(&new);
    old.put("in-company.txt", b"fairlead");
    old.process().signal(Signal::TERM);
    let told = wait_handed_over(&new, 2, "released");
    assert_handed_over(&told, 2);
    eventually("the order to go to be noted", || {
        boot(&new.persistence(), 1)["told_ms"].as_i64()
    });
    // It lets go of the index and goes on serving.
    old.put("draining.txt", b"hawser");
    new.wait_searchable("draining.txt", "hawser");
    assert!(boot(&new.persistence(), 1)["ending"].is_null());
    wait_counted(&new, 2);
    old.kill9();
    let told = wait_ended(&new, 1, "killed");
    let one = boot(&told, 1);
    assert!(ms(&one["told_ms"]) <= ms(&one["ended_ms"]), "{one}");
    assert_eq!(overlap(&told, 1, 2).unwrap()["older_requests"], 2);
    assert_one_holder(&told);
}

#[test]
fn p6_a_release_that_vanishes_has_crashed() {
    let mut old = TestApp::with(&[("GIT_REV", "old")]);
    let new = old.second("new");
    wait_met(&new);
    old.put("in-company.txt", b"fairlead");
    wait_counted(&new, 1);
    old.kill9();
    let told = wait_handed_over(&new, 2, "died");
    assert_handed_over(&told, 2);
    let told = wait_ended(&new, 1, "crashed");
    let one = boot(&told, 1);
    assert!(one["told_ms"].is_null(), "{one}");
    assert!(ms(&one["ended_ms"]) >= ms(&one["ready_ms"]), "{one}");
    let beside = overlap(&told, 1, 2).unwrap();
    assert_eq!(beside["older_requests"], 1, "{beside}");
    assert!(beside["newer_requests"].as_u64().unwrap() > 0, "{beside}");

    // Nobody was there to take over from: the next one only finds the index free.
    let mut new = new;
    new.kill9();
    let next = new.second("next");
    let told = wait_ended(&next, 2, "crashed");
    assert!(overlap(&told, 2, 3).is_none(), "{told}");
    let told = wait_handed_over(&next, 3, "free");
    assert!(term(&told, 3).unwrap()["after_ms"].is_null(), "{told}");
}

#[test]
fn the_ledger_follows_a_row_of_deploys() {
    let mut releases = vec![TestApp::with(&[("DRAIN_SECONDS", "0")])];
    for number in 2..=5 {
        let next = TestApp::on(
            releases[0].share_directory(),
            &[
                ("DRAIN_SECONDS", "0"),
                ("GIT_REV", &format!("release-{number}")),
            ],
        );
        let mut before = releases.pop().unwrap();
        if number % 2 == 0 {
            before.process().signal(Signal::TERM);
            assert_eq!(before.process().wait_exit().code(), Some(0));
        } else {
            before.kill9();
        }
        wait_ended(
            &next,
            number - 1,
            ["crashed", "drained"][usize::from(number % 2 == 0)],
        );
        eventually("the index to be handed over", || {
            term(&next.persistence(), number).map(drop)
        });
        releases.push(next);
    }
    let persistence = releases[0].persistence();
    assert_one_holder(&persistence);
    let holders: Vec<_> = persistence["lease"]
        .as_array()
        .unwrap()
        .iter()
        .map(|term| term["boot"].as_u64().unwrap())
        .collect();
    assert_eq!(holders, [5, 4, 3, 2, 1]);
}

#[test]
fn the_ledger_of_the_release_before_is_extended_and_still_serves_it() {
    let mut app = TestApp::with(&[("GIT_REV", "before")]);
    app.put("kept.txt", b"thwart");
    app.wait_indexed();
    assert_eq!(app.stop(), Some(0));
    let catalog = Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    catalog
        .execute_batch(
            "DROP TABLE kit_overlap; DROP TABLE kit_lease; DROP INDEX kit_boot_open;
             ALTER TABLE kit_boot DROP COLUMN ready_ms; ALTER TABLE kit_boot DROP COLUMN told_ms;
             ALTER TABLE kit_boot DROP COLUMN ending; ALTER TABLE kit_boot DROP COLUMN locked;",
        )
        .unwrap();
    // Whoever only looks extends nothing.
    assert_eq!(errors(&app.operate(&["check", "--json"])), [""; 0]);

    app.set("GIT_REV", "after");
    app.start_again();
    app.persistence();
    // Noted a moment after it is so.
    let told = eventually("the time at which it was ready", || {
        let told = app.persistence();
        boot(&told, 2)["ready_ms"].is_i64().then_some(told)
    });
    let one = boot(&told, 1);
    assert_eq!(
        (&one["release"], &one["ending"]),
        (&"before".into(), &"drained".into())
    );
    assert!(one["ready_ms"].is_null(), "{told}");

    // The release before starts again beside it, gives signs of life, and leaves in order; these
    // are its statements.
    catalog
        .execute_batch(
            "INSERT INTO kit_boot (number, token, release, host, pid, started_ms, last_seen_ms)
             VALUES (NULL, 'token', 'before', 'host', 1, 1000, 1000)",
        )
        .unwrap();
    let mut beats = 1_000;
    let beside = eventually("the overlap with the release before", || {
        beats += 1;
        catalog
            .execute(
                "UPDATE kit_boot SET last_seen_ms = ?1 WHERE number = 3",
                [beats],
            )
            .unwrap();
        overlap(&app.persistence(), 2, 3).cloned()
    });
    assert!(beside["newer_requests"].is_null(), "{beside}");
    assert!(boot(&app.persistence(), 3)["ending"].is_null());
    catalog
        .execute_batch("UPDATE kit_boot SET last_seen_ms = 2000, ended_ms = 2000 WHERE number = 3")
        .unwrap();
    let told = wait_ended(&app, 3, "drained");
    assert_eq!(boot(&told, 3)["ended_ms"], 2_000);
}

#[test]
fn the_page_tells_what_the_ledger_has() {
    let mut old = TestApp::with(&[("GIT_REV", "a1b2c3"), ("DRAIN_SECONDS", "0")]);
    let new = old.second("d4e5f6");
    wait_met(&new);
    old.process().signal(Signal::TERM);
    assert_eq!(old.process().wait_exit().code(), Some(0));
    wait_handed_over(&new, 2, "released");
    let page = new.fetch("/persistence").text();
    for told in [
        "<svg class=\"timeline\" role=\"img\"",
        "class=\"band\"",
        "class=\"lease\"",
        ", from 1</td>",
        ">drained in ",
        ">this one</td>",
    ] {
        assert!(page.contains(told), "{told:?} is not on the page:\n{page}");
    }
}
