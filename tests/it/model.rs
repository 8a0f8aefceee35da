//! The library against a model of it: the same operations on two real processes with one
//! directory and on a map in memory, with restarts and kills in between, compared after each.
//!
//! `PROPTEST_CASES` raises the number of cases, `PROPTEST_RNG_SEED` repeats those of a run.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::SystemTime;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, encode};
use crate::uploads::sha256_hex;

const CASES: u32 = 16;
/// Each one more is a case to run again, with two processes of its own.
const SHRINKS: u32 = 200;

const FOLDERS: [&str; 4] = ["", "hold", "hold/fore", "deck"];
/// As the library sorts them: without case and accents.
const NAMES: [&str; 3] = ["Anchor.txt", "élan.txt", "zebra.txt"];
const CONTENTS: usize = 6;

/// One thing that somebody does; `on` is the process he does it to, and files are chosen by
/// their place among those that there are.
#[derive(Clone, Debug)]
enum Op {
    Put {
        on: usize,
        path: usize,
        content: usize,
        only_if: Condition,
    },
    Delete {
        on: usize,
        path: usize,
    },
    Restore {
        on: usize,
        file: usize,
    },
    Purge {
        on: usize,
        file: usize,
    },
    Rename {
        on: usize,
        file: usize,
        path: usize,
    },
    MoveFolder {
        on: usize,
        from: usize,
        to: usize,
    },
    Tag {
        on: usize,
        file: usize,
        tags: u8,
    },
    RestoreVersion {
        on: usize,
        file: usize,
        version: usize,
    },
    Search {
        on: usize,
        content: usize,
    },
    Restart {
        which: usize,
        how: End,
    },
}

#[derive(Clone, Copy, Debug)]
enum Condition {
    Always,
    Absent,
    Present,
    Content(usize),
}

#[derive(Clone, Copy, Debug)]
enum End {
    Stopped,
    Drained,
    Killed,
}

fn op() -> impl Strategy<Value = Op> {
    let (on, file, content) = (0..2usize, 0..40usize, 0..CONTENTS);
    let path = 0..FOLDERS.len() * NAMES.len();
    let folder = 0..FOLDERS.len();
    let condition = prop_oneof![
        6 => Just(Condition::Always),
        1 => Just(Condition::Absent),
        1 => Just(Condition::Present),
        1 => content.clone().prop_map(Condition::Content),
    ];
    let end = prop_oneof![Just(End::Stopped), Just(End::Drained), Just(End::Killed)];
    prop_oneof![
        10 => (on.clone(), path.clone(), content.clone(), condition)
            .prop_map(|(on, path, content, only_if)| Op::Put { on, path, content, only_if }),
        4 => (on.clone(), path.clone()).prop_map(|(on, path)| Op::Delete { on, path }),
        3 => (on.clone(), file.clone()).prop_map(|(on, file)| Op::Restore { on, file }),
        2 => (on.clone(), file.clone()).prop_map(|(on, file)| Op::Purge { on, file }),
        3 => (on.clone(), file.clone(), path)
            .prop_map(|(on, file, path)| Op::Rename { on, file, path }),
        2 => (on.clone(), folder.clone(), folder)
            .prop_map(|(on, from, to)| Op::MoveFolder { on, from, to }),
        2 => (on.clone(), file.clone(), 0..8u8).prop_map(|(on, file, tags)| Op::Tag { on, file, tags }),
        2 => (on.clone(), file, 0..4usize)
            .prop_map(|(on, file, version)| Op::RestoreVersion { on, file, version }),
        2 => (on.clone(), content).prop_map(|(on, content)| Op::Search { on, content }),
        2 => (on, end).prop_map(|(which, how)| Op::Restart { which, how }),
    ]
}

fn path(number: usize) -> String {
    let (folder, name) = (FOLDERS[number / NAMES.len()], NAMES[number % NAMES.len()]);
    join(folder, name)
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// The folder above; the root's is the root.
fn parent(folder: &str) -> &str {
    folder.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn word(content: usize) -> String {
    format!("ballast{content}")
}

/// Each has a word of its own. One is larger than what is synced together with others.
fn bytes(content: usize) -> Vec<u8> {
    let filler = if content == 0 { 300_000 } else { content };
    format!("{} {}", word(content), "x ".repeat(filler)).into_bytes()
}

/// What a library is, as far as anyone can tell from outside.
#[derive(Default)]
struct Model {
    files: BTreeMap<i64, File>,
    purged: BTreeSet<i64>,
    /// Highest sequence that was acknowledged.
    sequence: u64,
}

#[derive(Clone)]
struct File {
    path: String,
    /// Contents by version, the first first.
    versions: Vec<usize>,
    tags: Vec<String>,
    trashed: bool,
}

impl File {
    fn content(&self) -> usize {
        *self.versions.last().unwrap()
    }

    /// Its folder and name.
    fn place(&self) -> (&str, &str) {
        self.path.rsplit_once('/').unwrap_or(("", &self.path))
    }

    fn is_below(&self, folder: &str) -> bool {
        folder.is_empty() || self.path.starts_with(&format!("{folder}/"))
    }
}

impl Model {
    fn live(&self) -> impl Iterator<Item = (&i64, &File)> {
        self.files.iter().filter(|(_, file)| !file.trashed)
    }

    /// Those that operations choose from, and those that a folder moved into another has made.
    fn folders(&self) -> BTreeSet<String> {
        let mut folders: BTreeSet<String> = FOLDERS.map(str::to_owned).into();
        for (_, file) in self.live() {
            let mut folder = file.place().0;
            while !folder.is_empty() {
                folders.insert(folder.to_owned());
                folder = parent(folder);
            }
        }
        folders
    }

    fn at(&self, path: &str) -> Option<i64> {
        self.live()
            .find(|(_, file)| file.path == path)
            .map(|(id, _)| *id)
    }

    /// One of the files, if there are any.
    fn nth(&self, number: usize) -> Option<i64> {
        let count = self.files.len().max(1);
        self.files.keys().nth(number % count).copied()
    }

    fn file(&mut self, id: i64) -> &mut File {
        self.files.get_mut(&id).unwrap()
    }

    /// What a folder's move would do: all new paths, or nothing if one is taken. What was deleted
    /// out of the folder moves with it, and is in nobody's way.
    fn moved(&self, from: &str, to: &str) -> Option<Vec<(i64, String)>> {
        let below = self.files.iter().filter(|(_, file)| file.is_below(from));
        let moving: Vec<(i64, String)> = below
            .map(|(id, file)| (*id, join(to, &file.path[from.len() + 1..])))
            .collect();
        let stays = |id: &i64| !moving.iter().any(|(moved, _)| moved == id);
        let is_taken = |(id, path): &(i64, String)| {
            !self.files[id].trashed && self.at(path).is_some_and(|there| stays(&there))
        };
        (!moving.iter().any(is_taken)).then_some(moving)
    }
}

type Checked = Result<(), TestCaseError>;

/// The two processes and the model they are compared with.
struct Pair {
    apps: [TestApp; 2],
    model: Model,
}

impl Pair {
    fn start() -> Self {
        let one = TestApp::with(&[("GIT_REV", "one"), ("DRAIN_SECONDS", "0")]);
        let other = [("GIT_REV", "other"), ("DRAIN_SECONDS", "0")];
        let other = TestApp::on(one.share_directory(), &other);
        Self {
            apps: [one, other],
            model: Model::default(),
        }
    }

    fn perform(&mut self, op: &Op) -> Checked {
        match *op {
            Op::Put {
                on,
                path: at,
                content,
                only_if,
            } => self.put(on, &path(at), content, only_if),
            Op::Delete { on, path: at } => self.delete(on, &path(at)),
            Op::Restore { on, file } => self.restore(on, file),
            Op::Purge { on, file } => self.purge(on, file),
            Op::Rename { on, file, path: to } => self.rename(on, file, &path(to)),
            Op::MoveFolder { on, from, to } => self.move_folder(on, FOLDERS[from], FOLDERS[to]),
            Op::Tag { on, file, tags } => self.tag(on, file, tags),
            Op::RestoreVersion { on, file, version } => self.restore_version(on, file, version),
            Op::Search { on, content } => self.search(on, content),
            Op::Restart { which, how } => self.restart(which, how),
        }
    }

    fn put(&mut self, on: usize, path: &str, content: usize, only_if: Condition) -> Checked {
        let present = self.model.at(path);
        let current = present.map(|id| self.model.files[&id].content());
        let etag = |content| format!("\"{}\"", sha256_hex(&bytes(content)));
        let (header, holds) = match only_if {
            Condition::Always => (None, true),
            Condition::Absent => (Some(("if-none-match", "*".to_owned())), current.is_none()),
            Condition::Present => (Some(("if-match", "*".to_owned())), current.is_some()),
            Condition::Content(wanted) => {
                (Some(("if-match", etag(wanted))), current == Some(wanted))
            }
        };
        let headers: Vec<(&str, &str)> = header
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = self.apps[on].put_with(path, &headers, &bytes(content));
        if !holds {
            return status(&answer, 412);
        }
        status(&answer, if present.is_some() { 200 } else { 201 })?;
        let receipt = answer.receipt();
        prop_assert!(receipt.sequence > self.model.sequence, "sequences go back");
        self.model.sequence = receipt.sequence;
        match present {
            Some(id) => {
                prop_assert_eq!(receipt.id, id);
                self.model.file(id).versions.push(content);
            }
            None => {
                prop_assert!(!self.model.files.contains_key(&receipt.id));
                prop_assert!(!self.model.purged.contains(&receipt.id), "an id came again");
                let file = File {
                    path: path.to_owned(),
                    versions: vec![content],
                    tags: Vec::new(),
                    trashed: false,
                };
                self.model.files.insert(receipt.id, file);
            }
        }
        let versions = self.model.files[&receipt.id].versions.len();
        prop_assert_eq!(receipt.version as usize, versions);
        Ok(())
    }

    fn delete(&mut self, on: usize, path: &str) -> Checked {
        let answer = self.apps[on].delete(path);
        match self.model.at(path) {
            None => status(&answer, 404),
            Some(id) => {
                self.model.file(id).trashed = true;
                status(&answer, 200)
            }
        }
    }

    fn restore(&mut self, on: usize, number: usize) -> Checked {
        let Some(id) = self.model.nth(number) else {
            return Ok(());
        };
        let answer = self.apps[on].patch(id, json!({ "trashed": false }));
        let file = &self.model.files[&id];
        if !file.trashed || self.model.at(&file.path).is_some() {
            return status(&answer, 409);
        }
        self.model.file(id).trashed = false;
        status(&answer, 200)
    }

    fn purge(&mut self, on: usize, number: usize) -> Checked {
        let Some(id) = self.model.nth(number) else {
            return Ok(());
        };
        let answer = self.apps[on].call("POST", &format!("/files/{id}/purge"), &[], Some(b""));
        if !self.model.files[&id].trashed {
            return status(&answer, 409);
        }
        self.model.files.remove(&id);
        self.model.purged.insert(id);
        status(&answer, 303)
    }

    fn rename(&mut self, on: usize, number: usize, to: &str) -> Checked {
        let Some(id) = self.model.nth(number) else {
            return Ok(());
        };
        let answer = self.apps[on].patch(id, json!({ "path": to }));
        let taken = self.model.at(to).is_some_and(|other| other != id);
        if self.model.files[&id].trashed || taken {
            return status(&answer, 409);
        }
        self.model.file(id).path = to.to_owned();
        status(&answer, 200)
    }

    fn move_folder(&mut self, on: usize, from: &str, to: &str) -> Checked {
        let form = format!("from={}&to={}", encode(from), encode(to));
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let body = Some(form.as_bytes());
        let answer = self.apps[on].call("POST", "/folders/rename", &headers, body);
        let into_itself = to != from && to.starts_with(&format!("{from}/"));
        if from.is_empty() || into_itself {
            return status(&answer, 400);
        }
        if !self.model.live().any(|(_, file)| file.is_below(from)) {
            return status(&answer, 404);
        }
        match self.model.moved(from, to) {
            None => status(&answer, 409),
            Some(moved) => {
                for (id, path) in moved {
                    self.model.file(id).path = path;
                }
                status(&answer, 303)
            }
        }
    }

    fn tag(&mut self, on: usize, number: usize, bits: u8) -> Checked {
        let Some(id) = self.model.nth(number) else {
            return Ok(());
        };
        let all = ["blue", "red", "white"];
        let tags: Vec<String> = (0..3)
            .filter(|bit| bits & (1 << bit) != 0)
            .map(|bit| all[bit].to_owned())
            .collect();
        let answer = self.apps[on].patch(id, json!({ "tags": tags }));
        if self.model.files[&id].trashed {
            return status(&answer, 409);
        }
        self.model.file(id).tags = tags;
        status(&answer, 200)
    }

    fn restore_version(&mut self, on: usize, number: usize, version: usize) -> Checked {
        let Some(id) = self.model.nth(number) else {
            return Ok(());
        };
        let answer = self.apps[on].patch(id, json!({ "version": version + 1 }));
        let file = self.model.file(id);
        if file.trashed {
            return status(&answer, 409);
        }
        match file.versions.get(version).copied() {
            None => status(&answer, 404),
            Some(content) => {
                file.versions.push(content);
                status(&answer, 200)
            }
        }
    }

    /// The index follows; what it finds once it has, the model knows.
    fn search(&self, on: usize, content: usize) -> Checked {
        let app = &self.apps[on];
        app.wait_indexed();
        let with = |wanted: &dyn Fn(&File) -> bool| -> Vec<String> {
            let found = self.model.live().filter(|(_, file)| wanted(file));
            let mut paths: Vec<String> = found.map(|(_, file)| file.path.clone()).collect();
            paths.sort();
            paths
        };
        let found = |query: &str| {
            let mut paths = app.found(query);
            paths.sort();
            paths
        };
        let query = word(content);
        prop_assert_eq!(
            found(&query),
            with(&|file| file.content() == content),
            "{}",
            query
        );
        let red = |file: &File| file.tags.iter().any(|tag| tag == "red");
        prop_assert_eq!(found("tag:red"), with(&red), "tag:red");
        Ok(())
    }

    fn restart(&mut self, which: usize, how: End) -> Checked {
        let app = &mut self.apps[which];
        match how {
            End::Killed => app.kill9(),
            End::Stopped => prop_assert_eq!(app.stop(), Some(0)),
            End::Drained => {
                app.process().signal(Signal::TERM);
                prop_assert_eq!(app.process().wait_exit().code(), Some(0));
            }
        }
        app.start_again();
        Ok(())
    }

    // ---- comparison

    /// Listings, entries and totals, asked of both.
    fn compare(&self, round: usize) -> Checked {
        for app in &self.apps {
            for folder in self.model.folders() {
                self.compare_folder(app, &folder, ["name", "time", "size"][round % 3])?;
            }
            self.compare_totals(app)?;
        }
        Ok(())
    }

    fn compare_folder(&self, app: &TestApp, folder: &str, sort: &str) -> Checked {
        let target = format!("/api/v1/entries?folder={}&sort={sort}", encode(folder));
        let answer = app.fetch(&target);
        let below: Vec<&File> = self
            .model
            .live()
            .map(|(_, file)| file)
            .filter(|file| file.is_below(folder))
            .collect();
        if below.is_empty() && !folder.is_empty() {
            return status(&answer, 404);
        }
        status(&answer, 200)?;
        let listing = answer.json();
        let list = |key: &str| listing[key].as_array().unwrap().clone();
        let mut expected: Vec<Value> = self
            .model
            .live()
            .filter(|(_, file)| file.place().0 == folder)
            .map(|(id, file)| described(*id, file))
            .collect();
        let mut files = list("files");
        in_order(&files, sort)?;
        for file in &mut files {
            let known = ["id", "path", "version", "size", "sha256", "tags"];
            file.as_object_mut()
                .unwrap()
                .retain(|key, _| known.contains(&key.as_str()));
        }
        let id = |file: &Value| file["id"].as_i64();
        files.sort_by_key(id);
        expected.sort_by_key(id);
        prop_assert_eq!(files, expected, "files in {:?} by {}", folder, sort);

        let inside = |child: &str| -> Value {
            let inside = below.iter().filter(|file| file.is_below(child));
            let sizes: Vec<usize> = inside.map(|file| bytes(file.content()).len()).collect();
            json!({ "path": child, "files": sizes.len(), "bytes": sizes.iter().sum::<usize>() })
        };
        let known = self.model.folders();
        let children = known
            .iter()
            .filter(|child| !child.is_empty() && parent(child) == folder);
        let mut folders: Vec<Value> = children.map(|child| inside(child)).collect();
        folders.retain(|folder| folder["files"] != 0);
        folders.sort_by_key(|folder| folder["path"].to_string());
        prop_assert_eq!(list("folders"), folders, "folders in {:?}", folder);
        Ok(())
    }

    fn compare_totals(&self, app: &TestApp) -> Checked {
        let totals = &app.persistence()["totals"];
        let trashed = self.model.files.values().filter(|file| file.trashed);
        let live = self
            .model
            .live()
            .map(|(_, file)| bytes(file.content()).len());
        let versions: usize = self
            .model
            .files
            .values()
            .map(|file| file.versions.len())
            .sum();
        for (name, expected) in [
            ("files", self.model.live().count()),
            ("trashed", trashed.count()),
            ("versions", versions),
            ("bytes", live.sum()),
        ] {
            prop_assert_eq!(&totals[name], &json!(expected), "{}", name);
        }
        Ok(())
    }

    /// Every byte of every version of every file, and that what was purged is gone.
    fn compare_contents(&self) -> Checked {
        for (n, (id, file)) in self.model.files.iter().enumerate() {
            let app = &self.apps[n % 2];
            let entry = app.entry(*id);
            prop_assert_eq!(&entry["path"], file.path.as_str());
            prop_assert_eq!(entry["trashed_ms"].is_null(), !file.trashed);
            let versions = app.json(&format!("/api/v1/entries/{id}/versions"));
            prop_assert_eq!(versions.as_array().unwrap().len(), file.versions.len());
            for (content, number) in file.versions.iter().zip(1..) {
                let answer = app.fetch(&format!("/download/{id}?version={number}"));
                status(&answer, 200)?;
                prop_assert!(
                    answer.body == bytes(*content),
                    "version {} of {}",
                    number,
                    id
                );
            }
            let by_path = app.get(&file.path);
            match self.model.at(&file.path) {
                None => status(&by_path, 404)?,
                Some(live) => {
                    let content = self.model.files[&live].content();
                    prop_assert!(by_path.body == bytes(content), "{}", file.path);
                }
            }
        }
        for id in &self.model.purged {
            status(&self.apps[0].fetch(&format!("/api/v1/entries/{id}")), 404)?;
        }
        Ok(())
    }

    /// Both find exactly what there is.
    fn compare_search(&self) -> Checked {
        for on in 0..2 {
            for content in 0..CONTENTS {
                self.search(on, content)?;
            }
        }
        Ok(())
    }
}

fn described(id: i64, file: &File) -> Value {
    let content = bytes(file.content());
    json!({
        "id": id,
        "path": file.path,
        "version": file.versions.len(),
        "size": content.len(),
        "sha256": sha256_hex(&content),
        "tags": file.tags,
    })
}

/// A listing keeps the order that was asked for.
fn in_order(files: &[Value], sort: &str) -> Checked {
    let rank = |file: &Value| -> i64 {
        match sort {
            "name" => {
                let path = file["path"].as_str().unwrap();
                let name = path.rsplit('/').next().unwrap();
                NAMES.iter().position(|known| *known == name).unwrap() as i64
            }
            "time" => -file["modified_ms"].as_i64().unwrap(),
            _ => -file["size"].as_i64().unwrap(),
        }
    };
    prop_assert!(files.is_sorted_by_key(rank), "not by {}: {:?}", sort, files);
    Ok(())
}

fn status(answer: &Answer, expected: u16) -> Checked {
    prop_assert_eq!(answer.status, expected, "{}", answer.text());
    Ok(())
}

/// `performed` is how many were, when it ends.
fn play(ops: &[Op], performed: &Cell<usize>) -> Checked {
    let mut pair = Pair::start();
    for (round, op) in ops.iter().enumerate() {
        performed.set(round + 1);
        pair.perform(op)?;
        pair.compare(round)
            .map_err(|error| TestCaseError::fail(format!("after {op:?}: {error}")))?;
    }
    pair.compare_contents()?;
    pair.compare_search()?;
    pair.apps[0].assert_sound();
    Ok(())
}

#[test]
fn the_library_does_what_its_model_does() {
    let mut config = Config {
        max_shrink_iters: SHRINKS,
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    if let RngSeed::Random = config.rng_seed {
        config.rng_seed = RngSeed::Fixed(fresh_seed());
    }
    let seed = config.rng_seed;
    // Of the last sequence that failed, which is the shortest in the end: what comes behind the
    // failing operation was never done.
    let failed_at = Cell::new(0);
    let outcome = TestRunner::new(config).run(&vec(op(), 15..30), |ops| {
        let performed = Cell::new(0);
        play(&ops, &performed).inspect_err(|_| failed_at.set(performed.get()))
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, ops)) => {
            let mut told = String::new();
            for op in &ops[..failed_at.get().min(ops.len())] {
                let _ = writeln!(told, "  {op:?}");
            }
            panic!("{reason}\nPROPTEST_RNG_SEED={seed} found it; the shortest way there:\n{told}");
        }
        Err(error) => panic!("{error}"),
    }
}

/// Another one at each run.
fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_micros() as u64
}
