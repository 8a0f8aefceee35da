//! A long text in passages, so that showing the place of a match costs the same in a note and in
//! a book: the index knows at which word the match is, and this knows which passage has that word.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::library::text::{positions, splits_word};

/// Longest passage, in bytes.
pub const MAX_PASSAGE_BYTES: usize = 8 * 1024;

/// A text cut into passages: byte ranges that follow each other without gaps.
#[derive(Clone, Debug)]
pub struct Split {
    pub ranges: Vec<Range<usize>>,
    pub passages: Passages,
    /// Words in all of the text.
    pub words: u64,
}

/// For each passage, the position in the whole text of the first word that begins in it.
///
/// Invariant: starts with 0 unless empty, and never decreases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passages {
    first_words: Vec<u32>,
}

/// Cuts `text` at white space, or between words, or (within a word longer than a passage)
/// between characters; and counts the words of all of it once.
pub fn split(text: &str) -> Split {
    let mut ranges = Vec::with_capacity(text.len() / MAX_PASSAGE_BYTES + 1);
    let mut start = 0;
    while start < text.len() {
        let end = cut(text, start);
        ranges.push(start..end);
        start = end;
    }
    let mut first_words = Vec::with_capacity(ranges.len());
    let mut word = 0;
    for begin in positions(text) {
        while ranges
            .get(first_words.len())
            .is_some_and(|range| range.start <= begin)
        {
            first_words.push(word);
        }
        word += 1;
    }
    first_words.resize(ranges.len(), word);
    Split {
        ranges,
        passages: Passages { first_words },
        words: u64::from(word),
    }
}

fn cut(text: &str, start: usize) -> usize {
    if text.len() - start <= MAX_PASSAGE_BYTES {
        return text.len();
    }
    let hard = text.floor_char_boundary(start + MAX_PASSAGE_BYTES);
    let passage = &text[start..hard];
    let mut backwards = passage.char_indices().rev();
    if let Some((at, space)) = backwards.find(|(_, c)| c.is_whitespace()) {
        return start + at + space.len_utf8();
    }
    passage
        .char_indices()
        .rev()
        .map(|(at, _)| start + at)
        .find(|&at| at > start && !splits_word(text, at))
        .unwrap_or(hard)
}

impl Passages {
    /// Passages there are; 0 for an empty text.
    pub fn len(&self) -> usize {
        self.first_words.len()
    }

    pub fn is_empty(&self) -> bool {
        self.first_words.is_empty()
    }

    /// The passage in which the word at `position` begins, and that word's position within it.
    pub fn locate(&self, position: u32) -> Option<(u32, u32)> {
        let after = self.first_words.partition_point(|&first| first <= position);
        let passage = after.checked_sub(1)?;
        Some((
            u32::try_from(passage).ok()?,
            position - self.first_words[passage],
        ))
    }

    /// Little-endian 32-bit numbers, one for each passage.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.first_words
            .iter()
            .flat_map(|first| first.to_le_bytes())
            .collect()
    }

    /// # Errors
    /// [`Kind::Damaged`](crate::error::Kind::Damaged) if these are not the bytes of [`to_bytes`](Self::to_bytes).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (numbers, rest) = bytes.as_chunks::<4>();
        let first_words: Vec<u32> = numbers
            .iter()
            .map(|number| u32::from_le_bytes(*number))
            .collect();
        let in_order =
            first_words.is_sorted() && first_words.first().is_none_or(|&first| first == 0);
        if !rest.is_empty() || !in_order {
            return Err(Error::damaged(format!(
                "the {} bytes that say where a text's passages begin are not a rising list of 32-bit numbers from 0",
                bytes.len()
            )));
        }
        Ok(Self { first_words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::text::count;

    fn check(text: &str) -> Split {
        let split = split(text);
        let mut end = 0;
        for range in &split.ranges {
            assert_eq!(range.start, end);
            assert!(range.len() <= MAX_PASSAGE_BYTES && !range.is_empty());
            end = range.end;
        }
        assert_eq!(end, text.len());
        let bytes = split.passages.to_bytes();
        assert_eq!(Passages::from_bytes(&bytes).unwrap(), split.passages);
        split
    }

    #[test]
    fn each_passage_begins_with_its_first_word() {
        for word in ["water ", "wörter, ", "東京都。", "東", "a\u{301} "] {
            let text = word.repeat(40_000 / word.len());
            let split = check(&text);
            let mut counted = 0;
            for (index, range) in split.ranges.iter().enumerate() {
                assert_eq!(
                    split.passages.locate(counted),
                    Some((index as u32, 0)),
                    "{word}"
                );
                counted += count(&text[range.clone()]) as u32;
            }
            assert_eq!(u64::from(counted), count(&text));
        }
    }

    #[test]
    fn a_word_longer_than_a_passage_counts_once() {
        let text = format!("a {} b", "x".repeat(30_000));
        let split = check(&text);
        assert_eq!(split.passages.locate(1), Some((1, 0)));
        assert_eq!(
            split.passages.locate(2).unwrap().0 as usize,
            split.ranges.len() - 1
        );
    }

    #[test]
    fn an_empty_text_has_no_passages() {
        assert!(check("").passages.is_empty());
        assert_eq!(Passages::default().locate(0), None);
        assert_eq!(check("  \n").passages.len(), 1);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for bad in [
            &[0, 0, 0][..],
            &[1, 0, 0, 0],
            &[0, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0],
        ] {
            assert!(Passages::from_bytes(bad).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn passages_cover_any_text(text in "(\\PC{0,40} ?){0,40}", times in 1_usize..60) {
            check(&text.repeat(times));
        }
    }
}
