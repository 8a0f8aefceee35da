//! One part of what a content says, in the shape that suits it, and the ways to the others.

use super::{has_words, table, tail};
use crate::error::Result;
use crate::library::search::{Parsed, Snippet, mark_text};
use crate::library::{Entry, Facts, Formattable, Library, Part, Place, Style, decoded};
use crate::web::pages::encode;

const MARK: &str = "<mark>";
const FIRST_MARK: &str = "<mark id=\"match\">";
/// Where the text begins on the page, and where the first mark is in it.
const TEXT: &str = "#text";
const MATCH: &str = "#match";

/// Where to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Beginning,
    End,
    Page(u32),
    Passage(u32),
}

/// What a page shows of a text.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// Made here: nothing of the content is in it unescaped.
    pub html: String,
    /// Whether what was searched for is in it, and marked; the first mark is called `match`.
    pub is_marked: bool,
    pub shape: Shape,
    /// Such as "Page 3 of 12"; empty if this is all.
    pub place: String,
    pub earlier: Option<String>,
    pub later: Option<String>,
    /// The end of the file itself, where more follows than was read.
    pub end: Option<String>,
    /// Where the query is in it.
    pub matches: Vec<Match>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Lines as they stand.
    #[default]
    Lines,
    /// Paragraphs and headings.
    Prose,
    Table,
}

impl Text {
    /// The whole of a short text, as it was meant to be seen.
    pub fn formatted(html: String, style: &Style) -> Self {
        Self {
            html,
            shape: match style {
                Style::Markdown => Shape::Prose,
                Style::Code(_) => Shape::Lines,
            },
            ..Self::default()
        }
    }
}

/// A place of the query.
#[derive(Clone, Debug)]
pub struct Match {
    /// Escaped by the search itself.
    pub html: String,
    pub page: Option<u32>,
    pub url: String,
}

/// A file that is shown.
pub struct Shown<'a> {
    pub library: &'a Library,
    pub entry: &'a Entry,
    pub facts: Option<&'a Facts>,
    pub parsed: &'a Parsed,
    pub query: &'a str,
}

impl Shown<'_> {
    pub fn text(&self, wanted: Wanted, matches: Vec<Snippet>) -> Result<Option<Text>> {
        let matches = matches.into_iter().map(|found| Match {
            url: self.at(
                match found.page {
                    Some(page) => Place::Page(page),
                    None => Place::Passage(found.part),
                },
                MATCH,
            ),
            html: found.html,
            page: found.page,
        });
        let text = match wanted {
            Wanted::End => Some(self.end()?),
            _ => self.part(wanted)?,
        };
        Ok(text.map(|text| Text {
            matches: matches.collect(),
            is_marked: text.html.contains(MARK),
            html: text.html.replacen(MARK, FIRST_MARK, 1),
            ..text
        }))
    }

    fn part(&self, wanted: Wanted) -> Result<Option<Text>> {
        let Some(facts) = self.facts else {
            return self.beginning();
        };
        let place = match wanted {
            Wanted::Page(page) => Place::Page(page),
            Wanted::Passage(number) => Place::Passage(number),
            Wanted::Beginning | Wanted::End => Place::Passage(0),
        };
        match self
            .library
            .part(&self.entry.file_content(), facts, place)?
        {
            Some(part) => Ok(Some(self.shown(&part, facts))),
            None => self.beginning(),
        }
    }

    /// The beginning of the file itself, as long as it is not read.
    fn beginning(&self) -> Result<Option<Text>> {
        if !self.is_text() || self.entry.size == 0 {
            return Ok(None);
        }
        let Entry { sha256, size, .. } = self.entry;
        let bytes = self.library.piece(sha256, *size, tail::MOST_BYTES, false)?;
        let mut text = decoded(&bytes, self.encoding());
        let goes_on = *size > tail::MOST_BYTES;
        if goes_on && let Some(end) = text.rfind('\n') {
            text.truncate(end + 1);
        }
        Ok(Some(Text {
            html: mark_text(self.parsed, &text),
            place: if goes_on { "The beginning" } else { "" }.to_owned(),
            end: goes_on.then(|| self.url(&format!("part=end{TEXT}"))),
            ..Text::default()
        }))
    }

    fn shown(&self, part: &Part, facts: &Facts) -> Text {
        let (kind, at) = match part.place {
            Place::Page(page) => ("Page", page),
            Place::Passage(number) => ("Part", number + 1),
        };
        let beside = |at: u32| {
            self.at(
                match part.place {
                    Place::Page(_) => Place::Page(at),
                    Place::Passage(_) => Place::Passage(at - 1),
                },
                TEXT,
            )
        };
        let is_last = at >= part.of;
        let (html, shape) = match self.entry.media_type.as_str() {
            "text/csv" | "text/tab-separated-values" => {
                (table::html(&part.text, self.parsed), Shape::Table)
            }
            _ => (mark_text(self.parsed, &part.text), Shape::Lines),
        };
        Text {
            html,
            shape,
            place: match part.of {
                0 | 1 => String::new(),
                of => format!("{kind} {at} of {of}"),
            },
            earlier: (at > 1).then(|| beside(at - 1)),
            later: (!is_last).then(|| beside(at + 1)),
            end: (facts.truncated && self.is_text()).then(|| self.url(&format!("part=end{TEXT}"))),
            ..Text::default()
        }
    }

    /// How the whole of a short text is shown as it was meant to be seen, unless a place in it is
    /// asked for.
    pub fn formattable(&self, wanted: Wanted) -> Option<Formattable> {
        let is_whole = wanted == Wanted::Beginning && !has_words(self.parsed);
        match is_whole && self.is_text() {
            true => Formattable::of(self.entry, self.facts),
            false => None,
        }
    }

    /// The end of the file itself, which may be far beyond what was read.
    fn end(&self) -> Result<Text> {
        let Entry { sha256, size, .. } = self.entry;
        let bytes = self.library.piece(sha256, *size, tail::MOST_BYTES, true)?;
        let lines = tail::lines(&bytes, *size > tail::MOST_BYTES, self.encoding());
        Ok(Text {
            html: mark_text(self.parsed, &lines),
            place: "The end".to_owned(),
            earlier: Some(self.url(&format!("part=0{TEXT}"))),
            ..Text::default()
        })
    }

    fn is_text(&self) -> bool {
        match self.facts {
            Some(facts) if facts.encoding.is_some() => true,
            // It was read, and turned out to be none.
            Some(facts) if facts.extractor > 0 && facts.name_only.is_some() => false,
            _ => self.entry.media_type.starts_with("text/"),
        }
    }

    fn encoding(&self) -> Option<&str> {
        self.facts.and_then(|facts| facts.encoding.as_deref())
    }

    fn at(&self, place: Place, fragment: &str) -> String {
        self.url(&match place {
            Place::Page(page) => format!("page={page}{fragment}"),
            Place::Passage(number) => format!("part={number}{fragment}"),
        })
    }

    fn url(&self, place: &str) -> String {
        let query = match self.query {
            "" => String::new(),
            query => format!("q={}&", encode(query)),
        };
        format!("/files/{}?{query}{place}", self.entry.id)
    }
}
