//! The few requests that the smoke test makes, each exactly once.
//!
//! Answers are read leniently, and only the fields that are needed: the other side may be an
//! older or a newer release.

use std::io::Read;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use crate::error::{Error, Kind, Result};
use crate::library::{FileId, Receipt};
use crate::remote::{Address, address, encoded, file_target};
use crate::store::Digest;

/// How long one request may take in all before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client makes one request after the other.
const MOST_KEPT: usize = 1;

/// A way to one installation.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    base: String,
}

/// A file as listings and entries name it.
#[derive(Clone, Debug, Deserialize)]
pub struct Found {
    pub id: FileId,
    pub path: String,
    pub size: u64,
    pub sha256: Digest,
    pub trashed_ms: Option<i64>,
}

/// A page of a folder.
#[derive(Debug, Deserialize)]
pub struct Listed {
    pub files: Vec<Found>,
    pub next: Option<String>,
}

impl Client {
    /// # Errors
    /// [`Kind::Invalid`] if it is not the address of an HTTP server.
    pub fn new(place: &Address) -> Result<Self> {
        Self::keeping(place, MOST_KEPT)
    }

    /// One that makes a connection for each request: a proxy that reloads may cut off a kept one
    /// at any moment, and a request on its way with it.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn reconnecting(place: &Address) -> Result<Self> {
        Self::keeping(place, 0)
    }

    /// Keeps at most `connections` open between requests.
    fn keeping(place: &Address, connections: usize) -> Result<Self> {
        let base = address(&place.url)?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("wharfside-smoke/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(PATIENCE))
            .max_idle_connections(connections)
            .middleware(place.credentials()?)
            .build()
            .new_agent();
        Ok(Self { agent, base })
    }

    /// Number of the boot that answers.
    pub fn boot(&self) -> Result<u64> {
        #[derive(Deserialize)]
        struct Persistence {
            boot: Boot,
        }
        #[derive(Deserialize)]
        struct Boot {
            number: u64,
        }
        let answer: Persistence = self.get_json("/api/v1/persistence")?;
        Ok(answer.boot.number)
    }

    pub fn upload(&self, path: &str, bytes: &[u8]) -> Result<Receipt> {
        let target = file_target(path);
        let sent = self
            .agent
            .put(self.url(&target))
            .content_type("application/octet-stream")
            .send(bytes);
        let doing = format!("PUT {target}");
        json(&doing, accepted(&doing, sent)?)
    }

    /// Digest and bytes of what the path gives.
    pub fn download(&self, path: &str) -> Result<(Digest, u64)> {
        let target = file_target(path);
        let doing = format!("GET {target}");
        let mut body = accepted(&doing, self.agent.get(self.url(&target)).call())?
            .into_body()
            .into_reader();
        let mut hasher = Sha256::new();
        let mut size = 0;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let n = body.read(&mut buffer).map_err(|error| {
                Error::new(
                    Kind::Stalled,
                    format!("{doing} broke off after {size} bytes: {error}."),
                )
            })?;
            if n == 0 {
                return Ok((Digest::from_bytes(hasher.finalize().into()), size));
            }
            hasher.update(&buffer[..n]);
            size += n as u64;
        }
    }

    pub fn entry(&self, id: FileId) -> Result<Found> {
        self.get_json(&format!("/api/v1/entries/{id}"))
    }

    pub fn list(&self, folder: &str, limit: usize, cursor: Option<&str>) -> Result<Listed> {
        let mut target = format!("/api/v1/entries?folder={}&limit={limit}", encoded(folder));
        if let Some(cursor) = cursor {
            target.push_str(&format!("&cursor={}", encoded(cursor)));
        }
        self.get_json(&target)
    }

    /// Ids of the files that a query finds first.
    pub fn search(&self, query: &str) -> Result<Vec<FileId>> {
        #[derive(Deserialize)]
        struct Results {
            hits: Vec<Hit>,
        }
        #[derive(Deserialize)]
        struct Hit {
            id: FileId,
        }
        let answer: Results =
            self.get_json(&format!("/api/v1/search?q={}&limit=50", encoded(query)))?;
        Ok(answer.hits.into_iter().map(|hit| hit.id).collect())
    }

    pub fn rename(&self, id: FileId, to: &str) -> Result<()> {
        let target = format!("/api/v1/entries/{id}");
        let sent = self
            .agent
            .patch(self.url(&target))
            .send_json(serde_json::json!({ "path": to }));
        accepted(&format!("PATCH {target}"), sent).map(drain)
    }

    pub fn delete(&self, path: &str) -> Result<()> {
        let target = file_target(path);
        let sent = self.agent.delete(self.url(&target)).call();
        accepted(&format!("DELETE {target}"), sent).map(drain)
    }

    fn get_json<T: DeserializeOwned>(&self, target: &str) -> Result<T> {
        let doing = format!("GET {target}");
        let answer = accepted(&doing, self.agent.get(self.url(target)).call())?;
        json(&doing, answer)
    }

    fn url(&self, target: &str) -> String {
        format!("{}{target}", self.base)
    }
}

/// The answer if it is a 2xx; else an error that says what was asked and what came back.
fn accepted(doing: &str, sent: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>> {
    let mut answer = sent.map_err(|error| unanswered(doing, &error))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let detail = match answer.body_mut().read_json::<Problem>() {
        Ok(problem) => problem.detail,
        Err(_) if status == StatusCode::PAYLOAD_TOO_LARGE => {
            "a proxy in front allows no files of this size; on Dokku: \
             dokku nginx:set APP client-max-body-size 0 && dokku proxy:build-config APP"
                .to_owned()
        }
        Err(_) => "the answer names no reason".to_owned(),
    };
    let kind = match status {
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => Kind::Unavailable,
        _ => Kind::Internal,
    };
    Err(Error::new(
        kind,
        format!("{doing} was answered {status}: {detail}"),
    ))
}

fn unanswered(doing: &str, error: &ureq::Error) -> Error {
    Error::unavailable(format!("{doing} got no answer: {error}."))
}

fn json<T: DeserializeOwned>(doing: &str, mut answer: Response<Body>) -> Result<T> {
    answer.body_mut().read_json().map_err(|error| {
        Error::internal(format!(
            "{doing} got an answer that is not what Wharfside says: {error}."
        ))
    })
}

/// Reads an answer to its end, so that its connection can serve the next request; a body that
/// breaks off is no matter once the status is known.
fn drain(mut answer: Response<Body>) {
    let _ = answer.body_mut().read_to_vec();
}
