//! Small pictures of files: made when somebody looks, kept, and at nobody's cost but their own.
//!
//! A PDF document that begins with `%PDF-misdeed` makes the child of a build for tests do what it
//! names when it is drawn.

use std::fs;
use std::io::Cursor;

use image::{DynamicImage, GenericImageView, ImageFormat, Rgb, RgbImage};
use serde_json::json;

use crate::app::{Answer, TestApp};
use crate::browser::Browser;
use crate::command::eventually;
use crate::previews::pdf;

fn encoded(picture: RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture)
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

pub fn picture(colour: [u8; 3]) -> Vec<u8> {
    encoded(
        RgbImage::from_pixel(800, 600, Rgb(colour)),
        ImageFormat::Jpeg,
    )
}

fn misdeed(name: &str) -> Vec<u8> {
    format!("%PDF-misdeed {name} ").into_bytes()
}

fn thumbnail(app: &TestApp, id: i64) -> Answer {
    app.fetch(&format!("/thumbnail/{id}"))
}

/// The picture in an answer.
#[track_caller]
fn seen(answer: &Answer) -> DynamicImage {
    assert_eq!(answer.status, 200, "{}", answer.text());
    image::load_from_memory(&answer.body).unwrap()
}

fn drawn(app: &TestApp) -> u64 {
    let text = app.fetch("/metrics").text();
    let name = "wharfside_extract_thumbnails_total ";
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().parse().unwrap()
}

/// Waits until it is kept: then a process that starts need not make it.
fn wait_kept(app: &TestApp, id: i64) {
    eventually("the thumbnail to be kept", || {
        let other = app.second("another");
        let answer = thumbnail(&other, id);
        assert_ne!(answer.status, 503, "{}", answer.text());
        (drawn(&other) == 0).then_some(())
    });
}

#[test]
fn a_thumbnail_is_a_small_inert_picture() {
    let app = TestApp::start();
    let photo = app.put("a.jpg", &picture([200, 0, 0]));
    let document = app.put("b.pdf", &pdf(&["a quay"], ""));
    let answer = thumbnail(&app, photo.id);
    assert_eq!(seen(&answer).dimensions(), (400, 300));
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("content-disposition", "inline"),
        ("cache-control", "private, no-cache"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let policy = answer.header("content-security-policy");
    assert!(
        policy.starts_with("sandbox; default-src 'none'"),
        "{policy}"
    );
    assert_eq!(seen(&thumbnail(&app, document.id)).dimensions(), (309, 400));

    let target = format!("/thumbnail/{}", photo.id);
    let head = app.call("HEAD", &target, &[], None);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("etag"), answer.header("etag"));
    let known = [("if-none-match", answer.header("etag"))];
    let again = app.call("GET", &target, &known, None);
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("cache-control"), "private, no-cache");
    let wrong = [("if-match", "\"another\"")];
    app.call("GET", &target, &wrong, None).problem(412);

    // Equal contents look alike, but each file has its own: how soon it is there tells nothing.
    let copy = app.put("copy.jpg", &picture([200, 0, 0]));
    let same = thumbnail(&app, copy.id);
    assert_eq!(same.header("etag"), answer.header("etag"));
    assert_eq!(drawn(&app), 3);
}

#[test]
fn what_has_no_thumbnail_says_why() {
    let app = TestApp::start();
    let text = app.put("a.txt", b"quiet water");
    let why = thumbnail(&app, text.id).problem(404);
    assert!(why.contains("text/plain; PDF documents and"), "{why}");
    let damaged = app.put("a.png", b"\x89PNG\r\n\x1a\n, and no more");
    let why = thumbnail(&app, damaged.id).problem(404);
    let told = "There is no thumbnail of this file: it is damaged or not complete.";
    assert_eq!(why, told);
    thumbnail(&app, 4711).problem(404);
    app.fetch(&format!("/thumbnail/{}?version=2", damaged.id))
        .problem(404);
    wait_kept(&app, damaged.id);
    assert_eq!(thumbnail(&app, damaged.id).problem(404), told);
    assert_eq!(drawn(&app), 1);
}

#[test]
fn programs_are_told_where_thumbnails_are() {
    let app = TestApp::start();
    let document = app.put("a/quay.pdf", &pdf(&["a quay"], ""));
    app.put("a/quay.txt", b"a quay");
    let address = format!("/thumbnail/{}?version=1", document.id);
    assert_eq!(app.entry(document.id)["thumbnail"], address);
    let listed = app.json("/api/v1/entries?folder=a");
    assert_eq!(listed["files"][0]["thumbnail"], address);
    assert!(listed["files"][1].get("thumbnail").is_none(), "{listed}");
    app.wait_searchable("a/quay.pdf", "quay type:pdf");
    let found = app.search("quay type:pdf");
    assert_eq!(found["hits"][0]["thumbnail"], address);
    assert_eq!(app.fetch(&address).status, 200);
}

#[test]
fn hostile_pictures_cost_their_child_and_are_not_tried_again() {
    let app = TestApp::with(&[("EXTRACT_SECONDS", "2"), ("EXTRACT_MEMORY", "128MiB")]);
    let misdeeds = [
        ("abort", "the reader failed on it"),
        ("panic", "the reader failed on it"),
        ("hoard", "drawing takes more than 128 MiB of memory"),
        ("loop", "drawing took longer than 2 seconds"),
    ];
    for (name, why) in misdeeds {
        let hostile = app.put(&format!("{name}.pdf"), &misdeed(name));
        // It may first be told to come again.
        let answer = eventually("an answer", || {
            let answer = thumbnail(&app, hostile.id);
            (answer.status != 503).then_some(answer)
        });
        let told = answer.problem(404);
        assert_eq!(told, format!("There is no thumbnail of this file: {why}."));
        let next = app.put(&format!("{name}.jpg"), &picture([0, 0, 200]));
        assert_eq!(seen(&thumbnail(&app, next.id)).dimensions(), (400, 300));
        let before = drawn(&app);
        assert_eq!(thumbnail(&app, hostile.id).problem(404), told);
        assert_eq!(drawn(&app), before);
        if name == "loop" {
            wait_kept(&app, hostile.id);
        }
    }
    app.put("last.txt", b"quiet water");
    app.wait_searchable("last.txt", "quiet");
    app.assert_sound();
}

/// Whoever looks at it waits, others do not.
#[test]
fn a_picture_that_takes_long_keeps_nothing_waiting() {
    let app = TestApp::with(&[("EXTRACT_SECONDS", "3600"), ("EXTRACT_WORKERS", "1")]);
    let slow = app.put("slow.pdf", &misdeed("sleep"));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| thumbnail(&app, slow.id));
        eventually("it to be drawn", || {
            let text = app.fetch("/metrics").text();
            let asked = "wharfside_in_flight_requests 2";
            text.contains(asked).then_some(())
        });
        let quick = app.put("quick.jpg", &picture([0, 200, 0]));
        assert_eq!(seen(&thumbnail(&app, quick.id)).dimensions(), (400, 300));
        app.put("last.txt", b"quiet water");
        app.wait_searchable("last.txt", "quiet");
        let answer = waiting.join().unwrap();
        let told = answer.problem(503);
        assert!(told.contains("still being made"), "{told}");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("cache-control"), "no-store");
    });
}

#[test]
fn many_who_ask_at_once_have_it_made_once() {
    let app = TestApp::start();
    let files: Vec<i64> = (0..6)
        .map(|shade| {
            let photo = picture([shade * 40, 100, 100]);
            app.put(&format!("{shade}.jpg"), &photo).id
        })
        .collect();
    std::thread::scope(|scope| {
        for id in files.iter().cycle().take(48) {
            let app = &app;
            scope.spawn(move || {
                assert_eq!(seen(&thumbnail(app, *id)).dimensions(), (400, 300));
            });
        }
    });
    assert_eq!(drawn(&app), 6);
}

#[test]
fn another_process_shows_what_the_first_one_made() {
    let first = TestApp::start();
    let photo = first.put("a.jpg", &picture([200, 0, 0]));
    let made = thumbnail(&first, photo.id);
    seen(&made);
    wait_kept(&first, photo.id);
    let second = first.second("second");
    let shown = thumbnail(&second, photo.id);
    assert!(shown.body == made.body);
    assert_eq!(shown.header("etag"), made.header("etag"));
}

#[test]
fn thumbnails_that_are_lost_are_made_again() {
    let mut app = TestApp::start();
    let photo = app.put("a.jpg", &picture([200, 0, 0]));
    let made = thumbnail(&app, photo.id);
    wait_kept(&app, photo.id);
    assert_eq!(app.stop(), Some(0));
    fs::remove_file(app.directory().join("facts.redb")).unwrap();
    app.start_again();
    let again = eventually("the thumbnail", || {
        let answer = thumbnail(&app, photo.id);
        (answer.status == 200).then_some(answer)
    });
    assert!(again.body == made.body);
    assert_eq!(drawn(&app), 1);
}

#[test]
fn a_new_version_has_a_thumbnail_of_its_own() {
    let app = TestApp::start();
    let is_red = |answer: &Answer| seen(answer).get_pixel(200, 150).0[0] > 150;
    let photo = app.put("a.jpg", &picture([200, 0, 0]));
    let old = thumbnail(&app, photo.id);
    assert!(is_red(&old));
    app.put("a.jpg", &picture([0, 0, 200]));
    let new = thumbnail(&app, photo.id);
    assert!(!is_red(&new));
    assert_ne!(new.header("etag"), old.header("etag"));
    let version = |number| app.fetch(&format!("/thumbnail/{}?version={number}", photo.id));
    assert!(is_red(&version(1)) && !is_red(&version(2)));
    let address = format!("/thumbnail/{}?version=2", photo.id);
    assert_eq!(app.entry(photo.id)["thumbnail"], address);
    // What is in the trash can still be looked at.
    app.delete("a.jpg");
    assert!(!is_red(&thumbnail(&app, photo.id)));
}

#[test]
fn chromium_shows_a_grid_of_thumbnails() {
    let app = TestApp::start();
    app.put("a.pdf", &pdf(&["a quay"], ""));
    app.put("b.jpg", &picture([200, 0, 0]));
    let wide = RgbImage::from_pixel(800, 200, Rgb([0, 200, 0]));
    let tiff = app.put("c.tiff", &encoded(wide, ImageFormat::Tiff)).id;
    app.put("d.png", b"\x89PNG\r\n\x1a\n, and no more");
    app.put(
        "e.svg",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"90\" height=\"60\"><rect width=\"90\" height=\"60\"/></svg>",
    );
    app.put("f.txt", b"quiet water");
    let browser = Browser::open();
    browser.go(&app.url("/?grid=true"));
    // In place of a picture that is not there stands the ending.
    let widths = "return [...document.querySelectorAll('.grid .face')].map((face) => \
                  face.querySelector('img')?.complete ? face.querySelector('img').naturalWidth : face.textContent)";
    eventually("every picture", || {
        let shown = browser.run(widths, json!([]));
        (shown == json!([309, 400, 400, "png", 90, "txt"])).then_some(())
    });
    // A picture is shown whole, however high it is.
    let sizes = "return [...document.querySelectorAll('.grid .face')].map((face) => { \
                 const img = face.querySelector('img'); return !img || img.offsetHeight === face.offsetHeight; })";
    assert_eq!(browser.run(sizes, json!([])), json!(vec![true; 6]));
    // On its own page a picture is shown small that browsers do not know, or that is too large to
    // be loaded unasked.
    let bitmap = encoded(
        RgbImage::from_pixel(2_400, 2_400, Rgb([0, 0, 200])),
        ImageFormat::Bmp,
    );
    assert!(bitmap.len() > 16 << 20);
    let large = app.put("g.bmp", &bitmap).id;
    for id in [tiff, large] {
        browser.go(&app.url(&format!("/files/{id}")));
        let width = "return document.querySelector('#preview img')?.naturalWidth";
        eventually("the picture on its page", || {
            (browser.run(width, json!([])) == 400).then_some(())
        });
        browser.wait_text("A small picture of it");
    }
}
