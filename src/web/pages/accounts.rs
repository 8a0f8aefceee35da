//! All accounts, for owners: let somebody in, change what he may, see him out.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::account::Used;
use super::notice::{Done, Notice, Outcome};
use super::request::{At, Sent};
use super::show::{Moment, name};
use super::{Shell, respond, respond_once};
use crate::auth::{Purpose, Secret};
use crate::config::parse_bytes;
use crate::error::{Error, Result};
use crate::library::{Account, AccountId, Library, Quota, Role, Usage};
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;

#[derive(Deserialize)]
pub struct Asking {
    done: Option<Done>,
}

#[derive(Deserialize)]
pub struct NewAccount {
    name: String,
    role: Role,
}

#[derive(Deserialize)]
pub struct Changed {
    role: Role,
    #[serde(default)]
    quota_bytes: String,
    #[serde(default)]
    quota_files: String,
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    shell: Shell,
    notice: Option<Notice>,
    problem: Option<String>,
    rows: Vec<Row>,
    /// A link for somebody, shown once.
    made: Option<Made>,
}

struct Row {
    id: AccountId,
    name: String,
    role: &'static str,
    is_oneself: bool,
    has_password: bool,
    has_factor: bool,
    used: Used,
    quota: Quota,
    created: Moment,
}

pub struct Made {
    name: String,
    path: String,
}

pub async fn page(app: App, Query(Asking { done }): Query<Asking>) -> Result<Response, Failure> {
    let outcome = Outcome {
        done,
        ..Outcome::default()
    };
    let page = AccountsPage::read(&app).await?;
    let notice = outcome.notice();
    Ok(respond(StatusCode::OK, &AccountsPage { notice, ..page }))
}

pub async fn add(app: App, Sent(new): Sent<NewAccount>) -> Result<Response, Failure> {
    let made = app.run(move |library| {
        let account = library.add_account(&new.name, new.role)?;
        Made::link(library, &account)
    });
    let made = made.await;
    show_made(&app, made).await
}

pub async fn link(app: App, At(id): At<AccountId>) -> Result<Response, Failure> {
    let made = app.run(move |library| Made::link(library, &library.account(id)?));
    let made = made.await;
    show_made(&app, made).await
}

pub async fn change(
    app: App,
    At(id): At<AccountId>,
    Sent(changed): Sent<Changed>,
) -> Result<Response, Failure> {
    let done = app.run(move |library| library.change_account(id, changed.role, changed.quota()?));
    let done = done.await;
    answer(&app, done.map(|()| Done::AccountChanged)).await
}

pub async fn remove(app: App, At(id): At<AccountId>) -> Result<Response, Failure> {
    let done = app.run(move |library| library.remove_account(id)).await;
    answer(&app, done.map(|()| Done::AccountRemoved)).await
}

async fn show_made(app: &App, made: Result<Made>) -> Result<Response, Failure> {
    match made {
        Ok(made) => {
            let page = AccountsPage::read(app).await?;
            let made = Some(made);
            Ok(respond_once(StatusCode::OK, &AccountsPage { made, ..page }))
        }
        Err(error) => answer(app, Err(error)).await,
    }
}

async fn answer(app: &App, done: Result<Done>) -> Result<Response, Failure> {
    match done {
        Ok(done) => Ok(Redirect::to(&done.on("/accounts")).into_response()),
        Err(error) => match super::change::refusal(&error) {
            Some(status) => {
                let page = AccountsPage::read(app).await?;
                let problem = Some(error.sentence().to_owned());
                Ok(respond(status, &AccountsPage { problem, ..page }))
            }
            None => Err(error.into()),
        },
    }
}

impl Made {
    fn link(library: &Library, account: &Account) -> Result<Self> {
        let secret = Secret::new(Purpose::OneTime)?;
        library.make_password_link(account.id, secret.hash())?;
        Ok(Self {
            name: name(&account.name),
            path: format!("/welcome/{}", secret.text()),
        })
    }
}

impl Changed {
    fn quota(&self) -> Result<Quota> {
        let bytes = match self.quota_bytes.trim() {
            "" => None,
            text => Some(parse_bytes(text).ok_or_else(|| {
                Error::invalid(format!(
                    "{text:?} is no size; write one such as 500MB or 2GiB, or nothing for no limit."
                ))
            })?),
        };
        let files = match self.quota_files.trim() {
            "" => None,
            text => Some(text.parse().map_err(|_| {
                Error::invalid(format!(
                    "{text:?} is no number of files; write nothing for no limit."
                ))
            })?),
        };
        Ok(Quota { bytes, files })
    }
}

impl AccountsPage {
    async fn read(app: &App) -> Result<Self> {
        let accounts = app.run(|library| {
            let accounts = library.accounts()?.into_iter();
            let accounts = accounts.map(|account| Ok((library.usage(account.id)?, account)));
            accounts.collect::<Result<Vec<_>>>()
        });
        let own = app.visitor().session().map(|session| session.account);
        let rows = accounts.await?;
        Ok(Self {
            shell: Shell::of(app),
            notice: None,
            problem: None,
            rows: rows
                .into_iter()
                .map(|(usage, account)| Row::new(account, usage, own))
                .collect(),
            made: None,
        })
    }
}

impl Row {
    fn new(account: Account, usage: Usage, own: Option<AccountId>) -> Self {
        Self {
            id: account.id,
            name: name(&account.name),
            role: account.role.word(),
            is_oneself: own == Some(account.id),
            has_password: account.password.is_some(),
            has_factor: account.has_factor(),
            used: Used::new(usage, account.quota),
            quota: account.quota,
            created: Moment(account.created_ms),
        }
    }
}
