//! What a run measured, as one line of JSON.

use std::fmt::Write;
use std::time::{Duration, Instant};

pub struct Tally {
    started: Instant,
    finished: Instant,
    /// One duration per successful exchange.
    exchanges: Vec<Duration>,
    failed: usize,
    /// Octets of bodies moved, whichever way.
    pub bytes: u64,
    /// From an upload's answer to the first search that found it, for the sampled uploads.
    pub searchable: Vec<Duration>,
}

impl Tally {
    pub fn start() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            finished: now,
            exchanges: Vec::new(),
            failed: 0,
            bytes: 0,
            searchable: Vec::new(),
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn exchange(&mut self, began: Instant, bytes: u64) {
        self.finished = Instant::now();
        self.exchanges.push(self.finished - began);
        self.bytes += bytes;
    }

    /// The first refusal is shown: the rest are likely the same.
    pub fn failure(&mut self, status: u16, body: &[u8]) {
        if self.failed == 0 {
            let excerpt = String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned();
            eprintln!("load: first refusal: {status} {excerpt}");
        }
        self.failed += 1;
        self.finished = Instant::now();
    }

    pub fn to_json(&self) -> String {
        let mut json = format!(
            "{{\"answers\": {}, \"failed\": {}, \"bytes\": {}, \"seconds\": {:.6}",
            self.exchanges.len(),
            self.failed,
            self.bytes,
            (self.finished - self.started).as_secs_f64()
        );
        percentiles(&mut json, "", &self.exchanges);
        percentiles(&mut json, "searchable_", &self.searchable);
        json.push('}');
        json
    }
}

/// Nearest-rank percentiles in milliseconds; nothing when there was nothing to measure.
fn percentiles(json: &mut String, prefix: &str, durations: &[Duration]) {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let Some(last) = sorted.len().checked_sub(1) else {
        return;
    };
    for (name, share) in [("p50", 0.50), ("p99", 0.99), ("max", 1.0)] {
        let rank = (share * sorted.len() as f64).ceil() as usize;
        let value = sorted[rank.saturating_sub(1).min(last)].as_secs_f64() * 1000.0;
        // Writing to a String cannot fail.
        let _ = write!(json, ", \"{prefix}{name}_ms\": {value:.4}");
    }
}
