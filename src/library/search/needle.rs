//! What of a query can be seen in a text, and where it is.

use tantivy::tokenizer::{TokenStream, Tokenizer};

use crate::library::text::{Languages, Sequence, WordTokenizer, is_lone, part_term};

use super::expand::fits;
use super::query::{self, Node, Scope, Text};
use super::rank::{forms, joined_forms};

/// A word or phrase to be found in a text; never without slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    pub scope: Scope,
    pub slots: Vec<Slot>,
}

/// What must stand at one place of a phrase; a single word is a phrase of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Words after the first slot.
    pub offset: u32,
    pub forms: Vec<Form>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    Word(String),
    Prefix(String),
    Pattern(String),
}

/// Where a needle is in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Position of its first word.
    pub position: u32,
    /// Bytes.
    pub from: usize,
    pub to: usize,
}

impl Form {
    fn matches(&self, token: &str) -> bool {
        match self {
            Self::Word(word) => token == word,
            Self::Prefix(prefix) => token.starts_with(prefix.as_str()),
            Self::Pattern(pattern) => fits(pattern, token),
        }
    }
}

/// Everything that a query wants, with stems in these languages; what it excludes is not there to
/// be seen.
pub fn needles(root: Option<&Node>, languages: Languages) -> Vec<Needle> {
    let mut needles = Vec::new();
    if let Some(root) = root {
        gather(root, languages, &mut needles);
    }
    needles
}

fn gather(node: &Node, languages: Languages, needles: &mut Vec<Needle>) {
    match node {
        Node::Text(text) => {
            needles.push(needle(text, languages));
            needles.extend(text.rewritings.iter().map(|words| rewritten(text, words)));
            needles.extend(joined(text, languages));
        }
        Node::All(nodes) | Node::Any(nodes) => {
            let each = |node| gather(node, languages, needles);
            nodes.iter().for_each(each);
        }
        Node::Not(_) | Node::Filter(_) => {}
    }
}

/// Several words as one, in another form.
fn joined(text: &Text, languages: Languages) -> Option<Needle> {
    let forms: Vec<Form> = joined_forms(text, languages).map(Form::Word).collect();
    let slot = Slot { offset: 0, forms };
    (text.words.len() > 1 && !slot.forms.is_empty()).then(|| Needle {
        scope: text.scope,
        slots: vec![slot],
    })
}

fn rewritten(text: &Text, words: &Sequence) -> Needle {
    let slot = |(offset, word): &(u32, String)| Slot {
        offset: *offset,
        forms: vec![Form::Word(word.clone())],
    };
    Needle {
        scope: text.scope,
        slots: words.iter().map(slot).collect(),
    }
}

fn needle(text: &Text, languages: Languages) -> Needle {
    let last = text.words.len() - 1;
    let slots = text
        .words
        .iter()
        .enumerate()
        .map(|(index, (offset, word))| Slot {
            offset: *offset,
            forms: match text.form {
                query::Form::Prefix if last == 0 && !is_lone(word) => {
                    vec![Form::Prefix(word.clone()), Form::Prefix(part_term(word))]
                }
                query::Form::Prefix if index == last => vec![Form::Prefix(word.clone())],
                query::Form::Pattern => vec![Form::Pattern(word.clone())],
                query::Form::Word if last == 0 => {
                    let forms = forms(word, &text.stems, languages);
                    forms.into_iter().map(Form::Word).collect()
                }
                _ => vec![Form::Word(word.clone())],
            },
        })
        .collect();
    Needle {
        scope: text.scope,
        slots,
    }
}

/// A tokenizer that makes no stems but those that the needles may match.
pub fn tokenizer_for(needles: &[Needle]) -> WordTokenizer {
    let forms = needles
        .iter()
        .flat_map(|needle| &needle.slots)
        .flat_map(|slot| &slot.forms);
    WordTokenizer::looking_for(forms.filter_map(|form| match form {
        Form::Word(word) => Some(word.as_str()),
        Form::Prefix(_) | Form::Pattern(_) => None,
    }))
}

/// All places in `text` where a needle is, in order.
pub fn find(text: &str, needles: &[Needle], tokenizer: &mut WordTokenizer) -> Vec<Found> {
    let mut seen: Vec<Vec<Vec<Found>>> = needles
        .iter()
        .map(|needle| vec![Vec::new(); needle.slots.len()])
        .collect();
    let mut stream = tokenizer.token_stream(text);
    while let Some(token) = stream.next() {
        for (needle, slots) in needles.iter().zip(&mut seen) {
            for (slot, places) in needle.slots.iter().zip(slots) {
                if !slot.forms.iter().any(|form| form.matches(&token.text)) {
                    continue;
                }
                let position = token.position as u32;
                if places.last().is_none_or(|last| last.position < position) {
                    let to = visible_end(text, slot, token.offset_from, token.offset_to);
                    places.push(Found {
                        position,
                        from: token.offset_from,
                        to,
                    });
                }
            }
        }
    }
    let mut found: Vec<Found> = needles
        .iter()
        .zip(&seen)
        .flat_map(|(needle, places)| assemble(needle, places))
        .collect();
    found.sort_unstable_by_key(|found| (found.from, found.to));
    found
}

/// A single character of a dense script matches pairs, but only it is meant.
fn visible_end(text: &str, slot: &Slot, from: usize, to: usize) -> usize {
    match slot.forms.as_slice() {
        [Form::Prefix(prefix)] if is_lone(prefix) => {
            from + text[from..].chars().next().map_or(0, char::len_utf8)
        }
        _ => to,
    }
}

/// The places at which every slot of a needle is at its distance.
fn assemble(needle: &Needle, places: &[Vec<Found>]) -> Vec<Found> {
    let Some((first, rest)) = places.split_first() else {
        return Vec::new();
    };
    first
        .iter()
        .filter_map(|start| {
            let mut whole = *start;
            for (slot, places) in needle.slots[1..].iter().zip(rest) {
                let at = places
                    .binary_search_by_key(&(start.position + slot.offset), |found| found.position)
                    .ok()?;
                whole.to = whole.to.max(places[at].to);
            }
            Some(whole)
        })
        .collect()
}
