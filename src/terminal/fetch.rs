//! Carrying one file from the server to this machine: what is there of it already is kept, and it
//! has its name only once all of it is what the server announced.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::account::Outcome;
use super::patience::{Patience, Questions};
use super::place::{Part, Place, Spot, Standing, digest_rest};
use super::progress::Progress;
use super::send::BUFFER;
use crate::library::FilePath;
use crate::remote::{Found, Server, Trouble};
use crate::store::Digest;

/// How often a file may be replaced on the server while it is on its way.
const MOST_REPLACEMENTS: u32 = 10;

/// A file to be had.
pub struct Want {
    pub found: Found,
    /// Below the place that it goes to.
    pub path: FilePath,
}

/// What everything that is got in one run shares.
pub struct Fetcher<'a> {
    pub server: &'a Server,
    pub questions: &'a Questions<'a>,
    pub place: &'a Place,
    /// Whether other contents are replaced.
    pub force: bool,
    pub stop: &'a AtomicBool,
    pub progress: &'a Progress,
}

/// A file that is on this machine now.
#[derive(Serialize)]
pub struct Got {
    pub file: PathBuf,
    pub path: String,
    pub size: u64,
    pub sha256: Digest,
}

impl Fetcher<'_> {
    pub fn settle(&self, want: &Want) -> Outcome<Got> {
        match self.fetch(want) {
            Ok(Some(found)) => Outcome::Done(Got {
                file: self.place.shown(&want.path),
                path: found.path,
                size: found.size,
                sha256: found.sha256,
            }),
            Ok(None) => Outcome::Left("there already", None),
            Err(trouble) => Outcome::Failed(trouble),
        }
    }

    /// Nothing if it is there already.
    fn fetch(&self, want: &Want) -> Result<Option<Found>, Trouble> {
        let spot = self.place.spot(&want.path).map_err(unwritable)?;
        let mut found = want.found.clone();
        for _ in 0..MOST_REPLACEMENTS {
            if self.is_there(&spot, &found)? {
                self.progress.is_there_already(found.size);
                return Ok(None);
            }
            let part = spot.part(found.sha256, found.size).map_err(unwritable)?;
            let trouble = match self.complete(part, &found) {
                Ok(()) => return Ok(Some(found)),
                Err(trouble) => trouble,
            };
            if !matches!(trouble.status, Some(404 | 412)) {
                return Err(trouble);
            }
            // Replaced or gone since it was listed.
            let now = self.questions.look_up(&[&found.path])?.pop();
            found = now.ok_or(trouble)?;
        }
        Err(Trouble::lasting(
            "It is replaced on the server again and again while it is on its way.",
        ))
    }

    /// Whether the content is at its place.
    fn is_there(&self, spot: &Spot, found: &Found) -> Result<bool, Trouble> {
        let is_other = match spot.standing().map_err(unwritable)? {
            Standing::Nothing => return Ok(false),
            Standing::Other => true,
            Standing::File(file, size) => {
                let mut whole = Sha256::new();
                size != found.size || {
                    digest_rest(&file, &mut whole).map_err(unwritable)?;
                    found.sha256 != digest(whole)
                }
            }
        };
        if is_other && !self.force {
            return Err(taken());
        }
        Ok(!is_other)
    }

    fn complete(&self, mut part: Part<'_>, found: &Found) -> Result<(), Trouble> {
        self.progress.is_there_already(part.length);
        let mut patience = Patience::new();
        let mut was_wrong = false;
        loop {
            let before = part.length;
            match self.receive(&mut part, found) {
                Ok(()) if digest(part.whole.clone()) == found.sha256 => break,
                Ok(()) if was_wrong => {
                    part.remove().map_err(unwritable)?;
                    return Err(Trouble::lasting(
                        "What arrives is not what the server announces; nothing of it was kept.",
                    ));
                }
                Ok(()) => {
                    was_wrong = true;
                    self.progress.awaits(part.length);
                    part.begin_again().map_err(unwritable)?;
                    continue;
                }
                Err(trouble) => {
                    if matches!(trouble.status, Some(404 | 412)) {
                        self.progress.awaits(part.length);
                        part.remove().map_err(unwritable)?;
                        return Err(trouble);
                    }
                    if part.length > before {
                        patience = Patience::new();
                    }
                    if !trouble.passes() || !patience.wait(&trouble, self.progress, self.stop) {
                        return Err(trouble);
                    }
                }
            }
        }
        part.publish(self.force)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => taken(),
                _ => unwritable(error),
            })
    }

    /// Adds what is missing, as far as it arrives.
    fn receive(&self, part: &mut Part<'_>, found: &Found) -> Result<(), Trouble> {
        if part.length == found.size {
            return Ok(());
        }
        let mut content = self.server.content(found, part.length)?;
        self.progress.goes_on();
        if content.from != part.length {
            self.progress.awaits(part.length);
            part.begin_again().map_err(unwritable)?;
        }
        let mut buffer = vec![0; BUFFER];
        while part.length < found.size {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Trouble::unanswered("stopped"));
            }
            let left = usize::try_from(found.size - part.length).unwrap_or(BUFFER);
            let most = left.min(BUFFER);
            let n = match content.bytes.read(&mut buffer[..most]) {
                Ok(0) => return Err(Trouble::unanswered("the answer broke off")),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Trouble::unanswered(error)),
            };
            let bytes = &buffer[..n];
            part.file
                .write_all_at(bytes, part.length)
                .map_err(unwritable)?;
            part.whole.update(bytes);
            part.length += n as u64;
            self.progress.moved(n as u64);
        }
        Ok(())
    }
}

fn digest(whole: Sha256) -> Digest {
    Digest::from_bytes(whole.finalize().into())
}

fn taken() -> Trouble {
    Trouble::lasting(
        "Something else has this name here, and was left as it is; --force replaces it.",
    )
}

fn unwritable(error: io::Error) -> Trouble {
    Trouble::lasting(format!("It cannot be written here: {error}."))
}
