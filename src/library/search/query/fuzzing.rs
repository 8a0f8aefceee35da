//! What must hold of every query.

use super::{Filter, Form, MAX_DEPTH, MAX_NOTES, MAX_TERMS, MAX_WORDS, Node, Parsed, Text};
use crate::library::Millis;

/// 2026-03-09T12:00:00Z.
const NOW: Millis = 1_773_057_600_000;
/// Levels of a tree: each group may be excluded, be all of several, and be one of several.
const MOST_LEVELS: usize = 3 * (MAX_DEPTH + 1) + 1;
/// A sentence that quotes a little of what was typed.
const MOST_NOTE_BYTES: usize = 600;
/// Of one term said back, with what stands around it.
const MOST_TERM_BYTES: usize = 400;

/// Any string is a query: bounded in all respects, and every word of it still where it was typed.
pub fn query(data: &[u8]) {
    let typed = String::from_utf8_lossy(data);
    let parsed = super::parse(&typed, NOW);
    check(&typed, &parsed);

    let unfinished = super::parse_unfinished(&typed, NOW);
    check(&typed, &unfinished);
    assert_eq!(parsed.notes, unfinished.notes);
    let differing = differing_forms(parsed.root.as_ref(), unfinished.root.as_ref());
    assert!(differing <= 1, "more than the last word is unfinished");
}

fn check(typed: &str, parsed: &Parsed) {
    assert!(parsed.notes.len() <= MAX_NOTES);
    for note in &parsed.notes {
        assert!(note.len() <= MOST_NOTE_BYTES, "{note:?} is no sentence");
    }
    assert!(!parsed.wants_all);
    assert!(parsed.read_as.len() <= MAX_TERMS * MOST_TERM_BYTES);
    let Some(root) = &parsed.root else {
        assert_eq!(parsed.read_as, "nothing");
        assert!(
            !parsed.notes.is_empty(),
            "nobody is told why nothing is found"
        );
        return;
    };
    let mut walk = Walk {
        typed,
        terms: 0,
        words: 0,
        at: 0,
    };
    walk.node(root, MOST_LEVELS);
    assert!(walk.terms <= MAX_TERMS);
    assert!(walk.words <= MAX_WORDS);
}

/// A way through a tree, in the order in which it was typed.
struct Walk<'a> {
    typed: &'a str,
    terms: usize,
    words: usize,
    /// Where the last text ended.
    at: usize,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, levels: usize) {
        assert!(levels > 0, "the tree is too deep");
        match node {
            Node::Text(text) => self.text(text),
            Node::Filter(filter) => {
                self.terms += 1;
                self.words += 1;
                check_filter(filter);
            }
            Node::Not(inner) => {
                assert!(!matches!(**inner, Node::Not(_)), "not not is nothing");
                self.node(inner, levels - 1);
            }
            Node::All(nodes) | Node::Any(nodes) => {
                assert!(nodes.len() > 1, "a list of one says nothing");
                for node in nodes {
                    self.node(node, levels - 1);
                }
            }
        }
    }

    fn text(&mut self, text: &Text) {
        self.terms += 1;
        self.words += text.words.len();
        let there = self.typed.get(text.range.clone());
        assert_eq!(there.map(str::trim), Some(text.typed.as_str()));
        assert!(self.at <= text.range.start, "words change their order");
        self.at = text.range.end;

        assert_eq!(text.words.first().map(|(distance, _)| *distance), Some(0));
        assert!(text.words.is_sorted_by_key(|(distance, _)| *distance));
        assert!(text.words.iter().all(|(_, word)| !word.is_empty()));
    }
}

fn check_filter(filter: &Filter) {
    match filter {
        Filter::Folder(named) | Filter::Kind(named) | Filter::Tag(named) => {
            assert!(!named.is_empty(), "{filter:?} asks for nothing");
        }
        Filter::After(_) | Filter::Before(_) | Filter::Larger(_) | Filter::Smaller(_) => {}
    }
}

/// How many texts of two trees of one shape are of another form.
fn differing_forms(one: Option<&Node>, other: Option<&Node>) -> usize {
    match (one, other) {
        (Some(Node::Text(one)), Some(Node::Text(other))) => {
            assert_eq!((&one.words, &one.range), (&other.words, &other.range));
            let differs = one.form != other.form;
            assert!(!differs || (one.form, other.form) == (Form::Word, Form::Prefix));
            usize::from(differs)
        }
        (Some(Node::All(one)), Some(Node::All(other)))
        | (Some(Node::Any(one)), Some(Node::Any(other))) => {
            assert_eq!(one.len(), other.len());
            let pairs = one.iter().zip(other);
            pairs
                .map(|(one, other)| differing_forms(Some(one), Some(other)))
                .sum()
        }
        (one, other) => {
            assert_eq!(one, other);
            0
        }
    }
}
