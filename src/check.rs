//! `wharfside check`: what is there, whether it is what was written, and what to do if not.
//!
//! It only looks: nothing is migrated, repaired or swept, and no boot is counted, so it is safe
//! beside any number of running releases. An index or facts that are damaged are marked, for
//! a release that runs, or the next one to start, to rebuild. With `--preflight` it is asked before there is
//! anything new to check: what a start of this release would meet.

mod deep;
mod preflight;

use std::io::Write;

use serde::Serialize;

use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::library::{Library, Reading, Totals};
use crate::store::boots::{ProofState, StoreProof};
use crate::store::{Finding, Mount, Severity};

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether nothing is wrong; warnings are not wrong.
    pub ok: bool,
    pub storage: String,
    pub filesystem: String,
    /// Absent where no release has started yet.
    pub totals: Option<Totals>,
    pub stores: Vec<StoreProof>,
    /// How documents are read; absent as `totals` is.
    pub reading: Option<Reading>,
    /// Present after a deep check.
    pub deep: Option<deep::Compared>,
    pub findings: Vec<Finding>,
}

/// Checks and prints; answers whether nothing is wrong.
///
/// # Errors
/// When the check itself could not be done.
pub fn run(config: &Config, deep: bool, json: bool) -> Result<bool> {
    let report = check(config, deep)?;
    print(&report, json, in_words)?;
    Ok(report.ok)
}

/// Rehearses the start of this release, prints, and answers whether it may go live.
///
/// # Errors
/// When the result cannot be printed.
pub fn preflight(config: &Config, json: bool) -> Result<bool> {
    let report = preflight::rehearse(config);
    print(&report, json, preflight::Report::in_words)?;
    Ok(report.ok)
}

fn print<R: Serialize>(report: &R, json: bool, in_words: fn(&R) -> String) -> Result<()> {
    let text = if json {
        serde_json::to_string_pretty(report)
            .map_err(|e| Error::internal("The report could not be written as JSON.").because(e))?
    } else {
        in_words(report)
    };
    writeln!(std::io::stdout(), "{text}")
        .map_err(|e| Error::internal("The report could not be printed.").because(e))
}

/// Looks at everything; `deep` re-hashes every blob and compares the stores in every direction.
pub fn check(config: &Config, deep: bool) -> Result<Report> {
    let mount = Mount::inspect(&config.storage_dir)?;
    let mut report = Report {
        ok: true,
        storage: mount.path.clone(),
        filesystem: mount.filesystem.clone(),
        totals: None,
        stores: Vec::new(),
        reading: None,
        deep: None,
        findings: mount.findings(),
    };
    // A release that is live is not taken back for it; before that, the preflight refuses it.
    let vanishing = mount.vanishing();
    for finding in &mut report.findings {
        if Some(&*finding) == vanishing.as_ref() {
            finding.severity = Severity::Warning;
        }
    }
    if mount.unusable().is_none() {
        match Library::attach(&config.library()) {
            Ok(library) => {
                let outcome = look(&library, deep, &mut report);
                library.detach();
                outcome?;
            }
            Err(error) if error.kind() == Kind::NotFound => {
                report.findings.push(warning(error.sentence()));
            }
            Err(error) if matches!(error.kind(), Kind::Incompatible | Kind::Damaged) => {
                report.findings.push(wrong(error.sentence()));
            }
            Err(error) => return Err(error),
        }
    }
    report.ok = report
        .findings
        .iter()
        .all(|finding| finding.severity == Severity::Warning);
    Ok(report)
}

fn look(library: &Library, deep: bool, report: &mut Report) -> Result<()> {
    for repair in &library.report().repairs {
        report.findings.push(wrong(repair));
    }
    report.stores = library.store().verify()?;
    for proof in &report.stores {
        match proof.state {
            ProofState::Missing => report
                .findings
                .push(wrong(&format!("{}: {}", proof.store, proof.sentence))),
            ProofState::Unavailable => report
                .findings
                .push(warning(&format!("{}: {}", proof.store, proof.sentence))),
            ProofState::Proven | ProofState::First | ProofState::Rebuilt => {}
        }
    }
    report.totals = Some(library.totals()?);
    let unreadable = library.unreadable_secrets()?.message();
    report.findings.extend(unreadable.as_deref().map(warning));
    match library.readers().warm() {
        Ok(confinement) => {
            let lacking = confinement.lacking();
            report.findings.extend(lacking.as_deref().map(warning));
        }
        Err(error) => report.findings.push(wrong(error.sentence())),
    }
    library.readers().recognises();
    report.reading = Some(library.reading());
    if deep {
        let (compared, findings) = deep::compare(library)?;
        report.deep = Some(compared);
        report.findings.extend(findings);
    }
    Ok(())
}

fn wrong(sentence: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        sentence: sentence.to_owned(),
        remedy: None,
    }
}

fn warning(sentence: &str) -> Finding {
    Finding {
        severity: Severity::Warning,
        sentence: sentence.to_owned(),
        remedy: None,
    }
}

fn in_words(report: &Report) -> String {
    let mut lines = vec![format!(
        "storage   {} ({})",
        report.storage, report.filesystem
    )];
    if let Some(totals) = &report.totals {
        lines.push(format!(
            "holds     {} files, {} versions, {} in the trash; {} changes wait for the index",
            totals.files, totals.versions, totals.trashed, totals.waiting
        ));
    }
    for proof in &report.stores {
        lines.push(format!("{:<9} {}", proof.store, proof.sentence));
    }
    if let Some(reading) = &report.reading {
        lines.push(format!("reading   {}", reading.children.sentence()));
        lines.push(format!(
            "scans     Scans and pictures are {}.",
            reading.of_scans()
        ));
        if let Some(again) = &reading.again {
            lines.push(format!(
                "again     {} of {} contents that could not be read before",
                again.done, again.total
            ));
        }
    }
    if let Some(deep) = &report.deep {
        lines.push(format!(
            "deep      {} blobs re-hashed ({} bytes), {} files compared with the index, {} facts read, {} blobs wait for collection",
            deep.blobs, deep.bytes, deep.files, deep.facts, deep.unnamed
        ));
    }
    for finding in &report.findings {
        let label = match finding.severity {
            Severity::Error => "WRONG",
            Severity::Warning => "warning",
        };
        lines.push(format!("{label:<9} {}", finding.sentence));
        let remedy = finding.remedy.iter().flat_map(|remedy| remedy.lines());
        lines.extend(remedy.map(|line| format!("          {line}")));
    }
    lines.push(if report.ok {
        "Nothing is wrong.".into()
    } else {
        "Something is wrong; see above.".into()
    });
    lines.join("\n")
}
