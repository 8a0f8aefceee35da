//! `smoke watch`: a mixed load while somebody redeploys, and what it met.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::client::Client;
use super::load::{Load, Settled};
use super::put::run_folder;
use super::tally::{Request, Tally};
use super::{count, interrupt, say};
use crate::error::{Error, Result};

/// Between two lines where there is no terminal to redraw.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Keeps `clients` clients busy until interrupted or for `seconds`, then verifies every receipt
/// they hold; false if a request failed or something acknowledged was lost.
///
/// # Errors
/// If the installation does not answer at the start.
pub fn watch(url: &str, seconds: Option<u64>, clients: u8) -> Result<bool> {
    let client = Client::new(url)?;
    let stop = interrupt::flag()?;
    let boot = client.boot()?;
    let folder = run_folder();
    let (sender, requests) = mpsc::channel();
    let began = Instant::now();
    let mut loads = Vec::new();
    for n in 0..u64::from(clients) {
        let load = Load::new(
            Client::new(url)?,
            n,
            format!("{folder}/{n}"),
            sender.clone(),
        );
        let stop = Arc::clone(&stop);
        loads.push(thread::spawn(move || run(load, &stop)));
    }
    drop(sender);
    let deadline = seconds.map(|seconds| began + Duration::from_secs(seconds));
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
    report(&tally, &settled, began.elapsed());
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
    for reason in &tally.reasons {
        say(reason);
    }
    let untold = tally.failures - tally.reasons.len();
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
