//! The command line: help texts, sentences and exit codes.

use std::fs;

use tempfile::TempDir;

use crate::app::{TestApp, errors};
use crate::command::{operate, run, wharfside};

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
    insta::assert_snapshot!("help_put", help(&["put"]));
    insta::assert_snapshot!("help_get", help(&["get"]));
    insta::assert_snapshot!("help_ls", help(&["ls"]));
    insta::assert_snapshot!("help_find", help(&["find"]));
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
    assert_eq!(app.stop(), Some(0));
    app.assert_sound();
    let wrong = |arguments: &[&str]| errors(&app.operate(arguments));

    let hex = receipt.sha256.to_string();
    let shelf = app
        .directory()
        .join("blobs")
        .join(&hex[..2])
        .join(&hex[2..4]);
    let blob = shelf.join(&hex);
    fs::write(&blob, b"sandalwooD").unwrap();
    assert_eq!(
        wrong(&["check", "--json"]),
        [""; 0],
        "only a deep check reads contents"
    );
    let damaged = wrong(&["check", "--deep", "--json"]);
    assert!(
        damaged.iter().any(|sentence| sentence.contains(&hex)),
        "{damaged:?}"
    );

    fs::remove_file(&blob).unwrap();
    let missing = wrong(&["check", "--deep", "--json"]);
    assert!(
        missing.iter().any(|sentence| sentence.contains(&hex)),
        "{missing:?}"
    );
    let plain = app.operate(&["check", "--deep"]);
    assert_eq!(plain.code, Some(1));
    assert!(plain.stdout.contains(&missing[0]), "{}", plain.stdout);
}

#[test]
fn check_of_nothing_is_told() {
    let directory = TempDir::new().unwrap();
    let nowhere = directory.path().join("nowhere");
    let ended = operate(&nowhere, &["check"]);
    assert_ne!(ended.code, Some(0), "{ended:?}");
    assert!(format!("{}{}", ended.stdout, ended.stderr).contains("nowhere"));
    assert!(!nowhere.exists(), "check made a directory");
    let early = operate(directory.path(), &["check"]);
    assert!(early.stdout.contains("No release has started"), "{early:?}");
    let reindex = operate(directory.path(), &["reindex"]);
    assert_eq!(reindex.code, Some(2), "{reindex:?}");
    assert!(
        reindex.stderr.contains("No release has started"),
        "{reindex:?}"
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
