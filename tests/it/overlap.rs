//! P4, P5, P6 proved on real processes that share one directory under load: redeploys in a row,
//! one of two killed at every named point and at random moments, damage while both run.

mod damage;
#[cfg(feature = "crash-points")]
mod kills;
pub mod lease;
mod load;
mod peer;
mod redeploys;
mod torture;
mod visible;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// These tests keep two processes and several clients busy each and measure promises in seconds:
/// one at a time, whatever else is running.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}
