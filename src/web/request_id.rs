//! Request ids: short, and different in every process that shares a log.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

static PROCESS: LazyLock<u32> = LazyLock::new(|| uuid::Uuid::new_v4().as_u128() as u32 & 0xff_ffff);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The next id, such as `3fa81c-2b`: the process, then a count of its requests. It names a line
/// in the log and is no secret.
pub fn next() -> String {
    format!(
        "{:06x}-{:x}",
        *PROCESS,
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_share_the_process() {
        let (a, b) = (next(), next());
        assert_ne!(a, b);
        assert_eq!(a[..7], b[..7]);
    }
}
