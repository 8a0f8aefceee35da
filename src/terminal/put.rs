//! `put`: sends files and folders.

use std::collections::HashMap;
use std::path::PathBuf;

use super::account::{Account, Outcome};
use super::crew::work_off;
use super::patience::Questions;
use super::pieces::Pieces;
use super::progress::Progress;
use super::send::{Sender, hash, unreadable};
use super::walk::{Item, Walk};
use crate::error::Result;
use crate::interrupt;
use crate::library::{FilePath, FolderPath, Receipt};
use crate::remote::{Address, Found, Server, Trouble};
use crate::store::Digest;

/// What to send, and how.
pub struct Put {
    pub paths: Vec<PathBuf>,
    pub to: String,
    pub server: Address,
    /// How many files are sent at once.
    pub jobs: u8,
    /// `version`, `keep-both` or `skip`.
    pub if_present: &'static str,
    /// Whether receipts are printed instead of lines.
    pub json: bool,
}

/// Sends all of it; false if something was not stored.
///
/// # Errors
/// If the address or the folder is none, or nobody answers for long at the start.
pub fn put(how: &Put) -> Result<bool> {
    let server = Server::at(&how.server, usize::from(how.jobs))?;
    let to = FolderPath::typed(&how.to)?;
    let stop = interrupt::flag()?;
    let walk = Walk::of(&how.paths, &to);
    let progress = Progress::of(walk.items.iter().map(|item| item.size).sum());
    let mut account = Account::new(&progress, &stop, how.json);
    for sentence in &walk.left_out {
        account.left_out(sentence);
    }
    let questions = Questions::new(&server, &progress, &stop).begun_at_any_time();
    let paths: Vec<&str> = walk.items.iter().map(|item| item.path.as_str()).collect();
    let present = questions.look_up(&paths)?;
    let sending = Sending {
        present: present
            .into_iter()
            .map(|found| (found.path.clone(), found))
            .collect(),
        questions: &questions,
        sender: Sender {
            server: &server,
            pieces: Pieces::new(),
            if_present: how.if_present,
            stop: &stop,
            progress: &progress,
        },
    };
    let settle = |item: &Item| sending.settle(item);
    let unbegun = work_off(
        walk.items,
        how.jobs,
        &stop,
        settle,
        |item, outcome| match outcome {
            Outcome::Done(receipt) => {
                let line = format!("stored {}", receipt.path);
                account.done(&line, &receipt, receipt.size)
            }
            Outcome::Left(why, there) => {
                let path = there
                    .as_ref()
                    .map_or(item.path.as_str(), |there| &there.path);
                account.left(why, path, there.as_ref())
            }
            Outcome::Skipped(why, other) => account.skipped(why, item.path.as_str(), other),
            Outcome::Failed(trouble) => {
                account.failed(&item.file.display().to_string(), &trouble);
                Ok(())
            }
        },
    );
    Ok(account.end(unbegun?, "stored"))
}

/// Names asked for at once when a copy is looked for.
const COPIES: u32 = 20;
const THERE: &str = "there already";
const TAKEN: &str = "skipped, the name is taken";

struct Sending<'a> {
    present: HashMap<String, Found>,
    questions: &'a Questions<'a>,
    sender: Sender<'a>,
}

impl Sending<'_> {
    fn settle(&self, item: &Item) -> Outcome<Receipt> {
        if let Some(present) = self.present.get(item.path.as_str()) {
            match self.left(item, present) {
                Ok(None) => {}
                Ok(Some(left)) => {
                    self.sender.progress.is_there_already(item.size);
                    return left;
                }
                Err(trouble) => return Outcome::Failed(trouble),
            }
        }
        match self.sender.send(item) {
            Ok(receipt) => Outcome::Done(receipt),
            Err(trouble) if trouble.status == Some(412) => Outcome::Skipped(TAKEN, None),
            Err(trouble) => Outcome::Failed(trouble),
        }
    }

    /// What comes of a file whose name is taken, if it need not be sent.
    fn left(&self, item: &Item, present: &Found) -> Result<Option<Outcome<Receipt>>, Trouble> {
        let is_same =
            |found: &Found, digest: &Digest| found.size == item.size && found.sha256 == *digest;
        let there = |found: Found| Outcome::Left(THERE, Some(found));
        let if_present = self.sender.if_present;
        if present.size == item.size || if_present == "keep-both" {
            let digest = hash(&item.file).map_err(unreadable)?;
            if is_same(present, &digest) {
                return Ok(Some(there(present.clone())));
            }
            if if_present == "keep-both" {
                let copy = self.copy(item, |found| is_same(found, &digest))?;
                return Ok(copy.map(there));
            }
        }
        let other = || Outcome::Skipped(TAKEN, Some(present.clone()));
        Ok((if_present == "skip").then(other))
    }

    /// The copy looked for, if an earlier run kept it beside the name, as `name (2)`. The first
    /// free number ends them.
    fn copy(&self, item: &Item, is_it: impl Fn(&Found) -> bool) -> Result<Option<Found>, Trouble> {
        for first in (2..).step_by(COPIES as usize) {
            let names = (first..first + COPIES).map_while(|n| item.path.numbered(n).ok());
            let names: Vec<FilePath> = names.collect();
            let paths: Vec<&str> = names.iter().map(FilePath::as_str).collect();
            let mut present = self.questions.look_up(&paths)?;
            if let Some(at) = present.iter().position(&is_it) {
                return Ok(Some(present.swap_remove(at)));
            }
            if present.len() < COPIES as usize {
                break;
            }
        }
        Ok(None)
    }
}
