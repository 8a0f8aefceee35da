//! `wharfside.json`: whose directory this is, written once by the first start.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{now_ms, sync_parent, write_durably};
use crate::error::{Error, Result};

/// The directory layout that this kit reads and writes.
const FORMAT: u32 = 1;
const FILE: &str = "wharfside.json";

/// Identity of a storage directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Identity {
    #[schema(value_type = String, format = "uuid")]
    pub storage: uuid::Uuid,
    pub format: u32,
    pub created_ms: i64,
}

impl Identity {
    /// Reads the identity, or gives one to an empty directory.
    ///
    /// # Errors
    /// [`Kind::Incompatible`](crate::error::Kind::Incompatible) for a directory that holds
    /// something else, or a format of a newer release.
    pub fn establish(root: &Path) -> Result<Self> {
        let path = root.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => Self::read(&path, &bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::give(root, &path),
            Err(error) => Err(Error::io("reading", &path, error)),
        }
    }

    /// Reads the identity; nothing if the directory is empty or missing, where a start would give
    /// it one.
    ///
    /// # Errors
    /// As for [`establish`](Self::establish).
    pub fn look(root: &Path) -> Result<Option<Self>> {
        let path = root.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => Self::read(&path, &bytes).map(Some),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("reading", &path, error))
            }
            Err(_) if !root.exists() => Ok(None),
            Err(_) => refuse_foreign(root).map(|()| None),
        }
    }

    fn read(path: &Path, bytes: &[u8]) -> Result<Self> {
        let identity: Self = serde_json::from_slice(bytes).map_err(|error| {
            Error::incompatible(format!(
                "{} is not what Wharfside writes; point STORAGE_DIR at a Wharfside directory or an empty one.",
                path.display()
            ))
            .because(error)
        })?;
        if identity.format > FORMAT {
            return Err(Error::incompatible(format!(
                "{} says storage format {}, and this release knows only {FORMAT}; deploy a newer release.",
                path.display(),
                identity.format
            )));
        }
        Ok(identity)
    }

    fn give(root: &Path, path: &Path) -> Result<Self> {
        refuse_foreign(root)?;
        let identity = Self {
            storage: uuid::Uuid::new_v4(),
            format: FORMAT,
            created_ms: now_ms(),
        };
        let bytes = serde_json::to_vec_pretty(&identity).map_err(|e| {
            Error::internal("The storage identity could not be written.").because(e)
        })?;
        // Two first starts at once: a link, unlike a rename, lets only one of them name the file.
        let own = root.join(format!("{FILE}.{}", identity.storage));
        write_durably(&own, &bytes)?;
        let linked = std::fs::hard_link(&own, path);
        let _ = std::fs::remove_file(&own);
        match linked {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(Error::io("creating", path, error));
            }
            _ => sync_parent(path)?,
        }
        let kept = std::fs::read(path).map_err(|e| Error::io("reading", path, e))?;
        Self::read(path, &kept)
    }
}

fn refuse_foreign(root: &Path) -> Result<()> {
    match foreign_entry(root)? {
        None => Ok(()),
        Some(name) => Err(Error::incompatible(format!(
            "{} holds {name:?} but no {FILE}, so it is not a Wharfside directory; point STORAGE_DIR at an empty directory, or bring {FILE} back from a backup.",
            root.display()
        ))),
    }
}

/// A name in the directory that Wharfside did not put there.
fn foreign_entry(root: &Path) -> Result<Option<String>> {
    let entries = std::fs::read_dir(root).map_err(|e| Error::io("reading", root, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("reading", root, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let harmless = name.starts_with('.') || name.starts_with(FILE) || name == "lost+found";
        if !harmless {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
