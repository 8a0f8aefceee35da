//! `smoke watch`: a mixed load while somebody redeploys, and what it met.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;

use super::client::Client;
use super::load::{Load, Settled};
use super::put::run_folder;
use super::samples::Samples;
use super::tally::{Failed, Request, Tally};
use super::{count, say};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::remote::Address;

/// Between two lines where there is no terminal to redraw.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Failures that are told to a person; the others are counted.
const TOLD: usize = 5;

/// How to watch.
pub struct Watch {
    /// Without it, until interrupted.
    pub seconds: Option<u64>,
    /// How many clients work at once.
    pub clients: u8,
    /// Most bytes of one upload; see [`super::LEAST_LARGEST`].
    pub largest: Option<usize>,
    /// Whether each request makes a connection of its own.
    pub reconnect: bool,
    /// Whether the summary is one line of JSON.
    pub json: bool,
}

/// Keeps clients busy until interrupted or until the time is over, then verifies every receipt
/// they hold: each file downloads byte for byte, is listed and is found by search. False if a
/// request failed or something acknowledged was lost.
///
/// # Errors
/// If the installation does not answer at the start.
pub fn watch(place: &Address, how: &Watch) -> Result<bool> {
    let connect = if how.reconnect {
        Client::reconnecting
    } else {
        Client::new
    };
    let client = connect(place)?;
    let stop = interrupt::flag()?;
    let boot = client.boot()?;
    let folder = run_folder();
    let (sender, requests) = mpsc::channel();
    let began = Instant::now();
    let mut loads = Vec::new();
    for n in 0..u64::from(how.clients) {
        let load = Load::new(
            connect(place)?,
            Samples::new(n, how.largest),
            format!("{folder}/{n}"),
            sender.clone(),
        );
        let stop = Arc::clone(&stop);
        loads.push(thread::spawn(move || run(load, &stop)));
    }
    drop(sender);
    let deadline = how
        .seconds
        .map(|seconds| began + Duration::from_secs(seconds));
    let mut tally = follow(&requests, &stop, deadline, began);
    tally
        .boots
        .extend([Some(boot), client.boot().ok()].into_iter().flatten());
    let mut settled = Settled::default();
    for load in loads {
        let one = load
            .join()
            .map_err(|_| Error::internal("A client of the watch panicked."))?;
        settled.receipts += one.receipts;
        settled.lost.extend(one.lost);
    }
    if how.json {
        print_json(&tally, &settled, began.elapsed())?;
    } else {
        report(&tally, &settled, began.elapsed());
    }
    Ok(tally.failures == 0 && settled.lost.is_empty())
}

fn run(mut load: Load, stop: &AtomicBool) -> Settled {
    while !stop.load(Ordering::Relaxed) {
        load.step();
    }
    load.settle()
}

/// Counts until every client has ended, and shows how it goes.
fn follow(
    requests: &Receiver<Request>,
    stop: &AtomicBool,
    deadline: Option<Instant>,
    began: Instant,
) -> Tally {
    let mut tally = Tally::default();
    let mut display = Display::new();
    loop {
        match requests.recv_timeout(Duration::from_millis(100)) {
            Ok(request) => tally.add(request),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            stop.store(true, Ordering::Relaxed);
        }
        let phase = if stop.load(Ordering::Relaxed) {
            "checking"
        } else {
            "watching"
        };
        display.show(phase, &tally, began);
    }
    display.end();
    tally
}

/// A live line on a terminal, a line now and then elsewhere.
struct Display {
    bar: Option<ProgressBar>,
    last: Instant,
}

impl Display {
    fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::default_spinner();
            ProgressBar::new_spinner().with_style(style)
        });
        Self {
            bar,
            last: Instant::now(),
        }
    }

    fn show(&mut self, phase: &str, tally: &Tally, began: Instant) {
        let every = if self.bar.is_some() {
            Duration::from_millis(100)
        } else {
            LINE_EVERY
        };
        if self.last.elapsed() < every {
            return;
        }
        self.last = Instant::now();
        let line = format!("{phase} for {} s: {tally}", began.elapsed().as_secs());
        match &self.bar {
            Some(bar) => {
                bar.set_message(line);
                bar.tick();
            }
            None => say(&line),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn report(tally: &Tally, settled: &Settled, took: Duration) {
    for failed in tally.failed.iter().take(TOLD) {
        say(&failed.reason);
    }
    let untold = tally.failures.saturating_sub(TOLD);
    if untold > 0 {
        say(&format!("... and {}.", count(untold, "more failure")));
    }
    for lost in &settled.lost {
        say(lost);
    }
    let receipts = count(settled.receipts, "receipt");
    let _ = writeln!(
        io::stdout(),
        "{tally}; {receipts} checked, {} lost; {} s.",
        settled.lost.len(),
        took.as_secs()
    );
}

/// The summary for programs. Times are milliseconds, of the Unix epoch where they name an instant.
#[derive(Serialize)]
struct Summary<'a> {
    requests: usize,
    failures: usize,
    /// The first of them.
    failed: Vec<Failure>,
    longest_ms: u128,
    longest: Option<&'static str>,
    silence_ms: u128,
    boots: Vec<u64>,
    receipts: usize,
    lost: &'a [String],
    seconds: u64,
}

#[derive(Serialize)]
struct Failure {
    doing: &'static str,
    began_ms: i64,
    ended_ms: i64,
    reason: String,
}

fn print_json(tally: &Tally, settled: &Settled, took: Duration) -> Result<()> {
    let (now, clock) = (Instant::now(), Timestamp::now().as_millisecond());
    let at = |instant: Instant| clock - (now - instant).as_millis() as i64;
    let failure = |failed: &'_ Failed| Failure {
        doing: failed.doing,
        began_ms: at(failed.began),
        ended_ms: at(failed.ended),
        reason: failed.reason.clone(),
    };
    let summary = Summary {
        requests: tally.requests,
        failures: tally.failures,
        failed: tally.failed.iter().map(failure).collect(),
        longest_ms: tally.longest.map_or(0, |(longest, _)| longest.as_millis()),
        longest: tally.longest.map(|(_, doing)| doing),
        silence_ms: tally.silence.as_millis(),
        boots: tally.boots.iter().copied().collect(),
        receipts: settled.receipts,
        lost: &settled.lost,
        seconds: took.as_secs(),
    };
    let line = serde_json::to_string(&summary).map_err(|error| {
        Error::internal("The summary could not be written as JSON.").because(error)
    })?;
    writeln!(io::stdout(), "{line}").map_err(|error| {
        Error::internal(format!(
            "The summary could not be written to stdout: {error}."
        ))
    })
}
