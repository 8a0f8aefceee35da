//! P7, before the fact: `check --preflight` rehearses a release beside the one that runs, fails
//! the deploy in plain words, and touches nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::app::{Directory, TestApp};
use crate::command::{Ended, eventually, run, wharfside};
use crate::needs_mount::SmallDisk;

const PREFLIGHT: &[&str] = &["check", "--preflight"];

/// As the platform runs it: in a one-off container `PORT` is set to nothing.
fn preflight(directory: &Path, environment: &[(&str, &str)]) -> Ended {
    let mut command = wharfside(PREFLIGHT);
    command.env("STORAGE_DIR", directory).env("PORT", "");
    command.envs(environment.iter().copied());
    run(command, "")
}

/// The lines of one thing that was looked at.
#[track_caller]
fn row<'a>(ended: &'a Ended, step: &str) -> &'a str {
    ended
        .stdout
        .lines()
        .find(|line| line.contains(&format!(" {step}: ")))
        .unwrap_or_else(|| panic!("no row about {step}: {ended:?}"))
}

#[track_caller]
fn passes(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stdout.contains("WRONG"), "{ended:?}");
    assert!(ended.stdout.trim_end().ends_with("nothing was changed."));
}

/// It fails for one reason, which says each of these.
#[track_caller]
fn refuses(ended: &Ended, step: &str, says: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let wrong: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|line| line.starts_with("WRONG"))
        .collect();
    assert_eq!(wrong.len(), 1, "{ended:?}");
    assert!(wrong[0].contains(&format!(" {step}: ")), "{}", wrong[0]);
    for words in says {
        assert!(wrong[0].contains(words), "no {words:?} in: {}", wrong[0]);
    }
    assert!(ended.stdout.contains("must not go live"), "{ended:?}");
}

/// Every path with its size and content, as far as a running release that does nothing leaves
/// them alone.
fn content(directory: &Path) -> BTreeMap<String, (u64, Option<String>)> {
    let mut content = BTreeMap::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(directory).unwrap().display().to_string();
            let facts = fs::metadata(&path).unwrap();
            // A sign of life may fall into the test, and redb keeps book of who has it open.
            let restless = [
                "wake",
                "catalog.sqlite-wal",
                "catalog.sqlite-shm",
                "facts.redb",
            ];
            let (size, digest) = if facts.is_dir() {
                folders.push(path);
                (0, None)
            } else if restless.contains(&name.as_str()) {
                (0, None)
            } else {
                let bytes = fs::read(&path).unwrap();
                (facts.len(), Some(crate::uploads::sha256_hex(&bytes)))
            };
            content.insert(name, (size, digest));
        }
    }
    content
}

#[test]
fn p7_beside_a_running_release_it_passes_and_touches_nothing() {
    let mut app = TestApp::with(&[("GIT_REV", "old")]);
    app.put("kept.txt", b"keelson");
    app.wait_indexed();
    app.persistence();
    let before = content(app.directory());
    let ended = preflight(app.directory(), &[("GIT_REV", "new")]);
    passes(&ended);
    for step in [
        "configuration",
        "reading",
        "mount",
        "entries",
        "storage",
        "catalog",
        "index",
        "space",
        "migrations",
        "facts",
    ] {
        assert!(row(&ended, step).starts_with("ok "), "{ended:?}");
    }
    assert!(row(&ended, "configuration").contains("port 5000"));
    assert!(row(&ended, "reading").contains("seccomp, and limits on memory"));
    assert_eq!(content(app.directory()), before);
    assert_eq!(app.stop(), Some(0));
    // Nobody is there any more, the catalog is one file, and it is the same.
    assert!(!app.directory().join("catalog.sqlite-wal").exists());
    let before = content(app.directory());
    passes(&preflight(app.directory(), &[]));
    assert_eq!(content(app.directory()), before);
    // A killed release leaves a log that the next start works off, and nobody else.
    app.start_again();
    app.put("more.txt", b"futtock");
    app.kill9();
    let log = app.directory().join("catalog.sqlite-wal");
    let (before, waiting) = (content(app.directory()), fs::read(&log).unwrap());
    passes(&preflight(app.directory(), &[]));
    assert_eq!(content(app.directory()), before);
    assert_eq!(fs::read(&log).unwrap(), waiting);
}

#[test]
fn uploads_go_on_during_it() {
    let app = TestApp::start();
    for round in 0..3 {
        std::thread::scope(|scope| {
            let rehearsed = scope.spawn(|| preflight(app.directory(), &[]));
            let mut n = 0;
            while !rehearsed.is_finished() {
                app.put(&format!("{round}/{n}.txt"), b"one after the other");
                n += 1;
            }
            passes(&rehearsed.join().unwrap());
        });
    }
    assert_eq!(app.persistence()["boots"].as_array().unwrap().len(), 1);
    app.assert_sound();
}

#[test]
fn it_says_the_same_as_json() {
    let app = TestApp::start();
    let mut command = wharfside(["check", "--preflight", "--json"]);
    command
        .env("STORAGE_DIR", app.directory())
        .env("GIT_REV", "new");
    let ended = run(command, "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["ok"], true);
    assert_eq!(report["release"], "new");
    let steps = report["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["verdict"] != "wrong"));
    assert_eq!(steps[0]["step"], "configuration");
    assert!(steps[0]["sentence"].as_str().unwrap().ends_with('.'));
}

#[test]
fn the_first_deploy_passes_and_leaves_the_directory_empty() {
    let directory = Directory::new();
    let ended = preflight(directory.path(), &[]);
    passes(&ended);
    assert!(row(&ended, "storage").contains("the first start sets it up"));
    assert!(row(&ended, "migrations").contains("on an empty catalog"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    let missing = directory.path().join("not/yet");
    let ended = preflight(&missing, &[]);
    passes(&ended);
    assert!(row(&ended, "mount").contains("does not exist yet"));
    assert!(!directory.path().join("not").exists());
    let app = TestApp::on(directory, &[]);
    app.put("first.txt", b"maiden voyage");
}

#[test]
fn p7_somebody_elses_directory_is_refused() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("index.html"), "theirs").unwrap();
    let ended = preflight(directory.path(), &[]);
    refuses(&ended, "storage", &["index.html", "STORAGE_DIR"]);
    assert_eq!(content(directory.path()).len(), 1);
}

#[test]
fn p7_a_schema_from_the_future_and_a_lost_catalog_are_refused() {
    let mut app = TestApp::start();
    app.put("kept.txt", b"gunwale");
    assert_eq!(app.stop(), Some(0));
    let path = app.directory().join("catalog.sqlite");
    let catalog = Connection::open(&path).unwrap();
    catalog
        .execute_batch(
            "INSERT INTO kit_schema (version, compatible_back_to) VALUES (900, 900);
             PRAGMA user_version = 900;",
        )
        .unwrap();
    drop(catalog);
    let before = content(app.directory());
    let ended = preflight(app.directory(), &[]);
    refuses(&ended, "catalog", &["newer release", "backups/"]);
    assert_eq!(content(app.directory()), before);
    fs::remove_file(&path).unwrap();
    let ended = preflight(app.directory(), &[]);
    refuses(&ended, "storage", &["catalog.sqlite", "backup"]);
}

#[test]
fn p7_a_damaged_catalog_is_refused() {
    let mut app = TestApp::start();
    for n in 0..60 {
        app.put(&format!("many/{n}.txt"), b"bilge");
    }
    assert_eq!(app.stop(), Some(0));
    let path = app.directory().join("catalog.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[4096 * 2..middle].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let ended = preflight(app.directory(), &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("from a backup"), "{ended:?}");
}

#[test]
fn p7_a_file_in_the_place_of_a_folder_is_named() {
    let mut app = TestApp::start();
    assert_eq!(app.stop(), Some(0));
    let backups = app.directory().join("backups");
    fs::remove_dir_all(&backups).unwrap();
    fs::write(&backups, "mine").unwrap();
    let ended = preflight(app.directory(), &[]);
    refuses(&ended, "entries", &["backups is a file"]);
}

#[test]
fn p7_what_another_user_left_is_named_with_the_remedy() {
    let mut app = TestApp::start();
    app.put("kept.txt", b"rudder");
    app.wait_indexed();
    assert_eq!(app.stop(), Some(0));
    if fs::metadata(app.directory()).unwrap().uid() != 0 {
        eprintln!("NOT RUN: giving files to another user needs root");
        return;
    }
    let everything = content(app.directory());
    for name in everything.keys().map(String::as_str).chain([""]) {
        chown(app.directory().join(name), Some(32767), Some(32767)).unwrap();
    }
    let as_the_app = || {
        let mut command = wharfside(PREFLIGHT);
        command.env("STORAGE_DIR", app.directory());
        command.uid(32767).gid(32767);
        run(command, "")
    };
    passes(&as_the_app());
    // What `docker run --user 0` would leave behind.
    let lock = app.directory().join("facts.lock");
    chown(&lock, Some(0), Some(0)).unwrap();
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o644)).unwrap();
    let ended = as_the_app();
    refuses(
        &ended,
        "entries",
        &["facts.lock", "belongs to 0:0", "32767:32767"],
    );
    assert!(ended.stdout.contains("chown -R 32767:32767 "), "{ended:?}");
    chown(app.directory(), Some(0), Some(0)).unwrap();
    let ended = as_the_app();
    refuses(&ended, "mount", &["belongs to 0:0", "cannot be written"]);
}

#[test]
fn needs_mount_p7_too_little_space_is_told_with_what_is_needed() {
    let Some(disk) = SmallDisk::mount(40) else {
        return;
    };
    let app = TestApp::on(Directory::given(disk.path()), &[]);
    app.put("kept.txt", b"hawser");
    app.wait_indexed();
    passes(&preflight(disk.path(), &[]));
    // Leaves less than a start works with.
    let ballast = disk.path().join(".ballast");
    fs::write(&ballast, vec![7; 28 << 20]).unwrap();
    refuses(
        &preflight(disk.path(), &[]),
        "space",
        &["this release needs 16.0 MiB", "make room"],
    );
    fs::remove_file(&ballast).unwrap();
}

#[test]
fn p7_a_lock_that_cannot_be_shared_is_told_before_and_waited_for_after() {
    let mut app = TestApp::start();
    app.put("kept.txt", b"cleat");
    app.wait_indexed();
    assert_eq!(app.stop(), Some(0));
    // As a release with another generation of the engine holds it.
    let facts = app.directory().join("facts.redb");
    let exclusive = redb::Database::open(&facts).unwrap();
    let ended = preflight(app.directory(), &[]);
    refuses(&ended, "facts", &["cannot share", "would wait"]);
    let mut new = TestApp::begin(app.share_directory(), &[("GIT_REV", "new")]);
    let reason = eventually("the refusal", || {
        let answer = new.fetch("/health/ready");
        assert_eq!(answer.status, 503);
        let reason = answer.json()["reason"].as_str()?.to_owned();
        reason.contains("facts.redb").then_some(reason)
    });
    assert!(reason.contains("once that release has stopped"), "{reason}");
    assert_eq!(new.fetch("/health/live").status, 200);
    drop(exclusive);
    new.wait_ready();
    assert_eq!(new.get("kept.txt").body, b"cleat");
    new.assert_sound();
}

#[test]
fn a_configuration_that_serve_would_refuse_fails_the_deploy() {
    let directory = TempDir::new().unwrap();
    let local = [("HOST", "0.0.0.0"), ("ACCESS", "local")];
    let ended = preflight(directory.path(), &local);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("ACCESS=open"), "{ended:?}");
    let ended = preflight(directory.path(), &[("WHARFSIDE_PROT", "80")]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("WHARFSIDE_PROT"), "{ended:?}");
    let both = run(wharfside(["check", "--preflight", "--deep"]), "");
    assert_eq!(both.code, Some(2), "{both:?}");
}

#[test]
fn the_procfile_rehearses_with_the_configuration_that_it_serves_with() {
    let procfile = include_str!("../../Procfile");
    let line = |process: &str| {
        let prefix = format!("{process}: ");
        let found = procfile.lines().find_map(|line| line.strip_prefix(&prefix));
        let words = found.unwrap_or_else(|| panic!("no {process} in the Procfile"));
        words.split(' ').collect::<Vec<_>>()
    };
    let (web, release) = (line("web"), line("release"));
    let start = web.strip_suffix(&["serve"]).unwrap();
    let rehearsal = release.strip_prefix(start).unwrap();
    assert_eq!(rehearsal, PREFLIGHT);
    // `env NAME=value… command`: the platform runs it without a shell.
    assert_eq!(start[0], "env");
    let variables: Vec<(&str, &str)> = start[1..start.len() - 1]
        .iter()
        .map(|word| word.split_once('=').unwrap())
        .collect();
    let directory = TempDir::new().unwrap();
    let ended = preflight(directory.path(), &variables);
    passes(&ended);
    assert!(
        row(&ended, "configuration").contains("0.0.0.0"),
        "{ended:?}"
    );
    // Of whatever the platform's variables say, only what serves nobody is refused.
    let mut local = variables.clone();
    local.push(("ACCESS", "local"));
    assert_eq!(preflight(directory.path(), &local).code, Some(2));
}

#[cfg(feature = "crash-points")]
mod with_migrations {
    use super::*;

    fn pretend(app: &TestApp, release: &str) -> Ended {
        preflight(app.directory(), &[("WHARFSIDE_PRETEND", release)])
    }

    /// A running release with something in it, and what its directory holds.
    fn running() -> (TestApp, BTreeMap<String, (u64, Option<String>)>) {
        let app = TestApp::with(&[("GIT_REV", "a1b2c3")]);
        app.put("one.txt", b"capstan");
        app.put("two.txt", b"windlass");
        app.wait_indexed();
        app.persistence();
        let content = content(app.directory());
        (app, content)
    }

    #[test]
    fn what_only_adds_is_tried_on_a_copy_and_timed() {
        let (app, before) = running();
        let ended = pretend(&app, "next");
        passes(&ended);
        assert!(row(&ended, "catalog").contains("has 1 migration more"));
        let migrations = row(&ended, "migrations");
        assert!(migrations.contains("1 migration took 0."), "{migrations}");
        assert!(migrations.contains("on a copy of "), "{migrations}");
        assert!(row(&ended, "index").contains("one of its own to build"));
        assert_eq!(content(app.directory()), before);
    }

    #[test]
    fn p7_a_migration_that_fails_fails_the_deploy() {
        let (app, before) = running();
        let ended = pretend(&app, "failing");
        refuses(
            &ended,
            "migrations",
            &["Migration", "UNIQUE constraint failed"],
        );
        assert_eq!(content(app.directory()), before);
        app.put("three.txt", b"goes on");
    }

    #[test]
    fn p7_a_migration_that_would_break_the_running_release_fails_the_deploy() {
        let (app, before) = running();
        let ended = pretend(&app, "breaking");
        refuses(
            &ended,
            "migrations",
            &["the column event.detail is gone", "only add"],
        );
        assert_eq!(content(app.directory()), before);
    }

    #[test]
    fn p7_a_release_that_ends_older_ones_is_not_deployed_beside_one() {
        let (mut app, before) = running();
        let ended = pretend(&app, "contract");
        refuses(
            &ended,
            "catalog",
            &["release a1b2c3 is running", "stop it first"],
        );
        assert!(ended.stdout.contains("dokku ps:stop APP"), "{ended:?}");
        assert_eq!(content(app.directory()), before);
        assert_eq!(app.stop(), Some(0));
        let ended = pretend(&app, "contract");
        passes(&ended);
        assert!(
            ended.stdout.contains("no earlier release can run here"),
            "{ended:?}"
        );
    }
}
