//! What is wrong with a storage directory: one sentence each, and the commands that mend it.

use serde::{Deserialize, Serialize};

use super::table::HOST_STORAGE;
use super::{Mount, Presence, Trial};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Data cannot be kept here, or will be lost.
    Error,
    /// It works, but not as it should or not for long.
    Warning,
}

/// Something that an operator should mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    pub severity: Severity,
    pub sentence: String,
    /// Shell commands, one a line, that mend it; those for Dokku run on its host.
    pub remedy: Option<String>,
}

/// Less free space than this is worth a warning, in bytes.
const LITTLE_SPACE: u64 = 256 * 1024 * 1024;
/// Fewer free inodes than this are worth a warning.
const FEW_INODES: u64 = 1_000;

impl Mount {
    /// Everything that is wrong, worst first. In the commands, `APP` stands for the name of the
    /// Dokku app, which a container is not told.
    pub fn findings(&self) -> Vec<Finding> {
        let advice = Advice { mount: self };
        if let Some(finding) = advice.unusable() {
            // The rest follows from it, or cannot be known.
            return vec![finding];
        }
        let mut findings: Vec<_> = [
            advice.vanishing(),
            advice.memory(),
            advice.network(),
            advice.owner(),
            advice.exposure(),
            advice.space(),
            advice.inodes(),
        ]
        .into_iter()
        .flatten()
        .collect();
        findings.sort_by_key(|finding| finding.severity == Severity::Warning);
        findings
    }

    /// Why nothing can be kept here at all; `None` if the directory can be used.
    pub fn unusable(&self) -> Option<Finding> {
        Advice { mount: self }.unusable()
    }

    /// Why everything will be gone at the next deploy, if it will.
    pub fn vanishing(&self) -> Option<Finding> {
        Advice { mount: self }.vanishing()
    }

    /// Whether the next deploy surely throws away what is stored. The marker file of an engine alone does
    /// not prove that: a virtual machine whose disk was made of an image has it, too.
    pub fn is_thrown_away(&self) -> bool {
        let mut signs = self.container_signs.iter();
        self.vanishing().is_some() && signs.any(|sign| !sign.ends_with(" exists"))
    }

    /// The directory as commands on the host name it.
    fn on_the_host(&self) -> String {
        match &self.host_directory {
            Some(directory) => quoted(directory),
            None => format!("{HOST_STORAGE}/APP"),
        }
    }

    /// The command that makes everything in the directory ours.
    pub(super) fn give_to_us(&self) -> String {
        let Self { path, uid, gid, .. } = self;
        if self.in_container {
            format!(
                "chown -R {uid}:{gid} {}\ndokku ps:restart APP",
                self.on_the_host()
            )
        } else {
            format!("chown -R {uid}:{gid} {}", quoted(path))
        }
    }
}

struct Advice<'a> {
    mount: &'a Mount,
}

impl Advice<'_> {
    fn unusable(&self) -> Option<Finding> {
        let path = &self.mount.path;
        match (&self.mount.presence, &self.mount.trial) {
            (Presence::ParentMissing, _) => Some(error(
                format!(
                    "The storage directory {path} does not exist, nor does the directory above it."
                ),
                self.provide(),
            )),
            (Presence::Missing, _) => Some(error(
                format!("The storage directory {path} does not exist."),
                self.provide(),
            )),
            (Presence::NotADirectory, _) => Some(error(
                format!(
                    "{path} is a file, where the storage directory should be; move it away or set STORAGE_DIR to a directory."
                ),
                Some(format!("mv {0} {0}.moved", quoted(path))),
            )),
            (Presence::Directory, Trial::ReadOnly) => Some(error(
                format!(
                    "The storage directory {path} is mounted read-only, so nothing can be kept in it; mount it writable."
                ),
                match self.mount.in_container {
                    true => Some("dokku storage:report APP\ndokku ps:restart APP".to_owned()),
                    false => Some(format!(
                        "mount -o remount,rw {}",
                        quoted(&self.mount.mounted_at)
                    )),
                },
            )),
            (Presence::Directory, Trial::Denied) => Some(error(
                format!(
                    "The storage directory {path} belongs to {}:{} (mode {:04o}) and cannot be written by this process, which runs as {}:{}.",
                    self.mount.owner_uid,
                    self.mount.owner_gid,
                    self.mount.mode,
                    self.mount.uid,
                    self.mount.gid
                ),
                Some(self.mount.give_to_us()),
            )),
            (Presence::Directory, Trial::Full) => Some(error(
                match self.mount.total_inodes > 0 && self.mount.free_inodes == 0 {
                    true => format!(
                        "The filesystem of the storage directory {path} has no inodes left, so no file can be created in it; remove files that are not needed."
                    ),
                    false => format!(
                        "The filesystem of the storage directory {path} is full; free some space or enlarge it."
                    ),
                },
                Some(self.look_for_space()),
            )),
            (Presence::Directory, Trial::Failed(why)) => Some(error(
                format!("A file could not be written to the storage directory {path}: {why}."),
                None,
            )),
            (Presence::Directory, Trial::Written) => None,
        }
    }

    fn vanishing(&self) -> Option<Finding> {
        let path = &self.mount.path;
        if !self.mount.in_container {
            return None;
        }
        if self.mount.mounted_at == "/" {
            return Some(error(
                format!(
                    "The storage directory {path} is inside this container and no mount of its own: everything in it will be gone at the next deploy."
                ),
                self.provide(),
            ));
        }
        self.mount.anonymous_volume.then(|| error(
            format!("The storage directory {path} is an unnamed volume that was made for this container: the next deploy gets an empty one."),
            self.provide(),
        ))
    }

    fn memory(&self) -> Option<Finding> {
        let path = &self.mount.path;
        self.mount.in_memory.then(|| error(
            format!("The storage directory {path} is kept in memory ({}): everything in it will be gone when the machine or the container stops.", self.mount.filesystem),
            self.mount.in_container.then(|| self.provide()).flatten(),
        ))
    }

    fn network(&self) -> Option<Finding> {
        let Mount {
            path, filesystem, ..
        } = self.mount;
        self.mount.network.then(|| warning(
            format!("The storage directory {path} is on a network filesystem ({filesystem}), where locks and shared memory cannot be relied on; use a local disk, or switch overlapping deploys off."),
            self.mount.in_container.then(|| "dokku checks:disable APP".to_owned()),
        ))
    }

    fn owner(&self) -> Option<Finding> {
        let Mount {
            path,
            owner_uid,
            uid,
            ..
        } = self.mount;
        (owner_uid != uid).then(|| warning(
            format!("The storage directory {path} belongs to user {owner_uid}, but this process runs as user {uid}: files that one of them makes may be closed to the other; run everything as one user."),
            Some(match uid {
                // Root can write anywhere: it is the guest here, and what it makes stays its own.
                0 => format!(
                    "setpriv --reuid={owner_uid} --regid={} --clear-groups wharfside check",
                    self.mount.owner_gid
                ),
                _ => self.mount.give_to_us(),
            }),
        ))
    }

    fn exposure(&self) -> Option<Finding> {
        let Mount { path, mode, .. } = self.mount;
        let first = self.mount.exposed.first()?;
        let sentence = format!(
            "The storage directory {path} (mode {mode:04o}) lets other users of this machine read what is in it, such as {first}; each start closes it to them if it can."
        );
        let place = match self.mount.in_container {
            true => self.mount.on_the_host(),
            false => quoted(path),
        };
        Some(warning(sentence, Some(format!("chmod go-rwx {place}"))))
    }

    fn space(&self) -> Option<Finding> {
        let free = self.mount.free_bytes;
        (free < LITTLE_SPACE).then(|| {
            warning(
                format!(
                    "The filesystem of the storage directory {} has only {} MiB left.",
                    self.mount.path,
                    free / (1024 * 1024)
                ),
                Some(self.look_for_space()),
            )
        })
    }

    fn inodes(&self) -> Option<Finding> {
        // Filesystems that make inodes as they need them report none at all.
        let few = self.mount.total_inodes > 0 && self.mount.free_inodes < FEW_INODES;
        few.then(|| warning(
            format!(
                "The filesystem of the storage directory {} has only {} inodes left: so many files can still be created.",
                self.mount.path, self.mount.free_inodes
            ),
            Some(self.look_for_space()),
        ))
    }

    /// How to get a directory that stays.
    fn provide(&self) -> Option<String> {
        let Mount { path, .. } = self.mount;
        Some(if self.mount.in_container {
            let uid = self.mount.uid;
            format!(
                "dokku storage:ensure-directory APP\n\
                 dokku storage:mount APP {HOST_STORAGE}/APP:{path}\n\
                 dokku ps:restart APP\n\
                 # or, where dokku storage:create exists:\n\
                 dokku storage:create APP-data --chown {uid}\n\
                 dokku storage:mount APP APP-data --container-dir {path}\n\
                 dokku ps:restart APP"
            )
        } else {
            format!("mkdir -p {}", quoted(path))
        })
    }

    fn look_for_space(&self) -> String {
        match self.mount.in_container {
            true => format!("df -h -i {0}\ndf -h {0}", self.mount.on_the_host()),
            false => format!("df -h -i {0}\ndf -h {0}", quoted(&self.mount.path)),
        }
    }
}

fn error(sentence: String, remedy: Option<String>) -> Finding {
    Finding {
        severity: Severity::Error,
        sentence,
        remedy,
    }
}

fn warning(sentence: String, remedy: Option<String>) -> Finding {
    Finding {
        severity: Severity::Warning,
        sentence,
        remedy,
    }
}

/// A path as one word of a shell command.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    match path.chars().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bind mount in a container, with nothing wrong.
    fn good() -> Mount {
        Mount {
            path: "/storage".into(),
            presence: Presence::Directory,
            writable: true,
            trial: Trial::Written,
            is_mount_point: true,
            mounted_at: "/storage".into(),
            filesystem: "ext4".into(),
            source: "/dev/vda1".into(),
            options: "rw,relatime".into(),
            read_only: false,
            network: false,
            in_memory: false,
            anonymous_volume: false,
            owner_uid: 32767,
            owner_gid: 32767,
            mode: 0o755,
            exposed: Vec::new(),
            uid: 32767,
            gid: 32767,
            total_bytes: 50 << 30,
            free_bytes: 20 << 30,
            total_inodes: 3_000_000,
            free_inodes: 2_000_000,
            in_container: true,
            container_signs: vec!["/.dockerenv exists".into()],
            host_directory: None,
        }
    }

    fn bare() -> Mount {
        Mount {
            is_mount_point: false,
            mounted_at: "/".into(),
            in_container: false,
            container_signs: Vec::new(),
            ..good()
        }
    }

    #[track_caller]
    fn only(mount: &Mount, severity: Severity, says: &str, mends: &str) {
        let findings = mount.findings();
        let [finding] = &findings[..] else {
            panic!("one finding expected: {findings:#?}")
        };
        assert_eq!(finding.severity, severity);
        assert!(finding.sentence.contains(says), "{}", finding.sentence);
        let remedy = finding.remedy.as_deref().unwrap_or_default();
        assert!(remedy.contains(mends), "{remedy}");
    }

    #[test]
    fn a_bind_mount_and_a_plain_directory_outside_a_container_are_fine() {
        assert_eq!(good().findings(), []);
        assert_eq!(bare().findings(), []);
    }

    #[test]
    fn a_marker_file_alone_proves_no_container() {
        let inside = Mount {
            mounted_at: "/".into(),
            ..good()
        };
        assert!(inside.vanishing().is_some() && !inside.is_thrown_away());
        let layered = Mount {
            container_signs: vec!["the root is a layer of a container image".into()],
            ..inside
        };
        assert!(layered.is_thrown_away());
        let mounted = Mount {
            mounted_at: "/storage".into(),
            ..layered
        };
        assert!(!mounted.is_thrown_away());
    }

    #[test]
    fn remedies_name_the_directory_that_is_mounted() {
        let mounted = Mount {
            host_directory: Some("/var/lib/dokku/data/storage/app-data".into()),
            owner_uid: 0,
            ..good()
        };
        let mends = "chown -R 32767:32767 /var/lib/dokku/data/storage/app-data\n";
        only(&mounted, Severity::Warning, "belongs to user 0", mends);
    }

    #[test]
    fn a_container_without_a_mount_is_told_that_it_will_lose_everything() {
        let mount = Mount {
            in_container: true,
            container_signs: good().container_signs,
            ..bare()
        };
        only(
            &mount,
            Severity::Error,
            "gone at the next deploy",
            "dokku storage:mount APP /var/lib/dokku/data/storage/APP:/storage",
        );
        assert!(mount.unusable().is_none(), "it can run all the same");
        let anonymous = Mount {
            anonymous_volume: true,
            ..good()
        };
        only(
            &anonymous,
            Severity::Error,
            "unnamed volume",
            "dokku storage:create APP-data --chown 32767",
        );
    }

    #[test]
    fn what_others_can_read_is_named_with_the_command_that_closes_it() {
        let exposed = vec!["catalog.sqlite".to_owned()];
        let mount = Mount {
            exposed: exposed.clone(),
            ..good()
        };
        let mends = "chmod go-rwx /var/lib/dokku/data/storage/APP";
        only(&mount, Severity::Warning, "catalog.sqlite", mends);
        let mount = Mount { exposed, ..bare() };
        only(
            &mount,
            Severity::Warning,
            "mode 0755",
            "chmod go-rwx /storage",
        );
    }

    #[test]
    fn a_directory_below_a_mount_is_as_lasting_as_the_mount() {
        let mount = Mount {
            path: "/storage/notes".into(),
            is_mount_point: false,
            ..good()
        };
        assert_eq!(mount.findings(), []);
    }

    #[test]
    fn what_makes_it_unusable_is_the_only_finding() {
        let with = |presence, trial| Mount {
            presence,
            trial,
            network: true,
            owner_uid: 0,
            owner_gid: 0,
            ..good()
        };
        let cases = [
            (
                Presence::Missing,
                Trial::Written,
                "does not exist",
                "dokku storage:ensure-directory APP",
            ),
            (
                Presence::ParentMissing,
                Trial::Written,
                "nor does the directory above",
                "dokku storage:ensure-directory",
            ),
            (
                Presence::NotADirectory,
                Trial::Written,
                "is a file",
                "mv /storage /storage.moved",
            ),
            (
                Presence::Directory,
                Trial::ReadOnly,
                "read-only",
                "dokku storage:report APP",
            ),
            (
                Presence::Directory,
                Trial::Denied,
                "belongs to 0:0 (mode 0755)",
                "chown -R 32767:32767 /var/lib/dokku/data/storage/APP\ndokku ps:restart APP",
            ),
            (Presence::Directory, Trial::Full, "is full", "df -h"),
        ];
        for (presence, trial, says, mends) in cases {
            only(&with(presence, trial), Severity::Error, says, mends);
        }
        let mount = Mount {
            free_inodes: 0,
            ..with(Presence::Directory, Trial::Full)
        };
        only(&mount, Severity::Error, "no inodes left", "df -h -i");
    }

    #[test]
    fn what_works_but_should_be_mended_is_a_warning() {
        only(
            &Mount {
                network: true,
                filesystem: "nfs4".into(),
                ..bare()
            },
            Severity::Warning,
            "network filesystem (nfs4)",
            "",
        );
        only(
            &Mount {
                uid: 1000,
                gid: 1000,
                path: "/srv/my files".into(),
                ..bare()
            },
            Severity::Warning,
            "belongs to user 32767",
            "chown -R 1000:1000 '/srv/my files'",
        );
        only(
            &Mount {
                uid: 0,
                gid: 0,
                ..bare()
            },
            Severity::Warning,
            "runs as user 0",
            "setpriv --reuid=32767 --regid=32767",
        );
        only(
            &Mount {
                free_bytes: 5 << 20,
                ..good()
            },
            Severity::Warning,
            "5 MiB",
            "df -h",
        );
        only(
            &Mount {
                free_inodes: 12,
                ..good()
            },
            Severity::Warning,
            "12 inodes",
            "df -h -i",
        );
        let uncounted = Mount {
            free_inodes: 0,
            total_inodes: 0,
            ..good()
        };
        assert_eq!(uncounted.findings(), []);
        only(
            &Mount {
                in_memory: true,
                filesystem: "tmpfs".into(),
                ..bare()
            },
            Severity::Error,
            "in memory (tmpfs)",
            "",
        );
    }
}
