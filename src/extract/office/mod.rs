//! Office Open XML (ISO/IEC 29500): documents, workbooks and presentations.
//!
//! Elements are told by their local names, for prefixes are the writer's choice, and the transitional
//! and the strict variant name the same things in other namespaces.

pub mod docx;
pub mod locked;
mod pptx;
mod vsdx;
mod xlsb;
mod xlsx;

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::attachment;
use super::cells::Shown;
use super::entity;
use super::markup::{Attributes, Language, Token, Tokens};
use super::package::{Package, TOO_LARGE, resolve};
use super::sink::{Sink, Unreadable};

/// Reads any of the three, whichever its main part is.
pub fn read<R: Read + Seek>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut package = Package::open(reader)?;
    describe(&mut package, out);
    let main = main_part(&mut package)
        .ok_or_else(|| Unreadable::Broken("its main part is missing".into()))?;
    if main.ends_with(".bin") {
        xlsb::read(&mut package, &main, out);
        return Ok(());
    }
    let document = package.part(&main).unwrap_or_default();
    let root = Tokens::new(&document, Language::Xml).find_map(|token| match token {
        Token::Start { name, .. } => Some(local(name)),
        _ => None,
    });
    match root {
        Some("workbook") => xlsx::read(&mut package, &main, &document, out),
        Some("presentation") => pptx::read(&mut package, &main, &document, out),
        Some("VisioDocument") => vsdx::read(&mut package, out),
        Some("document" | "glossaryDocument") => docx::read(&mut package, &main, &document, out),
        _ => return Err(Unreadable::Broken("its main part is damaged".into())),
    }
    if package.is_cut() {
        out.cut_because(TOO_LARGE);
    }
    Ok(())
}

/// The part that the package's own relationships name, or one under a usual name.
fn main_part<R: Read + Seek>(package: &mut Package<R>) -> Option<String> {
    const USUAL: [&str; 5] = [
        "word/document.xml",
        "xl/workbook.xml",
        "ppt/presentation.xml",
        "visio/document.xml",
        "xl/workbook.bin",
    ];
    let named = relations(package, "")
        .into_iter()
        .find(|relation| relation.is("officeDocument"))
        .map(|relation| relation.target);
    let usual = USUAL.into_iter().map(str::to_owned);
    named
        .into_iter()
        .chain(usual)
        .find(|name| package.has(name))
}

fn describe<R: Read + Seek>(package: &mut Package<R>, out: &mut Sink<'_>) {
    let relations = relations(package, "");
    let named = |kind: &str, usual: &str| {
        let found = relations.iter().find(|relation| relation.is(kind));
        found.map_or(usual.to_owned(), |relation| relation.target.clone())
    };
    let core = named("core-properties", "docProps/core.xml");
    let details = &mut out.details;
    let mut about = Vec::new();
    for (name, text) in texts(&package.part(&core).unwrap_or_default()) {
        match name {
            "title" => details.title = Some(text),
            "creator" => details.author = Some(text),
            "created" => details.date = Some(text.trim_end_matches('Z').to_owned()),
            "subject" | "description" | "keywords" | "category" => about.push(text),
            _ => {}
        }
    }
    let custom = named("custom-properties", "docProps/custom.xml");
    about.extend(properties(&package.part(&custom).unwrap_or_default()));
    about.iter().for_each(|text| out.about(text));
}

/// The properties that a document's owners gave it, as name and value.
fn properties(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut name = String::new();
    for token in Tokens::new(document, Language::Xml) {
        match token {
            Token::Start {
                name: element,
                attributes,
                ..
            } if local(element) == "property" => {
                name = entity::decode(attributes.value("name").unwrap_or_default()).into_owned();
            }
            Token::Text(text) if !text.trim().is_empty() => {
                found.push(format!("{name}: {}", entity::decode(text.trim())));
            }
            _ => {}
        }
    }
    found
}

/// The elements that hold nothing but text, with it.
fn texts(document: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut open = None;
    for token in Tokens::new(document, Language::Xml) {
        match token {
            Token::Start { name, .. } => open = Some(local(name)),
            Token::Text(text) => {
                let text = entity::decode(text.trim());
                if let Some(name) = open.filter(|_| !text.is_empty()) {
                    found.push((name, text.into_owned()));
                }
            }
            Token::End { .. } => open = None,
            _ => {}
        }
    }
    found
}

/// One part's link to another.
struct Relation {
    id: String,
    kind: String,
    target: String,
}

impl Relation {
    /// Whether its type, a URI, ends so.
    fn is(&self, kind: &str) -> bool {
        self.kind.rsplit('/').next() == Some(kind)
    }
}

/// Where the links of a part are listed.
fn relations_of(part: &str) -> String {
    let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
    let listed = resolve(&format!("{folder}/"), &format!("_rels/{name}.rels"));
    listed.trim_start_matches('/').to_owned()
}

/// The links of a part (`""` is the package) to others inside the package.
fn relations<R: Read + Seek>(package: &mut Package<R>, part: &str) -> Vec<Relation> {
    let Some(listed) = package.part(&relations_of(part)) else {
        return Vec::new();
    };
    let relation = |attributes: Attributes<'_>| {
        let target = entity::decode(attributes.value("Target")?).into_owned();
        let outside = attributes.value("TargetMode") == Some("External");
        (!outside).then(|| Relation {
            id: attributes.value("Id").unwrap_or_default().to_owned(),
            kind: attributes.value("Type").unwrap_or_default().to_owned(),
            target: resolve(part, &target),
        })
    };
    Tokens::new(&listed, Language::Xml)
        .filter_map(|token| match token {
            Token::Start {
                name, attributes, ..
            } if local(name) == "Relationship" => relation(attributes),
            _ => None,
        })
        .collect()
}

/// Schemes of the addresses that people look for.
const SCHEMES: [&str; 5] = ["http://", "https://", "mailto:", "ftp://", "tel:"];

/// The addresses that a part links to outside of the package, each once.
fn links<R: Read + Seek>(package: &mut Package<R>, part: &str) -> Vec<String> {
    let Some(listed) = package.part(&relations_of(part)) else {
        return Vec::new();
    };
    let mut known = HashSet::new();
    Tokens::new(&listed, Language::Xml)
        .filter_map(|token| match token {
            Token::Start {
                name, attributes, ..
            } if local(name) == "Relationship" => {
                let is_link = attributes.value("Type")?.ends_with("/hyperlink");
                let target = entity::decode(attributes.value("Target").filter(|_| is_link)?);
                let is_known = SCHEMES.iter().any(|scheme| target.starts_with(scheme));
                (is_known && known.insert(target.to_string())).then(|| target.into_owned())
            }
            _ => None,
        })
        .collect()
}

/// Parts that hold a drawing, and what is read of drawings in turn.
const DRAWINGS: [&str; 5] = [
    "chart",
    "chartEx",
    "diagramData",
    "chartUserShapes",
    "drawing",
];
/// Documents of other programs that a document shows.
const EMBEDDED: [&str; 3] = ["oleObject", "package", "aFChunk"];
/// Drawings hold charts, and those hold drawings.
const MAX_NESTING: usize = 4;

/// Appends the charts, diagrams and documents that a part holds, each once in a document.
fn attached<R: Read + Seek>(
    package: &mut Package<R>,
    part: &str,
    read: &mut HashSet<String>,
    out: &mut Sink<'_>,
) {
    attached_to(package, part, read, 0, out);
}

fn attached_to<R: Read + Seek>(
    package: &mut Package<R>,
    part: &str,
    read: &mut HashSet<String>,
    depth: usize,
    out: &mut Sink<'_>,
) {
    for relation in relations(package, part) {
        let is_drawing = DRAWINGS.iter().any(|kind| relation.is(kind));
        // A chart keeps the numbers that its workbook is for.
        let is_embedded = depth == 0 && EMBEDDED.iter().any(|kind| relation.is(kind));
        if out.is_full() || !(is_drawing || is_embedded) || !read.insert(relation.target.clone()) {
            continue;
        }
        if is_embedded {
            let name = relation.target.rsplit('/').next().unwrap_or_default();
            if let Some(document) = package.bytes(&relation.target) {
                attachment::shown(name, &document, out);
            }
            continue;
        }
        if let Some(document) = package.part(&relation.target) {
            out.line();
            drawing(&document, out);
        }
        if depth < MAX_NESTING {
            attached_to(package, &relation.target, read, depth + 1, out);
        }
    }
}

/// What is said of a picture or a shape to those that do not see it.
fn descriptions(attributes: Attributes<'_>) -> impl Iterator<Item = String> {
    let said = attributes.filter(|(name, value)| {
        matches!(local(name), "descr" | "alt" | "title") && !value.trim().is_empty()
    });
    said.map(|(_, value)| entity::decode(value).into_owned())
}

/// An element's name without its namespace's prefix.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// An attribute by its local name: prefixes of `r:id` and its like vary.
fn attribute<'a>(attributes: Attributes<'a>, name: &str) -> Option<&'a str> {
    let mut attributes = attributes;
    attributes
        .find(|(found, _)| local(found) == name)
        .map(|(_, value)| value)
}

/// Appends the text of a drawing, a slide or a chart (DrawingML).
fn drawing(document: &str, out: &mut Sink<'_>) {
    shapes(document, true, out);
}

/// The same, perhaps without what only stands for what slides have in its place.
fn shapes(document: &str, with_placeholders: bool, out: &mut Sink<'_>) {
    let mut tokens = Tokens::new(document, Language::Xml);
    let mut in_text = false;
    let mut in_placeholder = false;
    // Charts keep numbers with every digit that binary fractions have.
    let mut in_numbers = false;
    // Comments keep their text in an element that elsewhere holds paragraphs.
    let is_comments = is_comments(document);
    while let Some(token) = tokens.next().filter(|_| !out.is_full()) {
        match token {
            Token::Start {
                name,
                attributes,
                empty,
            } => match local(name) {
                "t" | "v" => in_text = !empty && !in_placeholder,
                "text" if is_comments => in_text = !empty,
                "cNvPr" | "docPr" if !in_placeholder => {
                    for description in descriptions(attributes) {
                        out.paragraph(&description);
                    }
                }
                "sp" => in_placeholder = false,
                "ph" => in_placeholder = !with_placeholders,
                "numCache" | "numLit" => in_numbers = !empty,
                "br" => out.line(),
                "tab" => out.cell(),
                // The same again for readers that know less.
                "Fallback" if !empty => skip(&mut tokens, name),
                _ => {}
            },
            Token::End { name } => {
                match local(name) {
                    "p" | "tr" | "pt" | "text" | "txBody" => out.line(),
                    "tc" => out.cell(),
                    "sp" => in_placeholder = false,
                    "numCache" | "numLit" => in_numbers = false,
                    _ => {}
                }
                in_text = false;
            }
            Token::Text(text) if in_text && in_numbers => match text.trim().parse() {
                Ok(number) => out.text(&Shown::General.text(number, false)),
                Err(_) => out.text(&entity::decode(text)),
            },
            Token::Text(text) if in_text => out.text(&entity::decode(text)),
            Token::Literal(text) if in_text => out.text(text),
            _ => {}
        }
    }
}

/// Whether a part is the comments of slides, or threads of comments on cells.
fn is_comments(document: &str) -> bool {
    let root = Tokens::new(document, Language::Xml).find_map(|token| match token {
        Token::Start { name, .. } => Some(local(name)),
        _ => None,
    });
    matches!(root, Some("cmLst" | "ThreadedComments"))
}

/// Goes on behind the end of the element `name` that was opened last.
fn skip(tokens: &mut Tokens<'_>, name: &str) {
    let mut depth = 1;
    for token in tokens {
        match token {
            Token::Start {
                name: found,
                empty: false,
                ..
            } if found == name => depth += 1,
            Token::End { name: found } if found == name => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
}
