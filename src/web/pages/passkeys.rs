//! Passkeys: made and removed by whoever is signed in, and used to sign in with nothing else.
//!
//! Each takes two pages. The first carries what the browser is asked, and a script lets it answer.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::notice::Done;
use super::request::{At, Sent};
use super::{Shell, account, ceremony, entrance, factor, respond_once};
use crate::auth::passkey::{Answer, Handle, Passkey, Person};
use crate::auth::totp;
use crate::error::{Error, Kind, Result};
use crate::library::{AccountId, Ceremony, Guessed, Happening, KeptPasskey, Library, NewPasskey};
use crate::web::problem::Failure;
use crate::web::state::App;
use crate::web::visitor::Origin;

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
pub struct Made {
    ceremony: String,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
pub struct Asking {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct Used {
    ceremony: String,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "passkey.html")]
struct PasskeyPage {
    shell: Shell,
    /// Made, rather than used.
    is_new: bool,
    options: String,
    ceremony: String,
    /// What it will be called, or where to go then.
    name: String,
    next: String,
}

pub async fn begin(app: App, Sent(wanted): Sent<Wanted>) -> Result<Response, Failure> {
    let id = account::own(&app)?;
    let origin = app.visitor().origin.clone();
    let begun = app.run(move |library| {
        let site = origin.site().ok_or_else(no_site)?;
        let account = library.account(id)?;
        let installation = library.store().identity.storage.to_string();
        let person = Person {
            handle: Handle::of(&installation, id),
            name: &account.name,
        };
        let begun = site.begin_registration(person, &of(library, id)?)?;
        let secret = ceremony::leave(library, Ceremony::Registration, Some(id), begun.state)?;
        Ok((begun.options, secret))
    });
    match begun.await {
        Ok((options, ceremony)) => {
            let page = PasskeyPage {
                shell: Shell::of(&app),
                is_new: true,
                options,
                ceremony,
                name: wanted.name,
                next: String::new(),
            };
            Ok(respond_once(StatusCode::OK, &page))
        }
        Err(error) => account::answer(&app, Err(error)).await,
    }
}

/// Adds the passkey that was made. The first second factor brings recovery codes.
pub async fn add(app: App, Sent(made): Sent<Made>) -> Result<Response, Failure> {
    let id = account::own(&app)?;
    let origin = app.visitor().origin.clone();
    let added = app.run(move |library| keep(library, id, made, &origin));
    match added.await {
        Ok(codes) if codes.is_empty() => {
            Ok(Redirect::to(&Done::PasskeyAdded.on("/account")).into_response())
        }
        Ok(codes) => Ok(factor::show_codes(&app, "The passkey is added", codes)),
        Err(error) => account::answer(&app, Err(error)).await,
    }
}

fn keep(library: &Library, id: AccountId, made: Made, origin: &Origin) -> Result<Vec<String>> {
    let begun = ceremony::take(library, Ceremony::Registration, &made.ceremony)?;
    if begun.account != Some(id) {
        return Err(Error::invalid(
            "This passkey was begun by another account; begin again.",
        ));
    }
    let site = origin.site().ok_or_else(no_site)?;
    let passkey = site.finish_registration(&begun.state, &made.answer)?;
    let codes = match library.account(id)?.has_factor() {
        true => Vec::new(),
        false => totp::recovery_codes()?,
    };
    library.add_passkey(NewPasskey {
        credential: passkey.id().to_vec(),
        state: passkey.to_bytes()?,
        name: made.name,
        codes: totp::recovery_hashes(&codes),
    })?;
    Ok(codes)
}

pub async fn remove(app: App, At(id): At<i64>) -> Result<Response, Failure> {
    account::own(&app)?;
    let removed = app.run(move |library| library.remove_passkey(id)).await;
    account::answer(&app, removed.map(|()| Done::PasskeyRemoved)).await
}

/// A page on which the browser is asked for any passkey of this site.
pub async fn begin_sign_in(
    app: App,
    Sent(Asking { next }): Sent<Asking>,
) -> Result<Response, Failure> {
    let origin = app.visitor().origin.clone();
    let begun = app.run(move |library| {
        let begun = origin.site().ok_or_else(no_site)?.begin_sign_in()?;
        let secret = ceremony::leave(library, Ceremony::SignIn, None, begun.state)?;
        Ok((begun.options, secret))
    });
    match begun.await {
        Ok((options, ceremony)) => {
            let page = PasskeyPage {
                shell: Shell::of(&app),
                is_new: false,
                options,
                ceremony,
                name: String::new(),
                next: entrance::local(&next).to_owned(),
            };
            Ok(respond_once(StatusCode::OK, &page))
        }
        Err(error) => entrance::explain(&app, error, next).await,
    }
}

pub async fn sign_in(app: App, Sent(used): Sent<Used>) -> Result<Response, Failure> {
    let origin = app.visitor().origin.clone();
    let (next, seen) = (used.next.clone(), origin.clone());
    let entered = app.run(move |library| enter(library, &used, &seen));
    match entered.await {
        Ok(entered) => Ok(entered.lead(&origin, &next)),
        Err(error) => entrance::explain(&app, error, next).await,
    }
}

/// Nothing that is to be signed can be guessed; who tries all the same must not fill the log.
fn enter(library: &Library, given: &Used, origin: &Origin) -> Result<entrance::Entered> {
    let guessed = Guessed::from_address(origin.address);
    library.guess(&guessed)?;
    let begun = ceremony::take(library, Ceremony::SignIn, &given.ceremony)?;
    let site = origin.site().ok_or_else(no_site)?;
    let answer = Answer::parse(&given.answer)?;
    let used = used(library, &answer, None, |passkey| {
        site.finish_sign_in(&begun.state, &answer, passkey)
    });
    match used {
        Ok(account) => {
            library.guessed_right(&guessed)?;
            // The password was not given, so what takes that is asked for it first.
            entrance::begin_session(library, account, origin, "passkey", false)
        }
        Err(error) => {
            let address = origin.address.to_string();
            library.note(Happening::SignInFailed, "with a passkey", &address)?;
            Err(error)
        }
    }
}

/// Lets `prove` check the passkey that an answer names, and keeps what it is like now; answers whose
/// it is. It has to be `whose`, if that is known.
pub fn used(
    library: &Library,
    answer: &Answer,
    whose: Option<AccountId>,
    prove: impl FnOnce(&Passkey) -> Result<Passkey>,
) -> Result<AccountId> {
    let kept = library.passkey(answer.passkey_id())?;
    let kept = kept.filter(|kept| whose.is_none_or(|whose| kept.account == whose));
    let kept = kept.ok_or_else(unknown)?;
    let after = prove(&Passkey::from_bytes(&kept.state)?)?;
    library.passkey_used(kept.id, after.to_bytes()?)?;
    Ok(kept.account)
}

/// All passkeys of an account.
pub fn of(library: &Library, id: AccountId) -> Result<Vec<Passkey>> {
    let kept = library.passkeys(id)?;
    let read = |kept: &KeptPasskey| Passkey::from_bytes(&kept.state);
    kept.iter().map(read).collect()
}

pub fn no_site() -> Error {
    Error::invalid(
        "Browsers use passkeys only at an https address with a name, or at localhost; open this page there.",
    )
}

fn unknown() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "This passkey is none of this installation's, or was removed; sign in in another way.",
    )
}
