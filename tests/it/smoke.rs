//! `smoke put`, `verify` and `watch` against a real installation.

use std::fs;

use serde_json::Value;

use crate::app::TestApp;
use crate::command::{Ended, Process, run, wharfside};

fn smoke(app: &TestApp, verb: &str, more: &[&str], input: &str) -> Ended {
    let mut command = wharfside(["smoke", verb, &app.url("")]);
    command.args(more);
    run(command, input)
}

#[test]
fn receipts_hold_over_a_restart_and_not_without_one() {
    let mut app = TestApp::start();
    let put = smoke(&app, "put", &["--files", "24", "--seed", "7"], "");
    assert_eq!(put.code, Some(0), "{}", put.stderr);
    assert_eq!(put.stdout.lines().count(), 24);
    assert!(
        put.stderr.starts_with("24 files stored in smoke/"),
        "{}",
        put.stderr
    );

    let same = smoke(&app, "verify", &["--same-boot"], &put.stdout);
    assert_eq!(same.code, Some(0), "{}", same.stderr);
    let early = smoke(&app, "verify", &[], &put.stdout);
    assert_eq!(early.code, Some(1));
    assert!(
        early.stderr.contains("nothing was restarted"),
        "{}",
        early.stderr
    );

    app.restart("next");
    let verified = smoke(&app, "verify", &[], &put.stdout);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    assert_eq!(
        verified.stdout,
        "24 receipts checked against boot 2: all well.\n"
    );
}

#[test]
fn verify_names_what_is_missing_or_other() {
    let app = TestApp::start();
    let put = smoke(&app, "put", &["--files", "4"], "");
    let receipts: Vec<serde_json::Value> = put
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let path = |n: usize| receipts[n]["path"].as_str().unwrap();
    app.delete(path(1));
    app.put(path(2), b"something else");
    let verified = smoke(&app, "verify", &["--same-boot"], &put.stdout);
    assert_eq!(verified.code, Some(1));
    assert!(
        verified
            .stderr
            .contains(&format!("{} cannot be downloaded", path(1))),
        "{}",
        verified.stderr
    );
    assert!(
        verified
            .stderr
            .contains(&format!("{} is not listed", path(1))),
        "{}",
        verified.stderr
    );
    assert!(
        verified
            .stderr
            .contains(&format!("{} holds 14 bytes", path(2))),
        "{}",
        verified.stderr
    );
    assert!(!verified.stderr.contains(path(3)), "{}", verified.stderr);
}

#[test]
fn bad_receipts_and_addresses_are_told() {
    let app = TestApp::start();
    let bad = smoke(&app, "verify", &[], "{}\n");
    assert_eq!(bad.code, Some(2));
    assert!(
        bad.stderr.contains("Line 1 is not a receipt"),
        "{}",
        bad.stderr
    );
    let none = smoke(&app, "verify", &[], "");
    assert_eq!(none.code, Some(2));
    assert!(
        none.stderr.contains("no receipt on stdin"),
        "{}",
        none.stderr
    );
    let address = run(wharfside(["smoke", "put", "files.example.org"]), "");
    assert_eq!(address.code, Some(2));
    assert!(
        address.stderr.contains("http://127.0.0.1:5000"),
        "{}",
        address.stderr
    );
    // A port on which nobody listens any more.
    let url = app.url("");
    drop(app);
    let nobody = run(wharfside(["smoke", "put", &url]), "");
    assert_eq!((nobody.code, nobody.stdout.as_str()), (Some(2), ""));
    assert!(nobody.stderr.contains("got no answer"), "{}", nobody.stderr);
}

#[test]
fn watch_reports_a_quiet_time() {
    let app = TestApp::start();
    let watched = smoke(&app, "watch", &["--for", "2", "--clients", "2"], "");
    assert_eq!(
        watched.code,
        Some(0),
        "{}{}",
        watched.stdout,
        watched.stderr
    );
    assert!(
        watched.stdout.contains(", 0 failures,"),
        "{}",
        watched.stdout
    );
    assert!(
        watched.stdout.contains("checked, 0 lost"),
        "{}",
        watched.stdout
    );
    assert!(watched.stdout.contains("boot 1;"), "{}", watched.stdout);
    app.assert_sound();
}

#[test]
fn what_is_too_large_for_a_proxy_in_front_is_left_out_when_told() {
    let app = TestApp::with(&[("MAX_UPLOAD_BYTES", "900kB")]);
    let refused = smoke(&app, "put", &["--files", "12"], "");
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("2 refused"), "{}", refused.stderr);
    let fitting = smoke(&app, "put", &["--files", "12", "--largest", "900kB"], "");
    assert_eq!(fitting.code, Some(0), "{}", fitting.stderr);
    let tiny = smoke(&app, "put", &["--largest", "1kB"], "");
    assert_eq!(tiny.code, Some(2), "{}", tiny.stderr);
    assert!(tiny.stderr.contains("from 256KiB on"), "{}", tiny.stderr);
}

#[test]
fn watch_tells_programs_what_failed_and_when() {
    let app = TestApp::with(&[("MAX_UPLOAD_BYTES", "10kB")]);
    let watched = smoke(
        &app,
        "watch",
        &["--for", "2", "--largest", "256KiB", "--reconnect", "--json"],
        "",
    );
    assert_eq!(watched.code, Some(1), "{}", watched.stderr);
    let said: Value = serde_json::from_str(&watched.stdout).unwrap();
    assert_eq!(said["lost"], Value::Array(Vec::new()));
    assert_eq!(said["boots"], serde_json::json!([1]));
    let failed = said["failed"].as_array().unwrap();
    assert!(!failed.is_empty());
    assert_eq!(said["failures"], failed.len());
    assert!(said["requests"].as_u64().unwrap() > failed.len() as u64);
    for failure in failed {
        let (began, ended) = (&failure["began_ms"], &failure["ended_ms"]);
        assert!(began.as_i64().unwrap() <= ended.as_i64().unwrap(), "{said}");
        let reason = failure["reason"].as_str().unwrap();
        assert!(reason.contains("was answered 413"), "{reason}");
    }
}

#[test]
fn watch_notices_a_server_that_dies_and_loses_nothing() {
    let mut app = TestApp::start();
    let port = app.url("").rsplit_once(':').unwrap().1.to_owned();
    let mut watch = Process::start(wharfside(["smoke", "watch", &app.url("")]));
    crate::command::eventually("a few uploads", || {
        (app.persistence()["totals"]["files"].as_u64()? > 20).then_some(())
    });
    app.kill9();
    app.set("PORT", &port);
    app.start_again();
    crate::command::eventually("a few more", || {
        (app.persistence()["totals"]["files"].as_u64()? > 40).then_some(())
    });
    watch.signal(rustix::process::Signal::INT);
    assert_eq!(watch.wait_exit().code(), Some(1));
    let said = watch.said();
    assert!(said.contains("boots 1, 2"), "{said}");
    assert!(said.contains(" 0 lost;"), "{said}");
    assert!(said.contains("got no answer"), "{said}");
    app.assert_sound();
}

#[test]
fn watch_notices_what_is_lost() {
    let mut app = TestApp::start();
    let port = app.url("").rsplit_once(':').unwrap().1.to_owned();
    let mut watch = Process::start(wharfside(["smoke", "watch", &app.url("")]));
    crate::command::eventually("a few uploads", || {
        (app.persistence()["totals"]["files"].as_u64()? > 20).then_some(())
    });
    app.kill9();
    // What a deploy without a mount does.
    for entry in fs::read_dir(app.directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    app.set("PORT", &port);
    app.start_again();
    crate::command::eventually("a few more", || {
        (app.persistence()["totals"]["files"].as_u64()? > 5).then_some(())
    });
    watch.signal(rustix::process::Signal::INT);
    assert_eq!(watch.wait_exit().code(), Some(1));
    let said = watch.said();
    assert!(!said.contains(" 0 lost;"), "{said}");
}
