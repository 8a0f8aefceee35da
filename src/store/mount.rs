//! What the storage directory really is: a mount of its own or not, on what, whose, how full,
//! and whether a file can be written there, which is tried and not guessed.

mod entries;
mod findings;
mod table;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use findings::{Finding, Severity};

use super::modes;
use crate::error::{Error, Result};

/// The facts about one storage directory at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Mount {
    /// Absolute, and without symlinks as far as it exists.
    pub path: String,
    pub presence: Presence,
    /// Whether a file could be written, synced, renamed and removed.
    pub writable: bool,
    pub trial: Trial,
    /// Whether the directory itself is a mount point.
    pub is_mount_point: bool,
    /// The mount point that holds it.
    pub mounted_at: String,
    /// Such as `ext4`.
    pub filesystem: String,
    /// Such as `/dev/vda1`.
    pub source: String,
    /// Options of the mount, as the kernel writes them.
    pub options: String,
    pub read_only: bool,
    pub network: bool,
    /// Whether the filesystem has no disk below it.
    pub in_memory: bool,
    /// Whether it is a volume that will not be given to the next container.
    pub anonymous_volume: bool,
    pub owner_uid: u32,
    pub owner_gid: u32,
    /// Permission bits.
    pub mode: u32,
    /// Names right inside that other users of the machine can read; none while the directory is
    /// closed to them.
    pub exposed: Vec<String>,
    /// Whom this process runs as.
    pub uid: u32,
    pub gid: u32,
    pub total_bytes: u64,
    /// Bytes that this user may still write.
    pub free_bytes: u64,
    /// 0 where the filesystem does not count inodes.
    pub total_inodes: u64,
    pub free_inodes: u64,
    /// Whether this process runs in a container.
    pub in_container: bool,
    /// What shows that it does; empty outside.
    pub container_signs: Vec<String>,
    /// In a container, what the platform calls the directory on its host, where the mount shows it.
    #[serde(default)]
    pub host_directory: Option<String>,
}

/// What stands at the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Directory,
    NotADirectory,
    Missing,
    ParentMissing,
}

/// How the attempt to write, sync, rename and remove a file went; facts about a missing
/// directory come from the nearest one above it, where nothing is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trial {
    Written,
    Denied,
    ReadOnly,
    Full,
    /// Another error of the system's, in its words.
    Failed(String),
}

impl Mount {
    /// Looks at a directory, which need not exist; leaves nothing behind.
    ///
    /// # Errors
    /// [`Kind::Internal`](crate::error::Kind::Internal) if the kernel does not tell.
    pub fn inspect(path: &Path) -> Result<Self> {
        let asked = std::path::absolute(path).map_err(|e| Error::io("resolving", path, e))?;
        let (existing, resolved) = resolve(&asked)?;
        let facts = fs::metadata(&existing).map_err(|e| Error::io("inspecting", &existing, e))?;
        let presence = match resolved.strip_prefix(&existing) {
            Ok(rest) if rest.as_os_str().is_empty() && facts.is_dir() => Presence::Directory,
            Ok(rest) if rest.components().count() == 1 && facts.is_dir() => Presence::Missing,
            _ if facts.is_dir() => Presence::ParentMissing,
            _ => Presence::NotADirectory,
        };
        let trial = match presence {
            Presence::Directory => trial(write_probe(&resolved)),
            _ => Trial::Failed("there is no such directory".into()),
        };
        let space = rustix::fs::statvfs(&existing)
            .map_err(|e| Error::io("measuring", &existing, e.into()))?;
        let rows = table::parse(&read_proc("/proc/self/mountinfo")?);
        let row = table::holding(&rows, &resolved).ok_or_else(|| {
            Error::internal(format!(
                "The kernel's table of mounts does not say what holds {}.",
                resolved.display()
            ))
        })?;
        let container_signs = container_signs(&rows);
        Ok(Self {
            path: match presence {
                // What is in the way may be a file further up.
                Presence::NotADirectory => existing.display().to_string(),
                _ => resolved.display().to_string(),
            },
            presence,
            writable: trial == Trial::Written,
            trial,
            is_mount_point: row.point == resolved,
            mounted_at: row.point.display().to_string(),
            filesystem: row.filesystem.clone(),
            source: row.source.clone(),
            options: row.options.clone(),
            read_only: row.read_only(),
            network: row.network(),
            in_memory: row.volatile(),
            anonymous_volume: row.anonymous_volume(),
            owner_uid: facts.uid(),
            owner_gid: facts.gid(),
            mode: facts.mode() & 0o7777,
            exposed: match presence {
                Presence::Directory => modes::exposed(&resolved).unwrap_or_default(),
                _ => Vec::new(),
            },
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            total_bytes: space.f_blocks.saturating_mul(space.f_frsize),
            free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
            total_inodes: space.f_files,
            free_inodes: space.f_favail,
            in_container: !container_signs.is_empty(),
            container_signs,
            host_directory: row.host_directory(),
        })
    }

    /// Creates the directory if it is missing, durably, and looks at it.
    ///
    /// # Errors
    /// [`Kind::Incompatible`](crate::error::Kind::Incompatible) with the sentence and the remedy
    /// of the finding if nothing can be kept there. Findings that only threaten what is kept
    /// are no error: see [`Mount::findings`].
    pub fn prepare(path: &Path) -> Result<Self> {
        let created = create(path);
        let mount = Self::inspect(path)?;
        match (mount.unusable(), created) {
            (None, _) => Ok(mount),
            (Some(finding), created) => {
                let mut sentence = finding.sentence;
                if let Some(remedy) = finding.remedy {
                    sentence = format!("{sentence} To mend it:\n{remedy}");
                }
                let error = Error::incompatible(sentence);
                Err(match created {
                    Ok(()) => error,
                    Err(cause) => error.because(cause),
                })
            }
        }
    }
}

/// Whether this process runs in a container, as far as the kernel shows it.
pub fn in_container() -> bool {
    let rows = table::parse(&read_proc("/proc/self/mountinfo").unwrap_or_default());
    !container_signs(&rows).is_empty()
}

fn container_signs(rows: &[table::Row]) -> Vec<String> {
    let cgroup = read_proc("/proc/self/cgroup").unwrap_or_default();
    let cgroup = String::from_utf8_lossy(&cgroup);
    table::container_signs(rows, &cgroup, Path::exists)
}

/// The nearest existing place at or above an absolute path, and the path itself, both without
/// symlinks.
fn resolve(asked: &Path) -> Result<(PathBuf, PathBuf)> {
    for existing in asked.ancestors() {
        match existing.canonicalize() {
            Ok(real) => {
                let rest = asked.strip_prefix(existing).unwrap_or(Path::new(""));
                let resolved = match rest.as_os_str().is_empty() {
                    true => real.clone(),
                    false => real.join(rest),
                };
                return Ok((real, resolved));
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            Err(error) => return Err(Error::io("resolving", existing, error)),
        }
    }
    Err(Error::internal(format!(
        "{} has no existing directory above it.",
        asked.display()
    )))
}

fn create(path: &Path) -> io::Result<()> {
    let missing: Vec<_> = std::path::absolute(path)?
        .ancestors()
        .take_while(|dir| !dir.exists())
        .map(Path::to_owned)
        .collect();
    for dir in missing.iter().rev() {
        match DirBuilder::new().mode(modes::DIRECTORY).create(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if let Some(parent) = dir.parent() {
            File::open(parent)?.sync_all()?;
        }
    }
    Ok(())
}

fn write_probe(dir: &Path) -> io::Result<()> {
    let name = format!(".probe-{}", Uuid::new_v4().simple());
    let (first, second) = (dir.join(&name), dir.join(name + ".renamed"));
    let attempt = || {
        // More than a byte or two: some filesystems keep those beside the name, even when full.
        fs::write(&first, [0; 4096])?;
        File::open(&first)?.sync_all()?;
        fs::rename(&first, &second)
    };
    let attempted = attempt();
    let removed = fs::remove_file(if attempted.is_ok() { &second } else { &first });
    attempted.and(removed)
}

fn trial(probe: io::Result<()>) -> Trial {
    let Err(error) = probe else {
        return Trial::Written;
    };
    match error.kind() {
        io::ErrorKind::PermissionDenied => Trial::Denied,
        io::ErrorKind::ReadOnlyFilesystem => Trial::ReadOnly,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Trial::Full,
        _ => Trial::Failed(error.to_string()),
    }
}

fn read_proc(file: &str) -> Result<Vec<u8>> {
    fs::read(file).map_err(|e| Error::io("reading", Path::new(file), e))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_directory_is_looked_at_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let mount = Mount::inspect(dir.path()).unwrap();
        assert_eq!(mount.presence, Presence::Directory);
        assert_eq!(mount.trial, Trial::Written);
        assert_eq!(mount.owner_uid, mount.uid);
        assert!(mount.total_bytes >= mount.free_bytes && mount.total_bytes > 0);
        assert!(!mount.is_mount_point && !mount.filesystem.is_empty());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(mount.unusable().is_none());
    }

    #[test]
    fn what_is_missing_is_told_apart_and_not_created_by_looking() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("storage");
        let deeper = missing.join("of/notes");
        for (path, presence) in [
            (&missing, Presence::Missing),
            (&deeper, Presence::ParentMissing),
        ] {
            assert_eq!(Mount::inspect(path).unwrap().presence, presence);
        }
        assert!(!missing.exists());
        let mount = Mount::prepare(&deeper).unwrap();
        assert_eq!(mount.presence, Presence::Directory);
        assert_eq!(
            mount,
            Mount {
                free_bytes: mount.free_bytes,
                free_inodes: mount.free_inodes,
                ..Mount::prepare(&deeper).unwrap()
            }
        );
    }

    #[test]
    fn a_file_in_the_way_is_named_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("storage");
        fs::write(&file, "mine").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = Mount::prepare(&path).unwrap_err();
            assert_eq!(error.kind(), Kind::Incompatible);
            let says = format!("{} is a file", file.canonicalize().unwrap().display());
            assert!(error.sentence().contains(&says), "{error}");
        }
        assert_eq!(fs::read(&file).unwrap(), b"mine");
    }

    #[test]
    fn a_symlink_is_followed_to_what_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mount = Mount::inspect(&link).unwrap();
        assert_eq!(Path::new(&mount.path), real.canonicalize().unwrap());
    }

    #[test]
    fn needs_mount_a_mount_of_its_own_is_recognised_also_read_only_and_full() {
        let dir = tempfile::tempdir().unwrap();
        let run = |command: &str, args: &[&str]| {
            let output = Command::new(command).args(args).arg(dir.path()).output();
            output.is_ok_and(|output| output.status.success())
        };
        if !run("mount", &["-t", "tmpfs", "-o", "size=64k", "tiny"]) {
            eprintln!("DID NOT RUN: this user may not mount a tmpfs");
            return;
        }
        let own = Mount::inspect(dir.path());
        let filled = fs::write(dir.path().join("filler"), vec![1; 128 * 1024]);
        let full = Mount::inspect(dir.path());
        let remounted = run("mount", &["-o", "remount,ro"]);
        let read_only = Mount::inspect(dir.path());
        assert!(run("umount", &[]));

        let own = own.unwrap();
        assert!(own.is_mount_point && own.in_memory && !own.read_only);
        assert_eq!((&*own.filesystem, &*own.source), ("tmpfs", "tiny"));
        assert_eq!(own.total_bytes, 64 * 1024);
        assert!(filled.is_err());
        assert_eq!(full.unwrap().trial, Trial::Full);
        assert!(remounted);
        let read_only = read_only.unwrap();
        assert!(read_only.read_only);
        assert_eq!(read_only.trial, Trial::ReadOnly);
    }
}
