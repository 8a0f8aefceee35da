//! Making thumbnails: each once, however many ask; a few at a time, first come, first served; and
//! none of them in the way of documents that are waiting to be read.
//!
//! Whoever asks waits for a turn without a thread, so that a page of a thousand pictures costs the
//! threads of a few. One who leaves before it was begun leaves nothing behind; what was begun is
//! finished, kept, and there for the next one. It is answered before it is kept: a commit costs some
//! fsyncs, and those that come together share one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, watch};

use crate::error::{Error, Kind, Result};
use crate::library::{Attempt, FileContent, Stored, Thumbnail};
use crate::store::sync::lock;
use crate::web::state::{App, blocking};

/// How long a client waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// What takes longer is drawn behind everything else, as documents are read that take longer.
const QUICK: Duration = Duration::from_secs(1);
/// Until it is tried again after somebody else could not wait.
const REST: Duration = Duration::from_secs(1);
/// That many wait to be kept at most; others are made again when somebody looks.
const MOST_KEPT: usize = 64;

/// Thumbnails that are being made in this process.
pub struct Thumbnails {
    /// As many as documents are read at once.
    turns: Arc<Semaphore>,
    /// One that takes long, and the others behind it.
    slow: Semaphore,
    making: Mutex<HashMap<FileContent, Weak<Making>>>,
    keeping: Mutex<Keeping>,
}

/// One that is being made: there as long as somebody waits for it, or it is on its way to be kept.
#[derive(Default)]
struct Making {
    begun: OnceCell<watch::Receiver<Option<Made>>>,
}

/// Errors are told to everybody who waits.
type Made = Result<Arc<Thumbnail>, (Kind, String)>;

#[derive(Default)]
struct Keeping {
    waiting: Vec<(FileContent, Arc<Thumbnail>, Arc<Making>)>,
    /// Whether somebody is at it.
    is_busy: bool,
}

impl Thumbnails {
    pub fn new(workers: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(workers)),
            slow: Semaphore::new(1),
            making: Mutex::default(),
            keeping: Mutex::default(),
        }
    }

    /// Makes the thumbnail of a content, or waits for it if somebody else does.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] if it takes longer than a client may wait, and what
    /// [`make_thumbnail`](crate::library::Library::make_thumbnail) answers.
    pub async fn make(&self, app: &App, content: &Stored) -> Result<Thumbnail> {
        let waited = tokio::time::timeout(PATIENCE, self.made(app, content)).await;
        let made = waited.map_err(|_| busy())??;
        Ok(Arc::unwrap_or_clone(made))
    }

    async fn made(&self, app: &App, content: &Stored) -> Result<Arc<Thumbnail>> {
        let making = self.making(content.file_content());
        let begin = async || {
            let turn = Arc::clone(&self.turns).acquire_owned().await;
            let turn = turn.map_err(|_| busy())?;
            Ok::<_, Error>(begin(
                app.clone(),
                content.clone(),
                Arc::clone(&making),
                turn,
            ))
        };
        let mut outcome = making.begun.get_or_try_init(begin).await?.clone();
        let made = outcome.wait_for(Option::is_some).await;
        match made.map_err(|_| busy())?.clone() {
            Some(Ok(made)) => Ok(made),
            Some(Err((kind, sentence))) => Err(Error::new(kind, sentence)),
            None => Err(busy()),
        }
    }

    fn making(&self, content: FileContent) -> Arc<Making> {
        let mut making = lock(&self.making);
        if let Some(making) = making.get(&content).and_then(Weak::upgrade) {
            return making;
        }
        making.retain(|_, making| making.strong_count() > 0);
        let fresh = Arc::<Making>::default();
        making.insert(content, Arc::downgrade(&fresh));
        fresh
    }

    /// Keeps what was made, together with what else is at hand.
    fn keep(&self, app: &App, content: FileContent, made: Arc<Thumbnail>, making: Arc<Making>) {
        let mut keeping = lock(&self.keeping);
        if keeping.waiting.len() >= MOST_KEPT {
            return;
        }
        keeping.waiting.push((content, made, making));
        if !std::mem::replace(&mut keeping.is_busy, true) {
            tokio::spawn(keep_all(app.clone()));
        }
    }

    fn take_waiting(&self) -> Vec<(FileContent, Arc<Thumbnail>, Arc<Making>)> {
        let mut keeping = lock(&self.keeping);
        keeping.is_busy = !keeping.waiting.is_empty();
        std::mem::take(&mut keeping.waiting)
    }
}

/// Begins to make one; it is finished even if nobody waits any more.
fn begin(
    app: App,
    content: Stored,
    making: Arc<Making>,
    turn: OwnedSemaphorePermit,
) -> watch::Receiver<Option<Made>> {
    let (answer, outcome) = watch::channel(None);
    tokio::spawn(async move {
        let made = run(&app, &content, turn, &answer).await.map(Arc::new);
        let told = made.as_ref().map(Arc::clone);
        answer.send_replace(Some(
            told.map_err(|error| (error.kind(), error.sentence().to_owned())),
        ));
        match made {
            Ok(made) => app
                .thumbnails()
                .keep(&app, content.file_content(), made, making),
            Err(error) => tracing::debug!(%error, "a thumbnail was not made"),
        }
    });
    outcome
}

async fn run(
    app: &App,
    content: &Stored,
    turn: OwnedSemaphorePermit,
    answer: &watch::Sender<Option<Made>>,
) -> Result<Thumbnail> {
    let quick = attempt(app, content, Attempt::Quick(QUICK)).await?;
    drop(turn);
    if let Some(made) = quick {
        return Ok(made);
    }
    let _turn = app.thumbnails().slow.acquire().await;
    loop {
        // The one receiver is the one that others would wait with.
        if answer.receiver_count() <= 1 || app.is_draining() {
            return Err(busy());
        }
        match attempt(app, content, Attempt::Patient).await {
            Ok(Some(made)) => return Ok(made),
            Err(error) if error.kind() != Kind::Busy => return Err(error),
            Ok(None) | Err(_) => tokio::time::sleep(REST).await,
        }
    }
}

async fn attempt(app: &App, content: &Stored, attempt: Attempt) -> Result<Option<Thumbnail>> {
    let (library, content) = (app.library()?, content.clone());
    blocking(move || library.make_thumbnail(&content, attempt)).await
}

/// Until there is nothing left to keep.
async fn keep_all(app: App) {
    loop {
        let waiting = app.thumbnails().take_waiting();
        if waiting.is_empty() {
            return;
        }
        let made: Vec<_> = waiting
            .iter()
            .map(|(content, made, _)| (*content, Arc::clone(made)))
            .collect();
        let kept = app.run(move |library| library.keep_thumbnails(&made)).await;
        if let Err(error) = kept {
            tracing::debug!(%error, "thumbnails were not kept");
        }
    }
}

fn busy() -> Error {
    Error::unavailable("The thumbnail is still being made; try again in a moment.")
}
