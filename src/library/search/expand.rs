//! The words of the index that begin with a prefix: as many as are worth having.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::HashMap;

use tantivy::postings::TermInfo;
use tantivy::schema::Field;
use tantivy::termdict::TermStreamer;
use tantivy::{InvertedIndexReader, Searcher, SegmentReader};

use crate::library::text::{AFTER_MARKS, MAX_WORD_BYTES};

/// Words looked at in each segment.
const MAX_SCANNED: usize = 10_000;
/// Words that could be compared with a pattern in place of one that begins with a prefix.
const KEPT_COSTS: usize = 4;
/// Words that one search looks at for its patterns and prefixes, in all fields and segments together.
pub const MAX_COMPARED: usize = 1_000_000;

/// Takes that much off what is left; false, and nothing is taken, if there is less.
pub fn spend(left: &Cell<usize>, amount: usize) -> bool {
    let less = left.get().checked_sub(amount);
    left.set(less.unwrap_or(left.get()));
    less.is_some()
}

/// Words that begin with a prefix.
pub struct Expansion {
    pub words: Vec<String>,
    /// Whether there were more than could be taken.
    pub truncated: bool,
}

/// At most `limit` words of `field` that begin with `prefix`; if there are more, those that
/// are in the most files. `left` are the words that can still be looked at.
pub fn expand(
    searcher: &Searcher,
    field: Field,
    prefix: &str,
    limit: usize,
    left: &Cell<usize>,
) -> tantivy::Result<Expansion> {
    most_common(searcher, limit, |segment, found| {
        scan(segment, field, prefix, left, found)
    })
}

/// At most `limit` words of `field` that fit a pattern, as [`expand`] has those with a prefix. A
/// pattern has a `*` for any letters, or none. `left` are the words that can still be compared.
pub fn expand_pattern(
    searcher: &Searcher,
    field: Field,
    pattern: &str,
    limit: usize,
    left: &Cell<usize>,
) -> tantivy::Result<Expansion> {
    most_common(searcher, limit, |segment, found| {
        scan_pattern(segment, field, pattern, left, found)
    })
}

/// What is found in each segment; the answer to a scan is whether it stopped early.
fn most_common(
    searcher: &Searcher,
    limit: usize,
    scan: impl Fn(&SegmentReader, &mut dyn FnMut(&str, &TermInfo)) -> tantivy::Result<bool>,
) -> tantivy::Result<Expansion> {
    let mut files: HashMap<String, u64> = HashMap::new();
    let mut truncated = false;
    for segment in searcher.segment_readers() {
        truncated |= scan(segment, &mut |word, info| {
            let count = u64::from(info.doc_freq);
            match files.get_mut(word) {
                Some(total) => *total += count,
                None => drop(files.insert(word.to_owned(), count)),
            }
        })?;
    }
    let mut words: Vec<(u64, String)> = files
        .into_iter()
        .map(|(word, count)| (count, word))
        .collect();
    if words.len() > limit {
        truncated = true;
        words.select_nth_unstable_by(limit, |a, b| b.cmp(a));
        words.truncate(limit);
    }
    Ok(Expansion {
        words: words.into_iter().map(|(_, word)| word).collect(),
        truncated,
    })
}

/// Whether a word of `field` begins with `prefix`.
pub fn begins_some(searcher: &Searcher, field: Field, prefix: &str) -> tantivy::Result<bool> {
    for segment in searcher.segment_readers() {
        let inverted = segment.inverted_index(field)?;
        if words(&inverted, prefix)?.advance() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// As [`expand`] for one segment, most common first, ready to have their postings read.
pub fn expand_segment(
    segment: &SegmentReader,
    field: Field,
    prefix: &str,
    limit: usize,
    left: &Cell<usize>,
) -> tantivy::Result<Vec<TermInfo>> {
    most_common_of_segment(limit, |found| scan(segment, field, prefix, left, found))
}

/// As [`expand_segment`], of a pattern.
pub fn expand_pattern_segment(
    segment: &SegmentReader,
    field: Field,
    pattern: &str,
    limit: usize,
    left: &Cell<usize>,
) -> tantivy::Result<Vec<TermInfo>> {
    most_common_of_segment(limit, |found| {
        scan_pattern(segment, field, pattern, left, found)
    })
}

fn most_common_of_segment(
    limit: usize,
    scan: impl FnOnce(&mut dyn FnMut(&str, &TermInfo)) -> tantivy::Result<bool>,
) -> tantivy::Result<Vec<TermInfo>> {
    let mut infos = Vec::new();
    scan(&mut |_, info| infos.push(info.clone()))?;
    infos.sort_by_key(|info| Reverse(info.doc_freq));
    infos.truncate(limit);
    Ok(infos)
}

/// Whether a word fits a pattern; a `*` stands for any letters, or none. The work is at most the
/// product of both lengths.
pub fn fits(pattern: &str, word: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == word;
    };
    let Some(mut word) = word.strip_prefix(head) else {
        return false;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        // The first place leaves the most for the pieces that follow.
        let Some(at) = word.find(piece) else {
            return false;
        };
        word = &word[at + piece.len()..];
    }
    word.ends_with(tail)
}

/// As [`scan`], of a pattern: the words with its beginning are compared with it.
fn scan_pattern(
    segment: &SegmentReader,
    field: Field,
    pattern: &str,
    left: &Cell<usize>,
    found: &mut dyn FnMut(&str, &TermInfo),
) -> tantivy::Result<bool> {
    let inverted = segment.inverted_index(field)?;
    let head = pattern.split('*').next().unwrap_or_default();
    let mut stream = match head.is_empty() {
        true => inverted.terms().range().ge([AFTER_MARKS]).into_stream()?,
        false => words(&inverted, head)?,
    };
    while stream.advance() {
        if !spend(left, 1) {
            return Ok(true);
        }
        if let Ok(word) = std::str::from_utf8(stream.key())
            && fits(pattern, word)
        {
            found(word, stream.value());
        }
    }
    Ok(false)
}

/// Calls `found` with each word and where its postings are; true if it stopped early.
fn scan(
    segment: &SegmentReader,
    field: Field,
    prefix: &str,
    left: &Cell<usize>,
    found: &mut dyn FnMut(&str, &TermInfo),
) -> tantivy::Result<bool> {
    let inverted = segment.inverted_index(field)?;
    let mut stream = words(&inverted, prefix)?;
    let mut scanned = 0;
    while stream.advance() {
        // One that is kept costs several times as much as one that is only compared.
        if scanned == MAX_SCANNED || !spend(left, KEPT_COSTS) {
            return Ok(true);
        }
        scanned += 1;
        if let Ok(word) = std::str::from_utf8(stream.key())
            && word.len() <= MAX_WORD_BYTES
        {
            found(word, stream.value());
        }
    }
    Ok(false)
}

fn words<'a>(inverted: &'a InvertedIndexReader, prefix: &str) -> std::io::Result<TermStreamer<'a>> {
    // The byte 0xFF is in no UTF-8 text: this is above everything that begins with the prefix.
    let mut above = Vec::with_capacity(prefix.len() + 1);
    above.extend_from_slice(prefix.as_bytes());
    above.push(0xFF);
    let range = inverted.terms().range();
    range.ge(prefix).lt(&above).into_stream()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_any_letters() {
        for (pattern, fitting, others) in [
            (
                "inv*ce",
                &["invoice", "invce", "invxcece"][..],
                &["invoices", "inv", "ince"][..],
            ),
            ("*5025", &["5025", "as5025"], &["50251"]),
            ("*a*b*", &["ab", "xaxbx"], &["ba", "aa"]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("*", &["", "x"], &[]),
        ] {
            assert!(fitting.iter().all(|word| fits(pattern, word)), "{pattern}");
            assert!(!others.iter().any(|word| fits(pattern, word)), "{pattern}");
        }
    }
}
