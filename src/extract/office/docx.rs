//! Word processing documents (WordprocessingML).

use std::io::{Read, Seek};

use super::{attribute, drawing, local, relations, skip};
use crate::extract::entity;
use crate::extract::markup::{Language, Token, Tokens};
use crate::extract::package::Package;
use crate::extract::sink::Sink;

/// Parts beside the document that people read, in the order they are appended in.
const BESIDE: [&str; 6] = [
    "header",
    "footnotes",
    "endnotes",
    "comments",
    "footer",
    "glossaryDocument",
];
/// Parts whose text is that of drawings.
const DRAWN: [&str; 2] = ["chart", "diagramData"];

pub fn read<R: Read + Seek>(
    package: &mut Package<R>,
    main: &str,
    document: &str,
    out: &mut Sink<'_>,
) {
    out.tell();
    text(document, out);
    let relations = relations(package, main);
    let beside = BESIDE.iter().chain(&DRAWN);
    let parts = beside.flat_map(|kind| relations.iter().filter(|relation| relation.is(kind)));
    for relation in parts {
        if out.is_full() {
            break;
        }
        let Some(part) = package.part(&relation.target) else {
            continue;
        };
        out.line();
        match DRAWN.iter().any(|kind| relation.is(kind)) {
            true => drawing(&part, out),
            false => text(&part, out),
        }
    }
}

fn text(document: &str, out: &mut Sink<'_>) {
    let mut tokens = Tokens::new(document, Language::Xml);
    let mut in_text = false;
    while let Some(token) = tokens.next().filter(|_| !out.is_full()) {
        match token {
            Token::Start {
                name,
                attributes,
                empty,
            } => match local(name) {
                "t" => in_text = !empty,
                "tab" | "ptab" => out.cell(),
                "br" | "cr" => out.line(),
                "noBreakHyphen" => out.text("-"),
                "sym" => symbol(attribute(attributes, "char"), out),
                // What is shown twice for readers that know less, and what was moved or replaced.
                "Fallback" | "moveFrom" if !empty => skip(&mut tokens, name),
                // A list of tab stops, not tabs.
                "pPr" | "rPr" | "sectPr" | "tblPr" | "tcPr" | "trPr" if !empty => {
                    skip(&mut tokens, name);
                }
                _ => {}
            },
            Token::End { name } => {
                match local(name) {
                    "p" | "tr" => out.line(),
                    "tc" => out.cell(),
                    _ => {}
                }
                in_text = false;
            }
            Token::Text(text) if in_text => out.text(&entity::decode(text)),
            Token::Literal(text) if in_text => out.text(text),
            _ => {}
        }
    }
}

/// A character of a symbol font; only those outside of Unicode's private area say what they are.
fn symbol(code: Option<&str>, out: &mut Sink<'_>) {
    let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
    let character = code
        .filter(|code| !(0xe000..0xf900).contains(code))
        .and_then(char::from_u32);
    if let Some(character) = character {
        out.text(character.encode_utf8(&mut [0; 4]));
    }
}
