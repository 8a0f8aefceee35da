//! Books (EPUB 3): a page for each chapter, in the order of reading.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::flow::Flow;
use super::markup::{Language, Token, Tokens};
use super::package::{Package, TOO_LARGE, resolve};
use super::sink::{Sink, Unreadable};
use super::{MAX_TEXT_BYTES, entity, html, xml};

/// More chapters than any book has.
const MOST_CHAPTERS: usize = 10_000;
/// Longer chains of fallbacks are not followed.
const MAX_FALLBACKS: usize = 16;
/// How much of a chapter is searched for bytes that no text has.
const MAGIC_BYTES: usize = 64;

pub fn read<R: Read + Seek>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut package = Package::open(reader)?;
    let missing = || Unreadable::Broken("its table of contents is missing".into());
    let container = package.part("META-INF/container.xml").ok_or_else(missing)?;
    let book = find(&container, "rootfile", "full-path").ok_or_else(missing)?;
    let contents = package.part(&book).ok_or_else(missing)?;
    let chapters = chapters(&contents, &book);
    let protected = package.part("META-INF/encryption.xml").unwrap_or_default();
    let first = chapters.iter().flatten().next();
    if first.is_some_and(|chapter| protected.contains(chapter.as_str())) {
        return Err(Unreadable::Encrypted);
    }
    describe(&contents, out);
    out.details.pages = u32::try_from(chapters.len()).ok();
    out.tell();
    for chapter in chapters {
        if out.is_full() {
            break;
        }
        let page = chapter.and_then(|chapter| package.part(&chapter));
        if let Some(page) = page.filter(|page| !is_foreign(page)) {
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

/// Whether a chapter is no text, whatever its declared type.
fn is_foreign(page: &str) -> bool {
    let is_control = |byte: u8| byte < b'\t';
    page.starts_with("%PDF-") || page.bytes().take(MAGIC_BYTES).any(is_control)
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

/// An item of the manifest.
struct Item<'a> {
    href: &'a str,
    media_type: &'a str,
    /// The item to use where this one's type is not supported.
    fallback: Option<&'a str>,
}

impl Item<'_> {
    /// Whether its type can be read: XHTML, SVG, and the types of earlier versions.
    fn is_document(&self) -> bool {
        let media_type = self.media_type.split(';').next().unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        media_type.is_empty()
            || media_type.ends_with("xml")
            || media_type == "text/html"
            || media_type == "text/x-oeb1-document"
    }
}

/// The first readable item in a chain of fallbacks (EPUB 3.3, 3.5.1).
fn readable<'i, 'a>(items: &'i HashMap<&str, Item<'a>>, id: &str) -> Option<&'i Item<'a>> {
    let first = items.get(id);
    std::iter::successors(first, |item| items.get(item.fallback?))
        .take(MAX_FALLBACKS)
        .find(|item| item.is_document())
}

/// The paths of the chapters in reading order; `None` for one that is only a picture.
fn chapters(contents: &str, book: &str) -> Vec<Option<String>> {
    let (mut items, mut order) = (HashMap::new(), Vec::new());
    for token in Tokens::new(contents, Language::Xml) {
        let Token::Start {
            name, attributes, ..
        } = token
        else {
            continue;
        };
        match local(name) {
            "item" => {
                let item = attributes.value("href").map(|href| Item {
                    href,
                    media_type: attributes.value("media-type").unwrap_or_default(),
                    fallback: attributes.value("fallback"),
                });
                items.extend(attributes.value("id").zip(item));
            }
            "itemref" => order.extend(attributes.value("idref")),
            _ => {}
        }
    }
    order.truncate(MOST_CHAPTERS);
    let path = |item: &Item<'_>| {
        let href = entity::decode(item.href);
        let path = href.split('#').next().unwrap_or_default();
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        resolve(book, &path)
    };
    order
        .into_iter()
        .filter(|id| items.contains_key(id))
        .map(|id| readable(&items, id).map(path))
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
