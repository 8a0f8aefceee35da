//! Stems of words, remembered, because a few thousand words make up most of any text.

use std::collections::HashMap;

use super::fold::{fold_word, lower_into};
use super::language::{Alphabet, Language, Languages};

/// Longest English word that is remembered, and the bytes that a remembered word takes.
const REMEMBERED_BYTES: usize = 16;
const SLOTS: usize = 16_384;
/// Words of other languages that are remembered.
const MAX_REMEMBERED: usize = 16_384;
/// Longer than any word worth stemming, in bytes.
const MAX_STEMMED_BYTES: usize = 80;

/// Stems of the words of one text after another, with caches that a clone does not share and that
/// are allocated at first use: 540 KB for English.
#[derive(Default)]
pub struct Stems {
    /// Stems that are looked for; absent where a text is indexed.
    wanted: Option<Vec<Wanted>>,
    is_forgetful: bool,
    english: English,
    /// Words in lower case behind the code of their language, and their stems, folded; nothing for
    /// "the word itself".
    others: HashMap<String, Option<String>>,
    /// Such a key.
    key: String,
}

/// A stem that is looked for.
#[derive(Clone)]
struct Wanted {
    language: Language,
    beginning: Beginning,
}

/// How the words with a stem begin, as far as stemming leaves that: it changes neither of the first
/// two letters of an English word but a `y` into an `i`, and not the first of most others.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Beginning(Option<char>, Option<char>);

impl Beginning {
    fn from_word(language: Language, word: &str) -> Self {
        let mut letters = word.chars().map(|c| if c == 'y' { 'i' } else { c });
        match language {
            Language::English => Self(letters.next(), letters.next()),
            language if language.has_prefixes() => Self(None, None),
            _ => Self(letters.next(), None),
        }
    }

    /// Stems can be of a single letter.
    fn fits(self, word: Self) -> bool {
        self.0 == word.0 && (self.1.is_none() || self.1 == word.1)
    }
}

impl Clone for Stems {
    fn clone(&self) -> Self {
        Self {
            wanted: self.wanted.clone(),
            is_forgetful: self.is_forgetful,
            ..Self::default()
        }
    }
}

impl Stems {
    /// Only for these stems, and those that begin like them.
    pub fn looking_for<'a>(stems: impl Iterator<Item = (Language, &'a str)>) -> Self {
        let mut wanted: Vec<Wanted> = Vec::new();
        for (language, stem) in stems {
            let beginning = Beginning::from_word(language, stem);
            let is_known =
                |known: &Wanted| known.language == language && known.beginning == beginning;
            if !wanted.iter().any(is_known) {
                wanted.push(Wanted {
                    language,
                    beginning,
                });
            }
        }
        Self {
            wanted: Some(wanted),
            is_forgetful: true,
            ..Self::default()
        }
    }

    /// For a few words.
    pub fn without_memory() -> Self {
        Self {
            is_forgetful: true,
            ..Self::default()
        }
    }

    /// Whether every language that is looked for matters, whatever a text is in.
    pub fn is_looking(&self) -> bool {
        self.wanted.is_some()
    }

    /// Calls `found` with the stems of a word, folded, that differ from it. `word` is as in the text,
    /// and `folded` by [`fold_word`].
    pub fn each(
        &mut self,
        languages: Languages,
        word: &str,
        folded: &str,
        mut found: impl FnMut(Language, &str),
    ) {
        let languages = match &self.wanted {
            None => languages,
            Some(wanted) => {
                let begins = |wanted: &&Wanted| {
                    let word = Beginning::from_word(wanted.language, folded);
                    wanted.beginning.fits(word)
                };
                let languages = wanted.iter().filter(begins).map(|wanted| wanted.language);
                languages.fold(Languages::NONE, Languages::with)
            }
        };
        if languages == Languages::NONE || folded.len() < 3 || word.len() > MAX_STEMMED_BYTES {
            return;
        }
        if is_ascii_word(folded) && languages.contains(Language::English) {
            let stem = match self.is_forgetful {
                true => self.english.stem_once(folded),
                false => self.english.stem(folded),
            };
            if let Some(stem) = stem {
                found(Language::English, stem);
            }
        }
        let Some(alphabet) = Alphabet::from_word(word) else {
            return;
        };
        let others = languages.without(Language::English).of_alphabet(alphabet);
        if others == Languages::NONE {
            return;
        }
        for language in others.iter() {
            self.key.clear();
            self.key.push(language.code());
            lower_into(word, &mut self.key);
            if let Some(stem) = self.remembered(language, folded) {
                found(language, stem);
            }
        }
    }

    fn remembered(&mut self, language: Language, folded: &str) -> Option<&str> {
        if self.others.len() >= MAX_REMEMBERED {
            self.others.clear();
        }
        if !self.others.contains_key(self.key.as_str()) {
            let stem = stem_of(language, &self.key[1..], folded);
            self.others.insert(self.key.clone(), stem);
        }
        self.others.get(self.key.as_str())?.as_deref()
    }
}

/// The stems of a word as it was typed, in each language that has its letters; also those that are
/// the word itself.
pub fn all(word: &str) -> Vec<(Language, String)> {
    let folded = fold_word(word);
    let mut stems = Vec::new();
    if folded.len() < 3 || word.len() > MAX_STEMMED_BYTES {
        return stems;
    }
    if is_ascii_word(&folded) {
        stems.push((Language::English, Language::English.stem(&folded)));
    }
    let Some(alphabet) = Alphabet::from_word(word) else {
        return stems;
    };
    let mut lower = String::new();
    lower_into(word, &mut lower);
    let others = Languages::ALL.of_alphabet(alphabet);
    for language in others.without(Language::English).iter() {
        let stem = stem_of(language, &lower, &folded);
        stems.push((language, stem.unwrap_or_else(|| folded.clone())));
    }
    stems
}

/// The stem of a word in lower case, folded, if it differs from the word folded.
fn stem_of(language: Language, lower: &str, folded: &str) -> Option<String> {
    if !lower.chars().all(|c| !c.is_numeric()) {
        return None;
    }
    let stem = fold_word(&language.stem(lower));
    (!stem.is_empty() && stem != folded).then_some(stem)
}

fn is_ascii_word(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// English stems (Porter 2) with a direct-mapped cache.
#[derive(Default)]
struct English {
    slots: Vec<Slot>,
    long: String,
}

/// A word and its stem, both padded with zeros; an empty stem stands for "the word itself".
#[derive(Clone, Copy)]
struct Slot {
    word: [u8; REMEMBERED_BYTES],
    stem: [u8; REMEMBERED_BYTES],
    stem_len: u8,
}

impl English {
    fn stem_once(&mut self, word: &str) -> Option<&str> {
        self.long.clear();
        self.long.push_str(&Language::English.stem(word));
        (self.long != word).then_some(self.long.as_str())
    }

    /// The stem of a word of plain letters, if it differs.
    fn stem(&mut self, word: &str) -> Option<&str> {
        if word.len() > REMEMBERED_BYTES {
            return self.stem_once(word);
        }
        let mut key = [0; REMEMBERED_BYTES];
        key[..word.len()].copy_from_slice(word.as_bytes());
        let place = place_of(&key);
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::EMPTY);
        }
        if self.slots[place].word != key {
            self.slots[place] = Slot::new(key, word, &Language::English.stem(word));
        }
        let slot = &self.slots[place];
        match slot.stem_len {
            0 => None,
            len => std::str::from_utf8(&slot.stem[..usize::from(len)]).ok(),
        }
    }
}

impl Slot {
    const EMPTY: Self = Self {
        word: [0; REMEMBERED_BYTES],
        stem: [0; REMEMBERED_BYTES],
        stem_len: 0,
    };

    fn new(key: [u8; REMEMBERED_BYTES], word: &str, stem: &str) -> Self {
        let mut slot = Self {
            word: key,
            ..Self::EMPTY
        };
        if stem != word && stem.len() <= REMEMBERED_BYTES {
            slot.stem[..stem.len()].copy_from_slice(stem.as_bytes());
            slot.stem_len = stem.len() as u8;
        }
        slot
    }
}

/// Multiplicative hashing: the high bits of an odd product are well mixed.
fn place_of(key: &[u8; REMEMBERED_BYTES]) -> usize {
    let number = u128::from_le_bytes(*key);
    let mixed = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ ((number >> 64) as u64).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - SLOTS.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(stems: &mut Stems, languages: Languages, word: &str) -> Vec<(Language, String)> {
        let mut found = Vec::new();
        stems.each(languages, word, &fold_word(word), |language, stem| {
            found.push((language, stem.to_owned()));
        });
        found
    }

    proptest::proptest! {
        /// So that whoever looks for a stem need not stem all other words.
        #[test]
        fn no_rule_changes_how_a_word_begins(
            word in "[a-z]{3,12}|[a-zäöåéèç]{3,12}|[а-я]{3,12}|[α-ω]{3,12}",
            end in "(s|es|ies|ied|ed|ing|y|ly|e|ness|en|ungen|ами|ов)",
        ) {
            let word = format!("{word}{end}");
            for (language, stem) in all(&word) {
                let mut some = Stems::looking_for([(language, stem.as_str())].into_iter());
                let mut every = Stems::default();
                let languages = Languages::NONE.with(language);
                proptest::prop_assert_eq!(
                    stems(&mut some, Languages::NONE, &word),
                    stems(&mut every, languages, &word)
                );
            }
        }
    }

    #[test]
    fn words_find_their_stems_in_each_language() {
        for (language, words, stem) in [
            (Language::English, ["runs", "running"], "run"),
            (Language::German, ["Rechnungen", "Rechnung"], "rechnung"),
            (Language::Russian, ["корабли", "корабль"], "корабл"),
            (Language::Spanish, ["canciones", "canción"], "cancion"),
            (
                Language::Portuguese,
                ["informações", "informação"],
                "inform",
            ),
            (Language::French, ["générales", "général"], "general"),
        ] {
            for word in words {
                assert!(all(word).contains(&(language, stem.into())), "{word}");
            }
        }
    }
}
