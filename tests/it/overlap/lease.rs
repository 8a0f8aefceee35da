//! Who holds the index lease, by the kernel's own list of locks, looked at every few
//! milliseconds.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::peer::Peer;
use crate::command::eventually;

const LOOK: Duration = Duration::from_millis(3);
/// P6.
const TAKEN_WITHIN: Duration = Duration::from_secs(2);

/// Processes that hold the lease of an index in this directory.
pub fn holders(directory: &Path) -> BTreeSet<u32> {
    // The list is handed out page by page, so one that changes meanwhile may show the old holder
    // and the new one; it does not do so again and again.
    let mut seen = look(directory);
    for _ in 0..3 {
        if seen.len() < 2 {
            break;
        }
        let again = look(directory);
        if again.len() < seen.len() {
            seen = again;
        }
    }
    seen
}

fn look(directory: &Path) -> BTreeSet<u32> {
    let files: Vec<u64> = lease_files(directory)
        .iter()
        .filter_map(|path| Some(fs::metadata(path).ok()?.ino()))
        .collect();
    let locks = fs::read_to_string("/proc/locks").unwrap();
    locks
        .lines()
        .filter_map(|line| holder(line, &files))
        .collect()
}

/// One for each index that was ever in this directory.
fn lease_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_lease = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("indexer-") && name.ends_with(".lock")
    };
    entries.map(|entry| entry.path()).filter(is_lease).collect()
}

/// From a line like `3: FLOCK  ADVISORY  WRITE 27481 00:27:5464368 0 EOF`.
fn holder(line: &str, files: &[u64]) -> Option<u32> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, "WRITE", pid, file, ..] = words[..] else {
        return None;
    };
    let inode: u64 = file.rsplit(':').next()?.parse().ok()?;
    files.contains(&inode).then(|| pid.parse().ok())?
}

/// Watches that there is one holder at every instant, that it is ready, and how long there is
/// none.
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Seen>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    known: Mutex<HashMap<u32, Arc<Peer>>>,
    holder: Mutex<Option<u32>>,
}

/// What was seen.
#[derive(Default)]
pub struct Seen {
    pub holders: Vec<u32>,
    /// The longest time without a holder.
    pub longest: Duration,
    pub looks: usize,
}

impl Watch {
    pub fn over(directory: &Path) -> Self {
        let shared = Arc::new(Shared::default());
        let thread = thread::spawn({
            let (shared, directory) = (Arc::clone(&shared), directory.to_owned());
            move || watch(&directory, &shared)
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// From now on this process may be the holder, once it is ready.
    pub fn admit(&self, peer: &Arc<Peer>) {
        let mut known = self.shared.known.lock().unwrap();
        known.insert(peer.pid, Arc::clone(peer));
    }

    pub fn wait_held_by(&self, peer: &Peer) {
        eventually("the lease to be taken", || {
            let runs = self
                .thread
                .as_ref()
                .is_some_and(|thread| !thread.is_finished());
            assert!(runs, "the watch failed; see above");
            (*self.shared.holder.lock().unwrap() == Some(peer.pid)).then_some(())
        });
    }

    /// Waits until the process has the lease that another one had when it was told to go, or
    /// killed; answers how long after that it was at most.
    ///
    /// # Panics
    /// If that is longer than promised.
    pub fn wait_handed_to(&self, peer: &Peer, told: Instant) -> Duration {
        self.wait_held_by(peer);
        let after = told.elapsed();
        assert!(
            after < TAKEN_WITHIN,
            "the lease was taken only after {after:?}"
        );
        after
    }

    /// # Panics
    /// If what was seen breaks the promise.
    pub fn stop(mut self) -> Seen {
        self.shared.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().unwrap();
        thread.join().expect("the watch failed; see above")
    }
}

impl Drop for Watch {
    /// A test that fails ends its processes, and nobody has the lease then.
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

fn watch(directory: &Path, shared: &Shared) -> Seen {
    let mut seen = Seen::default();
    let mut without: Option<Instant> = None;
    while !shared.stop.load(Ordering::Relaxed) {
        let holders = holders(directory);
        assert!(holders.len() < 2, "the lease has holders {holders:?}");
        let holder = holders.first().copied();
        match holder {
            Some(pid) => {
                if let Some(since) = without.take() {
                    seen.longest = seen.longest.max(since.elapsed());
                }
                if seen.holders.last() != Some(&pid) {
                    assert_ready(pid, shared);
                    seen.holders.push(pid);
                }
            }
            None => {
                let since = *without.get_or_insert_with(Instant::now);
                assert!(
                    since.elapsed() < TAKEN_WITHIN,
                    "nobody has the lease for {:?}; the last one was {:?}",
                    since.elapsed(),
                    seen.holders.last()
                );
            }
        }
        *shared.holder.lock().unwrap() = holder;
        seen.looks += 1;
        thread::sleep(LOOK);
    }
    seen
}

/// A process that just took the lease must say of itself that it is ready.
fn assert_ready(pid: u32, shared: &Shared) {
    // It may have been quicker than the test that starts it.
    let peer = eventually("the holder to be introduced", || {
        shared.known.lock().unwrap().get(&pid).cloned()
    });
    let answer = ureq::get(format!("http://{}/health/ready", peer.address))
        .config()
        .http_status_as_error(false)
        .build()
        .call();
    match answer {
        Ok(answer) => assert_eq!(
            answer.status(),
            200,
            "process {pid} holds the lease and is not ready"
        ),
        Err(error) => assert!(peer.is_mortal(), "process {pid} does not answer: {error}"),
    }
}
