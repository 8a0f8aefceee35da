//! The application as handlers see it: the library once it is open, and what this process is doing.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::web::live::Live;
use crate::web::metrics::Metrics;
use crate::web::thumbnail::Thumbnails;

/// Who is named in the event log while there are no accounts.
pub const ANYONE: &str = "anyone";

/// Look-ups at once. They wait for the processor and hardly ever for anything else, so more of
/// them would only take turns with each other, and the unlucky ones would wait for many turns.
const LOOKING: usize = 8;

/// The state of every route; clones share everything.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    config: Config,
    started: Instant,
    library: OnceLock<Library>,
    /// Why there is no library yet, in a sentence for people.
    waiting_for: Mutex<String>,
    draining: AtomicBool,
    metrics: Metrics,
    live: Live,
    thumbnails: Thumbnails,
    /// First come, first served.
    looking: Semaphore,
}

impl App {
    /// An application whose library is still being opened.
    pub fn new(config: Config) -> Self {
        Self(Arc::new(Shared {
            thumbnails: Thumbnails::new(config.extraction.workers),
            config,
            started: Instant::now(),
            library: OnceLock::new(),
            waiting_for: Mutex::new(
                "Wharfside is opening its stores; try again in a moment.".into(),
            ),
            draining: AtomicBool::new(false),
            metrics: Metrics::default(),
            live: Live::default(),
            looking: Semaphore::new(LOOKING),
        }))
    }

    /// The library.
    ///
    /// # Errors
    /// [`Kind::Unavailable`](crate::error::Kind::Unavailable) with the reason while it is not open.
    pub fn library(&self) -> Result<Library> {
        match self.0.library.get() {
            Some(library) => Ok(library.clone()),
            None => Err(Error::unavailable(self.waiting_for())),
        }
    }

    /// As [`run`](Self::run), for work that only looks things up: a few at a time, in order.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Library) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // Nobody closes it; if somebody did, looking would go on without turns.
        let _turn = self.0.looking.acquire().await;
        self.run(work).await
    }

    /// Runs blocking work on the library, crossing to the blocking pool once.
    ///
    /// # Errors
    /// As [`library`](Self::library), and what `work` answers; a panic in it is
    /// [`Kind::Internal`](crate::error::Kind::Internal).
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Library) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let library = self.library()?;
        blocking(move || work(&library)).await
    }

    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Name of the release that is running.
    pub fn release(&self) -> &str {
        &self.0.config.release
    }

    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// What those hear who want to be told of changes.
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// Thumbnails that are being made.
    pub fn thumbnails(&self) -> &Thumbnails {
        &self.0.thumbnails
    }

    /// Counts an answered request in the boot ledger; there is none before the library is open.
    pub fn count_served(&self) {
        if let Some(library) = self.0.library.get() {
            library.store().boots.count_served();
        }
    }

    /// When this process began to listen.
    pub fn started(&self) -> Instant {
        self.0.started
    }

    pub fn is_open(&self) -> bool {
        self.0.library.get().is_some()
    }

    /// Whether this process was told to stop and serves only until others have taken over.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Why the library is not open yet.
    pub fn waiting_for(&self) -> String {
        self.0
            .waiting_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The library is open; from now on requests are served. Later calls change nothing.
    pub fn open(&self, library: Library) {
        let _ = self.0.library.set(library);
    }

    /// The library cannot be opened yet, and why.
    pub fn wait_for(&self, sentence: &str) {
        let mut reason = self
            .0
            .waiting_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sentence.clone_into(&mut reason);
    }

    /// Requests are still served, but readiness says no and connections are not kept.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
        self.0.live.leave();
    }
}

/// Work on the blocking pool: begun already, and finished even if nobody waits for it.
pub struct Crossing<T>(JoinHandle<Result<T>>);

/// Begins `work` on the blocking pool; what it logs belongs to the current request.
pub fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Crossing<T> {
    let span = tracing::Span::current();
    Crossing(tokio::task::spawn_blocking(move || span.in_scope(work)))
}

impl<T> Future for Crossing<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        Pin::new(&mut self.0).poll(cx).map(|joined| {
            joined.unwrap_or_else(|failed| {
                Err(Error::internal("A piece of work ended in a panic.").because(failed))
            })
        })
    }
}
