//! What the way in of a blob costs: `cargo bench --bench blobs [-- DIRECTORY]`.
//!
//! Each line is the median of interleaved rounds, with the slowest and the fastest beside it:
//! a disk that others use drifts more between rounds than the variants differ.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Instant;

use sha2::{Digest as _, Sha256};
use wharfside::store::blobs::Blobs;

const ROUNDS: usize = 5;
const SMALL: usize = 8 * 1024;
const CHUNK: usize = 256 * 1024;
const LARGE: usize = 512 * 1024 * 1024;

fn main() {
    // Cargo passes `--bench` along.
    let chosen = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let parent = chosen.map_or_else(|| PathBuf::from("."), PathBuf::from);
    let dir = tempfile::tempdir_in(parent).unwrap();
    small(dir.path(), 1, 500);
    small(dir.path(), 8, 4_000);
    large(dir.path());
}

/// Contents of 8 KiB, sealed by several threads at once.
fn small(dir: &Path, threads: usize, count: u64) {
    type Seal<'a> = Box<dyn Fn(&[u8]) + Sync + 'a>;
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (variant, rates) in rates.iter_mut().enumerate() {
            let root = tempfile::tempdir_in(dir).unwrap();
            let blobs = Blobs::open(root.path()).unwrap();
            let shared = SharedSync::new(root.path());
            let seal: Seal = match variant {
                0 => Box::new(|bytes| {
                    let mut stage = blobs.stage().unwrap();
                    stage.append(bytes).unwrap();
                    blobs.seal(stage, None).unwrap();
                }),
                1 => Box::new(|bytes| shared.seal(bytes, |file| file.sync_all().unwrap())),
                _ => Box::new(|bytes| shared.seal(bytes, |_| shared.sync())),
            };
            rates.push(run(threads, count, &seal));
        }
    }
    for (rates, name) in rates.iter_mut().zip([
        "each seal syncs for itself (Blobs::seal)",
        "files each, directories by one syncfs",
        "files and directories by one syncfs each",
    ]) {
        report(&format!("8 KiB, {threads} thread(s), {name}"), rates, "/s");
    }
}

fn run(threads: usize, count: u64, seal: &(dyn Fn(&[u8]) + Sync)) -> f64 {
    static SERIAL: AtomicU64 = AtomicU64::new(0);
    let left = AtomicU64::new(count);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut content = vec![0; SMALL];
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                    .is_ok()
                {
                    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
                    content[..8].copy_from_slice(&serial.to_le_bytes());
                    seal(&content);
                }
            });
        }
    });
    count as f64 / start.elapsed().as_secs_f64()
}

/// The road not taken: whoever comes first syncs the filesystem for all who came before it began.
struct SharedSync {
    root: PathBuf,
    handle: File,
    state: Mutex<Turns>,
    ended: Condvar,
}

#[derive(Default)]
struct Turns {
    begun: u64,
    done: u64,
    running: bool,
}

impl SharedSync {
    fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            handle: File::open(root).unwrap(),
            state: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    fn sync(&self) {
        let mut turns = self.state.lock().unwrap();
        let wanted = turns.begun + 1;
        while turns.done < wanted {
            if turns.running {
                turns = self.ended.wait(turns).unwrap();
                continue;
            }
            turns.running = true;
            turns.begun += 1;
            let mine = turns.begun;
            drop(turns);
            rustix::fs::syncfs(&self.handle).unwrap();
            turns = self.state.lock().unwrap();
            turns.running = false;
            turns.done = mine;
            self.ended.notify_all();
        }
    }

    fn seal(&self, bytes: &[u8], sync_file: impl Fn(&File)) {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let staged = self.root.join("staging").join(&name);
        let mut file = File::create_new(&staged).unwrap();
        file.lock().unwrap();
        file.write_all(bytes).unwrap();
        sync_file(&file);
        let shelf = self.root.join("blobs").join(&name[..2]).join(&name[2..4]);
        fs::create_dir_all(&shelf).unwrap();
        fs::rename(&staged, shelf.join(&name)).unwrap();
        self.sync();
    }
}

/// One large content, against the same bytes written and synced without a digest or a name,
/// and against the digest alone.
fn large(dir: &Path) {
    let mut rates = [const { Vec::new() }; 3];
    let chunk = vec![0xA5; CHUNK];
    let mib = (LARGE / (1024 * 1024)) as f64;
    for _ in 0..ROUNDS {
        for (variant, rates) in rates.iter_mut().enumerate() {
            let root = tempfile::tempdir_in(dir).unwrap();
            let blobs = Blobs::open(root.path()).unwrap();
            let start = Instant::now();
            match variant {
                0 => {
                    let mut stage = blobs.stage().unwrap();
                    for _ in 0..LARGE / CHUNK {
                        stage.append(&chunk).unwrap();
                    }
                    blobs.seal(stage, None).unwrap();
                }
                1 => {
                    let mut file = File::create_new(root.path().join("plain")).unwrap();
                    for _ in 0..LARGE / CHUNK {
                        file.write_all(&chunk).unwrap();
                    }
                    file.sync_all().unwrap();
                }
                _ => {
                    let mut hasher = Sha256::new();
                    for _ in 0..LARGE / CHUNK {
                        hasher.update(&chunk);
                    }
                    std::hint::black_box(hasher.finalize());
                }
            }
            rates.push(mib / start.elapsed().as_secs_f64());
        }
    }
    for (rates, name) in
        rates
            .iter_mut()
            .zip(["Blobs::seal", "write and fsync alone", "digest alone"])
    {
        report(&format!("512 MiB, {name}"), rates, " MiB/s");
    }
}

fn report(what: &str, rates: &mut [f64], unit: &str) {
    rates.sort_by(f64::total_cmp);
    let (slowest, fastest) = (rates[0], rates[rates.len() - 1]);
    let median = rates[rates.len() / 2];
    println!("{what:<62} {median:>8.0}{unit}  ({slowest:.0} to {fastest:.0})");
}
