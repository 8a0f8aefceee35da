//! The self-check: what earlier releases wrote, read back by this one, store by store.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::show::{Count, Counted, Moment, Size, Span};
use super::starts::{self, Starts};
use super::timeline::Timeline;
use super::{Shell, respond};
use crate::library::{Again, Level, Millis, Persistence, Reading, Totals, Unfinished};
use crate::store::boots::{ProofState, StoreProof};
use crate::store::mount::{Finding, Severity};
use crate::store::{Identity, Mount, now_ms};
use crate::web::problem::Failure;
use crate::web::state::App;

/// Starts on the page: what is behind them is in the API.
const SHOWN: usize = 16;

#[derive(Template)]
#[template(path = "persistence.html")]
pub struct PersistencePage {
    pub shell: Shell,
    pub verdict: Mark,
    pub sentence: String,
    pub stores: Vec<StoreRow>,
    pub findings: Vec<FindingRow>,
    pub repairs: Vec<String>,
    pub mount: Vec<Fact>,
    pub totals: Vec<Fact>,
    pub reading: Vec<Fact>,
    /// How far contents are read again.
    pub again: Option<Meter>,
    pub timeline: Timeline,
    pub starts: Starts,
    /// Which of all starts are shown.
    pub shown: String,
}

/// How something stands, as a shape and a word: never told by colour alone.
#[derive(Clone, Copy)]
pub enum Mark {
    Good,
    Warning,
    Bad,
}

impl Mark {
    /// For the class that gives it its colour.
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }

    pub fn is_good(self) -> bool {
        matches!(self, Self::Good)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "Good",
            Self::Warning => "Look at this",
            Self::Bad => "Act now",
        }
    }
}

pub struct StoreRow {
    name: &'static str,
    mark: Mark,
    state: &'static str,
    sentence: String,
}

pub struct FindingRow {
    mark: Mark,
    /// Absent where the verdict above says just that.
    sentence: Option<String>,
    remedy: Option<String>,
}

/// So many of so many.
pub struct Meter {
    done: u64,
    total: u64,
    sentence: String,
}

/// A line of a definition list.
pub struct Fact {
    name: &'static str,
    value: String,
}

pub async fn page(app: App) -> Result<Response, Failure> {
    let persistence = app.look(|library| library.persistence()).await?;
    let page = PersistencePage::new(Shell::of(&app), persistence, now_ms());
    Ok(respond(StatusCode::OK, &page))
}

impl PersistencePage {
    pub fn new(shell: Shell, persistence: Persistence, now_ms: Millis) -> Self {
        let Persistence {
            verdict,
            storage,
            boot,
            stores,
            mount,
            findings,
            mut boots,
            overlaps,
            lease,
            totals,
            uploads,
            reading,
            repairs,
        } = persistence;
        boots.truncate(SHOWN);
        let this = boot.number;
        let known = boots.first().map_or(0, |latest| latest.number);
        Self {
            shell,
            verdict: Mark::from(verdict.level),
            stores: stores
                .into_iter()
                .map(|proof| StoreRow::new(proof, now_ms))
                .collect(),
            findings: findings
                .into_iter()
                .map(|finding| FindingRow::new(finding, &verdict.sentence))
                .collect(),
            repairs,
            sentence: verdict.sentence,
            mount: mount_facts(&mount, &storage),
            totals: total_facts(&totals, &uploads, now_ms),
            reading: reading_facts(&reading),
            again: reading.again.map(Meter::from),
            timeline: Timeline::new(&boots, &overlaps, &lease, this, now_ms),
            starts: Starts::new(&boots, &overlaps, &lease, this, now_ms),
            shown: starts::told(boots.len(), known),
        }
    }
}

impl From<Level> for Mark {
    fn from(level: Level) -> Self {
        match level {
            Level::Good => Self::Good,
            Level::Warning => Self::Warning,
            Level::Bad => Self::Bad,
        }
    }
}

impl StoreRow {
    fn new(proof: StoreProof, now_ms: Millis) -> Self {
        let (mark, state) = match proof.state {
            ProofState::Proven => (Mark::Good, "read back"),
            ProofState::First => (Mark::Good, "first start"),
            ProofState::Rebuilt => (Mark::Good, "rebuilt"),
            ProofState::Unavailable => (Mark::Warning, "not open"),
            ProofState::Missing => (Mark::Bad, "missing"),
        };
        Self {
            name: store_name(proof.store),
            mark,
            state,
            sentence: proof_sentence(&proof, now_ms),
        }
    }
}

/// How old the oldest thing is that was read back, where something was; else what is wrong.
fn proof_sentence(proof: &StoreProof, now_ms: Millis) -> String {
    match (&proof.written_by, proof.state) {
        (Some(boot), ProofState::Proven) => format!(
            "Written by release {} {} and {} ago, read back by this one.",
            boot.release,
            Span(now_ms - boot.started_ms),
            Counted(proof.boots_ago, "start"),
        ),
        _ => proof.sentence.clone(),
    }
}

/// What a store is called on the page: what it holds, before its engine's name.
fn store_name(store: &'static str) -> &'static str {
    match store {
        "blobs" => "Contents (files)",
        "catalog" => "Names (SQLite)",
        "facts" => "Facts (redb)",
        "index" => "Words (tantivy)",
        "boots" => "Starts (files)",
        other => other,
    }
}

impl FindingRow {
    fn new(finding: Finding, verdict: &str) -> Self {
        let mark = match finding.severity {
            Severity::Error => Mark::Bad,
            Severity::Warning => Mark::Warning,
        };
        Self {
            mark,
            sentence: Some(finding.sentence).filter(|sentence| sentence != verdict),
            remedy: finding.remedy,
        }
    }
}

impl Fact {
    fn new(name: &'static str, value: impl ToString) -> Self {
        Self {
            name,
            value: value.to_string(),
        }
    }
}

impl From<Again> for Meter {
    fn from(again: Again) -> Self {
        let Again { done, total, .. } = again;
        Self {
            done,
            total,
            sentence: format!("{} of {}", Count(done), Count(total)),
        }
    }
}

fn reading_facts(reading: &Reading) -> Vec<Fact> {
    let children = &reading.children;
    let kept_in = match &children.confinement {
        Some(confinement) => confinement.named(),
        None => "not tried yet",
    };
    let mut facts = vec![
        Fact::new("Kept in by", kept_in),
        Fact::new(
            "At once",
            format!("at most {}", Count(children.workers as u64)),
        ),
        Fact::new("Memory for each", Size(children.memory)),
        Fact::new("Time for each", Counted(children.seconds, "second")),
    ];
    let lacking = children
        .confinement
        .and_then(|confinement| confinement.lacking());
    facts.extend(lacking.map(|lacking| Fact::new("Not here", lacking)));
    facts.push(Fact::new("Scans and pictures", reading.of_scans()));
    facts
}

fn mount_facts(mount: &Mount, storage: &Identity) -> Vec<Fact> {
    let mut kinds = vec![mount.filesystem.as_str()];
    kinds.extend(mount.network.then_some("over a network"));
    kinds.extend(mount.in_memory.then_some("in memory only"));
    kinds.extend(mount.read_only.then_some("read-only"));
    kinds.extend(mount.anonymous_volume.then_some("an anonymous volume"));
    let Mount {
        owner_uid,
        owner_gid,
        mode,
        uid,
        gid,
        ..
    } = mount;
    vec![
        Fact::new("Directory", &mount.path),
        Fact::new("Mount point of its own", yes_no(mount.is_mount_point)),
        Fact::new("Inside a container", yes_no(mount.in_container)),
        Fact::new("Filesystem", kinds.join(", ")),
        Fact::new("From", &mount.source),
        Fact::new(
            "Free",
            format!("{} of {}", Size(mount.free_bytes), Size(mount.total_bytes)),
        ),
        Fact::new("Free inodes", free_inodes(mount)),
        Fact::new(
            "Owner and mode",
            format!("{owner_uid}:{owner_gid}, {:04o}", mode & 0o7777),
        ),
        Fact::new("This process", format!("{uid}:{gid}")),
        Fact::new("Writable, by trying", yes_no(mount.writable)),
        Fact::new("Identity", storage.storage),
        Fact::new(
            "Made",
            format!("{} UTC", Moment(storage.created_ms).human()),
        ),
    ]
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn free_inodes(mount: &Mount) -> String {
    match mount.total_inodes {
        0 => "not counted by this filesystem".to_owned(),
        _ => Count(mount.free_inodes).to_string(),
    }
}

fn total_facts(totals: &Totals, uploads: &Unfinished, now_ms: Millis) -> Vec<Fact> {
    let search = match totals.waiting {
        0 => "up to date".to_owned(),
        waiting => format!("{} waiting", Counted(waiting, "change")),
    };
    vec![
        Fact::new("Files", Count(totals.files)),
        Fact::new("Their size", Size(totals.bytes)),
        Fact::new("Versions", Count(totals.versions)),
        Fact::new("In the trash", Count(totals.trashed)),
        Fact::new("Search", search),
        Fact::new("Unfinished uploads", unfinished(uploads, now_ms)),
        Fact::new("Abandoned uploads", abandoned(uploads)),
    ]
}

fn unfinished(uploads: &Unfinished, now_ms: Millis) -> String {
    match uploads.idle_since_ms {
        None => "none".to_owned(),
        Some(since) => format!(
            "{}, {} so far; the one that waits longest has got nothing for {}",
            Count(uploads.open),
            Size(uploads.bytes),
            Span(now_ms - since)
        ),
    }
}

/// Those that nobody went on with, as far back as they are remembered.
fn abandoned(uploads: &Unfinished) -> String {
    match uploads.expired {
        0 => "none removed lately".to_owned(),
        expired => format!(
            "{} removed lately, {} freed",
            Count(expired),
            Size(uploads.freed)
        ),
    }
}
