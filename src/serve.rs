//! One release at work: the library, the indexer, the chores and the web in front of them.

use std::sync::Arc;

use crate::config::Config;
use crate::error::Result;
use crate::library::Library;
use crate::store::Severity;
use crate::store::boots::ProofState;
use crate::upkeep::Upkeep;
use crate::web::{self, Running};
use crate::worker::Worker;

/// Serves until told to stop; see [`web::serve`].
///
/// # Errors
/// Those of [`web::serve`].
pub fn run(config: Config) -> Result<()> {
    web::serve(config, open)
}

fn open(config: &Config) -> Result<Running> {
    let library = Library::open(&config.library())?;
    tell(&library);
    let worker = Arc::new(Worker::start(library.clone())?);
    let upkeep = Upkeep::start(library.clone(), config.trash, config.grace)?;
    Ok(Running {
        library: library.clone(),
        release_lease: Box::new({
            let worker = worker.clone();
            move || worker.stop()
        }),
        close: Box::new(move || {
            upkeep.stop();
            worker.stop();
            library.close();
        }),
    })
}

/// What an operator should read in the log before the first upload.
fn tell(library: &Library) {
    let store = library.store();
    let boot = store.boots.current();
    tracing::info!(
        boot = boot.number,
        release = boot.release,
        storage = %store.mount.path,
        filesystem = store.mount.filesystem,
        "stores open"
    );
    for finding in store.mount.findings() {
        let remedy = finding.remedy.as_deref().unwrap_or_default();
        match finding.severity {
            Severity::Error => tracing::error!(remedy, "{}", finding.sentence),
            Severity::Warning => tracing::warn!(remedy, "{}", finding.sentence),
        }
    }
    let report = library.report();
    if report.schema.applied > 0 {
        tracing::info!(
            from = report.schema.version,
            to = report.schema.version + report.schema.applied,
            "catalog migrated"
        );
    }
    for proof in &report.proofs {
        match proof.state {
            ProofState::Missing => tracing::error!(store = proof.store, "{}", proof.sentence),
            _ => tracing::info!(store = proof.store, "{}", proof.sentence),
        }
    }
    for repair in &report.repairs {
        tracing::warn!("{repair}");
    }
}
