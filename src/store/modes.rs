//! Permissions of what lies in the directory: nobody else on the machine can read it.
//!
//! A directory that is closed closes everything below it, so a start never walks the files: it
//! looks at the storage directory and what lies right inside it, a few names in all.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::Mode;

use crate::error::{Error, Result};

/// What nobody but the owner of a file may have of it.
const OTHERS: u32 = 0o077;
/// Mode of every file that is made on purpose.
pub(super) const FILE: u32 = 0o600;
/// Mode of every directory that is made on purpose.
pub(super) const DIRECTORY: u32 = 0o700;

/// Makes whatever this process creates from now on its owner's alone, the engines' files included.
pub fn restrict_umask() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Whether others can do anything with what has this mode.
pub(super) fn is_open(mode: u32) -> bool {
    mode & OTHERS != 0
}

/// Names right inside a directory that other users of the machine can open, in order. Nothing in a
/// closed directory is.
///
/// # Errors
/// [`Kind::Internal`](crate::error::Kind::Internal) if the directory cannot be read.
pub(super) fn exposed(root: &Path) -> Result<Vec<String>> {
    let facts = fs::metadata(root).map_err(|e| Error::io("inspecting", root, e))?;
    match is_open(facts.mode()) {
        true => open_entries(root),
        false => Ok(Vec::new()),
    }
}

/// Names right inside a directory that are this user's and have an open mode, in order.
fn open_entries(root: &Path) -> Result<Vec<String>> {
    let own = rustix::process::geteuid().as_raw();
    let entries = fs::read_dir(root).map_err(|e| Error::io("listing", root, e))?;
    let mut names = Vec::new();
    for entry in entries.flatten() {
        // What is gone meanwhile is open to nobody; links are judged by what they lead to.
        let Ok(facts) = fs::metadata(entry.path()) else {
            continue;
        };
        if facts.uid() == own && is_open(facts.mode()) {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Closes the directory and what lies right inside it. Answers in one sentence what was open; what
/// cannot be closed, such as a mount point of another user, stays a finding of the mount.
///
/// # Errors
/// As of [`exposed`].
pub(super) fn restrict(root: &Path) -> Result<Option<String>> {
    let facts = fs::metadata(root).map_err(|e| Error::io("inspecting", root, e))?;
    // The entries even where the directory is closed: a copy of one takes its mode along.
    let mut closed = open_entries(root)?;
    closed.retain(|name| close(&root.join(name)));
    let was_open = is_open(facts.mode());
    let place = root.display();
    let mode = facts.mode() & 0o7777;
    let entries = match closed.as_slice() {
        [] => String::new(),
        [name] => format!(" {name} in it has mode 0600 or 0700 now."),
        names => format!(" {} entries in it have mode 0600 or 0700 now.", names.len()),
    };
    Ok(
        match (was_open, was_open && close(root), closed.is_empty()) {
            (true, true, _) => Some(format!(
                "{place} had mode {mode:04o}, so other users of this machine could read it; it is closed to them now.{entries}"
            )),
            (_, _, false) => Some(format!(
                "Entries of {place} could be read by other users wherever they can get at them.{entries}"
            )),
            (_, _, true) => None,
        },
    )
}

/// Answers whether it is closed by now. Some filesystems keep no modes and do not say so.
fn close(path: &Path) -> bool {
    let Ok(facts) = fs::metadata(path) else {
        return false;
    };
    let mode = facts.mode() & 0o7777 & !OTHERS;
    fs::set_permissions(path, Permissions::from_mode(mode)).is_ok()
        && fs::metadata(path).is_ok_and(|facts| !is_open(facts.mode()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn what_is_open_is_named_closed_and_then_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (file, folder) = (dir.path().join("catalog.sqlite"), dir.path().join("blobs"));
        fs::write(&file, "x").unwrap();
        fs::create_dir(&folder).unwrap();
        for (path, mode) in [(&file, 0o664), (&folder, 0o2775)] {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        // Behind a closed door nothing is open.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        assert!(exposed(dir.path()).unwrap().is_empty());
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        assert_eq!(exposed(dir.path()).unwrap(), ["blobs", "catalog.sqlite"]);
        let told = restrict(dir.path()).unwrap().unwrap();
        assert!(
            told.contains("mode 0755") && told.contains("2 entries"),
            "{told}"
        );
        assert_eq!((mode(dir.path()), mode(&file)), (0o700, 0o600));
        assert_eq!(mode(&folder), 0o2700);
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let told = restrict(dir.path()).unwrap().unwrap();
        assert!(told.contains("catalog.sqlite in it"), "{told}");
        assert_eq!(restrict(dir.path()).unwrap(), None);
    }
}
