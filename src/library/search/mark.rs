//! Matches made visible: text becomes HTML in which nothing but `<mark>` is markup.

use std::ops::Range;

use crate::library::text::{Languages, WordTokenizer, splits_word};

use super::Parsed;
use super::needle::{Found, Needle, find, needles, tokenizer_for};

/// Characters that a snippet should have.
const SNIPPET_CHARS: usize = 200;

/// A file's name, or another short text, with what the query wants in it marked.
pub fn highlight(parsed: &Parsed, text: &str) -> String {
    let needles = needles(parsed.root.as_ref(), Languages::ALL);
    let found = find(text, &needles, &mut tokenizer_for(&needles));
    render(text, 0..text.len(), &found)
}

/// Marks what a query wants in parts of a text.
pub struct Marker {
    needles: Vec<Needle>,
    tokenizer: WordTokenizer,
}

impl Marker {
    pub fn new(parsed: &Parsed) -> Self {
        let needles = needles(parsed.root.as_ref(), Languages::ALL);
        Self {
            tokenizer: tokenizer_for(&needles),
            needles,
        }
    }

    /// A part as it stands, lines kept.
    pub fn mark(&mut self, text: &str) -> String {
        let found = match self.needles.is_empty() {
            true => Vec::new(),
            false => find(text, &self.needles, &mut self.tokenizer),
        };
        let mut html = String::with_capacity(text.len() + text.len() / 8);
        let mut at = 0;
        for mark in merged(&found) {
            escape_lines(&text[at..mark.start], &mut html);
            html.push_str("<mark>");
            escape_lines(&text[mark.clone()], &mut html);
            html.push_str("</mark>");
            at = mark.end;
        }
        escape_lines(&text[at..], &mut html);
        html
    }
}

/// One part of a text as it stands, lines kept, with what the query wants in it marked.
pub fn mark_text(parsed: &Parsed, text: &str) -> String {
    Marker::new(parsed).mark(text)
}

fn escape_lines(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '\n' | '\t' => html.push(c),
            c if c.is_control() => html.push(' '),
            c if is_direction(c) => html.push('\u{fffd}'),
            c => push_inert(c, html),
        }
    }
}

/// The part of `text` as HTML: escaped, white space collapsed, matches within it marked.
pub fn render(text: &str, part: Range<usize>, found: &[Found]) -> String {
    let mut html = String::with_capacity(part.len() + 64);
    let mut at = part.start;
    for mark in merged(found) {
        let (from, to) = (mark.start.max(at), mark.end.min(part.end));
        if from >= to {
            continue;
        }
        escape(&text[at..from], &mut html);
        html.push_str("<mark>");
        escape(&text[from..to], &mut html);
        html.push_str("</mark>");
        at = to;
    }
    escape(&text[at..part.end], &mut html);
    html
}

/// `found` is sorted by its beginnings; what touches is one mark.
fn merged(found: &[Found]) -> Vec<Range<usize>> {
    let mut marks: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for place in found {
        match marks.last_mut() {
            Some(last) if place.from <= last.end => last.end = last.end.max(place.to),
            _ => marks.push(place.from..place.to),
        }
    }
    marks
}

fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            c if c.is_whitespace() || c.is_control() || is_direction(c) => {
                if !html.ends_with(' ') {
                    html.push(' ');
                }
            }
            c => push_inert(c, html),
        }
    }
}

/// A character as itself, in text and in attributes.
fn push_inert(c: char, html: &mut String) {
    match c {
        '&' => html.push_str("&amp;"),
        '<' => html.push_str("&lt;"),
        '>' => html.push_str("&gt;"),
        '"' => html.push_str("&quot;"),
        '\'' => html.push_str("&#39;"),
        c => html.push(c),
    }
}

/// Controls of writing direction, with which a text could rearrange the page around it.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// About [`SNIPPET_CHARS`] characters of `text` with `core` in their middle, cut between words.
pub fn surroundings(text: &str, core: Range<usize>) -> Range<usize> {
    let core = core.start..text.floor_char_boundary(core.end.min(core.start + 4 * SNIPPET_CHARS));
    let spare = SNIPPET_CHARS.saturating_sub(text[core.clone()].chars().count());
    let before = back(text, core.start, spare / 2);
    let used = text[before..core.start].chars().count();
    let after = forth(text, core.end, spare - used);
    let unused = spare - used - text[core.end..after].chars().count();
    let before = if after == text.len() {
        back(text, before, unused)
    } else {
        before
    };
    tidy_start(text, before, core.start)..tidy_end(text, core.end, after)
}

fn back(text: &str, from: usize, chars: usize) -> usize {
    match chars {
        0 => from,
        _ => text[..from]
            .char_indices()
            .rev()
            .nth(chars - 1)
            .map_or(0, |(at, _)| at),
    }
}

fn forth(text: &str, from: usize, chars: usize) -> usize {
    text[from..]
        .char_indices()
        .nth(chars)
        .map_or(text.len(), |(at, _)| from + at)
}

fn tidy_start(text: &str, cut: usize, core: usize) -> usize {
    if !splits_word(text, cut) {
        return cut;
    }
    let next = text[cut..core].char_indices().map(|(at, _)| cut + at);
    next.into_iter()
        .find(|&at| !splits_word(text, at))
        .unwrap_or(core)
}

fn tidy_end(text: &str, core: usize, cut: usize) -> usize {
    let mut backwards = text[core..cut]
        .char_indices()
        .rev()
        .map(|(at, _)| core + at);
    if !splits_word(text, cut) {
        return cut;
    }
    backwards.find(|&at| !splits_word(text, at)).unwrap_or(core)
}
