//! A running installation, over HTTP: its address, its answers, and the protocol of resumable
//! uploads from the client's side. What to do when a request fails is the caller's to decide.

mod catalog;
mod trouble;
pub mod tus;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::header::AUTHORIZATION;
use ureq::http::{HeaderValue, Request, Response};
use ureq::middleware::{Middleware, MiddlewareNext};
use ureq::{Agent, Body, SendBody};

pub use catalog::{Content, Folder, Found, Hit, LOOKED_UP, Listed, encoded, file_target};
pub use trouble::Trouble;

use crate::error::{Error, Result};

/// A request in which nothing has moved for so long is lost.
const SILENCE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(20);

/// Where an installation answers, and what lets us in there.
#[derive(Clone)]
pub struct Address {
    pub url: String,
    /// An API token, if it asks for one.
    pub token: Option<String>,
}

impl Address {
    /// Shows the token with each request (RFC 6750).
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) for a token that no header can carry.
    pub fn credentials(&self) -> Result<impl Middleware + use<>> {
        let bearer = match &self.token {
            Some(token) => {
                let value = HeaderValue::try_from(format!("Bearer {token}"));
                let sentence = "WHARFSIDE_TOKEN is no token; one is made on the account's page.";
                Some(value.map_err(|_| Error::invalid(sentence))?)
            }
            None => None,
        };
        Ok(
            move |mut request: Request<SendBody<'_>>, next: MiddlewareNext<'_>| {
                if let Some(bearer) = &bearer {
                    request.headers_mut().insert(AUTHORIZATION, bearer.clone());
                }
                next.handle(request)
            },
        )
    }
}

/// An installation that is talked to.
#[derive(Clone)]
pub struct Server {
    agent: Agent,
    base: String,
}

impl Server {
    /// The address may end in a path, and may be HTTPS.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) if it is not the address of an HTTP server.
    pub fn at(place: &Address, connections: usize) -> Result<Self> {
        let base = address(&place.url)?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // A POST that is redirected would arrive as a GET.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("wharfside/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .max_idle_connections(connections)
            .max_idle_connections_per_host(connections)
            .middleware(place.credentials()?)
            .build()
            .new_agent();
        Ok(Self { agent, base })
    }

    pub fn get_json<T: DeserializeOwned>(&self, target: &str) -> Result<T, Trouble> {
        json(accepted(self.agent.get(self.url(target)).call())?)
    }

    pub fn post_json<T: DeserializeOwned>(
        &self,
        target: &str,
        body: &impl Serialize,
    ) -> Result<T, Trouble> {
        json(accepted(self.agent.post(self.url(target)).send_json(body))?)
    }

    fn url(&self, target: &str) -> String {
        format!("{}{target}", self.base)
    }
}

/// The address of an installation, as what targets are added to.
///
/// # Errors
/// [`Kind::Invalid`](crate::error::Kind::Invalid) if `url` is not the address of an HTTP server.
pub fn address(url: &str) -> Result<String> {
    let wrong = || {
        Error::invalid(format!(
            "{url:?} is not the address of an installation; write it like http://127.0.0.1:5000."
        ))
    };
    let uri: ureq::http::Uri = url.parse().map_err(|_| wrong())?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    if !web || uri.host().is_none() || uri.query().is_some() {
        return Err(wrong());
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// The answer if it is a success.
fn accepted(sent: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Trouble> {
    let answer = sent.map_err(Trouble::unanswered)?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    if answer.status().is_redirection() {
        let place = answer.headers().get("location");
        let place = place
            .and_then(|place| place.to_str().ok())
            .unwrap_or("elsewhere");
        return Err(Trouble::lasting(format!(
            "The server sends us on to {place:?}; give the address that it has there with --server."
        )));
    }
    Err(Trouble::answered(answer))
}

fn json<T: DeserializeOwned>(mut answer: Response<Body>) -> Result<T, Trouble> {
    answer.body_mut().read_json().map_err(|error| match error {
        ureq::Error::Json(error) if !error.is_eof() => Trouble::lasting(format!(
            "The answer is not what Wharfside says ({error}); is this the right address?"
        )),
        error => Trouble::unanswered(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_scheme_and_a_host() {
        for bad in [
            "",
            "localhost:5000",
            "ftp://a",
            "http://",
            "http://a/?q=1",
            "a b",
        ] {
            let error = address(bad).unwrap_err();
            assert!(
                error.sentence().contains("http://127.0.0.1:5000"),
                "{error}"
            );
        }
        assert_eq!(address("http://a:1/").unwrap(), "http://a:1");
        let place = Address {
            url: "https://a.example/files/".to_owned(),
            token: None,
        };
        let server = Server::at(&place, 1).unwrap();
        assert_eq!(server.url("/uploads"), "https://a.example/files/uploads");
    }
}
