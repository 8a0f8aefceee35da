//! Named points between two steps at which a test can make the process stop dead, as `kill -9` would.
//!
//! They exist only in builds with the feature `crash-points`; in a release they are nothing.

use crate::error::Result;

/// Every point, by the path that passes it.
pub const POINTS: &[&str] = &[
    "blob.staged",
    "blob.appended",
    "blob.written",
    "blob.synced",
    "blob.shelved",
    "blob.renamed",
    "blob.durable",
    "blob.removed",
    "blob.forgotten",
    "pieces.appended",
    "pieces.paused",
    "pieces.hashed",
    "upload.sealed",
    "upload.committed",
    "sql.copied",
    "sql.migrated",
    "kv.created",
    "kv.written",
    "boot.numbered",
    "boot.recorded",
    "boot.sealed",
    "lease.taken",
    "lease.releasing",
    "index.created",
    "index.extracted",
    "index.facts_written",
    "index.added",
    "index.prepared",
    "index.committed",
    "again.facts_written",
    "again.indexed",
    "collect.removed",
];

#[cfg(feature = "crash-points")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use crate::error::{Error, Result};

    static ARMED: OnceLock<(String, AtomicU32)> = OnceLock::new();

    pub fn arm(name: Option<String>, skip: u32) -> Result<()> {
        let Some(name) = name else { return Ok(()) };
        if !super::POINTS.contains(&name.as_str()) {
            return Err(Error::invalid(format!(
                "There is no crash point \"{name}\"; there are {}.",
                super::POINTS.join(", ")
            )));
        }
        ARMED
            .set((name, AtomicU32::new(skip)))
            .map_err(|_| Error::invalid("A crash point is armed once, at the start."))
    }

    pub(crate) fn point(name: &'static str) {
        debug_assert!(
            super::POINTS.contains(&name),
            "{name} is missing from POINTS"
        );
        let Some((armed, skip)) = ARMED.get() else {
            return;
        };
        let spent = || {
            skip.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
                left.checked_sub(1)
            })
        };
        if armed == name && spent().is_err() {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
            // The signal is delivered at the latest when this thread next leaves the kernel;
            // no step after the point may run before that.
            loop {
                std::thread::park();
            }
        }
    }
}

#[cfg(feature = "crash-points")]
pub(crate) use armed::point;

/// Passes a point: here the process dies if a test armed it.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub(crate) fn point(_name: &'static str) {}

/// Chooses where this process will die: at the point `name`, after passing it `skip` times.
/// Called once, at the start. Invalid if there is no such point, or none in this build.
pub fn arm(name: Option<String>, skip: u32) -> Result<()> {
    #[cfg(feature = "crash-points")]
    return armed::arm(name, skip);
    #[cfg(not(feature = "crash-points"))]
    {
        let _ = skip;
        match name {
            None => Ok(()),
            Some(name) => Err(crate::error::Error::invalid(format!(
                "This build has no crash points, so \"{name}\" cannot be armed; build it with the feature crash-points."
            ))),
        }
    }
}
