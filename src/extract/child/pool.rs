//! A few warm children, for everybody in this process who has a document to read.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::nursery::Nursery;
use super::process::{Loss, Outcome, Process, SoFar};
use super::recogniser::Recogniser;
use super::slots::{Slot, Slots};
use super::{Confinement, Means, Options, Standing, lock};
use crate::error::{Error, Kind, Result};
use crate::extract::preview::Formatting;
use crate::extract::thumbnail::Wish;
use crate::extract::{Extraction, Lost, Picture, Unreadable};

/// After a child could not be started, nobody who cannot wait tries it for so long.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A cheap handle; clones share the children.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    slots: Arc<Slots>,
    nursery: Nursery,
    recogniser: Option<Recogniser>,
    confinement: OnceLock<Confinement>,
    /// Why no child could be started when it was last tried, and when that was.
    trouble: Mutex<Option<(String, Instant)>>,
    read: AtomicU64,
    drawn: AtomicU64,
    formatted: AtomicU64,
    lost: AtomicU64,
}

/// What is to be read.
pub struct Document<'a> {
    /// Open for reading; read from its start.
    pub file: &'a File,
    pub size: u64,
    /// Its last path segment.
    pub name: &'a str,
    /// What it is taken for until it is read.
    pub media_type: &'a str,
}

/// Who waits for a document.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    /// Others, behind it: it gets a child as soon as there is one, and no longer than this.
    Now(Duration),
    /// Nobody: it gets all the time a document may take, in a child that nobody else wants.
    Later,
}

/// What was found.
#[derive(Debug)]
pub enum Reading {
    Done(Extraction),
    /// As far as [`Turn::Now`] allowed; it would go on. Nothing of it while no child can be
    /// started: then documents are found by their names until one can.
    Unfinished(Extraction),
}

/// What came of drawing.
#[derive(Debug)]
pub enum Drawing {
    /// The picture, or why there is none, in words that follow a colon.
    Done(Result<Picture, String>),
    /// Not within [`Turn::Now`]; it would go on.
    Unfinished,
}

impl Pool {
    /// Starts nothing yet.
    pub fn new(options: Options) -> Self {
        let Options {
            command, memory, ..
        } = options;
        let recogniser = options.ocr.clone();
        let shared = Shared {
            recogniser: recogniser.map(|ocr| Recogniser::new(ocr, command, memory)),
            slots: Arc::new(Slots::new(options.workers)),
            nursery: Nursery::new(options.command),
            options,
            confinement: OnceLock::new(),
            trouble: Mutex::default(),
            read: AtomicU64::new(0),
            drawn: AtomicU64::new(0),
            formatted: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Reads a document, unless `stop` says so.
    ///
    /// # Errors
    /// Never for what a document is or does. [`Kind::Busy`] when it was stopped, or has to be tried
    /// again because somebody else could not wait; [`Kind::Unavailable`] when no child can be
    /// started and nobody waits; [`Kind::Internal`] when the disk does not give the document's bytes.
    pub fn read(
        &self,
        document: &Document<'_>,
        turn: Turn,
        stop: &dyn Fn() -> bool,
    ) -> Result<Reading> {
        let patience = self.shared.options.patience;
        let outcome = self.have(document.name, turn, stop, |process, give_up| {
            process.read(document, patience, give_up)
        });
        let outcome = match (outcome, turn) {
            (Err(error), Turn::Now(_)) if error.kind() == Kind::Unavailable => {
                return Ok(Reading::Unfinished(document.not_yet()));
            }
            (outcome, _) => outcome?,
        };
        if matches!(outcome, Outcome::Done(_) | Outcome::Unread(_)) {
            self.shared.read.fetch_add(1, Relaxed);
        }
        match outcome {
            Outcome::Done(found) => Ok(Reading::Done(found)),
            Outcome::Unread(sentence) => Err(Error::internal(sentence)),
            Outcome::Lost(loss, so_far) => {
                let mut found = document.as_far_as(so_far, self.why(&loss, "reading"));
                found.lost = self.lost_to(&loss);
                Ok(Reading::Done(found))
            }
            Outcome::GivenUp(so_far) => match turn {
                Turn::Now(_) if !stop() => Ok(Reading::Unfinished(document.yet(so_far))),
                _ => Err(put_off()),
            },
        }
    }

    /// Has a small picture of a document made, at most `edge` pixels wide and high.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn draw(&self, document: &Document<'_>, edge: u32, turn: Turn) -> Result<Drawing> {
        let outcome = self.drawn(document, Wish::Thumbnail { edge }, turn, &|| false)?;
        if matches!(outcome, Outcome::Done(_) | Outcome::Lost(..)) {
            self.shared.drawn.fetch_add(1, Relaxed);
        }
        match outcome {
            Outcome::Done(drawn) => Ok(Drawing::Done(drawn)),
            Outcome::Unread(sentence) => Err(Error::internal(sentence)),
            Outcome::Lost(loss, ()) => Ok(Drawing::Done(Err(self.why(&loss, "drawing")))),
            Outcome::GivenUp(()) => match turn {
                Turn::Now(_) => Ok(Drawing::Unfinished),
                Turn::Later => Err(put_off()),
            },
        }
    }

    /// Has a text formatted within so long from when a child has it; nothing if that is not enough,
    /// or costs the child: then it is shown as it stands.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn format(
        &self,
        document: &Document<'_>,
        formatting: &Formatting,
        most: Duration,
    ) -> Result<Option<String>> {
        let (patience, turn) = (self.shared.options.patience, Turn::Now(most));
        let outcome = self.have(document.name, turn, &|| false, |process, give_up| {
            process.format(document, formatting, patience, give_up)
        })?;
        match outcome {
            Outcome::Unread(sentence) => return Err(Error::internal(sentence)),
            Outcome::Done(_) | Outcome::Lost(..) | Outcome::GivenUp(()) => {
                self.shared.formatted.fetch_add(1, Relaxed);
            }
        }
        Ok(match outcome {
            Outcome::Done(html) => html,
            _ => None,
        })
    }

    /// What a page of a document, from 0, says to tesseract; nothing where there is no tesseract.
    /// It is drawn in a child that nobody else wants.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Kind::Busy`] is worth trying again, if `stop` does not say so.
    pub fn recognise(
        &self,
        document: &Document<'_>,
        page: u32,
        stop: &dyn Fn() -> bool,
    ) -> Result<String> {
        let Some(recogniser) = &self.shared.recogniser else {
            return Ok(String::new());
        };
        let wish = Wish::Scan { page };
        match self.drawn(document, wish, Turn::Later, stop)? {
            Outcome::Done(Ok(picture)) => recogniser.read(&picture.bytes, stop),
            Outcome::Unread(sentence) => Err(Error::internal(sentence)),
            Outcome::GivenUp(()) => Err(put_off()),
            Outcome::Done(Err(_)) | Outcome::Lost(..) => Ok(String::new()),
        }
    }

    /// Whether pictures and scans are recognised here. Asks tesseract, the first time.
    pub fn means(&self) -> Means {
        Means {
            seconds: self.shared.options.patience.as_secs(),
            memory: self.shared.options.memory,
            recognises: self.recognises(),
        }
    }

    pub fn recognises(&self) -> bool {
        let recogniser = self.shared.recogniser.as_ref();
        recogniser.is_some_and(|recogniser| recogniser.languages().is_some())
    }

    /// The languages of what is recognised, such as `eng+deu`, as far as tesseract was asked.
    pub fn languages(&self) -> Option<&str> {
        self.shared.recogniser.as_ref()?.known_languages()
    }

    fn drawn(
        &self,
        document: &Document<'_>,
        wish: Wish,
        turn: Turn,
        stop: &dyn Fn() -> bool,
    ) -> Result<Outcome<Result<Picture, String>, ()>> {
        let patience = self.shared.options.patience;
        self.have(document.name, turn, stop, |process, give_up| {
            process.draw(document, wish, patience, give_up)
        })
    }

    /// Has something done with a document, once more in a fresh child if that may help.
    fn have<T, S>(
        &self,
        name: &str,
        turn: Turn,
        stop: &dyn Fn() -> bool,
        work: impl Fn(&mut Process, &dyn Fn() -> bool) -> Outcome<T, S>,
    ) -> Result<Outcome<T, S>> {
        let mut slot = self.take(turn, stop)?;
        let first = self.attempt(&mut slot, turn, stop, &work)?;
        let outcome = match first {
            Outcome::Lost(loss, _) if loss.is_worth_another() && !self.shared.slots.is_closed() => {
                tracing::debug!(name, %loss, "a document is tried once more");
                self.attempt(&mut slot, turn, stop, &work)?
            }
            other => other,
        };
        drop(slot);
        if self.shared.slots.is_closed() {
            return Err(put_off());
        }
        if let Outcome::Lost(loss, _) = &outcome {
            tracing::warn!(name, %loss, "a document cost its child");
        }
        Ok(outcome)
    }

    /// Has a child ready, so that it is known what it is kept from.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn warm(&self) -> Result<Confinement> {
        let mut slot = self.take(Turn::Now(Duration::ZERO), &|| false)?;
        slot.process = Some(self.process(&mut slot, false)?);
        let confinement = self.shared.confinement.get().copied();
        confinement.ok_or_else(|| Error::internal("A child did not say what it is kept from."))
    }

    /// How many documents are read at once.
    pub fn workers(&self) -> usize {
        self.shared.options.workers
    }

    pub fn standing(&self) -> Standing {
        let Shared { options, .. } = &*self.shared;
        Standing {
            confinement: self.shared.confinement.get().copied(),
            workers: options.workers,
            children: self.shared.slots.children(),
            seconds: options.patience.as_secs(),
            memory: options.memory,
            read: self.shared.read.load(Relaxed),
            drawn: self.shared.drawn.load(Relaxed),
            formatted: self.shared.formatted.load(Relaxed),
            lost: self.shared.lost.load(Relaxed),
            trouble: lock(&self.shared.trouble)
                .as_ref()
                .map(|(why, _)| why.clone()),
        }
    }

    /// Ends all children; what they read is put off.
    pub fn close(&self) {
        self.shared.slots.close();
        self.shared.nursery.close();
    }

    fn take(&self, turn: Turn, stop: &dyn Fn() -> bool) -> Result<Slot> {
        let can_wait = matches!(turn, Turn::Later);
        let slot = self.shared.slots.take(can_wait, stop);
        slot.ok_or_else(put_off)
    }

    fn attempt<T, S>(
        &self,
        slot: &mut Slot,
        turn: Turn,
        stop: &dyn Fn() -> bool,
        work: impl Fn(&mut Process, &dyn Fn() -> bool) -> Outcome<T, S>,
    ) -> Result<Outcome<T, S>> {
        let mut process = self.process(slot, matches!(turn, Turn::Now(_)))?;
        let began = Instant::now();
        let give_up = || {
            let is_over = matches!(turn, Turn::Now(most) if began.elapsed() >= most);
            is_over || slot.is_wanted() || stop()
        };
        let outcome = work(&mut process, &give_up);
        match &outcome {
            Outcome::Done(_) | Outcome::Unread(_) => slot.process = Some(process),
            Outcome::Lost(..) => {
                self.shared.lost.fetch_add(1, Relaxed);
            }
            Outcome::GivenUp(_) => {}
        }
        Ok(outcome)
    }

    /// The slot's child, or a new one. Those in a hurry do not try what just failed.
    fn process(&self, slot: &mut Slot, in_hurry: bool) -> Result<Process> {
        if let Some(process) = slot.process.take() {
            return Ok(process);
        }
        if let Some((why, since)) = &*lock(&self.shared.trouble)
            && in_hurry
            && since.elapsed() < AFTER_FAILURE
        {
            return Err(Error::unavailable(why.clone()));
        }
        let Options {
            patience, memory, ..
        } = self.shared.options;
        let slots = Arc::downgrade(&self.shared.slots);
        let started = self.shared.nursery.start(&slots);
        let started = started.and_then(|mut process| {
            let confinement = process.begin(patience, memory)?;
            Ok((process, confinement))
        });
        let (process, confinement) = match started {
            Ok(started) => started,
            Err(error) => return Err(self.in_trouble(error)),
        };
        if lock(&self.shared.trouble).take().is_some() {
            tracing::info!("documents can be read again");
        }
        if self.shared.confinement.set(confinement).is_ok()
            && let Some(lacking) = confinement.lacking()
        {
            tracing::warn!("{lacking}");
        }
        Ok(process)
    }

    /// Notes that no child can be started, and logs the first time.
    fn in_trouble(&self, error: io::Error) -> Error {
        let why = format!("No child to read documents can be started: {error}.");
        let before = lock(&self.shared.trouble).replace((why.clone(), Instant::now()));
        if before.is_none() && !self.shared.slots.is_closed() {
            tracing::warn!("{why} Until one can, documents are found by their names only.");
        }
        Error::unavailable(why).because(error)
    }

    /// In words that follow a colon; `what` was being done.
    fn why(&self, loss: &Loss, what: &str) -> String {
        let Options {
            patience, memory, ..
        } = &self.shared.options;
        match loss {
            Loss::Slow => match patience.as_secs() {
                1 => format!("{what} took longer than a second"),
                seconds => format!("{what} took longer than {seconds} seconds"),
            },
            Loss::Memory => format!("{what} takes more than {} MiB of memory", memory >> 20),
            Loss::Nesting => "it is nested too deeply".to_owned(),
            Loss::Killed => "its reader was killed".to_owned(),
            Loss::Panicked(_) | Loss::Died(_) => "the reader failed on it".to_owned(),
        }
    }

    /// What might end otherwise another time.
    fn lost_to(&self, loss: &Loss) -> Option<Lost> {
        let Options {
            patience, memory, ..
        } = &self.shared.options;
        match loss {
            Loss::Slow => Some(Lost::Slow {
                seconds: patience.as_secs(),
            }),
            Loss::Memory => Some(Lost::Memory { bytes: *memory }),
            Loss::Killed => Some(Lost::Killed { times: 1 }),
            Loss::Nesting | Loss::Panicked(_) | Loss::Died(_) => None,
        }
    }
}

impl Document<'_> {
    /// What there is of a document that will not be read any further.
    fn as_far_as(&self, so_far: SoFar, why: String) -> Extraction {
        let unreadable = Unreadable::Broken(why);
        self.part(so_far, unreadable.sentence(), unreadable.note())
    }

    /// What there is of a document that is still to be read.
    fn yet(&self, so_far: SoFar) -> Extraction {
        let sentence = "Contents are still being read.";
        self.part(so_far, sentence.to_owned(), sentence.to_owned())
    }

    /// A document that nobody can read now.
    fn not_yet(&self) -> Extraction {
        let sentence = "Contents are not read yet: no process that reads documents can be started.";
        self.part(SoFar::default(), sentence.to_owned(), String::new())
    }

    fn part(&self, so_far: SoFar, name_only: String, note: String) -> Extraction {
        let is_empty = so_far.text.is_empty();
        Extraction {
            media_type: self.media_type.to_owned(),
            encoding: None,
            text: so_far.text,
            truncated: !is_empty,
            name_only: is_empty.then_some(name_only),
            note: (!is_empty).then_some(note),
            details: so_far.details,
            scans: Vec::new(),
            lost: None,
        }
    }
}

fn put_off() -> Error {
    Error::new(Kind::Busy, "Reading a document was put off.")
}
