//! Counters of this process, in the Prometheus text format.

#[derive(Default)]
pub struct Metrics {}
