//! Links for people without an account: made, listed, revoked.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::notice::{Done, Notice, Outcome};
use super::request::{At, Sent};
use super::show::{Count, Moment, name};
use super::{Shell, respond_once};
use crate::auth::{Purpose, Secret, password};
use crate::error::{Error, Result};
use crate::library::{FileId, FolderPath, Library, Millis, NewShare, Share, Shared};
use crate::store::now_ms;
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;

const DAY_MS: Millis = 24 * 3600 * 1000;

#[derive(Deserialize)]
pub struct Asking {
    done: Option<Done>,
    /// The link that was just made.
    made: Option<i64>,
}

#[derive(Deserialize)]
pub struct Wanted {
    kind: String,
    file: Option<FileId>,
    #[serde(default)]
    folder: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    days: String,
    #[serde(default)]
    uses: String,
    #[serde(default)]
    password: String,
}

#[derive(Template)]
#[template(path = "links.html")]
struct LinksPage {
    shell: Shell,
    notice: Option<Notice>,
    made: Option<String>,
    links: Vec<LinkRow>,
}

#[derive(Template)]
#[template(path = "parts/link.html")]
pub struct LinkRow {
    id: i64,
    /// None if its secret is sealed with another key.
    path: Option<String>,
    kind: &'static str,
    name: String,
    what: Option<String>,
    owner: Option<String>,
    has_password: bool,
    expires: Option<Moment>,
    is_over: bool,
    uses: Count,
    left: Option<Count>,
    used: Option<Moment>,
}

impl HtmlSafe for LinkRow {}

pub async fn page(app: App, Query(asking): Query<Asking>) -> Result<Response, Failure> {
    let shares = app.look(|library| library.shares()).await?;
    let outcome = Outcome {
        done: asking.done,
        ..Outcome::default()
    };
    let made = shares.iter().find(|share| asking.made == Some(share.id));
    let page = LinksPage {
        shell: Shell::of(&app),
        notice: outcome.notice(),
        made: made.and_then(address),
        links: shares.iter().map(LinkRow::new).collect(),
    };
    Ok(respond_once(StatusCode::OK, &page))
}

pub async fn make(app: App, Sent(wanted): Sent<Wanted>) -> Result<Response, Failure> {
    let id = app.run(move |library| wanted.make(library)).await?;
    let page = format!("{}&made={id}", Done::LinkMade.on("/links"));
    Ok(Redirect::to(&page).into_response())
}

pub async fn revoke(app: App, At(id): At<i64>) -> Result<Response, Failure> {
    app.run(move |library| library.revoke_share(id)).await?;
    Ok(Redirect::to(&Done::LinkRevoked.on("/links")).into_response())
}

impl Wanted {
    fn make(self, library: &Library) -> Result<i64> {
        let shared = match (self.kind.as_str(), self.file) {
            ("file", Some(id)) => Shared::File(id),
            ("folder", _) => Shared::Folder(FolderPath::parse(&self.folder)?),
            ("drop", _) => Shared::Drop(FolderPath::parse(&self.folder)?),
            _ => {
                return Err(Error::invalid(
                    "A link is to a file, to a folder, or to drop files into one.",
                ));
            }
        };
        let days = number(&self.days, "days")?;
        let chosen = self.password.as_str();
        library.share(NewShare {
            secret: Secret::new(Purpose::Link)?.text(),
            shared,
            name: self.name,
            password: match chosen.is_empty() {
                true => None,
                false => Some(password::hash(chosen)?),
            },
            expires_ms: days.map(|days| now_ms() + days as Millis * DAY_MS),
            uses: number(&self.uses, "uses")?,
        })
    }
}

/// A whole number from 1 to a million; nothing for none.
fn number(text: &str, what: &str) -> Result<Option<u64>> {
    match text.trim() {
        "" => Ok(None),
        text => match text.parse() {
            Ok(number @ 1..=1_000_000) => Ok(Some(number)),
            _ => Err(Error::invalid(format!(
                "{text:?} is no number of {what}; write a whole one from 1 on, or nothing for no limit."
            ))),
        },
    }
}

/// Where a link opens, if its secret can be shown.
fn address(share: &Share) -> Option<String> {
    let secret = share.secret.as_ref()?;
    Some(format!("/s/{secret}"))
}

impl LinkRow {
    pub fn new(share: &Share) -> Self {
        let (kind, what) = match &share.shared {
            Shared::File(_) => ("a file", None),
            Shared::Folder(folder) => ("a folder", Some(folder)),
            Shared::Drop(folder) => ("files dropped into", Some(folder)),
        };
        let is_past = share.expires_ms.is_some_and(|at| at <= now_ms());
        Self {
            id: share.id,
            path: address(share),
            kind,
            name: name(&share.name),
            what: what.map(|folder| match folder.is_root() {
                true => "the whole library".to_owned(),
                false => name(folder.as_str()),
            }),
            owner: share.owner.as_deref().map(name),
            has_password: share.password.is_some(),
            expires: share.expires_ms.map(Moment),
            is_over: is_past || share.uses_left == Some(0),
            uses: Count(share.uses),
            left: share.uses_left.map(Count),
            used: share.used_ms.map(Moment),
        }
    }
}
