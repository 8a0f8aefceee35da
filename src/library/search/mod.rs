//! Search: a query in words becomes ranked files with the passages that match.

mod class;
mod collect;
mod expand;
mod facet;
mod fields;
mod mark;
mod needle;
mod order;
mod passage;
mod phrase;
mod place;
mod query;
mod rank;
mod slips;
mod snippet;
mod spell;
mod tally;
mod values;
mod window;

use serde::Serialize;
use utoipa::ToSchema;

use tantivy::collector::TopDocs;
use tantivy::query::TermQuery;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, Searcher, Term};

use self::collect::Best;
use self::rank::Ranker;
use super::{Entry, FileId, FolderPath, Reach};
use crate::error::{Error, Result};

pub use class::Class;
pub use facet::{Count, Facets, Narrowing, SizeClass};
pub use fields::{Fields, ID, Source};
pub use mark::{Marker, highlight, mark_text};
pub use order::Order;
pub use passage::{MAX_PASSAGE_BYTES, Passages, Split, split};
pub use place::Place;
#[cfg(any(test, fuzzing))]
pub use query::fuzzing;
pub use query::{MAX_QUERY_BYTES, Parsed, parse, parse_unfinished};
pub use snippet::{Snippet, Snippets};
pub use spell::{CountSeen, respell};

/// Most passages of one file that a search shows.
pub const MOST_PASSAGES: usize = 5;
const USUAL_PASSAGES: usize = 2;

/// A search as a person asked for it.
#[derive(Clone, Debug)]
pub struct Request {
    pub query: String,
    /// Only inside this folder, if given.
    pub folder: Option<FolderPath>,
    pub narrowing: Narrowing,
    pub order: Order,
    pub limit: usize,
    pub cursor: Option<String>,
    /// Passages shown of each file, at most [`MOST_PASSAGES`].
    pub passages: usize,
    /// Whether the last word may be the beginning of one.
    pub is_unfinished: bool,
    /// Whether to search for another spelling where this one finds nothing.
    pub is_fuzzy: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            query: String::new(),
            folder: None,
            narrowing: Narrowing::default(),
            order: Order::default(),
            limit: 0,
            cursor: None,
            passages: USUAL_PASSAGES,
            is_unfinished: false,
            is_fuzzy: false,
        }
    }
}

impl Request {
    /// Whether it asks for all files of a folder, a type and so on, whatever they say.
    pub fn wants_all(&self) -> bool {
        let is_bounded = self.folder.is_some() || !self.narrowing.is_empty();
        self.query.trim().is_empty() && is_bounded
    }
}

#[derive(Clone, Debug)]
pub struct Results {
    pub total: u64,
    pub hits: Vec<Hit>,
    /// How the query was read, in words.
    pub read_as: String,
    /// What could not be understood and was taken as plain words, one sentence each.
    pub notes: Vec<String>,
    /// Counted over all matches.
    pub facets: Facets,
    /// Another way to write the query, with words that files have; on the first page only.
    pub spelling: Option<Spelling>,
    /// Pass back to get the next page; absent on the last one.
    pub next: Option<String>,
    pub milliseconds: f64,
}

/// The query in other words of the index.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Spelling {
    pub query: String,
    /// Whether these are its results, because the query as it was typed has none.
    pub searched: bool,
    /// The same in a sentence.
    pub sentence: String,
}

impl Spelling {
    pub fn new(typed: &str, query: String, searched: bool) -> Self {
        let typed = query::shortened(typed.trim());
        let shown = query::shortened(&query);
        let sentence = match searched {
            true => format!("Nothing has “{typed}”; showing “{shown}”."),
            false => format!("Did you mean “{shown}”?"),
        };
        Self {
            query,
            searched,
            sentence,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Hit {
    pub entry: Entry,
    /// The file's name as passages are: escaped, with matches marked.
    pub marked_name: String,
    /// 0 where matches are not ordered by relevance.
    pub score: f32,
    /// The best passages: HTML-escaped text in which matches are wrapped in `<mark>`.
    pub snippets: Vec<String>,
    /// The same with the pages that they stand on.
    pub passages: Vec<Snippet>,
}

/// What the index proposes; whether a file may be seen is for the catalog to decide.
#[derive(Clone, Debug, Default)]
pub struct Proposed {
    /// All matches, also those beyond the page.
    pub total: u64,
    /// The first in the order come first.
    pub hits: Vec<(FileId, f32, DocAddress)>,
    pub facets: Facets,
    /// Where the page ends, if more matches follow.
    pub next: Option<Place>,
    /// What could not wholly be considered, one sentence each.
    pub notes: Vec<String>,
}

const CATCHING_UP: &str =
    "The index is catching up with many changes; until it has, matches are not counted.";

impl Proposed {
    /// Leaves out whatever follows from other files than the hits: counts, and where the page ends.
    pub fn tell_only_of_hits(&mut self) {
        self.total = self.hits.len() as u64;
        self.facets = Facets::default();
        self.next = None;
        self.notes = vec![CATCHING_UP.to_owned()];
    }
}

/// What may be read of what the index has.
#[derive(Clone, Debug)]
pub struct Sight {
    /// By the places that the index knows.
    pub reach: Reach,
    /// Files that the index has at a place where they are not any more, and which may not be read at
    /// their own.
    pub hidden: Vec<FileId>,
    /// Whether there may be more of those.
    pub is_partial: bool,
}

impl Sight {
    /// Of whoever may read everything.
    pub fn everything() -> Self {
        Self {
            reach: Reach::everything(),
            hidden: Vec::new(),
            is_partial: false,
        }
    }
}

/// What the index is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    pub parsed: &'a Parsed,
    /// Only inside this folder, at any depth.
    pub folder: Option<&'a FolderPath>,
    pub sight: &'a Sight,
    pub narrowing: &'a Narrowing,
    pub order: Order,
    /// Only what comes behind this.
    pub after: Option<Place>,
    pub limit: usize,
}

/// Asks the index for the first `limit` files. Ties are broken by time (newer first) among equally
/// relevant ones, and then by id.
///
/// # Errors
/// [`Kind::Invalid`](crate::error::Kind::Invalid) for a place in another order,
/// [`Kind::Internal`](crate::error::Kind::Internal) if the index cannot be read.
pub fn execute(searcher: &Searcher, fields: &Fields, question: Question<'_>) -> Result<Proposed> {
    let Question {
        parsed,
        folder,
        sight,
        narrowing,
        order,
        after,
        limit,
    } = question;
    if after.as_ref().is_some_and(|after| after.order != order) {
        return Err(Error::invalid(
            "The cursor belongs to another sort order; begin again without a cursor.",
        ));
    }
    if parsed.root.is_none() && !parsed.wants_all {
        return Ok(Proposed::default());
    }
    let mut ranker = Ranker::new(searcher, fields);
    let query = ranker
        .query(parsed.root.as_ref(), folder, sight)
        .map_err(unreadable)?;
    let after = after
        .map(|last| last.now(searcher, fields, &query))
        .transpose()
        .map_err(unreadable)?;
    let best = Best {
        order,
        // One more than asked for tells whether another page follows.
        wanted: limit.saturating_add(1),
        after,
        narrowing,
        folder: folder.cloned().unwrap_or_default(),
    };
    let (tally, mut found) = searcher.search(&query, &best).map_err(unreadable)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more);
    Ok(Proposed {
        total: tally.total,
        next: next.map(|last| last.place.clone()),
        hits: found
            .iter()
            .map(|found| (found.place.id, found.place.score(), found.address))
            .collect(),
        facets: tally.facets(),
        notes: ranker.into_notes(),
    })
}

/// Where the index has a file, if it has it.
pub fn address_of(searcher: &Searcher, fields: &Fields, id: FileId) -> Result<Option<DocAddress>> {
    let term = Term::from_field_i64(fields.id, id);
    let query = TermQuery::new(term, IndexRecordOption::Basic);
    let collector = TopDocs::with_limit(1).order_by_score();
    let found = searcher.search(&query, &collector).map_err(unreadable)?;
    Ok(found.first().map(|(_, address)| *address))
}

/// An error of the index as one of ours.
pub fn unreadable(error: tantivy::TantivyError) -> Error {
    Error::from(error)
}

#[cfg(test)]
mod tests;
