//! The tokens of HTML and XML, as leniently as browsers read them.
//!
//! This follows the tokenizer of the HTML standard as far as it decides what is text and what is
//! not. It builds no tree, borrows all it gives, and recovers where the standard lets an unclosed
//! comment or quote swallow the rest of a document: text that might be found is worth more here.
//!
//! Invariant: every byte is looked at a bounded number of times. What may be missing until the
//! very end (a closing quote, the end of a comment) is searched in vain once, and remembered.

use memchr::{memchr, memchr_iter, memmem};

/// What differs between the two languages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Html,
    Xml,
}

#[derive(Debug, PartialEq)]
pub enum Token<'a> {
    /// Text with its character references.
    Text(&'a str),
    /// Text without references: a CDATA section.
    Literal(&'a str),
    Start {
        name: &'a str,
        attributes: Attributes<'a>,
        /// Written as `<name/>`.
        empty: bool,
    },
    End {
        name: &'a str,
    },
    Comment(&'a str),
    /// What stands between `<?` and `>`.
    Instruction(&'a str),
}

/// An iterator over the tokens of a document.
pub struct Tokens<'a> {
    rest: &'a str,
    language: Language,
    /// No comment ends in the rest of the document.
    comments_stay_open: bool,
    /// A document has at most one internal subset.
    subset_was_read: bool,
    /// A tag did not end before the document did: from there on `>` ends any tag.
    tags_stay_open: bool,
}

impl<'a> Tokens<'a> {
    pub fn new(document: &'a str, language: Language) -> Self {
        Self {
            rest: document,
            language,
            comments_stay_open: false,
            subset_was_read: false,
            tags_stay_open: false,
        }
    }

    /// Takes all up to the end tag `</name`, as it is: the content of `script`, `title` and their
    /// like. Without an end tag it is the rest of the document.
    pub fn raw_text(&mut self, name: &str) -> &'a str {
        let rest = self.rest;
        let bytes = rest.as_bytes();
        let end = memchr_iter(b'<', bytes).find(|at| {
            let tag = &bytes[at + 1..];
            tag.first() == Some(&b'/')
                && tag
                    .get(1..=name.len())
                    .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
                && tag.get(name.len() + 1).is_none_or(|byte| ends_name(*byte))
        });
        self.take(end.unwrap_or(rest.len()), 0)
    }

    /// Takes `length` bytes, then skips `delimiter` bytes.
    fn take(&mut self, length: usize, delimiter: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = &rest[delimiter..];
        taken
    }

    fn text(&mut self) -> Token<'a> {
        // A `<` that opens nothing is text; so is all up to the next one.
        let after = self.rest.as_bytes().get(1..).unwrap_or_default();
        let length = memchr(b'<', after).map_or(self.rest.len(), |at| at + 1);
        Token::Text(self.take(length, 0))
    }

    /// All up to `>`, skipping the `opening` bytes before it.
    fn up_to_bracket(&mut self, opening: usize) -> &'a str {
        self.take(opening, 0);
        match memchr(b'>', self.rest.as_bytes()) {
            Some(at) => self.take(at, 1),
            None => self.take(self.rest.len(), 0),
        }
    }

    fn comment(&mut self) -> Token<'a> {
        let bytes = &self.rest.as_bytes()[4..];
        if bytes.starts_with(b">") || bytes.starts_with(b"->") || self.comments_stay_open {
            return Token::Comment(self.up_to_bracket(4));
        }
        match memmem::find(bytes, b"-->") {
            Some(at) => {
                self.take(4, 0);
                Token::Comment(self.take(at, 3))
            }
            None => {
                self.comments_stay_open = true;
                Token::Comment(self.up_to_bracket(4))
            }
        }
    }

    fn declaration(&mut self) -> Token<'a> {
        let rest = self.rest.as_bytes();
        if rest.starts_with(b"<!--") {
            return self.comment();
        }
        if self.language == Language::Xml && rest.starts_with(b"<![CDATA[") {
            self.take(9, 0);
            return match memmem::find(self.rest.as_bytes(), b"]]>") {
                Some(at) => Token::Literal(self.take(at, 3)),
                None => Token::Literal(self.take(self.rest.len(), 0)),
            };
        }
        let bracket = memchr(b'>', rest).unwrap_or(rest.len());
        let has_subset = self.language == Language::Xml
            && !self.subset_was_read
            && memchr(b'[', &rest[..bracket]).is_some();
        if has_subset {
            // Entity definitions and the like, none of them text.
            self.subset_was_read = true;
            if let Some(end) = memmem::find(rest, b"]>") {
                self.take(end, 2);
                return Token::Instruction("");
            }
        }
        Token::Instruction(self.up_to_bracket(2))
    }

    fn tag(&mut self) -> Token<'a> {
        let opening = if self.rest.as_bytes()[1] == b'/' {
            2
        } else {
            1
        };
        let inside = &self.rest[opening..];
        let name_length = inside.bytes().position(ends_name).unwrap_or(inside.len());
        let (name, after_name) = inside.split_at(name_length);
        let attributes = Attributes { rest: after_name };
        let end = match self.tags_stay_open {
            false => attributes.end(),
            true => None,
        };
        let (written, empty) = end.unwrap_or_else(|| {
            self.tags_stay_open = true;
            let bracket = memchr(b'>', after_name.as_bytes());
            (bracket.map_or(after_name.len(), |at| at + 1), false)
        });
        self.take(opening + name_length + written, 0);
        if opening == 2 {
            return Token::End { name };
        }
        Token::Start {
            name,
            attributes: Attributes {
                rest: &after_name[..written],
            },
            empty,
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.rest.as_bytes();
        let is_name = |at: usize| {
            bytes.get(at).is_some_and(|byte| match self.language {
                Language::Html => byte.is_ascii_alphabetic(),
                Language::Xml => byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':' | 0x80..),
            })
        };
        match bytes {
            [] => None,
            [b'<', b'!', ..] => Some(self.declaration()),
            [b'<', b'?', ..] => Some(Token::Instruction(self.up_to_bracket(2))),
            [b'<', b'/', ..] if is_name(2) => Some(self.tag()),
            [b'<', b'/', _, ..] => Some(Token::Comment(self.up_to_bracket(2))),
            [b'<', ..] if is_name(1) => Some(self.tag()),
            _ => Some(self.text()),
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | b'\x0c')
}

fn ends_name(byte: u8) -> bool {
    is_space(byte) || matches!(byte, b'/' | b'>')
}

/// The attributes of a tag, as name and value with its character references.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attributes<'a> {
    rest: &'a str,
}

impl<'a> Attributes<'a> {
    /// Reads what stands between `<?xml` and `?>`, which looks like attributes.
    pub fn of_declaration(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// The value of the first attribute called `name`, whatever the case.
    pub fn value(self, name: &str) -> Option<&'a str> {
        let mut attributes = self;
        attributes
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Where the tag ends (after its `>`), and whether it closes itself; `None` if it does not end.
    fn end(self) -> Option<(usize, bool)> {
        let mut attributes = self;
        while attributes.next().is_some() {}
        let written = self.rest.len() - attributes.rest.len();
        let ends = attributes.rest.starts_with('>');
        ends.then(|| (written + 1, self.rest[..written].ends_with('/')))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    /// Stops at the `>` that ends the tag, or at the end of the document.
    fn next(&mut self) -> Option<Self::Item> {
        let is_between = |byte: u8| is_space(byte) || byte == b'/';
        let text = self
            .rest
            .trim_start_matches(|c: char| c.is_ascii() && is_between(c as u8));
        self.rest = text;
        if text.is_empty() || text.starts_with('>') {
            return None;
        }
        // A name may begin with `=`, but not go on with it.
        let length = text
            .bytes()
            .enumerate()
            .position(|(at, byte)| ends_name(byte) || (byte == b'=' && at > 0))
            .unwrap_or(text.len());
        let (name, after) = text.split_at(length);
        let is_white = |c: char| c.is_ascii() && is_space(c as u8);
        let Some(value) = after.trim_start_matches(is_white).strip_prefix('=') else {
            self.rest = after;
            return Some((name, ""));
        };
        let value = value.trim_start_matches(is_white);
        let (value, rest) = match value.as_bytes().first() {
            Some(quote @ (b'"' | b'\'')) => match memchr(*quote, &value.as_bytes()[1..]) {
                Some(end) => (&value[1..=end], &value[end + 2..]),
                None => ("", ""),
            },
            _ => value.split_at(
                value
                    .bytes()
                    .position(|byte| is_space(byte) || byte == b'>')
                    .unwrap_or(value.len()),
            ),
        };
        self.rest = rest;
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::{Language, Token, Tokens};

    fn texts(document: &str, language: Language) -> Vec<&str> {
        Tokens::new(document, language)
            .filter_map(|token| match token {
                Token::Text(text) | Token::Literal(text) => Some(text),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn tags_end_where_browsers_end_them() {
        let page = r#"a<p title="x > y">b<p class=it's>c<a href=/x/>d<br/>e<i a='>'b>f"#;
        assert_eq!(texts(page, Language::Html), ["a", "b", "c", "d", "e", "f"]);
    }

    #[test]
    fn attributes_in_every_notation() {
        let tag = r#"<img ALT="a &amp; b" title='it' width=5 hidden data-x = "y" =odd=1 />"#;
        let Some(Token::Start {
            attributes, empty, ..
        }) = Tokens::new(tag, Language::Html).next()
        else {
            panic!("a start tag");
        };
        let all: Vec<_> = attributes.collect();
        let expected = [
            ("ALT", "a &amp; b"),
            ("title", "it"),
            ("width", "5"),
            ("hidden", ""),
            ("data-x", "y"),
            ("=odd", "1"),
        ];
        assert_eq!(all, expected);
        assert_eq!(attributes.value("alt"), Some("a &amp; b"));
        assert!(empty);
    }

    #[test]
    fn brackets_that_open_nothing_are_text() {
        assert_eq!(texts("1 < 2 <3 <", Language::Html).concat(), "1 < 2 <3 <");
        assert_eq!(
            texts("a</>b</ >c<!x>d<?y?>e", Language::Html),
            ["a", "b", "c", "d", "e"]
        );
    }

    #[test]
    fn what_is_never_closed_does_not_swallow_the_rest() {
        assert_eq!(
            texts("a<!-- b -->c<!-- d >e", Language::Html),
            ["a", "c", "e"]
        );
        assert_eq!(
            texts("a<p class=\"b>c<p>d<i", Language::Html),
            ["a", "c", "d"]
        );
    }

    #[test]
    fn xml_has_sections_and_subsets() {
        let document = "<!DOCTYPE a [<!ENTITY b 'c'>]><a><![CDATA[1 < 2]]></a>";
        assert_eq!(texts(document, Language::Xml), ["1 < 2"]);
        assert_eq!(texts("<a><![CDATA[open", Language::Xml), ["open"]);
    }

    #[test]
    fn raw_text_ends_at_its_own_end_tag() {
        let mut tokens = Tokens::new("if (a</b) </scripts> x</SCRIPT >y", Language::Html);
        assert_eq!(tokens.raw_text("script"), "if (a</b) </scripts> x");
        assert!(matches!(tokens.next(), Some(Token::End { name: "SCRIPT" })));
        assert_eq!(tokens.next(), Some(Token::Text("y")));
        assert_eq!(Tokens::new("<x>", Language::Html).raw_text("style"), "<x>");
    }
}
