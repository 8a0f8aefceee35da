//! One release at work: the library, the indexer, the chores and the web in front of them.

mod owner;

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::error::Result;
use crate::library::Library;
use crate::store::Severity;
use crate::store::boots::ProofState;
use crate::store::index;
use crate::upkeep::Upkeep;
use crate::web::{self, Opened, Running};
use crate::worker::Worker;

/// Serves until told to stop; see [`web::serve`].
///
/// # Errors
/// Those of [`web::serve`].
pub fn run(config: Config) -> Result<()> {
    index::outlive_panics();
    owner::refuse_weak(&config)?;
    web::serve(config, open)
}

fn open(config: &Config) -> Result<Opened> {
    let library = Library::open(&config.library())?;
    tell(&library);
    let (trash, grace) = (config.trash, config.grace);
    let config = config.clone();
    Ok(Opened {
        library: library.clone(),
        begin: Box::new(move || {
            let running = begin(library.clone(), trash, grace)?;
            owner::establish(&library, &config)?;
            tell_of_secrets(&library)?;
            Ok(running)
        }),
    })
}

/// The work behind the pages, once they are served. Not before: the platform keeps the release
/// that runs until this one is ready, so one that never gets there must not have taken the index
/// from it.
fn begin(library: Library, trash: Duration, grace: Duration) -> Result<Running> {
    library.store().boots.ready();
    let worker = Arc::new(Worker::start(library.clone())?);
    let upkeep = Upkeep::start(library.clone(), trash, grace)?;
    Ok(Running {
        leave: Box::new({
            let (worker, library) = (worker.clone(), library.clone());
            move || {
                worker.release_lease();
                library.store().boots.told();
            }
        }),
        close: Box::new(move || {
            upkeep.stop();
            worker.stop();
            library.close();
        }),
    })
}

/// Whether the key of this start opens what earlier ones sealed.
fn tell_of_secrets(library: &Library) -> Result<()> {
    if let Some(message) = library.unreadable_secrets()?.message() {
        tracing::error!("{message}");
    }
    Ok(())
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
    for repair in report.restricted.iter().chain(&report.repairs) {
        tracing::warn!("{repair}");
    }
}
