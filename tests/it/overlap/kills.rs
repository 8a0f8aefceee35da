//! P1, P2, P5, P8: one of two processes is killed at every named point while the other goes on
//! under load. The other fails no request, has everything that either acknowledged, makes it
//! searchable, and leaves nothing to repair.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use wharfside::store::crash::POINTS;

use super::alone;
use super::lease::holders;
use super::load::{Client, Load};
use super::peer::{Peer, Switch};
use crate::app::{Directory, TestApp};
use crate::command::{Process, wharfside};

/// Makes a process the release that comes next.
const PRETEND: &str = "WHARFSIDE_PRETEND";

/// When a process passes a point.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    /// Both start on an empty directory at once.
    First,
    /// It starts beside one that serves.
    Start,
    /// The same, of the release that comes next and brings another schema.
    Migration,
    /// Uploads arrive at it.
    Uploads,
    /// It collects what nothing names; the other one does not.
    Collection,
    /// It takes the lease, and indexes.
    Lease,
    /// It is told to go, holding the lease.
    Release,
}

fn occasions(point: &str) -> &'static [When] {
    match point {
        "sql.copied" => &[When::Migration],
        "sql.migrated" => &[When::First, When::Migration],
        "kv.created" | "index.created" => &[When::First],
        "boot.numbered" | "boot.recorded" | "boot.sealed" | "kv.written" => &[When::Start],
        "collect.removed" | "blob.removed" | "blob.forgotten" => &[When::Collection],
        "lease.taken" => &[When::Lease],
        "lease.releasing" => &[When::Release],
        _ if point.starts_with("index.") => &[When::Lease],
        // A boot leaves a blob, too.
        _ if point.starts_with("blob.") => &[When::Start, When::Uploads],
        _ if point.starts_with("upload.") => &[When::Uploads],
        // Only uploads in pieces, and what is read again, pass these; they are killed there by tests
        // of their own.
        _ if point.starts_with("pieces.") || point.starts_with("again.") => &[],
        _ => panic!("nobody says when {point} is passed"),
    }
}

#[test]
fn p1_p5_p8_one_dies_at_every_point_and_the_other_goes_on() {
    let _alone = alone();
    let template = Template::make();
    let queue: Vec<_> = POINTS
        .iter()
        .flat_map(|point| occasions(point).iter().map(move |when| (*point, *when)))
        .collect();
    let queue = Mutex::new(queue.into_iter());
    let unreached = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((point, when)) = { queue.lock().unwrap().next() } {
                    println!("{point} at {when:?}");
                    // Only who comes first makes a store; it is not always the one that dies.
                    let tries = if when == When::First { 10 } else { 1 };
                    if !(0..tries).any(|_| dies_beside_another(&template, point, when)) {
                        unreached.lock().unwrap().push((point, when));
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

/// A directory with a little in it, copied for each kill.
struct Template {
    directory: Arc<Directory>,
    /// A content that nothing names any more.
    unnamed: PathBuf,
}

impl Template {
    fn make() -> Self {
        let mut app = TestApp::start();
        app.put("before.txt", b"before the storm");
        let purged = app.put("purged.txt", b"nothing names this any more");
        app.delete("purged.txt");
        let purge = format!("/files/{}/purge", purged.id);
        app.call("POST", &purge, &[], Some(b""));
        app.wait_indexed();
        app.persistence();
        assert_eq!(app.stop(), Some(0));
        let hex = purged.sha256.to_string();
        let unnamed = Path::new("blobs")
            .join(&hex[..2])
            .join(&hex[2..4])
            .join(&hex);
        assert!(app.directory().join(&unnamed).exists());
        Self {
            directory: app.share_directory(),
            unnamed,
        }
    }

    fn copy(&self) -> Arc<Directory> {
        let copy = Directory::new();
        copy_into(self.directory.path(), copy.path());
        copy
    }
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_into(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Whether the process that was to die at the point did so.
fn dies_beside_another(template: &Template, point: &str, when: When) -> bool {
    let directory = match when {
        When::First => Directory::new(),
        _ => template.copy(),
    };
    let held = matches!(when, When::Lease | When::Release).then(|| hold_lease(directory.path()));
    let mut doomed;
    let mut other;
    if when == When::First {
        doomed = Doomed::start(directory.path(), point, when);
        other = TestApp::on(Arc::clone(&directory), &[("GIT_REV", "other")]);
    } else {
        other = TestApp::on(Arc::clone(&directory), &[("GIT_REV", "other")]);
        doomed = Doomed::start(directory.path(), point, when);
    }
    let peer = Peer::of(&mut other);
    let switch = Switch::to(&[&peer]);
    let seed = point.len() as u64;
    let beside = Client::new("beside", seed, &switch);
    // Asks both, and whoever is left.
    let both = match doomed.wait_ready() {
        Some(doomed) => Switch::to(&[&doomed, &peer]),
        None => Arc::clone(&switch),
    };
    let across = [1, 2].map(|n| Client::new(&format!("across{n}"), seed + n, &both));
    let load = Load::start([beside].into_iter().chain(across));
    if let Some(held) = held {
        load.go_on(10);
        hand_lease_to(&mut doomed.process, &mut other, &held, &load);
        if when == When::Release && doomed.process.runs() {
            doomed.process.signal(Signal::TERM);
        }
    }
    let died = doomed.dies(&load);
    if died {
        load.go_on(30);
    }
    let clients = load.stop();
    if !died {
        return false;
    }

    for client in &clients {
        client.assert_kept(&other);
    }
    if when != When::First {
        assert_eq!(other.get("before.txt").body, b"before the storm");
        other.wait_searchable("before.txt", "storm");
    }
    if when == When::Collection {
        // Removed or not, nothing is left that the catalog says otherwise about.
        assert_eq!(
            other.get("purged.txt").status,
            404,
            "{:?}",
            template.unnamed
        );
    }
    other.wait_indexed();
    other.assert_sound();
    assert_eq!(other.stop(), Some(0));
    if when == When::Migration {
        other.set(PRETEND, "next");
    }
    other.start_again();
    assert_eq!(
        other.persistence()["repairs"],
        json!([]),
        "{point} at {when:?}: a fresh start had work to do"
    );
    other.assert_sound();
    true
}

/// Nobody can index until this is dropped.
fn hold_lease(directory: &Path) -> File {
    let mut names = fs::read_dir(directory).unwrap().flatten();
    let path = names
        .find(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("indexer-") && name.ends_with(".lock")
        })
        .expect("a lease file")
        .path();
    let file = File::options().write(true).open(path).unwrap();
    file.try_lock().unwrap();
    file
}

/// Stops the other one for a moment, so that it cannot be quicker. Stopped in the middle of a
/// transaction it would keep the doomed one from everything: then it goes on, and is stopped later.
fn hand_lease_to(doomed: &mut Process, other: &mut TestApp, held: &File, load: &Load) {
    let pid = doomed.pid();
    let directory = other.directory().to_owned();
    for _ in 0..20 {
        other.process().freeze();
        held.unlock().unwrap();
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            if holders(&directory).contains(&pid) || !doomed.runs() {
                return other.process().signal(Signal::CONT);
            }
            if Instant::now() > deadline && held.try_lock().is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        other.process().signal(Signal::CONT);
        load.go_on(5);
    }
    panic!("the lease was not taken, nor did the process end");
}

/// A process that dies at its point.
struct Doomed {
    process: Process,
}

impl Doomed {
    fn start(directory: &Path, point: &str, when: When) -> Self {
        // A boot passes these once by itself.
        let skip = if when == When::Uploads { 5 } else { 0 };
        let mut command = wharfside(["serve"]);
        command
            .env("STORAGE_DIR", directory)
            .env("ACCESS", "local")
            .env("PORT", "0")
            .env("LOG_FORMAT", "json")
            .env("GIT_REV", "doomed")
            .env("WHARFSIDE_CRASH_POINT", format!("{point}:{skip}"));
        match when {
            When::Collection => drop(command.env("GRACE_MINUTES", "0")),
            When::Migration => drop(command.env(PRETEND, "next")),
            _ => {}
        }
        Self {
            process: Process::start(command),
        }
    }

    /// Nothing if it died before it was ready.
    fn wait_ready(&mut self) -> Option<Arc<Peer>> {
        let pid = self.process.pid();
        loop {
            let said = self.process.said();
            let address = said.lines().find_map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).ok()?;
                Some(line["url"].as_str()?.strip_prefix("http://")?.to_owned())
            });
            if let Some(address) = address {
                let ready = ureq::get(format!("http://{address}/health/ready")).call();
                if ready.is_ok() {
                    let peer = Peer::at(address, pid);
                    peer.may_die();
                    return Some(peer);
                }
            }
            if !self.process.runs() {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end, which must be of the kill and of nothing else.
    fn dies(&mut self, load: &Load) -> bool {
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.process.runs() {
            assert!(!load.has_failed(), "a client failed; see above");
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let status = self.process.wait_exit();
        assert_eq!(
            status.signal(),
            Some(9),
            "{status}\n{}",
            self.process.said()
        );
        true
    }
}
