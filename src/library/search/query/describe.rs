//! A query said back in words.

use super::{Filter, Form, Node, Scope, Text};
use crate::library::search::values;
use crate::library::text::PART_MARK;

const SHOWN_CHARS: usize = 60;
const SHOWN_REWRITINGS: usize = 2;

/// Such as `all of: harbour, phrase "quiet water"; not: crane; in folder reports`.
pub fn query(root: Option<&Node>) -> String {
    let Some(root) = root else {
        return "nothing".to_owned();
    };
    let nodes = match root {
        Node::All(nodes) => nodes.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut wanted = Vec::new();
    let mut unwanted = Vec::new();
    let mut clauses = Vec::new();
    for node in nodes {
        match node {
            Node::Filter(condition) => clauses.push(filter(condition)),
            Node::Not(inner) => unwanted.push(nested(inner)),
            other => wanted.push(nested(other)),
        }
    }
    let mut parts = vec![match wanted.len() {
        0 => "everything".to_owned(),
        1 => wanted.remove(0),
        _ => format!("all of: {}", wanted.join(", ")),
    }];
    if !unwanted.is_empty() {
        parts.push(format!("not: {}", unwanted.join(", ")));
    }
    parts.extend(clauses);
    parts.join("; ")
}

fn nested(node: &Node) -> String {
    let list = |nodes: &[Node]| nodes.iter().map(nested).collect::<Vec<_>>().join(", ");
    match node {
        Node::Text(words) => text(words),
        Node::Filter(condition) => filter(condition),
        Node::Not(inner) => format!("not {}", nested(inner)),
        Node::All(nodes) => format!("all of ({})", list(nodes)),
        Node::Any(nodes) => format!("any of ({})", list(nodes)),
    }
}

fn text(text: &Text) -> String {
    let typed = shortened(&text.typed);
    let mut what = match text.form {
        Form::Word if text.words.len() == 1 => typed,
        Form::Word | Form::Phrase => format!("phrase \"{typed}\""),
        Form::Prefix if text.words.len() == 1 => format!("words beginning with {typed}"),
        Form::Prefix => format!("phrase beginning with \"{typed}\""),
        Form::Pattern => {
            let pattern = text.words.first().map_or(typed.as_str(), |(_, word)| word);
            format!("words like {}", shortened(pattern))
        }
    };
    for other in rewritten(text) {
        what.push_str(" or ");
        what.push_str(&other);
    }
    match text.scope {
        Scope::Anywhere => what,
        Scope::Name => format!("{what} in the name"),
    }
}

/// Other ways to write a text that are searched for too, each once.
fn rewritten(text: &Text) -> Vec<String> {
    let mut others: Vec<String> = Vec::new();
    for words in &text.rewritings {
        let words: Vec<&str> = words
            .iter()
            .map(|(_, word)| word.trim_start_matches(PART_MARK))
            .collect();
        let other = match words.as_slice() {
            [word] => shortened(word),
            words => format!("\"{}\"", shortened(&words.join(" "))),
        };
        let is_typed = text.words.iter().map(|(_, word)| word.as_str()).eq(words);
        let is_new = !others.contains(&other) && !is_typed;
        if others.len() < SHOWN_REWRITINGS && is_new {
            others.push(other);
        }
    }
    others
}

fn filter(filter: &Filter) -> String {
    match filter {
        Filter::Folder(folder) => format!("in folder {}", shortened(folder)),
        Filter::Kind(kind) => format!("of type {}", shortened(kind)),
        Filter::Tag(tag) => format!("tagged {}", shortened(tag)),
        Filter::After(instant) => format!("changed since {}", values::date(*instant)),
        Filter::Before(instant) => format!("changed before {}", values::date(*instant)),
        Filter::Larger(bytes) => format!("larger than {}", values::in_words(*bytes)),
        Filter::Smaller(bytes) => format!("smaller than {}", values::in_words(*bytes)),
    }
}

/// The beginning of what a person typed, short enough to be quoted back on one line.
pub fn shortened(typed: &str) -> String {
    match typed.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &typed[..end]),
        None => typed.to_owned(),
    }
}
