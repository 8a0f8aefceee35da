//! The second step of signing in, once the password was right: a code, or a passkey.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::entrance::{self, Entered};
use super::request::Sent;
use super::{Shell, ceremony, factor, passkeys, respond_once};
use crate::auth::passkey::Answer;
use crate::error::{Error, Kind, Result};
use crate::library::{Account, Begun, Ceremony, Guessed, Happening, Library};
use crate::web::problem::Failure;
use crate::web::state::App;
use crate::web::visitor::Origin;

/// What is asked of an account. Each question takes one answer.
pub struct Question {
    pub secret: String,
    /// For the browser, if the account has passkeys of this site.
    pub options: Option<String>,
    pub has_app: bool,
}

#[derive(Deserialize)]
pub struct Given {
    step: String,
    #[serde(default)]
    code: String,
    /// Of a passkey, in place of a code.
    #[serde(default)]
    answer: String,
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "second_step.html")]
struct SecondStepPage {
    shell: Shell,
    problem: Option<String>,
    question: Question,
    next: String,
}

enum Answered {
    Right(Entered),
    /// Why not, and what is asked instead.
    Wrong(String, Question),
}

impl Question {
    /// Asked in order to do `what` with the answer.
    pub fn new(
        library: &Library,
        what: Ceremony,
        account: &Account,
        origin: &Origin,
    ) -> Result<Self> {
        let own = passkeys::of(library, account.id)?;
        let begun = match origin.site().map(|site| site.begin_second_factor(&own)) {
            Some(Ok(begun)) => Some(begun),
            // None of them is of this site.
            Some(Err(error)) if error.kind() == Kind::Invalid => None,
            Some(Err(error)) => return Err(error),
            None => None,
        };
        let (options, state) = begun.map(|begun| (begun.options, begun.state)).unzip();
        Ok(Self {
            secret: ceremony::leave(library, what, Some(account.id), state.unwrap_or_default())?,
            options,
            has_app: account.has_totp,
        })
    }
}

pub fn show(
    app: &App,
    status: StatusCode,
    problem: Option<String>,
    question: Question,
    next: String,
) -> Response {
    let page = SecondStepPage {
        shell: Shell::of(app),
        problem,
        question,
        next,
    };
    respond_once(status, &page)
}

pub async fn answer(app: App, Sent(given): Sent<Given>) -> Result<Response, Failure> {
    let origin = app.visitor().origin.clone();
    let (next, seen) = (given.next.clone(), origin.clone());
    let answered = app.run(move |library| check(library, &given, &seen)).await;
    match answered {
        Ok(Answered::Right(entered)) => Ok(entered.lead(&origin, &next)),
        Ok(Answered::Wrong(sentence, question)) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(show(&app, status, Some(sentence), question, next))
        }
        Err(error) => entrance::explain(&app, error, next).await,
    }
}

/// Every answer is a guess at the account, as a password is.
fn check(library: &Library, given: &Given, origin: &Origin) -> Result<Answered> {
    let begun = ceremony::take(library, Ceremony::SecondFactor, &given.step)?;
    let account = library.account(begun.account.unwrap_or_default())?;
    let address = origin.address.to_string();
    let guessed = Guessed::at_account(&account.name, origin.address);
    library.guess(&guessed)?;
    match prove(
        library,
        &begun,
        &account,
        &given.code,
        &given.answer,
        origin,
    ) {
        Ok(by) => {
            library.guessed_right(&guessed)?;
            entrance::begin_session(library, account.id, origin, by, true).map(Answered::Right)
        }
        Err(error) if matches!(error.kind(), Kind::Unauthenticated | Kind::Invalid) => {
            library.note(Happening::SignInFailed, &account.name, &address)?;
            let question = Question::new(library, Ceremony::SecondFactor, &account, origin)?;
            Ok(Answered::Wrong(error.sentence().to_owned(), question))
        }
        Err(error) => Err(error),
    }
}

/// How it was proven, for the log: by a code, or by a passkey's answer in place of one.
pub fn prove(
    library: &Library,
    begun: &Begun,
    account: &Account,
    code: &str,
    answer: &str,
    origin: &Origin,
) -> Result<&'static str> {
    if answer.is_empty() {
        return match factor::take_code(library, account.id, code)? {
            true => Ok("password and code"),
            false => Err(Error::new(
                Kind::Unauthenticated,
                "The code is wrong, or was used before.",
            )),
        };
    }
    let site = origin.site().ok_or_else(passkeys::no_site)?;
    let answer = Answer::parse(answer)?;
    passkeys::used(library, &answer, Some(account.id), |passkey| {
        site.finish_second_factor(&begun.state, &answer, passkey)
    })?;
    Ok("password and passkey")
}
