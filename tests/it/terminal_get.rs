//! `wharfside get`, `ls` and `find` against a real installation, a bad proxy and a hostile server.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use tempfile::TempDir;

use crate::app::TestApp;
use crate::command::{Ended, Process, eventually, run, wharfside};
use crate::proxy::Proxy;
use crate::terminal::content;

fn command(url: &str, to: &Path, more: &[&str]) -> std::process::Command {
    let mut command = wharfside(["get", "--server", url, "--to"]);
    command.arg(to).args(more);
    command
}

fn get(url: &str, to: &Path, more: &[&str]) -> Ended {
    run(command(url, to, more), "")
}

/// All files below a folder, parts included, with what is in them.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path(), fs::read(entry.path()).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_comes_whole_through_connections_that_break() {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address());
    let desk = TempDir::new().unwrap();
    let large = content(3 << 20);
    app.put("a/photos/large.bin", &large);
    app.put("a/photos/empty", b"");
    for n in 0..40 {
        app.put(
            &format!("a/photos/2026/{n} ü#?%.txt"),
            format!("small {n}").as_bytes(),
        );
    }
    app.put("a/other.txt", b"not asked for");
    proxy.manners.resets.store(3, Relaxed);
    let ended = get(&proxy.url("/"), desk.path(), &["a/photos/"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("42 got"), "{}", ended.stderr);
    assert_eq!(ended.stdout.lines().count(), 42);
    let mut expected = vec![
        (desk.path().join("photos/large.bin"), large),
        (desk.path().join("photos/empty"), Vec::new()),
    ];
    expected.extend((0..40).map(|n| {
        let name = format!("photos/2026/{n} ü#?%.txt");
        (desk.path().join(name), format!("small {n}").into_bytes())
    }));
    expected.sort();
    assert!(files(desk.path()) == expected);
    proxy.manners.resets.store(0, Relaxed);
    let again = get(&proxy.url(""), desk.path(), &["a/photos"]);
    assert_eq!(again.code, Some(0));
    assert!(again.stderr.contains("0 got (0 B), 42 there already"));
    // Everything there is, and its records.
    let all = get(&app.url(""), &desk.path().join("new"), &["/", "--json"]);
    assert_eq!(all.code, Some(0), "{}", all.stderr);
    let records = all.stdout.lines().map(serde_json::from_str);
    let records: Vec<serde_json::Value> = records.map(Result::unwrap).collect();
    assert_eq!(records.len(), 43);
    let other = desk.path().join("new/a/other.txt");
    assert_eq!(fs::read(&other).unwrap(), b"not asked for");
    let other = other.to_str().unwrap();
    assert!(records.iter().any(|record| record["file"] == other));
}

#[test]
fn killed_and_run_again_it_goes_on_where_it_stood() {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address());
    let desk = TempDir::new().unwrap();
    let bytes = content(8 << 20);
    app.put("long.bin", &bytes);
    proxy.manners.keeps.store(2 << 20, Relaxed);
    let mut first = Process::start(command(&proxy.url(""), desk.path(), &["long.bin"]));
    let arrived = || match files(desk.path()).as_slice() {
        [(path, bytes)] if path.to_str().unwrap().ends_with(".part") => bytes.len(),
        [] => 0,
        others => panic!("{} files", others.len()),
    };
    eventually("some of it", || (arrived() > 1 << 20).then_some(()));
    first.kill9();
    let before = arrived();
    // No answer can give more than 7 MiB: only with what is there it becomes whole.
    proxy.manners.keeps.store(7 << 20, Relaxed);
    let ended = get(&proxy.url(""), desk.path(), &["long.bin"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(before < bytes.len());
    assert!(files(desk.path()) == [(desk.path().join("long.bin"), bytes)]);
}

#[test]
fn a_file_that_is_replaced_on_its_way_is_not_mixed() {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address());
    let desk = TempDir::new().unwrap();
    app.put("a.bin", &content(4 << 20));
    proxy.manners.keeps.store(2 << 20, Relaxed);
    let mut first = Process::start(command(&proxy.url(""), desk.path(), &["a.bin"]));
    eventually("some of it", || {
        let files = files(desk.path());
        files
            .iter()
            .any(|(_, bytes)| bytes.len() > 1 << 20)
            .then_some(())
    });
    first.kill9();
    let newer: Vec<u8> = content(4 << 20).into_iter().rev().collect();
    app.put("a.bin", &newer);
    proxy.manners.keeps.store(0, Relaxed);
    assert_eq!(get(&proxy.url(""), desk.path(), &["a.bin"]).code, Some(0));
    assert!(fs::read(desk.path().join("a.bin")).unwrap() == newer);
}

#[test]
fn what_is_here_is_replaced_only_by_force() {
    let app = TestApp::start();
    let desk = TempDir::new().unwrap();
    let outside = TempDir::new().unwrap();
    for name in ["a.txt", "b.txt", "c.txt", "folder/d.txt"] {
        app.put(&format!("x/{name}"), name.as_bytes());
    }
    fs::create_dir(desk.path().join("x")).unwrap();
    fs::write(desk.path().join("x/a.txt"), "mine").unwrap();
    fs::write(outside.path().join("mine"), "mine").unwrap();
    symlink(outside.path().join("mine"), desk.path().join("x/b.txt")).unwrap();
    symlink(outside.path(), desk.path().join("x/folder")).unwrap();
    let ended = get(&app.url(""), desk.path(), &["x", "nowhere"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stdout.lines().count(), 1);
    for words in [
        "x/a.txt: Something else has this name",
        "x/b.txt: Something else has this name",
        "x/folder/d.txt: It cannot be written here: \"folder\" is no folder here",
        "nowhere: there is no such file",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    assert_eq!(fs::read(desk.path().join("x/c.txt")).unwrap(), b"c.txt");
    assert_eq!(fs::read(desk.path().join("x/a.txt")).unwrap(), b"mine");
    let forced = get(&app.url(""), desk.path(), &["--force", "x"]);
    assert_eq!(forced.code, Some(1), "a link is no folder, even by force");
    assert_eq!(fs::read(desk.path().join("x/a.txt")).unwrap(), b"a.txt");
    assert_eq!(fs::read(desk.path().join("x/b.txt")).unwrap(), b"b.txt");
    let kept = files(outside.path());
    assert_eq!(kept, [(outside.path().join("mine"), b"mine".to_vec())]);
}

/// Answers every listing with one file of such a path, and every other question with its content.
fn hostile(path: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let file = serde_json::json!({
        "id": 1, "path": path, "size": 3, "modified_ms": 0,
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    });
    let listing = serde_json::json!({ "folders": [], "files": [file], "present": [] }).to_string();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let n = client.read(&mut head).unwrap_or(0);
            let is_content = head[..n].starts_with(b"GET /api/v1/files/");
            let body = if is_content { "abc" } else { &listing };
            let length = body.len();
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            // A client that is gone is no matter.
            let _ = client.write_all(format!("{head}{body}").as_bytes());
        }
    });
    url
}

#[test]
fn names_from_a_hostile_server_stay_in_the_folder() {
    let desk = TempDir::new().unwrap();
    let inside = desk.path().join("a/inside");
    let absolute = desk.path().join("absolute");
    for path in [
        "x/../../escaped",
        "../escaped",
        "x/../escaped",
        "y/escaped",
        "x//escaped",
        "x/new\nline",
        "x/\u{1b}[2J",
        "xy",
        absolute.to_str().unwrap(),
    ] {
        let ended = get(&hostile(path), &inside, &["x"]);
        assert_eq!(ended.code, Some(1), "{path:?}: {}", ended.stderr);
        assert_eq!(files(desk.path()), [], "{path:?}");
        assert!(!ended.stderr.contains('\u{1b}'));
    }
    let fine = get(&hostile("x/fine"), &inside, &["x"]);
    assert_eq!(fine.code, Some(0), "{}", fine.stderr);
    assert_eq!(
        files(desk.path()),
        [(inside.join("x/fine"), b"abc".to_vec())]
    );
}

#[test]
fn folders_are_listed_in_a_pipe() {
    let app = TestApp::start();
    app.put("a.txt", b"1234567");
    app.put("x/b.txt", b"b");
    app.put("x/y/c.txt", b"c");
    let ls = |more: &[&str]| {
        let url = app.url("");
        let mut arguments = vec!["ls", "--server", &url];
        arguments.extend(more);
        run(wharfside(arguments), "")
    };
    assert_eq!(ls(&[]).stdout, "x/\na.txt\n");
    assert_eq!(ls(&["x/"]).stdout, "y/\nb.txt\n");
    assert_eq!(ls(&["-r"]).stdout, "a.txt\nx/b.txt\nx/y/c.txt\n");
    assert_eq!(ls(&["x/y/c.txt"]).stdout, "c.txt\n");
    let long = ls(&["--long"]).stdout;
    let lines: Vec<Vec<&str>> = long
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0], ["2", "2", "files", "x/"]);
    assert_eq!((lines[1][0], lines[1][2]), ("7", "a.txt"));
    assert!(lines[1][1].parse::<jiff::Timestamp>().is_ok(), "{long}");
    let records = ls(&["--json", "x"]).stdout;
    let records = records.lines().map(serde_json::from_str);
    let records: Vec<serde_json::Value> = records.map(Result::unwrap).collect();
    assert_eq!(records[0]["files"], 1);
    assert_eq!(records[1]["path"], "x/b.txt");
    assert_eq!(records[1]["version"], 1, "all that the server says is kept");
    let nowhere = ls(&["nowhere"]);
    assert_eq!((nowhere.code, nowhere.stdout.as_str()), (Some(1), ""));
    assert!(nowhere.stderr.contains("\"nowhere\""), "{}", nowhere.stderr);
    let hostile = run(wharfside(["ls", "--server", &hostile("x\n\u{1b}[2J")]), "");
    assert_eq!(hostile.stdout, "x\\n\\u{1b}[2J\n");
}

#[test]
fn files_are_found_in_a_pipe() {
    let app = TestApp::start();
    for n in 0..25 {
        app.put(
            &format!("{n}.txt"),
            format!("quay {n} & <i>\"harbour\"</i>").as_bytes(),
        );
    }
    app.wait_indexed();
    let find = |more: &[&str]| {
        let url = app.url("");
        let mut arguments = vec!["find", "--server", &url];
        arguments.extend(more);
        run(wharfside(arguments), "")
    };
    let one = find(&["quay", "name:7"]);
    assert_eq!(one.code, Some(0), "{}", one.stderr);
    let ended = find(&["harbour"]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stdout.lines().count(), 20);
    assert!(ended.stderr.contains("20 of 25 files"), "{}", ended.stderr);
    for line in ended.stdout.lines() {
        let (path, passage) = line.split_once('\t').unwrap();
        let n = path.strip_suffix(".txt").unwrap();
        assert_eq!(passage, format!("quay {n} & <i>\"harbour\"</i>"));
    }
    let all = find(&["harbour", "--limit", "1000", "--json"]);
    assert_eq!(all.stdout.lines().count(), 25);
    assert_eq!(all.stderr, "");
    let first: serde_json::Value =
        serde_json::from_str(all.stdout.lines().next().unwrap()).unwrap();
    assert!(first["snippets"][0].as_str().unwrap().contains("<mark>"));
    let nothing = find(&["zeppelin"]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(1), ""));
    let nobody = run(
        wharfside(["find", "x", "--server", "http://127.0.0.1:1"]),
        "",
    );
    assert_eq!(nobody.code, Some(2));
}

#[test]
fn that_nobody_reads_on_is_no_error() {
    let app = TestApp::start();
    app.put("harbour.txt", b"harbour");
    app.wait_indexed();
    for arguments in [&["ls"][..], &["find", "harbour"]] {
        let mut command = wharfside(arguments);
        command.args(["--server", &app.url("")]);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.stdout(Stdio::from(writer));
        let ended = run(command, "");
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    }
}
