//! Boots beside each other in one process: what one finds out about the others.

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::store::wake::Wake;

/// A process as far as the ledger is concerned.
struct Process {
    boots: Boots,
    sql: Sql,
}

impl Process {
    fn start(dir: &TempDir) -> Self {
        let root = dir.path();
        let wake = Arc::new(Wake::open(root).unwrap());
        let (sql, _) =
            Sql::open(&root.join("catalog.sqlite"), &[], root, wake, |_| Ok(())).unwrap();
        sql.write(ledger::create_tables).unwrap();
        let blobs = Blobs::open(root).unwrap();
        let boots = Boots::record(root, "r", now_ms(), &sql, &blobs).unwrap();
        Self { boots, sql }
    }

    fn number(&self) -> u64 {
        self.boots.current().number
    }

    /// A pulse that is due.
    fn pulse(&self) {
        lock(&self.boots.shared.pulse).looked = None;
        self.boots.pulse(&self.sql).unwrap();
    }

    fn serve(&self, requests: u64) {
        for _ in 0..requests {
            self.boots.count_served();
        }
    }

    fn seen_by(&self, other: &Self) -> Boot {
        let boots = other.boots.list(&other.sql, 50).unwrap();
        let own = boots.into_iter().find(|boot| boot.number == self.number());
        own.unwrap()
    }
}

#[test]
fn who_is_alive_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (Process::start(&dir), Process::start(&dir));
    two.pulse();
    assert_eq!(one.seen_by(&two).ending, None);
    assert_eq!(one.seen_by(&two).ended_ms, None);
}

#[test]
fn who_vanishes_has_crashed_and_who_was_told_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let two = Process::start(&dir);
    for (told, ending) in [(false, Ending::Crashed), (true, Ending::Killed)] {
        let one = Process::start(&dir);
        if told {
            one.boots.told();
        }
        one.pulse();
        two.pulse();
        let number = one.number();
        // What the kernel does at the end of a process.
        drop(one);
        two.pulse();
        let boots = two.boots.list(&two.sql, 50).unwrap();
        let gone = boots.iter().find(|boot| boot.number == number).unwrap();
        assert_eq!(gone.ending, Some(ending));
        assert!(gone.ended_ms.unwrap() >= gone.started_ms);
    }
}

#[test]
fn an_overlap_counts_what_each_served_during_it() {
    let dir = tempfile::tempdir().unwrap();
    let one = Process::start(&dir);
    one.serve(100);
    one.pulse();
    let two = Process::start(&dir);
    two.pulse();
    one.pulse();
    one.serve(7);
    two.serve(3);
    one.boots.told();
    one.pulse();
    one.boots.end(&one.sql).unwrap();
    two.pulse();
    two.serve(50);
    two.pulse();
    let overlaps = two.boots.overlaps(&two.sql, 0).unwrap();
    let [overlap] = &overlaps[..] else {
        panic!("one overlap: {overlaps:?}");
    };
    assert_eq!((overlap.older, overlap.newer), (one.number(), two.number()));
    assert_eq!(overlap.older_requests, Some(7));
    assert_eq!(overlap.newer_requests, Some(3));
    let left = one.seen_by(&two);
    assert_eq!(left.ending, Some(Ending::Drained));
    assert!(overlap.last_ms <= left.ended_ms.unwrap());
    assert!(overlap.began_ms >= left.started_ms);
}

#[test]
fn whoever_lives_takes_back_that_it_was_thought_dead() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (Process::start(&dir), Process::start(&dir));
    let number = one.number();
    let buried = two
        .sql
        .write(move |c| ledger::end_of(c, number, 0))
        .unwrap();
    assert_eq!(buried, Some(Ending::Crashed));
    // Whoever finds it as well has nothing left to note.
    let again = two
        .sql
        .write(move |c| ledger::end_of(c, number, 0))
        .unwrap();
    assert_eq!(again, None);
    one.boots.ready();
    one.pulse();
    let seen = one.seen_by(&two);
    assert_eq!((seen.ended_ms, seen.ending), (None, None));
    assert!(seen.ready_ms.is_some());
}
