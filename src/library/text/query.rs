//! The words of a query, and other ways to write them.

use std::ops::Range;

use super::compound::{self, Compound};
use super::scan::{Clusters, Run, Runs, Script};
use super::{Language, fold, fold_word, part_term, push_pair, stems, truncate};

/// Words with their distances from the first.
pub type Sequence = Vec<(u32, String)>;

/// What a query asks for: the plain words of `text` with their distances from the first. The
/// lone last character of a run of pairs is left out, because in the index another may follow.
pub fn query_words(text: &str) -> Sequence {
    let mut words = Vec::new();
    let mut position = 0;
    for run in Runs::new(text) {
        match run.script {
            Script::Dense => {
                position = query_pairs(text, &run, position, &mut words);
                continue;
            }
            Script::Spaced => {
                let range = compound::with_sign(text, &run).filter(|range| is_meant(text, range));
                let mut word = fold_word(&text[range.unwrap_or(run.start..run.end)]);
                truncate(&mut word);
                if !word.is_empty() {
                    words.push((position, word));
                }
            }
            Script::Emoji => {
                let mut word = String::new();
                fold::emoji_into(&text[run.start..run.end], &mut word);
                words.push((position, word));
            }
        }
        position += 1;
    }
    from_first(&mut words);
    words
}

/// Whether a dot begins the word of a query, rather than an extension or the next part of an address.
fn is_meant(text: &str, word: &Range<usize>) -> bool {
    let before = text[..word.start].chars().next_back();
    !text[word.start..].starts_with('.') || !before.is_some_and(char::is_alphanumeric)
}

fn from_first(words: &mut Sequence) {
    let first = words.first().map_or(0, |(position, _)| *position);
    for (position, _) in words {
        *position -= first;
    }
}

fn query_pairs(text: &str, run: &Run, start: u32, words: &mut Sequence) -> u32 {
    let mut position = start;
    let mut clusters = Clusters::new(text, run);
    while let Some(cluster) = clusters.next() {
        let next = clusters.peek();
        if next.is_some() || position == start {
            let mut word = String::new();
            push_pair(text, cluster, next, &mut word);
            if !word.is_empty() {
                words.push((position, word));
            }
        }
        position += 1;
    }
    position
}

/// Other ways to write what was typed, if that is one word or is written as one, each a sequence
/// of terms: `email` for `e-mail`, `phone number` for `phoneNumber`, `1234.56` for `1,234.56`,
/// `1.2.3` for `v1.2.3`, `mueller` for `müller`.
pub fn rewritings(typed: &str) -> Vec<Sequence> {
    let mut runs = Runs::new(typed);
    let Some(run) = runs.next().filter(|run| run.script == Script::Spaced) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    match whole_compound(typed, &run) {
        Some(compound) => rewrite_compound(typed, &compound, &mut found),
        None if runs.next().is_none() => rewrite_word(&typed[run.start..run.end], &mut found),
        None => {}
    }
    let plain = query_words(typed);
    found.retain(|words| !words.is_empty() && *words != plain);
    found
}

/// The compound that is all of what was typed.
fn whole_compound(typed: &str, first: &Run) -> Option<Compound> {
    let compound = Compound::from_run(typed, first);
    compound.filter(|all| Runs::from(typed, all.range().end).next().is_none())
}

fn rewrite_compound(typed: &str, compound: &Compound, found: &mut Vec<Sequence>) {
    for word in compound.as_one(typed) {
        found.push(vec![(0, part_term(&word))]);
        found.push(query_words(&word));
    }
    let mut words = query_words(&typed[compound.range()]);
    if let Some(number) = compound.version(typed) {
        found.push(query_words(&typed[number.start..compound.range().end]));
    } else if let Some((_, first)) = words.first_mut()
        && first.bytes().all(|byte| byte.is_ascii_digit())
    {
        *first = part_term(first);
        found.push(words);
    }
}

fn rewrite_word(word: &str, found: &mut Vec<Sequence>) {
    let mut parts = Vec::new();
    compound::parts(word, |part| parts.push(fold_word(&word[part])));
    if parts.len() > 1 {
        found.push((0..).zip(parts).collect());
    }
    if let Some(spelled) = compound::spelled_out(word) {
        found.push(vec![(0, spelled)]);
    }
}

/// The term that only words with the same umlauts have, if a word was typed with some.
pub fn umlaut_term(typed: &str) -> Option<String> {
    let (range, _) = spaced_words(typed).next()?;
    compound::spelled_out(&typed[range]).map(|spelled| part_term(&spelled))
}

/// The stems of a single word as it was typed, `folded` if it is nothing but that word; of `C++`
/// there are none.
pub fn stems_as_typed(typed: &str, folded: &str) -> Vec<(Language, String)> {
    let words = spaced_words(typed).find(|(_, word)| word == folded);
    words.map_or_else(Vec::new, |(range, _)| stems(&typed[range]))
}

/// The stems of several words that are written as one, too: of `email` for `e-mails`.
pub fn joined_stems(typed: &str) -> Vec<(Language, String)> {
    let run = Runs::new(typed).next();
    let run = run.filter(|run| run.script == Script::Spaced);
    let whole = run.and_then(|run| whole_compound(typed, &run));
    let words = whole.map_or_else(Vec::new, |whole| whole.as_one(typed));
    words.iter().flat_map(|word| stems(word)).collect()
}

/// The words of scripts with spaces: where each stands, and how it reads when folded.
pub fn spaced_words(text: &str) -> impl Iterator<Item = (Range<usize>, String)> {
    let spaced = Runs::new(text).filter(|run| run.script == Script::Spaced);
    spaced.map(|run| (run.start..run.end, fold_word(&text[run.start..run.end])))
}

/// Whether a query word is a single character of a script without spaces, which the index
/// knows only as the beginning of pairs and as the end of a run.
pub fn is_lone(word: &str) -> bool {
    let mut runs = Runs::new(word);
    let Some(run) = runs.next() else { return false };
    run.script == Script::Dense && Clusters::new(word, &run).count() == 1
}
