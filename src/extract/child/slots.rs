//! Who may have a child at work, and the children that have none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::lock;
use super::process::Process;

/// A child without work ends after so long.
const IDLE: Duration = Duration::from_secs(60);
/// How often one who waits asks whether to go on waiting.
const LOOK: Duration = Duration::from_millis(25);

/// Places for children at work, a fixed number of them.
pub struct Slots {
    most: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<(Process, Instant)>,
    taken: usize,
    /// How many wait who may not be kept waiting.
    urgent: usize,
    /// Raised, it asks the one who has a slot for something that can wait to give it back.
    yielding: Vec<Arc<AtomicBool>>,
    closed: bool,
}

/// A place for a child at work; given back when dropped, with the child if it is still good.
pub struct Slot {
    slots: Arc<Slots>,
    pub process: Option<Process>,
    can_wait: Option<Arc<AtomicBool>>,
}

impl Slots {
    pub fn new(most: usize) -> Self {
        Self {
            most,
            state: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    /// Waits for a slot; nothing if `give_up` says so, or when all are closed. Whoever can wait
    /// gets one that nobody else wants, and is asked to give it back when somebody does.
    pub fn take(self: &Arc<Self>, can_wait: bool, give_up: impl Fn() -> bool) -> Option<Slot> {
        let mut state = lock(&self.state);
        state.urgent += usize::from(!can_wait);
        let is_free = loop {
            if state.closed || give_up() {
                break false;
            }
            if state.taken < self.most && (!can_wait || state.urgent == 0) {
                break true;
            }
            if !can_wait {
                for yielding in &state.yielding {
                    yielding.store(true, Ordering::Relaxed);
                }
            }
            state = match self.freed.wait_timeout(state, LOOK) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        };
        state.urgent -= usize::from(!can_wait);
        if !is_free {
            return None;
        }
        state.taken += 1;
        let can_wait = can_wait.then(Arc::<AtomicBool>::default);
        state.yielding.extend(can_wait.clone());
        Some(Slot {
            slots: Arc::clone(self),
            process: state.idle.pop().map(|(process, _)| process),
            can_wait,
        })
    }

    /// Children at work and idle ones.
    pub fn children(&self) -> usize {
        let state = lock(&self.state);
        state.taken + state.idle.len()
    }

    pub fn let_idle_go(&self) {
        let mut state = lock(&self.state);
        state.idle.retain(|(_, since)| since.elapsed() < IDLE);
    }

    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.idle.clear();
        self.freed.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }
}

impl Slot {
    /// Whether somebody who may not be kept waiting wants it.
    pub fn is_wanted(&self) -> bool {
        let can_wait = self.can_wait.as_ref();
        can_wait.is_some_and(|wanted| wanted.load(Ordering::Relaxed))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let process = self.process.take().filter(|process| !process.is_worn());
        let mut state = lock(&self.slots.state);
        state.taken -= 1;
        if let Some(mine) = &self.can_wait {
            state.yielding.retain(|other| !Arc::ptr_eq(other, mine));
        }
        if !state.closed {
            state
                .idle
                .extend(process.map(|process| (process, Instant::now())));
        }
        self.slots.freed.notify_one();
    }
}
