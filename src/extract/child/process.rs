//! One child, as the server sees it: started, asked, explained when it ends.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Signal;

use super::Confinement;
use super::message::{Answer, Bounds, MOST_BYTES, Order, Received, Told, receive_answer, send};
use super::pool::Document;
use crate::extract::{Details, Extraction, MAX_TEXT_BYTES};

/// How often it is looked at whether to go on waiting.
const LOOK: Duration = Duration::from_millis(25);
/// A child is ready within milliseconds; a machine that swaps gets longer.
const START: Duration = Duration::from_secs(10);
/// A dead child's remains are there at once, unless it had much memory to give back.
const END: Duration = Duration::from_millis(500);

/// After so much a child makes room for a fresh one: what readers leave behind adds up.
const MOST_DOCUMENTS: u32 = 1_000;
const MOST_TIME: Duration = Duration::from_secs(60);
const MOST_RESIDENT_KIB: u64 = 128 << 10;
/// Documents quicker than this leave little behind, so the child's memory is looked at now and
/// then only.
const QUICK: Duration = Duration::from_millis(20);
const NOW_AND_THEN: u32 = 50;

/// A child that is there. Dropped, it is killed.
pub struct Process {
    child: Child,
    socket: OwnedFd,
    /// Where a runtime that cannot go on says why.
    stderr: File,
    buffer: Vec<u8>,
    documents: u32,
    busy: Duration,
    is_worn: bool,
}

/// How reading a document went.
pub enum Outcome {
    Read(Extraction),
    /// The disk did not give its bytes; the sentence says why.
    Unread(String),
    /// It cost the child.
    Lost(Loss, SoFar),
    /// It was not waited for any longer.
    GivenUp(SoFar),
}

/// What of a document came before its end.
#[derive(Default)]
pub struct SoFar {
    pub text: String,
    pub details: Details,
}

/// Why there is no end of a document.
pub enum Loss {
    Slow,
    Memory,
    Nesting,
    Panicked(String),
    /// Anything else.
    Died(String),
}

/// For the log: what a document made somebody say is quoted.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow => f.write_str("it took too long"),
            Self::Memory => f.write_str("it took too much memory"),
            Self::Nesting => f.write_str("it is nested too deeply"),
            Self::Panicked(said) => write!(f, "the reader panicked: {said:?}"),
            Self::Died(said) => write!(f, "the reader died: {said:?}"),
        }
    }
}

impl Loss {
    /// Whether another child, fresh and alone, may fare better. Time would be as short, and a
    /// panic is the reader's own.
    pub fn is_worth_another(&self) -> bool {
        !matches!(self, Self::Slow | Self::Panicked(_))
    }
}

impl Process {
    /// Starts this very program, by a name that holds even when a deploy has replaced its file, and
    /// away from the terminal's signals. The calling thread is what the child will not outlive.
    pub fn spawn(command: &[&str]) -> io::Result<Self> {
        let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
        let (socket, stdin) = socketpair(AddressFamily::UNIX, kind, flags, None)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(LOOK))?;
        set_socket_timeout(&socket, Timeout::Send, Some(START))?;
        // A child never waits for somebody to read what it says there.
        let (stderr, last_words) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let child = Command::new("/proc/self/exe")
            .arg0("wharfside")
            .args(command)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::null())
            .stderr(Stdio::from(last_words))
            .process_group(0)
            .spawn()?;
        Ok(Self {
            child,
            socket,
            stderr: stderr.into(),
            buffer: vec![0; MOST_BYTES],
            documents: 0,
            busy: Duration::ZERO,
            is_worn: false,
        })
    }

    /// Has it lock itself in.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn begin(&mut self, patience: Duration, memory: u64) -> io::Result<Confinement> {
        let bounds = Bounds {
            memory,
            cpu: (MOST_TIME + 2 * patience).as_secs(),
        };
        send(&self.socket, &Order::Begin(bounds), None)?;
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            match receive_answer(&self.socket, &mut self.buffer)? {
                Received::Message(Answer::Told(Told::Ready(confinement)), _) => {
                    return Ok(confinement);
                }
                Received::Nothing => {}
                Received::Message(..) => return Err(io::ErrorKind::InvalidData.into()),
                Received::End => {
                    let (status, words) = self.end();
                    return Err(io::Error::other(format!("{status}: {}", words.trim())));
                }
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Reads a document, as long as `patience` lasts and nobody gives up.
    pub fn read(
        &mut self,
        document: &Document<'_>,
        patience: Duration,
        give_up: impl Fn() -> bool,
    ) -> Outcome {
        let began = Instant::now();
        let order = Order::Read {
            name: document.name.to_owned(),
            size: document.size,
        };
        let mut so_far = SoFar::default();
        if send(&self.socket, &order, Some(document.file.as_fd())).is_err() {
            return Outcome::Lost(self.explain(), so_far);
        }
        let answer = loop {
            match receive_answer(&self.socket, &mut self.buffer) {
                Ok(Received::Message(Answer::Text(piece), _)) => {
                    if so_far.text.len() + piece.len() > MAX_TEXT_BYTES {
                        let loss = Loss::Died("it gave more text than there may be".into());
                        return Outcome::Lost(loss, so_far);
                    }
                    so_far.text.push_str(&piece);
                }
                Ok(Received::Message(Answer::Told(Told::Details(details)), _)) => {
                    so_far.details = details;
                }
                Ok(Received::Message(Answer::Told(answer), _)) => break answer,
                Ok(Received::Nothing) => {}
                Ok(Received::End) => return Outcome::Lost(self.explain(), so_far),
                Err(error) => return Outcome::Lost(Loss::Died(error.to_string()), so_far),
            }
            if began.elapsed() >= patience {
                return Outcome::Lost(Loss::Slow, so_far);
            }
            if give_up() {
                return Outcome::GivenUp(so_far);
            }
        };
        self.note(began.elapsed());
        match answer {
            Told::Ended {
                media_type,
                encoding,
                truncated,
                name_only,
                note,
            } => Outcome::Read(Extraction {
                media_type,
                encoding,
                text: so_far.text,
                truncated,
                name_only,
                note,
                details: so_far.details,
            }),
            Told::Unread(sentence) => Outcome::Unread(sentence),
            Told::Panicked(message) => Outcome::Lost(Loss::Panicked(message), so_far),
            Told::Ready(_) | Told::Details(_) => {
                Outcome::Lost(Loss::Died("it answered out of turn".into()), so_far)
            }
        }
    }

    /// Whether it has read enough for one child.
    pub fn is_worn(&self) -> bool {
        self.is_worn
    }

    fn note(&mut self, took: Duration) {
        self.documents += 1;
        self.busy += took;
        let is_time_to_look = took >= QUICK || self.documents.is_multiple_of(NOW_AND_THEN);
        self.is_worn = self.documents >= MOST_DOCUMENTS
            || self.busy >= MOST_TIME
            || (is_time_to_look && self.resident_kib() > MOST_RESIDENT_KIB);
    }

    /// What it holds in memory, as far as the kernel tells.
    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.map_or(0, |number| number.parse().unwrap_or(0))
    }

    fn explain(&mut self) -> Loss {
        let (status, words) = self.end();
        let signal = status.signal();
        if signal == Some(Signal::XCPU.as_raw()) {
            Loss::Slow
        } else if words.contains("memory allocation of") {
            Loss::Memory
        } else if signal == Some(Signal::SEGV.as_raw()) || words.contains("overflowed its stack") {
            // Without code that is not checked, only the end of the stack can be hit so; which of
            // the two it is depends on whose stack.
            Loss::Nesting
        } else {
            Loss::Died(format!("{status}; {}", words.trim()))
        }
    }

    /// How it ended, and its last words. One that only pretended to end is killed.
    fn end(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + END;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let status = self.kill();
        let mut words = Vec::new();
        // What was there is in `words`, whatever ended the reading of it.
        let _ = (&self.stderr).take(4096).read_to_end(&mut words);
        (status, String::from_utf8_lossy(&words).into_owned())
    }

    fn kill(&mut self) -> ExitStatus {
        // It may have ended already; then there is only its status to take.
        let _ = self.child.kill();
        self.child.wait().unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
