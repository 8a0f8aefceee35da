//! Text into words: the one tokenizer behind indexing, querying, counting and highlighting.
//!
//! A *word* is a run of letters and digits of any script, folded so that case and accents do
//! not matter. In scripts that are written without spaces a word cannot be told from its
//! neighbours, so each character of a run begins a *pair* with the next one, and the last
//! stands alone: a search for two characters is then an exact look-up, one for more is a
//! phrase of pairs, and one for a single character is a prefix.
//!
//! # Related words beside words, not instead of them
//!
//! Each word is indexed as it is. What else should find it stands beside it, at the same position
//! and marked, so that exact hits are told from related ones by their term alone, can score higher,
//! and are all that a phrase asks for. The marks keep all kinds apart in one field, so that
//! positions, lengths and statistics are kept once. There are
//!
//! - stems, in the language of the text (see [`Languages`]), with [`STEM_MARK`] and the language's
//!   code, where they differ from the word. A query word `q` with stem `t` means `q`, or marked
//!   `t`, or plain `t`, and that misses nothing: a word with stem `t` either is `t`, and then it is
//!   there plainly, or differs from it, and then marked `t` is beside it;
//! - with [`PART_MARK`], the parts of `phoneNumber` and `Invoice2024`, `email` at the `e` of
//!   `e-mail`, `1234.56` at the `1` of `1,234.56`, and `mueller` beside `Müller`.
//!
//! `C++` and `.NET` are plain words beside `C` and `NET`, as is a word that a hyphen cuts in two at
//! the end of a line beside its halves.
//!
//! Invariant: positions depend on where words begin, never on folding, stemming or length, so
//! that [`positions`] can count without doing any of it.

mod compound;
mod fold;
mod language;
mod query;
mod scan;
mod stem;

use std::ops::Range;

use tantivy::tokenizer::{PreTokenizedString, Token, TokenStream, Tokenizer};

use compound::Compound;
pub use fold::{fold, fold_word};
pub use language::{Language, Languages};
pub use query::{
    Sequence, is_lone, joined_stems, query_words, rewritings, spaced_words, stems_as_typed,
    umlaut_term,
};
use scan::{Clusters, Run, Runs, Script};
use stem::Stems;
pub use stem::all as stems;

/// Name under which the tokenizer is registered with an index.
pub const TOKENIZER: &str = "words";

/// What a stem that differs from its word begins with, before its language's code; no word can
/// contain it.
pub const STEM_MARK: char = '\u{1}';

/// What begins a part of a word, and another way to write it.
pub const PART_MARK: char = '\u{2}';

/// The byte before which all marked terms of an index are.
pub const AFTER_MARKS: u8 = 3;

/// Longest token, in bytes after folding. The rest of a longer word cannot be searched for, but
/// the word keeps its position and is found by its beginning.
pub const MAX_WORD_BYTES: usize = 128;

/// The term of a stem.
pub fn stem_term(language: Language, stem: &str) -> String {
    format!("{STEM_MARK}{}{stem}", language.code())
}

/// The term of a part of a word, or of another way to write one.
pub fn part_term(part: &str) -> String {
    format!("{PART_MARK}{part}")
}

/// Splits text into words, and what else should find them.
#[derive(Clone, Default)]
pub struct WordTokenizer {
    stems: Stems,
}

impl WordTokenizer {
    /// For looking for a few words: of the terms of stems only `terms` and those that begin like
    /// them are made, in all of their languages.
    pub fn looking_for<'a>(terms: impl Iterator<Item = &'a str>) -> Self {
        let stem = |term: &'a str| {
            let mut marked = term.strip_prefix(STEM_MARK)?.chars();
            let language = Language::from_code(marked.next()?)?;
            Some((language, marked.as_str()))
        };
        Self {
            stems: Stems::looking_for(terms.filter_map(stem)),
        }
    }

    /// For texts so short that remembering stems takes longer than making them.
    pub fn for_short() -> Self {
        Self {
            stems: Stems::without_memory(),
        }
    }

    /// The tokens of a short text, such as a name, whose words are in these languages.
    pub fn tokens_in(&mut self, languages: Languages, text: &str) -> PreTokenizedString {
        let mut stream = Words::new(&mut self.stems, languages, text);
        let mut tokens = Vec::new();
        while let Some(token) = stream.next() {
            tokens.push(token.clone());
        }
        let text = text.to_owned();
        PreTokenizedString { text, tokens }
    }
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = Words<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Words<'a> {
        let languages = match self.stems.is_looking() {
            true => Languages::NONE,
            false => Languages::from_text(text),
        };
        Words::new(&mut self.stems, languages, text)
    }
}

/// The tokens of one text; see [`WordTokenizer`].
pub struct Words<'a> {
    stems: &'a mut Stems,
    languages: Languages,
    text: &'a str,
    runs: Runs<'a>,
    pairs: Option<Clusters<'a>>,
    token: Token,
    /// Further tokens at the position of the last word.
    extras: Extras,
    next_extra: usize,
    next_position: usize,
    /// Where the last compound ends: what begins before is a part of it.
    compound_end: usize,
    /// A word that began in the line before, and where its second half begins.
    continued: Option<(usize, Extra)>,
}

/// Tokens beside a word, one after the other in `text`.
#[derive(Default)]
struct Extras {
    text: String,
    list: Vec<Extra>,
}

/// Where in its list the text of a token ends, and what of the source it stands for.
#[derive(Clone)]
struct Extra {
    end: usize,
    range: Range<usize>,
    /// Kept only where the list is not.
    word: String,
}

impl Extras {
    fn clear(&mut self) {
        self.text.clear();
        self.list.clear();
    }

    fn push(&mut self, mark: Option<char>, word: &str, range: Range<usize>) {
        self.text.extend(mark);
        self.text.push_str(word);
        self.end(range);
    }

    fn end(&mut self, range: Range<usize>) {
        let start = self.list.last().map_or(0, |extra| extra.end);
        if self.text.len() - start > MAX_WORD_BYTES {
            let end = self.text.floor_char_boundary(start + MAX_WORD_BYTES);
            self.text.truncate(end);
        }
        self.list.push(Extra {
            end: self.text.len(),
            range,
            word: String::new(),
        });
    }
}

impl<'a> Words<'a> {
    fn new(stems: &'a mut Stems, languages: Languages, text: &'a str) -> Self {
        Self {
            stems,
            languages,
            text,
            runs: Runs::new(text),
            pairs: None,
            token: Token::default(),
            extras: Extras::default(),
            next_extra: 0,
            next_position: 0,
            compound_end: 0,
            continued: None,
        }
    }

    /// Makes a run of letters the current token; false if folding left nothing of it.
    fn word(&mut self, run: &Run) -> bool {
        let source = &self.text[run.start..run.end];
        let range = run.start..run.end;
        self.begin(run.start, run.end);
        if run.ascii {
            fold::ascii_into(source, &mut self.token.text);
        } else {
            fold::search_into(source, &mut self.token.text);
        }
        truncate(&mut self.token.text);
        if self.token.text.is_empty() {
            return false;
        }
        let extras = &mut self.extras;
        self.stems.each(
            self.languages,
            source,
            &self.token.text,
            |language, stem| {
                push_stem(language, stem, range.clone(), extras);
            },
        );
        if !run.ascii
            && let Some(spelled) = compound::spelled_out(source)
        {
            extras.push(Some(PART_MARK), &spelled, range);
        }
        self.parts(source, run);
        self.joined(run);
        true
    }

    /// The parts of a word such as `phoneNumber`, and their stems.
    fn parts(&mut self, source: &str, run: &Run) {
        let (stems, languages, extras) = (&mut *self.stems, self.languages, &mut self.extras);
        let mut folded = String::new();
        compound::parts(source, |part| {
            folded.clear();
            fold::search_into(&source[part.clone()], &mut folded);
            if folded.is_empty() {
                return;
            }
            let range = run.start + part.start..run.start + part.end;
            extras.push(Some(PART_MARK), &folded, range.clone());
            stems.each(languages, &source[part], &folded, |language, stem| {
                push_stem(language, stem, range.clone(), extras);
            });
        });
    }

    /// What a word and its neighbours are together: with a sign, or as one word.
    fn joined(&mut self, run: &Run) {
        let (text, extras) = (self.text, &mut self.extras);
        let (stems, languages) = (&mut *self.stems, self.languages);
        if let Some((_, extra)) = self.continued.take_if(|(second, _)| *second == run.start) {
            extras.push(None, &extra.word, extra.range);
        }
        if let Some(range) = compound::with_sign(text, run) {
            extras.push(None, &fold_word(&text[range.clone()]), range);
        }
        if let Some(rest) = compound::over_line_end(text, run) {
            let range = run.start..rest.end;
            let mut word = self.token.text.clone();
            fold::search_into(&text[rest.clone()], &mut word);
            truncate(&mut word);
            extras.push(None, &word, range.clone());
            let whole = Extra {
                end: 0,
                range,
                word,
            };
            self.continued = Some((rest.start, whole));
        }
        if run.start < self.compound_end {
            return;
        }
        if let Some(compound) = Compound::from_run(text, run) {
            let range = compound.range();
            self.compound_end = range.end;
            for word in compound.as_one(text) {
                extras.push(Some(PART_MARK), &word, range.clone());
                stems.each(languages, &word, &word, |language, stem| {
                    push_stem(language, stem, range.clone(), extras);
                });
            }
        }
    }

    fn begin(&mut self, from: usize, to: usize) {
        self.token.offset_from = from;
        self.token.offset_to = to;
        self.token.position = self.next_position;
        self.token.text.clear();
        self.extras.clear();
        self.next_extra = 0;
        self.next_position += 1;
    }

    /// Makes the next pair of a run without spaces the current token.
    fn pair(&mut self) -> bool {
        loop {
            let Some(clusters) = &mut self.pairs else {
                return false;
            };
            let Some((from, mid)) = clusters.next() else {
                self.pairs = None;
                return false;
            };
            let next = clusters.peek();
            self.begin(from, next.map_or(mid, |(_, to)| to));
            push_pair(self.text, (from, mid), next, &mut self.token.text);
            if !self.token.text.is_empty() {
                return true;
            }
        }
    }
}

/// Two characters of a dense script, or the last of a run.
fn push_pair(
    text: &str,
    (from, mid): (usize, usize),
    next: Option<(usize, usize)>,
    out: &mut String,
) {
    let first_of = |at: usize| text[at..].chars().next();
    let second = next.and_then(|(start, _)| first_of(start));
    fold::cluster_into(&text[from..mid], second, out);
    if let Some((start, to)) = next {
        fold::cluster_into(&text[start..to], first_of(to), out);
    }
    truncate(out);
}

impl TokenStream for Words<'_> {
    fn advance(&mut self) -> bool {
        if let Some(extra) = self.extras.list.get(self.next_extra) {
            let start = match self.next_extra {
                0 => 0,
                n => self.extras.list[n - 1].end,
            };
            self.next_extra += 1;
            self.token.text.clear();
            self.token
                .text
                .push_str(&self.extras.text[start..extra.end]);
            self.token.offset_from = extra.range.start;
            self.token.offset_to = extra.range.end;
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
                Script::Emoji => {
                    self.begin(run.start, run.end);
                    fold::emoji_into(&self.text[run.start..run.end], &mut self.token.text);
                    return true;
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

fn push_stem(language: Language, stem: &str, range: Range<usize>, extras: &mut Extras) {
    extras.text.push(STEM_MARK);
    extras.text.push(language.code());
    extras.text.push_str(stem);
    extras.end(range);
}

fn truncate(word: &mut String) {
    if word.len() > MAX_WORD_BYTES {
        word.truncate(word.floor_char_boundary(MAX_WORD_BYTES));
    }
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
                Script::Spaced | Script::Emoji => return Some(run.start),
                Script::Dense => pairs = Some(Clusters::new(text, &run)),
            }
        }
    })
}

/// Number of words in `text`.
pub fn count(text: &str) -> u64 {
    positions(text).count() as u64
}

/// Whether a cut at `at` would go through a word.
pub fn splits_word(text: &str, at: usize) -> bool {
    scan::splits_word(text, at)
}

#[cfg(test)]
mod tests;
