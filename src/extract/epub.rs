//! Books (EPUB 3): a page for each chapter, in the order of reading.

use std::io::{Read, Seek};

use super::flow::Flow;
use super::markup::{Language, Token, Tokens};
use super::package::{Package, TOO_LARGE, resolve};
use super::sink::{Sink, Unreadable};
use super::{MAX_TEXT_BYTES, entity, html, xml};

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
    describe(&contents, out);
    out.details.pages = u32::try_from(chapters.len()).ok();
    out.tell();
    for chapter in chapters {
        if out.is_full() {
            break;
        }
        if let Some(page) = package.part(&chapter) {
            let mut flow = Flow::new(MAX_TEXT_BYTES);
            match is_drawing(&page) {
                true => xml::drawing_text(&page, &mut flow),
                false => html::text(&page, &mut flow),
            }
            out.line();
            out.text(&flow.into_text());
        }
        out.end_page();
    }
    if package.is_cut() {
        out.cut_because(TOO_LARGE);
    }
    Ok(())
}

/// Whether a chapter is one picture.
fn is_drawing(page: &str) -> bool {
    let root = Tokens::new(page, Language::Xml).find_map(|token| match token {
        Token::Start { name, .. } => Some(local(name)),
        _ => None,
    });
    root == Some("svg")
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

fn describe(contents: &str, out: &mut Sink<'_>) {
    let mut open = "";
    let mut said = String::new();
    for token in Tokens::new(contents, Language::Xml) {
        match token {
            Token::Start { name, .. } => {
                open = local(name);
                said.clear();
            }
            Token::Text(text) => said.push_str(&entity::decode(text)),
            Token::Literal(text) => said.push_str(text),
            Token::End { name } => {
                if local(name) == open && !said.trim().is_empty() {
                    tell(open, said.trim(), out);
                }
                if local(name) == "metadata" {
                    break;
                }
                (open, said) = ("", String::new());
            }
            _ => {}
        }
    }
}

fn tell(name: &str, said: &str, out: &mut Sink<'_>) {
    let details = &mut out.details;
    match name {
        "title" if details.title.is_none() => details.title = Some(said.to_owned()),
        "creator" => match &mut details.author {
            Some(authors) => {
                authors.push_str(", ");
                authors.push_str(said);
            }
            none => *none = Some(said.to_owned()),
        },
        "date" if details.date.is_none() => {
            details.date = Some(said.trim_end_matches('Z').chars().take(19).collect());
        }
        "title" | "subject" | "identifier" | "publisher" | "contributor" => out.about(said),
        // Often a page, with its tags.
        "description" => {
            let mut flow = Flow::new(MAX_TEXT_BYTES);
            html::text(said, &mut flow);
            out.about(&flow.into_text());
        }
        _ => {}
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}
