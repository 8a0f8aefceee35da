//! The rehearsal of a release: run while the old one serves from the same directory, before a
//! process of the new one exists.
//!
//! It fails for what would keep the new release from becoming ready, or would harm the old one.
//! What is wrong with the directory all the same (no mount of its own, say) is a warning: it was
//! so before, and must not keep a fix from being deployed.

use std::error::Error as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{self, Access, Config};
use crate::error::{Error, Kind, Result};
use crate::extract::child::Pool;
use crate::library::Library;
use crate::store::mount::Presence;
use crate::store::rehearse::{Facts, Folder};
use crate::store::sql::{Survey, Trial};
use crate::store::{FILES, FOLDERS, Finding, Mount, Rehearsal};

/// Bytes that a start and its first minutes need besides what is counted.
const RESERVE: u64 = 16 << 20;
/// Files that a start makes, with some to spare.
const INODES: u64 = 200;
/// A copy above this many bytes is not made in memory.
const IN_MEMORY: u64 = 64 << 20;

/// What the rehearsal showed.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether the release may go live; warnings do not keep it from that.
    pub ok: bool,
    pub release: String,
    /// In the order in which they were looked at; it ends with what makes the rest pointless.
    pub steps: Vec<Step>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub step: &'static str,
    pub verdict: Verdict,
    pub sentence: String,
    /// Shell commands, one a line, that mend it.
    pub remedy: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    Warning,
    Wrong,
}

/// Looks at everything that a start would use; what fails is in the report.
pub fn rehearse(config: &Config) -> Report {
    let mut preflight = Preflight {
        config,
        steps: Vec::new(),
    };
    preflight.configuration();
    preflight.reading();
    // What ends it early has left its row.
    let _ = preflight.run();
    let ok = preflight
        .steps
        .iter()
        .all(|step| step.verdict != Verdict::Wrong);
    Report {
        ok,
        release: config.release.clone(),
        steps: preflight.steps,
    }
}

impl Report {
    pub fn in_words(&self) -> String {
        let mut lines = Vec::new();
        for step in &self.steps {
            let label = match step.verdict {
                Verdict::Ok => "ok",
                Verdict::Warning => "warning",
                Verdict::Wrong => "WRONG",
            };
            lines.push(format!("{label:<9} {}: {}", step.step, step.sentence));
            let remedy = step.remedy.iter().flat_map(|remedy| remedy.lines());
            lines.extend(remedy.map(|line| format!("          {line}")));
        }
        let release = &self.release;
        lines.push(match self.ok {
            true => format!("Release {release} can go live; nothing was changed."),
            false => format!(
                "Release {release} must not go live; see above. Nothing was changed, and what runs goes on."
            ),
        });
        lines.join("\n")
    }
}

/// Nothing more can be looked at; the reason has its row.
struct Ended;

struct Preflight<'a> {
    config: &'a Config,
    steps: Vec<Step>,
}

impl Preflight<'_> {
    fn run(&mut self) -> Result<(), Ended> {
        let Some(mount) = self.mount()? else {
            return self.first(&Library::rehearse(&self.config.library()));
        };
        self.entries(&mount)?;
        let settings = self.config.library();
        let rehearsal = Library::rehearse(&settings);
        if !self.storage(&rehearsal)? {
            return self.first(&rehearsal);
        }
        let survey = self.catalog(&rehearsal)?;
        let facts = rehearsal.facts();
        let trial = match survey.missing {
            0 => Some(rehearsal.soundness()),
            _ => place(&mount, survey.bytes).map(|place| rehearsal.migrations(&place)),
        };
        let index = self.index(rehearsal)?;
        let room = self.space(&mount, &survey, &index);
        match trial {
            Some(trial) => self.migrations(&survey, trial),
            None if room => self.wrong(
                "migrations",
                "there is no room anywhere for a copy of the catalog to try them on.",
                None,
            ),
            None => {}
        }
        self.facts(facts);
        Ok(())
    }

    fn configuration(&mut self) {
        let Config {
            host, port, access, ..
        } = self.config;
        let access = match access {
            Access::Private => "for those who have an account",
            Access::PublicRead => "for everyone to read and those with an account to change",
            Access::Local => "for this machine only",
            Access::Open => "open to everyone who can reach it",
        };
        self.ok(
            "configuration",
            format!("it would listen on {host}, port {port}, {access}."),
        );
    }

    /// Starts a child as the server will: without one, documents are stored and found by their
    /// names, so it keeps no release from going live.
    fn reading(&mut self) {
        let children = Pool::new(self.config.library().extraction);
        let warmed = children.warm();
        children.close();
        match warmed {
            Ok(confinement) => match confinement.lacking() {
                None => self.ok(
                    "reading",
                    format!(
                        "a process that reads documents was started, kept in by {}.",
                        confinement.named()
                    ),
                ),
                Some(lacking) => self.say("reading", Verdict::Warning, lacking, None),
            },
            Err(error) => self.say(
                "reading",
                Verdict::Warning,
                format!(
                    "{error} Until one can, documents are found by their names only; allow this user more processes or memory."
                ),
                None,
            ),
        }
    }

    /// The directory as it is, if it is there; a start makes one that is missing.
    fn mount(&mut self) -> Result<Option<Mount>, Ended> {
        let inspected = Mount::inspect(&self.config.storage_dir);
        let mount = self.or_end("mount", inspected)?;
        if matches!(mount.presence, Presence::Missing | Presence::ParentMissing) {
            let above = Path::new(&mount.path)
                .ancestors()
                .find(|path| path.exists());
            let above = above.and_then(|path| Mount::inspect(path).ok());
            if let Some(above) = above.filter(|above| above.writable) {
                self.ok(
                    "mount",
                    format!("{} does not exist yet; the start makes it.", mount.path),
                );
                self.lasting(&above)?;
                return Ok(None);
            }
        }
        if let Some(finding) = mount.unusable() {
            self.finding("mount", Verdict::Wrong, finding);
            return Err(Ended);
        }
        let own = match mount.is_mount_point {
            true => "a mount of its own",
            false => "a directory",
        };
        self.ok(
            "mount",
            format!(
                "{} is {own} ({} on {}); a file was written, synced and removed as {}:{}.",
                mount.path, mount.filesystem, mount.source, mount.uid, mount.gid
            ),
        );
        self.lasting(&mount)?;
        let vanishing = mount.vanishing();
        let others = mount.findings().into_iter();
        for finding in others.filter(|finding| Some(finding) != vanishing.as_ref()) {
            self.finding("mount", Verdict::Warning, finding);
        }
        Ok(Some(mount))
    }

    /// Whether what is stored outlives the release, unless that is not meant.
    fn lasting(&mut self, mount: &Mount) -> Result<(), Ended> {
        let Some(mut finding) = mount.vanishing() else {
            return Ok(());
        };
        if self.config.is_ephemeral || !mount.is_thrown_away() {
            self.finding("mount", Verdict::Warning, finding);
            return Ok(());
        }
        finding
            .sentence
            .push_str(" If that is meant, set STORAGE_EPHEMERAL=1.");
        self.finding("mount", Verdict::Wrong, finding);
        Err(Ended)
    }

    fn entries(&mut self, mount: &Mount) -> Result<(), Ended> {
        let closed = mount.closed();
        let closed = self.or_end("entries", closed)?;
        match mount.in_the_way(FOLDERS, FILES).or(closed) {
            None => {
                self.ok("entries", "everything in it is open to this user.");
                Ok(())
            }
            Some(finding) => {
                self.finding("entries", Verdict::Wrong, finding);
                Err(Ended)
            }
        }
    }

    /// Whether a release has been here before.
    fn storage(&mut self, rehearsal: &Rehearsal<'_>) -> Result<bool, Ended> {
        let identity = self.or_end("storage", rehearsal.identity())?;
        match identity {
            Some(identity) => {
                self.ok(
                    "storage",
                    format!(
                        "it is Wharfside's, {}, format {}.",
                        identity.storage, identity.format
                    ),
                );
                Ok(true)
            }
            None => {
                self.ok("storage", "it is empty; the first start sets it up.");
                Ok(false)
            }
        }
    }

    /// Nothing is there yet but what the release brings.
    fn first(&mut self, rehearsal: &Rehearsal<'_>) -> Result<(), Ended> {
        let survey = self.or_end("migrations", rehearsal.catalog())?;
        match temporary(survey.bytes) {
            Some(place) => self.migrations(&survey, rehearsal.migrations(&place)),
            None => self.ok("migrations", "the first start makes the catalog."),
        }
        Ok(())
    }

    fn catalog(&mut self, rehearsal: &Rehearsal<'_>) -> Result<Survey, Ended> {
        let survey = self.or_end("catalog", rehearsal.catalog())?;
        let knows = match survey.missing {
            0 => "this release needs no other".to_owned(),
            missing => format!(
                "this release has {} more",
                counted(u64::from(missing), "migration")
            ),
        };
        self.ok(
            "catalog",
            format!(
                "schema {}, {}; {knows}.",
                survey.version,
                size(survey.bytes)
            ),
        );
        if let Some(number) = survey.contraction {
            self.contraction(number, &survey.running)?;
        }
        Ok(survey)
    }

    /// Releases that know only the present schema end with this migration.
    fn contraction(&mut self, number: u32, running: &[String]) -> Result<(), Ended> {
        if running.is_empty() {
            let sentence = format!(
                "after migration {number}, no earlier release can run here; the way back is the copy that the start keeps in backups/."
            );
            self.say("catalog", Verdict::Warning, sentence, None);
            return Ok(());
        }
        let sentence = format!(
            "release {} is running and cannot work with the catalog after migration {number} of this one, so the two cannot overlap; stop it first, then deploy this one. A release killed less than a minute ago counts as running.",
            running.join(" and ")
        );
        self.wrong("catalog", sentence, Some("dokku ps:stop APP".into()));
        Err(Ended)
    }

    fn index(&mut self, rehearsal: Rehearsal<'_>) -> Result<Folder, Ended> {
        let index = self.or_end("index", rehearsal.index())?;
        match &index {
            Folder::Present { applied } => {
                let sentence = format!("it opens, and has applied changes up to {applied}.");
                self.ok("index", sentence);
            }
            Folder::New { .. } => self.ok(
                "index",
                "this release has one of its own to build, beside what the running one uses; searches find everything once it is done.",
            ),
            Folder::Damaged(why) => {
                let sentence = format!("{why} It is set aside and built again.");
                self.say("index", Verdict::Warning, sentence, None);
            }
        }
        Ok(index)
    }

    /// Whether there is room for what the start will write.
    fn space(&mut self, mount: &Mount, survey: &Survey, index: &Folder) -> bool {
        // The copy that is kept, and the log of the migration, which may rewrite every page.
        let migration = match survey.missing {
            0 => 0,
            _ => survey.bytes.saturating_mul(2),
        };
        let index = match index {
            Folder::New { beside } => *beside,
            Folder::Present { .. } | Folder::Damaged(_) => 0,
        };
        let needed = RESERVE + migration + index;
        let few_inodes = mount.total_inodes > 0 && mount.free_inodes < INODES;
        let parts = [
            (
                migration,
                "for the catalog's migration and the copy kept of it",
            ),
            (index, "for a new index"),
            (RESERVE, "to work with"),
        ];
        let parts = parts.iter().filter(|(bytes, _)| *bytes > 0);
        let parts: Vec<String> = parts
            .map(|(bytes, what)| format!("{} {what}", size(*bytes)))
            .collect();
        let free = format!(
            "{} are free, and this release needs {}: {}",
            size(mount.free_bytes),
            size(needed),
            parts.join(", ")
        );
        if mount.free_bytes < needed {
            let sentence = format!("{free}; make room and deploy again.");
            self.wrong("space", sentence, None);
            return false;
        }
        if few_inodes {
            let sentence = format!(
                "only {} inodes are free, so hardly a file can be created; remove files that are not needed, and deploy again.",
                mount.free_inodes
            );
            self.wrong("space", sentence, None);
            return false;
        }
        self.ok("space", format!("{free}."));
        true
    }

    fn migrations(&mut self, survey: &Survey, trial: Result<Trial>) {
        let trial = match trial {
            Ok(trial) => trial,
            Err(error) => {
                let sentence = format!("tried on a copy of the catalog: {}", explained(&error));
                return self.wrong("migrations", sentence, None);
            }
        };
        if let Some(problem) = trial.problems.first() {
            let sentence = format!(
                "the catalog is not sound: {problem}{}; restore it from a backup.",
                and_more(&trial.problems)
            );
            return self.wrong("migrations", sentence, None);
        }
        // A release that says it ends the older ones may take what they need.
        if survey.version > 0
            && survey.contraction.is_none()
            && let Some(missed) = trial.missed.first()
        {
            let sentence = format!(
                "the running release would fail beside this one: {missed}{}; a migration may only add, and a new column needs a default.",
                and_more(&trial.missed)
            );
            return self.wrong("migrations", sentence, None);
        }
        let took = format!("{:.1} s", trial.migrated_in.as_secs_f64());
        let tried = counted(u64::from(survey.missing), "migration");
        let sentence = match (survey.missing, survey.version) {
            (0, _) => "none is missing, and the catalog is sound.".to_owned(),
            (_, 0) => format!("{tried} took {took} on an empty catalog."),
            _ => format!(
                "{tried} took {took} on a copy of {}; what older releases use is still there.",
                size(survey.bytes)
            ),
        };
        self.ok("migrations", sentence);
    }

    fn facts(&mut self, facts: Result<Facts>) {
        match facts {
            Ok(Facts::Shared) => self.ok("facts", "they open beside those who use them."),
            Ok(Facts::Rebuilt) => self.ok("facts", "there are none yet; the start begins them."),
            Ok(Facts::Late(why)) => {
                let sentence = format!("{why} The start would go on without them until then.");
                self.say("facts", Verdict::Warning, sentence, None);
            }
            Ok(Facts::Barred(why)) => {
                let sentence = format!(
                    "{why} This one would wait for that, and the platform stops the old one only when the new one is ready; stop it first, then deploy."
                );
                self.wrong("facts", sentence, Some("dokku ps:stop APP".into()));
            }
            Err(error) => self.wrong("facts", explained(&error), None),
        }
    }

    // ---- rows

    fn ok(&mut self, step: &'static str, sentence: impl Into<String>) {
        self.say(step, Verdict::Ok, sentence.into(), None);
    }

    fn wrong(&mut self, step: &'static str, sentence: impl Into<String>, remedy: Option<String>) {
        self.say(step, Verdict::Wrong, sentence.into(), remedy);
    }

    fn finding(&mut self, step: &'static str, verdict: Verdict, finding: Finding) {
        self.say(step, verdict, finding.sentence, finding.remedy);
    }

    fn say(
        &mut self,
        step: &'static str,
        verdict: Verdict,
        sentence: String,
        remedy: Option<String>,
    ) {
        self.steps.push(Step {
            step,
            verdict,
            sentence,
            remedy,
        });
    }

    fn or_end<T>(&mut self, step: &'static str, outcome: Result<T>) -> Result<T, Ended> {
        outcome.map_err(|error| {
            self.wrong(step, explained(&error), None);
            Ended
        })
    }
}

/// Where a copy of the catalog of so many bytes fits while it is migrated: outside the storage
/// directory if possible, so that it is left alone.
fn place(mount: &Mount, bytes: u64) -> Option<PathBuf> {
    let staging = || {
        let staging = Path::new(&mount.path).join("staging");
        let fits = mount.free_bytes >= needed_for_copy(bytes);
        (fits && staging.is_dir()).then_some(staging)
    };
    temporary(bytes).or_else(staging)
}

fn temporary(bytes: u64) -> Option<PathBuf> {
    let place = config::temporary_dir();
    let found = Mount::inspect(&place).ok()?;
    let fits = found.writable && found.free_bytes >= needed_for_copy(bytes);
    (fits && (!found.in_memory || bytes <= IN_MEMORY)).then_some(place)
}

/// The copy, and what its migration writes.
fn needed_for_copy(bytes: u64) -> u64 {
    bytes.saturating_mul(2).saturating_add(RESERVE)
}

/// An operator at a deploy has no log to look into, so the cause is said.
fn explained(error: &Error) -> String {
    match (error.kind(), error.source()) {
        (Kind::Internal | Kind::Damaged, Some(cause)) => format!("{error} ({cause})"),
        _ => error.to_string(),
    }
}

fn and_more(sentences: &[String]) -> String {
    match sentences.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    }
}

fn counted(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn size(bytes: u64) -> String {
    const MEBI: u64 = 1 << 20;
    const GIBI: u64 = 1 << 30;
    match bytes {
        ..MEBI => format!("{} KiB", bytes.div_ceil(1 << 10)),
        MEBI..GIBI => format!("{:.1} MiB", bytes as f64 / MEBI as f64),
        GIBI.. => format!("{:.1} GiB", bytes as f64 / GIBI as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_can_read_no_documents_may_go_live() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().display().to_string();
        let mut config = Config::from_vars([("STORAGE_DIR".to_owned(), root)]).unwrap();
        // The program at hand is a test, which is no child whatever it is told.
        config.extraction.command = &["--list"];
        let report = rehearse(&config);
        let reading = report
            .steps
            .iter()
            .find(|step| step.step == "reading")
            .unwrap();
        assert_eq!(reading.verdict, Verdict::Warning);
        assert!(
            reading
                .sentence
                .starts_with("No child to read documents can be started")
        );
        assert!(report.ok, "{report:?}");
    }
}
