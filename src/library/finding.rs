//! Search, put together: the index proposes, the catalog decides, the facts show the passage.

use std::time::Instant;

use super::catalog;
use super::entry::{Entry, FileId};
use super::facts::Texts;
use super::reach::Right;
use super::search::{
    self, Fields, Hit, MOST_PASSAGES, Parsed, Place, Proposed, Question, Request, Results, Sight,
    Snippet, Snippets, Source, Spelling,
};
use super::{Library, MAX_PAGE};
use crate::error::{Error, Kind, Result};
use crate::store::index::Spec;
use crate::store::index::tantivy::schema::Schema;
use crate::store::index::tantivy::tokenizer::TokenizerManager;
use crate::store::index::tantivy::{DocAddress, Searcher, TantivyDocument};
use crate::store::now_ms;

/// So few hits may be due to a slip in the query.
const FEW: u64 = 3;
/// Changes that the index has yet to apply, up to which a search looks at each of them.
const MAX_WAITING: usize = 10_000;
/// While there are more, this many matches are looked at for those that may be seen.
const MAX_CANDIDATES: usize = 2_000;
/// Raised when the same files must be indexed differently though the schema is the same.
pub(super) const REVISION: u32 = 2;

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

/// What was asked in the end, and what the index proposes.
struct Answer {
    parsed: Parsed,
    proposed: Proposed,
    spelling: Option<Spelling>,
}

impl Library {
    /// Finds files by what they say and what they are called. Any query is read somehow; see
    /// [`Results::read_as`].
    ///
    /// # Errors
    /// [`Kind::Invalid`] for a cursor of another search, [`Kind::Unavailable`] while the index is
    /// being made or repaired.
    pub fn search(&self, request: &Request) -> Result<Results> {
        let started = Instant::now();
        let after: Option<Place> = request.cursor.as_deref().map(str::parse).transpose()?;
        // Asked for before the index is opened, which has at least this.
        let applied = self.searchable_through();
        let outcome = self.store.index.read(|searcher| {
            let sight = self.sight(applied)?;
            let answer = self.propose(searcher, request, after, &sight)?;
            let hits = self.hits(searcher, request, &answer)?;
            Ok((answer, hits))
        });
        let (answer, hits) = outcome.map_err(|error| match error.kind() {
            // It is marked; whoever holds the lease builds it anew.
            Kind::Damaged => Error::unavailable(
                "The search index is damaged and is being rebuilt; try again in a moment.",
            )
            .because(error),
            _ => error,
        })?;
        let Answer {
            parsed,
            proposed,
            spelling,
        } = answer;
        Ok(Results {
            total: proposed.total,
            hits,
            read_as: parsed.read_as,
            notes: parsed.notes.into_iter().chain(proposed.notes).collect(),
            facets: proposed.facets,
            spelling,
            next: proposed.next.map(|last| last.to_string()),
            milliseconds: started.elapsed().as_secs_f64() * 1000.0,
        })
    }

    /// What the viewer may read of an index that has applied the outbox so far. Read once the index is
    /// open: what the outbox has beyond, the index may have at a former place.
    fn sight(&self, applied: u64) -> Result<Sight> {
        self.store.sql.read(|c| {
            let reach = self.reach(c)?;
            let mut hidden = Vec::new();
            let mut waiting = 0;
            if !reach.is_everything() {
                let mut statement = c.prepare_cached(
                    "SELECT file_id, file.path FROM outbox
                     LEFT JOIN file ON file.id = file_id AND trashed_ms IS NULL
                     WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
                )?;
                let mut rows = statement.query((applied, MAX_WAITING + 1))?;
                while let Some(row) = rows.next()? {
                    waiting += 1;
                    let path = row.get_ref(1)?.as_str_or_null().ok().flatten();
                    if !path.is_some_and(|path| reach.may(Right::Read, path)) {
                        hidden.push(row.get(0)?);
                    }
                }
            }
            Ok(Sight {
                reach,
                hidden,
                is_partial: waiting > MAX_WAITING,
            })
        })
    }

    /// What the index has for the query, or for another spelling of it.
    fn propose(
        &self,
        searcher: &Searcher,
        request: &Request,
        after: Option<Place>,
        sight: &Sight,
    ) -> Result<Answer> {
        let parsed = match (request.wants_all(), request.is_unfinished) {
            (true, _) => Parsed::everything(),
            (false, true) => search::parse_unfinished(&request.query, now_ms()),
            (false, false) => search::parse(&request.query, now_ms()),
        };
        let is_first = after.is_none();
        let ask = |parsed: &Parsed, after, limit| {
            let question = Question {
                parsed,
                folder: request.folder.as_ref(),
                sight,
                narrowing: &request.narrowing,
                order: request.order,
                after,
                limit,
            };
            search::execute(searcher, &self.fields, question)
        };
        let limit = request.limit.clamp(1, MAX_PAGE);
        let proposed = match sight.is_partial {
            false => ask(&parsed, after, limit)?,
            true => self.only_visible(ask(&parsed, after, MAX_CANDIDATES)?, limit)?,
        };
        let mut answer = Answer {
            parsed,
            proposed,
            spelling: None,
        };
        // Of several words of which one is enough, another might be one that only others' files
        // have: to offer it would tell that they do.
        let reach = &sight.reach;
        let might_tell = !reach.is_everything() && (answer.parsed.has_choice() || sight.is_partial);
        if !is_first || answer.proposed.total > FEW || might_tell {
            return Ok(answer);
        }
        let typed = request.query.as_str();
        let count = |query: &str| Ok(ask(&search::parse(query, now_ms()), None, 0)?.total);
        let count: Option<search::CountSeen<'_>> = match reach.is_everything() {
            true => None,
            false => Some(&count),
        };
        let respelt = search::respell(searcher, &self.fields, &answer.parsed, typed, count);
        let Some(query) = respelt.map_err(search::unreadable)? else {
            return Ok(answer);
        };
        let parsed = search::parse(&query, now_ms());
        let searched = request.is_fuzzy && answer.proposed.total == 0;
        let proposed = ask(&parsed, None, if searched { limit } else { 0 })?;
        if proposed.total <= answer.proposed.total {
            return Ok(answer);
        }
        answer.spelling = Some(Spelling::new(typed, query, searched));
        if searched {
            answer.parsed = parsed;
            answer.proposed = proposed;
        }
        Ok(answer)
    }

    /// The first `limit` of what is proposed that may be seen, and nothing that follows from others: hidden
    /// ones in between take nobody's place.
    fn only_visible(&self, mut proposed: Proposed, limit: usize) -> Result<Proposed> {
        let visible = self.visible(&proposed.hits)?.into_iter().take(limit);
        let hits = visible.map(|(entry, score, address)| (entry.id, score, address));
        proposed.hits = hits.collect();
        if proposed.hits.len() < limit && proposed.next.is_some() {
            return Err(Error::unavailable(
                "The search index is catching up with many changes; try again in a moment.",
            ));
        }
        proposed.tell_only_of_hits();
        Ok(proposed)
    }

    fn hits(&self, searcher: &Searcher, request: &Request, answer: &Answer) -> Result<Vec<Hit>> {
        let mut snippets = Snippets::new(searcher, &self.fields, &answer.parsed);
        let count = request.passages.clamp(1, MOST_PASSAGES);
        let visible = self.visible(&answer.proposed.hits)?;
        let texts = self.texts().ok();
        let mut hits = Vec::with_capacity(visible.len());
        for (entry, score, address) in visible {
            let passages = match &texts {
                Some(texts) => self.shown(texts, &mut snippets, address, &entry, count)?,
                None => Vec::new(),
            };
            let html = passages.iter().map(|passage| passage.html.clone());
            hits.push(Hit {
                marked_name: search::highlight(&answer.parsed, entry.path.name()),
                entry,
                score,
                snippets: html.collect(),
                passages,
            });
        }
        Ok(hits)
    }

    /// A hit without its facts is shown without a snippet.
    fn shown(
        &self,
        texts: &Texts,
        snippets: &mut Snippets<'_>,
        address: DocAddress,
        entry: &Entry,
        count: usize,
    ) -> Result<Vec<Snippet>> {
        let Ok(Some(text)) = texts.of(self, &entry.file_content()) else {
            return Ok(Vec::new());
        };
        let Ok(Some(passages)) = text.passages() else {
            return Ok(Vec::new());
        };
        let load = |number| Ok(text.passage(number).unwrap_or_default());
        snippets.of(address, &passages, count, load)
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

    /// The index may lag behind, and never decides: what was deleted meanwhile, or may not be seen,
    /// is left out here.
    fn visible(
        &self,
        proposed: &[(FileId, f32, DocAddress)],
    ) -> Result<Vec<(Entry, f32, DocAddress)>> {
        self.store.sql.read(|c| {
            let reach = self.reach(c)?;
            let mut visible = Vec::with_capacity(proposed.len());
            for &(id, score, address) in proposed {
                match catalog::by_id(c, id) {
                    Ok(entry) if entry.trashed_ms.is_none() && reach.may_read(&entry.path) => {
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
