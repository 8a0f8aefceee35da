//! A second factor for one's account: the app is set up, its first code is given, and codes are
//! shown for when it is lost.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::notice::Done;
use super::request::Sent;
use super::{Shell, account, respond_once};
use crate::auth::totp::{self, SharedSecret};
use crate::error::{Error, Result};
use crate::library::{AccountId, Library};
use crate::store::now_ms;
use crate::web::problem::Failure;
use crate::web::state::App;

/// The form. The secret travels with it until its first code was right.
#[derive(Deserialize)]
pub struct Given {
    secret: String,
    code: String,
}

#[derive(Template)]
#[template(path = "factor.html")]
struct FactorPage {
    shell: Shell,
    problem: Option<String>,
    picture: String,
    secret: String,
}

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesPage {
    shell: Shell,
    heading: &'static str,
    codes: Vec<String>,
}

pub async fn page(app: App) -> Result<Response, Failure> {
    account::own(&app)?;
    let page = FactorPage::new(&app, &SharedSecret::new()?)?;
    Ok(respond_once(StatusCode::OK, &page))
}

pub async fn add(app: App, Sent(given): Sent<Given>) -> Result<Response, Failure> {
    account::own(&app)?;
    let secret = SharedSecret::parse(&given.secret)
        .ok_or_else(|| Error::invalid("The secret in the form is none; load the page again."))?;
    let page = FactorPage::new(&app, &secret)?;
    let added = app.run(move |library| {
        let step = secret.check(&given.code, now_s(), None).ok_or_else(|| {
            Error::invalid("That is not the code that the app shows now. If it is, the clock of the phone or of this server goes wrong.")
        })?;
        let codes = totp::recovery_codes()?;
        let hashes = totp::recovery_hashes(&codes);
        library.add_factor(secret.bytes().to_vec(), step, hashes)?;
        Ok(codes)
    });
    match added.await {
        Ok(codes) => Ok(show_codes(&app, "The second factor is set up", codes)),
        Err(error) => match super::change::refusal(&error) {
            Some(status) => {
                let problem = Some(error.sentence().to_owned());
                Ok(respond_once(status, &FactorPage { problem, ..page }))
            }
            None => Err(error.into()),
        },
    }
}

/// Shows recovery codes, this once.
pub fn show_codes(app: &App, heading: &'static str, codes: Vec<String>) -> Response {
    let page = CodesPage {
        shell: Shell::of(app),
        heading,
        codes,
    };
    respond_once(StatusCode::OK, &page)
}

pub async fn remove(app: App) -> Result<Response, Failure> {
    account::own(&app)?;
    let removed = app.run(|library| library.remove_factor()).await;
    account::answer(&app, removed.map(|()| Done::FactorRemoved)).await
}

/// Makes other recovery codes; those from before are void.
pub async fn replace_codes(app: App) -> Result<Response, Failure> {
    account::own(&app)?;
    let replaced = app.run(|library| {
        let codes = totp::recovery_codes()?;
        library.replace_codes(totp::recovery_hashes(&codes))?;
        Ok(codes)
    });
    match replaced.await {
        Ok(codes) => Ok(show_codes(&app, "New recovery codes", codes)),
        Err(error) => account::answer(&app, Err(error)).await,
    }
}

/// Whether what was typed is a code of the account's app, or a recovery code; it is not again.
pub fn take_code(library: &Library, id: AccountId, typed: &str) -> Result<bool> {
    let factor = library.factor(id);
    if let Ok(Some(factor)) = &factor {
        let secret = SharedSecret::from_bytes(factor.secret.clone());
        if let Some(step) = secret.check(typed, now_s(), factor.last_step) {
            return library.take_step(id, step);
        }
    }
    // Recovery codes are good even where the app's secret cannot be read.
    let is_taken = library.take_recovery_code(id, totp::recovery_hash(typed))?;
    match is_taken {
        true => Ok(true),
        false => factor.map(|_| false),
    }
}

fn now_s() -> u64 {
    u64::try_from(now_ms() / 1000).unwrap_or(0)
}

impl FactorPage {
    fn new(app: &App, secret: &SharedSecret) -> Result<Self> {
        let visitor = app.visitor();
        let name = visitor.session().map(|session| session.name.as_str());
        let host = match visitor.origin.host() {
            "" => "Wharfside",
            host => host,
        };
        let address = secret.address(host, name.unwrap_or("account"))?;
        Ok(Self {
            shell: Shell::of(app),
            problem: None,
            picture: totp::picture(&address)?,
            secret: secret.text(),
        })
    }
}
