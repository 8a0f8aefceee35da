//! Text into words: the one tokenizer behind indexing, querying, counting and highlighting.
//!
//! A *word* is a run of letters and digits of any script, folded so that case and accents do
//! not matter. In scripts that are written without spaces a word cannot be told from its
//! neighbours, so each character of a run begins a *pair* with the next one, and the last
//! stands alone: a search for two characters is then an exact look-up, one for more is a
//! phrase of pairs, and one for a single character is a prefix.
//!
//! # Stems beside words, not instead of them
//!
//! Each word is indexed as it is. If its English stem differs, the stem is indexed too, at the
//! same position and marked with [`STEM_MARK`]. A query word `q` with stem `t` means `q`, or
//! marked `t`, or plain `t`, and that misses nothing: a word with stem `t` either is `t`, and
//! then it is there plainly, or differs from it, and then marked `t` is beside it. Exact hits
//! are told from related ones by their term alone, so they can score higher, and a phrase asks
//! for plain words only. The mark keeps both kinds apart in one field, so that positions,
//! lengths and statistics are kept once.
//!
//! Invariant: positions depend on where words begin, never on folding, stemming or length, so
//! that [`positions`] can count without doing any of it.

mod fold;
mod scan;
mod stem;

use std::ops::Range;

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

pub use fold::fold;
use scan::{Clusters, Run, Runs, Script};
use stem::Stems;

/// Name under which the tokenizer is registered with an index.
pub const TOKENIZER: &str = "words";

/// What a stem that differs from its word begins with; no word can contain it.
pub const STEM_MARK: char = '\u{1}';

/// Longest token, in bytes after folding. The rest of a longer word cannot be searched for, but
/// the word keeps its position and is found by its beginning.
pub const MAX_WORD_BYTES: usize = 128;

/// Longest word that is taken apart at its inner capitals; longer ones are encoded data.
const MAX_CAMEL_BYTES: usize = 40;
const MAX_CAMEL_PARTS: usize = 6;

/// Splits text into words, their stems, and the parts of camelCase words.
#[derive(Clone, Default)]
pub struct WordTokenizer {
    stems: Stems,
}

impl WordTokenizer {
    /// For looking for a few words: only `stems` and those that begin like them are made.
    pub fn looking_for<'a>(stems: impl Iterator<Item = &'a str>) -> Self {
        Self {
            stems: Stems::beginning_as(stems),
        }
    }
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = Words<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Words<'a> {
        Words {
            stems: &mut self.stems,
            text,
            runs: Runs::new(text),
            pairs: None,
            token: Token::default(),
            extras: String::new(),
            extra_ends: Vec::new(),
            next_extra: 0,
            next_position: 0,
        }
    }
}

/// The tokens of one text; see [`WordTokenizer`].
pub struct Words<'a> {
    stems: &'a mut Stems,
    text: &'a str,
    runs: Runs<'a>,
    pairs: Option<Clusters<'a>>,
    token: Token,
    /// Further tokens at the position of the last word, one after the other.
    extras: String,
    extra_ends: Vec<usize>,
    next_extra: usize,
    next_position: usize,
}

impl Words<'_> {
    /// Makes a run of letters the current token; false if folding left nothing of it.
    fn word(&mut self, run: &Run) -> bool {
        let source = &self.text[run.start..run.end];
        self.begin(run.start, run.end);
        if run.ascii {
            fold::ascii_into(source, &mut self.token.text);
        } else {
            fold::word_into(source, &mut self.token.text);
        }
        truncate(&mut self.token.text);
        let stem = self.stems.stem(&self.token.text);
        push_stem(stem, &mut self.extras, &mut self.extra_ends);
        if run.ascii && source.len() <= MAX_CAMEL_BYTES {
            self.camel_parts(source);
        }
        !self.token.text.is_empty()
    }

    fn camel_parts(&mut self, source: &str) {
        let Some((parts, count)) = camel(source.as_bytes()) else {
            return;
        };
        let mut from = 0;
        for &to in &parts[..count] {
            let start = self.extras.len();
            fold::ascii_into(&source[from..to], &mut self.extras);
            self.extra_ends.push(self.extras.len());
            let stem = self.stems.stem(&self.extras[start..]);
            push_stem(stem, &mut self.extras, &mut self.extra_ends);
            from = to;
        }
    }

    fn begin(&mut self, from: usize, to: usize) {
        self.token.offset_from = from;
        self.token.offset_to = to;
        self.token.position = self.next_position;
        self.token.text.clear();
        self.extras.clear();
        self.extra_ends.clear();
        self.next_extra = 0;
        self.next_position += 1;
    }

    /// Makes the next pair of a run without spaces the current token.
    fn pair(&mut self) -> bool {
        let Some(clusters) = &mut self.pairs else {
            return false;
        };
        let Some((from, mid)) = clusters.next() else {
            self.pairs = None;
            return false;
        };
        let to = clusters.peek().map_or(mid, |(_, to)| to);
        self.begin(from, to);
        fold::cluster_into(&self.text[from..mid], &mut self.token.text);
        if to > mid {
            fold::cluster_into(&self.text[mid..to], &mut self.token.text);
        }
        truncate(&mut self.token.text);
        true
    }
}

impl TokenStream for Words<'_> {
    fn advance(&mut self) -> bool {
        if let Some(&end) = self.extra_ends.get(self.next_extra) {
            let start = match self.next_extra {
                0 => 0,
                n => self.extra_ends[n - 1],
            };
            self.next_extra += 1;
            self.token.text.clear();
            self.token.text.push_str(&self.extras[start..end]);
            return true;
        }
        loop {
            if self.pair() {
                return true;
            }
            let Some(run) = self.runs.next() else {
                return false;
            };
            match run.script {
                Script::Dense => self.pairs = Some(Clusters::new(self.text, &run)),
                Script::Spaced => {
                    if self.word(&run) {
                        return true;
                    }
                }
            }
        }
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

fn push_stem(stem: Option<&str>, extras: &mut String, ends: &mut Vec<usize>) {
    if let Some(stem) = stem {
        extras.push(STEM_MARK);
        extras.push_str(stem);
        ends.push(extras.len());
    }
}

fn truncate(word: &mut String) {
    if word.len() > MAX_WORD_BYTES {
        word.truncate(word.floor_char_boundary(MAX_WORD_BYTES));
    }
}

/// Where the parts of a word end, if it has inner capitals that look meant: `getHTTPServer` is
/// `get`, `HTTP`, `Server`. A part of a single letter means that the capitals are noise.
fn camel(word: &[u8]) -> Option<([usize; MAX_CAMEL_PARTS], usize)> {
    let mut ends = [0; MAX_CAMEL_PARTS];
    let (mut count, mut from) = (0, 0);
    for at in 1..=word.len() {
        let boundary = at == word.len()
            || (word[at].is_ascii_uppercase()
                && (!word[at - 1].is_ascii_uppercase()
                    || word.get(at + 1).is_some_and(u8::is_ascii_lowercase)));
        if !boundary {
            continue;
        }
        if at - from < 2 || count == MAX_CAMEL_PARTS {
            return None;
        }
        ends[count] = at;
        count += 1;
        from = at;
    }
    (count > 1).then_some((ends, count))
}

/// Byte offsets at which the words of `text` begin: the n-th is that of position n in the index.
pub fn positions(text: &str) -> impl Iterator<Item = usize> {
    let mut pairs: Option<Clusters<'_>> = None;
    let mut runs = Runs::new(text);
    std::iter::from_fn(move || {
        loop {
            if let Some((from, _)) = pairs.as_mut().and_then(Iterator::next) {
                return Some(from);
            }
            let run = runs.next()?;
            match run.script {
                Script::Spaced => return Some(run.start),
                Script::Dense => pairs = Some(Clusters::new(text, &run)),
            }
        }
    })
}

/// Number of words in `text`.
pub fn count(text: &str) -> u64 {
    positions(text).count() as u64
}

/// What a query asks for: the plain words of `text` with their distances from the first. The
/// lone last character of a run of pairs is left out, because in the index another may follow.
pub fn query_words(text: &str) -> Vec<(u32, String)> {
    let mut words = Vec::new();
    let mut position = 0;
    for run in Runs::new(text) {
        match run.script {
            Script::Spaced => {
                let mut word = fold(&text[run.start..run.end]);
                truncate(&mut word);
                if !word.is_empty() {
                    words.push((position, word));
                }
                position += 1;
            }
            Script::Dense => position = query_pairs(text, &run, position, &mut words),
        }
    }
    let first = words.first().map_or(0, |(position, _)| *position);
    for (position, _) in &mut words {
        *position -= first;
    }
    words
}

/// The words of scripts with spaces: where each stands, and how it reads when folded.
pub fn spaced_words(text: &str) -> impl Iterator<Item = (Range<usize>, String)> {
    let spaced = Runs::new(text).filter(|run| run.script == Script::Spaced);
    spaced.map(|run| (run.start..run.end, fold(&text[run.start..run.end])))
}

fn query_pairs(text: &str, run: &Run, start: u32, words: &mut Vec<(u32, String)>) -> u32 {
    let mut position = start;
    let mut clusters = Clusters::new(text, run);
    while let Some((from, mid)) = clusters.next() {
        let next = clusters.peek();
        if next.is_some() || position == start {
            let mut word = String::new();
            fold::cluster_into(&text[from..mid], &mut word);
            if let Some((_, to)) = next {
                fold::cluster_into(&text[mid..to], &mut word);
            }
            truncate(&mut word);
            words.push((position, word));
        }
        position += 1;
    }
    position
}

/// Whether a query word is a single character of a script without spaces, which the index
/// knows only as the beginning of pairs and as the end of a run.
pub fn is_lone(word: &str) -> bool {
    let mut runs = Runs::new(word);
    let Some(run) = runs.next() else { return false };
    run.script == Script::Dense && Clusters::new(word, &run).count() == 1
}

/// The English stem of a folded word, if it differs from the word.
pub fn stem(word: &str) -> Option<String> {
    stem::once(word)
}

/// Whether a cut at `at` would go through a word.
pub fn splits_word(text: &str, at: usize) -> bool {
    scan::splits_word(text, at)
}

#[cfg(test)]
mod tests;
