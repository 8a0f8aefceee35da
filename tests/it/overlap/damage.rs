//! P3 under P5: what can be rebuilt is deleted, cut short or overwritten while two processes use
//! it. Neither dies, uploads and downloads go on without a failure, the damage is reported, and
//! soon everything is found again by both.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::alone;
use super::load::{Client, Load, Random};
use super::peer::{Peer, Switch};
use crate::app::TestApp;
use crate::command::eventually;

/// What somebody does to a file.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ruin {
    Deleted,
    Halved,
    Emptied,
    Noise,
    /// The beginning and the end stay as they are, so that it still opens.
    NoiseInside,
}

const RUINS: [Ruin; 5] = [
    Ruin::Deleted,
    Ruin::Halved,
    Ruin::Emptied,
    Ruin::Noise,
    Ruin::NoiseInside,
];

/// Bytes at either end that noise inside spares: a header, or a footer.
const SPARED: usize = 300;

impl Ruin {
    fn befall(self, path: &Path) -> io::Result<()> {
        let open = || File::options().write(true).open(path);
        match self {
            Self::Deleted => fs::remove_file(path),
            Self::Halved => {
                let file = open()?;
                file.set_len(file.metadata()?.len() / 2)
            }
            Self::Emptied => open()?.set_len(0),
            Self::Noise => make_noise(&open()?, 0),
            Self::NoiseInside => make_noise(&open()?, SPARED),
        }
    }
}

fn make_noise(file: &File, spared: usize) -> io::Result<()> {
    let length = file.metadata()?.len() as usize;
    let mut random = Random::new(length as u64);
    let noise: Vec<u8> = (0..length.saturating_sub(2 * spared))
        .map(|_| random.next() as u8)
        .collect();
    file.write_all_at(&noise, spared as u64)
}

/// What it befalls.
fn facts(directory: &Path) -> Vec<PathBuf> {
    vec![directory.join("facts.redb")]
}

fn index_folder(directory: &Path) -> PathBuf {
    fs::read_dir(directory.join("index"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| !path.to_string_lossy().contains(".bad-") && path.join("meta.json").exists())
        .expect("an index folder")
}

/// Those of the largest segment, of which there is one for sure that is not just being merged.
fn segment_files(directory: &Path) -> Vec<PathBuf> {
    let all = index_files(directory);
    let largest = all
        .iter()
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "term")
        })
        .max_by_key(|path| fs::metadata(path).map_or(0, |found| found.len()))
        .expect("a segment");
    let segment = largest.with_extension("");
    let segment = segment.to_str().unwrap();
    let mut of_it = all.clone();
    of_it.retain(|path| path.to_str().unwrap().starts_with(segment));
    of_it
}

fn index_meta(directory: &Path) -> Vec<PathBuf> {
    vec![index_folder(directory).join("meta.json")]
}

fn index_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(index_folder(directory)).unwrap().flatten();
    let is_lock = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "lock")
    };
    entries
        .map(|entry| entry.path())
        .filter(|path| !is_lock(path))
        .collect()
}

#[test]
fn p3_p5_the_facts_are_ruined_under_a_running_pair() {
    outlives_all(facts, |_| false);
}

#[test]
fn p3_p5_a_segment_of_the_index_is_ruined_under_a_running_pair() {
    // A merge that has its files open does not miss their names, and then does without them.
    outlives_all(segment_files, |files| {
        files.iter().all(|file| !is_listed(file))
    });
}

#[test]
fn p3_p5_the_list_of_segments_is_ruined_under_a_running_pair() {
    // The next commit writes it anew, if it comes before somebody looks.
    outlives_all(index_meta, |files| {
        let text = files
            .iter()
            .map(fs::read_to_string)
            .collect::<Result<String, _>>();
        text.is_ok_and(|text| serde_json::from_str::<serde_json::Value>(&text).is_ok())
    });
}

#[test]
fn p3_p5_the_whole_index_is_ruined_under_a_running_pair() {
    outlives_all(index_files, |_| false);
    let _alone = alone();
    Pair::start().outlives(
        "the folder deleted",
        |directory| {
            // A commit may put a file into a folder that was just emptied.
            eventually("the folder to be gone", || {
                match fs::remove_dir_all(directory.join("index")) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => None,
                    _ => Some(()),
                }
            });
            Vec::new()
        },
        |_| false,
    );
}

/// Whether the index still has the segment that a file is of.
fn is_listed(file: &Path) -> bool {
    let name = file.file_name().unwrap().to_str().unwrap();
    let segment = name.split('.').next().unwrap();
    let text = fs::read_to_string(file.with_file_name("meta.json")).unwrap_or_default();
    let listed = text.replace('-', "");
    text.is_empty() || listed.contains(segment)
}

/// `mended` says whether what was ruined was made superfluous before anybody had to notice.
fn outlives_all(files: fn(&Path) -> Vec<PathBuf>, mended: fn(&[PathBuf]) -> bool) {
    let _alone = alone();
    let mut pair = Pair::start();
    for ruin in RUINS {
        pair = pair.outlives(
            &format!("{ruin:?}"),
            |directory| eventually("something to ruin", || befall_all(ruin, files(directory))),
            mended,
        );
    }
}

/// The files that were ruined, if any: a merge may take them away this instant.
fn befall_all(ruin: Ruin, files: Vec<PathBuf>) -> Option<Vec<PathBuf>> {
    let mut ruined = Vec::new();
    for file in files {
        match ruin.befall(&file) {
            Ok(()) => ruined.push(file),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}"),
        }
    }
    (!ruined.is_empty()).then_some(ruined)
}

/// Two processes and clients that know what they stored.
struct Pair {
    apps: [TestApp; 2],
    clients: Vec<Client>,
}

impl Pair {
    fn start() -> Self {
        let one = TestApp::with(&[("GIT_REV", "one")]);
        let two = one.second("two");
        let nowhere = Switch::to(&[]);
        let clients = (0..3)
            .map(|n| Client::new(&format!("client{n}"), n, &nowhere).while_the_index_may_be_away())
            .collect();
        Self {
            apps: [one, two],
            clients,
        }
    }

    fn outlives(
        mut self,
        what: &str,
        ruin: impl FnOnce(&Path) -> Vec<PathBuf>,
        mended: fn(&[PathBuf]) -> bool,
    ) -> Self {
        let peers = self.apps.each_mut().map(Peer::of);
        let switch = Switch::to(&[&peers[0], &peers[1]]);
        for client in &mut self.clients {
            client.follow(&switch);
        }
        let load = Load::start(std::mem::take(&mut self.clients));
        load.go_on(60);
        let before = self.repairs();
        let began = Instant::now();
        let ruined = ruin(self.apps[0].directory());
        let told = eventually(&format!("{what}: the report"), || {
            assert!(!load.has_failed(), "a client failed; see above");
            if self.repairs() > before {
                Some("reported")
            } else {
                mended(&ruined).then_some("made superfluous")
            }
        });
        let told_after = began.elapsed().as_secs_f64();
        load.go_on(60);
        self.assert_running();
        self.clients = load.stop();
        for app in &self.apps {
            for client in &self.clients {
                client.assert_kept(app);
            }
            app.wait_indexed();
            eventually("readiness to name no trouble", || {
                let answer = app.fetch("/health/ready");
                assert_eq!(answer.status, 200, "{}", answer.text());
                let stores = answer.json()["stores"].clone();
                stores
                    .as_array()?
                    .iter()
                    .all(|store| store["ok"] == true)
                    .then_some(())
            });
        }
        println!(
            "{what}: {told} after {told_after:.1} s, healed after {:.1} s",
            began.elapsed().as_secs_f64()
        );
        self.assert_running();
        assert!(began.elapsed() < Duration::from_secs(50), "that took long");
        self.apps[0].assert_sound();
        self
    }

    /// How often either process says that it repaired something since its start.
    fn repairs(&self) -> usize {
        let of = |app: &TestApp| app.persistence()["repairs"].as_array().unwrap().len();
        self.apps.iter().map(of).sum()
    }

    fn assert_running(&mut self) {
        for app in &mut self.apps {
            assert!(app.process().runs(), "{}", app.process().said());
        }
    }
}
