//! Other spellings of a query, out of the index's own words: for a word that no file has, the
//! nearest that files have; for one that hardly any has, a near one that very many have.
//!
//! Only the words change: operators, quotes and fields stay as they were typed. Work is bounded:
//! a few words of ordinary length are looked at, each by an automaton that walks the dictionaries
//! for as long as its share of [`MOST_STEPS`] lasts.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

use tantivy::schema::Field;
use tantivy::{Searcher, SegmentReader, TantivyError, Term};

use super::expand::begins_some;
use super::fields::Fields;
use super::query::{Form, Node, Parsed, Scope, Text};
use super::rank::{forms, languages};
use super::slips::Slips;
use crate::error::Result;
use crate::library::text::{Languages, spaced_words, stems};

/// Words that are looked at; a query of more is not misspelt but long.
const MOST_WORDS: usize = 4;
/// Characters of a word that a person types, with which others may begin.
const CHARS: std::ops::RangeInclusive<usize> = 2..=24;
/// Shorter words cannot be told from their neighbours.
const TELLING_CHARS: usize = 4;
/// From so many characters on, two of them may be wrong.
const LONG_CHARS: usize = 6;
/// Near words that are counted for somebody who does not see every file.
const MOST_COUNTED: usize = 20;
/// Near words taken from each dictionary.
const MOST_NEAR: usize = 1_000;
/// Bytes of dictionaries that are looked at for one query: some ten milliseconds.
const MOST_STEPS: u32 = 400_000;
/// Files that a word may be in and still be taken for a slip, and how many times more files have
/// the word that is meant.
const FEW_FILES: u64 = 3;
const MANY_TIMES: u64 = 20;
/// What a word counts more that begins as it was typed: people hardly mistake the first letter.
const SAME_START: u64 = 8;

/// Tells how many files a query finds among those that somebody may see.
pub type CountSeen<'a> = &'a dyn Fn(&str) -> Result<u64>;

/// The query with other words in place of those that are not in the index; nothing if there are
/// none to be replaced, or no better ones. For somebody who may not see every file, `count` says what
/// he may know of a word: that others' files have it must make no difference.
pub fn respell(
    searcher: &Searcher,
    fields: &Fields,
    parsed: &Parsed,
    query: &str,
    count: Option<CountSeen<'_>>,
) -> tantivy::Result<Option<String>> {
    let mut texts = Vec::new();
    if let Some(root) = &parsed.root {
        gather(root, &mut texts);
    }
    let words = texts.iter().flat_map(|text| words_of(text, query));
    let mut words: Vec<_> = words.take(MOST_WORDS + 1).collect();
    if words.len() > MOST_WORDS {
        return Ok(None);
    }
    let dictionary = Dictionary::new(searcher, fields, words.len(), count);
    let mut respelt = query.to_owned();
    let mut changed = false;
    // From the end, so that places before it stay where they are.
    words.sort_unstable_by_key(|word| std::cmp::Reverse(word.range.start));
    for word in &words {
        if let Some(better) = dictionary.better(word)? {
            respelt.replace_range(word.range.clone(), &better);
            changed = true;
        }
    }
    Ok(changed.then_some(respelt))
}

/// A word of a query that files should have.
struct Wanted {
    scope: Scope,
    folded: String,
    /// Where it stands in the query.
    range: Range<usize>,
    /// Whether it stands for itself, so that an end may be added to it.
    is_alone: bool,
}

fn gather<'a>(node: &'a Node, texts: &mut Vec<&'a Text>) {
    match node {
        Node::Text(text) => texts.push(text),
        Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| gather(node, texts)),
        Node::Not(_) | Node::Filter(_) => {}
    }
}

/// The beginning of a word is none, so it is left as it is.
fn words_of(text: &Text, query: &str) -> Vec<Wanted> {
    let typed = query.get(text.range.clone()).unwrap_or_default();
    let mut words: Vec<_> = spaced_words(typed).collect();
    match text.form {
        Form::Prefix => drop(words.pop()),
        Form::Pattern => words.clear(),
        Form::Word | Form::Phrase => {}
    }
    let is_alone = text.form == Form::Word && words.len() == 1;
    let words = words.into_iter().filter(|(_, word)| is_ordinary(word));
    words
        .map(|(place, folded)| Wanted {
            scope: text.scope,
            folded,
            range: text.range.start + place.start..text.range.start + place.end,
            is_alone,
        })
        .collect()
}

/// Of letters alone: numbers and codes are what they are.
fn is_ordinary(word: &str) -> bool {
    CHARS.contains(&word.chars().count()) && word.chars().all(char::is_alphabetic)
}

struct Dictionary<'a> {
    searcher: &'a Searcher,
    fields: &'a Fields,
    /// The largest come first: what most files have is there, should looking end early.
    segments: Vec<&'a SegmentReader>,
    /// Steps that a word may take.
    share: u32,
    count: Option<CountSeen<'a>>,
    languages: Languages,
}

impl<'a> Dictionary<'a> {
    fn new(
        searcher: &'a Searcher,
        fields: &'a Fields,
        words: usize,
        count: Option<CountSeen<'a>>,
    ) -> Self {
        let mut segments: Vec<_> = searcher.segment_readers().iter().collect();
        segments.sort_by_key(|segment| std::cmp::Reverse(segment.num_docs()));
        Self {
            searcher,
            fields,
            segments,
            share: MOST_STEPS / words.max(1) as u32,
            count,
            languages: languages(searcher, fields).unwrap_or(Languages::usual()),
        }
    }

    /// In how many files of a viewer's a word is; asked for as a person would.
    fn counted(count: CountSeen<'_>, scope: Scope, word: &str) -> tantivy::Result<u64> {
        let counted = match scope {
            Scope::Anywhere => count(word),
            Scope::Name => count(&format!("name:{word}")),
        };
        counted.map_err(|error| TantivyError::InternalError(error.to_string()))
    }

    fn fields_of(&self, scope: Scope) -> Vec<Field> {
        let Fields {
            name, around, body, ..
        } = *self.fields;
        match scope {
            Scope::Name => vec![name],
            Scope::Anywhere => vec![name, around, body],
        }
    }

    /// What the word is replaced by; a star at its end stands for words that begin with it.
    fn better(&self, word: &Wanted) -> tantivy::Result<Option<String>> {
        let known = self.files_with(word)?;
        if known > FEW_FILES {
            return Ok(None);
        }
        if known == 0 && word.is_alone && self.begins_others(word)? {
            return Ok(Some(format!("{}*", word.folded)));
        }
        let least = if known == 0 { 1 } else { known * MANY_TIMES };
        let furthest = match word.folded.chars().count() {
            ..TELLING_CHARS => 0,
            LONG_CHARS.. if known == 0 => 2,
            _ => 1,
        };
        let left = Cell::new(self.share);
        for distance in 1..=furthest {
            let near = self.near(word, distance, &left)?;
            let mut fitting: Vec<_> = near.into_iter().collect();
            if self.count.is_none() {
                fitting.retain(|(_, files)| *files >= least);
            }
            fitting.sort_by(|a, b| self.weight(word, b).cmp(&self.weight(word, a)));
            if let Some(best) = self.first_seen(word.scope, fitting, least)? {
                return Ok(Some(best));
            }
        }
        Ok(None)
    }

    /// The first of these words that enough of the files have which the viewer may see.
    fn first_seen(
        &self,
        scope: Scope,
        words: Vec<(String, u64)>,
        least: u64,
    ) -> tantivy::Result<Option<String>> {
        let Some(count) = self.count else {
            return Ok(words.into_iter().next().map(|(word, _)| word));
        };
        for (word, _) in words.into_iter().take(MOST_COUNTED) {
            if Self::counted(count, scope, &word)? >= least {
                return Ok(Some(word));
            }
        }
        Ok(None)
    }

    /// Of equals the one first in the alphabet, so that equal queries get equal answers.
    fn weight<'w>(
        &self,
        word: &Wanted,
        (near, files): &'w (String, u64),
    ) -> (u64, std::cmp::Reverse<&'w str>) {
        let same = near.chars().next() == word.folded.chars().next();
        let weight = files.saturating_mul(if same { SAME_START } else { 1 });
        (weight, std::cmp::Reverse(near.as_str()))
    }

    /// In how many files the word is, or one of its stem.
    fn files_with(&self, word: &Wanted) -> tantivy::Result<u64> {
        if let Some(count) = self.count {
            return Self::counted(count, word.scope, &word.folded);
        }
        let mut most = 0;
        for field in self.fields_of(word.scope) {
            for form in forms(&word.folded, &stems(&word.folded), self.languages) {
                let term = Term::from_field_text(field, &form);
                most = most.max(self.searcher.doc_freq(&term)?);
            }
        }
        Ok(most)
    }

    fn begins_others(&self, word: &Wanted) -> tantivy::Result<bool> {
        if let Some(count) = self.count {
            return Ok(Self::counted(count, word.scope, &format!("{}*", word.folded))? > 0);
        }
        for field in self.fields_of(word.scope) {
            if begins_some(self.searcher, field, &word.folded)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Ordinary words that differ in at most so many characters, and in how many files each is.
    fn near(
        &self,
        word: &Wanted,
        distance: usize,
        left: &Cell<u32>,
    ) -> tantivy::Result<HashMap<String, u64>> {
        let mut near: HashMap<String, u64> = HashMap::new();
        let slips = Slips::new(&word.folded, distance, left);
        for field in self.fields_of(word.scope) {
            for segment in &self.segments {
                let inverted = segment.inverted_index(field)?;
                let mut builder = inverted.terms().search(&slips);
                // Two slips are looked for only behind the right first letter: that is a
                // twentieth of the dictionary.
                if let Some(first) = word.folded.chars().next().filter(|_| distance > 1) {
                    let mut above = first.to_string().into_bytes();
                    builder = builder.ge(&above);
                    above.push(0xFF);
                    builder = builder.lt(&above);
                }
                let mut stream = builder.into_stream()?;
                let mut taken = 0;
                while taken < MOST_NEAR && stream.advance() {
                    taken += 1;
                    let Ok(found) = std::str::from_utf8(stream.key()) else {
                        continue;
                    };
                    if found != word.folded && found.chars().all(char::is_alphabetic) {
                        let files = u64::from(stream.value().doc_freq);
                        *near.entry(found.to_owned()).or_default() += files;
                    }
                }
            }
        }
        Ok(near)
    }
}
