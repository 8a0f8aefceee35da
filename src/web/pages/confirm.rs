//! Confirming: password and second factor once more, before what decides who can sign in changes.
//!
//! A form that is sent without is answered with a page that asks for them. That page carries the form
//! along and, once they were right, has the browser send it to where it was meant for.

use askama::Template;
use axum::extract::{FromRequest, MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::notice::Done;
use super::request::Sent;
use super::second_step::{self, Question};
use super::show::name;
use super::{Shell, account, ceremony, respond_once};
use crate::auth::password;
use crate::error::{Error, Kind, Result};
use crate::library::{Account, AccountId, Ceremony, Guessed, Happening, Library, unconfirmed};
use crate::web::access;
use crate::web::problem::{Failure, prefers_html};
use crate::web::state::App;
use crate::web::visitor::Origin;

type Fields = Vec<(String, String)>;

/// Fields of the page's own begin like this, and none of the forms that it carries along has such.
const OWN: &str = "confirm-";

/// What the page sends.
#[derive(Default)]
struct Given {
    password: String,
    /// Names the question that code or answer are to.
    step: String,
    code: String,
    /// Of a passkey, in place of a code.
    answer: String,
    asked: Asked,
}

/// What was asked for, to be done once it is confirmed.
#[derive(Clone, Default)]
struct Asked {
    /// The address that the form is for; empty if there is none.
    then: String,
    fields: Fields,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    shell: Shell,
    problem: Option<String>,
    name: String,
    /// None for the password.
    question: Option<Question>,
    asked: Asked,
}

enum Checked {
    Confirmed,
    /// The password is right, and the account has a second factor.
    Asked(Question),
    /// The second factor is not; what is asked instead.
    Wrong(String, Question),
}

/// Before every change that is to be confirmed: asks whoever was not asked lately.
pub async fn first(app: App, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let is_meant = route.is_some_and(|route| access::CONFIRMED.contains(&route.as_str()))
        && !request.method().is_safe();
    let session = app.visitor().session();
    if !is_meant || session.is_none_or(|session| session.is_confirmed()) {
        return next.run(request).await;
    }
    if !prefers_html(request.headers()) {
        return Failure::from(unconfirmed()).into_response();
    }
    let then = request.uri().path().to_owned();
    match Sent::from_request(request, &()).await {
        Ok(Sent(fields)) => show(
            &app,
            StatusCode::FORBIDDEN,
            None,
            None,
            Asked { then, fields },
        ),
        Err(failure) => failure.into_response(),
    }
}

/// For whoever confirms before anything is asked for.
pub async fn page(app: App) -> Result<Response, Failure> {
    account::own(&app)?;
    Ok(show(&app, StatusCode::OK, None, None, Asked::default()))
}

pub async fn confirm(app: App, Sent(fields): Sent<Fields>) -> Result<Response, Failure> {
    let id = account::own(&app)?;
    let given = Given::new(fields);
    let (asked, origin) = (given.asked.clone(), app.visitor().origin.clone());
    let checked = app.run(move |library| given.check(library, id, &origin));
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(match checked.await {
        Ok(Checked::Confirmed) => asked.go_on(),
        Ok(Checked::Asked(question)) => show(&app, StatusCode::OK, None, Some(question), asked),
        Ok(Checked::Wrong(sentence, question)) => {
            show(&app, unprocessable, Some(sentence), Some(question), asked)
        }
        Err(error) if error.kind() == Kind::Invalid => {
            let problem = Some(error.sentence().to_owned());
            show(&app, unprocessable, problem, None, asked)
        }
        Err(error) => return Err(error.into()),
    })
}

fn show(
    app: &App,
    status: StatusCode,
    problem: Option<String>,
    question: Option<Question>,
    asked: Asked,
) -> Response {
    let page = ConfirmPage {
        shell: Shell::of(app),
        problem,
        name: app
            .visitor()
            .session()
            .map_or_else(String::new, |session| name(&session.name)),
        question,
        asked,
    };
    respond_once(status, &page)
}

impl Given {
    fn new(fields: Fields) -> Self {
        let mut given = Self::default();
        for (name, value) in fields {
            let own = match name.strip_prefix(OWN) {
                Some("password") => &mut given.password,
                Some("step") => &mut given.step,
                Some("code") => &mut given.code,
                Some("answer") => &mut given.answer,
                Some("then") => &mut given.asked.then,
                Some(_) => continue,
                None => {
                    given.asked.fields.push((name, value));
                    continue;
                }
            };
            *own = value;
        }
        given
    }

    fn check(&self, library: &Library, id: AccountId, origin: &Origin) -> Result<Checked> {
        match self.step.is_empty() {
            true => self.check_password(library, id, origin),
            false => self.check_factor(library, id, origin),
        }
    }

    fn check_password(&self, library: &Library, id: AccountId, origin: &Origin) -> Result<Checked> {
        let account = library.account(id)?;
        let guessed = Guessed::at_account(&account.name, origin.address);
        library.guess(&guessed)?;
        let kept = account.password.as_deref().unwrap_or_default();
        if !password::verify(&self.password, kept)? {
            library.note(Happening::PasswordWrong, &account.name, "")?;
            return Err(Error::invalid("The password is not that."));
        }
        if account.has_factor() {
            library.guessed_first_half(&guessed)?;
            let question = Question::new(library, Ceremony::Confirmation, &account, origin);
            return question.map(Checked::Asked);
        }
        confirmed(library, &guessed)
    }

    /// Every answer is a guess at the account, as a password is.
    fn check_factor(&self, library: &Library, id: AccountId, origin: &Origin) -> Result<Checked> {
        let begun = ceremony::take(library, Ceremony::Confirmation, &self.step)?;
        if begun.account != Some(id) {
            return Err(Error::invalid(
                "Another account was asked this; begin again.",
            ));
        }
        let account: Account = library.account(id)?;
        let guessed = Guessed::at_account(&account.name, origin.address);
        library.guess(&guessed)?;
        match second_step::prove(library, &begun, &account, &self.code, &self.answer, origin) {
            Ok(_) => confirmed(library, &guessed),
            Err(error) if matches!(error.kind(), Kind::Unauthenticated | Kind::Invalid) => {
                library.note(Happening::PasswordWrong, &account.name, "")?;
                let question = Question::new(library, Ceremony::Confirmation, &account, origin)?;
                Ok(Checked::Wrong(error.sentence().to_owned(), question))
            }
            Err(error) => Err(error),
        }
    }
}

fn confirmed(library: &Library, guessed: &Guessed) -> Result<Checked> {
    library.guessed_right(guessed)?;
    library.confirm_session()?;
    Ok(Checked::Confirmed)
}

impl Asked {
    /// The browser sends the same form once more (RFC 9110, 15.4.8), to where it was meant for; the
    /// fields of this page mean nothing there.
    fn go_on(&self) -> Response {
        match access::is_confirmed(&self.then) {
            true => Redirect::temporary(&self.then).into_response(),
            false => Redirect::to(&Done::Confirmed.on("/account")).into_response(),
        }
    }
}
