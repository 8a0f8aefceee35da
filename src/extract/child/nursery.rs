//! The thread that starts the children of a pool, and lets idle ones go.
//!
//! The kernel kills a child when the thread ends that started it, whether it returned or its
//! process was killed. So one thread starts them all, and it lives as long as the pool: threads
//! that read come and go.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, Weak};
use std::thread::Builder;
use std::time::Duration;

use super::lock;
use super::process::Process;
use super::slots::Slots;

/// How often idle children are looked for.
const LOOK: Duration = Duration::from_secs(5);

type Request = SyncSender<io::Result<Process>>;

/// A handle on the thread, which is started with the first child.
pub struct Nursery {
    command: &'static [&'static str],
    requests: Mutex<Option<Sender<Request>>>,
}

impl Nursery {
    pub fn new(command: &'static [&'static str]) -> Self {
        Self {
            command,
            requests: Mutex::new(None),
        }
    }

    /// Starts a child.
    ///
    /// # Errors
    /// Why the system has none to give.
    pub fn start(&self, slots: &Weak<Slots>) -> io::Result<Process> {
        let (answer, child) = sync_channel(1);
        let mut requests = lock(&self.requests);
        let thread = match &*requests {
            Some(thread) => thread,
            None => requests.insert(begin(self.command, slots.clone())?),
        };
        let gone = |_| io::Error::other("the thread that starts children is gone");
        thread
            .send(answer)
            .map_err(|error| gone(error.to_string()))?;
        drop(requests);
        child.recv().map_err(|error| gone(error.to_string()))?
    }

    /// Ends the thread, and with it every child.
    pub fn close(&self) {
        lock(&self.requests).take();
    }
}

fn begin(command: &'static [&'static str], slots: Weak<Slots>) -> io::Result<Sender<Request>> {
    let (requests, received) = channel();
    Builder::new()
        .name("nursery".into())
        .spawn(move || run(command, &slots, &received))?;
    Ok(requests)
}

fn run(command: &[&str], slots: &Weak<Slots>, requests: &Receiver<Request>) {
    loop {
        match requests.recv_timeout(LOOK) {
            // Whoever asked may have given up; then the child ends here.
            Ok(answer) => drop(answer.send(Process::spawn(command))),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => match slots.upgrade() {
                Some(slots) => slots.let_idle_go(),
                None => return,
            },
        }
    }
}
