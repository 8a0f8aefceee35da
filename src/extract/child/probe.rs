//! Documents that do to their reader what a hostile one might, for tests; never in a release.
//!
//! A file whose name ends in `.misdeed` holds the name of what to do. What is refused is told in
//! its text, so that a test can search for it. A document that begins with `%PDF-misdeed` and the
//! name of one is read as any other, and does it when it is drawn; a text that begins with
//! `preview-misdeed` and the name of one does it when it is formatted.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use crate::extract::Found;

/// Does what the document says.
pub fn misbehave(file: &mut File, name: &str, pass_on: &mut dyn FnMut(Found<'_>)) {
    if !name.ends_with(".misdeed") {
        return;
    }
    let beginning = beginning(file);
    let misdeed = beginning.split_whitespace().next().unwrap_or_default();
    commit(misdeed, pass_on);
}

/// Does what the document says, if that is why it is drawn.
pub fn misbehave_drawing(file: &mut File) {
    let beginning = beginning(file);
    let mut words = beginning.split_whitespace();
    if words.next() == Some("%PDF-misdeed") {
        commit(words.next().unwrap_or_default(), &mut |_| {});
    }
}

/// Does what the text says, if that is why it is formatted.
pub fn misbehave_formatting(file: &mut File) {
    let beginning = beginning(file);
    let mut words = beginning.split_whitespace();
    if words.next() == Some("preview-misdeed") {
        commit(words.next().unwrap_or_default(), &mut |_| {});
    }
}

/// As far as it is text.
fn beginning(file: &mut File) -> String {
    let mut bytes = Vec::new();
    // What cannot be read says nothing.
    let _ = file
        .rewind()
        .and_then(|()| file.take(100).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn commit(misdeed: &str, pass_on: &mut dyn FnMut(Found<'_>)) {
    if let Some(outcome) = attempt(misdeed) {
        let told = match outcome {
            Ok(()) => format!("{misdeed} succeeded\n"),
            Err(error) => format!("{misdeed} refused: {error}\n"),
        };
        return pass_on(Found::Text(&told));
    }
    match misdeed {
        "abort" => std::process::abort(),
        "panic" => panic!("a reader that panics"),
        "overflow" => drop(descend(0)),
        "terabyte" => drop(Vec::<u8>::with_capacity(1 << 40)),
        "hoard" => hoard(),
        "flood" => loop {
            pass_on(Found::Text(&"water ".repeat(1_000)));
        },
        "begin-and-loop" => {
            pass_on(Found::Text("the first page\u{c}"));
            spin()
        }
        "loop" => spin(),
        "sleep" => std::thread::sleep(Duration::from_secs(3_600)),
        // Long, but not for ever.
        "dawdle" => std::thread::sleep(Duration::from_secs(3)),
        _ => {}
    }
}

/// What a child must not be able to do.
fn attempt(misdeed: &str) -> Option<io::Result<()>> {
    Some(match misdeed {
        "look" => File::open("/etc/passwd").map(drop),
        "write" => File::create("/tmp/wharfside-was-here").map(drop),
        "connect" => TcpStream::connect("127.0.0.1:9").map(drop),
        "spawn" => Command::new("/bin/true").spawn().map(drop),
        "thread" => std::thread::Builder::new().spawn(|| ()).map(drop),
        // Harmless if it is not refused.
        "signal" => kill_process(getpid(), Signal::CONT).map_err(Into::into),
        _ => return None,
    })
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

fn descend(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    match room[0] {
        u64::MAX => 0,
        depth => room[1] + descend(depth + 1),
    }
}

fn hoard() {
    let mut all = Vec::new();
    loop {
        all.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}
