//! Bytes on their way in, counted from the first one: what no row of the catalog tells of yet.
//!
//! The uploads of one process see each other here. Those of another process are seen as far as the
//! catalog and `staging/` tell of them, so bytes of a plain PUT there count once they are stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::accounts::AccountId;
use super::uploads::UploadId;
use super::viewer::Viewer;
use crate::store::sync::lock;

/// Bytes of one account that arrive between two checks of what it may store.
pub(super) const CHECK_BYTES: u64 = 4 << 20;
/// Longest time between two such checks while bytes arrive.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Whose quota an upload counts against, and whether it came through a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sender {
    pub account: Option<AccountId>,
    pub link: Option<i64>,
}

impl Viewer {
    pub(super) fn sender(&self) -> Sender {
        Sender {
            account: self.acting().map(|acting| acting.account),
            link: self.link(),
        }
    }
}

/// What arrives at this process; clones share it.
#[derive(Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    next: u64,
    arriving: HashMap<u64, Arriving>,
    /// Bytes of each account since it was last checked.
    unchecked: HashMap<Option<AccountId>, u64>,
}

/// One upload on its way in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arriving {
    pub sender: Sender,
    /// Its row in the catalog, if it has one.
    pub upload: Option<UploadId>,
    /// How many bytes it has, or will have as far as that was announced.
    pub bytes: u64,
}

impl Arrivals {
    /// Counts an upload for as long as what this answers is kept.
    pub fn begin(&self, arriving: Arriving) -> Arrival {
        let mut state = lock(&self.0);
        state.next += 1;
        let number = state.next;
        state.arriving.insert(number, arriving);
        Arrival {
            arrivals: self.clone(),
            number,
            sender: arriving.sender,
            unchecked: 0,
            checked: Instant::now(),
        }
    }

    pub fn all(&self) -> Vec<Arriving> {
        lock(&self.0).arriving.values().copied().collect()
    }
}

/// One upload's place among those that arrive; it leaves when dropped.
pub(super) struct Arrival {
    arrivals: Arrivals,
    number: u64,
    sender: Sender,
    /// Bytes of this one since it was last checked.
    unchecked: u64,
    checked: Instant,
}

impl Arrival {
    /// Counts bytes that came, `total` with those before; answers whether it is time to check.
    pub fn add(&mut self, bytes: u64, total: u64) -> bool {
        self.unchecked += bytes;
        let mut state = lock(&self.arrivals.0);
        if let Some(arriving) = state.arriving.get_mut(&self.number) {
            arriving.bytes = arriving.bytes.max(total);
        }
        let together = state.unchecked.entry(self.sender.account).or_default();
        *together += bytes;
        *together >= CHECK_BYTES || self.unchecked >= CHECK_BYTES || self.is_overdue()
    }

    /// Whether the last check is long ago.
    pub fn is_overdue(&self) -> bool {
        self.checked.elapsed() >= CHECK_INTERVAL
    }

    /// The check was passed. One that fails is made again for whatever comes next.
    pub fn passed(&mut self) {
        (self.unchecked, self.checked) = (0, Instant::now());
        lock(&self.arrivals.0)
            .unchecked
            .insert(self.sender.account, 0);
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        lock(&self.arrivals.0).arriving.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(account: AccountId) -> Arriving {
        Arriving {
            sender: Sender {
                account: Some(account),
                link: None,
            },
            upload: None,
            bytes: 0,
        }
    }

    #[test]
    fn many_small_ones_are_checked_together() {
        let arrivals = Arrivals::default();
        let quarter = CHECK_BYTES / 4;
        let mut all: Vec<_> = (0..4).map(|_| arrivals.begin(of(1))).collect();
        let mut other = arrivals.begin(of(2));
        let due: Vec<_> = all
            .iter_mut()
            .map(|arrival| arrival.add(quarter, quarter))
            .collect();
        assert_eq!(due, [false, false, false, true]);
        assert!(!other.add(1, 1));
        // As long as nothing has passed, nobody gets further.
        assert!(all[0].add(1, quarter + 1));
        all[0].passed();
        assert!(!all[1].add(1, quarter + 1));
        assert_eq!(arrivals.all().len(), 5);
        drop(all);
        assert_eq!(arrivals.all().len(), 1);
    }

    #[test]
    fn what_was_announced_counts_from_the_beginning() {
        let arrivals = Arrivals::default();
        let mut arrival = arrivals.begin(Arriving { bytes: 10, ..of(1) });
        arrival.add(4, 4);
        assert_eq!(arrivals.all()[0].bytes, 10);
        arrival.add(8, 12);
        assert_eq!(arrivals.all()[0].bytes, 12);
    }
}
