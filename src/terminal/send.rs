//! Carrying one file to the server, through whatever happens on the way: it waits, asks where the
//! upload stands, and goes on from there.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::patience::Patience;
use super::pieces::Pieces;
use super::progress::Progress;
use super::walk::Item;
use crate::library::Receipt;
use crate::remote::tus::{self, Piece};
use crate::remote::{Server, Trouble};
use crate::store::Digest;

/// How many remembered ends of uploads of the same file are passed over.
const MOST_GENERATIONS: u32 = 1000;
pub const BUFFER: usize = 256 << 10;

/// What everything that is sent in one run shares.
pub struct Sender<'a> {
    pub server: &'a Server,
    pub pieces: Pieces,
    pub if_present: &'a str,
    pub stop: &'a AtomicBool,
    pub progress: &'a Progress,
}

impl Sender<'_> {
    /// Sends a file until it is stored, or there is no point in trying.
    pub fn send(&self, item: &Item) -> Result<Receipt, Trouble> {
        let mut way = Way::open(item)?;
        let mut patience = Patience::new();
        loop {
            let before = way.offset;
            let trouble = match self.attempt(item, &mut way) {
                Ok(receipt) => return Ok(receipt),
                Err(trouble) => trouble,
            };
            if way.offset > before {
                patience = Patience::new();
            }
            if trouble.is_gone() && way.upload.is_some() {
                way.begin_again()?;
            } else if !trouble.passes() || !patience.wait(&trouble, self.progress, self.stop) {
                return Err(trouble);
            }
        }
    }

    fn attempt(&self, item: &Item, way: &mut Way) -> Result<Receipt, Trouble> {
        let size = way.facts.size;
        if way.upload.is_none() {
            if size <= self.pieces.size() {
                return self.send_whole(item, way);
            }
            self.begin(item, way)?;
        }
        let id = way.upload.clone().unwrap_or_default();
        loop {
            let standing = tus::look(self.server, &id)?;
            if let Some(receipt) = standing.receipt {
                if way.is_fresh {
                    // Of an earlier run, and the file is not there as it was then.
                    way.begin_again()?;
                    self.begin(item, way)?;
                    return self.attempt(item, way);
                }
                return way.verified(receipt);
            }
            if way.is_fresh {
                self.progress.is_there_already(standing.offset);
                way.is_fresh = false;
            }
            way.offset = standing.offset;
            while way.offset < size {
                let length = self.pieces.size().min(size - way.offset);
                let sha256 = way.digest(way.offset, length)?;
                let (file, offset) = (&way.file, way.offset);
                way.offset = self.sized(length, || {
                    let mut bytes = self.reading(file, offset, length);
                    let piece = Piece {
                        bytes: &mut bytes,
                        length,
                        sha256,
                    };
                    tus::append(self.server, &id, offset, piece)
                })?;
            }
        }
    }

    /// Begins the upload that a run of this command, killed and run again, finds by its key.
    fn begin(&self, item: &Item, way: &mut Way) -> Result<(), Trouble> {
        let key = way.key(item, self.if_present);
        let metadata = [
            ("filename", item.path.as_str()),
            ("key", &key),
            ("ifPresent", self.if_present),
        ];
        let begun = tus::begin(self.server, &metadata, way.facts.size, None)?;
        way.upload = Some(begun.id);
        way.is_fresh = true;
        Ok(())
    }

    /// One request: nothing of it needs to outlive this process.
    fn send_whole(&self, item: &Item, way: &mut Way) -> Result<Receipt, Trouble> {
        let length = way.facts.size;
        let sha256 = way.digest(0, length)?;
        let (key, digest) = (way.once.simple().to_string(), sha256.to_string());
        let metadata = [
            ("filename", item.path.as_str()),
            ("key", &key),
            ("ifPresent", self.if_present),
            ("sha256", &digest),
        ];
        let begun = self.sized(length, || {
            let mut bytes = self.reading(&way.file, 0, length);
            let piece = (length > 0).then_some(Piece {
                bytes: &mut bytes,
                length,
                sha256,
            });
            tus::begin(self.server, &metadata, length, piece)
        })?;
        match begun.receipt {
            Some(receipt) => way.verified(receipt),
            None => {
                way.upload = Some(begun.id);
                Err(Trouble {
                    status: None,
                    ..Trouble::lasting("The server has not stored it yet.")
                })
            }
        }
    }

    /// What a request's fate says about the size of pieces.
    fn sized<T>(
        &self,
        bytes: u64,
        send: impl FnOnce() -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let began = Instant::now();
        let sent = self.progress.carrying(send);
        match &sent {
            Ok(_) => self.pieces.went_well(bytes, began.elapsed()),
            Err(trouble) => match trouble.status {
                Some(413) if !trouble.is_ours && self.pieces.was_refused(bytes) => {
                    return Err(Trouble {
                        status: None,
                        after: Some(Duration::ZERO),
                        ..Trouble::lasting("A proxy refused so large a piece; smaller ones follow.")
                    });
                }
                None | Some(408 | 504) => self.pieces.was_lost(bytes),
                _ => {}
            },
        }
        sent
    }

    fn reading<'a>(&'a self, file: &'a File, at: u64, left: u64) -> Reading<'a> {
        Reading {
            sender: self,
            file,
            at,
            left,
        }
    }
}

/// A file on its way.
struct Way {
    file: File,
    facts: Facts,
    upload: Option<String>,
    /// Whether it is not known yet what the server has of the upload.
    is_fresh: bool,
    offset: u64,
    generation: u32,
    once: Uuid,
    /// Of the bytes before `hashed`.
    whole: Sha256,
    hashed: u64,
}

/// What changes when a file is written to. The time of the last change cannot be set back.
#[derive(Clone, Copy, PartialEq)]
struct Facts {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Facts {
    fn of(file: &File) -> io::Result<Self> {
        let facts = file.metadata()?;
        Ok(Self {
            size: facts.len(),
            modified: (facts.mtime(), facts.mtime_nsec()),
            changed: (facts.ctime(), facts.ctime_nsec()),
        })
    }
}

impl Way {
    fn open(item: &Item) -> Result<Self, Trouble> {
        let file = File::open(&item.file).map_err(unreadable)?;
        Ok(Self {
            facts: Facts::of(&file).map_err(unreadable)?,
            file,
            upload: None,
            is_fresh: false,
            offset: 0,
            generation: 0,
            once: Uuid::new_v4(),
            whole: Sha256::new(),
            hashed: 0,
        })
    }

    fn begin_again(&mut self) -> Result<(), Trouble> {
        self.generation += 1;
        if self.generation > MOST_GENERATIONS {
            return Err(Trouble::lasting("The server forgets each upload of it."));
        }
        (self.upload, self.offset, self.once) = (None, 0, Uuid::new_v4());
        Ok(())
    }

    /// The same for the same file, unchanged, on its way to the same place.
    fn key(&self, item: &Item, if_present: &str) -> String {
        let place = std::path::absolute(&item.file).unwrap_or_else(|_| item.file.clone());
        let Facts {
            size,
            modified,
            changed,
        } = self.facts;
        let text = format!(
            "{place:?} {:?} {if_present} {size} {modified:?} {changed:?} {}",
            item.path.as_str(),
            self.generation
        );
        Digest::from_bytes(Sha256::digest(text).into()).to_string()
    }

    /// Digest of a piece, of a file that has not changed until all of the piece was read.
    fn digest(&mut self, from: u64, length: u64) -> Result<Digest, Trouble> {
        let mut piece = Sha256::new();
        let mut buffer = vec![0; BUFFER];
        let mut at = self.hashed.min(from);
        while at < from + length {
            // Whole buffers that end where the piece begins, and where the digest of all stands.
            let edges = [from, self.hashed, from + length];
            let edge = edges
                .into_iter()
                .filter(|edge| *edge > at)
                .min()
                .unwrap_or(at);
            let most = usize::try_from(edge - at).unwrap_or(BUFFER).min(BUFFER);
            let part = &mut buffer[..most];
            self.file.read_exact_at(part, at).map_err(|_| changed())?;
            if at >= from {
                piece.update(&*part);
            }
            if at == self.hashed {
                self.whole.update(&*part);
                self.hashed += most as u64;
            }
            at += most as u64;
        }
        match Facts::of(&self.file) {
            Ok(facts) if facts == self.facts => Ok(Digest::from_bytes(piece.finalize().into())),
            Ok(_) => Err(changed()),
            Err(error) => Err(unreadable(error)),
        }
    }

    /// A receipt, if it is for these bytes.
    fn verified(&mut self, receipt: Receipt) -> Result<Receipt, Trouble> {
        self.digest(self.facts.size, 0)?;
        if self.hashed < self.facts.size {
            self.digest(self.hashed, self.facts.size - self.hashed)?;
        }
        let sha256 = Digest::from_bytes(self.whole.clone().finalize().into());
        match sha256 == receipt.sha256 {
            true => Ok(receipt),
            false => Err(Trouble::lasting(
                "What the server stored is not what the file holds now: it changed meanwhile. Run the command again.",
            )),
        }
    }
}

/// The digest of a whole file.
pub fn hash(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; BUFFER]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// Part of a file, counted as it is sent. It ends early when the run is to stop.
struct Reading<'a> {
    sender: &'a Sender<'a>,
    file: &'a File,
    at: u64,
    left: u64,
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.sender.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped"));
        }
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let n = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += n as u64;
        self.left -= n as u64;
        self.sender.progress.moved(n as u64);
        Ok(n)
    }
}

fn changed() -> Trouble {
    Trouble::lasting(
        "It changed while it was being sent, and nothing of it was stored. Run the command again.",
    )
}

pub fn unreadable(error: io::Error) -> Trouble {
    Trouble::lasting(format!("It cannot be read: {error}."))
}
