//! What a run tells: a line for each file where no bar is seen, and what it came to in the end.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::HumanBytes;
use serde::Serialize;

use super::progress::{Progress, escaped};
use crate::error::{Error, Result};
use crate::remote::{Found, Trouble};

/// What came of a file.
pub enum Outcome<T> {
    Done(T),
    /// Nothing had to be done, for a reason in a few words; with what the server has of it.
    Left(&'static str, Option<Found>),
    /// It was to be left alone, for a reason in a few words; with what stands in its place.
    Skipped(&'static str, Option<Found>),
    Failed(Trouble),
}

/// Kept by the one thread that tells.
pub struct Account<'a> {
    progress: &'a Progress,
    stop: &'a AtomicBool,
    /// Whether records are printed instead of lines.
    json: bool,
    done: usize,
    bytes: u64,
    left: usize,
    skipped: usize,
    failed: usize,
    interrupted: usize,
}

impl<'a> Account<'a> {
    pub fn new(progress: &'a Progress, stop: &'a AtomicBool, json: bool) -> Self {
        Self {
            progress,
            stop,
            json,
            done: 0,
            bytes: 0,
            left: 0,
            skipped: 0,
            failed: 0,
            interrupted: 0,
        }
    }

    /// # Errors
    /// If stdout cannot be written.
    pub fn done(&mut self, line: &str, record: &impl Serialize, bytes: u64) -> Result<()> {
        self.done += 1;
        self.bytes += bytes;
        match self.json {
            true => self.record(record),
            false => self.line(line),
        }
    }

    /// Where records are printed, `there` is one: it says as much as the answer to an upload.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn left(&mut self, why: &str, name: &str, there: Option<&Found>) -> Result<()> {
        self.left += 1;
        self.untouched(why, name, there)
    }

    /// # Errors
    /// If stdout cannot be written.
    pub fn skipped(&mut self, why: &str, name: &str, other: Option<Found>) -> Result<()> {
        self.skipped += 1;
        let other = other.map(|other| other.marked("skipped"));
        self.untouched(why, name, other.as_ref())
    }

    fn untouched(&self, why: &str, name: &str, there: Option<&Found>) -> Result<()> {
        let line = format!("{why}: {name}");
        match (self.json, there) {
            (true, Some(there)) => self.record(there),
            (true, None) => {
                self.progress.say(&escaped(&line));
                Ok(())
            }
            (false, _) => self.line(&line),
        }
    }

    pub fn failed(&mut self, name: &str, trouble: &Trouble) {
        if self.stop.load(Ordering::Relaxed) && trouble.passes() {
            self.interrupted += 1;
        } else {
            self.left_out(&format!("{name}: {}", trouble.sentence));
        }
    }

    /// Something that is done otherwise than was asked for.
    pub fn note(&self, sentence: &str) {
        self.progress.say(&escaped(sentence));
    }

    /// Something that was asked for and cannot be done.
    pub fn left_out(&mut self, sentence: &str) {
        self.failed += 1;
        self.progress.say(&escaped(sentence));
    }

    /// Sums up; `verb` says what was done, as in "stored". False if not all of it was.
    pub fn end(self, unbegun: usize, verb: &str) -> bool {
        if self.stop.load(Ordering::Relaxed) && unbegun + self.interrupted > 0 {
            self.progress
                .say("Interrupted. What arrived is kept: run the same command again to go on.");
        }
        let missing = self.failed + self.interrupted + unbegun;
        let skipped = match self.skipped {
            0 => String::new(),
            skipped => format!("{skipped} skipped, "),
        };
        self.progress.say(&format!(
            "{} {verb} ({}), {} there already, {skipped}{missing} not {verb}.",
            self.done,
            HumanBytes(self.bytes),
            self.left,
        ));
        missing == 0
    }

    fn record(&self, record: &impl Serialize) -> Result<()> {
        let record = serde_json::to_string(record).map_err(|error| {
            Error::internal("A result could not be written as JSON.").because(error)
        })?;
        self.print(&record)
    }

    /// On a terminal the bar tells enough.
    fn line(&self, line: &str) -> Result<()> {
        if io::stdout().is_terminal() {
            return Ok(());
        }
        self.print(&escaped(line))
    }

    fn print(&self, line: &str) -> Result<()> {
        self.progress.print(line).map_err(|error| {
            Error::internal(format!(
                "The results could not be written to stdout: {error}."
            ))
        })
    }
}
