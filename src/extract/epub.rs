//! Books (EPUB 3): a page for each chapter, in the order of reading.

use std::io::{Read, Seek};

use super::flow::Flow;
use super::markup::{Language, Token, Tokens};
use super::package::{Package, resolve};
use super::sink::{Details, Sink, Unreadable};
use super::{MAX_TEXT_BYTES, entity, html};

/// More chapters than any book has.
const MOST_CHAPTERS: usize = 10_000;

pub fn read<R: Read + Seek>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut package = Package::open(reader)?;
    let missing = || Unreadable::Broken("its table of contents is missing".into());
    let container = package.part("META-INF/container.xml").ok_or_else(missing)?;
    let book = find(&container, "rootfile", "full-path").ok_or_else(missing)?;
    let contents = package.part(&book).ok_or_else(missing)?;
    let chapters = chapters(&contents, &book);
    let protected = package.part("META-INF/encryption.xml").unwrap_or_default();
    if chapters
        .first()
        .is_some_and(|chapter| protected.contains(chapter.as_str()))
    {
        return Err(Unreadable::Encrypted);
    }
    describe(&contents, &mut out.details);
    out.details.pages = u32::try_from(chapters.len()).ok();
    out.tell();
    for chapter in chapters {
        if out.is_full() {
            break;
        }
        if let Some(page) = package.part(&chapter) {
            let mut flow = Flow::new(MAX_TEXT_BYTES);
            html::text(&page, &mut flow);
            out.line();
            out.text(&flow.into_text());
        }
        out.end_page();
    }
    Ok(())
}

/// The first element of a name, by one of its attributes.
fn find(document: &str, element: &str, attribute: &str) -> Option<String> {
    Tokens::new(document, Language::Xml).find_map(|token| match token {
        Token::Start {
            name, attributes, ..
        } if local(name) == element => attributes
            .value(attribute)
            .map(|value| entity::decode(value).into_owned()),
        _ => None,
    })
}

/// The parts to read one after the other.
fn chapters(contents: &str, book: &str) -> Vec<String> {
    let (mut parts, mut order) = (Vec::new(), Vec::new());
    for token in Tokens::new(contents, Language::Xml) {
        let Token::Start {
            name, attributes, ..
        } = token
        else {
            continue;
        };
        match local(name) {
            "item" => parts.extend(attributes.value("id").zip(attributes.value("href"))),
            "itemref" => order.extend(attributes.value("idref")),
            _ => {}
        }
    }
    order.truncate(MOST_CHAPTERS);
    let parts: std::collections::HashMap<&str, &str> = parts.into_iter().collect();
    order
        .into_iter()
        .filter_map(|id| parts.get(id))
        .map(|href| {
            let href = entity::decode(href);
            let path = href.split('#').next().unwrap_or_default();
            let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
            resolve(book, &path)
        })
        .collect()
}

fn describe(contents: &str, details: &mut Details) {
    let mut open = "";
    for token in Tokens::new(contents, Language::Xml) {
        match token {
            Token::Start { name, .. } => open = local(name),
            Token::Text(text) if !text.trim().is_empty() => {
                let text = entity::decode(text.trim()).into_owned();
                match open {
                    "title" if details.title.is_none() => details.title = Some(text),
                    "creator" => match &mut details.author {
                        Some(authors) => {
                            authors.push_str(", ");
                            authors.push_str(&text);
                        }
                        none => *none = Some(text),
                    },
                    "date" if details.date.is_none() => {
                        details.date = Some(text.trim_end_matches('Z').chars().take(19).collect());
                    }
                    _ => {}
                }
            }
            Token::End { name } if local(name) == "metadata" => break,
            Token::End { .. } => open = "",
            _ => {}
        }
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}
