//! Search: a query in words becomes ranked files with the passages that match.

mod fields;
mod query;
mod values;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Entry, FolderPath};

pub use fields::{Fields, Source};
pub use query::{MAX_QUERY_BYTES, Parsed, parse};

/// A search as a person asked for it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub query: String,
    /// Only inside this folder, if given.
    pub folder: Option<FolderPath>,
    pub limit: usize,
    pub cursor: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Results {
    pub total: u64,
    pub hits: Vec<Hit>,
    /// How the query was read, in words.
    pub read_as: String,
    /// What could not be understood and was taken as plain words, one sentence each.
    pub notes: Vec<String>,
    pub next: Option<String>,
    pub milliseconds: f64,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Hit {
    #[serde(flatten)]
    pub entry: Entry,
    pub score: f32,
    /// The best passages: HTML-escaped text in which matches are wrapped in `<mark>`.
    pub snippets: Vec<String>,
}
