//! `put`: sends files and folders.

use std::collections::{HashMap, VecDeque};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use serde::Deserialize;
use serde_json::json;

use super::pieces::Pieces;
use super::progress::{Progress, escaped};
use super::send::{Patience, Sender, hash};
use super::walk::{Item, Walk};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::library::{FolderPath, Receipt};
use crate::remote::{Server, Trouble};
use crate::store::Digest;

/// Paths in one question; with the longest names they stay below what proxies let through.
const LOOKED_UP: usize = 200;

/// What to send, and how.
pub struct Put {
    pub paths: Vec<PathBuf>,
    pub to: String,
    pub server: String,
    /// How many files are sent at once.
    pub jobs: u8,
    /// `version`, `keep-both` or `skip`.
    pub if_present: &'static str,
    /// Whether receipts are printed instead of lines.
    pub json: bool,
}

/// What came of a file.
enum Outcome {
    Stored(Receipt),
    /// The same content, or a name that is to be skipped.
    Left(&'static str),
    Failed(Trouble),
}

/// A file as the server has it.
#[derive(Deserialize)]
struct Present {
    path: String,
    size: u64,
    sha256: Digest,
}

/// Sends all of it; false if something was not stored.
///
/// # Errors
/// If the address or the folder is none, or nobody answers at the start.
pub fn put(how: &Put) -> Result<bool> {
    let server = Server::at(&how.server, usize::from(how.jobs))?;
    let to = FolderPath::parse(&how.to)?;
    let stop = interrupt::flag()?;
    let walk = Walk::of(&how.paths, &to);
    let progress = Progress::of(walk.items.iter().map(|item| item.size).sum());
    for sentence in &walk.left_out {
        progress.say(&escaped(sentence));
    }
    let present = look_up(&server, &walk.items, &stop)?;
    let sender = Sender {
        server: &server,
        pieces: Pieces::new(),
        if_present: how.if_present,
        stop: &stop,
        progress: &progress,
    };
    let mut tally = Tally {
        failed: walk.left_out.len(),
        ..Tally::default()
    };
    let queue = Mutex::new(VecDeque::from(walk.items));
    let bytes = AtomicU64::new(0);
    let told = thread::scope(|scope| {
        let (outcomes, arriving) = mpsc::channel();
        for _ in 0..how.jobs {
            let (outcomes, sender, present) = (outcomes.clone(), &sender, &present);
            let (queue, bytes) = (&queue, &bytes);
            scope.spawn(move || {
                while let Some(item) = next(queue, sender.stop) {
                    let outcome = settle(sender, &item, present.get(item.path.as_str()));
                    if let Outcome::Stored(receipt) = &outcome {
                        bytes.fetch_add(receipt.size, Ordering::Relaxed);
                    }
                    // Nobody listens if stdout is gone.
                    if outcomes.send((item, outcome)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(outcomes);
        for (item, outcome) in arriving {
            if let Err(error) = tell(how, &progress, &stop, &mut tally, &item, outcome) {
                stop.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    });
    progress.end();
    told?;
    let is_stopped = stop.load(Ordering::Relaxed);
    let unsent = queue.lock().unwrap_or_else(PoisonError::into_inner).len();
    if is_stopped && unsent + tally.interrupted > 0 {
        progress.say("Interrupted. What was sent is kept: run the same command again to go on.");
    }
    progress.say(&format!(
        "{} stored ({}), {} there already, {} not stored.",
        tally.stored,
        indicatif::HumanBytes(bytes.into_inner()),
        tally.left,
        tally.failed + tally.interrupted + unsent
    ));
    Ok(tally.failed + tally.interrupted + unsent == 0)
}

#[derive(Default)]
struct Tally {
    stored: usize,
    left: usize,
    failed: usize,
    interrupted: usize,
}

fn next(queue: &Mutex<VecDeque<Item>>, stop: &AtomicBool) -> Option<Item> {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    if stop.load(Ordering::Relaxed) {
        None
    } else {
        queue.pop_front()
    }
}

fn settle(sender: &Sender<'_>, item: &Item, present: Option<&Present>) -> Outcome {
    if let Some(present) = present {
        let is_same = present.size == item.size
            && hash(&item.file).is_ok_and(|sha256| sha256 == present.sha256);
        let why = match (is_same, sender.if_present) {
            (true, _) => Some("there already"),
            (false, "skip") => Some("skipped, the name is taken"),
            _ => None,
        };
        if let Some(why) = why {
            sender.progress.is_there_already(item.size);
            return Outcome::Left(why);
        }
    }
    match sender.send(item) {
        Ok(receipt) => Outcome::Stored(receipt),
        Err(trouble) if trouble.status == Some(412) => Outcome::Left("skipped, the name is taken"),
        Err(trouble) => Outcome::Failed(trouble),
    }
}

fn tell(
    how: &Put,
    progress: &Progress,
    stop: &AtomicBool,
    tally: &mut Tally,
    item: &Item,
    outcome: Outcome,
) -> Result<()> {
    let line = match outcome {
        Outcome::Stored(receipt) => {
            tally.stored += 1;
            if how.json {
                Some(serde_json::to_string(&receipt).map_err(|error| {
                    Error::internal("A receipt could not be written as JSON.").because(error)
                })?)
            } else {
                Some(format!("stored {}", escaped(receipt.path.as_str())))
            }
        }
        Outcome::Left(why) => {
            tally.left += 1;
            let line = format!("{why}: {}", escaped(item.path.as_str()));
            if how.json {
                progress.say(&line);
            }
            Some(line).filter(|_| !how.json)
        }
        Outcome::Failed(trouble) if stop.load(Ordering::Relaxed) && trouble.passes() => {
            tally.interrupted += 1;
            None
        }
        Outcome::Failed(trouble) => {
            tally.failed += 1;
            let file = item.file.display().to_string();
            progress.say(&escaped(&format!("{file}: {}", trouble.sentence)));
            None
        }
    };
    // On a terminal the bar tells enough.
    match line.filter(|_| how.json || !io::stdout().is_terminal()) {
        None => Ok(()),
        Some(line) => progress.print(&line).map_err(|error| {
            Error::internal(format!(
                "The results could not be written to stdout: {error}."
            ))
        }),
    }
}

/// What the server has at these paths. An installation that does not answer the first question
/// is most likely another one's address.
fn look_up(server: &Server, items: &[Item], stop: &AtomicBool) -> Result<HashMap<String, Present>> {
    #[derive(Deserialize)]
    struct Found {
        present: Vec<Present>,
    }
    let mut present = HashMap::new();
    let mut has_answered = false;
    for batch in items.chunks(LOOKED_UP) {
        let paths: Vec<&str> = batch.iter().map(|item| item.path.as_str()).collect();
        let asked = json!({ "paths": paths });
        let mut patience = Patience::new();
        let found: Found = loop {
            match server.post_json("/api/v1/entries/lookup", &asked) {
                Ok(found) => break found,
                Err(trouble) => {
                    let is_away = trouble.status.is_some() || has_answered;
                    if !trouble.passes() || !is_away || !patience.wait(&trouble, stop) {
                        return Err(trouble.into());
                    }
                }
            }
        };
        has_answered = true;
        present.extend(
            found
                .present
                .into_iter()
                .map(|found| (found.path.clone(), found)),
        );
    }
    Ok(present)
}
