//! A query cut into pieces, without judging them.

use super::describe::shortened;

/// Words before a colon that mean something; the order in which people are told of them.
pub const KEYS: [&str; 8] = [
    "name", "folder", "type", "tag", "after", "before", "larger", "smaller",
];

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece<'a> {
    Open,
    Close,
    Or,
    Not,
    Item(Item<'a>),
}

/// A word, phrase or filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Item<'a> {
    /// What stands before the colon, if that could be a filter.
    pub key: Option<&'a str>,
    pub value: &'a str,
    /// Where in the query the value begins, and where the whole of it does.
    pub value_at: usize,
    pub source_at: usize,
    pub quoted: bool,
    /// Whether a `*` follows.
    pub star: bool,
    /// All of it, as typed.
    pub source: &'a str,
}

pub struct Lexer<'a> {
    query: &'a str,
    at: usize,
    /// Where the quote that is never closed stands.
    unclosed: Option<usize>,
}

impl<'a> Lexer<'a> {
    pub fn new(query: &'a str) -> Self {
        Self {
            query,
            at: 0,
            unclosed: None,
        }
    }

    fn rest(&self) -> &'a str {
        &self.query[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, skipped: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !skipped(c)).unwrap_or(rest.len());
    }

    /// A sentence about the quote that is not closed, once the end is reached.
    pub fn unclosed_quote(&self) -> Option<String> {
        let before = self.query[..self.unclosed?].split_whitespace().next_back();
        Some(match before {
            Some(word) => format!(
                "The quote after \"{}\" is not closed; it was taken to the end.",
                shortened(word)
            ),
            None => "The quote at the beginning is not closed; it was taken to the end.".to_owned(),
        })
    }

    /// What is between quotes, from the opening one on.
    fn quoted(&mut self, start: usize, key: Option<&'a str>) -> Piece<'a> {
        let opening = self.at;
        self.at += self.peek().map_or(0, char::len_utf8);
        let (rest, value_at) = (self.rest(), self.at);
        let (value, close) = match rest.char_indices().find(|&(_, c)| is_quote(c)) {
            Some((end, c)) => (&rest[..end], end + c.len_utf8()),
            None => {
                self.unclosed = Some(opening);
                (rest, rest.len())
            }
        };
        self.at += close;
        let star = self.rest().starts_with('*');
        self.skip(|c| c == '*');
        Piece::Item(Item {
            key,
            value,
            value_at,
            source_at: start,
            quoted: true,
            star,
            source: &self.query[start..self.at],
        })
    }

    fn bare(&mut self) -> Piece<'a> {
        let start = self.at;
        self.skip(|c| !c.is_whitespace() && !is_quote(c) && c != '(' && c != ')');
        let source = &self.query[start..self.at];
        match source {
            "OR" | "||" => return Piece::Or,
            "NOT" => return Piece::Not,
            _ => {}
        }
        let (key, value) = match source.split_once(':') {
            Some((key, value)) if looks_like_key(key, value) => (Some(key), value),
            _ => (None, source),
        };
        if value.is_empty() && self.peek().is_some_and(is_quote) {
            return self.quoted(start, key);
        }
        let trimmed = value.trim_end_matches('*');
        Piece::Item(Item {
            key,
            value: trimmed,
            value_at: self.at - value.len(),
            source_at: start,
            quoted: false,
            star: trimmed.len() < value.len(),
            source,
        })
    }

    /// Whether a word with two hyphens before it comes, such as `--verbose`: that is a name, not an
    /// exclusion.
    fn is_option(&self) -> bool {
        let rest = self.rest();
        let name = rest.trim_start_matches('-');
        rest.len() - name.len() > 1 && name.starts_with(char::is_alphanumeric)
    }

    pub fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            self.skip(char::is_whitespace);
            let piece = match self.peek()? {
                '(' => Piece::Open,
                ')' => Piece::Close,
                '-' if self.is_option() => return Some(self.bare()),
                '-' | '−' => {
                    self.skip(|c| c == '-' || c == '−');
                    if self.peek().is_none_or(char::is_whitespace) {
                        continue;
                    }
                    return Some(Piece::Not);
                }
                quote if is_quote(quote) => return Some(self.quoted(self.at, None)),
                _ => match self.bare() {
                    // Words are ANDed anyway.
                    Piece::Item(Item {
                        source: "AND" | "&&",
                        ..
                    }) => continue,
                    piece => return Some(piece),
                },
            };
            self.at += 1;
            return Some(piece);
        }
    }
}

/// Filters that exist, and words that were most likely meant as one. Not `https://…`, not
/// `12:30`, not `C:\…`, not `std::fmt`.
fn looks_like_key(key: &str, value: &str) -> bool {
    KEYS.iter().any(|known| known.eq_ignore_ascii_case(key))
        || (key.len() > 2
            && key.bytes().all(|byte| byte.is_ascii_alphabetic())
            && !value.is_empty()
            && !value.starts_with(['/', ':', '\\']))
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '«' | '»')
}
