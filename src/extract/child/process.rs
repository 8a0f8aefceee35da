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
use crate::extract::preview::{Formatting, MAX_HTML_BYTES, is_inert};
use crate::extract::thumbnail::Wish;
use crate::extract::{Details, Extraction, MAX_TEXT_BYTES, Picture};

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

/// How it went with a document; `S` is what came of it before its end.
pub enum Outcome<T, S> {
    Done(T),
    /// The disk did not give its bytes; the sentence says why.
    Unread(String),
    /// It cost the child.
    Lost(Loss, S),
    /// It was not waited for any longer.
    GivenUp(S),
}

/// Why there is no last answer.
enum Broken {
    Lost(Loss),
    GivenUp,
}

/// What of a document came before its end.
#[derive(Default)]
pub struct SoFar {
    pub text: String,
    pub details: Details,
}

impl SoFar {
    /// Takes what comes next; answers what ends the document.
    pub fn take(&mut self, answer: Answer) -> Result<Option<Told>, Loss> {
        match answer {
            Answer::Text(piece) if self.text.len() + piece.len() > MAX_TEXT_BYTES => {
                Err(too_much("text"))
            }
            Answer::Text(piece) => {
                self.text.push_str(&piece);
                Ok(None)
            }
            Answer::Told(Told::Details(details)) => {
                self.details = details;
                Ok(None)
            }
            Answer::Bytes(_) => Err(out_of_turn()),
            Answer::Told(last) => Ok(Some(last)),
        }
    }
}

/// Takes what comes next of a picture that has `most` bytes; answers what ends it.
pub fn take_picture(
    bytes: &mut Vec<u8>,
    most: usize,
    answer: Answer,
) -> Result<Option<Told>, Loss> {
    match answer {
        Answer::Bytes(piece) if bytes.len() + piece.len() > most => Err(too_much("of a picture")),
        Answer::Bytes(piece) => {
            bytes.extend(piece);
            Ok(None)
        }
        Answer::Text(_) => Err(out_of_turn()),
        Answer::Told(last) => Ok(Some(last)),
    }
}

/// Takes what comes next of a formatted text; answers what ends it.
pub fn take_html(html: &mut String, answer: Answer) -> Result<Option<Told>, Loss> {
    match answer {
        Answer::Text(piece) if html.len() + piece.len() > MAX_HTML_BYTES => {
            Err(too_much("of a formatted text"))
        }
        Answer::Text(piece) => {
            html.push_str(&piece);
            Ok(None)
        }
        Answer::Bytes(_) => Err(out_of_turn()),
        Answer::Told(last) => Ok(Some(last)),
    }
}

/// Why there is no end of a document.
pub enum Loss {
    Slow,
    Memory,
    Nesting,
    Panicked(String),
    /// By somebody else: the kernel, say, when the machine has no memory left.
    Killed,
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
            Self::Killed => f.write_str("the reader was killed"),
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
                    let (status, words, _) = self.end();
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
        give_up: &dyn Fn() -> bool,
    ) -> Outcome<Extraction, SoFar> {
        let order = Order::Read {
            name: document.name.to_owned(),
            size: document.size,
        };
        let mut so_far = SoFar::default();
        let answer = self.ask(&order, document.file, patience, give_up, |answer| {
            so_far.take(answer)
        });
        match answer {
            Ok(Told::Ended {
                media_type,
                encoding,
                truncated,
                name_only,
                note,
                scans,
            }) => Outcome::Done(Extraction {
                media_type,
                encoding,
                text: so_far.text,
                truncated,
                name_only,
                note,
                details: so_far.details,
                scans,
                lost: None,
            }),
            Ok(other) => ended(other, so_far),
            Err(Broken::Lost(loss)) => Outcome::Lost(loss, so_far),
            Err(Broken::GivenUp) => Outcome::GivenUp(so_far),
        }
    }

    /// Has a picture of a document made, as long as `patience` lasts and nobody gives up; answers
    /// why there is none if there cannot be one.
    pub fn draw(
        &mut self,
        document: &Document<'_>,
        wish: Wish,
        patience: Duration,
        give_up: &dyn Fn() -> bool,
    ) -> Outcome<Result<Picture, String>, ()> {
        let order = Order::Draw {
            media_type: document.media_type.to_owned(),
            size: document.size,
            wish,
        };
        let mut bytes = Vec::new();
        let answer = self.ask(&order, document.file, patience, give_up, |answer| {
            take_picture(&mut bytes, wish.most_bytes(), answer)
        });
        match answer {
            Ok(Told::Drawn(coding)) => Outcome::Done(Ok(Picture { coding, bytes })),
            Ok(Told::Undrawn(why)) => Outcome::Done(Err(why)),
            Ok(other) => ended(other, ()),
            Err(Broken::Lost(loss)) => Outcome::Lost(loss, ()),
            Err(Broken::GivenUp) => Outcome::GivenUp(()),
        }
    }

    /// Has a text formatted, as long as `patience` lasts and nobody gives up; answers nothing if it
    /// cannot be at a fair price.
    pub fn format(
        &mut self,
        document: &Document<'_>,
        formatting: &Formatting,
        patience: Duration,
        give_up: &dyn Fn() -> bool,
    ) -> Outcome<Option<String>, ()> {
        let order = Order::Format {
            formatting: formatting.clone(),
        };
        let mut html = String::new();
        let answer = self.ask(&order, document.file, patience, give_up, |answer| {
            take_html(&mut html, answer)
        });
        match answer {
            Ok(Told::Formatted { is_whole: false }) => Outcome::Done(None),
            Ok(Told::Formatted { is_whole: true }) if is_inert(&html) => Outcome::Done(Some(html)),
            Ok(Told::Formatted { is_whole: true }) => {
                Outcome::Lost(Loss::Died("it made what a page must not hold".into()), ())
            }
            Ok(other) => ended(other, ()),
            Err(Broken::Lost(loss)) => Outcome::Lost(loss, ()),
            Err(Broken::GivenUp) => Outcome::GivenUp(()),
        }
    }

    /// Gives an order and hands on the answers, until `take` has the last one out of them.
    fn ask(
        &mut self,
        order: &Order,
        file: &File,
        patience: Duration,
        give_up: &dyn Fn() -> bool,
        mut take: impl FnMut(Answer) -> Result<Option<Told>, Loss>,
    ) -> Result<Told, Broken> {
        let began = Instant::now();
        if send(&self.socket, order, Some(file.as_fd())).is_err() {
            return Err(Broken::Lost(self.explain()));
        }
        let last = loop {
            match receive_answer(&self.socket, &mut self.buffer) {
                Ok(Received::Message(answer, _)) => match take(answer) {
                    Ok(Some(last)) => break last,
                    Ok(None) => {}
                    Err(loss) => return Err(Broken::Lost(loss)),
                },
                Ok(Received::Nothing) => {}
                Ok(Received::End) => return Err(Broken::Lost(self.explain())),
                Err(error) => return Err(Broken::Lost(Loss::Died(error.to_string()))),
            }
            if began.elapsed() >= patience {
                return Err(Broken::Lost(Loss::Slow));
            }
            if give_up() {
                return Err(Broken::GivenUp);
            }
        };
        self.note(began.elapsed());
        Ok(last)
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
        let (status, words, is_its_own) = self.end();
        let signal = status.signal();
        if signal == Some(Signal::XCPU.as_raw()) {
            Loss::Slow
        } else if words.contains("memory allocation of") {
            Loss::Memory
        } else if signal == Some(Signal::SEGV.as_raw()) || words.contains("overflowed its stack") {
            // Without code that is not checked, only the end of the stack can be hit so; which of
            // the two it is depends on whose stack.
            Loss::Nesting
        } else if signal == Some(Signal::KILL.as_raw()) && is_its_own {
            Loss::Killed
        } else {
            Loss::Died(format!("{status}; {}", words.trim()))
        }
    }

    /// How it ended, its last words, and whether that was without our help: one that only pretended
    /// to end is killed.
    fn end(&mut self) -> (ExitStatus, String, bool) {
        let deadline = Instant::now() + END;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let is_its_own = matches!(self.child.try_wait(), Ok(Some(_)));
        let status = self.kill();
        let mut words = Vec::new();
        // What was there is in `words`, whatever ended the reading of it.
        let _ = (&self.stderr).take(4096).read_to_end(&mut words);
        let words = String::from_utf8_lossy(&words).into_owned();
        (status, words, is_its_own)
    }

    fn kill(&mut self) -> ExitStatus {
        // It may have ended already; then there is only its status to take.
        let _ = self.child.kill();
        self.child.wait().unwrap_or_default()
    }
}

/// What a child says at the end, whatever it was asked for.
fn ended<T, S>(told: Told, so_far: S) -> Outcome<T, S> {
    match told {
        Told::Unread(sentence) => Outcome::Unread(sentence),
        Told::Panicked(message) => Outcome::Lost(Loss::Panicked(message), so_far),
        _ => Outcome::Lost(out_of_turn(), so_far),
    }
}

fn out_of_turn() -> Loss {
    Loss::Died("it answered out of turn".into())
}

fn too_much(of: &str) -> Loss {
    Loss::Died(format!("it gave more {of} than there may be"))
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
