//! The HTTP surface: pages for people, JSON for programs, health for the platform.
//!
//! Every request passes `front` once, on its way in and on its way out. Handlers cross to the
//! blocking pool once, through [`state::App::run`].

pub mod access;
mod api;
pub mod assets;
pub mod base_path;
mod compress;
mod conditions;
mod connection;
mod digest_fields;
mod disposition;
mod download;
mod file_body;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod health;
pub mod input;
mod known_facts;
mod lane;
mod legacy_digests;
mod live;
mod metered_body;
mod metrics;
mod pace;
pub mod pages;
mod patience;
mod preview;
pub mod problem;
mod range;
mod read_body;
mod receive;
mod request_head;
mod request_id;
mod security;
mod security_txt;
mod selection;
mod server;
pub mod state;
mod thumbnail;
mod tus;
mod upload;
mod visitor;
mod zip;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONNECTION, SET_COOKIE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::FutureExt;
use tower::util::MapRequest;
use tracing::Instrument;

use crate::error::Error;
use problem::{Asked, Failure};
pub use server::{Opened, Running, serve};
use state::App;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// An answer that takes longer than this is worth a line in the log.
const SLOW: Duration = Duration::from_secs(1);

/// Every route of the application, below the path that it is configured to.
pub fn router(app: App) -> Router {
    let base = app.config().base_path.clone();
    let routes = routes(app);
    match base.is_root() {
        true => routes,
        false => {
            // Routes are found by the address, so it has to be within the app before that.
            let within = MapRequest::new(routes, move |request: Request| base.strip(request));
            Router::new().fallback_service(within)
        }
    }
}

fn routes(app: App) -> Router {
    Router::new()
        .merge(pages::router(&app))
        .merge(assets::router())
        .merge(api::router(app.config().access))
        .merge(tus::router())
        .route("/upload", post(upload::upload))
        .route("/download/{id}", get(download::download))
        .route("/shown/{id}", get(download::shown))
        .route("/download.zip", get(zip::get).post(zip::post))
        .route("/.well-known/security.txt", get(security_txt::page))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .fallback(nothing_here)
        .method_not_allowed_fallback(|| async { wrong_method() })
        .layer(from_fn_with_state(app.clone(), front))
        .with_state(app)
}

async fn nothing_here() -> Failure {
    Error::not_found("There is nothing at this address.").into()
}

fn wrong_method() -> Failure {
    Failure::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "This address does not take that method; the Allow header lists those it takes.",
    )
}

/// Gives a request its id, admits it, and makes its answer complete.
async fn front(app: App, request: Request, next: Next) -> Response {
    let id = request_id::next();
    let span = tracing::info_span!(
        "request", id, method = %request.method(), path = &*access::logged_path(&request)
    );
    let asked = Asked::new(request.uri(), request.headers());
    let (parts, body) = request.into_parts();
    let sealed = security::Sealed::new(&app, &parts);
    let base = visitor::base_path(&app, &parts);
    let request = Request::from_parts(parts, body);
    let takes_gzip = compress::is_taken(request.headers());
    async move {
        let exchange = app.metrics().begin(asked.uri.path());
        let response = admitted(&app, request, &asked, next).await;
        let response = problem::render(response, &asked, &id);
        let response = base.add_to(response).await;
        let mut response = compress::page(response, takes_gzip).await;
        security::seal(&mut response, sealed);
        if let Ok(id) = HeaderValue::try_from(id) {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
        if app.is_draining() {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if !exchange.is_of_the_platform() {
            app.count_served();
        }
        log(response.status(), exchange.end(response.status()));
        response
    }
    .instrument(span)
    .await
}

async fn admitted(app: &App, request: Request, asked: &Asked, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(meant) = tus::meant_method(&parts) {
        parts.method = meant;
    }
    if let Err(failure) = security::admit(app, &parts) {
        return failure.into_response();
    }
    let visitor = match access::admit(app, &parts).await {
        Ok(visitor) => visitor,
        Err(failure) => return access::refuse(failure, &parts.method, asked),
    };
    let renewed = visitor.renewed_cookie(&parts.headers);
    parts.extensions.insert(Arc::new(visitor));
    let body = patience::patient(body, app.config().stall);
    let answer = AssertUnwindSafe(next.run(Request::from_parts(parts, body)));
    let mut response = match answer.catch_unwind().await {
        Ok(response) => response,
        Err(_) => Failure::from(Error::internal("A handler ended in a panic.")).into_response(),
    };
    if let Some(cookie) = renewed {
        // A handler that sets one ends or begins a session.
        response.headers_mut().entry(SET_COOKIE).or_insert(cookie);
    }
    response
}

/// Answers to ordinary requests would drown everything else at high rates.
fn log(status: StatusCode, took: Duration) {
    let status = status.as_u16();
    if status >= 400 && status != 503 || took > SLOW {
        tracing::info!(status, ?took, "answered");
    } else {
        tracing::debug!(status, ?took, "answered");
    }
}

#[cfg(test)]
mod tests;
