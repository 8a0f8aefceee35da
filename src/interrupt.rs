//! Ctrl-C, or a platform's SIGTERM, as a flag that a loop can look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Error, Result};

/// A flag that turns true with the first signal; the second one ends the process at once, for
/// a person who does not want to wait for the summary.
pub fn flag() -> Result<Arc<AtomicBool>> {
    let failed = |error| Error::internal("Signals cannot be caught.").because(error);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(failed)?;
    // Caught before this returns: a signal in between must not end the process unreported.
    let (mut interrupt, mut terminate) = runtime.block_on(async {
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        Ok::<_, Error>((interrupt, terminate))
    })?;
    let raised = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&raised);
    thread::spawn(move || {
        runtime.block_on(async {
            for _ in 0..2 {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if raised.swap(true, Ordering::Relaxed) {
                    std::process::exit(1);
                }
            }
        });
    });
    Ok(flag)
}
