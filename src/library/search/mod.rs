//! Search: a query in words becomes ranked files with the passages that match.

mod collect;
mod expand;
mod fields;
mod mark;
mod needle;
mod passage;
mod query;
mod rank;
mod snippet;
mod values;
mod window;

use serde::Serialize;
use utoipa::ToSchema;

use tantivy::{DocAddress, Searcher};

use self::collect::Best;
use self::rank::Ranker;
use super::{Entry, FileId, FolderPath};
use crate::error::{Error, Result};

pub use fields::{Fields, ID, Source};
pub use mark::highlight;
pub use passage::{MAX_PASSAGE_BYTES, Passages, Split, split};
pub use query::{MAX_QUERY_BYTES, Parsed, parse};
pub use snippet::Snippets;

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

/// Farthest into the results that a page may reach; nobody reads on, and a page costs its depth.
pub const MAX_REACH: usize = 10_000;

/// What the index proposes; whether a file may be seen is for the catalog to decide.
#[derive(Clone, Debug, Default)]
pub struct Proposed {
    /// All matches, also those beyond the page.
    pub total: u64,
    /// Best first.
    pub hits: Vec<(FileId, f32, DocAddress)>,
    /// What could not wholly be considered, one sentence each.
    pub notes: Vec<String>,
}

/// Asks the index, inside `folder` at any depth if given. Ties are broken by time (newer first)
/// and then by id.
///
/// # Errors
/// [`Kind::Internal`](crate::error::Kind::Internal) if the index cannot be read.
pub fn execute(
    searcher: &Searcher,
    fields: &Fields,
    parsed: &Parsed,
    folder: Option<&FolderPath>,
    offset: usize,
    limit: usize,
) -> Result<Proposed> {
    let Some(root) = &parsed.root else {
        return Ok(Proposed::default());
    };
    let mut ranker = Ranker::new(searcher, fields);
    let wanted = offset.saturating_add(limit).min(MAX_REACH);
    let (total, best) = ranker
        .query(root, folder)
        .and_then(|query| searcher.search(&query, &Best { wanted }))
        .map_err(unreadable)?;
    let hits = best
        .into_iter()
        .skip(offset)
        .map(|found| (found.id, found.score, found.address))
        .collect();
    Ok(Proposed {
        total,
        hits,
        notes: ranker.notes,
    })
}

fn unreadable(error: tantivy::TantivyError) -> Error {
    Error::from(error)
}

#[cfg(test)]
mod tests;
