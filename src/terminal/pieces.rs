//! How large the pieces of a file are: they begin at what most proxies let through, grow while it
//! goes well, and what is refused is remembered for the run.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const LEAST: u64 = 64 << 10;
const FIRST: u64 = 1 << 20;
const MOST: u64 = 64 << 20;
/// A piece that takes longer than this is large enough.
const LONG: Duration = Duration::from_secs(4);

/// Shared by all that send.
pub struct Pieces(Mutex<Sizes>);

#[derive(Clone, Copy)]
struct Sizes {
    size: u64,
    ceiling: u64,
    /// The largest that went through.
    proven: u64,
}

impl Pieces {
    pub fn new() -> Self {
        Self(Mutex::new(Sizes {
            size: FIRST,
            ceiling: MOST,
            proven: 0,
        }))
    }

    /// Bytes of the next piece.
    pub fn size(&self) -> u64 {
        self.change(|_| ()).size
    }

    pub fn went_well(&self, bytes: u64, took: Duration) {
        self.change(|sizes| {
            sizes.proven = sizes.proven.max(bytes);
            if bytes >= sizes.size && took < LONG {
                sizes.size = (sizes.size * 2).min(sizes.ceiling);
            }
        });
    }

    /// Something on the way refuses so many bytes; false if fewer cannot help.
    pub fn was_refused(&self, bytes: u64) -> bool {
        self.change(|sizes| {
            sizes.ceiling = sizes.ceiling.min(bytes / 2).max(LEAST);
            sizes.size = sizes.size.min(sizes.ceiling);
        });
        bytes > LEAST
    }

    /// A proxy may also refuse by cutting the connection: a size that never went through and was
    /// lost counts as refused, down to the one that nearly all let through.
    pub fn was_lost(&self, bytes: u64) {
        self.change(|sizes| {
            if bytes > sizes.proven && bytes > FIRST {
                sizes.ceiling = sizes.ceiling.min(bytes / 2).max(FIRST);
                sizes.size = sizes.size.min(sizes.ceiling);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Sizes)) -> Sizes {
        let mut sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut sizes);
        *sizes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_grow_to_what_is_let_through() {
        let pieces = Pieces::new();
        pieces.went_well(FIRST, Duration::ZERO);
        assert_eq!(pieces.size(), 2 * FIRST);
        assert!(pieces.was_refused(2 * FIRST));
        for _ in 0..9 {
            pieces.went_well(FIRST, Duration::ZERO);
        }
        assert_eq!(pieces.size(), FIRST);
        assert!(!pieces.was_refused(LEAST));
    }

    #[test]
    fn pieces_have_a_most_and_slow_ones_do_not_grow() {
        let pieces = Pieces::new();
        pieces.went_well(FIRST, LONG);
        assert_eq!(pieces.size(), FIRST);
        for _ in 0..9 {
            pieces.went_well(pieces.size(), Duration::ZERO);
        }
        assert_eq!(pieces.size(), MOST);
    }
}
