//! A long text in passages, so that showing the place of a match costs the same in a note and in
//! a book: the index knows at which word the match is, and this knows which passage has that word,
//! and on which page the passage begins.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::extract::PAGE_BREAK;
use crate::library::text::{positions, splits_word};

/// What begins the bytes of passages with pages. Those without begin with 0, so that what earlier
/// releases wrote is still read.
const WITH_PAGES: u32 = u32::MAX;

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

/// For each passage, the position in the whole text of the first word that begins in it; and the
/// page on which it begins, counted from 1, if the text has more than one.
///
/// Invariant: words start with 0 and pages with 1 unless empty, and neither ever decreases; there
/// are as many pages as words, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passages {
    first_words: Vec<u32>,
    pages: Vec<u32>,
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
    let pages = pages(text, &ranges);
    Split {
        ranges,
        passages: Passages { first_words, pages },
        words: u64::from(word),
    }
}

fn pages(text: &str, ranges: &[Range<usize>]) -> Vec<u32> {
    if !text.contains(PAGE_BREAK) {
        return Vec::new();
    }
    let mut page = 1;
    let begins = ranges.iter().map(|range| {
        let begun = page;
        page += breaks(&text[range.clone()]);
        begun
    });
    begins.collect()
}

fn breaks(text: &str) -> u32 {
    u32::try_from(text.matches(PAGE_BREAK).count()).unwrap_or(u32::MAX)
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

    pub fn has_pages(&self) -> bool {
        !self.pages.is_empty()
    }

    /// The passages that hold something of a page, and the page on which the first of them begins.
    pub fn of_page(&self, page: u32) -> (Range<u32>, u32) {
        let before = self.pages.partition_point(|&begun| begun < page);
        let first = before.saturating_sub(1);
        let after = self.pages.partition_point(|&begun| begun <= page);
        let begins = self.pages.get(first).copied().unwrap_or(1);
        (first as u32..after.max(first + 1) as u32, begins)
    }

    /// The page on which a passage goes on behind `before`, which is its beginning.
    pub fn page(&self, passage: u32, before: &str) -> Option<u32> {
        let begins = self.pages.get(passage as usize)?;
        Some(begins.saturating_add(breaks(before)))
    }

    /// Little-endian 32-bit numbers: the first word of each passage; where there are pages, all
    /// ones, then the words, then the page of each.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mark = (!self.pages.is_empty()).then_some(&WITH_PAGES);
        let numbers = mark.into_iter().chain(&self.first_words).chain(&self.pages);
        numbers.flat_map(|number| number.to_le_bytes()).collect()
    }

    /// # Errors
    /// [`Kind::Damaged`](crate::error::Kind::Damaged) if these are not the bytes of [`to_bytes`](Self::to_bytes).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = || {
            Error::damaged(format!(
                "the {} bytes that say where a text's passages begin are not rising lists of 32-bit numbers",
                bytes.len()
            ))
        };
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(damaged());
        }
        let mut first_words: Vec<u32> = numbers
            .iter()
            .map(|number| u32::from_le_bytes(*number))
            .collect();
        let mut pages = Vec::new();
        if first_words.first() == Some(&WITH_PAGES) {
            first_words.remove(0);
            if first_words.is_empty() || !first_words.len().is_multiple_of(2) {
                return Err(damaged());
            }
            pages = first_words.split_off(first_words.len() / 2);
        }
        let rises = |list: &[u32], from| {
            list.is_sorted() && list.first().is_none_or(|&first| first == from)
        };
        if !rises(&first_words, 0) || !rises(&pages, 1) {
            return Err(damaged());
        }
        Ok(Self { first_words, pages })
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
    fn a_passage_knows_its_page() {
        let page = |n: usize| format!("page {n} {}", "with words on it ".repeat(n * 100));
        let text: String = (1..=30).map(page).collect::<Vec<_>>().join("\u{c}");
        let split = check(&text);
        for n in 1..=30 {
            let at = text.find(&format!("page {n} ")).unwrap();
            let ranges = &split.ranges;
            let number = ranges.iter().position(|range| range.contains(&at)).unwrap();
            let before = &text[ranges[number].start..at];
            assert_eq!(split.passages.page(number as u32, before), Some(n as u32));
        }
        assert!(split.ranges.len() > 30);
        assert_eq!(split.passages.page(split.ranges.len() as u32, ""), None);
        assert_eq!(check("no pages").passages.page(0, "no"), None);
        assert_eq!(check("\u{c}").passages.page(0, "\u{c}"), Some(2));
    }

    #[test]
    fn what_releases_before_pages_wrote_is_read() {
        let old = [0, 0, 0, 0, 7, 0, 0, 0];
        let read = Passages::from_bytes(&old).unwrap();
        assert_eq!(
            (read.len(), read.locate(8), read.page(1, "")),
            (2, Some((1, 1)), None)
        );
        assert_eq!(read.to_bytes(), old);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let numbers =
            |list: &[u32]| -> Vec<u8> { list.iter().flat_map(|n| n.to_le_bytes()).collect() };
        let mark = WITH_PAGES;
        for bad in [
            vec![0, 0, 0],
            numbers(&[1]),
            numbers(&[0, 5, 4]),
            numbers(&[mark]),
            numbers(&[mark, 0]),
            numbers(&[mark, 0, 5, 1]),
            numbers(&[mark, 0, 5, 0, 1]),
            numbers(&[mark, 0, 5, 2, 1]),
            numbers(&[mark, 1, 5, 1, 1]),
        ] {
            assert!(Passages::from_bytes(&bad).is_err(), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn passages_cover_any_text(text in "(\\PC{0,40}[ \u{c}]?){0,40}", times in 1_usize..60) {
            check(&text.repeat(times));
        }
    }
}
