//! The way in and out: signing in, choosing a password by a link, signing out.

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::request::{At, Sent};
use super::second_step::{self, Question};
use super::{Shell, folder_url, respond, respond_once};
use crate::auth::{Purpose, Secret, password};
use crate::error::{Error, Kind, Result};
use crate::library::{
    AccountId, Ceremony, FolderPath, Guessed, Happening, Invitation, Library, NewSession, Viewer,
};
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;
use crate::web::visitor::Origin;

const WRONG: &str = "The name or the password is wrong.";

#[derive(Deserialize)]
pub struct Asking {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct Credentials {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct Choice {
    #[serde(default)]
    name: String,
    password: String,
}

/// What comes of a password that was right.
enum Passed {
    In(Entered),
    /// The account has a second factor.
    Asked(Question),
}

/// Somebody who was let in.
pub struct Entered {
    secret: Secret,
    home: Option<FolderPath>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    shell: Shell,
    problem: Option<String>,
    name: String,
    next: String,
    /// Nobody owns the installation yet.
    is_new: bool,
    /// Whether browsers use passkeys at this address.
    is_site: bool,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage {
    shell: Shell,
    problem: Option<String>,
    /// Whose password is chosen; none for the first owner, who chooses a name as well.
    account: Option<String>,
    name: String,
    secret: String,
}

pub async fn sign_in_page(
    app: App,
    Query(Asking { next }): Query<Asking>,
) -> Result<Response, Failure> {
    if app.visitor().is_known() {
        return Ok(Redirect::to(local(&next)).into_response());
    }
    show_sign_in(&app, StatusCode::OK, None, String::new(), next).await
}

async fn show_sign_in(
    app: &App,
    status: StatusCode,
    problem: Option<String>,
    name: String,
    next: String,
) -> Result<Response, Failure> {
    let is_new = !app.run(|library| library.has_owner()).await?;
    let page = SignInPage {
        shell: Shell::of(app),
        problem,
        name,
        next: local(&next).to_owned(),
        is_new,
        is_site: app.visitor().origin.site().is_some(),
    };
    Ok(respond(status, &page))
}

pub async fn sign_in(app: App, Sent(given): Sent<Credentials>) -> Result<Response, Failure> {
    let origin = app.visitor().origin.clone();
    let (name, next) = (given.name.clone(), given.next.clone());
    let seen = origin.clone();
    let passed = app.run(move |library| check(library, &given, &seen)).await;
    match passed {
        Ok(Passed::In(entered)) => Ok(entered.lead(&origin, &next)),
        Ok(Passed::Asked(question)) => {
            let next = local(&next).to_owned();
            Ok(second_step::show(
                &app,
                StatusCode::OK,
                None,
                question,
                next,
            ))
        }
        Err(error) if error.kind() == Kind::Unauthenticated => {
            let problem = Some(error.sentence().to_owned());
            show_sign_in(&app, StatusCode::UNPROCESSABLE_ENTITY, problem, name, next).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The page for signing in, saying why it came to nothing.
pub async fn explain(app: &App, error: Error, next: String) -> Result<Response, Failure> {
    match error.kind() {
        Kind::Unauthenticated | Kind::Invalid => {
            let problem = Some(error.sentence().to_owned());
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            show_sign_in(app, status, problem, String::new(), next).await
        }
        _ => Err(error.into()),
    }
}

/// Begins a session if name and password belong together, or asks for the second factor. What is
/// wrong with them is not told, and takes as long to find out for an account that is not there.
fn check(library: &Library, given: &Credentials, origin: &Origin) -> Result<Passed> {
    let address = origin.address.to_string();
    let guessed = Guessed::at_account(&given.name, origin.address);
    library.guess(&guessed)?;
    let account = library.account_named(&given.name)?;
    let kept = account
        .as_ref()
        .and_then(|account| account.password.as_deref());
    let is_right = match kept {
        Some(kept) => password::verify(&given.password, kept)?,
        None => {
            password::verify_nothing(&given.password)?;
            false
        }
    };
    let Some(account) = account.filter(|_| is_right) else {
        library.note(Happening::SignInFailed, &given.name, &address)?;
        return Err(Error::new(Kind::Unauthenticated, WRONG));
    };
    if account
        .password
        .as_deref()
        .is_some_and(password::is_outdated)
    {
        library.rehash_password(account.id, password::hash(&given.password)?)?;
    }
    if account.has_factor() {
        library.guessed_first_half(&guessed)?;
        let question = Question::new(library, Ceremony::SecondFactor, &account, origin);
        return question.map(Passed::Asked);
    }
    library.guessed_right(&guessed)?;
    begin_session(library, account.id, origin, "password", true).map(Passed::In)
}

/// A new secret each time: one that was known before is never made worth more. It is confirmed if
/// password and second factor were given for it.
pub fn begin_session(
    library: &Library,
    account: AccountId,
    origin: &Origin,
    by: &str,
    is_confirmed: bool,
) -> Result<Entered> {
    let secret = Secret::new(Purpose::Session)?;
    library.begin_session(&NewSession {
        account,
        hash: secret.hash(),
        address: &origin.address.to_string(),
        agent: origin.agent(),
        by,
        is_confirmed,
    })?;
    Ok(Entered {
        secret,
        home: library.home_of(account)?,
    })
}

impl Entered {
    /// To where somebody wanted to go; who wanted nowhere goes to his folder.
    pub fn lead(&self, origin: &Origin, next: &str) -> Response {
        let next = local(next);
        let cookie = [(SET_COOKIE, origin.session_cookie(Some(&self.secret)))];
        let home = self.home.as_ref().filter(|_| next == "/");
        let next = home.map_or_else(|| next.to_owned(), folder_url);
        (cookie, Redirect::to(&next)).into_response()
    }
}

pub async fn sign_out(app: App) -> Result<Response, Failure> {
    let visitor = app.visitor();
    let origin = visitor.origin.clone();
    if let Some(id) = visitor.session().map(|session| session.id) {
        app.run(move |library| library.end_session(id)).await?;
    }
    let cookie = [(SET_COOKIE, origin.session_cookie(None))];
    Ok((cookie, Redirect::to("/sign-in")).into_response())
}

pub async fn welcome_page(app: App, At(secret): At<String>) -> Result<Response, Failure> {
    let hash = hash_of(&secret)?;
    let invitation = app.run(move |library| library.invitation(hash)).await?;
    let invitation = invitation.ok_or_else(void)?;
    Ok(show_welcome(
        &app,
        StatusCode::OK,
        &invitation,
        secret,
        String::new(),
        None,
    ))
}

fn show_welcome(
    app: &App,
    status: StatusCode,
    invitation: &Invitation,
    secret: String,
    name: String,
    problem: Option<String>,
) -> Response {
    let account = match invitation {
        Invitation::Owner => None,
        Invitation::Account(account) => Some(account.name.clone()),
    };
    let page = WelcomePage {
        shell: Shell::of(app),
        problem,
        account,
        name,
        secret,
    };
    respond_once(status, &page)
}

pub async fn welcome(
    app: App,
    At(secret): At<String>,
    Sent(Choice { name, password }): Sent<Choice>,
) -> Result<Response, Failure> {
    let hash = hash_of(&secret)?;
    let origin = app.visitor().origin.clone();
    let invitation = app.run(move |library| library.invitation(hash)).await?;
    let invitation = invitation.ok_or_else(void)?;
    let (typed, from) = (name.clone(), origin.clone());
    let called = match &invitation {
        Invitation::Owner => name.clone(),
        Invitation::Account(account) => account.name.clone(),
    };
    let accepted = app
        .run(move |library| {
            password::refuse_weak(&password, &[&called])?;
            accept(library, hash, &typed, &password, &from)
        })
        .await;
    match accepted {
        Ok(entered) => Ok(entered.lead(&origin, "/")),
        Err(error) => match super::change::refusal(&error) {
            Some(status) => {
                let problem = Some(error.sentence().to_owned());
                Ok(show_welcome(
                    &app,
                    status,
                    &invitation,
                    secret,
                    name,
                    problem,
                ))
            }
            None => Err(error.into()),
        },
    }
}

fn accept(
    library: &Library,
    hash: [u8; 32],
    name: &str,
    chosen: &str,
    origin: &Origin,
) -> Result<Entered> {
    // Who holds the link may do this one thing, whoever he is.
    let library = library.seen_by(Viewer::SYSTEM.into());
    let phc = password::hash(chosen)?;
    let invited = library.accept(hash, name, phc, &origin.address.to_string())?;
    // A link does without the second factor, but not where that is asked for once more.
    let has_factor = library.account(invited.id)?.has_factor();
    begin_session(&library, invited.id, origin, "link", !has_factor)
}

fn hash_of(secret: &str) -> Result<[u8; 32]> {
    let secret = Secret::parse(Purpose::OneTime, secret).ok_or_else(void)?;
    Ok(secret.hash())
}

fn void() -> Error {
    Error::not_found("This link has been used or has expired; ask for another one.")
}

/// Where somebody goes after signing in: only to a page of ours, whatever an address asks for.
pub fn local(next: &str) -> &str {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\t', '\n', '\r'])
        && next.chars().all(|c| !c.is_control());
    match is_ours {
        true => next,
        false => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for next in ["/", "/files/7?q=a", "/browse/%2F%2Fevil.example"] {
            assert_eq!(local(next), next);
        }
        for next in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "javascript:alert(1)",
            "evil.example",
        ] {
            assert_eq!(local(next), "/", "{next:?}");
        }
    }
}
