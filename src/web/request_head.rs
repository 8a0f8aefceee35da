//! Patience with a request's head: a client may keep a connection and say nothing, but once it
//! has begun to ask, it must come to an end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Where a connection is: its requests, counted when they begin and again when they end, so
/// that the number is even exactly while a head is awaited.
#[derive(Clone, Default)]
pub struct Exchanges(Arc<AtomicUsize>);

impl Exchanges {
    /// A head has arrived whole.
    pub fn begin(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Its request was read to the end; what comes now is the next head.
    pub fn end(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of the head that is awaited.
    fn awaited(&self) -> Option<usize> {
        let number = self.0.load(Ordering::Relaxed);
        number.is_multiple_of(2).then_some(number)
    }
}

/// A clock that runs from the first byte of a head that is not whole yet.
pub struct HeadClock {
    limit: Duration,
    exchanges: Exchanges,
    /// The head whose first byte has arrived last, and when it must be whole.
    begun: Option<(usize, Instant)>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl HeadClock {
    pub fn new(limit: Duration, exchanges: Exchanges) -> Self {
        Self {
            limit,
            exchanges,
            begun: None,
            timer: None,
        }
    }

    /// Bytes came in.
    pub fn arrived(&mut self) {
        let Some(number) = self.exchanges.awaited() else {
            return;
        };
        if self.begun.is_none_or(|(begun, _)| begun != number) {
            self.begun = Some((number, Instant::now() + self.limit));
        }
    }

    /// More bytes are waited for; ready once a head has been only half there for the whole limit.
    pub fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.begun {
            Some((number, end)) if self.exchanges.awaited() == Some(number) => {
                let timer = self
                    .timer
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
                if timer.deadline() != end {
                    timer.as_mut().reset(end);
                }
                timer.as_mut().poll(cx)
            }
            _ => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    async fn is_over(clock: &mut HeadClock, after: Duration) -> bool {
        let over = poll_fn(|cx| clock.poll_over(cx));
        tokio::time::timeout(after, over).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_half_head_runs_out_of_time() {
        let exchanges = Exchanges::default();
        let mut clock = HeadClock::new(LIMIT, exchanges.clone());
        assert!(!is_over(&mut clock, LIMIT * 10).await, "nothing was sent");
        clock.arrived();
        assert!(!is_over(&mut clock, LIMIT / 2).await);
        exchanges.begin();
        assert!(!is_over(&mut clock, LIMIT * 10).await, "the head is whole");
        clock.arrived();
        assert!(!is_over(&mut clock, LIMIT * 10).await, "that was its body");
        exchanges.end();
        assert!(!is_over(&mut clock, LIMIT * 10).await, "nothing followed");
        clock.arrived();
        assert!(is_over(&mut clock, LIMIT * 2).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_gains_no_time() {
        let mut clock = HeadClock::new(LIMIT, Exchanges::default());
        for _ in 0..4 {
            clock.arrived();
            assert!(!is_over(&mut clock, LIMIT / 5).await);
        }
        clock.arrived();
        assert!(is_over(&mut clock, LIMIT / 2).await);
    }
}
