//! Reading documents, and drawing small pictures of them, in children that can do nothing else.
//!
//! Documents come from anybody, and what reads them are large libraries. So no document is read in
//! the process that serves: a [`Pool`] hands each one to a child, `wharfside extract`, which runs
//! [`serve`], and which before its first document gave up everything that reading does not need.
//!
//! | a document makes the reader | what stops it |
//! |---|---|
//! | look at other files, reach the network, start programs | landlock and seccomp, where the kernel has them |
//! | write files, leave a core, open many files | limits on the process, always |
//! | take memory without end | a limit of [`Options::memory`] |
//! | loop | the server's clock ([`Options::patience`]), and a limit on CPU time behind it |
//! | crash, overflow the stack, panic | it is a process of its own |
//!
//! Whatever happens costs that one child. What it had passed on until then is kept, the file is
//! marked with the reason and found by its name, and the next document gets a new child. A content
//! whose child died is tried once more, in a fresh one that read nothing before; then it counts as
//! read, so nothing is tried for ever.
//!
//! A child gets documents as open descriptors over a Unix socket, so it never sees a path; its
//! environment is empty. It reads many, one after the other, as long as all goes well: starting
//! one costs milliseconds, which small texts would feel. The kernel kills it when the thread ends
//! that started it (`nursery`), so none outlives the server, whatever ends that.
//!
//! Pictures come back in bounded pieces, and as one of two types that browsers show and do not run:
//! whoever takes a child over can draw what they like, and no more. Formatted texts are checked to be
//! made of a few harmless elements.
//!
//! Scans are read by tesseract, where the host has it, in a process that is locked in likewise
//! (`recogniser`).
//!
//! Architecture invariant: there is no way around the child. Tests that drive the library from
//! another binary than `wharfside` have that binary serve as the child ([`Options::command`]).

mod calls;
mod confine;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod inside;
mod message;
mod nursery;
mod pool;
#[cfg(feature = "crash-points")]
mod probe;
mod process;
mod recogniser;
mod slots;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Ocr;

pub use inside::serve;
pub use pool::{Document, Drawing, Pool, Reading, Turn};

/// How documents are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The arguments with which this very binary serves as a child: `extract` for `wharfside`,
    /// else whatever makes the binary call [`serve`].
    pub command: &'static [&'static str],
    /// Children at most, and so documents read at once.
    pub workers: usize,
    /// How long one document may take.
    pub patience: Duration,
    /// Bytes that a child may use.
    pub memory: u64,
    /// What recognises text in pictures, if this host has it.
    pub ocr: Option<Ocr>,
}

/// What the kernel keeps a child from, beside the limits that always hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Confinement {
    /// No file is reachable, and where the kernel can do that no network.
    pub landlock: Enforced,
    /// Only calls that reading needs: no files, sockets, processes or programs.
    pub seccomp: bool,
}

/// How much of what was asked for the kernel enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Enforced {
    Fully,
    /// An older kernel knows fewer things to forbid.
    Partly,
    Not,
}

impl Confinement {
    /// What a child is kept in by, in words that follow "by".
    pub fn named(&self) -> &'static str {
        match (self.landlock, self.seccomp) {
            (Enforced::Not, false) => "limits on memory, time and files",
            (Enforced::Not, true) => "seccomp, and limits on memory, time and files",
            (_, false) => "landlock, and limits on memory, time and files",
            (_, true) => "landlock, seccomp, and limits on memory, time and files",
        }
    }

    /// What this kernel has not got, as a sentence; nothing if a child is locked in on both sides.
    pub fn lacking(&self) -> Option<String> {
        let lacking = match (self.landlock, self.seccomp) {
            (Enforced::Not, false) => "neither landlock nor seccomp",
            (Enforced::Not, true) => "no landlock",
            (_, false) => "no seccomp",
            (_, true) => return None,
        };
        Some(format!(
            "This system offers {lacking}, so a document that takes over its reader could do more than read; limits on memory, time and files hold all the same."
        ))
    }
}

impl Standing {
    /// As a sentence.
    pub fn sentence(&self) -> String {
        let by = match &self.confinement {
            Some(confinement) => format!(", kept in by {}", confinement.named()),
            None => String::new(),
        };
        let most = match self.workers {
            1 => "one at a time in a process of its own".to_owned(),
            most => format!("at most {most} at once, each in a process of its own"),
        };
        let sentence = format!(
            "Documents are read {most}{by}: {} MiB and {} seconds each.",
            self.memory >> 20,
            self.seconds
        );
        match &self.trouble {
            None => sentence,
            Some(why) => format!("{sentence} {why}"),
        }
    }
}

/// What a host has for each document.
#[derive(Clone, Copy, Debug, Default)]
pub struct Means {
    pub seconds: u64,
    /// In bytes.
    pub memory: u64,
    /// Whether it recognises text in pictures.
    pub recognises: bool,
}

/// How reading stands in this process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Standing {
    /// Absent until a child was started.
    pub confinement: Option<Confinement>,
    /// Children at most.
    pub workers: usize,
    /// Children there are now.
    pub children: usize,
    /// Longest a document may take, in seconds.
    pub seconds: u64,
    /// Most memory of a child, in bytes.
    pub memory: u64,
    /// Documents that children of this process have read.
    pub read: u64,
    /// Documents of which they have drawn a small picture, or found that there cannot be one.
    pub drawn: u64,
    /// Texts that they have formatted, or found to cost too much.
    pub formatted: u64,
    /// Children that a document has cost.
    pub lost: u64,
    /// Why no child can be started, as a sentence; absent as long as one can.
    pub trouble: Option<String>,
}

/// What is guarded stays true between any two statements, so a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
