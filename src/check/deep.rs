//! The deep check: every blob re-hashed, and catalog, blobs, facts and index compared in every
//! direction.
//!
//! Other processes go on writing meanwhile. So a difference only counts if it is still there
//! when looked at again, and the index is only asked about what it says it has applied.

use std::collections::{HashMap, HashSet};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::{warning, wrong};
use crate::error::{Kind, Result};
use crate::library::{FileId, Library, Named};
use crate::store::blobs::{Found, Verified};
use crate::store::kv::State;
use crate::store::{Digest, Finding};

/// How much was looked at.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Compared {
    /// Contents re-hashed, and their bytes.
    pub blobs: u64,
    pub bytes: u64,
    /// Contents that nothing names; they are collected after the grace period.
    pub unnamed: u64,
    /// Live files compared with the index.
    pub files: u64,
    /// Entries of the facts store read against their checksums.
    pub facts: u64,
}

pub(super) fn compare(library: &Library) -> Result<(Compared, Vec<Finding>)> {
    let mut deep = Deep {
        library,
        compared: Compared::default(),
        findings: Vec::new(),
    };
    deep.catalog()?;
    deep.blobs()?;
    deep.index()?;
    deep.facts()?;
    Ok((deep.compared, deep.findings))
}

struct Deep<'a> {
    library: &'a Library,
    compared: Compared,
    findings: Vec<Finding>,
}

impl Deep<'_> {
    /// SQLite's own check, and what the catalog derives from its rows.
    fn catalog(&mut self) -> Result<()> {
        for problem in self.library.catalog_problems()? {
            self.findings.push(wrong(&format!("catalog: {problem}")));
        }
        Ok(())
    }

    /// Every named content is there and is what its name says; and what else is there.
    fn blobs(&mut self) -> Result<()> {
        let named: HashMap<Digest, Named> = self.library.named_contents()?;
        let total = named.values().map(|named| named.size).sum();
        let bar = progress(total);
        for (digest, named) in &named {
            self.blob(digest, named, &bar)?;
        }
        bar.finish_and_clear();
        for found in self.library.store().blobs.iter() {
            match found? {
                Found::Blob(blob) if !named.contains_key(&blob.digest) => {
                    if !self.library.names(&blob.digest)? {
                        self.compared.unnamed += 1;
                    }
                }
                Found::Blob(_) => {}
                Found::Foreign(path) => self.findings.push(warning(&format!(
                    "blobs: {} was not put there by Wharfside.",
                    path.display()
                ))),
            }
        }
        Ok(())
    }

    fn blob(&mut self, digest: &Digest, named: &Named, bar: &ProgressBar) -> Result<()> {
        let blobs = &self.library.store().blobs;
        match blobs.verify(digest, |bytes| bar.inc(bytes)) {
            Ok(Verified::Intact { size, .. }) if size == named.size => {}
            Ok(Verified::Intact { size, .. }) => self.findings.push(wrong(&format!(
                "catalog: {} is said to have {} bytes, but its content has {size}.",
                named.by, named.size
            ))),
            Ok(Verified::Damaged { found, .. }) => self.findings.push(wrong(&format!(
                "blobs: the content {digest} of {} is damaged; it now hashes to {found}.",
                named.by
            ))),
            Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Damaged) => {
                // Purged and collected since the names were read?
                if self.library.names(digest)? {
                    let sentence = format!("blobs: {} of {}: {error}", digest, named.by);
                    self.findings.push(wrong(&sentence));
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        self.compared.blobs += 1;
        self.compared.bytes += named.size;
        Ok(())
    }

    /// The index holds exactly the live files, as far as it says it has come.
    fn index(&mut self) -> Result<()> {
        let (applied, indexed) = match self.library.indexed_files() {
            Ok(found) => found,
            Err(error) if error.kind() == Kind::Unavailable => {
                self.findings.push(warning(&format!("index: {error}")));
                return Ok(());
            }
            Err(error) => {
                self.findings.push(rebuilt(&format!("index: {error}")));
                return Ok(());
            }
        };
        let count = indexed.len();
        let indexed: HashSet<FileId> = indexed.into_iter().collect();
        if indexed.len() != count {
            self.findings
                .push(rebuilt("index: some files are in it twice."));
        }
        let live = self.library.live_files(applied)?;
        for (id, path) in &live.settled {
            if !indexed.contains(id) {
                self.findings
                    .push(rebuilt(&format!("index: {path} is not in it.")));
            }
        }
        for id in &indexed {
            if !live.settled.contains_key(id) && !live.changing.contains(id) {
                self.findings.push(wrong(&format!(
                    "index: file {id} is in it, but not in the catalog."
                )));
            }
        }
        self.compared.files = live.settled.len() as u64;
        for path in self.library.store().index.validate()? {
            self.findings.push(wrong(&format!(
                "index: {} does not match its checksum.",
                path.display()
            )));
        }
        Ok(())
    }

    /// Every entry is readable, and every content that should have facts has them.
    fn facts(&mut self) -> Result<()> {
        let kv = &self.library.store().kv;
        if let State::Waiting(reason) | State::Barred(reason) = kv.state() {
            self.findings.push(warning(&format!("facts: {reason}")));
            return Ok(());
        }
        match kv.validate(|| true) {
            Ok(entries) => self.compared.facts = entries,
            Err(error) => {
                self.findings.push(rebuilt(&format!("facts: {error}")));
                return Ok(());
            }
        }
        for path in self.library.files_without_facts()? {
            self.findings
                .push(rebuilt(&format!("facts: nothing is known of {path}.")));
        }
        Ok(())
    }
}

/// What is wrong with something that is made from the catalog and the contents.
fn rebuilt(sentence: &str) -> Finding {
    Finding {
        remedy: Some("wharfside reindex".into()),
        ..wrong(sentence)
    }
}

/// A bar on a terminal; nothing otherwise, where the report is what counts.
fn progress(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    let template = "re-hashing {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
