//! Several at work on one list of things; what came of each is told in one thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use crate::error::Result;

/// Settles all items, `jobs` at a time, and tells of each in the order in which they end; answers
/// how many were not begun because the run is to stop.
///
/// # Errors
/// The first of `tell`, which stops the run.
pub fn work_off<I: Send, O: Send>(
    items: Vec<I>,
    jobs: u8,
    stop: &AtomicBool,
    settle: impl Fn(&I) -> O + Sync,
    mut tell: impl FnMut(&I, O) -> Result<()>,
) -> Result<usize> {
    let queue = Mutex::new(VecDeque::from(items));
    let next = || {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        if stop.load(Ordering::Relaxed) {
            None
        } else {
            queue.pop_front()
        }
    };
    thread::scope(|scope| {
        let (outcomes, arriving) = mpsc::channel();
        for _ in 0..jobs {
            let (outcomes, next, settle) = (outcomes.clone(), &next, &settle);
            scope.spawn(move || {
                while let Some(item) = next() {
                    let outcome = settle(&item);
                    // Nobody listens once telling has failed.
                    if outcomes.send((item, outcome)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(outcomes);
        for (item, outcome) in arriving {
            if let Err(error) = tell(&item, outcome) {
                stop.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    })?;
    Ok(queue.lock().unwrap_or_else(PoisonError::into_inner).len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn all_is_settled_and_told() {
        let stop = AtomicBool::new(false);
        let mut told = Vec::new();
        let tell = |item: &u64, square| {
            told.push((*item, square));
            Ok(())
        };
        let left = work_off((0..100).collect(), 7, &stop, |n| n * n, tell).unwrap();
        told.sort_unstable();
        let all: Vec<_> = (0..100).map(|n| (n, n * n)).collect();
        assert_eq!((left, told), (0, all));
    }

    #[test]
    fn it_ends_when_nobody_is_told() {
        let stop = AtomicBool::new(false);
        let tell = |_: &u64, _| Err(Error::internal("stdout is gone"));
        assert!(work_off((0..100).collect(), 3, &stop, |n| *n, tell).is_err());
        assert!(stop.load(Ordering::Relaxed));
    }
}
