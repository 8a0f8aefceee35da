//! How the stores stood a moment ago, for the line on the library's first page.
//!
//! The self-check writes and reads on all four stores: too much for every visit, so its
//! verdict is kept for a while and renewed beside the visit that finds it old.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::persistence::Mark;
use crate::library::Verdict;
use crate::web::state::App;

/// How long a verdict is shown before the next visit renews it.
const KEPT: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub struct Health {
    pub mark: Mark,
    pub sentence: String,
}

/// The last verdict; clones share it.
#[derive(Clone, Default)]
pub struct Standing(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    last: Option<Health>,
    /// When the last check began: only one runs at a time.
    asked: Option<Instant>,
}

impl Standing {
    /// The last verdict; nothing until there is one, and where the check itself fails, which
    /// its own page explains.
    pub async fn look(&self, app: &App) -> Option<Health> {
        if self.begin() {
            let check = self.clone().check(app.clone());
            match self.last() {
                None => check.await,
                Some(_) => drop(tokio::spawn(check)),
            }
        }
        self.last()
    }

    async fn check(self, app: App) {
        let verdict = app.look(|library| Ok(library.persistence()?.verdict)).await;
        self.state().last = verdict.ok().map(Health::from);
    }

    /// Whether a check is due; the caller that is told so does it.
    fn begin(&self) -> bool {
        let mut state = self.state();
        let due = state.asked.is_none_or(|asked| asked.elapsed() >= KEPT);
        if due {
            state.asked = Some(Instant::now());
        }
        due
    }

    fn last(&self) -> Option<Health> {
        self.state().last.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Verdict> for Health {
    fn from(verdict: Verdict) -> Self {
        Self {
            mark: Mark::from(verdict.level),
            sentence: verdict.sentence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_visit_of_many_does_the_check() {
        let standing = Standing::default();
        assert!(standing.begin());
        assert!(!standing.clone().begin());
        assert!(standing.last().is_none());
    }
}
