//! Snippets: the best places of a hit, found by the index's positions instead of by reading its
//! text, so that only the passages that are shown are ever loaded.

use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;
use tantivy::index::InvertedIndexReader;
use tantivy::postings::{Postings, TermInfo};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocId, DocSet, Searcher, SegmentOrdinal, SegmentReader, Term};
use utoipa::ToSchema;

use crate::error::Result;
use crate::extract::PAGE_BREAK;
use crate::library::text::{Languages, WordTokenizer, positions, splits_word};

use super::expand::{MAX_COMPARED, expand_pattern_segment, expand_segment, spend};
use super::mark::{render, surroundings};
use super::needle::{Form, Found, Needle, find, needles, tokenizer_for};
use super::passage::Passages;
use super::phrase::MAX_OCCURRENCES;
use super::query::Scope;
use super::rank::languages;
use super::window::{Window, best_windows, thin_out};
use super::{Fields, Parsed, unreadable};

/// Bytes on either side of a match that are looked at: more than a snippet can show.
const NEIGHBOURHOOD: usize = 900;
/// Words that a prefix stands for: so many are always looked up in a file, and so many if none
/// of the former is in it.
const USUAL_EXPANSION: usize = 16;
const MAX_EXPANSION: usize = 1024;
/// Lists of files that one page of hits looks into for words that a prefix or pattern stands for; beyond
/// it those are left out, and the beginning of a text is shown if nothing else matches.
const MAX_OPENED: usize = 50_000;
/// Positions that one page of hits reads, in all files together; beyond it the same holds.
const MAX_POSITIONS: usize = 3_000_000;

/// The surroundings of a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Snippet {
    /// HTML-escaped text in which matches are wrapped in `<mark>`.
    pub html: String,
    /// The page it stands on, from 1, in a document that has several.
    pub page: Option<u32>,
    /// The passage of the text that it is in, from 0.
    pub part: u32,
}

/// Makes the snippets of one page of hits; keeps what it has looked up between them.
pub struct Snippets<'a> {
    searcher: &'a Searcher,
    fields: &'a Fields,
    needles: Vec<Needle>,
    tokenizer: WordTokenizer,
    segments: HashMap<SegmentOrdinal, Segment>,
    left: Left,
}

/// What can still be looked at for a page of hits.
struct Left {
    /// Words, for patterns and prefixes.
    comparisons: Cell<usize>,
    /// Lists of files.
    openings: Cell<usize>,
    positions: Cell<usize>,
}

/// One segment's terms for the needles: by needle, slot, and form.
struct Segment {
    inverted: Arc<InvertedIndexReader>,
    terms: Vec<Vec<Vec<TermInfo>>>,
}

impl<'a> Snippets<'a> {
    /// `searcher` must be the one that proposed the hits: addresses are its own.
    pub fn new(searcher: &'a Searcher, fields: &'a Fields, parsed: &Parsed) -> Self {
        // An index that cannot be read is found out about by whoever asks it for hits.
        let languages = languages(searcher, fields).unwrap_or(Languages::usual());
        let mut distinct: Vec<Needle> = Vec::new();
        for needle in needles(parsed.root.as_ref(), languages) {
            if needle.scope == Scope::Anywhere && !distinct.contains(&needle) {
                distinct.push(needle);
            }
        }
        Self {
            searcher,
            fields,
            tokenizer: tokenizer_for(&distinct),
            needles: distinct,
            segments: HashMap::new(),
            left: Left {
                comparisons: Cell::new(MAX_COMPARED),
                openings: Cell::new(MAX_OPENED),
                positions: Cell::new(MAX_POSITIONS),
            },
        }
    }

    /// At most `count` snippets of one hit, best first, each of one page; if its text has no match,
    /// the beginning of the text. `load` answers a passage by its number, or nothing if it is not there.
    ///
    /// # Errors
    /// What `load` answers; and [`Kind::Internal`](crate::error::Kind::Internal) if the index
    /// cannot be read.
    pub fn of(
        &mut self,
        hit: DocAddress,
        passages: &Passages,
        count: usize,
        mut load: impl FnMut(u32) -> Result<Option<String>>,
    ) -> Result<Vec<Snippet>> {
        if passages.is_empty() {
            return Ok(Vec::new());
        }
        let mut loaded: Option<(u32, String)> = None;
        let mut snippets: Vec<Snippet> = Vec::new();
        for window in self.windows(hit, count).map_err(unreadable)? {
            let Some((number, first)) = passages.locate(window.first) else {
                continue;
            };
            let last = first + (window.last - window.first);
            // Where another release counted the words of a text, the match may be next door.
            let neighbours = [
                Some((number, first, last)),
                Some((number + 1, 0, 0)),
                number
                    .checked_sub(1)
                    .map(|before| (before, u32::MAX, u32::MAX)),
            ];
            for (number, first, last) in neighbours.into_iter().flatten() {
                if number as usize >= passages.len() {
                    continue;
                }
                if loaded.as_ref().is_none_or(|(have, _)| *have != number) {
                    loaded = load(number)?.map(|text| (number, text));
                }
                let Some((_, text)) = &loaded else { continue };
                if let Some(snippet) = self.around(text, first, last, number, passages) {
                    snippets.extend(Some(snippet).filter(|snippet| !snippets.contains(snippet)));
                    break;
                }
            }
        }
        if snippets.is_empty()
            && count > 0
            && let Some(text) = load(0)?
        {
            snippets.extend(self.beginning(&text, passages));
        }
        Ok(snippets)
    }

    /// The snippet for the words from `first` to `last`, counted from the passage's beginning.
    /// Only their neighbourhood is looked at closely. A passage that begins within a long word
    /// has one word more than the index counted, and one whose text has changed since may have
    /// anything: then the nearest match is shown.
    fn around(
        &mut self,
        text: &str,
        first: u32,
        last: u32,
        number: u32,
        passages: &Passages,
    ) -> Option<Snippet> {
        let mut words = positions(text);
        let from = words.nth(first as usize).unwrap_or(text.len());
        let to = match last - first {
            0 => from,
            more => words.nth(more as usize - 1).unwrap_or(text.len()),
        };
        let near = between_words(text, from.saturating_sub(NEIGHBOURHOOD))
            ..between_words(text, (to + NEIGHBOURHOOD).min(text.len()));
        let mut found = self.find(text, near);
        if found.is_empty() {
            found = self.find(text, 0..text.len());
        }
        let nearest = found.iter().min_by_key(|found| found.from.abs_diff(from))?;
        let core = found
            .iter()
            .filter(|found| (from..=to).contains(&found.from))
            .map(|found| found.from..found.to)
            .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
            .unwrap_or(nearest.from..nearest.to);
        Some(shown(text, core, &found, number, passages))
    }

    fn find(&mut self, text: &str, part: Range<usize>) -> Vec<Found> {
        let mut found = find(&text[part.clone()], &self.needles, &mut self.tokenizer);
        for place in &mut found {
            place.from += part.start;
            place.to += part.start;
        }
        found
    }

    fn beginning(&mut self, text: &str, passages: &Passages) -> Option<Snippet> {
        let start = text.len() - text.trim_start().len();
        if start == text.len() {
            return None;
        }
        let near = start..between_words(text, (start + NEIGHBOURHOOD).min(text.len()));
        let found = self.find(text, near);
        Some(shown(text, start..start, &found, 0, passages))
    }

    fn windows(&mut self, hit: DocAddress, count: usize) -> tantivy::Result<Vec<Window>> {
        if self.needles.is_empty() {
            return Ok(Vec::new());
        }
        let segment = match self.segments.entry(hit.segment_ord) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let reader = self.searcher.segment_reader(hit.segment_ord);
                place.insert(Segment::look_up(
                    reader,
                    self.fields,
                    &self.needles,
                    &self.left.comparisons,
                )?)
            }
        };
        let mut starts = Vec::with_capacity(self.needles.len());
        for (needle, terms) in self.needles.iter().zip(&segment.terms) {
            starts.push(segment.starts(needle, terms, hit.doc_id, &self.left)?);
        }
        thin_out(&mut starts);
        let mut occurrences = Vec::new();
        for (index, (needle, starts)) in self.needles.iter().zip(starts).enumerate() {
            let length = needle.slots.last().map_or(0, |slot| slot.offset);
            occurrences.extend(starts.into_iter().map(|at| (at, at + length, index)));
        }
        Ok(best_windows(occurrences, self.needles.len(), count))
    }
}

impl Segment {
    fn look_up(
        reader: &SegmentReader,
        fields: &Fields,
        needles: &[Needle],
        comparisons: &Cell<usize>,
    ) -> tantivy::Result<Self> {
        let inverted = reader.inverted_index(fields.body)?;
        let mut terms = Vec::with_capacity(needles.len());
        for needle in needles {
            let mut slots = Vec::with_capacity(needle.slots.len());
            for slot in &needle.slots {
                let mut infos = Vec::new();
                for form in &slot.forms {
                    match form {
                        Form::Word(word) => infos.extend(
                            inverted.get_term_info(&Term::from_field_text(fields.body, word))?,
                        ),
                        Form::Pattern(pattern) => {
                            infos.extend(expand_pattern_segment(
                                reader,
                                fields.body,
                                pattern,
                                MAX_EXPANSION,
                                comparisons,
                            )?);
                        }
                        Form::Prefix(prefix) => {
                            infos.extend(expand_segment(
                                reader,
                                fields.body,
                                prefix,
                                MAX_EXPANSION,
                                comparisons,
                            )?);
                        }
                    }
                }
                slots.push(infos);
            }
            terms.push(slots);
        }
        Ok(Self { inverted, terms })
    }

    /// Positions at which a needle begins in a file, in order.
    fn starts(
        &self,
        needle: &Needle,
        terms: &[Vec<TermInfo>],
        doc: DocId,
        left: &Left,
    ) -> tantivy::Result<Vec<u32>> {
        let mut starts: Option<Vec<u32>> = None;
        for (slot, infos) in needle.slots.iter().zip(terms) {
            let positions = self.positions(infos, doc, left)?;
            starts = Some(match starts {
                None => positions,
                Some(mut starts) => {
                    starts.retain(|at| positions.binary_search(&(at + slot.offset)).is_ok());
                    starts
                }
            });
            if starts.as_ref().is_some_and(Vec::is_empty) {
                break;
            }
        }
        Ok(starts.unwrap_or_default())
    }

    fn positions(&self, infos: &[TermInfo], doc: DocId, left: &Left) -> tantivy::Result<Vec<u32>> {
        let mut positions = Vec::new();
        for (nth, info) in infos.iter().enumerate() {
            if nth >= USUAL_EXPANSION && !positions.is_empty() {
                break;
            }
            // Words as they were typed are few.
            if infos.len() > USUAL_EXPANSION && !spend(&left.openings, 1) {
                break;
            }
            let mut postings = self
                .inverted
                .read_postings_from_terminfo(info, IndexRecordOption::WithFreqsAndPositions)?;
            let is_there = postings.doc() <= doc && postings.seek(doc) == doc;
            // A text with more of them has some at its beginning, which is shown then.
            let occurrences = postings.term_freq();
            if is_there
                && occurrences <= MAX_OCCURRENCES
                && spend(&left.positions, occurrences as usize)
            {
                postings.append_positions_with_offset(0, &mut positions);
            }
        }
        positions.sort_unstable();
        positions.dedup();
        Ok(positions)
    }
}

/// The first place from `at` on that is not within a word.
fn between_words(text: &str, at: usize) -> usize {
    let mut at = text.floor_char_boundary(at);
    while splits_word(text, at) {
        at = text.ceil_char_boundary(at + 1);
    }
    at
}

fn shown(
    text: &str,
    core: Range<usize>,
    found: &[Found],
    number: u32,
    passages: &Passages,
) -> Snippet {
    let sheet = page_around(text, &core);
    let core = core.start - sheet.start..core.end.min(sheet.end) - sheet.start;
    let part = surroundings(&text[sheet.clone()], core);
    let part = sheet.start + part.start..sheet.start + part.end;
    let begins = number == 0 && text[..part.start].trim().is_empty();
    let ends = number as usize + 1 == passages.len() && text[part.end..].trim().is_empty();
    let html = render(text, part.clone(), found);
    let html = format!(
        "{}{}{}",
        if begins { "" } else { "… " },
        html.trim(),
        if ends { "" } else { " …" }
    );
    Snippet {
        page: passages.page(number, &text[..part.start]),
        part: number,
        html,
    }
}

/// The page, as far as it is in `text`, on which `core` begins.
fn page_around(text: &str, core: &Range<usize>) -> Range<usize> {
    let before = text[..core.start].rfind(PAGE_BREAK);
    let after = text[core.start..].find(PAGE_BREAK);
    before.map_or(0, |at| at + PAGE_BREAK.len_utf8())
        ..after.map_or(text.len(), |at| core.start + at)
}
