//! Who may have a child at work, and the children that have none.

use std::collections::VecDeque;
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
    /// Those who wait and may not be kept waiting, in the order in which they came: whoever reads
    /// one document after the other would else take back the slot that it just gave up.
    queue: VecDeque<u64>,
    came: u64,
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

    /// Waits for a slot; nothing if `give_up` says so, or when all are closed. First come, first
    /// served; but whoever can wait gets one that nobody else wants, and is asked to give it back
    /// when somebody does.
    pub fn take(self: &Arc<Self>, can_wait: bool, give_up: impl Fn() -> bool) -> Option<Slot> {
        let mut state = lock(&self.state);
        let place = (!can_wait).then(|| state.queue_up());
        let is_free = loop {
            if state.closed || give_up() {
                break false;
            }
            if state.taken < self.most && state.queue.front() == place.as_ref() {
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
        state.queue.retain(|other| Some(other) != place.as_ref());
        // Whoever is the next now may have looked while it was not.
        self.freed.notify_all();
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

impl State {
    fn queue_up(&mut self) -> u64 {
        self.came += 1;
        self.queue.push_back(self.came);
        self.came
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
        // Not to one: it might be one that has to leave it to others.
        self.slots.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_given_in_the_order_in_which_they_were_asked_for() {
        let slots = Arc::new(Slots::new(1));
        let order = Mutex::new(Vec::new());
        let first = slots.take(false, || false);
        std::thread::scope(|scope| {
            let ask = |name: &'static str, can_wait: bool| {
                let (slots, order) = (&slots, &order);
                scope.spawn(move || {
                    let _slot = slots.take(can_wait, || false);
                    lock(order).push(name);
                });
            };
            ask("can wait", true);
            for (waiting, name) in ["one", "two", "three"].into_iter().enumerate() {
                ask(name, false);
                while lock(&slots.state).queue.len() <= waiting {
                    std::thread::yield_now();
                }
            }
            drop(first);
        });
        assert_eq!(*lock(&order), ["one", "two", "three", "can wait"]);
        assert!(lock(&slots.state).queue.is_empty());
    }

    #[test]
    fn whoever_gives_up_leaves_the_queue() {
        let slots = Arc::new(Slots::new(1));
        let first = slots.take(false, || false);
        assert!(slots.take(false, || true).is_none());
        drop(first);
        assert!(slots.take(true, || false).is_some());
    }
}
