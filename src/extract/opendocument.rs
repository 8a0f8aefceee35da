//! OpenDocument (ISO/IEC 26300): texts, spreadsheets with a page for each sheet, presentations with
//! a page for each slide.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::asides::Asides;
use super::markup::{Attributes, Language, Token, Tokens};
use super::package::{Package, TOO_LARGE, resolve};
use super::sink::{Sink, Unreadable};
use super::{attachment, entity};

/// So often at most a cell's or a space's repetition is written.
const MOST_SPACES: usize = 64;
/// More objects in a document are not read.
const MAX_OBJECTS: usize = 1000;
/// The element of a sheet.
const SHEET: &str = "table:table";

pub fn read<R: Read + Seek>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut package = Package::open(reader)?;
    let manifest = package.part("META-INF/manifest.xml").unwrap_or_default();
    if manifest.contains("encryption-data") {
        return Err(Unreadable::Encrypted);
    }
    let content = package
        .part("content.xml")
        .ok_or_else(|| Unreadable::Broken("its content is missing".into()))?;
    describe(&package.part("meta.xml").unwrap_or_default(), out);
    let styles = package.part("styles.xml").unwrap_or_default();
    let objects = body(&content, &styles, out);
    // Charts, formulas and other documents that this one shows.
    let mut read = HashSet::new();
    for object in objects.iter().take(MAX_OBJECTS) {
        let folder = resolve("", object.trim_end_matches('/'));
        if out.is_full() || !read.insert(folder.clone()) {
            continue;
        }
        if let Some(content) = package.part(&format!("{folder}/content.xml")) {
            out.line();
            text(&content, None, "", out);
        } else if let Some(document) = package.bytes(&folder) {
            attachment::shown("", &document, out);
        }
    }
    if package.is_cut() {
        out.cut_because(TOO_LARGE);
    }
    Ok(())
}

/// Reads a document that is one XML file.
pub fn flat(document: &str, out: &mut Sink<'_>) {
    let (start, end) = (
        document.find("<office:meta").unwrap_or(0),
        document.find("</office:meta>").unwrap_or(0),
    );
    describe(document.get(start..end).unwrap_or_default(), out);
    let start = document.find("<office:body").unwrap_or(0);
    let (styles, content) = document.split_at(start);
    body(content, styles, out);
}

/// Appends the content of a document with what its styles put on its pages: headers and footers before
/// sheets and behind texts, and what is on each slide behind the first one. Answers what other documents
/// it shows.
fn body(content: &str, styles: &str, out: &mut Sink<'_>) -> Vec<String> {
    let start = styles.find("<office:master-styles").unwrap_or(styles.len());
    let masters = &styles[start..];
    let Some((element, pages)) = pages(content) else {
        out.tell();
        let mut objects = text(content, None, "", out);
        out.line();
        objects.extend(text(masters, None, "", out));
        return objects;
    };
    out.details.pages = Some(pages);
    out.tell();
    if element == SHEET {
        text(masters, None, "", out);
        out.line();
        return text(content, Some(element), "", out);
    }
    text(content, Some(element), masters, out)
}

/// The element that is a page in this kind of document, and how many there are.
fn pages(content: &str) -> Option<(&'static str, u32)> {
    let kinds = [
        ("office:spreadsheet", SHEET),
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

fn describe(meta: &str, out: &mut Sink<'_>) {
    let mut open = "";
    let mut property = String::new();
    let mut editor = None;
    for token in Tokens::new(meta, Language::Xml) {
        match token {
            Token::Start {
                name, attributes, ..
            } => {
                open = name;
                if name == "meta:document-statistic" {
                    let pages = attributes.value("meta:page-count");
                    out.details.pages = pages.and_then(|pages| pages.parse().ok());
                }
                let name = attributes.value("meta:name").unwrap_or_default();
                property = entity::decode(name).into_owned();
            }
            Token::Text(text) => {
                let text = entity::decode(text.trim()).into_owned();
                let into = match open {
                    "dc:title" => &mut out.details.title,
                    "meta:initial-creator" => &mut out.details.author,
                    "dc:creator" => &mut editor,
                    "meta:creation-date" => &mut out.details.date,
                    "dc:subject" | "dc:description" | "meta:keyword" => {
                        out.about(&text);
                        continue;
                    }
                    "meta:user-defined" if !text.is_empty() => {
                        out.about(&format!("{property}: {text}"));
                        continue;
                    }
                    _ => continue,
                };
                *into = Some(text).filter(|text| !text.is_empty());
            }
            Token::End { .. } => open = "",
            _ => {}
        }
    }
    let details = &mut out.details;
    details.author = details.author.take().or(editor);
    let to_seconds = |date: String| date.chars().take(19).collect();
    details.date = details.date.take().map(to_seconds);
}

/// Whether an element stands in a paragraph without being a part of it.
fn is_aside(name: &str) -> bool {
    matches!(
        name,
        "text:note"
            | "text:footnote"
            | "text:endnote"
            | "office:annotation"
            | "text:ruby-text"
            | "svg:title"
            | "svg:desc"
            | "draw:frame"
            | "draw:text-box"
            | "draw:g"
            | "draw:custom-shape"
            | "draw:rect"
            | "draw:circle"
            | "draw:ellipse"
            | "draw:line"
            | "draw:polyline"
            | "draw:polygon"
            | "draw:regular-polygon"
            | "draw:path"
            | "draw:connector"
            | "draw:measure"
            | "draw:caption"
            | "draw:control"
    )
}

/// Whether an element holds no text to read, such as numbers that each program counts anew.
fn is_skipped(name: &str) -> bool {
    matches!(
        name,
        "text:tracked-changes"
            | "table:tracked-changes"
            | "office:settings"
            | "office:binary-data"
            | "text:note-citation"
            | "text:footnote-citation"
            | "text:endnote-citation"
            | "text:page-number"
            | "text:page-count"
            | "text:sheet-name"
            | "text:script"
            | "dc:date"
            | "meta:date-string"
            // Of an annotation, whose author stands before it.
            | "meta:creator-initials"
            | "loext:sender-initials"
    )
}

/// Whether an element is a reference to a note.
fn is_note_reference(name: &str) -> bool {
    matches!(
        name,
        "text:note-ref" | "text:footnote-ref" | "text:endnote-ref"
    )
}

fn is_description(name: &str) -> bool {
    matches!(name, "svg:title" | "svg:desc")
}

/// Whether an element declares a header, footer or date that slides repeat.
fn is_declaration(name: &str) -> bool {
    matches!(
        name,
        "presentation:header-decl" | "presentation:footer-decl" | "presentation:date-time-decl"
    )
}

/// Whether an element of a master page only prompts for text.
fn is_placeholder(attributes: Attributes<'_>) -> bool {
    let class = attributes.value("presentation:class");
    class.is_some_and(|class| !matches!(class, "header" | "footer" | "date-time"))
}

/// Appends a text, and behind its first page what `masters` puts on each; answers what other documents it
/// shows.
fn text(content: &str, page: Option<&str>, masters: &str, out: &mut Sink<'_>) -> Vec<String> {
    let mut out = Asides::new(out);
    let mut tokens = Tokens::new(content, Language::Xml);
    // Paragraphs that are open: only they hold text.
    let mut paragraphs = 0usize;
    // What is said of a picture stands outside of them.
    let mut in_description = false;
    let mut in_page = false;
    let mut in_master = false;
    // What stands on each page, for the first one.
    let mut on_pages = Some((Vec::new(), masters));
    let mut objects = Vec::new();
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
                "text:a" => {
                    let target = entity::decode(attributes.value("xlink:href").unwrap_or_default());
                    if target.contains(':') {
                        out.add(&target);
                    }
                }
                "draw:object" | "draw:object-ole" => {
                    objects.extend(attributes.value("xlink:href").map(str::to_owned));
                }
                "style:master-page" => in_master = !empty,
                _ if in_master && !empty && is_placeholder(attributes) => {
                    skip(&mut tokens, name);
                }
                _ if is_declaration(name) && !empty => {
                    let said = entity::decode(tokens.raw_text(name));
                    if let Some((declared, _)) = &mut on_pages {
                        declared.push(said.into_owned());
                    }
                }
                _ if is_skipped(name) && !empty => skip(&mut tokens, name),
                _ if is_note_reference(name) => out.mark(),
                _ if is_formula(name) && !empty => {
                    out.begin();
                    formula(&mut tokens, name, &mut out);
                    out.end();
                    if paragraphs == 0 {
                        out.end_paragraph();
                    }
                }
                _ if is_aside(name) && !empty => {
                    in_description |= is_description(name);
                    out.begin();
                }
                _ if Some(name) == page => {
                    in_page = true;
                    if name == SHEET {
                        let title = attributes.value("table:name").unwrap_or_default();
                        out.paragraph(&entity::decode(title));
                    }
                    if empty {
                        objects.extend(end_page(&mut on_pages, &mut out));
                        in_page = false;
                    }
                }
                _ => {}
            },
            Token::End { name } => match name {
                "text:p" | "text:h" => {
                    paragraphs = paragraphs.saturating_sub(1);
                    // Lines of a cell belong to it.
                    out.end_paragraph();
                }
                "table:table-cell" => out.cell(),
                "table:table-row" | "text:list-item" => out.line(),
                // Who wrote an annotation stands before it.
                "dc:creator" => out.line(),
                _ if is_note_reference(name) => out.mark(),
                _ if is_aside(name) => {
                    in_description &= !is_description(name);
                    out.end();
                    if paragraphs == 0 {
                        out.end_paragraph();
                    }
                }
                "style:master-page" => in_master = false,
                _ if Some(name) == page && in_page => {
                    objects.extend(end_page(&mut on_pages, &mut out));
                    in_page = false;
                }
                _ => {}
            },
            Token::Text(text) if paragraphs > 0 || in_description => {
                flow(&entity::decode(text), &mut out);
            }
            Token::Literal(text) if paragraphs > 0 => flow(text, &mut out),
            _ => {}
        }
    }
    out.flush();
    objects
}

/// Ends a page. The first one gets the declared lines and the text of the masters; answers what other
/// documents those show.
fn end_page(on_pages: &mut Option<(Vec<String>, &str)>, out: &mut Asides<'_, '_>) -> Vec<String> {
    out.flush();
    let mut objects = Vec::new();
    if let Some((declared, masters)) = on_pages.take() {
        for line in declared {
            out.paragraph(&line);
        }
        objects = text(masters, None, "", out.sink());
    }
    out.end_page();
    objects
}

/// White space in a paragraph is a gap between words; the rest is written as elements.
fn flow(text: &str, out: &mut Asides<'_, '_>) {
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

/// Whether an element is a formula of MathML, whatever its prefix.
fn is_formula(name: &str) -> bool {
    local(name) == "math"
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Reads the tokens of a formula up to its end (MathML 3, 3.2). Its annotation, in another notation, is
/// read only if there are none.
fn formula(tokens: &mut Tokens<'_>, element: &str, out: &mut Asides<'_, '_>) {
    let (mut in_sign, mut is_empty) = (false, true);
    let mut source = String::new();
    while let Some(token) = tokens.next().filter(|_| !out.is_full()) {
        match token {
            Token::Start { name, empty, .. } => match local(name) {
                "annotation" if !empty => source.push_str(&entity::decode(tokens.raw_text(name))),
                "annotation-xml" if !empty => skip(tokens, name),
                "mi" | "mn" | "mo" | "mtext" | "ms" => in_sign = !empty,
                _ => {}
            },
            Token::End { name } if name == element => break,
            Token::End { .. } => {
                in_sign = false;
                out.space();
            }
            Token::Text(text) if in_sign => {
                is_empty = false;
                // Invisible operators.
                let is_seen = |c: &char| !('\u{2061}'..='\u{2064}').contains(c);
                let text: String = entity::decode(text).chars().filter(is_seen).collect();
                flow(&text, out);
            }
            _ => {}
        }
    }
    if is_empty {
        flow(&source, out);
    }
}

fn skip(tokens: &mut Tokens<'_>, name: &str) {
    for token in tokens {
        if matches!(token, Token::End { name: found } if found == name) {
            break;
        }
    }
}
