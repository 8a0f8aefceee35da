//! A request that did not go well: what a client may do about it, and what it tells a person.

use std::fmt::Display;
use std::time::Duration;

use serde::Deserialize;
use ureq::Body;
use ureq::http::{Response, header::RETRY_AFTER};

use crate::error::{Error, Kind};

/// Why a request failed.
#[derive(Debug)]
pub struct Trouble {
    /// Absent if there was no answer.
    pub status: Option<u16>,
    /// How long the server asked to be left alone.
    pub after: Option<Duration>,
    /// Whether the answer is Wharfside's own, and not that of a proxy in front of it.
    pub is_ours: bool,
    pub sentence: String,
}

impl Trouble {
    /// One that trying again does not mend.
    pub fn lasting(sentence: impl Into<String>) -> Self {
        Self {
            status: Some(400),
            after: None,
            is_ours: true,
            sentence: sentence.into(),
        }
    }

    pub fn unanswered(error: impl Display) -> Self {
        Self {
            status: None,
            after: None,
            is_ours: false,
            sentence: format!("there was no answer ({error})"),
        }
    }

    /// What an answer that is no success says.
    pub fn answered(mut answer: Response<Body>) -> Self {
        #[derive(Deserialize)]
        struct Problem {
            detail: String,
        }
        let status = answer.status();
        let header = answer.headers().get(RETRY_AFTER);
        let seconds = header.and_then(|value| value.to_str().ok()?.parse().ok());
        let problem = answer.body_mut().read_json::<Problem>().ok();
        Self {
            status: Some(status.as_u16()),
            after: seconds.map(|seconds: u64| Duration::from_secs(seconds.min(60))),
            is_ours: problem.is_some(),
            sentence: problem.map_or_else(
                || format!("the answer was {status}"),
                |problem| problem.detail,
            ),
        }
    }

    /// Whether the same request may go well later.
    pub fn passes(&self) -> bool {
        match self.status {
            None | Some(408 | 409 | 423 | 425 | 429 | 460) => true,
            Some(status) => status >= 500 && status != 507,
        }
    }

    /// Whether the server knows nothing of what was named any more.
    pub fn is_gone(&self) -> bool {
        matches!(self.status, Some(404 | 410))
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        let kind = match trouble.status {
            Some(404 | 410) => Kind::NotFound,
            Some(413) => Kind::TooLarge,
            Some(507) => Kind::NoSpace,
            _ if trouble.passes() => Kind::Unavailable,
            _ => Kind::Invalid,
        };
        Error::new(kind, trouble.sentence)
    }
}
