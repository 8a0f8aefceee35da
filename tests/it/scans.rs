//! Scans and pictures, read by tesseract where there is one. Those tests that are named after it
//! need it: Debian's package tesseract-ocr.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hayro::hayro_syntax::Pdf;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use image::{DynamicImage, ImageFormat, RgbaImage};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::app::TestApp;
use crate::command::eventually;
use crate::previews::{assembled, pdf};

const PROGRAMS: &str = "/usr/local/bin:/usr/bin:/bin";

/// What a camera or a scanner sees of a page with a line of text on it.
fn seen(line: &str) -> DynamicImage {
    let document = Pdf::new(pdf(&[line], "")).unwrap();
    let scale = 2.5;
    let settings = PixmapSettings {
        x_scale: scale,
        y_scale: scale,
        bg_color: WHITE,
    };
    let page = render(
        &document.pages()[0],
        &RenderCache::new(),
        &Default::default(),
        &RenderSettings::default(),
        &settings,
    );
    let (width, height) = (page.width().into(), page.height().into());
    let pixels = page.data_as_u8_slice().to_vec();
    let page = RgbaImage::from_raw(width, height, pixels).unwrap();
    DynamicImage::from(page).into_rgb8().into()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A document whose first page is text, and whose second one a picture of it.
fn half_scanned(line: &str, scanned: &str) -> Vec<u8> {
    let picture = seen(scanned);
    let jpeg = encoded(&picture, ImageFormat::Jpeg);
    let text = format!("BT /F1 24 Tf 72 700 Td ({line}) Tj ET");
    let shown = "q 612 0 0 792 0 0 cm /P Do Q";
    let stream = |head: &str, bytes: &[u8]| {
        let head = format!("<< {head} /Length {} >>\nstream\n", bytes.len());
        [head.as_bytes(), bytes, b"\nendstream"].concat()
    };
    let page = |contents: &str, resources: &str| {
        format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {contents} /Resources << {resources} >> >>").into_bytes()
    };
    let (width, height) = (picture.width(), picture.height());
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Count 2 /Kids [4 0 R 5 0 R] >>".to_vec(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
        page("6 0 R", "/Font << /F1 3 0 R >>"),
        page("7 0 R", "/XObject << /P 8 0 R >>"),
        stream("", text.as_bytes()),
        stream("", shown.as_bytes()),
        stream(
            &format!(
                "/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode"
            ),
            &jpeg,
        ),
    ];
    assembled(objects)
}

#[test]
fn tesseract_reads_scans_and_pictures() {
    let app = TestApp::with(&[("PATH", PROGRAMS), ("OCR_LANGUAGES", "eng")]);
    let document = half_scanned("an empty quay", "a zeppelin over the mole");
    let scan = app.put("scan.pdf", &document);
    let photo = encoded(&seen("forty herring barrels"), ImageFormat::Png);
    let photo = app.put("photo.png", &photo);
    let plain = app.put("plain.pdf", &pdf(&["a tug and a pilot"], ""));
    app.wait_searchable("scan.pdf", "zeppelin mole");
    // The index knows of it a moment before the text is kept.
    eventually("the pages of both", || {
        let page = |word| app.search(word)["hits"][0]["passages"][0]["page"].clone();
        (page("zeppelin") == 2 && page("quay") == 1).then_some(())
    });
    app.wait_searchable("photo.png", "\"herring barrels\"");
    let page = |id: i64| app.fetch(&format!("/files/{id}")).text();
    eventually("the facts to tell of it", || {
        let told = "<dt>Read by OCR</dt><dd><bdi>1\u{a0}page; some words may be wrong</bdi>";
        (page(scan.id).contains(told) && page(photo.id).contains(told)).then_some(())
    });
    assert!(!page(plain.id).contains("Read by OCR"));
    assert_eq!(app.entry(scan.id)["facts"]["recognised"], 1);
    assert_eq!(app.persistence()["reading"]["ocr"], "eng");
    let told = "read by tesseract (eng), behind everything else";
    assert!(app.fetch("/persistence").text().contains(told));
    app.assert_sound();
}

#[test]
fn tesseract_may_come_and_go_with_releases() {
    let mut app = TestApp::start();
    let scan = half_scanned("an empty quay", "a zeppelin over the mole");
    let scan = app.put("scan.pdf", &scan);
    app.wait_searchable("scan.pdf", "quay");
    let told = "not read: no tesseract that works is on the PATH";
    assert!(app.fetch("/persistence").text().contains(told));
    assert!(app.operate(&["check"]).stdout.contains(told));
    assert_eq!(app.found("zeppelin"), [""; 0]);
    assert_eq!(app.entry(scan.id)["facts"]["scans"], 1);

    app.set("PATH", PROGRAMS);
    app.restart("second");
    app.wait_searchable("scan.pdf", "zeppelin");
    eventually("nothing to be left to read again", || {
        let left = app.persistence()["reading"]["again"].clone();
        left.is_null().then_some(())
    });

    app.set("PATH", "/nowhere");
    app.restart("third");
    app.wait_searchable("scan.pdf", "zeppelin");
    assert_eq!(app.entry(scan.id)["facts"]["recognised"], 1);
    app.assert_sound();
}

/// A program that is taken for tesseract.
fn pretended(script: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("tesseract");
    let script = format!(
        "#!/bin/sh\n\
         if [ \"$1\" = --list-langs ]; then echo eng; exit; fi\n\
         word() {{ printf '5\\t1\\t1\\t1\\t1\\t1\\t0\\t0\\t9\\t9\\t95\\t%s\\n' \"$1\"; }}\n\
         {script}\n"
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

#[test]
fn what_reads_scans_can_do_nothing_else() {
    let elsewhere = TempDir::new().unwrap();
    let secret = elsewhere.path().join("secret");
    fs::write(&secret, "shibboleth\n").unwrap();
    let written = elsewhere.path().join("written");
    let folder = pretended(&format!(
        "word begun\n\
         if read -r line < {secret}; then word readable; else word unreadable; fi\n\
         if true > {written}; then word writable; else word unwritable; fi\n\
         if [ -z \"$SECRET_OF_THE_SERVER\" ]; then word uninformed; fi\n\
         word \"threads$OMP_THREAD_LIMIT\"",
        secret = secret.display(),
        written = written.display(),
    ));
    let app = TestApp::with(&[("PATH", path(&folder)), ("SECRET_OF_THE_SERVER", "known")]);
    let photo = encoded(&seen("a line"), ImageFormat::Png);
    app.put("photo.png", &photo);
    app.wait_searchable("photo.png", "begun unwritable uninformed threads1");
    if app.persistence()["reading"]["confinement"]["landlock"] == "not" {
        return eprintln!("NOT RUN: this kernel has no landlock");
    }
    assert_eq!(app.found("unreadable"), ["photo.png"]);
    assert!(!Path::new(&written).exists());
}

#[test]
fn a_scan_that_takes_for_ever_keeps_nobody_waiting() {
    let folder = pretended("while true; do true; done");
    let mut app = TestApp::with(&[("PATH", path(&folder)), ("DRAIN_SECONDS", "1")]);
    app.put("photo.png", &encoded(&seen("a line"), ImageFormat::Png));
    app.wait_searchable("photo.png", "photo");
    app.put("a.txt", b"quiet water");
    app.wait_searchable("a.txt", "quiet");
    app.process().signal(Signal::TERM);
    assert_eq!(app.process().wait_exit().code(), Some(0));
}

#[test]
fn languages_that_are_none_are_refused() {
    let mut app = TestApp::start();
    assert_eq!(app.stop(), Some(0));
    let mut command = crate::command::wharfside(["serve"]);
    command
        .env("STORAGE_DIR", app.directory())
        .env("OCR_LANGUAGES", "--user-words /etc/passwd");
    let ended = crate::command::run(command, "");
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("such as eng+deu"), "{ended:?}");
}
