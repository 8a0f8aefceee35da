//! One client of a watch: a mixed load, and a ledger of what was acknowledged to it.

use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use super::client::{Client, Found};
use super::samples::{Sample, Samples};
use super::tally::Request;
use super::verify::{SEARCHABLE_WITHIN, check_search, list_all};
use crate::error::{Error, Kind, Result};
use crate::library::{FileId, Receipt};

/// Keeps a few clients from saturating a small server, where every wait would look like a stall.
const PAUSE: Duration = Duration::from_millis(10);
/// After a failure, so that a server that is down is not counted by the thousand.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);
/// Files on one page of a listing at the end.
const PAGE: usize = 200;

/// A file that was acknowledged and not deleted since.
struct Held {
    receipt: Receipt,
    /// Where it is now. Uncertain while `moving`.
    path: String,
    /// Set while a rename has been asked for and not acknowledged: both paths are right.
    moving: Option<String>,
    word: String,
}

impl Held {
    /// Where it must be listed; nothing while that is uncertain.
    fn folder(&self) -> Option<&str> {
        let (folder, _) = self.path.rsplit_once('/')?;
        self.moving.is_none().then_some(folder)
    }
}

pub struct Load {
    client: Client,
    samples: Samples,
    /// Nobody else writes here.
    folder: String,
    held: Vec<Held>,
    /// Paths of files whose deletion was acknowledged.
    gone: Vec<String>,
    renames: u64,
    requests: Sender<Request>,
}

/// What the ledger said at the end.
#[derive(Default)]
pub struct Settled {
    pub receipts: usize,
    /// One sentence for each receipt or deletion that did not hold.
    pub lost: Vec<String>,
}

impl Load {
    pub fn new(
        client: Client,
        samples: Samples,
        folder: String,
        requests: Sender<Request>,
    ) -> Self {
        Self {
            client,
            samples,
            folder,
            held: Vec::new(),
            gone: Vec::new(),
            renames: 0,
            requests,
        }
    }

    /// One request of the mix, and a pause.
    pub fn step(&mut self) {
        let dice = self.samples.below(100);
        let well = match dice {
            _ if self.held.is_empty() => self.upload_small(),
            0..40 => self.upload_small(),
            40..43 => self.upload_large(),
            43..65 => self.download(),
            65..80 => self.search(),
            80..90 => self.list(),
            90..96 => self.rename(),
            _ => self.delete(),
        };
        thread::sleep(if well { PAUSE } else { PAUSE_AFTER_FAILURE });
    }

    fn upload_small(&mut self) -> bool {
        let sample = self.samples.next_small();
        self.upload("upload", sample)
    }

    fn upload_large(&mut self) -> bool {
        let sample = self.samples.next_large();
        self.upload("large upload", sample)
    }

    fn upload(&mut self, doing: &'static str, sample: Sample) -> bool {
        let path = format!("{}/{}", self.folder, sample.path);
        let boot = |receipt: &Receipt| Some(receipt.boot);
        let answer = self.told(doing, boot, |client| client.upload(&path, &sample.bytes));
        let Some(receipt) = answer else { return false };
        self.held.push(Held {
            receipt,
            path,
            moving: None,
            word: sample.word,
        });
        true
    }

    fn download(&mut self) -> bool {
        let index = self.any();
        self.told(
            "download",
            |_: &()| None,
            |client| check_bytes(client, &self.held[index]),
        )
        .is_some()
    }

    /// Only whether search answers: that a file is found is checked at the end, with patience.
    fn search(&mut self) -> bool {
        let index = self.any();
        let word = self.held[index].word.clone();
        self.told("search", |_: &Vec<i64>| None, |client| client.search(&word))
            .is_some()
    }

    /// Of a folder that must be there, because a file of ours is in it.
    fn list(&mut self) -> bool {
        let index = self.any();
        let held = &self.held[index];
        let folder = held.folder().unwrap_or(&self.folder);
        let listing = |client: &Client| client.list(folder, 100, None);
        self.told("listing", |_| None, listing).is_some()
    }

    fn rename(&mut self) -> bool {
        let index = self.any();
        if self.held[index].moving.is_some() {
            return self.download();
        }
        self.renames += 1;
        // Noise is found by the word in its name, so the word goes along.
        let word = &self.held[index].word;
        let to = format!("{}/moved/{} {word}", self.folder, self.renames);
        self.held[index].moving = Some(to.clone());
        let id = self.held[index].receipt.id;
        let renamed = self
            .told("rename", |_: &()| None, |client| client.rename(id, &to))
            .is_some();
        if renamed {
            self.held[index].path = to;
            self.held[index].moving = None;
        }
        renamed
    }

    /// A deletion that is not acknowledged may have happened or not: nothing can be asked of
    /// that file any more.
    fn delete(&mut self) -> bool {
        let index = self.any();
        if self.held[index].moving.is_some() {
            return self.download();
        }
        let held = self.held.swap_remove(index);
        let deleted = self
            .told("delete", |_: &()| None, |client| client.delete(&held.path))
            .is_some();
        if deleted {
            self.gone.push(held.path);
        }
        deleted
    }

    /// Holds the installation to the ledger, then moves what is left to the trash.
    pub fn settle(mut self) -> Settled {
        let mut settled = Settled::default();
        let deadline = Instant::now() + SEARCHABLE_WITHIN;
        let all_held = std::mem::take(&mut self.held);
        let listed = self.list_folders(&all_held);
        for held in &all_held {
            settled.receipts += 1;
            settled.lost.extend(self.missed(held, &listed, deadline));
        }
        for held in all_held.iter().filter(|held| held.moving.is_none()) {
            self.told("delete", |_: &()| None, |client| client.delete(&held.path));
        }
        for path in std::mem::take(&mut self.gone) {
            settled.receipts += 1;
            let back = self.told(
                "final check",
                |_: &bool| None,
                |client| exists(client, &path),
            );
            if back == Some(true) {
                settled
                    .lost
                    .push(format!("{path} is there again after its deletion."));
            }
        }
        settled
    }

    /// Every folder that must hold one of these files. One that could not be listed has been
    /// counted as a failure, and is left out.
    fn list_folders(&self, all_held: &[Held]) -> HashMap<String, HashMap<FileId, Found>> {
        let folders: BTreeSet<&str> = all_held.iter().filter_map(Held::folder).collect();
        let list = |folder: &str| {
            let listing = |client: &Client| match list_all(client, folder, PAGE) {
                // A folder exists as long as something is in it.
                Err(error) if error.kind() == Kind::NotFound => Ok(HashMap::new()),
                answer => answer,
            };
            let listed = self.told("final check", |_| None, listing)?;
            Some((folder.to_owned(), listed))
        };
        folders.into_iter().filter_map(list).collect()
    }

    /// Why this receipt counts as lost, if it does: its bytes, its name or its words.
    fn missed(
        &self,
        held: &Held,
        listed: &HashMap<String, HashMap<FileId, Found>>,
        deadline: Instant,
    ) -> Option<String> {
        self.told(
            "final check",
            |_: &Option<String>| None,
            |client| lost(client, held),
        )
        .flatten()
        .or_else(|| {
            let folder = listed.get(held.folder()?)?;
            let found = folder.get(&held.receipt.id);
            let there = found.is_some_and(|found| found.path == held.path);
            (!there).then(|| format!("{} is not listed in its folder.", held.path))
        })
        .or_else(|| check_search(&self.client, held.receipt.id, &held.word, deadline))
    }

    /// Makes one request and reports how it went; nothing if it failed.
    fn told<T>(
        &self,
        doing: &'static str,
        boot: impl FnOnce(&T) -> Option<u64>,
        ask: impl FnOnce(&Client) -> Result<T>,
    ) -> Option<T> {
        let began = Instant::now();
        let answer = ask(&self.client);
        let ended = Instant::now();
        let (answer, failure) = match answer {
            Ok(answer) => (Some(answer), None),
            Err(error) => (None, Some(error.sentence().to_owned())),
        };
        let boot = answer.as_ref().and_then(boot);
        // The receiver lives until every load has ended.
        let _ = self.requests.send(Request {
            doing,
            began,
            ended,
            failure,
            boot,
        });
        answer
    }

    fn any(&mut self) -> usize {
        self.samples.below(self.held.len())
    }
}

/// Downloads a held file and compares; a wrong content is an error as much as none.
fn check_bytes(client: &Client, held: &Held) -> Result<()> {
    let answer = match (client.download(&held.path), &held.moving) {
        (Err(error), Some(to)) if error.kind() == Kind::NotFound => client.download(to),
        (answer, _) => answer,
    };
    let (sha256, size) = answer?;
    if sha256 == held.receipt.sha256 && size == held.receipt.size {
        return Ok(());
    }
    Err(Error::damaged(format!(
        "{} holds {size} bytes with SHA-256 {sha256}, but {} bytes with {} were acknowledged.",
        held.path, held.receipt.size, held.receipt.sha256
    )))
}

/// Why an acknowledged file counts as lost, if it does; other errors are failures of the request.
fn lost(client: &Client, held: &Held) -> Result<Option<String>> {
    let there = client.entry(held.receipt.id).and_then(|entry| {
        if entry.trashed_ms.is_some() {
            return Ok(Some(format!(
                "{} is in the trash, and nobody put it there.",
                held.path
            )));
        }
        check_bytes(client, held).map(|()| None)
    });
    match there {
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Damaged) => {
            Ok(Some(error.sentence().to_owned()))
        }
        other => other,
    }
}

fn exists(client: &Client, path: &str) -> Result<bool> {
    match client.download(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
