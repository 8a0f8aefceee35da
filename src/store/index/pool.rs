//! Outlives a panic inside tantivy's own thread.
//!
//! tantivy applies deletes and commits on a pool of one thread, and that pool ends the whole
//! process when a task panics, which tasks do when they read damaged segments. A panic hook runs
//! before that: it counts the accident and keeps the thread, for ever, so that the pool never
//! learns of it. Whoever waits for a commit looks at the count and gives up. One parked thread is
//! what it costs; the alternative is a process that dies at each commit after each start.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use tantivy::TantivyError;

use crate::error::{Error, Result};

/// What tantivy calls the thread.
const THREAD: &str = "segment_updater";
/// How often a waiting commit looks whether it waits in vain.
const LOOK: Duration = Duration::from_millis(50);

static PANICS: AtomicU64 = AtomicU64::new(0);
static HOOK: Once = Once::new();

/// Installs the hook, once, before whichever there was. For a process that serves: after an
/// accident, nobody can change the panic hook any more.
pub fn outlive_panics() {
    HOOK.call_once(|| keep_threads(THREAD, &PANICS, || false));
}

fn keep_threads(name: &'static str, panics: &'static AtomicU64, let_go: fn() -> bool) {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        previous(panic);
        if thread::current().name() == Some(name) {
            panics.fetch_add(1, Ordering::SeqCst);
            while !let_go() {
                thread::park();
            }
        }
    }));
}

/// How often such a thread was lost so far, by any writer of this process.
pub(super) fn panics() -> u64 {
    PANICS.load(Ordering::SeqCst)
}

pub(super) fn lost() -> Error {
    Error::damaged("Writing the search index failed inside the engine.")
}

/// Waits for a task of the pool, unless a thread is lost after there had been `panics_before`.
///
/// # Errors
/// Those of the task; [`Kind::Damaged`](crate::error::Kind::Damaged) if it will never end.
pub(super) fn wait<T>(
    task: impl Future<Output = Result<T, TantivyError>>,
    panics_before: u64,
) -> Result<T> {
    wait_unless(task, || panics() != panics_before)
}

fn wait_unless<T>(
    task: impl Future<Output = Result<T, TantivyError>>,
    is_lost: impl Fn() -> bool,
) -> Result<T> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut task = pin!(task);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(outcome) = task.as_mut().poll(&mut context) {
            return Ok(outcome?);
        }
        if is_lost() {
            return Err(lost());
        }
        thread::park_timeout(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::error::Kind;

    static LOST: AtomicU64 = AtomicU64::new(0);
    static OVER: AtomicBool = AtomicBool::new(false);

    #[test]
    fn a_panic_in_the_pool_ends_the_wait_and_not_the_process() {
        keep_threads("a pool of this test", &LOST, || OVER.load(Ordering::SeqCst));
        let is_lost = || LOST.load(Ordering::SeqCst) > 0;
        let ready = wait_unless(std::future::ready(Ok(7)), is_lost).unwrap();
        assert_eq!(ready, 7);
        let thread = thread::Builder::new()
            .name("a pool of this test".into())
            .spawn(|| panic!("on purpose"))
            .unwrap();
        let error = wait_unless(std::future::pending::<Result<(), _>>(), is_lost).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged);
        assert!(!thread.is_finished());
        OVER.store(true, Ordering::SeqCst);
        thread.thread().unpark();
        assert!(thread.join().is_err());
    }
}
