//! P1, P2: the power goes the moment an answer has arrived.
//!
//! The storage directory is an ext4 in a file. A copy of that file, taken while the process
//! stands still, is what the disk would hold after a power cut: all that was written back, and
//! nothing that is only in the page cache of the filesystem on it. So an fsync that is missing
//! is a loss here, as it would be in life. Mounting needs root; without it these tests say so and
//! check nothing.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use rustix::process::Signal;
use tempfile::TempDir;
use wharfside::library::Receipt;

use crate::app::{Directory, TestApp, file};

const MEBIBYTES: u64 = 128;

/// An ext4 in a file of its own, mounted; unmounted on drop.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn make() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let image = folder.path().join("image");
        File::create(&image)
            .and_then(|file| file.set_len(MEBIBYTES << 20))
            .unwrap();
        let made = Command::new("mkfs.ext4")
            .args(["-q", "-F"])
            .arg(&image)
            .status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("NOT RUN: mkfs.ext4 is missing here");
            return None;
        }
        Self { folder }.mount()
    }

    /// Nothing reaches the image by the mere passing of time: within a test's life only what
    /// somebody syncs does.
    fn mount(self) -> Option<Self> {
        fs::create_dir(self.path()).unwrap();
        let mounted = Command::new("mount")
            .args(["-o", "loop,commit=600"])
            .args([self.image(), self.path()])
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(self);
        }
        eprintln!("NOT RUN: mounting an image of a disk is not permitted here");
        None
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// What is left of the disk when the power goes now. The process must stand still, or the
    /// copy is of no one moment.
    fn after_a_power_cut(&self) -> Self {
        let folder = TempDir::new().unwrap();
        fs::copy(self.image(), folder.path().join("image")).unwrap();
        Self { folder }.mount().expect("mounted before")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// A stored file: its receipt, its bytes and a word of its own.
struct Stored {
    receipt: Receipt,
    bytes: Vec<u8>,
    word: String,
}

fn store(app: &TestApp, path: &str, word: &str, filler: usize) -> Stored {
    let bytes = format!("{word} {}", "ballast ".repeat(filler)).into_bytes();
    Stored {
        receipt: app.put(path, &bytes),
        bytes,
        word: word.to_owned(),
    }
}

/// Half an upload, whose connection must stay open for as long as it is to be unfinished.
fn begin(app: &TestApp, path: &str) -> std::net::TcpStream {
    let mut connection = app.connect();
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n",
        file(path)
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(&vec![b'h'; 1_000_000]).unwrap();
    connection
}

fn cut(app: &mut TestApp, disk: &Disk) -> Disk {
    app.process().signal(Signal::STOP);
    let left = disk.after_a_power_cut();
    app.process().signal(Signal::CONT);
    left
}

fn assert_kept(left: &Disk, stored: &[Stored], unfinished: &str) {
    let mut app = TestApp::on(Directory::given(&left.path()), &[("GIT_REV", "after")]);
    for one in stored {
        app.assert_keeps(&one.receipt, &one.bytes, &one.word);
    }
    app.assert_absent(unfinished, "halfway");
    app.assert_sound();
    app.restart("again");
    let persistence = app.persistence();
    assert_eq!(persistence["repairs"], serde_json::json!([]));
    app.assert_sound();
}

#[test]
fn needs_mount_p1_p2_a_power_cut_right_after_an_answer() {
    let Some(disk) = Disk::make() else { return };
    let mut app = TestApp::on(Directory::given(&disk.path()), &[]);
    let _halfway = begin(&app, "halfway.txt");

    // The first file of a new directory: every folder above it is new, too.
    let mut stored = vec![store(&app, "first.txt", "anchor", 0)];
    assert_kept(&cut(&mut app, &disk), &stored, "halfway.txt");

    // Small ones share their sync with each other, a large one brings its own.
    let together = thread::scope(|scope| {
        let running: Vec<_> = (0..8)
            .map(|n| {
                let app = &app;
                let filler = if n == 0 { 100_000 } else { 500 };
                scope.spawn(move || {
                    store(
                        app,
                        &format!("together/{n}.txt"),
                        &format!("buoy{n}"),
                        filler,
                    )
                })
            })
            .collect();
        let ended = running.into_iter().map(|thread| thread.join().unwrap());
        ended.collect::<Vec<_>>()
    });
    stored.extend(together);
    assert_kept(&cut(&mut app, &disk), &stored, "halfway.txt");

    // A content that is there already, under another name.
    let bytes = stored[0].bytes.clone();
    stored.push(Stored {
        receipt: app.put("again.txt", &bytes),
        bytes,
        word: "anchor".to_owned(),
    });
    assert_kept(&cut(&mut app, &disk), &stored, "halfway.txt");
    assert_eq!(app.stop(), Some(0));
}
