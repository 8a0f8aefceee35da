//! Office Open XML (ISO/IEC 29500): documents, workbooks and presentations.
//!
//! Elements are told by their local names, for prefixes are the writer's choice, and the transitional
//! and the strict variant name the same things in other namespaces.

mod docx;
mod pptx;
mod xlsx;

use std::io::{Read, Seek};

use super::cells::Shown;
use super::entity;
use super::markup::{Attributes, Language, Token, Tokens};
use super::package::{Package, resolve};
use super::sink::{Details, Sink, Unreadable};

/// Reads any of the three, whichever its main part is.
pub fn read<R: Read + Seek>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut package = Package::open(reader)?;
    describe(&mut package, &mut out.details);
    let main = main_part(&mut package)
        .ok_or_else(|| Unreadable::Broken("its main part is missing".into()))?;
    let document = package.part(&main).unwrap_or_default();
    let root = Tokens::new(&document, Language::Xml).find_map(|token| match token {
        Token::Start { name, .. } => Some(local(name)),
        _ => None,
    });
    match root {
        Some("workbook") => xlsx::read(&mut package, &main, &document, out),
        Some("presentation") => pptx::read(&mut package, &main, &document, out),
        Some("document" | "glossaryDocument") => docx::read(&mut package, &main, &document, out),
        _ => return Err(Unreadable::Broken("its main part is damaged".into())),
    }
    Ok(())
}

/// The part that the package's own relationships name, or one under a usual name.
fn main_part<R: Read + Seek>(package: &mut Package<R>) -> Option<String> {
    const USUAL: [&str; 3] = [
        "word/document.xml",
        "xl/workbook.xml",
        "ppt/presentation.xml",
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

fn describe<R: Read + Seek>(package: &mut Package<R>, details: &mut Details) {
    let core = relations(package, "")
        .into_iter()
        .find(|relation| relation.is("core-properties"))
        .map_or("docProps/core.xml".into(), |relation| relation.target);
    let Some(core) = package.part(&core) else {
        return;
    };
    for (name, text) in texts(&core) {
        match name {
            "title" => details.title = Some(text),
            "creator" => details.author = Some(text),
            "created" => details.date = Some(text.trim_end_matches('Z').to_owned()),
            _ => {}
        }
    }
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

/// The links of a part (`""` is the package) to others inside the package.
fn relations<R: Read + Seek>(package: &mut Package<R>, part: &str) -> Vec<Relation> {
    let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
    let listed = resolve(&format!("{folder}/"), &format!("_rels/{name}.rels"));
    let Some(listed) = package.part(listed.trim_start_matches('/')) else {
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
    while let Some(token) = tokens.next().filter(|_| !out.is_full()) {
        match token {
            Token::Start { name, empty, .. } => match local(name) {
                "t" | "v" => in_text = !empty && !in_placeholder,
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
