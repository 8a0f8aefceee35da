//! A full disk, on a real small filesystem. Mounting one needs root; without it these tests
//! say so and check nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::app::{Directory, TestApp};
use crate::command::eventually;

/// A tmpfs of `mebibytes`, unmounted on drop.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    pub fn mount(mebibytes: u32) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(directory.path())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(directory));
        }
        eprintln!("NOT RUN: mounting a small filesystem is not permitted here");
        None
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn needs_mount_a_full_disk_in_the_middle_of_an_upload() {
    let Some(disk) = SmallDisk::mount(24) else {
        return;
    };
    let mut app = TestApp::on(Directory::given(disk.path()), &[]);
    let kept = app.put("kept.txt", b"hawser");
    app.wait_indexed();
    let answer = app.put_with("too-big.bin", &[], &vec![7; 40 << 20]);
    let sentence = answer.problem(507);
    assert!(
        sentence.contains("space") || sentence.contains("full"),
        "{sentence}"
    );
    eventually("staging to be empty", || {
        (crate::uploads::staged(&app) == 0).then_some(())
    });
    app.assert_absent("too-big.bin", "too");
    let after = app.put("after.txt", b"lanyard");
    app.assert_keeps(&kept, b"hawser", "hawser");
    app.assert_keeps(&after, b"lanyard", "lanyard");
    app.kill9();
    app.start_again();
    app.assert_keeps(&after, b"lanyard", "lanyard");
    app.assert_sound();
}

#[test]
fn needs_mount_a_full_disk_in_the_middle_of_a_commit() {
    let Some(disk) = SmallDisk::mount(24) else {
        return;
    };
    let mut app = TestApp::on(Directory::given(disk.path()), &[]);
    let kept = app.put("kept.txt", b"hawser");
    app.wait_indexed();
    // Somebody else fills the disk to the last byte: contents that are known still need no
    // space, so only the catalog's own commit can fail.
    let ballast = disk.path().join(".ballast");
    fill(&ballast);
    let mut refused = 0;
    for n in 0..200 {
        let answer = app.put_with(&format!("more/{n}.txt"), &[], b"hawser");
        match answer.status {
            201 => {}
            507 => refused += 1,
            other => panic!("{other}: {}", answer.text()),
        }
        if refused == 3 {
            break;
        }
    }
    assert!(refused > 0, "200 commits fitted on a full disk");
    assert_eq!(app.get("kept.txt").body, b"hawser");
    fs::remove_file(&ballast).unwrap();
    let after = eventually("uploads to work again", || {
        let answer = app.put_with("after.txt", &[], b"lanyard");
        matches!(answer.status, 200 | 201).then(|| answer.receipt())
    });
    app.assert_keeps(&kept, b"hawser", "hawser");
    app.assert_keeps(&after, b"lanyard", "lanyard");
    app.kill9();
    app.start_again();
    app.assert_keeps(&after, b"lanyard", "lanyard");
    app.assert_sound();
}

#[test]
fn needs_mount_p7_no_space_at_the_start_is_told() {
    let Some(disk) = SmallDisk::mount(1) else {
        return;
    };
    fill(&disk.path().join(".ballast"));
    let app = TestApp::begin(Directory::given(disk.path()), &[]);
    eventually("the reason", || {
        let answer = app.fetch("/health/ready");
        assert_eq!(answer.status, 503);
        let reason = answer.json()["reason"].as_str()?.to_owned();
        reason.contains("full").then_some(())
    });
    fs::remove_file(disk.path().join(".ballast")).unwrap();
}

/// Writes until nothing more fits.
pub fn fill(path: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    for size in [1 << 20, 4096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}
