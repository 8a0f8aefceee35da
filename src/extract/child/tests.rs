//! Real children of the test binary, which read, misbehave and are replaced.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::error::Kind;
use crate::extract::{Extraction, thumbnail};

/// How tests read documents: this binary is not `wharfside`, so it serves through a test.
pub(crate) fn options() -> Options {
    Options {
        command: &[
            "--exact",
            "extract::child::tests::this_binary_serves_as_a_child",
        ],
        workers: 2,
        patience: Duration::from_secs(60),
        memory: 256 << 20,
        ocr: None,
    }
}

/// Run as a test like the others, there is no server, and it says so.
#[test]
fn this_binary_serves_as_a_child() {
    if let Err(error) = serve() {
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
    }
}

fn file(content: impl AsRef<[u8]>) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content.as_ref()).unwrap();
    file
}

fn draw(pool: &Pool, media_type: &str, content: &[u8], turn: Turn) -> Drawing {
    let document = Document {
        file: &file(content),
        size: content.len() as u64,
        name: "a",
        media_type,
    };
    pool.draw(&document, 400, turn).unwrap()
}

fn try_read(pool: &Pool, name: &str, content: &str, turn: Turn) -> crate::error::Result<Reading> {
    let document = Document {
        file: &file(content),
        size: content.len() as u64,
        name,
        media_type: "text/plain",
    };
    pool.read(&document, turn, &|| false)
}

fn read(pool: &Pool, name: &str, content: &str) -> Extraction {
    match try_read(pool, name, content, Turn::Later).unwrap() {
        Reading::Done(found) => found,
        Reading::Unfinished(found) => panic!("{found:?} is not all"),
    }
}

#[test]
fn a_child_reads_one_document_after_the_other() {
    let pool = Pool::new(options());
    let whole = "Zwölf Boxkämpfer ".repeat(20_000);
    for _ in 0..3 {
        assert_eq!(read(&pool, "a.txt", "quiet water").text, "quiet water");
        assert_eq!(read(&pool, "b.txt", &whole).text, whole);
        let found = read(&pool, "c.html", "<p>one<p>two");
        assert_eq!(
            (found.text.as_str(), found.media_type.as_str()),
            ("one\ntwo", "text/html")
        );
    }
    let standing = pool.standing();
    assert_eq!((standing.children, standing.read, standing.lost), (1, 9, 0));
}

/// What draws starts no threads, opens no files and asks the kernel for nothing that is refused.
#[test]
fn a_child_that_is_locked_in_draws_every_type() {
    let pool = Pool::new(options());
    for (media_type, content) in thumbnail::tests::all() {
        let here = thumbnail::draw(
            &mut file(&content),
            content.len() as u64,
            media_type,
            thumbnail::Wish::Thumbnail { edge: 400 },
            512 << 20,
        );
        match draw(&pool, media_type, &content, Turn::Later) {
            Drawing::Done(there) => assert!(there == here.unwrap(), "{media_type}"),
            Drawing::Unfinished => panic!("{media_type} was not waited for"),
        }
    }
    let damaged = draw(&pool, "image/png", b"nothing", Turn::Later);
    assert!(matches!(damaged, Drawing::Done(Err(why)) if why.contains("not drawn")));
    assert_eq!(read(&pool, "a.txt", "quiet water").text, "quiet water");
    let standing = pool.standing();
    assert_eq!((standing.children, standing.lost), (1, 0));
    assert_eq!(standing.confinement.unwrap().lacking(), None);
}

#[test]
fn no_more_children_than_allowed_read_at_once() {
    let pool = Pool::new(options());
    std::thread::scope(|scope| {
        for number in 0..8 {
            let pool = &pool;
            scope.spawn(move || {
                for _ in 0..20 {
                    let text = format!("text {number}");
                    assert_eq!(read(pool, "a.txt", &text).text, text);
                    assert!(pool.standing().children <= 2);
                }
            });
        }
    });
}

#[test]
fn what_is_told_to_stop_stops() {
    let pool = Pool::new(options());
    let document = Document {
        file: &file("text"),
        size: 4,
        name: "a.txt",
        media_type: "text/plain",
    };
    let error = pool.read(&document, Turn::Later, &|| true).unwrap_err();
    assert_eq!(error.kind(), Kind::Busy);
    pool.close();
    let error = pool.read(&document, Turn::Later, &|| false).unwrap_err();
    assert_eq!(error.kind(), Kind::Busy);
}

#[test]
fn without_a_child_nothing_is_said_about_the_document() {
    let pool = Pool::new(Options {
        command: &["--exact", "no::such::test"],
        ..options()
    });
    let error = try_read(&pool, "a.txt", "text", Turn::Later).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
}

#[cfg(feature = "crash-points")]
mod misdeeds {
    use super::*;

    fn impatient() -> Options {
        Options {
            patience: Duration::from_secs(2),
            workers: 1,
            ..options()
        }
    }

    #[test]
    fn what_reading_does_not_need_is_refused() {
        let pool = Pool::new(options());
        let confinement = pool.warm().unwrap();
        assert_eq!(confinement.lacking(), None);
        for misdeed in ["look", "write", "connect", "spawn", "thread", "signal"] {
            let found = read(&pool, "a.misdeed", misdeed);
            assert!(
                found.text.starts_with(&format!("{misdeed} refused")),
                "{found:?}"
            );
        }
        assert_eq!(pool.standing().lost, 0);
    }

    #[test]
    fn a_document_costs_its_child_and_no_more() {
        let (patient, impatient) = (Pool::new(options()), Pool::new(impatient()));
        for (misdeed, why, children) in [
            ("abort", "the reader failed on it", 2),
            ("panic", "the reader failed on it", 1),
            ("overflow", "it is nested too deeply", 2),
            ("terabyte", "reading takes more than 256 MiB of memory", 2),
            ("hoard", "reading takes more than 256 MiB of memory", 2),
            ("loop", "reading took longer than 2 seconds", 1),
            ("sleep", "reading took longer than 2 seconds", 1),
        ] {
            let pool = match why.contains("longer") {
                true => &impatient,
                false => &patient,
            };
            let before = pool.standing().lost;
            let found = read(pool, "a.misdeed", misdeed);
            let said = found.name_only.unwrap_or_default();
            assert!(said.contains(why), "{misdeed}: {said}");
            assert_eq!(pool.standing().lost - before, children, "{misdeed}");
            assert_eq!(read(pool, "b.txt", "quiet water").text, "quiet water");
        }
    }

    #[test]
    fn drawing_a_document_costs_its_child_and_no_more() {
        let (patient, impatient) = (Pool::new(options()), Pool::new(impatient()));
        for (misdeed, why, children) in [
            ("abort", "the reader failed on it", 2),
            ("panic", "the reader failed on it", 1),
            ("hoard", "drawing takes more than 256 MiB of memory", 2),
            ("loop", "drawing took longer than 2 seconds", 1),
        ] {
            let pool = match why.contains("longer") {
                true => &impatient,
                false => &patient,
            };
            let before = pool.standing().lost;
            let document = format!("%PDF-misdeed {misdeed} ");
            let drawn = draw(pool, "application/pdf", document.as_bytes(), Turn::Later);
            let Drawing::Done(Err(found)) = drawn else {
                panic!("{misdeed}: {drawn:?}");
            };
            assert_eq!(found, why, "{misdeed}");
            assert_eq!(pool.standing().lost - before, children, "{misdeed}");
            assert_eq!(read(pool, "b.txt", "quiet water").text, "quiet water");
        }
        let now = Turn::Now(Duration::from_millis(100));
        let drawn = draw(&impatient, "application/pdf", b"%PDF-misdeed sleep ", now);
        assert!(matches!(drawn, Drawing::Unfinished), "{drawn:?}");
    }

    #[test]
    fn what_was_read_in_time_is_kept() {
        let pool = Pool::new(impatient());
        let found = read(&pool, "a.misdeed", "begin-and-loop");
        assert_eq!(
            (found.text.as_str(), found.truncated),
            ("the first page\u{c}", true)
        );
        let note = found.note.unwrap_or_default();
        assert!(note.contains("in part only: reading took longer"), "{note}");
        let found = read(&pool, "a.misdeed", "flood");
        assert!(found.truncated && found.text.len() <= crate::extract::MAX_TEXT_BYTES);
    }

    #[test]
    fn whoever_cannot_wait_is_not_kept_waiting() {
        let pool = Pool::new(impatient());
        let now = Turn::Now(Duration::from_millis(100));
        let read = try_read(&pool, "a.misdeed", "begin-and-loop", now).unwrap();
        let Reading::Unfinished(found) = read else {
            panic!("{read:?} has an end");
        };
        assert_eq!(found.text, "the first page\u{c}");

        let is_reading = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let later = scope.spawn(|| {
                is_reading.store(true, Ordering::Relaxed);
                try_read(&pool, "a.misdeed", "sleep", Turn::Later)
            });
            while !is_reading.load(Ordering::Relaxed) || pool.standing().children == 0 {
                std::thread::yield_now();
            }
            let began = Instant::now();
            let urgent = try_read(&pool, "b.txt", "text", Turn::Now(Duration::from_secs(60)));
            assert!(matches!(urgent.unwrap(), Reading::Done(_)));
            let later = later.join().unwrap();
            // On a machine that stands still, its time was up before anybody asked.
            if began.elapsed() < Duration::from_secs(1) {
                assert_eq!(later.unwrap_err().kind(), Kind::Busy);
            }
        });
    }
}
