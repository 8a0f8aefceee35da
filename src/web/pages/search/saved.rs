//! Searches kept under a name: shown where nothing is asked for, added and removed by forms.

use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::address::Seek;
use crate::library::SavedSearch;
use crate::web::pages::change::refusal;
use crate::web::pages::notice::Done;
use crate::web::pages::request::{At, Sent};
use crate::web::pages::show::name;
use crate::web::problem::Failure;
use crate::web::state::App;

pub struct SavedRow {
    pub id: i64,
    pub name: String,
    pub url: String,
}

/// The form: a name, and the search's own fields.
#[derive(Deserialize)]
pub struct Naming {
    #[serde(default)]
    name: String,
    #[serde(flatten)]
    seek: Seek,
}

impl SavedRow {
    pub fn new(saved: &SavedSearch) -> Self {
        Self {
            id: saved.id,
            name: name(&saved.name),
            url: format!("/search?{}", saved.search),
        }
    }
}

pub async fn save(
    app: App,
    Sent(Naming { name, seek }): Sent<Naming>,
) -> Result<Response, Failure> {
    let search = seek.query();
    let saved = app
        .run(move |library| library.save_search(&name, &search))
        .await;
    match saved {
        Ok(()) => Ok(see(&Done::SearchSaved.on(&seek.url()))),
        Err(error) => match refusal(&error) {
            Some(status) => super::refuse(&app, status, seek, error.sentence().to_owned()).await,
            None => Err(error.into()),
        },
    }
}

pub async fn forget(app: App, At(id): At<i64>) -> Result<Response, Failure> {
    app.run(move |library| library.forget_search(id)).await?;
    Ok(see(&Done::SearchForgotten.on("/search")))
}

fn see(url: &str) -> Response {
    Redirect::to(url).into_response()
}
