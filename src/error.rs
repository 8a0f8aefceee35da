//! The one error of Wharfside: a kind that callers act on, and a sentence that people read.
//!
//! It knows no HTTP and no engine: `web` maps kinds to statuses in one place, and the store
//! translates what SQLite, redb, tantivy and the kernel say at its own boundary.

use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::path::Path;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The input was wrong; the same input will be wrong again.
    Invalid,
    /// What was named is not there, or not for the caller to know of.
    NotFound,
    /// The caller has to say who it is first.
    Unauthenticated,
    /// The caller may not do that.
    Forbidden,
    /// The caller has to confirm who it is first: what it was let in by is not enough for this.
    Unconfirmed,
    /// Too much of it lately; waiting helps.
    TooMany,
    /// What was asked for collides with what is there.
    Conflict,
    /// A precondition that the caller stated does not hold.
    Precondition,
    /// Somebody else is changing it at this moment; trying again helps.
    Busy,
    /// Larger than this installation accepts.
    TooLarge,
    /// The other side stopped sending, or sent less than it announced.
    Stalled,
    /// The disk is full; nothing was kept of what was being written.
    NoSpace,
    /// Not now: another process holds it, or this one is still opening. Trying again helps.
    Unavailable,
    /// This release cannot run on this directory; an operator has to act.
    Incompatible,
    /// Bytes on disk are not what was written there.
    Damaged,
    /// A fault of ours or of the machine's.
    Internal,
}

/// An error: its [`Kind`], one plain sentence (what was wrong and what would be right), and
/// the cause underneath, which is logged and never sent to a client.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    sentence: String,
    /// Seconds after which trying again may help.
    after: Option<NonZeroU32>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn new(kind: Kind, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            sentence: sentence.into(),
            after: None,
            source: None,
        }
    }

    pub fn invalid(sentence: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, sentence)
    }

    pub fn not_found(sentence: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, sentence)
    }

    pub fn forbidden(sentence: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, sentence)
    }

    pub fn conflict(sentence: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, sentence)
    }

    pub fn unavailable(sentence: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, sentence)
    }

    pub fn incompatible(sentence: impl Into<String>) -> Self {
        Self::new(Kind::Incompatible, sentence)
    }

    pub fn damaged(sentence: impl Into<String>) -> Self {
        Self::new(Kind::Damaged, sentence)
    }

    pub fn internal(sentence: impl Into<String>) -> Self {
        Self::new(Kind::Internal, sentence)
    }

    /// An I/O error while `doing` something (a gerund: "opening") to `path`. A full disk is
    /// [`Kind::NoSpace`], a missing file [`Kind::NotFound`], the rest [`Kind::Internal`].
    pub fn io(doing: &str, path: &Path, error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Kind::NoSpace,
            io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Internal,
        };
        Self::new(kind, format!("{doing} {} failed: {error}", path.display())).because(error)
    }

    /// Attaches the cause.
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says after how many seconds trying again may help.
    pub fn after(self, seconds: u64) -> Self {
        Self {
            after: NonZeroU32::new(u32::try_from(seconds).unwrap_or(u32::MAX)),
            ..self
        }
    }

    /// Seconds after which trying again may help, if that is known.
    pub fn retry_after(&self) -> Option<u64> {
        self.after.map(|seconds| u64::from(seconds.get()))
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The sentence for people; for [`Kind::Internal`] and [`Kind::Damaged`] it may name paths
    /// and is for the log, not for a client.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}
