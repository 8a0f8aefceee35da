//! What the ledger records: boots, their sentinels, how they overlapped, who held the lease.

use serde::{Deserialize, Serialize};

use crate::store::now_ms;

/// One start of a release on this directory. Times are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Boot {
    pub number: u64,
    pub release: String,
    pub host: String,
    pub pid: u32,
    pub started_ms: i64,
    /// When it was first ready to serve; absent before that, and of releases that did not note it.
    pub ready_ms: Option<i64>,
    /// When it was told to go; absent if it was not.
    pub told_ms: Option<i64>,
    /// The last sign of life, at most some seconds before its end.
    pub last_seen_ms: i64,
    /// Absent while it runs. Of a boot that did not leave in order, the last time at which it
    /// was known to be alive.
    pub ended_ms: Option<i64>,
    /// Absent while it runs.
    pub ending: Option<Ending>,
}

impl Boot {
    /// This process, not yet numbered.
    pub(super) fn here(release: &str, started_ms: i64) -> Self {
        Self {
            number: 0,
            release: release.to_owned(),
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            pid: std::process::id(),
            started_ms,
            ready_ms: None,
            told_ms: None,
            last_seen_ms: now_ms(),
            ended_ms: None,
            ending: None,
        }
    }
}

/// How a boot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// It left in order: what was in flight was finished, and the stores were closed.
    Drained,
    /// It had been told to go, and was ended before it was done.
    Killed,
    /// It vanished without having been told: a crash, a kill, a power cut. Also what is said of a
    /// release that does not note when it is told.
    Crashed,
}

impl Ending {
    /// As the ledger has it.
    pub(in crate::store) fn word(self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::Killed => "killed",
            Self::Crashed => "crashed",
        }
    }

    /// Nothing for a word that only a later release knows.
    pub(in crate::store) fn of(word: &str) -> Option<Self> {
        [Self::Drained, Self::Killed, Self::Crashed]
            .into_iter()
            .find(|ending| ending.word() == word)
    }
}

/// What a boot leaves behind: a number and a word nobody else could have written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentinel {
    pub number: u64,
    pub token: String,
}

impl Sentinel {
    /// The word under which the index finds it.
    pub fn word(&self) -> String {
        format!("boot{}x{}", self.number, self.token)
    }

    pub(super) fn content(&self) -> String {
        format!("wharfside boot {}\n{}\n", self.number, self.token)
    }
}

/// Two boots at work at the same time. Times are milliseconds since the epoch; the counts are
/// exact to about 100 ms at either end, of a boot that did not leave in order to about a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Overlap {
    pub older: u64,
    pub newer: u64,
    pub began_ms: i64,
    /// When both were last known to be there.
    pub last_ms: i64,
    /// Requests that the older one answered in this time; absent of a release that does not count.
    pub older_requests: Option<u64>,
    /// The same of the newer one.
    pub newer_requests: Option<u64>,
}

/// This boot beside one other, as it knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Beside {
    pub(in crate::store) other: u64,
    pub(in crate::store) began_ms: i64,
    pub(in crate::store) last_ms: i64,
    pub(in crate::store) requests: u64,
}

/// A time during which one boot was the only writer of an index. Terms of one index do not
/// intersect. Times are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Term {
    pub boot: u64,
    /// Name of the index's folder: releases that index differently have one each, with a lease
    /// each.
    pub index: String,
    pub taken_ms: i64,
    /// When it let go; of a holder that died, when another one last found it holding the lease.
    pub released_ms: Option<i64>,
    pub how: HandOver,
    /// The boot that had it before, if it was handed over.
    pub previous: Option<u64>,
    /// How long nobody had it, in milliseconds: from the time when the holder before was told to
    /// go, or let go by itself. If it died, the time since this boot last found it alive,
    /// which is a little more than nobody had it.
    pub after_ms: Option<u64>,
}

/// How a term of the index lease began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HandOver {
    /// Nobody held it when this boot came.
    Free,
    /// The holder before let go of it.
    Released,
    /// The holder before died.
    Died,
    /// A release that keeps no record held it before.
    Unrecorded,
}
