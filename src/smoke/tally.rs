//! What a watch has seen: counts, the longest stalls, what failed and when, the boots.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use super::count;

/// Failures beyond these are counted only; the first ones tell what went wrong.
const KEPT: usize = 1_000;

/// One request, as it went.
pub struct Request {
    /// What it was, as a verb: "upload".
    pub doing: &'static str,
    pub began: Instant,
    pub ended: Instant,
    pub failure: Option<String>,
    /// The boot that answered, where the answer says so.
    pub boot: Option<u64>,
}

/// A request that failed.
pub struct Failed {
    pub doing: &'static str,
    pub began: Instant,
    pub ended: Instant,
    pub reason: String,
}

#[derive(Default)]
pub struct Tally {
    pub requests: usize,
    pub failures: usize,
    /// The first failures, in the order in which they were reported.
    pub failed: Vec<Failed>,
    pub boots: BTreeSet<u64>,
    /// The request that waited longest for its answer.
    pub longest: Option<(Duration, &'static str)>,
    /// The longest time in which nobody's request succeeded: an outage, however quickly each
    /// request was refused.
    pub silence: Duration,
    last_success: Option<Instant>,
}

impl Tally {
    pub fn add(&mut self, request: Request) {
        self.requests += 1;
        self.boots.extend(request.boot);
        let took = request.ended - request.began;
        if self.longest.is_none_or(|(longest, _)| took > longest) {
            self.longest = Some((took, request.doing));
        }
        if let Some(reason) = request.failure {
            self.failures += 1;
            if self.failed.len() < KEPT {
                self.failed.push(Failed {
                    doing: request.doing,
                    began: request.began,
                    ended: request.ended,
                    reason,
                });
            }
        } else {
            let last = self.last_success.unwrap_or(request.ended);
            // Reports of several clients arrive slightly out of order.
            let silence = request.ended.saturating_duration_since(last);
            self.silence = self.silence.max(silence);
            self.last_success = Some(last.max(request.ended));
        }
    }
}

/// One line: `812 requests, 0 failures, longest wait 41 ms (upload), longest silence 9 ms, boots 3, 4`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (requests, failures) = (
            count(self.requests, "request"),
            count(self.failures, "failure"),
        );
        write!(f, "{requests}, {failures}")?;
        if let Some((longest, doing)) = self.longest {
            write!(f, ", longest wait {} ms ({doing})", longest.as_millis())?;
            write!(f, ", longest silence {} ms", self.silence.as_millis())?;
        }
        if !self.boots.is_empty() {
            let boots: Vec<String> = self.boots.iter().map(u64::to_string).collect();
            write!(
                f,
                ", {} {}",
                if boots.len() == 1 { "boot" } else { "boots" },
                boots.join(", ")
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_tells_it_all() {
        let mut tally = Tally::default();
        assert_eq!(tally.to_string(), "0 requests, 0 failures");
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let request = |doing, began, ended, failure: Option<&str>, boot| Request {
            doing,
            began: at(began),
            ended: at(ended),
            failure: failure.map(str::to_owned),
            boot,
        };
        tally.add(request("upload", 0, 41, None, Some(3)));
        tally.add(request("search", 41, 48, Some("refused"), None));
        tally.add(request("upload", 130, 141, None, Some(4)));
        tally.add(request("search", 120, 139, None, None));
        assert_eq!(
            tally.to_string(),
            "4 requests, 1 failure, longest wait 41 ms (upload), longest silence 100 ms, boots 3, 4"
        );
        assert_eq!(tally.failed.len(), 1);
        assert_eq!(tally.failed[0].reason, "refused");
        assert_eq!(tally.failed[0].began, at(41));
    }
}
