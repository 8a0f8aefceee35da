//! The other boots: which of them live, since when this one runs beside them, and what became of
//! those that are gone.
//!
//! A boot's life is asked of the kernel (its lock on `boots/<n>.json`). Boots of releases that
//! keep no such lock, and those whose file is missing, are known by their heartbeats: alive when
//! one was seen, gone when none came for a long time by this process's own clock.
//!
//! Whoever finds a boot gone notes its end for it, in one transaction that looks again; so it
//! does not matter how many find it at once.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use super::file::{self, Life};
use super::{Beside, Boot, Ending};
use crate::error::Result;
use crate::store::sql::ledger::{self, Open};
use crate::store::{Sql, now_ms};

/// How long a boot that can only be known by its heartbeats may be quiet.
const QUIET: Duration = Duration::from_secs(60);

/// What this process knows of the others.
#[derive(Default)]
pub(super) struct Neighbours {
    /// Those that live, by number.
    living: BTreeMap<u64, Living>,
    /// Those without a lock, by number.
    unlocked: HashMap<u64, Heard>,
    /// Overlaps that are over, and not noted yet.
    over: Vec<Beside>,
}

struct Living {
    since: Instant,
    beside: Beside,
    /// What this process had served when the other one came.
    served_before: u64,
}

/// The last heartbeat that was heard.
struct Heard {
    last_seen_ms: i64,
    at: Instant,
    /// Whether there was one after the first look, which proves that somebody is there.
    again: bool,
}

impl Neighbours {
    /// Looks at every boot that has not ended; answers whether an overlap began or ended.
    /// `served` is how many requests this process has answered so far.
    pub(super) fn look(
        &mut self,
        folder: &Path,
        me: &Boot,
        served: u64,
        sql: &Sql,
    ) -> Result<bool> {
        let open = sql.read(|c| ledger::open(c, me.number))?;
        self.unlocked
            .retain(|number, _| open.iter().any(|other| other.number == *number));
        let now_ms = now_ms();
        let mut met = Vec::new();
        let mut changed = false;
        for other in &open {
            match self.life(folder, other)? {
                Life::Alive => {
                    met.push(other.number);
                    changed |= self.meet(me, other, served, now_ms);
                }
                Life::Gone => self.bury(other, sql)?,
                Life::Unknown => {}
            }
        }
        changed |= self.part(&met, served, sql)?;
        Ok(changed)
    }

    /// How this boot stands beside each other one, those included that are gone since the last
    /// time that this was [noted](Self::noted).
    pub(super) fn beside(&self) -> Vec<Beside> {
        let living = self.living.values().map(|living| living.beside);
        self.over.iter().copied().chain(living).collect()
    }

    /// The overlaps that are over need not be noted again.
    pub(super) fn noted(&mut self) {
        self.over.clear();
    }

    /// The numbers of those that live.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.living.keys().copied().collect()
    }

    /// For how long the newest overlap has been going on.
    pub(super) fn youngest(&self) -> Option<Duration> {
        let ages = self.living.values().map(|living| living.since.elapsed());
        ages.min()
    }

    fn life(&mut self, folder: &Path, other: &Open) -> Result<Life> {
        if other.locked {
            match file::life(folder, other.number)? {
                Life::Unknown => {}
                known => return Ok(known),
            }
        }
        let heard = self.unlocked.entry(other.number).or_insert(Heard {
            last_seen_ms: other.last_seen_ms,
            at: Instant::now(),
            again: false,
        });
        if heard.last_seen_ms != other.last_seen_ms {
            *heard = Heard {
                last_seen_ms: other.last_seen_ms,
                at: Instant::now(),
                again: true,
            };
        }
        Ok(match heard.at.elapsed() < QUIET {
            true if heard.again => Life::Alive,
            true => Life::Unknown,
            false => Life::Gone,
        })
    }

    /// Answers whether this is the first time.
    fn meet(&mut self, me: &Boot, other: &Open, served: u64, now_ms: i64) -> bool {
        let is_new = !self.living.contains_key(&other.number);
        let living = self.living.entry(other.number).or_insert(Living {
            since: Instant::now(),
            beside: Beside {
                other: other.number,
                began_ms: me.started_ms.max(other.started_ms).min(now_ms),
                last_ms: now_ms,
                requests: 0,
            },
            // Of the two, the later one has always had company.
            served_before: if other.number < me.number { 0 } else { served },
        });
        living.beside.last_ms = now_ms;
        living.beside.requests = served - living.served_before;
        is_new
    }

    /// Ends the overlap with those that were not met this time.
    fn part(&mut self, met: &[u64], served: u64, sql: &Sql) -> Result<bool> {
        let gone: Vec<u64> = self.living.keys().copied().collect();
        let mut parted = false;
        for number in gone.into_iter().filter(|number| !met.contains(number)) {
            let ended_ms = sql.read(|c| ledger::ended_ms(c, number))?;
            let Some(living) = self.living.remove(&number) else {
                continue;
            };
            let mut beside = living.beside;
            beside.last_ms = ended_ms.unwrap_or(beside.last_ms).max(beside.began_ms);
            beside.requests = served - living.served_before;
            self.over.push(beside);
            parted = true;
        }
        Ok(parted)
    }

    fn bury(&mut self, other: &Open, sql: &Sql) -> Result<()> {
        let number = other.number;
        let known = self.living.get(&number).map(|living| living.beside.last_ms);
        let alive_ms = known.unwrap_or(other.last_seen_ms);
        let ending = sql.write(move |c| ledger::end_of(c, number, alive_ms))?;
        if let Some(ending) = ending {
            let how = match ending {
                Ending::Killed => "had been told to go, and was ended before it was done",
                _ => "is gone without having been told to go",
            };
            tracing::warn!(boot = number, "another process {how}");
        }
        Ok(())
    }
}
