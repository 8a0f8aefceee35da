//! Documents are read in children that can do nothing else: hostile ones cost their child, and
//! nobody waits for slow ones.
//!
//! Files called `.misdeed` make the child of a build for tests do what they hold.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use wharfside::store::crash::POINTS;

use crate::app::{TestApp, errors};
use crate::command::{WHARFSIDE, eventually};

/// The children of a process that read documents.
fn children(server: u32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|pid| is_child(*pid, server)).collect()
}

/// Whether it runs: what waits to be reaped does not.
fn is_child(pid: i32, server: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    // After the name, which is in brackets and may hold anything.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let mut fields = rest.split_whitespace();
    let (state, parent) = (fields.next(), fields.next());
    state != Some("Z") && parent == Some(&server.to_string())
}

fn runs(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    !rest.is_empty() && !rest.starts_with('Z')
}

fn kill(pid: i32) {
    // It may be gone by now.
    let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
}

/// Waits until the page of a file says why its contents were not read; programs are told as well.
fn wait_told(app: &TestApp, id: i64, why: &str) {
    eventually(&format!("file {id} to be marked with {why:?}"), || {
        let page = app.fetch(&format!("/files/{id}")).text();
        page.contains(why).then_some(())
    });
    let facts = &app.entry(id)["facts"];
    let said = [&facts["name_only"], &facts["note"]];
    assert!(
        said.iter()
            .filter_map(|said| said.as_str())
            .any(|said| said.contains(why)),
        "{facts}"
    );
}

fn metric(app: &TestApp, name: &str) -> u64 {
    let text = app.fetch("/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
        .parse()
        .unwrap()
}

#[test]
fn hostile_documents_cost_their_child_and_nothing_else() {
    let app = TestApp::with(&[("EXTRACT_SECONDS", "2"), ("EXTRACT_MEMORY", "128MiB")]);
    let slow = "reading took longer than 2 seconds";
    let hungry = "reading takes more than 128 MiB of memory";
    let misdeeds = [
        ("abort", "the reader failed on it"),
        ("panic", "the reader failed on it"),
        ("overflow", "it is nested too deeply"),
        ("terabyte", hungry),
        ("hoard", hungry),
        ("loop", slow),
        ("sleep", slow),
    ];
    let mut receipts = Vec::new();
    for (number, (misdeed, _)) in misdeeds.iter().enumerate() {
        let path = format!("hostile/{misdeed}.misdeed");
        receipts.push(app.put(&path, misdeed.as_bytes()));
        app.put(
            &format!("kind/{number}.txt"),
            format!("harbour {number}").as_bytes(),
        );
    }
    for number in 0..misdeeds.len() {
        app.wait_searchable(&format!("kind/{number}.txt"), &format!("harbour {number}"));
    }
    for ((misdeed, why), receipt) in misdeeds.iter().zip(&receipts) {
        wait_told(&app, receipt.id, why);
        app.assert_keeps(receipt, misdeed.as_bytes(), misdeed);
    }
    app.put("last.txt", b"quiet water");
    app.wait_searchable("last.txt", "quiet");
    assert!(metric(&app, "wharfside_extract_children_lost_total") >= 7);
    app.assert_sound();
}

#[test]
fn a_child_can_do_nothing_but_read() {
    let app = TestApp::start();
    let lacking = ["look", "write", "connect", "spawn", "thread", "signal"];
    for misdeed in lacking {
        app.put(&format!("{misdeed}.misdeed"), misdeed.as_bytes());
    }
    for misdeed in lacking {
        app.wait_searchable(&format!("{misdeed}.misdeed"), "refused");
    }
    assert_eq!(app.found("succeeded"), [""; 0]);
    let reading = &app.persistence()["reading"];
    assert_eq!(reading["confinement"]["seccomp"], true, "{reading}");
    if reading["confinement"]["landlock"] == "not" {
        eprintln!("NOT RUN: this kernel has no landlock");
    }
    assert_eq!(metric(&app, "wharfside_extract_children_lost_total"), 0);
}

/// A descriptor too many could be a lock of the server's, which would then outlive it.
#[test]
fn a_child_has_nothing_of_the_servers() {
    // Without the flag that closes it, as whoever starts a server may leave a file open.
    let left = tempfile::NamedTempFile::new().unwrap();
    let _open = rustix::fs::open(left.path(), OFlags::RDONLY, Mode::empty()).unwrap();
    let mut app = TestApp::with(&[("SECRET_OF_THE_SERVER", "shibboleth")]);
    let server = app.process().pid();
    let has_it = fs::read_dir(format!("/proc/{server}/fd"))
        .unwrap()
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|path| path == left.path()));
    assert!(has_it, "the server has it");
    let child = eventually("a child", || children(server).first().copied());
    app.put("sleep.misdeed", b"sleep");
    let blobs = app.directory().canonicalize().unwrap().join("blobs");
    let open = eventually("the child to have a document", || {
        let open: Vec<PathBuf> = fs::read_dir(format!("/proc/{child}/fd"))
            .ok()?
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .collect();
        let has_document = open.iter().any(|path| path.starts_with(&blobs));
        has_document.then_some(open)
    });
    let of = |what: &dyn Fn(&PathBuf) -> bool| open.iter().filter(|path| what(path)).count();
    let stored = app.directory().canonicalize().unwrap();
    assert_eq!(of(&|path| path.starts_with(&stored)), 1, "{open:?}");
    // Beside it there are the standard streams, and nothing that the server was started with.
    assert_eq!(open.len(), 4, "{open:?}");
    assert_eq!(
        of(&|path| path.to_string_lossy().starts_with("socket:")),
        1,
        "{open:?}"
    );
    let environment = fs::read(format!("/proc/{child}/environ")).unwrap();
    assert_eq!(environment, b"");
    let limits = fs::read_to_string(format!("/proc/{child}/limits")).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name));
        let hard = line.and_then(|line| line.split_whitespace().nth(1));
        hard.unwrap_or_else(|| panic!("no {name} in {limits}"))
            .to_owned()
    };
    for nothing in ["Max file size", "Max core file size", "Max processes"] {
        assert_eq!(limit(nothing), "0", "{nothing}");
    }
    assert_eq!(limit("Max data size"), (512_u64 << 20).to_string());
    for bounded in ["Max address space", "Max cpu time", "Max open files"] {
        assert_ne!(limit(bounded), "unlimited", "{bounded}");
    }
}

#[test]
fn no_child_outlives_its_server() {
    let mut app = TestApp::with(&[("EXTRACT_SECONDS", "3600")]);
    let server = app.process().pid();
    for misdeed in ["loop", "sleep"] {
        app.put(&format!("{misdeed}.misdeed"), misdeed.as_bytes());
    }
    let left = eventually("a child that is busy, and one that may be idle", || {
        let children = children(server);
        (!children.is_empty()).then_some(children)
    });
    app.kill9();
    eventually("the children to end", || {
        (!left.iter().any(|pid| runs(*pid))).then_some(())
    });
    app.start_again();
    app.put("a.txt", b"quiet water");
    app.wait_searchable("a.txt", "quiet");
}

#[test]
fn a_document_whose_child_is_killed_is_read_again_once() {
    let mut app = TestApp::start();
    let server = app.process().pid();
    let kill_reader_of = |id: i64| {
        let digest = app.entry(id)["sha256"].as_str().unwrap().to_owned();
        eventually("a child with the document", || {
            let reads = |pid: &i32| {
                let open = fs::read_dir(format!("/proc/{pid}/fd")).ok();
                open.into_iter().flatten().flatten().any(|entry| {
                    let file = fs::read_link(entry.path()).unwrap_or_default();
                    file.to_string_lossy().ends_with(&digest)
                })
            };
            let pid = children(server).into_iter().find(reads)?;
            kill(pid);
            Some(pid)
        })
    };
    let receipt = app.put("dawdle.misdeed", b"dawdle");
    kill_reader_of(receipt.id);
    app.wait_searchable("dawdle.misdeed", "dawdle");

    let receipt = app.put("sleep.misdeed", b"sleep");
    let why = "its reader was killed";
    eventually("a child to be killed twice", || {
        let page = app.fetch(&format!("/files/{}", receipt.id)).text();
        if page.contains(why) {
            return Some(());
        }
        for pid in children(server) {
            kill(pid);
        }
        None
    });
    app.put("a.txt", b"quiet water");
    app.wait_searchable("a.txt", "quiet");
}

#[test]
fn a_slow_document_is_found_by_its_name_and_later_by_its_words() {
    let app = TestApp::start();
    let slow = app.put("reports/slow.misdeed", b"dawdle along the quay");
    let quick = app.put("reports/quick.txt", b"at once");
    app.wait_searchable("reports/quick.txt", "once");
    app.wait_searchable("reports/slow.misdeed", "slow");
    app.wait_searchable("reports/slow.misdeed", "along the quay");
    app.assert_keeps(&slow, b"dawdle along the quay", "quay");
    app.assert_keeps(&quick, b"at once", "once");
    app.assert_sound();
}

#[test]
fn what_was_cut_off_by_a_kill_is_read_by_the_next_start() {
    let mut app = TestApp::start();
    app.put("slow.misdeed", b"dawdle along the quay");
    app.wait_searchable("slow.misdeed", "slow");
    app.kill9();
    app.start_again();
    app.wait_searchable("slow.misdeed", "along the quay");
    eventually("nothing to be left to read again", || {
        app.persistence()["reading"]["again"]
            .is_null()
            .then_some(())
    });
    app.assert_sound();
}

/// Its facts tell of a text that the index may not have.
#[test]
fn what_was_read_again_and_not_noted_before_a_kill_is_read_by_the_next_start() {
    for point in POINTS.iter().filter(|point| point.starts_with("again.")) {
        let mut app = TestApp::with(&[("WHARFSIDE_CRASH_POINT", point)]);
        let receipt = app.put("slow.misdeed", b"dawdle along the quay");
        assert_eq!(app.process().wait_exit().signal(), Some(9), "{point}");
        app.set("WHARFSIDE_CRASH_POINT", "");
        app.start_again();
        app.assert_keeps(&receipt, b"dawdle along the quay", "along the quay");
        eventually("nothing to be left to read again", || {
            (app.entry(receipt.id)["facts"]["extractor"] != 0).then_some(())
        });
        app.assert_sound();
    }
}

/// Whoever leaves does not wait for a document that would take an hour.
#[test]
fn a_release_that_is_told_to_go_does_not_finish_its_document() {
    let environment = [("EXTRACT_SECONDS", "3600"), ("DRAIN_SECONDS", "1")];
    let mut old = TestApp::with(&environment);
    old.put("a.txt", b"the first one indexes");
    old.wait_searchable("a.txt", "indexes");
    let new = TestApp::on(old.share_directory(), &environment);
    for number in 0..4 {
        old.put(&format!("{number}.misdeed"), b"loop");
    }
    let left = children(old.process().pid());
    old.process().signal(Signal::TERM);
    let receipt = new.put("b.txt", b"the second one takes over");
    new.assert_keeps(&receipt, b"the second one takes over", "takes over");
    assert_eq!(old.process().wait_exit().code(), Some(0));
    eventually("the old release's children to end", || {
        (!left.iter().any(|pid| runs(*pid))).then_some(())
    });
}

/// A program whose file may not be run can go on, and can start nothing.
#[test]
fn without_children_everything_is_stored_and_found_by_its_name() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("wharfside");
    fs::copy(WHARFSIDE, &program).unwrap();
    let allow = |mode| fs::set_permissions(&program, Permissions::from_mode(mode)).unwrap();
    let mut app = TestApp::out_of(&program);
    let server = app.process().pid();
    let left = eventually("a child", || {
        let children = children(server);
        (!children.is_empty()).then_some(children)
    });
    allow(0o644);
    left.iter().for_each(|pid| kill(*pid));

    let sentence = "No child to read documents can be started";
    let receipts: Vec<_> = (0..20)
        .map(|number| {
            app.put(
                &format!("tide {number}.txt"),
                format!("quay{number}").as_bytes(),
            )
        })
        .collect();
    for (number, receipt) in receipts.iter().enumerate() {
        app.wait_searchable(&format!("tide {number}.txt"), &format!("\"tide {number}\""));
        wait_told(&app, receipt.id, "Contents are not read yet");
        assert_eq!(app.found(&format!("quay{number}")), [""; 0]);
    }
    let persistence = app.persistence();
    let findings = persistence["findings"].to_string();
    assert!(findings.contains(sentence), "{findings}");
    assert!(app.fetch("/persistence").text().contains(sentence));
    let health = app.fetch("/health/ready");
    assert_eq!(health.status, 200);
    assert!(health.text().contains(sentence), "{}", health.text());

    allow(0o755);
    for (number, receipt) in receipts.iter().enumerate() {
        let word = format!("quay{number}");
        app.assert_keeps(receipt, word.as_bytes(), &word);
    }
    eventually("the trouble to be forgotten", || {
        let reading = &app.persistence()["reading"];
        reading["trouble"].is_null().then_some(())
    });
    assert!(app.fetch("/health/ready").json()["reason"].is_null());
    app.assert_sound();
}

#[test]
fn there_are_no_more_children_than_asked_for() {
    let mut app = TestApp::with(&[("EXTRACT_WORKERS", "1")]);
    let server = app.process().pid();
    for number in 0..200 {
        let text = format!("barrel{number} {}", "rope ".repeat(number * 10));
        app.put(&format!("{number}.txt"), text.as_bytes());
        assert!(children(server).len() <= 1);
    }
    app.wait_indexed();
    assert_eq!(app.found("barrel199"), ["199.txt"]);
    assert!(metric(&app, "wharfside_extract_documents_total") >= 200);
    assert!(metric(&app, "wharfside_extract_children") <= 1);
}

#[test]
fn check_tells_how_documents_are_read() {
    let app = TestApp::start();
    let ended = app.operate(&["check", "--json"]);
    assert_eq!(errors(&ended), [""; 0]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let reading = &report["reading"];
    assert_eq!(reading["confinement"]["seccomp"], true, "{reading}");
    let ended = app.operate(&["check"]);
    assert!(
        ended.stdout.contains("Documents are read at most"),
        "{ended:?}"
    );
}

#[test]
fn nobody_else_can_order_a_child_about() {
    let app = TestApp::start();
    let ended = app.operate(&["extract"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("which starts it as it needs it"),
        "{ended:?}"
    );
}

#[test]
fn what_was_lost_for_want_of_time_is_read_once_there_is_more() {
    let mut app = TestApp::with(&[("EXTRACT_SECONDS", "1")]);
    let id = app.put("long.misdeed", b"dawdle along the quay").id;
    wait_told(&app, id, "reading took longer than a second");
    app.set("EXTRACT_SECONDS", "60");
    app.restart("patient");
    app.wait_searchable("long.misdeed", "along the quay");
    // Whoever finds it is told what was read of it, and no more what was the matter.
    assert_eq!(app.entry(id)["facts"]["lost"], Value::Null);
    app.assert_sound();
}

#[test]
fn what_was_lost_to_somebody_who_kills_is_read_again_by_the_next_start() {
    let mut app = TestApp::start();
    let server = app.process().pid();
    let id = app.put("long.misdeed", b"dawdle along the quay").id;
    eventually("its child to be killed twice", || {
        for pid in children(server) {
            kill(pid);
        }
        let facts = &app.entry(id)["facts"];
        // One more may have been killed before this was asked.
        let times = facts["lost"]["killed"]["times"].as_u64();
        times.filter(|times| *times > 0)
    });
    wait_told(&app, id, "its reader was killed");
    app.restart("next");
    app.wait_searchable("long.misdeed", "along the quay");
    app.assert_sound();
}
