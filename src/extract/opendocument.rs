//! OpenDocument (ISO/IEC 26300): texts, spreadsheets with a page for each sheet, presentations with
//! a page for each slide.

use std::io::{Read, Seek};

use super::entity;
use super::markup::{Language, Token, Tokens};
use super::package::Package;
use super::sink::{Details, Sink, Unreadable};

/// So often at most a cell's or a space's repetition is written.
const MOST_SPACES: usize = 64;

pub fn read<R: Read + Seek>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut package = Package::open(reader)?;
    let manifest = package.part("META-INF/manifest.xml").unwrap_or_default();
    if manifest.contains("encryption-data") {
        return Err(Unreadable::Encrypted);
    }
    let content = package
        .part("content.xml")
        .ok_or_else(|| Unreadable::Broken("its content is missing".into()))?;
    describe(
        &package.part("meta.xml").unwrap_or_default(),
        &mut out.details,
    );
    let paged = pages(&content);
    if let Some((_, pages)) = paged {
        out.details.pages = Some(pages);
    }
    out.tell();
    text(&content, paged.map(|(element, _)| element), out);
    if paged.is_none() {
        // Headers and footers.
        let styles = package.part("styles.xml").unwrap_or_default();
        let start = styles.find("<office:master-styles").unwrap_or(styles.len());
        out.line();
        text(&styles[start..], None, out);
    }
    Ok(())
}

/// The element that is a page in this kind of document, and how many there are.
fn pages(content: &str) -> Option<(&'static str, u32)> {
    let kinds = [
        ("office:spreadsheet", "table:table"),
        ("office:presentation", "draw:page"),
    ];
    let (mut element, mut count) = (None, 0);
    for token in Tokens::new(content, Language::Xml) {
        let Token::Start { name, .. } = token else {
            continue;
        };
        if let Some((_, page)) = kinds.iter().find(|(kind, _)| *kind == name) {
            element = Some(*page);
        } else if element == Some(name) {
            count += 1;
        }
    }
    element.map(|element| (element, count))
}

fn describe(meta: &str, details: &mut Details) {
    let mut open = "";
    let mut editor = None;
    for token in Tokens::new(meta, Language::Xml) {
        match token {
            Token::Start {
                name, attributes, ..
            } => {
                open = name;
                if name == "meta:document-statistic" {
                    let pages = attributes.value("meta:page-count");
                    details.pages = pages.and_then(|pages| pages.parse().ok());
                }
            }
            Token::Text(text) => {
                let text = entity::decode(text.trim()).into_owned();
                let into = match open {
                    "dc:title" => &mut details.title,
                    "meta:initial-creator" => &mut details.author,
                    "dc:creator" => &mut editor,
                    "meta:creation-date" => &mut details.date,
                    _ => continue,
                };
                *into = Some(text).filter(|text| !text.is_empty());
            }
            Token::End { .. } => open = "",
            _ => {}
        }
    }
    details.author = details.author.take().or(editor);
    let to_seconds = |date: String| date.chars().take(19).collect();
    details.date = details.date.take().map(to_seconds);
}

fn text(content: &str, page: Option<&str>, out: &mut Sink<'_>) {
    let mut tokens = Tokens::new(content, Language::Xml);
    // Paragraphs that are open: only they hold text.
    let mut paragraphs = 0usize;
    let mut in_page = false;
    while let Some(token) = tokens.next().filter(|_| !out.is_full()) {
        match token {
            Token::Start {
                name,
                attributes,
                empty,
            } => match name {
                "text:p" | "text:h" if !empty => paragraphs += 1,
                "text:tab" => out.cell(),
                "text:line-break" => out.line(),
                "text:s" => {
                    let count = attributes
                        .value("text:c")
                        .and_then(|count| count.parse().ok());
                    out.text(&" ".repeat(count.unwrap_or(1).min(MOST_SPACES)));
                }
                "text:tracked-changes" | "office:settings" if !empty => skip(&mut tokens, name),
                _ if Some(name) == page => {
                    in_page = true;
                    if name == "table:table" {
                        let title = attributes.value("table:name").unwrap_or_default();
                        out.paragraph(&entity::decode(title));
                    }
                    if empty {
                        out.end_page();
                        in_page = false;
                    }
                }
                _ => {}
            },
            Token::End { name } => match name {
                "text:p" | "text:h" => {
                    paragraphs = paragraphs.saturating_sub(1);
                    // Lines of a cell belong to it.
                    out.line();
                }
                "table:table-cell" => out.cell(),
                "table:table-row" | "text:list-item" | "draw:frame" => out.line(),
                _ if Some(name) == page && in_page => {
                    out.end_page();
                    in_page = false;
                }
                _ => {}
            },
            Token::Text(text) if paragraphs > 0 => flow(&entity::decode(text), out),
            Token::Literal(text) if paragraphs > 0 => flow(text, out),
            _ => {}
        }
    }
}

/// White space in a paragraph is a gap between words; the rest is written as elements.
fn flow(text: &str, out: &mut Sink<'_>) {
    let is_white = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
    if text.starts_with(is_white) {
        out.space();
    }
    for word in text.split(is_white).filter(|word| !word.is_empty()) {
        out.text(word);
        out.space();
    }
    if !text.ends_with(is_white) {
        out.join();
    }
}

fn skip(tokens: &mut Tokens<'_>, name: &str) {
    for token in tokens {
        if matches!(token, Token::End { name: found } if found == name) {
            break;
        }
    }
}
