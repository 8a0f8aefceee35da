//! English stems (Snowball, "Porter 2"), remembered, because a few thousand words make up most of any text.

use rust_stemmers::{Algorithm, Stemmer};

/// Longest word that is remembered, and the bytes that a remembered word takes.
const REMEMBERED_BYTES: usize = 16;
const SLOTS: usize = 16_384;
/// Longer than any English word worth stemming.
const MAX_STEMMED_BYTES: usize = 40;

/// A stemmer with a direct-mapped cache of 540 KB, which a clone does not share and which is
/// allocated at first use.
pub struct Stems {
    /// Words that begin otherwise are left without a stem. A stem begins as its word does, so
    /// whoever looks for a few stems need not have all others made. So few are not worth a cache.
    beginnings: Option<Vec<Beginning>>,
    stemmer: Stemmer,
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

impl Default for Stems {
    fn default() -> Self {
        Self {
            beginnings: None,
            stemmer: Stemmer::create(Algorithm::English),
            slots: Vec::new(),
            long: String::new(),
        }
    }
}

impl Clone for Stems {
    fn clone(&self) -> Self {
        Self {
            beginnings: self.beginnings.clone(),
            ..Self::default()
        }
    }
}

impl Stems {
    /// Only for these stems, and those that begin like them.
    pub fn beginning_as<'a>(stems: impl Iterator<Item = &'a str>) -> Self {
        let mut beginnings: Vec<_> = stems.filter_map(beginning).collect();
        beginnings.sort_unstable();
        beginnings.dedup();
        Self {
            beginnings: Some(beginnings),
            ..Self::default()
        }
    }

    fn is_wanted(&self, word: &str) -> bool {
        let Some(beginnings) = &self.beginnings else {
            return true;
        };
        beginning(word).is_some_and(|word| beginnings.iter().any(|&stem| may_begin(stem, word)))
    }

    /// The stem of a folded word, if it is a word of plain letters whose stem differs.
    pub fn stem(&mut self, word: &str) -> Option<&str> {
        if !self.is_wanted(word) || !has_stem(word) {
            return None;
        }
        if word.len() > REMEMBERED_BYTES || self.beginnings.is_some() {
            self.long.clear();
            self.long.push_str(&self.stemmer.stem(word));
            return (self.long != word).then_some(self.long.as_str());
        }
        let mut key = [0; REMEMBERED_BYTES];
        key[..word.len()].copy_from_slice(word.as_bytes());
        let place = place_of(&key);
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::EMPTY);
        }
        if self.slots[place].word != key {
            self.slots[place] = Slot::new(key, word, &self.stemmer.stem(word));
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

/// The first two letters, of which stemming changes none but a `y` into an `i`, or back. There
/// are stems of a single letter (`oeds` becomes `o`), with a zero as their second.
type Beginning = [u8; 2];

fn beginning(word: &str) -> Option<Beginning> {
    let bytes = word.as_bytes();
    let second = bytes.get(1).copied().unwrap_or_default();
    Some([*bytes.first()?, if second == b'y' { b'i' } else { second }])
}

fn may_begin(stem: Beginning, word: Beginning) -> bool {
    stem[0] == word[0] && (stem[1] == word[1] || stem[1] == 0)
}

/// The stem of one word, without a cache; see [`Stems::stem`].
pub fn once(word: &str) -> Option<String> {
    if !has_stem(word) {
        return None;
    }
    let stem = Stemmer::create(Algorithm::English).stem(word).into_owned();
    (stem != word).then_some(stem)
}

fn has_stem(word: &str) -> bool {
    (3..=MAX_STEMMED_BYTES).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_lowercase())
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

    fn begins_alike(stem: &str, word: &str) -> bool {
        beginning(stem).is_none_or(|stem| may_begin(stem, beginning(word).unwrap()))
    }

    #[test]
    fn a_stem_begins_as_its_word_does_also_where_the_rules_have_exceptions() {
        let mut all = Stems::default();
        for word in [
            "skis",
            "skies",
            "dying",
            "lying",
            "tying",
            "idly",
            "gently",
            "ugly",
            "early",
            "only",
            "singly",
            "yielding",
            "youth",
            "eyes",
            "universities",
            "running",
            "dry",
            "cries",
            "by-and-by",
            "ied",
            "eyed",
            "oyly",
        ] {
            let stem = all.stem(word).unwrap_or(word).to_owned();
            assert!(begins_alike(&stem, word), "{word} became {stem}");
            let mut some = Stems::beginning_as([stem.as_str()].into_iter());
            assert_eq!(some.stem(word).unwrap_or(word), stem);
            let mut others = Stems::beginning_as(["quarter"].into_iter());
            assert_eq!(others.stem(word), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_rule_changes_how_a_word_begins(word in "[a-z]{3,12}", end in "(s|es|ies|ied|ed|ing|y|ly|e|ness)") {
            let word = format!("{word}{end}");
            let stem = once(&word).unwrap_or_else(|| word.clone());
            proptest::prop_assert!(begins_alike(&stem, &word), "{word} became {stem}");
        }
    }
}
