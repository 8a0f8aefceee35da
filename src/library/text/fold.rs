//! Folding: what is left of a word when case, accents and typography are taken away.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

/// `text` in lower case, compatibility-decomposed (Unicode NFKD) and without accents; anything
/// that is not a letter stays.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.is_ascii() {
        ascii_into(text, &mut out);
    } else {
        word_into(text, &mut out);
    }
    out
}

pub fn ascii_into(text: &str, out: &mut String) {
    let start = out.len();
    out.push_str(text);
    out[start..].make_ascii_lowercase();
}

pub fn word_into(word: &str, out: &mut String) {
    for c in word.chars() {
        if c.is_ascii() {
            out.push(c.to_ascii_lowercase());
        } else if let Some(folded) = ALPHABETS.get(c as usize) {
            out.push_str(folded.as_str());
        } else if is_han_or_hangul(c) {
            out.push(c);
        } else {
            char_into(c, out);
        }
    }
}

/// A character of a dense script in its composed form: there, marks make other letters.
pub fn cluster_into(cluster: &str, out: &mut String) {
    let mut chars = cluster.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if is_plain_dense(c) => out.push(c),
        _ => out.extend(cluster.nfkc()),
    }
}

fn is_han_or_hangul(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}')
}

fn is_plain_dense(c: char) -> bool {
    is_han_or_hangul(c)
        || matches!(c, '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{30FC}')
}

/// Folds of everything before the first script without letter case or simple accents: Latin,
/// Greek, Cyrillic, Armenian. They decompose one by one, so a table replaces the algorithm.
static ALPHABETS: LazyLock<Vec<Short>> = LazyLock::new(|| {
    let mut folded = String::new();
    (0..0x590)
        .map(|code| {
            folded.clear();
            if let Some(c) = char::from_u32(code) {
                char_into(c, &mut folded);
            }
            Short::new(&folded)
        })
        .collect()
});

/// A string of at most seven bytes.
#[derive(Clone, Copy)]
struct Short {
    bytes: [u8; 7],
    len: u8,
}

impl Short {
    fn new(text: &str) -> Self {
        let len = text.floor_char_boundary(7);
        let mut bytes = [0; 7];
        bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
        Self {
            bytes,
            len: len as u8,
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

fn char_into(c: char, out: &mut String) {
    for part in std::iter::once(c).nfkd() {
        for lower in part.to_lowercase().filter(|&c| !is_dropped(c)) {
            match lower {
                'ß' => out.push_str("ss"),
                'æ' => out.push_str("ae"),
                'œ' => out.push_str("oe"),
                'þ' => out.push_str("th"),
                'ø' => out.push('o'),
                'đ' | 'ð' => out.push('d'),
                'ł' => out.push('l'),
                'ħ' => out.push('h'),
                'ŧ' => out.push('t'),
                'ı' => out.push('i'),
                'ŋ' => out.push('n'),
                'ς' => out.push('σ'),
                other => out.push(other),
            }
        }
    }
}

/// Marks that modify a letter without making another one of it, as accents do in European
/// scripts and vowel points in Semitic ones. In Indic scripts marks are vowels: they stay.
fn is_dropped(c: char) -> bool {
    matches!(c,
        '\u{AD}'
        | '\u{300}'..='\u{36F}'
        | '\u{483}'..='\u{489}'
        | '\u{591}'..='\u{5BD}' | '\u{5BF}' | '\u{5C1}' | '\u{5C2}' | '\u{5C4}' | '\u{5C5}' | '\u{5C7}'
        | '\u{610}'..='\u{61A}' | '\u{640}' | '\u{64B}'..='\u{65F}' | '\u{670}' | '\u{6D6}'..='\u{6DC}'
        | '\u{730}'..='\u{74A}'
        | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}')
}
