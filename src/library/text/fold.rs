//! Folding: what is left of a word when case, accents and typography are taken away.

use std::sync::LazyLock;

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use unicode_normalization::UnicodeNormalization;

use super::scan::{is_apostrophe, is_ignorable, is_regional};

/// `text` in lower case, compatibility-decomposed (Unicode NFKD) and without accents; anything
/// that is not a letter stays.
///
/// Names are stored in the catalog by this, which every release must compute alike; words of the
/// index are folded further, by [`fold_word`].
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

fn word_into(word: &str, out: &mut String) {
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

/// A word as search compares it: [`fold`]ed, without invisible characters and apostrophes, its
/// decimal digits (Unicode Nd) as ASCII, and with one letter for those that Arabic and Persian
/// write differently.
pub fn fold_word(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    if word.is_ascii() {
        ascii_into(word, &mut out);
    } else {
        search_into(word, &mut out);
    }
    out
}

/// As [`fold_word`], appended to `out`.
pub fn search_into(word: &str, out: &mut String) {
    for c in word.chars() {
        if c.is_ascii() {
            out.push(c.to_ascii_lowercase());
        } else if let Some(folded) = SEARCH_ALPHABETS.get(c as usize) {
            out.push_str(folded.as_str());
        } else if is_han_or_hangul(c) {
            out.push(c);
        } else {
            search_char_into(c, out);
        }
    }
}

fn search_char_into(c: char, out: &mut String) {
    let start = out.len();
    char_into(c, out);
    unify(start, out);
}

/// Writes what `out` has from `start` on with the digits and letters that search compares.
fn unify(start: usize, out: &mut String) {
    let unified = |c: char| match c {
        c if is_ignorable(c) || is_apostrophe(c) => None,
        c => Some(decimal_digit(c).or(arabic_letter(c)).unwrap_or(c)),
    };
    if out[start..].chars().all(|c| unified(c) == Some(c)) {
        return;
    }
    let folded = out.split_off(start);
    out.extend(folded.chars().filter_map(unified));
}

/// A decimal digit of any script as ASCII. Unicode keeps the ten of a script together and in order,
/// and their zero at a code that ends in 0 or 6 (in hexadecimal).
fn decimal_digit(c: char) -> Option<char> {
    let categories = CodePointMapData::<GeneralCategory>::new();
    let is_digit = |code| categories.get32(code) == GeneralCategory::DecimalNumber;
    if c.is_ascii() || !is_digit(u32::from(c)) {
        return None;
    }
    let row = u32::from(c) & !0xF;
    let zero = if is_digit(row) { row } else { row + 6 };
    char::from_digit(u32::from(c).checked_sub(zero)?, 10)
}

/// Letters of the Arabic script that keyboards of different languages write for each other, as the
/// root search collation of CLDR has them.
fn arabic_letter(c: char) -> Option<char> {
    Some(match c {
        '\u{0671}' => '\u{0627}',
        '\u{0649}' | '\u{06CC}' | '\u{06D0}' | '\u{06D2}' => '\u{064A}',
        '\u{06A9}' | '\u{06AA}' => '\u{0643}',
        '\u{0629}' | '\u{06BE}' | '\u{06C1}' | '\u{06C3}' | '\u{06D5}' => '\u{0647}',
        _ => return None,
    })
}

/// A character of a dense script, with its marks, in its composed form: there, marks make other
/// letters. `next` is the character that follows.
pub fn cluster_into(cluster: &str, next: Option<char>, out: &mut String) {
    let mut chars = cluster.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if is_plain_dense(c) => out.push(c),
        _ => out.extend(
            cluster
                .chars()
                .map(|c| sara_am(c).map_or(c, |(_, vowel)| vowel))
                .filter(|&c| !is_ignorable(c) && !is_nikhahit(c))
                .nfkc(),
        ),
    }
    // SARA AM is a mark over this character and a vowel after it, whichever way it is written.
    let composed = next.and_then(sara_am).map(|(mark, _)| mark);
    out.extend(composed.or(cluster.chars().find(|&c| is_nikhahit(c))));
}

/// An emoji without its skin tone and form, or a flag.
pub fn emoji_into(emoji: &str, out: &mut String) {
    let mut chars = emoji.chars();
    out.extend(chars.next());
    out.extend(chars.next().filter(|&c| is_regional(c)));
}

/// The mark and the vowel of which a Thai or Lao SARA AM is composed.
fn sara_am(c: char) -> Option<(char, char)> {
    match c {
        '\u{0E33}' => Some(('\u{0E4D}', '\u{0E32}')),
        '\u{0EB3}' => Some(('\u{0ECD}', '\u{0EB2}')),
        _ => None,
    }
}

fn is_nikhahit(c: char) -> bool {
    matches!(c, '\u{0E4D}' | '\u{0ECD}')
}

/// `word` in lower case and composed (NFC), without invisible characters: as dictionaries have it.
pub fn lower_into(word: &str, out: &mut String) {
    let visible = word.chars().filter(|&c| !is_ignorable(c));
    out.extend(visible.nfc().flat_map(char::to_lowercase));
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
static ALPHABETS: LazyLock<Vec<Short>> = LazyLock::new(|| alphabets(char_into));

/// The same for search.
static SEARCH_ALPHABETS: LazyLock<Vec<Short>> = LazyLock::new(|| alphabets(search_char_into));

fn alphabets(fold: fn(char, &mut String)) -> Vec<Short> {
    let mut folded = String::new();
    (0..0x590)
        .map(|code| {
            folded.clear();
            if let Some(c) = char::from_u32(code) {
                fold(c, &mut folded);
            }
            Short::new(&folded)
        })
        .collect()
}

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
