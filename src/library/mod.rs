//! The app's domain: files with paths, versions, tags and trash, found by what they say.
//!
//! What a file contains is a blob, what it is called a row of the catalog, what it says a
//! document of the index, and what it is (its facts) an entry of the key-value store. The first
//! two are the truth; the others follow through the outbox.

mod accounts;
mod arranging;
mod arrivals;
mod auditing;
mod catalog;
mod checksumming;
mod collecting;
mod entry;
mod facts;
mod files;
mod finding;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod generation;
mod listing;
mod many;
mod memory;
mod moving;
mod news;
mod outbox;
mod path;
mod persistence;
mod previews;
mod reach;
mod reading;
mod rehearsing;
mod rule_set;
mod saving;
mod sealing;
pub mod search;
mod seeing;
mod selecting;
pub mod text;
mod thumbnails;
mod uploads;
mod viewer;
mod visible;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use crate::extract::PDF;
pub use crate::extract::child::{Confinement, Enforced, Standing};
pub use accounts::{
    Account, AccountId, Audited, Begun, Ceremony, Charge, Factor, FolderRule, Grant, Guessed,
    Happening, Happenings, Invitation, Invited, KeptPasskey, LinkDownload, NewPasskey, NewSession,
    NewShare, NewToken, Pause, Paused, Quota, Role, Scope, Session, Share, Shared, Token,
    Unreadable, Usage, network_of, unconfirmed,
};
pub use auditing::{Live, Named};
pub use entry::{
    Entry, FileContent, FileId, Folder, Listing, Millis, NewFile, Precondition, Receipt, Sort,
    Sorting, Version,
};
#[cfg(test)]
pub(crate) use facts::plant;
pub use facts::{Again, Facts};
pub(crate) use facts::{FactsBatch, Known, Read};
pub use files::{Content, Stored, Upload};
#[cfg(feature = "crash-points")]
pub use generation::PRETENDED;
pub use generation::{Generation, MIGRATIONS};
pub use listing::{From, MAX_PAGE, Rows};
pub use many::Changes;
pub use news::{Event, Progress};
pub use outbox::Changed;
pub use path::{FilePath, FolderPath, MAX_PATH_BYTES, MAX_SEGMENT_BYTES};
pub use persistence::{Level, Persistence, Reading, StoreHealth, Totals, Verdict};
pub use previews::{Formattable, FormattedText, Style, decoded};
pub use reach::{Reach, Right};
pub use reading::{Part, Place};
pub use saving::SavedSearch;
pub use sealing::SealingKeys;
pub use selecting::{Selected, Selection, Within};
pub use thumbnails::{Attempt, Picture, Thumbnail, can_have_thumbnail};

pub use uploads::{
    Destination, IfPresent, Limits, NewUpload, OpenUpload, Outcome, Purpose, Reserve, Resumed,
    Unfinished, UploadId, UploadState, Writing,
};

pub use viewer::{Acting, Credential, LinkId, Viewer};

use crate::error::Result;
use crate::extract::{self, child};
use crate::store::index::Spec;
use crate::store::{Options, Report, Store};
use arrivals::Arrivals;
use rule_set::RuleCache;
use search::Fields;

/// How a library is opened.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory that outlives releases.
    pub root: PathBuf,
    /// Name of this release.
    pub release: String,
    /// Bytes for the index writer.
    pub index_memory: usize,
    /// Bytes for cached facts.
    pub facts_cache: usize,
    /// How long unnamed contents and unfinished uploads are kept.
    pub grace: Duration,
    pub uploads: Limits,
    /// What secrets are sealed with.
    pub keys: SealingKeys,
    /// What anybody can do in folders about which nothing is said.
    pub everyone: Right,
    /// How documents are read.
    pub extraction: child::Options,
    /// The formats that this release knows.
    pub generation: Generation,
}

impl Settings {
    fn options(&self, index: Spec) -> Options<'_> {
        Options {
            root: &self.root,
            release: &self.release,
            migrations: self.generation.migrations,
            index,
            index_memory: self.index_memory,
            kv_cache: self.facts_cache,
            staging_grace: self.grace,
        }
    }
}

/// A cheap handle on the library, on behalf of a [`Viewer`]; clones share everything.
#[derive(Clone)]
pub struct Library {
    common: Arc<Common>,
    viewer: Arc<Viewer>,
}

/// What all handles on a library have in common. Each request takes a handle, so taking one counts
/// only two references.
#[cfg_attr(test, derive(Clone))]
pub struct Common {
    pub(crate) store: Store,
    fields: Fields,
    root: PathBuf,
    limits: Limits,
    keys: SealingKeys,
    everyone: Right,
    readers: child::Pool,
    rules: Arc<RuleCache>,
    report: Report,
    arrivals: Arrivals,
}

impl Deref for Library {
    type Target = Common;

    fn deref(&self) -> &Common {
        &self.common
    }
}

/// A part of a list, and how to get the next.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass back to get the next page; absent on the last one.
    pub next: Option<String>,
}

impl Library {
    /// Opens the stores for this release and takes a boot number.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn open(settings: &Settings) -> Result<Self> {
        let (fields, spec) = finding::index(settings.generation.index_revision);
        let (store, mut report) = Store::open(settings.options(spec))?;
        report.repairs.extend(outbox::rewind(&store)?);
        Ok(Self::of(store, fields, settings, report))
    }

    fn of(store: Store, fields: Fields, settings: &Settings, report: Report) -> Self {
        let common = Common {
            store,
            fields,
            root: settings.root.clone(),
            limits: settings.uploads,
            keys: settings.keys.clone(),
            everyone: settings.everyone,
            readers: child::Pool::new(settings.extraction.clone()),
            rules: Arc::default(),
            report,
            arrivals: Arrivals::default(),
        };
        Self {
            common: common.into(),
            viewer: Viewer::SYSTEM.into(),
        }
    }

    /// What this start found, repaired and rebuilt.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The same library as somebody else may see and change it.
    pub fn seen_by(&self, viewer: Arc<Viewer>) -> Self {
        Self {
            common: self.common.clone(),
            viewer,
        }
    }

    /// Who looks and changes by this handle.
    pub fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// What the viewer may, in a transaction of the caller's.
    fn reach(&self, c: &rusqlite::Connection) -> Result<Reach> {
        self.viewer.reach(c, &self.rules)
    }

    /// Required again and again of what takes long.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`](crate::error::Kind::Unauthenticated) if the session or token has ended
    /// by which the viewer acts, [`Kind::NotFound`](crate::error::Kind::NotFound) if the link has.
    pub fn require_credential(&self) -> Result<()> {
        self.store.sql.read(|c| self.reach(c).map(drop))
    }

    /// Number of this process's boot.
    pub fn boot(&self) -> u64 {
        self.store.boots.current().number
    }

    /// The stores underneath, for what is not about files.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The children that read documents.
    pub fn readers(&self) -> &child::Pool {
        &self.readers
    }

    /// Notes the orderly end and closes the stores.
    pub fn close(&self) {
        self.readers.close();
        self.store.close();
    }

    fn change(&self) -> catalog::Change {
        catalog::Change::new(self.viewer.clone(), self.rules.clone(), self.boot())
    }
}

#[cfg(test)]
mod tests;
