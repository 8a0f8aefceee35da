//! Search, put together: the index proposes, the catalog decides, the facts show the passage.

use std::time::Instant;

use super::catalog;
use super::entry::{Entry, FileId};
use super::facts::Texts;
use super::search::{self, Fields, Hit, Place, Request, Results, Snippets, Source};
use super::{Library, MAX_PAGE};
use crate::error::{Error, Kind, Result};
use crate::store::index::Spec;
use crate::store::index::tantivy::schema::Schema;
use crate::store::index::tantivy::tokenizer::TokenizerManager;
use crate::store::index::tantivy::{DocAddress, TantivyDocument};
use crate::store::now_ms;

/// Snippets shown for one file.
const SNIPPETS: usize = 2;
/// Raised when the same files must be indexed differently though the schema is the same.
pub(super) const REVISION: u32 = 1;

/// The library's index: its fields, and what the kit needs to make it.
pub(super) fn index(revision: u32) -> (Fields, Spec) {
    let mut schema = Schema::builder();
    let fields = Fields::add_to(&mut schema);
    let tokenizers = TokenizerManager::default();
    Fields::register(&tokenizers);
    let spec = Spec {
        schema,
        tokenizers,
        revision,
    };
    (fields, spec)
}

impl Library {
    /// Finds files by what they say and what they are called. Any query is read somehow; see
    /// [`Results::read_as`].
    ///
    /// # Errors
    /// [`Kind::Unavailable`] while the index is being made or repaired.
    pub fn search(&self, request: &Request) -> Result<Results> {
        let started = Instant::now();
        let parsed = search::parse(&request.query, now_ms());
        let after: Option<Place> = request.cursor.as_deref().map(str::parse).transpose()?;
        let limit = request.limit.clamp(1, MAX_PAGE);
        let outcome = self.store.index.read(|searcher| {
            let folder = request.folder.as_ref();
            let proposed = search::execute(searcher, &self.fields, &parsed, folder, after, limit)?;
            let mut snippets = Snippets::new(searcher, &self.fields, &parsed);
            let visible = self.visible(&proposed.hits)?;
            let texts = self.texts().ok();
            let mut hits = Vec::with_capacity(visible.len());
            for (entry, score, address) in visible {
                let snippets = match &texts {
                    Some(texts) => shown(texts, &mut snippets, address, &entry)?,
                    None => Vec::new(),
                };
                hits.push(Hit {
                    entry,
                    score,
                    snippets,
                });
            }
            Ok((proposed, hits))
        });
        let (proposed, hits) = outcome.map_err(|error| match error.kind() {
            // It is marked; whoever holds the lease builds it anew.
            Kind::Damaged => Error::unavailable(
                "The search index is damaged and is being rebuilt; try again in a moment.",
            )
            .because(error),
            _ => error,
        })?;
        Ok(Results {
            total: proposed.total,
            hits,
            read_as: parsed.read_as,
            notes: parsed.notes.into_iter().chain(proposed.notes).collect(),
            next: proposed.next.map(|last| last.to_string()),
            milliseconds: started.elapsed().as_secs_f64() * 1000.0,
        })
    }

    /// What the index is told of a live file.
    pub(crate) fn document(&self, entry: &Entry, text: &str) -> TantivyDocument {
        self.fields.document(&Source {
            id: entry.id,
            path: &entry.path,
            tags: &entry.tags,
            media_type: &entry.media_type,
            modified_ms: entry.modified_ms,
            size: entry.size,
            text,
        })
    }

    /// The index may lag behind: what was deleted meanwhile is left out here.
    fn visible(
        &self,
        proposed: &[(FileId, f32, DocAddress)],
    ) -> Result<Vec<(Entry, f32, DocAddress)>> {
        self.store.sql.read(|c| {
            let mut visible = Vec::with_capacity(proposed.len());
            for &(id, score, address) in proposed {
                match catalog::by_id(c, id) {
                    Ok(entry) if entry.trashed_ms.is_none() => {
                        visible.push((entry, score, address))
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == Kind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(visible)
        })
    }
}

/// A hit without its facts is shown without a snippet.
fn shown(
    texts: &Texts,
    snippets: &mut Snippets<'_>,
    address: DocAddress,
    entry: &Entry,
) -> Result<Vec<String>> {
    let Ok(Some(passages)) = texts.passages(&entry.sha256) else {
        return Ok(Vec::new());
    };
    let load = |number| Ok(texts.passage(&entry.sha256, number).unwrap_or_default());
    snippets.of(address, &passages, SNIPPETS, load)
}
