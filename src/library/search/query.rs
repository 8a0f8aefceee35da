//! The query language: any string is a query, and each says how it was read.
//!
//! Words are ANDed; `OR` joins its two neighbours and binds tighter, so `invoice 2025 OR 2026`
//! means what it says; `-` or `NOT` excludes; parentheses group. What cannot be understood is
//! taken as plain words, with a note.
//!
//! Invariant: work and depth are bounded whatever comes in. Groups are kept on a stack of our
//! own, and nothing deeper than [`MAX_DEPTH`] is ever built, so that walking or dropping a tree
//! cannot overflow the thread's stack.

mod describe;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod lex;

use std::ops::Range;

use crate::library::Millis;
use crate::library::text::{self, Language, MAX_WORD_BYTES, Sequence, fold, fold_word};

use super::values;
pub use describe::shortened;
use lex::{Item, Lexer, Piece};

/// Bytes of a query that are considered.
pub const MAX_QUERY_BYTES: usize = 4096;
/// Terms that are considered.
const MAX_TERMS: usize = 64;
/// Words in all terms together.
const MAX_WORDS: usize = 128;
/// Levels of parentheses that are considered.
const MAX_DEPTH: usize = 20;
const MAX_NOTES: usize = 8;
/// Stars in one word.
const MAX_STARS: usize = 8;

/// A query as it was understood.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// Absent if nothing is left to search for: then nothing is found, or everything.
    pub root: Option<Node>,
    /// Whether every file is wanted that what is asked besides the query lets through.
    pub wants_all: bool,
    /// How it was read, in words.
    pub read_as: String,
    /// What was not understood, or not wholly considered, one sentence each.
    pub notes: Vec<String>,
}

impl Parsed {
    /// Whether one of several words is enough.
    pub fn has_choice(&self) -> bool {
        fn has_choice(node: &Node) -> bool {
            match node {
                Node::Any(_) => true,
                Node::All(nodes) => nodes.iter().any(has_choice),
                Node::Text(_) | Node::Filter(_) | Node::Not(_) => false,
            }
        }
        self.root.as_ref().is_some_and(has_choice)
    }

    /// No words, and no conditions among them.
    pub fn everything() -> Self {
        Self {
            wants_all: true,
            read_as: "everything".to_owned(),
            ..Self::default()
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Text(Text),
    Filter(Filter),
    Not(Box<Node>),
    /// Never empty.
    All(Vec<Node>),
    /// Never empty.
    Any(Vec<Node>),
}

/// Words to look for.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    pub scope: Scope,
    pub form: Form,
    /// Folded words with their distances from the first; never empty. Of a pattern it is one, with
    /// a `*` for any letters.
    pub words: Sequence,
    /// Other ways to write them, each a sequence of terms, of what is not quoted.
    pub rewritings: Vec<Sequence>,
    /// A term that a file has where it has a single word with the umlauts that were typed.
    pub umlaut: Option<String>,
    /// The stems of a single word in each language that has its letters.
    pub stems: Vec<(Language, String)>,
    /// As it was typed.
    pub typed: String,
    /// Where that stands in the query, in bytes; blanks around it included.
    pub range: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Name, folders, tags and body.
    Anywhere,
    Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One word and those with its stem; or several that were typed as one, such as `foo_bar`,
    /// which are a phrase.
    Word,
    /// Exactly these words in this order.
    Phrase,
    /// As a phrase, but the last word is only the beginning of one.
    Prefix,
    /// Words that fit a pattern.
    Pattern,
}

/// A condition on a file that does not score.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Folded path, or the folded name of a folder at any depth.
    Folder(String),
    /// Folded media type, class, subtype or extension.
    Kind(String),
    /// Folded.
    Tag(String),
    /// Changed at this time or later.
    After(Millis),
    /// Changed before this time.
    Before(Millis),
    /// More bytes than this.
    Larger(u64),
    /// Fewer bytes than this.
    Smaller(u64),
}

impl Filter {
    /// Whether nothing was left of what was typed once it was folded, as of `type:/`.
    fn names_nothing(&self) -> bool {
        match self {
            Self::Folder(named) | Self::Kind(named) | Self::Tag(named) => named.is_empty(),
            Self::After(_) | Self::Before(_) | Self::Larger(_) | Self::Smaller(_) => false,
        }
    }
}

/// Understands a query; `now` is what times such as `7d` are counted from.
pub fn parse(query: &str, now: Millis) -> Parsed {
    let considered = &query[..query.floor_char_boundary(MAX_QUERY_BYTES)];
    let mut parser = Parser::new(now);
    if considered.len() < query.len() {
        parser.note(format!(
            "The query is {} bytes long; only the first {MAX_QUERY_BYTES} were considered.",
            query.len()
        ));
    }
    let mut lexer = Lexer::new(considered);
    while let Some(piece) = lexer.next() {
        if !parser.take(piece) {
            break;
        }
    }
    if let Some(note) = lexer.unclosed_quote() {
        parser.note(note);
    }
    parser.finish()
}

/// As [`parse`], of a query that is still being typed: its last word may be the beginning of one.
pub fn parse_unfinished(query: &str, now: Millis) -> Parsed {
    let mut parsed = parse(query, now);
    let last = parsed.root.as_mut().and_then(last_text);
    if let Some(text) = last
        && text.form == Form::Word
        && text.words.len() == 1
        && text.range.end == query.len()
        && text.typed.chars().nth(1).is_some()
    {
        text.form = Form::Prefix;
        parsed.read_as = describe::query(parsed.root.as_ref());
    }
    parsed
}

/// The text that was typed last, if it is wanted.
fn last_text(node: &mut Node) -> Option<&mut Text> {
    match node {
        Node::Text(text) => Some(text),
        Node::All(nodes) | Node::Any(nodes) => nodes.last_mut().and_then(last_text),
        Node::Filter(_) | Node::Not(_) => None,
    }
}

/// An open group, or the whole query.
#[derive(Default)]
struct Group {
    nodes: Vec<Node>,
    /// Whether this group as a whole is excluded.
    negated: bool,
    /// Whether this group as a whole follows an `OR` in the group around it.
    joined: bool,
    /// What precedes the next operand.
    not: bool,
    or: bool,
    /// Whether the last node was made by `OR` here, and takes further alternatives.
    alternatives: bool,
}

struct Parser {
    now: Millis,
    /// The query itself, then the groups that are open, innermost last. Never empty.
    groups: Vec<Group>,
    /// Parentheses beyond [`MAX_DEPTH`] that are open.
    ignored: usize,
    terms: usize,
    words: usize,
    notes: Vec<String>,
}

impl Parser {
    fn new(now: Millis) -> Self {
        Self {
            now,
            groups: vec![Group::default()],
            ignored: 0,
            terms: 0,
            words: 0,
            notes: Vec::new(),
        }
    }

    fn note(&mut self, sentence: String) {
        if self.notes.len() < MAX_NOTES && !self.notes.contains(&sentence) {
            self.notes.push(sentence);
        }
    }

    fn innermost(&mut self) -> &mut Group {
        if self.groups.is_empty() {
            self.groups.push(Group::default());
        }
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }

    /// False once no more can be considered.
    fn take(&mut self, piece: Piece<'_>) -> bool {
        match piece {
            Piece::Open => self.open(),
            Piece::Close => self.close_one(),
            Piece::Not => self.innermost().not = true,
            Piece::Or if self.innermost().nodes.is_empty() => {
                self.note("An OR has nothing before it; it was left out.".into());
            }
            Piece::Or => self.innermost().or = true,
            Piece::Item(item) => return self.item(&item),
        }
        true
    }

    fn open(&mut self) {
        if self.groups.len() > MAX_DEPTH {
            self.ignored += 1;
            self.note(format!(
                "Parentheses are nested more than {MAX_DEPTH} deep; the inner ones were ignored."
            ));
            return;
        }
        let outer = self.innermost();
        let group = Group {
            negated: std::mem::take(&mut outer.not),
            joined: std::mem::take(&mut outer.or),
            ..Group::default()
        };
        self.groups.push(group);
    }

    fn close_one(&mut self) {
        if self.ignored > 0 {
            self.ignored -= 1;
        } else if self.groups.len() > 1 {
            self.close();
        } else {
            self.note("A closing parenthesis has no opening one; it was left out.".into());
        }
    }

    fn close(&mut self) {
        let Some(group) = self.groups.pop() else {
            return;
        };
        let dangling = group.or;
        let (negated, joined) = (group.negated, group.joined);
        if dangling {
            self.note("An OR has nothing after it; it was left out.".into());
        }
        if let Some(node) = together(group.nodes) {
            let outer = self.innermost();
            outer.not = negated;
            outer.or = joined;
            self.operand(node);
        }
    }

    fn item(&mut self, item: &Item<'_>) -> bool {
        let Some(node) = self.node(item) else {
            let group = self.innermost();
            group.not = false;
            group.or = false;
            return true;
        };
        let words = match &node {
            Node::Text(text) => text.words.len(),
            _ => 1,
        };
        if self.terms == MAX_TERMS || self.words + words > MAX_WORDS {
            self.note(format!(
                "The query has more than {MAX_TERMS} terms or {MAX_WORDS} words; what follows \"{}\" was left out.",
                describe::shortened(item.source)
            ));
            return false;
        }
        self.terms += 1;
        self.words += words;
        self.operand(node);
        true
    }

    /// Puts an operand where it belongs, with what precedes it.
    fn operand(&mut self, node: Node) {
        let group = self.innermost();
        let node = match (std::mem::take(&mut group.not), node) {
            (false, node) => node,
            (true, Node::Not(inner)) => *inner,
            (true, node) => Node::Not(Box::new(node)),
        };
        if !std::mem::take(&mut group.or) {
            group.alternatives = false;
            group.nodes.push(node);
            return;
        }
        match group.nodes.pop() {
            Some(Node::Any(mut nodes)) if group.alternatives => {
                nodes.push(node);
                group.nodes.push(Node::Any(nodes));
            }
            Some(before) => group.nodes.push(Node::Any(vec![before, node])),
            None => group.nodes.push(node),
        }
        group.alternatives = true;
    }

    fn node(&mut self, item: &Item<'_>) -> Option<Node> {
        let Some(key) = item.key else {
            return self.text(Scope::Anywhere, item, item.value, item.value_at);
        };
        if item.value.is_empty() {
            self.note(no_value(key));
            return None;
        }
        match key.to_ascii_lowercase().as_str() {
            "name" => self.text(Scope::Name, item, item.value, item.value_at),
            known => match self.filter(known, item.value.trim()) {
                Ok(Some(filter)) if filter.names_nothing() => {
                    self.note(no_value(known));
                    None
                }
                Ok(Some(filter)) if item.star && known != "type" => {
                    self.note(format!("\"{known}:\" takes no *; it was ignored."));
                    Some(Node::Filter(filter))
                }
                Ok(filter) => filter.map(Node::Filter),
                Err(sentence) => {
                    self.note(sentence);
                    self.text(
                        Scope::Anywhere,
                        &Item {
                            quoted: true,
                            ..*item
                        },
                        item.source,
                        item.source_at,
                    )
                }
            },
        }
    }

    fn filter(&self, key: &str, value: &str) -> Result<Option<Filter>, String> {
        let time = || {
            values::instant(&value.to_ascii_lowercase(), self.now).ok_or_else(|| {
                format!(
                    "\"{}\" is not a date such as 2026, 2026-03, 2026-03-09 or 7d (7 days ago); \"{key}:\" was taken as a plain word.",
                    describe::shortened(value)
                )
            })
        };
        let size = || {
            values::size(value).ok_or_else(|| {
                format!(
                    "\"{}\" is not a size such as 500KB or 2MiB; \"{key}:\" was taken as a plain word.",
                    describe::shortened(value)
                )
            })
        };
        Ok(Some(match key {
            "folder" => match fold(value.trim_matches('/')) {
                root if root.is_empty() => return Ok(None),
                folder => Filter::Folder(folder),
            },
            "type" => Filter::Kind(fold(
                value.trim_end_matches(['/', '*']).trim_start_matches('.'),
            )),
            "tag" => Filter::Tag(fold(value)),
            "after" => Filter::After(time()?),
            "before" => Filter::Before(time()?),
            "larger" => Filter::Larger(size()?),
            "smaller" => Filter::Smaller(size()?),
            _ => {
                return Err(format!(
                    "\"{}:\" is not a filter and was taken as a plain word; there are {}.",
                    describe::shortened(key),
                    lex::KEYS.map(|key| format!("{key}:")).join(", ")
                ));
            }
        }))
    }

    fn text(&mut self, scope: Scope, item: &Item<'_>, value: &str, at: usize) -> Option<Node> {
        if value.contains('*') {
            if let Some(pattern) = pattern(value, item.star).filter(|_| !item.quoted) {
                return Some(Node::Text(Text {
                    scope,
                    form: Form::Pattern,
                    words: vec![(0, pattern)],
                    rewritings: Vec::new(),
                    umlaut: None,
                    stems: Vec::new(),
                    typed: value.trim().to_owned(),
                    range: at..at + value.len(),
                }));
            }
            // The extension alone says the same.
            if !value.starts_with("*.") || value[1..].contains('*') {
                self.note(format!(
                    "A * stands for letters of a single word outside quotes; in \"{}\" it was ignored.",
                    describe::shortened(item.source)
                ));
            }
        }
        let words = text::query_words(value);
        let Some((_, last)) = words.last() else {
            self.note(format!(
                "\"{}\" has no letters or digits; it was left out.",
                describe::shortened(item.source)
            ));
            return None;
        };
        // In the index, another character may follow the last one.
        let form = if item.star || text::is_lone(last) {
            Form::Prefix
        } else if item.quoted {
            Form::Phrase
        } else {
            Form::Word
        };
        let is_word = form == Form::Word;
        Some(Node::Text(Text {
            scope,
            form,
            rewritings: match is_word {
                true => text::rewritings(value),
                false => Vec::new(),
            },
            umlaut: match words.as_slice() {
                [_] if is_word => text::umlaut_term(value),
                _ => None,
            },
            stems: match words.as_slice() {
                [(_, word)] if is_word => text::stems_as_typed(value, word),
                _ if is_word => text::joined_stems(value),
                _ => Vec::new(),
            },
            words,
            typed: value.trim().to_owned(),
            range: at..at + value.len(),
        }))
    }

    fn finish(mut self) -> Parsed {
        match self.groups.len() - 1 + self.ignored {
            0 => {}
            1 => self.note("A parenthesis is not closed; it was closed at the end.".into()),
            open => self.note(format!(
                "{open} parentheses are not closed; they were closed at the end."
            )),
        }
        while self.groups.len() > 1 {
            self.close();
        }
        let group = self.groups.pop().unwrap_or_default();
        if group.or {
            self.note("An OR has nothing after it; it was left out.".into());
        }
        let root = together(group.nodes);
        if root.is_none() {
            self.note("There is nothing to search for; type a word.".into());
        }
        Parsed {
            read_as: describe::query(root.as_ref()),
            root,
            wants_all: false,
            notes: self.notes,
        }
    }
}

fn no_value(key: &str) -> String {
    let key = describe::shortened(key);
    format!("\"{key}:\" has no value; it was left out.")
}

/// A word with stars before or in it, folded; nothing if that is not a single word of a script with
/// spaces.
fn pattern(value: &str, star: bool) -> Option<String> {
    let pieces: Vec<&str> = value.split('*').collect();
    let is_word = |piece: &&str| {
        let mut words = text::spaced_words(piece);
        piece.is_empty()
            || words
                .next()
                .is_some_and(|(range, word)| range == (0..piece.len()) && !word.is_empty())
    };
    if pieces.len() > MAX_STARS || !pieces.iter().all(is_word) {
        return None;
    }
    let folded: Vec<String> = pieces.iter().map(|piece| fold_word(piece)).collect();
    let mut pattern = folded.join("*");
    if star {
        pattern.push('*');
    }
    while pattern.contains("**") {
        pattern = pattern.replace("**", "*");
    }
    // No word of the index is longer, and to look for a long piece takes long in each of them.
    (pattern.len() <= MAX_WORD_BYTES).then_some(pattern)
}

/// All of these, without a level for one alone.
fn together(mut nodes: Vec<Node>) -> Option<Node> {
    match nodes.len() {
        0 => None,
        1 => nodes.pop(),
        _ => Some(Node::All(nodes)),
    }
}

#[cfg(test)]
mod tests;
