//! `wharfside reindex`: the search index, built anew from the catalog and the stored contents.
//!
//! It works while the app runs: the old index is marked as to be replaced, and whoever holds the
//! lease, a running release or this command, builds the new one.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::worker::{Step, Steps};

/// How often another process's progress is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long nobody may make progress before this is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Rebuilds the index and answers the number of changes that were applied.
///
/// # Errors
/// [`Kind::NotFound`](crate::error::Kind::NotFound) where no release has started yet.
pub fn run(config: &Config) -> Result<u64> {
    let library = Library::attach(&config.library())?;
    let outcome = rebuild(&library);
    library.detach();
    outcome
}

fn rebuild(library: &Library) -> Result<u64> {
    let index = &library.store().index;
    let replaced = index.payload().born_ms;
    // What is stored from now on is not waited for: beside busy writers, that would have no end.
    let target = library.last_sequence()?;
    index.replace()?;
    let bar = bar();
    let mut steps: Option<Steps> = None;
    let mut moved = (Instant::now(), u64::MAX);
    loop {
        if steps.is_none() {
            steps = index.lease()?.map(Steps::new);
        }
        let step = match &mut steps {
            Some(steps) => steps.step(library, &AtomicBool::new(false))?,
            None => {
                std::thread::sleep(LOOK);
                index.refresh()?;
                Step::Empty
            }
        };
        let total = library.changes()?;
        let waiting = library.waiting()?;
        bar.set_length(total);
        bar.set_position(total.saturating_sub(waiting));
        let is_new = index.is_open() && index.payload().born_ms != replaced;
        // Without the facts store the index is complete all the same.
        let has_facts = library
            .facts_through()
            .map_or(true, |through| through >= target);
        let is_idle = waiting == 0 && step == Step::Empty;
        if is_new && (is_idle || (library.searchable_through() >= target && has_facts)) {
            bar.finish_and_clear();
            return Ok(total);
        }
        if moved.1 != waiting {
            moved = (Instant::now(), waiting);
        }
        if moved.0.elapsed() > PATIENCE {
            return Err(Error::unavailable(
                "Another process holds the index lease and does not rebuild; see its log, or stop it and run this again.",
            ));
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("indexing {bar:30} {pos}/{len} files {eta}") {
        bar.set_style(style);
    }
    bar
}
