//! Waiting out what passes: a server that restarts, a network that is away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::progress::Progress;
use crate::remote::{Found, LOOKED_UP, Server, Trouble};

const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long a server may be away.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// How long one may be of which nothing is known yet.
const FIRST_PATIENCE: Duration = Duration::from_secs(20);
/// What passes with so many attempts is nothing to tell of.
const UNTOLD: u32 = 2;

/// Waits between attempts, longer each time, until something goes well.
pub struct Patience {
    since: Instant,
    most: Duration,
    tries: u32,
}

impl Patience {
    pub fn new() -> Self {
        Self {
            since: Instant::now(),
            most: PATIENCE,
            tries: 0,
        }
    }

    /// Whether there is another attempt.
    pub fn wait(&mut self, trouble: &Trouble, progress: &Progress, stop: &AtomicBool) -> bool {
        if self.since.elapsed() > self.most {
            return false;
        }
        progress.waiting(&trouble.sentence, self.tries >= UNTOLD);
        let most = LONGEST_WAIT.min(Duration::from_millis(250) * (1 << self.tries.min(6)));
        self.tries += 1;
        // At random, so that many do not come back at once.
        let share = f64::from(Uuid::new_v4().as_bytes()[0]) / 512.0 + 0.5;
        let until = Instant::now() + trouble.after.unwrap_or(most.mul_f64(share));
        while Instant::now() < until && !stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(50));
        }
        !stop.load(Ordering::Relaxed)
    }
}

/// Questions of one run, each repeated until it is answered. If nobody at all answers the first
/// one, the address is most likely another one's, and it is waited for shortly or not at all.
pub struct Questions<'a> {
    server: &'a Server,
    progress: &'a Progress,
    stop: &'a AtomicBool,
    /// How long the first answer may take to come.
    first: Duration,
    has_answered: AtomicBool,
}

impl<'a> Questions<'a> {
    pub fn new(server: &'a Server, progress: &'a Progress, stop: &'a AtomicBool) -> Self {
        Self {
            server,
            progress,
            stop,
            first: Duration::ZERO,
            has_answered: AtomicBool::new(false),
        }
    }

    /// For a run that may well begin in a platform's gap between two releases.
    pub fn begun_at_any_time(self) -> Self {
        Self {
            first: FIRST_PATIENCE,
            ..self
        }
    }

    pub fn ask<T>(&self, question: impl Fn(&Server) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let mut patience = Patience::new();
        loop {
            let trouble = match question(self.server) {
                Ok(answer) => {
                    self.has_answered.store(true, Ordering::Relaxed);
                    self.progress.goes_on();
                    return Ok(answer);
                }
                Err(trouble) => trouble,
            };
            let is_there = trouble.status.is_some() || self.has_answered.load(Ordering::Relaxed);
            patience.most = if is_there { PATIENCE } else { self.first };
            if !trouble.passes() || patience.most.is_zero() {
                return Err(trouble);
            }
            if !patience.wait(&trouble, self.progress, self.stop) {
                return Err(trouble);
            }
        }
    }

    /// The files at these paths.
    pub fn look_up(&self, paths: &[&str]) -> Result<Vec<Found>, Trouble> {
        let mut present = Vec::new();
        for paths in paths.chunks(LOOKED_UP) {
            present.extend(self.ask(|server| server.look_up(paths))?);
        }
        Ok(present)
    }
}
