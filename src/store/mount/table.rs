//! The kernel's table of mounts, `/proc/self/mountinfo` (proc_pid_mountinfo(5)), and what it
//! says about one path and about being in a container. Pure functions over text.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The directory of the filesystem that is mounted.
    pub root: PathBuf,
    /// Where it is mounted.
    pub point: PathBuf,
    /// Options of this mount, `ro` or `rw` first.
    pub options: String,
    pub filesystem: String,
    /// What is mounted, in the filesystem's own words: a device, `server:/export`, `overlay`.
    pub source: String,
    /// Options of the filesystem, which may be read-only where the mount is not.
    pub super_options: String,
}

impl Row {
    pub fn read_only(&self) -> bool {
        let says_so = |options: &str| options.split(',').any(|option| option == "ro");
        says_so(&self.options) || says_so(&self.super_options)
    }

    /// Whether other hosts may use the filesystem at the same time, or it lives on one: locks
    /// and shared memory, which two releases rely on, cannot be trusted there.
    pub fn network(&self) -> bool {
        const NETWORK: &[&str] = &[
            "9p",
            "afs",
            "beegfs",
            "ceph",
            "cifs",
            "coda",
            "davfs",
            "gfs2",
            "glusterfs",
            "lustre",
            "ncpfs",
            "nfs",
            "nfs4",
            "ocfs2",
            "orangefs",
            "smb2",
            "smb3",
            "smbfs",
        ];
        const FUSE: &[&str] = &[
            "ceph",
            "cifs",
            "davfs",
            "glusterfs",
            "goofys",
            "juicefs",
            "moosefs",
            "rclone",
            "s3fs",
            "smbnetfs",
            "sshfs",
        ];
        match self.filesystem.strip_prefix("fuse.") {
            Some(driver) => FUSE.contains(&driver),
            None => NETWORK.contains(&self.filesystem.as_str()),
        }
    }

    /// Whether it is kept in memory only.
    pub fn volatile(&self) -> bool {
        matches!(self.filesystem.as_str(), "tmpfs" | "ramfs")
    }

    /// The directory on the host that Dokku mounts, by its name below the one for storage. The table
    /// tells the path within the filesystem, which begins anywhere on the host.
    pub fn host_directory(&self) -> Option<String> {
        let root = self.root.to_str()?;
        let (_, name) = root.split_once("dokku/data/storage/")?;
        (!name.is_empty()).then(|| format!("{HOST_STORAGE}/{name}"))
    }

    /// Whether it is a volume that an engine made up for one container and will not give to
    /// the next: its directory has 64 hexadecimal digits for a name.
    pub fn anonymous_volume(&self) -> bool {
        let mut names = self.root.iter().rev().filter_map(|name| name.to_str());
        names.next() == Some("_data")
            && names
                .next()
                .is_some_and(|name| name.len() == 64 && name.bytes().all(|c| c.is_ascii_hexdigit()))
    }
}

/// Where Dokku keeps directories for apps.
pub(super) const HOST_STORAGE: &str = "/var/lib/dokku/data/storage";

/// Reads the table; lines that are not as documented are passed over.
pub(super) fn parse(text: &[u8]) -> Vec<Row> {
    text.split(|byte| *byte == b'\n').filter_map(row).collect()
}

/// The mount that holds an absolute path without symlinks: the deepest mount point above it
/// and, of several on the same point, the one that was put there last.
pub(super) fn holding<'a>(rows: &'a [Row], path: &Path) -> Option<&'a Row> {
    rows.iter()
        .filter(|row| path.starts_with(&row.point))
        .max_by_key(|row| row.point.components().count())
}

/// What shows that this process runs in a container; empty if nothing does.
pub(super) fn container_signs(
    rows: &[Row],
    cgroup: &str,
    exists: impl Fn(&Path) -> bool,
) -> Vec<String> {
    let mut signs = Vec::new();
    for marker in ["/.dockerenv", "/run/.containerenv"] {
        if exists(Path::new(marker)) {
            signs.push(format!("{marker} exists"));
        }
    }
    let engines = ["docker", "containerd", "kubepods", "libpod", "lxc"];
    if let Some(engine) = engines.iter().find(|engine| {
        // `/system.slice/docker.service` is the engine itself, not a container of its.
        cgroup
            .lines()
            .filter(|line| !line.ends_with(".service"))
            .any(|line| line.contains(*engine))
    }) {
        signs.push(format!("the control group is one of {engine}"));
    }
    let mounted = |point: &str| rows.iter().any(|row| row.point == Path::new(point));
    if mounted("/etc/hostname") && mounted("/etc/hosts") {
        signs.push("/etc/hostname and /etc/hosts are mounts".to_owned());
    }
    let layered =
        |row: &Row| row.filesystem == "overlay" && row.super_options.contains("upperdir=");
    if holding(rows, Path::new("/")).is_some_and(|row| {
        layered(row)
            && ["docker", "containers", "containerd"]
                .iter()
                .any(|of| row.super_options.contains(of))
    }) {
        signs.push("the root is a layer of a container image".to_owned());
    }
    signs
}

fn row(line: &[u8]) -> Option<Row> {
    let mut fields = line.split(|byte| *byte == b' ').skip(3);
    let root = path(fields.next()?);
    let point = path(fields.next()?);
    let options = text(fields.next()?);
    // Any number of optional fields ends with a lone dash.
    fields.find(|field| *field == b"-")?;
    Some(Row {
        root,
        point,
        options,
        filesystem: text(fields.next()?),
        source: text(fields.next()?),
        super_options: text(fields.next()?),
    })
}

fn path(field: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(unescape(field)))
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(&unescape(field)).into_owned()
}

/// Blanks, line ends, backslashes and `#` are written as a backslash and three octal digits.
fn unescape(mut field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    while let Some((&first, rest)) = field.split_first() {
        field = rest;
        match rest {
            [
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                after @ ..,
            ] if first == b'\\' => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                field = after;
            }
            _ => bytes.push(first),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER: &[u8] = b"\
1234 998 0:56 / / rw,relatime master:412 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/AAA:/var/lib/docker/overlay2/l/BBB,upperdir=/var/lib/docker/overlay2/ccc/diff,workdir=/var/lib/docker/overlay2/ccc/work
1235 1234 0:59 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
1240 1234 253:1 /var/lib/dokku/data/storage/notes /storage rw,relatime - ext4 /dev/vda1 rw,discard,errors=remount-ro
1241 1234 253:1 /var/lib/docker/containers/9f/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda1 rw
1242 1234 253:1 /var/lib/docker/containers/9f/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw
1243 1234 253:1 /var/lib/docker/containers/9f/hosts /etc/hosts rw,relatime - ext4 /dev/vda1 rw
";

    const HOST: &[u8] = b"\
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/sda2 rw,errors=remount-ro
40 27 0:30 / /mnt/team\\040files rw,relatime shared:9 master:3 propagate_from:2 - nfs4 nas.example:/export/team\\040files rw,vers=4.2,addr=192.0.2.7
41 27 0:31 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw,size=1024k
42 27 8:17 / /srv rw,relatime - xfs /dev/sdb1 rw
43 27 8:33 / /srv rw,relatime - btrfs /dev/sdc1 ro,space_cache
44 27 0:44 / /home/ann/far rw - fuse.sshfs ann@host.example:/home rw
45 27 0:45 / /srv/back\\134slash rw - fuse.mergerfs a:b rw
not a line
";

    fn at<'a>(rows: &'a [Row], path: &str) -> &'a Row {
        holding(rows, Path::new(path)).unwrap()
    }

    #[test]
    fn a_bind_mount_in_a_container_is_told_from_the_layers_around_it() {
        let rows = parse(DOCKER);
        assert_eq!(rows.len(), 6);
        let storage = at(&rows, "/storage");
        assert_eq!(storage.point, Path::new("/storage"));
        assert_eq!(storage.root, Path::new("/var/lib/dokku/data/storage/notes"));
        let known = storage.host_directory();
        assert_eq!(known.as_deref(), Some("/var/lib/dokku/data/storage/notes"));
        // On a host whose /var is a filesystem of its own, and where there is no directory of Dokku's.
        let rooted = |root: &str| Row {
            root: root.into(),
            ..storage.clone()
        };
        let known = rooted("/lib/dokku/data/storage/app-data").host_directory();
        assert_eq!(
            known.as_deref(),
            Some("/var/lib/dokku/data/storage/app-data")
        );
        assert_eq!(rooted("/srv/notes").host_directory(), None);
        assert_eq!(
            (&*storage.filesystem, &*storage.source),
            ("ext4", "/dev/vda1")
        );
        assert!(!storage.network() && !storage.volatile() && !storage.read_only());
        assert_eq!(at(&rows, "/storage/blobs").point, Path::new("/storage"));
        // A longer name is not below a shorter one.
        assert_eq!(at(&rows, "/storage2").point, Path::new("/"));
        assert_eq!(at(&rows, "/app/storage").filesystem, "overlay");
    }

    #[test]
    fn of_several_mounts_on_one_point_the_last_counts() {
        let rows = parse(HOST);
        let srv = at(&rows, "/srv/data");
        assert_eq!(srv.filesystem, "btrfs");
        assert!(
            srv.read_only(),
            "the filesystem is, though the mount is not"
        );
    }

    #[test]
    fn names_are_unescaped_and_optional_fields_skipped() {
        let rows = parse(HOST);
        let team = at(&rows, "/mnt/team files/x");
        assert_eq!(team.point, Path::new("/mnt/team files"));
        assert_eq!(team.source, "nas.example:/export/team files");
        assert_eq!(at(&rows, "/srv/back\\slash").filesystem, "fuse.mergerfs");
        assert_eq!(unescape(b"a\\04"), b"a\\04");
        assert_eq!(unescape(b"\\\\040"), b"\\ ");
    }

    #[test]
    fn network_and_memory_are_recognised() {
        let rows = parse(HOST);
        assert!(at(&rows, "/mnt/team files").network());
        assert!(at(&rows, "/home/ann/far").network());
        assert!(!at(&rows, "/srv/back\\slash").network());
        assert!(at(&rows, "/tmp/x").volatile() && !at(&rows, "/").volatile());
    }

    #[test]
    fn a_volume_that_nobody_named_is_recognised() {
        let line = |name: &str| {
            format!("9 1 8:1 /var/lib/docker/volumes/{name}/_data /storage rw - ext4 /dev/sda1 rw")
        };
        assert!(parse(line(&"0a".repeat(32)).as_bytes())[0].anonymous_volume());
        assert!(!parse(line("notes-data").as_bytes())[0].anonymous_volume());
    }

    #[test]
    fn containers_show_themselves_and_hosts_do_not() {
        let (docker, host) = (parse(DOCKER), parse(HOST));
        let none = |_: &Path| false;
        assert_eq!(container_signs(&docker, "0::/\n", none).len(), 2);
        assert_eq!(
            container_signs(&host, "0::/system.slice/docker.service\n", none),
            Vec::<String>::new()
        );
        assert_eq!(
            container_signs(&host, "12:cpu:/docker/9f8e\n", none).len(),
            1
        );
        let podman = |path: &Path| path == Path::new("/run/.containerenv");
        assert_eq!(
            container_signs(&host, "0::/\n", podman),
            ["/run/.containerenv exists"]
        );
    }
}
