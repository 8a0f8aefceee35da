//! A second factor for one's account: the app is set up, its first code is given, and codes are
//! shown for when it is lost.

use askama::Template;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::notice::Done;
use super::request::Sent;
use super::{Shell, account, respond};
use crate::auth::password;
use crate::auth::totp::{self, SharedSecret};
use crate::error::{Error, Result};
use crate::library::{AccountId, Guessed, Library};
use crate::store::now_ms;
use crate::web::problem::Failure;
use crate::web::state::App;

/// The form. The secret travels with it until its first code was right.
#[derive(Deserialize)]
pub struct Given {
    secret: String,
    code: String,
}

#[derive(Deserialize)]
pub struct Confirmed {
    password: String,
}

#[derive(Template)]
#[template(path = "factor.html")]
struct FactorPage {
    shell: Shell,
    problem: Option<String>,
    picture: String,
    secret: String,
    /// Once it is set up, and then never again.
    codes: Vec<String>,
}

pub async fn page(app: App, headers: HeaderMap) -> Result<Response, Failure> {
    account::own(&app)?;
    let page = FactorPage::new(&app, &headers, &SharedSecret::new()?)?;
    Ok(respond(StatusCode::OK, &page))
}

pub async fn add(
    app: App,
    headers: HeaderMap,
    Sent(given): Sent<Given>,
) -> Result<Response, Failure> {
    account::own(&app)?;
    let secret = SharedSecret::parse(&given.secret)
        .ok_or_else(|| Error::invalid("The secret in the form is none; load the page again."))?;
    let page = FactorPage::new(&app, &headers, &secret)?;
    let Some(step) = secret.check(&given.code, now_s(), None) else {
        let problem = "That is not the code that the app shows now. If it is, the clock of the phone or of this server goes wrong.";
        let problem = Some(problem.to_owned());
        return Ok(respond(
            StatusCode::BAD_REQUEST,
            &FactorPage { problem, ..page },
        ));
    };
    let codes = totp::recovery_codes()?;
    let hashes = codes.iter().map(|code| totp::recovery_hash(code)).collect();
    app.run(move |library| library.add_factor(secret.bytes().to_vec(), step, hashes))
        .await?;
    Ok(respond(StatusCode::OK, &FactorPage { codes, ..page }))
}

/// Takes the password once more: who finds a browser open must not take the factor away.
pub async fn remove(app: App, Sent(given): Sent<Confirmed>) -> Result<Response, Failure> {
    let id = account::own(&app)?;
    let address = app.visitor().origin.address.to_string();
    let removed = app.run(move |library| {
        let account = library.account(id)?;
        let guessed = Guessed::at_account(&account.name, &address);
        library.guess(&guessed)?;
        if !password::verify(
            &given.password,
            account.password.as_deref().unwrap_or_default(),
        ) {
            return Err(Error::invalid("The password is not that."));
        }
        library.guessed_right(&guessed)?;
        library.remove_factor(id)
    });
    match removed.await {
        Ok(()) => Ok(Redirect::to(&Done::FactorRemoved.on("/account")).into_response()),
        Err(error) => account::answer(&app, Err(error)).await,
    }
}

/// Whether what was typed is good for the second factor of an account; it is not again.
pub fn take_code(library: &Library, id: AccountId, typed: &str) -> Result<bool> {
    let Some(factor) = library.factor(id)? else {
        return Ok(true);
    };
    let secret = SharedSecret::from_bytes(factor.secret);
    match secret.check(typed, now_s(), factor.last_step) {
        Some(step) => library.take_step(id, step),
        None => library.take_recovery_code(id, totp::recovery_hash(typed)),
    }
}

fn now_s() -> u64 {
    u64::try_from(now_ms() / 1000).unwrap_or(0)
}

impl FactorPage {
    fn new(app: &App, headers: &HeaderMap, secret: &SharedSecret) -> Result<Self> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let name = app.visitor().session().map(|session| session.name.as_str());
        let address = secret.address(host.unwrap_or("Wharfside"), name.unwrap_or("account"))?;
        Ok(Self {
            shell: Shell::of(app),
            problem: None,
            picture: totp::picture(&address)?,
            secret: secret.text(),
            codes: Vec::new(),
        })
    }
}
