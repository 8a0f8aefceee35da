//! Uploads across deaths and between processes: at every step, by either of two releases.

use super::client::{OCTETS, begin, create, metadata, offset, patch, receipt};
use wharfside::store::crash::POINTS as POINTS_OF_ALL;

use crate::app::TestApp;

const TEXT: &[u8] = b"neither tide nor deploy shall part this cargo";

/// The points that an upload in two pieces passes.
const POINTS: &[&str] = &[
    "pieces.appended",
    "pieces.appended:1",
    "pieces.paused",
    "pieces.hashed",
    // A start passes these once, with a blob of its own.
    "blob.written:1",
    "blob.renamed:1",
    "blob.durable:1",
    "upload.sealed",
    "upload.committed",
];

#[test]
fn every_point_of_an_upload_in_pieces_is_killed_at() {
    for point in POINTS_OF_ALL
        .iter()
        .filter(|point| point.starts_with("pieces."))
    {
        assert!(POINTS.contains(point), "{point}");
    }
}

#[test]
fn p1_p2_p8_a_kill_between_any_two_steps_leaves_an_upload_that_completes_once() {
    for point in POINTS {
        let mut app = TestApp::start();
        let upload = begin(&app, "cargo.txt", TEXT.len());
        app.set("WHARFSIDE_CRASH_POINT", point);
        app.kill9();
        app.start_again();
        let mut died = false;
        for (from, to) in [(0, 20), (20, TEXT.len())] {
            let piece = || {
                let headers = [
                    super::client::VERSION,
                    OCTETS,
                    ("Upload-Offset", &*from.to_string()),
                ];
                app.try_call("PATCH", &upload, &headers, Some(&TEXT[from..to]))
            };
            died |= piece().is_err();
            if died {
                break;
            }
        }
        assert!(died, "{point} was not reached");
        app.set("WHARFSIDE_CRASH_POINT", "");
        app.kill9();
        app.start_again();
        let mut at = offset(&app, &upload);
        while at < TEXT.len() {
            let answer = patch(&app, &upload, at, &TEXT[at..]);
            assert_eq!(answer.status, 204, "{point}: {}", answer.text());
            at = offset(&app, &upload);
        }
        let stored = receipt(&app, &upload);
        assert_eq!(stored.version, 1, "{point}");
        app.assert_keeps(&stored, TEXT, "deploy");
        app.assert_sound();
    }
}

#[test]
fn either_of_two_releases_takes_the_next_piece() {
    let app = TestApp::start();
    let other = app.second("other");
    let upload = begin(&app, "cargo.txt", TEXT.len());
    let mut at = 0;
    for (turn, piece) in TEXT.chunks(7).enumerate() {
        let one = if turn % 2 == 0 { &app } else { &other };
        assert_eq!(patch(one, &upload, at, piece).status, 204);
        at += piece.len();
        let another = if turn % 2 == 0 { &other } else { &app };
        assert_eq!(offset(another, &upload), at);
    }
    let stored = receipt(&app, &upload);
    other.assert_keeps(&stored, TEXT, "cargo");
}

#[test]
fn two_pieces_at_once_store_one_file_once() {
    let app = TestApp::start();
    let other = app.second("other");
    for round in 0..20 {
        let path = format!("raced-{round}.txt");
        let upload = begin(&app, &path, TEXT.len());
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let racers = [&app, &other].map(|app| {
                let upload = &upload;
                scope.spawn(move || patch(app, upload, 0, TEXT).status)
            });
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap())
                .collect()
        });
        assert!(statuses.contains(&204), "{statuses:?}");
        assert!(
            statuses
                .iter()
                .all(|status| matches!(status, 204 | 409 | 423)),
            "{statuses:?}"
        );
        let stored = receipt(&other, &upload);
        assert_eq!(stored.version, 1);
        assert_eq!(app.get(&path).body, TEXT);
    }
}

#[test]
fn one_key_stores_one_file_whoever_is_asked() {
    let app = TestApp::start();
    let other = app.second("other");
    for round in 0..10 {
        let (path, key) = (format!("{round}.txt"), format!("a-key-for-round-{round}"));
        let named = metadata(&[("filename", &path), ("key", &key)]);
        let length = TEXT.len().to_string();
        let headers = [
            OCTETS,
            ("Upload-Length", &*length),
            ("Upload-Metadata", &*named),
        ];
        let receipts = std::thread::scope(|scope| {
            let racers = [&app, &other]
                .map(|app| scope.spawn(move || create(app, &headers, Some(TEXT)).receipt()));
            racers.map(|racer| racer.join().unwrap())
        });
        assert_eq!(receipts[0].sequence, receipts[1].sequence);
        assert_eq!(receipts[0].version, 1);
    }
}
