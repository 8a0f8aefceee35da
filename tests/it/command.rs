//! The `wharfside` command as a child process, with everything it says kept.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Nothing here takes this long on a machine that works; it only bounds a test that fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where `tests/clients/install` puts the clients that others wrote.
pub const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/clients");

pub const WHARFSIDE: &str = env!("CARGO_BIN_EXE_wharfside");

/// Asks until there is an answer.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// `wharfside` with an environment of its own: nothing of the machine's leaks in.
pub fn wharfside<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    program(Path::new(WHARFSIDE), arguments)
}

/// The same, where its file may be another's.
pub fn program<I: AsRef<OsStr>>(file: &Path, arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(file);
    command
        .env_clear()
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end.
pub fn run(mut command: Command, input: &str) -> Ended {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A command that reads no stdin closes it early, and that is fine.
    let writer = thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Fails where the clients that others wrote are not there.
pub fn need_clients() {
    let installed = Path::new(CLIENTS).join("installed");
    assert!(
        installed.exists(),
        "the clients are missing; run tests/clients/install (scripts/test does)"
    );
}

/// Runs an operator's command on a directory.
pub fn operate(directory: &Path, arguments: &[&str]) -> Ended {
    let mut command = wharfside(arguments);
    command.env("STORAGE_DIR", directory);
    run(command, "")
}

/// A running process; dropped, it is killed, and what it said is printed if the test failed.
pub struct Process {
    child: Child,
    said: Arc<Said>,
}

#[derive(Default)]
struct Said {
    text: Mutex<String>,
    more: Condvar,
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let said = Arc::new(Said::default());
        listen(child.stdout.take().unwrap(), Arc::clone(&said));
        listen(child.stderr.take().unwrap(), Arc::clone(&said));
        Self { child, said }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has said so far, on stdout and stderr.
    pub fn said(&self) -> String {
        self.said.text.lock().unwrap().clone()
    }

    /// Waits for the first line from which `pick` takes something.
    pub fn wait_line<T>(&self, what: &str, pick: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut text = self.said.text.lock().unwrap();
        loop {
            if let Some(found) = text.lines().find_map(&pick) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let so_far = text.clone();
                // Held while it panics, nobody could read it any more.
                drop(text);
                panic!("waited in vain for {what}; it said:\n{so_far}");
            }
            text = self.said.more.wait_timeout(text, left).unwrap().0;
        }
    }

    /// Returns once every thread of it stands still: until then one may still take a lock.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        let stands = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
            // After the name, which is in brackets and may hold anything.
            let (_, state) = stat.rsplit_once(") ")?;
            Some(state.starts_with(['T', 'Z']))
        };
        let tasks = format!("/proc/{}/task", self.pid());
        eventually("the process stands still", || {
            let mut tasks = std::fs::read_dir(&tasks).ok()?;
            tasks.all(|task| stands(task) == Some(true)).then_some(())
        });
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether it is still there.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn wait_exit(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the process to end", || child.try_wait().unwrap())
    }

    pub fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- what process {} said ---\n{}", self.pid(), self.said());
        }
    }
}

fn listen(stream: impl Read + Send + 'static, said: Arc<Said>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let mut text = said.text.lock().unwrap();
            text.push_str(&String::from_utf8_lossy(&line));
            text.push('\n');
            said.more.notify_all();
        }
    });
}
