//! A boot's file in `boots/`: its sentinel on the filesystem, and the lock that tells whether it
//! lives.
//!
//! The process that wrote `<n>.json` keeps an exclusive flock on it until it ends. The kernel
//! lets go of it whatever the end is, so whoever gets a lock on the file of a boot that is not
//! known to have ended has found one that is gone. Nothing rewrites the file: the lock belongs
//! to the file that was made, not to its name.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Boot, Sentinel};
use crate::error::{Error, Result};

#[derive(Serialize, Deserialize)]
struct Content {
    #[serde(flatten)]
    boot: Boot,
    token: String,
}

/// Whether the process behind a boot is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    Gone,
    /// There is no file that could tell.
    Unknown,
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number}.json"))
}

/// Makes the file durable and takes its lock, which is held until the answer is dropped.
pub(super) fn write(folder: &Path, boot: &Boot, sentinel: &Sentinel) -> Result<File> {
    let content = Content {
        boot: boot.clone(),
        token: sentinel.token.clone(),
    };
    let bytes = serde_json::to_vec_pretty(&content)
        .map_err(|e| Error::internal("A boot could not be written as JSON.").because(e))?;
    let path = path_of(folder, boot.number);
    crate::store::write_durably(&path, &bytes)?;
    let file = File::open(&path).map_err(|e| Error::io("opening", &path, e))?;
    file.lock().map_err(|e| Error::io("locking", &path, e))?;
    Ok(file)
}

pub(super) fn read(folder: &Path, number: u64) -> Result<Option<Sentinel>> {
    let path = path_of(folder, number);
    let bytes = std::fs::read(&path).map_err(|e| Error::io("reading", &path, e))?;
    Ok(serde_json::from_slice::<Content>(&bytes)
        .ok()
        .map(|content| Sentinel {
            number: content.boot.number,
            token: content.token,
        }))
}

/// Asks the lock. A shared one is tried for, so that two who ask at once do not take each other
/// for the boot.
pub(super) fn life(folder: &Path, number: u64) -> Result<Life> {
    let path = path_of(folder, number);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Life::Unknown),
        Err(error) => return Err(Error::io("opening", &path, error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Life::Gone),
        Err(TryLockError::WouldBlock) => Ok(Life::Alive),
        Err(TryLockError::Error(error)) => Err(Error::io("locking", &path, error)),
    }
}

/// Highest number of a boot that left a file; 0 if none did.
pub(in crate::store) fn latest(folder: &Path) -> Result<u64> {
    Ok(numbers(folder)?.max().unwrap_or(0))
}

pub(super) fn numbers(folder: &Path) -> Result<impl Iterator<Item = u64>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io("reading", folder, error)),
    };
    Ok(entries.into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_suffix(".json")?.parse().ok()
    }))
}
