//! Where words begin and end: runs of letters and digits, and the clusters within dense runs.

use unicode_normalization::char::is_combining_mark;

/// How a run is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// With spaces between words: the run is one word.
    Spaced,
    /// Without: Han, Kana, Hangul, Thai, Lao, Khmer, Burmese.
    Dense,
}

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
        while let Some(c) = self.char_at(self.at) {
            if !is_dense(c) {
                break;
            }
            self.at += c.len_utf8();
        }
        Run {
            start,
            end: self.at,
            script: Script::Dense,
            ascii: false,
        }
    }
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
            if c.is_alphanumeric() {
                return Some(self.spaced(start));
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
        let mut chars = self.text[self.at..self.end].chars();
        let mut end = self.at + chars.next()?.len_utf8();
        for c in chars {
            if !extends(c) {
                break;
            }
            end += c.len_utf8();
        }
        Some((self.at, end))
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

/// Beyond letters and digits: marks on them, and the hyphen that only shows at a line's end.
fn continues_word(c: char) -> bool {
    (c.is_alphanumeric() || is_combining_mark(c) || c == '\u{AD}') && !is_dense(c)
}

/// What attaches to the character before it within a dense run.
fn extends(c: char) -> bool {
    matches!(c, '\u{1160}'..='\u{11FF}' | '\u{D7B0}'..='\u{D7FF}' | '\u{FF9E}' | '\u{FF9F}')
        || is_combining_mark(c)
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
    in_block && (c.is_alphanumeric() || is_combining_mark(c))
}
