//! Bringing a large file to the disk while more of it arrives.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};

/// How much is written between two pushes towards the disk, in bytes. What is not on disk yet
/// never exceeds twice this, so the sync at the end is short and an upload of any size leaves
/// the machine's memory alone.
pub(super) const PUSH_BYTES: u64 = 32 * 1024 * 1024;

/// A thread that writes a large file back while more of it arrives.
///
/// The kernel reports a failed write-back once per open file, to whoever syncs first: what this
/// thread is told must reach the writer, or the sync at the end would answer that all is well.
pub(super) struct Pusher {
    requests: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Pusher {
    /// `failed` is run, on the thread itself, as soon as a push fails: even if whoever started it
    /// is gone by then.
    pub fn start(file: Arc<File>, failed: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        // Without room in the channel a push waits for the one before it, which bounds what is
        // not on disk yet.
        let (requests, pushes) = mpsc::sync_channel(0);
        let thread = thread::Builder::new()
            .name("write-back".into())
            .spawn(move || {
                let pushed = pushes.iter().try_for_each(|()| file.sync_data());
                pushed.inspect_err(|_| failed())
            })?;
        Ok(Self { requests, thread })
    }

    /// Begins a push once the one before it is done; fails if that one did.
    pub fn push(self) -> io::Result<Self> {
        match self.requests.send(()) {
            Ok(()) => Ok(self),
            Err(_) => Err(self.finish().err().unwrap_or_else(vanished)),
        }
    }

    /// Waits for the last push.
    pub fn finish(self) -> io::Result<()> {
        drop(self.requests);
        self.thread.join().unwrap_or_else(|_| Err(vanished()))
    }
}

fn vanished() -> io::Error {
    io::Error::other("the write-back thread ended without a result")
}
