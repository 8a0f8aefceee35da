//! What a client asks for: paths, folders page by page, searches, and contents. Only what is
//! needed is read, so that an older or a newer release may answer; the rest is kept as it came.

use std::fmt::Display;
use std::io::Read;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use ureq::http::StatusCode;
use ureq::http::header::CONTENT_RANGE;

use super::{Server, Trouble, accepted};
use crate::library::{FileId, Millis};
use crate::store::Digest;

/// What RFC 3986 calls unreserved, and the slash between segments.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Paths in one question; with the longest names they stay below what proxies let through.
pub const LOOKED_UP: usize = 200;
const LISTED: usize = 1000;

/// A file as the server names it. Its path is whatever the server says, and is to be checked
/// before anything on this machine is named after it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Found {
    pub id: FileId,
    pub path: String,
    /// Bytes.
    pub size: u64,
    pub sha256: Digest,
    pub modified_ms: Millis,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Found {
    /// With a word set to true, for programs that read it as JSON.
    pub fn marked(mut self, word: &str) -> Self {
        self.more.insert(word.to_owned(), Value::Bool(true));
        self
    }
}

/// A folder in a folder, with what lies in it at any depth.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Folder {
    pub path: String,
    pub files: u64,
    pub bytes: u64,
}

/// A page of a folder.
#[derive(Debug, Deserialize)]
pub struct Listed {
    pub folders: Vec<Folder>,
    pub files: Vec<Found>,
    pub next: Option<String>,
}

/// A page of what a search finds.
#[derive(Debug, Deserialize)]
pub struct Results {
    pub total: u64,
    pub hits: Vec<Hit>,
    pub notes: Vec<String>,
    pub next: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Hit {
    #[serde(flatten)]
    pub file: Found,
    /// HTML-escaped text in which matches are wrapped in `<mark>`.
    pub snippets: Vec<String>,
}

/// The rest of a content.
pub struct Content {
    /// Bytes before it: what was asked for, or none if something on the way knows no ranges.
    pub from: u64,
    pub bytes: Box<dyn Read>,
}

impl Server {
    /// The files at these paths, at most [`LOOKED_UP`] of them.
    pub fn look_up(&self, paths: &[&str]) -> Result<Vec<Found>, Trouble> {
        #[derive(Deserialize)]
        struct Answer {
            present: Vec<Found>,
        }
        let asked = json!({ "paths": paths });
        let answer: Answer = self.post_json("/api/v1/entries/lookup", &asked)?;
        Ok(answer.present)
    }

    pub fn list(&self, folder: &str, cursor: Option<&str>) -> Result<Listed, Trouble> {
        let mut target = format!("/api/v1/entries?folder={}&limit={LISTED}", encoded(folder));
        if let Some(cursor) = cursor {
            target.push_str(&format!("&cursor={}", encoded(cursor)));
        }
        self.get_json(&target)
    }

    /// At most `limit` hits, which is from 1 to 100.
    pub fn search(
        &self,
        query: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Results, Trouble> {
        let mut target = format!("/api/v1/search?q={}&limit={limit}", encoded(query));
        if let Some(cursor) = cursor {
            target.push_str(&format!("&cursor={}", encoded(cursor)));
        }
        self.get_json(&target)
    }

    /// The content of a file behind its first `from` bytes. If it is not the content named any
    /// more, the trouble has the status 412.
    pub fn content(&self, file: &Found, from: u64) -> Result<Content, Trouble> {
        let mut request = self
            .agent
            .get(self.url(&file_target(&file.path)))
            .header("if-match", format!("\"{}\"", file.sha256));
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let answer = accepted(request.call())?;
        let is_part = answer.status() == StatusCode::PARTIAL_CONTENT;
        let range = answer.headers().get(CONTENT_RANGE);
        let began = range
            .and_then(|range| range.to_str().ok()?.strip_prefix("bytes "))
            .and_then(|range| range.split('-').next()?.parse().ok());
        if is_part && began != Some(from) {
            return Err(Trouble::lasting(
                "The answer is not the part that was asked for; is this the right address?",
            ));
        }
        Ok(Content {
            from: if is_part { from } else { 0 },
            bytes: Box::new(answer.into_body().into_reader()),
        })
    }
}

/// Where the content at a path is.
pub fn file_target(path: &str) -> String {
    format!("/api/v1/files/{}", utf8_percent_encode(path, PATH))
}

/// A text as a value in a query.
pub fn encoded(text: &str) -> impl Display + '_ {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_byte_by_byte() {
        assert_eq!(
            file_target("smoke/50% ü?#+.txt"),
            "/api/v1/files/smoke/50%25%20%C3%BC%3F%23%2B.txt"
        );
    }
}
