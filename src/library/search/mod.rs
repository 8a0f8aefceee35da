//! Search: a query in words becomes ranked files with the passages that match.

mod collect;
mod expand;
mod fields;
mod mark;
mod needle;
mod passage;
mod place;
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
pub use place::Place;
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
    /// Pass back to get the next page; absent on the last one.
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

/// What the index proposes; whether a file may be seen is for the catalog to decide.
#[derive(Clone, Debug, Default)]
pub struct Proposed {
    /// All matches, also those beyond the page.
    pub total: u64,
    /// Best first.
    pub hits: Vec<(FileId, f32, DocAddress)>,
    /// Where the page ends, if more matches follow.
    pub next: Option<Place>,
    /// What could not wholly be considered, one sentence each.
    pub notes: Vec<String>,
}

/// Asks the index for the best `limit` files behind `after`, or of all, inside `folder` at any
/// depth if given. Ties are broken by time (newer first) and then by id.
///
/// # Errors
/// [`Kind::Internal`](crate::error::Kind::Internal) if the index cannot be read.
pub fn execute(
    searcher: &Searcher,
    fields: &Fields,
    parsed: &Parsed,
    folder: Option<&FolderPath>,
    after: Option<Place>,
    limit: usize,
) -> Result<Proposed> {
    let Some(root) = &parsed.root else {
        return Ok(Proposed::default());
    };
    let mut ranker = Ranker::new(searcher, fields);
    let query = ranker.query(root, folder).map_err(unreadable)?;
    let after = after
        .map(|last| last.now(searcher, fields, &query))
        .transpose()
        .map_err(unreadable)?;
    // One more than asked for tells whether another page follows.
    let wanted = limit.saturating_add(1);
    let (total, mut best) = searcher
        .search(&query, &Best { wanted, after })
        .map_err(unreadable)?;
    let more = best.len() > limit;
    best.truncate(limit);
    let next = best.last().filter(|_| more).map(|last| last.place);
    let hits = best
        .into_iter()
        .map(|found| (found.place.id, found.place.score, found.address))
        .collect();
    Ok(Proposed {
        total,
        hits,
        next,
        notes: ranker.notes,
    })
}

fn unreadable(error: tantivy::TantivyError) -> Error {
    Error::from(error)
}

#[cfg(test)]
mod tests;
