//! Health, shutdown and the headers every answer carries.

use std::io::{Read, Write};

use rustix::process::Signal;

use crate::app::TestApp;
use crate::command::eventually;

#[test]
fn health_names_each_store() {
    let app = TestApp::start();
    assert_eq!(app.fetch("/health/live").status, 200);
    let ready = app.json("/health/ready");
    assert_eq!(ready["status"], "ready");
    for store in ["blobs", "catalog", "facts", "index"] {
        let stores = ready["stores"].as_array().unwrap();
        let health = stores.iter().find(|health| health["store"] == store);
        assert_eq!(
            health.unwrap_or_else(|| panic!("no {store}: {ready}"))["ok"],
            true
        );
    }
}

#[test]
fn sigterm_drains_and_ends_well() {
    let mut app = TestApp::with(&[("DRAIN_SECONDS", "1")]);
    let receipt = app.put("kept.txt", b"spinnaker");
    app.process().signal(Signal::TERM);
    eventually("readiness to turn", || {
        let answer = app.try_call("GET", "/health/ready", &[], None).ok()?;
        (answer.status == 503).then_some(())
    });
    let live = app.fetch("/health/live");
    assert_eq!((live.status, live.header("connection")), (200, "close"));
    assert_eq!(app.get("kept.txt").body, b"spinnaker");
    assert_eq!(app.process().wait_exit().code(), Some(0));
    app.start_again();
    app.assert_keeps(&receipt, b"spinnaker", "spinnaker");
    app.assert_sound();
}

#[test]
fn an_upload_in_flight_is_finished_before_the_end() {
    let mut app = TestApp::with(&[("DRAIN_SECONDS", "0")]);
    let mut stream = app.connect();
    stream
        .write_all(
            b"PUT /api/v1/files/last.txt HTTP/1.1\r\nhost: localhost\r\ncontent-length: 200004\r\n\r\nlast",
        )
        .unwrap();
    stream.write_all(&[b' '; 100_000]).unwrap();
    eventually("the upload to be under way", || {
        (crate::uploads::staged(&app) > 0).then_some(())
    });
    app.process().signal(Signal::TERM);
    app.process().wait_line("the drain to begin", |line| {
        line.contains("stop").then_some(())
    });
    stream.write_all(&[b' '; 100_000]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(app.process().wait_exit().code(), Some(0));
    app.start_again();
    app.wait_searchable("last.txt", "last");
}

#[test]
fn every_answer_has_a_request_id_that_the_log_knows() {
    let mut app = TestApp::with(&[("LOG", "debug")]);
    let answer = app.fetch("/api/v1/entries/999999");
    answer.problem(404);
    let id = answer.header("x-request-id").to_owned();
    assert!(!id.is_empty());
    app.process().wait_line("the request in the log", |line| {
        line.contains(&id).then_some(())
    });
    assert!(!app.fetch("/").header("x-request-id").is_empty());
}

#[test]
fn pages_carry_a_strict_policy() {
    let app = TestApp::start();
    let page = app.call("GET", "/", &[("accept", "text/html")], None);
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let text = page.text();
    assert!(
        !text.contains("style=\"") && !text.contains("onclick"),
        "inline style or script"
    );
}

#[test]
fn pages_travel_compressed_and_files_as_they_are() {
    let app = TestApp::start();
    let stored = format!("<!DOCTYPE html><p>{}", "ballast ".repeat(1000));
    let receipt = app.put("ballast.html", stored.as_bytes());
    // The client of these tests would unpack an answer itself.
    let taking = |target: &str| {
        app.raw(
            format!(
                "GET {target} HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\n\
                 accept-encoding: gzip, br\r\nconnection: close\r\n\r\n"
            )
            .as_bytes(),
        )
    };
    let page = taking("/");
    assert!(page.contains("content-encoding: gzip\r\n"), "{page}");
    assert!(page.contains("vary: accept-encoding\r\n"), "{page}");
    let file = taking(&format!("/download/{}", receipt.id));
    assert!(!file.contains("content-encoding"), "{file}");
    assert!(file.ends_with(&stored), "{file}");

    let plain = app.call("GET", "/", &[("accept", "text/html")], None);
    assert_eq!(plain.header("vary"), "accept-encoding");
    assert!(plain.text().contains("ballast.html"));
}
