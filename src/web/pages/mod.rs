//! Pages for people: rendered on the server, whole without JavaScript, better with it.
//!
//! Each page is a struct beside its handler and a template of the same name. Changes are form
//! posts that answer with a redirect, so that going back or reloading repeats nothing.

pub mod error;
pub mod request;

mod account;
mod accounts;
mod audit;
mod ceremony;
mod change;
mod confirm;
mod entrance;
mod factor;
mod file;
mod library;
mod links;
mod notice;
mod passkeys;
mod pauses;
mod persistence;
mod rows;
mod search;
mod second_step;
mod selected;
mod shared;
mod sharing;
mod show;
mod standing;
mod starts;
mod timeline;
mod trash;
mod unfinished;
mod view;

#[cfg(test)]
mod tests;

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Router};

pub use show::{encode, folder_url};

use crate::config::Access;
use crate::error::Error;
use crate::library::Role;
use crate::web::assets::{LINKS, Links};
use crate::web::compress;
use crate::web::problem::Failure;
use crate::web::state::App;
use crate::web::tus;

/// Files on one page of a listing: a page of them stays below its 60 KB.
const PAGE_LENGTH: usize = 50;

/// All pages and the forms on them.
pub fn router(app: &App) -> Router<App> {
    Router::new()
        .route("/", get(library::root))
        .route("/browse/", get(library::root))
        .route("/browse/{*folder}", get(library::folder))
        .route("/search", get(search::page))
        .route("/searches", post(search::save))
        .route("/searches/{id}/remove", post(search::forget))
        .route("/files/{id}", get(file::page))
        .route("/trash", get(trash::page))
        .route("/persistence", get(persistence::page))
        .route("/unfinished", get(unfinished::page))
        .route("/unfinished/{id}/end", post(unfinished::end))
        .route("/selection", post(selected::change))
        .route("/selection/undo", post(selected::undo))
        .route("/folders/rename", post(change::rename_folder))
        .route("/files/{id}/rename", post(change::rename))
        .route("/files/{id}/tags", post(change::tags))
        .route("/files/{id}/trash", post(change::trash))
        .route("/files/{id}/restore", post(change::restore))
        .route("/files/{id}/purge", post(change::purge))
        .route(
            "/files/{id}/versions/{number}/restore",
            post(change::restore_version),
        )
        .merge(people().route_layer(from_fn_with_state(app.clone(), confirm::first)))
        .merge(sharing_pages())
        .layer(Extension(standing::Standing::default()))
}

/// Signing in, and accounts.
fn people() -> Router<App> {
    Router::new()
        .route(
            "/sign-in",
            get(entrance::sign_in_page).post(entrance::sign_in),
        )
        .route("/sign-in/second", post(second_step::answer))
        .route("/sign-in/passkey", post(passkeys::begin_sign_in))
        .route("/sign-in/passkey/used", post(passkeys::sign_in))
        .route("/sign-out", post(entrance::sign_out))
        .route(
            "/welcome/{secret}",
            get(entrance::welcome_page).post(entrance::welcome),
        )
        .route("/account", get(account::page))
        .route(
            "/account/confirm",
            get(confirm::page).post(confirm::confirm),
        )
        .route("/account/password", post(account::set_password))
        .route("/account/sessions/end", post(account::end_sessions))
        .route("/account/sessions/{id}/end", post(account::end_session))
        .route("/account/factor", get(factor::page).post(factor::add))
        .route("/account/factor/remove", post(factor::remove))
        .route("/account/codes", post(factor::replace_codes))
        .route("/account/passkeys", post(passkeys::begin))
        .route("/account/passkeys/made", post(passkeys::add))
        .route("/account/passkeys/{id}/remove", post(passkeys::remove))
        .route("/account/tokens", post(account::add_token))
        .route("/account/tokens/{id}/revoke", post(account::revoke_token))
        .route("/accounts", get(accounts::page).post(accounts::add))
        .route("/accounts/{id}/change", post(accounts::change))
        .route("/accounts/{id}/link", post(accounts::link))
        .route("/accounts/{id}/remove", post(accounts::remove))
        .route("/audit", get(audit::page))
        .route("/pauses", get(pauses::page))
        .route("/pauses/{key}/lift", post(pauses::lift))
}

/// Who may see what, and what others see by links.
fn sharing_pages() -> Router<App> {
    Router::new()
        .route("/sharing/", get(sharing::root).post(sharing::say_root))
        .route("/sharing/{*folder}", get(sharing::page).post(sharing::say))
        .route("/links", get(links::page).post(links::make))
        .route("/links/{id}/revoke", post(links::revoke))
        .route("/s/{secret}", get(shared::page).post(shared::unlock))
        .route("/s/{secret}/in/{*path}", get(shared::folder))
        .route("/s/{secret}/get", get(shared::file))
        .route("/s/{secret}/get/{*path}", get(shared::file_below))
        .route("/s/{secret}/zip", get(shared::archive))
        .route("/s/{secret}/drop", post(shared::dropped))
        .merge(tus::speaking(
            Router::new()
                .route("/s/{secret}/uploads", any(shared::uploads))
                .route("/s/{secret}/uploads/", any(shared::uploads))
                .route("/s/{secret}/uploads/{id}", any(shared::one_upload)),
        ))
}

/// What the layout needs of every page.
struct Shell {
    links: &'static Links,
    /// What the search box holds.
    query: String,
    /// Where files dropped on this page go; empty for the root.
    folder: String,
    /// The address at which they come in, where that is not the library's own.
    door: Option<String>,
    release: String,
    /// Who is signed in.
    visitor: Option<Signed>,
    /// Which parts of the application are for whoever looks.
    parts: Parts,
}

/// Somebody signed in, as pages show it.
struct Signed {
    name: String,
    is_owner: bool,
}

/// What is offered beside the library.
#[derive(Clone, Copy)]
struct Parts {
    /// To sign in, to whoever looks without.
    sign_in: bool,
    trash: bool,
    links: bool,
    persistence: bool,
    /// To look at the library, and to be told of changes while a page is shown.
    library: bool,
}

impl Parts {
    /// Where nobody has to say who he is.
    const ALL: Self = Self {
        sign_in: false,
        trash: true,
        links: false,
        persistence: true,
        library: true,
    };
}

impl Shell {
    /// For whoever makes the request.
    fn of(app: &App) -> Self {
        let visitor = app.visitor();
        Self {
            visitor: visitor.session().map(|session| Signed {
                name: session.name.clone(),
                is_owner: session.role == Role::Owner,
            }),
            parts: Parts {
                sign_in: !visitor.is_known(),
                trash: visitor.changes(),
                links: visitor.changes() && visitor.session().is_some(),
                persistence: visitor.administers(),
                library: visitor.is_known() || app.config().access == Access::PublicRead,
            },
            ..Self::new(app.release())
        }
    }

    fn new(release: &str) -> Self {
        Self {
            links: &LINKS,
            query: String::new(),
            folder: String::new(),
            door: None,
            release: release.to_owned(),
            visitor: None,
            parts: Parts::ALL,
        }
    }

    fn in_folder(self, folder: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            ..self
        }
    }

    fn searching(self, query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            ..self
        }
    }
}

/// A page with a secret in it, shown or carried along: nothing stores it.
fn respond_once(status: StatusCode, page: &impl Template) -> Response {
    let mut response = respond(status, page);
    let nowhere = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, nowhere);
    response
}

/// A rendered page; a browser may show it again but asks first.
fn respond(status: StatusCode, page: &impl Template) -> Response {
    const HEADERS: [(HeaderName, &str); 2] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "private, no-cache"),
    ];
    match page.render() {
        Ok(html) => (status, HEADERS, Extension(compress::Page), html).into_response(),
        Err(cause) => {
            Failure::from(Error::internal("A page could not be rendered.").because(cause))
                .into_response()
        }
    }
}
