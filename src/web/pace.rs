//! How often somebody may ask who has not said who it is.
//!
//! By address, and for each process by itself: it keeps a flood from one place from taking turns
//! that others wait for. Guessing passwords is slowed down elsewhere, for all processes together
//! (`library/accounts/guesses`).

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::error::{Error, Kind, Result};
use crate::library::network_of;

/// Requests a second, on average.
const RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(49);
/// Requests at once: what a few people behind one address need to open a large folder.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);
/// Addresses that are remembered before those are forgotten that have been quiet.
const MOST: usize = 10_000;

pub struct Pace {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            limiter: RateLimiter::keyed(Quota::per_second(RATE).allow_burst(BURST)),
            clock: DefaultClock::default(),
        }
    }
}

impl Pace {
    /// # Errors
    /// [`Kind::TooMany`] if requests come faster from there than one person makes them.
    pub fn keep(&self, address: IpAddr) -> Result<()> {
        if self.limiter.len() > MOST {
            self.limiter.retain_recent();
        }
        let Err(not_until) = self.limiter.check_key(&network_of(address)) else {
            return Ok(());
        };
        let wait: Duration = not_until.wait_time_from(self.clock.now());
        let seconds = wait.as_secs() + 1;
        Err(Error::new(
            Kind::TooMany,
            format!("Too many requests come from your address; try again in {seconds} s."),
        )
        .after(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_from_one_place_keeps_nobody_else_out() {
        let pace = Pace::default();
        let flood: IpAddr = "2001:db8::1".parse().unwrap();
        let refused = (0..2_000).find_map(|_| pace.keep(flood).err()).unwrap();
        assert_eq!(refused.kind(), Kind::TooMany);
        assert!(refused.retry_after().is_some());
        let beside = "2001:db8::2".parse().unwrap();
        assert!((0..2_000).any(|_| pace.keep(beside).is_err()));
        assert!(pace.keep("2001:db8:0:1::1".parse().unwrap()).is_ok());
        assert!(pace.keep("192.0.2.1".parse().unwrap()).is_ok());
    }
}
