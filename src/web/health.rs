//! Health: whether the process lives, and whether it should be sent requests.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::state::{App, blocking};
use crate::error::{Error, Result};
use crate::library::StoreHealth;

/// How long a store may take to say that it is well.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ready,
    /// The stores are still being opened, or cannot be.
    Starting,
    /// Told to stop: another process is about to take over.
    Draining,
    /// A store that is needed to serve does not answer.
    Unavailable,
}

#[derive(Serialize)]
struct Readiness {
    status: Status,
    /// Why it is not ready, in one sentence; or what is not well, though it is.
    reason: Option<String>,
    stores: Vec<Told>,
    #[serde(flatten)]
    figures: Option<Figures>,
}

/// A store as everybody may know it.
#[derive(Serialize)]
struct Told {
    store: &'static str,
    ok: bool,
    /// With figures, so for those only who may see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What is for those who may see how the installation stands.
#[derive(Serialize)]
struct Figures {
    release: String,
    /// Number of this start; absent until the stores are open.
    boot: Option<u64>,
}

/// `GET /health/live`: answers as long as the process can answer at all.
pub async fn live() -> Response {
    (
        [(CACHE_CONTROL, "no-store")],
        Json(serde_json::json!({ "status": "live" })),
    )
        .into_response()
}

/// `GET /health/ready`: 200 when requests should come here, else 503 with the reason.
pub async fn ready(app: App) -> Response {
    let readiness = readiness(&app).await;
    let status = match readiness.status {
        Status::Ready => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, [(CACHE_CONTROL, "no-store")], Json(readiness)).into_response()
}

async fn readiness(app: &App) -> Readiness {
    let is_told_all = app.visitor().administers();
    let answer = |status, stores: Vec<StoreHealth>, reason| Readiness {
        status,
        reason,
        stores: stores
            .into_iter()
            .map(|store| Told::new(store, is_told_all))
            .collect(),
        figures: is_told_all.then(|| Figures {
            release: app.release().to_owned(),
            boot: app.library().ok().map(|library| library.boot()),
        }),
    };
    if !app.is_open() {
        return answer(Status::Starting, Vec::new(), Some(app.waiting_for()));
    }
    let stores = match stores(app).await {
        Ok(stores) => stores,
        Err(error) => return answer(Status::Unavailable, Vec::new(), Some(error.to_string())),
    };
    if let Err(error) = fitness(app).await {
        return answer(Status::Unavailable, stores, Some(error.to_string()));
    }
    if app.is_draining() {
        let reason = "This process was told to stop and is handing over.".to_owned();
        return answer(Status::Draining, stores, Some(reason));
    }
    // A store that can be rebuilt keeps nobody from serving; that it is away is told all the same.
    let away = stores.iter().find(|store| !store.ok);
    let away = away.map(|store| match is_told_all {
        true => format!("{}: {}", store.store, store.detail),
        // Details have paths in them.
        false => format!("The store {} cannot be read.", store.store),
    });
    if stores
        .iter()
        .any(|store| !store.ok && store.store == "blobs")
    {
        return answer(Status::Unavailable, stores, away);
    }
    let unread = || app.library().ok()?.readers().standing().trouble;
    let reason = away.or_else(unread);
    answer(Status::Ready, stores, reason)
}

impl Told {
    fn new(store: StoreHealth, is_told_all: bool) -> Self {
        let StoreHealth { store, ok, detail } = store;
        Self {
            store,
            ok,
            detail: Some(detail).filter(|_| is_told_all),
        }
    }
}

/// Whether this release may still serve on this directory.
async fn fitness(app: &App) -> Result<()> {
    let asked = app.run(|library| library.store().fitness());
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    answered.unwrap_or_else(|_| Err(silent()))
}

fn silent() -> Error {
    Error::unavailable(format!(
        "The stores did not answer within {} seconds.",
        PATIENCE.as_secs()
    ))
}

/// What each store says of itself.
///
/// # Errors
/// [`Kind::Unavailable`](crate::error::Kind::Unavailable) if one does not answer in time.
pub async fn stores(app: &App) -> Result<Vec<StoreHealth>> {
    let library = app.library()?;
    let asked = blocking(move || Ok(library.health()));
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(stores) => stores,
        Err(_) => Err(silent()),
    }
}
