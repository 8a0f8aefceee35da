//! A start of this release, rehearsed beside the one that runs: everything is looked at or tried
//! on a copy, and nothing is changed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::sql::{Survey, Trial};
use super::{Expected, Identity, Index, Kv, Options, Sql, kv};
use crate::error::{Error, Kind, Result};

/// How long the facts may take to open; a lock that excludes us is there all that time.
const PATIENCE: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_millis(50);
/// What a rehearsal that was killed left behind is removed after so long.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A rehearsal of [`Store::open`](super::Store::open) with the same options.
pub struct Rehearsal<'a> {
    options: Options<'a>,
    catalog: PathBuf,
}

/// What a start would find of the facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Facts {
    /// Opened as a start opens them, and closed again.
    Shared,
    /// There are none that can be read: a start makes them anew.
    Rebuilt,
    /// They did not open in time, and why; a start would go on without them for now.
    Late(String),
    /// A running release excludes this one from them, and how.
    Barred(String),
}

/// What a start would find of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Opened for reading; the highest sequence in it.
    Present { applied: u64 },
    /// This release indexes in another way: a new folder beside those of others, and the bytes
    /// of the largest one.
    New { beside: u64 },
    /// What is there cannot be read, and why: a start sets it aside and builds it again.
    Damaged(String),
}

impl<'a> Rehearsal<'a> {
    pub fn new(options: Options<'a>) -> Self {
        let catalog = options.root.join("catalog.sqlite");
        Self { options, catalog }
    }

    /// Whose directory it is; nothing if a start would make it ours.
    ///
    /// # Errors
    /// [`Kind::Incompatible`] if it is somebody else's, of a newer format, or has lost its
    /// catalog.
    pub fn identity(&self) -> Result<Option<Identity>> {
        let identity = Identity::look(self.options.root)?;
        if identity.is_some() {
            let migrations = self.options.migrations;
            let expected = Expected::of(self.options.root, &self.catalog, migrations)?;
            // One that cannot be read is there all the same; looking at it tells more.
            if let Ok(survey) = self.catalog() {
                expected.admit(survey.version)?;
            }
        }
        Ok(identity)
    }

    /// See [`Sql::survey`].
    pub fn catalog(&self) -> Result<Survey> {
        Sql::survey(&self.catalog, self.options.migrations)
    }

    /// Whether the catalog is sound where no migration is missing; no copy is made.
    pub fn soundness(&self) -> Result<Trial> {
        Ok(Trial {
            problems: Sql::problems(&self.catalog)?,
            ..Trial::default()
        })
    }

    /// See [`Sql::rehearse`]; the copy is made below `place` and removed.
    pub fn migrations(&self, place: &Path) -> Result<Trial> {
        let scratch = Scratch::within(place)?;
        Sql::rehearse(&self.catalog, self.options.migrations, scratch.path())
    }

    /// Opens the facts as a start does, if there are any, and lets go of them.
    pub fn facts(&self) -> Result<Facts> {
        let root = self.options.root;
        if !root.join("facts.redb").exists() || root.join("facts.damaged").exists() {
            return Ok(Facts::Rebuilt);
        }
        let kv = Kv::attach(root, self.options.kv_cache)?;
        let deadline = Instant::now() + PATIENCE;
        let mut state = kv.state();
        while state != kv::State::Open && Instant::now() < deadline {
            std::thread::sleep(RETRY);
            state = kv.state();
        }
        kv.close();
        Ok(match state {
            kv::State::Open => Facts::Shared,
            kv::State::Barred(why) => Facts::Barred(why),
            kv::State::Waiting(why) => Facts::Late(why),
            kv::State::Closed => Facts::Late("The facts store was closed.".to_owned()),
        })
    }

    /// Opens this release's index for reading, if it is there.
    pub fn index(self) -> Result<Folder> {
        let folders = self.options.root.join("index");
        let index = Index::attach(
            self.options.root,
            self.options.index,
            self.options.index_memory,
        )?;
        Ok(match index.refresh() {
            Ok(_) if index.is_open() => Folder::Present {
                applied: index.payload().applied,
            },
            Ok(_) => Folder::New {
                beside: largest(&folders),
            },
            Err(error) if error.kind() == Kind::Damaged => {
                Folder::Damaged(error.sentence().to_owned())
            }
            Err(error) => return Err(error),
        })
    }
}

/// Bytes of the largest folder.
fn largest(folders: &Path) -> u64 {
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = |folder: PathBuf| -> u64 {
        let files = entries(&folder).filter_map(|entry| entry.metadata().ok());
        files.map(|found| found.len()).sum()
    };
    let folders = entries(folders).map(|entry| entry.path());
    folders.map(bytes).max().unwrap_or(0)
}

/// A folder that is removed with everything in it when this is dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes a folder of its own in `place`, and removes those that others were killed over.
    pub(super) fn within(place: &Path) -> Result<Self> {
        sweep(place);
        let unique = uuid::Uuid::new_v4().simple();
        let folder = place.join(format!("{PREFIX}{unique}"));
        std::fs::create_dir(&folder).map_err(|e| Error::io("creating", &folder, e))?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "a temporary folder could not be removed");
        }
    }
}

const PREFIX: &str = "wharfside-rehearsal-";

fn sweep(place: &Path) {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    for entry in entries {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let modified = entry.metadata().and_then(|found| found.modified());
        let age = modified.map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
        if is_ours && age.is_ok_and(|age| age > ABANDONED) {
            // Somebody else's in a shared temporary directory stays.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
