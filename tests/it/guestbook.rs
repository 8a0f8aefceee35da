//! The kit without the app: `examples/guestbook.rs`, over restarts and in two processes at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread;

use tempfile::TempDir;

use crate::command::run;
use crate::uploads::sha256_hex;

/// Built by `cargo test` already; built here when only these tests were asked for.
static GUESTBOOK: LazyLock<PathBuf> = LazyLock::new(|| {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--message-format=json",
        "--example",
        "guestbook",
    ]);
    if cfg!(feature = "crash-points") {
        cargo.args(["--features", "crash-points"]);
    }
    let output = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let executable = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .rev()
        .find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(message["executable"].as_str()?.into())
        });
    executable.expect("cargo names the example's executable")
});

fn guestbook(directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(&*GUESTBOOK);
    command
        .arg(directory)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ended = run(command, "");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout
}

#[test]
fn a_different_app_on_the_same_kit_keeps_and_finds_what_it_was_told() {
    let home = TempDir::new().unwrap();
    let directory = home.path().join("book");
    let picture = home.path().join("ann.png");
    fs::write(&picture, b"a portrait").unwrap();
    guestbook(
        &directory,
        &[
            "sign",
            "Ann",
            "Fair winds and following seas",
            picture.to_str().unwrap(),
        ],
    );

    thread::scope(|scope| {
        for name in ["Ann", "Bob"] {
            let directory = &directory;
            scope.spawn(move || {
                for n in 0..5 {
                    guestbook(
                        directory,
                        &["sign", name, &format!("{name} was here, verse {n}")],
                    );
                }
            });
        }
    });

    let found = guestbook(&directory, &["find", "winds"]);
    assert!(
        found.starts_with("1. Ann, who signed 6 times: Fair winds"),
        "{found}"
    );
    assert!(found.contains(&sha256_hex(b"a portrait")), "{found}");
    for name in ["Ann", "Bob"] {
        let found = guestbook(&directory, &["find", &format!("\"{name} was here\"")]);
        assert_eq!(found.lines().count(), 5, "{found}");
    }
    assert_eq!(guestbook(&directory, &["find", "barnacle"]), "");
}

#[test]
fn the_example_stays_short() {
    let source =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guestbook.rs"))
            .unwrap();
    assert!(source.lines().count() <= 120);
}
