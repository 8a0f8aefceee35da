//! The self-check as a report: what earlier releases wrote, read back by this one.

use serde::Serialize;
use utoipa::ToSchema;

use super::catalog;
use super::uploads::Unfinished;
use super::{Again, Library};
use crate::error::Result;
use crate::extract::child::Standing;
use crate::store::boots::{Boot, Overlap, ProofState, StoreProof, Term};
use crate::store::mount::{Finding, Severity};
use crate::store::{Identity, Mount, Store, kv};

/// Boots shown in the timeline.
const TIMELINE: u32 = 50;

/// Everything `/persistence` shows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Persistence {
    pub verdict: Verdict,
    pub storage: Identity,
    pub boot: Boot,
    pub stores: Vec<StoreProof>,
    pub mount: Mount,
    pub findings: Vec<Finding>,
    /// Newest first, this one included.
    pub boots: Vec<Boot>,
    /// Which of these ran at the same time, latest first.
    pub overlaps: Vec<Overlap>,
    /// Which of these held the index lease, latest first.
    pub lease: Vec<Term>,
    pub totals: Totals,
    pub uploads: Unfinished,
    pub reading: Reading,
    /// What this start found, repaired and rebuilt; empty when there was nothing to do.
    pub repairs: Vec<String>,
}

/// The report in one word and one sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verdict {
    pub level: Level,
    pub sentence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Good,
    Warning,
    Bad,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Totals {
    /// Live files.
    pub files: u64,
    /// Bytes of their current versions.
    pub bytes: u64,
    pub versions: u64,
    pub trashed: u64,
    /// Highest sequence given so far.
    pub last_sequence: u64,
    pub searchable_through: u64,
    /// Changes that the index has yet to apply.
    pub waiting: u64,
}

/// How documents are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reading {
    #[serde(flatten)]
    pub children: Standing,
    /// How far contents have been read again that could not be read before; absent when
    /// there are none.
    pub again: Option<Again>,
    /// The languages in which scans and pictures are recognised, such as `eng+deu`; absent where
    /// they are not.
    pub ocr: Option<String>,
}

/// One store as readiness names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoreHealth {
    pub store: &'static str,
    pub ok: bool,
    pub detail: String,
}

impl Reading {
    /// How scans and pictures are read, in words that follow "are".
    pub fn of_scans(&self) -> String {
        match &self.ocr {
            Some(languages) => format!("read by tesseract ({languages}), behind everything else"),
            None => "not read: no tesseract that works is on the PATH".into(),
        }
    }

    fn finding(&self) -> Option<Finding> {
        let trouble = self.children.trouble.as_ref()?;
        Some(Finding {
            severity: Severity::Warning,
            sentence: format!(
                "{trouble} Until one can, documents are found by their names only; they are read then."
            ),
            remedy: None,
        })
    }
}

impl Library {
    /// Asks every store, now.
    pub fn persistence(&self) -> Result<Persistence> {
        let stores = self.store.verify()?;
        let mount = Mount::inspect(&self.root)?;
        let mut findings = mount.findings();
        let reading = self.reading();
        findings.extend(reading.finding());
        let mut repairs = self.report.repairs.clone();
        for repair in self
            .store
            .kv
            .repairs()
            .into_iter()
            .chain(self.store.index.repairs())
        {
            if !repairs.contains(&repair) {
                repairs.push(repair);
            }
        }
        let Store { boots, sql, .. } = &self.store;
        let timeline = boots.list(sql, TIMELINE)?;
        let oldest = timeline.last().map_or(0, |boot| boot.number);
        // As the ledger has it by now.
        let this = boots.current();
        let this = timeline
            .iter()
            .find(|boot| boot.number == this.number)
            .unwrap_or(this);
        Ok(Persistence {
            verdict: verdict(&stores, &findings),
            storage: self.store.identity.clone(),
            boot: this.clone(),
            stores,
            mount,
            findings,
            overlaps: boots.overlaps(sql, oldest)?,
            lease: boots.terms(sql, oldest)?,
            boots: timeline,
            totals: self.totals()?,
            uploads: self.unfinished_uploads()?,
            reading,
            repairs,
        })
    }

    pub fn reading(&self) -> Reading {
        Reading {
            children: self.readers.standing(),
            // Told as far as the facts can be read now.
            again: self.reading_again().unwrap_or_default(),
            ocr: self.readers.languages().map(str::to_owned),
        }
    }

    pub fn totals(&self) -> Result<Totals> {
        let searchable_through = self.searchable_through();
        let waiting = self.waiting()?;
        self.store.sql.read(|c| {
            let (files, bytes) = c
                .prepare_cached("SELECT coalesce(sum(files), 0), coalesce(sum(bytes), 0) FROM folder WHERE path = ''")?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let count = |sql: &str| -> Result<u64> {
                Ok(c.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
            };
            Ok(Totals {
                files,
                bytes,
                versions: count("SELECT count(*) FROM version")?,
                trashed: count("SELECT count(*) FROM file WHERE trashed_ms IS NOT NULL")?,
                last_sequence: catalog::last_sequence(c)?,
                searchable_through,
                waiting,
            })
        })
    }

    /// A quick look at each store, for readiness.
    pub fn health(&self) -> Vec<StoreHealth> {
        let state = |store, outcome: Result<String>| match outcome {
            Ok(detail) => StoreHealth {
                store,
                ok: true,
                detail,
            },
            Err(error) => StoreHealth {
                store,
                ok: false,
                detail: error.sentence().to_owned(),
            },
        };
        let catalog = self
            .last_sequence()
            .map(|last| format!("at sequence {last}"));
        let facts = match self.store.kv.state() {
            kv::State::Open => StoreHealth {
                store: "facts",
                ok: true,
                detail: "open".into(),
            },
            kv::State::Waiting(reason) | kv::State::Barred(reason) => StoreHealth {
                store: "facts",
                ok: false,
                detail: reason,
            },
            kv::State::Closed => StoreHealth {
                store: "facts",
                ok: false,
                detail: "closed".into(),
            },
        };
        let index = self.store.index.read(|searcher| {
            let through = self.searchable_through();
            Ok(format!(
                "{} documents, at sequence {through}",
                searcher.num_docs()
            ))
        });
        let blobs = self
            .store
            .blobs
            .check()
            .map(|()| "readable and writable".to_owned());
        vec![
            state("blobs", blobs),
            state("catalog", catalog),
            facts,
            state("index", index),
        ]
    }
}

fn verdict(stores: &[StoreProof], findings: &[Finding]) -> Verdict {
    if let Some(lost) = stores
        .iter()
        .find(|proof| proof.state == ProofState::Missing)
    {
        return Verdict {
            level: Level::Bad,
            sentence: format!("{}: {}", lost.store, lost.sentence),
        };
    }
    let worst = findings
        .iter()
        .find(|finding| finding.severity == Severity::Error);
    if let Some(finding) = worst.or(findings.first()) {
        return Verdict {
            level: if worst.is_some() {
                Level::Bad
            } else {
                Level::Warning
            },
            sentence: finding.sentence.clone(),
        };
    }
    if let Some(waiting) = stores
        .iter()
        .find(|proof| proof.state == ProofState::Unavailable)
    {
        return Verdict {
            level: Level::Warning,
            sentence: format!("{}: {}", waiting.store, waiting.sentence),
        };
    }
    let sentence = if stores.iter().all(|proof| proof.state == ProofState::First) {
        "This is the first boot on this directory; the next release will read back what it writes."
    } else {
        "Everything that earlier releases wrote was read back by this one."
    };
    Verdict {
        level: Level::Good,
        sentence: sentence.into(),
    }
}
