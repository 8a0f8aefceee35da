//! P1, P2, P8: killed between any two steps of the upload and of the index path, the next start
//! has everything that was acknowledged, shows nothing that was not, and leaves nothing to repair.
//!
//! Needs the feature `crash-points`.
#![cfg(feature = "crash-points")]

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use wharfside::library::Receipt;
use wharfside::store::crash::POINTS;

use crate::app::{Directory, TestApp, file};
use crate::command::{Process, eventually, wharfside};

/// What a client knows after the process died under it.
struct Witness {
    path: String,
    bytes: Vec<u8>,
    word: String,
    receipt: Option<Receipt>,
}

#[test]
fn p1_p2_p8_kill_9_at_every_point_of_the_upload_and_index_path() {
    let unreached = Mutex::new(Vec::new());
    // Few at a time: each is two or three processes.
    // Uploads in pieces have a test of their own, and so has what is read again.
    let others = ["pieces.", "again."];
    let passed = POINTS
        .iter()
        .filter(|point| !others.iter().any(|other| point.starts_with(other)));
    let queue = Mutex::new(passed);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(point) = { queue.lock().unwrap().next() } {
                    let mut reached = false;
                    for skip in [0, 1, 5] {
                        reached |= dies_at(point, skip);
                    }
                    if !reached {
                        unreached.lock().unwrap().push(*point);
                    }
                }
            });
        }
    });
    let unreached = unreached.into_inner().unwrap();
    assert!(
        unreached.is_empty(),
        "no kill ever happened at {unreached:?}"
    );
}

/// Dies in the middle of a life, and during the very first start; whether it ever died at the
/// point.
fn dies_at(point: &str, skip: u32) -> bool {
    println!("{point}, after passing it {skip} times");
    let armed = format!("{point}:{skip}");
    let late = dies_late(&armed);
    let first = dies_in_a_new_directory(&armed);
    late || first
}

fn dies_late(armed: &str) -> bool {
    let mut app = TestApp::start();
    let kept = app.put("before.txt", b"before the storm");
    let purged = app.put("purged.txt", b"nothing names this any more");
    app.delete("purged.txt");
    app.call(
        "POST",
        &format!("/files/{}/purge", purged.id),
        &[],
        Some(b""),
    );
    app.wait_indexed();
    app.kill9();

    let hex = purged.sha256.to_string();
    let blob = app
        .directory()
        .join("blobs")
        .join(&hex[..2])
        .join(&hex[2..4])
        .join(&hex);
    assert!(blob.exists());
    let mut process = armed_process(app.directory(), armed);
    let (witnesses, died) = provoke(&mut process, &blob);
    drop(process);

    app.start_again();
    app.assert_keeps(&kept, b"before the storm", "storm");
    assert_recovered(&mut app, &witnesses, armed);
    died
}

fn dies_in_a_new_directory(armed: &str) -> bool {
    let directory = Directory::new();
    let mut process = armed_process(directory.path(), armed);
    let (witnesses, died) = provoke(&mut process, Path::new("/nowhere"));
    drop(process);
    let mut app = TestApp::on(directory, &[]);
    assert_recovered(&mut app, &witnesses, armed);
    died
}

fn assert_recovered(app: &mut TestApp, witnesses: &[Witness], armed: &str) {
    for witness in witnesses {
        match &witness.receipt {
            Some(receipt) => app.assert_keeps(receipt, &witness.bytes, &witness.word),
            None => assert_whole_or_absent(app, witness),
        }
    }
    app.wait_indexed();
    app.assert_sound();
    app.restart("again");
    let persistence = app.persistence();
    assert_eq!(
        persistence["repairs"],
        json!([]),
        "{armed}: a second recovery had work to do"
    );
    app.assert_sound();
}

/// Collects contents without a name at once, so that a kill can happen there, too.
fn armed_process(directory: &Path, armed: &str) -> Process {
    let mut command = wharfside(["serve"]);
    command
        .env("STORAGE_DIR", directory)
        .env("ACCESS", "local")
        .env("PORT", "0")
        .env("LOG_FORMAT", "json")
        .env("GRACE_MINUTES", "0")
        .env("WHARFSIDE_CRASH_POINT", armed);
    if armed.starts_with("sql.copied") {
        // A copy is only made of a schema that another one is to follow.
        command.env("WHARFSIDE_PRETEND", "next");
    }
    Process::start(command)
}

/// Uploads until the process dies, or all is searchable and `collected` is gone; then tells it to
/// go. Whether it died.
fn provoke(process: &mut Process, collected: &Path) -> (Vec<Witness>, bool) {
    let mut witnesses = Vec::new();
    let Some(client) = Client::of(process) else {
        return (witnesses, true);
    };
    for n in 0..8 {
        // Small ones share a sync; what is larger than 256 KiB is synced by itself before.
        let filler = if n % 2 == 0 { 0 } else { 300_000 };
        witnesses.push(client.upload(n, filler));
        if witnesses[n].receipt.is_none() {
            return (witnesses, was_killed(process));
        }
    }
    if client.wait_indexed().is_none() {
        return (witnesses, was_killed(process));
    }
    eventually("the collection", || {
        (!collected.exists() || !process.runs()).then_some(())
    });
    // Commits one after the other: answered, the collection's own has been made.
    witnesses.push(client.upload(8, 0));
    if witnesses[8].receipt.is_none() {
        return (witnesses, was_killed(process));
    }
    process.signal(Signal::INT);
    let died = process.wait_exit().signal() == Some(9);
    (witnesses, died)
}

/// Nobody answers any more, so it is dying; it must be of the kill and of nothing else.
fn was_killed(process: &mut Process) -> bool {
    let status = process.wait_exit();
    assert_eq!(status.signal(), Some(9), "{status}");
    true
}

/// An upload that got no answer may have happened or not; a half of it must not exist.
fn assert_whole_or_absent(app: &TestApp, witness: &Witness) {
    let answer = app.get(&witness.path);
    match answer.status {
        404 => app.assert_absent(&witness.path, &witness.word),
        200 => {
            assert!(
                answer.body == witness.bytes,
                "{} is half there",
                witness.path
            );
            app.wait_searchable(&witness.path, &witness.word);
        }
        other => panic!("{}: {other} {}", witness.path, answer.text()),
    }
}

/// Requests to a process that may die at any moment; every one is made once.
struct Client {
    agent: ureq::Agent,
    base: String,
}

impl Client {
    /// Nothing if the process died before it was ready.
    fn of(process: &mut Process) -> Option<Self> {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .new_agent();
        loop {
            let said = process.said();
            let url = said.lines().find_map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).ok()?;
                Some(line["url"].as_str()?.trim_end_matches('/').to_owned())
            });
            if let Some(base) = url {
                let ready = agent.get(format!("{base}/health/ready")).call();
                if ready.is_ok_and(|answer| answer.status() == 200) {
                    return Some(Self { agent, base });
                }
            }
            if !process.runs() {
                return None;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn upload(&self, n: usize, filler: usize) -> Witness {
        let word = format!("witness{n}");
        let bytes = format!("{word} {}", "x ".repeat(filler)).into_bytes();
        let path = format!("seen/{n}.txt");
        let receipt = self.put(&path, &bytes);
        Witness {
            path,
            bytes,
            word,
            receipt,
        }
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Option<Receipt> {
        let sent = self
            .agent
            .put(format!("{}{}", self.base, file(path)))
            .send(bytes);
        let mut answer = sent.ok()?;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.body_mut().read_json().ok()
    }

    /// Waits until nothing waits to be indexed; nothing if nobody answers any more.
    fn wait_indexed(&self) -> Option<()> {
        loop {
            let asked = self
                .agent
                .get(format!("{}/api/v1/persistence", self.base))
                .call();
            let answer: serde_json::Value = asked.ok()?.body_mut().read_json().ok()?;
            if answer["totals"]["waiting"] == 0 {
                return Some(());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
