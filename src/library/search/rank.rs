//! A query tree as a question to the index, and what makes one answer better than another.
//!
//! A word in the name counts most, then folders and tags, then the text; the word itself counts
//! more than one that only shares its stem; words that stand close together count extra. How much,
//! `scripts/bench search-quality` has shown: names that had but one of several words, counted four
//! times as much as a text, hid the texts that have them all.

use std::cell::Cell;
use std::ops::Bound;
use std::sync::Arc;

use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, EmptyQuery, ExistsQuery, Occur, Query,
    RangeQuery, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};

use crate::library::text::{Language, Languages, part_term, stem_term};
use crate::library::{FolderPath, Reach, Right};

use super::Sight;
use super::expand::{Expansion, MAX_COMPARED, expand, expand_pattern};
use super::fields::{Fields, ID, exact_folder_term, language_term};
use super::phrase::{Phrase, PositionBudget, Uncompared};
use super::query::{Filter, Form, Node, Scope, Text};

const NAME: f32 = 3.0;
const AROUND: f32 = 1.5;
const BODY: f32 = 1.0;
/// What the words of a query count more in a text that has them close together and in order.
const TOGETHER: f32 = 3.0;
/// What a word of the same stem, a part of a word or another way to write it counts beside the word
/// itself: so little that even in the name of one file among a million it stays below the word
/// itself in a text.
const RELATED: f32 = 0.02;
/// How much of what a word counts goes to files that have it with the umlauts that were typed.
const UMLAUT: f32 = 0.7;
/// A file found by a prefix, per field; a plain word scores about ten times this.
const PREFIXED: f32 = 0.5;
/// A file found by a prefix of a part of a word.
const PREFIXED_PART: f32 = 0.05;
/// Words that a prefix may stand for.
const MAX_EXPANSION: usize = 512;

/// Words that may stand between those of a query for closeness to count.
const CLOSE: u32 = 6;
/// Queries of more words are so specific that closeness decides nothing.
const MAX_CLOSE_WORDS: usize = 5;
/// If even the rarest word is in more files, comparing positions costs more than it is worth.
const MAX_CLOSE_FILES: u64 = 2_000;

const NOT_COMPARED: &str =
    "Some files have these words too often to compare their order there; they are shown as well.";

type Clause = (Occur, Box<dyn Query>);

/// Turns trees into queries of one searcher.
pub struct Ranker<'a> {
    searcher: &'a Searcher,
    fields: &'a Fields,
    /// What the index could not wholly consider, one sentence each.
    notes: Vec<String>,
    positions: Arc<PositionBudget>,
    /// Words that can still be compared with patterns.
    comparisons: Cell<usize>,
    languages: Languages,
}

impl<'a> Ranker<'a> {
    pub fn new(searcher: &'a Searcher, fields: &'a Fields) -> Self {
        Self {
            searcher,
            fields,
            notes: Vec::new(),
            positions: Arc::default(),
            comparisons: Cell::new(MAX_COMPARED),
            languages: Languages::usual(),
        }
    }

    /// What could not wholly be considered, once the queries were executed, one sentence each.
    pub fn into_notes(mut self) -> Vec<String> {
        if self.positions.is_exceeded() {
            self.notes.push(NOT_COMPARED.to_owned());
        }
        self.notes
    }

    /// The whole query, inside `folder` if given, and of what may be read; every file there without
    /// a query.
    pub fn query(
        &mut self,
        root: Option<&Node>,
        folder: Option<&FolderPath>,
        sight: &Sight,
    ) -> tantivy::Result<Box<dyn Query>> {
        self.languages = languages(self.searcher, self.fields)?;
        let nodes = match root {
            Some(Node::All(nodes)) => nodes.as_slice(),
            Some(other) => std::slice::from_ref(other),
            None => &[],
        };
        let mut clauses = self.all(nodes)?;
        if let Some(folder) = folder.filter(|folder| !folder.is_root()) {
            let term = Term::from_field_text(self.fields.folder, &exact_folder_term(folder));
            clauses.push((Occur::Must, unscored(plain(term))));
        }
        if !sight.reach.is_everything() {
            clauses.push((Occur::Must, self.readable(&sight.reach)));
        }
        if !sight.hidden.is_empty() {
            let hidden = sight.hidden.iter();
            let hidden = hidden.map(|id| Term::from_field_i64(self.fields.id, *id));
            clauses.push((Occur::MustNot, Box::new(TermSetQuery::new(hidden))));
        }
        if let Some(close) = self.closeness(nodes)? {
            clauses.push((Occur::Should, boosted(Box::new(close), TOGETHER)));
        }
        Ok(Box::new(BooleanQuery::new(clauses)))
    }

    /// What may be read: whatever has turned readable as often on the way down as it has to. One
    /// clause for each level, however many folders are on it.
    fn readable(&self, reach: &Reach) -> Box<dyn Query> {
        let levels = reach.levels();
        let mut levels = levels.iter().map(|folders| self.in_any(folders));
        let is_open = reach.right(&FolderPath::default()) >= Right::Read;
        let mut parts: Vec<Box<dyn Query>> = Vec::new();
        let mut opening: Option<Box<dyn Query>> = match is_open {
            true => Some(Box::new(AllQuery)),
            false => levels.next(),
        };
        while let Some(inside) = opening {
            let closing = levels.next().map(|closed| (Occur::MustNot, closed));
            let clauses = std::iter::once((Occur::Must, inside)).chain(closing);
            parts.push(Box::new(BooleanQuery::new(clauses.collect())));
            opening = levels.next();
        }
        unscored(Box::new(BooleanQuery::union(parts)))
    }

    /// Below any of these folders.
    fn in_any(&self, folders: &[FolderPath]) -> Box<dyn Query> {
        let terms = folders.iter();
        let terms = terms
            .map(|folder| Term::from_field_text(self.fields.folder, &exact_folder_term(folder)));
        Box::new(TermSetQuery::new(terms))
    }

    fn node(&mut self, node: &Node) -> tantivy::Result<Box<dyn Query>> {
        Ok(match node {
            Node::Text(text) => self.text(text)?,
            Node::Filter(filter) => unscored(self.filter(filter)),
            Node::All(nodes) => Box::new(BooleanQuery::new(self.all(nodes)?)),
            Node::Not(_) => Box::new(BooleanQuery::new(self.all(std::slice::from_ref(node))?)),
            Node::Any(nodes) => {
                let parts = nodes
                    .iter()
                    .map(|node| self.node(node))
                    .collect::<Result<_, _>>()?;
                Box::new(BooleanQuery::union(parts))
            }
        })
    }

    /// Exclusions exclude from what is required; if nothing is, from all files.
    fn all(&mut self, nodes: &[Node]) -> tantivy::Result<Vec<Clause>> {
        let mut clauses = Vec::with_capacity(nodes.len() + 1);
        for node in nodes {
            clauses.push(match node {
                Node::Not(inner) => (Occur::MustNot, self.node(inner)?),
                other => (Occur::Must, self.node(other)?),
            });
        }
        if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
            let every_file: Box<dyn Query> = Box::new(ExistsQuery::new(ID.to_owned(), false));
            clauses.push((Occur::Must, unscored(every_file)));
        }
        Ok(clauses)
    }

    fn text(&mut self, text: &Text) -> tantivy::Result<Box<dyn Query>> {
        let everywhere = [
            (self.fields.name, NAME),
            (self.fields.around, AROUND),
            (self.fields.body, BODY),
        ];
        let fields = match text.scope {
            Scope::Name => &everywhere[..1],
            Scope::Anywhere => &everywhere[..],
        };
        let mut parts = Vec::new();
        for &(field, weight) in fields {
            match (text.form, text.words.as_slice()) {
                (Form::Word, [(_, word)]) => {
                    let forms = forms(word, &text.stems, self.languages);
                    let exact = match text.umlaut {
                        Some(_) => 1.0 - UMLAUT,
                        None => 1.0,
                    };
                    self.word(field, weight, exact, &forms, &mut parts)?;
                    if let Some(umlaut) = &text.umlaut {
                        self.term(field, weight * UMLAUT, umlaut, &mut parts)?;
                    }
                }
                (Form::Pattern, [(_, pattern)]) => {
                    let expansion = expand_pattern(
                        self.searcher,
                        field,
                        pattern,
                        MAX_EXPANSION,
                        &self.comparisons,
                    )?;
                    self.expanded(field, weight * PREFIXED, expansion, &mut parts, || {
                        format!(
                            "Not all words were compared with \"{pattern}\", or too many are like it; the {MAX_EXPANSION} most common were taken."
                        )
                    });
                }
                (Form::Prefix, [(_, word)]) => self.prefix(field, weight, word, &mut parts)?,
                (Form::Prefix, [words @ .., (offset, prefix)]) => {
                    if let Some(phrase) = self.phrase(field, words)? {
                        let phrase = phrase.with_prefix(*offset, prefix.clone());
                        parts.push(boosted(Box::new(phrase), weight));
                    }
                }
                (_, [(_, word)]) => self.term(field, weight, word, &mut parts)?,
                (_, words) => {
                    if let Some(phrase) = self.phrase(field, words)? {
                        parts.push(boosted(Box::new(phrase), weight));
                    }
                }
            }
            for words in &text.rewritings {
                if let Some(phrase) = self.phrase(field, words)? {
                    let related = Box::new(phrase);
                    parts.push(boosted(related, weight * RELATED));
                }
            }
            if text.words.len() > 1 {
                for stem in joined_forms(text, self.languages) {
                    self.term(field, weight * RELATED, &stem, &mut parts)?;
                }
            }
        }
        Ok(match parts.len() {
            0 => Box::new(EmptyQuery),
            1 => parts.remove(0),
            _ => Box::new(BooleanQuery::union(parts)),
        })
    }

    fn is_there(&self, term: &Term) -> tantivy::Result<bool> {
        Ok(self.searcher.doc_freq(term)? > 0)
    }

    fn word(
        &self,
        field: Field,
        weight: f32,
        exact: f32,
        forms: &[String],
        parts: &mut Vec<Box<dyn Query>>,
    ) -> tantivy::Result<()> {
        for (index, form) in forms.iter().enumerate() {
            let share = if index == 0 { exact } else { RELATED };
            self.term(field, weight * share, form, parts)?;
        }
        Ok(())
    }

    fn term(
        &self,
        field: Field,
        weight: f32,
        term: &str,
        parts: &mut Vec<Box<dyn Query>>,
    ) -> tantivy::Result<()> {
        let term = Term::from_field_text(field, term);
        if self.is_there(&term)? {
            parts.push(boosted(plain(term), weight));
        }
        Ok(())
    }

    fn prefix(
        &mut self,
        field: Field,
        weight: f32,
        prefix: &str,
        parts: &mut Vec<Box<dyn Query>>,
    ) -> tantivy::Result<()> {
        let exact = Term::from_field_text(field, prefix);
        if self.is_there(&exact)? {
            parts.push(boosted(plain(exact), weight));
        }
        let note = || {
            format!(
                "Too many words begin with \"{prefix}\"; the {MAX_EXPANSION} most common were taken."
            )
        };
        let (searcher, left) = (self.searcher, &self.comparisons);
        let words = expand(searcher, field, prefix, MAX_EXPANSION, left)?;
        let beginning = part_term(prefix);
        let parts_of_words = expand(searcher, field, &beginning, MAX_EXPANSION, left)?;
        self.expanded(field, weight * PREFIXED, words, parts, note);
        self.expanded(field, weight * PREFIXED_PART, parts_of_words, parts, note);
        Ok(())
    }

    /// Any of the words that a prefix or pattern stands for.
    fn expanded(
        &mut self,
        field: Field,
        weight: f32,
        expansion: Expansion,
        parts: &mut Vec<Box<dyn Query>>,
        note: impl Fn() -> String,
    ) {
        if expansion.truncated {
            let note = note();
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        if !expansion.words.is_empty() {
            let words = expansion.words.iter();
            let terms = words.map(|word| Term::from_field_text(field, word));
            let any = Box::new(TermSetQuery::new(terms));
            parts.push(Box::new(ConstScoreQuery::new(any, weight)));
        }
    }

    /// Nothing if one of the words is not in the index at all.
    fn phrase(&self, field: Field, words: &[(u32, String)]) -> tantivy::Result<Option<Phrase>> {
        let terms = terms_of(field, words);
        for (_, term) in &terms {
            if !self.is_there(term)? {
                return Ok(None);
            }
        }
        Ok(Some(Phrase::new(terms, &self.positions)))
    }

    /// What files gain in which the words of the query stand close together and in order.
    fn closeness(&self, nodes: &[Node]) -> tantivy::Result<Option<Phrase>> {
        let words: Vec<(u32, String)> = nodes
            .iter()
            .filter_map(|node| match node {
                Node::Text(Text {
                    scope: Scope::Anywhere,
                    form: Form::Word,
                    words,
                    ..
                }) => <&[_; 1]>::try_from(words.as_slice())
                    .ok()
                    .map(|[(_, word)]| word.clone()),
                _ => None,
            })
            .zip(0..)
            .map(|(word, at)| (at, word))
            .collect();
        if !(2..=MAX_CLOSE_WORDS).contains(&words.len()) {
            return Ok(None);
        }
        let mut rarest = u64::MAX;
        for (_, term) in terms_of(self.fields.body, &words) {
            rarest = rarest.min(self.searcher.doc_freq(&term)?);
        }
        if rarest > MAX_CLOSE_FILES {
            return Ok(None);
        }
        let phrase = self.phrase(self.fields.body, &words)?;
        Ok(phrase.map(|phrase| phrase.with_slop(CLOSE, Uncompared::Differs)))
    }

    fn filter(&self, filter: &Filter) -> Box<dyn Query> {
        let Fields {
            folder,
            kind,
            tag,
            modified,
            size,
            ..
        } = *self.fields;
        let time = |time: i64| Term::from_field_i64(modified, time);
        let bytes = |bytes: u64| Term::from_field_u64(size, bytes);
        let (low, high) = match filter {
            Filter::Folder(path) => return plain(Term::from_field_text(folder, path)),
            Filter::Kind(name) => return plain(Term::from_field_text(kind, name)),
            Filter::Tag(name) => return plain(Term::from_field_text(tag, name)),
            Filter::After(at) => (Bound::Included(time(*at)), Bound::Unbounded),
            Filter::Before(at) => (Bound::Unbounded, Bound::Excluded(time(*at))),
            Filter::Larger(than) => (Bound::Excluded(bytes(*than)), Bound::Unbounded),
            Filter::Smaller(than) => (Bound::Unbounded, Bound::Excluded(bytes(*than))),
        };
        Box::new(RangeQuery::new(low, high))
    }
}

/// The terms by which a word is found: itself first, then those of its stems and of its use as a
/// part; see [`text`](crate::library::text) for why these are all.
pub fn forms(word: &str, stems: &[(Language, String)], languages: Languages) -> Vec<String> {
    let mut forms = vec![word.to_owned(), part_term(word)];
    for (language, stem) in stems {
        if !languages.contains(*language) {
            continue;
        }
        for form in [stem_term(*language, stem), stem.clone(), part_term(stem)] {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}

/// The terms of the stems of several words as one.
pub fn joined_forms(text: &Text, languages: Languages) -> impl Iterator<Item = String> {
    let stems = text.stems.iter();
    let known = stems.filter(move |(language, _)| languages.contains(*language));
    known.map(|(language, stem)| stem_term(*language, stem))
}

/// Languages in which some file of the index has stems.
pub fn languages(searcher: &Searcher, fields: &Fields) -> tantivy::Result<Languages> {
    let mut languages = Languages::usual();
    for language in Languages::ALL.iter() {
        let term = Term::from_field_text(fields.kind, &language_term(language));
        if !languages.contains(language) && searcher.doc_freq(&term)? > 0 {
            languages = languages.with(language);
        }
    }
    Ok(languages)
}

fn terms_of(field: Field, words: &[(u32, String)]) -> Vec<(u32, Term)> {
    words
        .iter()
        .map(|(offset, word)| (*offset, Term::from_field_text(field, word)))
        .collect()
}

fn plain(term: Term) -> Box<dyn Query> {
    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
}

fn boosted(query: Box<dyn Query>, weight: f32) -> Box<dyn Query> {
    Box::new(BoostQuery::new(query, weight))
}

fn unscored(query: Box<dyn Query>) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(query, 0.0))
}
