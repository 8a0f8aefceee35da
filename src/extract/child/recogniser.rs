//! Tesseract, in a process of its own that can do nothing but read pictures.
//!
//! It cannot run in a child, which may not start programs. So a child that read nothing becomes it:
//! it gives up what tesseract does not need, takes the picture for its stdin, and executes it.
//!
//! | tesseract, taken over by a picture, would | what stops it |
//! |---|---|
//! | read what is stored, or anything but programs, libraries and its own data | landlock |
//! | write files, start further programs that could, leave a core | landlock, limits on the process |
//! | reach the network, look into other processes, start threads | seccomp, which allows only listed calls |
//! | take memory or time without end | limits on the process, the server's clock |
//!
//! The picture is one that a child has drawn, never a file as it was stored.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use serde::{Deserialize, Serialize};

use super::confine;
use super::message::{Bounds, Order, send};
use crate::error::{Error, Kind, Result};
use crate::extract::Ocr;
use crate::extract::ocr::{languages, words};

/// Models of languages are large.
const LEAST_MEMORY: u64 = 512 << 20;
/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take to say which languages it has.
const START: Duration = Duration::from_secs(5);
/// Most output, in bytes: that of a page full of small print is a hundredth of it.
const MOST_OUTPUT: u64 = 8 << 20;
/// How often it is looked at whether to go on waiting.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 25_000_000,
};

/// What a child becomes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    data: Option<PathBuf>,
    bounds: Bounds,
}

/// Tesseract, as the server sees it.
pub struct Recogniser {
    ocr: Ocr,
    command: &'static [&'static str],
    memory: u64,
    languages: OnceLock<Option<String>>,
}

/// A program that is there. Dropped, it is killed.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; then there is only its status to take.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Recogniser {
    pub fn new(ocr: Ocr, command: &'static [&'static str], memory: u64) -> Self {
        Self {
            ocr,
            command,
            memory: memory.max(LEAST_MEMORY),
            languages: OnceLock::new(),
        }
    }

    /// The languages that are recognised, such as `eng+deu`; nothing if there is none, or tesseract
    /// does not run. Asks it once. The calling thread is what it will not outlive.
    pub fn languages(&self) -> Option<&str> {
        let asked = || {
            if let Some(languages) = &self.ocr.languages {
                return Some(languages.clone());
            }
            match self.run(vec!["--list-langs".into()], &[], START, &|| false) {
                Ok(listed) => languages(&listed),
                Err(error) => {
                    tracing::warn!(%error, "tesseract does not run, so scans are not read");
                    None
                }
            }
        };
        self.languages.get_or_init(asked).as_deref()
    }

    /// The languages, as far as they are known.
    pub fn known_languages(&self) -> Option<&str> {
        self.languages.get()?.as_deref()
    }

    /// What a picture says. A picture on which tesseract fails says nothing.
    ///
    /// # Errors
    /// [`Kind::Busy`] when it was stopped, [`Kind::Unavailable`] when tesseract cannot be started.
    pub fn read(&self, picture: &[u8], stop: &dyn Fn() -> bool) -> Result<String> {
        let Some(languages) = self.languages() else {
            return Ok(String::new());
        };
        let arguments = ["stdin", "stdout", "-l", languages, "--psm", "3", "tsv"];
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        match self.run(arguments, picture, PATIENCE, stop) {
            Err(error) if error.kind() == Kind::Internal => {
                tracing::warn!(%error, "a picture could not be recognised");
                Ok(String::new())
            }
            other => Ok(words(&other?)),
        }
    }

    fn run(
        &self,
        arguments: Vec<String>,
        input: &[u8],
        patience: Duration,
        stop: &dyn Fn() -> bool,
    ) -> Result<String> {
        let started = self.start(arguments, input);
        let mut running = started.map_err(|error| {
            Error::unavailable(format!("Tesseract cannot be started: {error}.")).because(error)
        })?;
        let output = running.0.stdout.take();
        let output = output.ok_or_else(|| Error::internal("Tesseract has no output."))?;
        let output = collected(output.into(), patience, stop)?;
        let failed = |error: io::Error| Error::internal("Tesseract was lost.").because(error);
        match running.0.wait().map_err(failed)? {
            status if status.success() => Ok(String::from_utf8_lossy(&output).into_owned()),
            status => Err(Error::internal(format!("Tesseract failed ({status})."))),
        }
    }

    fn start(&self, arguments: Vec<String>, input: &[u8]) -> io::Result<Running> {
        let mut picture = File::from(memfd_create(c"picture", MemfdFlags::CLOEXEC)?);
        picture.write_all(input)?;
        picture.rewind()?;
        let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
        let (socket, stdin) = socketpair(AddressFamily::UNIX, kind, flags, None)?;
        let child = Command::new("/proc/self/exe")
            .arg0("wharfside")
            .args(self.command)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let running = Running(child);
        let program = Program {
            path: self.ocr.program.clone(),
            arguments,
            data: self.ocr.data.clone(),
            bounds: Bounds {
                memory: self.memory,
                cpu: PATIENCE.as_secs(),
            },
        };
        send(&socket, &Order::Become(program), Some(picture.as_fd()))?;
        Ok(running)
    }
}

/// All that comes out, as long as that may take.
fn collected(output: OwnedFd, patience: Duration, stop: &dyn Fn() -> bool) -> Result<Vec<u8>> {
    let began = Instant::now();
    let mut output = File::from(output);
    let (mut all, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        if stop() {
            return Err(Error::new(Kind::Busy, "Recognising a picture was put off."));
        }
        if began.elapsed() >= patience || all.len() as u64 > MOST_OUTPUT {
            return Err(Error::internal("Tesseract took too long or said too much."));
        }
        let failed = |error: io::Error| Error::internal("Tesseract was lost.").because(error);
        let mut waiting = [PollFd::new(&output, PollFlags::IN)];
        match poll(&mut waiting, Some(&LOOK)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(failed(error.into())),
        }
        match output.read(&mut piece).map_err(failed)? {
            0 => return Ok(all),
            length => all.extend_from_slice(&piece[..length]),
        }
    }
}

/// The child's side. Answers only if it cannot become the program.
pub fn turn_into(program: &Program, picture: OwnedFd) -> io::Error {
    let Program {
        path,
        arguments,
        data,
        bounds,
    } = program;
    let taken = rustix::stdio::dup2_stdin(&picture);
    drop(picture);
    let prepared = taken
        .map_err(io::Error::from)
        .and_then(|()| confine::close_inherited())
        .and_then(|()| confine::bound(bounds, confine::DESCRIPTORS_OF_A_PROGRAM))
        .and_then(|()| {
            let own = path.parent().into_iter().chain(data.as_deref());
            confine::lock_in_program(own)
        });
    if let Err(error) = prepared {
        return error;
    }
    let mut command = Command::new(path);
    command
        .args(arguments)
        .env_clear()
        .env("LANG", "C.UTF-8")
        .env("OMP_THREAD_LIMIT", "1");
    if let Some(data) = data {
        command.env("TESSDATA_PREFIX", data);
    }
    command.exec()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::extract::child::tests::options;

    /// Runs a script as tesseract is run, which finds its data where the script is.
    fn run(perl: &str, script: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script.pl");
        std::fs::write(&path, script).unwrap();
        let ocr = Ocr {
            program: perl.into(),
            data: Some(folder.path().to_owned()),
            languages: None,
        };
        let recogniser = Recogniser::new(ocr, options().command, 256 << 20);
        let arguments = vec![path.to_str().unwrap().to_owned()];
        let said = recogniser.run(arguments, b"a picture", START, &|| false);
        // Before it became the program, this binary said that it is one of tests.
        said.unwrap().lines().last().unwrap_or_default().to_owned()
    }

    /// Perl makes any call by its number. One that the kernel has not got fails in another way than one
    /// that is refused.
    #[test]
    fn what_reading_a_picture_does_not_need_is_refused_by_any_number() {
        const PERL: &str = "/usr/bin/perl";
        if !Path::new(PERL).exists() {
            return eprintln!("DID NOT RUN: there is no {PERL}");
        }
        let forbidden = [
            ("socket", libc::SYS_socket),
            ("clone", libc::SYS_clone),
            ("kill", libc::SYS_kill),
            ("ptrace", libc::SYS_ptrace),
            ("mount", libc::SYS_mount),
            ("unlinkat", libc::SYS_unlinkat),
            ("io_uring_setup", libc::SYS_io_uring_setup),
            ("userfaultfd", libc::SYS_userfaultfd),
            ("memfd_create", libc::SYS_memfd_create),
        ];
        for (name, call) in forbidden {
            let mut numbers = vec![call];
            if cfg!(target_arch = "x86_64") {
                numbers.push(call | 0x4000_0000);
            }
            for number in numbers {
                let script = format!("print syscall({number}, -1, -1, -1) == -1 ? $!+0 : 0");
                let said = run(PERL, &script);
                assert_eq!(said, libc::EPERM.to_string(), "{name} as {number:#x}");
            }
        }
        let read = run(PERL, "read(STDIN, $all, 99); print $all");
        assert_eq!(read, "a picture");
    }
}
