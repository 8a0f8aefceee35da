//! One's own account: password, sessions, tokens for programs.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::notice::{Done, Notice, Outcome};
use super::request::{At, Sent};
use super::show::{Counted, Moment, Size, name};
use super::{Shell, respond, respond_once};
use crate::auth::passkey::Passkey;
use crate::auth::{Purpose, Secret, password};
use crate::error::{Error, Kind, Result};
use crate::library::{
    Account, AccountId, FolderPath, KeptPasskey, Library, Millis, NewToken, Quota, Role, Scope,
    Session, Token, Usage,
};
use crate::store::now_ms;
use crate::web::input::Query;
use crate::web::problem::Failure;
use crate::web::state::App;

const DAY_MS: Millis = 24 * 3600 * 1000;

#[derive(Deserialize)]
pub struct Asking {
    done: Option<Done>,
}

#[derive(Deserialize)]
pub struct NewPassword {
    password: String,
}

#[derive(Deserialize)]
pub struct WantedToken {
    name: String,
    scope: Scope,
    #[serde(default)]
    folder: String,
    /// Days until it expires; nothing for never.
    #[serde(default)]
    days: String,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    shell: Shell,
    notice: Option<Notice>,
    problem: Option<String>,
    name: String,
    role: &'static str,
    is_owner: bool,
    home: Option<String>,
    used: Used,
    has_app: bool,
    passkeys: Vec<PasskeyRow>,
    /// Whether browsers use passkeys at this address.
    is_site: bool,
    /// Recovery codes, where there is a second factor.
    codes_left: Option<Counted>,
    sessions: Vec<SessionRow>,
    tokens: Vec<TokenRow>,
    /// Shown once, right after it was made.
    made: Option<String>,
}

/// What is stored, and of how much.
pub struct Used {
    pub size: Size,
    pub files: Counted,
    pub of_bytes: Option<Size>,
    pub of_files: Option<Counted>,
}

struct SessionRow {
    id: i64,
    agent: String,
    address: String,
    seen: Moment,
    is_this: bool,
}

struct PasskeyRow {
    id: i64,
    name: String,
    signs_in_alone: bool,
    created: Moment,
    used: Option<Moment>,
}

struct TokenRow {
    id: i64,
    name: String,
    scope: &'static str,
    folder: Option<String>,
    expires: Option<Moment>,
    used: Option<Moment>,
}

/// What the page shows, as it is read.
struct Known {
    account: Account,
    usage: Usage,
    home: Option<FolderPath>,
    passkeys: Vec<KeptPasskey>,
    codes_left: u64,
    sessions: Vec<Session>,
    tokens: Vec<Token>,
}

pub async fn page(app: App, Query(Asking { done }): Query<Asking>) -> Result<Response, Failure> {
    let outcome = Outcome {
        done,
        ..Outcome::default()
    };
    let page = AccountPage::read(&app).await?;
    let notice = outcome.notice();
    Ok(respond(StatusCode::OK, &AccountPage { notice, ..page }))
}

pub async fn set_password(app: App, Sent(given): Sent<NewPassword>) -> Result<Response, Failure> {
    let session = app.visitor().session().map(|session| session.id);
    let id = own(&app)?;
    let changed = app.run(move |library| {
        password::refuse_weak(&given.password, &[&library.account(id)?.name])?;
        library.set_password(id, password::hash(&given.password)?, session)
    });
    let changed = changed.await.map(|()| Done::PasswordSet);
    answer(&app, changed).await
}

pub async fn end_session(app: App, At(id): At<i64>) -> Result<Response, Failure> {
    let ended = app.run(move |library| library.end_session(id)).await;
    answer(&app, ended.map(|()| Done::SessionEnded)).await
}

pub async fn end_sessions(app: App) -> Result<Response, Failure> {
    let this = app.visitor().session().map(|session| session.id);
    let ended = app.run(move |library| library.end_sessions(this)).await;
    answer(&app, ended.map(|_| Done::SessionsEnded)).await
}

pub async fn add_token(app: App, Sent(wanted): Sent<WantedToken>) -> Result<Response, Failure> {
    own(&app)?;
    match app.run(move |library| wanted.make(library)).await {
        Ok(secret) => {
            let page = AccountPage::read(&app).await?;
            let made = Some(secret);
            Ok(respond_once(StatusCode::OK, &AccountPage { made, ..page }))
        }
        Err(error) => answer(&app, Err(error)).await,
    }
}

pub async fn revoke_token(app: App, At(id): At<i64>) -> Result<Response, Failure> {
    let revoked = app.run(move |library| library.remove_token(id)).await;
    answer(&app, revoked.map(|()| Done::TokenRevoked)).await
}

/// The page, saying what was done, or why it was not.
pub async fn answer(app: &App, done: Result<Done>) -> Result<Response, Failure> {
    match done {
        Ok(done) => Ok(Redirect::to(&done.on("/account")).into_response()),
        Err(error) => match super::change::refusal(&error) {
            Some(status) => {
                let page = AccountPage::read(app).await?;
                let problem = Some(error.sentence().to_owned());
                Ok(respond(status, &AccountPage { problem, ..page }))
            }
            None => Err(error.into()),
        },
    }
}

/// The account that is signed in.
pub fn own(app: &App) -> Result<AccountId> {
    match app.visitor().session() {
        Some(session) => Ok(session.account),
        None => Err(Error::not_found(
            "There are no accounts here: everybody may everything (ACCESS).",
        )),
    }
}

impl WantedToken {
    fn make(self, library: &Library) -> Result<String> {
        let days = match self.days.trim() {
            "" => None,
            days => match days.parse::<u16>() {
                Ok(days) if days > 0 => Some(Millis::from(days)),
                _ => {
                    let sentence = "A token expires after a whole number of days, or never.";
                    return Err(Error::new(Kind::Invalid, sentence));
                }
            },
        };
        let folder = match self.folder.trim() {
            "" => None,
            folder => Some(FolderPath::typed(folder)?),
        };
        let secret = Secret::new(Purpose::Token)?;
        library.add_token(NewToken {
            hash: secret.hash(),
            name: self.name,
            scope: self.scope,
            folder,
            expires_ms: days.map(|days| now_ms() + days * DAY_MS),
        })?;
        Ok(secret.text())
    }
}

impl AccountPage {
    async fn read(app: &App) -> Result<Self> {
        let id = own(app)?;
        let this = app.visitor().session().map(|session| session.id);
        let known = app.run(move |library| {
            Ok(Known {
                account: library.account(id)?,
                usage: library.usage(id)?,
                home: library.home()?,
                passkeys: library.passkeys(id)?,
                codes_left: library.codes_left(id)?,
                sessions: library.sessions()?,
                tokens: library.tokens()?,
            })
        });
        let known = known.await?;
        Ok(Self {
            shell: Shell::of(app),
            notice: None,
            problem: None,
            name: name(&known.account.name),
            role: known.account.role.word(),
            is_owner: known.account.role == Role::Owner,
            home: known.home.map(|home| home.to_string()),
            used: Used::new(known.usage, known.account.quota),
            has_app: known.account.has_totp,
            passkeys: known
                .passkeys
                .iter()
                .map(PasskeyRow::new)
                .collect::<Result<_>>()?,
            is_site: app.visitor().origin.site().is_some(),
            codes_left: known
                .account
                .has_factor()
                .then_some(Counted(known.codes_left, "recovery code")),
            sessions: known
                .sessions
                .iter()
                .map(|session| SessionRow::new(session, this))
                .collect(),
            tokens: known.tokens.iter().map(TokenRow::new).collect(),
            made: None,
        })
    }
}

impl Used {
    pub fn new(usage: Usage, quota: Quota) -> Self {
        Self {
            size: Size(usage.bytes),
            files: Counted(usage.files, "file"),
            of_bytes: quota.bytes.map(Size),
            of_files: quota.files.map(|files| Counted(files, "file")),
        }
    }
}

impl SessionRow {
    fn new(session: &Session, this: Option<i64>) -> Self {
        Self {
            id: session.id,
            agent: browser(&session.agent),
            address: session.address.clone(),
            seen: Moment(session.seen_ms),
            is_this: this == Some(session.id),
        }
    }
}

impl PasskeyRow {
    fn new(kept: &KeptPasskey) -> Result<Self> {
        Ok(Self {
            id: kept.id,
            name: name(&kept.name),
            signs_in_alone: Passkey::from_bytes(&kept.state)?.signs_in_alone(),
            created: Moment(kept.created_ms),
            used: kept.used_ms.map(Moment),
        })
    }
}

impl TokenRow {
    fn new(token: &Token) -> Self {
        Self {
            id: token.id,
            name: name(&token.name),
            scope: token.scope.word(),
            folder: token.folder.as_ref().map(|folder| name(folder.as_str())),
            expires: token.expires_ms.map(Moment),
            used: token.used_ms.map(Moment),
        }
    }
}

/// A browser and its system, in words that people use for them.
fn browser(agent: &str) -> String {
    // In this order: each names those after it, too.
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg", "Edge"),
        ("OPR", "Opera"),
        ("Firefox", "Firefox"),
        ("Chrome", "Chrome"),
        ("Safari", "Safari"),
        ("curl", "curl"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS", "Mac"),
        ("Linux", "Linux"),
    ];
    let find = |known: &[(&str, &'static str)]| {
        let mut known = known.iter();
        known
            .find(|(part, _)| agent.contains(part))
            .map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ if agent.is_empty() => "A program without a name".to_owned(),
        _ => agent.chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_named_as_people_do() {
        let edge =
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/150.0 Safari/537.36 Edg/150.0";
        assert_eq!(browser(edge), "Edge on Windows");
        let phone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1";
        assert_eq!(browser(phone), "Safari on iPhone");
        assert_eq!(browser("mine/1.0"), "mine/1.0");
    }
}
