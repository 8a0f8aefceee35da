//! The command line: help texts, sentences and exit codes.

use std::fs;

use tempfile::TempDir;

use crate::app::TestApp;
use crate::command::{run, wharfside};

fn help(arguments: &[&str]) -> String {
    let mut arguments = arguments.to_vec();
    arguments.push("--help");
    let ended = run(wharfside(arguments), "");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    ended.stdout
}

#[test]
fn help_reads_well() {
    insta::assert_snapshot!("help", help(&[]));
    insta::assert_snapshot!("help_serve", help(&["serve"]));
    insta::assert_snapshot!("help_check", help(&["check"]));
    insta::assert_snapshot!("help_reindex", help(&["reindex"]));
    insta::assert_snapshot!("help_smoke", help(&["smoke"]));
    insta::assert_snapshot!("help_smoke_put", help(&["smoke", "put"]));
    insta::assert_snapshot!("help_smoke_verify", help(&["smoke", "verify"]));
    insta::assert_snapshot!("help_smoke_watch", help(&["smoke", "watch"]));
}

#[test]
fn the_version_names_release_and_engines() {
    for flag in ["--version", "-V"] {
        let ended = run(wharfside([flag]), "");
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let lines: Vec<&str> = ended.stdout.lines().collect();
        let names: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(names, ["wharfside", "SQLite", "redb", "tantivy"]);
        assert!(lines[0].contains(env!("CARGO_PKG_VERSION")), "{}", lines[0]);
        for line in &lines[1..] {
            let version = line.split([' ', ',']).nth(1).unwrap();
            assert!(
                version
                    .split('.')
                    .filter(|part| part.parse::<u32>().is_ok())
                    .count()
                    >= 3,
                "{line}"
            );
        }
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &["sevre"][..],
        &["check", "--fast"],
        &["smoke"],
        &["smoke", "put"],
    ] {
        let ended = run(wharfside(arguments), "");
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.contains("Usage"), "{}", ended.stderr);
    }
}

#[test]
fn check_is_content_with_a_sound_library_and_names_what_is_wrong() {
    let mut app = TestApp::start();
    let receipt = app.put("goods.txt", b"sandalwood");
    app.wait_indexed();
    // While the app runs, and after.
    app.assert_sound();
    let json = app.operate(&["check", "--deep", "--json"]);
    assert_eq!(json.code, Some(0), "{}", json.stderr);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(report.is_object(), "{report}");
    assert_eq!(app.stop(), Some(0));
    let plain = app.operate(&["check"]);
    assert_eq!(plain.code, Some(0), "{}{}", plain.stdout, plain.stderr);

    let hex = receipt.sha256.to_string();
    let blob = app
        .directory()
        .join("blobs")
        .join(&hex[..2])
        .join(&hex[2..4])
        .join(&hex);
    fs::write(&blob, b"sandalwooD").unwrap();
    let damaged = app.operate(&["check", "--deep"]);
    assert_eq!(
        damaged.code,
        Some(1),
        "{}{}",
        damaged.stdout,
        damaged.stderr
    );
    let said = format!("{}{}", damaged.stdout, damaged.stderr);
    assert!(said.contains("goods.txt") || said.contains(&hex), "{said}");

    fs::remove_file(&blob).unwrap();
    let missing = app.operate(&["check", "--deep"]);
    assert_eq!(
        missing.code,
        Some(1),
        "{}{}",
        missing.stdout,
        missing.stderr
    );
    let json = app.operate(&["check", "--deep", "--json"]);
    assert_eq!(json.code, Some(1));
    assert!(
        serde_json::from_str::<serde_json::Value>(&json.stdout).is_ok(),
        "{}",
        json.stdout
    );
}

#[test]
fn check_of_nothing_is_told() {
    let directory = TempDir::new().unwrap();
    let mut command = wharfside(["check"]);
    command.env("STORAGE_DIR", directory.path().join("nowhere"));
    let ended = run(command, "");
    assert_ne!(ended.code, Some(0), "{ended:?}");
    assert!(format!("{}{}", ended.stdout, ended.stderr).contains("nowhere"));
    assert!(
        !directory.path().join("nowhere").exists(),
        "check made a directory"
    );
}

#[test]
fn without_a_command_it_serves() {
    let directory = TempDir::new().unwrap();
    let mut command = wharfside([""; 0]);
    command
        .env("STORAGE_DIR", directory.path())
        .env("PORT", "0")
        .env("LOG_FORMAT", "text");
    let mut process = crate::command::Process::start(command);
    process.wait_line("its address", |line| {
        line.contains("http://127.0.0.1:").then_some(())
    });
    process.signal(rustix::process::Signal::INT);
    assert_eq!(process.wait_exit().code(), Some(0));
}
