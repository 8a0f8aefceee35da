//! Where words begin and end: runs of letters and digits, and the clusters within dense runs.

use icu_properties::CodePointSetData;
use icu_properties::props::{DefaultIgnorableCodePoint, ExtendedPictographic};
use unicode_normalization::char::is_combining_mark;

/// How a run is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// With spaces between words: the run is one word.
    Spaced,
    /// Without: Han, Kana, Hangul, Thai, Lao, Khmer, Burmese.
    Dense,
    /// One emoji, with what modifies it, or one flag.
    Emoji,
}

/// White space at a line's end that is skipped between two characters of a dense script.
const MAX_INDENT: usize = 64;

/// A maximal run of letters and digits of one kind of script.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub start: usize,
    pub end: usize,
    pub script: Script,
    pub ascii: bool,
}

/// The runs of a text, in order.
pub struct Runs<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Runs<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The runs from the byte `at` on, which must be at a character.
    pub fn from(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    fn char_at(&self, at: usize) -> Option<char> {
        self.text[at..].chars().next()
    }

    /// The rest of a word that has begun: ASCII byte by byte, everything else as characters.
    fn spaced(&mut self, start: usize) -> Run {
        let bytes = self.text.as_bytes();
        let mut ascii = self.at == start;
        loop {
            while self.at < bytes.len() && ALPHANUMERIC[usize::from(bytes[self.at])] {
                self.at += 1;
            }
            match bytes.get(self.at) {
                Some(byte) if !byte.is_ascii() => match self.char_at(self.at) {
                    Some(c) if continues_word(c) => {
                        ascii = false;
                        self.at += c.len_utf8();
                    }
                    _ => break,
                },
                _ => break,
            }
        }
        Run {
            start,
            end: self.at,
            script: Script::Spaced,
            ascii,
        }
    }

    fn dense(&mut self, start: usize) -> Run {
        let mut end = self.at;
        while let Some(c) = self.char_at(self.at) {
            if is_dense(c) {
                self.at += c.len_utf8();
                end = self.at;
            } else if is_ignorable(c) {
                self.at += c.len_utf8();
            } else if let Some(next) = after_line_end(self.text, end, self.at) {
                self.at = next;
            } else {
                break;
            }
        }
        Run {
            start,
            end,
            script: Script::Dense,
            ascii: false,
        }
    }

    fn emoji(&mut self, start: usize, first: char) -> Run {
        if is_regional(first)
            && let Some(second) = self.char_at(self.at).filter(|&c| is_regional(c))
        {
            self.at += second.len_utf8();
        }
        while let Some(c) = self.char_at(self.at) {
            if !is_ignorable(c) && !is_skin_tone(c) && !is_combining_mark(c) {
                break;
            }
            self.at += c.len_utf8();
        }
        Run {
            start,
            end: self.at,
            script: Script::Emoji,
            ascii: false,
        }
    }
}

/// Where a dense run that has ended at `end` goes on, if only one line end and white space stand
/// between that and the next character. Korean has spaces between words, and so line ends too.
fn after_line_end(text: &str, end: usize, at: usize) -> Option<usize> {
    let before = text[..end].chars().next_back()?;
    let mut line_ends = 0;
    for (offset, c) in text[at..].char_indices().take(MAX_INDENT) {
        match c {
            '\n' => line_ends += 1,
            ' ' | '\t' | '\r' | '\u{3000}' => {}
            c if line_ends == 1 && is_dense(c) && !is_hangul(c) && !is_hangul(before) => {
                return Some(at + offset);
            }
            _ => return None,
        }
    }
    None
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            let start = self.at;
            if byte.is_ascii() {
                if ALPHANUMERIC[usize::from(byte)] {
                    return Some(self.spaced(start));
                }
                self.at += 1;
                continue;
            }
            let c = self.char_at(start)?;
            self.at += c.len_utf8();
            if is_dense(c) {
                return Some(self.dense(start));
            }
            if c.is_alphanumeric() && !is_apostrophe(c) {
                return Some(self.spaced(start));
            }
            if is_emoji(c) {
                return Some(self.emoji(start, c));
            }
        }
        None
    }
}

/// The characters of a dense run, each with the marks that belong to it, as byte ranges.
#[derive(Clone)]
pub struct Clusters<'a> {
    text: &'a str,
    at: usize,
    end: usize,
}

impl<'a> Clusters<'a> {
    pub fn new(text: &'a str, run: &Run) -> Self {
        Self {
            text,
            at: run.start,
            end: run.end,
        }
    }

    pub fn peek(&self) -> Option<(usize, usize)> {
        let rest = &self.text[self.at..self.end];
        let start = self.end - rest.trim_start().len();
        let mut chars = self.text[start..self.end].chars();
        let mut end = start + chars.next()?.len_utf8();
        for c in chars {
            if !extends(c) {
                break;
            }
            end += c.len_utf8();
        }
        Some((start, end))
    }
}

impl Iterator for Clusters<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let (start, end) = self.peek()?;
        self.at = end;
        Some((start, end))
    }
}

/// Whether both neighbours of `at` belong to one word. Between the characters of a dense run
/// there is no such word: a cut there changes no position.
pub fn splits_word(text: &str, at: usize) -> bool {
    let (Some(before), Some(after)) = (text[..at].chars().next_back(), text[at..].chars().next())
    else {
        return false;
    };
    let inside = |c: char| {
        if c.is_ascii() {
            c.is_ascii_alphanumeric()
        } else {
            is_dense(c) || continues_word(c)
        }
    };
    if is_dense(after) && !extends(after) {
        return false;
    }
    inside(before) && inside(after) && (is_dense(before) == is_dense(after))
}

const ALPHANUMERIC: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

/// Beyond letters and digits: marks on them, and what is invisible.
fn continues_word(c: char) -> bool {
    (c.is_alphanumeric() || is_combining_mark(c) || is_ignorable(c))
        && !is_dense(c)
        && !is_apostrophe(c)
}

/// What shows nothing and is no letter (Unicode Default_Ignorable_Code_Point): joiners, marks of
/// direction, soft hyphens, variation selectors.
pub fn is_ignorable(c: char) -> bool {
    c >= '\u{AD}'
        && !c.is_alphanumeric()
        && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// What is typed or printed for an apostrophe, some of which Unicode counts among the letters.
pub fn is_apostrophe(c: char) -> bool {
    matches!(
        c,
        '\'' | '`' | '\u{B4}' | '\u{2B9}' | '\u{2BB}'
            ..='\u{2BF}'
                | '\u{2C8}'
                | '\u{2CA}'
                | '\u{2CB}'
                | '\u{55A}'
                | '\u{5F3}'
                | '\u{2018}'
                | '\u{2019}'
                | '\u{201B}'
                | '\u{2032}'
                | '\u{A78B}'
                | '\u{A78C}'
                | '\u{FF07}'
    )
}

fn is_emoji(c: char) -> bool {
    c >= '\u{203C}'
        && (is_regional(c) || CodePointSetData::new::<ExtendedPictographic>().contains(c))
}

/// Half of a flag.
pub fn is_regional(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11FF}' | '\u{3131}'..='\u{318E}' | '\u{A960}'..='\u{A97F}'
        | '\u{AC00}'..='\u{D7FF}' | '\u{FFA0}'..='\u{FFDC}')
}

/// What attaches to the character before it within a dense run.
fn extends(c: char) -> bool {
    matches!(c, '\u{1160}'..='\u{11FF}' | '\u{D7B0}'..='\u{D7FF}' | '\u{FF9E}' | '\u{FF9F}')
        || is_combining_mark(c)
        || is_ignorable(c)
}

fn is_dense(c: char) -> bool {
    if c < '\u{0E01}' {
        return false;
    }
    let in_block = matches!(c,
        '\u{0E01}'..='\u{0E4E}'     // Thai
        | '\u{0E81}'..='\u{0ECD}'   // Lao
        | '\u{1000}'..='\u{103F}'   // Burmese
        | '\u{1050}'..='\u{108F}'
        | '\u{1100}'..='\u{11FF}'   // Hangul letters
        | '\u{1780}'..='\u{17D3}'   // Khmer
        | '\u{3005}'..='\u{3007}'
        | '\u{3021}'..='\u{3029}'
        | '\u{3041}'..='\u{318F}'   // Kana, Bopomofo, Hangul letters
        | '\u{31A0}'..='\u{31BF}'
        | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}'   // Han
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{A960}'..='\u{A97F}'
        | '\u{AC00}'..='\u{D7FF}'   // Hangul syllables
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FF66}'..='\u{FFDC}'   // half-width Kana and Hangul
        | '\u{20000}'..='\u{3FFFF}');
    // Radicals are symbols by themselves, and stand for the ideographs that they look like.
    (in_block && (c.is_alphanumeric() || is_combining_mark(c)))
        || matches!(c, '\u{2F00}'..='\u{2FD5}')
}
