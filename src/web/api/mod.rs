//! The JSON API, described by the OpenAPI document that is made from its handlers.

mod entries;
mod events;
mod files;
mod lookup;
mod openapi;
mod persistence;
mod pictured;
mod search;

use axum::Router;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::state::App;
use super::thumbnail;
use crate::config::Access;

/// Everything below `/api/v1/`, as an installation describes it that serves whom `access` says.
pub fn router(access: Access) -> Router<App> {
    let (router, _) = described();
    router.merge(openapi::router(access))
}

fn described() -> (Router<App>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(openapi::Document::openapi())
        .routes(routes!(files::put, files::get, files::delete))
        .routes(routes!(entries::list))
        .routes(routes!(lookup::look_up))
        .routes(routes!(entries::get, entries::patch))
        .routes(routes!(entries::versions))
        .routes(routes!(events::events))
        .routes(routes!(search::search))
        .routes(routes!(thumbnail::get))
        .routes(routes!(persistence::persistence))
        .split_for_parts()
}
