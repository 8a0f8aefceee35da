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

/// A thread that writes a large file back while more of it arrives. Each push carries a `T`, which
/// says what was there when it began. Dropped, it ends by itself after the push it is at.
///
/// The kernel reports a failed write-back once per open file, to whoever syncs first: what this
/// thread is told must reach the writer, or the sync at the end would answer that all is well.
pub(super) struct Pusher<T> {
    requests: SyncSender<T>,
    thread: JoinHandle<io::Result<()>>,
}

impl<T: Send + 'static> Pusher<T> {
    /// `done` is told of each push that went well, and `failed` of the first that did not: on the
    /// thread itself, also if whoever started it is gone by then.
    pub fn start(
        file: Arc<File>,
        done: impl Fn(T) -> io::Result<()> + Send + 'static,
        failed: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        // Without room in the channel a push waits for the one before it, which bounds what is
        // not on disk yet.
        let (requests, pushes) = mpsc::sync_channel::<T>(0);
        let thread = thread::Builder::new()
            .name("write-back".into())
            .spawn(move || {
                let pushed = pushes.iter().try_for_each(|what| {
                    file.sync_data()?;
                    done(what)
                });
                pushed.inspect_err(|_| failed())
            })?;
        Ok(Self { requests, thread })
    }

    /// Begins a push once the one before it is done; fails if that one did.
    pub fn push(self, what: T) -> io::Result<Self> {
        match self.requests.send(what) {
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
