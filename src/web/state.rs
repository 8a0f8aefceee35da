//! The application as handlers see it: the library once it is open, and what this process is doing.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::web::lane::{Lane, Lanes};
use crate::web::live::Live;
use crate::web::metrics::Metrics;
use crate::web::pace::Pace;
use crate::web::preview::Previews;
use crate::web::thumbnail::Thumbnails;
use crate::web::visitor::Visitor;

/// Look-ups at once. They wait for the processor and hardly ever for anything else, so more of
/// them would only take turns with each other, and the unlucky ones would wait for many turns.
const LOOKING: usize = 16;
/// Changes of many files at once, of all clients together: each keeps all other changes waiting.
const MAX_BULK: usize = 2;

/// The state of every route, and in a handler on behalf of whoever makes the request: as an
/// extractor it gives the library as the visitor may see and change it. Clones share everything.
///
/// Invariant: without a request it acts for nobody, so what forgets to ask sees nothing.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
    /// Nobody, unless a request is being answered.
    visitor: Option<Arc<Visitor>>,
    lane: Option<Arc<Lane>>,
}

static NOBODY: LazyLock<Visitor> = LazyLock::new(Visitor::nobody);

struct Shared {
    config: Config,
    started: Instant,
    library: OnceLock<Library>,
    /// Why there is no library yet, in a sentence for people.
    waiting_for: Mutex<String>,
    draining: AtomicBool,
    metrics: Metrics,
    live: Live,
    pace: Pace,
    thumbnails: Thumbnails,
    previews: Previews,
    /// First come, first served.
    looking: Arc<Semaphore>,
    bulk: Arc<Semaphore>,
    lanes: Lanes,
}

impl App {
    /// An application whose library is still being opened.
    pub fn new(config: Config) -> Self {
        let shared = Shared {
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
            pace: Pace::default(),
            previews: Previews::default(),
            looking: Arc::new(Semaphore::new(LOOKING)),
            bulk: Arc::new(Semaphore::new(MAX_BULK)),
            lanes: Lanes::default(),
        };
        Self {
            shared: shared.into(),
            visitor: None,
            lane: None,
        }
    }

    /// The same, on behalf of somebody.
    pub fn visited_by(&self, visitor: Arc<Visitor>) -> Self {
        Self {
            shared: self.shared.clone(),
            lane: Some(self.shared.lanes.of(&visitor)),
            visitor: Some(visitor),
        }
    }

    /// Who makes the request.
    pub fn visitor(&self) -> &Visitor {
        self.visitor.as_deref().unwrap_or(&NOBODY)
    }

    /// The library as the visitor may see and change it.
    ///
    /// # Errors
    /// [`Kind::Unavailable`](crate::error::Kind::Unavailable) with the reason while it is not open.
    pub fn library(&self) -> Result<Library> {
        match self.shared.library.get() {
            Some(library) => Ok(library.seen_by(self.visitor().viewer.clone())),
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
        self.in_turn(|lane| &lane.reads, &self.shared.looking, work)
            .await
    }

    /// As [`run`](Self::run), for a change of many files: one at a time of each client, and few of all.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_bulk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Library) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.in_turn(|lane| &lane.bulk, &self.shared.bulk, work)
            .await
    }

    /// Runs work in a turn of the visitor's own and in one of all visitors. The turn of all comes last, so
    /// that nobody holds one while they wait for something of their own.
    async fn in_turn<T: Send + 'static>(
        &self,
        own: fn(&Lane) -> &Arc<Semaphore>,
        all: &Arc<Semaphore>,
        work: impl FnOnce(&Library) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // Nobody closes these; if somebody did, work would go on without turns.
        let own = self.permit(own).await;
        let thread = self.permit(|lane| &lane.threads).await;
        let turn = Arc::clone(all).acquire_owned().await;
        let library = self.library()?;
        // They end with the work, which goes on when nobody waits for the answer any more.
        blocking(move || {
            let _turns = (own, thread, turn);
            work(&library)
        })
        .await
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
        self.blocking(move || work(&library)).await
    }

    /// Runs work that may wait for the writer, on a thread of the visitor's share of the blocking pool.
    ///
    /// # Errors
    /// As [`run`](Self::run), for work that has a library already.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let thread = self.permit(|lane| &lane.threads).await;
        blocking(move || {
            let _thread = thread;
            work()
        })
        .await
    }

    /// A part of the visitor's share; it counts until this is dropped.
    async fn permit(
        &self,
        of: fn(&Lane) -> &Arc<Semaphore>,
    ) -> Option<Result<OwnedSemaphorePermit, AcquireError>> {
        match &self.lane {
            Some(lane) => Some(Arc::clone(of(lane)).acquire_owned().await),
            None => None,
        }
    }

    /// Which storage is open, if one is.
    pub fn storage(&self) -> Option<Uuid> {
        let library = self.shared.library.get()?;
        Some(library.store().identity.storage)
    }

    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Name of the release that is running.
    pub fn release(&self) -> &str {
        &self.shared.config.release
    }

    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// What those hear who want to be told of changes.
    pub fn live(&self) -> &Live {
        &self.shared.live
    }

    /// How often those may ask who have not said who they are.
    pub fn pace(&self) -> &Pace {
        &self.shared.pace
    }

    /// Thumbnails that are being made.
    pub fn thumbnails(&self) -> &Thumbnails {
        &self.shared.thumbnails
    }

    /// Texts that are being formatted.
    pub fn previews(&self) -> &Previews {
        &self.shared.previews
    }

    /// Counts an answered request in the boot ledger; there is none before the library is open.
    pub fn count_served(&self) {
        if let Some(library) = self.shared.library.get() {
            library.store().boots.count_served();
        }
    }

    /// When this process began to listen.
    pub fn started(&self) -> Instant {
        self.shared.started
    }

    pub fn is_open(&self) -> bool {
        self.shared.library.get().is_some()
    }

    /// Whether this process was told to stop and serves only until others have taken over.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// Why the library is not open yet.
    pub fn waiting_for(&self) -> String {
        self.shared
            .waiting_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The library is open; from now on requests are served. Later calls change nothing.
    pub fn open(&self, library: Library) {
        let _ = self.shared.library.set(library);
    }

    /// The library cannot be opened yet, and why.
    pub fn wait_for(&self, sentence: &str) {
        let mut reason = self
            .shared
            .waiting_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sentence.clone_into(&mut reason);
    }

    /// Requests are still served, but readiness says no and connections are not kept.
    pub fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
        self.shared.live.leave();
    }
}

impl FromRequestParts<App> for App {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(match parts.extensions.get::<Arc<Visitor>>() {
            Some(visitor) => app.visited_by(visitor.clone()),
            None => app.clone(),
        })
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
